//! When connections cannot be taken: told when it begins, now and then while it lasts, and when it is over.
//!
//! The usual cause is that file descriptors have run out. Each worker then tries again many times a second.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Moment;

/// How often it is told that it still lasts.
const AGAIN: Duration = Duration::from_secs(10);
/// For how long nothing may fail until it is over: a descriptor that comes free is no end yet.
const QUIET: Duration = Duration::from_secs(1);

/// What is known of it, by all workers.
#[derive(Debug, Default)]
pub struct Shortage(Mutex<Option<Failing>>);

#[derive(Debug)]
struct Failing {
    since: Moment,
    last: Moment,
    told: Moment,
    failures: u64,
}

impl Shortage {
    /// Notes that a connection could not be taken.
    pub(super) fn failed(&self, error: &io::Error, now: Moment) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(failing) = state.as_mut() else {
            *state = Some(Failing { since: now, last: now, told: now, failures: 1 });
            drop(state);
            tracing::error!(error = %error, "accept_failed");
            return;
        };
        failing.last = now;
        failing.failures += 1;
        if now.since(failing.told) < AGAIN {
            return;
        }
        failing.told = now;
        let (failures, lasts_s) = (failing.failures, now.since(failing.since).as_secs());
        drop(state);
        tracing::error!(error = %error, failures, lasts_s, "accept_fails_still");
    }

    /// What a worker does every [`TICK`](crate::alarm::TICK).
    pub(super) fn tick(&self, now: Moment) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(over) = state.take_if(|failing| now.since(failing.last) >= QUIET) else { return };
        drop(state);
        let lasted_s = over.last.since(over.since).as_secs();
        tracing::warn!(failures = over.failures, lasted_s, "accept_works_again");
    }
}
