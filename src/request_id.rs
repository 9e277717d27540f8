//! The name of one request, in the client's headers, the record and the support ticket.
//!
//! `req_` and 26 characters: 48 bits of time and 80 random bits in Crockford's base 32, so that ids
//! sort by time and never meet.

use std::cell::Cell;

use crate::clock::Moment;

/// A request's id.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; 30]);

thread_local! {
    /// Two words of state for each thread, from the system's randomness.
    static STATE: Cell<[u64; 2]> = Cell::new(seeded());
}

fn seeded() -> [u64; 2] {
    let mut bytes = [0; 16];
    // Without randomness ids still differ by time and by thread; they guard nothing.
    let _ = getrandom::fill(&mut bytes);
    let bits = u128::from_le_bytes(bytes);
    #[expect(clippy::cast_possible_truncation, reason = "each half of the bits is meant")]
    let halves = [bits as u64, (bits >> 64) as u64];
    halves
}

impl RequestId {
    /// The next id.
    #[must_use]
    pub fn next(now: Moment) -> Self {
        let [counter, salt] = STATE.get();
        STATE.set([counter.wrapping_add(0x9e37_79b9_7f4a_7c15), salt]);
        let mut text = *b"req_00000000000000000000000000";
        // 48 bits of time in ten digits, and twice 40 random bits in eight each.
        let time = u64::try_from(now.unix_millis()).unwrap_or_default() & 0xffff_ffff_ffff;
        let parts = [
            (4..6, digits(time >> 40) & 0xffff),
            (6..14, digits(time)),
            (14..22, digits(mixed(counter))),
            (22..30, digits(mixed(counter ^ salt))),
        ];
        for (part, digits) in parts {
            let to = text.get_mut(part).unwrap_or_default();
            let digits = digits.to_be_bytes();
            let from = digits.get(digits.len() - to.len()..).unwrap_or_default();
            to.copy_from_slice(from);
        }
        Self(text)
    }

    /// The id's bytes, which are plain ASCII.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The lowest 40 bits as eight digits, the lowest in the lowest byte: all eight at once.
const fn digits(bits: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    // Halves move apart three times, until each byte has its five bits.
    let bits = (bits & 0xff_fff0_0000) << 12 | bits & 0xf_ffff;
    let bits = (bits & 0x000f_fc00_000f_fc00) << 6 | bits & 0x0000_03ff_0000_03ff;
    let bits = (bits & 0x03e0_03e0_03e0_03e0) << 3 | bits & 0x001f_001f_001f_001f;
    // Ten digits, and the letters without I, L, O and U: what is not below a bound gets as many more as are left out.
    let (mut text, mut at) = (bits + EACH * b'0' as u64, 0);
    let bounds = [(10, 7), (18, 1), (20, 1), (22, 1), (27, 1)];
    while at < bounds.len() {
        #[expect(clippy::indexing_slicing, reason = "the loop's bound")]
        let (bound, more) = bounds[at];
        text += ((bits + EACH * (0x80 - bound)) >> 7 & EACH) * more;
        at += 1;
    }
    text
}

/// `SplitMix64`'s output function: spreads a counter over all bits.
const fn mixed(value: u64) -> u64 {
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::fmt::Debug for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_crockfords() {
        let alphabet = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        for bits in (0..64).map(|shift| u64::MAX.rotate_left(shift) / 3).chain((0..2_000).map(mixed)) {
            let expected =
                [35, 30, 25, 20, 15, 10, 5, 0].map(|shift| alphabet[(bits >> shift & 31) as usize]);
            assert_eq!(digits(bits).to_be_bytes(), expected, "{bits:x}");
        }
    }

    #[test]
    fn ids_differ_and_sort_by_time() {
        let now = Moment::now();
        let ids: std::collections::HashSet<_> = (0..10_000).map(|_| RequestId::next(now)).collect();
        assert_eq!(ids.len(), 10_000);
        let later = RequestId::next(now.later(std::time::Duration::from_millis(2)));
        assert!(ids.iter().all(|id| id.as_str() < later.as_str()));
        assert!(later.as_str().starts_with("req_0"));
    }
}
