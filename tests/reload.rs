//! A new configuration is taken as a whole or not at all, and a request sees one from end to end.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use std::path::PathBuf;

use common::setup::{new_key, sha256};
use common::{OK, Running, Setup, Upstream, post, until};
use portcullis::config::Sources;
use portcullis::reload::Watch;

const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const KEY: &str = "[projects.search.keys]";

/// Puts another configuration in force.
fn reload(gate: &Running, setup: &Setup) {
    let loaded = gate.gate.reload(&setup.sources()).unwrap_or_else(|faults| panic!("{faults}"));
    gate.gate.put_in_force(loaded);
}

fn reloads(gate: &Running, result: &str) -> bool {
    gate.metrics().contains(&format!("portcullis_reloads_total{{result=\"{result}\"}} 1\n"))
}

#[test]
fn a_new_configuration_is_in_force_for_the_next_request() {
    let upstream = Upstream::answering(OK);
    let gate = Setup::new(upstream.address).start();
    let mut client = gate.connect();
    client.send(gate.chat());
    assert_eq!(client.answer().status, 200);
    reload(&gate, &gate.setup.clone().set("projects.search", "models", r#"["another"]"#));
    client.send(gate.chat());
    assert_eq!(client.answer().reason(), Some("model_not_allowed"), "on the same connection");
    reload(&gate, &gate.setup);
    client.send(gate.chat());
    assert_eq!(client.answer().status, 200);
    let records = gate.records_when(3);
    assert_ne!(records[0]["config"], records[1]["config"]);
    assert_eq!(records[0]["config"], records[2]["config"]);
}

#[test]
fn a_broken_configuration_changes_nothing() {
    let upstream = Upstream::answering(OK);
    let gate = Setup::new(upstream.address).start();
    let broken = gate.setup.clone().set("projects.search", "scopes", r#"["caht"]"#).set("server", "x", "1");
    let faults = gate.gate.reload(&broken.sources()).expect_err("it is broken");
    assert_eq!(faults.0.len(), 2, "every mistake is told: {faults}");
    assert_eq!(gate.ask(gate.chat()).status, 200);
    assert!(reloads(&gate, "refused"), "{}", gate.metrics());
}

#[test]
fn a_refused_configuration_shows_none_of_its_budgets() {
    let upstream = Upstream::answering(OK);
    let path = format!("\"{}\"", common::fresh_path("shown").display());
    let with = |setup: Setup, budget: &str| {
        let limits = format!("{{ budget = \"{budget}\" }}");
        setup.set("store", "path", &path).set("projects.search", "limits", &limits)
    };
    let first = with(Setup::new(upstream.address), "5 USD/day");
    let gate = first.start();
    let shown = |gate: &Running, dollars: &str| {
        let line = format!("portcullis_budget_usd{{owner=\"projects.search\",window=\"day\"}} {dollars}");
        gate.metrics().contains(&line)
    };
    assert!(shown(&gate, "5.0"), "{}", gate.metrics());
    let next = with(gate.setup.clone(), "7 USD/day");
    gate.gate.reload(&next.clone().set("server", "x", "1").sources()).expect_err("it is broken");
    assert!(shown(&gate, "5.0"), "{}", gate.metrics());
    reload(&gate, &next);
    assert!(shown(&gate, "7.0"), "{}", gate.metrics());
    reload(&gate, &Setup::new(upstream.address));
    assert!(!gate.metrics().contains("portcullis_budget_usd{"));
}

#[test]
fn a_deleted_key_stops_working_and_a_new_one_begins() {
    let upstream = Upstream::answering(OK);
    let gate = Setup::new(upstream.address).start();
    assert_eq!(gate.ask(gate.chat()).status, 200);
    let key = new_key("search-next");
    let next = gate.setup.clone().set(KEY, "id", r#""search-next""#);
    reload(&gate, &next.set(KEY, "sha256", &format!("\"{}\"", sha256(&key))));
    assert_eq!(gate.ask(gate.chat()).reason(), Some("key_unknown"));
    assert_eq!(gate.ask(post("/v1/chat/completions", &key, common::CHAT)).status, 200);
}

#[test]
fn a_reload_neither_refills_a_quota_nor_forgets_a_slot() {
    let upstream = Upstream::start(|talk| {
        drop(talk.request());
        talk.closed();
    });
    let limits = r#"{ requests = "3/day", concurrency = 1 }"#;
    let gate = Setup::new(upstream.address).set("projects.search", "limits", limits).start();
    let other = |number: usize| gate.setup.clone().set("server", "max_body", &format!("{}", 1000 + number));

    let mut first = gate.connect();
    first.send(gate.chat());
    until("the first is upstream", || upstream.requests().len() == 1);
    reload(&gate, &other(1));
    assert_eq!(gate.ask(gate.chat()).reason(), Some("concurrency_limited"), "its slot is still taken");
    first.leave();
    gate.idle();
    for round in 2..4 {
        reload(&gate, &other(round));
        let mut next = gate.connect();
        next.send(gate.chat());
        until("the next is upstream", || upstream.requests().len() == round);
        next.leave();
        gate.idle();
    }
    reload(&gate, &other(4));
    assert_eq!(gate.ask(gate.chat()).reason(), Some("rate_limited"), "three were taken before");
    // Another quota is another meter.
    reload(&gate, &gate.setup.clone().set("projects.search", "limits", r#"{ requests = "9/day" }"#));
    let mut next = gate.connect();
    next.send(gate.chat());
    until("it is upstream", || upstream.requests().len() == 4);
}

#[test]
fn a_request_under_way_keeps_its_configuration() {
    let (lead, pieces) = std::sync::mpsc::channel::<&str>();
    let pieces = std::sync::Mutex::new(pieces);
    let upstream = Upstream::start(move |talk| {
        drop(talk.request());
        let pieces = pieces.lock().unwrap();
        while let Ok(piece) = pieces.recv() {
            talk.send(piece).unwrap();
        }
    });
    let gate = Setup::new(upstream.address).start();
    let before = gate.shared().snapshot.load().digest.clone();
    let mut client = gate.connect();
    client.send(gate.chat());
    lead.send(STREAM).unwrap();
    assert_eq!(client.head().status, 200);
    reload(&gate, &gate.setup.clone().set("projects.search", "enabled", "false"));
    assert_eq!(gate.ask(gate.chat()).reason(), Some("project_disabled"));
    lead.send("4\r\nlate\r\n0\r\n\r\n").unwrap();
    assert_eq!(client.chunk(), Ok(Some(b"late".to_vec())));
    assert_eq!(client.chunk(), Ok(None));
    let records = gate.records_when(2);
    let served = records.iter().find(|record| record["event"] == "served").unwrap();
    assert_eq!(served["config"], *before);
}

/// A configuration on a disk.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("reload-{name}"));
        drop(std::fs::remove_dir_all(&path));
        std::fs::create_dir_all(path.join("conf.d")).unwrap();
        Self { path }
    }

    fn write(&self, name: &str, text: &str) {
        // As editors and configuration managers do: the file is never seen half written.
        let (draft, whole) = (self.path.join("draft"), self.path.join(name));
        std::fs::write(&draft, text).unwrap();
        std::fs::rename(draft, whole).unwrap();
    }

    /// A setup whose secret is a file in here.
    fn setup(&self, upstream: &Upstream) -> Setup {
        let mut setup = Setup::new(upstream.address);
        self.write("secret", &setup.provider_key);
        for name in ["openai", "anthropic", "gemini"] {
            let file = self.path.join("secret");
            let credentials = format!(r#"[{{ id = "main", secret = "file:{}" }}]"#, file.display());
            setup = setup.set(&format!("upstreams.{name}"), "credentials", &credentials);
        }
        setup
    }

    fn watched(&self, setup: Setup) -> (Running, Watch) {
        self.write("portcullis.toml", &setup.text());
        let registry =
            std::sync::Arc::new(portcullis::limits::Registry::new(portcullis::clock::Moment::now()));
        let sources = Sources::at(&self.path.join("portcullis.toml"));
        let loaded =
            portcullis::config::load(&sources, &registry).unwrap_or_else(|faults| panic!("{faults}"));
        let watch = Watch::new(sources, &loaded);
        let written = common::Written::default();
        let gate = portcullis::run::Gate::start(loaded, registry, written.clone()).unwrap();
        (Running { gate, setup, written }, watch)
    }
}

#[test]
fn a_change_on_the_disk_is_taken_once_it_stands_still() {
    let upstream = Upstream::answering(OK);
    let folder = Folder::new("change");
    let (gate, mut watch) = folder.watched(folder.setup(&upstream));
    let _lines = tracing::dispatcher::set_default(&gate.gate.dispatch());
    assert!(!watch.changed() && !watch.changed(), "nothing has changed");

    folder.write("portcullis.toml", &gate.setup.clone().set("projects.search", "enabled", "false").text());
    assert!(!watch.changed(), "it may still be being written");
    assert!(watch.changed());
    watch.apply(&gate.gate, "a file changed");
    assert!(!watch.changed() && !watch.changed(), "it is taken");
    assert_eq!(gate.ask(gate.chat()).reason(), Some("project_disabled"));
    let taken = gate.log();
    assert_eq!(taken.last().unwrap()["event"], "configuration_reloaded");
    assert_ne!(taken.last().unwrap()["from"], taken.last().unwrap()["to"]);

    folder.write("conf.d/more.toml", "[projects.search]\nenabled = true\n");
    assert!(!watch.changed() && watch.changed(), "a file that came is a change");
    watch.apply(&gate.gate, "a file changed");
    assert_eq!(gate.ask(gate.chat()).status, 200);

    std::fs::remove_file(folder.path.join("conf.d/more.toml")).unwrap();
    assert!(!watch.changed() && watch.changed(), "a file that went is a change");
    watch.apply(&gate.gate, "a file changed");
    assert_eq!(gate.ask(gate.chat()).reason(), Some("project_disabled"));
}

#[test]
fn a_new_secret_in_its_file_is_a_change() {
    let upstream = Upstream::answering(OK);
    let folder = Folder::new("secret");
    let (gate, mut watch) = folder.watched(folder.setup(&upstream));
    assert_eq!(gate.ask(gate.chat()).status, 200);
    folder.write("secret", "sk-rotated\n");
    assert!(!watch.changed() && watch.changed());
    watch.apply(&gate.gate, "a file changed");
    assert_eq!(gate.ask(gate.chat()).status, 200);
    let sent: Vec<String> =
        upstream.requests().iter().map(|request| request.header("authorization")[0].to_owned()).collect();
    assert_eq!(sent, [format!("Bearer {}", gate.setup.provider_key), "Bearer sk-rotated".to_owned()]);
}

#[test]
fn a_broken_file_keeps_the_old_one_and_each_mistake_is_told() {
    let upstream = Upstream::answering(OK);
    let folder = Folder::new("broken");
    let (gate, mut watch) = folder.watched(folder.setup(&upstream));
    let _lines = tracing::dispatcher::set_default(&gate.gate.dispatch());
    let broken = gate.setup.clone().set("projects.search", "scopes", r#"["caht"]"#).set("server", "x", "1");
    folder.write("portcullis.toml", &broken.text());
    assert!(!watch.changed() && watch.changed());
    watch.apply(&gate.gate, "SIGHUP");
    assert!(!watch.changed() && !watch.changed(), "the same mistakes are no news");
    assert_eq!(gate.ask(gate.chat()).status, 200);
    let log = gate.log();
    let faults: Vec<_> = log.iter().filter(|line| line["event"] == "configuration_fault").collect();
    assert_eq!(faults.len(), 2, "{log:#?}");
    for (fault, (section, setting)) in faults.iter().zip([("server", "x"), ("projects.search", "scopes")]) {
        let line = format!("portcullis.toml:{}:", broken.line(section, setting));
        assert!(fault["at"].as_str().unwrap().contains(&line), "{fault}");
        assert_eq!(fault["level"], "ERROR");
    }
    assert!(log.last().unwrap()["event"].as_str().unwrap().starts_with("configuration_kept"), "{log:#?}");
    assert!(reloads(&gate, "refused"));

    folder.write("portcullis.toml", &gate.setup.clone().set("server", "max_body", "9000").text());
    assert!(!watch.changed() && watch.changed(), "mended");
    watch.apply(&gate.gate, "SIGHUP");
    assert_eq!(gate.shared().snapshot.load().server.max_body, 9000);
    assert!(reloads(&gate, "applied"));
}

#[test]
fn a_setting_that_needs_a_restart_is_named() {
    let upstream = Upstream::answering(OK);
    let folder = Folder::new("restart");
    let (gate, mut watch) = folder.watched(folder.setup(&upstream));
    let _lines = tracing::dispatcher::set_default(&gate.gate.dispatch());
    let other = gate.setup.clone().set("server", "workers", "3").set("server", "listen", r#""127.0.0.1:1""#);
    let other = other.set("log", "level", r#""warn""#);
    folder.write("portcullis.toml", &other.text());
    watch.apply(&gate.gate, "SIGHUP");
    let log = gate.log();
    let named: Vec<_> = log.iter().filter(|line| line["event"] == "setting_needs_a_restart").collect();
    let settings: Vec<_> = named.iter().map(|line| line["setting"].as_str().unwrap()).collect();
    assert_eq!(settings, ["server.listen", "server.workers", "log"]);
    assert_eq!(gate.ask(gate.chat()).status, 200);
    // It is compared with what runs: said again while it differs, and no more when it is as it was.
    let mut named = |setup: Setup| -> Vec<String> {
        let before = gate.log().len();
        folder.write("portcullis.toml", &setup.text());
        watch.apply(&gate.gate, "SIGHUP");
        let log = gate.log();
        let named = log[before..].iter().filter(|line| line["event"] == "setting_needs_a_restart");
        named.map(|line| line["setting"].as_str().unwrap().to_owned()).collect()
    };
    let three = gate.setup.clone().set("server", "workers", "3");
    assert_eq!(named(three.clone()), ["server.workers"]);
    assert_eq!(named(three.set("server", "max_body", "9000")), ["server.workers"]);
    assert_eq!(named(gate.setup.clone().set("server", "max_body", "9000")), [""; 0]);
}

#[test]
fn what_is_probably_not_meant_is_told_at_each_reload_with_its_place() {
    let upstream = Upstream::answering(OK);
    let folder = Folder::new("lints");
    let (gate, mut watch) = folder.watched(folder.setup(&upstream));
    let _lines = tracing::dispatcher::set_default(&gate.gate.dispatch());
    let observed = gate.setup.clone().set("projects.search", "models", r#"{ list = "*", mode = "observe" }"#);
    folder.write("portcullis.toml", &observed.text());
    watch.apply(&gate.gate, "SIGHUP");
    let log = gate.log();
    let of_models = |line: &&serde_json::Value| line["path"] == "projects.search.models";
    let lint = log.iter().find(of_models).unwrap_or_else(|| panic!("{log:#?}"));
    assert_eq!((&lint["event"], &lint["level"]), (&"configuration_lint".into(), &"WARN".into()));
    let place = format!("portcullis.toml:{}:", observed.line("projects.search", "models"));
    assert!(lint["at"].as_str().unwrap().contains(&place), "{lint}");
    assert_eq!(lint["what"], "this is only observed: what it does not allow passes");
    assert!(lint["mend"].as_str().unwrap().contains("remove mode"), "{lint}");
}
