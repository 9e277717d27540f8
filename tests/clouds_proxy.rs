//! Credentials that clouds grant, where only a proxy leads out: who is asked through it, and who never is.
//!
//! The names of the token services and upstreams below lead nowhere but through the proxy in the test's hands.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use std::net::SocketAddr;
use std::path::PathBuf;

use common::client::Answer;
use common::proxy::{Heard, Pair, Proxy, TUNNEL, answering, authorities, encrypted, pair};
use common::{CHAT, OK, Running, Setup, Upstream, post, until};
use portcullis::command::check::{self, Format};

const LOGIN: &str = "gate:canary-pass";
const LOGIN_SENT: &str = "proxy-authorization: Basic Z2F0ZTpjYW5hcnktcGFzcw==\r\n";
const REFUSED: &str = "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\n\r\n";
const NO_SUCH_HOST: &str = "HTTP/1.1 502 Bad Gateway\r\n\r\n";
const SECRET: &str = "canary~client.Secret";
const TOKEN: &str = "canary-token-1";
const IT: &str = "upstreams.it";

/// An upstream and a token service, both with TLS, and the proxy that alone leads to them.
struct Net {
    upstream: (SocketAddr, Heard),
    service: (SocketAddr, Heard),
    proxy: Proxy,
    authorities: String,
}

impl Net {
    fn new(granted: &str) -> Self {
        Self::with_proxy(granted, None)
    }

    /// The same with a proxy that speaks TLS itself.
    fn with_proxy(granted: &str, outer: Option<&Pair>) -> Self {
        let (llm, tokens) = (pair("llm.example", |_| {}), pair("tokens.example", |_| {}));
        let upstream = encrypted(&llm);
        let service = answering(&tokens, json("200 OK", granted));
        let (to_upstream, to_service) = (upstream.0, service.0);
        let proxy = Proxy::judging(outer.map(Pair::server), move |head| {
            if !head.contains(LOGIN_SENT) {
                return (REFUSED.to_owned(), None);
            }
            match head.split(' ').nth(1) {
                Some("llm.example:443") => (TUNNEL.to_owned(), Some(to_upstream)),
                Some("tokens.example:443") => (TUNNEL.to_owned(), Some(to_service)),
                _ => (NO_SUCH_HOST.to_owned(), None),
            }
        });
        let all = [Some(&llm), Some(&tokens), outer].into_iter().flatten().collect::<Vec<_>>();
        let authorities = authorities("clouds-proxy-ca", &all);
        Self { upstream, service, proxy, authorities }
    }

    /// A gate before the upstream, with this credential.
    fn setup(&self, provider: &str, credential: &str) -> Setup {
        Setup::new("127.0.0.1:9")
            .upstream("it", provider, "https://llm.example")
            .set(IT, "ca_file", &format!("\"{}\"", self.authorities))
            .set(IT, "credentials", &format!("[{credential}]"))
            .set(IT, "proxy", &format!("\"http://{}\"", self.proxy.address))
            .set(IT, "proxy_credentials", r#""env:PROXY_LOGIN""#)
            .set("projects.search", "upstreams", r#"["it"]"#)
            .variable("PROXY_LOGIN", LOGIN)
            .variable("CLIENT_SECRET", SECRET)
    }

    /// Where the proxy was asked to lead, each place once.
    fn led(&self) -> Vec<String> {
        let mut led: Vec<_> =
            self.proxy.heads().iter().map(|head| head.split(' ').nth(1).unwrap().to_owned()).collect();
        led.sort();
        led.dedup();
        led
    }

    fn asked(&self) -> Vec<String> {
        self.service.1.lock().unwrap().clone()
    }

    fn sent(&self) -> Vec<String> {
        self.upstream.1.lock().unwrap().clone()
    }
}

fn json(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
}

fn bearer() -> String {
    format!(r#"{{"access_token":"{TOKEN}","expires_in":3600,"token_type":"Bearer"}}"#)
}

/// What AWS's token service and metadata services grant.
fn session(tag: bool) -> String {
    let fields = [
        ("AccessKeyId", "ASIACANARY"),
        ("SecretAccessKey", SECRET),
        (if tag { "SessionToken" } else { "Token" }, TOKEN),
        ("Expiration", "2099-01-01T00:00:00Z"),
    ];
    if tag {
        let tags: Vec<_> = fields.iter().map(|(name, text)| format!("<{name}>{text}</{name}>")).collect();
        return format!("<R><Credentials>{}</Credentials></R>", tags.concat());
    }
    let fields: Vec<_> = fields.iter().map(|(name, text)| format!(r#""{name}":"{text}""#)).collect();
    format!(r#"{{"Code":"Success",{}}}"#, fields.join(","))
}

/// A provider, a credential, what the service grants, the variables that say so, and a request.
type Public<'c> = (&'c str, &'c str, String, &'c [(&'c str, &'c str)], fn(&Running) -> Answer);
/// The same with the service itself.
type Near<'c> = (&'c str, &'c str, &'c Upstream, Vec<(&'c str, String)>, fn(&Running) -> Answer);

const APPLICATION: &str = r#"{ id = "c", azure = { tenant = "t", client_id = "a", client_secret = "env:CLIENT_SECRET", authority = "https://tokens.example" } }"#;

fn file(name: &str, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = common::fresh_path(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn ask(gate: &Running) -> Answer {
    gate.ask(post("/it/openai/v1/chat/completions", &gate.setup.client_key, CHAT))
}

fn ask_google(gate: &Running) -> Answer {
    let target = "/v1beta/models/gemini-2.5-flash:generateContent";
    gate.ask(post(target, &gate.setup.client_key, r#"{"contents":[]}"#))
}

fn ask_bedrock(gate: &Running) -> Answer {
    let body = r#"{"messages":[{"role":"user","content":[{"text":"hello"}]}]}"#;
    gate.ask(post("/model/eu.anthropic.claude-haiku-v1%3A0/converse", &gate.setup.client_key, body))
}

/// Why the last renewal failed.
fn why(gate: &Running) -> String {
    let of = |line: &serde_json::Value| {
        line["event"].as_str().is_some_and(|told| told.starts_with("credential_not_renewed"))
    };
    until("a failure is told", || gate.log().iter().any(of));
    gate.log().iter().rfind(|line| of(line)).unwrap()["why"].as_str().unwrap().to_owned()
}

fn nothing_is_told(gate: &Running) {
    gate.gate.flush();
    for text in [gate.written.text(), gate.metrics()] {
        assert!(!text.contains("canary-") && !text.contains(SECRET) && !text.contains("Z2F0ZT"), "{text}");
    }
}

fn service_account() -> PathBuf {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap().serialize_pem();
    let text = serde_json::json!({
        "type": "service_account", "client_email": "gate@p.iam.gserviceaccount.com", "private_key_id": "one",
        "private_key": key, "token_uri": "https://tokens.example/token",
    });
    file("sa.json", &text.to_string())
}

#[test]
fn a_token_service_on_the_public_net_is_asked_through_the_upstreams_proxy() {
    let token_file = file("identity", "canary-identity").display().to_string();
    let account =
        format!(r#"{{ id = "c", google = {{ service_account = "file:{}" }} }}"#, service_account().display());
    let cases: [Public<'_>; 4] = [
        ("azure-openai", APPLICATION, bearer(), &[], ask),
        (
            "azure-openai",
            r#"{ id = "c", azure = "workload-identity" }"#,
            bearer(),
            &[
                ("AZURE_TENANT_ID", "t"),
                ("AZURE_CLIENT_ID", "a"),
                ("AZURE_FEDERATED_TOKEN_FILE", &token_file),
                ("AZURE_AUTHORITY_HOST", "https://tokens.example"),
            ],
            ask,
        ),
        ("gemini", &account, bearer(), &[], ask_google),
        (
            "bedrock",
            r#"{ id = "c", aws = "web-identity" }"#,
            session(true),
            &[
                ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/gate"),
                ("AWS_WEB_IDENTITY_TOKEN_FILE", &token_file),
                ("AWS_ENDPOINT_URL_STS", "https://tokens.example"),
            ],
            ask_bedrock,
        ),
    ];
    for (provider, credential, granted, variables, ask) in cases {
        let net = Net::new(&granted);
        let mut setup = net.setup(provider, credential);
        if provider == "bedrock" {
            setup = setup.set(IT, "region", r#""eu-central-1""#);
        }
        for (variable, text) in variables {
            setup = setup.variable(variable, text);
        }
        let gate = setup.start();
        let answer = ask(&gate);
        assert_eq!(answer.status, 200, "{credential}: {answer:?} {:#?}", gate.log());
        assert_eq!(net.led(), ["llm.example:443", "tokens.example:443"], "{credential}");
        assert!(net.proxy.heads().iter().all(|head| head.contains(LOGIN_SENT)), "{credential}");
        assert_eq!((net.asked().len(), net.sent().len()), (1, 1), "{credential}");
        // Inside of the tunnel it is no matter of the proxy.
        assert!(!net.asked()[0].to_lowercase().contains("proxy"), "{credential}: {}", net.asked()[0]);
        assert!(net.sent()[0].contains(TOKEN), "{credential}: {}", net.sent()[0]);
        let through = String::from_utf8_lossy(&net.proxy.through()).into_owned();
        for secret in [TOKEN, SECRET, "canary-identity", "grant_type", "assertion"] {
            assert!(!through.contains(secret), "{credential}: {secret} can be read on the way");
        }
        nothing_is_told(&gate);
    }
}

#[test]
fn a_proxy_that_speaks_tls_leads_there_too_and_a_reload_keeps_the_token() {
    let outer = pair("localhost", |_| {});
    let net = Net::with_proxy(&bearer(), Some(&outer));
    let through = format!("\"https://localhost:{}\"", net.proxy.address.port());
    let gate = net.setup("azure-openai", APPLICATION).set(IT, "proxy", &through).start();
    assert_eq!(ask(&gate).status, 200, "{:#?}", gate.log());
    assert_eq!(net.led(), ["llm.example:443", "tokens.example:443"]);
    let reload = |setup: &Setup| {
        let loaded = gate.gate.reload(&setup.sources()).unwrap_or_else(|faults| panic!("{faults}"));
        gate.gate.put_in_force(loaded);
    };
    reload(&gate.setup);
    assert_eq!((ask(&gate).status, net.asked().len()), (200, 1));
    // Through another proxy the token is asked for anew, also where it is the same credential.
    let other = Net::new(&bearer());
    let address = format!("\"http://{}\"", other.proxy.address);
    let authorities = format!("\"{}\"", other.authorities);
    reload(&gate.setup.clone().set(IT, "proxy", &address).set(IT, "ca_file", &authorities));
    assert_eq!(ask(&gate).status, 200, "{:#?}", gate.log());
    assert_eq!((net.asked().len(), other.asked().len()), (1, 1));
    nothing_is_told(&gate);
}

#[test]
fn the_environments_proxy_is_judged_for_the_token_services_own_host() {
    // The upstream is at this machine, to which no variable leads; the token service is not.
    let (net, near) = (Net::new(&bearer()), Upstream::answering(OK));
    let named = |net: &Net| format!("http://gate:canary-pass@{}", net.proxy.address);
    let setup = |net: &Net, base: &str| {
        Setup::new("127.0.0.1:9")
            .upstream("it", "azure-openai", base)
            .set(IT, "ca_file", &format!("\"{}\"", net.authorities))
            .set(IT, "credentials", &format!("[{APPLICATION}]"))
            .set(IT, "proxy", r#""environment""#)
            .set("projects.search", "upstreams", r#"["it"]"#)
            .variable("CLIENT_SECRET", SECRET)
            .variable("HTTPS_PROXY", &named(net))
    };
    let local = format!("http://{}", near.address);
    let gate = setup(&net, &local).start();
    assert_eq!(ask(&gate).status, 200, "{:#?}", gate.log());
    assert_eq!(net.led(), ["tokens.example:443"]);
    assert_eq!(near.requests()[0].header("authorization"), [format!("Bearer {TOKEN}")]);
    nothing_is_told(&gate);
    // The list of exceptions has the upstream, and not the token service.
    let net = Net::new(&bearer());
    let gate = setup(&net, "https://llm.example").variable("NO_PROXY", "llm.example").start();
    assert_eq!(ask(&gate).reason(), Some("upstream_unreachable"));
    assert_eq!((net.led(), net.asked().len()), (vec!["tokens.example:443".to_owned()], 1));
    // And the other way round.
    let net = Net::new(&bearer());
    let gate = setup(&net, "https://llm.example").variable("no_proxy", ".tokens.example:443").start();
    assert_eq!(ask(&gate).reason(), Some("credential_unavailable"));
    let told = why(&gate);
    assert!(told.starts_with("no answer from tokens.example:443: "), "{told}");
    assert!(net.led().is_empty() && net.asked().is_empty(), "{:?}", net.led());
}

/// A metadata service by a name that does not look like this machine's: only its kind says that it is asked straight.
fn near(service: &Upstream) -> String {
    format!("127.1:{}", service.address.port())
}

#[test]
fn what_belongs_to_the_machine_is_asked_straight_even_so() {
    let bearer = json("200 OK", &bearer());
    let [google, azure, app] = [(); 3].map(|()| Upstream::answering(bearer.clone()));
    let container = Upstream::answering(json("200 OK", &session(false)));
    let instance = Upstream::start(|talk| {
        while let Some(request) = talk.request() {
            let granted = match request.target() {
                "/latest/api/token" => "canary-imds".to_owned(),
                "/latest/meta-data/iam/security-credentials/" => "role".to_owned(),
                _ => session(false),
            };
            drop(talk.send(json("200 OK", &granted)));
        }
    });
    let app_at = format!("http://{}/token", app.address);
    let container_at = format!("http://{}/keys", container.address);
    let cases: [Near<'_>; 5] = [
        (
            "gemini",
            r#"{ id = "c", google = "metadata" }"#,
            &google,
            vec![("GCE_METADATA_HOST", near(&google))],
            ask_google,
        ),
        (
            "azure-openai",
            r#"{ id = "c", azure = "managed-identity" }"#,
            &azure,
            vec![("AZURE_POD_IDENTITY_AUTHORITY_HOST", format!("http://{}", near(&azure)))],
            ask,
        ),
        (
            "azure-openai",
            r#"{ id = "c", azure = "managed-identity" }"#,
            &app,
            vec![("IDENTITY_ENDPOINT", app_at), ("IDENTITY_HEADER", "canary-header".to_owned())],
            ask,
        ),
        (
            "bedrock",
            r#"{ id = "c", aws = "container" }"#,
            &container,
            vec![("AWS_CONTAINER_CREDENTIALS_FULL_URI", container_at)],
            ask_bedrock,
        ),
        (
            "bedrock",
            r#"{ id = "c", aws = "instance" }"#,
            &instance,
            vec![("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://{}/", near(&instance)))],
            ask_bedrock,
        ),
    ];
    for (provider, credential, service, variables, ask) in cases {
        for environment in [false, true] {
            let net = Net::new("");
            let before = service.requests().len();
            let mut setup = net.setup(provider, credential);
            if provider == "bedrock" {
                setup = setup.set(IT, "region", r#""eu-central-1""#);
            }
            if environment {
                let address = format!("http://{}", net.proxy.address);
                setup = setup.set(IT, "proxy", r#""environment""#).variable("ALL_PROXY", &address);
            }
            for (variable, text) in &variables {
                setup = setup.variable(variable, text);
            }
            let gate = setup.start();
            let answer = ask(&gate);
            assert_eq!(answer.status, 200, "{credential}: {answer:?} {:#?}", gate.log());
            assert_eq!(net.led(), ["llm.example:443"], "{credential}");
            assert!(service.requests().len() > before, "{credential}");
            assert!(net.sent()[0].contains(TOKEN), "{credential}: {}", net.sent()[0]);
            nothing_is_told(&gate);
        }
    }
}

#[test]
fn a_token_service_at_this_machine_is_asked_straight() {
    let (net, service) = (Net::new(""), Upstream::answering(json("200 OK", &bearer())));
    let credential = APPLICATION.replace("https://tokens.example", &format!("http://{}", service.address));
    let gate = net.setup("azure-openai", &credential).start();
    assert_eq!(ask(&gate).status, 200, "{:#?}", gate.log());
    assert_eq!((net.led(), service.requests().len()), (vec!["llm.example:443".to_owned()], 1));
}

#[test]
fn a_proxy_that_makes_no_tunnel_to_a_token_service_is_named() {
    let net = Net::new(&bearer());
    let at = net.proxy.address;
    for (adjust, told) in [
        (
            ("PROXY_LOGIN", "gate:canary-wrong"),
            "the proxy answered 407 to CONNECT: it wants other credentials",
        ),
        (("AZURE", "elsewhere.example"), "the proxy answered 502 to CONNECT"),
    ] {
        let (name, text) = adjust;
        let credential = if name == "AZURE" {
            APPLICATION.replace("tokens.example", text)
        } else {
            APPLICATION.to_owned()
        };
        let mut setup = net.setup("azure-openai", &credential);
        setup.environment.retain(|(variable, _)| variable != name);
        let gate = setup.variable(name, text).start();
        let answer = ask(&gate);
        assert_eq!((answer.status, answer.reason()), (502, Some("credential_unavailable")), "{told}");
        assert!(!answer.text().contains("proxy"), "{}", answer.text());
        let host = if name == "AZURE" { text } else { "tokens.example" };
        assert_eq!(why(&gate), format!("no answer from {host}:443 through the proxy {at}: {told}"));
        nothing_is_told(&gate);
    }
    // One that is not there.
    let nowhere = Upstream::nowhere().address;
    let gate =
        net.setup("azure-openai", APPLICATION).set(IT, "proxy", &format!("\"http://{nowhere}\"")).start();
    assert_eq!(ask(&gate).reason(), Some("credential_unavailable"));
    let told = "the proxy: the connection was refused";
    assert_eq!(why(&gate), format!("no answer from tokens.example:443 through the proxy {nowhere}: {told}"));
    assert!(net.asked().is_empty() && net.sent().is_empty());
    nothing_is_told(&gate);
}

#[test]
fn check_tells_who_is_asked_through_which_proxy() {
    let net = Net::new("");
    let both = format!(r#"{APPLICATION}, {{ id = "vm", azure = "managed-identity" }}"#);
    let setup = net.setup("azure-openai", &both);
    let at = net.proxy.address;
    let told = check::check(&setup.sources(), Format::Text);
    let lines = format!(
        "\nupstream it: llm.example:443, through {at}\n  credential c is granted by tokens.example:443, through {at}\n  \
         credential vm is granted by 169.254.169.254:80, straight\n"
    );
    assert!(told.exit_code == 0 && told.text.contains(&lines), "{}", told.text);
    let told = check::check(&setup.sources(), Format::Json);
    let verdict: serde_json::Value = serde_json::from_str(&told.text).unwrap();
    let through = at.to_string();
    let ways = serde_json::json!([
        { "upstream": "it", "to": "llm.example:443", "through": through },
        { "upstream": "it", "credential": "c", "to": "tokens.example:443", "through": through },
        { "upstream": "it", "credential": "vm", "to": "169.254.169.254:80" },
    ]);
    let told_ways = verdict["ways"].as_array().unwrap().iter().filter(|way| way["upstream"] == "it");
    assert_eq!(told_ways.cloned().collect::<serde_json::Value>(), ways);
    assert!(!told.text.contains("canary"));
}

#[test]
fn a_mistake_in_the_proxy_is_told_once_and_nothing_of_its_login() {
    let net = Net::new("");
    let near = Upstream::answering(OK);
    for setup in [
        net.setup("azure-openai", APPLICATION).set(IT, "proxy", r#""socks5://proxy.example""#),
        net.setup("azure-openai", APPLICATION).variable("PROXY_LOGIN", "canary-without-colon"),
        // Only the token service is reached by way of it.
        net.setup("azure-openai", APPLICATION)
            .set(IT, "base_url", &format!("\"http://{}\"", near.address))
            .set(IT, "proxy", r#""environment""#)
            .variable("HTTPS_PROXY", "http://me:canary@proxy example:3128"),
    ] {
        let mut setup = setup;
        let last = setup.environment.pop().unwrap();
        setup.environment.retain(|(name, _)| *name != last.0);
        setup.environment.push(last);
        let told = check::check(&setup.sources(), Format::Text);
        assert!(told.exit_code == 2 && told.text.contains("\n1 mistake; "), "{}", told.text);
        assert!(!told.text.contains("canary"), "{}", told.text);
    }
}
