//! Asks an upstream, with one credential, for what costs nothing, and says what it answered.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt as _, Limited};

use crate::credentials::Credential;
use crate::diagnosis::{self, Diagnosis};
use crate::inject::asking_for_models;
use crate::pool;
use crate::provider_key::up_to_a_key;
use crate::snapshot::Upstream;

/// How much of an answer is read.
const LONGEST: usize = 4 << 20;
/// How long one upstream may take for all of it.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a probe found.
#[derive(Debug)]
pub enum Finding {
    /// The credential was accepted; so many models were listed.
    Accepted {
        /// How many, if the answer was a list.
        models: Option<usize>,
        /// What the answer's head tells of the account.
        account: Account,
    },
    /// The upstream refused.
    Refused {
        /// Its status.
        status: StatusCode,
        /// What that means.
        diagnosis: Box<Diagnosis>,
        /// The beginning of an answer that nobody understands.
        excerpt: Option<String>,
        /// What the answer's head tells of the account.
        account: Account,
    },
    /// No answer could be had; why.
    Unreachable(String),
}

/// What an answer's head tells of the account behind a credential, each under its name.
pub type Account = Vec<(&'static str, String)>;

/// Headers that tell something of an account, and what.
const TELLING: [(&str, &str); 10] = [
    ("openai-organization", "organization"),
    ("anthropic-organization-id", "organization"),
    ("openai-project", "project"),
    ("x-ms-region", "region"),
    ("x-ratelimit-limit-requests", "requests allowed"),
    ("x-ratelimit-remaining-requests", "requests left"),
    ("x-ratelimit-remaining-tokens", "tokens left"),
    ("anthropic-ratelimit-requests-limit", "requests allowed"),
    ("anthropic-ratelimit-requests-remaining", "requests left"),
    ("anthropic-ratelimit-tokens-remaining", "tokens left"),
];

/// The longest value that is shown.
const LONGEST_VALUE: usize = 64;

fn account(headers: &HeaderMap) -> Account {
    let told = |(header, name): &(&str, &'static str)| {
        let value = up_to_a_key(headers.get(*header)?.to_str().ok()?);
        let shown = value.get(..value.floor_char_boundary(LONGEST_VALUE)).unwrap_or_default();
        Some((*name, shown.to_owned()))
    };
    TELLING.iter().filter_map(told).collect()
}

impl Finding {
    /// Whether the credential works.
    #[must_use]
    pub const fn is_fine(&self) -> bool {
        matches!(self, Self::Accepted { .. })
    }
}

/// Probes an upstream with one of its credentials, or with none if it takes none.
pub async fn probe(upstream: &Upstream, credential: Option<&Credential>) -> Finding {
    match tokio::time::timeout(PATIENCE, ask(upstream, credential)).await {
        Ok(Ok((status, headers, body))) => found(upstream, status, &headers, &body),
        Ok(Err(why)) => Finding::Unreachable(why),
        Err(_) => Finding::Unreachable(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

async fn ask(
    upstream: &Upstream,
    credential: Option<&Credential>,
) -> Result<(StatusCode, HeaderMap, bytes::Bytes), String> {
    let request =
        asking_for_models(upstream, credential).ok_or("this kind of upstream has no list of models")?;
    let mut connection = pool::connect(upstream).await.map_err(|error| error.to_string())?;
    let answer = connection.sender.send_request(request).await.map_err(|error| error.to_string())?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, LONGEST).collect().await.map_err(|error| error.to_string())?.to_bytes();
    Ok((head.status, head.headers, body))
}

fn found(upstream: &Upstream, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Finding {
    if status.is_success() {
        let list: Option<serde_json::Value> = serde_json::from_slice(body).ok();
        let of = |name: &str| list.as_ref().and_then(|list| list.get(name)?.as_array()).map(Vec::len);
        let models = of("data").or_else(|| of("models"));
        return Finding::Accepted { models, account: account(headers) };
    }
    let diagnosis = Box::new(diagnosis::diagnose(upstream.makers, status, headers, body));
    let excerpt = diagnosis.cause.is_none().then(|| diagnosis::excerpt(body));
    Finding::Refused { status, diagnosis, excerpt, account: account(headers) }
}
