//! What a run leaves behind and says meanwhile: the rejects file, the run report, the progress.

pub mod human;
pub mod progress;
pub mod rejects;
pub mod run;
pub mod spec;
