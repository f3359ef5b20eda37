//! The command line: one file per command, and the only place that prints.
//!
//! A command is an argument struct with a `run` method. To add one: its `mod` line, its variant of
//! [`Command`], and its arm in [`Cli::run`].

mod address;
mod apply;
mod bench;
mod completions;
mod datasets;
mod docs;
mod exit;
mod forget;
mod help;
mod infer;
pub(crate) mod library;
mod lint;
mod log;
mod looked;
mod man;
mod merge;
mod next;
mod open;
mod otel;
mod page;
mod paint;
mod panics;
mod pipeline;
mod plan;
mod planned;
mod preview;
mod requests;
mod resume;
mod retry;
mod run;
mod runs;
mod said;
mod sample;
mod sandbox;
mod schema;
mod several;
mod shard;
mod state;
mod stop;
mod test;
mod transform;
mod turn;
mod undescribed;
mod work;

use std::error::Error;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use anstream::AutoStream;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use serde::Serialize;

use crate::report::error::{Code, ErrorReport};
use crate::report::events::{self, Event};
use crate::report::progress::{Mode, Progress};
use crate::run::RunError;
use crate::settings::units::Span;
use crate::text::chain;

pub use exit::Exit;
pub(crate) use log::LogFormat;
pub(crate) use pipeline::PipelineArgs;
use said::{say, say_error, say_lines, say_problem, say_problems, say_warning};

/// Streams large HR extracts into Orgvue.
#[derive(Debug, Parser)]
#[command(name = "rostream", version, about, max_term_width = 100)]
#[command(after_help = help::whole(), mut_subcommands = help::of_command)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub globals: Globals,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub struct Globals {
    /// Say more; repeat it for even more.
    #[arg(short, long, action = clap::ArgAction::Count, global = true, conflicts_with = "quiet", help_heading = help::GLOBAL)]
    pub verbose: u8,
    /// Say only what went wrong.
    #[arg(short, long, global = true, help_heading = help::GLOBAL)]
    pub quiet: bool,
    /// Show no progress.
    #[arg(long, global = true, help_heading = help::GLOBAL)]
    pub no_progress: bool,
    /// How stderr is written: lines for people, or with `json` one object a line, see docs/operating.md.
    #[arg(long, global = true, value_enum, default_value_t, help_heading = help::GLOBAL)]
    pub log_format: LogFormat,
    /// How often `--log-format json` tells that a step goes on.
    #[arg(long, global = true, value_name = "TIME", value_parser = interval, default_value = "10s", help_heading = help::GLOBAL)]
    pub heartbeat: Duration,
}

impl Globals {
    /// Says to machines, where they listen, that a command begins.
    fn start(&self, command: &str) {
        if self.log_format == LogFormat::Json {
            events::start(self.quiet);
            events::put(&Event::Start {
                command,
                version: env!("CARGO_PKG_VERSION"),
            });
        }
    }

    /// How progress is shown: by events where those are wanted.
    fn progress(&self) -> Mode {
        match self.log_format {
            _ if self.quiet => Mode::Silent,
            LogFormat::Json => Mode::Events(self.heartbeat),
            LogFormat::Text => Mode::detect(!self.no_progress),
        }
    }
}

/// Time between two events of one step: short enough to see that it goes on, and long enough not to fill a log.
fn interval(text: &str) -> Result<Duration, String> {
    let Span(every) = text.parse()?;
    match every < Duration::from_millis(100) {
        true => Err("expected at least 100ms".into()),
        false => Ok(every),
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a pipeline: survey, guards, upload, import, wait, results.
    Run(run::RunArgs),
    /// Resume a run that was cut off, or whose job was still running.
    Resume(resume::ResumeArgs),
    /// Fetch the results of a finished run again, and rewrite its rejects and its report.
    Results(resume::ResultsArgs),
    /// Send again what the server refused of a run, and only that.
    Retry(retry::RetryArgs),
    /// Check the whole data with stages, rules and guards; nothing is sent.
    Check(run::CheckArgs),
    /// Write down what a run would do, without values; nothing is sent.
    Plan(plan::PlanArgs),
    /// Do exactly what a plan says, once, or nothing where something has changed since.
    Apply(apply::ApplyArgs),
    /// Show the first records before and after, side by side; nothing is sent.
    Preview(preview::PreviewArgs),
    /// Take rows through stages and rules alone, from the source or standard input to standard output.
    Transform(transform::TransformArgs),
    /// Measure how fast a pipeline is on its own source, step by step; its target is not touched.
    Bench(bench::BenchArgs),
    /// List the runs that the state folder knows: how they ended, what is open, since when nobody is deleted.
    Runs(runs::RunsArgs),
    /// Put the reports of shards together: their checks into a plan, their runs into a sum.
    Report(merge::ReportArgs),
    /// Ask for a pair of addresses for an upload, and nothing more.
    Generate(requests::GenerateArgs),
    /// Survey, guards, and the upload to an address of your own; nothing is imported.
    Upload(requests::UploadArgs),
    /// Ask for the import of what stands at an address of your own, and wait for it.
    Import(requests::ImportArgs),
    /// List the tenant's data sets by name and UUID.
    Datasets(datasets::DatasetsArgs),
    /// Make a state folder that `state: { required: true }` accepts; seal what is kept with another key.
    State(state::StateArgs),
    /// Take people out of everything that is kept on the disk: rejects, results, the store of a difference.
    Forget(forget::ForgetArgs),
    /// Draft a pipeline for a file that nobody described, with the counts that prove it.
    Infer(infer::InferArgs),
    /// Tell what the columns of a file, or of a pipeline's source, hold.
    Describe(infer::DescribeArgs),
    /// Check pipeline files: no data is read, and nothing is sent.
    Lint(lint::LintArgs),
    /// Run the cases that stand in pipeline files or beside them: rows in, and what is to become of them.
    Test(test::TestArgs),
    /// Write a realistic HR extract to try things on.
    Sample(sample::SampleArgs),
    /// Run the embedded Orgvue on this machine: API, storage and a data set in memory.
    Sandbox(Box<sandbox::SandboxArgs>),
    /// Print the reference of keys, commands, exit codes and error codes, as Markdown.
    Docs(docs::DocsArgs),
    /// Print the JSON Schema of the pipeline file, for editors.
    Schema(schema::SchemaArgs),
    /// Print the completion script of a shell.
    Completions(completions::CompletionsArgs),
    /// Write the manual pages, one a command.
    Man(man::ManArgs),
}

impl Command {
    /// The name of a command that does something with a pipeline's data, as a run does.
    fn works(&self) -> Option<&'static str> {
        Some(match self {
            Command::Run(_) => "run",
            Command::Check(_) => "check",
            Command::Plan(_) => "plan",
            Command::Apply(_) => "apply",
            Command::Upload(_) => "upload",
            Command::Import(_) => "import",
            Command::Resume(_) => "resume",
            Command::Results(_) => "results",
            Command::Retry(_) => "retry",
            Command::Transform(_) => "transform",
            _ => return None,
        })
    }
}

/// The program: takes the arguments of the process, does what they say, and tells what went wrong.
pub fn main() -> Exit {
    let started = Instant::now();
    let matches = Cli::command().try_get_matches();
    let cli = matches.and_then(|matches| {
        let command = matches.subcommand_name().map(str::to_owned);
        Ok((Cli::from_arg_matches(&matches)?, command))
    });
    let exit = match cli {
        Ok((cli, command)) => {
            cli.globals.start(command.as_deref().unwrap_or_default());
            cli.run()
        }
        Err(error) => said::say_usage(&error, log::is_json_asked_for()),
    };
    said::say_end(exit, started.elapsed().as_secs_f64());
    exit
}

impl Cli {
    /// Runs the command, and tells what went wrong.
    pub fn run(self) -> Exit {
        let works = self.command.works();
        let (exit, code) = match self.perform() {
            Ok(exit) => (exit, exit.code()),
            Err(failure) => {
                let code = failure.code();
                (failure.report(), code)
            }
        };
        if works.is_some()
            && let Some(warning) = otel::finish(exit, code.word)
        {
            say_warning(warning);
        }
        exit
    }

    /// Starts the log and runs the command.
    ///
    /// # Errors
    ///
    /// What ended the command, with the exit code that says so.
    fn perform(self) -> Result<Exit, Failure> {
        panics::tell_places_alone();
        let globals = &self.globals;
        let works = self.command.works();
        let progress = match &self.command {
            Command::Transform(_) => Progress::silent(),
            _ if works.is_some() => Progress::start(globals.progress()),
            _ => Progress::silent(),
        };
        log::start(globals, &progress, works.and_then(otel::start));
        paint::start(globals.quiet);
        no_core_dumps();
        match self.command {
            Command::Run(args) => args.run(globals, &progress),
            Command::Check(args) => args.run(globals, &progress),
            Command::Plan(args) => args.run(globals, &progress),
            Command::Apply(args) => args.run(globals, &progress),
            Command::Resume(args) => args.run(globals, &progress),
            Command::Results(args) => args.run(globals, &progress),
            Command::Retry(args) => args.run(globals, &progress),
            Command::Preview(args) => args.run(globals),
            Command::Transform(args) => args.run(globals),
            Command::Bench(args) => args.run(globals),
            Command::Sample(args) => match sample::run(&args) {
                Ok(()) => Ok(Exit::Done),
                Err(error) => Err(Failure::new(Exit::Failed, error)),
            },
            Command::Sandbox(args) => match work::runtime()?.block_on(sandbox::run(*args)) {
                Ok(()) => Ok(Exit::Done),
                Err(error) => Err(Failure::new(Exit::Failed, error)),
            },
            Command::Runs(args) => args.run(globals),
            Command::Report(args) => args.run(globals),
            Command::Generate(args) => args.run(globals),
            Command::Upload(args) => args.run(globals, &progress),
            Command::Import(args) => args.run(globals, &progress),
            Command::Datasets(args) => args.run(globals),
            Command::State(args) => args.run(globals),
            Command::Forget(args) => args.run(globals),
            Command::Infer(args) => args.run(globals),
            Command::Describe(args) => args.run(globals),
            Command::Lint(args) => args.run(globals),
            Command::Test(args) => args.run(globals),
            Command::Docs(args) => args.run(),
            Command::Schema(args) => args.run(),
            Command::Completions(args) => args.run(),
            Command::Man(args) => args.run(),
        }
    }
}

/// Keeps tokens, keys and people out of core dumps, and other processes of this user from looking into this one. A
/// system that does not allow it is no reason to stop.
fn no_core_dumps() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let none = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        let _ = setrlimit(Resource::Core, none);
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

/// Why a command ended early: the exit code, and what to print, unless it is said already.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    /// What went wrong; nothing where it has been printed.
    error: Option<Box<dyn Error + Send + Sync>>,
    /// What kind of error it is, where that is more than the exit code tells.
    code: Option<Code>,
}

impl Failure {
    /// A failure to be printed.
    pub(crate) fn new(exit: Exit, error: impl Into<Box<dyn Error + Send + Sync>>) -> Failure {
        Failure {
            exit,
            error: Some(error.into()),
            code: None,
        }
    }

    /// A failure to be printed, whose kind machines want to know.
    fn of_kind(exit: Exit, code: Code, error: impl Into<Box<dyn Error + Send + Sync>>) -> Failure {
        Failure {
            code: Some(code),
            ..Failure::new(exit, error)
        }
    }

    /// What kind of error it is, as far as anybody knows.
    fn code(&self) -> Code {
        self.code.unwrap_or(self.exit.code())
    }

    /// Writes to stdout, as JSON, why a command ended before it had a report. With exit code 2 the findings are on
    /// stderr, each with its place.
    fn put_json(&self) -> Result<(), Failure> {
        let (Some(error), Some(code)) = (&self.error, self.code) else {
            return Ok(());
        };
        put_json(&serde_json::json!({
            "exit_code": self.exit as u8,
            "error": ErrorReport::new(code, chain(&**error)),
        }))
    }

    /// A failure of which all is said.
    pub(crate) fn said(exit: Exit) -> Failure {
        Failure {
            exit,
            error: None,
            code: None,
        }
    }

    /// What ended a run. What the pipeline names and the source does not have is printed here, a line each, as those
    /// of lint are.
    pub(crate) fn of_run(error: RunError) -> Failure {
        let exit = Exit::from(error.outcome());
        match error {
            RunError::Unbound { problems } => {
                say_problems(&problems, "");
                Failure::said(exit)
            }
            error => Failure::new(exit, error),
        }
    }

    /// Prints the error and what caused it as one line on stderr, and gives the exit code.
    fn report(self) -> Exit {
        if let Some(error) = &self.error {
            say_error(self.exit, self.code, chain(&**error));
        }
        self.exit
    }
}

/// Writing to stdout failed.
#[derive(Debug, thiserror::Error)]
#[error("can't write standard output")]
struct StdoutError(#[source] io::Error);

/// Writing to stdout failed. Where its reader has gone, as in `rostream schema | head`, that is its
/// wish, and no failure.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::said(Exit::Done),
            _ => Failure::new(Exit::Failed, StdoutError(error)),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "commands print through this")]
fn stdout() -> io::StdoutLock<'static> {
    io::stdout().lock()
}

/// Writes data to stdout.
fn put(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = stdout();
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// As [`put`], for text with colours, which are taken out where they are not wanted.
fn put_painted(text: &str) -> io::Result<()> {
    let mut stdout = AutoStream::auto(stdout());
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// As [`put`], for a command whose exit code says how it went, which stays so where nobody reads on.
fn put_findings(bytes: &[u8]) -> io::Result<()> {
    put(bytes).or_else(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error),
    })
}

/// Writes findings to stdout as JSON.
fn put_json(findings: &impl Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_vec_pretty(findings).map_err(io::Error::from)?;
    text.push(b'\n');
    Ok(put_findings(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: &'static str,
        source: Option<Box<Link>>,
    }

    #[test]
    fn causes_are_said_once() {
        let check = |texts: &[&'static str], expected: &str| {
            let link = |source, text: &&'static str| Some(Box::new(Link { text, source }));
            let error = texts.iter().rev().fold(None, link).unwrap();
            assert_eq!(chain(&*error), expected);
        };
        check(&["a"], "a");
        check(&["a", "b", "c"], "a: b: c");
        check(&["a: b", "b", "c"], "a: b: c");
        check(&["a", "a"], "a");
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
