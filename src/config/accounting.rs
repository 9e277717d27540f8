//! `[accounting]`: how what requests use is counted.

use jiff::tz::TimeZone;
use serde::Deserialize;

use super::place::child;
use super::work::Work;
use crate::snapshot::Accounting;

/// How what requests use is counted.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Accounting"))]
pub(super) struct AccountingWritten {
    /// The zone in whose calendar days, weeks and months of budgets begin, such as "Europe/Berlin".
    /// Default: "UTC".
    pub(super) time_zone: Option<String>,
    /// How many tokens an answer is taken to have at most, of a request that sets no ceiling. They are reserved before
    /// the request goes out, and what was not used comes back. Default: 4096.
    pub(super) default_output: Option<u32>,
    /// What becomes of a request whose cost cannot be known, in a project with a budget: "refuse" or "allow".
    /// Default: "refuse".
    pub(super) unpriced: Option<Unpriced>,
    /// The shares of a budget, in percent, at which the log and a metric warn. Default: [80, 95].
    pub(super) warn_at: Option<Vec<u8>>,
}

/// What becomes of a request whose cost cannot be known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(inline))]
pub(super) enum Unpriced {
    /// It is refused.
    #[default]
    Refuse,
    /// It passes and counts as free.
    Allow,
}

const PATH: &str = "accounting";

impl Work<'_> {
    /// The zone of the calendar; the limits are compiled by it.
    pub(super) fn time_zone(&mut self, written: Option<&AccountingWritten>) -> TimeZone {
        let Some(name) = written.and_then(|written| written.time_zone.as_deref()) else {
            return TimeZone::UTC;
        };
        TimeZone::get(name).unwrap_or_else(|_| {
            self.wrong(
                &child(PATH, "time_zone"),
                "there is no time zone of this name",
                "write a name of the IANA database, such as \"Europe/Berlin\" or \"UTC\"",
            );
            TimeZone::UTC
        })
    }

    /// Compiles the section.
    pub(super) fn accounting(&mut self, written: Option<&AccountingWritten>) -> Accounting {
        let none = AccountingWritten::default();
        let written = written.unwrap_or(&none);
        let mut warn_at = written.warn_at.clone().unwrap_or_else(|| vec![80, 95]);
        if warn_at.iter().any(|share| !(1..=100).contains(share)) {
            self.wrong(
                &child(PATH, "warn_at"),
                "a share of a budget is a number of percent from 1 to 100",
                "write it like warn_at = [80, 95]",
            );
        }
        warn_at.sort_unstable();
        warn_at.dedup();
        Accounting {
            default_output: u64::from(written.default_output.unwrap_or(4096)),
            default_output_rule: self.rule(&child(PATH, "default_output")),
            unpriced_allowed: written.unpriced == Some(Unpriced::Allow),
            warn_at,
        }
    }
}
