//! What records tell of usage, through a whole gate: each dialect, streamed and not, and streams that are asked to
//! report.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use std::net::TcpListener;

use common::provider::Provider;
use common::{Running, Setup, Upstream, post};
use serde_json::{Value, json};

/// A gate before the stand-in, which must live as long.
fn gate() -> (Running, Provider) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let setup = Setup::new(listener.local_addr().unwrap());
    let provider = Provider::on(listener, &setup.provider_key);
    (setup.start(), provider)
}

#[test]
fn records_tell_what_the_stand_in_says_was_used() {
    let (gate, _provider) = gate();
    let gemini = r#"{"contents":[{"role":"user","parts":[{"text":"tell me a story"}]}]}"#;
    let chat =
        json!({ "model": "gpt-4o-mini", "messages": [{ "role": "user", "content": "tell me a story" }] });
    let mut streamed = chat.clone();
    streamed["stream"] = true.into();
    streamed["stream_options"] = json!({ "include_usage": true });
    let with = |model: &str, more: Value| {
        let mut body = chat.clone();
        body["model"] = model.into();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body.to_string()
    };
    let claude = |stream: bool| with("claude-sonnet-4-5", json!({ "max_tokens": 50, "stream": stream }));
    let responses =
        |stream: bool| json!({ "model": "gpt-4o", "input": "tell me a story", "stream": stream }).to_string();
    let asks = [
        ("/v1/chat/completions", chat.to_string(), "prompt_tokens", "completion_tokens"),
        ("/v1/chat/completions", streamed.to_string(), "prompt_tokens", "completion_tokens"),
        ("/v1/messages", claude(false), "input_tokens", "output_tokens"),
        ("/v1/messages", claude(true), "input_tokens", "output_tokens"),
        (
            "/v1beta/models/gemini-2.5-flash:generateContent",
            gemini.into(),
            "promptTokenCount",
            "candidatesTokenCount",
        ),
        (
            "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
            gemini.into(),
            "promptTokenCount",
            "candidatesTokenCount",
        ),
        ("/v1/responses", responses(false), "input_tokens", "output_tokens"),
        ("/v1/responses", responses(true), "input_tokens", "output_tokens"),
        (
            "/v1/embeddings",
            json!({ "model": "text-embedding-3-small", "input": "tell me a story" }).to_string(),
            "prompt_tokens",
            "",
        ),
    ];
    for (at, (path, body, input, output)) in asks.iter().enumerate() {
        let key = format!("Bearer {}", gate.setup.client_key);
        let headers = [
            ("authorization", key.as_str()),
            ("content-type", "application/json"),
            ("anthropic-version", "2023-06-01"),
        ];
        let answer = gate.ask(common::client::request("POST", path, &headers, body));
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let text = answer.text();
        // The last count under this name, as the client sees it.
        let last = |name: &str| {
            let count = text.rsplit_once(&format!("\"{name}\":")).map(|(_, rest)| rest.trim_start());
            count
                .map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse::<u64>().unwrap())
        };
        let record = gate.records_when(at + 1).pop().unwrap();
        assert!(last(input).unwrap() > 0, "{path}: {text}");
        assert_eq!(record["input_tokens"].as_u64(), last(input), "{path} {body}: {record}");
        assert_eq!(record["output_tokens"].as_u64(), last(output).or(Some(0)), "{path} {body}: {record}");
    }
}

#[test]
fn what_is_no_call_of_a_model_has_no_tokens() {
    let (gate, _provider) = gate();
    let key = format!("Bearer {}", gate.setup.client_key);
    assert_eq!(
        gate.ask(common::client::request("GET", "/v1/models", &[("authorization", &key)], "")).status,
        200
    );
    let record = gate.record();
    assert_eq!((&record["input_tokens"], &record["output_tokens"]), (&Value::Null, &Value::Null));
}

/// Three events of a chat, the report of what it used, and the end.
const EVENTS: [&str; 5] = [
    "data: {\"choices\":[],\"prompt_filter_results\":[],\"usage\":null}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"say \\\"usage\\\":{\"}}],\"usage\":null}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":9,\"total_tokens\":16,\"prompt_tokens_details\":{\"cached_tokens\":3},\"completion_tokens_details\":{\"reasoning_tokens\":5}}}\n\n",
    "data: [DONE]\n\n",
];

/// An upstream that streams these events in pieces of so many bytes, with or without the report as it is asked.
fn streaming(size: usize) -> Upstream {
    Upstream::start(move |talk| {
        while let Some(request) = talk.request() {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            let asked = body["stream_options"]["include_usage"] == true;
            let events = EVENTS.iter().enumerate().filter(|(at, _)| asked || *at != 3);
            let text: String = events.map(|(_, event)| *event).collect();
            talk.send(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
            )
            .unwrap();
            for piece in text.as_bytes().chunks(size) {
                talk.send(format!("{:x}\r\n{}\r\n", piece.len(), std::str::from_utf8(piece).unwrap()))
                    .unwrap();
            }
            talk.send("0\r\n\r\n").unwrap();
        }
    })
}

const UNASKED: &str =
    r#"{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
const ASKED: &str =
    r#"{"model":"gpt-4o-mini","stream":true,"stream_options":{"include_usage":true},"messages":[]}"#;

fn counting(upstream: &Upstream) -> Setup {
    Setup::new(upstream.address).adjust(|snapshot| {
        for project in &mut snapshot.projects {
            project.counts_tokens = true;
        }
    })
}

#[test]
fn a_stream_is_asked_to_report_and_its_client_does_not_see_it() {
    for size in [1, 7, 100_000] {
        let upstream = streaming(size);
        let gate = counting(&upstream).start();
        let answer = gate.ask(post("/v1/chat/completions", &gate.setup.client_key, UNASKED));
        assert!(answer.whole);
        assert_eq!(answer.text(), [EVENTS[0], EVENTS[1], EVENTS[2], EVENTS[4]].concat());
        let record = gate.record();
        for (name, count) in
            [("input_tokens", 7), ("output_tokens", 9), ("cached_tokens", 3), ("reasoning_tokens", 5)]
        {
            assert_eq!(record[name], count, "{record}");
        }
        let sent = upstream.requests().pop().unwrap();
        let expected = UNASKED.replacen('{', r#"{"stream_options":{"include_usage":true},"#, 1);
        assert_eq!(String::from_utf8(sent.body).unwrap(), expected);
    }
}

#[test]
fn who_asks_sees_all_and_who_is_not_counted_is_not_asked_for() {
    let upstream = streaming(50);
    let gate = counting(&upstream).start();
    let answer = gate.ask(post("/v1/chat/completions", &gate.setup.client_key, ASKED));
    assert_eq!(answer.text(), EVENTS.concat());
    assert_eq!(upstream.requests().pop().unwrap().body, ASKED.as_bytes());
    assert_eq!(gate.record()["input_tokens"], 7);
    let gate = Setup::new(upstream.address).start();
    let answer = gate.ask(post("/v1/chat/completions", &gate.setup.client_key, UNASKED));
    assert_eq!(answer.text(), [EVENTS[0], EVENTS[1], EVENTS[2], EVENTS[4]].concat());
    assert_eq!(upstream.requests().pop().unwrap().body, UNASKED.as_bytes());
    assert_eq!(gate.record()["input_tokens"], Value::Null);
}

#[test]
fn a_report_is_asked_for_with_a_name_of_the_gates_own_too() {
    let upstream = streaming(50);
    let gate = counting(&upstream)
        .more("[models.fast]\nupstream = \"openai\"\nmodel = \"gpt-4o-mini-2024-07-18\"\n")
        .start();
    let body = r#"{"stream":true,"model":"fast","stream_options":{},"messages":[]}"#;
    let answer = gate.ask(post("/v1/chat/completions", &gate.setup.client_key, body));
    assert_eq!(answer.text(), [EVENTS[0], EVENTS[1], EVENTS[2], EVENTS[4]].concat());
    let first = String::from_utf8(upstream.requests().pop().unwrap().body).unwrap();
    assert_eq!(
        first,
        r#"{"stream":true,"model":"gpt-4o-mini-2024-07-18","stream_options":{"include_usage":true},"messages":[]}"#
    );
    let body = r#"{"stream":true,"stream_options":{"include_usage":false},"model":"fast","messages":[]}"#;
    gate.ask(post("/v1/chat/completions", &gate.setup.client_key, body));
    let second = String::from_utf8(upstream.requests().pop().unwrap().body).unwrap();
    assert_eq!(
        second,
        r#"{"stream":true,"stream_options":{"include_usage":true},"model":"gpt-4o-mini-2024-07-18","messages":[]}"#
    );
    let body = r#"{"model":"fast","stream":true,"messages":[]}"#;
    gate.ask(post("/v1/chat/completions", &gate.setup.client_key, body));
    let third = String::from_utf8(upstream.requests().pop().unwrap().body).unwrap();
    assert_eq!(
        third,
        r#"{"stream_options":{"include_usage":true},"model":"gpt-4o-mini-2024-07-18","stream":true,"messages":[]}"#
    );
}

#[test]
fn only_upstreams_that_know_the_option_are_asked() {
    let upstream = streaming(50);
    for (provider, asked) in
        [("openai-compatible", true), ("vllm", true), ("mistral", false), ("perplexity", false)]
    {
        let gate = counting(&upstream)
            .upstream("it", provider, &format!("http://{}", upstream.address))
            .set("projects.search", "upstreams", r#"["it"]"#)
            .start();
        assert_eq!(gate.ask(post("/it/v1/chat/completions", &gate.setup.client_key, UNASKED)).status, 200);
        let sent = upstream.requests().pop().unwrap().body;
        assert_eq!(sent != UNASKED.as_bytes(), asked, "{provider}");
    }
    for (version, asked) in [("2024-06-01", false), ("2024-10-21", true), ("preview", true)] {
        let gate = counting(&upstream)
            .upstream("it", "azure-openai", &format!("http://{}", upstream.address))
            .set("projects.search", "upstreams", r#"["it"]"#)
            .start();
        let path = format!("/openai/deployments/gpt-4o-mini/chat/completions?api-version={version}");
        assert_eq!(gate.ask(post(&path, &gate.setup.client_key, UNASKED)).status, 200);
        let sent = upstream.requests().pop().unwrap().body;
        assert_eq!(sent != UNASKED.as_bytes(), asked, "{version}");
    }
}

#[test]
fn options_that_can_be_read_in_two_ways_are_refused_where_tokens_count() {
    let upstream = streaming(50);
    let odd = r#"{"model":"gpt-4o-mini","stream":true,"stream_options":{"include_usage":true,"include_usage":false},"messages":[]}"#;
    let gate = counting(&upstream).start();
    let answer = gate.ask(post("/v1/chat/completions", &gate.setup.client_key, odd));
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(gate.record()["reason"], "body_invalid");
    assert_eq!(upstream.requests().len(), 0);
    let gate = Setup::new(upstream.address).start();
    assert_eq!(gate.ask(post("/v1/chat/completions", &gate.setup.client_key, odd)).status, 200);
}

#[test]
fn a_stream_that_breaks_off_tells_what_it_said_before() {
    let upstream = Upstream::start(|talk| {
        drop(talk.request());
        let first = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":25,\"cache_read_input_tokens\":5,\"output_tokens\":1}}}\n\n";
        let _ = talk.send(format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n",
            first.len()
        ));
    });
    let gate = Setup::new(upstream.address).start();
    let body = r#"{"model":"claude-sonnet-4-5","stream":true,"max_tokens":9,"messages":[]}"#;
    let answer = gate.ask(post("/v1/messages", &gate.setup.client_key, body));
    assert!(!answer.whole);
    let record = gate.record();
    assert_eq!(
        (&record["event"], &record["input_tokens"], &record["cached_tokens"]),
        (&"cut".into(), &30.into(), &5.into())
    );
}
