//! Asks an upstream, with one credential, for what costs nothing, and says what it answered.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt as _, Limited};

use crate::credentials::Credential;
use crate::diagnosis::{self, Diagnosis};
use crate::inject::asking_for_models;
use crate::pool;
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
    },
    /// The upstream refused.
    Refused {
        /// Its status.
        status: StatusCode,
        /// What that means.
        diagnosis: Box<Diagnosis>,
        /// The beginning of an answer that nobody understands.
        excerpt: Option<String>,
    },
    /// No answer could be had; why.
    Unreachable(String),
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
        return Finding::Accepted { models: of("data").or_else(|| of("models")) };
    }
    let diagnosis = Box::new(diagnosis::diagnose(upstream.makers, status, headers, body));
    let excerpt = diagnosis.cause.is_none().then(|| diagnosis::excerpt(body));
    Finding::Refused { status, diagnosis, excerpt }
}
