//! The import: asked for once, waited for, its results taken in.

use std::time::Instant;

use super::decide::import_spec;
use super::prepare::Prepared;
use super::results::take_results;
use super::wait::wait;
use super::{Job, RunError, Stored};
use crate::delta::place::Part;
use crate::orgvue::client::parameters;
use crate::orgvue::spec::ImportSpec;
use crate::orgvue::{Client, Ticket};
use crate::report::progress::Phase;
use crate::report::run::{ImportReport, Outcome, RunReport};
use crate::text::chain;

/// Asks for the import, waits for its job and joins the results to their rows.
///
/// # Errors
/// An import that was not taken, a job that did not end well or in time, results that can't be read.
pub(super) async fn import(
    job: &Job<'_>,
    prepared: &Prepared,
    client: &Client,
    stored: Stored,
    report: &mut RunReport,
) -> Result<(), RunError> {
    let Stored {
        mut surveyed,
        locations: Some(locations),
        deletion,
    } = stored
    else {
        return Err(RunError::Defect("an import without an upload"));
    };
    let settings = import_spec(job.pipeline, deletion);
    job.progress.begin(Phase::Wait, None);
    report.import = Some(asked(&settings));
    let began = Instant::now();
    let ticket = client.import(&locations, &settings).await;
    report.seconds.import = Some(began.elapsed());
    let ticket = ticket.map_err(RunError::from);
    if let (Some(delta), Err(error)) = (&job.delta, &ticket)
        && error.outcome() != Outcome::Unknown
    {
        delta.not_begun(Part::Rows);
    }
    let ticket = match waited(job, client, ticket?, report).await {
        Ok(ticket) => ticket,
        Err(error) => {
            // How the job ended matters more.
            if let Err(error) = surveyed.rejects.finish() {
                report.warnings.push(chain(&error));
            }
            return Err(error);
        }
    };
    let known = Some((prepared, &mut surveyed));
    let joined = take_results(job, client, &ticket, known, report).await;
    let rejects = surveyed.rejects.finish();
    if let Ok(rejects) = &rejects {
        report.tell_refused(&rejects.refused);
    }
    joined?;
    rejects
        .map(drop)
        .map_err(|error| RunError::Refused(Box::new(error.into())))
}

/// Waits for a job, and notes in the report what its ticket says meanwhile.
pub(super) async fn waited(
    job: &Job<'_>,
    client: &Client,
    ticket: Ticket,
    report: &mut RunReport,
) -> Result<Ticket, RunError> {
    let began = Instant::now();
    let told = &mut report.import;
    let ended = wait(job, client, ticket, |ticket| {
        if let Some(told) = told {
            see(told, ticket);
        }
    });
    let ended = ended.await;
    report.seconds.wait = Some(began.elapsed());
    ended
}

/// An import of which nothing is known yet.
pub(super) fn asked(settings: &ImportSpec) -> ImportReport {
    ImportReport {
        ticket_status: None,
        trace_ids: Vec::new(),
        parameters: parameters(settings)
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        items: None,
    }
}

/// Notes in the report what a ticket says.
fn see(told: &mut ImportReport, ticket: &Ticket) {
    told.ticket_status = Some(ticket.status.to_string());
    if let Some(id) = &ticket.trace_id
        && !told.trace_ids.contains(id)
    {
        told.trace_ids.push(id.clone());
    }
}
