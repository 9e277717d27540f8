//! Estimates how many tokens a request's input has, while its bytes pass: to reserve by, not to settle by.
//!
//! 1. A body is read once, as its pieces come, without being parsed: each byte belongs to a class, and each step
//!    from one class to the next adds its weight. So a word's beginning counts, and its letters count less.
//! 2. The weights were fitted to four tokenizers (OpenAI's two, Anthropic's published one, Llama's), to be no less than
//!    what the one that makes the most tokens counts. `benches/estimate/run` measures that again; below is what it
//!    printed.
//! 3. In JSON, escapes count as what they stand for. What stands between the texts (names, quotes, braces) counts as
//!    text, which makes up for what providers add to each message.
//! 4. A long run of base64 behind `;base64,`, or behind a name such as `"data":`, counts as a picture: [`PICTURE`]
//!    tokens, and one for each KiB. Where it is text for a model, the estimate is too low; so it is for a document of
//!    many pages, and for models that count pictures by the ten thousand (`gpt-4o-mini`).
//!
//! Caveats: names and letters at random (no text that people write) make up to three times as many tokens. What a
//! provider adds by itself, such as a stored prompt, a file by its id or the earlier turns of a conversation that it
//! keeps, is not in the body, and so not in the estimate.
//!
#![doc = include_str!("estimate/measured.md")]

mod steps;

use steps::{
    CLASSES, CONT, EIGHT, LEAD2, LEAD3, LEAD4, LINE, LOOK, LOWER, PUNCT, class, class_of_escape, eight_steps,
    first_backslash, spelled_out, step,
};

/// What a picture counts, or whatever else is sent as base64: what Anthropic counts for the largest that it does not
/// scale down, and more than most models do.
pub const PICTURE: u64 = 1_600;

/// Parts of a token in which weights are counted.
const PARTS: u64 = 1024;

/// What a character of short base64 counts, in parts.
const BASE64: u64 = 768;

/// An estimate under way.
#[derive(Clone, Debug)]
pub struct Estimator {
    json: bool,
    parts: u64,
    /// The class of the byte before.
    before: u8,
    within: Within,
    /// The last bytes of the piece before.
    tail: [u8; TAIL],
}

/// How far back a name is looked for.
const TAIL: usize = 16;

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    Text,
    /// Behind a backslash.
    Escape,
    /// The code of an escape: how many digits are to come, and its value so far.
    Code {
        left: u8,
        value: u32,
    },
    /// What may be base64, and how long it is so far.
    Base64(u64),
}

impl Default for Estimator {
    /// For JSON.
    fn default() -> Self {
        Self { json: true, parts: 0, before: LINE, within: Within::Text, tail: [0; TAIL] }
    }
}

impl Estimator {
    /// For text that is not JSON.
    #[must_use]
    pub fn plain() -> Self {
        Self { json: false, ..Self::default() }
    }

    /// Takes the next piece.
    pub fn piece(&mut self, piece: &[u8]) {
        let mut at = 0;
        let mut coded = self.next_base64(piece, 0);
        while at < piece.len() {
            let rest = piece.get(at..).unwrap_or_default();
            match self.within {
                Within::Text => {
                    if coded.is_some_and(|coded| coded <= at) {
                        coded = self.next_base64(piece, at);
                    }
                    at = self.text(piece, at, coded);
                }
                Within::Escape => at += self.escape(rest),
                Within::Code { left, value } => at += self.code(rest, left, value),
                Within::Base64(length) => at += self.base64(rest, length),
            }
        }
        let kept = piece.len().min(TAIL);
        self.tail.rotate_left(kept);
        if let (Some(tail), Some(last)) = (self.tail.get_mut(TAIL - kept..), piece.get(piece.len() - kept..))
        {
            tail.copy_from_slice(last);
        }
    }

    /// The estimate for all pieces so far, rounded up.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        let open = match self.within {
            Within::Base64(length) => parts_of_base64(length),
            Within::Text | Within::Escape | Within::Code { .. } => 0,
        };
        self.parts.saturating_add(open).div_ceil(PARTS)
    }

    /// Takes text from one place to where it is none any more: to where base64 begins, if it does, or an escape that
    /// is longer than two bytes. Gives that place.
    fn text(&mut self, piece: &[u8], from: usize, coded: Option<usize>) -> usize {
        let [of_json, of_text] = &CLASSES;
        let classes = if self.json { of_json } else { of_text };
        let end = coded.unwrap_or(piece.len());
        let mut at = from;
        // What tells that base64 begins here may stand in the piece before.
        if from < TAIL {
            at = self.one_by_one(classes, piece, from, end.min(TAIL));
        }
        if self.within == Within::Text {
            at = self.by_eights(piece, at, end);
        }
        if self.within == Within::Text {
            at = self.one_by_one(classes, piece, at, end);
        }
        if self.within == Within::Text && coded == Some(at) {
            self.within = Within::Base64(0);
        }
        at
    }

    /// Takes text as long as there are eight bytes of it, or to an escape that is longer than two bytes.
    fn by_eights(&mut self, piece: &[u8], from: usize, end: usize) -> usize {
        let (mut before, mut parts, mut at) = (self.before, 0u64, from);
        while let Some(eight) = piece.get(at..end).and_then(<[u8]>::first_chunk::<EIGHT>) {
            let backslash = if self.json { first_backslash(*eight) } else { None };
            let Some(few) = backslash else {
                let (sum, last) = eight_steps(before, *eight);
                (parts, before, at) = (parts + u64::from(sum), last, at + EIGHT);
                continue;
            };
            // Prompts are full of escapes of two bytes: each is taken with what is around it.
            if let Some(spelled) = piece.get(at + few..end).and_then(|rest| spelled_out(*eight, few, rest)) {
                let (sum, last) = eight_steps(before, spelled);
                (parts, before, at) = (parts + u64::from(sum), last, at + EIGHT + 1);
                continue;
            }
            for byte in eight.iter().take(few) {
                let class = class(*byte);
                parts += u64::from(step(before, class));
                before = class;
            }
            at += few;
            let Some(class) = piece.get(at + 1).and_then(|byte| class_of_escape(*byte)) else {
                self.within = Within::Escape;
                at += 1;
                break;
            };
            parts += u64::from(step(before, class));
            (before, at) = (class, at + 2);
        }
        (self.before, self.parts) = (before, self.parts.saturating_add(parts));
        at
    }

    /// The next place behind a byte of the piece where base64 begins, if what tells so begins behind it too.
    fn next_base64(&self, piece: &[u8], from: usize) -> Option<usize> {
        let rest = piece.get(from..)?;
        memchr::memchr2_iter(b':', b';', rest).find_map(|at| {
            let behind = piece.get(from + at..)?;
            let length = if behind.starts_with(b";base64,") {
                8
            } else if self.json && behind.starts_with(b":\"") {
                2
            } else if self.json && behind.starts_with(b": \"") {
                3
            } else {
                return None;
            };
            let begins = from + at + length;
            let (last, mark) = (begins - 1, piece.get(begins - 1)?);
            self.begins_base64(*mark, piece, last).then_some(begins)
        })
    }

    /// Takes bytes up to where they are no text any more. Gives where that is.
    fn one_by_one(&mut self, classes: &[u8; 256], piece: &[u8], from: usize, end: usize) -> usize {
        for (at, byte) in piece.iter().enumerate().take(end).skip(from) {
            let class = classes.get(usize::from(*byte)).copied().unwrap_or(PUNCT);
            if class != LOOK {
                self.step_to(class);
            } else if *byte == b'\\' {
                self.within = Within::Escape;
                return at + 1;
            } else {
                self.step_to(PUNCT);
                if self.begins_base64(*byte, piece, at) {
                    self.within = Within::Base64(0);
                    return at + 1;
                }
            }
        }
        end.max(from)
    }

    fn step_to(&mut self, class: u8) {
        self.parts = self.parts.saturating_add(u64::from(step(self.before, class)));
        self.before = class;
    }

    /// Whether a comma or a quote stands before what is usually base64.
    fn begins_base64(&self, byte: u8, piece: &[u8], at: usize) -> bool {
        let back = |by: usize| match at.checked_sub(by) {
            Some(at) => piece.get(at).copied(),
            None => self.tail.get((TAIL + at).checked_sub(by)?).copied(),
        };
        let ends_with = |text: &[u8], skipped: usize| {
            text.iter().rev().enumerate().all(|(by, byte)| back(by + 1 + skipped) == Some(*byte))
        };
        if byte == b',' {
            return back(1) == Some(b'4') && ends_with(b";base64", 0);
        }
        let skipped = usize::from(back(1) == Some(b' '));
        // Most values are of another name, which its last letter tells.
        back(1 + skipped) == Some(b':')
            && matches!(back(3 + skipped), Some(b'a' | b's' | b'd'))
            && [&b"data\":"[..], b"bytes\":", b"Bytes\":", b"Encoded\":"]
                .iter()
                .any(|name| ends_with(name, skipped))
    }

    fn escape(&mut self, rest: &[u8]) -> usize {
        self.within = Within::Text;
        match rest.first() {
            Some(b'u') => self.within = Within::Code { left: 4, value: 0 },
            Some(byte) => self.step_to(class_of_escape(*byte).unwrap_or(PUNCT)),
            None => {}
        }
        1
    }

    fn code(&mut self, rest: &[u8], left: u8, value: u32) -> usize {
        let digit = rest.first().and_then(|byte| char::from(*byte).to_digit(16));
        let value = value << 4 | digit.unwrap_or_default();
        if left > 1 {
            self.within = Within::Code { left: left - 1, value };
            return 1;
        }
        self.within = Within::Text;
        match value {
            0..0x80 => self.step_to(class(value.to_le_bytes()[0])),
            0x80..0x800 => self.steps_to(LEAD2, 1),
            0xd800..0xdc00 => self.steps_to(LEAD4, 3),
            0xdc00..0xe000 => {}
            _ => self.steps_to(LEAD3, 2),
        }
        1
    }

    fn steps_to(&mut self, lead: u8, following: u8) {
        self.step_to(lead);
        (0..following).for_each(|_| self.step_to(CONT));
    }

    fn base64(&mut self, rest: &[u8], length: u64) -> usize {
        // A backslash stands before a slash, or breaks a line.
        let more = |byte: &&u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=' | b'\\')
        };
        let taken = rest.iter().take_while(more).count();
        let length = length + taken as u64;
        self.within = Within::Base64(length);
        if taken < rest.len() {
            self.parts = self.parts.saturating_add(parts_of_base64(length));
            (self.within, self.before) = (Within::Text, LOWER);
        }
        taken
    }
}

/// As text if it is short, else as a picture.
fn parts_of_base64(length: u64) -> u64 {
    length.saturating_mul(BASE64).min((PICTURE + length / 1024).saturating_mul(PARTS))
}

#[cfg(test)]
mod tests;
