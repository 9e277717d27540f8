//! The configuration: what is accepted, what is refused, and how a mistake is told.
//!
//! `snapshots/config__*.snap` show every kind of fault and lint as the operator sees it.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use portcullis::clock::Moment;
use portcullis::command::check::{self, Format};
use portcullis::config::{
    Faults, Loaded, LogFormat, Severity, Sources, load_at, render_text, unknown_key, unknown_project,
};
use portcullis::limits::Registry;
use proptest::prelude::*;
use serde_json::Value;

const OTHER: &str = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752";
const CANARY: &str = "sk-canary-Zq7Xw9Rt2Lm5Kp8Vb3Nd6";

const GOOD: &str = r#"[server]
listen = "0.0.0.0:8080"

[upstreams.openai]
provider = "openai"
[[upstreams.openai.credentials]]
id = "main"
secret = "env:OPENAI_API_KEY"

[projects.search]
upstreams = ["openai"]
scopes = ["chat", "models:read"]
models = ["gpt-4o-mini", "text-embedding-3-*"]
allow_ips = ["10.20.0.0/16", "2001:db8::/32"]
limits = { requests = ["600/min", "10/s"], concurrency = 64 }

[[projects.search.keys]]
id = "search-prod"
sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
expires = 2027-01-01
"#;

/// The summer of 2026.
fn now() -> Moment {
    Moment::now().dated(SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_000_000))
}

fn load(texts: &[(&str, &str)], env: &[(&str, &str)]) -> Result<Loaded, Faults> {
    let env = env.iter().copied().chain([("OPENAI_API_KEY", CANARY), ("EMPTY", " "), ("BROKEN", "a\nb")]);
    load_at(&Sources::from_texts(texts.iter().copied(), env), &Registry::new(now()), now())
}

fn load_one(text: &str) -> Result<Loaded, Faults> {
    load(&[("portcullis.toml", text)], &[])
}

/// What is told about a configuration.
fn told(loaded: Result<Loaded, Faults>) -> String {
    match loaded {
        Ok(loaded) => render_text(&loaded.lints),
        Err(faults) => faults.render_text(),
    }
}

/// The good configuration with one text replaced.
fn good_but(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    GOOD.replacen(from, to, 1)
}

/// Each case is a text of the good configuration and what takes its place.
fn tell_all(cases: &[(&str, &str)], expected: Severity) -> String {
    let mut out = String::new();
    for (from, to) in cases {
        let loaded = load_one(&good_but(from, to));
        let (faults, all) = match &loaded {
            Ok(loaded) => (&loaded.lints, Severity::Lint),
            Err(faults) => (&faults.0, Severity::Error),
        };
        assert_eq!((all, faults.is_empty()), (expected, false), "{to}: {}", render_text(faults));
        assert!(faults.iter().all(|fault| !fault.mend.is_empty()));
        let _ = writeln!(out, "{}", render_text(faults));
    }
    assert!(!out.contains("canary"), "{out}");
    out
}

const PROVIDER: &str = "provider = \"openai\"";
const LISTEN: &str = "listen = \"0.0.0.0:8080\"";
const SECRET: &str = "secret = \"env:OPENAI_API_KEY\"";
const CREDENTIAL: &str = "[[upstreams.openai.credentials]]\nid = \"main\"\nsecret = \"env:OPENAI_API_KEY\"\n";
const UPSTREAMS: &str = "upstreams = [\"openai\"]";
const SCOPES: &str = "scopes = [\"chat\", \"models:read\"]";
const MODELS: &str = "models = [\"gpt-4o-mini\", \"text-embedding-3-*\"]";
const IPS: &str = "allow_ips = [\"10.20.0.0/16\", \"2001:db8::/32\"]";
const LIMITS: &str = "{ requests = [\"600/min\", \"10/s\"], concurrency = 64 }";
const SHA: &str = "sha256 = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"";
const EXPIRES: &str = "expires = 2027-01-01";
const ID: &str = "id = \"search-prod\"";

#[test]
fn every_kind_of_mistake_in_the_form() {
    let cases = [
        ("[server]", "[server"),
        ("[server]", "\"projects.x\" = 5\n[server]"),
        (PROVIDER, "provider = 5"),
        (LISTEN, "listne = \"0.0.0.0:8080\""),
        (LISTEN, "listen = 8080"),
        (LISTEN, "workers = -1"),
        (LISTEN, "workers = 1.5"),
        (LISTEN, "listen = \"127.0.0.1:1\"\nlisten.other = 5"),
        (LISTEN, "listen = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\""),
        (LISTEN, "listen = here"),
        (LISTEN, "listen"),
        (LISTEN, "listen ="),
        (LISTEN, "listen = \"127.0.0.1:1"),
        (SCOPES, "scopes = [\"chat\" \"models:read\"]"),
        (SCOPES, "scopes = [\"chat\""),
        (LISTEN, "workers = 99999999999999999999"),
        (LISTEN, "workers = nan"),
        (LISTEN, "workers = \"4\""),
        (PROVIDER, "provider = \"opnai\""),
        (PROVIDER, "provider = \"openai\"\nplaintext = \"yes\""),
        (SCOPES, "scopes = 5"),
        (MODELS, "models = [\"gpt-4o\", 4]"),
        (LIMITS, "\"600/min\""),
        ("[[projects.search.keys]]", "[projects.search.keys]"),
        (EXPIRES, "expires = 2027-01-01\nlimtis = {}"),
        ("[server]", "[[expect]]\n[server]"),
        (LISTEN, "tls = true"),
        (LISTEN, "tls = { cert = 5, key = \"/k\" }"),
        (LISTEN, "tls = { certificate = \"/c\", key = \"/dev/null\", cert = \"/dev/null\" }"),
        (LISTEN, "tls = {}"),
        (LISTEN, "tls = { cert = \"/dev/null\" }"),
        (LISTEN, "tls = { cert = \"no-such-file.pem\", key = \"env:KEY\" }"),
        (LISTEN, "tls = { cert = \"/dev/null\", key = \"-----BEGIN PRIVATE KEY-----\" }"),
        (LISTEN, "tls = { cert = \"/dev/null\", key = \"/dev/null\", client_ca = \"env:CA\" }"),
        (LISTEN, "tls = { cert = \"/dev/null\", key = \"/dev/null\", client_auth = \"optional\" }"),
        (LISTEN, "tls = { cert = \"/dev/null\", key = \"/dev/null\", client_auth = \"maybe\" }"),
    ];
    insta::assert_snapshot!(tell_all(&cases, Severity::Error));
}

#[test]
fn every_kind_of_mistake_of_the_server() {
    let cases = [
        (LISTEN, "listen = \"localhost:8080\""),
        (LISTEN, "listen = []"),
        (LISTEN, "listen = [\"0.0.0.0:1\", \"unix:gate.sock\", \"0.0.0.0:1\"]"),
        (LISTEN, "listen = [\"systemd:\", \"systemd:gate.socket\", \"systemd:\"]"),
        (LISTEN, &format!("listen = \"unix:/{}\"", "a".repeat(100))),
        (LISTEN, "listen = \"unix:/run/a.sock\"\nsocket_mode = \"0o600\""),
        (LISTEN, "listen = \"unix:/run/a.sock\"\nsocket_mode = \"777777\""),
        (LISTEN, "proxy_protocol = true"),
        (LISTEN, "http2 = \"yes\""),
        (LISTEN, "max_connections_per_ip = 0"),
        (LISTEN, "write_timeout = \"2 days\""),
        (LISTEN, "failed_keys = \"many\""),
        (LISTEN, "min_upload_rate = \"2 GiB\""),
        (LISTEN, "trusted_proxies = [\"any\"]"),
        (LISTEN, "trusted_proxies = [\"0.0.0.0/0\"]"),
        (LISTEN, "allow_ips = [\"10.0.0.1/8\"]"),
        (LISTEN, "allow_ips = [\"010.0.0.1\", \"::/0\", \"::ffff:0:0/90\"]"),
        (LISTEN, "max_body = \"32 Mb\""),
        (LISTEN, "max_body = 0"),
        (LISTEN, "max_held = \"31 MiB\""),
        (LISTEN, "max_upload = \"2 TB\""),
        (LISTEN, "body_timeout = \"60\""),
        (LISTEN, "drain = \"0s\""),
        (LISTEN, "workers = 0"),
        (LISTEN, "max_connections = 0"),
        ("[server]\n", "[admin]\nlisten = \"0.0.0.0:8080\"\n[server]\n"),
        ("[server]\n", "[admin]\nlisten = \"0.0.0.0:9090\"\n[server]\n"),
        ("[server]\n", "[log]\nformat = \"jsno\"\nlevel = \"debug\"\n[server]\n"),
    ];
    insta::assert_snapshot!(tell_all(&cases, Severity::Error));
}

#[test]
fn every_kind_of_mistake_of_a_store_of_several_gates() {
    let store = |text: &str| format!("{LISTEN}\n[store]\n{text}\n");
    let cases = [
        "prefix = \"a\"",
        "on_failure = \"deny\"",
        "url = \"http://limits:6379\"",
        "url = \"redis://:canary@limits:6379\"",
        "url = \"redis://limits/first\"",
        "url = \"redis://limits?db=1\"",
        "url = \"redis://limits\"\nca_file = \"/etc/ca.pem\"",
        "url = \"redis://limits\"\nuser = \"gate\"",
        "url = \"redis://limits\"\npassword = \"canary\"",
        "url = \"redis://limits\"\npassword = \"env:EMPTY\"",
        "url = \"redis://limits\"\nprefix = \"a b\"",
        "url = \"redis://limits\"\non_failure = \"open\"",
        "url = \"redis://limits\"\non_failure = { money = \"open\" }",
        "url = \"redis://limits:99999\"",
        "url = \"redis://one,two\"",
        "url = \"redis+sentinels://one/main\"",
        "url = \"redis+sentinel://one,two\"",
        "url = \"redis+sentinel://one,two/main/first\"",
        "url = \"redis+sentinel://one/main?db=1\"",
        "url = \"redis+sentinel://:canary@one/main\"",
        "url = \"redis+cluster://one,,two\"",
        "url = \"redis+cluster://one/0\"",
        "url = \"redis://limits\"\nsentinel_password = \"env:OPENAI_API_KEY\"",
        "url = \"redis+sentinel://one/main\"\nsentinel_user = \"gate\"",
        "sentinel_password = \"env:OPENAI_API_KEY\"",
    ]
    .map(store);
    let cases: Vec<(&str, &str)> = cases.iter().map(|text| (LISTEN, text.as_str())).collect();
    let lint = store("url = \"redis://limits\"\npassword = \"env:OPENAI_API_KEY\"");
    let sentinels =
        store("url = \"redis+sentinel://localhost,far/main\"\nsentinel_password = \"env:OPENAI_API_KEY\"");
    let lints = tell_all(&[(LISTEN, &lint), (LISTEN, &sentinels)], Severity::Lint);
    insta::assert_snapshot!(tell_all(&cases, Severity::Error) + &lints);
}

#[test]
fn every_kind_of_mistake_of_an_upstream() {
    let two = CREDENTIAL.repeat(2);
    let cases = [
        (PROVIDER, ""),
        (PROVIDER, "provider = \"azure-openai\""),
        (PROVIDER, "provider = \"openai\"\nbase_url = \"api.openai.com\""),
        (PROVIDER, "provider = \"openai\"\nbase_url = \"https://me:canary@api.openai.com\""),
        (PROVIDER, "provider = \"openai\"\nbase_url = \"https://api.openai.com/v1?key=canary\""),
        (PROVIDER, "provider = \"openai\"\nbase_url = \"https://127.1/v1\""),
        (PROVIDER, "provider = \"openai\"\nbase_url = \"https://a:b/v1\""),
        (PROVIDER, "provider = \"openai\"\nbase_url = \"https://a/../v1\""),
        (PROVIDER, "provider = \"openai\"\nbase_url = \"http://llm.example.com/v1\""),
        (PROVIDER, "provider = \"openai\"\nbase_url = \"https://a/v1/chat/completions\""),
        (PROVIDER, "provider = \"openai\"\nidle_timeout = \"2 weeks\""),
        (PROVIDER, "provider = \"openai\"\nca_file = \"ca.pem\""),
        (PROVIDER, "provider = \"openai\"\nca_file = \"/nowhere/ca.pem\""),
        (CREDENTIAL, ""),
        (SECRET, ""),
        (SECRET, "secret = \"sk-canary-Zq7Xw9Rt2Lm5Kp8Vb3Nd6\""),
        (SECRET, "secret = \"canary\""),
        (SECRET, "secret = \"env:\""),
        (SECRET, "secret = \"env:NOT_SET\""),
        (SECRET, "secret = \"env:EMPTY\""),
        (SECRET, "secret = \"env:BROKEN\""),
        (SECRET, "secret = \"file:secret.txt\""),
        (SECRET, "secret = \"file:/nowhere/secret\""),
        ("id = \"main\"", "id = \"the main one\""),
        ("id = \"main\"", ""),
        (SECRET, "secret = \"env:OPENAI_API_KEY\"\norganization = \"ä\""),
        (SECRET, "secret = \"env:OPENAI_API_KEY\"\nweight = 0"),
        (SECRET, "secret = \"env:OPENAI_API_KEY\"\nweight = 101"),
        (SECRET, "secret = \"env:OPENAI_API_KEY\"\nweight = \"heavy\""),
        (CREDENTIAL, &two),
        (
            "[server]",
            "[upstreams.v1]\nprovider = \"openai-compatible\"\nbase_url = \"http://[::1]:1\"\n[server]",
        ),
        (
            "[server]",
            "[upstreams.Local]\nprovider = \"openai-compatible\"\nbase_url = \"http://[::1]:1\"\n[server]",
        ),
    ];
    insta::assert_snapshot!(tell_all(&cases, Severity::Error));
}

#[test]
fn every_setting_that_there_is_is_offered_and_no_other() {
    for (from, to, mend) in [
        (LIMITS, "{ token = \"200k/min\" }", "did you mean `tokens`?"),
        (LIMITS, "{ tokns = \"200k/min\" }", "did you mean `tokens`?"),
        (LIMITS, "{ budgets = \"5 USD/day\" }", "did you mean `budget`?"),
        (
            LIMITS,
            "{ speed = 5 }",
            "there is: requests, tokens, input_tokens, output_tokens, budget, concurrency, mode, models",
        ),
        (LISTEN, "tls = { kye = \"/dev/null\" }", "did you mean `key`?"),
        (LISTEN, "tls = { chain = 5 }", "there is: cert, key, client_ca, client_auth"),
        (
            EXPIRES,
            "kye = 5",
            "there is: id, sha256, certificate, expires, not_before, revoked, decoy, allow_ips, scopes, models, limits",
        ),
    ] {
        let faults = load_one(&good_but(from, to)).unwrap_err();
        let told = faults.0.iter().find(|fault| fault.what.starts_with("there is no setting")).unwrap();
        assert_eq!(told.mend, mend, "{to}");
    }
}

/// Every setting of the schema, step by step; `*` is a name that somebody chose, `[]` an entry of a list.
fn settings(root: &Value, schema: &Value, above: &[String], found: &mut Vec<Vec<String>>) {
    let reference = schema.get("$ref").and_then(Value::as_str).map(|text| text.trim_start_matches('#'));
    let schema = reference.and_then(|reference| root.pointer(reference)).unwrap_or(schema);
    let mut below = |step: &str, inner: &Value| {
        let path = [above, &[step.to_owned()]].concat();
        found.push(path.clone());
        settings(root, inner, &path, found);
    };
    for (name, inner) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        below(name, inner);
    }
    if let Some(inner @ Value::Object(_)) = schema.get("additionalProperties") {
        below("*", inner);
    }
    if let (Some(inner), Some((last, rest))) = (schema.get("items"), above.split_last()) {
        settings(root, inner, &[rest, &[format!("{last}[]")]].concat(), found);
    }
    for inner in schema.get("anyOf").and_then(Value::as_array).into_iter().flatten() {
        settings(root, inner, above, found);
    }
}

/// A text in which only this is set.
fn nested(above: &[String], set: &str) -> String {
    above.iter().rev().fold(set.to_owned(), |set, step| match step.strip_suffix("[]") {
        Some(list) => format!("{list} = [{{ {set} }}]"),
        None => format!("{} = {{ {set} }}", step.replace('*', "n")),
    })
}

#[test]
fn what_is_said_of_how_a_setting_is_written_is_accepted() {
    let schema = portcullis::config::schema();
    let mut all = Vec::new();
    settings(&schema, &schema, &[], &mut all);
    let env = [
        ("PORTCULLIS_ADMIN_TOKEN", "an admin token that is long"),
        ("PROXY_LOGIN", "me:word"),
        ("LIMITS_PASSWORD", "word"),
        ("AWS_ACCESS_KEY_ID", "AKIA0000000000000000"),
        ("AWS_SECRET_ACCESS_KEY", "word"),
        ("AWS_SESSION_TOKEN", "word"),
        ("AZURE_CLIENT_SECRET", "word"),
    ];
    let mut wrong = Vec::new();
    for path in all {
        let (last, above) = path.split_last().unwrap();
        let name = path.join(".").replace("[]", "[0]").replace('*', "n");
        let faults = |text: &str| match load(&[("portcullis.toml", text)], &env) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.0,
        };
        let mut mends = std::collections::BTreeSet::new();
        for value in ["5", "-1", "1.5", "true", "\"x\"", "[[]]", "[5]", "{}"] {
            let of_it = |fault: &portcullis::config::Fault| {
                fault.path.trim_end_matches("[0]") == name && fault.mend.starts_with("write it like `")
            };
            let text = nested(above, &format!("{} = {value}", last.replace('*', "n")));
            mends.extend(faults(&text).into_iter().filter(of_it).map(|fault| fault.mend));
        }
        // What is no word there is told of the table as a whole.
        if mends.is_empty() && !name.starts_with("store.on_failure.") {
            wrong.push(format!("{name}: nothing is said"));
        }
        for mend in mends {
            let examples = mend.trim_start_matches("write it like `").trim_end_matches('`');
            for example in examples.split("` or `").filter(|example| example.contains(['=', '['])) {
                let text = if example.starts_with('[') {
                    example.replace("NAME", "n")
                } else {
                    nested(above, &example.replace('…', "x"))
                };
                // Nor what it lacks, nor what it goes with: here it stands alone.
                let not_about = [
                    "lacks",
                    "has no",
                    "says no",
                    "says neither",
                    "is missing",
                    "cannot be read",
                    "no client is asked",
                    "needs a place",
                    "there is no upstream",
                    "there is no proxy",
                    "no proxy is trusted",
                    "that several gates share",
                    "takes no credential of this kind",
                    // The hash of a key cannot be made up.
                    "a SHA-256 has 64",
                ];
                let about_it = |fault: &portcullis::config::Fault| {
                    fault.path.is_empty() && fault.severity == Severity::Error
                        || !example.starts_with('[')
                            && fault.path.starts_with(&*name)
                            && not_about.iter().all(|word| !fault.what.contains(word))
                };
                let told = faults(&text)
                    .into_iter()
                    .filter(about_it)
                    .map(|fault| format!("{}: {}", fault.path, fault.what));
                wrong.extend(told.map(|what| format!("{example}: {what}")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn plain_http_needs_no_word_to_this_machine_and_to_private_addresses() {
    let hosts = ["localhost", "127.0.0.1", "[::1]", "10.1.2.3", "172.31.255.255", "192.168.1.1", "[fd00::1]"];
    for host in hosts.into_iter().chain(["[::ffff:10.1.2.3]"]) {
        let text =
            good_but(PROVIDER, &format!("provider = \"openai\"\nbase_url = \"http://{host}:8000/v1\""));
        assert!(load_one(&text).is_ok(), "{host}: {}", told(load_one(&text)));
    }
}

#[test]
fn every_kind_of_mistake_of_how_an_upstream_is_reached() {
    let cases = [
        "max_in_flight = 0",
        "max_in_flight = \"many\"",
        "max_connections = 0",
        "max_in_flight = 5\nmax_queued = 9999999",
        "max_in_flight = 5\nqueue_timeout = \"now\"",
        "max_connection_age = \"0s\"",
        "breaker = false",
        "breaker = { failure = 3 }",
        "breaker = { failures = -1 }",
        "breaker = { statuses = [429, 503] }",
        "breaker = { statuses = 503 }",
        "breaker = { pause = \"1m\", longest_pause = \"10s\" }",
        "proxy = 3128",
        "proxy = \"proxy.example:3128\"",
        "proxy = \"socks5://proxy.example\"",
        "proxy = \"http://proxy.example/path\"",
        "proxy = \"http://me:canary@proxy.example:3128\"",
        "proxy = \"environment\"\nproxy_credentials = \"me:canary\"",
        "proxy = \"http://proxy.example\"\nproxy_credentials = \"env:NOT_SET\"",
        "proxy = \"http://proxy.example\"\nproxy_credentials = \"me:canary\"",
        "proxy = \"http://proxy.example\"\nproxy_credentials = \"env:OPENAI_API_KEY\"",
        "proxy_credentials = \"env:OPENAI_API_KEY\"",
        // What is local here is not local behind a proxy.
        "base_url = \"http://localhost:8000/v1\"\nproxy = \"http://proxy.example\"",
        "base_url = \"http://10.1.2.3/v1\"\nproxy = \"http://proxy.example\"",
        "base_url = \"http://10.1.2.3/v1\"\nproxy = \"environment\"",
        // A name is what others say it is, and clouds answer at link-local addresses.
        "base_url = \"http://models/v1\"",
        "base_url = \"http://10.1.2.3.nip.io/v1\"",
        "base_url = \"http://169.254.169.254/v1\"",
        "base_url = \"http://[fe80::1]/v1\"",
        "base_url = \"http://172.32.0.1/v1\"",
        "base_url = \"http://100.64.0.1/v1\"",
        "base_url = \"http://[2001:db8::1]/v1\"",
    ];
    let cases = cases.map(|text| format!("provider = \"openai\"\n{text}"));
    let cases = cases.each_ref().map(|text| (PROVIDER, text.as_str()));
    insta::assert_snapshot!(tell_all(&cases, Severity::Error));
}

#[test]
fn no_fault_repeats_what_the_environment_says_of_a_proxy() {
    let text = good_but(PROVIDER, "provider = \"openai\"\nproxy = \"environment\"");
    let env = [("HTTPS_PROXY", "http://me:canary@proxy example:3128")];
    let told = told(load(&[("portcullis.toml", &text)], &env));
    assert!(
        told.starts_with("error: the environment names a proxy for this upstream that cannot be read\n"),
        "{told}"
    );
    assert!(!told.contains("canary") && !told.contains("proxy example"), "{told}");
}

#[test]
fn only_openai_takes_an_organization() {
    let text = good_but(PROVIDER, "provider = \"anthropic\"")
        .replace(SECRET, "secret = \"env:OPENAI_API_KEY\"\norganization = \"org-x\"");
    assert!(told(load_one(&text)).starts_with("error: only provider openai takes this\n"));
}

#[test]
fn a_region_or_a_location_makes_the_base_url() {
    for (settings, host, infix) in [
        (
            "provider = \"bedrock\"\nregion = \"eu-central-1\"",
            "bedrock-runtime.eu-central-1.amazonaws.com",
            "",
        ),
        (
            "provider = \"bedrock\"\nregion = \"cn-north-1\"",
            "bedrock-runtime.cn-north-1.amazonaws.com.cn",
            "",
        ),
        (
            "provider = \"bedrock\"\nregion = \"eu-central-1\"\nbase_url = \"https://vpce.example\"",
            "vpce.example",
            "",
        ),
        ("provider = \"vertex\"", "aiplatform.googleapis.com", ""),
        (
            "provider = \"vertex\"\nproject = \"p\"\nlocation = \"europe-west4\"",
            "europe-west4-aiplatform.googleapis.com",
            "/projects/p/locations/europe-west4",
        ),
        (
            "provider = \"vertex\"\nproject = \"p\"\nlocation = \"global\"",
            "aiplatform.googleapis.com",
            "/projects/p/locations/global",
        ),
        (
            "provider = \"vertex\"\nproject = \"p\"\nlocation = \"eu\"",
            "aiplatform.eu.rep.googleapis.com",
            "/projects/p/locations/eu",
        ),
    ] {
        let loaded = load_one(&good_but(PROVIDER, settings)).unwrap_or_else(|faults| panic!("{faults}"));
        let upstream = &loaded.snapshot.upstreams[0];
        assert_eq!((&*upstream.host, &*upstream.infix), (host, infix), "{settings}");
    }
}

#[test]
fn every_kind_of_mistake_of_a_clouds_credential() {
    let azure = "provider = \"azure-openai\"\nbase_url = \"https://r.openai.azure.com\"";
    let google = "provider = \"gemini\"";
    let bedrock = "provider = \"bedrock\"\nregion = \"eu-central-1\"";
    let mut out = String::new();
    for (provider, credential) in [
        (PROVIDER, "azure = \"managed-identity\""),
        (azure, "azure = \"managed-identity\"\nsecret = \"env:OPENAI_API_KEY\""),
        (azure, "google = \"metadata\""),
        (azure, "azure = \"managed_identity\""),
        (azure, "azure = 5"),
        (azure, "azure = { tenat = \"t\" }"),
        (azure, "azure = { tenant = \"t\" }"),
        (azure, "azure = { tenant = \"t/../u\", client_id = \"c\", client_secret = \"env:OPENAI_API_KEY\" }"),
        (azure, "azure = { tenant = \"t\", client_id = \"c\", client_secret = \"sk-canary-1\" }"),
        (
            azure,
            "azure = { tenant = \"t\", client_id = \"c\", client_secret = \"env:OPENAI_API_KEY\", authority = \"http://login.example\" }",
        ),
        (
            azure,
            "azure = { tenant = \"t\", client_id = \"c\", client_secret = \"env:OPENAI_API_KEY\", authority = \"ftp://x\" }",
        ),
        (azure, "azure = { client_id = \"c\", scope = \"a b\" }"),
        (azure, "azure = \"workload-identity\""),
        (azure, "azure = \"managed-identity\"\nquota_project = \"p\""),
        (google, "google = \"metadata\"\nquota_project = \"a b\""),
        (google, "google = \"instance\""),
        (google, "google = {}"),
        (google, "google = { service_account = \"env:OPENAI_API_KEY\" }"),
        ("provider = \"openai\"\nregion = \"eu-central-1\"", SECRET),
        ("provider = \"bedrock\"", SECRET),
        ("provider = \"bedrock\"\nregion = \"EU\"", SECRET),
        ("provider = \"bedrock\"\nbase_url = \"https://vpce.example\"", "aws = \"instance\""),
        (bedrock, "aws = \"lambda\""),
        (bedrock, "aws = {}"),
        (
            bedrock,
            "aws = { access_key_id = \"env:OPENAI_API_KEY\", secret_access_key = \"env:OPENAI_API_KEY\" }",
        ),
        (
            bedrock,
            "aws = { access_key_id = \"AKIAcanary00000000\", secret_access_key = \"env:OPENAI_API_KEY\" }",
        ),
        (bedrock, "aws = { profile = \"prod\", session_token = \"env:OPENAI_API_KEY\" }"),
        (bedrock, "aws = { profile = \"prod\" }"),
        (bedrock, "aws = \"environment\""),
        (bedrock, "aws = \"container\""),
        (bedrock, "aws = \"web-identity\""),
        ("provider = \"vertex\"\nproject = \"p\"", SECRET),
        ("provider = \"vertex\"\nproject = \"p/../q\"\nlocation = \"eu\"", SECRET),
        ("provider = \"vertex\"", "google = \"metadata\""),
        ("provider = \"vertex\"\nregion = \"eu-central-1\"", SECRET),
    ] {
        let text = good_but(PROVIDER, provider).replacen(SECRET, credential, 1);
        let _ = writeln!(out, "{}", told(load_one(&text)));
    }
    assert!(!out.contains("canary"), "{out}");
    insta::assert_snapshot!(out);
}

#[test]
fn every_kind_of_mistake_of_a_project() {
    let more = |line: &str| format!("{ID}\n{SHA}\n{EXPIRES}\n[[projects.search.keys]]\n{line}\n");
    let same_id = more(&format!("{ID}\nsha256 = \"{OTHER}\"\n[[projects.search.keys]]\nid = \"third\""));
    let same_key = more("id = \"second\"");
    let cases = [
        ("[projects.search]\n", "[projects.\"my search\"]\n[projects.search]\n"),
        (UPSTREAMS, "upstreams = [\"opnai\"]"),
        (UPSTREAMS, "upstreams = \"openai\""),
        (SCOPES, "scopes = [\"chat\", \"embedings\"]"),
        (SCOPES, "scopes = [\"everything\"]"),
        (SCOPES, "scopes = [\"chat:read\"]"),
        (SCOPES, "scopes = \"any\""),
        (SCOPES, "scopes = [\"all\"]"),
        (UPSTREAMS, "upstreams = [\"any\"]"),
        (MODELS, "models = \"any\""),
        (IPS, "allow_ips = \"*\""),
        (IPS, "allow_ips = [\"All\"]"),
        (MODELS, "models = [\"gpt 4o\", \"\"]"),
        (MODELS, "models = \"gpt-4o\""),
        (IPS, "allow_ips = [\"0.0.0.0/0\"]"),
        (IPS, "allow_ips = \"10.0.0.0/8\""),
        (LIMITS, "{ requests = \"600 per minute\" }"),
        (LIMITS, "{ requests = [\"0/s\", \"5/week\"] }"),
        (LIMITS, "{ requests = \"4000000000/s\" }"),
        (LIMITS, "{ concurrency = 0 }"),
        (LIMITS, "{ tokens = \"200k/min\", budget = \"500 USD/month\" }"),
        (LIMITS, "{ tokens = \"1.2345k/min\", input_tokens = \"5G/day\" }"),
        (LIMITS, "{ budget = [\"500 EUR/month\", \"5 USD/year\", \"0 USD/day\"] }"),
        (
            LIMITS,
            "{ models = { \"gpt-4*\" = { tokens = \"many\" }, o1 = { mode = \"observe\" }, o2 = { models = {} } } }",
        ),
        (ID, ""),
        (ID, "id = \"search prod\""),
        (SHA, ""),
        (SHA, "sha256 = \"pcl_search-prod_canary0canary0canary0canary0canary0canar_abcdef\""),
        (SHA, "sha256 = \"abc\""),
        (SHA, "certificate = { san = \"web.example\" }"),
        (SHA, "certificate = {}"),
        (SHA, "certificate = { san = \"a b\" }"),
        (SHA, "certificate = { san = \"a\", sha256 = \"b\" }"),
        (SHA, "certificate = { sha256 = \"abc\" }"),
        (SHA, "certificate = { name = \"abc\" }"),
        (SHA, "key = \"pcl_search-prod_canary0canary0canary0canary0canary0canar_abcdef\""),
        (EXPIRES, "expires = \"next year\""),
        (EXPIRES, "expires = 07:30:00"),
        (EXPIRES, "expires = 2027-01-01\nnot_before = 2028-01-01"),
        (ID, &same_id),
        (ID, &same_key),
        (SCOPES, "cors = {}"),
        (SCOPES, "cors = [\"https://app.example\"]"),
        (SCOPES, "cors = { origins = \"*\", max_age = \"2d\" }"),
        (
            SCOPES,
            "cors = { origins = [\"null\", \"app.example\", \"https://app.example/\", \"https://app.example/x\"] }",
        ),
        (
            SCOPES,
            "cors = { origins = [\"https://*.example\", \"https://App.example\", \"https://\", \"https://a b\"] }",
        ),
        (
            SCOPES,
            "cors = { origins = [\"https://a:443\", \"http://a:80\", \"https://a:0443\", \"https://[::x]\", \"Https://a\"] }",
        ),
    ];
    insta::assert_snapshot!(tell_all(&cases, Severity::Error));
}

#[test]
fn every_kind_of_lint() {
    let twin = format!("[upstreams.twin]\n{PROVIDER}\ncredentials = [{{ id = \"a\", {SECRET} }}]\n[server]");
    let cases = [
        (IPS, "allow_ips = \"any\""),
        (IPS, ""),
        (SCOPES, "scopes = []"),
        (EXPIRES, ""),
        (EXPIRES, "expires = 2020-01-01"),
        (EXPIRES, "expires = 2027-01-01\nrevoked = true"),
        (EXPIRES, "expires = 2027-01-01\nallow_ips = [\"192.0.2.1\"]"),
        (EXPIRES, "expires = 2027-01-01\nscopes = [\"embeddings\"]"),
        (EXPIRES, "expires = 2027-01-01\nmodels = [\"gpt-4o\"]"),
        (MODELS, "models = [\"any\", \"gpt-4o\"]"),
        (EXPIRES, "expires = 2027-01-01\nmodels = [\"all\"]"),
        (PROVIDER, "provider = \"openai\"\nmodels = [\"any\"]"),
        (LISTEN, ""),
        (LISTEN, "listen = \"0.0.0.0:80\"\nallow_ips = [\"192.0.2.0/24\"]"),
        (LISTEN, "listen = \"0.0.0.0:80\"\nsocket_mode = \"600\"\nmax_connections_per_ip = 10001"),
        (LIMITS, "{ requests = [\"60/min\", \"600/min\"] }"),
        (UPSTREAMS, "upstreams = [\"openai\"]\nparameters = { store = false, mode = \"observe\" }"),
        (
            UPSTREAMS,
            "upstreams = [\"openai\"]\nparameters = { tools = [\"functoin\", \"web_search*\", \"new\"], service_tiers = [\"prioriti\"] }",
        ),
        ("[server]", "[models.fast]\nupstream = \"openai\"\nmodel = \"gpt-4o\"\n[server]"),
        (PROVIDER, "provider = \"openai\"\nbase_url = \"http://localhost:1/v1\"\nca_file = \"/x\""),
        (PROVIDER, "provider = \"openai\"\nmax_queued = 9\nqueue_timeout = \"9s\""),
        (PROVIDER, "provider = \"openai-compatible\"\nbase_url = \"https://llm.example.com/v1\""),
    ];
    let alone = tell_all(&cases, Severity::Lint);
    let twins = told(load_one(&good_but("[server]", &twin).replace(UPSTREAMS, "upstreams = \"*\"")));
    let models = "models = [\"gpt-4o-mini\", \"our-own\", \"gpt-*\"]";
    let budget = good_but(LIMITS, "{ budget = \"1 USD/day\" }").replace(MODELS, models)
        + "[store]\npath = \"/var/lib/portcullis/store.db\"\n";
    let unpriced = told(load_one(&budget));
    insta::assert_snapshot!([alone, twins, unpriced].join("\n"));
}

#[test]
fn a_model_of_the_gate_s_own_may_be_named_any() {
    let own = "[models.any]\nupstream = \"openai\"\nmodel = \"gpt-4o\"\n[server]";
    let loaded = load_one(&good_but("[server]", own).replace(MODELS, "models = [\"any\"]")).unwrap();
    assert_eq!(render_text(&loaded.lints), "");
}

#[test]
fn an_empty_configuration_says_what_it_needs() {
    let told = told(load_one(""));
    assert!(told.contains("there is no upstream") && told.contains("there is no project"), "{told}");
    let keyless = GOOD.split("[[projects").next().unwrap();
    insta::assert_snapshot!(format!("{told}\n{}", self::told(load_one(keyless))));
}

#[test]
fn every_mistake_is_told_at_once_in_the_order_of_the_lines() {
    let mut text = GOOD.to_owned();
    for (from, to) in [
        (LISTEN, "listen = 5\nlisten_on = 6"),
        (SECRET, "secret = \"env:NOT_SET\""),
        (UPSTREAMS, "upstreams = [\"opnai\", 5, \"gemni\"]"),
        (IPS, "allow_ips = [\"x\", 1, 2, \"y\"]"),
        (SHA, "sha256 = \"\""),
    ] {
        text = text.replacen(from, to, 1);
    }
    let faults = load_one(&text).unwrap_err();
    let paths: Vec<&str> = faults.0.iter().map(|fault| fault.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "server.listen",
            "server.listen_on",
            "upstreams.openai.credentials[0].secret",
            "projects.search.upstreams[0]",
            "projects.search.upstreams[1]",
            "projects.search.upstreams[2]",
            "projects.search.allow_ips[0]",
            "projects.search.allow_ips[1]",
            "projects.search.allow_ips[2]",
            "projects.search.allow_ips[3]",
            "projects.search.keys[0].sha256",
        ]
    );
}

#[test]
fn what_is_written_is_what_is_compiled() {
    let loaded = load_one(GOOD).unwrap();
    assert_eq!(render_text(&loaded.lints), "");
    let snapshot = &loaded.snapshot;
    let (project, key, upstream) = (&snapshot.projects[0], &snapshot.keys[0], &snapshot.upstreams[0]);
    assert_eq!((&*project.name, &*key.id, &*upstream.name), ("search", "search-prod", "openai"));
    assert_eq!(project.scopes.shortest(), ["chat", "models:read"]);
    assert!(project.allow_ips.contains("10.20.1.1".parse().unwrap()));
    assert!(snapshot.server.allow_ips.contains("2001:db8::1".parse().unwrap()));
    assert!(!snapshot.server.allow_ips.contains("127.0.0.1".parse().unwrap()));
    let rule = snapshot.rule(snapshot.server.allow_ips_rule).unwrap();
    assert_eq!(&*rule.path, "projects.*.allow_ips");
    let per: Vec<u64> =
        project.limits.requests.iter().map(|limit| limit.meter.quota().per.as_secs()).collect();
    assert_eq!(per, [1, 60]);
    assert_eq!(project.limits.concurrency.as_ref().unwrap().most, 64);
    assert_eq!(key.expires, Some(1_798_761_600));
    assert_eq!((&*upstream.host, upstream.port, &*upstream.base_path), ("api.openai.com", 443, "/v1"));
    assert!(upstream.tls.is_some() && !upstream.keyless);
    assert_eq!(upstream.targets[0].1, "/v1/chat/completions");
    let rule = snapshot.rule(project.models_rule).unwrap();
    assert_eq!((&*rule.path, &*rule.at), ("projects.search.models", "portcullis.toml:13"));
    let rule = snapshot.rule(project.limits.requests[0].rule).unwrap();
    assert_eq!((&*rule.path, &*rule.at), ("projects.search.limits.requests[1]", "portcullis.toml:15"));
    assert_eq!(snapshot.by_digest.len(), 1);
    assert!(!format!("{loaded:?}").contains("canary"));
}

#[test]
fn what_is_left_out_is_allowed_to_nobody() {
    let text =
        [UPSTREAMS, SCOPES, MODELS, IPS].iter().fold(GOOD.to_owned(), |text, line| text.replace(line, ""));
    let snapshot = load_one(&text).unwrap().snapshot;
    let project = &snapshot.projects[0];
    assert!(project.upstreams.is_empty() && project.scopes.is_empty());
    assert!(project.models.is_empty() && project.allow_ips.is_empty());
    assert!(snapshot.server.allow_ips.is_empty());
}

#[test]
fn a_local_model_server_needs_neither_tls_nor_credential() {
    let local = "[upstreams.local]\nprovider = \"openai-compatible\"\nbase_url = \"http://localhost:8000/v1/\"\n[server]";
    let snapshot = load_one(&good_but("[server]", local)).unwrap().snapshot;
    let local = &snapshot.upstreams[snapshot.upstream_named("local").unwrap()];
    assert!(local.keyless && local.tls.is_none() && local.credentials.all().is_empty());
    assert_eq!((&*local.base_path, local.port), ("/v1", 8000));
}

#[test]
fn later_files_and_the_environment_override() {
    let more = "[server]\nworkers = 3\nlisten = \"0.0.0.0:1\"\n[projects.search]\nmodels = [\"gpt-4o\"]\n";
    let env = [
        ("PORTCULLIS__SERVER__LISTEN", "0.0.0.0:2"),
        ("PORTCULLIS__LOG__FORMAT", "json"),
        ("PORTCULLIS__PROJECTS__SEARCH__ENABLED", "false"),
        ("PORTCULLIS__PROJECTS__SEARCH__ALLOW_IPS", "10.0.0.0/8,192.0.2.1"),
        ("PORTCULLIS_FILE", "not ours"),
    ];
    let loaded = load(&[("/etc/portcullis.toml", GOOD), ("/etc/conf.d/more.toml", more)], &env).unwrap();
    let snapshot = loaded.snapshot;
    let project = &snapshot.projects[0];
    assert_eq!((snapshot.server.listen[0].to_string(), snapshot.server.workers), ("0.0.0.0:2".to_owned(), 3));
    assert_eq!(loaded.log.format, LogFormat::Json);
    assert!(!project.enabled && project.allow_ips.contains("192.0.2.1".parse().unwrap()));
    assert_eq!(project.models.iter().collect::<Vec<_>>(), ["gpt-4o"]);
    let at = |rule| &*snapshot.rule(rule).unwrap().at;
    assert_eq!(at(project.models_rule), "conf.d/more.toml:5");
    assert_eq!(at(project.scopes_rule), "portcullis.toml:12");
    assert_eq!(at(project.allow_ips_rule), "environment variable PORTCULLIS__PROJECTS__SEARCH__ALLOW_IPS");
}

#[test]
fn mistakes_after_an_override_stand_where_they_were_made() {
    let more = "projects.search.models = [\"a b\"]\n[[projects.search.keys]]\nid = \"new\"\n";
    let env = [
        ("PORTCULLIS__SERVER__WORKERS", "many"),
        ("PORTCULLIS__SERVER__DRIAN", "5s"),
        ("PORTCULLIS__A[9999999]", "x"),
    ];
    let text = good_but(LISTEN, "workers = 4");
    let first = told(load(&[("main.toml", &text), ("conf.d/more.toml", more)], &env));
    let second = told(load(&[("main.toml", &text), ("conf.d/more.toml", more)], &env[..2]));
    let upper = text.replace("search", "Search");
    let third = told(load(&[("main.toml", &upper)], &[("PORTCULLIS__PROJECTS__SEARCH__ENABLED", "true")]));
    let keys =
        format!("[[projects.search.keys]]\nid = \"new\"\nsha256 = \"{OTHER}\"\nexpires = 2027-01-01\n");
    let fourth = told(load(&[("main.toml", GOOD), ("conf.d/more.toml", &keys)], &[]));
    insta::assert_snapshot!([first, second, third, fourth].join("\n"));
}

#[test]
fn a_variable_that_is_written_in_another_way_is_read_or_told() {
    let told = |name: &str, value: &str| {
        let told = told(load(&[("portcullis.toml", GOOD)], &[(name, value)]));
        format!("{name}={value}\n{told}")
    };
    let models = "PORTCULLIS__PROJECTS__SEARCH__MODELS";
    for text in ["[\"gpt-4o\", \"gpt-5\"]", "gpt-4o, gpt-5", "[gpt-4o,gpt-5]"] {
        let loaded = load(&[("portcullis.toml", GOOD)], &[(models, text)]).unwrap();
        assert_eq!(loaded.snapshot.projects[0].models.iter().collect::<Vec<_>>(), ["gpt-4o", "gpt-5"]);
    }
    let cases = [
        told(models, "[gpt-4o"),
        told(models, "gpt-4o, gpt 5"),
        told("PORTCULLIS__PROJECTS__SEARCH__ALLOW_IPS", "10.0.0.0/8, here"),
        told("PORTCULLIS__PROJECTS__SEARCH__LIMITS__REQUESTS__X", "5"),
        told("PORTCULLIS__PROJECTS__SEARCH__KEYS__0__ID", "other"),
        told("PORTCULLIS_SERVER_LISTEN", "0.0.0.0:1"),
        told("PORTCULLIS__SERVER_LISTEN", "0.0.0.0:1"),
        told("PORTCULLIS_UPSTREAMS_OPENAI_BASE_URL", "http://127.0.0.1"),
        told("PORTCULLIS__SERVER__DRAIN", "30"),
        told("PORTCULLIS__SERVER__WORKERS", "many"),
        told("PORTCULLIS__PROJECTS__SEARCH__LIMITS", "{ requests = \"1/s\" }"),
        told("PORTCULLIS__PROJECTS__SEARCH", "x"),
        told("PORTCULLIS__SERVER", "x"),
        told("PORTCULLIS__SERVR__LISTEN", "127.0.0.1:1"),
        told("PORTCULLIS__SERVER__TSL__CERT", "file:/x"),
        told("PORTCULLIS__ACCOUNTING__WARN_AT", "80,much"),
        told("PORTCULLIS__LOG__FORMAT", "5"),
    ];
    insta::assert_snapshot!(cases.join("\n"));
    let [token, listen] =
        [("PORTCULLIS_ADMIN_TOKEN", "an admin token that is long"), ("PORTCULLIS_SERVER_PORT", "1")];
    let text = format!("{GOOD}[admin]\ntoken = \"env:PORTCULLIS_ADMIN_TOKEN\"\n");
    let loaded = load(&[("portcullis.toml", &text)], &[token, listen]).unwrap();
    assert_eq!(render_text(&loaded.lints), "", "one is referred to, the other is no setting's");
}

/// What a variable was to set is often just what is missing.
#[test]
fn a_variable_that_sets_nothing_is_told_beside_mistakes() {
    let text = good_but(PROVIDER, "");
    let stray = ("PORTCULLIS_UPSTREAMS_OPENAI_PROVIDER", "openai");
    let faults = load(&[("portcullis.toml", &text)], &[stray]).unwrap_err();
    let (mistakes, lints) = faults.mistakes_and_lints();
    assert_eq!((mistakes.len(), lints.len()), (1, 1), "{faults}");
    assert_eq!(lints[0].mend, "did you mean PORTCULLIS__UPSTREAMS__OPENAI__PROVIDER?");

    // One that is referred to sets something, also where no reference is followed.
    let referred = format!("{text}[admin]\ntoken = \"env:PORTCULLIS_ADMIN_TOKEN\"\nno = 1\n");
    let env = [stray, ("PORTCULLIS_ADMIN_TOKEN", "x")];
    let faults = load(&[("portcullis.toml", &referred)], &env).unwrap_err();
    assert_eq!(faults.mistakes_and_lints().1.len(), 1, "{faults}");

    let env = [stray, ("OPENAI_API_KEY", CANARY)];
    let sources = Sources::from_texts([("portcullis.toml", text.as_str())], env);
    let checked = check::check(&sources, Format::Text).text;
    assert!(checked.contains("warning: this variable sets nothing"), "{checked}");
    assert!(checked.ends_with("\n1 mistake; the configuration cannot be used\n"), "{checked}");
}

#[test]
fn a_key_that_there_is_not_is_noted() {
    let note = |text: &str, id: &str| unknown_key(&Sources::from_texts([("p.toml", text)], []), id);
    assert_eq!(note(GOOD, "search-prod"), None);
    let said = note(GOOD, "nope").unwrap();
    assert_eq!(said, "note: the configuration has no key `nope`; there is: search-prod");
    assert_eq!(note("[x", "nope"), None, "nothing is known");
}

#[test]
fn a_project_that_there_is_not_is_noted() {
    let note = |name: &str| unknown_project(&Sources::from_texts([("p.toml", GOOD)], []), name);
    assert_eq!(note("search"), None);
    let said = note("serch").unwrap();
    assert_eq!(said, "note: the configuration has no project `serch`; did you mean `search`?");
    assert_eq!(
        unknown_project(&Sources::from_texts([("p.toml", "[x")], []), "serch"),
        None,
        "nothing is known"
    );
}

#[test]
fn the_digest_tells_every_text_and_variable() {
    let digest =
        |texts: &[(&str, &str)], env: &[(&str, &str)]| load(texts, env).unwrap().snapshot.digest.clone();
    let plain = digest(&[("a", GOOD)], &[]);
    assert!(plain.starts_with("sha256:") && plain.len() == 71);
    assert_eq!(plain, digest(&[("b", GOOD)], &[("SOMETHING", "else")]));
    assert_ne!(plain, digest(&[("a", &format!("{GOOD} "))], &[]));
    assert_ne!(plain, digest(&[("a", GOOD)], &[("PORTCULLIS__SERVER__WORKERS", "2")]));
}

#[test]
fn a_pasted_secret_is_never_shown() {
    let places = [
        (SECRET, format!("secret = \"{CANARY}\"")),
        (SECRET, format!("secret = \"\"\"{CANARY}\"\"\"")),
        (SECRET, format!("secret = \"\"\"\n{CANARY}\"\"\"")),
        (SECRET, format!("secret = \"{CANARY}")),
        (SECRET, format!("secret = {CANARY}")),
        (SECRET, format!("secret = [\"{CANARY}\"]")),
        (SECRET, format!("secret = \"env:{CANARY}\"")),
        (SECRET, format!("secret = \"file:{CANARY}\"")),
        (SECRET, format!("secret = {{ value = \"{CANARY}\" }}")),
        (SECRET, format!("scret = \"{CANARY}\"")),
        (CREDENTIAL, format!("credentials = \"{CANARY}\"\n")),
        (CREDENTIAL, format!("credentials = [{{ id = \"a\", secret = \"{CANARY}\", x = 1 }}]\n")),
        (CREDENTIAL, format!("credentials = [\"{CANARY}\"]\n")),
        (CREDENTIAL, format!("api_key = \"{CANARY}\"\n{CREDENTIAL}")),
        (CREDENTIAL, format!("{CANARY} = 5\n{CREDENTIAL}")),
        (PROVIDER, format!("provider = \"{CANARY}\"")),
        (PROVIDER, format!("provider = \"openai\"\nbase_url = \"https://{CANARY}@api.openai.com/v1\"")),
        (PROVIDER, format!("provider = \"openai\"\nbase_url = \"https://api.openai.com/v1?k={CANARY}\"")),
        (ID, format!("id = \"{CANARY} \"")),
        (SHA, format!("sha256 = \"{CANARY}\"")),
        (SHA, format!("{SHA}\nkey = \"{CANARY}\"")),
        (UPSTREAMS, format!("upstreams = [\"{CANARY}\"]")),
        (SCOPES, format!("scopes = [\"{CANARY}\"]")),
        (IPS, format!("allow_ips = [\"{CANARY}\"]")),
        (LIMITS, format!("\"{CANARY}\"")),
    ];
    for (from, to) in places {
        let faults = load_one(&good_but(from, &to)).unwrap_err();
        let json = serde_json::to_string(&faults).unwrap();
        let shown = format!("{}{json}{faults:?}", faults.render_text());
        assert!(!shown.contains("Zq7Xw9Rt2Lm5Kp8Vb3Nd6"), "{to}: {shown}");
    }
}

#[test]
fn files_are_found_and_secrets_read_from_them() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = std::env::temp_dir().join(format!("portcullis-config-{}", std::process::id()));
    std::fs::create_dir_all(home.join("conf.d")).unwrap();
    let secret = home.join("openai");
    std::fs::write(&secret, format!("{CANARY}\n")).unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).unwrap();
    let reference = format!("secret = \"file:{}\"", secret.display());
    std::fs::write(home.join("portcullis.toml"), good_but(SECRET, &reference)).unwrap();
    std::fs::write(home.join("conf.d/b.toml"), "server.workers = 2").unwrap();
    std::fs::write(home.join("conf.d/a.toml"), "server.workers = 1").unwrap();
    std::fs::write(home.join("conf.d/.hidden.toml"), "nonsense").unwrap();
    std::fs::write(home.join("conf.d/readme"), "nonsense").unwrap();
    let none: [(&str, &str); 0] = [];
    let sources = Sources::at(&home.join("portcullis.toml")).with_environment(none);
    let loaded = load_at(&sources, &Registry::new(now()), now()).unwrap();
    assert_eq!(loaded.snapshot.server.workers, 2);
    assert_eq!(loaded.files.len(), 4);
    assert_eq!(loaded.lints.len(), 1);
    assert!(loaded.lints[0].what.starts_with("others than its owner may read"), "{:?}", loaded.lints);
    let missing = Sources::at(&home.join("none.toml")).with_environment(none);
    let faults = load_at(&missing, &Registry::new(now()), now()).unwrap_err();
    assert!(faults.render_text().contains("none.toml cannot be read: No such file or directory"), "{faults}");
    std::fs::write(home.join("latin.toml"), b"# caf\xe9\n").unwrap();
    let latin = Sources::at(&home.join("latin.toml")).with_environment(none);
    let faults = load_at(&latin, &Registry::new(now()), now()).unwrap_err().render_text();
    assert!(
        faults.contains("latin.toml cannot be read: ") && faults.contains("= save it as UTF-8"),
        "{faults}"
    );
    std::fs::remove_dir_all(home).unwrap();
}

#[test]
fn deep_nesting_is_a_mistake_and_not_a_crash() {
    for text in [
        format!("x = {}", "[".repeat(50_000)),
        format!("{}x = 1", "a.".repeat(50_000)),
        format!("[{}x]", "a.".repeat(50_000)),
        format!("x = {}", "{a=".repeat(50_000)),
        format!("{GOOD}x = {{{}x = 1}}", "a.".repeat(50_000)),
    ] {
        assert!(load_one(&text).is_err());
    }
    let deep = format!("PORTCULLIS{}", "__A".repeat(50_000));
    assert!(load(&[("a", GOOD)], &[(&deep, "1")]).is_err());
}

#[test]
fn an_authority_of_ones_own_is_trusted_only_if_it_is_one() {
    let home = std::env::temp_dir().join(format!("portcullis-ca-{}", std::process::id()));
    let made = rcgen::generate_simple_self_signed(["llm.example.com".to_owned()]).unwrap();
    let told = |pem: &str| {
        std::fs::write(&home, pem).unwrap();
        let line = format!("{PROVIDER}\nca_file = \"{}\"", home.display());
        load_one(&good_but(PROVIDER, &line)).map(|loaded| {
            assert!(loaded.files.contains(&home));
            assert_eq!(
                loaded.snapshot.upstreams[0].tls.as_ref().unwrap().alpn_protocols,
                [b"http/1.1".to_vec()]
            );
        })
    };
    assert!(told(&made.cert.pem()).is_ok());
    let empty = told("").unwrap_err().render_text();
    assert!(empty.contains("holds no certificate"), "{empty}");
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let broken = told(broken).unwrap_err().render_text();
    assert!(broken.contains("not a certificate authority"), "{broken}");
    std::fs::remove_file(&home).unwrap();
}

#[test]
fn the_same_quota_twice_counts_once() {
    let loaded = load_one(&good_but(LIMITS, "{ requests = [\"60/min\", \"60/min\"] }")).unwrap();
    assert_eq!((loaded.snapshot.projects[0].limits.requests.len(), loaded.lints.len()), (1, 1));
}

#[test]
fn ten_thousand_keys_are_loaded_without_hurry_but_soon() {
    let mut text = GOOD.to_owned();
    for number in 0..10_000 {
        let _ = write!(
            text,
            "[[projects.search.keys]]\nid = \"k{number}\"\nsha256 = \"{number:064x}\"\nexpires = 2027-01-01\n"
        );
    }
    assert_eq!(load_one(&text).unwrap().snapshot.keys.len(), 10_001);
}

#[test]
fn a_reload_keeps_the_state_of_limits() {
    let registry = Registry::new(now());
    let load = |text: &str| {
        load_at(&Sources::from_texts([("a", text)], [("OPENAI_API_KEY", CANARY)]), &registry, now())
    };
    let (one, two) = (load(GOOD).unwrap(), load(&good_but("64", "65")).unwrap());
    let meter =
        |loaded: &Loaded| std::sync::Arc::as_ptr(&loaded.snapshot.projects[0].limits.requests[0].meter);
    assert_eq!(meter(&one), meter(&two));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}", at in any::<prop::sample::Index>(), put in "[\\[\\]{}=\"'.,a-z0-9\n]{0,6}") {
        let _ = load_one(&text).map_err(|faults| faults.render_text());
        let mut edited = GOOD.to_owned();
        let at = at.index(edited.len());
        edited.replace_range(at..(at + put.len() / 2).min(edited.len()), &put);
        let _ = load_one(&edited).map_err(|faults| faults.render_text());
    }

    #[test]
    fn no_value_in_any_place_makes_it_panic(
        line in 0usize..20, value in prop_oneof![
            "-?[0-9]{1,25}", "[0-9.e+-]{1,8}", "\"[a-z0-9:/.*_-]{0,20}\"", "\\[[0-9,\"a]{0,8}\\]", "\\{[a-z =0-9,]{0,10}\\}",
            Just("true".to_owned()), Just("nan".to_owned()), Just("1979-05-27T07:32:00Z".to_owned()), Just("[[]]".to_owned()),
        ],
    ) {
        let edited: Vec<String> = GOOD.lines().enumerate().map(|(at, text)| match text.split_once(" = ") {
            Some((key, _)) if at == line => format!("{key} = {value}"),
            _ => text.to_owned(),
        }).collect();
        let told = load_one(&edited.join("\n")).map_or_else(|faults| faults.render_text(), |_| "fine".to_owned());
        prop_assert!(!told.is_empty());
    }

    #[test]
    fn no_variable_makes_it_panic(name in "[A-Z_.\\[\\]0-9-]{0,20}", value in "\\PC{0,10}") {
        let _ = load(&[("a", GOOD)], &[(&format!("PORTCULLIS__{name}"), &value)]).map_err(|faults| faults.render_text());
    }
}
