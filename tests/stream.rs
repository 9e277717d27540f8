//! What passes through: piece by piece, at the slower side's pace, and never a cut answer as a whole one.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use std::io::{ErrorKind, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use common::provider::Provider;
use common::{CHAT, OK, Setup, Upstream, post, until};
use portcullis::clock::Moment;

const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

fn event(text: &str) -> String {
    let event = format!("data: {text}\n\n");
    format!("{:x}\r\n{event}\r\n", event.len())
}

/// An upstream whose next piece is what the test hands it; it ends when the test does.
fn led() -> (Upstream, mpsc::Sender<String>) {
    let (lead, pieces) = mpsc::channel::<String>();
    let pieces = Mutex::new(pieces);
    let upstream = Upstream::start(move |talk| {
        let pieces = pieces.lock().unwrap();
        if talk.request().is_none() {
            return;
        }
        while let Ok(piece) = pieces.recv() {
            match piece.as_str() {
                "reset" => return talk.reset(),
                "close" => return,
                piece => talk.send(piece).unwrap(),
            }
        }
    });
    (upstream, lead)
}

#[test]
fn each_event_passes_before_the_next_is_sent() {
    let (upstream, lead) = led();
    let gate = Setup::new(upstream.address).start();
    let mut client = gate.connect();
    client.send(gate.chat());
    lead.send(STREAM.to_owned()).unwrap();
    let head = client.head();
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
    for number in 0..20 {
        let text = number.to_string();
        lead.send(event(&text)).unwrap();
        // The upstream sends nothing more until this has arrived.
        assert_eq!(client.chunk(), Ok(Some(format!("data: {text}\n\n").into_bytes())));
    }
    assert_eq!(gate.in_flight(), 1);
    lead.send("0\r\n\r\n".to_owned()).unwrap();
    assert_eq!(client.chunk(), Ok(None));
    let record = gate.record();
    assert_eq!((&record["event"], &record["response_bytes"]), (&"served".into(), &190.into()));
    gate.idle();
}

#[test]
fn an_event_split_in_two_passes_in_two() {
    let (upstream, lead) = led();
    let gate = Setup::new(upstream.address).start();
    let mut client = gate.connect();
    client.send(gate.chat());
    lead.send(format!("{STREAM}3\r\nda")).unwrap();
    client.head();
    assert_eq!(client.chunk(), Ok(Some(b"da".to_vec())));
    lead.send("t\r\n".to_owned()).unwrap();
    assert_eq!(client.chunk(), Ok(Some(b"t".to_vec())));
}

#[test]
fn a_client_that_does_not_read_stops_the_upstream() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let upstream = Upstream::start(move |talk| {
        drop(talk.request());
        talk.send(STREAM).unwrap();
        talk.stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
        let piece = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        let mut rest = piece.as_bytes();
        loop {
            match talk.stream.write(rest) {
                Ok(length) => {
                    counted.fetch_add(length, Ordering::SeqCst);
                    rest = if length == rest.len() { piece.as_bytes() } else { &rest[length..] };
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => return,
            }
        }
    });
    let gate = Setup::new(upstream.address).start();
    let mut client = gate.connect();
    client.send(gate.chat());
    assert_eq!(client.head().status, 200);
    // It stands still when nothing was sent for half a second.
    let (mut before, mut since) = (0, Moment::now());
    until("the upstream stands still", || {
        let now = sent.load(Ordering::SeqCst);
        if now != before {
            (before, since) = (now, Moment::now());
        }
        now > 0 && since.elapsed() > Duration::from_millis(500)
    });
    // Only the kernel's buffers on both sides are full; the gate itself holds a few pieces.
    assert!(before < 32 << 20, "{before} bytes were taken from the upstream");
    // What was held back flows on when the client reads on.
    let mut read = 0;
    while read < before + (1 << 20) {
        read += client.chunk().unwrap().unwrap().len();
    }
    client.leave();
    until("the upstream is let go", || upstream.ended() == 1);
    assert_eq!(gate.record()["event"], "abandoned");
}

#[test]
fn a_stream_that_breaks_off_never_looks_whole() {
    for how in ["reset", "close"] {
        let (upstream, lead) = led();
        let gate = Setup::new(upstream.address).start();
        let mut client = gate.connect();
        client.send(gate.chat());
        lead.send(format!("{STREAM}{}", event("one"))).unwrap();
        client.head();
        assert_eq!(client.chunk(), Ok(Some(b"data: one\n\n".to_vec())));
        lead.send(how.to_owned()).unwrap();
        assert_eq!(client.chunk(), Err(()), "{how}: no end of the body, only of the connection");
        let record = gate.record();
        assert_eq!((&record["event"], &record["level"]), (&"cut".into(), &"ERROR".into()), "{how}");
        assert_eq!(record["cause"], "the upstream broke off its answer");
        assert_eq!(gate.counted(&["outcome=\"cut\""]), 1);
        gate.idle();
    }
}

#[test]
fn an_answer_shorter_than_its_length_never_looks_whole() {
    let upstream = Upstream::start(|talk| {
        drop(talk.request());
        talk.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").unwrap();
    });
    let gate = Setup::new(upstream.address).start();
    let answer = gate.ask(gate.chat());
    assert!(!answer.whole, "{answer:?}");
    assert_eq!(answer.text(), "half");
    assert_eq!(gate.record()["event"], "cut");
}

#[test]
fn an_upstream_that_falls_silent_is_given_up() {
    let (upstream, lead) = led();
    let gate = Setup::new(upstream.address).set("upstreams.openai", "idle_timeout", r#""100ms""#).start();
    let mut client = gate.connect();
    client.send(gate.chat());
    lead.send(format!("{STREAM}{}", event("one"))).unwrap();
    client.head();
    assert_eq!(client.chunk(), Ok(Some(b"data: one\n\n".to_vec())));
    assert_eq!(client.chunk(), Err(()));
    let record = gate.record();
    assert_eq!(record["event"], "cut");
    assert_eq!(record["cause"], "the upstream fell silent longer than idle_timeout");
    gate.idle();
}

#[test]
fn the_stand_ins_cut_is_a_cut() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let setup = Setup::new(listener.local_addr().unwrap());
    let provider = Provider::on(listener, &setup.provider_key);
    let gate = setup.start();
    let ask = |text: &str| {
        let body = format!(
            r#"{{"model":"gpt-4o-mini","stream":true,"messages":[{{"role":"user","content":"{text}"}}]}}"#
        );
        gate.ask(post("/v1/chat/completions", &gate.setup.client_key, &body))
    };
    assert!(!ask("standin:cut standin:tokens=50").whole);
    let whole = ask("standin:tokens=5000");
    assert!(whole.whole && whole.text().ends_with("data: [DONE]\n\n"));
    let records = gate.records_when(2);
    assert_eq!((&records[0]["event"], &records[1]["event"]), (&"cut".into(), &"served".into()));
    assert_eq!(records[1]["stream"], true);
    assert_eq!(provider.standin.streams_completed(), 1);
}

/// A chat request of exactly this many bytes.
fn body_of(length: usize) -> String {
    let (before, after) = CHAT.split_once("hello").unwrap();
    format!("{before}{}{after}", "x".repeat(length - before.len() - after.len()))
}

#[test]
fn bodies_pass_up_to_the_largest_and_not_beyond() {
    let upstream = Upstream::start(|talk| {
        while let Some(request) = talk.request() {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", request.body.len());
            talk.send([head.into_bytes(), request.body].concat()).unwrap();
        }
    });
    let gate = Setup::new(upstream.address).set("server", "max_body", r#""2 MiB""#).start();
    let most = body_of(2 << 20);
    let answer = gate.ask(post("/v1/chat/completions", &gate.setup.client_key, &most));
    assert_eq!((answer.status, answer.body.len()), (200, most.len()));
    assert!(answer.body == most.as_bytes(), "the bytes came back as they went");
    let record = gate.record();
    assert_eq!((&record["request_bytes"], &record["response_bytes"]), (&(2 << 20).into(), &(2 << 20).into()));

    let mut client = gate.connect();
    client.try_send(post("/v1/chat/completions", &gate.setup.client_key, &body_of((2 << 20) + 1)));
    if let Some(answer) = client.try_answer() {
        assert_eq!(answer.reason(), Some("body_too_large"));
    }
    assert_eq!(gate.records_when(2)[1]["reason"], "body_too_large");
    assert_eq!(upstream.requests().len(), 1);
}

#[test]
fn a_chunked_body_is_counted_and_goes_on_with_its_length() {
    let upstream = Upstream::answering(OK);
    let gate = Setup::new(upstream.address).set("server", "max_body", "200").start();
    let framed = |body: &str, piece: usize| {
        let head = String::from_utf8(gate.chat()).unwrap();
        let length = format!("content-length: {}", CHAT.len());
        let head = head.replacen(&length, "transfer-encoding: chunked", 1);
        let chunks = body
            .as_bytes()
            .chunks(piece)
            .map(|chunk| format!("{:x};x=y\r\n{}\r\n", chunk.len(), std::str::from_utf8(chunk).unwrap()));
        format!("{}{}0\r\n\r\n", head.strip_suffix(CHAT).unwrap(), chunks.collect::<String>())
    };
    for piece in [1, 2, 3, 7, 1000] {
        assert_eq!(gate.ask(framed(CHAT, piece)).status, 200);
        let request = upstream.requests().pop().unwrap();
        assert_eq!(request.header("content-length"), [CHAT.len().to_string()]);
        assert_eq!(request.body, CHAT.as_bytes());
    }
    assert_eq!(gate.ask(framed(&body_of(201), 10)).reason(), Some("body_too_large"));
    assert_eq!(upstream.requests().len(), 5);
}

#[test]
fn an_answer_without_a_length_ends_with_the_connection() {
    let upstream = Upstream::start(|talk| {
        drop(talk.request());
        talk.send("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nall there is").unwrap();
    });
    let gate = Setup::new(upstream.address).start();
    for count in 1..=2 {
        let answer = gate.ask(gate.chat());
        assert_eq!((answer.status, answer.whole, &*answer.text()), (200, true, "all there is"));
        assert_eq!(upstream.connections(), count);
    }
}

#[test]
fn one_connection_carries_many_requests() {
    let upstream = Upstream::answering(OK);
    let gate = Setup::new(upstream.address).set("server", "workers", "1").start();
    let mut client = gate.connect();
    for _ in 0..50 {
        client.send(gate.chat());
        assert_eq!(client.answer().status, 200);
    }
    assert_eq!((upstream.requests().len(), upstream.connections()), (50, 1));
    gate.records_when(50);
}

#[test]
fn a_kept_connection_that_the_upstream_closed_costs_no_request() {
    // Every connection is closed behind its first answer, without a word.
    let upstream = Upstream::start(|talk| {
        drop(talk.request());
        talk.send(OK).unwrap();
    });
    let gate = Setup::new(upstream.address).set("server", "workers", "1").start();
    let mut client = gate.connect();
    for count in 1..=20 {
        client.send(gate.chat());
        assert_eq!(client.answer().status, 200, "request {count}");
        until("the upstream has closed", || upstream.ended() == count);
    }
}
