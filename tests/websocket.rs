//! Sessions over sockets: the handshakes, strict frames, judged messages, and how each session ends, byte by byte.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;
#[path = "common/redis.rs"]
#[expect(dead_code, reason = "each test uses another part of the harness")]
mod redis;

use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use common::client::request;
use common::upstream::Talk;
use common::{Client, Running, Setup, Upstream, until};
use portcullis::book::Wanted;
use portcullis::run::Ended;
use redis::Redis;

const REALTIME: &str = "/v1/realtime?model=gpt-realtime";
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// What the key is answered with.
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A frame as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Frame {
    first: u8,
    payload: Vec<u8>,
}

impl Frame {
    fn text(&self) -> &str {
        assert_eq!(self.first, 0x81, "{self:?}");
        std::str::from_utf8(&self.payload).unwrap()
    }

    /// The code and reason of a close.
    fn close(&self) -> (u16, String) {
        assert_eq!(self.first, 0x88, "{self:?}");
        let code = self.payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
        (code, String::from_utf8(self.payload.get(2..).unwrap_or_default().to_vec()).unwrap())
    }
}

/// A frame in bytes, masked as a client's must be.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [7, 77, 177, 250];
    let mut out = framed(first, payload, 0x80);
    let from = out.len() - payload.len();
    out.splice(from..from, mask);
    for (at, byte) in out[from + 4..].iter_mut().enumerate() {
        *byte ^= mask[at % 4];
    }
    out
}

fn framed(first: u8, payload: &[u8], masked: u8) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        short @ 0..=125 => out.push(masked | u8::try_from(short).unwrap()),
        long @ 126..=0xffff => {
            out.push(masked | 0x7e);
            out.extend(u16::try_from(long).unwrap().to_be_bytes());
        }
        long => {
            out.push(masked | 0x7f);
            out.extend((long as u64).to_be_bytes());
        }
    }
    out.extend(payload);
    out
}

/// Reads a frame; whether it must be masked is checked.
fn read(masked: bool, mut exactly: impl FnMut(usize) -> Option<Vec<u8>>) -> Option<Frame> {
    let head = exactly(2)?;
    assert_eq!(head[1] & 0x80 != 0, masked);
    let length = match head[1] & 0x7f {
        126 => u16::from_be_bytes(exactly(2)?.try_into().unwrap()).into(),
        127 => u64::from_be_bytes(exactly(8)?.try_into().unwrap()),
        short => short.into(),
    };
    let mask = if masked { exactly(4)? } else { vec![0; 4] };
    let mut payload = exactly(usize::try_from(length).unwrap())?;
    for (at, byte) in payload.iter_mut().enumerate() {
        *byte ^= mask[at % 4];
    }
    Some(Frame { first: head[0], payload })
}

fn base64(bytes: &[u8]) -> String {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
    let six = |from: usize| (from..from + 6).fold(0, |six, at| six << 1 | bit(at));
    let mut text: String =
        (0..bytes.len() * 8).step_by(6).map(|from| char::from(digits[usize::from(six(from))])).collect();
    text.push_str(&"=".repeat((4 - text.len() % 4) % 4));
    text
}

fn accept(key: &str) -> String {
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    base64(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()).as_ref())
}

/// What the upstream's script does.
enum Do {
    Send(Vec<u8>),
    Read(Sender<Option<Frame>>),
    Leave,
    Reset,
}

/// An upstream whose session a test leads.
struct Led {
    upstream: Upstream,
    lead: Sender<Do>,
    /// How many pieces the gate has taken.
    sent: Arc<AtomicUsize>,
}

impl Led {
    fn new() -> Self {
        Self::answering(|_| String::new())
    }

    /// The same with more headers in its answer.
    fn answering(more: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let (lead, led) = channel::<Do>();
        let led: Arc<Mutex<Receiver<Do>>> = Arc::new(Mutex::new(led));
        let sent = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&sent);
        let upstream = Upstream::start(move |talk: &mut Talk| {
            let Some(asked) = talk.request() else { return };
            let accept = accept(asked.header("sec-websocket-key")[0]);
            let more = more(asked.target());
            let answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
                 sec-websocket-accept: {accept}\r\nx-request-id: theirs\r\n{more}\r\n"
            );
            if talk.send(answer).is_err() {
                return;
            }
            let led = led.lock().unwrap();
            while let Ok(what) = led.recv() {
                match what {
                    Do::Send(bytes) => {
                        drop(talk.send(bytes));
                        counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    }
                    Do::Read(told) => drop(told.send(read(true, |length| talk.exactly(length)))),
                    Do::Leave => return,
                    Do::Reset => return talk.reset(),
                }
            }
        });
        Self { upstream, lead, sent }
    }

    fn send(&self, bytes: impl Into<Vec<u8>>) {
        self.lead.send(Do::Send(bytes.into())).unwrap();
    }

    /// The next frame that reaches the upstream, or nothing if the connection ends.
    fn read(&self) -> Option<Frame> {
        let (told, frame) = channel();
        self.lead.send(Do::Read(told)).unwrap();
        frame.recv_timeout(common::PATIENCE).unwrap()
    }
}

fn handshake(target: &str, key: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let bearer = format!("Bearer {key}");
    let mut headers = vec![
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", KEY),
    ];
    if !key.is_empty() {
        headers.push(("authorization", &bearer));
    }
    headers.extend(more);
    request("GET", target, &headers, "")
}

/// Opens a session.
fn open(gate: &Running, target: &str) -> Client {
    let mut client = gate.connect();
    client.send(handshake(target, &gate.setup.client_key, &[]));
    let answer = client.head();
    assert_eq!(answer.status, 101, "{answer:?}");
    client
}

fn next(client: &mut Client) -> Option<Frame> {
    read(false, |length| client.exactly(length))
}

fn gate(led: &Led) -> Setup {
    Setup::new(led.upstream.address).set("server", "max_body", "100000")
}

const LISTED: &str = r#"["gpt-realtime"]"#;

#[test]
fn a_session_passes_both_ways_and_leaves_one_record() {
    let led = Led::answering(|_| "sec-websocket-protocol: realtime\r\nset-cookie: a=b\r\n".to_owned());
    let gate = gate(&led).set("projects.search", "limits", "{ concurrency = 1 }").start();
    let mut client = gate.connect();
    let protocols =
        format!("realtime, openai-insecure-api-key.{}, openai-beta.realtime-v1", gate.setup.client_key);
    client.send(handshake(
        REALTIME,
        "",
        &[("sec-websocket-protocol", &protocols), ("sec-websocket-extensions", "permessage-deflate")],
    ));
    let answer = client.head();
    assert_eq!(answer.status, 101, "{answer:?}");
    assert_eq!((answer.status, answer.header("sec-websocket-accept")), (101, Some(ACCEPT)));
    assert_eq!(answer.header("sec-websocket-protocol"), Some("realtime"));
    assert_eq!(answer.header("x-upstream-request-id"), Some("theirs"));
    for never in ["sec-websocket-extensions", "set-cookie", "content-length", "transfer-encoding"] {
        assert_eq!(answer.header(never), None, "{never}");
    }
    let sent = &led.upstream.requests()[0];
    assert_eq!((sent.method(), sent.target()), ("GET", REALTIME));
    assert_eq!(sent.header("authorization"), [format!("Bearer {}", gate.setup.provider_key)]);
    assert_eq!(sent.header("sec-websocket-protocol"), ["realtime, openai-beta.realtime-v1"]);
    assert_ne!(sent.header("sec-websocket-key"), [KEY], "a key of the gate's own");
    assert!(sent.header("sec-websocket-extensions").is_empty());
    assert!(!sent.head.contains(&gate.setup.client_key));

    // The slot is held as long as the session lasts.
    assert_eq!(
        gate.ask(handshake(REALTIME, &gate.setup.client_key, &[])).reason(),
        Some("concurrency_limited")
    );
    let message = r#"{"type":"input_audio_buffer.append","audio":"AAAA"}"#;
    client.send(masked(0x81, message.as_bytes()));
    assert_eq!(led.read().unwrap().text(), message);
    // In pieces, with a ping between; it goes on whole.
    client.send([masked(0x02, b"{\"a\":"), masked(0x89, b"are you there"), masked(0x80, b"1}")].concat());
    assert_eq!(led.read().unwrap(), Frame { first: 0x89, payload: b"are you there".to_vec() });
    assert_eq!(led.read().unwrap(), Frame { first: 0x82, payload: b"{\"a\":1}".to_vec() });

    led.send(
        [framed(0x8a, b"are you there", 0), framed(0x01, b"{\"b\"", 0), framed(0x80, b":2}", 0)].concat(),
    );
    assert_eq!(next(&mut client).unwrap(), Frame { first: 0x8a, payload: b"are you there".to_vec() });
    assert_eq!(next(&mut client).unwrap(), Frame { first: 0x01, payload: b"{\"b\"".to_vec() });
    assert_eq!(next(&mut client).unwrap(), Frame { first: 0x80, payload: b":2}".to_vec() });
    let big = vec![b'x'; 300_000];
    led.send(framed(0x81, &big, 0));
    assert_eq!(next(&mut client).unwrap().payload, big);

    client.send(masked(0x88, &[3, 232, b'b', b'y', b'e']));
    assert_eq!(led.read().unwrap().close(), (1000, "bye".to_owned()));
    led.send(framed(0x88, &[3, 232], 0));
    assert_eq!(next(&mut client).unwrap().close(), (1000, String::new()));
    assert!(client.ended());
    let records = gate.records_when(2);
    let record = records.iter().find(|record| record["event"] == "served").unwrap();
    assert_eq!(
        (&record["status"], &record["stream"], &record["model"]),
        (&101.into(), &true.into(), &"gpt-realtime".into())
    );
    assert_eq!((&record["client_messages"], &record["upstream_messages"]), (&2.into(), &2.into()));
    let bytes = (message.len() + 7, big.len() + 7);
    assert_eq!((&record["request_bytes"], &record["response_bytes"]), (&bytes.0.into(), &bytes.1.into()));
    assert_eq!((&record["closed_by"], &record["close_code"]), (&"client".into(), &1000.into()));
    assert_eq!(record["endpoint"], "realtime.socket");
    gate.idle();
    // The slot is free again; this time nobody offered the sub-protocol that the upstream chooses.
    led.lead.send(Do::Leave).unwrap();
    let answer = gate.ask(handshake(REALTIME, &gate.setup.client_key, &[]));
    assert_eq!(answer.reason(), Some("upstream_invalid"));
}

/// The handshake is made anew for the next credential, of what the client offered.
#[test]
fn a_session_begins_with_the_next_credential_where_one_is_refused() {
    let upstream = Upstream::start(|talk: &mut Talk| {
        while let Some(asked) = talk.request() {
            if asked.header("authorization") == ["Bearer sk-canary-a"] {
                let body = r#"{"error":{"message":"no","type":"x","param":null,"code":"invalid_api_key"}}"#;
                let head = "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\ncontent-length";
                drop(talk.send(format!("{head}: {}\r\n\r\n{body}", body.len())));
                continue;
            }
            let accept = accept(asked.header("sec-websocket-key")[0]);
            drop(talk.send(format!(
                "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
                 sec-websocket-accept: {accept}\r\nsec-websocket-protocol: realtime\r\n\r\n"
            )));
            talk.closed();
            return;
        }
    });
    let list = r#"[{ id = "a", secret = "env:KEY_a" }, { id = "b", secret = "env:KEY_b" }]"#;
    let gate = Setup::new(upstream.address)
        .variable("KEY_a", "sk-canary-a")
        .variable("KEY_b", "sk-canary-b")
        .set("upstreams.openai", "credentials", list)
        .start();
    let protocols =
        format!("realtime, openai-insecure-api-key.{}, openai-beta.realtime-v1", gate.setup.client_key);
    let mut client = gate.connect();
    client.send(handshake(REALTIME, "", &[("sec-websocket-protocol", &protocols), ("cookie", "a=b")]));
    let answer = client.head();
    assert_eq!((answer.status, answer.header("sec-websocket-accept")), (101, Some(ACCEPT)), "{answer:?}");
    assert_eq!(answer.header("sec-websocket-protocol"), Some("realtime"));
    let sent = upstream.requests();
    assert_eq!(sent.len(), 2);
    for (request, key) in sent.iter().zip(["a", "b"]) {
        assert_eq!(request.header("authorization"), [format!("Bearer sk-canary-{key}")]);
        assert_eq!(request.header("sec-websocket-protocol"), ["realtime, openai-beta.realtime-v1"]);
        assert_eq!(request.header("upgrade"), ["websocket"]);
        assert!(request.header("cookie").is_empty());
        assert!(!request.head.contains(&gate.setup.client_key));
    }
    let key = |at: usize| sent[at].header("sec-websocket-key")[0].to_owned();
    assert!(key(0) != key(1) && ![key(0), key(1)].contains(&KEY.to_owned()));
}

/// A session's answer tells what it used; the sum is in the record, whatever frames it came in.
#[test]
fn a_sessions_record_tells_what_all_its_responses_used() {
    let led = Led::new();
    let gate = gate(&led).start();
    let mut client = open(&gate, REALTIME);
    let done = |input: u64, output: u64| {
        format!(
            r#"{{"type":"response.done","response":{{"usage":{{"input_tokens":{input},"output_tokens":{output}}}}}}}"#
        )
    };
    let (first, second, third) = (done(10, 4), done(20, 5), done(30, 6));
    let (begins, ends) = second.as_bytes().split_at(40);
    led.send(framed(0x81, first.as_bytes(), 0));
    // In frames, with a ping between and an empty one at the end.
    led.send(
        [framed(0x01, begins, 0), framed(0x89, b"", 0), framed(0x00, ends, 0), framed(0x80, b"", 0)].concat(),
    );
    led.send(framed(0x81, br#"{"type":"response.output_text.delta","delta":"\"usage\":{}"}"#, 0));
    for byte in framed(0x81, third.as_bytes(), 0) {
        led.send([byte]);
    }
    while next(&mut client).unwrap().payload != third.as_bytes() {}
    end(&mut client, &led);
    let record = gate.record();
    assert_eq!((&record["input_tokens"], &record["output_tokens"]), (&60.into(), &15.into()), "{record}");
}

/// What is left of the project's limit, as it is told to its holder.
fn left(gate: &Running) -> u64 {
    let bearer = format!("Bearer {}", gate.setup.client_key);
    let whoami = gate.ask(request("GET", "/portcullis/whoami", &[("authorization", &bearer)], ""));
    whoami.json()["limits"][0]["left"].as_u64().unwrap()
}

/// Ends a session in order: the client first.
fn end(client: &mut Client, led: &Led) {
    client.send(masked(0x88, &[3, 232]));
    assert_eq!(led.read().unwrap().close().0, 1000);
    led.send(framed(0x88, &[3, 232], 0));
    assert_eq!(next(client).unwrap().close().0, 1000);
}

/// A session over the socket of Responses in which one response was asked for, and has used 400 tokens of 5000.
fn used(led: &Led) -> (Running, Client) {
    let gate = gate(led).set("projects.search", "limits", r#"{ output_tokens = "5k/day" }"#).start();
    let mut client = open(&gate, "/v1/responses");
    client.send(masked(0x81, ASKS.as_bytes()));
    assert_eq!(led.read().unwrap().text(), ASKS);
    let done =
        r#"{"type":"response.completed","response":{"usage":{"input_tokens":10,"output_tokens":400}}}"#;
    led.send(framed(0x81, done.as_bytes(), 0));
    assert_eq!(next(&mut client).unwrap().text(), done);
    (gate, client)
}

#[test]
fn a_session_under_a_budget_that_has_no_ledger_yet_asks_for_nothing() {
    let led = Led::new();
    let gate = gate(&led).start();
    let path = common::fresh_path("no-ledger");
    let next = gate.setup.clone().set("store", "path", &format!("\"{}\"", path.display()));
    let next = next.set("projects.search", "limits", r#"{ budget = "50 USD/day" }"#);
    gate.gate.put_in_force(gate.gate.reload(&next.sources()).unwrap());
    let answer = gate.ask(handshake("/v1/responses", &gate.setup.client_key, &[]));
    assert_eq!((answer.status, answer.reason()), (503, Some("ledger_unavailable")));
    assert_eq!(led.upstream.requests().len(), 0);
}

#[test]
fn what_each_response_may_cost_is_written_down_before_it_is_asked_for() {
    let led = Led::new();
    let path = common::fresh_path("responses");
    let setup = gate(&led).set("store", "path", &format!("\"{}\"", path.display()));
    let gate = setup.set("projects.search", "limits", r#"{ budget = "50 USD/day" }"#).start();
    let mut client = open(&gate, "/v1/responses");
    let reserved = |settled: bool| {
        let project = Wanted { since_ms: 0, project: "search", key: None, models: None };
        let spent = gate.shared().ledger.book.as_ref().unwrap().spent(&[project]).unwrap();
        if settled { spent[0].settled } else { spent[0].reserved }
    };
    let done =
        r#"{"type":"response.completed","response":{"usage":{"input_tokens":0,"output_tokens":1000000}}}"#;
    for (before, model, cost) in [
        (0, "gpt-4o-mini", 1_200_000),
        (1, "gpt-4o", 600_000_000 + 20_000_000),
        (2, "gpt-4o", 10_620_000_000),
    ] {
        let asks = ASKS.replace("gpt-4o-mini", model);
        client.send(masked(0x81, asks.as_bytes()));
        assert_eq!(led.read().unwrap().text(), asks);
        let now = reserved(false);
        assert_eq!(now.usage.output, before * 1_000_000 + 2_000);
        // In nanodollars, without the few tokens of the input.
        let nano = now.cost.as_picodollars() / 1_000;
        assert!((cost..cost + cost / 100 + 100_000).contains(&nano), "{nano} {cost}");
        led.send(framed(0x81, done.as_bytes(), 0));
        assert_eq!(next(&mut client).unwrap().text(), done);
    }
    end(&mut client, &led);
    client.hang_up();
    gate.idle();
    until("it is settled", || reserved(true).usage.output == 3_000_000);
    assert_eq!((reserved(false).usage.output, reserved(true).requests), (0, 1));
}

const ASKS: &str =
    r#"{"type":"response.create","model":"gpt-4o-mini","max_output_tokens":2000,"input":"hi"}"#;

#[test]
fn a_session_that_ends_by_a_refusal_is_settled_by_what_it_used() {
    let led = Led::new();
    let (gate, mut client) = used(&led);
    client.send(masked(0x81, b"no JSON"));
    assert_eq!(next(&mut client).unwrap().close().0, 1007);
    assert_eq!(led.read().unwrap().close().0, 1007);
    client.hang_up();
    gate.idle();
    assert_eq!(left(&gate), 4_600);
    let records = gate.records();
    let record = records.iter().find(|record| record["reason"] == "body_invalid").unwrap();
    assert!(record["cost_usd"].as_f64().unwrap() > 0.0, "{record}");
}

#[test]
fn each_response_has_the_limits_and_the_price_of_its_own_model() {
    let led = Led::new();
    let gate = gate(&led).set("projects.search.limits.models", "gpt-4o", r#"{ requests = "1/day" }"#).start();
    let mut client = open(&gate, "/v1/responses");
    let asks = |model: &str| ASKS.replace("gpt-4o-mini", model);
    let done =
        r#"{"type":"response.completed","response":{"usage":{"input_tokens":0,"output_tokens":1000000}}}"#;
    for model in ["gpt-4o-mini", "gpt-4o", "gpt-4o-mini"] {
        client.send(masked(0x81, asks(model).as_bytes()));
        assert_eq!(led.read().unwrap().text(), asks(model));
        led.send(framed(0x81, done.as_bytes(), 0));
        assert_eq!(next(&mut client).unwrap().text(), done);
    }
    client.send(masked(0x81, asks("gpt-4o").as_bytes()));
    assert_eq!(next(&mut client).unwrap().close().0, 1008);
    client.hang_up();
    gate.idle();
    let record = gate.record();
    assert_eq!(record["reason"], "rate_limited", "{record}");
    assert_eq!(record["earlier_models"], serde_json::json!(["gpt-4o-mini", "gpt-4o", "gpt-4o-mini"]));
    // 0.60, 10.00 and 0.60 dollars.
    assert_eq!(record["cost_usd"], 11.2, "{record}");
}

#[test]
fn a_session_holds_a_slot_of_each_model_that_it_asks() {
    let led = Led::new();
    let gate = gate(&led).set("projects.search.limits.models", "gpt-4o", "{ concurrency = 1 }").start();
    let asks = |model: &str| masked(0x81, ASKS.replace("gpt-4o-mini", model).as_bytes());
    let done = r#"{"type":"response.completed","response":{"usage":{"input_tokens":9,"output_tokens":9}}}"#;
    let told = |client: &mut Client| {
        led.send(framed(0x81, done.as_bytes(), 0));
        assert_eq!(next(client).unwrap().text(), done);
    };
    let refused = || {
        let mut other = open(&gate, "/v1/responses");
        other.send(asks("gpt-4o"));
        let (code, reason) = next(&mut other).unwrap().close();
        assert!(code == 1008 && reason.starts_with("concurrency_limited"), "{reason}");
        other.hang_up();
    };
    let mut client = open(&gate, "/v1/responses");
    assert_eq!(left(&gate), 1, "it has named no model");
    for (model, free) in [("gpt-4o", 0), ("gpt-4o-mini", 1), ("gpt-4o", 0), ("gpt-4o", 0)] {
        client.send(asks(model));
        assert!(led.read().unwrap().text().contains(model));
        assert_eq!(left(&gate), free, "{model}");
        told(&mut client);
    }
    refused();
    // Of two responses at once the first may be the one that still goes on.
    client.send(asks("gpt-4o"));
    client.send(asks("gpt-4o-mini"));
    assert!(led.read().is_some() && led.read().is_some());
    refused();
    assert_eq!(left(&gate), 0);
    client.leave();
    assert_eq!(led.read().unwrap().close().0, 1001);
    until("its slots are back", || left(&gate) == 1);
}

#[test]
fn sessions_of_several_gates_share_a_models_slots() {
    let (led, redis) = (Led::new(), Redis::start());
    let setup = gate(&led).set("projects.search.limits.models", "gpt-4o", "{ concurrency = 1 }").set(
        "store",
        "url",
        &format!("{:?}", redis.url()),
    );
    let gates = [setup.clone().start(), setup.start()];
    for gate in &gates {
        let reached = |line: &serde_json::Value| line.to_string().contains("limits_store_reached");
        until("the store is reached", || gate.log().iter().any(reached));
    }
    let asks = masked(0x81, ASKS.replace("gpt-4o-mini", "gpt-4o").as_bytes());
    let mut client = open(&gates[0], "/v1/responses");
    client.send(&asks);
    assert!(led.read().unwrap().text().contains("gpt-4o"));
    let mut other = open(&gates[1], "/v1/responses");
    other.send(&asks);
    let (code, reason) = next(&mut other).unwrap().close();
    assert!(code == 1008 && reason.starts_with("concurrency_limited"), "{reason}");
    other.hang_up();
    client.leave();
    assert_eq!(led.read().unwrap().close().0, 1001);
    until("another gate has it", || {
        let mut other = open(&gates[1], "/v1/responses");
        // What ends the session is the second message, if the first passes.
        other.send([asks.clone(), masked(0x81, b"hello")].concat());
        let (_, reason) = next(&mut other).unwrap().close();
        other.hang_up();
        reason.starts_with("body_invalid")
    });
}

#[test]
fn a_session_keeps_the_slot_of_the_model_that_it_began_with() {
    let led = Led::new();
    let gate = gate(&led).set("projects.search.limits.models", "gpt-realtime", "{ concurrency = 1 }").start();
    let mut client = open(&gate, REALTIME);
    for message in
        [r#"{"type":"response.create"}"#, r#"{"type":"response.create","response":{"model":"gpt-4o"}}"#]
    {
        client.send(masked(0x81, message.as_bytes()));
        assert_eq!(led.read().unwrap().text(), message);
        assert_eq!(left(&gate), 0, "{message}");
    }
    assert_eq!(
        gate.ask(handshake(REALTIME, &gate.setup.client_key, &[])).reason(),
        Some("concurrency_limited")
    );
}

#[test]
fn a_response_of_which_a_session_does_not_wait_for_the_report_is_settled_by_what_was_seen() {
    let led = Led::new();
    let (gate, mut client) = used(&led);
    client.send(masked(0x81, ASKS.as_bytes()));
    assert_eq!(led.read().unwrap().text(), ASKS);
    let delta = format!(r#"{{"type":"response.output_text.delta","delta":"{}"}}"#, "x".repeat(3_000));
    led.send(framed(0x81, delta.as_bytes(), 0));
    assert_eq!(next(&mut client).unwrap().text(), delta);
    end(&mut client, &led);
    client.hang_up();
    gate.idle();
    assert_eq!(left(&gate), 4_000, "a token for three bytes");
}

#[test]
fn a_response_is_settled_by_what_was_seen_where_more_was_asked_for_before_its_report() {
    let delta = format!(r#"{{"type":"response.output_text.delta","delta":"{}"}}"#, "x".repeat(3_000));
    for (more, code) in [("9000", 1008), ("100", 1000)] {
        let led = Led::new();
        let (gate, mut client) = used(&led);
        client.send(masked(0x81, ASKS.as_bytes()));
        assert_eq!(led.read().unwrap().text(), ASKS);
        led.send(framed(0x81, delta.as_bytes(), 0));
        assert_eq!(next(&mut client).unwrap().text(), delta);
        let more = ASKS.replace("2000", more);
        client.send(masked(0x81, more.as_bytes()));
        if code == 1000 {
            assert_eq!(led.read().unwrap().text(), more);
            client.send(masked(0x88, &[3, 232]));
        }
        assert_eq!(led.read().unwrap().close().0, code);
        led.send(framed(0x88, &[3, 232], 0));
        assert_eq!(next(&mut client).unwrap().close().0, code);
        client.hang_up();
        gate.idle();
        assert_eq!(left(&gate), 4_000, "{more}");
    }
}

#[test]
fn a_handshake_that_is_none_is_refused_before_the_upstream() {
    let led = Led::new();
    let gate = gate(&led).start();
    let key = gate.setup.client_key.clone();
    let good = String::from_utf8(handshake(REALTIME, &key, &[])).unwrap();
    for (from, to) in [
        ("sec-websocket-version: 13", "sec-websocket-version: 8"),
        ("sec-websocket-version: 13\r\n", ""),
        ("connection: Upgrade", "connection: keep-alive"),
        (KEY, "short=="),
        ("sec-websocket-key", "x-key"),
    ] {
        let answer = gate.ask(good.replace(from, to));
        assert_eq!((answer.status, answer.reason()), (400, Some("handshake_invalid")), "{to}");
        assert_eq!(answer.header("sec-websocket-version"), Some("13"));
    }
    let answer = gate.ask(good.replace("upgrade: websocket\r\n", ""));
    assert_eq!(answer.reason(), Some("endpoint_unknown"), "it asks for none");
    assert!(answer.text().contains("WebSocket"), "{}", answer.text());
    assert_eq!(gate.ask(handshake("/v1/realtime", &key, &[])).reason(), Some("model_missing"));
    assert_eq!(
        gate.ask(handshake("/v1/models", &key, &[])).status,
        502,
        "an upgrade of nothing is no upgrade"
    );
    assert_eq!(gate.ask(handshake(REALTIME, "", &[])).reason(), Some("key_missing"));
    let two = [("sec-websocket-protocol", "openai-insecure-api-key.pcl_other")];
    assert_eq!(gate.ask(handshake(REALTIME, &key, &two)).reason(), Some("key_conflict"));
    assert!(led.upstream.requests().iter().all(|sent| sent.target() == "/v1/models"));
}

#[test]
fn rules_that_messages_could_get_past_keep_sessions_out() {
    let led = Led::new();
    let gate = gate(&led).set("projects.search", "parameters", "{ max_tokens = 10 }").start();
    let answer = gate.ask(handshake(REALTIME, &gate.setup.client_key, &[]));
    assert_eq!(answer.reason(), Some("parameter_not_allowed"));
    assert!(led.upstream.requests().is_empty());
}

#[test]
fn an_upstream_that_shakes_hands_wrongly_is_no_websocket() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned(),
        "HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: x\r\n\r\n".to_owned(),
        format!("HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: {ACCEPT}\r\n\r\n"),
    ] {
        let upstream = Upstream::answering(answer.clone());
        let gate = Setup::new(upstream.address).start();
        let told = gate.ask(handshake(REALTIME, &gate.setup.client_key, &[]));
        assert_eq!((told.status, told.reason()), (502, Some("upstream_invalid")), "{answer}");
        assert_eq!(gate.record()["reason"], "upstream_invalid");
    }
    let upstream = Upstream::answering(
        "HTTP/1.1 401 No\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
    );
    let gate = Setup::new(upstream.address).start();
    let told = gate.ask(handshake(REALTIME, &gate.setup.client_key, &[]));
    assert_eq!(told.reason(), Some("upstream_credential_rejected"));
}

/// Sends one message to a session of a project with a list, and tells how it ended on both sides.
fn refused(target: &str, message: &[u8]) -> (u16, String, serde_json::Value) {
    let led = Led::new();
    let gate = gate(&led).set("projects.search", "models", LISTED).start();
    let mut client = open(&gate, target);
    client.send(message);
    let (code, reason) = next(&mut client).unwrap().close();
    let told = led.read().unwrap();
    assert_eq!(told.close(), (code, reason.clone()), "nothing else reached the upstream");
    client.send(masked(0x88, &[3, 232]));
    drop(client.rest());
    let record = gate.record();
    (code, reason, record)
}

#[test]
fn a_message_that_names_another_model_closes_both_sides_and_goes_nowhere() {
    for message in [
        r#"{"type":"session.update","session":{"type":"realtime","model":"gpt-4o"}}"#,
        r#"{"type":"response.create","response":{"model":"gpt-4o"}}"#,
        r#"{"type":"response.create","model":"gpt-4o"}"#,
        r#"{"session":{"model":"gpt-realtime","model":"gpt-4o"}}"#,
        r#"{"session":{"audio":{"input":{"transcription":{"model":"whisper-1"}}}}}"#,
        r#"{"session":{"input_audio_transcription":{"model":"whisper-1"}}}"#,
        r#"{"type":"response.create","response":{"tools":[{"type":"a","model":"gpt-image-1"}]}}"#,
        r#"{"type":"session.update","session":{"delegation":{"responses":{"model":"gpt-4o"}}}}"#,
    ] {
        let (code, reason, record) = refused(REALTIME, &masked(0x81, message.as_bytes()));
        assert_eq!((code, &*record["reason"].to_string()), (1008, "\"model_not_allowed\""), "{message}");
        let id = record["request_id"].as_str().unwrap();
        assert_eq!(reason, format!("model_not_allowed (request {id})"));
        assert_eq!((&record["event"], &record["closed_by"]), (&"denied".into(), &"gate".into()));
        assert_eq!(
            (&record["client_messages"], &record["rule"]),
            (&0.into(), &"projects.search.models".into())
        );
    }
    for (message, told) in [
        (r#"{"model":"gpt-realtime","model":"gpt-4o"}"#, "model_ambiguous"),
        (r#"{"Model":"gpt-4o"}"#, "model_ambiguous"),
        (r#"{"Session":{"model":"gpt-4o"}}"#, "model_ambiguous"),
        (r#"{"session":{"mod\u0065l":"gpt-4o"}}"#, "model_ambiguous"),
        (r#"{"models":["gpt-4o"]}"#, "parameter_not_allowed"),
        (r#"["model"]"#, "body_invalid"),
        ("hello", "body_invalid"),
        ("", "body_invalid"),
    ] {
        // In two pieces, so that the beginning could have gone on.
        let (one, two) = message.split_at(message.len() / 2);
        let (code, _, record) =
            refused(REALTIME, &[masked(0x01, one.as_bytes()), masked(0x80, two.as_bytes())].concat());
        assert_eq!(record["reason"], told, "{message}");
        assert_eq!(code, if told == "body_invalid" { 1007 } else { 1008 }, "{message}");
    }
}

#[test]
fn a_message_for_which_there_is_no_room_closes_the_session_and_may_come_again() {
    let led = Led::new();
    let setup = gate(&led).set("server", "max_body", "\"1 MiB\"").set("server", "max_held", "\"1 MiB\"");
    let gate = setup.start();
    let taken = || gate.shared().snapshot.load().room.taken();
    let text = format!(r#"{{"type":"conversation.item.create","padding":"{}"}}"#, "x".repeat(800 << 10));
    let message = masked(0x81, text.as_bytes());
    let mut first = open(&gate, "/v1/realtime?model=gpt-realtime");
    first.send(&message[..message.len() - 1]);
    until("the first is held", || taken() > 700 << 10);
    let mut second = open(&gate, "/v1/realtime?model=gpt-realtime");
    second.try_send(&message);
    let (code, reason) = next(&mut second).unwrap().close();
    assert_eq!((code, reason.starts_with("memory_limited ")), (1013, true), "{reason}");
    first.send(&message[message.len() - 1..]);
    until("all is free", || taken() == 0);
}

#[test]
fn a_session_without_a_model_says_nothing_to_the_upstream() {
    let live = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";
    for (target, message, told) in [
        ("/v1/responses", r#"{"type":"response.create","input":"hi"}"#, "model_missing"),
        (
            "/v1/responses",
            r#"{"type":"response.create","tools":[{"model":"gpt-realtime"}]}"#,
            "model_missing",
        ),
        ("/v1/responses", r#"{"type":"response.create","model":"gpt-4o"}"#, "model_not_allowed"),
        (live, r#"{"clientContent":{}}"#, "model_missing"),
        (live, r#"{"setup":{"model":"models/gemini-live"}}"#, "model_not_allowed"),
    ] {
        let (code, _, record) = refused(target, &masked(0x82, message.as_bytes()));
        assert_eq!((code, &record["reason"]), (1008, &told.into()), "{target} {message}");
    }
    let led = Led::new();
    let gate = gate(&led).set("projects.search", "models", r#"["gemini-live", "gpt-a", "gpt-b"]"#).start();
    let mut client = gate.connect();
    client.send(handshake(&format!("{live}?key={}", gate.setup.client_key), "", &[]));
    assert_eq!(client.head().status, 101);
    assert_eq!(led.upstream.requests()[0].target(), live, "the key is not in it");
    assert_eq!(led.upstream.requests()[0].header("x-goog-api-key"), [&*gate.setup.provider_key]);
    for message in
        [r#"{"setup":{"model":"models/gemini-live"}}"#, r#"{"clientContent":{"turnComplete":true}}"#]
    {
        client.send(masked(0x82, message.as_bytes()));
        assert_eq!(led.read().unwrap().payload, message.as_bytes());
    }
    client.leave();
    assert_eq!(led.read().unwrap().close().0, 1001, "the upstream is told at once");
    assert_eq!(gate.record()["event"], "abandoned");
}

#[test]
fn each_response_costs_a_request() {
    let led = Led::new();
    let limits = r#"{ requests = "2/day" }"#;
    let gate = gate(&led).set("projects.search", "limits", limits).start();
    let mut client = open(&gate, "/v1/responses");
    let message = r#"{"type":"response.create","model":"gpt-a","input":"hi"}"#;
    client.send(masked(0x81, message.as_bytes()));
    assert_eq!(led.read().unwrap().text(), message);
    client.send(masked(0x81, br#"{"type":"session.update"}"#));
    assert!(led.read().unwrap().text().contains("session.update"), "this one asks for none");
    client.send(masked(0x81, message.as_bytes()));
    assert!(next(&mut client).unwrap().close().1.starts_with("rate_limited"));
    assert_eq!(led.read().unwrap().close().0, 1008);
    client.hang_up();
    let record = gate.record();
    assert_eq!((&record["reason"], &record["model"]), (&"rate_limited".into(), &"gpt-a".into()));
}

#[test]
fn frames_that_break_the_rules_close_the_session() {
    for (bytes, code) in [
        (framed(0x81, b"{}", 0), 1002),
        (masked(0xc1, b"{}"), 1002),
        (masked(0x83, b"{}"), 1002),
        (masked(0x80, b"{}"), 1002),
        (masked(0x09, b""), 1002),
        (masked(0x89, &[0; 126]), 1002),
        ([masked(0x01, b"{"), masked(0x81, b"{}")].concat(), 1002),
        (masked(0x88, &[3]), 1002),
        (masked(0x88, &[3, 237]), 1002),
        (masked(0x88, &[3, 232, 0xff]), 1007),
        (masked(0x81, b"{\"a\":\"\xff\"}"), 1007),
        (vec![0x81, 0xff, 0, 0, 0, 0, 0, 1, 0x86, 0xa1, 0, 0, 0, 0], 1009),
        (
            [
                masked(0x01, format!("{{\"a\":\"{}", "x".repeat(60_000)).as_bytes()),
                masked(0x00, &vec![b'x'; 60_000]),
            ]
            .concat(),
            1009,
        ),
    ] {
        let led = Led::new();
        let gate = gate(&led).start();
        let mut client = open(&gate, REALTIME);
        client.send(&bytes);
        assert_eq!(next(&mut client).unwrap().close().0, code, "{:x?}", &bytes[..bytes.len().min(16)]);
        assert_eq!(led.read().unwrap().close().0, code);
        client.hang_up();
        let record = gate.record();
        assert_eq!((&record["closed_by"], &record["close_code"]), (&"gate".into(), &code.into()), "{record}");
    }
}

#[test]
fn what_the_upstream_does_wrong_is_not_passed_on() {
    for bytes in [masked(0x81, b"{}"), framed(0xc1, b"{}", 0), framed(0x88, &[3], 0)] {
        let led = Led::new();
        let gate = gate(&led).start();
        let mut client = open(&gate, REALTIME);
        led.send([framed(0x81, b"{}", 0), bytes].concat());
        assert_eq!(next(&mut client).unwrap().text(), "{}", "what stood before goes on");
        assert_eq!(next(&mut client).unwrap().close().0, 1014);
        client.hang_up();
        assert_eq!(gate.record()["event"], "cut");
    }
    let led = Led::new();
    let gate = gate(&led).start();
    let mut client = open(&gate, REALTIME);
    led.lead.send(Do::Reset).unwrap();
    assert_eq!(next(&mut client).unwrap().close().0, 1014);
    client.hang_up();
    let record = gate.record();
    assert_eq!(
        (&record["event"], &record["closed_by"], &record["close_code"]),
        (&"cut".into(), &"upstream".into(), &1006.into())
    );
}

#[test]
fn the_upstream_may_close_first() {
    let led = Led::new();
    let gate = gate(&led).start();
    let mut client = open(&gate, REALTIME);
    led.send(framed(0x88, &[0x0f, 0xa0, b'x'], 0));
    assert_eq!(next(&mut client).unwrap().close(), (4000, "x".to_owned()));
    client.send(masked(0x88, &[0x0f, 0xa0]));
    assert_eq!(led.read().unwrap().close().0, 4000);
    led.lead.send(Do::Leave).unwrap();
    assert!(client.ended());
    let record = gate.record();
    assert_eq!(
        (&record["event"], &record["closed_by"], &record["close_code"]),
        (&"served".into(), &"upstream".into(), &4000.into())
    );
}

#[test]
fn nothing_is_gathered_for_a_client_that_does_not_read() {
    let led = Led::new();
    let gate = gate(&led).start();
    let client = open(&gate, REALTIME);
    let frame = framed(0x82, &vec![b'x'; 1 << 20], 0);
    for _ in 0..64 {
        led.send(frame.clone());
    }
    // What the kernel holds on both sides goes on, and then all stands still.
    let (mut before, mut still) = (0, 0);
    until("it stands still", || {
        let now = led.sent.load(std::sync::atomic::Ordering::SeqCst);
        still = if now == before { still + 1 } else { 0 };
        before = now;
        still == 200
    });
    assert!(before < 40, "{before} of 64 MiB were taken from the upstream");
    client.leave();
    assert_eq!(gate.record()["event"], "abandoned");
}

#[test]
fn a_session_that_says_nothing_ends() {
    let led = Led::new();
    let gate = gate(&led).set("upstreams.openai", "idle_timeout", r#""200ms""#).start();
    let mut client = open(&gate, REALTIME);
    assert_eq!(next(&mut client).unwrap().close().0, 1001);
    assert_eq!(led.read().unwrap().close().0, 1001);
    client.hang_up();
    let record = gate.record();
    assert_eq!((&record["event"], &record["closed_by"]), (&"cut".into(), &"gate".into()));
}

#[test]
fn the_drain_waits_for_a_session_and_then_closes_it() {
    for drain in [r#""20s""#, r#""50ms""#] {
        let led = Led::new();
        let gate = gate(&led).set("server", "drain", drain).start();
        let mut client = open(&gate, REALTIME);
        let (draining, written) = (gate.gate.draining(), gate.written.clone());
        let stopping = std::thread::spawn(move || gate.stop());
        until("it drains", || draining.load(std::sync::atomic::Ordering::SeqCst));
        if drain.contains("20s") {
            client.send(masked(0x81, b"{}"));
            assert_eq!(led.read().unwrap().text(), "{}");
            client.send(masked(0x88, &[3, 232]));
            assert_eq!(led.read().unwrap().close().0, 1000);
            led.lead.send(Do::Leave).unwrap();
            assert_eq!(next(&mut client).unwrap().close().0, 1000, "answered in the upstream's place");
            assert_eq!(stopping.join().unwrap(), Ended::Drained);
        } else {
            assert_eq!(next(&mut client).unwrap().close(), (1001, "the gateway stops".to_owned()));
            assert_eq!(led.read().unwrap().close().0, 1001);
            assert_eq!(stopping.join().unwrap(), Ended::CutOff);
            assert_eq!(written.lines()[0]["close_code"], 1001);
        }
        let lines = written.lines();
        assert_eq!((lines.len(), &lines[1]["event"]), (2, &"stopped".into()));
        let cut = u64::from(!drain.contains("20s"));
        assert_eq!((&lines[1]["finished"], &lines[1]["cut"]), (&(1 - cut).into(), &cut.into()));
    }
}

/// Runs the program on a configuration; gives its exit code and what it printed.
fn program(setup: &Setup, arguments: &[&str]) -> (i32, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(arguments)
        .env("PROVIDER_KEY", &setup.provider_key)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), said)
}

/// A gate that keeps what it decides, in the folder of this name.
fn keeping(name: &str, setup: Setup) -> (std::path::PathBuf, Setup) {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("websocket-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    let setup = setup.set("store", "path", &format!("\"{}\"", folder.join("store.db").display()));
    (folder.join("portcullis.toml"), setup)
}

#[test]
fn what_messages_named_is_judged_again_and_explained() {
    const MODELS: &str = r#"["gpt-a", "text-embedding-3-small", "gpt-realtime"]"#;
    let led = Led::new();
    let (file, setup) = keeping("judged-again", gate(&led).set("projects.search", "models", MODELS));
    let gate = setup.start();
    let said = |model: &str| format!(r#"{{"type":"response.create","model":"{model}","input":"hi"}}"#);
    for (target, model) in [
        ("/v1/responses", "text-embedding-3-small"),
        ("/v1/responses", "gpt-a"),
        ("/openai/v1/responses", "o3"),
        (REALTIME, "o3"),
    ] {
        let mut client = open(&gate, target);
        client.send(masked(0x81, said(model).as_bytes()));
        let passed = led.read().unwrap();
        assert_eq!(passed.first, if model == "o3" { 0x88 } else { 0x81 }, "{target} {model}");
        client.hang_up();
        led.lead.send(Do::Leave).unwrap();
        gate.idle();
    }
    let setup = gate.setup.clone();
    let id = |record: &serde_json::Value| record["request_id"].as_str().unwrap().to_owned();
    let records = gate.records_when(4);
    assert_eq!((&records[2]["model"], &records[3]["model"]), (&"o3".into(), &"o3".into()));
    let (of_responses, of_realtime) = (id(&records[2]), id(&records[3]));
    assert_eq!(gate.stop(), Ended::Drained);
    std::fs::write(&file, setup.text()).unwrap();
    let config = file.to_str().unwrap();

    let plan = |models: &str| {
        let (new, setup) =
            (file.with_file_name("new.toml"), setup.clone().set("projects.search", "models", models));
        std::fs::write(&new, setup.text()).unwrap();
        program(&setup, &["plan", "--config", config, new.to_str().unwrap()])
    };
    let (code, told) = plan(MODELS);
    assert!(
        code == 0 && told.contains("4 requests judged again: all as before; nobody would lose"),
        "{told}"
    );
    let (code, told) = plan(r#"["gpt-a"]"#);
    assert!(
        code == 1
            && told.contains("1 × search/search-prod: allowed → model_not_allowed by projects.search.models")
    );
    assert!(told.contains("1 × GET /v1/responses  text-embedding-3-small  from"), "{told}");
    assert!(told.contains("4 requests judged again: 1 would be denied that passed\n"), "{told}");
    let (code, told) = plan(r#""*""#);
    assert!(code == 0 && told.contains("2 × search/search-prod: model_not_allowed → allowed\n"), "{told}");

    for id in [of_responses, of_realtime] {
        let (code, said) = program(&setup, &["explain", "--config", config, "--request", &id]);
        assert!(code == 1 && said.contains("\n✗ model\n    reason  model_not_allowed\n"), "{said}");
        let line = "+models = [\"gpt-a\", \"text-embedding-3-small\", \"gpt-realtime\", \"o3\"]\n";
        assert!(said.contains(line), "{said}");
    }
}

#[test]
fn a_session_that_was_refused_before_it_named_a_model_is_explained_as_one() {
    let led = Led::new();
    let setup = gate(&led).set("projects.search", "models", r#"["gpt-a", "gpt-realtime"]"#);
    let (file, setup) = keeping("explained", setup.set("projects.search", "scopes", r#"["chat"]"#));
    let gate = setup.start();
    let mut client = gate.connect();
    client.send(handshake("/v1/responses", &gate.setup.client_key, &[]));
    let answer = client.answer();
    assert_eq!(answer.reason(), Some("scope_missing"));
    let id = answer.header("x-request-id").unwrap().to_owned();
    // Who asked for no session is told the same again.
    let answer = gate.ask(request(
        "GET",
        "/v1/responses",
        &[("authorization", &format!("Bearer {}", gate.setup.client_key))],
        "",
    ));
    assert_eq!(answer.reason(), Some("endpoint_unknown"));
    let plain = answer.header("x-request-id").unwrap().to_owned();
    let setup = gate.setup.clone();
    assert_eq!(gate.stop(), Ended::Drained);
    std::fs::write(&file, setup.text()).unwrap();
    let config = file.to_str().unwrap();
    let explain =
        |arguments: &[&str]| program(&setup, &[&["explain", "--config", config], arguments].concat());

    let (code, said) = explain(&["--request", &id]);
    assert!(code == 1 && said.contains("\n    reason  scope_missing\n"), "{said}");
    assert!(said.contains("would let it pass, if its model is allowed:"), "{said}");
    assert!(said.contains("+scopes = [\"chat\", \"responses:write\"]\n"), "{said}");
    let (_, said) = explain(&["--request", &id, "--model", "o3"]);
    assert!(said.contains("+models = [\"gpt-a\", \"gpt-realtime\", \"o3\"]\n"), "{said}");
    let (code, said) = explain(&["--request", &plain]);
    assert!(code == 1 && said.contains("reason  endpoint_unknown"), "{said}");
    let (code, told) = program(&setup, &["plan", "--config", config, config]);
    assert!(code == 0 && told.contains("2 requests judged again: all as before"), "{told}");
    let more = setup.clone().set("projects.search", "scopes", r#"["chat", "responses", "realtime"]"#);
    std::fs::write(&file, more.text()).unwrap();
    let (_, told) = program(&setup, &["plan", "--config", config, config]);
    assert!(told.contains("scope_missing → allowed, if its model is"), "{told}");

    // By hand, the model is put where the endpoint has it.
    let by_hand = |target: &str, model: &str| {
        let headers = ["connection: upgrade", "upgrade: websocket", "sec-websocket-version: 13"];
        let key = format!("sec-websocket-key: {KEY}");
        let mut arguments = vec!["--key-id", "search-prod", "--ip", "127.0.0.1", "GET", target];
        for header in headers.into_iter().chain([&*key]) {
            arguments.extend(["--header", header]);
        }
        if !model.is_empty() {
            arguments.extend(["--model", model]);
        }
        let (_, said) = explain(&arguments);
        let reason = said.split_once("reason  ").and_then(|(_, rest)| rest.lines().next());
        reason.map_or_else(|| "allowed".to_owned(), str::to_owned)
    };
    for (target, model, expected) in [
        ("/v1/realtime", "gpt-realtime", "allowed"),
        ("/v1/realtime", "o3", "model_not_allowed"),
        ("/v1/realtime", "", "model_missing"),
        ("/v1/realtime", "a model & another=b#c", "query_not_allowed"),
        ("/v1/realtime?intent=transcription", "o3", "model_not_allowed"),
        ("/v1/realtime?model=gpt-realtime", "gpt-a", "allowed"),
        ("/v1/realtime?model=gpt-realtime", "o3", "model_not_allowed"),
        ("/v1/realtime?model=o3", "gpt-realtime", "model_not_allowed"),
        ("/v1/responses", "gpt-a", "allowed"),
        ("/v1/responses", "o3", "model_not_allowed"),
        ("/v1/responses", "", "allowed"),
    ] {
        assert_eq!(by_hand(target, model), expected, "{target} {model}");
    }
}
