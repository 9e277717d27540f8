//! Cohere: chat, embeddings and reranking as its second API has them, below `/v2/`.

use std::collections::HashSet;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::answer::{Answer, typed};
use super::call::{Call, Dialect, Fault, Fields};
use super::embedding::embed;
use super::prompt::{Prompt, Reply};

/// Every model the stand-in knows in this dialect.
const CHAT: [&str; 2] = ["command-a", "command-r7b"];
const EMBED: [&str; 1] = ["embed-v4.0"];
const RERANK: [&str; 1] = ["rerank-v3.5"];

/// Cohere's API.
pub(super) struct Cohere;

impl Dialect for Cohere {
    fn key<'c>(&self, call: &'c Call) -> Option<&'c str> {
        call.bearer()
    }

    fn answer(&self, call: &Call, prompt: &Prompt) -> Result<Answer, Fault> {
        match (&call.method, call.path.as_str()) {
            (&Method::POST, "/v2/chat") => {
                call.model(&CHAT)?;
                chat(call, prompt)
            }
            (&Method::POST, "/v2/embed") => {
                call.model(&EMBED)?;
                embeddings(call)
            }
            (&Method::POST, "/v2/rerank") => {
                call.model(&RERANK)?;
                rerank(call)
            }
            _ => Err(Fault::UnknownUrl),
        }
    }

    fn refuse(&self, call: &Call, fault: &Fault) -> Answer {
        match fault {
            Fault::KeyMissing => error(call, 401, "no api key supplied"),
            Fault::KeyWrong(_) => error(call, 401, "invalid api token"),
            Fault::UnknownUrl => error(call, 404, "404 page not found"),
            Fault::UnknownModel(model) => error(call, 404, &format!("model '{model}' not found")),
            Fault::BadJson(wrong) => error(call, 400, &format!("invalid request: {wrong}")),
            Fault::Missing(field) => error(call, 400, &format!("invalid request: {field} is required")),
            Fault::Invalid(field) => error(call, 400, &format!("invalid request: {field} is not valid")),
            Fault::TooLarge => error(call, 413, "request body is too large"),
            Fault::Provoked(status) => match status.as_u16() {
                401 => error(call, 401, "invalid api token"),
                403 => error(call, 403, "your api key is not allowed to use this endpoint"),
                429 => error(call, 429, "too many requests, try again later").with("retry-after", "1"),
                status if status < 500 => error(call, status, "invalid request"),
                status => error(call, status, "internal server error"),
            },
        }
    }

    fn dress(&self, call: &Call, answer: &mut Answer) {
        answer.tag("x-debug-trace-id", format!("standin{:025x}", call.number));
        answer.wear(&[
            ("x-endpoint-monthly-call-limit", "1000"),
            ("x-trial-endpoint-call-limit", "20"),
            ("x-trial-endpoint-call-remaining", "19"),
            ("num_tokens", "12"),
            ("via", "1.1 google"),
            ("server", "envoy"),
            ("x-envoy-upstream-service-time", "45"),
            ("alt-svc", "h3=\":443\"; ma=2592000"),
        ]);
    }
}

/// `POST /v2/chat`.
fn chat(call: &Call, prompt: &Prompt) -> Result<Answer, Fault> {
    let ask = call.ask()?;
    if ask.at("/messages").as_array().is_none_or(Vec::is_empty) {
        return Err(Fault::Missing("messages"));
    }
    let reply = prompt.reply(ask.at("/max_tokens").as_u64());
    if call.streams() {
        return Ok(stream(call, prompt, &reply));
    }
    let message = json!({ "role": "assistant", "content": [{ "type": "text", "text": reply.text() }] });
    let answer = json!({
        "id": id(call), "finish_reason": finish(&reply), "message": message, "usage": usage(prompt, &reply),
    });
    Ok(Answer::json(StatusCode::OK, &answer))
}

/// The events of a message with one block of text.
fn stream(call: &Call, prompt: &Prompt, reply: &Reply) -> Answer {
    let opened =
        json!({ "role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": [] });
    let opening = [
        json!({ "type": "message-start", "id": id(call), "delta": { "message": opened } }),
        json!({ "type": "content-start", "index": 0,
                "delta": { "message": { "content": { "type": "text", "text": "" } } } }),
    ];
    let closing = [
        json!({ "type": "content-end", "index": 0 }),
        json!({ "type": "message-end",
                "delta": { "finish_reason": finish(reply), "usage": usage(prompt, reply) } }),
    ];
    let deltas = reply.words().map(|word| {
        json!({ "type": "content-delta", "index": 0, "delta": { "message": { "content": { "text": word } } } })
    });
    let events = opening.into_iter().chain(deltas).chain(closing).map(|event| typed(&event));
    Answer::events("text/event-stream", 2 + reply.tokens / 2, events)
}

/// `POST /v2/embed`: floats only.
fn embeddings(call: &Call) -> Result<Answer, Fault> {
    let ask = call.ask()?;
    let texts = texts(ask.at("/texts")).ok_or(Fault::Missing("texts"))?;
    if ask.at("/input_type").is_null() {
        return Err(Fault::Missing("input_type"));
    }
    let vectors: Vec<Value> = texts.iter().map(|text| json!(embed(text, 1536))).collect();
    let answer = json!({
        "id": id(call), "response_type": "embeddings_by_type", "texts": texts,
        "embeddings": { "float": vectors }, "meta": meta(),
    });
    Ok(Answer::json(StatusCode::OK, &answer))
}

/// `POST /v2/rerank`: a document's score is the share of the query's words that it holds.
fn rerank(call: &Call) -> Result<Answer, Fault> {
    let ask = call.ask()?;
    let query = ask.at("/query").as_str().ok_or(Fault::Missing("query"))?;
    let documents = texts(ask.at("/documents")).ok_or(Fault::Missing("documents"))?;
    let wanted = words(query);
    let score = |document: &str| {
        let found = words(document).intersection(&wanted).count();
        f64::from(u32::try_from(found).unwrap_or(u32::MAX))
            / f64::from(u32::try_from(wanted.len().max(1)).unwrap_or(u32::MAX))
    };
    let mut ranked: Vec<(usize, f64)> =
        documents.iter().enumerate().map(|(index, document)| (index, score(document))).collect();
    ranked.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let most = ask.at("/top_n").as_u64().and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
    let results: Vec<Value> = ranked
        .into_iter()
        .take(most)
        .map(|(index, score)| json!({ "index": index, "relevance_score": score }))
        .collect();
    Ok(Answer::json(StatusCode::OK, &json!({ "id": id(call), "results": results, "meta": meta() })))
}

/// A list of texts that is not empty.
fn texts(list: &Value) -> Option<Vec<String>> {
    let texts: Option<Vec<String>> =
        list.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect();
    texts.filter(|texts| !texts.is_empty())
}

fn words(text: &str) -> HashSet<String> {
    let words = text.split(|letter: char| !letter.is_alphanumeric());
    words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

fn finish(reply: &Reply) -> &'static str {
    if reply.truncated { "MAX_TOKENS" } else { "COMPLETE" }
}

fn usage(prompt: &Prompt, reply: &Reply) -> Value {
    let tokens = json!({ "input_tokens": prompt.tokens, "output_tokens": reply.tokens });
    json!({ "billed_units": tokens, "tokens": tokens })
}

fn meta() -> Value {
    json!({ "api_version": { "version": "2" }, "billed_units": { "input_tokens": 4 } })
}

fn error(call: &Call, status: u16, message: &str) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Answer::json(status, &json!({ "id": id(call), "message": message }))
}

fn id(call: &Call) -> String {
    format!("57a2d1a0-0000-4000-8000-{:012x}", call.number)
}
