//! Runs of plain text, judged eight bytes at a time.

const ONES: u64 = 0x0101_0101_0101_0101;
const BACKSLASHES: u64 = ONES * b'\\' as u64;
const LINE_FEEDS: u64 = ONES * b'\n' as u64;

/// Where the run of plain bytes that begins at `from` ends. Plain is printable ASCII that stands for
/// itself inside a JSON string, so neither a quote nor a backslash.
///
/// Eight bytes are judged at once, as one number. A byte that is not plain sets its highest bit in
/// `ends`; a carry can set more such bits, but only behind the first, and only the first is used.
#[must_use]
#[inline]
pub fn plain_until(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some([first, second]) = bytes.get(at..).and_then(|rest| rest.as_chunks::<8>().0.first_chunk()) {
        let (first, second) = (ends(u64::from_le_bytes(*first)), ends(u64::from_le_bytes(*second)));
        if first | second != 0 {
            return if first == 0 { at + 8 + index(second) } else { at + index(first) };
        }
        at += 16;
    }
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let ends = ends(u64::from_le_bytes(*word));
        if ends != 0 {
            return at + index(ends);
        }
        at += 8;
    }
    let stops = |b: &u8| !matches!(b, 0x20..0x7f) || matches!(b, b'"' | b'\\');
    let last = bytes.get(at..).unwrap_or_default();
    at + last.iter().position(stops).unwrap_or(last.len())
}

/// Where the first line feed is. For lines that are as short as headers are.
#[must_use]
#[inline]
pub fn line_feed(bytes: &[u8]) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word) ^ LINE_FEEDS;
        // The lowest byte that is zero sets its highest bit; what a borrow sets lies behind it.
        let zeros = word.wrapping_sub(ONES) & !word & (ONES << 7);
        if zeros != 0 {
            return Some(at * 8 + index(zeros));
        }
    }
    rest.iter().position(|byte| *byte == b'\n').map(|at| words.len() * 8 + at)
}

/// Whether there is nothing but what can be printed, blanks included.
#[must_use]
#[inline]
pub fn is_printable(bytes: &[u8]) -> bool {
    let Some(last) = bytes.last_chunk() else {
        return bytes.iter().all(|byte| matches!(byte, b' '..=b'~'));
    };
    // Which byte it is may be wrong behind the first that is not.
    let odd = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        word | word.wrapping_add(ONES) | word.wrapping_sub(ONES * 0x20)
    };
    bytes.as_chunks().0.iter().fold(odd(last), |all, word| all | odd(word)) & (ONES << 7) == 0
}

/// The highest bit of each byte that is not plain.
const fn ends(word: u64) -> u64 {
    let ends = word
        | word.wrapping_add(ONES)
        // Swapping 0x20 and 0x22 brings the quote beside the control characters, under the space.
        | (word ^ (ONES * 2)).wrapping_sub(ONES * 0x21)
        | (word ^ BACKSLASHES).wrapping_sub(ONES);
    ends & (ONES << 7)
}

/// Which byte the lowest bit set belongs to: at most 7, so it fits whatever a usize is.
fn index(ends: u64) -> usize {
    usize::try_from(ends.trailing_zeros() / 8).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{is_printable, line_feed, plain_until};
    use proptest::prelude::*;

    #[test]
    fn each_byte_ends_a_run_or_does_not_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            let ends = !(0x20..0x7f).contains(&byte) || byte == b'"' || byte == b'\\';
            for length in 1..40 {
                for at in 0..length {
                    let mut text = vec![b'a'; length];
                    text[at] = byte;
                    assert_eq!(
                        plain_until(&text, 0),
                        if ends { at } else { length },
                        "{byte} at {at} of {length}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_printed_is_found_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for length in 1..40 {
                for at in 0..length {
                    let mut text = vec![b'~'; length];
                    text[at] = byte;
                    assert_eq!(
                        is_printable(&text),
                        (0x20..0x7f).contains(&byte),
                        "{byte} at {at} of {length}"
                    );
                }
            }
        }
    }

    proptest! {
        #[test]
        fn the_first_line_feed_counts(bytes in prop::collection::vec(prop::sample::select(b"\n\x0b\x09\x8a\0\xff a".to_vec()), 0..40)) {
            prop_assert_eq!(line_feed(&bytes), bytes.iter().position(|byte| *byte == b'\n'));
        }

        #[test]
        fn the_first_end_counts(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let ends = |b: &u8| !(0x20..0x7f).contains(b) || *b == b'"' || *b == b'\\';
            for from in 0..=bytes.len() {
                let end = bytes[from..].iter().position(ends).map_or(bytes.len(), |at| from + at);
                prop_assert_eq!(plain_until(&bytes, from), end);
            }
        }
    }
}
