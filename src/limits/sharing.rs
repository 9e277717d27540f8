//! What gates that share limits know in common: whether their store can be reached, its clock, and who waits for it.
//!
//! Nothing here speaks with the store; [`Dialogue`] has the words, and who carries them is not known here.

mod asking;
mod dialogue;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;

use super::pool::{Bound, Pool};
use crate::clock::Moment;

pub use asking::{Asking, Outcome, Want, WantOf};
pub use dialogue::{Dialogue, Garbled, Heard, SCRIPT};

use asking::Ask;

/// What becomes of requests that need the store while it cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// They are refused.
    Deny,
    /// Each gate has its share of what was left.
    Local,
}

/// What a gate knows of limits that it shares.
#[derive(Debug)]
pub struct Sharing {
    origin: Moment,
    state: Mutex<State>,
    work: AtomicWaker,
    /// Whether something is to be said before the next beat.
    soon: AtomicBool,
    reached: AtomicBool,
    gates: AtomicU32,
    /// Milliseconds from the origin's monotonic reading to the store's clock; none before it was heard.
    offset_ms: AtomicI64,
    rates_go_on: AtomicBool,
    money_goes_on: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    pools: HashMap<Box<str>, Weak<Pool>>,
    asks: Vec<Ask>,
}

/// The offset before the store was heard.
const UNHEARD: i64 = i64::MIN;

impl Sharing {
    pub(super) fn new(origin: Moment) -> Self {
        Self {
            origin,
            state: Mutex::default(),
            work: AtomicWaker::new(),
            soon: AtomicBool::new(false),
            reached: AtomicBool::new(false),
            gates: AtomicU32::new(1),
            offset_ms: AtomicI64::new(UNHEARD),
            rates_go_on: AtomicBool::new(true),
            money_goes_on: AtomicBool::new(false),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pool of this name: the one in use, or a new one.
    pub(super) fn pool(self: &Arc<Self>, name: String, bound: Bound) -> Arc<Pool> {
        let mut state = self.lock();
        if let Some(pool) = state.pools.get(name.as_str()).and_then(Weak::upgrade)
            && pool.bound == bound
        {
            return pool;
        }
        let pool = Arc::new(Pool::new(name.clone(), bound, Arc::clone(self)));
        state.pools.insert(name.into(), Arc::downgrade(&pool));
        pool
    }

    /// Says what becomes of requests while the store is away.
    pub fn on_failure(&self, rates: OnFailure, money: OnFailure) {
        self.rates_go_on.store(rates == OnFailure::Local, Ordering::Release);
        self.money_goes_on.store(money == OnFailure::Local, Ordering::Release);
    }

    pub(super) fn goes_on(&self, bound: &Bound) -> bool {
        match bound {
            Bound::Rate(_) | Bound::Slots => &self.rates_go_on,
            Bound::Window(..) => &self.money_goes_on,
        }
        .load(Ordering::Acquire)
    }

    /// Whether something of what is refused while the store is away.
    #[must_use]
    pub fn denies_anything(&self) -> bool {
        !self.rates_go_on.load(Ordering::Acquire) || !self.money_goes_on.load(Ordering::Acquire)
    }

    /// Whether the store answered when it was last asked.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.reached.load(Ordering::Acquire)
    }

    /// Whether the store was heard once.
    #[must_use]
    pub fn was_heard(&self) -> bool {
        self.offset_ms.load(Ordering::Acquire) != UNHEARD
    }

    /// How many gates the store knew when it was last asked.
    #[must_use]
    pub fn gates(&self) -> u32 {
        self.gates.load(Ordering::Acquire).max(1)
    }

    /// The store's clock; before it was heard, this machine's.
    pub(super) fn server_millis(&self, now: Moment) -> i64 {
        match self.offset_ms.load(Ordering::Acquire) {
            UNHEARD => now.unix_millis(),
            offset => offset.saturating_add(self.millis(now)),
        }
    }

    fn millis(&self, now: Moment) -> i64 {
        i64::try_from(now.since(self.origin).as_millis()).unwrap_or(i64::MAX)
    }

    /// The store's clock said this after `sent`.
    fn heard(&self, server_us: i64, sent: Moment, now: Moment) {
        let before = self.offset_ms.swap(server_us / 1_000 - self.millis(sent), Ordering::AcqRel);
        if before == UNHEARD {
            let pools: Vec<Arc<Pool>> = self.lock().pools.values().filter_map(Weak::upgrade).collect();
            for pool in pools {
                pool.rebase(now);
            }
        }
    }

    fn ask(&self, ask: Ask) {
        self.lock().asks.push(ask);
        self.work.wake();
    }

    pub(super) fn look_soon(&self) {
        self.soon.store(true, Ordering::Release);
        self.work.wake();
    }

    /// Waits until somebody asks.
    pub fn poll_work(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.work.register(cx.waker());
        if self.soon.load(Ordering::Acquire) || !self.lock().asks.is_empty() {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// Nobody speaks with the store any more.
    pub fn forsake(&self) {
        self.gone();
    }

    fn gone(&self) {
        self.reached.store(false, Ordering::Release);
        let asks = std::mem::take(&mut self.lock().asks);
        for ask in asks {
            ask.answer(Outcome::Away);
        }
    }
}
