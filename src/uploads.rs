//! What the gate remembers of uploads: files that it has checked, and uploads that go on in further requests.
//!
//! 1. A batch names a file that was sent before. Whether its lines name only models that the project may use
//!    could be seen only then, so the gate remembers the file, and by which rules it was checked: under other
//!    rules it is not known.
//! 2. Who begins one of Google's resumable uploads gets an address at which it goes on, and Google's SDKs send
//!    no key there: the address is the right to send. The gate remembers whose it is, and with which credential
//!    it began.
//! 3. Both lists have an end; what comes last pushes out what came first. What was pushed out, or was sent
//!    before the gate started, has to be sent again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::project_key::{self, Digest};

/// How many of each are remembered.
const MOST: usize = 1 << 14;
/// The longest name of an upload or file.
const LONGEST_NAME: usize = 2048;

/// What is remembered of uploads.
#[derive(Debug, Default)]
pub struct Uploads(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    checked: Bounded<()>,
    begun: Bounded<Begun>,
}

/// An upload that goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// The id of the key that began it.
    pub key_id: Arc<str>,
    /// The path at which it goes on.
    pub path: Box<str>,
    /// The name of the credential that it began with.
    pub credential: Option<Arc<str>>,
}

/// A table that forgets what came first.
#[derive(Debug)]
struct Bounded<T> {
    known: HashMap<Digest, T>,
    order: VecDeque<Digest>,
}

impl<T> Default for Bounded<T> {
    fn default() -> Self {
        Self { known: HashMap::new(), order: VecDeque::new() }
    }
}

impl<T> Bounded<T> {
    fn put(&mut self, digest: Digest, value: T) {
        if self.known.insert(digest, value).is_some() {
            return;
        }
        self.order.push_back(digest);
        if self.order.len() > MOST
            && let Some(first) = self.order.pop_front()
        {
            self.known.remove(&first);
        }
    }
}

impl Uploads {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a file was checked by these rules.
    pub fn note_checked(&self, rules: &str, file_id: &str) {
        if let Some(digest) = digest(&[rules, file_id]) {
            self.state().checked.put(digest, ());
        }
    }

    /// Whether a file was checked by these rules.
    #[must_use]
    pub fn is_checked(&self, rules: &str, file_id: &str) -> bool {
        digest(&[rules, file_id]).is_some_and(|digest| self.state().checked.known.contains_key(&digest))
    }

    /// Notes that an upload goes on.
    pub fn note_begun(&self, upload_id: &str, begun: Begun) {
        if let Some(digest) = digest(&[upload_id]) {
            self.state().begun.put(digest, begun);
        }
    }

    /// The upload that goes on under this name.
    #[must_use]
    pub fn begun(&self, upload_id: &str) -> Option<Begun> {
        self.state().begun.known.get(&digest(&[upload_id])?).cloned()
    }
}

fn digest(parts: &[&str]) -> Option<Digest> {
    let fits = parts.iter().all(|part| !part.is_empty());
    let last = parts.last().is_some_and(|last| last.len() <= LONGEST_NAME);
    (fits && last).then(|| project_key::digest(parts.join("\n").as_bytes()))
}

/// The name of the upload that a query goes on with.
#[must_use]
pub fn upload_id(query: &str) -> Option<&str> {
    query.split('&').find_map(|pair| pair.strip_prefix("upload_id=")).filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_under_the_rules_it_was_checked_by_and_no_others() {
        let uploads = Uploads::default();
        uploads.note_checked("a", "file-1");
        assert!(uploads.is_checked("a", "file-1"));
        for (rules, id) in [("b", "file-1"), ("a", "file-2"), ("a", ""), ("", "file-1"), ("a\nfile-1", "")] {
            assert!(!uploads.is_checked(rules, id), "{rules} {id}");
        }
        let begun = Begun { key_id: "k".into(), path: "/p".into(), credential: None };
        uploads.note_begun("u", begun.clone());
        assert_eq!(uploads.begun("u"), Some(begun));
        assert_eq!(uploads.begun("v"), None);
    }

    #[test]
    fn the_first_are_forgotten() {
        let uploads = Uploads::default();
        for number in 0..=MOST {
            uploads.note_checked("a", &number.to_string());
        }
        assert!(!uploads.is_checked("a", "0") && uploads.is_checked("a", "1"));
        assert_eq!(uploads.state().checked.known.len(), MOST);
    }
}
