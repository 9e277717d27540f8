//! Runs of characters inside a JSON string, and their UTF-8, across the borders of pieces.

use super::Fault;

/// Splits a piece before the first byte that ends a run: a quote, a backslash or a control
/// character.
pub(super) fn run(piece: &[u8]) -> (&[u8], &[u8]) {
    let at = memchr::memchr2(b'"', b'\\', piece).unwrap_or(piece.len());
    let (plain, rest) = piece.split_at_checked(at).unwrap_or((piece, &[]));
    if lowest(plain) >= 0x20 {
        return (plain, rest);
    }
    let at = plain.iter().position(|b| *b < 0x20).unwrap_or(plain.len());
    piece.split_at_checked(at).unwrap_or((piece, &[]))
}

/// The lowest byte; without a way out of the loop, so that it becomes vector instructions.
fn lowest(bytes: &[u8]) -> u8 {
    bytes.iter().fold(u8::MAX, |lowest, b| lowest.min(*b))
}

/// Checks that text is UTF-8 when a character may be cut by the border of a piece.
#[derive(Debug, Default)]
pub(super) struct Characters {
    cut: [u8; 4],
    have: usize,
}

impl Characters {
    /// Takes the next run.
    pub(super) fn check(&mut self, text: &[u8]) -> Result<(), Fault> {
        if self.have == 0 && text.is_ascii() {
            return Ok(());
        }
        let text = self.complete(text)?;
        match std::str::from_utf8(text) {
            Ok(_) => Ok(()),
            // Only the end may be cut, and only if the piece ends there; at_border sees to that.
            Err(error) if error.error_len().is_none() => {
                let left = text.get(error.valid_up_to()..).unwrap_or_default();
                for (slot, byte) in self.cut.iter_mut().zip(left) {
                    *slot = *byte;
                }
                self.have = left.len();
                Ok(())
            }
            Err(_) => Err(NOT_UTF8),
        }
    }

    /// Whether no character is cut.
    pub(super) const fn is_whole(&self) -> bool {
        self.have == 0
    }

    /// Asserts that no character is cut where a run ends for good.
    pub(super) fn at_border(&self) -> Result<(), Fault> {
        if self.have == 0 { Ok(()) } else { Err(NOT_UTF8) }
    }

    /// Completes the character that the last piece cut, and gives what follows it.
    fn complete<'t>(&mut self, text: &'t [u8]) -> Result<&'t [u8], Fault> {
        let mut rest = text;
        while self.have > 0 {
            let Some((&byte, after)) = rest.split_first() else { return Ok(rest) };
            if let Some(slot) = self.cut.get_mut(self.have) {
                *slot = byte;
            }
            self.have += 1;
            rest = after;
            match std::str::from_utf8(self.cut.get(..self.have).unwrap_or_default()) {
                Ok(_) => self.have = 0,
                Err(error) if error.error_len().is_none() && self.have < 4 => {}
                Err(_) => return Err(NOT_UTF8),
            }
        }
        Ok(rest)
    }
}

const NOT_UTF8: Fault = Fault::NotJson("it is not UTF-8");
