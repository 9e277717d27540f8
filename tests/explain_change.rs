//! The change that `portcullis explain` proposes lets the request pass: in `explain` and in the gate.

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

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cases::{Case, Driven, ROUTES, Route};
use common::{Running, Setup, Written, until};
use portcullis::change::{Change, Exceeded, Known, change};
use portcullis::clock::Moment;
use portcullis::config::{self, Sources};
use portcullis::denial::Reason;
use portcullis::dialect::Dialect;
use portcullis::explain::{Question, explain};
use portcullis::limits::Registry;
use portcullis::run::Gate;
use proptest::prelude::*;

const KEY_ID: &str = "search-prod";
const KEY: &str = "[projects.search.keys]";

/// What a configuration decides, and a change of it can take away.
const MENDED: [Reason; 12] = [
    Reason::AddressNotAllowed,
    Reason::KeyExpired,
    Reason::KeyRevoked,
    Reason::KeyNotYetValid,
    Reason::ProjectDisabled,
    Reason::UpstreamNotAllowed,
    Reason::UpstreamAmbiguous,
    Reason::ScopeMissing,
    Reason::ModelNotAllowed,
    Reason::RateLimited,
    Reason::ConcurrencyLimited,
    Reason::BodyTooLarge,
];

/// The question about a route's request.
fn question(route: &Route, method: &str, target: &str) -> Question {
    let anthropic = route.dialect == Dialect::Anthropic;
    let version = (http::HeaderName::from_static("anthropic-version"), "2023-06-01".parse().unwrap());
    let named = method == "POST" && route.dialect != Dialect::Gemini;
    Question {
        key: 0,
        address: "127.0.0.1".parse().unwrap(),
        method: method.parse().unwrap(),
        target: target.parse().unwrap(),
        model: named.then(|| route.model.to_owned()),
        max_tokens: None,
        headers: anthropic.then_some(version).into_iter().collect(),
    }
}

/// The text with a unified diff applied, which must fit line by line.
fn patched(text: &str, diff: &str) -> String {
    let old: Vec<&str> = text.split_inclusive('\n').collect();
    let mut lines = diff.split_inclusive('\n').peekable();
    assert!(lines.next().unwrap().starts_with("--- ") && lines.next().unwrap().starts_with("+++ "));
    let (mut new, mut at) = (String::new(), 0);
    while let Some(line) = lines.next() {
        let (sign, rest) = line.split_at(1);
        let rest = if lines.next_if(|next| next.starts_with('\\')).is_some() {
            rest.strip_suffix('\n').unwrap()
        } else {
            rest
        };
        match sign {
            "@" => {
                let range = line.split(['-', ' ']).nth(2).unwrap();
                let (from, count) = range.split_once(',').unwrap_or((range, "1"));
                let from = from.parse::<usize>().unwrap() - usize::from(count != "0");
                assert!(from >= at, "hunks in order: {diff}");
                new.extend(old[at..from].iter().copied());
                at = from;
            }
            "+" => new += rest,
            " " | "-" => {
                assert_eq!(old[at], rest, "{diff}\n{text}");
                at += 1;
                if sign == " " {
                    new += rest;
                }
            }
            _ => panic!("{line}"),
        }
    }
    new.extend(old[at..].iter().copied());
    new
}

/// A folder for files.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("change-{name}"));
    drop(std::fs::remove_dir_all(&folder));
    std::fs::create_dir_all(folder.join("conf.d")).unwrap();
    folder
}

/// A gate with a configuration's texts as they are on the disk.
fn started(sources: &Sources, setup: &Setup) -> Running {
    let registry = Arc::new(Registry::new(Moment::now()));
    let loaded = config::load(sources, &registry).unwrap_or_else(|faults| panic!("{faults}"));
    let written = Written::default();
    let gate = Gate::start(loaded, registry, written.clone()).unwrap();
    Running { gate, setup: setup.clone(), written }
}

/// Writes the setup, proposes a change, applies the printed diff, and starts a gate with the result.
fn mended(case: &Case, route: &Route, driven: &Driven) -> Running {
    let setup = &driven.gate.setup;
    let folder = folder(&case.name(route));
    let file = folder.join("portcullis.toml");
    std::fs::write(&file, setup.text()).unwrap();
    let sources = Sources::at(&file).with_environment([("PROVIDER_KEY", setup.provider_key.as_str())]);
    let (method, target) = (case.target)(route);
    let record = driven.record();
    let exceeded = Exceeded::is(case.reason).then(|| Exceeded {
        reason: case.reason,
        rule: record["rule"].as_str().unwrap().to_owned(),
        bytes: record["request_bytes"].as_u64().unwrap(),
    });
    let asked = question(route, method, target);
    let proposed = change(&sources, KEY_ID, &asked, exceeded.as_ref(), Known::All, Moment::now());
    let proposed = proposed.unwrap_or_else(|why| panic!("{}: {why}", case.name(route)));
    let [changed] = proposed.files.as_slice() else { panic!("{proposed:?}") };
    assert_eq!(changed.file, file.to_str().unwrap());
    assert_eq!(patched(&setup.text(), &changed.diff), changed.text, "{}", changed.diff);
    let sign = |sign: char| changed.diff.lines().skip(2).filter(|line| line.starts_with(sign)).count();
    assert!(sign('-') <= 1 && sign('+') <= 2, "the smallest change: {}", changed.diff);
    std::fs::write(&file, &changed.text).unwrap();
    let gate = started(&sources, setup);
    let snapshot = gate.shared().snapshot.load_full();
    let verdict = explain(&snapshot, &asked, Moment::now());
    assert!(verdict.denied.is_none(), "{}: {verdict:?}", case.name(route));
    gate
}

#[test]
fn for_each_refusal_that_a_setting_decides_the_change_lets_the_request_pass() {
    let mut met = std::collections::HashSet::new();
    for case in cases::all().iter().filter(|case| MENDED.contains(&case.reason)) {
        for route in case.routes() {
            let driven = case.drive_with(route, |setup| {
                let length = route.body.len() - 1;
                if case.reason == Reason::BodyTooLarge {
                    setup.set("server", "max_body", &length.to_string())
                } else {
                    setup
                }
            });
            assert_eq!(driven.answer.reason(), Some(case.reason.code()), "{}", case.name(route));
            let gate = mended(case, route, &driven);
            if case.reason == Reason::ConcurrencyLimited {
                // The upstream of this case never answers: both requests reach it.
                let (mut one, mut other) = (gate.connect(), gate.connect());
                let before = driven.upstream.requests().len();
                one.send(route.chat(&gate.setup.client_key));
                other.send(route.chat(&gate.setup.client_key));
                until("both are upstream", || driven.upstream.requests().len() == before + 2);
            } else {
                let answer = (case.ask)(&gate, &driven.upstream, route);
                let denied = answer.reason().and_then(Reason::from_code);
                assert!(
                    // The upstream of the tests has no list of models to give.
                    answer.status == 200 || denied == Some(Reason::UpstreamInvalid),
                    "{}: {answer:?}",
                    case.name(route)
                );
            }
            met.insert(case.reason);
        }
    }
    assert_eq!(met.len(), MENDED.len());
}

fn proposed(setup: &Setup, asked: &Question) -> Result<Change, String> {
    change(&setup.sources(), KEY_ID, asked, None, Known::All, Moment::now())
}

fn why_none(setup: &Setup, asked: &Question) -> String {
    proposed(setup, asked).expect_err("there is no change")
}

fn chat() -> Question {
    question(&ROUTES[0], "POST", ROUTES[0].path)
}

fn setup() -> Setup {
    Setup::new("127.0.0.1:9")
}

#[test]
fn several_settings_that_refuse_are_changed_in_one_diff() {
    let setup = setup()
        .set("projects.search", "models", "[\n  \"another\", # why\n]")
        .set("projects.search", "scopes", "[]")
        .set(KEY, "models", r#"["another"]"#)
        .set(KEY, "revoked", "true")
        .set(KEY, "expires", "2020-01-01")
        .set("upstreams.openai", "models", r#"["another"]"#);
    let change = proposed(&setup, &chat()).unwrap();
    let diff = &change.files[0].diff;
    assert_eq!(patched(&setup.text(), diff), change.files[0].text);
    for line in [
        "+models = [\"another\", \"gpt-4o-mini\"]",
        "   \"another\", # why",
        "+  \"gpt-4o-mini\",",
        "+scopes = [\"chat\"]",
        "+revoked = false",
    ] {
        assert!(diff.lines().any(|shown| shown == line), "{line} in\n{diff}");
    }
    assert_eq!(diff.matches("+models = ").count(), 2, "the key's and the upstream's: {diff}");
    assert!(diff.starts_with("--- portcullis.toml\n+++ portcullis.toml\n@@ -"), "{diff}");
}

#[test]
fn where_no_setting_helps_it_says_why() {
    let at = |method: &str, target: &str| question(&ROUTES[0], method, target);
    let decoy = setup().set(KEY, "decoy", "true");
    let full = setup().set("projects.search", "models", r#"["another"]"#);
    let named = |model: &str| Question { model: Some(model.to_owned()), ..chat() };
    let largest = setup().set("server", "max_body", "5");
    let budget = setup()
        .set("projects.search", "limits", r#"{ budget = "5 USD/day" }"#)
        .set("models.mine", "upstream", "\"openai\"")
        .set("models.mine", "model", "\"ours-1\"")
        .set("store", "path", "\"/nowhere/store.db\"");
    for (setup, asked, why) in [
        (decoy, chat(), "is a decoy"),
        (setup(), at("POST", "/v1/nothing"), "no setting decides this"),
        (setup(), at("DELETE", "/v1/chat/completions"), "no setting decides this"),
        (setup(), at("POST", "/v1/chat/completions?color=red"), "no setting decides this"),
        (full.clone(), named("*"), "which in a list would let other models through"),
        (full.clone(), named("gpt-*"), "which in a list would let other models through"),
        (full.clone(), named("a b"), "no list can hold such a name"),
        // What is behind a change that helps only half the way is told, and no half of a change.
        (full, at("POST", "/v1/nothing"), "no setting decides this"),
        // Not the switch that lets what has no price pass the budgets of all projects.
        (budget.clone(), named("unheard-of"), "add [prices.\"openai/unheard-of\"] with its input and output"),
        (budget.clone(), named("mine"), "add [prices.\"openai/ours-1\"] with its input and output"),
        (budget, named("a\"b"), "no setting decides this: the price of model"),
    ] {
        let told = why_none(&setup, &asked);
        assert!(told.contains(why), "{told}");
    }
    let doubled = proposed(&largest, &chat()).unwrap();
    assert!(doubled.files[0].diff.contains("-max_body = 5\n+max_body = 40\n"), "{}", doubled.files[0].diff);
    let trusted = setup().set("server", "trusted_proxies", r#"["127.0.0.1"]"#);
    let forwarded = |value: &str| {
        let header = (http::HeaderName::from_static("x-forwarded-for"), value.parse().unwrap());
        Question { headers: vec![header], ..chat() }
    };
    assert!(why_none(&trusted, &forwarded("somebody")).contains("only the proxy can mend"));
    // The client's address counts, not the proxy's.
    let change = proposed(&trusted, &forwarded("203.0.113.9")).unwrap();
    assert!(change.files[0].diff.contains("\n+allow_ips = [\"127.0.0.0/8\", \"203.0.113.9\"]"), "{change:?}");
}

#[test]
fn a_value_of_the_environment_is_named_instead() {
    let setup = setup();
    let text = setup.text();
    let sources = Sources::from_texts(
        [("portcullis.toml", text.as_str())],
        [
            ("PROVIDER_KEY", "sk-x"),
            ("PORTCULLIS__PROJECTS__SEARCH__MODELS", "another"),
            ("PORTCULLIS__PROJECTS__SEARCH__SCOPES", "chat"),
        ],
    );
    let why = change(&sources, KEY_ID, &chat(), None, Known::All, Moment::now()).unwrap_err();
    let variable =
        "the environment variable PORTCULLIS__PROJECTS__SEARCH__MODELS sets projects.search.models";
    assert_eq!(why, format!("{variable}: add \"gpt-4o-mini\" there"));
}

#[test]
fn each_file_that_is_laid_over_another_is_changed_where_the_value_stands() {
    let folder = folder("layers");
    let setup = setup().set("projects.search", "models", r#"["another"]"#);
    let (main, [scopes, keys]) =
        (folder.join("portcullis.toml"), ["a.toml", "b.toml"].map(|n| folder.join("conf.d").join(n)));
    std::fs::write(&main, setup.text()).unwrap();
    std::fs::write(&scopes, "# less\n[projects.search]\nscopes = []\n").unwrap();
    std::fs::write(
        &keys,
        format!("[[projects.search.keys]]\nid = \"{KEY_ID}\"\nsha256 = \"{}\"\nallow_ips = [\"10.0.0.1\"] # one\n", "0".repeat(64)),
    )
    .unwrap();
    let sources = Sources::at(&main).with_environment([("PROVIDER_KEY", "sk-x")]);
    let change = change(&sources, KEY_ID, &chat(), None, Known::All, Moment::now()).unwrap();
    let files: Vec<&str> = change.files.iter().map(|changed| changed.file.as_str()).collect();
    assert_eq!(files, [&main, &scopes, &keys].map(|path| path.to_str().unwrap()));
    assert!(
        change.files[1]
            .diff
            .ends_with("@@ -1,3 +1,3 @@\n # less\n [projects.search]\n-scopes = []\n+scopes = [\"chat\"]\n")
    );
    assert!(change.files[2].diff.ends_with(
        "\n-allow_ips = [\"10.0.0.1\"] # one\n+allow_ips = [\"10.0.0.1\", \"127.0.0.1\"] # one\n"
    ));
    for changed in &change.files {
        let before = std::fs::read_to_string(&changed.file).unwrap();
        std::fs::write(&changed.file, patched(&before, &changed.diff)).unwrap();
    }
    let loaded = config::load(&sources, &Registry::new(Moment::now())).unwrap();
    assert!(explain(&loaded.snapshot, &chat(), Moment::now()).denied.is_none());
}

#[test]
fn what_it_would_break_is_told() {
    let expectation = format!(
        "[[expect]]\nrequest = {{ key_id = \"{KEY_ID}\", ip = \"127.0.0.1\", method = \"POST\", path = \"/v1/chat/completions\", \
         model = \"gpt-4o-mini\" }}\ndeny = \"model_not_allowed\"\n"
    );
    let setup = setup().set("projects.search", "models", r#"["another"]"#).more(&expectation);
    let change = proposed(&setup, &chat()).unwrap();
    assert!(change.files.len() == 1 && change.breaks.len() == 1, "{change:?}");
    assert!(change.breaks[0].contains("the expectation does not hold"), "{change:?}");
}

#[test]
fn no_secret_is_shown_and_the_diff_can_be_applied_all_the_same() {
    let setup = setup().set(KEY, "expires", "2020-01-01");
    let change = proposed(&setup, &chat()).unwrap();
    let (diff, sha256) = (&change.files[0].diff, common::setup::sha256(&setup.client_key));
    assert!(!diff.contains(&sha256) && !diff.contains('*') && !change.files[0].hidden, "{diff}");
    assert_eq!(patched(&setup.text(), diff), change.files[0].text);

    // On one line with what is hidden, it has to be made by hand.
    let text = setup.text().replace("[[projects.search.keys]]\n", "").replace("expires = 2020-01-01\n", "");
    let text = text.replace(&format!("id = \"{KEY_ID}\"\nsha256 = \"{sha256}\"\n"), "");
    let text =
        text + &format!("keys = [{{ id = \"{KEY_ID}\", sha256 = \"{sha256}\", expires = 2020-01-01 }}]\n");
    let sources = Sources::from_texts([("a.toml", text.as_str())], [("PROVIDER_KEY", "sk-x")]);
    let now = Moment::now().dated(std::time::SystemTime::UNIX_EPOCH);
    let now = now.later(std::time::Duration::from_hours(24 * 365 * 60));
    let change = portcullis::change::change(&sources, KEY_ID, &chat(), None, Known::All, now).unwrap();
    assert!(!change.files[0].diff.contains(&sha256), "{}", change.files[0].diff);
    assert!(change.files[0].diff.contains("expires = 2030-03-17 }]"), "{}", change.files[0].diff);
    assert!(change.files[0].text.contains(&sha256) && change.files[0].hidden);
}

/// Runs the command on a setup; gives its exit code and what it printed.
fn program(name: &str, setup: &Setup, arguments: &[&str], record: &str) -> (i32, String) {
    let folder = folder(name);
    let (file, line) = (folder.join("portcullis.toml"), folder.join("record.json"));
    std::fs::write(&file, setup.text()).unwrap();
    std::fs::write(&line, record).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["explain", "--config", "portcullis.toml"])
        .args(arguments)
        .env("PROVIDER_KEY", "sk-x")
        .current_dir(&folder)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), said)
}

#[test]
fn the_command_prints_the_change_for_people_and_for_machines() {
    let setup = setup().set("projects.search", "models", r#"["another"]"#);
    let question =
        ["--key-id", KEY_ID, "--ip", "127.0.0.1", "POST", "/v1/chat/completions", "--model", "gpt-4o"];
    let (code, said) = program("text", &setup, &question, "");
    let diff = "\nthis change of the configuration would let it pass:\n\n--- portcullis.toml\n+++ portcullis.toml\n@@ -";
    assert!(code == 1 && said.contains(diff), "{said}");
    assert!(said.contains("\n-models = [\"another\"]\n+models = [\"another\", \"gpt-4o\"]\n"), "{said}");

    // The last line of context can be blank, and a diff without it cannot be applied.
    let ends_blank = setup.clone().set(KEY, "expires", "2020-01-01").more("\n");
    let (_, said) = program("blank", &ends_blank, &question, "");
    let diff = said.split_at(said.find("--- ").unwrap()).1;
    assert!(diff.ends_with("\n \n"), "{diff:?}");
    assert!(!patched(&ends_blank.text(), diff).contains("2020"));

    let as_json = |name: &str, path: &str, model: &str| {
        let question =
            ["--key-id", KEY_ID, "--ip", "127.0.0.1", "POST", path, "--model", model, "--format", "json"];
        let (code, said) = program(name, &setup, &question, "");
        (
            code,
            serde_json::from_str::<serde_json::Value>(&said)
                .unwrap_or_else(|error| panic!("{error}: {said}")),
        )
    };
    let (code, told) = as_json("json", "/v1/chat/completions", "gpt-4o");
    assert_eq!((code, &told["no_change_because"]), (1, &serde_json::Value::Null));
    assert_eq!(told["change"][0]["file"], "portcullis.toml");
    assert_eq!(
        patched(&setup.text(), told["change"][0]["diff"].as_str().unwrap()).matches("gpt-4o").count(),
        1
    );
    let (code, told) = as_json("json-none", "/v1/nothing", "gpt-4o");
    assert_eq!((code, &told["change"]), (1, &serde_json::Value::Null));
    assert!(told["no_change_because"].as_str().unwrap().starts_with("no setting decides this"), "{told}");
    let (code, told) = as_json("json-fine", "/v1/chat/completions", "another");
    assert_eq!(
        (code, &told["change"], &told["no_change_because"]),
        (0, &serde_json::Value::Null, &serde_json::Value::Null)
    );
}

#[test]
fn a_record_of_a_limit_that_was_met_shows_how_to_raise_it() {
    let limits = r#"{ requests = ["5/s", "600/min"], tokens = "200k/min", budget = ["5 USD/day", "0.50 USD/week"], concurrency = 4 } # enough"#;
    let setup = setup()
        .set("projects.search", "limits", limits)
        .set("projects.search", "models", r#"["gpt-4o"]"#)
        .set("server", "max_body", "\"1 MiB\"")
        .set("server", "max_upload", "\"2 MiB\"")
        .set("store", "path", "\"store.db\"");
    let asked = |name: &str, reason: &str, rule: &str, bytes: u64| {
        let record = format!(
            r#"{{"event":"denied","reason":"{reason}","rule":"{rule}","key_id":"{KEY_ID}","client_ip":"127.0.0.1","method":"POST",
            "path":"/v1/chat/completions","model":"gpt-4o","request_bytes":{bytes}}}"#
        );
        program(name, &setup, &["--record", "record.json"], &record)
    };
    for (name, reason, rule, bytes, line) in [
        (
            "rate",
            "rate_limited",
            "projects.search.limits.requests[1]",
            0,
            r#"["5/s", "1200/min"], tokens = "200k/min", budget = ["5 USD/day", "0.50 USD/week"], concurrency = 4 } # enough"#,
        ),
        (
            "tokens",
            "tokens_limited",
            "projects.search.limits.tokens",
            0,
            r#"tokens = "400k/min", budget = ["5 USD/day", "0.50 USD/week"], concurrency = 4 } # enough"#,
        ),
        (
            "budget",
            "budget_exhausted",
            "projects.search.limits.budget[1]",
            0,
            r#"budget = ["5 USD/day", "1.00 USD/week"], concurrency = 4 } # enough"#,
        ),
        (
            "slots",
            "concurrency_limited",
            "projects.search.limits.concurrency",
            0,
            "concurrency = 8 } # enough",
        ),
        ("body", "body_too_large", "server.max_body", 0, "+max_body = \"2 MiB\""),
        ("large", "body_too_large", "server.max_body", 5_000_000, "+max_body = \"8 MiB\""),
        ("held", "memory_limited", "server.max_held", 0, "+max_held = \"2 GiB\""),
        ("file", "body_too_large", "server.max_upload", 0, "+max_upload = \"4 MiB\""),
    ] {
        let (code, said) = asked(name, reason, rule, bytes);
        assert!(
            code == 0 && said.lines().any(|shown| shown.starts_with('+') && shown.ends_with(line)),
            "{said}"
        );
        assert!(
            said.contains(&format!(
                "the record was refused with {reason}, which was decided by what the gate had met before"
            )),
            "{said}"
        );
    }
    let (code, said) = asked("gone", "rate_limited", "projects.search.limits.requests[7]", 0);
    assert!(code == 0 && said.contains("is not in the configuration any more"), "{said}");
}

#[test]
fn a_record_of_a_refusal_before_the_body_needs_no_model() {
    let narrow = setup()
        .set("projects.search", "models", r#"["gpt-4o"]"#)
        .set("projects.search", "limits", r#"{ requests = "5/min" }"#)
        .set("projects.search", "scopes", r#"["embeddings"]"#);
    let refused = |reason: &str, rule: &str, ip: &str| {
        format!(
            r#"{{"event":"denied","reason":"{reason}","rule":"{rule}","key_id":"{KEY_ID}","client_ip":"{ip}","method":"POST","path":"/v1/chat/completions"}}"#
        )
    };
    let allowed = "this change of the configuration would let it pass, if its model is allowed:";
    let chat = narrow.clone().set("projects.search", "scopes", r#"["chat"]"#);
    for (name, setup, record, code, line) in [
        (
            "unread-ip",
            &chat,
            refused("ip_not_allowed", "projects.search.allow_ips", "192.0.2.7"),
            1,
            r#"+allow_ips = ["127.0.0.0/8", "192.0.2.7"]"#,
        ),
        (
            "unread-scope",
            &narrow,
            refused("scope_missing", "projects.search.scopes", "127.0.0.1"),
            1,
            r#"+scopes = ["embeddings", "chat"]"#,
        ),
        (
            "unread-rate",
            &chat,
            refused("rate_limited", "projects.search.limits.requests", "127.0.0.1"),
            0,
            r#"+limits = { requests = "10/min" }"#,
        ),
    ] {
        let (got, said) = program(name, setup, &["--record", "record.json"], &record);
        assert!(got == code && said.contains(allowed) && said.lines().any(|shown| shown == line), "{said}");
        assert!(!said.contains("model_missing"), "{said}");
        let arguments = ["--record", "record.json", "--format", "json"];
        let (_, said) = program(name, setup, &arguments, &record);
        let told: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!(
            (&told["if_its_model_is"], &told["no_change_because"]),
            (&true.into(), &serde_json::Value::Null)
        );
        // Who knows the model can say it.
        let arguments = ["--record", "record.json", "--model", "o3"];
        let (_, said) = program(name, setup, &arguments, &record);
        assert!(said.contains(line) && said.contains("+models = [\"gpt-4o\", \"o3\"]"), "{said}");
    }
    let record = refused("scope_missing", "projects.search.scopes", "127.0.0.1");
    let (code, said) = program("unread-since", &chat, &["--record", "record.json"], &record);
    assert!(code == 0 && said.contains("\n– ask\n") && said.contains("allowed, if its model is"), "{said}");
    // One whose body was read and named none is another matter.
    let record = refused("model_missing", "", "127.0.0.1");
    let (code, said) = program("unread-none", &chat, &["--record", "record.json"], &record);
    assert!(code == 1 && said.contains("reason  model_missing"), "{said}");
}

#[test]
fn a_record_of_parameters_is_told_by_what_it_knows() {
    let some = setup()
        .set("projects.search.parameters", "max_tokens", "100")
        .set("projects.search.parameters", "tools", r#"["function"]"#)
        .set("projects.search.parameters", "store", "false");
    let record = |path: &str, more: &str| {
        format!(
            r#"{{"event":"denied","key_id":"{KEY_ID}","client_ip":"127.0.0.1","method":"POST","path":"{path}","model":"gpt-4o"{more}}}"#
        )
    };
    let refused = |setting: &str, hint: &str, more: &str| {
        let rule = format!("projects.search.parameters{setting}");
        let more = format!(r#","reason":"parameter_not_allowed","rule":"{rule}","hint":"{hint}"{more}"#);
        record("/v1/chat/completions", &more)
    };
    let said =
        |name: &str, setup: &Setup, record: &str| program(name, setup, &["--record", "record.json"], record);
    let tool = refused(".tools", "add it there", r#","token_ceiling":50"#);
    let (code, text) = said("parameter-tool", &some, &tool);
    assert!(code == 1 && text.contains("✓ ask\n✗ model\n    reason  parameter_not_allowed\n"), "{text}");
    assert!(text.contains("rule    projects.search.parameters.tools (portcullis.toml:"), "{text}");
    assert!(
        text.contains("mend    add it there\n") && text.contains("this is the record's refusal"),
        "{text}"
    );
    assert!(
        text.contains("is proposed: projects.search.parameters.tools decides this: add it there"),
        "{text}"
    );
    assert!(!text.contains("how many tokens") && !text.contains("client "), "{text}");
    let arguments = ["--record", "record.json", "--format", "json"];
    let (_, text) = program("parameter-json", &some, &arguments, &tool);
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&told["denied"]["hint"], &told["denied_in_record"]), (&"add it there".into(), &true.into()));

    // What a setting refused that is gone, or only observed, passes.
    assert_eq!(said("parameter-gone", &setup(), &tool).0, 0);
    let observed = some.clone().set("projects.search.parameters", "mode", "\"observe\"");
    assert_eq!(said("parameter-observed", &observed, &tool).0, 0);
    let (code, text) =
        said("parameter-built-in", &setup(), &tool.replace("projects.search.parameters.tools", "built-in"));
    assert!(code == 1 && text.contains("is proposed: no setting decides this: add it there"), "{text}");

    // The number of tokens is in the record.
    let (code, text) = said("parameter-most", &some, &refused(".max_tokens", "", r#","token_ceiling":500"#));
    assert!(code == 1 && text.contains("it asks for up to 500 tokens, and 100 are allowed"), "{text}");
    assert!(
        text.contains("\n-max_tokens = 100\n+max_tokens = 500\n") && !text.contains("the record's"),
        "{text}"
    );
    assert_eq!(said("parameter-less", &some, &refused(".max_tokens", "", r#","token_ceiling":99"#)).0, 0);
    let (code, text) = said("parameter-none", &some, &refused(".max_tokens", "say how many", ""));
    assert!(code == 1 && text.contains("mend    say how many\n"), "{text}");

    // Of a record of another refusal nobody knows either.
    let limited = r#","reason":"upstream_timeout","token_ceiling":5"#;
    assert_eq!(said("parameter-other", &some, &record("/v1/responses", limited)).0, 0);
}

#[test]
fn a_question_without_a_number_of_tokens_is_told_how_to_name_one() {
    let most = setup().set("projects.search.parameters", "max_tokens", "100");
    let told = "the project has parameters.max_tokens: say with --max-tokens how many tokens";
    let asked = |name: &str, setup: &Setup, path: &str, more: &[&str]| {
        let question = ["--key-id", KEY_ID, "--ip", "127.0.0.1", "POST", path, "--model", "gpt-4o"];
        program(name, setup, &[&question[..], more].concat(), "")
    };
    let chat = "/v1/chat/completions";
    let (code, said) = asked("ceiling-none", &most, chat, &[]);
    assert!(code == 1 && said.contains(told), "{said}");
    assert!(
        said.contains("is proposed: projects.search.parameters.max_tokens decides this: the caller must"),
        "{said}"
    );
    let observed = most.clone().set("projects.search.parameters", "mode", "\"observe\"");
    let (code, said) = asked("ceiling-observed", &observed, chat, &[]);
    assert!(code == 0 && said.contains(told), "{said}");
    for (name, setup, path, more, wanted) in [
        ("ceiling-named", &most, chat, &["--max-tokens", "100"][..], 0),
        ("ceiling-above", &most, chat, &["--max-tokens", "101"], 1),
        ("ceiling-vectors", &most, "/v1/embeddings", &[], 0),
        ("ceiling-any", &setup(), chat, &[], 0),
    ] {
        let (code, said) = asked(name, setup, path, more);
        assert!(code == wanted && !said.contains(told), "{said}");
    }
}

/// A list in one of the ways in which it can be written.
fn list(entries: &[&str], form: usize, comment: &str) -> String {
    let quoted: Vec<String> = entries.iter().map(|entry| format!("{entry:?}")).collect();
    match form {
        0 => format!("[{}] # {comment}", quoted.join(", ")),
        1 => format!("[\n    # {comment}-first\n    {}\n] # {comment}", quoted.join(",\n    ")),
        2 => {
            let lines: Vec<String> =
                quoted.iter().map(|entry| format!("  {entry}, # {comment}-{entry}\n")).collect();
            let lines = lines.concat();
            format!("[\n{lines}  # {comment}-last\n]")
        }
        3 => format!("[ {} ]", quoted.join(" , ")),
        4 => format!("{{ list = [{}], mode = \"enforce\" }} # {comment}", quoted.join(", ")),
        5 => format!("{{ list = [{}], mode = \"observe\" }} # {comment}", quoted.join(", ")),
        _ => format!("{{ mode = \"enforce\" }} # {comment}"),
    }
}

const SCOPES: [&str; 3] = ["chat", "embeddings", "responses"];
const MODELS: [&str; 4] = ["gpt-4o", "gpt-4o-*", "text-*", "o3"];
const NETWORKS: [&str; 3] = ["10.0.0.0/8", "127.0.0.0/8", "2001:db8::/32"];

/// How many forms there are, and how many of a list that can only be enforced.
const FORMS: (usize, usize) = (7, 4);

/// What is written of one list; nothing if it is not.
fn written(name: &str, entries: Option<(Vec<&'static str>, usize)>) -> String {
    entries.map_or_else(String::new, |(entries, form)| format!("{name} = {}\n", list(&entries, form, name)))
}

fn some_of(all: &'static [&'static str]) -> impl Strategy<Value = Option<(Vec<&'static str>, usize)>> {
    some_in(all, FORMS.0)
}

fn some_in(
    all: &'static [&'static str],
    forms: usize,
) -> impl Strategy<Value = Option<(Vec<&'static str>, usize)>> {
    prop::option::of((prop::sample::subsequence(all.to_vec(), 0..=all.len()), 0..forms))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn for_any_rights_and_request_the_change_lets_it_pass_and_keeps_the_rest(
        gate in some_of(&NETWORKS),
        project in (some_of(&SCOPES), some_of(&MODELS), some_of(&NETWORKS)),
        key in (some_of(&SCOPES), some_of(&MODELS), some_of(&NETWORKS)),
        upstream in some_in(&MODELS, FORMS.1),
        switches in prop::collection::vec(any::<bool>(), 6),
        address in prop::sample::select(vec!["10.1.2.3", "127.0.0.1", "2001:db8::5", "192.0.2.1", "::ffff:10.1.2.3"]),
        path in prop::sample::select(vec!["/v1/chat/completions", "/v1/embeddings", "/v1/responses", "/openai/v1/chat/completions"]),
        model in prop::sample::select(vec!["gpt-4o", "gpt-4o-mini", "text-embedding-3-small", "o3", "ft:x:y::z"]),
        apart in any::<bool>(),
    ) {
        let line = |at: usize, line: &str| if switches[at] { format!("{line} # switch-{at}\n") } else { String::new() };
        let digest = "0".repeat(64);
        let main = format!(
            "# first\n[server]\n{}[upstreams.openai]\nprovider = \"openai\"\n{}credentials = [{{ id = \"main\", secret = \"env:K\" }}]\n\
             [upstreams.gemini] # gemini\nprovider = \"gemini\"\ncredentials = [{{ id = \"main\", secret = \"env:K\" }}]\n\n\
             # who\n[projects.\"se.arch\"]\nupstreams = [{}] # upstreams\n{}{}{}{}",
            written("allow_ips", gate),
            written("models", upstream),
            if switches[0] { "\"gemini\"" } else { "\"openai\", \"gemini\"" },
            line(1, "enabled = false"),
            written("scopes", project.0),
            written("models", project.1),
            written("allow_ips", project.2),
        );
        let keys = format!(
            "# keys\n[[projects.\"se.arch\".keys]]\nid = \"other\"\nsha256 = \"{}\"\n\n[[projects.\"se.arch\".keys]]\nid = \"{KEY_ID}\" # id\n\
             sha256 = \"{digest}\"\n{}{}{}{}{}{}# end\n",
            "1".repeat(64),
            line(2, "revoked = true"),
            line(3, "expires = 2020-01-01"),
            if switches[3] { String::new() } else { line(4, "not_before = 2999-01-01") },
            written("scopes", key.0),
            written("models", key.1),
            written("allow_ips", key.2),
        );
        let texts = if apart {
            vec![("portcullis.toml", main), ("conf.d/keys.toml", keys)]
        } else {
            vec![("portcullis.toml", main + "\n" + &keys)]
        };
        let sources = |texts: &[(&str, String)]| {
            let texts: Vec<(String, String)> = texts.iter().map(|(n, t)| ((*n).to_owned(), t.clone())).collect();
            Sources::from_texts(texts, [("K".to_owned(), "sk-x".to_owned())])
        };
        let question = Question {
            key: 1,
            address: address.parse().unwrap(),
            method: http::Method::POST,
            target: path.parse().unwrap(),
            model: Some(model.to_owned()),
            max_tokens: None,
            headers: Vec::new(),
        };
        let now = Moment::now();
        let proposed = change(&sources(&texts), KEY_ID, &question, None, Known::All, now);
        let proposed = proposed.map_err(|why| TestCaseError::fail(format!("{why}\n{texts:#?}")))?;
        let mut after = texts.clone();
        for changed in &proposed.files {
            let (_, text) = after.iter_mut().find(|(name, _)| *name == changed.file).unwrap();
            prop_assert_eq!(&patched(text, &changed.diff), &changed.text);
            text.clone_from(&changed.text);
        }
        let loaded = config::load_at(&sources(&after), &Registry::new(now), now);
        let loaded = loaded.map_err(|faults| TestCaseError::fail(format!("{faults}\n{after:#?}")))?;
        let verdict = explain(&loaded.snapshot, &question, now);
        prop_assert!(verdict.denied.is_none(), "{:?}\n{:#?}", verdict, after);
        for ((_, before), (_, after)) in texts.iter().zip(&after) {
            for comment in before.split('#').skip(1).filter_map(|rest| rest.lines().next()) {
                let comment = format!("#{comment}");
                prop_assert_eq!(before.matches(&comment).count(), after.matches(&comment).count(), "{}\n{}", comment, after);
            }
        }
        // What passes already needs no change.
        let again = change(&sources(&after), KEY_ID, &question, None, Known::All, now).unwrap();
        prop_assert!(again.files.is_empty() && again.breaks.is_empty());
    }
}
