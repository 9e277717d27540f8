//! From the TOML that an operator writes to the [`Snapshot`] that the gate decides by.
//!
//! 1. `load` reads files and environment, `layer` lays them over each other and remembers where each
//!    value stands.
//! 2. `shape` reads the result strictly: an unknown or misspelt setting is a mistake, never ignored.
//! 3. Each section's module holds its shape as written and compiles it; every cross-check is here.
//! 4. All mistakes are told at once, each with its line and how to mend it.
//! 5. A snapshot exists only if there was no mistake. Empty never means open: what is left out is
//!    allowed to nobody.
//!
//! Caveat: the environment reaches only lower-case names, and lists of tables are not merged.

mod accounting;
mod alias;
mod base_url;
mod bounds;
mod capacity;
mod certificate;
mod client_auth;
mod cloud;
mod cors;
mod egress;
mod expect;
mod fault;
mod key;
mod layer;
mod limit;
mod lint;
mod listen;
mod load;
mod log;
mod mask;
mod network;
mod observable;
mod parameters;
mod place;
mod price;
mod project;
mod region;
mod schema;
mod secret_reference;
mod server;
mod shape;
mod share;
mod sheet;
mod store;
mod store_url;
mod tls;
mod upstream;
mod value;
mod variable;
mod work;
mod written;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use crate::certificate::Mark;
use crate::clock::Moment;
use crate::limits::Registry;
use crate::snapshot::{Alias, Key, Project, Serving, Snapshot, StoreSettings, Upstream};

pub use expect::{Expectation, Wanted};
pub use fault::{Fault, Faults, Place, Severity, render_text};
pub use limit::{budget_text, limit_texts, quota_text};
pub use load::{PREFIX, Sources};
pub use log::{LogFormat, LogLevel, LogRepeats, LogSettings};
pub use mask::masked;
pub use schema::{TEXT as SCHEMA, schema};
pub use server::{LARGEST_BODY, LARGEST_HELD, LARGEST_UPLOAD};
pub use shape::nearest;
pub use sheet::{Sheets, Standing};
pub use value::{a_year_ahead, before};

use key::Proofs;
use place::{child, item};
use work::Work;
use written::Written;

/// A configuration that can be used.
#[derive(Debug)]
pub struct Loaded {
    /// What the gate decides by.
    pub snapshot: Arc<Snapshot>,
    /// What the gate must say to requests that nobody sent; not asked here.
    pub expectations: Vec<Expectation>,
    /// What is probably not meant.
    pub lints: Vec<Fault>,
    /// How the gate tells what it does.
    pub log: LogSettings,
    /// Every file that was read, also those with secrets and authorities: a change of any is a
    /// reason to load again.
    pub files: Vec<PathBuf>,
    /// The names of the variables that lay something over the files, or name the authorities.
    pub variables: Vec<String>,
}

/// Reads and compiles the configuration.
///
/// # Errors
/// Every mistake that is in it.
pub fn load(sources: &Sources, registry: &Registry) -> Result<Loaded, Faults> {
    load_at(sources, registry, Moment::now())
}

/// The same at a given time, by which expired keys are told.
///
/// # Errors
/// Every mistake that is in it.
pub fn load_at(sources: &Sources, registry: &Registry, now: Moment) -> Result<Loaded, Faults> {
    let layered = layer::layered(sources);
    let (faults, lints): (Vec<_>, Vec<_>) =
        layered.faults.into_iter().partition(|fault| fault.severity == Severity::Error);
    if !faults.is_empty() {
        return Err(failed(faults));
    }
    let mut work = Work::new(sources, registry, &layered.places, now);
    work.lints = lints;
    let Some(written) = shape::shaped(layered.value, &mut work) else { return Err(failed_in(work)) };
    let snapshot = Arc::new(compiled(&written, layered.digest, &mut work));
    let expectations = work.expectations(&written, &snapshot.keys);
    if !work.faults.is_empty() {
        return Err(failed_in(work));
    }
    work.lint_strays();
    let mut files = sources.files();
    files.append(&mut work.referred);
    fault::sort(&mut work.lints);
    let log = written.log.unwrap_or_default().compiled();
    let mut variables: Vec<String> = sources.settings().into_iter().map(|(name, _)| name).collect();
    variables.extend(work.trusts_the_system().then(|| tls::SSL_CERT_FILE.to_owned()));
    Ok(Loaded { snapshot, expectations, lints: work.lints, log, files, variables })
}

/// Where the store is, if anywhere, whatever else may be wrong with the configuration.
///
/// # Errors
/// The mistakes of `[store]`, or those that keep the files from being read at all.
pub fn store_of(sources: &Sources) -> Result<Option<StoreSettings>, Faults> {
    let now = Moment::now();
    let layered = layer::layered(sources);
    let registry = Registry::new(now);
    let unread: Vec<Fault> =
        layered.faults.into_iter().filter(|fault| fault.severity == Severity::Error).collect();
    if !unread.is_empty() {
        return Err(failed(unread));
    }
    let mut work = Work::new(sources, &registry, &layered.places, now);
    let written = shape::shaped(layered.value, &mut work);
    let store = work.store(written.and_then(|written| written.store).as_ref());
    work.faults.retain(|fault| fault.path.starts_with("store"));
    if work.faults.is_empty() { Ok(store) } else { Err(failed(work.faults)) }
}

/// What is to be said of a project that the configuration does not have; nothing where it has it, or none can be read.
#[must_use]
pub fn unknown_project(sources: &Sources, name: &str) -> Option<String> {
    let value = layer::layered(sources).value;
    let projects = value.get("projects")?.as_object()?;
    let names: Vec<&str> = projects.keys().map(String::as_str).collect();
    let mend = shape::suggestion(name, &names);
    (!names.contains(&name)).then(|| format!("note: the configuration has no project `{name}`; {mend}"))
}

/// The same of a key, by its public id.
#[must_use]
pub fn unknown_key(sources: &Sources, id: &str) -> Option<String> {
    let value = layer::layered(sources).value;
    let keys = value.get("projects")?.as_object()?.values().filter_map(|one| one.get("keys")?.as_array());
    let ids: Vec<&str> = keys.flatten().filter_map(|key| key.get("id")?.as_str()).collect();
    let mend = shape::suggestion(id, &ids);
    (!ids.contains(&id)).then(|| format!("note: the configuration has no key `{id}`; {mend}"))
}

/// What is wrong, and behind it the variables that set nothing: where something is missing, a misspelt name is often
/// why. What else was noticed may only follow from what is wrong.
fn failed_in(mut work: Work<'_>) -> Faults {
    work.lints.clear();
    // Not all references were followed.
    let texts = work.sources.texts(&mut Vec::new());
    let refer_to = |name: &str| texts.iter().any(|(_, text)| text.contains(&format!("env:{name}")));
    work.asked.extend(work.sources.strays().into_iter().filter(|name| refer_to(name)));
    work.lint_strays();
    let mut faults = failed(work.faults);
    faults.0.append(&mut work.lints);
    faults
}

fn failed(mut faults: Vec<Fault>) -> Faults {
    fault::sort(&mut faults);
    Faults(faults)
}

fn compiled(written: &Written, digest: String, work: &mut Work<'_>) -> Snapshot {
    let admin = written.admin.as_ref();
    work.zone = work.time_zone(written.accounting.as_ref());
    work.has_store = written.store.is_some();
    work.shared = written.store.as_ref().is_some_and(|store| store.url.is_some());
    let accounting = work.accounting(written.accounting.as_ref());
    let mut server =
        work.server(written.server.as_ref().unwrap_or(&<_>::default()), admin.unwrap_or(&<_>::default()));
    let upstreams = upstreams(written, work);
    let mut projects = projects(written, &upstreams, work);
    let Keys { all: keys, by_digest, by_certificate, paths: key_paths } = keys(written, work);
    for key in keys.iter().filter(|key| key.limits.count_usage()) {
        if let Some(project) = projects.get_mut(key.project) {
            project.counts_tokens = true;
        }
    }
    if written.server.as_ref().is_none_or(|server| server.allow_ips.is_none()) {
        server.allow_ips = server::everybody_listed(&projects, &keys);
    }
    let share = work.share(written.store.as_ref());
    let store = work.store(written.store.as_ref());
    let admin_token = work.admin_token(admin);
    let aliases = aliases(written, &upstreams, work);
    let prices = work.prices(written.prices.as_ref(), &upstreams, &names(written));
    let rules = std::mem::take(&mut work.rules);
    let (web_origins, serving) = (cors::web_origins(&projects), Serving::of(&upstreams));
    let adds_places = |(at, upstream): (usize, &Upstream)| upstream.provider.adds_places().then_some(at);
    let adding_places = upstreams.iter().enumerate().filter_map(adds_places).collect();
    let digest = digest.into();
    let uploads = Arc::clone(&work.registry.uploads);
    let room = Arc::clone(&work.registry.room);
    let attempts = Arc::clone(&work.registry.attempts);
    let snapshot = Snapshot {
        digest,
        server,
        admin_token,
        store,
        share,
        accounting,
        upstreams,
        projects,
        web_origins,
        keys,
        by_digest,
        by_certificate,
        aliases,
        prices,
        serving,
        adding_places,
        rules,
        uploads,
        room,
        attempts,
    };
    work.lint_all(&snapshot, &key_paths);
    snapshot
}

fn upstreams(written: &Written, work: &mut Work<'_>) -> Vec<Upstream> {
    let none = BTreeMap::new();
    let all = written.upstreams.as_ref().unwrap_or(&none);
    if all.is_empty() {
        let mend = "add [upstreams.openai] with provider = \"openai\", or let `portcullis init` write a configuration";
        work.wrong("upstreams", "there is no upstream: the gate has nowhere to forward to", mend);
    }
    if all.len() > upstream::MOST {
        let what = format!("there are {} upstreams; {} are possible", all.len(), upstream::MOST);
        work.wrong("upstreams", &what, "run several gates");
    }
    let mut roots = tls::Roots::new();
    all.iter().filter_map(|(name, one)| work.upstream(name, one, &mut roots)).collect()
}

/// The names of the upstreams, also of those that have a mistake.
fn names(written: &Written) -> Vec<&str> {
    written.upstreams.iter().flat_map(|all| all.keys()).map(String::as_str).collect()
}

fn projects(written: &Written, upstreams: &[Upstream], work: &mut Work<'_>) -> Vec<Project> {
    let none = BTreeMap::new();
    let all = written.projects.as_ref().unwrap_or(&none);
    if all.is_empty() {
        let mend = "add [projects.NAME], or let `portcullis init` write a configuration";
        work.wrong("projects", "there is no project: nobody could use the gate", mend);
    }
    let known = names(written);
    all.iter().map(|(name, one)| work.project(name, one, upstreams, &known)).collect()
}

fn aliases(written: &Written, upstreams: &[Upstream], work: &mut Work<'_>) -> Vec<Alias> {
    let known = names(written);
    let all = written.models.iter().flatten();
    all.filter_map(|(name, one)| work.alias(name, one, upstreams, &known)).collect()
}

/// The keys, whose which digest and certificate is, and the path of each key.
#[derive(Default)]
struct Keys {
    all: Vec<Key>,
    by_digest: HashMap<[u8; 32], usize, foldhash::fast::RandomState>,
    by_certificate: HashMap<Mark, usize>,
    paths: Vec<String>,
}

fn keys(written: &Written, work: &mut Work<'_>) -> Keys {
    let Keys { all: mut keys, mut by_digest, mut by_certificate, mut paths } = Keys::default();
    let mut by_id: HashMap<Arc<str>, usize> = HashMap::new();
    let mut any = false;
    for (project, (name, one)) in written.projects.iter().flatten().enumerate() {
        let list = child(&child("projects", name), "keys");
        any |= work.is_wrong(&list);
        for (at, one) in one.keys.iter().flatten().enumerate() {
            any = true;
            let path = item(&list, at);
            let Some((proof, key)) = work.key(&path, (project, name), one) else { continue };
            if let Some(twin) = by_id.insert(Arc::clone(&key.id), keys.len()).and_then(|at| paths.get(at)) {
                let what = format!("the id `{}` is taken by {twin} ({})", key.id, work.places.line(twin));
                work.wrong(&child(&path, "id"), &what, "give each key an id of its own, over all projects");
            }
            match proof {
                Proofs::Text(digest) => {
                    if let Some(twin) = by_digest.insert(digest, keys.len()).and_then(|at| paths.get(at)) {
                        let what = format!("this is the same key as {twin} ({})", work.places.line(twin));
                        work.wrong(
                            &child(&path, "sha256"),
                            &what,
                            "make a key for each: `portcullis key new`",
                        );
                    }
                }
                Proofs::Certificate(mark) => {
                    if let Some(twin) = by_certificate.insert(mark, keys.len()).and_then(|at| paths.get(at)) {
                        let what = format!("this certificate stands for {twin} ({})", work.places.line(twin));
                        let mend = "let each certificate stand for one key, or add the sha256 of a key";
                        work.wrong(&child(&path, "certificate"), &what, mend);
                    }
                }
            }
            keys.push(key);
            paths.push(path);
        }
    }
    if !any && written.projects.as_ref().is_some_and(|all| !all.is_empty()) {
        let mend = "make one with `portcullis key new` and add the [[projects.NAME.keys]] that it prints";
        work.wrong("projects", "there is no key: nobody could use the gate", mend);
    }
    Keys { all: keys, by_digest, by_certificate, paths }
}

/// The smallest configuration there can be, for tests of what only needs one.
#[cfg(test)]
pub(crate) fn smallest() -> Arc<Snapshot> {
    let text = format!(
        "upstreams.o = {{ provider = \"openai\", credentials = [{{ id = \"m\", secret = \"env:S\" }}] }}\n\
         projects.p.keys = [{{ id = \"k\", sha256 = \"{}\" }}]\n",
        "0".repeat(64)
    );
    let sources = Sources::from_texts([("p.toml", &*text)], [("S", "sk-x")]);
    load(&sources, &Registry::new(Moment::now())).unwrap().snapshot
}
