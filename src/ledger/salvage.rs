//! What of a request survives a panic: its record, for whoever caught the panic.
//!
//! 1. A panic drops what it unwinds over. Of the request that is being worked on, the record is kept meanwhile instead
//!    of being closed, so that it can say what happened, and the client can be answered with it.
//! 2. Only one that is watched is kept: one of another request, or one that nobody would come for, closes as ever.
//! 3. The words of a panic are not kept: they could hold anything. Its place is.
//! 4. A request that goes well pays for two words of its thread's memory.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::OpenRecord;
use crate::denial::{Denial, Reason};
use crate::record::Outcome;
use crate::request_id::RequestId;

thread_local! {
    /// The request that is being worked on.
    static WATCHED: Cell<Option<RequestId>> = const { Cell::new(None) };
    /// Whether what is left of it after a panic is being dropped.
    static SINKING: Cell<bool> = const { Cell::new(false) };
    /// Its record.
    static KEPT: RefCell<Option<OpenRecord>> = const { RefCell::new(None) };
    /// Where the last panic was.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// What a panic left of a request.
#[derive(Debug)]
pub struct Wreck {
    /// Its record, unless it was closed before.
    pub record: Option<OpenRecord>,
    /// Its name.
    pub id: RequestId,
    place: String,
}

/// That there was a panic in the work on a request.
#[derive(Debug)]
pub struct Panicked(RequestId);

/// Does a piece of work on a request.
///
/// # Errors
/// When it panicked.
pub fn watched<T>(id: RequestId, work: impl FnOnce() -> T) -> Result<T, Panicked> {
    let before = WATCHED.replace(Some(id));
    let done = catch_unwind(AssertUnwindSafe(work));
    WATCHED.set(before);
    // What was thrown is let go of here, unseen.
    done.map_err(|_| Panicked(id))
}

/// The request that is being worked on in this thread, for the report of a panic; its place is noted.
#[must_use]
pub fn panics_at(place: &str) -> Option<RequestId> {
    PLACE.with(|kept| {
        if let Ok(mut kept) = kept.try_borrow_mut() {
            place.clone_into(&mut kept);
        }
    });
    WATCHED.get()
}

impl Panicked {
    /// Drops what is left of the request, and gives its record.
    #[must_use]
    pub fn over(self, rest: impl FnOnce()) -> Wreck {
        let Self(id) = self;
        let place = PLACE.take();
        let before = WATCHED.replace(Some(id));
        SINKING.set(true);
        // A second panic, in what is dropped, changes nothing.
        let _ = catch_unwind(AssertUnwindSafe(rest));
        SINKING.set(false);
        WATCHED.set(before);
        Wreck { record: KEPT.take(), id, place }
    }
}

impl Wreck {
    /// The denial for a request that had no answer yet.
    #[must_use]
    pub fn denial(&self) -> Denial {
        let at = if self.place.is_empty() { String::new() } else { format!(" at {}", self.place) };
        Denial::built_in(Reason::InternalError).because(at)
    }

    /// Closes the record of a request whose answer had begun.
    pub fn cut(self) {
        if let Some(mut record) = self.record {
            record.outcome = Outcome::Cut(BUG);
        }
    }
}

/// What the record says of an answer that a panic broke off.
pub(super) const BUG: &str =
    "a fault in portcullis broke it off: see the line of the log that says 'panicked'";

/// Whether the record of this request is kept when it is dropped now.
pub(super) fn keeps(id: RequestId) -> bool {
    (std::thread::panicking() || SINKING.get()) && WATCHED.get() == Some(id)
}

/// Keeps it. One that was kept before, and that nobody came for, is closed.
pub(super) fn keep(record: OpenRecord) {
    drop(KEPT.with(|kept| kept.try_borrow_mut().map(|mut kept| kept.replace(record))));
}

pin_project! {
    /// The work on a request, which ends with what is left of it if it panics.
    #[derive(Debug)]
    pub struct Watched<F> {
        #[pin]
        work: Option<F>,
        sunk: Option<Wreck>,
        id: RequestId,
    }
}

impl<F> Watched<F> {
    /// Begins it, which may panic already.
    pub fn begin(id: RequestId, begin: impl FnOnce() -> F) -> Self {
        match watched(id, begin) {
            Ok(work) => Self { work: Some(work), sunk: None, id },
            Err(panicked) => Self { work: None, sunk: Some(panicked.over(|| ())), id },
        }
    }
}

impl<F: Future> Future for Watched<F> {
    type Output = Result<F::Output, Wreck>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(work) = this.work.as_mut().as_pin_mut() else {
            return this.sunk.take().map_or(Poll::Pending, |wreck| Poll::Ready(Err(wreck)));
        };
        match watched(*this.id, || work.poll(cx)) {
            Ok(polled) => polled.map(Ok),
            Err(panicked) => Poll::Ready(Err(panicked.over(|| this.work.set(None)))),
        }
    }
}
