//! Sends the request to its upstream and begins to pass the answer on.
//!
//! 1. A request goes out once. It is sent again when the connection closed before any byte of it was
//!    written, which is certain not to have reached anybody, and when the provider refused the credential
//!    and another can be used, which is certain not to have been executed (`forward/refusal.rs`).
//! 2. An upstream's refusal is read and diagnosed. Where it was *our* credential that failed, the
//!    client gets an answer of the gate's own that says so, and the provider's words on our account
//!    stay here; any other is passed on, without the keys that providers repeat in their messages.

mod allowance;
mod lists;
mod passing;
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
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;

use crate::account::{Lease, Relay};
use crate::body::{Outgoing, Waiting};
use crate::book::{Lost, Noted};
use crate::clock::Moment;
use crate::credentials::{InUse, Proof};
use crate::denial::{Denial, Reason, RuleId};
use crate::endpoint::Endpoint;
use crate::exchange::{Caller, Exchange, Outbound, Permits, Refusal};
use crate::inject;
use crate::ledger::unwritten;
use crate::pool::{Connection, Pool};
use crate::record::Record;
use crate::request_id::RequestId;
use crate::snapshot::Upstream;
use passing::{Passing, pass_on};
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
pub fn forward(
    mut pool: Arc<Pool>,
    exchange: Exchange<Outbound>,
) -> impl Future<Output = Result<Response<Relay>, Refusal>> + Send {
    let Exchange { stage, carried } = exchange;
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
    // In a block, what it is given is not held twice.
    async move {
        let snapshot = Arc::clone(&exchange.snapshot);
        let endpoint = exchange.stage.endpoint;
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
            && let Err(denial) =
                Box::pin(granted(&pool, upstream, in_use.as_ref(), &mut request, begun)).await
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
            // What is not held while something is waited for makes no request's future larger.
            let followed = {
                let answered = in_time(&pool, upstream, &mut unsent, &way, (&begun, noted)).await;
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
                follow(exchange, upstream, answer, lease, (asked.as_deref(), &mut spare))
            };
            let again = match followed {
                Followed::Passed(Passing::Now(told)) => return told,
                Followed::Passed(Passing::Later(told)) => return told.await,
                Followed::Refused(next) => match next.await {
                    Next::Told(told) => return told,
                    Next::Again(again) => again,
                },
            };
            exchange = again.exchange;
            pool = again.pool;
            unsent = Some(again.request);
            in_use = Some(again.in_use);
            way.place = again.place;
        }
    }
}

/// What follows the head of an answer.
enum Followed<'f> {
    /// The client is told.
    Passed(Passing<'f>),
    /// The upstream refused, which is read.
    Refused(Pin<Box<dyn Future<Output = Next> + Send + 'f>>),
}

/// Begins what follows; `asked` is what was asked of the upstream if a session is to begin.
fn follow<'f>(
    exchange: Exchange<Sent>,
    upstream: &'f Upstream,
    answer: Response<Incoming>,
    lease: Lease,
    (asked, spare): (Option<&'f HeaderMap>, &'f mut Option<Box<Spare>>),
) -> Followed<'f> {
    if answer.status().as_u16() >= 400 {
        return Followed::Refused(Box::pin(refusal::refused(exchange, upstream, answer, lease, spare)));
    }
    Followed::Passed(match asked {
        Some(asked) => Passing::Later(Box::pin(socket::open(exchange, upstream, answer, lease, asked))),
        None => pass_on(exchange, upstream, answer, lease),
    })
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

/// Sends it, and waits no longer than the upstream may take.
async fn in_time(
    pool: &Pool,
    upstream: &Upstream,
    unsent: &mut Option<Box<Request<Outgoing>>>,
    way: &Way,
    promised: (&Moment, Option<Noted>),
) -> Result<(Response<Incoming>, Box<Connection>), Denial> {
    let mut asking = pin!(send(pool, upstream, unsent, way, promised));
    let mut alarm = pool.alarms().set(upstream.response_timeout);
    poll_fn(|cx| match asking.as_mut().poll(cx) {
        Poll::Ready(answered) => Poll::Ready(answered),
        Poll::Pending => Pin::new(&mut alarm).poll(cx).map(|()| {
            Err(Denial::built_in(Reason::UpstreamTimeout).because("no answer within response_timeout"))
        }),
    })
    .await
}

async fn send(
    pool: &Pool,
    upstream: &Upstream,
    unsent: &mut Option<Box<Request<Outgoing>>>,
    way: &Way,
    (now, noted): (&Moment, Option<Noted>),
) -> Result<(Response<Incoming>, Box<Connection>), Denial> {
    loop {
        let mut connection = match pool.take(upstream, *now).await {
            Some(connection) => connection,
            // Boxed like all that is rare: this future is made for each request, at its full size.
            None => Box::pin(way.connected(pool, upstream, *now)).await?,
        };
        let Some(request) = unsent.take() else {
            return Err(Denial::built_in(Reason::UpstreamUnreachable).because("it was sent before"));
        };
        match connection.send(*request, noted).await {
            Ok(answer) => return Ok((answer, connection)),
            Err(mut failed) => match failed.take_message() {
                Some(request) => {
                    *unsent = Some(Box::new(request));
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

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

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
