//! A name of the gate's own for a model: asked for, exchanged, and put back into the answer.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use common::client::request;
use common::{Running, Setup, Upstream, post};
use serde_json::Value;

fn answering(kind: &str, body: &str) -> Upstream {
    Upstream::answering(format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ))
}

fn gate(upstream: &Upstream, model: &str) -> Running {
    let url = format!("http://{}", upstream.address);
    Setup::new("127.0.0.1:9")
        .upstream("a-first", "openai", "http://127.0.0.1:9")
        .upstream("openai", "openai", &url)
        .upstream("gemini", "gemini", &url)
        .upstream("anthropic", "anthropic", &url)
        .set("models.fast", "upstream", r#""openai""#)
        .set("models.fast", "model", &format!("\"{model}\""))
        .set("models.quick", "upstream", r#""gemini""#)
        .set("models.quick", "model", r#""gemini-2.5-flash""#)
        .set("models.claude-quick", "upstream", r#""anthropic""#)
        .set("models.claude-quick", "model", r#""claude-haiku-4-5""#)
        .set("projects.search", "upstreams", r#""*""#)
        .set("projects.search", "models", r#"["fast", "quick", "claude-*"]"#)
        .start()
}

#[test]
fn the_upstream_gets_its_own_name_and_the_client_the_asked_one() {
    let upstream =
        answering("application/json", r#"{"id":"x","model":"gpt-4o-mini-2024-07-18","choices":[]}"#);
    let gate = gate(&upstream, "gpt-4o-mini");
    let body = r#"{ "messages":[{"content":"the model: \"fast\""}], "model" : "fast", "n":1}"#;
    let answer = gate.ask(post("/v1/chat/completions", &gate.setup.client_key, body));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["model"], "fast");
    let sent = upstream.requests().pop().unwrap();
    let sent: Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!(sent["model"], "gpt-4o-mini");
    assert_eq!(sent["messages"][0]["content"], "the model: \"fast\"");
    let record = gate.record();
    assert_eq!(
        (&record["model"], &record["upstream_model"]),
        (&Value::from("fast"), &Value::from("gpt-4o-mini"))
    );
    assert_eq!(record["upstream"], "openai");
    // The name behind it is not the project's to use.
    let direct = post("/v1/chat/completions", &gate.setup.client_key, r#"{"model":"gpt-4o-mini"}"#);
    assert_eq!(gate.ask(direct).reason(), Some("model_not_allowed"));
}

#[test]
fn each_event_of_a_stream_carries_the_asked_name() {
    let events =
        "data: {\"model\":\"gpt-4o-mini\",\"a\":1}\n\ndata: {\"model\":\"gpt-4o-mini\"}\n\ndata: [DONE]\n\n";
    let upstream = answering("text/event-stream", events);
    let gate = gate(&upstream, "gpt-4o-mini");
    let answer =
        gate.ask(post("/v1/chat/completions", &gate.setup.client_key, r#"{"model":"fast","stream":true}"#));
    assert_eq!(answer.text(), events.replace("gpt-4o-mini", "fast"));
    assert!(answer.whole);
}

#[test]
fn a_name_in_the_path_is_exchanged_too() {
    let upstream =
        answering("application/json", r#"{"candidates":[],"modelVersion":"gemini-2.5-flash-001"}"#);
    let gate = gate(&upstream, "gpt-4o-mini");
    let path = "/v1beta/models/quick:generateContent";
    let answer = gate.ask(post(path, &gate.setup.client_key, r#"{"contents":[]}"#));
    assert_eq!(answer.json()["modelVersion"], "quick", "{}", answer.text());
    let sent = upstream.requests().pop().unwrap();
    assert_eq!(sent.target(), "/v1beta/models/gemini-2.5-flash:generateContent");
    // Elsewhere it is not exchanged, so that it would be the upstream's model of that name.
    let body = r#"{"model":"claude-quick","max_tokens":5,"tools":[{"type":"x","model":"claude-quick"}]}"#;
    let answer = gate.ask(post("/v1/messages", &gate.setup.client_key, body));
    assert_eq!(answer.reason(), Some("model_ambiguous"), "{}", answer.text());
    let body = body.replacen("claude-quick", "claude-haiku-4-5", 1);
    let answer = gate.ask(post("/v1/messages", &gate.setup.client_key, &body));
    assert_eq!(answer.reason(), Some("model_ambiguous"), "also beside another's: {}", answer.text());
    assert_eq!(upstream.requests().len(), 1);
    // Said twice it could be read in two ways.
    let twice = post(path, &gate.setup.client_key, r#"{"model":"models/quick","contents":[]}"#);
    assert_eq!(gate.ask(twice).reason(), Some("model_ambiguous"));
}

#[test]
fn a_name_is_served_only_where_its_upstream_serves() {
    let upstream = answering("application/json", "{}");
    let gate = gate(&upstream, "gpt-4o-mini");
    let headers = [("x-api-key", gate.setup.client_key.as_str()), ("content-type", "application/json")];
    let asked = request("POST", "/v1/messages", &headers, r#"{"model":"fast","max_tokens":1,"messages":[]}"#);
    let answer = gate.ask(asked);
    assert_eq!(answer.reason(), Some("endpoint_unknown"));
    assert!(
        answer.text().contains("The upstream of model 'fast' does not answer this path"),
        "{}",
        answer.text()
    );
    assert_eq!(upstream.requests().len(), 0);
}

#[test]
fn lists_show_it_in_their_dialect() {
    let upstream = answering("application/json", r#"{"object":"list","data":[{"id":"gpt-4o-mini"}]}"#);
    let gate = gate(&upstream, "gpt-4o-mini");
    let bearer = format!("Bearer {}", gate.setup.client_key);
    let answer = gate.ask(request("GET", "/openai/v1/models", &[("authorization", &bearer)], ""));
    let ids: Vec<Value> =
        answer.json()["data"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
    assert_eq!(ids, ["fast"]);
}
