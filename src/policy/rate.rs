//! Has it requests left, and a free slot?
//!
//! 1. Every quota of the key and the project must have one left; the shortest is asked first. One that refuses
//!    takes nothing from the others.
//! 2. A slot is held until the answer has ended, not until it has begun: a stream occupies it.
//! 3. This stands before the body is read: a caller over its rate cannot make the gate read. Only where the store of
//!    several gates has to be asked is the body read first, so that it is asked once.

use std::num::NonZeroU32;
use std::time::Duration;

use smallvec::SmallVec;

use super::{Policy, Sight};
use crate::denial::{Denial, Reason, RuleId};
use crate::exchange::{Metered, Permits, Scoped};
use crate::limits::{Limit, SLOT_WAIT, Short};
use crate::snapshot::{Key, Project};

/// The policy.
#[derive(Clone, Copy, Debug)]
pub struct Rate;

/// The policy with every limit unused: for a request that nobody sent. What is in flight or was sent
/// before is known to a running gate only, and asking must not take anything from its limits.
#[derive(Clone, Copy, Debug)]
pub struct LimitsUnused;

impl Policy for LimitsUnused {
    type From = Scoped;
    type Into = Metered;

    fn decide(&self, scoped: Scoped, _: &mut Sight<'_>) -> Result<Metered, Denial> {
        Ok(Metered { scoped, permits: Permits::new() })
    }
}

impl Policy for Rate {
    type From = Scoped;
    type Into = Metered;

    fn decide(&self, scoped: Scoped, sight: &mut Sight<'_>) -> Result<Metered, Denial> {
        let (Some(project), Some(key)) =
            (sight.snapshot.projects.get(scoped.caller.project), sight.snapshot.keys.get(scoped.caller.key))
        else {
            return Err(Denial::built_in(Reason::KeyUnknown));
        };
        let mut permits = Permits::new();
        let own = key.limits.concurrency.iter().map(|own| (own, key.observed.limits));
        let shared = project.limits.concurrency.iter().map(|shared| (shared, project.observed.limits));
        for (concurrency, observed) in own.chain(shared) {
            match concurrency.slots.take(concurrency.most, sight.now) {
                Ok(permit) => permits.push(permit),
                Err(Short::Dry(_)) => {
                    // The store that has them is asked once for all that the request needs.
                    (sight.notes.deferred, sight.notes.deferred_slots) = (true, true);
                    return Ok(Metered { scoped, permits: Permits::new() });
                }
                Err(short) => {
                    sight.refuse(observed, no_slot(concurrency.rule, short))?;
                    // It passes, and takes its place among those that are in flight.
                    permits.push(concurrency.slots.take_anyway(sight.now));
                }
            }
        }
        take_one(project, key, sight)?;
        Ok(Metered { scoped, permits })
    }
}

/// Takes one request from every quota of a key and its project. Where the store that several gates share must be asked
/// for one, nothing is taken, and it is noted that they are deferred.
///
/// # Errors
/// The denial, when none is left.
pub fn take_one(project: &Project, key: &Key, sight: &mut Sight<'_>) -> Result<(), Denial> {
    let mut taken: SmallVec<[&Limit; 4]> = SmallVec::new();
    let told = sight.notes.would_deny.len();
    let own = key.limits.requests.iter().map(|limit| (limit, key.observed.limits));
    let shared = project.limits.requests.iter().map(|limit| (limit, project.observed.limits));
    let (mut own, mut shared) = (own.peekable(), shared.peekable());
    loop {
        // Both lists are sorted; take whichever quota is shorter next.
        let next = match (own.peek(), shared.peek()) {
            (Some((a, _)), Some((b, _))) if b.meter.quota().per < a.meter.quota().per => shared.next(),
            (Some(_), _) => own.next(),
            (None, _) => shared.next(),
        };
        let Some((limit, observed)) = next else { break };
        match limit.meter.take_or_pass_by(NonZeroU32::MIN, sight.now) {
            Ok(()) => taken.push(limit),
            Err(Short::Dry(_)) => {
                // The store that has them is asked once for all that the request needs, and its body says how much.
                taken.iter().for_each(|limit| limit.meter.give_back(1));
                // It is told then, too, what an observed limit would have refused.
                sight.notes.would_deny.truncate(told);
                sight.notes.deferred = true;
                return Ok(());
            }
            Err(short) => {
                let denial = denied(limit, short);
                if let Err(denial) = sight.refuse(observed, denial) {
                    // One that refuses takes nothing from the others.
                    taken.iter().for_each(|limit| limit.meter.give_back(1));
                    return Err(denial);
                }
            }
        }
    }
    Ok(())
}

/// The refusal where no slot is free.
pub(crate) fn no_slot(rule: RuleId, short: Short) -> Denial {
    match short {
        Short::For(_) | Short::Forever => Denial::by(Reason::ConcurrencyLimited, rule).until(SLOT_WAIT),
        Short::Dry(_) | Short::Away => unavailable(rule),
    }
}

/// The refusal of a quota of requests.
pub(crate) fn denied(limit: &Limit, short: Short) -> Denial {
    match short {
        Short::For(wait) => Denial::by(Reason::RateLimited, limit.rule).until(wait),
        // A burst holds one at least.
        Short::Forever => Denial::by(Reason::RateLimited, limit.rule),
        Short::Dry(_) | Short::Away => unavailable(limit.rule),
    }
}

/// What a caller is told to wait for a store that cannot be asked.
const STORE_WAIT: Duration = Duration::from_secs(2);

/// The refusal where the store of shared limits cannot be asked.
#[must_use]
pub fn unavailable(rule: RuleId) -> Denial {
    Denial::by(Reason::LimitsUnavailable, rule).until(STORE_WAIT)
}
