//! `rostream state init`: a state folder that is there on purpose.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::next::STATE;
use super::open::refused;
use super::pipeline::SetArgs;
use super::{Exit, Failure, Globals, PipelineArgs, say};
use crate::report::human;
use crate::state::Folder;

/// Arguments of `rostream state`.
#[derive(Debug, Args)]
pub struct StateArgs {
    #[command(subcommand)]
    command: StateCommand,
}

#[derive(Debug, Subcommand)]
enum StateCommand {
    /// Create the state folder of a pipeline, once; its runs then refuse to start in an empty one.
    Init(InitArgs),
}

#[derive(Debug, Args)]
struct InitArgs {
    /// The pipeline file whose state folder it is.
    #[arg(conflicts_with = "state")]
    pipeline: Option<String>,
    /// The state folder: `state` in the current folder, unless it or the pipeline is named.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

impl StateArgs {
    pub(super) fn run(self, globals: &Globals) -> Result<Exit, Failure> {
        let StateCommand::Init(init) = self.command;
        let folder = match (init.pipeline, init.state) {
            (Some(pipeline), _) => {
                let sets = SetArgs { set: Vec::new() };
                PipelineArgs { pipeline, sets }.load(globals)?.state_dir
            }
            (None, Some(folder)) => folder,
            (None, None) => PathBuf::from(STATE),
        };
        let folder = Folder::new(folder);
        let made = folder.init().map_err(refused)?;
        if !globals.quiet {
            let path = human::path(folder.path());
            match made {
                true => say(format_args!("{path} is a state folder now")),
                false => say(format_args!("{path} is a state folder already")),
            }
        }
        Ok(Exit::Done)
    }
}
