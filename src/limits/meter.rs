//! So much in a stretch of time: requests or tokens, which may be given back.
//!
//! Governor keeps the rate by one number, the time at which the bucket would be full again. What is given back
//! moves that time back, and what was used beyond its reservation moves it on. So what has been used, less what
//! was given back, is never more than the burst and what has grown back since the start; in any stretch that begins
//! later, it is never more than that and what was reserved at the stretch's beginning and came back since.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};

use super::pool::{Lack, Pool};
use crate::clock::Moment;

/// So much in a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quota {
    /// How much.
    pub amount: NonZeroU32,
    /// In which time.
    pub per: Duration,
    /// How much may come at once.
    pub burst: NonZeroU32,
}

impl Quota {
    /// As much may come at once as in the whole stretch.
    #[must_use]
    pub const fn new(amount: NonZeroU32, per: Duration) -> Self {
        Self { amount, per, burst: amount }
    }

    /// The time in which one grows back; `None` when nanoseconds cannot tell it to one part in a hundred.
    fn period(self) -> Option<Duration> {
        let period = self.per.checked_div(self.amount.get())?;
        let lost = self.per.saturating_sub(period.checked_mul(self.amount.get())?);
        (!period.is_zero() && lost.checked_mul(100)? <= self.per).then_some(period)
    }
}

/// A clock that tells the reading which the request was given, and never reads the time itself.
#[derive(Clone, Copy, Debug)]
struct GivenClock;

thread_local! {
    /// The reading for the check under way; governor asks its clock, so the reading travels here.
    static GIVEN: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

impl Clock for GivenClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(GIVEN.get())
    }
}

/// The nanosecond after the origin at which, with nothing more taken, a bucket will be full again.
///
/// Governor's own stores do not give back, and do not show what they hold.
#[derive(Clone, Debug, Default)]
struct FullAt(Arc<AtomicU64>);

impl StateStore for FullAt {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut before = self.0.load(Ordering::Acquire);
        loop {
            let (outcome, after) = decide((before > 0).then(|| Nanos::new(before)))?;
            match self.0.compare_exchange_weak(before, after.into(), Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(outcome),
                Err(other) => before = other,
            }
        }
    }
}

/// How long a burst may take to grow back, in nanoseconds: a century and a half. Governor adds such times to what its clock
/// reads, and would turn over unseen.
const LONGEST: u64 = u64::MAX / 4;

type Bucket = governor::RateLimiter<NotKeyed, FullAt, GivenClock, NoOpMiddleware<Nanos>>;

/// One quota with its state.
#[derive(Debug)]
pub struct Meter {
    quota: Quota,
    bucket: Bucket,
    full_at: FullAt,
    origin: Moment,
    /// Nanoseconds in which one grows back.
    grows_back_in: u64,
    /// What is leased of it, if several gates share it. Then the bucket is not asked.
    shared: Option<Arc<Pool>>,
}

/// Why nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Short {
    /// It will be there after this time.
    For(Duration),
    /// It is more than may ever come at once.
    Forever,
    /// The store of the gates that share it has to be asked for so much; the rest was taken.
    Dry(u64),
    /// That store has to be asked, and cannot be.
    Away,
}

impl From<Lack> for Short {
    fn from(lack: Lack) -> Self {
        match lack {
            Lack::For(wait, _) => Self::For(wait),
            Lack::Forever => Self::Forever,
            Lack::Dry(need) => Self::Dry(need),
            Lack::Away => Self::Away,
        }
    }
}

impl Meter {
    /// A full quota.
    ///
    /// # Errors
    /// When nanoseconds cannot tell the quota.
    pub fn new(quota: Quota, origin: Moment) -> Result<Self, Untellable> {
        let period = quota.period().ok_or(Untellable::TooFine)?;
        let grows_back_in = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
        if grows_back_in.saturating_mul(quota.burst.get().into()) > LONGEST {
            return Err(Untellable::TooLong);
        }
        let allowed = governor::Quota::with_period(period).ok_or(Untellable::TooFine)?;
        let allowed = allowed.allow_burst(quota.burst);
        let full_at = FullAt::default();
        // The bucket asks its clock once, for the time it was made: that is the origin.
        GIVEN.set(0);
        Ok(Self {
            quota,
            bucket: Bucket::new(allowed, full_at.clone(), GivenClock),
            full_at,
            origin,
            grows_back_in,
            shared: None,
        })
    }

    /// The same, shared by several gates.
    #[must_use]
    pub(super) fn shared(self, pool: Arc<Pool>) -> Self {
        Self { shared: Some(pool), ..self }
    }

    /// What is leased of it, if several gates share it.
    #[must_use]
    pub fn pool(&self) -> Option<&Arc<Pool>> {
        self.shared.as_ref()
    }

    /// The quota it keeps.
    #[must_use]
    pub const fn quota(&self) -> Quota {
        self.quota
    }

    /// Takes so much from the quota.
    ///
    /// # Errors
    /// When that much is not left.
    pub fn take(&self, amount: NonZeroU32, now: Moment) -> Result<(), Short> {
        if let Some(pool) = &self.shared {
            pool.take(u64::from(amount.get()), u64::from(self.quota.burst.get()), now)?;
            return Ok(());
        }
        let reading = now.nanos_since(self.origin);
        GIVEN.set(reading);
        match self.bucket.check_n(amount) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_until)) => {
                let wait = not_until.earliest_possible().duration_since(Nanos::new(reading));
                Err(Short::For(Duration::from(wait)))
            }
            Err(_) => Err(Short::Forever),
        }
    }

    /// The same for a request that can ask the store later: what is dry gives nothing.
    ///
    /// # Errors
    /// When that much is not left.
    pub fn take_or_pass_by(&self, amount: NonZeroU32, now: Moment) -> Result<(), Short> {
        let Some(pool) = &self.shared else { return self.take(amount, now) };
        pool.take_or_pass_by(u64::from(amount.get()), u64::from(self.quota.burst.get()), now)?;
        Ok(())
    }

    /// Gives back what was taken and not used.
    pub fn give_back(&self, amount: u64) {
        if let Some(pool) = &self.shared {
            return pool.settle(i64::MAX, amount, 0);
        }
        let earlier = amount.saturating_mul(self.grows_back_in);
        // Zero would say that nothing was ever taken, which is the same: the bucket is full.
        self.move_full_at(|full_at| full_at.saturating_sub(earlier));
    }

    /// Takes what was used beyond what had been taken, also where nothing is left: the next have to wait for it.
    pub fn take_anyway(&self, amount: u64, now: Moment) {
        if let Some(pool) = &self.shared {
            pool.take_anyway(amount, now);
            return;
        }
        let (reading, later) = (now.nanos_since(self.origin), amount.saturating_mul(self.grows_back_in));
        self.move_full_at(|full_at| full_at.max(reading).saturating_add(later));
    }

    fn move_full_at(&self, to: impl Fn(u64) -> u64) {
        // The closure always yields a value, so there is no error to look at.
        let _ = self.full_at.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |before| Some(to(before)));
    }

    /// How much is left.
    #[must_use]
    pub fn left(&self, now: Moment) -> u32 {
        let gone = u32::try_from(self.until_full(now).div_ceil(self.grows_back_in)).unwrap_or(u32::MAX);
        self.quota.burst.get().saturating_sub(gone)
    }

    /// How long until, with nothing more taken, it is full.
    #[must_use]
    pub fn full_in(&self, now: Moment) -> Duration {
        Duration::from_nanos(self.until_full(now))
    }

    fn until_full(&self, now: Moment) -> u64 {
        if let Some(pool) = &self.shared {
            return pool.used_now(now).saturating_mul(self.grows_back_in);
        }
        self.full_at.0.load(Ordering::Acquire).saturating_sub(now.nanos_since(self.origin))
    }
}

/// A quota that nanoseconds cannot tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untellable {
    /// It is finer.
    TooFine,
    /// Its burst takes longer to grow back than they count.
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ONE: NonZeroU32 = NonZeroU32::MIN;

    fn quota(amount: u32, per: Duration) -> Quota {
        Quota::new(NonZeroU32::new(amount).unwrap(), per)
    }

    proptest! {
        #[test]
        fn never_more_than_the_burst_and_what_grew_back(
            requests in 1u32..50, seconds in 1u64..120, gaps in prop::collection::vec(0u64..3_000, 1..300),
        ) {
            let start = Moment::now();
            let meter = Meter::new(quota(requests, Duration::from_secs(seconds)), start).unwrap();
            let (mut passed, mut millis) = (0u64, 0u64);
            for gap in gaps {
                millis += gap;
                match meter.take(ONE, start.later(Duration::from_millis(millis))) {
                    Ok(()) => passed += 1,
                    Err(Short::For(wait)) => {
                        prop_assert!(wait <= Duration::from_secs(seconds));
                        let just_before = wait.saturating_sub(Duration::from_nanos(1));
                        let then = start.later(Duration::from_millis(millis) + just_before);
                        prop_assert!(meter.take(ONE, then).is_err());
                    }
                    Err(Short::Forever | Short::Dry(_) | Short::Away) => prop_assert!(false, "one is never more than the burst"),
                }
                let grown = millis * 1_000_000 / (seconds * 1_000_000_000 / u64::from(requests));
                prop_assert!(passed <= u64::from(requests) + grown);
            }
        }

        /// What was used, with what is still reserved, stays within the burst and what grew back since the start,
        /// but for what requests used beyond their reservations.
        #[test]
        fn what_is_given_back_buys_no_more_than_it_was(
            amount in 1u32..10_000,
            burst in 1u32..10_000,
            steps in prop::collection::vec((0u64..2_000, 1u32..5_000, 0u32..8_000, 0usize..4), 1..200),
        ) {
            let (start, per) = (Moment::now(), Duration::from_secs(60));
            let whole = Quota { burst: NonZeroU32::new(burst).unwrap(), ..quota(amount, per) };
            let meter = Meter::new(whole, start).unwrap();
            let (mut open, mut net, mut beyond, mut millis) = (Vec::<(u32, u32)>::new(), 0i64, 0i64, 0u64);
            for (gap, reserve, used, ending) in steps {
                millis += gap;
                let now = start.later(Duration::from_millis(millis));
                match meter.take(NonZeroU32::new(reserve).unwrap(), now) {
                    Ok(()) => { net += i64::from(reserve); open.push((reserve, used)); }
                    Err(Short::Forever) => prop_assert!(reserve > burst),
                    Err(Short::For(_)) => prop_assert!(reserve <= burst),
                    Err(Short::Dry(_) | Short::Away) => prop_assert!(false, "it is not shared"),
                }
                let grown = i64::try_from(millis * 1_000_000 / u64::try_from(per.as_nanos()).unwrap().div_euclid(u64::from(amount))).unwrap();
                prop_assert!(net <= i64::from(burst) + grown + beyond + 1, "{net} {burst} {grown} {beyond}");
                for (reserved, used) in open.drain(..ending.min(open.len())) {
                    net += i64::from(used) - i64::from(reserved);
                    if used > reserved {
                        beyond += i64::from(used - reserved);
                        meter.take_anyway(u64::from(used - reserved), now);
                    } else {
                        meter.give_back(u64::from(reserved - used));
                    }
                }
            }
        }
    }

    #[test]
    fn the_wait_that_is_told_is_the_wait_that_helps() {
        let start = Moment::now();
        let meter = Meter::new(quota(2, Duration::from_secs(60)), start).unwrap();
        assert_eq!(meter.left(start), 2);
        assert_eq!((meter.take(ONE, start), meter.left(start), meter.take(ONE, start)), (Ok(()), 1, Ok(())));
        assert_eq!(meter.left(start), 0);
        assert_eq!(meter.full_in(start), Duration::from_secs(60));
        assert_eq!(meter.left(start.later(Duration::from_secs(31))), 1);
        assert_eq!(meter.left(start.later(Duration::from_secs(100))), 2);
        assert_eq!(meter.take(ONE, start), Err(Short::For(Duration::from_secs(30))));
        assert_eq!(meter.take(ONE, start.later(Duration::from_secs(30))), Ok(()));
    }

    #[test]
    fn what_is_given_back_is_there_again() {
        let start = Moment::now();
        let meter = Meter::new(quota(100, Duration::from_secs(100)), start).unwrap();
        let most = NonZeroU32::new(100).unwrap();
        assert_eq!(meter.take(most, start), Ok(()));
        meter.give_back(60);
        assert_eq!(meter.left(start), 60);
        meter.take_anyway(70, start);
        assert_eq!(meter.left(start), 0);
        assert_eq!(meter.take(ONE, start), Err(Short::For(Duration::from_secs(11))));
        assert_eq!(meter.take(NonZeroU32::new(101).unwrap(), start), Err(Short::Forever));
    }

    #[test]
    fn a_quota_that_nanoseconds_cannot_tell_is_not_kept() {
        let second = Duration::from_secs(1);
        for (amount, told) in
            [(1_000_000_000, true), (700_000_000, false), (3_333_333, true), (2_000_000_000, false)]
        {
            assert_eq!(Meter::new(quota(amount, second), Moment::now()).is_ok(), told, "{amount}");
        }
    }

    #[test]
    fn a_burst_that_centuries_would_not_fill_is_not_kept() {
        let day = Duration::from_hours(24);
        let quota = |amount, burst| Quota { burst: NonZeroU32::new(burst).unwrap(), ..quota(amount, day) };
        for (amount, burst, told) in
            [(10, 500_000, true), (10, 10_000_000, false), (1, u32::MAX, false), (u32::MAX, u32::MAX, true)]
        {
            let start = Moment::now();
            let meter = Meter::new(quota(amount, burst), start);
            assert_eq!(meter.is_ok(), told, "{amount} burst {burst}");
            if let Ok(meter) = meter {
                assert_eq!(meter.take(NonZeroU32::new(burst).unwrap(), start), Ok(()));
                assert!(meter.take(ONE, start).is_err());
            }
        }
    }
}
