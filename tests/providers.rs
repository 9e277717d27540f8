//! Every provider of the table gets its own path and credential, by its name in front of the path.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use common::client::request;
use common::{CHAT, OK, Setup, Upstream, post};
use portcullis::provider::{Api, Provider};

/// The path of a chat as a client of the provider's API sends it, and as the provider takes it.
fn chat(provider: Provider) -> (&'static str, String) {
    let (path, at) = match provider.api() {
        Api::OpenAi => return ("/v1/chat/completions", format!("{}/chat/completions", provider.openai_at())),
        Api::Anthropic => ("/v1/messages", ""),
        Api::Gemini => ("/v1beta/models/gemini-2.5-flash:generateContent", ""),
        Api::Vertex => ("/v1/publishers/google/models/gemini-2.5-flash:generateContent", ""),
        Api::Bedrock => ("/model/anthropic.claude-v2%3A1/converse", ""),
        Api::Azure => ("/openai/deployments/prod/chat/completions", ""),
    };
    (path, format!("{at}{path}"))
}

#[test]
fn each_gets_its_own_path_and_credential() {
    for provider in Provider::ALL.iter().copied() {
        let upstream = Upstream::answering(OK);
        let name = provider.name();
        // A base URL of one's own, also as OpenAI's SDK is given it.
        for end in ["", provider.openai_at()] {
            if !end.is_empty() && provider.api() != Api::OpenAi {
                continue;
            }
            let gate = Setup::new("127.0.0.1:9")
                .upstream("it", name, &format!("http://{}/base{end}", upstream.address))
                .set("projects.search", "upstreams", r#"["it"]"#)
                .start();
            let (path, expected) = chat(provider);
            // Where the path names the model, the body need not.
            let body = if matches!(provider.api(), Api::OpenAi | Api::Anthropic) { CHAT } else { "{}" };
            let mut paths = vec![path.to_owned(), format!("/it{path}")];
            if !provider.facts().sdk_root.is_empty() {
                paths.push(format!("/it{}{path}", provider.facts().sdk_root));
            }
            for path in paths {
                let answer = gate.ask(post(&path, &gate.setup.client_key, body));
                assert_eq!(answer.status, 200, "{name} {path}: {}", answer.text());
                let received = upstream.requests().pop().unwrap();
                assert_eq!(received.target(), format!("/base{expected}"), "{name} {path}");
                let (header, prefix) = provider.credential_slot();
                let sent = format!("{prefix}{}", gate.setup.provider_key);
                assert_eq!(received.header(header.as_str()), [sent.as_str()], "{name}");
                assert!(!received.head.contains("pcl_"), "{name}");
            }
        }
    }
}

#[test]
fn a_request_that_names_no_upstream_goes_to_one_whose_own_api_it_is() {
    let (own, other) = (Upstream::answering(OK), Upstream::answering(OK));
    let start = |upstreams: &str| {
        Setup::new("127.0.0.1:9")
            .upstream("a-other", "gemini", &format!("http://{}", other.address))
            .upstream("b-own", "openai", &format!("http://{}/v1", own.address))
            .set("projects.search", "upstreams", upstreams)
            .start()
    };
    let gate = start(r#"["a-other", "b-own"]"#);
    assert_eq!(gate.ask(gate.chat()).status, 200);
    assert_eq!((own.requests().len(), other.requests().len()), (1, 0));
    // A project that may only use the other gets it.
    let gate = start(r#"["a-other"]"#);
    assert_eq!(gate.ask(gate.chat()).status, 200);
    assert_eq!(other.requests()[0].target(), "/v1beta/openai/chat/completions");
}

#[test]
fn of_those_that_would_answer_alike_the_one_is_taken_that_made_the_api() {
    let (made, other) = (Upstream::answering(OK), Upstream::answering(OK));
    let start = |models: &str| {
        Setup::new("127.0.0.1:9")
            .upstream("a-other", "groq", &format!("http://{}", other.address))
            .set("upstreams.a-other", "models", models)
            .upstream("b-made", "openai", &format!("http://{}/v1", made.address))
            .set("projects.search", "upstreams", r#"["a-other", "b-made"]"#)
            .start()
    };
    let gate = start(r#"["*"]"#);
    assert_eq!(gate.ask(gate.chat()).status, 200);
    assert_eq!((made.requests().len(), other.requests().len()), (1, 0));
    // A list that fits more closely comes first.
    let gate = start(r#"["gpt-4o*"]"#);
    assert_eq!(gate.ask(gate.chat()).status, 200);
    assert_eq!((made.requests().len(), other.requests().len()), (1, 1));
}

#[test]
fn a_path_that_a_service_shares_with_openai_and_answers_otherwise_is_its_own() {
    let (openai, mistral) = (Upstream::answering(OK), Upstream::answering(OK));
    let gate = Setup::new("127.0.0.1:9")
        .upstream("a-openai", "openai", &format!("http://{}/v1", openai.address))
        .upstream("b-mistral", "mistral", &format!("http://{}", mistral.address))
        .set("projects.search", "upstreams", r#"["a-openai", "b-mistral"]"#)
        .set("projects.search", "scopes", r#"["files:read"]"#)
        .start();
    let bearer = format!("Bearer {}", gate.setup.client_key);
    let ask = |path: &str| gate.ask(request("GET", path, &[("authorization", &bearer)], ""));
    // As Mistral's SDK lists files.
    let query = "?page=0&page_size=100&include_total=true";
    assert_eq!(ask(&format!("/b-mistral/v1/files{query}")).status, 200);
    assert_eq!(mistral.requests()[0].target(), format!("/v1/files{query}"));
    for path in ["/a-openai/v1/files", "/v1/files"] {
        assert_eq!(ask(&format!("{path}{query}")).reason(), Some("query_not_allowed"), "{path}");
    }
    assert_eq!(ask("/v1/files?limit=1").status, 200);
    assert_eq!((openai.requests().len(), mistral.requests().len()), (1, 1));
    // The rest of Mistral's files is spelled as OpenAI's.
    assert_eq!(ask("/b-mistral/v1/files/file-1").status, 200);
}

#[test]
fn a_paths_part_that_a_service_documents_for_another_sdk_is_left_out() {
    let upstream = Upstream::answering(OK);
    let gate = Setup::new("127.0.0.1:9")
        .upstream("deepseek", "deepseek", &format!("http://{}", upstream.address))
        .set("projects.search", "upstreams", r#"["deepseek"]"#)
        .start();
    for path in ["/deepseek/anthropic/v1/messages", "/deepseek/v1/messages"] {
        let answer = gate.ask(post(path, &gate.setup.client_key, CHAT));
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(upstream.requests().pop().unwrap().target(), "/anthropic/v1/messages", "{path}");
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

#[test]
fn an_endpoint_that_no_upstream_answers_is_told_from_a_path_that_is_none() {
    let gate = Setup::new("127.0.0.1:9").start();
    for (path, told) in [
        ("/v2/chat", "No upstream of it answers this path."),
        ("/openai/v2/chat", "Upstream 'openai' does not answer this path."),
        ("/v2/chats", "Check the SDK's base_url"),
    ] {
        let answer = gate.ask(post(path, &gate.setup.client_key, CHAT));
        assert_eq!((answer.status, answer.reason()), (404, Some("endpoint_unknown")), "{path}");
        assert!(answer.text().contains(told), "{path}: {}", answer.text());
    }
}

#[test]
fn a_base_url_that_a_service_documents_without_a_version_needs_none() {
    let upstream = Upstream::answering(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{\"data\":[]}",
    );
    let url = format!("http://{}", upstream.address);
    let gate = Setup::new(upstream.address)
        .upstream("deepseek", "deepseek", &url)
        .upstream("perplexity", "perplexity", &url)
        .set("projects.search", "upstreams", r#"["deepseek", "perplexity", "openai"]"#)
        .set("projects.search", "models", r#"["gpt-4o-mini"]"#)
        .start();
    let bearer = format!("Bearer {}", gate.setup.client_key);
    let headers = [("authorization", &*bearer), ("content-type", "application/json")];
    for (verb, path, target) in [
        ("POST", "/deepseek/chat/completions", Some("/chat/completions")),
        ("POST", "/deepseek/v1/chat/completions", Some("/chat/completions")),
        ("GET", "/deepseek/models", Some("/models")),
        ("GET", "/deepseek/models/gpt-4o-mini", Some("/models/gpt-4o-mini")),
        ("POST", "/perplexity/chat/completions", Some("/chat/completions")),
        ("POST", "/perplexity/v1/chat/completions", Some("/chat/completions")),
        // What has no other spelling, and services whose base URL ends with a version.
        ("POST", "/perplexity/embeddings", None),
        ("POST", "/deepseek/embeddings", None),
        ("POST", "/openai/chat/completions", None),
        ("POST", "/chat/completions", None),
    ] {
        let answer = gate.ask(request(verb, path, &headers, if verb == "GET" { "" } else { CHAT }));
        let reason = if target.is_none() { Some("endpoint_unknown") } else { None };
        assert_eq!(answer.reason(), reason, "{path}: {}", answer.text());
        if let Some(target) = target {
            assert_eq!(upstream.requests().pop().unwrap().target(), target, "{path}");
        }
    }
    // What it names is judged.
    let other = CHAT.replace("gpt-4o-mini", "gpt-4o");
    assert_eq!(
        gate.ask(post("/deepseek/chat/completions", &gate.setup.client_key, &other)).reason(),
        Some("model_not_allowed")
    );
    let answer = gate.ask(request("GET", "/deepseek/models/gpt-4o", &headers, ""));
    assert_eq!(answer.reason(), Some("model_not_allowed"), "{}", answer.text());
}
