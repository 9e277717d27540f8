//! The real binary: signals, exit codes and the small commands.

#[cfg(target_os = "linux")]
mod faults;
#[cfg(target_os = "linux")]
mod hardening;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod sink;
#[cfg(target_os = "linux")]
mod systemd;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::common::{Client, OK, Setup, Upstream, until};

fn portcullis(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str], input: &str) -> Output {
    let mut child = portcullis(arguments).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// A gate in a process of its own.
struct Process {
    child: Child,
    lines: BufReader<ChildStdout>,
    file: std::path::PathBuf,
    setup: Setup,
    address: SocketAddr,
}

impl Process {
    fn start(name: &str, setup: Setup) -> Self {
        let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.toml"));
        std::fs::write(&file, setup.text()).unwrap();
        let mut command = portcullis(&["serve", "--config", file.to_str().unwrap()]);
        let mut child = command.env("PROVIDER_KEY", &setup.provider_key).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut process = Self { child, lines, file, setup, address };
        let ready = process.line("ready");
        process.address = ready["listen"].as_str().unwrap().parse().unwrap();
        process
    }

    /// Reads lines until one tells of this event.
    fn line(&mut self, event: &str) -> Value {
        let mut line = String::new();
        loop {
            line.clear();
            let length = self.lines.read_line(&mut line).unwrap();
            assert_ne!(length, 0, "it ended without {event}");
            let value: Value = serde_json::from_str(&line).unwrap();
            if value["event"].as_str().is_some_and(|said| said.starts_with(event)) {
                return value;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn exit_code(mut self) -> Option<i32> {
        let mut ended = None;
        until("the process has ended", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        ended.and_then(|status| status.code())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn sigterm_ends_it_with_zero() {
    let upstream = Upstream::answering(OK);
    let mut process = Process::start("sigterm", Setup::new(upstream.address));
    let mut client = Client::connect(process.address);
    client.send(crate::common::post("/v1/chat/completions", &process.setup.client_key, crate::common::CHAT));
    assert_eq!(client.answer().status, 200);
    process.line("served");
    process.signal(Signal::TERM);
    process.line("draining");
    assert!(client.ended());
    assert_eq!(process.exit_code(), Some(0));
}

#[test]
fn a_second_signal_ends_the_wait() {
    let upstream = Upstream::start(|talk| {
        drop(talk.request());
        talk.closed();
    });
    let mut process =
        Process::start("second", Setup::new(upstream.address).set("server", "drain", r#""1h""#));
    let mut client = Client::connect(process.address);
    client.send(crate::common::post("/v1/chat/completions", &process.setup.client_key, crate::common::CHAT));
    until("the request is upstream", || upstream.requests().len() == 1);
    process.signal(Signal::TERM);
    process.line("draining");
    process.signal(Signal::TERM);
    assert_eq!(process.exit_code(), Some(1));
}

#[test]
fn sighup_reloads() {
    let upstream = Upstream::answering(OK);
    let mut process = Process::start("sighup", Setup::new(upstream.address));
    let ask = |process: &Process| {
        let mut client = Client::connect(process.address);
        let key = &process.setup.client_key;
        client.send(crate::common::post("/v1/chat/completions", key, crate::common::CHAT));
        client.answer()
    };
    assert_eq!(ask(&process).status, 200);
    let off = process.setup.clone().set("projects.search", "enabled", "false");
    std::fs::write(&process.file, off.text()).unwrap();
    process.signal(Signal::HUP);
    let told = process.line("configuration_reloaded");
    assert!(told["changed"].as_str().unwrap().ends_with("sighup.toml"), "{told}");
    assert_eq!(ask(&process).reason(), Some("project_disabled"));
    std::fs::write(&process.file, "nonsense").unwrap();
    process.signal(Signal::HUP);
    let fault = process.line("configuration_fault");
    assert!(fault["at"].as_str().unwrap().contains("sighup.toml:1:"), "{fault}");
    process.line("configuration_kept");
    assert_eq!(ask(&process).reason(), Some("project_disabled"), "the old one stays");
    process.signal(Signal::INT);
    assert_eq!(process.exit_code(), Some(0));
}

#[test]
fn a_configuration_with_mistakes_ends_it_with_two() {
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("mistakes.toml");
    let setup = Setup::new("127.0.0.1:9").set("projects.search", "scopes", r#"["caht"]"#);
    std::fs::write(&file, setup.text()).unwrap();
    let out = run(&["serve", "--config", file.to_str().unwrap()], "");
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(2), "{said}");
    let line = setup.line("projects.search", "scopes");
    assert!(said.contains(&format!("mistakes.toml:{line}:")) && said.contains("caht"), "{said}");
    assert!(said.contains("PROVIDER_KEY"), "every mistake is told: {said}");

    for arguments in
        [&["serve", "--config", "/nowhere/portcullis.toml"][..], &["nonsense"], &["serve", "--x"]]
    {
        assert_eq!(run(arguments, "").status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn an_address_that_is_taken_ends_it_with_one() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("\"{}\"", taken.local_addr().unwrap());
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("taken.toml");
    let setup = Setup::new("127.0.0.1:9").set("server", "listen", &listen);
    std::fs::write(&file, setup.text()).unwrap();
    let mut command = portcullis(&["serve", "--config", file.to_str().unwrap()]);
    let out = command.env("PROVIDER_KEY", "sk-x").output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8(out.stderr).unwrap().contains("cannot listen on"));
    // Where both are taken the admin listener's is told: nobody is let in before it is there.
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("\"{}\"", other.local_addr().unwrap());
    let both = setup.set("admin", "enabled", "true").set("admin", "listen", &listen);
    std::fs::write(&file, both.text()).unwrap();
    let mut command = portcullis(&["serve", "--config", file.to_str().unwrap()]);
    let out = command.env("PROVIDER_KEY", "sk-x").output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(1));
    assert!(said.contains("does not start: cannot listen on admin.listen"), "{said}");
}

#[test]
fn health_tells_with_its_exit_code() {
    let draining = Arc::new(AtomicBool::new(false));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let gate = Setup::new("127.0.0.1:9").start();
    let shared = Arc::clone(&gate.gate.shared);
    let routes = portcullis::admin::routes(
        shared,
        gate.gate.credentials(),
        Arc::clone(&draining),
        portcullis::admin::Reach::ThisMachine,
    );
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, routes).await.unwrap();
        });
    });
    let out = run(&["health", "--admin", &address], "");
    assert_eq!((out.status.code(), &*out.stdout), (Some(0), &b"ready\n"[..]));
    let out = run(&["health", "--admin", &address.replace("127.0.0.1", "localhost")], "");
    assert_eq!((out.status.code(), &*out.stdout), (Some(0), &b"ready\n"[..]), "by its name");
    draining.store(true, Ordering::SeqCst);
    let out = run(&["health", "--admin", &address], "");
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8(out.stderr).unwrap().contains("draining"));
    let nowhere = Upstream::nowhere();
    let out = run(&["health", "--admin", &nowhere.address.to_string()], "");
    assert_eq!(out.status.code(), Some(1));
    assert_eq!(run(&["health", "--admin", "x"], "").status.code(), Some(2));
}

#[test]
fn where_others_reach_the_admin_listener_it_asks_for_the_token() {
    const TOKEN: &str = "an admin token of a test";
    // Nobody else takes the port in the meantime, most likely; if so, the process does not get ready.
    let port = std::net::TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let token = folder.join("admin-token");
    std::fs::write(&token, TOKEN).unwrap();
    let upstream = Upstream::answering(OK);
    let setup = Setup::new(upstream.address)
        .set("admin", "enabled", "true")
        .set("admin", "listen", &format!("\"0.0.0.0:{port}\""))
        .set("admin", "token", &format!("\"file:{}\"", token.display()));
    let process = Process::start("admin-token", setup.clone());
    let ask = |path: &str, header: &str| {
        let mut client = Client::connect(SocketAddr::from(([127, 0, 0, 1], port)));
        client.send(format!("GET {path} HTTP/1.1\r\nhost: gate\r\n{header}\r\n"));
        client.answer()
    };
    let bearer = format!("authorization: Bearer {TOKEN}\r\n");
    for (path, shows) in [("/metrics", "portcullis_in_flight"), ("/credentials", "\"main\"")] {
        let answer = ask(path, &bearer);
        assert!(answer.status == 200 && answer.text().contains(shows), "{path}: {answer:?}");
        let key = format!("authorization: Bearer {}\r\n", process.setup.client_key);
        let part = bearer.replace("test", "tes");
        let twice = format!("{part}{bearer}");
        for wrong in ["", "authorization: Bearer \r\n", &key, &part, &twice, &bearer.replace("Bearer ", "")] {
            let answer = ask(path, wrong);
            assert_eq!(answer.status, 401, "{path} {wrong}: {answer:?}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            assert!(!answer.text().contains(shows), "{answer:?}");
        }
    }
    for open in ["/healthz", "/readyz"] {
        assert_eq!(ask(open, "").status, 200, "probes hold no secret");
    }
    let out = run(&["health", "--admin", &format!("127.0.0.1:{port}")], "");
    assert_eq!((out.status.code(), &*out.stdout), (Some(0), &b"ready\n"[..]));
    // A reload that takes the token away does not open it: the listener stays where it is.
    let loopback =
        setup.set("admin", "listen", "\"127.0.0.1:9090\"").set("admin", "token", "\"env:PROVIDER_KEY\"");
    let without = loopback.text().replace("token = \"env:PROVIDER_KEY\"\n", "");
    std::fs::write(&process.file, without).unwrap();
    process.signal(Signal::HUP);
    until("nobody is let in", || ask("/metrics", &bearer).status == 403);
    assert_eq!(ask("/readyz", "").status, 200);
}

#[test]
fn a_new_key_has_the_hash_that_is_told() {
    let out = run(&["key", "new", "--id", "search-prod", "--format", "json"], "");
    assert_eq!(out.status.code(), Some(0));
    let made: Value = serde_json::from_slice(&out.stdout).unwrap();
    let key = made["key"].as_str().unwrap();
    assert_eq!(portcullis::project_key::public_id(key.as_bytes()), Ok("search-prod"));
    let out = run(&["key", "hash"], &format!("{key}\n"));
    assert_eq!(out.status.code(), Some(0));
    assert_eq!(String::from_utf8(out.stdout).unwrap().trim(), made["sha256"]);
    let again: Value =
        serde_json::from_slice(&run(&["key", "hash", "--format", "json"], key).stdout).unwrap();
    assert_eq!((&again["id"], &again["sha256"]), (&made["id"], &made["sha256"]));

    let shown = String::from_utf8(run(&["key", "new", "--id", "a"], "").stdout).unwrap();
    assert!(shown.contains("pcl_a_") && shown.contains("sha256 = "), "{shown}");
    for (arguments, input) in [
        (&["key", "new", "--id", "not an id"][..], ""),
        (&["key", "hash"], ""),
        (&["key", "hash"], &key[..30]),
        (&["key", "hash"], "sk-proj-0123456789"),
    ] {
        let out = run(arguments, input);
        assert_eq!(out.status.code(), Some(2), "{arguments:?}");
        assert!(out.stdout.is_empty());
        assert!(input.is_empty() || !String::from_utf8(out.stderr).unwrap().contains(input));
    }
}
