//! The TLS handshake of a client's connection, bounded in number and time.
//!
//! Until it is done nobody knows who the client is, and it asks for a signature. So there may be only so
//! many at once, and none may dawdle. What comes to nothing is counted; it began no request and has no record.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Shared;
use super::connection::{Worker, over};

/// How long a handshake may take.
const LONGEST: Duration = Duration::from_secs(10);
/// How long one may still take when the gate has been told to stop.
const LONGEST_AT_THE_END: Duration = Duration::from_secs(1);
/// One connection in so many may be in its handshake.
const SHARE: usize = 4;
/// So many may be in any case.
const FEWEST: usize = 16;

/// What a client hears that speaks plain HTTP. Nothing of what it said was read.
const PLAIN_HTTP: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 53\r\n\
    connection: close\r\n\r\nThis port speaks TLS: write https:// in the base URL\n";

/// Shakes hands, or counts why not.
pub(super) async fn shake(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    worker: &Worker,
) -> Option<TlsStream<TcpStream>> {
    let (shared, alarms) = (&worker.shared, worker.pool.alarms());
    let metrics = &shared.ledger.metrics;
    let most = (shared.snapshot.load().server.max_connections / SHARE).max(FEWEST);
    let Some(_turn) = Turn::take(&shared.handshakes, most) else {
        metrics.handshake_failed("too_many");
        return None;
    };
    let too_late = async {
        tokio::select! {
            () = alarms.set(LONGEST) => {}
            () = async {
                over(worker.stop.clone()).await;
                alarms.set(LONGEST_AT_THE_END).await;
            } => {}
        }
    };
    let why = tokio::select! {
        biased;
        done = secured(stream, acceptor) => match done {
            Ok(secured) => return Some(secured),
            Err(why) => why,
        },
        () = too_late => "too_slow",
    };
    metrics.handshake_failed(why);
    None
}

async fn secured(mut stream: TcpStream, acceptor: TlsAcceptor) -> Result<TlsStream<TcpStream>, &'static str> {
    let mut first = [0];
    match stream.peek(&mut first).await {
        Ok(0) | Err(_) => return Err("left"),
        // No TLS record begins like this, and each HTTP method does.
        Ok(_) if first[0].is_ascii_uppercase() => {
            refuse_plainly(&mut stream).await;
            return Err("plain_http");
        }
        Ok(_) => {}
    }
    let left = [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe];
    let failed = |error: io::Error| if left.contains(&error.kind()) { "left" } else { "failed" };
    // Boxed: it is a kilobyte, and the connection's future must stay small.
    Box::pin(acceptor.accept(stream)).await.map_err(failed)
}

/// What the client sent is read and thrown away, or closing would take the answer back.
async fn refuse_plainly(stream: &mut TcpStream) {
    if stream.write_all(PLAIN_HTTP).await.is_ok() && stream.shutdown().await.is_ok() {
        let mut nothing = [0; 1024];
        for _ in 0..64 {
            match tokio::io::AsyncReadExt::read(stream, &mut nothing).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }
}

/// A handshake's place in the count.
struct Turn<'s>(&'s AtomicUsize);

impl<'s> Turn<'s> {
    fn take(under_way: &'s AtomicUsize, most: usize) -> Option<Self> {
        let one_more = |count: usize| (count < most).then(|| count + 1);
        under_way.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).ok()?;
        Some(Self(under_way))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// How a new connection is secured, by the configuration in force.
pub(super) fn acceptor(shared: &Shared) -> Option<TlsAcceptor> {
    shared.snapshot.load().server.tls.as_ref().map(|tls| TlsAcceptor::from(Arc::clone(tls)))
}
