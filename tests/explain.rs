//! `portcullis explain` says what the gate says: the same verdict, reason, rule and mend.

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

use std::sync::Arc;

use cases::{ROUTES, Route};
use common::{OK, Setup, Upstream};
use portcullis::clock::Moment;
use portcullis::denial::Reason;
use portcullis::dialect::Dialect;
use portcullis::explain::{Question, STAGES, Verdict, explain};
use portcullis::snapshot::Snapshot;
use proptest::prelude::*;

/// What `explain` says to a route's request, with the headers that the dialect's SDK sends.
fn asked(
    snapshot: &Arc<Snapshot>,
    route: &Route,
    method: &str,
    target: &str,
    model: Option<&str>,
) -> Verdict {
    let anthropic = route.dialect == Dialect::Anthropic;
    let version = (http::HeaderName::from_static("anthropic-version"), "2023-06-01".parse().unwrap());
    let in_path = route.dialect == Dialect::Gemini;
    let question = Question {
        key: snapshot.keys.iter().position(|key| &*key.id == "search-prod").unwrap(),
        address: "127.0.0.1".parse().unwrap(),
        method: method.parse().unwrap(),
        target: target.parse().unwrap(),
        model: model.filter(|_| !in_path).map(str::to_owned),
        max_tokens: None,
        headers: anthropic.then_some(version).into_iter().collect(),
    };
    explain(snapshot, &question, Moment::now())
}

#[test]
fn each_refusal_that_a_configuration_decides_is_explained_as_the_record_tells_it() {
    use Reason::{
        AddressNotAllowed, EndpointUnknown, KeyExpired, KeyNotYetValid, KeyRevoked, MethodNotAllowed,
        ModelNotAllowed, ProjectDisabled, ScopeMissing, UpstreamAmbiguous, UpstreamNotAllowed,
    };
    let decided = [
        AddressNotAllowed,
        KeyExpired,
        KeyRevoked,
        KeyNotYetValid,
        ProjectDisabled,
        EndpointUnknown,
        MethodNotAllowed,
        UpstreamNotAllowed,
        UpstreamAmbiguous,
        ScopeMissing,
        ModelNotAllowed,
    ];
    let mut met = std::collections::HashSet::new();
    for case in cases::all().iter().filter(|case| decided.contains(&case.reason)) {
        for route in case.routes() {
            let driven = case.drive(route);
            let record = driven.record();
            let snapshot = driven.gate.shared().snapshot.load_full();
            let (method, target) = (case.target)(route);
            let model = record["model"].as_str().unwrap_or(route.model);
            let verdict = asked(&snapshot, route, method, target, Some(model));
            let told = verdict.denied.unwrap_or_else(|| panic!("{} was allowed", case.name(route)));
            assert_eq!(told.denial.reason, case.reason, "{}", case.name(route));
            assert_eq!(record["rule"], told.rule.as_str(), "{}", case.name(route));
            assert_eq!(record["rule_at"].as_str().unwrap_or_default(), told.at, "{}", case.name(route));
            assert_eq!(record["hint"], told.hint.as_str(), "{}", case.name(route));
            assert!(driven.answer.text().contains(&told.message), "{}", case.name(route));
            met.insert(case.reason.code());
        }
    }
    assert_eq!(met.len(), decided.len());
}

#[test]
fn what_is_allowed_passes_every_stage() {
    let gate = Setup::new("127.0.0.1:9").start();
    let _lines = tracing::dispatcher::set_default(&gate.gate.dispatch());
    let snapshot = gate.shared().snapshot.load_full();
    for route in &ROUTES {
        let verdict = asked(&snapshot, route, "POST", route.path, Some(route.model));
        assert!(verdict.denied.is_none(), "{verdict:?}");
        assert_eq!(verdict.passed, STAGES.len());
        assert_eq!(
            (verdict.upstream.as_deref(), verdict.endpoint.map(|endpoint| endpoint.name)),
            (Some(route.upstream), Some(route.endpoint))
        );
    }
    // Nothing of it is told as if it had been a request.
    assert!(gate.records().is_empty());
}

fn upstream() -> Upstream {
    Upstream::start(|talk| {
        while talk.request().is_some() {
            if talk.send(OK).is_err() {
                return;
            }
        }
    })
}

/// A list as it is written, enforced or only observed.
fn list(entries: &[&str], observed: bool) -> String {
    if observed { format!("{{ list = {entries:?}, mode = \"observe\" }}") } else { format!("{entries:?}") }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn for_any_rights_and_request_all_that_tell_of_it_say_the_same(
        scopes in prop::sample::subsequence(vec!["chat", "embeddings", "responses"], 0..=3),
        models in prop::sample::subsequence(vec!["gpt-4o", "gpt-4o-*", "text-*"], 0..=3),
        of_key in prop::option::of(prop::sample::subsequence(vec!["gpt-4o", "gpt-4o-*", "text-*"], 0..=3)),
        addresses in prop::sample::subsequence(vec!["127.0.0.0/8", "10.0.0.0/8"], 1..=2),
        observed in prop::array::uniform4(prop::bool::weighted(0.3)),
        path in prop::sample::select(vec!["/v1/chat/completions", "/v1/embeddings", "/v1/responses", "/v1/nothing"]),
        model in prop::sample::select(vec!["gpt-4o", "gpt-4o-mini", "text-embedding-3-small", "o3"]),
        enabled in prop::bool::weighted(0.9),
    ) {
        let upstream = upstream();
        let store = std::env::temp_dir().join(format!("portcullis-agreement-{}.db", std::process::id()));
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{end}", store.display()));
        }
        let mut setup = Setup::new(upstream.address)
            .set("store", "path", &format!("{store:?}"))
            .set("server", "allow_ips", r#""any""#)
            .set("projects.search", "scopes", &list(&scopes, observed[0]))
            .set("projects.search", "models", &list(&models, observed[1]))
            .set("projects.search", "allow_ips", &list(&addresses, observed[2]))
            .set("projects.search", "enabled", if enabled { "true" } else { "false" });
        if let Some(of_key) = &of_key {
            setup = setup.set("[projects.search.keys]", "models", &list(of_key, observed[3]));
        }
        let gate = setup.start();
        let body = format!(r#"{{"model":"{model}"}}"#);
        let answer = gate.ask(ROUTES[0].request("POST", path, &gate.setup.client_key, &[], &body));
        let snapshot = gate.shared().snapshot.load_full();
        let verdict = asked(&snapshot, &ROUTES[0], "POST", path, Some(model));
        // To the client.
        let reason = verdict.denied.as_ref().map(|told| told.denial.reason.code());
        prop_assert_eq!(answer.reason(), reason);
        prop_assert_eq!(answer.status == 200, verdict.denied.is_none());
        // In the record.
        let record = gate.record();
        prop_assert_eq!(record["reason"].as_str(), reason);
        if let Some(told) = &verdict.denied {
            prop_assert_eq!(record["rule_at"].as_str().unwrap_or_default(), &told.at);
            prop_assert_eq!((&record["rule"], &record["hint"]), (&told.rule.as_str().into(), &told.hint.as_str().into()));
        }
        let would: Vec<(&str, &str)> = verdict.would_deny.iter().map(|told| (told.denial.reason.code(), &*told.rule)).collect();
        let told: Vec<(&str, &str)> = record["would_deny"]
            .as_array()
            .map(|all| all.iter().map(|one| (one["reason"].as_str().unwrap(), one["rule"].as_str().unwrap())).collect())
            .unwrap_or_default();
        prop_assert_eq!(&told, &would);
        // In the metrics.
        let (outcome, label) = if reason.is_some() { ("denied", reason.unwrap_or_default()) } else { ("served", "") };
        prop_assert_eq!(gate.counted(&[&format!("outcome=\"{outcome}\""), &format!("reason=\"{label}\"")]), 1);
        let metrics = gate.metrics();
        for (reason, _) in &would {
            let many = would.iter().filter(|(other, _)| other == reason).count();
            let sample = format!("portcullis_would_deny_total{{project=\"search\",reason=\"{reason}\"}} {many}");
            prop_assert!(metrics.contains(&sample), "{}", sample);
        }
        // In the store, and when it is judged again.
        prop_assert_eq!(gate.stop(), portcullis::run::Ended::Drained);
        let reader = portcullis::store::read::Reader::open(&store).unwrap();
        let decided = reader.decisions(None, 0).unwrap();
        prop_assert_eq!((decided.len(), decided[0].denied.as_str()), (1, reason.unwrap_or_default()));
        prop_assert_eq!(decided[0].would_deny.as_str(), would.first().map_or("", |(reason, _)| reason));
        let plan = portcullis::plan::Plan::make(&decided, &[], None, &snapshot, Moment::now());
        prop_assert!(plan.judged == 1 && plan.changes.iter().all(|change| change.after == "allowed, if its model is"), "{:?}", plan);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn for_any_route_it_says_what_the_gate_says(
        route in prop::sample::select(ROUTES.to_vec()),
        which in 0usize..5,
        upstreams in prop::sample::subsequence(vec!["openai", "anthropic", "gemini", "second"], 0..=4),
        scopes in prop::sample::subsequence(vec!["chat", "tokens", "models:read"], 1..=3),
        models in prop::sample::subsequence(vec!["gpt-*", "claude-*", "gemini-*"], 1..=3),
        second in prop::sample::select(vec!["openai", "anthropic", "gemini"]),
        key in prop::option::of(prop::sample::select(vec!["claude-sonnet-4-5", "gemini-2.5-flash", "other"])),
    ) {
        let upstream = upstream();
        let mut setup = Setup::new(upstream.address)
            .upstream("second", second, &format!("http://{}", upstream.address))
            .set("projects.search", "upstreams", &format!("{upstreams:?}"))
            .set("projects.search", "scopes", &format!("{scopes:?}"))
            .set("projects.search", "models", &format!("{models:?}"));
        if let Some(key) = key {
            setup = setup.set("[projects.search.keys]", "models", &format!("[{key:?}]"));
        }
        let gate = setup.start();
        let prefixed = format!("/{}{}", route.upstream, route.path);
        let (method, target) = match which {
            0 => ("POST", route.path.to_owned()),
            1 => ("GET", route.list.to_owned()),
            2 => ("GET", format!("{}/{}", route.list, route.model)),
            3 => ("POST", prefixed),
            _ => ("DELETE", route.list.to_owned()),
        };
        let body = if method == "POST" { route.body } else { "" };
        let answer = gate.ask(route.request(method, &target, &gate.setup.client_key, &[], body));
        let verdict = asked(&gate.shared().snapshot.load_full(), &route, method, &target, Some(route.model));
        // The upstream of this test has no list of models to give, which is not the gate's decision.
        let failed = [Reason::UpstreamInvalid.code(), Reason::UpstreamUnreachable.code()];
        let reason = verdict.denied.as_ref().map(|told| told.denial.reason.code());
        prop_assert_eq!(answer.reason().filter(|reason| !failed.contains(reason)), reason, "{} {}", method, target);
        let record = gate.record();
        prop_assert_eq!(record["endpoint"].as_str(), verdict.endpoint.map(|endpoint| endpoint.name));
        prop_assert_eq!(record["upstream"].as_str(), verdict.upstream.as_deref());
        if let Some(told) = &verdict.denied {
            prop_assert_eq!(&record["rule"], told.rule.as_str());
            prop_assert_eq!(&record["hint"], told.hint.as_str());
        }
    }
}

/// Runs the program with something on its standard input.
fn program(arguments: &[&str], input: &str) -> (i32, String) {
    use std::io::Write as _;
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .arg("explain")
        .args(arguments)
        .env("UPSTREAM", "sk-x")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), said)
}

#[test]
fn the_command_tells_each_stage_and_takes_a_record() {
    let file = std::env::temp_dir().join(format!("portcullis-explain-{}.toml", std::process::id()));
    let digest = "0".repeat(64);
    let text = format!(
        "[upstreams.openai]\nprovider = \"openai\"\ncredentials = [{{ id = \"main\", secret = \"env:UPSTREAM\" }}]\n\
         [projects.search]\nupstreams = [\"openai\"]\nscopes = [\"chat\"]\nmodels = [\"gpt-4o-mini\"]\n\
         allow_ips = [\"203.0.113.0/24\"]\n[[projects.search.keys]]\nid = \"search-prod\"\nsha256 = \"{digest}\"\n"
    );
    std::fs::write(&file, text).unwrap();
    let path = file.to_str().unwrap();
    let of = |model| {
        let (key, ip) = ("search-prod", "203.0.113.9");
        vec!["--config", path, "--key-id", key, "--ip", ip, "POST", "/v1/chat/completions", "--model", model]
    };
    let (code, said) = program(&of("gpt-4o-mini"), "");
    assert_eq!((code, said.matches('✓').count()), (0, STAGES.len()), "{said}");
    let (code, said) = program(&of("gpt-4o"), "");
    assert_eq!((code, said.matches('✓').count()), (1, STAGES.len() - 2), "{said}");
    assert!(said.contains("reason  model_not_allowed"), "{said}");
    assert!(said.contains("rule    projects.search.models ("), "{said}");
    assert!(said.contains("mend    add \"gpt-4o\" to projects.search.models"), "{said}");

    let record = r#"{"event":"denied","key_id":"search-prod","client_ip":"10.0.0.1","method":"POST","path":"/v1/chat/completions","model":"gpt-4o-mini"}"#;
    let (code, said) = program(&["--config", path, "--record", "-", "--format", "json"], record);
    let told: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &told["denied"]["reason"]), (1, &"ip_not_allowed".into()), "{said}");

    for (input, why) in
        [(r#"{"reason":"key_missing"}"#, "names no key (key_missing)"), ("no JSON", "is not one record")]
    {
        let (code, said) = program(&["--config", path, "--record", "-"], input);
        assert!(code == 2 && said.contains(why), "{said}");
    }
    let header = |given: &'static str| program(&[&of("gpt-4o-mini")[..], &["--header", given]].concat(), "");
    let (code, said) = header("content-encoding: gzip");
    assert!(code == 1 && said.contains("reason  content_encoding_unsupported"), "{said}");
    // One that the request has anyway is replaced.
    let (code, said) = header("content-type: text/plain");
    assert!(code == 1 && said.contains("reason  content_type_unsupported"), "{said}");
    assert_eq!(header("Content-Type: application/json; charset=utf-8").0, 0);
    for wrong in ["anthropic-version", "a b: c", "a: \u{7f}"] {
        let (code, said) = header(wrong);
        assert!(code == 2 && said.contains("invalid value"), "{said}");
    }
    let mut wrong = of("gpt-4o");
    wrong[3] = "search-prd";
    let (code, said) = program(&wrong, "");
    assert!(code == 2 && said.contains("did you mean 'search-prod'?"), "{said}");
    let _ = std::fs::remove_file(file);
}

#[test]
fn a_form_is_explained_as_well() {
    let upstream = Upstream::answering(OK);
    let gate = Setup::new(upstream.address).set("projects.search", "models", r#"["whisper-1"]"#).start();
    let snapshot = gate.shared().snapshot.load_full();
    let ask = |target: &str, model: Option<&str>| {
        let verdict = asked(&snapshot, &ROUTES[0], "POST", target, model);
        verdict.denied.map(|told| told.denial.reason)
    };
    let transcriptions = "/v1/audio/transcriptions";
    assert_eq!(ask(transcriptions, Some("whisper-1")), None);
    assert_eq!(ask(transcriptions, Some("whisper-2")), Some(Reason::ModelNotAllowed));
    assert_eq!(ask(transcriptions, None), Some(Reason::ModelMissing));
    assert_eq!(ask("/v1/realtime/calls", Some("whisper-1")), None);
    assert_eq!(ask("/v1/files", None), None);
    assert_eq!(ask("/v1/batches", None), Some(Reason::ModelUnknowable));
}
