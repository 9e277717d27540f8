//! `[[expect]]`: how it is written, and that a configuration which breaks one is never in force.
//!
//! `snapshots/expect__*.snap` show how each mistake and each broken expectation is told.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use common::{OK, Running, Setup, Upstream};
use portcullis::clock::Moment;
use portcullis::command::check::{self, Format};
use portcullis::config::{self, Severity};
use portcullis::expect;
use portcullis::limits::Registry;
use portcullis::reload::Watch;
use serde_json::Value;

/// An expectation with a request that the usual configuration allows.
fn expecting(says: &str) -> String {
    with("", says)
}

/// The same with other or further parts of the request.
fn with(parts: &str, says: &str) -> String {
    let mut request = vec![
        ("key_id", "\"search-prod\""),
        ("ip", "\"127.0.0.1\""),
        ("method", "\"POST\""),
        ("path", "\"/v1/chat/completions\""),
        ("model", "\"gpt-4o-mini\""),
    ];
    let parts: Vec<(&str, &str)> = parts.split("; ").filter_map(|part| part.split_once(" = ")).collect();
    request.retain(|(name, _)| parts.iter().all(|(other, _)| name != other));
    request.extend(parts.iter().filter(|(_, value)| !value.is_empty()));
    let request: Vec<String> = request.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    format!("\n[[expect]]\nrequest = {{ {} }}\n{says}\n", request.join(", "))
}

fn setup() -> Setup {
    Setup::new("127.0.0.1:9")
}

/// What is told about the expectations of a setup, without the file's other lines.
fn told(setup: &Setup) -> String {
    let now = Moment::now();
    match expect::load_at(&setup.sources(), &Registry::new(now), now) {
        Ok(loaded) => format!("{} hold\n", loaded.expectations.len()),
        Err(faults) => {
            assert!(faults.0.iter().all(|fault| fault.severity == Severity::Error && fault.place.is_some()));
            faults.render_text() + "\n"
        }
    }
}

#[test]
fn every_kind_of_mistake_is_told_with_its_place() {
    let cases = [
        "\n[[expect]]\n".to_owned(),
        expecting(""),
        expecting("allow = true\ndeny = true"),
        expecting("allow = false"),
        expecting("deny = false"),
        expecting("allow = \"yes\""),
        expecting("deny = 5"),
        expecting("deny = \"modle_not_allowed\""),
        expecting("deny = \"rate_limited\""),
        expecting("denny = true"),
        with("key_id = \"search-prd\"", "allow = true"),
        with("key_id = ", "allow = true"),
        with("key = \"search-prod\"; key_id = ", "allow = true"),
        with("ip = \"127.0.0.0/8\"", "allow = true"),
        with("method = \"post\"", "allow = true"),
        with("method = \"FETCH\"", "allow = true"),
        with("path = \"v1/chat/completions\"", "allow = true"),
        with("path = \"/v1/a b\"", "allow = true"),
        with("modle = \"gpt-4o\"", "allow = true"),
        with("headers = { \"a b\" = \"x\" }", "allow = true"),
        "\n[[expect]]\nrequest = \"POST /v1/chat/completions\"\nallow = true\n".to_owned(),
    ];
    let all: String = cases.iter().map(|case| told(&setup().more(case))).collect();
    insta::assert_snapshot!(all);
}

#[test]
fn what_does_not_hold_is_told_with_what_the_gate_says_instead() {
    let narrow = || setup().set("projects.search", "models", r#"["gpt-4o-mini"]"#);
    let name = |expectation: String| expectation.replace("]]\n", "]]\nname = \"small models only\"\n");
    let cases = [
        with("model = \"o3\"", "allow = true"),
        name(with("model = \"o3\"", "deny = \"scope_missing\"")),
        name(expecting("deny = \"model_not_allowed\"")),
        expecting("deny = true"),
        with("path = \"/v1/nothing\"", "allow = true"),
        // Each that does not hold, in one go.
        expecting("deny = true") + &expecting("allow = true") + &with("model = \"o3\"", "allow = true"),
    ];
    let all: String = cases.iter().map(|case| told(&narrow().more(case))).collect();
    insta::assert_snapshot!(all);
}

#[test]
fn what_is_offered_in_place_of_an_expectation_holds() {
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("expect-offered.db");
    let ceiling = setup().set("projects.search", "parameters", "{ max_tokens = 100 }");
    let budget = setup().set("projects.search", "limits", r#"{ budget = "5 USD/day" }"#).set(
        "store",
        "path",
        &format!("{:?}", file.display().to_string()),
    );
    let socket = "method = \"GET\"; path = \"/v1/realtime?model=gpt-4o-mini\"; model = ; headers = { upgrade = \"websocket\" }";
    for (setup, parts, code) in [
        (ceiling, "", "parameter_not_allowed"),
        (budget, "model = \"nobodys-own\"", "cost_unknown"),
        // A handshake is the client's: only that it is refused can be expected.
        (setup(), socket, "handshake_invalid"),
    ] {
        let told = told(&setup.clone().more(&with(parts, "allow = true")));
        assert!(told.contains(&format!("refuses this request with {code}")), "{told}");
        let (_, offered) = told.rsplit_once("or write ").unwrap();
        let (offered, _) = offered.split_once(" if the refusal is meant").unwrap();
        let instead = self::told(&setup.clone().more(&with(parts, offered)));
        assert_eq!(instead, "1 hold\n", "{offered}");
        let wrong = self::told(&setup.more(&with(parts, "deny = \"key_revoked\"")));
        assert!(wrong.contains(&format!("write {offered} if this reason is meant")), "{wrong}");
    }
}

#[test]
fn how_long_an_answer_may_be_can_be_said() {
    let ceiling = setup().set("projects.search", "parameters", "{ max_tokens = 100 }");
    let says =
        |most: &str, says: &str| told(&ceiling.clone().more(&with(&format!("max_tokens = {most}"), says)));
    assert_eq!(says("100", "allow = true"), "1 hold\n");
    assert_eq!(says("101", "deny = \"parameter_not_allowed\""), "1 hold\n");
    let told = says("101", "allow = true");
    assert!(told.contains("it asks for up to 101 tokens, and 100 are allowed"), "{told}");
    assert!(says("\"many\"", "allow = true").contains("write it like `max_tokens = 4096`"));
}

#[test]
fn what_holds_is_counted() {
    let fine =
        setup().set("projects.search", "models", r#"["gpt-4o-mini"]"#).more(&expecting("allow = true"));
    let fine = fine.more(&with("model = \"o3\"", "deny = \"model_not_allowed\""));
    let fine = fine.more(&with("ip = \"192.0.2.1\"", "deny = true"));
    let fine = fine.more(&with("method = \"GET\"; path = \"/v1/models\"; model = ", "allow = true"));
    let headers = "headers = { anthropic-version = \"2023-06-01\" }";
    let fine = fine.more(&with(
        &format!("method = \"GET\"; path = \"/v1/models?limit=5\"; model = ; {headers}"),
        "allow = true",
    ));
    assert_eq!(told(&fine), "5 hold\n");
    let text = check::check(&fine.sources(), Format::Text);
    assert!(text.exit_code == 0 && text.text.contains("; 5 expectations hold; sha256:"), "{}", text.text);
    let json: Value = serde_json::from_str(&check::check(&fine.sources(), Format::Json).text).unwrap();
    assert_eq!(json["expectations"], 5);
}

#[test]
fn check_has_what_does_not_hold_among_the_faults() {
    let broken = setup().more(&expecting("deny = true"));
    let line = broken.text().lines().position(|line| line == "deny = true").unwrap() + 1;
    let text = check::check(&broken.sources(), Format::Text);
    assert!(
        text.exit_code == 2 && text.text.contains(&format!("portcullis.toml:{line}:8\n")),
        "{}",
        text.text
    );
    let json = check::check(&broken.sources(), Format::Json);
    let verdict: Value = serde_json::from_str(&json.text).unwrap();
    assert_eq!((json.exit_code, &verdict["ok"]), (2, &Value::Bool(false)));
    let fault = &verdict["faults"][0];
    assert_eq!((&fault["path"], &fault["place"]["line"]), (&"expect[0].deny".into(), &line.into()));
    assert!(fault["what"].as_str().unwrap().contains("the gate allows this request"), "{fault}");
}

#[test]
fn a_key_with_a_mistake_of_its_own_is_not_taken_for_unknown() {
    let broken =
        setup().set("[projects.search.keys]", "sha256", "\"too short\"").more(&expecting("allow = true"));
    let now = Moment::now();
    let faults = config::load_at(&broken.sources(), &Registry::new(now), now).unwrap_err();
    assert_eq!(faults.0.len(), 1, "{faults}");
}

#[test]
fn a_later_file_that_replaces_the_expectations_is_noticed() {
    let text = setup().more(&expecting("allow = true")).text();
    let later = expecting("allow = true");
    let sources = config::Sources::from_texts(
        [("a.toml", text.as_str()), ("b.toml", later.as_str())],
        [("PROVIDER_KEY", "sk-x")],
    );
    let now = Moment::now();
    let loaded = expect::load_at(&sources, &Registry::new(now), now).unwrap();
    assert_eq!(loaded.expectations.len(), 1);
    assert!(loaded.lints.iter().any(|lint| lint.path == "expect"), "{:?}", loaded.lints);
}

#[test]
fn limits_that_are_used_up_change_nothing_and_nothing_is_taken_from_them() {
    let upstream = Upstream::answering(OK);
    let setup = Setup::new(upstream.address).set("projects.search", "limits", r#"{ requests = "1/day" }"#);
    let gate = setup.more(&expecting("allow = true").repeat(3)).start();
    let reload =
        |gate: &Running| gate.gate.reload(&gate.setup.sources()).unwrap_or_else(|faults| panic!("{faults}"));
    gate.gate.put_in_force(reload(&gate));
    assert_eq!(gate.ask(gate.chat()).status, 200, "the expectations took nothing");
    assert_eq!(gate.ask(gate.chat()).reason(), Some("rate_limited"));
    gate.gate.put_in_force(reload(&gate));
}

#[test]
fn a_reload_that_breaks_one_is_refused_and_told() {
    let upstream = Upstream::answering(OK);
    let setup = Setup::new(upstream.address).more(&expecting("allow = true"));
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("expect-reload.toml");
    std::fs::write(&file, setup.text()).unwrap();
    let sources =
        config::Sources::at(&file).with_environment([("PROVIDER_KEY", setup.provider_key.as_str())]);
    let registry = std::sync::Arc::new(Registry::new(Moment::now()));
    let loaded = expect::load(&sources, &registry).unwrap_or_else(|faults| panic!("{faults}"));
    let mut watch = Watch::new(sources, &loaded);
    let written = common::Written::default();
    let gate = portcullis::run::Gate::start(loaded, registry, written.clone()).unwrap();
    let gate = Running { gate, setup, written };
    let _lines = tracing::dispatcher::set_default(&gate.gate.dispatch());

    let broken = gate.setup.clone().set("projects.search", "scopes", r#"["embeddings"]"#);
    std::fs::write(&file, broken.text()).unwrap();
    watch.apply(&gate.gate, "SIGHUP");
    assert_eq!(gate.ask(gate.chat()).status, 200, "the old one stays in force");
    let log = gate.log();
    assert_eq!(log[0]["event"], "configuration_fault", "{log:#?}");
    assert!(log[0]["what"].as_str().unwrap().contains("refuses this request with scope_missing"), "{log:#?}");
    assert!(log[0]["at"].as_str().unwrap().ends_with("expect-reload.toml:32:9"), "{log:#?}");
    assert!(log[1]["event"].as_str().unwrap().starts_with("configuration_kept"), "{log:#?}");
    assert!(gate.metrics().contains("portcullis_reloads_total{result=\"refused\"} 1\n"));
    assert_eq!(gate.records_when(1)[0]["event"], "served", "an expectation leaves no record");
}

#[test]
fn the_gate_does_not_start_with_one_that_does_not_hold() {
    let setup = setup().more(&expecting("deny = true"));
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("expect-serve.toml");
    std::fs::write(&file, setup.text()).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["serve", "--config", file.to_str().unwrap()])
        .env("PROVIDER_KEY", &setup.provider_key)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("the expectation does not hold: the gate allows this request"), "{said}");
    assert!(said.ends_with("portcullis does not start: the configuration has mistakes.\n"), "{said}");
    assert!(output.stdout.is_empty());
}
