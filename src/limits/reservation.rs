//! What a request took from limits before it went out, and how that is settled at its end.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use smallvec::SmallVec;

use super::pool::{Lack, Pool};
use super::sharing::{Want, WantOf};
use super::{Budget, Concurrency, Counted, Exhausted, Limit, Meter, Permit, Purse, Short};
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
    /// What counts as taken, and is still to be asked for at the store of the gates that share it.
    wants: Vec<Want>,
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
    /// Of a purse that gates share, the windows of which it was taken, by their bits.
    windows: u8,
}

impl Purchase {
    /// Exchanges what was taken for what it came to, without what was not had of it.
    fn settle(&self, spent: Money, wants: &mut Vec<Want>) {
        let Some(pools) = self.purse.pools() else {
            return self.purse.settle(self.taken_ms, self.money, spent);
        };
        let (taken, spent) = (self.money.as_picodollars(), spent.as_picodollars());
        for (at, pool) in pools.iter().enumerate() {
            if self.windows & 1 << at != 0 {
                pool.settle(self.taken_ms, taken, spent.saturating_add(lacked(wants, pool)));
            }
        }
    }
}

/// Why no money was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unspent {
    /// A budget has not enough left.
    Exhausted(Exhausted),
    /// The store of the gates that share the purse cannot be asked.
    Away,
}

impl Reservation {
    /// Takes from a quota what an estimate says. What the store of several gates has to be asked for counts as taken, and
    /// is kept as wanted; `anyway` if it is also taken where it is not left.
    ///
    /// # Errors
    /// When that much is not left; nothing of this quota was taken then.
    pub fn take(
        &mut self,
        limit: &Limit,
        estimate: &Estimate,
        anyway: bool,
        now: Moment,
    ) -> Result<(), Short> {
        let amount = estimate.counted(limit.counts);
        // Who uses none of what is limited still may not pass where that is overdrawn.
        let asked = u32::try_from(amount.max(1)).ok().and_then(NonZeroU32::new).ok_or(Short::Forever)?;
        match (limit.meter.take(asked, now), limit.meter.pool()) {
            (Err(Short::Dry(need)), Some(pool)) => self.wants.push(Want {
                pool: Arc::clone(pool),
                need,
                from_ms: i64::MIN,
                anyway,
                of: WantOf::Quota(limit.clone(), u64::from(asked.get())),
            }),
            (taken, _) => taken?,
        }
        self.hold(limit, u64::from(asked.get()));
        Ok(())
    }

    /// Takes a slot. One that the store of several gates has to be asked for counts as taken, and is kept as wanted.
    ///
    /// # Errors
    /// When none is free.
    pub fn occupy(&mut self, concurrency: &Concurrency, anyway: bool, now: Moment) -> Result<Permit, Short> {
        match (concurrency.slots.take(concurrency.most, now), &concurrency.slots.shared) {
            (Err(Short::Dry(need)), Some(pool)) => {
                let had = Arc::new(AtomicBool::new(false));
                let of = WantOf::Slot(concurrency.rule, Arc::clone(&had));
                self.wants.push(Want { pool: Arc::clone(pool), need, from_ms: i64::MIN, anyway, of });
                Ok(concurrency.slots.occupied(Some(had)))
            }
            (taken, _) => taken,
        }
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

    /// Takes an amount of money, if all budgets have it; what has to be asked for is as with quotas.
    ///
    /// # Errors
    /// The budget that has not; nothing of this purse was taken then.
    pub fn spend(
        &mut self,
        purse: &Arc<Purse>,
        budgets: &[Budget],
        money: Money,
        anyway: bool,
        now: Moment,
    ) -> Result<(), Unspent> {
        if purse.pools().is_some() {
            return self.spend_shared(purse, budgets, money, anyway, now);
        }
        let taken_ms = purse.take(money, budgets, now.unix_millis()).map_err(Unspent::Exhausted)?;
        self.purses.push(Purchase { purse: Arc::clone(purse), taken_ms, money, windows: 0 });
        Ok(())
    }

    fn spend_shared(
        &mut self,
        purse: &Arc<Purse>,
        budgets: &[Budget],
        money: Money,
        anyway: bool,
        now: Moment,
    ) -> Result<(), Unspent> {
        let before = self.wants.len();
        let mut purchase = Purchase { purse: Arc::clone(purse), taken_ms: i64::MIN, money, windows: 0 };
        for (at, budget) in budgets.iter().enumerate() {
            let (bit, pool) = (1 << budget.window as usize, pool_of(purse, budget));
            // Of several budgets of a window the smallest comes first.
            let Some(pool) = pool.filter(|_| purchase.windows & bit == 0) else { continue };
            let from_ms = match pool.take(money.as_picodollars(), budget.most.as_picodollars(), now) {
                Ok(from_ms) => from_ms,
                Err(Lack::Dry(need)) => {
                    let from_ms = pool.from_ms();
                    let of = WantOf::Budget(budget.clone(), money);
                    self.wants.push(Want { pool: Arc::clone(pool), need, from_ms, anyway, of });
                    from_ms
                }
                Err(lack) => {
                    let mut wants: Vec<Want> = self.wants.drain(before..).collect();
                    purchase.settle(Money::ZERO, &mut wants);
                    wants.iter().for_each(Want::forget);
                    let exhausted = |left, until_ms| Unspent::Exhausted(Exhausted { at, left, until_ms });
                    return Err(match lack {
                        Lack::Away | Lack::Dry(_) => Unspent::Away,
                        Lack::For(_, left) => exhausted(Money::picodollars(left), pool.until_ms(now)),
                        Lack::Forever => {
                            let used = Money::picodollars(pool.used_now(now));
                            exhausted(budget.most.less(used), pool.until_ms(now))
                        }
                    });
                }
            };
            purchase.taken_ms = purchase.taken_ms.max(from_ms);
            purchase.windows |= bit;
        }
        self.purses.push(purchase);
        Ok(())
    }

    /// Takes an amount of money, whatever is left.
    pub fn spend_anyway(&mut self, purse: &Arc<Purse>, budgets: &[Budget], money: Money, now: Moment) {
        let mut purchase = Purchase { purse: Arc::clone(purse), taken_ms: i64::MIN, money, windows: 0 };
        if purse.pools().is_none() {
            purchase.taken_ms = purse.take_anyway(money, now.unix_millis());
        }
        for budget in budgets {
            let bit = 1 << budget.window as usize;
            if let Some(pool) = pool_of(purse, budget).filter(|_| purchase.windows & bit == 0) {
                let from_ms = pool.take_anyway(money.as_picodollars(), now);
                purchase.taken_ms = purchase.taken_ms.max(from_ms);
                purchase.windows |= bit;
            }
        }
        self.purses.push(purchase);
    }

    /// What is still to be asked for.
    #[must_use]
    pub fn wants(&self) -> &[Want] {
        &self.wants
    }

    /// Takes what is wanted as far as it can be had while the store cannot be asked.
    ///
    /// # Errors
    /// What cannot be had; then nothing of it was.
    pub fn take_of_shares(&mut self, now: Moment) -> Result<(), Want> {
        for (at, want) in self.wants.iter().enumerate() {
            let had = if want.anyway {
                want.pool.take_anyway(want.need, now);
                true
            } else {
                want.pool.take_more(want.need, now)
            };
            if !had {
                let lacking = want.clone();
                // Those before it were had after all, and are undone with the rest.
                self.wants.drain(..at);
                return Err(lacking);
            }
            want.had();
        }
        self.wants.clear();
        Ok(())
    }

    /// All that was wanted was had; it is settled by this moment.
    pub fn had(&mut self, stamp: i64) {
        self.wants.drain(..).for_each(|want| want.had());
        for purchase in &mut self.purses {
            purchase.taken_ms = purchase.taken_ms.max(stamp);
        }
    }

    /// Whether nothing was taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.meters.is_empty() && self.purses.is_empty() && self.wants.is_empty()
    }

    /// Whether money was taken that only this gate counts.
    #[must_use]
    pub fn has_money(&self) -> bool {
        self.purses.iter().any(|purchase| purchase.purse.pools().is_none())
    }

    /// Gives everything back, also requests: it was refused.
    pub fn undo(mut self) {
        let mut wants = std::mem::take(&mut self.wants);
        for Held { meter, amount, .. } in &self.meters {
            match meter.pool() {
                Some(pool) => pool.settle(i64::MAX, *amount, lacked(&mut wants, pool)),
                None => meter.give_back(*amount),
            }
        }
        self.purses.iter().for_each(|purchase| purchase.settle(Money::ZERO, &mut wants));
        wants.iter().for_each(Want::forget);
    }

    /// Exchanges what was taken for what was used. A request stays one request.
    pub fn settle(mut self, used: &Usage, cost: Money, now: Moment) {
        let used = Estimate { input: used.input, output: used.output, money: cost };
        // Who left while the store was asked has not got it.
        let mut wants = std::mem::take(&mut self.wants);
        // Of what was taken in several steps, all but the first is given back: what was used is taken once.
        let mut seen: SmallVec<[&Arc<Meter>; 4]> = SmallVec::new();
        for Held { meter, counts, amount } in &self.meters {
            if *counts == Counted::Requests {
                continue;
            }
            let again = seen.iter().any(|other| Arc::ptr_eq(other, meter));
            seen.push(meter);
            let used = if again { 0 } else { used.counted(*counts) };
            let lacked = meter.pool().map_or(0, |pool| lacked(&mut wants, pool));
            if let (Some(pool), 1..) = (meter.pool(), lacked) {
                pool.settle(i64::MAX, *amount, used.saturating_add(lacked));
            } else if used > *amount {
                meter.take_anyway(used - amount, now);
            } else {
                meter.give_back(amount - used);
            }
        }
        let mut seen: SmallVec<[&Arc<Purse>; 2]> = SmallVec::new();
        for purchase in &self.purses {
            let again = seen.iter().any(|other| Arc::ptr_eq(other, &purchase.purse));
            seen.push(&purchase.purse);
            purchase.settle(if again { Money::ZERO } else { used.money }, &mut wants);
        }
        wants.iter().for_each(Want::forget);
    }
}

/// How much of a pool counts as taken and was not had. It is settled at once with what was: in between, who speaks with the
/// store would take it for owed, and somebody else for free.
fn lacked(wants: &mut Vec<Want>, pool: &Arc<Pool>) -> u64 {
    let of_pool = wants.extract_if(.., |want| Arc::ptr_eq(&want.pool, pool));
    of_pool.map(|want| want.need).sum()
}

/// The pool of a budget's window, if gates share the purse.
fn pool_of<'p>(purse: &'p Purse, budget: &Budget) -> Option<&'p Arc<Pool>> {
    purse.pools()?.get(budget.window as usize)
}
