//! Limits that several gates share through a real Redis server: what holds in order, while it is away, and after it has
//! lost its memory.

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

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::client::post;
use common::{Running, Setup, Upstream, until};
use portcullis::clock::Moment;
use redis::Redis;
use serde_json::json;

/// An upstream that reports this usage.
fn reporting(input: u64, output: u64) -> Upstream {
    let body = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-mini",
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": "hi" }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output },
    })
    .to_string();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length:";
    Upstream::answering(format!("{head} {}\r\n\r\n{body}", body.len()))
}

/// Gates of one configuration, as replicas are.
fn setup(upstream: &Upstream, redis: &Redis, limits: &str) -> Setup {
    Setup::new(upstream.address).set("projects.search", "limits", limits).set(
        "store",
        "url",
        &format!("{:?}", redis.url()),
    )
}

fn gate(setup: &Setup) -> Running {
    let gate = setup.clone().start();
    until("the store is reached", || logged(&gate, "limits_store_reached") > 0);
    gate
}

fn logged(gate: &Running, what: &str) -> usize {
    gate.log().iter().filter(|line| line.to_string().contains(what)).count()
}

fn chat(gate: &Running, ceiling: u64) -> Vec<u8> {
    let body = json!({
        "model": "gpt-4o-mini", "max_tokens": ceiling, "messages": [{ "role": "user", "content": "hello" }],
    });
    post("/v1/chat/completions", &gate.setup.client_key, &body.to_string())
}

/// A server that loads the script and knows nothing at any question; the number of its questions.
fn forgetful() -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let questions = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&questions);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            // Of each word its length and itself; those of the script have several lines, which begin with no star.
            while let Some(line) = lines.next() {
                let Some(words) = line.strip_prefix('*').and_then(|words| words.parse::<usize>().ok()) else {
                    continue;
                };
                let word = (words > 0).then(|| lines.nth(1)).flatten().unwrap_or_default();
                let answer = match &*word.to_ascii_uppercase() {
                    "SCRIPT" => "$4\r\nabcd\r\n".to_owned(),
                    "EVALSHA" => {
                        let number = counted.fetch_add(1, Ordering::SeqCst);
                        let answer = format!("born 1 {number}");
                        format!("${}\r\n{answer}\r\n", answer.len())
                    }
                    _ => "+OK\r\n".to_owned(),
                };
                stream.write_all(answer.as_bytes()).unwrap();
            }
        }
    });
    (address, questions)
}

#[test]
fn a_store_that_keeps_nothing_is_not_asked_as_fast_as_it_answers() {
    let upstream = reporting(1, 1);
    let (address, questions) = forgetful();
    let setup = Setup::new(upstream.address).set("projects.search", "limits", r#"{ requests = "5/min" }"#);
    let begun = Moment::now();
    let gate = setup.set("store", "url", &format!("\"redis://{address}\"")).start();
    until("it was asked often enough", || questions.load(Ordering::SeqCst) >= 12);
    let asked = questions.load(Ordering::SeqCst);
    // Between two there is half a pause at least.
    let most = usize::try_from(begun.elapsed().as_millis()).unwrap() / 25 + 3;
    assert!(asked <= most, "{asked} questions, where {most} were due");
    drop(gate);
}

#[test]
fn a_quota_of_requests_holds_over_two_gates() {
    let (upstream, redis) = (reporting(1, 1), Redis::start());
    let setup = setup(&upstream, &redis, r#"{ requests = "100/day" }"#);
    let gates = [gate(&setup), gate(&setup)];
    let mut passed = 0;
    for round in 0..150 {
        let gate = &gates[round % 2];
        let answer = gate.ask(chat(gate, 10));
        if answer.status == 200 {
            passed += 1;
        } else {
            assert_eq!((answer.status, answer.reason()), (429, Some("rate_limited")), "{}", answer.text());
            let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=865).contains(&wait), "{wait}");
        }
    }
    // Each gate may hold a twentieth that the other lacks.
    assert!((90..=100).contains(&passed), "{passed}");
    println!("round trips for 150 requests at two gates: {}", redis.calls());
}

#[test]
fn tokens_that_were_not_used_are_there_for_the_other_gate() {
    let (upstream, redis) = (reporting(100, 20), Redis::start());
    let setup = setup(&upstream, &redis, r#"{ tokens = "5k/day" }"#);
    let gates = [gate(&setup), gate(&setup)];
    let mut passed = 0;
    while passed < 60 {
        let gate = &gates[passed % 2];
        let answer = gate.ask(chat(gate, 1_000));
        if answer.status != 200 {
            assert_eq!(answer.reason(), Some("tokens_limited"), "{}", answer.text());
            break;
        }
        gate.idle();
        // What is idle goes back within some seconds; here each gate has to leave the other enough.
        passed += 1;
    }
    // 5,000 less what the last may use and what both hold, at 120 each.
    assert!((8..=42).contains(&passed), "{passed}");
    std::thread::sleep(Duration::from_secs(4));
    let level: f64 =
        redis.ask(&["HGET", "{portcullis}:projects.search:tokens:5000/86400:5000", "level"]).parse().unwrap();
    let used = f64::from(u32::try_from(passed).unwrap()) * 120.0;
    assert!((level - used).abs() < 2.0, "{level} are counted and {used} were used");
}

/// How many requests pass before so many in a row are refused, at gates in turn.
fn passing(gates: &[Running], ceiling: u64, most: usize) -> usize {
    let (mut passed, mut refused) = (0, 0);
    while refused < 10 && passed < most {
        let gate = &gates[(passed + refused) % gates.len()];
        match gate.ask(chat(gate, ceiling)) {
            answer if answer.status == 200 => {
                gate.idle();
                (passed, refused) = (passed + 1, 0);
            }
            answer => {
                assert!(matches!(answer.status, 429 | 503), "{}", answer.text());
                refused += 1;
            }
        }
    }
    passed
}

#[test]
fn money_is_shared_and_told() {
    let (upstream, redis) = (reporting(1_000_000, 100_000), Redis::start());
    let setup = setup(&upstream, &redis, r#"{ budget = ["1 USD/day", "3 USD/month"] }"#);
    let gates = [gate(&setup), gate(&setup)];
    // 0.21 USD each, and as much is reserved only where the answer's ceiling says so.
    let passed = passing(&gates, 100_000, 10);
    // What was used beyond the reservation of 0.06 USD is owed within a second.
    assert!((4..=8).contains(&passed), "{passed}");
    let refused = gates[1].ask(chat(&gates[1], 3_000_000));
    assert_eq!((refused.status, refused.reason()), (429, Some("budget_exhausted")), "{}", refused.text());
    assert_eq!(refused.header("x-should-retry"), Some("false"), "it costs more than the day has");
}

#[test]
fn money_is_denied_while_the_store_hangs_and_comes_back() {
    let (upstream, redis) = (reporting(100, 20), Redis::start());
    let gate = gate(&setup(&upstream, &redis, r#"{ budget = "1 USD/day" }"#));
    assert_eq!(gate.ask(chat(&gate, 10)).status, 200);
    redis.signal("-STOP");
    until("what was leased is used up", || {
        let begun = Moment::now();
        let answer = gate.ask(chat(&gate, 100_000));
        assert!(begun.elapsed() < Duration::from_secs(5), "it waited {:?}", begun.elapsed());
        if answer.status == 200 {
            return false;
        }
        assert_eq!((answer.status, answer.reason()), (503, Some("limits_unavailable")), "{}", answer.text());
        assert_eq!(answer.header("retry-after"), Some("2"));
        true
    });
    assert_eq!(logged(&gate, "limits_store_away"), 1, "it is told once");
    assert!(gate.metrics().contains("portcullis_limits_store_away 1"));
    redis.signal("-CONT");
    until("it is served again", || gate.ask(chat(&gate, 100_000)).status == 200);
    assert_eq!(logged(&gate, "limits_store_reached"), 2);
    assert!(gate.metrics().contains("portcullis_limits_store_away 0"));
}

#[test]
fn each_gate_has_its_share_while_the_store_is_gone() {
    let (upstream, mut redis) = (reporting(1, 1), Redis::start());
    let setup = setup(&upstream, &redis, r#"{ requests = "100/day" }"#);
    let gates = [gate(&setup), gate(&setup)];
    let before = passing(&gates, 10, 40);
    // Both know what was used when it goes away.
    std::thread::sleep(Duration::from_millis(1_500));
    redis.kill();
    for gate in &gates {
        until("it is noticed", || logged(gate, "limits_store_away") == 1);
    }
    let (first, second) = gates.split_at(1);
    let during = [passing(first, 10, 100), passing(second, 10, 100)];
    assert!(during.iter().all(|passed| (20..=40).contains(passed)), "{during:?}");
    redis.again();
    for gate in &gates {
        until("it is reached again", || logged(gate, "limits_store_reached") == 2);
    }
    let after = passing(&gates, 10, 100);
    let all = before + during[0] + during[1] + after;
    println!("{before} before, {during:?} while it was gone, {after} after it came back without its memory");
    assert!((85..=100).contains(&all), "{all}");
}

#[test]
fn a_store_that_lost_its_memory_is_reminded() {
    let (upstream, mut redis) = (reporting(100, 20), Redis::start());
    let setup = setup(&upstream, &redis, r#"{ tokens = "5k/day" }"#).set("store", "on_failure", r#""deny""#);
    let gates = [gate(&setup), gate(&setup)];
    let before = passing(&gates, 500, 20);
    assert_eq!(before, 20);
    redis.again();
    for gate in &gates {
        until("it is reached again", || logged(gate, "limits_store_reached") == 2);
    }
    let after = passing(&gates, 500, 100);
    println!("{before} of 120 tokens before, {after} after the store lost its memory; the limit is 5,000");
    assert!((before + after) * 120 <= 5_000 && after >= 5, "{before} and {after}");
}

#[test]
fn a_gate_starts_without_its_store_and_finds_it_later() {
    let upstream = reporting(1, 1);
    let mut redis = Redis::start();
    redis.kill();
    let gate = setup(&upstream, &redis, r#"{ budget = "1 USD/day" }"#).start();
    let refused = gate.ask(chat(&gate, 10));
    assert_eq!((refused.status, refused.reason()), (503, Some("limits_unavailable")), "{}", refused.text());
    redis.again();
    until("it is served", || gate.ask(chat(&gate, 10)).status == 200);
}

#[test]
fn what_is_leased_goes_back_when_a_gate_ends() {
    let (upstream, redis) = (reporting(1, 1), Redis::start());
    let gate = gate(&setup(&upstream, &redis, r#"{ requests = "1000/day" }"#));
    for _ in 0..7 {
        assert_eq!(gate.ask(chat(&gate, 10)).status, 200);
    }
    let _ = gate.stop();
    let level: f64 = redis
        .ask(&["HGET", "{portcullis}:projects.search:requests:1000/86400:1000", "level"])
        .parse()
        .unwrap();
    assert!((level - 7.0).abs() < 0.9, "{level}");
    assert_eq!(redis.ask(&["ZCARD", "{portcullis}:gates"]), "0");
}

#[test]
fn the_store_may_speak_tls_and_want_a_password() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("shared-tls");
    std::fs::create_dir_all(&folder).unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let authority = folder.join("redis.pem");
    std::fs::write(&authority, made.cert.pem()).unwrap();
    std::fs::write(folder.join("redis.key"), made.signing_key.serialize_pem()).unwrap();
    let (upstream, redis) = (reporting(1, 1), Redis::guarded(&folder, "hunter2-canary"));
    let setup = Setup::new(upstream.address)
        .set("projects.search", "limits", r#"{ budget = "1 USD/day" }"#)
        .set("store", "url", &format!("\"rediss://localhost:{}\"", redis.port))
        .set("store", "password", r#""env:LIMITS_PASSWORD""#);
    let trusting = setup.clone().set("store", "ca_file", &format!("\"{}\"", authority.display()));
    let trusted = gate(&trusting.clone().variable("LIMITS_PASSWORD", "hunter2-canary"));
    assert_eq!(trusted.ask(chat(&trusted, 10)).status, 200);
    // Who has another password, or does not know the authority, is told why, and never the password.
    for (setup, why) in [
        (trusting.variable("LIMITS_PASSWORD", "wrong-canary"), "authentication failed"),
        (setup.variable("LIMITS_PASSWORD", "hunter2-canary"), "certificate"),
    ] {
        let gate = setup.start();
        assert_eq!(gate.ask(chat(&gate, 10)).reason(), Some("limits_unavailable"));
        until("it is told", || logged(&gate, "limits_store_away") == 1);
        let log = gate.written.text();
        assert!(log.contains(why) && !log.contains("-canary"), "{log}");
    }
}
