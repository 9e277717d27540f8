//! The variables of the environment that set values: which each sets, and how its text is read.
//!
//! 1. `PORTCULLIS__SECTION__KEY` sets `section.key`. Names are lower-cased, so they reach only lower-case names.
//! 2. What is a list is split at commas, with or without brackets and quotes as TOML has them; blanks round an entry
//!    are none of it.
//! 3. Numbers and booleans are read as such.
//! 4. A name with one underscore where two belong sets nothing, so it is told where a setting's name can be made of it.

use config::{ConfigError, Map, Source, Value, ValueKind};
use serde_json::Value as Json;

use super::load::PREFIX;
use super::place::child;

/// Settings that are lists of texts, or may be; below a section, for some have a section's name.
const LISTS: [&str; 16] = [
    "allow_ips",
    "budget",
    "deny_betas",
    "input_tokens",
    "list",
    "listen",
    "models",
    "origins",
    "output_tokens",
    "requests",
    "scopes",
    "service_tiers",
    "tokens",
    "tools",
    "trusted_proxies",
    "upstreams",
];
/// The one that has such a name and is none.
const NO_LIST: &str = "admin.listen";
/// Settings that are lists of numbers.
const NUMBERS: [&str; 2] = ["statuses", "warn_at"];

/// What the path of a setting begins with.
const SECTIONS: [&str; 9] =
    ["accounting", "admin", "log", "models", "prices", "projects", "server", "store", "upstreams"];

/// No setting stands deeper.
const DEEPEST: usize = 8;

/// A variable as a source of the configuration.
#[derive(Clone, Debug)]
pub(super) struct Variable {
    path: String,
    value: ValueKind,
}

impl Source for Variable {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(std::iter::once((self.path.clone(), Value::new(None, self.value.clone()))).collect())
    }
}

impl Variable {
    /// A variable by the path that it sets and its text.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub(super) fn read(path: String, text: &str) -> Result<Self, &'static str> {
        let name = path.rsplit('.').next().unwrap_or_default();
        let numbers = NUMBERS.contains(&name);
        let list = LISTS.contains(&name) && name.len() < path.len() && path != NO_LIST;
        let value = if numbers || list {
            ValueKind::Array(entries(text.trim(), numbers, name == "listen")?)
        } else if let Ok(value) = text.to_lowercase().parse::<bool>() {
            ValueKind::Boolean(value)
        } else if let Ok(value) = text.parse::<i64>() {
            ValueKind::I64(value)
        } else if let Ok(value) = text.parse::<f64>() {
            ValueKind::Float(value)
        } else {
            ValueKind::String(text.to_owned())
        };
        Ok(Self { path, value })
    }
}

/// The entries of a list. Those of `listen` may have brackets of their own.
fn entries(text: &str, numbers: bool, addresses: bool) -> Result<Vec<Value>, &'static str> {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    if inner.is_none() && !addresses && (text.starts_with('[') || text.ends_with(']')) {
        return Err("this list has only one of its two brackets");
    }
    let inside = inner.unwrap_or(text).trim();
    // TOML lets a list end with a comma, and one in brackets be empty.
    let inside = inner.and_then(|_| inside.strip_suffix(',')).unwrap_or(inside);
    if inside.is_empty() && inner.is_some() {
        return Ok(Vec::new());
    }
    inside.split(',').map(|entry| read_entry(entry.trim(), numbers)).collect()
}

fn read_entry(text: &str, number: bool) -> Result<Value, &'static str> {
    let bare = ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
    let quoted = |text: &str| text.starts_with(['"', '\'']) || text.ends_with(['"', '\'']);
    let bare = bare.unwrap_or(text);
    if quoted(bare) {
        return Err("an entry of this list has only one of its two quotes");
    }
    let value = match bare.parse() {
        Ok(value) if number => ValueKind::I64(value),
        Ok(_) | Err(_) => ValueKind::String(bare.to_owned()),
    };
    Ok(Value::new(None, value))
}

/// The path of a value that a variable sets.
pub(super) fn path(name: &str) -> Option<String> {
    let rest = name.strip_prefix(PREFIX)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let parts: Vec<&str> = rest.split("__").collect();
    let fine = |part: &&str| part.starts_with(|c: char| c.is_ascii_alphanumeric());
    (parts.len() <= DEEPEST && parts.iter().all(fine) && rest.bytes().all(plain))
        .then(|| parts.iter().fold(String::new(), |path, part| child(&path, &part.to_lowercase())))
}

/// The name that was probably meant by one that sets nothing, if its words are those of a setting.
pub(super) fn meant(name: &str) -> Option<String> {
    let words = name.strip_prefix("PORTCULLIS_")?.trim_start_matches('_').replace("__", "_").to_lowercase();
    // Other variables of this prefix, as Kubernetes gives them for a service, are not worth a schema.
    if !SECTIONS.iter().any(|section| words.starts_with(section)) {
        return None;
    }
    let schema = super::schema();
    let path = spelled(&schema, &schema, &words, DEEPEST)?;
    let meant = format!("{PREFIX}{}", path.to_uppercase());
    (meant != name && path.contains("__")).then_some(meant)
}

/// The mend of a name that sets nothing.
pub(super) fn did_you_mean(meant: &str) -> String {
    format!("did you mean {meant}?")
}

/// The words as the names of tables and of a setting in them, below a part of the schema.
fn spelled(schema: &Json, at: &Json, words: &str, depth: usize) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    if let Some(to) = at.get("$ref").and_then(Json::as_str) {
        return spelled(schema, schema.pointer(to.strip_prefix('#')?)?, words, depth);
    }
    let below = |name: &str, at: &Json, rest: &str| {
        Some(format!("{name}__{}", spelled(schema, at, rest.strip_prefix('_')?, depth)?))
    };
    let named = at.get("properties").and_then(Json::as_object).into_iter().flatten();
    let mut named = named.filter_map(|(name, at)| Some((name, at, words.strip_prefix(name.as_str())?)));
    let found = named.find_map(
        |(name, at, rest)| {
            if rest.is_empty() { Some(name.clone()) } else { below(name, at, rest) }
        },
    );
    let free = || {
        let at = at.get("additionalProperties").filter(|at| at.is_object())?;
        words.match_indices('_').find_map(|(cut, _)| below(words.get(..cut)?, at, words.get(cut..)?))
    };
    let forms = || {
        let forms = at.get("anyOf").and_then(Json::as_array)?;
        forms.iter().find_map(|at| spelled(schema, at, words, depth))
    };
    found.or_else(free).or_else(forms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_however_it_is_written() {
        let read = |path: &str, text: &str| match Variable::read(path.to_owned(), text).map(|one| one.value) {
            Ok(ValueKind::Array(list)) => list.iter().map(ToString::to_string).collect::<Vec<_>>().join("|"),
            Ok(other) => other.to_string(),
            Err(why) => why.to_owned(),
        };
        for text in ["a,b", "a, b", " [a , b] ", "[\"a\", 'b']", "[\"a\",\n \"b\",\n]", "\"a\",b"] {
            assert_eq!(read("projects.p.models", text), "a|b", "{text}");
        }
        assert_eq!(read("projects.p.models.list", "[]"), "");
        assert_eq!(read("projects.p.models", "4"), "4");
        assert_eq!(read("server.listen", "[::1]:80, [::]:81"), "[::1]:80|[::]:81");
        assert_eq!(read("server.listen", "[\"[::1]:80\"]"), "[::1]:80");
        assert_eq!(read("accounting.warn_at", "80, 95"), "80|95");
        assert_eq!(read("projects.p.models", "[a"), "this list has only one of its two brackets");
        assert_eq!(
            read("projects.p.models", "[\"a, b\"]"),
            "an entry of this list has only one of its two quotes"
        );
        assert_eq!(read("admin.listen", "[::1]:80"), "[::1]:80");
        assert_eq!(read("server.workers", "4"), "4");
        assert_eq!(read("upstreams.o.base_url", "http://a,b"), "http://a,b");
    }

    #[test]
    fn every_list_that_there_is_can_be_set_by_a_variable() {
        fn lists<'s>(schema: &'s Json, found: &mut Vec<&'s str>) {
            for (name, at) in schema.get("properties").and_then(Json::as_object).into_iter().flatten() {
                let forms = at.get("anyOf").and_then(Json::as_array);
                let plain = |at: &Json| {
                    at.get("type").is_some_and(|kind| kind == "array") && at.pointer("/items/$ref").is_none()
                };
                if plain(at) || forms.is_some_and(|forms| forms.iter().any(plain)) {
                    found.push(name);
                }
            }
            match schema {
                Json::Object(all) => all.values().for_each(|one| lists(one, found)),
                Json::Array(all) => all.iter().for_each(|one| lists(one, found)),
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
            }
        }
        let schema = super::super::schema();
        let sections = schema.get("properties").and_then(Json::as_object).unwrap();
        let sections: Vec<_> = sections.keys().filter(|name| *name != "expect").collect();
        assert_eq!(sections, SECTIONS);
        let mut found = Vec::new();
        lists(&schema, &mut found);
        assert!(found.len() >= LISTS.len(), "{found:?}");
        for name in found {
            assert!(LISTS.contains(&name) || NUMBERS.contains(&name), "{name}");
        }
    }

    #[test]
    fn a_name_with_one_underscore_is_known_for_what_it_means() {
        let known = [
            ("PORTCULLIS_SERVER_LISTEN", "PORTCULLIS__SERVER__LISTEN"),
            ("PORTCULLIS_SERVER__LISTEN", "PORTCULLIS__SERVER__LISTEN"),
            ("PORTCULLIS__SERVER_LISTEN", "PORTCULLIS__SERVER__LISTEN"),
            ("PORTCULLIS_SERVER_MAX_BODY", "PORTCULLIS__SERVER__MAX_BODY"),
            ("PORTCULLIS_ADMIN_TOKEN", "PORTCULLIS__ADMIN__TOKEN"),
            ("PORTCULLIS_UPSTREAMS_OPENAI_BASE_URL", "PORTCULLIS__UPSTREAMS__OPENAI__BASE_URL"),
            ("PORTCULLIS_UPSTREAMS_MY_OWN_BASE_URL", "PORTCULLIS__UPSTREAMS__MY_OWN__BASE_URL"),
            (
                "PORTCULLIS_PROJECTS_APP_LIMITS_INPUT_TOKENS",
                "PORTCULLIS__PROJECTS__APP__LIMITS__INPUT_TOKENS",
            ),
            ("PORTCULLIS_PROJECTS_APP_MODELS", "PORTCULLIS__PROJECTS__APP__MODELS"),
        ];
        for (name, wanted) in known {
            assert_eq!(meant(name).as_deref(), Some(wanted), "{name}");
        }
        let unknown = [
            "PORTCULLIS_CONFIG",
            "PORTCULLIS_ADMIN",
            "PORTCULLIS_LOG",
            "PORTCULLIS_SERVICE_HOST",
            "PORTCULLIS_PORT_8080_TCP_ADDR",
            "PORTCULLIS_SERVER_PORT_8080_TCP",
            "PORTCULLIS_ADMIN_SERVICE_HOST",
            "PORTCULLIS__SERVER__LISTEN",
            "PORTCULLIS__SERVER__LISTNE",
            "PORTCULLIS_",
        ];
        for name in unknown {
            assert_eq!(meant(name), None, "{name}");
        }
    }
}
