//! Waiting for the import job.

use super::{Job, RunError};
use crate::orgvue::{Client, Ticket};

/// Waits until the job is completed, for as long as the pipeline says. `see` hears of every state of the ticket, and
/// so does the ledger.
///
/// # Errors
/// Nobody is to wait; a job that failed, one that still runs when the time is over, one of which nothing more can be learned.
pub(super) async fn wait(
    job: &Job<'_>,
    client: &Client,
    ticket: Ticket,
    mut see: impl FnMut(&Ticket),
) -> Result<Ticket, RunError> {
    let mut see = |ticket: &Ticket| {
        see(ticket);
        if let Some(ledger) = job.ledger {
            ledger.ticket(ticket);
        }
    };
    see(&ticket);
    if job.detach {
        return Err(RunError::Detached);
    }
    let at_most = job.pipeline.wait.at_most.0;
    let waited = client.wait(ticket, at_most, |ticket| {
        job.progress.note(&ticket.status.to_string());
        see(ticket);
    });
    Ok(waited.await?)
}
