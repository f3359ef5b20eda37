//! What rows would send whose keys come again: the source is read once more for it, as nearly no key does.

use std::pin::pin;
use std::sync::Arc;

use futures::TryStreamExt;

use crate::engine::EngineError;
use crate::engine::blocks::Blocks;
use crate::engine::order::sent_again;
use crate::engine::process::Engine;
use crate::engine::written::WrittenRows;
use crate::source::Source;
use crate::whole::unique::short;

/// Rows of which it has to be known what they would send, and that is not known yet.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Their numbers, in order.
    records: Vec<u32>,
    /// Where they are. No others are written of this.
    rows: Arc<WrittenRows>,
}

impl Asked {
    /// Of these records, those that are written.
    pub(super) fn new(records: &[u32], written: &WrittenRows) -> Asked {
        let (records, rows) = written.among(records);
        let rows = Arc::new(rows);
        Asked { records, rows }
    }

    /// Whether there are none: rows that are not written send nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Reads the source once more for what they would send, [in short](short).
    ///
    /// # Errors
    /// A source that can't be read, or is another by now.
    pub async fn look(
        self,
        blocks: Blocks,
        source: Arc<Source>,
        engine: Arc<Engine>,
        workers: usize,
    ) -> Result<Vec<(u32, u32)>, EngineError> {
        let mut found = Vec::with_capacity(self.records.len());
        let mut records = self.records.iter().copied();
        let mut sent = pin!(sent_again(blocks, source, engine, self.rows, workers));
        while let Some(sent) = sent.try_next().await? {
            for sent in sent {
                let record = records.next().ok_or(EngineError::ChangedInSurvey)?;
                found.push((record, short(sent)));
            }
        }
        match records.next() {
            None => Ok(found),
            Some(_) => Err(EngineError::ChangedInSurvey),
        }
    }
}
