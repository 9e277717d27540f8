//! `portcullis check`: is the configuration right, and who may then do what?
//!
//! Exit code 0 if it can be used, 2 if there is a mistake. Lints are told but change nothing.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use http::HeaderValue;
use serde::Serialize;

use super::key::hex;
use crate::address::is_loopback;
use crate::certificate::Mark;
use crate::clock::Moment;
use crate::config::{Fault, Faults, Loaded, Sources, limit_texts, render_text};
use crate::denial::RuleId;
use crate::egress::{Address, EgressProxy};
use crate::endpoint::ScopeSet;
use crate::expect;
use crate::limits::Registry;
use crate::model_name::ModelList;
use crate::snapshot::{Alias, Key, Listen, ParameterRules, Project, Snapshot, UpstreamSet};

/// How the verdict is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For reading.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

/// What to print, and with what to exit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The text for standard output.
    pub text: String,
    /// 0 or 2.
    pub exit_code: u8,
}

/// Checks the configuration at a file.
#[must_use]
pub fn run(file: &Path, format: Format) -> Checked {
    check(&Sources::at(file), format)
}

/// Checks a configuration from anywhere.
#[must_use]
pub fn check(sources: &Sources, format: Format) -> Checked {
    let loaded = expect::load(sources, &Registry::new(Moment::now()));
    let exit_code = if loaded.is_ok() { 0 } else { 2 };
    let text = match (&loaded, format) {
        (Ok(loaded), Format::Text) => told(loaded),
        (Err(faults), Format::Text) => {
            let mistakes = counted(faults.mistakes_and_lints().0.len(), "mistake");
            format!("{faults}\n{mistakes}; the configuration cannot be used\n")
        }
        (loaded, Format::Json) => as_json(loaded.as_ref()),
    };
    Checked { text, exit_code }
}

fn told(loaded: &Loaded) -> String {
    let mut out = render_text(&loaded.lints);
    for project in rights(&loaded.snapshot) {
        project.tell(&mut out);
    }
    let snapshot = &loaded.snapshot;
    for alias in aliases(snapshot) {
        alias.tell(&mut out);
    }
    let ways = ways(snapshot);
    let proxied = ways.iter().any(|way| way.through.is_some());
    out.push('\n');
    for way in &ways {
        way.tell(proxied, &mut out);
    }
    if !loaded.variables.is_empty() {
        let _ = writeln!(out, "\nset by the environment: {}", loaded.variables.join(", "));
    }
    if let Some(note) = note(snapshot) {
        let _ = writeln!(out, "\nnote: {note}");
    }
    let _ = writeln!(
        out,
        "\nfine: {}, {}, {}{}; {}",
        counted(snapshot.projects.len(), "project"),
        counted(snapshot.keys.len(), "key"),
        counted(snapshot.upstreams.len(), "upstream"),
        match loaded.expectations.len() {
            0 => String::new(),
            1 => "; 1 expectation holds".to_owned(),
            several => format!("; {several} expectations hold"),
        },
        snapshot.digest
    );
    out
}

/// Whether keys and prompts cross a network that others may read.
fn note(snapshot: &Snapshot) -> Option<String> {
    let server = &snapshot.server;
    if server.tls.is_some() || !server.trusted_proxies.is_empty() {
        return None;
    }
    let open = server.listen.iter().find_map(|listen| match listen {
        Listen::Tcp(address) if !is_loopback(address.ip()) => Some(address),
        Listen::Tcp(_) | Listen::Unix(_) | Listen::Systemd => None,
    })?;
    Some(format!(
        "{open} is reached from other machines without TLS, so keys and prompts can be read on their way: set \
         server.tls, or server.trusted_proxies if a proxy in front has it"
    ))
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[derive(Serialize)]
struct Verdict<'a> {
    ok: bool,
    faults: &'a [Fault],
    lints: &'a [Fault],
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// How many hold; where one does not, it is among the faults.
    expectations: usize,
    projects: Vec<Rights>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<AliasShown>,
    /// To upstreams, and to the services that grant their credentials.
    ways: Vec<Way>,
    /// The variables of the environment that lay something over the files.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    set_by_environment: &'a [String],
}

fn as_json(loaded: Result<&Loaded, &Faults>) -> String {
    let verdict = match loaded {
        Ok(loaded) => Verdict {
            ok: true,
            faults: &[],
            lints: &loaded.lints,
            note: note(&loaded.snapshot),
            expectations: loaded.expectations.len(),
            projects: rights(&loaded.snapshot),
            aliases: aliases(&loaded.snapshot),
            ways: ways(&loaded.snapshot),
            set_by_environment: &loaded.variables,
        },
        Err(found) => Verdict {
            ok: false,
            faults: found.mistakes_and_lints().0,
            lints: found.mistakes_and_lints().1,
            note: None,
            expectations: 0,
            projects: Vec::new(),
            aliases: Vec::new(),
            ways: Vec::new(),
            set_by_environment: &[],
        },
    };
    serde_json::to_string_pretty(&verdict).map(|text| text + "\n").unwrap_or_default()
}

/// What a project may do.
#[derive(Serialize)]
struct Rights {
    project: String,
    enabled: bool,
    keys: Vec<KeyRights>,
    from: String,
    upstreams: Vec<String>,
    scopes: Vec<&'static str>,
    models: Vec<String>,
    limits: Vec<String>,
    /// What requests may ask for besides a model.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parameters: Vec<String>,
    /// Which web pages may call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    web_origins: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    observed: Vec<&'static str>,
}

/// What a key has of its own; what is missing is as in its project.
#[derive(Serialize)]
struct KeyRights {
    id: String,
    revoked: bool,
    decoy: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    models: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    limits: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    observed: Vec<&'static str>,
}

fn rights(snapshot: &Snapshot) -> Vec<Rights> {
    let of = |(number, project): (usize, &Project)| Rights {
        project: project.name.to_string(),
        enabled: project.enabled,
        keys: (0..)
            .zip(&snapshot.keys)
            .filter(|(_, key)| key.project == number)
            .map(|one| key_rights(one, snapshot))
            .collect(),
        from: project.allow_ips.to_string(),
        upstreams: upstream_names(snapshot, project.upstreams),
        scopes: scope_names(project.scopes),
        models: project.models.iter().map(str::to_owned).collect(),
        limits: limit_texts(&project.limits),
        parameters: project.parameters.as_deref().map(parameter_texts).unwrap_or_default(),
        web_origins: project.cors.iter().flat_map(|cors| &cors.origins).map(origin_text).collect(),
        observed: project.observed_names().collect(),
    };
    snapshot.projects.iter().enumerate().map(of).collect()
}

fn origin_text(origin: &HeaderValue) -> String {
    String::from_utf8_lossy(origin.as_bytes()).into_owned()
}

/// The rules on what requests ask for besides a model, as they are written.
fn parameter_texts(rules: &ParameterRules) -> Vec<String> {
    let list = |name: &str, list: &Option<(ModelList, RuleId)>| {
        list.as_ref().map(|(list, _)| format!("{name} {}", list.iter().collect::<Vec<_>>().join(", ")))
    };
    let all = [
        rules.max_tokens.map(|(most, _)| format!("max_tokens {most}")),
        list("tools", &rules.tools),
        rules.store.map(|(store, _)| format!("store {store}")),
        list("service_tiers", &rules.service_tiers),
        list("deny_betas", &rules.deny_betas),
        rules.observed.then(|| "only observed".to_owned()),
    ];
    all.into_iter().flatten().collect()
}

/// A name of the gate's own for a model.
#[derive(Serialize)]
struct AliasShown {
    name: String,
    upstream: String,
    model: String,
    /// Those that may use it.
    projects: Vec<String>,
}

fn aliases(snapshot: &Snapshot) -> Vec<AliasShown> {
    let of = |alias: &Alias| {
        let upstream = snapshot.upstreams.get(alias.upstream)?;
        let may = |project: &&Project| {
            project.enabled
                && project.models.allows(&alias.name)
                && project.upstreams.contains(alias.upstream)
        };
        Some(AliasShown {
            name: alias.name.to_string(),
            upstream: upstream.name.to_string(),
            model: alias.model.to_string(),
            projects: snapshot.projects.iter().filter(may).map(|project| project.name.to_string()).collect(),
        })
    };
    snapshot.aliases.iter().filter_map(of).collect()
}

impl AliasShown {
    fn tell(&self, out: &mut String) {
        let Self { name, upstream, model, projects } = self;
        let of = if projects.is_empty() { "nobody".to_owned() } else { projects.join(", ") };
        let _ = writeln!(out, "\nmodel {name}: {model} at {upstream}, for {of}");
    }
}

/// How the gate reaches an upstream, or what grants one of its credentials.
#[derive(Serialize)]
struct Way {
    upstream: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<String>,
    to: String,
    /// The proxy between; straight without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    through: Option<String>,
}

fn ways(snapshot: &Snapshot) -> Vec<Way> {
    let mut all = Vec::new();
    for upstream in &snapshot.upstreams {
        let way = |credential: Option<&str>, to: Address<'_>, through: Option<&Arc<EgressProxy>>| Way {
            upstream: upstream.name.to_string(),
            credential: credential.map(str::to_owned),
            to: to.to_string(),
            through: through.map(ToString::to_string),
        };
        let own = way(None, Address(&upstream.host, upstream.port), upstream.proxy.as_ref());
        let holders =
            upstream.credentials.all().iter().filter_map(|one| Some((&*one.id, one.member.holder()?)));
        let places = holders.map(|(id, holder)| (id, holder.source().place()));
        let grants = places.map(|(id, at)| way(Some(id), Address(&at.host, at.port), at.proxy.as_ref()));
        all.extend(std::iter::once(own).chain(grants));
    }
    all
}

impl Way {
    /// `proxied` says that there is one with a proxy, so that the others are told from it.
    fn tell(&self, proxied: bool, out: &mut String) {
        let Self { upstream, credential, to, through } = self;
        let who = credential.as_ref().map_or_else(
            || format!("upstream {upstream}: {to}"),
            |credential| format!("  credential {credential} is granted by {to}"),
        );
        let how = match through {
            Some(proxy) => format!(", through {proxy}"),
            None if proxied => ", straight".to_owned(),
            None => String::new(),
        };
        let _ = writeln!(out, "{who}{how}");
    }
}

fn key_rights((number, key): (usize, &Key), snapshot: &Snapshot) -> KeyRights {
    // It stands for the key, or goes with it.
    let alone = snapshot.by_certificate.values().any(|at| *at == number);
    let certificate = key.certificate.as_ref().map(|mark| {
        let mark = match mark {
            Mark::Digest(digest) => format!("sha256:{}", hex(digest)),
            Mark::Name(name) => name.to_string(),
        };
        if alone { format!("{mark} alone") } else { mark }
    });
    KeyRights {
        certificate,
        id: key.id.to_string(),
        revoked: key.revoked,
        decoy: key.decoy,
        not_before: key.not_before.map(date_text),
        expires: key.expires.map(date_text),
        from: key.allow_ips.as_ref().map(ToString::to_string),
        scopes: key.scopes.map(scope_names),
        models: key.models.as_ref().map(|models| models.iter().map(str::to_owned).collect()),
        limits: limit_texts(&key.limits),
        observed: key.observed.names().collect(),
    }
}

fn upstream_names(snapshot: &Snapshot, set: UpstreamSet) -> Vec<String> {
    set.iter().filter_map(|at| snapshot.upstreams.get(at)).map(|upstream| upstream.name.to_string()).collect()
}

fn scope_names(set: ScopeSet) -> Vec<&'static str> {
    set.shortest()
}

/// A date in UTC, without the time where that is midnight.
fn date_text(seconds: i64) -> String {
    let text = jiff::Timestamp::from_second(seconds).map(|at| at.to_string()).unwrap_or_default();
    text.strip_suffix("T00:00:00Z").map(str::to_owned).unwrap_or(text)
}

impl Rights {
    fn tell(&self, out: &mut String) {
        let state = if self.enabled { "" } else { " (switched off)" };
        let blank = if out.is_empty() { "" } else { "\n" };
        let _ = writeln!(out, "{blank}{}{state}", self.project);
        let or = |list: String, none: &str| if list.is_empty() { none.to_owned() } else { list };
        let rows = [
            ("from", self.from.clone()),
            ("upstreams", or(self.upstreams.join(", "), "none")),
            ("scopes", or(self.scopes.join(", "), "none")),
            ("models", or(self.models.join(", "), "none")),
            ("limits", or(self.limits.join(", "), "unlimited")),
        ];
        let some = [("asks for", self.parameters.join("; ")), ("web pages", self.web_origins.join(", "))];
        let some = some.into_iter().filter(|(_, value)| !value.is_empty());
        for (name, value) in rows.into_iter().chain(some) {
            let _ = writeln!(out, "  {name:<9}  {value}");
        }
        if !self.observed.is_empty() {
            let _ = writeln!(out, "  observed   {}: what they do not allow passes", self.observed.join(", "));
        }
        for key in &self.keys {
            let _ = writeln!(out, "  key        {}", key.sentence());
        }
        if self.keys.is_empty() {
            let _ = writeln!(out, "  key        none");
        }
    }
}

impl KeyRights {
    fn sentence(&self) -> String {
        let only = |what: &str, list: Option<String>| {
            list.map(|list| format!("{what} only {}", if list.is_empty() { "none" } else { &list }))
        };
        let parts = [
            self.revoked.then(|| "revoked".to_owned()),
            self.decoy.then(|| "decoy: raises an alert".to_owned()),
            self.not_before.as_ref().map(|date| format!("not before {date}")),
            self.expires.as_ref().map(|date| format!("expires {date}")),
            self.certificate.as_ref().map(|mark| format!("certificate {mark}")),
            only("addresses", self.from.clone()),
            only("scopes", self.scopes.as_ref().map(|list| list.join(", "))),
            only("models", self.models.as_ref().map(|list| list.join(", "))),
            (!self.limits.is_empty()).then(|| format!("limits {}", self.limits.join(", "))),
            (!self.observed.is_empty()).then(|| format!("only observed: {}", self.observed.join(", "))),
        ];
        std::iter::once(self.id.clone()).chain(parts.into_iter().flatten()).collect::<Vec<_>>().join("; ")
    }
}
