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

    /// The same moment, some time later; for tests and for planning.
    #[must_use]
    pub fn later(self, by: Duration) -> Self {
        Self { monotonic: self.monotonic + by, wall: self.wall + by }
    }

    /// Time since this moment.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.monotonic.elapsed()
    }

    /// Nanoseconds from an earlier moment to this one; zero if it is not earlier.
    #[must_use]
    pub fn nanos_since(self, earlier: Moment) -> u64 {
        let nanos = self.monotonic.saturating_duration_since(earlier.monotonic).as_nanos();
        u64::try_from(nanos).unwrap_or(u64::MAX)
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
