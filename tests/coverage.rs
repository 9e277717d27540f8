//! Nothing is without a case: every refusal has a row, a snapshot in each dialect, and every endpoint
//! is carried to an upstream and back.
//!
//! The snapshots in `tests/snapshots/denials` read as documentation: what the client of each dialect
//! sees of each refusal, and what the operator reads beside it.

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

use std::collections::BTreeSet;
use std::fmt::Write as _;

use cases::{Driven, ROUTES};
use common::Setup;
use common::client::request;
use common::provider::Provider;
use portcullis::denial::Reason;
use portcullis::dialect::{Dialect, Surface};
use portcullis::endpoint::{self, Endpoint, ModelIn, Verb};
use serde_json::Value;

#[test]
fn every_reason_has_a_case_in_every_dialect_in_which_it_can_be_met() {
    let cases = cases::all();
    for reason in Reason::ALL {
        let met: Vec<Dialect> = cases
            .iter()
            .filter(|case| case.reason == *reason)
            .flat_map(|case| case.dialects.iter().copied())
            .collect();
        for dialect in [Dialect::OpenAi, Dialect::Anthropic, Dialect::Gemini] {
            // Gemini names its model in the path: a path without one is no endpoint.
            let possible = !(dialect == Dialect::Gemini && *reason == Reason::ModelMissing);
            assert_eq!(met.contains(&dialect), possible, "{} in {dialect:?}", reason.code());
        }
    }
}

#[test]
fn every_refusal_reads_as_its_snapshot_says() {
    let mut taken = BTreeSet::new();
    for case in cases::all() {
        for route in case.routes() {
            let shown = shown(&case.drive(route));
            let name = case.name(route);
            insta::with_settings!({
                snapshot_path => "snapshots/denials",
                prepend_module_to_snapshot => false,
                omit_expression => true,
            }, {
                insta::assert_snapshot!(name.as_str(), shown);
            });
            assert!(taken.insert(format!("{name}.snap")), "two cases are named {name}");
        }
    }
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/denials");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(taken.contains(&name), "{name} is the snapshot of no case");
    }
}

/// What client and operator see, without what changes from run to run.
fn shown(driven: &Driven) -> String {
    let (answer, mut record) = (&driven.answer, driven.record());
    let mut out = format!("HTTP/1.1 {}\n", answer.status);
    for (name, value) in &answer.headers {
        let value = match name.as_str() {
            "date" | "content-length" => continue,
            "retry-after" | "retry-after-ms" => "[wait]",
            _ => value,
        };
        let _ = writeln!(out, "{name}: {value}");
    }
    let _ = writeln!(out, "\n{:#}\n", answer.json());
    for (field, value) in record.as_object_mut().unwrap() {
        if field == "timestamp" || field == "config" || field == "retry_after_ms" || field.ends_with("_us") {
            *value = Value::from(format!("[{field}]"));
        }
    }
    let _ = writeln!(out, "{record:#}");
    out.replace(answer.header("x-request-id").unwrap(), "[id]")
}

#[test]
fn every_endpoint_is_carried() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let setup = Setup::new(address).upstream("azure", "azure-openai", &format!("http://{address}")).set(
        "projects.search",
        "upstreams",
        r#""*""#,
    );
    let provider = Provider::on(listener, &setup.provider_key);
    let gate = setup.start();
    for endpoint in endpoint::ALL {
        for root in endpoint::roots(endpoint.surface) {
            if root.is_empty() && endpoint.verb == Verb::Get {
                continue;
            }
            let name = format!("{:?} {root} {}", endpoint.surface, endpoint.name);
            let answer = gate.ask(asking(endpoint, root, &gate.setup.client_key));
            assert_eq!(answer.status, 200, "{name}: {}", answer.text());
            assert!(answer.whole, "{name}");
            let id = answer.header("x-request-id").unwrap().to_owned();
            let mut record = None;
            common::until("the record is written", || {
                record = gate.records().into_iter().find(|record| record["request_id"] == id.as_str());
                record.is_some()
            });
            let record = record.unwrap();
            assert_eq!(record["event"], "served", "{name}");
            assert_eq!(record["endpoint"], endpoint.name, "{name}");
            assert_eq!(record["scope"], endpoint.scope.name(), "{name}");
            assert_eq!(record["model"].is_null(), endpoint.model == ModelIn::Nowhere, "{name}");
            assert_eq!(provider.standin.last_request().unwrap().method.as_str(), endpoint.verb.name());
        }
    }
}

/// A request of an endpoint as its SDK sends it.
fn asking(endpoint: &Endpoint, root: &str, key: &str) -> Vec<u8> {
    let (front, model, slot) = match endpoint.surface {
        Surface::OpenAi => ("/openai", "gpt-4o-mini", ("authorization", format!("Bearer {key}"))),
        Surface::Anthropic => ("", "claude-sonnet-4-5", ("x-api-key", key.to_owned())),
        Surface::Gemini => ("", "gemini-2.5-flash", ("x-goog-api-key", key.to_owned())),
        Surface::AzureDeployment | Surface::AzureV1 => ("/azure", "gpt-4o", ("api-key", key.to_owned())),
    };
    let azure = if endpoint.surface == Surface::AzureDeployment { "?api-version=2024-10-21" } else { "" };
    let path = endpoint.path.replace("{model}", model);
    let mut headers = vec![(slot.0, slot.1.as_str())];
    if endpoint.surface == Surface::Anthropic {
        headers.push(("anthropic-version", "2023-06-01"));
    }
    let body = match (endpoint.verb, endpoint.surface) {
        (Verb::Get, _) => String::new(),
        (Verb::Post, Surface::Gemini) if endpoint.name == "batch_embed" => format!(
            r#"{{"requests":[{{"model":"models/{model}","content":{{"parts":[{{"text":"hello"}}]}}}}]}}"#
        ),
        (Verb::Post, Surface::Gemini) if endpoint.name == "embed" => {
            r#"{"content":{"parts":[{"text":"hello"}]}}"#.to_owned()
        }
        (Verb::Post, Surface::Gemini) => ROUTES[2].body.to_owned(),
        (Verb::Post, _) => format!(
            r#"{{"model":"{model}","max_tokens":9,"input":"hello","prompt":"hello","messages":[{{"role":"user","content":"hello"}}]}}"#
        ),
    };
    if !body.is_empty() {
        headers.push(("content-type", "application/json"));
    }
    request(endpoint.verb.name(), &format!("{front}{root}{path}{azure}"), &headers, &body)
}
