//! Fetches what clouds grant, and renews it, in a thread of its own.
//!
//! 1. The thread begins with the first configuration that has such a credential. Without one there is none.
//! 2. Each question has a connection of its own and ten seconds. No redirect is followed, and no more is read than
//!    a token needs.
//! 3. A service on the public net is asked through the upstream's proxy, if there is one; the way there is the pool's.
//! 4. What fails is told with its cause: as a warning while requests go on with what was granted before, as an
//!    error when they cannot.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tracing::Dispatch;

use crate::clock::Moment;
use crate::cloud::{Ask, Grant, Holder, Place, Source, Trouble, Why, answer, instance};
use crate::config::Sources;
use crate::credentials::{Member, Roster};
use crate::egress::Address;
use crate::metrics::Metrics;
use crate::pool::{self, Tunnel};

/// How long one grant may take to be fetched.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much of an answer is read.
const LONGEST: usize = 256 * 1024;
/// How often it is looked whether something is due, at least.
const LOOK: Duration = Duration::from_secs(1);

/// The thread that renews, once it is needed.
#[derive(Debug)]
pub struct Renewals {
    roster: Arc<Roster>,
    metrics: Arc<Metrics>,
    dispatch: Dispatch,
    told: Arc<Told>,
    runs: Mutex<bool>,
}

#[derive(Debug, Default)]
struct Told {
    changed: Notify,
    stopped: AtomicBool,
}

impl Renewals {
    /// Renews what is in force in this roster.
    #[must_use]
    pub fn new(roster: Arc<Roster>, metrics: Arc<Metrics>, dispatch: Dispatch) -> Self {
        Self { roster, metrics, dispatch, told: Arc::default(), runs: Mutex::new(false) }
    }

    /// Notices what came in force; starts the thread if that is the first that needs it.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn look(&self) -> io::Result<()> {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if !*runs && !self.roster.granted().is_empty() {
            let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
            let (roster, metrics) = (Arc::clone(&self.roster), Arc::clone(&self.metrics));
            let (dispatch, told) = (self.dispatch.clone(), Arc::clone(&self.told));
            std::thread::Builder::new().name("tokens".to_owned()).spawn(move || {
                let _lines = tracing::dispatcher::set_default(&dispatch);
                runtime.block_on(renewals(&roster, &metrics, &told));
            })?;
            *runs = true;
        }
        drop(runs);
        self.told.changed.notify_one();
        Ok(())
    }
}

impl Drop for Renewals {
    fn drop(&mut self) {
        self.told.stopped.store(true, Ordering::Release);
        self.told.changed.notify_one();
    }
}

async fn renewals(roster: &Roster, metrics: &Arc<Metrics>, told: &Told) {
    let mut under_way = JoinSet::new();
    while !told.stopped.load(Ordering::Acquire) {
        let now = Moment::now();
        let members = roster.granted();
        let mut next = LOOK;
        for member in &members {
            let Some(holder) = member.holder() else { continue };
            if holder.begin(now) {
                let (member, metrics) = (Arc::clone(member), Arc::clone(metrics));
                under_way.spawn(async move { renew_told(&member, &metrics).await });
            } else if let Some(due) = holder.due() {
                next = next.min(due.since(now.monotonic));
            }
        }
        drop(members);
        tokio::select! {
            () = told.changed.notified() => {}
            () = tokio::time::sleep(next) => {}
            Some(_) = under_way.join_next() => {}
        }
    }
}

/// Renews, and tells how that went.
async fn renew_told(member: &Member, metrics: &Metrics) {
    let Some(holder) = member.holder() else { return };
    let (upstream, credential) = (member.upstream(), member.id());
    let renewed = renew(holder).await;
    metrics.renewed(upstream, credential, renewed.is_ok());
    match renewed {
        Ok(()) => {
            let until = holder.outlook(Moment::now()).until;
            let expires = until.and_then(|until| jiff::Timestamp::try_from(until).ok());
            let expires = expires.map_or_else(|| "never".to_owned(), |expires| format!("{expires:.0}"));
            tracing::info!(upstream, credential, expires, "credential_renewed");
        }
        Err(Failed(why, Trouble::NotYetFelt(until))) => {
            let expires = until.and_then(|until| jiff::Timestamp::try_from(until).ok());
            let expires = expires.map_or_else(|| "never".to_owned(), |expires| format!("{expires:.0}"));
            let why = why.text();
            tracing::warn!(
                upstream,
                credential,
                why,
                expires,
                "credential_not_renewed: requests use the old one"
            );
        }
        Err(Failed(why, Trouble::Felt)) => {
            let why = why.text();
            tracing::error!(
                upstream,
                credential,
                why,
                "credential_not_renewed: requests that need it are refused"
            );
        }
    }
}

/// A status and a body, or what went wrong on the way to them.
type Answered = Result<(StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>>;

/// Why nothing was granted, and whether that is felt.
#[derive(Debug)]
pub struct Failed(pub Why, pub Trouble);

/// Fetches a grant, whether it is due or not.
///
/// # Errors
/// When nothing was granted.
pub async fn renew(holder: &Holder) -> Result<(), Failed> {
    let place = holder.source().place();
    let attempt = Attempt(holder);
    let fetched = tokio::time::timeout(PATIENCE, fetched(holder.source())).await;
    std::mem::forget(attempt);
    let fetched = fetched.unwrap_or_else(|_| {
        let (seconds, hint) = (PATIENCE.as_secs(), silence(holder.source()));
        Err(Why::new(format!("no answer from {} within {seconds} s{hint}", way(place))))
    });
    let now = Moment::now();
    match fetched {
        Ok(grant) => {
            holder.granted(grant, now);
            Ok(())
        }
        Err(why) => {
            let trouble = holder.failed(&why, now);
            Err(Failed(why, trouble))
        }
    }
}

/// An attempt that may end without a word: a panic ends only its task. It would never be made again.
struct Attempt<'h>(&'h Holder);

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let _ = self.0.failed(&Why::new("it was broken off".to_owned()), Moment::now());
    }
}

/// What the silence of a source usually means.
fn silence(source: &Source) -> &'static str {
    if matches!(source, Source::AwsInstance { .. }) {
        "; from a container, the instance's metadata options need a hop limit of 2"
    } else {
        ""
    }
}

async fn fetched(source: &Source) -> Result<Grant, Why> {
    let file = match source.file() {
        None => zeroize::Zeroizing::new(String::new()),
        Some(path) => {
            let unreadable = |why: &str| Why::new(format!("{} cannot be read: {why}", path.display()));
            let (bytes, _) = Sources::file(path).map_err(|error| unreadable(&error.to_string()))?;
            let text = std::str::from_utf8(&bytes).map_err(|_| unreadable("it is not text"))?;
            zeroize::Zeroizing::new(text.to_owned())
        }
    };
    let place = source.place();
    let mut ask = source.ask(&file, Moment::now())?;
    if let Source::AwsInstance { .. } = source {
        let (status, body) = answered(place, ask.request).await?;
        let session = instance::line(status, &body)?;
        let (status, body) = answered(place, instance::role(place, &session)?.request).await?;
        let role = instance::line(status, &body)?;
        ask = instance::keys(place, &session, &role)?;
    }
    let Ask { request, secret } = ask;
    let (status, body) = answered(place, request).await?;
    let now = Moment::now();
    source.read(status, &body, now).map_err(|why| answer::without(&why, secret.as_ref()))
}

/// The service, and what stands between.
fn way(place: &Place) -> String {
    let through = place.proxy.as_ref().map(|proxy| format!(" through the proxy {proxy}"));
    format!("{}{}", Address(&place.host, place.port), through.unwrap_or_default())
}

async fn answered(place: &Place, request: Request<Bytes>) -> Result<(StatusCode, Bytes), Why> {
    let answered = match &place.proxy {
        None => straight(place, request).await,
        Some(proxy) => match pool::through(proxy, Address(&place.host, place.port)).await {
            Ok(Tunnel::Plain(stream)) => asked(place, stream, request).await,
            Ok(Tunnel::Encrypted(stream)) => asked(place, stream, request).await,
            Err(error) => Err(error.into()),
        },
    };
    answered.map_err(|error| Why::new(format!("no answer from {}: {error}", way(place))))
}

async fn straight(place: &Place, request: Request<Bytes>) -> Answered {
    asked(place, TcpStream::connect((&*place.host, place.port)).await?, request).await
}

/// Asks over a stream that leads to the service.
async fn asked<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    place: &Place,
    stream: S,
    request: Request<Bytes>,
) -> Answered {
    let Some(tls) = &place.tls else { return exchanged(stream, request).await };
    let name = ServerName::try_from(place.host.to_string())?;
    let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?;
    exchanged(stream, request).await
}

async fn exchanged(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Bytes>,
) -> Answered {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let mut connection = std::pin::pin!(connection);
    let mut exchange = std::pin::pin!(async {
        let answer = sender.send_request(request.map(Full::new)).await?;
        let (head, body) = answer.into_parts();
        Ok((head.status, Limited::new(body, LONGEST).collect().await?.to_bytes()))
    });
    tokio::select! {
        biased;
        answered = &mut exchange => return answered,
        ended = &mut connection => ended?,
    }
    // The connection has ended; what it has brought is still to be read.
    exchange.await
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    #[test]
    fn an_attempt_that_is_broken_off_is_made_again() {
        let now = Moment::now();
        let holder = Holder::new(Source::for_tests(), now);
        assert!(holder.begin(now));
        assert_eq!(holder.due(), None, "it is under way");
        let runtime = Builder::new_current_thread().enable_io().enable_time().build().unwrap();
        let _within = runtime.enter();
        {
            let mut renewing = pin!(renew(&holder));
            assert!(renewing.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        assert!(holder.due().is_some());
        assert!(holder.begin(now.later(Duration::from_mins(1))));
    }
}
