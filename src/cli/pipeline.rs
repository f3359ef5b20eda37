//! The pipeline file as an argument.

use std::path::Path;

use clap::Args;
use secrecy::SecretString;

use crate::config::{self, Loaded, Override, Pipeline, Problem, Problems};

use super::{Exit, Failure, Globals, say_problem};

/// The pipeline file, and settings that stand before those of the file.
#[derive(Debug, Args)]
pub(crate) struct PipelineArgs {
    /// The pipeline file; `-` is standard input.
    pub pipeline: String,
    #[command(flatten)]
    pub(super) sets: SetArgs,
}

/// Settings that stand before those of the file.
#[derive(Clone, Debug, Args)]
pub(super) struct SetArgs {
    /// Set one value, such as upload.rate=5MB/s; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) set: Vec<Override>,
}

impl PipelineArgs {
    /// Loads the pipeline and prints every problem and warning on stderr.
    ///
    /// # Errors
    ///
    /// [`Exit::Usage`] where there are problems.
    pub(crate) fn load(&self, globals: &Globals) -> Result<Pipeline, Failure> {
        match config::load(&self.pipeline, &self.sets.set, &config::process_env) {
            Ok(Loaded {
                pipeline, warnings, ..
            }) => {
                say_warnings(&warnings, globals);
                Ok(pipeline)
            }
            Err(found) => {
                say_problems(&found, globals);
                Err(Failure::said(Exit::Usage))
            }
        }
    }
}

/// Prints problems and warnings on stderr, the latter unless `-q`.
pub(super) fn say_problems(found: &Problems, globals: &Globals) {
    say_warnings(&found.warnings, globals);
    super::say_problems(&found.problems, "");
}

/// Prints warnings on stderr unless `-q`.
pub(super) fn say_warnings(warnings: &[Problem], globals: &Globals) {
    if !globals.quiet {
        super::say_problems(warnings, "warning: ");
    }
}

/// The pipeline with a mended file in the place of its source.
pub(super) fn mended(pipeline: Pipeline, file: Option<&Path>) -> Result<Pipeline, Failure> {
    match file {
        Some(file) => Ok(pipeline.mended(file)?),
        None => Ok(pipeline),
    }
}

/// The token of a pipeline's target.
pub(super) fn token(pipeline: &Pipeline) -> Result<Option<SecretString>, Failure> {
    pipeline.token(&config::process_env).map_err(said)
}

/// The failure of a command whose pipeline file turns out to be wrong.
pub(super) fn said(problem: Problem) -> Failure {
    say_problem(&problem, "");
    Failure::said(Exit::Usage)
}
