//! Limits that several gates share through a real Redis server: what holds in order, while it is away, and after it has
//! lost its memory.

mod common;
#[path = "common/redis.rs"]
mod redis;

use std::time::Duration;

use common::client::post;
use common::{Running, Setup, Upstream, until};
use redis::Redis;
use serde_json::{Value, json};

/// An upstream that reports this usage.
fn reporting(input: u64, output: u64) -> Upstream {
    let body = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-mini",
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": "hi" }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output },
    })
    .to_string();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length:";
    Upstream::answering(format!("{head} {}\r\n\r\n{body}", body.len()))
}

/// Gates of one configuration, as replicas are.
fn setup(upstream: &Upstream, redis: &Redis, limits: &str) -> Setup {
    Setup::new(upstream.address).set("projects.search", "limits", limits).set(
        "store",
        "url",
        &format!("{:?}", redis.url()),
    )
}

fn gate(setup: &Setup) -> Running {
    let gate = setup.clone().start();
    until("the store is reached", || {
        if !gate.log().is_empty() {
            eprintln!("{:?}", gate.log());
        }
        logged(&gate, "limits_store_reached") > 0
    });
    gate
}

fn logged(gate: &Running, what: &str) -> usize {
    gate.log().iter().filter(|line| line.to_string().contains(what)).count()
}

fn chat(gate: &Running, ceiling: u64) -> Vec<u8> {
    let body = json!({
        "model": "gpt-4o-mini", "max_tokens": ceiling, "messages": [{ "role": "user", "content": "hello" }],
    });
    post("/v1/chat/completions", &gate.setup.client_key, &body.to_string())
}

#[test]
fn a_quota_of_requests_holds_over_two_gates() {
    let (upstream, redis) = (reporting(1, 1), Redis::start());
    let setup = setup(&upstream, &redis, r#"{ requests = "100/day" }"#);
    let gates = [gate(&setup), gate(&setup)];
    let mut passed = 0;
    for round in 0..150 {
        let gate = &gates[round % 2];
        let answer = gate.ask(chat(gate, 10));
        if answer.status == 200 {
            passed += 1;
        } else {
            assert_eq!((answer.status, answer.reason()), (429, Some("rate_limited")), "{}", answer.text());
            let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=865).contains(&wait), "{wait}");
        }
    }
    // Each gate may hold a twentieth that the other lacks.
    assert!((90..=100).contains(&passed), "{passed}");
    println!("round trips for 150 requests at two gates: {}", redis.calls());
}

#[test]
fn tokens_that_were_not_used_are_there_for_the_other_gate() {
    let (upstream, redis) = (reporting(100, 20), Redis::start());
    let setup = setup(&upstream, &redis, r#"{ tokens = "5k/day" }"#);
    let gates = [gate(&setup), gate(&setup)];
    let mut passed = 0;
    while passed < 60 {
        let gate = &gates[passed % 2];
        let answer = gate.ask(chat(gate, 1_000));
        if answer.status != 200 {
            assert_eq!(answer.reason(), Some("tokens_limited"), "{}", answer.text());
            break;
        }
        gate.idle();
        // What is idle goes back within some seconds; here each gate has to leave the other enough.
        passed += 1;
    }
    // 5,000 less what the last may use and what both hold, at 120 each.
    assert!((8..=42).contains(&passed), "{passed}");
    std::thread::sleep(Duration::from_secs(4));
    let level: f64 =
        redis.ask(&["HGET", "{portcullis}:projects.search:tokens:5000/86400:5000", "level"]).parse().unwrap();
    let used = f64::from(u32::try_from(passed).unwrap()) * 120.0;
    assert!((level - used).abs() < 2.0, "{level} are counted and {used} were used");
}
