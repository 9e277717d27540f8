//! Alarms that are set for every request and hardly ever go off.
//!
//! The runtime's own timers are exact to the millisecond and pay for it whenever one is set, moved or
//! dropped. These are looked through every [`TICK`] instead: one goes off up to two ticks late, which
//! is little beside the waits that it ends, and setting one neither reads a clock nor sorts anything.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use slab::Slab;

use crate::clock::{self, Moment, Reading};

/// How often a worker looks through its alarms.
pub const TICK: Duration = Duration::from_millis(250);

/// One worker's alarms.
#[derive(Clone, Debug)]
pub struct Alarms(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// When they were last looked through.
    looked: Reading,
    /// When they were made, in the two ways that times are counted here.
    made: (Reading, Instant),
    set: Slab<Entry>,
}

#[derive(Debug)]
struct Entry {
    due: Reading,
    rang: bool,
    waker: Option<Waker>,
}

impl Alarms {
    /// No alarms yet.
    #[must_use]
    pub fn new(now: Moment) -> Self {
        Self(Arc::new(Mutex::new(State {
            looked: now.monotonic,
            made: (now.monotonic, clock::instant()),
            set: Slab::new(),
        })))
    }

    /// Sets an alarm.
    #[must_use]
    pub fn set(&self, after: Duration) -> Alarm {
        let mut state = self.state();
        let due = state.due(after);
        let key = state.set.insert(Entry { due, rang: false, waker: None });
        drop(state);
        Alarm { alarms: self.clone(), key }
    }

    /// Wakes whoever waits for an alarm that is due.
    pub fn look(&self, now: Moment) {
        let mut state = self.state();
        state.looked = now.monotonic;
        for (_, entry) in &mut state.set {
            if !entry.rang && entry.due <= now.monotonic {
                entry.rang = true;
                if let Some(waker) = entry.waker.take() {
                    waker.wake();
                }
            }
        }
    }

    /// When they were last looked through: about now.
    #[must_use]
    pub fn looked(&self) -> Reading {
        self.state().looked
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The last look may be a tick ago, so that much is added: an alarm must not go off early.
    fn due(&self, after: Duration) -> Reading {
        let far = Duration::from_hours(24 * 365);
        self.looked + after.saturating_add(TICK).min(far)
    }
}

/// Goes off when its time has come; dropping it unsets it.
#[derive(Debug)]
pub struct Alarm {
    alarms: Alarms,
    key: usize,
}

impl Alarm {
    /// Lets the time begin anew.
    pub fn again(&mut self, after: Duration) {
        let mut state = self.alarms.state();
        let due = state.due(after);
        if let Some(entry) = state.set.get_mut(self.key) {
            entry.due = due;
            entry.rang = false;
        }
    }
}

impl Future for Alarm {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.alarms.state();
        match state.set.get_mut(self.key) {
            Some(entry) if !entry.rang => {
                match &mut entry.waker {
                    Some(waker) => waker.clone_from(cx.waker()),
                    none => *none = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
            Some(_) | None => Poll::Ready(()),
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.alarms.state().set.try_remove(self.key);
    }
}

impl Sleep for Alarm {}

impl Timer for Alarms {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(self.set(duration))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let after = deadline.saturating_duration_since(self.now());
        self.sleep(after)
    }

    fn now(&self) -> Instant {
        let state = self.state();
        let (reading, instant) = state.made;
        instant + state.looked.since(reading)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn an_alarm_goes_off_once_late_but_never_early() {
        let (begun, woken) = (Moment::now(), Arc::new(Woken::default()));
        let waker = Waker::from(Arc::clone(&woken));
        let mut cx = Context::from_waker(&waker);
        let alarms = Alarms::new(begun);
        let after = Duration::from_secs(1);
        let (mut first, dropped) = (alarms.set(after), alarms.set(after));
        assert!(Pin::new(&mut first).poll(&mut cx).is_pending());
        drop(dropped);
        alarms.look(begun.later(after));
        assert!(Pin::new(&mut first).poll(&mut cx).is_pending());
        assert_eq!(woken.0.load(Ordering::SeqCst), 0);
        alarms.look(begun.later(after + TICK));
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
        assert!(Pin::new(&mut first).poll(&mut cx).is_ready());

        first.again(after);
        assert!(Pin::new(&mut first).poll(&mut cx).is_pending());
        alarms.look(begun.later(after * 2 + TICK * 2));
        assert!(Pin::new(&mut first).poll(&mut cx).is_ready());
        drop(first);
        assert!(alarms.state().set.is_empty());
        // Further than any clock goes.
        let mut never = alarms.set(Duration::MAX);
        assert!(Pin::new(&mut never).poll(&mut cx).is_pending());
    }
}
