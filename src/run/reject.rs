//! One rejected row, as the source had it.

use super::RunError;
use crate::batch::{Batch, Fault};
use crate::format::added::RAGGED;
use crate::format::csv::rewritten;
use crate::report::rejects::{RejectedRow, RejectsFile};

/// Writes one row into the rejects file as the source had it.
///
/// # Errors
/// A file that can't be written.
pub(crate) fn write_reject(
    rejects: &mut RejectsFile,
    batch: &Batch,
    row: usize,
    file: &str,
    line: u64,
    faults: &[Fault],
) -> Result<(), RunError> {
    let raw = batch.raw_record(row);
    let is_ragged = faults.iter().any(|fault| fault.code == RAGGED);
    // The file has the columns of the source's first file, in their order.
    let rewritten = (batch.arrangement()).and_then(|a| rewritten(a, raw, is_ragged));
    let absent = batch.arrangement().map_or_else(Vec::new, |a| a.absent());
    rejects.write(&RejectedRow {
        file,
        line,
        original: rewritten.as_deref().unwrap_or(raw),
        absent: &absent,
        faults,
    })?;
    Ok(())
}
