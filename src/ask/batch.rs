//! Batches: which endpoint they call, and whether their files were checked.
//!
//! 1. Whoever makes a batch needs the scope of the endpoint that it calls.
//! 2. The models of a batch stand in the lines of a file that was sent before. A project that may use only
//!    listed models may name a file only if the gate has checked it for that project, by today's rules.
//! 4. A file that is sent in parts cannot be checked, so such a project sends none for a batch.

use serde_json::Value;

use super::rules::Rules;
use crate::body::Frames;
use crate::denial::{Denial, Reason};

/// Judges the JSON body of an endpoint whose models stand in files. It was read before: no name stands twice.
pub(super) fn judge(rules: &Rules, has_model: bool, frames: &Frames) -> Result<(), Denial> {
    let body: Value = serde_json::from_slice(&frames.joined()).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    if let Some(endpoint) = body.get("endpoint") {
        let wrong = || Denial::built_in(Reason::BodyInvalid).because("'endpoint' is not a string");
        rules.url(endpoint.as_str().ok_or_else(wrong)?)?;
    }
    if rules.open {
        return Ok(());
    }
    match rules.endpoint.name {
        "uploads.create" => match text("purpose") {
            Some(purpose) if purpose != "batch" => Ok(()),
            _ => Err(rules.unknowable("a file that is sent in parts cannot be checked line by line")),
        },
        "batches.create" => match text("input_file_id") {
            Some(id) if rules.is_checked(id) => Ok(()),
            _ => Err(unchecked(rules)),
        },
        _ => {
            let files = match body.get("input_files") {
                None | Some(Value::Null) => &[],
                Some(Value::Array(files)) => files.as_slice(),
                Some(_) => return Err(unchecked(rules)),
            };
            if !has_model || body.get("agent_id").is_some_and(|agent| !agent.is_null()) {
                return Err(
                    rules.unknowable("a job that names an agent, or no model, does not say which it uses")
                );
            }
            if files.iter().all(|id| id.as_str().is_some_and(|id| rules.is_checked(id))) {
                return Ok(());
            }
            Err(unchecked(rules))
        }
    }
}

fn unchecked(rules: &Rules) -> Denial {
    rules.unknowable(
        "the batch's file was not sent through this gate under its present rules, or long ago: send it again",
    )
}
