//! The admin listener: is the gate alive, is it ready, what has it done.
//!
//! It has an address of its own, loopback by default, and is never on the public port. It shows
//! counters and names from the configuration, and what is told of requests only to who sends the
//! admin token.

mod denials;
mod usage;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

use crate::accept::Shared;
use crate::clock::Moment;
use crate::credentials::Roster;

#[derive(Clone)]
struct Shown {
    shared: Arc<Shared>,
    credentials: Arc<Roster>,
    draining: Arc<AtomicBool>,
}

/// The admin listener's routes.
pub fn routes(shared: Arc<Shared>, credentials: Arc<Roster>, draining: Arc<AtomicBool>) -> Router {
    Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(show))
        .route("/denials", get(denials::list))
        .route("/denials/{request_id}", get(denials::one))
        .route("/usage", get(usage::sums))
        .route("/credentials", get(list))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, Duration::from_secs(10)))
        .layer(SetResponseHeaderLayer::overriding(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-store"),
        ))
        .with_state(Shown { shared, credentials, draining })
}

async fn ready(State(shown): State<Shown>) -> (StatusCode, &'static str) {
    if shown.draining.load(Ordering::Acquire) {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
    } else if shown.shared.snapshot.load().share.is_some()
        && shown.shared.sharing.denies_anything()
        && !shown.shared.sharing.was_heard()
    {
        // Once it was heard, a store that is away concerns only what needs it.
        (StatusCode::SERVICE_UNAVAILABLE, "the store of shared limits was not reached yet\n")
    } else {
        (StatusCode::OK, "ready\n")
    }
}

/// The state of every credential, without anything of its secret.
async fn list(State(shown): State<Shown>) -> impl IntoResponse {
    let list = serde_json::json!({ "credentials": shown.credentials.shown(Moment::now()) });
    ([(header::CONTENT_TYPE, "application/json")], format!("{list:#}\n"))
}

async fn show(State(shown): State<Shown>) -> impl IntoResponse {
    match shown.shared.ledger.metrics.render() {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            (StatusCode::OK, [(header::CONTENT_TYPE, kind)], text)
        }
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/plain")], String::new()),
    }
}
