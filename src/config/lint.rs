//! What is not wrong but probably not meant. Looks at a snapshot that is otherwise fine.

use super::fault::{Fault, Place, Severity};
use super::place::child;
use super::project::ALL;
use super::value::a_year_ahead;
use super::variable::{self, did_you_mean};
use super::work::{Work, opening};
use crate::endpoint::{self, Endpoint, Family, ScopeSet};
use crate::limits::Limits;
use crate::model_name::{ModelList, ModelPattern};
use crate::snapshot::{Key, Project, Snapshot, Upstream};

impl Work<'_> {
    /// Records every lint of a snapshot; `key_paths` are the paths of its keys.
    pub(super) fn lint_all(&mut self, snapshot: &Snapshot, key_paths: &[String]) {
        let faults: &[Fault] = &self.faults;
        if !faults.is_empty() {
            return;
        }
        for (number, project) in snapshot.projects.iter().enumerate() {
            self.lint_project(number, project, snapshot);
            self.lint_opening(&child("projects", &project.name), Some(&project.models), snapshot);
            self.lint_prices(number, project, snapshot);
        }
        for (key, path) in snapshot.keys.iter().zip(key_paths) {
            self.lint_opening(path, key.models.as_ref(), snapshot);
            if let Some(project) = snapshot.projects.get(key.project) {
                self.lint_key(path, key, project);
            }
        }
        for alias in &snapshot.aliases {
            if !snapshot.projects.iter().any(|project| project.models.allows(&alias.name)) {
                let what = format!("no project may use the model `{}`", alias.name);
                let mend = format!("add \"{}\" to the models of a project", alias.name);
                self.lint(&child("models", &alias.name), &what, &mend);
            }
        }
        for (number, upstream) in snapshot.upstreams.iter().enumerate() {
            self.lint_opening(&child("upstreams", &upstream.name), Some(&upstream.models), snapshot);
            if is_placeholder(&upstream.host) {
                let what = format!("nobody answers at {}: it stands for a host of your own", upstream.host);
                let path = child(&child("upstreams", &upstream.name), "base_url");
                self.lint(&path, &what, "write the address of the service");
            }
            for (other, twin) in snapshot.upstreams.iter().enumerate().skip(number + 1) {
                let both = |project: &Project| {
                    project.upstreams.contains(number) && project.upstreams.contains(other)
                };
                if snapshot.projects.iter().any(both) {
                    self.lint_twins(upstream, twin, &snapshot.projects);
                }
            }
        }
    }

    /// Variables that set nothing, but whose names would be those of settings with two underscores each.
    pub(super) fn lint_strays(&mut self) {
        let strays = self.sources.strays().into_iter().filter(|name| !self.asked.contains(name));
        let strays: Vec<_> = strays.filter_map(|name| Some((variable::meant(&name)?, name))).collect();
        for (meant, name) in strays {
            let place = Some(Place::Variable { variable: name });
            let what =
                "this variable sets nothing: two underscores stand before each part of a setting's name";
            self.lints.push(Fault::new(Severity::Lint, "", place, what, &did_you_mean(&meant)));
        }
    }

    fn lint_project(&mut self, number: usize, project: &Project, snapshot: &Snapshot) {
        let path = child("projects", &project.name);
        let ips = child(&path, "allow_ips");
        let now = self.now.unix_seconds();
        let works =
            |key: &&Key| !key.revoked && !key.decoy && key.expires.is_none_or(|expires| now < expires);
        let mut keys = snapshot.keys.iter().filter(|key| key.project == number).peekable();
        let no_keys = keys.peek().is_none();
        let dead = "all its keys are revoked, expired or decoys";
        let missing = [
            (no_keys, "it has no keys"),
            (!no_keys && keys.find(works).is_none(), dead),
            (project.allow_ips.is_empty() && !project.observed.allow_ips, "it lists no allow_ips"),
            (project.upstreams.is_empty(), "it lists no upstreams"),
            (project.scopes.is_empty() && !project.observed.scopes, "it lists no scopes"),
            (project.models.is_empty() && !project.observed.models, "it lists no models"),
        ];
        let missing: Vec<&str> = missing.iter().filter(|(is, _)| *is).map(|(_, what)| *what).collect();
        if project.enabled && !missing.is_empty() {
            let what = format!("nobody can use project `{}`: {}", project.name, missing.join(", "));
            let mend = if missing == [dead] {
                "make a new key with `portcullis key new`, or set enabled = false"
            } else {
                "what is left out is allowed to nobody: write it, or set enabled = false"
            };
            self.lint(&path, &what, mend);
        }
        self.lint_observed(&path, project.observed_names());
        if project.allow_ips.is_any() {
            let what =
                format!("whoever has a key of project `{}` can use it from every address", project.name);
            self.lint(&ips, &what, "list the networks that it calls from");
        } else if !project.allow_ips.is_empty() && !project.allow_ips.overlaps(&snapshot.server.allow_ips) {
            let what = "none of these addresses is in server.allow_ips, so they can never match";
            self.lint(&ips, what, "add them to server.allow_ips, or leave that out");
        }
    }

    /// Words that open other lists, and are models' names in a list of models.
    fn lint_opening(&mut self, path: &str, models: Option<&ModelList>, snapshot: &Snapshot) {
        for name in models.into_iter().flat_map(ModelList::iter) {
            if opening(name, ALL).is_some() && snapshot.alias(name).is_none() {
                let what = format!("`{name}` stands here for one model of this name, not for all");
                let mend = format!("the word that opens a list of models is \"{ALL}\"");
                self.lint(&child(path, "models"), &what, &mend);
            }
        }
    }

    /// Models that a project may use and whose price nobody knows, where there is a budget.
    fn lint_prices(&mut self, number: usize, project: &Project, snapshot: &Snapshot) {
        let own = snapshot.keys.iter().filter(|key| key.project == number).map(|key| &key.limits);
        let has_budget = |limits: &Limits| {
            !limits.budgets.is_empty() || limits.models.iter().any(|one| !one.limits.budgets.is_empty())
        };
        if !std::iter::once(&project.limits).chain(own).any(has_budget) {
            return;
        }
        let unknown = |name: &str| {
            let alias = snapshot.aliases.iter().find(|alias| *alias.name == *name);
            let model = alias.map_or(name, |alias| &alias.model);
            let serves = |at: &usize| match alias {
                Some(alias) => alias.upstream == *at,
                None => snapshot.upstreams.get(*at).is_some_and(|one| one.models.allows(model)),
            };
            let mut at = project.upstreams.iter().filter(serves).peekable();
            at.peek().is_some() && at.all(|at| snapshot.prices.find(at, model, None, self.now).is_none())
        };
        let models: Vec<&str> =
            project.models.iter().filter(|one| !one.contains('*') && unknown(one)).collect();
        if !models.is_empty() {
            let why = if snapshot.accounting.unpriced_allowed { "does not count" } else { "refuses" };
            let what = format!("no price is known for {}, which the budget {why}", models.join(", "));
            let mend = "give each a price as [prices.\"UPSTREAM/MODEL\"], which can also be free = true";
            self.lint(&child(&child("projects", &project.name), "models"), &what, mend);
        }
    }

    /// Rules that look as if they kept something out.
    fn lint_observed(&mut self, path: &str, names: impl Iterator<Item = &'static str>) {
        for name in names {
            let what = "this is only observed: what it does not allow passes";
            let mend = if name == "parameters" {
                "once no record has a `would_deny` of it, remove mode = \"observe\""
            } else {
                "once `portcullis learn` has nothing to add, remove mode = \"observe\""
            };
            self.lint(&child(path, name), what, mend);
        }
    }

    fn lint_key(&mut self, path: &str, key: &Key, project: &Project) {
        let of = |name: &str| child(path, name);
        self.lint_observed(path, key.observed.names());
        match key.expires {
            None if !key.revoked && !key.decoy => {
                let what = format!("key `{}` never expires", key.id);
                let mend = format!("add a date, such as expires = {}", a_year_ahead(self.now));
                self.lint(path, &what, &mend);
            }
            Some(expires) if expires <= self.now.unix_seconds() => {
                let what = format!("key `{}` has expired", key.id);
                self.lint(
                    &of("expires"),
                    &what,
                    "remove the key, or make a new one with `portcullis key new`",
                );
            }
            Some(_) | None => {}
        }
        if let Some(own) = &key.allow_ips
            && !project.allow_ips.is_empty()
            && !own.overlaps(&project.allow_ips)
        {
            let what = "none of these addresses is in the project's allow_ips, so they can never match";
            self.lint(&of("allow_ips"), what, "a key can only narrow its project: add them to the project");
        }
        for scope in key.scopes.filter(|own| *own != ScopeSet::usual()).into_iter().flat_map(ScopeSet::iter) {
            if !project.scopes.contains(scope) {
                let what =
                    format!("the project lacks the scope `{}`, so the key has it in vain", scope.name());
                self.lint(&of("scopes"), &what, "a key can only narrow its project: add it to the project");
            }
        }
        for model in key.models.iter().flat_map(ModelList::iter) {
            if !crosses(model, &project.models) && opening(model, ALL).is_none() {
                let what = format!("the project does not allow `{model}`, so the key has it in vain");
                self.lint(&of("models"), &what, "a key can only narrow its project: add it to the project");
            }
        }
    }

    /// Two upstreams between which no list of models decides.
    fn lint_twins(&mut self, one: &Upstream, other: &Upstream, projects: &[Project]) {
        let own = |upstream: &Upstream, endpoint: &Endpoint| {
            upstream.provider.serving(endpoint).is_some_and(|serves| serves.own)
        };
        let shared = |endpoint: &&Endpoint| {
            endpoint.scope.family == Family::Chat && own(one, endpoint) && own(other, endpoint)
        };
        let Some(endpoint) = endpoint::all().iter().find(shared) else { return };
        let lists = projects.iter().map(|project| &project.models).chain([&one.models, &other.models]);
        let exact = lists.flat_map(ModelList::iter).filter(|model| !model.contains('*'));
        let alike = |model: &&str| {
            let fit = one.models.best_fit(model);
            fit.is_some() && fit == other.models.best_fit(model)
        };
        let any = if one.models.allows_all() && other.models.allows_all() { "*" } else { "" };
        let first = exact.chain((!any.is_empty()).then_some(any)).find(alike);
        if let Some(model) = first {
            let made = other.provider.made(endpoint) && !one.provider.made(endpoint);
            let taken = if made { other } else { one };
            let what = format!(
                "upstreams `{}` and `{}` both serve `{model}`; a request that names neither goes to `{}`",
                one.name, other.name, taken.name
            );
            let mend = format!(
                "name the models that each serves, or let clients use /{}/v1 and /{}/v1",
                one.name, other.name
            );
            self.lint(&child(&child("upstreams", &other.name), "models"), &what, &mend);
        }
    }
}

/// Whether a host is one of those that stand in examples (RFC 2606).
fn is_placeholder(host: &str) -> bool {
    ["example.com", "example.net", "example.org"]
        .iter()
        .any(|name| host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// Whether an entry of a key's list and a project's list can both fit one name. Says yes when in
/// doubt: two patterns that overlap only partly are not told from two that do not.
fn crosses(entry: &str, list: &ModelList) -> bool {
    let own = ModelPattern::new(entry);
    let both_patterns = |other: &str| !own.is_exact() && other.contains('*');
    list.allows(entry) || list.iter().any(|other| own.fits(other) || both_patterns(other))
}
