//! The beginning of a source: which format its records have, and what the header says of all of them.
//!
//! Everything here is a plain function of the text's first bytes. Where they are too few to tell, it asks for more.

use std::collections::HashSet;
use std::sync::Arc;

use super::beginning::{Beginning, Begun, Expected, Place, Wrong};
use super::block::Boundary;
use super::closing::Closing;
use super::csv::spec::CsvSpec;
use super::csv::{self, Delimiter, Form};
use super::json::fed_back::FedBack;
use super::json::{self, Layout};
use crate::batch::Arrangement;
use crate::settings::limits::Limits;
use crate::text::{counted, foreign};

/// What the pipeline says of its source's text.
#[derive(Debug, Clone)]
pub struct Reading {
    pub format: RecordFormat,
    /// Text of one block in bytes.
    pub block: usize,
    /// Names of columns that the rejects file adds, ignored where all of them are there.
    pub added: &'static [&'static str],
    /// The names by which the pipeline calls columns. A line that has none of them may be a person's record where the
    /// header is missing, and no message repeats what stands there.
    pub named: Arc<HashSet<String>>,
    /// The longest record, and the most columns.
    pub limits: Limits,
    /// The lines at the end of a file that are no records.
    pub closing: Closing,
}

/// The format of records, as far as it is stated.
#[derive(Debug, Clone)]
pub enum RecordFormat {
    /// By the text's first character that is not white space: an array, objects, or else CSV.
    Auto {
        /// How it is written where it is CSV.
        csv: Form,
        /// How it is read where it is JSON.
        json: Arc<json::Form>,
    },
    /// A header and records.
    Csv(Form),
    /// Objects.
    Json {
        /// In documents, or one a line.
        layout: Layout,
        /// How they are read.
        form: Arc<json::Form>,
    },
}

/// What the beginning of a source says of all its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Header {
    /// Of CSV.
    Csv(csv::Header),
    /// Of objects.
    Json(json::Header),
}

impl Header {
    /// Whether it is that of a rejects file: it has the columns that such a file adds, which are not read.
    pub(crate) fn is_of_rejects(&self) -> bool {
        match self {
            Header::Csv(csv) => csv.is_of_rejects(),
            Header::Json(json) => json.fed_back,
        }
    }
}

impl Reading {
    /// The same, of a text that has the records of a `table` as objects which stand so, whatever is stated.
    pub(crate) fn of_objects(&self, table: &'static str, layout: Layout) -> Reading {
        let form = match &self.format {
            RecordFormat::Auto { json: form, .. } | RecordFormat::Json { form, .. } => {
                // Its records are not an array within an object.
                Arc::new(json::Form {
                    path: None,
                    ..(**form).clone()
                })
            }
            RecordFormat::Csv(_) => Arc::default(),
        };
        let form = json::Form {
            path: None,
            table: Some(table),
            told: true,
            ..(*form).clone()
        };
        let form = Arc::new(form);
        Reading {
            format: RecordFormat::Json { layout, form },
            ..self.clone()
        }
    }

    /// The same, of a text that is a rejects file, whatever is stated of the source.
    pub(crate) fn of_rejects(&self) -> Reading {
        let format = match &self.format {
            RecordFormat::Json { form, .. } => RecordFormat::Auto {
                csv: CsvSpec::default().form(Delimiter::Comma),
                json: form.clone(),
            },
            stated => stated.clone(),
        };
        Reading {
            format,
            ..self.clone()
        }
    }

    /// Reads what comes before the records. None asks for more text. `first` is the header of the source's first file,
    /// where this is another.
    pub(crate) fn begin(
        &self,
        begins: &Beginning<'_>,
        first: Option<&Header>,
    ) -> Result<Option<Begun<Header>>, Wrong> {
        if let Some(found) = json::fed_back::known(begins.text, begins.ended, self.added) {
            return self.begin_rejects(begins, found, first);
        }
        let expected = self.expected();
        let json = |layout, form: &Arc<json::Form>| {
            let known = json::Known {
                layout,
                form,
                fed_back: false,
            };
            let begun = json::header(&expected, known, begins, json_of(first));
            begun.map(|begun| begun.map(|begun| begun.map(Header::Json)))
        };
        let csv = |form: &Form| {
            let form = self.form(form, begins);
            let begun = csv::header(&expected, &form, begins);
            begun.map(|begun| begun.map(|begun| begun.map(Header::Csv)))
        };
        match &self.format {
            RecordFormat::Csv(form) => csv(form),
            RecordFormat::Json { layout, form } => json(Some(*layout), form),
            RecordFormat::Auto {
                csv: form,
                json: other,
            } => match begins.text.iter().find(|b| !b.is_ascii_whitespace()) {
                Some(b'[' | b'{') => json(None, other),
                _ => csv(form),
            },
        }
    }

    /// Reads the beginning of the rejects of a JSON source. How the source's objects stood says nothing of how these do.
    fn begin_rejects(
        &self,
        begins: &Beginning<'_>,
        found: FedBack,
        first: Option<&Header>,
    ) -> Result<Option<Begun<Header>>, Wrong> {
        let stated = match &self.format {
            RecordFormat::Auto { json: form, .. } | RecordFormat::Json { form, .. } => {
                (**form).clone()
            }
            RecordFormat::Csv(_) => json::Form::default(),
        };
        let form = json::Form {
            path: None,
            columns: stated.columns.or(found.columns),
            told: true,
            ..stated
        };
        let begins = Beginning {
            text: &found.text,
            ..*begins
        };
        let known = json::Known {
            layout: Some(found.layout),
            form: &Arc::new(form),
            fed_back: true,
        };
        let begun = json::header(&self.expected(), known, &begins, json_of(first))?;
        Ok(begun.map(|begun| begun.map(Header::Json)))
    }

    /// How a file is written: a rejects file says itself what stands between its cells, and begins with its header.
    fn form(&self, stated: &Form, begins: &Beginning<'_>) -> Form {
        let found = csv::fed_back::delimiter(begins.text, stated.quoting, begins.ended, self.added);
        match found {
            None => stated.clone(),
            Some(delimiter) => Form {
                delimiter: Delimiter::Stated(delimiter),
                comment: None,
                skip_lines: 0,
                naming: stated.naming.of_rejects(),
                ..stated.clone()
            },
        }
    }

    /// What a header is held against.
    pub(crate) fn expected(&self) -> Expected<'_> {
        Expected {
            added: self.added,
            named: &self.named,
            limits: &self.limits,
        }
    }

    /// The closing lines of a file with this header.
    pub(crate) fn closing_of(&self, header: &Header) -> Result<Closing, Wrong> {
        let mut closing = self.closing.clone();
        match header {
            // Its last rows may be people whose names look like a footer.
            Header::Csv(_) if header.is_of_rejects() => closing.footer = None,
            Header::Csv(_) => {}
            Header::Json(json) => {
                closing.footer = None;
                if json.layout == Layout::Documents && closing.trailer.is_some() {
                    return Err(Wrong::setting(
                        Place::Line(1),
                        "source.expect.trailer describes the last line of the file, and a JSON document ends with its \
                         bracket, as XML ends with its root; state source.expect.rows or source.expect.done_file instead",
                    ));
                }
            }
        }
        Ok(closing)
    }

    /// A further file's header as a part of the first one's table.
    ///
    /// # Errors
    /// Says what keeps it from being that.
    pub(crate) fn fit(&self, header: Header, first: &Header, name: &str) -> Result<Header, Wrong> {
        self.is_alike(&header, first, name)?;
        match (header, first) {
            (Header::Csv(header), Header::Csv(first)) => {
                let fitted = header.fit(first, &self.expected(), name);
                fitted.map(Header::Csv)
            }
            (header, _) => Ok(header),
        }
    }

    /// Whether a file can be read beside the first, whatever its columns.
    fn is_alike(&self, header: &Header, first: &Header, name: &str) -> Result<(), Wrong> {
        let wrong = |message| Err(Wrong::data(Place::Line(1), message));
        if header.format() != first.format() {
            return wrong(format!(
                "this file is {}, and {name} is {}; all files of a source have the same format",
                header.format(),
                first.format()
            ));
        }
        let added = self.added.join(",");
        match (header.is_of_rejects(), first.is_of_rejects()) {
            (true, false) => wrong(format!(
                "this is a rejects file (it has {added}), and {name} is not; read them one after the other"
            )),
            (false, true) => wrong(format!(
                "this is not a rejects file, and {name} is (it has {added}); read them one after the other"
            )),
            _ => Ok(()),
        }
    }

    /// Whether the columns of all files are those of the table, so that all headers have to be known beforehand.
    pub(crate) fn unites(&self, first: &Header) -> bool {
        let form = match &self.format {
            RecordFormat::Csv(form) | RecordFormat::Auto { csv: form, .. } => form,
            RecordFormat::Json { .. } => return false,
        };
        form.naming.by_name && matches!(first, Header::Csv(_))
    }

    /// The header of the table that has the columns of both.
    ///
    /// # Errors
    /// As [`Reading::fit`].
    pub(crate) fn unite(
        &self,
        header: Header,
        other: &Header,
        name: &str,
    ) -> Result<Header, Wrong> {
        self.is_alike(other, &header, name)?;
        match (header, other) {
            (Header::Csv(header), Header::Csv(other)) => {
                let united = header.united_with(other, &self.expected(), name);
                united.map(Header::Csv)
            }
            (header, _) => Ok(header),
        }
    }
}

impl Header {
    /// The columns' names.
    pub fn names(&self) -> &Arc<[Arc<str>]> {
        match self {
            Header::Csv(header) => &header.names,
            Header::Json(header) => &header.names,
        }
    }

    /// How the cells of this file's records become the columns, where they are not these one by one.
    pub(crate) fn arrangement(&self) -> Option<&Arc<Arrangement>> {
        match self {
            Header::Csv(header) => header.arrangement.as_ref(),
            Header::Json(_) => None,
        }
    }

    /// Whether something closes the records of its file, without which it can't be read to its end.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self, Header::Json(header) if header.closed)
    }

    /// Whether the names are the pipeline's own, and no record's.
    pub(crate) fn is_stated(&self) -> bool {
        matches!(self, Header::Csv(header) if header.stated)
    }

    /// The records' format, as the pipeline file calls it.
    pub(crate) fn format(&self) -> &'static str {
        match self {
            Header::Csv(_) => "csv",
            Header::Json(header) => header.table().unwrap_or(match header.layout {
                Layout::Lines => "ndjson",
                Layout::Documents => "json",
            }),
        }
    }

    /// What to say where the pipeline names none of the columns. Nothing of it is repeated: it may be a person's record.
    pub(crate) fn has_none_of_the_names(&self) -> String {
        let (what, count, advice) = match self {
            Header::Csv(header) => (
                format!(
                    "line {}, where the column names should be, has",
                    header.line
                ),
                counted(header.own.len() as u64, "cell"),
                "if the file has no header, set source.csv.header to none, and source.csv.columns to the names",
            ),
            Header::Json(header) => (
                "the first records have".to_owned(),
                counted(header.names.len() as u64, "member"),
                "`rostream preview` without stages and rules shows them",
            ),
        };
        format!("{what} {count}, and none is a column that the pipeline names; {advice}")
    }

    /// What cuts the text into records.
    pub(crate) fn boundary(&self) -> Boundary {
        match self {
            Header::Csv(header) => Boundary::Csv(header.dialect),
            Header::Json(header) => match header.layout {
                Layout::Lines => Boundary::Lines,
                Layout::Documents => Boundary::Json(header.cutter()),
            },
        }
    }
}

/// The header of a source's first file, where it is JSON.
fn json_of(first: Option<&Header>) -> Option<&json::Header> {
    match first {
        Some(Header::Json(first)) => Some(first),
        _ => None,
    }
}

/// Bytes from the beginning that tell formats which are no text.
pub(crate) const FOREIGN_BYTES: usize = 128;

/// Refuses a file of another format that a source may have, by its first bytes: it is stated to be CSV or JSON, or has
/// their settings.
pub(crate) fn refuse_table(text: &[u8]) -> Result<(), Wrong> {
    // The names of the files that workbooks begin with, wherever they come to stand in another encoding.
    let is_workbook = || {
        let names = [&b"[Content_Types].xml"[..], b"xl/", b"_rels/", b"docProps/"];
        let has = |name: &&[u8]| memchr::memmem::find(text, name).is_some();
        text.starts_with(b"PK\x03\x04") && names.iter().any(has)
    };
    let (what, format) = match () {
        () if text.trim_ascii_start().starts_with(b"<?xml") => ("XML", "xml"),
        () if text.starts_with(b"PAR1") => ("a Parquet file", "parquet"),
        () if text.starts_with(b"ARROW1\0\0") => ("an Arrow file", "arrow"),
        () if is_workbook() => ("an Excel workbook", "xlsx"),
        () => return Ok(()),
    };
    let message = format!(
        "this is {what}; set source.format to {format}, or leave it out with the settings of CSV and JSON"
    );
    Err(Wrong::setting(Place::Line(1), message))
}

/// Refuses what is often taken for an export and isn't one, by its first bytes.
pub(crate) fn refuse_foreign(text: &[u8]) -> Result<(), Wrong> {
    if foreign::is_web_page(text) {
        return Err(Wrong::data(Place::Line(1), foreign::WEB_PAGE));
    }
    let is_xml = text.trim_ascii_start().starts_with(b"<?xml");
    let is_text = std::str::from_utf8(text).map_or_else(|e| e.error_len().is_none(), |_| true);
    let is_binary = !is_text && foreign::controls(text).is_some();
    let known = foreign::known(text).or(is_xml.then_some("XML"));
    match known.or(is_binary.then_some("binary data")) {
        None => Ok(()),
        Some(what) => Err(Wrong::data(
            Place::Line(1),
            format!("this is {what}, not CSV or JSON; export it as CSV"),
        )),
    }
}
