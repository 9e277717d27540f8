//! `[projects.NAME]`: who calls, and what they may do.

use serde::Deserialize;

use super::cors::CorsWritten;
use super::key::KeyWritten;
use super::limit::{LimitsWritten, spender};
use super::observable::{Observable, listed};
use super::parameters::ParametersWritten;
use super::place::child;
use super::shape::suggestion;
use super::value::OneOrMany;
use super::work::{Work, opening};
use crate::endpoint::{LONGEST_MODEL, ScopeSet};
use crate::model_name::ModelList;
use crate::project_key::is_id;
use crate::snapshot::{Observed, Project, Upstream, UpstreamSet};

/// Who calls, and what they may do.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Project"))]
pub(super) struct ProjectWritten {
    /// Whether the project may do anything at all. Default: true.
    pub(super) enabled: Option<bool>,
    /// Names of the upstreams that the project may use, or "*" for all. Default: none.
    pub(super) upstreams: Option<OneOrMany>,
    /// What the project may do: chat, completions, responses, embeddings, moderations, tokens,
    /// models:read; or "*" for all. Default: nothing.
    pub(super) scopes: Option<Observable>,
    /// Models that the project may use, by exact name or with * for any run of characters; or "*"
    /// for all. Default: none.
    pub(super) models: Option<Observable>,
    /// Addresses and networks that the project may call from, or "any". Default: none.
    pub(super) allow_ips: Option<Observable>,
    /// How fast, how many at once and for how much money; all keys of the project together. Default: unlimited.
    pub(super) limits: Option<LimitsWritten>,
    /// Which web pages may call with the project's keys. Default: none.
    pub(super) cors: Option<CorsWritten>,
    /// What its requests may ask for besides a model. Default: anything.
    pub(super) parameters: Option<ParametersWritten>,
    /// The project's keys.
    pub(super) keys: Option<Vec<KeyWritten>>,
}

/// The word that opens a list of upstreams, scopes or models.
pub(super) const ALL: &str = "*";

impl Work<'_> {
    /// Compiles a project, without its keys.
    pub(super) fn project(
        &mut self,
        name: &str,
        written: &ProjectWritten,
        upstreams: &[Upstream],
        known: &[&str],
    ) -> Project {
        let path = child("projects", name);
        let of = |key: &str| child(&path, key);
        if !is_id(name) {
            self.wrong(
                &path,
                "a project's name has 1 to 64 letters, digits, `-`, `.` and `_`",
                "give it such a name",
            );
        }
        let limits = self.limits(&of("limits"), &path, &spender(name, None), written.limits.as_ref());
        let scopes = listed(&of("scopes"), written.scopes.as_ref());
        let models = listed(&of("models"), written.models.as_ref());
        let allow_ips = listed(&of("allow_ips"), written.allow_ips.as_ref());
        Project {
            name: name.into(),
            enabled: written.enabled.unwrap_or(true),
            enabled_rule: self.rule(&of("enabled")),
            upstreams: self.upstream_set(&of("upstreams"), written.upstreams.as_ref(), upstreams, known),
            upstreams_rule: self.rule(&of("upstreams")),
            scopes: self.scopes(&scopes.path, scopes.list),
            scopes_rule: self.rule(&of("scopes")),
            models: self.models(&models.path, models.list),
            models_rule: self.rule(&of("models")),
            allow_ips: self.allow_ips(&allow_ips.path, allow_ips.list),
            allow_ips_rule: self.rule(&of("allow_ips")),
            counts_tokens: limits.count_usage(),
            limits,
            cors: self.cors(&of("cors"), written.cors.as_ref()),
            parameters: written
                .parameters
                .as_ref()
                .map(|one| Box::new(self.parameters(&of("parameters"), one))),
            observed: Observed {
                allow_ips: allow_ips.observed,
                scopes: scopes.observed,
                models: models.observed,
                limits: written.limits.as_ref().is_some_and(LimitsWritten::observed),
            },
        }
    }

    /// `known` are the names of all upstreams, also of those with mistakes.
    fn upstream_set(
        &mut self,
        path: &str,
        list: Option<&OneOrMany>,
        upstreams: &[Upstream],
        known: &[&str],
    ) -> UpstreamSet {
        let entries = self.entries(path, list, Some(ALL));
        if entries.iter().any(|(_, text)| text == ALL) {
            return (0..upstreams.len()).collect();
        }
        for (path, text) in &entries {
            if !known.contains(&text.as_str()) {
                let mend = opening(text, ALL).unwrap_or_else(|| suggestion(text, known));
                self.wrong(path, &format!("there is no upstream `{text}`"), &mend);
            }
        }
        let number = |name: &str| upstreams.iter().position(|upstream| &*upstream.name == name);
        entries.iter().filter_map(|(_, text)| number(text)).collect()
    }

    /// The scopes of a project or key; none if not written.
    pub(super) fn scopes(&mut self, path: &str, list: Option<&OneOrMany>) -> ScopeSet {
        let entries = self.entries(path, list, Some(ALL));
        let words: Vec<&str> = ScopeSet::words().collect();
        let mut all = ScopeSet::default();
        for (path, text) in &entries {
            if let Some(named) = ScopeSet::named(text) {
                all = all.or(named);
                continue;
            }
            let mend = match text.rsplit_once(':') {
                Some((whole, "read" | "write")) if words.contains(&whole) => {
                    format!("`{whole}` has no halves: leave the rest out")
                }
                Some(_) | None => opening(text, ALL).unwrap_or_else(|| suggestion(text, &words)),
            };
            self.wrong(path, &format!("there is no scope `{text}`"), &mend);
        }
        all
    }

    /// The models of a project, key or upstream; none if not written.
    pub(super) fn models(&mut self, path: &str, list: Option<&OneOrMany>) -> ModelList {
        let entries = self.entries(path, list, Some(ALL));
        for (path, text) in &entries {
            let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
            if !plain || text.len() > LONGEST_MODEL {
                self.wrong(
                    path,
                    "this cannot be a model's name",
                    "write a name such as gpt-4o-mini, or a pattern such as gpt-4o*",
                );
            }
        }
        entries.iter().map(|(_, text)| text.as_str()).collect()
    }
}
