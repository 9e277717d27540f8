//! Sends the request to its upstream and begins to pass the answer on.
//!
//! 1. A request goes out once. It is sent again when the connection closed before any byte of it was
//!    written, which is certain not to have reached anybody, and when the provider refused the credential
//!    and another can be used, which is certain not to have been executed (`forward/refusal.rs`).
//! 2. No redirect is followed: a credential goes nowhere that the configuration does not name.
//! 3. An upstream's refusal is read and diagnosed. Where it was *our* credential that failed, the
//!    client gets an answer of the gate's own that says so, and the provider's words on our account
//!    stay here; any other is passed on, without the keys that providers repeat in their messages.
//! 4. Of the answer's headers a short list is passed on; what identifies the account, and cookies,
//!    are not.

mod allowance;
mod lists;
mod refusal;
mod socket;
mod upload;
mod way;

use std::error::Error as _;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderName};
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;

use crate::account::{Lease, Relay};
use crate::body::{Outgoing, Waiting};
use crate::book::{Lost, Noted};
use crate::clock::Moment;
use crate::cors::let_read;
use crate::credentials::{InUse, Learner, Proof};
use crate::denial::{Denial, Reason, RuleId};
use crate::dialect::Surface;
use crate::endpoint::{Endpoint, Family, Gives};
use crate::exchange::{Caller, Exchange, Outbound, Permits, Refusal};
use crate::inject;
use crate::ledger::unwritten;
use crate::pool::{Connection, Pool};
use crate::record::Record;
use crate::rename::Renamer;
use crate::request_id::RequestId;
use crate::snapshot::Upstream;
use crate::usage::Meter;
use refusal::{Next, Spare};
use way::Way;

/// How long a request waits for what a cloud has not granted yet.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// What of a request is still needed when it was sent.
#[derive(Debug)]
struct Sent {
    caller: Caller,
    endpoint: &'static Endpoint,
    permits: Permits,
    alias: Option<usize>,
    hides_usage: bool,
}

/// Sends the request.
///
/// # Errors
/// When no answer could be had that may be passed on.
pub async fn forward(mut pool: Arc<Pool>, exchange: Exchange<Outbound>) -> Result<Response<Relay>, Refusal> {
    let Exchange { carried, stage } = exchange;
    let Outbound {
        caller,
        endpoint,
        permits,
        upstream,
        mut request,
        mut in_use,
        waits,
        alias,
        hides_usage,
        among,
    } = stage;
    let mut exchange = Exchange { carried, stage: Sent { caller, endpoint, permits, alias, hides_usage } };
    let snapshot = Arc::clone(&exchange.snapshot);
    let Some(upstream) = snapshot.upstreams.get(upstream) else {
        return Err(exchange.refuse(Denial::built_in(Reason::UpstreamNotAllowed)));
    };
    let begun = exchange.record.begun;
    // Of several, each is asked for itself.
    let way = if among.is_none() { Way::to(upstream, begun) } else { Ok(Way::default()) };
    let mut way = match way {
        Ok(way) => way,
        Err(denial) => return Err(exchange.refuse(denial)),
    };
    // What is sent from here is written down by the connection that sends it; all else now.
    let from_here = among.is_none() && matches!(request.body(), Outgoing::Held(_));
    let noted = match exchange.record.promise(from_here && pool.book().is_some()) {
        Ok(noted) => noted,
        Err(denial) => return Err(exchange.refuse(denial)),
    };
    let decided = begun.elapsed();
    exchange.record.decided = Some(decided);
    if let Some(among) = among {
        return Box::pin(lists::merged(&pool, exchange, *among)).await;
    }
    if waits
        && let Err(denial) = Box::pin(granted(&pool, upstream, in_use.as_ref(), &mut request, begun)).await
    {
        return Err(exchange.refuse(denial));
    }
    if upstream.bounds.is_some()
        && let Err(denial) = Box::pin(way.queue(&pool, upstream)).await
    {
        return Err(exchange.refuse(denial));
    }
    let mut spare = Spare::of(&request, upstream, in_use.as_ref());
    let upload = match request.body() {
        Outgoing::Held(_) => None,
        Outgoing::Streamed(streamed) => Some(Box::new(Waiting(Arc::clone(streamed.upload())))),
    };
    if let Some(upload) = upload {
        return Box::pin(upload::forward(pool, exchange, upstream, request, in_use, (upload, way))).await;
    }
    // Lent, so that the futures around the sending stay small enough to be moved.
    let mut unsent = Some(request);
    loop {
        let asked = unsent.as_ref().and_then(|request| socket::asked(endpoint, request.headers()));
        let answered = {
            let mut asking = pin!(send(&pool, upstream, &mut unsent, &way, (begun, noted)));
            let mut alarm = pool.alarms().set(upstream.response_timeout);
            poll_fn(|cx| match asking.as_mut().poll(cx) {
                Poll::Ready(answered) => Poll::Ready(answered),
                Poll::Pending => Pin::new(&mut alarm).poll(cx).map(|()| {
                    Err(Denial::built_in(Reason::UpstreamTimeout)
                        .because("no answer within response_timeout"))
                }),
            })
            .await
        };
        exchange.record.upstream_wait = Some(begun.elapsed().saturating_sub(decided));
        let (answer, connection) = match answered {
            Ok(answered) => answered,
            Err(denial) => {
                unanswered(&mut exchange.record, &denial, unsent.is_none());
                if denial.reason == Reason::UpstreamTimeout {
                    way.timed_out(upstream, unsent.is_none(), begun);
                }
                return Err(exchange.refuse(at_upstream(denial, upstream)));
            }
        };
        way.answered(upstream, &answer, begun);
        exchange.record.upstream_status = Some(answer.status().as_u16());
        let lease = Lease { place: way.place.take(), ..Lease::of(connection, pool, in_use) };
        if let Some(asked) = asked.filter(|_| answer.status().as_u16() < 400) {
            return Box::pin(socket::open(exchange, upstream, answer, lease, &asked)).await;
        }
        if answer.status().as_u16() < 400 {
            return pass_on(exchange, upstream, answer, lease).had().await;
        }
        match Box::pin(refusal::refused(exchange, upstream, answer, lease, &mut spare)).await {
            Next::Told(told) => return told,
            Next::Again(again) => {
                exchange = again.exchange;
                pool = again.pool;
                unsent = Some(again.request);
                in_use = Some(again.in_use);
                way.place = again.place;
            }
        }
    }
}

/// Waits until a cloud has granted the credential, and puts it in.
async fn granted(
    pool: &Pool,
    upstream: &Upstream,
    in_use: Option<&InUse>,
    request: &mut Request<Outgoing>,
    begun: Moment,
) -> Result<(), Denial> {
    let credential = in_use.and_then(|in_use| upstream.credentials.all().get(in_use.at()));
    let credential = credential.ok_or_else(|| inject::none_at(upstream))?;
    if let Proof::Cloud(cloud) = &credential.proof
        && let Some(holder) = cloud.holder()
    {
        let mut alarm = pool.alarms().set(LONGEST_WAIT);
        poll_fn(|cx| match holder.poll_grant(cx, begun.now_after()) {
            Poll::Ready(_) => Poll::Ready(()),
            Poll::Pending => Pin::new(&mut alarm).poll(cx),
        })
        .await;
    }
    let now = begun.now_after();
    inject::put_in(credential, request, now).map_err(|_| inject::unavailable(credential, now))
}

/// Names the upstream's own line as the rule of a failure.
fn at_upstream(mut denial: Denial, upstream: &Upstream) -> Denial {
    if denial.rule == RuleId::BUILT_IN && denial.reason != Reason::LedgerUnavailable {
        denial.rule = upstream.rule;
    }
    denial
}

async fn send(
    pool: &Pool,
    upstream: &Upstream,
    unsent: &mut Option<Request<Outgoing>>,
    way: &Way,
    (now, noted): (Moment, Option<Noted>),
) -> Result<(Response<Incoming>, Box<Connection>), Denial> {
    loop {
        let mut connection = match pool.take(upstream, now).await {
            Some(connection) => connection,
            // Boxed like all that is rare: this future is made for each request, at its full size.
            None => Box::pin(way.connected(pool, upstream, now)).await?,
        };
        let Some(request) = unsent.take() else {
            return Err(Denial::built_in(Reason::UpstreamUnreachable).because("it was sent before"));
        };
        match connection.send(request, noted).await {
            Ok(answer) => return Ok((answer, connection)),
            Err(mut failed) => match failed.take_message() {
                Some(request) => {
                    *unsent = Some(request);
                    if !connection.reused {
                        return Err(broken(failed.error()));
                    }
                }
                None => return Err(broken(failed.error())),
            },
        }
    }
}

/// Notes that no answer came to a request; `sent` is whether a connection had it.
fn unanswered(record: &mut Record, denial: &Denial, sent: bool) {
    if denial.reason == Reason::LedgerUnavailable {
        // The connection sent nothing of it.
        record.decided = None;
    } else {
        // Who has the request and gave no answer may have executed it all the same.
        record.unsure = sent;
    }
}

fn broken(error: &hyper::Error) -> Denial {
    if let Some(lost) = lost(error) {
        return unwritten(&lost.to_string());
    }
    if error.is_parse() {
        return Denial::built_in(Reason::UpstreamInvalid).because("it is not HTTP");
    }
    Denial::built_in(Reason::UpstreamUnreachable).because("the connection broke before an answer began")
}

/// The reservation that could not be written, if that is why nothing was sent.
fn lost(error: &hyper::Error) -> Option<&Lost> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(lost) =
            error.downcast_ref::<io::Error>().and_then(|error| error.get_ref()?.downcast_ref())
        {
            return Some(lost);
        }
        cause = error.source();
    }
    None
}

/// What is passed on, or will be. No future, which would be copied with all it has.
enum Passing<'u> {
    Now(Result<Response<Relay>, Refusal>),
    /// When it was read and written anew.
    Rewritten(Pin<Box<dyn Future<Output = Result<Response<Relay>, Refusal>> + Send + 'u>>),
}

impl Passing<'_> {
    async fn had(self) -> Result<Response<Relay>, Refusal> {
        match self {
            Self::Now(passed) => passed,
            Self::Rewritten(passed) => passed.await,
        }
    }
}

fn pass_on(
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
    let mut headers = headers_for_client(head.headers, &mut exchange);
    if let Some(more) = more {
        headers.extend(more);
    }
    if exchange.stage.endpoint.lists_models && head.status == StatusCode::OK {
        return Passing::Rewritten(Box::pin(lists::one(exchange, upstream, headers, incoming, lease)));
    }
    if names_what_it_made(exchange.stage.endpoint) {
        lease.learner = learner(&exchange, upstream, &lease);
    }
    if let Some(at) = exchange.stage.alias {
        lease.renamer = renamer(&exchange, at, &headers);
    }
    let Exchange { carried, stage } = exchange;
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

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const UPSTREAM_REQUEST_ID: HeaderName = HeaderName::from_static("x-upstream-request-id");

/// The headers of the answer that the client may see, and the request's name. The upstream's name
/// of the request goes into the record.
fn headers_for_client(from: HeaderMap, exchange: &mut Exchange<Sent>) -> HeaderMap {
    // Enough for what most answers bring and for two limits: to grow is to put every header in anew.
    let mut headers = HeaderMap::with_capacity(12);
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
            "x-request-id"
            | "request-id"
            | "apim-request-id"
            | "x-amzn-requestid"
            | "mistral-correlation-id" => {
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
    allowance::tell(&mut headers, &exchange.record);
    let_read(&mut headers, &exchange.record);
    headers
}

/// Puts the request's name wherever some SDK looks for it.
pub(crate) fn name_request(headers: &mut HeaderMap, id: RequestId) {
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
