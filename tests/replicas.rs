//! Two gates in processes of their own, 64 clients, streams and aborts, one budget: what is used in all while the store
//! hangs, loses its memory, and a gate is killed and restarted.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;
#[path = "common/redis.rs"]
#[expect(dead_code, reason = "each test uses another part of the harness")]
mod redis;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::client::{Client, post};
use common::{Setup, Upstream, until};
use portcullis::clock::Moment;
use redis::Redis;
use serde_json::{Value, json};

/// What the provider counts for a request and its answer.
const INPUT: u64 = 500;
const OUTPUT: u64 = 40;
/// The requests that the limit has room for.
const WORTH: u64 = 3_000;
const CLIENTS: usize = 64;

/// A gate in a process.
struct Gate {
    child: Child,
    address: SocketAddr,
}

impl Gate {
    #[expect(clippy::zombie_processes, reason = "dropping it waits")]
    fn start(name: &str, setup: &Setup) -> Self {
        let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.toml"));
        std::fs::write(&file, setup.text()).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args(["serve", "--config", file.to_str().unwrap()])
            .env("PROVIDER_KEY", &setup.provider_key)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "it ended");
            let told: Value = serde_json::from_str(&line).unwrap();
            if told["event"].as_str().is_some_and(|event| event.starts_with("ready")) {
                let address = told["listen"].as_str().unwrap().parse().unwrap();
                // What it says from now on is read by nobody, and must not fill the pipe.
                std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
                return Self { child, address };
            }
        }
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What the provider has done.
#[derive(Default)]
struct Done {
    tokens: AtomicU64,
    requests: AtomicU64,
    /// Streams that the gate left before their end.
    left: AtomicU64,
}

/// A provider that counts what it does: all of a request once it has it, of a stream what it could send.
fn provider(done: Arc<Done>) -> Upstream {
    Upstream::start(move |talk| {
        while let Some(request) = talk.request() {
            let asked: Value = serde_json::from_slice(&request.body).unwrap();
            done.requests.fetch_add(1, Ordering::SeqCst);
            done.tokens.fetch_add(INPUT, Ordering::SeqCst);
            let usage = json!({
                "prompt_tokens": INPUT, "completion_tokens": OUTPUT, "total_tokens": INPUT + OUTPUT,
            });
            if asked["stream"] != json!(true) {
                done.tokens.fetch_add(OUTPUT, Ordering::SeqCst);
                let body = json!({ "id": "1", "object": "chat.completion", "model": "gpt-4o-mini",
                    "choices": [{ "index": 0, "message": { "role": "assistant", "content": "hi" }, "finish_reason": "stop" }],
                    "usage": usage }).to_string();
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length:";
                if talk.send(format!("{head} {}\r\n\r\n{body}", body.len())).is_err() {
                    return;
                }
                continue;
            }
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
            let piece = |event: &Value| {
                let text = format!("data: {event}\n\n");
                format!("{:x}\r\n{text}\r\n", text.len())
            };
            if talk.send(head).is_err() {
                return;
            }
            for _ in 0..OUTPUT {
                let event = json!({ "id": "1", "object": "chat.completion.chunk", "model": "gpt-4o-mini",
                    "choices": [{ "index": 0, "delta": { "content": " word" } }] });
                done.tokens.fetch_add(1, Ordering::SeqCst);
                if talk.send(piece(&event)).is_err() {
                    done.left.fetch_add(1, Ordering::SeqCst);
                    return;
                }
                std::thread::sleep(Duration::from_micros(200));
            }
            let event = json!({ "id": "1", "object": "chat.completion.chunk", "model": "gpt-4o-mini",
                "choices": [], "usage": usage });
            let end = format!("{}e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n", piece(&event));
            if talk.send(end).is_err() {
                done.left.fetch_add(1, Ordering::SeqCst);
                return;
            }
        }
    })
}

/// What the clients were told.
#[derive(Default)]
struct Told {
    served: AtomicUsize,
    aborted: AtomicUsize,
    limited: AtomicUsize,
    unavailable: AtomicUsize,
    broken: AtomicUsize,
}

/// One client: plain answers, streams, and streams that it leaves.
fn client(number: usize, gates: &Mutex<[SocketAddr; 2]>, key: &str, told: &Told, end: &AtomicBool) {
    let text = "The quick brown fox jumps over the lazy dog. ".repeat(80);
    let body = |stream: bool| {
        json!({ "model": "gpt-4o-mini", "max_tokens": OUTPUT + 20, "stream": stream,
            "messages": [{ "role": "user", "content": text }] })
        .to_string()
    };
    for round in number.. {
        if end.load(Ordering::SeqCst) {
            return;
        }
        let address = gates.lock().unwrap()[round % 2];
        let Ok(stream) = std::net::TcpStream::connect(address) else {
            told.broken.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(20));
            continue;
        };
        drop(stream);
        let outcome = std::panic::catch_unwind(|| {
            let mut client = Client::connect(address);
            client.send(post("/v1/chat/completions", key, &body(round % 3 != 0)));
            if round % 11 == 0 {
                std::thread::sleep(Duration::from_millis(4));
                client.leave();
                return 0;
            }
            client.answer().status
        });
        let counter = match outcome {
            Ok(0) => &told.aborted,
            Ok(200) => &told.served,
            Ok(429) => &told.limited,
            Ok(503) => &told.unavailable,
            Ok(_) | Err(_) => &told.broken,
        };
        counter.fetch_add(1, Ordering::SeqCst);
        if matches!(outcome, Ok(429 | 503)) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn a_budget_holds_over_two_gates_whatever_breaks() {
    // A client whose gate is killed under it says so by a panic, which is caught.
    std::panic::set_hook(Box::new(|_| {}));
    let done = Arc::new(Done::default());
    let (upstream, mut redis) = (provider(Arc::clone(&done)), Redis::start());
    let limit = WORTH * (INPUT + OUTPUT);
    // 0.15 USD for a million tokens read, 0.60 USD written.
    let budget = WORTH * (INPUT * 15 + OUTPUT * 60);
    let dollars = format!("{}.{:08}", budget / 100_000_000, budget % 100_000_000);
    let limits =
        format!(r#"{{ tokens = "{limit}/day", budget = "{dollars} USD/day", requests = "1M/day" }}"#);
    let setup = Setup::new(upstream.address)
        .set("projects.search", "limits", &limits)
        .set("store", "url", &format!("{:?}", redis.url()))
        .set("store", "on_failure", r#""deny""#);
    let mut gates = [Gate::start("replica-1", &setup), Gate::start("replica-2", &setup)];
    let addresses = Mutex::new([gates[0].address, gates[1].address]);
    let (told, end) = (Told::default(), AtomicBool::new(false));
    let requests = || done.requests.load(Ordering::SeqCst);
    let begun = Moment::now();
    let mut calls = (0, 0);
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (addresses, told, end, key) = (&addresses, &told, &end, setup.client_key.as_str());
            scope.spawn(move || client(number, addresses, key, told, end));
        }
        let chaos = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            until("a sixth is done", || requests() > WORTH / 6);
            calls = (requests(), redis.calls());
            redis.signal("-STOP");
            std::thread::sleep(Duration::from_millis(1_500));
            redis.signal("-CONT");
            until("a third is done", || requests() > WORTH / 3);
            gates[1].kill();
            std::thread::sleep(Duration::from_millis(300));
            gates[1] = Gate::start("replica-2", &setup);
            addresses.lock().unwrap()[1] = gates[1].address;
            until("half is done", || requests() > WORTH / 2);
            redis.again();
            until("three fifths are done", || requests() > WORTH * 3 / 5);
            gates[0].kill();
            gates[0] = Gate::start("replica-1", &setup);
            addresses.lock().unwrap()[0] = gates[0].address;
            let mut last = (requests(), Moment::now());
            until("nothing passes any more", || {
                std::thread::sleep(Duration::from_millis(50));
                if requests() != last.0 {
                    last = (requests(), Moment::now());
                }
                last.1.elapsed() > Duration::from_secs(4)
            });
        }));
        end.store(true, Ordering::SeqCst);
        if let Err(why) = &chaos {
            let why = why.downcast_ref::<String>().map_or("", String::as_str);
            eprintln!("{} requests were done: {why}", requests());
        }
        assert!(chaos.is_ok(), "it did not come to its end");
    });
    let _ = std::panic::take_hook();
    let used = done.tokens.load(Ordering::SeqCst);
    let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
    println!(
        "limit {limit} tokens, used {used} ({:.2} %) by {} requests, {} streams left; {:.1} s",
        f64::from(u32::try_from(used).unwrap()) * 100.0 / f64::from(u32::try_from(limit).unwrap()),
        requests(),
        done.left.load(Ordering::SeqCst),
        begun.elapsed().as_secs_f64(),
    );
    println!(
        "clients: {} served, {} left, {} over the limit, {} told the store is away, {} broken with their gate",
        count(&told.served),
        count(&told.aborted),
        count(&told.limited),
        count(&told.unavailable),
        count(&told.broken),
    );
    println!("round trips in the first {} requests, with the store there: {}", calls.0, calls.1);
    // No request uses more than it reserved; what is used beyond is only what streams said that nobody read.
    let unread = done.left.load(Ordering::SeqCst) * OUTPUT;
    assert!(used <= limit + unread, "{used} of {limit}, and {unread} that nobody read");
    // What killed gates had leased and reserved, and what the store was reminded of too much, is left.
    assert!(used * 10 >= limit * 6, "much is left: {used} of {limit}");
}
