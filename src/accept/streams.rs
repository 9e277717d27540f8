//! HTTP/2: many requests over one connection, bounded in number, memory and time.
//!
//! 1. Each request is a task of its own in a set of the worker's, so that none outlives the worker and each
//!    record is closed.
//! 2. A client that does not take its answer loses that request; the others of its connection go on.
//! 3. A connection without a request is closed after a while, whatever else moves on it: pings, settings and
//!    half of a head keep nothing open.
//! 4. Resets are counted by the library: who opens requests only to reset them loses the connection.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use pin_project_lite::pin_project;
use tokio::task::JoinSet;
use tower::Service as _;

use super::connection::{Client, Worker, begin, over};
use super::rewound::Rewound;
use crate::account::{Broken, Relay};
use crate::alarm::{Alarm, Alarms};
use crate::stack;

/// How many requests may be under way on one connection.
const MOST_STREAMS: u32 = 100;
/// The largest head, each header counted with 32 bytes more (RFC 9113 §6.5.2).
const LARGEST_HEAD: u32 = 64 * 1024;
/// How many bytes of one body, and of all on a connection, a client may send ahead of who reads them.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 512 * 1024;
/// How many bytes of one answer wait for the client.
const LONGEST_QUEUE: usize = 256 * 1024;
/// How many requests that the client reset may wait to be noticed (rapid reset).
const MOST_RESETS: usize = 20;
/// How many requests may be reset because the client broke the protocol.
const MOST_ERRORS: usize = 64;
/// How often it is asked whether the client is still there, and how long it may take to say so.
const PING: Duration = Duration::from_secs(30);
const PONG: Duration = Duration::from_secs(20);
/// How long a connection may take to end when it has no request any more.
const FAREWELL: Duration = Duration::from_secs(1);

/// One worker's requests over HTTP/2.
#[derive(Clone, Debug, Default)]
pub(super) struct Streams(Arc<Mutex<JoinSet<()>>>);

impl Streams {
    fn begin(&self, stream: impl Future<Output = ()> + Send + 'static) {
        let mut set = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Two that have ended are forgotten for each that begins, so the set is not larger than what is under way.
        let _ = set.try_join_next().and_then(|_| set.try_join_next());
        set.spawn(stream);
    }

    /// Drops what is under way.
    pub(super) async fn end(&self) {
        let mut set = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        set.shutdown().await;
    }
}

/// What is known of one connection by its requests.
#[derive(Debug)]
struct Line {
    streams: Streams,
    alarms: Alarms,
    /// How long a client may leave an answer untaken.
    patience: Duration,
    live: AtomicUsize,
    /// How many requests have begun or ended.
    moves: AtomicU64,
    /// What the next request that is begun is watched by.
    next: Mutex<Arc<Untaken>>,
}

impl Line {
    fn moved(&self) {
        self.moves.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until there was no request for so long.
    async fn idle(&self, longest: Duration) {
        loop {
            let before = self.moves.load(Ordering::Relaxed);
            self.alarms.set(longest).await;
            if self.live.load(Ordering::Relaxed) == 0 && self.moves.load(Ordering::Relaxed) == before {
                return;
            }
        }
    }
}

/// Whether the connection holds a piece of an answer which the client has not taken: odd if so. Each piece has
/// another number.
#[derive(Debug, Default)]
struct Untaken(AtomicU64);

impl Untaken {
    fn set(&self, holds: bool) {
        let next = self.0.load(Ordering::Relaxed).wrapping_add(2);
        self.0.store(if holds { next | 1 } else { next & !1 }, Ordering::Relaxed);
    }

    fn piece(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|number| number % 2 == 1)
    }
}

/// Serves one connection.
pub(super) async fn serve(stream: Rewound, client: Client, worker: Worker) {
    let Worker { shared, pool, streams, stop } = worker;
    let alarms = pool.alarms();
    let (idle, patience) = {
        let snapshot = shared.snapshot.load();
        (snapshot.server.header_timeout, snapshot.server.bounds.write_timeout)
    };
    let line = Arc::new(Line {
        streams,
        alarms,
        patience,
        live: AtomicUsize::new(0),
        moves: AtomicU64::new(0),
        next: Mutex::default(),
    });
    let (stack, asked) = (stack::gate(pool), Arc::clone(&line));
    let service = service_fn(move |request: Request<Incoming>| {
        let untaken = Arc::new(Untaken::default());
        *asked.next.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&untaken);
        let answering = stack.clone().call(begin(request, &client, &shared));
        async move { answering.await.map(|answer| answer.map(|relay| Watched { relay, untaken })) }
    });
    let serving = http2::Builder::new(Begin(Arc::clone(&line)))
        .timer(alarms)
        .max_concurrent_streams(MOST_STREAMS)
        .max_header_list_size(LARGEST_HEAD)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(LONGEST_QUEUE)
        .max_pending_accept_reset_streams(MOST_RESETS)
        .max_local_error_reset_streams(MOST_ERRORS)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        biased;
        // How it ended is no news: its requests have told their own story.
        _ = serving.as_mut() => return,
        () = over(stop) => {}
        () = line.idle(idle) => {}
    }
    // The client is told which requests are still answered, and those are.
    serving.as_mut().graceful_shutdown();
    tokio::select! {
        biased;
        _ = serving => {}
        () = line.idle(FAREWELL) => {}
    }
}

/// Begins the requests of a connection.
#[derive(Clone, Debug)]
struct Begin(Arc<Line>);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Begin {
    fn execute(&self, stream: F) {
        let line = Arc::clone(&self.0);
        // The service was called for this very request just before.
        let untaken = Arc::clone(&line.next.lock().unwrap_or_else(PoisonError::into_inner));
        line.live.fetch_add(1, Ordering::Relaxed);
        line.moved();
        let live = Live(Arc::clone(&line));
        self.0.streams.begin(UnderWay { stream, untaken, seen: 0, alarm: None, live });
    }
}

/// A request's place among those of its connection.
struct Live(Arc<Line>);

impl Drop for Live {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Ordering::Relaxed);
        self.0.moved();
    }
}

pin_project! {
    /// A request under way; it is given up when its answer is not taken.
    struct UnderWay<F> {
        #[pin]
        stream: F,
        untaken: Arc<Untaken>,
        seen: u64,
        alarm: Option<Alarm>,
        live: Live,
    }
}

impl<F: Future<Output = ()>> Future for UnderWay<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if this.stream.poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let Some(piece) = this.untaken.piece() else {
            *this.alarm = None;
            return Poll::Pending;
        };
        let line = &this.live.0;
        let alarm = this.alarm.get_or_insert_with(|| line.alarms.set(line.patience));
        if std::mem::replace(this.seen, piece) != piece {
            alarm.again(line.patience);
        }
        // Ready: dropping the stream resets it, and closes the record.
        Pin::new(alarm).poll(cx)
    }
}

/// An answer that notes whether its last piece was taken.
struct Watched {
    relay: Relay,
    untaken: Arc<Untaken>,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let polled = Pin::new(&mut self.relay).poll_frame(cx);
        self.untaken.set(matches!(polled, Poll::Ready(Some(Ok(_)))));
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.relay.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.relay.size_hint()
    }
}
