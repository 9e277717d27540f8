//! Who waits to be told to go on is told when nothing but the body is left to judge.

use crate::common::{CHAT, post};
use crate::staged;

/// Row 14: neither an endpoint, a scope nor a rate is asked about behind a body that nobody wanted.
#[test]
fn nobody_is_asked_to_go_on_before_everything_but_the_body_was_judged() {
    let (gate, upstream) = staged(|setup| {
        let setup = setup.set("projects.search", "scopes", r#"["chat"]"#);
        setup.set("projects.search", "limits", r#"{ requests = "1/h" }"#)
    });
    let ask = |path: &str| {
        let bytes = String::from_utf8(post(path, &gate.setup.client_key, CHAT)).unwrap();
        bytes.replacen("host: gate", "host: gate\r\nexpect: 100-continue", 1)
    };
    let mut first = gate.connect();
    let whole = ask("/v1/chat/completions");
    let (head, body) = whole.split_once("\r\n\r\n").unwrap();
    first.send(format!("{head}\r\n\r\n"));
    assert_eq!(first.head().status, 100);
    first.send(body);
    assert_eq!(first.answer().status, 200);
    for (path, reason) in [
        ("/v1/chat/nothing", "endpoint_unknown"),
        ("/v1/embeddings", "scope_missing"),
        ("/v1/chat/completions?x=y", "query_not_allowed"),
        ("/v1/chat/completions", "rate_limited"),
    ] {
        let mut client = gate.connect();
        let whole = ask(path);
        client.send(whole.split("\r\n\r\n").next().unwrap().to_owned() + "\r\n\r\n");
        let answer = client.answer();
        assert_eq!((answer.reason(), &answer.interim[..]), (Some(reason), &[][..]), "{path}");
        assert!(client.ended(), "{path}: a body may still come, so nothing else can");
    }
    assert_eq!(upstream.requests().len(), 1);
}
