//! Every refusal becomes HTTP here, once, in the dialect that the client's SDK reads.
//!
//! 1. The sentence says what to do about it and names the request; it is the only part that every
//!    SDK shows.
//! 2. `x-should-retry` says whether trying again can help, since the SDKs' own guesses differ.
//!    `retry-after` is always the truth; where it is long, retrying at once is forbidden as well,
//!    because some SDKs sleep as long as they are told.
//! 3. What is left of the body of a client that is known is read and thrown away, within bounds, before the
//!    answer: it would otherwise see a broken connection and no reason. Of one that is not known only a small
//!    body is, if it comes at once; else nothing more is read, and the connection is closed.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode, Version};
use http_body::Body as _;
use pin_project_lite::pin_project;
use serde_json::json;
use tokio::time::Sleep;
use tower::{Layer, Service};

use crate::account::Relay;
use crate::cors::let_read;
use crate::denial::{Denial, Facts, Reason};
use crate::dialect::Dialect;
use crate::endpoint;
use crate::endpoint::Verb;
use crate::exchange::{Accepted, Carried, Exchange, Permits, Refusal, Refused};
use crate::forward::own_headers;
use crate::ledger::{OpenRecord, Wreck};
use crate::policy::form::is_plainly_framed;
use crate::upgrade;

/// How much of a refused request's body is read, and how long that may take.
const DRAINED: (u64, Duration) = (1 << 20, Duration::from_secs(5));
/// The same where nobody knows whose request it is.
const DRAINED_OF_A_STRANGER: (u64, Duration) = (64 << 10, Duration::from_millis(500));
/// The longest wait that a client is told to sit out.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

const AWS_ERROR: HeaderName = HeaderName::from_static("x-amzn-errortype");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
const REASON: HeaderName = HeaderName::from_static("x-portcullis-reason");

/// Puts the answering of refusals in front of a service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RespondLayer;

/// The answering of refusals in front of a service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Respond<S> {
    inner: S,
}

impl<S> Layer<S> for RespondLayer {
    type Service = Respond<S>;

    fn layer(&self, inner: S) -> Respond<S> {
        Respond { inner }
    }
}

impl<S> Service<Exchange<Accepted>> for Respond<S>
where
    S: Service<Exchange<Accepted>, Response = Response<Relay>, Error = Refusal>,
{
    type Response = Response<Relay>;
    type Error = Infallible;
    type Future = Responding<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A refusal belongs to a request, and here is none yet.
        self.inner.poll_ready(cx).map(|_| Ok(()))
    }

    fn call(&mut self, exchange: Exchange<Accepted>) -> Self::Future {
        Responding::Asking { inner: self.inner.call(exchange) }
    }
}

pin_project! {
    /// A request on its way to an answer.
    #[project = RespondingNow]
    #[derive(Debug)]
    pub(crate) enum Responding<F> {
        /// The stages have it.
        Asking {
            #[pin]
            inner: F,
        },
        /// It was refused, and its body is being thrown away.
        Draining {
            refused: Option<Box<Refused>>,
            budget: u64,
            timer: Pin<Box<Sleep>>,
        },
    }
}

impl<F> Future for Responding<F>
where
    F: Future<Output = Result<Response<Relay>, Refusal>>,
{
    type Output = Result<Response<Relay>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match self.as_mut().project() {
                RespondingNow::Asking { inner } => match inner.poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(response)) => return Poll::Ready(Ok(response)),
                    Poll::Ready(Err(Refusal(refused))) if refused.carried.body.is_left() => {
                        return Poll::Ready(Ok(unheard(&refused.carried)));
                    }
                    Poll::Ready(Err(Refusal(refused))) => {
                        let Some((budget, longest)) = worth_draining(&refused) else {
                            return Poll::Ready(Ok(answer(*refused)));
                        };
                        let timer = Box::pin(tokio::time::sleep(longest));
                        self.set(Responding::Draining { refused: Some(refused), budget, timer });
                    }
                },
                RespondingNow::Draining { refused, budget, timer } => {
                    let Some(now) = refused.as_mut() else { return Poll::Pending };
                    let drained = drain(now, budget, cx).is_ready() || timer.as_mut().poll(cx).is_ready();
                    match refused.take_if(|_| drained) {
                        Some(refused) => return Poll::Ready(Ok(answer(*refused))),
                        None => return Poll::Pending,
                    }
                }
            }
        }
    }
}

/// How much of the rest of the body is read, and for how long; nothing if it cannot be had cheaply. A client
/// that waits for `100 Continue` has not sent it and must not be asked to; one whose time for the body is up
/// has had its wait; a body that may end in two places is not looked behind; and a request over HTTP/2 holds
/// up no other.
fn worth_draining(refused: &Refused) -> Option<(u64, Duration)> {
    let Carried { head, body, record, .. } = &*refused.carried;
    let possible = refused.denial.reason != Reason::BodyTimeout
        && !body.is_end_stream()
        && head.version != Version::HTTP_2
        && !head.headers.contains_key(header::EXPECT)
        && is_plainly_framed(&head.headers);
    let size = body.size_hint();
    let bounds = if record.key.is_some() { DRAINED } else { DRAINED_OF_A_STRANGER };
    let small = if record.key.is_some() { size.lower() <= bounds.0 } else { size.exact()? <= bounds.0 };
    (possible && small).then_some(bounds)
}

fn drain(refused: &mut Refused, budget: &mut u64, cx: &mut Context<'_>) -> Poll<()> {
    loop {
        match std::task::ready!(Pin::new(&mut refused.carried.body).poll_frame(cx)) {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                *budget = budget.saturating_sub(u64::try_from(length).unwrap_or(u64::MAX));
                if *budget == 0 {
                    return Poll::Ready(());
                }
            }
            Some(Err(_)) | None => return Poll::Ready(()),
        }
    }
}

/// Builds the answer to a refusal and notes it in the record.
fn answer(refused: Refused) -> Response<Relay> {
    let Refused { denial, carried } = refused;
    let Carried { head, body, record, snapshot: _, certificate: _, checked: _ } = *carried;
    // Who tries keys begins anew each time.
    let ends = !body.is_end_stream() || denial.reason == Reason::KeyAttemptsLimited;
    let dialect = dialect(&head.headers, &record);
    say(denial, record, dialect, ends && head.version != Version::HTTP_2)
}

/// Ends a request whose client left while it sent: its record stays without an end, as of all who leave.
fn unheard(carried: &Carried) -> Response<Relay> {
    let mut response = Response::new(Relay::none());
    *response.status_mut() = StatusCode::BAD_REQUEST;
    *response.headers_mut() = own_headers(carried.record.id);
    if carried.head.version != Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Answers a request in whose work the gate panicked.
pub(crate) fn broken(wreck: Wreck, version: Version) -> Response<Relay> {
    let denial = wreck.denial();
    let Some(mut record) = wreck.record else {
        let mut response = Response::new(Relay::none());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        *response.headers_mut() = own_headers(wreck.id);
        return response;
    };
    // Whatever was sent may have been executed.
    record.unsure = record.decided.is_some();
    // The head is lost, and what it said of the dialect where the path says nothing.
    let dialect = dialect(&HeaderMap::new(), &record);
    say(denial, record, dialect, version != Version::HTTP_2)
}

/// The dialect in which the client is to be told.
fn dialect(headers: &HeaderMap, record: &OpenRecord) -> Dialect {
    record.endpoint.map_or_else(|| guess(headers, record), |endpoint| endpoint.surface.dialect())
}

/// Says it; `closes` if the connection ends with it. HTTP/2 has no header for that, and needs none.
fn say(denial: Denial, mut record: OpenRecord, dialect: Dialect, closes: bool) -> Response<Relay> {
    let facts = denial.reason.facts();
    let status = StatusCode::from_u16(facts.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let message = format!("{} (request {})", record.message(&denial), record.id);
    let text = match dialect {
        Dialect::OpenAi => openai(facts, &message),
        Dialect::Anthropic => anthropic(facts, &message, &record),
        Dialect::Gemini => gemini(facts, &message, &record),
        Dialect::Aws | Dialect::Message => json!({ "message": message, "code": facts.code }).to_string(),
        Dialect::Text => json!({ "error": message, "code": facts.code }).to_string(),
    };
    let mut headers = own_headers(record.id);
    if dialect == Dialect::Aws {
        headers.insert(AWS_ERROR, HeaderValue::from_static(aws_error(facts.status)));
    }
    headers.insert(REASON, HeaderValue::from_static(facts.code));
    let retry = facts.retry && denial.retry_after.is_none_or(|wait| wait <= LONGEST_WAIT);
    headers.insert(SHOULD_RETRY, HeaderValue::from_static(if retry { "true" } else { "false" }));
    if let Some(wait) = denial.retry_after_ms() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.div_ceil(1000)));
        if retry {
            headers.insert(RETRY_AFTER_MS, HeaderValue::from(wait));
        }
    }
    match facts.status {
        405 => {
            let said = denial.detail.as_deref().unwrap_or_default();
            let allow = Verb::ALL.iter().find(|verb| said.contains(verb.name())).unwrap_or(&Verb::Post);
            headers.insert(header::ALLOW, HeaderValue::from_static(allow.name()));
        }
        400 if denial.reason == Reason::HandshakeInvalid => {
            headers.insert(header::SEC_WEBSOCKET_VERSION, upgrade::VERSION);
        }
        401 => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"portcullis\""));
        }
        _ => {}
    }
    let_read(&mut headers, &record);
    if closes {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    record.status = facts.status;
    record.refuse(denial);
    let mut response = Response::new(Relay::own(Bytes::from(text), record, Permits::new()));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// The dialect of a request that was refused before its endpoint was known.
fn guess(headers: &HeaderMap, record: &OpenRecord) -> Dialect {
    let path = record.uri.path();
    let named = path.strip_prefix('/').and_then(|path| path.split_once('/')).and_then(|(name, _)| {
        let upstream = record.snapshot.upstreams.get(record.snapshot.upstream_named(name)?)?;
        Some((upstream.provider.facts().serves.first()?.surface.dialect(), path.get(1 + name.len()..)?))
    });
    let path_there = named.map_or(path, |(_, rest)| rest);
    if let Some(dialect) = endpoint::only_dialect(path_there).or(named.map(|(dialect, _)| dialect)) {
        return dialect;
    }
    if path.ends_with("/messages") || path.contains("/messages/") || headers.contains_key("anthropic-version")
    {
        return Dialect::Anthropic;
    }
    let gemini_verb =
        path.rsplit('/').next().is_some_and(|last| last.contains(':')) && record.method == http::Method::POST;
    if gemini_verb
        || path.starts_with("/v1beta")
        || path.starts_with("/v1alpha")
        || headers.contains_key("x-goog-api-key")
    {
        return Dialect::Gemini;
    }
    Dialect::OpenAi
}

/// The type of an error as Amazon's SDKs read it: they make their exception of it.
const fn aws_error(status: u16) -> &'static str {
    match status {
        401 | 403 => "AccessDeniedException",
        404 => "ResourceNotFoundException",
        408 | 504 => "ModelTimeoutException",
        429 => "ThrottlingException",
        400..=499 => "ValidationException",
        500 => "InternalServerException",
        _ => "ServiceUnavailableException",
    }
}

fn openai(facts: &Facts, message: &str) -> String {
    let kind = match facts.status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    };
    json!({"error": {"message": message, "type": kind, "param": facts.param, "code": facts.code}}).to_string()
}

fn anthropic(facts: &Facts, message: &str, record: &OpenRecord) -> String {
    let kind = match facts.status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    };
    let error = json!({"type": kind, "message": message, "details": {"error_code": facts.code}});
    json!({"type": "error", "error": error, "request_id": record.id.as_str()}).to_string()
}

fn gemini(facts: &Facts, message: &str, record: &OpenRecord) -> String {
    let status = match facts.status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        500 => "INTERNAL",
        504 => "DEADLINE_EXCEEDED",
        501.. => "UNAVAILABLE",
        _ => "INVALID_ARGUMENT",
    };
    let info = json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": facts.code.to_ascii_uppercase(),
        "domain": "portcullis",
        "metadata": {"request_id": record.id.as_str()},
    });
    json!({"error": {"code": facts.status, "message": message, "status": status, "details": [info]}})
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_that_clients_act_on_are_never_said() {
        // Claude Code keys on these: it would log the user out or show another cause.
        let loaded = [
            "OAuth token has been revoked",
            "x-api-key",
            "credit balance is too low",
            "organization has been disabled",
            "prompt is too long",
            "not a valid API key for this workspace",
        ];
        for reason in Reason::ALL {
            for phrase in loaded {
                assert!(!reason.facts().told_to_client.contains(phrase), "{}: {phrase}", reason.code());
            }
        }
    }
}
