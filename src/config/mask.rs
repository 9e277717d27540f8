//! Hides whatever may be a secret in a text that is about to be shown.
//!
//! A person who pastes a provider's key into the configuration sees a fault about it; that fault
//! goes to terminals, CI logs and tickets. So every fault passes through here, whatever it is about:
//!
//! 1. The value of a key named `secret`, `key`, `token`, `access_key_id` or `proxy_credentials` is hidden, unless it
//!    only says where the secret is.
//! 2. What stands between `://` and `@` is hidden.
//! 3. A word that begins like a known product's key, or has a long run of mixed letters and digits,
//!    is hidden.
//!
//! What is hidden keeps its length, so that a caret under the line still points at the right place.

/// How keys of known products begin.
const KNOWN: [&str; 12] =
    ["sk-", "sk_", "pcl_", "AIza", "AKIA", "ASIA", "gsk_", "hf_", "xai-", "ghp_", "Bearer", "eyJ"];

/// A run of mixed letters and digits of this length is no word.
const LONG_RUN: usize = 16;

/// The text with everything hidden that may be a secret.
#[must_use]
pub fn masked(text: &str) -> String {
    words(&userinfo(&values(text)))
}

/// Rule 1: values of keys that hold secrets.
fn values(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = next_secret(rest) {
        out.push_str(before);
        let (hidden, left) = value_end(after);
        let reference = hidden.trim_start_matches(['"', '\'']);
        if reference.starts_with("env:") || reference.starts_with("file:") {
            out.push_str(hidden);
        } else {
            hide(&mut out, hidden);
        }
        rest = left;
    }
    out.push_str(rest);
    out
}

/// Splits behind the next `secret =`, `password =` or `key =`, with the blanks that follow.
fn next_secret(text: &str) -> Option<(&str, &str)> {
    text.match_indices('=').find_map(|(at, _)| {
        let (before, after) = text.split_at_checked(at + 1)?;
        let name = before.get(..at)?.trim_end().trim_end_matches(['"', '\'']);
        let blanks = after.len() - after.trim_start().len();
        ["secret", "password", "key", "token", "access_key_id", "proxy_credentials"]
            .iter()
            .any(|end| name.ends_with(end))
            .then(|| text.split_at_checked(at + 1 + blanks))
            .flatten()
    })
}

/// Splits behind a value: at its closing quote, or at the end of the line.
fn value_end(text: &str) -> (&str, &str) {
    let end = match text.chars().next() {
        Some(quote @ ('"' | '\'')) if !text.get(1..).is_some_and(|more| more.starts_with(quote)) => {
            text.get(1..).and_then(|inner| inner.find(quote)).map_or(text.len(), |at| at + 2)
        }
        Some('"' | '\'') | None => text.len(),
        Some(_) => text.find(['"', '\'', ',', '}', '&', ' ']).unwrap_or(text.len()),
    };
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// Rule 2: user names and passwords in addresses.
fn userinfo(text: &str) -> String {
    let Some((before, after)) = text.split_once("://") else { return text.to_owned() };
    let end = after.find(['/', '"', '\'', ' ', '`']).unwrap_or(after.len());
    let (authority, rest) = after.split_at_checked(end).unwrap_or((after, ""));
    let mut out = format!("{before}://");
    match authority.rsplit_once('@') {
        Some((user, host)) => {
            hide(&mut out, user);
            out.push('@');
            out.push_str(host);
        }
        None => out.push_str(authority),
    }
    out.push_str(&userinfo(rest));
    out
}

/// Rule 3: words that look like keys.
fn words(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(|c: char| !is_of_word(c)) {
        let word = piece.trim_end_matches(|c: char| !is_of_word(c));
        if looks_secret(word) {
            hide(&mut out, word);
            out.push_str(piece.get(word.len()..).unwrap_or_default());
        } else {
            out.push_str(piece);
        }
    }
    out
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+')
}

fn looks_secret(word: &str) -> bool {
    let known = KNOWN.iter().any(|start| word.starts_with(start) && word.len() >= start.len() + 6);
    known || word.split(|c: char| !c.is_ascii_alphanumeric()).any(is_random)
}

fn is_random(run: &str) -> bool {
    run.len() >= LONG_RUN
        && run.bytes().any(|b| b.is_ascii_digit())
        && run.bytes().any(|b| b.is_ascii_alphabetic())
}

fn hide(out: &mut String, text: &str) {
    for c in text.chars() {
        out.push(if matches!(c, '"' | '\'') { c } else { '*' });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn secrets_are_hidden_and_the_rest_is_not() {
        for (text, shown) in [
            (r#"secret = "hunter2" # x"#, r#"secret = "*******" # x"#),
            (r#"secret = "env:OPENAI_API_KEY""#, r#"secret = "env:OPENAI_API_KEY""#),
            (r#"secret = "hunter2"#, r#"secret = "*******"#),
            (r#"secret = """hunter2"#, r#"secret = """*******"#),
            (r#"{ id = "a", secret = 'hunter2', x = "y" }"#, r#"{ id = "a", secret = '*******', x = "y" }"#),
            (r#""key"="hunter2", x = 1"#, r#""key"="*******", x = 1"#),
            ("base_url = \"https://me:pw@host/v1\"", "base_url = \"https://*****@host/v1\""),
            ("models = \"sk-proj-abc123\"", "models = \"**************\""),
            ("the word 0123456789abcdef0 here", "the word ***************** here"),
            ("models = [\"claude-sonnet-4-5-20250929\"]", "models = [\"claude-sonnet-4-5-20250929\"]"),
            ("projects.search.keys[0].sha256", "projects.search.keys[0].sha256"),
        ] {
            assert_eq!(masked(text), shown);
        }
    }

    proptest! {
        #[test]
        fn it_keeps_the_length_and_never_panics(text in "\\PC{0,60}", more in "[a-z=\"' :/@]{0,40}") {
            for line in [text.clone(), more.clone(), format!("secret={text}"), format!("key = \"{more}{text}")] {
                prop_assert_eq!(masked(&line).chars().count(), line.chars().count());
            }
        }
    }
}
