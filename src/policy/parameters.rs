//! May the project send these parameters?
//!
//! Only for projects that have rules on them; what a rule does not name is not looked at.

use http::HeaderName;

use super::Sight;
use crate::denial::{Denial, Reason};
use crate::endpoint::{Endpoint, Family, Gives, ModelIn, Verb};
use crate::model_name::ModelList;
use crate::peek::Parameters;
use crate::snapshot::ParameterRules;

/// The headers by which betas are asked for.
const BETAS: [HeaderName; 2] =
    [HeaderName::from_static("anthropic-beta"), HeaderName::from_static("openai-beta")];

/// Judges what a request asks for besides its model.
///
/// # Errors
/// The denial, when a rule forbids it and is enforced.
pub(super) fn judge(
    rules: &ParameterRules,
    endpoint: &Endpoint,
    asked: Option<&Parameters>,
    sight: &mut Sight<'_>,
) -> Result<(), Denial> {
    let out_of_reach = if endpoint.gives == Gives::WebSocket {
        Some("the messages of a WebSocket are not held to the rules on parameters")
    } else if makes_a_batch(endpoint) {
        Some("the requests of a batch are not held to the rules on parameters")
    } else {
        None
    };
    if let Some(what) = out_of_reach {
        return sight
            .refuse(rules.observed, Denial::by(Reason::ParameterNotAllowed, rules.rule).because(what));
    }
    let mut wrong = Vec::new();
    if let Some(most) = rules.max_tokens.filter(|_| generates(endpoint)) {
        match sight.notes.token_ceiling {
            None => wrong.push(format!("it must say how many tokens the answer may have, at most {most}")),
            Some(ceiling) if ceiling > most => {
                wrong.push(format!("it asks for up to {ceiling} tokens, and {most} are allowed"));
            }
            Some(_) => {}
        }
    }
    if let Some(asked) = asked {
        let tool =
            |list: &ModelList| asked.tools.iter().find(|kind| !list.allows(kind)).map(|kind| shown(kind));
        if let Some(kind) = rules.tools.as_ref().and_then(tool) {
            wrong.push(format!("a tool of type {kind} is not among those allowed"));
        }
        let kept = asked.store.unwrap_or(keeps_by_default(endpoint));
        if rules.store == Some(false) && kept {
            wrong.push("it must say \"store\": false, since nothing may be kept at the provider".to_owned());
        }
        let tier = asked.service_tier.as_deref();
        if let Some(tier) =
            tier.filter(|tier| rules.service_tiers.as_ref().is_some_and(|list| !list.allows(tier)))
        {
            wrong.push(format!("service tier {} is not among those allowed", shown(tier)));
        }
        if asked.betas && rules.deny_betas.is_some() {
            wrong.push("betas may be named in headers only".to_owned());
        }
    }
    if let Some(denied) = &rules.deny_betas {
        let headers = &sight.head.headers;
        let lines = BETAS.into_iter().flat_map(|name| headers.get_all(name));
        let named = lines.flat_map(|line| line.as_bytes().split(|b| *b == b','));
        let beta = named.map(|name| String::from_utf8_lossy(name.trim_ascii()).into_owned());
        if let Some(beta) = beta.into_iter().find(|beta| denied.allows(beta)) {
            wrong.push(format!("beta {} is denied", shown(&beta)));
        }
    }
    for what in wrong {
        sight.refuse(rules.observed, Denial::by(Reason::ParameterNotAllowed, rules.rule).because(what))?;
    }
    Ok(())
}

/// Whether the endpoint's answer is text of a model, which a ceiling bounds.
fn generates(endpoint: &Endpoint) -> bool {
    let family = matches!(endpoint.scope.family, Family::Chat | Family::Completions | Family::Responses);
    family && endpoint.verb == Verb::Post && endpoint.model != ModelIn::Nowhere
}

/// Whether the endpoint takes requests that are carried out later.
fn makes_a_batch(endpoint: &Endpoint) -> bool {
    endpoint.scope.family == Family::Batches
        && endpoint.verb == Verb::Post
        && endpoint.model != ModelIn::Nowhere
}

/// Whether the provider keeps the answer if it is not told to or not to.
fn keeps_by_default(endpoint: &Endpoint) -> bool {
    endpoint.scope.family == Family::Responses && generates(endpoint)
}

/// A word for a sentence; one that is as long as a key may be one.
fn shown(word: &str) -> String {
    if word.len() > 40 || !word.bytes().all(|b| b.is_ascii_graphic()) {
        return format!("of {} characters", word.len());
    }
    format!("'{word}'")
}
