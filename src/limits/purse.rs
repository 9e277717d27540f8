//! What an owner may spend in a day, a week or a month of the calendar.
//!
//! A request takes what it may cost before it goes out, and what it did not cost comes back at its end. So what is
//! spent in a window is never more than its bound, but for what requests cost beyond their reservations.
//!
//! A window begins and ends by the wall clock, in the zone of the configuration. It never goes back: a clock that is set
//! back changes nothing until it has come as far again.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::pool::Pool;
use crate::clock::Moment;
use crate::denial::RuleId;
use crate::money::Money;

/// A stretch of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Window {
    /// From midnight to midnight.
    Day,
    /// From Monday's midnight on.
    Week,
    /// From the first day's midnight on.
    Month,
}

impl Window {
    /// All of them, the shortest first.
    pub const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// When the window that holds a moment began and will end, in milliseconds since 1970.
    #[must_use]
    pub fn around(self, at_ms: i64, zone: &TimeZone) -> (i64, i64) {
        // Without a calendar nothing ends: what was taken stays taken.
        self.calendar(at_ms, zone).unwrap_or((i64::MIN, i64::MAX))
    }

    fn calendar(self, at_ms: i64, zone: &TimeZone) -> Option<(i64, i64)> {
        let at = Timestamp::from_millisecond(at_ms).ok()?.to_zoned(zone.clone());
        let today = at.start_of_day().ok()?.date();
        let (first, last) = match self {
            Self::Day => (today, today.checked_add(1.day()).ok()?),
            Self::Week => {
                let first =
                    today.checked_sub(i64::from(today.weekday().to_monday_zero_offset()).days()).ok()?;
                (first, first.checked_add(1.week()).ok()?)
            }
            Self::Month => (today.first_of_month(), today.first_of_month().checked_add(1.month()).ok()?),
        };
        let begins =
            |date: jiff::civil::Date| Some(date.to_zoned(zone.clone()).ok()?.timestamp().as_millisecond());
        Some((begins(first)?, begins(last)?))
    }
}

/// What one owner has spent and reserved.
#[derive(Debug)]
pub struct Purse {
    zone: TimeZone,
    spans: Mutex<[Span; 3]>,
    /// What is leased of each window, if several gates share it. Then the spans only say which share was told.
    shared: Option<[Arc<Pool>; 3]>,
}

/// One window of a purse, and what was taken in it.
#[derive(Clone, Copy, Debug)]
struct Span {
    from_ms: i64,
    until_ms: i64,
    taken: Money,
    /// The largest share of a budget that was told.
    told: Option<u8>,
}

/// A bound on what is spent in a window, with the line that set it.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Of which stretch.
    pub window: Window,
    /// How much.
    pub most: Money,
    /// The line of the configuration.
    pub rule: RuleId,
}

/// Which budget has not enough left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted {
    /// Its number among those that were asked.
    pub at: usize,
    /// What is left.
    pub left: Money,
    /// When its window ends.
    pub until_ms: i64,
}

impl Purse {
    /// A purse of which nothing was taken.
    #[must_use]
    pub fn new(zone: TimeZone) -> Self {
        let never = Span { from_ms: i64::MIN, until_ms: i64::MIN, taken: Money::ZERO, told: None };
        Self { zone, spans: Mutex::new([never; 3]), shared: None }
    }

    /// The same, shared by several gates.
    #[must_use]
    pub(super) fn shared(self, pools: [Arc<Pool>; 3]) -> Self {
        Self { shared: Some(pools), ..self }
    }

    /// By whose calendar its windows begin.
    pub(super) const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// What is leased of each window, if several gates share it.
    pub(super) fn pools(&self) -> Option<&[Arc<Pool>; 3]> {
        self.shared.as_ref()
    }

    /// When its windows began, the shortest first.
    #[must_use]
    pub fn began(&self, now: Moment) -> [i64; 3] {
        match &self.shared {
            None => self.now(now.unix_millis()).map(|span| span.from_ms),
            Some(pools) => pools.each_ref().map(|pool| pool.window(now).0),
        }
    }

    /// Puts in what had been spent, since each of its windows [began](Self::began), before it was made; of a purse that
    /// gates share, this is what their store must know at least.
    pub fn recall(&self, began: [i64; 3], spent: [Money; 3], now: Moment) {
        let known = began.into_iter().zip(spent);
        match &self.shared {
            None => {
                let mut spans = self.now(now.unix_millis());
                for (span, (from_ms, spent)) in spans.iter_mut().zip(known) {
                    if span.from_ms == from_ms {
                        span.taken += spent;
                    }
                }
            }
            Some(pools) => {
                pools.iter().zip(known).for_each(|(pool, (from_ms, spent))| pool.recall(from_ms, spent, now));
            }
        }
    }

    /// Takes an amount, if all budgets have it; gives the moment by which it is settled.
    ///
    /// # Errors
    /// The budget that has not; nothing was taken then.
    pub fn take(&self, amount: Money, budgets: &[Budget], now_ms: i64) -> Result<i64, Exhausted> {
        let mut spans = self.now(now_ms);
        for (at, budget) in budgets.iter().enumerate() {
            let Some(span) = spans.get(budget.window as usize) else { continue };
            if span.taken + amount > budget.most {
                return Err(Exhausted { at, left: budget.most.less(span.taken), until_ms: span.until_ms });
            }
        }
        Ok(taken(&mut spans, amount, now_ms))
    }

    /// Takes an amount, whatever is left; gives the moment by which it is settled.
    pub fn take_anyway(&self, amount: Money, now_ms: i64) -> i64 {
        taken(&mut self.now(now_ms), amount, now_ms)
    }

    /// Exchanges what was taken at a moment for what it came to. A window that has ended since is not asked.
    pub fn settle(&self, taken_ms: i64, taken: Money, spent: Money) {
        // What it was taken from may have gone by, but the time is not read again for that.
        for span in self.spans.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            if span.from_ms <= taken_ms {
                span.taken = span.taken.less(taken) + spent;
            }
        }
    }

    /// The largest share of a budget that was reached and not told yet.
    pub fn reached(&self, budgets: &[Budget], shares: &[u8], now: Moment) -> Option<u8> {
        let mut spans = self.now(now.unix_millis());
        for (span, pool) in spans.iter_mut().zip(self.shared.iter().flatten()) {
            span.taken = Money::picodollars(pool.used_now(now));
        }
        let mut all = None;
        for budget in budgets {
            let Some(span) = spans.get_mut(budget.window as usize) else { continue };
            let (taken, hundredth) =
                (span.taken.as_picodollars(), budget.most.as_picodollars().div_ceil(100));
            let is_reached = |share: &u8| hundredth.saturating_mul(u64::from(*share)) <= taken;
            let reached = shares.iter().copied().filter(is_reached).max();
            if reached > span.told {
                span.told = reached;
                all = all.max(reached);
            }
        }
        all
    }

    /// What was taken in a window so far, and when that ends.
    #[must_use]
    pub fn taken_now(&self, window: Window, now: Moment) -> (Money, i64) {
        match self.shared.as_ref().and_then(|pools| pools.get(window as usize)) {
            Some(pool) => (Money::picodollars(pool.used_now(now)), pool.until_ms(now)),
            None => self.taken(window, now.unix_millis()),
        }
    }

    /// The same of one that this gate has for itself.
    #[must_use]
    pub fn taken(&self, window: Window, now_ms: i64) -> (Money, i64) {
        let spans = self.now(now_ms);
        spans.get(window as usize).map_or((Money::ZERO, i64::MAX), |span| (span.taken, span.until_ms))
    }

    /// The windows around now.
    fn now(&self, now_ms: i64) -> std::sync::MutexGuard<'_, [Span; 3]> {
        let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        for (span, window) in spans.iter_mut().zip(Window::ALL) {
            if now_ms >= span.until_ms {
                let (from_ms, until_ms) = window.around(now_ms, &self.zone);
                *span = Span { from_ms, until_ms, taken: Money::ZERO, told: None };
            }
        }
        spans
    }
}

/// Takes an amount from all windows. The moment is none before the windows began: a request that came just before
/// midnight can find the next day begun by another.
fn taken(spans: &mut [Span; 3], amount: Money, now_ms: i64) -> i64 {
    spans.iter_mut().fold(now_ms, |moment, span| {
        span.taken += amount;
        moment.max(span.from_ms)
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use proptest::prelude::*;

    const DAY_MS: i64 = 86_400_000;

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn moment(at_ms: i64) -> Moment {
        Moment::now().dated(SystemTime::UNIX_EPOCH + Duration::from_millis(at_ms.unsigned_abs()))
    }

    fn dollars(whole: u64) -> Money {
        Money::parse_dollars(&whole.to_string()).unwrap()
    }

    fn budget(window: Window, most: u64) -> Budget {
        Budget { window, most: dollars(most), rule: RuleId::BUILT_IN }
    }

    #[test]
    fn windows_go_by_the_calendar_of_the_zone() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let at = ms("2026-03-29T10:00:00Z");
        // The clocks went forward that night: the day has 23 hours.
        assert_eq!(Window::Day.around(at, &berlin), (ms("2026-03-28T23:00:00Z"), ms("2026-03-29T22:00:00Z")));
        assert_eq!(
            Window::Week.around(at, &berlin),
            (ms("2026-03-22T23:00:00Z"), ms("2026-03-29T22:00:00Z"))
        );
        assert_eq!(
            Window::Month.around(at, &berlin),
            (ms("2026-02-28T23:00:00Z"), ms("2026-03-31T22:00:00Z"))
        );
    }

    #[test]
    fn a_budget_is_spent_once_and_comes_back_with_its_window() {
        let purse = Purse::new(TimeZone::UTC);
        let budgets = [budget(Window::Day, 10), budget(Window::Month, 15)];
        let noon = ms("2026-11-20T12:00:00Z");
        let taken = purse.take(dollars(8), &budgets, noon).unwrap();
        let exhausted = purse.take(dollars(3), &budgets, noon).unwrap_err();
        assert_eq!(exhausted, Exhausted { at: 0, left: dollars(2), until_ms: ms("2026-11-21T00:00:00Z") });
        purse.settle(taken, dollars(8), dollars(7));
        assert!(purse.take(dollars(3), &budgets, noon).is_ok());
        let next_day = noon + DAY_MS;
        assert_eq!(purse.taken(Window::Day, next_day).0, Money::ZERO);
        assert_eq!(purse.taken(Window::Month, next_day).0, dollars(10));
        let exhausted = purse.take(dollars(6), &budgets, next_day).unwrap_err();
        assert_eq!((exhausted.at, exhausted.left), (1, dollars(5)));
    }

    #[test]
    fn what_was_taken_just_before_a_window_began_is_settled_where_it_was_taken() {
        let purse = Purse::new(TimeZone::UTC);
        let midnight = ms("2026-11-21T00:00:00Z");
        let _ = purse.taken(Window::Day, midnight);
        let taken = purse.take(dollars(5), &[], midnight - 1).unwrap();
        purse.settle(taken, dollars(5), dollars(1));
        assert_eq!(purse.taken(Window::Day, midnight).0, dollars(1));
        // And what a day took is none of the next one's.
        let taken = purse.take(dollars(5), &[], midnight).unwrap();
        let _ = purse.taken(Window::Day, midnight + DAY_MS);
        purse.settle(taken, dollars(5), dollars(2));
        assert_eq!(purse.taken(Window::Day, midnight + DAY_MS).0, Money::ZERO);
        assert_eq!(purse.taken(Window::Month, midnight + DAY_MS).0, dollars(3));
    }

    #[test]
    fn what_was_spent_before_is_recalled() {
        let purse = Purse::new(TimeZone::UTC);
        let now = ms("2026-11-20T12:00:00Z");
        let began = purse.began(moment(now));
        assert_eq!(began, Window::ALL.map(|window| window.around(now, &TimeZone::UTC).0));
        purse.recall(began, [1, 3, 4].map(dollars), moment(now));
        assert_eq!(purse.taken(Window::Day, now).0, dollars(1));
        assert_eq!(purse.taken(Window::Week, now).0, dollars(3));
        assert_eq!(purse.taken(Window::Month, now).0, dollars(4));
    }

    #[test]
    fn what_was_spent_in_a_window_that_ended_is_not_recalled() {
        let purse = Purse::new(TimeZone::UTC);
        let began = purse.began(moment(ms("2026-11-20T23:59:59Z")));
        let next = ms("2026-11-21T00:00:00Z");
        purse.recall(began, [1, 3, 4].map(dollars), moment(next));
        assert_eq!(Window::ALL.map(|window| purse.taken(window, next).0), [0, 3, 4].map(dollars));
    }

    #[test]
    fn a_clock_that_is_set_back_gives_nothing_back() {
        let purse = Purse::new(TimeZone::UTC);
        let now = ms("2026-11-20T12:00:00Z");
        let budgets = [budget(Window::Day, 1)];
        assert!(purse.take(dollars(1), &budgets, now).is_ok());
        assert!(purse.take(dollars(1), &budgets, now - 3 * DAY_MS).is_err());
    }

    proptest! {
        /// Settled and reserved sums of each window, counted beside the purse, agree with it and never exceed a bound
        /// but by what requests cost beyond their reservations.
        #[test]
        fn nothing_drifts(
            steps in prop::collection::vec((0i64..DAY_MS / 3, 1u64..20, 0u64..30, 0usize..4), 1..200),
        ) {
            let purse = Purse::new(TimeZone::UTC);
            let budgets = [budget(Window::Day, 50), budget(Window::Week, 120)];
            let mut now = ms("2026-11-20T12:00:00Z");
            // Each: moment, amount now counted for it, whether it is still reserved, and what was beyond.
            let mut all: Vec<(i64, u64, u64)> = Vec::new();
            let mut open: Vec<(usize, i64, u64, u64)> = Vec::new();
            for (gap, reserve, cost, ending) in steps {
                now += gap;
                if let Ok(stamp) = purse.take(dollars(reserve), &budgets, now) {
                    open.push((all.len(), stamp, reserve, cost));
                    all.push((stamp, reserve, 0));
                }
                for (at, stamp, reserved, cost) in open.drain(..ending.min(open.len())) {
                    purse.settle(stamp, dollars(reserved), dollars(cost));
                    all[at] = (stamp, cost, cost.saturating_sub(reserved));
                }
                for budget in &budgets {
                    let (from, until) = budget.window.around(now, &TimeZone::UTC);
                    let within = all.iter().filter(|(stamp, ..)| (from..until).contains(stamp));
                    let (sum, beyond) = within.fold((0, 0), |(sum, beyond), one| (sum + one.1, beyond + one.2));
                    prop_assert_eq!(purse.taken(budget.window, now).0, dollars(sum));
                    prop_assert!(dollars(sum) <= budget.most + dollars(beyond));
                }
            }
        }
    }
}
