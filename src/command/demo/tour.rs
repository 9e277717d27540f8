//! The tour: requests over real sockets, each with what must come of it.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::Keys;
use crate::clock::Moment;
use crate::command::say;

/// One stop of the tour.
struct Stop<'k> {
    title: &'static str,
    method: Method,
    path: &'static str,
    key: Option<(&'static str, &'k str)>,
    body: Option<&'static str>,
    /// Status, and the reason of a refusal.
    expected: (u16, Option<&'static str>),
}

const CHAT: &str = r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Why is the sky blue?"}]}"#;
const STREAM: &str =
    r#"{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"Count to ten."}]}"#;
const LARGER: &str = r#"{"model":"gpt-4o","messages":[{"role":"user","content":"Why is the sky blue?"}]}"#;
const LONG: &str =
    r#"{"model":"gpt-4o-mini","max_tokens":60000,"messages":[{"role":"user","content":"Write a book."}]}"#;
const MESSAGE: &str =
    r#"{"model":"claude-haiku-4-5","max_tokens":64,"messages":[{"role":"user","content":"Hello"}]}"#;
const GENERATE: &str = r#"{"contents":[{"parts":[{"text":"Hello"}]}]}"#;
const COMPLETIONS: &str = "/v1/chat/completions";

fn stops(keys: &Keys) -> Vec<Stop<'_>> {
    fn bearer(key: &str) -> (&'static str, &str) {
        ("authorization", key)
    }
    let post = |title, path, key, body, expected| Stop {
        title,
        method: Method::POST,
        path,
        key,
        body: Some(body),
        expected,
    };
    let (fine, refused) = (|status| (status, None), |status, reason| (status, Some(reason)));
    vec![
        post("An allowed chat, OpenAI", COMPLETIONS, Some(bearer(&keys.search)), CHAT, fine(200)),
        post("The same, streamed", COMPLETIONS, Some(bearer(&keys.search)), STREAM, fine(200)),
        post(
            "Anthropic on the same gate",
            "/v1/messages",
            Some(("x-api-key", keys.search.as_str())),
            MESSAGE,
            fine(200),
        ),
        post(
            "Gemini on the same gate",
            "/v1beta/models/gemini-2.5-flash:generateContent",
            Some(("x-goog-api-key", keys.search.as_str())),
            GENERATE,
            fine(200),
        ),
        Stop {
            title: "The models that the project may use, of all that the upstream has",
            method: Method::GET,
            path: "/v1/models",
            key: Some(bearer(&keys.search)),
            body: None,
            expected: fine(200),
        },
        post("No key", COMPLETIONS, None, CHAT, refused(401, "key_missing")),
        post(
            "The provider's key in place of a project key",
            COMPLETIONS,
            Some(bearer("sk-proj-0123456789")),
            CHAT,
            refused(401, "provider_key_sent"),
        ),
        post(
            "A key used from the wrong address",
            COMPLETIONS,
            Some(bearer(&keys.warehouse)),
            CHAT,
            refused(403, "ip_not_allowed"),
        ),
        post(
            "A project without the scope",
            COMPLETIONS,
            Some(bearer(&keys.reports)),
            CHAT,
            refused(403, "scope_missing"),
        ),
        post(
            "A model that the project may not use",
            COMPLETIONS,
            Some(bearer(&keys.search)),
            LARGER,
            refused(403, "model_not_allowed"),
        ),
        post(
            "A base URL with its prefix doubled",
            "/v1/v1/chat/completions",
            Some(bearer(&keys.search)),
            CHAT,
            refused(404, "endpoint_unknown"),
        ),
        post("Two a minute: the first", COMPLETIONS, Some(bearer(&keys.batch)), CHAT, fine(200)),
        post("… the second", COMPLETIONS, Some(bearer(&keys.batch)), CHAT, fine(200)),
        post(
            "… and the third, over the rate",
            COMPLETIONS,
            Some(bearer(&keys.batch)),
            CHAT,
            refused(429, "rate_limited"),
        ),
        post(
            "More tokens than the project may use in a minute",
            COMPLETIONS,
            Some(bearer(&keys.search)),
            LONG,
            refused(429, "tokens_limited"),
        ),
    ]
}

/// Sends every request and shows what came of it; tells whether all was as expected.
pub(super) async fn run(gate: SocketAddr, keys: &Keys, records: &Receiver<String>) -> io::Result<bool> {
    let mut well = true;
    for (number, stop) in stops(keys).into_iter().enumerate() {
        say(&format!(
            "── {}. {} {}",
            number + 1,
            stop.title,
            "─".repeat(60usize.saturating_sub(stop.title.chars().count()))
        ));
        let answer = ask(gate, &stop).await?;
        let record = records.recv_timeout(Duration::from_secs(5)).unwrap_or_default();
        let record: Value = serde_json::from_str(&record).unwrap_or_default();
        let as_expected = judge(&stop, &answer, &record);
        well &= as_expected;
        let mark = match (as_expected, answer.status) {
            (false, _) => "✗ NOT AS EXPECTED:",
            (true, 200..=299) => "✓ allowed:",
            (true, _) => "✓ refused:",
        };
        say(&format!("   {} {}\n   {mark} {}", stop.method, stop.path, answer.shown()));
        say(&format!("   record: {record}\n"));
    }
    Ok(well)
}

/// What the tour says at its end.
pub(super) fn closing(well: bool) -> String {
    if well {
        "Every verdict was the expected one.\n".to_owned()
    } else {
        "Not every verdict was the expected one.\n".to_owned()
    }
}

struct Answered {
    status: u16,
    body: Vec<u8>,
    events: usize,
    spread: Duration,
}

async fn ask(gate: SocketAddr, stop: &Stop<'_>) -> io::Result<Answered> {
    let stream = TcpStream::connect(gate).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(connection);
    let mut request =
        Request::builder().method(stop.method.clone()).uri(stop.path).header("host", gate.to_string());
    if let Some((name, key)) = stop.key {
        let value = if name == "authorization" { format!("Bearer {key}") } else { key.to_owned() };
        request = request.header(name, value);
    }
    if stop.body.is_some() {
        request = request.header("content-type", "application/json");
    }
    if stop.path == "/v1/messages" {
        request = request.header("anthropic-version", "2023-06-01");
    }
    let body = Full::new(Bytes::from_static(stop.body.unwrap_or_default().as_bytes()));
    let request = request.header("user-agent", "portcullis-demo").body(body).map_err(io::Error::other)?;
    let answer = sender.send_request(request).await.map_err(io::Error::other)?;
    let status = answer.status().as_u16();
    let mut incoming = answer.into_body();
    let (mut body, mut events, mut first, mut last) = (Vec::new(), 0, None, None);
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(io::Error::other)?;
        if let Some(data) = frame.data_ref() {
            events += data.windows(6).filter(|w| w == b"data: ").count();
            first = first.or_else(|| Some(Moment::now()));
            last = Some(Moment::now());
            body.extend_from_slice(data);
        }
    }
    let spread =
        first.zip(last).map_or(Duration::ZERO, |(first, last)| Duration::from_nanos(last.nanos_since(first)));
    Ok(Answered { status, body, events, spread })
}

impl Answered {
    fn shown(&self) -> String {
        if self.events > 1 {
            return format!(
                "HTTP {}, {} events over {} ms, each as it came",
                self.status,
                self.events,
                self.spread.as_millis()
            );
        }
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let said = body
            .pointer("/error/message")
            .or_else(|| body.pointer("/choices/0/message/content"))
            .or_else(|| body.pointer("/content/0/text"))
            .or_else(|| body.pointer("/candidates/0/content/parts/0/text"))
            .and_then(Value::as_str);
        if let Some(said) = said {
            return format!("HTTP {}, {said}", self.status);
        }
        let models = body.get("data").and_then(Value::as_array).into_iter().flatten();
        let models: Vec<&str> = models.filter_map(|model| model.get("id")?.as_str()).collect();
        format!("HTTP {}, {}", self.status, models.join(", "))
    }
}

/// Whether client and record both say what was expected.
fn judge(stop: &Stop<'_>, answer: &Answered, record: &Value) -> bool {
    let (status, reason) = stop.expected;
    let told = String::from_utf8_lossy(&answer.body);
    let streams =
        stop.body != Some(STREAM) || (answer.events > 3 && answer.spread > Duration::from_millis(50));
    answer.status == status
        && streams
        && record.get("status").and_then(Value::as_u64) == Some(u64::from(status))
        && record.get("reason").and_then(Value::as_str) == reason
        && reason.is_none_or(|reason| told.contains(reason) || told.contains(&reason.to_ascii_uppercase()))
}
