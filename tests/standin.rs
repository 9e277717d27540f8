//! Drives the stand-in over a real socket: every dialect, every provoked fault, and the end of streams.

#![expect(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    clippy::items_after_statements,
    clippy::disallowed_methods,
    reason = "a test ends where it cannot go on, and times what it tests"
)]

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use portcullis::standin::Standin;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const KEY: &str = "sk-provider-0123456789abcdef";
const OPENAI: &[(&str, &str)] = &[("authorization", "Bearer sk-provider-0123456789abcdef")];
const AZURE: &[(&str, &str)] = &[("api-key", KEY)];
const ANTHROPIC: &[(&str, &str)] = &[("x-api-key", KEY), ("anthropic-version", "2023-06-01")];
const GEMINI: &[(&str, &str)] = &[("x-goog-api-key", KEY)];

/// A stand-in that serves, and where.
struct Running {
    standin: Standin,
    address: String,
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
}

/// An answer, frame by frame.
struct Heard {
    status: StatusCode,
    headers: HeaderMap,
    frames: Vec<Bytes>,
}

async fn run() -> Running {
    run_at(Duration::ZERO).await
}

async fn run_at(pace: Duration) -> Running {
    let standin = Standin::new(KEY).pace(pace);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (stop, stopped) = oneshot::channel();
    let served = tokio::spawn(standin.clone().serve(listener, async {
        drop(stopped.await);
    }));
    Running { standin, address, stop, served }
}

impl Running {
    async fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)], body: impl ToString) -> Heard {
        let socket = TcpStream::connect(&self.address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(target).header("host", "standin");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_string()))).unwrap();
        let (head, mut body) = sender.send_request(request).await.unwrap().into_parts();
        let mut frames = Vec::new();
        while let Some(frame) = body.frame().await {
            frames.push(frame.unwrap().into_data().unwrap());
        }
        connection.abort();
        Heard { status: head.status, headers: head.headers, frames }
    }

    async fn post(&self, target: &str, headers: &[(&str, &str)], body: Value) -> Heard {
        self.ask("POST", target, headers, body).await
    }

    async fn get(&self, target: &str, headers: &[(&str, &str)]) -> Heard {
        self.ask("GET", target, headers, "").await
    }

    /// Sends a chat request whose answer the caller reads from the socket itself.
    async fn chat_raw(&self, body: Value) -> TcpStream {
        let body = body.to_string();
        let mut socket = TcpStream::connect(&self.address).await.unwrap();
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: standin\r\nconnection: close\r\n\
             authorization: Bearer {KEY}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        socket
    }

    async fn until(&self, done: impl Fn(&Standin) -> bool) {
        let reached = async {
            while !done(&self.standin) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), reached).await.unwrap();
    }
}

impl Heard {
    fn text(&self) -> String {
        String::from_utf8(self.frames.concat()).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text()).unwrap()
    }

    /// The JSON of each event.
    fn events(&self) -> Vec<Value> {
        let text = self.text();
        let events = text.strip_suffix("\n\n").unwrap().split("\n\n");
        let data = events.map(|event| event.split_once("data: ").unwrap().1);
        data.map(|data| serde_json::from_str(data).unwrap_or_else(|_| json!(data))).collect()
    }
}

fn chat(text: &str) -> Value {
    json!({ "model": "gpt-4o-mini", "messages": [
        { "role": "system", "content": "be short" },
        { "role": "user", "content": [{ "type": "text", "text": text }] },
    ] })
}

fn with(mut body: Value, more: Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn joined(events: &[Value], pointer: &str) -> String {
    events.iter().filter_map(|event| event.pointer(pointer)?.as_str()).collect()
}

const SAID: &str = "The stand-in heard “why is the sky” and asked no model.";

#[tokio::test]
async fn openai_chat_answers_whole_and_streamed() {
    let running = run().await;
    let whole = running.post("/v1/chat/completions", OPENAI, chat("why is the sky blue")).await;
    assert_eq!(whole.status, 200);
    let body = whole.json();
    assert_eq!(body["choices"][0]["message"]["content"], SAID);
    assert_eq!(body["usage"]["total_tokens"], 7 + 11);

    let ask = with(
        chat("why is the sky blue"),
        json!({ "stream": true, "stream_options": { "include_usage": true } }),
    );
    let streamed = running.post("/v1/chat/completions", OPENAI, ask).await;
    let events = streamed.events();
    assert_eq!(joined(&events, "/choices/0/delta/content"), SAID);
    assert_eq!(events.len(), 1 + 11 + 1 + 1 + 1);
    assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(events[0]["usage"], Value::Null);
    assert_eq!(events[12]["choices"][0]["finish_reason"], "stop");
    assert_eq!((&events[13]["choices"], &events[13]["usage"]["completion_tokens"]), (&json!([]), &json!(11)));
    assert_eq!(events[14], "[DONE]");
    assert_eq!(running.standin.streams_completed(), 1);

    let short = with(chat("why is the sky blue"), json!({ "stream": true, "max_completion_tokens": 3 }));
    let events = running.post("/v1/chat/completions", OPENAI, short).await.events();
    assert_eq!(joined(&events, "/choices/0/delta/content"), "The stand-in heard ");
    assert_eq!(events[4]["choices"][0]["finish_reason"], "length");
}

#[tokio::test]
async fn openai_other_endpoints_answer() {
    let running = run().await;
    let ask = json!({ "model": "gpt-4o", "prompt": "why is the sky blue", "max_tokens": 50 });
    let body = running.post("/v1/completions", OPENAI, ask.clone()).await.json();
    assert_eq!(body["choices"][0]["text"], SAID);
    let events = running.post("/v1/completions", OPENAI, with(ask, json!({ "stream": true }))).await.events();
    assert_eq!(joined(&events, "/choices/0/text"), SAID);

    let ask = json!({ "model": "gpt-4.1", "input": "why is the sky blue" });
    let body = running.post("/v1/responses", OPENAI, ask.clone()).await.json();
    assert_eq!(body["output"][0]["content"][0]["text"], SAID);
    let events = running.post("/v1/responses", OPENAI, with(ask, json!({ "stream": true }))).await.events();
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(
        kinds[..4],
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added"
        ]
    );
    assert_eq!(kinds.last(), Some(&"response.completed"));
    assert_eq!(joined(&events, "/delta"), SAID);
    let numbers: Vec<u64> = events.iter().filter_map(|event| event["sequence_number"].as_u64()).collect();
    assert_eq!(numbers, (0..19).collect::<Vec<_>>());

    let ask = json!({ "model": "text-embedding-3-small", "input": ["a", "b"], "dimensions": 8 });
    let body = running.post("/v1/embeddings", OPENAI, ask.clone()).await.json();
    assert_eq!(body["data"][1]["embedding"].as_array().unwrap().len(), 8);
    let body = running
        .post("/v1/embeddings", OPENAI, with(ask, json!({ "encoding_format": "base64" })))
        .await
        .json();
    assert_eq!(body["data"][1]["embedding"].as_str().unwrap().len(), 44);

    assert_eq!(running.get("/v1/models", OPENAI).await.json()["data"].as_array().unwrap().len(), 6);
    assert_eq!(running.get("/v1/models/gpt-4o", OPENAI).await.json()["id"], "gpt-4o");
    let unknown = running.get("/v1/models/gpt-9", OPENAI).await;
    assert_eq!((unknown.status.as_u16(), &unknown.json()["error"]["code"]), (404, &json!("model_not_found")));
}

#[tokio::test]
async fn anthropic_answers_whole_and_streamed() {
    let running = run().await;
    let ask = json!({ "model": "claude-sonnet-4-5", "max_tokens": 100, "system": "be short",
        "messages": [{ "role": "user", "content": "why is the sky blue" }] });
    let body = running.post("/v1/messages", ANTHROPIC, ask.clone()).await.json();
    assert_eq!(body["content"][0]["text"], SAID);
    assert_eq!(body["usage"]["output_tokens"], 11);

    let events =
        running.post("/v1/messages", ANTHROPIC, with(ask.clone(), json!({ "stream": true }))).await.events();
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(kinds[..4], ["message_start", "content_block_start", "ping", "content_block_delta"]);
    assert_eq!(kinds[14..], ["content_block_stop", "message_delta", "message_stop"]);
    assert_eq!(joined(&events, "/delta/text"), SAID);
    assert_eq!(events[15]["usage"]["output_tokens"], 11);

    let counted = running.post("/v1/messages/count_tokens", ANTHROPIC, ask.clone()).await.json();
    assert_eq!(counted, json!({ "input_tokens": 6 }));
    let models = running.get("/v1/models", ANTHROPIC).await.json();
    assert_eq!((&models["first_id"], &models["has_more"]), (&json!("claude-sonnet-4-5"), &json!(false)));
    let model = running.get("/v1/models/claude-opus-4-1", ANTHROPIC).await.json();
    assert_eq!(model["display_name"], "Claude Opus 4.1");

    let no_version = running.post("/v1/messages", &ANTHROPIC[..1], ask).await;
    assert_eq!((no_version.status.as_u16(), &no_version.json()["type"]), (400, &json!("error")));
}

#[tokio::test]
async fn gemini_answers_whole_as_events_and_as_an_array() {
    let running = run().await;
    let ask = json!({ "contents": [{ "role": "user", "parts": [{ "text": "why is the sky blue" }] }] });
    let model = "/v1beta/models/gemini-2.5-flash";
    let body = running.post(&format!("{model}:generateContent"), GEMINI, ask.clone()).await.json();
    assert_eq!(body["candidates"][0]["content"]["parts"][0]["text"], SAID);
    assert_eq!(body["usageMetadata"]["totalTokenCount"], 4 + 11);

    let target = format!("{model}:streamGenerateContent");
    let events = running.post(&format!("{target}?alt=sse"), GEMINI, ask.clone()).await.events();
    assert_eq!(joined(&events, "/candidates/0/content/parts/0/text"), SAID);
    assert_eq!(events[11]["candidates"][0]["finishReason"], "STOP");
    let array = running.post(&target, GEMINI, ask.clone()).await;
    let array = array.json();
    assert_eq!(joined(array.as_array().unwrap(), "/candidates/0/content/parts/0/text"), SAID);
    assert_eq!(array.as_array().unwrap().len(), events.len());

    let counted = running.post(&format!("{model}:countTokens"), GEMINI, ask).await.json();
    assert_eq!(counted["totalTokens"], 4);
    let ask = json!({ "content": { "parts": [{ "text": "a" }] }, "outputDimensionality": 8 });
    let target = "/v1/models/gemini-embedding-001";
    let one = running.post(&format!("{target}:embedContent"), GEMINI, ask.clone()).await.json();
    let batch = json!({ "requests": [ask] });
    let batch = running.post(&format!("{target}:batchEmbedContents"), GEMINI, batch).await.json();
    assert_eq!(one["embedding"]["values"].as_array().unwrap().len(), 8);
    assert_eq!(batch["embeddings"][0], one["embedding"]);

    for version in ["v1", "v1beta"] {
        let models = running.get(&format!("/{version}/models"), GEMINI).await.json();
        assert_eq!(models["models"][0]["name"], "models/gemini-2.5-flash");
    }
    assert_eq!(running.get(model, GEMINI).await.json()["name"], "models/gemini-2.5-flash");
}

#[tokio::test]
async fn azure_answers_by_deployment_and_under_v1() {
    let running = run().await;
    let ask = chat("why is the sky blue");
    let target = "/openai/deployments/ours/chat/completions";
    let body = running.post(&format!("{target}?api-version=2024-10-21"), AZURE, ask.clone()).await.json();
    assert_eq!(body["choices"][0]["message"]["content"], SAID);
    let no_version = running.post(target, AZURE, ask.clone()).await;
    assert_eq!(no_version.status, 404);
    assert_eq!(no_version.json(), json!({ "error": { "code": "404", "message": "Resource not found" } }));
    let absent = target.replace("ours", "absent") + "?api-version=2024-10-21";
    let absent = running.post(&absent, AZURE, ask.clone()).await.json();
    assert_eq!(absent["error"]["code"], "DeploymentNotFound");
    assert_eq!(running.post("/openai/v1/chat/completions", AZURE, ask).await.status, 200);
    assert_eq!(running.get("/openai/v1/models", AZURE).await.json()["object"], "list");
}

#[tokio::test]
async fn a_wrong_or_missing_key_gets_the_providers_own_refusal() {
    let running = run().await;
    let azure = "/openai/deployments/ours/chat/completions?api-version=2024-10-21";
    let gemini = "/v1beta/models/gemini-2.5-flash:generateContent";
    type Case<'c> = (&'c str, &'c [(&'c str, &'c str)], u16, &'c str, Value);
    let cases: [Case<'_>; 8] = [
        (
            "/v1/chat/completions",
            &[("authorization", "Bearer no")],
            401,
            "/error/code",
            json!("invalid_api_key"),
        ),
        ("/v1/chat/completions", &[], 401, "/error/type", json!("invalid_request_error")),
        ("/v1/messages", &[("x-api-key", "no")], 401, "/error/type", json!("authentication_error")),
        ("/v1/messages", &[], 401, "/error/type", json!("authentication_error")),
        (gemini, &[("x-goog-api-key", "no")], 400, "/error/details/0/reason", json!("API_KEY_INVALID")),
        (gemini, &[], 400, "/error/status", json!("INVALID_ARGUMENT")),
        (azure, &[("api-key", "no")], 401, "/error/code", json!("401")),
        (azure, &[], 401, "/error/code", json!("401")),
    ];
    for (target, headers, status, pointer, expected) in cases {
        let heard = running.post(target, headers, chat("hello")).await;
        assert_eq!(
            (heard.status.as_u16(), heard.json().pointer(pointer)),
            (status, Some(&expected)),
            "{target}"
        );
    }
}

#[tokio::test]
async fn answers_wear_the_providers_headers() {
    let running = run().await;
    let openai = running.get("/v1/models", OPENAI).await.headers;
    let anthropic = running.get("/v1/models", ANTHROPIC).await.headers;
    let gemini = running.get("/v1beta/models", GEMINI).await.headers;
    let azure = running.get("/openai/v1/models", AZURE).await.headers;
    for (headers, names) in [
        (&openai, &["x-request-id", "openai-organization", "x-ratelimit-reset-tokens", "set-cookie"][..]),
        (&anthropic, &["request-id", "anthropic-organization-id", "anthropic-ratelimit-tokens-reset"]),
        (&gemini, &["server", "server-timing", "x-frame-options"]),
        (&azure, &["apim-request-id", "x-ms-region", "x-ratelimit-remaining-tokens"]),
    ] {
        for name in names {
            assert!(headers.contains_key(*name), "{name} is absent from {headers:?}");
        }
    }
}

#[tokio::test]
async fn a_prompt_can_provoke_each_status_in_each_dialect() {
    let running = run().await;
    for status in [400, 401, 403, 404, 429, 500, 503, 529] {
        let text = format!("please standin:error={status}, thanks");
        let message = json!([{ "role": "user", "content": text }]);
        let azure = "/openai/deployments/ours/chat/completions?api-version=2024-10-21";
        let claude = json!({ "model": "claude-haiku-4-5", "max_tokens": 9, "messages": message });
        let contents = json!({ "contents": [{ "parts": [{ "text": text }] }] });
        for (heard, code) in [
            (running.post("/v1/chat/completions", OPENAI, chat(&text)).await, "/error/type"),
            (running.post(azure, AZURE, chat(&text)).await, "/error/code"),
            (running.post("/v1/messages", ANTHROPIC, claude).await, "/error/type"),
            (
                running.post("/v1/models/gemini-2.5-pro:generateContent", GEMINI, contents).await,
                "/error/status",
            ),
        ] {
            assert_eq!(heard.status.as_u16(), status);
            assert!(heard.json().pointer(code).is_some_and(Value::is_string), "{}", heard.text());
            let wait = heard.headers.get("retry-after").map(|value| value.to_str().unwrap());
            assert_eq!(wait, (status == 429).then_some("1"));
        }
    }
}

#[tokio::test]
async fn once_fails_once_for_each_text() {
    let running = run().await;
    for text in ["one standin:error=429:once", "two standin:error=429:once"] {
        let first = running.post("/v1/chat/completions", OPENAI, chat(text)).await;
        let second = running.post("/v1/chat/completions", OPENAI, chat(text)).await;
        assert_eq!((first.status.as_u16(), second.status.as_u16()), (429, 200));
    }
}

#[tokio::test]
async fn only_the_last_user_text_provokes() {
    let running = run().await;
    let ask = json!({ "model": "gpt-4o", "messages": [
        { "role": "user", "content": "standin:error=500" },
        { "role": "assistant", "content": "standin:html" },
        { "role": "user", "content": "and now?" },
    ] });
    assert_eq!(running.post("/v1/chat/completions", OPENAI, ask).await.status, 200);
}

#[tokio::test]
async fn html_redirect_slow_and_big_are_provoked() {
    let running = run().await;
    let ask = |text: &str| running.post("/v1/chat/completions", OPENAI, chat(text));
    let html = ask("standin:html").await;
    assert_eq!(
        (html.status.as_u16(), &html.headers["content-type"]),
        (403, &"text/html; charset=UTF-8".parse().unwrap())
    );
    assert!(html.headers.contains_key("cf-ray") && !html.headers.contains_key("x-request-id"));
    let redirect = ask("standin:redirect").await;
    assert_eq!(redirect.status, 302);
    assert_eq!(redirect.headers["location"], "https://elsewhere.invalid/v1/chat/completions");
    let before = std::time::Instant::now();
    assert_eq!(ask("standin:slow=40").await.status, 200);
    assert!(before.elapsed() >= Duration::from_millis(40));
    let big = ask("standin:big=3000000").await.text().len();
    assert!((3_000_000..3_001_000).contains(&big), "{big}");
}

#[tokio::test]
async fn cut_resets_the_connection_in_the_middle() {
    let running = run().await;
    for stream in [true, false] {
        let mut socket = running.chat_raw(with(chat("standin:cut"), json!({ "stream": stream }))).await;
        let mut heard = Vec::new();
        let error = socket.read_to_end(&mut heard).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        let heard = String::from_utf8(heard).unwrap();
        assert!(heard.starts_with("HTTP/1.1 200 OK") && !heard.contains("[DONE]"), "{heard}");
        assert!(heard.contains("chatcmpl-") || !stream, "{heard}");
    }
    assert_eq!((running.standin.streams_completed(), running.standin.streams_abandoned()), (0, 0));
}

#[tokio::test]
async fn a_reader_that_leaves_is_counted_also_between_two_events() {
    for pace in [Duration::ZERO, Duration::from_secs(3600)] {
        let running = run_at(pace).await;
        let ask = with(chat("standin:tokens=10000"), json!({ "stream": true }));
        let mut socket = running.chat_raw(ask).await;
        socket.read_exact(&mut [0; 64]).await.unwrap();
        drop(socket);
        running.until(|standin| standin.streams_abandoned() == 1).await;
        assert_eq!(running.standin.streams_completed(), 0);
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let running = run().await;
    let heard = running.ask("POST", "/v1/messages", ANTHROPIC, " ".repeat((64 << 20) + 1)).await;
    assert_eq!(heard.status, 413);
    assert_eq!(heard.json()["error"]["type"], "request_too_large");
}

#[tokio::test]
async fn each_event_of_a_long_stream_is_a_chunk_of_its_own() {
    let running = run().await;
    let ask = with(chat("standin:tokens=500"), json!({ "stream": true }));
    let mut heard = String::new();
    running.chat_raw(ask).await.read_to_string(&mut heard).await.unwrap();
    let (_, mut rest) = heard.split_once("\r\n\r\n").unwrap();
    let mut chunks = Vec::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let (chunk, after) = after.split_at(usize::from_str_radix(size, 16).unwrap());
        chunks.push(chunk);
        rest = after.strip_prefix("\r\n").unwrap();
    }
    assert_eq!(chunks.pop(), Some(""));
    assert_eq!(chunks.len(), 1 + 500 + 1 + 1);
    assert!(
        chunks.iter().all(|chunk| chunk.starts_with("data: ") && chunk.find("\n\n") == Some(chunk.len() - 2))
    );
}

#[tokio::test]
async fn the_last_request_is_kept_as_it_arrived() {
    let running = run().await;
    assert!(running.standin.last_request().is_none());
    let headers = [OPENAI[0], ("x-custom", "kept")];
    running.post("/v1/nothing?here=1", &headers, chat("hello")).await;
    let seen = running.standin.last_request().unwrap();
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/v1/nothing?here=1"));
    assert_eq!(seen.headers["x-custom"], "kept");
    assert_eq!(seen.body, chat("hello").to_string());
    assert_eq!(running.standin.requests(), 1);
}

#[tokio::test]
async fn what_is_malformed_is_refused_in_the_dialect() {
    let running = run().await;
    let gemini = "/v1beta/models/gemini-2.5-flash:generateContent";
    for (target, headers, pointer, expected) in [
        ("/v1/chat/completions", OPENAI, "/error/type", json!("invalid_request_error")),
        ("/v1/messages", ANTHROPIC, "/error/type", json!("invalid_request_error")),
        (gemini, GEMINI, "/error/status", json!("INVALID_ARGUMENT")),
    ] {
        for body in ["{\"model\": ", "[]", ""] {
            let heard = running.ask("POST", target, headers, body).await;
            assert_eq!(
                (heard.status.as_u16(), heard.json().pointer(pointer)),
                (400, Some(&expected)),
                "{body:?}"
            );
        }
    }
    assert_eq!(running.get("/nothing", OPENAI).await.status, 404);
    assert_eq!(running.get("/v1/chat/completions", OPENAI).await.status, 404);
}

#[tokio::test]
async fn it_serves_on_a_local_set_and_stops_when_told() {
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            let running = run().await;
            assert_eq!(running.get("/v1/models", OPENAI).await.status, 200);
            let mut idle = TcpStream::connect(&running.address).await.unwrap();
            running.stop.send(()).unwrap();
            running.served.await.unwrap().unwrap();
            assert_eq!(idle.read(&mut [0; 1]).await.unwrap_or(0), 0);
            assert!(TcpStream::connect(&running.address).await.is_err());
        })
        .await;
}

#[tokio::test]
async fn cohere_chats_embeds_and_ranks() {
    let running = run().await;
    let chat = with(chat("why is the sky blue"), json!({ "model": "command-a-03-2025" }));
    let whole = running.post("/v2/chat", OPENAI, chat.clone()).await.json();
    assert_eq!(whole["message"]["content"][0]["text"], SAID);
    assert_eq!(
        (&whole["finish_reason"], &whole["usage"]["tokens"]["output_tokens"]),
        (&json!("COMPLETE"), &json!(11))
    );
    let events =
        running.post("/v2/chat", OPENAI, with(chat.clone(), json!({ "stream": true }))).await.events();
    assert_eq!(joined(&events, "/delta/message/content/text"), SAID);
    assert_eq!(events.last().unwrap()["type"], "message-end");
    let short = running.post("/v2/chat", OPENAI, with(chat, json!({ "max_tokens": 3 }))).await.json();
    assert_eq!(short["finish_reason"], "MAX_TOKENS");

    let ask =
        json!({ "model": "rerank-v3.5", "query": "a key of the gate", "documents": ["a bridge", "the key"] });
    let ranked = running.post("/v2/rerank", OPENAI, ask).await.json();
    let order: Vec<&Value> = ranked["results"].as_array().unwrap().iter().map(|one| &one["index"]).collect();
    assert_eq!(order, [&json!(1), &json!(0)]);

    let ask = json!({ "model": "embed-v4.0", "texts": ["a"] });
    let wrong = running.post("/v2/embed", OPENAI, ask.clone()).await;
    assert_eq!(
        (wrong.status.as_u16(), &wrong.json()["message"]),
        (400, &json!("invalid request: input_type is required"))
    );
    let right =
        running.post("/v2/embed", OPENAI, with(ask, json!({ "input_type": "search_query" }))).await.json();
    assert_eq!(right["embeddings"]["float"][0].as_array().unwrap().len(), 1536);
    let unknown = running.post("/v2/chat", &[("authorization", "Bearer other")], json!({})).await;
    assert_eq!((unknown.status.as_u16(), &unknown.json()["message"]), (401, &json!("invalid api token")));
}
