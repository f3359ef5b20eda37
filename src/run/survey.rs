//! The first pass: everything that has to be known before anything leaves the machine.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::RunError;
use crate::batch::{Batch, Fault};
use crate::engine::blocks::Header;
use crate::engine::body::Body;
use crate::engine::order::{Assembly, Digest, leave_out};
use crate::engine::plan::{Plan, Processed};
use crate::format::json;
use crate::report::rejects::{Original, RejectedRow, RejectsFile};
use crate::report::run::{Hash, RunReport};
use crate::source::Source;
use crate::whole::keys::Keys;
use crate::whole::lines::Lines;

/// Takes in what blocks became, in order: counts rows, finds keys that come again, writes rejected rows
/// down, measures the body.
pub struct Survey {
    plan: Arc<Plan>,
    source: Arc<Source>,
    header: Header,
    rejects: RejectsFile,
    keys: Option<Keys>,
    lines: Lines,
    /// Records that only the whole file could find fault with, in order.
    dropped: Vec<u32>,
    /// The body's pieces, measured.
    pub assembly: Assembly,
    /// Rows that a filter left out.
    pub filtered: u64,
    /// Rows that are part of the body.
    pub good: u64,
}

/// What the second pass and the results need of the first.
pub struct Surveyed {
    /// Where every record is, and which are part of the body.
    pub lines: Lines,
    /// Keys of the records, where there is a key rule.
    pub keys: Option<Keys>,
    /// Records to leave out again.
    pub dropped: Vec<u32>,
    /// The rejects file, to be added to.
    pub rejects: RejectsFile,
    /// Length and hash of the body.
    pub digest: Digest,
}

impl Survey {
    /// Begins a survey that writes its rejects into `rejects`.
    pub fn new(
        plan: Arc<Plan>,
        source: Arc<Source>,
        header: Header,
        rejects: RejectsFile,
    ) -> Survey {
        let keys = plan.key().map(|_| Keys::default());
        let assembly = Assembly::new(plan.encoder());
        Survey {
            plan,
            source,
            header,
            rejects,
            keys,
            lines: Lines::default(),
            dropped: Vec::new(),
            assembly,
            filtered: 0,
            good: 0,
        }
    }

    /// Does without the records' places where no key rule needs them: for runs without results to join.
    pub fn without_places(mut self) -> Survey {
        if self.keys.is_none() {
            self.lines = Lines::counting();
        }
        self
    }

    /// Rows read so far.
    pub fn read(&self) -> u64 {
        self.lines.len() as u64
    }

    /// Rows rejected so far.
    pub fn rejected(&self) -> u64 {
        self.rejects.rejected().rows()
    }

    /// The rejects file.
    pub fn rejects(&self) -> &RejectsFile {
        &self.rejects
    }

    /// Takes in the next block and returns its part of the body.
    ///
    /// # Errors
    /// A rejects file that can't be written; more records than can be numbered.
    pub fn absorb(&mut self, mut processed: Processed) -> Result<Bytes, RunError> {
        let first = self.lines.len() as u32;
        let rows = processed.batch.len();
        if self.lines.len() + rows > u32::MAX as usize {
            return Err(RunError::TooManyRecords);
        }
        let batch = &processed.batch;
        self.lines.push(
            processed.file,
            processed.line,
            (0..rows).map(|row| batch.row(row).line),
        );
        self.filtered += processed.filtered;
        self.find_duplicates(&mut processed, first);
        let written = self.write_rejects(&processed);
        self.good += processed.encoded.rows.len() as u64;
        written?;
        for &row in &processed.encoded.rows {
            self.lines.mark_sent(first + row);
        }
        Ok(self.assembly.piece(processed.encoded, processed.hash))
    }

    /// The first record with a key keeps it; every further one is rejected.
    fn find_duplicates(&mut self, processed: &mut Processed, first: u32) {
        let Some(keys) = &mut self.keys else { return };
        let mut again: Vec<(usize, u32)> = Vec::new();
        let rows = processed.encoded.rows.iter();
        let numbered = (processed.keys.iter().copied()).zip(rows.map(|row| first + row));
        keys.insert_all(numbered, |at, earlier| again.push((at, earlier)));
        if again.is_empty() {
            return;
        }
        let column = self.plan.key().cloned().unwrap_or_else(|| Arc::from(""));
        let before = processed.batch.faults().len();
        for &(at, earlier) in &again {
            let row = processed.encoded.rows[at];
            let message = match self.lines.place(earlier) {
                Some(place) if place.file == processed.file => {
                    format!("the same key stands on line {}", place.line)
                }
                Some(place) => format!(
                    "the same key stands in {} on line {}",
                    self.source.origins()[place.file as usize].name,
                    place.line
                ),
                None => "the same key stands on an earlier line".to_owned(),
            };
            let fault = Fault {
                row,
                stage: "validate",
                column: column.clone(),
                source: None,
                code: Cow::Borrowed("key_duplicate"),
                message: Cow::Owned(message),
            };
            processed.batch.reject(fault, None);
            self.dropped.push(first + row);
        }
        self.plan.name_sources(&mut processed.batch, before);
        let mut next = again.iter().map(|(at, _)| *at).peekable();
        leave_out(processed, |at| next.next_if_eq(&at).is_some());
    }

    fn write_rejects(&mut self, processed: &Processed) -> Result<(), RunError> {
        let faults = processed.batch.faults();
        if faults.is_empty() {
            return Ok(());
        }
        let mut by_row: Vec<&Fault> = faults.iter().collect();
        by_row.sort_by_key(|f| f.row);
        let file = self.source.origins()[processed.file as usize].name.clone();
        let mut written = Ok(());
        for faults in by_row.chunk_by(|a, b| a.row == b.row) {
            let row = faults[0].row as usize;
            let line = processed.line + u64::from(processed.batch.row(row).line);
            let faults: Vec<Fault> = faults.iter().map(|&f| f.clone()).collect();
            // Where one can't be written, the others are counted all the same: the report's counts add up.
            written = written.and(write_reject(
                &mut self.rejects,
                &self.header,
                &processed.batch,
                row,
                &file,
                line,
                &faults,
            ));
        }
        written
    }

    /// Fills in what the survey knows, however far it came.
    pub fn tell(&self, report: &mut RunReport) {
        let digest = self.assembly.digest();
        // Of a stream, and of a sample, the size is known only now.
        for (told, origin) in report.sources.iter_mut().zip(self.source.origins()) {
            told.bytes = origin.bytes();
        }
        report.bytes.source = report.sources.iter().map(|s| s.bytes).sum();
        report.counts.read = self.read();
        report.counts.filtered = self.filtered;
        report.counts.rejected = self.rejected();
        report.counts.would_send = self.good;
        report.rejects = self.rejects.rejected().into();
        report.bytes.body = digest.length;
        report.body_hash = Some(Hash {
            kind: "xxh3_128_of_blocks",
            hex: format!("{:032x}", digest.hash),
        });
    }

    /// Ends the survey.
    ///
    /// # Errors
    /// A rejects file that can't be written.
    pub fn finish(mut self) -> Result<Surveyed, RunError> {
        self.rejects.flush()?;
        let digest = self.assembly.digest();
        Ok(Surveyed {
            lines: self.lines,
            keys: self.keys,
            dropped: self.dropped,
            rejects: self.rejects,
            digest,
        })
    }
}

/// A survey measures the body that it makes.
impl Body for &mut Survey {
    type Error = RunError;

    fn header(&mut self) -> Bytes {
        self.assembly.header()
    }

    fn absorb(&mut self, processed: Processed) -> Result<Bytes, RunError> {
        Survey::absorb(self, processed)
    }

    fn finish(&mut self) -> Result<Bytes, RunError> {
        Ok(self.assembly.footer())
    }
}

/// A survey whose body is sent while it is made; `check` decides at its end.
pub(crate) struct Straight<F> {
    /// The survey, wanted again when the upload is over.
    pub survey: Arc<Mutex<Option<Survey>>>,
    /// Whether the body may have its end.
    pub check: F,
}

impl<F: FnMut(&Survey) -> Result<(), RunError> + Send> Straight<F> {
    fn with<T>(
        &mut self,
        f: impl FnOnce(&mut Survey, &mut F) -> Result<T, RunError>,
    ) -> Result<T, RunError> {
        let mut guard = self
            .survey
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        match guard.as_mut() {
            Some(survey) => f(survey, &mut self.check),
            None => Err(RunError::Interrupted),
        }
    }
}

impl<F: FnMut(&Survey) -> Result<(), RunError> + Send> Body for Straight<F> {
    type Error = RunError;

    fn header(&mut self) -> Bytes {
        self.with(|survey, _| Ok(survey.assembly.header()))
            .unwrap_or_default()
    }

    fn absorb(&mut self, processed: Processed) -> Result<Bytes, RunError> {
        self.with(|survey, _| survey.absorb(processed))
    }

    fn finish(&mut self) -> Result<Bytes, RunError> {
        self.with(|survey, check| {
            check(survey)?;
            Ok(survey.assembly.footer())
        })
    }
}

/// Writes one row into the rejects file as the source had it.
///
/// # Errors
/// A file that can't be written.
pub(crate) fn write_reject(
    rejects: &mut RejectsFile,
    header: &Header,
    batch: &Batch,
    row: usize,
    file: &str,
    line: u64,
    faults: &[Fault],
) -> Result<(), RunError> {
    let raw = batch.raw_record(row);
    let Some(layout) = header.json else {
        let original = Original::Raw(raw);
        rejects.write(&RejectedRow {
            file,
            line,
            original,
            faults,
        })?;
        return Ok(());
    };
    // Stages have changed the cells; the record's own text has not changed.
    let record = match layout {
        json::Layout::Lines => raw.to_vec(),
        json::Layout::Array => [b"[", raw].concat(),
    };
    let again = json::Parser::new(layout, header.names.clone(), true).parse(record);
    let cells: Vec<Option<&str>> = match &again {
        Ok(again) if again.len() == 1 && again.faults().iter().all(|f| f.code != "json_syntax") => {
            (0..header.names.len())
                .map(|column| {
                    let cell = again.cell(0, column);
                    (cell.span() != (0..0)).then(|| again.text(cell))
                })
                .collect()
        }
        // A record that is not JSON has no cells: its text stands in the first column.
        _ => vec![std::str::from_utf8(raw).ok()],
    };
    let original = Original::Cells(&cells);
    rejects.write(&RejectedRow {
        file,
        line,
        original,
        faults,
    })?;
    Ok(())
}
