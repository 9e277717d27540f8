//! One client's connection, from its first byte to its last.
//!
//! HTTP/1.1 is taken for granted, and pays nothing for HTTP/2: only where a head turns out to be the preface
//! of HTTP/2 what was read is handed over to `streams.rs`, and read again there.

use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::watch;
use tower::Service as _;

use super::framing::Framing;
use super::rewound::{Rewound, Stream};
use super::streams::{self, Streams};
use super::{Phase, Shared};
use crate::body::ClientBody;
use crate::certificate::Certificate;
use crate::clock::Moment;
use crate::exchange::{Accepted, Carried, Exchange};
use crate::hush::Hush;
use crate::ledger::OpenRecord;
use crate::pool::Pool;
use crate::record::Record;
use crate::stack;
use crate::wire::Wire;

/// The largest head that is read.
const LONGEST_HEAD: usize = 64 * 1024;

/// What a worker's connections need.
#[derive(Clone, Debug)]
pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) pool: Arc<Pool>,
    pub(super) streams: Streams,
    pub(super) stop: watch::Receiver<Phase>,
}

/// Who is at the other end.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) peer: IpAddr,
    /// What it showed in the TLS handshake.
    pub(super) certificate: Option<Arc<Certificate>>,
}

impl Client {
    /// A client that showed no certificate.
    pub(super) const fn at(peer: IpAddr) -> Self {
        Self { peer, certificate: None }
    }
}

/// Serves one connection. It is compiled for each kind of stream, so that plain ones pay nothing for TLS.
pub(super) async fn serve<S: Stream>(stream: S, client: Client, worker: Worker) {
    let (header_timeout, http2) = {
        let snapshot = worker.shared.snapshot.load();
        (snapshot.server.header_timeout, snapshot.server.bounds.http2)
    };
    let alarms = worker.pool.alarms();
    let stack = stack::gate(Arc::clone(&worker.pool));
    let (far, shared) = (client.clone(), Arc::clone(&worker.shared));
    let service = service_fn(move |request: Request<Incoming>| {
        let mut stack = stack.clone();
        let exchange = begin(request, &far, &shared);
        // Every stage is always ready: each bound is a refusal with a reason, never a queue.
        stack.call(exchange)
    });
    let mut serving = http1::Builder::new()
        .timer(alarms)
        .header_read_timeout(header_timeout)
        .max_buf_size(LONGEST_HEAD)
        // A head has no more than 100 headers unless another number is set, which takes a slower path.
        .serve_connection(TokioIo::new(Wire::new(stream, Framing::default())), service)
        .with_upgrades();
    // How a client's connection ended is no news: its requests have told their own story. Only a head that
    // was none began no request.
    let ended = if let Some(ended) = unless(Pin::new(&mut serving), worker.stop.clone()).await {
        ended
    } else {
        Pin::new(&mut serving).graceful_shutdown();
        Pin::new(&mut serving).await
    };
    let Err(error) = ended else { return };
    if error.is_parse_version_h2() && http2 {
        if let Some(parts) = serving.into_parts() {
            let again = Rewound::new(parts.read_buf, parts.io.into_inner().into_inner());
            serve_streams(again, client, worker).await;
        }
    } else if error.is_parse() {
        worker.shared.ledger.metrics.heads_invalid.inc();
    }
}

/// Serves one connection that speaks HTTP/2.
pub(super) async fn serve_streams(stream: Rewound, client: Client, worker: Worker) {
    // Boxed: other connections must not be as large.
    Box::pin(streams::serve(stream, client, worker)).await;
}

/// Waits until the gate no longer serves.
pub(super) async fn over(mut stop: watch::Receiver<Phase>) {
    // A sender that is gone, which is an error, says so too.
    let _ = stop.wait_for(|phase| *phase != Phase::Serving).await;
}

/// Waits for the future, but no longer than the gate serves.
///
/// The future is polled for each packet, the end of serving once: a task has one waker for life, so
/// the first poll has left it behind for good, and until the phase has changed there is no news.
async fn unless<F: Future>(mut future: Pin<&mut F>, stop: watch::Receiver<Phase>) -> Option<F::Output> {
    let mut told = stop.clone();
    let mut told = std::pin::pin!(told.wait_for(|phase| *phase != Phase::Serving));
    let (mut asked, mut hush) = (false, Hush::default());
    poll_fn(|cx| {
        // Before the future, which may use up what the runtime lets a task do in one turn. A sender
        // that is gone, which is an error, is news too.
        let news = !std::mem::replace(&mut asked, true) || stop.has_changed().unwrap_or(true);
        let over = news && told.as_mut().poll(cx).is_ready();
        match future.as_mut().poll(&mut hush.hushed(cx)) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if over => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Begins a request, and its record.
pub(super) fn begin(request: Request<Incoming>, client: &Client, shared: &Shared) -> Exchange<Accepted> {
    let (head, body) = request.into_parts();
    let snapshot = shared.snapshot.load_full();
    let record = Box::new(Record::begin(&head, client.peer, Arc::clone(&snapshot), Moment::now()));
    let record = OpenRecord::open(record, Arc::clone(&shared.ledger));
    let (body, certificate) = (ClientBody::Wire(body), client.certificate.clone());
    let carried = Box::new(Carried { head, body, snapshot, record, certificate, checked: None });
    Exchange { carried, stage: Accepted { peer: client.peer } }
}
