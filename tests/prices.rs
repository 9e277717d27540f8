//! `[prices]` of the configuration, and `portcullis prices`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where it cannot go on")]

use std::fmt::Write as _;
use std::process::{Command, Output};

use portcullis::clock::Moment;
use portcullis::config::{Faults, Loaded, Sources, load_at};
use portcullis::limits::Registry;
use portcullis::money::Money;
use portcullis::prices::{Kind, Price};
use portcullis::usage::Usage;

const BASE: &str = r#"[upstreams.openai]
provider = "openai"
credentials = [{ id = "main", secret = "env:OPENAI_API_KEY" }]

[upstreams.local]
provider = "vllm"
base_url = "http://127.0.0.1:8000"

[projects.search]
upstreams = ["openai"]
scopes = ["chat"]
models = ["*"]
allow_ips = ["10.20.0.0/16"]

[[projects.search.keys]]
id = "search-prod"
sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

"#;

fn load(more: &str) -> Result<Loaded, Faults> {
    let text = format!("{BASE}{more}");
    let sources = Sources::from_texts([("portcullis.toml", &*text)], [("OPENAI_API_KEY", "sk-test")]);
    load_at(&sources, &Registry::new(Moment::now()), Moment::now())
}

fn price(more: &str, upstream: &str, model: &str) -> Option<Price> {
    let snapshot = load(more).unwrap_or_else(|faults| panic!("{}", faults.render_text())).snapshot;
    let upstream = snapshot.upstream_named(upstream).unwrap();
    snapshot.prices.find(upstream, model, None, Moment::now()).map(|price| (*price).clone())
}

#[test]
fn amounts_are_read_exactly_as_numbers_and_as_texts() {
    for (written, pico) in [
        ("\"2.50\"", 2_500_000_000_000u64),
        ("2.50", 2_500_000_000_000),
        ("2", 2_000_000_000_000),
        ("0.1", 100_000_000_000),
        ("0.3", 300_000_000_000),
        ("1e-3", 1_000_000_000),
        ("0.000000000001", 1),
        ("\"0.000000000001\"", 1),
        ("1234.567890123", 1_234_567_890_123_000),
        ("\"1234.567890123456\"", 1_234_567_890_123_456),
    ] {
        let price = price(&format!("[prices.\"openai/m\"]\ninput = {written}"), "openai", "m").unwrap();
        assert_eq!(price.listed(Kind::Input), Some(Money::picodollars(pico)), "{written}");
    }
}

#[test]
fn an_override_takes_the_place_of_the_whole_price() {
    let toml = "[prices.\"openai/gpt-4o*\"]\ninput = \"1.00\"\noutput = 4";
    let own = price(toml, "openai", "gpt-4o").unwrap();
    let usage = Usage { input: 1_000_000, cached: 500_000, output: 1_000_000, ..Usage::default() };
    assert_eq!(own.of(&usage).to_string(), "5.00", "what is cached costs what other input does");
    let listed = price("", "openai", "gpt-4o").unwrap();
    assert_eq!(listed.of(&usage).to_string(), "11.875");
    assert_eq!(price("", "local", "gpt-4o"), None, "nobody knows what a server of one's own costs");
    assert!(price("[prices.\"local/*\"]\nfree = true", "local", "gpt-4o").unwrap().is_free());
    assert_eq!(price("[prices.\"vllm/*\"]\nlike = \"openai\"", "local", "gpt-4o"), Some(listed.clone()));
    assert_eq!(price("[prices.\"*/mine\"]\nlike = \"openai/gpt-4o\"", "local", "mine"), Some(listed));
    assert_eq!(price("[prices.\"*/mine\"]\nlike = \"openai\"", "local", "mine"), None);
}

#[test]
fn an_override_knows_its_line() {
    let loaded = load("[prices.\"openai/gpt-4o*\"]\ninput = 1").unwrap();
    let decides = loaded.snapshot.prices.overriding(1, "gpt-4o").unwrap();
    let rule = loaded.snapshot.rule(decides.rule).unwrap();
    assert_eq!((&*rule.path, &*rule.at), ("prices.\"openai/gpt-4o*\"", "portcullis.toml:19"));
    assert!(loaded.snapshot.prices.overriding(0, "gpt-4o").is_none(), "upstreams are in the order of names");
}

#[test]
fn every_kind_of_mistake_in_a_price() {
    let mut out = String::new();
    for toml in [
        "[prices.gpt-4o]\ninput = 1",
        "[prices.\"opnai/gpt-4o\"]\ninput = 1",
        "[prices.\"openai/\"]\ninput = 1",
        "[prices.\"openai/gpt-4o\"]",
        "[prices.\"openai/gpt-4o\"]\nfree = false",
        "[prices.\"openai/gpt-4o\"]\nfree = true\ninput = 1",
        "[prices.\"openai/gpt-4o\"]\nlike = \"openai/gpt-nothing\"",
        "[prices.\"openai/gpt-4o\"]\nlike = \"nobody\"",
        "[prices.\"openai/gpt-4o\"]\ninput = -1",
        "[prices.\"openai/gpt-4o\"]\ninput = \"$2.50\"",
        "[prices.\"openai/gpt-4o\"]\ninput = 0.1234567890123456789",
        "[prices.\"openai/gpt-4o\"]\ninput = true",
        "[prices.\"openai/gpt-4o\"]\ninputs = 1",
        "[prices]\n\"openai/gpt-4o\" = 5",
    ] {
        let faults = load(toml).unwrap_err();
        let _ = writeln!(out, "{}", faults.render_text());
        assert_eq!(faults.0.len(), 1, "{toml}: {}", faults.render_text());
    }
    insta::assert_snapshot!(out);
}

fn portcullis(arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(arguments)
        .env("OPENAI_API_KEY", "sk-test")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[test]
fn the_list_is_shown_with_the_overrides() {
    let config = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("prices-shown.toml");
    std::fs::write(&config, format!("{BASE}[prices.\"openai/gpt-4o-x\"]\ninput = 1\noutput = \"2.5\"\n"))
        .unwrap();
    let config = config.to_str().unwrap();
    let (code, text, error) = portcullis(&["prices", "openai/gpt-4o*", "--config", config]);
    assert_eq!((code, &*error), (0, ""));
    let line = |model: &str| {
        let mut lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        lines.find(|words| words.get(1) == Some(&model)).unwrap_or_else(|| panic!("{text}"))
    };
    assert_eq!(line("model"), ["seller", "model", "input", "cached", "output", "also", "source"]);
    let day = portcullis::prices::title().rsplit(' ').next().unwrap();
    assert_eq!(line("gpt-4o")[..5], ["openai", "gpt-4o", "2.50", "1.25", "10.00"]);
    assert_eq!(line("gpt-4o").last(), Some(&day));

    let (_, text, _) = portcullis(&["prices", "gpt-4o-x", "--config", config, "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["prices"][0]["source"], "prices-shown.toml:19");
    assert_eq!(json["prices"][0]["usd"], serde_json::json!({ "input": "1.00", "output": "2.50" }));

    let (_, text, _) = portcullis(&["prices", "anthropic/*", "--format", "csv"]);
    assert!(
        text.lines().count() > 10
            && text.lines().all(|line| line.starts_with("seller,") || line.starts_with("anthropic,"))
    );

    let (_, text, _) = portcullis(&["prices", "--notice"]);
    assert!(text.contains("The MIT License") && text.contains("Pydantic Services Inc."), "{text}");

    let (code, text, error) = portcullis(&["prices", "no-such-model"]);
    assert_eq!((code, &*text), (1, ""));
    assert!(error.contains("[prices."), "{error}");
}

#[test]
fn lists_are_compared() {
    let list = include_str!("../src/prices/prices.txt");
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("prices-other.txt");
    let path = file.to_str().unwrap();
    std::fs::write(&file, list).unwrap();
    assert_eq!(portcullis(&["prices", "diff", path]), (0, "no difference\n".to_owned(), String::new()));

    let line = list.lines().find(|line| line.starts_with("gpt-4o\t")).unwrap();
    let changed = list.replace(line, &line.replace("input=2.5", "input=3").replace("cached=1.25 ", ""));
    std::fs::write(
        &file,
        changed.replace("\n> anthropic", "\n> newcomer hosts=api.example\nm\t.\tinput=1\n> anthropic"),
    )
    .unwrap();
    let (code, text, _) = portcullis(&["prices", "diff", path]);
    assert_eq!(code, 1);
    let squeezed =
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>();
    assert_eq!(
        squeezed,
        [
            "seller model change",
            "newcomer m new: input 1.00",
            "openai gpt-4o input 2.50 -> 3.00, cached 1.25 is gone",
        ]
    );

    std::fs::write(&file, "nothing of the kind").unwrap();
    let (code, _, error) = portcullis(&["prices", "diff", path]);
    assert_eq!(code, 2);
    assert!(error.contains("is no price list"), "{error}");
}
