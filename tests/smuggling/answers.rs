//! What an upstream says of itself, and where it would lead us.

use std::time::Duration;

use crate::common::{Setup, Upstream, post};

#[test]
fn no_redirect_is_followed_or_passed_on() {
    let elsewhere = Upstream::answering(crate::common::OK);
    for status in [300, 301, 302, 303, 304, 307, 308] {
        let location = format!("http://{}/v1/chat/completions", elsewhere.address);
        let upstream = Upstream::answering(format!(
            "HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
        ));
        let gate = Setup::new(upstream.address).start();
        let answer = gate.ask(gate.chat());
        assert_eq!(answer.reason(), Some("upstream_invalid"), "{status}");
        assert_eq!(answer.header("location"), None);
        assert_eq!(upstream.requests().len(), 1);
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn what_names_the_account_stays_here() {
    let upstream = Upstream::answering(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\
         openai-organization: org-secret\r\nopenai-project: proj-secret\r\nset-cookie: __cf_bm=secret\r\n\
         x-ratelimit-remaining-requests: 9\r\nanthropic-ratelimit-requests-remaining: 9\r\n\
         anthropic-organization-id: org-secret\r\nserver: secret\r\nvia: 1.1 secret\r\ncf-ray: secret\r\n\
         x-request-id: req_theirs\r\nx-ms-region: secret\r\nalt-svc: h3=\"secret\"\r\n\
         www-authenticate: secret\r\nx-portcullis-reason: secret\r\nlocation: secret\r\n\
         access-control-allow-origin: *\r\nconnection: x-secret\r\nx-secret: secret\r\n\
         openai-processing-ms: 7\r\nretry-after: 1\r\nx-should-retry: true\r\n\r\n{}",
    );
    let gate = Setup::new(upstream.address).start();
    let answer = gate.ask(gate.chat());
    assert_eq!(answer.status, 200);
    let mut names: Vec<&str> = answer.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let expected = [
        "content-length",
        "content-type",
        "date",
        "openai-processing-ms",
        "retry-after",
        "x-request-id",
        "x-should-retry",
        "x-upstream-request-id",
    ];
    assert_eq!(names, expected);
    assert!(!String::from_utf8_lossy(&answer.everything()).contains("secret"));
    assert_eq!(answer.header("x-upstream-request-id"), Some("req_theirs"));
    assert_ne!(answer.header("x-request-id"), Some("req_theirs"));
}

#[test]
fn an_upstream_cannot_answer_the_next_client() {
    // Bytes behind the answer's end belong to nobody: the connection is not used again.
    let ok = crate::common::OK;
    let upstream = Upstream::start(move |talk| {
        while talk.request().is_some() {
            let extra = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npoisonous";
            if talk.send(format!("{ok}{extra}")).is_err() {
                return;
            }
        }
    });
    let gate = Setup::new(upstream.address).set("server", "workers", "1").start();
    for _ in 0..5 {
        let answer = gate.ask(gate.chat());
        assert!(!answer.text().contains("poisonous"), "{answer:?}");
    }
}

#[test]
fn a_giant_or_broken_head_is_an_invalid_answer() {
    let long = "a".repeat(512 * 1024);
    for (name, answer) in [
        ("giant", format!("HTTP/1.1 200 OK\r\nx-a: {long}\r\ncontent-length: 0\r\n\r\n")),
        ("two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab".to_owned()),
        ("many", format!("HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n", "x-a: b\r\n".repeat(200))),
        ("no status", "HTTP/1.1 abc OK\r\ncontent-length: 0\r\n\r\n".to_owned()),
    ] {
        let upstream = Upstream::answering(answer);
        let gate = Setup::new(upstream.address).start();
        let answer = gate.ask(gate.chat());
        assert_eq!(answer.status, 502, "{name}: {answer:?}");
        assert_eq!(answer.reason(), Some("upstream_invalid"), "{name}");
        assert_eq!(gate.record()["event"], "failed", "{name}");
    }
}

#[test]
fn what_is_wrong_with_the_clients_own_request_is_passed_on() {
    let body = r#"{"error":{"code":400,"message":"contents is not specified","status":"INVALID_ARGUMENT"}}"#;
    let head = format!("HTTP/1.1 400 Bad Request\r\ncontent-length: {}", body.len());
    let upstream = Upstream::answering(format!("{head}\r\ncontent-type: application/json\r\n\r\n{body}"));
    let gate = Setup::new(upstream.address).start();
    for path in ["/v1beta/models/gemini-2.5-flash:generateContent", "/v1/embeddings"] {
        let answer = gate.ask(post(path, &gate.setup.client_key, r#"{"model":"gemini-2.5-flash"}"#));
        assert_eq!((answer.status, answer.reason()), (400, None));
        assert_eq!((&*answer.text(), answer.header("content-type")), (body, Some("application/json")));
    }
    for record in gate.records_when(2) {
        assert_eq!((&record["event"], &record["status"]), (&"served".into(), &400.into()));
        assert_eq!(record["response_bytes"], body.len());
    }
}

#[test]
fn an_answer_that_reads_like_a_head_passes() {
    let like_a_head =
        "HTTP/1.1 200 OK\r\ndate: Fri, 20 Nov 2026 12:00:00 GMT\r\nset-cookie: a=b; path=/\r\n\r\n";
    let body = format!("{{\"id\": \"{like_a_head}\"}}");
    let upstream = Upstream::start({
        let body = body.clone();
        move |talk| {
            let (before, behind) = body.split_at(8);
            let head = format!(
                "HTTP/1.1 200 OK\r\ndate: Fri, 20 Nov 2026 12:00:00 GMT\r\ncontent-type: application/json\r\n\
                 server: a server of theirs\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            // Whole, cut behind the head, and cut where what follows reads like one.
            let ways = [
                [head.clone() + &body, String::new()],
                [head.clone(), body.clone()],
                [head + before, behind.to_owned()],
            ];
            for pieces in ways.iter().cycle() {
                if talk.request().is_none() {
                    return;
                }
                for piece in pieces {
                    drop(talk.send(piece));
                    std::thread::sleep(Duration::from_millis(30));
                }
            }
        }
    });
    let gate = Setup::new(upstream.address).start();
    let mut client = gate.connect();
    for times in 0..6 {
        client.send(gate.chat());
        let answer = client.answer();
        assert_eq!((answer.status, String::from_utf8(answer.body).unwrap()), (200, body.clone()), "{times}");
    }
    assert_eq!(upstream.connections(), 1);
}
