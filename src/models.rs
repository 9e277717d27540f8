//! The list of models, cut down to those that the project may use, and of several upstreams made one.
//!
//! All dialects list objects under one key: `data` with an `id` each, or in Google's case `models` with a
//! `name` that ends with `models/` and the name. Everything else of the answer stays.

use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};

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
) -> Result<Value, NotAList> {
    let whole = tokio::time::timeout(patience, Limited::new(incoming, LONGEST).collect()).await;
    let whole = whole.map_err(|_| NotAList("its list of models did not end"))?;
    let whole = whole.map_err(|_| NotAList("its list of models broke off or is too long"))?.to_bytes();
    cut_down(&whole, shown)
}

/// Where a list's entries stand, and their names in them.
const LISTS: [(&str, &str); 3] = [("data", "id"), ("models", "name"), ("publisherModels", "name")];

/// A model's name in a list as requests name it.
fn bare(name: &str) -> &str {
    name.rsplit_once("models/").map_or(name, |(_, bare)| bare)
}

fn cut_down(list: &[u8], shown: impl Fn(&str) -> bool) -> Result<Value, NotAList> {
    let mut list: Value =
        serde_json::from_slice(list).map_err(|_| NotAList("its list of models is not JSON"))?;
    let mut lists = 0;
    for (key, field) in LISTS {
        let Some(entries) = list.get_mut(key) else { continue };
        let Value::Array(entries) = entries else {
            return Err(NotAList("its list of models has no entries"));
        };
        lists += 1;
        entries.retain(|entry| shown(bare(entry.get(field).and_then(Value::as_str).unwrap_or_default())));
    }
    if lists == 0 {
        return Err(NotAList("its list of models has no entries"));
    }
    name_ends(&mut list);
    Ok(list)
}

/// Anthropic repeats the first and the last id; they too must be ones that the project sees.
fn name_ends(list: &mut Value) {
    let id = |entry: Option<&Value>| entry.and_then(|entry| entry.get("id")).cloned().unwrap_or(Value::Null);
    let Some(entries) = list.get("data").and_then(Value::as_array) else { return };
    for (name, id) in [("first_id", id(entries.first())), ("last_id", id(entries.last()))] {
        if let Some(place) = list.get_mut(name) {
            *place = id;
        }
    }
}

/// Adds a model of the gate's own to a list, in the list's dialect.
pub fn add(list: &mut Value, model: &str) {
    let anthropic = list.get("has_more").is_some();
    for (key, field) in LISTS {
        let Some(Value::Array(entries)) = list.get_mut(key) else { continue };
        if entries.iter().any(|entry| entry.get(field).and_then(Value::as_str).map(bare) == Some(model)) {
            continue;
        }
        entries.push(match key {
            "data" if anthropic => {
                json!({"type": "model", "id": model, "display_name": model, "created_at": "1970-01-01T00:00:00Z"})
            }
            "data" => json!({"id": model, "object": "model", "created": 0, "owned_by": "portcullis"}),
            _ => json!({"name": format!("models/{model}"), "displayName": model}),
        });
    }
    name_ends(list);
}

/// One list of several in one dialect: each model once, and no further pages.
#[must_use]
pub fn merged(lists: Vec<Value>) -> Option<Value> {
    let mut lists = lists.into_iter();
    let mut all = lists.next()?;
    for list in lists {
        for (key, field) in LISTS {
            let Some(Value::Array(more)) = list.get(key) else { continue };
            let Some(Value::Array(entries)) = all.get_mut(key) else { continue };
            for entry in more {
                if entries.iter().all(|known| known.get(field) != entry.get(field)) {
                    entries.push(entry.clone());
                }
            }
        }
    }
    if let Some(fields) = all.as_object_mut() {
        fields.remove("nextPageToken");
        if let Some(more) = fields.get_mut("has_more") {
            *more = Value::Bool(false);
        }
    }
    name_ends(&mut all);
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(list: &str) -> Result<Value, NotAList> {
        cut_down(list.as_bytes(), |model| model.starts_with('a'))
    }

    #[test]
    fn each_dialects_list_is_cut_down() {
        assert_eq!(
            cut(r#"{"object":"list","data":[{"id":"a1","x":1},{"id":"b"},{"id":"a2"}]}"#).unwrap(),
            json!({"object":"list","data":[{"id":"a1","x":1},{"id":"a2"}]})
        );
        assert_eq!(
            cut(r#"{"data":[{"id":"b"},{"id":"a"}],"first_id":"b","last_id":"a","has_more":false}"#).unwrap(),
            json!({"data":[{"id":"a"}],"first_id":"a","last_id":"a","has_more":false})
        );
        assert_eq!(
            cut(r#"{"models":[{"name":"models/a"},{"name":"models/b"}]}"#).unwrap(),
            json!({"models":[{"name":"models/a"}]})
        );
    }

    #[test]
    fn lists_of_several_upstreams_become_one() {
        let one = json!({"data":[{"id":"a"},{"id":"b"}],"has_more":true,"first_id":"a","last_id":"b"});
        let other = json!({"data":[{"id":"b","x":1},{"id":"c"}],"has_more":false});
        let expected =
            json!({"data":[{"id":"a"},{"id":"b"},{"id":"c"}],"has_more":false,"first_id":"a","last_id":"c"});
        assert_eq!(merged(vec![one, other]), Some(expected));
        let gemini = json!({"models":[{"name":"models/a"}],"nextPageToken":"x"});
        assert_eq!(merged(vec![gemini]), Some(json!({"models":[{"name":"models/a"}]})));
        assert_eq!(merged(Vec::new()), None);
    }

    #[test]
    fn what_cannot_be_read_is_not_passed_on() {
        for list in ["", "[]", "{}", r#"{"data":{}}"#, "<html>"] {
            assert!(cut(list).is_err(), "{list}");
        }
        assert_eq!(cut(r#"{"data":[{"name":"a"},1,null]}"#).unwrap(), json!({"data":[]}));
    }
}
