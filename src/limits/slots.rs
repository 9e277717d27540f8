//! How many requests of an owner are in flight: at this gate, or at all that share a store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use super::{Pool, Short};
use crate::clock::Moment;

/// What a caller is told to wait for a slot; nobody knows when one comes free.
pub const SLOT_WAIT: Duration = Duration::from_secs(1);

/// How many requests of one owner are in flight.
#[derive(Debug, Default)]
pub struct Slots {
    taken: AtomicU32,
    /// What is leased of them, if several gates share them.
    pub(super) shared: Option<Arc<Pool>>,
}

impl Slots {
    pub(super) const fn new(shared: Option<Arc<Pool>>) -> Self {
        Self { taken: AtomicU32::new(0), shared }
    }

    /// Takes a slot if fewer than `most` are taken; it is given back when the permit is dropped.
    ///
    /// # Errors
    /// When none is free; where gates share them, also when their store has to be asked for one.
    pub fn take(self: &Arc<Self>, most: u32, now: Moment) -> Result<Permit, Short> {
        if let Some(pool) = &self.shared {
            pool.take(1, u64::from(most), now)?;
            return Ok(self.occupied(None));
        }
        let one_more = |taken: u32| (taken < most).then(|| taken + 1);
        let taken = self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more);
        taken.map_err(|_| Short::For(SLOT_WAIT))?;
        Ok(Permit { slots: Arc::clone(self), had: None })
    }

    /// Takes one whatever is free.
    #[must_use]
    pub fn take_anyway(self: &Arc<Self>, now: Moment) -> Permit {
        if let Some(pool) = &self.shared {
            pool.take_anyway(1, now);
        }
        self.occupied(None)
    }

    /// One more is taken; of one that the store still has to be asked for, whether it was had.
    pub(super) fn occupied(self: &Arc<Self>, had: Option<Arc<AtomicBool>>) -> Permit {
        self.taken.fetch_add(1, Ordering::AcqRel);
        Permit { slots: Arc::clone(self), had }
    }

    /// How many are taken now, by all gates that share them, as far as is known here.
    #[must_use]
    pub fn taken(&self, now: Moment) -> u32 {
        match &self.shared {
            Some(pool) => u32::try_from(pool.used_now(now)).unwrap_or(u32::MAX),
            None => self.taken.load(Ordering::Acquire),
        }
    }
}

/// A taken slot.
#[derive(Debug)]
pub struct Permit {
    slots: Arc<Slots>,
    /// Whether it was had, where the store had to be asked for it.
    had: Option<Arc<AtomicBool>>,
}

impl Permit {
    /// Whether it is one of these slots.
    #[must_use]
    pub fn is_of(&self, slots: &Arc<Slots>) -> bool {
        Arc::ptr_eq(&self.slots, slots)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.slots.taken.fetch_sub(1, Ordering::AcqRel);
        let had = self.had.as_ref().is_none_or(|had| had.load(Ordering::Acquire));
        if let Some(pool) = self.slots.shared.as_ref().filter(|_| had) {
            pool.settle(i64::MAX, 1, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_come_back() {
        let (slots, now) = (Arc::new(Slots::default()), Moment::now());
        let (first, second) = (slots.take(2, now), slots.take(2, now));
        assert!(first.is_ok() && second.is_ok() && slots.take(2, now).is_err());
        drop(first);
        assert!(slots.take(2, now).is_ok());
        assert_eq!(slots.taken(now), 1);
    }
}
