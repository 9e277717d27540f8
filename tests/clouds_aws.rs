//! Requests to Bedrock, signed by the gate with keys from wherever AWS gives them.
//!
//! Whether a signature is right is judged by botocore (`src/cloud/signed.json`, `tests/sdk/bedrock.py`); here it is
//! whose keys sign, from where they come, and that they are told nowhere.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use std::path::PathBuf;

use common::client::Answer;
use common::upstream::Request;
use common::{OK, Running, Setup, Upstream, post, until};
use portcullis::clock::Moment;

const SECRET: &str = "canary/secret+key";
const SESSION: &str = "canary/session==token";
const CONVERSE: &str = "/model/eu.anthropic.claude-haiku-v1%3A0/converse";
const BODY: &str = r#"{"messages":[{"role":"user","content":[{"text":"hello"}]}]}"#;

fn bedrock(upstream: &Upstream, credentials: &str) -> Setup {
    Setup::new("127.0.0.1:9")
        .upstream("it", "bedrock", &format!("http://{}", upstream.address))
        .set("upstreams.it", "region", r#""eu-central-1""#)
        .set("upstreams.it", "credentials", credentials)
        .set("projects.search", "upstreams", r#"["it"]"#)
}

fn ask(gate: &Running) -> Answer {
    gate.ask(post(CONVERSE, &gate.setup.client_key, BODY))
}

fn json(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// What the metadata services grant, for an hour.
fn keys(id: &str) -> String {
    let until =
        jiff::Timestamp::try_from(Moment::now().wall()).unwrap() + jiff::SignedDuration::from_hours(1);
    format!(
        r#"{{"Code":"Success","AccessKeyId":"{id}","SecretAccessKey":"{SECRET}","Token":"{SESSION}","Expiration":"{until:.0}"}}"#
    )
}

/// The access key that signed the only request, and its session.
fn signed_by(upstream: &Upstream) -> (String, Vec<String>) {
    let request: Request = upstream.requests().pop().unwrap();
    assert_eq!((request.method(), request.target()), ("POST", CONVERSE));
    let authorization = request.header("authorization")[0].to_owned();
    let (key, rest) =
        authorization.strip_prefix("AWS4-HMAC-SHA256 Credential=").unwrap().split_once('/').unwrap();
    let session = request.header("x-amz-security-token").iter().map(|text| (*text).to_owned()).collect();
    let date = request.header("x-amz-date")[0];
    assert!(
        rest.starts_with(&format!("{}/eu-central-1/bedrock/aws4_request, SignedHeaders=", &date[..8])),
        "{rest}"
    );
    let names = if request.header("x-amz-security-token").is_empty() { "" } else { ";x-amz-security-token" };
    assert!(rest.contains(&format!("SignedHeaders=content-type;host;x-amz-date{names}, ")), "{rest}");
    (key.to_owned(), session)
}

fn nothing_is_told(gate: &Running) {
    gate.gate.flush();
    let shown = serde_json::to_string(&gate.gate.credentials().shown(Moment::now())).unwrap();
    for text in [gate.written.text(), gate.metrics(), shown] {
        assert!(!text.contains("canary"), "{text}");
    }
}

fn file(name: &str, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("clouds-aws-{name}"));
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

#[test]
fn keys_by_reference_and_from_the_environment_sign() {
    let table = r#"[{ id = "k", aws = { access_key_id = "env:ID", secret_access_key = "env:KEY", session_token = "env:TOKEN" } }]"#;
    let long = r#"[{ id = "k", aws = { access_key_id = "env:ID", secret_access_key = "env:KEY" } }]"#;
    let environment = r#"[{ id = "k", aws = "environment" }]"#;
    for (credential, id, session) in [
        (table, "AKIDTABLE", vec![SESSION]),
        (long, "AKIDTABLE", vec![]),
        (environment, "AKIDENV", vec![SESSION]),
    ] {
        let upstream = Upstream::answering(OK);
        let gate = bedrock(&upstream, credential)
            .variable("ID", "AKIDTABLE")
            .variable("KEY", SECRET)
            .variable("TOKEN", SESSION)
            .variable("AWS_ACCESS_KEY_ID", "AKIDENV")
            .variable("AWS_SECRET_ACCESS_KEY", SECRET)
            .variable("AWS_SESSION_TOKEN", SESSION)
            .start();
        let answer = ask(&gate);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(signed_by(&upstream), (id.to_owned(), session.into_iter().map(str::to_owned).collect()));
        assert_eq!(gate.record()["credential"], "k");
        nothing_is_told(&gate);
    }
}

#[test]
fn a_bedrock_key_is_sent_as_it_is() {
    let upstream = Upstream::answering(OK);
    let gate = bedrock(&upstream, r#"[{ id = "k", secret = "env:PROVIDER_KEY" }]"#).start();
    assert_eq!(ask(&gate).status, 200);
    let sent = upstream.requests().pop().unwrap();
    assert_eq!(sent.header("authorization"), [format!("Bearer {}", gate.setup.provider_key)]);
    assert_eq!(sent.header("x-amz-date"), [""; 0]);
}

#[test]
fn a_body_without_a_content_type_is_taken_for_json_only_here() {
    let upstream = Upstream::answering(OK);
    let gate = bedrock(&upstream, r#"[{ id = "k", secret = "env:PROVIDER_KEY" }]"#).start();
    let bearer = format!("Bearer {}", gate.setup.client_key);
    let ask = |kind: &[(&str, &str)], path: &str, body: &str| {
        let headers: Vec<_> = kind.iter().copied().chain([("authorization", bearer.as_str())]).collect();
        gate.ask(common::client::request("POST", path, &headers, body))
    };
    assert_eq!(ask(&[], CONVERSE, BODY).status, 200);
    assert_eq!(ask(&[], CONVERSE, "not JSON").reason(), Some("body_invalid"));
    let plain = ask(&[("content-type", "text/plain")], CONVERSE, BODY);
    assert_eq!(plain.reason(), Some("content_type_unsupported"));
    let other = ask(&[], "/it/v1/chat/completions", common::CHAT);
    assert_eq!(other.reason(), Some("content_type_unsupported"));
}

#[test]
fn a_profile_signs_and_a_rotated_one_signs_anew() {
    let upstream = Upstream::answering(OK);
    let text = |id: &str| format!("[prod]\naws_access_key_id = {id}\naws_secret_access_key = {SECRET}\n");
    let path = file("credentials", &text("AKIDONE"));
    let gate = bedrock(&upstream, r#"[{ id = "k", aws = { profile = "prod" } }]"#)
        .variable("AWS_SHARED_CREDENTIALS_FILE", &path.display().to_string())
        .variable("AWS_CONFIG_FILE", "/nonexistent/config")
        .start();
    assert_eq!(ask(&gate).status, 200);
    assert_eq!(signed_by(&upstream).0, "AKIDONE");
    file("credentials", &text("AKIDTWO"));
    let loaded = gate.gate.reload(&gate.setup.sources()).unwrap_or_else(|faults| panic!("{faults}"));
    assert!(loaded.files.contains(&path), "a change of the file is noticed");
    gate.gate.put_in_force(loaded);
    assert_eq!(ask(&gate).status, 200);
    assert_eq!(signed_by(&upstream).0, "AKIDTWO");
    nothing_is_told(&gate);
}

#[test]
fn a_container_shows_its_token() {
    let (upstream, service) =
        (Upstream::answering(OK), Upstream::answering(json("200 OK", &keys("ASIACONTAINER"))));
    let token = file("pod-identity", "canary-pod-token\n");
    let gate = bedrock(&upstream, r#"[{ id = "k", aws = "container" }]"#)
        .variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("http://{}/v1/credentials", service.address))
        .variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &token.display().to_string())
        .start();
    assert_eq!(ask(&gate).status, 200);
    assert_eq!(signed_by(&upstream), ("ASIACONTAINER".to_owned(), vec![SESSION.to_owned()]));
    let asked = service.requests();
    assert_eq!((asked.len(), asked[0].method(), asked[0].target()), (1, "GET", "/v1/credentials"));
    assert_eq!(asked[0].header("authorization"), ["canary-pod-token"]);
    nothing_is_told(&gate);
}

#[test]
fn a_web_identity_is_exchanged_for_a_session() {
    let body = format!(
        "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIAWEB</AccessKeyId>\
         <SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>{SESSION}</SessionToken>\
         <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult>\
         </AssumeRoleWithWebIdentityResponse>"
    );
    let (upstream, service) = (Upstream::answering(OK), Upstream::answering(json("200 OK", &body)));
    let token = file("web-identity", "canary.web.identity");
    let gate = bedrock(&upstream, r#"[{ id = "k", aws = "web-identity" }]"#)
        .variable("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/gate")
        .variable("AWS_WEB_IDENTITY_TOKEN_FILE", &token.display().to_string())
        .variable("AWS_ENDPOINT_URL_STS", &format!("http://{}", service.address))
        .start();
    assert_eq!(ask(&gate).status, 200);
    assert_eq!(signed_by(&upstream), ("ASIAWEB".to_owned(), vec![SESSION.to_owned()]));
    let asked = service.requests().pop().unwrap();
    let form = String::from_utf8(asked.body.clone()).unwrap();
    assert!(
        form.starts_with("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam"),
        "{form}"
    );
    assert!(form.ends_with("&RoleSessionName=portcullis&WebIdentityToken=canary.web.identity"), "{form}");
    nothing_is_told(&gate);
}

#[test]
fn an_instances_role_is_asked_for_in_a_session() {
    let upstream = Upstream::answering(OK);
    let service = Upstream::start(|talk| {
        while let Some(request) = talk.request() {
            let session = request.header("x-aws-ec2-metadata-token") == ["canary-imds-session"];
            let answer = match request.target() {
                "/latest/api/token" if request.method() == "PUT" => json("200 OK", "canary-imds-session"),
                "/latest/meta-data/iam/security-credentials/" if session => json("200 OK", "gate-role"),
                "/latest/meta-data/iam/security-credentials/gate-role" if session => {
                    json("200 OK", &keys("ASIAINSTANCE"))
                }
                _ => json("401 Unauthorized", ""),
            };
            drop(talk.send(answer));
        }
    });
    let gate = bedrock(&upstream, r#"[{ id = "k", aws = "instance" }]"#)
        .variable("AWS_EC2_METADATA_SERVICE_ENDPOINT", &format!("http://{}/", service.address))
        .start();
    assert_eq!(ask(&gate).status, 200, "{:#?}", gate.log());
    assert_eq!(signed_by(&upstream), ("ASIAINSTANCE".to_owned(), vec![SESSION.to_owned()]));
    assert_eq!(service.requests()[0].header("x-aws-ec2-metadata-token-ttl-seconds"), ["60"]);
    nothing_is_told(&gate);
}

#[test]
fn a_request_that_is_sent_again_is_signed_anew() {
    let upstream = Upstream::start(|talk| {
        while let Some(request) = talk.request() {
            let refused = "HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\nx-amzn-errortype: UnrecognizedClientException\r\ncontent-length: 68\r\n\r\n{\"message\":\"The security token included in the request is invalid.\"} ";
            let first = request.header("authorization")[0].contains("AKIDFIRST");
            drop(talk.send(if first { refused } else { OK }));
        }
    });
    let one = |id: &str, variable: &str| {
        format!(
            r#"{{ id = "{id}", aws = {{ access_key_id = "env:{variable}", secret_access_key = "env:KEY" }} }}"#
        )
    };
    let gate = bedrock(&upstream, &format!("[{}, {}]", one("first", "FIRST"), one("second", "SECOND")))
        .variable("FIRST", "AKIDFIRST")
        .variable("SECOND", "AKIDSECOND")
        .variable("KEY", SECRET)
        .start();
    until("both were tried", || {
        assert_eq!(ask(&gate).status, 200);
        upstream.requests().iter().any(|request| request.header("authorization")[0].contains("AKIDFIRST"))
    });
    assert_eq!(signed_by(&upstream).0, "AKIDSECOND");
    let bodies: Vec<Vec<u8>> = upstream.requests().into_iter().map(|request| request.body).collect();
    assert!(bodies.iter().all(|body| body == BODY.as_bytes()));
}
