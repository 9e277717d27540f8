//! How much of requests' bodies is held in memory at once, over all requests.
//!
//! 1. What is held never exceeds what may be, but for the first bytes of each body: those are not counted, so that
//!    ordinary requests touch nothing that workers share.
//! 2. What was taken is given back when the last copy of the body is gone, whoever drops it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much of each body is not counted.
pub const FREE: u64 = 64 * 1024;
/// In what steps the rest is: a body that arrives in small pieces need not count each.
const STEP: u64 = 256 * 1024;

/// What all bodies take; the same in the next configuration.
#[derive(Debug, Default)]
pub struct Room(AtomicU64);

/// What one body takes of it.
#[derive(Debug)]
pub struct Held {
    room: Arc<Room>,
    bytes: u64,
}

impl Room {
    /// How many bytes are held.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Held {
    /// Makes sure that a body which has grown to `length` bytes is counted; false if there is no room for it among
    /// the `most` bytes that all may take. Then it holds what it held before.
    #[must_use]
    pub fn grow(held: &mut Option<Self>, room: &Arc<Room>, length: u64, most: u64) -> bool {
        let counted = length.saturating_sub(FREE);
        let before = held.as_ref().map_or(0, |held| held.bytes);
        let Some(exactly) = counted.checked_sub(before).filter(|more| *more > 0) else { return true };
        // Where there is room for no whole step there may be for what is there.
        for more in [exactly.next_multiple_of(STEP), exactly] {
            let taken = room.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |all| {
                all.checked_add(more).filter(|all| *all <= most)
            });
            if taken.is_ok() {
                held.get_or_insert_with(|| Self { room: Arc::clone(room), bytes: 0 }).bytes += more;
                return true;
            }
        }
        false
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.room.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_held_never_exceeds_what_may_be_and_comes_back(
            most in FREE..4 << 20,
            steps in prop::collection::vec((0usize..6, prop_oneof![Just(None), (1u64..400_000).prop_map(Some)]), 1..200),
        ) {
            let room = Arc::new(Room::default());
            let mut bodies: Vec<(u64, Option<Held>)> = (0..6).map(|_| (0, None)).collect();
            for (body, more) in steps {
                let (length, held) = &mut bodies[body];
                let Some(more) = more else {
                    (*length, *held) = (0, None);
                    continue;
                };
                let before = room.taken();
                if Held::grow(held, &room, *length + more, most) {
                    *length += more;
                } else {
                    prop_assert_eq!(room.taken(), before);
                    prop_assert!(before + more > most, "there was room");
                }
                let counted: u64 = bodies.iter().map(|(length, _)| length.saturating_sub(FREE)).sum();
                prop_assert!(room.taken() <= most && counted <= room.taken());
            }
            bodies.clear();
            prop_assert_eq!(room.taken(), 0);
        }
    }

    #[test]
    fn small_bodies_are_not_counted() {
        let (room, mut held) = (Arc::new(Room::default()), None);
        assert!(Held::grow(&mut held, &room, FREE, 0));
        assert!(held.is_none() && room.taken() == 0);
        assert!(!Held::grow(&mut held, &room, FREE + 1, 0));
        assert!(held.is_none());
    }
}
