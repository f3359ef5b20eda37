//! `rostream lint`: the pipeline files only, without data or network.

use clap::Args;
use serde::Serialize;

use crate::config::{self, Cases, Pipeline, Problem, Problems};

use super::pipeline::{SetArgs, say_problems};
use super::{Exit, Failure, Globals, put_json, say};

/// Arguments of `rostream lint`.
#[derive(Debug, Args)]
pub struct LintArgs {
    /// Pipeline files; `-` is standard input.
    #[arg(required = true, value_name = "PIPELINE")]
    pipelines: Vec<String>,
    #[command(flatten)]
    sets: SetArgs,
    /// Write the findings to stdout as JSON.
    #[arg(long)]
    json: bool,
}

impl LintArgs {
    pub(super) fn run(self, globals: &Globals) -> Result<Exit, Failure> {
        let mut files = Vec::new();
        for file in &self.pipelines {
            let (found, beside) = match config::load(file, &self.sets.set, &config::process_env) {
                Ok(loaded) => {
                    let found = Problems {
                        problems: Vec::new(),
                        warnings: loaded.warnings,
                        notes: loaded.notes,
                    };
                    (found, cases_beside(&loaded.pipeline))
                }
                Err(found) => (found, None),
            };
            files.push((file.clone(), found));
            files.extend(beside);
        }
        let good = files.iter().all(|(_, found)| found.problems.is_empty());
        if self.json {
            put_json(&Report::new(&files))?;
        } else {
            for (pipeline, found) in &files {
                say_problems(found, globals);
                if found.problems.is_empty() && !globals.quiet {
                    super::say_problems(&found.notes, "note: ");
                    say(format_args!("{pipeline}: ok"));
                }
            }
        }
        Ok(if good { Exit::Done } else { Exit::Usage })
    }
}

/// The file of cases beside a pipeline, where there is one, and what is wrong with it.
fn cases_beside(pipeline: &Pipeline) -> Option<(String, Problems)> {
    match Cases::beside(pipeline, &config::process_env) {
        Ok(cases) => Some((cases?.file.to_string(), Problems::default())),
        Err(found) => Some((found.problems.first()?.file.to_string(), found)),
    }
}

/// What `--json` writes.
#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    files: Vec<FileReport<'a>>,
}

#[derive(Serialize)]
struct FileReport<'a> {
    file: &'a str,
    ok: bool,
    findings: Vec<Finding<'a>>,
}

#[derive(Serialize)]
struct Finding<'a> {
    severity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
    /// The key of the `--set` that is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<&'a str>,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
}

impl<'a> Report<'a> {
    fn new(files: &'a [(String, Problems)]) -> Report<'a> {
        let finding = |severity, problem: &'a Problem| Finding {
            severity,
            line: problem.line(),
            column: problem.column(),
            set: problem.set(),
            message: &problem.message,
            help: problem.help.as_deref(),
        };
        let files: Vec<_> = files
            .iter()
            .map(|(file, found)| FileReport {
                file,
                ok: found.problems.is_empty(),
                findings: found
                    .problems
                    .iter()
                    .map(|p| finding("error", p))
                    .chain(found.warnings.iter().map(|p| finding("warning", p)))
                    .chain(found.notes.iter().map(|p| finding("note", p)))
                    .collect(),
            })
            .collect();
        Report {
            ok: files.iter().all(|file| file.ok),
            files,
        }
    }
}
