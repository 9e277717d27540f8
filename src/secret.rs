//! A provider's credential, behind one door.
//!
//! 1. Only `inject` may call [`Secret::expose`]; `tests/architecture.rs` enforces it.
//! 2. The type has no `Display`, no `Serialize`, and a `Debug` without content.
//! 3. The header value is marked sensitive, so that libraries which print headers mask it.

use http::{HeaderName, HeaderValue};

use crate::project_key::{Digest, digest};

/// A ready header that authenticates the gate at an upstream.
pub struct Secret {
    name: HeaderName,
    value: HeaderValue,
}

impl Secret {
    /// Takes a credential and builds the header that carries it: `prefix` is `"Bearer "` or empty.
    ///
    /// # Errors
    /// When the credential is empty or holds a byte that no header may carry. The error does not
    /// hold the credential.
    pub fn header(name: HeaderName, prefix: &str, credential: &str) -> Result<Self, InvalidSecret> {
        if credential.is_empty() {
            return Err(InvalidSecret::Empty);
        }
        let text = zeroize::Zeroizing::new(format!("{prefix}{credential}"));
        let mut value = HeaderValue::from_str(&text).map_err(|_| InvalidSecret::NotAHeader)?;
        value.set_sensitive(true);
        Ok(Self { name, value })
    }

    /// The header to send. Only the injecting stage may look.
    #[must_use]
    pub fn expose(&self) -> (&HeaderName, &HeaderValue) {
        (&self.name, &self.value)
    }

    /// What the secret is known again by, together with what is sent beside it. The secret cannot be found
    /// from it.
    #[must_use]
    pub fn fingerprint(&self, beside: &[&str]) -> Fingerprint {
        let mut text = zeroize::Zeroizing::new(Vec::new());
        let parts = beside.iter().map(|part| part.as_bytes());
        for part in parts.chain([self.name.as_str().as_bytes(), self.value.as_bytes()]) {
            // With its length, so that no two lists of parts make one text.
            text.extend_from_slice(&part.len().to_be_bytes());
            text.extend_from_slice(part);
        }
        Fingerprint(digest(&text))
    }
}

/// A digest by which a secret is known again; shown to nobody.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(Digest);

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fingerprint(…)")
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why a text cannot be a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidSecret {
    /// Nothing is there.
    Empty,
    /// A line break or another control character is in it.
    NotAHeader,
}

impl std::fmt::Display for InvalidSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty",
            Self::NotAHeader => "it holds a line break or another control character",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() -> Result<(), InvalidSecret> {
        let secret = Secret::header(http::header::AUTHORIZATION, "Bearer ", "sk-canary")?;
        assert!(!format!("{secret:?} {:?}", secret.expose()).contains("canary"));
        Ok(())
    }

    #[test]
    fn a_fingerprint_tells_secrets_and_what_is_beside_them_apart() -> Result<(), InvalidSecret> {
        let made = |text| Secret::header(http::header::AUTHORIZATION, "Bearer ", text);
        let (one, other) = (made("sk-canary")?, made("sk-other")?);
        assert_eq!(one.fingerprint(&["a", "b"]), made("sk-canary")?.fingerprint(&["a", "b"]));
        assert_ne!(one.fingerprint(&["a", "b"]), other.fingerprint(&["a", "b"]));
        assert_ne!(one.fingerprint(&["a", "b"]), one.fingerprint(&["ab", ""]));
        assert_eq!(format!("{:?}", one.fingerprint(&[])), "Fingerprint(…)");
        Ok(())
    }

    #[test]
    fn nothing_and_line_breaks_are_refused() {
        let made = |text| Secret::header(http::header::AUTHORIZATION, "", text).err();
        assert_eq!(made(""), Some(InvalidSecret::Empty));
        assert_eq!(made("a\nb"), Some(InvalidSecret::NotAHeader));
    }
}
