//! Workbooks, in a build without them.

use super::input::{Input, Seekable};
use super::records::Records;
use super::sheet_spec::WorkbookSpec;
use super::{Terms, Wrong};
use crate::settings::limits::Limits;
use crate::text::scan::Quoting;

/// What old workbooks begin with, and the file in which encrypted ones are kept.
pub(super) const OLD: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// Reads nothing.
pub(super) fn rejects_of(
    _: Seekable,
    _: (Quoting, &Limits),
    _: &mut Records<'_>,
) -> Result<bool, Wrong> {
    Ok(false)
}

/// Reads nothing.
pub(super) fn write(
    _: &WorkbookSpec,
    _: Input,
    _: &Terms,
    _: &mut Records<'_>,
) -> Result<(), Wrong> {
    Err(Wrong::setting(
        0,
        "this build of rostream has no workbooks: build it with --features xlsx",
    ))
}
