//! Answers browsers that ask if a page may send its request.
//!
//! 1. The question carries no key. It is answered for every origin that some enabled project lists: so much of
//!    the lists can be found out by asking.
//! 2. Of the headers that the page wants to send those are let through that the providers' SDKs send.
//! 3. Where no project lists an origin there is no such question: it is a request without a key.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::account::Relay;
use crate::cors::listed;
use crate::denial::{Denial, Reason};
use crate::exchange::{Admitted, Exchange, Permits, Refusal};
use crate::forward::name_request;
use crate::provider_key::up_to_a_key;
use crate::snapshot::WebOrigin;

/// What the gate carries at all; which method a path takes is told to the request itself.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
/// What the answer depends on.
const ASKED_BY: HeaderValue =
    HeaderValue::from_static("origin, access-control-request-method, access-control-request-headers");

/// The headers that the providers' SDKs send from browsers.
const SENT: [&str; 10] = [
    "accept",
    "api-key",
    "authorization",
    "content-type",
    "idempotency-key",
    "user-agent",
    "x-api-key",
    "x-client-request-id",
    "x-goog-api-client",
    "x-goog-api-key",
];
/// How the names of others begin.
const SENT_TOO: [&str; 3] = ["anthropic-", "openai-", "x-stainless-"];
/// The longest origin that is repeated in a sentence.
const LONGEST: usize = 100;

/// More names than this are not looked at; no SDK sends half as many.
const MOST_NAMES: usize = 64;

/// Puts the answer to browsers' questions in front of a service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PreflightLayer;

/// The answer to browsers' questions in front of a service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Preflight<S> {
    inner: S,
}

impl<S> Layer<S> for PreflightLayer {
    type Service = Preflight<S>;

    fn layer(&self, inner: S) -> Preflight<S> {
        Preflight { inner }
    }
}

impl<S> Service<Exchange<Admitted>> for Preflight<S>
where
    S: Service<Exchange<Admitted>, Response = Response<Relay>, Error = Refusal>,
{
    type Response = Response<Relay>;
    type Error = Refusal;
    type Future = Answering<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, exchange: Exchange<Admitted>) -> Self::Future {
        if exchange.head.method == Method::OPTIONS && is_question(&exchange) {
            return Answering::Told { told: Some(answer(exchange)) };
        }
        Answering::Passed { inner: self.inner.call(exchange) }
    }
}

pin_project! {
    /// A question that was answered here, or a request that went on.
    #[project = AnsweringNow]
    #[derive(Debug)]
    pub(crate) enum Answering<F> {
        /// It was answered.
        Told {
            told: Option<Result<Response<Relay>, Refusal>>,
        },
        /// It went on.
        Passed {
            #[pin]
            inner: F,
        },
    }
}

impl<F> Future for Answering<F>
where
    F: Future<Output = Result<Response<Relay>, Refusal>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            AnsweringNow::Passed { inner } => inner.poll(cx),
            AnsweringNow::Told { told } => told.take().map_or(Poll::Pending, Poll::Ready),
        }
    }
}

/// Whether a browser asks if it may send a request. The record has the origin only if some project lists any.
fn is_question(exchange: &Exchange<Admitted>) -> bool {
    exchange.record.origin.is_some()
        && exchange.head.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn answer(exchange: Exchange<Admitted>) -> Result<Response<Relay>, Refusal> {
    let Some(WebOrigin { origin, max_age }) = listed(&exchange.record).cloned() else {
        let asked = exchange.record.origin.as_ref().and_then(|origin| origin.to_str().ok());
        let shown = asked.filter(|text| text.len() <= LONGEST).map_or("?", up_to_a_key).to_owned();
        return Err(exchange.refuse(Denial::built_in(Reason::OriginNotAllowed).because(shown)));
    };
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    let names = let_through(&exchange.head.headers);
    if let (false, Ok(names)) = (names.is_empty(), HeaderValue::try_from(names)) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names);
    }
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from(max_age.as_secs()));
    headers.insert(header::VARY, ASKED_BY);
    name_request(&mut headers, exchange.record.id);
    let mut record = exchange.carried.record;
    record.status = StatusCode::NO_CONTENT.as_u16();
    let mut response = Response::new(Relay::own(Bytes::new(), record, Permits::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    *response.headers_mut() = headers;
    Ok(response)
}

/// Of the headers that the page wants to send, those that it may.
fn let_through(headers: &HeaderMap) -> String {
    let asked = headers.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS).iter();
    let mut names: Vec<HeaderName> = Vec::new();
    for name in asked.flat_map(|list| list.as_bytes().split(|b| *b == b',')) {
        let Ok(name) = HeaderName::from_bytes(name.trim_ascii()) else { continue };
        let known =
            SENT.contains(&name.as_str()) || SENT_TOO.iter().any(|start| name.as_str().starts_with(start));
        if known && !names.contains(&name) && names.len() < MOST_NAMES {
            names.push(name);
        }
    }
    names.iter().map(HeaderName::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_sdks_send_is_let_through() {
        let let_through = |lists: &[&str]| {
            let mut headers = HeaderMap::new();
            for list in lists {
                headers.append(header::ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_str(list).unwrap());
            }
            let_through(&headers)
        };
        assert_eq!(let_through(&[]), "");
        assert_eq!(let_through(&["authorization,content-type"]), "authorization, content-type");
        assert_eq!(let_through(&["X-Stainless-OS, cookie", "OpenAI-Beta"]), "x-stainless-os, openai-beta");
        assert_eq!(let_through(&["*", "a b, accept, accept, \u{e9}, x-forwarded-for,,"]), "accept");
        let many: Vec<String> = (0..500).map(|number| format!("x-stainless-{number}")).collect();
        assert_eq!(let_through(&[&many.join(",")]).split(", ").count(), MOST_NAMES);
    }
}
