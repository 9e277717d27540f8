//! Amazon's binary event stream: frames of a length, headers, a JSON text, and checksums.
//!
//! A frame is a length of four bytes, the length of its headers, a checksum of these eight, the headers, the text and a
//! checksum of all (`vnd.amazon.eventstream`). Of Converse the text is the event; of `InvokeModel` it holds the model's
//! own event in base64. Checksums are the client's to check: nothing here is passed on.

use super::events::Texts;
use super::walk::Told;

/// The longest frame that is put together from pieces; a longer one is passed over.
const LONGEST: usize = 256 * 1024;
/// What stands before the headers.
const PRELUDE: usize = 12;
/// The checksum behind the text.
const TRAILER: usize = 4;

/// The frames of an answer.
#[derive(Debug, Default)]
pub(super) struct Frames {
    held: Vec<u8>,
    /// How much is still to come of a frame that is passed over.
    over: usize,
    /// Whether the lengths made no sense: where the next frame begins is not known.
    lost: bool,
    event: Vec<u8>,
}

impl Frames {
    pub(super) fn feed(&mut self, piece: &[u8], texts: &mut Texts, told: &mut Told<'_>) {
        let mut rest = piece;
        while !rest.is_empty() && !self.lost {
            if self.over > 0 {
                let here = self.over.min(rest.len());
                self.over -= here;
                rest = rest.get(here..).unwrap_or_default();
            } else if self.held.is_empty() {
                match frame(rest) {
                    Frame::Whole { from, to, end } => {
                        self.text(rest.get(from..to).unwrap_or_default(), texts, told);
                        rest = rest.get(end..).unwrap_or_default();
                    }
                    Frame::Part { .. } => {
                        self.hold(rest);
                        return;
                    }
                    Frame::Broken => self.lost = true,
                }
            } else {
                let wanted = match frame(&self.held) {
                    Frame::Part { wanted } => wanted.saturating_sub(self.held.len()).min(rest.len()),
                    Frame::Whole { .. } | Frame::Broken => 0,
                };
                let (more, behind) = rest.split_at_checked(wanted).unwrap_or((rest, b""));
                self.hold(more);
                rest = behind;
                self.held_whole(texts, told);
            }
        }
    }

    fn hold(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
        if let Frame::Part { wanted } = frame(&self.held)
            && wanted > LONGEST
        {
            self.over = wanted.saturating_sub(self.held.len());
            self.held.clear();
        }
    }

    /// Takes the frame that is held, if it is whole now.
    fn held_whole(&mut self, texts: &mut Texts, told: &mut Told<'_>) {
        match frame(&self.held) {
            Frame::Whole { from, to, .. } => {
                let held = std::mem::take(&mut self.held);
                self.text(held.get(from..to).unwrap_or_default(), texts, told);
                self.held = held;
                self.held.clear();
            }
            Frame::Broken => self.lost = true,
            Frame::Part { .. } => {}
        }
    }

    fn text(&mut self, text: &[u8], texts: &mut Texts, told: &mut Told<'_>) {
        let wrapped = text.strip_prefix(b"{\"bytes\":\"");
        let Some(coded) = wrapped.and_then(|rest| rest.get(..memchr::memchr(b'"', rest)?)) else {
            texts.whole(text, told);
            return;
        };
        self.event.clear();
        decode(coded, &mut self.event);
        texts.whole(&self.event, told);
    }
}

/// What stands at the beginning of some bytes.
enum Frame {
    /// A frame, and where its text and it itself end.
    Whole { from: usize, to: usize, end: usize },
    /// The beginning of one, and how long it must be to tell more.
    Part { wanted: usize },
    /// No frame.
    Broken,
}

fn frame(bytes: &[u8]) -> Frame {
    let Some(prelude) = bytes.first_chunk::<PRELUDE>() else { return Frame::Part { wanted: PRELUDE } };
    let [all, of_headers, _] = prelude.as_chunks::<4>().0 else { return Frame::Broken };
    let length = |bytes| usize::try_from(u32::from_be_bytes(bytes)).unwrap_or(usize::MAX);
    let (end, headers) = (length(*all), length(*of_headers));
    let Some(to) = end.checked_sub(TRAILER).filter(|to| headers <= to.saturating_sub(PRELUDE)) else {
        return Frame::Broken;
    };
    if to < PRELUDE {
        return Frame::Broken;
    }
    if bytes.len() < end {
        Frame::Part { wanted: end }
    } else {
        Frame::Whole { from: PRELUDE + headers, to, end }
    }
}

/// Decodes base64, as far as it is.
fn decode(coded: &[u8], out: &mut Vec<u8>) {
    let (mut bits, mut have) = (0_u32, 0);
    for byte in coded {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            // JSON may write a slash with an escape.
            b'\\' => continue,
            _ => return,
        };
        bits = bits << 6 | u32::from(value);
        have += 6;
        if have >= 8 {
            have -= 8;
            out.extend((bits >> have).to_be_bytes().last());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_decoded() {
        for (coded, plain) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("eyJhIjoi4oKsPz8\\/In0=", "{\"a\":\"€???\"}"),
        ] {
            let mut out = Vec::new();
            decode(coded.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), plain, "{coded}");
        }
    }
}
