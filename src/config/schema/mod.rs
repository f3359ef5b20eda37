//! The JSON Schema of the pipeline file, from the same types that read it.

mod examples;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::spec::PipelineSpec;
use crate::stage::StageSpec;

/// What the schema is called, wherever it lies.
const ID: &str = "urn:rostream:schema:pipeline:1";

/// The JSON Schema of a pipeline file (draft 7, which editors know best). Unknown keys are refused.
pub fn schema() -> Value {
    let mut schema = typed();
    let whole = schema.clone();
    allow_variables(&whole, &mut schema);
    allow_empty(&whole, &mut schema);
    allow_words(&mut schema);
    schema["definitions"][VARIABLE] = json!({
        "description": "Filled in from the environment: `${NAME}`, `${NAME:-default}`, `${NAME:?message}`.",
        "type": "string",
        "pattern": r"\$\{",
    });
    schema
}

/// What the types say, with a description, an example and, where there is one, the default beside every key.
pub(super) fn typed() -> Value {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<PipelineSpec>().to_value();
    schema["title"] = json!("rostream pipeline");
    schema["$id"] = json!(ID);
    if let Some(object) = schema.as_object_mut() {
        object.remove("description");
    }
    let whole = schema.clone();
    describe(&whole, &mut schema);
    examples::add(&mut schema);
    schema
}

/// Gives every key the description of what it holds where it has none of its own, and takes away defaults that say no
/// more than that a key may be left out.
fn describe(whole: &Value, schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            let outer = object.get("description").cloned();
            if let Some(keys) = object.get_mut("properties").and_then(Value::as_object_mut) {
                let is_one = keys.len() == 1;
                for key in keys.values_mut().filter_map(Value::as_object_mut) {
                    if key.get("default") == Some(&Value::Null) {
                        key.remove("default");
                    }
                    if !key.contains_key("description") {
                        // A choice of one key, such as a stage, is described as a whole.
                        let inner =
                            definition(whole, &Value::Object(key.clone()))["description"].clone();
                        let said = outer.clone().filter(|_| is_one).unwrap_or(inner);
                        if !said.is_null() {
                            beside(key).insert("description".into(), said);
                        }
                    }
                }
            }
            object.values_mut().for_each(|value| describe(whole, value));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| describe(whole, value)),
        _ => {}
    }
}

/// A schema in which something may stand beside what it refers to: beside a bare `$ref`, draft 7 reads nothing.
fn beside(schema: &mut Map<String, Value>) -> &mut Map<String, Value> {
    if let Some(reference) = schema.remove("$ref") {
        schema.insert("allOf".into(), json!([{ "$ref": reference }]));
    }
    schema
}

/// The definition of what stands for any value that a variable gives.
const VARIABLE: &str = "Variable";

/// A stage that needs no settings may be its word alone: `- trim`. Which those are, the stages say themselves.
fn allow_words(schema: &mut Value) {
    let stages = schema.pointer_mut("/definitions/StageSpec/oneOf");
    let Some(stages) = stages.and_then(Value::as_array_mut) else {
        return;
    };
    let needs_none = |word: &&String| {
        serde_json::from_value::<StageSpec>(json!({ *word: null }))
            .is_ok_and(|stage| stage.check().is_ok())
    };
    let words: Vec<Value> = stages
        .iter()
        .filter_map(|stage| stage["properties"].as_object())
        .flat_map(|stage| stage.keys())
        .filter(needs_none)
        .map(|word| json!(word))
        .collect();
    stages.push(json!({
        "description": "A stage that needs no settings, by its word alone.",
        "type": "string",
        "enum": words,
    }));
}

/// Any setting may be a variable to be filled in, `${RATE}`, whatever type it has.
fn allow_variables(whole: &Value, schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            for (key, value) in object.iter_mut() {
                if key == "properties"
                    && let Some(settings) = value.as_object_mut()
                {
                    for setting in settings.values_mut() {
                        if !takes_any_text(whole, setting) {
                            or(
                                setting,
                                json!({ "$ref": format!("#/definitions/{VARIABLE}") }),
                            );
                        } else {
                            allow_variables(whole, setting);
                        }
                    }
                } else {
                    allow_variables(whole, value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|v| allow_variables(whole, v)),
        _ => {}
    }
}

/// Whether a schema is anything but a number, a truth value or a text of stated form.
fn takes_any_text(whole: &Value, schema: &Value) -> bool {
    let schema = definition(whole, schema);
    if let Some(choices) = ["anyOf", "oneOf"].iter().find_map(|k| schema[k].as_array()) {
        return choices
            .iter()
            .any(|choice| choice["type"] != "null" && takes_any_text(whole, choice));
    }
    let stated = ["pattern", "enum", "const"]
        .iter()
        .any(|k| !schema[k].is_null());
    let types = match &schema["type"] {
        Value::Array(types) => types.as_slice(),
        one => std::slice::from_ref(one),
    };
    let bare = |t: &Value| *t == "integer" || *t == "number" || *t == "boolean" || *t == "null";
    !stated && !types.iter().all(bare)
}

/// A section, or a stage, that needs no settings may be left empty: `- trim:`.
fn allow_empty(whole: &Value, schema: &mut Value) {
    let null = || json!({ "type": "null" });
    let required: Vec<&str> = names(&whole["required"]).collect();
    if let Some(sections) = schema["properties"].as_object_mut() {
        for (name, section) in sections {
            if !required.contains(&name.as_str()) && name != "name" {
                or(section, null());
            }
        }
    }
    for variants in ["/definitions/StageSpec/oneOf", "/properties/target/oneOf"] {
        let variants = schema.pointer_mut(variants).and_then(Value::as_array_mut);
        let settings = variants
            .into_iter()
            .flatten()
            .filter_map(|variant| variant["properties"].as_object_mut())
            .flat_map(|properties| properties.values_mut());
        for settings in settings {
            let definition = definition(whole, settings);
            if definition["type"] == "object" && names(&definition["required"]).next().is_none() {
                or(settings, null());
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
pub(super) fn definition<'a>(whole: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str().and_then(|r| r.strip_prefix('#')) {
        Some(pointer) => whole.pointer(pointer).unwrap_or(&Value::Null),
        None => match schema["allOf"].as_array().map(Vec::as_slice) {
            Some([one]) => definition(whole, one),
            _ => schema,
        },
    }
}

/// Makes a schema accept something else as well. What is said of it stands outside the choice, where editors show it.
fn or(schema: &mut Value, other: Value) {
    let mut said = Map::new();
    if let Some(object) = schema.as_object_mut() {
        for word in ["description", "default", "examples"] {
            said.extend(object.remove(word).map(|value| (word.to_owned(), value)));
        }
    }
    said.insert("anyOf".into(), json!([schema.take(), other]));
    *schema = Value::Object(said);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::problem::Findings;
    use crate::config::yaml::tree::{self, Kind, Node};

    /// Every key of a file that the schema does not know, as a path.
    fn unknown_keys(
        whole: &Value,
        schema: &Value,
        node: &Node,
        path: &str,
        unknown: &mut Vec<String>,
    ) {
        let schema = definition(whole, schema);
        // Choices beside keys say which of the keys go together.
        if schema["properties"].is_null()
            && let Some(choices) = ["anyOf", "oneOf"].iter().find_map(|k| schema[k].as_array())
        {
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
        check(crate::config::tests::FULL, &[]);
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
    fn what_may_be_left_empty_or_filled_in_by_a_variable() {
        let schema = schema();
        let whole = schema.clone();
        let upload = &schema["definitions"]["UploadSpec"]["properties"];
        let check = |schema: &Value, expected: &str| {
            let other = definition(&whole, &schema["anyOf"][1]);
            assert_eq!(other["type"], expected, "{schema}");
        };
        for setting in ["format", "length", "chunk", "rate", "attempts"] {
            check(&upload[setting], "string");
        }
        check(&schema["properties"]["version"], "string");
        check(&schema["properties"]["upload"], "null");
        check(&schema["properties"]["stages"], "null");
        let targets = &schema["properties"]["target"]["oneOf"];
        check(&targets[1]["properties"]["sandbox"], "null");
        assert!(targets[0]["properties"]["orgvue"]["anyOf"].is_null());
        assert_eq!(
            schema["definitions"]["TrimSpec"]["type"],
            json!(["array", "null"])
        );
        assert!(schema["properties"]["source"]["anyOf"].is_null());
        assert!(schema["definitions"]["OrgvueSpec"]["properties"]["tenant"]["anyOf"].is_null());
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
