//! What may not have been meant in a table, told by whoever reads it.

use std::sync::{Arc, Mutex, PoisonError};

/// What is told of one file, as of its latest reading.
#[derive(Debug, Clone, Default)]
pub(in crate::source) struct Remarks(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    remarks: Vec<String>,
    footer: Option<String>,
}

impl Remarks {
    pub(in crate::source) fn add(&self, remark: String) {
        self.with(|told| told.remarks.push(remark));
    }

    pub(in crate::source) fn clear(&self) {
        self.with(|told| *told = Told::default());
    }

    pub(in crate::source) fn all(&self) -> Vec<String> {
        self.with(|told| told.remarks.clone())
    }

    /// Notes a pattern of the last rows that look like totals.
    #[cfg_attr(
        not(feature = "xlsx"),
        expect(dead_code, reason = "only workbooks need it")
    )]
    pub(in crate::source) fn ends_with(&self, footer: String) {
        self.with(|told| told.footer = Some(footer));
    }

    /// The pattern of its last rows, where they look like totals and are read as records.
    pub(in crate::source) fn footer(&self) -> Option<String> {
        self.with(|told| told.footer.clone())
    }

    fn with<T>(&self, what: impl FnOnce(&mut Told) -> T) -> T {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
