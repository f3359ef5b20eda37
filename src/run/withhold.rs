//! Rows that are held back once guards have said so: one more look at the source, without them.

use std::path::Path;

use super::prepare::Prepared;
use super::survey::{Survey, once_more};
use super::{Job, RunError};
use crate::report::progress::Phase;
use crate::report::withheld::WithheldFile;
use crate::upload::spool::SpoolWriter;

/// Goes through the source once more, and holds the rows back that would delete somebody. Their keys are written to
/// `file`.
pub(super) async fn withhold(
    job: &Job<'_>,
    prepared: &Prepared,
    survey: &mut Survey,
    spool: Option<&mut SpoolWriter>,
    file: &Path,
) -> Result<(), RunError> {
    if !survey.withhold()? {
        return Ok(());
    }
    let key = prepared.engine.names_rows_by().map(|(name, _)| &**name);
    survey.aside.withheld_to = Some(WithheldFile::create(file, key)?);
    job.progress.begin(Phase::Again, prepared.source.size());
    once_more(job, prepared, survey, spool).await?;
    match survey.aside.withheld_to.take() {
        Some(file) => Ok(file.finish()?),
        None => Ok(()),
    }
}
