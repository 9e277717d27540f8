//! Upstreams that misbehave: what the client gets, what the record says, and that the next client is unharmed.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::upstream::Talk;
use common::{OK, Running, Setup, Upstream, until};

const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// An upstream that does well on its first connection, misbehaves on the second request it gets there, and does well
/// on every other connection.
fn once(misbehave: impl Fn(&mut Talk) + Send + Sync + 'static) -> (Upstream, Running) {
    let connections = Arc::new(AtomicUsize::new(0));
    let upstream = Upstream::start(move |talk| {
        let first = connections.fetch_add(1, Ordering::SeqCst) == 0;
        if first {
            talk.request().unwrap();
            talk.send(OK).unwrap();
            if talk.request().is_some() {
                misbehave(talk);
            }
            return;
        }
        while talk.request().is_some() && talk.send(OK).is_ok() {}
    });
    let gate = Setup::new(upstream.address)
        .set("server", "workers", "1")
        .set("upstreams.openai", "response_timeout", r#""300ms""#)
        .set("upstreams.openai", "idle_timeout", r#""300ms""#)
        .start();
    assert_eq!(gate.ask(gate.chat()).status, 200);
    (upstream, gate)
}

/// The connection is thrown away, nothing was sent twice, and the next client gets its own answer.
fn next_is_unharmed(upstream: &Upstream, gate: &Running, name: &str) {
    gate.idle();
    for _ in 0..2 {
        let next = gate.ask(gate.chat());
        assert_eq!((next.status, &*next.text()), (200, "{}"), "{name}");
    }
    assert_eq!(upstream.connections(), 2, "{name}: the connection was used again, or the new one was not");
    assert_eq!(upstream.requests().len(), 4, "{name}: each request is sent once");
}

/// What happens before an answer begins is a refusal of the gate's.
#[test]
fn what_is_no_answer_is_told_as_that() {
    type Fault = fn(&mut Talk);
    let cases: [(&str, Fault, u16, &str); 14] = [
        ("reset", Talk::reset, 502, "upstream_unreachable"),
        ("closed", |_| {}, 502, "upstream_unreachable"),
        (
            "half-closed",
            |talk| {
                talk.stream.shutdown(Shutdown::Write).unwrap();
                talk.closed();
            },
            502,
            "upstream_unreachable",
        ),
        (
            "half a head",
            |talk| talk.send("HTTP/1.1 200 OK\r\ncontent-le").unwrap(),
            502,
            "upstream_unreachable",
        ),
        (
            "stalls",
            |talk| {
                talk.closed();
            },
            504,
            "upstream_timeout",
        ),
        (
            "stalls in the head",
            |talk| {
                talk.send("HTTP/1.1 200 OK\r\n").unwrap();
                talk.closed();
            },
            504,
            "upstream_timeout",
        ),
        ("garbage", |talk| talk.send([0u8, 159, 146, 150, 13, 10, 13, 10]).unwrap(), 502, "upstream_invalid"),
        ("HTTP/0.9", |talk| talk.send("<html>hello</html>\r\n\r\n").unwrap(), 502, "upstream_invalid"),
        (
            "HTTP/2",
            |talk| talk.send("HTTP/2 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap(),
            502,
            "upstream_invalid",
        ),
        (
            "unasked 101",
            |talk| {
                talk.send(
                    "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
                )
                .unwrap();
                talk.closed();
            },
            502,
            "upstream_invalid",
        ),
        (
            "giant header",
            |talk| {
                let long = "a".repeat(600 << 10);
                let _ = talk.send(format!("HTTP/1.1 200 OK\r\nx-a: {long}\r\ncontent-length: 2\r\n\r\n{{}}"));
            },
            502,
            "upstream_invalid",
        ),
        (
            "two lengths",
            |talk| talk.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}x").unwrap(),
            502,
            "upstream_invalid",
        ),
        (
            "no length",
            |talk| talk.send("HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n{}").unwrap(),
            502,
            "upstream_invalid",
        ),
        (
            "a length that is too long",
            |talk| talk.send("HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n{}").unwrap(),
            502,
            "upstream_invalid",
        ),
    ];
    for (name, fault, status, reason) in cases {
        let (upstream, gate) = once(fault);
        let answer = gate.ask(gate.chat());
        assert_eq!((answer.status, answer.reason()), (status, Some(reason)), "{name}: {answer:?}");
        let record = gate.records_when(2).remove(1);
        assert_eq!(
            (&record["event"], &record["reason"]),
            (&"failed".into(), &reason.into()),
            "{name}: {record}"
        );
        next_is_unharmed(&upstream, &gate, name);
    }
}

/// What happens in the middle of an answer breaks the client's answer too: it must not look whole.
#[test]
fn half_an_answer_never_looks_whole() {
    type Fault = fn(&mut Talk);
    const EVENT: &str = "b\r\ndata: one\n\n\r\n";
    let cases: [(&str, Fault); 8] = [
        ("reset", |talk| {
            talk.send([STREAM, EVENT].concat()).unwrap();
            std::thread::park_timeout(std::time::Duration::from_millis(20));
            talk.reset();
        }),
        ("closed", |talk| talk.send([STREAM, EVENT].concat()).unwrap()),
        ("half-closed", |talk| {
            talk.send([STREAM, EVENT].concat()).unwrap();
            talk.stream.shutdown(Shutdown::Write).unwrap();
            talk.closed();
        }),
        ("stalls", |talk| {
            talk.send([STREAM, EVENT].concat()).unwrap();
            talk.closed();
        }),
        ("half an event", |talk| talk.send([STREAM, EVENT, "20\r\ndata: tw"].concat()).unwrap()),
        ("bad chunk", |talk| {
            talk.send([STREAM, EVENT, "zz\r\n"].concat()).unwrap();
            talk.closed();
        }),
        ("short", |talk| talk.send("HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n{\"half\":").unwrap()),
        ("short and stalls", |talk| {
            talk.send("HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n{\"half\":").unwrap();
            talk.closed();
        }),
    ];
    for (name, fault) in cases {
        let (upstream, gate) = once(fault);
        let mut client = gate.connect();
        client.send(gate.chat());
        let answer = client.answer();
        if answer.status == 200 {
            assert!(!answer.whole, "{name}: the answer looks whole");
        } else {
            // A reset can take the head with it that came before.
            assert_eq!((name, answer.status), ("reset", 502));
        }
        drop(client);
        let record = gate.records_when(2).remove(1);
        assert!(matches!(record["event"].as_str(), Some("cut" | "failed")), "{name}: {record}");
        next_is_unharmed(&upstream, &gate, name);
    }
}

/// Bytes behind an answer are nobody's: the connection is not used again.
#[test]
fn what_follows_an_answer_reaches_no_client() {
    type Fault = fn(&mut Talk);
    let cases: [(&str, Fault); 3] = [
        ("trailing bytes", |talk| {
            talk.send(format!("{OK}poisonous")).unwrap();
            talk.closed();
        }),
        ("another answer", |talk| {
            talk.send(format!("{OK}HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npoisonous")).unwrap();
            talk.closed();
        }),
        ("another answer, later", |talk| {
            talk.send(OK).unwrap();
            std::thread::park_timeout(std::time::Duration::from_millis(50));
            let _ = talk.send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npoisonous");
            talk.closed();
        }),
    ];
    for (name, fault) in cases {
        let (upstream, gate) = once(fault);
        let answer = gate.ask(gate.chat());
        assert_eq!((answer.status, &*answer.text()), (200, "{}"), "{name}");
        until("the gate has noticed", || upstream.ended() == 1);
        next_is_unharmed(&upstream, &gate, name);
    }
}

#[test]
fn a_flood_of_answers_before_the_answer_costs_nothing_and_ends() {
    // Each is thrown away; the answer's time goes on meanwhile.
    // Long ones: of as many bytes as are read at once, short ones are more than an unoptimized build parses in seconds.
    let hints = format!("HTTP/1.1 103 Early Hints\r\nlink: </{}>\r\n\r\n", "a".repeat(2_000)).repeat(10);
    let (upstream, gate) = once(move |talk| while talk.send(&hints).is_ok() {});
    let answer = gate.ask(gate.chat());
    assert!(
        matches!(
            (answer.status, answer.reason()),
            (504, Some("upstream_timeout")) | (502, Some("upstream_invalid"))
        ),
        "{answer:?}"
    );
    next_is_unharmed(&upstream, &gate, "103");
    let (_, gate) = once(|talk| {
        talk.send(format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n{OK}")).unwrap();
        talk.closed();
    });
    assert_eq!(gate.ask(gate.chat()).status, 200, "a few are the upstream's right");
}

/// Whether an unused connection is closed before or while the next request is written cannot be told by its client.
#[test]
fn closing_an_unused_connection_costs_nobody_an_answer_and_sends_nothing_twice() {
    let upstream = Upstream::start(|talk| {
        talk.request().unwrap();
        talk.send(OK).unwrap();
    });
    let gate = Setup::new(upstream.address).set("server", "workers", "1").start();
    let mut fine = 0;
    for _ in 0..60 {
        let answer = gate.ask(gate.chat());
        match answer.status {
            200 => fine += 1,
            // It was written while the upstream closed, and may have been executed.
            502 => assert_eq!(answer.reason(), Some("upstream_unreachable")),
            other => panic!("{other}"),
        }
    }
    assert!(fine >= 30, "{fine} of 60");
    assert_eq!(upstream.requests().len(), fine, "none was executed twice, and none without an answer");
}

#[test]
fn a_long_refusal_is_told_when_it_is_over() {
    let body = "x".repeat(100_000);
    let refusal = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let upstream = Upstream::answering(refusal);
    let gate = Setup::new(upstream.address).start();
    for round in 1..=20 {
        let answer = gate.ask(gate.chat());
        assert_eq!((answer.status, answer.body.len()), (400, body.len()));
        let records = gate.records_when(round);
        assert_eq!(records[round - 1]["response_bytes"], body.len(), "{}", records[round - 1]);
    }
}
