//! `portcullis schema`: the JSON schema of the configuration, for editors that complete and check
//! while one types.

/// The schema as text.
#[must_use]
pub fn text() -> String {
    format!("{:#}\n", crate::config::schema())
}
