//! What goes on when its request has been answered: sessions, handed to the worker that took the connection.

use std::pin::Pin;

use tokio::sync::{mpsc, watch};

/// A session, from its first frame to its record.
pub type Session = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where a worker's sessions begin, and how they learn that they must end.
#[derive(Clone, Debug)]
pub struct Sessions {
    begin: mpsc::UnboundedSender<Session>,
    over: watch::Receiver<bool>,
}

/// The worker's side.
#[derive(Debug)]
pub struct Begun {
    begun: mpsc::UnboundedReceiver<Session>,
    over: watch::Sender<bool>,
}

impl Sessions {
    /// Both sides.
    #[must_use]
    pub fn new() -> (Self, Begun) {
        let (begin, begun) = mpsc::unbounded_channel();
        let (tell, over) = watch::channel(false);
        (Self { begin, over }, Begun { begun, over: tell })
    }

    /// Hands a session to the worker. It is dropped, and its record closed, if the worker is gone.
    pub fn begin(&self, session: Session) {
        let _ = self.begin.send(session);
    }

    /// Becomes true when every session must end.
    #[must_use]
    pub fn over(&self) -> watch::Receiver<bool> {
        self.over.clone()
    }
}

impl Begun {
    /// The next session that begins.
    pub async fn next(&mut self) -> Option<Session> {
        self.begun.recv().await
    }

    /// The next one that waits already.
    pub fn waiting(&mut self) -> Option<Session> {
        self.begun.try_recv().ok()
    }

    /// Tells every session to end.
    pub fn end(&self) {
        self.over.send_replace(true);
    }
}
