//! What a request took from limits before it went out, and how that is settled at its end.

use std::num::NonZeroU32;
use std::sync::Arc;

use smallvec::SmallVec;

use super::{Budget, Counted, Exhausted, Limit, Meter, Purse, Short};
use crate::clock::Moment;
use crate::money::Money;
use crate::usage::Usage;

/// What a request is taken to use before anybody knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Tokens that the model will read.
    pub input: u64,
    /// The most tokens that it may write.
    pub output: u64,
    /// The most that this costs.
    pub money: Money,
}

impl Estimate {
    /// How much of it a quota counts.
    #[must_use]
    pub const fn counted(&self, counts: Counted) -> u64 {
        match counts {
            Counted::Requests => 1,
            Counted::Input => self.input,
            Counted::Output => self.output,
            Counted::Tokens => self.input.saturating_add(self.output),
        }
    }
}

/// What was taken from limits. It must be settled: dropping it leaves everything taken.
#[derive(Debug, Default)]
#[must_use = "what was taken comes back only when it is settled or undone"]
pub struct Reservation {
    meters: SmallVec<[Held; 4]>,
    purses: SmallVec<[Purchase; 2]>,
}

/// An amount of a quota.
#[derive(Debug)]
struct Held {
    meter: Arc<Meter>,
    counts: Counted,
    amount: u64,
}

/// An amount of money.
#[derive(Debug)]
struct Purchase {
    purse: Arc<Purse>,
    taken_ms: i64,
    money: Money,
}

impl Reservation {
    /// Takes from a quota what an estimate says.
    ///
    /// # Errors
    /// When that much is not left; nothing of this quota was taken then.
    pub fn take(&mut self, limit: &Limit, estimate: &Estimate, now: Moment) -> Result<(), Short> {
        let amount = estimate.counted(limit.counts);
        // Who uses none of what is limited still may not pass where that is overdrawn.
        let asked = u32::try_from(amount.max(1)).ok().and_then(NonZeroU32::new).ok_or(Short::Forever)?;
        limit.meter.take(asked, now)?;
        self.hold(limit, u64::from(asked.get()));
        Ok(())
    }

    /// Takes it also where it is not left.
    pub fn take_anyway(&mut self, limit: &Limit, estimate: &Estimate, now: Moment) {
        let amount = estimate.counted(limit.counts);
        limit.meter.take_anyway(amount, now);
        self.hold(limit, amount);
    }

    fn hold(&mut self, limit: &Limit, amount: u64) {
        self.meters.push(Held { meter: Arc::clone(&limit.meter), counts: limit.counts, amount });
    }

    /// Takes an amount of money, if all budgets have it.
    ///
    /// # Errors
    /// The budget that has not; nothing of this purse was taken then.
    pub fn spend(
        &mut self,
        purse: &Arc<Purse>,
        budgets: &[Budget],
        money: Money,
        now: Moment,
    ) -> Result<(), Exhausted> {
        let taken_ms = purse.take(money, budgets, now.unix_millis())?;
        self.purses.push(Purchase { purse: Arc::clone(purse), taken_ms, money });
        Ok(())
    }

    /// Takes an amount of money, whatever is left.
    pub fn spend_anyway(&mut self, purse: &Arc<Purse>, money: Money, now: Moment) {
        let taken_ms = purse.take_anyway(money, now.unix_millis());
        self.purses.push(Purchase { purse: Arc::clone(purse), taken_ms, money });
    }

    /// Whether nothing was taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.meters.is_empty() && self.purses.is_empty()
    }

    /// Whether money was taken.
    #[must_use]
    pub fn has_money(&self) -> bool {
        !self.purses.is_empty()
    }

    /// Adds what another took.
    pub fn add(&mut self, other: Self) {
        self.meters.extend(other.meters);
        self.purses.extend(other.purses);
    }

    /// Gives everything back, also requests: it was refused.
    pub fn undo(self) {
        for Held { meter, amount, .. } in &self.meters {
            meter.give_back(*amount);
        }
        for Purchase { purse, taken_ms, money } in &self.purses {
            purse.settle(*taken_ms, *money, Money::ZERO);
        }
    }

    /// Exchanges what was taken for what was used. A request stays one request.
    pub fn settle(self, used: &Usage, cost: Money, now: Moment) {
        let used = Estimate { input: used.input, output: used.output, money: cost };
        // Of what was taken in several steps, all but the first is given back: what was used is taken once.
        let mut seen: SmallVec<[&Arc<Meter>; 4]> = SmallVec::new();
        for Held { meter, counts, amount } in &self.meters {
            if *counts == Counted::Requests {
                continue;
            }
            let again = seen.iter().any(|other| Arc::ptr_eq(other, meter));
            seen.push(meter);
            let used = if again { 0 } else { used.counted(*counts) };
            if used > *amount {
                meter.take_anyway(used - amount, now);
            } else {
                meter.give_back(amount - used);
            }
        }
        let mut seen: SmallVec<[&Arc<Purse>; 2]> = SmallVec::new();
        for Purchase { purse, taken_ms, money } in &self.purses {
            let again = seen.iter().any(|other| Arc::ptr_eq(other, purse));
            seen.push(purse);
            purse.settle(*taken_ms, *money, if again { Money::ZERO } else { used.money });
        }
    }
}
