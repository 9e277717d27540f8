//! The schema as the types have it, and whether the one that is carried along is the same.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::TEXT;
use crate::config::cloud::{WordOr, Words};
use crate::config::expect::{DenyWritten, MET};
use crate::config::observable::{Mode, Observable};
use crate::config::price::Dollars;
use crate::config::value::{OneOrMany, Size};
use crate::config::written::Written;

#[test]
fn the_schema_in_the_repository_is_that_of_the_types() {
    assert!(
        derived() == TEXT,
        "write config/schema.json anew: cargo test --lib write_the_schema -- --ignored"
    );
}

#[test]
#[ignore = "it writes config/schema.json"]
fn write_the_schema() {
    std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/config/schema.json"), derived()).unwrap();
}

fn derived() -> String {
    let mut schema = schemars::schema_for!(Written).to_value();
    without_null(&mut schema);
    format!("{schema:#}\n")
}

/// TOML has no null, so no setting can be null.
fn without_null(schema: &mut Value) {
    let is_null = |value: &Value| *value == "null" || value.get("type").is_some_and(|of| of == "null");
    match schema {
        Value::Array(list) => list.iter_mut().for_each(without_null),
        Value::Object(map) => {
            map.retain(|key, value| key != "default" || !value.is_null());
            for key in ["type", "anyOf"] {
                let Some(Value::Array(list)) = map.get_mut(key) else { continue };
                list.retain(|one| !is_null(one));
                if list.len() == 1
                    && let Some(only) = list.pop()
                {
                    map.remove(key);
                    if let Value::Object(inner) = only {
                        map.extend(inner);
                    } else {
                        map.insert(key.to_owned(), only);
                    }
                }
            }
            map.values_mut().for_each(without_null);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

impl JsonSchema for OneOrMany {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "OneOrMany".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] })
    }
}

impl JsonSchema for Size {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "integer", "minimum": 1 }] })
    }
}

impl JsonSchema for Observable {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Observable".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let list = OneOrMany::json_schema(generator);
        let mode = Mode::json_schema(generator);
        let with_mode = json_schema!({
            "type": "object",
            "properties": { "list": list, "mode": mode },
            "additionalProperties": false
        });
        json_schema!({ "anyOf": [OneOrMany::json_schema(generator), with_mode] })
    }
}

impl JsonSchema for Dollars {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Dollars".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "number", "minimum": 0 }] })
    }
}

impl JsonSchema for DenyWritten {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Deny".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let codes: Vec<&str> = MET.iter().map(|reason| reason.code()).collect();
        json_schema!({ "anyOf": [{ "type": "string", "enum": codes }, { "type": "boolean", "const": true }] })
    }
}

impl<T: JsonSchema + Words> JsonSchema for WordOr<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let table = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [{ "type": "string", "enum": T::WORDS }, table] })
    }
}
