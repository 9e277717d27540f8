//! Web pages: which may ask, which may read their answers, and that nothing unlisted is ever repeated to one.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use common::client::request;
use common::setup::{new_key, sha256};
use common::{Answer, CHAT, OK, Running, Setup, Upstream};

const PAGE: &str = "https://app.example";
const OTHER_PAGE: &str = "http://localhost:5173";
const CORS: &str = r#"{ origins = ["https://app.example"], max_age = "20m" }"#;
const SDK: &str = "authorization,content-type,x-stainless-os,x-other";

/// A project that lists one page and one that lists another; gives the other project's key too.
fn two_projects(upstream: &Upstream) -> (Running, String) {
    let key = new_key("other-prod");
    let other = format!(
        r#"
[projects.other]
upstreams = ["openai"]
scopes = "*"
models = "*"
allow_ips = "any"
cors = {{ origins = ["{PAGE}", "{OTHER_PAGE}"], max_age = "5m" }}
[[projects.other.keys]]
id = "other-prod"
sha256 = "{}"
"#,
        sha256(&key)
    );
    (Setup::new(upstream.address).set("projects.search", "cors", CORS).more(&other).start(), key)
}

fn question(gate: &Running, origin: &str) -> Answer {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", SDK),
    ];
    gate.ask(request("OPTIONS", "/v1/chat/completions", &headers, ""))
}

fn chat(gate: &Running, key: &str, origins: &[&str]) -> Answer {
    let bearer = format!("Bearer {key}");
    let mut headers = vec![("authorization", bearer.as_str()), ("content-type", "application/json")];
    headers.extend(origins.iter().map(|origin| ("origin", *origin)));
    gate.ask(request("POST", "/v1/chat/completions", &headers, CHAT))
}

/// Whether the page may read the answer; nothing else than its own origin is ever allowed.
fn readable(answer: &Answer, origin: &str) -> bool {
    let exposed = answer.header("access-control-expose-headers").is_some();
    let allowed = answer.header("access-control-allow-origin");
    assert!(allowed.is_none_or(|allowed| allowed == origin), "{answer:?}");
    assert_eq!(exposed, allowed.is_some());
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    allowed.is_some()
}

#[test]
fn a_listed_page_may_ask_and_no_other() {
    let upstream = Upstream::answering(OK);
    let (gate, _) = two_projects(&upstream);
    let answer = question(&gate, OTHER_PAGE);
    assert_eq!((answer.status, answer.body.len(), answer.header("content-length")), (204, 0, None));
    assert_eq!(answer.header("access-control-allow-origin"), Some(OTHER_PAGE));
    assert_eq!(
        answer.header("access-control-allow-headers"),
        Some("authorization, content-type, x-stainless-os")
    );
    assert!(answer.header("access-control-allow-methods").unwrap().contains("POST"));
    assert_eq!(answer.header("access-control-max-age"), Some("300"));
    assert!(answer.header("vary").unwrap().contains("origin"));
    // Two projects list it: a browser remembers it for the shorter time.
    assert_eq!(question(&gate, PAGE).header("access-control-max-age"), Some("300"));

    let wrong = [
        "https://app.example/",
        "https://APP.example",
        "https://app.example.evil",
        "http://app.example",
        "null",
    ];
    for origin in wrong {
        let answer = question(&gate, origin);
        assert_eq!((answer.status, answer.reason()), (403, Some("origin_not_allowed")), "{origin}");
        assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("access-control-")), "{answer:?}");
        assert_eq!(answer.header("vary"), Some("origin"));
    }
    let records = gate.records_when(7);
    assert_eq!(records[0]["event"], "served");
    assert_eq!((&records[0]["status"], &records[0]["headers"]["origin"]), (&204.into(), &OTHER_PAGE.into()));
    assert_eq!(records[2]["reason"], "origin_not_allowed");
    assert!(records[2]["hint"].as_str().unwrap().contains("\"https://app.example/\""));
    assert!(upstream.requests().is_empty());
}

#[test]
fn the_answer_can_be_read_by_pages_of_the_keys_own_project() {
    let upstream = Upstream::answering(OK);
    let (gate, other) = two_projects(&upstream);
    let key = &gate.setup.client_key;
    assert!(readable(&chat(&gate, key, &[PAGE]), PAGE));
    assert!(readable(&chat(&gate, &other, &[PAGE]), PAGE));
    assert!(readable(&chat(&gate, &other, &[OTHER_PAGE]), OTHER_PAGE));
    // Another project's page: it is served, for a key is a key, but the page cannot read it.
    let answer = chat(&gate, key, &[OTHER_PAGE]);
    assert_eq!((answer.status, readable(&answer, OTHER_PAGE)), (200, false));
    let answer = chat(&gate, key, &[PAGE, OTHER_PAGE]);
    assert_eq!((answer.status, readable(&answer, PAGE)), (200, false), "two origins are none");
    let answer = chat(&gate, key, &[]);
    assert_eq!((answer.header("vary"), readable(&answer, PAGE)), (Some("origin"), false));
    for sent in upstream.requests() {
        assert!(sent.header("origin").is_empty(), "{}", sent.head);
    }
}

#[test]
fn refusals_can_be_read_too() {
    let upstream = Upstream::answering("HTTP/1.1 429 Slow\r\ncontent-length: 2\r\nvary: x\r\n\r\n{}");
    let (gate, other) = two_projects(&upstream);
    let key = &gate.setup.client_key;
    let answer = chat(&gate, key, &[PAGE]);
    assert_eq!((answer.status, readable(&answer, PAGE)), (429, true), "the provider's");
    let refused = |key: &str, body: &str, origin: &str| {
        let bearer = format!("Bearer {key}");
        let headers =
            [("authorization", bearer.as_str()), ("content-type", "application/json"), ("origin", origin)];
        gate.ask(request("POST", "/v1/chat/completions", &headers, body))
    };
    let answer = refused(key, "{", PAGE);
    assert_eq!((answer.reason(), readable(&answer, PAGE)), (Some("body_invalid"), true));
    let answer = refused(&other, "{", OTHER_PAGE);
    assert!(readable(&answer, OTHER_PAGE));
    let answer = refused(key, "{", OTHER_PAGE);
    assert!(!readable(&answer, OTHER_PAGE), "the project is known and does not list it");
    let answer = refused("pcl_nobody", CHAT, OTHER_PAGE);
    assert_eq!((answer.reason(), readable(&answer, OTHER_PAGE)), (Some("key_malformed"), true));
    assert!(!readable(&refused("pcl_nobody", CHAT, "https://evil.example"), "https://evil.example"));
    let bearer = format!("Bearer {key}");
    let whoami = [("authorization", bearer.as_str()), ("origin", PAGE)];
    let answer = gate.ask(request("GET", "/portcullis/whoami", &whoami, ""));
    assert_eq!((answer.status, readable(&answer, PAGE)), (200, true));
}

#[test]
fn a_decoy_tells_no_project() {
    let upstream = Upstream::answering(OK);
    let decoy = new_key("decoy");
    let setup = Setup::new(upstream.address)
        .set("projects.search", "cors", CORS)
        .more(&format!(
            "[projects.trap]\nupstreams = [\"openai\"]\n[[projects.trap.keys]]\nid = \"decoy\"\nsha256 = \"{}\"\ndecoy = true\n",
            sha256(&decoy)
        ));
    let gate = setup.start();
    let (trapped, unknown) = (chat(&gate, &decoy, &[PAGE]), chat(&gate, &new_key("decoy"), &[PAGE]));
    assert_eq!(trapped.reason(), Some("key_unknown"));
    assert!(readable(&trapped, PAGE) && readable(&unknown, PAGE));
}

#[test]
fn a_stream_can_be_read() {
    let stream = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n4\r\ndata\r\n0\r\n\r\n";
    let upstream = Upstream::answering(stream);
    let (gate, _) = two_projects(&upstream);
    let answer = chat(&gate, &gate.setup.client_key, &[PAGE]);
    assert_eq!((answer.status, readable(&answer, PAGE), &*answer.body), (200, true, &b"data"[..]));
}

#[test]
fn without_a_list_nothing_is_said_of_origins() {
    let upstream = Upstream::answering(OK);
    let gate = Setup::new(upstream.address).start();
    let answers = [question(&gate, PAGE), chat(&gate, &gate.setup.client_key, &[PAGE])];
    assert_eq!(answers[0].reason(), Some("key_missing"));
    assert_eq!(answers[1].status, 200);
    for answer in answers {
        let told = |name: &str| name.starts_with("access-control-") || name == "vary";
        assert!(!answer.headers.iter().any(|(name, _)| told(name)), "{answer:?}");
    }
    assert!(gate.records_when(2).iter().all(|record| record["headers"]["origin"].is_null()));
}

#[test]
fn a_project_that_is_switched_off_lists_nothing() {
    let upstream = Upstream::answering(OK);
    let setup = Setup::new(upstream.address).set("projects.search", "cors", CORS);
    let gate = setup.set("projects.search", "enabled", "false").start();
    assert_eq!(question(&gate, PAGE).reason(), Some("key_missing"));
}
