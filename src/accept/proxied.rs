//! Whose connection it is, where proxies say so first.
//!
//! 1. Only who is a trusted proxy may connect then: anybody else could claim any address.
//! 2. The header is read before anything else, also before TLS, and in the time that a handshake may take.
//! 3. Exactly the header is taken off: what stands behind is read by whom it is for.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::connection::{Worker, over};
use crate::proxy_header::{self, Header, Origin, read};

/// How long a header may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The client's address, or nothing where the connection is not to be served.
pub(super) async fn client(stream: &mut TcpStream, proxy: IpAddr, worker: &Worker) -> Option<IpAddr> {
    let metrics = &worker.shared.ledger.metrics;
    if !worker.shared.snapshot.load().server.trusted_proxies.contains(proxy) {
        metrics.proxy_header_failed("not_trusted");
        return None;
    }
    let why = tokio::select! {
        biased;
        origin = header(stream) => match origin {
            Ok(Some(Origin::Proxy)) => return Some(proxy),
            Ok(Some(Origin::Client(client))) => return Some(client.to_canonical()),
            Ok(None) => "invalid",
            Err(_) => "left",
        },
        () = worker.pool.alarms().set(PATIENCE) => "too_slow",
        () = over(worker.stop.clone()) => "too_slow",
    };
    metrics.proxy_header_failed(why);
    None
}

/// Reads exactly the header; nothing if there is none.
async fn header(stream: &mut TcpStream) -> io::Result<Option<Origin>> {
    let mut bytes = [0; proxy_header::LONGEST];
    let mut had = 0;
    loop {
        let (so_far, rest) = bytes.split_at_mut(had);
        let needed = match read(so_far) {
            Ok(Header::Whole(_, origin)) => return Ok(Some(origin)),
            Ok(Header::Needs(whole)) => whole.saturating_sub(had),
            Ok(Header::EndsWithin(most)) => end_of_line(stream, rest, most.saturating_sub(had)).await?,
            Err(_) => return Ok(None),
        };
        let Some(into) = rest.get_mut(..needed) else { return Ok(None) };
        let got = stream.read(into).await?;
        if got == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        had += got;
    }
}

/// How many of the next bytes belong to the line: up to its end, or all that are there.
async fn end_of_line(stream: &TcpStream, room: &mut [u8], most: usize) -> io::Result<usize> {
    let room = room.get_mut(..most).unwrap_or_default();
    let seen = stream.peek(room).await?;
    let there = room.get(..seen).unwrap_or_default();
    Ok(memchr::memchr(b'\n', there).map_or(seen, |end| end + 1).max(1))
}
