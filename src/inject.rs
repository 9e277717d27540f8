//! Builds the request for the upstream, from what of the client's request may go on.
//!
//! 1. The path comes from the endpoint table, the Host from the configuration.
//! 2. Only headers of the list below are left, so no credential, cookie, forwarding, hop-by-hop or
//!    routing header of the client can reach the upstream, and none that a `Connection` header
//!    names can take ours away.
//! 3. Only then the upstream's credential goes in, or signs. This is the only place that may see one.
//! 4. Where a cloud has not granted a credential yet, the request goes on without, and `forward` waits for it.
//!
//! It is no policy: those look at a request, and this takes it apart.

use std::task::{Context, Poll};

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Uri, Version};
use smallvec::SmallVec;
use tower::{Layer, Service};

use crate::body::Outgoing;

use crate::clock::Moment;
use crate::cloud::{Cloud, Lacking, Means, Signed, sign};
use crate::credentials::{Credential, InUse, Proof};
use crate::denial::{Denial, Reason};
use crate::dialect::Surface;
use crate::endpoint::{self, Endpoint, Gives, Verb};
use crate::exchange::{Carried, Exchange, Funded, Outbound, Permitted, Refusal, Scoped};
use crate::gate::Passing;
use crate::secret::Secret;
use crate::snapshot::{Snapshot, Upstream};
use crate::upgrade;
use crate::uploads::upload_id;

/// Puts it in front of what sends the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InjectLayer;

/// It, in front of what sends the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inject<S> {
    inner: S,
}

impl<S> Layer<S> for InjectLayer {
    type Service = Inject<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Inject { inner }
    }
}

impl<S> Service<Exchange<Funded>> for Inject<S>
where
    S: Service<Exchange<Outbound>, Error = Refusal>,
{
    type Response = S::Response;
    type Error = Refusal;
    type Future = Passing<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, exchange: Exchange<Funded>) -> Self::Future {
        let Exchange { stage, mut carried } = exchange;
        match outbound(stage, &mut carried) {
            Ok(stage) => Passing::Passed { inner: self.inner.call(Exchange { stage, carried }) },
            Err(denial) => Passing::Refused { refusal: Some(Exchange { stage: (), carried }.refuse(denial)) },
        }
    }
}

const ORGANIZATION: HeaderName = HeaderName::from_static("openai-organization");
const PROJECT: HeaderName = HeaderName::from_static("openai-project");
/// The project that Google bills.
const USER_PROJECT: HeaderName = HeaderName::from_static("x-goog-user-project");

fn outbound(from: Funded, carried: &mut Carried) -> Result<Outbound, Denial> {
    let Carried { head, snapshot, record, .. } = carried;
    let now = record.begun;
    let Permitted { scoped, alias, permits, upstream: at, previous_response, hides_usage, body } =
        from.permitted;
    let upstream = snapshot.upstreams.get(at).ok_or_else(|| Denial::built_in(Reason::UpstreamNotAllowed))?;
    let target = upstream
        .target(scoped.endpoint, scoped.root, scoped.tail.as_deref(), &scoped.query)
        .ok_or_else(|| Denial::built_in(Reason::EndpointUnknown))?;

    let mut bound = previous_response.and_then(|id| upstream.credentials.owner_of(&id, now));
    if bound.is_none() && upstream.credentials.are_several() {
        bound = owner(upstream, &scoped, snapshot, now);
    }
    let in_use = bound.or_else(|| upstream.credentials.pick(now));
    let credential = in_use.as_ref().and_then(|in_use| upstream.credentials.all().get(in_use.at()));
    match credential {
        Some(credential) => record.credential = Some(credential.id.clone()),
        None if upstream.keyless => {}
        None => return Err(none_at(upstream)),
    }
    let headers = handed_on(head, scoped.endpoint, &body);
    let mut request = request(headers, scoped.endpoint, upstream, Uri::from(target), body);
    let several = scoped.endpoint.lists_models && scoped.upstreams.only().is_none();
    let mut waits = false;
    if let Some(credential) = credential {
        match put_in(credential, &mut request, now) {
            Ok(()) => {}
            // Each of several is asked by itself.
            Err(_) if several => {}
            Err(Lacking::NotYet) => waits = true,
            Err(Lacking::Failed) => return Err(unavailable(credential, now)),
        }
    }
    let Scoped { caller, endpoint, upstreams, .. } = scoped;
    let among = several.then(|| Box::new(upstreams));
    Ok(Outbound {
        caller,
        endpoint,
        permits,
        upstream: at,
        request,
        in_use,
        waits,
        alias,
        hides_usage,
        among,
    })
}

/// The client's headers, to go on. They stay with the head too where they are read again: while a body goes on as it
/// arrives, and where the answer goes by them.
fn handed_on(head: &mut Parts, endpoint: &Endpoint, body: &Outgoing) -> HeaderMap {
    let answered_by = matches!(endpoint.gives, Gives::Upload | Gives::WebSocket);
    match body {
        Outgoing::Held(_) if !answered_by => std::mem::take(&mut head.headers),
        Outgoing::Held(_) | Outgoing::Streamed(_) => head.headers.clone(),
    }
}

/// The credential that made what the path names, or that began the upload which the query names.
fn owner(upstream: &Upstream, scoped: &Scoped, snapshot: &Snapshot, now: Moment) -> Option<InUse> {
    if let Some(id) = upload_id(&scoped.query) {
        let begun = snapshot.uploads.begun(id)?;
        return upstream.credentials.named(begun.credential.as_deref()?);
    }
    // The names of things have a mark in them, and words of paths have none.
    let mut names = scoped.tail.as_deref()?.split('/').filter(|name| name.contains(['_', '-']));
    names.find_map(|name| upstream.credentials.owner_of(name, now))
}

/// The refusal of a request for which the upstream has no credential.
#[must_use]
pub fn none_at(upstream: &Upstream) -> Denial {
    Denial::by(Reason::CredentialUnavailable, upstream.rule).because("it has none")
}

/// The refusal of a request for which a cloud grants nothing.
#[must_use]
pub fn unavailable(credential: &Credential, now: Moment) -> Denial {
    let denial = Denial::by(Reason::CredentialUnavailable, credential.rule);
    let outlook = credential.member.holder().map(|holder| holder.outlook(now));
    let failure = outlook.and_then(|outlook| outlook.failure);
    denial.because(failure.unwrap_or_else(|| "nothing was granted in time".into()))
}

/// The request for the upstream, made from the client's headers, without a credential; also when it is sent again with
/// another one.
#[must_use]
pub fn request(
    mut headers: HeaderMap,
    endpoint: &'static Endpoint,
    upstream: &Upstream,
    target: Uri,
    body: Outgoing,
) -> Box<Request<Outgoing>> {
    let handshake = (endpoint.gives == Gives::WebSocket).then(|| headers.clone());
    // The map stays: the HTTP library uses it again for the answer's headers, and those for the next request's.
    let listed = listed(&mut headers, |name| goes_on(name) || goes_on_there(endpoint, name));
    headers.insert(header::HOST, upstream.authority.clone());
    for (name, value) in listed {
        headers.append(name, value);
    }
    if let Some(handshake) = handshake {
        let mut random = [0; 16];
        // It proves that the answer is one to this question, and guards nothing.
        let _ = getrandom::fill(&mut random);
        upgrade::ask(&mut headers, &handshake, random);
    }
    let mut request = Box::new(Request::new(body));
    *request.method_mut() = method(endpoint.verb);
    *request.uri_mut() = target;
    *request.version_mut() = Version::HTTP_11;
    *request.headers_mut() = headers;
    request
}

/// Takes all headers out of a map, and gives those that are listed. Few are, so that to take out the others costs more.
fn listed(
    headers: &mut HeaderMap,
    goes_on: impl Fn(&HeaderName) -> bool,
) -> SmallVec<[(HeaderName, HeaderValue); 6]> {
    let mut listed = SmallVec::<[(HeaderName, HeaderValue); 6]>::new();
    let mut more_go_on = false;
    for (name, value) in headers.drain() {
        if let Some(name) = name {
            more_go_on = goes_on(&name);
            if more_go_on {
                listed.push((name, value));
            }
        } else if let Some((name, _)) = listed.last().filter(|_| more_go_on) {
            // Another value of the name before.
            let name = name.clone();
            listed.push((name, value));
        }
    }
    listed
}

const fn method(verb: Verb) -> Method {
    match verb {
        Verb::Get => Method::GET,
        Verb::Post => Method::POST,
        Verb::Put => Method::PUT,
        Verb::Patch => Method::PATCH,
        Verb::Delete => Method::DELETE,
    }
}

/// Whether a client's header goes on to the upstream as it is.
fn goes_on(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "accept"
            | "content-type"
            | "user-agent"
            | "anthropic-version"
            | "anthropic-beta"
            | "openai-beta"
            | "idempotency-key"
            | "x-client-request-id"
    )
}

/// What one service's endpoints read besides. A guardrail that was asked for must not be lost on the way; what has a
/// price of its own, such as a tier, stays here.
const OF_ANTHROPIC: [&str; 2] = ["anthropic-user-profile-id", "anthropic-worker-id"];
const OF_BEDROCK: [&str; 5] = [
    "x-amzn-bedrock-guardrailidentifier",
    "x-amzn-bedrock-guardrailversion",
    "x-amzn-bedrock-trace",
    "x-amzn-bedrock-accept",
    "x-amzn-bedrock-request-metadata",
];

/// Whether a header goes on to endpoints of this kind.
fn goes_on_there(endpoint: &Endpoint, name: &HeaderName) -> bool {
    let name = name.as_str();
    let for_what_it_gives = match endpoint.gives {
        Gives::Bytes => matches!(name, "range" | "if-range"),
        Gives::Upload => name.starts_with("x-goog-upload-") || name == header::CONTENT_RANGE,
        Gives::Json
        | Gives::StreamIfAsked
        | Gives::StreamUnlessDeclined
        | Gives::Events
        | Gives::Lines
        | Gives::AwsEvents
        | Gives::WebSocket => false,
    };
    for_what_it_gives
        || endpoint.surface == Surface::Anthropic && OF_ANTHROPIC.contains(&name)
        || endpoint.surface == Surface::Bedrock && OF_BEDROCK.contains(&name)
}

/// A request for the upstream's list of models, which costs nothing, without a credential; `None` if the upstream
/// has no such list.
#[must_use]
pub fn asking_for_models(upstream: &Upstream) -> Option<Request<Outgoing>> {
    let own = upstream.provider.facts().serves.iter().map(|serves| serves.surface);
    let list = |surface| {
        let lists = |endpoint: &&'static Endpoint| {
            endpoint.lists_models
                && endpoint.surface == surface
                && upstream.provider.serving(endpoint).is_some()
        };
        endpoint::all().iter().find(lists)
    };
    let endpoint = own.into_iter().find_map(list)?;
    asking_for_list(upstream, endpoint)
}

/// A request for one of the upstream's lists of models, all on one page, without a credential.
#[must_use]
pub fn asking_for_list(upstream: &Upstream, endpoint: &'static Endpoint) -> Option<Request<Outgoing>> {
    let pages = [("limit", "limit=1000"), ("pageSize", "pageSize=1000")];
    let query = pages.iter().find(|(name, _)| endpoint.query.contains(name)).map_or("", |(_, query)| *query);
    let root = endpoint.surface.roots().first()?.goes_on;
    let mut request = Request::new(Outgoing::default());
    *request.uri_mut() = Uri::from(upstream.target(endpoint, root, None, query)?);
    let headers = request.headers_mut();
    headers.insert(header::HOST, upstream.authority.clone());
    headers.insert(
        header::USER_AGENT,
        HeaderValue::from_static(concat!("portcullis/", env!("CARGO_PKG_VERSION"))),
    );
    if endpoint.surface == Surface::Anthropic {
        headers.insert(HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"));
    }
    Some(request)
}

/// Puts a credential in, with what belongs to it. The request is as it will be sent: it may be signed.
///
/// # Errors
/// When a cloud has not granted it.
pub fn put_in(credential: &Credential, request: &mut Request<Outgoing>, now: Moment) -> Result<(), Lacking> {
    let headers = request.headers_mut();
    match &credential.proof {
        Proof::Header(secret) => {
            let (name, value) = secret.expose();
            headers.insert(name, value.clone());
        }
        Proof::Cloud(cloud) => return put_in_granted(cloud, request, now),
    }
    if let Some(organization) = &credential.organization {
        headers.insert(ORGANIZATION, organization.clone());
    }
    if let Some(project) = &credential.project {
        headers.insert(PROJECT, project.clone());
    }
    Ok(())
}

/// Puts in what a cloud granted, or signs with it.
fn put_in_granted(cloud: &Cloud, request: &mut Request<Outgoing>, now: Moment) -> Result<(), Lacking> {
    let grant = cloud.grant(now)?;
    if let Some(project) = &cloud.user_project {
        request.headers_mut().insert(USER_PROJECT, project.clone());
    }
    match (&grant.means, &cloud.scope) {
        (Means::Token(secret), _) => {
            let (name, value) = secret.expose();
            request.headers_mut().insert(name, value.clone());
        }
        (Means::Keys(keys), Some(scope)) => {
            if let Some((name, value)) = keys.session().map(Secret::expose) {
                request.headers_mut().insert(name, value.clone());
            }
            let mut headers = std::mem::take(request.headers_mut());
            // A signature covers the body, which is not there yet where it goes on while it arrives.
            let Outgoing::Held(body) = request.body() else { return Err(Lacking::Failed) };
            let (method, uri) = (request.method().as_str(), request.uri());
            let signed = Signed { method, path: uri.path(), query: uri.query().unwrap_or_default() };
            // By the time at which it is sent: the body can have been long on its way.
            sign(keys, scope, &signed, &mut headers, body.pieces(), now.now_after());
            *request.headers_mut() = headers;
        }
        (Means::Keys(_), None) => return Err(Lacking::Failed),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_service_reads_goes_on_to_it_and_to_no_other() {
        for (surface, names) in [(Surface::Anthropic, &OF_ANTHROPIC[..]), (Surface::Bedrock, &OF_BEDROCK)] {
            for name in names {
                let name = HeaderName::from_static(name);
                for endpoint in endpoint::all() {
                    assert_eq!(goes_on_there(endpoint, &name), endpoint.surface == surface, "{name}");
                }
            }
        }
    }

    #[test]
    fn of_a_header_that_stands_more_than_once_every_value_goes_on_or_none() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("cookie", "a"),
            ("openai-beta", "b"),
            ("x-any", "c"),
            ("cookie", "d"),
            ("openai-beta", "e"),
            ("accept", "f"),
            ("openai-beta", "g"),
            ("authorization", "h"),
            ("x-any", "i"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        let listed = listed(&mut headers, goes_on);
        let shown: Vec<_> =
            listed.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(
            shown,
            [("openai-beta", "b"), ("openai-beta", "e"), ("openai-beta", "g"), ("accept", "f")]
        );
        assert_eq!(headers.len(), 0);
    }
}
