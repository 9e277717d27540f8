//! The ledger of usage in real processes: killed, without room to write, and read by the command and the
//! admin listener.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use common::{CHAT, Client, OK, Running, Setup, Upstream, post, until};
use portcullis::book::read::{Filter, Reader};
use portcullis::book::{Book, Entry, Settings, Wanted};
use portcullis::clock::Moment;
use portcullis::metrics::Metrics;
use portcullis::money::Money;
use portcullis::usage::Usage;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use serde_json::Value;

const TOKEN: &str = "an admin token of a test";
/// Stands before the place of the ledger in the arguments of a process that is to be killed.
const VICTIM: &str = "victim-of:";

/// A path for a store that is not there yet.
fn place(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("book-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    folder.join("store.db")
}

fn open(store: &Path) -> Book {
    let settings = Settings { store, max_age: Duration::from_hours(400 * 24) };
    let metrics = Arc::new(Metrics::default());
    Book::open(&settings, metrics, tracing::Dispatch::none(), Moment::now()).unwrap()
}

fn now_ms() -> i64 {
    Moment::now().unix_millis()
}

const RESERVED: u64 = 1000;
const THREADS: u32 = 3;

fn entry<'a>(key: &'a str, usage: &'a Usage) -> Entry<'a> {
    let cost = Money::picodollars(usage.input * 7);
    Entry {
        at_ms: now_ms(),
        project: "search",
        key,
        upstream: "openai",
        model: "o3",
        usage,
        cost,
        estimated: false,
    }
}

/// Whether something becomes true within some seconds.
fn eventually(is_so: impl Fn() -> bool) -> bool {
    let begun = Moment::now();
    while !is_so() {
        if begun.elapsed() > Duration::from_secs(20) {
            return false;
        }
    }
    true
}

/// What the process does that is killed: it reserves and settles, and tells each when it is done.
#[test]
fn the_victim() {
    let Some(store) = std::env::args().find_map(|one| one.strip_prefix(VICTIM).map(PathBuf::from)) else {
        return;
    };
    let book = open(&store);
    let own = std::process::id();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let book = &book;
            scope.spawn(move || {
                let tell = |what: &str, key: &str| {
                    // One write: a line is told whole or not at all.
                    std::io::stdout().lock().write_all(format!("\n{what} {key}\n").as_bytes()).unwrap();
                };
                for number in 0u64.. {
                    let key = format!("{own}-{thread}-{number}");
                    let pending =
                        book.reserve(&entry(&key, &Usage { input: RESERVED, ..Usage::default() })).unwrap();
                    tell("reserved", &key);
                    // Some stay open: they are found in the database, not in the journal.
                    if number % 3 != 0 {
                        let usage = Usage { input: 1 + number % 5, ..Usage::default() };
                        book.settle(Some(pending), &entry(&key, &usage));
                        tell("settled", &key);
                    }
                }
            });
        }
    });
}

/// How far a request of the victim's came, as it told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Reserved,
    Settled,
}

/// Runs a victim until it has told so much, and kills it.
fn killed_after(store: &Path, lines: usize, told: &mut BTreeMap<String, Told>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        // A name that no test has: it only tells where.
        .args(["--exact", "the_victim", "--nocapture", &format!("{VICTIM}{}", store.display())])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut read = BufReader::new(child.stdout.take().unwrap());
    let (mut line, mut seen, mut whole) = (String::new(), 0, true);
    while read.read_line(&mut line).unwrap() > 0 {
        whole = line.ends_with('\n');
        let word =
            |told: Told, line: &str| line.split_once(' ').map(|(_, key)| (key.trim().to_owned(), told));
        let said = match &*line {
            line if line.starts_with("reserved ") => word(Told::Reserved, line),
            line if line.starts_with("settled ") => word(Told::Settled, line),
            _ => None,
        };
        if let Some((key, how)) = said.filter(|_| whole) {
            told.insert(key, how);
            seen += 1;
            if seen == lines {
                child.kill().unwrap();
            }
        }
        line.clear();
    }
    assert!(seen >= lines, "it ended by itself: {whole}");
    assert!(!child.wait().unwrap().success());
}

#[test]
fn nothing_is_lost_or_counted_twice_however_often_it_is_killed() {
    let store = place("killed");
    let mut told = BTreeMap::new();
    for lines in [1, 50, 777, 3_000, 9_000, 2, 1_234] {
        killed_after(&store, lines, &mut told);
    }
    let book = open(&store);
    let mut found: BTreeMap<String, (u64, u64, u64, Money)> = BTreeMap::new();
    Reader::beside(&store)
        .unwrap()
        .each(&Filter::default(), |row| {
            assert!(!row.reserved, "all is settled: {row:?}");
            let sums = (row.sums.requests, row.sums.estimated, row.sums.usage.input, row.sums.cost);
            assert_eq!(found.insert(row.key.to_owned(), sums), None, "{row:?}");
        })
        .unwrap();
    // What each thread told last.
    let mut last: BTreeMap<&str, u64> = BTreeMap::new();
    let parts =
        |key: &'_ str| key.rsplit_once('-').map(|(_, number)| number.parse::<u64>().unwrap()).unwrap();
    for key in told.keys() {
        let number = last.entry(key.rsplit_once('-').unwrap().0).or_default();
        *number = parts(key).max(*number);
    }
    for (key, how) in &told {
        let (requests, estimated, input, cost) = *found.get(key).unwrap_or_else(|| panic!("{key} is lost"));
        assert_eq!((requests, cost.as_picodollars()), (1, input * 7), "{key}");
        let number = parts(key);
        let by_report = (0, 1 + number % 5);
        match how {
            // It is written with the thread's next reservation at the latest, which did not come.
            Told::Settled if (estimated, input) == (1, RESERVED) => {
                assert_eq!(number, last[key.rsplit_once('-').unwrap().0], "{key}");
            }
            Told::Settled => assert_eq!((estimated, input), by_report, "{key}"),
            // It may have settled, and been killed before it told.
            Told::Reserved if (estimated, input) == by_report => assert_ne!(number % 3, 0, "{key}"),
            Told::Reserved => assert_eq!((estimated, input), (1, RESERVED), "{key}"),
        }
    }
    // What was reserved and not told: at most one for each thread of each victim.
    let untold = found.len() - told.len();
    assert!(untold <= 7 * 3, "{untold}");
    let all: u64 = found.values().map(|(_, _, input, _)| input).sum();
    let wanted = Wanted { since_ms: 0, project: "search", key: None, models: None };
    let spent = book.spent(&[wanted]).unwrap()[0];
    assert_eq!((spent.settled.usage.input, spent.settled.requests), (all, found.len() as u64));
    assert_eq!(spent.reserved.requests, 0);
}

/// A gate in a process of its own, whose lines are gathered as they come.
struct Process {
    child: Child,
    address: SocketAddr,
    lines: std::sync::mpsc::Receiver<Value>,
    key: String,
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Process {
    fn start(name: &str, setup: &Setup) -> Self {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("book-{name}.toml"));
        std::fs::write(&file, setup.text()).unwrap();
        // A shell, so that a file that may not grow is an error and no signal.
        let mut child = Command::new("sh")
            .args(["-c", "trap '' XFSZ; exec \"$0\" serve --config \"$1\"", env!("CARGO_BIN_EXE_portcullis")])
            .arg(&file)
            .env("PROVIDER_KEY", &setup.provider_key)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (told, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                // The last may be cut by the end of the process.
                if let Ok(line) = serde_json::from_str(&line) {
                    drop(told.send(line));
                }
            }
        });
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut process = Self { child, address, lines, key: setup.client_key.clone() };
        let ready = process.line("ready");
        process.address = ready["listen"].as_str().unwrap().parse().unwrap();
        process
    }

    /// The next line of this event.
    fn line(&mut self, event: &str) -> Value {
        loop {
            let line = self.lines.recv_timeout(common::PATIENCE).unwrap_or_else(|_| panic!("no {event}"));
            if line["event"].as_str().is_some_and(|said| said.starts_with(event)) {
                return line;
            }
        }
    }

    fn ask(&self) {
        let mut client = Client::connect(self.address);
        client.send(post("/v1/chat/completions", &self.key, CHAT));
        assert_eq!(client.answer().status, 200);
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

fn portcullis(arguments: &[&str]) -> (i32, String, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_portcullis")).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
}

fn usage(store: &Path, arguments: &[&str]) -> String {
    let (code, out, error) =
        portcullis(&[&["usage", "--store", store.to_str().unwrap()], arguments].concat());
    assert_eq!(code, 0, "{error}");
    out
}

fn usage_json(store: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&usage(store, &[arguments, &["--format", "json"]].concat())).unwrap()
}

fn keeping(upstream: SocketAddr, store: &Path) -> Setup {
    Setup::new(upstream).set("store", "path", &format!("\"{}\"", store.display()))
}

#[test]
fn a_gate_that_is_killed_forgets_no_request() {
    let (store, upstream) = (place("gate"), Upstream::answering(OK));
    let setup = keeping(upstream.address, &store);
    let mut told = 0;
    for round in 1..=3u64 {
        let mut gate = Process::start("gate", &setup);
        for _ in 0..40 {
            gate.ask();
        }
        for _ in 0..40 {
            gate.line("served");
        }
        told += 40;
        let before = usage_json(&store, &["--by", "project,key,model,upstream"]);
        assert_eq!(before["total"]["requests"], told, "while it runs, also what only the journal has");
        if round % 2 == 0 {
            kill_process(gate.pid(), Signal::TERM).unwrap();
            assert!(gate.child.wait().unwrap().success());
        } else {
            drop(gate);
        }
        let after = usage_json(&store, &["--by", "project,key,model,upstream"]);
        assert_eq!(after["usage"], before["usage"], "after it was ended");
    }
    let lines = usage_json(&store, &["--by", "project,key,model,upstream"]);
    let lines = lines["usage"].as_array().unwrap();
    assert_eq!(lines.len(), 1);
    let names = ["project", "key", "model", "upstream"].map(|by| lines[0][by].as_str().unwrap());
    assert_eq!(names, ["search", "search-prod", "gpt-4o-mini", "openai"]);
}

#[test]
fn a_full_disk_loses_nothing_and_is_told() {
    let (store, upstream) = (place("full"), Upstream::answering(OK));
    let mut gate = Process::start("full", &keeping(upstream.address, &store));
    gate.ask();
    until("it is applied", || usage_json(&store, &[])["total"]["requests"] == 1);
    // No file may grow any more, as if the disk were full.
    let before =
        prlimit(Some(gate.pid()), Resource::Fsize, Rlimit { current: Some(0), maximum: None }).unwrap();
    for _ in 0..25 {
        gate.ask();
    }
    gate.line("usage_not_written");
    prlimit(Some(gate.pid()), Resource::Fsize, before).unwrap();
    gate.line("usage_written_again");
    until("all is there", || usage_json(&store, &[])["total"]["requests"] == 26);
    gate.ask();
    until("it goes on", || usage_json(&store, &[])["total"]["requests"] == 27);
}

#[test]
fn a_second_gate_does_not_start_on_the_same_ledger() {
    let (store, upstream) = (place("second"), Upstream::answering(OK));
    let setup = keeping(upstream.address, &store);
    let _first = Process::start("second", &setup);
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("book-second.toml");
    let out = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["serve", "--config", file.to_str().unwrap()])
        .env("PROVIDER_KEY", &setup.provider_key)
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(1));
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(said.contains("another gate has it"), "{said}");
}

/// A ledger with some requests of two projects on two days.
fn some(store: &Path) -> Book {
    let book = open(store);
    let day_ms = 24 * 3_600_000;
    let today = now_ms().div_euclid(day_ms) * day_ms;
    for (at_ms, project, model, input, pico, estimated) in [
        (today - 2 * day_ms, "search", "gpt-4o", 1_000, 2_500_000_000, false),
        (today - 2 * day_ms, "search", "gpt-4o", 10, 25_000_001, true),
        (today - day_ms, "search", "o3", 100, 200_000_000, false),
        (today - day_ms, "writing", "a,\"b\u{1b}[31m", 5, 0, false),
        (today - 60 * day_ms, "writing", "o1", 70, 1_000_000_000_000, false),
    ] {
        let usage = Usage { input, cached: input / 2, output: 3, ..Usage::default() };
        let (key, upstream) = ("key-1", "openai");
        let cost = Money::picodollars(pico);
        book.settle(None, &Entry { at_ms, project, key, upstream, model, usage: &usage, cost, estimated });
    }
    book
}

#[test]
fn the_command_shows_tables_csv_and_json() {
    let store = place("shown");
    let book = some(&store);
    let usage_now = Usage { input: 50, output: 50, ..Usage::default() };
    let pending = book.reserve(&entry("key-1", &usage_now)).unwrap();
    let table = usage(&store, &[]);
    let expected = "\
project  model               requests  estimated  input  cached  output  cost
search   gpt-4o                     2          1   1010     505       6  0.002525000001
search   o3                         1          0    100      50       3  0.0002";
    let squeezed = |text: &str| -> Vec<Vec<String>> {
        text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
    };
    let (table_cells, expected_cells) = (squeezed(&table), squeezed(expected));
    assert_eq!(
        table_cells[0],
        ["project", "model", "requests", "estimated", "input", "cached", "output", "cost_usd"],
        "{table}"
    );
    assert_eq!(table_cells[1..3], expected_cells[1..3], "{table}");
    assert!(
        table.contains("under way: 1 requests, which reserve 100 tokens and 0.00000000035 USD"),
        "{table}"
    );
    assert!(!table.contains('\u{1b}') && table.contains("\\u001b"), "{table}");
    assert!(!table.contains("o1"), "the last 30 days: {table}");
    let widths: Vec<usize> = table.lines().take(5).map(str::len).collect();
    assert!(widths.iter().all(|width| *width == widths[0]), "{table}");

    let csv = usage(
        &store,
        &["--format", "csv", "--by", "model,project", "--since", "90d", "--project", "writing"],
    );
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 3, "{csv}");
    assert!(lines[0].starts_with("model,project,requests,estimated,input_tokens,cached_tokens,"), "{csv}");
    assert!(lines[0].ends_with(",cost_usd,reported_cost_usd"), "{csv}");
    assert!(lines[1].starts_with("o1,writing,1,0,70,35,") && lines[1].ends_with(",1.00,0.00"), "{csv}");
    assert!(lines[2].starts_with("\"a,\"\"b"), "{csv}");

    let days = usage_json(&store, &["--by", "day", "--project", "search"]);
    assert_eq!(days["usage"].as_array().unwrap().len(), 2, "{days}");
    assert!(days["usage"][0]["day"].as_str() < days["usage"][1]["day"].as_str(), "{days}");
    assert_eq!(days["usage"][0]["cost_usd"], "0.002525000001");
    assert_eq!((&days["total"]["requests"], &days["total"]["input_tokens"]), (&3.into(), &1110.into()));
    assert_eq!((&days["under_way"]["requests"], &days["under_way"]["input_tokens"]), (&1.into(), &50.into()));
    for (arguments, requests) in [
        (&["--model", "gpt-4o"][..], 2),
        (&["--upstream", "openai", "--since", "90d"], 5),
        (&["--upstream", "other"], 0),
        (&["--key", "key-1"], 4),
        (&["--until", "36h", "--since", "3d"], if days["until"].is_null() { 2 } else { 0 }),
        (&["--by", "month,upstream", "--since", "2000-01-01"], 5),
        (&["--by", "hour"], 4),
    ] {
        let found = usage_json(&store, arguments)["total"]["requests"].clone();
        if arguments[0] == "--until" {
            // How many lie before depends on the hour.
            assert!(found == 2 || found == 4, "{found}");
        } else {
            assert_eq!(found, requests, "{arguments:?}");
        }
    }
    assert!(usage(&store, &["--project", "nobody"]).contains("nothing was used"));
    book.settle(Some(pending), &entry("key-1", &usage_now));
    // It is written a few milliseconds later.
    assert!(eventually(|| usage_json(&store, &[])["under_way"]["requests"] == 0));
    book.close();
    assert_eq!(usage_json(&store, &["--key", "key-1"])["total"]["requests"], 5);

    assert_eq!(portcullis(&["usage", "--store", store.to_str().unwrap(), "--by", "nonsense"]).0, 2);
    let (code, _, error) = portcullis(&["usage", "--store", "/nowhere/store.db"]);
    assert!(code == 1 && error.contains("store-usage.db") && error.contains("not there"), "{error}");
    assert!(error.contains("may have been removed"), "{error}");
}

/// Serves the admin routes of a gate.
fn admin(gate: &Running) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let draining = Arc::new(AtomicBool::new(false));
    let (shared, reach) = (Arc::clone(&gate.gate.shared), portcullis::admin::Reach::ThisMachine);
    let routes = portcullis::admin::routes(shared, gate.gate.credentials(), draining, reach);
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
fn the_admin_listener_shows_it_to_who_has_the_token() {
    let store = place("admin");
    some(&store).close();
    let token = store.with_file_name("token");
    std::fs::write(&token, TOKEN).unwrap();
    let upstream = Upstream::answering(OK);
    let setup =
        keeping(upstream.address, &store).set("admin", "token", &format!("\"file:{}\"", token.display()));
    let gate = setup.start();
    assert_eq!(gate.ask(gate.chat()).status, 200);
    gate.idle();
    let address = admin(&gate);
    let ask = |path: &str, token: &str| {
        let mut client = Client::connect(address);
        client.send(format!("GET {path} HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {token}\r\n\r\n"));
        let answer = client.answer();
        (answer.status, serde_json::from_str::<Value>(&answer.text()).unwrap())
    };
    let (status, all) = ask("/usage", TOKEN);
    assert_eq!((status, &all["total"]["requests"]), (200, &5.into()), "{all}");
    let (_, by) = ask("/usage?by=project,day&since=90d&project=writing", TOKEN);
    assert_eq!((&by["total"]["requests"], by["usage"].as_array().unwrap().len()), (&2.into(), 2), "{by}");
    assert_eq!(by["total"]["cost_usd"], "1.00");
    assert_eq!(ask("/usage?by=x", "another").0, 401, "who may not ask is not told what is wrong");
    for wrong in ["/usage?by=x", "/usage?since=x", "/usage?nonsense=1"] {
        assert_eq!(ask(wrong, TOKEN).0, 400, "{wrong}");
    }
    for wrong in ["", "an admin token", &gate.setup.client_key] {
        assert_eq!(ask("/usage", wrong).0, 401);
    }
    assert!(gate.metrics().contains("portcullis_usage_healthy 1"));
}

#[test]
fn an_age_shorter_than_any_month_is_a_mistake() {
    let told = |age: &str| {
        let setup = Setup::new("127.0.0.1:9").set("store", "path", "\"store.db\"").set(
            "store",
            "usage_max_age",
            &format!("\"{age}\""),
        );
        let registry = portcullis::limits::Registry::new(Moment::now());
        let line = setup.line("store", "usage_max_age");
        match portcullis::config::load(&setup.sources(), &registry) {
            Ok(loaded) => Ok(loaded.snapshot.store.as_ref().unwrap().usage_max_age),
            Err(faults) => Err((faults.to_string(), format!("portcullis.toml:{line}:"))),
        }
    };
    assert_eq!(told("40d"), Ok(Duration::from_hours(40 * 24)));
    for wrong in ["39d", "30", "99999d"] {
        let (said, at) = told(wrong).unwrap_err();
        assert!(said.contains(&at) && said.contains("40 days or more") && said.contains("400d"), "{said}");
    }
}

#[test]
fn what_is_in_flight_when_the_gate_is_killed_is_settled_by_its_estimate() {
    let store = place("flight");
    let body = r#"{"id":"a","usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120}}"#;
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let upstream = Upstream::start(move |talk| {
        while let Some(request) = talk.request() {
            if request.body.windows(4).any(|four| four == b"hang") {
                talk.closed();
                return;
            }
            drop(talk.send(&answer));
        }
    });
    let setup =
        keeping(upstream.address, &store).set("projects.search", "limits", r#"{ budget = "1 USD/day" }"#);
    let mut gate = Process::start("flight", &setup);
    for _ in 0..10 {
        gate.ask();
    }
    for _ in 0..10 {
        gate.line("served");
    }
    let hang = |name: &str| {
        let text = format!(
            r#"{{"model":"gpt-4o-mini","max_tokens":500,"messages":[{{"role":"user","content":"{name}"}}]}}"#
        );
        let mut client = Client::connect(gate.address);
        client.send(post("/v1/chat/completions", &gate.key, &text));
        client
    };
    let waiting = ["hang one", "hang two", "hang three"].map(hang);
    until("all are upstream", || upstream.requests().len() == 13);
    let before = usage_json(&store, &[]);
    assert_eq!(before["total"]["requests"], 10, "{before}");
    assert_eq!(
        (&before["total"]["input_tokens"], &before["total"]["output_tokens"]),
        (&1000.into(), &200.into())
    );
    assert_eq!(
        (&before["under_way"]["requests"], &before["under_way"]["output_tokens"]),
        (&3.into(), &1500.into())
    );
    drop(gate);
    drop(waiting);

    let mut gate = Process::start("flight", &setup);
    let after = usage_json(&store, &[]);
    assert_eq!(
        (&after["total"]["requests"], &after["total"]["estimated"]),
        (&13.into(), &3.into()),
        "{after}"
    );
    assert_eq!(after["total"]["output_tokens"], 1700, "{after}");
    assert_eq!(after["under_way"]["requests"], 0, "{after}");
    let dollars = |sums: &Value| Money::parse_dollars(sums["cost_usd"].as_str().unwrap()).unwrap();
    assert_eq!(dollars(&after["total"]), dollars(&before["total"]) + dollars(&before["under_way"]));
    gate.ask();
    gate.line("served");
    until("it is counted", || usage_json(&store, &[])["total"]["requests"] == 14);
}

#[test]
fn what_no_provider_reports_is_no_sure_nothing() {
    let (store, upstream) = (place("unreported"), Upstream::answering(OK));
    let mut gate = Process::start("unreported", &keeping(upstream.address, &store));
    gate.ask();
    gate.line("served");
    until("it is counted", || usage_json(&store, &[])["total"]["requests"] == 1);
    let total = &usage_json(&store, &[])["total"];
    assert_eq!((&total["estimated"], &total["input_tokens"]), (&1.into(), &0.into()), "{total}");
    // To look at a model uses nothing, and that is sure.
    let mut client = Client::connect(gate.address);
    client.send(format!(
        "GET /v1/models/gpt-4o-mini HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {}\r\n\r\n",
        gate.key
    ));
    until("it is counted", || usage_json(&store, &[])["total"]["requests"] == 2);
    assert_eq!(usage_json(&store, &[])["total"]["estimated"], 1);
}

#[test]
fn without_room_to_write_no_money_is_spent() {
    let (store, upstream) = (place("refused"), Upstream::answering(OK));
    let limits = r#"{ budget = "1 USD/day" }"#;
    let mut gate = Process::start(
        "refused",
        &keeping(upstream.address, &store).set("projects.search", "limits", limits),
    );
    let (address, key) = (gate.address, gate.key.clone());
    let status = || {
        let mut client = Client::connect(address);
        client.send(post("/v1/chat/completions", &key, CHAT));
        client.answer().status
    };
    assert_eq!(status(), 200);
    until("nothing waits to be written", || usage_json(&store, &[])["total"]["requests"] == 1);
    let room = Rlimit { current: Some(0), maximum: None };
    let before = prlimit(Some(gate.pid()), Resource::Fsize, room).unwrap();
    // The first is on its way to the connection when it shows that nothing can be written, the second knows.
    for _ in 0..2 {
        assert_eq!(status(), 503);
        let line = gate.line("denied");
        assert_eq!(
            (&line["reason"], &line["cost_usd"]),
            (&"ledger_unavailable".into(), &Value::Null),
            "{line}"
        );
    }
    assert_eq!(upstream.requests().len(), 1, "nothing of them was sent");
    prlimit(Some(gate.pid()), Resource::Fsize, before).unwrap();
    until("there is room again", || status() == 200);
    until("all that was sent is counted", || {
        usage_json(&store, &[])["total"]["requests"] == upstream.requests().len()
    });
}
