//! Rows that are held back once guards have said so: one more look at the source, without them.

use std::path::Path;

use super::pass::once_more;
use super::prepare::Prepared;
use super::survey::Survey;
use super::{Job, RunError};
use crate::report::progress::Phase;
use crate::report::withheld::WithheldFile;
use crate::upload::spool::SpoolWriter;

/// Goes through the source once more, and holds the rows back that would delete somebody; and deletes nobody by name.
/// Their keys are written to `file`. Whether there are any.
pub(super) async fn withhold(
    job: &Job<'_>,
    prepared: &Prepared,
    survey: &mut Survey,
    spool: Option<&mut SpoolWriter>,
    file: &Path,
) -> Result<bool, RunError> {
    let key = prepared.engine.names_rows_by().map(|(name, _)| &**name);
    let mut begun = None;
    if survey.withhold()? {
        survey.aside.withheld_to = Some(WithheldFile::create(file, key)?);
        job.progress.begin(Phase::Again, prepared.source.size());
        once_more(job, prepared, survey, spool).await?;
        begun = survey.aside.withheld_to.take();
    }
    let gone = survey.keep_everybody();
    if let (Some(delta), false) = (&job.delta, gone.is_empty()) {
        let mut out = match begun {
            Some(begun) => begun,
            None => WithheldFile::create(file, key)?,
        };
        for at in gone {
            if let Some(key) = delta.key(at)? {
                out.add_gone(&key)?;
            }
        }
        begun = Some(out);
    }
    let any = begun.is_some();
    begun.map_or(Ok(()), WithheldFile::finish)?;
    Ok(any)
}
