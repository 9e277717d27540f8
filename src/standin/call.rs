//! What a dialect is given, what it may object to, and which dialect a path speaks.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use super::answer::Answer;
use super::anthropic::Anthropic;
use super::azure::Azure;
use super::cohere::Cohere;
use super::gemini::Gemini;
use super::openai::OpenAi;
use super::prompt::Prompt;

/// One request, read whole.
pub(super) struct Call {
    /// Counts up from one; ids are made from it.
    pub(super) number: u64,
    /// The method.
    pub(super) method: Method,
    /// Path and query as written.
    pub(super) target: String,
    /// The path alone.
    pub(super) path: String,
    /// The query without its question mark; empty when there is none.
    pub(super) query: String,
    /// Every header.
    pub(super) headers: HeaderMap,
    /// The body's bytes.
    pub(super) body: Bytes,
    /// The body as a JSON object, or what is wrong with it.
    pub(super) ask: Result<Value, String>,
}

/// What a provider objects to. Each dialect has its own words and status for it.
pub(super) enum Fault {
    /// No key in the dialect's slot.
    KeyMissing,
    /// A key that is not the stand-in's.
    KeyWrong(String),
    /// No endpoint at this path with this method.
    UnknownUrl,
    /// A model, or Azure deployment, that does not exist.
    UnknownModel(String),
    /// A body that is no JSON object; the parser's message.
    BadJson(String),
    /// A required field, header or query parameter that is absent.
    Missing(&'static str),
    /// A field's value that the provider would not take.
    Invalid(&'static str),
    /// A body over the limit.
    TooLarge,
    /// `standin:error=<status>`.
    Provoked(StatusCode),
}

/// Reads and writes fields of a JSON value that may be any kind of value.
pub(super) trait Fields {
    /// The value at a JSON pointer, or null.
    fn at(&self, pointer: &str) -> &Value;
    /// Sets a field; of something that is no object, it sets nothing.
    fn put(&mut self, field: &str, value: Value);
}

/// A provider's way of speaking. Siblings have one shape: key, answer, refuse, dress.
pub(super) trait Dialect: Sync {
    /// The key as the caller presents it in this dialect's slots.
    fn key<'c>(&self, call: &'c Call) -> Option<&'c str>;
    /// The endpoint's answer.
    fn answer(&self, call: &Call, prompt: &Prompt) -> Result<Answer, Fault>;
    /// The error body and status for a fault.
    fn refuse(&self, call: &Call, fault: &Fault) -> Answer;
    /// Puts on the headers that the provider sends with everything.
    fn dress(&self, call: &Call, answer: &mut Answer);
}

/// Whose dialect the request speaks. `/v1/models` is everybody's, so there the headers decide.
pub(super) fn dialect_of(call: &Call) -> &'static dyn Dialect {
    let path = call.path.as_str();
    let models = path == "/v1/models" || path.starts_with("/v1/models/");
    if path.starts_with("/openai/") {
        &Azure
    } else if path.starts_with("/v2/") {
        &Cohere
    } else if path.starts_with("/v1beta/")
        || path.starts_with("/v1alpha/")
        || path.starts_with("/upload/")
        || path.starts_with("/ws/")
        || (models && (path.contains(':') || call.header("x-goog-api-key").is_some()))
    {
        &Gemini
    } else if path.starts_with("/v1/messages")
        || ((models || path.starts_with("/v1/files")) && call.header("anthropic-version").is_some())
    {
        &Anthropic
    } else {
        &OpenAi
    }
}

impl Fields for Value {
    fn at(&self, pointer: &str) -> &Value {
        self.pointer(pointer).unwrap_or(&Value::Null)
    }

    fn put(&mut self, field: &str, value: Value) {
        if let Some(fields) = self.as_object_mut() {
            fields.insert(field.to_owned(), value);
        }
    }
}

impl Call {
    /// Takes the request apart.
    pub(super) fn new(number: u64, head: Parts, body: Bytes) -> Self {
        let ask = match serde_json::from_slice::<Value>(&body) {
            Ok(ask) if ask.is_object() => Ok(ask),
            Ok(_) => Err("expected a JSON object".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        Self {
            number,
            method: head.method,
            target: head.uri.to_string(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: head.headers,
            body,
            ask,
        }
    }

    /// The body as JSON, for endpoints that need one.
    pub(super) fn ask(&self) -> Result<&Value, Fault> {
        self.ask.as_ref().map_err(|wrong| Fault::BadJson(wrong.clone()))
    }

    /// The model that the body names, if it is one of `models`.
    pub(super) fn model(&self, models: &[&str]) -> Result<&str, Fault> {
        let model = self.ask()?.at("/model").as_str().ok_or(Fault::Missing("model"))?;
        known(model, models)
    }

    /// Whether the body has `"stream": true`.
    pub(super) fn streams(&self) -> bool {
        self.ask.as_ref().is_ok_and(|ask| ask.at("/stream") == true)
    }

    /// A header's value, when there is one and it is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The token of `Authorization: Bearer …`.
    pub(super) fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    }

    /// A query parameter's value as written (the stand-in's are never percent-encoded).
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            (key == name).then_some(value)
        })
    }
}

/// The name again, when it is one of `models` or a dated version of one (`gpt-4o-2024-08-06`).
pub(super) fn known<'n>(name: &'n str, models: &[&str]) -> Result<&'n str, Fault> {
    let is = |model: &&str| {
        let version = name.strip_prefix(*model).map(|rest| rest.strip_prefix('-').unwrap_or(rest));
        version.is_some_and(|version| version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'))
    };
    if models.iter().any(is) { Ok(name) } else { Err(Fault::UnknownModel(name.to_owned())) }
}
