//! Whether one credential can be used now: its state, in one word of memory.
//!
//! 1. A credential is healthy until a provider's refusal says otherwise. Then it is out: rate limited for as
//!    long as the provider says (ten seconds if it does not, five minutes at most), spent for five minutes,
//!    or rejected for two; the last two twice as long each time, up to an hour.
//! 2. When its time is over, a rate limited one is open to all again, since time is what heals it. A spent or
//!    rejected one is tried by a single request first; the others stay away until that one has succeeded.
//! 3. Any answer that is no refusal heals it, if it was asked for with the state in view: an answer to a
//!    request that was sent before the credential failed says nothing of it now.
//! 4. A request that had to be sent in spite of the state (all are out) can heal, and can put the end of the
//!    time off, but it does not double it: else the gate's own traffic would push a mended credential away.
//! 5. No lock: the word is read once where a request picks, and compared where its answer has come.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Moment;
use crate::diagnosis::Effect;

/// How long a rate limit lasts of which the provider does not say so.
const LIMITED: Duration = Duration::from_secs(10);
/// How long a rate limit lasts at most, whatever the provider says.
const LIMITED_MOST: Duration = Duration::from_mins(5);
/// How long a spent credential stays away at first.
const SPENT: Duration = Duration::from_mins(5);
/// How long a rejected credential stays away at first.
const REJECTED: Duration = Duration::from_mins(2);
/// How long a spent or rejected credential stays away at most.
const LONGEST: Duration = Duration::from_hours(1);

/// What a provider's refusal says of a credential.
#[derive(Clone, Copy, Debug)]
pub struct Blame {
    /// What it does to it.
    pub effect: Effect,
    /// The cause's number in the table of causes.
    pub cause: u16,
    /// How long the provider says to wait, if it does.
    pub wait: Option<Duration>,
}

/// A state as a request saw it. Zero is healthy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen(u64);

/// Why a credential was picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// It could be used.
    Usual,
    /// It is to be found out whether it works again.
    Probe,
    /// It is out, but so are all others.
    Forced,
}

/// Whether it can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usable {
    /// By everybody.
    Yes,
    /// By one, to find out.
    ByOne,
    /// Not yet.
    NotYet,
}

/// The state spelt out. In the word: two bits, one, five, sixteen and forty, from the lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) effect: Effect,
    /// Whether a request is under way that finds out.
    pub(super) probing: bool,
    /// How often it failed in a row.
    strikes: u8,
    pub(super) cause: u16,
    /// The millisecond after the origin until which it stays away.
    until_ms: u64,
}

const PROBING: u64 = 1 << 2;
const MOST_STRIKES: u8 = 31;
const MOST_MS: u64 = (1 << 40) - 1;

impl Condition {
    fn read(word: u64) -> Self {
        let effect = match word & 3 {
            0 => Effect::None,
            1 => Effect::RateLimited,
            2 => Effect::Spent,
            _ => Effect::Rejected,
        };
        Self {
            effect,
            probing: word & PROBING != 0,
            strikes: u8::try_from(word >> 3 & 0x1f).unwrap_or(MOST_STRIKES),
            cause: u16::try_from(word >> 8 & 0xffff).unwrap_or(u16::MAX),
            until_ms: word >> 24,
        }
    }

    fn word(self) -> u64 {
        let effect = match self.effect {
            Effect::None => return 0,
            Effect::RateLimited => 1,
            Effect::Spent => 2,
            Effect::Rejected => 3,
        };
        let probing = if self.probing { PROBING } else { 0 };
        let strikes = u64::from(self.strikes.min(MOST_STRIKES)) << 3;
        effect | probing | strikes | u64::from(self.cause) << 8 | self.until_ms.min(MOST_MS) << 24
    }
}

/// The state of one credential.
#[derive(Debug)]
pub(super) struct Standing {
    origin: Moment,
    word: AtomicU64,
}

impl Standing {
    /// A healthy one, whose clock begins at `origin`.
    pub(super) const fn new(origin: Moment) -> Self {
        Self { origin, word: AtomicU64::new(0) }
    }

    pub(super) fn seen(&self) -> Seen {
        Seen(self.word.load(Ordering::Relaxed))
    }

    pub(super) fn condition(&self) -> Condition {
        Condition::read(self.seen().0)
    }

    /// What it is now: a rate limit whose time is over is none.
    pub(super) fn effect(&self, now: Moment) -> Effect {
        let condition = self.condition();
        let limited = condition.effect == Effect::RateLimited;
        if limited && condition.until_ms <= self.millis(now) { Effect::None } else { condition.effect }
    }

    /// The moment at which its time is over.
    pub(super) fn until(&self, condition: Condition) -> Moment {
        self.origin.later(Duration::from_millis(condition.until_ms))
    }

    /// Whether it can be used, going by a state that was seen.
    pub(super) fn usable(&self, seen: Seen, now: Moment) -> Usable {
        if seen == Seen::default() {
            return Usable::Yes;
        }
        let condition = Condition::read(seen.0);
        let over = condition.until_ms <= self.millis(now);
        match condition.effect {
            Effect::None => Usable::Yes,
            Effect::RateLimited if over => Usable::Yes,
            Effect::Spent | Effect::Rejected if over && !condition.probing => Usable::ByOne,
            Effect::RateLimited | Effect::Spent | Effect::Rejected => Usable::NotYet,
        }
    }

    /// How soon it is worth trying, for the case that none can be used: the lightest trouble first, then the
    /// one whose time ends first.
    pub(super) fn hope(&self) -> (Effect, u64) {
        let condition = self.condition();
        (condition.effect, condition.until_ms)
    }

    /// Makes the caller the one who finds out whether it works again, unless another was quicker.
    pub(super) fn probe(&self, seen: Seen) -> Option<Seen> {
        let probing = seen.0 | PROBING;
        let taken = self.word.compare_exchange(seen.0, probing, Ordering::Relaxed, Ordering::Relaxed);
        taken.ok().map(|_| Seen(probing))
    }

    /// Nothing was found out: the next request may try.
    pub(super) fn probe_ended(&self, seen: Seen) {
        let other = seen.0 & !PROBING;
        let _ = self.word.compare_exchange(seen.0, other, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Notes a success; gives what it was healed of, if it was out.
    pub(super) fn succeeded(&self, seen: Seen) -> Option<Effect> {
        if seen == Seen::default() {
            return None;
        }
        let healed = self.word.compare_exchange(seen.0, 0, Ordering::Relaxed, Ordering::Relaxed);
        healed.ok().map(|word| Condition::read(word).effect)
    }

    /// Notes a refusal. Gives how long it stays away, if that is news: what many requests at once find out
    /// is told, and counts, once.
    pub(super) fn failed(&self, seen: Seen, how: How, blame: Blame, now: Moment) -> Option<Duration> {
        let mut news = None;
        let noted = |word: u64| {
            news = None;
            let known = Condition::read(word);
            let unchanged = word == seen.0;
            if !unchanged && known.effect > blame.effect {
                // Something worse was found out meanwhile.
                return None;
            }
            let counts = unchanged && how != How::Forced;
            let same = known.effect == blame.effect;
            let strikes = if same { known.strikes.saturating_add(u8::from(counts)).max(1) } else { 1 };
            let wait = wait(blame, strikes);
            let until_ms = self.millis(now.later(wait));
            let until_ms = if same && !counts { until_ms.max(known.until_ms) } else { until_ms };
            if counts || !same {
                news = Some(wait);
            }
            // Whoever was finding out saw another state, so what it finds says nothing of this one: it would never end it.
            let next =
                Condition { effect: blame.effect, probing: false, strikes, cause: blame.cause, until_ms };
            Some(next.word())
        };
        self.word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, noted).ok().and(news)
    }

    fn millis(&self, now: Moment) -> u64 {
        now.nanos_since(self.origin) / 1_000_000
    }
}

/// How long a credential stays away that failed so often in a row.
fn wait(blame: Blame, strikes: u8) -> Duration {
    let times = 1u32 << u32::from(strikes.saturating_sub(1).min(10));
    match blame.effect {
        Effect::None => Duration::ZERO,
        Effect::RateLimited => blame.wait.unwrap_or(LIMITED * times).min(LIMITED_MOST),
        Effect::Spent => (SPENT * times).max(blame.wait.unwrap_or_default()).min(LONGEST),
        Effect::Rejected => (REJECTED * times).min(LONGEST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MINUTE: Duration = Duration::from_mins(1);

    fn blame(effect: Effect) -> Blame {
        Blame { effect, cause: 7, wait: None }
    }

    fn limited(wait: Duration) -> Blame {
        Blame { wait: Some(wait), ..blame(Effect::RateLimited) }
    }

    fn new() -> (Standing, Moment) {
        let origin = Moment::now();
        (Standing::new(origin), origin)
    }

    impl Standing {
        fn fails(&self, how: How, blame: Blame, now: Moment) -> Option<Duration> {
            self.failed(self.seen(), how, blame, now)
        }
    }

    #[test]
    fn a_rate_limit_lasts_as_long_as_the_provider_says_within_bounds() {
        for (said, lasts) in [
            (None, LIMITED),
            (Some(3 * SECOND), 3 * SECOND),
            (Some(Duration::ZERO), Duration::ZERO),
            (Some(LONGEST), LIMITED_MOST),
        ] {
            let (standing, now) = new();
            let blame = Blame { wait: said, ..blame(Effect::RateLimited) };
            assert_eq!(standing.fails(How::Usual, blame, now), Some(lasts));
            let over = now.later(lasts);
            assert_eq!(standing.usable(standing.seen(), over), Usable::Yes);
            assert_eq!(standing.effect(over), Effect::None);
            if let Some(before) = lasts.checked_sub(Duration::from_millis(1)) {
                assert_eq!(standing.usable(standing.seen(), now.later(before)), Usable::NotYet);
                assert_eq!(standing.effect(now.later(before)), Effect::RateLimited);
            }
        }
    }

    #[test]
    fn a_rejected_one_is_tried_by_one_request_and_stays_away_twice_as_long_each_time() {
        let (standing, mut now) = new();
        let mut lasts = REJECTED;
        assert_eq!(standing.fails(How::Usual, blame(Effect::Rejected), now), Some(lasts));
        for _ in 0..8 {
            assert_eq!(standing.usable(standing.seen(), now.later(lasts / 2)), Usable::NotYet);
            now = now.later(lasts);
            let seen = standing.seen();
            assert_eq!(standing.usable(seen, now), Usable::ByOne);
            let probing = standing.probe(seen).unwrap();
            assert_eq!(standing.probe(seen), None, "another was quicker");
            assert_eq!(standing.usable(standing.seen(), now), Usable::NotYet, "the others stay away");
            lasts = (lasts * 2).min(LONGEST);
            assert_eq!(standing.failed(probing, How::Probe, blame(Effect::Rejected), now), Some(lasts));
        }
        assert_eq!(lasts, LONGEST);
        now = now.later(lasts);
        let probing = standing.probe(standing.seen()).unwrap();
        assert_eq!(standing.succeeded(probing), Some(Effect::Rejected));
        assert_eq!(standing.usable(standing.seen(), now), Usable::Yes);
        // Healed is forgotten.
        assert_eq!(standing.fails(How::Usual, blame(Effect::Rejected), now), Some(REJECTED));
    }

    #[test]
    fn a_probe_that_finds_nothing_out_leaves_it_to_the_next() {
        let (standing, now) = new();
        standing.fails(How::Usual, blame(Effect::Spent), now);
        let later = now.later(SPENT);
        let probing = standing.probe(standing.seen()).unwrap();
        standing.probe_ended(probing);
        assert_eq!(standing.usable(standing.seen(), later), Usable::ByOne);
        assert_eq!(standing.effect(later), Effect::Spent, "only a success heals it");
    }

    #[test]
    fn what_many_find_out_at_once_counts_once() {
        let (standing, now) = new();
        let seen = standing.seen();
        let all: Vec<_> =
            (0..5).map(|_| standing.failed(seen, How::Usual, blame(Effect::Rejected), now)).collect();
        assert_eq!(all, [Some(REJECTED), None, None, None, None]);
        // An answer to a request that was sent before is no news either way.
        assert_eq!(standing.succeeded(seen), None);
        assert_eq!(standing.failed(seen, How::Usual, limited(SECOND), now), None);
        assert_eq!(standing.effect(now), Effect::Rejected);
        // But what is worse is.
        let (standing, now) = new();
        let seen = standing.seen();
        assert!(standing.failed(seen, How::Usual, limited(SECOND), now).is_some());
        assert!(standing.failed(seen, How::Usual, blame(Effect::Rejected), now).is_some());
        assert_eq!(standing.effect(now), Effect::Rejected);
    }

    #[test]
    fn a_forced_use_heals_and_puts_off_but_does_not_double() {
        let (standing, now) = new();
        standing.fails(How::Usual, blame(Effect::Spent), now);
        for minutes in 1..4 {
            assert_eq!(standing.fails(How::Forced, blame(Effect::Spent), now.later(MINUTE * minutes)), None);
        }
        assert_eq!(standing.usable(standing.seen(), now.later(SPENT + MINUTE)), Usable::NotYet);
        assert_eq!(standing.usable(standing.seen(), now.later(SPENT + MINUTE * 3)), Usable::ByOne);
        assert_eq!(standing.succeeded(standing.seen()), Some(Effect::Spent));
        assert_eq!(standing.effect(now), Effect::None);
        // It was taken after all, only too fast: that is the better news.
        standing.fails(How::Usual, blame(Effect::Rejected), now);
        assert_eq!(standing.fails(How::Forced, limited(SECOND), now), Some(SECOND));
        assert_eq!(standing.effect(now), Effect::RateLimited);
    }

    #[test]
    fn a_probe_that_a_forced_use_met_does_not_keep_it_away_for_ever() {
        for ends in ["fails", "succeeds", "is dropped"] {
            let (standing, now) = new();
            standing.fails(How::Usual, blame(Effect::Rejected), now);
            let later = now.later(REJECTED);
            let probing = standing.probe(standing.seen()).unwrap();
            // All others are out meanwhile, so that this one is used in spite of its state.
            assert_eq!(standing.fails(How::Forced, blame(Effect::Rejected), later), None);
            match ends {
                "fails" => drop(standing.failed(probing, How::Probe, blame(Effect::Rejected), later)),
                "succeeds" => drop(standing.succeeded(probing)),
                _ => {}
            }
            standing.probe_ended(probing);
            assert_eq!(standing.usable(standing.seen(), later.later(LONGEST)), Usable::ByOne, "{ends}");
        }
    }

    #[test]
    fn a_longer_limit_that_another_request_met_holds() {
        let (standing, now) = new();
        let seen = standing.seen();
        standing.failed(seen, How::Usual, limited(SECOND), now);
        assert_eq!(standing.failed(seen, How::Usual, limited(MINUTE), now), None);
        assert_eq!(standing.failed(seen, How::Usual, limited(SECOND), now), None);
        assert_eq!(standing.usable(standing.seen(), now.later(MINUTE / 2)), Usable::NotYet);
    }

    proptest! {
        #[test]
        fn the_word_holds_the_whole_state(
            effect in 1usize..4, probing in any::<bool>(), strikes in 0u8..=MOST_STRIKES, cause in any::<u16>(),
            until_ms in 0..=MOST_MS,
        ) {
            let condition = Condition { effect: Effect::ALL[effect], probing, strikes, cause, until_ms };
            prop_assert_eq!(Condition::read(condition.word()), condition);
        }
    }
}
