//! A block in, bytes out: a plain function that any worker calls, with parser, stages, rules and encoder bound once
//! against the header.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128;

use super::census::{Census, Counts};
use super::written::WrittenRows;
use crate::batch::{Batch, Columns, MAX_CELL, Renamed};
use crate::delta::diff::Diff;
use crate::delta::judged::Judged;
use crate::drift::sample::{Lookout, Looks};
use crate::format::block::{Block, End};
use crate::format::encode::{Encoded, Encoder};
use crate::format::{Parser, Pools, reject_long_cells};
use crate::orgvue::retyped::Found;
use crate::orgvue::wire::Wire;
use crate::report::rejects::Rejected;
use crate::rule::{Counted, Rule, Rules};
use crate::settings::shard::Shard;
use crate::settings::units::Size;
use crate::stage::Stage;
use crate::stage::aliases::Aliases;
use crate::text::unseen::{has_high_control, is_invisible, place};
use crate::whole::as_of::Reader;
use crate::whole::hierarchy::Tree;
use crate::whole::{self, Fact, Key, Values};

/// What to say of a header that stands among the records in another order.
const REORDERED: &str = "the header is repeated here with its columns in another order, so all records after it would \
                         be read into the wrong columns; list the files one by one in source.path instead of joining them";

/// Everything that is done to a block, bound to the header's columns.
pub struct Engine {
    pub(super) parser: Parser,
    pub(super) stages: Vec<BoundStage>,
    /// People with several ids; the last of the stages writes the one that goes out.
    pub(super) aliases: Option<Aliases>,
    /// The columns that are renamed after all of them.
    pub(super) renamed: Vec<Renamed>,
    /// Physical columns after the last stage.
    pub(super) width: usize,
    pub(super) rules: Rules,
    pub(super) wire: Wire,
    pub(super) key: Option<Key>,
    /// Which rows are sent, where other processes send the others.
    pub(super) shard: Option<Shard>,
    pub(super) census: Census,
    /// What the rows are compared with, where what differs is sent or guards ask for it.
    pub(super) diff: Option<Arc<Diff>>,
    /// Which of several rows of a key is in force, where that is asked.
    pub(super) as_of: Option<Arc<Reader>>,
    pub(super) trees: Vec<Tree>,
    /// What is looked at of the cells as the source has them, where a run is compared with the one before.
    pub(super) lookout: Option<Arc<Lookout>>,
    /// What the rules of the whole file want to know.
    pub(super) facts: Vec<Fact>,
    pub(super) seed: u64,
    pub(super) encoder: Encoder,
    pub(super) columns: Columns,
    /// Whether the pipeline names one of the header's columns.
    pub(super) names_are_told: bool,
    pub(super) longest_cell: usize,
    pub(super) pools: Pools,
}

/// A stage that runs, and which of the pipeline's it is.
pub(super) struct BoundStage {
    pub(super) at: usize,
    pub(super) name: &'static str,
    pub(super) stage: Box<dyn Stage>,
    /// The columns before it, and those that had been renamed by then.
    pub(super) columns: Columns,
    pub(super) renamed: Vec<Renamed>,
}

impl BoundStage {
    /// In words: "stage 3 (date)".
    pub(super) fn in_words(at: usize, name: &str) -> String {
        format!("stage {} ({name})", at + 1)
    }
}

/// Text that ends the run within a block, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockError {
    /// File of the source, from 0.
    pub file: u32,
    /// Physical line, from 1.
    pub line: u64,
    /// Column in bytes, from 1, where it is known.
    pub column: Option<u64>,
    pub message: String,
}

/// A block after everything that one block can tell.
pub struct Processed {
    /// File of the source, from 0.
    pub file: u32,
    /// Physical line on which the block begins, from 1.
    pub line: u64,
    /// The rows, with their states and faults.
    pub batch: Batch,
    /// The rows still in, as they are to be sent.
    pub encoded: Encoded,
    /// What the rules of the whole file asked for, of every row.
    pub(crate) facts: Vec<Values>,
    /// What the rows are beside what the server has, where they are compared with it.
    pub(crate) judged: Option<Judged>,
    /// Hash of the encoded bytes; where they were only measured, of the block's text as the stages left it, or 0 where
    /// nobody compares it.
    pub hash: u128,
    /// Rows that a filter left out.
    pub filtered: u64,
    /// Rows that another shard sends, or says what becomes of them; in order.
    pub(crate) others: Vec<u32>,
    /// What stands behind the block, where its file ends with it.
    pub end: Option<End>,
    /// Texts that the server may make something else of.
    pub(crate) retyped: Vec<Found>,
    /// What guards count of the rows that are to be sent.
    pub(crate) counts: Counts,
    /// What its cells look like, where that is asked.
    pub(crate) looks: Option<Looks>,
    /// The rows at fault as they are written down, where they are.
    pub(crate) rejects: Option<Rejected>,
}

impl Engine {
    /// The columns after the last stage.
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The buffers that blocks, batches and bodies take turns in.
    pub fn pools(&self) -> &Pools {
        &self.pools
    }

    /// What writes the rows.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// The key's column, where there is a key rule.
    pub fn key(&self) -> Option<&Arc<str>> {
        self.key.as_ref().map(|key| &key.column)
    }

    /// The rules that have limits of their own, by the numbers that batches have for them.
    pub(crate) fn counted(&self) -> &[Counted] {
        self.rules.counted()
    }

    /// What guards count.
    pub(crate) fn census(&self) -> &Census {
        &self.census
    }

    /// The column that tells whose row it is: the one that identifies items, or the key.
    pub(crate) fn names_rows_by(&self) -> Option<(&Arc<str>, usize)> {
        let identifier = self.wire.identifier();
        identifier.or_else(|| self.key.as_ref().map(|key| (&key.column, key.slot)))
    }

    /// People with several ids, where the pipeline has any.
    pub(crate) fn aliases(&self) -> Option<&Aliases> {
        self.aliases.as_ref()
    }

    /// The same, which measures what it would send and does not write it: for a run that sends nothing. What is made is
    /// then known by what it was made of.
    pub(crate) fn measuring(mut self) -> Engine {
        self.encoder = self.encoder.measuring();
        self
    }

    /// The same, which tells of every block that nobody has seen what its cells look like.
    pub(crate) fn looking(mut self, lookout: Lookout) -> Engine {
        self.lookout = Some(Arc::new(lookout));
        self
    }

    /// What is looked at of the cells.
    pub(crate) fn lookout(&self) -> Option<&Arc<Lookout>> {
        self.lookout.as_ref()
    }

    /// What the rows are compared with.
    pub(crate) fn diff(&self) -> Option<&Arc<Diff>> {
        self.diff.as_ref()
    }

    /// Whether what differs is sent, and nothing else.
    pub(crate) fn sends_difference(&self) -> bool {
        self.diff.as_ref().is_some_and(|diff| diff.sends)
    }

    /// The rules that only the whole file can decide, which have seen nothing yet.
    pub(crate) fn whole_file_rules(&self) -> whole::Rules {
        whole::Rules::new(self.key.as_ref(), self.as_of.as_ref(), &self.trees)
    }

    /// Whether there is one that chooses among the rows of a key.
    pub(crate) fn chooses_rows(&self) -> bool {
        self.as_of.is_some()
    }

    /// Whether there are hierarchies among them.
    pub(crate) fn has_hierarchies(&self) -> bool {
        !self.trees.is_empty()
    }

    /// Whether there are any.
    pub(crate) fn has_whole_file_rules(&self) -> bool {
        !self.facts.is_empty()
    }

    /// Whether a survey may have to go through the source once more, and to see that it is as it was.
    fn may_look_twice(&self) -> bool {
        self.has_whole_file_rules() || self.diff.is_some() || self.wire.may_delete()
    }

    /// The columns that are sent.
    pub(crate) fn sent(&self) -> impl Iterator<Item = &Arc<str>> {
        self.wire.sent()
    }

    /// Whether the names of the header's columns are names, and may be told.
    pub(crate) fn tells_names(&self) -> bool {
        self.names_are_told
    }

    /// Whether what the source has in this column is sent, under whatever name.
    pub(crate) fn sends(&self, slot: usize) -> bool {
        self.wire.slots().any(|sent| sent == slot)
    }

    /// The names of the columns that are sent, where they may be told: those of a header may be a person's values where
    /// the pipeline names none of them.
    pub(crate) fn sent_names(&self) -> Vec<Option<Arc<str>>> {
        let name = |name: &Arc<str>| self.names_are_told.then(|| name.clone());
        self.wire.sent().map(name).collect()
    }

    /// Parses a block and does nothing more.
    ///
    /// # Errors
    /// Text that ends the run.
    pub fn parse(&self, block: Block) -> Result<Batch, BlockError> {
        let (file, start) = (block.file, block.start());
        let arrangement = block.arrangement.as_ref();
        let parsed = self.parser.parse(block.bytes, start, arrangement);
        let mut batch = parsed.map_err(|e| {
            let (line, column) = start.place(e.line, e.column.unwrap_or(1));
            BlockError {
                file,
                line,
                column: e.column.map(|_| column),
                message: e.message,
            }
        })?;
        if let Some(at) = batch.skipped().reordered {
            return Err(BlockError {
                file,
                line: start.place(at, 1).0,
                column: None,
                message: REORDERED.to_owned(),
            });
        }
        reject_long_cells(&mut batch, self.longest_cell, self.parser.names());
        Ok(batch)
    }

    /// The stages, in order, with their names: for looking at what each one does.
    pub fn stages(&self) -> impl Iterator<Item = (&'static str, &dyn Stage)> {
        self.stages.iter().map(|s| (s.name, &*s.stage))
    }

    /// What may not have been meant by a stage or rule, as far as the blocks so far tell.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let stages = self.stages.iter().flat_map(|bound| {
            let what = BoundStage::in_words(bound.at, bound.name);
            let remarks = bound.stage.remarks().into_iter();
            remarks.map(move |remark| format!("{what}: {remark}"))
        });
        let rules = self.rules.remarks().into_iter();
        let rules = rules.map(|(at, remark)| format!("row rule {}: {remark}", at + 1));
        let columns = self.columns.iter().zip(1..);
        let names = columns.filter_map(|((name, _), number)| {
            let (_, place) = place(name, is_invisible)?;
            Some(format!(
                "column {number} is sent under a name with {place}, which is invisible; take it out with a `rename` or \
                 `select` that spells the name without it"
            ))
        });
        let values = self.rules.column_remarks();
        let nested = self.wire.remarks();
        let told = stages.chain(rules).chain(values);
        told.chain(names).chain(nested).collect()
    }

    /// Forgets what was counted for remarks: the source will be gone through once more.
    pub(crate) fn forget(&self) {
        self.stages.iter().for_each(|bound| bound.stage.forget());
    }

    /// Gives a parsed batch the columns that stages add.
    pub fn widen(&self, batch: &mut Batch) {
        batch.widen(self.width);
    }

    /// Stages and rules over a parsed batch.
    pub fn transform(&self, batch: &mut Batch) {
        self.widen(batch);
        self.see_filtered(batch);
        for bound in &self.stages {
            batch.begin_step();
            bound.stage.apply(batch);
            batch.tell_hidden(&bound.columns);
            batch.name_sources(&bound.renamed);
        }
        batch.begin_step();
        self.check(batch);
        self.name_sources(batch);
        batch.drop_aside();
    }

    /// Has the stages look at rows that are filtered out, where a hierarchy asks for their names in their final form.
    pub(crate) fn see_filtered(&self, batch: &mut Batch) {
        batch.see_filtered(self.has_hierarchies());
    }

    /// Tells the faults of a step after the last stage what the source calls their columns, and what nobody sees in
    /// their cells.
    pub fn name_sources(&self, batch: &mut Batch) {
        batch.tell_hidden(&self.columns);
        batch.name_sources(&self.renamed);
    }

    /// What the source calls a column that is sent, where that is another name.
    pub(crate) fn source_of(&self, sent: &str) -> Option<&Arc<str>> {
        let mut renamed = self.renamed.iter();
        renamed
            .find(|renamed| *renamed.name == *sent)
            .map(|renamed| &renamed.source)
    }

    /// The rules, and what the target asks of every row.
    pub fn check(&self, batch: &mut Batch) {
        self.check_and(batch, |_| {});
    }

    /// As [`Engine::check`]; `done` hears of each rule when it has seen the block.
    pub(crate) fn check_and(&self, batch: &mut Batch, done: impl FnMut(Rule<'_>)) {
        batch.see_filtered(false);
        self.rules.apply_and(batch, done);
        if let Some(as_of) = &self.as_of {
            as_of.check(batch);
        }
        self.wire.check(batch);
    }

    /// Writes the rows that are in as they are to be sent. Those that hold what must never go out are rejected, and of
    /// rows that are rejected already that is told, too.
    pub fn encode(&self, batch: &mut Batch) -> Encoded {
        self.encode_judged(batch, None)
    }

    fn encode_judged(&self, batch: &mut Batch, judged: Option<&Judged>) -> Encoded {
        let write = |batch: &Batch| match judged {
            Some(judged) => self.encoder.encode_chosen(batch, &judged.choices),
            None => self.encoder.encode(batch),
        };
        let encoded = write(batch);
        let controls = encoded.controls || has_high_control(batch.bytes());
        let known = batch.faults().len();
        self.reject_controls(batch, controls);
        match controls && batch.faults().len() > known {
            true => write(batch),
            false => encoded,
        }
    }

    /// Finds fault with rows that hold what must never go out, where there may be `controls` among them; of rows that have
    /// faults already it is told, too.
    pub(super) fn reject_controls(&self, batch: &mut Batch, controls: bool) {
        if controls || !batch.faults().is_empty() {
            batch.begin_step();
            self.wire.reject_controls(batch, controls);
            self.name_sources(batch);
        }
    }

    /// Puts the other spelling into the keys that have two.
    fn swap_spellings(&self, batch: &mut Batch, judged: &mut Option<Judged>) {
        if let (Some(diff), Some(judged)) = (&self.diff, judged) {
            judged.swap_spellings(batch, diff.key_slot());
        }
    }

    /// Whether a row that is sent deletes its item.
    pub(crate) fn deletes(&self, batch: &Batch, row: usize) -> bool {
        self.wire.deletes(batch, row)
    }

    /// Texts of these rows that the server may make something else of.
    pub(crate) fn retyped(&self, batch: &Batch, rows: &[u32]) -> Vec<Found> {
        self.wire.retyped(batch, rows)
    }

    /// A block once more, of which it is known what is written: its rows need no rules, and nothing else is told of it.
    ///
    /// # Errors
    /// Text that ends the run.
    pub(crate) fn again(&self, block: Block, rows: &WrittenRows) -> Result<Processed, BlockError> {
        let (number, file, line, end) = (block.number, block.file, block.line, block.end);
        let mut batch = self.staged(block, |_| ())?;
        rows.choose(number, &mut batch, Batch::drop_row);
        let encoded = self.encoder.encode(&batch);
        let hash = xxh3_128(&encoded.bytes);
        Ok(Processed {
            file,
            line,
            batch,
            encoded,
            facts: Vec::new(),
            judged: None,
            hash,
            filtered: 0,
            others: Vec::new(),
            end,
            retyped: Vec::new(),
            counts: Counts::default(),
            looks: None,
            rejects: None,
        })
    }

    /// Of a block once more, hashes of what its rows send that are written. Where none is, it is not looked at.
    ///
    /// # Errors
    /// Text that ends the run.
    pub(crate) fn sent_again(
        &self,
        block: Block,
        rows: &WrittenRows,
    ) -> Result<Vec<u64>, BlockError> {
        let number = block.number;
        if rows.is_none(number) {
            return Ok(Vec::new());
        }
        // No stage has to look at the others.
        let batch = self.staged(block, |batch| rows.choose(number, batch, Batch::filter_out))?;
        let encoded = self.encoder.encode(&batch);
        let hashes = self.sent_hashes(&batch, &encoded);
        let written = encoded.rows.iter();
        Ok(written.map(|row| hashes[*row as usize]).collect())
    }

    /// A block after the stages, and before the rules. `choose` is shown it between parser and stages.
    fn staged(&self, block: Block, choose: impl FnOnce(&mut Batch)) -> Result<Batch, BlockError> {
        let (file, line) = (block.file, block.line);
        let mut batch = self.parse(block)?;
        self.widen(&mut batch);
        choose(&mut batch);
        for bound in &self.stages {
            bound.stage.apply(&mut batch);
        }
        batch.drop_aside();
        fits(&batch, file, line)?;
        Ok(batch)
    }

    /// A block in, bytes out: what a worker does.
    ///
    /// # Errors
    /// Text that ends the run.
    pub fn process(&self, block: Block) -> Result<Processed, BlockError> {
        self.process_asked(block, &self.facts, self.lookout.as_deref())
    }

    /// The same where the rules of the whole file have seen it, and ask for nothing.
    ///
    /// # Errors
    /// Text that ends the run.
    pub(crate) fn process_known(&self, block: Block) -> Result<Processed, BlockError> {
        self.process_asked(block, &[], None)
    }

    fn process_asked(
        &self,
        block: Block,
        asked: &[Fact],
        lookout: Option<&Lookout>,
    ) -> Result<Processed, BlockError> {
        let (number, file, line, end) = (block.number, block.file, block.line, block.end);
        let mut batch = self.parse(block)?;
        let looks = lookout.map(|lookout| lookout.look(&batch, number));
        self.transform(&mut batch);
        fits(&batch, file, line)?;
        let others = self.others(&batch, file, line);
        let mut judged = match &self.diff {
            Some(diff) => Some(diff.judge(&mut batch).map_err(|error| BlockError {
                file,
                line,
                column: None,
                message: format!("the store of the difference can't be read: {error}"),
            })?),
            None => None,
        };
        fits(&batch, file, line)?;
        let sends = self.sends_difference();
        let encoded = self.encode_judged(&mut batch, judged.as_ref().filter(|_| sends));
        // The whole file is told by the source's own spellings: other rows name their parents by these.
        self.swap_spellings(&mut batch, &mut judged);
        let facts = self.told(asked, &batch, &encoded, judged.as_ref().filter(|_| sends));
        self.swap_spellings(&mut batch, &mut judged);
        let retyped = self.retyped(&batch, &encoded.rows);
        let filtered = batch.filtered();
        let hash = match self.encoder.measures() {
            true if self.may_look_twice() => xxh3_128(batch.bytes()),
            true => 0,
            false => xxh3_128(&encoded.bytes),
        };
        // What the target has as it is counts, too.
        let kept = (sends && judged.is_some()).then(|| batch.kept());
        let kept = kept.as_ref().unwrap_or(&encoded.rows);
        let counts = self.census.count(&batch, kept);
        Ok(Processed {
            file,
            line,
            batch,
            encoded,
            facts,
            judged,
            hash,
            filtered,
            others,
            end,
            retyped,
            counts,
            looks,
            rejects: None,
        })
    }
}

/// Whether the stages made no more of a block than can be told apart.
pub(super) fn fits(batch: &Batch, file: u32, line: u64) -> Result<(), BlockError> {
    if !batch.overflows() {
        return Ok(());
    }
    Err(BlockError {
        file,
        line,
        column: None,
        message: format!(
            "from this line on, the stages make a cell of more than {} or a block of more than 4GiB; \
             a `replace`, `set` or `concat` makes too much of it",
            Size(MAX_CELL as u64 + 1)
        ),
    })
}
