//! Alarms that are set for every request and hardly ever go off.
//!
//! The runtime's own timers are exact to the millisecond and pay for it whenever one is set, moved or
//! dropped. These are looked through every [`TICK`] instead: one goes off up to two ticks late, which
//! is little beside the waits that it ends, and setting one neither reads a clock nor sorts anything.
//!
//! They belong to the thread that sets them: a worker's futures never leave it. A lock would be free each time, and a
//! request took it ten times, for 12 ns each.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use slab::Slab;

use crate::clock::{self, Moment, Reading};

/// How often a worker looks through its alarms.
pub const TICK: Duration = Duration::from_millis(250);

/// How many threads have set alarms.
static THREADS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static SET: RefCell<Set> = RefCell::new(Set::new(Moment::now()));
}

/// The alarms of the thread that asks.
#[derive(Clone, Copy, Debug)]
pub struct Alarms(());

#[derive(Debug)]
struct Set {
    /// When they were last looked through.
    looked: Reading,
    /// When the first could be set, in the two ways that times are counted here.
    made: (Reading, Instant),
    entries: Slab<Entry>,
    /// What the last was called: no two are called the same, whatever thread they are of.
    number: u64,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    due: Reading,
    rang: bool,
    waker: Option<Waker>,
}

impl Alarms {
    /// No alarms yet, in a thread that begins its work.
    #[must_use]
    pub fn new(now: Moment) -> Self {
        SET.with_borrow_mut(|set| set.looked = now.monotonic);
        Self(())
    }

    /// Sets an alarm.
    #[must_use]
    pub fn set(self, after: Duration) -> Alarm {
        SET.with_borrow_mut(|set| {
            set.number += 1;
            let (number, due) = (set.number, set.due(after));
            let key = set.entries.insert(Entry { number, due, rang: false, waker: None });
            Alarm { key, number }
        })
    }

    /// Wakes whoever waits for an alarm that is due.
    pub fn look(self, now: Moment) {
        SET.with_borrow_mut(|set| {
            set.looked = now.monotonic;
            for (_, entry) in &mut set.entries {
                if !entry.rang && entry.due <= now.monotonic {
                    entry.rang = true;
                    if let Some(waker) = entry.waker.take() {
                        waker.wake();
                    }
                }
            }
        });
    }

    /// When they were last looked through: about now.
    #[must_use]
    pub fn looked(self) -> Reading {
        SET.with_borrow(|set| set.looked)
    }
}

impl Set {
    fn new(now: Moment) -> Self {
        let made = (now.monotonic, clock::instant());
        let number = THREADS.fetch_add(1, Ordering::Relaxed) << 40;
        Self { looked: now.monotonic, made, entries: Slab::new(), number }
    }

    /// The last look may be a tick ago, so that much is added: an alarm must not go off early.
    fn due(&self, after: Duration) -> Reading {
        let far = Duration::from_hours(24 * 365);
        self.looked + after.saturating_add(TICK).min(far)
    }
}

/// Goes off when its time has come; dropping it unsets it.
#[derive(Debug)]
pub struct Alarm {
    key: usize,
    number: u64,
}

impl Alarm {
    /// Lets the time begin anew.
    pub fn again(&mut self, after: Duration) {
        SET.with_borrow_mut(|set| {
            let due = set.due(after);
            if let Some(entry) = self.entry(set) {
                entry.due = due;
                entry.rang = false;
            }
        });
    }

    /// Its entry, unless this is another thread's alarm.
    fn entry<'s>(&self, set: &'s mut Set) -> Option<&'s mut Entry> {
        set.entries.get_mut(self.key).filter(|entry| entry.number == self.number)
    }
}

impl Future for Alarm {
    type Output = ();

    /// One that is of another thread, which does not happen, goes off at once.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        SET.with_borrow_mut(|set| match self.entry(set) {
            Some(entry) if !entry.rang => {
                match &mut entry.waker {
                    Some(waker) => waker.clone_from(cx.waker()),
                    none => *none = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
            Some(_) | None => Poll::Ready(()),
        })
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        // What it would have woken is let go of when the alarms are free again; a thread that ends has none any more.
        let gone = SET.try_with(|set| {
            let mut set = set.try_borrow_mut().ok()?;
            self.entry(&mut set)?;
            set.entries.try_remove(self.key)
        });
        drop(gone);
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
        SET.with_borrow(|set| {
            let (reading, instant) = set.made;
            instant + set.looked.since(reading)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
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
        assert!(SET.with_borrow(|set| set.entries.is_empty()));
        // One of another thread goes off there, and unsets nothing that is not its own.
        let (here, mut there) = (alarms.set(after), alarms.set(after));
        std::thread::spawn(move || {
            let kept = [Alarms::new(begun).set(after), Alarms::new(begun).set(after)];
            assert!(Pin::new(&mut there).poll(&mut Context::from_waker(Waker::noop())).is_ready());
            drop(there);
            assert_eq!(SET.with_borrow(|set| set.entries.len()), kept.len());
        })
        .join()
        .unwrap();
        drop(here);
        // Further than any clock goes.
        let mut never = alarms.set(Duration::MAX);
        assert!(Pin::new(&mut never).poll(&mut cx).is_pending());
    }
}
