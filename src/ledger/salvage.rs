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

/// That there was a panic in the work on a request. Somebody must come for its record.
#[derive(Debug)]
#[must_use]
pub struct Panicked(RequestId);

/// Does a piece of work on a request. It gives nothing back: what comes of it is written where it belongs, for
/// a future of kilobytes would be copied on the way.
///
/// # Errors
/// When it panicked.
pub fn watched(id: RequestId, work: impl FnOnce()) -> Result<(), Panicked> {
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
    /// What is begun later, where it stays.
    #[must_use]
    pub const fn not_begun(id: RequestId) -> Self {
        Self { work: None, sunk: None, id }
    }

    /// Begins it where it is, which may panic already.
    pub fn begin_here(self: Pin<&mut Self>, begin: impl FnOnce() -> F) {
        let mut this = self.project();
        if let Err(panicked) = watched(*this.id, || this.work.set(Some(begin()))) {
            *this.sunk = Some(panicked.over(|| this.work.set(None)));
        }
    }

    /// Begins it, which may panic already.
    pub fn begin(id: RequestId, begin: impl FnOnce() -> F) -> Self {
        let mut this = Self { work: None, sunk: None, id };
        if let Err(panicked) = watched(id, || this.work = Some(begin())) {
            this.sunk = Some(panicked.over(|| ()));
        }
        this
    }
}

impl<F: Future> Future for Watched<F> {
    type Output = Result<F::Output, Wreck>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(work) = this.work.as_mut().as_pin_mut() else {
            return this.sunk.take().map_or(Poll::Pending, |wreck| Poll::Ready(Err(wreck)));
        };
        let mut polled = Poll::Pending;
        if let Err(panicked) = watched(*this.id, || polled = work.poll(cx).map(Ok)) {
            return Poll::Ready(Err(panicked.over(|| this.work.set(None))));
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;
    use crate::config;
    use crate::ledger::Ledger;
    use crate::metrics::Metrics;
    use crate::record::{Form, Record};
    use std::sync::Arc;
    use std::task::Waker;

    fn open(ledger: &Arc<Ledger>) -> OpenRecord {
        let (head, ()) = http::Request::new(()).into_parts();
        let record = Record::begin(&head, [192, 0, 2, 1].into(), config::smallest(), Moment::now());
        OpenRecord::open(Box::new(record), Arc::clone(ledger))
    }

    fn ledger() -> Arc<Ledger> {
        Arc::new(Ledger::new(Arc::new(Metrics::default()), Form::Json))
    }

    fn counted(ledger: &Ledger, outcome: &str) -> u64 {
        let text = ledger.metrics.render().unwrap();
        let of = format!("outcome=\"{outcome}\"");
        let lines =
            text.lines().filter(|line| line.starts_with("portcullis_requests_total{") && line.contains(&of));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }

    /// What is left when the work has panicked.
    fn wreck_of(id: RequestId, work: impl Future<Output = ()>) -> Wreck {
        let mut work = std::pin::pin!(Watched::begin(id, || work));
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            match work.as_mut().poll(&mut cx) {
                Poll::Ready(Err(wreck)) => return wreck,
                Poll::Ready(Ok(())) => panic!("it did not panic"),
                Poll::Pending => {}
            }
        }
    }

    #[test]
    fn a_record_outlives_the_panic_that_unwinds_over_it_and_no_other_does() {
        let ledger = ledger();
        let (record, other) = (open(&ledger), open(&ledger));
        let id = record.id;
        let wreck = wreck_of(id, async move {
            let held = (record, other);
            let mut asked = false;
            std::future::poll_fn(|_| {
                if std::mem::replace(&mut asked, true) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            panic!("on purpose, with {}", held.0.id.as_str());
        });
        assert_eq!(ledger.metrics.in_flight.get(), 1, "the other one is closed");
        assert_eq!(wreck.record.as_ref().map(|record| record.id), Some(id));
        assert_eq!(counted(&ledger, "cut"), 1);
        wreck.cut();
        assert_eq!((ledger.metrics.in_flight.get(), counted(&ledger, "cut")), (0, 2));
    }

    /// Work that holds its record where no panic unwinds.
    struct Holds(Option<OpenRecord>);

    impl Future for Holds {
        type Output = ();

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            assert!(self.0.is_none(), "on purpose");
            Poll::Pending
        }
    }

    #[test]
    fn one_that_is_held_beside_the_panic_is_kept_too() {
        let ledger = ledger();
        let record = open(&ledger);
        let wreck = wreck_of(record.id, Holds(Some(record)));
        assert_eq!(ledger.metrics.in_flight.get(), 1);
        drop(wreck.record.unwrap());
        assert_eq!((ledger.metrics.in_flight.get(), counted(&ledger, "abandoned")), (0, 1));
    }

    #[test]
    fn one_that_nobody_watches_is_closed_and_says_what_happened() {
        let ledger = ledger();
        let record = open(&ledger);
        let done = catch_unwind(AssertUnwindSafe(move || {
            let _held = record;
            panic!("on purpose");
        }));
        assert!(done.is_err());
        assert_eq!((ledger.metrics.in_flight.get(), counted(&ledger, "cut")), (0, 1));
    }

    #[test]
    fn a_panic_where_the_work_begins_is_caught_as_well() {
        let ledger = ledger();
        let record = open(&ledger);
        let id = record.id;
        let mut work = std::pin::pin!(Watched::begin(id, || -> std::future::Ready<()> {
            let _held = record;
            panic!("on purpose");
        }));
        let polled = work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let Poll::Ready(Err(wreck)) = polled else { panic!("it did not panic") };
        assert_eq!(wreck.record.map(|record| record.id), Some(id));
        assert_eq!(ledger.metrics.in_flight.get(), 0);
    }
}
