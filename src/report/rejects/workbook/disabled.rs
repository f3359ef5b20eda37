//! Workbooks of rejects, in a build without them.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use super::As;

/// Why a build has no workbooks.
pub(crate) const MISSING: Option<&str> =
    Some("this build of rostream has no workbooks: build it with --features xlsx");

/// Writes nothing.
pub(crate) fn write(
    _: &File,
    _: As<'_>,
    _: (&Path, Option<SystemTime>),
) -> io::Result<Option<String>> {
    Err(io::Error::other(MISSING.unwrap_or_default()))
}
