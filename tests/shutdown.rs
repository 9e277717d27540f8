//! The gate goes as it came: in order, with nothing lost, and says with its exit code how it went.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

mod process;

use std::sync::mpsc;

use common::{OK, Setup, Upstream, until};
use portcullis::run::Ended;

const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// An upstream that sends what the test hands it.
fn led() -> (Upstream, mpsc::Sender<&'static str>) {
    let (lead, pieces) = mpsc::channel::<&str>();
    let pieces = std::sync::Mutex::new(pieces);
    let upstream = Upstream::start(move |talk| {
        let pieces = pieces.lock().unwrap();
        drop(talk.request());
        while let Ok(piece) = pieces.recv() {
            if talk.send(piece).is_err() {
                return;
            }
        }
    });
    (upstream, lead)
}

#[test]
fn a_stream_under_way_is_finished_and_its_record_written() {
    let (upstream, lead) = led();
    let gate = Setup::new(upstream.address).start();
    let (address, written, draining) = (gate.address(), gate.written.clone(), gate.gate.draining());
    let (mut client, mut idle, mut second) = (gate.connect(), gate.connect(), gate.connect());
    // Both are known to be connected before the gate is told to stop.
    second.send("POST /v1/chat/completions HTTP/1.1\r\n");
    client.send(gate.chat());
    lead.send(STREAM).unwrap();
    assert_eq!(client.head().status, 200);
    until("all are connected", || gate.shared().ledger.metrics.connections.get() == 3);

    let stopping = std::thread::spawn(move || gate.stop());
    until("it drains", || draining.load(std::sync::atomic::Ordering::SeqCst));
    assert!(idle.ended(), "an idle connection is closed");
    until("nobody new is served", || std::net::TcpStream::connect(address).is_err());
    lead.send("4\r\nlate\r\n").unwrap();
    assert_eq!(client.chunk(), Ok(Some(b"late".to_vec())));
    assert!(!stopping.is_finished(), "the stream is still under way");
    lead.send("0\r\n\r\n").unwrap();
    assert_eq!(client.chunk(), Ok(None));
    assert!(client.ended(), "and then the connection is closed");
    drop(second);
    assert_eq!(stopping.join().unwrap(), Ended::Drained);
    // Nothing is flushed here: it was all written before stop() came back.
    let lines = written.lines();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert_eq!(lines[0]["event"], "served");
    assert_eq!(lines[1]["event"], "stopped");
    assert_eq!((&lines[1]["finished"], &lines[1]["cut"]), (&1.into(), &0.into()));
}

#[test]
fn every_request_is_told_of_before_the_end() {
    let upstream = Upstream::answering(OK);
    let gate = Setup::new(upstream.address).start();
    for _ in 0..100 {
        assert_eq!(gate.ask(gate.chat()).status, 200);
    }
    let written = gate.written.clone();
    assert_eq!(gate.stop(), Ended::Drained);
    assert_eq!(written.lines().len(), 101, "with the one that says that it has stopped");
}

#[test]
fn what_takes_longer_than_the_drain_is_cut_off_and_told_of() {
    let (upstream, lead) = led();
    let gate = Setup::new(upstream.address).set("server", "drain", r#""50ms""#).start();
    let written = gate.written.clone();
    let mut client = gate.connect();
    client.send(gate.chat());
    lead.send(STREAM).unwrap();
    assert_eq!(client.head().status, 200);
    // One that the upstream has not answered yet.
    let mut waiting = gate.connect();
    waiting.send(gate.chat());
    until("both are under way", || gate.in_flight() == 2);
    assert_eq!(gate.stop(), Ended::CutOff);
    let lines = written.lines();
    assert_eq!(lines.len(), 3, "the requests that were cut off have their records: {lines:#?}");
    for line in &lines[..2] {
        assert_eq!(line["event"], "cut", "no client has left: {line}");
        assert!(line.to_string().contains("its drain ended first"), "{line}");
    }
    assert_eq!(lines[2]["event"], "stopped");
    assert_eq!((&lines[2]["finished"], &lines[2]["cut"]), (&0.into(), &2.into()));
    assert_eq!(client.chunk(), Err(()), "and never looks whole");
}

#[test]
fn a_gate_that_is_idle_stops_at_once() {
    let gate = Setup::new("127.0.0.1:9").start();
    assert_eq!(gate.stop(), Ended::Drained);
}
