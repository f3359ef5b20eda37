//! One rejected row, as the source had it.

use super::RunError;
use crate::batch::{Batch, Fault};
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
    rejects.write(&RejectedRow {
        file,
        line,
        original: batch.raw_record(row),
        faults,
    })?;
    Ok(())
}
