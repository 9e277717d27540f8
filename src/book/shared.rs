//! What the workers and the thread behind them share: the journal that is written to, and the notes that
//! wait.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::apply::Applier;
use super::batch::Batch;
use super::journal::{Files, Journal};
use super::note::{self, Buffer};
use super::read::{self, Filter, Reader, Unreadable};
use super::schema::Unusable;
use super::{Entry, GATHER, Lost, Pending, Spent};
use crate::clock::Moment;
use crate::metrics::Metrics;

/// How many reservations one run of the gate can make, as bits of their number.
const BITS_A_RUN: u32 = 40;
/// How many turns of the thread lie between two looks for what is too old: about an hour.
const BETWEEN_LOOKS: u32 = 14_400;
/// How many settlements may wait when they cannot be written.
pub(super) const MOST_WAITING: usize = 1 << 16;

/// The state of a ledger.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) journal: ArcSwap<Journal>,
    next: AtomicU64,
    /// Notes of settlements that could not be written.
    pub(super) waiting: Mutex<VecDeque<Box<[u8]>>>,
    /// Held while notes go from the list to the journal, so that a reader sees them in one of both.
    moving: Mutex<()>,
    /// The journal cannot be written.
    unwritten: AtomicBool,
    /// The database cannot be written.
    unapplied: AtomicBool,
    closed: Mutex<bool>,
    wake: Condvar,
    files: Files,
    metrics: Arc<Metrics>,
}

impl Shared {
    pub(super) fn open(
        files: Files,
        max_age: Duration,
        metrics: Arc<Metrics>,
        now: Moment,
    ) -> Result<(Self, Applier), Unusable> {
        let (mut applier, recovered) = Applier::open(files.clone(), max_age, &metrics)?;
        let failed = |why: &dyn fmt::Display| Unusable::new(&files.database, why);
        applier.let_go_of_the_old(now.unix_millis()).map_err(|error| failed(&error))?;
        let journal = Journal::begin(&files, recovered.next).map_err(|error| failed(&error))?;
        if recovered.estimated > 0 {
            tracing::warn!(
                requests = recovered.estimated,
                "usage_estimated: requests that were under way when the gate last ended are settled by estimate"
            );
        }
        metrics.usage.healthy.set(1);
        let shared = Self {
            journal: ArcSwap::from_pointee(journal),
            next: AtomicU64::new(recovered.run << BITS_A_RUN | 1),
            waiting: Mutex::default(),
            moving: Mutex::default(),
            unwritten: AtomicBool::new(false),
            unapplied: AtomicBool::new(false),
            closed: Mutex::new(false),
            wake: Condvar::new(),
            files,
            metrics,
        };
        Ok((shared, applier))
    }

    pub(super) fn reserve(&self, entry: &Entry<'_>) -> Result<Pending, Lost> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        BUFFER.with_borrow_mut(|buffer| {
            note::write(buffer, true, id, entry);
            self.journal.load().append(buffer).map(|()| Pending(id)).map_err(|error| {
                self.cannot_write(&error);
                Lost(error)
            })
        })
    }

    pub(super) fn settle(&self, pending: Option<Pending>, entry: &Entry<'_>) {
        BUFFER.with_borrow_mut(|buffer| {
            note::write(buffer, false, pending.map_or(0, |pending| pending.0), entry);
            if let Err(error) = self.journal.load().append(buffer) {
                self.cannot_write(&error);
                self.keep(buffer);
            }
        });
    }

    /// Keeps a note until it can be written.
    fn keep(&self, note: &[u8]) {
        let mut waiting = held(&self.waiting);
        if waiting.len() < MOST_WAITING {
            waiting.push_back(note.into());
            drop(waiting);
            self.metrics.usage.delayed.inc();
        } else {
            drop(waiting);
            self.metrics.usage.lost.inc();
        }
    }

    fn cannot_write(&self, error: &std::io::Error) {
        if !self.unwritten.swap(true, Ordering::Relaxed) {
            self.tell_health();
            tracing::error!(error = %error, "usage_not_written: what was used is kept in memory until it can be");
        }
    }

    pub(super) fn healthy(&self) -> bool {
        !self.unwritten.load(Ordering::Relaxed) && !self.unapplied.load(Ordering::Relaxed)
    }

    /// Tells the thread to end.
    pub(super) fn close(&self) {
        *held(&self.closed) = true;
        self.wake.notify_one();
    }

    fn tell_health(&self) {
        self.metrics.usage.healthy.set(i64::from(self.healthy()));
    }

    /// What the thread does until the end.
    pub(super) fn go_on(&self, applier: &mut Applier) {
        let mut turns: u32 = 1;
        loop {
            let waited = self
                .wake
                .wait_timeout_while(held(&self.closed), GATHER, |closed| !*closed)
                .unwrap_or_else(PoisonError::into_inner);
            let closed = *waited.0;
            drop(waited);
            self.turn(applier);
            if turns.is_multiple_of(BETWEEN_LOOKS)
                && let Err(error) = applier.let_go_of_the_old(Moment::now().unix_millis())
            {
                tracing::error!(error = %error, "usage_not_pruned");
            }
            turns = turns.wrapping_add(1);
            if closed {
                return;
            }
        }
    }

    /// Writes what waits, begins a new journal if there is something in the old, and applies the old.
    pub(super) fn turn(&self, applier: &mut Applier) {
        let mut written = self.flush();
        // Where the last could not be applied, another file would help nobody.
        let wanted = self.unwritten.load(Ordering::Relaxed) || !self.journal.load().is_empty();
        if applier.backlog.is_empty() && wanted {
            match self.rotate() {
                Ok(old) => {
                    applier.backlog.push(old);
                    // A journal that was begun can be written.
                    written = self.flush().map(|more| more + 1);
                }
                Err(error) => self.cannot_write(&error),
            }
        }
        if written.is_some_and(|notes| notes > 0) && self.unwritten.swap(false, Ordering::Relaxed) {
            tracing::info!("usage_written_again");
        }
        match applier.apply(&self.metrics) {
            Ok(()) => {
                if self.unapplied.swap(false, Ordering::Relaxed) {
                    tracing::info!("usage_applied_again");
                }
            }
            Err(error) => {
                if !self.unapplied.swap(true, Ordering::Relaxed) {
                    tracing::error!(error = %error, "usage_not_applied: the journal has it");
                }
            }
        }
        self.tell_health();
    }

    /// Writes the notes that wait, and gives how many; nothing if some could not be written.
    fn flush(&self) -> Option<usize> {
        let _moving = held(&self.moving);
        let mut written = 0;
        loop {
            // The lock is not held while one is written: others may have to be kept.
            let Some(mut note) = held(&self.waiting).pop_front() else { return Some(written) };
            if self.journal.load().append(&mut note).is_err() {
                held(&self.waiting).push_front(note);
                return None;
            }
            written += 1;
        }
    }

    /// Begins a new journal; gives the number of the old, which nobody writes to any more.
    pub(super) fn rotate(&self) -> std::io::Result<u64> {
        let next = self.journal.load().number + 1;
        let old = self.journal.swap(Arc::new(Journal::begin(&self.files, next)?));
        // Who took it before it was swapped may still write to it.
        while Arc::strong_count(&old) > 1 {
            std::thread::sleep(Duration::from_micros(50));
        }
        Ok(old.number)
    }

    pub(super) fn spent(
        &self,
        since_ms: i64,
        until_ms: i64,
        project: &str,
        key: Option<&str>,
        model: Option<&dyn Fn(&str) -> bool>,
    ) -> Result<Spent, Unreadable> {
        let filter = Filter {
            since_ms: Some(since_ms),
            until_ms: Some(until_ms),
            project: Some(project.to_owned()),
            key: key.map(str::to_owned),
            ..Filter::default()
        };
        let mut spent = Spent::default();
        let mut reader = Reader::open(self.files.clone()).map_err(Unreadable::Unusable)?;
        let _moving = held(&self.moving);
        let waiting = |batch: &mut Batch| {
            for note in held(&self.waiting).iter().filter_map(|note| note.get(note::HEAD..)) {
                batch.take(note);
            }
        };
        reader.each_with(&filter, waiting, |row| {
            if read::is_of(row, model) {
                let sums = if row.reserved { &mut spent.reserved } else { &mut spent.settled };
                *sums += row.sums;
            }
        })?;
        Ok(spent)
    }
}

thread_local! {
    static BUFFER: RefCell<Buffer> = const { RefCell::new(Buffer::new()) };
}

pub(super) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
