//! Requests in flight that several gates bound together through a real Redis server.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;
#[path = "common/redis.rs"]
#[expect(dead_code, reason = "each test uses another part of the harness")]
mod redis;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{Client, Running, Setup, Upstream, until};
use portcullis::clock::Moment;
use redis::Redis;

const SLOTS: &str = "{portcullis}:projects.search:slots";

/// How many requests are at the upstream, and how many there were at most.
#[derive(Default)]
struct Seen {
    now: AtomicUsize,
    most: AtomicUsize,
    /// While this is so, nothing is answered.
    held: std::sync::atomic::AtomicBool,
}

/// An upstream that takes its time.
fn slow(seen: &Arc<Seen>, time: Duration) -> Upstream {
    let seen = Arc::clone(seen);
    Upstream::start(move |talk| {
        while talk.request().is_some() {
            let now = seen.now.fetch_add(1, Ordering::SeqCst) + 1;
            seen.most.fetch_max(now, Ordering::SeqCst);
            std::thread::sleep(time);
            while seen.held.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(5));
            }
            seen.now.fetch_sub(1, Ordering::SeqCst);
            let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
            if talk.send(answer).is_err() {
                return;
            }
        }
    })
}

fn gates<const N: usize>(upstream: &Upstream, redis: &Redis, limits: &str) -> [Running; N] {
    let setup = Setup::new(upstream.address).set("projects.search", "limits", limits).set(
        "store",
        "url",
        &format!("{:?}", redis.url()),
    );
    [(); N].map(|()| {
        let gate = setup.clone().start();
        let reached = |line: &serde_json::Value| line.to_string().contains("limits_store_reached");
        until("the store is reached", || gate.log().iter().any(reached));
        gate
    })
}

/// Sends so many requests to a gate, each on a connection of its own.
fn sent(gate: &Running, count: usize) -> Vec<Client> {
    (0..count)
        .map(|_| {
            let mut client = gate.connect();
            client.send(gate.chat());
            client
        })
        .collect()
}

/// How many of these were served; all others found no free slot.
fn served(clients: Vec<Client>) -> usize {
    let mut served = 0;
    for mut client in clients {
        let answer = client.answer();
        match answer.status {
            200 => served += 1,
            429 => assert_eq!(answer.reason(), Some("concurrency_limited"), "{}", answer.text()),
            other => panic!("{other}: {}", answer.text()),
        }
    }
    served
}

/// How many slots the store says that gates hold.
fn held(redis: &Redis) -> usize {
    let all = redis.ask(&["HGETALL", SLOTS]);
    let all: Vec<&str> = all.split_whitespace().collect();
    // Behind a '!' stands when a gate was refused one.
    let held = all.chunks_exact(2).filter(|pair| !pair[0].starts_with('!'));
    held.map(|pair| pair[1].parse::<usize>().unwrap()).sum()
}

#[test]
fn requests_in_flight_are_bounded_over_all_gates() {
    let (seen, redis) = (Arc::new(Seen::default()), Redis::start());
    let upstream = slow(&seen, Duration::from_millis(8));
    let gates: [Running; 3] = gates(&upstream, &redis, "{ concurrency = 5 }");
    let passed: Vec<usize> = std::thread::scope(|scope| {
        let begun = Moment::now();
        let rounds = gates.each_ref().map(|gate| {
            scope.spawn(move || {
                let mut passed = 0;
                while begun.elapsed() < Duration::from_secs(5) {
                    passed += served(sent(gate, 4));
                }
                passed
            })
        });
        rounds.into_iter().map(|round| round.join().unwrap()).collect()
    });
    let most = seen.most.load(Ordering::SeqCst);
    println!("{passed:?} passed, {most} at once at most, {} calls", redis.calls());
    assert_eq!(most, 5, "all are used, and no more");
    // Who has none gets its share of what comes free.
    let (fewest, all) = (passed.iter().min().unwrap(), passed.iter().sum::<usize>());
    assert!(fewest * 8 > all, "{passed:?}");
    // What is not used goes back, and one gate may have all when no other wants any.
    until("all slots are free", || held(&redis) == 0);
    until("one has all", || served(sent(&gates[0], 5)) == 5);
    assert_eq!(seen.most.load(Ordering::SeqCst), 5);
}

#[test]
fn a_slot_is_one_of_each_bound() {
    let (seen, redis) = (Arc::new(Seen::default()), Redis::start());
    let upstream = slow(&seen, Duration::from_millis(5));
    let limits = r#"{ concurrency = 4, models = { "gpt-4o*" = { concurrency = 2 } } }"#;
    let gates: [Running; 2] = gates(&upstream, &redis, limits);
    seen.held.store(true, Ordering::SeqCst);
    let first = sent(&gates[0], 2);
    until("both are upstream", || seen.now.load(Ordering::SeqCst) == 2);
    // The model's are taken; those of all models come back to who is refused for that.
    for _ in 0..6 {
        assert_eq!(served(sent(&gates[1], 1)), 0);
    }
    seen.held.store(false, Ordering::SeqCst);
    assert_eq!(served(first), 2);
    until("another gate has them", || served(sent(&gates[1], 2)) == 2);
}

#[test]
fn the_slots_of_a_gate_that_died_come_free() {
    let (seen, redis) = (Arc::new(Seen::default()), Redis::start());
    let upstream = slow(&seen, Duration::ZERO);
    let [gate]: [Running; 1] = gates(&upstream, &redis, "{ concurrency = 3 }");
    // As if it had been heard eight seconds ago.
    let heard = Moment::now().unix_millis() - 8_000;
    redis.ask(&["ZADD", "{portcullis}:gates", &heard.to_string(), "dead"]);
    redis.ask(&["HSET", SLOTS, "dead", "3"]);
    assert_eq!(served(sent(&gate, 1)), 0);
    until("it is given up", || served(sent(&gate, 1)) == 1);
    assert_eq!(served(sent(&gate, 3)), 3);
    assert_eq!(redis.ask(&["HEXISTS", SLOTS, "dead"]), "0");
}

#[test]
fn each_gate_has_its_share_of_slots_while_the_store_is_away() {
    let (seen, redis) = (Arc::new(Seen::default()), Redis::start());
    let upstream = slow(&seen, Duration::ZERO);
    let gates: [Running; 2] = gates(&upstream, &redis, "{ concurrency = 4 }");
    // Both know of each other.
    std::thread::sleep(Duration::from_millis(1_500));
    redis.signal("-STOP");
    for gate in &gates {
        until("it is noticed", || gate.metrics().contains("portcullis_limits_store_away 1"));
    }
    seen.held.store(true, Ordering::SeqCst);
    for (gate, so_far) in gates.iter().zip([2, 4]) {
        let clients = sent(gate, 2);
        until("its share is upstream", || seen.now.load(Ordering::SeqCst) == so_far);
        assert_eq!(served(sent(gate, 2)), 0, "no more than its share");
        std::mem::forget(clients);
    }
    redis.signal("-CONT");
    for gate in &gates {
        until("it is back", || gate.metrics().contains("portcullis_limits_store_away 0"));
    }
    until("what is in flight was told", || held(&redis) == 4);
    seen.held.store(false, Ordering::SeqCst);
    until("all came back", || held(&redis) == 0);
    assert_eq!(served(sent(&gates[0], 4)), 4);
}
