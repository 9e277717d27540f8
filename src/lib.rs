//! An authenticating reverse proxy for LLM APIs.
//!
//! Start with the `stack` module: it shows the stages that a request passes, in order. `ARCHITECTURE.md`
//! tells where everything else is.

#![forbid(unsafe_code)]

pub mod accept;
pub mod account;
pub mod address;
pub mod admin;
pub mod alarm;
pub mod ascii;
mod ask;
pub mod attempts;
pub mod body;
pub mod book;
mod catch;
pub mod certificate;
pub mod change;
pub mod cli;
pub mod clock;
pub mod cloud;
pub mod command;
pub mod config;
mod cors;
pub mod credentials;
pub mod denial;
pub mod diagnosis;
pub mod dialect;
pub mod egress;
pub mod endpoint;
pub mod estimate;
pub mod exchange;
pub mod expect;
pub mod explain;
pub mod flood;
pub mod forward;
mod fund;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod gate;
pub mod health;
pub mod hush;
pub mod inject;
pub mod learn;
pub mod ledger;
pub mod limits;
pub mod metrics;
pub mod model_name;
pub mod models;
pub mod money;
pub mod multipart;
pub mod peek;
pub mod plan;
pub mod policy;
pub mod pool;
mod preflight;
pub mod prices;
pub mod probe;
pub mod project_key;
pub mod provider;
pub mod provider_key;
pub mod proxy_header;
pub mod receipt;
pub mod record;
pub mod redact;
pub mod reload;
pub mod rename;
pub mod request_id;
mod respond;
pub mod run;
pub mod secret;
pub mod sessions;
pub mod share;
pub mod skim;
pub mod snapshot;
pub mod stack;
pub mod standin;
pub mod store;
pub mod telemetry;
pub mod tier;
pub mod tokens;
pub mod upgrade;
pub mod uploads;
pub mod usage;
mod websocket;
mod whoami;
pub mod wire;
