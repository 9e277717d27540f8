//! `limits`: how fast, and how many at once.

use std::num::NonZeroU32;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::observable::Mode;
use super::place::child;
use super::value::OneOrMany;
use super::work::Work;
use crate::limits::{Concurrency, Limit, Quota};

/// How fast, and how many at once.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Limits")]
pub(super) struct LimitsWritten {
    /// Requests in a stretch of time, or several such quotas: `"600/min"` or `["10/s", "600/min"]`.
    /// Units: s, min, h, day. As many may come at once.
    pub(super) requests: Option<OneOrMany>,
    /// How many requests may be in flight at once.
    pub(super) concurrency: Option<u32>,
    /// With "observe", what is over a limit passes, and the record says that it would have been
    /// refused. Default: "enforce".
    pub(super) mode: Option<Mode>,
    /// Of a later version.
    #[schemars(skip)]
    pub(super) tokens: Option<serde_json::Value>,
    /// Of a later version.
    #[schemars(skip)]
    pub(super) budget: Option<serde_json::Value>,
}

impl LimitsWritten {
    /// Whether they are only observed.
    pub(super) fn observed(&self) -> bool {
        self.mode == Some(Mode::Observe)
    }
}

/// `limits` compiled: the quotas, the shortest first, and the bound on requests in flight.
pub(super) type Limits = (Vec<Limit>, Option<Concurrency>);

impl Work<'_> {
    /// Compiles the `limits` at a path; the state belongs to `owner`.
    pub(super) fn limits(&mut self, path: &str, owner: &str, written: Option<&LimitsWritten>) -> Limits {
        let Some(written) = written else { return Limits::default() };
        for (name, value) in [("tokens", &written.tokens), ("budget", &written.budget)] {
            if value.is_some() {
                let what = format!("`{name}` limits are not available in this version");
                self.wrong(&child(path, name), &what, "limit requests and concurrency instead");
            }
        }
        let concurrency = written.concurrency.and_then(|most| self.concurrency(path, owner, most));
        (self.quotas(&child(path, "requests"), owner, written.requests.as_ref()), concurrency)
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
        Some(Concurrency { slots: self.registry.slots(owner), most, rule: self.rule(&path) })
    }

    fn quotas(&mut self, path: &str, owner: &str, written: Option<&OneOrMany>) -> Vec<Limit> {
        let entries = match written {
            Some(OneOrMany::One(one)) => vec![(path.to_owned(), one.clone())],
            list => self.entries(path, list, None),
        };
        let mut limits: Vec<Limit> = Vec::new();
        for (path, text) in entries {
            let Some(quota) = parse_quota(&text) else {
                self.wrong(
                    &path,
                    "this is not a number of requests in a stretch of time",
                    "write it like \"10/s\", \"600/min\", \"5000/h\" or \"10000/day\"",
                );
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
            match self.registry.meter(owner, quota) {
                Ok(meter) => limits.push(Limit { meter, rule: self.rule(&path) }),
                Err(crate::limits::TooFine) => {
                    self.wrong(
                        &path,
                        "this quota is finer than one request in a nanosecond",
                        "write a smaller number",
                    );
                }
            }
        }
        limits.sort_by_key(|limit| (limit.meter.quota().per, limit.meter.quota().requests));
        limits
    }
}

pub(super) fn parse_quota(text: &str) -> Option<Quota> {
    let (number, unit) = text.split_once('/')?;
    let seconds = match unit.trim_start() {
        "s" | "sec" | "second" => 1,
        "m" | "min" | "minute" => 60,
        "h" | "hour" => 3_600,
        "d" | "day" => 86_400,
        _ => return None,
    };
    let number = number.trim_end();
    let plain = number.bytes().all(|b| b.is_ascii_digit());
    let requests = plain.then(|| number.parse::<NonZeroU32>().ok()).flatten()?;
    Some(Quota { requests, per: Duration::from_secs(seconds) })
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
    format!("{}/{unit}", quota.requests)
}
