//! The state of request quotas and of requests in flight, and what keeps all state over a reload.
//!
//! State outlives a reload: the [`Registry`] hands the same meter to the next snapshot while its
//! owner and quota stay the same, so that a reload neither refills a bucket nor forgets a request
//! that is under way.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, Reference};
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};

use crate::attempts::Attempts;
use crate::clock::Moment;
use crate::credentials::Roster;
use crate::denial::RuleId;
use crate::uploads::Uploads;

/// So many requests in a stretch of time; as many may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quota {
    /// How many.
    pub requests: NonZeroU32,
    /// In which time.
    pub per: Duration,
}

impl Quota {
    /// The time in which one request grows back; `None` when that is under a nanosecond.
    fn period(self) -> Option<Duration> {
        let period = self.per.checked_div(self.requests.get())?;
        (!period.is_zero()).then_some(period)
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

type Bucket = governor::RateLimiter<NotKeyed, InMemoryState, GivenClock, StateInformationMiddleware>;

/// One quota with its state.
#[derive(Debug)]
pub struct Meter {
    quota: Quota,
    bucket: Bucket,
    origin: Moment,
    /// The nanosecond after the origin at which, with no further request, it will be full again.
    full_at: AtomicU64,
}

impl Meter {
    /// A full quota.
    ///
    /// # Errors
    /// When the quota is finer than a nanosecond per request.
    pub fn new(quota: Quota, origin: Moment) -> Result<Self, TooFine> {
        let period = quota.period().ok_or(TooFine)?;
        let allowed = governor::Quota::with_period(period).ok_or(TooFine)?.allow_burst(quota.requests);
        // The bucket asks its clock once, for the time it was made: that is the origin.
        GIVEN.set(0);
        Ok(Self {
            quota,
            bucket: governor::RateLimiter::direct_with_clock(allowed, GivenClock).with_middleware(),
            origin,
            full_at: AtomicU64::new(0),
        })
    }

    /// The quota it keeps.
    #[must_use]
    pub const fn quota(&self) -> Quota {
        self.quota
    }

    /// Takes one request from the quota.
    ///
    /// # Errors
    /// How long until one grows back, when none is left.
    pub fn take(&self, now: Moment) -> Result<(), Duration> {
        let reading = now.nanos_since(self.origin);
        GIVEN.set(reading);
        match self.bucket.check() {
            Ok(state) => {
                let gone = self.quota.requests.get().saturating_sub(state.remaining_burst_capacity());
                let until_full = u64::from(gone).saturating_mul(self.grows_back_in());
                self.full_at.store(reading.saturating_add(until_full), Ordering::Relaxed);
                Ok(())
            }
            Err(not_until) => {
                Err(Duration::from(not_until.earliest_possible().duration_since(Nanos::new(reading))))
            }
        }
    }

    /// How many requests are left. Of requests that are judged at the same moment one may be missed.
    #[must_use]
    pub fn left(&self, now: Moment) -> u32 {
        let until_full = self.full_at.load(Ordering::Relaxed).saturating_sub(now.nanos_since(self.origin));
        let gone = u32::try_from(until_full.div_ceil(self.grows_back_in())).unwrap_or(u32::MAX);
        self.quota.requests.get().saturating_sub(gone)
    }

    /// Nanoseconds in which one request grows back.
    fn grows_back_in(&self) -> u64 {
        let period = self.quota.period().map_or(1, |period| period.as_nanos());
        u64::try_from(period).unwrap_or(u64::MAX).max(1)
    }
}

/// A quota finer than the clock can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooFine;

/// How many requests of one owner are in flight.
#[derive(Debug, Default)]
pub struct Slots {
    taken: AtomicU32,
}

impl Slots {
    /// Takes a slot if fewer than `most` are taken; it is given back when the permit is dropped.
    #[must_use]
    pub fn take(self: &Arc<Self>, most: u32) -> Option<Permit> {
        let one_more = |taken: u32| (taken < most).then(|| taken + 1);
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).ok()?;
        Some(Permit(Arc::clone(self)))
    }

    /// How many are taken now.
    #[must_use]
    pub fn taken(&self) -> u32 {
        self.taken.load(Ordering::Acquire)
    }
}

/// A taken slot.
#[derive(Debug)]
pub struct Permit(Arc<Slots>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

/// One quota of a project or key, with the line that set it.
#[derive(Clone, Debug)]
pub struct Limit {
    /// The state.
    pub meter: Arc<Meter>,
    /// The line of the configuration.
    pub rule: RuleId,
}

/// The bound on requests in flight, with the line that set it.
#[derive(Clone, Debug)]
pub struct Concurrency {
    /// The state.
    pub slots: Arc<Slots>,
    /// How many at once.
    pub most: u32,
    /// The line of the configuration.
    pub rule: RuleId,
}

/// Keeps the state of limits and credentials from one snapshot to the next.
#[derive(Debug)]
pub struct Registry {
    /// The state of credentials.
    pub credentials: Arc<Roster>,
    /// What is remembered of uploads.
    pub uploads: Arc<Uploads>,
    /// How often keys were tried that are none.
    pub attempts: Arc<Attempts>,
    origin: Moment,
    state: Mutex<State>,
}

/// A certificate and its key, known by their digest, as the listener uses them.
type ListenerTls = ([u8; 32], Arc<rustls::ServerConfig>);

#[derive(Debug, Default)]
struct State {
    listener_tls: Option<ListenerTls>,
    meters: HashMap<(String, Quota), Arc<Meter>>,
    slots: HashMap<String, Arc<Slots>>,
}

impl Registry {
    /// An empty registry whose clock begins at `origin`.
    #[must_use]
    pub fn new(origin: Moment) -> Self {
        Self {
            credentials: Arc::new(Roster::new(origin)),
            uploads: Arc::default(),
            attempts: Arc::new(Attempts::new(origin)),
            origin,
            state: Mutex::default(),
        }
    }

    /// The meter of this owner and quota: the one in use, or a new one.
    ///
    /// # Errors
    /// When the quota is finer than a nanosecond per request.
    pub fn meter(&self, owner: &str, quota: Quota) -> Result<Arc<Meter>, TooFine> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(meter) = state.meters.get(&(owner.to_owned(), quota)) {
            return Ok(Arc::clone(meter));
        }
        let meter = Arc::new(Meter::new(quota, self.origin)?);
        state.meters.insert((owner.to_owned(), quota), Arc::clone(&meter));
        Ok(meter)
    }

    /// The slots of this owner.
    #[must_use]
    pub fn slots(&self, owner: &str) -> Arc<Slots> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(state.slots.entry(owner.to_owned()).or_default())
    }

    /// What was last kept for the listener, if it was made of these files: with it goes what reads the tickets
    /// by which clients resume their sessions.
    #[must_use]
    pub fn listener_tls(&self, digest: &[u8; 32]) -> Option<Arc<rustls::ServerConfig>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, made) = state.listener_tls.as_ref()?;
        (known == digest).then(|| Arc::clone(made))
    }

    /// Keeps it for the next snapshot.
    pub fn keep_listener_tls(&self, digest: [u8; 32], made: Arc<rustls::ServerConfig>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.listener_tls = Some((digest, made));
    }

    /// Forgets what no snapshot and no request holds any more.
    pub fn sweep(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.meters.retain(|_, meter| Arc::strong_count(meter) > 1);
        state.slots.retain(|_, slots| Arc::strong_count(slots) > 1);
        drop(state);
        self.credentials.sweep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quota(requests: u32, per: Duration) -> Quota {
        Quota { requests: NonZeroU32::new(requests).unwrap(), per }
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
                match meter.take(start.later(Duration::from_millis(millis))) {
                    Ok(()) => passed += 1,
                    Err(wait) => {
                        prop_assert!(wait <= Duration::from_secs(seconds));
                        prop_assert!(meter.take(start.later(Duration::from_millis(millis) + wait.saturating_sub(Duration::from_nanos(1)))).is_err());
                    }
                }
                let grown = millis * 1_000_000 / (seconds * 1_000_000_000 / u64::from(requests));
                prop_assert!(passed <= u64::from(requests) + grown);
            }
        }
    }

    #[test]
    fn the_wait_that_is_told_is_the_wait_that_helps() {
        let start = Moment::now();
        let meter = Meter::new(quota(2, Duration::from_secs(60)), start).unwrap();
        assert_eq!(meter.left(start), 2);
        assert_eq!((meter.take(start), meter.left(start), meter.take(start)), (Ok(()), 1, Ok(())));
        assert_eq!(meter.left(start), 0);
        assert_eq!(meter.left(start.later(Duration::from_secs(31))), 1);
        assert_eq!(meter.left(start.later(Duration::from_secs(100))), 2);
        let wait = meter.take(start).unwrap_err();
        assert_eq!(wait, Duration::from_secs(30));
        assert_eq!(meter.take(start.later(wait)), Ok(()));
    }

    #[test]
    fn a_reload_keeps_the_state() {
        let now = Moment::now();
        let registry = Registry::new(now);
        let one = quota(1, Duration::from_secs(1));
        let held = registry.meter("projects.a", one).unwrap();
        assert!(held.take(now).is_ok());
        registry.sweep();
        assert!(registry.meter("projects.a", one).unwrap().take(now).is_err());
        assert!(registry.meter("projects.b", one).unwrap().take(now).is_ok());
    }

    #[test]
    fn slots_come_back() {
        let slots = Arc::new(Slots::default());
        let (first, second) = (slots.take(2), slots.take(2));
        assert!(first.is_some() && second.is_some() && slots.take(2).is_none());
        drop(first);
        assert!(slots.take(2).is_some());
        assert_eq!(slots.taken(), 1);
    }
}
