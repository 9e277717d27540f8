//! The store: what is kept, how it is found again, and that neither a flood nor a crash undoes it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use common::{CHAT, Client, OK, Running, Setup, Upstream, post, until};
use portcullis::flood::{MOST_KINDS, MOST_OF_A_KIND, MOST_OF_A_REASON};
use portcullis::project_key;
use portcullis::store::read::{By, Filter, Reader};
use serde_json::Value;

const TOKEN: &str = "an admin token of a test";

/// A path for a store that is not there yet.
fn place(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("store-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    folder.join("store.db")
}

fn keeping(setup: Setup, path: &Path) -> Setup {
    setup.set("store", "path", &format!("\"{}\"", path.display()))
}

fn portcullis(arguments: &[&str]) -> (i32, String, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_portcullis")).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
}

fn denials(path: &Path, arguments: &[&str]) -> (i32, String, String) {
    portcullis(&[&["denials", "--store", path.to_str().unwrap()], arguments].concat())
}

/// What each of some requests of several kinds was answered.
fn some_requests(gate: &Running) -> Vec<String> {
    let key = &gate.setup.client_key;
    let model = |model: &str| CHAT.replace("gpt-4o-mini", model);
    let requests = [
        post("/v1/chat/completions", key, CHAT),
        post("/v1/chat/completions", key, &model("gpt-4o")),
        post("/v1/chat/completions", key, &model("o3")),
        post("/v1/embeddings", key, CHAT),
        post("/v1/chat/completions", &common::setup::new_key("nobody"), CHAT),
    ];
    requests
        .iter()
        .map(|request| {
            let answer = gate.ask(request);
            assert_eq!(answer.status == 200, answer.reason().is_none());
            answer.header("x-request-id").unwrap().to_owned()
        })
        .collect()
}

fn gate(path: &Path, upstream: SocketAddr) -> Setup {
    keeping(Setup::new(upstream), path).set("projects.search", "models", r#"["gpt-4o-mini"]"#).set(
        "projects.search",
        "scopes",
        r#"["chat"]"#,
    )
}

#[test]
fn what_was_refused_is_found_again() {
    let (path, upstream) = (place("found"), Upstream::answering(OK));
    let gate = gate(&path, upstream.address).start();
    let ids = some_requests(&gate);
    let reader = Reader::open(&path).unwrap();
    until("all refusals are kept", || reader.last().unwrap() == 4);
    let written = gate.records();

    let list = |filter: &Filter| -> Vec<String> {
        let kept = reader.list(filter, 100).unwrap();
        kept.iter()
            .map(|one| serde_json::from_str::<Value>(&one.line).unwrap()["reason"].to_string())
            .collect()
    };
    let words = |words: &[&str]| words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>();
    let refused = ["key_unknown", "scope_missing", "model_not_allowed", "model_not_allowed"];
    assert_eq!(list(&Filter::default()), words(&refused), "the newest first");
    for (filter, found) in [
        (Filter { project: Some("search".into()), ..Filter::default() }, &refused[1..]),
        (Filter { project: Some("other".into()), ..Filter::default() }, &[]),
        (Filter { reason: Some("scope_missing".into()), ..Filter::default() }, &refused[1..2]),
        (Filter { key: Some("nobody".into()), ..Filter::default() }, &refused[..1]),
        (Filter { model: Some("o3".into()), ..Filter::default() }, &refused[2..3]),
        (Filter { network: Some("127.0.0.0/30".parse().unwrap()), ..Filter::default() }, &refused[..]),
        (Filter { network: Some("10.0.0.0/8".parse().unwrap()), ..Filter::default() }, &[]),
        (Filter { since: Some(i64::MAX), ..Filter::default() }, &[]),
    ] {
        assert_eq!(list(&filter), words(found), "{filter:?}");
    }
    let top: Vec<(String, i64)> = reader
        .top(&Filter::default(), By::Rule)
        .unwrap()
        .into_iter()
        .map(|share| (share.value, share.count))
        .collect();
    let rules = [("projects.search.models", 2), ("built-in", 1), ("projects.search.scopes", 1)];
    assert_eq!(top, rules.map(|(rule, count)| (rule.to_owned(), count)));

    // What is kept is what was logged, to the letter.
    for (id, record) in ids.iter().zip(&written) {
        let found = reader.find(id).unwrap().map(|line| serde_json::from_str::<Value>(&line).unwrap());
        let kept = (record["event"] != "served").then(|| record.clone());
        assert_eq!(found, kept, "{record}");
    }

    let (code, out, _) = denials(&path, &["--limit", "2"]);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!((code, lines.len()), (0, 4), "{out}");
    assert!(
        lines[0].contains("denied 403 scope_missing  search/search-prod  127.0.0.1  POST /v1/embeddings"),
        "{out}"
    );
    assert!(lines[1].contains("add \"embeddings\" to projects.search.scopes  (portcullis.toml:"), "{out}");
    let (code, out, _) = denials(&path, &["--top", "reason", "--format", "json"]);
    let top: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &top[0]["value"], &top[0]["count"]), (0, &"model_not_allowed".into(), &2.into()));
    let (code, out, _) = denials(&path, &["show", &ids[2]]);
    assert_eq!(code, 0);
    for part in [&ids[2], "model_not_allowed", "key search-prod", "o3", "projects.search.models", "sha256:"] {
        assert!(out.contains(part), "{part}: {out}");
    }
    let (code, out, _) = denials(&path, &["show", &ids[2], "--format", "json"]);
    assert_eq!((code, serde_json::from_str::<Value>(&out).unwrap()), (0, written[2].clone()));
    let (code, _, said) = denials(&path, &["show", &ids[2], "--support"]);
    assert!(code == 1 && said.contains("the provider never saw it"), "{said}");
    let (code, _, said) = denials(&path, &["show", &ids[0]]);
    assert!(code == 1 && said.contains("no refused request"), "{said}");
    for (code, said) in
        [("scope_mising", "did you mean `scope_missing`?"), ("nope", "there is no such reason")]
    {
        let (code, out, wrong) = denials(&path, &["--reason", code]);
        assert!(code == 2 && out.is_empty() && wrong.contains(said), "{wrong}");
    }
    assert_eq!(denials(&path, &["--reason", "openai_region_unsupported"]).0, 0, "a cause is one too");
    let file = path.with_file_name("portcullis.toml");
    std::fs::write(&file, gate.setup.text()).unwrap();
    let of = |key: &str| portcullis(&["denials", "--config", file.to_str().unwrap(), "--key", key]);
    let (code, out, said) = of("search-prd");
    assert!(code == 0 && out.contains("nothing was refused"), "{out}{said}");
    assert_eq!(said, "note: the configuration has no key `search-prd`; did you mean `search-prod`?\n");
    assert_eq!(of("search-prod").2, "");
    let (code, _, said) = denials(&place("none"), &[]);
    assert!(code == 1 && said.contains("there is no store at"), "{said}");
}

#[test]
fn counts_stand_among_the_records_and_within_the_limit() {
    let (path, upstream) = (place("counted"), Upstream::answering(OK));
    let token = format!("{}.token", path.display());
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&token, TOKEN).unwrap();
    let gate = gate(&path, upstream.address).set("admin", "token", &format!("\"file:{token}\"")).start();
    let stranger = common::setup::new_key("nobody");
    for _ in 0..MOST_OF_A_KIND + 5 {
        assert_eq!(gate.ask(post("/v1/chat/completions", &stranger, CHAT)).reason(), Some("key_unknown"));
    }
    for _ in 0..2 {
        let refused = gate.ask(post("/v1/embeddings", &gate.setup.client_key, CHAT));
        assert_eq!(refused.reason(), Some("scope_missing"));
    }
    assert_eq!(gate.stop(), portcullis::run::Ended::Drained);
    // Whatever came in the same millisecond: the count ends before the last two, and behind those told whole.
    let store = rusqlite::Connection::open(&path).unwrap();
    store.execute("UPDATE records SET at = at - 1000 WHERE reason = 'key_unknown'", []).unwrap();
    store.execute("UPDATE repeats SET first = 1000, last = (SELECT max(at) FROM records) - 500", []).unwrap();
    let last: i64 = store.query_row("SELECT last FROM repeats", [], |row| row.get(0)).unwrap();
    drop(store);

    let events = |limit: &str| -> Vec<Value> {
        let (code, out, said) = denials(&path, &["--limit", limit, "--format", "json"]);
        assert_eq!(code, 0, "{said}");
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let words = |limit: &str| -> Vec<String> {
        let word = |one: &Value| format!("{} {}", one["event"], one["reason"]).replace('"', "");
        events(limit).iter().map(word).collect()
    };
    let (scope, count, key) = ("denied scope_missing", "repeated key_unknown", "denied key_unknown");
    assert_eq!(words("4"), [key, count, scope, scope]);
    assert_eq!(words("3"), [count, scope, scope]);
    assert_eq!(words("2"), [scope, scope]);
    assert!(words("0").is_empty());
    assert_eq!(words("100").len(), 23);
    assert_eq!(denials(&path, &["--limit", "0"]), (0, String::new(), String::new()));
    let (_, out, _) = denials(&path, &["--limit", "3"]);
    assert!(out.lines().next().unwrap().contains("5 more key_unknown  -  127.0.0.0/24  built-in"), "{out}");

    // As the log has it.
    let stamp = format!("{:.3}", jiff::Timestamp::from_millisecond(last).unwrap());
    let expected = serde_json::json!({
        "timestamp": stamp, "level": "WARN", "event": "repeated", "outcome": "denied", "reason": "key_unknown",
        "count": 5, "rule": "built-in", "network": "127.0.0.0/24", "first": "1970-01-01T00:00:01.000Z",
    });
    assert_eq!(events("3")[0], expected);

    let gate = keeping(Setup::new(upstream.address), &path)
        .set("admin", "token", &format!("\"file:{token}\""))
        .start();
    let admin = admin(&gate);
    for (limit, whole, counted) in [("0", 0, 0), ("2", 2, 0), ("3", 2, 1), ("4", 3, 1)] {
        let mut client = Client::connect(admin);
        client.send(format!(
            "GET /denials?limit={limit} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {TOKEN}\r\n\r\n"
        ));
        let told: Value = serde_json::from_str(&client.answer().text()).unwrap();
        let many = |name: &str| told[name].as_array().unwrap().len();
        assert_eq!((many("denials"), many("counted")), (whole, counted), "{limit}: {told}");
    }
}

/// Who has no key is written down too, by what it sent.
#[test]
fn what_a_client_sent_drives_no_terminal() {
    let path = place("terminal");
    let upstream = Upstream::answering(OK);
    let gate = gate(&path, upstream.address).start();
    let odd = "a\\u001b[31m\\u009b1m\\u202e\\r\\nx";
    let body = format!("{{\"model\":\"{odd}\",\"messages\":[]}}");
    assert_eq!(gate.ask(post("/v1/chat/completions", &gate.setup.client_key, &body)).status, 403);
    gate.ask("GET /v1/models HTTP/1.1\r\nhost: gate\r\nuser-agent: b\u{9b}31m\u{202e}c\r\n\r\n");
    until("both are kept", || denials(&path, &[]).1.lines().count() == 4);
    let id = |record: &Value| record["request_id"].as_str().unwrap().to_owned();
    let ids: Vec<String> = gate.records().iter().map(id).collect();
    let shown = |arguments: &[&str]| denials(&path, arguments).1;
    let whole = [shown(&["show", &ids[0]]), shown(&["show", &ids[1]])].concat();
    let all = [shown(&[]), shown(&["--top", "model"]), shown(&["--format", "json"]), whole].concat();
    let drives = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    assert!(!all.contains(drives), "{all:?}");
    assert!(all.contains("a\\u001b[31m\\u009b1m\\u202e\\u000d\\u000ax"), "{all}");
}

#[test]
fn what_comes_is_followed() {
    let (path, upstream) = (place("followed"), Upstream::answering(OK));
    let gate = gate(&path, upstream.address).start();
    let ids = some_requests(&gate);
    let reader = Reader::open(&path).unwrap();
    until("all refusals are kept", || reader.last().unwrap() == 4);
    let mut child = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args([
            "denials",
            "--store",
            path.to_str().unwrap(),
            "--follow",
            "--reason",
            "scope_missing",
            "--format",
            "json",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || {
        let line = lines.next().unwrap().unwrap();
        serde_json::from_str::<Value>(&line).unwrap()["request_id"].as_str().unwrap().to_owned()
    };
    assert_eq!(next(), ids[3], "what was there");
    let ids = some_requests(&gate);
    assert_eq!(next(), ids[3], "what came, and nothing else of it");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn what_a_provider_refused_can_be_shown_to_its_support() {
    let body = r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#;
    let upstream = Upstream::answering(format!(
        "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\nx-request-id: req_theirs\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ));
    let path = place("support");
    let gate = gate(&path, upstream.address).start();
    let answer = gate.ask(gate.chat());
    let id = answer.header("x-request-id").unwrap().to_owned();
    gate.idle();
    assert_eq!(gate.stop(), portcullis::run::Ended::Drained);
    let (code, out, _) = denials(&path, &["show", &id, "--support"]);
    assert_eq!(code, 0, "{out}");
    for part in ["req_theirs", &id, "gpt-4o-mini", "429  insufficient_quota", "POST  /v1/chat/completions"] {
        assert!(out.contains(part), "{part}: {out}");
    }
    for ours in ["search", "127.0.0.1", "main", "portcullis.toml"] {
        assert!(!out.contains(ours), "{ours}: {out}");
    }
}

#[test]
fn the_admin_listener_shows_it_to_who_has_the_token() {
    let (path, upstream) = (place("admin"), Upstream::answering(OK));
    let token = format!("{}.token", path.display());
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&token, TOKEN).unwrap();
    let gate = gate(&path, upstream.address).set("admin", "token", &format!("\"file:{token}\"")).start();
    let ids = some_requests(&gate);
    let reader = Reader::open(&path).unwrap();
    until("all refusals are kept", || reader.last().unwrap() == 4);
    let admin = admin(&gate);
    let ask = |target: &str, token: &str| {
        let mut client = Client::connect(admin);
        let header =
            if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
        client.send(format!("GET {target} HTTP/1.1\r\nhost: a\r\n{header}\r\n"));
        let answer = client.answer();
        (answer.status, serde_json::from_str::<Value>(&answer.text()).unwrap())
    };
    let (status, all) = ask("/denials", TOKEN);
    assert_eq!((status, all["denials"].as_array().unwrap().len()), (200, 4), "{all}");
    let (_, one) = ask("/denials?reason=scope_missing&limit=5&ip=127.0.0.1&since=1h", TOKEN);
    assert_eq!(one["denials"][0]["request_id"], ids[3].as_str());
    let (_, top) = ask("/denials?top=key", TOKEN);
    assert_eq!((&top["top"][0]["value"], &top["top"][0]["count"]), (&"search-prod".into(), &3.into()));
    let (status, one) = ask(&format!("/denials/{}", ids[1]), TOKEN);
    assert_eq!((status, &one["model"]), (200, &"gpt-4o".into()));
    assert_eq!(ask("/denials/req_x", TOKEN).0, 404);
    assert_eq!(ask("/denials?nonsense=1", TOKEN).0, 400);
    assert_eq!(ask("/denials?nonsense=1", "another").0, 401, "who may not ask is not told what is wrong");
    let (status, wrong) = ask("/denials?reason=scope_mising", TOKEN);
    assert!(status == 400 && wrong["error"].as_str().unwrap().contains("`scope_missing`"), "{wrong}");
    assert_eq!(ask("/denials?top=nonsense", TOKEN).0, 400);
    for wrong in ["", "an admin token", &gate.setup.client_key] {
        assert_eq!(ask("/denials", wrong).0, 401);
        assert_eq!(ask(&format!("/denials/{}", ids[1]), wrong).0, 401);
    }
}

/// Serves the admin routes of a gate.
fn admin(gate: &Running) -> SocketAddr {
    let draining = std::sync::Arc::default();
    let shared = std::sync::Arc::clone(&gate.gate.shared);
    let routes = portcullis::admin::routes(
        shared,
        gate.gate.credentials(),
        draining,
        portcullis::admin::Reach::ThisMachine,
    );
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, routes).await.unwrap();
        });
    });
    address
}

#[test]
fn without_a_token_nobody_sees_it() {
    let gate = gate(&place("no-token"), Upstream::nowhere().address).start();
    let mut client = Client::connect(admin(&gate));
    client.send("GET /denials HTTP/1.1\r\nhost: a\r\nauthorization: Bearer \r\n\r\n");
    let answer = client.answer();
    assert!(answer.status == 403 && answer.text().contains("admin.token"), "{}", answer.text());
}

#[test]
fn what_cannot_be_a_store_stops_the_start() {
    let start = |path: &Path| {
        let setup = keeping(Setup::new("127.0.0.1:9"), path);
        let registry =
            std::sync::Arc::new(portcullis::limits::Registry::new(portcullis::clock::Moment::now()));
        let loaded = common::load(&setup, &registry);
        let started = portcullis::run::Gate::start(loaded, registry, std::io::sink());
        started.err().map(|error| error.to_string())
    };
    let path = place("other");
    let folder = path.parent().unwrap();
    std::fs::create_dir_all(folder).unwrap();
    let text = folder.join("text");
    std::fs::write(&text, "not a database, but long enough to be taken for the head of one".repeat(20))
        .unwrap();
    let foreign = folder.join("foreign.db");
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE a (b)").unwrap();
    for (path, why) in [(folder, "directory"), (&text, "move it away"), (&foreign, "another program's")] {
        let said = start(path).unwrap();
        assert!(said.contains(why) && said.contains(path.to_str().unwrap()), "{said}");
    }
    assert_eq!(std::fs::read_to_string(&text).unwrap().len(), 63 * 20, "what is not ours stays as it is");
    assert_eq!(start(&path), None);
}

#[test]
fn it_stays_within_its_size_and_lets_the_oldest_go() {
    let path = place("size");
    let setup = gate(&path, Upstream::nowhere().address)
        .set("store", "max_size", r#""1 MiB""#)
        .set("server", "trusted_proxies", r#"["127.0.0.1"]"#)
        .set("projects.search", "allow_ips", r#""any""#);
    let gate = setup.start();
    let metrics = gate.shared().ledger.metrics.clone();
    let mut client = gate.connect();
    // Different in network, so that each is a kind of its own and kept whole, and in reason, so
    // that no reason has too many.
    let targets =
        ["/v1/moderations", "/v1/embeddings", "/v1/responses", "/v1/completions", "/v1/nothing", "/v2"];
    let keys =
        [gate.setup.client_key.clone(), common::setup::new_key("nobody"), "pcl_x".to_owned(), String::new()];
    let long = "x".repeat(200);
    for at in 0..4_000u32 {
        let (_, b, c) = (0, at >> 8, at & 255);
        let key = &keys[at as usize % 4];
        let target = targets[at as usize % 6];
        let auth = if key.is_empty() { String::new() } else { format!("authorization: Bearer {key}\r\n") };
        client.send(format!(
            "POST {target}/{long} HTTP/1.1\r\nhost: a\r\n{auth}user-agent: {long}\r\nx-forwarded-for: 10.{b}.{c}.1\r\ncontent-length: 0\r\n\r\n"
        ));
        assert!(client.answer().status >= 400);
    }
    for at in 0..12_000u32 {
        // Decisions are told apart by their path, so a caller with a key can make many.
        client.send(format!(
            "GET /v1/{at}/{long} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\nx-forwarded-for: 10.0.0.1\r\n\r\n",
            keys[0]
        ));
        assert_eq!(client.answer().status, 404);
    }
    assert_eq!(gate.stop(), portcullis::run::Ended::Drained);
    let size = |end: &str| std::fs::metadata(format!("{}{end}", path.display())).map_or(0, |meta| meta.len());
    assert!(size("") <= (1 << 20) + (1 << 20), "{} bytes", size(""));
    assert!(size("-wal") <= 5 << 20, "{} bytes", size("-wal"));
    let reader = Reader::open(&path).unwrap();
    let last = reader.decisions(None, 0).unwrap();
    assert!(last.len() > 500 && last.len() < 12_000, "{}", last.len());
    assert_eq!(metrics.store_missed.get(), 0);
}

#[test]
fn a_store_that_cannot_be_written_is_counted_and_the_log_is_whole() {
    let path = place("locked");
    let gate = gate(&path, Upstream::nowhere().address).start();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for _ in 0..5 {
        assert_eq!(gate.ask(post("/v1/embeddings", &gate.setup.client_key, CHAT)).status, 403);
    }
    let missed = || gate.shared().ledger.metrics.store_missed.get();
    until("it is counted", || missed() == 10);
    assert_eq!(gate.records().len(), 5);
    let failed: Vec<Value> = gate
        .log()
        .into_iter()
        .filter(|line| line["event"].as_str().unwrap().starts_with("store_failed"))
        .collect();
    assert_eq!(failed.len(), 1, "told once: {failed:?}");
    let recovered = || gate.log().iter().filter(|line| line["event"] == "store_recovered").count();
    assert_eq!(recovered(), 0, "before it is");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(gate.ask(post("/v1/embeddings", &gate.setup.client_key, CHAT)).status, 403);
    let reader = Reader::open(&path).unwrap();
    until("it is kept again", || reader.last().unwrap() == 1);
    assert_eq!(missed(), 10, "a record and a decision of each");
    until("it is told", || recovered() == 1);
}

/// A gate in a process of its own, whose output is gathered.
struct Process {
    child: Child,
    address: SocketAddr,
    lines: Option<std::thread::JoinHandle<Vec<Value>>>,
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Process {
    fn start(name: &str, setup: &Setup) -> Self {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.toml"));
        std::fs::write(&file, setup.text()).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args(["serve", "--config", file.to_str().unwrap()])
            .env("PROVIDER_KEY", &setup.provider_key)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut ready = Value::Null;
        while ready["event"] != "ready" {
            let mut line = String::new();
            assert_ne!(out.read_line(&mut line).unwrap(), 0, "it does not start");
            ready = serde_json::from_str(&line).unwrap();
        }
        let address = ready["listen"].as_str().unwrap().parse().unwrap();
        let read = move || {
            let lines = out.lines().map_while(Result::ok);
            lines.map(|line| serde_json::from_str(&line).unwrap()).collect()
        };
        Self { child, address, lines: Some(std::thread::spawn(read)) }
    }

    /// What it has in memory, in kilobytes.
    fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    fn stop(mut self) -> Vec<Value> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
        self.lines.take().unwrap().join().unwrap()
    }
}

/// As many requests as are asked for, from random addresses with random keys, over one connection.
fn flood(address: SocketAddr, count: u32, seed: u32) {
    const TOGETHER: u32 = 200;
    let mut client = Client::connect(address);
    let mut random = seed;
    let mut next = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 16).to_le_bytes()[0]
    };
    for _ in 0..count / TOGETHER {
        let mut requests = String::new();
        for _ in 0..TOGETHER {
            let (a, b, c, d) = (next(), next(), next(), next());
            let key = project_key::compose(&format!("k{a}-{b}"), std::array::from_fn(|_| next()));
            let key = key.as_str();
            let _ = write!(
                requests,
                "GET /v1/{c}/{d} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {key}\r\nx-forwarded-for: {a}.{b}.{c}.{d}\r\n\r\n"
            );
        }
        client.send(requests);
        for _ in 0..TOGETHER {
            assert_eq!(client.answer().status, 401);
        }
    }
}

#[test]
fn a_flood_from_random_addresses_with_random_keys_is_counted_within_bounds() {
    const REQUESTS: u32 = 200_000;
    let path = place("flood");
    let setup = gate(&path, Upstream::nowhere().address)
        .set("server", "trusted_proxies", r#"["127.0.0.1"]"#)
        .set("projects.search", "allow_ips", r#""any""#);
    let gate = Process::start("flood", &setup);
    flood(gate.address, 2_000, 7);
    let before = gate.resident();
    std::thread::scope(|scope| {
        for seed in 0..4 {
            scope.spawn(move || flood(gate.address, (REQUESTS - 2_000) / 4 / 200 * 200, seed));
        }
    });
    let sent = 2_000 + u64::from((REQUESTS - 2_000) / 4 / 200 * 200 * 4);
    let grown = gate.resident().saturating_sub(before);
    assert!(grown < 8 << 10, "{grown} kB more in memory after {sent} requests, {before} kB before");
    let lines = gate.stop();
    let count = |line: &Value| line["count"].as_u64().unwrap();
    let whole = lines.iter().filter(|line| line["event"] == "denied").count() as u64;
    let repeated: Vec<&Value> = lines.iter().filter(|line| line["event"] == "repeated").collect();
    assert_eq!(whole + repeated.iter().map(|line| count(line)).sum::<u64>(), sent, "in the log");
    let windows = repeated
        .iter()
        .map(|line| line["first"].as_str().unwrap().get(..16))
        .collect::<std::collections::HashSet<_>>();
    let windows = windows.len() as u64 + 1;
    assert!(whole <= windows * u64::from(MOST_OF_A_REASON) && whole >= u64::from(MOST_OF_A_KIND), "{whole}");
    assert!(repeated.len() as u64 <= windows * (MOST_KINDS as u64 + 1), "{}", repeated.len());

    let reader = Reader::open(&path).unwrap();
    let kept = reader.list(&Filter::default(), usize::MAX).unwrap().len() as u64;
    let counted: i64 = reader.counted(&Filter::default()).unwrap().iter().map(|one| one.count).sum();
    assert_eq!(kept + u64::try_from(counted).unwrap(), sent, "in the store");
    let top = reader.top(&Filter::default(), By::Reason).unwrap();
    assert_eq!(
        (top.len(), top[0].value.as_str(), u64::try_from(top[0].count).unwrap()),
        (1, "key_unknown", sent)
    );
    let size = std::fs::metadata(&path).unwrap().len();
    assert!(size < 2 << 20, "{size} bytes");
}

#[test]
fn a_store_that_is_removed_while_the_gate_runs_is_made_anew_and_told() {
    let (path, upstream) = (place("removed"), Upstream::answering(OK));
    let usage = path.with_file_name("store-usage.db");
    let gate = gate(&path, upstream.address).start();
    let kept = || Reader::open(&path).ok().and_then(|reader| reader.last().ok()).unwrap_or_default();
    some_requests(&gate);
    until("all refusals are kept", || kept() == 4);
    for file in [&path, &usage] {
        std::fs::remove_file(file).unwrap();
    }
    some_requests(&gate);
    until("those that came later are kept", || kept() == 4);
    until("the ledger is there again", || usage.is_file());
    let told =
        |event: &str| gate.log().iter().any(|line| line["event"] == event && line["message"].is_string());
    until("both are told", || told("store_remade") && told("usage_remade"));
    // The files beside them are those of the new ones.
    some_requests(&gate);
    until("all is kept", || kept() == 8);
    assert_eq!(gate.stop(), portcullis::run::Ended::Drained);
    assert_eq!(kept(), 8);
}

#[test]
fn a_crash_loses_nothing_that_was_written() {
    let (path, upstream) = (place("crash"), Upstream::answering(OK));
    let setup = gate(&path, upstream.address);
    for round in 1..=3i64 {
        let mut process = Process::start("crash", &setup);
        for _ in 0..10 {
            let mut client = Client::connect(process.address);
            client.send(post("/v1/embeddings", &setup.client_key, CHAT));
            assert_eq!(client.answer().status, 403);
        }
        let reader = Reader::open(&path).unwrap();
        until("it is written", || reader.last().unwrap() == round * 10);
        // In the middle of more.
        let mut client = Client::connect(process.address);
        client.send(post("/v1/embeddings", &setup.client_key, CHAT));
        process.child.kill().unwrap();
        process.child.wait().unwrap();
        drop(process.lines.take().unwrap().join().unwrap());
        let db = rusqlite::Connection::open(&path).unwrap();
        let whole: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(whole, "ok");
        db.execute("DELETE FROM records WHERE id > ?1", [round * 10]).unwrap();
    }
    let reader = Reader::open(&path).unwrap();
    let kept = reader.list(&Filter::default(), 100).unwrap();
    assert_eq!(kept.len(), 30);
    let counts: i64 = reader.decisions(Some("search"), 0).unwrap().iter().map(|one| one.count).sum();
    assert!((30..=33).contains(&counts), "{counts}");
}
