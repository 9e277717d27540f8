//! Azure OpenAI: OpenAI's endpoints per deployment (`?api-version=…`) and under `/openai/v1`.

use http::{Method, StatusCode};
use serde_json::json;

use super::answer::Answer;
use super::call::{Call, Dialect, Fault};
use super::openai;
use super::prompt::Prompt;

/// The one deployment that does not exist. Every other name does, since operators choose them freely.
const ABSENT: &str = "absent";

/// Azure's data plane.
pub(super) struct Azure;

impl Dialect for Azure {
    fn key<'c>(&self, call: &'c Call) -> Option<&'c str> {
        call.header("api-key").or_else(|| call.bearer())
    }

    fn answer(&self, call: &Call, prompt: &Prompt) -> Result<Answer, Fault> {
        if let Some(path) = call.path.strip_prefix("/openai/v1/") {
            return openai::endpoint(call, prompt, path);
        }
        call.parameter("api-version").ok_or(Fault::UnknownUrl)?;
        let path = call.path.strip_prefix("/openai/deployments/").ok_or(Fault::UnknownUrl)?;
        let (deployment, path) = path.split_once('/').ok_or(Fault::UnknownUrl)?;
        if deployment == ABSENT {
            return Err(Fault::UnknownModel(deployment.to_owned()));
        }
        let named =
            |otherwise| openai::MODELS.into_iter().find(|model| *model == deployment).unwrap_or(otherwise);
        match (&call.method, path) {
            (&Method::POST, "chat/completions") => openai::chat(call, prompt, named("gpt-4o")),
            (&Method::POST, "completions") => openai::completion(call, prompt, named("gpt-4o")),
            (&Method::POST, "embeddings") => openai::embeddings(call, named("text-embedding-3-small")),
            _ => Err(Fault::UnknownUrl),
        }
    }

    fn refuse(&self, call: &Call, fault: &Fault) -> Answer {
        match fault {
            Fault::KeyMissing | Fault::KeyWrong(_) => wrong(401),
            Fault::UnknownUrl => wrong(404),
            Fault::UnknownModel(_) => error(404, "DeploymentNotFound", NO_DEPLOYMENT),
            // What is wrong inside the body is the model's business, and the model speaks OpenAI.
            Fault::BadJson(_) | Fault::Missing(_) | Fault::Invalid(_) | Fault::TooLarge => {
                openai::OpenAi.refuse(call, fault)
            }
            Fault::Provoked(status) => wrong(status.as_u16()),
        }
    }

    fn dress(&self, call: &Call, answer: &mut Answer) {
        for name in ["apim-request-id", "x-ms-request-id", "x-request-id"] {
            answer.tag(name, format!("57a2d1a0-0000-4000-8000-{:012x}", call.number));
        }
        answer.wear(&[
            ("x-ms-region", "Sweden Central"),
            ("x-ms-deployment-name", "standin"),
            ("azureml-model-session", "d000-standin"),
            ("x-ratelimit-remaining-requests", "249"),
            ("x-ratelimit-remaining-tokens", "249980"),
            ("x-content-type-options", "nosniff"),
            ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
        ]);
    }
}

/// What Azure says with each status.
fn wrong(status: u16) -> Answer {
    match status {
        400 => error(status, "content_filter", FILTERED),
        401 => error(status, "401", KEY_WRONG),
        403 => error(status, "403", "Access denied due to Virtual Network/Firewall rules.")
            .with("policy-id", "ThrowExceptionDueToTrafficDenied"),
        404 => error(status, "404", "Resource not found"),
        429 => error(status, "429", RATE_LIMITED).with("retry-after", "1").with("retry-after-ms", "1000"),
        503 => {
            error(status, "ServiceUnavailable", "The service is temporarily unable to process your request.")
        }
        _ if status < 500 => error(status, "BadRequest", "Your request was rejected."),
        _ => error(status, "InternalServerError", "The server had an error while processing your request."),
    }
}

fn error(status: u16, code: &str, message: &str) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Answer::json(status, &json!({ "error": { "code": code, "message": message } }))
}

const NO_DEPLOYMENT: &str = "The API deployment for this resource does not exist. If you created the \
    deployment within the last 5 minutes, please wait a moment and try again.";

const FILTERED: &str = "The response was filtered due to the prompt triggering Azure OpenAI's content \
    management policy. Please modify your prompt and retry.";

const KEY_WRONG: &str = "Access denied due to invalid subscription key or wrong API endpoint. Make sure to \
    provide a valid key for an active subscription and use a correct regional API endpoint for your \
    resource.";

const RATE_LIMITED: &str = "Requests to the ChatCompletions_Create Operation under Azure OpenAI API have \
    exceeded call rate limit of your current OpenAI S0 pricing tier. Please retry after 1 second.";
