//! The first pass: everything that has to be known before anything leaves the machine.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, future};

use super::prepare::{First, Prepared};
use super::put::encoded;
use super::{Job, RunError};
use crate::batch::{Batch, Fault};
use crate::engine::blocks::{Blocks, Header};
use crate::engine::body::{Body, pieces};
use crate::engine::order::{Assembly, Digest, leave_out, process};
use crate::engine::plan::{Plan, Processed};
use crate::format::json;
use crate::report::progress::{Phase, Progress};
use crate::report::rejects::{Original, RejectedRow, RejectsFile};
use crate::report::run::CodeCounts;
use crate::source::Source;
use crate::upload::spool::SpoolWriter;
use crate::whole::keys::Keys;
use crate::whole::lines::Lines;

/// The first pass. With `spool`, the body is written down as it is made. The survey comes back whatever ended the pass.
pub(super) async fn survey(
    job: &Job<'_>,
    prepared: &Prepared,
    first: First,
    spool: Option<&mut SpoolWriter>,
) -> (Survey, Result<(), RunError>) {
    let phase = if spool.is_some() {
        Phase::Spool
    } else {
        Phase::Survey
    };
    job.progress.begin(phase, prepared.source.size());
    let mut survey = prepared.begin_survey(first.rejects);
    if job.connection.is_none() {
        survey = survey.without_places();
    }
    let ended = pass(job, prepared, first.blocks, &mut survey, spool).await;
    (survey, ended)
}

async fn pass(
    job: &Job<'_>,
    prepared: &Prepared,
    blocks: Blocks,
    survey: &mut Survey,
    spool: Option<&mut SpoolWriter>,
) -> Result<(), RunError> {
    let (source, plan) = (prepared.source.clone(), prepared.plan.clone());
    let mut watch = Watch::new(&job.progress, &source);
    let processed = process(blocks, source, plan, job.workers);
    let processed = processed.inspect_ok(|next| watch.rows(next.batch.len()));
    let pieces = pieces(processed, survey).boxed();
    let Some(spool) = spool else {
        return pieces.try_for_each(|_| future::ready(Ok(()))).await;
    };
    let mut pieces = encoded(job, pieces);
    while let Some(piece) = pieces.try_next().await? {
        spool.write(&piece).await?;
    }
    Ok(())
}

impl Prepared {
    pub(super) fn begin_survey(&self, rejects: RejectsFile) -> Survey {
        Survey::new(
            self.plan.clone(),
            self.source.clone(),
            self.header.clone(),
            rejects,
        )
    }
}

/// Tells progress what a pass has read.
struct Watch<'a> {
    progress: &'a Progress,
    read: Arc<AtomicU64>,
    told: u64,
}

impl<'a> Watch<'a> {
    fn new(progress: &'a Progress, source: &Source) -> Watch<'a> {
        Watch {
            progress,
            read: source.bytes_read(),
            told: 0,
        }
    }

    fn rows(&mut self, rows: usize) {
        self.progress.add_rows(rows as u64);
        let read = self.read.load(Ordering::Relaxed);
        self.progress.add_bytes_in(read - self.told);
        self.told = read;
    }
}

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

/// What a survey knows of rows and body.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Records of the source.
    pub read: u64,
    /// Rows that a filter left out.
    pub filtered: u64,
    /// Rows that are part of the body.
    pub good: u64,
    /// Rows that were rejected, and why.
    pub rejects: CodeCounts,
    /// Length and hash of the body.
    pub digest: Digest,
    /// Bytes of each file of the source, as stored.
    pub sources: Vec<u64>,
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
                code: Cow::Borrowed("key_duplicate"),
                message: Cow::Owned(message),
            };
            processed.batch.reject(fault, None);
            self.dropped.push(first + row);
        }
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

    /// The source that is surveyed.
    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// What the survey knows, however far it came.
    pub(crate) fn facts(&self) -> Facts {
        Facts {
            read: self.read(),
            filtered: self.filtered,
            good: self.good,
            rejects: self.rejects.rejected().into(),
            digest: self.assembly.digest(),
            sources: self.source.origins().iter().map(|o| o.bytes()).collect(),
        }
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
