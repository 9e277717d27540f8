//! Reads a multipart form (RFC 7578) while it arrives, and proves that it has one reading.
//!
//! The scanner is fed the body's pieces as they come, hands out what the parts hold, and keeps less than one
//! boundary of it. When it ends well:
//!
//! 1. The boundary stands where a part begins or the form ends, and nowhere else in the body: no reader can
//!    see a part that we did not see, wherever it looks for line ends.
//! 2. Nothing stands before the first part, behind the last, or behind a boundary on its line.
//! 3. Each part has one `Content-Disposition: form-data` with one `name`, written without quotes inside of
//!    quotes, escapes or continued lines; see `part.rs`.
//! 4. No part is encoded in another way than it looks.

mod part;

use std::fmt;

use memchr::memmem::{self, Finder};
use smallvec::SmallVec;

pub use part::Part;

/// How many parts a form may have.
const MOST_PARTS: usize = 1024;
/// How long the head of a part may be.
const LONGEST_HEAD: usize = 4096;
/// How long a boundary may be (RFC 2046, section 5.1.1).
const LONGEST_BOUNDARY: usize = 70;

/// Why a form is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unclear(pub &'static str);

/// What the scanner found.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'p> {
    /// A part began.
    Part(Part<'p>),
    /// The next bytes of what it holds.
    Data(&'p [u8]),
    /// It ended.
    Ended,
}

/// Takes what is found. What it refuses ends the reading.
pub trait Reader {
    /// Why it refuses.
    type Refusal: From<Unclear>;

    /// Takes the next finding.
    ///
    /// # Errors
    /// When the form is not to be read on.
    fn take(&mut self, found: Found<'_>) -> Result<(), Self::Refusal>;
}

/// Where in the form the scanner is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the first boundary; so many of its bytes were there.
    Start(usize),
    /// Behind a boundary.
    Boundary,
    /// Behind a boundary and this byte.
    HalfEnd(u8),
    /// In the head of a part.
    Head,
    /// In what a part holds.
    Data,
    /// Behind the last boundary.
    Over,
    /// In the line end behind it.
    OverCr,
    /// Behind that.
    Done,
}

/// The scanner.
pub struct Multipart {
    /// CR LF, two hyphens, the boundary.
    delimiter: SmallVec<[u8; 80]>,
    finder: Finder<'static>,
    state: State,
    parts: usize,
    /// The head of the part that is being read.
    head: Vec<u8>,
    /// The last bytes of what a part holds, which may be the beginning of a delimiter.
    held: Vec<u8>,
}

impl fmt::Debug for Multipart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Multipart")
            .field("state", &self.state)
            .field("parts", &self.parts)
            .finish_non_exhaustive()
    }
}

impl Multipart {
    /// A scanner for a body of this content type.
    ///
    /// # Errors
    /// When it is not a form's, or its boundary is none.
    pub fn new(content_type: &[u8]) -> Result<Self, Unclear> {
        let boundary = boundary(content_type)?;
        let mut delimiter = SmallVec::from_slice(b"\r\n--");
        delimiter.extend_from_slice(boundary);
        let finder = Finder::new(delimiter.get(2..).unwrap_or_default()).into_owned();
        let state = State::Start(0);
        Ok(Self { delimiter, finder, state, parts: 0, head: Vec::new(), held: Vec::new() })
    }

    /// Whether the form has ended.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        matches!(self.state, State::Over | State::Done)
    }

    /// Takes the next piece of the body.
    ///
    /// # Errors
    /// As soon as the form has no clear reading, or the reader refuses.
    pub fn feed<R: Reader>(&mut self, mut piece: &[u8], reader: &mut R) -> Result<(), R::Refusal> {
        while let Some((&next, rest)) = piece.split_first() {
            match self.state {
                State::Start(at) => {
                    let own = self.delimiter.get(2..).unwrap_or_default();
                    if own.get(at) != Some(&next) {
                        return Err(Unclear("it does not begin with its boundary").into());
                    }
                    self.state = if at + 1 == own.len() { State::Boundary } else { State::Start(at + 1) };
                    piece = rest;
                }
                State::Boundary => {
                    if next != b'\r' && next != b'-' {
                        return Err(UNEVEN.into());
                    }
                    self.state = State::HalfEnd(next);
                    piece = rest;
                }
                State::HalfEnd(first) => {
                    self.state = match (first, next) {
                        (b'\r', b'\n') => State::Head,
                        (b'-', b'-') if self.parts > 0 => State::Over,
                        (b'-', b'-') => return Err(Unclear("it has no part").into()),
                        _ => return Err(UNEVEN.into()),
                    };
                    self.head.clear();
                    piece = rest;
                }
                State::Head => piece = self.head(piece, reader)?,
                State::Data => piece = self.data(piece, reader)?,
                State::Over if next == b'\r' => {
                    self.state = State::OverCr;
                    piece = rest;
                }
                State::OverCr if next == b'\n' => {
                    self.state = State::Done;
                    piece = rest;
                }
                State::Over | State::OverCr | State::Done => {
                    return Err(Unclear("something stands behind its end").into());
                }
            }
        }
        Ok(())
    }

    /// Reads on in a part's head; gives what of the piece is behind it.
    fn head<'p, R: Reader>(&mut self, piece: &'p [u8], reader: &mut R) -> Result<&'p [u8], R::Refusal> {
        let before = self.head.len();
        let room = LONGEST_HEAD.saturating_sub(before);
        self.head.extend_from_slice(piece.get(..room).unwrap_or(piece));
        // The end may have begun in the piece before.
        let from = before.saturating_sub(3);
        let found = memmem::find(self.head.get(from..).unwrap_or_default(), b"\r\n\r\n");
        let Some(end) = found.map(|at| from + at) else {
            let full = self.head.len() >= LONGEST_HEAD;
            return if full { Err(Unclear("the head of a part is too long").into()) } else { Ok(&[]) };
        };
        self.parts += 1;
        if self.parts > MOST_PARTS {
            return Err(Unclear("it has too many parts").into());
        }
        let lines = self.head.get(..end).unwrap_or_default();
        if self.finder.find(lines).is_some() {
            return Err(TWICE.into());
        }
        reader.take(Found::Part(Part::read(lines)?))?;
        self.state = State::Data;
        self.held.clear();
        Ok(piece.get(end + 4 - before..).unwrap_or_default())
    }

    /// Reads on in what a part holds; gives what of the piece is behind it.
    fn data<'p, R: Reader>(&mut self, piece: &'p [u8], reader: &mut R) -> Result<&'p [u8], R::Refusal> {
        let length = self.delimiter.len();
        if !self.held.is_empty() {
            let before = self.held.len();
            self.held.extend_from_slice(piece.get(..2 * length).unwrap_or(piece));
            if let Some(at) = self.delimiter_in(&self.held)? {
                let held = std::mem::take(&mut self.held);
                self.end(held.get(..at).unwrap_or_default(), reader)?;
                return Ok(piece.get(at + length - before..).unwrap_or_default());
            }
            if piece.len() <= 2 * length {
                let kept = self.held.len().saturating_sub(length - 1);
                pass(self.held.get(..kept).unwrap_or_default(), reader)?;
                self.held.drain(..kept);
                return Ok(&[]);
            }
            // A delimiter that begins in what was held would have ended in what was added.
            pass(self.held.get(..before).unwrap_or_default(), reader)?;
            self.held.clear();
        }
        if let Some(at) = self.delimiter_in(piece)? {
            self.end(piece.get(..at).unwrap_or_default(), reader)?;
            return Ok(piece.get(at + length..).unwrap_or_default());
        }
        let (sure, rest) = piece.split_at_checked(piece.len().saturating_sub(length - 1)).unwrap_or_default();
        pass(sure, reader)?;
        self.held.extend_from_slice(rest);
        Ok(&[])
    }

    /// Where the delimiter begins.
    fn delimiter_in(&self, text: &[u8]) -> Result<Option<usize>, Unclear> {
        let Some(at) = self.finder.find(text) else { return Ok(None) };
        let line_end = at.checked_sub(2).filter(|from| text.get(*from..at) == Some(b"\r\n"));
        line_end.map(Some).ok_or(TWICE)
    }

    fn end<R: Reader>(&mut self, data: &[u8], reader: &mut R) -> Result<(), R::Refusal> {
        self.state = State::Boundary;
        pass(data, reader)?;
        reader.take(Found::Ended)
    }
}

fn pass<R: Reader>(data: &[u8], reader: &mut R) -> Result<(), R::Refusal> {
    if data.is_empty() { Ok(()) } else { reader.take(Found::Data(data)) }
}

const UNEVEN: Unclear = Unclear("something stands behind a boundary on its line");
const TWICE: Unclear = Unclear("its boundary stands inside of a part");

/// The boundary that a content type names.
fn boundary(content_type: &[u8]) -> Result<&[u8], Unclear> {
    let mut parts = content_type.split(|b| *b == b';').map(<[u8]>::trim_ascii);
    if !parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case(b"multipart/form-data")) {
        return Err(Unclear("it is not multipart/form-data"));
    }
    let mut found = None;
    for parameter in parts {
        let at = memchr::memchr(b'=', parameter).unwrap_or(parameter.len());
        let (name, value) = parameter.split_at_checked(at).unwrap_or_default();
        let value = value.strip_prefix(b"=").unwrap_or_default();
        let value = match value {
            [b'"', inner @ .., b'"'] => inner,
            plain => plain,
        };
        if name.eq_ignore_ascii_case(b"boundary") && found.is_none() {
            found = Some(value);
        } else if !(name.eq_ignore_ascii_case(b"charset") && value.eq_ignore_ascii_case(b"utf-8")) {
            return Err(Unclear("its content type has more than one boundary"));
        }
    }
    // Without the marks that only a quoted boundary may have, and about which readers disagree.
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'\'' | b'+' | b'_' | b'-' | b'.' | b'=');
    match found {
        Some(found) if (1..=LONGEST_BOUNDARY).contains(&found.len()) && found.iter().all(plain) => Ok(found),
        Some(_) => Err(Unclear("its boundary is not one that every reader takes alike")),
        None => Err(Unclear("its content type names no boundary")),
    }
}

#[cfg(test)]
mod tests;
