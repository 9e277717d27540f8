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
use http::StatusCode;
use portcullis::diagnosis::{self, Maker};
use portcullis::dialect::Dialect;
use portcullis::snapshot::Snapshot;
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

/// What a provider answered, and what it means, as the function's own tests read it.
#[derive(serde::Deserialize)]
struct Written {
    maker: String,
    status: u16,
    headers: std::collections::BTreeMap<String, String>,
    body: String,
    cause: String,
}

type Adjust = fn(&mut Snapshot);

/// The upstream of the provider whose answer it is, in front of whose paths its name stands, and how
/// such an upstream is told whose answers it gives: by its host, which here is this machine.
fn whose(maker: Maker) -> (&'static str, &'static str, Option<Adjust>) {
    fn set(snapshot: &mut Snapshot, makers: &'static [Maker]) {
        let at = snapshot.upstream_named("other").unwrap();
        snapshot.upstreams[at].makers = makers;
    }
    let chat = "/other/v1/chat/completions";
    match maker {
        Maker::Any | Maker::OpenAi => ("openai", "/v1/chat/completions", None),
        Maker::Anthropic => ("anthropic", "/v1/messages", None),
        Maker::Google => ("gemini", "/v1beta/models/gemini-2.5-flash:generateContent", None),
        Maker::Azure => ("azure", "/azure/openai/v1/chat/completions", None),
        Maker::Bedrock => ("other", chat, Some(|snapshot| set(snapshot, &[Maker::Bedrock]))),
        Maker::Mistral => ("other", chat, Some(|snapshot| set(snapshot, &[Maker::Mistral]))),
        Maker::Xai => ("other", chat, Some(|snapshot| set(snapshot, &[Maker::Xai]))),
        Maker::OpenRouter => ("other", chat, Some(|snapshot| set(snapshot, &[Maker::OpenRouter]))),
        Maker::Groq => ("other", chat, Some(|snapshot| set(snapshot, &[Maker::Groq]))),
        Maker::DeepSeek => ("other", chat, Some(|snapshot| set(snapshot, &[Maker::DeepSeek]))),
        Maker::Cohere => ("other", chat, Some(|snapshot| set(snapshot, &[Maker::Cohere]))),
        Maker::Local => ("other", chat, Some(|snapshot| set(snapshot, &[Maker::Local]))),
    }
}

/// A gate in front of an upstream that answers what it is handed.
fn gate_before(maker: Maker) -> (Running, Upstream, std::sync::mpsc::Sender<String>) {
    let (hand, answers) = std::sync::mpsc::channel::<String>();
    let answers = std::sync::Mutex::new(answers);
    let upstream = Upstream::start(move |talk| {
        while talk.request().is_some() {
            let Ok(answer) = answers.lock().unwrap().recv() else { return };
            if talk.send(answer).is_err() {
                return;
            }
        }
    });
    let mut setup = Setup::new(upstream.address)
        .upstream("azure", "azure-openai", &format!("http://{}", upstream.address))
        .upstream("other", "openai-compatible", &format!("http://{}/v1", upstream.address))
        .set("projects.search", "upstreams", r#"["openai", "anthropic", "gemini", "azure", "other"]"#)
        // So that a bare path goes to OpenAI; the others are named in the path.
        .set("upstreams.openai", "models", r#"["gpt-4o-mini"]"#);
    if let (_, _, Some(adjust)) = whose(maker) {
        setup = setup.adjust(adjust);
    }
    (setup.start(), upstream, hand)
}

#[test]
fn every_answer_of_every_provider_goes_through_the_gate_as_what_it_means() {
    let answers: Vec<Written> = serde_json::from_str(include_str!("answers.json")).unwrap();
    let mut driven = 0;
    for maker in Maker::ALL {
        let of_maker: Vec<&Written> = answers.iter().filter(|answer| answer.maker == maker.word()).collect();
        let (gate, _upstream, hand) = gate_before(maker);
        let (upstream, path, _) = whose(maker);
        for (at, written) in of_maker.iter().enumerate() {
            let Written { status, headers, body, cause, .. } = written;
            let head =
                headers.iter().fold(String::new(), |head, (name, value)| head + name + ": " + value + "\r\n");
            hand.send(format!(
                "HTTP/1.1 {status} Refused\r\n{head}content-length: {}\r\n\r\n{body}",
                body.len()
            ))
            .unwrap();
            let model = if path.contains("gemini") { "" } else { r#""model":"gpt-4o-mini","# };
            let sent = format!(r#"{{{model}"messages":[],"contents":[],"max_tokens":1}}"#);
            let answer = gate.ask(common::post(path, &gate.setup.client_key, &sent));
            let record = gate.records_when(at + 1).remove(at);
            let what = format!("{} {status} {body}\n{record}", maker.word());

            // The table says the same of it.
            let map = (&headers.clone().into_iter().collect::<std::collections::HashMap<_, _>>()).try_into();
            let code = StatusCode::from_u16(*status).unwrap();
            let found = diagnosis::diagnose(&[maker], code, &map.unwrap(), body.as_bytes());
            let ours = found.is_ours(code);
            driven += 1;

            // In the record.
            assert_eq!(
                (&record["upstream"], &record["upstream_status"]),
                (&upstream.into(), &(*status).into()),
                "{what}"
            );
            assert_eq!(
                (&record["cause"], &record["whose"]),
                (&cause.as_str().into(), &found.whose().into()),
                "{what}"
            );
            let known = found.cause.is_some();
            assert_eq!(record["what"].as_str(), found.cause.map(|cause| cause.what), "{what}");
            assert_eq!(record["mend"].as_str().map(str::is_empty), known.then_some(false), "{what}");
            assert_eq!(record["upstream_excerpt"].is_string(), !known, "{what}");
            let id = ["x-request-id", "request-id", "apim-request-id", "x-amzn-requestid"]
                .iter()
                .find_map(|name| headers.get(*name));
            assert_eq!(record["upstream_request_id"].as_str(), id.map(String::as_str), "{what}");
            // For the client.
            let told = format!("{cause}; whose={}; retry={}", found.whose(), found.retry());
            if ours {
                assert_eq!(
                    (answer.status, answer.reason()),
                    (502, Some("upstream_credential_rejected")),
                    "{what}"
                );
                assert!(answer.text().contains("It is not your key."), "{what}");
                assert_eq!(
                    (&record["level"], &record["reason"]),
                    (&"ERROR".into(), &"upstream_credential_rejected".into())
                );
            } else {
                assert_eq!((answer.status, answer.reason()), (*status, None), "{what}");
                assert_eq!(answer.header("x-portcullis-diagnosis"), Some(told.as_str()), "{what}");
                assert_eq!(answer.text(), portcullis::provider_key::redacted(body), "{what}");
            }
            // In the metric.
            let labels = format!(r#"{{upstream="{upstream}",cause="{cause}",whose="{}"}}"#, found.whose());
            let alike = of_maker[..=at].iter().filter(|other| other.cause == *cause).count();
            let sample = format!("portcullis_upstream_refusals_total{labels} {alike}\n");
            assert!(gate.metrics().contains(&sample), "{sample}{}", gate.metrics());
        }
    }
    assert_eq!(driven, answers.len());
}
