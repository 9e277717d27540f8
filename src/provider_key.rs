//! Tells a provider's own key from other texts, by how it begins.
//!
//! A caller who sends one in place of a project key has it in its code or settings, where it was not
//! to be, and has now shown it to one machine more.

use std::borrow::Cow;

use crate::{ascii, project_key};

/// How keys begin, and whose they are; what begins with another's beginning stands before it.
///
/// Sources: the providers' own documentation and SDKs, and the rules of public secret scanners.
const BEGINNINGS: [(&str, &str); 30] = [
    ("sk-ant-", "Anthropic"),
    ("sk-or-", "OpenRouter"),
    ("sk-proj-", "OpenAI"),
    ("sk-svcacct-", "OpenAI"),
    ("sk-admin-", "OpenAI"),
    ("sk-None-", "OpenAI"),
    ("sk-", "OpenAI or DeepSeek"),
    ("sess-", "OpenAI"),
    ("ek_", "OpenAI"),
    ("AIza", "Google"),
    ("AQ.", "Google"),
    ("ya29.", "Google"),
    ("auth_tokens/", "Google"),
    ("AKIA", "AWS"),
    ("ASIA", "AWS"),
    ("ABIA", "AWS"),
    ("ACCA", "AWS"),
    ("ABSK", "AWS Bedrock"),
    ("bedrock-api-key-", "AWS Bedrock"),
    ("eyJ", "an identity provider"),
    ("gsk_", "Groq"),
    ("xai-", "xAI"),
    ("pplx-", "Perplexity"),
    ("fw_", "Fireworks"),
    ("tgp_", "Together"),
    ("hf_", "Hugging Face"),
    ("csk-", "Cerebras"),
    ("nvapi-", "NVIDIA"),
    ("r8_", "Replicate"),
    ("lsv2_", "LangSmith"),
];

/// Shorter texts are words, such as the `sk-` of a placeholder.
const SHORTEST: usize = 12;

/// Whose key a text looks like.
#[must_use]
pub fn issuer(text: &[u8]) -> Option<&'static str> {
    if text.len() < SHORTEST {
        return None;
    }
    BEGINNINGS.iter().find(|(beginning, _)| text.starts_with(beginning.as_bytes())).map(|(_, issuer)| *issuer)
}

/// The shortest key that is looked for where any text may stand: an AWS key id.
const SHORTEST_AMONG_WORDS: usize = 20;

/// What stands before the secret of the first key in a text, a provider's or a project's; all of it
/// if there is none. For what a client chose and is written down.
#[must_use]
pub fn up_to_a_key(text: &str) -> &str {
    let text = up_to_a_project_key(text);
    // Behind the last place where a key could begin nothing has to be looked at, and most texts are
    // shorter than any key.
    let places = (text.len() + 1).saturating_sub(SHORTEST_AMONG_WORDS);
    let mut at = 0;
    while at < places {
        if let Some(end) = beginning_at(text, at) {
            return text.get(..end).unwrap_or_default();
        }
        at = ascii::alphanumeric_until(text.as_bytes(), at) + 1;
    }
    text
}

/// The same for a key of a project only, which is so plain that it is found within words too.
fn up_to_a_project_key(text: &str) -> &str {
    let ends = memchr::memchr_iter(b'_', text.as_bytes()).filter_map(|at| text.get(..=at));
    ends.into_iter().find(|before| before.ends_with(project_key::PREFIX)).unwrap_or(text)
}

/// The second bytes of keys, one bit each, by their first: nearly no word begins with both.
static SECONDS: [u128; 128] = seconds();

#[expect(clippy::indexing_slicing, reason = "done by the compiler, which would stop")]
const fn seconds() -> [u128; 128] {
    let (mut seconds, mut rest): (_, &[(&str, &str)]) = ([0; 128], &BEGINNINGS);
    while let [(beginning, _), more @ ..] = rest {
        if let [first, second, ..] = beginning.as_bytes() {
            seconds[*first as usize] |= 1 << *second;
        }
        rest = more;
    }
    seconds
}

/// Where the beginning of a provider's key ends that begins at a byte.
fn beginning_at(text: &str, at: usize) -> Option<usize> {
    let rest = text.as_bytes().get(at..)?;
    let [first, second, ..] = rest else { return None };
    let seconds = SECONDS.get(usize::from(*first))?;
    if !second.is_ascii() || seconds >> second & 1 == 0 {
        return None;
    }
    let begins = |beginning: &[u8]| beginning.first() == Some(first) && rest.starts_with(beginning);
    let (beginning, _) = BEGINNINGS.iter().find(|(beginning, _)| begins(beginning.as_bytes()))?;
    (length(text.get(at..)?, beginning) >= SHORTEST_AMONG_WORDS).then_some(at + beginning.len())
}

/// How long the key is with which a text begins. One kind has a slash in its beginning, which ends others.
fn length(text: &str, beginning: &str) -> usize {
    let behind = text.get(beginning.len()..).unwrap_or_default();
    beginning.len() + behind.find(|c: char| !is_of_a_key(c)).unwrap_or(behind.len())
}

/// The text with everything left out that looks like a key: a provider's, also one that is partly
/// masked, as providers repeat them in their messages, or a project's.
#[must_use]
pub fn redacted(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((at, beginning)) = next_key(rest) {
        let (before, key) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(before);
        out.push_str(beginning);
        out.push_str("[redacted]");
        rest = key.get(length(key, beginning)..).unwrap_or_default();
    }
    if rest.len() == text.len() {
        return Cow::Borrowed(text);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Where the next text that looks like a key begins, and how: at the beginning of a word, or behind
/// an equals sign in one.
fn next_key(text: &str) -> Option<(usize, &'static str)> {
    let mut before = None;
    for (at, character) in text.char_indices() {
        let begins =
            is_of_a_key(character) && before.is_none_or(|before| before == '=' || !is_of_a_key(before));
        before = Some(character);
        if !begins {
            continue;
        }
        let Some(word) = text.get(at..) else { continue };
        let mut beginnings = BEGINNINGS.iter().map(|(beginning, _)| *beginning).chain([project_key::PREFIX]);
        let Some(beginning) = beginnings.find(|beginning| word.starts_with(beginning)) else { continue };
        if length(word, beginning) >= SHORTEST {
            return Some((at, beginning));
        }
    }
    None
}

/// The characters of keys, and those by which a part of one is masked.
const fn is_of_a_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '*' | '+' | '=' | '\u{2022}' | '\u{2026}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_before_a_secret() {
        let key = "0123456789abcdef0123456789abcdef";
        for (text, shown) in [
            ("gpt-4o".to_owned(), "gpt-4o"),
            ("text-embedding-3-small-2025".to_owned(), "text-embedding-3-small-2025"),
            ("desk-research-assistant-of-the-house".to_owned(), "desk-research-assistant-of-the-house"),
            ("/v1/files/sk-to-do".to_owned(), "/v1/files/sk-to-do"),
            (format!("/v1/sk-proj-{key}/x"), "/v1/sk-proj-"),
            (format!("a b=AIza{key}"), "a b=AIza"),
            (format!("AKIA{}", &key[..16]), "AKIA"),
            (format!("accounts/x/sk-ant-{key}"), "accounts/x/sk-ant-"),
            (format!("é_pcl_team_{key}"), "é_pcl_"),
            ("pcl_team_x".to_owned(), "pcl_"),
            ("a_b/pcl_team_x".to_owned(), "a_b/pcl_"),
            ("pcl".to_owned(), "pcl"),
        ] {
            assert_eq!(up_to_a_key(&text), shown);
        }
    }

    #[test]
    fn a_key_is_seen_by_each_beginning_wherever_it_stands() {
        for (beginning, _) in BEGINNINGS {
            for before in ["", "/v1/", "an agent ", "é"] {
                let text = format!("{before}{beginning}0123456789abcdef0123456789abcdef");
                assert_eq!(up_to_a_key(&text), format!("{before}{beginning}"), "{text}");
            }
        }
    }

    #[test]
    fn keys_are_known_by_their_beginning() {
        for (key, issuer_of) in [
            ("sk-ant-api03-0123456789", Some("Anthropic")),
            ("sk-or-v1-0123456789", Some("OpenRouter")),
            ("sk-proj-0123456789", Some("OpenAI")),
            ("sk-0123456789abcdef", Some("OpenAI or DeepSeek")),
            ("AIzaSy0123456789", Some("Google")),
            ("AQ.Ab8RN6I0123456789", Some("Google")),
            ("AKIAIOSFODNN7EXAMPLE", Some("AWS")),
            ("pcl_team_0123456789", None),
            ("sk-", None),
            ("sk-test", None),
            ("", None),
            ("0123456789abcdef0123456789abcdef", None),
        ] {
            assert_eq!(issuer(key.as_bytes()), issuer_of, "{key}");
        }
    }

    #[test]
    fn what_looks_like_a_key_is_left_out() {
        for (text, left) in [
            (
                "Incorrect API key provided: sk-proj-abc***********xyz. Look",
                "Incorrect API key provided: sk-proj-[redacted] Look",
            ),
            (
                "Consumer 'api_key:AIzaSyA0123456789abcdef' is suspended",
                "Consumer 'api_key:AIza[redacted]' is suspended",
            ),
            ("{\"key\":\"sk-ant-api03-0123456789\"}", "{\"key\":\"sk-ant-[redacted]\"}"),
            ("pcl_team_0123456789 and gsk_0123456789abc", "pcl_[redacted] and gsk_[redacted]"),
            ("a risk-free task, sk-1, eyJ", "a risk-free task, sk-1, eyJ"),
            ("token auth_tokens/0123456789abcdef is used", "token auth_tokens/[redacted] is used"),
            ("é — nothing", "é — nothing"),
            ("", ""),
        ] {
            assert_eq!(redacted(text), left);
        }
    }

    #[test]
    fn no_beginning_hides_a_longer_one_behind_it() {
        for (at, (beginning, _)) in BEGINNINGS.iter().enumerate() {
            let hidden = BEGINNINGS.iter().skip(at + 1).find(|(later, _)| later.starts_with(beginning));
            assert_eq!(hidden, None, "{beginning}");
            assert!(!project_key::PREFIX.starts_with(beginning));
        }
    }
}
