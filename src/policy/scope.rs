//! May the project call this upstream and endpoint, with this method?
//!
//! 1. A first path segment that is an upstream's name picks that upstream; the rest must be one of
//!    its endpoints, also behind what the provider's own SDK puts there.
//! 2. Any other path goes by its surface, among the upstreams that serve it.
//! 3. `/v1/models` is spelled alike by three SDKs; the header that only one of them sends decides.
//! 4. A path that fits nothing gets a sentence on what it was probably meant to be.

use std::sync::Arc;

use http::Method;

use super::{Policy, Sight};
use crate::denial::{Denial, Reason};
use crate::dialect::Surface;
use crate::endpoint::{self, Match, ModelIn, Verb, advise};
use crate::exchange::{Caller, Placed, Scoped};
use crate::snapshot::{Snapshot, UpstreamSet};

/// The policy.
#[derive(Clone, Copy, Debug)]
pub struct ScopeCheck;

impl Policy for ScopeCheck {
    type From = Placed;
    type Into = Scoped;

    fn decide(&self, from: Placed, sight: &mut Sight<'_>) -> Result<Scoped, Denial> {
        let path = sight.head.uri.path();
        let verb = match sight.head.method {
            Method::POST => Some(Verb::Post),
            Method::GET => Some(Verb::Get),
            _ => None,
        };
        let preferred = preferred_surface(sight, verb);
        let found = verb.and_then(|verb| locate(sight.snapshot, preferred, verb, path));
        let Some(Located { fit, serving, named }) = found else {
            return Err(miss(sight.snapshot, verb, path));
        };
        sight.notes.endpoint = Some(fit.endpoint);
        let query = passed_on(fit, sight.head.uri.query().unwrap_or_default())?;
        let upstreams = permitted(from.caller, sight, fit, serving, named)?;
        let path_model: Option<Arc<str>> = fit.model.map(Arc::from);
        if let Some(model) = &path_model {
            sight.notes.model = Some(model.clone());
        }
        Ok(Scoped {
            caller: from.caller,
            endpoint: fit.endpoint,
            root: fit.root,
            path_model,
            query,
            upstreams,
        })
    }
}

/// The upstreams that this project may use for the endpoint.
fn permitted(
    caller: Caller,
    sight: &mut Sight<'_>,
    fit: Match<'_>,
    serving: UpstreamSet,
    named: bool,
) -> Result<UpstreamSet, Denial> {
    let (Some(project), Some(key)) =
        (sight.snapshot.projects.get(caller.project), sight.snapshot.keys.get(caller.key))
    else {
        return Err(Denial::built_in(Reason::KeyUnknown));
    };
    let usable = serving.and(project.upstreams);
    if let Some(only) = if named { serving.only() } else { usable.only() } {
        sight.notes.upstream = Some(only);
    }
    if usable.is_empty() {
        return Err(Denial::by(Reason::UpstreamNotAllowed, project.upstreams_rule));
    }
    for left_out in key.without_scope(project, fit.endpoint.scope) {
        sight.refuse(left_out.observed, Denial::by(Reason::ScopeMissing, left_out.rule))?;
    }
    if fit.endpoint.model == ModelIn::Nowhere && usable.only().is_none() {
        return Err(Denial::by(Reason::UpstreamAmbiguous, project.upstreams_rule));
    }
    Ok(usable)
}

struct Located<'p> {
    fit: Match<'p>,
    serving: UpstreamSet,
    named: bool,
}

fn locate<'p>(
    snapshot: &Snapshot,
    preferred: Option<Surface>,
    verb: Verb,
    path: &'p str,
) -> Option<Located<'p>> {
    let surfaces = || preferred.into_iter().chain(Surface::ALL);
    let second = path.get(1..).and_then(|rest| rest.find('/')).map(|at| at + 1);
    if let Some((front, rest)) = second.and_then(|at| path.split_at_checked(at))
        && let Some(at) = snapshot.upstream_named(front.trim_start_matches('/'))
        && let Some(upstream) = snapshot.upstreams.get(at)
        && let Some(rest) = Some(rest.strip_prefix(upstream.provider.facts().sdk_root).unwrap_or(rest))
        && let Some(fit) = surfaces()
            .filter(|surface| upstream.provider.serves(*surface))
            .find_map(|surface| endpoint::find(surface, verb, rest))
    {
        return Some(Located { fit, serving: std::iter::once(at).collect(), named: true });
    }
    surfaces().find_map(|surface| {
        let fit = endpoint::find(surface, verb, path)?;
        let serving = snapshot.serving(surface);
        (!serving.is_empty()).then_some(Located { fit, serving, named: false })
    })
}

/// The surface that a client's own header shows, where paths alone do not tell.
fn preferred_surface(sight: &Sight<'_>, verb: Option<Verb>) -> Option<Surface> {
    // What is posted is spelled by each surface in its own way; only the lists of models are alike.
    if verb != Some(Verb::Get) {
        return None;
    }
    let headers = &sight.head.headers;
    let gemini_key =
        || sight.head.uri.query().is_some_and(|query| query.split('&').any(|pair| pair.starts_with("key=")));
    if headers.contains_key("anthropic-version") {
        Some(Surface::Anthropic)
    } else if headers.contains_key("x-goog-api-key") || gemini_key() {
        Some(Surface::Gemini)
    } else {
        None
    }
}

fn miss(snapshot: &Snapshot, verb: Option<Verb>, path: &str) -> Denial {
    let front = path.get(1..).and_then(|rest| rest.split_once('/'));
    let behind = front
        .filter(|(name, _)| snapshot.upstream_named(name).is_some())
        .map(|(name, rest)| (name, format!("/{rest}")));
    let advice = match &behind {
        Some((_, rest)) => advise(verb, rest),
        None => advise(verb, path),
    };
    match advice {
        endpoint::Advice::Method(other) => {
            Denial::built_in(Reason::MethodNotAllowed).because(format!("It takes {}.", other.name()))
        }
        endpoint::Advice::Path(sentence) => Denial::built_in(Reason::EndpointUnknown).because(sentence),
    }
}

/// The query parameters that go on to the upstream. The client's key is not one of them.
fn passed_on(fit: Match<'_>, query: &str) -> Result<String, Denial> {
    let mut on = String::new();
    let mut seen: smallvec::SmallVec<[&str; 4]> = smallvec::SmallVec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if name == "key" {
            continue;
        }
        let known = fit.endpoint.query.iter().find(|known| **known == name);
        let Some(known) = known.filter(|_| value.bytes().all(is_plain) && !seen.contains(&name)) else {
            return Err(Denial::built_in(Reason::QueryNotAllowed).because(shown(name)));
        };
        seen.push(name);
        if !on.is_empty() {
            on.push('&');
        }
        on.push_str(known);
        on.push('=');
        on.push_str(value);
    }
    Ok(on)
}

/// The longest name of a parameter that is repeated to the client and in the record.
const LONGEST_NAME: usize = 19;

/// A parameter's name for a sentence. What is as long as a key may be one, and is not repeated.
fn shown(name: &str) -> String {
    if name.len() > LONGEST_NAME {
        return format!("of {} characters", name.len());
    }
    let plain: String = name.chars().filter(char::is_ascii_graphic).collect();
    format!("'{plain}'")
}

/// The bytes of a query value that every reader takes for themselves.
const fn is_plain(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || matches!(b, b'-' | b'.' | b'_' | b'~' | b'%' | b'+' | b'=' | b'/' | b':' | b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(query: &str) -> Result<String, Reason> {
        let fit =
            endpoint::find(Surface::Gemini, Verb::Post, "/v1beta/models/g:streamGenerateContent").unwrap();
        passed_on(fit, query).map_err(|denial| denial.reason)
    }

    #[test]
    fn only_known_parameters_go_on_and_never_the_key() {
        assert_eq!(on(""), Ok(String::new()));
        assert_eq!(on("key=pcl_a&alt=sse"), Ok("alt=sse".to_owned()));
        for query in
            ["model=other", "alt=sse&alt=json", "alt=%00;x", "Alt=sse", "api_key=x", "alt[]=sse", "x"]
        {
            assert_eq!(on(query), Err(Reason::QueryNotAllowed), "{query}");
        }
    }
}
