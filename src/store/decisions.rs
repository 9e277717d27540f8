//! The decisions that wait to be written. A busy gate makes many of few kinds, so one that is like a recent one is
//! counted with it: nothing is cloned for it, and nobody has to sum it up later.

use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::sync::Arc;

use http::{Method, Uri};

use crate::denial::{Kind, Reason};
use crate::endpoint::Endpoint;
use crate::record::{Outcome, Record};
use crate::snapshot::Snapshot;

/// How many kinds of decisions may wait to be written.
const MOST: usize = 1 << 16;
/// How many recent kinds are known.
const RECENT: usize = 256;

/// What was decided of requests that are alike: of one key, which was recognised, and in one second.
#[derive(Debug)]
pub(super) struct Decision {
    /// When the last of them began, in milliseconds since 1970.
    pub(super) last: i64,
    /// How many there are.
    pub(super) count: i64,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) key: usize,
    pub(super) client: IpAddr,
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) endpoint: Option<&'static Endpoint>,
    pub(super) model: Option<Arc<str>>,
    pub(super) upstream: Option<usize>,
    /// Why they were denied; `None` if every policy let them pass.
    pub(super) denied: Option<Reason>,
    /// Why they would have been, were all policies enforced.
    pub(super) would_deny: Option<Reason>,
}

/// What makes decisions alike, told without a copy.
#[derive(PartialEq, Eq, Hash)]
struct Kin<'r> {
    /// Where the snapshot is. A decision holds it, so another cannot come to lie there.
    snapshot: usize,
    key: usize,
    second: i64,
    client: IpAddr,
    method: &'r Method,
    path: &'r str,
    model: Option<&'r str>,
    endpoint: Option<usize>,
    upstream: Option<usize>,
    denied: Option<Reason>,
    would_deny: Option<Reason>,
}

/// Decisions that wait.
#[derive(Debug)]
pub(super) struct Decisions {
    all: Vec<Decision>,
    /// By the hash of what makes them alike: where the latest of these is, if it is there.
    recent: Box<[u32; RECENT]>,
    hasher: foldhash::fast::RandomState,
}

impl Default for Decisions {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            recent: Box::new([0; RECENT]),
            hasher: foldhash::fast::RandomState::default(),
        }
    }
}

impl Decisions {
    /// Counts what was decided of a request, if anything was and its key is known; false if there is no room.
    pub(super) fn take(&mut self, record: &Record) -> bool {
        let denied = match &record.outcome {
            Outcome::Refused(denial) if denial.reason.facts().kind == Kind::Denied => Some(denial.reason),
            // Left by its client: if that was before all policies were asked, nothing was decided.
            Outcome::Open if record.decided.is_none() => return true,
            Outcome::Refused(_) | Outcome::Served | Outcome::Cut(_) | Outcome::Open => None,
        };
        let (Some(key), Some((client, _))) = (record.key, record.client) else { return true };
        let last = record.begun.unix_millis();
        let kin = Kin {
            snapshot: Arc::as_ptr(&record.snapshot).addr(),
            key,
            second: last.div_euclid(1_000),
            client,
            method: &record.method,
            path: record.uri.path(),
            model: record.model.as_deref(),
            endpoint: record.endpoint.map(address),
            upstream: record.upstream,
            denied,
            would_deny: record.would_deny.first().map(|denial| denial.reason),
        };
        let mut unknown = 0;
        let slot = usize::try_from(self.hasher.hash_one(&kin)).unwrap_or_default() % RECENT;
        let recent = self.recent.get_mut(slot).unwrap_or(&mut unknown);
        let found = self.all.get_mut(usize::try_from(*recent).unwrap_or(usize::MAX));
        if let Some(like) = found.filter(|like| Kin::of(like) == kin) {
            like.count += 1;
            like.last = like.last.max(last);
            return true;
        }
        if self.all.len() == MOST {
            return false;
        }
        *recent = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let Kin { would_deny, .. } = kin;
        self.all.push(Decision {
            last,
            count: 1,
            snapshot: Arc::clone(&record.snapshot),
            key,
            client,
            method: record.method.clone(),
            uri: record.uri.clone(),
            endpoint: record.endpoint,
            model: record.model.clone(),
            upstream: record.upstream,
            denied,
            would_deny,
        });
        true
    }

    /// All of them, kind by kind; a kind can be there more than once.
    pub(super) fn all(&self) -> &[Decision] {
        &self.all
    }

    /// Empties it, and lets go of the room that a flood took.
    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.all.shrink_to(4096);
    }
}

impl<'d> Kin<'d> {
    fn of(decision: &'d Decision) -> Self {
        Self {
            snapshot: Arc::as_ptr(&decision.snapshot).addr(),
            key: decision.key,
            second: decision.last.div_euclid(1_000),
            client: decision.client,
            method: &decision.method,
            path: decision.uri.path(),
            model: decision.model.as_deref(),
            endpoint: decision.endpoint.map(address),
            upstream: decision.upstream,
            denied: decision.denied,
            would_deny: decision.would_deny,
        }
    }
}

fn address(endpoint: &'static Endpoint) -> usize {
    std::ptr::from_ref(endpoint).addr()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;
    use crate::config;
    use crate::denial::Denial;
    use proptest::prelude::*;
    use std::collections::HashMap;
    use std::time::{Duration, SystemTime};

    /// A decision by numbers: the request's path, its model, whether it was denied, and when it began.
    type Made = (u8, u8, bool, u16);

    fn record(snapshot: &Arc<Snapshot>, (path, model, denied, millis): Made) -> Record {
        let request = http::Request::post(format!("/v1/{path}")).body(()).unwrap();
        let (head, ()) = request.into_parts();
        let begun = Moment::now().dated(SystemTime::UNIX_EPOCH + Duration::from_millis(millis.into()));
        let mut record = Record::begin(&head, [192, 0, 2, 1].into(), Arc::clone(snapshot), begun);
        record.key = Some(0);
        record.client = Some(([192, 0, 2, 1].into(), crate::record::AddressSource::Peer));
        record.model = (model > 0).then(|| format!("model-{model}").into());
        let reason = Denial::built_in(Reason::ModelNotAllowed);
        record.outcome = if denied { Outcome::Refused(reason) } else { Outcome::Served };
        record
    }

    proptest! {
        #[test]
        fn each_is_counted_once_among_those_like_it(
            rounds in prop::collection::vec(prop::collection::vec((0..40u8, 0..9u8, any::<bool>(), 0..3_000u16), 0..400), 1..4),
        ) {
            // Two snapshots, as on both sides of a reload.
            let snapshots = [config::smallest(), config::smallest()];
            let mut waiting = Decisions::default();
            for (round, all) in rounds.iter().enumerate() {
                let snapshot = &snapshots[round % 2];
                let (mut sent, mut kept) = (HashMap::new(), HashMap::new());
                for made in all {
                    let (path, model, denied, millis) = *made;
                    prop_assert!(waiting.take(&record(snapshot, *made)));
                    let model = (model > 0).then(|| format!("model-{model}"));
                    let (count, last) = sent.entry((format!("/v1/{path}"), model, denied, millis / 1_000)).or_insert((0, 0));
                    (*count, *last) = (*count + 1, i64::from(millis).max(*last));
                }
                for decision in waiting.all() {
                    prop_assert!(Arc::ptr_eq(&decision.snapshot, snapshot));
                    let model = decision.model.as_deref().map(str::to_owned);
                    let second = u16::try_from(decision.last / 1_000).unwrap();
                    let kind = (decision.uri.path().to_owned(), model, decision.denied.is_some(), second);
                    let (count, last) = kept.entry(kind).or_insert((0, 0));
                    (*count, *last) = (*count + decision.count, decision.last.max(*last));
                }
                prop_assert_eq!(sent, kept);
                waiting.clear();
            }
        }
    }

    #[test]
    fn a_busy_gate_keeps_one_of_a_kind_and_a_flood_of_kinds_is_bounded() {
        let snapshot = config::smallest();
        let mut waiting = Decisions::default();
        for _ in 0..100_000 {
            assert!(waiting.take(&record(&snapshot, (1, 1, false, 7))));
        }
        assert_eq!(waiting.all().len(), 1);
        let many = |at: usize| {
            let mut record = record(&snapshot, (1, 1, true, 7));
            record.model = Some(at.to_string().into());
            record
        };
        assert!((1..MOST).all(|at| waiting.take(&many(at))));
        assert!(!waiting.take(&many(MOST)), "there is no room");
        assert_eq!(waiting.all().len(), MOST);
    }

    #[test]
    fn what_nothing_was_decided_of_is_not_counted() {
        let snapshot = config::smallest();
        let mut waiting = Decisions::default();
        let mut left = record(&snapshot, (1, 1, false, 7));
        left.outcome = Outcome::Open;
        assert!(waiting.take(&left));
        let mut unknown = record(&snapshot, (1, 1, true, 7));
        unknown.key = None;
        assert!(waiting.take(&unknown));
        assert!(waiting.all().is_empty());
    }
}
