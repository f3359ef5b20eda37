//! The file of a page that a command is asked for.

use std::path::Path;

use super::Failure;
use super::open::usage;
use crate::report::page;

/// Whether the page may be written there, which is better known before the work than after it.
///
/// # Errors
/// Something else is there, or no file can be made.
pub(super) fn page_may_be_at(path: &Path) -> Result<(), Failure> {
    page::may_be_at(path).map_err(|error| {
        usage(format_args!(
            "--html: can't write {}: {error}",
            path.display()
        ))
    })
}
