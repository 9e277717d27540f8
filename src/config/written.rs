//! The whole configuration as it is written; each section's shape stands beside its compilation.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::accounting::AccountingWritten;
use super::alias::AliasWritten;
use super::expect::ExpectWritten;
use super::log::LogWritten;
use super::price::PriceWritten;
use super::project::ProjectWritten;
use super::server::{AdminWritten, ServerWritten};
use super::store::StoreWritten;
use super::upstream::UpstreamWritten;

/// The configuration of Portcullis, an authenticating reverse proxy for LLM APIs.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(title = "portcullis.toml"))]
pub(super) struct Written {
    /// The public listener.
    pub(super) server: Option<ServerWritten>,
    /// The listener for health, readiness and metrics.
    pub(super) admin: Option<AdminWritten>,
    /// The log on standard error.
    pub(super) log: Option<LogWritten>,
    /// Where denials, decisions and usage are kept.
    pub(super) store: Option<StoreWritten>,
    /// How what requests use is counted.
    pub(super) accounting: Option<AccountingWritten>,
    /// The services that requests are forwarded to, by name.
    pub(super) upstreams: Option<BTreeMap<String, UpstreamWritten>>,
    /// Names of the gate's own for models: what clients ask for, and what the upstream calls it.
    pub(super) models: Option<BTreeMap<String, AliasWritten>>,
    /// What models cost that the price list does not know, or for which you pay another price: by the name of an
    /// upstream or a provider, and of the model, such as "openai/gpt-4o*".
    pub(super) prices: Option<BTreeMap<String, PriceWritten>>,
    /// Who may call, by name.
    pub(super) projects: Option<BTreeMap<String, ProjectWritten>>,
    /// Tests of the policy: what the gate must say to requests that nobody sent.
    pub(super) expect: Option<Vec<ExpectWritten>>,
}
