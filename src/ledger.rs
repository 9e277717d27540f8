//! Closes every record exactly once, whatever becomes of its request.
//!
//! An [`OpenRecord`] travels with its request. Whoever brings the request to its end lets it go;
//! a client that walks away, a timeout or a panic lets it go too. Dropping it is what closes it:
//! there is no other way, so there is no path on which a record is lost or told twice.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use crate::denial::Denial;
use crate::metrics::Metrics;
use crate::record::{Form, Outcome, Record};
use crate::telemetry::RECORD;

/// Where records end up.
#[derive(Debug)]
pub struct Ledger {
    /// Counts each record.
    pub metrics: Arc<Metrics>,
    /// How each is written.
    pub form: Form,
}

/// A record whose request has not ended.
#[derive(Debug)]
pub struct OpenRecord {
    record: Box<Record>,
    ledger: Arc<Ledger>,
}

impl OpenRecord {
    /// Opens a record.
    #[must_use]
    pub fn open(record: Record, ledger: Arc<Ledger>) -> Self {
        ledger.metrics.in_flight.inc();
        Self { record: Box::new(record), ledger }
    }

    /// Where what happens to it is counted.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.ledger.metrics
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
        self.ledger.metrics.in_flight.dec();
        self.ledger.metrics.count(&self.record);
        LINE.with_borrow_mut(|line| {
            line.clear();
            match self.record.event() {
                _ if self.record.alert.is_some() => {
                    self.record.render(self.ledger.form, line);
                    tracing::error!(target: RECORD, line = line.as_str());
                }
                "denied" if tracing::enabled!(target: RECORD, tracing::Level::WARN) => {
                    self.record.render(self.ledger.form, line);
                    tracing::warn!(target: RECORD, line = line.as_str());
                }
                "failed" | "cut" if tracing::enabled!(target: RECORD, tracing::Level::ERROR) => {
                    self.record.render(self.ledger.form, line);
                    tracing::error!(target: RECORD, line = line.as_str());
                }
                "served" | "abandoned" if tracing::enabled!(target: RECORD, tracing::Level::INFO) => {
                    self.record.render(self.ledger.form, line);
                    tracing::info!(target: RECORD, line = line.as_str());
                }
                _ => {}
            }
        });
    }
}
