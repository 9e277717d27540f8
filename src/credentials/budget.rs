//! How many requests may be sent a second time: a share of all, so that retries never make a flood.
//!
//! A retry costs a tenth of a second, and the bucket holds ten. Time fills it by itself, which makes ten
//! retries in a second; each request adds a fiftieth of a second, which makes one retry for five requests.
//! That is what tower's `TpsBudget` allows with a reserve of ten and a share of a fifth, but in one atomic
//! word instead of behind a lock, and by a time that is given: tower's reads its own clock.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::Moment;

/// What a retry costs.
const COST: u64 = 100_000_000;
/// What a request adds.
const SHARE: u64 = COST / 5;
/// What the bucket holds.
const MOST: u64 = 100 * COST;

/// The budget of one upstream.
#[derive(Debug)]
pub struct Budget {
    origin: Moment,
    /// The nanosecond after the origin at which, with no further retry, it will be full.
    full_at: AtomicU64,
}

impl Budget {
    /// A full budget.
    #[must_use]
    pub const fn new(origin: Moment) -> Self {
        Self { origin, full_at: AtomicU64::new(0) }
    }

    /// Adds the share of a request.
    pub fn earn(&self, now: Moment) {
        let now = now.nanos_since(self.origin);
        // As a rule it is full, and nothing is written.
        if self.full_at.load(Ordering::Relaxed) > now {
            let sooner = |full: u64| Some(full.saturating_sub(SHARE));
            let _ = self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sooner);
        }
    }

    /// Pays for a retry; false when too little is left.
    #[must_use]
    pub fn spend(&self, now: Moment) -> bool {
        let now = now.nanos_since(self.origin);
        let later = |full: u64| {
            let full = full.max(now).saturating_add(COST);
            (full - now <= MOST).then_some(full)
        };
        self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn spent(budget: &Budget, now: Moment) -> usize {
        std::iter::repeat_with(|| budget.spend(now)).take_while(|paid| *paid).count()
    }

    #[test]
    fn ten_in_a_second_and_a_fifth_of_the_traffic() {
        let now = Moment::now();
        let budget = Budget::new(now);
        assert_eq!(spent(&budget, now), 100, "what the bucket holds");
        assert_eq!(spent(&budget, now), 0);
        let now = now.later(Duration::from_secs(1));
        assert_eq!(spent(&budget, now), 10, "what a second brings");
        for _ in 0..50 {
            budget.earn(now);
        }
        assert_eq!(spent(&budget, now), 10, "a fifth of fifty requests");
    }

    proptest! {
        #[test]
        fn never_more_than_the_reserve_and_the_share(steps in prop::collection::vec((0u64..300, 0u8..20), 1..200)) {
            let begun = Moment::now();
            let budget = Budget::new(begun);
            let (mut millis, mut requests, mut retries) = (0, 0u64, 0u64);
            for (gap, more) in steps {
                millis += gap;
                let now = begun.later(Duration::from_millis(millis));
                for _ in 0..more {
                    requests += 1;
                    budget.earn(now);
                    retries += u64::from(budget.spend(now));
                }
                prop_assert!(retries * 100 <= 100 * 100 + millis + requests * 20);
            }
        }
    }
}
