//! What an upstream's refusal comes to: another credential takes over, or it is told to the client.
//!
//! 1. The refusal is read and diagnosed. What it says of the credential is noted there; see `credentials.rs`.
//! 2. If the credential is what was refused, the request was not executed, so it is sent again with another
//!    that can be used: to each at most once, twice in all, and within the upstream's budget. Of the client's
//!    answer nothing has been sent yet. Whatever may have been executed, such as a 500, is never sent again.
//! 3. The client gets the last answer. Where it was *our* credential that failed, it gets an answer of the
//!    gate's own that says so, and the provider's words on our account stay here.
//! 4. The key with which the provider was asked, and all that look like one, are left out before anything else is
//!    done with the answer: neither the client nor a record sees them. Only a body that is compressed cannot be
//!    read; none was asked for.

use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use smallvec::SmallVec;

use super::Sent;
use super::passing::{headers_for_client, response};
use crate::account::{Lease, Relay};
use crate::body::{Frames, Outgoing};
use crate::clock::Moment;
use crate::credentials::{Blame, InUse, Proof};
use crate::denial::{Denial, Reason};
use crate::diagnosis::{self, Diagnosis, Effect};
use crate::exchange::{Exchange, Refusal};
use crate::health::Place;
use crate::inject;
use crate::pool::Pool;
use crate::record::RefusedByUpstream;
use crate::redact::{Redactor, without_keys};
use crate::snapshot::Upstream;

/// How much of a refusal is looked at.
const LONGEST_REFUSAL: u64 = 64 * 1024;
/// Tells the client what an upstream's refusal means.
const DIAGNOSIS: HeaderName = HeaderName::from_static("x-portcullis-diagnosis");

/// What is kept of a request so that it can be sent again.
#[derive(Debug)]
pub(super) struct Spare {
    target: Uri,
    /// With the credential, which does not go on.
    headers: HeaderMap,
    /// The pieces are shared with those that were sent, not copied.
    body: Frames,
    /// The numbers of the credentials that it was refused with.
    tried: SmallVec<[usize; 3]>,
}

impl Spare {
    /// Nothing is kept where no other credential will do.
    pub(super) fn of(
        request: &Request<Outgoing>,
        upstream: &Upstream,
        in_use: Option<&InUse>,
    ) -> Option<Box<Self>> {
        // What goes on while it arrives cannot be sent again.
        let Outgoing::Held(body) = request.body() else { return None };
        let bound = in_use.is_none_or(InUse::is_bound);
        (!bound && upstream.credentials.are_several()).then(|| {
            let (target, headers) = (request.uri().clone(), request.headers().clone());
            Box::new(Self { target, headers, body: body.clone(), tried: SmallVec::new() })
        })
    }
}

/// What follows a refusal.
#[derive(Debug)]
pub(super) enum Next {
    /// The client is told.
    Told(Result<Response<Relay>, Refusal>),
    /// It is sent again.
    Again(Box<Again>),
}

/// A request on its way to be sent again.
#[derive(Debug)]
pub(super) struct Again {
    pub(super) exchange: Exchange<Sent>,
    pub(super) pool: Arc<Pool>,
    pub(super) request: Box<Request<Outgoing>>,
    pub(super) in_use: InUse,
    pub(super) place: Option<Place>,
}

/// A refusal without keys, read as far as it is looked at.
struct Read {
    head: Parts,
    rest: Incoming,
    /// What was read, if it cannot be searched.
    pieces: Frames,
    whole: bool,
    /// What was read, if it can be.
    text: Bytes,
    /// Leaves keys out of what follows the text, of which it may hold the end.
    redactor: Option<Redactor>,
    found: Diagnosis,
}

/// Reads why the upstream refused, notes it, and finds out what follows.
pub(super) async fn refused(
    mut exchange: Exchange<Sent>,
    upstream: &Upstream,
    answer: Response<Incoming>,
    mut lease: Lease,
    spare: &mut Option<Box<Spare>>,
) -> Next {
    let begun = exchange.record.begun;
    // Only what is kept to be sent again can be looked into. Of other requests the message alone has to tell.
    let asked = |phrase: &str| {
        spare
            .as_ref()
            .is_some_and(|spare| diagnosis::stands_in(spare.body.pieces().map(|piece| &**piece), phrase))
    };
    let Some(read) = read(upstream, answer, &lease, begun, asked).await else {
        let denial =
            Denial::by(Reason::UpstreamInvalid, upstream.rule).because("a refusal that does not end");
        return Next::Told(Err(exchange.refuse(denial)));
    };
    let now = exchange.record.begun.now_after();
    if let Some(in_use) = &mut lease.in_use
        && blamed(&exchange, upstream, in_use, &read, now)
        && let Some(spare) = spare
    {
        spare.tried.push(in_use.at());
        if let Some(next) = upstream.credentials.another(&spare.tried, now) {
            if read.whole {
                lease.pool.give_back(lease.connection, now);
            }
            if let Some(request) = again(&mut exchange, upstream, spare, &next) {
                return Next::Again(Box::new(Again {
                    exchange,
                    pool: lease.pool,
                    request,
                    in_use: next,
                    place: lease.place,
                }));
            }
            return Next::Told(Err(exchange.refuse(inject::none_at(upstream))));
        }
    }
    Next::Told(told(exchange, upstream, read, lease))
}

async fn read(
    upstream: &Upstream,
    answer: Response<Incoming>,
    lease: &Lease,
    begun: Moment,
    asked: impl Fn(&str) -> bool,
) -> Option<Read> {
    let (mut head, mut rest) = answer.into_parts();
    let mut pieces = Frames::default();
    let whole = {
        let mut reading = pin!(beginning(&mut rest, &mut pieces));
        let mut alarm = lease.pool.alarms().set(upstream.idle_timeout);
        poll_fn(|cx| match reading.as_mut().poll(cx) {
            Poll::Ready(whole) => Poll::Ready(whole),
            Poll::Pending => Pin::new(&mut alarm).poll(cx).map(|()| None),
        })
        .await?
    };
    let finder = upstream.credentials.finder(lease.in_use.as_ref(), begun);
    for value in head.headers.values_mut() {
        let clean = without_keys(finder.as_ref(), Bytes::copy_from_slice(value.as_bytes()));
        if clean != value.as_bytes() {
            *value = HeaderValue::from_maybe_shared(clean).unwrap_or(HeaderValue::from_static(""));
        }
    }
    let (mut text, mut redactor) = (Bytes::new(), None);
    // A compressed body goes on as it is; the head alone has to tell.
    if is_plain(&head.headers) {
        text = std::mem::take(&mut pieces).joined();
        if whole {
            text = without_keys(finder.as_ref(), text);
        } else {
            text = redactor.insert(Redactor::new(finder)).piece(&text);
        }
    }
    let found = diagnosis::diagnose(upstream.makers, head.status, &head.headers, &text, asked);
    Some(Read { head, rest, pieces, whole, text, redactor, found })
}

/// Whether a body is as it was written.
fn is_plain(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(header::CONTENT_ENCODING);
    codings.into_iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).all(|coding| {
        let coding = coding.trim_ascii();
        coding.is_empty() || coding.eq_ignore_ascii_case(b"identity")
    })
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
            // The piece that was too much may have been the last.
            return Some(incoming.is_end_stream());
        }
    }
    Some(true)
}

/// Notes what a refusal says of the credential, and tells whether it was the credential that was refused.
fn blamed(
    exchange: &Exchange<Sent>,
    upstream: &Upstream,
    in_use: &mut InUse,
    read: &Read,
    now: Moment,
) -> bool {
    let status = read.head.status;
    let effect = read.found.effect(status);
    if effect == Effect::None || !status.is_client_error() {
        return false;
    }
    let wait = diagnosis::wait(&read.head.headers, &read.text, now);
    let blame = Blame { effect, cause: diagnosis::cause_number(read.found.cause), wait };
    if effect == Effect::Rejected
        && let Some(Proof::Cloud(cloud)) = upstream.credentials.all().get(in_use.at()).map(|one| &one.proof)
        && let Some(holder) = cloud.holder()
    {
        holder.mistrusted(now);
    }
    let Some(away) = in_use.failed(blame, now) else { return true };
    let (state, cause) = (effect.word(), read.found.id());
    if let Some(credential) = &exchange.record.credential
        && let Some(metrics) = exchange.record.metrics()
    {
        metrics.benched(&upstream.name, credential, cause);
    }
    let credential = exchange.record.credential.as_deref().unwrap_or_default();
    let wait_ms = u64::try_from(away.as_millis()).unwrap_or(u64::MAX);
    let usable = upstream.credentials.usable(now) as u64;
    let request_id = exchange.record.id.as_str();
    if effect == Effect::RateLimited {
        tracing::info!(upstream = %upstream.name, credential, state, cause, wait_ms, usable, by = request_id, "credential_benched");
    } else {
        tracing::warn!(upstream = %upstream.name, credential, state, cause, wait_ms, usable, by = request_id, "credential_benched");
    }
    true
}

/// Tells that a credential works again.
pub(super) fn tell_return(exchange: &Exchange<Sent>, upstream: &Upstream, was: Effect) {
    let credential = exchange.record.credential.as_deref().unwrap_or_default();
    let request_id = exchange.record.id.as_str();
    tracing::info!(upstream = %upstream.name, credential, was = was.word(), by = request_id, "credential_returned");
}

/// The same request with another credential.
fn again(
    exchange: &mut Exchange<Sent>,
    upstream: &Upstream,
    spare: &Spare,
    next: &InUse,
) -> Option<Box<Request<Outgoing>>> {
    let credential = upstream.credentials.all().get(next.at())?;
    let before = exchange.record.credential.replace(Arc::clone(&credential.id));
    exchange.record.tried.extend(before);
    if let Some(metrics) = exchange.record.metrics() {
        metrics.retried(&upstream.name);
    }
    let (target, body) = (spare.target.clone(), Outgoing::Held(spare.body.clone()));
    let headers = spare.headers.clone();
    let mut request = inject::request(headers, exchange.stage.endpoint, upstream, target, body);
    inject::put_in(credential, &mut request, exchange.record.begun.now_after()).ok()?;
    // How the first was answered says nothing of this one, which may be executed though no answer comes.
    exchange.record.upstream_status = None;
    Some(request)
}

/// Tells the refusal in the record, and passes it on, unless it was the gate's own credential that failed.
fn told(
    mut exchange: Exchange<Sent>,
    upstream: &Upstream,
    read: Read,
    lease: Lease,
) -> Result<Response<Relay>, Refusal> {
    let Read { head, rest, mut pieces, whole, text, redactor, found } = read;
    let ours = found.is_ours(head.status);
    let mut headers = headers_for_client(head.headers, &mut exchange, None);
    if let Ok(value) =
        HeaderValue::from_str(&format!("{}; whose={}; retry={}", found.id(), found.whose(), found.retry()))
    {
        headers.insert(DIAGNOSIS, value);
    }
    let excerpt = found.cause.is_none().then(|| diagnosis::excerpt(&text).into());
    exchange.record.refused_by_upstream = Some(Box::new(RefusedByUpstream { diagnosis: found, excerpt }));
    if ours {
        if whole {
            lease.give_back(Moment::now());
        }
        let denial = rejected(head.status, upstream, exchange.record.credential.as_deref());
        return Err(exchange.refuse(denial));
    }
    let Exchange { stage, carried } = exchange;
    let mut record = carried.record;
    record.status = head.status.as_u16();
    if !text.is_empty() {
        pieces.push(text);
    }
    if !whole {
        let relay = Relay::upstream(rest, upstream.idle_timeout, record, stage.permits, lease);
        return Ok(response(head.status, headers, relay.after(pieces, redactor)));
    }
    lease.give_back(Moment::now());
    Ok(response(head.status, headers, Relay::own(pieces.joined(), record, stage.permits)))
}

/// The refusal of the gate's own credential.
fn rejected(status: StatusCode, upstream: &Upstream, credential: Option<&str>) -> Denial {
    let used = upstream.credentials.all().iter().find(|known| Some(&*known.id) == credential);
    let rule = used.map_or(upstream.rule, |known| known.rule);
    Denial::by(Reason::UpstreamCredentialRejected, rule).because(status.as_str())
}
