//! What a request came to: what it used, what that cost, and how sure that is.
//!
//! 1. What the provider reports counts.
//! 2. A request that was not sent, or that the provider refused, used nothing. A session that ends because a message was
//!    refused used what came before.
//! 3. Of a stream that ended before its report came, what was reserved for its input counts, and what was seen of its
//!    output. Of a session that ended before the report of its last response, the same holds of that response.
//! 4. Of anything else that may have been executed, all that was reserved counts: nobody knows what it used.

use crate::denial::Reason;
use crate::limits::Estimate;
use crate::money::Money;
use crate::record::{Cost, Outcome, Record};
use crate::usage::{Usage, reports};

/// What a request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settlement {
    /// What it used.
    pub(super) usage: Usage,
    /// What that cost, and whether any of it is estimated.
    pub(super) cost: Cost,
    /// Whether that is known at all: a model without a price may cost anything.
    pub(super) priced: bool,
}

/// How much of a request is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// It used nothing.
    Nothing,
    /// It used what was reported.
    Reported,
    /// It used its input, and what was seen of its output.
    Seen,
    /// It may have used all that was reserved.
    Unknown,
}

/// What a record that has ended came to.
pub(super) fn settlement(record: &Record) -> Settlement {
    let estimate = record.reserved.as_ref().map_or_else(Estimate::default, |reserved| reserved.estimate);
    let (already, asks) =
        record.reserved.as_ref().map_or_else(Default::default, |reserved| (reserved.already, reserved.asks));
    let known = known(record);
    let reported = record.usage.unwrap_or_default();
    let usage = match known {
        Known::Nothing => Usage::default(),
        Known::Reported => reported,
        Known::Seen => Usage {
            // Some streams report their input at once, and their output at the end.
            input: if asks && reported.input <= already.input {
                already.input.saturating_add(estimate.input)
            } else {
                reported.input
            },
            output: reported.output.max(record.output_seen),
            ..reported
        },
        Known::Unknown => Usage { input: estimate.input, output: estimate.output, ..Usage::default() },
    };
    // The price may be another's than was reserved: a project's settings at the provider decide where nothing was asked
    // for, and what was asked for is not always given.
    let tier = record.served.map_or(record.tier, |served| served.instead_of(record.tier));
    let as_reserved = record.reserved.as_ref().filter(|_| tier == record.tier);
    let price = as_reserved.and_then(|reserved| reserved.price.clone()).or_else(|| {
        let model = record.upstream_model.as_deref().or(record.model.as_deref())?;
        record.snapshot.prices.find(record.upstream?, model, tier, record.begun)
    });
    // Of a session only what came since it named its model is the model's.
    let (part, earlier) = match &record.earlier {
        Some(earlier) => (usage.less(earlier.usage), earlier.cost),
        None => (usage, Money::ZERO),
    };
    let priced = price.is_some() || usage.cost.is_some();
    let money = match (known, price) {
        (Known::Nothing, _) => Money::ZERO,
        (Known::Unknown, _) => estimate.money,
        (Known::Reported | Known::Seen, Some(price)) => price.of(&part),
        (Known::Reported | Known::Seen, None) => part.cost.unwrap_or_default(),
    } + earlier;
    // Where nothing limits tokens nothing was estimated either, and what was not reported counts as nothing.
    let may_report = || record.endpoint.is_some_and(reports);
    let estimated =
        matches!(known, Known::Seen | Known::Unknown) && (usage != Usage::default() || may_report());
    Settlement { usage, cost: Cost { money, estimated }, priced }
}

fn known(record: &Record) -> Known {
    let streams = record.stream;
    match (&record.outcome, record.upstream_status) {
        // What refuses costs nothing; what it reports all the same counts.
        (_, Some(400..)) => {
            if record.usage.is_some() {
                Known::Reported
            } else {
                Known::Nothing
            }
        }
        (Outcome::Served, Some(_)) => match record.usage {
            Some(_) if is_untold(record) || streams && record.unreported => Known::Seen,
            Some(_) => Known::Reported,
            None if streams => Known::Seen,
            None => Known::Unknown,
        },
        (Outcome::Open | Outcome::Cut(_), Some(_)) => {
            if streams {
                Known::Seen
            } else {
                Known::Unknown
            }
        }
        // The client left before any answer: its request may have been sent, and may have been executed.
        (Outcome::Open | Outcome::Cut(_), None) => {
            if record.decided.is_some() {
                Known::Unknown
            } else {
                Known::Nothing
            }
        }
        (Outcome::Refused(denial), Some(_))
            if matches!(denial.reason, Reason::UpstreamInvalid | Reason::InternalError) =>
        {
            Known::Unknown
        }
        (Outcome::Refused(_), None) if record.unsure => Known::Unknown,
        (Outcome::Refused(_), Some(_)) if is_untold(record) => Known::Seen,
        (Outcome::Refused(_), Some(_)) if record.session.is_some() && record.usage.is_some() => {
            Known::Reported
        }
        (Outcome::Refused(_) | Outcome::Served, _) => Known::Nothing,
    }
}

/// Whether a session ended before anything was reported of a response that was asked for.
fn is_untold(record: &Record) -> bool {
    let used = record.usage.unwrap_or_default();
    let of_last = record.reserved.as_ref().is_some_and(|reserved| reserved.is_untold(&used));
    record.session.is_some() && (of_last || record.unreported)
}
