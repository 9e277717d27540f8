//! Tells a provider's own key from other texts, by how it begins.
//!
//! A caller who sends one in place of a project key has it in its code or settings, where it was not
//! to be, and has now shown it to one machine more.

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
    fn no_beginning_hides_a_longer_one_behind_it() {
        for (at, (beginning, _)) in BEGINNINGS.iter().enumerate() {
            let hidden = BEGINNINGS.iter().skip(at + 1).find(|(later, _)| later.starts_with(beginning));
            assert_eq!(hidden, None, "{beginning}");
            assert!(!crate::project_key::PREFIX.starts_with(beginning));
        }
    }
}
