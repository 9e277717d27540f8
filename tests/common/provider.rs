//! The stand-in provider on a socket of its own.

use std::net::SocketAddr;
use std::time::Duration;

use portcullis::standin::Standin;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A stand-in that serves until it is dropped.
pub(crate) struct Provider {
    pub(crate) standin: Standin,
    pub(crate) address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl Provider {
    /// Starts one that accepts this key and streams as fast as it can.
    pub(crate) fn start(key: &str) -> Self {
        Self::on(std::net::TcpListener::bind("127.0.0.1:0").unwrap(), key)
    }

    /// The same on a listener that the test made, so that the configuration can be written first.
    pub(crate) fn on(listener: std::net::TcpListener, key: &str) -> Self {
        let standin = Standin::new(key).pace(Duration::ZERO);
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let (stop, stopped) = oneshot::channel();
        let served = standin.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                drop(served.serve(listener, async { drop(stopped.await) }).await);
            });
        });
        Self { standin, address, _stop: stop }
    }
}
