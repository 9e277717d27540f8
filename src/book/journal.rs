//! The journal: files that are only appended to, each applied to the database once and then removed.
//!
//! 1. When a `write` returns, the kernel has its notes, and they outlive this process.
//! 2. What was torn (a full disk, a power loss) is skipped to the next whole note, and told. That goes for one
//!    whose lost end happens to be what the next begins with, too: its writer knows that it was not written.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::note::{self, LONGEST};

const MAGIC: [u8; 8] = *b"pclbook\x01";
/// What a journal begins with: what it is, its number and its salt.
const BEGINNING: usize = 8 + 8 + 4;
/// How much of a journal is read at a time.
const PIECE: usize = 256 << 10;

/// Where the files of a book are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Files {
    /// The database.
    pub(super) database: PathBuf,
}

impl Files {
    /// Those beside the store of denials: `store.db` has `store-usage.db`.
    pub(super) fn beside(store: &Path) -> Self {
        let mut name = store.file_stem().unwrap_or_default().to_owned();
        // Somebody may name the ledger itself.
        if !name.as_encoded_bytes().ends_with(b"-usage") {
            name.push("-usage");
        }
        name.push(".db");
        Self { database: store.with_file_name(name) }
    }

    /// Whether its database is there.
    pub(super) fn exist(&self) -> bool {
        self.database.is_file()
    }

    fn journal(&self, number: u64) -> PathBuf {
        self.database.with_extension(format!("journal.{number}"))
    }

    /// Takes the ledger for this gate alone, and makes its file, which only its owner may read; nothing
    /// if another gate has it.
    pub(super) fn take(&self) -> io::Result<Option<File>> {
        if let Some(folder) = self.database.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let lock = private().create(true).append(true).open(self.database.with_extension("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Ok(None),
            Err(std::fs::TryLockError::Error(error)) => return Err(error),
        }
        // Behind the lock: closing the file would take the database's own locks from whoever has it open.
        self.make()?;
        Ok(Some(lock))
    }

    /// Makes the database's file where there is none.
    pub(super) fn make(&self) -> io::Result<()> {
        private().create(true).append(true).open(&self.database).map(drop)
    }

    /// The numbers of the journals that are there, in order.
    pub(super) fn journals(&self) -> io::Result<Vec<u64>> {
        let own = self.database.with_extension("journal.");
        let (Some(folder), Some(own)) = (own.parent(), own.file_name().and_then(|name| name.to_str())) else {
            return Ok(Vec::new());
        };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let mut numbers = Vec::new();
        for file in std::fs::read_dir(folder)? {
            let name = file?.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix(own)?.parse::<u64>().ok());
            numbers.extend(number);
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    pub(super) fn remove(&self, number: u64) -> io::Result<()> {
        std::fs::remove_file(self.journal(number))
    }

    /// Opens a journal to read it; nothing if it is not there.
    pub(super) fn open(&self, number: u64) -> io::Result<Option<File>> {
        match File::open(self.journal(number)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// A journal that is written to.
#[derive(Debug)]
pub(super) struct Journal {
    /// Its number; a later one has a larger.
    pub(super) number: u64,
    file: File,
    salt: u32,
    empty: bool,
}

impl Journal {
    /// Begins a journal.
    pub(super) fn begin(files: &Files, number: u64) -> io::Result<Self> {
        let mut salt = [0; 4];
        getrandom::fill(&mut salt).map_err(io::Error::other)?;
        let path = files.journal(number);
        let mut file = private().create_new(true).append(true).open(&path)?;
        let beginning = [&MAGIC[..], &number.to_le_bytes(), &salt].concat();
        // Half a beginning would be no journal, and its number would be taken.
        file.write_all(&beginning).inspect_err(|_| drop(std::fs::remove_file(&path)))?;
        Ok(Self { number, file, salt: u32::from_le_bytes(salt), empty: true })
    }

    /// Seals notes and writes them with one call; gives how many bytes were written.
    pub(super) fn write(&mut self, frames: &mut [u8]) -> io::Result<usize> {
        note::seal(frames, self.salt);
        self.empty = false;
        loop {
            match self.file.write(frames) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                written => return written,
            }
        }
    }

    /// Whether nobody tried to write to it.
    pub(super) fn is_empty(&self) -> bool {
        self.empty
    }

    /// A journal in a file that is open, and what would stand at its beginning.
    #[cfg(test)]
    pub(super) fn onto(file: std::os::fd::OwnedFd, number: u64) -> (Self, Vec<u8>) {
        let beginning = [&MAGIC[..], &number.to_le_bytes(), &[0; 4]].concat();
        (Self { number, file: file.into(), salt: 0, empty: true }, beginning)
    }

    /// A journal that nothing can be written to: the disk is full.
    #[cfg(test)]
    pub(super) fn full(number: u64) -> Self {
        let file = OpenOptions::new().append(true).open("/dev/full").unwrap();
        Self { number, file, salt: 0, empty: true }
    }
}

/// Calls for each note of a journal; gives how many bytes of it are no note.
pub(super) fn read(mut file: impl Read, number: u64, mut on: impl FnMut(&[u8])) -> io::Result<u64> {
    let mut bytes = Vec::with_capacity(PIECE + 2 * LONGEST);
    let mut salt = None;
    let (mut at, mut torn, mut ended) = (0, 0, false);
    loop {
        if !ended && bytes.len() - at < 2 * LONGEST {
            bytes.drain(..at);
            at = 0;
            let want = PIECE as u64;
            ended = file.by_ref().take(want).read_to_end(&mut bytes)? == 0;
            continue;
        }
        let Some(salt) = salt else {
            salt = Some(match beginning(&bytes, number) {
                Some(salt) => salt,
                // Without its beginning nothing in it can be told from what a client chose.
                None => return left(&mut file, bytes.len()),
            });
            at = BEGINNING;
            continue;
        };
        let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) else { return Ok(torn) };
        if let Some(note) = note::framed(rest, salt).filter(|note| !note::begins_in(rest, note, salt)) {
            at += note::HEAD + note.len();
            on(note);
        } else {
            at += 1;
            torn += 1;
        }
    }
}

/// How many bytes there are in all when so many were read.
fn left(file: &mut impl Read, read: usize) -> io::Result<u64> {
    let rest = io::copy(file, &mut io::sink())?;
    Ok(rest.saturating_add(u64::try_from(read).unwrap_or(u64::MAX)))
}

fn beginning(bytes: &[u8], number: u64) -> Option<u32> {
    let (magic, rest) = bytes.split_first_chunk()?;
    let (own, rest) = rest.split_first_chunk()?;
    let (salt, _) = rest.split_first_chunk()?;
    (*magic == MAGIC && u64::from_le_bytes(*own) == number).then(|| u32::from_le_bytes(*salt))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SALT: u32 = 0x5eed;

    fn journal_of(parts: &[(Vec<u8>, Option<usize>)]) -> (Vec<u8>, Vec<Vec<u8>>) {
        let mut bytes = [&MAGIC[..], &3u64.to_le_bytes(), &SALT.to_le_bytes()].concat();
        let mut whole = Vec::new();
        for (note, torn) in parts {
            let mut frame = [&note::unsealed(note.len())[..], note].concat();
            note::seal(&mut frame, SALT);
            match torn {
                Some(at) => frame.truncate(at % frame.len()),
                None => whole.push(note.clone()),
            }
            bytes.extend_from_slice(&frame);
        }
        (bytes, whole)
    }

    proptest! {
        #[test]
        fn whole_notes_are_found_among_torn_ones(
            parts in prop::collection::vec(
                (prop::collection::vec(any::<u8>(), 1..300), prop::option::of(any::<usize>())), 0..40,
            ),
        ) {
            // Of two torn in a row, the second's only byte could be all that the first lacks.
            let lacks_a_mark = |note: &[u8], at: usize| {
                at == note::HEAD + note.len() - 1 && note.last() == note::unsealed(0).first()
            };
            let parts: Vec<_> = parts.into_iter().map(|(note, torn)| {
                let at = torn.map(|at| at % (note::HEAD + note.len()));
                let at = at.map(|at| if lacks_a_mark(&note, at) { at - 1 } else { at });
                (note, at)
            }).collect();
            let (bytes, whole) = journal_of(&parts);
            let mut found = Vec::new();
            let torn = read(&bytes[..], 3, |note| found.push(note.to_vec())).unwrap();
            let framed: usize = whole.iter().map(|note| note.len() + note::HEAD).sum();
            prop_assert_eq!(usize::try_from(torn).unwrap(), bytes.len() - BEGINNING - framed);
            prop_assert_eq!(found, whole);
        }
    }

    #[test]
    fn a_note_whose_end_is_the_beginning_of_the_next_was_not_written() {
        let next = vec![7; 60];
        let begins = note::unsealed(next.len());
        for lost in 1..=3 {
            let torn = [&[1; 40][..], &begins[..lost]].concat();
            let length = torn.len() + note::HEAD;
            let (bytes, whole) = journal_of(&[(torn, Some(length - lost)), (next.clone(), None)]);
            let mut found = Vec::new();
            let torn = read(&bytes[..], 3, |note| found.push(note.to_vec())).unwrap();
            assert_eq!(found, whole, "{lost} bytes are lost");
            assert_eq!(usize::try_from(torn).unwrap(), length - lost);
        }
    }

    #[test]
    fn a_journal_of_many_pieces_is_read_whole() {
        let parts: Vec<_> = (0..4000u32).map(|n| (n.to_le_bytes().repeat(60), None)).collect();
        let (bytes, whole) = journal_of(&parts);
        assert!(bytes.len() > 3 * PIECE);
        let mut found = Vec::new();
        assert_eq!(read(&bytes[..], 3, |note| found.push(note.to_vec())).unwrap(), 0);
        assert_eq!(found, whole);
    }

    #[test]
    fn what_is_no_journal_is_not_read() {
        let (bytes, _) = journal_of(&[(vec![1, 2, 3], None)]);
        for wrong in [&bytes[1..], &bytes[..5], &[0; 64]] {
            let torn = read(wrong, 3, |_| panic!("there is none")).unwrap();
            assert_eq!(torn, wrong.len() as u64);
        }
        assert_eq!(read(&bytes[..], 4, |_| panic!("of another number")).unwrap(), bytes.len() as u64);
        assert_eq!(read(&[][..], 3, |_| panic!("there is none")).unwrap(), 0);
    }
}
