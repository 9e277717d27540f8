//! A log that nobody reads: standard output is a pipe that is full.

use std::net::SocketAddr;

use rustix::process::Signal;
use serde_json::Value;

use super::Process;
use crate::common::{CHAT, Client, OK, Setup, Upstream, post, until};

/// How many requests are sent at once over one connection.
const BATCH: usize = 100;

/// A gate with an admin listener, and where that is.
fn start(name: &str, upstream: &Upstream) -> (Process, SocketAddr) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let setup = Setup::new(upstream.address)
        .set("admin", "enabled", "true")
        .set("admin", "listen", &format!("\"{port}\""))
        .set("log", "repeats", "\"whole\"");
    (Process::start(name, setup), port)
}

fn lost(admin: SocketAddr) -> usize {
    let mut client = Client::connect(admin);
    client.send("GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n");
    let text = client.answer().text();
    let line = text.lines().find(|line| line.starts_with("portcullis_records_lost_total ")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Sends requests whose records are as long as records get, until `enough`; how many.
fn flood(process: &Process, mut enough: impl FnMut() -> bool) -> usize {
    let long = "\u{7f}".repeat(256).replace('\u{7f}', "%ff");
    let mut request = post(&format!("/v1/{long}"), &process.setup.client_key, "{}");
    let head = request.windows(2).position(|end| end == b"\r\n").unwrap() + 2;
    let agent = [&b"user-agent: "[..], "\u{e9}".repeat(256).as_bytes(), b"\r\n"].concat();
    request.splice(head..head, agent);
    let batch = request.repeat(BATCH);
    let mut client = Client::connect(process.address);
    let mut sent = 0;
    while !enough() {
        client.send(&batch);
        for _ in 0..BATCH {
            assert_eq!(client.answer().status, 404);
        }
        sent += BATCH;
        assert!(sent < 100_000, "the buffer has an end");
    }
    sent
}

#[test]
fn requests_are_answered_what_is_lost_is_counted_and_records_flow_again() {
    let upstream = Upstream::answering(OK);
    let (mut process, admin) = start("blocked", &upstream);
    let key = process.setup.client_key.clone();
    let ask = |process: &Process| {
        let mut client = Client::connect(process.address);
        client.send(post("/v1/chat/completions", &key, CHAT));
        let answer = client.answer();
        assert_eq!(answer.status, 200);
        answer.header("x-request-id").unwrap().to_owned()
    };
    let mut sent = flood(&process, || lost(admin) > BATCH);
    // Where a long record had no room, some short ones may still have; then every record is lost, and every request
    // is answered.
    let before = lost(admin);
    until("ten are lost", || {
        ask(&process);
        sent += 1;
        lost(admin) >= before + 10
    });

    // Somebody reads again: each request was written or counted, and the count is told.
    let mut written = 0;
    let mut told = 0;
    let mut last = None;
    while written + told < sent {
        let line: Value = process.line("");
        if line["event"] == "records_lost" {
            told += usize::try_from(line["count"].as_u64().unwrap()).unwrap();
            // What comes from now on is not lost.
            last.get_or_insert_with(|| ask(&process));
        } else if line.get("request_id").is_some()
            && last.as_ref().is_none_or(|last| line["request_id"] != **last)
        {
            written += 1;
        }
    }
    assert_eq!((told, written + told), (lost(admin), sent));
    let after = ask(&process);
    while process.line("served")["request_id"] != *after {}
    process.signal(Signal::TERM);
    process.line("draining");
    assert_eq!(process.exit_code(), Some(0));
}

#[test]
fn a_full_pipe_does_not_hold_up_the_end() {
    let upstream = Upstream::answering(OK);
    let (process, admin) = start("blocked-end", &upstream);
    // As much as a pipe holds, and more.
    let mut sent = 0;
    flood(&process, || {
        sent += BATCH;
        sent > 10 * BATCH
    });
    assert_eq!(lost(admin), 0);
    process.signal(Signal::TERM);
    assert_eq!(process.exit_code(), Some(0), "what was under way has ended in order");
}
