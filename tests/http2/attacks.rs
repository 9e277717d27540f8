//! What ill-behaved clients get, and what others notice of it: nothing.

use crate::common::{CHAT, OK, Running, Setup, Upstream, until};
use crate::raw::{
    CALM_DOWN, CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PROTOCOL_ERROR,
    REFUSED_STREAM, RESET, Raw, SETTINGS, WINDOW_UPDATE, block, frame,
};

/// The head of a chat request.
pub(crate) fn chat(key: &str) -> Vec<(&str, &str)> {
    let mut headers = vec![(":method", "POST"), (":scheme", "http"), (":authority", "gate")];
    headers.extend([
        (":path", "/v1/chat/completions"),
        ("authorization", key),
        ("content-type", "application/json"),
    ]);
    headers
}

fn stage() -> (Running, Upstream, String) {
    staged(|setup| setup)
}

fn staged(arrange: impl FnOnce(Setup) -> Setup) -> (Running, Upstream, String) {
    let upstream = Upstream::answering(OK);
    let gate = arrange(Setup::new(upstream.address).set("server", "header_timeout", r#""1h""#)).start();
    let key = format!("Bearer {}", gate.setup.client_key);
    (gate, upstream, key)
}

/// Nobody else notices.
fn others_are_served(gate: &Running, key: &str) {
    assert_eq!(gate.ask(gate.chat()).status, 200);
    let mut raw = Raw::connect(gate, 65_535);
    raw.ask(1, &chat(key), CHAT);
    assert_eq!(raw.next_of(&[HEADERS]).unwrap().status(), Some(200));
}

/// Row 3: the host is said in two places, and they say the same.
#[test]
fn authority_and_host_are_one_plain_host() {
    let (gate, upstream, key) = stage();
    let mut raw = Raw::connect(&gate, 65_535);
    let with = |authority: Option<&'static str>, hosts: &[&'static str]| {
        let mut headers: Vec<_> = chat(&key).into_iter().filter(|(name, _)| *name != ":authority").collect();
        if let Some(authority) = authority {
            headers.insert(2, (":authority", authority));
        }
        headers.extend(hosts.iter().map(|host| ("host", *host)));
        headers
    };
    let mut stream = 1;
    for (authority, hosts, passes) in [
        (Some("gate"), &[][..], true),
        (Some("gate"), &["GATE"], true),
        (None, &["gate:80"], true),
        (Some("gate"), &["other"], false),
        (Some("gate"), &["gate", "gate"], false),
        (None, &["gate", "other"], false),
        (None, &[], false),
        (Some("user@gate"), &[], false),
        (None, &["localhost/#@x"], false),
        (None, &[""], false),
    ] {
        raw.ask(stream, &with(authority, hosts), CHAT);
        let head = raw.next_of(&[HEADERS, RESET]).unwrap();
        if passes {
            assert_eq!(head.status(), Some(200), "{authority:?} {hosts:?}");
            raw.body(stream);
        } else if head.kind == HEADERS {
            assert_eq!(head.status(), Some(400), "{authority:?} {hosts:?}");
            assert!(raw.body(stream).contains("host_invalid"));
        }
        stream += 2;
    }
    assert_eq!(upstream.requests().len(), 3);
}

/// Row 16: what belongs to a connection of HTTP/1.1, or would break a line there, makes no request.
#[test]
fn headers_of_http1_and_broken_ones_make_no_request() {
    let (gate, upstream, key) = stage();
    for odd in [
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("te", "gzip"),
        ("X-Upper", "a"),
        ("x-a", "b\r\nx-api-key: another"),
        ("x-a\r\nb", "c"),
        ("x-a", "b\0"),
        (":path", "/v1/embeddings"),
        (":status", "200"),
        (":protocol", "websocket"),
        (":unknown", "x"),
        ("", "x"),
    ] {
        let mut raw = Raw::connect(&gate, 65_535);
        let headers = [chat(&key), vec![odd]].concat();
        raw.ask(1, &headers, CHAT);
        let end = raw.next_of(&[HEADERS, RESET, GOAWAY]);
        assert!(
            end.as_ref().is_none_or(|end| end.kind != HEADERS && end.code() == PROTOCOL_ERROR),
            "{odd:?} {end:?}"
        );
    }
    assert_eq!(upstream.connections(), 0);
    assert_eq!(gate.records().len(), 0);
    others_are_served(&gate, &key);
}

/// Rows 1, 3, 37: targets and methods that no client of an API sends.
#[test]
fn odd_targets_and_methods_are_refused() {
    let (gate, upstream, key) = stage();
    let mut raw = Raw::connect(&gate, 65_535);
    let mut stream = 1;
    for (method, scheme, path) in [
        ("POST", "http", "//v1/chat/completions"),
        ("POST", "http", "/v1/chat/../chat/completions"),
        ("POST", "http", "/v1/chat%2fcompletions"),
        ("POST", "http", "*"),
        ("POST", "http", "v1/chat/completions"),
        ("POST", "http", "http://other/v1/chat/completions"),
        ("POST", "ftp", "/v1/chat/completions"),
        ("TRACE", "http", "/v1/chat/completions"),
        ("post", "http", "/v1/chat/completions"),
        ("PRI", "http", "/v1/chat/completions"),
    ] {
        let changed = chat(&key).into_iter().map(|(name, value)| match name {
            ":method" => (name, method),
            ":scheme" => (name, scheme),
            ":path" => (name, path),
            _ => (name, value),
        });
        raw.ask(stream, &changed.collect::<Vec<_>>(), CHAT);
        let head = raw.next_of(&[HEADERS, RESET]).unwrap();
        assert_eq!(head.stream, stream, "{method} {scheme} {path}");
        if head.kind == HEADERS {
            assert_ne!(head.status(), Some(200), "{method} {scheme} {path}");
            raw.body(stream);
        }
        stream += 2;
    }
    // The method of proxies has no path; and WebSockets are not offered over HTTP/2 (RFC 8441).
    let connect = [(":method", "CONNECT"), (":authority", "other:443"), ("authorization", &key)];
    raw.send(&frame(HEADERS, END_HEADERS, stream, &block(&connect)));
    let head = raw.next_of(&[HEADERS, RESET]).unwrap();
    assert!(head.kind == RESET || head.status() != Some(200), "{head:?}");
    assert_eq!(upstream.connections(), 0);
    others_are_served(&gate, &key);
}

/// Row 1: the library drops a number sign and what stands behind it. What is judged is what goes on.
#[test]
fn what_stands_behind_a_number_sign_decides_nothing() {
    let (gate, upstream, key) = staged(|setup| setup.set("projects.search", "scopes", r#"["chat"]"#));
    let mut raw = Raw::connect(&gate, 65_535);
    for (stream, path) in [
        (1, "/v1/embeddings#/../chat/completions"),
        (3, "/#@/v1/chat/completions"),
        (5, "/v1/chat/completions#/../embeddings"),
    ] {
        let changed =
            chat(&key).into_iter().map(|(name, value)| (name, if name == ":path" { path } else { value }));
        raw.ask(stream, &changed.collect::<Vec<_>>(), CHAT);
        let head = raw.next_of(&[HEADERS, RESET]).unwrap();
        assert_eq!(head.kind == HEADERS && head.status() == Some(200), stream == 5, "{path}");
        if head.kind == HEADERS {
            raw.body(stream);
        }
    }
    let targets: Vec<_> = upstream.requests().iter().map(|one| one.target().to_owned()).collect();
    assert_eq!(targets, ["/v1/chat/completions"]);
}

/// Row 16: a body that is not as long as was said is reset, and goes nowhere.
#[test]
fn a_length_that_does_not_fit_is_a_reset() {
    let (gate, upstream, key) = stage();
    for (said, flags) in [("5", END_STREAM), ("500", END_STREAM), ("5", 0)] {
        let mut raw = Raw::connect(&gate, 65_535);
        let headers = [chat(&key), vec![("content-length", said)]].concat();
        raw.send(&frame(HEADERS, END_HEADERS, 1, &block(&headers)));
        raw.send(&frame(DATA, flags, 1, CHAT.as_bytes()));
        let reset = raw.next_of(&[RESET]).unwrap();
        assert_eq!((reset.stream, reset.code()), (1, PROTOCOL_ERROR), "{said}");
    }
    gate.idle();
    assert_eq!(upstream.connections(), 0);
    let records = gate.records_when(3);
    assert!(records.iter().all(|record| record["reason"] == "body_invalid"), "{records:#?}");
}

#[test]
fn who_leaves_in_the_midst_of_a_body_abandons_the_request() {
    let (gate, upstream, key) = stage();
    for resets in [true, false] {
        let mut raw = Raw::connect(&gate, 65_535);
        raw.send(&frame(HEADERS, END_HEADERS, 1, &block(&chat(&key))));
        raw.send(&frame(DATA, 0, 1, b"{"));
        until("it has begun", || gate.in_flight() == 1);
        if resets {
            raw.send(&frame(RESET, 0, 1, &CANCEL.to_be_bytes()));
        } else {
            drop(raw);
        }
        gate.idle();
    }
    assert_eq!(upstream.connections(), 0);
    let records = gate.records_when(2);
    assert!(records.iter().all(|record| record["event"] == "abandoned"), "{records:#?}");
}

/// Row 17: more requests at once than were allowed are refused, and the others answered.
#[test]
fn more_requests_than_allowed_are_refused() {
    let upstream = Upstream::start(|talk| {
        drop(talk.request());
        talk.closed();
    });
    let gate = Setup::new(upstream.address).start();
    let key = format!("Bearer {}", gate.setup.client_key);
    let mut raw = Raw::connect(&gate, 65_535);
    let allowed = loop {
        let settings = raw.next_of(&[SETTINGS]).unwrap();
        let mut pairs = settings.payload.chunks(6);
        if let Some(most) = pairs.find(|pair| pair[..2] == [0, 3]) {
            break u32::from_be_bytes(most[2..].try_into().unwrap());
        }
    };
    assert_eq!(allowed, 100);
    for at in 0..=allowed {
        raw.ask(2 * at + 1, &chat(&key), CHAT);
    }
    let refused = raw.next_of(&[RESET]).unwrap();
    assert_eq!((refused.stream, refused.code()), (2 * allowed + 1, REFUSED_STREAM));
    until("the others are under way", || gate.in_flight() == i64::from(allowed));
    drop(raw);
    gate.idle();
    assert_eq!(gate.records_when(100).len(), 100);
}

/// Row 17 (CVE-2023-44487): who asks only to reset loses the connection.
#[test]
fn rapid_resets_end_the_connection() {
    let (gate, _upstream, key) = stage();
    let mut raw = Raw::connect(&gate, 65_535);
    let mut flood = Vec::new();
    for at in 0..2000 {
        flood.extend(frame(HEADERS, END_HEADERS, 2 * at + 1, &block(&chat(&key))));
        flood.extend(frame(RESET, 0, 2 * at + 1, &8u32.to_be_bytes()));
    }
    raw.try_send(&flood);
    let away = raw.next_of(&[GOAWAY]).unwrap();
    assert_eq!(away.code(), CALM_DOWN);
    raw.ended();
    others_are_served(&gate, &key);
}

/// Row 17 (CVE-2025-8671): nor can it have the gate do the resetting.
#[test]
fn resets_that_are_provoked_end_the_connection() {
    let (gate, _upstream, key) = stage();
    let mut raw = Raw::connect(&gate, 65_535);
    for at in 0..500 {
        let stream = 2 * at + 1;
        // A window has an end.
        let mut both = frame(HEADERS, END_HEADERS, stream, &block(&chat(&key)));
        both.extend(frame(WINDOW_UPDATE, 0, stream, &0x7fff_ffffu32.to_be_bytes()));
        if !raw.try_send(&both) {
            break;
        }
    }
    let away = raw.next_of(&[GOAWAY]).unwrap();
    assert_eq!(away.code(), CALM_DOWN);
    others_are_served(&gate, &key);
}

/// Row 17 (CONTINUATION flood) and row 24: a head has an end.
#[test]
fn a_head_without_end_is_given_up() {
    let (gate, upstream, key) = stage();
    let mut raw = Raw::connect(&gate, 65_535);
    raw.send(&frame(HEADERS, 0, 1, &block(&chat(&key))));
    let piece = block(&[("x-filler", &"a".repeat(8000))]);
    let taken = (0..1000).take_while(|_| raw.try_send(&frame(CONTINUATION, 0, 1, &piece))).count();
    let end = raw.next_of(&[GOAWAY, RESET, HEADERS]);
    assert!(end.as_ref().is_none_or(|end| end.kind == GOAWAY), "after {taken}: {end:?}");
    // One that ends, and is only too large, is told so.
    let mut raw = Raw::connect(&gate, 65_535);
    raw.send(&frame(HEADERS, END_STREAM, 1, &block(&chat(&key))));
    for at in 0..9 {
        // It may be told before it has ended.
        if !raw.try_send(&frame(CONTINUATION, if at == 8 { END_HEADERS } else { 0 }, 1, &piece)) {
            break;
        }
    }
    let head = raw.next_of(&[HEADERS, RESET, GOAWAY]);
    assert!(head.as_ref().is_none_or(|head| head.kind != HEADERS || head.status() != Some(200)), "{head:?}");
    assert_eq!(upstream.connections(), 0);
    others_are_served(&gate, &key);
}

/// Row 17: frames that say nothing are answered, and hold up nobody.
#[test]
fn floods_of_small_frames_hold_up_nobody() {
    let (gate, _upstream, key) = stage();
    for one in [frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, 0, 0, &[]), frame(DATA, 0, 1, &[])] {
        let mut raw = Raw::connect(&gate, 65_535);
        raw.send(&frame(HEADERS, END_HEADERS, 1, &block(&chat(&key))));
        // Never read: what is owed to it must not pile up.
        raw.stream.set_write_timeout(Some(std::time::Duration::from_millis(200))).unwrap();
        for _ in 0..200 {
            if !raw.try_send(&one.repeat(1000)) {
                break;
            }
        }
        others_are_served(&gate, &key);
    }
}

/// Row 23: an answer that is not taken is given up, and the other requests of its client are not.
#[test]
fn an_answer_that_is_not_taken_is_given_up() {
    let long = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: a/b\r\ncontent-length: 100000\r\n\r\n{}",
        "a".repeat(100_000)
    );
    let upstream = Upstream::answering(long);
    let gate = Setup::new(upstream.address).set("server", "write_timeout", r#""300ms""#).start();
    let key = format!("Bearer {}", gate.setup.client_key);
    let mut raw = Raw::connect(&gate, 0);
    raw.ask(1, &chat(&key), CHAT);
    assert_eq!(raw.next_of(&[HEADERS]).unwrap().status(), Some(200));
    let reset = raw.next_of(&[RESET, DATA, GOAWAY]).unwrap();
    assert_eq!((reset.kind, reset.stream), (RESET, 1));
    let record = gate.record();
    assert_eq!(record["event"], "abandoned", "{record}");
    // The next one is taken.
    raw.ask(3, &chat(&key), CHAT);
    assert_eq!(raw.next_of(&[HEADERS]).unwrap().stream, 3);
    raw.send(
        &[
            frame(WINDOW_UPDATE, 0, 3, &200_000u32.to_be_bytes()),
            frame(WINDOW_UPDATE, 0, 0, &200_000u32.to_be_bytes()),
        ]
        .concat(),
    );
    assert_eq!(raw.body(3).len(), 100_000);
}

/// Row 23: a connection without a request ends, whatever else moves on it.
#[test]
fn a_connection_without_a_request_ends() {
    let (gate, _upstream, key) = staged(|setup| setup.set("server", "header_timeout", r#""300ms""#));
    let ping = frame(PING, 0, 0, &[7; 8]);
    let answered = frame(HEADERS, 5, 1, &block(&chat("x")));
    let half = frame(HEADERS, 0, 1, &block(&chat(&key)));
    for sent in [ping.clone(), [answered, ping].concat(), half] {
        let mut raw = Raw::connect(&gate, 65_535);
        raw.send(&sent);
        // Nothing is acknowledged: it may not stand in the middle of a head.
        let away = std::iter::from_fn(|| raw.next()).find(|frame| frame.kind == GOAWAY);
        assert_eq!(away.unwrap().code(), 0);
        raw.ended();
    }
}

#[test]
fn http2_can_be_switched_off() {
    let (gate, upstream, _) = staged(|setup| setup.set("server", "http2", "false"));
    let mut client = gate.connect();
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert!(client.ended());
    assert_eq!((upstream.connections(), gate.shared().ledger.metrics.heads_invalid.get()), (0, 1));
}
