//! The form of a project key: `pcl_<public id>_<256 random bits>_<checksum>`.
//!
//! 1. The prefix lets secret scanners recognise a leaked key.
//! 2. The public id may appear in logs; the random part may not.
//! 3. The checksum tells a mistyped key from an unknown one before anything is hashed.
//! 4. The configuration holds only the SHA-256 of the whole text. A plain digest is right here:
//!    256 random bits leave nothing to guess.

use aws_lc_rs::digest;
use siphasher::sip128::SipHasher24;

/// The SHA-256 of a key's text.
pub type Digest = [u8; 32];

/// What every project key begins with.
pub const PREFIX: &str = "pcl_";

/// Length of the random part: 256 bits in base 62.
const SECRET_LENGTH: usize = 43;
/// Length of the checksum: 32 bits in base 62.
const CHECKSUM_LENGTH: usize = 6;
/// The longest public id.
pub const LONGEST_ID: usize = 64;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Why a text is not a project key. The sentences do not repeat any of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Another product's key, or anything else.
    Prefix,
    /// The parts are not there or not of their length.
    Shape,
    /// The checksum does not fit: a character was lost or changed.
    Checksum,
}

impl Malformed {
    /// What is wrong, as the end of a sentence.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Prefix => "it does not begin with pcl_",
            Self::Shape => {
                "it is not of the form pcl_<id>_<secret>_<checksum>, as if cut off or pasted twice"
            }
            Self::Checksum => "its checksum does not fit, as if a character was lost or changed",
        }
    }
}

/// Checks the form of a key and gives its public id.
///
/// # Errors
/// When the text is not a whole project key.
pub fn public_id(text: &[u8]) -> Result<&str, Malformed> {
    let rest = text.strip_prefix(PREFIX.as_bytes()).ok_or(Malformed::Prefix)?;
    // Counted from the end, where every part has its fixed length; an id may hold underscores too.
    let (rest, checksum) = rest.split_last_chunk::<CHECKSUM_LENGTH>().ok_or(Malformed::Shape)?;
    let (rest, secret) = rest
        .strip_suffix(b"_")
        .and_then(<[u8]>::split_last_chunk::<SECRET_LENGTH>)
        .ok_or(Malformed::Shape)?;
    let id = rest.strip_suffix(b"_").and_then(|id| std::str::from_utf8(id).ok());
    let id = id.filter(|id| is_id(id)).ok_or(Malformed::Shape)?;
    // Without a way out of the loop, so that it becomes vector instructions.
    if !secret.iter().fold(true, |all, b| all & b.is_ascii_alphanumeric()) {
        return Err(Malformed::Shape);
    }
    let signed = text.len().saturating_sub(CHECKSUM_LENGTH + 1);
    if *checksum != checksum_of(text.get(..signed).unwrap_or_default()) {
        return Err(Malformed::Checksum);
    }
    Ok(id)
}

/// Whether a text can be a public id: letters, digits, `-` and `.`, with `_` inside.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(plain)
}

/// The digest by which a key is looked up.
#[must_use]
pub fn digest(text: &[u8]) -> Digest {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, text).as_ref());
    out
}

/// The digests of keys that were recognised lately, so that a busy key is not digested for each of
/// its requests: where the processor has no instructions for it, SHA-256 costs more than all other
/// rules together.
///
/// No key is kept. A text is known again by its SipHash-2-4 of 128 bits under a secret that never
/// leaves the process, so nobody outside can make another text that is taken for it.
#[derive(Debug)]
pub struct Recent {
    secret: Option<[u8; 16]>,
    slots: Box<[Option<(u128, Digest)>]>,
}

impl Recent {
    /// How many digests are kept; a power of two.
    const SLOTS: usize = 256;

    /// The digest of a text that was recognised before, and the text's mark for [`Self::keep`].
    #[must_use]
    pub fn find(&self, text: &[u8]) -> (Option<Digest>, Mark) {
        let Some(secret) = &self.secret else { return (None, Mark(None)) };
        let mark = SipHasher24::new_with_key(secret).hash(text).as_u128();
        let kept = self.slots.get(Self::slot(mark)).copied().flatten();
        (kept.filter(|(known, _)| *known == mark).map(|(_, digest)| digest), Mark(Some(mark)))
    }

    /// Keeps the digest of a key that was recognised.
    pub fn keep(&mut self, mark: Mark, digest: Digest) {
        if let Mark(Some(mark)) = mark
            && let Some(slot) = self.slots.get_mut(Self::slot(mark))
        {
            *slot = Some((mark, digest));
        }
    }

    fn slot(mark: u128) -> usize {
        usize::try_from(mark % Self::SLOTS as u128).unwrap_or_default()
    }
}

impl Default for Recent {
    /// Empty, under a secret of its own. Without randomness nothing is kept.
    fn default() -> Self {
        let mut secret = [0; 16];
        let secret = getrandom::fill(&mut secret).is_ok().then_some(secret);
        Self { secret, slots: vec![None; Self::SLOTS].into() }
    }
}

/// What a text is known by again.
#[derive(Clone, Copy, Debug)]
pub struct Mark(Option<u128>);

/// Makes a key from 256 random bits.
#[must_use]
pub fn compose(id: &str, random: [u8; 32]) -> zeroize::Zeroizing<String> {
    let mut text = zeroize::Zeroizing::new(format!("{PREFIX}{id}_"));
    let mut number = random;
    for _ in 0..SECRET_LENGTH {
        let mut remainder = 0u32;
        for byte in &mut number {
            let value = remainder * 256 + u32::from(*byte);
            *byte = u8::try_from(value / 62).unwrap_or(0);
            remainder = value % 62;
        }
        text.push(digit(remainder));
    }
    let sum = checksum_of(text.as_bytes());
    text.push('_');
    text.extend(sum.iter().map(|b| char::from(*b)));
    text
}

fn checksum_of(signed: &[u8]) -> [u8; CHECKSUM_LENGTH] {
    let mut sum = crc32fast::hash(signed);
    std::array::from_fn(|_| {
        let next = digit(sum % 62);
        sum /= 62;
        u8::try_from(next).unwrap_or(b'0')
    })
}

fn digit(value: u32) -> char {
    let at = usize::try_from(value).unwrap_or(0);
    ALPHABET.get(at).map_or('0', |b| char::from(*b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_composed_is_read_and_one_changed_character_is_noticed(
            random in any::<[u8; 32]>(), at in any::<prop::sample::Index>(), put in 0usize..62,
        ) {
            let key = compose("search-prod_1", random);
            prop_assert_eq!(public_id(key.as_bytes()), Ok("search-prod_1"));
            let mut other = key.as_bytes().to_vec();
            let at = PREFIX.len() + at.index(other.len() - PREFIX.len());
            if other[at] != ALPHABET[put] && other[at] != b'_' {
                other[at] = ALPHABET[put];
                prop_assert!(public_id(&other).is_err());
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = public_id(&text);
            let _ = public_id(&[b"pcl_".as_slice(), &text].concat());
        }
    }

    #[test]
    fn a_digest_is_found_again_only_for_its_own_text() {
        let mut recent = Recent::default();
        for number in 0..=u8::MAX {
            let key = compose("a", [number; 32]);
            let (found, mark) = recent.find(key.as_bytes());
            assert_eq!(found, None);
            recent.keep(mark, digest(key.as_bytes()));
            assert_eq!(recent.find(key.as_bytes()).0, Some(digest(key.as_bytes())));
        }
        let kept = (0..=u8::MAX).filter(|number| {
            let key = compose("a", [*number; 32]);
            recent.find(key.as_bytes()).0.is_some_and(|found| found == digest(key.as_bytes()))
        });
        assert!(kept.count() > 128, "two thirds of as many keys as slots find a slot of their own");
        assert_eq!(recent.find(b"").0, None);
    }

    #[test]
    fn different_randomness_gives_different_keys() {
        assert_ne!(*compose("a", [1; 32]), *compose("a", [2; 32]));
    }

    #[test]
    fn another_products_key_is_told_from_a_cut_one() {
        assert_eq!(public_id(b"sk-proj-abc"), Err(Malformed::Prefix));
        let key = compose("a", [7; 32]);
        assert_eq!(public_id(&key.as_bytes()[..30]), Err(Malformed::Shape));
    }
}
