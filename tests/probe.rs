//! `portcullis probe`: what it says of credentials that work, that do not, and of nobody there.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};

use common::Upstream;
use common::provider::Provider;
use serde_json::{Value, json};

const RIGHT: &str = "sk-canary-right-0123456789";
const WRONG: &str = "sk-canary-wrong-0123456789";

/// A configuration with a stand-in of each kind, and its file.
fn configuration(name: &str, extra: &str) -> (Provider, PathBuf) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let provider = Provider::on(listener, RIGHT);
    let mut text = String::new();
    for (upstream, path) in [("openai", "/v1"), ("anthropic", ""), ("gemini", ""), ("azure-openai", "")] {
        let more = format!(
            "[upstreams.{upstream}]\nprovider = \"{upstream}\"\nbase_url = \"http://{address}{path}\"\n\
             credentials = [{{ id = \"main\", secret = \"env:RIGHT\" }}]\n"
        );
        text.push_str(&more);
    }
    (provider, written(name, &(text + extra)))
}

/// A configuration with these upstreams, in a file of its own.
fn written(name: &str, upstreams: &str) -> PathBuf {
    let digest = "0".repeat(64);
    let project = format!(
        "[projects.a]\nupstreams = [\"openai\"]\nscopes = [\"chat\"]\nmodels = \"*\"\nallow_ips = \"any\"\n\
         [[projects.a.keys]]\nid = \"a\"\nsha256 = \"{digest}\"\n"
    );
    let file = std::env::temp_dir().join(format!("portcullis-probe-{name}-{}.toml", std::process::id()));
    std::fs::write(&file, upstreams.to_owned() + &project).unwrap();
    file
}

/// An upstream that lists its models, or refuses to, like this, and tells its callers' address like this.
fn scripted(status: &'static str, head: &'static str, body: &'static str, trace: &'static str) -> Upstream {
    Upstream::start(move |talk| {
        while let Some(request) = talk.request() {
            let at_the_edge = request.target() == "/cdn-cgi/trace";
            assert!(!(at_the_edge && request.head.contains("0123456789")), "the edge got a credential");
            let (status, head, body) = if at_the_edge { ("200 OK", "", trace) } else { (status, head, body) };
            let length = body.len();
            let answer = format!("HTTP/1.1 {status}\r\n{head}content-length: {length}\r\n\r\n{body}");
            if talk.send(answer).is_err() {
                return;
            }
        }
    })
}

/// What is said of an upstream of this kind at this place, as text and as JSON.
fn said_of(provider: &str, path: &str, upstream: &Upstream, name: &str) -> (i32, String, Value) {
    let address = upstream.address;
    let text = format!(
        "[upstreams.openai]\nprovider = \"{provider}\"\nbase_url = \"http://{address}{path}\"\n\
         credentials = [{{ id = \"main\", secret = \"env:RIGHT\" }}]\n"
    );
    let file = written(name, &text);
    let (code, said) = probe(&file, &[]);
    let (_, as_json) = probe(&file, &["--format", "json"]);
    let _ = std::fs::remove_file(file);
    (code, said, serde_json::from_str::<Value>(&as_json).unwrap()[0].take())
}

fn probe(file: &std::path::Path, arguments: &[&str]) -> (i32, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["probe", "--config"])
        .arg(file)
        .args(arguments)
        .envs([("RIGHT", RIGHT), ("WRONG", WRONG)])
        .output()
        .unwrap();
    let said = String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap();
    assert!(!said.contains("0123456789"), "{said}");
    (status.code().unwrap(), said)
}

#[test]
fn credentials_that_work_are_accepted_by_every_kind_of_upstream() {
    let (_provider, file) = configuration("fine", "");
    let (code, said) = probe(&file, &[]);
    assert_eq!((code, said.matches("✓").count()), (0, 4), "{said}");
    let (code, said) = probe(&file, &["anthropic", "--format", "json"]);
    let told: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, told.as_array().unwrap().len()), (0, 1), "{told}");
    assert_eq!((&told[0]["upstream"], &told[0]["accepted"]), (&"anthropic".into(), &true.into()));
    assert!(told[0]["models"].as_u64().unwrap() > 0);
    let _ = std::fs::remove_file(file);
}

#[test]
fn what_is_refused_or_not_there_is_told_with_its_mend() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let _other = Provider::on(listener, RIGHT);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let extra = format!(
        "[upstreams.second]\nprovider = \"openai\"\nbase_url = \"http://{address}/v1\"\n\
         credentials = [{{ id = \"old\", secret = \"env:WRONG\" }}, {{ id = \"new\", secret = \"env:RIGHT\" }}]\n\
         [upstreams.nobody]\nprovider = \"openai\"\nbase_url = \"http://{free}/v1\"\n\
         credentials = [{{ id = \"main\", secret = \"env:RIGHT\" }}]\n"
    );
    let (_provider, file) = configuration("refused", &extra);
    let (code, said) = probe(&file, &["second"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("✗ second / old: refused with 401: openai_key_invalid"), "{said}");
    assert!(said.contains("mend:          rotate the credential"), "{said}");
    assert!(said.contains("✓ second / new: accepted"), "{said}");
    assert!(said.contains("    organization:  org-standin\n"), "{said}");
    assert!(said.contains("    seen from:     127.0.0.1 in NL, by its edge at AMS\n"), "{said}");

    let (code, said) = probe(&file, &["nobody", "--format", "json"]);
    let told: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &told[0]["accepted"]), (1, &false.into()), "{told}");
    assert_eq!(told[0]["unreachable"], "the connection was refused", "{told}");
    assert_eq!(told[0]["mend"], "start what is to listen there, or correct its base_url", "{told}");
    let (_, said) = probe(&file, &["nobody"]);
    assert!(said.contains("    mend:          start what is to listen there"), "{said}");

    let (code, said) = probe(&file, &["nowhere"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("there is no upstream 'nowhere'"), "{said}");
    let _ = std::fs::remove_file(file);
}

const LIST: &str = r#"{"object":"list","data":[{"id":"gpt-4o"}]}"#;
const NOT_PROBED: &str =
    "Not probed, since only a request that costs can tell: whether the account has credit left";

#[test]
fn the_account_what_is_left_and_the_address_are_told() {
    let head = "content-type: application/json\r\nopenai-organization: acme\r\nopenai-project: proj_1\r\n\
                x-ratelimit-limit-requests: 10000\r\nx-ratelimit-remaining-requests: 9998\r\n\
                x-ratelimit-reset-requests: 6ms\r\ncf-ray: 8d1f0a-FRA\r\n";
    let trace = "fl=1\nip=203.0.113.7\ncolo=FRA\nloc=DE\n";
    let upstream = scripted("200 OK", head, LIST, trace);
    let (code, said, told) = said_of("openai", "/v1", &upstream, "account");
    assert_eq!(code, 0, "{said}");
    for line in [
        "✓ openai / main: accepted; 1 model",
        "    organization:  acme",
        "    project:       proj_1",
        "    left:          9998 of 10000 requests, full again: 6ms",
        "    seen from:     203.0.113.7 in DE, by its edge at FRA",
    ] {
        assert!(said.lines().any(|told| told == line), "{line}\n{said}");
    }
    assert!(said.contains(NOT_PROBED), "{said}");
    assert_eq!(
        told["quotas"],
        json!([{"of": "requests", "limit": 10000, "remaining": 9998, "reset": "6ms"}])
    );
    assert_eq!(told["seen_from"], json!({"address": "203.0.113.7", "country": "DE", "edge": "FRA"}));
    assert_eq!((&told["organization"], &told["billing"]), (&json!("acme"), &json!("not_probed")), "{told}");
}

#[test]
fn anthropics_limits_are_told_as_well() {
    let head = "content-type: application/json\r\nanthropic-organization-id: 5f2c\r\n\
                anthropic-workspace-id: wrkspc_1\r\nanthropic-ratelimit-input-tokens-limit: 400000\r\n\
                anthropic-ratelimit-input-tokens-remaining: 0\r\n\
                anthropic-ratelimit-input-tokens-reset: 2026-11-21T04:00:10Z\r\n";
    let upstream = scripted("200 OK", head, r#"{"data":[]}"#, "");
    let (_, said, told) = said_of("anthropic", "", &upstream, "anthropic");
    assert!(said.contains("    organization:  5f2c\n    workspace:     wrkspc_1\n"), "{said}");
    assert!(said.contains("0 of 400000 input tokens, full again: 2026-11-21T04:00:10Z"), "{said}");
    // Nothing came by Cloudflare, so nobody was asked for the address.
    assert_eq!(told.get("seen_from"), None, "{told}");
    assert!(upstream.requests().iter().all(|request| request.target().starts_with("/v1/models")));
}

/// The words for what was not in order, whose it is, and what the answer tells.
#[test]
fn each_kind_of_refusal_says_what_it_is_about() {
    let openai = |message: &str, code: &str| {
        let body =
            format!(r#"{{"error":{{"message":"{message}","type":"x","param":null,"code":"{code}"}}}}"#);
        &*Box::leak(body.into_boxed_str())
    };
    let head = "content-type: application/json\r\nx-request-id: req_1\r\n";
    for (status, body, cause, about) in [
        (
            "401 X",
            openai("Incorrect API key provided: sk-canary-right-0123456789.", "invalid_api_key"),
            "openai_key_invalid",
            "key",
        ),
        ("401 X", openai("no", "mismatched_organization"), "openai_organization_mismatch", "organization"),
        ("401 X", openai("no", "mismatched_project"), "openai_project_mismatch", "project"),
        (
            "403 X",
            openai("no", "unsupported_country_region_territory"),
            "openai_region_unsupported",
            "region",
        ),
        (
            "401 X",
            openai("Missing scopes: api.model.read.", "missing_scope"),
            "openai_scope_missing",
            "scope",
        ),
        ("429 X", openai("no", "rate_limit_exceeded"), "rate_limited", "quota"),
        ("429 X", openai("no", "billing_not_active"), "openai_billing_inactive", "billing"),
    ] {
        let upstream = scripted(status, head, body, "");
        let (code, said, told) = said_of("openai", "/v1", &upstream, cause);
        assert_eq!((code, &told["cause"], &told["about"]), (1, &json!(cause), &json!(about)), "{told}");
        assert!(said.contains(&format!("    about:         {about}\n")), "{said}");
        // Here the answer tells, though nothing was asked that costs.
        let refused = about == "billing";
        assert_eq!(told["billing"] == "refused", refused, "{told}");
        assert_eq!(!said.contains(NOT_PROBED), refused, "{said}");
    }
}

#[test]
fn the_address_that_a_refusal_names_is_told() {
    let google = r#"{"error":{"code":403,"message":"The provided API key has an IP address restriction. The originating IP address of the call (2001:db8::7) violates this restriction.","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_IP_ADDRESS_BLOCKED","domain":"googleapis.com","metadata":{"consumer":"projects/123456789012"}}]}}"#;
    let upstream = scripted("403 Forbidden", "content-type: application/json\r\n", google, "");
    let (_, said, told) = said_of("gemini", "", &upstream, "address");
    assert!(said.contains("    about:         address\n"), "{said}");
    assert!(said.contains("    seen from:     2001:db8::7\n"), "{said}");
    assert_eq!(told["address"], "2001:db8::7", "{told}");
    assert!(told["mend"].as_str().unwrap().contains("project 123456789012"), "{told}");

    let page =
        "<html><title>Attention Required! | Cloudflare</title>Your IP: <span>203.0.113.7</span></html>";
    let head = "content-type: text/html\r\nserver: cloudflare\r\ncf-ray: 8d1f0a-FRA\r\n";
    let upstream = scripted("403 Forbidden", head, page, "<html>no trace</html>");
    let (_, said, told) = said_of("openai", "/v1", &upstream, "page");
    assert_eq!((&told["about"], &told["address"]), (&json!("way"), &json!("203.0.113.7")), "{said}");
}

#[test]
fn a_credential_that_a_cloud_grants_is_fetched_first() {
    let list = r#"{"object":"list","data":[{"id":"gpt-4o"}]}"#;
    for (status, granted) in [("200 OK", true), ("401 Unauthorized", false)] {
        let body = if granted {
            r#"{"access_token":"canary-token","expires_in":60}"#
        } else {
            r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided."}"#
        };
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let service = Upstream::answering(head);
        let upstream =
            Upstream::answering(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{list}", list.len()));
        let text = format!(
            "[upstreams.openai]\nprovider = \"azure-openai\"\nbase_url = \"http://{}\"\n\
             [[upstreams.openai.credentials]]\nid = \"entra\"\n\
             azure = {{ tenant = \"t\", client_id = \"c\", client_secret = \"env:RIGHT\", authority = \"http://{}\" }}\n",
            upstream.address, service.address
        );
        let file = written(&format!("cloud-{granted}"), &text);
        let (code, said) = probe(&file, &[]);
        let _ = std::fs::remove_file(file);
        assert!(!said.contains("canary"), "{said}");
        let asked = upstream.requests();
        if granted {
            assert_eq!(code, 0, "{said}");
            assert!(said.contains("✓ openai / entra: accepted; 1 model"), "{said}");
            assert_eq!(asked[0].header("authorization"), ["Bearer canary-token"]);
        } else {
            assert_ne!(code, 0, "{said}");
            assert!(
                said.contains("✗ openai / entra: not granted: the token service answered 401: invalid_client: AADSTS7000215"),
                "{said}"
            );
            assert!(asked.is_empty());
        }
    }
}
