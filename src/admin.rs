//! The admin listener: is the gate alive, is it ready, what has it done.
//!
//! It has an address of its own, loopback by default, and is never on the public port.
//!
//! 1. Whether the gate is alive and ready is for everybody who reaches it: those who ask hold no secret.
//! 2. Counters and names from the configuration are for who is on this machine. Where others can reach the listener,
//!    they are for who sends the admin token.
//! 3. What is told of requests is for who sends the token, wherever they are.

mod denials;
mod usage;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

use crate::accept::Shared;
use crate::address::is_loopback;
use crate::clock::Moment;
use crate::credentials::Roster;
use crate::project_key;
use denials::refused;

#[derive(Clone)]
struct Shown {
    shared: Arc<Shared>,
    credentials: Arc<Roster>,
    draining: Arc<AtomicBool>,
    reach: Reach,
}

/// Who can reach the listener. What it is bound to says so, not the configuration in force: a reload does not move it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Who is on this machine.
    ThisMachine,
    /// Others too.
    Others,
}

impl Reach {
    /// Who can reach a listener at this address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        if is_loopback(address) { Self::ThisMachine } else { Self::Others }
    }
}

impl Shown {
    /// Lets pass who sends the admin token.
    #[expect(clippy::result_large_err, reason = "a refusal is its answer, and few are made")]
    fn demand_token(&self, headers: &HeaderMap) -> Result<(), Response> {
        let snapshot = self.shared.snapshot.load();
        let Some(token) = &snapshot.admin_token else {
            let why = "set admin.token in the configuration to see this";
            return Err(refused(StatusCode::FORBIDDEN, why));
        };
        let sent =
            headers.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        // Digests are compared, and in constant time: how long it takes tells nothing about the token.
        let same =
            |sent| aws_lc_rs::constant_time::verify_slices_are_equal(&project_key::digest(sent), token);
        if sent.is_some_and(|sent| same(sent).is_ok()) {
            return Ok(());
        }
        let mut response = refused(StatusCode::UNAUTHORIZED, "send the admin token: Authorization: Bearer …");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        Err(response)
    }

    /// The same where others than this machine's can ask.
    #[expect(clippy::result_large_err, reason = "a refusal is its answer, and few are made")]
    fn demand_token_of_others(&self, headers: &HeaderMap) -> Result<(), Response> {
        match self.reach {
            Reach::ThisMachine => Ok(()),
            Reach::Others => self.demand_token(headers),
        }
    }
}

/// The admin listener's routes.
pub fn routes(
    shared: Arc<Shared>,
    credentials: Arc<Roster>,
    draining: Arc<AtomicBool>,
    reach: Reach,
) -> Router {
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
        .with_state(Shown { shared, credentials, draining, reach })
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
async fn list(State(shown): State<Shown>, headers: HeaderMap) -> Result<impl IntoResponse, Response> {
    shown.demand_token_of_others(&headers)?;
    let list = serde_json::json!({ "credentials": shown.credentials.shown(Moment::now()) });
    Ok(([(header::CONTENT_TYPE, "application/json")], format!("{list:#}\n")))
}

async fn show(State(shown): State<Shown>, headers: HeaderMap) -> Result<impl IntoResponse, Response> {
    shown.demand_token_of_others(&headers)?;
    Ok(match shown.shared.ledger.metrics.render() {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            (StatusCode::OK, [(header::CONTENT_TYPE, kind)], text)
        }
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/plain")], String::new()),
    })
}
