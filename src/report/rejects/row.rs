//! One row of the rejects file, as bytes, whatever the file's format.

use super::RejectedRow;
use super::as_written::As;
use super::csv::{CsvRows, Table};
use super::json::JsonRows;
use super::said::Page;
use crate::text::encoded::Written;
use crate::text::scan::Dialect;

/// What the rejects file takes from the source: its columns, and how rows are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header(pub(super) Layout);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    Csv(Table),
    /// The names of the columns.
    Json(Vec<String>),
}

impl Header {
    /// A CSV source: its raw header record, without byte order mark and line end.
    pub fn raw(record: &[u8], dialect: Dialect, crlf: bool) -> Header {
        Header(Layout::Csv(Table {
            dialect,
            crlf,
            record: record.to_vec(),
            names: None,
            spreadsheet_safe: false,
            written: Written::default(),
        }))
    }

    /// The names by which the parser calls the cells of a CSV source.
    pub(crate) fn called(mut self, names: Vec<String>) -> Header {
        if let Layout::Csv(table) = &mut self.0 {
            table.names = Some(names);
        }
        self
    }

    /// A JSON source, by the names of its columns.
    pub fn columns<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Header {
        let names = names.into_iter().map(|name| name.as_ref().to_owned());
        Header(Layout::Json(names.collect()))
    }

    /// What a table is written in. NDJSON is UTF-8 whatever is stated.
    pub(crate) fn written(mut self, written: Written) -> Header {
        if let Layout::Csv(table) = &mut self.0 {
            table.written = written;
        }
        self
    }

    /// Puts a `'` before cells of CSV that a spreadsheet would take for a formula, and so changes them: for a file that
    /// is looked at, and not fed back in.
    pub fn spreadsheet_safe(mut self, yes: bool) -> Header {
        if let Layout::Csv(table) = &mut self.0 {
            table.spreadsheet_safe = yes;
        }
        self
    }
}

/// How rows are written, without the file.
#[derive(Debug)]
pub(super) enum RejectFormat {
    Csv(CsvRows),
    Json(JsonRows),
}

impl RejectFormat {
    pub(super) fn new(header: &Header) -> RejectFormat {
        match &header.0 {
            Layout::Csv(table) => RejectFormat::Csv(CsvRows::new(table)),
            Layout::Json(columns) => RejectFormat::Json(JsonRows::new(columns)),
        }
    }

    /// What all of the file is written in.
    pub(super) fn written(&self) -> Written {
        match self {
            RejectFormat::Csv(rows) => rows.written(),
            RejectFormat::Json(_) => Written::Utf8,
        }
    }

    /// The same, for whoever reads the file.
    pub(super) fn as_written(&self) -> As<'_> {
        match self {
            RejectFormat::Csv(rows) => rows.as_written(),
            RejectFormat::Json(_) => As::Lines,
        }
    }

    /// The file's first line, where that is no row.
    pub(super) fn header_line(&self) -> &[u8] {
        match self {
            RejectFormat::Csv(rows) => rows.header_line(),
            RejectFormat::Json(_) => b"",
        }
    }

    /// Whether the first row of the file is written as no other is.
    pub(super) fn first_is_special(&self) -> bool {
        matches!(self, RejectFormat::Json(_))
    }

    /// Appends a row, with its line end. It may be the `first` of the file.
    pub(super) fn push_row(&self, page: &mut Page, row: &RejectedRow<'_>, first: bool) {
        match self {
            RejectFormat::Csv(rows) => rows.push_row(page, row),
            RejectFormat::Json(rows) => rows.push_row(page, row, first),
        }
    }
}
