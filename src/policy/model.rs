//! May the project use this model, and which upstream serves it?
//!
//! 1. The name is compared as the upstream will read it: decoded, byte for byte.
//! 2. A request that leaves the choice of the model to the provider passes only where every model
//!    is allowed.
//! 3. A field that would choose another model, host or key than the one checked is refused.
//! 4. Among several upstreams the one whose list fits the name most closely is taken.

use super::{Policy, Sight};
use crate::denial::{Denial, Reason};
use crate::exchange::{Asked, Permitted};
use crate::model_name::ModelList;
use crate::snapshot::{Key, Project, UpstreamSet};

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
            return Err(Denial::built_in(Reason::ParameterNotAllowed).because(field));
        }
        for model in asked.model.iter().chain(&asked.others) {
            for left_out in key.without_model(project, model) {
                sight.refuse(
                    left_out.observed,
                    Denial::by(Reason::ModelNotAllowed, left_out.rule).because(&**model),
                )?;
            }
        }
        let upstream = choose(sight, asked.scoped.upstreams, asked.model.as_deref())?;
        sight.notes.upstream = Some(upstream);
        let Asked { scoped, permits, previous_response, body, .. } = asked;
        Ok(Permitted { scoped, permits, upstream, previous_response, body })
    }
}

/// Whether a project and key may leave the choice of the model to the provider.
#[must_use]
pub fn may_leave_open(project: &Project, key: &Key) -> bool {
    let of_key = key.models.as_ref().is_none_or(ModelList::allows_all) || key.observed.models;
    (project.models.allows_all() || project.observed.models) && of_key
}

fn choose(sight: &Sight<'_>, upstreams: UpstreamSet, model: Option<&str>) -> Result<usize, Denial> {
    let Some(model) = model else {
        let first = upstreams.iter().next();
        return first.ok_or_else(|| Denial::built_in(Reason::UpstreamNotAllowed));
    };
    let mut best: Option<(usize, usize)> = None;
    let mut refusing = None;
    for at in upstreams.iter() {
        let Some(upstream) = sight.snapshot.upstreams.get(at) else { continue };
        match upstream.models.best_fit(model) {
            Some(fit) if best.is_none_or(|(_, before)| fit > before) => best = Some((at, fit)),
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
