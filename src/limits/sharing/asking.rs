//! A request that waits for the store: what it needs of which limits, and what came of it.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use smallvec::SmallVec;

use super::Sharing;
use crate::denial::RuleId;
use crate::limits::pool::Pool;
use crate::limits::{Budget, Limit};
use crate::money::Money;

/// What a request needs of one pool.
#[derive(Clone, Debug)]
pub struct Want {
    /// The pool, which lacks it.
    pub pool: Arc<Pool>,
    /// How much is lacking.
    pub need: u64,
    /// Since when the window is in which the rest of it was taken.
    pub from_ms: i64,
    /// Whether it is taken also where it is not left: the limit is only observed.
    pub anyway: bool,
    /// For what it is needed.
    pub of: WantOf,
}

impl Want {
    /// It was not had: it no longer counts as taken.
    pub(in crate::limits) fn forget(&self) {
        if let WantOf::Slot(..) = &self.of {
            // Its permit knows.
            return;
        }
        self.pool.settle(self.from_ms, 0, self.need);
    }

    /// It was had.
    pub(in crate::limits) fn had(&self) {
        if let WantOf::Slot(_, had) = &self.of {
            had.store(true, Ordering::Release);
        }
    }
}

/// For what something is needed.
#[derive(Clone, Debug)]
pub enum WantOf {
    /// For nobody yet.
    Nothing,
    /// A quota of requests or tokens, and how many of them.
    Quota(Limit, u64),
    /// A budget, and how much of it.
    Budget(Budget, Money),
    /// A slot, by the line that bounds them; whether it was had.
    Slot(RuleId, Arc<AtomicBool>),
}

/// What came of it.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// All of it is leased; where the limit is only observed, also where it was not left: with when it will be.
    Granted {
        /// The numbers of those that were not left.
        over: SmallVec<[usize; 2]>,
        /// The moment by which it is settled.
        stamp: i64,
    },
    /// Nothing is leased, since one had not enough.
    Refused {
        /// Its number.
        at: usize,
        /// After which time it will have.
        wait: Duration,
        /// What it has.
        left: u64,
    },
    /// The store cannot be asked.
    Away,
}

/// A question under way.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) wants: Vec<Want>,
    slot: Arc<Mutex<Slot>>,
}

#[derive(Debug)]
enum Slot {
    Waiting(Option<Waker>),
    Answered(Outcome),
    /// Nobody waits any more.
    Gone,
}

fn lock(slot: &Mutex<Slot>) -> MutexGuard<'_, Slot> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ask {
    /// Nobody waits for it.
    pub(super) fn for_nobody(want: Want) -> Self {
        Self { wants: vec![want], slot: Arc::new(Mutex::new(Slot::Gone)) }
    }

    /// Tells who waits; false if nobody does any more.
    pub(super) fn answer(&self, outcome: Outcome) -> bool {
        let mut slot = lock(&self.slot);
        match &mut *slot {
            Slot::Waiting(waker) => {
                let waker = waker.take();
                *slot = Slot::Answered(outcome);
                drop(slot);
                waker.into_iter().for_each(Waker::wake);
                true
            }
            Slot::Answered(_) | Slot::Gone => false,
        }
    }
}

impl Drop for Ask {
    /// Nobody waits in vain, whatever becomes of who asks the store.
    fn drop(&mut self) {
        self.answer(Outcome::Away);
    }
}

/// Waits for the store's answer. What is leased for who waits no longer goes to the pools.
#[derive(Debug)]
pub struct Asking {
    wants: Vec<Want>,
    slot: Arc<Mutex<Slot>>,
}

impl Asking {
    /// Asks for everything at once.
    #[must_use]
    pub fn new(wants: Vec<Want>) -> Self {
        let slot = Arc::new(Mutex::new(Slot::Waiting(None)));
        let asking = Self { wants: wants.clone(), slot: Arc::clone(&slot) };
        let hub = wants.first().map(|want| Arc::clone(&want.pool.hub));
        let ask = Ask { wants, slot };
        match hub {
            Some(hub) => hub.put(ask),
            None => {
                ask.answer(Outcome::Granted { over: SmallVec::new(), stamp: i64::MIN });
            }
        }
        asking
    }

    /// What is asked for.
    #[must_use]
    pub fn wants(&self) -> &[Want] {
        &self.wants
    }
}

impl Sharing {
    fn put(&self, ask: Ask) {
        if self.is_reached() {
            self.ask(ask);
            // It may have gone away in between, and then nobody looks at the list.
            if !self.is_reached() {
                self.gone();
            }
        } else {
            ask.answer(Outcome::Away);
        }
    }
}

impl Future for Asking {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let mut slot = lock(&self.slot);
        match &mut *slot {
            Slot::Waiting(waker) => {
                *waker = Some(cx.waker().clone());
                Poll::Pending
            }
            Slot::Answered(outcome) => {
                let outcome = outcome.clone();
                *slot = Slot::Gone;
                Poll::Ready(outcome)
            }
            Slot::Gone => Poll::Ready(Outcome::Away),
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let before = std::mem::replace(&mut *lock(&self.slot), Slot::Gone);
        if let Slot::Answered(Outcome::Granted { stamp, .. }) = before {
            for want in &self.wants {
                want.pool.settle(stamp, want.need, 0);
            }
        }
    }
}
