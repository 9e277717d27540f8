//! Tells a provider's own key from other texts, by how it begins.
//!
//! A caller who sends one in place of a project key has it in its code or settings, where it was not
//! to be, and has now shown it to one machine more.

use std::borrow::Cow;

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
        let end = key.find(|c: char| !is_of_a_key(c)).unwrap_or(key.len());
        rest = key.get(end..).unwrap_or_default();
    }
    if rest.len() == text.len() {
        return Cow::Borrowed(text);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Where the next text that looks like a key begins, and how.
fn next_key(text: &str) -> Option<(usize, &'static str)> {
    let mut from = 0;
    while let Some(rest) = text.get(from..) {
        let blanks = rest.find(is_of_a_key)?;
        let word = rest.get(blanks..).unwrap_or_default();
        let length = word.find(|c: char| !is_of_a_key(c)).unwrap_or(word.len());
        let beginnings = BEGINNINGS.iter().map(|(beginning, _)| *beginning);
        let known = beginnings
            .chain([crate::project_key::PREFIX])
            .find(|beginning| length >= SHORTEST && word.starts_with(beginning));
        if let Some(beginning) = known {
            return Some((from + blanks, beginning));
        }
        from += blanks + length.max(1);
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
            assert!(!crate::project_key::PREFIX.starts_with(beginning));
        }
    }
}
