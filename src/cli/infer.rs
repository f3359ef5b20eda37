//! `rostream infer` and `rostream describe`: what is in a file that nobody described.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;

use super::looked::{Looked, look};
use super::page::page_may_be_at;
use super::pipeline::{SetArgs, token};
use super::undescribed::{Stated, find};
use super::work::{cores, runtime};
use super::{Exit, Failure, Globals, PipelineArgs, put, put_json, say, stop};
use crate::config::Override;
use crate::engine::EngineError;
use crate::engine::blocks::BLOCK;
use crate::infer::draft::{For, draft};
use crate::infer::show::{Description, page as page_of, table};
use crate::infer::{Found, described};
use crate::report::page;
use crate::run::preflight::Preflight;
use crate::run::{self, RunError};
use crate::text::dates::Zone;

/// Arguments of `rostream infer`.
#[derive(Debug, Args)]
pub struct InferArgs {
    /// The file; `-` is standard input.
    file: String,
    /// The pipeline file to write; without it, or with -, standard output. One that is there is not written over.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// A pipeline whose target is asked for its properties: columns get the names of those that they are like.
    #[arg(long = "for", value_name = "PIPELINE")]
    for_pipeline: Option<String>,
    #[command(flatten)]
    sets: SetArgs,
}

/// Arguments of `rostream describe`.
#[derive(Debug, Args)]
pub struct DescribeArgs {
    /// The file, or a pipeline (.yaml, .yml), whose source is read as it says; `-` is standard input.
    file: String,
    #[command(flatten)]
    sets: SetArgs,
    /// Write what was found to stdout as JSON.
    #[arg(long)]
    json: bool,
    /// Tell values: of columns that have few, and how far they reach.
    #[arg(long)]
    values: bool,
    /// Write a page with plots there.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl InferArgs {
    pub(super) fn run(self, globals: &Globals) -> Result<Exit, Failure> {
        let output = self
            .output
            .as_deref()
            .filter(|path| path.as_os_str() != "-");
        if let Some(path) = output.filter(|path| path.symlink_metadata().is_ok()) {
            let text = format!(
                "{} is there already, and is not written over",
                path.display()
            );
            return Err(Failure::new(Exit::Usage, text));
        }
        let (properties, of_file) = match &self.for_pipeline {
            Some(pipeline) => {
                let (of_file, of_pipeline) = Stated::part(self.sets.set);
                (Some(properties(pipeline, of_pipeline, globals)?), of_file)
            }
            None => (None, self.sets.set),
        };
        let stated = Stated::of(&of_file, globals)?;
        let found = waited(find(&self.file, &stated))?;
        stated.had_effect(&found)?;
        let folder = output.and_then(Path::parent).unwrap_or(Path::new(""));
        let path = from(folder, &self.file);
        let year = Zone::default().day(Timestamp::now()).year();
        let text = draft(
            &found,
            &For {
                name: &name(&self.file),
                path: &path,
                year,
                properties: properties.as_deref(),
            },
        );
        let Some(output) = output else {
            put(text.as_bytes())?;
            return Ok(Exit::Done);
        };
        let cannot = |error| {
            Failure::new(
                Exit::Failed,
                format!("can't write {}: {error}", output.display()),
            )
        };
        let file = OpenOptions::new().write(true).create_new(true).open(output);
        file.and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(cannot)?;
        if !globals.quiet {
            say(format_args!(
                "{} is drafted: look at what stands in comments, then `rostream check {}`",
                output.display(),
                output.display()
            ));
        }
        Ok(Exit::Done)
    }
}

impl DescribeArgs {
    pub(super) fn run(self, globals: &Globals) -> Result<Exit, Failure> {
        if let Some(path) = &self.html {
            page_may_be_at(path)?;
        }
        let is_pipeline = [".yaml", ".yml"]
            .iter()
            .any(|end| self.file.to_lowercase().ends_with(end));
        let found = match is_pipeline {
            true => {
                let pipeline = PipelineArgs {
                    pipeline: self.file.clone(),
                    sets: self.sets,
                };
                let pipeline = pipeline.load(globals)?;
                waited(async {
                    let source = run::source(&pipeline).await.map_err(EngineError::from)?;
                    let reading = run::reading(&pipeline, BLOCK);
                    let csv = &pipeline.source.csv;
                    let otherwise = (csv.ragged, pipeline.source.json.unknown);
                    described(source, reading, otherwise, cores()).await
                })?
            }
            false => {
                let stated = Stated::of(&self.sets.set, globals)?;
                let found = waited(find(&self.file, &stated))?;
                stated.had_effect(&found)?;
                found
            }
        };
        let description = Description::of(&found, self.values);
        if let Some(path) = &self.html {
            let cannot = |error| {
                Failure::new(
                    Exit::Failed,
                    format!("can't write {}: {error}", path.display()),
                )
            };
            let page = page_of(&description).map_err(cannot)?;
            page::write(path, &page).map_err(cannot)?;
        }
        match self.json {
            true => put_json(&description)?,
            false => put(table(&description).as_bytes())?,
        }
        Ok(Exit::Done)
    }
}

/// The properties of the data set that a pipeline sends to.
fn properties(file: &str, set: Vec<Override>, globals: &Globals) -> Result<Vec<String>, Failure> {
    let pipeline = PipelineArgs {
        pipeline: file.to_owned(),
        sets: SetArgs { set },
    };
    let mut pipeline = pipeline.load(globals)?;
    let Some(token) = token(&pipeline)? else {
        let text = format!(
            "{file} sends to the sandbox inside this program, whose properties nobody has to know"
        );
        return Err(Failure::new(Exit::Usage, text));
    };
    match look(&mut pipeline, Some(&token), true, &mut stop::watch()?)? {
        Looked::Wrong(error) => Err(Failure::of_run(error)),
        Looked::Well(found) => match found.as_ref().and_then(Preflight::properties) {
            Some(properties) => Ok(properties),
            None => Err(Failure::new(
                Exit::Failed,
                "the API does not tell the properties of the data set: draft without --for",
            )),
        },
    }
}

/// Waits for what is found, unless somebody asks to stop.
fn waited(work: impl Future<Output = Result<Found, EngineError>>) -> Result<Found, Failure> {
    let mut stop = stop::watch()?;
    let runtime = runtime()?;
    let ended = runtime.block_on(stop.unless_asked(work));
    // Standard input may still be waited for by a thread; nobody waits for that.
    runtime.shutdown_background();
    let found = match ended {
        None => return Err(Failure::of_run(RunError::Interrupted)),
        Some(found) => found.map_err(|error| Failure::of_run(RunError::Engine(error)))?,
    };
    match found.facts.records {
        0 => Err(Failure::new(
            Exit::Failed,
            format!("{}: there are no records", found.source),
        )),
        _ => Ok(found),
    }
}

/// A file's name without its endings: `workers` of `exports/workers.csv.gz`.
fn name(file: &str) -> String {
    let name = Path::new(file)
        .file_name()
        .map_or(file.into(), |name| name.to_string_lossy());
    match name.split('.').find(|part| !part.is_empty()) {
        Some("-") | None => "draft".to_owned(),
        Some(stem) => stem.to_owned(),
    }
}

/// A file's path from the folder of the pipeline file, where it is in it; else where it is.
fn from(folder: &Path, file: &str) -> String {
    if file == "-" {
        return file.to_owned();
    }
    let path = Path::new(file);
    if folder.as_os_str().is_empty() {
        return file.to_owned();
    }
    let (Ok(folder), Ok(whole)) = (std::path::absolute(folder), std::path::absolute(path)) else {
        return file.to_owned();
    };
    let path = whole.strip_prefix(&folder).unwrap_or(&whole);
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_from_the_draft() {
        for (folder, file, expected) in [
            ("", "exports/a.csv", "exports/a.csv"),
            ("/work", "/work/exports/a.csv", "exports/a.csv"),
            ("/work/pipelines", "/work/a.csv", "/work/a.csv"),
            ("/work", "-", "-"),
        ] {
            assert_eq!(from(Path::new(folder), file), expected);
        }
        assert_eq!(name("exports/workers.csv.gz"), "workers");
        assert_eq!(name("-"), "draft");
        assert_eq!(name(".hidden"), "hidden");
    }
}
