//! Sums up decisions that are alike, so that a busy gate writes few rows.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::decisions::Decision;
use crate::denial::Reason;
use crate::provider_key::up_to_a_key;

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

/// How many requests a key began in each of the last seconds.
///
/// Records close out of order: what began long ago and ended now is counted where it began, as far
/// as the seconds reach back.
#[derive(Debug)]
struct Pace {
    /// The latest second, counted from 1970.
    latest: i64,
    /// By second, round and round.
    seconds: Box<[u32; SECONDS]>,
}

/// How far back it is counted: as long as an answer may take to begin.
const SECONDS: usize = 900;
/// A minute can begin in the middle of a second, so it touches one more.
const MINUTE: usize = 61;

/// What is told of a key's pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) hour: i64,
    pub(super) requests: i64,
    pub(super) most_in_a_minute: i64,
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

/// The hours since 1970 at a time in milliseconds.
pub(super) const fn hour(millis: i64) -> i64 {
    millis / 3_600_000
}

impl Alike {
    fn of(decision: &Decision) -> Option<Self> {
        let key = decision.snapshot.keys.get(decision.key)?;
        let project = decision.snapshot.projects.get(key.project)?;
        let upstream = decision.upstream.and_then(|upstream| decision.snapshot.upstreams.get(upstream));
        Some(Self {
            hour: hour(decision.last),
            project: Arc::clone(&project.name),
            key_id: Arc::clone(&key.id),
            client: decision.client,
            method: shown(decision.method.as_str()),
            path: shown(decision.uri.path()),
            model: shown(decision.model.as_deref().unwrap_or_default()),
            denied: decision.denied.map_or("", Reason::code),
            would_deny: decision.would_deny.map_or("", Reason::code),
            surface: decision.endpoint.map_or("", |endpoint| endpoint.surface.name()),
            scope: decision.endpoint.map_or("", |endpoint| endpoint.scope.name()),
            upstream: upstream.map(|upstream| Arc::clone(&upstream.name)),
        })
    }
}

/// What a client chose, as it may be kept.
fn shown(text: &str) -> Box<str> {
    let text = up_to_a_key(text);
    text.get(..text.floor_char_boundary(LONGEST)).unwrap_or_default().into()
}

/// Sums up decisions.
pub(super) fn tally(decisions: &[Decision]) -> HashMap<Alike, Often> {
    let mut sums: HashMap<Alike, Often> = HashMap::new();
    for decision in decisions {
        let Some(alike) = Alike::of(decision) else { continue };
        let often = sums.entry(alike).or_default();
        often.count += decision.count;
        often.last = often.last.max(decision.last);
    }
    sums
}

impl Paces {
    /// Counts decisions in; tells the pace of each key that is among them.
    pub(super) fn count(&mut self, decisions: &[Decision]) -> HashMap<Owner, Told> {
        let mut counted: HashMap<Owner, i64> = HashMap::new();
        for decision in decisions.iter().filter(|decision| decision.asks_for_a_turn()) {
            let Some(key) = decision.snapshot.keys.get(decision.key) else { continue };
            let Some(project) = decision.snapshot.projects.get(key.project) else { continue };
            for key in [Arc::clone(&key.id), ALL_KEYS.into()] {
                let owner = (Arc::clone(&project.name), key);
                let pace = self.0.entry(owner.clone()).or_insert_with(Pace::new);
                pace.count(decision.last.div_euclid(1_000), decision.count);
                *counted.entry(owner).or_default() += decision.count;
            }
        }
        let latest = self.0.values().map(|pace| pace.latest).max().unwrap_or_default();
        let reach = i64::try_from(SECONDS).unwrap_or(i64::MAX);
        self.0.retain(|_, pace| pace.latest.saturating_add(reach) > latest);
        let told = |(owner, requests)| {
            let pace = self.0.get(&owner)?;
            let told =
                Told { hour: hour(pace.latest * 1_000), requests, most_in_a_minute: pace.most_in_a_minute() };
            Some((owner, told))
        };
        counted.into_iter().filter_map(told).collect()
    }
}

impl Pace {
    fn new() -> Self {
        Self { latest: 0, seconds: Box::new([0; SECONDS]) }
    }

    fn slot(&mut self, second: i64) -> Option<&mut u32> {
        let slots = i64::try_from(SECONDS).ok()?;
        self.seconds.get_mut(usize::try_from(second.rem_euclid(slots)).ok()?)
    }

    fn count(&mut self, second: i64, requests: i64) {
        let reach = i64::try_from(SECONDS).unwrap_or(i64::MAX);
        if second > self.latest {
            // What is overwritten is too long ago.
            for past in self.latest.max(second - reach) + 1..=second {
                if let Some(slot) = self.slot(past) {
                    *slot = 0;
                }
            }
            self.latest = second;
        }
        let second = second.max(self.latest - reach + 1);
        if let Some(slot) = self.slot(second) {
            *slot = slot.saturating_add(u32::try_from(requests).unwrap_or(u32::MAX));
        }
    }

    fn most_in_a_minute(&self) -> i64 {
        let latest = usize::try_from(self.latest).unwrap_or_default();
        let oldest_first = (latest + 1..=latest + SECONDS)
            .map(|second| self.seconds.get(second % SECONDS).copied().unwrap_or_default());
        let seconds: Vec<i64> = oldest_first.map(i64::from).collect();
        seconds.windows(MINUTE).map(|minute| minute.iter().sum()).max().unwrap_or_default()
    }
}

impl Decision {
    /// Whether it came so far that its key's rate was asked. Without an endpoint it asked who it is, which takes no turn.
    fn asks_for_a_turn(&self) -> bool {
        self.endpoint.is_some()
            && self.denied.is_none_or(|reason| {
                let stage = reason.facts().stage;
                ["rate", "ask", "model"].contains(&stage)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_minute_has_more_than_is_told(
            mut begun in prop::collection::vec(0i64..300_000, 1..200),
            late in any::<prop::sample::Index>(),
        ) {
            let mut pace = Pace::new();
            let begin = 1_700_000_000_000;
            // One of them closes last though it began whenever.
            let last = late.index(begun.len());
            begun.push(begun[last]);
            for millis in &begun {
                pace.count((begin + millis) / 1_000, 1);
            }
            begun.sort_unstable();
            let within = |from: i64| begun.iter().filter(|at| (from..from + 60_000).contains(*at)).count();
            let most = begun.iter().map(|from| within(*from)).max().unwrap();
            let wider = |from: i64| begun.iter().filter(|at| (from - 1_000..from + 61_000).contains(*at)).count();
            let told = usize::try_from(pace.most_in_a_minute()).unwrap();
            prop_assert!(most <= told && told <= begun.iter().map(|from| wider(*from)).max().unwrap());
        }
    }
}
