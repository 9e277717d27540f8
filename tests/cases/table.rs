//! The rows.

use portcullis::credentials::Credentials;
use portcullis::denial::Reason;
use portcullis::dialect::Dialect;

use super::{Case, Line, case};
use crate::common::client::request;
use crate::common::setup::{a_breaker_that_panics, new_key};
use crate::common::{OK, Upstream, until};

const KEY: &str = "[projects.search.keys]";

/// A certificate for the gate, and an authority for its clients.
fn common_tls() -> String {
    static FILES: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    let made = || {
        let folder =
            std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cases-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let made = rcgen::generate_simple_self_signed(["gate.example".to_owned()]).unwrap();
        let file = |name: &str, text: String| {
            let file = folder.join(name);
            std::fs::write(&file, text).unwrap();
            file
        };
        let (cert, key) =
            (file("cert.pem", made.cert.pem()), file("key.pem", made.signing_key.serialize_pem()));
        let (cert, key) = (cert.display(), key.display());
        format!("{{ cert = \"{cert}\", key = \"{key}\", client_ca = \"{cert}\" }}")
    };
    FILES.get_or_init(made).clone()
}

/// Every case.
pub(crate) fn all() -> Vec<Case> {
    [head(), key(), scope(), rate(), ask(), model(), budget(), forward(), way()]
        .into_iter()
        .flatten()
        .collect()
}

fn head() -> Vec<Case> {
    vec![
        Case {
            ask: |gate, _, route| {
                let whole = format!("http://gate{}", route.path);
                gate.ask(route.request("POST", &whole, &gate.setup.client_key, &[], route.body))
            },
            detail: |_| "a proxy's whole-URI form was sent",
            ..case(Reason::TargetInvalid)
        },
        Case {
            ask: |gate, _, route| gate.ask(route.with(&gate.setup.client_key, &[("host", "other")])),
            ..case(Reason::HostInvalid)
        },
        Case {
            ask: |gate, _, route| gate.ask(route.with(&gate.setup.client_key, &[("expect", "200-maybe")])),
            ..case(Reason::ExpectationUnsupported)
        },
        Case {
            arrange: |setup, _| setup.set("server", "trusted_proxies", r#"["127.0.0.0/8"]"#),
            ask: |gate, _, route| {
                gate.ask(route.with(&gate.setup.client_key, &[("x-forwarded-for", "somebody")]))
            },
            detail: |_| "entry 1 from the right is not an address",
            ..case(Reason::AddressUnreadable)
        },
        Case {
            arrange: |setup, _| setup.set("server", "allow_ips", r#"["10.0.0.0/8"]"#),
            line: Line::At("server.allow_ips", "server", "allow_ips"),
            ..case(Reason::AddressNotAllowed)
        },
        Case {
            variant: "project",
            arrange: |setup, _| {
                let setup = setup.set("server", "allow_ips", r#""any""#);
                setup.set("projects.search", "allow_ips", r#"["10.0.0.0/8"]"#)
            },
            line: Line::At("projects.search.allow_ips", "projects.search", "allow_ips"),
            ..case(Reason::AddressNotAllowed)
        },
        Case {
            variant: "key",
            arrange: |setup, _| setup.set(KEY, "allow_ips", r#"["127.0.0.2"]"#),
            line: Line::At("projects.search.keys[0].allow_ips", KEY, "allow_ips"),
            ..case(Reason::AddressNotAllowed)
        },
    ]
}

fn key() -> Vec<Case> {
    vec![
        Case {
            arrange: |setup, _| {
                setup.set("projects.search", "cors", r#"{ origins = ["https://app.example"] }"#)
            },
            ask: |gate, _, route| {
                let question =
                    [("origin", "https://other.example"), ("access-control-request-method", "POST")];
                gate.ask(request("OPTIONS", route.path, &question, ""))
            },
            detail: |_| "https://other.example",
            target: |route| ("OPTIONS", route.path),
            ..case(Reason::OriginNotAllowed)
        },
        Case { ask: |gate, _, route| gate.ask(route.chat("")), ..case(Reason::KeyMissing) },
        Case {
            ask: |gate, _, route| gate.ask(route.chat("0123456789abcdef0123456789abcdef")),
            detail: |_| "it does not begin with pcl_",
            ..case(Reason::KeyMalformed)
        },
        Case {
            ask: |gate, _, route| gate.ask(route.chat("sk-ant-api03-0123456789abcdef")),
            detail: |_| "Anthropic",
            ..case(Reason::ProviderKeySent)
        },
        Case { ask: |gate, _, route| gate.ask(route.chat(&new_key("somebody"))), ..case(Reason::KeyUnknown) },
        Case {
            ask: |gate, _, route| {
                let [one, other] = [format!("Bearer {}", gate.setup.client_key), new_key("other")];
                let headers = [
                    ("authorization", one.as_str()),
                    ("api-key", other.as_str()),
                    ("content-type", "application/json"),
                ];
                gate.ask(request("POST", route.path, &headers, route.body))
            },
            detail: |_| "in authorization and api-key",
            ..case(Reason::KeyConflict)
        },
        Case {
            arrange: |setup, _| setup.set("server", "failed_keys", r#""1/h""#),
            ask: |gate, _, route| {
                gate.ask(route.chat(&new_key("somebody")));
                gate.ask(route.chat(&new_key("somebody")))
            },
            line: Line::At("server.failed_keys", "server", "failed_keys"),
            ..case(Reason::KeyAttemptsLimited)
        },
        Case {
            arrange: |setup, _| {
                let tls = common_tls();
                let setup =
                    setup.set("server", "tls", &tls).set(KEY, "certificate", r#"{ san = "web.example" }"#);
                // Over a plain connection no certificate can be shown.
                setup.adjust(|snapshot| snapshot.server.tls = None)
            },
            line: Line::At("projects.search.keys[0].certificate", KEY, "certificate"),
            detail: |_| "none was shown",
            ..case(Reason::CertificateRequired)
        },
        Case {
            arrange: |setup, _| setup.set(KEY, "expires", "2020-01-01"),
            line: Line::At("projects.search.keys[0].expires", KEY, "expires"),
            ..case(Reason::KeyExpired)
        },
        Case {
            arrange: |setup, _| setup.set(KEY, "revoked", "true"),
            line: Line::At("projects.search.keys[0].revoked", KEY, "revoked"),
            ..case(Reason::KeyRevoked)
        },
        Case {
            arrange: |setup, _| setup.set(KEY, "not_before", "2999-01-01"),
            line: Line::At("projects.search.keys[0].not_before", KEY, "not_before"),
            ..case(Reason::KeyNotYetValid)
        },
        Case {
            arrange: |setup, _| setup.set("projects.search", "enabled", "false"),
            line: Line::At("projects.search.enabled", "projects.search", "enabled"),
            ..case(Reason::ProjectDisabled)
        },
    ]
}

fn scope() -> Vec<Case> {
    vec![
        Case {
            ask: |gate, _, route| {
                let (_, path) = unknown(route);
                gate.ask(route.request("POST", path, &gate.setup.client_key, &[], route.body))
            },
            detail: |_| "Check the SDK's base_url against the table in the gateway's README.",
            target: unknown,
            ..case(Reason::EndpointUnknown)
        },
        Case {
            ask: |gate, _, route| {
                gate.ask(route.request("DELETE", route.path, &gate.setup.client_key, &[], ""))
            },
            detail: |_| "It takes POST.",
            target: |route| ("DELETE", route.path),
            ..case(Reason::MethodNotAllowed)
        },
        Case {
            ask: |gate, _, route| {
                let target = format!("{}?color=red", route.path);
                gate.ask(route.request("POST", &target, &gate.setup.client_key, &[], route.body))
            },
            detail: |_| "'color'",
            ..case(Reason::QueryNotAllowed)
        },
        Case {
            arrange: |setup, route| {
                let other = if route.upstream == "openai" { r#"["anthropic"]"# } else { r#"["openai"]"# };
                setup.set("projects.search", "upstreams", other)
            },
            line: Line::At("projects.search.upstreams", "projects.search", "upstreams"),
            ..case(Reason::UpstreamNotAllowed)
        },
        Case {
            arrange: |setup, route| {
                let setup = setup.upstream("second", route.upstream, "http://127.0.0.1:9");
                setup.set("projects.search", "upstreams", r#""*""#)
            },
            ask: |gate, _, route| {
                let (method, path) = stored(route);
                gate.ask(route.request(method, path, &gate.setup.client_key, &[], ""))
            },
            target: stored,
            line: Line::At("projects.search.upstreams", "projects.search", "upstreams"),
            ..case(Reason::UpstreamAmbiguous)
        },
        Case {
            arrange: |setup, _| setup.set("projects.search", "scopes", r#"["embeddings"]"#),
            detail: |_| "chat",
            line: Line::At("projects.search.scopes", "projects.search", "scopes"),
            ..case(Reason::ScopeMissing)
        },
        Case {
            variant: "key",
            arrange: |setup, _| setup.set(KEY, "scopes", r#"["embeddings"]"#),
            detail: |_| "chat",
            line: Line::At("projects.search.keys[0].scopes", KEY, "scopes"),
            ..case(Reason::ScopeMissing)
        },
    ]
}

/// What each upstream has of its own, so that one must be named.
fn stored(route: &super::Route) -> (&'static str, &'static str) {
    ("GET", if route.dialect == Dialect::Gemini { "/v1beta/files" } else { "/v1/files" })
}

fn unknown(route: &super::Route) -> (&'static str, &'static str) {
    let path = match route.dialect {
        Dialect::OpenAi => "/v1/nothing",
        Dialect::Anthropic => "/v1/messages/nothing",
        Dialect::Gemini => "/v1beta/nothing",
        Dialect::Aws | Dialect::Message | Dialect::Text => unreachable!("these have no route here"),
    };
    ("POST", path)
}

fn rate() -> Vec<Case> {
    vec![
        Case {
            arrange: |setup, _| setup.set("projects.search", "limits", r#"{ requests = "1/min" }"#),
            ask: second_of_two,
            line: Line::At("projects.search.limits.requests", "projects.search", "limits"),
            ..case(Reason::RateLimited)
        },
        Case {
            variant: "long",
            arrange: |setup, _| setup.set(KEY, "limits", r#"{ requests = "1/day" }"#),
            ask: second_of_two,
            line: Line::At("projects.search.keys[0].limits.requests", KEY, "limits"),
            ..case(Reason::RateLimited)
        },
        Case {
            arrange: |setup, _| setup.set("projects.search", "limits", "{ concurrency = 1 }"),
            upstream: || {
                Upstream::start(|talk| {
                    drop(talk.request());
                    talk.closed();
                })
            },
            ask: |gate, upstream, route| {
                let mut first = gate.connect();
                first.send(route.chat(&gate.setup.client_key));
                until("the first request is upstream", || upstream.requests().len() == 1);
                gate.ask(route.chat(&gate.setup.client_key))
            },
            line: Line::At("projects.search.limits.concurrency", "projects.search", "limits"),
            ..case(Reason::ConcurrencyLimited)
        },
    ]
}

fn budget() -> Vec<Case> {
    vec![
        Case {
            arrange: |setup, _| setup.set("projects.search", "limits", r#"{ tokens = "5k/day" }"#),
            upstream: || Upstream::answering(answer(OVER)),
            ask: second_of_two,
            line: Line::At("projects.search.limits.tokens", "projects.search", "limits"),
            detail: |route| match route.name {
                "openai" => "it may use 4124 tokens, and 0 are left",
                "anthropic" => "it may use 45 tokens, and 0 are left",
                _ => "it may use 4116 tokens, and 0 are left",
            },
            ..case(Reason::TokensLimited)
        },
        Case {
            variant: "never",
            arrange: |setup, _| setup.set(KEY, "limits", r#"{ output_tokens = "8/min" }"#),
            line: Line::At("projects.search.keys[0].limits.output_tokens", KEY, "limits"),
            detail: |route| match route.name {
                "anthropic" => {
                    "it may use 9 output tokens, more than the 8 that may come at once; set a lower ceiling of the answer's tokens"
                }
                _ => {
                    "it may use 4096 output tokens, more than the 8 that may come at once; set a lower ceiling of the answer's tokens"
                }
            },
            ..case(Reason::TokensLimited)
        },
        Case {
            arrange: |setup, route| {
                let enough_for_one = match route.name {
                    "openai" => "0.003 USD/month",
                    "anthropic" => "0.01 USD/month",
                    _ => "0.011 USD/month",
                };
                with_budget(setup, "exhausted", enough_for_one)
            },
            upstream: || Upstream::answering(answer(OVER)),
            ask: second_of_two,
            line: Line::At("projects.search.limits.budget", "projects.search", "limits"),
            detail: |route| match route.name {
                "openai" => "it may cost 0.002462 USD, and 0.0016494 USD are left of this month",
                "anthropic" => "it may cost 0.000351 USD, and 0.00 USD are left of this month",
                _ => "it may cost 0.01026 USD, and 0.0082975 USD are left of this month",
            },
            ..case(Reason::BudgetExhausted)
        },
        Case {
            variant: "never",
            arrange: |setup, _| with_budget(setup, "never", "0.000001 USD/month"),
            line: Line::At("projects.search.limits.budget", "projects.search", "limits"),
            detail: |route| match route.name {
                "openai" => "it may cost 0.002462 USD, and 0.000001 USD are left of this month",
                "anthropic" => "it may cost 0.000351 USD, and 0.000001 USD are left of this month",
                _ => "it may cost 0.01026 USD, and 0.000001 USD are left of this month",
            },
            ..case(Reason::BudgetExhausted)
        },
        Case {
            arrange: |setup, _| with_budget(setup, "unknown", "5 USD/day"),
            ask: |gate, _, route| {
                let path = route.path.replace(route.model, "unheard-of");
                let body = route.body.replace(route.model, "unheard-of");
                gate.ask(route.request("POST", &path, &gate.setup.client_key, &[], &body))
            },
            line: Line::At("projects.search.limits.budget", "projects.search", "limits"),
            detail: |_| "the price of model 'unheard-of' is not known",
            target: |route| match route.name {
                "gemini" => ("POST", "/v1beta/models/unheard-of:generateContent"),
                _ => ("POST", route.path),
            },
            ..case(Reason::CostUnknown)
        },
        Case {
            // What is added by a reload has no ledger yet.
            ask: |gate, _, route| {
                let path = crate::common::fresh_path("unavailable");
                let with = "[projects.search]\nlimits = { budget = \"5 USD/day\" }\n";
                let text = gate.setup.text().replacen("[projects.search]\n", with, 1);
                let text = format!("{text}\n[store]\npath = \"{}\"\n", path.display());
                let loaded = gate.gate.reload(&gate.setup.sources_of(text)).unwrap();
                gate.gate.put_in_force(loaded);
                gate.ask(route.chat(&gate.setup.client_key))
            },
            detail: |_| "there is no ledger; one that a reload adds begins with a restart",
            ..case(Reason::LedgerUnavailable)
        },
        Case {
            arrange: |setup, _| {
                // Nobody listens there.
                let setup = setup.set("store", "url", r#""redis://127.0.0.1:1""#);
                setup.set("projects.search", "limits", r#"{ budget = "5 USD/day" }"#)
            },
            line: Line::At("projects.search.limits.budget", "projects.search", "limits"),
            ..case(Reason::LimitsUnavailable)
        },
    ]
}

/// A project with a budget, and a store of its own for it.
fn with_budget(setup: crate::common::Setup, name: &str, budget: &str) -> crate::common::Setup {
    let path = crate::common::fresh_path(name);
    let setup = setup.set("store", "path", &format!("\"{}\"", path.display()));
    setup.set("projects.search", "limits", &format!("{{ budget = \"{budget}\" }}"))
}

/// An answer that reports more than anybody reserved, in all dialects at once.
const OVER: &str = r#"{"usage":{"prompt_tokens":9000,"completion_tokens":1,"total_tokens":9001,"input_tokens":9000,"output_tokens":1},"usageMetadata":{"promptTokenCount":9000,"candidatesTokenCount":1,"totalTokenCount":9001}}"#;

fn answer(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn second_of_two(gate: &crate::common::Running, _: &Upstream, route: &super::Route) -> crate::common::Answer {
    let request = route.chat(&gate.setup.client_key);
    assert_eq!(gate.ask(&request).status, 200);
    gate.ask(&request)
}

/// Where a dialect has a WebSocket.
fn socket(route: &super::Route) -> (&'static str, &'static str) {
    if route.dialect == Dialect::Gemini {
        ("/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent", "")
    } else {
        ("/v1/realtime", "?model=gpt-4o-mini")
    }
}

fn ask() -> Vec<Case> {
    vec![
        Case {
            dialects: &[Dialect::OpenAi, Dialect::Gemini],
            ask: |gate, _, route| {
                let (path, query) = socket(route);
                let target = format!("{path}{query}");
                let half = [("upgrade", "websocket")];
                gate.ask(route.request("GET", &target, &gate.setup.client_key, &half, ""))
            },
            detail: |_| "its Connection header does not say 'Upgrade'",
            target: |route| ("GET", socket(route).0),
            ..case(Reason::HandshakeInvalid)
        },
        Case {
            arrange: |setup, _| setup.set("server", "max_body", "20"),
            line: Line::At("server.max_body", "server", "max_body"),
            ..case(Reason::BodyTooLarge)
        },
        Case {
            arrange: |setup, _| {
                setup.set("server", "max_body", r#""1 MiB""#).set("server", "max_held", r#""1 MiB""#)
            },
            ask: |gate, _, route| {
                let large = format!(r#"{{"padding":"{}",{}"#, "x".repeat(800 << 10), &route.body[1..]);
                let request = route.body(&gate.setup.client_key, &large);
                let mut first = gate.connect();
                first.send(&request[..request.len() - 1]);
                until("the first is held", || gate.shared().snapshot.load().room.taken() > 700 << 10);
                gate.ask(request)
            },
            line: Line::At("server.max_held", "server", "max_held"),
            ..case(Reason::MemoryLimited)
        },
        Case {
            arrange: |setup, _| setup.set("server", "body_timeout", r#""20ms""#),
            ask: |gate, _, route| {
                let mut client = gate.connect();
                let mut request = route.chat(&gate.setup.client_key);
                request.truncate(request.len() - 5);
                client.send(request);
                client.answer()
            },
            line: Line::At("server.body_timeout", "server", "body_timeout"),
            ..case(Reason::BodyTimeout)
        },
        Case {
            ask: |gate, _, route| {
                let body = route.body.strip_suffix('}').unwrap();
                gate.ask(route.body(&gate.setup.client_key, body))
            },
            detail: |_| "it ends too early",
            ..case(Reason::BodyInvalid)
        },
        Case {
            ask: |gate, _, route| {
                gate.ask(route.with(&gate.setup.client_key, &[("content-type", "text/plain")]))
            },
            detail: |_| "'content-type: application/json'",
            ..case(Reason::ContentTypeUnsupported)
        },
        Case {
            ask: |gate, _, route| {
                gate.ask(route.with(&gate.setup.client_key, &[("content-encoding", "gzip")]))
            },
            ..case(Reason::EncodingUnsupported)
        },
        Case {
            // Gemini names its model in the path, where it cannot be missing.
            dialects: &[Dialect::OpenAi, Dialect::Anthropic],
            ask: |gate, _, route| gate.ask(route.body(&gate.setup.client_key, r#"{"messages":[]}"#)),
            ..case(Reason::ModelMissing)
        },
        Case {
            ask: |gate, _, route| {
                let body = match route.dialect {
                    Dialect::OpenAi
                    | Dialect::Anthropic
                    | Dialect::Aws
                    | Dialect::Message
                    | Dialect::Text => r#"{"model":"a","model":"b"}"#,
                    Dialect::Gemini => r#"{"model":"models/another"}"#,
                };
                gate.ask(route.body(&gate.setup.client_key, body))
            },
            detail: |route| match route.dialect {
                Dialect::OpenAi | Dialect::Anthropic | Dialect::Aws | Dialect::Message | Dialect::Text => {
                    "the field 'model' is there twice"
                }
                Dialect::Gemini => "the path names one and the body another",
            },
            ..case(Reason::ModelAmbiguous)
        },
    ]
}

/// An endpoint that uses a model which nothing in the request names.
fn unnamed(route: &super::Route) -> (&'static str, &'static str) {
    let path = match route.dialect {
        Dialect::Anthropic => "/v1/sessions",
        Dialect::Gemini => "/v1beta/triggers",
        Dialect::OpenAi | Dialect::Aws | Dialect::Message | Dialect::Text => "/v1/chatkit/sessions",
    };
    ("POST", path)
}

fn model() -> Vec<Case> {
    vec![
        Case {
            arrange: |setup, _| setup.set("projects.search", "models", r#"["another"]"#),
            ask: |gate, _, route| {
                let (method, path) = unnamed(route);
                gate.ask(route.request(method, path, &gate.setup.client_key, &[], "{}"))
            },
            detail: |_| "nothing in a request to this endpoint says which model it uses",
            target: unnamed,
            line: Line::At("projects.search.models", "projects.search", "models"),
            ..case(Reason::ModelUnknowable)
        },
        Case {
            arrange: |setup, _| setup.set("projects.search", "models", r#"["another"]"#),
            line: Line::At("projects.search.models", "projects.search", "models"),
            ..case(Reason::ModelNotAllowed)
        },
        Case {
            variant: "upstream",
            arrange: |setup, route| {
                setup.set(&format!("upstreams.{}", route.upstream), "models", r#"["another"]"#)
            },
            line: Line::At("upstreams.{upstream}.models", "upstreams.{upstream}", "models"),
            ..case(Reason::ModelNotAllowed)
        },
        Case {
            ask: |gate, _, route| {
                let body = route.body.replacen('{', r#"{"api_base":"http://127.0.0.1:9","#, 1);
                gate.ask(route.body(&gate.setup.client_key, &body))
            },
            detail: |_| "'api_base' would choose another model, host or key than the one that was checked",
            ..case(Reason::ParameterNotAllowed)
        },
        Case {
            arrange: |setup, _| {
                setup.adjust(|snapshot| {
                    for upstream in &mut snapshot.upstreams {
                        upstream.credentials = Credentials::default();
                        upstream.keyless = false;
                    }
                })
            },
            line: Line::At("upstreams.{upstream}", "upstreams.{upstream}", ""),
            detail: |_| "it has none",
            ..case(Reason::CredentialUnavailable)
        },
    ]
}

/// An upstream that takes a request and never answers.
fn holding() -> Upstream {
    Upstream::start(|talk| {
        drop(talk.request());
        talk.closed();
    })
}

fn forward() -> Vec<Case> {
    let upstream = Line::At("upstreams.{upstream}", "upstreams.{upstream}", "");
    vec![
        Case {
            upstream: || {
                Upstream::answering("HTTP/1.1 401 Unauthorized\r\ncontent-length: 9\r\n\r\nyour key!")
            },
            line: Line::At("upstreams.{upstream}.credentials[0]", "upstreams.{upstream}", "credentials"),
            detail: |_| "401",
            ..case(Reason::UpstreamCredentialRejected)
        },
        Case {
            variant: "400",
            dialects: &[Dialect::Gemini],
            upstream: || {
                let body = r#"{"error":{"code":400,"details":[{"reason":"API_KEY_INVALID"}]}}"#;
                let head = format!("HTTP/1.1 400 Bad Request\r\ncontent-length: {}", body.len());
                Upstream::answering(format!("{head}\r\n\r\n{body}"))
            },
            line: Line::At("upstreams.{upstream}.credentials[0]", "upstreams.{upstream}", "credentials"),
            detail: |_| "400",
            ..case(Reason::UpstreamCredentialRejected)
        },
        Case {
            upstream: || Upstream::start(|talk| drop(talk.request())),
            line: upstream,
            detail: |_| "the connection broke before an answer began",
            ..case(Reason::UpstreamUnreachable)
        },
        Case {
            variant: "refused",
            upstream: Upstream::nowhere,
            line: upstream,
            detail: |_| "the connection was refused",
            ..case(Reason::UpstreamUnreachable)
        },
        Case {
            arrange: |setup, route| {
                setup.set(&format!("upstreams.{}", route.upstream), "response_timeout", r#""20ms""#)
            },
            upstream: || {
                Upstream::start(|talk| {
                    drop(talk.request());
                    talk.closed();
                })
            },
            line: upstream,
            detail: |_| "no answer within response_timeout",
            ..case(Reason::UpstreamTimeout)
        },
        Case {
            upstream: || {
                Upstream::answering(
                    "HTTP/1.1 302 Found\r\nlocation: http://elsewhere/\r\ncontent-length: 0\r\n\r\n",
                )
            },
            line: upstream,
            detail: |_| "a redirect",
            ..case(Reason::UpstreamInvalid)
        },
        Case {
            variant: "upgrade",
            upstream: || {
                let head =
                    "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
                Upstream::answering(format!("{head}{OK}"))
            },
            line: upstream,
            detail: |_| "an upgrade",
            ..case(Reason::UpstreamInvalid)
        },
        Case {
            variant: "garbage",
            upstream: || Upstream::answering("220 mail.example.com ESMTP\r\n"),
            line: upstream,
            detail: |_| "it is not HTTP",
            ..case(Reason::UpstreamInvalid)
        },
    ]
}

/// What keeps a request from being sent to an upstream that is known and may be used.
fn way() -> Vec<Case> {
    let upstream = Line::At("upstreams.{upstream}", "upstreams.{upstream}", "");
    vec![
        Case {
            arrange: |setup, route| {
                let section = format!("upstreams.{}", route.upstream);
                setup.set(&section, "max_in_flight", "1").set(&section, "max_queued", "0")
            },
            upstream: holding,
            ask: |gate, upstream, route| {
                let mut first = gate.connect();
                first.send(route.chat(&gate.setup.client_key));
                until("the first is there", || upstream.requests().len() == 1);
                gate.ask(route.chat(&gate.setup.client_key))
            },
            line: Line::At("upstreams.{upstream}.max_in_flight", "upstreams.{upstream}", "max_in_flight"),
            detail: |_| "under way: 1, waiting: 0",
            ..case(Reason::UpstreamBusy)
        },
        Case {
            arrange: |setup, route| {
                let breaker = r#"{ failures = 1, pause = "30s" }"#;
                setup.set(&format!("upstreams.{}", route.upstream), "breaker", breaker)
            },
            upstream: Upstream::nowhere,
            ask: |gate, _, route| {
                let request = route.chat(&gate.setup.client_key);
                assert_eq!(gate.ask(&request).reason(), Some("upstream_unreachable"));
                gate.ask(&request)
            },
            line: upstream,
            ..case(Reason::UpstreamBroken)
        },
        Case {
            arrange: |setup, route| {
                let name = format!("upstreams.{}", route.upstream);
                let text = setup.text();
                let section = text.split_once(&format!("[{name}]")).unwrap().1;
                let url = section.split('"').find(|part| part.starts_with("http://")).unwrap();
                setup.set(&name, "base_url", &format!("\"{}\"", url.replacen("http", "https", 1)))
            },
            upstream: || Upstream::start(|talk| talk.send("HTTP/1.1 400 Bad Request\r\n\r\n").unwrap()),
            line: upstream,
            detail: |_| "TLS failed: received corrupt message of type InvalidContentType",
            ..case(Reason::UpstreamTls)
        },
        Case {
            arrange: |setup, _| setup.adjust(a_breaker_that_panics),
            upstream: Upstream::nowhere,
            ..case(Reason::InternalError)
        },
    ]
}
