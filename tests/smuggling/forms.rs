//! Forms that two readers could take apart differently.

use proptest::prelude::*;

use crate::common::{OK, Running, Setup, Upstream};
use crate::staged;

const TARGET: &str = "/openai/v1/audio/transcriptions";
const ALLOWED: &str = "whisper-1";
const FORBIDDEN: &str = "whisper-2";

fn only_one(setup: Setup) -> Setup {
    setup.set("projects.search", "models", r#"["whisper-1"]"#)
}

/// The request's bytes up to the body, with its content type and what frames the body.
fn head(gate: &Running, content_type: &str, framing: &str) -> Vec<u8> {
    let key = &gate.setup.client_key;
    let head = format!(
        "POST {TARGET} HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {key}\r\ncontent-type: {content_type}\r\n{framing}\r\n\r\n"
    );
    head.into_bytes()
}

fn ask(gate: &Running, content_type: &str, body: &[u8]) -> u16 {
    let framing = format!("content-length: {}", body.len());
    let mut client = gate.connect();
    client.send([&head(gate, content_type, &framing), body].concat());
    client.answer().status
}

/// What a reader that forgives everything finds as values of `model` in a form.
fn forgiving(body: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(body).replace("\r\n", "\n").replace('\r', "\n");
    let mut found = Vec::new();
    for part in text.split("--b0undary") {
        let Some((head, data)) = part.trim_start_matches([' ', '\t', '\n']).split_once("\n\n") else {
            continue;
        };
        let head = head.to_ascii_lowercase().replace(['"', '\'', '\\', ' ', '[', ']'], "");
        let named =
            head.split([';', '\n']).any(|one| matches!(one.trim(), "name=model" | "name*=utf-8model"));
        if named {
            found.push(data.trim_end_matches(['\n', '-']).to_owned());
        }
    }
    found
}

#[test]
fn a_boundary_cannot_be_said_twice() {
    let (gate, upstream) = staged(only_one);
    let part = |boundary: &str, model: &str| {
        format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{model}\r\n--{boundary}--\r\n"
        )
    };
    let inner = part("other", FORBIDDEN);
    let body = part("b0undary", &format!("{ALLOWED}\r\n{inner}"));
    for content_type in [
        "multipart/form-data; boundary=b0undary; boundary=other",
        "multipart/form-data; boundary=other; boundary=b0undary",
        "multipart/form-data; boundary=b0undary, multipart/form-data; boundary=other",
        "multipart/form-data; boundary*0=b0; boundary*1=undary",
        "multipart/form-data; Boundary=b0undary; boundary=other",
        "multipart/form-data; boundary=\"b0undary\"other",
        "multipart/form-data; boundary= b0undary",
        "multipart/form-data;boundary=b0undary\r\ncontent-type: multipart/form-data; boundary=other",
        "multipart/form-data",
        "multipart/mixed; boundary=b0undary",
    ] {
        assert!(matches!(ask(&gate, content_type, body.as_bytes()), 400 | 415), "{content_type}");
    }
    assert_eq!(upstream.connections(), 0);
    let good = part("b0undary", ALLOWED);
    assert_eq!(ask(&gate, "multipart/form-data; boundary=\"b0undary\"", good.as_bytes()), 200);
    assert_eq!(upstream.requests().pop().unwrap().body, good.as_bytes(), "the bytes go on as they were");
}

#[test]
fn a_form_is_framed_as_any_body() {
    let (gate, upstream) = staged(only_one);
    for framing in [
        "content-length: 5\r\ntransfer-encoding: chunked",
        "transfer-encoding: gzip, chunked",
        "content-length: 5\r\ncontent-length: 6",
        "content-length: 5\r\ncontent-encoding: gzip",
    ] {
        let mut client = gate.connect();
        client.try_send(
            [&head(&gate, "multipart/form-data; boundary=b0undary", framing)[..], b"--b0u"].concat(),
        );
        assert!(client.try_answer().is_none_or(|answer| (400..500).contains(&answer.status)), "{framing}");
    }
    assert_eq!(upstream.connections(), 0);
}

fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "--b0undary\r\n",
        "\r\n--b0undary\r\n",
        "\n--b0undary\n",
        "\r\n--b0undary--\r\n",
        "--b0undary--",
        "Content-Disposition: form-data; name=\"model\"",
        "Content-Disposition: form-data; name=\"Model\"",
        "Content-Disposition: form-data; name=model; filename=\"f\"",
        "Content-Disposition: form-data; name=\"file\"; filename=\"f\"",
        "Content-Disposition: form-data; name=\"x\"; name=\"model\"",
        "content-disposition: form-data; name*=utf-8''model",
        "Content-Type: text/plain",
        "\r\n\r\n",
        "\n\n",
        "\r\n",
        "whisper-1",
        "whisper-1",
        "whisper-2",
    ])
}

#[test]
fn no_form_brings_another_model_than_was_judged() {
    let upstream = Upstream::answering(OK);
    let gate = only_one(Setup::new(upstream.address)).start();
    let mut passed = 0;
    let good = "--b0undary\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1";
    let config = ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let forms = (any::<bool>(), prop::collection::vec(piece(), 0..9), any::<bool>());
    let outcome = runner.run(&forms, |(begun, pieces, ended)| {
        let mut body = if begun { good.to_owned() } else { String::new() };
        body += &pieces.concat();
        if ended {
            body += "\r\n--b0undary--\r\n";
        }
        let status = ask(&gate, "multipart/form-data; boundary=b0undary", body.as_bytes());
        prop_assert!(matches!(status, 200 | 400 | 403), "{}", status);
        Ok(())
    });
    outcome.unwrap();
    for request in upstream.requests() {
        passed += 1;
        let models = forgiving(&request.body);
        assert!(models.iter().all(|model| model == ALLOWED), "{:?}", String::from_utf8_lossy(&request.body));
        assert!(!models.is_empty() && !models.iter().any(|model| model == FORBIDDEN));
    }
    assert!(passed > 0, "some forms are good");
}
