//! Sums up decisions that are alike, so that a busy gate writes few rows.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use super::Decision;

/// What makes two decisions alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Alike {
    pub(super) hour: i64,
    pub(super) project: Arc<str>,
    pub(super) key_id: Arc<str>,
    pub(super) client: IpAddr,
    pub(super) method: Box<str>,
    pub(super) path: Box<str>,
    pub(super) model: Box<str>,
    pub(super) denied: &'static str,
    pub(super) would_deny: &'static str,
    pub(super) surface: &'static str,
    pub(super) scope: &'static str,
    pub(super) upstream: Option<Arc<str>>,
}

/// How often, and when last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Often {
    pub(super) count: i64,
    pub(super) last: i64,
}

/// How fast a key asks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    hour: i64,
    minute: i64,
    second: i64,
    in_minute: i64,
    in_second: i64,
    pub(super) requests: i64,
    pub(super) most_in_a_minute: i64,
    pub(super) most_in_a_second: i64,
}

/// A project's key, by name.
pub(super) type Owner = (Arc<str>, Arc<str>);

/// The pace of every key that asked lately.
#[derive(Debug, Default)]
pub(super) struct Paces(HashMap<Owner, Pace>);

/// Stands in a key's place for all keys of a project together.
pub(super) const ALL_KEYS: &str = "";

/// The longest path or model that is kept.
const LONGEST: usize = 256;

/// Milliseconds since 1970.
pub(super) fn millis(at: SystemTime) -> i64 {
    at.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The hours since 1970 at a time in milliseconds.
pub(super) const fn hour(millis: i64) -> i64 {
    millis / 3_600_000
}

impl Alike {
    fn of(decision: &Decision, at: i64) -> Option<Self> {
        let key = decision.snapshot.keys.get(decision.key)?;
        let project = decision.snapshot.projects.get(key.project)?;
        let upstream = decision.upstream.and_then(|upstream| decision.snapshot.upstreams.get(upstream));
        Some(Self {
            hour: hour(at),
            project: Arc::clone(&project.name),
            key_id: Arc::clone(&key.id),
            client: decision.client,
            method: shown(decision.method.as_str()),
            path: shown(decision.uri.path()),
            model: shown(decision.model.as_deref().unwrap_or_default()),
            denied: decision.denied.map_or("", crate::denial::Reason::code),
            would_deny: decision.would_deny.map_or("", crate::denial::Reason::code),
            surface: decision.endpoint.map_or("", |endpoint| endpoint.surface.name()),
            scope: decision.endpoint.map_or("", |endpoint| endpoint.scope.name()),
            upstream: upstream.map(|upstream| Arc::clone(&upstream.name)),
        })
    }
}

/// What a client chose, as it may be kept.
fn shown(text: &str) -> Box<str> {
    let text = crate::record::up_to_a_key(text);
    text.get(..text.floor_char_boundary(LONGEST)).unwrap_or_default().into()
}

/// Sums up decisions.
pub(super) fn tally(decisions: &[Decision]) -> HashMap<Alike, Often> {
    let mut sums: HashMap<Alike, Often> = HashMap::new();
    for decision in decisions {
        let at = millis(decision.at);
        let Some(alike) = Alike::of(decision, at) else { continue };
        let often = sums.entry(alike).or_default();
        often.count += 1;
        often.last = often.last.max(at);
    }
    sums
}

impl Paces {
    /// Counts decisions in; gives the pace of each key that is among them, by its hour.
    pub(super) fn count(&mut self, decisions: &[Decision]) -> HashMap<(i64, Owner), Pace> {
        let mut changed = HashMap::new();
        let latest = decisions.iter().map(|decision| hour(millis(decision.at))).max().unwrap_or_default();
        self.0.retain(|_, pace| pace.hour + 1 >= latest);
        for decision in decisions.iter().filter(|decision| decision.asks_for_a_turn()) {
            let Some(key) = decision.snapshot.keys.get(decision.key) else { continue };
            let Some(project) = decision.snapshot.projects.get(key.project) else { continue };
            for owner in [Arc::clone(&key.id), ALL_KEYS.into()].map(|key| (Arc::clone(&project.name), key)) {
                let pace = self.0.entry(owner.clone()).or_default();
                pace.count(millis(decision.at));
                let told = changed.entry((pace.hour, owner)).or_insert(Pace::default());
                let requests = told.requests + 1;
                *told = Pace { requests, ..*pace };
            }
        }
        changed
    }
}

impl Pace {
    fn count(&mut self, at: i64) {
        if hour(at) > self.hour {
            *self = Self { hour: hour(at), ..Self::default() };
        }
        // Records close out of order; what comes late counts for the time that is counted now.
        if at / 60_000 > self.minute {
            (self.minute, self.in_minute) = (at / 60_000, 0);
        }
        if at / 1_000 > self.second {
            (self.second, self.in_second) = (at / 1_000, 0);
        }
        self.in_minute += 1;
        self.in_second += 1;
        self.most_in_a_minute = self.most_in_a_minute.max(self.in_minute);
        self.most_in_a_second = self.most_in_a_second.max(self.in_second);
    }
}

impl Decision {
    /// Whether it came so far that its key's rate was asked.
    fn asks_for_a_turn(&self) -> bool {
        self.denied.is_none_or(|reason| {
            let stage = reason.facts().stage;
            ["rate", "ask", "model"].contains(&stage)
        })
    }
}
