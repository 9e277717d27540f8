//! Where one request ends and the next begins.

use std::io::Write as _;
use std::time::Duration;

use proptest::prelude::*;

use crate::common::{CHAT, Client, Running, Upstream, post, until};
use crate::{stage, staged};

/// A request that must never be seen as one of its own.
fn smuggled(gate: &Running) -> String {
    let key = &gate.setup.client_key;
    let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {key}\r\n");
    let more =
        format!("user-agent: smuggled\r\ncontent-type: application/json\r\ncontent-length: {}", CHAT.len());
    format!("{head}{more}\r\n\r\n{CHAT}")
}

/// The head of a good request, without its framing and its end.
fn head(gate: &Running, version: &str) -> String {
    let key = &gate.setup.client_key;
    format!(
        "POST /v1/chat/completions HTTP/{version}\r\nhost: gate\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\n"
    )
}

fn chunked(body: &str) -> String {
    format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
}

/// Sends bytes and reads the first answer, if there is one.
fn first_answer(gate: &Running, bytes: &str) -> (Option<u16>, Client) {
    let mut client = gate.connect();
    client.try_send(bytes);
    let first = client.try_answer().map(|answer| answer.status);
    (first, client)
}

/// What came of an attack: it was refused and the connection closed, or one request went out, framed
/// anew. What stood behind it is never a request.
fn refused_or_one(name: &str, gate: &Running, upstream: &Upstream, bytes: &str) {
    let before = upstream.requests().len();
    let (status, mut client) = first_answer(gate, bytes);
    if status != Some(200) || bytes.contains("smuggled") {
        let rest = client.rest();
        assert!(rest.is_empty(), "{name}: after {status:?} {}", String::from_utf8_lossy(&rest));
    }
    let requests = upstream.requests().split_off(before);
    for request in &requests {
        assert_ne!(request.header("user-agent"), ["smuggled"], "{name}: {request:?}");
        assert_eq!(request.header("content-length"), [CHAT.len().to_string()], "{name}");
        assert!(request.header("transfer-encoding").is_empty(), "{name}: {}", request.head);
        assert_eq!(request.body, CHAT.as_bytes(), "{name}");
    }
    assert!(status.is_none_or(|status| status == 200 || (400..500).contains(&status)), "{name}: {status:?}");
    assert_eq!(requests.len(), usize::from(status == Some(200)), "{name}: {status:?} {requests:?}");
}

/// Row 11.
#[test]
fn two_framings_never_make_two_requests() {
    let (gate, upstream) = stage();
    let (good, hidden) = (head(&gate, "1.1"), smuggled(&gate));
    let old = head(&gate, "1.0");
    let length = CHAT.len();
    let body = chunked(CHAT);
    for (name, framing, behind) in [
        ("two lengths", format!("content-length: {length}\r\ncontent-length: 0"), format!("{CHAT}{hidden}")),
        ("a list of lengths", format!("content-length: {length}, 0"), format!("{CHAT}{hidden}")),
        ("a signed length", format!("content-length: +{length}"), format!("{CHAT}{hidden}")),
        ("a negative length", "content-length: -1".to_owned(), format!("{CHAT}{hidden}")),
        ("a hexadecimal length", format!("content-length: 0x{length:x}"), format!("{CHAT}{hidden}")),
        ("a length too long", "content-length: 18446744073709551616".to_owned(), CHAT.to_owned()),
        ("an unknown coding", "transfer-encoding: xchunked".to_owned(), format!("{body}{hidden}")),
        ("chunked not last", "transfer-encoding: chunked, identity".to_owned(), format!("{body}{hidden}")),
        ("gzip before chunked", "transfer-encoding: gzip, chunked".to_owned(), format!("{body}{hidden}")),
        ("chunked twice", "transfer-encoding: chunked, chunked".to_owned(), format!("{body}{hidden}")),
        (
            "two codings",
            "transfer-encoding: chunked\r\ntransfer-encoding: identity".to_owned(),
            format!("{body}{hidden}"),
        ),
        ("a quoted coding", "transfer-encoding: \"chunked\"".to_owned(), format!("{body}{hidden}")),
        ("a tab before the coding", "transfer-encoding:\tchunked".to_owned(), body.clone()),
        (
            "a control before the coding",
            "transfer-encoding: \x0bchunked".to_owned(),
            format!("{body}{hidden}"),
        ),
        ("a blank before the colon", format!("content-length : {length}"), format!("{CHAT}{hidden}")),
        (
            "a folded line",
            format!("x-a: b\r\n content-length: 0\r\ncontent-length: {length}"),
            format!("{CHAT}{hidden}"),
        ),
        (
            "a bare CR",
            format!("x-a: b\rcontent-length: 0\r\ncontent-length: {length}"),
            format!("{CHAT}{hidden}"),
        ),
        ("a NUL", format!("x-a: b\0\r\ncontent-length: {length}"), format!("{CHAT}{hidden}")),
        ("an empty name", format!(": b\r\ncontent-length: {length}"), format!("{CHAT}{hidden}")),
        ("a line without a colon", format!("x-a\r\ncontent-length: {length}"), format!("{CHAT}{hidden}")),
    ] {
        refused_or_one(name, &gate, &upstream, &format!("{good}{framing}\r\n\r\n{behind}"));
        if framing.starts_with("transfer-encoding") {
            let name = format!("HTTP/1.0, {name}");
            refused_or_one(&name, &gate, &upstream, &format!("{old}{framing}\r\n\r\n{behind}"));
        }
    }
    let te = "transfer-encoding: chunked\r\n\r\n";
    refused_or_one("HTTP/1.0 with TE", &gate, &upstream, &format!("{old}{te}{body}{hidden}"));
}

/// Row 11.
#[test]
fn bare_line_feeds_never_make_two_requests() {
    let (gate, upstream) = stage();
    let length = CHAT.len();
    let bare = head(&gate, "1.1").replace("\r\n", "\n");
    refused_or_one("all bare", &gate, &upstream, &format!("{bare}content-length: {length}\n\n{CHAT}"));
    let inside =
        format!("{}x-a: b\ncontent-length: 0\r\ncontent-length: {length}\r\n\r\n{CHAT}", head(&gate, "1.1"));
    refused_or_one("one bare", &gate, &upstream, &inside);
}

/// Row 12.
#[test]
fn odd_chunks_are_refused() {
    let (gate, upstream) = stage();
    let good = format!("{}transfer-encoding: chunked\r\n\r\n", head(&gate, "1.1"));
    let hidden = smuggled(&gate);
    let (size, length) = (format!("{:x}", CHAT.len()), CHAT.len());
    for (name, body) in [
        ("too large a size", format!("fffffffffffffffff\r\n{CHAT}\r\n0\r\n\r\n")),
        ("a signed size", format!("+{size}\r\n{CHAT}\r\n0\r\n\r\n")),
        ("a prefixed size", format!("0x{size}\r\n{CHAT}\r\n0\r\n\r\n")),
        ("no size", format!("\r\n{CHAT}\r\n0\r\n\r\n")),
        ("a bare LF behind the size", format!("{size}\n{CHAT}\r\n0\r\n\r\n{hidden}")),
        ("a bare LF in an extension", format!("{size};a\nb\r\n{CHAT}\r\n0\r\n\r\n{hidden}")),
        ("a bare CR in an extension", format!("{size};a\rb\r\n{CHAT}\r\n0\r\n\r\n{hidden}")),
        ("a bare LF behind the data", format!("{size}\r\n{CHAT}\n0\r\n\r\n{hidden}")),
        ("nothing behind the data", format!("{size}\r\n{CHAT}0\r\n\r\n{hidden}")),
        ("too much data", format!("{:x}\r\n{CHAT}\r\n0\r\n\r\n{hidden}", length - 1)),
        ("an endless extension", format!("{size};{}\r\n{CHAT}\r\n0\r\n\r\n", "a".repeat(64 * 1024))),
    ] {
        refused_or_one(name, &gate, &upstream, &format!("{good}{body}"));
    }
    assert_eq!(upstream.requests().len(), 0);
    // Nobody left: what is wrong is in what was sent.
    assert!(gate.records_when(11).iter().all(|record| record["reason"] == "body_invalid"));
}

/// Row 11.
#[test]
fn trailers_say_nothing() {
    let (gate, upstream) = stage();
    let head = format!("{}transfer-encoding: chunked\r\ntrailer: x-api-key\r\n\r\n", head(&gate, "1.1"));
    let end = "0\r\nx-api-key: another\r\ncontent-length: 0\r\n\r\n";
    let mut client = gate.connect();
    client.send(format!("{head}{:x}\r\n{CHAT}\r\n{end}", CHAT.len()));
    assert_eq!(client.answer().status, 200);
    let seen = String::from_utf8(upstream.received()).unwrap();
    assert!(!seen.contains("another") && !seen.contains("trailer"), "{seen}");
}

/// Row 13.
#[test]
fn what_is_left_of_a_refused_body_is_no_request() {
    let (gate, upstream) = stage();
    let hidden = smuggled(&gate);
    let mut client = gate.connect();
    client.send(post("/v1/chat/completions", "pcl_wrong", &hidden));
    client.send(gate.chat());
    assert_eq!(client.answer().status, 401);
    assert_eq!(client.answer().status, 200, "the request behind the refused one");
    assert_eq!(upstream.requests().len(), 1);
    assert!(upstream.requests()[0].header("user-agent").is_empty());
}

/// Row 13.
#[test]
fn a_refused_body_too_long_to_read_closes_the_connection() {
    let (gate, upstream) = stage();
    let hidden = smuggled(&gate);
    let mut client = gate.connect();
    let body = hidden.repeat(2 * (1 << 20) / hidden.len());
    client.try_send(post("/v1/chat/completions", "pcl_wrong", &body));
    client.try_send(&hidden);
    if let Some(answer) = client.try_answer() {
        assert_eq!(answer.status, 401);
        assert_eq!(answer.header("connection"), Some("close"));
    }
    client.rest();
    assert_eq!(upstream.requests().len(), 0);
    gate.records_when(1);
}

/// Row 14.
#[test]
fn nobody_is_asked_to_go_on_before_the_key_was_judged() {
    let (gate, upstream) = stage();
    let ask = |key: &str, expect: &str| {
        let bytes = String::from_utf8(post("/v1/chat/completions", key, CHAT)).unwrap();
        bytes.replacen("host: gate", &format!("host: gate\r\nexpect: {expect}"), 1)
    };
    let mut client = gate.connect();
    client.send(ask("pcl_wrong", "100-continue").split("\r\n\r\n").next().unwrap().to_owned() + "\r\n\r\n");
    let answer = client.answer();
    assert_eq!((answer.status, &answer.interim[..]), (401, &[][..]));
    assert!(client.ended(), "a body may still come, so nothing else can");

    let mut client = gate.connect();
    let whole = ask(&gate.setup.client_key, "100-continue");
    let (head, body) = whole.split_once("\r\n\r\n").unwrap();
    client.send(format!("{head}\r\n\r\n"));
    assert_eq!(client.head().status, 100);
    client.send(body);
    assert_eq!(client.answer().status, 200);
    assert!(upstream.requests()[0].header("expect").is_empty());

    for odd in ["100-continue, 100-continue", "100-continue\r\nexpect: x", "y 100-continue", "200-ok"] {
        let answer = gate.ask(ask(&gate.setup.client_key, odd));
        assert_eq!(answer.reason(), Some("expectation_unsupported"), "{odd}");
        assert_eq!(answer.interim, [0u16; 0], "{odd}");
    }
    assert_eq!(upstream.requests().len(), 1);
}

/// Row 15.
#[test]
fn no_upgrade_passes() {
    let (gate, upstream) = stage();
    for more in [
        "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: dGhlIHNhbXBsZQ==\r\nsec-websocket-version: 13",
        "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__",
    ] {
        let bytes = String::from_utf8(gate.chat()).unwrap();
        let answer = gate.ask(bytes.replacen("host: gate", &format!("host: gate\r\n{more}"), 1));
        assert_eq!(answer.status, 200);
        let request = upstream.requests().pop().unwrap();
        for name in ["connection", "upgrade", "http2-settings", "sec-websocket-key", "sec-websocket-version"]
        {
            assert!(request.header(name).is_empty(), "{name}: {}", request.head);
        }
    }
    assert_eq!(upstream.requests().len(), 2);
}

/// Row 23.
#[test]
fn a_head_that_dawdles_is_given_up() {
    let (gate, upstream) = staged(|setup| setup.set("server", "header_timeout", r#""50ms""#));
    for sent in ["", "POST /v1/chat", "POST /v1/chat/completions HTTP/1.1\r\nhost: gate\r\nx-a:"] {
        let mut client = gate.connect();
        client.send(sent);
        assert!(client.try_answer().is_none_or(|answer| answer.status == 408), "{sent}");
        assert!(client.ended(), "{sent}");
    }
    assert_eq!((upstream.connections(), gate.in_flight()), (0, 0));
}

/// Row 24.
#[test]
fn a_giant_head_is_refused() {
    let (gate, upstream) = stage();
    let bytes = String::from_utf8(gate.chat()).unwrap();
    let with = |more: &str| bytes.replacen("host: gate", &format!("host: gate{more}"), 1);
    // The bound is soft: hyper looks at it between two reads.
    let long = "a".repeat(300 * 1024);
    for (name, bytes) in [
        ("one long value", with(&format!("\r\nx-a: {long}"))),
        ("many headers", with(&"\r\nx-a: b".repeat(120))),
        ("a long target", bytes.replacen("/completions", &format!("/{long}"), 1)),
        ("a long method", bytes.replacen("POST", &long, 1)),
    ] {
        let (status, mut client) = first_answer(&gate, &bytes);
        assert!(matches!(status, None | Some(400 | 414 | 431)), "{name}: {status:?}");
        client.rest();
    }
    assert_eq!(upstream.connections(), 0);
    assert_eq!(gate.ask(gate.chat()).status, 200, "the next client is unaffected");
}

/// Row 23.
#[test]
fn a_body_that_dribbles_gets_no_more_time() {
    let (gate, upstream) = staged(|setup| setup.set("server", "body_timeout", r#""100ms""#));
    let bytes = gate.chat();
    let (head, body) = bytes.split_at(bytes.len() - CHAT.len());
    let mut client = gate.connect();
    client.send(head);
    // A byte each time that the clock has moved: always something, never enough.
    let mut dribbling = client.stream.try_clone().unwrap();
    let body = body.to_vec();
    std::thread::spawn(move || {
        for byte in body {
            std::thread::park_timeout(Duration::from_millis(20));
            if dribbling.write_all(&[byte]).is_err() {
                return;
            }
        }
    });
    assert_eq!(client.answer().reason(), Some("body_timeout"));
    assert_eq!(upstream.connections(), 0);
}

/// Row 23.
#[test]
fn only_so_many_connections_are_open() {
    let (gate, _upstream) = staged(|setup| setup.set("server", "max_connections", "2"));
    let metrics = &gate.shared().ledger.metrics;
    let mut first = gate.connect();
    let _second = gate.connect();
    until("two are open", || metrics.connections.get() == 2);
    assert!(gate.connect().ended(), "the third is closed");
    assert_eq!(metrics.connections_refused.get(), 1);
    first.send(gate.chat());
    assert_eq!(first.answer().status, 200, "those that are open are served");
    first.hang_up();
    until("one is left", || metrics.connections.get() == 1);
    assert_eq!(gate.ask(gate.chat()).status, 200);
}

/// Row 11: what two readers take differently is refused, the connection ends there, and no byte goes on.
#[test]
fn a_head_with_two_readings_is_refused_and_the_connection_closed() {
    let (gate, upstream) = stage();
    let hidden = smuggled(&gate);
    let (good, old, length) = (head(&gate, "1.1"), head(&gate, "1.0"), CHAT.len());
    let sized = format!("content-length: {length}");
    for (name, bytes) in [
        ("two lengths", format!("{good}{sized}\r\ncontent-length: 0\r\n\r\n{CHAT}{hidden}")),
        ("a list of lengths", format!("{good}content-length: {length}, {length}\r\n\r\n{CHAT}{hidden}")),
        ("a signed length", format!("{good}content-length: +{length}\r\n\r\n{CHAT}{hidden}")),
        ("a length in hexadecimal", format!("{good}content-length: 0x46\r\n\r\n{CHAT}{hidden}")),
        ("a folded line", format!("{good}x-a: b\r\n {sized}\r\n{sized}\r\n\r\n{CHAT}{hidden}")),
        ("a blank before the colon", format!("{good}content-length : {length}\r\n\r\n{CHAT}{hidden}")),
        ("a bare CR", format!("{good}x-a: b\rc\r\n{sized}\r\n\r\n{CHAT}{hidden}")),
        ("a NUL", format!("{good}x-a: b\0\r\n{sized}\r\n\r\n{CHAT}{hidden}")),
        ("HTTP/1.0 in chunks", format!("{old}transfer-encoding: chunked\r\n\r\n{}{hidden}", chunked(CHAT))),
        ("an unknown coding", format!("{good}transfer-encoding: xchunked\r\n\r\n{}{hidden}", chunked(CHAT))),
        ("two codings", format!("{good}transfer-encoding: gzip, chunked\r\n\r\n{}{hidden}", chunked(CHAT))),
        ("HTTP/2.0 in words", format!("{}{sized}\r\n\r\n{CHAT}{hidden}", head(&gate, "2.0"))),
        ("HTTP/0.9", format!("GET /v1/models\r\n\r\n{hidden}")),
    ] {
        let (status, mut client) = first_answer(&gate, &bytes);
        assert_eq!(status, Some(400), "{name}");
        assert!(client.rest().is_empty(), "{name}: the connection goes on");
    }
    assert_eq!((upstream.connections(), upstream.received().len()), (0, 0));
}

/// Heads that say twice where their body ends, each with what stands behind it.
fn framed_twice() -> [(&'static str, String, String); 9] {
    let (length, body) = (CHAT.len(), chunked(CHAT));
    let te = "transfer-encoding: chunked";
    [
        ("CL.TE", format!("content-length: {length}\r\n{te}\r\n\r\n"), body.clone()),
        ("CL.TE, right for both", format!("content-length: {}\r\n{te}\r\n\r\n", body.len()), body.clone()),
        ("CL.TE, empty", format!("content-length: 6\r\n{te}\r\n\r\n"), "0\r\n\r\n".to_owned()),
        ("TE.CL", format!("{te}\r\ncontent-length: 4\r\n\r\n"), body.clone()),
        ("TE.CL, no number", format!("{te}\r\ncontent-length: x\r\n\r\n"), body.clone()),
        (
            "no chunks",
            format!("transfer-encoding: identity\r\ncontent-length: {length}\r\n\r\n"),
            CHAT.to_owned(),
        ),
        (
            "in other letters",
            "Transfer-ENCODING:chunked\r\nx-a: b\r\nCONTENT-length:5\r\n\r\n".to_owned(),
            body.clone(),
        ),
        ("two lengths", format!("content-length: 5\r\ncontent-length: 5\r\n{te}\r\n\r\n"), body.clone()),
        ("bare LF", format!("content-length: 5\n{te}\n\n"), body),
    ]
}

/// Row 11: a length beside a coding is refused and the connection closed, and no byte of it goes on.
#[test]
fn a_length_beside_chunks_is_refused_and_the_connection_closed() {
    let (gate, upstream) = stage();
    let hidden = smuggled(&gate);
    let mut refused = 0;
    for (name, framing, behind) in framed_twice() {
        for version in ["1.1", "1.0"] {
            let bytes = format!("{}{framing}{behind}{hidden}", head(&gate, version));
            let (status, mut client) = first_answer(&gate, &bytes);
            assert_eq!(status, Some(400), "{name}, HTTP/{version}");
            assert!(client.rest().is_empty(), "{name}, HTTP/{version}: the connection goes on");
            refused += 1;
            until("it is counted", || gate.shared().ledger.metrics.heads_invalid.get() == refused);
        }
    }
    assert_eq!((upstream.connections(), upstream.received().len()), (0, 0));
    assert_eq!(gate.ask(gate.chat()).status, 200, "the next client is unaffected");
}

/// Row 11.
#[test]
fn a_length_beside_chunks_is_refused_behind_other_requests_too() {
    let (gate, upstream) = stage();
    let (good, hidden) = (head(&gate, "1.1"), smuggled(&gate));
    let sized = format!("{good}content-length: {}\r\n\r\n{CHAT}", CHAT.len());
    let trailed = format!(
        "{good}transfer-encoding: chunked\r\n\r\n{:X};content-length: 1\r\n{CHAT}\r\n0;a\r\n\
         transfer-encoding: chunked\r\ncontent-length: 7\r\n\r\n",
        CHAT.len()
    );
    let upgrade =
        sized.replacen("content-length", "connection: upgrade\r\nupgrade: websocket\r\ncontent-length", 1);
    for (name, framing, behind) in framed_twice() {
        for before in [&sized, &trailed, &upgrade] {
            let bad = format!("{good}{framing}{behind}{hidden}");
            for at_once in [true, false] {
                let mut client = gate.connect();
                let requests = upstream.requests().len();
                client.send(if at_once { format!("{before}{bad}") } else { before.clone() });
                assert_eq!(client.answer().status, 200, "{name}");
                if !at_once {
                    client.send(&bad);
                }
                assert_eq!(client.answer().status, 400, "{name}");
                assert!(client.rest().is_empty(), "{name}: the connection goes on");
                assert_eq!(upstream.requests().len() - requests, 1, "{name}");
            }
        }
    }
    for request in upstream.requests() {
        assert_eq!(request.body, CHAT.as_bytes());
        assert!(request.header("user-agent").is_empty(), "{}", request.head);
    }
}

/// Row 11.
#[test]
fn a_length_beside_chunks_is_refused_however_its_head_is_cut() {
    // One worker: when it has answered another client, it has read what came before.
    let (gate, upstream) = staged(|setup| setup.set("server", "workers", "1"));
    let hidden = smuggled(&gate);
    let mut other = gate.connect();
    for (name, framing, behind) in framed_twice() {
        let head = format!("{}{framing}", head(&gate, "1.1"));
        let begins = head.len() - framing.len();
        // Before and behind the first name, within the second, at its colon, before the empty line.
        let second = begins + framing.trim_end().rfind('\n').unwrap() + 1;
        let colon = second + framing[second - begins..].find(':').unwrap();
        for cuts in [
            vec![begins],
            vec![second + 5],
            vec![colon],
            vec![colon + 1],
            vec![head.len() - 1],
            vec![begins + 3, second, colon, head.len() - 1],
        ] {
            let (mut client, mut from) = (gate.connect(), 0);
            for cut in cuts.iter().copied() {
                client.try_send(&head[from..cut]);
                from = cut;
                other.send(post("/v1/nothing", &gate.setup.client_key, CHAT));
                assert_eq!(other.answer().status, 404);
            }
            client.try_send(format!("{}{behind}{hidden}", &head[from..]));
            assert_eq!(client.answer().status, 400, "{name}, cut at {cuts:?}");
            client.rest();
        }
    }
    assert_eq!((upstream.connections(), upstream.received().len()), (0, 0));
}

/// Row 11: what only reads like a head passes as it came.
#[test]
fn a_body_that_reads_like_heads_passes() {
    let (gate, upstream) = stage();
    let heads = "\r\nPOST / HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\nPOST / HTTP/1.1\r\n\
                 x-stainless-lang: python\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n";
    let part = "--b\r\ncontent-disposition: form-data; name=";
    let body = format!(
        "{part}\"model\"\r\n\r\nwhisper-1\r\n{part}\"file\"; filename=\"f\"\r\n\r\n{heads}\r\n--b--\r\n"
    );
    let key = &gate.setup.client_key;
    let head = format!(
        "POST /openai/v1/audio/transcriptions HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {key}\r\n\
         content-type: multipart/form-data; boundary=b\r\n"
    );
    let (first, second) = body.split_at(body.len() / 2);
    for framed in [
        format!("{head}content-length: {}\r\n\r\n{body}", body.len()),
        format!("{head}transfer-encoding: chunked\r\n\r\n{}", chunked(&body)),
        format!(
            "{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n{}",
            first.len(),
            chunked(second)
        ),
    ] {
        let mut client = gate.connect();
        for times in 1..=2 {
            client.send(&framed);
            assert_eq!(client.answer().status, 200, "{times}: {framed}");
        }
        // What comes by itself begins like a head.
        let (before, like_a_head) = framed.split_at(framed.rfind("POST / ").unwrap());
        client.send(before);
        std::thread::sleep(Duration::from_millis(30));
        client.send(like_a_head);
        assert_eq!(client.answer().status, 200, "{framed}");
    }
    let requests = upstream.requests();
    assert_eq!(requests.len(), 9);
    for request in requests {
        assert_eq!(String::from_utf8(request.body).unwrap(), body);
    }
}

/// How a good request says where its body ends, and what stands around its lines.
#[derive(Clone, Debug)]
struct Framed {
    /// Its lines: a length, a coding, both in this order, or in the other.
    lines: Vec<String>,
    blank: &'static str,
    line_end: &'static str,
    /// Where the body is cut into chunks, and what stands around them.
    cut: prop::sample::Index,
    extension: &'static str,
    trailer: &'static str,
}

impl Framed {
    fn is_chunked(&self) -> bool {
        self.lines.iter().any(|line| line.starts_with(['t', 'T']))
    }

    fn is_twofold(&self) -> bool {
        self.is_chunked() && self.lines.iter().any(|line| line.starts_with(['c', 'C']))
    }

    fn bytes(&self, gate: &Running) -> String {
        let Self { lines, blank, line_end, cut, extension, trailer } = self;
        let agent = if self.is_twofold() { "smuggled" } else { "good" };
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect::<Vec<_>>().concat();
        let head = format!("{blank}{}{lines}user-agent: {agent}\r\n\r\n", head(gate, "1.1"));
        let head = head.replace("\r\n", line_end);
        if !self.is_chunked() {
            return format!("{head}{CHAT}");
        }
        let (first, second) = CHAT.split_at(1 + cut.index(CHAT.len() - 1));
        let chunk = |data: &str| format!("{:x}{extension}\r\n{data}\r\n", data.len());
        format!("{head}{}{}0{extension}\r\n{trailer}\r\n", chunk(first), chunk(second))
    }
}

fn framed() -> impl Strategy<Value = Framed> {
    let length = prop::sample::select(vec!["content-length: ", "Content-Length:", "CONTENT-LENGTH:\t"]);
    let length = length.prop_map(|name| format!("{name}{}", CHAT.len()));
    let coding = prop::sample::select(vec!["transfer-encoding: chunked", "Transfer-Encoding:chunked"]);
    let coding = coding.prop_map(str::to_owned);
    let lines = prop_oneof![
        2 => length.clone().prop_map(|length| vec![length]),
        2 => coding.clone().prop_map(|coding| vec![coding]),
        1 => (length.clone(), length.clone()).prop_map(|(one, other)| vec![one, other]),
        1 => (length.clone(), coding.clone()).prop_map(|(length, coding)| vec![length, coding]),
        1 => (length, coding).prop_map(|(length, coding)| vec![coding, length]),
    ];
    let cut = any::<prop::sample::Index>();
    let extension = prop::sample::select(vec!["", " ", ";content-length: 3", "\t;a=\"b\""]);
    let trailer = "content-length: 3\r\ntransfer-encoding: chunked\r\n";
    let trailer = prop::sample::select(vec!["", "te: x\r\n", trailer]);
    let (blank, line_end) =
        (prop::sample::select(vec!["", "\r\n"]), prop::sample::select(vec!["\r\n", "\n"]));
    (lines, blank, line_end, cut, extension, trailer).prop_map(
        |(lines, blank, line_end, cut, extension, trailer)| Framed {
            lines,
            blank,
            line_end,
            cut,
            extension,
            trailer,
        },
    )
}

/// Row 11: of requests in a row those before the first with two framings are served, and nothing else.
#[test]
fn of_requests_in_a_row_the_first_with_two_framings_is_the_last() {
    let (gate, upstream) = stage();
    let cuts = prop::collection::vec(any::<prop::sample::Index>(), 0..4);
    let config = ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let requests = prop::collection::vec(framed(), 1..5);
    let told = runner.run(&(requests, cuts), |(requests, cuts)| {
        let before = upstream.requests().len();
        let bytes = requests.iter().map(|request| request.bytes(&gate)).collect::<Vec<_>>().concat();
        let mut cuts = cuts.iter().map(|cut| cut.index(bytes.len())).collect::<Vec<_>>();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let mut client = gate.connect();
        for piece in cuts.windows(2) {
            client.try_send(&bytes[piece[0]..piece[1]]);
        }
        let good = requests.iter().take_while(|request| !request.is_twofold()).count();
        for at in 0..good {
            prop_assert_eq!(client.answer().status, 200, "{}", at);
        }
        if good < requests.len() {
            prop_assert_eq!(client.answer().status, 400);
            prop_assert!(client.rest().is_empty());
        }
        let sent = upstream.requests().split_off(before);
        prop_assert_eq!(sent.len(), good);
        prop_assert!(sent.iter().all(|sent| sent.body == CHAT.as_bytes()));
        prop_assert!(sent.iter().all(|sent| sent.header("user-agent") != ["smuggled"]));
        Ok(())
    });
    told.unwrap();
}
