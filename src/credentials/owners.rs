//! Which credential a response of the provider's belongs to, so that what continues it goes the same way.
//!
//! 1. `previous_response_id` names a response that only the account knows which made it. The gate therefore
//!    notes for each response's id with which credential it was made, where there are several.
//!    So do files, batches, assistants and other things that an account keeps.
//! 2. The id stands in the first few hundred bytes of an answer, of a stream too, so only that much is read,
//!    and nothing is parsed.
//! 3. The table has a fixed size. An id is held as a digest of 64 bits; one that comes into the place of
//!    another replaces it. What was forgotten, or was made before the gate started, goes to any credential.
//! 4. A credential is named by its id in the configuration, not by its secret: a rotated secret is one of the
//!    same account.

use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::RandomState;
use memchr::memmem;

use crate::uploads::Uploads;

/// How many responses are remembered for one upstream, in eight bytes each.
const SLOTS: usize = 1 << 16;
/// The bits of a place's word that hold the credential's number; the others hold the digest. The lowest bits
/// of the digest are not needed there: they are the place.
const NUMBER: u64 = 0xffff;
/// How much of an answer is looked at.
const LONGEST_HEAD: usize = 2048;
/// The longest id.
const LONGEST_ID: usize = 256;

/// Which response belongs to which credential of one upstream.
#[derive(Debug)]
pub struct Owners {
    digests: RandomState,
    places: Box<[AtomicU64]>,
}

impl Default for Owners {
    fn default() -> Self {
        Self { digests: RandomState::default(), places: (0..SLOTS).map(|_| AtomicU64::new(0)).collect() }
    }
}

impl Owners {
    /// The number of the credential that made this response, if it is known.
    #[must_use]
    pub fn of(&self, response_id: &str) -> Option<u16> {
        let digest = self.digests.hash_one(response_id.as_bytes());
        let word = self.place(digest)?.load(Ordering::Relaxed);
        if word & !NUMBER != digest & !NUMBER {
            return None;
        }
        u16::try_from(word & NUMBER).ok().filter(|number| *number != 0)
    }

    fn note(&self, response_id: &[u8], number: u16) {
        let digest = self.digests.hash_one(response_id);
        if let Some(place) = self.place(digest) {
            place.store(digest & !NUMBER | u64::from(number), Ordering::Relaxed);
        }
    }

    fn place(&self, digest: u64) -> Option<&AtomicU64> {
        self.places.get(usize::try_from(digest & NUMBER).ok()?)
    }
}

/// Reads the beginning of an answer for the ids of what it made.
#[derive(Debug)]
pub struct Learner {
    owner: Option<(Arc<Owners>, u16)>,
    checked: Option<(Arc<Uploads>, Box<str>)>,
    head: Vec<u8>,
}

impl Learner {
    /// One for an answer to a request that was sent with the credential of this number, or that brought a file
    /// which was checked by these rules.
    #[must_use]
    pub const fn new(owner: Option<(Arc<Owners>, u16)>, checked: Option<(Arc<Uploads>, Box<str>)>) -> Self {
        Self { owner, checked, head: Vec::new() }
    }

    /// Takes the next piece of the answer; whether that was enough.
    pub fn read(&mut self, piece: &[u8]) -> bool {
        let wanted = LONGEST_HEAD.saturating_sub(self.head.len());
        let piece = piece.get(..wanted).unwrap_or(piece);
        // As a rule the first piece has it, and nothing is kept.
        if self.head.is_empty() && self.note(piece) {
            return true;
        }
        self.head.extend_from_slice(piece);
        let head = std::mem::take(&mut self.head);
        let found = self.note(&head);
        self.head = head;
        found || self.head.len() >= LONGEST_HEAD
    }

    /// Notes what a text names; whether that was what it made.
    fn note(&self, text: &[u8]) -> bool {
        let mut found = false;
        for (is_own, id) in ids(text) {
            if let Some((owners, number)) = &self.owner {
                owners.note(id, *number);
            }
            if is_own
                && !found
                && let Some((uploads, rules)) = &self.checked
                && let Ok(id) = std::str::from_utf8(id)
            {
                uploads.note_checked(rules, id);
            }
            found |= is_own;
        }
        found
    }
}

/// How the ids begin of what belongs to an account.
const PREFIXES: [&[u8]; 14] = [
    b"resp_",
    b"file-",
    b"file_",
    b"batch_",
    b"msgbatch_",
    b"asst_",
    b"thread_",
    b"run_",
    b"vs_",
    b"conv_",
    b"cntr_",
    b"ftjob-",
    b"video_",
    b"upload_",
];

/// The ids that are whole, and whether each is the thing's own. One that stands inside of a text has
/// backslashes before its quotes.
fn ids(head: &[u8]) -> impl Iterator<Item = (bool, &[u8])> {
    memmem::find_iter(head, b"id\"").filter_map(|at| {
        let (before, from) = head.split_at_checked(at)?;
        let own = before.ends_with(b"\"");
        let named = own || before.ends_with(b"_file_");
        let id =
            from.get(3..)?.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")?;
        let end = memchr::memchr(b'"', id).filter(|end| *end <= LONGEST_ID)?;
        let id = id.get(..end).filter(|_| named)?;
        let uuid = id.len() == 36 && id.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-');
        (uuid || PREFIXES.iter().any(|prefix| id.starts_with(prefix))).then_some((own, id))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const JSON: &str = r#"{
  "id": "resp_68af4030592c81938ec0a5fbab4a3e9f05438e46b5f69a3b",
  "object": "response", "output": [{"id": "msg_1", "text": "\"id\": \"resp_false\""}]
}"#;
    const STREAM: &str = "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_68af\",\"object\":\"response\"}}\n\n";

    #[test]
    fn the_id_is_found_in_json_and_in_a_stream_however_they_are_cut() {
        for (text, id) in
            [(JSON, "resp_68af4030592c81938ec0a5fbab4a3e9f05438e46b5f69a3b"), (STREAM, "resp_68af")]
        {
            for cut in 1..text.len() {
                let owners = Arc::new(Owners::default());
                let mut learner = Learner::new(Some((Arc::clone(&owners), 7)), None);
                let _ = learner.read(&text.as_bytes()[..cut]) || learner.read(&text.as_bytes()[cut..]);
                assert_eq!(owners.of(id), Some(7), "cut at {cut}");
                assert_eq!(owners.of("resp_false"), None);
                assert_eq!(owners.of("resp_68"), None);
                if cut > 400 {
                    break;
                }
            }
        }
    }

    #[test]
    fn what_is_no_responses_id_is_not_noted_and_no_more_than_the_beginning_is_kept() {
        let owners = Arc::new(Owners::default());
        for text in [
            r#"{"output":[{"text":"\"id\": \"resp_1\""}]}"#,
            r#"{"previous_response_id": "resp_1"}"#,
            r#"{"id": "chatcmpl-1"}"#,
        ] {
            assert!(!Learner::new(Some((Arc::clone(&owners), 1)), None).read(text.as_bytes()));
        }
        assert_eq!(owners.of("resp_1"), None);
        let mut learner = Learner::new(Some((Arc::clone(&owners), 1)), None);
        assert!((0..).take(LONGEST_HEAD).any(|_| learner.read(b"data: something else\n")));
        assert!(learner.head.len() == LONGEST_HEAD);
    }

    #[test]
    fn the_table_forgets_but_does_not_mix_up() {
        let owners = Owners::default();
        for number in 0..3 * SLOTS {
            owners.note(format!("resp_{number}").as_bytes(), u16::try_from(number % 7 + 1).unwrap());
        }
        let known = (0..3 * SLOTS).filter(|number| {
            let owner = owners.of(&format!("resp_{number}"));
            assert!(owner.is_none_or(|owner| usize::from(owner) == number % 7 + 1));
            owner.is_some()
        });
        assert!(known.count() > SLOTS / 2);
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..900), 1..5)) {
            let mut learner = Learner::new(Some((Arc::default(), 1)), None);
            for piece in pieces {
                learner.read(&piece);
            }
            prop_assert!(learner.head.len() <= LONGEST_HEAD);
        }
    }
}
