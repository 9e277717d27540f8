//! Sends a body that goes on while it arrives, and gives back the addresses of uploads that go on later.
//!
//! 1. The time for the answer's head begins when the whole body was handed on; until then something must move
//!    at either end.
//! 2. A body that was stopped is answered by the gate, whatever the upstream says of half a body.
//! 3. An answer that promises success counts only when the whole body was found good.
//! 4. An address that the upstream gives for the rest of an upload becomes one of the gate's own, behind which
//!    is the same path of the same upstream: its host is never used.

use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use http::header::{self, HeaderMap, HeaderName};
use http::{HeaderValue, Request, Response, Uri};
use hyper::body::Incoming;

use super::passing::{Passing, pass_on};
use super::refusal::{self, Next};
use super::way::Way;
use super::{Sent, at_upstream, broken, unanswered};
use crate::account::{Lease, Relay};
use crate::body::{ClientBody, Outgoing, Stop, Upload, Waiting};
use crate::clock::Moment;
use crate::credentials::InUse;
use crate::denial::{Denial, Reason};
use crate::endpoint::Endpoint;
use crate::exchange::{Exchange, Refusal};
use crate::pool::{Connection, Pool};
use crate::snapshot::Upstream;
use crate::uploads::{Begun, upload_id};

/// Sends a request whose body goes on while it arrives: once, since its pieces are gone.
pub(super) async fn forward(
    pool: Arc<Pool>,
    mut exchange: Exchange<Sent>,
    upstream: &Upstream,
    request: Box<Request<Outgoing>>,
    in_use: Option<InUse>,
    (waiting, way): (Box<Waiting>, Way),
) -> Result<Response<Relay>, Refusal> {
    let begun = exchange.record.begun;
    let answered = answered(&pool, upstream, request, (&way, begun), &waiting.0).await;
    let decided = exchange.record.decided.unwrap_or_default();
    exchange.record.upstream_wait = Some(begun.elapsed().saturating_sub(decided));
    let (answer, connection) = match answered {
        Ok(answered) => answered,
        Err(Failed::Broken(denial)) => {
            // Of half a body nothing is executed.
            unanswered(&mut exchange.record, &denial, waiting.0.is_over());
            if denial.reason == Reason::UpstreamTimeout {
                way.timed_out(upstream, true, begun);
            }
            return Err(exchange.refuse(at_upstream(denial, upstream)));
        }
        Err(Failed::Stopped(stop)) => {
            let denial = put_back(&mut exchange, stop);
            return Err(exchange.refuse(denial));
        }
    };
    way.answered(upstream, &answer, begun);
    exchange.record.upstream_status = Some(answer.status().as_u16());
    let lease = Lease { upload: Some(waiting), place: way.place, ..Lease::of(connection, pool, in_use) };
    if answer.status().as_u16() < 400 {
        return match pass_on(exchange, upstream, answer, lease) {
            Passing::Now(told) => told,
            Passing::Later(told) => told.await,
        };
    }
    match refusal::refused(exchange, upstream, answer, lease, &mut None).await {
        Next::Told(told) => told,
        // Nothing is kept of what could be sent again.
        Next::Again(again) => Err(again.exchange.refuse(Denial::built_in(Reason::UpstreamInvalid))),
    }
}

/// What became of it.
type Answered = Result<(Response<Incoming>, Box<Connection>), Failed>;

/// Why there is no answer.
enum Failed {
    /// The body was stopped.
    Stopped(Stop),
    /// Something went wrong on the way.
    Broken(Denial),
}

/// Sends a body on its way and waits for the head of the answer.
async fn answered(
    pool: &Pool,
    upstream: &Upstream,
    request: Box<Request<Outgoing>>,
    (way, now): (&Way, Moment),
    upload: &Arc<Upload>,
) -> Answered {
    let mut asking = pin!(send(pool, upstream, request, (way, now), upload));
    let mut alarm = pool.alarms().set(upstream.response_timeout);
    let (mut answer, mut seen, mut over) = (None, 0, false);
    poll_fn(|cx| {
        if answer.is_none()
            && let Poll::Ready(answered) = asking.as_mut().poll(cx)
        {
            answer = Some(answered);
        }
        if let Some(stop) = upload.stopped(cx) {
            return Poll::Ready(Err(Failed::Stopped(stop)));
        }
        let promises = matches!(&answer, Some(Ok((answer, _))) if answer.status().as_u16() < 400);
        if answer.is_some() && (!promises || upload.is_over()) {
            let answered = answer.take().unwrap_or_else(|| Err(Denial::built_in(Reason::UpstreamInvalid)));
            return Poll::Ready(answered.map_err(Failed::Broken));
        }
        if !over && upload.is_over() {
            over = true;
            alarm.again(upstream.response_timeout);
        }
        while Pin::new(&mut alarm).poll(cx).is_ready() {
            let bytes = upload.bytes();
            // A client that pauses has a bound of its own.
            if over || bytes == seen && !upload.waits_for_client() {
                return Poll::Ready(Err(Failed::Broken(
                    Denial::built_in(Reason::UpstreamTimeout)
                        .because("it took no more of the body, or gave no answer, within response_timeout"),
                )));
            }
            seen = bytes;
            alarm.again(upstream.response_timeout);
        }
        Poll::Pending
    })
    .await
}

/// Sends it once; again only if the connection was closed before any byte of it was asked for.
async fn send(
    pool: &Pool,
    upstream: &Upstream,
    mut request: Box<Request<Outgoing>>,
    (way, now): (&Way, Moment),
    upload: &Upload,
) -> Result<(Response<Incoming>, Box<Connection>), Denial> {
    loop {
        let mut connection = match pool.take(upstream, now).await {
            Some(connection) => connection,
            None => way.connected(pool, upstream, now).await?,
        };
        upload.goes_over(connection.driver.clone());
        match connection.sender.try_send_request(*request).await {
            Ok(answer) => return Ok((answer, connection)),
            Err(mut failed) => match failed.take_message() {
                Some(unsent) if connection.reused => *request = unsent,
                Some(_) | None => return Err(broken(failed.error())),
            },
        }
    }
}

/// Puts what is left of a stopped body back, so that it can be thrown away before the client is told.
fn put_back(exchange: &mut Exchange<Sent>, stop: Stop) -> Denial {
    let Stop { denial, model, rest } = stop;
    exchange.body = rest.unwrap_or(ClientBody::HandedOn);
    exchange.record.model = model.or(exchange.record.model.take());
    denial
}

const UPLOAD_URL: HeaderName = HeaderName::from_static("x-goog-upload-url");

/// Passes the headers of an upload that goes on in further requests.
pub(super) fn headers_of_upload(
    from: &HeaderMap,
    to: &mut HeaderMap,
    exchange: &Exchange<Sent>,
    upstream: &Upstream,
) {
    for (name, value) in from {
        let state = name.as_str().starts_with("x-goog-upload-")
            && name != UPLOAD_URL
            && name.as_str() != "x-goog-upload-control-url";
        if state {
            to.append(name.clone(), value.clone());
        }
    }
    for name in [UPLOAD_URL, header::LOCATION] {
        let Some(own) = from.get(&name).and_then(|url| own_url(url, exchange, upstream)) else { continue };
        to.insert(name, own);
    }
}

/// The gate's address for one of the upstream's.
fn own_url(url: &HeaderValue, exchange: &Exchange<Sent>, upstream: &Upstream) -> Option<HeaderValue> {
    let url: Uri = url.to_str().ok()?.parse().ok()?;
    let path = url.path().strip_prefix(&*upstream.base_path)?;
    let query = url.query()?;
    let id = upload_id(query)?;
    let asked = exchange.head.uri.path();
    let endpoint = exchange.stage.endpoint;
    let prefix = before(endpoint, asked, path)?;
    let host = exchange.head.headers.get(header::HOST)?.to_str().ok()?;
    let scheme = if is_https(exchange) { "https" } else { "http" };
    let own_path = format!("{prefix}{path}");
    let key = exchange.snapshot.keys.get(exchange.stage.caller.key)?;
    let begun = Begun {
        key_id: Arc::clone(&key.id),
        path: own_path.as_str().into(),
        credential: exchange.record.credential.clone(),
    };
    let own = HeaderValue::from_str(&format!("{scheme}://{host}{own_path}?{query}")).ok()?;
    exchange.snapshot.uploads.note_begun(id, begun);
    Some(own)
}

/// What the client put before the endpoint's path: an upstream's name, or nothing. The upload must go on at
/// the endpoint where it began.
fn before<'p>(endpoint: &Endpoint, asked: &'p str, path: &str) -> Option<&'p str> {
    if !endpoint.at_root {
        return None;
    }
    asked.strip_suffix(path)
}

/// Whether the client came by https: to the gate itself, or as a proxy that is believed says.
fn is_https(exchange: &Exchange<Sent>) -> bool {
    if exchange.snapshot.server.tls.is_some() {
        return true;
    }
    let believed = exchange.snapshot.server.trusted_proxies.contains(exchange.record.peer);
    let said = exchange.head.headers.get("x-forwarded-proto");
    believed && said.is_some_and(|said| said.as_bytes().eq_ignore_ascii_case(b"https"))
}
