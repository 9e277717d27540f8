//! A provider's credential, behind one door.
//!
//! 1. Only `inject` may call [`Secret::expose`]; `tests/architecture.rs` enforces it.
//! 2. The type has no `Display`, no `Serialize`, and a `Debug` without content.
//! 3. The header value is marked sensitive, so that libraries which print headers mask it.
//! 4. Its memory is wiped when the last copy goes: the copies in requests share it.
//! 5. Whoever must keep it out of a text asks a [`Finder`] where it stands there, and sees nothing of it.

use std::ops::Range;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use crate::project_key::{Digest, digest};

/// A ready header that authenticates the gate at an upstream.
pub struct Secret {
    name: HeaderName,
    value: HeaderValue,
    /// Where the credential begins in the value.
    from: usize,
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
        Ok(Self { name, value, from: prefix.len() })
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

    /// How many bytes the credential has. No text that is shorter holds it, since no escape is shorter than what it
    /// stands for.
    #[must_use]
    pub fn length(&self) -> usize {
        self.value.len() - self.from
    }

    /// What finds the credential in texts; `None` for one so short that it could be any word.
    #[must_use]
    pub fn finder(&self) -> Option<Finder> {
        (self.length() >= SHORTEST_FOUND).then(|| Finder { value: self.value.clone(), from: self.from })
    }
}

/// The shortest credential that is looked for in texts. To leave a shorter one out would spoil other words, and
/// tell it to whoever sees which are missing.
const SHORTEST_FOUND: usize = 8;

/// Says where a credential stands in a text, and gives it to nobody. It shares the credential's memory.
#[derive(Clone)]
pub struct Finder {
    value: HeaderValue,
    from: usize,
}

/// What of a text is a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nowhere,
    /// These bytes.
    At(Range<usize>),
    /// What begins here, if the text goes on as the credential does.
    Perhaps(usize),
}

impl Finder {
    /// Where the credential first stands in a text: as it is, or with any of its bytes escaped as in JSON or
    /// in an address. `whole` says that nothing follows the text.
    #[must_use]
    pub fn find(&self, text: &[u8], whole: bool) -> Found {
        let credential = self.value.as_bytes().get(self.from..).unwrap_or_default();
        // No escape is shorter than what it stands for.
        if whole && text.len() < credential.len() {
            return Found::Nowhere;
        }
        let Some(first) = credential.first() else { return Found::Nowhere };
        let begins = |rest| memchr::memchr3(*first, b'%', b'\\', rest);
        let mut at = 0;
        while let Some((next, rest)) =
            text.get(at..).and_then(|rest| begins(rest).and_then(|step| Some((at + step, rest.get(step..)?))))
        {
            match standing(credential, rest) {
                Standing::Whole(length) => return Found::At(next..next + length),
                Standing::Cut if !whole => return Found::Perhaps(next),
                Standing::Cut | Standing::Other => at = next + 1,
            }
        }
        Found::Nowhere
    }
}

impl std::fmt::Debug for Finder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Finder(…)")
    }
}

/// What a text begins with, compared with a credential.
enum Standing {
    /// The credential, which is so long there.
    Whole(usize),
    /// The credential's beginning, where the text ends.
    Cut,
    /// Something else.
    Other,
}

fn standing(credential: &[u8], text: &[u8]) -> Standing {
    // First as it is, since it may hold what looks like an escape.
    if text.starts_with(credential) {
        return Standing::Whole(credential.len());
    }
    if credential.starts_with(text) {
        return Standing::Cut;
    }
    let mut rest = text;
    for wanted in credential {
        match byte(rest) {
            Some((byte, length)) if byte == *wanted => rest = rest.get(length..).unwrap_or_default(),
            Some(_) => return Standing::Other,
            None => return Standing::Cut,
        }
    }
    Standing::Whole(text.len() - rest.len())
}

/// The byte that a text begins with, perhaps as an escape, and how long that is; `None` if the text ends before
/// it can be known.
fn byte(text: &[u8]) -> Option<(u8, usize)> {
    let hex = |digits: &[u8], length: usize| {
        let known = digits.iter().take(length).take_while(|digit| digit.is_ascii_hexdigit()).count();
        if known < length && known == digits.len() {
            return None;
        }
        let digits = digits.get(..length).filter(|_| known == length);
        let number =
            digits.and_then(|digits| u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        Some(number.and_then(|number| u8::try_from(number).ok()))
    };
    match text {
        [] | [b'\\'] => None,
        [b'%', digits @ ..] => Some(hex(digits, 2)?.map_or((b'%', 1), |byte| (byte, 3))),
        [b'\\', b'u', digits @ ..] => Some(hex(digits, 4)?.map_or((b'u', 2), |byte| (byte, 6))),
        [b'\\', b'x', digits @ ..] => Some(hex(digits, 2)?.map_or((b'x', 2), |byte| (byte, 4))),
        [b'\\', other, ..] => Some((*other, 2)),
        [other, ..] => Some((*other, 1)),
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

    /// Of a secret and of what it is used with.
    #[must_use]
    pub fn with<'p>(&'p self, parts: impl IntoIterator<Item = &'p [u8]>) -> Self {
        Self::of(std::iter::once(self.0.as_slice()).chain(parts))
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

    fn finder(text: &str) -> Finder {
        Secret::header(http::header::AUTHORIZATION, "Bearer ", text).unwrap().finder().unwrap()
    }

    #[test]
    fn a_finder_says_where_the_credential_stands_and_nothing_of_it() {
        let finder = finder("sk-canary/1");
        for (text, expected) in [
            ("sk-canary/1", Found::At(0..11)),
            ("Bearer sk-canary/1.", Found::At(7..18)),
            ("Bearer%20sk-canary/1", Found::At(9..20)),
            (r"a\nsk-canary\/1", Found::At(3..15)),
            (r"sk\u002dcanary\u002F1 ", Found::At(0..21)),
            ("sk%2Dcanary%2f1", Found::At(0..15)),
            (r"\x73k-canary/1", Found::At(0..14)),
            ("sssk-sk-canary/1", Found::At(5..16)),
            ("sk-canary/", Found::Nowhere),
            ("sk-Canary/1", Found::Nowhere),
            ("sk%2canary/1 %zz % \\", Found::Nowhere),
            ("Bearer", Found::Nowhere),
            ("", Found::Nowhere),
        ] {
            assert_eq!(finder.find(text.as_bytes(), true), expected, "{text}");
        }
        for (text, expected) in [
            ("a sk-", Found::Perhaps(2)),
            (r"a sk\u00", Found::Perhaps(2)),
            ("a sk%", Found::Perhaps(2)),
            ("a \\", Found::Perhaps(2)),
            ("a sk-b", Found::Nowhere),
        ] {
            assert_eq!(finder.find(text.as_bytes(), false), expected, "{text}");
        }
        assert!(!format!("{finder:?}").contains("canary"));
    }

    #[test]
    fn a_credential_with_what_looks_like_an_escape_is_found_as_it_is() {
        assert_eq!(finder("a%41b\\u0041").find(b"<a%41b\\u0041>", true), Found::At(1..12));
        assert_eq!(finder("a%41b\\u0041").find(b"<a%2541b%5cu0041>", true), Found::At(1..16));
    }

    #[test]
    fn what_could_be_any_word_is_not_looked_for() {
        let made = |text| Secret::header(http::header::AUTHORIZATION, "Bearer ", text).unwrap().finder();
        assert!(made("EMPTY-1").is_none());
        assert!(made("EMPTY-12").is_some());
    }

    #[test]
    fn nothing_and_line_breaks_are_refused() {
        let made = |text| Secret::header(http::header::AUTHORIZATION, "", text).err();
        assert_eq!(made(""), Some(InvalidSecret::Empty));
        assert_eq!(made("a\nb"), Some(InvalidSecret::NotAHeader));
    }
}
