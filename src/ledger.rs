//! Closes every record exactly once, whatever becomes of its request.
//!
//! An [`OpenRecord`] travels with its request. Whoever brings the request to its end lets it go;
//! a client that walks away, a timeout or a panic lets it go too. Dropping it is what closes it:
//! there is no other way, so there is no path on which a record is lost or told twice.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::book::{Book, Entry};
use crate::clock::Moment;
use crate::denial::Denial;
use crate::flood::{Flood, Repeats, Telling};
use crate::metrics::Metrics;
use crate::money::Money;
use crate::record::{Form, Outcome, Record};
use crate::store::Store;
use crate::telemetry::RECORD;
use crate::usage::Usage;

/// Where records end up.
#[derive(Debug)]
pub struct Ledger {
    /// Counts each record.
    pub metrics: Arc<Metrics>,
    /// How each is written.
    pub form: Form,
    /// Whether the log has every denial by itself, also those of a flood.
    pub every_one: bool,
    /// Thins out floods.
    pub flood: Flood,
    /// Keeps what may be looked up later, if the configuration names a place.
    pub store: Option<Store>,
    /// Keeps what was used, if the configuration names a place.
    pub book: Option<Book>,
}

impl Ledger {
    /// A ledger that keeps nothing.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, form: Form) -> Self {
        Self { metrics, form, every_one: false, flood: Flood::default(), store: None, book: None }
    }

    /// What a worker does every [`TICK`](crate::alarm::TICK).
    pub fn tick(&self, now: Moment) {
        self.tell_repeats(&self.flood.ended(now));
    }

    /// Tells what is still counted, and waits until the store has all.
    pub fn close(&self) {
        self.tell_repeats(&self.flood.close());
        if let Some(store) = &self.store {
            store.close();
        }
        if let Some(book) = &self.book {
            book.close();
        }
    }

    fn tell_repeats(&self, repeats: &[Repeats]) {
        if repeats.is_empty() {
            return;
        }
        if let Some(store) = &self.store {
            store.repeated(repeats);
        }
        let mut line = String::new();
        for one in repeats.iter().filter(|one| one.event == "denied" && !self.every_one) {
            line.clear();
            one.render(self.form, &mut line);
            tracing::warn!(target: RECORD, line = line.as_str());
        }
    }

    /// Whether a record of this outcome is looked up later.
    fn is_kept(record: &Record) -> bool {
        record.refused_by_upstream.is_some()
            || !record.would_deny.is_empty()
            || matches!(record.outcome, Outcome::Refused(_) | Outcome::Cut(_))
    }

    /// Notes what a request used that went to an upstream.
    fn note_usage(&self, record: &Record) {
        let (Some(book), Some(_)) = (&self.book, record.decided) else { return };
        let (Some(project), Some(key)) = (record.project(), record.key()) else { return };
        let Some(upstream) = record.upstream() else { return };
        let entry = Entry {
            at_ms: record.begun.unix_millis(),
            project: &project.name,
            key: &key.id,
            upstream: &upstream.name,
            model: record.model.as_deref().unwrap_or_default(),
            usage: &Usage::default(),
            cost: Money::ZERO,
            estimated: false,
        };
        book.settle(None, &entry);
    }

    /// Writes and keeps a record that ended.
    fn tell(&self, record: &Record) {
        if let Some(store) = &self.store {
            store.decided(record);
        }
        let kept = Self::is_kept(record);
        let event = record.event();
        let thinned = kept && (event == "denied" || self.store.is_some());
        let whole = !thinned || self.flood.tell(record) == Telling::Whole;
        LINE.with_borrow_mut(|line| {
            line.clear();
            let form = self.form;
            match event {
                "denied" if !whole && !self.every_one => {}
                _ if record.alert.is_some() => {
                    record.render(form, line);
                    tracing::error!(target: RECORD, line = line.as_str());
                }
                "denied" if tracing::enabled!(target: RECORD, tracing::Level::WARN) => {
                    record.render(form, line);
                    tracing::warn!(target: RECORD, line = line.as_str());
                }
                "failed" | "cut" if tracing::enabled!(target: RECORD, tracing::Level::ERROR) => {
                    record.render(form, line);
                    tracing::error!(target: RECORD, line = line.as_str());
                }
                "served" | "abandoned" if tracing::enabled!(target: RECORD, tracing::Level::INFO) => {
                    record.render(form, line);
                    tracing::info!(target: RECORD, line = line.as_str());
                }
                _ => {}
            }
            if let (Some(store), true) = (&self.store, kept && whole) {
                if line.is_empty() || form == Form::Text {
                    line.clear();
                    record.render(Form::Json, line);
                }
                store.keep(line);
            }
        });
    }
}

/// A record whose request has not ended.
#[derive(Debug)]
pub struct OpenRecord {
    record: Box<Record>,
    /// Nothing for a request that nobody sent.
    ledger: Option<Arc<Ledger>>,
}

impl OpenRecord {
    /// Opens a record.
    #[must_use]
    pub fn open(record: Record, ledger: Arc<Ledger>) -> Self {
        ledger.metrics.in_flight.inc();
        Self { record: Box::new(record), ledger: Some(ledger) }
    }

    /// Opens the record of a request that nobody sent: it is neither counted nor told, not even where
    /// a gate runs in the same process.
    #[must_use]
    pub fn untold(record: Record) -> Self {
        Self { record: Box::new(record), ledger: None }
    }

    /// Where what happens to it is counted; nowhere for a request that nobody sent.
    #[must_use]
    pub fn metrics(&self) -> Option<&Metrics> {
        self.ledger.as_ref().map(|ledger| &*ledger.metrics)
    }

    /// Notes that the request was refused.
    pub fn refuse(&mut self, denial: Denial) {
        self.record.outcome = Outcome::Refused(denial);
    }
}

impl Deref for OpenRecord {
    type Target = Record;

    fn deref(&self) -> &Record {
        &self.record
    }
}

impl DerefMut for OpenRecord {
    fn deref_mut(&mut self) -> &mut Record {
        &mut self.record
    }
}

thread_local! {
    static LINE: RefCell<String> = const { RefCell::new(String::new()) };
}

impl Drop for OpenRecord {
    fn drop(&mut self) {
        let Some(ledger) = &self.ledger else { return };
        if let Some(bytes) = self.record.streamed_bytes.take() {
            self.record.request_bytes = bytes.load(Ordering::Relaxed);
        }
        ledger.metrics.in_flight.dec();
        ledger.metrics.count(&self.record);
        ledger.note_usage(&self.record);
        ledger.tell(&self.record);
    }
}
