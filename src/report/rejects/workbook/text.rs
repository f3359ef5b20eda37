//! The rejects file, row by row, as its rows are to stand in the sheet.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek};

use crate::format::sheet::{About, Texts, csv, json};
use crate::report::rejects::As;
use crate::report::table::Records;
use crate::text::encoded::MARK;
use crate::text::encoded::Written;

/// A rejects file that is read for its rows.
pub(super) struct Text<'f> {
    rows: Rows<'f>,
    header: Texts,
}

enum Rows<'f> {
    Table {
        records: Records<&'f File>,
        table: csv::Table,
        written: Written,
        /// What the source calls its columns.
        called: Vec<String>,
    },
    Lines {
        lines: BufReader<&'f File>,
        rows: json::Rows,
        line: Vec<u8>,
    },
}

impl<'f> Text<'f> {
    /// Reads what there is to know before the rows.
    ///
    /// # Errors
    /// It can't be read, or is not a rejects file.
    pub(super) fn open(mut file: &'f File, written: As<'_>) -> io::Result<Text<'f>> {
        file.rewind()?;
        let mut header = Texts::default();
        let rows = match written {
            As::Table {
                dialect,
                written,
                called,
            } => {
                let mut records = Records::new(file, dialect);
                let record = records.next()?.unwrap_or_default();
                let record = record.strip_prefix(MARK).unwrap_or(record);
                let record = without_end(&written.decode(record)).to_owned();
                let table = csv::Table::of(&record, dialect, &mut header);
                let other = || io::Error::other("the rejects file has no header of its own");
                Rows::Table {
                    table: table.ok_or_else(other)?,
                    records,
                    written,
                    called: called.to_vec(),
                }
            }
            As::Lines => {
                let mut columns = json::Columns::default();
                let mut lines = BufReader::new(file);
                let mut line = Vec::new();
                while let Some(text) = next_line(&mut lines, &mut line)? {
                    columns.see(&text);
                }
                file.rewind()?;
                Rows::Lines {
                    rows: columns.laid_out(&mut header),
                    lines: BufReader::new(file),
                    line,
                }
            }
        };
        Ok(Text { rows, header })
    }

    /// The header of the sheet.
    pub(super) fn header(&self) -> &Texts {
        &self.header
    }

    /// What messages call the columns of the source, where that is not what the header says.
    pub(super) fn called(&self) -> &[String] {
        match &self.rows {
            Rows::Table { called, .. } => called,
            Rows::Lines { .. } => &[],
        }
    }

    /// What the rows do not tell.
    pub(super) fn about(&self) -> About {
        match &self.rows {
            Rows::Table { table, .. } => table.about(),
            Rows::Lines { rows, .. } => rows.about(),
        }
    }

    /// Reads the next row; false behind the last one.
    ///
    /// # Errors
    /// The file can't be read.
    pub(super) fn next(&mut self, row: &mut Texts) -> io::Result<bool> {
        match &mut self.rows {
            Rows::Table {
                records,
                table,
                written,
                ..
            } => {
                let Some(record) = records.next()? else {
                    return Ok(false);
                };
                table.row(without_end(&written.decode(record)), row);
            }
            Rows::Lines { lines, rows, line } => {
                let Some(text) = next_line(lines, line)? else {
                    return Ok(false);
                };
                rows.row(&text, row);
            }
        }
        Ok(true)
    }
}

fn next_line<'l>(
    lines: &mut BufReader<&File>,
    line: &'l mut Vec<u8>,
) -> io::Result<Option<std::borrow::Cow<'l, str>>> {
    line.clear();
    let read = lines.read_until(b'\n', line)?;
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    Ok((read > 0).then(|| String::from_utf8_lossy(text)))
}

/// A record without its line end.
fn without_end(record: &str) -> &str {
    let record = record.strip_suffix('\n').unwrap_or(record);
    record.strip_suffix('\r').unwrap_or(record)
}
