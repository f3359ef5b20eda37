//! The preview: the first records before and after stages and rules, and why the others are not sent.
//!
//! No more of the source is read than its header and the blocks that the records stand in, and nothing
//! leaves the machine. It is made to show values; nothing here may be logged.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use super::RunError;
use super::extent::Extent;
use super::retyped::Retyped;
use super::surveyed::without_names;
use crate::batch::{Batch, Cell, Fault, Found, Kind, RowState};
use crate::config::Pipeline;
use crate::engine::EngineError;
use crate::engine::blocks::Blocks;
use crate::engine::process::Engine;
use crate::format::Header;
use crate::format::csv::record::split;
use crate::source::Source;
use crate::source::effect_spec::Awaiting;
use crate::stage::Resources;
use crate::text::scan::Dialect;
use crate::upload::spec::UploadFormat;

/// Text of one block in bytes: small, for a preview of twenty records should not read a whole block. What
/// is done to a record does not depend on it.
const BLOCK: usize = 32 * 1024;

/// The name under which a record stands that could not be read as cells.
const UNREAD: &str = "(record)";

/// A pipeline bound to its source, to be looked at.
pub(crate) struct Preview {
    source: Arc<Source>,
    blocks: Blocks,
    header: Header,
    engine: Engine,
    format: UploadFormat,
    /// What stands before the first row of a CSV upload: its columns.
    sent_columns: Vec<Arc<str>>,
    from: u64,
    /// What was passed over in the part that was read.
    extent: Extent,
    /// Texts of the records shown that the server may make something else of.
    retyped: Retyped,
    /// What may turn out to have no effect on the source's format.
    awaiting: Awaiting,
}

/// A record before and after.
#[derive(Debug)]
pub(crate) struct Record {
    /// The file that it stands in.
    pub file: String,
    /// Physical line on which it begins, from 1.
    pub line: u64,
    /// Whether it would be sent.
    pub state: RowState,
    /// The columns as the source has them.
    pub before: Vec<Field>,
    /// What would be sent, as it would be sent. Of a record that would not be: its columns as the
    /// stages left them.
    pub after: Vec<Field>,
    /// Why it would not be sent.
    pub faults: Vec<Fault>,
    /// Rules that it breaks, and that do not reject it.
    pub warnings: Vec<Fault>,
}

/// A column's name and value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub name: Arc<str>,
    /// The physical column; none of what the encoder adds.
    slot: Option<usize>,
    /// The value as JSON writes it, so that text and numbers are told apart.
    pub json: String,
}

impl Preview {
    /// Opens a pipeline's source and binds the pipeline to its header. Records that begin before the
    /// physical line `from` of the first file are passed over.
    ///
    /// # Errors
    /// A source that can't be read, and what the pipeline names and the header doesn't have.
    pub(crate) async fn open(
        pipeline: &Pipeline,
        resources: &Resources,
        from: u64,
    ) -> Result<Preview, RunError> {
        let source = Arc::new(super::source(pipeline).await?);
        let blocks = Blocks::open(source.clone(), super::reading(pipeline, BLOCK)).await?;
        let header = blocks.header().clone();
        let engine = super::bind(pipeline, &header, resources)?;
        let format = pipeline.upload.format;
        let sent_columns = match format {
            UploadFormat::Json => Vec::new(),
            UploadFormat::Csv => cells(&engine.encoder().header())
                .into_iter()
                .map(Arc::from)
                .collect(),
        };
        Ok(Preview {
            source,
            blocks,
            header,
            engine,
            format,
            sent_columns,
            from,
            extent: Extent::default(),
            retyped: Retyped::default(),
            awaiting: pipeline.source.awaiting.clone(),
        })
    }

    /// What only the whole file can decide, in words; nothing where there is nothing.
    pub(crate) fn not_shown(&self) -> Option<&'static str> {
        if self.engine.chooses_rows() {
            return Some("which row of a key is in force shows");
        }
        match (self.engine.key(), self.engine.has_hierarchies()) {
            (Some(_), false) => Some("whether a key is used twice shows"),
            (Some(_), true) => Some("whether a key is used twice, and who reports to whom, show"),
            (None, true) => Some("who reports to whom shows"),
            (None, false) => None,
        }
    }

    /// What may not have been meant, as far as the records shown tell.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let first = &self.source.origins()[0].name;
        let mut remarks = self.awaiting.remarks(first, self.header.format());
        remarks.extend(self.source.remarks());
        if let Some(arrangement) = self.header.arrangement() {
            let file = &self.source.origins()[0].name;
            remarks.extend(without_names(file, arrangement));
        }
        remarks.extend(self.engine.remarks());
        let origins = self.source.origins().iter();
        let files: Vec<String> = origins.map(|origin| origin.name.clone()).collect();
        remarks.extend(self.extent.warning(&files));
        remarks.extend(self.retyped.warning(&self.engine.sent_names(), &files));
        remarks
    }

    /// Lines that are not records, in the part of the source that was read.
    pub(crate) fn skipped(&self) -> u64 {
        self.extent.skipped()
    }

    /// How many files the source has.
    pub(crate) fn files(&self) -> usize {
        self.source.origins().len()
    }

    /// The names of the source's files, for messages.
    pub(crate) fn names(&self) -> String {
        self.source.names()
    }

    /// The next records, at least one and at most `limit`; none at the end of the source. What a block
    /// has beyond `limit` is not shown again.
    ///
    /// # Errors
    /// A source that can't be read, or not as records.
    pub(crate) async fn next(&mut self, limit: usize) -> Result<Option<Vec<Record>>, RunError> {
        while let Some(block) = self.blocks.next().await? {
            let (file, start, end) = (block.file, block.line, block.end);
            let mut batch = self
                .engine
                .parse(block)
                .map_err(|e| EngineError::in_block(&self.source, e))?;
            self.extent.see(&batch, (file, start), end);
            let line = |batch: &Batch, row: usize| start + u64::from(batch.row(row).line);
            let first = (0..batch.len())
                .find(|&row| file > 0 || line(&batch, row) >= self.from)
                .unwrap_or(batch.len());
            let shown = first..batch.len().min(first.saturating_add(limit));
            if shown.is_empty() {
                continue;
            }
            let before: Vec<_> = shown.clone().map(|row| self.as_read(&batch, row)).collect();
            self.engine.transform(&mut batch);
            let encoded = self.engine.encode(&mut batch);
            let is_shown = |row: &&u32| shown.contains(&(**row as usize));
            let sent: Vec<u32> = encoded.rows.iter().filter(is_shown).copied().collect();
            let retyped = self.engine.retyped(&batch, &sent);
            self.retyped.add(&retyped, (file, start), &batch);
            let records = shown
                .zip(before)
                .map(|(row, before)| {
                    let after = match encoded.rows.binary_search(&(row as u32)) {
                        Ok(at) => {
                            let start = at.checked_sub(1).map_or(0, |at| encoded.ends[at] as usize);
                            self.as_sent(&encoded.bytes[start..encoded.ends[at] as usize])
                        }
                        Err(_) => fields(&batch, row, self.engine.columns().iter()),
                    };
                    Record {
                        file: self.source.origins()[file as usize].name.clone(),
                        line: line(&batch, row),
                        state: batch.state(row),
                        before,
                        after,
                        faults: batch.faults().of(row).map(Found::to_fault).collect(),
                        warnings: batch.warnings().of(row).map(Found::to_fault).collect(),
                    }
                })
                .collect();
            return Ok(Some(records));
        }
        Ok(None)
    }

    fn as_read(&self, batch: &Batch, row: usize) -> Vec<Field> {
        // The parser found fault with the record as a whole: its cells, if any, mean nothing.
        if !batch.faults().of(row).any(|fault| fault.column.is_empty()) {
            return fields(batch, row, self.header.names().iter().zip(0..));
        }
        let raw = String::from_utf8_lossy(batch.raw_record(row));
        vec![Field {
            name: Arc::from(UNREAD),
            slot: None,
            json: quoted(&raw),
        }]
    }

    /// An encoded row, taken to pieces.
    fn as_sent(&self, bytes: &[u8]) -> Vec<Field> {
        let field = |name: Arc<str>, json| Field {
            slot: self.engine.columns().find(&name),
            name,
            json,
        };
        match self.format {
            UploadFormat::Json => {
                // Every row brings the comma that parts it from the one before.
                let object = bytes
                    .strip_prefix(b",")
                    .or(bytes.strip_prefix(b"["))
                    .unwrap_or(bytes);
                serde_json::from_slice::<IndexMap<String, Box<RawValue>>>(object)
                    .unwrap_or_default()
                    .into_iter()
                    .map(|(name, value)| field(name.into(), Box::<str>::from(value).into()))
                    .collect()
            }
            UploadFormat::Csv => self
                .sent_columns
                .iter()
                .zip(cells(bytes))
                .map(|(name, cell)| field(name.clone(), quoted(&cell)))
                .collect(),
        }
    }
}

/// The cells of an encoded CSV row.
fn cells(row: &[u8]) -> Vec<String> {
    let row = row.strip_suffix(b"\n").unwrap_or(row);
    split(Dialect::default(), &String::from_utf8_lossy(row))
}

/// The cells of a row that there are.
fn fields<'a>(
    batch: &Batch,
    row: usize,
    columns: impl Iterator<Item = (&'a Arc<str>, usize)>,
) -> Vec<Field> {
    columns
        .filter_map(|(name, slot)| {
            Some(Field {
                name: name.clone(),
                slot: Some(slot),
                json: literal(batch, batch.cell(row, slot))?,
            })
        })
        .collect()
}

fn literal(batch: &Batch, cell: Cell) -> Option<String> {
    let text = batch.text(cell);
    match cell.kind() {
        Kind::Missing => None,
        Kind::Null => Some("null".to_owned()),
        Kind::Number | Kind::Bool | Kind::Json => Some(text.to_owned()),
        Kind::Text | Kind::Faulty => Some(quoted(text)),
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl Record {
    /// Whether it would be sent.
    pub(crate) fn is_sent(&self) -> bool {
        self.state == RowState::In
    }

    /// What becomes of it, in a word.
    pub(crate) fn word(&self) -> &'static str {
        match self.state {
            RowState::In => "sent",
            RowState::Filtered | RowState::Aside => "filtered",
            RowState::Unchanged => "unchanged",
            RowState::Rejected => "rejected",
        }
    }

    /// What stands beside what: first what the encoder puts before the columns, then the source's
    /// columns, each beside the column that it became, then what stages added.
    pub(crate) fn pairs(&self) -> Vec<(Option<&Field>, Option<&Field>)> {
        let mut rest: Vec<&Field> = self.after.iter().collect();
        let mut pairs: Vec<(Option<&Field>, Option<&Field>)> = Vec::new();
        rest.retain(|field| match field.slot {
            Some(_) => true,
            None => {
                pairs.push((None, Some(field)));
                false
            }
        });
        let mut of: Vec<Option<&Field>> = vec![None; self.before.len()];
        // A renamed column is the same physical column; one that was made anew has the name alone.
        let same: [fn(&Field, &Field) -> bool; 2] = [
            |before, after| before.slot == after.slot,
            |before, after| before.name == after.name,
        ];
        for same in same {
            for (before, beside) in self.before.iter().zip(&mut of) {
                if beside.is_none()
                    && let Some(at) = rest.iter().position(|after| same(before, after))
                {
                    *beside = Some(rest.remove(at));
                }
            }
        }
        pairs.extend(self.before.iter().map(Some).zip(of));
        pairs.extend(rest.into_iter().map(|after| (None, Some(after))));
        pairs
    }
}

/// Fields as one JSON object.
struct Object<'a>(&'a [Field]);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(Some(self.0.len()))?;
        for field in self.0 {
            let value: &RawValue =
                serde_json::from_str(&field.json).map_err(serde::ser::Error::custom)?;
            map.serialize_entry(&*field.name, value)?;
        }
        map.end()
    }
}

#[derive(serde::Serialize)]
struct WrittenFault<'a> {
    stage: &'a str,
    column: &'a str,
    code: &'a str,
    message: &'a str,
}

fn written(faults: &[Fault]) -> Vec<WrittenFault<'_>> {
    let written = |fault| {
        let Fault {
            stage,
            column,
            code,
            message,
            ..
        }: &Fault = fault;
        WrittenFault {
            stage,
            column,
            code,
            message,
        }
    };
    faults.iter().map(written).collect()
}

/// `file`, `line`, `state`, `before`, `after` (null unless it would be sent), `faults` and `warnings`.
impl Serialize for Record {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(None)?;
        map.serialize_entry("file", &self.file)?;
        map.serialize_entry("line", &self.line)?;
        map.serialize_entry("state", self.word())?;
        map.serialize_entry("before", &Object(&self.before))?;
        map.serialize_entry("after", &self.is_sent().then_some(Object(&self.after)))?;
        map.serialize_entry("faults", &written(&self.faults))?;
        map.serialize_entry("warnings", &written(&self.warnings))?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, slot: impl Into<Option<usize>>, json: &str) -> Field {
        Field {
            name: name.into(),
            slot: slot.into(),
            json: json.to_owned(),
        }
    }

    fn record(before: Vec<Field>, after: Vec<Field>) -> Record {
        Record {
            file: "f".into(),
            line: 2,
            state: RowState::In,
            before,
            after,
            faults: Vec::new(),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn columns_are_paired() {
        let record = record(
            vec![
                field("ID", 0, "\"1\""),
                field("gone", 1, "\"2\""),
                field("made anew", 2, "\"3\""),
                field("swapped", 3, "\"4\""),
            ],
            vec![
                field("_action", None, "\"create\""),
                field("added", 6, "0"),
                field("made anew", 5, "3"),
                field("id", 0, "\"1\""),
                field("gone", 3, "\"4\""),
            ],
        );
        let shown: Vec<_> = record
            .pairs()
            .into_iter()
            .map(|(before, after)| {
                let name = |field: Option<&Field>| field.map_or("-".into(), |f| f.name.to_string());
                format!("{} {}", name(before), name(after))
            })
            .collect();
        assert_eq!(
            shown,
            [
                "- _action",
                "ID id",
                "gone -",
                "made anew made anew",
                "swapped gone",
                "- added"
            ]
        );
    }

    #[test]
    fn values_stay_as_they_are_written() {
        let mut record = record(
            vec![field("n", 0, "1.10"), field("o", 1, r#"{"a":[1e400]}"#)],
            vec![field("n", 0, "1.10"), field("t", 1, r#""\u001b[31m""#)],
        );
        assert_eq!(
            serde_json::to_string(&record).unwrap(),
            r#"{"file":"f","line":2,"state":"sent","before":{"n":1.10,"o":{"a":[1e400]}},"#
                .to_owned()
                + r#""after":{"n":1.10,"t":"\u001b[31m"},"faults":[],"warnings":[]}"#
        );
        record.state = RowState::Filtered;
        let text = serde_json::to_string(&record).unwrap();
        assert!(text.contains(r#""state":"filtered""#) && text.contains(r#""after":null"#));
    }
}
