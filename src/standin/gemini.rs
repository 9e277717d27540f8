//! Gemini: content, streamed content, token counts, embeddings and models, for `v1`, `v1beta` and `v1alpha`.

use std::iter::once;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::answer::{Answer, data};
use super::call::{Call, Dialect, Fault, Fields, known};
use super::embedding::embed;
use super::prompt::{Prompt, Reply, text};

/// Every model the stand-in knows in this dialect.
const MODELS: [&str; 3] = ["gemini-2.5-flash", "gemini-2.5-pro", "gemini-embedding-001"];

/// How many components an embedding has unless fewer are asked for.
const DIMENSIONS: usize = 3072;

/// Google's Gemini API, as AI Studio's keys reach it.
pub(super) struct Gemini;

/// What all response objects of one answer have in common.
struct Chunk {
    response_id: String,
    model: String,
    input_tokens: usize,
}

impl Dialect for Gemini {
    fn key<'c>(&self, call: &'c Call) -> Option<&'c str> {
        call.header("x-goog-api-key").or_else(|| call.parameter("key"))
    }

    fn answer(&self, call: &Call, prompt: &Prompt) -> Result<Answer, Fault> {
        if let Some(answer) = super::files::gemini(call) {
            return answer;
        }
        let path = below_version(&call.path);
        if call.method == Method::GET {
            return models(path);
        }
        let (model, verb) = path
            .strip_prefix("models/")
            .and_then(|path| path.split_once(':'))
            .filter(|_| call.method == Method::POST)
            .ok_or(Fault::UnknownUrl)?;
        let model = known(model, &MODELS)?;
        match verb {
            "generateContent" => generate(call, prompt, model),
            "streamGenerateContent" => stream(call, prompt, model),
            "countTokens" => Ok(Answer::json(
                StatusCode::OK,
                &json!({
                    "totalTokens": prompt.tokens, "promptTokensDetails": by_modality(prompt.tokens),
                }),
            )),
            "embedContent" => {
                let embedding = embedding(call.ask()?)?;
                Ok(Answer::json(StatusCode::OK, &json!({ "embedding": embedding })))
            }
            "batchEmbedContents" => {
                let requests = call.ask()?.at("/requests").as_array().ok_or(Fault::Missing("requests"))?;
                let embeddings = requests.iter().map(embedding).collect::<Result<Vec<_>, _>>()?;
                Ok(Answer::json(StatusCode::OK, &json!({ "embeddings": embeddings })))
            }
            _ => Err(Fault::UnknownUrl),
        }
    }

    fn refuse(&self, call: &Call, fault: &Fault) -> Answer {
        let (status, message) = match fault {
            Fault::KeyMissing | Fault::KeyWrong(_) => {
                let message = "API key not valid. Please pass a valid API key.";
                return error(call, 400, message, Some(key_invalid(message)));
            }
            Fault::UnknownUrl => {
                (404, format!("The requested URL {} was not found on this server.", call.path))
            }
            Fault::UnknownModel(model) => (404, not_found(model)),
            Fault::BadJson(wrong) => (400, format!("Invalid JSON payload received. {wrong}")),
            Fault::Missing(field) => {
                (400, format!("* GenerateContentRequest.{field}: {field} is not specified"))
            }
            Fault::Invalid(field) => {
                (400, format!("* GenerateContentRequest.{field}: value is out of range"))
            }
            Fault::TooLarge => (413, "Request payload size exceeds the limit.".to_owned()),
            Fault::Provoked(status) => return provoked(call, status.as_u16()),
        };
        error(call, status, &message, None)
    }

    fn dress(&self, _: &Call, answer: &mut Answer) {
        answer.retype("application/json", "application/json; charset=UTF-8");
        answer.wear(&[
            ("server", "scaffolding on HTTPServer2"),
            ("server-timing", "gfet4t7; dur=42"),
            ("vary", "Origin"),
            ("vary", "X-Origin"),
            ("vary", "Referer"),
            ("x-xss-protection", "0"),
            ("x-frame-options", "SAMEORIGIN"),
            ("x-content-type-options", "nosniff"),
            ("alt-svc", "h3=\":443\"; ma=2592000,h3-29=\":443\"; ma=2592000"),
        ]);
    }
}

/// The path after `/v1/`, `/v1beta/` or `/v1alpha/`.
fn below_version(path: &str) -> &str {
    path.trim_start_matches('/').split_once('/').map_or("", |(_, rest)| rest)
}

/// `GET /models` and `GET /models/{model}`.
fn models(path: &str) -> Result<Answer, Fault> {
    if path == "models" {
        let models: Vec<Value> = MODELS.into_iter().map(model).collect();
        return Ok(Answer::json(StatusCode::OK, &json!({ "models": models })));
    }
    let id = path.strip_prefix("models/").ok_or(Fault::UnknownUrl)?;
    Ok(Answer::json(StatusCode::OK, &model(known(id, &MODELS)?)))
}

fn model(id: &str) -> Value {
    let methods = if id.contains("embedding") {
        json!(["embedContent", "countTextTokens", "countTokens"])
    } else {
        json!(["generateContent", "countTokens", "createCachedContent", "batchGenerateContent"])
    };
    json!({
        "name": format!("models/{id}"), "version": "001", "displayName": id,
        "description": "A stand-in that asks no model.",
        "inputTokenLimit": 1_048_576, "outputTokenLimit": 65_536,
        "supportedGenerationMethods": methods,
        "temperature": 1, "topP": 0.95, "topK": 64, "maxTemperature": 2,
    })
}

/// `:generateContent`.
fn generate(call: &Call, prompt: &Prompt, model: &str) -> Result<Answer, Fault> {
    let reply = reply(call, prompt)?;
    let whole = Chunk::of(call, prompt, model).render(&reply.text(), reply.tokens, finish(&reply));
    Ok(Answer::json(StatusCode::OK, &whole))
}

/// `:streamGenerateContent`: events with `alt=sse`, else one JSON array whose elements come one by one.
fn stream(call: &Call, prompt: &Prompt, model: &str) -> Result<Answer, Fault> {
    let reply = reply(call, prompt)?;
    let chunk = Chunk::of(call, prompt, model);
    let end = chunk.render("", reply.tokens, finish(&reply));
    let words = reply.words().enumerate();
    let chunks = words.map(move |(at, word)| chunk.render(&word, at + 1, Value::Null)).chain(once(end));
    let halfway = reply.tokens.div_ceil(2);
    if call.parameter("alt") == Some("sse") {
        return Ok(Answer::events("text/event-stream", halfway, chunks.map(|chunk| data(&chunk))));
    }
    let elements = chunks.enumerate().map(|(at, chunk)| {
        let before = if at == 0 { "[" } else { ",\r\n" };
        Bytes::from(format!("{before}{chunk}"))
    });
    let elements = elements.chain(once(Bytes::from_static(b"\n]\n")));
    Ok(Answer::events("application/json", halfway, elements))
}

/// The words of the answer, once the request has something to answer.
fn reply(call: &Call, prompt: &Prompt) -> Result<Reply, Fault> {
    let ask = call.ask()?;
    if ask.at("/contents").is_null() {
        return Err(Fault::Missing("contents"));
    }
    Ok(prompt.reply(ask.at("/generationConfig/maxOutputTokens").as_u64()))
}

fn finish(reply: &Reply) -> Value {
    json!(if reply.truncated { "MAX_TOKENS" } else { "STOP" })
}

impl Chunk {
    fn of(call: &Call, prompt: &Prompt, model: &str) -> Self {
        let response_id = format!("standin{:015x}", call.number);
        Self { response_id, model: model.to_owned(), input_tokens: prompt.tokens }
    }

    /// One response object; a reply's last one says why it ends.
    fn render(&self, text: &str, tokens: usize, finish: Value) -> Value {
        let content = json!({ "parts": [{ "text": text }], "role": "model" });
        let mut candidate = json!({ "content": content, "index": 0 });
        if !finish.is_null() {
            candidate.put("finishReason", finish);
        }
        json!({
            "candidates": [candidate],
            "usageMetadata": usage(self.input_tokens, tokens),
            "modelVersion": self.model,
            "responseId": self.response_id,
        })
    }
}

fn usage(input_tokens: usize, output_tokens: usize) -> Value {
    json!({
        "promptTokenCount": input_tokens, "candidatesTokenCount": output_tokens,
        "totalTokenCount": input_tokens + output_tokens, "promptTokensDetails": by_modality(input_tokens),
    })
}

fn by_modality(tokens: usize) -> Value {
    json!([{ "modality": "TEXT", "tokenCount": tokens }])
}

/// One embedding, for a request of its own or one of a batch.
fn embedding(ask: &Value) -> Result<Value, Fault> {
    if ask.at("/content").is_null() {
        return Err(Fault::Missing("content"));
    }
    let dimensions = match ask.at("/outputDimensionality").as_u64().map(usize::try_from) {
        None => DIMENSIONS,
        Some(Ok(asked)) if (1..=DIMENSIONS).contains(&asked) => asked,
        Some(_) => return Err(Fault::Invalid("outputDimensionality")),
    };
    Ok(json!({ "values": embed(&text(ask.at("/content")), dimensions) }))
}

/// What Google says with each status.
fn provoked(call: &Call, status: u16) -> Answer {
    let message = match status {
        401 => {
            "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or \
             other valid authentication credential."
        }
        403 => "The caller does not have permission",
        404 => return error(call, status, &not_found("gemini-standin"), None),
        429 => {
            let message = "You exceeded your current quota, please check your plan and billing details.";
            return error(call, status, message, Some(quota_spent())).with("retry-after", "1");
        }
        503 => "The model is overloaded. Please try again later.",
        504 => "The request timed out. Please try again.",
        _ if status < 500 => "Request contains an invalid argument.",
        _ => "An internal error has occurred. Please retry.",
    };
    error(call, status, message, None)
}

/// Google's error object; a stream that would have been an array has an array around it.
fn error(call: &Call, status: u16, message: &str, details: Option<Value>) -> Answer {
    let name = match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ if status < 500 => "INVALID_ARGUMENT",
        _ => "INTERNAL",
    };
    let mut error = json!({ "code": status, "message": message, "status": name });
    if let Some(details) = details {
        error.put("details", details);
    }
    let body = json!({ "error": error });
    let array = call.path.ends_with(":streamGenerateContent") && call.parameter("alt") != Some("sse");
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Answer::json(status, &if array { json!([body]) } else { body })
}

fn not_found(model: &str) -> String {
    format!(
        "models/{model} is not found for API version v1beta, or is not supported for generateContent. Call \
         ListModels to see the list of available models and their supported methods."
    )
}

fn key_invalid(message: &str) -> Value {
    json!([
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "API_KEY_INVALID",
            "domain": "googleapis.com",
            "metadata": { "service": "generativelanguage.googleapis.com" },
        },
        { "@type": "type.googleapis.com/google.rpc.LocalizedMessage", "locale": "en-US", "message": message },
    ])
}

fn quota_spent() -> Value {
    let violation = json!({
        "quotaMetric": "generativelanguage.googleapis.com/generate_content_paid_tier_input_token_count",
        "quotaId": "GenerateContentPaidTierInputTokensPerModelPerMinute",
    });
    json!([
        { "@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation] },
        { "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s" },
    ])
}
