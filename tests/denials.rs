//! Every refusal tells one story: to the client, in the record, in the metric and in the table.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod cases;
#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use cases::{Case, Driven, Line, ROUTES, Route};
use common::Setup;
use common::client::Answer;
use common::setup::new_key;
use portcullis::denial::{Kind, Reason};
use portcullis::dialect::Dialect;
use serde_json::{Value, json};

/// Drives the cases of some stages, in threads of their own, and checks each.
fn tell_one_story(stages: &[&str]) {
    let cases: Vec<Case> =
        cases::all().into_iter().filter(|case| stages.contains(&case.reason.facts().stage)).collect();
    assert!(!cases.is_empty(), "no reason of the stages {stages:?}");
    for case in &cases {
        for route in case.routes() {
            let driven = case.drive(route);
            let record = driven.record();
            the_body_fits(case, route, &driven);
            the_headers_fit(case, &driven, &record);
            the_record_fits(case, route, &driven, &record);
            the_metric_fits(case, &driven, &record);
        }
    }
}

#[test]
fn before_the_key() {
    tell_one_story(&["accept", "network", "preflight"]);
}

#[test]
fn at_the_key() {
    tell_one_story(&["key", "origin"]);
}

#[test]
fn at_scope_and_rate() {
    tell_one_story(&["scope", "rate"]);
}

#[test]
fn at_the_body_and_the_model() {
    tell_one_story(&["ask", "model"]);
}

#[test]
fn at_the_budget() {
    tell_one_story(&["budget"]);
}

#[test]
fn at_the_upstream() {
    tell_one_story(&["inject", "forward"]);
}

#[test]
fn in_a_fault_of_the_gates_own() {
    tell_one_story(&["any"]);
}

#[test]
fn no_stage_is_left_out() {
    let driven = [
        "accept",
        "network",
        "preflight",
        "key",
        "origin",
        "scope",
        "rate",
        "ask",
        "model",
        "budget",
        "inject",
        "forward",
        "any",
    ];
    for reason in Reason::ALL {
        assert!(driven.contains(&reason.facts().stage), "{} is of no stage above", reason.code());
    }
}

/// Fills a sentence of the table from what the case knows, not from what the gate noted.
fn filled(sentence: &str, case: &Case, route: &Route, rule: &str) -> String {
    let (method, path) = (case.target)(route);
    sentence
        .replace("{project}", "search")
        .replace("{key_id}", "search-prod")
        .replace("{model}", route.model)
        .replace("{scope}", "chat")
        .replace("{endpoint}", route.endpoint)
        .replace("{method}", method)
        .replace("{path}", path)
        .replace("{client_ip}", "127.0.0.1")
        .replace("{peer_ip}", "127.0.0.1")
        .replace("{upstream}", route.upstream)
        .replace("{rule}", rule)
        .replace("{place}", "")
        .replace("{detail}", (case.detail)(route))
}

fn the_body_fits(case: &Case, route: &Route, driven: &Driven) {
    let (facts, name) = (case.reason.facts(), case.name(route));
    let id = driven.answer.header("x-request-id").unwrap();
    let message = format!("{} (request {id})", filled(facts.told_to_client, case, route, "?"));
    let body = driven.answer.json();
    assert_eq!(driven.answer.status, facts.status, "{name}");
    match route.dialect {
        Dialect::OpenAi => {
            assert_eq!(body["error"]["message"], message, "{name}");
            assert_eq!(body["error"]["code"], facts.code, "{name}");
            assert_eq!(body["error"]["param"], json!(facts.param), "{name}");
            assert!(body["error"]["type"].is_string(), "{name}");
        }
        Dialect::Anthropic => {
            assert_eq!(body["type"], "error", "{name}");
            assert_eq!(body["error"]["message"], message, "{name}");
            assert_eq!(body["error"]["details"]["error_code"], facts.code, "{name}");
            assert_eq!(body["request_id"], id, "{name}");
        }
        Dialect::Gemini => {
            assert_eq!(body["error"]["message"], message, "{name}");
            assert_eq!(body["error"]["code"], facts.status, "{name}");
            let info = &body["error"]["details"][0];
            assert_eq!(info["reason"], facts.code.to_ascii_uppercase(), "{name}");
            assert_eq!(info["metadata"]["request_id"], id, "{name}");
        }
        Dialect::Aws | Dialect::Message => assert_eq!(body["message"], message, "{name}"),
        Dialect::Text => assert_eq!(body["error"], message, "{name}"),
    }
}

fn the_headers_fit(case: &Case, driven: &Driven, record: &Value) {
    let (facts, answer) = (case.reason.facts(), &driven.answer);
    assert_eq!(answer.header("x-request-id"), answer.header("request-id"));
    assert_eq!(answer.header("x-portcullis-reason"), Some(facts.code));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("allow").is_some(), facts.status == 405);
    assert_eq!(answer.header("www-authenticate").is_some(), facts.status == 401);

    let wait = record["retry_after_ms"].as_u64();
    let seconds = wait.map(|wait| wait.div_ceil(1000).to_string());
    assert_eq!(answer.header("retry-after"), seconds.as_deref(), "{record}");
    let retry = facts.retry && case.variant != "never" && wait.is_none_or(|wait| wait <= 60_000);
    assert_eq!(answer.header("x-should-retry"), Some(if retry { "true" } else { "false" }));
    let millis = wait.filter(|_| retry).map(|wait| wait.to_string());
    assert_eq!(answer.header("retry-after-ms"), millis.as_deref());
}

fn the_record_fits(case: &Case, route: &Route, driven: &Driven, record: &Value) {
    let (facts, name) = (case.reason.facts(), case.name(route));
    let (event, level) = match facts.kind {
        Kind::Denied => ("denied", "WARN"),
        Kind::Failed => ("failed", "ERROR"),
    };
    assert_eq!(record["event"], event, "{name}");
    assert_eq!(record["level"], level, "{name}");
    assert_eq!(record["reason"], facts.code, "{name}");
    assert_eq!(record["status"], facts.status, "{name}");
    let (rule, at) = match case.line {
        Line::BuiltIn => ("built-in".to_owned(), Value::Null),
        Line::At(rule, section, setting) => {
            let section = section.replace("{upstream}", route.upstream);
            let line = driven.gate.setup.line(&section, setting);
            (rule.replace("{upstream}", route.upstream), json!(format!("portcullis.toml:{line}")))
        }
    };
    assert_eq!(record["rule"], rule, "{name}");
    assert_eq!(record["rule_at"], at, "{name}\n{}", driven.gate.setup.text());
    assert_eq!(record["hint"], filled(facts.told_to_operator, case, route, &rule), "{name}");
    let (method, path) = (case.target)(route);
    assert_eq!(record["method"], method, "{name}");
    assert_eq!(record["path"], path, "{name}");
    // Nobody is known before the key was recognised; an origin is refused after that.
    let before_the_key = matches!(facts.stage, "accept" | "network" | "preflight" | "key");
    let known = !before_the_key || rule.starts_with("projects.");
    assert_eq!(record["project"], if known { json!("search") } else { Value::Null }, "{name}");
}

fn the_metric_fits(case: &Case, driven: &Driven, record: &Value) {
    let facts = case.reason.facts();
    let label = |name: &str, value: &str| format!("{name}=\"{value}\"");
    let field = |name: &str| label(name, record[name].as_str().unwrap_or_default());
    let reason = label("reason", facts.code);
    assert_eq!(driven.gate.counted(&[&reason]), 1, "{}", driven.gate.metrics());
    let class = label("status", &format!("{}xx", facts.status / 100));
    let outcome = label("outcome", record["event"].as_str().unwrap());
    let [project, upstream, endpoint] = [field("project"), field("upstream"), field("endpoint")];
    let all = [&*reason, &class, &outcome, &project, &upstream, &endpoint];
    assert_eq!(driven.gate.counted(&all), 1, "{all:?}\n{}", driven.gate.metrics());
}

#[test]
fn a_decoy_is_refused_like_an_unknown_key_and_raises_an_alert() {
    for route in &ROUTES {
        let setup = Setup::new("127.0.0.1:9").set("[projects.search.keys]", "decoy", "true");
        let gate = setup.start();
        let plain = |answer: &Answer| {
            let id = answer.header("x-request-id").unwrap().to_owned();
            (answer.status, String::from_utf8_lossy(&answer.body).replace(&id, "ID"))
        };
        let decoy = gate.ask(route.chat(&gate.setup.client_key));
        let unknown = gate.ask(route.chat(&new_key("somebody")));
        assert_eq!(plain(&decoy), plain(&unknown));
        assert_eq!(decoy.header("x-portcullis-reason"), Some("key_unknown"));

        let records = gate.records_when(2);
        let (told, other) = (&records[0], &records[1]);
        assert_eq!(told["alert"], "decoy_key");
        assert_eq!(told["level"], "ERROR");
        assert_eq!(told["reason"], "key_unknown");
        assert_eq!(told["key_id"], "search-prod");
        assert_eq!(told["rule"], "projects.search.keys[0].decoy");
        assert!(told["hint"].as_str().unwrap().contains("'search-prod' was used from 127.0.0.1"), "{told}");
        assert!(other.get("alert").is_none() && other["level"] == "WARN", "{other}");
        assert!(gate.metrics().contains("portcullis_alerts_total{kind=\"decoy_key\"} 1\n"));
    }
}
