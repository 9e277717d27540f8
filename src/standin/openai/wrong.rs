//! What OpenAI says when something is wrong.

use http::StatusCode;
use serde_json::json;

use super::super::answer::Answer;
use super::super::call::{Call, Fault};

const INVALID: &str = "invalid_request_error";

/// The error object for a fault.
pub(super) fn refuse(call: &Call, fault: &Fault) -> Answer {
    match fault {
        Fault::KeyMissing => error(401, INVALID, None, None, KEY_MISSING),
        Fault::KeyWrong(key) => key_wrong(&masked(key)),
        Fault::UnknownUrl => {
            error(404, INVALID, None, None, &format!("Invalid URL ({} {})", call.method, call.path))
        }
        Fault::UnknownModel(model) => model_unknown(model),
        Fault::BadJson(_) => error(400, INVALID, None, None, BAD_JSON),
        Fault::Missing("model") => error(400, INVALID, None, None, "you must provide a model parameter"),
        Fault::Missing(param) => {
            let message = format!("Missing required parameter: '{param}'.");
            error(400, INVALID, Some(param), Some("missing_required_parameter"), &message)
        }
        Fault::Invalid(param) => {
            let message = format!("Invalid value for '{param}'.");
            error(400, INVALID, Some(param), Some("invalid_value"), &message)
        }
        Fault::TooLarge => error(413, INVALID, None, None, "Request body too large."),
        Fault::Provoked(status) => provoked(status.as_u16()),
    }
}

/// What OpenAI says with each status.
fn provoked(status: u16) -> Answer {
    match status {
        400 => error(status, INVALID, Some("messages"), Some("context_length_exceeded"), TOO_LONG),
        401 => key_wrong("sk-stand*****************here"),
        403 => {
            let code = "unsupported_country_region_territory";
            let message = "Country, region, or territory not supported";
            error(status, "request_forbidden", None, Some(code), message)
        }
        404 => model_unknown("gpt-standin"),
        429 => error(status, "requests", None, Some("rate_limit_exceeded"), RATE_LIMITED)
            .with("retry-after", "1")
            .with("retry-after-ms", "1000"),
        503 => {
            let message = "The engine is currently overloaded, please try again later";
            error(status, "service_unavailable_error", None, Some("server_is_overloaded"), message)
        }
        _ if status < 500 => error(status, INVALID, None, None, "Your request was rejected."),
        _ => error(status, "server_error", None, None, SERVER_ERROR),
    }
}

fn key_wrong(masked: &str) -> Answer {
    let message = format!(
        "Incorrect API key provided: {masked}. You can find your API key at \
         https://platform.openai.com/account/api-keys."
    );
    error(401, INVALID, None, Some("invalid_api_key"), &message)
}

fn model_unknown(model: &str) -> Answer {
    let message = format!("The model `{model}` does not exist or you do not have access to it.");
    error(404, INVALID, None, Some("model_not_found"), &message)
}

/// OpenAI's error object.
fn error(status: u16, kind: &str, param: Option<&str>, code: Option<&str>, message: &str) -> Answer {
    let error = json!({ "message": message, "type": kind, "param": param, "code": code });
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Answer::json(status, &json!({ "error": error }))
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

const KEY_MISSING: &str = "You didn't provide an API key. You need to provide your API key in an \
    Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).";

const BAD_JSON: &str = "We could not parse the JSON body of your request. (HINT: This likely means you \
    aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was \
    not valid JSON.)";

const TOO_LONG: &str = "This model's maximum context length is 128000 tokens. However, your messages \
    resulted in 130000 tokens. Please reduce the length of the messages.";

const RATE_LIMITED: &str = "Rate limit reached for gpt-4o in organization org-standin on requests per min \
    (RPM): Limit 500, Used 500, Requested 1. Please try again in 1s.";

const SERVER_ERROR: &str = "The server had an error while processing your request. Sorry about that!";
