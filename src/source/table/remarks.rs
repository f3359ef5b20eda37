//! What may not have been meant in a table, told by whoever reads it.

use std::sync::{Arc, Mutex, PoisonError};

/// What is told of one file, as of its latest reading.
#[derive(Debug, Clone, Default)]
pub(in crate::source) struct Remarks(Arc<Mutex<Vec<String>>>);

impl Remarks {
    pub(in crate::source) fn add(&self, remark: String) {
        self.with(|remarks| remarks.push(remark));
    }

    pub(in crate::source) fn clear(&self) {
        self.with(Vec::clear);
    }

    pub(in crate::source) fn all(&self) -> Vec<String> {
        self.with(|remarks| remarks.clone())
    }

    fn with<T>(&self, what: impl FnOnce(&mut Vec<String>) -> T) -> T {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
