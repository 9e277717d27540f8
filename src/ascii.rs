//! Runs of plain text, judged sixteen bytes at a time.

use wide::i8x16;

/// How many bytes are judged at once.
const LANES: usize = 16;

/// Where the run of plain bytes that begins at `from` ends. Plain is printable ASCII that stands for
/// itself inside a JSON string, so neither a quote nor a backslash.
#[must_use]
#[inline]
pub fn plain_until(bytes: &[u8], from: usize) -> usize {
    first(bytes, from, unplain)
}

/// Where bytes stand that cannot be printed; a blank can.
#[must_use]
#[inline]
pub const fn unprintables(bytes: &[u8]) -> Unprintables<'_> {
    Unprintables { bytes, behind: 0, at: 0, marked: 0 }
}

/// The places of bytes that cannot be printed, in their order.
#[derive(Clone, Debug)]
pub struct Unprintables<'b> {
    bytes: &'b [u8],
    /// Behind what was judged.
    behind: usize,
    /// Where that began of which some are marked.
    at: usize,
    marked: u32,
}

impl Iterator for Unprintables<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.marked == 0 {
            let rest = self.bytes.get(self.behind..)?;
            self.at = self.behind;
            if let Some(sixteen) = rest.first_chunk() {
                self.marked = unprintable(lanes(*sixteen)).to_bitmask();
                self.behind += LANES;
            } else if rest.is_empty() {
                return None;
            } else {
                self.marked = unprintable(lanes(filled_up(rest))).to_bitmask();
                self.behind = self.bytes.len();
            }
        }
        let place = self.at + index(self.marked);
        self.marked &= self.marked - 1;
        Some(place)
    }
}

/// Where the run of letters and digits ends that begins at `from`.
#[must_use]
#[inline]
pub fn alphanumeric_until(bytes: &[u8], from: usize) -> usize {
    first(bytes, from, |sixteen| !alphanumeric(sixteen))
}

/// Where the run of letters, digits and hyphens ends that begins at `from`.
#[must_use]
#[inline]
pub fn word_until(bytes: &[u8], from: usize) -> usize {
    first(bytes, from, |sixteen| !(alphanumeric(sixteen) | sixteen.simd_eq(each(b'-'))))
}

/// Where a run ends that begins at `from` and is made of plain bytes and of JSON's escapes of two bytes.
#[must_use]
#[inline]
pub fn plain_or_escaped_until(bytes: &[u8], from: usize) -> usize {
    const ODD: u32 = 0xaaaa_aaaa;
    let mut at = from;
    while let Some(sixteen) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let sixteen = lanes(*sixteen);
        let marked = unplain(sixteen).to_bitmask();
        if marked == 0 {
            at += LANES;
            continue;
        }
        let backslashes = sixteen.simd_eq(each(b'\\')).to_bitmask();
        if backslashes == 0 {
            return at + index(marked);
        }
        // Every second one of a run of backslashes is escaped, and so is what is behind a run of odd length. The
        // borrow of a subtraction goes along each run, and is in step with it or not by where that begins.
        let borrowed = (backslashes << 1 | ODD).wrapping_sub(backslashes) ^ ODD;
        let (escapes, escaped) = (borrowed & backslashes, borrowed ^ backslashes);
        let unfit = escaped & !of_two(sixteen).to_bitmask() & u32::from(u16::MAX);
        let ends = marked & !(escapes | escaped) | unfit >> 1;
        if ends != 0 {
            return at + index(ends);
        }
        // One whose second byte is among the next ones is left to them.
        at += if escapes >> (LANES - 1) == 0 { LANES } else { LANES - 1 };
    }
    loop {
        at = plain_until(bytes, at);
        match bytes.get(at..).and_then(<[u8]>::first_chunk) {
            Some([b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't']) => at += 2,
            Some([_, _]) | None => return at,
        }
    }
}

/// The first byte at `from` or behind it that is marked, or the end.
#[inline(always)]
#[expect(clippy::inline_always, reason = "what marks is to be part of the loop")]
fn first(bytes: &[u8], from: usize, marks: impl Fn(i8x16) -> i8x16) -> usize {
    let marked = |sixteen: &[u8; LANES]| marks(lanes(*sixteen)).to_bitmask();
    let (sixteens, left) = bytes.get(from..).unwrap_or_default().as_chunks();
    let mut at = from;
    for sixteen in sixteens {
        let marked = marked(sixteen);
        if marked != 0 {
            return at + index(marked);
        }
        at += LANES;
    }
    let last = if let Some(sixteen) = bytes.last_chunk() {
        // Without those that were judged already.
        marked(sixteen) >> (LANES - left.len())
    } else {
        marked(&filled_up(left)) & !(u32::MAX << left.len())
    };
    if last == 0 { bytes.len() } else { at + index(last) }
}

/// Less than sixteen bytes, and blanks behind them.
#[inline]
fn filled_up(bytes: &[u8]) -> [u8; LANES] {
    let mut sixteen = [b' '; LANES];
    sixteen.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    sixteen
}

/// Marks what is not plain.
#[inline]
fn unplain(sixteen: i8x16) -> i8x16 {
    unprintable(sixteen) | sixteen.simd_eq(each(b'"')) | sixteen.simd_eq(each(b'\\'))
}

/// Marks control characters and whatever is no ASCII.
#[inline]
fn unprintable(sixteen: i8x16) -> i8x16 {
    // With a sign, what is no ASCII is below zero. DEL gets there by one more, and a blank and 0xff stay on their sides.
    (sixteen + each(1)).simd_lt(each(b' ' + 1))
}

/// Marks what stands behind the backslash in one of JSON's escapes of two bytes.
#[inline]
fn of_two(sixteen: i8x16) -> i8x16 {
    let is = |byte| sixteen.simd_eq(each(byte));
    is(b'"') | is(b'\\') | is(b'n') | is(b't') | is(b'r') | is(b'/') | is(b'b') | is(b'f')
}

/// Marks letters and digits.
#[inline]
fn alphanumeric(sixteen: i8x16) -> i8x16 {
    // Large letters become small ones, and nothing else a letter.
    let small = sixteen | each(0x20);
    let letter = small.simd_gt(each(b'a' - 1)) & small.simd_lt(each(b'z' + 1));
    letter | sixteen.simd_gt(each(b'0' - 1)) & sixteen.simd_lt(each(b'9' + 1))
}

#[inline]
fn lanes(sixteen: [u8; LANES]) -> i8x16 {
    i8x16::new(sixteen.map(u8::cast_signed))
}

#[inline]
fn each(byte: u8) -> i8x16 {
    i8x16::splat(byte.cast_signed())
}

/// Which byte the lowest mark is of: at most fifteen, so it fits whatever a usize is.
#[inline]
fn index(marked: u32) -> usize {
    usize::try_from(marked.trailing_zeros()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unprintable(byte: u8) -> bool {
        !(0x20..0x7f).contains(&byte)
    }

    fn ends(byte: u8) -> bool {
        unprintable(byte) || byte == b'"' || byte == b'\\'
    }

    fn ends_a_word(byte: u8) -> bool {
        !byte.is_ascii_alphanumeric() && byte != b'-'
    }

    #[test]
    fn each_byte_ends_a_run_or_does_not_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for length in 1..40 {
                for at in 0..length {
                    let mut text = vec![b'a'; length];
                    text[at] = byte;
                    for (found, ends) in [
                        (plain_until(&text, 0), ends(byte)),
                        (unprintables(&text).next().unwrap_or(length), unprintable(byte)),
                        (word_until(&text, 0), ends_a_word(byte)),
                        (alphanumeric_until(&text, 0), !byte.is_ascii_alphanumeric()),
                    ] {
                        assert_eq!(found, if ends { at } else { length }, "{byte} at {at} of {length}");
                    }
                }
            }
        }
    }

    #[test]
    fn each_byte_may_stand_behind_a_backslash_or_not() {
        for byte in 0..=u8::MAX {
            for before in 0..20 {
                let text = [&vec![b'a'; before], &[b'\\', byte][..], &[b'a'; 20]].concat();
                let fits = b"\"\\/bfnrt".contains(&byte);
                let end = if fits { text.len() } else { before };
                assert_eq!(plain_or_escaped_until(&text, 0), end, "{byte} behind {before}");
            }
        }
    }

    proptest! {
        #[test]
        fn the_first_end_counts(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            for from in 0..=bytes.len() {
                let first = |ends: fn(u8) -> bool| {
                    bytes[from..].iter().position(|byte| ends(*byte)).map_or(bytes.len(), |at| from + at)
                };
                prop_assert_eq!(plain_until(&bytes, from), first(ends));
                let places: Vec<_> = (0..from).filter(|at| unprintable(bytes[*at])).collect();
                prop_assert_eq!(unprintables(&bytes[..from]).collect::<Vec<_>>(), places);
                prop_assert_eq!(word_until(&bytes, from), first(ends_a_word));
                prop_assert_eq!(alphanumeric_until(&bytes, from), first(|byte| !byte.is_ascii_alphanumeric()));
            }
        }

        #[test]
        fn escapes_are_passed_two_bytes_at_a_time(
            bytes in prop::collection::vec(prop::sample::select(b"aaaaaaaanbu\\\\\\\"\n\xc3".to_vec()), 0..70),
        ) {
            for from in 0..=bytes.len() {
                let mut end = from;
                while let Some(byte) = bytes.get(end) {
                    if *byte == b'\\' && bytes.get(end + 1).is_some_and(|byte| b"\"\\/bfnrt".contains(byte)) {
                        end += 2;
                    } else if ends(*byte) {
                        break;
                    } else {
                        end += 1;
                    }
                }
                prop_assert_eq!(plain_or_escaped_until(&bytes, from), end);
            }
        }
    }
}
