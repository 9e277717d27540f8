//! From an untyped value to the shape as written, strictly, and with every mistake at once.
//!
//! `serde` stops at the first mistake. So the mistake is recorded, the value that caused it is
//! taken out, and the rest is read again, until all of it fits.

use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use super::fault::Place;
use super::load::PREFIX;
use super::place::{Part, child, item};
use super::value::a_year_ahead;
use super::variable::{self, did_you_mean};
use super::work::Work;
use super::written::Written;
use crate::clock::Moment;

/// More mistakes than this are not looked for.
const MOST: usize = 200;

/// The word that `serde` would offer for a project's key though it is only there to explain why it cannot be used.
/// Elsewhere, as in `tls`, it is a setting like others.
const HIDDEN: &str = "key";

/// Reads the value; what did not fit is missing from the result and recorded as a fault.
pub(super) fn shaped(mut value: Value, work: &mut Work<'_>) -> Option<Written> {
    for _ in 0..MOST {
        let error = match serde_path_to_error::deserialize::<_, Written>(&value) {
            Ok(written) => return Some(written),
            Err(error) => error,
        };
        let message = error.inner().to_string();
        let path = dotted(error.path());
        let unknown = message.starts_with("unknown field");
        record(&message, &path, error.path(), work);
        let segments: Vec<Segment> = error.path().iter().cloned().collect();
        if !take_out(&mut value, &segments, unknown) {
            return None;
        }
    }
    let mend = "mend these first, then check again";
    work.wrong("", &format!("there are more than {MOST} mistakes; the others are not shown"), mend);
    None
}

fn dotted(path: &Path) -> String {
    path.iter().fold(String::new(), |path, segment| match segment {
        Segment::Seq { index } => item(&path, *index),
        Segment::Map { key } | Segment::Enum { variant: key } => child(&path, key),
        Segment::Unknown => path,
    })
}

fn last_key(path: &Path) -> &str {
    path.iter().filter_map(map_key).next_back().unwrap_or_default()
}

/// Whether this is a setting of a project's key.
fn in_a_key(at: &Path) -> bool {
    let segments: Vec<&Segment> = at.iter().collect();
    matches!(&*segments, [.., Segment::Map { key: list }, Segment::Seq { .. }, _] if list == "keys")
}

/// Turns a message of `serde` into a fault. The value itself is never repeated: it may be a secret.
fn record(message: &str, path: &str, at: &Path, work: &mut Work<'_>) {
    let key = last_key(at);
    let expected = message.rsplit_once(", expected ").map_or("", |(_, expected)| expected);
    let words = || -> Vec<&str> {
        let words = expected.split('`').skip(1).step_by(2);
        words.filter(|word| *word != HIDDEN || !in_a_key(at)).collect()
    };
    if message.starts_with("unknown field") {
        let meant = match work.places.place(path, Part::Key) {
            Some(Place::Variable { variable }) => variable::meant(&variable),
            Some(Place::Text { .. }) | None => None,
        };
        let mend = meant.map_or_else(|| suggestion(key, &words()), |meant| did_you_mean(&meant));
        work.wrong_at(path, Part::Key, &format!("there is no setting `{key}` here"), &mend);
    } else if message.starts_with("unknown variant") {
        let given = message.split('`').nth(1).unwrap_or_default();
        let what = format!("`{key}` cannot be `{given}`");
        work.wrong(path, &what, &suggestion(given, &words()));
    } else {
        let (wanted, mend) = match work.places.place(path, Part::Value) {
            Some(Place::Variable { .. }) => (
                wanted(expected).replace(" in quotes", ""),
                in_a_variable(path, &example(at, expected, work.now)),
            ),
            Some(Place::Text { .. }) | None => (wanted(expected), like(&example(at, expected, work.now))),
        };
        let what = if let Some(found) = message.strip_prefix("invalid type: ") {
            format!("`{key}` must be {wanted}, not {}", kind(found))
        } else if message.starts_with("invalid value: ") {
            format!("`{key}` must be {wanted}")
        } else {
            format!("`{key}` is not written as it must be")
        };
        work.wrong(path, &what, &mend);
    }
}

fn like(example: &str) -> String {
    format!("write it like `{example}`")
}

/// How a variable that sets this is written, by an example of a file: bare, and one for each setting of a table.
fn in_a_variable(path: &str, example: &str) -> String {
    let setting = path.trim_end_matches(|c: char| c == ']' || c == '[' || c.is_ascii_digit());
    let name = format!("{PREFIX}{}", setting.replace('.', "__").to_uppercase());
    let Some((_, value)) = example.split_once(" = ") else {
        return match example.strip_prefix("[[") {
            Some(_) => format!("no variable reaches into this list: write {example} in a file"),
            None => {
                format!("a variable sets one value, not a table: name the setting as well, as {name}__KEY")
            }
        };
    };
    match value.strip_prefix("{ ").and_then(|table| table.split_once(" = ")) {
        Some((first, _)) => {
            let first = first.to_uppercase();
            format!("a variable sets one value, not a table: set each by its own, such as {name}__{first}")
        }
        None => like(&format!("{name}={}", value.replace(['[', ']', '"'], "").replace(", ", ","))),
    }
}

/// How many words are listed at most. Only scopes are more.
const MOST_SHOWN: usize = 40;

/// The word that is probably meant.
#[must_use]
pub fn nearest<'w>(given: &str, words: &[&'w str]) -> Option<&'w str> {
    let close = |word: &&&str| strsim::damerau_levenshtein(given, word) <= 1 + given.len() / 4;
    words.iter().filter(close).min_by_key(|word| strsim::damerau_levenshtein(given, word)).copied()
}

/// What is probably meant, or what there is.
pub(super) fn suggestion(given: &str, words: &[&str]) -> String {
    match nearest(given, words) {
        Some(word) => format!("did you mean `{word}`?"),
        None if words.is_empty() => "remove it".to_owned(),
        None if words.len() > MOST_SHOWN => "`portcullis scopes` lists them".to_owned(),
        None => format!("there is: {}", words.join(", ")),
    }
}

fn kind(found: &str) -> &'static str {
    match found.split([' ', '`', ',']).next().unwrap_or_default() {
        "string" => "a text",
        "integer" => "a number",
        "floating" => "a number with a fraction",
        "boolean" => "true or false",
        "sequence" => "a list",
        "map" => "a table",
        _ => "this",
    }
}

fn wanted(expected: &str) -> String {
    match expected.split(' ').next().unwrap_or_default() {
        "a" if expected == "a string" => "a text in quotes".to_owned(),
        "a" if expected == "a sequence" => "a list".to_owned(),
        "a" if expected == "a map" => "a table".to_owned(),
        "a" if expected == "a boolean" => "true or false".to_owned(),
        "string" => "a text in quotes".to_owned(),
        "struct" => "a table".to_owned(),
        "u8" | "u32" | "usize" | "u64" => "a whole number that is not negative".to_owned(),
        _ => expected.to_owned(),
    }
}

/// A setting as it is written: as what is wanted of this one, since others have the same name elsewhere.
fn example(at: &Path, expected: &str, now: Moment) -> String {
    let keys: Vec<&str> = at.iter().filter_map(map_key).collect();
    let key = child("", keys.last().copied().unwrap_or_default());
    match &*keys {
        [] => "[server]".to_owned(),
        [section] => section_like(section),
        [section @ ("upstreams" | "projects" | "models" | "prices"), name] => {
            format!("[{}]", child(section, name))
        }
        [.., "keys"] => "[[projects.NAME.keys]]".to_owned(),
        [.., "credentials"] => "[[upstreams.NAME.credentials]]".to_owned(),
        [.., "limits", "models"] => r#"models = { gpt-4o = { requests = "60/min" } }"#.to_owned(),
        [.., "limits", "models", _] => format!(r#"{key} = {{ requests = "60/min" }}"#),
        [.., "headers", "anthropic-version"] => r#"anthropic-version = "2023-06-01""#.to_owned(),
        [.., "headers", _] => format!(r#"{key} = "…""#),
        ["prices", _, "like"] => r#"like = "openai/gpt-4o""#.to_owned(),
        ["prices", _, "free"] => "free = true".to_owned(),
        ["prices", _, _] => format!(r#"{key} = "2.50""#),
        ["admin", "listen"] => r#"listen = "127.0.0.1:9090""#.to_owned(),
        ["store", "path"] => r#"path = "/var/lib/portcullis/store.db""#.to_owned(),
        ["store", "max_age"] => r#"max_age = "30d""#.to_owned(),
        ["upstreams", _, "project"] => r#"project = "my-project""#.to_owned(),
        [.., "expires" | "not_before"] => format!("{key} = {}", a_year_ahead(now)),
        [.., name, "list"] => format!("list = {}", usual(name).unwrap_or(r#"["…"]"#)),
        [.., name] => match usual(name) {
            Some(example) => format!("{key} = {example}"),
            None => format!("{key} = {}", any(expected)),
        },
    }
}

const fn map_key(segment: &Segment) -> Option<&str> {
    match segment {
        Segment::Map { key } => Some(key.as_str()),
        Segment::Seq { .. } | Segment::Enum { .. } | Segment::Unknown => None,
    }
}

fn section_like(section: &str) -> String {
    match section {
        "upstreams" => "[upstreams.openai]".to_owned(),
        "projects" | "models" => format!("[{section}.NAME]"),
        "prices" => r#"[prices."openai/gpt-4o"]"#.to_owned(),
        "expect" => "[[expect]]".to_owned(),
        _ => format!("[{section}]"),
    }
}

/// What can stand in a setting of this name.
fn usual(name: &str) -> Option<&'static str> {
    Some(match name {
        "tls" => r#"{ cert = "file:/path/cert.pem", key = "file:/path/key.pem" }"#,
        "cert" => r#""file:/path/cert.pem""#,
        "key" => r#""file:/path/key.pem""#,
        "client_ca" => r#""file:/path/ca.pem""#,
        "client_auth" => r#""required""#,
        "ca_file" => r#""/path/ca.pem""#,
        "listen" => r#""127.0.0.1:8080""#,
        "socket_mode" => r#""600""#,
        "trusted_proxies" => r#"["10.0.0.0/8"]"#,
        "forwarded_header" => r#""x-forwarded-for""#,
        "allow_ips" => r#"["10.20.0.0/16"]"#,
        "max_body" => r#""32 MiB""#,
        "max_held" => r#""1 GiB""#,
        "max_upload" => r#""4 GiB""#,
        "max_size" => r#""256 MiB""#,
        "min_upload_rate" => r#""1 KiB""#,
        "body_timeout" | "header_timeout" | "write_timeout" | "drain" | "connect_timeout"
        | "response_timeout" | "idle_timeout" | "pool_idle" | "max_connection_age" | "queue_timeout"
        | "pause" | "longest_pause" => r#""60s""#,
        "max_age" => r#""10m""#,
        "usage_max_age" => r#""400d""#,
        "workers"
        | "max_connections"
        | "max_connections_per_ip"
        | "max_in_flight"
        | "max_queued"
        | "concurrency" => "64",
        "weight" => "1",
        "breaker" => "{ failures = 10, statuses = [502, 503, 504, 529] }",
        "failures" => "10",
        "statuses" => "[502, 503, 504, 529]",
        "proxy" => r#""http://proxy.example:3128""#,
        "proxy_credentials" => r#""env:PROXY_LOGIN""#,
        "format" => r#""json""#,
        "level" => r#""info""#,
        "repeats" => r#""counted""#,
        "url" => r#""rediss://limits.example""#,
        "user" | "sentinel_user" | "prefix" => r#""portcullis""#,
        "password" | "sentinel_password" => r#""env:LIMITS_PASSWORD""#,
        "on_failure" | "rates" | "money" => r#""deny""#,
        "time_zone" => r#""Europe/Berlin""#,
        "default_output" | "max_tokens" => "4096",
        "unpriced" => r#""refuse""#,
        "warn_at" => "[80, 95]",
        "token" => r#""env:PORTCULLIS_ADMIN_TOKEN""#,
        "provider" | "upstream" => r#""openai""#,
        "base_url" => r#""https://llm.example.com/v1""#,
        "region" => r#""eu-central-1""#,
        "location" => r#""europe-west4""#,
        "quota_project" => r#""my-project""#,
        "secret" => r#""env:OPENAI_API_KEY""#,
        "aws" => r#"{ profile = "prod" }` or `aws = "instance""#,
        "profile" => r#""prod""#,
        "access_key_id" => r#""env:AWS_ACCESS_KEY_ID""#,
        "secret_access_key" => r#""env:AWS_SECRET_ACCESS_KEY""#,
        "session_token" => r#""env:AWS_SESSION_TOKEN""#,
        "google" => r#"{ service_account = "file:/run/secrets/sa.json" }` or `google = "metadata""#,
        "service_account" => r#""file:/run/secrets/sa.json""#,
        "azure" => r#""managed-identity""#,
        "client_secret" => r#""env:AZURE_CLIENT_SECRET""#,
        "authority" => r#""https://login.microsoftonline.com""#,
        "upstreams" => r#"["openai"]"#,
        "scopes" => r#"["chat", "embeddings"]"#,
        "models" => r#"["gpt-4o-mini"]"#,
        "mode" => r#""observe""#,
        "cors" => r#"{ origins = ["https://app.example"] }"#,
        "origins" => r#"["https://app.example"]"#,
        "parameters" => "{ max_tokens = 4096 }",
        "tools" => r#"["function"]"#,
        "service_tiers" => r#"["default"]"#,
        "deny_betas" => r#"["computer-use-*"]"#,
        "store" => "false",
        "limits" => r#"{ requests = "600/min", concurrency = 64 }"#,
        "requests" => r#""600/min""#,
        "failed_keys" => r#""60/min""#,
        "tokens" | "input_tokens" | "output_tokens" => r#""200k/min""#,
        "budget" => r#""500 USD/month""#,
        "certificate" => r#"{ san = "spiffe://domain/path" }"#,
        "san" => r#""spiffe://domain/path""#,
        "request" => {
            r#"{ key_id = "search-prod", ip = "10.20.1.5", method = "POST", path = "/v1/chat/completions" }"#
        }
        "key_id" => r#""search-prod""#,
        "ip" => r#""10.20.1.5""#,
        "method" => r#""POST""#,
        "path" => r#""/v1/chat/completions""#,
        "model" => r#""gpt-4o-mini""#,
        "headers" => r#"{ anthropic-version = "2023-06-01" }"#,
        "deny" => r#""model_not_allowed""#,
        _ => return None,
    })
}

/// What can stand where only the kind is known.
fn any(expected: &str) -> &'static str {
    match expected.split(' ').next().unwrap_or_default() {
        "u8" | "u32" | "usize" | "u64" => "64",
        "struct" => "{ … }",
        _ => match expected {
            "a boolean" => "true",
            "a list of texts" | "a sequence" => r#"["…"]"#,
            _ => r#""…""#,
        },
    }
}

/// Takes out the value that did not fit, so that nothing else moves. Says whether that changed anything.
fn take_out(value: &mut Value, path: &[Segment], unknown: bool) -> bool {
    let Some((last, above)) = path.split_last() else { return false };
    let mut here = value;
    for segment in above {
        let next = match segment {
            Segment::Map { key } => here.get_mut(key),
            Segment::Seq { index } => here.get_mut(index),
            Segment::Enum { .. } | Segment::Unknown => None,
        };
        let Some(next) = next else { return false };
        here = next;
    }
    let names = |key: &str| matches!(above, [Segment::Map { key: only }] if only == key);
    let holds = |key: &str| matches!(above.last(), Some(Segment::Map { key: last }) if last == key);
    match last {
        Segment::Map { key } if unknown => here.as_object_mut().is_some_and(|map| map.remove(key).is_some()),
        // An upstream, a project, a key, a credential or an expectation stays, though empty.
        Segment::Map { key } if names("upstreams") || names("projects") || names("prices") => {
            empty(here.get_mut(key))
        }
        Segment::Seq { index } if holds("keys") || holds("credentials") || holds("expect") => {
            empty(here.get_mut(index))
        }
        Segment::Map { key } => clear(here.get_mut(key)),
        Segment::Seq { index } => clear(here.get_mut(index)),
        Segment::Enum { .. } | Segment::Unknown => false,
    }
}

fn empty(value: Option<&mut Value>) -> bool {
    value.is_some_and(|value| {
        let fresh = value.as_object().is_none_or(|map| !map.is_empty());
        *value = Value::Object(serde_json::Map::new());
        fresh
    })
}

fn clear(value: Option<&mut Value>) -> bool {
    value.is_some_and(|value| !value.take().is_null())
}
