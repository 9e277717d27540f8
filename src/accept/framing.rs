//! Refuses a head of HTTP/1 that says twice where its body ends, by `Content-Length` beside `Transfer-Encoding`, and
//! one with a number sign in its first line.
//!
//! The HTTP library drops the length, or what stands behind the sign, and goes on, so nobody behind it could tell. So the
//! client's bytes are looked at on their way to it:
//!
//! 1. Heads are told from bodies by the framing that the library goes by. What it refuses by itself ends that: nothing
//!    behind is ever read.
//! 2. In a head with both fields the colon of the second becomes a NUL, and so does the sign. That is no head to the
//!    library: it answers 400 and closes. Nothing else is ever changed, and nothing at all in a body.
//! 3. Where the connection turns to another protocol, HTTP/2 or a WebSocket, nothing is looked at any more.
//! 4. What a read brought is looked at where it lies. Of a line that a read cuts only the first bytes are kept.

use std::ops::Range;

use memchr::{memchr, memchr2, memmem};
use smallvec::SmallVec;

use crate::ascii;
use crate::skim::{self, Skimmed, skim};
use crate::wire::Look;

const LENGTH: &[u8; 15] = b"content-length:";
const CODING: &[u8; 18] = b"transfer-encoding:";
const UPGRADE: &[u8; 8] = b"upgrade:";
/// What HTTP/2 begins with, as if it were a request.
const PREFACE: &[u8; 14] = b"PRI * HTTP/2.0";
/// What the gate says when it changes the protocol.
const SWITCHED: &[u8] = b"HTTP/1.1 101 ";
/// How many bytes of a line tell what it is.
const TELLING: usize = CODING.len();

/// How far a client's bytes were followed.
#[derive(Debug)]
pub(crate) struct Framing {
    at: At,
    head: Head,
    /// The first bytes of a line that was cut before they told what it is.
    cut: [u8; TELLING],
    cut_length: usize,
    /// Whether the client asked for another protocol.
    upgrade: bool,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug)]
enum At {
    /// A line of a head, at its beginning.
    Line,
    /// A line of a head that says no more.
    Rest,
    /// The value of `Content-Length`.
    Length(Digits),
    /// A body of which so much is to come.
    Body(u64),
    /// A chunk of which so much is to come.
    Chunk(u64),
    /// What stands between chunks, and behind the last.
    Between(Between),
    /// Nothing that is looked at.
    Beyond,
}

/// What the head that is being read has said.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    /// Whether its first line is over.
    begun: bool,
    chunked: bool,
    length: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Digits {
    Before,
    Within,
    Behind,
}

/// Where in RFC 9112 §7.1, outside of the chunks' data.
#[derive(Clone, Copy, Debug)]
enum Between {
    Size(Option<u64>),
    BlankBehindSize(u64),
    Extension(u64),
    SizeLf(u64),
    DataCr,
    DataLf,
    Trailer,
    TrailerLf,
    EndCr,
    EndLf,
}

/// What a line of a head is, as its beginning tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Length,
    Coding,
    Upgrade,
    Preface,
    /// A byte of an empty line before the first.
    Leading,
    /// The empty line of so many bytes that ends the head.
    End(usize),
    /// Any other, and whatever the library refuses.
    Other,
    /// More bytes will tell.
    Unknown,
}

impl Default for Framing {
    fn default() -> Self {
        Self { at: At::Line, head: Head::default(), cut: [0; TELLING], cut_length: 0, upgrade: false }
    }
}

impl Look for Framing {
    fn read(&mut self, bytes: &mut [u8]) -> usize {
        let plain =
            |bytes: &[u8]| memchr2(b'\n', b'#', bytes).is_some_and(|at| bytes.get(at) == Some(&b'\n'));
        if self.is_at_a_head() && self.head.line(bytes) == Line::Other && plain(bytes) {
            let begun = Head { begun: true, ..self.head };
            let mut telling = SmallVec::<[Range<usize>; 4]>::new();
            let skimmed = skim(bytes, &skim::OF_CLIENTS, |at, line| {
                if line.first().is_some_and(|first| tells(*first)) && begun.line(line) != Line::Other {
                    telling.push(at);
                }
            });
            if let Some(Skimmed { end, left }) = skimmed {
                // The head is here whole: its other lines need no second look.
                self.head = begun;
                for part in telling.into_iter().chain(std::iter::once(end..left)) {
                    self.follow(bytes.get_mut(part).unwrap_or_default());
                }
                return left;
            }
        }
        self.follow(bytes);
        bytes.len()
    }

    fn written(&mut self, bytes: &[u8]) {
        if self.upgrade && memmem::find(bytes, SWITCHED).is_some() {
            self.upgrade = false;
            self.at = At::Beyond;
        }
    }
}

impl Framing {
    /// Looks at what the client sent next, and spoils a head that has to be refused.
    pub(crate) fn follow(&mut self, bytes: &mut [u8]) {
        let mut from = 0;
        while let Some(rest) = bytes.get_mut(from..).filter(|rest| !rest.is_empty()) {
            from += match self.at {
                At::Beyond => return,
                At::Line => self.lines(rest),
                At::Rest => self.rest(rest),
                At::Length(digits) => self.length(digits, rest),
                At::Between(between) => self.between(between, rest),
                At::Body(left) => {
                    let (taken, left) = taken(left, rest.len());
                    self.at = if left == 0 { At::Line } else { At::Body(left) };
                    taken
                }
                At::Chunk(left) => {
                    let (taken, left) = taken(left, rest.len());
                    self.at = if left == 0 { At::Between(Between::DataCr) } else { At::Chunk(left) };
                    taken
                }
            };
        }
    }

    /// Whether what comes next is a head, from its first byte.
    const fn is_at_a_head(&self) -> bool {
        matches!(self.at, At::Line) && !self.head.begun && self.cut_length == 0
    }

    /// Whole lines, up to one that may tell something or is cut.
    fn lines(&mut self, bytes: &mut [u8]) -> usize {
        if self.cut_length > 0 {
            return self.mended(bytes);
        }
        let mut from = 0;
        let mut odd = ascii::unprintables(bytes);
        while let Some(line) = bytes.get(from..)
            && let Some(first) = line.first()
        {
            let begins = !self.head.begun;
            if begins || tells(*first) {
                let kind = self.head.line(line);
                if kind != Line::Other {
                    return self.told(kind, bytes, from, 0);
                }
            }
            let end = odd.find(|at| bytes.get(*at) == Some(&b'\n'));
            if begins && let Some(at) = number_sign(line, end.map(|end| end - from)) {
                return self.spoil(bytes, from + at);
            }
            let Some(end) = end else {
                self.at = At::Rest;
                break;
            };
            self.head.begun = true;
            from = end + 1;
        }
        bytes.len()
    }

    /// The line whose first bytes came before.
    fn mended(&mut self, bytes: &mut [u8]) -> usize {
        let before = self.cut_length;
        self.keep(bytes);
        let kind = self.head.line(self.cut.get(..self.cut_length).unwrap_or_default());
        if kind == Line::Unknown {
            return bytes.len();
        }
        self.cut_length = 0;
        self.told(kind, bytes, 0, before)
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = self.cut.get_mut(self.cut_length..).unwrap_or_default();
        let kept = room.iter_mut().zip(bytes).map(|(to, from)| *to = *from).count();
        self.cut_length += kept;
    }

    /// A line that begins at `from`, or of which so many bytes came before.
    fn told(&mut self, kind: Line, bytes: &mut [u8], from: usize, before: usize) -> usize {
        let behind = |length: usize| (from + length).saturating_sub(before);
        match kind {
            Line::Length if self.head.chunked => self.spoil(bytes, behind(LENGTH.len() - 1)),
            Line::Coding if self.head.length.is_some() => self.spoil(bytes, behind(CODING.len() - 1)),
            Line::Length => {
                self.head.length = Some(0);
                self.at = At::Length(Digits::Before);
                behind(LENGTH.len())
            }
            Line::Coding => {
                self.head.chunked = true;
                self.at = At::Rest;
                behind(CODING.len())
            }
            Line::Upgrade => {
                self.upgrade = true;
                self.at = At::Rest;
                behind(UPGRADE.len())
            }
            Line::End(length) => {
                self.at = self.head.body();
                self.head = Head::default();
                behind(length)
            }
            Line::Leading => from + 1,
            Line::Other => {
                self.at = At::Rest;
                from
            }
            Line::Preface => {
                self.at = At::Beyond;
                bytes.len()
            }
            Line::Unknown => {
                self.keep(bytes.get(from..).unwrap_or_default());
                bytes.len()
            }
        }
    }

    /// Makes it no head by what stands there. What stands behind it is never read.
    fn spoil(&mut self, bytes: &mut [u8], at: usize) -> usize {
        if let Some(byte) = bytes.get_mut(at) {
            *byte = 0;
        }
        self.at = At::Beyond;
        bytes.len()
    }

    fn rest(&mut self, bytes: &mut [u8]) -> usize {
        let end = memchr(b'\n', bytes);
        if !self.head.begun
            && let Some(at) = number_sign(bytes, end)
        {
            return self.spoil(bytes, at);
        }
        let Some(end) = end else { return bytes.len() };
        self.head.begun = true;
        self.at = At::Line;
        end + 1
    }

    fn length(&mut self, mut digits: Digits, bytes: &[u8]) -> usize {
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'0'..=b'9' if digits != Digits::Behind => {
                    digits = Digits::Within;
                    let more = |length: u64| length.checked_mul(10)?.checked_add(u64::from(byte - b'0'));
                    self.head.length = self.head.length.and_then(more);
                    if self.head.length.is_none() {
                        self.at = At::Beyond;
                        return bytes.len();
                    }
                }
                b' ' | b'\t' | b'\r' if digits == Digits::Before => {}
                b' ' | b'\t' | b'\r' => digits = Digits::Behind,
                b'\n' if digits != Digits::Before => {
                    self.at = At::Line;
                    return at + 1;
                }
                _ => {
                    self.at = At::Beyond;
                    return bytes.len();
                }
            }
        }
        self.at = At::Length(digits);
        bytes.len()
    }

    fn between(&mut self, mut between: Between, bytes: &[u8]) -> usize {
        for (at, byte) in bytes.iter().enumerate() {
            let next = between.then(*byte);
            let At::Between(still) = next else {
                self.at = next;
                return at + 1;
            };
            between = still;
        }
        self.at = At::Between(between);
        bytes.len()
    }
}

impl Head {
    /// What the line is that begins here. It may be followed by others.
    fn line(self, line: &[u8]) -> Line {
        match (line.first(), self.begun) {
            (Some(b'c' | b'C'), true) => named(line, LENGTH, Line::Length),
            (Some(b't' | b'T'), true) => named(line, CODING, Line::Coding),
            (Some(b'u' | b'U'), true) => named(line, UPGRADE, Line::Upgrade),
            (Some(b'\n'), true) => Line::End(1),
            (Some(b'\r'), true) => match line.get(1) {
                Some(b'\n') => Line::End(2),
                Some(_) => Line::Other,
                None => Line::Unknown,
            },
            // As it is written: a line's end in it would make it two lines.
            (Some(b'P'), false) => match line.first_chunk() {
                Some(begins) if begins == PREFACE => Line::Preface,
                None if PREFACE.starts_with(line) => Line::Unknown,
                Some(_) | None => Line::Other,
            },
            (Some(b'\r' | b'\n'), false) => Line::Leading,
            (Some(_), _) => Line::Other,
            (None, _) => Line::Unknown,
        }
    }

    /// What comes behind the head.
    const fn body(self) -> At {
        match self.length {
            _ if self.chunked => At::Between(Between::Size(None)),
            None | Some(0) => At::Line,
            Some(length) => At::Body(length),
        }
    }
}

/// Where a head's first line, which may be cut, has a number sign.
#[inline]
fn number_sign(bytes: &[u8], end: Option<usize>) -> Option<usize> {
    let line = end.map_or(bytes, |end| bytes.get(..end).unwrap_or_default());
    memchr(b'#', line)
}

/// Whether a line that begins so may be another than [`Line::Other`].
const fn tells(first: u8) -> bool {
    matches!(first, b'c' | b'C' | b't' | b'T' | b'u' | b'U' | b'\r' | b'\n')
}

/// The kind, if the line begins with the name, whose last byte tells most others apart.
fn named<const N: usize>(line: &[u8], name: &[u8; N], kind: Line) -> Line {
    match line.first_chunk::<N>() {
        Some(begins) if begins.last() == name.last() && folded(begins) == folded(name) => kind,
        Some(_) => Line::Other,
        None if line.contains(&b'\n') => Line::Other,
        None => Line::Unknown,
    }
}

/// A name of 8 to 24 bytes as three words, in which capitals are small letters. All between `@` and DEL are taken for
/// letters, so it is exact where the name has no other sign than a hyphen and a colon.
fn folded<const N: usize>(name: &[u8; N]) -> Option<[u64; 3]> {
    const CASE: u64 = 0x2020_2020_2020_2020;
    let small = |word: u64| word | word >> 1 & CASE;
    let middle = name.get((N / 2).checked_sub(4)?..)?;
    let words = [name.first_chunk()?, middle.first_chunk()?, name.last_chunk()?];
    Some(words.map(|word| small(u64::from_le_bytes(*word))))
}

/// How much of what is left is there, and how much is left then.
fn taken(left: u64, there: usize) -> (usize, u64) {
    let taken = usize::try_from(left).map_or(there, |left| left.min(there));
    (taken, left - taken as u64)
}

impl Between {
    fn then(self, byte: u8) -> At {
        At::Between(match (self, byte) {
            (Self::Size(size), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).map(u64::from);
                let more = size.unwrap_or(0).checked_mul(16).zip(digit);
                let Some((size, digit)) = more else { return At::Beyond };
                Self::Size(Some(size | digit))
            }
            (Self::Size(Some(size)) | Self::BlankBehindSize(size), b' ' | b'\t') => {
                Self::BlankBehindSize(size)
            }
            (Self::Size(Some(size)) | Self::BlankBehindSize(size), b';') => Self::Extension(size),
            (Self::Size(Some(size)) | Self::BlankBehindSize(size) | Self::Extension(size), b'\r') => {
                Self::SizeLf(size)
            }
            (Self::Extension(size), other) if other != b'\n' => Self::Extension(size),
            (Self::SizeLf(0) | Self::TrailerLf, b'\n') => Self::EndCr,
            (Self::SizeLf(size), b'\n') => return At::Chunk(size),
            (Self::DataCr, b'\r') => Self::DataLf,
            (Self::DataLf, b'\n') => Self::Size(None),
            (Self::EndCr, b'\r') => Self::EndLf,
            (Self::Trailer, b'\r') => Self::TrailerLf,
            (Self::EndCr | Self::Trailer, _) => Self::Trailer,
            (Self::EndLf, b'\n') => return At::Line,
            (
                Self::Size(_)
                | Self::BlankBehindSize(_)
                | Self::Extension(_)
                | Self::SizeLf(_)
                | Self::DataCr
                | Self::DataLf
                | Self::TrailerLf
                | Self::EndLf,
                _,
            ) => return At::Beyond,
        })
    }
}

#[cfg(test)]
mod tests;
