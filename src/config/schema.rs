//! The JSON Schema of the pipeline file, from the same types that read it.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::spec::PipelineSpec;

/// The JSON Schema of a pipeline file (draft 7, which editors know best). Unknown keys are refused.
pub fn schema() -> Value {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<PipelineSpec>().to_value();
    schema["title"] = json!("rostream pipeline");
    if let Some(object) = schema.as_object_mut() {
        object.remove("description");
    }
    allow_empty(&mut schema);
    schema
}

/// A section, or a stage, that needs no settings may be left empty: `- trim:`.
fn allow_empty(schema: &mut Value) {
    let whole = schema.clone();
    let required: Vec<&str> = names(&whole["required"]).collect();
    if let Some(sections) = schema["properties"].as_object_mut() {
        for (name, section) in sections {
            if !required.contains(&name.as_str()) {
                or_null(section);
            }
        }
    }
    for one_of in ["StageSpec", "TargetSpec"] {
        let Some(variants) = schema["definitions"][one_of]["oneOf"].as_array_mut() else {
            continue;
        };
        for variant in variants {
            let Some(settings) = variant["properties"].as_object_mut() else {
                continue;
            };
            for settings in settings.values_mut() {
                let definition = definition(&whole, settings);
                if definition["type"] == "object" && names(&definition["required"]).next().is_none()
                {
                    or_null(settings);
                }
            }
        }
    }
}

fn names(required: &Value) -> impl Iterator<Item = &str> {
    required
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// What a schema refers to, or itself.
fn definition<'a>(whole: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str().and_then(|r| r.strip_prefix('#')) {
        Some(pointer) => whole.pointer(pointer).unwrap_or(&Value::Null),
        None => match schema["allOf"].as_array().map(Vec::as_slice) {
            Some([one]) => definition(whole, one),
            _ => schema,
        },
    }
}

fn or_null(schema: &mut Value) {
    if schema["type"]
        .as_array()
        .is_some_and(|types| types.contains(&json!("null")))
    {
        return;
    }
    let description = schema["description"].clone();
    let mut wrapped = json!({ "anyOf": [schema.take(), { "type": "null" }] });
    if !description.is_null() {
        wrapped["description"] = description;
    }
    *schema = wrapped;
}

#[cfg(test)]
mod tests {
    use super::super::problem::Findings;
    use super::super::tree::{self, Kind, Node};
    use super::*;

    /// Every key of a file that the schema does not know, as a path.
    fn unknown_keys(
        whole: &Value,
        schema: &Value,
        node: &Node,
        path: &str,
        unknown: &mut Vec<String>,
    ) {
        let schema = definition(whole, schema);
        if let Some(choices) = ["anyOf", "oneOf"].iter().find_map(|k| schema[k].as_array()) {
            let least = choices
                .iter()
                .map(|choice| {
                    let mut found = Vec::new();
                    unknown_keys(whole, choice, node, path, &mut found);
                    found
                })
                .min_by_key(|found| {
                    (
                        found.len(),
                        std::cmp::Reverse(found.first().map(String::len)),
                    )
                });
            unknown.extend(least.unwrap_or_default());
            return;
        }
        match &node.kind {
            Kind::Map(entries) => {
                for (key, value) in entries {
                    let path = format!("{path}/{}", key.text);
                    let known = &schema["properties"][&key.text];
                    let other = &schema["additionalProperties"];
                    if !known.is_null() {
                        unknown_keys(whole, known, value, &path, unknown);
                    } else if other.is_object() {
                        unknown_keys(whole, other, value, &path, unknown);
                    } else {
                        unknown.push(path);
                    }
                }
            }
            Kind::Seq(items) => {
                for item in items {
                    unknown_keys(whole, &schema["items"], item, path, unknown);
                }
            }
            Kind::Scalar(_) | Kind::Removed | Kind::Filler => {}
        }
    }

    #[test]
    fn the_schema_knows_the_keys_of_a_pipeline() {
        let schema = schema();
        let check = |text: &str, expected: &[&str]| {
            let tree = tree::parse(text, &mut Findings::new("p.yaml")).unwrap();
            let mut unknown = Vec::new();
            unknown_keys(&schema, &schema, &tree, "", &mut unknown);
            assert_eq!(unknown, expected, "{text}");
        };
        check(super::super::tests::FULL, &[]);
        check("version: 1\nsauce: {}\n", &["/sauce"]);
        check(
            "target: { orgvue: { tenent: A } }\n",
            &["/target/orgvue/tenent"],
        );
        check(
            "target: { sandbox: { base_url: A } }\n",
            &["/target/sandbox/base_url"],
        );
        check(
            "target: { sandbox: { action: { colum: x } } }\n",
            &["/target/sandbox/action/colum"],
        );
        check("stages: [{ renam: }]\n", &["/stages/renam"]);
    }

    #[test]
    fn every_object_says_which_keys_it_takes() {
        fn walk(value: &Value, path: &str) {
            if value["type"] == "object" {
                assert!(
                    !value["additionalProperties"].is_null(),
                    "{path} takes any key"
                );
            }
            match value {
                Value::Object(object) => object
                    .iter()
                    .for_each(|(k, v)| walk(v, &format!("{path}/{k}"))),
                Value::Array(items) => items.iter().for_each(|v| walk(v, path)),
                _ => {}
            }
        }
        let schema = schema();
        walk(&schema, "");
        assert_eq!(schema["required"], json!(["version", "source", "target"]));
    }
}
