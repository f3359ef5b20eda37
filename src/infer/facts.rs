//! What the whole of a source says: the columns and everything that is not a record, counted by the workers.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use indexmap::IndexSet;

use super::column::format::Formats;
use super::column::{Column, Scratch};
use crate::batch::{Batch, RowState};
use crate::engine::EngineError;
use crate::engine::bind::{Terms, Unbound};
use crate::engine::blocks::{BLOCK, Blocks};
use crate::engine::order::over;
use crate::engine::process::Engine;
use crate::format::block::Block;
use crate::format::{Header, Reading};
use crate::guard::spec::GuardSpec;
use crate::orgvue::spec::{ActionSpec, ImportSpec};
use crate::orgvue::wire::ACTION;
use crate::rule::ValidateSpec;
use crate::settings::limits::Limits;
use crate::source::Source;
use crate::source::spec::{Ragged, Unknown};
use crate::stage::Resources;
use crate::upload::spec::UploadFormat;

/// What is known of a source, or of a part of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Facts {
    /// Records, the rejected ones among them.
    pub records: u64,
    /// Records that can't be read, by what is wrong with them.
    pub rejected: u64,
    pub faults: BTreeMap<String, u64>,
    /// Lines that are no records, and headers that come again among them.
    pub skipped: u64,
    pub headers: u64,
    pub columns: Vec<Column>,
}

impl Facts {
    /// What a block says.
    pub(crate) fn of(batch: &Batch, width: usize, formats: &Formats) -> Facts {
        let mut scratch = Scratch {
            formats,
            buffer: String::new(),
        };
        let is_rejected = |row: &usize| batch.state(*row) == RowState::Rejected;
        let mut faults = BTreeMap::<String, u64>::new();
        for fault in batch.faults().iter() {
            *faults.entry(fault.code.to_string()).or_default() += 1;
        }
        Facts {
            records: batch.len() as u64,
            rejected: (0..batch.len()).filter(is_rejected).count() as u64,
            faults,
            skipped: batch.skipped().lines,
            headers: batch.skipped().headers.len() as u64,
            columns: (0..width)
                .map(|column| Column::of(batch, column, &mut scratch))
                .collect(),
        }
    }

    /// Adds what the next part says.
    pub(crate) fn merge(&mut self, other: Facts) {
        self.records += other.records;
        self.rejected += other.rejected;
        self.skipped += other.skipped;
        self.headers += other.headers;
        for (code, n) in other.faults {
            *self.faults.entry(code).or_default() += n;
        }
        match self.columns.is_empty() {
            true => self.columns = other.columns,
            false => {
                for (mine, its) in self.columns.iter_mut().zip(other.columns) {
                    mine.merge(its);
                }
            }
        }
    }
}

/// A source that is gone through, and how.
#[derive(Clone)]
pub(crate) struct Pass {
    pub source: Arc<Source>,
    pub reading: Reading,
    pub ragged: Ragged,
    pub unknown: Unknown,
    pub workers: usize,
}

/// A source opened for a pass.
pub(crate) struct Opened {
    blocks: Blocks,
    pub header: Header,
    engine: Arc<Engine>,
    pass: Pass,
}

impl Pass {
    /// Opens the source. There are no stages and no rules: the records are looked at as they are.
    ///
    /// # Errors
    /// It can't be read, or not in this way.
    pub(crate) async fn open(&self) -> Result<Opened, EngineError> {
        let blocks = Blocks::open(self.source.clone(), self.reading.clone()).await?;
        let header = blocks.header().clone();
        let mut import = ImportSpec::default();
        if header.names().iter().any(|name| &**name == ACTION) {
            // The records are looked at, and not sent: the column is one like others.
            import.action = ActionSpec::Column {
                column: ACTION.to_owned(),
            };
        }
        let terms = Terms {
            stages: &[],
            aliases: None,
            as_of: None,
            validate: &ValidateSpec::default(),
            import: &import,
            guard: &GuardSpec::default(),
            ragged: self.ragged,
            unknown: self.unknown,
            format: UploadFormat::Json,
            limits: Limits::default(),
            resources: &Resources::default(),
            seed: 0,
        };
        let engine = Engine::bind(&terms, &header).map_err(|unbound| self.unbound(&unbound))?;
        Ok(Opened {
            blocks,
            header,
            engine: Arc::new(engine),
            pass: self.clone(),
        })
    }

    /// Without stages and rules nothing is named that could be missing.
    fn unbound(&self, unbound: &[Unbound]) -> EngineError {
        let messages: Vec<&str> = unbound.iter().map(|one| &*one.message).collect();
        EngineError::Setting {
            file: self.source.names(),
            line: 1,
            column: None,
            message: messages.join("; "),
        }
    }
}

impl Opened {
    /// Goes through the source to its end.
    ///
    /// # Errors
    /// It can't be read, or not as records.
    pub(crate) async fn facts(self) -> Result<Facts, EngineError> {
        let width = self.header.names().len();
        let formats = Arc::new(Formats::default());
        let mut facts = Facts::default();
        let mut parts = self.each(move |batch| Facts::of(&batch, width, &formats));
        while let Some(part) = parts.try_next().await? {
            facts.merge(part);
        }
        facts.columns.resize_with(width, Column::default);
        Ok(facts)
    }

    /// The first records, as far as they stand in one block.
    ///
    /// # Errors
    /// They can't be read.
    pub(crate) async fn first(self) -> Result<Option<Batch>, EngineError> {
        let mut parts = self.each(|batch| batch);
        parts.try_next().await
    }

    /// The names of all members of records of JSON, or of a table that became it, in the order in which they come.
    ///
    /// # Errors
    /// It can't be read.
    pub(crate) async fn members(self) -> Result<Vec<String>, EngineError> {
        let Header::Json(header) = self.header else {
            return Ok(Vec::new());
        };
        let Pass {
            source, workers, ..
        } = self.pass;
        let work = move |_: &Engine, block: Block| Ok(header.names_in(block.bytes));
        let mut parts = over(self.blocks, source, self.engine, workers, work).boxed();
        let mut members = IndexSet::new();
        while let Some(part) = parts.try_next().await? {
            members.extend(part);
        }
        Ok(members.into_iter().collect())
    }

    /// What comes of every block, in their order.
    pub(crate) fn each<T: Send + 'static>(
        self,
        work: impl Fn(Batch) -> T + Send + Sync + 'static,
    ) -> futures::stream::BoxStream<'static, Result<T, EngineError>> {
        let Pass {
            source, workers, ..
        } = self.pass;
        let work = move |engine: &Engine, block| {
            let end = |block: &Block| block.end.map_or(0, |end| end.skipped);
            let closing = end(&block);
            engine.parse(block).map(|mut batch| {
                let mut skipped = batch.skipped().clone();
                skipped.lines += closing;
                batch.skip(skipped);
                work(batch)
            })
        };
        over(self.blocks, source, self.engine, workers, work).boxed()
    }
}

/// Text of one block in bytes.
pub(crate) const BLOCK_SIZE: usize = BLOCK;

#[cfg(test)]
mod tests;
