//! From an untyped value to the shape as written, strictly, and with every mistake at once.
//!
//! `serde` stops at the first mistake. So the mistake is recorded, the value that caused it is
//! taken out, and the rest is read again, until all of it fits.

use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use super::place::{Part, child, item};
use super::work::Work;
use super::written::Written;

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
    let mut keys = path.iter().filter_map(|segment| match segment {
        Segment::Map { key } => Some(key.as_str()),
        Segment::Seq { .. } | Segment::Enum { .. } | Segment::Unknown => None,
    });
    keys.next_back().unwrap_or_default()
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
        let mend = suggestion(key, &words());
        work.wrong_at(path, Part::Key, &format!("there is no setting `{key}` here"), &mend);
    } else if message.starts_with("unknown variant") {
        let given = message.split('`').nth(1).unwrap_or_default();
        let what = format!("`{key}` cannot be `{given}`");
        work.wrong(path, &what, &suggestion(given, &words()));
    } else if let Some(found) = message.strip_prefix("invalid type: ") {
        let what = format!("`{key}` must be {}, not {}", wanted(expected), kind(found));
        work.wrong(path, &what, &example(path, key));
    } else if message.starts_with("invalid value: ") {
        work.wrong(path, &format!("`{key}` must be {}", wanted(expected)), &example(path, key));
    } else {
        work.wrong(path, &format!("`{key}` is not written as it must be"), &example(path, key));
    }
}

/// How many words are listed at most. Only scopes are more.
const MOST_SHOWN: usize = 40;

/// What is probably meant, or what there is.
pub(super) fn suggestion(given: &str, words: &[&str]) -> String {
    let close = |word: &&&str| strsim::damerau_levenshtein(given, word) <= 1 + given.len() / 4;
    let nearest = words.iter().filter(close).min_by_key(|word| strsim::damerau_levenshtein(given, word));
    match nearest {
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
        "u32" | "usize" | "u64" => "a whole number that is not negative".to_owned(),
        _ => expected.to_owned(),
    }
}

/// How a setting is written.
fn example(path: &str, key: &str) -> String {
    let section = path.split('.').next().unwrap_or_default();
    let written = match key {
        _ if path == child(section, key) && matches!(section, "upstreams" | "projects" | "prices") => {
            return format!("write it like `[{path}]`");
        }
        "tls" => r#"tls = { cert = "file:/path/cert.pem", key = "file:/path/key.pem" }"#,
        "listen" => r#"listen = "127.0.0.1:8080""#,
        "trusted_proxies" => r#"trusted_proxies = ["10.0.0.0/8"]"#,
        "allow_ips" => r#"allow_ips = ["10.20.0.0/16"]"#,
        "max_body" => r#"max_body = "32 MiB""#,
        "max_upload" => r#"max_upload = "4 GiB""#,
        "body_timeout" | "header_timeout" | "drain" | "connect_timeout" | "response_timeout"
        | "idle_timeout" | "pool_idle" | "max_connection_age" | "queue_timeout" | "pause"
        | "longest_pause" => return format!("write it like `{key} = \"60s\"`"),
        "workers" | "max_connections" | "max_in_flight" | "max_queued" | "concurrency" => {
            return format!("write it like `{key} = 64`");
        }
        "weight" => "weight = 1",
        "breaker" => "breaker = { failures = 10, statuses = [502, 503, 504, 529] }",
        "failures" => "failures = 10",
        "statuses" => "statuses = [502, 503, 504, 529]",
        "proxy" => r#"proxy = "http://proxy.example:3128""#,
        "proxy_credentials" => r#"proxy_credentials = "env:PROXY_LOGIN""#,
        "aws" => r#"aws = { profile = "prod" }` or `aws = "instance""#,
        "google" => r#"google = { service_account = "file:/run/secrets/sa.json" }` or `google = "metadata""#,
        "azure" => r#"azure = "managed-identity""#,
        "enabled" | "revoked" | "decoy" | "plaintext" | "free" | "timeouts" => {
            return format!("write it like `{key} = true`");
        }
        "upstreams" => r#"upstreams = ["openai"]` in a project, or `[upstreams.openai]"#,
        "scopes" => r#"scopes = ["chat", "embeddings"]"#,
        "models" => r#"models = ["gpt-4o-mini"]"#,
        "cors" => r#"cors = { origins = ["https://app.example"] }"#,
        "limits" => r#"limits = { requests = "600/min", concurrency = 64 }"#,
        "requests" => r#"requests = "600/min""#,
        "keys" => "[[projects.NAME.keys]]",
        "credentials" => "[[upstreams.NAME.credentials]]",
        "expires" | "not_before" => return format!("write it like `{key} = 2027-01-01`"),
        "server" | "admin" | "log" => return format!("write it like `[{key}]`"),
        "projects" => "[projects.NAME]",
        "expect" => "[[expect]]",
        "request" => {
            r#"request = { key_id = "search-prod", ip = "10.20.1.5", method = "POST", path = "/v1/chat/completions" }"#
        }
        "headers" => r#"headers = { anthropic-version = "2023-06-01" }"#,
        "allow" => "allow = true",
        _ if section == "prices" && key != "like" => return format!("write it like `{key} = \"2.50\"`"),
        "like" => r#"like = "openai/gpt-4o""#,
        "deny" => r#"deny = "model_not_allowed""#,
        _ => return format!("write it like `{key} = \"…\"`"),
    };
    format!("write it like `{written}`")
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
