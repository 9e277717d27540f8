//! Every provider of the table gets its own path and credential, by its name in front of the path.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use common::{CHAT, OK, Setup, Upstream, post};
use portcullis::dialect::{Api, Provider};

/// The path of a chat as a client of the provider's API sends it, and as the provider takes it.
fn chat(provider: Provider) -> (&'static str, &'static str) {
    match provider.api() {
        Api::OpenAi => ("/v1/chat/completions", "/chat/completions"),
        Api::Anthropic => ("/v1/messages", "/v1/messages"),
        Api::Gemini => (
            "/v1beta/models/gemini-2.5-flash:generateContent",
            "/v1beta/models/gemini-2.5-flash:generateContent",
        ),
        Api::Azure => {
            ("/openai/deployments/prod/chat/completions", "/openai/deployments/prod/chat/completions")
        }
    }
}

/// What stands behind the host in the provider's base URL.
fn base_path(provider: Provider) -> String {
    let url = provider.default_base_url().unwrap_or("https://host/v1");
    let path = url.splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap_or_default();
    if provider.api() == Api::OpenAi || provider.default_base_url().is_some() { path } else { String::new() }
}

#[test]
fn each_gets_its_own_path_and_credential() {
    for provider in Provider::ALL.iter().copied() {
        let upstream = Upstream::answering(OK);
        let (name, base) = (provider.name(), base_path(provider));
        let gate = Setup::new("127.0.0.1:9")
            .upstream("it", name, &format!("http://{}{base}", upstream.address))
            .set("projects.search", "upstreams", r#"["it"]"#)
            .start();
        let (path, expected) = chat(provider);
        // Where the path names the model, the body need not.
        let in_path = matches!(provider.api(), Api::Gemini | Api::Azure);
        let body = if in_path { r#"{"contents":[],"messages":[]}"# } else { CHAT };
        let mut paths = vec![path.to_owned(), format!("/it{path}")];
        if !provider.facts().sdk_root.is_empty() {
            paths.push(format!("/it{}{path}", provider.facts().sdk_root));
        }
        for path in paths {
            let answer = gate.ask(post(&path, &gate.setup.client_key, body));
            assert_eq!(answer.status, 200, "{name} {path}: {}", answer.text());
            let received = upstream.requests().pop().unwrap();
            assert!(
                received.head.starts_with(&format!("POST {base}{expected} HTTP/1.1\r\n")),
                "{name}: {}",
                received.head
            );
            let (header, prefix) = provider.credential_slot();
            let sent = format!("{prefix}{}", gate.setup.provider_key);
            assert_eq!(received.header(header.as_str()), [sent.as_str()], "{name}");
            assert!(!received.head.contains("pcl_"), "{name}");
        }
    }
}

#[test]
fn a_model_server_of_ones_own_needs_no_credential_and_a_service_does() {
    for provider in Provider::ALL.iter().copied() {
        let url = "http://127.0.0.1:9/x";
        let setup = Setup::new("127.0.0.1:9").upstream("it", provider.name(), url).set(
            "upstreams.it",
            "credentials",
            "[]",
        );
        let registry = portcullis::limits::Registry::new(portcullis::clock::Moment::now());
        let loaded = portcullis::config::load(&setup.sources(), &registry);
        assert_eq!(loaded.is_ok(), provider.facts().keyless, "{provider}");
    }
}
