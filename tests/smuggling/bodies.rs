//! What a body says, and that it says it once.

use crate::common::{Answer, Running, post};
use crate::staged;

fn only_mini() -> (Running, crate::common::Upstream) {
    staged(|setup| setup.set("projects.search", "models", r#"["gpt-4o-mini"]"#))
}

fn ask(gate: &Running, body: &[u8]) -> Answer {
    let mut bytes = post("/v1/chat/completions", &gate.setup.client_key, &"x".repeat(body.len()));
    bytes.truncate(bytes.len() - body.len());
    bytes.extend_from_slice(body);
    gate.ask(bytes)
}

#[test]
fn a_model_cannot_be_said_in_a_second_place() {
    let (gate, upstream) = only_mini();
    for body in [
        r#"{"model":"gpt-4o-mini","model":"gpt-4o"}"#,
        r#"{"model":"gpt-4o","model":"gpt-4o-mini"}"#,
        r#"{"model":"gpt-4o-mini","\u006dodel":"gpt-4o"}"#,
        r#"{"model":"gpt-4o-mini","Model":"gpt-4o"}"#,
        r#"{"model":"gpt-4o-mini","MODEL":"gpt-4o"}"#,
        r#"{"model":"gpt-4o-mini"," model":"gpt-4o"}"#,
        r#"{"model":"gpt-4o-mini","model ":"gpt-4o"}"#,
        r#"{"model":"gpt-4o-mini","model\u0000":"gpt-4o"}"#,
        r#"{"model":"gpt-4o-mini","models":["gpt-4o"]}"#,
        r#"{"model":"gpt-4o-mini","fallbacks":["gpt-4o"]}"#,
        r#"{"model":"gpt-4o-mini","api_base":"http://127.0.0.1:9"}"#,
        r#"{"model":"gpt-4o-mini","stream":true,"stream":false}"#,
        r#"{"\u006dodel":"gpt-4o-mini"}"#,
        r#"{"model":"gpt-4o-mini","mod\ud800el":"gpt-4o"}"#,
        r#"{"model":"gpt-4o-mini\ud800"}"#,
        r#"{"model":["gpt-4o-mini"]}"#,
        r#"{"model":null}"#,
        r#"{"model":""}"#,
        r#"{"model":"gpt-4o-mini "}"#,
        r#"{"model":"GPT-4o-mini"}"#,
        r#"{"model":"gpt-4o"}"#,
        r#"{"model":"gpt-4o-mini\u0000"}"#,
        r#"{"model":"gpt-4o-mini\n"}"#,
    ] {
        let answer = ask(&gate, body.as_bytes());
        assert!(matches!(answer.status, 400 | 403), "{body}: {}", answer.text());
    }
    assert_eq!(upstream.connections(), 0);
    // Nested, it is the application's own word; a value may be escaped.
    for body in
        [r#"{"model":"gpt-4o-mini","metadata":{"model":"gpt-4o"}}"#, r#"{"model":"gpt-4\u006f-mini"}"#]
    {
        assert_eq!(ask(&gate, body.as_bytes()).status, 200, "{body}");
        assert_eq!(upstream.requests().pop().unwrap().body, body.as_bytes(), "the bytes go on as they were");
    }
}

#[test]
fn a_model_is_judged_wherever_the_endpoint_takes_one() {
    let (gate, upstream) =
        staged(|setup| setup.set("projects.search", "models", r#"["gpt-4o-mini", "claude-*"]"#));
    let tool = |kind: &str| format!(r#""tools":[{{"type":"x"}},{{"type":"{kind}","model":"hidden"}}]"#);
    let (chat, messages) = (r#""model":"gpt-4o-mini""#, r#""model":"claude-haiku-4-5","max_tokens":5"#);
    let bodies = [
        ("/v1/chat/completions", format!(r#"{{{chat},"moderation":{{"model":"hidden"}}}}"#)),
        ("/v1/responses", format!(r"{{{chat},{}}}", tool("image_generation"))),
        ("/v1/responses", format!(r#"{{"input":[{{"role":"user"}},{{{}}}],{chat}}}"#, tool("a"))),
        ("/v1/images/generations", format!(r#"{{{chat},"svg":{{"model":"hidden"}}}}"#)),
        ("/v1/conversations", format!(r#"{{"items":[{{{}}}]}}"#, tool("a"))),
        ("/v1/messages", format!(r"{{{messages},{}}}", tool("advisor_20260301"))),
        (
            "/v1/messages",
            format!(r#"{{{messages},"fallbacks":[{{"model":"claude-x"}},{{"model":"hidden"}}]}}"#),
        ),
        ("/v1/messages", format!(r#"{{{messages},"fallbacks":"hidden"}}"#)),
        (
            "/v1/messages",
            format!(
                r#"{{{messages},"messages":[{{"content":"a"}},{{"content":[{{"tool":{{"definition":{{"model":"hidden"}}}}}}]}}]}}"#
            ),
        ),
        (
            "/v1/messages/batches",
            format!(
                r#"{{"requests":[{{"params":{{{messages}}}}},{{"params":{{{messages},{}}}}}]}}"#,
                tool("a")
            ),
        ),
        (
            "/v1/messages/batches",
            format!(r#"{{"requests":[{{"params":{{{messages},"fallbacks":[{{"model":"hidden"}}]}}}}]}}"#),
        ),
        (
            "/v1/live/sessions",
            format!(r#"{{"session":{{{chat},"delegation":{{"responses":{{"model":"hidden"}}}}}}}}"#),
        ),
        ("/v1/evals/e/runs", format!(r#"{{"data_source":{{{chat},"sampling_params":{{{}}}}}}}"#, tool("a"))),
    ];
    for (told, (path, body)) in bodies.iter().enumerate() {
        let answer = gate.ask(post(path, &gate.setup.client_key, body));
        assert_eq!(answer.reason(), Some("model_not_allowed"), "{path} {body}: {}", answer.text());
        // The one that is not allowed is told, and not the one that is.
        assert!(answer.text().contains("'hidden'"), "{path} {body}: {}", answer.text());
        assert_eq!(gate.records_when(told + 1)[told]["model"], "hidden");
    }
    assert_eq!(upstream.connections(), 0);
    for (path, body) in &bodies {
        let allowed = body.replace("hidden", "claude-sonnet-4-6");
        let answer = gate.ask(post(path, &gate.setup.client_key, &allowed));
        assert_eq!(answer.status, 200, "{path} {allowed}: {}", answer.text());
        assert_eq!(upstream.requests().pop().unwrap().body, allowed.as_bytes());
    }
}

#[test]
fn a_model_is_judged_wherever_a_provider_takes_one_besides() {
    let tool = r#""tools":[{"type":"x"},{"type":"advisor_20260301","model":"hidden"}]"#;
    let later = r#""messages":[{"content":[{"tool":{"definition":{"model":"hidden"}}}]}]"#;
    let source = r#""data_sources":[{"parameters":{"embedding_dependency":{"deployment_name":"hidden"}}}]"#;
    let chat = r#""model":"good""#;
    let vertex = "/v1/publishers/anthropic/models/good";
    for (provider, path, body) in [
        ("bedrock", "/model/good/invoke", format!("{{{tool}}}")),
        ("bedrock", "/model/good/invoke-with-response-stream", format!("{{{later}}}")),
        ("bedrock", "/model/good/invoke", r#"{"fallbacks":[{"model":"hidden"}]}"#.to_owned()),
        ("bedrock", "/model/good/converse", format!(r#"{{"additionalModelRequestFields":{{{tool}}}}}"#)),
        ("vertex", &format!("{vertex}:rawPredict"), format!("{{{tool}}}")),
        ("vertex", &format!("{vertex}:streamRawPredict"), format!("{{{later}}}")),
        ("azure-openai", "/openai/deployments/good/chat/completions", format!("{{{source}}}")),
        ("azure-openai", "/v1/chat/completions", format!("{{{chat},{source}}}")),
        (
            "openrouter",
            "/v1/chat/completions",
            format!(r#"{{{chat},"plugins":[{{"id":"fusion","model":"hidden"}}]}}"#),
        ),
        ("openrouter", "/v1/responses", format!(r#"{{{chat},"plugins":[{{"model":"hidden"}}]}}"#)),
        (
            "openrouter",
            "/v1/messages",
            format!(r#"{{{chat},"max_tokens":5,"plugins":[{{"model":"hidden"}}]}}"#),
        ),
        (
            "openrouter",
            "/v1/chat/completions",
            format!(
                r#"{{{chat},"tools":[{{"type":"openrouter:image_generation","parameters":{{"model":"hidden"}}}}]}}"#
            ),
        ),
        (
            "openai-compatible",
            "/v1/chat/completions",
            format!(r#"{{{chat},"plugins":[{{"model":"hidden"}}]}}"#),
        ),
    ] {
        let (gate, upstream) = staged(|setup| {
            let text = setup.text();
            let url = text.split('"').find(|part| part.starts_with("http://")).unwrap();
            let url = url.trim_end_matches("/v1").to_owned();
            setup.upstream("it", provider, &url).set("projects.search", "upstreams", r#"["it"]"#).set(
                "projects.search",
                "models",
                r#"["good", "fine"]"#,
            )
        });
        let ask = |body: &str| gate.ask(post(path, &gate.setup.client_key, body));
        let answer = ask(&body);
        assert_eq!(answer.reason(), Some("model_not_allowed"), "{path} {body}: {}", answer.text());
        assert!(answer.text().contains("'hidden'"), "{path} {body}: {}", answer.text());
        assert_eq!(upstream.connections(), 0);
        // Also another than the path's.
        let allowed = body.replace("hidden", "fine");
        assert_eq!(ask(&allowed).status, 200, "{path} {allowed}");
        assert_eq!(upstream.requests().pop().unwrap().body, allowed.as_bytes());
        if path.contains("/good") {
            assert_eq!(ask(r#"{"model":"fine"}"#).reason(), Some("model_ambiguous"), "{path}");
        }
        if provider == "openrouter" {
            let panel = r#"{"model":"good","max_tokens":5,"plugins":[{"analysis_models":["good"]}]}"#;
            assert_eq!(ask(panel).reason(), Some("body_invalid"), "no list of models is judged");
        }
    }
}

#[test]
fn what_parsers_disagree_on_is_not_json() {
    let (gate, upstream) = only_mini();
    let utf16: Vec<u8> = r#"{"model":"gpt-4o-mini"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bodies: [&[u8]; 18] = [
        b"",
        b"[]",
        b"\"gpt-4o-mini\"",
        b"\xef\xbb\xbf{\"model\":\"gpt-4o-mini\"}",
        &utf16,
        br#"{"model":"gpt-4o-mini"}{"model":"gpt-4o"}"#,
        br#"{"model":"gpt-4o-mini"} x"#,
        br#"{"model":"gpt-4o-mini",}"#,
        br#"{"model":"gpt-4o-mini","a":NaN}"#,
        br#"{"model":"gpt-4o-mini","a":Infinity}"#,
        br#"{"model":"gpt-4o-mini","a":01}"#,
        br#"{"model":"gpt-4o-mini"/*,"model":"gpt-4o"*/}"#,
        b"{\"model\":\"gpt-4o-mini\"//\n}",
        b"{'model':'gpt-4o-mini'}",
        br#"{model:"gpt-4o-mini"}"#,
        b"{\"model\":\"gpt-4o-mini\",\"a\":\"\xff\"}",
        b"{\"model\":\"gpt-4o-mini\",\"a\":\"\xc0\xaf\"}",
        b"{\"model\":\"gpt-4o-mini\",\"a\":\"\n\"}",
    ];
    for body in bodies {
        let answer = ask(&gate, body);
        assert_eq!(answer.status, 400, "{}: {}", String::from_utf8_lossy(body), answer.text());
    }
    assert_eq!(upstream.connections(), 0);
}

#[test]
fn the_path_and_the_body_name_one_model() {
    let (gate, upstream) = staged(|setup| setup.set("projects.search", "models", r#"["gemini-2.5-flash"]"#));
    let path = "/v1beta/models/gemini-2.5-flash:generateContent";
    let batch = "/v1beta/models/gemini-2.5-flash:batchEmbedContents";
    for (path, body, status) in [
        (path, r#"{"model":"models/gemini-2.5-pro"}"#, 400),
        (path, r#"{"model":"gemini-2.5-pro"}"#, 400),
        (path, r#"{"model":"models/models/gemini-2.5-flash"}"#, 400),
        (path, r#"{"model":"models/gemini-2.5-flash"}"#, 200),
        (batch, r#"{"requests":[{"model":"models/gemini-2.5-pro"}]}"#, 400),
        (batch, r#"{"requests":[{"model":"models/gemini-2.5-flash"},{"model":"models/x"}]}"#, 400),
        (batch, r#"{"requests":[{"model":"models/gemini-2.5-flash"}]}"#, 200),
    ] {
        let answer = gate.ask(post(path, &gate.setup.client_key, body));
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text());
    }
    assert_eq!(upstream.requests().len(), 2);
}

#[test]
fn a_body_nests_so_deep_and_no_deeper() {
    let (gate, upstream) = only_mini();
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
        format!(r#"{{"model":"gpt-4o-mini","a":{open}{close}}}"#)
    };
    assert_eq!(ask(&gate, nested(128).as_bytes()).status, 200);
    assert_eq!(ask(&gate, nested(129).as_bytes()).reason(), Some("body_invalid"));
    assert_eq!(ask(&gate, nested(500_000).as_bytes()).reason(), Some("body_invalid"));
    assert_eq!(upstream.requests().len(), 1);
}

#[test]
fn only_plain_json_is_read() {
    let (gate, upstream) = only_mini();
    let bytes = String::from_utf8(gate.chat()).unwrap();
    let json = "content-type: application/json";
    for lines in [
        "x-a: b",
        "content-type: text/plain",
        "content-type: application/x-www-form-urlencoded",
        "content-type: multipart/form-data; boundary=a",
        "content-type: application/json, text/plain",
        "content-type: application/jsonp",
        "content-type: application/json\r\ncontent-type: text/plain",
        "content-type: application/json; charset=utf-16",
        "content-type: application/json; charset=utf-7",
        "content-type: application/json; charset=utf-8; charset=utf-7",
        "content-type: application/json\r\ncontent-encoding: gzip",
        "content-type: application/json\r\ncontent-encoding: br",
        "content-type: application/json\r\ncontent-encoding: identity, gzip",
        "content-type: application/json\r\ncontent-encoding: identity\r\ncontent-encoding: deflate",
        "content-type: application/json\r\ncontent-encoding: ",
    ] {
        let answer = gate.ask(bytes.replacen(json, lines, 1));
        assert_eq!(answer.status, 415, "{lines}: {}", answer.text());
    }
    assert_eq!(upstream.connections(), 0);
    for lines in
        ["content-type: application/json; charset=utf-8", "content-type: Application/JSON ;charset=\"UTF-8\""]
    {
        assert_eq!(gate.ask(bytes.replacen(json, lines, 1)).status, 200, "{lines}");
    }
}
