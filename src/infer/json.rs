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
    let opened_names = opened.header.names().clone();
    let mut lists: Vec<Arc<str>> = Vec::new();
    if let Some(first) = opened.first().await? {
        let nested = nested(&first);
        form.flatten = nested.objects;
        let mut header = opened_names;
        let mut within = nested;
        if form.flatten {
            // Arrays may stand in the objects.
            let opened = pass(form.written()).open().await?;
            header = opened.header.names().clone();
            within = opened
                .first()
                .await?
                .map_or_else(Nested::default, |first| self::nested(&first));
        }
        lists = within.lists.iter().map(|at| header[*at].clone()).collect();
        form.arrays = within.arrays;
        // No element's name has brackets: these are by an attribute, and what is still a list is of equals.
        let are_by_attribute = header.iter().any(|name| name.ends_with(']'));
        if form.format == "xml" && are_by_attribute && form.arrays == Some(Arrays::Join) {
            form.arrays = Some(Arrays::First);
        }
    }
    let mut found = of_pass(&pass(form.written())).await?;
    found.relations.leave_out(&lists);
    if !found.facts.faults.contains_key(UNKNOWN_MEMBER) {
        return Ok((form, found));
    }
    // Members that come late are columns like others.
    form.columns = Some(pass(form.written()).open().await?.members().await?);
    let mut found = of_pass(&pass(form.written())).await?;
    found.relations.leave_out(&lists);
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
    /// The columns that have arrays.
    lists: Vec<usize>,
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
            if text.starts_with('[') && nested.lists.last() != Some(&column) {
                nested.lists.push(column);
            }
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
