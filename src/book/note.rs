//! One note of the journal: that a request reserved, what it came to, or that it was not sent after all.
//!
//! It is a frame: a mark, the length, a checksum, and the note. The checksum begins with the journal's
//! own random salt, so that nothing that a client chose, such as a model's name, can look like a note
//! where one was torn.

use super::Entry;
use super::sums::{self, NUMBERS};
use crate::provider_key::up_to_a_key;

/// What stands before a note: mark, length and checksum.
pub(super) const HEAD: usize = 7;
/// How long a frame can become.
pub(super) const LONGEST: usize = HEAD + 1 + 8 + 8 + 4 * (1 + LONGEST_NAME) + 4 + NUMBERS * 10;
/// How long a name may become; no configured one is as long.
const LONGEST_NAME: usize = 255;
const MARK: u8 = 0xb7;

const RESERVES: u8 = 1;
const ESTIMATED: u8 = 2;
const TAKES_BACK: u8 = 4;

/// What a note says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// That a request reserved this.
    Reserves,
    /// That it came to this.
    Settles,
    /// That it was not sent, and came to nothing.
    TakesBack,
}

/// Adds a note whose head is still to be sealed; `id` is zero for a request that reserved nothing.
pub(super) fn write(into: &mut Vec<u8>, what: What, id: u64, entry: &Entry<'_>) {
    let begins = into.len();
    into.extend_from_slice(&[0; HEAD]);
    let estimated = if entry.estimated { ESTIMATED } else { 0 };
    let what = match what {
        What::Reserves => RESERVES,
        What::Settles => 0,
        What::TakesBack => TAKES_BACK,
    };
    into.push(estimated | what);
    into.extend_from_slice(&id.to_le_bytes());
    into.extend_from_slice(&entry.at_ms.to_le_bytes());
    for name in [entry.project, entry.key, entry.upstream, up_to_a_key(entry.model)] {
        let name = name.get(..name.floor_char_boundary(LONGEST_NAME)).unwrap_or_default();
        into.push(u8::try_from(name.len()).unwrap_or_default());
        into.extend_from_slice(name.as_bytes());
    }
    let numbers = sums::numbers(entry.usage, entry.cost);
    let mut there = 0u32;
    for (at, number) in numbers.iter().enumerate() {
        there |= u32::from(*number != 0) << at;
    }
    into.extend_from_slice(&there.to_le_bytes());
    for mut number in numbers.into_iter().filter(|number| *number != 0) {
        while number >= 0x80 {
            into.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        into.push(number.to_le_bytes()[0]);
    }
    let length = into.len().saturating_sub(begins + HEAD);
    if let Some(head) = into.get_mut(begins..).and_then(<[u8]>::first_chunk_mut) {
        *head = unsealed(length);
    }
}

/// The head of a note that is so long, without its checksum.
pub(super) fn unsealed(length: usize) -> [u8; HEAD] {
    let [low, high] = u16::try_from(length).unwrap_or_default().to_le_bytes();
    [MARK, low, high, 0, 0, 0, 0]
}

/// Fills in the checksums of notes for a journal with this salt.
pub(super) fn seal(mut frames: &mut [u8], salt: u32) {
    while let Some((frame, rest)) = length(frames).and_then(|length| frames.split_at_mut_checked(length)) {
        if let Some((&mut [_, low, high, ref mut sum @ ..], note)) = frame.split_first_chunk_mut::<HEAD>() {
            *sum = checksum([low, high], note, salt).to_le_bytes();
        }
        frames = rest;
    }
}

/// How long the first of some frames is.
fn length(frames: &[u8]) -> Option<usize> {
    let (&[_, low, high, ..], _) = frames.split_first_chunk::<HEAD>()?;
    Some(HEAD + usize::from(u16::from_le_bytes([low, high])))
}

/// Frame by frame.
pub(super) fn frames(mut frames: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (frame, rest) = frames.split_at_checked(length(frames)?)?;
        frames = rest;
        Some(frame)
    })
}

/// How many bytes and notes there are in the whole frames within the first so many bytes.
pub(super) fn up_to(all: &[u8], bytes: usize) -> (usize, usize) {
    let within = all.get(..bytes).unwrap_or(all);
    frames(within).fold((0, 0), |(bytes, notes), frame| (bytes + frame.len(), notes + 1))
}

/// The note at the beginning of some bytes, if one stands there whole.
pub(super) fn framed(bytes: &[u8], salt: u32) -> Option<&[u8]> {
    let (&[mark, low, high, a, b, c, d], rest) = bytes.split_first_chunk::<HEAD>()?;
    if mark != MARK {
        return None;
    }
    let length = [low, high];
    let note = rest.get(..usize::from(u16::from_le_bytes(length)))?;
    (checksum(length, note, salt) == u32::from_le_bytes([a, b, c, d])).then_some(note)
}

/// Whether a whole note begins within one that stands at the beginning of some bytes.
pub(super) fn begins_in(bytes: &[u8], note: &[u8], salt: u32) -> bool {
    let within = bytes.get(1..HEAD + note.len()).unwrap_or_default();
    memchr::memchr_iter(MARK, within)
        .any(|at| bytes.get(1 + at..).is_some_and(|rest| framed(rest, salt).is_some()))
}

fn checksum(length: [u8; 2], note: &[u8], salt: u32) -> u32 {
    let mut sum = crc32fast::Hasher::new_with_initial(salt);
    sum.update(&length);
    sum.update(note);
    sum.finalize()
}

/// A note as it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Note<'a> {
    /// What it says.
    pub(super) what: What,
    /// Whose reservation it is about; zero for none.
    pub(super) id: u64,
    /// When the request came.
    pub(super) at_ms: i64,
    /// Whether the numbers are an estimate.
    pub(super) estimated: bool,
    /// The names as they were written, so that they can be compared at once.
    pub(super) names: Names<'a>,
    /// Usage and cost.
    pub(super) numbers: [u64; NUMBERS],
}

/// Project, key, upstream and model, as they were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Names<'a>(pub(super) &'a [u8]);

impl<'a> Names<'a> {
    /// Project, key, upstream and model.
    pub(super) fn read(self) -> [&'a str; 4] {
        let mut rest = self.0;
        [(); 4].map(|()| {
            let (name, behind) = name(rest).unwrap_or_default();
            rest = behind;
            std::str::from_utf8(name).unwrap_or_default()
        })
    }
}

fn name(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

impl<'a> Note<'a> {
    /// Reads a note; nothing if it is none that this program wrote.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (&[flags], rest) = bytes.split_first_chunk::<1>()?;
        let (id, rest) = rest.split_first_chunk()?;
        let (at_ms, rest) = rest.split_first_chunk()?;
        let mut behind = rest;
        for _ in 0..4 {
            (_, behind) = name(behind)?;
        }
        let names = Names(rest.get(..rest.len() - behind.len())?);
        let (there, mut rest) = behind.split_first_chunk()?;
        let there = u32::from_le_bytes(*there);
        let mut numbers = [0; NUMBERS];
        for (at, number) in numbers.iter_mut().enumerate() {
            if there >> at & 1 == 1 {
                (*number, rest) = varint(rest)?;
            }
        }
        Some(Self {
            what: match flags & (RESERVES | TAKES_BACK) {
                0 => What::Settles,
                TAKES_BACK => What::TakesBack,
                _ => What::Reserves,
            },
            id: u64::from_le_bytes(*id),
            at_ms: i64::from_le_bytes(*at_ms),
            estimated: flags & ESTIMATED != 0,
            names,
            numbers,
        })
    }
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(at + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Money;
    use crate::usage::Usage;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_note_is_read_as_it_was_written(
            id: u64, at_ms: i64, what in prop::sample::select(vec![What::Reserves, What::Settles, What::TakesBack]),
            estimated: bool, model in ".{0,90}",
            numbers: [u64; NUMBERS], zeroed: u32, salt: u32,
        ) {
            let mut numbers = numbers;
            for (at, number) in numbers.iter_mut().enumerate() {
                if zeroed >> at & 1 == 1 {
                    *number = 0;
                }
            }
            let (usage, cost) = sums::usage(&numbers);
            let entry = Entry {
                at_ms, project: "search", key: "search-1", upstream: "openai", model: &model, usage: &usage, cost, estimated,
            };
            let mut buffer = Vec::new();
            write(&mut buffer, what, id, &entry);
            seal(&mut buffer, salt);
            prop_assert!(buffer.len() <= LONGEST);
            let note = Note::read(framed(&buffer, salt).unwrap()).unwrap();
            let model = up_to_a_key(&model);
            let model = &model[..model.floor_char_boundary(LONGEST_NAME)];
            prop_assert_eq!(note.names.read(), ["search", "search-1", "openai", model]);
            prop_assert_eq!(
                (note.id, note.at_ms, note.what, note.estimated, note.numbers),
                (id, at_ms, what, estimated, numbers)
            );
            prop_assert_eq!(framed(&buffer, salt ^ 1), None, "of another journal");
            for cut in 0..buffer.len() {
                prop_assert_eq!(framed(&buffer[..cut], salt), None);
            }
            for at in 0..buffer.len() {
                let mut other = buffer.clone();
                other[at] ^= 0x10;
                prop_assert_eq!(framed(&other, salt), None, "byte {} differs", at);
            }
        }
    }

    #[test]
    fn the_longest_note_fits() {
        let name = "n".repeat(300);
        let (usage, cost) = sums::usage(&[u64::MAX; NUMBERS]);
        let entry = Entry {
            at_ms: 0,
            project: &name,
            key: &name,
            upstream: &name,
            model: &name,
            usage: &usage,
            cost,
            estimated: true,
        };
        let mut buffer = Vec::new();
        write(&mut buffer, What::Reserves, u64::MAX, &entry);
        assert_eq!(buffer.len(), LONGEST);
        seal(&mut buffer, 7);
        assert_eq!(Note::read(framed(&buffer, 7).unwrap()).unwrap().numbers, [u64::MAX; NUMBERS]);
    }

    #[test]
    fn a_key_sent_as_a_model_is_not_kept() {
        let (usage, cost) = (Usage::default(), Money::ZERO);
        let model = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEF";
        let entry = Entry {
            at_ms: 0,
            project: "p",
            key: "k",
            upstream: "u",
            model,
            usage: &usage,
            cost,
            estimated: false,
        };
        let mut buffer = Vec::new();
        write(&mut buffer, What::Settles, 0, &entry);
        assert!(!String::from_utf8_lossy(&buffer).contains("abcdef"), "{buffer:?}");
    }
}
