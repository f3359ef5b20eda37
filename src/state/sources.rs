//! What is kept of the sources of runs, to hold later ones against: a file of each, `drift-<id>.json`.

use std::path::PathBuf;

use super::entry::{Entry, Step};
use super::error::LedgerError;
use super::folder::{Folder, Lock, known, read_json};
use super::last::Last;
use crate::drift::memory::{MEMORY_VERSION, Memory};
use crate::report::run::RunId;

/// The file of a run.
pub(super) fn file_name(run: &str) -> String {
    format!("drift-{run}.json")
}

impl Folder {
    /// Where is kept what the source of a run was like.
    pub(crate) fn memory_path(&self, run: &str) -> PathBuf {
        self.path().join(file_name(run))
    }

    /// What is kept of the source of a run.
    ///
    /// # Errors
    /// A file that can't be read.
    pub(crate) fn memory(&self, run: &str) -> Result<Option<Memory>, LedgerError> {
        let path = self.memory_path(run);
        if !path.exists() {
            return Ok(None);
        }
        let memory: Memory = read_json(&path)?;
        known(&path, memory.drift_version, MEMORY_VERSION).map(|()| Some(memory))
    }
}

impl Lock {
    /// Keeps what is known of the source of a run.
    pub(super) fn write_memory(&self, run: &RunId, memory: &Memory) -> Result<(), LedgerError> {
        let path = self.folder().memory_path(run.as_str());
        self.write_json(path, memory)
    }

    /// Takes away what is kept of the sources of runs before the last accepted one: nothing is held against them any more.
    pub(super) fn forget_sources(&self, last: &Last) -> Result<(), LedgerError> {
        let folder = self.folder();
        let is_over = |run: &Entry| {
            run.step == Step::Ended
                && run.pipeline.name == last.pipeline
                && run.target == last.target
                && run.run_id != last.run_id
        };
        for run in folder.entries()?.iter().filter(|run| is_over(run)) {
            folder.remove(&file_name(run.run_id.as_str()))?;
        }
        Ok(())
    }
}
