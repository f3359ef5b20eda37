//! `rostream transform`: stages and rules of rows alone, from the source or standard input to standard output.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::open::usage;
use super::pipeline::said;
use super::work::{cores, runtime};
use super::{Exit, Failure, Globals, PipelineArgs, otel, put, say, say_warning, stop};
use crate::config::{Override, Pipeline, Rejects, process_env};
use crate::format::rows::Form;
use crate::report::human;
use crate::report::run::RunId;
use crate::run::transform::{Ended, TransformError, Wanted, left_to_the_run, transform};
use crate::run::{self, RunError};
use crate::source::Input;

/// The word for standard input.
const STDIN: &str = "-";

/// Arguments of `rostream transform`.
#[derive(Debug, Args)]
pub struct TransformArgs {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// A file in place of the pipeline's source; `-` is standard input.
    #[arg(value_name = "SOURCE")]
    from: Option<String>,
    /// The format of the source, in place of `source.format`.
    #[arg(long, value_name = "FORMAT")]
    input: Option<String>,
    /// What the rows are written as.
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Output,
    /// Where rejected rows go; without it, beside the pipeline's rejects file.
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Add file and line of every row, as `_file` and `_line`.
    #[arg(long)]
    lines: bool,
    /// Exit with 0 if rows were rejected and everything else succeeded.
    #[arg(long)]
    partial_ok: bool,
    /// Threads that process the data; one per core by default.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
}

/// What rows are written as.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Output {
    /// CSV with a header.
    #[default]
    Csv,
    /// One JSON object a line.
    Ndjson,
    /// A stream of Arrow IPC, in builds with the feature `parquet`.
    Arrow,
}

impl TransformArgs {
    pub(super) fn run(mut self, globals: &Globals) -> Result<Exit, Failure> {
        let format = self.input.iter().map(|format| Override {
            key: "source.format".to_owned(),
            value: format.clone(),
        });
        self.pipeline.sets.set.extend(format);
        if (self.pipeline.pipeline.as_str(), self.from.as_deref()) == (STDIN, Some(STDIN)) {
            return Err(usage(
                "pipeline file and rows can't both come from standard input; name a file for one of them",
            ));
        }
        let pipeline = self.source(self.pipeline.load(globals)?)?;
        otel::with(&pipeline.name);
        // No run, but its files have names of their own as those of a run.
        let pipeline = pipeline.of_run(RunId::generate().as_str(), pipeline.today());
        pipeline.unlock_source(&process_env).map_err(said)?;
        let left = left_to_the_run(&pipeline);
        if !left.is_empty() && !globals.quiet {
            say(format!("left to the run: {}", left.join(", ")));
        }
        let stopped = stop::watch()?.asked();
        let runtime = runtime()?;
        let ended = runtime.block_on(async {
            tokio::select! {
                biased;
                () = stopped => Err(failure(TransformError::Run(RunError::Interrupted))),
                ended = self.rows(&pipeline) => ended,
            }
        });
        // A thread may still wait for standard input, or for whoever reads the rows; nobody waits for that.
        runtime.shutdown_background();
        if let Ok(ended) = &ended {
            otel::transformed(&counts(ended));
        }
        self.tell(ended?, globals)
    }

    /// The pipeline with what it reads.
    fn source(&self, mut pipeline: Pipeline) -> Result<Pipeline, Failure> {
        if let Some(from) = &self.from {
            pipeline.source.inputs = vec![match from.as_str() {
                STDIN => Input::Stdin,
                file => Input::File(std::path::absolute(file)?),
            }];
        }
        Ok(pipeline)
    }

    async fn rows(&self, pipeline: &Pipeline) -> Result<Ended, Failure> {
        let keys = pipeline.stage_keys(&process_env).map_err(said)?;
        let workers = self.workers.map_or_else(cores, usize::from);
        let resources = run::resources(pipeline, keys, pipeline.today(), workers).await;
        let resources = resources.map_err(|error| failure(error.into()))?;
        let own = pipeline.rejects.of_transform();
        let rejects = match self.rejects.clone() {
            // One file is named, and there may be many at once.
            Some(path) => Rejects {
                path,
                workbook: None,
                ..own
            },
            None => own,
        };
        let wanted = Wanted {
            form: match self.output {
                Output::Csv => Form::Csv,
                Output::Ndjson => Form::Ndjson,
                Output::Arrow => Form::Arrow,
            },
            places: self.lines,
            rejects,
            workers,
        };
        let ended = transform(pipeline, &resources, &wanted, put).await;
        ended.map_err(failure)
    }

    /// Says what became of the rows.
    fn tell(&self, ended: Ended, globals: &Globals) -> Result<Exit, Failure> {
        if !globals.quiet {
            ended.warnings.iter().for_each(say_warning);
            let rejected = match ended.rejected {
                0 => "0 rejected".to_owned(),
                rows => format!(
                    "{} rejected ({})",
                    human::count(rows),
                    human::path(&ended.rejects)
                ),
            };
            let warned = match ended.warned {
                0 => String::new(),
                rows => format!(", {} written with a warning", human::count(rows)),
            };
            say(format!(
                "{}: {} written, {} filtered, {rejected}{warned}",
                human::counted(ended.read, "record"),
                human::count(ended.written),
                human::count(ended.filtered),
            ));
            if ended.skipped > 0 {
                let lines = human::counted(ended.skipped, "line");
                say(format!("skipped {lines} that are not records"));
            }
        }
        if let Some(why) = ended.stop {
            say_warning("the rows on standard output are not to be used");
            return Err(failure(TransformError::Run(RunError::Stopped {
                why,
                begun: false,
                rejects: (ended.rejected > 0).then(|| human::path(&ended.rejects).into()),
            })));
        }
        Ok(match ended.rejected {
            0 => Exit::Done,
            _ if self.partial_ok => Exit::Done,
            _ => Exit::Partial,
        })
    }
}

/// What became of the rows, as spans name it.
fn counts(ended: &Ended) -> [(&'static str, u64); 6] {
    [
        ("read", ended.read),
        ("written", ended.written),
        ("filtered", ended.filtered),
        ("rejected", ended.rejected),
        ("warned", ended.warned),
        ("skipped", ended.skipped),
    ]
}

/// What ended it early. Where the reader of the rows has gone that is its wish, and no failure.
fn failure(error: TransformError) -> Failure {
    match error {
        TransformError::Run(error @ RunError::Unbound { .. }) => Failure::of_run(error),
        TransformError::Run(error) => {
            Failure::of_kind(Exit::from(error.outcome()), error.code(), error)
        }
        TransformError::Form(why) => Failure::new(Exit::Usage, why),
        TransformError::Output(error) => Failure::from(error),
    }
}
