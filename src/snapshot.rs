//! The configuration as the policies read it: checked, cross-linked and immutable.
//!
//! Whatever can fail has failed before one of these exists, so nothing here returns an error on
//! the request's path. A request holds one snapshot from its first byte to its last; a reload
//! makes a new one beside it.

mod listener;
mod share;
mod upstream;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use crate::address::Networks;
use crate::attempts::Attempts;
use crate::certificate::Mark;
use crate::denial::RuleId;
use crate::endpoint::{Endpoint, Scope, ScopeSet};
use crate::held::Room;
use crate::limits::Limits;
use crate::model_name::ModelList;
use crate::prices::Prices;
use crate::project_key::Digest;
use crate::uploads::Uploads;

pub use listener::{Bounds, FailedKeys, Listen};
pub use share::{ShareSettings, StoreLogin, StorePlace, StoreServer};
use upstream::AZURE_ROOT;
pub use upstream::{Capacity, MOST_UPSTREAMS, Serving, Upstream, UpstreamSet};

/// Everything that the gate decides by.
#[derive(Debug)]
pub struct Snapshot {
    /// `sha256:…` of the configuration's text, for the record.
    pub digest: Box<str>,
    /// The gate's own settings.
    pub server: Server,
    /// The digest of the token that shows, on the admin listener, what is told of requests.
    pub admin_token: Option<Digest>,
    /// Where denials and decisions are kept, if anywhere.
    pub store: Option<StoreSettings>,
    /// The store by which several gates share their limits, if there is one.
    pub share: Option<Arc<ShareSettings>>,
    /// How what requests use is counted.
    pub accounting: Accounting,
    /// The upstreams, by name.
    pub upstreams: Vec<Upstream>,
    /// The projects, by name.
    pub projects: Vec<Project>,
    /// Every origin that some enabled project lists; empty if browsers are not let in at all.
    pub web_origins: Vec<WebOrigin>,
    /// Every project's keys.
    pub keys: Vec<Key>,
    /// Which key has which digest; the value counts into `keys`.
    pub by_digest: HashMap<Digest, usize, foldhash::fast::RandomState>,
    /// Which key a certificate stands for where no key is sent; the value counts into `keys`.
    pub by_certificate: HashMap<Mark, usize>,
    /// Names of the gate's own for models, sorted.
    pub aliases: Vec<Alias>,
    /// What their models cost.
    pub prices: Arc<Prices>,
    /// Which upstreams answer which endpoint, by the endpoint's number.
    pub serving: Vec<Serving>,
    /// The upstreams that take models elsewhere in a body than those do whose API they answer.
    pub adding_places: UpstreamSet,
    /// The lines of the configuration that decide; [`RuleId`] counts into it. The first is
    /// [`RuleId::BUILT_IN`].
    pub rules: Vec<Rule>,
    /// What is remembered of uploads; the same in the next configuration.
    pub uploads: Arc<Uploads>,
    /// What bodies take of memory; the same in the next configuration.
    pub room: Arc<Room>,
    /// How often keys were tried that are none; the same in the next configuration.
    pub attempts: Arc<Attempts>,
}

/// A line of the configuration that decides something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its dotted name, such as `projects.search.models`.
    pub path: Box<str>,
    /// File and line, such as `portcullis.toml:21`; empty where it stands nowhere (a default).
    pub at: Box<str>,
}

/// Where denials and decisions are kept, and how much of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// The database's file.
    pub path: PathBuf,
    /// How large it may become, in bytes.
    pub max_size: u64,
    /// How long anything is kept.
    pub max_age: Duration,
    /// How long usage and money are kept, in the ledger beside it.
    pub usage_max_age: Duration,
}

/// How what requests use is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accounting {
    /// How many tokens an answer is taken to have at most, if its request sets no ceiling.
    pub default_output: u64,
    /// The line that says so.
    pub default_output_rule: RuleId,
    /// Whether a request whose cost cannot be known passes where there is a budget.
    pub unpriced_allowed: bool,
    /// The shares of a budget, in percent, that are told when they are reached.
    pub warn_at: Vec<u8>,
}

/// The gate's own settings.
#[derive(Debug)]
pub struct Server {
    /// Where clients connect.
    pub listen: Vec<Listen>,
    /// The mode of the sockets' files among them.
    pub socket_mode: u32,
    /// Whether trusted proxies begin each connection with the PROXY protocol; nobody else may connect then.
    pub proxy_protocol: bool,
    /// How to speak TLS to clients; plain HTTP if there is none.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Where health, readiness and metrics are; nowhere if switched off.
    pub admin_listen: Option<SocketAddr>,
    /// How many worker threads.
    pub workers: usize,
    /// Whose forwarded headers are believed.
    pub trusted_proxies: Networks,
    /// Which header of theirs is read; the other is ignored, since a proxy passes on what it does
    /// not set itself.
    pub forwarded_header: ForwardedHeader,
    /// Who may speak to the gate at all.
    pub allow_ips: Networks,
    /// The line that says so.
    pub allow_ips_rule: RuleId,
    /// Whether others pass, and are only told of.
    pub allow_ips_observed: bool,
    /// The largest body that is read.
    pub max_body: usize,
    /// The line that says so.
    pub max_body_rule: RuleId,
    /// How much of bodies is held in memory at once.
    pub max_held: u64,
    /// The line that says so.
    pub max_held_rule: RuleId,
    /// The largest body that goes on while it arrives.
    pub max_upload: u64,
    /// The line that says so.
    pub max_upload_rule: RuleId,
    /// How long the whole body may take; of one that goes on while it arrives, how long it may pause.
    pub body_timeout: Duration,
    /// The line that says so.
    pub body_timeout_rule: RuleId,
    /// How long a request's head may take.
    pub header_timeout: Duration,
    /// How long requests under way may go on after the gate was told to stop.
    pub drain: Duration,
    /// How many client connections at once, over all workers.
    pub max_connections: usize,
    /// What one connection, and one address, may take.
    pub bounds: Bounds,
}

/// The header in which trusted proxies tell the client's address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum ForwardedHeader {
    /// `X-Forwarded-For: client, proxy`
    #[default]
    XForwardedFor,
    /// `Forwarded: for=client, for=proxy` (RFC 7239)
    Forwarded,
}

/// A name of the gate's own for an upstream's model.
#[derive(Debug)]
pub struct Alias {
    /// What clients ask for.
    pub name: Arc<str>,
    /// The upstream's number.
    pub upstream: usize,
    /// What it calls the model.
    pub model: Arc<str>,
    /// The line where it stands.
    pub rule: RuleId,
}

/// Who calls: a team or an application with its own rights.
#[derive(Debug)]
pub struct Project {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// Whether it may do anything at all.
    pub enabled: bool,
    /// The line that says so.
    pub enabled_rule: RuleId,
    /// Which upstreams it may use.
    pub upstreams: UpstreamSet,
    /// The line that says so.
    pub upstreams_rule: RuleId,
    /// What it may do.
    pub scopes: ScopeSet,
    /// The line that says so.
    pub scopes_rule: RuleId,
    /// Which models it may use.
    pub models: ModelList,
    /// The line that says so.
    pub models_rule: RuleId,
    /// From where.
    pub allow_ips: Networks,
    /// The line that says so.
    pub allow_ips_rule: RuleId,
    /// How fast, how many at once and for how much.
    pub limits: Limits,
    /// Whether its tokens or their price are limited, so that what a request used must be known.
    pub counts_tokens: bool,
    /// Which web pages may call with its keys.
    pub cors: Option<Cors>,
    /// What its requests may ask for, if there are rules on that.
    pub parameters: Option<Box<ParameterRules>>,
    /// Which of its rules are only observed.
    pub observed: Observed,
}

/// Which web pages may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// Their origins as browsers write them: a scheme, a host, and a port unless it is the usual one.
    pub origins: Vec<HeaderValue>,
    /// How long a browser may remember that it asked.
    pub max_age: Duration,
}

/// An origin that some enabled project lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebOrigin {
    /// The origin.
    pub origin: HeaderValue,
    /// The shortest time that a project lets a browser remember it.
    pub max_age: Duration,
}

/// What a project's requests may ask for besides a model, each with the line where it stands.
#[derive(Debug)]
pub struct ParameterRules {
    /// How many tokens an answer may have; requests must say so.
    pub max_tokens: Option<(u64, RuleId)>,
    /// Which kinds of tools, by name or pattern.
    pub tools: Option<(ModelList, RuleId)>,
    /// Whether the provider may keep answers.
    pub store: Option<(bool, RuleId)>,
    /// Which tiers of service, by name or pattern.
    pub service_tiers: Option<(ModelList, RuleId)>,
    /// Which betas it may not use, by name or pattern.
    pub deny_betas: Option<(ModelList, RuleId)>,
    /// Whether they are only observed.
    pub observed: bool,
    /// The line where their section stands.
    pub rule: RuleId,
}

impl Project {
    /// The names of the settings that are only observed.
    pub fn observed_names(&self) -> impl Iterator<Item = &'static str> + use<> {
        let parameters = self.parameters.as_ref().is_some_and(|rules| rules.observed);
        self.observed.names().chain(parameters.then_some("parameters"))
    }
}

/// Which rules are only observed: what they do not allow passes, and the record says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// The addresses.
    pub allow_ips: bool,
    /// The scopes.
    pub scopes: bool,
    /// The models.
    pub models: bool,
    /// Rates, concurrency and budgets.
    pub limits: bool,
}

impl Observed {
    /// The names of the settings that are only observed.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let all = [
            (self.allow_ips, "allow_ips"),
            (self.scopes, "scopes"),
            (self.models, "models"),
            (self.limits, "limits"),
        ];
        all.into_iter().filter_map(|(observed, name)| observed.then_some(name))
    }
}

/// A list that leaves something out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The line of the configuration.
    pub rule: RuleId,
    /// Whether it is only observed.
    pub observed: bool,
}

/// A key of a project. What it leaves out is as in the project; what it says narrows the project.
#[derive(Debug)]
pub struct Key {
    /// Its public name; may appear in records.
    pub id: Arc<str>,
    /// Its project's number.
    pub project: usize,
    /// Whether it was revoked.
    pub revoked: bool,
    /// The line that says so.
    pub revoked_rule: RuleId,
    /// Whether it is a decoy: its use is an alert.
    pub decoy: bool,
    /// The line that says so.
    pub decoy_rule: RuleId,
    /// The first second at which it works, since 1970.
    pub not_before: Option<i64>,
    /// The line that says so.
    pub not_before_rule: RuleId,
    /// The first second at which it no longer works, since 1970.
    pub expires: Option<i64>,
    /// The line that says so.
    pub expires_rule: RuleId,
    /// The client's certificate that it is tied to.
    pub certificate: Option<Mark>,
    /// The line that says so.
    pub certificate_rule: RuleId,
    /// From where, if not from wherever the project may.
    pub allow_ips: Option<Networks>,
    /// The line that says so.
    pub allow_ips_rule: RuleId,
    /// What it may do, if not all that the project may.
    pub scopes: Option<ScopeSet>,
    /// The line that says so.
    pub scopes_rule: RuleId,
    /// Which models, if not all that the project may.
    pub models: Option<ModelList>,
    /// The line that says so.
    pub models_rule: RuleId,
    /// How fast, how many at once and for how much, beside the project's own limits.
    pub limits: Limits,
    /// Which of its rules are only observed.
    pub observed: Observed,
}

impl Snapshot {
    /// The line of the configuration behind a number.
    #[must_use]
    pub fn rule(&self, id: RuleId) -> Option<&Rule> {
        if id == RuleId::BUILT_IN {
            return None;
        }
        self.rules.get(usize::try_from(id.0).ok()?)
    }

    /// The limits of all projects and keys.
    pub fn limits(&self) -> impl Iterator<Item = &Limits> {
        let of_keys = self.keys.iter().map(|key| &key.limits);
        self.projects.iter().map(|project| &project.limits).chain(of_keys)
    }

    /// The upstreams among `usable` that answer an endpoint for requests that name none: those whose own API
    /// it is, or else the others.
    #[must_use]
    pub fn serving(&self, endpoint: &Endpoint, root: &str, usable: UpstreamSet) -> UpstreamSet {
        let Some(serving) = self.serving.get(endpoint.index()) else { return UpstreamSet::default() };
        let all = if root == AZURE_ROOT { serving.azure } else { serving.own };
        match all.and(usable) {
            none if none.is_empty() => serving.other.and(usable),
            some => some,
        }
    }

    /// The alias with this name, and its number.
    #[must_use]
    pub fn alias(&self, name: &str) -> Option<(usize, &Alias)> {
        let at = self.aliases.binary_search_by(|alias| (*alias.name).cmp(name)).ok()?;
        Some((at, self.aliases.get(at)?))
    }

    /// The number of the upstream with this name.
    #[must_use]
    pub fn upstream_named(&self, name: &str) -> Option<usize> {
        self.upstreams.iter().position(|upstream| &*upstream.name == name)
    }
}

impl Key {
    /// The lists of project and key that leave the address out.
    pub fn without_address(&self, project: &Project, address: IpAddr) -> impl Iterator<Item = LeftOut> {
        let of_project = !project.allow_ips.contains(address);
        let own = self.allow_ips.as_ref().is_some_and(|own| !own.contains(address));
        both(
            of_project
                .then_some(LeftOut { rule: project.allow_ips_rule, observed: project.observed.allow_ips }),
            own.then_some(LeftOut { rule: self.allow_ips_rule, observed: self.observed.allow_ips }),
        )
    }

    /// The lists of project and key that leave the scope out.
    pub fn without_scope(&self, project: &Project, scope: Scope) -> impl Iterator<Item = LeftOut> {
        let of_project = !project.scopes.contains(scope);
        let own = self.scopes.is_some_and(|own| !own.contains(scope));
        both(
            of_project.then_some(LeftOut { rule: project.scopes_rule, observed: project.observed.scopes }),
            own.then_some(LeftOut { rule: self.scopes_rule, observed: self.observed.scopes }),
        )
    }

    /// The lists of project and key that leave the model out.
    pub fn without_model(&self, project: &Project, model: &str) -> impl Iterator<Item = LeftOut> {
        let of_project = !project.models.allows(model);
        let own = self.models.as_ref().is_some_and(|own| !own.allows(model));
        both(
            of_project.then_some(LeftOut { rule: project.models_rule, observed: project.observed.models }),
            own.then_some(LeftOut { rule: self.models_rule, observed: self.observed.models }),
        )
    }

    /// Whether a request for the model passes the lists of project and key.
    #[must_use]
    pub fn may_use(&self, project: &Project, model: &str) -> bool {
        self.without_model(project, model).all(|left_out| left_out.observed)
    }
}

fn both(first: Option<LeftOut>, second: Option<LeftOut>) -> impl Iterator<Item = LeftOut> {
    first.into_iter().chain(second)
}
