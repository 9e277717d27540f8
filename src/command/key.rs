//! `portcullis key`: makes project keys, and tells the hash of one.

use std::io::Read as _;

use serde_json::json;
use zeroize::Zeroizing;

use super::{FAILED, FINE, WRONG, complain, say};
use crate::clock::Moment;
use crate::config::a_year_ahead;
use crate::project_key;

/// Makes a key and prints it, once, with the lines for the configuration.
#[must_use]
pub fn new(id: &str, machine: bool, now: Moment) -> u8 {
    if !project_key::is_id(id) {
        complain("a key's id has 1 to 64 letters, digits, '-', '.' and '_'");
        return WRONG;
    }
    let Some(key) = generate(id) else {
        complain("the system gave no randomness");
        return FAILED;
    };
    let hash = hex(&project_key::digest(key.as_bytes()));
    if machine {
        say(&json!({"id": id, "key": key.as_str(), "sha256": hash}).to_string());
    } else {
        say(&format!(
            "The key, shown this once; give it to the application as its api_key:\n\n    {}\n\n\
             For the configuration; the key itself never stands there:\n\n\
             [[projects.NAME.keys]]\nid = \"{id}\"\nsha256 = \"{hash}\"\n# expires = {}",
            key.as_str(),
            a_year_ahead(now)
        ));
    }
    FINE
}

/// Reads a key from the standard input and prints its hash.
#[must_use]
pub fn hash(machine: bool) -> u8 {
    let mut text = Zeroizing::new(String::new());
    if std::io::stdin().lock().take(4096).read_to_string(&mut text).is_err() {
        complain("the standard input is not text");
        return WRONG;
    }
    let key = text.trim();
    let id = match project_key::public_id(key.as_bytes()) {
        Ok(id) => id,
        Err(why) => {
            complain(&format!("this is not a project key: {}", why.sentence()));
            return WRONG;
        }
    };
    let hash = hex(&project_key::digest(key.as_bytes()));
    say(&if machine { json!({"id": id, "sha256": hash}).to_string() } else { hash });
    FINE
}

/// A new key with this public id; nothing if the system has no randomness.
#[must_use]
pub fn generate(id: &str) -> Option<Zeroizing<String>> {
    let mut random = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *random).ok()?;
    Some(project_key::compose(id, *random))
}

/// Bytes as hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
