//! What runs of a pipeline have left on the disk that names people, and how long it stays.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;

use crate::config::Pipeline;
use crate::files::ending::{beside, for_csv, for_json};
use crate::files::of_run::{IN_PLACE_OF_SHARD, Listed};
use crate::report::human;
use crate::report::traces::{self, Kind, Pruned, Trace};
use crate::settings::units::Span;
use crate::source::table::rejects_of;
use crate::state::Ledger;
use crate::text::chain;

/// Rejects that don't go where they are stated: those of a mended file, of that of a mended file, and of `transform`.
const REJECTS: [&str; 3] = ["mend", "mend.mend", "transform"];

/// The same of results: those of a mended file, and of retries.
const RESULTS: [&str; 3] = ["mend", "retry", "mend.retry"];

/// The files, whether they are there or not.
pub(crate) fn files(pipeline: &Pipeline) -> Vec<Trace> {
    let stated = &pipeline.rejects.path;
    let mut listed = Listed::default();
    let of = |kind| move |path| Trace { path, kind };
    let checked = |path: PathBuf| [beside(&path, "check"), path];
    let rejects = variants(stated, &REJECTS).into_iter().flat_map(checked);
    let rejects = rejects.flat_map(|path| [for_csv(&path), for_json(&path)]);
    let workbooks = pipeline.rejects.workbook.iter();
    let workbooks = workbooks.flat_map(|path| variants(path, &REJECTS));
    let workbooks = workbooks.flat_map(checked);
    let withheld = [false, true].map(|check| pipeline.rejects.withheld(check));
    let results = pipeline.results.iter();
    let results = results.flat_map(|path| variants(path, &RESULTS));
    rejects
        .map(of(Kind::Rejects))
        .chain(workbooks.map(of(Kind::Workbook)))
        .chain(withheld.map(of(Kind::Withheld)))
        .chain(results.map(of(Kind::Results)))
        .flat_map(|stated| listed.of_all(&stated.path).into_iter().map(of(stated.kind)))
        .collect()
}

/// A file, and those that runs of other kinds and shards write in its place: `rejects.mend.csv` and `rejects.3-of-8.csv`
/// for `rejects.csv`.
fn variants(stated: &Path, words: &[&str]) -> Vec<PathBuf> {
    let of = |path: PathBuf| {
        let others = words.iter().map(|word| beside(&path, word));
        others.chain([path.clone()]).collect::<Vec<_>>()
    };
    let of_shards = beside(stated, IN_PLACE_OF_SHARD);
    [stated.to_owned(), of_shards]
        .into_iter()
        .flat_map(of)
        .collect()
}

/// Removes what the pipeline says is too old. Returns what can't be removed, or is not ours to remove.
pub(crate) fn prune(pipeline: &Pipeline, ledger: Option<&Ledger>, reports: &Path) -> Vec<String> {
    let mut left = Vec::new();
    let keeps = pipeline.keep.rejects.is_some() || pipeline.keep.results.is_some();
    // Without, no folder is looked at.
    let traces = if keeps { files(pipeline) } else { Vec::new() };
    for trace in traces {
        let (name, keep) = match trace.kind {
            Kind::Rejects | Kind::Workbook | Kind::Withheld => {
                ("rejects.keep", pipeline.keep.rejects)
            }
            Kind::Results => ("results.keep", pipeline.keep.results),
        };
        // A file that was just read for its rows is not taken away under whoever corrects it.
        if let Some(keep) = keep.filter(|_| pipeline.mend.as_ref() != Some(&trace.path)) {
            left.extend(prune_file(pipeline, &trace, name, keep));
        }
    }
    if let (Some(keep), Some(ledger)) = (pipeline.keep.state, ledger) {
        let before = Timestamp::now()
            .saturating_sub(keep.0)
            .unwrap_or(Timestamp::MIN);
        match ledger.prune(before) {
            Ok(0) => {}
            Ok(runs) => tracing::info!(
                runs,
                "removed from the state, as they are older than state.keep"
            ),
            Err(error) => left.push(chain(&error)),
        }
    }
    let whose = |report: &serde_json::Value| report["pipeline"]["name"] == *pipeline.name;
    left.extend(prune_reports(pipeline.keep.reports, reports, "run-", whose));
    left
}

/// Writes the rejects file that a workbook was made of. Whether it is a workbook of rejects and of nothing else.
///
/// # Errors
/// It can't be read, or `out` not be written.
pub(super) fn unpacked(pipeline: &Pipeline, file: File, out: &mut dyn Write) -> io::Result<bool> {
    rejects_of(file, (pipeline.source.csv.quoting(), &pipeline.limits), out)
}

fn prune_file(pipeline: &Pipeline, trace: &Trace, name: &str, keep: Span) -> Option<String> {
    let path = human::path(&trace.path);
    let is_ours = |file| {
        trace.kind != Kind::Workbook
            || unpacked(pipeline, file, &mut io::sink()).unwrap_or_default()
    };
    match trace.prune((keep.0, SystemTime::now()), is_ours) {
        Ok(None) => None,
        Ok(Some(Pruned::Gone)) => {
            tracing::info!("removed {path}, as it is older than {name}");
            None
        }
        Ok(Some(Pruned::Foreign(why))) => Some(format!(
            "{path} is older than {name} ({keep}) and stays, because {why}; remove it if nobody needs it"
        )),
        Err(error) => Some(format!(
            "{path} is older than {name} ({keep}), and can't be removed: {error}"
        )),
    }
}

/// Removes the reports of several pipelines in one that are more than the first of them keeps. Returns what went wrong.
pub(crate) fn prune_several(keep: Option<u32>, dir: &Path, pipelines: &[String]) -> Option<String> {
    let whose = |report: &serde_json::Value| {
        let runs = report["runs"].as_array();
        let names = runs.into_iter().flatten().map(|run| &run["pipeline"]);
        names.eq(pipelines)
    };
    prune_reports(keep, dir, "runs-", whose)
}

fn prune_reports(
    keep: Option<u32>,
    dir: &Path,
    beginning: &str,
    whose: impl Fn(&serde_json::Value) -> bool,
) -> Option<String> {
    match traces::prune_reports(dir, beginning, keep?, whose) {
        Ok(0) => None,
        Ok(reports) => {
            tracing::info!(reports, "removed, as there are more than report.keep");
            None
        }
        Err(error) => Some(format!(
            "older reports in {} can't be removed: {error}",
            human::path(dir)
        )),
    }
}
