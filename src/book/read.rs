//! Reads the ledger, with what only the journals hold; a gate that writes at the same time is not
//! disturbed.
//!
//! 1. First the database's state of one moment, then the journals that it has not yet applied. If one
//!    was applied in between, it is begun anew: nothing is missed, and nothing counted twice.
//! 2. Times go to whole quarters of an hour, and to whole days for what is so old that only days are
//!    kept.

use std::path::Path;

use rusqlite::{Connection, Transaction};

use super::Wanted;
use super::apply::{OTHER, applied, read_sums};
use super::batch::{Batch, QUARTER_MS, QUARTERS_A_DAY};
use super::journal::{self, Files};
use super::note::Note;
use super::schema::{self, FOUND_BY, Unusable};
use super::sums::{COLUMNS, Sums};

/// How often it is begun anew before it is given up.
const TRIES: usize = 100;

/// Sums of requests that came in the same slot of time and are alike.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// When the slot begins, in milliseconds since 1970.
    pub from_ms: i64,
    /// Whether the slot is a whole day; else a quarter of an hour.
    pub day: bool,
    /// The project.
    pub project: &'a str,
    /// The key's public id.
    pub key: &'a str,
    /// The upstream.
    pub upstream: &'a str,
    /// The model that was asked for; empty if none was.
    pub model: &'a str,
    /// What they used.
    pub sums: &'a Sums,
    /// Whether it is still reserved: no request that has ended.
    pub reserved: bool,
}

impl Row<'_> {
    /// Whether its slot is the one that holds this time, or a later one.
    fn is_since(&self, since_ms: i64) -> bool {
        let long = if self.day { QUARTER_MS * QUARTERS_A_DAY } else { QUARTER_MS };
        self.from_ms >= since_ms.div_euclid(long).saturating_mul(long)
    }

    /// Whether it is what is asked for. What could not be kept by model is of each: rather too much is counted than too
    /// little.
    pub(super) fn is_of(&self, wanted: &Wanted<'_>) -> bool {
        self.is_since(wanted.since_ms)
            && self.project == wanted.project
            && wanted.key.is_none_or(|key| self.key == key)
            && wanted.models.is_none_or(|models| self.model == OTHER || models.allows(self.model))
    }
}

/// Which requests are meant; what is left out does not matter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Not before this time, in milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// Before this time.
    pub until_ms: Option<i64>,
    /// The project's name.
    pub project: Option<String>,
    /// The key's public id.
    pub key: Option<String>,
    /// The upstream's name.
    pub upstream: Option<String>,
    /// The model.
    pub model: Option<String>,
}

/// The reading side of a ledger.
#[derive(Debug)]
pub struct Reader {
    db: Connection,
    files: Files,
}

/// A ledger that cannot be read to the end.
pub type Unreadable = super::apply::Failed;

impl Reader {
    /// Opens the ledger beside a store of denials.
    ///
    /// # Errors
    /// When it is not there, cannot be opened, or is no ledger of usage.
    pub fn beside(store: &Path) -> Result<Self, Unusable> {
        let files = Files::beside(store);
        if !files.exist() {
            let why = "it is not there: has the gate run with this configuration? If it has, the file may have been removed";
            return Err(Unusable::new(&files.database, &why));
        }
        Self::open(files)
    }

    pub(super) fn open(files: Files) -> Result<Self, Unusable> {
        Ok(Self { db: schema::open_to_read(&files.database)?, files })
    }

    /// Calls for each sum that is meant.
    ///
    /// # Errors
    /// When database or journals cannot be read.
    pub fn each(&mut self, filter: &Filter, on: impl FnMut(&Row<'_>)) -> Result<(), Unreadable> {
        self.each_with(filter, |_| {}, on)
    }

    /// The same with further notes, which are taken in after those of the journals.
    pub(super) fn each_with(
        &mut self,
        filter: &Filter,
        more: impl Fn(&mut Batch),
        mut on: impl FnMut(&Row<'_>),
    ) -> Result<(), Unreadable> {
        let mut tries = 0;
        let (reading, mut batch) = loop {
            let reading = self.db.unchecked_transaction()?;
            // The first question fixes the state that all others see.
            let applied_then = applied(&reading)?;
            let batch = journals(&self.files, applied_then)?;
            let still = schema::open_to_read(&self.files.database).map(|db| applied(&db));
            if still.is_ok_and(|now| now.is_ok_and(|now| now == applied_then)) {
                break (reading, batch);
            }
            tries += 1;
            if tries == TRIES {
                return Err(Unreadable::Unsteady);
            }
        };
        more(&mut batch);
        kept(&reading, filter, &mut on)?;
        for (quarter, [project, key, upstream, model], sums) in batch.sums() {
            let from_ms = quarter.saturating_mul(QUARTER_MS);
            filter.pass(
                &Row { from_ms, day: false, project, key, upstream, model, sums, reserved: false },
                &mut on,
            );
        }
        reserved(&reading, &batch, filter, &mut on)
    }
}

/// What the journals hold that were not applied.
fn journals(files: &Files, applied: u64) -> Result<Batch, Unreadable> {
    let mut batch = Batch::default();
    for number in files.journals()?.into_iter().filter(|number| *number > applied) {
        if let Some(file) = files.open(number)? {
            journal::read(file, number, |note| batch.take(note))?;
        }
    }
    Ok(batch)
}

/// What the database holds.
fn kept(reading: &Transaction<'_>, filter: &Filter, on: &mut impl FnMut(&Row<'_>)) -> Result<(), Unreadable> {
    let columns = COLUMNS.join(", ");
    for (table, long) in [("days", QUARTER_MS * QUARTERS_A_DAY), ("quarters", QUARTER_MS)] {
        let mut query = reading.prepare(&format!(
            "SELECT {FOUND_BY}, {columns} FROM {table} \
             WHERE slot >= ?1 AND slot <= ?2 AND (?3 IS NULL OR project = ?3)"
        ))?;
        let slot = |ms: Option<i64>, else_at: i64| ms.map_or(else_at, |ms| ms.div_euclid(long));
        let mut rows = query.query((
            slot(filter.since_ms, i64::MIN),
            slot(filter.until_ms, i64::MAX),
            &filter.project,
        ))?;
        while let Some(row) = rows.next()? {
            let name = |at: usize| row.get_ref(at).map(|name| name.as_str().unwrap_or_default());
            let from_ms = row.get::<_, i64>(0)?.saturating_mul(long);
            let (day, sums) = (table == "days", read_sums(row)?);
            let (project, key, upstream, model) = (name(1)?, name(2)?, name(3)?, name(4)?);
            filter
                .pass(&Row { from_ms, day, project, key, upstream, model, sums: &sums, reserved: false }, on);
        }
    }
    Ok(())
}

/// What is reserved and not settled.
fn reserved(
    reading: &Transaction<'_>,
    batch: &Batch,
    filter: &Filter,
    on: &mut impl FnMut(&Row<'_>),
) -> Result<(), Unreadable> {
    let mut pass = |bytes: &[u8]| {
        let Some(note) = Note::read(bytes) else { return };
        let [project, key, upstream, model] = note.names.read();
        let sums = Sums::of(&note.numbers, true);
        let from_ms = note.at_ms.div_euclid(QUARTER_MS).saturating_mul(QUARTER_MS);
        filter.pass(
            &Row { from_ms, day: false, project, key, upstream, model, sums: &sums, reserved: true },
            &mut *on,
        );
    };
    let closed: std::collections::HashSet<u64> = batch.closed.iter().copied().collect();
    let mut query = reading.prepare("SELECT id, note FROM reserved")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        if !closed.contains(&row.get::<_, i64>(0)?.cast_unsigned()) {
            pass(row.get_ref(1)?.as_bytes().unwrap_or_default());
        }
    }
    batch.opened.values().for_each(|note| pass(note));
    Ok(())
}

impl Filter {
    /// Hands a row on if it is meant.
    fn pass(&self, row: &Row<'_>, on: &mut impl FnMut(&Row<'_>)) {
        let is = |wanted: &Option<String>, name: &str| wanted.as_ref().is_none_or(|wanted| wanted == name);
        let meant = self.since_ms.is_none_or(|since| row.is_since(since))
            && self.until_ms.is_none_or(|until| row.from_ms < until)
            && is(&self.project, row.project)
            && is(&self.key, row.key)
            && is(&self.upstream, row.upstream)
            && is(&self.model, row.model);
        if meant {
            on(row);
        }
    }
}
