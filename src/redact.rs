//! Leaves keys out of what an upstream says: the one it was asked with, however it looks, and all that look like one.
//!
//! 1. The text is any bytes. Those that are no UTF-8 are left as they are, and hide nothing that stands beside them.
//! 2. It may come in pieces, which change nothing: what may be the beginning of a key is held until that is known.
//!    No more is held than one key can take, or one long word.

use std::borrow::Cow;

use bytes::Bytes;

use crate::provider_key::redacted;
use crate::secret::{Finder, Found};

/// What stands in a key's place.
const INSTEAD: &[u8] = b"[redacted]";
/// How long a word may be in which a key is looked for by how it looks. No kind of key is as long.
const LONGEST_WORD: usize = 16 * 1024;

/// Leaves keys out of a text that comes in pieces.
#[derive(Debug)]
pub struct Redactor {
    finder: Option<Finder>,
    /// May be the beginning of the key that was used.
    perhaps: Vec<u8>,
    /// The beginning of a word without that key; whether it is another is known at its end.
    word: Vec<u8>,
}

impl Redactor {
    /// For the answer to a request with the credential that is found, if there was one.
    #[must_use]
    pub const fn new(finder: Option<Finder>) -> Self {
        Self { finder, perhaps: Vec::new(), word: Vec::new() }
    }

    /// What of the text can go on, now that a piece more of it is known.
    pub fn piece(&mut self, piece: &[u8]) -> Bytes {
        self.perhaps.extend_from_slice(piece);
        let known = self.without_the_one(false);
        self.word.extend_from_slice(&known);
        let word = self.word.iter().rev().take_while(|byte| is_of_a_word(**byte)).count();
        let kept = if word <= LONGEST_WORD { word } else { 0 };
        let rest = self.word.split_off(self.word.len() - kept);
        let ended = std::mem::replace(&mut self.word, rest);
        without_others(ended).into()
    }

    /// The rest of the text, which is over.
    pub fn rest(&mut self) -> Bytes {
        let known = self.without_the_one(true);
        let mut rest = std::mem::take(&mut self.word);
        rest.extend_from_slice(&known);
        without_others(rest).into()
    }

    /// Whether some of the text is held.
    #[must_use]
    pub const fn holds(&self) -> bool {
        !self.perhaps.is_empty() || !self.word.is_empty()
    }

    /// Takes out what can go on of the bytes in which the one key may stand, without it.
    fn without_the_one(&mut self, whole: bool) -> Vec<u8> {
        let mut text = std::mem::take(&mut self.perhaps);
        let Some(finder) = &self.finder else { return text };
        let mut out = Vec::new();
        let mut at = 0;
        while let Some(rest) = text.get(at..) {
            match finder.find(rest, whole) {
                Found::Nowhere => break,
                Found::At(key) => {
                    out.extend_from_slice(rest.get(..key.start).unwrap_or_default());
                    out.extend_from_slice(INSTEAD);
                    at += key.end;
                }
                Found::Perhaps(from) => {
                    self.perhaps = text.split_off(at + from);
                    break;
                }
            }
        }
        if at == 0 {
            return text;
        }
        out.extend_from_slice(text.get(at..).unwrap_or_default());
        out
    }
}

/// A short text without the key that is found, wherever it is whole there; `None` if it is not there.
#[must_use]
pub fn without_the_key(finder: &Finder, text: &[u8]) -> Option<Bytes> {
    let Found::At(_) = finder.find(text, true) else { return None };
    let mut redactor = Redactor::new(Some(finder.clone()));
    redactor.perhaps.extend_from_slice(text);
    Some(redactor.without_the_one(true).into())
}

/// A whole text without keys.
#[must_use]
pub fn without_keys(finder: Option<&Finder>, text: Bytes) -> Bytes {
    let mut redactor = Redactor::new(finder.cloned());
    redactor.perhaps = text.into();
    redactor.rest()
}

/// The bytes of words in which keys stand, those of masks among them, and what may stand within a key's beginning.
const fn is_of_a_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'*' | b'+' | b'=' | b'/' | 0x80..)
}

/// Leaves out what looks like a key.
fn without_others(text: Vec<u8>) -> Vec<u8> {
    let mut out = None;
    let mut at = 0;
    for chunk in text.utf8_chunks() {
        let (valid, other) = (chunk.valid(), chunk.invalid());
        match (redacted(valid), &mut out) {
            (Cow::Borrowed(_), None) => {}
            (clean, out) => {
                let out = out.get_or_insert_with(|| text.get(..at).unwrap_or_default().to_vec());
                out.extend_from_slice(clean.as_bytes());
                out.extend_from_slice(other);
            }
        }
        at += valid.len() + other.len();
    }
    out.unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::secret::Secret;

    /// Azure's keys look like nothing.
    const KEY: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";

    fn finder() -> Option<Finder> {
        Secret::header(http::header::AUTHORIZATION, "Bearer ", KEY).unwrap().finder()
    }

    fn whole(text: &[u8]) -> Vec<u8> {
        without_keys(finder().as_ref(), Bytes::copy_from_slice(text)).into()
    }

    fn in_pieces(text: &[u8], ends: &[usize]) -> Vec<u8> {
        let mut redactor = Redactor::new(finder());
        let (mut out, mut from) = (Vec::new(), 0);
        for end in ends {
            out.extend_from_slice(&redactor.piece(&text[from..*end]));
            from = *end;
        }
        out.extend_from_slice(&redactor.piece(&text[from..]));
        out.extend_from_slice(&redactor.rest());
        assert!(!redactor.holds());
        out
    }

    #[test]
    fn the_key_that_was_used_and_those_that_look_like_one_are_left_out() {
        let texts: [(Vec<u8>, &[u8]); 7] = [
            (format!("bad {KEY}.").into(), b"bad [redacted]."),
            (format!("{KEY}{KEY}").into(), b"[redacted][redacted]"),
            (
                [b"\xff sk-proj-0123456789ab \xc3".as_slice(), KEY.as_bytes()].concat(),
                b"\xff sk-proj-[redacted] \xc3[redacted]",
            ),
            (format!("a%20{KEY}%20b").into(), b"a%20[redacted]%20b"),
            (b"auth_tokens/0123456789abcdef".to_vec(), b"auth_tokens/[redacted]"),
            ("é — 0a1b2c3d nothing".into(), "é — 0a1b2c3d nothing".as_bytes()),
            (Vec::new(), b""),
        ];
        for (text, left) in texts {
            assert_eq!(whole(&text), left);
            for end in 0..=text.len() {
                assert_eq!(in_pieces(&text, &[end]), left, "cut at {end}");
            }
            assert_eq!(in_pieces(&text, &(0..text.len()).collect::<Vec<_>>()), left);
        }
        assert_eq!(without_keys(None, Bytes::from(KEY)), KEY);
    }

    #[test]
    fn no_more_is_held_than_a_long_word() {
        let mut redactor = Redactor::new(finder());
        let mut passed = 0;
        for _ in 0..1000 {
            passed += redactor.piece(&[b'0'; 1000]).len();
            assert!(redactor.word.len() + redactor.perhaps.len() <= LONGEST_WORD + 1000 + KEY.len());
        }
        assert_eq!(passed + redactor.rest().len(), 1_000_000);
    }

    proptest! {
        #[test]
        fn pieces_change_nothing(
            parts in prop::collection::vec(prop_oneof![
                Just(KEY.as_bytes().to_vec()), Just(KEY.as_bytes()[..9].to_vec()), Just(b"\\u0030a%31".to_vec()), Just(b"sk-proj-".to_vec()),
                Just(b" ".to_vec()), Just(b"=".to_vec()), Just("…".into()), prop::collection::vec(any::<u8>(), 0..12),
            ], 0..8),
            mut ends in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let text = parts.concat();
            let mut ends: Vec<usize> = ends.drain(..).map(|end| end.index(text.len() + 1)).collect();
            ends.sort_unstable();
            let left = whole(&text);
            prop_assert!(memchr::memmem::find(&left, KEY.as_bytes()).is_none());
            prop_assert_eq!(in_pieces(&text, &ends), left);
        }
    }
}
