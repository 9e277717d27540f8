//! Replays what was decided against another configuration: who would lose what, and who would gain.
//!
//! 1. Each kind of request that was decided is judged again by the policies of the stack.
//! 2. What a configuration does not decide is not judged: bodies that could not be read, what they ask for besides
//!    a model, limits at the moment. Instead, the fastest pace that was seen is held against the new limits, where
//!    they are tighter than those in force.
//!    Of a session the last model that it named is kept, and judged as a message that names it.
//! 3. A key whose id is gone loses all that it could do.
//! 4. Of rules on parameters only what was noted while they were observed is known: what they would have refused is
//!    lost where they are enforced, and no more is said of them than that they were not judged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method, Uri};
use serde::Serialize;

use crate::clock::Moment;
use crate::config::quota_text;
use crate::denial::Reason;
use crate::explain::{Question, Verdict, explain_by_model, handshake};
use crate::limits::{Limit, Quota};
use crate::snapshot::{Rule, Snapshot};
use crate::store::read::{Decided, Peak};
use crate::whoami;

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
    /// The rules on parameters that would be enforced: nobody kept what requests asked for.
    pub parameters_not_judged: BTreeSet<String>,
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
    /// Judges again what was decided. `old` is what is in force, where that is known.
    #[must_use]
    pub fn make(
        decided: &[Decided],
        peaks: &[(String, Peak)],
        old: Option<&Snapshot>,
        new: &Arc<Snapshot>,
        now: Moment,
    ) -> Self {
        let mut plan = Self::default();
        let mut changes: BTreeMap<Alike, Change> = BTreeMap::new();
        for one in decided {
            if let Some(rule) = parameters(one, new) {
                plan.parameters_not_judged.insert(rule.path.to_string());
            }
            if !one.denied.is_empty() && !Reason::from_code(&one.denied).is_some_and(by_configuration) {
                *plan.not_judged.entry(one.denied.clone()).or_default() += one.count;
                continue;
            }
            let after = match judged(one, new, now) {
                Some(After::ByBody(reason)) => {
                    *plan.not_judged.entry(reason.code().to_owned()).or_default() += one.count;
                    continue;
                }
                Some(After::Decided(after)) => Some(after),
                None => None,
            };
            plan.judged += one.count;
            let Some(mut change) = after.and_then(|after| change(one, after)) else { continue };
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
            sum_alike(&mut change.examples);
            change.examples.sort_by_key(|example| std::cmp::Reverse(example.count));
            change.examples.truncate(EXAMPLES);
        }
        plan.changes.sort_by_key(|change| (change.effect, std::cmp::Reverse(change.count)));
        plan.too_tight =
            peaks.iter().flat_map(|(project, peak)| too_tight(project, *peak, old, new)).collect();
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

/// Makes one of those that look the same.
fn sum_alike(examples: &mut Vec<Example>) {
    let seen =
        |one: &Example| (one.client_ip.clone(), one.method.clone(), one.path.clone(), one.model.clone());
    examples.sort_by_cached_key(seen);
    examples.dedup_by(|next, one| {
        let alike = seen(next) == seen(one);
        if alike {
            one.count += next.count;
            one.last_ms = one.last_ms.max(next.last_ms);
        }
        alike
    });
}

/// The rule on parameters that would be enforced for who asked.
fn parameters<'s>(one: &Decided, new: &'s Snapshot) -> Option<&'s Rule> {
    let key = new.keys.iter().find(|key| *key.id == *one.key_id)?;
    let rules = new.projects.get(key.project)?.parameters.as_deref()?;
    new.rule(rules.rule).filter(|_| !rules.observed)
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

/// What would be answered to a request.
enum After {
    /// The verdict, its rule and where that stands.
    Decided((String, String, String)),
    /// A refusal for what its body said, or did not say, and nobody kept.
    ByBody(Reason),
}

/// What would be different for one kind of request; nothing if nothing would.
fn change(one: &Decided, (after, rule, rule_at): (String, String, String)) -> Option<Change> {
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

/// The verdict; nothing if the request cannot be put anew.
fn judged(one: &Decided, new: &Arc<Snapshot>, now: Moment) -> Option<After> {
    let Some(key) = new.keys.iter().position(|key| *key.id == *one.key_id) else {
        return Some(After::Decided((
            Reason::KeyUnknown.code().to_owned(),
            format!("no key has the id {}", one.key_id),
            String::new(),
        )));
    };
    let question = Question {
        key,
        address: one.client,
        method: Method::from_bytes(one.method.as_bytes()).ok()?,
        target: one.path.parse::<Uri>().ok()?,
        // Where the path names the model, the body must not name another.
        model: (!one.model.is_empty() && !one.path.contains(&*one.model)).then(|| one.model.clone()),
        max_tokens: None,
        headers: headers(&one.surface),
    };
    let verdict = asked(question, one, new, now);
    let allowed = |what: &str| Some(After::Decided((what.to_owned(), String::new(), String::new())));
    let Some(told) = &verdict.denied else {
        let noted = one.would_deny == Reason::ParameterNotAllowed.code();
        return match parameters(one, new).filter(|_| noted) {
            Some(Rule { path, at }) => {
                Some(After::Decided((one.would_deny.clone(), path.to_string(), at.to_string())))
            }
            None => allowed(ALLOWED),
        };
    };
    let reason = told.denial.reason;
    if reason == Reason::EndpointUnknown && is_whoami(one) {
        return allowed(ALLOWED);
    }
    let model_unknown = one.model.is_empty() && !one.denied.is_empty();
    // It was denied before its body was read.
    if model_unknown && reason == Reason::ModelMissing {
        return allowed(IF_ITS_MODEL_IS);
    }
    // What no rule on parameters reaches is refused whatever it says.
    let whatever = [Reason::ParameterNotAllowed, Reason::CostUnknown].contains(&reason);
    if by_configuration(reason) || whatever {
        Some(After::Decided((reason.code().to_owned(), told.rule.clone(), told.at.clone())))
    } else {
        Some(After::ByBody(reason))
    }
}

fn is_whoami(one: &Decided) -> bool {
    Method::from_bytes(one.method.as_bytes()).is_ok_and(|method| whoami::is_asked(&method, &one.path))
}

/// Asks the stages, with what a record of a decision does not tell: that a WebSocket was asked for.
fn asked(mut question: Question, one: &Decided, new: &Arc<Snapshot>, now: Moment) -> Verdict {
    let verdict = explain_by_model(new, &question, now);
    let unknown = verdict.denied.as_ref().is_some_and(|told| told.denial.reason == Reason::EndpointUnknown);
    // Where with GET it is only a WebSocket, who was not refused for that had asked for it.
    if !unknown || question.method != Method::GET || one.denied == Reason::EndpointUnknown.code() {
        return verdict;
    }
    question.headers.extend(handshake());
    explain_by_model(new, &question, now)
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

/// The limits of a project that its fastest pace would have met, and that were not met before. Who is refused asks
/// again, so that a limit in force is always slower than the fastest pace.
fn too_tight(name: &str, peak: Peak, old: Option<&Snapshot>, new: &Snapshot) -> Vec<TooTight> {
    let of = |snapshot: &Snapshot| -> Vec<Limit> {
        let project = snapshot.projects.iter().find(|one| *one.name == *name && !one.observed.limits);
        project.into_iter().flat_map(|project| &project.limits.requests).cloned().collect()
    };
    let before: Vec<Quota> =
        old.map(of).unwrap_or_default().iter().map(|limit| limit.meter.quota()).collect();
    let met = |limit: Limit| {
        let quota = limit.meter.quota();
        let seen = match quota.per.as_secs() {
            60 => peak.most_in_a_minute,
            3_600 => peak.most_in_an_hour,
            _ => return None,
        };
        let as_tight = |before: &Quota| {
            before.per == quota.per && before.amount <= quota.amount && before.burst <= quota.burst
        };
        (seen > i64::from(quota.amount.get()) && !before.iter().any(as_tight)).then(|| TooTight {
            project: name.to_owned(),
            limit: quota_text(quota),
            rule_at: new.rule(limit.rule).map_or_else(String::new, |rule| rule.at.to_string()),
            seen,
        })
    };
    of(new).into_iter().filter_map(met).collect()
}
