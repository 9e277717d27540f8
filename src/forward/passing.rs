//! Passes an answer on.
//!
//! 1. No redirect is followed: a credential goes nowhere that the configuration does not name.
//! 2. Of the answer's headers a short list is passed on; what identifies the account, and cookies,
//!    are not, nor is the credential where one of them repeats it.
//! 3. The body goes on as it comes, but for a list of models, which is read and written anew.

use std::pin::Pin;
use std::sync::Arc;

use http::header::{self, HeaderMap, HeaderName};
use http::{HeaderValue, Response, StatusCode};
use hyper::body::Incoming;
use smallvec::SmallVec;

use super::{REQUEST_ID, Sent, X_REQUEST_ID, allowance, at_upstream, lists, refusal, upload};
use crate::account::{Lease, Relay};
use crate::cors::let_read;
use crate::credentials::{InUse, Learner};
use crate::denial::{Denial, Reason};
use crate::dialect::Surface;
use crate::endpoint::{Endpoint, Family, Gives};
use crate::exchange::{Exchange, Refusal};
use crate::redact::without_the_key;
use crate::rename::Renamer;
use crate::secret::Finder;
use crate::snapshot::Upstream;
use crate::usage::Meter;

const UPSTREAM_REQUEST_ID: HeaderName = HeaderName::from_static("x-upstream-request-id");

/// What is passed on, or will be. No future, which would be copied with all it has.
pub(super) enum Passing<'u> {
    Now(Result<Response<Relay>, Refusal>),
    /// When more was done first.
    Later(Pin<Box<dyn Future<Output = Result<Response<Relay>, Refusal>> + Send + 'u>>),
}

pub(super) fn pass_on(
    mut exchange: Exchange<Sent>,
    upstream: &Upstream,
    answer: Response<Incoming>,
    mut lease: Lease,
) -> Passing<'_> {
    let (head, incoming) = answer.into_parts();
    if let Some(what) = never_passed_on(head.status) {
        let denial = at_upstream(Denial::built_in(Reason::UpstreamInvalid).because(what), upstream);
        return Passing::Now(Err(exchange.refuse(denial)));
    }
    if let Some(was) = lease.in_use.as_mut().and_then(InUse::succeeded) {
        refusal::tell_return(&exchange, upstream, was);
    }
    let gives = exchange.stage.endpoint.gives;
    // What goes on with a body, or gives one, has headers of its own.
    let more = match gives {
        Gives::Bytes => Some(headers_of_file(&head.headers)),
        Gives::Upload => {
            let mut more = HeaderMap::new();
            upload::headers_of_upload(&head.headers, &mut more, &exchange, upstream);
            Some(more)
        }
        Gives::Json
        | Gives::StreamIfAsked
        | Gives::StreamUnlessDeclined
        | Gives::Events
        | Gives::Lines
        | Gives::AwsEvents
        | Gives::WebSocket => None,
    };
    if head.status.is_success() {
        lease.meter = Meter::of(exchange.stage.endpoint, &head.headers);
        exchange.record.usage = Meter::in_head(exchange.stage.endpoint, &head.headers);
    }
    if exchange.stage.hides_usage && is_events(&head.headers) {
        lease.hider = Some(Box::default());
    }
    let mut headers = headers_for_client(head.headers, &mut exchange, Some((upstream, &lease)));
    if let Some(mut more) = more {
        let finder = upstream.credentials.finder(lease.in_use.as_ref(), exchange.record.begun);
        if let Some(finder) = &finder {
            more.values_mut().for_each(|value| hide(value, finder));
        }
        headers.extend(more);
    }
    if exchange.stage.endpoint.lists_models && head.status == StatusCode::OK {
        return Passing::Later(Box::pin(lists::one(exchange, upstream, headers, incoming, lease)));
    }
    if names_what_it_made(exchange.stage.endpoint) {
        lease.learner = learner(&exchange, upstream, &lease);
    }
    if let Some(at) = exchange.stage.alias {
        lease.renamer = renamer(&exchange, at, &headers);
    }
    let Exchange { stage, carried } = exchange;
    let mut record = carried.record;
    record.status = head.status.as_u16();
    let relay = Relay::upstream(incoming, upstream.idle_timeout, record, stage.permits, lease);
    Passing::Now(Ok(response(head.status, headers, relay)))
}

/// Whether an answer names something that belongs to the credential, or a file that was checked.
const fn names_what_it_made(endpoint: &Endpoint) -> bool {
    matches!(
        endpoint.scope.family,
        Family::Responses
            | Family::Files
            | Family::Batches
            | Family::Assistants
            | Family::VectorStores
            | Family::Conversations
            | Family::Containers
            | Family::FineTuning
            | Family::Videos
    )
}

fn learner(exchange: &Exchange<Sent>, upstream: &Upstream, lease: &Lease) -> Option<Box<Learner>> {
    let owner = lease.in_use.as_ref().and_then(|in_use| upstream.credentials.owner(in_use));
    let checked = exchange.checked.clone().map(|rules| (Arc::clone(&exchange.snapshot.uploads), rules));
    if owner.is_none() && checked.is_none() {
        return None;
    }
    Some(Box::new(Learner::new(owner, checked)))
}

/// Whether an answer is a stream of events that can be read.
fn is_events(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with(b"text/event-stream"))
        && !headers.contains_key(header::CONTENT_ENCODING)
}

/// The headers of an answer that is a file.
fn headers_of_file(from: &HeaderMap) -> HeaderMap {
    let names = [
        header::CONTENT_DISPOSITION,
        header::CONTENT_RANGE,
        header::ACCEPT_RANGES,
        header::ETAG,
        header::LAST_MODIFIED,
    ];
    names.into_iter().filter_map(|name| from.get(&name).cloned().map(|value| (name, value))).collect()
}

/// What puts the asked name back into an answer that can be read.
fn renamer(exchange: &Exchange<Sent>, alias: usize, headers: &HeaderMap) -> Option<Box<Renamer>> {
    let alias = exchange.snapshot.aliases.get(alias)?;
    let endpoint = exchange.stage.endpoint;
    let fields: &[&str] = if matches!(endpoint.surface, Surface::Gemini | Surface::Vertex) {
        &["modelVersion"]
    } else if endpoint.scope.family == Family::Models {
        &["id"]
    } else {
        &["model"]
    };
    let plain = !headers.contains_key(header::CONTENT_ENCODING);
    plain.then(|| Box::new(Renamer::new(fields, &alias.model, &alias.name)))
}

pub(super) fn response(status: StatusCode, headers: HeaderMap, relay: Relay) -> Response<Relay> {
    let mut response = Response::new(relay);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Why an answer of this status must not be passed on, if so.
const fn never_passed_on(status: StatusCode) -> Option<&'static str> {
    match status.as_u16() {
        100..=199 => Some("an upgrade"),
        300..=399 => Some("a redirect"),
        _ => None,
    }
}

/// The headers of the answer that the client may see, and the request's name. The upstream's name
/// of the request goes into the record. `by` is with what the request was sent, unless its credential is known
/// to stand in no header.
pub(super) fn headers_for_client(
    mut headers: HeaderMap,
    exchange: &mut Exchange<Sent>,
    by: Option<(&Upstream, &Lease)>,
) -> HeaderMap {
    // The rest is taken out, which is half the work of putting what is left into a map of its own.
    let mut unlisted = SmallVec::<[HeaderName; 8]>::new();
    let mut naming = None;
    let mut longest = 0;
    for (name, value) in &headers {
        longest = longest.max(value.len());
        match name.as_str() {
            "content-type"
            | "content-encoding"
            | "cache-control"
            | "retry-after"
            | "retry-after-ms"
            | "x-should-retry"
            | "openai-version"
            | "openai-processing-ms"
            | "anthropic-version"
            // The gate's own takes its place.
            | "x-request-id" => {}
            "request-id" | "apim-request-id" | "x-amzn-requestid" | "mistral-correlation-id" => {
                naming = Some(unlisted.len());
                unlisted.push(name.clone());
            }
            _ => unlisted.push(name.clone()),
        }
    }
    let mut name_there = None;
    for (at, name) in unlisted.into_iter().enumerate() {
        let value = headers.remove(name);
        if naming == Some(at) {
            name_there = value;
        }
    }
    let finder = by.and_then(|(upstream, lease)| {
        upstream.credentials.finder_in(longest, lease.in_use.as_ref(), exchange.record.begun)
    });
    if let Some(finder) = &finder {
        headers.values_mut().chain(&mut name_there).for_each(|value| hide(value, finder));
    }
    if let Ok(value) = HeaderValue::from_bytes(exchange.record.id.as_bytes()) {
        if exchange.stage.endpoint.surface == Surface::Anthropic {
            headers.insert(REQUEST_ID, value.clone());
        }
        name_there = name_there.or(headers.insert(X_REQUEST_ID, value));
    }
    if let Some(name) = name_there {
        headers.insert(UPSTREAM_REQUEST_ID, name.clone());
        exchange.record.upstream_request_id = Some(name);
    }
    allowance::tell(&mut headers, &exchange.record);
    let_read(&mut headers, &exchange.record);
    headers
}

/// Leaves the credential out of a header of the answer.
fn hide(value: &mut HeaderValue, finder: &Finder) {
    if let Some(clean) = without_the_key(finder, value.as_bytes()) {
        *value = HeaderValue::from_maybe_shared(clean).unwrap_or(HeaderValue::from_static(""));
    }
}
