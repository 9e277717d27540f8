//! Closes every record exactly once, whatever becomes of its request.
//!
//! An [`OpenRecord`] travels with its request. Whoever brings the request to its end lets it go;
//! a client that walks away, a timeout or a panic lets it go too. Dropping it is what closes it:
//! there is no other way, so there is no path on which a record is lost or told twice.

mod salvage;
mod settlement;

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::book::{Book, Entry, Noted, Pending};
use crate::clock::Moment;
use crate::denial::{Denial, Reason};
use crate::flood::{Flood, Repeats, Telling};
use crate::limits::Estimate;
use crate::metrics::Metrics;
use crate::money::Money;
use crate::record::{Cost, Form, Outcome, Record, Reserved};
use crate::store::Store;
use crate::telemetry::RECORD;
use crate::usage::Usage;
pub use salvage::{Watched, Wreck, panics_at, watched};
use settlement::settlement;

/// What a caller is told to wait when nothing can be written down.
const LEDGER_WAIT: Duration = Duration::from_secs(5);

/// Why a request has no end that is still under way when the drain is over.
const DRAINED: &str = "the gate was told to stop, and its drain ended first";

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
    pub book: Option<Arc<Book>>,
    /// The drain is over: what ends now was cut off by the gate.
    pub drain_over: AtomicBool,
    /// How many requests ended so.
    pub cut_off: AtomicU64,
}

impl Ledger {
    /// A ledger that keeps nothing.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, form: Form) -> Self {
        Self {
            metrics,
            form,
            every_one: false,
            flood: Flood::default(),
            store: None,
            book: None,
            drain_over: AtomicBool::new(false),
            cut_off: AtomicU64::new(0),
        }
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
    /// What was written down that it may cost.
    pending: Option<Pending>,
}

impl OpenRecord {
    /// Opens a record.
    #[must_use]
    pub fn open(record: Box<Record>, ledger: Arc<Ledger>) -> Self {
        ledger.metrics.in_flight.inc();
        Self { record, ledger: Some(ledger), pending: None }
    }

    /// Opens the record of a request that nobody sent: it is neither counted nor told, not even where
    /// a gate runs in the same process.
    #[must_use]
    pub fn untold(record: Record) -> Self {
        Self { record: Box::new(record), ledger: None, pending: None }
    }

    /// Where what happens to it is counted; nowhere for a request that nobody sent.
    #[must_use]
    pub fn metrics(&self) -> Option<&Metrics> {
        self.ledger.as_ref().map(|ledger| &*ledger.metrics)
    }

    /// Writes down what the request may cost, before it is sent: what is in flight when a gate dies is settled by that
    /// when it starts again. If `waits`, it is only noted, and to be written before anything is sent.
    ///
    /// # Errors
    /// The denial, when it cannot be written down.
    pub fn promise(&mut self, waits: bool) -> Result<Option<Noted>, Denial> {
        let (Some(reserved), Some(ledger)) = (&self.record.reserved, &self.ledger) else { return Ok(None) };
        let Some(book) = &ledger.book else { return without_book(reserved).map(|()| None) };
        let Estimate { input, output, money } = reserved.estimate;
        let usage = Usage { input, output, ..Usage::default() };
        let Some(entry) = entry(&self.record, &usage, Cost { money, estimated: true }) else {
            return Ok(None);
        };
        let promised = if waits {
            book.note(&entry).map(|(pending, noted)| (pending, Some(noted)))
        } else {
            book.reserve(&entry).map(|pending| (pending, None))
        };
        let (pending, noted) = promised.map_err(|lost| unwritten(&lost.to_string()))?;
        self.pending = Some(pending);
        Ok(noted)
    }

    /// Writes down what a session may come to, now that more was reserved for it, in the place of what was written
    /// before: what it used until then, and what it may use until it asks for more.
    ///
    /// # Errors
    /// The denial, when it cannot be written down.
    pub fn promise_more(&mut self) -> Result<(), Denial> {
        let (Some(reserved), Some(ledger)) = (&self.record.reserved, &self.ledger) else { return Ok(()) };
        let Some(book) = &ledger.book else { return without_book(reserved) };
        let Estimate { input, output, money } = reserved.estimate;
        let already = reserved.already;
        let usage = Usage {
            input: already.input.saturating_add(input),
            output: already.output.saturating_add(output),
            ..already
        };
        let earlier = self.record.earlier.as_deref();
        let part = already.less(earlier.map(|earlier| earlier.usage).unwrap_or_default());
        let until_now = reserved.price.as_ref().map_or_else(Money::default, |price| price.of(&part));
        let before = earlier.map_or_else(Money::default, |earlier| earlier.cost);
        let cost = Cost { money: before + until_now + money, estimated: true };
        let Some(entry) = entry(&self.record, &usage, cost) else { return Ok(()) };
        let promised = book.reserve(&entry).map_err(|lost| unwritten(&lost.to_string()))?;
        if let Some(old) = self.pending.replace(promised) {
            book.take_back(old, &entry);
        }
        Ok(())
    }

    /// Notes that the request was refused.
    pub fn refuse(&mut self, denial: Denial) {
        self.record.outcome = Outcome::Refused(denial);
    }
}

/// Whether what was reserved needs no ledger: limits on tokens alone are kept without one.
fn without_book(reserved: &Reserved) -> Result<(), Denial> {
    if reserved.reservation.has_money() {
        return Err(unwritten("there is no ledger; one that a reload adds begins with a restart"));
    }
    Ok(())
}

/// Refuses a request because what it may cost cannot be written down.
pub(crate) fn unwritten(why: &str) -> Denial {
    Denial::built_in(Reason::LedgerUnavailable).until(LEDGER_WAIT).because(why)
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

impl OpenRecord {
    /// A request without an end was abandoned by its client, unless the gate itself let go of it.
    fn judge_end(&mut self, ledger: &Ledger) {
        if !matches!(self.record.outcome, Outcome::Open | Outcome::Cut(_)) {
            return;
        }
        if ledger.drain_over.load(Ordering::Acquire) {
            ledger.cut_off.fetch_add(1, Ordering::Relaxed);
            if matches!(self.record.outcome, Outcome::Open) {
                self.record.outcome = Outcome::Cut(DRAINED);
            }
        }
    }

    /// Exchanges what the request took from limits for what it used, and writes that down.
    fn settle(&mut self, ledger: &Ledger) {
        let record = &mut *self.record;
        let sent = record.decided.is_some();
        if record.reserved.is_none() && !(sent && (ledger.book.is_some() || record.usage.is_some())) {
            return;
        }
        let settled = settlement(record);
        if let Some(reserved) = record.reserved.take() {
            let now = record.begun.later(record.latency());
            reserved.settle(&settled.usage, Some(settled.cost.money), now);
            record.budget_reached = reached(record, now);
        }
        if settled.priced && settled.usage != Usage::default() {
            record.cost = Some(settled.cost);
        }
        let pending = self.pending.take();
        if let Some(book) = &ledger.book
            && let Some(entry) = entry(record, &settled.usage, settled.cost)
        {
            match pending {
                Some(pending) if !sent => book.take_back(pending, &entry),
                None if !sent => {}
                pending => book.settle(pending, &entry),
            }
        }
    }
}

/// The largest share of a budget that a request has reached with what it cost. What it had reserved is no sign: the
/// share would be told long before, and only once.
fn reached(record: &Record, now: Moment) -> Option<u8> {
    let (key, project) = (&record.key()?.limits, &record.project()?.limits);
    let model = record.model.as_deref();
    let owners = [Some(key), Some(project), key.of_model(model), project.of_model(model)];
    let shares = &record.snapshot.accounting.warn_at;
    let purses = owners.into_iter().flatten().filter_map(|one| Some((one.purse.as_ref()?, &one.budgets)));
    purses.filter_map(|(purse, budgets)| purse.reached(budgets, shares, now)).max()
}

/// What the ledger of usage has of a request; nothing if it did not get as far as an upstream.
fn entry<'r>(record: &'r Record, usage: &'r Usage, cost: Cost) -> Option<Entry<'r>> {
    Some(Entry {
        at_ms: record.begun.unix_millis(),
        project: &record.project()?.name,
        key: &record.key()?.id,
        upstream: &record.upstream()?.name,
        model: record.model.as_deref().unwrap_or_default(),
        usage,
        cost: cost.money,
        estimated: cost.estimated,
    })
}

thread_local! {
    static LINE: RefCell<String> = const { RefCell::new(String::new()) };
}

impl Drop for OpenRecord {
    fn drop(&mut self) {
        let Some(ledger) = self.ledger.take() else { return };
        if salvage::keeps(self.record.id) {
            let (ledger, pending) = (Some(ledger), self.pending.take());
            let blank = Box::new(self.record.blank());
            salvage::keep(Self { record: std::mem::replace(&mut self.record, blank), ledger, pending });
            return;
        }
        if std::thread::panicking() && matches!(self.record.outcome, Outcome::Open | Outcome::Served) {
            self.record.outcome = Outcome::Cut(salvage::BUG);
        }
        self.judge_end(&ledger);
        if let Some(bytes) = self.record.streamed_bytes.take() {
            self.record.request_bytes = bytes.load(Ordering::Relaxed);
        }
        if let Some(late) = self.record.late_model.take().as_deref().and_then(OnceLock::get) {
            self.record.model.get_or_insert_with(|| Arc::clone(late));
        }
        self.settle(&ledger);
        ledger.metrics.in_flight.dec();
        ledger.metrics.count(&self.record);
        ledger.tell(&self.record);
    }
}
