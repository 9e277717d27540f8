//! What the workers and the thread behind them share: the pen that writes the journal, and when the thread
//! has something to do.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::apply::Applier;
use super::batch::Batch;
use super::journal::{Files, Journal};
use super::note::What;
use super::pen::{Failed, Pen};
use super::read::{Filter, Reader, Unreadable};
use super::schema::Unusable;
use super::{Entry, GATHER, HELD, Lost, Noted, Pending, Spent, Wanted};
use crate::clock::Moment;
use crate::metrics::Metrics;

/// How many reservations one run of the gate can make, as bits of their number.
const BITS_A_RUN: u32 = 40;
/// How much time lies between two looks for what is too old.
const BETWEEN_LOOKS: Duration = Duration::from_hours(1);

/// The state of a ledger.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) pen: Mutex<Pen>,
    /// How many notes the pen has written.
    written: Arc<AtomicU64>,
    next: AtomicU64,
    /// The journal cannot be written.
    unwritten: AtomicBool,
    /// The database cannot be written.
    unapplied: AtomicBool,
    /// The thread sleeps until it is told that there is something to do.
    asleep: AtomicBool,
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
        let pen = Pen::new(journal);
        let shared = Self {
            written: pen.counter(),
            pen: Mutex::new(pen),
            next: AtomicU64::new(recovered.run << BITS_A_RUN | 1),
            unwritten: AtomicBool::new(false),
            unapplied: AtomicBool::new(false),
            asleep: AtomicBool::new(false),
            closed: Mutex::new(false),
            wake: Condvar::new(),
            files,
            metrics,
        };
        Ok((shared, applier))
    }

    pub(super) fn reserve(&self, entry: &Entry<'_>) -> Result<Pending, Lost> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let written = held(&self.pen).reserve(id, entry);
        self.rouse();
        written.map(|_| Pending(id)).map_err(|failed| Lost(self.not_written(failed)))
    }

    pub(super) fn note(&self, entry: &Entry<'_>) -> Result<(Pending, Noted), Lost> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut pen = held(&self.pen);
        // Where it is known that nothing can be written, who asks should hear it before anything is sent.
        let at_once = pen.alone || self.unwritten.load(Ordering::Relaxed);
        let written = if at_once { pen.reserve(id, entry) } else { Ok(pen.hold(id, entry)) };
        drop(pen);
        self.rouse();
        written.map(|noted| (Pending(id), noted)).map_err(|failed| Lost(self.not_written(failed)))
    }

    pub(super) fn write_up_to(&self, Noted(noted): Noted) -> Result<(), Lost> {
        if self.written.load(Ordering::Acquire) >= noted.get() {
            return Ok(());
        }
        let written = held(&self.pen).flush();
        match written {
            Err(failed) if self.written.load(Ordering::Acquire) < noted.get() => {
                Err(Lost(self.not_written(failed)))
            }
            Err(failed) => {
                self.not_written(failed);
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }

    pub(super) fn close_one(&self, what: What, pending: Option<Pending>, entry: &Entry<'_>) {
        // Without its reservation nothing would be left of it if the process were killed now. Where nothing can be
        // written, the thread tries again.
        let at_once = pending.is_none() && !self.unwritten.load(Ordering::Relaxed);
        let mut pen = held(&self.pen);
        let taken = pen.close(what, pending, entry);
        let written = if at_once || pen.alone { pen.flush().map(drop) } else { Ok(()) };
        drop(pen);
        self.rouse();
        if !taken {
            self.metrics.usage.lost.inc();
        }
        if let Err(failed) = written {
            self.not_written(failed);
        }
    }

    fn not_written(&self, failed: Failed) -> std::io::Error {
        let Failed { error, delayed } = failed;
        self.metrics.usage.delayed.inc_by(u64::try_from(delayed).unwrap_or_default());
        self.cannot_write(&error);
        error
    }

    /// Wakes the thread, if it sleeps.
    fn rouse(&self) {
        if self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::Relaxed) {
            // It may just be about to sleep; behind the lock it does.
            drop(held(&self.closed));
            self.wake.notify_one();
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

    /// Whether the thread has nothing to do.
    #[cfg(test)]
    pub(super) fn asleep(&self) -> bool {
        self.asleep.load(Ordering::Relaxed)
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
        let (mut looked, mut turned) = (Moment::now(), Moment::now());
        loop {
            let closed = self.pause(BETWEEN_LOOKS.saturating_sub(looked.elapsed()));
            if closed {
                held(&self.pen).alone = true;
            }
            if closed || turned.elapsed() >= GATHER {
                self.turn(applier);
                turned = Moment::now();
            } else if let Err(failed) = held(&self.pen).flush() {
                self.not_written(failed);
            }
            if looked.elapsed() >= BETWEEN_LOOKS {
                looked = Moment::now();
                if let Err(error) = applier.let_go_of_the_old(looked.unix_millis()) {
                    tracing::error!(error = %error, "usage_not_pruned");
                }
            }
            if closed {
                return;
            }
            if self.healthy() && applier.backlog.is_empty() {
                self.asleep.store(true, Ordering::Relaxed);
                // Who writes behind this look sees that it sleeps.
                if !held(&self.pen).is_done() {
                    self.asleep.store(false, Ordering::Relaxed);
                }
            }
        }
    }

    /// Waits as long as settlements are held back, or, where there is nothing to do, until there is, but not
    /// longer than `most`; gives whether this is the end.
    fn pause(&self, most: Duration) -> bool {
        let closed = held(&self.closed);
        let asleep = self.asleep.load(Ordering::Relaxed);
        let time = if asleep { most } else { HELD };
        let goes_on = |closed: &mut bool| !*closed && self.asleep.load(Ordering::Relaxed) == asleep;
        let waited = self.wake.wait_timeout_while(closed, time, goes_on);
        self.asleep.store(false, Ordering::Relaxed);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Writes what waits, begins a new journal if there is something in the old, and applies the old.
    pub(super) fn turn(&self, applier: &mut Applier) {
        let mut written = self.flush();
        // Where the last could not be applied, another file would help nobody.
        let wanted = self.unwritten.load(Ordering::Relaxed) || !held(&self.pen).journal.is_empty();
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
        let written = held(&self.pen).flush();
        written.map_err(|failed| self.not_written(failed)).ok()
    }

    /// Begins a new journal; gives the number of the old, which nobody writes to any more.
    pub(super) fn rotate(&self) -> std::io::Result<u64> {
        let next = held(&self.pen).journal.number + 1;
        let new = Journal::begin(&self.files, next)?;
        let old = std::mem::replace(&mut held(&self.pen).journal, new);
        Ok(old.number)
    }

    pub(super) fn spent(&self, wanted: &[Wanted<'_>]) -> Result<Vec<Spent>, Unreadable> {
        let Some(first) = wanted.first() else { return Ok(Vec::new()) };
        let one_project = wanted.iter().all(|one| one.project == first.project);
        let filter = Filter {
            since_ms: wanted.iter().map(|one| one.since_ms).min(),
            project: one_project.then(|| first.project.to_owned()),
            ..Filter::default()
        };
        let mut spent = vec![Spent::default(); wanted.len()];
        let mut of_project: HashMap<&str, Vec<(&Wanted<'_>, &mut Spent)>> = HashMap::new();
        for (one, spent) in wanted.iter().zip(&mut spent) {
            of_project.entry(one.project).or_default().push((one, spent));
        }
        let mut reader = Reader::open(self.files.clone()).map_err(Unreadable::Unusable)?;
        let mut pen = held(&self.pen);
        let written = pen.flush();
        // What cannot be written must not be while the journals are read, or it would be counted twice.
        let pen = Some(pen).filter(|pen| pen.notes() > 0);
        if let Err(failed) = written {
            self.not_written(failed);
        }
        let waiting =
            |batch: &mut Batch| pen.iter().flat_map(|pen| pen.waiting()).for_each(|note| batch.take(note));
        reader.each_with(&filter, waiting, |row| {
            for (one, spent) in of_project.get_mut(row.project).into_iter().flatten() {
                if row.is_of(one) {
                    let sums = if row.reserved { &mut spent.reserved } else { &mut spent.settled };
                    *sums += row.sums;
                }
            }
        })?;
        Ok(spent)
    }
}

pub(super) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
