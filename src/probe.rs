//! Asks an upstream, with one credential, for what costs nothing, and says what it answered.
//!
//! 1. It asks for the list of models. What only a request that costs can show is not asked: whether there
//!    is credit left, and whether each model may be used.
//! 2. Where the answer came by Cloudflare, its edge is asked from where it sees the gate, without the
//!    credential.

mod account;
mod seen;

use std::time::Duration;

use http::header::{self, HeaderValue};
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Limited};

use crate::body::Outgoing;
use crate::clock::Moment;
use crate::credentials::Credential;
use crate::diagnosis::{self, About, Diagnosis};
use crate::inject::{asking_for_models, put_in};
use crate::pool;
use crate::snapshot::Upstream;
use crate::tokens;

pub use account::{Account, Quota};
pub use seen::Seen;

/// How much of an answer is read.
const LONGEST: usize = 4 << 20;
/// How long one upstream may take for all of it.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long its edge may take.
const PATIENCE_WITH_EDGE: Duration = Duration::from_secs(5);

/// What a probe found.
#[derive(Debug)]
pub enum Finding {
    /// The credential was accepted; so many models were listed.
    Accepted {
        /// How many, if the answer was a list.
        models: Option<usize>,
        /// What the answer tells of the account.
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
        /// What the answer tells of the account.
        account: Account,
    },
    /// No answer could be had.
    Unreachable {
        /// Why.
        why: String,
        /// What mends it, if that is known.
        mend: Option<&'static str>,
    },
    /// A cloud granted nothing to ask with; why.
    NotGranted(String),
}

impl Finding {
    /// Whether the credential works.
    #[must_use]
    pub const fn is_fine(&self) -> bool {
        matches!(self, Self::Accepted { .. })
    }

    /// What the answer tells of the account, if there was one.
    #[must_use]
    pub const fn account(&self) -> Option<&Account> {
        match self {
            Self::Accepted { account, .. } | Self::Refused { account, .. } => Some(account),
            Self::Unreachable { .. } | Self::NotGranted(_) => None,
        }
    }

    /// Whether the provider said something of the account's credit, without being asked for anything that
    /// costs.
    #[must_use]
    pub fn tells_of_billing(&self) -> bool {
        match self {
            Self::Accepted { .. } | Self::Unreachable { .. } | Self::NotGranted(_) => false,
            Self::Refused { diagnosis, .. } => {
                diagnosis.cause.is_some_and(|cause| cause.about == About::Billing)
            }
        }
    }
}

/// What was found with one credential, and from where the provider sees the gate, if it tells.
#[derive(Debug)]
pub struct Probed {
    /// What the answer says of the credential.
    pub finding: Finding,
    /// From where the provider's edge sees the gate.
    pub seen: Option<Seen>,
}

/// Probes an upstream with one of its credentials, or with none if it takes none.
pub async fn probe(upstream: &Upstream, credential: Option<&Credential>) -> Probed {
    let Some(mut request) = asking_for_models(upstream) else {
        let why = "this kind of upstream has no list of models".to_owned();
        return Probed { finding: Finding::Unreachable { why, mend: None }, seen: None };
    };
    let not_granted = |why: &str| Probed { finding: Finding::NotGranted(why.to_owned()), seen: None };
    if let Some(credential) = credential {
        if let Some(holder) = credential.member.holder()
            && let Err(why) = tokens::renew(holder).await
        {
            return not_granted(why.0.text());
        }
        if put_in(credential, &mut request, Moment::now()).is_err() {
            return not_granted("it expired at once");
        }
    }
    match tokio::time::timeout(PATIENCE, ask(upstream, request)).await {
        Ok(Ok((status, headers, body))) => {
            let seen = if headers.contains_key("cf-ray") { seen(upstream).await } else { None };
            Probed { finding: found(upstream, status, &headers, &body), seen }
        }
        Ok(Err((why, mend))) => Probed { finding: Finding::Unreachable { why, mend }, seen: None },
        Err(_) => {
            let why = format!("no answer within {} s", PATIENCE.as_secs());
            Probed { finding: Finding::Unreachable { why, mend: None }, seen: None }
        }
    }
}

/// What is answered; or why nothing is, and the mend.
async fn ask(
    upstream: &Upstream,
    request: Request<Outgoing>,
) -> Result<(StatusCode, HeaderMap, bytes::Bytes), (String, Option<&'static str>)> {
    let connection = pool::connect(upstream, None, None).await;
    let mut connection = connection.map_err(|error| (error.to_string(), error.mend()))?;
    let broke = |error: &dyn std::fmt::Display| (error.to_string(), None);
    let answer = connection.sender.send_request(request).await.map_err(|error| broke(&error))?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, LONGEST).collect().await.map_err(|error| broke(&error))?.to_bytes();
    Ok((head.status, head.headers, body))
}

/// Asks the edge before the upstream from where it sees the gate. Whatever goes wrong is no finding.
async fn seen(upstream: &Upstream) -> Option<Seen> {
    let mut request = Request::new(Outgoing::default());
    *request.uri_mut() = Uri::from_static(Seen::PATH);
    request.headers_mut().insert(header::HOST, upstream.authority.clone());
    let agent = HeaderValue::from_static(concat!("portcullis/", env!("CARGO_PKG_VERSION")));
    request.headers_mut().insert(header::USER_AGENT, agent);
    let answered = tokio::time::timeout(PATIENCE_WITH_EDGE, ask(upstream, request)).await;
    let (status, _, body) = answered.ok()?.ok()?;
    if status == StatusCode::OK { Seen::read(std::str::from_utf8(&body).ok()?) } else { None }
}

fn found(upstream: &Upstream, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Finding {
    let account = Account::read(headers);
    if status.is_success() {
        let list: Option<serde_json::Value> = serde_json::from_slice(body).ok();
        let of = |name: &str| list.as_ref().and_then(|list| list.get(name)?.as_array()).map(Vec::len);
        return Finding::Accepted { models: of("data").or_else(|| of("models")), account };
    }
    let diagnosis = Box::new(diagnosis::diagnose(upstream.makers, status, headers, body, |_| false));
    let excerpt = diagnosis.cause.is_none().then(|| diagnosis::excerpt(body));
    Finding::Refused { status, diagnosis, excerpt, account }
}
