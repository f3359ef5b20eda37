//! `rostream datasets`: the tenant's data sets by name and UUID.

use clap::Args;
use unicode_width::UnicodeWidthStr;

use super::pipeline::token;
use super::work::runtime;
use super::{Exit, Failure, Globals, PipelineArgs, put_findings, put_json, say, stop};
use crate::orgvue::datasets::Dataset;
use crate::run::RunError;
use crate::run::preflight::datasets;
use crate::text::chain;
use crate::text::shown::shown;

/// Arguments of `rostream datasets`.
#[derive(Debug, Args)]
pub struct DatasetsArgs {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// Write them to stdout as JSON.
    #[arg(long)]
    json: bool,
}

impl DatasetsArgs {
    pub(super) fn run(self, globals: &Globals) -> Result<Exit, Failure> {
        let pipeline = self.pipeline.load(globals)?;
        let Some(token) = token(&pipeline)? else {
            let text =
                "the pipeline sends to the sandbox inside this program, which no tenant is behind";
            return Err(Failure::new(Exit::Usage, text));
        };
        let mut stop = stop::watch()?;
        let listed = runtime()?
            .block_on(stop.unless_asked(datasets(&pipeline, &token)))
            .unwrap_or(Err(RunError::Interrupted));
        let mut listed = match listed {
            Ok(listed) => listed,
            Err(RunError::Orgvue(error)) => {
                let why = chain(&error);
                let exit = Exit::from(RunError::Orgvue(error).outcome());
                return Err(Failure::new(
                    exit,
                    format!("the tenant's data sets are not known: {why}"),
                ));
            }
            Err(error) => return Err(Failure::of_run(error)),
        };
        listed.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        if self.json {
            put_json(&listed)?;
        } else {
            put_findings(table(&listed).as_bytes())?;
            if listed.is_empty() {
                say("the tenant lists no data set that this token may see");
            }
        }
        Ok(Exit::Done)
    }
}

/// A line a data set: UUID, type, name.
fn table(datasets: &[Dataset]) -> String {
    let kinds = datasets
        .iter()
        .map(|set| shown(set.kind.as_deref().unwrap_or("-")));
    let kinds: Vec<_> = kinds.collect();
    let width = kinds.iter().map(|kind| kind.width()).max().unwrap_or(0);
    let lines = datasets.iter().zip(&kinds).map(|(set, kind)| {
        let gap = " ".repeat(width - kind.width());
        format!("{}  {kind}{gap}  {}\n", set.id, shown(&set.name))
    });
    lines.collect()
}
