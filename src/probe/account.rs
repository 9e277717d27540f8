//! What the head of an answer tells of the account that the credential belongs to.
//!
//! Sources: the headers that the providers' documents on rate limits name, and those that their answers wear.

use http::HeaderMap;

use crate::diagnosis::excerpt;

/// The account, as far as an answer tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The organization.
    pub organization: Option<String>,
    /// The project.
    pub project: Option<String>,
    /// The workspace.
    pub workspace: Option<String>,
    /// The provider's region that answered.
    pub region: Option<String>,
    /// What is left of each limit.
    pub quotas: Vec<Quota>,
}

/// A limit, and what is left of it, as the provider writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// What is limited.
    pub of: &'static str,
    /// How much there is when it is full.
    pub limit: Option<String>,
    /// How much is left.
    pub remaining: String,
    /// When it is full again: a time to wait, or a date.
    pub reset: Option<String>,
}

/// What is limited, and the headers for how much is left, how much there is, and when it is full again.
const QUOTAS: [(&str, &str, &str, &str); 9] = [
    (
        "requests",
        "x-ratelimit-remaining-requests",
        "x-ratelimit-limit-requests",
        "x-ratelimit-reset-requests",
    ),
    ("tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-limit-tokens", "x-ratelimit-reset-tokens"),
    ("requests", "x-ratelimit-remaining", "x-ratelimit-limit", "x-ratelimit-reset"),
    (
        "requests a minute",
        "x-ratelimit-remaining-req-minute",
        "x-ratelimit-limit-req-minute",
        "x-ratelimit-reset-req-minute",
    ),
    (
        "tokens a minute",
        "x-ratelimit-remaining-tokens-minute",
        "x-ratelimit-limit-tokens-minute",
        "x-ratelimit-reset-tokens-minute",
    ),
    (
        "requests",
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-requests-limit",
        "anthropic-ratelimit-requests-reset",
    ),
    (
        "tokens",
        "anthropic-ratelimit-tokens-remaining",
        "anthropic-ratelimit-tokens-limit",
        "anthropic-ratelimit-tokens-reset",
    ),
    (
        "input tokens",
        "anthropic-ratelimit-input-tokens-remaining",
        "anthropic-ratelimit-input-tokens-limit",
        "anthropic-ratelimit-input-tokens-reset",
    ),
    (
        "output tokens",
        "anthropic-ratelimit-output-tokens-remaining",
        "anthropic-ratelimit-output-tokens-limit",
        "anthropic-ratelimit-output-tokens-reset",
    ),
];

impl Account {
    /// Reads the head of an answer.
    #[must_use]
    pub fn read(headers: &HeaderMap) -> Self {
        let text = |name: &str| {
            let value = headers.get(name)?;
            // As with bodies: plain, short, and without anything like a key.
            Some(excerpt(value.as_bytes())).filter(|text| !text.is_empty())
        };
        let first = |names: [&str; 2]| names.into_iter().find_map(text);
        let quotas = QUOTAS.iter().filter_map(|(of, remaining, limit, reset)| {
            Some(Quota { of, limit: text(limit), remaining: text(remaining)?, reset: text(reset) })
        });
        Self {
            organization: first(["openai-organization", "anthropic-organization-id"]),
            project: text("openai-project"),
            workspace: text("anthropic-workspace-id"),
            region: text("x-ms-region"),
            quotas: quotas.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn read(list: &[(&'static str, &'static str)]) -> Account {
        let list = list.iter().map(|(name, value)| (*name, *value));
        let header = |(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
        Account::read(&list.map(header).collect())
    }

    #[test]
    fn an_answer_tells_the_account_and_what_is_left() {
        let account = read(&[
            ("openai-organization", "acme"),
            ("openai-project", "proj_1"),
            ("x-ratelimit-limit-requests", "10000"),
            ("x-ratelimit-remaining-requests", "9999"),
            ("x-ratelimit-reset-requests", "6ms"),
            ("x-ratelimit-remaining-tokens", "7"),
        ]);
        assert_eq!(
            (account.organization.as_deref(), account.project.as_deref()),
            (Some("acme"), Some("proj_1"))
        );
        let quota = |limit: Option<&str>, remaining: &str, reset: Option<&str>, of| Quota {
            of,
            limit: limit.map(str::to_owned),
            remaining: remaining.to_owned(),
            reset: reset.map(str::to_owned),
        };
        let requests = quota(Some("10000"), "9999", Some("6ms"), "requests");
        assert_eq!(account.quotas, [requests, quota(None, "7", None, "tokens")]);
        assert_eq!(read(&[("x-ratelimit-limit-requests", "10000")]), Account::default());
    }

    #[test]
    fn what_looks_like_a_key_is_left_out() {
        let account = read(&[("openai-organization", "sk-proj-0123456789abcdef")]);
        assert_eq!(account.organization.as_deref(), Some("sk-proj-[redacted]"));
    }
}
