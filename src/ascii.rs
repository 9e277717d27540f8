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

/// Where the run of bytes that begins at `from` ends that can be printed, blanks included.
#[must_use]
#[inline]
pub fn printable_until(bytes: &[u8], from: usize) -> usize {
    first(bytes, from, unprintable)
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

/// Where a run ends that begins at `from` and is made of plain bytes, and of backslashes with one byte behind each that
/// may stand there.
#[must_use]
#[inline]
pub fn plain_or_escaped_until(bytes: &[u8], from: usize, escaped: impl Fn(u8) -> bool) -> usize {
    let is_escape = |at: usize| match bytes.get(at..).and_then(<[u8]>::first_chunk) {
        Some([b'\\', byte]) => escaped(*byte),
        Some(_) | None => false,
    };
    let mut at = from;
    'sixteen: while let Some(sixteen) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let mut marked = unplain(lanes(*sixteen)).to_bitmask();
        while marked != 0 {
            let here = index(marked);
            if !is_escape(at + here) {
                return at + here;
            }
            if here + 1 == LANES {
                at += LANES + 1;
                continue 'sixteen;
            }
            marked &= !(0b11 << here);
        }
        at += LANES;
    }
    loop {
        at = plain_until(bytes, at);
        if !is_escape(at) {
            return at;
        }
        at += 2;
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
        let mut sixteen = [b' '; LANES];
        sixteen.iter_mut().zip(left).for_each(|(to, from)| *to = *from);
        marked(&sixteen) & !(u32::MAX << left.len())
    };
    if last == 0 { bytes.len() } else { at + index(last) }
}

/// Marks what is not plain.
#[inline]
fn unplain(sixteen: i8x16) -> i8x16 {
    unprintable(sixteen) | sixteen.simd_eq(each(b'"')) | sixteen.simd_eq(each(b'\\'))
}

/// Marks control characters and whatever is no ASCII.
#[inline]
fn unprintable(sixteen: i8x16) -> i8x16 {
    // With a sign, what is no ASCII is below zero.
    sixteen.simd_lt(each(b' ')) | sixteen.simd_eq(each(0x7f))
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
                        (printable_until(&text, 0), unprintable(byte)),
                        (word_until(&text, 0), ends_a_word(byte)),
                        (alphanumeric_until(&text, 0), !byte.is_ascii_alphanumeric()),
                    ] {
                        assert_eq!(found, if ends { at } else { length }, "{byte} at {at} of {length}");
                    }
                }
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
                prop_assert_eq!(printable_until(&bytes, from), first(unprintable));
                prop_assert_eq!(word_until(&bytes, from), first(ends_a_word));
                prop_assert_eq!(alphanumeric_until(&bytes, from), first(|byte| !byte.is_ascii_alphanumeric()));
            }
        }

        #[test]
        fn escapes_are_passed_two_bytes_at_a_time(
            bytes in prop::collection::vec(prop::sample::select(b"aaaaaaaanu\\\\\\\"\n\xc3".to_vec()), 0..70),
        ) {
            let escaped = |byte| matches!(byte, b'n' | b'"' | b'\\');
            for from in 0..=bytes.len() {
                let mut end = from;
                while let Some(byte) = bytes.get(end) {
                    if *byte == b'\\' && bytes.get(end + 1).is_some_and(|byte| escaped(*byte)) {
                        end += 2;
                    } else if ends(*byte) {
                        break;
                    } else {
                        end += 1;
                    }
                }
                prop_assert_eq!(plain_or_escaped_until(&bytes, from, escaped), end);
            }
        }
    }
}
