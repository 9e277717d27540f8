//! A number of places, and the queue before them.
//!
//! 1. Whoever has a place keeps it until it is dropped; then the first in the queue has it.
//! 2. Whoever leaves the queue frees its place there, also if it was just called.
//! 3. How many there are is said by each who enters, since a reload may change it: fewer places are none given
//!    away until so many are free, more are given to the queue at once.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use slab::Slab;

/// The places.
#[derive(Debug, Default)]
pub struct Places(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    taken: usize,
    most: usize,
    queue: VecDeque<usize>,
    seats: Slab<Seat>,
}

#[derive(Debug)]
enum Seat {
    Waiting(Option<Waker>),
    /// A place was given to whoever sits here.
    Called,
}

/// What came of entering.
#[derive(Debug)]
pub enum Entry {
    /// There was a place.
    Place(Place),
    /// There will be one.
    Turn(Turn),
}

/// A place; it is free when this is dropped.
#[derive(Debug)]
pub struct Place(Arc<Places>);

/// A place in the queue.
#[derive(Debug)]
pub struct Turn {
    places: Arc<Places>,
    seat: Option<usize>,
}

impl Places {
    /// Takes one of `most` places, or a place in the queue of `most_queued`; nothing if that is full too.
    #[must_use]
    pub fn enter(self: &Arc<Self>, most: usize, most_queued: usize) -> Option<Entry> {
        let mut state = self.state();
        state.most = most;
        state.call();
        if state.taken < most && state.queue.is_empty() {
            state.taken += 1;
            drop(state);
            return Some(Entry::Place(Place(Arc::clone(self))));
        }
        if state.queue.len() >= most_queued {
            return None;
        }
        let seat = state.seats.insert(Seat::Waiting(None));
        state.queue.push_back(seat);
        drop(state);
        Some(Entry::Turn(Turn { places: Arc::clone(self), seat: Some(seat) }))
    }

    /// How many are taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.state().taken
    }

    /// How many wait for one.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.state().queue.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn freed(&self) {
        let mut state = self.state();
        state.taken = state.taken.saturating_sub(1);
        state.call();
    }
}

impl State {
    /// Gives free places to the queue.
    fn call(&mut self) {
        while self.taken < self.most {
            let Some(first) = self.queue.pop_front() else { return };
            let Some(seat) = self.seats.get_mut(first) else { continue };
            self.taken += 1;
            if let Seat::Waiting(Some(waker)) = std::mem::replace(seat, Seat::Called) {
                waker.wake();
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.freed();
    }
}

impl Future for Turn {
    type Output = Place;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Place> {
        let turn = &mut *self;
        let Some(at) = turn.seat else { return Poll::Pending };
        let mut state = turn.places.state();
        match state.seats.get_mut(at) {
            Some(Seat::Waiting(waker)) => {
                *waker = Some(cx.waker().clone());
                Poll::Pending
            }
            Some(Seat::Called) => {
                state.seats.try_remove(at);
                drop(state);
                turn.seat = None;
                Poll::Ready(Place(Arc::clone(&turn.places)))
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(at) = self.seat else { return };
        let mut state = self.places.state();
        let left = state.seats.try_remove(at);
        state.queue.retain(|seat| *seat != at);
        drop(state);
        if matches!(left, Some(Seat::Called)) {
            self.places.freed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn place(entry: Option<Entry>) -> Place {
        match entry {
            Some(Entry::Place(place)) => place,
            other => panic!("{other:?}"),
        }
    }

    fn turn(entry: Option<Entry>) -> Turn {
        match entry {
            Some(Entry::Turn(turn)) => turn,
            other => panic!("{other:?}"),
        }
    }

    fn poll(turn: &mut Turn) -> Option<Place> {
        let woken = Arc::new(Woken::default());
        match Pin::new(turn).poll(&mut Context::from_waker(&Waker::from(woken))) {
            Poll::Ready(place) => Some(place),
            Poll::Pending => None,
        }
    }

    #[test]
    fn the_first_in_the_queue_is_the_next() {
        let places = Arc::new(Places::default());
        let held = place(places.enter(1, 2));
        let (mut first, mut second) = (turn(places.enter(1, 2)), turn(places.enter(1, 2)));
        assert!(places.enter(1, 2).is_none(), "the queue is full");
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        assert!(Pin::new(&mut first).poll(&mut Context::from_waker(&waker)).is_pending());
        drop(held);
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
        assert!(poll(&mut second).is_none());
        let held = poll(&mut first).unwrap();
        assert_eq!((places.taken(), places.queued()), (1, 1));
        drop(held);
        drop(poll(&mut second).unwrap());
        assert_eq!((places.taken(), places.queued()), (0, 0));
    }

    #[test]
    fn whoever_leaves_the_queue_frees_the_place_there_also_when_called() {
        let places = Arc::new(Places::default());
        let held = place(places.enter(1, 1));
        drop(turn(places.enter(1, 1)));
        let first = turn(places.enter(1, 1));
        drop(held);
        assert_eq!((places.taken(), places.queued()), (1, 0), "it was called");
        let mut second = turn(places.enter(1, 1));
        drop(first);
        drop(poll(&mut second).unwrap());
        assert_eq!((places.taken(), places.queued()), (0, 0));
    }

    #[test]
    fn a_reload_may_say_another_number() {
        let places = Arc::new(Places::default());
        let (one, two) = (place(places.enter(2, 9)), place(places.enter(2, 9)));
        let mut fewer = turn(places.enter(1, 9));
        drop(one);
        assert!(poll(&mut fewer).is_none(), "one is still taken, and one is all");
        // The one that waits has its place before the one that comes.
        let all = [place(places.enter(3, 9)), poll(&mut fewer).unwrap()];
        assert_eq!(places.taken(), 3);
        drop((two, all));
        assert_eq!(places.taken(), 0);
    }

    proptest! {
        #[test]
        fn never_more_than_there_are_and_none_is_lost(steps in prop::collection::vec((0u8..4, 0usize..8), 1..100)) {
            let places = Arc::new(Places::default());
            let (mut held, mut waiting): (Vec<Place>, Vec<Turn>) = Default::default();
            for (what, which) in steps {
                match what {
                    0 => match places.enter(3, 4) {
                        Some(Entry::Place(place)) => held.push(place),
                        Some(Entry::Turn(turn)) => waiting.push(turn),
                        None => prop_assert_eq!(places.queued(), 4),
                    },
                    1 if !held.is_empty() => drop(held.swap_remove(which % held.len())),
                    2 if !waiting.is_empty() => drop(waiting.swap_remove(which % waiting.len())),
                    _ => waiting.retain_mut(|turn| {
                        let called = poll(turn);
                        let waits = called.is_none();
                        held.extend(called);
                        waits
                    }),
                }
                prop_assert!(held.len() <= places.taken() && places.taken() <= 3);
                prop_assert!(places.queued() == 0 || places.taken() == 3, "a place is free and somebody waits");
            }
            drop((held, waiting));
            prop_assert_eq!((places.taken(), places.queued(), places.state().seats.len()), (0, 0, 0));
        }
    }
}
