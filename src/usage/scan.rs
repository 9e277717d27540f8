//! Steps from one place of a JSON text to the next that matters.

use crate::ascii;

/// A string goes on behind the piece; whether its next character is escaped.
pub(super) struct Cut {
    pub(super) escaped: bool,
}

/// How much of a string is looked at before what searches in wider vectors pays.
const NEAR: usize = 48;

/// The next quote or brace, most often only a few bytes away.
pub(super) fn next_mark(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let near = rest.get(..8).unwrap_or(rest).iter().position(|byte| matches!(byte, b'"' | b'{' | b'}'));
    near.or_else(|| memchr::memchr3(b'"', b'{', b'}', rest)).map(|here| from + here)
}

/// Where a string ends, behind its quote.
pub(super) fn string_end(bytes: &[u8], from: usize) -> Result<usize, Cut> {
    let mut at = from;
    loop {
        // Names and words are short; what is longer is searched in wider vectors.
        at = ascii::plain_or_escaped_until(bytes.get(..at + NEAR).unwrap_or(bytes), at);
        match bytes.get(at) {
            None => return Err(Cut { escaped: false }),
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') if at + 1 < bytes.len() => at += 2,
            Some(b'\\') => return Err(Cut { escaped: true }),
            Some(_) => match memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
                Some(here) => at += here,
                None => return Err(Cut { escaped: false }),
            },
        }
    }
}
