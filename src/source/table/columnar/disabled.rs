//! Columns, in a build without them.

use super::Wrong;
use super::container::Container;
use super::input::Input;
use super::records::Records;
use crate::settings::limits::Limits;

/// Reads nothing.
pub(super) fn write(
    _: Container,
    _: Option<&[String]>,
    _: Input,
    _: &Limits,
    _: &mut Records<'_>,
) -> Result<(), Wrong> {
    Err(Wrong::setting(
        0,
        "this build of rostream has no Parquet and Arrow: build it with --features parquet",
    ))
}
