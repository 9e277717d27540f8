//! Connections to upstreams, kept for the next request.
//!
//! 1. Each worker has a pool of its own, so that no request waits for another core.
//! 2. The connection used last is used next; those that fall out of use are closed after the
//!    upstream's `pool_idle`, and every one after its `max_connection_age`, so that pools follow DNS.
//! 3. A connection is offered again only when its last answer was read to the end.
//! 4. What a request may cost is written down before the first byte of it goes out, by the connection that sends it.
//! 5. Where somebody waits because an upstream has as many connections as it may, unused ones are closed: another
//!    worker may have none.

mod dial;
mod errand;
mod tunnel;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::SendRequest;
use tokio::task::AbortHandle;

use crate::alarm::Alarms;
use crate::body::Outgoing;
use crate::book::{Book, Noted};
use crate::clock::{Moment, Reading};
use crate::health::Places;
use crate::secret::Fingerprint;
use crate::sessions::Sessions;
use crate::snapshot::Upstream;

pub use dial::{NotConnected, Socket, Tunnel, connect, through};
use errand::Errand;

/// How many unused connections a worker keeps for one upstream.
const MOST_IDLE: usize = 512;
/// How often they are looked through.
const SWEEP: Duration = Duration::from_secs(10);

/// A connection, and where it belongs.
#[derive(Debug)]
pub struct Connection {
    /// Sends a request over it.
    pub sender: SendRequest<Outgoing>,
    /// Whether it was used before: then it may break because the upstream closed it meanwhile.
    pub reused: bool,
    /// Ends it at once, whatever is under way.
    pub driver: AbortHandle,
    errand: Arc<Errand>,
    /// When it has served long enough.
    ends: Reading,
    kept: Duration,
    destination: Destination,
    /// Whoever waits for such a connection, where there are only so many.
    crowd: Option<Arc<Places>>,
}

/// Where a connection leads, and how; two upstreams that lead to the same place share connections, unless they are
/// counted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Destination {
    host: Arc<str>,
    port: u16,
    /// The address of the TLS settings: other settings are another place.
    tls: usize,
    /// The proxy between.
    proxy: Option<Fingerprint>,
    /// The address of what counts them; zero if nothing does.
    counted: usize,
}

/// One worker's unused connections, and the alarms of those in use.
#[derive(Debug)]
pub struct Pool {
    shelves: Mutex<Vec<Shelf>>,
    alarms: Alarms,
    sessions: Sessions,
    /// What is written before anything is sent.
    book: Option<Arc<Book>>,
    swept: Mutex<Moment>,
}

#[derive(Debug)]
struct Shelf {
    destination: Destination,
    /// Each until when it may be offered.
    idle: Vec<(Box<Connection>, Reading)>,
}

impl Pool {
    /// An empty pool.
    #[must_use]
    pub fn new(now: Moment) -> Self {
        Self::with_sessions(now, Sessions::new().0)
    }

    /// The same for a worker that runs sessions.
    #[must_use]
    pub fn with_sessions(now: Moment, sessions: Sessions) -> Self {
        Self {
            shelves: Mutex::default(),
            alarms: Alarms::new(now),
            sessions,
            book: None,
            swept: Mutex::new(now),
        }
    }

    /// The same for a gate that keeps a ledger of usage: its connections write what is noted there before they send.
    #[must_use]
    pub fn keeping(self, book: Option<Arc<Book>>) -> Self {
        Self { book, ..self }
    }

    /// What its connections write before they send.
    #[must_use]
    pub const fn book(&self) -> Option<&Arc<Book>> {
        self.book.as_ref()
    }

    /// Where sessions begin.
    #[must_use]
    pub const fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// The alarms that end what takes too long.
    #[must_use]
    pub const fn alarms(&self) -> Alarms {
        self.alarms
    }

    /// What a worker does every [`TICK`](crate::alarm::TICK).
    pub fn tick(&self, now: Moment) {
        self.alarms.look(now);
        self.make_room();
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        if now.since(*swept) >= SWEEP {
            *swept = now;
            drop(swept);
            self.sweep(now);
        }
    }

    /// Takes a connection to the upstream that is not in use, if there is one.
    pub async fn take(&self, upstream: &Upstream, now: Moment) -> Option<Box<Connection>> {
        loop {
            let mut connection = self.pop(upstream, now)?;
            if connection.sender.is_ready() || connection.sender.ready().await.is_ok() {
                connection.reused = true;
                return Some(connection);
            }
        }
    }

    fn pop(&self, upstream: &Upstream, now: Moment) -> Option<Box<Connection>> {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        let shelf = shelves.iter_mut().find(|shelf| shelf.destination.is_of(upstream))?;
        while let Some((connection, until)) = shelf.idle.pop() {
            if !connection.sender.is_closed() && now.monotonic < until {
                return Some(connection);
            }
        }
        None
    }

    /// Gives a connection back whose answer was read to the end.
    pub fn give_back(&self, connection: Box<Connection>, now: Moment) {
        let until = connection.ends.min(now.monotonic + connection.kept);
        if connection.sender.is_closed() || now.monotonic >= until {
            return;
        }
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        let shelf =
            if let Some(at) = shelves.iter().position(|shelf| shelf.destination == connection.destination) {
                shelves.get_mut(at)
            } else {
                shelves.push(Shelf { destination: connection.destination.clone(), idle: Vec::new() });
                shelves.last_mut()
            };
        if let Some(shelf) = shelf.filter(|shelf| shelf.idle.len() < MOST_IDLE) {
            shelf.idle.push((connection, until));
        }
    }

    /// Closes one unused connection to each upstream for which somebody waits because it has as many as it may.
    fn make_room(&self) {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        for shelf in shelves.iter_mut().filter(|shelf| shelf.destination.counted != 0) {
            let waits = |(connection, _): &(Box<Connection>, Reading)| {
                connection.crowd.as_ref().is_some_and(|crowd| crowd.queued() > 0)
            };
            if shelf.idle.first().is_some_and(waits) {
                shelf.idle.remove(0);
            }
        }
    }

    /// Closes what has been unused too long.
    fn sweep(&self, now: Moment) {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        for shelf in shelves.iter_mut() {
            shelf.idle.retain(|(connection, until)| !connection.sender.is_closed() && now.monotonic < *until);
        }
        shelves.retain(|shelf| !shelf.idle.is_empty());
    }
}

impl Connection {
    /// Sends a request, when the reservation that is noted for it is written.
    pub fn send(
        &mut self,
        request: Request<Outgoing>,
        noted: Option<Noted>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<Outgoing>>>> + use<> {
        self.errand.begin(noted);
        self.sender.try_send_request(request)
    }
}

impl Destination {
    fn of(upstream: &Upstream) -> Self {
        Self {
            host: Arc::from(&*upstream.host),
            port: upstream.port,
            tls: tls_place(upstream),
            proxy: upstream.proxy.as_ref().map(|proxy| proxy.identity),
            counted: counted(upstream),
        }
    }

    fn is_of(&self, upstream: &Upstream) -> bool {
        self.port == upstream.port
            && self.tls == tls_place(upstream)
            && *self.host == *upstream.host
            && self.counted == counted(upstream)
            && self.proxy == upstream.proxy.as_ref().map(|proxy| proxy.identity)
    }
}

fn tls_place(upstream: &Upstream) -> usize {
    upstream.tls.as_ref().map_or(0, |tls| Arc::as_ptr(tls).addr())
}

fn counted(upstream: &Upstream) -> usize {
    let counts = upstream.bounds.as_ref().is_some_and(|bounds| bounds.connections.is_some());
    if counts { Arc::as_ptr(&upstream.health.connections).addr() } else { 0 }
}
