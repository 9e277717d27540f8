//! Are tokens and money left for it?
//!
//! 1. What the request may use at most is taken before it goes out: its input by an estimate, its output by the ceiling
//!    that it sets itself or the configured one, times the answers it asks for, and the highest price of both. At its
//!    end that is exchanged for what it used.
//! 2. The key's limits and the project's must all have it, and those of the model. One that refuses takes nothing from
//!    the others.
//! 3. Where what a request uses cannot be known from its answer, it does not pass a limit on tokens or money, unless the
//!    configuration lets it.
//! 4. This stands last: only here the model is known.

mod told;
mod uses;

use std::sync::Arc;
use std::time::Duration;

pub use told::{not_asked, refused};
pub use uses::{Uses, uses};

use told::{short_of, spent};

use super::rate::{denied, no_slot, unavailable};
use super::{Policy, Sight};
use crate::body::Outgoing;
use crate::denial::{Denial, Reason, RuleId};
use crate::endpoint::{Endpoint, Family, Gives, ModelIn};
use crate::estimate::Estimator;
use crate::exchange::{Funded, Permits, Permitted};
use crate::limits::{Concurrency, Estimate, Limit, Limits, Reservation, Unspent};
use crate::prices::Price;
use crate::record::Reserved;
use crate::snapshot::{Key, Project};
use crate::tier::Tier;
use crate::usage::Usage;

/// The policy.
#[derive(Clone, Copy, Debug)]
pub struct Fund;

/// The policy with every limit unused: for a request that nobody sent.
#[derive(Clone, Copy, Debug)]
pub struct FundsUnused;

/// Limits with whether they are only observed.
type Owner<'s> = (&'s Limits, bool);

impl Policy for Fund {
    type From = Permitted;
    type Into = Funded;

    fn decide(&self, mut permitted: Permitted, sight: &mut Sight<'_>) -> Result<Funded, Denial> {
        let caller = permitted.scoped.caller;
        let (Some(project), Some(key)) =
            (sight.snapshot.projects.get(caller.project), sight.snapshot.keys.get(caller.key))
        else {
            return Err(Denial::built_in(Reason::KeyUnknown));
        };
        if !limited(project, key) && !sight.notes.deferred {
            return Ok(Funded { permitted });
        }
        let endpoint = permitted.scoped.endpoint;
        let taking = Taking::new(input(&permitted.body), endpoint, sight).first(endpoint, sight);
        let so_far = (endpoint.gives != Gives::WebSocket, Usage::default());
        taking.reserve(project, key, Some(&mut permitted.permits), so_far, sight)?;
        Ok(Funded { permitted })
    }
}

/// Reserves for a message of a session that asks for more, once what came before is settled. `used` is what the
/// session has used so far. Whether more was reserved.
///
/// # Errors
/// The denial, when not enough is left.
pub fn go_on(
    project: &Project,
    key: &Key,
    endpoint: &Endpoint,
    message: Message,
    used: Usage,
    sight: &mut Sight<'_>,
) -> Result<bool, Denial> {
    if !limited(project, key) && !sight.notes.deferred {
        return Ok(false);
    }
    let mut settled = used;
    if let Some(reserved) = sight.notes.reserved.take_if(|one| message.asks || one.is_used_up(&used)) {
        // Who asks again before the report of what was asked for before may never wait for that.
        sight.notes.unreported = reserved.is_untold(&used);
        if sight.notes.unreported {
            settled = reserved.with_seen(used, message.seen);
        }
        reserved.settle(&settled, None, sight.now);
    } else if sight.notes.reserved.is_some() || !message.asks {
        return Ok(false);
    }
    sight.notes.token_ceiling = message.ceiling;
    sight.notes.tier = message.tier;
    Taking::new(message.input, endpoint, sight).reserve(
        project,
        key,
        None,
        (message.asks, settled),
        sight,
    )?;
    Ok(true)
}

/// Takes the slots of the model that a session asks now, where it holds none of them, and gives back those of others
/// that none of its responses holds any more: where all are told, of all models but this one and the session's own.
/// What it gives may have to be asked for.
///
/// # Errors
/// The denial, when none is free.
pub fn occupy(
    project: &Project,
    key: &Key,
    (own, all_told): (Option<&str>, bool),
    permits: &mut Permits,
    sight: &mut Sight<'_>,
) -> Result<Reservation, Denial> {
    let mut reservation = Reservation::default();
    let model = sight.notes.model.clone();
    let now = owners(project, key, model.as_deref());
    if all_told {
        let of_session = owners(project, key, own);
        permits.retain(|permit| {
            let kept = now.iter().chain(&of_session).flatten();
            kept.filter_map(|(limits, _)| limits.concurrency.as_ref()).any(|bound| permit.is_of(&bound.slots))
        });
    }
    for (limits, observed) in now.iter().skip(2).flatten() {
        let held = |bound: &Concurrency| permits.iter().any(|permit| permit.is_of(&bound.slots));
        if !limits.concurrency.as_ref().is_some_and(held) {
            slot(&mut reservation, limits, *observed, permits, sight)?;
        }
    }
    Ok(reservation)
}

/// From here on a session asks another model: what it used until now has the price of the one before. `seen` is how many
/// tokens of its answers were seen.
pub fn turn_to(model: &Arc<str>, (used, seen): (Usage, u64), sight: &mut Sight<'_>) {
    let notes = &mut *sight.notes;
    if notes.model.as_ref() == Some(model) {
        return;
    }
    let before = notes.model.replace(Arc::clone(model));
    let before = notes.upstream_model.take().or(before);
    let untold = notes.reserved.as_ref().filter(|reserved| reserved.is_untold(&used));
    let used = untold.map_or(used, |reserved| reserved.with_seen(used, seen));
    let part = used.less(notes.earlier.as_ref().map(|earlier| earlier.usage).unwrap_or_default());
    let (Some(before), Some(upstream)) = (before, notes.upstream) else { return };
    if part.tokens() == 0 {
        return;
    }
    let price = sight.snapshot.prices.find(upstream, &before, notes.tier, sight.now);
    let earlier = notes.earlier.get_or_insert_default();
    earlier.cost += price.map_or_else(|| part.cost.unwrap_or_default(), |price| price.of(&part));
    earlier.usage = used;
    if earlier.models.last() != Some(&before) {
        earlier.models.push(before);
    }
}

/// A client's message in a session.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// How many tokens the model will read because of it, about.
    pub input: u64,
    /// Whether it asks for a response.
    pub asks: bool,
    /// The most tokens that this may have, if it says so.
    pub ceiling: Option<u64>,
    /// The tier of service that it asks for.
    pub tier: Option<Tier>,
    /// How many tokens the session's answers had until now, about.
    pub seen: u64,
}

impl Policy for FundsUnused {
    type From = Permitted;
    type Into = Funded;

    fn decide(&self, permitted: Permitted, sight: &mut Sight<'_>) -> Result<Funded, Denial> {
        let caller = permitted.scoped.caller;
        let (Some(project), Some(key)) =
            (sight.snapshot.projects.get(caller.project), sight.snapshot.keys.get(caller.key))
        else {
            return Err(Denial::built_in(Reason::KeyUnknown));
        };
        if limited(project, key) {
            let endpoint = permitted.scoped.endpoint;
            let taking = Taking::new(input(&permitted.body), endpoint, sight).first(endpoint, sight);
            let owners = owners(project, key, taking.model(sight));
            taking.known(&owners, sight)?;
        }
        Ok(Funded { permitted })
    }
}

/// Whether anything of project or key is asked here.
fn limited(project: &Project, key: &Key) -> bool {
    let asked = |limits: &Limits| {
        !limits.tokens.is_empty() || !limits.budgets.is_empty() || !limits.models.is_empty()
    };
    asked(&project.limits) || asked(&key.limits)
}

/// The limits that hold for a model: the key's and the project's, in general and of the model.
fn owners<'s>(project: &'s Project, key: &'s Key, model: Option<&str>) -> [Option<Owner<'s>>; 4] {
    let (of_key, of_project) = (key.observed.limits, project.observed.limits);
    [
        Some((&key.limits, of_key)),
        Some((&project.limits, of_project)),
        key.limits.of_model(model).map(|limits| (limits, of_key)),
        project.limits.of_model(model).map(|limits| (limits, of_project)),
    ]
}

/// A reservation that is being made.
struct Taking {
    uses: Uses,
    estimate: Estimate,
    price: Option<Arc<Price>>,
    reservation: Reservation,
    /// Whether it is a handshake behind which each message that asks names a model.
    names_later: bool,
}

impl Taking {
    fn new(input: u64, endpoint: &Endpoint, sight: &Sight<'_>) -> Self {
        let uses = uses(endpoint);
        let notes = &*sight.notes;
        let ceiling = notes.token_ceiling.unwrap_or(sight.snapshot.accounting.default_output);
        let output = ceiling.saturating_mul(notes.choices.unwrap_or(1).max(1));
        let mut estimate = match uses {
            Uses::Nothing | Uses::Unknown => Estimate::default(),
            Uses::Input => Estimate { input, ..Estimate::default() },
            Uses::Both => Estimate { input, output, ..Estimate::default() },
        };
        let model = notes.upstream_model.as_deref().or(notes.model.as_deref());
        let price = match (uses, model, notes.upstream) {
            (Uses::Input | Uses::Both, Some(model), Some(upstream)) => {
                sight.snapshot.prices.find(upstream, model, notes.tier, sight.now)
            }
            _ => None,
        };
        if let Some(price) = &price {
            estimate.money = price.most(estimate.input, estimate.output);
        }
        Self { uses, estimate, price, reservation: Reservation::default(), names_later: false }
    }

    /// The same for a request that is no message of a session.
    fn first(mut self, endpoint: &Endpoint, sight: &Sight<'_>) -> Self {
        self.names_later = endpoint.model == ModelIn::Message
            && endpoint.scope.family == Family::Responses
            && sight.notes.model.is_none();
        self
    }

    /// The model whose limits hold: the one that was asked for.
    fn model<'r>(&self, sight: &'r Sight<'_>) -> Option<&'r str> {
        if self.uses == Uses::Nothing { None } else { sight.notes.model.as_deref() }
    }

    /// Whether what it uses can be known, where some limit asks for it. A session of Responses has used nothing before it
    /// asks for the first, and is asked again then.
    fn known(&self, owners: &[Option<Owner<'_>>], sight: &mut Sight<'_>) -> Result<(), Denial> {
        if self.uses == Uses::Nothing || self.names_later || sight.snapshot.accounting.unpriced_allowed {
            return Ok(());
        }
        for (limits, observed) in owners.iter().flatten() {
            let budget = limits.budgets.first().map(|budget| budget.rule);
            let (asked_by, why) = if self.uses == Uses::Unknown {
                let rule = budget.or_else(|| limits.tokens.first().map(|limit| limit.rule));
                (rule, "no answer of this endpoint says how much was used".to_owned())
            } else if self.price.is_none() {
                let model = sight.notes.upstream_model.as_deref().or(sight.notes.model.as_deref());
                (
                    budget,
                    match model {
                        Some(model) => format!("the price of model '{}' is not known", plain(model)),
                        None => "it names no model".to_owned(),
                    },
                )
            } else {
                (None, String::new())
            };
            if let Some(rule) = asked_by {
                sight.refuse(*observed, Denial::by(Reason::CostUnknown, rule).because(why))?;
            }
        }
        Ok(())
    }

    /// Takes from all limits, and notes what was taken; or takes nothing.
    fn reserve(
        mut self,
        project: &Project,
        key: &Key,
        permits: Option<&mut Permits>,
        (asks, already): (bool, Usage),
        sight: &mut Sight<'_>,
    ) -> Result<(), Denial> {
        let owners = owners(project, key, self.model(sight));
        let outcome = self.take(&owners, permits, asks, sight);
        let Self { reservation, estimate, price, .. } = self;
        if outcome.is_err() {
            reservation.undo();
        } else if !reservation.is_empty() {
            sight.notes.reserved = Some(Box::new(Reserved { reservation, estimate, price, already, asks }));
        }
        outcome
    }

    fn take(
        &mut self,
        owners: &[Option<Owner<'_>>],
        mut permits: Option<&mut Permits>,
        asks: bool,
        sight: &mut Sight<'_>,
    ) -> Result<(), Denial> {
        self.deferred(owners, permits.as_deref_mut(), sight)?;
        self.known(owners, sight)?;
        if self.uses == Uses::Nothing {
            return Ok(());
        }
        for (at, (limits, observed)) in owners.iter().enumerate().filter_map(|(at, one)| Some((at, (*one)?)))
        {
            // The rate stage asked those that hold for all models.
            match permits.as_deref_mut() {
                Some(permits) if at >= 2 => self.rate(limits, observed, permits, sight)?,
                // A session has its slots from [`occupy`], or from when it began.
                None if at >= 2 && asks => self.requests(limits, observed, sight)?,
                Some(_) | None => {}
            }
            for limit in &limits.tokens {
                self.tokens(limit, observed, sight)?;
            }
            self.money(limits, observed, sight)?;
        }
        Ok(())
    }

    /// Requests and slots that were not taken before the body was read, because the store of several gates has to be
    /// asked.
    fn deferred(
        &mut self,
        owners: &[Option<Owner<'_>>],
        mut permits: Option<&mut Permits>,
        sight: &mut Sight<'_>,
    ) -> Result<(), Denial> {
        let slots = std::mem::take(&mut sight.notes.deferred_slots);
        if std::mem::take(&mut sight.notes.deferred) {
            for (limits, observed) in owners.iter().take(2).flatten() {
                if let (true, Some(permits)) = (slots, permits.as_deref_mut()) {
                    slot(&mut self.reservation, limits, *observed, permits, sight)?;
                }
                self.requests(limits, *observed, sight)?;
            }
        }
        Ok(())
    }

    fn requests(&mut self, limits: &Limits, observed: bool, sight: &mut Sight<'_>) -> Result<(), Denial> {
        for limit in &limits.requests {
            if let Err(short) = self.reservation.take(limit, &self.estimate, observed, sight.now) {
                sight.refuse(observed, denied(limit, short))?;
            }
        }
        Ok(())
    }

    /// Requests and slots of a model's own limits.
    fn rate(
        &mut self,
        limits: &Limits,
        observed: bool,
        permits: &mut Permits,
        sight: &mut Sight<'_>,
    ) -> Result<(), Denial> {
        slot(&mut self.reservation, limits, observed, permits, sight)?;
        self.requests(limits, observed, sight)
    }

    fn tokens(&mut self, limit: &Limit, observed: bool, sight: &mut Sight<'_>) -> Result<(), Denial> {
        let Err(short) = self.reservation.take(limit, &self.estimate, observed, sight.now) else {
            return Ok(());
        };
        let asked = self.estimate.counted(limit.counts);
        let denial = short_of(limit, asked, short, u64::from(limit.meter.left(sight.now)));
        sight.refuse(observed, denial)?;
        self.reservation.take_anyway(limit, &self.estimate, sight.now);
        Ok(())
    }

    fn money(&mut self, limits: &Limits, observed: bool, sight: &mut Sight<'_>) -> Result<(), Denial> {
        let Some(purse) = &limits.purse else { return Ok(()) };
        let money = self.estimate.money;
        let denial = match self.reservation.spend(purse, &limits.budgets, money, observed, sight.now) {
            Ok(()) => return Ok(()),
            Err(Unspent::Exhausted(exhausted)) => {
                let wait = exhausted.until_ms.saturating_sub(sight.now.unix_millis());
                let wait = Duration::from_millis(u64::try_from(wait).unwrap_or_default());
                limits.budgets.get(exhausted.at).map_or_else(
                    || Denial::built_in(Reason::BudgetExhausted),
                    |budget| spent(budget, exhausted.left, wait, money),
                )
            }
            Err(Unspent::Away) => {
                unavailable(limits.budgets.first().map_or(RuleId::BUILT_IN, |budget| budget.rule))
            }
        };
        sight.refuse(observed, denial)?;
        self.reservation.spend_anyway(purse, &limits.budgets, money, sight.now);
        Ok(())
    }
}

/// Takes a slot, if there is a bound on them.
fn slot(
    reservation: &mut Reservation,
    limits: &Limits,
    observed: bool,
    permits: &mut Permits,
    sight: &mut Sight<'_>,
) -> Result<(), Denial> {
    let Some(concurrency) = &limits.concurrency else { return Ok(()) };
    match reservation.occupy(concurrency, observed, sight.now) {
        Ok(permit) => permits.push(permit),
        Err(short) => {
            sight.refuse(observed, no_slot(concurrency.rule, short))?;
            permits.push(concurrency.slots.take_anyway(sight.now));
        }
    }
    Ok(())
}

/// A model's name as it may stand in a sentence.
fn plain(model: &str) -> &str {
    if model.bytes().all(|b| b.is_ascii_graphic()) { model } else { "?" }
}

/// How many tokens a body is taken to have. One that is still on its way is not counted: what comes in forms is sound
/// and pictures, whose tokens the answer tells.
fn input(body: &Outgoing) -> u64 {
    let Outgoing::Held(frames) = body else { return 0 };
    let mut estimator = Estimator::default();
    frames.pieces().for_each(|piece| estimator.piece(piece));
    estimator.tokens()
}
