//! How the store is by which gates share limits.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// How the store is by which gates share limits; all zero where there is none.
#[derive(Debug, Default)]
pub struct LimitsStore {
    /// Whether it is away.
    pub away: Gauge,
    /// How often it was asked.
    pub calls: Counter,
    /// How often it could not be reached or did not answer.
    pub failures: Counter,
}

impl LimitsStore {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "limits_store_away",
            "Whether the store by which gates share limits is away",
            self.away.clone(),
        );
        registry.register(
            "limits_store_calls",
            "How often the store by which gates share limits was asked",
            self.calls.clone(),
        );
        registry.register(
            "limits_store_failures",
            "How often the store by which gates share limits could not be reached or did not answer",
            self.failures.clone(),
        );
    }
}
