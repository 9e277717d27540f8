//! Rules that are only observed let pass, and say what they would have denied; `learn` prints what
//! covers it, and `plan` says that nobody would lose anything.

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

use common::client::request;
use common::{CHAT, OK, Running, Setup, Upstream, post, until};
use portcullis::clock::Moment;
use serde_json::Value;

fn place(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("observe-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    folder.join("store.db")
}

fn observed(list: &str) -> String {
    format!("{{ list = {list}, mode = \"observe\" }}")
}

/// A project that may do nothing, were its rules enforced.
fn setup(upstream: &Upstream) -> Setup {
    Setup::new(upstream.address)
        .set("projects.search", "scopes", &observed(r#"["embeddings"]"#))
        .set("projects.search", "models", &observed(r#"["gpt-4o"]"#))
        .set("projects.search", "allow_ips", &observed(r#"["10.0.0.0/8"]"#))
        .set("projects.search", "limits", r#"{ requests = "1/h", concurrency = 1, mode = "observe" }"#)
}

fn reasons(record: &Value) -> Vec<&str> {
    record["would_deny"].as_array().unwrap().iter().map(|one| one["reason"].as_str().unwrap()).collect()
}

#[test]
fn what_it_does_not_allow_passes_and_the_record_says_so() {
    let upstream = Upstream::answering(OK);
    let setup = setup(&upstream);
    let line = |key| format!("portcullis.toml:{}", setup.line("projects.search", key));
    let (scopes, limits) = (line("scopes"), line("limits"));
    let gate = setup.start();
    assert_eq!(gate.ask(gate.chat()).status, 200);
    assert_eq!(gate.ask(gate.chat()).status, 200);
    let records = gate.records_when(2);
    assert_eq!(reasons(&records[0]), ["ip_not_allowed", "scope_missing", "model_not_allowed"]);
    assert_eq!(
        reasons(&records[1]),
        ["ip_not_allowed", "scope_missing", "rate_limited", "model_not_allowed"]
    );
    assert_eq!((&records[1]["event"], &records[1]["status"]), (&"served".into(), &200.into()));
    let scope = &records[1]["would_deny"][1];
    assert_eq!(
        (&scope["rule"], &scope["rule_at"]),
        (&"projects.search.scopes".into(), &scopes.as_str().into())
    );
    assert_eq!(scope["hint"], "add \"chat\" to projects.search.scopes");
    assert_eq!(records[1]["would_deny"][2]["rule_at"], limits.as_str());
    for (reason, count) in [("scope_missing", 2), ("rate_limited", 1)] {
        let sample = format!("portcullis_would_deny_total{{project=\"search\",reason=\"{reason}\"}} {count}");
        assert!(gate.metrics().contains(&sample), "{sample}: {}", gate.metrics());
    }
}

#[test]
fn concurrency_that_is_observed_counts_on() {
    let upstream = Upstream::start(|talk| {
        drop(talk.request());
        talk.closed();
    });
    let setup = Setup::new(upstream.address).set(
        "projects.search",
        "limits",
        r#"{ concurrency = 1, mode = "observe" }"#,
    );
    let gate = setup.start();
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let mut client = gate.connect();
            client.send(gate.chat());
            client
        })
        .collect();
    until("all are upstream", || upstream.requests().len() == 3);
    clients.into_iter().for_each(common::Client::hang_up);
    gate.idle();
    let over = gate.records_when(3).iter().filter(|record| record.get("would_deny").is_some()).count();
    assert_eq!(over, 2);
    let slots = &gate.shared().snapshot.load().projects[0].limits.concurrency.as_ref().unwrap().slots.clone();
    assert_eq!(slots.taken(Moment::now()), 0, "every place came free");
}

#[test]
fn what_is_enforced_beside_it_still_refuses() {
    let upstream = Upstream::answering(OK);
    let gate = setup(&upstream).set("[projects.search.keys]", "models", r#"["gpt-4o"]"#).start();
    assert_eq!(gate.ask(gate.chat()).reason(), Some("model_not_allowed"));
    let record = gate.record();
    assert_eq!(record["rule"], "projects.search.keys[0].models");
    assert_eq!(reasons(&record), ["ip_not_allowed", "scope_missing", "model_not_allowed"]);
}

#[test]
fn the_whole_gate_s_addresses_can_be_observed() {
    let upstream = Upstream::answering(OK);
    let gate =
        Setup::new(upstream.address).set("server", "allow_ips", &observed(r#"["10.0.0.0/8"]"#)).start();
    assert_eq!(gate.ask(gate.chat()).status, 200);
    let record = gate.record();
    assert_eq!(
        (reasons(&record), &record["would_deny"][0]["rule"]),
        (vec!["ip_not_allowed"], &"server.allow_ips".into())
    );
}

fn portcullis(arguments: &[&str], secret: &str) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    let out = command.args(arguments).env("PROVIDER_KEY", secret).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
}

/// What a project might do in a day.
fn a_days_work(gate: &Running) {
    for _ in 0..3 {
        assert_eq!(gate.ask(gate.chat()).status, 200);
    }
    let other = CHAT.replace("gpt-4o-mini", "text-embedding-3-small");
    assert_eq!(gate.ask(post("/v1/embeddings", &gate.setup.client_key, &other)).status, 200);
}

#[test]
fn what_is_learnt_covers_what_was_observed_and_no_more() {
    let (path, upstream) = (place("learnt"), Upstream::answering(OK));
    let store = path.to_str().unwrap().to_owned();
    let gate = setup(&upstream).set("store", "path", &format!("{store:?}")).start();
    a_days_work(&gate);
    let setup = gate.setup.clone();
    assert_eq!(gate.stop(), portcullis::run::Ended::Drained);

    let (code, toml, said) = portcullis(&["learn", "--store", &store, "--project", "search"], "");
    assert_eq!(code, 0, "{said}");
    assert!(toml.contains("# covers 4 requests of search-prod"), "{toml}");
    assert!(toml.contains("# 4 of them an observed rule would have denied"), "{toml}");
    let learnt: toml::Table = toml.parse().unwrap();
    let of = |name: &str| learnt["projects"]["search"][name].to_string();
    let expected = [
        ("upstreams", r#"["openai"]"#),
        ("scopes", r#"["chat", "embeddings"]"#),
        ("models", r#"["gpt-4o-mini", "text-embedding-3-small"]"#),
        ("allow_ips", r#"["127.0.0.1"]"#),
        ("limits", r#"{ requests = "4/min" }"#),
    ];
    for (name, value) in expected {
        assert_eq!(of(name), value);
    }
    // Enforced, it allows the same day's work, and not a request more.
    let enforced =
        expected.iter().fold(setup, |setup, (name, value)| setup.set("projects.search", name, value));
    let file = path.with_file_name("enforced.toml");
    let enforced = enforced.set("store", "path", &format!("{:?}", path.with_file_name("other.db")));
    std::fs::write(&file, enforced.text()).unwrap();
    let (code, told, said) =
        portcullis(&["plan", "--store", &store, file.to_str().unwrap()], &enforced.provider_key);
    assert_eq!(code, 0, "{told}{said}");
    assert!(told.contains("nobody would lose anything"), "{told}");
    let gate = enforced.start();
    a_days_work(&gate);
    assert_eq!(gate.ask(gate.chat()).reason(), Some("rate_limited"));

    let (code, _, said) = portcullis(&["learn", "--store", &store, "--project", "nobody"], "");
    assert!(code == 1 && said.contains("no request of project 'nobody' passed"), "{said}");
}

#[test]
fn what_is_learnt_is_dated_by_what_it_covers() {
    let (path, upstream) = (place("dated"), Upstream::answering(OK));
    let gate = Setup::new(upstream.address)
        .set("projects.search", "scopes", r#"["chat"]"#)
        .set("store", "path", &format!("{path:?}"))
        .start();
    assert_eq!(gate.ask(gate.chat()).status, 200);
    let denied = gate.ask(post("/v1/embeddings", &gate.setup.client_key, CHAT));
    assert_eq!(denied.reason(), Some("scope_missing"));
    assert_eq!(gate.stop(), portcullis::run::Ended::Drained);
    // What was denied came long after.
    let store = rusqlite::Connection::open(&path).unwrap();
    for (last, denied) in [(86_400_000, "= ''"), (3 * 86_400_000, "!= ''")] {
        let set = format!("UPDATE decisions SET last = {last} WHERE denied {denied}");
        assert_eq!(store.execute(&set, []).unwrap(), 1);
    }
    drop(store);
    let arguments =
        ["learn", "--store", path.to_str().unwrap(), "--project", "search", "--since", "1970-01-01"];
    let (code, told, said) = portcullis(&arguments, "");
    assert_eq!(code, 0, "{said}");
    assert!(
        told.contains("covers 1 requests of search-prod, the last at 1970-01-02 00:00:00 UTC\n"),
        "{told}"
    );
    assert!(told.contains("# denied, and so not covered: 1 ("), "{told}");
}

#[test]
fn by_what_is_in_force_nobody_loses_anything() {
    let chat = |gate: &Running| {
        post("/v1/chat/completions", &gate.setup.client_key, &CHAT.replacen('{', r#"{"max_tokens":9,"#, 1))
    };
    let bearer = |gate: &Running| format!("Bearer {}", gate.setup.client_key);
    let whoami =
        |gate: &Running| request("GET", "/portcullis/whoami", &[("authorization", &bearer(gate))], "");
    let socket = |gate: &Running, query: &str| {
        let key = bearer(gate);
        let headers = [
            ("authorization", &*key),
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        request("GET", &format!("/v1/realtime?model={query}"), &headers, "")
    };
    let plan = |setup: &Setup, file: &Path, arguments: &[&str]| {
        let file = file.to_str().unwrap();
        portcullis(&[&["plan", "--config", file], arguments].concat(), &setup.provider_key)
    };
    let upstream = Upstream::answering(OK);
    let path = place("in-force");
    let gate = Setup::new(upstream.address)
        .set("projects.search", "models", r#"["gpt-4o-mini"]"#)
        .set("projects.search", "parameters", "{ max_tokens = 100, store = false }")
        .set("projects.search", "limits", r#"{ requests = "5/min" }"#)
        .set("store", "path", &format!("{path:?}"))
        .start();
    for _ in 0..8 {
        gate.ask(chat(&gate));
        assert_eq!(gate.ask(whoami(&gate)).status, 200);
    }
    let setup = gate.setup.clone();
    assert_eq!(gate.stop(), portcullis::run::Ended::Drained);
    let file = path.with_file_name("portcullis.toml");
    std::fs::write(&file, setup.text()).unwrap();
    let (code, told, said) = plan(&setup, &file, &[file.to_str().unwrap()]);
    assert!(
        code == 0 && told.contains("13 requests judged again: all as before; nobody would lose"),
        "{told}{said}"
    );
    assert!(told.contains("3 rate_limited"), "{told}");
    // A copy is as good; what is tighter is told, and so is a model that is gone behind the rule on parameters.
    let other = path.with_file_name("other.toml");
    for (limit, model, told_of) in [
        (r#"{ requests = "5/min" }"#, "gpt-4o-mini", "nobody would lose"),
        (r#"{ requests = "6/min burst 5" }"#, "gpt-4o-mini", "nobody would lose"),
        (r#"{ requests = "4/min" }"#, "gpt-4o-mini", "too tight   project search sent 8 requests"),
        (r#"{ requests = "5/min" }"#, "o3", "allowed → model_not_allowed by projects.search.models"),
    ] {
        let setup = setup.clone().set("projects.search", "limits", limit);
        let setup = setup.set("projects.search", "models", &format!("[{model:?}]"));
        std::fs::write(&other, setup.text()).unwrap();
        let (code, told, said) = plan(&setup, &file, &[other.to_str().unwrap()]);
        assert!(told.contains(told_of), "{told}{said}");
        assert_eq!(code, i32::from(!told_of.starts_with("nobody")), "{told}");
    }

    let path = place("in-force-socket");
    let gate = Setup::new(upstream.address)
        .set("projects.search", "models", r#"["gpt-realtime"]"#)
        .set("store", "path", &format!("{path:?}"))
        .start();
    assert_eq!(gate.ask(socket(&gate, "gpt-realtime")).reason(), Some("upstream_invalid"));
    assert_eq!(gate.ask(socket(&gate, "o3")).reason(), Some("model_not_allowed"));
    let setup = gate.setup.clone();
    assert_eq!(gate.stop(), portcullis::run::Ended::Drained);
    let file = path.with_file_name("portcullis.toml");
    std::fs::write(&file, setup.text()).unwrap();
    let (code, told, said) = plan(&setup, &file, &[file.to_str().unwrap()]);
    assert!(code == 0 && told.contains("2 requests judged again: all as before"), "{told}{said}");
    let narrower = setup.set("projects.search", "models", r#"["another"]"#);
    std::fs::write(&other, narrower.text()).unwrap();
    let (code, told, _) = plan(&narrower, &file, &[other.to_str().unwrap()]);
    assert!(code == 1 && told.contains("allowed → model_not_allowed"), "{told}");
}

#[test]
fn parameters_that_will_be_enforced_are_lost_as_noted_or_told_as_not_judged() {
    let upstream = Upstream::answering(OK);
    let (path, parameters) = (place("parameters"), "projects.search.parameters");
    let file = path.with_file_name("new.toml");
    let not_judged = format!("not judged: {parameters}, since what requests asked for is not kept");
    let worked = |path: &Path, written: Option<&str>| {
        let setup = Setup::new(upstream.address).set("store", "path", &format!("{path:?}"));
        let setup = written.map_or(setup.clone(), |rules| setup.set("projects.search", "parameters", rules));
        let gate = setup.start();
        let short = CHAT.replacen('{', r#"{"max_tokens":9,"#, 1);
        for body in [CHAT, CHAT, &short] {
            assert_eq!(gate.ask(post("/v1/chat/completions", &gate.setup.client_key, body)).status, 200);
        }
        let setup = gate.setup.clone();
        assert_eq!(gate.stop(), portcullis::run::Ended::Drained);
        setup
    };
    let plan = |path: &Path, setup: &Setup, arguments: &[&str]| {
        std::fs::write(&file, setup.text()).unwrap();
        let all = ["plan", "--store", path.to_str().unwrap(), file.to_str().unwrap()];
        let (code, told, said) = portcullis(&[&all, arguments].concat(), &setup.provider_key);
        (code, told + &said)
    };
    let setup = worked(&path, Some(r#"{ max_tokens = 100, mode = "observe" }"#));
    let (code, told) = plan(&path, &setup, &[]);
    assert!(code == 0 && told.ends_with("all as before; nobody would lose anything\n"), "{told}");

    let enforced = setup.clone().set("projects.search", "parameters", "{ max_tokens = 100 }");
    let line = enforced.line("projects.search", "parameters");
    let (code, told) = plan(&path, &enforced, &[]);
    let lost = format!("2 × search/search-prod: allowed → parameter_not_allowed by {parameters} (");
    assert!(code == 1 && told.contains(&lost) && told.contains(&format!("new.toml:{line})\n")), "{told}");
    assert!(told.contains("3 requests judged again: 2 would be denied that passed\n"), "{told}");
    assert!(told.contains(&not_judged), "{told}");
    let (_, told) = plan(&path, &enforced, &["--format", "json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["parameters_not_judged"], serde_json::json!([parameters]));

    // What was noted of them is no reason to tell the same kind of request twice.
    let narrower = setup.set("projects.search", "models", r#"["o3"]"#);
    let (code, told) = plan(&path, &narrower, &[]);
    let examples = told.lines().filter(|line| line.contains("POST /v1/chat/completions")).count();
    assert!(code == 1 && examples == 1 && told.contains(" 3 × POST /v1/chat"), "{told}");

    let path = path.with_file_name("without.db");
    let added = worked(&path, None).set("projects.search", "parameters", "{ max_tokens = 100 }");
    let (code, told) = plan(&path, &added, &[]);
    let fine = "all as before; nobody would lose anything, as far as was judged\n";
    assert!(code == 0 && told.contains(fine) && told.contains(&not_judged), "{told}");
}

#[test]
fn a_mode_that_there_is_not_is_a_mistake_with_its_line() {
    let setup =
        Setup::new("127.0.0.1:9").set("projects.search", "models", r#"{ list = "*", mode = "watch" }"#);
    let line = setup.line("projects.search", "models");
    let registry = portcullis::limits::Registry::new(Moment::now());
    let faults = portcullis::config::load(&setup.sources(), &registry).unwrap_err().to_string();
    assert!(faults.contains(&format!("portcullis.toml:{line}")), "{faults}");
    assert!(faults.contains("`mode` cannot be `watch`") && faults.contains("observe"), "{faults}");
    let setup =
        Setup::new("127.0.0.1:9").set("projects.search", "upstreams", r#"{ list = "*", mode = "observe" }"#);
    let faults = portcullis::config::load(&setup.sources(), &registry).unwrap_err().to_string();
    assert!(faults.contains("`upstreams` must be a list"), "{faults}");
}
