//! `portcullis learn`: the least configuration that allows what a project did.

use std::fmt::Write as _;

use serde_json::json;

use super::denials::{Place, moment};
use super::{FAILED, FINE, complain, say};
use crate::learn::Seen;
use crate::store::read::{Failed, Reader};

/// Prints what covers a project's requests since a time in milliseconds since 1970.
#[must_use]
pub fn run(place: &Place, project: &str, since: i64, as_json: bool) -> u8 {
    let reader = match place.open() {
        Ok(reader) => reader,
        Err((why, code)) => {
            complain(&why);
            return code;
        }
    };
    match learnt(&reader, project, since) {
        Ok(seen) if seen.requests == 0 => {
            let denied = match seen.denied {
                0 => "it sent none".to_owned(),
                many => {
                    format!("all its {many} were denied: let its rules observe first, mode = \"observe\"")
                }
            };
            complain(&format!("no request of project '{project}' passed: {denied}"));
            FAILED
        }
        Ok(seen) if as_json => {
            let networks: Vec<String> = seen.networks.iter().map(ToString::to_string).collect();
            let told = json!({
                "project": project,
                "requests": seen.requests,
                "would_deny": seen.would_deny,
                "denied": seen.denied,
                "keys": seen.keys,
                "upstreams": seen.upstreams,
                "scopes": seen.scopes,
                "models": seen.models,
                "allow_ips": networks,
                "most_in_a_minute": seen.most_in_a_minute,
                "toml": seen.toml(project),
            });
            say(&format!("{told:#}"));
            FINE
        }
        Ok(seen) => {
            say(told(&seen, project).trim_end());
            FINE
        }
        Err(error) => {
            complain(&format!("the store cannot be read: {error}"));
            FAILED
        }
    }
}

fn learnt(reader: &Reader, project: &str, since: i64) -> Result<Seen, Failed> {
    let decisions = reader.decisions(Some(project), since)?;
    Ok(Seen::gather(&decisions, reader.peak(project, since)?))
}

fn told(seen: &Seen, project: &str) -> String {
    let keys: Vec<&str> = seen.keys.iter().map(String::as_str).collect();
    let mut out = format!(
        "# covers {} requests of {}, the last at {} UTC",
        seen.requests,
        keys.join(", "),
        moment(seen.last)
    );
    let _ = match seen.would_deny {
        0 => writeln!(out, "\n# no observed rule would have denied any of them"),
        many => writeln!(out, "\n# {many} of them an observed rule would have denied"),
    };
    if seen.denied > 0 {
        let _ = writeln!(
            out,
            "# denied, and so not covered: {} (portcullis denials --project {project})",
            seen.denied
        );
    }
    out.push_str(&seen.toml(project));
    out
}
