//! Every refusal of `tests/answers` through a real gate: what the client sees, what is recorded and counted.
//!
//! One gate and one scripted upstream do for all: the request names the answer that it is to get.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "what only the pure function shows is for its own test")]
mod answers;
#[expect(dead_code, unused_imports, reason = "each test uses another part of the harness")]
mod cases;
#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use answers::{Answer, Client, SERVICES, Service};
use cases::{ROUTES, Route};
use common::client::Answer as Got;
use common::{Running, Setup, Upstream};
use portcullis::diagnosis;
use portcullis::dialect::Dialect;
use portcullis::provider::{Api, Provider};
use portcullis::snapshot::Snapshot;
use serde_json::Value;

/// Goes on to the upstream as the client sent it, so it can say which answer is asked for.
const WHICH: &str = "x-client-request-id";

fn provider(service: &Service) -> Provider {
    Provider::ALL.iter().copied().find(|provider| provider.name() == service.provider).unwrap()
}

/// An upstream that gives the answer whose number the request names.
fn upstream() -> Upstream {
    let written: Vec<String> = answers::all().iter().map(written).collect();
    Upstream::start(move |talk| {
        while let Some(request) = talk.request() {
            let which: usize = request.header(WHICH)[0].parse().unwrap();
            if talk.send(&written[which]).is_err() {
                return;
            }
        }
    })
}

fn written(answer: &Answer) -> String {
    let mut text = format!("HTTP/1.1 {} Refused\r\n", answer.status);
    for (name, value) in &answer.headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    let _ = write!(text, "content-length: {}\r\n\r\n{}", answer.body.len(), answer.body);
    text
}

/// A gate with an upstream for each service. All are on this machine, so whose errors they give is told to
/// the gate as it would find it out from the service's own host.
fn gate(upstream: &Upstream) -> Running {
    let mut setup = Setup::new(upstream.address);
    for service in &SERVICES {
        let path = match provider(service).api() {
            Api::OpenAi => "/v1",
            Api::Anthropic | Api::Gemini | Api::Vertex | Api::Bedrock | Api::Azure => "",
        };
        setup = setup.upstream(service.name, service.provider, &format!("http://{}{path}", upstream.address));
    }
    let names: Vec<String> = SERVICES.iter().map(|service| format!("\"{}\"", service.name)).collect();
    let told = |snapshot: &mut Snapshot| {
        for upstream in &mut snapshot.upstreams {
            let service = SERVICES.iter().find(|service| *service.name == *upstream.name).unwrap();
            upstream.makers = diagnosis::makers(upstream.provider, service.host);
        }
    };
    setup.set("projects.search", "upstreams", &format!("[{}]", names.join(", "))).adjust(told).start()
}

/// How a client of the service asks.
fn route(service: &Service) -> Route {
    let of = |name: &str| *ROUTES.iter().find(|route| route.name == name).unwrap();
    match provider(service).api() {
        Api::OpenAi | Api::Azure => of("openai"),
        Api::Anthropic => of("anthropic"),
        Api::Gemini => of("gemini"),
        Api::Vertex => {
            Route { path: "/v1/publishers/google/models/gemini-2.5-flash:generateContent", ..of("gemini") }
        }
        Api::Bedrock => {
            let path = "/model/anthropic.claude-sonnet-4/converse";
            Route { path, dialect: Dialect::Aws, body: r#"{"messages":[]}"#, ..of("openai") }
        }
    }
}

fn ask(gate: &Running, which: usize, service: &Service) -> Got {
    let route = route(service);
    let target = format!("/{}{}", service.name, route.path);
    let which = which.to_string();
    gate.ask(route.request("POST", &target, &gate.setup.client_key, &[(WHICH, &which)], route.body))
}

/// The name that the provider gave the request.
fn request_id(answer: &Answer) -> Option<&str> {
    const NAMES: [&str; 5] =
        ["x-request-id", "request-id", "apim-request-id", "x-amzn-requestid", "mistral-correlation-id"];
    let found = answer.headers.iter().find(|(name, _)| NAMES.contains(&&**name));
    found.map(|(_, value)| value.as_str())
}

/// Google's name for a kind of detail. It stands in the gate's own answers as well.
const GOOGLES_OWN: &str = "type.googleapis.com/google.rpc.ErrorInfo";

/// The texts in a provider's answer that could only come from there.
fn words(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) if GOOGLES_OWN.contains(&**text) => {}
        Value::String(text) if text.len() > 5 => into.push(text.clone()),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::Array(list) => list.iter().for_each(|value| words(value, into)),
        Value::Object(fields) => fields.values().for_each(|value| words(value, into)),
    }
}

/// The client learns that the gate's credential failed, in its own dialect, and nothing of the account.
fn is_hidden(answer: &Answer, got: &Got, told: &str) {
    assert_eq!((got.status, got.reason()), (502, Some("upstream_credential_rejected")), "{told}");
    let (body, code) = (got.json(), "upstream_credential_rejected");
    let said = match provider(answer.service).api() {
        Api::Anthropic => {
            assert_eq!(body["type"], "error", "{told}");
            assert_eq!(body["error"]["details"]["error_code"], code, "{told}");
            &body["error"]["message"]
        }
        Api::Gemini | Api::Vertex => {
            assert_eq!(body["error"]["code"], 502, "{told}");
            assert_eq!(body["error"]["details"][0]["reason"], code.to_ascii_uppercase(), "{told}");
            &body["error"]["message"]
        }
        Api::Bedrock => {
            assert_eq!(body["code"], code, "{told}");
            assert_eq!(got.header("x-amzn-errortype"), Some("ServiceUnavailableException"), "{told}");
            &body["message"]
        }
        Api::OpenAi | Api::Azure => {
            assert_eq!(body["error"]["code"], code, "{told}");
            &body["error"]["message"]
        }
    };
    assert!(said.as_str().unwrap().contains("It is not your key."), "{told}\n{body}");
    let mut theirs = Vec::new();
    words(&serde_json::from_str(&answer.body).unwrap_or_default(), &mut theirs);
    theirs.extend(request_id(answer).map(str::to_owned));
    theirs.push(answer.cause.clone());
    let everything = String::from_utf8(got.everything()).unwrap();
    for word in theirs {
        assert!(!everything.contains(&word), "{told}\n'{word}' is in {everything}");
    }
    assert_eq!(got.header("x-portcullis-diagnosis"), None, "{told}");
}

/// The client gets the answer itself, with the diagnosis beside it.
fn is_passed(answer: &Answer, got: &Got, told: &str) {
    assert_eq!((got.status, got.reason()), (answer.status, None), "{told}");
    assert_eq!(got.text(), *answer.sees.as_ref().unwrap_or(&answer.body), "{told}");
    let Answer { cause, whose, retry, .. } = answer;
    let diagnosis = format!("{cause}; whose={whose}; retry={retry}");
    assert_eq!(got.header("x-portcullis-diagnosis"), Some(&*diagnosis), "{told}");
    assert_eq!(got.header("x-upstream-request-id"), request_id(answer), "{told}");
    for (name, value) in &answer.headers {
        let passed = matches!(&**name, "content-type" | "retry-after" | "retry-after-ms");
        let ours = matches!(&**name, "x-request-id" | "request-id");
        assert!(ours || got.header(name) == passed.then_some(&**value), "{told}: {name}");
    }
}

/// The operator learns all of it.
fn is_recorded(answer: &Answer, record: &Value, told: &str) {
    let cause = diagnosis::causes().iter().find(|cause| cause.id == answer.cause);
    let mend = cause.map(|cause| match &*answer.named {
        "" => cause.mend.to_owned(),
        named => format!("{} ({named})", cause.mend),
    });
    let excerpt = cause.is_none().then(|| diagnosis::excerpt(answer.body.as_bytes()));
    let hidden = answer.client == Client::Hidden;
    let fields = [
        ("event", Some(if hidden { "failed" } else { "served" })),
        ("level", Some(if hidden { "ERROR" } else { "INFO" })),
        ("reason", hidden.then_some("upstream_credential_rejected")),
        ("upstream", Some(answer.service.name)),
        ("credential", Some("main")),
        ("cause", Some(&*answer.cause)),
        ("whose", Some(&*answer.whose)),
        ("what", cause.map(|cause| cause.what)),
        ("mend", mend.as_deref()),
        ("upstream_code", answer.code.as_deref()),
        ("upstream_request_id", request_id(answer)),
        ("upstream_excerpt", excerpt.as_deref()),
    ];
    for (name, expected) in fields {
        assert_eq!(record[name].as_str(), expected, "{told}\n{name} in {record}");
    }
    let status = if hidden { 502 } else { answer.status };
    assert_eq!((&record["status"], &record["upstream_status"]), (&status.into(), &answer.status.into()));
}

#[test]
fn each_refusal_is_told_to_the_client_the_operator_and_the_metrics() {
    let upstream = upstream();
    let gate = gate(&upstream);
    let all = answers::all();
    let mut asked: Vec<(String, &Answer)> = Vec::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (which, answer) in all.iter().enumerate() {
        let (got, told) = (ask(&gate, which, answer.service), answer.told());
        match answer.client {
            Client::Hidden => is_hidden(answer, &got, &told),
            Client::Passed => is_passed(answer, &got, &told),
        }
        asked.push((got.header("x-request-id").expect("a request id").to_owned(), answer));
        let (cause, whose) = (&answer.cause, &answer.whose);
        let labels = format!(r#"upstream="{}",cause="{cause}",whose="{whose}""#, answer.service.name);
        *counts.entry(labels).or_default() += 1;
    }
    let records: HashMap<String, Value> = gate
        .records_when(all.len())
        .into_iter()
        .map(|record| (record["request_id"].as_str().unwrap().to_owned(), record))
        .collect();
    for (id, answer) in &asked {
        is_recorded(answer, &records[id], &answer.told());
    }
    assert!(!gate.written.text().contains("0123456789abcdef"), "a key is in the log");
    let line = |(labels, count): (&String, &usize)| {
        format!("portcullis_upstream_refusals_total{{{labels}}} {count}")
    };
    let expected: Vec<String> = counts.iter().map(line).collect();
    let metrics = gate.metrics();
    let mut counted: Vec<&str> =
        metrics.lines().filter(|line| line.starts_with("portcullis_upstream_refusals_total{")).collect();
    counted.sort_unstable();
    assert_eq!(counted, expected);
}
