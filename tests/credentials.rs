//! Several credentials of one upstream: one that fails rests, the next takes over, and it comes back.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::client::{Answer, request};
use common::{CHAT, OK, Running, Setup, Upstream, post, until};
use http::Request;
use http_body_util::BodyExt as _;
use portcullis::clock::Moment;
use portcullis::config::Sources;
use portcullis::reload::Watch;
use serde_json::Value;
use tower::ServiceExt as _;

/// A provider that answers each key as a test says, and every other with 200.
struct Provider {
    upstream: Upstream,
    answers: Arc<Mutex<HashMap<String, String>>>,
}

impl Provider {
    fn start() -> Self {
        let answers: Arc<Mutex<HashMap<String, String>>> = Arc::default();
        let given = Arc::clone(&answers);
        let upstream = Upstream::start(move |talk| {
            while let Some(request) = talk.request() {
                let key = key(request.header("authorization")[0]);
                let answer = given.lock().unwrap().get(&key).cloned().unwrap_or_else(|| OK.to_owned());
                if talk.send(answer).is_err() {
                    return;
                }
            }
        });
        Self { upstream, answers }
    }

    /// From now on this key gets this answer.
    fn says(&self, key: &str, status: &str, head: &str, code: &str) {
        let body = format!(r#"{{"error":{{"message":"no","type":"x","param":null,"code":"{code}"}}}}"#);
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{head}content-length: {length}\r\n"
        );
        self.answers.lock().unwrap().insert(key.to_owned(), format!("{head}\r\n{body}"));
    }

    fn rejects(&self, key: &str) {
        self.says(key, "401 Unauthorized", "", "invalid_api_key");
    }

    fn limits(&self, key: &str, head: &str) {
        self.says(key, "429 Too Many Requests", head, "rate_limit_exceeded");
    }

    fn accepts(&self, key: &str) {
        self.answers.lock().unwrap().remove(key);
    }

    /// The keys that came since the last time this was asked.
    fn keys(&self, from: usize) -> Vec<String> {
        self.upstream.requests()[from..]
            .iter()
            .map(|request| key(request.header("authorization")[0]))
            .collect()
    }

    /// A gate with one credential for each key, weighted; the key is the name of its variable too.
    fn gate(&self, keys: &[(&str, u32)]) -> Running {
        setup(&self.upstream, keys).start()
    }
}

fn key(header: &str) -> String {
    header.strip_prefix("Bearer sk-canary-").unwrap().to_owned()
}

fn setup(upstream: &Upstream, keys: &[(&str, u32)]) -> Setup {
    let mut setup = Setup::new(upstream.address);
    let mut list = Vec::new();
    for (key, weight) in keys {
        setup = setup.variable(&format!("KEY_{key}"), &format!("sk-canary-{key}"));
        list.push(format!(r#"{{ id = "id-{key}", secret = "env:KEY_{key}", weight = {weight} }}"#));
    }
    setup.set("upstreams.openai", "credentials", &format!("[{}]", list.join(", ")))
}

/// What `/credentials` shows of the OpenAI upstream.
fn shown(gate: &Running) -> Vec<Value> {
    let text = admin(gate, "/credentials");
    let whole: Value = serde_json::from_str(&text).unwrap();
    let list = whole["credentials"].as_array().unwrap();
    list.iter().filter(|one| one["upstream"] == "openai").cloned().collect()
}

fn states(gate: &Running) -> Vec<String> {
    shown(gate).iter().map(|one| one["state"].as_str().unwrap().to_owned()).collect()
}

fn admin(gate: &Running, path: &str) -> String {
    let shared = Arc::clone(&gate.gate.shared);
    let routes = portcullis::admin::routes(
        shared,
        gate.gate.credentials(),
        gate.gate.draining(),
        portcullis::admin::Reach::ThisMachine,
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let request = Request::get(path).body(String::new()).unwrap();
        let answer = routes.oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    })
}

fn told(gate: &Running, event: &str) -> Vec<Value> {
    gate.log().into_iter().filter(|line| line["event"] == event).collect()
}

fn ask(gate: &Running) -> Answer {
    gate.ask(gate.chat())
}

#[test]
fn when_one_is_rejected_the_next_takes_over_and_the_client_notices_nothing() {
    let provider = Provider::start();
    provider.rejects("a");
    let gate = provider.gate(&[("a", 1), ("b", 1)]);
    // Long enough to come in several pieces, all of which are sent twice.
    let long = format!(r#"{{"model":"gpt-4o-mini","messages":[],"pad":"{}"}}"#, "x".repeat(300_000));
    let answer = gate.ask(post("/v1/chat/completions", &gate.setup.client_key, &long));
    assert_eq!((answer.status, answer.text().as_str()), (200, "{}"));
    assert_eq!(provider.keys(0), ["a", "b"]);
    let bodies: Vec<_> = provider.upstream.requests().into_iter().map(|request| request.body).collect();
    assert!(bodies.iter().all(|body| *body == long.as_bytes()));

    let record = gate.record();
    for (name, value) in [
        ("event", Value::from("served")),
        ("credential", "id-b".into()),
        ("retries", 1.into()),
        ("credentials_tried", vec!["id-a", "id-b"].into()),
        ("upstream_status", 200.into()),
        ("cause", Value::Null),
    ] {
        assert_eq!(record[name], value, "{name}: {record}");
    }

    for _ in 0..3 {
        assert_eq!(ask(&gate).status, 200);
    }
    assert_eq!(provider.keys(2), ["b", "b", "b"], "it rests");
    assert_eq!(gate.records_when(4)[3].get("retries"), None);
    let shown = shown(&gate);
    assert_eq!((&shown[0]["state"], &shown[0]["cause"]), (&"rejected".into(), &"openai_key_invalid".into()));
    assert_eq!(shown[1]["state"], "healthy");
    let benched = told(&gate, "credential_benched");
    assert_eq!(benched.len(), 1, "{benched:#?}");
    for (name, value) in [
        ("level", Value::from("WARN")),
        ("upstream", "openai".into()),
        ("credential", "id-a".into()),
        ("state", "rejected".into()),
        ("cause", "openai_key_invalid".into()),
        ("wait_ms", 120_000.into()),
        ("usable", 1.into()),
        ("by", record["request_id"].clone()),
    ] {
        assert_eq!(benched[0][name], value, "{name}: {benched:#?}");
    }
    let metrics = gate.metrics();
    for line in [
        r#"portcullis_credential_benched_total{upstream="openai",credential="id-a",cause="openai_key_invalid"} 1"#,
        r#"portcullis_credential_retries_total{upstream="openai"} 1"#,
        r#"portcullis_credential_state{upstream="openai",credential="id-a",state="rejected"} 1"#,
        r#"portcullis_credential_state{upstream="openai",credential="id-a",state="healthy"} 0"#,
        r#"portcullis_credential_state{upstream="openai",credential="id-b",state="healthy"} 1"#,
    ] {
        assert!(metrics.lines().any(|known| known == line), "{line}\n{metrics}");
    }
}

#[test]
fn what_belongs_to_one_does_not_go_with_the_next() {
    let provider = Provider::start();
    let own = r#"[{ id = "a", secret = "env:KEY_a", organization = "org-a", project = "proj-a" },
                  { id = "b", secret = "env:KEY_b", project = "proj-b" }]"#;
    let keys = setup(&provider.upstream, &[("a", 1), ("b", 1)]);
    let gate = keys.set("upstreams.openai", "credentials", own).start();
    provider.rejects("a");
    let bearer = format!("Bearer {}", gate.setup.client_key);
    let head = [
        ("accept", "text/x"),
        ("authorization", &bearer),
        ("openai-organization", "org-x"),
        ("content-type", "application/json"),
        ("openai-beta", "one"),
        ("openai-beta", "two"),
    ];
    assert_eq!(gate.ask(request("POST", "/v1/chat/completions", &head, CHAT)).status, 200);
    let sent = provider.upstream.requests();
    let [first, second] = &sent[..] else { panic!("{} came", sent.len()) };
    for (request, key, organizations, project) in
        [(first, "a", &["org-a"][..], "proj-a"), (second, "b", &[], "proj-b")]
    {
        assert_eq!(request.header("authorization"), [format!("Bearer sk-canary-{key}")]);
        assert_eq!(request.header("openai-organization"), organizations);
        assert_eq!(request.header("openai-project"), [project]);
        assert_eq!(request.header("openai-beta"), ["one", "two"]);
        assert_eq!(request.header("accept"), ["text/x"]);
        assert_eq!(request.header("host").len(), 1);
        assert_eq!(request.body, CHAT.as_bytes());
    }
}

#[test]
fn when_one_is_spent_or_over_its_rate_the_next_takes_over() {
    for (status, code, state, cause) in [
        ("429 Too Many Requests", "insufficient_quota", "spent", "openai_quota_spent"),
        ("402 Payment Required", "x", "spent", "payment_required"),
        ("429 Too Many Requests", "rate_limit_exceeded", "rate_limited", "rate_limited"),
        ("403 Forbidden", "account_deactivated", "rejected", "openai_account_deactivated"),
    ] {
        let provider = Provider::start();
        provider.says("a", status, "", code);
        let gate = provider.gate(&[("a", 1), ("b", 1)]);
        assert_eq!(ask(&gate).status, 200, "{code}");
        assert_eq!(provider.keys(0), ["a", "b"]);
        let shown = shown(&gate);
        assert_eq!((&shown[0]["state"], &shown[0]["cause"]), (&state.into(), &cause.into()));
    }
}

#[test]
fn a_rate_limit_lasts_as_long_as_the_provider_says() {
    let provider = Provider::start();
    provider.limits("a", "retry-after-ms: 300\r\n");
    provider.limits("b", "retry-after: 77\r\n");
    let gate = provider.gate(&[("a", 1), ("b", 1), ("c", 1)]);
    let before = Moment::now();
    assert_eq!(ask(&gate).status, 200);
    assert_eq!(provider.keys(0), ["a", "b", "c"]);
    let until_b: jiff::Timestamp = shown(&gate)[1]["until"].as_str().unwrap().parse().unwrap();
    let wait = until_b.duration_since(jiff::Timestamp::try_from(before.wall()).unwrap());
    assert!((75..=90).contains(&wait.as_secs()), "{wait:?}");
    provider.accepts("a");
    until("it is open to all again", || states(&gate) == ["healthy", "rate_limited", "healthy"]);
    let from = provider.upstream.requests().len();
    for _ in 0..4 {
        assert_eq!(ask(&gate).status, 200);
    }
    let mut keys = provider.keys(from);
    keys.sort();
    assert_eq!(keys, ["a", "a", "c", "c"]);
    let returned = told(&gate, "credential_returned");
    assert_eq!(returned.len(), 1, "{returned:#?}");
    assert_eq!((&returned[0]["credential"], &returned[0]["was"]), (&"id-a".into(), &"rate_limited".into()));
}

#[test]
fn what_may_have_been_executed_or_is_not_about_the_credential_is_never_sent_again() {
    for (status, code) in [
        ("500 Internal Server Error", "server_error"),
        ("503 Service Unavailable", "server_is_overloaded"),
        ("408 Request Timeout", "x"),
        ("400 Bad Request", "context_length_exceeded"),
        ("403 Forbidden", "unsupported_country_region_territory"),
        ("401 Unauthorized", "missing_scope"),
        ("401 Unauthorized", "ip_not_authorized"),
        ("404 Not Found", "model_not_found"),
    ] {
        let provider = Provider::start();
        provider.says("a", status, "", code);
        let gate = provider.gate(&[("a", 1), ("b", 1)]);
        ask(&gate);
        assert_eq!(provider.keys(0), ["a"], "{status} {code}");
        assert_eq!(gate.record().get("retries"), None);
        assert_eq!(states(&gate), ["healthy", "healthy"], "{status} {code}");
    }
}

#[test]
fn no_words_of_a_clients_bench_a_credential() {
    // Google names what it does not know, and Anthropic does so in front. Some repeat a text alone.
    let upstream = Upstream::start(|talk| {
        while let Some(request) = talk.request() {
            let asked: Value = serde_json::from_slice(&request.body).unwrap();
            let odd = asked.as_object().unwrap().keys().find(|name| name.contains(' ')).cloned();
            let message = match odd {
                Some(name) if request.target().contains("gemini") => {
                    format!(r#"Invalid JSON payload received. Unknown name "{name}": Cannot find field."#)
                }
                Some(name) => format!("{name}: Extra inputs are not permitted"),
                None => match asked["says"].as_str() {
                    Some(text) => text.to_owned(),
                    None => "API key not valid. Please pass a valid API key.".to_owned(),
                },
            };
            let body = serde_json::json!({ "error": { "code": 400, "message": message } }).to_string();
            let length = body.len();
            let head = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length:";
            if talk.send(format!("{head} {length}\r\n\r\n{body}")).is_err() {
                return;
            }
        }
    });
    let list = r#"[{ id = "a", secret = "env:KEY_a" }, { id = "b", secret = "env:KEY_b" }]"#;
    let mut setup = Setup::new(upstream.address);
    for key in ["a", "b"] {
        setup = setup.variable(&format!("KEY_{key}"), &format!("sk-canary-{key}"));
    }
    let setup =
        setup.set("upstreams.gemini", "credentials", list).set("upstreams.anthropic", "credentials", list);
    let gate = setup.start();
    let (gemini, anthropic) = ("/v1beta/models/gemini-2.5-flash:generateContent", "/v1/messages");
    let states = |upstream: &str| {
        let whole: Value = serde_json::from_str(&admin(&gate, "/credentials")).unwrap();
        let list = whole["credentials"].as_array().unwrap().clone();
        let of_it = list.into_iter().filter(|one| one["upstream"] == upstream);
        of_it.map(|one| one["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for (path, name) in [
        (gemini, "api key not valid"),
        (gemini, "API key expired. Please renew the API key."),
        (anthropic, "Your credit balance is too low to access the Anthropic API."),
        (anthropic, "This organization has been disabled."),
    ] {
        let before = upstream.requests().len();
        let body = if path == gemini {
            serde_json::json!({ "contents": [], name: 1 }).to_string()
        } else {
            serde_json::json!({ "model": "claude-haiku-4-5", "max_tokens": 5, name: 1 }).to_string()
        };
        let answer = gate.ask(post(path, &gate.setup.client_key, &body));
        assert_eq!((answer.status, answer.reason()), (400, None), "{name}");
        assert!(answer.text().contains(name), "it is the provider's answer: {}", answer.text());
        assert_eq!(upstream.requests().len(), before + 1, "it is sent once: {name}");
        for upstream in ["gemini", "anthropic"] {
            assert_eq!(states(upstream), ["healthy", "healthy"], "{name}");
        }
    }
    let body = r#"{"says":"API\u0020key not valid. Please pass a valid API key."}"#;
    assert_eq!(gate.ask(post(gemini, &gate.setup.client_key, body)).status, 400);
    assert_eq!(states("gemini"), ["healthy", "healthy"]);
    // What no client wrote is the provider's own.
    let answer = gate.ask(post(gemini, &gate.setup.client_key, r#"{"contents":[]}"#));
    assert_eq!(answer.reason(), Some("upstream_credential_rejected"));
    assert_eq!(states("gemini"), ["rejected", "rejected"]);
}

#[test]
fn when_all_are_rejected_requests_are_sent_all_the_same_so_a_mended_one_is_found() {
    let provider = Provider::start();
    provider.rejects("a");
    provider.rejects("b");
    let gate = provider.gate(&[("a", 1), ("b", 1)]);
    let answer = ask(&gate);
    assert_eq!((answer.status, answer.reason()), (502, Some("upstream_credential_rejected")));
    assert_eq!(provider.keys(0), ["a", "b"]);
    let record = gate.record();
    assert_eq!((&record["credential"], &record["retries"]), (&"id-b".into(), &1.into()), "{record}");
    assert_eq!(record["rule"], "upstreams.openai.credentials[1]", "the last answer is told");
    // One each, in turn: what is out is asked, but not twice for one request.
    for _ in 0..4 {
        assert_eq!(ask(&gate).status, 502);
    }
    assert_eq!(provider.keys(2).len(), 4);
    provider.accepts("b");
    until("the mended one is found", || ask(&gate).status == 200);
    assert_eq!(states(&gate), ["rejected", "healthy"]);
    let from = provider.upstream.requests().len();
    assert_eq!(ask(&gate).status, 200);
    assert_eq!(provider.keys(from), ["b"]);
    assert_eq!(told(&gate, "credential_benched").len(), 2, "nothing new was found out between");
    assert_eq!(told(&gate, "credential_returned").len(), 1);
}

#[test]
fn when_all_are_rate_limited_the_client_is_told_so_by_the_provider() {
    let provider = Provider::start();
    provider.limits("a", "retry-after: 60\r\n");
    provider.limits("b", "retry-after: 30\r\n");
    let gate = provider.gate(&[("a", 1), ("b", 1)]);
    let answer = ask(&gate);
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("30")));
    assert_eq!(answer.reason(), None);
    assert_eq!(ask(&gate).status, 429);
    assert_eq!(provider.keys(0), ["a", "b", "b"], "the one whose time ends first");
    provider.accepts("b");
    assert_eq!(ask(&gate).status, 200);
    assert_eq!(states(&gate), ["rate_limited", "healthy"]);
}

#[test]
fn a_lone_one_is_used_whatever_was_said_of_it() {
    let provider = Provider::start();
    provider.rejects("a");
    let gate = provider.gate(&[("a", 1)]);
    assert_eq!(ask(&gate).status, 502);
    assert_eq!(states(&gate), ["rejected"]);
    provider.accepts("a");
    assert_eq!(ask(&gate).status, 200);
    assert_eq!(states(&gate), ["healthy"]);
    assert_eq!(provider.keys(0), ["a", "a"]);
}

#[test]
fn a_request_is_sent_three_times_at_most() {
    let provider = Provider::start();
    let keys = ["a", "b", "c", "d"];
    for key in keys {
        provider.rejects(key);
    }
    let gate = provider.gate(&keys.map(|key| (key, 1)));
    assert_eq!(ask(&gate).status, 502);
    assert_eq!(provider.keys(0), ["a", "b", "c"]);
    let record = gate.record();
    assert_eq!(record["credentials_tried"], Value::from(vec!["id-a", "id-b", "id-c"]));
    assert_eq!(record["retries"], 2);
}

#[test]
fn without_budget_nothing_is_sent_again() {
    let provider = Provider::start();
    provider.rejects("a");
    let gate = provider.gate(&[("a", 1), ("b", 1)]);
    let snapshot = gate.shared().snapshot.load_full();
    let credentials = &snapshot.upstreams[snapshot.upstream_named("openai").unwrap()].credentials;
    // As if it had all been spent some seconds from now, so that no pause of this test fills it.
    let later = Moment::now().later(Duration::from_mins(1));
    while credentials.budget().unwrap().spend(later) {}
    assert_eq!(ask(&gate).reason(), Some("upstream_credential_rejected"));
    assert_eq!(provider.keys(0), ["a"]);
    assert_eq!(ask(&gate).status, 200, "the next request is spared what this one met");
    assert_eq!(provider.keys(1), ["b"]);
}

/// An upstream that begins an answer and lets it hang.
fn hanging() -> Upstream {
    Upstream::start(|talk| {
        if talk.request().is_some() {
            drop(talk.send(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
            ));
            talk.closed();
        }
    })
}

#[test]
fn the_load_is_shared_by_weight_and_by_what_is_in_flight() {
    let upstream = hanging();
    let gate = setup(&upstream, &[("a", 3), ("b", 1)]).start();
    let mut clients = Vec::new();
    for number in 1..=8 {
        let mut client = gate.connect();
        client.send(gate.chat());
        assert_eq!(client.head().status, 200);
        clients.push(client);
        until("it is upstream", || upstream.requests().len() == number);
    }
    let sent: Vec<String> =
        upstream.requests().iter().map(|request| key(request.header("authorization")[0])).collect();
    assert_eq!(sent.iter().filter(|key| *key == "a").count(), 6, "{sent:?}");
    let counts = || shown(&gate).iter().map(|one| one["in_flight"].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!(counts(), [6, 2]);
    // Those of one leave: it has the least to do.
    let (of_a, of_b): (Vec<_>, Vec<_>) = clients.into_iter().zip(&sent).partition(|(_, key)| *key == "a");
    for (client, _) in of_a {
        client.leave();
    }
    until("only those of b are in flight", || counts() == [0, 2]);
    drop(of_b);
    until("none is", || counts() == [0, 0]);
}

#[test]
fn under_load_no_client_notices_and_every_slot_comes_back() {
    let provider = Provider::start();
    let gate = provider.gate(&[("a", 1), ("b", 1), ("c", 1)]);
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (gate, provider) = (&gate, &provider);
            scope.spawn(move || {
                let mut client = gate.connect();
                for round in 0..50 {
                    if number == 0 && round == 10 {
                        provider.rejects("a");
                        provider.limits("b", "retry-after-ms: 1\r\n");
                    }
                    if number == 0 && round == 30 {
                        provider.accepts("b");
                    }
                    client.send(gate.chat());
                    assert_eq!(client.answer().status, 200);
                }
            });
        }
    });
    until("no credential is in use", || shown(&gate).iter().all(|one| one["in_flight"] == 0));
    let asked = provider.keys(0).len() as u64;
    let sent_again: u64 = gate.records_when(200).iter().filter_map(|record| record["retries"].as_u64()).sum();
    assert_eq!(asked, 200 + sent_again, "each try is in some record");
    assert_eq!(states(&gate)[0], "rejected");
}

#[test]
fn a_reload_keeps_the_state_and_a_rotated_secret_begins_anew() {
    let provider = Provider::start();
    provider.rejects("a");
    let gate = provider.gate(&[("a", 1), ("b", 1)]);
    assert_eq!(ask(&gate).status, 200);
    assert_eq!(states(&gate), ["rejected", "healthy"]);
    let reload = |setup: &Setup| {
        let loaded = gate.gate.reload(&setup.sources()).unwrap_or_else(|faults| panic!("{faults}"));
        gate.gate.put_in_force(loaded);
    };
    reload(&setup(&provider.upstream, &[("a", 9), ("b", 1)]).set("server", "max_body", "1000000"));
    assert_eq!(states(&gate), ["rejected", "healthy"]);
    assert_eq!(shown(&gate)[0]["weight"], 9);
    reload(&setup(&provider.upstream, &[("a", 1), ("b", 1)]).variable("KEY_a", "sk-canary-new"));
    assert_eq!(states(&gate), ["healthy", "healthy"]);
    // What is sent beside the secret may be what was wrong with it.
    reload(&gate.setup);
    assert_eq!((ask(&gate).status, ask(&gate).status), (200, 200));
    assert_eq!(states(&gate), ["rejected", "healthy"]);
    let list = gate.setup.text();
    let list = list.lines().find_map(|line| line.strip_prefix("credentials = ")).unwrap();
    let mended = list.replacen("weight = 1", "organization = \"org-x\"", 1);
    reload(&gate.setup.clone().set("upstreams.openai", "credentials", &mended));
    assert_eq!(states(&gate), ["healthy", "healthy"]);
}

#[test]
fn what_continues_a_response_goes_to_the_credential_that_made_it_and_to_no_other() {
    let provider = Provider::start();
    let stream = "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_of_b\"}}\n\n";
    for (key, kind, body) in [
        ("a", "application/json", r#"{ "id": "resp_of_a", "output": [] }"#),
        ("b", "text/event-stream", stream),
    ] {
        let length = body.len();
        let answer =
            format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}");
        provider.answers.lock().unwrap().insert(key.to_owned(), answer);
    }
    let gate = provider.gate(&[("a", 1), ("b", 1)]);
    let asking = |more: &str| {
        let body = format!(r#"{{"model":"gpt-4o-mini","input":"hello"{more}}}"#);
        gate.ask(post("/v1/responses", &gate.setup.client_key, &body))
    };
    assert!(asking("").text().contains("resp_of_a") && asking("").text().contains("resp_of_b"));
    for owner in ["b", "a", "a", "b", "b"] {
        let from = provider.upstream.requests().len();
        let answer = asking(&format!(r#","previous_response_id":"resp_of_{owner}""#));
        assert_eq!(answer.status, 200);
        assert_eq!(provider.keys(from), [owner]);
    }
    provider.rejects("b");
    for _ in 0..2 {
        let from = provider.upstream.requests().len();
        let answer = asking(r#","previous_response_id":"resp_of_b""#);
        assert_eq!(answer.reason(), Some("upstream_credential_rejected"));
        assert_eq!(provider.keys(from), ["b"], "nobody else knows the response");
    }
    let from = provider.upstream.requests().len();
    for unknown in [r#","previous_response_id":"resp_of_c""#, r#","previous_response_id":null"#] {
        assert_eq!(asking(unknown).status, 200);
    }
    assert_eq!(provider.keys(from), ["a", "a"]);
}

/// Secrets as Kubernetes mounts them: `key` leads to `..data/key`, and `..data` to a folder of its own
/// for each version, which is swapped by renaming.
struct Mounted {
    folder: PathBuf,
    version: usize,
}

impl Mounted {
    fn new(name: &str, secret: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("credentials-{name}"));
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).unwrap();
        let mut mounted = Self { folder, version: 0 };
        std::os::unix::fs::symlink("..data/key", mounted.key()).unwrap();
        mounted.swap(secret);
        mounted
    }

    fn key(&self) -> PathBuf {
        self.folder.join("key")
    }

    fn swap(&mut self, secret: &str) {
        self.version += 1;
        let made = self.folder.join(format!("..{}", self.version));
        std::fs::create_dir(&made).unwrap();
        std::fs::write(made.join("key"), secret).unwrap();
        // The date of the file tells nothing: a tool that copies may keep it.
        let file = std::fs::File::options().write(true).open(made.join("key")).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1)).unwrap();
        let draft = self.folder.join("..draft");
        std::os::unix::fs::symlink(&made, &draft).unwrap();
        std::fs::rename(draft, self.folder.join("..data")).unwrap();
    }

    fn start(&self, upstream: &Upstream) -> (Running, Watch) {
        let credentials = format!(r#"[{{ id = "main", secret = "file:{}" }}]"#, self.key().display());
        let setup = Setup::new(upstream.address).set("upstreams.openai", "credentials", &credentials);
        let setup = setup.set("projects.search", "upstreams", r#"["openai"]"#);
        let file = self.folder.join("portcullis.toml");
        let mut text = setup.text();
        for other in ["anthropic", "gemini"] {
            let from = text.find(&format!("[upstreams.{other}]")).unwrap();
            let to = from + text[from + 1..].find("\n[").unwrap() + 2;
            text.replace_range(from..to, "");
        }
        std::fs::write(&file, text).unwrap();
        let registry = Arc::new(portcullis::limits::Registry::new(Moment::now()));
        let sources = Sources::at(&file);
        let loaded =
            portcullis::config::load(&sources, &registry).unwrap_or_else(|faults| panic!("{faults}"));
        let watch = Watch::new(sources, &loaded);
        let written = common::Written::default();
        let gate = portcullis::run::Gate::start(loaded, registry, written.clone()).unwrap();
        (Running { gate, setup, written }, watch)
    }
}

#[test]
fn a_secret_that_is_swapped_is_taken_and_the_old_one_is_seen_until_it_is_out_of_use() {
    let upstream = hanging();
    let mut mounted = Mounted::new("swap", "sk-canary-1");
    let (gate, mut watch) = mounted.start(&upstream);
    let mut old = gate.connect();
    old.send(gate.chat());
    assert_eq!(old.head().status, 200);
    mounted.swap("sk-canary-2");
    assert!(!watch.changed() && watch.changed());
    watch.apply(&gate.gate, "a file changed");

    let mut new = gate.connect();
    new.send(gate.chat());
    assert_eq!(new.head().status, 200);
    let both = shown(&gate);
    assert_eq!(both.len(), 2, "{both:#?}");
    assert_eq!((&both[0]["state"], &both[0]["in_flight"]), (&"healthy".into(), &1.into()));
    assert_eq!((&both[1]["state"], &both[1]["in_flight"]), (&"retired".into(), &1.into()));
    assert!(both[0]["since"].as_str() >= both[1]["since"].as_str());
    old.leave();
    until("the old one is out of use", || states(&gate) == ["healthy"]);
    let sent: Vec<String> =
        upstream.requests().iter().map(|request| key(request.header("authorization")[0])).collect();
    assert_eq!(sent, ["1", "2"]);
}

#[test]
fn a_secret_that_is_gone_or_empty_in_the_middle_of_a_swap_changes_nothing() {
    let provider = Provider::start();
    let mounted = Mounted::new("gone", "sk-canary-1");
    let (gate, mut watch) = mounted.start(&provider.upstream);
    let _lines = tracing::dispatcher::set_default(&gate.gate.dispatch());
    let file = std::fs::canonicalize(mounted.key()).unwrap();
    std::fs::write(&file, "").unwrap();
    assert!(!watch.changed() && watch.changed());
    watch.apply(&gate.gate, "a file changed");
    assert_eq!(ask(&gate).status, 200);
    std::fs::remove_file(&file).unwrap();
    assert!(!watch.changed() && watch.changed());
    watch.apply(&gate.gate, "a file changed");
    assert_eq!(ask(&gate).status, 200);
    assert_eq!(provider.keys(0), ["1", "1"]);
    let faults = told(&gate, "configuration_fault");
    assert_eq!(faults.len(), 2, "{faults:#?}");

    std::fs::write(&file, "sk-canary-2").unwrap();
    assert!(!watch.changed() && watch.changed(), "it is watched although it was gone");
    watch.apply(&gate.gate, "a file changed");
    assert_eq!(ask(&gate).status, 200);
    assert_eq!(provider.keys(2), ["2"]);
}

#[test]
fn nothing_of_a_secret_is_shown() {
    let provider = Provider::start();
    provider.rejects("a");
    let gate = provider.gate(&[("a", 2), ("b", 1)]);
    assert_eq!(gate.ask(post("/v1/chat/completions", &gate.setup.client_key, CHAT)).status, 200);
    let text = admin(&gate, "/credentials") + &admin(&gate, "/metrics") + &gate.written.text();
    let digest = portcullis::command::key::hex(&portcullis::project_key::digest(b"sk-canary-a"));
    for hidden in ["canary", &digest] {
        assert!(!text.contains(hidden), "{text}");
    }
    let first = &shown(&gate)[0];
    let fields: Vec<_> = first.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["cause", "credential", "in_flight", "since", "state", "until", "upstream", "weight"]);
}
