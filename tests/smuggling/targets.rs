//! What is asked for: paths, queries, hosts and methods.

use crate::common::client::request;
use crate::common::{CHAT, post};
use crate::{stage, staged};

/// Row 1.
#[test]
fn a_variant_of_a_path_is_not_the_path() {
    let (gate, upstream) = stage();
    let key = format!("Bearer {}", gate.setup.client_key);
    let headers = [("authorization", key.as_str()), ("content-type", "application/json")];
    for path in [
        "//v1/chat/completions",
        "/v1//chat/completions",
        "/./v1/chat/completions",
        "/v1/chat/./completions",
        "/v1/x/../chat/completions",
        "/v1/chat/completions/../embeddings",
        "/v1/chat%2fcompletions",
        "/v1/chat%2Fcompletions",
        "/%76%31/chat/completions",
        "/v1/chat/completion%73",
        "/v1/chat%5ccompletions",
        "/v1\\chat\\completions",
        "/v1/chat/completions;x",
        "/v1/chat/completions;x=y",
        "/v1;/chat/completions",
        "/v1/chat/completions%00",
        "/v1/chat/completions%20",
        "/v1/chat/completions%23",
        "/v1/chat/completions/",
        "/V1/chat/completions",
        "/v1/Chat/completions",
        "/v1/chat/completions%252f",
        "/openai//v1/chat/completions",
        "/openai/../v1/chat/completions",
        "/openai%2fv1/chat/completions",
        "/OpenAI/v1/chat/completions",
        "/v1beta/models/../models/gemini-2.5-flash:generateContent",
        "/v1beta/models/..:generateContent",
        "/v1beta/models/a%2fb:generateContent",
        "/v1beta/models/a/b:generateContent",
        "/v1beta/models/gemini-2.5-flash%3AgenerateContent",
        "/v1beta/models/gemini-2.5-flash:generateContent:countTokens",
        "/v1beta/models/gemini-2.5-flash:GenerateContent",
    ] {
        let answer = gate.ask(request("POST", path, &headers, CHAT));
        assert!(matches!(answer.status, 400 | 404 | 405), "{path}: {}", answer.text());
    }
    assert_eq!(upstream.connections(), 0);
}

/// Row 1.
#[test]
fn an_escaped_slash_does_not_lead_out_of_a_model() {
    let (gate, upstream) = staged(|setup| {
        let url = setup.text().lines().find(|line| line.starts_with("base_url")).unwrap().to_owned();
        let url = url.split('"').nth(1).unwrap().trim_end_matches("/v1").to_owned();
        setup.upstream("it", "bedrock", &url).set("projects.search", "upstreams", r#"["it"]"#)
    });
    for model in ["..%2F..%2Fguardrails", "a%2F..%2Fb", "a%2F%2Fb", "%2Fa", "a%2f", "a%2f.%2fb"] {
        for path in [format!("/model/{model}/converse"), format!("/it/model/{model}/invoke")] {
            let answer = gate.ask(post(&path, &gate.setup.client_key, "{}"));
            assert_eq!((answer.status, answer.reason()), (404, Some("endpoint_unknown")), "{path}");
        }
    }
    assert_eq!(upstream.connections(), 0);
    let path = "/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A1%3Ainference-profile%2Feu.a/converse";
    assert_eq!(gate.ask(post(path, &gate.setup.client_key, "{}")).status, 200);
    assert_eq!(upstream.requests()[0].target(), path);
}

/// Row 1.
#[test]
fn a_target_with_a_number_sign_is_refused() {
    // The HTTP library would drop it, with what stands behind.
    let (gate, upstream) = stage();
    let key = format!("Bearer {}", gate.setup.client_key);
    let headers = [("authorization", key.as_str()), ("content-type", "application/json")];
    for path in [
        "/v1/chat/completions#",
        "/v1/chat/completions#/../embeddings",
        "/v1/embeddings#/../chat/completions",
        "/v1/messages?beta=true#x",
        "/#@/v1/chat/completions",
        "#",
    ] {
        let answer = gate.ask(request("POST", path, &headers, CHAT));
        assert_eq!(answer.status, 400, "{path}: {answer:?}");
    }
    assert_eq!(upstream.connections(), 0);
    // In a header or a body it is a sign like others.
    let headers = [("x-note", "#1"), ("authorization", key.as_str()), ("content-type", "application/json")];
    assert_eq!(gate.ask(request("POST", "/v1/chat/completions", &headers, CHAT)).status, 200);
}

/// Row 1: what goes upstream is the constant of the table.
#[test]
fn the_upstream_is_asked_for_the_path_of_the_table() {
    let (gate, upstream) = stage();
    for (path, target) in [
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("/openai/v1/chat/completions", "/v1/chat/completions"),
        ("/v1/messages?beta=true", "/v1/messages?beta=true"),
        ("/messages", "/v1/messages"),
        (
            "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse&key=KEY",
            "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
        ),
        ("/v1alpha/models/gemini-2.5-flash:countTokens", "/v1alpha/models/gemini-2.5-flash:countTokens"),
    ] {
        let path = path.replace("KEY", &gate.setup.client_key);
        let body = if path.contains("/models/") { r#"{"contents":[]}"# } else { CHAT };
        let answer = gate.ask(post(&path, &gate.setup.client_key, body));
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert_eq!(upstream.requests().pop().unwrap().target(), target);
    }
}

/// Rows 2 and 4.
#[test]
fn headers_do_not_overrule_the_request_line() {
    let (gate, upstream) = stage();
    let bytes = String::from_utf8(gate.chat()).unwrap();
    let names = [
        "x-original-url",
        "x-rewrite-url",
        "x-forwarded-uri",
        "x-forwarded-prefix",
        "x-forwarded-host",
        "x-forwarded-path",
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
        "x-portkey-custom-host",
        "x-base-url",
        "x-upstream",
        "forwarded",
    ];
    let lines = names.map(|name| format!("{name}: /v1/embeddings"));
    let more = format!("host: gate\r\n{}", lines.join("\r\n"));
    assert_eq!(gate.ask(bytes.replacen("host: gate", &more, 1)).status, 200);
    let request = upstream.requests().pop().unwrap();
    assert_eq!((request.method(), request.target()), ("POST", "/v1/chat/completions"));
    for name in names {
        assert!(request.header(name).is_empty(), "{name}");
    }
}

/// Row 3.
#[test]
fn the_host_is_one_plain_host_and_decides_nothing() {
    let (gate, upstream) = stage();
    let bytes = String::from_utf8(gate.chat()).unwrap();
    for host in
        ["localhost/#@x", "gate@other", "user:pw@gate", "a b", "a,b", "gate/x", "", "gate?x", "gate#x"]
    {
        let answer = gate.ask(bytes.replacen("host: gate", &format!("host: {host}"), 1));
        assert_eq!(answer.reason(), Some("host_invalid"), "{host}");
    }
    for (name, lines) in
        [("none", "x-a: b"), ("two", "host: gate\r\nhost: gate"), ("a list", "host: gate, gate")]
    {
        let answer = gate.ask(bytes.replacen("host: gate", lines, 1));
        assert_eq!(answer.status, 400, "{name}");
    }
    for target in [
        "http://gate/v1/chat/completions",
        "http://127.0.0.1:1/v1/chat/completions",
        "http://user@gate/v1/chat/completions",
        "https://gate:443/v1/chat/completions",
    ] {
        let answer = gate.ask(bytes.replacen("/v1/chat/completions", target, 1));
        assert_eq!(answer.status, 400, "{target}");
    }
    assert_eq!(upstream.connections(), 0);
    assert_eq!(gate.ask(bytes.replacen("host: gate", "host: another.example:99", 1)).status, 200);
    assert_eq!(upstream.requests()[0].header("host"), [upstream.address.to_string()]);
}

/// Row 37.
#[test]
fn odd_methods_are_not_forwarded() {
    let (gate, upstream) = stage();
    let bytes = String::from_utf8(gate.chat()).unwrap();
    for method in ["TRACE", "PUT", "PATCH", "DELETE", "OPTIONS", "post", "GET", "PROPFIND", "PRI", "X"] {
        let mut client = gate.connect();
        client.send(bytes.replacen("POST", method, 1));
        let status = client.answer().status;
        assert!(matches!(status, 400 | 404 | 405), "{method}: {status}");
    }
    for line in ["CONNECT gate:443", "CONNECT /v1/chat/completions", "OPTIONS *", "GET *"] {
        let mut client = gate.connect();
        client.send(bytes.replacen("POST /v1/chat/completions", line, 1));
        if let Some(answer) = client.try_answer() {
            assert!(matches!(answer.status, 400 | 404 | 405), "{line}: {answer:?}");
        }
    }
    assert_eq!(upstream.connections(), 0);
}

/// Rows 4 and 21.
#[test]
fn a_query_says_nothing_that_was_not_asked_about() {
    let (gate, upstream) = staged(|setup| setup.set("projects.search", "models", r#"["gpt-4o-mini"]"#));
    let bytes = String::from_utf8(gate.chat()).unwrap();
    for query in [
        "model=gpt-4o",
        "model=gpt-4o-mini",
        "api_base=x",
        "api-version=1",
        "alt=sse",
        "?",
        "a",
        "=b",
        "key",
        "KEY=x",
    ] {
        let answer = gate.ask(bytes.replacen("/completions", &format!("/completions?{query}"), 1));
        let expected = if query == "key" { None } else { Some("query_not_allowed") };
        assert_eq!(answer.reason(), expected, "{query}");
    }
    assert_eq!(upstream.requests().len(), 1);
    assert_eq!(upstream.requests()[0].target(), "/v1/chat/completions");
}

/// Row 29.
#[test]
fn the_admin_routes_are_not_on_the_public_port() {
    let (gate, upstream) = stage();
    for path in ["/metrics", "/healthz", "/readyz", "/portcullis/metrics", "/key/generate", "/"] {
        assert_eq!(gate.ask(request("GET", path, &[], "")).reason(), Some("key_missing"), "{path}");
        let key = format!("Bearer {}", gate.setup.client_key);
        let answer = gate.ask(request("GET", path, &[("authorization", &key)], ""));
        assert_eq!(answer.reason(), Some("endpoint_unknown"), "{path}");
    }
    assert_eq!(upstream.connections(), 0);
}
