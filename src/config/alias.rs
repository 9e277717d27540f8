//! `[models.NAME]`: names of the gate's own for models, so that an application's code can stay while the model
//! behind the name changes.

use std::sync::Arc;

use serde::Deserialize;

use super::place::child;
use super::shape::suggestion;
use super::work::Work;
use crate::model_name::can_be_listed;
use crate::snapshot::{Alias, Upstream};

/// A name of the gate's own for an upstream's model.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Alias"))]
pub(super) struct AliasWritten {
    /// The upstream that serves it.
    pub(super) upstream: Option<String>,
    /// What that upstream calls the model.
    pub(super) model: Option<String>,
}

/// Whether a text can be a model's name.
fn is_name(text: &str) -> bool {
    can_be_listed(text) && !text.contains(['"', '\\'])
}

impl Work<'_> {
    /// Compiles an alias; nothing if a mistake is in it.
    pub(super) fn alias(
        &mut self,
        name: &str,
        written: &AliasWritten,
        upstreams: &[Upstream],
        known: &[&str],
    ) -> Option<Alias> {
        let path = child("models", name);
        let rule = self.rule(&path);
        if !is_name(name) {
            self.wrong(&path, "this cannot be a model's name", "write a name such as fast, without *");
        }
        let Some(of) = written.upstream.as_deref() else {
            self.wrong(
                &path,
                "this model has no upstream",
                "write upstream = \"…\" with the upstream's name",
            );
            return None;
        };
        let Some(model) = written.model.as_deref() else {
            self.wrong(
                &path,
                "this model has no model",
                "write model = \"…\" with the upstream's name of it",
            );
            return None;
        };
        if !is_name(model) {
            self.wrong(
                &child(&path, "model"),
                "this cannot be a model's name",
                "write one such as gpt-4o-mini",
            );
        }
        if !known.contains(&of) {
            let what = format!("there is no upstream `{of}`");
            self.wrong(&child(&path, "upstream"), &what, &suggestion(of, known));
        }
        let at = upstreams.iter().position(|upstream| &*upstream.name == of)?;
        if upstreams.get(at).is_some_and(|upstream| !upstream.models.allows(model)) {
            let what = format!("upstream `{of}` does not list `{model}` among its models");
            self.wrong(&child(&path, "model"), &what, "add it to the upstream's models, or choose another");
        }
        Some(Alias { name: name.into(), upstream: at, model: Arc::from(model), rule })
    }
}
