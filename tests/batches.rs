//! Files of requests, batches, resumable uploads, and the credentials that they belong to.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use common::client::request;
use common::{Answer, Running, Setup, Upstream, post};

const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 34\r\n\r\n\
    {\"id\":\"file-abc\",\"object\":\"file\"}  ";

fn line(model: &str) -> String {
    format!(
        r#"{{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{{"model":"{model}","messages":[]}}}}"#
    )
}

fn file(gate: &Running, purpose: &str, text: &str) -> Answer {
    upload(gate, &[("\"purpose\"", purpose), ("\"file\"; filename=\"a.jsonl\"", text)])
}

fn upload(gate: &Running, parts: &[(&str, &str)]) -> Answer {
    let mut body = String::new();
    for (head, data) in parts {
        let part = format!("--b0undary\r\nContent-Disposition: form-data; name={head}\r\n\r\n{data}\r\n");
        body.push_str(&part);
    }
    body += "--b0undary--\r\n";
    let bearer = format!("Bearer {}", gate.setup.client_key);
    let headers = [("authorization", &*bearer), ("content-type", "multipart/form-data; boundary=b0undary")];
    gate.ask(request("POST", "/openai/v1/files", &headers, &body))
}

fn batch(gate: &Running, file: &str) -> Answer {
    let body = format!(
        r#"{{"input_file_id":"{file}","endpoint":"/v1/chat/completions","completion_window":"24h"}}"#
    );
    gate.ask(post("/openai/v1/batches", &gate.setup.client_key, &body))
}

fn only(upstream: &Upstream) -> Running {
    Setup::new(upstream.address)
        .set("projects.search", "models", r#"["gpt-4o-mini"]"#)
        .set("projects.search", "scopes", r#"["files", "batches", "chat"]"#)
        .start()
}

#[test]
fn every_line_of_a_batch_names_a_model_that_may_be_used() {
    let upstream = Upstream::answering(ANSWER);
    let gate = only(&upstream);
    let good = line("gpt-4o-mini");
    let bad = line("gpt-4o");
    let many = format!("{good}\n").repeat(50_000);
    for (text, reason, place) in [
        (bad.clone(), "model_not_allowed", "line 1 "),
        (format!("{good}\n{bad}\n{good}"), "model_not_allowed", "line 2 "),
        (format!("{many}\r\n \n{bad}"), "model_not_allowed", "line 50003 "),
        (format!("{good}\n{{"), "body_invalid", "line 2 "),
        (format!("{good} {bad}"), "body_invalid", "line 1 "),
        (format!("{good}\r{bad}"), "body_invalid", "line 1 "),
        (format!("{good}\n{}", good.replace("\"model\":\"gpt-4o-mini\",", "")), "body_invalid", "line 2 "),
        (good.replace("\"messages\"", "\"Model\":\"gpt-4o\",\"messages\""), "model_ambiguous", ""),
        (good.replace("\"messages\"", "\"model\":\"gpt-4o\",\"messages\""), "model_not_allowed", "line 1 "),
        (good.replace("\"custom_id\"", "\"body\":{},\"custom_id\""), "body_invalid", "line 1 "),
        (
            good.replace("\"messages\"", "\"tools\":[{\"model\":\"gpt-4o\"}],\"messages\""),
            "model_not_allowed",
            "line 1 ",
        ),
        (good.replace("\"messages\"", "\"api_base\":\"b\",\"messages\""), "parameter_not_allowed", "line 1 "),
        (good.replace("chat/completions", "embeddings"), "scope_missing", ""),
        (good.replace("chat/completions", "nothing"), "body_invalid", "line 1 "),
    ] {
        let answer = file(&gate, "batch", &text);
        let told = answer.text();
        assert_eq!(answer.reason(), Some(reason), "{told}");
        assert!(told.contains(place), "{told}");
    }
    let before = [("\"file\"; filename=\"a\"", &*good), ("\"purpose\"", "batch")];
    assert_eq!(upload(&gate, &before).reason(), Some("body_invalid"));
    let twice = [("\"purpose\"", "batch"), ("\"purpose\"", "user_data"), ("\"file\"; filename=\"a\"", &*bad)];
    assert_eq!(upload(&gate, &twice).reason(), Some("body_invalid"));
    let bare = [("\"purpose\"", "batch"), ("\"file\"", &*bad)];
    assert_eq!(upload(&gate, &bare).reason(), Some("model_not_allowed"));
    assert_eq!(upstream.requests().len(), 0);
    assert_eq!(file(&gate, "batch", &format!("{many}{good}")).status, 200);
    assert_eq!(
        file(&gate, "batch", &good.replace("/v1/chat", "/chat")).status,
        200,
        "as Azure's are written"
    );
    assert_eq!(file(&gate, "user_data", "no lines at all").status, 200);
}

#[test]
fn a_batch_may_use_only_a_file_that_was_checked_by_the_rules_of_today() {
    let upstream = Upstream::answering(ANSWER);
    let gate = only(&upstream);
    assert_eq!(batch(&gate, "file-abc").reason(), Some("model_unknowable"));
    assert_eq!(file(&gate, "user_data", "x").status, 200);
    assert_eq!(batch(&gate, "file-abc").reason(), Some("model_unknowable"), "it was not checked");
    assert_eq!(file(&gate, "batch", &line("gpt-4o-mini")).status, 200);
    let answer = batch(&gate, "file-abc");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(batch(&gate, "file-other").reason(), Some("model_unknowable"));
    let other = r#"{"input_file_id":"file-abc","endpoint":"/v1/embeddings"}"#;
    let answer = gate.ask(post("/openai/v1/batches", &gate.setup.client_key, other));
    assert_eq!(answer.reason(), Some("scope_missing"));
    for (body, reason) in [
        (r#"{"purpose":"batch","bytes":1,"filename":"a","mime_type":"b"}"#, Some("model_unknowable")),
        (r#"{"bytes":1,"filename":"a","mime_type":"b"}"#, Some("model_unknowable")),
        (r#"{"purpose":"user_data","bytes":1,"filename":"a","mime_type":"b"}"#, None),
    ] {
        let answer = gate.ask(post("/openai/v1/uploads", &gate.setup.client_key, body));
        assert_eq!(answer.reason(), reason, "{body}");
    }
    let open = Setup::new(upstream.address).start();
    assert_eq!(file(&open, "batch", &line("gpt-4o")).status, 200);
    assert_eq!(batch(&open, "file-xyz").status, 200, "who may use every model need not show the file");
}

#[test]
fn a_job_of_mistral_names_its_model_and_checked_files() {
    let upstream = Upstream::answering(ANSWER);
    let url = format!("http://{}", upstream.address);
    let gate = Setup::new(upstream.address)
        .upstream("mistral", "mistral", &url)
        .set("projects.search", "upstreams", r#"["mistral"]"#)
        .set("projects.search", "models", r#"["mistral-small"]"#)
        .start();
    let ask = |body: &str| gate.ask(post("/mistral/v1/batch/jobs", &gate.setup.client_key, body));
    let chat = r#""endpoint":"/v1/chat/completions""#;
    for (body, reason) in [
        (format!(r#"{{{chat},"model":"mistral-small","requests":[{{"body":{{}}}}]}}"#), None),
        (format!(r#"{{{chat},"model":"mistral-large","requests":[]}}"#), Some("model_not_allowed")),
        (format!(r#"{{{chat},"requests":[]}}"#), Some("model_unknowable")),
        (format!(r#"{{{chat},"model":"mistral-small","agent_id":"a"}}"#), Some("model_unknowable")),
        (
            format!(r#"{{{chat},"model":"mistral-small","input_files":["file-abc"]}}"#),
            Some("model_unknowable"),
        ),
        (
            format!(
                r#"{{{chat},"model":"mistral-small","requests":[{{"body":{{"model":"mistral-large"}}}}]}}"#
            ),
            Some("model_not_allowed"),
        ),
    ] {
        let answer = ask(&body);
        assert_eq!(answer.reason(), reason, "{body}: {}", answer.text());
    }
}

#[test]
fn what_a_file_or_an_agent_decides_is_for_who_may_use_every_model() {
    let upstream = Upstream::answering(ANSWER);
    let url = format!("http://{}", upstream.address);
    let setup = Setup::new(upstream.address).upstream("mistral", "mistral", &url).set(
        "projects.search",
        "upstreams",
        r#"["gemini", "mistral"]"#,
    );
    let gate = setup.clone().set("projects.search", "models", r#"["gemini-2.5-flash"]"#).start();
    let open = setup.start();
    let (model, unknowable) = (r#""model":"gemini-2.5-flash""#, Some("model_unknowable"));
    let (batch, embed) = ("batchGenerateContent", "asyncBatchEmbedContent");
    let [batch, embed] = [batch, embed].map(|verb| format!("/v1beta/models/gemini-2.5-flash:{verb}"));
    let (turns, talk) = ("/v1beta/interactions".to_owned(), "/mistral/v1/conversations".to_owned());
    for (path, body, reason) in [
        (&batch, r#"{"batch":{"inputConfig":{"fileName":"files/a"}}}"#.to_owned(), unknowable),
        (&batch, r#"{"batch":{"input_config":{"file_name":"files/a"}}}"#.to_owned(), unknowable),
        (
            &batch,
            r#"{"batch":{"inputConfig":{"fileName":"files/a","fileName":null}}}"#.to_owned(),
            unknowable,
        ),
        (&embed, r#"{"batch":{"inputConfig":{"fileName":"files/a"}}}"#.to_owned(), unknowable),
        (&batch, r#"{"batch":{"inputConfig":{"requests":{"requests":[{"request":{}}]}}}}"#.to_owned(), None),
        (&turns, r#"{"agent":"deep-research-pro","input":"x"}"#.to_owned(), unknowable),
        (&turns, format!(r#"{{{model},"agent":"mine"}}"#), unknowable),
        (&turns, format!(r#"{{{model},"input":[{{"agent":"no"}}]}}"#), None),
        (&turns, r#"{"input":"x"}"#.to_owned(), Some("model_missing")),
        (&turns, String::new(), Some("model_missing")),
        (&talk, r#"{"agent_id":"ag_1","inputs":"x"}"#.to_owned(), unknowable),
    ] {
        let answer = gate.ask(post(path, &gate.setup.client_key, &body));
        assert_eq!(answer.reason(), reason, "{path} {body}: {}", answer.text());
        let answer = open.ask(post(path, &open.setup.client_key, &body));
        assert_eq!(answer.status, 200, "{path} {body}: {}", answer.text());
    }
}

#[test]
fn a_resumable_upload_goes_on_at_the_gate_and_with_its_credential() {
    let upstream = Upstream::start(|talk| {
        while let Some(request) = talk.request() {
            let url = "https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=AbC-1&upload_protocol=resumable";
            let more = if request.target().contains("upload_id") {
                "x-goog-upload-status: final\r\n".to_owned()
            } else {
                format!(
                    "x-goog-upload-url: {url}\r\nx-goog-upload-control-url: {url}\r\nx-goog-upload-status: active\r\nx-goog-upload-chunk-granularity: 262144\r\nx-guploader-uploadid: AbC-1\r\n"
                )
            };
            let text = format!("HTTP/1.1 200 OK\r\n{more}content-length: 2\r\n\r\n{{}}");
            if talk.send(text).is_err() {
                return;
            }
        }
    });
    let gate = Setup::new(upstream.address)
        .set(
            "upstreams.gemini",
            "credentials",
            r#"[{ id = "a", secret = "env:KEY_A" }, { id = "b", secret = "env:KEY_B" }]"#,
        )
        .variable("KEY_A", "AIza-canary-a")
        .variable("KEY_B", "AIza-canary-b")
        .start();
    let key = gate.setup.client_key.clone();
    let begin = |prefix: &str| {
        let headers = [
            ("x-goog-api-key", &*key),
            ("content-type", "application/json"),
            ("x-goog-upload-protocol", "resumable"),
            ("x-goog-upload-command", "start"),
            ("x-goog-upload-header-content-length", "5"),
        ];
        gate.ask(request("POST", &format!("{prefix}/upload/v1beta/files"), &headers, r#"{"file":{}}"#))
    };
    for prefix in ["/gemini", ""] {
        let begun = begin(prefix);
        assert_eq!(begun.status, 200, "{}", begun.text());
        let path = format!("{prefix}/upload/v1beta/files?upload_id=AbC-1&upload_protocol=resumable");
        assert_eq!(begun.header("x-goog-upload-url"), Some(&*format!("http://gate{path}")));
        assert_eq!(begun.header("x-goog-upload-chunk-granularity"), Some("262144"));
        assert_eq!(begun.header("x-goog-upload-status"), Some("active"));
        assert_eq!(begun.header("x-goog-upload-control-url"), None);
        let first = upstream.requests().pop().unwrap();
        assert_eq!(first.header("x-goog-upload-command"), ["start"]);
        for _ in 0..3 {
            let headers = [("x-goog-upload-command", "upload, finalize"), ("x-goog-upload-offset", "0")];
            let answer = gate.ask(request("POST", &path, &headers, "12345"));
            assert_eq!((answer.status, answer.header("x-goog-upload-status")), (200, Some("final")));
            let more = upstream.requests().pop().unwrap();
            assert_eq!(more.target(), "/upload/v1beta/files?upload_id=AbC-1&upload_protocol=resumable");
            assert_eq!(more.body, b"12345");
            assert_eq!(more.header("x-goog-api-key"), first.header("x-goog-api-key"), "the same account");
        }
        // The address is no key: not for another place, and not under another name.
        for other in [
            format!("{prefix}/upload/v1beta/files?upload_id=AbC-2"),
            format!("{prefix}/upload/v1/files?upload_id=AbC-1"),
            format!("{prefix}/v1beta/files?upload_id=AbC-1"),
        ] {
            assert_eq!(gate.ask(request("POST", &other, &[], "x")).reason(), Some("key_missing"), "{other}");
        }
    }
}

#[test]
fn a_download_has_its_headers_and_ranges() {
    let upstream = Upstream::answering(
        "HTTP/1.1 206 Partial Content\r\ncontent-type: application/octet-stream\r\ncontent-disposition: attachment; filename=a\r\n\
         content-range: bytes 0-1/9\r\naccept-ranges: bytes\r\netag: \"e\"\r\nset-cookie: a=b\r\ncontent-length: 2\r\n\r\nab",
    );
    let gate = Setup::new(upstream.address).start();
    let bearer = format!("Bearer {}", gate.setup.client_key);
    let headers = [("authorization", &*bearer), ("range", "bytes=0-1")];
    let answer = gate.ask(request("GET", "/openai/v1/files/file-abc/content", &headers, ""));
    assert_eq!((answer.status, &*answer.body), (206, &b"ab"[..]));
    for (name, value) in [
        ("content-disposition", "attachment; filename=a"),
        ("content-range", "bytes 0-1/9"),
        ("accept-ranges", "bytes"),
        ("etag", "\"e\""),
        ("content-length", "2"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    assert_eq!(answer.header("set-cookie"), None);
    assert_eq!(upstream.requests()[0].header("range"), ["bytes=0-1"]);
    gate.ask(request("GET", "/openai/v1/files/file-abc", &headers, ""));
    assert_eq!(upstream.requests()[1].header("range"), [""; 0], "only where bytes are given");
}

#[test]
fn what_was_made_with_a_credential_is_asked_for_with_it() {
    let upstream = Upstream::answering(ANSWER);
    let gate = Setup::new(upstream.address)
        .set(
            "upstreams.openai",
            "credentials",
            r#"[{ id = "a", secret = "env:KEY_A" }, { id = "b", secret = "env:KEY_B" }]"#,
        )
        .variable("KEY_A", "sk-canary-a")
        .variable("KEY_B", "sk-canary-b")
        .start();
    assert_eq!(file(&gate, "user_data", "x").status, 200);
    let maker = upstream.requests()[0].header("authorization")[0].to_owned();
    let bearer = format!("Bearer {}", gate.setup.client_key);
    for _ in 0..6 {
        let path = "/openai/v1/files/file-abc/content";
        assert_eq!(gate.ask(request("GET", path, &[("authorization", &bearer)], "")).status, 200);
        assert_eq!(upstream.requests().pop().unwrap().header("authorization"), [&*maker]);
    }
}

#[test]
fn rules_on_parameters_leave_no_way_around_by_a_batch() {
    let upstream = Upstream::answering(ANSWER);
    let gate =
        Setup::new(upstream.address).set("projects.search", "parameters", "{ max_tokens = 100 }").start();
    assert_eq!(batch(&gate, "file-abc").reason(), Some("parameter_not_allowed"));
    assert_eq!(file(&gate, "user_data", "x").status, 200);
    assert_eq!(upstream.requests().len(), 1);
}
