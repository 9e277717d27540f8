//! Anthropic: messages, token counts and models.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::answer::{Answer, typed};
use super::call::{Call, Dialect, Fault, Fields, known};
use super::prompt::{Prompt, Reply};

/// Every model the stand-in knows in this dialect, with its name for people.
const MODELS: [(&str, &str); 3] = [
    ("claude-sonnet-4-5", "Claude Sonnet 4.5"),
    ("claude-haiku-4-5", "Claude Haiku 4.5"),
    ("claude-opus-4-1", "Claude Opus 4.1"),
];

/// Anthropic's API.
pub(super) struct Anthropic;

impl Dialect for Anthropic {
    fn key<'c>(&self, call: &'c Call) -> Option<&'c str> {
        call.header("x-api-key").or_else(|| call.bearer())
    }

    fn answer(&self, call: &Call, prompt: &Prompt) -> Result<Answer, Fault> {
        call.header("anthropic-version").ok_or(Fault::Missing("anthropic-version"))?;
        let ids = MODELS.map(|(id, _)| id);
        if let Some(answer) = super::files::anthropic(call) {
            return answer;
        }
        match (&call.method, call.path.as_str()) {
            (&Method::POST, "/v1/messages") => message(call, prompt, call.model(&ids)?),
            (&Method::POST, "/v1/messages/count_tokens") => {
                call.model(&ids)?;
                Ok(Answer::json(StatusCode::OK, &json!({ "input_tokens": prompt.tokens })))
            }
            (&Method::GET, "/v1/models") => {
                let [first_id, .., last_id] = ids;
                let models: Vec<Value> = ids.into_iter().map(model).collect();
                Ok(Answer::json(
                    StatusCode::OK,
                    &json!({
                        "data": models, "has_more": false, "first_id": first_id, "last_id": last_id,
                    }),
                ))
            }
            (&Method::GET, path) => {
                let id = path.strip_prefix("/v1/models/").ok_or(Fault::UnknownUrl)?;
                Ok(Answer::json(StatusCode::OK, &model(known(id, &ids)?)))
            }
            _ => Err(Fault::UnknownUrl),
        }
    }

    fn refuse(&self, call: &Call, fault: &Fault) -> Answer {
        let invalid = "invalid_request_error";
        match fault {
            Fault::KeyMissing => error(call, 401, "authentication_error", "x-api-key header is required"),
            Fault::KeyWrong(_) => error(call, 401, "authentication_error", "invalid x-api-key"),
            Fault::UnknownUrl => error(call, 404, "not_found_error", "Not Found"),
            Fault::UnknownModel(model) => error(call, 404, "not_found_error", &format!("model: {model}")),
            Fault::BadJson(wrong) => {
                error(call, 400, invalid, &format!("The request body is not valid JSON: {wrong}"))
            }
            Fault::Missing("anthropic-version") => {
                error(call, 400, invalid, "anthropic-version: header is required")
            }
            Fault::Missing(field) => error(call, 400, invalid, &format!("{field}: Field required")),
            Fault::Invalid(field) => error(call, 400, invalid, &format!("{field}: Input should be valid")),
            Fault::TooLarge => error(call, 413, "request_too_large", "Request exceeds the maximum size"),
            Fault::Provoked(status) => provoked(call, *status),
        }
    }

    fn dress(&self, call: &Call, answer: &mut Answer) {
        answer.tag("request-id", request_id(call));
        answer.wear(&[
            ("anthropic-organization-id", "00000000-0000-4000-8000-0000057a2d10"),
            ("anthropic-workspace-id", "wrkspc_standin"),
            ("anthropic-ratelimit-requests-limit", "4000"),
            ("anthropic-ratelimit-requests-remaining", "3999"),
            ("anthropic-ratelimit-requests-reset", "2025-01-01T00:00:01Z"),
            ("anthropic-ratelimit-tokens-limit", "480000"),
            ("anthropic-ratelimit-tokens-remaining", "479000"),
            ("anthropic-ratelimit-tokens-reset", "2025-01-01T00:00:01Z"),
            ("anthropic-ratelimit-input-tokens-limit", "400000"),
            ("anthropic-ratelimit-input-tokens-remaining", "399000"),
            ("anthropic-ratelimit-input-tokens-reset", "2025-01-01T00:00:01Z"),
            ("anthropic-ratelimit-output-tokens-limit", "80000"),
            ("anthropic-ratelimit-output-tokens-remaining", "80000"),
            ("anthropic-ratelimit-output-tokens-reset", "2025-01-01T00:00:01Z"),
            (
                "set-cookie",
                "_cfuvid=standin-cookie; HttpOnly; SameSite=None; Secure; Path=/; Domain=api.anthropic.com",
            ),
            ("via", "1.1 google"),
            ("server", "cloudflare"),
            ("cf-ray", "8f2standin0002-AMS"),
            ("cf-cache-status", "DYNAMIC"),
            ("x-envoy-upstream-service-time", "45"),
            ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
        ]);
    }
}

/// `POST /v1/messages`.
fn message(call: &Call, prompt: &Prompt, model: &str) -> Result<Answer, Fault> {
    let ask = call.ask()?;
    let ceiling = ask.at("/max_tokens").as_u64().ok_or(Fault::Missing("max_tokens"))?;
    if ask.at("/messages").as_array().is_none_or(Vec::is_empty) {
        return Err(Fault::Missing("messages"));
    }
    let reply = prompt.reply(Some(ceiling));
    let mut message = json!({
        "id": format!("msg_standin{:021x}", call.number), "type": "message",
        "role": "assistant", "model": model,
        "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage(prompt, 1),
    });
    if call.streams() {
        return Ok(stream(&message, prompt, &reply));
    }
    message.put("content", json!([{ "type": "text", "text": reply.text() }]));
    message.put("stop_reason", json!(stop_reason(&reply)));
    message.put("usage", usage(prompt, reply.tokens));
    Ok(Answer::json(StatusCode::OK, &message))
}

/// The events of a message with one block of text.
fn stream(message: &Value, prompt: &Prompt, reply: &Reply) -> Answer {
    let opening = [
        json!({ "type": "message_start", "message": message }),
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
        json!({ "type": "ping" }),
    ];
    let closing = [
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({
            "type": "message_delta",
            "delta": { "stop_reason": stop_reason(reply), "stop_sequence": null },
            "usage": {
                "input_tokens": prompt.tokens, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
                "output_tokens": reply.tokens,
            },
        }),
        json!({ "type": "message_stop" }),
    ];
    let deltas = reply.words().map(|word| {
        json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": word } })
    });
    let events = opening.into_iter().chain(deltas).chain(closing).map(|event| typed(&event));
    Answer::events("text/event-stream; charset=utf-8", 3 + reply.tokens / 2, events)
}

fn stop_reason(reply: &Reply) -> &'static str {
    if reply.truncated { "max_tokens" } else { "end_turn" }
}

fn usage(prompt: &Prompt, output_tokens: usize) -> Value {
    json!({
        "input_tokens": prompt.tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": { "ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0 },
        "output_tokens": output_tokens,
        "service_tier": "standard",
    })
}

fn model(id: &str) -> Value {
    let name = MODELS.iter().find_map(|(known, name)| (*known == id).then_some(*name)).unwrap_or(id);
    json!({
        "type": "model", "id": id, "display_name": name, "created_at": "2025-01-01T00:00:00Z",
        "lifecycle": "active", "max_input_tokens": 200_000, "max_tokens": 64_000,
    })
}

/// What Anthropic says with each status.
fn provoked(call: &Call, status: StatusCode) -> Answer {
    let (kind, message) = match status.as_u16() {
        400 => ("invalid_request_error", "prompt is too long: 205000 tokens > 200000 maximum"),
        401 => ("authentication_error", "invalid x-api-key"),
        402 => ("billing_error", "Your organization's spend limit has been reached."),
        403 => ("permission_error", "Your API key does not have permission to use the specified resource."),
        404 => ("not_found_error", "model: claude-standin"),
        413 => ("request_too_large", "Request exceeds the maximum size"),
        429 => (
            "rate_limit_error",
            "This request would exceed your organization's rate limit of 4,000 requests per minute.",
        ),
        504 => ("timeout_error", "Request timed out"),
        529 => ("overloaded_error", "Overloaded"),
        _ if status.is_client_error() => ("invalid_request_error", "Your request was rejected."),
        _ => ("api_error", "Internal server error"),
    };
    let answer = error(call, status.as_u16(), kind, message);
    if status == StatusCode::TOO_MANY_REQUESTS { answer.with("retry-after", "1") } else { answer }
}

fn error(call: &Call, status: u16, kind: &str, message: &str) -> Answer {
    let error = json!({ "type": kind, "message": message });
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Answer::json(status, &json!({ "type": "error", "error": error, "request_id": request_id(call) }))
}

fn request_id(call: &Call) -> String {
    format!("req_standin{:017x}", call.number)
}
