//! `rostream test`: the cases of pipeline files, each beside what is to become of it.

use clap::Args;
use serde::Serialize;

use crate::config::{self, Cases, Pipeline, Problem, Problems};
use crate::run::RunError;
use crate::run::cases::{self, CaseError};
use crate::text::chain;

use super::pipeline::{SetArgs, say_problems, say_warnings};
use super::work::{cores, runtime};
use super::{Exit, Failure, Globals, put_json, say, say_lines, stop};

/// Arguments of `rostream test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Pipeline files with cases under `tests`, or in a file such as `people_test.yaml` beside `people.yaml`.
    #[arg(required = true, value_name = "PIPELINE")]
    pipelines: Vec<String>,
    #[command(flatten)]
    sets: SetArgs,
    /// Run only the cases with this in their names.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Write what became of the cases to stdout as JSON.
    #[arg(long)]
    json: bool,
}

impl TestArgs {
    pub(super) fn run(self, globals: &Globals) -> Result<Exit, Failure> {
        let stopped = stop::watch()?.asked();
        let runtime = runtime()?;
        let ended = runtime.block_on(async {
            tokio::select! {
                biased;
                () = stopped => Err(Failure::of_run(RunError::Interrupted)),
                ended = self.all(globals) => ended,
            }
        });
        runtime.shutdown_background();
        ended
    }

    async fn all(&self, globals: &Globals) -> Result<Exit, Failure> {
        let mut report = Report::default();
        let mut good = true;
        for pipeline in &self.pipelines {
            let Some((pipeline, files)) = self.load(pipeline, globals) else {
                good = false;
                continue;
            };
            for file in &files {
                for at in 0..file.all.len() {
                    if self.is_asked_for(&file.all[at].name) {
                        let told = case(&pipeline, file, at).await?;
                        self.tell(&told, globals);
                        report.cases.push(told);
                    }
                }
            }
        }
        let (cases, failed) = (report.cases.len(), report.failed());
        report.ok = good && failed == 0 && cases > 0;
        if self.json {
            put_json(&report)?;
        } else {
            match (cases, good) {
                // What is wrong with the files is said already.
                (0, false) => {}
                (0, true) => say(format_args!("{}", self.none())),
                _ if globals.quiet => {}
                (1, _) => say(format_args!("1 case, {failed} failed")),
                _ => say(format_args!("{cases} cases, {failed} failed")),
            }
        }
        Ok(if report.ok { Exit::Done } else { Exit::Usage })
    }

    /// That there is no case, and what to do.
    fn none(&self) -> &'static str {
        match self.only {
            Some(_) => "no case has that in its name",
            None => {
                "there are no cases: write them under `tests`, or in a file such as people_test.yaml"
            }
        }
    }

    /// A pipeline and its cases; nothing where something is wrong with one of the files, which has been said.
    fn load(&self, file: &str, globals: &Globals) -> Option<(Pipeline, Vec<Cases>)> {
        let refuse = |found: &Problems| say_problems(found, globals);
        let loaded = config::load(file, &self.sets.set, &config::process_env);
        let loaded = loaded.inspect_err(refuse).ok()?;
        let beside = Cases::beside(&loaded.pipeline, &config::process_env);
        let beside = beside.inspect_err(refuse).ok()?;
        say_warnings(&loaded.warnings, globals);
        let mut files = vec![Cases::within(&loaded.pipeline)];
        files.extend(beside);
        Some((loaded.pipeline, files))
    }

    fn is_asked_for(&self, name: &str) -> bool {
        (self.only.as_ref()).is_none_or(|only| name.contains(only.as_str()))
    }

    fn tell(&self, told: &Told, globals: &Globals) {
        if self.json {
            return;
        }
        match told.ok {
            true if globals.quiet => {}
            true => say(format_args!("ok      {}", told.name)),
            false => {
                say(format_args!("FAILED  {}", told.name));
                for found in &told.found {
                    say_lines(format_args!("{}", found.text));
                }
            }
        }
    }
}

/// Runs a case and tells what became of it.
///
/// # Errors
/// A disk or a machine that is no fault of the case.
async fn case(pipeline: &Pipeline, file: &Cases, at: usize) -> Result<Told, Failure> {
    let case = &file.all[at];
    let own = file.problem(&format!("tests.{at}"), "");
    let found = match cases::run(pipeline, file, at, cores()).await {
        Ok(problems) => problems.iter().map(Finding::of).collect(),
        Err(CaseError::Case(problem)) => vec![Finding::of(&problem)],
        Err(CaseError::Run(RunError::Unbound { problems })) => {
            problems.iter().map(Finding::of).collect()
        }
        Err(CaseError::Run(RunError::Interrupted)) => {
            return Err(Failure::of_run(RunError::Interrupted));
        }
        Err(CaseError::Run(error)) => {
            let message = format!("the case can't be run: {}", chain(&error));
            vec![Finding::of(&Problem {
                message,
                ..own.clone()
            })]
        }
        Err(error) => return Err(Failure::new(Exit::Failed, error)),
    };
    Ok(Told {
        file: file.file.to_string(),
        line: own.line(),
        name: case.name.clone(),
        ok: found.is_empty(),
        found,
    })
}

/// What `--json` writes.
#[derive(Default, Serialize)]
struct Report {
    ok: bool,
    cases: Vec<Told>,
}

impl Report {
    fn failed(&self) -> usize {
        self.cases.iter().filter(|case| !case.ok).count()
    }
}

/// What became of a case.
#[derive(Serialize)]
struct Told {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    name: String,
    ok: bool,
    found: Vec<Finding>,
}

/// Something that is not as expected.
#[derive(Serialize)]
struct Finding {
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
    /// The whole of it, for people.
    #[serde(skip)]
    text: String,
}

impl Finding {
    fn of(problem: &Problem) -> Finding {
        Finding {
            line: problem.line(),
            column: problem.column(),
            message: problem.message.clone(),
            help: problem.help.clone(),
            text: problem.to_string(),
        }
    }
}
