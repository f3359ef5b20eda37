//! An example of every key, from pipelines that hold all of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::beside;
use crate::config::problem::Findings;
use crate::config::yaml::tree::{self, Kind, Node, Scalar};

/// Longer ones, in bytes of JSON, are not shown: what has many keys is best seen by these.
const LONGEST: usize = 160;

/// Pipelines in which every key stands, one after the other.
const PIPELINES: &str = include_str!("examples.yaml");

/// Puts an example beside every key of the schema: what the first of the pipelines has there that has it.
pub(super) fn add(schema: &mut Value) {
    let found = found(schema);
    for (pointer, example) in found
        .into_iter()
        .filter(|(_, e)| e.to_string().len() <= LONGEST)
    {
        if let Some(key) = schema.pointer_mut(&pointer).and_then(Value::as_object_mut) {
            beside(key).insert("examples".into(), json!([example]));
        }
    }
}

/// What the pipelines have at every key of a schema, by where it is.
fn found(schema: &Value) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for pipeline in pipelines() {
        if let Some(tree) = tree::parse(pipeline, &mut Findings::new("examples.yaml")) {
            collect(schema, "", &tree, &mut found);
        }
    }
    found
}

/// The pipelines by themselves.
fn pipelines() -> impl Iterator<Item = &'static str> {
    PIPELINES.split("\n---\n")
}

/// What stands at the keys below a place of the schema, by where these are.
fn collect(schema: &Value, at: &str, node: &Node, found: &mut BTreeMap<String, Value>) {
    let Some(here) = schema.pointer(at) else {
        return;
    };
    if let Some(to) = here["$ref"].as_str().and_then(|to| to.strip_prefix('#')) {
        return collect(schema, to, node, found);
    }
    for word in ["anyOf", "oneOf", "allOf"] {
        for n in 0..here[word].as_array().map_or(0, Vec::len) {
            collect(schema, &format!("{at}/{word}/{n}"), node, found);
        }
    }
    match &node.kind {
        Kind::Map(entries) => {
            for (key, value) in entries {
                let escaped = key.text.replace('~', "~0").replace('/', "~1");
                let known = format!("{at}/properties/{escaped}");
                if schema.pointer(&known).is_some() {
                    found.entry(known.clone()).or_insert_with(|| plain(value));
                    collect(schema, &known, value, found);
                } else {
                    collect(schema, &format!("{at}/additionalProperties"), value, found);
                }
            }
        }
        Kind::Seq(items) => {
            for item in items {
                collect(schema, &format!("{at}/items"), item, found);
            }
        }
        Kind::Scalar(_) | Kind::Removed | Kind::Filler => {}
    }
}

/// A value of a file as JSON has it.
fn plain(node: &Node) -> Value {
    match &node.kind {
        Kind::Map(entries) => entries
            .iter()
            .map(|(key, value)| (key.text.clone(), plain(value)))
            .collect(),
        Kind::Seq(items) => items.iter().map(plain).collect(),
        Kind::Scalar(scalar) => scalar_value(scalar),
        Kind::Removed | Kind::Filler => Value::Null,
    }
}

/// Numbers and truth values are written without quotes; whatever else is text.
fn scalar_value(scalar: &Scalar) -> Value {
    if scalar.is_null() {
        return Value::Null;
    }
    let typed = scalar
        .plain
        .then(|| serde_json::from_str(&scalar.text).ok())
        .flatten();
    typed
        .filter(|value: &Value| value.is_number() || value.is_boolean())
        .unwrap_or_else(|| json!(scalar.text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Override, parse};

    #[test]
    fn they_are_good_pipelines() {
        for text in pipelines() {
            let env = |name: &str| Some(format!("value-of-{name}"));
            let found = parse(
                text,
                "p.yaml",
                "/pipelines".into(),
                &[] as &[Override],
                &env,
            );
            if let Err(problems) = found {
                panic!("{problems}\n{text}");
            }
        }
    }

    /// Where the keys of a schema are.
    fn keys(schema: &Value, at: &str, all: &mut Vec<String>) {
        match schema {
            Value::Object(object) => {
                let keys = schema["properties"].as_object().into_iter().flatten();
                all.extend(keys.map(|(key, _)| format!("{at}/properties/{key}")));
                object
                    .iter()
                    .for_each(|(name, value)| keys_of(value, at, name, all));
            }
            Value::Array(items) => {
                let items = items.iter().enumerate();
                items.for_each(|(n, value)| keys_of(value, at, &n.to_string(), all));
            }
            _ => {}
        }
    }

    fn keys_of(schema: &Value, at: &str, name: &str, all: &mut Vec<String>) {
        keys(schema, &format!("{at}/{name}"), all);
    }

    #[test]
    fn every_key_has_a_description_and_an_example() {
        let schema = super::super::typed();
        let (examples, mut all) = (found(&schema), Vec::new());
        keys(&schema, "", &mut all);
        assert!(all.len() > 300, "{}", all.len());
        all.retain(|key| {
            !examples.contains_key(key) || schema.pointer(key).unwrap()["description"].is_null()
        });
        assert!(all.is_empty(), "{all:?}");
    }
}
