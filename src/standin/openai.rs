//! OpenAI: chat, completions, responses, embeddings and models under `/v1`.

mod responses;
mod wrong;

use std::iter::once;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::answer::{Answer, data};
use super::call::{Call, Dialect, Fault, Fields, known};
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

impl Dialect for OpenAi {
    fn key<'c>(&self, call: &'c Call) -> Option<&'c str> {
        call.bearer()
    }

    fn answer(&self, call: &Call, prompt: &Prompt) -> Result<Answer, Fault> {
        endpoint(call, prompt, call.path.strip_prefix("/v1/").ok_or(Fault::UnknownUrl)?)
    }

    fn refuse(&self, call: &Call, fault: &Fault) -> Answer {
        wrong::refuse(call, fault)
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
    if let Some(answer) = super::files::openai(call, path) {
        return answer;
    }
    match (&call.method, path) {
        (&Method::POST, "chat/completions") => chat(call, prompt, call.model(&MODELS)?),
        (&Method::POST, "completions") => completion(call, prompt, call.model(&MODELS)?),
        (&Method::POST, "responses") => responses::respond(call, prompt, call.model(&MODELS)?),
        (&Method::POST, "responses/input_tokens") => {
            let counted = json!({ "object": "response.input_tokens", "input_tokens": prompt.tokens });
            Ok(Answer::json(StatusCode::OK, &counted))
        }
        (&Method::POST, "embeddings") => embeddings(call, call.model(&MODELS)?),
        (&Method::POST, "moderations") => {
            let verdict = json!({ "flagged": false, "categories": {}, "category_scores": {} });
            let answer = json!({ "id": "modr-1", "model": "omni-moderation-latest", "results": [verdict] });
            Ok(Answer::json(StatusCode::OK, &answer))
        }
        (&Method::GET, "files" | "batches" | "vector_stores") => {
            let none =
                json!({ "object": "list", "data": [], "first_id": null, "last_id": null, "has_more": false });
            Ok(Answer::json(StatusCode::OK, &none))
        }
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
    if ask.at("/messages").as_array().is_none_or(Vec::is_empty) {
        return Err(Fault::Missing("messages"));
    }
    let ceiling = ask.at("/max_completion_tokens").as_u64().or(ask.at("/max_tokens").as_u64());
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
                "id": id, "object": "chat.completion", "created": CREATED, "model": model,
                "choices": [choice],
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
    let reply = prompt.reply(Some(ask.at("/max_tokens").as_u64().unwrap_or(16)));
    let usage = usage(prompt, &reply);
    let choice = |text: String, finish: Value| {
        json!([{ "index": 0, "text": text, "logprobs": null,
        "finish_reason": finish }])
    };
    let mut body = json!({
        "id": format!("cmpl-standin{:021x}", call.number), "object": "text_completion", "created": CREATED,
        "model": model, "system_fingerprint": "fp_standin", "choices": [],
    });
    if call.streams() {
        let choices = reply.words().map(move |word| choice(word, Value::Null));
        let choices = choices.chain(once(choice(String::new(), json!(finish(&reply)))));
        return Ok(stream(body, choices, asked_usage(ask).then_some(usage), &reply));
    }
    body.put("choices", choice(reply.text(), json!(finish(&reply))));
    body.put("usage", usage);
    Ok(Answer::json(StatusCode::OK, &body))
}

/// `POST /embeddings`.
pub(super) fn embeddings(call: &Call, model: &str) -> Result<Answer, Fault> {
    let ask = call.ask()?;
    let inputs = inputs(ask.at("/input")).ok_or(Fault::Missing("input"))?;
    let most = if model.starts_with("text-embedding-3-large") { 3072 } else { 1536 };
    let dimensions = match ask.at("/dimensions").as_u64().map(usize::try_from) {
        None => most,
        Some(Ok(asked)) if (1..=most).contains(&asked) => asked,
        Some(_) => return Err(Fault::Invalid("dimensions")),
    };
    let in_base64 = ask.at("/encoding_format") == "base64";
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
        last.put("usage", usage);
        data(&last)
    });
    let counts = last.is_some();
    let chunks = choices.map(move |choices| {
        let mut chunk = chunk.clone();
        chunk.put("choices", choices);
        if counts {
            chunk.put("usage", Value::Null);
        }
        data(&chunk)
    });
    let events = chunks.chain(last).chain(once(Bytes::from_static(b"data: [DONE]\n\n")));
    Answer::events(EVENT_STREAM, 1 + reply.tokens / 2, events)
}

fn asked_usage(ask: &Value) -> bool {
    ask.at("/stream_options/include_usage") == true
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
