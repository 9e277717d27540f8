//! Requests that two readers could understand differently: each is refused, or goes out in one way.
//!
//! What other gateways fell to, by kind. An attack never reaches the upstream, or reaches it as the
//! one request that was judged. The rows that tests name are those of the table in SECURITY.md.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
#[path = "../common/mod.rs"]
mod common;

mod answers;
mod bodies;
mod expect;
mod forms;
mod framing;
mod headers;
mod targets;

use common::{OK, Running, Setup, Upstream};

/// A gate before an upstream that answers everything.
fn stage() -> (Running, Upstream) {
    staged(|setup| setup)
}

fn staged(arrange: impl FnOnce(Setup) -> Setup) -> (Running, Upstream) {
    let upstream = Upstream::answering(OK);
    // Only what a test does may close a connection, not the time it takes.
    let setup = Setup::new(upstream.address).set("server", "header_timeout", r#""1h""#);
    let gate = arrange(setup).start();
    (gate, upstream)
}
