//! What is in a file that nobody described: found out from the whole of it, with the counts that prove it.
//!
//! | file | what it is |
//! |---|---|
//! | `bytes` | its encoding, its beginning and its end, from one look at all of its bytes |
//! | `form`, `json` | how the records are written, from the beginning and the end |
//! | `column`, `facts` | what the values of every column say, counted by the workers over all records |
//! | `decide` | what each column is by that, or what only a person can decide |
//! | `relations` | keys, managers, rows that hold for a time: a second pass over some columns |
//! | `names`, `day_names`, `words` | what names of columns say, which chooses among what the values allow |
//! | `profiles` | sources that are known by the names of their columns |
//! | `draft`, `show` | a pipeline, a table and a page made of it |
//!
//! Values of cells are in what comes of it only where they are codes, or stand for no value; and where whoever asks says so.

mod bytes;
mod column;
mod day_names;
mod decide;
pub(crate) mod draft;
mod facts;
mod form;
mod json;
mod names;
mod profiles;
mod relations;
pub(crate) mod show;
#[cfg(test)]
mod tests;
mod words;

use std::sync::Arc;

use crate::engine::EngineError;
use crate::format::csv::{Delimiter, Form, Naming};
use crate::format::{Reading, RecordFormat};
use crate::report::rejects::ADDED;
use crate::settings::limits::Limits;
use crate::source::spec::{Ragged, Unknown};
use crate::source::table::spec::Layout;
use crate::source::{Choice, Source};
use crate::text::closing;
use bytes::Bytes;
use decide::{Decided, decide};
use facts::{BLOCK_SIZE, Facts, Pass};
use form::{CsvForm, Header};
use json::JsonForm;
use relations::{Relations, relations};

/// How the records of a file are written.
#[derive(Clone, Debug)]
pub(crate) enum Written {
    Csv(CsvForm),
    Json(JsonForm),
    /// As a pipeline says.
    Stated {
        format: &'static str,
    },
}

impl Written {
    /// The format, as the pipeline file calls it.
    pub(crate) fn format(&self) -> &'static str {
        match self {
            Written::Csv(_) => "csv",
            Written::Json(form) => form.format,
            Written::Stated { format } => format,
        }
    }
}

/// All that was found of a source.
#[derive(Debug)]
pub(crate) struct Found {
    /// The names of its files.
    pub source: String,
    pub compression: Option<&'static str>,
    /// What its bytes say, where no pipeline does.
    pub bytes: Option<Bytes>,
    pub written: Written,
    /// What was chosen, where only one of several is read.
    pub chosen: Vec<Chosen>,
    /// The names that lead to the element that is a record, where it is XML.
    pub record: Option<String>,
    /// What may not have been meant in it, where it is a table.
    pub remarks: Vec<String>,
    /// What its last rows begin with, where it is a workbook and they look like totals.
    pub footer: Option<String>,
    pub names: Arc<[Arc<str>]>,
    pub facts: Facts,
    pub decided: Vec<Decided>,
    pub relations: Relations,
    /// The profile whose names of columns these are, and how many of them.
    pub profile: Option<(&'static str, usize)>,
}

/// One of several that a source has, and the others; or what has to be stated so that it is read, where nothing else can be.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    /// The setting of the source that says so.
    pub setting: &'static str,
    pub name: String,
    pub others: Vec<String>,
    /// Whoever asks said so.
    pub stated: bool,
    /// How many have been passed over; they are the last of the others.
    passed: usize,
}

impl Chosen {
    /// The first of them.
    pub(crate) fn first(choice: Choice) -> Option<Chosen> {
        let mut names = choice.names.into_iter();
        Some(Chosen {
            setting: choice.setting,
            name: names.next()?,
            others: names.collect(),
            stated: false,
            passed: 0,
        })
    }

    /// A setting that whoever asks has stated.
    pub(crate) fn stated(setting: &'static str, value: &str) -> Chosen {
        Chosen {
            stated: true,
            ..Chosen::only(setting, value.to_owned())
        }
    }

    fn only(setting: &'static str, name: String) -> Chosen {
        Chosen {
            setting,
            name,
            others: Vec::new(),
            stated: false,
            passed: 0,
        }
    }

    /// Passes over this one, unless all others have been.
    pub(crate) fn pass(&mut self) -> bool {
        if self.passed == self.others.len() {
            return false;
        }
        self.passed += 1;
        let next = self.others.remove(0);
        self.others.push(std::mem::replace(&mut self.name, next));
        true
    }
}

impl Found {
    /// The attribute that tells elements of one name apart, where some come several times beside each other: `wd:type` of
    /// `<wd:ID wd:type="WID">`.
    pub(crate) fn told_apart_by(&self) -> Option<Chosen> {
        let Written::Json(JsonForm {
            format: "xml",
            arrays: Some(_),
            ..
        }) = &self.written
        else {
            return None;
        };
        let attribute = |name: &Arc<str>| {
            let (element, attribute) = name.rsplit_once(".@")?;
            let local = attribute.rsplit(':').next().unwrap_or_default();
            let is_type = local.to_lowercase().ends_with("type");
            let has_text = self.names.iter().any(|name| **name == *element);
            (is_type && has_text).then(|| attribute.to_owned())
        };
        let attribute = self.names.iter().find_map(attribute)?;
        Some(Chosen::only("xml.names_by", attribute))
    }

    /// What the last rows of a workbook begin with, where they look like totals and were read as records.
    pub(crate) fn closes_with(&self) -> Option<Chosen> {
        Some(Chosen::only("xlsx.footer", self.footer.clone()?))
    }
}

/// Finds out what is in a source of which nothing is known.
///
/// # Errors
/// It can't be read, or not as records.
pub(crate) async fn infer(source: Source, workers: usize) -> Result<Found, EngineError> {
    let (source, bytes) = bytes::look(source).await?;
    let source = Arc::new(source);
    let pass = |format, footer: &[String]| Pass {
        source: source.clone(),
        reading: reading(format, footer),
        ragged: Ragged::Reject,
        unknown: Unknown::Reject,
        workers,
    };
    let is_json = bytes.beginning.trim_start().starts_with(['[', '{']);
    let (found, written) = match is_json {
        true => {
            let (form, found) = json::form(&bytes.beginning, |format| pass(format, &[])).await?;
            (found, Written::Json(form))
        }
        false => {
            let form = form::form(&bytes.beginning, bytes.is_all, &bytes.end);
            let (form, found) = csv(form, |form| pass(form.format(), &form.footer)).await?;
            (found, Written::Csv(form))
        }
    };
    Ok(Found {
        written,
        bytes: Some(bytes),
        ..found
    })
}

/// The pipeline that is drafted for such a source, whatever layout it has, in this year.
///
/// # Errors
/// As of [`infer`].
pub async fn drafted(source: Source, year: u16) -> Result<String, EngineError> {
    let source = source.laid_out(Layout::Auto(Box::default()));
    let found = infer(source, 1).await?;
    let to = draft::For {
        name: "draft",
        path: "extract",
        year,
        properties: None,
    };
    Ok(draft::draft(&found, &to))
}

/// The facts of a CSV file. Where a quote is never closed, cells don't span lines.
async fn csv(
    form: CsvForm,
    pass: impl Fn(&CsvForm) -> Pass,
) -> Result<(CsvForm, Found), EngineError> {
    let mut form = form;
    match of_pass(&pass(&form)).await {
        Err(EngineError::Data { .. }) if form.dialect.quoting.quote.is_some() => {}
        found => return Ok((form, found?)),
    }
    form.dialect.quoting.multiline = false;
    let found = of_pass(&pass(&form)).await?;
    Ok((form, found))
}

/// What is in a source that is read as a pipeline says.
///
/// # Errors
/// It can't be read, or not as records.
pub(crate) async fn described(
    source: Source,
    reading: Reading,
    (ragged, unknown): (Ragged, Unknown),
    workers: usize,
) -> Result<Found, EngineError> {
    let pass = Pass {
        source: Arc::new(source),
        reading,
        ragged,
        unknown,
        workers,
    };
    of_pass(&pass).await
}

async fn of_pass(pass: &Pass) -> Result<Found, EngineError> {
    let opened = pass.open().await?;
    let header = opened.header.clone();
    let names = header.names().clone();
    let facts = opened.facts().await?;
    let each = names.iter().zip(&facts.columns);
    let decided: Vec<Decided> = each.map(|(name, column)| decide(name, column)).collect();
    let records = facts.records - facts.rejected;
    let relations = match records {
        0 => Relations::default(),
        _ => relations(pass, &names, &facts.columns, &decided, records).await?,
    };
    Ok(Found {
        source: pass.source.names(),
        compression: pass.source.origins()[0].compression(),
        bytes: None,
        written: Written::Stated {
            format: header.format(),
        },
        chosen: Vec::new(),
        record: pass.source.origins()[0].record().map(str::to_owned),
        remarks: pass.source.remarks(),
        footer: pass.source.footer(),
        profile: profiles::profile(names.iter().map(|name| &**name)),
        names,
        facts,
        decided,
        relations,
    })
}

/// How a source's text is to be read whose footer begins so.
fn reading(format: RecordFormat, footer: &[String]) -> Reading {
    let mut reading = Reading {
        format,
        block: BLOCK_SIZE,
        added: &ADDED,
        named: Arc::default(),
        limits: Limits::default(),
        closing: Default::default(),
    };
    reading.closing.footer = closing::pattern(footer).and_then(|pattern| pattern.parse().ok());
    reading
}

impl CsvForm {
    fn format(&self) -> RecordFormat {
        let (lines, columns) = match &self.header {
            Header::None => (0, None),
            Header::Line { .. } => (1, None),
            Header::Labels(names) => (2, Some(names.as_slice().into())),
            Header::Groups => (2, None),
        };
        RecordFormat::Csv(Form {
            delimiter: Delimiter::Stated(self.dialect.delimiter),
            quoting: self.dialect.quoting,
            comment: self.dialect.comment,
            skip_lines: self.skip_lines,
            naming: Naming {
                lines,
                columns,
                number: !self.same_names.is_empty(),
                by_name: false,
            },
        })
    }
}
