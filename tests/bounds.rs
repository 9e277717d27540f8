//! What one client may take: connections, failed keys, and the time in which it takes its answer.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use std::io::{Read as _, Write as _};

use common::setup::new_key;
use common::{CHAT, Client, OK, Running, Setup, Upstream, post, until};

#[test]
fn an_address_has_so_many_connections_and_a_trusted_proxy_any_number() {
    let upstream = Upstream::answering(OK);
    let few = |setup: Setup| setup.set("server", "max_connections_per_ip", "2");
    let gate = few(Setup::new(upstream.address)).start();
    let mut held: Vec<Client> = (0..2).map(|_| gate.connect()).collect();
    until("both are counted", || gate.shared().ledger.metrics.connections.get() == 2);
    assert!(gate.connect().ended(), "the third is turned away");
    let log = gate.log();
    let told = log.iter().find(|line| line["event"] == "connection_refused").unwrap();
    assert_eq!((&told["peer"], &told["max_connections_per_ip"]), (&"127.0.0.1".into(), &2.into()));
    // Another address has its own.
    let from = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    from.bind(&std::net::SocketAddr::from(([127, 0, 0, 2], 0)).into()).unwrap();
    from.connect(&gate.address().into()).unwrap();
    let mut other: std::net::TcpStream = from.into();
    other.write_all(&gate.chat()).unwrap();
    let mut first = [0; 12];
    other.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    for client in &mut held {
        client.send(gate.chat());
        assert_eq!(client.answer().status, 200);
    }
    held.pop().unwrap().hang_up();
    until("its place is free", || gate.shared().ledger.metrics.connections.get() == 2);
    assert_eq!(gate.ask(gate.chat()).status, 200);

    let proxied =
        few(Setup::new(upstream.address)).set("server", "trusted_proxies", r#"["127.0.0.1"]"#).start();
    let many: Vec<Client> = (0..5).map(|_| proxied.connect()).collect();
    until("all are counted", || proxied.shared().ledger.metrics.connections.get() == 5);
    drop(many);
}

#[test]
fn who_tries_keys_waits_and_who_has_one_does_not() {
    let upstream = Upstream::answering(OK);
    let setup = Setup::new(upstream.address).set("server", "failed_keys", r#""3/h""#);
    let gate = setup.set("server", "trusted_proxies", r#"["127.0.0.1"]"#).start();
    let from = |address: &str, key: &str| {
        let bytes = String::from_utf8(post("/v1/chat/completions", key, CHAT)).unwrap();
        gate.ask(bytes.replacen("host: gate", &format!("host: gate\r\nx-forwarded-for: {address}"), 1))
    };
    let gate_lets = gate.setup.client_key.clone();
    // The proxy's clients are counted, not the proxy: 127.0.0.7 stands for one.
    for wrong in [new_key("a"), "rubbish".to_owned(), "sk-ant-api03-0123456789abcdef".to_owned()] {
        assert_eq!(from("127.0.0.7", &wrong).status, 401);
    }
    let mut client = gate.connect();
    let bytes = String::from_utf8(post("/v1/chat/completions", &new_key("a"), CHAT)).unwrap();
    client.send(bytes.replacen("host: gate", "host: gate\r\nx-forwarded-for: 127.0.0.7", 1));
    let limited = client.answer();
    assert_eq!((limited.status, limited.reason()), (429, Some("key_attempts_limited")));
    let wait: u64 = limited.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=1200).contains(&wait), "{wait}");
    assert_eq!(limited.header("x-should-retry"), Some("false"));
    assert_eq!(limited.header("connection"), Some("close"));
    assert!(client.ended());
    assert_eq!(from("127.0.0.7", "").reason(), Some("key_missing"), "nothing was tried");
    assert_eq!(from("127.0.0.7", &gate_lets).status, 200, "who has a key is not locked out");
    assert_eq!(from("127.0.0.8", &new_key("a")).status, 401, "another client");
    assert_eq!(upstream.requests().len(), 1);
    let rules: Vec<_> =
        gate.records_when(7).into_iter().filter(|one| one["reason"] == "key_attempts_limited").collect();
    assert_eq!((rules.len(), &rules[0]["rule"]), (1, &"server.failed_keys".into()));
}

#[test]
fn a_decoy_looks_like_any_other_key_also_then() {
    let upstream = Upstream::answering(OK);
    let decoy = new_key("bait");
    let hash = common::setup::sha256(&decoy);
    let more = format!("\n[[projects.search.keys]]\nid = \"bait\"\nsha256 = \"{hash}\"\ndecoy = true\n");
    let gate = Setup::new(upstream.address).set("server", "failed_keys", r#""1/h""#).more(&more).start();
    for (key, status) in [(new_key("x"), 401), (new_key("x"), 429), (decoy, 429)] {
        assert_eq!(gate.ask(post("/v1/chat/completions", &key, CHAT)).status, status);
    }
    assert_eq!(gate.records_when(3)[2]["alert"], "decoy_key");
}

#[test]
fn of_a_stranger_only_a_small_body_is_read_and_nothing_behind_it() {
    let upstream = Upstream::answering(OK);
    let gate = Setup::new(upstream.address).start();
    // A small body that is there: the connection can be used again.
    let mut client = gate.connect();
    client.send(post("/v1/chat/completions", "pcl_wrong", CHAT));
    assert_eq!(client.answer().header("connection"), None);
    client.send(gate.chat());
    assert_eq!(client.answer().status, 200);
    // One that is announced and does not come, one that is large, one whose length nobody knows.
    let small = format!("content-length: {}\r\n\r\n", CHAT.len());
    for (name, framing) in [
        ("that does not come", small.as_str()),
        ("large", "content-length: 65537\r\n\r\n"),
        ("without a length", "transfer-encoding: chunked\r\n\r\n5\r\nhello"),
    ] {
        let mut client = gate.connect();
        client.send(format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer x\r\n{framing}"
        ));
        let answer = client.answer();
        assert_eq!((answer.status, answer.header("connection")), (401, Some("close")), "{name}");
        assert!(client.ended(), "{name}");
    }
    assert_eq!(upstream.requests().len(), 1);
}

#[test]
fn an_answer_that_is_not_taken_over_tcp_is_given_up() {
    let whole = 64 << 20;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: a/b\r\ncontent-length: {whole}\r\n\r\n");
    let upstream = Upstream::start(move |talk| {
        if talk.request().is_some() && talk.send(&head).is_ok() {
            let piece = vec![b'a'; 1 << 20];
            while talk.send(&piece).is_ok() {}
        }
    });
    let gate = Setup::new(upstream.address).set("server", "write_timeout", r#""500ms""#).start();
    let mut client = gate.connect();
    client.send(gate.chat());
    assert_eq!(client.head().status, 200);
    // It reads no more. Nothing tells the gate but that nothing is taken.
    let record = gate.record();
    assert_eq!(record["event"], "abandoned", "{record}");
    assert!(record["response_bytes"].as_u64().unwrap() < whole);
    until("the upstream is let go as well", || upstream.ended() == 1);
}

/// A chat request that is so large.
fn large(gate: &Running, bytes: usize) -> Vec<u8> {
    let body = format!(r#"{{"padding":"{}",{}"#, "x".repeat(bytes), &CHAT[1..]);
    post("/v1/chat/completions", &gate.setup.client_key, &body)
}

#[test]
fn what_bodies_take_of_memory_is_bounded_and_comes_back() {
    let upstream = Upstream::answering(OK);
    let setup = Setup::new(upstream.address).set("server", "max_body", r#""1 MiB""#);
    let gate = setup.set("server", "max_held", r#""2 MiB""#).start();
    let taken = || gate.shared().snapshot.load().room.taken();
    let request = large(&gate, 900 << 10);
    let (end, begins) = request.split_last().unwrap();
    let mut held: Vec<Client> = (0..2).map(|_| gate.connect()).collect();
    for client in &mut held {
        client.send(begins);
    }
    // They are counted in steps: before the last of these, either could still be the one that is refused.
    until("both are held", || taken() == 2 << 20);
    assert_eq!(gate.shared().ledger.metrics.render().unwrap().matches("\nportcullis_held_bytes ").count(), 1);
    let refused = gate.ask(&request);
    assert_eq!((refused.status, refused.reason()), (503, Some("memory_limited")));
    assert_eq!(refused.header("retry-after"), Some("1"));
    // An ordinary one needs no room, and one that ends or breaks off gives its room back.
    assert_eq!(gate.ask(gate.chat()).status, 200);
    held.pop().unwrap().hang_up();
    until("its room is free", || taken() <= 1 << 20);
    assert_eq!(gate.ask(&request).status, 200);
    held[0].send([*end]);
    assert_eq!(held[0].answer().status, 200);
    until("all is free", || taken() == 0);
}
