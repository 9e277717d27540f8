//! The only place that reads the time.
//!
//! A request reads the clock once when it begins; policies get that [`Moment`] as an argument, so
//! they can be tested with any time. Rates go by the monotonic reading, calendar dates (a key's
//! expiry) by the wall clock.

use std::time::{Duration, Instant, SystemTime};

/// One reading of both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// For durations and rates: never jumps.
    pub monotonic: Instant,
    /// For dates and timestamps.
    pub wall: SystemTime,
}

impl Moment {
    /// Reads both clocks.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the time")]
    pub fn now() -> Self {
        Self { monotonic: Instant::now(), wall: SystemTime::now() }
    }

    /// The same moment, some time later.
    #[must_use]
    pub fn later(self, by: Duration) -> Self {
        Self { monotonic: self.monotonic + by, wall: self.wall + by }
    }

    /// Time since this moment.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.monotonic.elapsed()
    }

    /// This moment, as the monotonic clock has moved it on to now: one reading instead of two.
    #[must_use]
    pub fn now_after(self) -> Self {
        self.later(self.elapsed())
    }

    /// Time from an earlier moment to this one; zero if it is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.monotonic.saturating_duration_since(earlier.monotonic)
    }

    /// Nanoseconds from an earlier moment to this one; zero if it is not earlier.
    #[must_use]
    pub fn nanos_since(self, earlier: Self) -> u64 {
        u64::try_from(self.since(earlier).as_nanos()).unwrap_or(u64::MAX)
    }

    /// Milliseconds since 1970 on the wall clock.
    #[must_use]
    pub fn unix_millis(self) -> i64 {
        match self.wall.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        }
    }

    /// Seconds since 1970 on the wall clock.
    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        match self.wall.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |s| -s),
        }
    }
}
