//! The sockets on which one worker waits for clients: TCP and Unix, any number of them.
//!
//! A client on a Unix socket is on this machine, and the mode of the socket's file says who may connect: its
//! address counts as 127.0.0.1, so that only those are served who let that address in.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::task::{Context, Poll};

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// What the address of a client on a Unix socket counts as.
pub const ON_THIS_MACHINE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A socket on which clients connect.
#[derive(Debug)]
pub enum Listener {
    /// A port.
    Tcp(TcpListener),
    /// A file.
    Unix(UnixListener),
}

/// The sockets of one worker.
#[derive(Debug)]
pub struct Listeners {
    all: Vec<Listener>,
    /// The one that is asked first, each in its turn.
    first: usize,
}

/// A client that has connected.
#[derive(Debug)]
pub(super) enum Arrival {
    Tcp(TcpStream, IpAddr),
    Unix(UnixStream),
}

impl Listeners {
    /// All of them.
    #[must_use]
    pub const fn new(all: Vec<Listener>) -> Self {
        Self { all, first: 0 }
    }

    /// Waits for the next client.
    pub(super) async fn accept(&mut self) -> io::Result<Arrival> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Arrival>> {
        let (before, from) = self.all.split_at(self.first.min(self.all.len()));
        for (at, listener) in from.iter().chain(before).enumerate() {
            let polled = match listener {
                Listener::Tcp(tcp) => {
                    tcp.poll_accept(cx).map_ok(|(stream, peer)| Arrival::Tcp(stream, peer.ip()))
                }
                Listener::Unix(unix) => unix.poll_accept(cx).map_ok(|(stream, _)| Arrival::Unix(stream)),
            };
            if polled.is_ready() {
                // The next one is asked first then: a flood on one does not hold up the others.
                self.first = (self.first + at + 1) % self.all.len().max(1);
                return polled;
            }
        }
        Poll::Pending
    }
}
