//! May the project send these parameters?
//!
//! Only for projects that have rules on them; what a rule does not name is not looked at.

use http::HeaderName;

use super::Sight;
use crate::denial::{Denial, Reason, RuleId};
use crate::endpoint::{Endpoint, Family, Gives, ModelIn, Verb};
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
        let wrong = Wrong { rule: rules.rule, what: what.to_owned(), mend: Mend::OffTheEndpoint };
        return wrong.refuse(rules, sight);
    }
    let mut wrong = Vec::new();
    let mut add = |rule: RuleId, what: String, mend| wrong.push(Wrong { rule, what, mend });
    if let Some((most, rule)) = rules.max_tokens.filter(|_| generates(endpoint)) {
        match sight.notes.token_ceiling {
            None => {
                let what = format!("it must say how many tokens the answer may have, at most {most}");
                add(rule, what, Mend::Say("how many tokens the answer may have"));
            }
            Some(ceiling) if ceiling > most => {
                let what = format!("it asks for up to {ceiling} tokens, and {most} are allowed");
                add(rule, what, Mend::Raise);
            }
            Some(_) => {}
        }
    }
    if let Some(asked) = asked {
        if let Some((list, rule)) = &rules.tools
            && let Some(kind) = asked.tools.iter().find(|kind| !list.allows(kind))
        {
            let what = format!("a tool of type {} is not among those allowed", shown(kind));
            add(*rule, what, Mend::Add(kind));
        }
        let kept = asked.store.unwrap_or(keeps_by_default(endpoint));
        if let Some((false, rule)) = rules.store
            && kept
        {
            let what = "it must say \"store\": false, since nothing may be kept at the provider";
            add(rule, what.to_owned(), Mend::Say("\"store\": false"));
        }
        if let (Some((list, rule)), Some(tier)) = (&rules.service_tiers, asked.service_tier.as_deref())
            && !list.allows(tier)
        {
            let what = format!("service tier {} is not among those allowed", shown(tier));
            add(*rule, what, Mend::Add(tier));
        }
        if let (true, Some((_, rule))) = (asked.betas, &rules.deny_betas) {
            let what = "betas may be named in headers only";
            add(*rule, what.to_owned(), Mend::Say("its betas in headers"));
        }
    }
    if let Some((denied, rule)) = &rules.deny_betas {
        let headers = &sight.head.headers;
        let lines = BETAS.into_iter().flat_map(|name| headers.get_all(name));
        let named = lines.flat_map(|line| line.as_bytes().split(|b| *b == b','));
        let beta = named.map(|name| String::from_utf8_lossy(name.trim_ascii()).into_owned());
        if let Some(beta) = beta.into_iter().find(|beta| denied.allows(beta)) {
            add(*rule, format!("beta {} is denied", shown(&beta)), Mend::TakeOut);
        }
    }
    wrong.into_iter().try_for_each(|wrong| wrong.refuse(rules, sight))
}

/// What a setting does not allow.
struct Wrong<'a> {
    /// The setting's line.
    rule: RuleId,
    /// What the client is told.
    what: String,
    mend: Mend<'a>,
}

/// What the operator can do.
enum Mend<'a> {
    /// Add this to the setting's list.
    Add(&'a str),
    /// Raise the setting.
    Raise,
    /// Take an entry out of the setting's list.
    TakeOut,
    /// Have the caller say this.
    Say(&'static str),
    /// Have no such requests.
    OffTheEndpoint,
}

impl Wrong<'_> {
    fn refuse(self, rules: &ParameterRules, sight: &mut Sight<'_>) -> Result<(), Denial> {
        let (what, rule) = (self.what, sight.snapshot.rule(self.rule).map_or("the rule", |rule| &rule.path));
        let mend = match self.mend {
            Mend::Add(name) if is_plain(name) && !name.contains(['*', '"', '\\']) => {
                format!("add \"{name}\" to {rule}: {what}")
            }
            Mend::Add(_) => format!("add it to {rule}: {what}"),
            Mend::Raise => format!("raise {rule}, or let the caller ask for less: {what}"),
            Mend::TakeOut => format!("take it out of {rule}, or let the caller do without: {what}"),
            Mend::Say(word) => format!("the caller must say {word}, or take {rule} away: {what}"),
            Mend::OffTheEndpoint => {
                format!("take {rule} away, or keep the project off this endpoint: {what}")
            }
        };
        let denial = Denial::by(Reason::ParameterNotAllowed, self.rule).because(what).mended(mend);
        sight.refuse(rules.observed, denial)
    }
}

/// Whether the endpoint's answer is text of a model, which a ceiling bounds.
#[must_use]
pub fn generates(endpoint: &Endpoint) -> bool {
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
    if is_plain(word) { format!("'{word}'") } else { format!("of {} characters", word.len()) }
}

fn is_plain(word: &str) -> bool {
    word.len() <= 40 && word.bytes().all(|b| b.is_ascii_graphic())
}
