//! The survey: everything that has to be known before anything leaves the machine, taken in block by block.

pub(super) mod asked;
mod elsewhere;
mod found;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::RunError;
use super::aside::Aside;
use super::extent::Extent;
use super::retyped::Retyped;
use super::surveyed::Surveyed;
use super::warned::Warned;
use super::witness::Witness;
use crate::batch::{Arrangement, Batch, Fault, RowState};
use crate::delta::error::StoreError;
use crate::delta::items::Writer;
use crate::delta::rehires::{Arrivals, Rehires};
use crate::delta::tally::{Deletes, Tally};
use crate::drift::sample::Sample;
use crate::engine::EngineError;
use crate::engine::body::{Amended, Assembly, Body, naming};
use crate::engine::process::{Engine, Processed};
use crate::engine::written::WrittenRows;
use crate::guard::Stop;
use crate::report::rejects::{Records, RejectsFile};
use crate::report::run::{AsOf, HierarchyReport};
use crate::source::Source;
use crate::stage::aliases::Replaced;
use crate::whole::as_of::SpillError;
use crate::whole::lines::Lines;
use crate::whole::{Places, Rules, Verdict};
use asked::Asked;
use elsewhere::Elsewhere;

/// Takes in what blocks became, in order: counts rows, asks the rules of the whole file, writes rejected rows down,
/// measures the body.
pub struct Survey {
    pub(super) engine: Arc<Engine>,
    source: Arc<Source>,
    /// The names of the source's files.
    files: Vec<String>,
    rejects: RejectsFile,
    pub(super) rules: Rules,
    lines: Lines,
    /// The body's pieces, measured.
    pub assembly: Assembly,
    /// What the whole file told, and does not end the run.
    warnings: Vec<String>,
    /// What the rows of an effective-dated extract came to.
    as_of: Option<AsOf>,
    /// What stages and rules had to say before the source was read once more for something else.
    pub(super) remarks: Option<Vec<String>>,
    /// What was replaced by then of ids that are others now.
    pub(super) replaced: Option<Replaced>,
    /// The first file with cells that belong to no column.
    nameless: Option<(u32, Arc<Arrangement>)>,
    /// The number of the next record.
    record: u32,
    /// The rows that were written, so that they need not be judged once more.
    written: Option<WrittenRows>,
    /// What only the whole file could say of the records that are sent.
    amended: Amended,
    /// What was found of the hierarchies.
    hierarchies: Vec<HierarchyReport>,
    /// What of that stops the run.
    stop: Option<Stop>,
    /// Rows that a filter left out.
    pub filtered: u64,
    /// Rows that are not sent as another one goes in their place.
    pub superseded: u64,
    /// Rows that are part of the body, or of another shard's.
    pub good: u64,
    /// What of all that is other shards'.
    elsewhere: Elsewhere,
    /// What guards count, and the rows that are not sent as they are.
    pub(super) aside: Aside,
    /// Records and other lines, file by file.
    pub(crate) extent: Extent,
    /// Rows that break rules which do not reject, or have limits of their own.
    pub(super) warned: Warned,
    /// The faults of every row, where somebody asks for them.
    pub(super) witness: Option<Witness>,
    /// Texts that the server may make something else of.
    retyped: Retyped,
    /// What the cells look like as the source has them, where that is asked.
    pub(super) sample: Sample,
    /// What the rows are beside what the server has, where what differs is sent.
    tally: Option<Tally>,
    /// Who is to be deleted, once the source has ended.
    deletes: Deletes,
    /// Who is new, and who of them may be somebody who is to be deleted.
    arrivals: Arrivals,
    rehires: Rehires,
    /// What the first look at the file came to, once all verdicts are known.
    pub(super) settled: Option<u128>,
}

/// What the verdicts on the rows of a block come to, in order.
#[derive(Default)]
struct Changed {
    left_out: Vec<u32>,
    /// Rows, and the physical column of the cell that is emptied.
    cleared: Vec<(u32, u32)>,
    /// Rows that another one goes in the place of.
    superseded: Vec<u32>,
    /// Rows that have other faults than before.
    touched: Vec<u32>,
}

/// Whether a survey is over.
#[derive(Debug, PartialEq, Eq)]
pub enum Settled {
    /// Every verdict fell while its record was at hand.
    Whole,
    /// It has to be [told](Survey::tell) before what some rows would send.
    Asks(Asked),
    /// There are verdicts on records that passed: the source has to be gone through once more.
    Again,
}

impl Survey {
    /// Begins a survey that writes its rejects into `rejects`.
    pub fn new(engine: Arc<Engine>, source: Arc<Source>, rejects: RejectsFile) -> Survey {
        Survey {
            files: source.origins().iter().map(|o| o.name.clone()).collect(),
            tally: engine.diff().map(|diff| Tally::new(diff.clone(), None)),
            written: (!engine.sends_difference()).then(WrittenRows::default),
            rules: engine.whole_file_rules(),
            assembly: Assembly::new(engine.encoder()),
            engine,
            source,
            rejects,
            lines: Lines::default(),
            warnings: Vec::new(),
            as_of: None,
            remarks: None,
            replaced: None,
            nameless: None,
            record: 0,
            amended: Amended::default(),
            hierarchies: Vec::new(),
            stop: None,
            filtered: 0,
            superseded: 0,
            good: 0,
            elsewhere: Elsewhere::default(),
            aside: Aside::default(),
            extent: Extent::default(),
            warned: Warned::default(),
            witness: None,
            retyped: Retyped::default(),
            sample: Sample::default(),
            deletes: Deletes::default(),
            arrivals: Arrivals::default(),
            rehires: Rehires::default(),
            settled: None,
        }
    }

    /// Writes the rows that are to be sent into `items`, where they are compared with something.
    pub(super) fn with_items(mut self, items: Option<Writer>) -> Survey {
        self.tally = (self.engine.diff()).map(|diff| Tally::new(diff.clone(), items));
        self
    }

    /// Does without the records' places where no rule needs them: for runs without results to join.
    pub fn without_places(mut self) -> Survey {
        if self.rules.is_empty() {
            self.lines = Lines::counting();
        }
        self
    }

    /// Lets what is done at the end of the file be done by so many threads.
    pub(super) fn with_threads(mut self, threads: usize) -> Survey {
        self.rules.use_threads(threads);
        self
    }

    /// Rows read so far.
    pub fn read(&self) -> u64 {
        self.lines.len() as u64
    }

    /// Rows rejected so far.
    pub fn rejected(&self) -> u64 {
        self.rejects.rejected().rows() + self.rejects.elsewhere().rows()
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
        let first = self.record;
        let records = processed.batch.len();
        let next = u32::try_from(records)
            .ok()
            .and_then(|n| first.checked_add(n));
        self.record = next.ok_or(RunError::TooManyRecords)?;
        let place = (processed.file, processed.line);
        self.extent.see(&processed.batch, place, processed.end);
        if let (Some(lookout), Some(looks)) = (self.engine.lookout(), processed.looks.take()) {
            lookout.add(&mut self.sample, &looks);
        }
        if let Some(written) = &mut self.written {
            written.push(records, &processed.encoded.rows);
        }
        let verdicts = match self.settled {
            Some(_) => self.rules.verdicts(first..self.record).to_vec(),
            None => self.see(&processed, first)?,
        };
        let others = std::mem::take(&mut processed.others);
        self.elsewhere.see(&others, &processed.batch);
        let changed = self.carry_out(&verdicts, &mut processed.batch, first, place)?;
        let Changed {
            left_out,
            cleared,
            superseded,
            touched,
        } = changed;
        self.aside.count(&self.engine, &processed, &left_out, first);
        self.compare(&mut processed, &cleared, (&superseded, first))?;
        self.warned.absorb(&processed.batch, place);
        if let Some(witness) = &mut self.witness {
            witness.see(&processed.batch, processed.line);
        }
        self.filtered += processed.filtered;
        self.good += (processed.encoded.rows.len() - left_out.len()) as u64;
        self.write_rejects(&mut processed, &touched, &others)?;
        self.elsewhere
            .count(&others, (&processed.encoded.rows, &left_out), &superseded);
        // Guards count what all shards send, and the body has what this one does.
        let encoded = &*processed.encoded.rows;
        let dropped = elsewhere::dropped(&others, encoded, &left_out);
        let own_cleared = elsewhere::own(&others, &cleared);
        self.mark_sent(encoded, (&left_out, &dropped), first..self.record);
        let amended = own_cleared.iter().map(|(row, slot)| (first + row, *slot));
        self.amended.cleared.extend(amended);
        let keys = self.rules.unique.as_ref();
        let carried = self
            .aside
            .carry(&self.engine, keys, &processed.batch, first);
        for row in &carried {
            self.lines.mark_sent(first + row);
            self.amended.carried.push(first + row);
        }
        self.retyped
            .add(&processed.retyped, place, &processed.batch);
        self.aside
            .count_emptied(&self.engine, &mut processed.batch, &cleared);
        let slot = self.engine.names_rows_by().map(|(_, slot)| slot);
        let named = naming(self.engine.encoder(), &processed.batch, slot, &carried);
        let assembly = &mut self.assembly;
        Ok(assembly.piece_with(processed, &dropped, &own_cleared, named))
    }

    /// Takes in what the rows are beside what is known of their people, where they are compared with that.
    fn compare(
        &mut self,
        processed: &mut Processed,
        cleared: &[(u32, u32)],
        (superseded, first): (&[u32], u32),
    ) -> Result<(), RunError> {
        if let (Some(tally), Some(judged)) = (&mut self.tally, &mut processed.judged) {
            if let Some(diff) = self.engine.diff() {
                diff.clear(judged, &processed.batch, cleared);
            }
            tally.absorb(judged, &processed.batch, superseded)?;
            if let Some(diff) = self.engine.diff() {
                let aside = (superseded, first);
                self.arrivals.see(diff, judged, &processed.batch, aside);
            }
        }
        Ok(())
    }

    /// Tells the rows of a block of these records that are sent, by whichever shard, from those that are left out, and
    /// takes down what is `dropped` from this body. To the rules of the whole file all shards are one.
    fn mark_sent(
        &mut self,
        rows: &[u32],
        (left_out, dropped): (&[u32], &[u32]),
        records: Range<u32>,
    ) {
        if dropped.is_empty() && rows.len() == records.len() {
            self.lines.mark_all_sent(records);
            return;
        }
        let (mut left_out, mut dropped) = (left_out.iter().peekable(), dropped.iter().peekable());
        for row in rows {
            let record = records.start + row;
            if dropped.next_if_eq(&row).is_some() {
                self.amended.dropped.push(record);
            }
            if left_out.next_if_eq(&row).is_none() {
                self.lines.mark_sent(record);
            }
        }
    }

    /// Shows the rules a block that nobody has seen.
    fn see(
        &mut self,
        processed: &Processed,
        first: u32,
    ) -> Result<Vec<(u32, Verdict)>, SpillError> {
        let batch = &processed.batch;
        if self.nameless.is_none()
            && let Some(arrangement) = batch.arrangement()
            && !arrangement.nameless.is_empty()
        {
            self.nameless = Some((processed.file, arrangement.clone()));
        }
        let lines = (0..batch.len()).map(|row| batch.row(row).line);
        self.lines.push(processed.file, processed.line, lines);
        self.rules.see(first, batch.len(), &processed.facts)
    }

    /// Rejects rows for what only the whole file knows. Returns those that would have been sent and are not, and those
    /// that are sent with a cell empty or not at all.
    fn carry_out(
        &mut self,
        verdicts: &[(u32, Verdict)],
        batch: &mut Batch,
        first: u32,
        (file, line): (u32, u64),
    ) -> Result<Changed, RunError> {
        let places = Places {
            lines: &self.lines,
            files: &self.files,
        };
        let mut faults = Vec::new();
        let mut changed = Changed::default();
        for &(record, verdict) in verdicts {
            let row = record - first;
            let is_in = batch.state(row as usize) == RowState::In;
            if is_in && !matches!(verdict, Verdict::Clear { .. }) {
                changed.left_out.push(row);
            }
            if !is_in || matches!(verdict, Verdict::Reject { .. }) {
                changed.touched.push(row);
            }
            match verdict {
                Verdict::LeaveOut => {
                    self.superseded += 1;
                    changed.superseded.push(row);
                }
                Verdict::Withhold => {
                    // Whom it is about is not gone.
                    batch.set_aside(row as usize);
                    let line = line + u64::from(batch.row(row as usize).line);
                    let place = (&*self.files[file as usize], line);
                    self.aside
                        .hold_back(&self.engine, batch, row as usize, place)?;
                }
                Verdict::Reject { rule, reason } => {
                    let fault = self.rules.fault(record, (rule, reason), &places);
                    faults.extend(fault.map(|fault| Fault { row, ..fault }));
                }
                Verdict::Clear { rule } => {
                    let slot = self.rules.clears(rule).map(|slot| (row, slot as u32));
                    changed.cleared.extend(slot);
                }
            }
        }
        batch.drop_aside();
        changed.superseded.dedup();
        batch.pardon(&changed.superseded);
        batch.begin_step();
        for fault in faults {
            batch.reject(fault, None);
        }
        self.engine.name_sources(batch);
        changed.left_out.dedup();
        changed.touched.dedup();
        let left_out = &changed.left_out;
        changed
            .cleared
            .retain(|(row, _)| left_out.binary_search(row).is_err());
        Ok(changed)
    }

    /// Ends the first look at the file: the rules say the rest. Where they say it of records that passed, the survey
    /// begins anew, and all that is known of the whole file stays known.
    ///
    /// # Errors
    /// A rejects file that can't be written.
    pub fn settle(&mut self) -> Result<Settled, RunError> {
        let asked = self.rules.asks();
        if let (false, Some(written)) = (asked.is_empty(), &self.written) {
            match Asked::new(&asked, written) {
                asked if asked.is_empty() => self.tell(Vec::new()),
                asked => return Ok(Settled::Asks(asked)),
            }
        }
        let found = self.rules.end(Places {
            lines: &self.lines,
            files: &self.files,
        })?;
        self.warnings = found.warnings;
        self.as_of = found.as_of;
        tracing::debug!(bytes = self.rules.bytes(), "rules of the whole file");
        if !self.rules.were_late() {
            self.find_deletes()?;
            return Ok(Settled::Whole);
        }
        self.begin_anew()?;
        Ok(Settled::Again)
    }

    /// Takes in what was [asked](Settled::Asks): of records in order, what they would send.
    pub fn tell(&mut self, sent: Vec<(u32, u32)>) {
        self.rules.tell(sent);
    }

    /// Finds out who is to be deleted, now that the source has ended.
    fn find_deletes(&mut self) -> Result<(), RunError> {
        self.deletes = self.tally.as_ref().map(Tally::deletes).unwrap_or_default();
        if self.read() == 0 && !self.deletes.places.is_empty() {
            // A night without records, where the pipeline means it so, is not one on which everybody has left.
            self.deletes = Deletes {
                places: Vec::new(),
                off: Some("the source has no records"),
            };
        }
        if let Some(diff) = self.engine.diff() {
            let found = self.arrivals.beside(diff, &self.deletes.places);
            self.rehires = found.map_err(StoreError::read(diff.baseline.place.folder()))?;
        }
        Ok(())
    }

    /// Begins anew, to hold the rows back that would delete somebody. Whether there are any.
    pub(super) fn withhold(&mut self) -> Result<bool, RunError> {
        let deleting = self.aside.take_deleting();
        if deleting.is_empty() {
            return Ok(false);
        }
        self.rules.withhold(&deleting);
        self.begin_anew()?;
        Ok(true)
    }

    /// Forgets what was counted, and nothing that is known of the whole file.
    fn begin_anew(&mut self) -> Result<(), RunError> {
        if let Some(tally) = &mut self.tally {
            tally.restart()?;
        }
        self.settled = Some(self.assembly.digest().made);
        self.assembly = Assembly::new(self.engine.encoder());
        self.engine.forget();
        self.lines.mark_none_sent();
        self.amended = Amended::default();
        self.written = self.written.take().map(|_| WrittenRows::default());
        self.aside.clear();
        self.arrivals.clear();
        (self.record, self.filtered, self.superseded, self.good) = (0, 0, 0, 0);
        self.elsewhere = Elsewhere::default();
        self.extent = Extent::default();
        self.warned = Warned::default();
        self.witness = self.witness.take().map(|_| Witness::default());
        self.retyped = Retyped::default();
        self.rejects.restart()?;
        Ok(())
    }

    /// Takes in what the rules know of the hierarchies, once nothing more will be read for it.
    pub(super) fn tell_hierarchies(&mut self) {
        let places = Places {
            lines: &self.lines,
            files: &self.files,
        };
        for told in self.rules.hierarchies(&places) {
            self.warnings.extend(told.warnings);
            self.hierarchies.push(told.report);
            let stop = told.stops.map(|(why, rows)| Stop::Hierarchy { why, rows });
            self.stop = self.stop.take().or(stop);
        }
    }

    /// What of the hierarchies stops the run.
    pub(crate) fn stop(&self) -> Option<&Stop> {
        self.stop.as_ref()
    }

    /// Whether the second look at the file saw what the first one saw.
    ///
    /// # Errors
    /// It did not.
    pub fn is_as_before(&mut self) -> Result<(), RunError> {
        self.find_deletes()?;
        let digest = self.assembly.digest();
        match self.settled {
            Some(made) if made != digest.made => Err(EngineError::ChangedInSurvey.into()),
            _ => Ok(()),
        }
    }

    /// Writes down the rows that are at fault; of the `touched` ones only the whole file could tell what is.
    fn write_rejects(
        &mut self,
        processed: &mut Processed,
        touched: &[u32],
        others: &[u32],
    ) -> Result<(), RunError> {
        let written = processed.rejects.take();
        let file = &self.files[processed.file as usize];
        let records = Records::new(&processed.batch, file, processed.line);
        let rows = (touched, others);
        let put = self.rejects.write_block_of_shard(&records, written, rows);
        Ok(put?)
    }

    /// What only the whole file could change of the body.
    pub(super) fn amended(&self) -> &Amended {
        &self.amended
    }

    /// Leaves these records in the body, and no others; `assembly` has measured that.
    pub(super) fn narrow(&mut self, assembly: Assembly, records: &[u32]) {
        self.assembly = assembly;
        self.amended.carried.clear();
        self.lines.mark_none_sent();
        for &record in records {
            self.lines.mark_sent(record);
        }
        self.good = records.len() as u64;
    }

    /// Deletes nobody by name; gives back who was to be.
    pub(super) fn keep_everybody(&mut self) -> Vec<u32> {
        let places = std::mem::take(&mut self.deletes.places);
        if !places.is_empty() {
            self.deletes.off = Some("more would be deleted than guard.max_delete allows");
        }
        places
    }

    /// Ends the survey.
    ///
    /// # Errors
    /// A rejects file that can't be written.
    pub fn finish(mut self) -> Result<Surveyed, RunError> {
        self.rejects.settle()?;
        for &record in &self.amended.dropped {
            self.lines.mark_not_sent(record);
        }
        let digest = self.assembly.digest();
        Ok(Surveyed {
            lines: self.lines,
            keys: self.rules.unique,
            written: self.written,
            amended: self.amended,
            rejects: self.rejects,
            digest,
            differ: (self.tally.and_then(Tally::into_items), self.deletes),
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
