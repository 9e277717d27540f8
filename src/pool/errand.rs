//! What a connection is to do for the request that it carries; it has one at a time.
//!
//! 1. Before it sends, what the request may cost is written down. A worker takes what its clients sent, one after the
//!    other, and then its connections send, one after the other: so the first that sends writes down what all may cost,
//!    with one call, where each would do it by itself when it is noted.
//! 2. From the head of the answer lines are taken that nobody reads. What is read first behind a request is that head,
//!    and what is read later may be anything.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::book::{Book, Noted};
use crate::skim::{self, skim};
use crate::wire::Look;

/// How an answer begins whose head is known well enough.
const OK: &[u8] = b"HTTP/1.1 200 ";

/// What is shared by who sends a request and the stream that it is sent over.
#[derive(Debug)]
pub(super) struct Errand {
    book: Option<Arc<Book>>,
    /// The reservation that has to be written before anything is sent; zero before there is one.
    noted: AtomicU64,
    /// Whether nothing of the answer was read.
    unanswered: AtomicBool,
}

impl Errand {
    pub(super) fn new(book: Option<Arc<Book>>) -> Arc<Self> {
        Arc::new(Self { book, noted: AtomicU64::new(0), unanswered: AtomicBool::new(false) })
    }

    /// A request is about to be sent.
    pub(super) fn begin(&self, noted: Option<Noted>) {
        self.noted.store(noted.map_or(0, Noted::place), Ordering::Release);
        self.unanswered.store(true, Ordering::Release);
    }

    /// Writes down what the request may cost, unless that was done.
    ///
    /// # Errors
    /// When it cannot be written; the error holds [`Lost`](crate::book::Lost).
    pub(super) fn write_down(&self) -> io::Result<()> {
        match (Noted::at(self.noted.load(Ordering::Acquire)), &self.book) {
            (Some(noted), Some(book)) => book.write_up_to(noted).map_err(io::Error::other),
            (None, _) | (_, None) => Ok(()),
        }
    }

    /// How many of the bytes that were read are left.
    fn answered(&self, bytes: &mut [u8]) -> usize {
        if self.unanswered.load(Ordering::Acquire) {
            self.unanswered.store(false, Ordering::Release);
            if bytes.starts_with(OK) {
                let skimmed = skim(bytes, &skim::OF_ANSWERS, |_, _| ());
                return skimmed.map_or(bytes.len(), |skimmed| skimmed.left);
            }
        }
        bytes.len()
    }
}

impl Look for Arc<Errand> {
    fn read(&mut self, bytes: &mut [u8]) -> usize {
        self.answered(bytes)
    }
}
