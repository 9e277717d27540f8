//! What budgets are and what of them is taken, as it is when somebody looks.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use super::labels::{Name, Spent};
use crate::clock::Moment;
use crate::limits::Registry;
use crate::money::Money;

/// Shows the budgets of a registry.
#[derive(Debug)]
pub(super) struct Budgets(pub(super) Arc<Registry>);

impl Collector for Budgets {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let all = self.0.budgets(Moment::now());
        let mut family = encoder.encode_descriptor(
            "budget_usd",
            "What may be spent in a window of the calendar.",
            None,
            MetricType::Gauge,
        )?;
        for one in &all {
            let labels =
                Spent { owner: Name(Some(Arc::clone(&one.owner))), window: one.budget.window.word() };
            ConstGauge::new(dollars(one.budget.most)).encode(family.encode_family(&labels)?)?;
        }
        let mut family = encoder.encode_descriptor(
            "budget_taken_usd",
            "What is spent of a budget, with what requests under way may cost.",
            None,
            MetricType::Gauge,
        )?;
        for one in &all {
            let labels =
                Spent { owner: Name(Some(Arc::clone(&one.owner))), window: one.budget.window.word() };
            ConstGauge::new(dollars(one.taken)).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

/// Dollars as a metric has them: with sixteen digits at most.
fn dollars(money: Money) -> f64 {
    money.to_string().parse().unwrap_or(f64::NAN)
}
