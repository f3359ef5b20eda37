//! What a command looks at before anything else.

use jiff::Timestamp;
use secrecy::SecretString;

use super::Failure;
use super::stop::Stop;
use super::work::runtime;
use crate::config::Pipeline;
use crate::orgvue::spec::PreflightSpec;
use crate::run::RunError;
use crate::run::preflight::{Preflight, preflight};

/// How it went.
pub(super) enum Looked {
    /// Nothing is in the way; what was found, if anything was looked at.
    Well(Option<Preflight>),
    /// The run would certainly fail for this.
    Wrong(RunError),
}

/// Looks at the target of a pipeline with a token, where the pipeline wants it or it is `asked` for, and finds the data
/// set that has a name.
///
/// # Errors
/// There is no runtime.
pub(super) fn look(
    pipeline: &mut Pipeline,
    token: Option<&SecretString>,
    asked: bool,
    stop: &mut Stop,
) -> Result<Looked, Failure> {
    let token = match token {
        Some(token) if asked || pipeline.preflight == PreflightSpec::On => token,
        _ => return Ok(Looked::Well(None)),
    };
    let work = preflight(pipeline, token, Timestamp::now(), asked);
    let looked = runtime()?
        .block_on(stop.unless_asked(work))
        .unwrap_or(Err(RunError::Interrupted));
    Ok(match looked {
        Ok(found) => {
            if let Some(id) = found.as_ref().and_then(Preflight::dataset) {
                pipeline.settle_dataset(id);
            }
            Looked::Well(found)
        }
        Err(error) => Looked::Wrong(error),
    })
}
