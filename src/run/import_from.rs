//! The import alone: of a file that stands at an address of the user's own. What its rows are is not known here, so
//! results are counted and joined to no line, and nothing is deleted for not being in it.

use std::time::Instant;

use futures::{StreamExt, pin_mut};

use super::decide::import_spec;
use super::import::{asked, waited};
use super::{Job, RunError, told};
use crate::guard::{self, Deletion, SHARES_FROM};
use crate::orgvue::{Client, Locations, Ticket};
use crate::report::progress::Phase;
use crate::report::run::{Deletions, Items, RunReport};
use crate::settings::secret::PresignedUrl;
use crate::state::ledger::Known;

/// Asks for the import of what stands at `from`, waits for its job and counts its results.
///
/// # Errors
/// An import that was not taken, a job that did not end well or in time, too many items that were refused.
pub(crate) async fn import_from(
    job: &Job<'_>,
    from: &PresignedUrl,
    report: &mut RunReport,
) -> Result<(), RunError> {
    let Some(connection) = job.connection.clone() else {
        return Err(RunError::Defect("an import without a tenant"));
    };
    let started = Instant::now();
    let client = Client::new(connection, &job.pipeline.timeouts)?;
    let settings = import_spec(job.pipeline, Deletion::NotAsked);
    if job.pipeline.import.implicit_delete.is_on() {
        report.deletions = Some(Deletions {
            mode: "implicit",
            told: None,
            off_because: Some("it is not known whom the file names"),
            in_a_row: 0,
            expected: None,
            exact: false,
        });
    }
    if let Some(ledger) = job.ledger {
        ledger.importing(&Known::default())?;
    }
    job.progress.begin(Phase::Wait, None);
    report.import = Some(asked(&settings));
    let began = Instant::now();
    let ticket = client.import(&Locations::own(from), &settings).await;
    report.seconds.import = Some(began.elapsed());
    let ticket = waited(job, &client, ticket?, report).await?;
    let counted = count(job, &client, &ticket, report).await;
    report.seconds.total = Some(started.elapsed());
    counted
}

/// Counts the results of a job that is completed.
///
/// # Errors
/// Results that can't be read, or too many of them that say no.
pub(super) async fn count(
    job: &Job<'_>,
    client: &Client,
    ticket: &Ticket,
    report: &mut RunReport,
) -> Result<(), RunError> {
    if job.pipeline.has_own_results() {
        report.warnings.push(told::ELSEWHERE.to_owned());
        return Ok(());
    }
    let began = Instant::now();
    job.progress.begin(Phase::Results, None);
    let mut items = Items::default();
    let results = client.results(ticket, None, job.pipeline.limits.result);
    pin_mut!(results);
    while let Some(result) = results.next().await {
        match result.map_err(RunError::Results)?.ok {
            true => items.accepted += 1,
            false => items.failed += 1,
        }
    }
    report.seconds.results = Some(began.elapsed());
    if let Some(import) = &mut report.import {
        import.items = Some(items);
    }
    let all = items.accepted + items.failed;
    match guard::refused(job.pipeline.refused.at_most, all, items.failed, SHARES_FROM) {
        Some(why) => Err(RunError::TooManyRefused {
            why,
            commonest: None,
        }),
        None => Ok(()),
    }
}
