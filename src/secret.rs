//! A provider's credential, behind one door.
//!
//! 1. Only `inject` may call [`Secret::expose`]; `tests/architecture.rs` enforces it.
//! 2. The type has no `Display`, no `Serialize`, and a `Debug` without content.
//! 3. The header value is marked sensitive, so that libraries which print headers mask it.
//! 4. Its memory is wiped when the last copy goes: the copies in requests share it.

use bytes::Bytes;
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
        // In one piece from the start: what grows leaves copies behind.
        let mut text = zeroize::Zeroizing::new(Vec::with_capacity(prefix.len() + credential.len()));
        text.extend_from_slice(prefix.as_bytes());
        text.extend_from_slice(credential.as_bytes());
        let shared = Bytes::from_owner(Wiped(text));
        let mut value = HeaderValue::from_maybe_shared(shared).map_err(|_| InvalidSecret::NotAHeader)?;
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
        let parts = beside.iter().map(|part| part.as_bytes());
        Fingerprint::of(parts.chain([self.name.as_str().as_bytes(), self.value.as_bytes()]))
    }
}

/// The memory of a header's value.
struct Wiped(zeroize::Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// A secret that is no header of its own: it signs, or it is shown to a token service.
///
/// 1. Only what stands below `cloud` may look; `tests/architecture.rs` enforces it.
pub struct Hidden(zeroize::Zeroizing<String>);

impl Hidden {
    /// Hides a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(zeroize::Zeroizing::new(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden(…)")
    }
}

/// A digest by which a secret is known again; shown to nobody.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(Digest);

impl Fingerprint {
    /// Of everything that makes a credential what it is.
    #[must_use]
    pub fn of<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> Self {
        let mut text = zeroize::Zeroizing::new(Vec::new());
        for part in parts {
            // With its length, so that no two lists of parts make one text.
            text.extend_from_slice(&part.len().to_be_bytes());
            text.extend_from_slice(part);
        }
        Self(digest(&text))
    }
}

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
    /// An access key's id that is none.
    NotAnId,
}

impl std::fmt::Display for InvalidSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty",
            Self::NotAHeader => "it holds a line break or another control character",
            Self::NotAnId => "the id of an access key has letters and digits only",
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
    #[cfg(target_os = "linux")]
    fn a_credential_is_wiped_with_its_last_copy() -> Result<(), InvalidSecret> {
        use std::os::unix::fs::FileExt as _;
        let memory = std::fs::File::open("/proc/self/mem").unwrap();
        let there = |at: u64| {
            let mut seen = [0; 512];
            // Memory that was given back to the system holds nothing either.
            memory.read_exact_at(&mut seen, at).is_ok_and(|()| seen[256..].contains(&b'k'))
        };
        let secret = Secret::header(http::header::AUTHORIZATION, "", &"k".repeat(512))?;
        let copy = secret.expose().1.clone();
        let at = u64::try_from(copy.as_bytes().as_ptr().addr()).unwrap();
        drop(secret);
        assert!(there(at), "a copy is still in use");
        drop(copy);
        assert!(!there(at));
        Ok(())
    }

    #[test]
    fn nothing_and_line_breaks_are_refused() {
        let made = |text| Secret::header(http::header::AUTHORIZATION, "", text).err();
        assert_eq!(made(""), Some(InvalidSecret::Empty));
        assert_eq!(made("a\nb"), Some(InvalidSecret::NotAHeader));
    }
}
