//! What an upstream is given to do: how much at once, when it is left alone, and what is sent again.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{Answer, OK, Running, Setup, Upstream, post, until};
use portcullis::clock::Moment;
use socket2::{Domain, Protocol, Socket, Type};

const OPENAI: &str = "upstreams.openai";
const BEGINNING: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n\
                         b\r\ndata: one\n\n\r\n";

/// An upstream that begins its answers and ends them when it is told to.
fn streaming() -> (Upstream, Arc<AtomicBool>) {
    let ends = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&ends);
    let upstream = Upstream::start(move |talk| {
        while talk.request().is_some() && talk.send(BEGINNING).is_ok() {
            until("the answer may end", || told.load(Ordering::SeqCst));
            if talk.send("0\r\n\r\n").is_err() {
                return;
            }
        }
    });
    (upstream, ends)
}

fn gauge(gate: &Running, name: &str) -> u64 {
    let begins = format!("portcullis_upstream_{name}{{upstream=\"openai\"}} ");
    let text = gate.metrics();
    let line = text.lines().find_map(|line| line.strip_prefix(&begins));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

fn refused(answer: &Answer, reason: &str) {
    assert_eq!((answer.status, answer.reason()), (503, Some(reason)), "{answer:?}");
}

#[test]
fn so_many_at_once_and_the_next_ones_wait_in_a_short_queue() {
    let (upstream, ends) = streaming();
    let gate = Setup::new(upstream.address)
        .set(OPENAI, "max_in_flight", "1")
        .set(OPENAI, "max_queued", "1")
        .set(OPENAI, "queue_timeout", r#""20s""#)
        .start();
    let mut first = gate.connect();
    first.send(gate.chat());
    assert_eq!(first.head().status, 200);
    assert_eq!(gauge(&gate, "in_flight"), 1, "the stream holds its place");
    let mut second = gate.connect();
    second.send(gate.chat());
    until("it waits", || gauge(&gate, "queued") == 1);
    let third = gate.ask(gate.chat());
    refused(&third, "upstream_busy");
    assert_eq!((third.header("retry-after"), third.header("x-should-retry")), (Some("1"), Some("true")));
    let record = gate.record();
    assert_eq!(
        (&record["event"], &record["reason"]),
        (&"failed".into(), &"upstream_busy".into()),
        "{record}"
    );
    assert_eq!(record["rule"], "upstreams.openai.max_in_flight");
    // Another upstream is not held up.
    let mut other = gate.connect();
    other.send(post(
        "/anthropic/v1/messages",
        &gate.setup.client_key,
        r#"{"model":"m","max_tokens":1,"messages":[]}"#,
    ));
    assert_eq!(other.head().status, 200);
    assert_eq!(upstream.requests().len(), 2, "the one that waits was not sent");
    ends.store(true, Ordering::SeqCst);
    assert_eq!(second.answer().status, 200);
    drop((first, other));
    gate.idle();
    assert_eq!((gauge(&gate, "in_flight"), gauge(&gate, "queued")), (0, 0));
}

#[test]
fn whoever_leaves_the_queue_or_waits_too_long_frees_the_place_there() {
    let (upstream, ends) = streaming();
    let gate = Setup::new(upstream.address)
        .set(OPENAI, "max_in_flight", "1")
        .set(OPENAI, "max_queued", "1")
        .set(OPENAI, "queue_timeout", r#""300ms""#)
        .start();
    let mut first = gate.connect();
    first.send(gate.chat());
    assert_eq!(first.head().status, 200);
    for _ in 0..3 {
        let mut leaving = gate.connect();
        leaving.send(gate.chat());
        until("it waits", || gauge(&gate, "queued") == 1);
        leaving.leave();
        until("it left", || gauge(&gate, "queued") == 0);
    }
    let late = gate.ask(gate.chat());
    refused(&late, "upstream_busy");
    assert_eq!(gauge(&gate, "queued"), 0);
    // The client of a stream takes the stream's place with it.
    first.leave();
    until("the place is free", || gauge(&gate, "in_flight") == 0);
    ends.store(true, Ordering::SeqCst);
    assert_eq!(gate.ask(gate.chat()).status, 200);
    assert_eq!(upstream.requests().len(), 2);
}

#[test]
fn never_more_connections_than_the_upstream_may_have_whichever_worker_has_them() {
    let upstream = Upstream::answering(OK);
    let gate = Setup::new(upstream.address)
        .set("server", "workers", "3")
        .set(OPENAI, "max_connections", "1")
        .set(OPENAI, "queue_timeout", r#""20s""#)
        .start();
    for _ in 0..12 {
        assert_eq!(gate.ask(gate.chat()).status, 200);
        assert!(gauge(&gate, "connections") <= 1);
    }
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| assert_eq!(gate.ask(gate.chat()).status, 200));
        }
    });
    assert!(gauge(&gate, "connections") <= 1);
    assert_eq!(upstream.requests().len(), 18);
}

/// A port where nobody listens until it is told to.
struct Closed(Socket);

impl Closed {
    fn new() -> Self {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
        socket.bind(&any.into()).unwrap();
        Self(socket)
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap().as_socket().unwrap()
    }

    /// Listens from now on, and answers each connection once.
    fn open(self) {
        self.0.listen(16).unwrap();
        let listener = TcpListener::from(self.0);
        std::thread::spawn(move || {
            use std::io::{Read as _, Write as _};
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut piece = [0; 4096];
                let mut seen = Vec::new();
                while !seen.windows(common::CHAT.len()).any(|window| window == common::CHAT.as_bytes()) {
                    match stream.read(&mut piece) {
                        Ok(0) | Err(_) => break,
                        Ok(length) => seen.extend_from_slice(&piece[..length]),
                    }
                }
                let closing = OK.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
                drop(stream.write_all(closing.as_bytes()));
            }
        });
    }
}

#[test]
fn a_refused_connection_is_tried_again_after_a_wait_and_not_for_ever() {
    let closed = Closed::new();
    let gate = Setup::new(closed.address()).start();
    let begun = Moment::now();
    let answer = gate.ask(gate.chat());
    assert_eq!((answer.status, answer.reason()), (502, Some("upstream_unreachable")));
    assert!(begun.elapsed() >= Duration::from_millis(150), "it was given up at once: {:?}", begun.elapsed());
    let mut client = gate.connect();
    client.send(gate.chat());
    until("the request has begun", || gate.in_flight() == 1);
    closed.open();
    assert_eq!(client.answer().status, 200, "it came back in time");
}

#[test]
fn an_upstream_that_cannot_be_reached_is_left_alone_until_a_single_request_succeeds() {
    let closed = Closed::new();
    let gate = Setup::new(closed.address())
        .set(OPENAI, "breaker", r#"{ failures = 3, pause = "400ms", longest_pause = "800ms" }"#)
        .start();
    for _ in 0..3 {
        assert_eq!(gate.ask(gate.chat()).reason(), Some("upstream_unreachable"));
    }
    let answer = gate.ask(gate.chat());
    refused(&answer, "upstream_broken");
    assert_eq!((answer.header("retry-after"), answer.header("x-should-retry")), (Some("1"), Some("true")));
    assert_eq!((gauge(&gate, "left_alone"), gauge(&gate, "breaks_total")), (1, 1));
    let told = |event: &str| gate.log().iter().filter(|line| line["event"] == event).count();
    assert_eq!(told("upstream_left_alone"), 1, "{:#?}", gate.log());
    closed.open();
    until("it is asked again", || gate.ask(gate.chat()).status == 200);
    assert_eq!((gauge(&gate, "left_alone"), told("upstream_asked_again")), (0, 1));
    assert_eq!(gate.ask(gate.chat()).status, 200);
}

#[test]
fn a_reload_does_not_forget_it_and_another_upstream_has_nothing_to_do_with_it() {
    let closed = Closed::new();
    let setup = Setup::new(closed.address()).set(OPENAI, "breaker", r#"{ failures = 1, pause = "30s" }"#);
    let gate = setup.start();
    assert_eq!(gate.ask(gate.chat()).reason(), Some("upstream_unreachable"));
    let sources = gate.setup.clone().set(OPENAI, "response_timeout", r#""1m""#).sources();
    let loaded = gate.gate.reload(&sources).unwrap();
    gate.gate.put_in_force(loaded);
    let answer = gate.ask(gate.chat());
    refused(&answer, "upstream_broken");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((25..=36).contains(&wait), "{wait}");
    let body = r#"{"model":"m","max_tokens":1,"messages":[]}"#;
    let other = gate.ask(post("/anthropic/v1/messages", &gate.setup.client_key, body));
    assert_eq!(other.reason(), Some("upstream_unreachable"));
}

#[test]
fn only_what_is_written_counts_as_a_failure() {
    let upstream = Upstream::answering(
        "HTTP/1.1 529 Overloaded\r\nretry-after: 20\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
    );
    let setup = Setup::new(upstream.address);
    let gate = setup.clone().set(OPENAI, "breaker", "{ failures = 2 }").start();
    for _ in 0..5 {
        assert_eq!(gate.ask(gate.chat()).status, 529, "a client can bring this about");
    }
    let gate = setup.set(OPENAI, "breaker", "{ failures = 2, statuses = [503, 529] }").start();
    for _ in 0..2 {
        assert_eq!(gate.ask(gate.chat()).status, 529);
    }
    let answer = gate.ask(gate.chat());
    refused(&answer, "upstream_broken");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    // It asks for 20 seconds, and a fifth more is left to chance.
    assert!((18..=25).contains(&wait), "what the upstream asked for is honoured: {wait}");
    assert_eq!(upstream.requests().len(), 7);
}

#[test]
fn a_slow_model_is_no_broken_one() {
    let upstream = Upstream::start(|talk| {
        drop(talk.request());
        talk.closed();
    });
    let setup = Setup::new(upstream.address).set(OPENAI, "response_timeout", r#""10ms""#);
    let gate = setup.clone().set(OPENAI, "breaker", "{ failures = 2 }").start();
    for _ in 0..4 {
        assert_eq!(gate.ask(gate.chat()).reason(), Some("upstream_timeout"));
    }
    let gate = setup.set(OPENAI, "breaker", "{ failures = 2, timeouts = true }").start();
    for _ in 0..2 {
        assert_eq!(gate.ask(gate.chat()).reason(), Some("upstream_timeout"));
    }
    refused(&gate.ask(gate.chat()), "upstream_broken");
}

#[test]
fn a_connection_is_used_only_so_long() {
    let upstream = Upstream::answering(OK);
    let gate = Setup::new(upstream.address)
        .set("server", "workers", "1")
        .set(OPENAI, "max_connection_age", r#""1ms""#)
        .start();
    for _ in 0..3 {
        let begun = Moment::now();
        assert_eq!(gate.ask(gate.chat()).status, 200);
        until("it is too old", || begun.elapsed() > Duration::from_millis(5));
    }
    assert_eq!(upstream.connections(), 3);
}
