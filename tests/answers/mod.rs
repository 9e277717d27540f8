//! Refusals as providers write them, and what each means: one corpus for the pure function and for the gate.
//!
//! 1. `src/diagnosis/tests.rs` asks the pure function, `tests/refusals.rs` the gate with the provider behind
//!    it. Both read every answer here, so none is tried at one of them only.
//! 2. A cause without an answer fails a test, and so does a status, code or phrase of the table that no answer
//!    shows.
//! 3. `numbers` says which of the [`KNOWN`] refusals an answer shows: the list of what callers of providers
//!    report as "a 403", from which the table was made. A number without an answer fails a test.
//! 4. Shapes are the providers' own; names, ids and addresses are made up, the latter from the ranges for
//!    documentation.

use serde::Deserialize;

/// How many refusals the list holds that the table was made from.
pub(crate) const KNOWN: u16 = 71;

/// A service as a gate has it for an upstream.
pub(crate) struct Service {
    /// Its name here, and of the upstream.
    pub(crate) name: &'static str,
    /// The upstream's provider.
    pub(crate) provider: &'static str,
    /// The upstream's host.
    pub(crate) host: &'static str,
    /// The headers of its answers, where an answer brings none.
    headers: &'static [&'static str],
}

const JSON: &str = "content-type: application/json";
const CLOUDFLARE: [&str; 2] = ["server: cloudflare", "cf-ray: 8d1f0a2b3c4d5e6f-FRA"];

/// Every service that answers come from.
pub(crate) const SERVICES: [Service; 13] = [
    Service {
        name: "openai",
        provider: "openai",
        host: "api.openai.com",
        headers: &[JSON, CLOUDFLARE[0], CLOUDFLARE[1], "x-request-id: req_openai"],
    },
    Service {
        name: "anthropic",
        provider: "anthropic",
        host: "api.anthropic.com",
        headers: &[JSON, CLOUDFLARE[0], CLOUDFLARE[1], "request-id: req_011Canthropic"],
    },
    Service {
        name: "gemini",
        provider: "gemini",
        host: "generativelanguage.googleapis.com",
        headers: &[
            "content-type: application/json; charset=UTF-8",
            "server: ESF",
            "x-frame-options: SAMEORIGIN",
        ],
    },
    Service {
        name: "vertex",
        provider: "vertex",
        host: "europe-west4-aiplatform.googleapis.com",
        headers: &["content-type: application/json; charset=UTF-8", "server: scaffolding on HTTPServer2"],
    },
    Service {
        name: "azure",
        provider: "azure-openai",
        host: "example.openai.azure.com",
        headers: &[
            JSON,
            "apim-request-id: c85f3b15-cf66-4482-a190-82ac6e287aad",
            "x-content-type-options: nosniff",
        ],
    },
    Service {
        name: "bedrock",
        provider: "bedrock",
        host: "bedrock-runtime.eu-central-1.amazonaws.com",
        headers: &[JSON, "x-amzn-requestid: 6f1c5b1e-7a52-4a7e-9a1f-0c5b5e0f4d11"],
    },
    Service {
        name: "mistral",
        provider: "mistral",
        host: "api.mistral.ai",
        headers: &[JSON, "mistral-correlation-id: 0195a1b2-mistral"],
    },
    Service { name: "xai", provider: "xai", host: "api.x.ai", headers: &[JSON, "x-request-id: req_xai"] },
    Service { name: "openrouter", provider: "openrouter", host: "openrouter.ai", headers: &[JSON] },
    Service {
        name: "groq",
        provider: "groq",
        host: "api.groq.com",
        headers: &[JSON, "x-request-id: req_groq"],
    },
    Service { name: "deepseek", provider: "deepseek", host: "api.deepseek.com", headers: &[JSON] },
    Service { name: "cohere", provider: "cohere", host: "api.cohere.com", headers: &[JSON] },
    Service { name: "local", provider: "openai-compatible", host: "vllm.internal", headers: &[JSON] },
];

/// An answer as it is written in the files: a product of its services, statuses and variants.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    numbers: Vec<u16>,
    from: Vec<String>,
    status: Vec<u16>,
    /// Instead of the service's usual ones.
    headers: Option<Vec<String>>,
    body: String,
    /// What stands for `{each}` in headers, body and code, one after another.
    #[serde(default)]
    each: Vec<String>,
    cause: String,
    whose: String,
    retry: String,
    client: Client,
    code: Option<String>,
    #[serde(default)]
    named: String,
    sees: Option<String>,
}

#[derive(Deserialize)]
struct File {
    answer: Vec<Written>,
}

/// What the client gets of it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Client {
    /// The answer itself.
    Passed,
    /// The gate's own answer, that the gate's credential failed.
    Hidden,
}

/// An answer, and what it means.
pub(crate) struct Answer {
    /// Which of the known refusals it shows.
    pub(crate) numbers: Vec<u16>,
    /// Who gives it.
    pub(crate) service: &'static Service,
    pub(crate) status: u16,
    /// Names and values.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// The word for the cause.
    pub(crate) cause: String,
    /// The word for whose it is.
    pub(crate) whose: String,
    /// The word for whether a retry helps.
    pub(crate) retry: String,
    pub(crate) client: Client,
    /// The provider's own code.
    pub(crate) code: Option<String>,
    /// What is named, as it stands behind the mend.
    pub(crate) named: String,
    /// The body that the client sees, if it is not the answer's.
    pub(crate) sees: Option<String>,
}

impl Answer {
    /// The answer in a failed test.
    pub(crate) fn told(&self) -> String {
        format!("{} {} {}", self.service.name, self.status, self.body)
    }
}

/// Every answer of the corpus.
pub(crate) fn all() -> Vec<Answer> {
    let files = [
        ("edge", include_str!("edge.toml")),
        ("openai", include_str!("openai.toml")),
        ("anthropic", include_str!("anthropic.toml")),
        ("google", include_str!("google.toml")),
        ("azure", include_str!("azure.toml")),
        ("bedrock", include_str!("bedrock.toml")),
        ("others", include_str!("others.toml")),
        ("ordinary", include_str!("ordinary.toml")),
    ];
    let mut all = Vec::new();
    for (name, text) in files {
        let file: File = toml::from_str(text).unwrap_or_else(|error| panic!("{name}.toml: {error}"));
        all.extend(file.answer.iter().flat_map(spread));
    }
    all
}

/// Each answer that is written as one.
fn spread(written: &Written) -> Vec<Answer> {
    let once = [String::new()];
    let variants = if written.each.is_empty() { &once[..] } else { &written.each };
    let mut answers = Vec::new();
    for from in &written.from {
        let service = SERVICES.iter().find(|service| service.name == from);
        let service = service.unwrap_or_else(|| panic!("no service {from}"));
        for status in &written.status {
            answers.extend(variants.iter().map(|variant| one(written, service, *status, variant)));
        }
    }
    answers
}

fn one(written: &Written, service: &'static Service, status: u16, variant: &str) -> Answer {
    let with = |text: &str| text.replace("{each}", variant);
    let usual = || service.headers.iter().map(|line| (*line).to_owned()).collect();
    let lines: Vec<String> = written.headers.clone().unwrap_or_else(usual);
    let headers = lines.iter().map(|line| with(line)).map(|line| {
        let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("no header: {line}"));
        (name.to_owned(), value.to_owned())
    });
    Answer {
        numbers: written.numbers.clone(),
        service,
        status,
        headers: headers.collect(),
        body: with(&written.body),
        cause: written.cause.clone(),
        whose: written.whose.clone(),
        retry: written.retry.clone(),
        client: written.client,
        code: written.code.as_deref().map(with),
        named: with(&written.named),
        sees: written.sees.as_deref().map(with),
    }
}
