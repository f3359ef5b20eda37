//! `rostream state`: a state folder that is there on purpose, and another key for what is kept.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use secrecy::SecretString;

use super::address::spec;
use super::forget::{lock, target_of};
use super::next::STATE;
use super::open::{no_turn, refused, usage};
use super::pipeline::{SetArgs, said};
use super::turn::TurnArgs;
use super::{Exit, Failure, Globals, PipelineArgs, say};
use crate::config::{process_env, secret_of};
use crate::report::human;
use crate::report::run::RunId;
use crate::run::forget::{Rotated, drop_columns, rotate};
use crate::state::Folder;
use crate::state::lock::{Who, store};

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
    /// Seal the store of a difference with the key that `state.key` states now, in place of the one before.
    Rotate(RotateArgs),
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

#[derive(Debug, Args)]
struct RotateArgs {
    /// The pipeline file, with the new key in `state.key`.
    pipeline: String,
    /// Where the key before is found: env:NAME or file:PATH. Without it, the store's own.
    #[arg(long, value_name = "WHERE")]
    old_key: Option<String>,
    #[command(flatten)]
    turn: TurnArgs,
}

impl StateArgs {
    pub(super) fn run(self, globals: &Globals) -> Result<Exit, Failure> {
        match self.command {
            StateCommand::Init(init) => init.run(globals),
            StateCommand::Rotate(args) => args.run(globals),
        }
    }
}

impl InitArgs {
    fn run(self, globals: &Globals) -> Result<Exit, Failure> {
        let folder = match (self.pipeline, self.state) {
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

impl RotateArgs {
    fn run(self, globals: &Globals) -> Result<Exit, Failure> {
        let sets = SetArgs { set: Vec::new() };
        let pipeline = PipelineArgs {
            pipeline: self.pipeline.clone(),
            sets,
        }
        .load(globals)?;
        let Some(new) = pipeline.state_key(&process_env).map_err(said)? else {
            return Err(said(pipeline.problem(
                "state",
                "`state.key` is not stated; state the new key: `key: { env: NAME }` or `{ file: PATH }`",
            )));
        };
        if pipeline.store().is_none() && !pipeline.keeps_columns() {
            return Err(said(pipeline.problem(
                "state.key",
                "nothing is made with this key, as the action is not a difference, and no guard compares columns",
            )));
        }
        let old = self.old_key()?;
        let run = RunId::generate();
        let who = Who {
            run: &run,
            pipeline: &pipeline.name,
        };
        let state = Folder::of(&pipeline).map_err(refused)?;
        let mut turn = self.turn.begin(globals)?;
        let _lock = lock(&state, &who, &mut turn)?;
        let target = target_of(&pipeline, &state)?;
        let Some(target) = target else {
            say("nothing was sent yet, so nothing is sealed");
            return Ok(Exit::Done);
        };
        let store_folder = pipeline.store().filter(|folder| folder.is_dir());
        let held = store_folder
            .as_ref()
            .map(|folder| turn.take(|| store(folder, &who)));
        let _store = held.transpose().map_err(no_turn)?;
        let rotated = rotate(&pipeline, &target, old.as_ref(), &new).map_err(Failure::of_run)?;
        let columns = drop_columns(&pipeline, &target, &new).map_err(Failure::of_run)?;
        if !globals.quiet {
            tell(&rotated, store_folder.as_deref().unwrap_or(state.path()));
            if columns {
                say(
                    "what guards compare columns with was made with another key and is removed: the next run has to be approved",
                );
            }
        }
        Ok(Exit::Done)
    }

    fn old_key(&self) -> Result<Option<SecretString>, Failure> {
        let Some(written) = &self.old_key else {
            return Ok(None);
        };
        let Some(spec) = spec(written) else {
            return Err(usage(
                "--old-key: expected `env:NAME` or `file:PATH`, where the key stands; it does not belong on a command line",
            ));
        };
        let found = secret_of(&spec, Path::new(""), "key", &process_env);
        found
            .map(Some)
            .map_err(|why| usage(format_args!("--old-key: {why}")))
    }
}

fn tell(rotated: &Rotated, folder: &Path) {
    let path = human::path(folder);
    match rotated {
        Rotated::Anew(people) => say(format_args!(
            "{path}: {} sealed with the new key; the next run sends everything, as what the server has can't be compared any \
             more",
            human::counted(*people, "key")
        )),
        Rotated::Already => say(format_args!("{path} has that key already")),
        Rotated::Nothing => say(format_args!("{path} holds nothing that is sealed")),
    }
}
