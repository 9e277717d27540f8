//! The ledger of usage and money: what every request reserves and comes to, kept over any end of the
//! process.
//!
//! 1. A reservation or settlement is one note in a journal: once it is written, it outlives the process,
//!    `kill -9` included. A power loss can cost what came since the last journal was applied, about
//!    [`GATHER`].
//! 2. A reservation is written before the first byte of its request goes out: one `write` for all that wait then,
//!    which under load are several. The settlement of a reservation waits for the next of these, but not longer than
//!    [`HELD`]: a process that is killed within leaves the reservation to be settled by what it reserved, as if the
//!    request had been under way.
//! 3. A thread begins a new journal four times a second if there is something in it, and applies the
//!    old one to an `SQLite` database, in a transaction that also remembers the journal's number: each
//!    is applied once.
//! 4. What was reserved and not settled when the process ended is settled by what it reserved, at the
//!    next start, and marked as an estimate.
//! 5. A settlement that cannot be written waits in a bounded list; what does not fit is counted and told.
//!    A reservation that cannot be written is [`Lost`]: it is up to the caller to refuse.
//! 6. Sums are kept by quarter of an hour, project, key, upstream and model. Numbers, names and times of
//!    requests are all that is kept.

mod apply;
mod batch;
mod journal;
mod note;
mod pen;
pub mod read;
pub mod report;
mod schema;
mod shared;
mod sums;
#[cfg(test)]
mod tests;

use std::fmt;
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tracing::Dispatch;

use crate::clock::Moment;
use crate::limits::{History, Spender};
use crate::metrics::Metrics;
use crate::model_name::ModelList;
use crate::money::Money;
use crate::usage::Usage;

pub use apply::OTHER;
pub use schema::Unusable;
pub use sums::Sums;

use journal::Files;
use note::What;
use read::Unreadable;
use shared::{Shared, held};

/// How long a journal is written to before it is applied.
pub const GATHER: Duration = Duration::from_millis(250);
/// How long a settlement is held back to be written with the next note. That often the thread is woken while there are
/// requests, for as much as a stream's event costs.
pub const HELD: Duration = Duration::from_millis(25);
/// How long the end may take.
const LONGEST_END: Duration = Duration::from_secs(10);

/// What a request reserves or comes to.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// When the request came, in milliseconds since 1970.
    pub at_ms: i64,
    /// The project's name.
    pub project: &'a str,
    /// The key's public id.
    pub key: &'a str,
    /// The upstream's name.
    pub upstream: &'a str,
    /// The model; empty if there is none.
    pub model: &'a str,
    /// What it uses.
    pub usage: &'a Usage,
    /// What it costs.
    pub cost: Money,
    /// Whether usage and cost are an estimate.
    pub estimated: bool,
}

/// A reservation that is to be settled. One that is dropped stays reserved until the gate ends.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a reservation must be settled"]
pub struct Pending(u64);

/// A reservation's place among all notes: it is written when that many are. Nothing of its request may go out
/// before ([`Book::write_up_to`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a reservation must be written before its request goes out"]
pub struct Noted(NonZeroU64);

impl Noted {
    /// As a number; never zero.
    #[must_use]
    pub const fn place(self) -> u64 {
        self.0.get()
    }

    /// The one of that number; none for zero.
    #[must_use]
    pub const fn at(place: u64) -> Option<Self> {
        match NonZeroU64::new(place) {
            Some(place) => Some(Self(place)),
            None => None,
        }
    }
}

/// A reservation that could not be written.
#[derive(Debug)]
pub struct Lost(std::io::Error);

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the ledger of usage cannot be written: {}", self.0)
    }
}

impl std::error::Error for Lost {}

/// Whose spending is asked for, and since when.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// In milliseconds since 1970; goes to whole quarters of an hour.
    pub since_ms: i64,
    /// The project.
    pub project: &'a str,
    /// The key's public id, if it is one key's.
    pub key: Option<&'a str>,
    /// The models, if they are not all. What could not be kept by model, because a client asked for too many, is
    /// counted in for every model.
    pub models: Option<&'a ModelList>,
}

/// What was spent in a span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// What came to its end.
    pub settled: Sums,
    /// What is reserved and not settled.
    pub reserved: Sums,
}

/// How a ledger of usage is kept.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// The store of denials that it is beside.
    pub store: &'a Path,
    /// How long sums are kept.
    pub max_age: Duration,
}

/// The ledger of a gate.
#[derive(Debug)]
pub struct Book {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Book {
    /// Opens the ledger, or makes it; applies what the last process left, settles what was under way
    /// then, and starts the thread that applies.
    ///
    /// # Errors
    /// When another gate has it, it cannot be opened, is no ledger of usage, or the thread cannot be
    /// started.
    pub fn open(
        settings: &Settings<'_>,
        metrics: Arc<Metrics>,
        log: Dispatch,
        now: Moment,
    ) -> Result<Self, Unusable> {
        let files = Files::beside(settings.store);
        let path = files.database.clone();
        let failed = |why: &dyn fmt::Display| Unusable::new(&path, why);
        let lock = files.take().map_err(|error| {
            failed(&format!("{error}; the gate's user must be able to write beside [store] path"))
        })?;
        let Some(lock) = lock else {
            return Err(failed(&"another gate has it: give each a [store] path of its own"));
        };
        let (shared, mut applier) =
            tracing::dispatcher::with_default(&log, || Shared::open(files, settings.max_age, metrics, now))?;
        let shared = Arc::new(shared);
        let behind = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("usage".to_owned()).spawn(move || {
            let _lines = tracing::dispatcher::set_default(&log);
            behind.go_on(&mut applier);
            // It ends when nobody writes any more.
            drop(applier);
            drop(lock);
        });
        let thread = thread.map_err(|error| failed(&error))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Reserves what a request may come to. When this returns, the reservation outlives the process.
    ///
    /// # Errors
    /// When it cannot be written: nothing is reserved.
    pub fn reserve(&self, entry: &Entry<'_>) -> Result<Pending, Lost> {
        self.shared.reserve(entry)
    }

    /// Reserves what a request may come to, to be written with others before the request goes out; where the last note
    /// could not be written, it is tried at once.
    ///
    /// # Errors
    /// When it cannot be written: nothing is reserved.
    pub fn note(&self, entry: &Entry<'_>) -> Result<(Pending, Noted), Lost> {
        self.shared.note(entry)
    }

    /// Writes what waits, unless this reservation is written already. When this returns, it outlives the process.
    ///
    /// # Errors
    /// When it cannot be written. It waits to be, and has to be settled.
    pub fn write_up_to(&self, noted: Noted) -> Result<(), Lost> {
        self.shared.write_up_to(noted)
    }

    /// Settles a request by what it came to, its reservation too if it has one. It is written with the next
    /// note, and after [`HELD`] at the latest; without a reservation, at once. What cannot be written is kept
    /// until it can be.
    pub fn settle(&self, pending: Option<Pending>, entry: &Entry<'_>) {
        self.shared.close_one(What::Settles, pending, entry);
    }

    /// Takes a reservation back whose request was not sent: it is no request, and came to nothing.
    pub fn take_back(&self, pending: Pending, entry: &Entry<'_>) {
        self.shared.close_one(What::TakesBack, Some(pending), entry);
    }

    /// Whether everything so far could be written.
    #[must_use]
    pub fn healthy(&self) -> bool {
        self.shared.healthy()
    }

    /// What each of these was, with what only the journal holds. It reads files, once for all of them, so it is for
    /// starts and reloads.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn spent(&self, wanted: &[Wanted<'_>]) -> Result<Vec<Spent>, Unreadable> {
        self.shared.spent(wanted)
    }

    /// Waits until all is applied, and ends the thread; a disk that stands still is not waited for. What
    /// was not applied stands in the journal.
    pub fn close(&self) {
        self.shared.close();
        let Some(thread) = held(&self.thread).take() else { return };
        let begun = Moment::now();
        while !thread.is_finished() && begun.elapsed() < LONGEST_END {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Book {
    fn drop(&mut self) {
        self.close();
    }
}

impl History for Book {
    fn spent(&self, asked: &[(&Spender, [i64; 3])]) -> Vec<[Money; 3]> {
        let each = asked.iter().flat_map(|(spender, since)| {
            since.map(|since_ms| Wanted {
                since_ms,
                project: &spender.project,
                key: spender.key.as_deref(),
                models: spender.models.as_ref(),
            })
        });
        match Self::spent(self, &each.collect::<Vec<_>>()) {
            Ok(spent) => {
                let money = |spent: &Spent| spent.settled.cost + spent.reserved.cost;
                spent.as_chunks().0.iter().map(|of_one: &[Spent; 3]| of_one.each_ref().map(money)).collect()
            }
            Err(error) => {
                tracing::error!(%error, "usage_unreadable: what was spent is not known, so budgets count as spent until a restart");
                vec![[Money::picodollars(u64::MAX); 3]; asked.len()]
            }
        }
    }
}
