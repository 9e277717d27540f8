//! `portcullis probe`: what it says of credentials that work, that do not, and of nobody there.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};

use common::provider::Provider;
use serde_json::Value;

const RIGHT: &str = "sk-canary-right-0123456789";
const WRONG: &str = "sk-canary-wrong-0123456789";

/// A configuration with a stand-in of each kind, and its file.
fn configuration(name: &str, extra: &str) -> (Provider, PathBuf) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let provider = Provider::on(listener, RIGHT);
    let mut text = String::new();
    for (upstream, path) in [("openai", "/v1"), ("anthropic", ""), ("gemini", ""), ("azure-openai", "")] {
        let more = format!(
            "[upstreams.{upstream}]\nprovider = \"{upstream}\"\nbase_url = \"http://{address}{path}\"\n\
             credentials = [{{ id = \"main\", secret = \"env:RIGHT\" }}]\n"
        );
        text.push_str(&more);
    }
    let digest = "0".repeat(64);
    let project = format!(
        "[projects.a]\nupstreams = [\"openai\"]\nscopes = [\"chat\"]\nmodels = \"*\"\nallow_ips = \"any\"\n\
         [[projects.a.keys]]\nid = \"a\"\nsha256 = \"{digest}\"\n"
    );
    let text = text + extra + &project;
    let file = std::env::temp_dir().join(format!("portcullis-probe-{name}-{}.toml", std::process::id()));
    std::fs::write(&file, text).unwrap();
    (provider, file)
}

fn probe(file: &std::path::Path, arguments: &[&str]) -> (i32, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["probe", "--config"])
        .arg(file)
        .args(arguments)
        .envs([("RIGHT", RIGHT), ("WRONG", WRONG)])
        .output()
        .unwrap();
    let said = String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap();
    assert!(!said.contains("0123456789"), "{said}");
    (status.code().unwrap(), said)
}

#[test]
fn credentials_that_work_are_accepted_by_every_kind_of_upstream() {
    let (_provider, file) = configuration("fine", "");
    let (code, said) = probe(&file, &[]);
    assert_eq!((code, said.matches("✓").count()), (0, 4), "{said}");
    let (code, said) = probe(&file, &["anthropic", "--format", "json"]);
    let told: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, told.as_array().unwrap().len()), (0, 1), "{told}");
    assert_eq!((&told[0]["upstream"], &told[0]["accepted"]), (&"anthropic".into(), &true.into()));
    assert!(told[0]["models"].as_u64().unwrap() > 0);
    let _ = std::fs::remove_file(file);
}

#[test]
fn what_is_refused_or_not_there_is_told_with_its_mend() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let _other = Provider::on(listener, RIGHT);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let extra = format!(
        "[upstreams.second]\nprovider = \"openai\"\nbase_url = \"http://{address}/v1\"\n\
         credentials = [{{ id = \"old\", secret = \"env:WRONG\" }}, {{ id = \"new\", secret = \"env:RIGHT\" }}]\n\
         [upstreams.nobody]\nprovider = \"openai\"\nbase_url = \"http://{free}/v1\"\n\
         credentials = [{{ id = \"main\", secret = \"env:RIGHT\" }}]\n"
    );
    let (_provider, file) = configuration("refused", &extra);
    let (code, said) = probe(&file, &["second"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("✗ second / old: refused with 401: openai_key_invalid"), "{said}");
    assert!(said.contains("mend:          rotate the credential"), "{said}");
    assert!(said.contains("✓ second / new: accepted"), "{said}");

    let (code, said) = probe(&file, &["nobody", "--format", "json"]);
    let told: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &told[0]["accepted"]), (1, &false.into()), "{told}");
    assert!(told[0]["unreachable"].is_string(), "{told}");

    let (code, said) = probe(&file, &["nowhere"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("there is no upstream 'nowhere'"), "{said}");
    let _ = std::fs::remove_file(file);
}

#[test]
fn what_an_answer_tells_of_the_account_and_of_our_address_is_shown() {
    let list = r#"{"object":"list","data":[{"id":"gpt-4o"}]}"#;
    let head = "openai-organization: org-acme\r\nx-ratelimit-limit-requests: 5000\r\nx-ratelimit-remaining-requests: 4999\r\n";
    let refusal = r#"{"error":{"message":"Your IP address 203.0.113.77 is not authorized for this project.","type":"invalid_request_error","param":null,"code":"ip_not_authorized"}}"#;
    let fine = common::Upstream::answering(format!(
        "HTTP/1.1 200 OK\r\n{head}content-length: {}\r\n\r\n{list}",
        list.len()
    ));
    let closed = common::Upstream::answering(format!(
        "HTTP/1.1 401 Unauthorized\r\nx-request-id: req_1\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{refusal}",
        refusal.len()
    ));
    let of = |name: &str, address| {
        format!(
            "[upstreams.{name}]\nprovider = \"openai\"\nbase_url = \"http://{address}/v1\"\ncredentials = [{{ id = \"main\", secret = \"env:RIGHT\" }}]\n"
        )
    };
    let (_provider, file) =
        configuration("account", &(of("fine", fine.address) + &of("closed", closed.address)));
    let (code, said) = probe(&file, &["fine"]);
    assert_eq!(code, 0, "{said}");
    for part in [
        "accepted; 1 models",
        "the account:   organization org-acme, requests allowed 5000, requests left 4999",
        "only a paid request tells",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let (code, said) = probe(&file, &["closed"]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("openai_ip_not_authorized") && said.contains("it saw us at:  203.0.113.77"),
        "{said}"
    );
    let (_, said) = probe(&file, &["closed", "--format", "json"]);
    let told: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(told[0]["address"], "203.0.113.77");
    let (_, said) = probe(&file, &["fine", "--format", "json"]);
    let told: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(told[0]["account"]["requests left"], "4999");
    let _ = std::fs::remove_file(file);
}
