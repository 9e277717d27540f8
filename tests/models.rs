//! The list of models of several upstreams is one list, of what the project may use.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use common::client::request;
use common::{OK, Setup, Upstream, post};
use serde_json::Value;

fn listing(list: &str) -> Upstream {
    Upstream::answering(format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{list}",
        list.len()
    ))
}

fn ids(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap()).collect()
}

#[test]
fn lists_of_several_upstreams_are_one_in_the_asked_dialect() {
    let one = listing(r#"{"object":"list","data":[{"id":"gpt-4o"},{"id":"gpt-secret"},{"id":"shared"}]}"#);
    let two = listing(r#"{"object":"list","data":[{"id":"shared"},{"id":"llama-3"},{"id":"gpt-4o-mini"}]}"#);
    let claude = listing(r#"{"data":[{"id":"claude-x"}],"has_more":false}"#);
    let gate = Setup::new("127.0.0.1:9")
        .upstream("openai", "openai", &format!("http://{}/v1", one.address))
        .upstream("local", "vllm", &format!("http://{}", two.address))
        .upstream("anthropic", "anthropic", &format!("http://{}", claude.address))
        .upstream("down", "openai", &format!("http://{}", Upstream::nowhere().address))
        .set("upstreams.local", "models", r#"["llama-*", "shared"]"#)
        .set("projects.search", "upstreams", r#"["openai", "local", "anthropic", "down"]"#)
        .set("projects.search", "models", r#"["gpt-4o*", "llama-*", "shared", "claude-*"]"#)
        .start();
    let bearer = format!("Bearer {}", gate.setup.client_key);
    let answer = gate.ask(request("GET", "/v1/models", &[("authorization", &bearer)], ""));
    assert_eq!(answer.status, 200, "{}", answer.text());
    // Sorted by upstream: local, openai. What an upstream does not serve is not shown as its own.
    assert_eq!(ids(&answer.json()), ["shared", "llama-3", "gpt-4o"]);
    let record = gate.record();
    assert_eq!((&record["endpoint"], &record["status"]), (&Value::from("models.list"), &Value::from(200)));
    let told: Vec<Value> = gate.log().into_iter().filter(|line| line["event"] == "models_left_out").collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["upstream"], "down");

    let headers = [("authorization", bearer.as_str()), ("anthropic-version", "2023-06-01")];
    let answer = gate.ask(request("GET", "/v1/models", &headers, ""));
    assert_eq!(ids(&answer.json()), ["claude-x"]);
}

#[test]
fn when_none_answers_the_client_learns_it() {
    let gate = Setup::new("127.0.0.1:9")
        .upstream("a", "openai", &format!("http://{}", Upstream::nowhere().address))
        .upstream("b", "openai", &format!("http://{}", Upstream::nowhere().address))
        .set("projects.search", "upstreams", r#"["a", "b"]"#)
        .start();
    let bearer = format!("Bearer {}", gate.setup.client_key);
    let answer = gate.ask(request("GET", "/v1/models", &[("authorization", &bearer)], ""));
    assert_eq!((answer.status, answer.reason()), (502, Some("upstream_unreachable")));
}

#[test]
fn a_name_that_no_list_should_hold_is_not_to_be_added_to_one() {
    let upstream = Upstream::answering(OK);
    let setup = Setup::new(upstream.address).set("projects.search", "models", r#"["gpt-4o-mini"]"#);
    for (model, hint) in [
        ("gpt-9", "add \"gpt-9\" to projects.search.models"),
        ("gpt-*", "no list should hold the name"),
        ("*", "no list should hold the name"),
        ("a\\u001b[31m", "no list should hold the name"),
    ] {
        let gate = setup.clone().start();
        let body = format!("{{\"model\":\"{model}\",\"messages\":[]}}");
        assert_eq!(gate.ask(post("/v1/chat/completions", &gate.setup.client_key, &body)).status, 403);
        let record = gate.record();
        assert!(record["hint"].as_str().unwrap().starts_with(hint), "{record}");
    }
}
