//! `rostream schema`: the JSON Schema of the pipeline file.

use clap::Args;

use crate::config;

use super::{Exit, Failure, put};

/// Arguments of `rostream schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {}

impl SchemaArgs {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        put(format!("{:#}\n", config::schema()).as_bytes())?;
        Ok(Exit::Done)
    }
}
