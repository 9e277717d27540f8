//! Whether an upstream is asked at all: after so many failures in a row it is left alone for a time.
//!
//! 1. It is closed until so many requests in a row failed. What counts as a failure is for the caller to say; by
//!    default only that no connection could be made, which no client can bring about.
//! 2. Then it is open for a time, each time twice as long up to a bound, and up to a fifth longer by chance, so that
//!    several gates do not come back at the same moment.
//! 3. When the time is over a single request is let through; the next one not before the first pause has passed once
//!    more, whether or not the one before has an answer: a slow model must not keep the others waiting.
//! 4. The success of a request that was let through closes it. One that was sent before it opened says nothing.
//! 5. No lock: the state is one word of memory, read once where a request begins.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Moment;

/// What an upstream is forgiven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tolerance {
    /// After how many failures in a row it is left alone.
    pub failures: u16,
    /// For how long at first.
    pub pause: Duration,
    /// For how long at most.
    pub longest_pause: Duration,
    /// Answers that count as failures.
    pub statuses: Vec<u16>,
    /// Whether an answer that does not begin in time does.
    pub timeouts: bool,
}

/// The state of one upstream.
#[derive(Debug)]
pub struct Breaker {
    origin: Moment,
    word: AtomicU64,
    opened: AtomicU64,
}

/// That a request may be sent, and how it stood then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passage {
    /// Whether it finds out if the upstream works again.
    probes: bool,
}

/// What a request's end changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is left alone for so long.
    Opened(Duration),
    /// It is asked again.
    Closed,
}

/// The state spelt out. In the word: sixteen bits, eight and forty, from the lowest. Zero is closed and well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    failures: u16,
    /// How often it opened in a row.
    strikes: u8,
    /// The millisecond after the origin until which it is open; zero if it is closed.
    until_ms: u64,
}

const MOST_MS: u64 = (1 << 40) - 1;

impl State {
    fn read(word: u64) -> Self {
        Self {
            failures: u16::try_from(word & 0xffff).unwrap_or(u16::MAX),
            strikes: u8::try_from(word >> 16 & 0xff).unwrap_or(u8::MAX),
            until_ms: word >> 24,
        }
    }

    fn word(self) -> u64 {
        u64::from(self.failures) | u64::from(self.strikes) << 16 | self.until_ms.min(MOST_MS) << 24
    }

    const fn is_open(self) -> bool {
        self.until_ms != 0
    }
}

impl Breaker {
    /// A closed one, whose clock begins at `origin`.
    #[must_use]
    pub const fn new(origin: Moment) -> Self {
        Self { origin, word: AtomicU64::new(0), opened: AtomicU64::new(0) }
    }

    /// Lets a request through.
    ///
    /// # Errors
    /// When the upstream is left alone; for how long still.
    pub fn enter(&self, tolerance: &Tolerance, now: Moment) -> Result<Passage, Duration> {
        loop {
            let word = self.word.load(Ordering::Relaxed);
            let state = State::read(word);
            if !state.is_open() {
                return Ok(Passage::default());
            }
            let reading = self.millis(now);
            if let Some(left) = state.until_ms.checked_sub(reading).filter(|left| *left > 0) {
                return Err(Duration::from_millis(left));
            }
            let next = State { until_ms: self.after(now, tolerance.pause), ..state };
            // Another that was quicker probes now, or has found that all is well.
            if self.word.compare_exchange(word, next.word(), Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return Ok(Passage { probes: true });
            }
        }
    }

    /// Notes that a request did not fail.
    pub fn succeeded(&self, passage: Passage) -> Option<Change> {
        let word = self.word.load(Ordering::Relaxed);
        if word == 0 || State::read(word).is_open() && !passage.probes {
            return None;
        }
        let healed = self.word.compare_exchange(word, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        (healed && State::read(word).is_open()).then_some(Change::Closed)
    }

    /// Notes that a request failed; `asked` is how long the upstream asked to be left alone, `chance` any number.
    pub fn failed(
        &self,
        passage: Passage,
        tolerance: &Tolerance,
        asked: Option<Duration>,
        now: Moment,
        chance: u32,
    ) -> Option<Change> {
        let mut opened = None;
        let noted = |word: u64| {
            opened = None;
            let state = State::read(word);
            let failures = state.failures.saturating_add(1);
            if state.is_open() && !passage.probes {
                return None;
            }
            if !state.is_open() && failures < tolerance.failures {
                return Some(State { failures, ..state }.word());
            }
            let strikes = state.strikes.saturating_add(1);
            let pause = pause(tolerance, strikes, asked, chance);
            opened = Some(pause);
            Some(State { failures, strikes, until_ms: self.after(now, pause) }.word())
        };
        self.word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, noted).ok()?;
        let pause = opened?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        Some(Change::Opened(pause))
    }

    /// Whether the upstream is left alone, or was and has not been found well.
    #[must_use]
    pub fn is_open(&self) -> bool {
        State::read(self.word.load(Ordering::Relaxed)).is_open()
    }

    /// How often it opened.
    #[must_use]
    pub fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    fn millis(&self, now: Moment) -> u64 {
        now.nanos_since(self.origin) / 1_000_000
    }

    fn after(&self, now: Moment, pause: Duration) -> u64 {
        self.millis(now.later(pause)).max(1)
    }
}

/// How long it is left alone that opened so often in a row.
fn pause(tolerance: &Tolerance, strikes: u8, asked: Option<Duration>, chance: u32) -> Duration {
    let times = 1u32 << u32::from(strikes.saturating_sub(1).min(16));
    let usual = tolerance.pause.saturating_mul(times).max(asked.unwrap_or_default());
    let usual = usual.min(tolerance.longest_pause);
    usual + usual.mul_f64(f64::from(chance) / f64::from(u32::MAX) / 5.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn tolerance() -> Tolerance {
        let (statuses, timeouts) = (Vec::new(), false);
        Tolerance { failures: 3, pause: SECOND * 5, longest_pause: SECOND * 60, statuses, timeouts }
    }

    fn fails(breaker: &Breaker, passage: Passage, now: Moment) -> Option<Change> {
        breaker.failed(passage, &tolerance(), None, now, 0)
    }

    #[test]
    fn so_many_failures_in_a_row_open_it_and_a_success_between_them_does_not() {
        let now = Moment::now();
        let breaker = Breaker::new(now);
        let usual = Passage::default();
        for _ in 0..5 {
            assert_eq!(fails(&breaker, usual, now), None);
            assert_eq!(fails(&breaker, usual, now), None);
            assert_eq!(breaker.succeeded(usual), None);
        }
        assert_eq!(fails(&breaker, usual, now), None);
        assert_eq!(fails(&breaker, usual, now), None);
        assert_eq!(breaker.enter(&tolerance(), now), Ok(usual));
        assert_eq!(fails(&breaker, usual, now), Some(Change::Opened(SECOND * 5)));
        assert_eq!(breaker.enter(&tolerance(), now.later(SECOND)), Err(SECOND * 4));
        assert_eq!(breaker.opened(), 1);
        // What was sent before says nothing any more.
        assert_eq!(fails(&breaker, usual, now), None);
        assert_eq!(breaker.succeeded(usual), None);
        assert!(breaker.is_open());
    }

    fn opened(now: Moment) -> Breaker {
        let breaker = Breaker::new(now);
        for _ in 0..3 {
            fails(&breaker, Passage::default(), now);
        }
        breaker
    }

    #[test]
    fn single_requests_find_out_and_one_that_hangs_does_not_keep_the_next_from_it() {
        let mut now = Moment::now();
        let breaker = opened(now);
        now = now.later(SECOND * 5);
        let first = breaker.enter(&tolerance(), now).unwrap();
        assert!(first.probes);
        assert_eq!(breaker.enter(&tolerance(), now), Err(SECOND * 5), "one at a time");
        now = now.later(SECOND * 5);
        let second = breaker.enter(&tolerance(), now).unwrap();
        assert!(second.probes);
        assert_eq!(breaker.succeeded(first), Some(Change::Closed));
        assert_eq!(breaker.succeeded(second), None, "told once");
        assert_eq!(breaker.enter(&tolerance(), now), Ok(Passage::default()));
        assert_eq!(fails(&breaker, Passage::default(), now), None, "it is well again and forgiven as before");
    }

    #[test]
    fn it_stays_open_twice_as_long_each_time_up_to_a_bound() {
        let mut now = Moment::now();
        let breaker = opened(now);
        let mut pause = SECOND * 5;
        for _ in 0..8 {
            now = now.later(pause);
            let passage = breaker.enter(&tolerance(), now).unwrap();
            pause = (pause * 2).min(SECOND * 60);
            assert_eq!(fails(&breaker, passage, now), Some(Change::Opened(pause)));
        }
        assert_eq!(pause, SECOND * 60);
    }

    #[test]
    fn an_upstream_that_asks_for_a_longer_time_gets_it_within_the_bound() {
        let now = Moment::now();
        for (asked, pause) in [(SECOND, SECOND * 5), (SECOND * 30, SECOND * 30), (SECOND * 900, SECOND * 60)]
        {
            let breaker = Breaker::new(now);
            let one = Tolerance { failures: 1, ..tolerance() };
            let change = breaker.failed(Passage::default(), &one, Some(asked), now, 0);
            assert_eq!(change, Some(Change::Opened(pause)));
        }
    }

    proptest! {
        #[test]
        fn chance_adds_a_fifth_at_most(chance: u32, strikes: u8) {
            let (least, this) = (pause(&tolerance(), strikes, None, 0), pause(&tolerance(), strikes, None, chance));
            prop_assert!(least <= this && this <= least.mul_f64(1.2001));
        }

        #[test]
        fn the_word_holds_the_whole_state(failures: u16, strikes: u8, until_ms in 0..=MOST_MS) {
            let state = State { failures, strikes, until_ms };
            prop_assert_eq!(State::read(state.word()), state);
        }
    }
}
