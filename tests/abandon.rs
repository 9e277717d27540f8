//! A client that walks away takes its request with it: upstream, slots and record end at once.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use serde_json::Value;

use common::setup::random;
use common::{CHAT, Client, OK, Running, Setup, Upstream, until};

const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// An upstream that says so much and then waits until the gate goes.
fn holding(beginning: &'static str) -> Upstream {
    Upstream::start(move |talk| {
        if talk.request().is_some() {
            talk.send(beginning).unwrap();
            assert!(talk.closed(), "the gate did not let go");
        }
    })
}

/// A gate that lets one request pass at a time.
fn one_at_a_time(upstream: &Upstream) -> Running {
    Setup::new(upstream.address).set("projects.search", "limits", "{ concurrency = 1 }").start()
}

/// The ways to leave.
const WAYS: [fn(Client); 2] = [Client::leave, Client::hang_up];

/// Everything that the request held is free, and one record tells of it.
fn let_go(gate: &Running, upstream: &Upstream, connections: usize) {
    until("the upstream's connection is closed", || upstream.ended() == connections);
    gate.idle();
    let record = gate.record();
    assert_eq!((&record["event"], &record["level"]), (&"abandoned".into(), &"INFO".into()), "{record}");
    assert_eq!(gate.counted(&["outcome=\"abandoned\""]), 1);
    // The only slot is free again: the next request comes as far.
    let mut next = gate.connect();
    next.send(gate.chat());
    until("the next request is upstream", || upstream.requests().len() == connections + 1);
    next.leave();
    let records = gate.records_when(2);
    assert_ne!(records[1]["reason"], "concurrency_limited");
    gate.idle();
}

#[test]
fn while_the_head_is_arriving_nothing_has_begun() {
    for leave in WAYS {
        let upstream = Upstream::answering(OK);
        let gate = one_at_a_time(&upstream);
        let mut client = gate.connect();
        client.send("POST /v1/chat/completions HTTP/1.1\r\nhost: gate\r\nauthor");
        until("the connection is open", || gate.shared().ledger.metrics.connections.get() == 1);
        leave(client);
        until("the connection is closed", || gate.shared().ledger.metrics.connections.get() == 0);
        assert_eq!(gate.records().len(), 0, "no request has begun");
        assert_eq!((gate.in_flight(), upstream.connections()), (0, 0));
    }
}

#[test]
fn while_the_body_is_arriving() {
    for leave in WAYS {
        let upstream = Upstream::answering(OK);
        let gate = one_at_a_time(&upstream);
        let mut half = gate.chat();
        half.truncate(half.len() - 10);
        let key = &gate.setup.client_key;
        let chunks = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {key}\r\n\
             content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{{\"\r\n"
        );
        for (at, half) in [half, chunks.into_bytes()].into_iter().enumerate() {
            let mut client = gate.connect();
            client.send(half);
            until("the request has begun", || gate.in_flight() == 1);
            leave(client);
            gate.idle();
            let record = gate.records_when(at + 1).remove(at);
            assert_eq!(
                (&record["event"], &record["reason"]),
                (&"abandoned".into(), &Value::Null),
                "{record}"
            );
        }
        assert_eq!(upstream.connections(), 0, "half a body goes nowhere");
        assert_eq!(gate.ask(gate.chat()).status, 200, "the slot is free");
    }
}

#[test]
fn while_the_upstream_has_not_answered() {
    for leave in WAYS {
        let upstream = holding("");
        let gate = one_at_a_time(&upstream);
        let mut client = gate.connect();
        client.send(gate.chat());
        until("the request is upstream", || upstream.requests().len() == 1);
        leave(client);
        let_go(&gate, &upstream, 1);
    }
}

#[test]
fn in_mid_stream() {
    for leave in WAYS {
        let upstream = holding(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n\
             b\r\ndata: one\n\n\r\n",
        );
        let gate = one_at_a_time(&upstream);
        let mut client = gate.connect();
        client.send(gate.chat());
        assert_eq!(client.head().status, 200);
        assert_eq!(client.chunk(), Ok(Some(b"data: one\n\n".to_vec())));
        leave(client);
        let_go(&gate, &upstream, 1);
    }
}

#[test]
fn while_the_upstream_is_being_connected_to() {
    // A listener whose queue is full answers no connection: the gate waits for one.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    socket2::SockRef::from(&listener).listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let fill = || {
        let within = std::time::Duration::from_millis(50);
        std::net::TcpStream::connect_timeout(&address, within)
    };
    let _waiting: Vec<_> = (0..16).map_while(|_| fill().ok()).collect();
    let gate = Setup::new(address).start();
    let mut client = gate.connect();
    client.send(gate.chat());
    until("the request has begun", || gate.in_flight() == 1);
    client.leave();
    gate.idle();
    assert_eq!(gate.record()["event"], "abandoned");
}

#[test]
fn a_client_that_asks_and_never_reads_is_told_of_as_well() {
    let upstream = Upstream::answering(OK);
    let gate = Setup::new(upstream.address).start();
    let mut client = gate.connect();
    client.send(gate.chat());
    until("the request has begun", || gate.in_flight() == 1 || !gate.records().is_empty());
    client.leave();
    let record = gate.record();
    assert!(matches!(record["event"].as_str(), Some("served" | "abandoned")), "{record}");
    gate.idle();
}

/// One of the things that can become of a request.
fn meet(gate: &Running, fate: u8) {
    let mut client = gate.connect();
    let half = {
        let mut bytes = gate.chat();
        bytes.truncate(bytes.len() - CHAT.len() / 2);
        bytes
    };
    match fate % 8 {
        0 => assert_eq!(gate.ask(gate.chat()).status, 200),
        1 => {
            client.send(gate.chat());
            client.leave();
        }
        2 => {
            client.send(gate.chat());
            client.head();
            client.hang_up();
        }
        3 => {
            client.send(half);
            until("a request has begun", || gate.in_flight() > 0);
            client.leave();
        }
        4 => assert_eq!(gate.ask(common::post("/v1/nothing", &gate.setup.client_key, CHAT)).status, 404),
        5 => assert_eq!(gate.ask(common::post("/v1/chat/completions", "", CHAT)).status, 401),
        6 => {
            client.send([gate.chat(), gate.chat()].concat());
            client.answer();
            client.answer();
        }
        _ => {
            client.send(half);
            until("a request has begun", || gate.in_flight() > 0);
            client.hang_up();
        }
    }
}

#[test]
fn of_a_random_mix_as_many_are_recorded_as_came() {
    let end = "b\r\ndata: one\n\n\r\n0\r\n\r\n";
    let upstream = Upstream::answering(format!("{STREAM}{end}"));
    let gate = Setup::new(upstream.address).set("log", "repeats", r#""whole""#).start();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| random().into_iter().for_each(|fate| meet(&gate, fate)));
        }
    });
    gate.idle();
    until("every connection is closed", || gate.shared().ledger.metrics.connections.get() == 0);
    let records = gate.records();
    let total = gate.counted(&[]);
    assert_eq!(records.len() as u64, total, "as many records as requests were counted");
    let ids: std::collections::HashSet<_> = records.iter().map(|r| r["request_id"].to_string()).collect();
    assert_eq!(ids.len(), records.len(), "each is told once");
    // 4 × 32 fates of one request, or two; a client that leaves at once may not even have begun.
    assert!((64..=256).contains(&records.len()), "{}", records.len());
    assert_eq!(gate.ask(gate.chat()).status, 200);
}

#[test]
fn what_is_no_head_of_a_request_is_counted_and_nothing_more() {
    let upstream = Upstream::answering(OK);
    let gate = Setup::new(upstream.address).start();
    let long = "x".repeat(70 << 10);
    for (at, head) in
        ["nonsense\r\n\r\n".to_owned(), format!("GET /{long} HTTP/1.1\r\n\r\n")].iter().enumerate()
    {
        let mut client = gate.connect();
        client.send(head);
        let answer = client.try_answer();
        assert!(answer.is_none_or(|answer| (400..500).contains(&answer.status)));
        let count = format!("portcullis_heads_invalid_total {}\n", at + 1);
        until("it is counted", || gate.metrics().contains(&count));
    }
    // A client that says nothing, or leaves, sent no head that could be wrong.
    gate.connect().hang_up();
    assert_eq!(gate.ask(gate.chat()).status, 200);
    assert!(gate.metrics().contains("portcullis_heads_invalid_total 2\n"));
    assert_eq!(gate.records_when(1).len(), 1);
}
