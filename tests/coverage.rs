//! Nothing is without a case: every refusal has a row and a snapshot in each dialect.
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

use cases::Driven;
use portcullis::denial::Reason;
use portcullis::dialect::Dialect;
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
            // Anthropic has no WebSocket.
            let possible = !(dialect == Dialect::Gemini && *reason == Reason::ModelMissing
                || dialect == Dialect::Anthropic && *reason == Reason::HandshakeInvalid);
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
        // How much of a body has come when there is no room for more depends on how it is cut.
        let cut = field == "request_bytes" && answer.reason() == Some("memory_limited");
        let named = matches!(field.as_str(), "timestamp" | "config" | "retry_after_ms");
        if cut || named || field.ends_with("_us") {
            *value = Value::from(format!("[{field}]"));
        }
    }
    let _ = writeln!(out, "{record:#}");
    out.replace(answer.header("x-request-id").unwrap(), "[id]")
}
