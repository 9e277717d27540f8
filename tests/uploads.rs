//! Forms and files go on while they arrive, and no model outside a project's list can be reached by one.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use std::io::Read as _;
use std::sync::Mutex;
use std::sync::mpsc::channel;

use common::{Client, Running, Setup, Upstream, until};

const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 34\r\n\r\n\
    {\"id\":\"file-abc\",\"object\":\"file\"}  ";
const TRANSCRIBE: &str = "/openai/v1/audio/transcriptions";

/// One part: what stands behind `name=`, and what it holds.
type Part<'p> = (&'p str, &'p str);

fn form(parts: &[Part<'_>]) -> Vec<u8> {
    let mut text = String::new();
    for (head, data) in parts {
        let part = format!("--b0undary\r\nContent-Disposition: form-data; name={head}\r\n\r\n{data}\r\n");
        text.push_str(&part);
    }
    (text + "--b0undary--\r\n").into_bytes()
}

fn head(target: &str, key: &str, framing: &str) -> String {
    format!(
        "POST {target} HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {key}\r\n\
         content-type: multipart/form-data; boundary=b0undary\r\n{framing}\r\n\r\n"
    )
}

fn whole(gate: &Running, target: &str, body: &[u8]) -> Vec<u8> {
    let framing = format!("content-length: {}", body.len());
    [head(target, &gate.setup.client_key, &framing).as_bytes(), body].concat()
}

fn only(upstream: &Upstream, models: &str) -> Running {
    Setup::new(upstream.address).set("projects.search", "models", models).start()
}

const FILE: &str = "\"file\"; filename=\"a.mp3\"";

/// A file that is longer than what is read ahead, and than what sockets hold.
fn long() -> String {
    "x".repeat(8 << 20)
}

/// Sends a form from another thread, as the gate may answer before it has read all, and gives the answer.
fn sent(gate: &Running, target: &str, body: Vec<u8>, chunked: bool) -> common::Answer {
    let mut client = gate.connect();
    let key = gate.setup.client_key.clone();
    let framing = if chunked {
        "transfer-encoding: chunked".to_owned()
    } else {
        format!("content-length: {}", body.len())
    };
    let head = head(target, &key, &framing);
    let mut sender = client.stream.try_clone().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            use std::io::Write as _;
            drop(sender.write_all(head.as_bytes()));
            for piece in body.chunks(60_000) {
                let framed = format!("{:x}\r\n", piece.len());
                let parts: [&[u8]; 3] =
                    if chunked { [framed.as_bytes(), piece, b"\r\n"] } else { [b"", piece, b""] };
                if parts.iter().any(|part| sender.write_all(part).is_err()) {
                    return;
                }
            }
            if chunked {
                drop(sender.write_all(b"0\r\n\r\n"));
            }
        });
        client.answer()
    })
}

#[test]
fn a_form_goes_on_byte_for_byte_with_its_length() {
    let upstream = Upstream::answering(ANSWER);
    let gate = only(&upstream, r#"["whisper-1"]"#);
    for (text, count) in [("hello".to_owned(), 1), (long(), 2)] {
        let body = form(&[("\"model\"", "whisper-1"), (FILE, &text), ("\"prompt\"", "p")]);
        for chunked in [false, true] {
            assert_eq!(sent(&gate, TRANSCRIBE, body.clone(), chunked).status, 200);
            let received = upstream.requests().pop().unwrap();
            assert!(received.body == body, "the bytes are the same");
            assert_eq!(received.target(), "/v1/audio/transcriptions");
            assert_eq!(received.header("content-type"), ["multipart/form-data; boundary=b0undary"]);
            let length = body.len().to_string();
            if !chunked {
                assert_eq!(received.header("content-length"), [length.as_str()]);
            } else if count == 2 {
                assert_eq!(received.header("transfer-encoding"), ["chunked"]);
            }
            let records = gate.records_when(upstream.requests().len());
            let record = records.last().unwrap();
            assert_eq!(record["request_bytes"], body.len(), "{record}");
            assert_eq!(record["model"], "whisper-1");
        }
    }
}

#[test]
fn a_model_behind_the_file_is_judged_before_the_form_is_whole() {
    let long = long();
    let last = |model: &'static str| vec![(FILE, long.as_str()), ("\"model\"", model)];
    let mut cases: Vec<(Vec<Part<'_>>, Option<&str>)> = vec![
        (last("whisper-1"), None),
        (last("whisper-2"), Some("model_not_allowed")),
        (vec![(FILE, &long)], Some("model_missing")),
    ];
    let twice = vec![("\"model\"", "whisper-1"), (FILE, long.as_str()), ("\"model\"", "whisper-2")];
    cases.push((twice, Some("model_ambiguous")));
    for name in ["\"Model\"", "\"model[]\"", "MODEL", "\"model_\""] {
        let parts = vec![("\"model\"", "whisper-1"), (FILE, long.as_str()), (name, "whisper-2")];
        cases.push((parts, Some("model_ambiguous")));
    }
    let file =
        vec![("\"model\"", "whisper-1"), (FILE, long.as_str()), ("\"model\"; filename=\"m\"", "whisper-2")];
    cases.push((file, Some("model_ambiguous")));
    for (parts, reason) in cases {
        for chunked in [false, true] {
            let upstream = Upstream::answering(ANSWER);
            let gate = only(&upstream, r#"["whisper-1"]"#);
            let answer = sent(&gate, TRANSCRIBE, form(&parts), chunked);
            assert_eq!(answer.reason(), reason, "{}", answer.text());
            let record = gate.record();
            if let Some(reason) = reason {
                assert_eq!(record["reason"], reason, "{record}");
                until("the upstream's connection is closed", || upstream.ended() == upstream.connections());
                assert_eq!(upstream.requests().len(), 0, "the upstream never has all of it");
                if reason == "model_not_allowed" {
                    assert!(answer.text().contains("'whisper-2'"), "{}", answer.text());
                }
            } else {
                assert_eq!((answer.status, upstream.requests().len()), (200, 1));
            }
            gate.idle();
        }
    }
}

#[test]
fn a_model_behind_the_file_is_in_the_record_and_evades_no_limit() {
    const TARGET: &str = "/v1/audio/transcriptions";
    let upstream = Upstream::answering(ANSWER);
    let last = |file: &str| form(&[(FILE, file), ("\"model\"", "whisper-1")]);
    let gate = only(&upstream, r#"["whisper-1"]"#);
    assert_eq!(sent(&gate, TARGET, last(&long()), false).status, 200);
    assert_eq!(gate.record()["model"], "whisper-1");

    let gate = Setup::new(upstream.address)
        .set("projects.search.limits.models", "\"whisper*\"", r#"{ requests = "1/day" }"#)
        .start();
    let answer = sent(&gate, TARGET, last(&long()), false);
    assert_eq!(answer.reason(), Some("body_invalid"));
    assert!(answer.text().contains("has to stand before the file"), "{}", answer.text());
    for reason in [None, Some("rate_limited")] {
        // What is read ahead holds all of it.
        assert_eq!(sent(&gate, TARGET, last("x"), false).reason(), reason);
    }
}

#[test]
fn a_model_behind_the_file_is_judged_by_the_upstream_that_gets_it() {
    let upstream = Upstream::answering(ANSWER);
    let gate = Setup::new(upstream.address)
        .upstream("aaa", "openai-compatible", "http://127.0.0.1:9/v1")
        .set("upstreams.openai", "models", r#"["whisper-1"]"#)
        .start();
    for (model, reason) in [("whisper-1", None), ("gpt-4o-transcribe", Some("model_not_allowed"))] {
        let body = form(&[(FILE, &long()), ("\"model\"", model)]);
        assert_eq!(sent(&gate, "/v1/audio/transcriptions", body, false).reason(), reason, "{model}");
    }
}

#[test]
fn a_small_form_that_is_refused_reaches_nobody() {
    let upstream = Upstream::answering(ANSWER);
    let gate = only(&upstream, r#"["whisper-1"]"#);
    let ok = ("\"model\"", "whisper-1");
    for (parts, reason) in [
        (vec![("\"model\"", "whisper-2"), (FILE, "x")], "model_not_allowed"),
        (vec![(FILE, "x"), ("\"model\"", "whisper-2")], "model_not_allowed"),
        (vec![(FILE, "x")], "model_missing"),
        (vec![ok, ("\"model\"", "whisper-1"), (FILE, "x")], "model_ambiguous"),
        (vec![ok, ("\"mo\\del\"", "whisper-2")], "body_invalid"),
        (vec![ok, ("\"model\"; name=\"x\"", "whisper-2")], "body_invalid"),
        (vec![ok, ("\"x\"; name*=utf-8''model", "whisper-2")], "body_invalid"),
        (vec![ok, ("\"models\"", "whisper-2")], "parameter_not_allowed"),
        (vec![ok, ("\"api_base\"", "http://127.0.0.1")], "parameter_not_allowed"),
        (vec![ok, ("\"_charset_\"", "utf-16")], "body_invalid"),
        (vec![("\"model\"", " whisper-1"), (FILE, "x")], "body_invalid"),
        (vec![("\"model\"\r\nContent-Type: text/plain; charset=utf-16", "whisper-1")], "body_invalid"),
        (vec![("\"model\"\r\nContent-Transfer-Encoding: base64", "d2hpc3Blci0x")], "body_invalid"),
        (vec![ok, (FILE, "\n--b0undary\nContent-Disposition: form-data; name=model\n\ny")], "body_invalid"),
    ] {
        let answer = gate.ask(whole(&gate, TRANSCRIBE, &form(&parts)));
        assert_eq!(answer.reason(), Some(reason), "{parts:?}: {}", answer.text());
    }
    let good = form(&[ok, (FILE, "x")]);
    for body in [
        [b"x\r\n", &good[..]].concat(),
        [&good[..], b"x"].concat(),
        good[..good.len() - 4].to_vec(),
        b"--b0undary--\r\n".to_vec(),
    ] {
        assert_eq!(gate.ask(whole(&gate, TRANSCRIBE, &body)).reason(), Some("body_invalid"));
    }
    for wrong in [
        "multipart/form-data",
        "multipart/form-data; boundary=a; boundary=b0undary",
        "multipart/mixed; boundary=b0undary",
        "application/json",
    ] {
        let text = String::from_utf8(whole(&gate, TRANSCRIBE, &good)).unwrap();
        let text = text.replace("multipart/form-data; boundary=b0undary", wrong);
        assert!(matches!(gate.ask(text).status, 400 | 415), "{wrong}");
    }
    assert_eq!(upstream.connections(), 0);
    assert_eq!(gate.ask(whole(&gate, TRANSCRIBE, &good)).status, 200);
}

#[test]
fn a_session_in_a_form_names_its_models() {
    let upstream = Upstream::answering(ANSWER);
    let gate = only(&upstream, r#"["gpt-realtime"]"#);
    let calls = "/openai/v1/realtime/calls";
    let sdp = ("\"sdp\"\r\nContent-Type: application/sdp", "v=0");
    let session = "\"session\"\r\nContent-Type: application/json";
    for (said, reason) in [
        (r#"{"model":"gpt-realtime"}"#, None),
        (r#"{"model":"gpt-other"}"#, Some("model_not_allowed")),
        (r#"{"type":"realtime"}"#, Some("model_missing")),
        (r#"{"model":"gpt-realtime","model":"gpt-other"}"#, Some("model_ambiguous")),
        (
            r#"{"model":"gpt-realtime","audio":{"input":{"transcription":{"model":"w"}}}}"#,
            Some("model_not_allowed"),
        ),
    ] {
        let answer = gate.ask(whole(&gate, calls, &form(&[sdp, (session, said)])));
        assert_eq!(answer.reason(), reason, "{said}: {}", answer.text());
    }
    let twice = form(&[(session, r#"{"model":"gpt-realtime"}"#), ("\"session[model]\"", "gpt-other")]);
    assert_eq!(gate.ask(whole(&gate, calls, &twice)).reason(), Some("model_ambiguous"));
    let bare = String::from_utf8(whole(&gate, calls, b"v=0")).unwrap();
    let bare = bare.replace("multipart/form-data; boundary=b0undary", "application/sdp");
    assert_eq!(gate.ask(&bare).reason(), Some("model_unknowable"));
    assert_eq!(upstream.requests().len(), 1);
    let open = only(&upstream, r#""*""#);
    let bare = bare.replace(&gate.setup.client_key, &open.setup.client_key);
    assert_eq!(open.ask(bare).status, 200);
}

#[test]
fn a_deployment_in_the_path_and_a_model_in_the_form_are_the_same() {
    let upstream = Upstream::answering(ANSWER);
    let url = format!("http://{}", upstream.address);
    let gate = Setup::new(upstream.address)
        .upstream("azure", "azure-openai", &url)
        .set("projects.search", "upstreams", r#"["azure"]"#)
        .set("projects.search", "models", r#"["speech"]"#)
        .start();
    let target = "/azure/openai/deployments/speech/audio/transcriptions?api-version=2025-01-01";
    let long = long();
    for (parts, reason) in [
        (vec![("model", "speech"), (FILE, "x")], None),
        (vec![(FILE, "x")], None),
        (vec![("model", "other"), (FILE, "x")], Some("model_ambiguous")),
        (vec![(FILE, &long), ("model", "other")], Some("model_ambiguous")),
    ] {
        let before = upstream.requests().len();
        let answer = sent(&gate, target, form(&parts), false);
        assert_eq!(answer.reason(), reason, "{}", answer.text());
        gate.idle();
        assert_eq!(upstream.requests().len() - before, usize::from(reason.is_none()));
    }
}

#[test]
fn a_client_that_leaves_ends_the_upload_upstream() {
    let upstream = Upstream::start(|talk| {
        assert!(talk.request().is_none(), "half a form is none");
    });
    let gate = only(&upstream, r#"["whisper-1"]"#);
    for leave in [Client::leave, Client::hang_up] {
        let (before, mut client) = (upstream.ended(), gate.connect());
        client.send(head(TRANSCRIBE, &gate.setup.client_key, "content-length: 90000000"));
        let mut half = form(&[("\"model\"", "whisper-1"), (FILE, &"x".repeat(1 << 20))]);
        half.truncate(1 << 20);
        client.send(half);
        until("the form is on its way", || upstream.received().len() > 1 << 18);
        leave(client);
        until("the upstream's connection is closed", || upstream.ended() == before + 1);
        gate.idle();
    }
    assert_eq!(upstream.requests().len(), 0);
    let records = gate.records_when(2);
    assert!(records.iter().all(|record| record["request_bytes"].as_u64().unwrap() > 1 << 18), "{records:?}");
    assert!(records.iter().all(|record| record["event"] == "abandoned"), "{records:?}");
}

#[test]
fn an_upstream_that_answers_early_is_heard_and_its_connection_not_used_again() {
    let (told, heard) = channel();
    let heard = Mutex::new(heard);
    let upstream = Upstream::start(move |talk| {
        let refusal =
            "HTTP/1.1 413 Too Large\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
        drop(talk.stream.read(&mut [0; 100]));
        drop(talk.send(refusal));
        // Who has taken the whole of a form keeps its connection: this one takes no more before the client has its answer.
        heard.lock().unwrap().recv().unwrap();
        talk.closed();
    });
    let gate = only(&upstream, r#"["whisper-1"]"#);
    let body = form(&[("\"model\"", "whisper-1"), (FILE, &long())]);
    for count in 1..=2 {
        assert_eq!(sent(&gate, TRANSCRIBE, body.clone(), false).status, 413);
        told.send(()).unwrap();
        until("the connection is closed", || upstream.ended() == count);
    }
    // Success that is promised before the form is whole counts only when it is.
    let upstream = Upstream::start(|talk| {
        drop(talk.stream.read(&mut [0; 100]));
        drop(talk.send(ANSWER));
        talk.closed();
    });
    let gate = only(&upstream, r#"["whisper-1"]"#);
    let body = form(&[(FILE, &long()), ("\"model\"", "whisper-2")]);
    assert_eq!(sent(&gate, TRANSCRIBE, body, false).reason(), Some("model_not_allowed"));
}

#[test]
fn uploads_have_bounds_of_their_own() {
    let upstream = Upstream::answering(ANSWER);
    let setup = Setup::new(upstream.address)
        .set("server", "max_body", "1000")
        .set("server", "max_upload", "2000000")
        .set("server", "body_timeout", r#""200ms""#);
    let gate = setup.start();
    let body = |length: usize| form(&[("\"model\"", "whisper-1"), (FILE, &"x".repeat(length))]);
    assert_eq!(sent(&gate, TRANSCRIBE, body(1_900_000), false).status, 200);
    for chunked in [false, true] {
        assert_eq!(sent(&gate, TRANSCRIBE, body(2_000_000), chunked).reason(), Some("body_too_large"));
    }
    let mut client = gate.connect();
    client.send(head(TRANSCRIBE, &gate.setup.client_key, "content-length: 1000000"));
    let mut half = body(1_000_000);
    half.truncate(500_000);
    client.send(half);
    assert_eq!(client.answer().reason(), Some("body_timeout"));
    assert_eq!(upstream.requests().len(), 1);
    let record = gate.records_when(4).pop().unwrap();
    assert_eq!((&record["rule"], &record["request_bytes"]), (&"server.body_timeout".into(), &500_000.into()));
}

/// A client that always sends something, and never enough; and one that the upstream keeps waiting.
#[test]
fn an_upload_that_dribbles_is_broken_off_and_a_slow_upstream_is_not_held_against_it() {
    let upstream = Upstream::start(|talk| {
        while talk.request().is_some() {
            drop(talk.send(ANSWER));
        }
    });
    let bounded = |address| {
        let setup = Setup::new(address).set("server", "min_upload_rate", "1000000");
        setup.set("server", "body_timeout", r#""300ms""#)
    };
    let gate = bounded(upstream.address).start();
    let body = form(&[("\"model\"", "whisper-1"), (FILE, &"x".repeat(1_000_000))]);
    let mut client = gate.connect();
    client.send(head(TRANSCRIBE, &gate.setup.client_key, &format!("content-length: {}", body.len())));
    client.send(&body[..20_000]);
    let mut dribbling = client.stream.try_clone().unwrap();
    std::thread::spawn(move || {
        while std::io::Write::write_all(&mut dribbling, b"x").is_ok() {
            std::thread::park_timeout(std::time::Duration::from_millis(20));
        }
    });
    assert_eq!(client.answer().reason(), Some("body_timeout"));
    assert_eq!(gate.record()["rule"], "server.min_upload_rate");

    let slow = Upstream::start(|talk| {
        // Longer than the client may take; meanwhile nothing is read.
        std::thread::park_timeout(std::time::Duration::from_secs(1));
        while talk.request().is_some() {
            drop(talk.send(ANSWER));
        }
    });
    let gate = bounded(slow.address).start();
    let body = form(&[("\"model\"", "whisper-1"), (FILE, &"x".repeat(32 << 20))]);
    assert_eq!(sent(&gate, TRANSCRIBE, body, false).status, 200);
}

#[test]
fn an_upstream_that_takes_nothing_is_not_sent_more_than_fits() {
    let upstream = Upstream::start(|talk| {
        drop(talk.stream.read(&mut [0; 100]));
        // Until the test ends: nothing more is read.
        std::thread::park_timeout(common::PATIENCE);
    });
    let setup = Setup::new(upstream.address).set("upstreams.openai", "response_timeout", r#""500ms""#);
    let gate = setup.start();
    let body = form(&[("\"model\"", "whisper-1"), (FILE, &"x".repeat(128 << 20))]);
    let answer = sent(&gate, TRANSCRIBE, body, false);
    assert_eq!(answer.reason(), Some("upstream_timeout"), "{}", answer.text());
    let record = gate.record();
    assert!(record["request_bytes"].as_u64().unwrap() < 64 << 20, "{record}");
    gate.idle();
}
