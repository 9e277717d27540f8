//! `max_in_flight`, `max_connections` and `breaker` of an upstream: what it may be given to do, and when it is left
//! alone.

use serde::Deserialize;

use super::place::{child, item};
use super::upstream::UpstreamWritten;
use super::work::Work;
use crate::health::Tolerance;
use crate::snapshot::Capacity;

/// How many requests may wait for an upstream if nothing is written.
const QUEUED: usize = 64;
/// How long one may, in seconds.
const QUEUE_SECONDS: u64 = 2;
/// The most of anything.
const MOST: usize = 1_000_000;

/// When an upstream is left alone.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Breaker"))]
pub(super) struct BreakerWritten {
    /// After how many failures in a row; 0 for never. Default: 10.
    pub(super) failures: Option<usize>,
    /// How long it is left alone at first; each time twice as long. Default: "5s".
    pub(super) pause: Option<String>,
    /// How long at most. Default: "30s".
    pub(super) longest_pause: Option<String>,
    /// Statuses of 500 and more that count as failures, such as `[502, 503, 504, 529]`. Default: none.
    pub(super) statuses: Option<Vec<usize>>,
    /// Whether an answer that does not begin within the `response_timeout` counts. Default: false.
    pub(super) timeouts: Option<bool>,
}

impl Work<'_> {
    pub(super) fn capacity(&mut self, path: &str, written: &UpstreamWritten) -> Option<Capacity> {
        let of = |key: &str| child(path, key);
        let requests = self.count(&of("max_in_flight"), written.max_in_flight, MOST);
        let connections = self.count(&of("max_connections"), written.max_connections, MOST);
        let queue_timeout =
            self.duration(&of("queue_timeout"), written.queue_timeout.as_deref(), QUEUE_SECONDS);
        let queued = written.max_queued.unwrap_or(QUEUED);
        if queued > MOST {
            self.wrong(&of("max_queued"), &format!("{queued} is more than {MOST}"), "write a smaller number");
        }
        let Some(least) = requests.into_iter().chain(connections).min() else {
            let useless = [
                ("max_queued", written.max_queued.is_some()),
                ("queue_timeout", written.queue_timeout.is_some()),
            ];
            for (key, _) in useless.into_iter().filter(|(_, given)| *given) {
                let what = "nothing waits for this upstream, since it may have any number of requests";
                self.lint(&of(key), what, "write max_in_flight too, or remove it");
            }
            return None;
        };
        let bounding = if requests == Some(least) { "max_in_flight" } else { "max_connections" };
        let rule = self.rule(&of(bounding));
        Some(Capacity { requests: least, connections, queued, queue_timeout, rule })
    }

    pub(super) fn tolerance(&mut self, path: &str, written: Option<&BreakerWritten>) -> Option<Tolerance> {
        let path = child(path, "breaker");
        let none = BreakerWritten::default();
        let written = written.unwrap_or(&none);
        let pause = self.duration(&child(&path, "pause"), written.pause.as_deref(), 5);
        let at = child(&path, "longest_pause");
        let longest_pause = self.duration(&at, written.longest_pause.as_deref(), 30);
        if written.longest_pause.is_some() && longest_pause < pause {
            self.wrong(&at, "it is shorter than the first pause", "make it as long as the pause, or longer");
        }
        let list = child(&path, "statuses");
        let mut statuses = Vec::new();
        for (at, status) in written.statuses.iter().flatten().enumerate() {
            if let Ok(status @ 500..600) = u16::try_from(*status) {
                statuses.push(status);
            } else {
                let what = format!("{status} does not say that the upstream is in trouble");
                self.wrong(&item(&list, at), &what, "write statuses from 500 to 599");
            }
        }
        let failures = u16::try_from(written.failures.unwrap_or(10)).unwrap_or(u16::MAX);
        let tolerance = Tolerance {
            failures,
            pause,
            longest_pause: longest_pause.max(pause),
            statuses,
            timeouts: written.timeouts.unwrap_or(false),
        };
        (failures > 0).then_some(tolerance)
    }
}
