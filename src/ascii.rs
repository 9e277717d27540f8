//! Runs of plain text, judged sixteen bytes at a time.

use wide::i8x16;

/// How many bytes are judged at once.
const LANES: usize = 16;

/// Where the run of plain bytes that begins at `from` ends. Plain is printable ASCII that stands for
/// itself inside a JSON string, so neither a quote nor a backslash.
#[must_use]
#[inline]
pub fn plain_until(bytes: &[u8], from: usize) -> usize {
    first(bytes, from, |sixteen| {
        let sixteen = lanes(sixteen);
        unprintable(sixteen) | sixteen.simd_eq(each(b'"')) | sixteen.simd_eq(each(b'\\'))
    })
}

/// Where the run of bytes that begins at `from` ends that can be printed, blanks included.
#[must_use]
#[inline]
pub fn printable_until(bytes: &[u8], from: usize) -> usize {
    first(bytes, from, |sixteen| unprintable(lanes(sixteen)))
}

/// The first byte at `from` or behind it that is marked, or the end.
#[inline(always)]
#[expect(clippy::inline_always, reason = "what marks is to be part of the loop")]
fn first(bytes: &[u8], from: usize, marks: impl Fn([u8; LANES]) -> i8x16) -> usize {
    let marked = |sixteen: &[u8; LANES]| marks(*sixteen).to_bitmask();
    let mut at = from;
    while let Some(sixteen) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let marked = marked(sixteen);
        if marked != 0 {
            return at + index(marked);
        }
        at += LANES;
    }
    let left = bytes.get(at..).unwrap_or_default();
    let last = if let Some(sixteen) = bytes.last_chunk() {
        // Without those that were judged already.
        marked(sixteen) >> (LANES - left.len())
    } else {
        let mut sixteen = [b' '; LANES];
        sixteen.iter_mut().zip(left).for_each(|(to, from)| *to = *from);
        marked(&sixteen)
    };
    if last == 0 { bytes.len() } else { at + index(last) }
}

/// Marks control characters and whatever is no ASCII.
#[inline]
fn unprintable(sixteen: i8x16) -> i8x16 {
    // With a sign, what is no ASCII is below zero.
    sixteen.simd_lt(each(b' ')) | sixteen.simd_eq(each(0x7f))
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
    use super::{plain_until, printable_until};
    use proptest::prelude::*;

    #[test]
    fn each_byte_ends_a_run_or_does_not_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            let unprintable = !(0x20..0x7f).contains(&byte);
            let ends = unprintable || byte == b'"' || byte == b'\\';
            for length in 1..40 {
                for at in 0..length {
                    let mut text = vec![b'a'; length];
                    text[at] = byte;
                    let (plain, printable) = (plain_until(&text, 0), printable_until(&text, 0));
                    assert_eq!(plain, if ends { at } else { length }, "{byte} at {at} of {length}");
                    assert_eq!(
                        printable,
                        if unprintable { at } else { length },
                        "{byte} at {at} of {length}"
                    );
                }
            }
        }
    }

    proptest! {
        #[test]
        fn the_first_end_counts(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let unprintable = |b: &u8| !(0x20..0x7f).contains(b);
            let ends = |b: &u8| unprintable(b) || *b == b'"' || *b == b'\\';
            for from in 0..=bytes.len() {
                let end = bytes[from..].iter().position(ends).map_or(bytes.len(), |at| from + at);
                prop_assert_eq!(plain_until(&bytes, from), end);
                let end = bytes[from..].iter().position(unprintable).map_or(bytes.len(), |at| from + at);
                prop_assert_eq!(printable_until(&bytes, from), end);
            }
        }
    }
}
