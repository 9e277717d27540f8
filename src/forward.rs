//! Sends the request to its upstream and begins to pass the answer on.
//!
//! 1. A request goes out once. It is sent again only when the connection closed before any byte of
//!    it was written, which is certain not to have reached anybody.
//! 2. No redirect is followed: a credential goes nowhere that the configuration does not name.
//! 3. An upstream's refusal is read and diagnosed. Where it was *our* credential that failed, the
//!    client gets an answer of the gate's own that says so, and the provider's words on our account
//!    stay here; any other is passed on, without the keys that providers repeat in their messages.
//! 4. Of the answer's headers a short list is passed on; what identifies the account, and cookies,
//!    are not.

use std::borrow::Cow;
use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use crate::account::{Lease, Relay};
use crate::alarm::Alarm;
use crate::body::Frames;
use crate::clock::Moment;
use crate::denial::{Denial, Reason, RuleId};
use crate::diagnosis;
use crate::dialect::Surface;
use crate::endpoint::Endpoint;
use crate::exchange::{Caller, Exchange, Outbound, Permits, Refusal};
use crate::models::{self, NotAList};
use crate::pool::{self, Connection, Pool};
use crate::provider_key::redacted;
use crate::record::RefusedByUpstream;
use crate::request_id::RequestId;
use crate::snapshot::Upstream;

/// How much of a refusal is looked at.
const LONGEST_REFUSAL: u64 = 64 * 1024;
/// Tells the client what an upstream's refusal means.
const DIAGNOSIS: HeaderName = HeaderName::from_static("x-portcullis-diagnosis");

/// What of a request is still needed when it was sent.
#[derive(Debug)]
struct Sent {
    caller: Caller,
    endpoint: &'static Endpoint,
    permits: Permits,
}

/// Sends the request.
///
/// # Errors
/// When no answer could be had that may be passed on.
pub async fn forward(pool: Arc<Pool>, exchange: Exchange<Outbound>) -> Result<Response<Relay>, Refusal> {
    let Exchange { carried, stage: Outbound { caller, endpoint, permits, upstream, request } } = exchange;
    let mut exchange = Exchange { carried, stage: Sent { caller, endpoint, permits } };
    let snapshot = Arc::clone(&exchange.snapshot);
    let Some(upstream) = snapshot.upstreams.get(upstream) else {
        return Err(exchange.refuse(Denial::built_in(Reason::UpstreamNotAllowed)));
    };
    let begun = exchange.record.begun;
    let decided = begun.elapsed();
    exchange.record.decided = Some(decided);
    // Lent, so that the futures around the sending stay small enough to be moved.
    let mut unsent = Some(request);
    let answered = {
        let mut asking = pin!(send(&pool, upstream, &mut unsent, begun));
        let mut alarm = pool.alarms().set(upstream.response_timeout);
        poll_fn(|cx| match asking.as_mut().poll(cx) {
            Poll::Ready(answered) => Poll::Ready(answered),
            Poll::Pending => Pin::new(&mut alarm).poll(cx).map(|()| {
                Err(Denial::built_in(Reason::UpstreamTimeout).because("no answer within response_timeout"))
            }),
        })
        .await
    };
    exchange.record.upstream_wait = Some(begun.elapsed().saturating_sub(decided));
    match answered {
        Ok((answer, connection)) => {
            let lease = Lease { connection, pool };
            pass_on(exchange, upstream, answer, lease).await
        }
        Err(denial) => Err(exchange.refuse(at_upstream(denial, upstream))),
    }
}

/// Names the upstream's own line as the rule of a failure.
fn at_upstream(mut denial: Denial, upstream: &Upstream) -> Denial {
    if denial.rule == RuleId::BUILT_IN {
        denial.rule = upstream.rule;
    }
    denial
}

async fn send(
    pool: &Pool,
    upstream: &Upstream,
    unsent: &mut Option<Request<Frames>>,
    now: Moment,
) -> Result<(Response<Incoming>, Box<Connection>), Denial> {
    loop {
        let mut connection = match pool.take(upstream, now).await {
            Some(connection) => connection,
            // Boxed like all that is rare: this future is made for each request, at its full size.
            None => Box::pin(pool::connect(upstream)).await.map_err(|error| unreachable_because(&error))?,
        };
        let Some(request) = unsent.take() else {
            return Err(Denial::built_in(Reason::UpstreamUnreachable).because("it was sent before"));
        };
        match connection.sender.try_send_request(request).await {
            Ok(answer) => return Ok((answer, connection)),
            Err(mut failed) => match failed.take_message() {
                Some(request) if connection.reused => *unsent = Some(request),
                Some(_) | None => return Err(broken(failed.error())),
            },
        }
    }
}

fn unreachable_because(error: &std::io::Error) -> Denial {
    let what = if error.kind() == std::io::ErrorKind::ConnectionRefused {
        "the connection was refused".to_owned()
    } else {
        error.to_string()
    };
    Denial::built_in(Reason::UpstreamUnreachable).because(what)
}

fn broken(error: &hyper::Error) -> Denial {
    if error.is_parse() {
        return Denial::built_in(Reason::UpstreamInvalid).because("it is not HTTP");
    }
    Denial::built_in(Reason::UpstreamUnreachable).because("the connection broke before an answer began")
}

async fn pass_on(
    mut exchange: Exchange<Sent>,
    upstream: &Upstream,
    answer: Response<Incoming>,
    lease: Lease,
) -> Result<Response<Relay>, Refusal> {
    let (head, incoming) = answer.into_parts();
    exchange.record.upstream_status = Some(head.status.as_u16());
    if let Some(what) = never_passed_on(head.status) {
        let denial = at_upstream(Denial::built_in(Reason::UpstreamInvalid).because(what), upstream);
        return Err(exchange.refuse(denial));
    }
    if head.status.as_u16() >= 400 {
        return Box::pin(refused(exchange, upstream, head, incoming, lease)).await;
    }
    let headers = headers_for_client(head.headers, &mut exchange);
    if exchange.stage.endpoint.lists_models && head.status == StatusCode::OK {
        return Box::pin(list_models(exchange, upstream, headers, incoming, lease)).await;
    }
    let Exchange { carried, stage } = exchange;
    let mut record = carried.record;
    record.status = head.status.as_u16();
    let relay = Relay::upstream(incoming, upstream.idle_timeout, record, stage.permits, lease);
    Ok(response(head.status, headers, relay))
}

fn response(status: StatusCode, headers: HeaderMap, relay: Relay) -> Response<Relay> {
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

/// The refusal of the gate's own credential.
fn rejected(status: StatusCode, upstream: &Upstream, credential: Option<&str>) -> Denial {
    let used = upstream.credentials.all().iter().find(|known| Some(&*known.id) == credential);
    let rule = used.map_or(upstream.rule, |known| known.rule);
    Denial::by(Reason::UpstreamCredentialRejected, rule).because(status.as_str())
}

/// Reads why the upstream refused, tells it in the record, and passes the refusal on, unless it was
/// the gate's own credential that failed.
async fn refused(
    mut exchange: Exchange<Sent>,
    upstream: &Upstream,
    head: http::response::Parts,
    mut incoming: Incoming,
    lease: Lease,
) -> Result<Response<Relay>, Refusal> {
    let mut read = Frames::default();
    let whole = {
        let mut reading = pin!(beginning(&mut incoming, &mut read));
        let mut alarm = pool_alarm(&lease, upstream);
        poll_fn(|cx| match reading.as_mut().poll(cx) {
            Poll::Ready(whole) => Poll::Ready(whole),
            Poll::Pending => Pin::new(&mut alarm).poll(cx).map(|()| None),
        })
        .await
    };
    let Some(whole) = whole else {
        let denial =
            Denial::by(Reason::UpstreamInvalid, upstream.rule).because("a refusal that does not end");
        return Err(exchange.refuse(denial));
    };
    // A compressed body goes on as it is; the head alone has to tell.
    let readable = !head.headers.contains_key(header::CONTENT_ENCODING);
    let text = if readable { read.joined() } else { Bytes::new() };
    let makers = diagnosis::makers(upstream.provider, &upstream.host);
    let found = diagnosis::diagnose(makers, head.status, &head.headers, &text);
    let ours = found.is_ours(head.status);
    let mut headers = headers_for_client(head.headers, &mut exchange);
    if let Ok(value) =
        HeaderValue::from_str(&format!("{}; whose={}; retry={}", found.id(), found.whose(), found.retry()))
    {
        headers.insert(DIAGNOSIS, value);
    }
    let excerpt = found.cause.is_none().then(|| diagnosis::excerpt(&text).into());
    exchange.record.refused_by_upstream = Some(Box::new(RefusedByUpstream { diagnosis: found, excerpt }));
    if ours {
        if whole {
            lease.pool.give_back(lease.connection, Moment::now());
        }
        let denial = rejected(head.status, upstream, exchange.record.credential.as_deref());
        return Err(exchange.refuse(denial));
    }
    let Exchange { carried, stage } = exchange;
    let mut record = carried.record;
    record.status = head.status.as_u16();
    if !whole {
        let relay =
            Relay::upstream(incoming, upstream.idle_timeout, record, stage.permits, lease).after(read);
        return Ok(response(head.status, headers, relay));
    }
    lease.pool.give_back(lease.connection, Moment::now());
    // Providers repeat keys in their messages, and some repeat them whole.
    let body = match std::str::from_utf8(&text).map(redacted) {
        Ok(Cow::Owned(clean)) => Bytes::from(clean),
        _ => read.joined(),
    };
    Ok(response(head.status, headers, Relay::own(body, record, stage.permits)))
}

fn pool_alarm(lease: &Lease, upstream: &Upstream) -> Alarm {
    lease.pool.alarms().set(upstream.idle_timeout)
}

/// Reads a body up to the length that is looked at; whether that was all of it, and nothing if it
/// broke off.
async fn beginning(incoming: &mut Incoming, read: &mut Frames) -> Option<bool> {
    while !incoming.is_end_stream() {
        let Some(frame) = incoming.frame().await else { return Some(true) };
        if let Ok(piece) = frame.ok()?.into_data() {
            read.push(piece);
        }
        if read.left() > LONGEST_REFUSAL {
            return Some(false);
        }
    }
    Some(true)
}

/// Reads the upstream's list of models and keeps those that the project may use.
async fn list_models(
    exchange: Exchange<Sent>,
    upstream: &Upstream,
    headers: HeaderMap,
    incoming: Incoming,
    lease: Lease,
) -> Result<Response<Relay>, Refusal> {
    let shown = |model: &str| {
        let caller = exchange.stage.caller;
        let found =
            exchange.snapshot.projects.get(caller.project).zip(exchange.snapshot.keys.get(caller.key));
        found.is_some_and(|(project, key)| key.may_use(project, model)) && upstream.models.allows(model)
    };
    match models::only_shown(incoming, upstream.idle_timeout, shown).await {
        Ok(body) => {
            lease.pool.give_back(lease.connection, Moment::now());
            let Exchange { carried, stage } = exchange;
            let mut record = carried.record;
            record.status = 200;
            Ok(response(StatusCode::OK, headers, Relay::own(body, record, stage.permits)))
        }
        Err(NotAList(why)) => {
            let denial = Denial::by(Reason::UpstreamInvalid, upstream.rule).because(why);
            Err(exchange.refuse(denial))
        }
    }
}

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const UPSTREAM_REQUEST_ID: HeaderName = HeaderName::from_static("x-upstream-request-id");

/// The headers of the answer that the client may see, and the request's name. The upstream's name
/// of the request goes into the record.
fn headers_for_client(from: HeaderMap, exchange: &mut Exchange<Sent>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(6);
    let mut last = None;
    for (name, value) in from {
        // Of several values under one name only the first comes with it.
        last = name.or(last);
        let Some(name) = &last else { continue };
        match name.as_str() {
            "content-type"
            | "content-encoding"
            | "cache-control"
            | "retry-after"
            | "retry-after-ms"
            | "x-should-retry"
            | "openai-version"
            | "openai-processing-ms"
            | "anthropic-version" => {
                headers.append(name, value);
            }
            "x-request-id" | "request-id" | "apim-request-id" => {
                exchange.record.upstream_request_id = Some(value.clone());
                headers.insert(UPSTREAM_REQUEST_ID, value);
            }
            _ => {}
        }
    }
    if let Ok(value) = HeaderValue::from_bytes(exchange.record.id.as_bytes()) {
        if exchange.stage.endpoint.surface == Surface::Anthropic {
            headers.insert(REQUEST_ID, value.clone());
        }
        headers.insert(X_REQUEST_ID, value);
    }
    headers
}

/// Puts the request's name wherever some SDK looks for it.
fn name_request(headers: &mut HeaderMap, id: RequestId) {
    if let Ok(value) = HeaderValue::from_bytes(id.as_bytes()) {
        headers.insert(X_REQUEST_ID, value.clone());
        headers.insert(REQUEST_ID, value);
    }
}

/// Answers of the gate's own are nobody's to keep.
pub(crate) fn own_headers(id: RequestId) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(10);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    name_request(&mut headers, id);
    headers
}
