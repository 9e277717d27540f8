//! `portcullis demo`: shows the gate at work, without an account and without a network.

/// Placeholder until written below.
pub fn run() {}
