//! Credentials that clouds grant: fetched, renewed before they expire, and never told.
//!
//! The token services are real servers in the test's hands that keep what they are asked.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::client::Answer;
use common::upstream::Request;
use common::{CHAT, OK, Running, Setup, Upstream, post, until};
use portcullis::clock::Moment;
use portcullis::credentials::Shown;

const SECRET: &str = "canary~client.Secret";
/// What a token begins with; its number follows.
const TOKEN: &str = "canary-token-";
const GENERATE: &str = "/v1beta/models/gemini-2.5-flash:generateContent";

/// A token service: grants numbered tokens, or answers as it is told.
struct Service {
    upstream: Upstream,
    fails: Arc<Mutex<Option<String>>>,
}

impl Service {
    /// Grants tokens that live so many seconds.
    fn granting(life: u64) -> Self {
        let fails: Arc<Mutex<Option<String>>> = Arc::default();
        let failing = Arc::clone(&fails);
        let number = AtomicU64::new(1);
        let upstream = Upstream::start(move |talk| {
            while talk.request().is_some() {
                let failure = failing.lock().unwrap().clone();
                let answer = failure.unwrap_or_else(|| {
                    let number = number.fetch_add(1, Ordering::SeqCst);
                    json(
                        "200 OK",
                        &format!(r#"{{"access_token":"{TOKEN}{number}","expires_in":{life},"token_type":"Bearer"}}"#),
                    )
                });
                if talk.send(answer).is_err() {
                    return;
                }
            }
        });
        Self { upstream, fails }
    }

    fn says(&self, answer: Option<String>) {
        *self.fails.lock().unwrap() = answer;
    }

    fn at(&self) -> String {
        format!("http://{}", self.upstream.address)
    }

    fn asked(&self) -> Vec<Request> {
        self.upstream.requests()
    }
}

fn json(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// An upstream at Azure with these credentials.
fn azure(upstream: &Upstream, credentials: &str) -> Setup {
    Setup::new("127.0.0.1:9")
        .upstream("it", "azure-openai", &format!("http://{}", upstream.address))
        .set("upstreams.it", "credentials", credentials)
        .set("projects.search", "upstreams", r#"["it"]"#)
        .variable("CLIENT_SECRET", SECRET)
}

/// An application of Entra ID whose tokens come from this service.
fn application(service: &Service) -> String {
    let at = service.at();
    format!(
        r#"{{ id = "entra", azure = {{ tenant = "tenant-1", client_id = "app-1", client_secret = "env:CLIENT_SECRET", authority = "{at}" }} }}"#
    )
}

/// An upstream at Google with this credential.
fn google(upstream: &Upstream, credential: &str) -> Setup {
    Setup::new("127.0.0.1:9")
        .upstream("it", "gemini", &format!("http://{}", upstream.address))
        .set("upstreams.it", "credentials", credential)
        .set("projects.search", "upstreams", r#"["it"]"#)
}

fn ask(gate: &Running) -> Answer {
    gate.ask(post("/it/openai/v1/chat/completions", &gate.setup.client_key, CHAT))
}

fn ask_google(gate: &Running) -> Answer {
    gate.ask(post(GENERATE, &gate.setup.client_key, r#"{"contents":[]}"#))
}

fn shown(gate: &Running) -> Vec<Shown> {
    let all = gate.gate.credentials().shown(Moment::now());
    all.into_iter().filter(|one| &*one.upstream == "it").collect()
}

fn told(gate: &Running, event: &str) -> Vec<serde_json::Value> {
    let of = |line: &serde_json::Value| line["event"].as_str().is_some_and(|told| told.starts_with(event));
    gate.log().into_iter().filter(of).collect()
}

/// Nothing that was shown or granted is told anywhere.
fn nothing_is_told(gate: &Running, secrets: &[&str]) {
    gate.gate.flush();
    let shown = serde_json::to_string(&gate.gate.credentials().shown(Moment::now())).unwrap();
    for text in [gate.written.text(), gate.metrics(), shown] {
        for secret in secrets.iter().chain([&TOKEN, &SECRET]) {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

fn reload(gate: &Running, setup: &Setup) {
    let loaded = gate.gate.reload(&setup.sources()).unwrap_or_else(|faults| panic!("{faults}"));
    gate.gate.put_in_force(loaded);
}

fn file(name: &str, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("clouds-{name}"));
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

#[test]
fn a_token_of_entra_is_fetched_once_and_takes_the_place_of_a_key() {
    let (upstream, service) = (Upstream::answering(OK), Service::granting(3600));
    let gate = azure(&upstream, &format!("[{}]", application(&service))).start();
    // The first may come before the token; it waits for it.
    for _ in 0..5 {
        assert_eq!(ask(&gate).status, 200);
    }
    for request in upstream.requests() {
        assert_eq!(request.header("authorization"), [format!("Bearer {TOKEN}1")]);
        assert_eq!(request.header("api-key"), [""; 0]);
    }
    let asked = service.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!((asked[0].method(), asked[0].target()), ("POST", "/tenant-1/oauth2/v2.0/token"));
    assert_eq!(asked[0].header("content-type"), ["application/x-www-form-urlencoded"]);
    let form = format!(
        "grant_type=client_credentials&client_id=app-1&client_secret={SECRET}&scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default"
    );
    assert_eq!(String::from_utf8(asked[0].body.clone()).unwrap(), form);
    assert_eq!(gate.records_when(5)[0]["credential"], "entra");
    assert_eq!(told(&gate, "credential_renewed").len(), 1);
    let shown = shown(&gate);
    assert_eq!(shown[0].state.word(), "healthy");
    let life =
        shown[0].grant.as_ref().unwrap().expires.unwrap().duration_since(Moment::now().wall()).unwrap();
    assert!((3500..=3600).contains(&life.as_secs()), "{life:?}");
    nothing_is_told(&gate, &[]);
}

#[test]
fn requests_that_come_before_the_first_token_wait_for_it() {
    let (upstream, held) = (Upstream::answering(OK), Arc::new(Mutex::new(true)));
    let holds = Arc::clone(&held);
    let service = Upstream::start(move |talk| {
        while talk.request().is_some() {
            until("the test lets go", || !*holds.lock().unwrap());
            let body = format!(r#"{{"access_token":"{TOKEN}1","expires_in":3600,"token_type":"Bearer"}}"#);
            drop(talk.send(json("200 OK", &body)));
        }
    });
    let host = service.address.to_string();
    let gate =
        google(&upstream, r#"[{ id = "vm", google = "metadata" }]"#).variable("GCE_METADATA_HOST", &host);
    let gate = gate.start();
    let mut clients: Vec<_> = (0..5).map(|_| gate.connect()).collect();
    for client in &mut clients {
        client.send(post(GENERATE, &gate.setup.client_key, r#"{"contents":[]}"#));
    }
    until("the service is asked", || service.requests().len() == 1);
    until("all of them wait", || gate.in_flight() == 5);
    // One that leaves meanwhile is none the gate's trouble.
    clients.pop().unwrap().hang_up();
    until("it has left", || gate.in_flight() == 4);
    assert!(upstream.requests().is_empty());
    assert_eq!(shown(&gate)[0].state.word(), "unavailable");
    *held.lock().unwrap() = false;
    for mut client in clients {
        assert_eq!(client.answer().status, 200);
    }
    assert_eq!((service.requests().len(), upstream.requests().len()), (1, 4));
    nothing_is_told(&gate, &[]);
}

#[test]
fn the_list_of_all_upstreams_models_is_asked_for_with_a_token_too() {
    let list = |model: &str| {
        json("200 OK", &format!(r#"{{"object":"list","data":[{{"id":"{model}","object":"model"}}]}}"#))
    };
    let (one, other, service) =
        (Upstream::answering(list("gpt-4o")), Upstream::answering(list("llama-3")), Service::granting(3600));
    let gate = azure(&one, &format!("[{}]", application(&service)))
        .upstream("other", "openai-compatible", &format!("http://{}/v1", other.address))
        .set("projects.search", "upstreams", r#"["it", "other"]"#)
        .start();
    let bearer = format!("Bearer {}", gate.setup.client_key);
    let answer = gate.ask(common::client::request("GET", "/v1/models", &[("authorization", &bearer)], ""));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let models: Vec<_> =
        answer.json()["data"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
    assert_eq!(models, ["gpt-4o", "llama-3"]);
    assert_eq!(one.requests()[0].header("authorization"), [format!("Bearer {TOKEN}1")]);
    nothing_is_told(&gate, &[]);
    // Without a token the others are listed.
    service.says(Some(json("503 Service Unavailable", "{}")));
    let gate = gate.setup.clone().start();
    until("the token was refused", || !told(&gate, "credential_not_renewed").is_empty());
    let answer = gate.ask(common::client::request("GET", "/v1/models", &[("authorization", &bearer)], ""));
    assert_eq!(answer.json()["data"][0]["id"], "llama-3", "{}", answer.text());
    assert_eq!(one.requests().len(), 1);
}

#[test]
fn a_token_is_renewed_before_it_expires_while_requests_go_on() {
    let (upstream, service) = (Upstream::answering(OK), Service::granting(6));
    let gate = azure(&upstream, &format!("[{}]", application(&service))).start();
    assert_eq!(ask(&gate).status, 200);
    let first = shown(&gate)[0].grant.clone().unwrap();
    let mut sent = 1;
    until("the second token is sent", || {
        assert_eq!(ask(&gate).status, 200, "{:#?}", gate.log());
        sent += 1;
        upstream.requests().last().unwrap().header("authorization") == [format!("Bearer {TOKEN}2")]
    });
    let second = shown(&gate)[0].grant.clone().unwrap();
    assert!(second.fetched < first.expires, "{first:?} {second:?}");
    assert!(second.fetched > first.fetched.map(|fetched| fetched + Duration::from_secs(4)), "{second:?}");
    assert_eq!(service.asked().len(), 2);
    assert_eq!(gate.counted(&[r#"outcome="served""#]), sent, "{}", gate.metrics());
    nothing_is_told(&gate, &[]);
}

#[test]
fn without_a_token_the_request_is_refused_and_the_operator_knows_why() {
    let (upstream, service) = (Upstream::answering(OK), Service::granting(3600));
    // It repeats what it was shown, which no service should.
    let body = format!(r#"{{"error":"invalid_client","error_description":"AADSTS7000215: not {SECRET}"}}"#);
    service.says(Some(json("401 Unauthorized", &body)));
    let gate = azure(&upstream, &format!("[{}]", application(&service))).start();
    let answer = ask(&gate);
    assert_eq!((answer.status, answer.reason()), (502, Some("credential_unavailable")));
    assert!(!answer.text().contains("AADSTS"), "{}", answer.text());
    assert!(upstream.requests().is_empty());
    let record = gate.record();
    let why = "the token service answered 401: invalid_client: AADSTS7000215: not …";
    assert!(record.to_string().contains(why), "{record:#}");
    let line = &told(&gate, "credential_not_renewed")[0];
    assert_eq!((&line["level"], &line["why"]), (&"ERROR".into(), &why.into()), "{line:#}");
    assert_eq!((&line["upstream"], &line["credential"]), (&"it".into(), &"entra".into()));
    let state = &shown(&gate)[0];
    assert_eq!(state.state.word(), "unavailable");
    assert_eq!(state.grant.as_ref().unwrap().failure.as_deref(), Some(why));
    let labels = r#"upstream="it",credential="entra","#;
    let metric = format!("portcullis_credential_state{{{labels}state=\"unavailable\"}} 1");
    assert!(gate.metrics().contains(&metric), "{}", gate.metrics());
    let metric = format!("portcullis_credential_renewals_total{{{labels}result=\"failed\"}}");
    assert!(gate.metrics().contains(&metric), "{}", gate.metrics());
    // It is asked again by itself.
    service.says(None);
    until("a token was granted", || ask(&gate).status == 200);
    assert_eq!(shown(&gate)[0].state.word(), "healthy");
    nothing_is_told(&gate, &[]);
}

#[test]
fn while_its_service_fails_a_token_is_used_until_it_expires_and_no_longer() {
    let (upstream, service) = (Upstream::answering(OK), Service::granting(3));
    let gate = azure(&upstream, &format!("[{}]", application(&service))).start();
    assert_eq!(ask(&gate).status, 200);
    let expires = shown(&gate)[0].grant.as_ref().unwrap().expires.unwrap();
    service.says(Some(json("503 Service Unavailable", "{}")));
    until("the renewal has failed", || !told(&gate, "credential_not_renewed").is_empty());
    assert_eq!(told(&gate, "credential_not_renewed")[0]["level"], "WARN");
    let mut served = 0;
    until("the token has expired", || {
        let before = Moment::now().wall();
        let answer = ask(&gate);
        if answer.status == 200 {
            served += 1;
            assert!(before < expires);
            return false;
        }
        assert!(Moment::now().wall() >= expires);
        assert_eq!(answer.reason(), Some("credential_unavailable"));
        true
    });
    assert!(served > 0);
    assert_eq!(shown(&gate)[0].state.word(), "unavailable");
    until("that was told", || {
        told(&gate, "credential_not_renewed").iter().any(|line| line["level"] == "ERROR")
    });
    nothing_is_told(&gate, &[]);
}

#[test]
fn a_credential_without_a_token_is_passed_over_while_there_is_another() {
    let (upstream, service) = (Upstream::answering(OK), Service::granting(3600));
    service.says(Some(json("500 Internal Server Error", "")));
    let both = format!(r#"[{}, {{ id = "key", secret = "env:PROVIDER_KEY" }}]"#, application(&service));
    let gate = azure(&upstream, &both).start();
    for _ in 0..4 {
        assert_eq!(ask(&gate).status, 200);
    }
    for request in upstream.requests() {
        assert_eq!(request.header("authorization"), [""; 0]);
        assert_eq!(request.header("api-key"), [gate.setup.provider_key.as_str()]);
    }
}

#[test]
fn a_token_that_the_provider_refuses_gives_way_to_the_next_credential() {
    let service = Service::granting(3600);
    let upstream = Upstream::start(|talk| {
        while let Some(request) = talk.request() {
            let refused = json("401 Unauthorized", r#"{"error":{"code":"401","message":"Access denied"}}"#);
            let answer = if request.header("authorization").is_empty() { OK.to_owned() } else { refused };
            drop(talk.send(answer));
        }
    });
    let both = format!(r#"[{}, {{ id = "key", secret = "env:PROVIDER_KEY" }}]"#, application(&service));
    let gate = azure(&upstream, &both).start();
    until("the token was granted", || shown(&gate)[0].state.word() == "healthy");
    assert_eq!((ask(&gate).status, ask(&gate).status), (200, 200));
    assert_eq!(shown(&gate)[0].state.word(), "rejected");
    nothing_is_told(&gate, &[]);
}

fn service_account(service: &Service, id: &str) -> String {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap().serialize_pem();
    serde_json::json!({
        "type": "service_account", "client_email": "gate@p.iam.gserviceaccount.com", "private_key_id": id,
        "private_key": key, "token_uri": format!("{}/token", service.at()),
    })
    .to_string()
}

#[test]
fn a_service_account_is_exchanged_for_a_token_and_a_rotated_key_for_another() {
    let (upstream, service) = (Upstream::answering(OK), Service::granting(3600));
    let path = file("sa.json", &service_account(&service, "one"));
    let credential = format!(
        r#"[{{ id = "sa", google = {{ service_account = "file:{}" }}, quota_project = "billed" }}]"#,
        path.display()
    );
    let gate = google(&upstream, &credential).start();
    assert_eq!(ask_google(&gate).status, 200);
    let sent = upstream.requests().pop().unwrap();
    assert_eq!(sent.header("authorization"), [format!("Bearer {TOKEN}1")]);
    assert_eq!(sent.header("x-goog-user-project"), ["billed"]);
    assert_eq!(sent.header("x-goog-api-key"), [""; 0]);
    let form = String::from_utf8(service.asked()[0].body.clone()).unwrap();
    let assertion =
        form.strip_prefix("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=");
    let assertion = assertion.unwrap().to_owned();
    // A reload with the same key keeps the token.
    reload(&gate, &gate.setup);
    assert_eq!(ask_google(&gate).status, 200);
    assert_eq!(service.asked().len(), 1);
    // With another key it does not.
    file("sa.json", &service_account(&service, "two"));
    reload(&gate, &gate.setup);
    assert_eq!(ask_google(&gate).status, 200);
    let sent = upstream.requests().pop().unwrap();
    assert_eq!(sent.header("authorization"), [format!("Bearer {TOKEN}2")]);
    assert_eq!(service.asked().len(), 2);
    nothing_is_told(&gate, &[&assertion, "PRIVATE KEY"]);
}

#[test]
fn at_vertex_requests_are_for_the_project_of_the_configuration_whatever_clients_name() {
    let (upstream, service) = (Upstream::answering(OK), Service::granting(3600));
    let host = service.at().replace("http://", "");
    let gate = Setup::new("127.0.0.1:9")
        .upstream("it", "vertex", &format!("http://{}", upstream.address))
        .set("upstreams.it", "project", r#""ours""#)
        .set("upstreams.it", "location", r#""europe-west4""#)
        .set("upstreams.it", "credentials", r#"[{ id = "vm", google = "metadata" }]"#)
        .set("projects.search", "upstreams", r#"["it"]"#)
        .variable("GCE_METADATA_HOST", &host)
        .start();
    let behind = "/publishers/google/models/gemini-2.5-flash:generateContent";
    let ours = format!("/v1/projects/ours/locations/europe-west4{behind}");
    for path in
        [format!("/v1{behind}"), format!("/v1/projects/theirs/locations/us-central1{behind}"), ours.clone()]
    {
        let answer = gate.ask(post(&format!("/it{path}"), &gate.setup.client_key, r#"{"contents":[]}"#));
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let sent = upstream.requests().pop().unwrap();
        assert_eq!(sent.target(), ours, "{path}");
        assert_eq!(sent.header("authorization"), [format!("Bearer {TOKEN}1")]);
    }
    // An API key of the express mode needs no project.
    let gate = Setup::new("127.0.0.1:9")
        .upstream("it", "vertex", &format!("http://{}", upstream.address))
        .set("projects.search", "upstreams", r#"["it"]"#)
        .start();
    let answer = gate.ask(post(&format!("/it/v1{behind}"), &gate.setup.client_key, r#"{"contents":[]}"#));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let sent = upstream.requests().pop().unwrap();
    assert_eq!(sent.target(), format!("/v1{behind}"));
    assert_eq!(sent.header("x-goog-api-key"), [gate.setup.provider_key.as_str()]);
}

#[test]
fn what_clients_send_of_a_project_to_bill_goes_nowhere() {
    let (upstream, service) = (Upstream::answering(OK), Service::granting(3600));
    let host = service.at().replace("http://", "");
    let gate =
        google(&upstream, r#"[{ id = "vm", google = "metadata" }]"#).variable("GCE_METADATA_HOST", &host);
    let gate = gate.start();
    let key = gate.setup.client_key.clone();
    let headers = [
        ("x-goog-api-key", key.as_str()),
        ("x-goog-user-project", "theirs"),
        ("content-type", "application/json"),
    ];
    let answer = gate.ask(common::client::request("POST", GENERATE, &headers, r#"{"contents":[]}"#));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let sent = upstream.requests().pop().unwrap();
    assert_eq!(sent.header("x-goog-user-project"), [""; 0]);
    assert_eq!(sent.header("authorization"), [format!("Bearer {TOKEN}1")]);
    let asked = &service.asked()[0];
    assert_eq!(asked.header("metadata-flavor"), ["Google"]);
    let target = "/computeMetadata/v1/instance/service-accounts/default/token?scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform";
    assert_eq!((asked.method(), asked.target()), ("GET", target));
}

#[test]
fn managed_identities_are_asked_where_azure_says() {
    let (upstream, service) = (Upstream::answering(OK), Service::granting(3600));
    let setup = azure(&upstream, r#"[{ id = "mi", azure = "managed-identity" }]"#);
    let on_a_machine = setup.clone().variable("AZURE_POD_IDENTITY_AUTHORITY_HOST", &service.at());
    let named = setup.clone().variable("AZURE_POD_IDENTITY_AUTHORITY_HOST", &service.at()).set(
        "upstreams.it",
        "credentials",
        r#"[{ id = "mi", azure = { client_id = "mine", scope = "https://ai.azure.com/.default" } }]"#,
    );
    let in_an_app = setup
        .variable("IDENTITY_ENDPOINT", &format!("{}/msi/token", service.at()))
        .variable("IDENTITY_HEADER", "canary-header");
    let resource = "resource=https%3A%2F%2Fcognitiveservices.azure.com";
    let machine = "/metadata/identity/oauth2/token?api-version=2018-02-01";
    for (setup, target, header) in [
        (on_a_machine, format!("{machine}&{resource}"), ("metadata", "true")),
        (
            named,
            format!("{machine}&resource=https%3A%2F%2Fai.azure.com&client_id=mine"),
            ("metadata", "true"),
        ),
        (
            in_an_app,
            format!("/msi/token?api-version=2019-08-01&{resource}"),
            ("x-identity-header", "canary-header"),
        ),
    ] {
        let gate = setup.start();
        assert_eq!(ask(&gate).status, 200);
        let asked = service.asked().pop().unwrap();
        assert_eq!((asked.method(), asked.target()), ("GET", target.as_str()));
        assert_eq!(asked.header(header.0), [header.1]);
        nothing_is_told(&gate, &["canary-header"]);
    }
}

#[test]
fn a_workload_identity_shows_what_its_file_holds_each_time() {
    let (upstream, service) = (Upstream::answering(OK), Service::granting(3));
    let path = file("federated", "canary-first\n");
    let gate = azure(&upstream, r#"[{ id = "wi", azure = "workload-identity" }]"#)
        .variable("AZURE_TENANT_ID", "tenant-1")
        .variable("AZURE_CLIENT_ID", "app-1")
        .variable("AZURE_FEDERATED_TOKEN_FILE", &path.display().to_string())
        .variable("AZURE_AUTHORITY_HOST", &service.at())
        .start();
    assert_eq!(ask(&gate).status, 200);
    file("federated", "canary-second\n");
    until("it was renewed", || service.asked().len() >= 2);
    let of = |at: usize| String::from_utf8(service.asked()[at].body.clone()).unwrap();
    assert!(of(0).contains("&client_assertion=canary-first&"), "{}", of(0));
    assert!(of(1).contains("&client_assertion=canary-second&"), "{}", of(1));
    std::fs::remove_file(&path).unwrap();
    until("that it is gone is told", || {
        told(&gate, "credential_not_renewed")
            .iter()
            .any(|line| line["why"].to_string().contains("cannot be read"))
    });
    nothing_is_told(&gate, &["canary-first", "canary-second"]);
}

#[test]
fn a_service_that_does_not_answer_or_not_with_a_token_is_told_so() {
    let upstream = Upstream::answering(OK);
    let nowhere = Upstream::nowhere();
    for (service, why) in [
        (
            Upstream::answering(json("200 OK", "<html>canary-token-</html>")),
            "the token service's answer holds no token",
        ),
        (Upstream::answering(json("302 Found", "")), "the token service answered 302"),
        (Upstream::answering("canary-token- is not HTTP\r\n\r\n"), "no answer from 127.0.0.1"),
        (nowhere, "Connection refused"),
    ] {
        let host = service.address.to_string();
        let gate =
            google(&upstream, r#"[{ id = "vm", google = "metadata" }]"#).variable("GCE_METADATA_HOST", &host);
        let gate = gate.start();
        assert_eq!(ask_google(&gate).reason(), Some("credential_unavailable"), "{why}");
        let told = told(&gate, "credential_not_renewed");
        assert!(told[0]["why"].as_str().unwrap().contains(why), "{told:#?}");
        nothing_is_told(&gate, &[]);
    }
    assert!(upstream.requests().is_empty());
}

#[test]
fn a_gate_without_such_credentials_asks_nobody() {
    let upstream = Upstream::answering(OK);
    let gate = Setup::new(upstream.address).start();
    assert_eq!(gate.ask(gate.chat()).status, 200);
    assert!(gate.gate.credentials().granted().is_empty());
    let (service, azures) = (Service::granting(3600), Upstream::answering(OK));
    // The first reload that needs the thread starts it.
    reload(&gate, &azure(&azures, &format!("[{}]", application(&service))));
    until("the token was granted", || service.asked().len() == 1);
}
