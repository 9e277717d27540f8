//! OpenAI: chat, completions, responses, embeddings and models under `/v1`.

mod responses;

use std::iter::once;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::answer::{Answer, data};
use super::call::{Call, Dialect, Fault, known};
use super::embedding::{base64, embed};
use super::prompt::{Prompt, Reply, text, tokens_of};

/// Every model the stand-in knows in this dialect.
pub(super) const MODELS: [&str; 6] =
    ["gpt-4o", "gpt-4o-mini", "gpt-4.1", "o3-mini", "text-embedding-3-small", "text-embedding-3-large"];

/// When everything was made, in seconds since 1970: no clock is read.
pub(super) const CREATED: u64 = 1_735_689_600;

/// The type of a stream's body.
pub(super) const EVENT_STREAM: &str = "text/event-stream; charset=utf-8";

/// OpenAI's own API.
pub(super) struct OpenAi;

/// OpenAI's error object.
struct Wrong<'m> {
    status: u16,
    message: &'m str,
    kind: &'static str,
    param: Option<&'static str>,
    code: Option<&'static str>,
}

impl Dialect for OpenAi {
    fn key<'c>(&self, call: &'c Call) -> Option<&'c str> {
        call.bearer()
    }

    fn answer(&self, call: &Call, prompt: &Prompt) -> Result<Answer, Fault> {
        endpoint(call, prompt, call.path.strip_prefix("/v1/").ok_or(Fault::UnknownUrl)?)
    }

    fn refuse(&self, call: &Call, fault: &Fault) -> Answer {
        let wrong =
            |status, kind, code, message: &str| Wrong { status, message, kind, param: None, code }.answer();
        let invalid = "invalid_request_error";
        match fault {
            Fault::KeyMissing => wrong(
                401,
                invalid,
                None,
                "You didn't provide an API key. You need to provide \
                your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            ),
            Fault::KeyWrong(key) => wrong(
                401,
                invalid,
                Some("invalid_api_key"),
                &format!(
                    "Incorrect API key provided: {}. You can find your API key at \
                 https://platform.openai.com/account/api-keys.",
                    masked(key)
                ),
            ),
            Fault::UnknownUrl => {
                wrong(404, invalid, None, &format!("Invalid URL ({} {})", call.method, call.path))
            }
            Fault::UnknownModel(model) => wrong(
                404,
                invalid,
                Some("model_not_found"),
                &format!("The model `{model}` does not exist or you do not have access to it."),
            ),
            Fault::BadJson(_) => wrong(
                400,
                invalid,
                None,
                "We could not parse the JSON body of your request. (HINT: \
                This likely means you aren't using your HTTP library correctly. The OpenAI API expects a JSON payload.)",
            ),
            Fault::Missing("model") => wrong(400, invalid, None, "you must provide a model parameter"),
            Fault::Missing(param) => Wrong {
                status: 400,
                kind: invalid,
                param: Some(param),
                code: Some("missing_required_parameter"),
                message: &format!("Missing required parameter: '{param}'."),
            }
            .answer(),
            Fault::Invalid(param) => Wrong {
                status: 400,
                kind: invalid,
                param: Some(param),
                code: Some("invalid_value"),
                message: &format!("Invalid value for '{param}'."),
            }
            .answer(),
            Fault::TooLarge => wrong(413, invalid, None, "Request body too large."),
            Fault::Provoked(status) => provoked(*status),
        }
    }

    fn dress(&self, call: &Call, answer: &mut Answer) {
        answer.tag("x-request-id", format!("req_standin{:021x}", call.number));
        answer.wear(&[
            ("openai-organization", "org-standin"),
            ("openai-project", "proj_standin"),
            ("openai-processing-ms", "42"),
            ("openai-version", "2020-10-01"),
            ("x-envoy-upstream-service-time", "45"),
            ("x-ratelimit-limit-requests", "10000"),
            ("x-ratelimit-limit-tokens", "2000000"),
            ("x-ratelimit-remaining-requests", "9999"),
            ("x-ratelimit-remaining-tokens", "1999980"),
            ("x-ratelimit-reset-requests", "6ms"),
            ("x-ratelimit-reset-tokens", "17.28s"),
            (
                "set-cookie",
                "__cf_bm=standin-cookie; path=/; domain=.api.openai.com; HttpOnly; Secure; SameSite=None",
            ),
            (
                "set-cookie",
                "_cfuvid=standin-cookie; path=/; domain=.api.openai.com; HttpOnly; Secure; SameSite=None",
            ),
            ("server", "cloudflare"),
            ("cf-ray", "8f2standin0001-AMS"),
            ("cf-cache-status", "DYNAMIC"),
            ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
            ("alt-svc", "h3=\":443\"; ma=86400"),
        ]);
    }
}

/// The endpoint at `path`, which is relative to the base URL: Azure's v1 API has the same ones.
pub(super) fn endpoint(call: &Call, prompt: &Prompt, path: &str) -> Result<Answer, Fault> {
    match (&call.method, path) {
        (&Method::POST, "chat/completions") => chat(call, prompt, call.model(&MODELS)?),
        (&Method::POST, "completions") => completion(call, prompt, call.model(&MODELS)?),
        (&Method::POST, "responses") => responses::respond(call, prompt, call.model(&MODELS)?),
        (&Method::POST, "embeddings") => embeddings(call, call.model(&MODELS)?),
        (&Method::GET, "models") => {
            let models: Vec<Value> = MODELS.into_iter().map(model).collect();
            Ok(Answer::json(StatusCode::OK, &json!({ "object": "list", "data": models })))
        }
        (&Method::GET, path) => {
            let id = path.strip_prefix("models/").ok_or(Fault::UnknownUrl)?;
            Ok(Answer::json(StatusCode::OK, &model(known(id, &MODELS)?)))
        }
        _ => Err(Fault::UnknownUrl),
    }
}

/// `POST /chat/completions`.
pub(super) fn chat(call: &Call, prompt: &Prompt, model: &str) -> Result<Answer, Fault> {
    let ask = call.ask()?;
    if ask["messages"].as_array().is_none_or(Vec::is_empty) {
        return Err(Fault::Missing("messages"));
    }
    let ceiling = ask["max_completion_tokens"].as_u64().or(ask["max_tokens"].as_u64());
    let reply = prompt.reply(ceiling);
    let usage = usage(prompt, &reply);
    let id = format!("chatcmpl-standin{:021x}", call.number);
    if !call.streams() {
        let message =
            json!({ "role": "assistant", "content": reply.text(), "refusal": null, "annotations": [] });
        let choice =
            json!({ "index": 0, "message": message, "logprobs": null, "finish_reason": finish(&reply) });
        return Ok(Answer::json(
            StatusCode::OK,
            &json!({
                "id": id, "object": "chat.completion", "created": CREATED, "model": model, "choices": [choice],
                "usage": usage, "service_tier": "default", "system_fingerprint": "fp_standin",
            }),
        ));
    }

    let chunk = json!({
        "id": id, "object": "chat.completion.chunk", "created": CREATED, "model": model,
        "service_tier": "default", "system_fingerprint": "fp_standin", "choices": [],
    });
    let role = json!({ "role": "assistant", "content": "", "refusal": null });
    let deltas = once((role, Value::Null))
        .chain(reply.words().map(|word| (json!({ "content": word }), Value::Null)))
        .chain(once((json!({}), json!(finish(&reply)))));
    let choices = deltas.map(
        |(delta, finish)| json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }]),
    );
    Ok(stream(chunk, choices, asked_usage(ask).then_some(usage), &reply))
}

/// `POST /completions`.
pub(super) fn completion(call: &Call, prompt: &Prompt, model: &str) -> Result<Answer, Fault> {
    let ask = call.ask()?;
    let reply = prompt.reply(Some(ask["max_tokens"].as_u64().unwrap_or(16)));
    let usage = usage(prompt, &reply);
    let choice = |text: String, finish: Value| json!([{ "index": 0, "text": text, "logprobs": null, "finish_reason": finish }]);
    let mut body = json!({
        "id": format!("cmpl-standin{:021x}", call.number), "object": "text_completion", "created": CREATED,
        "model": model, "system_fingerprint": "fp_standin", "choices": [],
    });
    if call.streams() {
        let choices = reply.words().map(move |word| choice(word, Value::Null));
        let choices = choices.chain(once(choice(String::new(), json!(finish(&reply)))));
        return Ok(stream(body, choices, asked_usage(ask).then_some(usage), &reply));
    }
    body["choices"] = choice(reply.text(), json!(finish(&reply)));
    body["usage"] = usage;
    Ok(Answer::json(StatusCode::OK, &body))
}

/// `POST /embeddings`.
pub(super) fn embeddings(call: &Call, model: &str) -> Result<Answer, Fault> {
    let ask = call.ask()?;
    let inputs = inputs(&ask["input"]).ok_or(Fault::Missing("input"))?;
    let most = if model.starts_with("text-embedding-3-large") { 3072 } else { 1536 };
    let dimensions = match ask["dimensions"].as_u64().map(usize::try_from) {
        None => most,
        Some(Ok(asked)) if (1..=most).contains(&asked) => asked,
        Some(_) => return Err(Fault::Invalid("dimensions")),
    };
    let in_base64 = ask["encoding_format"] == "base64";
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, input)| {
            let vector = embed(input, dimensions);
            let vector = if in_base64 { json!(base64(&vector)) } else { json!(vector) };
            json!({ "object": "embedding", "index": index, "embedding": vector })
        })
        .collect();
    let tokens: usize = inputs.iter().map(|input| tokens_of(input.chars().count())).sum();
    let usage = json!({ "prompt_tokens": tokens, "total_tokens": tokens });
    let body = json!({ "object": "list", "data": data, "model": model, "usage": usage });
    Ok(Answer::json(StatusCode::OK, &body))
}

/// The texts to embed: a text, several, one list of token ids, or several such lists.
fn inputs(input: &Value) -> Option<Vec<String>> {
    match input {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(items) if items.is_empty() => None,
        Value::Array(items) if items.iter().all(Value::is_number) => Some(vec![input.to_string()]),
        Value::Array(items) => Some(
            items.iter().map(|item| if item.is_array() { item.to_string() } else { text(item) }).collect(),
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

/// Chunks that differ in their choices, the usage if it was asked for, and the end mark.
fn stream(
    chunk: Value,
    choices: impl Iterator<Item = Value> + Send + 'static,
    usage: Option<Value>,
    reply: &Reply,
) -> Answer {
    let last = usage.map(|usage| {
        let mut last = chunk.clone();
        last["usage"] = usage;
        data(&last)
    });
    let counts = last.is_some();
    let chunks = choices.map(move |choices| {
        let mut chunk = chunk.clone();
        chunk["choices"] = choices;
        if counts {
            chunk["usage"] = Value::Null;
        }
        data(&chunk)
    });
    let events = chunks.chain(last).chain(once(Bytes::from_static(b"data: [DONE]\n\n")));
    Answer::events(EVENT_STREAM, 1 + reply.tokens / 2, events)
}

fn asked_usage(ask: &Value) -> bool {
    ask["stream_options"]["include_usage"] == true
}

fn finish(reply: &Reply) -> &'static str {
    if reply.truncated { "length" } else { "stop" }
}

fn usage(prompt: &Prompt, reply: &Reply) -> Value {
    json!({
        "prompt_tokens": prompt.tokens,
        "completion_tokens": reply.tokens,
        "total_tokens": prompt.tokens + reply.tokens,
        "prompt_tokens_details": { "cached_tokens": 0, "audio_tokens": 0 },
        "completion_tokens_details": {
            "reasoning_tokens": 0, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        },
    })
}

fn model(id: &str) -> Value {
    json!({ "id": id, "object": "model", "created": CREATED, "owned_by": "system" })
}

/// A key as OpenAI echoes it: its first eight characters and its last four.
fn masked(key: &str) -> String {
    let length = key.chars().count();
    if length < 16 {
        return "*".repeat(length);
    }
    let first: String = key.chars().take(8).collect();
    let last: String = key.chars().skip(length - 4).collect();
    format!("{first}{}{last}", "*".repeat(length - 12))
}

/// What OpenAI says with each status.
fn provoked(status: StatusCode) -> Answer {
    let wrong =
        |kind, param, code, message| Wrong { status: status.as_u16(), message, kind, param, code }.answer();
    let invalid = "invalid_request_error";
    match status.as_u16() {
        400 => wrong(
            invalid,
            Some("messages"),
            Some("context_length_exceeded"),
            "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens. \
             Please reduce the length of the messages.",
        ),
        401 => wrong(
            invalid,
            None,
            Some("invalid_api_key"),
            "Incorrect API key provided: sk-stand*****************here. You can find your API key at \
             https://platform.openai.com/account/api-keys.",
        ),
        403 => wrong(
            "request_forbidden",
            None,
            Some("unsupported_country_region_territory"),
            "Country, region, or territory not supported",
        ),
        404 => wrong(
            invalid,
            None,
            Some("model_not_found"),
            "The model `gpt-standin` does not exist or you do not have access to it.",
        ),
        429 => wrong(
            "requests",
            None,
            Some("rate_limit_exceeded"),
            "Rate limit reached for gpt-4o in organization org-standin on requests per min (RPM): Limit 500, \
             Used 500, Requested 1. Please try again in 1s.",
        )
        .with("retry-after", "1")
        .with("retry-after-ms", "1000"),
        503 => wrong(
            "service_unavailable_error",
            None,
            Some("server_is_overloaded"),
            "The engine is currently overloaded, please try again later",
        ),
        400..=499 => wrong(invalid, None, None, "Your request was rejected."),
        _ => wrong(
            "server_error",
            None,
            None,
            "The server had an error while processing your request. Sorry about that!",
        ),
    }
}

impl Wrong<'_> {
    fn answer(&self) -> Answer {
        let error =
            json!({ "message": self.message, "type": self.kind, "param": self.param, "code": self.code });
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Answer::json(status, &json!({ "error": error }))
    }
}
