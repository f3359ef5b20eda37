//! The job's ticket.

use crate::orgvue::error::ApiError;
use crate::settings::secret::PresignedUrl;

/// A job at the server.
#[derive(Clone, Debug)]
pub struct Ticket {
    pub status: JobStatus,
    /// `X-Amzn-Trace-Id` of the request that made it, for the support.
    pub trace_id: Option<String>,
    /// When it was made, as the server wrote it.
    pub created_at: Option<String>,
    /// Where its state is asked for.
    pub self_url: Option<PresignedUrl>,
    /// Where its results are, once it is completed.
    pub result_url: Option<PresignedUrl>,
    /// What it says of its failure.
    pub errors: Vec<ApiError>,
}

/// The state of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobStatus {
    /// Not begun.
    Created,
    /// Under way.
    Running,
    /// At its end: there are results.
    Completed,
    /// At its end: it failed.
    Failed,
    /// A word that the contract does not know: taken for not at its end.
    Other(String),
}

impl From<String> for JobStatus {
    fn from(word: String) -> JobStatus {
        match &*word.to_ascii_lowercase() {
            "created" => JobStatus::Created,
            "running" => JobStatus::Running,
            "completed" => JobStatus::Completed,
            "failed" => JobStatus::Failed,
            _ => JobStatus::Other(word),
        }
    }
}

impl std::fmt::Display for JobStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            JobStatus::Created => "created",
            JobStatus::Running => "running",
            JobStatus::Completed => "completed",
            JobStatus::Failed => "failed",
            JobStatus::Other(word) => word,
        })
    }
}
