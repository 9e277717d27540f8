//! `[projects.NAME.parameters]`: what a project's requests may ask for besides a model.

use serde::Deserialize;

use super::observable::Mode;
use super::place::child;
use super::shape::nearest;
use super::value::OneOrMany;
use super::variable::did_you_mean;
use super::work::Work;
use crate::model_name::ModelList;
use crate::snapshot::ParameterRules;

/// Kinds of tools, as the providers' references have them.
const TOOLS: [&str; 28] = [
    "apply_patch",
    "bash",
    "codeExecution",
    "code_execution",
    "code_interpreter",
    "computer",
    "computerUse",
    "computer_use_preview",
    "custom",
    "enterpriseWebSearch",
    "fileSearch",
    "file_search",
    "function",
    "googleMaps",
    "googleSearch",
    "googleSearchRetrieval",
    "image_generation",
    "local_shell",
    "mcp",
    "memory",
    "retrieval",
    "shell",
    "text_editor",
    "tool_search",
    "urlContext",
    "web_fetch",
    "web_search",
    "web_search_preview",
];

/// Tiers of service, as the providers' references have them.
const TIERS: [&str; 11] = [
    "auto",
    "batch",
    "default",
    "fast",
    "flex",
    "on_demand",
    "performance",
    "priority",
    "scale",
    "standard",
    "standard_only",
];

/// What a project's requests may ask for besides a model.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Parameters"))]
pub(super) struct ParametersWritten {
    /// The most tokens that an answer may have. A request must name a ceiling, and none above this.
    pub(super) max_tokens: Option<u64>,
    /// Kinds of tools that may be used, by name or with *: a tool's type such as `web_search*`, in
    /// Gemini's dialect its field such as `googleSearch`; custom for a tool without a type. Default: any.
    pub(super) tools: Option<OneOrMany>,
    /// With false, the provider must not keep answers: a request must say so where keeping is the default.
    pub(super) store: Option<bool>,
    /// Tiers of service that may be asked for. Default: any.
    pub(super) service_tiers: Option<OneOrMany>,
    /// Betas that may not be asked for, by name or with *. Default: none.
    pub(super) deny_betas: Option<OneOrMany>,
    /// With "observe", what is not allowed passes, and the record says that it would have been refused.
    /// Default: "enforce".
    pub(super) mode: Option<Mode>,
}

impl Work<'_> {
    /// Compiles the rules at a path.
    pub(super) fn parameters(&mut self, path: &str, written: &ParametersWritten) -> ParameterRules {
        if written.max_tokens == Some(0) {
            self.wrong(&child(path, "max_tokens"), "no answer has no tokens", "write how many it may have");
        }
        let mut list = |name: &str, list: Option<&OneOrMany>, known: &[&str]| {
            let path = child(path, name);
            let entries = list.map(|list| self.entries(&path, Some(list), None))?;
            for (path, text) in &entries {
                self.lint_misspelt(path, text, known);
            }
            let list = entries.iter().map(|(_, text)| text.as_str()).collect::<ModelList>();
            Some((list, self.rule(&path)))
        };
        let tools = list("tools", written.tools.as_ref(), &TOOLS);
        let service_tiers = list("service_tiers", written.service_tiers.as_ref(), &TIERS);
        let deny_betas = list("deny_betas", written.deny_betas.as_ref(), &[]);
        ParameterRules {
            max_tokens: written.max_tokens.map(|most| (most, self.rule(&child(path, "max_tokens")))),
            tools,
            store: written.store.map(|may| (may, self.rule(&child(path, "store")))),
            service_tiers,
            deny_betas,
            observed: written.mode == Some(Mode::Observe),
            rule: self.rule(path),
        }
    }

    /// Providers make new words at any time, so one that is not known is no mistake; but one that is nearly known is.
    fn lint_misspelt(&mut self, path: &str, text: &str, known: &[&str]) {
        if text.contains('*') || known.contains(&text) {
            return;
        }
        if let Some(word) = nearest(text, known) {
            self.lint(
                path,
                &format!("`{text}` is not among the words that are known"),
                &did_you_mean(&format!("`{word}`")),
            );
        }
    }
}
