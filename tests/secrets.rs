//! Canaries: the client's key and the provider's key are random, and every byte that leaves is searched.
//!
//! The client's key goes nowhere at all; the provider's key goes to the provider alone.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod cases;
#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use cases::ROUTES;
use common::provider::Provider;
use common::setup::{new_key, sha256};
use common::{OK, Running, Setup, Upstream, post, until};
use portcullis::clock::Moment;
use portcullis::config::{self, Sources};
use portcullis::limits::Registry;
use portcullis::secret::Secret;

/// The parts of a text that must be nowhere: the whole of it, and what is secret in it.
struct Canary(Vec<String>);

impl Canary {
    fn client(key: &str) -> Self {
        let secret = key.rsplit('_').nth(1).unwrap();
        assert_eq!(secret.len(), 43);
        // Half of it would be half a leak.
        Self(vec![secret.to_owned(), secret[..22].to_owned(), secret[21..].to_owned()])
    }

    fn provider(key: &str) -> Self {
        let secret = key.strip_prefix("sk-canary-").unwrap();
        Self(vec![secret.to_owned(), secret[..32].to_owned(), secret[32..].to_owned()])
    }

    fn is_not_in(&self, what: &str, bytes: &[u8]) {
        for part in &self.0 {
            let found = memchr::memmem::find(bytes, part.as_bytes()).is_some();
            assert!(!found, "{what} holds a canary: {}", String::from_utf8_lossy(bytes));
        }
    }
}

/// Searches all that a gate has written and shown, and what its upstream has received.
fn search(name: &str, gate: &Running, upstream: &[u8], answers: &[u8]) {
    let (client, provider) =
        (Canary::client(&gate.setup.client_key), Canary::provider(&gate.setup.provider_key));
    gate.idle();
    gate.gate.flush();
    let snapshot = gate.shared().snapshot.load_full();
    for (what, bytes) in [
        ("what the gate wrote", gate.written.bytes()),
        ("the answer", answers.to_vec()),
        ("the metrics", gate.metrics().into_bytes()),
        ("the snapshot's Debug", format!("{snapshot:?} {snapshot:#?}").into_bytes()),
        ("the gate's Debug", format!("{:?}", gate.gate).into_bytes()),
    ] {
        client.is_not_in(&format!("{name}: {what}"), &bytes);
        provider.is_not_in(&format!("{name}: {what}"), &bytes);
    }
    client.is_not_in(&format!("{name}: what the upstream received"), upstream);
}

#[test]
fn no_refusal_shows_a_key_in_either_form_of_the_records() {
    for form in [r#""json""#, r#""text""#] {
        for case in cases::all() {
            for route in case.routes() {
                let driven = case.drive_with(route, |setup| setup.set("log", "format", form));
                let code = case.reason.code().as_bytes();
                until("the record is written", || {
                    driven.gate.gate.flush();
                    memchr::memmem::find(&driven.gate.written.bytes(), code).is_some()
                });
                // One that is held upstream goes with its client, who has left.
                let (received, shown) = (driven.upstream.received(), driven.answer.everything());
                search(&case.name(route), &driven.gate, &received, &shown);
            }
        }
    }
}

#[test]
fn no_answer_shows_a_key() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let setup = Setup::new(listener.local_addr().unwrap());
    let provider = Provider::on(listener, &setup.provider_key);
    let gate = setup.start();
    let key = &gate.setup.client_key;
    let mut answers = Vec::new();
    for route in &ROUTES {
        for prompt in ["hello", "standin:error=429", "standin:error=500", "standin:html", "standin:redirect"]
        {
            let answer = gate.ask(route.body(key, &route.body.replace("hello", prompt)));
            answers.extend(answer.everything());
            let seen = provider.standin.last_request().unwrap();
            Canary::client(key).is_not_in("the upstream", format!("{seen:?}").as_bytes());
        }
        let in_query = format!("{}?key={key}", route.path);
        answers.extend(gate.ask(route.request("POST", &in_query, key, &[], route.body)).everything());
        answers.extend(gate.ask(route.request("GET", route.list, key, &[], "")).everything());
    }
    assert_eq!(gate.counted(&["outcome=\"served\""]), 18, "{}", gate.metrics());
    search("the stand-in", &gate, &[], &answers);
}

#[test]
fn an_upstream_that_repeats_its_key_is_not_passed_on() {
    for status in ["401 Unauthorized", "403 Forbidden"] {
        let upstream = Upstream::start(move |talk| {
            let Some(request) = talk.request() else { return };
            let said = request.header("authorization")[0];
            let length = said.len();
            let head = format!("HTTP/1.1 {status}\r\nwww-authenticate: {said}\r\nx-echo: {said}");
            talk.send(format!("{head}\r\ncontent-length: {length}\r\n\r\n{said}")).unwrap();
        });
        let gate = Setup::new(upstream.address).start();
        let answer = gate.ask(gate.chat());
        assert_eq!(answer.reason(), Some("upstream_credential_rejected"));
        search(status, &gate, &[], &answer.everything());
        Canary::client(&gate.setup.client_key).is_not_in("the upstream", &upstream.received());
        let received = String::from_utf8(upstream.received()).unwrap();
        assert_eq!(received.matches(&gate.setup.provider_key).count(), 1, "{received}");
    }
}

/// A text with each byte of it written as an escape: in JSON, and in an address.
fn escaped(key: &str, percent: bool) -> String {
    key.bytes().map(|byte| if percent { format!("%{byte:02X}") } else { format!("\\u{byte:04x}") }).collect()
}

/// Answers that repeat a key: what is odd of each, more of its head, and its body.
fn repeating(key: &str) -> Vec<(&'static str, String, Vec<u8>)> {
    let (filling, none) = ("x".repeat(70_000), String::new());
    // Where so much was read that it goes on as it comes.
    let border = &filling[..64 * 1024 - 20];
    vec![
        ("plain", none.clone(), format!(r#"{{"error":{{"message":"bad {key}.","code":"c-{key}"}}}}"#).into()),
        ("not UTF-8", none.clone(), [b"\xff bad ", key.as_bytes(), b" \xc3"].concat()),
        ("behind a digit", none.clone(), format!("Bearer%20{key}").into()),
        ("as JSON escapes", none.clone(), format!(r#"{{"m":"{}"}}"#, escaped(key, false)).into()),
        ("with percents", none.clone(), format!("?key={}&x=1", escaped(key, true)).into()),
        ("one that is no coding", "content-encoding: Identity\r\n".into(), format!("bad {key}").into()),
        ("long, at the beginning", none.clone(), format!("{key} {filling}").into()),
        ("long, at the end", none.clone(), format!("{filling} {key}").into()),
        ("long, in the middle", none, format!("{border}{key}{filling}").into()),
        (
            "in headers",
            format!("retry-after: {key}\r\ncache-control: a={key}\r\nx-request-id: {key}\r\n"),
            b"{}".to_vec(),
        ),
    ]
}

#[test]
fn no_answer_repeats_the_key_it_was_asked_with_however_it_is_written() {
    let random = portcullis::command::key::hex(&common::setup::random());
    // Azure's keys and those of model servers begin like none.
    for key in [format!("sk-canary-{random}"), random[..32].to_owned()] {
        for (what, head, body) in repeating(&key) {
            // What a success says is the model's; its headers are not.
            let statuses: &[&str] =
                if what == "in headers" { &["418 T", "200 OK"] } else { &["418 T", "500 E"] };
            for status in statuses {
                let length = body.len();
                let answer = format!("HTTP/1.1 {status}\r\n{head}content-length: {length}\r\n\r\n");
                let upstream = Upstream::answering([answer.as_bytes(), &body].concat());
                let mut setup = Setup::new(upstream.address);
                setup.provider_key.clone_from(&key);
                let gate = setup.start();
                let answer = gate.ask(gate.chat());
                assert_eq!(answer.status, status[..3].parse::<u16>().unwrap(), "{what}");
                gate.idle();
                gate.gate.flush();
                for (place, bytes) in
                    [("the answer", answer.everything()), ("the records", gate.written.bytes())]
                {
                    for form in [key.clone(), escaped(&key, false), escaped(&key, true)] {
                        let found = memchr::memmem::find(&bytes, form.as_bytes()).is_some();
                        assert!(!found, "{what}, {status}: {place} holds it");
                    }
                }
                if body.len() > 2 {
                    let left = memchr::memmem::find(&answer.everything(), b"[redacted]").is_some();
                    assert!(left, "{what}, {status}");
                    let xs = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'x').count();
                    assert!(xs(&answer.everything()) >= xs(&body), "{what}, {status}: all else is there");
                }
            }
        }
    }
}

#[test]
fn garbage_with_a_key_in_it_is_not_repeated() {
    let upstream = Upstream::answering(OK);
    let gate = Setup::new(upstream.address).start();
    let key = gate.setup.client_key.clone();
    let mut answers = Vec::new();
    for garbage in [
        format!("{key}\r\n\r\n"),
        format!("POST /v1/chat/completions HTTP/1.1\r\nhost: {key}\r\n\r\n"),
        format!("POST /v1/chat/completions HTTP/1.1\r\nhost: gate\r\nexpect: {key}\r\n\r\n"),
        format!("GET /v1/models?{key} HTTP/1.1\r\nhost: gate\r\nx-api-key: {key}\r\n\r\n"),
        format!("GET /v1/models?api_key={key} HTTP/1.1\r\nhost: gate\r\nx-api-key: {key}\r\n\r\n"),
        format!("GET /v1/models HTTP/1.1\r\nhost: gate\r\nauthorization: Basic {key}\r\n\r\n"),
        format!("GET /v1/models HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {key}{key}\r\n\r\n"),
        format!("GET /v1/models HTTP/1.1\r\nhost: gate\r\nx-api-key: {key}x\r\ncookie: {key}\r\n\r\n"),
        format!("GET /v1/models HTTP/1.1\r\nhost: gate\r\nx-forwarded-for: {key}\r\nx-api-key: a\r\n\r\n"),
        format!("GET /{key}/v1/models HTTP/1.1\r\nhost: gate\r\nx-api-key: {key}\r\n\r\n"),
        format!("GET /v1/models/{key} HTTP/1.1\r\nhost: gate\r\nx-api-key: a\r\nuser-agent: {key}\r\n\r\n"),
        format!("DELETE /v1/models/{key} HTTP/1.1\r\nhost: gate\r\nx-api-key: {key}\r\n\r\n"),
        format!("GET /v1/models HTTP/1.1\r\nhost: gate\r\nbad header {key}: x\r\n\r\n"),
    ] {
        let mut client = gate.connect();
        client.send(garbage);
        answers.extend(client.try_answer().into_iter().flat_map(|answer| answer.everything()));
    }
    let strict = Setup::new(upstream.address).set("projects.search", "models", r#"["another"]"#).start();
    let key = &strict.setup.client_key;
    let body = format!(r#"{{"model":"{key}"}}"#);
    let answer = strict.ask(post("/v1/chat/completions", key, &body));
    assert_eq!(answer.reason(), Some("model_not_allowed"));
    search("a model", &strict, &upstream.received(), &answer.everything());
    search("garbage", &gate, &upstream.received(), &answers);
}

#[test]
fn no_mistake_in_a_configuration_repeats_a_key() {
    let (key, setup) = (new_key("search"), Setup::new("127.0.0.1:9"));
    let canaries = [Canary::client(&key), Canary::provider(&setup.provider_key)];
    let quoted = |text: &str| format!("\"{text}\"");
    for broken in [
        setup.clone().set("[projects.search.keys]", "sha256", &quoted(&key)),
        setup.clone().set("[projects.search.keys]", "key", &quoted(&key)),
        setup.clone().set("[projects.search.keys]", "sha256", &quoted(&sha256(&key)[1..])),
        setup.clone().set(
            "upstreams.openai",
            "credentials",
            &format!(r#"[{{ id = "a", secret = "{}" }}]"#, setup.provider_key),
        ),
        setup.clone().set("upstreams.openai", "api_key", &quoted(&setup.provider_key)),
        setup.clone().set(
            "upstreams.openai",
            "base_url",
            &quoted(&format!("https://x:{}@api.openai.com/v1", setup.provider_key)),
        ),
    ] {
        let registry = Registry::new(Moment::now());
        let faults = config::load(&broken.sources(), &registry).expect_err("it is broken");
        let json = serde_json::to_string(&faults).unwrap();
        for text in [faults.to_string(), format!("{faults:?}"), json] {
            for canary in &canaries {
                canary.is_not_in("a fault", text.as_bytes());
            }
        }
    }
}

#[test]
fn nothing_that_holds_a_secret_shows_it() {
    let setup = Setup::new("127.0.0.1:9");
    let registry = Registry::new(Moment::now());
    let loaded = common::load(&setup, &registry);
    let provider = Canary::provider(&setup.provider_key);
    provider.is_not_in("Loaded", format!("{loaded:?} {loaded:#?}").as_bytes());
    let name = http::header::AUTHORIZATION;
    let secret = Secret::header(name, "Bearer ", &setup.provider_key).unwrap();
    provider.is_not_in("Secret", format!("{secret:?} {secret:#?}").as_bytes());
    let sources: Sources = setup.sources();
    provider.is_not_in("Sources", format!("{sources:?}").as_bytes());
}
