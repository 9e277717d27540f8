//! Applies journals to the database, each once, and lets go of what is too old.
//!
//! The transaction that adds a journal's sums also notes its number: a journal that is found again with
//! that number or a smaller one was applied, and is removed unread.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::Duration;

use rusqlite::{Connection, Statement, Transaction};

use super::batch::{Batch, QUARTER_MS, QUARTERS_A_DAY};
use super::journal::{self, Files};
use super::schema::{self, FOUND_BY, Unusable};
use super::sums::{COLUMNS, Sums};
use crate::metrics::Metrics;
use crate::store::file_at;

/// For how many days quarters of an hour are kept: longer than any month in any time zone.
pub(super) const QUARTERS_KEPT_DAYS: i64 = 40;
/// How many models one project can have in one slot. More come only from a client that tries out what
/// there is; what they cost is counted under [`OTHER`].
pub(super) const MOST_MODELS: usize = 250;
/// Stands for the models beyond.
pub const OTHER: &str = "(other)";
/// How many days are rolled up in one go.
const MOST_DAYS_A_TURN: usize = 64;
/// How many pages are given back to the file system at a time.
const PAGES_GIVEN_BACK: i32 = 2_000;

/// Why journals could not be applied.
#[derive(Debug)]
pub enum Failed {
    /// A file could not be read or removed.
    File(std::io::Error),
    /// The database could not be read or written.
    Database(rusqlite::Error),
    /// The database could not be opened.
    Unusable(Unusable),
    /// It never stood still long enough to be read.
    Unsteady,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Database(error) => error.fmt(f),
            Self::Unusable(error) => error.fmt(f),
            Self::Unsteady => f.write_str("it changed each time that it was read"),
        }
    }
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self::File(error)
    }
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

/// The writing side of the database.
#[derive(Debug)]
pub(super) struct Applier {
    /// Nothing where its file is gone and no other could be made.
    db: Option<Connection>,
    /// The file that it is.
    file: Option<(u64, u64)>,
    pub(super) files: Files,
    /// Journals that are no longer written to and not yet applied, in order.
    pub(super) backlog: Vec<u64>,
    max_age: Duration,
}

/// How many requests were settled by their estimate when the ledger was opened, and what was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Recovered {
    /// Requests that were under way when the last process ended.
    pub(super) estimated: u64,
    /// The number that the next journal can have.
    pub(super) next: u64,
    /// How often the ledger was opened.
    pub(super) run: u64,
}

impl Applier {
    /// Opens the database, applies what the last process left, and settles what was under way then.
    pub(super) fn open(
        files: Files,
        max_age: Duration,
        metrics: &Metrics,
    ) -> Result<(Self, Recovered), Unusable> {
        let path = files.database.clone();
        let db = Some(schema::open(&path)?);
        let mut applier = Self { db, file: file_at(&path), files, backlog: Vec::new(), max_age };
        let recovered = applier.recover(metrics).map_err(|error| Unusable::new(&path, &error))?;
        Ok((applier, recovered))
    }

    /// The database, made anew where its file was removed or is another.
    fn db(&mut self) -> Result<&mut Connection, Failed> {
        let path = &self.files.database;
        // The old one is closed first: it removes what stands beside its file, by its name.
        let kept = self.db.take().filter(|_| self.file == file_at(path));
        let db = if let Some(db) = kept {
            db
        } else {
            self.files.make()?;
            let db = schema::open(path).map_err(Failed::Unusable)?;
            self.file = file_at(path);
            tracing::error!("usage_remade: the ledger was removed or replaced, and what it held with it");
            db
        };
        Ok(self.db.insert(db))
    }

    fn recover(&mut self, metrics: &Metrics) -> Result<Recovered, Failed> {
        self.backlog = self.files.journals()?;
        let applied = applied(self.db()?)?;
        let next = self.backlog.last().copied().unwrap_or_default().max(applied) + 1;
        self.apply(metrics)?;
        let mut batch = Batch::default();
        let mut estimated = 0;
        let writing = self.db()?.transaction()?;
        {
            let mut query = writing.prepare("SELECT note FROM reserved")?;
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                batch.settle_by_estimate(row.get_ref(0)?.as_bytes().unwrap_or_default());
                estimated += 1;
            }
        }
        write(&writing, &batch)?;
        writing.execute("DELETE FROM reserved", [])?;
        writing.execute("UPDATE state SET run = run + 1", [])?;
        let run: i64 = writing.query_row("SELECT run FROM state", [], |row| row.get(0))?;
        writing.commit()?;
        count(metrics, &batch);
        Ok(Recovered { estimated, next, run: run.cast_unsigned() })
    }

    /// Applies the journals that wait, and removes them.
    pub(super) fn apply(&mut self, metrics: &Metrics) -> Result<(), Failed> {
        while let Some(number) = self.backlog.first().copied() {
            if number > applied(self.db()?)? {
                self.apply_one(number, metrics)?;
            }
            match self.files.remove(number) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                Ok(()) | Err(_) => {}
            }
            self.backlog.remove(0);
        }
        Ok(())
    }

    fn apply_one(&mut self, number: u64, metrics: &Metrics) -> Result<(), Failed> {
        let mut batch = Batch::default();
        let mut torn = 0;
        if let Some(file) = self.files.open(number)? {
            torn = journal::read(file, number, |note| batch.take(note))?;
        } else {
            tracing::error!(journal = number, "usage_journal_gone: somebody removed it unapplied");
        }
        let writing = self.db()?.transaction()?;
        write(&writing, &batch)?;
        {
            let mut insert = writing.prepare("INSERT OR REPLACE INTO reserved VALUES (?1, ?2)")?;
            for (id, note) in &batch.opened {
                insert.execute((id.cast_signed(), &**note))?;
            }
            let mut delete = writing.prepare("DELETE FROM reserved WHERE id = ?1")?;
            for id in &batch.closed {
                delete.execute([id.cast_signed()])?;
            }
        }
        writing.execute("UPDATE state SET applied = ?1", [number.cast_signed()])?;
        writing.commit()?;
        if torn > 0 || batch.unread > 0 {
            let unread = batch.unread;
            tracing::warn!(
                journal = number,
                bytes = torn,
                unread,
                "usage_journal_torn: what is whole was counted"
            );
        }
        count(metrics, &batch);
        Ok(())
    }

    /// Rolls quarters of an hour up to days when they are old, and lets go of what is too old.
    pub(super) fn let_go_of_the_old(&mut self, now_ms: i64) -> Result<(), Failed> {
        let today = now_ms.div_euclid(QUARTER_MS * QUARTERS_A_DAY);
        let kept = today.saturating_sub(QUARTERS_KEPT_DAYS).saturating_mul(QUARTERS_A_DAY);
        let max_age = self.max_age;
        let db = self.db()?;
        for _ in 0..MOST_DAYS_A_TURN {
            let writing = db.transaction()?;
            let oldest: Option<i64> =
                writing.query_row("SELECT min(slot) FROM quarters", [], |row| row.get(0))?;
            let Some(day) = oldest.filter(|slot| *slot < kept).map(|slot| slot.div_euclid(QUARTERS_A_DAY))
            else {
                break;
            };
            roll_up(&writing, day)?;
            writing.commit()?;
        }
        let days = i64::try_from(max_age.as_secs() / 86_400).unwrap_or(i64::MAX);
        db.execute("DELETE FROM days WHERE slot < ?1", [today.saturating_sub(days)])?;
        db.execute_batch(&format!("PRAGMA incremental_vacuum({PAGES_GIVEN_BACK})"))?;
        Ok(())
    }
}

/// The number of the last journal that was applied.
pub(super) fn applied(db: &Connection) -> rusqlite::Result<u64> {
    db.query_row("SELECT applied FROM state", [], |row| row.get(0)).map(i64::cast_unsigned)
}

fn count(metrics: &Metrics, batch: &Batch) {
    for (_, [project, _, upstream, _], sums) in batch.sums() {
        metrics.usage.count(project, upstream, &sums.usage, sums.cost);
    }
}

fn write(writing: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    if batch.quarters.is_empty() {
        return Ok(());
    }
    let mut quarters = Adding::to(writing, "quarters")?;
    for (quarter, names, sums) in batch.sums() {
        quarters.add(quarter, names, sums)?;
    }
    Ok(())
}

fn roll_up(writing: &Transaction<'_>, day: i64) -> rusqlite::Result<()> {
    let slots = (day * QUARTERS_A_DAY, (day + 1) * QUARTERS_A_DAY);
    let mut days: HashMap<[String; 4], Sums> = HashMap::new();
    {
        let columns = COLUMNS.join(", ");
        let mut query = writing
            .prepare(&format!("SELECT {FOUND_BY}, {columns} FROM quarters WHERE slot >= ?1 AND slot < ?2"))?;
        let mut rows = query.query(slots)?;
        while let Some(row) = rows.next()? {
            let names = [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?];
            *days.entry(names).or_default() += &read_sums(row)?;
        }
    }
    let mut adding = Adding::to(writing, "days")?;
    for (names, sums) in &days {
        adding.add(day, names.each_ref().map(String::as_str), sums)?;
    }
    writing.execute("DELETE FROM quarters WHERE slot >= ?1 AND slot < ?2", slots)?;
    Ok(())
}

/// The sums of a row whose first columns are [`FOUND_BY`].
pub(super) fn read_sums(row: &rusqlite::Row<'_>) -> rusqlite::Result<Sums> {
    let mut numbers = [0; COLUMNS.len()];
    for (at, number) in numbers.iter_mut().enumerate() {
        *number = row.get::<_, i64>(7 + at)?.cast_unsigned();
    }
    let mut sums = Sums::of(&numbers, false);
    sums.requests = row.get::<_, i64>(5)?.cast_unsigned();
    sums.estimated = row.get::<_, i64>(6)?.cast_unsigned();
    Ok(sums)
}

/// The statements that add sums to one table.
struct Adding<'a> {
    again: Statement<'a>,
    known: Statement<'a>,
    insert: Statement<'a>,
    /// The models of each slot and project to which something new was added.
    models: HashMap<(i64, String), HashSet<String>>,
}

impl<'a> Adding<'a> {
    /// Sums stop at the largest number that a column can hold.
    fn to(writing: &'a Transaction<'_>, table: &str) -> rusqlite::Result<Self> {
        let counts = ["requests", "estimated"].into_iter().chain(COLUMNS).zip(6..);
        let sets: Vec<String> = counts
            .map(|(column, at)| format!("{column} = min({column}, {} - ?{at}) + ?{at}", i64::MAX))
            .collect();
        let places: Vec<String> = (1..=7 + COLUMNS.len()).map(|at| format!("?{at}")).collect();
        let (sets, places, columns) = (sets.join(", "), places.join(", "), COLUMNS.join(", "));
        Ok(Self {
            again: writing.prepare(&format!(
                "UPDATE {table} SET {sets} \
                 WHERE slot = ?1 AND project = ?2 AND key_id = ?3 AND upstream = ?4 AND model = ?5"
            ))?,
            known: writing
                .prepare(&format!("SELECT DISTINCT model FROM {table} WHERE slot = ?1 AND project = ?2"))?,
            insert: writing
                .prepare(&format!("INSERT INTO {table} ({FOUND_BY}, {columns}) VALUES ({places})"))?,
            models: HashMap::new(),
        })
    }

    fn add(
        &mut self,
        slot: i64,
        [project, key, upstream, model]: [&str; 4],
        sums: &Sums,
    ) -> rusqlite::Result<()> {
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let counts = [sums.requests, sums.estimated].into_iter().chain(sums.numbers()).map(signed);
        let counts: Vec<i64> = counts.collect();
        let bind = |to: &mut Statement<'_>, model: &str| -> rusqlite::Result<()> {
            to.raw_bind_parameter(1, slot)?;
            for (name, at) in [project, key, upstream, model].into_iter().zip(2..) {
                to.raw_bind_parameter(at, name)?;
            }
            for (count, at) in counts.iter().zip(6..) {
                to.raw_bind_parameter(at, count)?;
            }
            Ok(())
        };
        bind(&mut self.again, model)?;
        if self.again.raw_execute()? > 0 {
            return Ok(());
        }
        let models = match self.models.entry((slot, project.to_owned())) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(room) => {
                let known = self.known.query_map((slot, project), |row| row.get(0))?;
                room.insert(known.collect::<rusqlite::Result<_>>()?)
            }
        };
        let model = if models.contains(model) || models.len() < MOST_MODELS { model } else { OTHER };
        models.insert(model.to_owned());
        bind(&mut self.again, model)?;
        if self.again.raw_execute()? > 0 {
            return Ok(());
        }
        bind(&mut self.insert, model)?;
        self.insert.raw_execute().map(|_| ())
    }
}
