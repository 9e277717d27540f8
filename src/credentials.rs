//! The credentials of one upstream: which of them a request is sent with.
//!
//! 1. Of those that can be used, the one that has the least to do takes the request: the fewest requests in
//!    flight for its weight, in turn where several have as little. So with nothing in flight the heaviest is
//!    taken; weights say how much each can bear, not how often it is used.
//! 2. A credential that a provider refused stays away for a time and heals (`standing.rs`). One request finds
//!    out whether it works again, even if others could be used: else it would never come back.
//! 3. When all are out, the request is sent all the same, with the one that has the best hope: what the gate
//!    believes is a guess, and what the provider says is an answer. So a gate whose only credential was
//!    rejected works again with the first request after the mend, and nobody is refused by memory alone.
//! 4. A request that was refused may be sent again with another one that can be used, within a budget for each
//!    upstream (`budget.rs`), and never with one that is out.
//! 5. A request that continues a response goes to the credential that made it (`owners.rs`), and to no other.
//! 6. A lone credential is always taken: that costs one look at its state.
//! 7. Of several, one that a cloud has not granted, or no longer, is passed over while there is another.

mod budget;
mod owners;
mod roster;
mod standing;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::HeaderValue;

use crate::clock::Moment;
use crate::cloud::{Cloud, Means};
use crate::denial::RuleId;
use crate::diagnosis::Effect;
use crate::secret::{Finder, Secret};
use standing::{How, Seen, Standing, Usable};

pub use budget::Budget;
pub use owners::{Learner, Owners};
pub use roster::{Granted, Member, Roster, Shown, State};
pub use standing::Blame;

/// How many further credentials a refused request is sent with at most.
pub const MOST_RETRIES: usize = 2;
/// How much of the load a credential takes if the configuration does not say.
pub const USUAL_WEIGHT: u32 = 1;
/// How much it can take at most.
pub const MOST_WEIGHT: u32 = 100;

/// The credentials of one upstream.
#[derive(Debug, Default)]
pub struct Credentials {
    list: Vec<Credential>,
    turn: AtomicUsize,
    budget: Option<Arc<Budget>>,
    owners: Option<Arc<Owners>>,
}

/// One credential.
#[derive(Debug)]
pub struct Credential {
    /// Its name in the configuration; may appear in records.
    pub id: Arc<str>,
    /// What authenticates a request.
    pub proof: Proof,
    /// Sent as `OpenAI-Organization`.
    pub organization: Option<HeaderValue>,
    /// Sent as `OpenAI-Project`.
    pub project: Option<HeaderValue>,
    /// How much of the load it takes, beside the others.
    pub weight: u32,
    /// Its state, which outlives this configuration.
    pub member: Arc<Member>,
    /// The number by which it is known among the owners of responses.
    pub number: u16,
    /// The line where it stands.
    pub rule: RuleId,
}

/// What authenticates a request.
#[derive(Debug)]
pub enum Proof {
    /// A header that is always the same.
    Header(Secret),
    /// What a cloud grants.
    Cloud(Box<Cloud>),
}

impl Proof {
    /// Whether a request can be sent with it now.
    fn is_ready(&self, now: Moment) -> bool {
        match self {
            Self::Header(_) => true,
            Self::Cloud(cloud) => cloud.grant(now).is_ok(),
        }
    }

    /// What finds in a text the secret that is sent with a request; keys that sign are not sent.
    fn finder(&self, now: Moment) -> Option<Finder> {
        match self {
            Self::Header(secret) => secret.finder(),
            Self::Cloud(cloud) => match &cloud.grant(now).ok()?.means {
                Means::Token(secret) => secret.finder(),
                Means::Keys(keys) => keys.session().and_then(Secret::finder),
            },
        }
    }
}

/// A credential in use by one request; it is in flight until this is dropped.
#[derive(Debug)]
pub struct InUse {
    standing: Arc<Standing>,
    at: usize,
    seen: Seen,
    how: How,
    bound: bool,
}

impl Credentials {
    /// The credentials of the upstream with this name; what they share is kept in the roster.
    #[must_use]
    pub fn new(list: Vec<Credential>, upstream: &str, roster: &Roster) -> Self {
        let several = list.len() > 1;
        let budget = several.then(|| roster.budget(upstream));
        let owners = several.then(|| roster.owners(upstream));
        Self { list, turn: AtomicUsize::new(0), budget, owners }
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Credential] {
        &self.list
    }

    /// Whether there is a choice.
    #[must_use]
    pub const fn are_several(&self) -> bool {
        self.list.len() > 1
    }

    /// What finds in an answer the secret of the credential that the request was sent with.
    #[must_use]
    pub fn finder(&self, in_use: Option<&InUse>, now: Moment) -> Option<Finder> {
        self.list.get(in_use?.at)?.proof.finder(now)
    }

    /// The same for texts of which none is longer than this; `None` if it stands in no text so short.
    #[must_use]
    pub fn finder_in(&self, longest: usize, in_use: Option<&InUse>, now: Moment) -> Option<Finder> {
        let proof = &self.list.get(in_use?.at)?.proof;
        let fits = !matches!(proof, Proof::Header(secret) if secret.length() > longest);
        fits.then(|| proof.finder(now)).flatten()
    }

    /// How many can be used by everybody.
    #[must_use]
    pub fn usable(&self, now: Moment) -> usize {
        let usable =
            |one: &&Credential| one.member.standing().effect(now) == Effect::None && one.proof.is_ready(now);
        self.list.iter().filter(usable).count()
    }

    /// What bounds how many requests are sent again.
    #[must_use]
    pub fn budget(&self) -> Option<&Budget> {
        self.budget.as_deref()
    }

    /// The credential for a request that came at `now`; `None` when there is none at all.
    #[must_use]
    pub fn pick(&self, now: Moment) -> Option<InUse> {
        match self.list.as_slice() {
            [] => None,
            [only] => {
                let seen = only.member.standing().seen();
                let usable = only.member.standing().usable(seen, now) == Usable::Yes;
                Some(only.taken(0, seen, if usable { How::Usual } else { How::Forced }))
            }
            _ => {
                if let Some(budget) = &self.budget {
                    budget.earn(now);
                }
                self.due(now).or_else(|| self.least(&[], now)).or_else(|| self.hopeful())
            }
        }
    }

    /// The credential that made a response, for a request that continues it; `None` if that is not known.
    #[must_use]
    pub fn owner_of(&self, response_id: &str, now: Moment) -> Option<InUse> {
        let number = self.owners.as_ref()?.of(response_id)?;
        let (at, one) = self.list.iter().enumerate().find(|(_, one)| one.number == number)?;
        let seen = one.member.standing().seen();
        let in_use = match one.member.standing().usable(seen, now) {
            Usable::Yes => one.taken(at, seen, How::Usual),
            Usable::ByOne => match one.member.standing().probe(seen) {
                Some(probing) => one.taken(at, probing, How::Probe),
                None => one.taken(at, seen, How::Forced),
            },
            Usable::NotYet => one.taken(at, seen, How::Forced),
        };
        Some(in_use.bound())
    }

    /// Where it is noted what was made with a credential; `None` where there is no choice.
    #[must_use]
    pub fn owner(&self, in_use: &InUse) -> Option<(Arc<Owners>, u16)> {
        let number = self.list.get(in_use.at)?.number;
        Some((Arc::clone(self.owners.as_ref()?), number))
    }

    /// The credential with this name, for a request that no other will do for.
    #[must_use]
    pub fn named(&self, id: &str) -> Option<InUse> {
        let (at, one) = self.list.iter().enumerate().find(|(_, one)| *one.id == *id)?;
        Some(one.taken(at, one.member.standing().seen(), How::Forced).bound())
    }

    /// Another credential for a request that was refused with these; `None` when none can be used or too many
    /// requests are sent again already.
    #[must_use]
    pub fn another(&self, tried: &[usize], now: Moment) -> Option<InUse> {
        if tried.len() > MOST_RETRIES {
            return None;
        }
        let next = self.least(tried, now)?;
        self.budget.as_ref().is_some_and(|budget| budget.spend(now)).then_some(next)
    }

    /// One whose time away is over, if nobody else is trying it already.
    fn due(&self, now: Moment) -> Option<InUse> {
        self.list.iter().enumerate().find_map(|(at, one)| {
            let seen = one.member.standing().seen();
            if one.member.standing().usable(seen, now) != Usable::ByOne || !one.proof.is_ready(now) {
                return None;
            }
            let probing = one.member.standing().probe(seen)?;
            Some(one.taken(at, probing, How::Probe))
        })
    }

    /// Of those that can be used and were not tried, the one with the least to do.
    fn least(&self, tried: &[usize], now: Moment) -> Option<InUse> {
        let from = self.turn.fetch_add(1, Ordering::Relaxed) % self.list.len().max(1);
        let (before, behind) = self.list.split_at_checked(from)?;
        let in_turn = behind.iter().zip(from..).chain(before.iter().zip(0..));
        let mut best: Option<(&Credential, usize, Seen, u64)> = None;
        for (one, at) in in_turn.filter(|(_, at)| !tried.contains(at)) {
            let seen = one.member.standing().seen();
            if one.member.standing().usable(seen, now) != Usable::Yes || !one.proof.is_ready(now) {
                continue;
            }
            let load = u64::try_from(one.member.in_flight()).unwrap_or(u64::MAX).saturating_add(1);
            // Compared as fractions: load / weight.
            let less = |(other, _, _, its): &(&Credential, usize, Seen, u64)| {
                load.saturating_mul(u64::from(other.weight)) < its.saturating_mul(u64::from(one.weight))
            };
            if best.as_ref().is_none_or(less) {
                best = Some((one, at, seen, load));
            }
        }
        best.map(|(one, at, seen, _)| one.taken(at, seen, How::Usual))
    }

    /// Of those that are all out, the one with the best hope.
    fn hopeful(&self) -> Option<InUse> {
        let (at, one) = self.list.iter().enumerate().min_by_key(|(_, one)| one.member.standing().hope())?;
        Some(one.taken(at, one.member.standing().seen(), How::Forced))
    }
}

impl Credential {
    fn taken(&self, at: usize, seen: Seen, how: How) -> InUse {
        InUse { standing: Arc::clone(self.member.standing()), at, seen, how, bound: false }
    }
}

impl InUse {
    /// The credential's number in its upstream's list.
    #[must_use]
    pub const fn at(&self) -> usize {
        self.at
    }

    /// Whether no other credential will do.
    #[must_use]
    pub const fn is_bound(&self) -> bool {
        self.bound
    }

    fn bound(mut self) -> Self {
        self.bound = true;
        self
    }

    /// Notes that the provider took it; gives the state that it was healed of, if it was out.
    pub fn succeeded(&mut self) -> Option<Effect> {
        self.standing.succeeded(self.seen)
    }

    /// Notes that the provider refused it; gives how long it stays away, if that is news.
    pub fn failed(&mut self, blame: Blame, now: Moment) -> Option<Duration> {
        self.standing.failed(self.seen, self.how, blame, now)
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        if self.how == How::Probe {
            self.standing.probe_ended(self.seen);
        }
    }
}

#[cfg(test)]
mod tests;
