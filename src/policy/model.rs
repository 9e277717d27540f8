//! May the project use this model, and which upstream serves it?
//!
//! 1. The name is compared as the upstream will read it: decoded, byte for byte.
//! 2. A request that leaves the choice of the model to the provider passes only where every model
//!    is allowed.
//! 3. A field that would choose another model, host or key than the one checked is refused.
//! 4. A name of the gate's own is exchanged for the upstream's, which is then not asked about.
//! 5. Among several upstreams the one whose list fits the name most closely is taken; of those that fit
//!    alike, the one whose API the request is written in, then the first by name.

use std::sync::Arc;

use super::{Policy, Sight, ask_usage, parameters};
use crate::body::Outgoing;
use crate::denial::{Denial, Reason};
use crate::endpoint::{Endpoint, ModelIn};
use crate::exchange::{Asked, Permitted, Scoped};
use crate::model_name::ModelList;
use crate::snapshot::{Alias, Key, Project, Snapshot};

const NOWHERE_ELSE: &str =
    "a model of the gate's own can stand in the path or in the body's 'model', and nowhere else";

/// The policy.
#[derive(Clone, Copy, Debug)]
pub struct ModelCheck;

impl Policy for ModelCheck {
    type From = Asked;
    type Into = Permitted;

    fn decide(&self, asked: Asked, sight: &mut Sight<'_>) -> Result<Permitted, Denial> {
        let caller = asked.scoped.caller;
        let (Some(project), Some(key)) =
            (sight.snapshot.projects.get(caller.project), sight.snapshot.keys.get(caller.key))
        else {
            return Err(Denial::built_in(Reason::KeyUnknown));
        };
        if let Some(field) = asked.rerouting {
            let why =
                format!("'{field}' would choose another model, host or key than the one that was checked");
            return Err(Denial::built_in(Reason::ParameterNotAllowed).because(why));
        }
        if let Some(rules) = &project.parameters {
            parameters::judge(rules, asked.scoped.endpoint, asked.parameters.as_deref(), sight)?;
        }
        for model in asked.model.iter().chain(&asked.others) {
            if let Err(denial) = listed(project, key, model, sight) {
                // The one that is told, also where another is named in the first place.
                sight.notes.model = Some(Arc::clone(model));
                return Err(denial);
            }
        }
        let alias = match asked.model.as_deref() {
            Some(model) if !sight.snapshot.aliases.is_empty() => sight.snapshot.alias(model),
            Some(_) | None => None,
        };
        if let Some((at, alias)) = alias {
            return by_alias(asked, at, alias, project, sight);
        }
        if !asked.others.is_empty() {
            none_of_ours(&asked.others, sight.snapshot)?;
        }
        let upstream = choose(sight, &asked.scoped, asked.model.as_deref())?;
        sight.notes.upstream = Some(upstream);
        let Asked { scoped, permits, previous_response, report_said, mut body, .. } = asked;
        let hides_usage = match sight.snapshot.upstreams.get(upstream) {
            Some(upstream) => ask_usage::ask(report_said, upstream, &scoped, &mut body, None)?,
            None => false,
        };
        Ok(Permitted { scoped, alias: None, permits, upstream, previous_response, hides_usage, body })
    }
}

/// Whether project and key list a model.
fn listed(project: &Project, key: &Key, model: &str, sight: &mut Sight<'_>) -> Result<(), Denial> {
    for left_out in key.without_model(project, model) {
        let denial = Denial::by(Reason::ModelNotAllowed, left_out.rule).because(model);
        sight.refuse(left_out.observed, denial)?;
    }
    Ok(())
}

/// Whether no model that is named besides is one of the gate's own: it would go on as it is, and be the upstream's own of
/// that name, which nobody listed.
#[cold]
fn none_of_ours(others: &[Arc<str>], snapshot: &Snapshot) -> Result<(), Denial> {
    let ours = others.iter().find_map(|model| Some(snapshot.alias(model)?.1));
    match ours.filter(|alias| alias.name != alias.model) {
        Some(alias) => Err(Denial::by(Reason::ModelAmbiguous, alias.rule).because(NOWHERE_ELSE)),
        None => Ok(()),
    }
}

/// Whether a model may be used at the upstream that was chosen before it was named.
///
/// # Errors
/// The denial, when it may not.
pub fn may_use(project: &Project, key: &Key, model: &str, sight: &mut Sight<'_>) -> Result<(), Denial> {
    listed(project, key, model, sight)?;
    if sight.snapshot.alias(model).is_some() {
        return Err(Denial::built_in(Reason::ModelAmbiguous)
            .because("a message cannot name a model of the gate's own"));
    }
    match sight.notes.upstream() {
        Some(upstream) if upstream.models.best_fit(model).is_none() => {
            Err(Denial::by(Reason::ModelNotAllowed, upstream.models_rule).because(model))
        }
        Some(_) | None => Ok(()),
    }
}

/// Sends the request to the alias's upstream, with the name that it has there.
fn by_alias(
    asked: Asked,
    at: usize,
    alias: &Alias,
    project: &Project,
    sight: &mut Sight<'_>,
) -> Result<Permitted, Denial> {
    let Asked { mut scoped, permits, mut model_at, others, previous_response, report_said, mut body, .. } =
        asked;
    if !scoped.upstreams.contains(alias.upstream) {
        if !project.upstreams.contains(alias.upstream) {
            return Err(Denial::by(Reason::UpstreamNotAllowed, project.upstreams_rule));
        }
        let why = format!(
            "The upstream of model '{}' does not answer this path: use the SDK of another dialect.",
            alias.name
        );
        return Err(Denial::by(Reason::EndpointUnknown, alias.rule).because(why));
    }
    sight.notes.upstream = Some(alias.upstream);
    sight.notes.upstream_model = Some(Arc::clone(&alias.model));
    let in_path = scoped.endpoint.model == ModelIn::Path;
    // Elsewhere than in one field or the path no name is put in.
    if !others.is_empty() || in_path && model_at.is_some() || !in_path && model_at.is_none() {
        return Err(Denial::by(Reason::ModelAmbiguous, alias.rule).because(NOWHERE_ELSE));
    }
    let hides_usage = match sight.snapshot.upstreams.get(alias.upstream) {
        Some(upstream) => ask_usage::ask(report_said, upstream, &scoped, &mut body, model_at.as_mut())?,
        None => false,
    };
    if let Some(at) = model_at {
        let colon = if at.colon { ":" } else { "" };
        if let Outgoing::Held(frames) = &mut body {
            *frames = frames.with(at.from, at.to, format!("{colon}\"{}\"", alias.model).into());
        }
    } else if let Some(tail) = &scoped.tail {
        scoped.tail = Some(in_tail(scoped.endpoint, tail, &alias.model).into());
    }
    let upstream = alias.upstream;
    Ok(Permitted { scoped, alias: Some(at), permits, upstream, previous_response, hides_usage, body })
}

/// A path with another model in its place.
fn in_tail(endpoint: &Endpoint, tail: &str, model: &str) -> String {
    let mut out = String::with_capacity(tail.len() + model.len());
    for (segment, written) in endpoint.path.split('/').zip(tail.split('/')).skip(1) {
        out.push('/');
        match segment.strip_prefix("{model}") {
            Some(behind) => {
                out.push_str(model);
                out.push_str(behind);
            }
            None => out.push_str(written),
        }
    }
    out
}

/// Whether a project and key may leave the choice of the model to the provider.
#[must_use]
pub fn may_leave_open(project: &Project, key: &Key) -> bool {
    let of_key = key.models.as_ref().is_none_or(ModelList::allows_all) || key.observed.models;
    (project.models.allows_all() || project.observed.models) && of_key
}

/// The upstream that a request goes to of which no model is known.
#[must_use]
pub fn without_model(snapshot: &Snapshot, scoped: &Scoped) -> Option<usize> {
    let made = |at: &usize| {
        snapshot.upstreams.get(*at).is_some_and(|upstream| upstream.provider.made(scoped.endpoint))
    };
    scoped.upstreams.iter().find(made).or_else(|| scoped.upstreams.iter().next())
}

fn choose(sight: &Sight<'_>, scoped: &Scoped, model: Option<&str>) -> Result<usize, Denial> {
    let upstreams = scoped.upstreams;
    let maker = |at: usize| {
        sight.snapshot.upstreams.get(at).is_some_and(|upstream| upstream.provider.made(scoped.endpoint))
    };
    let Some(model) = model else {
        return without_model(sight.snapshot, scoped)
            .ok_or_else(|| Denial::built_in(Reason::UpstreamNotAllowed));
    };
    let mut best: Option<(usize, usize)> = None;
    let mut refusing = None;
    for at in upstreams.iter() {
        let Some(upstream) = sight.snapshot.upstreams.get(at) else { continue };
        match upstream.models.best_fit(model) {
            Some(fit)
                if best.is_none_or(|(other, before)| {
                    fit > before || fit == before && maker(at) && !maker(other)
                }) =>
            {
                best = Some((at, fit));
            }
            Some(_) => {}
            None => refusing = Some(upstream.models_rule),
        }
    }
    match (best, refusing) {
        (Some((at, _)), _) => Ok(at),
        (None, Some(rule)) => Err(Denial::by(Reason::ModelNotAllowed, rule)),
        (None, None) => Err(Denial::built_in(Reason::UpstreamNotAllowed)),
    }
}
