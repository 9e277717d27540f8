//! The counters and histograms that the admin listener shows.
//!
//! Labels come from the configuration or from fixed lists, never from a request: no client can
//! grow them.

mod budgets;
mod ended;
mod health;
mod labels;
mod limits_store;
mod used;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::clock::Moment;
use crate::credentials::{Roster, State};
use crate::denial::Reason;
use crate::health::Infirmary;
use crate::held::Room;
use crate::limits::Registry as Limits;
use crate::record::{Outcome, Record};
use budgets::Budgets;
use health::Wards;
use labels::{
    Benched, Diagnosed, Ended, Fault, Name, Observed, Of, Raised, Reached, Reloaded, Renewed, StateOf, Why,
    error_status,
};
pub use limits_store::LimitsStore;
pub use used::Used;

/// Counts gates, so that several in one process are told apart.
static GATES: AtomicU64 = AtomicU64::new(0);

/// Every metric of one gate.
pub struct Metrics {
    gate_number: u64,
    registry: Registry,
    requests: Family<Ended, Counter>,
    gate: Histogram,
    first_byte: Family<Of, Histogram, fn() -> Histogram>,
    upstream_errors: Family<Fault, Counter>,
    upstream_refusals: Family<Diagnosed, Counter>,
    benched: Family<Benched, Counter>,
    retries: Family<Of, Counter>,
    renewals: Family<Renewed, Counter>,
    reloads: Family<Reloaded, Counter>,
    alerts: Family<Raised, Counter>,
    would_deny: Family<Observed, Counter>,
    budget_warnings: Family<Reached, Counter>,
    /// Requests that have begun and not ended.
    pub in_flight: Gauge,
    /// Client connections that are open.
    pub connections: Gauge,
    /// Client connections that were turned away because too many were open.
    pub connections_refused: Counter,
    /// Attempts to take a connection that failed.
    pub accept_failures: Counter,
    /// TLS handshakes that came to nothing, by why.
    handshakes_failed: Family<Why, Counter>,
    /// Connections that did not begin as a trusted proxy's must, by why.
    proxy_headers_failed: Family<Why, Counter>,
    /// Heads of requests that were no HTTP, or too large: they began no request and have no record.
    pub heads_invalid: Counter,
    /// Records that could not be written because the sink could not keep up.
    pub records_lost: Counter,
    /// Records and decisions that the store could not take.
    pub store_missed: Counter,
    /// How the store is by which gates share limits.
    pub limits_store: LimitsStore,
    /// What requests used.
    pub usage: Used,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// Bounds for what the gate itself adds, in seconds.
const GATE_BOUNDS: [f64; 12] = [5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 5e-3, 0.025, 0.1, 1.0];
/// Bounds for the wait for an upstream, in seconds.
const WAIT_BOUNDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0];

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            gate_number: GATES.fetch_add(1, Ordering::Relaxed),
            requests: Family::default(),
            gate: Histogram::new(GATE_BOUNDS),
            first_byte: Family::new_with_constructor((|| Histogram::new(WAIT_BOUNDS)) as fn() -> Histogram),
            upstream_errors: Family::default(),
            upstream_refusals: Family::default(),
            benched: Family::default(),
            retries: Family::default(),
            renewals: Family::default(),
            reloads: Family::default(),
            alerts: Family::default(),
            would_deny: Family::default(),
            budget_warnings: Family::default(),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            connections_refused: Counter::default(),
            accept_failures: Counter::default(),
            handshakes_failed: Family::default(),
            proxy_headers_failed: Family::default(),
            heads_invalid: Counter::default(),
            records_lost: Counter::default(),
            store_missed: Counter::default(),
            limits_store: LimitsStore::default(),
            usage: Used::default(),
            registry: Registry::default(),
        };
        Self { registry: metrics.named(), ..metrics }
    }
}

impl Metrics {
    /// All of them with their names.
    fn named(&self) -> Registry {
        let metrics = self;
        let mut registry = Registry::with_prefix("portcullis");
        registry.register("requests", "Requests that ended, by how", metrics.requests.clone());
        let seconds = |registry: &mut Registry, name: &str, help: &str, metric: Histogram| {
            registry.register_with_unit(name, help, Unit::Seconds, metric);
        };
        seconds(
            &mut registry,
            "gate",
            "Time from a request's head to its being ready for the upstream",
            metrics.gate.clone(),
        );
        registry.register_with_unit(
            "first_byte",
            "Time from a request's head to the first piece of its answer",
            Unit::Seconds,
            metrics.first_byte.clone(),
        );
        registry.register(
            "upstream_errors",
            "Answers of upstreams that were errors, and failures to get one",
            metrics.upstream_errors.clone(),
        );
        registry.register(
            "upstream_refusals",
            "Answers of upstreams that were refusals, by what they mean",
            metrics.upstream_refusals.clone(),
        );
        registry.register(
            "credential_benched",
            "Times that a credential left the rotation, by what the provider said",
            metrics.benched.clone(),
        );
        registry.register(
            "credential_retries",
            "Requests that were sent again with another credential",
            metrics.retries.clone(),
        );
        registry.register(
            "credential_renewals",
            "Attempts to renew what a cloud grants, by result",
            metrics.renewals.clone(),
        );
        registry.register("reloads", "Reloads of the configuration, by result", metrics.reloads.clone());
        registry.register(
            "alerts",
            "Requests that somebody should look at now, by kind",
            metrics.alerts.clone(),
        );
        registry.register(
            "would_deny",
            "Requests that a rule would have refused, were it not only observed",
            metrics.would_deny.clone(),
        );
        registry.register(
            "budget_warnings",
            "Requests that were the first to reach a share of a budget",
            metrics.budget_warnings.clone(),
        );
        registry.register("in_flight", "Requests that have begun and not ended", metrics.in_flight.clone());
        register_connections(&mut registry, metrics);
        metrics.limits_store.register(&mut registry);
        metrics.register_counters(&mut registry);
        metrics.usage.register(&mut registry);
        registry
    }
}

/// What is counted of connections, before there is a request.
fn register_connections(registry: &mut Registry, metrics: &Metrics) {
    registry.register("connections", "Client connections that are open", metrics.connections.clone());
    let handshakes = metrics.handshakes_failed.clone();
    registry.register("tls_handshakes_failed", "TLS handshakes that came to nothing, by why", handshakes);
    let headers = metrics.proxy_headers_failed.clone();
    registry.register("proxy_headers_failed", "Connections without a PROXY header of use, by why", headers);
}

/// Shows the state of credentials as it is when somebody looks.
#[derive(Debug)]
struct States(Arc<Roster>);

impl Collector for States {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Whether a credential is in this state.";
        let mut family = encoder.encode_descriptor("credential_state", help, None, MetricType::Gauge)?;
        // A retired secret has the name of the one that replaced it, which is the one to watch.
        let in_force = self.0.shown(Moment::now()).into_iter().filter(|shown| shown.state != State::Retired);
        for shown in in_force {
            for state in State::ALL.into_iter().filter(|state| *state != State::Retired) {
                let name = |name: &Arc<str>| Name(Some(Arc::clone(name)));
                let (upstream, credential) = (name(&shown.upstream), name(&shown.credential));
                let labels = StateOf { upstream, credential, state: state.word() };
                let gauge = ConstGauge::new(i64::from(shown.state == state));
                gauge.encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

/// Shows how much of bodies is held when somebody looks.
#[derive(Debug)]
struct Rooms(Arc<Room>);

impl Collector for Rooms {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Request bodies held in memory, without the first 64 KiB of each";
        let gauge = ConstGauge::new(i64::try_from(self.0.taken()).unwrap_or(i64::MAX));
        gauge.encode(encoder.encode_descriptor("held", help, Some(&Unit::Bytes), MetricType::Gauge)?)
    }
}

impl Metrics {
    /// Shows the budgets of this registry too.
    #[must_use]
    pub fn with_budgets(mut self, registry: Arc<Limits>) -> Self {
        self.registry.register_collector(Box::new(Budgets(registry)));
        self
    }

    /// Shows how these upstreams fare too.
    #[must_use]
    pub fn with_health(mut self, health: Arc<Infirmary>) -> Self {
        self.registry.register_collector(Box::new(Wards(health)));
        self
    }

    /// Shows how much of bodies is held too.
    #[must_use]
    pub fn with_room(mut self, room: Arc<Room>) -> Self {
        self.registry.register_collector(Box::new(Rooms(room)));
        self
    }

    /// Registers the counters that have no labels.
    fn register_counters(&self, registry: &mut Registry) {
        let counters = [
            (
                "connections_refused",
                "Client connections turned away because too many were open",
                &self.connections_refused,
            ),
            (
                "accept_failures",
                "Attempts to take a client connection that failed, most likely for want of file descriptors",
                &self.accept_failures,
            ),
            (
                "heads_invalid",
                "Heads that were no HTTP or too large, and began no request",
                &self.heads_invalid,
            ),
            ("records_lost", "Records not written because the sink could not keep up", &self.records_lost),
            (
                "store_missed",
                "Records and decisions that the store could not take; the log has the records",
                &self.store_missed,
            ),
        ];
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
    }

    /// Shows the state of these credentials too.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Arc<Roster>) -> Self {
        self.registry.register_collector(Box::new(States(credentials)));
        self
    }

    /// Counts a request that has ended.
    pub fn count(&self, record: &Record) {
        if let Some(percent) = record.budget_reached {
            let project = Name(record.project().map(|project| Arc::clone(&project.name)));
            self.budget_warnings.get_or_create(&Reached { project, percent }).inc();
        }
        if let Some(decided) = record.decided {
            self.gate.observe(decided.as_secs_f64());
        }
        self.count_ended(record);
        let plain = matches!(record.outcome, Outcome::Served)
            && record.status < 300
            && record.alert.is_none()
            && record.would_deny.is_empty();
        if !plain {
            self.count_faults(record);
        }
    }

    /// Counts what was wrong with a request, or somebody should know of.
    fn count_faults(&self, record: &Record) {
        let upstream = || Name(record.upstream().map(|upstream| Arc::clone(&upstream.name)));
        let reason = record.reason().map_or("", |reason| reason.code());
        if let Some(alert) = record.alert {
            self.alerts.get_or_create(&Raised { kind: alert.word() }).inc();
        }
        for denial in &record.would_deny {
            let project = Name(record.project().map(|project| Arc::clone(&project.name)));
            let observed = Observed { project, reason: denial.reason.code() };
            self.would_deny.get_or_create(&observed).inc();
        }
        let kind = match (&record.outcome, record.upstream_status) {
            (Outcome::Cut(_), _) => Some("cut"),
            // The gate's own fault.
            (Outcome::Refused(denial), _) if denial.reason == Reason::InternalError => None,
            (Outcome::Refused(_), _) if record.event() == "failed" => Some(reason),
            (_, Some(status)) if status >= 400 => Some(error_status(status)),
            _ => None,
        };
        if let Some(refused) = &record.refused_by_upstream {
            let (cause, whose) = (refused.diagnosis.id(), refused.diagnosis.whose());
            self.upstream_refusals.get_or_create(&Diagnosed { upstream: upstream(), cause, whose }).inc();
        }
        if let Some(kind) = kind {
            self.upstream_errors.get_or_create(&Fault { upstream: upstream(), kind }).inc();
        }
    }

    /// Counts that a credential left the rotation.
    pub fn benched(&self, upstream: &Arc<str>, credential: &Arc<str>, cause: &'static str) {
        let name = |name: &Arc<str>| Name(Some(Arc::clone(name)));
        let labels = Benched { upstream: name(upstream), credential: name(credential), cause };
        self.benched.get_or_create(&labels).inc();
    }

    /// Counts an attempt to renew what a cloud grants.
    pub fn renewed(&self, upstream: &str, credential: &str, fine: bool) {
        let (upstream, credential) = (Name(Some(upstream.into())), Name(Some(credential.into())));
        let result = if fine { "renewed" } else { "failed" };
        self.renewals.get_or_create(&Renewed { upstream, credential, result }).inc();
    }

    /// Counts that a request was sent again with another credential.
    pub fn retried(&self, upstream: &Arc<str>) {
        self.retries.get_or_create(&Of { upstream: Name(Some(Arc::clone(upstream))) }).inc();
    }

    /// Counts a TLS handshake that came to nothing.
    pub fn handshake_failed(&self, why: &'static str) {
        self.handshakes_failed.get_or_create(&Why { why }).inc();
    }

    /// Counts a connection that did not begin as a trusted proxy's must.
    pub fn proxy_header_failed(&self, why: &'static str) {
        self.proxy_headers_failed.get_or_create(&Why { why }).inc();
    }

    /// Counts a reload.
    pub fn reloaded(&self, well: bool) {
        let result = if well { "applied" } else { "refused" };
        self.reloads.get_or_create(&Reloaded { result }).inc();
    }

    /// Everything in the `OpenMetrics` text format.
    ///
    /// # Errors
    /// Never in practice: writing to a `String` cannot fail.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let mut out = String::new();
        prometheus_client::encoding::text::encode(&mut out, &self.registry)?;
        Ok(out)
    }
}
