//! The services that the gate forwards to, and which of them answers what.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use http::uri::PathAndQuery;

use crate::credentials::Credentials;
use crate::denial::RuleId;
use crate::diagnosis::Maker;
use crate::egress::EgressProxy;
use crate::endpoint::{self, Endpoint, ModelIn};
use crate::health::{Health, Tolerance};
use crate::model_name::ModelList;
use crate::provider::{Api, Provider};

/// A service that the gate forwards to.
#[derive(Debug)]
pub struct Upstream {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// What kind of service it is.
    pub provider: Provider,
    /// Whose answers it gives, as far as their refusals differ.
    pub makers: &'static [Maker],
    /// The host to connect to: a name, or an address without brackets.
    pub host: Box<str>,
    /// The port to connect to.
    pub port: u16,
    /// The Host header it is sent.
    pub authority: HeaderValue,
    /// How to speak TLS to it; plain HTTP if there is none.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// The base URL's path, without a slash at its end.
    pub base_path: Box<str>,
    /// Which models it serves; decides among several upstreams of one surface.
    pub models: ModelList,
    /// The line that says so.
    pub models_rule: RuleId,
    /// What authenticates the gate there.
    pub credentials: Credentials,
    /// Whether it takes no credential at all, as a local model server does: `credentials` is empty
    /// then, and that is meant.
    pub keyless: bool,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long the answer's head may take.
    pub response_timeout: Duration,
    /// How long the answer may pause between two pieces.
    pub idle_timeout: Duration,
    /// How long an unused connection is kept.
    pub pool_idle: Duration,
    /// How long a connection is used at most.
    pub max_connection_age: Duration,
    /// What it may be given to do at once; nothing is counted if there is no bound.
    pub bounds: Option<Capacity>,
    /// After which failures it is left alone for a time, if at all.
    pub tolerance: Option<Tolerance>,
    /// How it fares, over all configurations.
    pub health: Arc<Health>,
    /// The proxy through which it is reached.
    pub proxy: Option<Arc<EgressProxy>>,
    /// The line where the upstream stands.
    pub rule: RuleId,
    /// What stands between the API's version and the paths of endpoints: Vertex AI's project and place.
    pub infix: Box<str>,
    /// The ready paths of the usual endpoints, by the endpoint's number.
    pub targets: Vec<(usize, PathAndQuery)>,
}

/// What an upstream may be given to do at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// How many requests it may have: no more than it may have connections.
    pub requests: usize,
    /// How many connections it may have, if that is bounded.
    pub connections: Option<usize>,
    /// How many requests may wait for another to end.
    pub queued: usize,
    /// How long one may.
    pub queue_timeout: Duration,
    /// The line that says so.
    pub rule: RuleId,
}

/// A set of upstreams, by their number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpstreamSet(u128);

/// How many upstreams there can be.
pub const MOST_UPSTREAMS: usize = 128;

impl UpstreamSet {
    /// Every upstream.
    pub const ALL: Self = Self(u128::MAX);

    /// Whether the upstream is in it.
    #[must_use]
    pub const fn contains(self, upstream: usize) -> bool {
        upstream < MOST_UPSTREAMS && self.0 & (1 << upstream) != 0
    }

    /// What is in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether nothing is in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The only one in it, if there is exactly one.
    #[must_use]
    pub const fn only(self) -> Option<usize> {
        if self.0.is_power_of_two() { Some(self.0.trailing_zeros() as usize) } else { None }
    }

    /// The upstreams' numbers, in order.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let next = (left != 0).then(|| left.trailing_zeros() as usize);
            left &= left.wrapping_sub(1);
            next
        })
    }
}

impl FromIterator<usize> for UpstreamSet {
    fn from_iter<I: IntoIterator<Item = usize>>(upstreams: I) -> Self {
        let known = upstreams.into_iter().filter(|at| *at < MOST_UPSTREAMS);
        Self(known.fold(0, |bits, at| bits | 1 << at))
    }
}

impl Upstream {
    /// Whether it answers an endpoint that was found under a root.
    #[must_use]
    pub fn serves(&self, endpoint: &Endpoint, root: &str) -> bool {
        (root != AZURE_ROOT || self.provider.api() == Api::Azure) && self.provider.serving(endpoint).is_some()
    }

    /// Builds the ready path of the endpoints that are asked all the time: those without a parameter that
    /// name a model. Sorted by the endpoint's number.
    #[must_use]
    pub fn targets(provider: Provider, base_path: &str) -> Vec<(usize, PathAndQuery)> {
        let usual = |endpoint: &&Endpoint| {
            let named = matches!(endpoint.model, ModelIn::Body | ModelIn::BodyOrProvidersChoice);
            named
                && !endpoint.has_parameters()
                && endpoint.surface.roots().iter().any(|root| root.goes_on.is_empty())
        };
        let ready = |endpoint: &Endpoint| {
            let at = provider.serving(endpoint)?.at;
            Some((endpoint.index(), format!("{base_path}{at}{}", endpoint.path).parse().ok()?))
        };
        endpoint::all().iter().filter(usual).filter_map(ready).collect()
    }

    /// The path to ask the upstream for. `root` is what goes on of where the client found the endpoint, `tail`
    /// the path behind it where it has parameters, `query` what is passed on, without its question mark.
    #[must_use]
    pub fn target(
        &self,
        endpoint: &Endpoint,
        root: &str,
        tail: Option<&str>,
        query: &str,
    ) -> Option<PathAndQuery> {
        if query.is_empty()
            && root.is_empty()
            && let Ok(at) = self.targets.binary_search_by_key(&endpoint.index(), |(number, _)| *number)
        {
            return self.targets.get(at).map(|(_, ready)| ready.clone());
        }
        let at = match self.provider.serving(endpoint)? {
            _ if endpoint.at_root || root == AZURE_ROOT => "",
            serves => serves.at,
        };
        let infix = if endpoint.at_root { "" } else { &*self.infix };
        let tail = tail.unwrap_or(endpoint.path);
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{at}{root}{infix}{tail}{mark}{query}", self.base_path).parse().ok()
    }
}

/// The root of Azure's older API, which only Azure has.
pub(super) const AZURE_ROOT: &str = "/openai";

/// Which upstreams answer an endpoint for requests that name none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Serving {
    pub(super) own: UpstreamSet,
    pub(super) other: UpstreamSet,
    pub(super) azure: UpstreamSet,
}

impl Serving {
    /// Which of the upstreams answer which endpoint, by the endpoint's number.
    #[must_use]
    pub fn of(upstreams: &[Upstream]) -> Vec<Self> {
        endpoint::make_ready();
        let one = |endpoint: &Endpoint| {
            let among = |own: bool, azure: bool| {
                let fits = |upstream: &Upstream| {
                    let serves = upstream.provider.serving(endpoint);
                    serves.is_some_and(|serves| serves.own == own)
                        && (!azure || upstream.provider.api() == Api::Azure)
                };
                upstreams.iter().enumerate().filter(|(_, one)| fits(one)).map(|(at, _)| at).collect()
            };
            Self { own: among(true, false), other: among(false, false), azure: among(true, true) }
        };
        endpoint::all().iter().map(one).collect()
    }
}
