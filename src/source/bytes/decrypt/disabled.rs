//! PGP of a build without the feature `pgp`: it has the same face, and says why it opens nothing.

use std::io::{self, BufRead};

use super::wrong::{Unusable, Wrong};

/// What is said beside the setting that asks for it.
pub(super) const MISSING: &str =
    "; this build of rostream has no PGP: build it with `--features pgp`";

/// Keys, of which there are none.
#[derive(Debug)]
pub(crate) enum Keys {}

impl Keys {
    pub(crate) fn read(_: &[u8], _: Option<&str>, _: Option<&[u8]>) -> Result<Keys, Unusable> {
        Err(Unusable::NotBuilt(
            "this build of rostream has no PGP: build it with `--features pgp`",
        ))
    }

    pub(super) fn decrypt(
        &self,
        _: impl BufRead,
        _: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), Wrong> {
        match *self {}
    }
}
