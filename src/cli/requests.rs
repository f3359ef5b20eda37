//! `rostream generate`, `upload` and `import`: the three requests of a load one by one, for whoever uploads or imports
//! from elsewhere.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::address::{Half, address, is_pair};
use super::looked::look;
use super::open::{begin, rejects, usage};
use super::pipeline::{said, token};
use super::turn::TurnArgs;
use super::work::{CommonArgs, Task, Work, runtime};
use super::{Exit, Failure, Globals, PipelineArgs, put, say, stdout, stop};
use crate::config::{Pipeline, process_env};
use crate::files::owned::replace;
use crate::orgvue::Locations;
use crate::report::human;
use crate::report::progress::Progress;
use crate::report::run::RunId;
use crate::run::{self, RunError};

/// The longest file that may be a pair of addresses, in bytes: many times the length of any.
const LONGEST_PAIR: u64 = 64 * 1024;

/// Arguments of `rostream generate`.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// Write the pair of addresses into this file, which only its owner may read, over an earlier pair and nothing else;
    /// without it, they go to stdout, unless that is a terminal.
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Arguments of `rostream upload`.
#[derive(Debug, Args)]
pub struct UploadArgs {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// Where the address to upload to stands: env:NAME or file:PATH. Of a pair, `put` is taken.
    #[arg(long, value_name = "env:NAME|file:PATH")]
    to: String,
    #[command(flatten)]
    turn: TurnArgs,
    #[command(flatten)]
    common: CommonArgs,
}

/// Arguments of `rostream import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// Where the address to import from stands: env:NAME or file:PATH. Of a pair, `get` is taken.
    #[arg(long, value_name = "env:NAME|file:PATH")]
    from: String,
    #[command(flatten)]
    turn: TurnArgs,
    #[command(flatten)]
    common: CommonArgs,
}

impl GenerateArgs {
    pub(super) fn run(self, globals: &Globals) -> Result<Exit, Failure> {
        if self.out.is_none() && stdout().is_terminal() {
            return Err(usage(
                "the addresses are secrets, which are not shown: name a file with --out, or send stdout elsewhere",
            ));
        }
        if let Some(out) = &self.out {
            may_be_at(out)?;
        }
        let pipeline = self.pipeline.load(globals)?;
        let mut stop = stop::watch()?;
        let asked = ask(&pipeline)?;
        let locations = runtime()?
            .block_on(stop.unless_asked(asked))
            .unwrap_or(Err(RunError::Interrupted))
            .map_err(Failure::of_run)?;
        let pair = json!({ "get": locations.get.expose(), "put": locations.put.expose() });
        let text = format!("{pair:#}\n");
        let Some(out) = &self.out else {
            return Ok(put(text.as_bytes()).map(|()| Exit::Done)?);
        };
        write(out, text.as_bytes()).map_err(|error| {
            let text = format!("{} can't be written", human::path(out));
            Failure::new(
                Exit::Failed,
                io::Error::new(error.kind(), format!("{text}: {error}")),
            )
        })?;
        if !globals.quiet {
            let until = match locations.put.life() {
                Some(life) => format!(", good for {}", human::time(life)),
                None => String::new(),
            };
            say(format_args!(
                "the pair of addresses is in {}{until}",
                human::path(out)
            ));
        }
        Ok(Exit::Done)
    }
}

/// The request for a pair of addresses.
fn ask(pipeline: &Pipeline) -> Result<impl Future<Output = Result<Locations, RunError>>, Failure> {
    let Some(token) = token(pipeline)? else {
        return Err(usage(
            "the pipeline sends to the sandbox inside this program, which ends with it",
        ));
    };
    Ok(async move { run::generate(pipeline, &token).await })
}

/// Whether the pair may be written there: over an earlier pair, and over nothing else. Asked before there is a pair that
/// would be lost.
fn may_be_at(out: &Path) -> Result<(), Failure> {
    let in_the_way = || {
        usage(format_args!(
            "--out: there is something at {} that is not a pair of addresses, and it is not replaced; name another file",
            human::path(out)
        ))
    };
    match out.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(found) if found.is_file() && found.len() <= LONGEST_PAIR => {
            match std::fs::read_to_string(out) {
                Ok(text) if is_pair(&text) => Ok(()),
                _ => Err(in_the_way()),
            }
        }
        _ => Err(in_the_way()),
    }
}

/// Puts a file that only its owner may read in the place of an earlier one.
fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let path = std::path::absolute(path)?;
    let mut draft = path.file_name().unwrap_or_default().to_owned();
    draft.push(format!(".draft-{}", std::process::id()));
    replace(&path, &path.with_file_name(draft), text)
}

impl UploadArgs {
    pub(super) fn run(self, globals: &Globals, progress: &Progress) -> Result<Exit, Failure> {
        let to = address("--to", &self.to, Half::Put)?;
        let pipeline = self.pipeline.load(globals)?;
        if pipeline.store().is_some() {
            return Err(usage(
                "with `action: { delta: PATH }` only what differs is sent, and the store would not know what becomes of it",
            ));
        }
        let run_id = RunId::generate();
        let mut turn = self.turn.begin(globals)?;
        let mut work = Work::new(&pipeline, &self.common, globals, progress);
        work.task = Task::Upload(to);
        match rejects(&pipeline, &run_id, &mut turn) {
            Ok(rejects) => work.rejects = rejects,
            Err(error) => return work.refuse(run_id, error),
        }
        work.perform(run_id, turn.over())
    }
}

impl ImportArgs {
    pub(super) fn run(self, globals: &Globals, progress: &Progress) -> Result<Exit, Failure> {
        let from = address("--from", &self.from, Half::Get)?;
        let mut pipeline = self.pipeline.load(globals)?;
        if pipeline.store().is_some() {
            return Err(usage(
                "with `action: { delta: PATH }` the store would not know whom the file names, and the next run would send \
                 what it takes to be new",
            ));
        }
        let run_id = RunId::generate();
        let Some(token) = token(&pipeline)? else {
            return Err(usage(
                "the pipeline sends to the sandbox inside this program, which can read no address of yours",
            ));
        };
        let mut turn = self.turn.begin(globals)?;
        let looked = look(&mut pipeline, Some(&token), false, turn.stop())?;
        let mut work = Work::new(&pipeline, &self.common, globals, progress);
        work.token = Some(token);
        work.result_location = pipeline.result_location(&process_env).map_err(said)?;
        work.task = Task::Import(from);
        begin(work, run_id, looked, turn)
    }
}
