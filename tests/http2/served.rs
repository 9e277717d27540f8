//! What well-behaved clients get.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::common::setup::{a_breaker_that_panics, new_key};
use crate::common::{CHAT, OK, Running, Setup, Upstream, until};
use crate::raw::{DATA, GOAWAY, HEADERS, Raw};
use portcullis::run::Ended;

type Sender = http2::SendRequest<Full<Bytes>>;

async fn handshake(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Sender {
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn connect(gate: &Running) -> Sender {
    handshake(TcpStream::connect(gate.address()).await.unwrap()).await
}

fn chat(key: &str) -> Request<Full<Bytes>> {
    asking("POST", "/v1/chat/completions", key, CHAT)
}

fn asking(method: &str, path: &str, key: &str, body: &str) -> Request<Full<Bytes>> {
    Request::builder()
        .method(method)
        .uri(format!("http://gate{path}"))
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/json")
        .header("x-custom", "a")
        .body(Full::new(Bytes::from(body.to_owned())))
        .unwrap()
}

async fn ask(sender: &mut Sender, request: Request<Full<Bytes>>) -> (Response<()>, String) {
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (Response::from_parts(head, ()), String::from_utf8(body.to_vec()).unwrap())
}

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The headers that name the reason are there, and those of one connection are not.
fn reason(answer: &Response<()>) -> Option<&str> {
    assert!(!answer.headers().contains_key("connection"), "{answer:?}");
    answer.headers().get("x-portcullis-reason").map(|reason| reason.to_str().unwrap())
}

#[test]
fn many_requests_share_a_connection_and_each_is_judged_and_recorded() {
    let upstream = Upstream::answering(OK);
    let gate = Setup::new(upstream.address).set("projects.search", "scopes", r#"["chat"]"#).start();
    let key = gate.setup.client_key.clone();
    run(async {
        let mut sender = connect(&gate).await;
        let asked = [
            (chat(&key), 200, None),
            (chat(&new_key("other")), 401, Some("key_unknown")),
            (asking("POST", "/v1/embeddings", &key, CHAT), 403, Some("scope_missing")),
            (asking("POST", "/v1/chat//completions", &key, CHAT), 404, Some("endpoint_unknown")),
            (asking("PUT", "/v1/chat/completions", &key, CHAT), 405, Some("method_not_allowed")),
            (asking("POST", "/v1/chat/completions", &key, "{"), 400, Some("body_invalid")),
            (chat(&key), 200, None),
        ];
        for (request, status, why) in asked {
            let (answer, body) = ask(&mut sender, request).await;
            assert_eq!((answer.status().as_u16(), answer.version()), (status, Version::HTTP_2), "{body}");
            assert_eq!(reason(&answer), why, "{body}");
            if let Some(why) = why {
                assert!(body.contains(why), "{body}");
            }
        }
    });
    let records = gate.records_when(7);
    assert!(records.iter().all(|record| record["client_ip"] == "127.0.0.1"), "{records:#?}");
    assert_eq!(records[0]["path"], "/v1/chat/completions");
    let events: Vec<_> = records.iter().map(|record| record["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["served", "denied", "denied", "denied", "denied", "denied", "served"]);
    // Upstream they are requests of HTTP/1.1 like any other, built anew.
    let requests = upstream.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests[0].head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{}", requests[0].head);
    let mut names = requests[0].header_names();
    names.sort();
    assert_eq!(names, ["authorization", "content-length", "content-type", "host"]);
    assert_eq!(requests[0].header("authorization"), [format!("Bearer {}", gate.setup.provider_key)]);
    assert_eq!(gate.shared().ledger.metrics.heads_invalid.get(), 0);
}

#[test]
fn a_stream_passes_piece_by_piece_beside_other_requests() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let upstream = Upstream::start(move |talk| {
        let Some(request) = talk.request() else { return };
        if request.header("user-agent") != ["slow"] {
            talk.send(OK).unwrap();
            return;
        }
        talk.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n4\r\none\n\r\n")
            .unwrap();
        wait.lock().unwrap().recv().unwrap();
        talk.send("4\r\ntwo\n\r\n0\r\n\r\n").unwrap();
    });
    let gate = Setup::new(upstream.address).start();
    let key = gate.setup.client_key.clone();
    run(async {
        let mut sender = connect(&gate).await;
        let mut slow = chat(&key);
        slow.headers_mut().insert("user-agent", "slow".parse().unwrap());
        let mut body = sender.send_request(slow).await.unwrap().into_body();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "one\n");
        assert_eq!(ask(&mut sender, chat(&key)).await.1, "{}");
        go.send(()).unwrap();
        assert_eq!(body.collect().await.unwrap().to_bytes(), "two\n");
    });
    let bytes: Vec<_> = gate.records_when(2).iter().map(|record| record["response_bytes"].clone()).collect();
    assert_eq!(bytes, [2, 8]);
}

#[test]
fn tls_agrees_on_http2_and_still_speaks_the_older_one() {
    let made = rcgen::generate_simple_self_signed(["gate.example".to_owned()]).unwrap();
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("http2-tls");
    std::fs::create_dir_all(&folder).unwrap();
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let tls = format!("{{ cert = {cert:?}, key = {key:?} }}");
    let upstream = Upstream::answering(OK);
    let gate = Setup::new(upstream.address).set("server", "tls", &tls).start();
    let only_old =
        Setup::new(upstream.address).set("server", "tls", &tls).set("server", "http2", "false").start();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let mut trusting = builder.with_root_certificates(roots).with_no_client_auth();
    trusting.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let trusting = Arc::new(trusting);
    run(async {
        for (gate, agreed) in [(&gate, b"h2".as_slice()), (&only_old, b"http/1.1")] {
            let stream = TcpStream::connect(gate.address()).await.unwrap();
            let connector = tokio_rustls::TlsConnector::from(Arc::clone(&trusting));
            let stream = connector.connect("gate.example".try_into().unwrap(), stream).await.unwrap();
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(agreed));
            if agreed == b"h2" {
                let mut sender = handshake(stream).await;
                let (answer, body) = ask(&mut sender, chat(&gate.setup.client_key)).await;
                assert_eq!((answer.status().as_u16(), body.as_str()), (200, "{}"));
            }
        }
    });
}

#[test]
fn who_is_told_to_stop_finishes_what_is_under_way() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let upstream = Upstream::start(move |talk| {
        if talk.request().is_some() {
            wait.lock().unwrap().recv().unwrap();
            talk.send(OK).unwrap();
        }
    });
    let gate = Setup::new(upstream.address).start();
    let mut raw = Raw::connect(&gate, 65_535);
    let key = format!("Bearer {}", gate.setup.client_key);
    raw.ask(1, &crate::attacks::chat(&key), CHAT);
    until("it is under way", || !upstream.requests().is_empty());
    let written = gate.written.clone();
    let stopping = std::thread::spawn(move || gate.stop());
    let away = raw.next_of(&[GOAWAY, HEADERS]).unwrap();
    assert_eq!((away.kind, away.code()), (GOAWAY, 0));
    go.send(()).unwrap();
    assert_eq!(raw.next_of(&[HEADERS]).unwrap().status(), Some(200));
    assert_eq!(raw.body(1), "{}");
    // What comes later is not begun, and the connection ends by itself.
    raw.try_send(&crate::raw::frame(HEADERS, 5, 3, &crate::raw::block(&crate::attacks::chat(&key))));
    assert!(raw.next_of(&[DATA, HEADERS]).is_none());
    assert_eq!(stopping.join().unwrap(), Ended::Drained);
    let records = written.lines().into_iter().filter(|line| line.get("request_id").is_some()).count();
    assert_eq!(records, 1);
}

#[test]
fn what_is_cut_off_leaves_its_records() {
    let upstream = Upstream::start(|talk| {
        drop(talk.request());
        talk.closed();
    });
    let gate = Setup::new(upstream.address).set("server", "drain", r#""50ms""#).start();
    let mut raw = Raw::connect(&gate, 65_535);
    let key = format!("Bearer {}", gate.setup.client_key);
    for stream in [1, 3, 5] {
        raw.ask(stream, &crate::attacks::chat(&key), CHAT);
    }
    until("they are under way", || upstream.requests().len() == 3);
    let written = gate.written.clone();
    assert_eq!(gate.stop(), Ended::CutOff);
    let records: Vec<_> =
        written.lines().into_iter().filter(|line| line.get("request_id").is_some()).collect();
    assert_eq!(records.len(), 3, "{records:#?}");
    raw.ended();
}

/// The end of a body may come behind its last byte; HTTP/1.1, in which it goes on, has no such end.
#[test]
fn a_form_goes_on_whole_when_its_end_comes_by_itself() {
    let upstream = Upstream::answering(OK);
    let gate = Setup::new(upstream.address).start();
    let key = format!("Bearer {}", gate.setup.client_key);
    let form = |length: usize| {
        let file = "a".repeat(length);
        let field = "--b\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nassistants\r\n";
        let named = "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n";
        format!("{field}{named}{file}\r\n--b--\r\n")
    };
    for (at, length) in [10, 60_000].into_iter().enumerate() {
        let body = form(length);
        for announced in [true, false] {
            let mut raw = Raw::connect(&gate, 65_535);
            let said = body.len().to_string();
            let mut headers = crate::attacks::chat(&key);
            headers.retain(|(name, _)| !matches!(*name, ":path" | "content-type"));
            headers.insert(3, (":path", "/v1/files"));
            headers.push(("content-type", "multipart/form-data; boundary=b"));
            if announced {
                headers.push(("content-length", &said));
            }
            raw.send(&crate::raw::frame(HEADERS, crate::raw::END_HEADERS, 1, &crate::raw::block(&headers)));
            for piece in body.as_bytes().chunks(16_000) {
                raw.send(&crate::raw::frame(DATA, 0, 1, piece));
            }
            until("all has come", || gate.in_flight() == 1 || !gate.records().is_empty());
            raw.send(&crate::raw::frame(DATA, crate::raw::END_STREAM, 1, &[]));
            assert_eq!(raw.next_of(&[HEADERS]).unwrap().status(), Some(200), "{length} {announced}");
            let requests = upstream.requests();
            assert_eq!(requests.len(), 2 * at + usize::from(!announced) + 1);
            assert!(requests.last().unwrap().body == body.as_bytes());
        }
    }
}

#[test]
fn a_fault_of_the_gates_own_is_one_requests_and_the_others_of_its_connection_go_on() {
    let upstream = Upstream::start(|talk| {
        while talk.request().is_some() {
            talk.send(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
            )
            .unwrap();
            talk.send("b\r\ndata: one\n\n\r\n").unwrap();
            // Until the other request has ended.
            std::thread::sleep(std::time::Duration::from_millis(300));
            talk.send("b\r\ndata: two\n\n\r\n0\r\n\r\n").unwrap();
        }
    });
    let away = format!("\"http://{}/v1\"", Upstream::nowhere().address);
    let setup = Setup::new(upstream.address).set("upstreams.openai", "base_url", &away);
    let gate = setup.adjust(a_breaker_that_panics).start();
    let key = gate.setup.client_key.clone();
    let message = r#"{"model":"claude-sonnet-4-5","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    run(async {
        let mut sender = connect(&gate).await;
        let streaming = sender.send_request(asking("POST", "/v1/messages", &key, message)).await.unwrap();
        assert_eq!(streaming.status(), 200);
        for _ in 0..3 {
            let (answer, body) = ask(&mut sender, chat(&key)).await;
            assert_eq!((answer.status().as_u16(), reason(&answer)), (500, Some("internal_error")), "{body}");
        }
        let whole = streaming.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(whole, "data: one\n\ndata: two\n\n");
        let (answer, _) = ask(&mut sender, asking("POST", "/v1/messages", &key, message)).await;
        assert_eq!(answer.status(), 200, "the connection goes on");
    });
    let records = gate.records_when(5);
    assert_eq!(records.iter().filter(|record| record["reason"] == "internal_error").count(), 3);
}
