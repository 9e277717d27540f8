//! Replays what was decided against another configuration: who would lose what, and who would gain.
//!
//! 1. Each kind of request that was decided is judged again by the policies of the stack.
//! 2. What a configuration does not decide is not judged: bodies that could not be read, limits at
//!    the moment. Instead, the fastest pace that was seen is held against the new limits.
//! 3. A key whose id is gone loses all that it could do.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method, Uri};
use serde::Serialize;

use crate::clock::Moment;
use crate::config::quota_text;
use crate::denial::Reason;
use crate::explain::{Question, explain};
use crate::limits::Limit;
use crate::snapshot::Snapshot;
use crate::store::read::{Decided, Peak};

/// What a request was or would be answered, if it is not refused.
const ALLOWED: &str = "allowed";
/// What would be answered to a request whose model nobody looked at.
const IF_ITS_MODEL_IS: &str = "allowed, if its model is";
/// How many examples of a change are shown.
const EXAMPLES: usize = 3;

/// What would be different.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Plan {
    /// How many requests were judged again.
    pub judged: i64,
    /// How many could not be, by why they were refused.
    pub not_judged: BTreeMap<String, i64>,
    /// What would be different, losses first.
    pub changes: Vec<Change>,
    /// Limits that are tighter than the fastest pace that was seen.
    pub too_tight: Vec<TooTight>,
}

/// What would become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It passed, and would be denied.
    Loses,
    /// It was denied, and would pass.
    Gains,
    /// It was denied, and would be for another reason.
    Differs,
}

/// Requests of one key that would all be decided differently in the same way.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    /// What would become of them.
    pub effect: Effect,
    /// The project that they were of.
    pub project: String,
    /// The key.
    pub key_id: String,
    /// The reason for which they were refused, or `allowed`.
    pub before: String,
    /// The reason for which they would be, or `allowed`.
    pub after: String,
    /// The rule that would refuse; empty if none.
    pub rule: String,
    /// Where it stands.
    pub rule_at: String,
    /// How many.
    pub count: i64,
    /// Some of them, the most frequent first.
    pub examples: Vec<Example>,
}

/// One kind of request.
#[derive(Clone, Debug, Serialize)]
pub struct Example {
    /// The client's address.
    pub client_ip: String,
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The model; empty if none was found.
    pub model: String,
    /// How many.
    pub count: i64,
    /// When the last came, in milliseconds since 1970.
    pub last_ms: i64,
}

/// A limit that is tighter than what was seen.
#[derive(Clone, Debug, Serialize)]
pub struct TooTight {
    /// The project.
    pub project: String,
    /// The limit.
    pub limit: String,
    /// Where it stands.
    pub rule_at: String,
    /// The most requests that were seen in the limit's stretch of time.
    pub seen: i64,
}

type Alike = (Effect, String, String, String, String, String, String);

impl Plan {
    /// Judges again what was decided.
    #[must_use]
    pub fn make(decided: &[Decided], peaks: &[(String, Peak)], new: &Arc<Snapshot>, now: Moment) -> Self {
        let mut plan = Self::default();
        let mut changes: BTreeMap<Alike, Change> = BTreeMap::new();
        for one in decided {
            if !one.denied.is_empty() && !Reason::from_code(&one.denied).is_some_and(by_configuration) {
                *plan.not_judged.entry(one.denied.clone()).or_default() += one.count;
                continue;
            }
            plan.judged += one.count;
            let Some(mut change) = change(one, new, now) else { continue };
            let alike = (
                change.effect,
                change.project.clone(),
                change.key_id.clone(),
                change.before.clone(),
                change.after.clone(),
                change.rule.clone(),
                change.rule_at.clone(),
            );
            let whole = changes.entry(alike).or_insert_with(|| Change {
                count: 0,
                examples: Vec::new(),
                ..change.clone()
            });
            whole.count += one.count;
            whole.examples.append(&mut change.examples);
        }
        plan.changes = changes.into_values().collect();
        for change in &mut plan.changes {
            change.examples.sort_by_key(|example| std::cmp::Reverse(example.count));
            change.examples.truncate(EXAMPLES);
        }
        plan.changes.sort_by_key(|change| (change.effect, std::cmp::Reverse(change.count)));
        plan.too_tight = peaks.iter().flat_map(|(project, peak)| too_tight(project, *peak, new)).collect();
        plan
    }

    /// How many requests would meet this effect.
    #[must_use]
    pub fn count(&self, effect: Effect) -> i64 {
        self.changes.iter().filter(|change| change.effect == effect).map(|change| change.count).sum()
    }

    /// Whether anybody would lose anything.
    #[must_use]
    pub fn takes_away(&self) -> bool {
        self.count(Effect::Loses) > 0 || !self.too_tight.is_empty()
    }
}

/// Whether a configuration alone decides for this reason, so that it can be judged again.
const fn by_configuration(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::AddressNotAllowed
            | Reason::KeyUnknown
            | Reason::KeyExpired
            | Reason::KeyRevoked
            | Reason::KeyNotYetValid
            | Reason::ProjectDisabled
            | Reason::EndpointUnknown
            | Reason::MethodNotAllowed
            | Reason::UpstreamNotAllowed
            | Reason::UpstreamAmbiguous
            | Reason::ScopeMissing
            | Reason::ModelNotAllowed
    )
}

/// What would be different for one kind of request; nothing if nothing would.
fn change(one: &Decided, new: &Arc<Snapshot>, now: Moment) -> Option<Change> {
    let (after, rule, rule_at) = judged(one, new, now)?;
    let before = if one.denied.is_empty() { ALLOWED } else { &one.denied };
    let effect = match (before, &*after) {
        (before, after) if before == after => return None,
        (ALLOWED, _) => Effect::Loses,
        (_, ALLOWED | IF_ITS_MODEL_IS) => Effect::Gains,
        (_, _) => Effect::Differs,
    };
    Some(Change {
        effect,
        project: one.project.clone(),
        key_id: one.key_id.clone(),
        before: before.to_owned(),
        after,
        rule,
        rule_at,
        count: one.count,
        examples: vec![Example {
            client_ip: one.client.to_string(),
            method: one.method.clone(),
            path: one.path.clone(),
            model: one.model.clone(),
            count: one.count,
            last_ms: one.last,
        }],
    })
}

/// The verdict, its rule and where that stands; nothing if the request cannot be put anew.
fn judged(one: &Decided, new: &Arc<Snapshot>, now: Moment) -> Option<(String, String, String)> {
    let Some(key) = new.keys.iter().position(|key| *key.id == *one.key_id) else {
        return Some((
            Reason::KeyUnknown.code().to_owned(),
            format!("no key has the id {}", one.key_id),
            String::new(),
        ));
    };
    let question = Question {
        key,
        address: one.client,
        method: Method::from_bytes(one.method.as_bytes()).ok()?,
        target: one.path.parse::<Uri>().ok()?,
        // Where the path names the model, the body must not name another.
        model: (!one.model.is_empty() && !one.path.contains(&*one.model)).then(|| one.model.clone()),
        headers: headers(&one.surface),
    };
    let verdict = explain(new, &question, now);
    let model_unknown = one.model.is_empty() && !one.denied.is_empty();
    Some(match verdict.denied {
        // It was denied before its body was read.
        Some(told) if model_unknown && told.denial.reason == Reason::ModelMissing => {
            (IF_ITS_MODEL_IS.to_owned(), String::new(), String::new())
        }
        None => (ALLOWED.to_owned(), String::new(), String::new()),
        Some(told) => (told.denial.reason.code().to_owned(), told.rule, told.at),
    })
}

/// What tells a surface from others with the same paths.
fn headers(surface: &str) -> Vec<(HeaderName, HeaderValue)> {
    match surface {
        "anthropic" => {
            vec![(HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"))]
        }
        "gemini" => vec![(HeaderName::from_static("x-goog-api-key"), HeaderValue::from_static("given"))],
        _ => Vec::new(),
    }
}

/// The limits of a project that its fastest pace would have met.
fn too_tight(name: &str, peak: Peak, new: &Snapshot) -> Vec<TooTight> {
    let project = new.projects.iter().find(|project| *project.name == *name && !project.observed.limits);
    let met = |limit: &Limit| {
        let quota = limit.meter.quota();
        let seen = match quota.per.as_secs() {
            60 => peak.most_in_a_minute,
            3_600 => peak.most_in_an_hour,
            _ => return None,
        };
        (seen > i64::from(quota.amount.get())).then(|| TooTight {
            project: name.to_owned(),
            limit: quota_text(quota),
            rule_at: new.rule(limit.rule).map_or_else(String::new, |rule| rule.at.to_string()),
            seen,
        })
    };
    project.into_iter().flat_map(|project| &project.limits.requests).filter_map(met).collect()
}
