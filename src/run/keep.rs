//! What runs of a pipeline have left on the disk that names people, and how long it stays.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;

use crate::config::Pipeline;
use crate::files::ending::{beside, for_csv, for_json};
use crate::report::human;
use crate::report::traces::{self, Kind, Pruned, Trace};
use crate::settings::shard::is_in_name;
use crate::settings::units::Span;
use crate::state::Ledger;
use crate::text::chain;

/// The files, whether they are there or not.
pub(crate) fn files(pipeline: &Pipeline) -> Vec<Trace> {
    let stated = &pipeline.rejects.path;
    let mend = beside(stated, "mend");
    let rejects = [
        stated.clone(),
        beside(stated, "check"),
        beside(&mend, "check"),
        mend,
    ];
    let rejects = rejects
        .iter()
        .flat_map(|path| [for_csv(path), for_json(path)]);
    let withheld = [false, true].map(|check| pipeline.rejects.withheld(check));
    let results = pipeline.results.iter();
    let results =
        results.flat_map(|path| [path.clone(), beside(path, "mend"), beside(path, "retry")]);
    let of = |kind| move |path| Trace { path, kind };
    let shards = of_shards(stated).into_iter().map(of(Kind::Rejects));
    let results_of_shards = pipeline.results.iter().flat_map(|path| of_shards(path));
    rejects
        .map(of(Kind::Rejects))
        .chain(shards)
        .chain(withheld.map(of(Kind::Withheld)))
        .chain(results.map(of(Kind::Results)))
        .chain(results_of_shards.map(of(Kind::Results)))
        .collect()
}

/// What shards have written in the place of a file: `rejects.3-of-8.csv` and `rejects.3-of-8.check.csv` for `rejects.csv`.
fn of_shards(stated: &Path) -> Vec<PathBuf> {
    let stem = stated.file_stem().and_then(|stem| stem.to_str());
    let folder = stated.parent().and_then(|folder| fs::read_dir(folder).ok());
    let (Some(stem), Some(folder)) = (stem, folder) else {
        return Vec::new();
    };
    let is_of_shard = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        let rest = name.and_then(|name| name.strip_prefix(stem)?.strip_prefix('.'));
        rest.is_some_and(|rest| is_in_name(rest.split('.').next().unwrap_or_default()))
    };
    let paths = folder.filter_map(|entry| Some(entry.ok()?.path()));
    let mut found: Vec<PathBuf> = paths.filter(is_of_shard).collect();
    found.sort();
    found
}

/// Removes what the pipeline says is too old. Returns what can't be removed, or is not ours to remove.
pub(crate) fn prune(pipeline: &Pipeline, ledger: Option<&Ledger>, reports: &Path) -> Vec<String> {
    let mut left = Vec::new();
    for trace in files(pipeline) {
        let (name, keep) = match trace.kind {
            Kind::Rejects | Kind::Withheld => ("rejects.keep", pipeline.keep.rejects),
            Kind::Results => ("results.keep", pipeline.keep.results),
        };
        // A file that was just read for its rows is not taken away under whoever corrects it.
        if let Some(keep) = keep.filter(|_| pipeline.mend.as_ref() != Some(&trace.path)) {
            left.extend(prune_file(&trace, name, keep));
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

fn prune_file(trace: &Trace, name: &str, keep: Span) -> Option<String> {
    let path = human::path(&trace.path);
    match trace.prune(keep.0, SystemTime::now()) {
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
