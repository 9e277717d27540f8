//! `POST /responses`: one message of text, whole or as typed events.

use http::StatusCode;
use serde_json::{Value, json};

use super::super::answer::{Answer, typed};
use super::super::call::{Call, Fault, Fields};
use super::super::prompt::{Prompt, Reply};
use super::{CREATED, EVENT_STREAM};

/// Answers with a response object, or with the events that build one.
pub(super) fn respond(call: &Call, prompt: &Prompt, model: &str) -> Result<Answer, Fault> {
    let ask = call.ask()?;
    if ask.at("/input").is_null() && ask.at("/prompt").is_null() {
        return Err(Fault::Missing("input"));
    }
    let reply = prompt.reply(ask.at("/max_output_tokens").as_u64());
    let begun = response(call, ask, model);
    let whole = finished(begun.clone(), call, prompt, &reply);
    if call.streams() {
        Ok(stream(call, &begun, &whole, &reply))
    } else {
        Ok(Answer::json(StatusCode::OK, &whole))
    }
}

/// The events, in the order and with the fields that the SDK's accumulator needs.
fn stream(call: &Call, begun: &Value, whole: &Value, reply: &Reply) -> Answer {
    let item_id = message_id(call);
    let place = json!({ "item_id": item_id, "output_index": 0, "content_index": 0 });
    let at = |kind: &str, more: &[(&str, Value)]| {
        let mut event = place.clone();
        event.put("type", json!(kind));
        for (name, value) in more {
            event.put(name, value.clone());
        }
        event
    };
    let text = reply.text();
    let end = if reply.truncated { "response.incomplete" } else { "response.completed" };
    let opening = [
        json!({ "type": "response.created", "response": begun }),
        json!({ "type": "response.in_progress", "response": begun }),
        json!({ "type": "response.output_item.added", "output_index": 0,
                "item": message(&item_id, "in_progress", &json!([])) }),
        at("response.content_part.added", &[("part", part(""))]),
    ];
    let closing = [
        at("response.output_text.done", &[("text", json!(text)), ("logprobs", json!([]))]),
        at("response.content_part.done", &[("part", part(&text))]),
        json!({ "type": "response.output_item.done", "output_index": 0, "item": whole.at("/output/0") }),
        json!({ "type": end, "response": whole }),
    ];
    let delta = at("response.output_text.delta", &[("logprobs", json!([]))]);
    let deltas = reply.words().map(move |word| {
        let mut delta = delta.clone();
        delta.put("delta", json!(word));
        delta
    });
    let events = opening.into_iter().chain(deltas).chain(closing).enumerate().map(|(number, mut event)| {
        event.put("sequence_number", json!(number));
        typed(&event)
    });
    Answer::events(EVENT_STREAM, 4 + reply.tokens / 2, events)
}

/// The response as it is when it begins.
fn response(call: &Call, ask: &Value, model: &str) -> Value {
    let given =
        |field: &str, or: Value| ask.get(field).filter(|value| !value.is_null()).cloned().unwrap_or(or);
    json!({
        "id": format!("resp_standin{:021x}", call.number),
        "object": "response",
        "created_at": CREATED,
        "status": "in_progress",
        "background": false,
        "error": null,
        "incomplete_details": null,
        "instructions": ask.at("/instructions"),
        "max_output_tokens": ask.at("/max_output_tokens"),
        "max_tool_calls": null,
        "metadata": given("metadata", json!({})),
        "model": model,
        "output": [],
        "parallel_tool_calls": given("parallel_tool_calls", json!(true)),
        "previous_response_id": ask.at("/previous_response_id"),
        "reasoning": { "effort": null, "summary": null },
        "service_tier": "default",
        "store": given("store", json!(true)),
        "temperature": given("temperature", json!(1.0)),
        "text": given("text", json!({ "format": { "type": "text" }, "verbosity": "medium" })),
        "tool_choice": given("tool_choice", json!("auto")),
        "tools": given("tools", json!([])),
        "top_logprobs": 0,
        "top_p": given("top_p", json!(1.0)),
        "truncation": "disabled",
        "usage": null,
        "user": null,
    })
}

/// The same response with its message, its end and what it cost.
fn finished(mut response: Value, call: &Call, prompt: &Prompt, reply: &Reply) -> Value {
    let status = if reply.truncated { "incomplete" } else { "completed" };
    response.put("status", json!(status));
    response.put("output", json!([message(&message_id(call), status, &json!([part(&reply.text())]))]));
    response.put(
        "usage",
        json!({
            "input_tokens": prompt.tokens,
            "input_tokens_details": { "cached_tokens": 0, "cache_write_tokens": 0 },
            "output_tokens": reply.tokens,
            "output_tokens_details": { "reasoning_tokens": 0 },
            "total_tokens": prompt.tokens + reply.tokens,
        }),
    );
    if reply.truncated {
        response.put("incomplete_details", json!({ "reason": "max_output_tokens" }));
    }
    response
}

fn message_id(call: &Call) -> String {
    format!("msg_standin{:021x}", call.number)
}

fn message(id: &str, status: &str, content: &Value) -> Value {
    json!({ "id": id, "type": "message", "status": status, "role": "assistant", "content": content })
}

fn part(text: &str) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })
}
