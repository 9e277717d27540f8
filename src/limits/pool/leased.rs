//! The side of a pool that speaks with the store: what to lease, what to tell, and what was heard.

use std::time::Duration;

use super::{Bound, Lack, Pool, Refused, State};
use crate::clock::Moment;
use crate::limits::SLOT_WAIT;
use crate::money::Money;

/// How long a refusal of the store is believed; others may have given back by then.
const BELIEVED: Duration = Duration::from_secs(1);
/// The same of slots, which come and go with requests.
const BELIEVED_OF_SLOTS: Duration = Duration::from_millis(100);
/// How long a gate keeps to its share when another was refused a slot.
const CONTESTED: Duration = Duration::from_millis(1_500);
/// How often surplus goes back at most.
const RETURN_AFTER: Duration = Duration::from_millis(500);
/// After which time without a taker all goes back.
const IDLE: Duration = Duration::from_secs(2);
/// Who asks again within this time leases more.
const BRISK: Duration = Duration::from_millis(150);
/// Who asks again after this time leases less.
const SLOW: Duration = Duration::from_secs(1);
/// Which part of a limit one gate leases at most beyond its need.
const SHARE: u64 = 20;
/// The largest number that the store counts exactly.
const LARGEST: u64 = 1 << 53;

impl Pool {
    /// The bound as the store counts it.
    pub(in crate::limits) fn most(&self) -> u64 {
        (self.lock().most / self.scale()).min(LARGEST)
    }

    /// How much to ask for where so much is needed, in the store's units.
    pub(in crate::limits) fn want(&self, need: u64, now: Moment) -> u64 {
        let mut state = self.now(now);
        let need = need.saturating_mul(self.scale());
        let pause = state.asked.map(|asked| now.since(asked));
        state.chunk = match pause {
            Some(pause) if pause < BRISK => state.chunk.saturating_mul(2),
            Some(pause) if pause > SLOW => state.chunk / 4,
            _ => state.chunk,
        };
        state.chunk = state.chunk.max(need).min(state.most / SHARE);
        state.asked = Some(now);
        state.passed_by = 0;
        need.max(state.chunk) / self.scale()
    }

    /// What is to be told of it: what is owed, or, below zero, what goes back. It is as told as soon as this is called.
    /// Of slots, what is held in all is told then. Nothing if another window than the one that began then has begun.
    pub(in crate::limits) fn moved(&self, all: bool, from_ms: i64, now: Moment) -> i64 {
        let mut state = self.now(now);
        if state.from_ms != from_ms {
            return 0;
        }
        let scale = i64::try_from(self.scale()).unwrap_or(1);
        if state.balance < 0 {
            // What is owed of a unit counts as one, and the rest of it can be taken.
            let owed = state.balance.unsigned_abs().div_ceil(self.scale());
            let owed = i64::try_from(owed).unwrap_or(i64::MAX);
            state.balance = state.balance.saturating_add(owed.saturating_mul(scale));
            state.leased = state.leased.saturating_add_signed(owed);
            return owed;
        }
        let chunk = i64::try_from(state.chunk).unwrap_or(i64::MAX);
        // Slots come back to who has none to spare, so they are not hoarded.
        let kept = if let Bound::Slots = self.bound { 1 } else { 3 };
        let idle = state.taken.is_none_or(|taken| now.since(taken) >= IDLE);
        let lately = state.returned.is_some_and(|returned| now.since(returned) < RETURN_AFTER);
        let contested = state.share.is_some_and(|(_, until)| until.since(now) > Duration::ZERO);
        let surplus = if all || idle || contested {
            state.balance
        } else if !lately && state.balance > chunk.saturating_mul(kept) {
            state.balance - chunk
        } else {
            0
        };
        let surplus = surplus / scale;
        if surplus > 0 {
            state.balance -= surplus * scale;
            state.leased = state.leased.saturating_add_signed(-surplus);
            state.returned = Some(now);
        }
        -surplus
    }

    /// Takes of this gate's share of all slots.
    pub(super) fn take_of_slots(&self, state: &mut State, wanted: i64) -> Result<(), Lack> {
        let share = i64::try_from(state.most / u64::from(self.hub.gates())).unwrap_or(i64::MAX);
        if state.in_use().saturating_add(wanted) > share {
            return Err(Lack::For(SLOT_WAIT, 0));
        }
        state.balance -= wanted;
        Ok(())
    }

    /// Of slots, how many this gate may take for now because another was refused one; nothing if none was.
    pub(in crate::limits) fn contested(&self, share: u64, now: Moment) {
        self.lock().share = (share > 0).then(|| (share, now.later(CONTESTED)));
    }

    /// Of slots, how many this gate holds.
    pub(in crate::limits) fn holds(&self) -> Option<u64> {
        match self.bound {
            Bound::Slots => Some(self.lock().leased),
            Bound::Rate(_) | Bound::Window(..) => None,
        }
    }

    /// Whether anybody took of it lately.
    pub(in crate::limits) fn is_in_use(&self, now: Moment) -> bool {
        self.lock().taken.is_some_and(|taken| now.since(taken) < Duration::from_secs(10))
    }

    /// The same of a store that others still remind: it is that much at least, and still leases nothing.
    pub(in crate::limits) fn saw_at_least(&self, level: u64, from_ms: i64, now: Moment) {
        let mut state = self.lock();
        let level = level.saturating_mul(self.scale());
        if state.from_ms == from_ms && level > self.used(&state, now) {
            state.seen = Some((level, now));
        }
    }

    /// Since when and until when its window is, by the store's clock.
    pub(in crate::limits) fn window(&self, now: Moment) -> (i64, i64) {
        let state = self.now(now);
        (state.from_ms, state.until_ms)
    }

    /// What the store says that all gates have used and leased. It has been reached: no share is kept any more.
    pub(in crate::limits) fn saw(&self, level: u64, from_ms: i64, now: Moment) {
        let mut state = self.lock();
        if state.from_ms != from_ms {
            return;
        }
        state.seen = Some((level.saturating_mul(self.scale()), now));
        state.local = None;
    }

    /// What was spent by this gate before it began, in the window that began then.
    pub(in crate::limits) fn recall(&self, from_ms: i64, spent: Money, now: Moment) {
        let mut state = self.now(now);
        if state.from_ms == from_ms && state.seen.is_none() && spent > Money::ZERO {
            state.seen = Some((spent.as_picodollars(), now));
            state.recalled = true;
        }
    }

    /// What the store must know at least of the window that began then, if it has forgotten, or was not told what is
    /// recalled. It is as told as soon as this is called.
    pub(in crate::limits) fn floor(&self, forgotten: bool, from_ms: i64, now: Moment) -> Option<u64> {
        let mut state = self.now(now);
        if state.from_ms != from_ms {
            return None;
        }
        let recalled = std::mem::take(&mut state.recalled);
        state.seen.filter(|_| forgotten || recalled)?;
        // Of a ledger that cannot be read nothing is known. Told to the store, that would be spent for all gates.
        let used = Some(self.used(&state, now)).filter(|used| *used < u64::MAX)?;
        Some(used.div_ceil(self.scale()))
    }

    /// The store leased so much, of the window that began then; so much of it is somebody's already.
    pub(in crate::limits) fn leased(&self, units: u64, awaited: u64, from_ms: i64) {
        let mut state = self.lock();
        if state.from_ms == from_ms {
            state.refused = None;
            let more = units.saturating_mul(self.scale()).saturating_sub(awaited);
            state.balance = state.balance.saturating_add_unsigned(more);
            state.leased = state.leased.saturating_add(units);
        }
    }

    /// The store has not so much; it will have after this time, or when the window ends.
    pub(in crate::limits) fn refused(
        &self,
        need: u64,
        left: u64,
        wait: Option<Duration>,
        now: Moment,
    ) -> Duration {
        let mut state = self.lock();
        let (need, left) = (need.saturating_mul(self.scale()), left.saturating_mul(self.scale()));
        let wait_told = wait.unwrap_or_else(|| self.ends_in(&state, now));
        let believed = if let Bound::Slots = self.bound { BELIEVED_OF_SLOTS } else { BELIEVED };
        let until = now.later(wait_told.min(believed));
        state.refused = Some(Refused { need, left, until, free_at: wait.map(|wait| now.later(wait)) });
        wait_told
    }
}
