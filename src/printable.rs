//! Text as a terminal may have it: what a client chose must neither drive it nor look like a line of the gate's own.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::project_key::{PREFIX, public_id};

/// From which length on what begins like a project key is taken for one, though it was cut or mistyped.
const LONG: usize = 40;

/// The text without what drives a terminal or reorders what it shows; lines stay lines. It is escaped as JSON does it, so
/// that JSON stays what it is.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, |c| !matches!(c, '\n' | '\t') && drives(c))
}

/// The same of a part of a line.
#[must_use]
pub fn in_a_line(text: &str) -> Cow<'_, str> {
    escaped(text, drives)
}

fn escaped(text: &str, drives: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&drives) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 32);
    for character in text.chars() {
        if drives(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

/// Controls, and what is invisible or changes the direction of what follows.
fn drives(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text with whole project keys cut to what of them may be shown: who is asked for a key's id gives the key.
#[must_use]
pub fn without_keys(text: &str) -> Cow<'_, str> {
    let Some(at) = text.find(PREFIX) else { return Cow::Borrowed(text) };
    let (before, rest) = text.split_at(at);
    let of_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let end = rest.find(|c| !of_key(c)).unwrap_or(rest.len());
    let (word, after) = rest.split_at(end);
    let shown = match public_id(word.as_bytes()) {
        Ok(id) => format!("{PREFIX}{id}_… (a whole key: its id is {id})"),
        Err(_) if word.len() >= LONG => format!("{PREFIX}…"),
        Err(_) => word.to_owned(),
    };
    Cow::Owned(format!("{before}{shown}{}", without_keys(after)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_drives_a_terminal_and_lines_stay_or_not() {
        let odd = "a\u{1b}[31m\u{9b}1m\u{202e}\u{7}\0\r\nx\ty é…└ \u{e0041}";
        assert_eq!(
            printable(odd),
            "a\\u001b[31m\\u009b1m\\u202e\\u0007\\u0000\\u000d\nx\ty é…└ \\udb40\\udc41"
        );
        assert_eq!(
            in_a_line(odd),
            "a\\u001b[31m\\u009b1m\\u202e\\u0007\\u0000\\u000d\\u000ax\\u0009y é…└ \\udb40\\udc41"
        );
        assert!(matches!(printable("plain\n"), Cow::Borrowed(_)));
        let json = serde_json::to_string(odd).unwrap();
        assert_eq!(serde_json::from_str::<String>(&printable(&json)).unwrap(), odd);
    }

    #[test]
    fn a_whole_key_is_cut_and_its_id_told() {
        let key = crate::project_key::compose("search-1", [7; 32]);
        let told = without_keys(&format!("no key '{}', nor '{}x'", &*key, &*key)).into_owned();
        assert_eq!(told, "no key 'pcl_search-1_… (a whole key: its id is search-1)', nor 'pcl_…'");
        assert_eq!(without_keys("pcl_ab is short"), "pcl_ab is short");
    }
}
