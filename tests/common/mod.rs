//! A whole gate in the test's own process, with every byte on both sides of it in the test's hands.
//!
//! Nothing here waits for a fixed time: whoever waits, waits for a byte or for a condition, and gives
//! up after [`PATIENCE`].

pub(crate) mod client;
pub(crate) mod provider;
pub(crate) mod proxy;
pub(crate) mod setup;
pub(crate) mod upstream;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis::accept::Shared;
use portcullis::clock::Moment;
use portcullis::config::{self, Loaded, Sources};
use portcullis::limits::Registry;
use portcullis::run::{Ended, Gate};
use serde_json::Value;

pub(crate) use client::{Answer, Client, post};
pub(crate) use setup::Setup;
pub(crate) use upstream::Upstream;

/// How long anything may take before the test gives up; far more than it needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until a condition holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Moment::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// A path for a store that is not there yet, in a folder of its own.
pub(crate) fn fresh_path(name: &str) -> std::path::PathBuf {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("{name}-{}-{number}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder.join("store.db")
}

/// What the gate writes.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }

    /// The lines that are JSON, which in the JSON form are all.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A gate that runs.
pub(crate) struct Running {
    pub(crate) gate: Gate,
    pub(crate) setup: Setup,
    pub(crate) written: Written,
}

/// Loads a configuration from its text.
pub(crate) fn load(setup: &Setup, registry: &Registry) -> Loaded {
    let text = setup.text();
    let mut loaded =
        config::load(&setup.sources(), registry).unwrap_or_else(|faults| panic!("{faults}\n{text}"));
    setup.adjust_loaded(Arc::get_mut(&mut loaded.snapshot).unwrap());
    loaded
}

impl Setup {
    /// What the gate is started from.
    pub(crate) fn sources(&self) -> Sources {
        self.sources_of(self.text())
    }

    /// The same with another text.
    pub(crate) fn sources_of(&self, text: String) -> Sources {
        let provider_key = ("PROVIDER_KEY".to_owned(), self.provider_key.clone());
        let environment = self.environment.iter().cloned().chain([provider_key]);
        Sources::from_texts([("portcullis.toml".to_owned(), text)], environment)
    }

    /// Starts a gate.
    pub(crate) fn start(self) -> Running {
        let registry = Arc::new(Registry::new(Moment::now()));
        let loaded = load(&self, &registry);
        let written = Written::default();
        let gate = Gate::start(loaded, registry, written.clone()).unwrap();
        Running { gate, setup: self, written }
    }
}

impl Running {
    pub(crate) fn address(&self) -> SocketAddr {
        self.gate.address
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.gate.shared
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address())
    }

    /// Sends one request over a connection of its own and reads the answer.
    pub(crate) fn ask(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut client = self.connect();
        client.send(request);
        client.answer()
    }

    /// A chat request of the right form with the right key.
    pub(crate) fn chat(&self) -> Vec<u8> {
        post("/v1/chat/completions", &self.setup.client_key, CHAT)
    }

    /// The records so far.
    pub(crate) fn records(&self) -> Vec<Value> {
        self.gate.flush();
        self.written.lines().into_iter().filter(|line| line.get("request_id").is_some()).collect()
    }

    /// Waits until there are so many records, and gives them; more than that is a failure.
    pub(crate) fn records_when(&self, count: usize) -> Vec<Value> {
        until(&format!("there are {count} records"), || self.records().len() >= count);
        let records = self.records();
        assert_eq!(records.len(), count, "{records:#?}");
        records
    }

    /// The only record, once it is there.
    pub(crate) fn record(&self) -> Value {
        self.records_when(1).remove(0)
    }

    /// Log lines that are no records.
    pub(crate) fn log(&self) -> Vec<Value> {
        self.gate.flush();
        self.written.lines().into_iter().filter(|line| line.get("request_id").is_none()).collect()
    }

    pub(crate) fn metrics(&self) -> String {
        self.shared().ledger.metrics.render().unwrap()
    }

    /// How many requests were counted whose labels hold all of these, such as `reason="key_missing"`.
    pub(crate) fn counted(&self, labels: &[&str]) -> u64 {
        let text = self.metrics();
        let samples = text.lines().filter(|line| line.starts_with("portcullis_requests_total{"));
        let fitting = samples.filter(|line| labels.iter().all(|label| line.contains(label)));
        fitting.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }

    pub(crate) fn in_flight(&self) -> i64 {
        self.shared().ledger.metrics.in_flight.get()
    }

    /// Waits until no request is under way.
    pub(crate) fn idle(&self) {
        until("no request is in flight", || self.in_flight() == 0);
    }

    pub(crate) fn stop(self) -> Ended {
        self.gate.stop()
    }
}

/// A chat request's body.
pub(crate) const CHAT: &str = r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hello"}]}"#;

/// A chat answer that any scripted upstream can give.
pub(crate) const OK: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
