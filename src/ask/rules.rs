//! What a body that goes on while it arrives is held to: which models and endpoints the project may name in it.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::denial::{Denial, Reason};
use crate::endpoint::{self, Endpoint, ModelIn, Verb};
use crate::exchange::{Exchange, Metered};
use crate::policy::model::{may_leave_open, without_model};
use crate::provider::Provider;
use crate::snapshot::{Key, Project, Snapshot};

/// The rules for one request.
#[derive(Debug)]
pub(super) struct Rules {
    snapshot: Arc<Snapshot>,
    project: usize,
    key: usize,
    pub(super) endpoint: &'static Endpoint,
    /// The model that the path names.
    path_model: Option<Arc<str>>,
    /// The upstream that a request without a model goes to.
    upstream: Option<usize>,
    /// Whether the project may use whatever model the provider picks.
    pub(super) open: bool,
}

impl Rules {
    pub(super) fn of(exchange: &Exchange<Metered>) -> Self {
        let scoped = &exchange.stage.scoped;
        let mut rules = Self {
            snapshot: Arc::clone(&exchange.snapshot),
            project: scoped.caller.project,
            key: scoped.caller.key,
            endpoint: scoped.endpoint,
            path_model: scoped.path_model.clone(),
            upstream: without_model(&exchange.snapshot, scoped),
            open: false,
        };
        rules.open = rules.owner().is_some_and(|(project, key)| may_leave_open(project, key));
        rules
    }

    /// What kind of service a request without a model goes to.
    pub(super) fn provider(&self) -> Option<Provider> {
        Some(self.snapshot.upstreams.get(self.upstream?)?.provider)
    }

    fn owner(&self) -> Option<(&Project, &Key)> {
        self.snapshot.projects.get(self.project).zip(self.snapshot.keys.get(self.key))
    }

    /// Whether a model that was found after the upstream was chosen may be used.
    pub(super) fn late(&self, model: &str) -> Result<(), Denial> {
        if matches!(self.endpoint.model, ModelIn::Path | ModelIn::Query(_)) {
            return if self.path_model.as_deref() == Some(model) { Ok(()) } else { Err(other_in_path()) };
        }
        self.model(model, String::new)?;
        let upstream = self.upstream.and_then(|at| self.snapshot.upstreams.get(at));
        match upstream {
            Some(upstream) if !upstream.models.allows(model) => {
                Err(Denial::by(Reason::ModelNotAllowed, upstream.models_rule).because(model))
            }
            Some(_) => Ok(()),
            None => Err(Denial::built_in(Reason::UpstreamNotAllowed)),
        }
    }

    /// Whether the project may use a model; `place` is told behind its name.
    pub(super) fn model(&self, model: &str, place: impl Fn() -> String) -> Result<(), Denial> {
        let Some((project, key)) = self.owner() else { return Err(Denial::built_in(Reason::KeyUnknown)) };
        match key.without_model(project, model).find(|left_out| !left_out.observed) {
            Some(left_out) => {
                Err(Denial::by(Reason::ModelNotAllowed, left_out.rule).because(format!("{model}{}", place())))
            }
            None => Ok(()),
        }
    }

    /// Whether the project may call the endpoint that a batch names.
    pub(super) fn url(&self, url: &str) -> Result<(), Denial> {
        // Azure's are written without the version.
        let with_version = format!("/v1{url}");
        let found = endpoint::find(url).or_else(|| endpoint::find(&with_version));
        let row = found.as_ref().and_then(|found| found.rows(Verb::Post).next());
        let row = row.ok_or_else(|| {
            Denial::built_in(Reason::BodyInvalid)
                .because("a batch names an endpoint that the gate does not have")
        })?;
        let Some((project, key)) = self.owner() else { return Err(Denial::built_in(Reason::KeyUnknown)) };
        let scope = row.endpoint.scope;
        match key.without_scope(project, scope).find(|left_out| !left_out.observed) {
            Some(left_out) => Err(Denial::by(Reason::ScopeMissing, left_out.rule).because(scope.name())),
            None => Ok(()),
        }
    }

    /// Whether a limit depends on the model.
    pub(super) fn limit_models(&self) -> bool {
        self.owner()
            .is_some_and(|(project, key)| !project.limits.models.is_empty() || !key.limits.models.is_empty())
    }

    /// The largest line of a file.
    pub(super) fn longest_line(&self) -> usize {
        self.snapshot.server.max_body
    }

    /// Whether the gate has seen and checked a file under these rules.
    pub(super) fn is_checked(&self, file_id: &str) -> bool {
        self.text().is_some_and(|text| self.snapshot.uploads.is_checked(&text, file_id))
    }

    /// The rules as one text: for whom a file is checked, and against what.
    pub(super) fn text(&self) -> Option<Box<str>> {
        let (project, key) = self.owner()?;
        let upstream = self.snapshot.upstreams.get(self.upstream?)?;
        let mut text = format!("{} {}", upstream.name, project.name);
        let lists = (&project.models, &key.models, &project.scopes, &key.scopes);
        write!(text, " {lists:?}").ok()?;
        Some(text.into())
    }

    /// The refusal where nothing says which models are used.
    pub(super) fn unknowable(&self, why: &'static str) -> Denial {
        let rule = self
            .owner()
            .map_or(crate::denial::RuleId::BUILT_IN, |(project, key)| super::models_rule(project, key));
        Denial::by(Reason::ModelUnknowable, rule).because(why)
    }
}

pub(super) fn other_in_path() -> Denial {
    Denial::built_in(Reason::ModelAmbiguous).because("the path names one and the body another")
}
