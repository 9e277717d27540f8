//! How upstreams fare, as it is when somebody looks.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::labels::{Name, Of};
use crate::health::Infirmary;

/// Shows how upstreams fare.
#[derive(Debug)]
pub(super) struct Wards(pub(super) Arc<Infirmary>);

/// What there is to show, by name: an upstream that was moved is one with what it was before.
#[derive(Debug, Default)]
struct Shown {
    in_flight: i64,
    queued: i64,
    connections: i64,
    left_alone: bool,
    opened: u64,
}

/// A gauge: its name, its help, and its value.
type Gauge = (&'static str, &'static str, fn(&Shown) -> i64);

impl Wards {
    fn shown(&self) -> BTreeMap<Arc<str>, Shown> {
        let mut shown: BTreeMap<Arc<str>, Shown> = BTreeMap::new();
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        for health in self.0.all() {
            let one = shown.entry(Arc::clone(&health.name)).or_default();
            one.in_flight += number(health.in_flight.taken());
            one.queued += number(health.in_flight.queued());
            one.connections += number(health.connections.taken());
            one.left_alone |= health.breaker.is_open();
            one.opened += health.breaker.opened();
        }
        shown
    }
}

impl Collector for Wards {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let shown = self.shown();
        let gauges: [Gauge; 4] = [
            ("upstream_in_flight", "Requests that an upstream has, where they are bounded.", |one| {
                one.in_flight
            }),
            ("upstream_queued", "Requests that wait for an upstream.", |one| one.queued),
            ("upstream_connections", "Connections to an upstream, where they are bounded.", |one| {
                one.connections
            }),
            ("upstream_left_alone", "Whether an upstream failed too often to be asked.", |one| {
                i64::from(one.left_alone)
            }),
        ];
        for (name, help, value) in gauges {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (upstream, one) in &shown {
                let labels = Of { upstream: Name(Some(Arc::clone(upstream))) };
                ConstGauge::new(value(one)).encode(family.encode_family(&labels)?)?;
            }
        }
        let help = "Times that an upstream was left alone because it failed too often.";
        let mut family = encoder.encode_descriptor("upstream_breaks", help, None, MetricType::Counter)?;
        for (upstream, one) in &shown {
            let labels = Of { upstream: Name(Some(Arc::clone(upstream))) };
            ConstCounter::new(one.opened).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
