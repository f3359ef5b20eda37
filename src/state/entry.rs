//! What is written down of one run.

use std::path::PathBuf;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::error::LedgerError;
use super::seal::{SealError, open};
use crate::config::{Override, Pipeline, Target};
use crate::guard::Standing;
use crate::guard::changes::Counted;
use crate::orgvue::{JobStatus, Ticket};
use crate::report::run::{Canary, Outcome, RowCounts, RunId};
use crate::settings::secret::PresignedUrl;
use crate::settings::shard::Shard;
use crate::text::dates::{Date, Zone};

/// Version of the files' form.
pub(crate) const LEDGER_VERSION: u32 = 1;

/// The last step that a run began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// An upload address is asked for and the body sent.
    Uploading,
    /// The upload is complete, and the import is asked for.
    Importing,
    /// The ticket is known: waiting, and fetching the results.
    Ticket,
    /// Over.
    Ended,
}

/// What a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A whole source, or a mended file in its place.
    #[default]
    Run,
    /// The first rows of a run, imported before the others.
    Canary,
    /// The import alone, of a file whose rows are not known.
    Import,
}

/// What is written down of a run. No cell value, and no address that could be used.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Version of the form: [`LEDGER_VERSION`].
    pub ledger_version: u32,
    pub run_id: RunId,
    #[serde(default)]
    pub kind: Kind,
    /// Start of the run.
    pub started_at: Timestamp,
    /// When this was written.
    pub written_at: Timestamp,
    /// What ran.
    pub pipeline: PipelineMark,
    /// Where it sends to.
    pub target: TargetMark,
    /// The day that `today` was; ledgers of 0.1, where it was UTC's, do not say it.
    #[serde(default)]
    pub today: Option<Date>,
    /// The files that were read.
    pub sources: Vec<SourceMark>,
    /// Rows, as far as they are known.
    pub counts: RowCounts,
    /// Length of the body in bytes.
    pub body_bytes: u64,
    /// Hash of the body, as the report has it.
    pub body_hash: Option<String>,
    /// How many accepted runs in a row deletion was off, if this is one of them and the last.
    #[serde(default)]
    pub deletion_off: u32,
    /// What guards counted of it.
    #[serde(default)]
    pub counted: Counted,
    /// What stands at the target once it is accepted.
    #[serde(default)]
    pub(crate) standing: Standing,
    /// The approval by which it went on.
    #[serde(default)]
    pub approved: Option<String>,
    /// The plan that it carried out.
    #[serde(default)]
    pub plan: Option<String>,
    /// The shard whose rows were sent; nothing where all rows were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) shard: Option<Shard>,
    /// The rows that were imported before the others, by an entry of their own.
    #[serde(default, rename = "first")]
    pub canary: Option<Canary>,
    /// The mended file that took the source's place.
    #[serde(default)]
    pub mend: Option<PathBuf>,
    /// The run whose refused rows this one sends again.
    #[serde(default)]
    pub retry_of: Option<RunId>,
    /// Whether only what differs from a store was sent.
    #[serde(default)]
    pub delta: bool,
    /// Whether this is about the import of deletions, which comes after that of the rows.
    #[serde(default)]
    pub deleting: bool,
    /// The job that the rows were imported by, once it is about deletions.
    #[serde(default)]
    pub rows: Option<TicketMark>,
    /// Uploads begun.
    pub attempt: u32,
    /// The last step begun.
    pub step: Step,
    /// The job at the server.
    pub ticket: Option<TicketMark>,
    /// A run whose import this one repeats.
    pub supersedes: Option<RunId>,
    /// How it ended.
    pub ended: Option<Ended>,
}

/// A pipeline, to be found and known again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelineMark {
    pub name: String,
    /// Its file, absolute; nothing for standard input.
    pub file: Option<PathBuf>,
    /// The hash of the file's text.
    pub hash: String,
    /// Settings that stood before those of the file.
    pub overrides: Vec<Override>,
}

impl From<&Pipeline> for PipelineMark {
    fn from(pipeline: &Pipeline) -> PipelineMark {
        PipelineMark {
            name: pipeline.name.clone(),
            file: pipeline.path(),
            hash: pipeline.origin.hash.clone(),
            overrides: pipeline.origin.overrides.clone(),
        }
    }
}

/// A data set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetMark {
    pub base_url: String,
    pub tenant: String,
    /// The data set's UUID.
    pub dataset: String,
}

impl TargetMark {
    /// What it is known by, on this machine and for as long as it exists: a UUID in either case is the same.
    pub(crate) fn identity(&self) -> String {
        let TargetMark {
            base_url,
            tenant,
            dataset,
        } = self;
        format!("{base_url}\n{tenant}\n{}", dataset.to_lowercase())
    }
}

/// A file of the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceMark {
    /// As the report names it.
    pub path: String,
    /// Its bytes as stored.
    pub bytes: u64,
    /// When it was changed last, where there is a file.
    pub modified: Option<Timestamp>,
}

/// A job at the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketMark {
    /// The server's name for the request that made it.
    pub trace_id: Option<String>,
    /// When it was made, as the server wrote it.
    pub created_at: Option<String>,
    /// Its state as last seen.
    pub status: String,
    pub sealed: String,
}

/// The addresses of a ticket.
#[derive(Serialize, Deserialize)]
pub(super) struct Addresses {
    pub(super) own: Option<String>,
    pub(super) result: Option<String>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// In what way.
    pub outcome: Outcome,
    /// The exit code; nothing where the process that ran did not get to one.
    #[serde(default)]
    pub exit_code: Option<u8>,
    /// What had become of its rows by then; nothing where no process told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<RowCounts>,
    /// What ended it.
    pub by: By,
}

/// What ended a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// A process that went on to the end.
    Run,
    /// A later start, which found that nothing had been imported.
    NextStart,
    /// The user, who let it go.
    Abandon,
    /// The user, who had its import repeated.
    Superseded,
}

impl Entry {
    /// What is known of a run before its first step.
    ///
    /// Nothing for a pipeline whose target is in this process: there is nothing to come back to. Nor for one whose data
    /// set has a name and was not looked up: a run does that before anything else.
    pub(crate) fn new(run_id: RunId, pipeline: &Pipeline) -> Option<Entry> {
        let Target::Orgvue(to) = &pipeline.target else {
            return None;
        };
        let now = Timestamp::now();
        Some(Entry {
            ledger_version: LEDGER_VERSION,
            run_id,
            kind: Kind::Run,
            started_at: now,
            written_at: now,
            pipeline: PipelineMark::from(pipeline),
            target: TargetMark {
                base_url: to.base_url.to_string(),
                tenant: to.tenant.clone(),
                dataset: to.dataset_id()?.to_owned(),
            },
            today: Some(pipeline.zone().day(now)),
            sources: Vec::new(),
            counts: RowCounts::default(),
            body_bytes: 0,
            body_hash: None,
            deletion_off: 0,
            counted: Counted::default(),
            standing: Standing::default(),
            approved: None,
            plan: None,
            shard: pipeline.shard,
            canary: None,
            mend: pipeline.mend.clone(),
            retry_of: None,
            delta: pipeline.store().is_some(),
            deleting: false,
            rows: None,
            attempt: 0,
            step: Step::Uploading,
            ticket: None,
            supersedes: None,
            ended: None,
        })
    }

    /// Whether it is that run, or a retry of it.
    pub(crate) fn is_of(&self, first: &Entry) -> bool {
        self.run_id == first.run_id || self.retry_of.as_ref() == Some(&first.run_id)
    }

    /// Whether another run is one of the same pipeline to the same data set.
    pub(crate) fn is_like(&self, other: &Entry) -> bool {
        self.pipeline.name == other.pipeline.name && self.target == other.target
    }

    /// The day that `today` was in this run.
    pub fn today(&self) -> Date {
        self.today
            .unwrap_or_else(|| Zone::default().day(self.started_at))
    }

    /// Whether it has ended as it was meant to.
    pub fn went_well(&self) -> bool {
        let ended = self.ended.as_ref();
        ended.is_some_and(|ended| {
            ended.by == By::Run
                && matches!(
                    ended.outcome,
                    Outcome::Succeeded | Outcome::SucceededWithRejects
                )
        })
    }

    /// The ticket with its addresses, for the holder of the run's token.
    ///
    /// # Errors
    /// Another token; a damaged entry.
    pub fn open_ticket(&self, token: &SecretString) -> Result<Option<Ticket>, LedgerError> {
        let Some(mark) = &self.ticket else {
            return Ok(None);
        };
        let failed = |source| LedgerError::Seal {
            run: self.run_id.clone(),
            source,
        };
        let text = open(&mark.sealed, token, self.run_id.as_str()).map_err(failed)?;
        let addresses: Addresses =
            serde_json::from_str(text.expose_secret()).map_err(|_| failed(SealError::Closed))?;
        let url = |text: Option<String>| {
            text.map(|text| PresignedUrl::parse(&text))
                .transpose()
                .map_err(|_| failed(SealError::Closed))
        };
        Ok(Some(Ticket {
            status: JobStatus::from(mark.status.clone()),
            trace_id: mark.trace_id.clone(),
            created_at: mark.created_at.clone(),
            self_url: url(addresses.own)?,
            result_url: url(addresses.result)?,
            errors: Vec::new(),
        }))
    }
}

/// Runs whose import another run has repeated. One that never asked for its own has repeated nothing.
pub(crate) fn repeated(entries: &[Entry]) -> Vec<RunId> {
    entries
        .iter()
        .filter(|entry| entry.step != Step::Uploading && entry.counts.sent > 0)
        .filter_map(|entry| entry.supersedes.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As version 0.1 wrote it, while the job was running.
    const OLD: &str = include_str!("../../tests/it/ledger/run-0.1.json");

    #[test]
    fn a_file_of_0_1_is_read_and_opened() {
        let entry: Entry = serde_json::from_str(OLD).unwrap();
        assert_eq!(entry.ledger_version, LEDGER_VERSION);
        assert_eq!((entry.step, entry.counts.sent), (Step::Ticket, 3));
        // The day in UTC, as it was.
        assert_eq!(Some(entry.today()), Date::new(2026, 11, 26));
        let ticket = entry.open_ticket(&"a-token-of-0.1".into()).unwrap();
        let ticket = ticket.unwrap();
        assert!(ticket.self_url.is_some());
        let other = entry.open_ticket(&"another".into());
        assert!(matches!(other, Err(LedgerError::Seal { .. })));
    }
}
