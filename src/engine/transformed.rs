//! Blocks through stages and rules of rows alone: what their rows become, for whoever takes them on from there.

use std::sync::Arc;

use futures::Stream;

use super::EngineError;
use super::blocks::Blocks;
use super::order::over;
use super::process::{BlockError, Engine, fits};
use crate::batch::Batch;
use crate::format::block::{Block, End};
use crate::format::rows::{From, Page, Rows};
use crate::report::rejects::{Records, Rejected, RowWriter};
use crate::source::Source;
use crate::text::unseen::{has_high_control, has_low_control};

/// A block after stages and rules of rows.
pub(crate) struct Transformed {
    /// File of the source, from 0.
    pub(crate) file: u32,
    /// Physical line on which the block begins, from 1.
    pub(crate) line: u64,
    /// The rows, with their states and faults.
    pub(crate) batch: Batch,
    /// The rows that are in, as they are written.
    pub(crate) page: Page,
    /// The rows at fault, as they are written down.
    pub(crate) rejects: Rejected,
    /// Rows that a filter left out.
    pub(crate) filtered: u64,
    /// What stands behind the block, where its file ends with it.
    pub(crate) end: Option<End>,
}

impl Engine {
    /// Stages, rules of rows, and what the target asks of every row, over a block: nothing else is made of it.
    ///
    /// # Errors
    /// Text that ends the run.
    fn rows_of(&self, block: Block) -> Result<Batch, BlockError> {
        let (file, line) = (block.file, block.line);
        let mut batch = self.parse(block)?;
        self.transform(&mut batch);
        fits(&batch, file, line)?;
        // What the text of the block holds may stand in no cell: then nothing is found.
        let controls = has_high_control(batch.bytes()) || has_low_control(batch.bytes());
        self.reject_controls(&mut batch, controls);
        Ok(batch)
    }
}

/// Every block of the source, in order.
pub(crate) fn transformed(
    blocks: Blocks,
    source: Arc<Source>,
    engine: Arc<Engine>,
    (rows, rejects): (Arc<Rows>, Arc<RowWriter>),
    workers: usize,
) -> impl Stream<Item = Result<Transformed, EngineError>> + Send {
    let origins = source.clone();
    over(blocks, source, engine, workers, move |engine, block| {
        let (file, line, end) = (block.file, block.line, block.end);
        let batch = engine.rows_of(block)?;
        let name = &origins.origins()[file as usize].name;
        let page = rows.write(&batch, From { file: name, line });
        let page = page.map_err(|message| BlockError {
            file,
            line,
            column: None,
            message,
        })?;
        Ok(Transformed {
            file,
            line,
            rejects: rejects.write(&Records::new(&batch, name, line)),
            filtered: batch.filtered(),
            batch,
            page,
            end,
        })
    })
}
