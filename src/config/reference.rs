//! The keys of a pipeline file as a page to read, from the schema that editors have.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use super::schema::{definition, typed};
use super::yaml::write::{flow, scalar};

/// The keys of a pipeline file in Markdown: a section for each key at the top, of `stages` one for each stage.
pub(crate) fn reference() -> String {
    let schema = typed();
    let mut page = Page {
        schema: &schema,
        listed: BTreeMap::new(),
        text: String::new(),
    };
    let Some(sections) = schema["properties"].as_object() else {
        return page.text;
    };
    // What describes a file comes first: lookups and aliases have such files, too.
    let (first, others): (Vec<_>, Vec<_>) =
        sections.iter().partition(|(name, _)| *name == "source");
    for (name, section) in first.into_iter().chain(others) {
        page.section(name, section);
    }
    page.text
}

struct Page<'s> {
    schema: &'s Value,
    /// Where the keys of a definition stand already.
    listed: BTreeMap<&'s str, String>,
    text: String,
}

impl<'s> Page<'s> {
    fn section(&mut self, name: &str, section: &'s Value) {
        self.heading("##", name, section);
        if name == "stages" {
            let stages = self.schema["definitions"]["StageSpec"]["oneOf"].as_array();
            for stage in stages.into_iter().flatten() {
                for (word, settings) in stage["properties"].as_object().into_iter().flatten() {
                    self.heading("###", word, settings);
                    self.table(word, settings);
                }
            }
        } else {
            self.table(name, section);
        }
    }

    fn heading(&mut self, level: &str, name: &str, key: &Value) {
        let said = key["description"].as_str().unwrap_or_default();
        let _ = write!(self.text, "{level} `{name}`\n\n{}\n\n", cell(said));
        let kind = self.kind(key);
        let mut told: Vec<String> = Vec::new();
        told.extend((kind != "map").then(|| format!("takes {kind}")));
        told.extend(default(key));
        told.extend(example(key));
        if let Some(first) = told.first_mut() {
            first[..1].make_ascii_uppercase();
            let _ = write!(self.text, "{}.\n\n", told.join("; "));
        }
    }

    /// The keys below a key, if there are any.
    fn table(&mut self, path: &str, key: &'s Value) {
        let mut rows = String::new();
        self.rows(path, key, &mut rows);
        if !rows.is_empty() {
            self.text
                .push_str("| key | takes | default | meaning | example |\n|---|---|---|---|---|\n");
            let _ = writeln!(self.text, "{rows}");
        }
    }

    fn rows(&mut self, path: &str, schema: &'s Value, rows: &mut String) {
        if let Some(name) = reference_of(schema) {
            if self.listed.contains_key(name) {
                return;
            }
            let definition = &self.schema["definitions"][name];
            if has_keys(definition) {
                self.listed.insert(name, path.to_owned());
            }
            return self.rows(path, definition, rows);
        }
        for choice in choices(schema) {
            self.rows(path, choice, rows);
        }
        for (name, key) in schema["properties"].as_object().into_iter().flatten() {
            self.row(&format!("{path}.{name}"), key, rows);
        }
        if schema["additionalProperties"].is_object() {
            self.rows(
                &format!("{path}.NAME"),
                &schema["additionalProperties"],
                rows,
            );
        }
        if schema["items"].is_object() {
            self.rows(path, &schema["items"], rows);
        }
    }

    fn row(&mut self, path: &str, key: &'s Value, rows: &mut String) {
        let mut said = cell(key["description"].as_str().unwrap_or_default());
        let elsewhere = reference_of(key).and_then(|name| self.listed.get(name));
        if let Some(other) = elsewhere {
            let _ = write!(said, " The keys of `{other}`.");
        }
        let _ = writeln!(
            rows,
            "| `{path}` | {} | {} | {said} | {} |",
            cell(&self.kind(key)),
            cell(&default(key).map_or_else(String::new, |d| d.replacen("default ", "", 1))),
            cell(&example(key).map_or_else(String::new, |e| e.replacen("example ", "", 1))),
        );
        self.rows(path, key, rows);
    }

    /// What a key takes.
    fn kind(&self, schema: &Value) -> String {
        let found = definition(self.schema, schema);
        let named = reference_of(schema).filter(|_| !found["pattern"].is_null());
        if let Some(name) = named {
            return words(name);
        }
        if let Some(word) = found["const"].as_str() {
            return format!("`{word}`");
        }
        if let Some(list) = found["enum"].as_array() {
            let list = list.iter().filter_map(Value::as_str);
            return list
                .map(|word| format!("`{word}`"))
                .collect::<Vec<_>>()
                .join(", ");
        }
        let mut kinds: Vec<String> = Vec::new();
        let mut add = |kind: String| {
            if !kind.is_empty() && !kinds.contains(&kind) {
                kinds.push(kind);
            }
        };
        for choice in choices(found) {
            add(self.kind(choice));
        }
        let types = match &found["type"] {
            Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
            one => one.as_str().into_iter().collect::<Vec<_>>(),
        };
        for name in types {
            add(match name {
                "string" => "text".into(),
                "integer" => "whole number".into(),
                "boolean" => "`true`, `false`".into(),
                "object" => "map".into(),
                "array" => "list".into(),
                "null" => String::new(),
                other => other.into(),
            });
        }
        kinds.join(", ")
    }
}

/// The definition that a schema refers to, past what allows nothing at all.
fn reference_of(schema: &Value) -> Option<&str> {
    if let Some(to) = schema["$ref"].as_str() {
        return to.strip_prefix("#/definitions/");
    }
    let inner = schema["allOf"].as_array().or(schema["anyOf"].as_array())?;
    let mut inner = inner.iter().filter(|choice| choice["type"] != "null");
    match (inner.next(), inner.next()) {
        (Some(one), None) => reference_of(one),
        _ => None,
    }
}

fn choices(schema: &Value) -> impl Iterator<Item = &Value> {
    let lists = ["anyOf", "oneOf", "allOf"].iter();
    lists.filter_map(|word| schema[word].as_array()).flatten()
}

fn has_keys(schema: &Value) -> bool {
    schema["properties"].is_object() || choices(schema).any(has_keys)
}

fn default(key: &Value) -> Option<String> {
    let default = key.get("default")?;
    let is_empty = default.as_array().is_some_and(Vec::is_empty) || default.is_object();
    (!is_empty).then(|| format!("default `{}`", inline(default)))
}

fn example(key: &Value) -> Option<String> {
    let example = key["examples"].as_array()?.first()?;
    let text = inline(example);
    // Nothing in code ends with a backquote but the code.
    (!text.is_empty() && !text.contains('`')).then(|| format!("example `{text}`"))
}

/// A value as it stands in a pipeline file, on one line.
fn inline(value: &Value) -> String {
    match value {
        Value::Object(entries) => {
            let entries = entries
                .iter()
                .map(|(key, value)| (key.as_str(), inline(value)));
            flow(&entries.collect::<Vec<_>>())
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::String(text) if is_amount(text) => text.clone(),
        Value::String(text) => scalar(text),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Whether a text is an amount with its unit, which nobody writes in quotes: `5%`, `256KiB`, `30m`, `20MB/s`.
fn is_amount(text: &str) -> bool {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_unit = |c: char| c.is_ascii_alphabetic() || "%/".contains(c);
    unit.len() < text.len() && !unit.is_empty() && unit.chars().all(is_unit)
}

/// Words for the name of a type: `DateFormat` is a date format.
fn words(name: &str) -> String {
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let name = name.strip_suffix("Spec").unwrap_or(name);
    let mut words = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    words
}

/// Text as it stands in a cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}
