//! The JSON schema of the configuration's files, for editors that complete and check.
//!
//! It is written in `config/schema.json` and carried along as it stands there. Only the tests derive it from the
//! types, and fail where the two differ: no gate needs to carry along what derives it.

#[cfg(test)]
mod tests;

use serde_json::Value;

/// The schema as it stands in the repository.
pub const TEXT: &str = include_str!("../../config/schema.json");

/// The schema, to be looked into.
#[must_use]
pub fn schema() -> Value {
    // A test reads it: it is never null.
    serde_json::from_str(TEXT).unwrap_or_default()
}
