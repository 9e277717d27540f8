//! Reads what an error answer holds, whoever wrote it.

use http::{HeaderMap, header};
use serde_json::Value;

use super::Shape;

/// Headers by which a provider's API names a request. An answer without one never reached it.
const REQUEST_IDS: [&str; 6] = [
    "x-request-id",
    "request-id",
    "apim-request-id",
    "x-ms-request-id",
    "x-amzn-requestid",
    "mistral-correlation-id",
];
/// Headers that outbound proxies set.
const PROXIES: [&str; 4] = ["x-squid-error", "x-bluecoat-via", "x-zscaler-error", "proxy-authenticate"];
/// How many characters of a named part are kept.
const LONGEST_PART: usize = 128;
/// How many characters of an undiagnosed answer are shown to the operator.
const LONGEST_EXCERPT: usize = 200;

/// An answer, read.
pub(super) struct Answer<'a> {
    headers: &'a HeaderMap,
    /// The machine-readable codes, the most telling first.
    codes: Vec<String>,
    /// The message as it stands.
    pub(super) message: String,
    /// The message in small letters, with one blank between two words.
    pub(super) said: String,
    /// `details[].metadata` and the like.
    pub(super) metadata: Vec<(String, String)>,
    page: bool,
    flagged: bool,
}

impl<'a> Answer<'a> {
    pub(super) fn read(headers: &'a HeaderMap, body: &[u8]) -> Self {
        let mut answer = Self {
            headers,
            codes: Vec::new(),
            message: String::new(),
            said: String::new(),
            metadata: Vec::new(),
            page: false,
            flagged: false,
        };
        if let Some(kind) = answer.header("x-amzn-errortype") {
            let kind = kind.split(':').next().unwrap_or_default().to_owned();
            answer.codes.push(kind);
        }
        match serde_json::from_slice::<Value>(body) {
            Ok(Value::Array(one)) if one.len() == 1 => answer.take(one.first().unwrap_or(&Value::Null)),
            Ok(value) => answer.take(&value),
            Err(_) => {
                answer.message = String::from_utf8_lossy(body).into_owned();
                let kind = answer.header("content-type").unwrap_or_default();
                answer.page = kind.starts_with("text/html") || answer.message.trim_start().starts_with('<');
            }
        }
        // Some messages are broken into lines in the middle of a phrase.
        let words: Vec<&str> = answer.message.split_whitespace().collect();
        answer.said = words.join(" ").to_ascii_lowercase();
        answer
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn take(&mut self, value: &Value) {
        let error = value.get("error").unwrap_or(value);
        let text = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).map(str::to_owned);
        let message = match error {
            Value::String(text) => Some(text.clone()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                text(error, "message").or_else(|| text(error, "Message"))
            }
        };
        let detail = || match value.get("detail") {
            Some(Value::String(text)) => Some(text.clone()),
            Some(list) => Some(list.to_string()),
            None => text(value, "message"),
        };
        self.message = message.or_else(detail).unwrap_or_default();
        self.take_details(error);
        for of in [error, value] {
            for name in ["code", "type", "status", "__type"] {
                match of.get(name) {
                    Some(Value::String(code)) => self.codes.push(code.clone()),
                    Some(Value::Number(code)) => self.codes.push(code.to_string()),
                    _ => {}
                }
            }
        }
        if let Some(text) = text(value, "error_description") {
            self.message.push(' ');
            self.message.push_str(&text);
        }
    }

    /// `details` as Google and Anthropic write them, and `metadata` as `OpenRouter` does.
    fn take_details(&mut self, error: &Value) {
        if let Some(code) = error.pointer("/details/error_code").and_then(Value::as_str) {
            self.codes.push(code.to_owned());
        }
        let details = error.get("details").and_then(Value::as_array);
        for detail in details.into_iter().flatten() {
            if let Some(reason) = detail.get("reason").and_then(Value::as_str) {
                self.codes.push(reason.to_owned());
            }
            self.take_metadata(detail);
        }
        self.take_metadata(error);
        self.flagged = error.get("metadata").is_some_and(|metadata| {
            metadata.get("reasons").is_some() || metadata.get("flagged_input").is_some()
        });
    }

    fn take_metadata(&mut self, of: &Value) {
        for (name, value) in of.get("metadata").and_then(Value::as_object).into_iter().flatten() {
            if let Some(text) = value.as_str() {
                // OpenRouter's own word for which of its limits was met.
                if name == "limit_source" {
                    self.codes.push(text.to_owned());
                }
                self.metadata.push((name.clone(), text.to_owned()));
            }
        }
    }

    pub(super) fn has_code(&self, code: &str) -> bool {
        self.codes.iter().any(|known| known == code)
    }

    /// Whether a phrase, written in small letters, is in the message or is a code.
    pub(super) fn says(&self, phrase: &str) -> bool {
        self.said.contains(phrase) || self.code_says(phrase)
    }

    /// The same, but not of what may be the client's words: those that follow a mark by which messages set them apart,
    /// unless the phrase holds all that stands before.
    pub(super) fn says_itself(&self, phrase: &str) -> bool {
        self.own_words().contains(phrase) || self.said.starts_with(phrase) || self.code_says(phrase)
    }

    /// Whether the message begins with a phrase, sets nothing apart, and so is a sentence of the provider's own: one
    /// that repeats the client's words says also what is wrong with them.
    pub(super) fn is_only(&self, phrase: &str) -> bool {
        let own = self.own_words();
        let articles = ["this ", "your ", "the "];
        let begins = articles.iter().find_map(|article| own.strip_prefix(article)).unwrap_or(own);
        (own.len() == self.said.len() && begins.starts_with(phrase)) || self.code_says(phrase)
    }

    fn code_says(&self, phrase: &str) -> bool {
        self.codes.iter().any(|code| code.to_ascii_lowercase().contains(phrase))
    }

    /// The message up to the first mark behind which, or with which, others' words are repeated.
    fn own_words(&self) -> &str {
        let said = self.said.as_str();
        let (mut before, mut chars) = (' ', said.char_indices().peekable());
        while let Some((at, character)) = chars.next() {
            let apart = match character {
                '"' | '`' | '[' | '{' | '<' | '\u{201c}' | '\u{2018}' => true,
                // Elsewhere it is an apostrophe.
                '\'' => !before.is_ascii_alphanumeric(),
                // Elsewhere it is a time, or an address's.
                ':' => chars.peek().is_none_or(|(_, next)| *next == ' '),
                _ => false,
            };
            if apart {
                return said.get(..at).unwrap_or_default();
            }
            before = character;
        }
        said
    }

    /// Whether the provider's API gave the request a name: then it reached it.
    pub(super) fn has_request_id(&self) -> bool {
        REQUEST_IDS.iter().any(|name| self.headers.contains_key(*name))
    }

    pub(super) fn has_shape(&self, shape: Shape) -> bool {
        let named = self.has_request_id();
        match shape {
            Shape::Any => true,
            Shape::Api => !self.page,
            Shape::NoRequestId => !self.page && !named,
            Shape::Page => self.page,
            Shape::CloudflarePage => {
                let cloudflare = self.headers.contains_key("cf-ray")
                    || self.header("server").is_some_and(|server| server.starts_with("cloudflare"));
                !named && cloudflare && (self.page || self.headers.contains_key("cf-mitigated"))
            }
            Shape::ProxyPage => {
                let proxy = PROXIES.iter().any(|name| self.headers.contains_key(*name))
                    || (self.page && !named && self.headers.contains_key(header::VIA))
                    || (self.page
                        && ["zscaler", "bluecoat", "squid"].iter().any(|maker| self.said.contains(maker)));
                proxy && !self.headers.contains_key("cf-ray")
            }
            Shape::Flagged => self.flagged,
            Shape::OurOwn => self.headers.contains_key("x-portcullis-reason"),
        }
    }

    /// The provider's own code, the most telling.
    pub(super) fn code(&self) -> Option<Box<str>> {
        self.codes.iter().find(|code| !code.is_empty()).map(|code| part(code))
    }
}

/// A part of an answer for records and headers: plain, short, and without anything like a key.
pub(super) fn part(text: &str) -> Box<str> {
    plain(text, LONGEST_PART).into()
}

/// The beginning of an answer that nobody understands, for the operator only.
#[must_use]
pub fn excerpt(body: &[u8]) -> String {
    plain(&String::from_utf8_lossy(body), LONGEST_EXCERPT)
}

fn plain(text: &str, longest: usize) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| matches!(c, ' '..='~'))
        .take(longest * 4)
        .collect();
    let clean = crate::provider_key::redacted(&clean);
    clean.chars().take(longest).collect()
}
