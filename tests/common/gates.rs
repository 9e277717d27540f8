//! Gates that share a quota of requests, and clients that use it up while a test breaks their store.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use portcullis::clock::Moment;
use serde_json::json;

use crate::common::client::post;
use crate::common::{Running, Setup, Upstream, until};

/// The quota, in requests for a day; one grows back in half a minute.
pub(crate) const LIMIT: usize = 3_000;
/// What its key is named at the store.
pub(crate) const KEY: &str = "{portcullis}:projects.search:requests:3000/86400:3000";

/// An upstream that serves everybody.
pub(crate) fn serving() -> Upstream {
    let body = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-mini",
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": "hi" }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2 },
    })
    .to_string();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length:";
    Upstream::answering(format!("{head} {}\r\n\r\n{body}", body.len()))
}

/// What a gate is started from that keeps the quota by this store, and refuses while it is away.
pub(crate) fn setup(upstream: &Upstream, url: &str) -> Setup {
    Setup::new(upstream.address)
        .set("projects.search", "limits", &format!(r#"{{ requests = "{LIMIT}/day" }}"#))
        .set("store", "url", &format!("{url:?}"))
        .set("store", "on_failure", r#""deny""#)
}

/// Two gates that have found their store.
pub(crate) fn two(setup: &Setup) -> [Running; 2] {
    let gates = [setup.clone().start(), setup.clone().start()];
    for gate in &gates {
        until("the store is reached", || reached(gate).is_some());
    }
    gates
}

/// The server that a gate says it has reached last.
pub(crate) fn reached(gate: &Running) -> Option<String> {
    let log = gate.log();
    let last = log.iter().rfind(|line| line.to_string().contains("limits_store_reached"))?;
    last.get("server").and_then(serde_json::Value::as_str).map(str::to_owned)
}

/// Waits until all gates have reached this port.
pub(crate) fn until_at(gates: &[Running], port: u16) {
    for gate in gates {
        until(&format!("it is reached on port {port}"), || {
            reached(gate).is_some_and(|server| server.ends_with(&format!(":{port}")))
        });
    }
}

pub(crate) fn chat(gate: &Running) -> Vec<u8> {
    let body = json!({
        "model": "gpt-4o-mini", "max_tokens": 10, "messages": [{ "role": "user", "content": "hello" }],
    });
    post("/v1/chat/completions", &gate.setup.client_key, &body.to_string())
}

/// What the clients were told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    served: AtomicUsize,
    limited: AtomicUsize,
    away: AtomicUsize,
}

impl Told {
    pub(crate) fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }

    /// Waits until so many more were served.
    pub(crate) fn until_served(&self, more: usize) {
        let before = self.served();
        until("more are served", || self.served() >= before + more);
    }
}

/// Eight clients ask both gates in turn while the test does something, and until all is used up; then no more than the
/// quota was served, and most of it.
pub(crate) fn use_up(gates: &[Running; 2], breaks: impl FnOnce(&Told)) {
    let (told, end, hurry) = (Told::default(), AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (told, end, hurry) = (&told, &end, &hurry);
            scope.spawn(move || {
                for round in number.. {
                    if end.load(Ordering::SeqCst) {
                        return;
                    }
                    let gate = &gates[round % 2];
                    let answer = gate.ask(chat(gate));
                    let counter = match (answer.status, answer.reason()) {
                        (200, _) => &told.served,
                        (429, Some("rate_limited")) => &told.limited,
                        (503, Some("limits_unavailable")) => &told.away,
                        _ => panic!("{}", answer.text()),
                    };
                    counter.fetch_add(1, Ordering::SeqCst);
                    // So that enough is left for what the test does.
                    let pause = if hurry.load(Ordering::SeqCst) { 2 } else { 60 };
                    std::thread::sleep(Duration::from_millis(pause));
                }
            });
        }
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            breaks(&told);
            hurry.store(true, Ordering::SeqCst);
            let mut last = (0, Moment::now());
            until("nothing passes any more", || {
                std::thread::sleep(Duration::from_millis(50));
                if told.served() != last.0 {
                    last = (told.served(), Moment::now());
                }
                last.1.elapsed() > Duration::from_secs(4)
            });
        }));
        end.store(true, Ordering::SeqCst);
        if let Err(why) = outcome {
            println!("{told:?}");
            for line in gates.iter().flat_map(Running::log) {
                if line.to_string().contains("limits_store") {
                    println!("{line}");
                }
            }
            std::panic::resume_unwind(why);
        }
    });
    let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
    println!(
        "{} of {LIMIT} served, {} over the limit, {} told that the store is away",
        told.served(),
        count(&told.limited),
        count(&told.away)
    );
    // Two may have grown back meanwhile.
    assert!(told.served() <= LIMIT + 2, "{} of {LIMIT}", told.served());
    assert!(told.served() * 10 >= LIMIT * 8, "much is left: {} of {LIMIT}", told.served());
}
