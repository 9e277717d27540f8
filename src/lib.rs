//! An authenticating reverse proxy for LLM APIs.
//!
//! Start with the `stack` module: it shows the stages that a request passes, in order. `ARCHITECTURE.md`
//! tells where everything else is.

#![forbid(unsafe_code)]

pub mod address;
pub mod body;
pub mod clock;
pub mod denial;
pub mod dialect;
pub mod endpoint;
pub mod exchange;
pub mod gate;
pub mod ledger;
pub mod limits;
pub mod metrics;
pub mod model_name;
pub mod peek;
pub mod policy;
pub mod project_key;
pub mod record;
pub mod request_id;
pub mod secret;
pub mod snapshot;
pub mod telemetry;
pub mod standin;
