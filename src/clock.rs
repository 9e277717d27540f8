//! The only place that reads the time.
//!
//! A request reads the clock once when it begins; policies get that [`Moment`] as an argument, so
//! they can be tested with any time. Rates go by the monotonic reading, calendar dates (a key's
//! expiry) by the wall clock.
//!
//! Times are counted in nanoseconds, of which 64 bits hold three centuries: every request reckons with a dozen of them,
//! and each would carry seconds from word to word.

use std::cell::Cell;
use std::ops::Add;
use std::time::{Duration, Instant, SystemTime};

use rustix::time::{ClockId, Timespec, clock_gettime};

/// For how long what one clock is ahead of the other is believed: when the wall clock is set, that is seen so late.
const BELIEVED: u64 = 20_000_000;

thread_local! {
    /// How many nanoseconds the wall clock is ahead of the monotonic one, and until when that is believed.
    static AHEAD: Cell<(i64, u64)> = const { Cell::new((0, 0)) };
}

/// One reading of both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// For durations and rates: never jumps.
    pub monotonic: Reading,
    /// For dates and timestamps: nanoseconds since 1970.
    wall: i64,
}

/// One reading of the monotonic clock, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reading(u64);

impl Reading {
    fn now() -> Self {
        Self(u64::try_from(nanos(clock_gettime(ClockId::Monotonic))).unwrap_or_default())
    }

    /// Time from an earlier reading to this one; zero if it is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Reading {
    type Output = Self;

    /// Some time later, or as late as can be counted. As with the standard library's it panics by a time that is none,
    /// which no configuration can say.
    fn add(self, by: Duration) -> Self {
        Self(nanos_of(Duration::from_nanos(self.0) + by))
    }
}

impl Moment {
    /// Reads both clocks.
    #[must_use]
    pub fn now() -> Self {
        let monotonic = Reading::now();
        let (mut ahead, until) = AHEAD.get();
        if monotonic.0 >= until {
            let wall = nanos(clock_gettime(ClockId::Realtime));
            ahead = wall.wrapping_sub_unsigned(monotonic.0);
            AHEAD.set((ahead, monotonic.0.saturating_add(BELIEVED)));
        }
        Self { monotonic, wall: ahead.wrapping_add_unsigned(monotonic.0) }
    }

    /// The same moment, some time later.
    #[must_use]
    pub fn later(self, by: Duration) -> Self {
        Self { monotonic: self.monotonic + by, wall: self.wall.saturating_add_unsigned(nanos_of(by)) }
    }

    /// The same reading of the monotonic clock, with another date.
    #[must_use]
    pub fn dated(self, wall: SystemTime) -> Self {
        let wall = match wall.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => 0i64.saturating_add_unsigned(nanos_of(since)),
            Err(before) => 0i64.saturating_sub_unsigned(nanos_of(before.duration())),
        };
        Self { wall, ..self }
    }

    /// The date.
    #[must_use]
    pub fn wall(self) -> SystemTime {
        let since = Duration::from_nanos(self.wall.unsigned_abs());
        if self.wall < 0 { SystemTime::UNIX_EPOCH - since } else { SystemTime::UNIX_EPOCH + since }
    }

    /// Time since this moment.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        Reading::now().since(self.monotonic)
    }

    /// This moment, as the monotonic clock has moved it on to now: one reading instead of two.
    #[must_use]
    pub fn now_after(self) -> Self {
        self.later(self.elapsed())
    }

    /// Time from an earlier moment to this one; zero if it is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.monotonic.since(earlier.monotonic)
    }

    /// Nanoseconds from an earlier moment to this one; zero if it is not earlier.
    #[must_use]
    pub const fn nanos_since(self, earlier: Self) -> u64 {
        self.monotonic.0.saturating_sub(earlier.monotonic.0)
    }

    /// Milliseconds since 1970 on the wall clock.
    #[must_use]
    pub const fn unix_millis(self) -> i64 {
        self.wall / 1_000_000
    }

    /// Seconds since 1970 on the wall clock.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.wall / 1_000_000_000
    }
}

/// What the standard library calls this moment, for those who count by that.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the time")]
pub fn instant() -> Instant {
    Instant::now()
}

/// A clock's reading in nanoseconds.
#[expect(clippy::useless_conversion, reason = "how wide seconds and nanoseconds are depends on the system")]
fn nanos(read: Timespec) -> i64 {
    i64::from(read.tv_sec).saturating_mul(1_000_000_000).saturating_add(i64::from(read.tv_nsec))
}

/// A time in nanoseconds; more than can be counted is as much as can.
fn nanos_of(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000_000_000).saturating_add(time.subsec_nanos().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    #[expect(clippy::disallowed_methods, reason = "compared with")]
    fn both_clocks_are_read_as_the_standard_library_does() {
        for _ in 0..3 {
            let before = (Instant::now(), SystemTime::now());
            let now = Moment::now();
            assert!(now.elapsed() <= before.0.elapsed());
            let off = now.wall().duration_since(before.1).unwrap_or_else(|error| error.duration());
            assert!(off < SECOND, "{off:?}");
            // The second time within what is believed, the third time behind it.
            std::thread::sleep(Duration::from_nanos(BELIEVED * 3 / 4));
        }
    }

    #[test]
    fn a_moment_is_moved_and_dated() {
        let now = Moment::now();
        let later = now.later(SECOND * 90);
        assert_eq!((later.since(now), now.since(later)), (SECOND * 90, Duration::ZERO));
        assert_eq!(later.nanos_since(now), 90_000_000_000);
        assert_eq!(later.unix_millis() - now.unix_millis(), 90_000);
        assert_eq!(later.wall().duration_since(now.wall()).unwrap(), SECOND * 90);
        assert!(now.now_after().since(now) < SECOND * 60);
        let dated = now.dated(SystemTime::UNIX_EPOCH + SECOND * 1_795_255_200);
        assert_eq!((dated.unix_seconds(), dated.since(now)), (1_795_255_200, Duration::ZERO));
        let before = now.dated(SystemTime::UNIX_EPOCH - SECOND);
        assert_eq!((before.unix_millis(), before.wall()), (-1_000, SystemTime::UNIX_EPOCH - SECOND));
    }

    #[test]
    fn what_is_past_counting_is_as_late_as_can_be() {
        let now = Moment::now();
        let late = now.later(SECOND * u32::MAX * 1_000);
        assert_eq!(late.monotonic, Reading(u64::MAX));
        assert!(late.wall() > now.wall());
        assert_eq!(late.later(SECOND).monotonic, late.monotonic);
    }

    #[test]
    #[should_panic(expected = "overflow")]
    fn a_time_that_is_none_is_a_fault() {
        let _ = Moment::now().later(Duration::MAX);
    }
}
