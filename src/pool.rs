//! Connections to upstreams, kept for the next request.
//!
//! 1. Each worker has a pool of its own, so that no request waits for another core.
//! 2. The connection used last is used next; those that fall out of use are closed after the
//!    upstream's `pool_idle`, and every one after five minutes, so that pools follow DNS.
//! 3. A connection is offered again only when its last answer was read to the end.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio_rustls::TlsConnector;

use crate::alarm::Alarms;
use crate::body::Outgoing;
use crate::clock::Moment;
use crate::sessions::Sessions;
use crate::snapshot::Upstream;

/// How long a connection is used at most.
const LONGEST_LIFE: Duration = Duration::from_mins(5);
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
    /// When it has served long enough.
    ends: Instant,
    kept: Duration,
    place: Place,
}

/// Where a connection leads; two upstreams that lead to the same place share connections.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    host: Arc<str>,
    port: u16,
    /// The address of the TLS settings: other settings are another place.
    tls: usize,
}

/// One worker's unused connections, and the alarms of those in use.
#[derive(Debug)]
pub struct Pool {
    shelves: Mutex<Vec<Shelf>>,
    alarms: Alarms,
    sessions: Sessions,
    swept: Mutex<Moment>,
}

#[derive(Debug)]
struct Shelf {
    place: Place,
    /// Each until when it may be offered.
    idle: Vec<(Box<Connection>, Instant)>,
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
        Self { shelves: Mutex::default(), alarms: Alarms::new(now), sessions, swept: Mutex::new(now) }
    }

    /// Where sessions begin.
    #[must_use]
    pub const fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// The alarms that end what takes too long.
    #[must_use]
    pub const fn alarms(&self) -> &Alarms {
        &self.alarms
    }

    /// What a worker does every [`TICK`](crate::alarm::TICK).
    pub fn tick(&self, now: Moment) {
        self.alarms.look(now);
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
        let shelf = shelves.iter_mut().find(|shelf| leads_to(&shelf.place, upstream))?;
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
        let shelf = if let Some(at) = shelves.iter().position(|shelf| shelf.place == connection.place) {
            shelves.get_mut(at)
        } else {
            shelves.push(Shelf { place: connection.place.clone(), idle: Vec::new() });
            shelves.last_mut()
        };
        if let Some(shelf) = shelf.filter(|shelf| shelf.idle.len() < MOST_IDLE) {
            shelf.idle.push((connection, until));
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

fn tls_place(upstream: &Upstream) -> usize {
    upstream.tls.as_ref().map_or(0, |tls| Arc::as_ptr(tls).addr())
}

fn leads_to(place: &Place, upstream: &Upstream) -> bool {
    place.port == upstream.port && place.tls == tls_place(upstream) && *place.host == *upstream.host
}

/// Makes a new connection to the upstream.
///
/// # Errors
/// When the name is not found, nobody answers, or TLS fails.
pub async fn connect(upstream: &Upstream) -> io::Result<Box<Connection>> {
    let made = tokio::time::timeout(upstream.connect_timeout, reach(upstream)).await;
    made.unwrap_or_else(|_| {
        Err(io::Error::new(io::ErrorKind::TimedOut, "no connection within connect_timeout"))
    })
}

async fn reach(upstream: &Upstream) -> io::Result<Box<Connection>> {
    let stream = TcpStream::connect((&*upstream.host, upstream.port)).await?;
    stream.set_nodelay(true)?;
    let keepalive = socket2::TcpKeepalive::new().with_time(Duration::from_mins(1));
    socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    let (sender, driver) = match &upstream.tls {
        None => handshake(stream).await?,
        Some(tls) => {
            let name = ServerName::try_from(upstream.host.to_string()).map_err(io::Error::other)?;
            handshake(TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?).await?
        }
    };
    let place = Place { host: Arc::from(&*upstream.host), port: upstream.port, tls: tls_place(upstream) };
    let ends = Moment::now().monotonic + LONGEST_LIFE;
    Ok(Box::new(Connection { sender, reused: false, driver, ends, kept: upstream.pool_idle, place }))
}

async fn handshake(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> io::Result<(SendRequest<Outgoing>, AbortHandle)> {
    let (sender, connection) = http1::Builder::new()
        .max_headers(128)
        .max_buf_size(256 * 1024)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    let driver = tokio::spawn(async move {
        // Why it ended is told to whoever waits for its answer.
        let _ = connection.with_upgrades().await;
    });
    Ok((sender, driver.abort_handle()))
}
