//! What the fuzz targets in `fuzz/` do with their bytes; the tests do it with the committed seeds.
//!
//! Each function panics where a property does not hold:
//! 1. nothing that anybody can send makes the gate panic;
//! 2. where pieces end changes nothing;
//! 3. what is let through is what the configuration lets through.

#![expect(clippy::missing_panics_doc, reason = "that is how a target tells what it found")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde::de::IgnoredAny;

use crate::accept::framing::Framing;
use crate::clock::Moment;
use crate::config::{self, Sources};
use crate::dialect::Surface;
use crate::endpoint::{self, Endpoint, Family};
use crate::explain::{Question, STAGES, Verdict, explain};
use crate::limits::Registry;
use crate::multipart::{Found, Multipart, Reader, Unclear};
use crate::peek::{Fault, Peek, Peeked};
use crate::proxy_header::{self, Header};
use crate::redact::Redactor;
use crate::secret::{self, Secret};
use crate::snapshot::Snapshot;
use crate::usage::{Hider, Meter, Usage};
use crate::wire::Look as _;

/// Whose forwarded addresses the gate below believes.
const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
/// The one project may chat with one model, from one network.
const CONFIGURATION: &str = r#"
[server]
trusted_proxies = ["10.0.0.1"]
allow_ips = "any"
[upstreams.openai]
provider = "openai"
credentials = [{ id = "main", secret = "env:KEY" }]
[projects.search]
upstreams = ["openai"]
scopes = ["chat"]
models = ["gpt-4o-mini"]
allow_ips = ["192.0.2.0/24"]
[[projects.search.keys]]
id = "search-prod"
sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
"#;

static SNAPSHOT: LazyLock<Option<Arc<Snapshot>>> = LazyLock::new(|| {
    let sources = Sources::from_texts([("fuzz.toml", CONFIGURATION)], [("KEY", "sk-fuzz")]);
    Some(config::load(&sources, &Registry::new(Moment::now())).ok()?.snapshot)
});

/// A function of the list below.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: [(&str, Target); 10] = [
    ("framing", framing),
    ("head", head),
    ("address", address),
    ("proxy", proxy),
    ("body", body),
    ("form", form),
    ("answer", answer),
    ("redact", redact),
    ("session", session),
    ("configuration", configuration),
];

/// Follows a connection's bytes to its heads, in pieces and at once.
pub fn framing(bytes: &[u8]) {
    let Some((&size, sent)) = bytes.split_first() else { return };
    let followed = |size: usize| {
        let (mut framing, mut passed) = (Framing::default(), sent.to_vec());
        passed.chunks_mut(size.max(1)).for_each(|read| framing.follow(read));
        passed
    };
    let passed = followed(sent.len());
    assert_eq!(passed, followed(usize::from(size) % 32));
    // What takes lines out of a whole head looks at fewer of the others, and comes to the same.
    let (mut plain, mut whole) = (Framing::default(), Framing::default());
    plain.follow(&mut sent.to_vec());
    let mut read = sent.to_vec();
    let left = whole.read(&mut read);
    assert_eq!(format!("{plain:?}"), format!("{whole:?}"));
    assert!(left == sent.len() && read == passed || left < sent.len());
    let mut spoiled = sent.iter().zip(&passed).enumerate().filter(|(_, (was, is))| was != is);
    if let Some((at, (was, is))) = spoiled.next() {
        // Capitals count as small letters, and so do control characters as signs, which are in no head that is one.
        let line =
            sent.get(..=at).unwrap_or_default().rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        let name = line.iter().map(|byte| byte | 0x20).collect::<Vec<_>>();
        let framed = name == b"content-length:" || name == b"transfer-encoding:";
        assert!(framed || *was == b'#', "{was} is {is}");
        assert!(spoiled.next().is_none(), "nothing behind a spoiled head is read");
    }
}

/// Asks the stages about a head: the first line is method and target, then headers, then the model in the body.
pub fn head(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.split('\n');
    let first = lines.next().unwrap_or_default();
    let (method, target) = first.split_once(' ').unwrap_or(("POST", first));
    let (Ok(method), Ok(target)) = (Method::from_bytes(method.as_bytes()), target.parse::<Uri>()) else {
        return;
    };
    let (headers, model) = headers(lines);
    let Some(verdict) =
        asked(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), method, target.clone(), headers, model.clone())
    else {
        return;
    };
    if verdict.denied.is_some() {
        assert!(verdict.passed < STAGES.len(), "refused, and passed");
        return;
    }
    assert_eq!(verdict.passed, STAGES.len());
    assert_eq!(verdict.upstream.as_deref(), Some("openai"));
    assert_eq!(verdict.endpoint.map(|endpoint| endpoint.scope.family), Some(Family::Chat), "{target}");
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'%' | b'\\' | b';');
    assert!(target.path().bytes().all(plain), "{target}");
    if let Some(named) = verdict.model {
        assert_eq!(&*named, "gpt-4o-mini");
    }
}

/// Asks who the client is, behind the trusted proxy and in its place.
pub fn address(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    let ask = |peer: IpAddr| {
        let lines = text.split('\n').filter_map(|line| HeaderValue::from_str(line).ok());
        let headers =
            lines.map(|value| (HeaderName::from_static("x-forwarded-for"), value)).collect::<Vec<_>>();
        let target = Uri::from_static("/v1/chat/completions");
        asked(peer, Method::POST, target, headers, Some("gpt-4o-mini".to_owned()))
    };
    let stranger = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 9));
    let Some(verdict) = ask(stranger) else { return };
    assert_eq!(verdict.client, Some(stranger), "only a trusted proxy is believed");
    assert!(verdict.denied.is_some());
    let Some(verdict) = ask(PROXY) else { return };
    if verdict.denied.is_none() {
        // The last address that is not the proxy's decides, and it must be one that is allowed.
        let last = text
            .split('\n')
            .filter(|line| HeaderValue::from_str(line).is_ok())
            .flat_map(|line| line.split(','));
        let last = last
            .map(|entry| entry.trim_matches([' ', '\t']))
            .rfind(|entry| !entry.contains("10.0.0.1") && !entry.contains("a00:1"));
        assert!(last.is_some_and(|entry| entry.contains("192.0.2.") || entry.contains("c000:2")), "{text:?}");
    }
}

/// Reads a header of the PROXY protocol as it comes, byte by byte and at once.
pub fn proxy(bytes: &[u8]) {
    let whole = proxy_header::read(bytes);
    let mut end = 0;
    let came = loop {
        match proxy_header::read(bytes.get(..end).unwrap_or_default()) {
            Ok(Header::Needs(_) | Header::EndsWithin(_)) if end < bytes.len() => end += 1,
            other => break other,
        }
    };
    assert_eq!(whole, came);
    if let Ok(Header::Whole(length, _)) = whole {
        assert!(length <= proxy_header::LONGEST && length <= bytes.len());
        assert_eq!(
            proxy_header::read(bytes.get(..length).unwrap_or_default()),
            whole,
            "what follows is no part of it"
        );
    }
}

/// Looks for what a body asks for, beside a plain JSON reader.
pub fn body(bytes: &[u8]) {
    let Some((&size, text)) = bytes.split_first() else { return };
    let peek = |size: usize| {
        let mut peek = Peek::default();
        for piece in text.chunks(size.max(1)) {
            peek.feed(piece)?;
        }
        peek.finish()
    };
    let (whole, mut cut) = (peek(text.len()), peek(usize::from(size) % 16));
    if let (Ok(Peeked { model_at, .. }), Ok(cut)) = (&whole, &mut cut) {
        // Where the model stands is told with or without its colon.
        assert_eq!(model_at.is_some(), cut.model_at.is_some());
        cut.model_at = *model_at;
    }
    assert_eq!(whole, cut);
    let theirs = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(text);
    match (whole, theirs) {
        (Ok(found), Ok(theirs)) => {
            let model = theirs.get("model").and_then(serde_json::Value::as_str);
            assert_eq!(found.model.as_deref(), model);
            assert_eq!(found.stream, theirs.get("stream").and_then(serde_json::Value::as_bool));
        }
        (Ok(_), Err(error)) => {
            // Half a surrogate pair and a number too large are left to the upstream.
            let known = ["surrogate", "hex escape", "out of range"];
            let error = error.to_string();
            assert!(known.iter().any(|known| error.contains(known)), "{error}");
        }
        (Err(Fault::NotJson(why)), Ok(_)) => assert!(why.contains("deep"), "only serde_json takes it: {why}"),
        (Err(_), _) => {}
    }
}

/// Notes what a form is.
#[derive(Debug, Default, PartialEq, Eq)]
struct Notes {
    parts: Vec<(String, bool, Vec<u8>)>,
    ended: usize,
}

impl Reader for Notes {
    type Refusal = Unclear;

    fn take(&mut self, found: Found<'_>) -> Result<(), Unclear> {
        match found {
            Found::Part(part) => self.parts.push((part.name.to_owned(), part.is_file, Vec::new())),
            Found::Data(data) => {
                if let Some((_, _, held)) = self.parts.last_mut() {
                    held.extend_from_slice(data);
                }
            }
            Found::Ended => self.ended += 1,
        }
        Ok(())
    }
}

/// Reads a form in pieces and at once.
pub fn form(bytes: &[u8]) {
    let Some((&size, text)) = bytes.split_first() else { return };
    let read = |size: usize| {
        let (mut notes, mut form) = (Notes::default(), Multipart::new(b"multipart/form-data; boundary=b")?);
        for piece in text.chunks(size.max(1)) {
            form.feed(piece, &mut notes)?;
        }
        Ok::<_, Unclear>((form.is_whole(), notes))
    };
    let (whole, cut) = (read(text.len()), read(usize::from(size) % 16));
    match (&whole, &cut) {
        (Ok((true, notes)), Ok((true, others))) => {
            assert_eq!(notes, others);
            assert!(!notes.parts.iter().any(|(.., data)| data.windows(3).any(|at| at == b"--b")));
        }
        // Of a form that is not whole, how much of its last part was told depends on the pieces.
        _ => assert_eq!(whole.map(|(whole, _)| whole), cut.map(|(whole, _)| whole)),
    }
}

/// Rows whose answers differ in what they report and how they come.
const ANSWERS: [(Surface, &str, &str); 7] = [
    (Surface::OpenAi, "/v1/chat/completions", "text/event-stream"),
    (Surface::OpenAi, "/v1/chat/completions", "application/json"),
    (Surface::OpenAi, "/v1/responses", "text/event-stream"),
    (Surface::Anthropic, "/v1/messages", "text/event-stream"),
    (Surface::Anthropic, "/v1/messages", "application/json"),
    (Surface::Ollama, "/api/chat", "application/x-ndjson"),
    (Surface::Bedrock, "/model/m/converse-stream", "application/vnd.amazon.eventstream"),
];

/// Looks for what an answer used, and hides the report that nobody asked for, in pieces and at once.
pub fn answer(bytes: &[u8]) {
    let [which, size, text @ ..] = bytes else { return };
    let Some((surface, path, kind)) = ANSWERS.get(usize::from(*which) % ANSWERS.len()) else { return };
    let Some(row) = row(*surface, path) else { return };
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    let found = |size: usize| {
        let (mut meter, mut usage) = (Meter::of(row, &headers)?, None::<Usage>);
        for piece in text.chunks(size.max(1)) {
            meter.piece(&Bytes::copy_from_slice(piece), &mut usage);
        }
        Some((usage, meter.output_seen()))
    };
    let hidden = |size: usize| {
        let (mut hider, mut passed) = (Hider::default(), Vec::new());
        for piece in text.chunks(size.max(1)) {
            passed.extend_from_slice(&hider.piece(&Bytes::copy_from_slice(piece)));
        }
        passed.extend_from_slice(&hider.rest());
        passed
    };
    let size = usize::from(*size) % 32;
    let (whole, pieces) = (found(text.len()), found(size));
    // A text that is no JSON may be taken, by its end, for one that is.
    let json =
        |text: &[u8]| text.trim_ascii().is_empty() || serde_json::from_slice::<IgnoredAny>(text).is_ok();
    let mut lines = text.split(|byte| matches!(byte, b'\n' | b'\r'));
    let sound = match *kind {
        "application/json" => json(text),
        "text/event-stream" => lines.all(|line| line.strip_prefix(b"data:").is_none_or(json)),
        _ => true,
    };
    if sound {
        assert_eq!(whole, pieces);
    }
    let passed = hidden(text.len());
    assert_eq!(passed, hidden(size));
    assert!(passed.len() <= text.len());
}

/// Leaves a key out of a text that comes in pieces; the first bytes say how it is cut and how the key is written in it.
pub fn redact(bytes: &[u8]) {
    const KEY: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";
    let [size, how, text @ ..] = bytes else { return };
    let Ok(secret) = Secret::header(http::header::AUTHORIZATION, "Bearer ", KEY) else { return };
    let escaped = |every: u8, escape: fn(u8) -> String| -> String {
        let each = KEY.bytes().zip(0u8..);
        each.map(|(byte, at)| if at % every == 0 { escape(byte) } else { char::from(byte).into() }).collect()
    };
    let key = match how % 3 {
        0 => KEY.to_owned(),
        1 => escaped(how / 3 % 7 + 1, |byte| format!("%{byte:02X}")),
        _ => escaped(how / 3 % 7 + 1, |byte| format!("\\u{byte:04x}")),
    };
    // Each byte 1 of the text becomes the key.
    let text: Vec<u8> = text.split(|byte| *byte == 1).collect::<Vec<_>>().join(key.as_bytes());
    let cleaned = |size: usize| {
        let mut redactor = Redactor::new(secret.finder());
        let mut out: Vec<u8> = text.chunks(size.max(1)).flat_map(|piece| redactor.piece(piece)).collect();
        out.extend_from_slice(&redactor.rest());
        assert!(!redactor.holds());
        out
    };
    let whole = cleaned(text.len());
    assert_eq!(whole, cleaned(usize::from(*size) % 64));
    assert!(
        secret.finder().is_none_or(|finder| finder.find(&whole, true) == secret::Found::Nowhere),
        "the key is left out"
    );
}

/// Reads the frames of a session.
pub fn session(bytes: &[u8]) {
    crate::websocket::fuzzing::session(bytes);
}

/// Loads any text.
pub fn configuration(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    // What it names on the disk of the machine is not read.
    if text.contains("file") || text.contains('/') && text.contains("path") {
        return;
    }
    let sources = Sources::from_texts([("fuzz.toml", &*text)], [("KEY", "sk-fuzz-0123456789abcdef")]);
    match config::load(&sources, &Registry::new(Moment::now())) {
        Ok(loaded) => drop(loaded.snapshot),
        Err(faults) => assert!(!faults.render_text().contains("sk-fuzz-0123456789abcdef")),
    }
}

fn row(surface: Surface, path: &str) -> Option<&'static Endpoint> {
    let found = endpoint::find(path)?;
    let row = found.rows(endpoint::Verb::Post).find(|fit| fit.endpoint.surface == surface)?;
    Some(row.endpoint)
}

/// Header lines, and the model in the last line that has no colon.
fn headers<'l>(lines: impl Iterator<Item = &'l str>) -> (Vec<(HeaderName, HeaderValue)>, Option<String>) {
    let (mut headers, mut model) = (Vec::new(), None);
    for line in lines {
        let Some((name, value)) = line.split_once(": ") else {
            model = Some(line.to_owned());
            continue;
        };
        if let (Ok(name), Ok(value)) = (name.parse(), value.parse()) {
            headers.push((name, value));
        }
    }
    (headers, model)
}

fn asked(
    address: IpAddr,
    method: Method,
    target: Uri,
    headers: Vec<(HeaderName, HeaderValue)>,
    model: Option<String>,
) -> Option<Verdict> {
    let snapshot = SNAPSHOT.as_ref()?;
    let question = Question { key: 0, address, method, target, model, max_tokens: None, headers };
    Some(explain(snapshot, &question, Moment::now()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The committed seeds, and what becomes of them when something is cut off, repeated or damaged.
    #[test]
    fn the_seeds_and_their_neighbours_hold() {
        let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
        assert!(SNAPSHOT.is_some(), "the configuration of the targets is fine");
        for (surface, path, _) in ANSWERS {
            assert!(row(surface, path).is_some(), "{path}");
        }
        for (name, target) in TARGETS {
            let seeds = std::fs::read_dir(corpus.join(name)).unwrap().collect::<Vec<_>>();
            assert!(!seeds.is_empty(), "{name}");
            for seed in seeds {
                let seed = std::fs::read(seed.unwrap().path()).unwrap();
                target(&seed);
                for at in 0..seed.len().min(300) {
                    target(&seed[..at]);
                    let mut other = seed.clone();
                    other[at] ^= 0x20;
                    target(&other);
                    other.insert(at, seed[seed.len() - 1 - at]);
                    target(&other);
                }
            }
        }
    }
}
