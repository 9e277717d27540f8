//! What a decision costs: time and allocations of each policy, and of the whole stack with its
//! record, for a chat request of 1 KB with twelve headers, among a hundred projects.
//!
//!     cargo bench --bench gates

#![expect(clippy::unwrap_used, clippy::format_push_string, reason = "a bench that cannot go on has failed")]

use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use divan::{AllocProfiler, Bencher};
use http::{Request, Response};
use portcullis::account::Relay;
use portcullis::body::{ClientBody, Frames};
use portcullis::book::{self, Book, Entry};
use portcullis::clock::Moment;
use portcullis::config::{self, Sources};
use portcullis::estimate::Estimator;
use portcullis::exchange::{Accepted, Carried, Exchange, Outbound, Permits, Refusal};
use portcullis::ledger::{Ledger, OpenRecord};
use portcullis::limits::Registry;
use portcullis::metrics::Metrics;
use portcullis::money::Money;
use portcullis::peek::Peek;
use portcullis::policy::form::Form;
use portcullis::policy::key::KeyCheck;
use portcullis::policy::network::Network;
use portcullis::policy::origin::Origin;
use portcullis::policy::rate::Rate;
use portcullis::policy::scope::ScopeCheck;
use portcullis::prices::Prices;
use portcullis::provider::Provider;
use portcullis::record::{Form as Rendering, Record};
use portcullis::snapshot::Snapshot;
use portcullis::telemetry::{Lost, Sink, subscriber};
use portcullis::usage::{Hider, Meter, Usage};
use portcullis::{project_key, stack};
use tower::Service as _;

#[global_allocator]
static COUNTED: AllocProfiler = AllocProfiler::system();

fn main() {
    // Records are rendered and handed to a sink, as they are in the gate.
    let sink = Sink::start(std::io::sink(), Box::new(Nobody)).unwrap();
    tracing::dispatcher::set_global_default(subscriber(
        sink,
        Rendering::Json,
        tracing::level_filters::LevelFilter::INFO,
    ))
    .unwrap();
    divan::main();
}

#[derive(Debug)]
struct Nobody;

impl Lost for Nobody {
    fn lost(&self, _: u64) {}
}

struct Fixture {
    snapshot: Arc<Snapshot>,
    ledger: Arc<Ledger>,
    key: String,
    body: Bytes,
}

fn fixture() -> Fixture {
    fixture_with("", None)
}

/// The same with more limits, and a ledger of usage.
fn fixture_with(limits: &str, book: Option<Arc<Book>>) -> Fixture {
    let key = project_key::compose("bench-042", [42; 32]).as_str().to_owned();
    let mut text = String::from(
        "[upstreams.openai]\nprovider = \"openai\"\nbase_url = \"http://127.0.0.1:1/v1\"\n\
         credentials = [{ id = \"main\", secret = \"env:SECRET\" }]\n",
    );
    for number in 0..100u8 {
        let other = project_key::compose(&format!("bench-{number:03}"), [number; 32]);
        let digest = project_key::digest(other.as_bytes());
        let sha256 = portcullis::command::key::hex(&digest);
        text += &format!(
            "[projects.bench-{number:03}]\nupstreams = [\"openai\"]\nscopes = [\"chat\"]\nmodels = [\"gpt-4o\", \"gpt-4o-mini\"]\n\
             allow_ips = [\"10.0.0.0/8\", \"127.0.0.0/8\"]\nlimits = {{ requests = \"500000000/s\", concurrency = 1000{limits} }}\n\
             [[projects.bench-{number:03}.keys]]\nid = \"bench-{number:03}\"\nsha256 = \"{sha256}\"\nexpires = 2099-12-31\n"
        );
    }
    if book.is_some() {
        text += "[store]\npath = \"/nowhere/store.db\"\n";
    }
    let sources =
        Sources::from_texts([("bench.toml".to_owned(), text)], [("SECRET".to_owned(), "sk-x".to_owned())]);
    let loaded = config::load(&sources, &Registry::new(Moment::now())).unwrap();
    let words = "Answer briefly and cite the file names that you used. ".repeat(17);
    let body = format!(
        r#"{{"model":"gpt-4o-mini","temperature":0.7,"messages":[{{"role":"user","content":"{words}"}}],"max_tokens":256}}"#
    );
    Fixture {
        snapshot: loaded.snapshot,
        ledger: Arc::new(Ledger { book, ..Ledger::new(Arc::new(Metrics::default()), Rendering::Json) }),
        key,
        body: Bytes::from(body),
    }
}

impl Fixture {
    fn exchange(&self) -> Exchange<Accepted> {
        let request = Request::post("/v1/chat/completions")
            .header("host", "gate.internal:8080")
            .header("accept", "application/json")
            .header("accept-encoding", "gzip, deflate")
            .header("connection", "keep-alive")
            .header("user-agent", "OpenAI/Python 3.52.0")
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json")
            .header("x-stainless-lang", "python")
            .header("x-stainless-package-version", "3.52.0")
            .header("x-stainless-os", "Linux")
            .header("x-stainless-retry-count", "0")
            .header("content-length", self.body.len())
            .body(())
            .unwrap();
        let (head, ()) = request.into_parts();
        let peer = "10.1.2.3".parse().unwrap();
        let record = Record::begin(&head, peer, Arc::clone(&self.snapshot), Moment::now());
        let record = OpenRecord::open(Box::new(record), Arc::clone(&self.ledger));
        let body = ClientBody::Held(Frames::from(self.body.clone()));
        let carried = Box::new(Carried {
            head,
            body,
            snapshot: Arc::clone(&self.snapshot),
            record,
            certificate: None,
            checked: None,
        });
        Exchange { carried, stage: Accepted { peer } }
    }
}

/// How many tokens the body has, a KiB of it.
#[divan::bench]
fn estimate(bencher: Bencher<'_, '_>) {
    let body = fixture().body;
    bencher.bench_local(|| {
        let mut estimator = Estimator::default();
        estimator.piece(black_box(&body));
        estimator.tokens()
    });
}

/// What a model costs that was asked for before.
#[divan::bench]
fn price(bencher: Bencher<'_, '_>) {
    let snapshot = fixture().snapshot;
    let now = Moment::now();
    bencher.bench_local(|| snapshot.prices.find(black_box(0), black_box("gpt-4o-mini"), None, now));
}

/// What a model costs that was not, by the longest of the lists.
#[divan::bench]
fn price_unknown(bencher: Bencher<'_, '_>) {
    let router = [("router", Provider::OpenRouter, "openrouter.ai")];
    let prices = Prices::new(router.into_iter(), &[]);
    let now = Moment::now();
    let mut number = 0u32;
    bencher.bench_local(|| {
        number += 1;
        prices.find(0, &format!("nobody/has-{number}"), None, now)
    });
}

/// What a request costs.
#[divan::bench]
fn cost(bencher: Bencher<'_, '_>) {
    let price = fixture().snapshot.prices.find(0, "gpt-4o-mini", None, Moment::now()).unwrap();
    let usage = Usage { input: 1_000, cached: 500, output: 200, reasoning: 100, ..Usage::default() };
    bencher.bench_local(|| (price.of(black_box(&usage)), price.most(1_000, 4_096)));
}

/// Everything between the request's head and the upstream's connection, and the closed record.
#[divan::bench]
fn whole_stack(bencher: Bencher<'_, '_>) {
    let fixture = fixture();
    let send = tower::service_fn(async |exchange: Exchange<Outbound>| {
        let carried = *exchange.carried;
        let relay = Relay::own(Bytes::from_static(b"{}"), carried.record, Permits::new());
        Ok::<_, Refusal>(Response::new(relay))
    });
    let gate = stack::stages(send);
    bencher.with_inputs(|| (gate.clone(), fixture.exchange())).bench_local_values(|(mut gate, exchange)| {
        let mut answering = pin!(gate.call(exchange));
        match answering.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(answer)) => drop(black_box(answer)),
            Poll::Ready(Err(never)) => match never {},
            Poll::Pending => unreachable!("the body is here"),
        }
    });
}

/// The same with quotas of tokens and a budget, reserved, written down and settled; without the reading of the answer's
/// usage, which is `usage_of_json`.
#[divan::bench]
fn whole_stack_with_budget(bencher: Bencher<'_, '_>) {
    let (folder, book) = opened("stack");
    let limits = r#", tokens = ["50M/s", "3000M/day"], budget = ["1000000 USD/day", "9000000 USD/month"]"#;
    let fixture = fixture_with(limits, Some(Arc::clone(&book)));
    let send = tower::service_fn(async |exchange: Exchange<Outbound>| {
        let mut carried = *exchange.carried;
        let _ = carried.record.promise(false).unwrap();
        carried.record.decided = Some(Duration::ZERO);
        carried.record.upstream_status = Some(200);
        carried.record.usage = Some(Usage { input: 234, output: 56, ..Usage::default() });
        let relay = Relay::own(Bytes::from_static(b"{}"), carried.record, Permits::new());
        Ok::<_, Refusal>(Response::new(relay))
    });
    let gate = stack::stages(send);
    bencher.with_inputs(|| (gate.clone(), fixture.exchange())).bench_local_values(|(mut gate, exchange)| {
        let mut answering = pin!(gate.call(exchange));
        match answering.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(answer)) => {
                assert_eq!(answer.status(), 200);
                drop(black_box(answer));
            }
            Poll::Ready(Err(never)) => match never {},
            Poll::Pending => unreachable!("the body is here"),
        }
    });
    drop((fixture, book));
    std::fs::remove_dir_all(folder).unwrap();
}

/// A ledger of usage in a folder of its own.
fn opened(name: &str) -> (std::path::PathBuf, Arc<Book>) {
    let folder = std::env::temp_dir().join(format!("portcullis-bench-{name}-{}", std::process::id()));
    let store = folder.join("store.db");
    let settings = book::Settings { store: &store, max_age: Duration::from_hours(960) };
    let metrics = Arc::new(Metrics::default());
    let book = Book::open(&settings, metrics, tracing::Dispatch::none(), Moment::now()).unwrap();
    (folder, Arc::new(book))
}

macro_rules! policy {
    ($name:ident, $policy:expr $(, after $before:expr)*) => {
        #[divan::bench]
        fn $name(bencher: Bencher<'_, '_>) {
            let fixture = fixture();
            bencher
                .with_inputs(|| {
                    let exchange = fixture.exchange();
                    $(let exchange = exchange.pass(&$before).unwrap();)*
                    exchange
                })
                .bench_local_values(|exchange| exchange.pass(&$policy));
        }
    };
}

policy!(form, Form);
policy!(network, Network, after Form);
policy!(key, KeyCheck, after Form, after Network);
policy!(origin, Origin, after Form, after Network, after KeyCheck);
policy!(scope, ScopeCheck, after Form, after Network, after KeyCheck, after Origin);
policy!(rate, Rate, after Form, after Network, after KeyCheck, after Origin, after ScopeCheck);

/// What a ledger of usage adds to a request with a limit: one reservation and one settlement.
#[divan::bench(threads = [1, 2])]
fn reserve_and_settle(bencher: Bencher<'_, '_>) {
    let (folder, book) = opened("ledger");
    let at_ms = Moment::now().unix_millis();
    bencher.bench(|| {
        let usage = Usage { input: 1234, output: 256, ..Usage::default() };
        let mut entry = Entry {
            at_ms,
            project: "bench-042",
            key: "bench-042",
            upstream: "openai",
            model: "gpt-4o-mini",
            usage: &usage,
            cost: Money::picodollars(1_234_567_890),
            estimated: true,
        };
        let pending = book.reserve(black_box(&entry)).unwrap();
        entry.estimated = false;
        book.settle(Some(pending), black_box(&entry));
    });
    drop(book);
    std::fs::remove_dir_all(folder).unwrap();
}

/// The scan of the body alone.
#[divan::bench]
fn peek_1_kb(bencher: Bencher<'_, '_>) {
    let body = fixture().body;
    bencher.bench_local(|| {
        let mut peek = Peek::default();
        peek.feed(black_box(&body)).unwrap();
        peek.finish().unwrap()
    });
}

/// A chat answer of about so many bytes, with its usage behind the text.
fn answer(bytes: usize) -> Bytes {
    let text = "The file is read once, when the gate starts. ".repeat(bytes / 45);
    format!(
        r#"{{"id":"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT","object":"chat.completion","created":1741569952,"model":"gpt-4o-mini-2024-07-18","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}","refusal":null,"annotations":[]}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":19,"completion_tokens":210,"total_tokens":229,"prompt_tokens_details":{{"cached_tokens":0,"audio_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}},"service_tier":"default","system_fingerprint":"fp_fc9f1d7035"}}"#
    )
    .into()
}

/// An event of a chat that brings a word.
const EVENT: &str = "data: {\"id\":\"chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG\",\"object\":\"chat.completion.chunk\",\"created\":1741570283,\"model\":\"gpt-4o-mini-2024-07-18\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_fc9f1d7035\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" there\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null,\"obfuscation\":\"a8KxQ2\"}\n\n";

fn meter(kind: &'static str) -> Meter {
    let chat = portcullis::endpoint::all().iter().find(|row| row.name == "chat").unwrap();
    let mut headers = http::HeaderMap::new();
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    Meter::of(chat, &headers).unwrap()
}

/// The usage of an answer in one piece.
#[divan::bench(args = [1024, 16 * 1024])]
fn usage_of_json(bencher: Bencher<'_, '_>, bytes: usize) {
    let answer = answer(bytes);
    bencher.with_inputs(|| meter("application/json")).bench_local_refs(|meter| {
        let mut usage = None;
        meter.piece(black_box(&answer), &mut usage);
        assert!(usage.is_some());
        usage
    });
}

/// The usage of embeddings in one piece of 64 KB.
#[divan::bench]
fn usage_of_embeddings(bencher: Bencher<'_, '_>) {
    let numbers = "-0.009327292,0.0023064255,".repeat(2600);
    let answer = Bytes::from(format!(
        r#"{{"data":[{{"embedding":[{numbers}0]}}],"usage":{{"prompt_tokens":8,"total_tokens":8}}}}"#
    ));
    bencher.with_inputs(|| meter("application/json")).bench_local_refs(|meter| {
        let mut usage = None;
        meter.piece(black_box(&answer), &mut usage);
        usage
    });
}

/// A hundred events, each in a piece.
#[divan::bench]
fn usage_of_100_events(bencher: Bencher<'_, '_>) {
    let event = Bytes::from_static(EVENT.as_bytes());
    bencher.with_inputs(|| meter("text/event-stream")).bench_local_refs(|meter| {
        let mut usage = None;
        for _ in 0..100 {
            meter.piece(black_box(&event), &mut usage);
        }
        meter.output_seen()
    });
}

/// The same where each event is cut in two.
#[divan::bench]
fn usage_of_100_cut_events(bencher: Bencher<'_, '_>) {
    let (one, two) = EVENT.as_bytes().split_at(150);
    let (one, two) = (Bytes::from_static(one), Bytes::from_static(two));
    bencher.with_inputs(|| meter("text/event-stream")).bench_local_refs(|meter| {
        let mut usage = None;
        for _ in 0..100 {
            meter.piece(black_box(&one), &mut usage);
            meter.piece(black_box(&two), &mut usage);
        }
        meter.output_seen()
    });
}

/// Hiding the report among a hundred events, each in a piece.
#[divan::bench]
fn hiding_in_100_events(bencher: Bencher<'_, '_>) {
    let event = Bytes::from_static(EVENT.as_bytes());
    bencher.bench_local(|| {
        let mut hider = Hider::default();
        let mut bytes = 0;
        for _ in 0..100 {
            bytes += hider.piece(black_box(&event)).len();
        }
        bytes
    });
}
