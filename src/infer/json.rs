//! How a JSON file is written that nobody described: where its records are, and what is nested in them.

use std::sync::Arc;

use super::facts::Pass;
use super::{Found, of_pass};
use crate::batch::{Batch, Kind};
use crate::engine::EngineError;
use crate::format::RecordFormat;
use crate::format::json::{Arrays, Form, Path, UNKNOWN_MEMBER, records_within};
use crate::source::spec::JsonSpec;

/// How a JSON file is written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JsonForm {
    /// `json` or `ndjson`, or that of a table whose records were made to objects: `xml`.
    pub format: &'static str,
    /// The members that lead to the records, and to others that may be the records as well.
    pub path: Option<Path>,
    pub other_paths: Vec<Path>,
    /// All members, where those of the first records are not all.
    pub columns: Option<Vec<String>>,
    /// Whether members of objects within the records become columns.
    pub flatten: bool,
    /// What becomes of arrays, where there are any.
    pub arrays: Option<Arrays>,
}

/// Finds out how a file is written that begins so, and what is in it.
///
/// # Errors
/// It can't be read, or not as records.
pub(super) async fn form(
    beginning: &str,
    pass: impl Fn(RecordFormat) -> Pass,
) -> Result<(JsonForm, Found), EngineError> {
    let mut form = JsonForm {
        format: "json",
        path: None,
        other_paths: Vec::new(),
        columns: None,
        flatten: false,
        arrays: None,
    };
    let opened = match pass(form.written()).open().await {
        Err(error @ EngineError::Setting { .. }) => {
            let mut paths = records_within(beginning.as_bytes());
            if paths.is_empty() {
                return Err(error);
            }
            form.path = Some(paths.remove(0));
            form.other_paths = paths;
            pass(form.written()).open().await?
        }
        opened => opened?,
    };
    form.format = opened.header.format();
    if let Some(first) = opened.first().await? {
        let nested = nested(&first);
        form.flatten = nested.objects;
        if nested.objects {
            // Arrays may stand in the objects.
            let within = pass(form.written()).open().await?.first().await?;
            form.arrays = within.and_then(|first| self::nested(&first).arrays);
        } else {
            form.arrays = nested.arrays;
        }
    }
    let found = of_pass(&pass(form.written())).await?;
    if !found.facts.faults.contains_key(UNKNOWN_MEMBER) {
        return Ok((form, found));
    }
    // Members that come late are columns like others.
    form.columns = Some(pass(form.written()).open().await?.members().await?);
    let found = of_pass(&pass(form.written())).await?;
    Ok((form, found))
}

impl JsonForm {
    fn written(&self) -> RecordFormat {
        let form = Form {
            path: self.path.clone(),
            columns: self.columns.clone(),
            flatten: self.flatten.then(|| ".".to_owned()),
            arrays: self.arrays.unwrap_or_default(),
            join: JsonSpec::default().join,
            ..Form::default()
        };
        RecordFormat::Auto {
            csv: crate::source::spec::CsvSpec::default().form(crate::format::csv::Delimiter::Comma),
            json: Arc::new(form),
        }
    }
}

/// What is nested in records.
#[derive(Default)]
struct Nested {
    objects: bool,
    /// What can become of their arrays.
    arrays: Option<Arrays>,
}

fn nested(batch: &Batch) -> Nested {
    let mut nested = Nested::default();
    for column in 0..batch.width() {
        for cell in batch
            .column(column)
            .iter()
            .filter(|c| c.kind() == Kind::Json)
        {
            let text = batch.text(*cell);
            match text.strip_prefix('[') {
                None => nested.objects = true,
                Some(elements) if elements.contains(['{', '[']) => {
                    nested.arrays = Some(Arrays::Json)
                }
                Some(_) => nested.arrays = nested.arrays.or(Some(Arrays::Join)),
            }
        }
    }
    nested
}
