//! Limits on tokens and money: what is reserved before a request goes out, how it is settled, and what is told of it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use std::sync::atomic::{AtomicUsize, Ordering};

use common::client::post;
use common::{Running, Setup, Upstream, fresh_path, until};
use serde_json::{Value, json};

/// An upstream that reports this usage.
fn reporting(input: u64, output: u64) -> Upstream {
    let body = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-mini",
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": "hi" }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output },
    });
    Upstream::answering(answer(&body.to_string()))
}

fn answer(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn limited(upstream: &Upstream, limits: &str) -> Setup {
    Setup::new(upstream.address).set("projects.search", "limits", limits)
}

fn budgeted(upstream: &Upstream, limits: &str) -> Setup {
    let path = fresh_path("limits");
    limited(upstream, limits).set("store", "path", &format!("\"{}\"", path.display()))
}

/// A chat request whose answer may have so many tokens.
fn chat(gate: &Running, ceiling: u64) -> Vec<u8> {
    let body = json!({
        "model": "gpt-4o-mini", "max_tokens": ceiling, "messages": [{ "role": "user", "content": "hello" }],
    });
    post("/v1/chat/completions", &gate.setup.client_key, &body.to_string())
}

/// What is left of the project's first limit, as it is told to its holder.
fn left(gate: &Running, at: usize) -> Value {
    let whoami = post("/portcullis/whoami", &gate.setup.client_key, "");
    let whoami = String::from_utf8(whoami).unwrap().replacen("POST", "GET", 1);
    gate.ask(whoami).json()["limits"][at]["left"].clone()
}

#[test]
fn what_was_not_used_comes_back() {
    let upstream = reporting(100, 20);
    let gate = limited(&upstream, r#"{ tokens = "5k/day" }"#).start();
    for round in 1..=8 {
        assert_eq!(gate.ask(chat(&gate, 4_000)).status, 200, "round {round}");
        gate.idle();
        let left = left(&gate, 0).as_u64().unwrap();
        // Nothing grows back in the time of a test but one token perhaps.
        assert!((5_000 - 120 * round..=5_001 - 120 * round).contains(&left), "round {round}: {left}");
    }
    // 960 are gone, and this may use more than the rest.
    let refused = gate.ask(chat(&gate, 4_040));
    assert_eq!((refused.status, refused.reason()), (429, Some("tokens_limited")));
    assert_eq!(upstream.requests().len(), 8);
}

#[test]
fn what_was_used_beyond_the_reservation_is_owed() {
    let upstream = reporting(9_000, 20);
    let gate = limited(&upstream, r#"{ tokens = "5k/day", requests = "100/day" }"#).start();
    assert_eq!(gate.ask(chat(&gate, 10)).status, 200);
    gate.idle();
    let refused = gate.ask(chat(&gate, 10));
    assert_eq!((refused.status, refused.reason()), (429, Some("tokens_limited")));
    assert_eq!(refused.header("x-should-retry"), Some("false"), "it takes most of a day");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    // 4,020 are owed and some are asked for; 5,000 grow back in a day.
    assert!((69_000..71_000).contains(&wait), "{wait}");
}

#[test]
fn a_request_that_never_fits_is_told_so() {
    let upstream = reporting(1, 1);
    let gate = limited(&upstream, r#"{ output_tokens = "100/min" }"#).start();
    let refused = gate.ask(chat(&gate, 101));
    assert_eq!((refused.status, refused.reason()), (429, Some("tokens_limited")));
    assert_eq!((refused.header("retry-after"), refused.header("x-should-retry")), (None, Some("false")));
    assert!(refused.text().contains("more than the 100 that may come at once"), "{}", refused.text());
    // Several answers are as many times the ceiling.
    let body = json!({ "model": "gpt-4o-mini", "max_tokens": 40, "n": 3, "messages": [] }).to_string();
    let refused = gate.ask(post("/v1/chat/completions", &gate.setup.client_key, &body));
    assert!(refused.text().contains("it may use 120 output tokens"), "{}", refused.text());
    assert_eq!(gate.ask(chat(&gate, 100)).status, 200);
}

#[test]
fn one_limit_that_refuses_takes_nothing_from_the_others() {
    let upstream = reporting(10, 10);
    let limits = r#"{ tokens = ["5k/h", "6k/day"], output_tokens = "200/day", budget = "1 USD/day" }"#;
    let gate = budgeted(&upstream, limits).start();
    for _ in 0..20 {
        assert_eq!(gate.ask(chat(&gate, 201)).reason(), Some("tokens_limited"));
    }
    assert_eq!(gate.ask(chat(&gate, 100)).status, 200);
    gate.idle();
    assert_eq!(left(&gate, 1).as_u64(), Some(5_980));
}

#[test]
fn an_upstream_that_refuses_costs_nothing() {
    let refusing =
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let upstream = Upstream::answering(refusing);
    let gate = budgeted(&upstream, r#"{ tokens = "5k/day", budget = "1 USD/day" }"#).start();
    assert_eq!(gate.ask(chat(&gate, 4_000)).status, 400);
    gate.idle();
    assert_eq!((left(&gate, 0).as_u64(), left(&gate, 1).as_str()), (Some(5_000), Some("1.00 USD")));
}

#[test]
fn a_client_that_leaves_is_settled_by_its_reservation() {
    let upstream = Upstream::start(|talk| {
        drop(talk.request());
        talk.closed();
    });
    let gate = limited(&upstream, r#"{ output_tokens = "5k/day" }"#).start();
    let mut client = gate.connect();
    client.send(chat(&gate, 1_000));
    until("it is upstream", || upstream.requests().len() == 1);
    assert_eq!(left(&gate, 0).as_u64(), Some(4_000));
    client.leave();
    gate.idle();
    assert_eq!(left(&gate, 0).as_u64(), Some(4_000), "nobody knows what it used");
}

#[test]
fn money_is_counted_exactly() {
    let upstream = reporting(1_000_000, 100_000);
    let gate = budgeted(&upstream, r#"{ budget = ["1 USD/day", "3 USD/month"] }"#).start();
    assert_eq!(gate.ask(chat(&gate, 100_000)).status, 200);
    gate.idle();
    // A million tokens read at 0.15 USD, and a tenth of a million written at 0.60 USD.
    assert_eq!(left(&gate, 0), "0.79 USD");
    assert_eq!(left(&gate, 1), "2.79 USD");
    let record = gate
        .records()
        .into_iter()
        .find(|record| record["event"] == "served" && record["model"] == "gpt-4o-mini");
    assert_eq!(record.unwrap()["cost_usd"], json!(0.21));
    let refused = gate.ask(chat(&gate, 10_000_000));
    assert_eq!((refused.status, refused.reason()), (429, Some("budget_exhausted")));
    assert_eq!(refused.header("retry-after"), None, "it costs more than the whole budget");
    assert_eq!(refused.header("x-should-retry"), Some("false"));
    assert!(refused.text().contains("0.79 USD are left of this day"), "{}", refused.text());
    for _ in 0..3 {
        assert_eq!(gate.ask(chat(&gate, 100_000)).status, 200);
        gate.idle();
    }
    let refused = gate.ask(chat(&gate, 1_000_000));
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=86_400).contains(&wait), "{wait}");
}

#[test]
fn a_tier_of_service_is_reserved_and_settled_by_its_own_price() {
    let upstream = reporting(1_000_000, 100_000);
    let gate = budgeted(&upstream, r#"{ budget = "12 USD/day" }"#).start();
    let chat = |field: &str| {
        let field = if field.is_empty() { String::new() } else { format!("{field}, ") };
        let body = format!(r#"{{{field}"model": "gpt-5", "max_tokens": 100000, "messages": []}}"#);
        gate.ask(post("/v1/chat/completions", &gate.setup.client_key, &body))
    };
    // A million tokens read and a tenth of a million written: 1.25 and 1 USD, half of that in flex, twice in priority.
    for (field, left_then) in [
        ("", "9.75 USD"),
        (r#""service_tier": "auto""#, "7.50 USD"),
        (r#""service_tier": "flex""#, "6.375 USD"),
        (r#""service_\u0074ier": "priority""#, "1.875 USD"),
    ] {
        assert_eq!(chat(field).status, 200, "{field}");
        gate.idle();
        assert_eq!(left(&gate, 0), left_then, "{field}");
    }
    let tiers: Vec<Value> = gate.records().iter().map(|record| record["service_tier"].clone()).collect();
    let tiers: Vec<&str> = tiers.iter().filter_map(Value::as_str).collect();
    assert_eq!(tiers, ["flex", "priority"]);
    // What it would take at most, 1 USD and a little, fits; in priority it does not.
    let refused = chat(r#""service_tier": "priority""#);
    assert_eq!((refused.status, refused.reason()), (429, Some("budget_exhausted")), "{}", refused.text());
    assert_eq!(chat(r#""service_tier": "flex""#).status, 200);
}

#[test]
fn the_tier_that_an_answer_was_served_in_is_the_one_that_counts() {
    let upstream = Upstream::start(|talk| {
        while let Some(request) = talk.request() {
            let asked: Value = serde_json::from_slice(&request.body).unwrap();
            let mut report = json!({
                "object": "chat.completion", "choices": [],
                "usage": { "prompt_tokens": 1_000_000, "completion_tokens": 100_000, "total_tokens": 1_100_000 },
            });
            match asked["service_tier"].as_str().unwrap() {
                "auto" => report["service_tier"] = json!("priority"),
                "priority" => report["service_tier"] = json!("default"),
                _ => {}
            }
            if talk.send(answer(&report.to_string())).is_err() {
                return;
            }
        }
    });
    let gate = budgeted(&upstream, r#"{ budget = "12 USD/day" }"#).start();
    // What is reserved goes by what is asked for; the provider's own settings may decide otherwise.
    for (field, left_then) in [
        (r#""service_tier": "flex""#, "10.875 USD"),
        (r#""service_tier": "auto""#, "6.375 USD"),
        (r#""service_tier": "priority""#, "4.125 USD"),
    ] {
        let body = format!(r#"{{{field}, "model": "gpt-5", "max_tokens": 100000, "messages": []}}"#);
        assert_eq!(gate.ask(post("/v1/chat/completions", &gate.setup.client_key, &body)).status, 200);
        gate.idle();
        assert_eq!(left(&gate, 0), left_then, "{field}");
    }
    let records = gate.records();
    let tiers: Vec<&str> = records.iter().filter_map(|record| record["service_tier"].as_str()).collect();
    assert_eq!(tiers, ["flex", "priority", "default"]);
}

#[test]
fn a_warning_is_told_once_for_each_share() {
    let upstream = reporting(1_000_000, 0);
    let gate =
        budgeted(&upstream, r#"{ budget = "1 USD/day" }"#).set("accounting", "warn_at", "[30, 60]").start();
    for ceiling in [1_000_000, 10, 10, 10, 10] {
        assert_eq!(gate.ask(chat(&gate, ceiling)).status, 200);
        gate.idle();
    }
    let told: Vec<Option<u64>> =
        gate.records().iter().map(|record| record["budget_reached_percent"].as_u64()).collect();
    // 0.15 USD each. What the first reserves, 0.60, is no sign: it would be told then, and never again.
    assert_eq!(told, [None, Some(30), None, Some(60), None]);
}

#[test]
fn limits_of_a_model_hold_for_it_alone() {
    let upstream = reporting(10, 10);
    let limits = r#"{ tokens = "100k/day", models = { "gpt-4*" = { requests = "1/day", tokens = "5k/day" }, "gpt-4o-mini" = { requests = "2/day" } } }"#;
    let gate = limited(&upstream, limits).start();
    assert_eq!(gate.ask(chat(&gate, 10)).status, 200);
    assert_eq!(gate.ask(chat(&gate, 10)).status, 200);
    let refused = gate.ask(chat(&gate, 10));
    assert_eq!((refused.status, refused.reason()), (429, Some("rate_limited")));
    let other = json!({ "model": "gpt-4.1", "max_tokens": 9, "messages": [] }).to_string();
    let other = post("/v1/chat/completions", &gate.setup.client_key, &other);
    assert_eq!((gate.ask(&other).status, gate.ask(&other).status), (200, 429));
    let third = json!({ "model": "o1", "max_tokens": 9, "messages": [] }).to_string();
    assert_eq!(gate.ask(post("/v1/chat/completions", &gate.setup.client_key, &third)).status, 200);
}

#[test]
fn what_cannot_be_counted_does_not_pass() {
    let upstream = reporting(1, 1);
    let batch = |gate: &Running| {
        let body = json!({ "input_file_id": "file-1", "endpoint": "/v1/chat/completions", "completion_window": "24h" });
        gate.ask(post("/v1/batches", &gate.setup.client_key, &body.to_string()))
    };
    let gate = limited(&upstream, r#"{ tokens = "5k/day" }"#).start();
    let refused = batch(&gate);
    assert_eq!((refused.status, refused.reason()), (403, Some("cost_unknown")), "{}", refused.text());
    let gate =
        limited(&upstream, r#"{ tokens = "5k/day" }"#).set("accounting", "unpriced", r#""allow""#).start();
    assert_eq!(batch(&gate).status, 200);
    // What uses no model costs nothing.
    let gate = limited(&upstream, r#"{ tokens = "5k/day" }"#).start();
    let list =
        String::from_utf8(post("/v1/files", &gate.setup.client_key, "")).unwrap().replacen("POST", "GET", 1);
    assert_eq!(gate.ask(list).status, 200);
}

#[test]
fn a_record_tells_no_cost_where_no_price_is_known() {
    let upstream = reporting(1_000, 100);
    let gate = limited(&upstream, r#"{ tokens = "50k/day" }"#)
        .set("prices.\"*/for-nothing\"", "free", "true")
        .start();
    for (model, cost) in
        [("gpt-4o-mini", Some(json!(0.00021))), ("for-nothing", Some(json!(0.0))), ("ours", None)]
    {
        let body = json!({ "model": model, "max_tokens": 9, "messages": [] }).to_string();
        assert_eq!(gate.ask(post("/v1/chat/completions", &gate.setup.client_key, &body)).status, 200);
        gate.idle();
        let records = gate.records();
        let record = records.iter().find(|one| one["event"] == "served" && one["model"] == model).unwrap();
        assert_eq!(record.get("cost_usd"), cost.as_ref(), "{record}");
    }
}

#[test]
fn what_is_left_is_told_in_the_headers_of_the_dialect() {
    let upstream = reporting(100, 20);
    let gate = limited(&upstream, r#"{ tokens = "10k/day", requests = ["100/day", "50/h"] }"#).start();
    let answer = gate.ask(chat(&gate, 1_000));
    let told = |name: &str| answer.header(name).map(str::to_owned);
    assert_eq!(told("x-ratelimit-limit-requests").as_deref(), Some("50"));
    assert_eq!(told("x-ratelimit-remaining-requests").as_deref(), Some("49"));
    assert_eq!(told("x-ratelimit-reset-requests").as_deref(), Some("1m12s"));
    assert_eq!(told("x-ratelimit-limit-tokens").as_deref(), Some("10000"));
    let left: u64 = told("x-ratelimit-remaining-tokens").unwrap().parse().unwrap();
    assert!((8_900..9_000).contains(&left), "{left}");
    let body = json!({ "model": "claude-sonnet-4-5", "max_tokens": 9, "messages": [] }).to_string();
    let answer = gate.ask(post("/v1/messages", &gate.setup.client_key, &body));
    assert_eq!(answer.header("anthropic-ratelimit-requests-remaining"), Some("48"));
    assert!(answer.header("anthropic-ratelimit-tokens-reset").unwrap().ends_with('Z'));
    assert_eq!(answer.header("x-ratelimit-limit-requests"), None);
    // Who has no limits reads of none.
    let gate = Setup::new(upstream.address).start();
    assert_eq!(gate.ask(chat(&gate, 1)).header("x-ratelimit-limit-requests"), None);
}

#[test]
fn a_reload_forgets_nothing_that_is_reserved() {
    let held = AtomicUsize::new(0);
    let upstream = Upstream::start(move |talk| {
        while talk.request().is_some() {
            if held.fetch_add(1, Ordering::Relaxed) == 0 && talk.closed() {
                return;
            }
            let _ = talk.send(answer("{}"));
        }
    });
    let gate = limited(&upstream, r#"{ output_tokens = "5k/day" }"#).start();
    let mut client = gate.connect();
    client.send(chat(&gate, 3_000));
    until("it is upstream", || upstream.requests().len() == 1);
    let loaded = gate.gate.reload(&gate.setup.sources()).unwrap();
    gate.gate.put_in_force(loaded);
    assert_eq!(left(&gate, 0).as_u64(), Some(2_000));
    assert_eq!(gate.ask(chat(&gate, 2_500)).reason(), Some("tokens_limited"));
    client.leave();
}

/// An upstream that refuses the first credential, and never answers the second.
fn refusing_and_silent() -> Upstream {
    Upstream::start(|talk| {
        while let Some(request) = talk.request() {
            if request.header("authorization") == ["Bearer sk-canary-a"] {
                let refusal = r#"{"error":{"code":"rate_limit_exceeded"}}"#;
                drop(talk.send(answer(refusal).replacen("200 OK", "429 Too Many Requests", 1)));
            } else {
                talk.closed();
            }
        }
    })
}

#[test]
fn what_was_sent_again_and_had_no_answer_is_settled_by_its_reservation() {
    let credentials = r#"[{ id = "a", secret = "env:KEY_A" }, { id = "b", secret = "env:KEY_B" }]"#;
    let setup = |upstream: &Upstream| {
        limited(upstream, r#"{ output_tokens = "5k/day" }"#)
            .variable("KEY_A", "sk-canary-a")
            .variable("KEY_B", "sk-canary-b")
            .set("upstreams.openai", "credentials", credentials)
            .set("upstreams.openai", "response_timeout", r#""300ms""#)
    };
    // The answer does not begin in time.
    let upstream = refusing_and_silent();
    let gate = setup(&upstream).start();
    assert_eq!(gate.ask(chat(&gate, 1_000)).reason(), Some("upstream_timeout"));
    gate.idle();
    assert_eq!(upstream.requests().len(), 2);
    assert_eq!(left(&gate, 0).as_u64(), Some(4_000), "the second may have been executed");
    // The client leaves before it begins.
    let upstream = refusing_and_silent();
    let gate = setup(&upstream).set("upstreams.openai", "response_timeout", r#""60s""#).start();
    let mut client = gate.connect();
    client.send(chat(&gate, 1_000));
    until("it was sent again", || upstream.requests().len() == 2);
    client.leave();
    gate.idle();
    assert_eq!(left(&gate, 0).as_u64(), Some(4_000), "the second may have been executed");
}

#[test]
fn an_upload_that_had_no_answer_is_settled_by_its_reservation() {
    let upstream = Upstream::start(|talk| {
        drop(talk.request());
        talk.closed();
    });
    let gate = limited(&upstream, r#"{ output_tokens = "9k/day" }"#)
        .set("upstreams.openai", "response_timeout", r#""300ms""#)
        .start();
    let part = |head: &str, data: &str| {
        format!("--b0undary\r\nContent-Disposition: form-data; name={head}\r\n\r\n{data}\r\n")
    };
    let model = part("\"model\"", "gpt-4o-transcribe");
    let file = part("\"file\"; filename=\"a.mp3\"", &"x".repeat(1 << 20));
    let body = [model, file, "--b0undary--\r\n".to_owned()].concat();
    let head = format!(
        "POST /openai/v1/audio/transcriptions HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {}\r\n\
         content-type: multipart/form-data; boundary=b0undary\r\ncontent-length: {}\r\n\r\n",
        gate.setup.client_key,
        body.len()
    );
    let before = left(&gate, 0).as_u64().unwrap();
    assert_eq!(gate.ask(head + &body).reason(), Some("upstream_timeout"));
    gate.idle();
    assert_eq!(upstream.requests().len(), 1, "it was sent whole");
    assert!(left(&gate, 0).as_u64().unwrap() < before, "it may have been executed");
}

#[test]
fn a_stream_that_ends_before_its_last_report_is_settled_by_what_was_seen() {
    let event = |kind: &str, data: &str| format!("event: {kind}\ndata: {data}\n\n");
    let begins = r#"{"type":"message_start","message":{"usage":{"input_tokens":100,"output_tokens":1}}}"#;
    let text = "x".repeat(3_000);
    let delta = format!(
        r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":"{text}"}}}}"#
    );
    let breaks = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let ends = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":700}}"#;
    for (kind, last, used) in [("error", breaks, 1_000), ("message_delta", ends, 700)] {
        let events =
            [event("message_start", begins), event("content_block_delta", &delta), event(kind, last)];
        let upstream = Upstream::start(move |talk| {
            while talk.request().is_some() {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
                drop(talk.send(head));
                for event in &events {
                    drop(talk.send(format!("{:x}\r\n{event}\r\n", event.len())));
                }
                drop(talk.send("0\r\n\r\n"));
            }
        });
        let gate = limited(&upstream, r#"{ output_tokens = "5k/day" }"#).start();
        let body = json!({
            "model": "claude-sonnet-4-5", "max_tokens": 2_000, "stream": true,
            "messages": [{ "role": "user", "content": "hello" }],
        });
        let answer = gate.ask(post("/v1/messages", &gate.setup.client_key, &body.to_string()));
        assert_eq!(answer.status, 200, "{}", answer.text());
        gate.idle();
        assert_eq!(left(&gate, 0).as_u64(), Some(5_000 - used), "{kind}");
    }
}
