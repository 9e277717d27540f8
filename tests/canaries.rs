//! Secrets planted in every header, query, path, method and body position, and every byte searched
//! that the gate keeps or shows of the requests: log, store, metrics, admin listener, commands.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::setup::{new_key, random, sha256};
use common::{Running, Setup, Upstream, until};
use portcullis::command::key::hex;

/// A secret, and the part of it that must be nowhere.
struct Canary {
    text: String,
    secret: String,
}

/// One of each form that a client could hold: keys of the gate and of providers.
fn canaries(client_key: &str, provider_key: &str) -> Vec<Canary> {
    let of_client = client_key.rsplit('_').nth(1).unwrap().to_owned();
    let mut all = vec![
        Canary { text: client_key.to_owned(), secret: of_client },
        Canary { text: provider_key.to_owned(), secret: provider_key["sk-canary-".len()..].to_owned() },
    ];
    for beginning in ["sk-proj-", "sk-ant-api03-", "AIza", "AQ.", "AKIA", "gsk_", "xai-"] {
        let secret = hex(&random())[..if beginning == "AKIA" { 16 } else { 40 }].to_uppercase();
        all.push(Canary { text: format!("{beginning}{secret}"), secret });
    }
    all
}

const HEADERS: [&str; 34] = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "x-goog-api-key",
    "api-key",
    "cookie",
    "user-agent",
    "content-type",
    "content-encoding",
    "accept",
    "accept-encoding",
    "accept-language",
    "referer",
    "origin",
    "x-forwarded-for",
    "forwarded",
    "x-real-ip",
    "x-request-id",
    "x-client-request-id",
    "request-id",
    "idempotency-key",
    "openai-organization",
    "openai-project",
    "openai-beta",
    "anthropic-version",
    "anthropic-beta",
    "x-stainless-lang",
    "x-portcullis-diagnosis",
    "expect",
    "te",
    "via",
    "range",
    "if-none-match",
    "x-anything",
];

/// Every request that holds the text somewhere. All but the first two kinds of headers come with a
/// key that is good, so that they get further.
fn requests(key: &str, canary: &str) -> Vec<String> {
    let chat = r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hello"}]}"#;
    let post = |target: &str, headers: &str, body: &str| {
        format!(
            "POST {target} HTTP/1.1\r\nhost: gate\r\n{headers}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let json = "content-type: application/json";
    let good = format!("authorization: Bearer {key}\r\n{json}");
    let mut all = Vec::new();
    for name in HEADERS {
        for value in [canary.to_owned(), format!("Bearer {canary}"), format!("a, b={canary}; c")] {
            let own = if name == "content-type" { "" } else { json };
            all.push(post(
                "/v1/chat/completions",
                &format!("{name}: {value}\r\nx-own: {own}\r\n{json}"),
                chat,
            ));
            if name != "authorization" {
                let auth = format!("authorization: Bearer {key}");
                let rest = if name == "content-type" { auth } else { format!("{auth}\r\n{json}") };
                all.push(post("/v1/chat/completions", &format!("{rest}\r\n{name}: {value}"), chat));
            }
        }
    }
    all.push(post("/v1/chat/completions", &format!("{good}\r\n{canary}: a"), chat));
    all.push(post("/v1/chat/completions", &format!("host: {canary}\r\n{good}"), chat));
    for target in [
        "/{}",
        "/v1/{}",
        "/v1/chat/completions/{}",
        "/{}/v1/chat/completions",
        "/openai/{}",
        "/v1/models/{}",
        "/v1beta/models/{}:generateContent",
        "/v1beta/models/gemini-2.5-flash:{}",
        "/v1/chat/completions?{}",
        "/v1/chat/completions?{}=1",
        "/v1/chat/completions?key={}",
        "/v1/chat/completions?alt={}",
        "/v1/chat/completions?a=b&api_key={}",
        "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt={}",
        "/v1/chat/completions#{}",
        "http://{}/v1/chat/completions",
        "{}",
        "/v1/batches/{}/cancel",
    ] {
        all.push(post(&target.replace("{}", canary), &good, chat));
        all.push(post(&target.replace("{}", canary), json, chat));
    }
    all.push(format!("{canary} /v1/models HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {key}\r\n\r\n"));
    all.push(format!(
        "GET /v1/models HTTP/1.1\r\nhost: gate\r\nx-api-key: {key}\r\nx-goog-api-key: {canary}\r\n\r\n"
    ));
    for body in [
        r#"{"model":"{}"}"#,
        r#"{"model":"a/{}","model":"{}"}"#,
        r#"{"{}":"gpt-4o-mini","model":"gpt-4o-mini"}"#,
        r#"{"model":"gpt-4o-mini","{}":1}"#,
        r#"{"model":"gpt-4o-mini","messages":"{}"}"#,
        r#"{"model":"gpt-4o-mini","stream":"{}"}"#,
        r#"{"model":"gpt-4o-mini","max_tokens":"{}"}"#,
        r#"{"model":"gpt-4o-mini","metadata":{"a":[{"b":"{}"}]}}"#,
        r#"{"model":["{}"]}"#,
        r#"{"model":"gpt-4o-mini","previous_response_id":"{}"}"#,
        r#"{"api_key":"{}","model":"gpt-4o-mini"}"#,
        r#"{"base_url":"{}","model":"gpt-4o-mini"}"#,
        r#"["{}"]"#,
        r#""{}""#,
        "{}",
        r#"{"model":"gpt-4o-mini"}{}"#,
    ] {
        for target in ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/embeddings"] {
            all.push(post(target, &good, &body.replace("{}", canary)));
        }
    }
    all
}

/// An upstream that refuses in many ways, and repeats in each all that it was sent.
fn parrot() -> Upstream {
    let turn = std::sync::atomic::AtomicUsize::new(0);
    Upstream::start(move |talk| {
        while let Some(request) = talk.request() {
            const WAYS: [&str; 8] = [
                "200 OK",
                "400 Bad Request",
                "401 Unauthorized",
                "403 Forbidden",
                "404 Not Found",
                "429 Too Many Requests",
                "500 Internal Server Error",
                "302 Found",
            ];
            let way = WAYS[turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % WAYS.len()];
            let said: String = format!("{request:?}").chars().filter(|c| !matches!(c, '"' | '\\')).collect();
            let short: String =
                said.chars().map(|c| if c.is_ascii_graphic() { c } else { '|' }).take(2_000).collect();
            let body = format!(
                r#"{{"error":{{"message":"{said}","type":"{said}","code":"{said}","param":"{said}"}}}}"#
            );
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {way}\r\ncontent-type: application/json\r\nx-request-id: {short}\r\nwww-authenticate: {short}\r\nlocation: {short}"
            );
            if talk.send(format!("{head}\r\ncontent-length: {length}\r\n\r\n{body}")).is_err() {
                return;
            }
        }
    })
}

fn place(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("canaries-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    folder.join("store.db")
}

fn setup(upstream: &Upstream, store: &Path, form: &str, caller: &str) -> Setup {
    let observed = r#"{ list = ["nothing"], mode = "observe" }"#;
    Setup::new(upstream.address)
        .set("log", "format", &format!("\"{form}\""))
        .set("log", "repeats", r#""whole""#)
        .set("store", "path", &format!("\"{}\"", store.display()))
        .set("projects.search", "models", observed)
        .more(&format!("[[projects.search.keys]]\nid = \"caller\"\nsha256 = \"{}\"\n", sha256(caller)))
}

/// What a command says, of both its outputs.
fn said(arguments: &[&str], secret: &str) -> Vec<u8> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    let out = command.args(arguments).env("PROVIDER_KEY", secret).output().unwrap();
    assert!(out.status.code().is_some_and(|code| code < 101), "{arguments:?}");
    [out.stdout, out.stderr].concat()
}

/// Everything that is kept and shown of what a gate did, each under its name.
fn shown(gate: Running, store: &Path) -> Vec<(String, Vec<u8>)> {
    let provider_key = gate.setup.provider_key.clone();
    let file = store.with_file_name("gate.toml");
    std::fs::write(&file, gate.setup.text()).unwrap();
    let mut all = vec![("the metrics".to_owned(), gate.metrics().into_bytes())];
    let written = gate.written.clone();
    gate.idle();
    assert_eq!(gate.stop(), portcullis::run::Ended::Drained);
    all.push(("the log".to_owned(), written.bytes()));
    for end in ["", "-wal"] {
        all.push((
            format!("the store{end}"),
            std::fs::read(format!("{}{end}", store.display())).unwrap_or_default(),
        ));
    }
    let (config, store) = (file.to_str().unwrap(), store.to_str().unwrap());
    let listed = said(&["denials", "--store", store, "--limit", "100000", "--format", "json"], "");
    let records: Vec<serde_json::Value> = String::from_utf8(listed.clone())
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    all.push(("the list as JSON".to_owned(), listed));
    for arguments in [
        &["denials", "--store", store, "--limit", "100000"][..],
        &["denials", "--store", store, "--top", "model"],
        &["denials", "--store", store, "--top", "key"],
        &["learn", "--store", store, "--project", "search"],
        &["plan", "--store", store, config],
        &["plan", "--store", store, config, "--format", "json"],
        &["check", "--config", config],
    ] {
        all.push((format!("{arguments:?}"), said(arguments, &provider_key)));
    }
    // One of each reason, and of each cause.
    let mut met = std::collections::HashSet::new();
    for record in &records {
        let kind = format!("{} {} {}", record["reason"], record["cause"], record["event"]);
        if let (Some(id), true) = (record["request_id"].as_str(), met.insert(kind)) {
            for arguments in [
                &["denials", "--store", store, "show", id][..],
                &["denials", "--store", store, "show", id, "--support"],
                &["explain", "--config", config, "--store", store, "--request", id],
                &["explain", "--config", config, "--store", store, "--request", id, "--format", "json"],
            ] {
                all.push((format!("{arguments:?}"), said(arguments, &provider_key)));
            }
        }
    }
    assert!(met.len() > 20, "few kinds were met: {met:?}");
    all
}

#[test]
fn no_secret_is_kept_or_shown_wherever_it_was_planted() {
    for form in ["json", "text"] {
        let (upstream, store, caller) = (parrot(), place(form), new_key("caller"));
        let gate = setup(&upstream, &store, form, &caller).start();
        let canaries = canaries(&gate.setup.client_key, &gate.setup.provider_key);
        let mut sent = 0;
        for canary in &canaries {
            for request in requests(&caller, &canary.text) {
                let mut client = gate.connect();
                client.send(request);
                let own = client.try_answer().filter(|answer| answer.reason().is_some());
                let answer = own.map(|answer| String::from_utf8_lossy(&answer.everything()).into_owned());
                assert!(
                    !answer.is_some_and(|answer| answer.contains(&canary.secret)),
                    "in an answer: {}",
                    canary.text
                );
                sent += 1;
            }
        }
        assert!(sent > 2_000);
        until("all are told", || gate.in_flight() == 0);
        let caller = Canary { secret: caller.rsplit('_').nth(1).unwrap().to_owned(), text: caller };
        let shown = shown(gate, &store);
        for canary in canaries.iter().chain([&caller]) {
            let secret = canary.secret.as_bytes();
            for (what, bytes) in &shown {
                for case in [secret.to_vec(), secret.to_ascii_lowercase()] {
                    let found = bytes.windows(case.len()).position(|window| window == case);
                    let near = found.map(|at| {
                        String::from_utf8_lossy(&bytes[at.saturating_sub(400)..at + 60]).into_owned()
                    });
                    assert!(
                        near.is_none(),
                        "{what} ({form}) holds {}: {}",
                        canary.text,
                        near.unwrap_or_default()
                    );
                }
            }
        }
    }
}

#[test]
fn a_panic_is_told_with_its_place_and_without_its_words() {
    let gate = Setup::new("127.0.0.1:9").start();
    let secret = hex(&random());
    let told = secret.clone();
    portcullis::command::serve::report_panics(&gate.gate);
    let ended = std::thread::spawn(move || panic!("{told}")).join();
    drop(std::panic::take_hook());
    assert!(ended.is_err());
    until("it is told", || {
        gate.log().iter().any(|line| line["at"].as_str().is_some_and(|at| at.contains("canaries.rs:")))
    });
    assert!(!gate.written.text().contains(&secret));
}
