//! How an upstream fares: what it has to do, whether it can be reached, and how often it may be asked again.
//!
//! 1. It is known again by its name and place, so that a reload forgets nothing, and another place begins anew.
//! 2. Nothing here is written for a request to an upstream that fares well and has no bounds.

mod breaker;
mod places;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Moment;
use crate::credentials::Budget;

pub use breaker::{Breaker, Change, Passage, Tolerance};
pub use places::{Entry, Place, Places, Turn};

/// How one upstream fares.
#[derive(Debug)]
pub struct Health {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// Requests that it has; counted only where they are bounded.
    pub in_flight: Arc<Places>,
    /// Connections to it; counted only where they are bounded.
    pub connections: Arc<Places>,
    /// Whether it is asked at all.
    pub breaker: Breaker,
    /// How often a connection that was refused may be tried again.
    pub again: Budget,
}

/// How every upstream fares that is in force or in use.
#[derive(Debug)]
pub struct Infirmary {
    origin: Moment,
    known: Mutex<Known>,
}

/// By name and place.
type Known = HashMap<(Arc<str>, Box<str>), Arc<Health>>;

impl Infirmary {
    /// An empty one whose clock begins at `origin`.
    #[must_use]
    pub fn new(origin: Moment) -> Self {
        Self { origin, known: Mutex::default() }
    }

    /// How the upstream of this name at this place fares.
    #[must_use]
    pub fn of(&self, name: &str, place: &str) -> Arc<Health> {
        let name: Arc<str> = name.into();
        let new = || {
            Arc::new(Health {
                name: Arc::clone(&name),
                in_flight: Arc::default(),
                connections: Arc::default(),
                breaker: Breaker::new(self.origin),
                again: Budget::new(self.origin),
            })
        };
        Arc::clone(self.known().entry((Arc::clone(&name), place.into())).or_insert_with(new))
    }

    /// Forgets what no configuration and no request holds any more.
    pub fn sweep(&self) {
        self.known().retain(|_, health| {
            Arc::strong_count(health) > 1 || health.in_flight.taken() + health.connections.taken() > 0
        });
    }

    /// All of them, by name.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Health>> {
        let mut all: Vec<_> = self.known().values().map(Arc::clone).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_known_again_by_name_and_place_while_somebody_holds_it() {
        let infirmary = Infirmary::new(Moment::now());
        let held = infirmary.of("openai", "api.openai.com");
        assert!(Arc::ptr_eq(&held, &infirmary.of("openai", "api.openai.com")));
        assert!(!Arc::ptr_eq(&held, &infirmary.of("openai", "127.0.0.1:8000")));
        infirmary.sweep();
        assert_eq!(infirmary.all().len(), 1, "nobody holds the other place");
        let entry = held.in_flight.enter(1, 0);
        drop(held);
        infirmary.sweep();
        assert_eq!(infirmary.all().len(), 1, "a request is still there");
        drop(entry);
        infirmary.sweep();
        assert_eq!(infirmary.all().len(), 0);
    }
}
