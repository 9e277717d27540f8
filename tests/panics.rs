//! A fault of the gate's own is one answer and one record; nobody else notices.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use common::client::post;
use common::setup::{a_breaker_that_panics, an_end_that_panics};
use common::{CHAT, OK, Running, Setup, Upstream, until};

const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n\
                      b\r\ndata: one\n\n\r\n";

const MESSAGE: &str =
    r#"{"model":"claude-sonnet-4-5","max_tokens":9,"messages":[{"role":"user","content":"hello"}]}"#;

/// A gate that panics when it asks OpenAI, which is away, and none other.
fn broken_beside(upstream: &Upstream) -> Running {
    let away = format!("\"http://{}/v1\"", Upstream::nowhere().address);
    Setup::new(upstream.address)
        .set("upstreams.openai", "base_url", &away)
        .adjust(a_breaker_that_panics)
        .start()
}

#[test]
fn it_is_one_answer_and_one_record_and_the_others_go_on() {
    let upstream = Upstream::answering(OK);
    let gate = broken_beside(&upstream);
    portcullis::command::serve::report_panics(&gate.gate);
    let mut other = gate.connect();
    let works = post("/v1/messages", &gate.setup.client_key, MESSAGE);
    other.send(&works);
    assert_eq!(other.answer().status, 200);
    for round in 1..=3 {
        let mut client = gate.connect();
        client.send(gate.chat());
        let answer = client.answer();
        assert_eq!((answer.status, answer.reason()), (500, Some("internal_error")), "{answer:?}");
        assert_eq!(answer.header("x-should-retry"), Some("false"));
        let id = answer.header("x-request-id").unwrap().to_owned();
        assert!(answer.text().contains(&id), "{answer:?}");
        assert!(!answer.text().contains(".rs"), "where it was is not for the client: {answer:?}");
        assert!(client.ended(), "nothing more is read of such a connection");
        let mut records = Vec::new();
        until("the record is there", || {
            records = gate.records().into_iter().filter(|record| record["request_id"] == id).collect();
            !records.is_empty()
        });
        let [record] = &records[..] else { panic!("{records:?}") };
        let of = (&record["event"], &record["reason"], &record["status"], &record["level"]);
        assert_eq!(
            of,
            (&"failed".into(), &"internal_error".into(), &500.into(), &"ERROR".into()),
            "{record}"
        );
        assert!(record["hint"].as_str().unwrap().contains(".rs:"), "it says where: {record}");
        let told: Vec<_> = gate.log().into_iter().filter(|line| line["request"] == id).collect();
        let panicked =
            told.iter().find(|line| line["event"].as_str().unwrap().starts_with("panicked")).unwrap();
        assert!(panicked["at"].as_str().unwrap().contains(".rs:"), "{panicked}");
        assert!(panicked["thread"].as_str().unwrap().starts_with("worker-"), "{panicked}");
        assert!(!panicked.to_string().contains("overflow"), "its words could hold anything: {panicked}");
        assert_eq!(gate.counted(&["reason=\"internal_error\""]), round);
        other.send(&works);
        assert_eq!(other.answer().status, 200);
    }
    gate.idle();
    assert!(
        !gate
            .metrics()
            .contains("portcullis_upstream_errors_total{upstream=\"openai\",kind=\"internal_error\"")
    );
}

#[test]
fn an_answer_in_which_it_happens_never_looks_whole() {
    let length = OK.len();
    for (beginning, end) in [(OK.split_at(length - 1).0, OK.split_at(length - 1).1), (STREAM, "0\r\n\r\n")] {
        let upstream = Upstream::start(move |talk| {
            while talk.request().is_some() {
                if talk.send(beginning).and_then(|()| talk.send(end)).is_err() {
                    return;
                }
            }
        });
        let gate = Setup::new(upstream.address).adjust(an_end_that_panics).start();
        let mut client = gate.connect();
        client.send(gate.chat());
        let answer = client.try_answer();
        assert!(answer.as_ref().is_none_or(|answer| !answer.whole), "{answer:?}");
        let record = gate.record();
        assert_eq!((&record["event"], &record["status"]), (&"cut".into(), &200.into()), "{record}");
        assert!(record["cause"].as_str().unwrap().contains("a fault in portcullis"), "{record}");
        gate.idle();
        assert_eq!(gate.ask(post("/v1/nothing", &gate.setup.client_key, CHAT)).status, 404, "it goes on");
    }
}

#[test]
fn one_behind_an_answer_that_never_reached_the_client_is_an_answer_of_its_own() {
    let empty = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 0\r\n\r\n";
    let upstream = Upstream::answering(empty);
    let gate = Setup::new(upstream.address).adjust(an_end_that_panics).start();
    let answer = gate.ask(gate.chat());
    assert_eq!((answer.status, answer.reason()), (500, Some("internal_error")), "{answer:?}");
    let record = gate.record();
    assert_eq!((&record["event"], &record["upstream_status"]), (&"failed".into(), &200.into()), "{record}");
    gate.idle();
}
