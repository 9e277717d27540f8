//! `GET /portcullis/whoami`: what a caller is told of itself, and that nothing else is.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use common::client::request;
use common::{OK, Setup, Upstream};
use serde_json::{Value, json};

const PATH: &str = "/portcullis/whoami";

fn asked(gate: &common::Running, headers: &[(&str, &str)]) -> Value {
    let answer = gate.ask(request("GET", PATH, headers, ""));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let told = answer.json();
    assert_eq!(told["request_id"], answer.header("x-request-id").unwrap());
    told
}

#[test]
fn a_caller_is_told_what_it_may_do_and_what_is_left() {
    let upstream = Upstream::start(|talk| {
        drop(talk.request());
        let _ = talk.send(OK);
    });
    let setup = Setup::new(upstream.address)
        .set("projects.search", "limits", r#"{ requests = ["5/min", "100/day"], concurrency = 3 }"#)
        .set("[projects.search.keys]", "expires", "2099-01-01")
        .set("[projects.search.keys]", "scopes", r#"["chat"]"#)
        .set("[projects.search.keys]", "models", r#"["gpt-4o*"]"#);
    let gate = setup.start();
    let bearer = format!("Bearer {}", gate.setup.client_key);
    for left in [5, 4] {
        let told = asked(&gate, &[("authorization", &bearer)]);
        assert_eq!(told["project"], "search");
        assert_eq!(told["key_id"], "search-prod");
        assert_eq!(told["key_expires"], "2099-01-01T00:00:00Z");
        assert_eq!(told["key_not_before"], Value::Null);
        assert_eq!(told["address"], "127.0.0.1");
        assert_eq!(told["address_found_in"], "peer");
        assert_eq!(told["scopes"], json!(["chat"]));
        assert_eq!(told["key_models"], json!(["gpt-4o*"]));
        assert!(told["models"].is_array());
        assert_eq!(
            told["limits"],
            json!([
                { "requests": "5/min", "left": left },
                { "requests": "100/day", "left": 95 + left },
                { "concurrency": 3, "left": 3 },
            ])
        );
        // Asking took nothing; a request takes one.
        assert_eq!(gate.ask(gate.chat()).status, 200);
    }
}

#[test]
fn a_caller_is_told_the_rules_on_parameters_and_which_are_only_observed() {
    let rules = r#"{ max_tokens = 4096, tools = ["function"], store = false, mode = "observe" }"#;
    let gate = Setup::new("127.0.0.1:9").set("projects.search", "parameters", rules).start();
    let told = asked(&gate, &[("authorization", &format!("Bearer {}", gate.setup.client_key))]);
    assert_eq!(told["parameters"], json!({ "max_tokens": 4096, "tools": ["function"], "store": false }));
    assert_eq!(told["observed"], json!(["parameters"]));
    let plain = Setup::new("127.0.0.1:9").start();
    let told = asked(&plain, &[("authorization", &format!("Bearer {}", plain.setup.client_key))]);
    assert_eq!((&told["parameters"], &told["observed"]), (&Value::Null, &Value::Null));
}

#[test]
fn it_is_asked_with_any_sdks_header_and_leaves_a_record() {
    let gate = Setup::new("127.0.0.1:9").start();
    let key = gate.setup.client_key.clone();
    for header in ["x-api-key", "api-key", "x-goog-api-key"] {
        assert_eq!(asked(&gate, &[(header, &key)])["project"], "search");
    }
    for record in gate.records_when(3) {
        assert_eq!((&record["event"], &record["status"]), (&json!("served"), &json!(200)), "{record}");
        assert_eq!((&record["path"], &record["key_id"]), (&json!(PATH), &json!("search-prod")), "{record}");
        assert!(record.get("upstream").is_none(), "{record}");
    }
}

#[test]
fn strangers_are_told_nothing() {
    let setup = Setup::new("127.0.0.1:9").set("server", "allow_ips", r#""any""#);
    let gate = setup.set("projects.search", "allow_ips", r#"["10.0.0.0/8"]"#).start();
    let bearer = format!("Bearer {}", gate.setup.client_key);
    for (headers, reason) in
        [(vec![], "key_missing"), (vec![("authorization", bearer.as_str())], "ip_not_allowed")]
    {
        let answer = gate.ask(request("GET", PATH, &headers, ""));
        assert_eq!(answer.reason(), Some(reason), "{answer:?}");
        assert!(!answer.text().contains("search-prod"), "{answer:?}");
    }
}

#[test]
fn nothing_else_is_at_that_path() {
    let gate = Setup::new("127.0.0.1:9").start();
    let bearer = format!("Bearer {}", gate.setup.client_key);
    for (method, path) in [("POST", PATH), ("GET", "/portcullis/whoami/"), ("GET", "/portcullis")] {
        let answer = gate.ask(request(method, path, &[("authorization", &bearer)], ""));
        assert_eq!(answer.reason(), Some("endpoint_unknown"), "{method} {path}: {answer:?}");
    }
}
