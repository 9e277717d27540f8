//! What a provider's refusal becomes on its way through the gate: for the client, in the record, in the metric.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, unused_imports, reason = "each test uses another part of the harness")]
mod cases;
#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use cases::ROUTES;
use common::client::Answer;
use common::{Running, Setup, Upstream};
use portcullis::dialect::Dialect;
use serde_json::Value;

const JSON: &str = "content-type: application/json\r\n";

/// What a client got and what was told of it, when the upstream of a dialect answers like this.
fn refused(dialect: Dialect, status: &str, head: &str, body: &str) -> (Answer, Value, Running) {
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\n{head}content-length: {length}\r\n\r\n{body}");
    let upstream = Upstream::answering(answer);
    let gate = Setup::new(upstream.address).start();
    let route = ROUTES.iter().find(|route| route.dialect == dialect).unwrap();
    let answer = gate.ask(route.chat(&gate.setup.client_key));
    let record = gate.record();
    (answer, record, gate)
}

#[test]
fn a_refusal_for_the_caller_is_passed_on_with_its_diagnosis() {
    let body = r#"{"error":{"message":"Project `proj_1` does not have access to model `gpt-4o`","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#;
    let head = format!("{JSON}x-request-id: req_theirs\r\n");
    let (answer, record, gate) = refused(Dialect::OpenAi, "403 Forbidden", &head, body);
    assert_eq!((answer.status, answer.text().as_str()), (403, body));
    let told = "openai_model_not_enabled; whose=account-administrator; retry=after-mend";
    assert_eq!(answer.header("x-portcullis-diagnosis"), Some(told));
    assert_eq!(answer.header("x-upstream-request-id"), Some("req_theirs"));
    assert_eq!(answer.reason(), None);
    for (name, value) in [
        ("event", "served"),
        ("cause", "openai_model_not_enabled"),
        ("whose", "account-administrator"),
        ("upstream_code", "model_not_found"),
        ("upstream_request_id", "req_theirs"),
        ("mend", "enable the model in the project's limits at OpenAI (project proj_1; model gpt-4o)"),
    ] {
        assert_eq!(record[name], value, "{record}");
    }
    assert_eq!((&record["status"], &record["upstream_status"]), (&403.into(), &403.into()));
    let labels = r#"{upstream="openai",cause="openai_model_not_enabled",whose="account-administrator"} 1"#;
    assert!(
        gate.metrics().contains(&format!("portcullis_upstream_refusals_total{labels}\n")),
        "{}",
        gate.metrics()
    );
}

#[test]
fn a_failed_credential_is_the_gates_own_matter() {
    let openai = r#"{"error":{"message":"Incorrect API key provided: sk-proj-abc***********xyz9.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#;
    let hold = r#"{"type":"error","error":{"type":"invalid_request_error","message":"This organization has been disabled.","details":{"error_code":"organization_on_hold"}},"request_id":"req_1"}"#;
    let google = r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#;
    for (dialect, status, body, cause) in [
        (Dialect::OpenAi, "401 Unauthorized", openai, "openai_key_invalid"),
        (Dialect::Anthropic, "400 Bad Request", hold, "anthropic_organization_on_hold"),
        (Dialect::Gemini, "400 Bad Request", google, "google_key_invalid"),
    ] {
        let (answer, record, _gate) = refused(dialect, status, JSON, body);
        assert_eq!((answer.status, answer.reason()), (502, Some("upstream_credential_rejected")), "{record}");
        assert!(answer.text().contains("It is not your key."), "{answer:?}");
        assert_eq!((&record["level"], &record["cause"]), (&"ERROR".into(), &cause.into()), "{record}");
        assert!(!record["mend"].as_str().unwrap().is_empty());
    }
}

#[test]
fn keys_in_a_providers_words_are_left_out() {
    let body = r#"{"error":{"message":"Something about sk-proj-0123456789abcdef and AIzaSy0123456789abcdef","type":"x","param":null,"code":"rate_limit_exceeded"}}"#;
    let (answer, record, gate) = refused(Dialect::OpenAi, "429 Too Many Requests", JSON, body);
    assert_eq!(answer.status, 429);
    assert_eq!(answer.json()["error"]["message"], "Something about sk-proj-[redacted] and AIza[redacted]");
    assert_eq!(record["cause"], "rate_limited");
    assert!(!gate.written.text().contains("0123456789abcdef"));
}

#[test]
fn what_nobody_understands_is_shown_to_the_operator_only() {
    let body = r#"{"odd":"a new kind of refusal, sk-ant-api03-0123456789abcdef"}"#;
    let (answer, record, _gate) = refused(Dialect::OpenAi, "403 Forbidden", JSON, body);
    // It may speak of the account, so it stays here.
    assert_eq!(answer.reason(), Some("upstream_credential_rejected"));
    assert!(!answer.text().contains("new kind"));
    assert_eq!(record["cause"], "undiagnosed");
    assert_eq!(record["upstream_excerpt"], r#"{"odd":"a new kind of refusal, sk-ant-[redacted]"}"#);
}

#[test]
fn an_edges_page_is_told_from_the_provider() {
    let head = "content-type: text/html\r\nserver: cloudflare\r\ncf-ray: 8d1f0a-FRA\r\n";
    let page = "<html><head><title>Just a moment...</title></head></html>";
    for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
        let (answer, record, _gate) = refused(dialect, "403 Forbidden", head, page);
        assert_eq!((answer.status, answer.text().as_str()), (403, page));
        assert_eq!((&record["cause"], &record["whose"]), (&"blocked_at_edge".into(), &"operator".into()));
        assert!(record["mend"].as_str().unwrap().ends_with("(cf-ray 8d1f0a-FRA)"), "{record}");
    }
}

#[test]
fn a_refusal_too_long_to_be_read_goes_on_whole() {
    let long =
        format!(r#"{{"error":{{"message":"{}","type":"invalid_request_error"}}}}"#, "x".repeat(300_000));
    let (answer, record, _gate) = refused(Dialect::OpenAi, "400 Bad Request", JSON, &long);
    assert!(answer.whole && answer.text() == long);
    assert_eq!(record["response_bytes"], long.len());
    assert_eq!(record["cause"], "request_invalid");
}

#[test]
fn a_compressed_refusal_goes_on_as_it_is() {
    let head = "content-type: application/json\r\ncontent-encoding: gzip\r\n";
    let (answer, record, _gate) =
        refused(Dialect::OpenAi, "429 Too Many Requests", head, "\u{1f}not really gzip");
    assert_eq!((answer.status, answer.text().as_str()), (429, "\u{1f}not really gzip"));
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert_eq!(record["cause"], "rate_limited");
}
