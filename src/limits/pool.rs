//! What this gate holds of a limit that several gates share, and what it owes.
//!
//! 1. Units are leased: the store has counted them as used before a request gets any. So what all gates together let
//!    pass is never more than the limit, but for what requests use beyond their reservations.
//! 2. What is given back can be taken again here, and goes back to the store when it lies idle. What was used beyond a
//!    reservation makes the balance negative and is told to the store before anything else is leased.
//! 3. A lease of a window of the calendar ends with the window, by the store's clock.
//! 4. While the store cannot be asked, what was leased may still be used. Beyond it nothing passes, or this gate's share
//!    of what was left, as the configuration says; what passes by that is owed.

mod leased;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::tz::TimeZone;

use super::sharing::Sharing;
use super::{Quota, SLOT_WAIT, Window};
use crate::clock::Moment;

/// Of what a pool holds leases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// A quota, which grows back.
    Rate(Quota),
    /// Money in windows of the calendar of a zone.
    Window(Window, TimeZone),
    /// Slots of requests in flight, which come back.
    Slots,
}

/// Leased units of one limit.
#[derive(Debug)]
pub struct Pool {
    /// Its name at the store, behind the prefix.
    pub(super) name: Box<str>,
    pub(super) bound: Bound,
    pub(super) hub: Arc<Sharing>,
    state: Mutex<State>,
}

/// Why nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// The store had not enough a moment ago; it will have after this time. So much is left.
    For(Duration, u64),
    /// It is more than the whole limit.
    Forever,
    /// The store has to be asked for so much; the rest was taken.
    Dry(u64),
    /// The store has to be asked, and cannot be.
    Away,
}

#[derive(Debug)]
pub(super) struct State {
    /// What was leased and is not taken; below zero, what is owed.
    pub(super) balance: i64,
    /// How much to lease beyond what is needed now.
    chunk: u64,
    asked: Option<Moment>,
    taken: Option<Moment>,
    returned: Option<Moment>,
    /// What the store last said that all gates have used and leased, and when.
    seen: Option<(u64, Moment)>,
    /// Whether that is what was spent before, which the store is still to be told.
    recalled: bool,
    refused: Option<Refused>,
    local: Option<Local>,
    /// Of slots, how many this gate has leased, taken or not: what the store has of it, and gives to others when this
    /// gate is not heard of any more.
    leased: u64,
    /// Of slots that another gate was refused: how many this one may take for now, and until when.
    share: Option<(u64, Moment)>,
    /// The bound as it was last asked for.
    most: u64,
    /// How many requests found it dry before their bodies were read, and did not ask.
    passed_by: u32,
    /// The window; of a quota it has no bounds.
    pub(super) from_ms: i64,
    pub(super) until_ms: i64,
}

impl State {
    const fn new(most: u64, from_ms: i64, until_ms: i64) -> Self {
        Self {
            balance: 0,
            chunk: 0,
            asked: None,
            taken: None,
            returned: None,
            seen: None,
            recalled: false,
            refused: None,
            local: None,
            leased: 0,
            share: None,
            most,
            passed_by: 0,
            from_ms,
            until_ms,
        }
    }

    /// Of slots, how many are taken.
    fn in_use(&self) -> i64 {
        i64::try_from(self.leased).unwrap_or(i64::MAX).saturating_sub(self.balance)
    }
}

/// What the store refused.
#[derive(Clone, Copy, Debug)]
struct Refused {
    need: u64,
    left: u64,
    /// Until when it is not asked again.
    until: Moment,
    /// When it will have that much, as it said.
    free_at: Option<Moment>,
}

/// This gate's share while the store is away.
#[derive(Clone, Copy, Debug)]
struct Local {
    left: f64,
    at: Moment,
}

/// So many requests may pass a dry pool without asking the store.
const PASS_BY: u32 = 8;
/// Picodollars in a unit of the store, which counts in whole numbers below 2^53.
const NANO: u64 = 1_000;

impl Pool {
    pub(super) fn new(name: String, bound: Bound, hub: Arc<Sharing>) -> Self {
        let (from_ms, until_ms) = match bound {
            Bound::Rate(_) | Bound::Slots => (i64::MIN, i64::MAX),
            Bound::Window(..) => (i64::MIN, i64::MIN),
        };
        let most = match &bound {
            Bound::Rate(quota) => u64::from(quota.burst.get()),
            Bound::Window(..) | Bound::Slots => 0,
        };
        let state = State::new(most, from_ms, until_ms);
        Self { name: name.into(), bound, hub, state: Mutex::new(state) }
    }

    /// How many of this gate's units are one of the store's.
    pub(super) const fn scale(&self) -> u64 {
        match self.bound {
            Bound::Rate(_) | Bound::Slots => 1,
            Bound::Window(..) => NANO,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, in the window that is now.
    pub(super) fn now(&self, now: Moment) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        if let Bound::Window(window, zone) = &self.bound {
            let at = self.hub.server_millis(now);
            if at >= state.until_ms {
                let (from_ms, until_ms) = window.around(at, zone);
                *state = State::new(state.most, from_ms, until_ms);
            }
        }
        state
    }

    /// Begins the window anew, once the store's clock is known for the first time. What is owed stays owed.
    pub(super) fn rebase(&self, now: Moment) {
        let mut state = self.lock();
        if let Bound::Window(window, zone) = &self.bound {
            let (from_ms, until_ms) = window.around(self.hub.server_millis(now), zone);
            if from_ms != state.from_ms {
                (state.from_ms, state.until_ms) = (from_ms, until_ms);
                state.seen = None;
            }
        }
    }

    /// Takes an amount; gives the moment by which it is settled.
    ///
    /// # Errors
    /// When that much is not here. If the store has to be asked, what is here was taken.
    pub fn take(&self, amount: u64, most: u64, now: Moment) -> Result<i64, Lack> {
        let mut state = self.now(now);
        state.most = most;
        state.taken = Some(now);
        if amount > most {
            return Err(Lack::Forever);
        }
        let wanted = i64::try_from(amount).map_err(|_| Lack::Forever)?;
        if let Some((share, until)) = state.share
            && until.since(now) > Duration::ZERO
            && state.in_use().saturating_add(wanted) > i64::try_from(share).unwrap_or(i64::MAX)
        {
            return Err(Lack::For(SLOT_WAIT, 0));
        }
        if state.balance >= wanted {
            state.balance -= wanted;
            return Ok(state.from_ms);
        }
        if !self.hub.is_reached() {
            if !self.hub.goes_on(&self.bound) {
                return Err(Lack::Away);
            }
            let taken = match self.bound {
                Bound::Slots => self.take_of_slots(&mut state, wanted),
                Bound::Rate(_) | Bound::Window(..) => self.take_of_share(&mut state, amount, now),
            };
            return taken.map(|()| state.from_ms);
        }
        let held = state.balance.max(0);
        let need = amount - held.unsigned_abs();
        if let Some(refused) = state.refused
            && need >= refused.need
            && refused.until.since(now) > Duration::ZERO
        {
            let wait = refused.free_at.map_or_else(|| self.ends_in(&state, now), |at| at.since(now));
            let left = refused.left.saturating_add(held.unsigned_abs());
            return Err(Lack::For(wait.max(Duration::from_millis(1)), left));
        }
        state.balance -= held;
        Err(Lack::Dry(need))
    }

    /// Whether one may be taken, for a request that goes on to ask the store later: then nothing is taken.
    ///
    /// # Errors
    /// As [`Pool::take`] has them.
    pub fn take_or_pass_by(&self, amount: u64, most: u64, now: Moment) -> Result<i64, Lack> {
        let lack = match self.take(amount, most, now) {
            Ok(stamp) => return Ok(stamp),
            Err(lack) => lack,
        };
        if let Lack::Dry(need) = lack {
            let mut state = self.lock();
            state.balance += i64::try_from(amount - need).unwrap_or_default();
            state.passed_by += 1;
            if state.passed_by == PASS_BY {
                drop(state);
                // Who sends what is refused for another reason does not go by without being counted.
                self.hub.look_soon();
            }
        }
        Err(lack)
    }

    /// Whether it is to be leased without anybody waiting for it.
    pub(super) fn is_passed_by(&self) -> bool {
        self.lock().passed_by >= PASS_BY
    }

    /// Takes more for a request that asked the store and had no answer.
    pub fn take_more(&self, amount: u64, now: Moment) -> bool {
        let most = self.lock().most;
        match self.take(amount, most, now) {
            Ok(_) => true,
            Err(Lack::Dry(need)) => {
                // The store is back, but this request has waited for it already.
                self.settle(i64::MAX, amount - need, 0);
                false
            }
            Err(Lack::For(..) | Lack::Forever | Lack::Away) => false,
        }
    }

    /// After which time so much will be there, if it is not yet, as far as is known here.
    #[must_use]
    pub fn full_in(&self, amount: u64, now: Moment) -> Duration {
        let state = self.now(now);
        match &self.bound {
            Bound::Window(..) | Bound::Slots => self.ends_in(&state, now),
            Bound::Rate(quota) => {
                let over = self.used(&state, now).saturating_add(amount).saturating_sub(state.most);
                let nanos = u128::from(over) * quota.per.as_nanos() / u128::from(quota.amount.get());
                Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
            }
        }
    }

    /// Takes of this gate's share of what was left when the store went away.
    fn take_of_share(&self, state: &mut State, amount: u64, now: Moment) -> Result<(), Lack> {
        let gates = f64::from(self.hub.gates());
        let whole = float(state.most) / gates;
        let per_second = match &self.bound {
            Bound::Rate(quota) => f64::from(quota.amount.get()) / quota.per.as_secs_f64() / gates,
            Bound::Window(..) | Bound::Slots => 0.0,
        };
        let local = state.local.unwrap_or_else(|| {
            let used = self.used(state, now);
            Local { left: float(state.most.saturating_sub(used)) / gates, at: now }
        });
        let left = (local.left + per_second * now.since(local.at).as_secs_f64()).min(whole);
        let wanted = float(amount);
        let enough = wanted <= left;
        state.local = Some(Local { left: if enough { left - wanted } else { left }, at: now });
        if enough {
            state.balance -= i64::try_from(amount).unwrap_or(i64::MAX);
            return Ok(());
        }
        if wanted > whole {
            return Err(Lack::Away);
        }
        let wait = if per_second > 0.0 {
            Duration::try_from_secs_f64((wanted - left) / per_second).unwrap_or(Duration::MAX)
        } else {
            self.ends_in(state, now)
        };
        Err(Lack::For(wait, whole_units(left)))
    }

    /// Takes what was used beyond what had been taken: it is owed.
    pub fn take_anyway(&self, amount: u64, now: Moment) -> i64 {
        let mut state = self.now(now);
        state.taken = Some(now);
        state.balance = state.balance.saturating_sub_unsigned(amount);
        state.from_ms
    }

    /// Exchanges what was taken at a moment for what it came to, unless its window has ended.
    pub fn settle(&self, taken_at: i64, taken: u64, used: u64) {
        let mut state = self.lock();
        if state.from_ms <= taken_at {
            let before = state.balance;
            let after = before.saturating_sub_unsigned(used).saturating_add_unsigned(taken);
            state.balance = after;
            // What pays off what is owed is there again; what is beyond is in the balance.
            let (before, after) = (before.min(0).unsigned_abs(), after.min(0).unsigned_abs());
            if let Some(local) = &mut state.local {
                local.left += float(before) - float(after);
            }
        }
    }

    /// How much all gates have used or leased, as far as is known here; what is leased here and not taken is not used.
    pub fn used_now(&self, now: Moment) -> u64 {
        let state = self.now(now);
        let used = self.used(&state, now);
        let balance = state.balance;
        if balance < 0 {
            used.saturating_add(balance.unsigned_abs())
        } else {
            used.saturating_sub(balance.unsigned_abs())
        }
    }

    /// When its window ends, by the store's clock.
    pub fn until_ms(&self, now: Moment) -> i64 {
        self.now(now).until_ms
    }

    /// Since when its window is, by the store's clock.
    pub fn from_ms(&self) -> i64 {
        self.lock().from_ms
    }

    fn used(&self, state: &State, now: Moment) -> u64 {
        let Some((level, at)) = state.seen else { return 0 };
        match &self.bound {
            Bound::Rate(quota) => level.saturating_sub(grown(*quota, now.since(at))),
            Bound::Window(..) | Bound::Slots => level,
        }
    }

    fn ends_in(&self, state: &State, now: Moment) -> Duration {
        if let Bound::Slots = self.bound {
            return SLOT_WAIT;
        }
        let left = state.until_ms.saturating_sub(self.hub.server_millis(now));
        Duration::from_millis(u64::try_from(left).unwrap_or_default())
    }
}

fn grown(quota: Quota, time: Duration) -> u64 {
    let grown = u128::from(quota.amount.get()) * time.as_nanos() / quota.per.as_nanos().max(1);
    u64::try_from(grown).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a share needs no more than a double holds")]
fn float(amount: u64) -> f64 {
    amount as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is not below zero, and only told"
)]
fn whole_units(amount: f64) -> u64 {
    amount.max(0.0) as u64
}
