//! What the notes of a journal come to: sums by quarter of an hour and names, and reservations that are
//! still open.
//!
//! A quarter of an hour in UTC is what every time zone's days and months can be made of.

use std::collections::HashMap;

use super::note::{Names, Note, What};
use super::sums::Sums;

/// Milliseconds in a quarter of an hour.
pub(super) const QUARTER_MS: i64 = 15 * 60 * 1000;
/// Quarters of an hour in a day.
pub(super) const QUARTERS_A_DAY: i64 = 96;

type ByNames = HashMap<Box<[u8]>, Sums, foldhash::fast::RandomState>;

/// What notes come to.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The sums of each quarter of an hour, by names as they are written in notes.
    pub(super) quarters: HashMap<i64, ByNames, foldhash::fast::RandomState>,
    /// Reservations that were not settled, as they were written.
    pub(super) opened: HashMap<u64, Box<[u8]>, foldhash::fast::RandomState>,
    /// Settled reservations that another journal holds.
    pub(super) closed: Vec<u64>,
    /// Notes that this program cannot read.
    pub(super) unread: u64,
}

impl Batch {
    /// Takes a note in.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        let Some(note) = Note::read(bytes) else {
            self.unread += 1;
            return;
        };
        match note.what {
            What::Reserves => {
                self.opened.insert(note.id, bytes.into());
                return;
            }
            What::Settles => self.add(&note, note.estimated),
            What::TakesBack => {}
        }
        if note.id != 0 && self.opened.remove(&note.id).is_none() {
            self.closed.push(note.id);
        }
    }

    /// Settles a reservation that nobody will settle by what it reserved.
    pub(super) fn settle_by_estimate(&mut self, bytes: &[u8]) {
        match Note::read(bytes) {
            Some(note) => self.add(&note, true),
            None => self.unread += 1,
        }
    }

    fn add(&mut self, note: &Note<'_>, estimated: bool) {
        let sums = Sums::of(&note.numbers, estimated);
        let by_names = self.quarters.entry(note.at_ms.div_euclid(QUARTER_MS)).or_default();
        match by_names.get_mut(note.names.0) {
            Some(so_far) => *so_far += &sums,
            None => drop(by_names.insert(note.names.0.into(), sums)),
        }
    }

    /// Every sum, with its quarter and names.
    pub(super) fn sums(&self) -> impl Iterator<Item = (i64, [&str; 4], &Sums)> {
        self.quarters
            .iter()
            .flat_map(|(quarter, all)| all.iter().map(|(names, sums)| (*quarter, Names(names).read(), sums)))
    }
}
