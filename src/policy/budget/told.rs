//! How it is told that tokens or money are not left, or cannot be asked for.

use std::time::Duration;

use crate::denial::{Denial, NEVER, Reason, RuleId};
use crate::limits::{Budget, Counted, Limit, Short, Want, WantOf};
use crate::money::Money;
use crate::policy::rate::{denied, no_slot, unavailable};

/// The refusal of a quota of tokens.
pub(super) fn short_of(limit: &Limit, asked: u64, short: Short, left: u64) -> Denial {
    let denial = Denial::by(Reason::TokensLimited, limit.rule);
    match short {
        Short::For(wait) => {
            denial.until(wait).because(format!("it may use {asked} {}, and {left} are left", said(limit)))
        }
        Short::Forever => denial.until(NEVER).because(format!(
            "it may use {asked} {}, more than the {} that may come at once; set a lower ceiling of the answer's tokens",
            said(limit),
            limit.meter.quota().burst
        )),
        Short::Dry(_) | Short::Away => unavailable(limit.rule),
    }
}

/// The refusal of what the store of several gates had not enough of.
#[must_use]
pub fn refused(want: &Want, wait: Duration, left: u64) -> Denial {
    match &want.of {
        WantOf::Quota(limit, _) if limit.counts == Counted::Requests => denied(limit, Short::For(wait)),
        WantOf::Quota(limit, asked) => {
            // What was here before counts too.
            let held = asked.saturating_sub(want.need);
            short_of(limit, *asked, Short::For(wait), left.saturating_add(held))
        }
        WantOf::Budget(budget, money) => {
            let held = money.as_picodollars().saturating_sub(want.need);
            spent(budget, Money::picodollars(left.saturating_add(held)), wait, *money)
        }
        WantOf::Slot(rule, _) => no_slot(*rule, Short::For(wait)),
        WantOf::Nothing => unavailable(RuleId::BUILT_IN),
    }
}

/// The refusal where the store of several gates cannot be asked for this.
#[must_use]
pub fn not_asked(want: &Want) -> Denial {
    match &want.of {
        WantOf::Quota(limit, _) => unavailable(limit.rule),
        WantOf::Budget(budget, _) => unavailable(budget.rule),
        WantOf::Slot(rule, _) => unavailable(*rule),
        WantOf::Nothing => unavailable(RuleId::BUILT_IN),
    }
}

/// The refusal of a budget.
pub(super) fn spent(budget: &Budget, left: Money, wait: Duration, money: Money) -> Denial {
    let why = format!(
        "it may cost {} USD, and {} USD are left of this {}",
        money.rounded_up(),
        left,
        budget.window.word()
    );
    let denial = Denial::by(Reason::BudgetExhausted, budget.rule).because(why);
    // More than the whole budget never fits, however long one waits.
    denial.until(if money > budget.most { NEVER } else { wait })
}

/// What a quota counts, in words.
const fn said(limit: &Limit) -> &'static str {
    match limit.counts {
        Counted::Requests => "requests",
        Counted::Input => "input tokens",
        Counted::Output => "output tokens",
        Counted::Tokens => "tokens",
    }
}
