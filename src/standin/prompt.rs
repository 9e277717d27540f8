//! What a prompt says, what fault it asks for, and the words that answer it.

use std::iter;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use super::call::Fields;

/// The most events that `standin:tokens` may ask for.
const TOKENS_LIMIT: usize = 10_000;

/// The most bytes that `standin:big` may ask for.
const BIG_LIMIT: usize = 64 << 20;

/// How many of the prompt's words an answer quotes.
const WORDS_QUOTED: usize = 4;

/// What the stand-in needs to know of a request's body, whatever its dialect.
#[derive(Default)]
pub(super) struct Prompt {
    /// The last user text.
    pub(super) text: String,
    /// Tokens of everything said, at four characters each.
    pub(super) tokens: usize,
    /// The fault that the text asks for.
    pub(super) provoked: Option<Provoked>,
    /// How long the answer's head shall wait.
    pub(super) slow: Duration,
    /// Whether the connection shall break half-way through the answer.
    pub(super) cut: bool,
    /// How many tokens the answer shall have, when the text says so.
    asked_tokens: Option<usize>,
    /// How many bytes the answer shall have, when the text says so.
    asked_bytes: Option<usize>,
}

/// A fault that a prompt asks for instead of an answer.
#[derive(Clone, Copy)]
pub(super) enum Provoked {
    /// This status with the dialect's error body; only the first time when `once`.
    Status { status: StatusCode, once: bool },
    /// An edge's HTML page.
    Html,
    /// A redirect.
    Redirect,
}

/// The words of an answer, one per token.
#[derive(Clone)]
pub(super) struct Reply {
    /// The sentence, repeated until `tokens` are said.
    words: Arc<[String]>,
    /// How many words are said.
    pub(super) tokens: usize,
    /// Whether the caller's ceiling cut the sentence short.
    pub(super) truncated: bool,
}

impl Prompt {
    /// Reads the body; one that is no JSON says nothing and asks for nothing.
    pub(super) fn read(ask: Option<&Value>) -> Self {
        let Some(ask) = ask else { return Self::default() };
        let fields = ["messages", "contents", "content", "input", "prompt", "requests"];
        let said = fields.iter().find_map(|field| ask.get(field)).unwrap_or(&Value::Null);
        let rules = ["system", "instructions", "systemInstruction"]
            .map(|field| ask.get(field).map(text).unwrap_or_default());
        let characters = text(said).chars().count() + rules.concat().chars().count();

        let mut prompt = Self { text: last_said(said), tokens: tokens_of(characters), ..Self::default() };
        for (name, value) in directives(&prompt.text.clone()) {
            prompt.obey(name, value);
        }
        prompt
    }

    /// Takes one `standin:` directive to heart; unknown ones are ordinary words.
    fn obey(&mut self, name: &str, value: &str) {
        match name {
            "error" => {
                let (status, once) =
                    value.strip_suffix(":once").map_or((value, false), |status| (status, true));
                let status = status.parse().ok().and_then(|status| StatusCode::from_u16(status).ok());
                self.provoked = status.map(|status| Provoked::Status { status, once });
            }
            "html" => self.provoked = Some(Provoked::Html),
            "redirect" => self.provoked = Some(Provoked::Redirect),
            "slow" => self.slow = value.parse().map(Duration::from_millis).unwrap_or_default(),
            "cut" => self.cut = true,
            "tokens" => self.asked_tokens = value.parse().ok(),
            "big" => self.asked_bytes = value.parse().ok(),
            _ => {}
        }
    }

    /// The words that answer this prompt, no more than `ceiling` of them.
    pub(super) fn reply(&self, ceiling: Option<u64>) -> Reply {
        if let Some(bytes) = self.asked_bytes {
            return Reply {
                words: Arc::from(["x".repeat(bytes.min(BIG_LIMIT))]),
                tokens: 1,
                truncated: false,
            };
        }
        let quoted: Vec<&str> = self.text.split_whitespace().take(WORDS_QUOTED).collect();
        let sentence = if quoted.is_empty() {
            "The stand-in heard nothing and asked no model.".to_owned()
        } else {
            format!("The stand-in heard “{}” and asked no model.", quoted.join(" "))
        };
        let words: Arc<[String]> = sentence.split_inclusive(' ').map(str::to_owned).collect();
        let wanted = self.asked_tokens.map_or(words.len(), |tokens| tokens.clamp(1, TOKENS_LIMIT));
        let ceiling =
            ceiling.map_or(usize::MAX, |ceiling| usize::try_from(ceiling).unwrap_or(usize::MAX).max(1));
        Reply { words, tokens: wanted.min(ceiling), truncated: wanted > ceiling }
    }
}

impl Reply {
    /// The words one by one.
    pub(super) fn words(&self) -> impl Iterator<Item = String> + Send + use<> {
        let words = Arc::clone(&self.words);
        let rounds = iter::repeat_n(words, self.tokens.max(1));
        rounds
            .flat_map(|words| (0..words.len()).filter_map(move |at| words.get(at).cloned()))
            .take(self.tokens)
    }

    /// The words together.
    pub(super) fn text(&self) -> String {
        self.words().collect()
    }
}

/// Tokens for so many characters: a quarter, and never none.
pub(super) fn tokens_of(characters: usize) -> usize {
    (characters / 4).max(1)
}

/// Every text inside a message, a part, or a list of them.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            items.iter().map(text).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
        }
        Value::Object(fields) => ["text", "parts", "content"]
            .iter()
            .find_map(|field| fields.get(*field))
            .map(text)
            .unwrap_or_default(),
        Value::Null | Value::Bool(_) | Value::Number(_) => String::new(),
    }
}

/// The text of the last message that a user said; of everything, when nothing says whose it is.
fn last_said(said: &Value) -> String {
    let messages = said.as_array().map(Vec::as_slice).unwrap_or_default();
    match messages.iter().rev().find(|message| message.at("/role") == "user") {
        Some(message) => text(message),
        None => text(said),
    }
}

/// The `standin:name=value` words of a text.
fn directives(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("standin:").skip(1).map(|rest| {
        let ends = |character: char| !(character.is_ascii_alphanumeric() || "=:".contains(character));
        let word = rest.split(ends).next().unwrap_or_default();
        word.split_once('=').unwrap_or((word, ""))
    })
}
