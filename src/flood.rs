//! Keeps a flood from drowning what is told: the first records of a kind whole, the rest counted.
//!
//! 1. A kind is an outcome, its reason, the rule, the key and the client's network (/24 or /64).
//! 2. Within a window, [`MOST_OF_A_KIND`] of a kind are told whole, and [`MOST_OF_A_REASON`] of a
//!    reason over all kinds: whoever comes from a new network each time gains nothing. Callers with a
//!    key and without one have an allowance each, so that scanners hide nothing of a project's.
//! 3. Every record is told whole or is in exactly one summary at the end of its window.
//! 4. Memory is bounded: beyond [`MOST_KINDS`], what is new in a window is counted by its reason
//!    alone.
//!
//! Caveat: the counts of a window that has not ended are in memory only; a crash loses them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipnet::IpNet;

use crate::clock::Moment;
use crate::denial::RuleId;
use crate::record::{Form, Outcome, Record};
use crate::snapshot::Snapshot;

/// How long is counted before it is told.
pub const WINDOW: Duration = Duration::from_secs(60);
/// How many of one kind are told whole in a window.
pub const MOST_OF_A_KIND: u32 = 20;
/// How many of one reason are told whole in a window.
pub const MOST_OF_A_REASON: u32 = 200;
/// How many kinds are told apart in a window.
pub const MOST_KINDS: usize = 1024;

/// How a record is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// By itself.
    Whole,
    /// In a count, at the end of the window.
    Counted,
}

/// Records of one kind that were counted instead of told.
#[derive(Clone, Debug)]
pub struct Repeats {
    /// The outcome's word.
    pub event: &'static str,
    /// The code of the reason or the cause.
    pub reason: &'static str,
    /// The rule that refused, if the kinds were told apart.
    pub rule: RuleId,
    /// The key's number, if there was one.
    pub key: Option<usize>,
    /// Where they came from; `None` when the kinds were too many to be told apart.
    pub network: Option<IpNet>,
    /// The configuration that judged them.
    pub snapshot: Arc<Snapshot>,
    /// How many.
    pub count: u64,
    /// When the first came.
    pub first: Moment,
    /// When the last came.
    pub last: Moment,
}

/// A summary as the log and who reads the store write it; times are in milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'a> {
    /// The outcome's word.
    pub event: &'a str,
    /// The code of the reason or the cause.
    pub reason: &'a str,
    /// The rule's path; empty if the kinds were not told apart.
    pub rule: &'a str,
    /// The project's name; empty if it was none.
    pub project: &'a str,
    /// The key's public id; empty if it was none.
    pub key_id: &'a str,
    /// Where they came from; empty for anywhere.
    pub network: &'a str,
    /// How many.
    pub count: i64,
    /// When the first came.
    pub first: i64,
    /// When the last came.
    pub last: i64,
}

impl Summary<'_> {
    /// The summary as a line of JSON.
    pub fn render(&self, out: &mut String) {
        let Self { event, reason, rule, project, key_id, network, count, first, last } = *self;
        let stamp = |millis: i64| {
            jiff::Timestamp::from_millisecond(millis).map_or_else(|_| String::new(), |at| format!("{at:.3}"))
        };
        let _ = write!(
            out,
            r#"{{"timestamp":"{}","level":"WARN","event":"repeated","outcome":"{event}","reason":"{reason}","count":{count}"#,
            stamp(last)
        );
        for (name, value) in [("rule", rule), ("project", project), ("key_id", key_id)] {
            if !value.is_empty() {
                let _ = write!(out, r#","{name}":{}"#, serde_json::Value::from(value));
            }
        }
        let network = if network.is_empty() { "anywhere" } else { network };
        let _ = write!(out, r#","network":"{network}","first":"{}"}}"#, stamp(first));
    }
}

impl Repeats {
    /// The rule's path; `built-in` if none decides, empty if the kinds were not told apart.
    #[must_use]
    pub fn rule_path(&self) -> &str {
        match (self.snapshot.rule(self.rule), self.network) {
            (Some(rule), _) => &rule.path,
            (None, Some(_)) => "built-in",
            (None, None) => "",
        }
    }

    /// The key's public id; empty if it was none.
    #[must_use]
    pub fn key_id(&self) -> &str {
        self.key.and_then(|key| self.snapshot.keys.get(key)).map_or("", |key| &key.id)
    }

    /// The project's name; empty if it was none.
    #[must_use]
    pub fn project(&self) -> &str {
        let key = self.key.and_then(|key| self.snapshot.keys.get(key));
        key.and_then(|key| self.snapshot.projects.get(key.project)).map_or("", |project| &project.name)
    }

    /// The summary as a line of the log.
    pub fn render(&self, form: Form, out: &mut String) {
        let (count, event, reason) = (self.count, self.event, self.reason);
        match form {
            Form::Json => {
                let named = self.network.map(|network| network.to_string()).unwrap_or_default();
                Summary {
                    event,
                    reason,
                    rule: self.rule_path(),
                    project: self.project(),
                    key_id: self.key_id(),
                    network: &named,
                    count: i64::try_from(count).unwrap_or(i64::MAX),
                    first: self.first.unix_millis(),
                    last: self.last.unix_millis(),
                }
                .render(out);
            }
            Form::Text => {
                let who = if self.key.is_some() {
                    format!("{}/{}", self.project(), self.key_id())
                } else {
                    "-".to_owned()
                };
                let network =
                    self.network.map_or_else(|| "anywhere".to_owned(), |network| network.to_string());
                let _ =
                    write!(out, "! {count} more {event} {reason}  {who}  {network}  {}", self.rule_path());
            }
        }
    }
}

/// What happened lately, by kind.
#[derive(Debug, Default)]
pub struct Flood(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    begun: Option<Moment>,
    kinds: HashMap<Kind, Seen, foldhash::fast::RandomState>,
    reasons: HashMap<(&'static str, bool), u32, foldhash::fast::RandomState>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Kind {
    event: &'static str,
    reason: &'static str,
    rule: RuleId,
    key: Option<usize>,
    network: Option<IpNet>,
    /// Where the configuration is, which numbers rules and keys; it is held while this is.
    config: usize,
}

#[derive(Debug)]
struct Seen {
    snapshot: Arc<Snapshot>,
    whole: u32,
    counted: u64,
    first: Moment,
    last: Moment,
}

impl Flood {
    /// How a record is to be told; it is counted here if it is not told whole.
    pub fn tell(&self, record: &Record) -> Telling {
        let Some(kind) = Kind::of(record) else { return Telling::Whole };
        let mut window = self.window();
        window.begun.get_or_insert(record.begun);
        let allowance = (kind.reason, kind.key.is_some());
        let reason_left = window.reasons.get(&allowance).is_none_or(|told| *told < MOST_OF_A_REASON);
        let known = window.kinds.contains_key(&kind);
        let kind = if known || window.kinds.len() < MOST_KINDS { kind } else { kind.by_reason_alone() };
        let fresh = || Seen {
            snapshot: Arc::clone(&record.snapshot),
            whole: 0,
            counted: 0,
            first: record.begun,
            last: record.begun,
        };
        let seen = window.kinds.entry(kind).or_insert_with(fresh);
        if reason_left && seen.whole < MOST_OF_A_KIND {
            seen.whole += 1;
            *window.reasons.entry(allowance).or_default() += 1;
            return Telling::Whole;
        }
        if seen.counted == 0 {
            seen.first = record.begun;
        }
        seen.counted += 1;
        seen.last = record.begun;
        Telling::Counted
    }

    /// The summaries of the window, if it has ended.
    #[must_use]
    pub fn ended(&self, now: Moment) -> Vec<Repeats> {
        let mut window = self.window();
        if window.begun.is_some_and(|begun| now.since(begun) >= WINDOW) { window.close() } else { Vec::new() }
    }

    /// The summaries so far: nothing more will come.
    #[must_use]
    pub fn close(&self) -> Vec<Repeats> {
        self.window().close()
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    fn close(&mut self) -> Vec<Repeats> {
        let Self { kinds, .. } = std::mem::take(self);
        let mut told: Vec<Repeats> = kinds
            .into_iter()
            .filter(|(_, seen)| seen.counted > 0)
            .map(|(kind, seen)| kind.told(seen))
            .collect();
        told.sort_by_key(|repeats| std::cmp::Reverse(repeats.count));
        told
    }
}

impl Kind {
    /// The kind of what can flood; nothing else is ever counted in place of being told.
    fn of(record: &Record) -> Option<Self> {
        let (reason, rule) = match (&record.outcome, &record.refused_by_upstream) {
            (Outcome::Refused(denial), _) => (denial.reason.code(), denial.rule),
            (Outcome::Cut(_), _) => ("cut", RuleId::BUILT_IN),
            (Outcome::Served, Some(refused)) => (refused.diagnosis.id(), RuleId::BUILT_IN),
            (Outcome::Served, None) => {
                (record.would_deny.first()?.reason.code(), record.would_deny.first()?.rule)
            }
            (Outcome::Open, _) => return None,
        };
        let client = record.client.map_or(record.peer, |(client, _)| client);
        let bits = if client.is_ipv4() { 24 } else { 64 };
        Some(Self {
            event: record.event(),
            reason,
            rule,
            key: record.key,
            network: IpNet::new(client, bits).ok().map(|network| network.trunc()),
            config: Arc::as_ptr(&record.snapshot).addr(),
        })
    }

    const fn by_reason_alone(self) -> Self {
        Self { rule: RuleId::BUILT_IN, key: None, network: None, config: 0, ..self }
    }

    fn told(self, seen: Seen) -> Repeats {
        let Self { event, reason, rule, key, network, config: _ } = self;
        let Seen { snapshot, whole: _, counted, first, last } = seen;
        Repeats { event, reason, rule, key, network, snapshot, count: counted, first, last }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn refused(snapshot: &Arc<Snapshot>, peer: [u8; 4], now: Moment) -> Record {
        let (head, ()) = http::Request::new(()).into_parts();
        let mut record = Record::begin(&head, peer.into(), Arc::clone(snapshot), now);
        let denial = crate::denial::Denial::built_in(crate::denial::Reason::KeyUnknown);
        record.outcome = Outcome::Refused(denial);
        record
    }

    #[test]
    fn whatever_comes_is_told_whole_or_counted_once() {
        let (flood, snapshot, start) = (Flood::default(), config::smallest(), Moment::now());
        let (mut whole, mut counted, mut sent) = (0, 0, 0u64);
        for round in 0..3u64 {
            let begun = start.later(WINDOW * u32::try_from(round).unwrap());
            for at in 0..40_000u64 {
                let [.., a, b, c] = (at * 2_654_435_761 % (1 << 24)).to_be_bytes();
                // Half of them from one network, half from anywhere.
                let peer = if at % 2 == 0 { [192, 0, 2, c] } else { [a, b, c, 1] };
                let record = refused(&snapshot, peer, begun);
                sent += 1;
                whole += u64::from(flood.tell(&record) == Telling::Whole);
            }
            assert!(flood.ended(begun.later(WINDOW.mul_f64(0.99))).is_empty());
            let told = flood.ended(begun.later(WINDOW));
            assert!(told.len() <= MOST_KINDS + 1);
            assert_eq!(told[0].network, Some("192.0.2.0/24".parse().unwrap()));
            assert!(told.iter().any(|repeats| repeats.network.is_none()));
            counted += told.iter().map(|repeats| repeats.count).sum::<u64>();
        }
        assert!(flood.close().is_empty());
        assert_eq!((whole, whole + counted), (3 * u64::from(MOST_OF_A_REASON), sent));
    }

    #[test]
    fn one_network_cannot_spend_what_all_have() {
        let (flood, snapshot, now) = (Flood::default(), config::smallest(), Moment::now());
        let told = |peer| flood.tell(&refused(&snapshot, peer, now));
        let whole = (0..1000).filter(|_| told([192, 0, 2, 1]) == Telling::Whole).count();
        assert_eq!(whole, usize::try_from(MOST_OF_A_KIND).unwrap());
        assert_eq!(told([198, 51, 100, 1]), Telling::Whole);
    }
}
