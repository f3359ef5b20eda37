//! What a run leaves behind and says meanwhile: the rejects file, the run report, the progress.

pub mod human;
pub mod progress;
pub mod rejects;
pub mod run_report;
pub mod spec;
