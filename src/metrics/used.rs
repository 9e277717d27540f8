//! What requests used, and whether it could be written.
//!
//! Tokens and money are counted where journals are applied, behind the requests; so they are up to half
//! a second late.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::labels::Name;
use crate::money::Money;
use crate::usage::Usage;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Tokens {
    project: Name,
    upstream: Name,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Cost {
    project: Name,
    upstream: Name,
}

/// What requests used, and whether it could be written.
#[derive(Debug, Default)]
pub struct Used {
    tokens: Family<Tokens, Counter>,
    cost: Family<Cost, Counter<f64, AtomicU64>>,
    /// Settlements that could not be written at once, and were kept until they could be.
    pub delayed: Counter,
    /// Settlements that could neither be written nor kept.
    pub lost: Counter,
    /// Whether all could be written: 1 or 0.
    pub healthy: Gauge,
}

impl Used {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "usage_tokens",
            "Tokens that were used; cached and reasoning ones are also among input and output",
            self.tokens.clone(),
        );
        registry.register("usage_cost_dollars", "What was used, in US dollars", self.cost.clone());
        registry.register(
            "usage_delayed",
            "Settlements that were kept in memory until they could be written",
            self.delayed.clone(),
        );
        registry.register(
            "usage_lost",
            "Settlements that could neither be written nor kept",
            self.lost.clone(),
        );
        registry.register(
            "usage_healthy",
            "Whether all that was used could be written; 0 without a store",
            self.healthy.clone(),
        );
    }

    /// Counts what requests of a project used at an upstream.
    pub fn count(&self, project: &str, upstream: &str, usage: &Usage, cost: Money) {
        let name = |name: &str| Name(Some(Arc::from(name)));
        let tokens = [
            ("input", usage.input),
            ("cached", usage.cached),
            ("output", usage.output),
            ("reasoning", usage.reasoning),
        ];
        for (kind, count) in tokens.into_iter().filter(|(_, count)| *count > 0) {
            let labels = Tokens { project: name(project), upstream: name(upstream), kind };
            self.tokens.get_or_create(&labels).inc_by(count);
        }
        if cost > Money::ZERO {
            let labels = Cost { project: name(project), upstream: name(upstream) };
            self.cost.get_or_create(&labels).inc_by(cost.as_dollars());
        }
    }
}
