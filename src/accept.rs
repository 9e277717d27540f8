//! Client connections: taken, bounded, served, and at the end let go in order.
//!
//! 1. Each worker accepts from a socket of its own; the kernel spreads the connections.
//! 2. Heads are bounded in size and time, so that a client that dawdles holds a few kilobytes for a
//!    few seconds.
//! 3. When told to stop, a worker takes what is already in its queue, stops listening, closes the
//!    connections that are idle and lets the others finish the request they are in. Those that
//!    take too long are dropped, and their records with them: none is lost.

mod handshake;

use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::Service as _;

use crate::alarm::TICK;
use crate::body::ClientBody;
use crate::clock::Moment;
use crate::exchange::{Accepted, Carried, Exchange};
use crate::ledger::{Ledger, OpenRecord};
use crate::pool::Pool;
use crate::record::Record;
use crate::sessions::{Session, Sessions};
use crate::snapshot::Snapshot;
use crate::stack;

/// The largest head that is read.
const LONGEST_HEAD: usize = 64 * 1024;
/// How many headers a head may have.
const MOST_HEADERS: usize = 100;
/// How long written bytes may stay unread by a client before its connection is given up.
const LONGEST_UNREAD: Duration = Duration::from_mins(2);

/// How long sessions may take to end when they are cut off.
const LONGEST_FAREWELL: Duration = Duration::from_millis(600);

/// What every worker shares.
#[derive(Debug)]
pub struct Shared {
    /// The configuration in force.
    pub snapshot: ArcSwap<Snapshot>,
    /// Where records go.
    pub ledger: Arc<Ledger>,
    /// How many client connections are open.
    pub open: AtomicUsize,
    /// How many of them are in their TLS handshake.
    pub handshakes: AtomicUsize,
    /// The second since 1970 in which it was last told that there were too many.
    pub refused_at: AtomicI64,
}

/// How far a gate is on its way to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It serves.
    Serving,
    /// It takes no new connection and finishes what is under way.
    Draining,
    /// It lets go of what is still under way.
    CuttingOff,
}

/// Serves connections until it is time to drain, and then those under way until they end or are cut
/// off. When this returns, every record is closed.
pub async fn serve(listener: TcpListener, shared: Arc<Shared>, mut stop: watch::Receiver<Phase>) {
    let (sessions, mut begun) = Sessions::new();
    let pool = Arc::new(Pool::with_sessions(Moment::now(), sessions));
    let handed_on = stop.clone();
    let (mut connections, mut under_way) = (JoinSet::new(), JoinSet::new());
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => admit(&mut connections, stream, peer, &shared, &pool, &handed_on),
                Err(error) => pause_after(&error).await,
            },
            _ = stop.wait_for(|phase| *phase != Phase::Serving) => break,
            _ = tick.tick() => {
                let now = Moment::now();
                pool.tick(now);
                shared.ledger.tick(now);
            }
            Some(session) = begun.next() => { under_way.spawn(seated(session, &shared)); }
            Some(_) = connections.join_next() => {}
            Some(_) = under_way.join_next() => {}
        }
    }
    // What stands in the queue was promised a connection by the kernel.
    while let Some(Ok((stream, peer))) = now_or_never(listener.accept()).await {
        admit(&mut connections, stream, peer, &shared, &pool, &handed_on);
    }
    drop(listener);
    loop {
        while let Some(session) = begun.waiting() {
            under_way.spawn(seated(session, &shared));
        }
        if connections.is_empty() && under_way.is_empty() {
            return;
        }
        tokio::select! {
            biased;
            _ = stop.wait_for(|phase| *phase == Phase::CuttingOff) => break,
            Some(_) = connections.join_next() => {}
            Some(session) = begun.next() => { under_way.spawn(seated(session, &shared)); }
            Some(_) = under_way.join_next() => {}
            // What is under way still has its bounds.
            _ = tick.tick() => {
                let now = Moment::now();
                pool.tick(now);
                shared.ledger.tick(now);
            }
        }
    }
    begun.end();
    connections.shutdown().await;
    let ended = async { while under_way.join_next().await.is_some() {} };
    // Each says why it ends; who does not take it is left.
    let _ = tokio::time::timeout(LONGEST_FAREWELL, ended).await;
    under_way.shutdown().await;
}

/// A session with its client's place in the count of connections.
fn seated(session: Session, shared: &Arc<Shared>) -> impl Future<Output = ()> + use<> {
    let seat = Seat::keep(shared);
    async move {
        session.await;
        drop(seat);
    }
}

async fn now_or_never<T>(future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = future => Some(done),
        () = std::future::ready(()) => None,
    }
}

/// Out of file descriptors, most likely: waiting is all that helps.
async fn pause_after(error: &io::Error) {
    if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        return;
    }
    tracing::error!(error = %error, "accept_failed");
    tokio::time::sleep(Duration::from_millis(50)).await;
}

fn admit(
    connections: &mut JoinSet<()>,
    stream: TcpStream,
    peer: SocketAddr,
    shared: &Arc<Shared>,
    pool: &Arc<Pool>,
    stop: &watch::Receiver<Phase>,
) {
    let metrics = &shared.ledger.metrics;
    let most = shared.snapshot.load().server.max_connections;
    let Some(seat) = Seat::take(shared, most) else {
        metrics.connections_refused.inc();
        // Once a second is enough to know it; the metric has the count.
        let second = Moment::now().unix_seconds();
        if shared.refused_at.swap(second, Ordering::Relaxed) != second {
            tracing::warn!(peer = %peer.ip(), max_connections = most as u64, "connection_refused");
        }
        return;
    };
    let (shared, pool, stop, peer) = (Arc::clone(shared), Arc::clone(pool), stop.clone(), peer.ip());
    if let Err(error) = prepare(&stream) {
        tracing::debug!(error = %error, "socket_option_failed");
    }
    match handshake::acceptor(&shared) {
        None => connections.spawn(async move {
            connection(stream, peer, shared, pool, stop).await;
            drop(seat);
        }),
        Some(acceptor) => connections.spawn(async move {
            let secured = handshake::shake(stream, acceptor, &shared, pool.alarms(), stop.clone()).await;
            if let Some(stream) = secured {
                connection(stream, peer, shared, pool, stop).await;
            }
            drop(seat);
        }),
    };
}

/// An open connection's place in the count.
struct Seat(Arc<Shared>);

impl Seat {
    fn take(shared: &Arc<Shared>, most: usize) -> Option<Self> {
        let one_more = |open: usize| (open < most).then(|| open + 1);
        shared.open.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).ok()?;
        shared.ledger.metrics.connections.inc();
        Some(Self(Arc::clone(shared)))
    }
}

impl Seat {
    /// The place of a connection that was counted before.
    fn keep(shared: &Arc<Shared>) -> Self {
        shared.open.fetch_add(1, Ordering::AcqRel);
        shared.ledger.metrics.connections.inc();
        Self(Arc::clone(shared))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
        self.0.ledger.metrics.connections.dec();
    }
}

/// Serves one connection. It is compiled for each kind of stream, so that plain ones pay nothing for TLS.
async fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: IpAddr,
    shared: Arc<Shared>,
    pool: Arc<Pool>,
    stop: watch::Receiver<Phase>,
) {
    let header_timeout = shared.snapshot.load().server.header_timeout;
    let alarms = pool.alarms().clone();
    let metrics = Arc::clone(&shared.ledger.metrics);
    let stack = stack::gate(pool);
    let service = service_fn(move |request: Request<Incoming>| {
        let mut stack = stack.clone();
        let exchange = begin(request, peer, &shared);
        // Every stage is always ready: each bound is a refusal with a reason, never a queue.
        stack.call(exchange)
    });
    let serving = http1::Builder::new()
        .timer(alarms)
        .header_read_timeout(header_timeout)
        .max_buf_size(LONGEST_HEAD)
        .max_headers(MOST_HEADERS)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut serving = std::pin::pin!(serving);
    // How a client's connection ended is no news: its requests have told their own story. Only a head that
    // was none began no request.
    let ended = if let Some(ended) = unless(serving.as_mut(), stop).await {
        ended
    } else {
        serving.as_mut().graceful_shutdown();
        serving.await
    };
    if ended.is_err_and(|error| error.is_parse()) {
        metrics.heads_invalid.inc();
    }
}

/// Waits for the future, but no longer than the gate serves.
///
/// The future is polled for each packet, the end of serving once: a task has one waker for life, so
/// the first poll has left it behind for good, and until the phase has changed there is no news.
async fn unless<F: Future>(mut future: Pin<&mut F>, stop: watch::Receiver<Phase>) -> Option<F::Output> {
    let mut told = stop.clone();
    let mut told = std::pin::pin!(told.wait_for(|phase| *phase != Phase::Serving));
    let mut asked = false;
    poll_fn(|cx| {
        // Before the future, which may use up what the runtime lets a task do in one turn. A sender
        // that is gone, which is an error, is news too.
        let news = !std::mem::replace(&mut asked, true) || stop.has_changed().unwrap_or(true);
        let over = news && told.as_mut().poll(cx).is_ready();
        match future.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if over => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = socket2::SockRef::from(stream);
    socket.set_tcp_keepalive(&socket2::TcpKeepalive::new().with_time(Duration::from_mins(1)))?;
    socket.set_tcp_user_timeout(Some(LONGEST_UNREAD))
}

fn begin(request: Request<Incoming>, peer: IpAddr, shared: &Shared) -> Exchange<Accepted> {
    let (head, body) = request.into_parts();
    let snapshot = shared.snapshot.load_full();
    let record = Record::begin(&head, peer, Arc::clone(&snapshot), Moment::now());
    let record = OpenRecord::open(record, Arc::clone(&shared.ledger));
    let carried = Box::new(Carried { head, body: ClientBody::Wire(body), snapshot, record, checked: None });
    Exchange { carried, stage: Accepted { peer } }
}
