//! Keeps denials and decisions in an embedded `SQLite` database, behind the request's path.
//!
//! 1. A request is only added to a list in memory; one thread writes it out, in one transaction a
//!    quarter of a second.
//! 2. The list is bounded. What does not fit, or could not be written, is counted as missed; the log
//!    is written all the same.
//! 3. The database is bounded in size and age: the oldest goes first.
//! 4. It is written with a write-ahead log: a crash loses what was not yet committed, and nothing
//!    before it.
//! 5. Nothing is kept that a log line does not hold already: no header's value outside a short list,
//!    no byte of a body, no key.

mod decisions;
pub mod read;
mod schema;
mod tally;
mod write;

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tracing::Dispatch;

use crate::clock::Moment;
use crate::flood::Repeats;
use crate::metrics::Metrics;
use crate::record::Record;
use crate::snapshot::StoreSettings;

pub use schema::Unusable;
pub(crate) use schema::file_at;

use decisions::Decisions;
use write::Writer;

/// How long is gathered before it is written.
const GATHER: Duration = Duration::from_millis(250);
/// How many whole records may wait to be written.
const MOST_RECORDS: usize = 1 << 13;

/// How many counts of repeats may wait to be written.
const MOST_REPEATS: usize = 1 << 14;
/// How long the end may take.
const LONGEST_END: Duration = Duration::from_secs(5);

/// The store of a gate.
#[derive(Debug)]
pub struct Store {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    arrived: Condvar,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct State {
    waiting: Batch,
    closed: bool,
}

/// What is written together.
#[derive(Debug, Default)]
struct Batch {
    records: Vec<Box<str>>,
    repeats: Vec<Repeats>,
    decisions: Decisions,
}

impl Store {
    /// Opens the database, or makes it, and starts the thread that writes.
    ///
    /// # Errors
    /// When it cannot be opened, is no store of a gate, or the thread cannot be started.
    pub fn start(settings: &StoreSettings, metrics: Arc<Metrics>, log: Dispatch) -> Result<Self, Unusable> {
        let writer = Writer::open(settings)?;
        let own = settings.clone();
        let shared = Arc::new(Shared { state: Mutex::default(), arrived: Condvar::new(), metrics });
        let behind = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("store".to_owned()).spawn(move || {
            let _lines = tracing::dispatcher::set_default(&log);
            behind.write_out(&own, writer);
        });
        let thread = thread.map_err(|error| Unusable::new(&settings.path, &error))?;
        Ok(Self { shared, writer: Mutex::new(Some(thread)) })
    }

    /// Keeps what was decided of a request; never waits for the database.
    pub fn decided(&self, record: &Record) {
        if !self.shared.state().waiting.decisions.take(record) {
            self.shared.metrics.store_missed.inc();
        }
    }

    /// Keeps a whole record, rendered as JSON; never waits for the database.
    pub fn keep(&self, line: &str) {
        let mut state = self.shared.state();
        if state.waiting.records.len() < MOST_RECORDS {
            state.waiting.records.push(line.into());
        } else {
            drop(state);
            self.shared.metrics.store_missed.inc();
        }
    }

    /// Keeps the count of records that were not told whole.
    pub fn repeated(&self, repeats: &[Repeats]) {
        let mut state = self.shared.state();
        if state.waiting.repeats.len() < MOST_REPEATS {
            state.waiting.repeats.extend_from_slice(repeats);
        } else {
            drop(state);
            self.shared.metrics.store_missed.inc_by(repeats.iter().map(|one| one.count).sum());
        }
    }

    /// Waits until all is written, and ends the thread; a disk that stands still is not waited for.
    pub fn close(&self) {
        self.shared.state().closed = true;
        self.shared.arrived.notify_one();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let begun = Moment::now();
        if let Some(writer) = writer {
            while !writer.is_finished() && begun.elapsed() < LONGEST_END {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_out(&self, settings: &StoreSettings, writer: Writer) {
        let mut writer = Some(writer);
        let mut batch = Batch::default();
        let mut failing = false;
        loop {
            let waited = self
                .arrived
                .wait_timeout_while(self.state(), GATHER, |state| !state.closed)
                .unwrap_or_else(PoisonError::into_inner);
            let mut state = waited.0;
            std::mem::swap(&mut batch, &mut state.waiting);
            let closed = state.closed;
            drop(state);
            match written(settings, &mut writer, &batch) {
                Ok(untold) => {
                    self.metrics.store_missed.inc_by(untold);
                    // Where nothing was written, nothing is known.
                    if !batch.is_empty() && std::mem::take(&mut failing) {
                        tracing::info!("store_recovered");
                    }
                }
                Err(error) => {
                    self.metrics.store_missed.inc_by(batch.len());
                    if !std::mem::replace(&mut failing, true) {
                        tracing::error!(error = %error, "store_failed: what it misses is counted, and in the log");
                    }
                }
            }
            batch.clear();
            if closed {
                return;
            }
        }
    }
}

/// Writes a batch; where the file was removed or is another, into one that is opened anew.
fn written(settings: &StoreSettings, writer: &mut Option<Writer>, batch: &Batch) -> Result<u64, String> {
    // The old one is closed first: it removes what stands beside its file, by its name.
    let kept = writer.take().filter(|one| batch.is_empty() || one.file == file_at(&settings.path));
    let writer = match kept {
        Some(one) => writer.insert(one),
        None if batch.is_empty() => return Ok(0),
        None => {
            let opened = Writer::open(settings).map_err(|error| error.to_string())?;
            tracing::warn!("store_remade: its file was removed or replaced, and what it held with it");
            writer.insert(opened)
        }
    };
    writer.write(batch).map_err(|error| error.to_string())
}

impl Batch {
    fn len(&self) -> u64 {
        let repeated: u64 = self.repeats.iter().map(|repeats| repeats.count).sum();
        let decided: i64 = self.decisions.all().iter().map(|alike| alike.count).sum();
        let whole = u64::try_from(self.records.len()).unwrap_or(u64::MAX);
        whole.saturating_add(repeated).saturating_add(u64::try_from(decided).unwrap_or_default())
    }

    fn is_empty(&self) -> bool {
        self.records.is_empty() && self.repeats.is_empty() && self.decisions.all().is_empty()
    }

    fn clear(&mut self) {
        self.records.clear();
        self.repeats.clear();
        self.decisions.clear();
    }
}

/// Whether a file is there to be read.
#[must_use]
pub fn exists(path: &Path) -> bool {
    path.is_file()
}
