//! `limits`: how fast, how many at once, and for how much money.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::observable::Mode;
use super::place::child;
use super::value::OneOrMany;
use super::work::Work;
use crate::limits::{
    Budget, Concurrency, Counted, ForModels, Limit, Limits, Quota, Spender, Untellable, Window,
};
use crate::model_name::ModelList;
use crate::money::Money;

/// How fast, how many at once, and for how much money.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Limits"))]
pub(super) struct LimitsWritten {
    /// Requests in a stretch of time, or several such quotas: `"600/min"` or `["10/s", "600/min"]`.
    /// Units: s, min, h, day. As many may come at once, unless a burst is named: `"600/min burst 20"`.
    pub(super) requests: Option<OneOrMany>,
    /// Tokens that models read and write, in the same way: `"200k/min"`, `"5M/day"`.
    pub(super) tokens: Option<OneOrMany>,
    /// Tokens that models read.
    pub(super) input_tokens: Option<OneOrMany>,
    /// Tokens that models write.
    pub(super) output_tokens: Option<OneOrMany>,
    /// Money in a stretch of the calendar, or several: `"500 USD/month"` or `["40 USD/day", "500 USD/month"]`.
    /// Stretches: day, week, month, in the time zone of `[accounting]`. Needs a `[store]`.
    pub(super) budget: Option<OneOrMany>,
    /// How many requests may be in flight at once.
    pub(super) concurrency: Option<u32>,
    /// With "observe", what is over a limit passes, and the record says that it would have been
    /// refused. Default: "enforce".
    pub(super) mode: Option<Mode>,
    /// Limits of single models beside these, by name or pattern; of several that fit the closest counts.
    pub(super) models: Option<BTreeMap<String, ModelLimitsWritten>>,
}

/// Limits of single models.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "ModelLimits"))]
pub(super) struct ModelLimitsWritten {
    /// As for all models.
    pub(super) requests: Option<OneOrMany>,
    /// As for all models.
    pub(super) tokens: Option<OneOrMany>,
    /// As for all models.
    pub(super) input_tokens: Option<OneOrMany>,
    /// As for all models.
    pub(super) output_tokens: Option<OneOrMany>,
    /// As for all models.
    pub(super) budget: Option<OneOrMany>,
    /// As for all models.
    pub(super) concurrency: Option<u32>,
}

/// What both have.
struct Bounds<'w> {
    requests: Option<&'w OneOrMany>,
    tokens: [(Counted, Option<&'w OneOrMany>); 3],
    budget: Option<&'w OneOrMany>,
    concurrency: Option<u32>,
}

macro_rules! bounds {
    ($written:expr) => {
        Bounds {
            requests: $written.requests.as_ref(),
            tokens: [
                (Counted::Tokens, $written.tokens.as_ref()),
                (Counted::Input, $written.input_tokens.as_ref()),
                (Counted::Output, $written.output_tokens.as_ref()),
            ],
            budget: $written.budget.as_ref(),
            concurrency: $written.concurrency,
        }
    };
}

impl LimitsWritten {
    /// Whether they are only observed.
    pub(super) fn observed(&self) -> bool {
        self.mode == Some(Mode::Observe)
    }
}

const LIKE_REQUESTS: &str =
    "write it like \"10/s\", \"600/min\", \"5000/h\", \"10000/day\" or \"600/min burst 20\"";
const LIKE_TOKENS: &str = "write it like \"200k/min\", \"5M/day\" or \"200k/min burst 50k\"";
const LIKE_MONEY: &str = "write it like \"500 USD/month\", \"40 USD/day\" or \"0.50 USD/week\"";

impl Work<'_> {
    /// Compiles the `limits` at a path; the state belongs to `owner`.
    pub(super) fn limits(
        &mut self,
        path: &str,
        owner: &str,
        spender: &Spender,
        written: Option<&LimitsWritten>,
    ) -> Limits {
        let Some(written) = written else { return Limits::default() };
        let mut limits = self.limits_of(path, owner, spender, &bounds!(written));
        for (pattern, one) in written.models.iter().flatten() {
            let of_models = child(path, "models");
            let path = child(&of_models, pattern);
            let models: ModelList = [pattern.as_str()].into_iter().collect();
            let spender = Spender { models: Some(models.clone()), ..spender.clone() };
            let owner = child(&child(owner, "models"), pattern);
            limits
                .models
                .push(ForModels { models, limits: self.limits_of(&path, &owner, &spender, &bounds!(one)) });
        }
        // The closest pattern is asked first.
        limits.models.sort_by_key(|one| {
            let pattern = one.models.iter().next().unwrap_or_default();
            (pattern.contains('*'), std::cmp::Reverse(pattern.len()))
        });
        limits
    }

    fn limits_of(&mut self, path: &str, owner: &str, spender: &Spender, written: &Bounds<'_>) -> Limits {
        let of = |key: &str| child(path, key);
        let mut counted: Vec<Limit> = Vec::new();
        for (counts, one) in written.tokens {
            counted.extend(self.quotas(&of(counts.word()), owner, counts, one));
        }
        counted.sort_by_key(|limit| limit.meter.quota().per);
        let budgets = self.budgets(&of("budget"), written.budget);
        let purse = (!budgets.is_empty())
            .then(|| self.registry.purse(owner, spender.clone(), (&self.zone, self.shared), self.now));
        Limits {
            requests: self.quotas(&of("requests"), owner, Counted::Requests, written.requests),
            tokens: counted,
            concurrency: written.concurrency.and_then(|most| self.concurrency(path, owner, most)),
            budgets,
            purse,
            models: Vec::new(),
        }
    }

    fn concurrency(&mut self, path: &str, owner: &str, most: u32) -> Option<Concurrency> {
        let path = child(path, "concurrency");
        if most == 0 {
            self.wrong(
                &path,
                "with a concurrency of 0 no request could pass",
                "write at least 1, or switch the project off with enabled = false",
            );
            return None;
        }
        let slots = self.registry.slots(owner, self.shared);
        Some(Concurrency { slots, most, rule: self.rule(&path) })
    }

    /// The entries of a list that may be written as one.
    fn one_or_many(&mut self, path: &str, written: Option<&OneOrMany>) -> Vec<(String, String)> {
        match written {
            Some(OneOrMany::One(one)) => vec![(path.to_owned(), one.clone())],
            list => self.entries(path, list, None),
        }
    }

    fn quotas(
        &mut self,
        path: &str,
        owner: &str,
        counts: Counted,
        written: Option<&OneOrMany>,
    ) -> Vec<Limit> {
        let mut limits: Vec<Limit> = Vec::new();
        for (path, text) in self.one_or_many(path, written) {
            let Some(quota) = parse_quota(&text) else {
                let (what, mend) = match counts {
                    Counted::Requests => ("requests", LIKE_REQUESTS),
                    Counted::Input | Counted::Output | Counted::Tokens => ("tokens", LIKE_TOKENS),
                };
                if is_out_of_range(&text) {
                    let mend = "write a whole number from 1 to 4294967295; what may not be called at all is left out of scopes";
                    self.wrong(&path, &format!("a quota cannot be of so many {what}"), mend);
                } else {
                    self.wrong(&path, &format!("this is not a number of {what} in a stretch of time"), mend);
                }
                continue;
            };
            if limits.iter().any(|limit| limit.meter.quota().per == quota.per) {
                let what = "there is a quota for this stretch of time already; only the smaller one matters";
                self.lint(&path, what, "remove one of them");
            }
            // The registry would give the same meter again, and a request would be taken twice from it.
            if limits.iter().any(|limit| limit.meter.quota() == quota) {
                continue;
            }
            match self.registry.meter(owner, counts, quota, self.shared) {
                Ok(meter) => limits.push(Limit { counts, meter, rule: self.rule(&path) }),
                Err(Untellable::TooFine) => {
                    self.wrong(
                        &path,
                        "this quota is finer than nanoseconds can tell",
                        "write a smaller number",
                    );
                }
                Err(Untellable::TooLong) => {
                    self.wrong(
                        &path,
                        "this burst would take more than a century to grow back",
                        "write a smaller burst",
                    );
                }
            }
        }
        limits.sort_by_key(|limit| (limit.meter.quota().per, limit.meter.quota().amount));
        limits
    }

    fn budgets(&mut self, path: &str, written: Option<&OneOrMany>) -> Vec<Budget> {
        let mut budgets: Vec<Budget> = Vec::new();
        for (path, text) in self.one_or_many(path, written) {
            let Some((most, window)) = parse_budget(&text) else {
                self.wrong(&path, "this is not an amount of money in a stretch of the calendar", LIKE_MONEY);
                continue;
            };
            if most == Money::ZERO {
                self.wrong(
                    &path,
                    "with nothing to spend no request could pass",
                    "write an amount, or take the models away that cost something",
                );
                continue;
            }
            if budgets.iter().any(|budget| budget.window == window) {
                let what = format!(
                    "there is a budget for a {} already; only the smaller one matters",
                    window.word()
                );
                self.lint(&path, &what, "remove one of them");
            }
            budgets.push(Budget { window, most, rule: self.rule(&path) });
        }
        if !budgets.is_empty() && !self.has_store {
            self.wrong(
                path,
                "a budget needs a place where what was spent outlives the gate",
                "add [store] with path = \"/var/lib/portcullis/portcullis.db\"",
            );
        }
        budgets.sort_by_key(|budget| (budget.window, budget.most));
        budgets
    }
}

/// Who spends, of a project or one of its keys.
pub(super) fn spender(project: &str, key: Option<&str>) -> Spender {
    Spender { project: project.into(), key: key.map(Arc::from), models: None }
}

pub(super) fn parse_quota(text: &str) -> Option<Quota> {
    let (text, burst) = match text.split_once("burst") {
        Some((text, burst)) => (text.trim_end(), Some(parse_amount(burst)?)),
        None => (text, None),
    };
    let (amount, unit) = text.split_once('/')?;
    let seconds = match unit.trim() {
        "s" | "sec" | "second" => 1,
        "m" | "min" | "minute" => 60,
        "h" | "hour" => 3_600,
        "d" | "day" => 86_400,
        _ => return None,
    };
    let quota = Quota::new(parse_amount(amount)?, Duration::from_secs(seconds));
    Some(Quota { burst: burst.unwrap_or(quota.burst), ..quota })
}

/// Whether only the number of a quota is wrong: it is zero, or too large.
fn is_out_of_range(text: &str) -> bool {
    let digits = text.trim_start().bytes().take_while(u8::is_ascii_digit).count();
    let one = format!("1{}", text.trim_start().get(digits..).unwrap_or_default());
    digits > 0 && parse_quota(&one).is_some()
}

/// A whole number, or one with `k` or `M` behind it, which may then have a point: `1.5M`.
fn parse_amount(text: &str) -> Option<NonZeroU32> {
    let text = text.trim();
    let (number, zeros) = match text.strip_suffix(['k', 'K']) {
        Some(number) => (number, 3),
        None => text.strip_suffix('M').map_or((text, 0), |number| (number, 6)),
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(part) || part.len() > zeros || number.ends_with('.') {
        return None;
    }
    format!("{whole}{part:0<zeros$}").parse().ok()
}

fn parse_budget(text: &str) -> Option<(Money, Window)> {
    let (amount, window) = text.split_once('/')?;
    let amount = amount.trim().strip_suffix("USD").or_else(|| amount.trim().strip_prefix('$'))?;
    let window = Window::ALL.into_iter().find(|one| one.word() == window.trim())?;
    Some((Money::parse_dollars(amount.trim())?, window))
}

/// How an amount is written.
fn amount_text(amount: NonZeroU32) -> String {
    let amount = amount.get();
    match amount {
        _ if amount.is_multiple_of(1_000_000) => format!("{}M", amount / 1_000_000),
        _ if amount >= 10_000 && amount.is_multiple_of(1_000) => format!("{}k", amount / 1_000),
        _ => amount.to_string(),
    }
}

/// How a quota is written.
#[must_use]
pub fn quota_text(quota: Quota) -> String {
    let unit = match quota.per.as_secs() {
        1 => "s".to_owned(),
        60 => "min".to_owned(),
        3_600 => "h".to_owned(),
        86_400 => "day".to_owned(),
        seconds => format!("{seconds}s"),
    };
    let burst = if quota.burst == quota.amount {
        String::new()
    } else {
        format!(" burst {}", amount_text(quota.burst))
    };
    format!("{}/{unit}{burst}", amount_text(quota.amount))
}

/// How a budget is written.
#[must_use]
pub fn budget_text(budget: &Budget) -> String {
    format!("{} USD/{}", budget.most, budget.window.word())
}

/// How limits are told, each in a few words.
#[must_use]
pub fn limit_texts(limits: &Limits) -> Vec<String> {
    let quota = |limit: &Limit| match limit.counts {
        Counted::Requests => quota_text(limit.meter.quota()),
        Counted::Input => format!("{} input tokens", quota_text(limit.meter.quota())),
        Counted::Output => format!("{} output tokens", quota_text(limit.meter.quota())),
        Counted::Tokens => format!("{} tokens", quota_text(limit.meter.quota())),
    };
    let mut texts: Vec<String> = limits.requests.iter().chain(&limits.tokens).map(quota).collect();
    texts.extend(limits.concurrency.iter().map(|at_once| format!("{} at once", at_once.most)));
    texts.extend(limits.budgets.iter().map(budget_text));
    for one in &limits.models {
        let pattern = one.models.iter().next().unwrap_or_default();
        texts.extend(limit_texts(&one.limits).into_iter().map(|text| format!("{pattern}: {text}")));
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_are_read_and_written() {
        for (text, amount, per, burst, written) in [
            ("600/min", 600, 60, 600, "600/min"),
            ("200k/min", 200_000, 60, 200_000, "200k/min"),
            ("1.5M / day", 1_500_000, 86_400, 1_500_000, "1500k/day"),
            ("2M/h burst 50k", 2_000_000, 3_600, 50_000, "2M/h burst 50k"),
        ] {
            let quota = parse_quota(text).unwrap();
            let read = (quota.amount.get(), quota.per.as_secs(), quota.burst.get());
            assert_eq!((read, quota_text(quota).as_str()), ((amount, per, burst), written), "{text}");
            assert_eq!(parse_quota(&quota_text(quota)), Some(quota));
        }
        for wrong in [
            "",
            "600",
            "0/min",
            "1.5/min",
            "-1/s",
            "1.2345k/s",
            "5G/s",
            "5/fortnight",
            "5/s burst",
            "5/s burst 0",
            "5000M/s",
            ".5k/s",
            "1.k/s",
        ] {
            assert_eq!(parse_quota(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn budgets_are_read_and_written() {
        let dollars = |text| Money::parse_dollars(text).unwrap();
        assert_eq!(parse_budget("500 USD/month"), Some((dollars("500"), Window::Month)));
        assert_eq!(parse_budget("0.5USD / week"), Some((dollars("0.5"), Window::Week)));
        assert_eq!(parse_budget("$40/day"), Some((dollars("40"), Window::Day)));
        for wrong in ["500/month", "500 EUR/month", "500 USD", "500 USD/year", "-5 USD/day", "1e3 USD/day"] {
            assert_eq!(parse_budget(wrong), None, "{wrong}");
        }
    }
}
