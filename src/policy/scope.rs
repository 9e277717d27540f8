//! May the project call this upstream and endpoint, with this method?
//!
//! 1. A first path segment that is an upstream's name picks that upstream; the rest must be one of
//!    its endpoints, also behind what the provider's own SDK puts there, or without a version where its base URL
//!    has none.
//! 2. Any other path goes by its surface, among the upstreams that serve it.
//! 3. `/v1/models` and others are spelled alike by several SDKs; what the project may use and the header that
//!    only one of them sends decide.
//! 4. A path that fits nothing gets a sentence on what it was probably meant to be.

use std::sync::Arc;

use http::Method;
use smallvec::SmallVec;

use super::{Policy, Sight};
use crate::denial::{Denial, Reason};
use crate::dialect::Surface;
use crate::endpoint::{
    self, API_VERSION, Endpoint, Found, Gives, LONGEST_MODEL, Match, ModelIn, Verb, advise,
};
use crate::exchange::{Caller, Placed, Scoped};
use crate::project_key;
use crate::provider::Api;
use crate::snapshot::{Snapshot, Upstream, UpstreamSet};
use crate::upgrade;

/// The policy.
#[derive(Clone, Copy, Debug)]
pub struct ScopeCheck;

impl Policy for ScopeCheck {
    type From = Placed;
    type Into = Scoped;

    fn decide(&self, from: Placed, sight: &mut Sight<'_>) -> Result<Scoped, Denial> {
        let path = sight.head.uri.path();
        let verb = verb(&sight.head.method);
        let found = verb.and_then(|verb| {
            locate(&from, sight, verb, path).or_else(|| passed_through(&from, sight.snapshot, verb, path))
        });
        let Some(Located { fit, serving, named }) = found else {
            return Err(miss(sight.snapshot, verb, path));
        };
        let endpoint = fit.endpoint;
        if endpoint.has_parameters() && fit.tail.split('/').any(|name| name.starts_with(project_key::PREFIX))
        {
            return Err(
                Denial::built_in(Reason::EndpointUnknown).because("A key does not belong into a path.")
            );
        }
        sight.notes.endpoint = Some(endpoint);
        let query = match sight.head.uri.query() {
            Some(query) => passed_on(endpoint, query, || has_azure(sight.snapshot, serving))?,
            None => String::new(),
        };
        let upstreams = permitted(from.caller, sight, endpoint, serving, named)?;
        let path_model = if let ModelIn::Query(name) = endpoint.model {
            Some(model_in_query(&query, name)?)
        } else {
            fit.model.map(|model| model_named(endpoint, model))
        };
        if let Some(model) = &path_model {
            sight.notes.model = Some(model.clone());
        }
        let tail = endpoint.has_parameters().then(|| fit.tail.into());
        Ok(Scoped { caller: from.caller, endpoint, root: fit.root, tail, path_model, query, upstreams })
    }
}

const fn verb(method: &Method) -> Option<Verb> {
    match *method {
        Method::POST => Some(Verb::Post),
        Method::GET => Some(Verb::Get),
        Method::DELETE => Some(Verb::Delete),
        Method::PATCH => Some(Verb::Patch),
        Method::PUT => Some(Verb::Put),
        _ => None,
    }
}

/// The model that a path names, as lists name it: of a resource's whole name, which Amazon's SDKs escape, the
/// last part.
fn model_named(endpoint: &Endpoint, written: &str) -> Arc<str> {
    if endpoint.path.starts_with("/tunedModels/") {
        return format!("tunedModels/{written}").into();
    }
    if !written.contains('%') {
        return written.into();
    }
    let mut decoded = written.to_owned();
    for (escape, plain) in [("%3A", ":"), ("%3a", ":"), ("%2F", "/"), ("%2f", "/")] {
        decoded = decoded.replace(escape, plain);
    }
    decoded.rsplit('/').next().unwrap_or_default().into()
}

/// The model that a checked query names.
fn model_in_query(query: &str, name: &str) -> Result<Arc<str>, Denial> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, written) = pairs
        .find(|(key, value)| *key == name && !value.is_empty())
        .ok_or_else(|| Denial::built_in(Reason::ModelMissing))?;
    let decoded = written.replace("%3A", ":").replace("%3a", ":").replace("%2F", "/").replace("%2f", "/");
    if decoded.contains('%') || decoded.len() > LONGEST_MODEL {
        return Err(Denial::built_in(Reason::QueryNotAllowed).because(format!("'{name}' written like that")));
    }
    Ok(decoded.into())
}

/// The upstreams that this project may use for the endpoint.
fn permitted(
    caller: Caller,
    sight: &mut Sight<'_>,
    endpoint: &'static Endpoint,
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
    for scope in [Some(endpoint.scope), endpoint.also].into_iter().flatten() {
        for left_out in key.without_scope(project, scope) {
            let denial = Denial::by(Reason::ScopeMissing, left_out.rule).because(scope.name());
            sight.refuse(left_out.observed, denial)?;
        }
    }
    let names_none = endpoint.model == ModelIn::Nowhere && !endpoint.lists_models;
    if (names_none || endpoint.model == ModelIn::Message) && usable.only().is_none() {
        return Err(Denial::by(Reason::UpstreamAmbiguous, project.upstreams_rule));
    }
    Ok(usable)
}

struct Located<'p> {
    fit: Match<'p>,
    serving: UpstreamSet,
    /// Whether the path names the upstream.
    named: bool,
}

/// What is in no table, behind an upstream's name, for who holds the scope for it.
fn passed_through<'p>(from: &Placed, snapshot: &Snapshot, verb: Verb, path: &'p str) -> Option<Located<'p>> {
    let (at, upstream, rest) = named_upstream(snapshot, path)?;
    let project = snapshot.projects.get(from.caller.project)?;
    let key = snapshot.keys.get(from.caller.key)?;
    // The API's version stands in the base URL already.
    let rest =
        if upstream.base_path.ends_with("/v1") { rest.strip_prefix("/v1").unwrap_or(rest) } else { rest };
    let fit = endpoint::passthrough(verb, rest)?;
    let held = key.without_scope(project, fit.endpoint.scope).next().is_none();
    held.then(|| Located { fit, serving: std::iter::once(at).collect(), named: true })
}

/// The upstream that a path names in front, and the path behind it.
fn named_upstream<'s, 'p>(snapshot: &'s Snapshot, path: &'p str) -> Option<(usize, &'s Upstream, &'p str)> {
    // No upstream can have this name, and nearly all paths begin with it.
    if path.starts_with("/v1/") {
        return None;
    }
    let second = path.get(1..)?.find('/')? + 1;
    let (front, rest) = path.split_at_checked(second)?;
    let at = snapshot.upstream_named(front.trim_start_matches('/'))?;
    Some((at, snapshot.upstreams.get(at)?, rest))
}

/// The row that a path means, and the upstreams that serve it.
fn locate<'p>(from: &Placed, sight: &Sight<'_>, verb: Verb, path: &'p str) -> Option<Located<'p>> {
    let snapshot = sight.snapshot;
    if let Some((at, upstream, rest)) = named_upstream(snapshot, path) {
        let rest = rest.strip_prefix(upstream.provider.facts().sdk_root).unwrap_or(rest);
        let serving = |fit: &Match<'_>| {
            if upstream.serves(fit.endpoint, fit.root) {
                std::iter::once(at).collect()
            } else {
                UpstreamSet::default()
            }
        };
        let meant = |found: Found<'p>| meant(&found, verb, sight, serving);
        let as_written = endpoint::find(rest).and_then(meant);
        let without_version = || {
            let goes = upstream.provider.goes_without_version();
            endpoint::find_without_version(rest).filter(|_| goes).and_then(meant)
        };
        if let Some((fit, serving)) = as_written.or_else(without_version) {
            return Some(Located { fit, serving, named: true });
        }
    }
    let found = endpoint::find(path)?;
    let project = snapshot.projects.get(from.caller.project)?;
    let among = |upstreams: UpstreamSet| {
        let serving = |fit: &Match<'_>| snapshot.serving(fit.endpoint, fit.root, upstreams);
        let (fit, serving) = meant(&found, verb, sight, serving)?;
        Some(Located { fit, serving, named: false })
    };
    among(project.upstreams).or_else(|| among(UpstreamSet::ALL))
}

/// Of the rows that are served the one that the client means, with the upstreams that serve it.
fn meant<'p>(
    found: &Found<'p>,
    verb: Verb,
    sight: &Sight<'_>,
    serving: impl Fn(&Match<'_>) -> UpstreamSet,
) -> Option<(Match<'p>, UpstreamSet)> {
    let served = |fit: Match<'p>| {
        let serving = serving(&fit);
        if serving.is_empty() { None } else { Some((fit, serving)) }
    };
    // A WebSocket's row is for who asks for one; any other request goes as if there were none.
    let is_socket = |fit: &Match<'_>| fit.endpoint.gives == Gives::WebSocket;
    if verb == Verb::Get
        && upgrade::is_asked_for(&sight.head.headers)
        && let Some(socket) = found.rows(verb).filter(is_socket).find_map(served)
    {
        return Some(socket);
    }
    let mut rows = found.rows(verb).filter(|fit| !is_socket(fit)).filter_map(served);
    let first = rows.next()?;
    let Some(second) = rows.next() else { return Some(first) };
    let shown = shown_surface(sight);
    let mut all = [first, second].into_iter().chain(rows);
    Some(all.find(|(fit, _)| fit.endpoint.surface == shown).unwrap_or(first))
}

/// The surface that a client's own header shows, where several spell a path alike.
fn shown_surface(sight: &Sight<'_>) -> Surface {
    let headers = &sight.head.headers;
    let gemini_key =
        || sight.head.uri.query().is_some_and(|query| query.split('&').any(|pair| pair.starts_with("key=")));
    if headers.contains_key("anthropic-version") {
        Surface::Anthropic
    } else if headers.contains_key("x-goog-api-key") || gemini_key() {
        Surface::Gemini
    } else {
        Surface::OpenAi
    }
}

fn miss(snapshot: &Snapshot, verb: Option<Verb>, path: &str) -> Denial {
    let front = path.get(1..).and_then(|rest| rest.split_once('/'));
    let behind = front
        .filter(|(name, _)| snapshot.upstream_named(name).is_some())
        .map(|(name, rest)| (name, format!("/{rest}")));
    let target = behind.as_ref().map_or(path, |(_, rest)| rest);
    let is_socket = |found: Found<'_>| {
        let mut rows = found.rows(Verb::Get);
        rows.any(|fit| fit.endpoint.gives == Gives::WebSocket)
    };
    if verb == Some(Verb::Get) && endpoint::find(target).is_some_and(is_socket) {
        return Denial::built_in(Reason::EndpointUnknown)
            .because("With GET it is a WebSocket, which the request does not ask for.");
    }
    // Another provider's endpoint: neither its path nor its method is wrong.
    let is_known = |found: Found<'_>| verb.is_some_and(|verb| found.rows(verb).next().is_some());
    if endpoint::find(target).is_some_and(is_known) {
        let why = match &behind {
            Some((name, _)) => format!("Upstream '{name}' does not answer this path."),
            None => "No upstream of it answers this path.".to_owned(),
        };
        return Denial::built_in(Reason::EndpointUnknown).because(why);
    }
    let advice = match &behind {
        Some((_, rest)) => advise(verb, rest),
        None => advise(verb, path),
    };
    match advice {
        endpoint::Advice::Method(other) => {
            Denial::built_in(Reason::MethodNotAllowed).because(format!("It takes {}.", other.name()))
        }
        endpoint::Advice::Path(sentence) => {
            let denial = Denial::built_in(Reason::EndpointUnknown).because(sentence);
            // Behind an upstream's name it could pass all the same.
            let passes = |rest: &String| verb.is_some_and(|verb| endpoint::passthrough(verb, rest).is_some());
            match behind.filter(|(_, rest)| passes(rest)) {
                Some((name, _)) => denial.mended(format!(
                    "the gate does not know this path of upstream '{name}': correct it in the caller, or let the project \
                     have all that the upstream has, with the scope \"passthrough\" and models = \"*\""
                )),
                None => denial,
            }
        }
    }
}

/// The query parameters that go on to the upstream. The client's key is not one of them.
fn passed_on(endpoint: &Endpoint, query: &str, azure: impl Fn() -> bool) -> Result<String, Denial> {
    let mut on = String::new();
    let mut seen: SmallVec<[&str; 4]> = SmallVec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if name == "key" {
            continue;
        }
        // A list is sent as one name with brackets for each of its values; any other name stands once.
        let listed = name.ends_with("[]") || name.to_ascii_uppercase().ends_with("%5B%5D");
        let taken = endpoint.takes_query(name) || name == API_VERSION && azure();
        let known = taken && name.bytes().all(is_plain_name) && value.bytes().all(is_plain);
        if !known || seen.contains(&name) && !listed {
            return Err(Denial::built_in(Reason::QueryNotAllowed).because(shown(name)));
        }
        seen.push(name);
        if !on.is_empty() {
            on.push('&');
        }
        on.push_str(name);
        on.push('=');
        on.push_str(value);
    }
    Ok(on)
}

/// Whether one of the upstreams is Azure, which asks for a version in the query wherever it is called.
fn has_azure(snapshot: &Snapshot, serving: UpstreamSet) -> bool {
    serving.iter().filter_map(|at| snapshot.upstreams.get(at)).any(|one| one.provider.api() == Api::Azure)
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

/// The bytes of a query parameter's name.
const fn is_plain_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'[' | b']' | b'%')
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
        let found = endpoint::find("/v1beta/models/g:streamGenerateContent").unwrap();
        let row = found.rows(Verb::Post).next().unwrap();
        passed_on(row.endpoint, query, || false).map_err(|denial| denial.reason)
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
