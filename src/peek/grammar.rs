//! The grammar of JSON as a machine that can stop after any byte.

use std::hash::BuildHasher as _;
use std::slice::Iter;

use foldhash::fast::FixedState;
use smallvec::SmallVec;

use super::text::{Characters, run};
use super::{DEEPEST, Fault};
use crate::ascii;

/// How much of a kept name, text or number is held. A longer name is refused; of a longer value the
/// beginning tells enough.
const KEEP: usize = 320;

/// An object or an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    Object,
    Array,
}

/// What the machine came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing that matters, or the piece has ended.
    More,
    /// A container began.
    Opened(Container),
    /// A kept name of a field ended.
    Name,
    /// A kept string value ended.
    Text,
    /// A kept number ended.
    Number,
    /// A value that matters is `true`, `false` or (`None`) `null`.
    Literal(Option<bool>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Value,
    ValueOrEnd,
    NameOrEnd,
    NextName,
    Colon,
    CommaOrEnd,
    InString { name: bool },
    InEscape { name: bool },
    InUnicode { name: bool, digits: u8, value: u16 },
    InNumber(Digits),
    InLiteral { rest: &'static [u8], value: Option<bool> },
    Whole,
}

/// How far a number has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Digits {
    Minus,
    Zero,
    Whole,
    Point,
    Fraction,
    Exponent,
    Sign,
    Power,
}

#[derive(Debug)]
pub(super) struct Grammar {
    state: State,
    /// One bit a level, the lowest for the innermost: set for an object.
    objects: u128,
    depth: usize,
    characters: Characters,
    /// One bit a level, as in `objects`: set where names matter.
    named: u128,
    keep_value: bool,
    keeping: bool,
    kept: SmallVec<[u8; 64]>,
    escapes: bool,
    high_surrogate: Option<u16>,
}

impl Default for Grammar {
    fn default() -> Self {
        Self {
            state: State::Value,
            objects: 0,
            depth: 0,
            characters: Characters::default(),
            named: 0,
            keep_value: false,
            keeping: false,
            kept: SmallVec::new(),
            escapes: false,
            high_surrogate: None,
        }
    }
}

impl Grammar {
    pub(super) const fn depth(&self) -> usize {
        self.depth
    }

    /// Whether the colon behind a name is still to come.
    pub(super) fn awaits_colon(&self) -> bool {
        self.state == State::Colon
    }

    pub(super) fn is_whole(&self) -> bool {
        self.state == State::Whole
    }

    /// Whether the names in the container that just opened matter.
    pub(super) const fn keep_names(&mut self, keep: bool) {
        self.named = self.named & !1 | keep as u128;
    }

    const fn keeps_names(&self) -> bool {
        self.named & 1 != 0
    }

    /// Whether the value of the name that just ended matters.
    pub(super) const fn keep_value(&mut self, keep: bool) {
        self.keep_value = keep;
    }

    pub(super) fn kept(&self) -> &[u8] {
        &self.kept
    }

    /// Equal names have equal hashes, which is all that finding duplicates needs: a caller who makes
    /// two different names collide is refused, and harms nobody else.
    pub(super) fn kept_hash(&self) -> u64 {
        FixedState::default().hash_one(self.kept())
    }

    pub(super) const fn kept_escapes(&self) -> bool {
        self.escapes
    }

    /// Goes on until something happens that matters; [`Step::More`] when the piece has ended.
    #[inline]
    pub(super) fn step(&mut self, piece: &mut Iter<'_, u8>) -> Result<Step, Fault> {
        loop {
            let step = match self.state {
                State::InString { name } => self.in_string(name, piece)?,
                State::InNumber(digits) => self.in_number(digits, piece)?,
                State::InEscape { .. } | State::InUnicode { .. } | State::InLiteral { .. } => {
                    match piece.next() {
                        Some(byte) => self.inside(*byte)?,
                        None => return Ok(Step::More),
                    }
                }
                State::Value
                | State::ValueOrEnd
                | State::NameOrEnd
                | State::NextName
                | State::Colon
                | State::CommaOrEnd
                | State::Whole => match piece.next() {
                    Some(b' ' | b'\n' | b'\r' | b'\t') => Step::More,
                    Some(byte) => self.between(*byte)?,
                    None => return Ok(Step::More),
                },
            };
            if step != Step::More || piece.len() == 0 {
                return Ok(step);
            }
        }
    }

    /// A byte inside an escape or a word.
    fn inside(&mut self, byte: u8) -> Result<Step, Fault> {
        match self.state {
            State::InEscape { name } => self.in_escape(name, byte),
            State::InUnicode { name, digits, value } => self.in_unicode(name, digits, value, byte),
            State::InLiteral { rest, value } => self.in_literal(rest, value, byte),
            State::Value
            | State::ValueOrEnd
            | State::NameOrEnd
            | State::NextName
            | State::Colon
            | State::CommaOrEnd
            | State::InString { .. }
            | State::InNumber(_)
            | State::Whole => self.between(byte),
        }
    }

    /// A byte between tokens.
    #[inline]
    fn between(&mut self, byte: u8) -> Result<Step, Fault> {
        match self.state {
            State::Value => return self.value(byte),
            State::ValueOrEnd if byte != b']' => return self.value(byte),
            State::NameOrEnd | State::NextName if byte == b'"' => self.begin_string(true),
            State::Colon if byte == b':' => self.state = State::Value,
            State::CommaOrEnd if byte == b',' => {
                self.state = if self.in_object() { State::NextName } else { State::Value };
            }
            State::CommaOrEnd | State::ValueOrEnd | State::NameOrEnd if byte == self.end() => self.close(),
            State::Whole => return Err(Fault::NotJson("something follows its end")),
            State::ValueOrEnd
            | State::NameOrEnd
            | State::NextName
            | State::Colon
            | State::CommaOrEnd
            | State::InString { .. }
            | State::InEscape { .. }
            | State::InUnicode { .. }
            | State::InNumber(_)
            | State::InLiteral { .. } => {
                return Err(Fault::NotJson("a character stands where it cannot"));
            }
        }
        Ok(Step::More)
    }

    /// The first byte of a value.
    fn value(&mut self, byte: u8) -> Result<Step, Fault> {
        let keep = std::mem::replace(&mut self.keep_value, false);
        match byte {
            b'{' => return self.open(Container::Object),
            b'[' => return self.open(Container::Array),
            _ if self.depth == 0 => return Err(Fault::Unfit("it is not a JSON object")),
            b'"' => {
                self.keep_value = keep;
                self.begin_string(false);
            }
            b't' => self.begin_literal(keep, b"rue", Some(true)),
            b'f' => self.begin_literal(keep, b"alse", Some(false)),
            b'n' => self.begin_literal(keep, b"ull", None),
            b'-' | b'0'..=b'9' => {
                self.begin_keeping(keep);
                self.keep(&[byte]);
                self.state = State::InNumber(match byte {
                    b'-' => Digits::Minus,
                    b'0' => Digits::Zero,
                    _ => Digits::Whole,
                });
            }
            _ => return Err(Fault::NotJson("a value begins with a character that none begins with")),
        }
        Ok(Step::More)
    }

    fn open(&mut self, container: Container) -> Result<Step, Fault> {
        if self.depth >= DEEPEST {
            return Err(Fault::Unfit("it nests too deep"));
        }
        self.depth += 1;
        self.named <<= 1;
        self.objects <<= 1;
        match container {
            Container::Object => {
                self.objects |= 1;
                self.state = State::NameOrEnd;
            }
            Container::Array => self.state = State::ValueOrEnd,
        }
        Ok(Step::Opened(container))
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.named >>= 1;
        self.objects >>= 1;
        self.after_value();
    }

    fn after_value(&mut self) {
        self.state = if self.depth == 0 { State::Whole } else { State::CommaOrEnd };
    }

    const fn in_object(&self) -> bool {
        self.objects & 1 != 0
    }

    /// What ends the innermost container.
    const fn end(&self) -> u8 {
        if self.in_object() { b'}' } else { b']' }
    }

    fn begin_string(&mut self, name: bool) {
        let keep = if name { self.keeps_names() } else { std::mem::replace(&mut self.keep_value, false) };
        self.begin_keeping(keep);
        self.state = State::InString { name };
    }

    fn begin_literal(&mut self, keep: bool, rest: &'static [u8], value: Option<bool>) {
        self.begin_keeping(keep);
        self.state = State::InLiteral { rest, value };
    }

    fn begin_keeping(&mut self, keep: bool) {
        self.keeping = keep;
        if keep {
            self.kept.clear();
            self.escapes = false;
        }
    }

    #[inline]
    fn keep(&mut self, bytes: &[u8]) {
        if self.keeping {
            self.keep_on(bytes);
        }
    }

    fn keep_on(&mut self, bytes: &[u8]) {
        let room = KEEP.saturating_sub(self.kept.len()).min(bytes.len());
        self.kept.extend_from_slice(bytes.get(..room).unwrap_or_default());
    }

    #[inline]
    fn in_string(&mut self, name: bool, piece: &mut Iter<'_, u8>) -> Result<Step, Fault> {
        if !self.characters.is_whole() {
            *piece = self.in_characters(piece.as_slice())?.iter();
        }
        if !self.keeping {
            // What nobody keeps is only passed, and with it the escapes that prompts are full of.
            skip(piece);
        }
        loop {
            let rest = piece.as_slice();
            let plain = ascii::plain_until(rest, 0);
            if self.keeping && plain > 0 {
                self.no_surrogate_waits()?;
                self.keep(rest.get(..plain).unwrap_or_default());
            }
            match piece.nth(plain) {
                None => return Ok(Step::More),
                Some(b'"') => return self.end_string(name, piece),
                Some(b'\\') => {
                    self.escapes = true;
                    self.state = State::InEscape { name };
                    return Ok(Step::More);
                }
                Some(0x7f..) => {
                    *piece = self.in_characters(rest.get(plain..).unwrap_or_default())?.iter();
                }
                Some(_) => return Err(Fault::NotJson("a control character stands in a string")),
            }
        }
    }

    /// A run with characters that are not plain ASCII.
    #[inline(never)]
    fn in_characters<'p>(&mut self, piece: &'p [u8]) -> Result<&'p [u8], Fault> {
        let (text, rest) = run(piece);
        self.no_surrogate_waits()?;
        self.characters.check(text)?;
        self.keep(text);
        if !rest.is_empty() {
            self.characters.at_border()?;
        }
        Ok(rest)
    }

    #[inline]
    fn end_string(&mut self, name: bool, piece: &mut Iter<'_, u8>) -> Result<Step, Fault> {
        self.no_surrogate_waits()?;
        if name && self.keeping && self.kept.len() >= KEEP {
            return Err(Fault::Unfit("a field's name is too long"));
        }
        let step = if name { Step::Name } else { Step::Text };
        if name {
            // As good as always the colon is the next byte, and a blank behind it.
            self.state = match piece.as_slice() {
                [b':', b' ', ..] => {
                    piece.nth(1);
                    State::Value
                }
                [b':', ..] => {
                    piece.next();
                    State::Value
                }
                _ => State::Colon,
            };
        } else {
            self.after_value();
            // And most often another field follows, of which nothing is to be told first.
            if !self.keeping && self.in_object() {
                let between = match piece.as_slice() {
                    [b',', b'"', ..] => 2,
                    [b',', b' ', b'"', ..] => 3,
                    _ => return Ok(Step::More),
                };
                piece.nth(between - 1);
                self.begin_string(true);
                return Ok(Step::More);
            }
        }
        Ok(if self.keeping { step } else { Step::More })
    }

    fn in_escape(&mut self, name: bool, byte: u8) -> Result<Step, Fault> {
        let plain = match byte {
            b'"' | b'\\' | b'/' => byte,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                self.state = State::InUnicode { name, digits: 0, value: 0 };
                return Ok(Step::More);
            }
            _ => return Err(Fault::NotJson("an escape is none of JSON's")),
        };
        self.no_surrogate_waits()?;
        self.keep(&[plain]);
        self.state = State::InString { name };
        Ok(Step::More)
    }

    fn in_unicode(&mut self, name: bool, digits: u8, value: u16, byte: u8) -> Result<Step, Fault> {
        let digit = char::from(byte).to_digit(16).and_then(|d| u16::try_from(d).ok());
        let value = value << 4 | digit.ok_or(Fault::NotJson("an escape is none of JSON's"))?;
        if digits < 3 {
            self.state = State::InUnicode { name, digits: digits + 1, value };
            return Ok(Step::More);
        }
        self.state = State::InString { name };
        if self.keeping {
            self.keep_unit(value)?;
        }
        Ok(Step::More)
    }

    /// Keeps one UTF-16 unit. Where text matters, half a pair is refused; elsewhere it is the
    /// upstream's to judge.
    fn keep_unit(&mut self, unit: u16) -> Result<(), Fault> {
        let high = self.high_surrogate.take();
        if (0xd800..0xdc00).contains(&unit) && high.is_none() {
            self.high_surrogate = Some(unit);
            return Ok(());
        }
        let units = high.into_iter().chain([unit]);
        for character in char::decode_utf16(units) {
            let character = character.map_err(|_| Fault::NotJson("an escape holds half a character"))?;
            self.keep(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Ok(())
    }

    fn no_surrogate_waits(&self) -> Result<(), Fault> {
        match self.high_surrogate {
            Some(_) => Err(Fault::NotJson("an escape holds half a character")),
            None => Ok(()),
        }
    }

    fn in_number(&mut self, digits: Digits, piece: &mut Iter<'_, u8>) -> Result<Step, Fault> {
        let mut digits = digits;
        while let Some(&byte) = piece.as_slice().first() {
            let next = match (digits, byte) {
                (Digits::Minus, b'0') => Digits::Zero,
                (Digits::Minus, b'1'..=b'9') | (Digits::Whole, b'0'..=b'9') => Digits::Whole,
                (Digits::Zero | Digits::Whole, b'.') => Digits::Point,
                (Digits::Point | Digits::Fraction, b'0'..=b'9') => Digits::Fraction,
                (Digits::Zero | Digits::Whole | Digits::Fraction, b'e' | b'E') => Digits::Exponent,
                (Digits::Exponent, b'+' | b'-') => Digits::Sign,
                (Digits::Exponent | Digits::Sign | Digits::Power, b'0'..=b'9') => Digits::Power,
                (Digits::Zero | Digits::Whole | Digits::Fraction | Digits::Power, _) => {
                    self.after_value();
                    return Ok(if self.keeping { Step::Number } else { Step::More });
                }
                _ => return Err(Fault::NotJson("a number is none of JSON's")),
            };
            self.keep(&[byte]);
            digits = next;
            piece.next();
        }
        self.state = State::InNumber(digits);
        Ok(Step::More)
    }

    fn in_literal(&mut self, expected: &'static [u8], value: Option<bool>, byte: u8) -> Result<Step, Fault> {
        match expected.split_first() {
            Some((&next, rest)) if next == byte => {
                if rest.is_empty() {
                    self.after_value();
                    return Ok(if self.keeping { Step::Literal(value) } else { Step::More });
                }
                self.state = State::InLiteral { rest, value };
                Ok(Step::More)
            }
            _ => Err(Fault::NotJson("a word is none of true, false and null")),
        }
    }
}

/// Goes to the first byte of a string that is neither plain nor part of an escape of two bytes.
#[inline]
fn skip(piece: &mut Iter<'_, u8>) {
    let rest = piece.as_slice();
    let end = ascii::plain_or_escaped_until(rest, 0);
    *piece = rest.get(end..).unwrap_or_default().iter();
}
