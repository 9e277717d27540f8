//! Does the gate say what the configuration's `[[expect]]` tables expect of it?
//!
//! 1. The stages are those that a request meets; see `explain`.
//! 2. Limits are taken to be unused, so what a running gate has let pass changes nothing.
//! 3. What a key's dates say counts from the moment of the load: an expectation can cease to hold
//!    without a change of the configuration.
//! 4. One that does not hold is a mistake like any other: whoever loads to run a gate loads here.

use crate::clock::Moment;
use crate::config::{self, Expectation, Fault, Faults, Loaded, Severity, Sources, Wanted};
use crate::explain::{BUILT_IN, Question, Told, Verdict, explain};
use crate::limits::Registry;

/// Loads a configuration that does what it expects.
///
/// # Errors
/// Every mistake in it, or every expectation that does not hold.
pub fn load(sources: &Sources, registry: &Registry) -> Result<Loaded, Faults> {
    load_at(sources, registry, Moment::now())
}

/// The same at a given time.
///
/// # Errors
/// Every mistake in it, or every expectation that does not hold.
pub fn load_at(sources: &Sources, registry: &Registry, now: Moment) -> Result<Loaded, Faults> {
    let loaded = config::load_at(sources, registry, now)?;
    hold(&loaded, now)?;
    Ok(loaded)
}

/// Whether every expectation holds.
///
/// # Errors
/// Those that do not.
pub fn hold(loaded: &Loaded, now: Moment) -> Result<(), Faults> {
    let faults: Vec<Fault> =
        loaded.expectations.iter().filter_map(|expectation| broken(expectation, loaded, now)).collect();
    if faults.is_empty() { Ok(()) } else { Err(Faults(faults)) }
}

fn broken(expectation: &Expectation, loaded: &Loaded, now: Moment) -> Option<Fault> {
    let verdict = explain(&loaded.snapshot, &question(expectation), now);
    let told = match (expectation.wanted, &verdict.denied) {
        (Wanted::Allowed, None) | (Wanted::Denied, Some(_)) => return None,
        (Wanted::DeniedFor(reason), Some(told)) if told.denial.reason == reason => return None,
        (Wanted::Allowed | Wanted::DeniedFor(_), Some(told)) => Some(told),
        (Wanted::Denied | Wanted::DeniedFor(_), None) => None,
    };
    let name = expectation.name.as_ref().map_or_else(String::new, |name| format!(" `{name}`"));
    let what = format!("the expectation{name} does not hold: {}", said(told, &verdict));
    let mend = mend(expectation.wanted, told);
    Some(Fault::new(Severity::Error, &expectation.path, expectation.place.clone(), &what, &mend))
}

fn question(expectation: &Expectation) -> Question {
    Question {
        key: expectation.key,
        address: expectation.address,
        method: expectation.method.clone(),
        target: expectation.target.clone(),
        model: expectation.model.clone(),
        max_tokens: expectation.max_tokens,
        headers: expectation.headers.clone(),
    }
}

/// What the gate says in place of what was expected.
fn said(told: Option<&Told>, verdict: &Verdict) -> String {
    let Some(told) = told else {
        let upstream = verdict.upstream.as_deref().unwrap_or("?");
        return format!("the gate allows this request, and upstream `{upstream}` would get it");
    };
    let by = match (told.rule.as_str(), told.at.as_str()) {
        (BUILT_IN, _) => String::new(),
        (rule, "") => format!(" by {rule}"),
        (rule, at) => format!(" by {rule} ({at})"),
    };
    format!("the gate refuses this request with {}{by}", told.denial.reason.code())
}

fn mend(wanted: Wanted, told: Option<&Told>) -> String {
    match (wanted, told) {
        (_, None) => "narrow the project or the key, or write allow = true if it is meant".to_owned(),
        (Wanted::Allowed, Some(told)) => {
            let hint = told.hint.trim_end_matches('.');
            format!("{hint}; or write {} if the refusal is meant", denying(told))
        }
        (Wanted::Denied | Wanted::DeniedFor(_), Some(told)) => {
            format!("write {} if this reason is meant", denying(told))
        }
    }
}

/// What expects this refusal. Not every reason can be named.
fn denying(told: &Told) -> String {
    let reason = told.denial.reason;
    if Wanted::can_be_for(reason) {
        format!("deny = \"{}\"", reason.code())
    } else {
        "deny = true".to_owned()
    }
}
