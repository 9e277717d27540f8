//! HTTP/2: the same stages, records and refusals as over HTTP/1.1, and its own ways to be attacked.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
#[path = "../common/mod.rs"]
mod common;

mod attacks;
mod raw;
mod served;
