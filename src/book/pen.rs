//! What writes the journal: it holds settlements back for a moment, so that they go with the next note.
//!
//! 1. What waits are whole frames, one after the other, not yet sealed: which journal they go to shows only
//!    when they are written.
//! 2. They are written in order, many with one call. Of a call that wrote a part, whole notes are not
//!    written again.

use std::io;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::journal::Journal;
use super::note::{self, What};
use super::{Entry, Noted, Pending};

/// How much is written with one call, in bytes.
const MOST_AT_ONCE: usize = 64 << 10;
/// How many notes may wait when they cannot be written.
pub(super) const MOST_WAITING: usize = 1 << 16;

/// The journal that is written to, and the notes that wait.
#[derive(Debug)]
pub(super) struct Pen {
    pub(super) journal: Journal,
    /// Frames, the oldest first.
    frames: Vec<u8>,
    /// How many frames there are.
    notes: usize,
    /// How many notes were written before them.
    written: Arc<AtomicU64>,
    /// How many of them, the oldest, could not be written when it was tried.
    delayed: usize,
    /// Nobody comes any more to write what waits.
    pub(super) alone: bool,
}

/// A write that failed.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) error: io::Error,
    /// How many more notes than before have to wait for it.
    pub(super) delayed: usize,
}

impl Pen {
    pub(super) fn new(journal: Journal) -> Self {
        Self { journal, frames: Vec::new(), notes: 0, written: Arc::default(), delayed: 0, alone: false }
    }

    /// Counts the notes that were written.
    pub(super) fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.written)
    }

    /// How many notes wait.
    pub(super) fn notes(&self) -> usize {
        self.notes
    }

    /// Whether nothing waits, and nothing was written to the journal.
    pub(super) fn is_done(&self) -> bool {
        self.notes == 0 && self.journal.is_empty()
    }

    /// The notes that wait.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &[u8]> {
        note::frames(&self.frames).filter_map(|frame| frame.get(note::HEAD..))
    }

    /// Writes that something is reserved, behind what waits.
    ///
    /// # Errors
    /// When it cannot be written; then it is forgotten.
    pub(super) fn reserve(&mut self, id: u64, entry: &Entry<'_>) -> Result<Noted, Failed> {
        let before = self.frames.len();
        let noted = self.hold(id, entry);
        let own = self.frames.len() - before;
        self.write().map(|_| noted).map_err(|error| {
            // It is the last, so it was not written, or only in part.
            self.frames.truncate(self.frames.len() - own);
            self.notes -= 1;
            self.failed(error)
        })
    }

    /// Takes what is reserved, to be written with what comes next.
    pub(super) fn hold(&mut self, id: u64, entry: &Entry<'_>) -> Noted {
        note::write(&mut self.frames, What::Reserves, id, entry);
        self.notes += 1;
        let waiting = u64::try_from(self.notes).unwrap_or(u64::MAX);
        Noted(NonZeroU64::MIN.saturating_add(self.written.load(Ordering::Relaxed) + waiting - 1))
    }

    /// Takes how a request ended, to be written with what comes next; false if too many wait.
    pub(super) fn close(&mut self, what: What, pending: Option<Pending>, entry: &Entry<'_>) -> bool {
        let room = self.notes < MOST_WAITING;
        if room {
            note::write(&mut self.frames, what, pending.map_or(0, |pending| pending.0), entry);
            self.notes += 1;
        }
        room
    }

    /// Writes what waits; gives how many notes that were.
    ///
    /// # Errors
    /// When not all of it could be written.
    pub(super) fn flush(&mut self) -> Result<usize, Failed> {
        self.write().map_err(|error| self.failed(error))
    }

    fn failed(&mut self, error: io::Error) -> Failed {
        let delayed = self.notes - self.delayed;
        self.delayed = self.notes;
        Failed { error, delayed }
    }

    fn write(&mut self) -> io::Result<usize> {
        let (mut gone, mut written) = (0, 0);
        let outcome = loop {
            let Some(rest) = self.frames.get_mut(gone..) else { break Ok(()) };
            let (whole, notes) = note::up_to(rest, MOST_AT_ONCE);
            let Some(piece) = rest.get_mut(..whole).filter(|piece| !piece.is_empty()) else { break Ok(()) };
            match self.journal.write(piece) {
                Ok(bytes) if bytes == whole => (gone, written) = (gone + whole, written + notes),
                Ok(bytes) => {
                    // The rest could end up behind another's, so what is there in part is written once more.
                    let (whole, notes) = note::up_to(piece, bytes);
                    (gone, written) = (gone + whole, written + notes);
                    break Err(io::Error::new(io::ErrorKind::StorageFull, "a note was written in part"));
                }
                Err(error) => break Err(error),
            }
        };
        self.frames.drain(..gone);
        if self.frames.is_empty() {
            self.frames.shrink_to(MOST_AT_ONCE);
        }
        self.notes -= written;
        // Only the pen counts, and whoever has the pen has it alone.
        self.written.fetch_add(u64::try_from(written).unwrap_or_default(), Ordering::Release);
        self.delayed = self.delayed.saturating_sub(written);
        outcome.map(|()| written)
    }
}

#[cfg(test)]
mod tests;
