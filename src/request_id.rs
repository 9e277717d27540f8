//! The name of one request, in the client's headers, the record and the support ticket.
//!
//! `req_` and 26 characters: 48 bits of time and 80 random bits in Crockford's base 32, so that ids
//! sort by time and never meet.

use std::cell::Cell;

use crate::clock::Moment;

/// A request's id.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; 30]);

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

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
        let parts = [(4..14, time), (14..22, mixed(counter)), (22..30, mixed(counter ^ salt))];
        for (part, mut bits) in parts {
            for digit in text.get_mut(part).unwrap_or_default().iter_mut().rev() {
                *digit =
                    usize::try_from(bits & 31).ok().and_then(|at| ALPHABET.get(at)).copied().unwrap_or(b'0');
                bits >>= 5;
            }
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
    fn ids_differ_and_sort_by_time() {
        let now = Moment::now();
        let ids: std::collections::HashSet<_> = (0..10_000).map(|_| RequestId::next(now)).collect();
        assert_eq!(ids.len(), 10_000);
        let later = RequestId::next(now.later(std::time::Duration::from_millis(2)));
        assert!(ids.iter().all(|id| id.as_str() < later.as_str()));
        assert!(later.as_str().starts_with("req_0"));
    }
}
