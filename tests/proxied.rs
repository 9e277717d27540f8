//! The PROXY protocol: who says whose a connection is, and who may not.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use std::io::Write as _;
use std::net::SocketAddr;

use common::{Client, OK, Running, Setup, Upstream, until};

fn stage() -> (Running, Upstream) {
    staged(|setup| setup)
}

/// A gate behind a proxy at 127.0.0.1, and a project for one client of it.
fn staged(arrange: impl FnOnce(Setup) -> Setup) -> (Running, Upstream) {
    let upstream = Upstream::answering(OK);
    let setup = Setup::new(upstream.address).set("server", "proxy_protocol", "true");
    let setup = setup.set("server", "trusted_proxies", r#"["127.0.0.1", "10.0.0.0/24"]"#);
    let setup = setup.set("projects.search", "allow_ips", r#"["203.0.113.7", "2001:db8::7", "127.0.0.1"]"#);
    (arrange(setup).start(), upstream)
}

fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    bytes.extend([command, family]);
    bytes.extend(u16::try_from(rest.len()).unwrap().to_be_bytes());
    bytes.extend(rest);
    bytes
}

const ALLOWED: &[u8] = b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\n";

fn failed(gate: &Running, why: &str) -> bool {
    gate.metrics().contains(&format!("portcullis_proxy_headers_failed_total{{why=\"{why}\"}} 1\n"))
}

#[test]
fn a_client_is_whom_the_proxy_names() {
    let (gate, upstream) = stage();
    let v4 = [203, 0, 113, 7, 192, 0, 2, 1, 0, 1, 0, 2];
    let v6 = [&[0x20, 1, 13, 184][..], &[0; 11], &[7], &[0; 16], &[0, 1, 0, 2]].concat();
    let with_more = [&v4[..], &[0x20, 0, 5, 1, 0, 0, 0, 0]].concat();
    for (header, from, status) in [
        (ALLOWED.to_vec(), "203.0.113.7", 200),
        (b"PROXY TCP6 2001:db8::7 ::1 1 2\r\n".to_vec(), "2001:db8::7", 200),
        (b"PROXY TCP6 ::ffff:203.0.113.7 ::1 1 2\r\n".to_vec(), "203.0.113.7", 200),
        (version_2(0x21, 0x11, &v4), "203.0.113.7", 200),
        (version_2(0x21, 0x11, &with_more), "203.0.113.7", 200),
        (version_2(0x21, 0x21, &v6), "2001:db8::7", 200),
        (version_2(0x20, 0, &[]), "127.0.0.1", 200),
        (b"PROXY TCP4 203.0.113.8 192.0.2.1 4711 443\r\n".to_vec(), "203.0.113.8", 403),
        (b"PROXY UNKNOWN\r\n".to_vec(), "0.0.0.0", 403),
        (version_2(0x21, 0, &[]), "0.0.0.0", 403),
    ] {
        // In one piece, and byte by byte.
        let before = gate.records().len();
        let answer = gate.ask([&header[..], &gate.chat()].concat());
        assert_eq!(answer.status, status, "{from} {}", answer.text());
        let mut client = gate.connect();
        for byte in &header {
            client.send([*byte]);
        }
        for byte in gate.chat() {
            client.send([byte]);
        }
        assert_eq!(client.answer().status, status, "{from}");
        let records = gate.records_when(before + 2).split_off(before);
        assert!(records.iter().all(|record| record["client_ip"] == from), "{records:#?}");
    }
    assert_eq!(upstream.requests().len(), 14);
}

#[test]
fn a_header_of_http_says_no_more_than_before() {
    let (gate, _upstream) = stage();
    let chat = String::from_utf8(gate.chat()).unwrap();
    let forwarded = chat.replacen("host: gate", "host: gate\r\nx-forwarded-for: 203.0.113.7", 1);
    // The client is no proxy, so nobody believes what it forwards; one that is a proxy itself is believed.
    for (from, status) in [("203.0.113.8", 403), ("10.0.0.5", 200)] {
        let answer = gate.ask(format!("PROXY TCP4 {from} 192.0.2.1 4711 443\r\n{forwarded}"));
        assert_eq!(answer.status, status, "{from}");
    }
}

#[test]
fn who_is_no_trusted_proxy_may_not_connect() {
    let (gate, upstream) = stage();
    let from = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    from.bind(&SocketAddr::from(([127, 0, 0, 2], 0)).into()).unwrap();
    from.connect(&gate.address().into()).unwrap();
    let mut stream: std::net::TcpStream = from.into();
    drop(stream.write_all(&[ALLOWED, &gate.chat()].concat()));
    let mut read = Vec::new();
    drop(std::io::Read::read_to_end(&mut stream, &mut read));
    assert!(read.is_empty());
    until("it is counted", || failed(&gate, "not_trusted"));
    assert_eq!((upstream.connections(), gate.records().len()), (0, 0));
}

#[test]
fn what_does_not_begin_with_a_header_is_not_served() {
    let (gate, upstream) = stage();
    for bytes in [
        gate.chat(),
        [b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\n", &gate.chat()[..]].concat(),
        [version_2(0x21, 0x11, &[203, 0, 113, 7]), gate.chat()].concat(),
        [version_2(0x21, 0x11, &[0; 521]), gate.chat()].concat(),
        format!("PROXY UNKNOWN {}\r\n", "a".repeat(200)).into_bytes(),
        [b" ", ALLOWED, &gate.chat()[..]].concat(),
    ] {
        let mut client = gate.connect();
        client.try_send(&bytes);
        assert!(client.ended(), "{}", String::from_utf8_lossy(&bytes));
    }
    // A second header is a head of HTTP like any other, and a bad one.
    assert_eq!(gate.ask([ALLOWED, ALLOWED, &gate.chat()].concat()).status, 400);
    gate.connect().hang_up();
    until("it is counted", || failed(&gate, "left"));
    let mut silent = gate.connect();
    silent.send("PROXY TCP4 203.0.113.7");
    assert!(silent.ended(), "a header has its time");
    assert!(failed(&gate, "too_slow"));
    assert_eq!(upstream.connections(), 0);
}

#[test]
fn clients_are_counted_by_their_own_address() {
    let (gate, _upstream) = staged(|setup| setup.set("server", "max_connections_per_ip", "1"));
    let mut held = gate.connect();
    held.send([ALLOWED, &gate.chat()].concat());
    assert_eq!(held.answer().status, 200);
    let mut second = gate.connect();
    second.try_send([ALLOWED, &gate.chat()].concat());
    assert!(second.ended());
    let other = b"PROXY TCP6 2001:db8::7 ::1 1 2\r\n";
    assert_eq!(gate.ask([&other[..], &gate.chat()].concat()).status, 200);
    held.hang_up();
    until("its place is free", || {
        let mut client: Client = gate.connect();
        client.try_send([ALLOWED, &gate.chat()].concat());
        client.try_answer().is_some_and(|answer| answer.status == 200)
    });
}
