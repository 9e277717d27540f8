//! Client connections: taken, bounded, served, and at the end let go in order.
//!
//! 1. Each worker accepts from sockets of its own; the kernel spreads the connections.
//! 2. Heads are bounded in size and time, so that a client that dawdles holds a few kilobytes for a
//!    few seconds.
//! 3. When told to stop, a worker takes what is already in its queue, stops listening, closes the
//!    connections that are idle and lets the others finish the requests they are in. Those that
//!    take too long are dropped, and their records with them: none is lost.

mod connection;
pub(crate) mod framing;
mod handshake;
mod listeners;
mod patient;
mod proxied;
mod rewound;
mod seat;
mod shortage;
mod streams;

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Sleep;

use crate::alarm::TICK;
use crate::certificate::Certificate;
use crate::clock::Moment;
use crate::ledger::Ledger;
use crate::limits::Sharing;
use crate::pool::Pool;
use crate::sessions::{Session, Sessions};
use crate::snapshot::Snapshot;

use connection::{Client, Worker};
use listeners::Arrival;
pub use listeners::{Listener, Listeners, ON_THIS_MACHINE};
use patient::Patient;
use rewound::Rewound;
pub use seat::ByAddress;
use seat::Seat;
pub use shortage::Shortage;
use streams::Streams;

/// How long sessions may take to end when they are cut off.
const LONGEST_FAREWELL: Duration = Duration::from_millis(600);

/// How long a socket is left alone from which no connection could be taken.
const PAUSE: Duration = Duration::from_millis(50);

/// What clients that speak HTTP/2 choose in the TLS handshake.
const HTTP2: &[u8] = b"h2";

/// What every worker shares.
#[derive(Debug)]
pub struct Shared {
    /// The configuration in force.
    pub snapshot: ArcSwap<Snapshot>,
    /// What is known of limits that several gates share.
    pub sharing: Arc<Sharing>,
    /// Where records go.
    pub ledger: Arc<Ledger>,
    /// How many client connections are open.
    pub open: AtomicUsize,
    /// How many each address has open.
    pub by_address: ByAddress,
    /// How many of them are in their TLS handshake.
    pub handshakes: AtomicUsize,
    /// The second since 1970 in which it was last told that there were too many.
    pub refused_at: AtomicI64,
    /// Whether connections can be taken.
    pub shortage: Shortage,
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
pub async fn serve(mut listeners: Listeners, shared: Arc<Shared>, mut stop: watch::Receiver<Phase>) {
    let (sessions, mut begun) = Sessions::new();
    let pool = Arc::new(Pool::with_sessions(Moment::now(), sessions).keeping(shared.ledger.book.clone()));
    let worker = Worker {
        shared: Arc::clone(&shared),
        pool: Arc::clone(&pool),
        streams: Streams::default(),
        stop: stop.clone(),
    };
    let (mut connections, mut under_way) = (JoinSet::new(), JoinSet::new());
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // A socket that cannot be accepted from stays ready: while it is left alone, everything else goes on.
    let mut pause: Option<Pin<Box<Sleep>>> = None;
    loop {
        tokio::select! {
            biased;
            accepted = listeners.accept(), if pause.is_none() => match accepted {
                Ok(arrival) => admit(&mut connections, arrival, &worker),
                Err(error) => pause = pause_after(&error, &shared),
            },
            () = until_over(pause.as_mut()), if pause.is_some() => pause = None,
            _ = stop.wait_for(|phase| *phase != Phase::Serving) => break,
            _ = tick.tick() => {
                let now = Moment::now();
                pool.tick(now);
                shared.ledger.tick(now);
                shared.shortage.tick(now);
            }
            Some(session) = begun.next() => { under_way.spawn(seated(session, &shared)); }
            Some(_) = connections.join_next() => {}
            Some(_) = under_way.join_next() => {}
        }
    }
    // What stands in the queue was promised a connection by the kernel.
    while let Some(Ok(arrival)) = now_or_never(listeners.accept()).await {
        admit(&mut connections, arrival, &worker);
    }
    drop(listeners);
    loop {
        while let Some(session) = begun.waiting() {
            under_way.spawn(seated(session, &shared));
        }
        if connections.is_empty() && under_way.is_empty() {
            // Who asked is gone; what is left of their requests goes with them.
            worker.streams.end().await;
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
    worker.streams.end().await;
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
fn pause_after(error: &io::Error, shared: &Shared) -> Option<Pin<Box<Sleep>>> {
    if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        return None;
    }
    shared.ledger.metrics.accept_failures.inc();
    shared.shortage.failed(error, Moment::now());
    Some(Box::pin(tokio::time::sleep(PAUSE)))
}

async fn until_over(pause: Option<&mut Pin<Box<Sleep>>>) {
    if let Some(pause) = pause {
        pause.await;
    }
}

fn admit(connections: &mut JoinSet<()>, arrival: Arrival, worker: &Worker) {
    let shared = &worker.shared;
    let Some(seat) = Seat::take(shared, shared.snapshot.load().server.max_connections) else {
        let peer = match arrival {
            Arrival::Tcp(_, peer) => peer,
            Arrival::Unix(_) => ON_THIS_MACHINE,
        };
        turned_away(peer, shared, Crowd::All);
        return;
    };
    let worker = worker.clone();
    match arrival {
        Arrival::Unix(stream) => connections.spawn(async move {
            let stream = Rewound::new(Bytes::new(), Patient::new(stream, &worker));
            connection::serve(stream, Client::at(ON_THIS_MACHINE), worker).await;
            drop(seat);
        }),
        Arrival::Tcp(stream, peer) => {
            let (proxied, write_timeout) = {
                let snapshot = shared.snapshot.load();
                (snapshot.server.proxy_protocol, snapshot.server.bounds.write_timeout)
            };
            if let Err(error) = prepare(&stream, write_timeout) {
                tracing::debug!(error = %error, "socket_option_failed");
            }
            if proxied {
                connections.spawn(async move {
                    let mut stream = stream;
                    let Some(peer) = proxied::client(&mut stream, peer, &worker).await else { return };
                    let Some(seat) = seated_at(peer, seat, &worker.shared) else { return };
                    secured(stream, Client::at(peer), worker).await;
                    drop(seat);
                });
                return;
            }
            let Some(seat) = seated_at(peer, seat, shared) else { return };
            if shared.snapshot.load().server.tls.is_some() {
                connections.spawn(async move {
                    secured(stream, Client::at(peer), worker).await;
                    drop(seat);
                })
            } else {
                connections.spawn(async move {
                    connection::serve(stream, Client::at(peer), worker).await;
                    drop(seat);
                })
            }
        }
    };
}

/// Serves a connection, after the handshake if there is one.
async fn secured(stream: TcpStream, mut client: Client, worker: Worker) {
    let Some(acceptor) = handshake::acceptor(&worker.shared) else {
        connection::serve(stream, client, worker).await;
        return;
    };
    let Some(stream) = handshake::shake(stream, acceptor, &worker).await else { return };
    let agreed = stream.get_ref().1;
    let shown = agreed.peer_certificates().and_then(<[_]>::first);
    client.certificate = shown.map(|shown| Arc::new(Certificate::read(shown)));
    if agreed.alpn_protocol() == Some(HTTP2) {
        connection::serve_streams(Rewound::new(Bytes::new(), stream), client, worker).await;
    } else {
        connection::serve(stream, client, worker).await;
    }
}

/// Counts a connection for its address as well, unless that has too many. A proxy that is trusted connects for many.
fn seated_at(peer: IpAddr, seat: Seat, shared: &Arc<Shared>) -> Option<Seat> {
    let snapshot = shared.snapshot.load();
    if snapshot.server.trusted_proxies.contains(peer) {
        return Some(seat);
    }
    let counted = seat.of(peer, snapshot.server.bounds.connections_per_ip);
    if counted.is_none() {
        turned_away(peer, shared, Crowd::OfOneAddress);
    }
    counted
}

/// Of whom there are too many.
#[derive(Clone, Copy)]
enum Crowd {
    All,
    OfOneAddress,
}

/// Tells that a connection was turned away.
fn turned_away(peer: IpAddr, shared: &Arc<Shared>, crowd: Crowd) {
    shared.ledger.metrics.connections_refused.inc();
    // Once a second is enough to know it; the metric has the count.
    let second = Moment::now().unix_seconds();
    if shared.refused_at.swap(second, Ordering::Relaxed) == second {
        return;
    }
    let snapshot = shared.snapshot.load();
    match crowd {
        Crowd::All => {
            let most = snapshot.server.max_connections as u64;
            tracing::warn!(peer = %peer, max_connections = most, "connection_refused");
        }
        Crowd::OfOneAddress => {
            let most = snapshot.server.bounds.connections_per_ip as u64;
            tracing::warn!(peer = %peer, max_connections_per_ip = most, "connection_refused");
        }
    }
}

fn prepare(stream: &TcpStream, write_timeout: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = socket2::SockRef::from(stream);
    socket.set_tcp_keepalive(&socket2::TcpKeepalive::new().with_time(Duration::from_mins(1)))?;
    // The kernel ends a connection on which written bytes were not taken for so long, also where the client
    // answers its probes and only does not read.
    socket.set_tcp_user_timeout(Some(write_timeout))
}
