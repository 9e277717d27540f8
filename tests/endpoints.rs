//! Every endpoint of every provider's tables is carried with its scope, and refused without.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use common::client::request;
use common::{Setup, Upstream};
use portcullis::dialect::Surface;
use portcullis::endpoint::{self, Endpoint, Gives, ModelIn, Takes, Verb};
use portcullis::provider::Provider;

/// Fits every endpoint: an object, and a list of models in each dialect.
const ANSWER: &str = concat!(
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 49\r\n\r\n",
    r#"{"id":"x-1","data":[],"models":[],"object":"any"}"#
);

const NAME: &str = "name-1";

/// The row's path with names in it.
fn written(path: &str) -> String {
    let mut out = String::new();
    for part in path.split_inclusive('}') {
        out.push_str(part.split_once('{').map_or(part, |(plain, _)| plain));
        if part.ends_with('}') {
            out.push_str(NAME);
        }
    }
    out
}

/// How a client spells the endpoint, and what the provider is asked for.
fn spellings(provider: Provider, endpoint: &Endpoint) -> Vec<(String, String)> {
    let path = written(endpoint.path);
    let at = provider.serving(endpoint).unwrap().at;
    if endpoint.at_root {
        return vec![(path.clone(), path)];
    }
    let roots = endpoint.surface.roots().iter().filter(|root| (root.only)(endpoint));
    let azure = provider == Provider::AzureOpenAi;
    let own = roots.filter(|root| root.spelled != "/openai" || azure);
    own.map(|root| {
        let before = if root.spelled == "/openai" { "" } else { at };
        (written(root.spelled) + &path, format!("{before}{}{path}", root.goes_on))
    })
    .collect()
}

/// A request with what the row asks for.
fn asking(endpoint: &Endpoint, path: &str, key: &str) -> Vec<u8> {
    let bearer = format!("Bearer {key}");
    let mut headers = vec![("authorization", bearer.as_str())];
    if endpoint.surface == Surface::Anthropic {
        headers.push(("anthropic-version", "2023-06-01"));
    }
    if endpoint.surface == Surface::Gemini {
        headers[0] = ("x-goog-api-key", key);
    }
    let query =
        if let ModelIn::Query(name) = endpoint.model { format!("?{name}={NAME}") } else { String::new() };
    let (content_type, body) = match endpoint.takes {
        Takes::Nothing => ("", String::new()),
        Takes::Raw => ("application/octet-stream", "\u{0}bytes".to_owned()),
        Takes::Form | Takes::FormOrSdp => ("multipart/form-data; boundary=b0", form(endpoint)),
        Takes::Json | Takes::JsonOrNothing | Takes::FormOrJson => {
            let model = if endpoint.model == ModelIn::Path { "" } else { r#""model":"name-1","# };
            ("application/json", format!(r#"{{{model}"input":"hello"}}"#))
        }
    };
    if !body.is_empty() {
        headers.push(("content-type", content_type));
    }
    request(endpoint.verb.name(), &format!("/it{path}{query}"), &headers, &body)
}

/// A small form with what the row asks for.
fn form(endpoint: &Endpoint) -> String {
    let field = |head: &str, text: &str| {
        format!("--b0\r\nContent-Disposition: form-data; name={head}\r\n\r\n{text}\r\n")
    };
    let file = field("\"file\"; filename=\"a.txt\"", "hello");
    let first = if endpoint.takes == Takes::FormOrSdp {
        field("\"session\"", r#"{"model":"name-1"}"#)
    } else if endpoint.model == ModelIn::Form {
        field("\"model\"", NAME)
    } else if endpoint.model == ModelIn::Lines {
        field("\"purpose\"", "user_data")
    } else {
        field("\"other\"", "x")
    };
    first + &file + "--b0--\r\n"
}

fn rows(provider: Provider) -> impl Iterator<Item = &'static Endpoint> {
    let asked =
        |endpoint: &&Endpoint| endpoint.surface != Surface::Passthrough && endpoint.gives != Gives::WebSocket;
    endpoint::all().iter().filter(move |row| provider.serving(row).is_some()).filter(asked)
}

fn gate(provider: Provider, upstream: &Upstream, scopes: &str) -> common::Running {
    let url = format!("http://{}", upstream.address);
    let setup = Setup::new("127.0.0.1:9").upstream("it", provider.name(), &url);
    setup.set("projects.search", "upstreams", r#"["it"]"#).set("projects.search", "scopes", scopes).start()
}

#[test]
fn each_is_carried_with_its_scope() {
    for provider in Provider::ALL.iter().copied() {
        let upstream = Upstream::answering(ANSWER);
        let gate = gate(provider, &upstream, r#"["*", "admin"]"#);
        let mut client = gate.connect();
        for endpoint in rows(provider) {
            for (path, expected) in spellings(provider, endpoint) {
                let name = format!("{provider} {} {path}", endpoint.verb.name());
                client.send(asking(endpoint, &path, &gate.setup.client_key));
                let answer = client.answer();
                assert_eq!(answer.status, 200, "{name}: {}", answer.text());
                let received = upstream.requests().pop().unwrap();
                assert_eq!(received.method(), endpoint.verb.name(), "{name}");
                assert_eq!(received.target().split('?').next(), Some(expected.as_str()), "{name}");
                let (slot, prefix) = provider.credential_slot();
                let sent = format!("{prefix}{}", gate.setup.provider_key);
                assert_eq!(received.header(slot.as_str()), [sent.as_str()], "{name}");
                assert!(!received.head.contains("pcl_"), "{name}");
            }
        }
    }
}

#[test]
fn each_is_refused_without_its_scope() {
    for provider in Provider::ALL.iter().copied() {
        let upstream = Upstream::answering(ANSWER);
        let gate = gate(provider, &upstream, r#"["passthrough"]"#);
        let mut client = gate.connect();
        for endpoint in rows(provider) {
            for (path, _) in spellings(provider, endpoint) {
                let name = format!("{provider} {} {path}", endpoint.verb.name());
                client.send(asking(endpoint, &path, &gate.setup.client_key));
                let answer = client.answer();
                assert_eq!(answer.status, 403, "{name}: {}", answer.text());
                assert_eq!(answer.header("x-portcullis-reason"), Some("scope_missing"), "{name}");
                assert!(
                    answer.text().contains(&format!("'{}'", endpoint.scope.name())),
                    "{name}: {}",
                    answer.text()
                );
                if answer.header("connection") == Some("close") {
                    client = gate.connect();
                }
            }
        }
        assert_eq!(upstream.requests().len(), 0, "{provider}");
    }
}

/// A body with a model in one of a row's places.
fn naming(place: &[&str], model: &str) -> String {
    let mut body = format!("\"{model}\"");
    for step in place.iter().rev() {
        body = if *step == "[]" {
            format!("[{body}]")
        } else {
            format!("{{\"{}\":{body}}}", step.replace('*', "any"))
        };
    }
    body
}

#[test]
fn no_endpoint_takes_a_model_outside_the_list() {
    for provider in Provider::ALL.iter().copied() {
        let upstream = Upstream::answering(ANSWER);
        let url = format!("http://{}", upstream.address);
        let gate = Setup::new("127.0.0.1:9")
            .upstream("it", provider.name(), &url)
            .set("projects.search", "upstreams", r#"["it"]"#)
            .set("projects.search", "scopes", r#"["*", "admin"]"#)
            .set("projects.search", "models", r#"["allowed-*"]"#)
            .start();
        for endpoint in rows(provider) {
            let (path, _) = &spellings(provider, endpoint)[0];
            let mut bodies: Vec<String> = vec![r#"{"model":"name-1"}"#.to_owned()];
            bodies.extend(endpoint.inside.iter().map(|place| naming(place, "name-1")));
            let forms = matches!(endpoint.takes, Takes::Form | Takes::FormOrSdp);
            if forms {
                let named = if endpoint.takes == Takes::FormOrSdp {
                    "\"session\"\r\n\r\n{\"model\":\"name-1\"}"
                } else {
                    "\"model\"\r\n\r\nname-1"
                };
                let file = "\"file\"; filename=\"f\"\r\n\r\nx";
                let parts = [[named, file], [file, named]];
                let part = |part: &str| format!("--b0\r\nContent-Disposition: form-data; name={part}\r\n");
                bodies = parts.iter().map(|two| part(two[0]) + &part(two[1]) + "--b0--\r\n").collect();
            } else if endpoint.takes == Takes::Raw && endpoint.model == ModelIn::Nowhere {
                // Bytes name none, and none is used.
                continue;
            }
            if endpoint.takes == Takes::Nothing {
                // Only the path can name one.
                if endpoint.model != ModelIn::Path {
                    continue;
                }
                bodies = vec![String::new()];
            }
            for body in bodies {
                let name = format!("{provider} {} {path} {body}", endpoint.verb.name());
                let bearer = format!("Bearer {}", gate.setup.client_key);
                let mut headers = vec![("authorization", bearer.as_str())];
                if !body.is_empty() {
                    let form = "multipart/form-data; boundary=b0";
                    headers.push(("content-type", if forms { form } else { "application/json" }));
                }
                if endpoint.surface == Surface::Anthropic {
                    headers.push(("anthropic-version", "2023-06-01"));
                }
                if endpoint.surface == Surface::Gemini {
                    headers[0] = ("x-goog-api-key", &gate.setup.client_key);
                }
                let query = if let ModelIn::Query(name) = endpoint.model {
                    format!("?{name}={NAME}")
                } else {
                    String::new()
                };
                let answer =
                    gate.ask(request(endpoint.verb.name(), &format!("/it{path}{query}"), &headers, &body));
                let reason = answer.reason().unwrap_or("served").to_owned();
                let refused = [
                    "model_not_allowed",
                    "model_unknowable",
                    "model_missing",
                    "model_ambiguous",
                    "body_invalid",
                ];
                assert!(refused.contains(&reason.as_str()), "{name}: {reason}");
                assert_eq!(upstream.requests().len(), 0, "{name}");
            }
        }
    }
}

#[test]
fn a_model_in_the_query_is_a_filter_where_none_is_used() {
    for (provider, path) in [
        (Provider::OpenAi, "/v1/chat/completions"),
        (Provider::Anthropic, "/v1/organizations/rate_limits"),
        (Provider::Mistral, "/v1/batch/jobs"),
        (Provider::Together, "/v1/queue/status"),
    ] {
        let upstream = Upstream::answering(ANSWER);
        let gate = Setup::new("127.0.0.1:9")
            .upstream("it", provider.name(), &format!("http://{}", upstream.address))
            .set("projects.search", "upstreams", r#"["it"]"#)
            .set("projects.search", "scopes", r#"["*", "admin"]"#)
            .set("projects.search", "models", r#"["allowed-*"]"#)
            .start();
        let bearer = format!("Bearer {}", gate.setup.client_key);
        let headers = [("authorization", bearer.as_str()), ("anthropic-version", "2023-06-01")];
        let answer = gate.ask(request("GET", &format!("/it{path}?model=name-1"), &headers, ""));
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let target = upstream.requests().pop().unwrap().target().to_owned();
        assert!(target.ends_with("?model=name-1"), "{target}");
    }
}

#[test]
fn what_is_in_no_table_passes_only_with_its_own_scope() {
    let upstream = Upstream::answering(ANSWER);
    let closed = gate(Provider::OpenAi, &upstream, r#"["*", "admin"]"#);
    let open = gate(Provider::OpenAi, &upstream, r#"["chat", "passthrough"]"#);
    let ask = |gate: &common::Running, path: &str| {
        let bearer = format!("Bearer {}", gate.setup.client_key);
        gate.ask(request("GET", path, &[("authorization", &bearer)], ""))
    };
    assert_eq!(ask(&closed, "/it/v1/brand/new").reason(), Some("endpoint_unknown"));
    let hint = closed.record()["hint"].clone();
    assert!(hint.as_str().unwrap().contains("with the scope \"passthrough\" and models = \"*\""), "{hint}");
    assert_eq!(ask(&open, "/it/v1/brand/new?x=1").status, 200);
    assert_eq!(upstream.requests().pop().unwrap().target(), "/v1/brand/new?x=1");
    // It opens nothing that is in a table, and nothing that is no plain path.
    assert_eq!(ask(&open, "/it/v1/files").reason(), Some("scope_missing"));
    let key = format!("/it/v1/x/{}", open.setup.client_key);
    for path in ["/it/v1/a/../b", "/it/v1//a", "/it/v1/a%2fb", "/it/v1/a/", "/v1/brand/new", "/it", &key] {
        assert_eq!(ask(&open, path).reason(), Some("endpoint_unknown"), "{path}");
    }
    assert_eq!(upstream.requests().len(), 1);
}

#[test]
fn each_socket_is_reached_with_its_scope_only() {
    // It refuses, so that no session begins; what came there is what is asked about.
    let refusal = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";
    for provider in Provider::ALL.iter().copied() {
        let upstream = Upstream::answering(refusal);
        let open = gate(provider, &upstream, r#"["*", "admin"]"#);
        let closed = gate(provider, &upstream, r#"["passthrough"]"#);
        let sockets = endpoint::all().iter().filter(|row| row.gives == Gives::WebSocket);
        for endpoint in sockets.filter(|row| provider.serving(row).is_some()) {
            for (path, expected) in spellings(provider, endpoint) {
                let name = format!("{provider} {path}");
                let ask = |gate: &common::Running| {
                    let query = if let ModelIn::Query(name) = endpoint.model {
                        format!("?{name}={NAME}")
                    } else {
                        String::new()
                    };
                    let bearer = format!("Bearer {}", gate.setup.client_key);
                    let headers = [
                        ("authorization", bearer.as_str()),
                        ("connection", "Upgrade"),
                        ("upgrade", "websocket"),
                        ("sec-websocket-version", "13"),
                        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
                    ];
                    gate.ask(request("GET", &format!("/it{path}{query}"), &headers, ""))
                };
                let before = upstream.requests().len();
                let answer = ask(&closed);
                assert_eq!(answer.reason(), Some("scope_missing"), "{name}: {}", answer.text());
                assert!(answer.text().contains(&format!("'{}'", endpoint.scope.name())), "{name}");
                assert_eq!(upstream.requests().len(), before, "{name}");
                assert_ne!(ask(&open).status, 101, "{name}");
                let received = upstream.requests().pop().unwrap_or_else(|| panic!("{name} did not arrive"));
                assert_eq!(upstream.requests().len(), before + 1, "{name}");
                assert_eq!(received.target().split('?').next(), Some(expected.as_str()), "{name}");
                let (slot, prefix) = provider.credential_slot();
                let sent = format!("{prefix}{}", open.setup.provider_key);
                assert_eq!(received.header(slot.as_str()), [sent.as_str()], "{name}");
                assert!(!received.head.contains("pcl_"), "{name}");
            }
        }
    }
}

#[test]
fn a_star_does_not_reach_administration() {
    let upstream = Upstream::answering(ANSWER);
    let gate = gate(Provider::OpenAi, &upstream, r#""*""#);
    for (verb, path) in [(Verb::Get, "/v1/organization/users"), (Verb::Post, "/v1/organization/projects")] {
        let bearer = format!("Bearer {}", gate.setup.client_key);
        let answer = gate.ask(request(verb.name(), path, &[("authorization", &bearer)], ""));
        assert_eq!(answer.status, 403, "{path}");
        assert!(answer.text().contains("'admin:"), "{}", answer.text());
    }
}
