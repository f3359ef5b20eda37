//! Arrow, in a build without it.

use std::sync::Arc;

use super::From;
use crate::batch::Batch;
use crate::text::written::Written;

/// Why there is nothing of it here.
pub(super) const LACKING: Option<&str> =
    Some("this build of rostream has no Arrow: build it with --features parquet");

pub(super) fn header(_: &[&str]) -> Vec<u8> {
    Vec::new()
}

pub(super) fn footer(_: &[&str]) -> Vec<u8> {
    Vec::new()
}

/// Writes nothing.
///
/// # Errors
/// Always.
pub(super) fn write(
    _: &Batch,
    _: (&[&str], &[(Arc<str>, usize)]),
    _: &[usize],
    _: Option<From<'_>>,
    _: &mut Written,
) -> Result<(), String> {
    Err(LACKING.unwrap_or_default().to_owned())
}
