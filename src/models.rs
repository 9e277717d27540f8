//! The list of models, cut down to those that the project may use.
//!
//! All three dialects list objects under one key: `data` with an `id` each, or in Gemini's case
//! `models` with a `name` that begins with `models/`. Everything else of the answer stays.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde_json::Value;

/// The longest list that is read.
const LONGEST: usize = 8 << 20;

/// The upstream's answer is no list of models; why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAList(pub &'static str);

/// Reads a list of models and keeps those for which `shown` says so.
///
/// # Errors
/// When the answer is no list of models. It is then not passed on: what cannot be read cannot be
/// cut down.
pub async fn only_shown(
    incoming: Incoming,
    patience: Duration,
    shown: impl Fn(&str) -> bool,
) -> Result<Bytes, NotAList> {
    let whole = tokio::time::timeout(patience, Limited::new(incoming, LONGEST).collect()).await;
    let whole = whole.map_err(|_| NotAList("its list of models did not end"))?;
    let whole = whole.map_err(|_| NotAList("its list of models broke off or is too long"))?.to_bytes();
    cut_down(&whole, shown)
}

fn cut_down(list: &[u8], shown: impl Fn(&str) -> bool) -> Result<Bytes, NotAList> {
    let mut list: Value =
        serde_json::from_slice(list).map_err(|_| NotAList("its list of models is not JSON"))?;
    let mut lists = 0;
    for (key, field) in [("data", "id"), ("models", "name")] {
        let Some(entries) = list.get_mut(key) else { continue };
        let Value::Array(entries) = entries else {
            return Err(NotAList("its list of models has no entries"));
        };
        lists += 1;
        entries.retain(|entry| {
            let name = entry.get(field).and_then(Value::as_str).unwrap_or_default();
            shown(name.strip_prefix("models/").unwrap_or(name))
        });
        let id =
            |entry: Option<&Value>| entry.and_then(|entry| entry.get(field)).cloned().unwrap_or(Value::Null);
        let ends = [("first_id", id(entries.first())), ("last_id", id(entries.last()))];
        // Anthropic repeats the first and the last id; they too must be ones that the project sees.
        for (name, id) in ends {
            if let Some(place) = list.get_mut(name) {
                *place = id;
            }
        }
    }
    if lists == 0 {
        return Err(NotAList("its list of models has no entries"));
    }
    Ok(Bytes::from(list.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(list: &str) -> Result<Value, NotAList> {
        cut_down(list.as_bytes(), |model| model.starts_with('a'))
            .map(|out| serde_json::from_slice(&out).unwrap())
    }

    #[test]
    fn each_dialects_list_is_cut_down() {
        assert_eq!(
            cut(r#"{"object":"list","data":[{"id":"a1","x":1},{"id":"b"},{"id":"a2"}]}"#).unwrap(),
            serde_json::json!({"object":"list","data":[{"id":"a1","x":1},{"id":"a2"}]})
        );
        assert_eq!(
            cut(r#"{"data":[{"id":"b"},{"id":"a"}],"first_id":"b","last_id":"a","has_more":false}"#).unwrap(),
            serde_json::json!({"data":[{"id":"a"}],"first_id":"a","last_id":"a","has_more":false})
        );
        assert_eq!(
            cut(r#"{"models":[{"name":"models/a"},{"name":"models/b"}]}"#).unwrap(),
            serde_json::json!({"models":[{"name":"models/a"}]})
        );
    }

    #[test]
    fn what_cannot_be_read_is_not_passed_on() {
        for list in ["", "[]", "{}", r#"{"data":{}}"#, "<html>"] {
            assert!(cut(list).is_err(), "{list}");
        }
        assert_eq!(cut(r#"{"data":[{"name":"a"},1,null]}"#).unwrap(), serde_json::json!({"data":[]}));
    }
}
