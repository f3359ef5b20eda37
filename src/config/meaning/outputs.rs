//! The files that a run writes beside its report, and whether they would be written over what it reads.

use std::path::{Path, PathBuf};

use super::{Meaning, Wrong};
use crate::config::pipeline::{Rejects, Source};
use crate::files::ending::{beside, for_json};
use crate::files::of_run::{is_filled_in, is_of_a_run, unknown};
use crate::guard::{REJECTS_AT_MOST, SHARES_FROM};
use crate::report::rejects::workbook::MISSING;
use crate::report::spec::{RejectsEncoding, RejectsSpec, ResultsSpec};
use crate::source::Input;
use crate::source::spec::Encoding;
use crate::text::encoded::Written;

/// Of a path that is another one for every run, or every day.
const LEFT: &str = "every run leaves a file with data of people, and nothing takes them away";

/// Of a path that is the same for all runs.
pub(super) const NOT_FILLED_IN: &str = "`{run}` and `{date}` are not filled in here";

const FEED_BACK: &str = "to load corrected rejects, write `rostream run PIPELINE --mend FILE`";

const MATCHED: &str =
    "the pattern of the source matches this file: the next run would read it as well";

/// Whether a path has the name of a workbook of Excel.
fn is_named_as_workbook(path: &Path) -> bool {
    let end = path.extension().and_then(|end| end.to_str());
    let ends = ["xlsx", "xlsm", "xls", "xlsb"];
    end.is_some_and(|end| ends.iter().any(|known| known.eq_ignore_ascii_case(end)))
}

/// What the rejects are written in.
fn encoding_of(encoding: RejectsEncoding, source: Option<&Source>) -> Written {
    match (encoding, source.map(|source| source.encoding)) {
        (RejectsEncoding::Utf8, _) => Written::Utf8,
        (RejectsEncoding::Source, Some(Encoding::Of(encoding))) => Written::like(encoding),
        (RejectsEncoding::Utf8Bom | RejectsEncoding::Source, _) => Written::Marked,
    }
}

/// Where the keys of rows go that are held back: beside the rejects, and by a name of the run's own as far as those have
/// one.
fn withheld(rejects: &Path) -> PathBuf {
    match rejects.file_name() {
        Some(name) if is_filled_in(Path::new(name)) => {
            beside(rejects, "withheld").with_extension("csv")
        }
        _ => rejects.with_file_name("withheld.csv"),
    }
}

impl Meaning<'_> {
    /// Words in braces that runs don't fill in.
    fn words(&mut self, key: &str, path: &str) {
        if let Some(word) = unknown(path) {
            let message = format!("nothing is known for `{word}`");
            let help = "`{run}` is the name of the run, and `{date}` its day";
            self.problem(key, message, help);
        }
    }

    pub(super) fn rejects(&mut self, spec: &RejectsSpec, source: Option<&Source>) -> Rejects {
        let written = &*spec.path;
        let path = self.folder.join(written);
        self.words("rejects.path", written);
        let workbook = spec.workbook.as_deref();
        let mut paths = workbook.into_iter().chain([written]);
        if paths.any(|path| is_filled_in(Path::new(path))) && spec.keep.is_none() {
            let place = self.places.find(&self.written("rejects.path"));
            (self.findings).note(place, LEFT.to_owned(), "state `rejects.keep`: `keep: 14d`");
        }
        if written.is_empty() || written == "-" {
            self.problem("rejects.path", "expected the path of a file", "");
        } else if self.is_pipeline_file(&path) {
            self.problem("rejects.path", "this is the pipeline file itself", "");
        } else if is_named_as_workbook(&path) {
            let message =
                "the rejects file is text, which Excel refuses under the name of a workbook";
            let help = format!(
                "name the workbook beside it, as in `rejects: {{ path: rejects.csv, workbook: {} }}`",
                Path::new(written).with_extension("xlsx").display()
            );
            self.problem("rejects.path", message, &help);
        }
        let of_json = for_json(&path);
        let objects = source.is_some_and(|source| source.format.has_objects());
        if objects && of_json != path && self.places.contains("rejects.path") {
            let name = of_json
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let place = self.places.find(&self.written("rejects.path"));
            let message = format!("the rejects of this source are NDJSON: the file is `{name}`");
            self.findings.note(place, message, "use that name here");
        }
        if objects && spec.encoding != RejectsEncoding::Utf8 {
            let place = self.places.find(&self.written("rejects.encoding"));
            let message =
                "the rejects of this source are NDJSON, which is UTF-8 without a byte order mark";
            (self.findings).note(place, message.to_owned(), "leave `encoding` out");
        }
        for input in source.iter().flat_map(|source| &source.inputs) {
            match input {
                Input::File(file) if is_of_a_run(&path, file) => self.problem(
                    "rejects.path",
                    "the rejects would be written over the source",
                    FEED_BACK,
                ),
                Input::Glob(..) if input.matches(&path) || input.matches(&of_json) => {
                    self.warning("rejects.path", MATCHED, "");
                }
                _ => {}
            }
        }
        if spec.at_most.is_none() && self.is_whole("rejects") {
            let message = format!(
                "`rejects.at_most` is not stated: more than {REJECTS_AT_MOST} of the rows, from {SHARES_FROM} rows on, \
                 stop the run"
            );
            let place = self.places.find(&self.written("rejects"));
            let help = "state what is normal for this source";
            self.findings.note(place, message, help);
        }
        let workbook = self.workbook_of(spec, source);
        Rejects {
            withheld: withheld(&path),
            path,
            workbook,
            at_most: spec.at_most,
            spreadsheet_safe: spec.spreadsheet_safe,
            encoding: encoding_of(spec.encoding, source),
        }
    }

    /// A file that is written must be none that is read; `over` is what to say where it would be.
    fn beside_the_source(
        &mut self,
        setting: &str,
        path: &Path,
        over: Wrong,
        source: Option<&Source>,
    ) {
        let mut inputs = source.iter().flat_map(|source| &source.inputs);
        let is_read = |input: &Input| matches!(input, Input::File(file) if is_of_a_run(path, file));
        let is_matched = |input: &Input| matches!(input, Input::Glob(..)) && input.matches(path);
        if inputs.clone().any(is_read) {
            self.problem(setting, over.0, over.1);
        } else if inputs.any(is_matched) {
            self.warning(setting, MATCHED, "");
        }
    }

    /// The workbook of the rejects.
    fn workbook_of(&mut self, spec: &RejectsSpec, source: Option<&Source>) -> Option<PathBuf> {
        const SETTING: &str = "rejects.workbook";
        let written = spec.workbook.as_deref()?;
        let path = self.folder.join(written);
        self.words(SETTING, written);
        if let Some(missing) = MISSING {
            self.problem(SETTING, missing, "");
        } else if path
            .extension()
            .is_none_or(|end| !end.eq_ignore_ascii_case("xlsx"))
        {
            let message = "expected the path of a file that ends with `.xlsx`";
            self.problem(SETTING, message, "");
        } else {
            let over = ("the workbook would be written over the source", FEED_BACK);
            self.beside_the_source(SETTING, &path, over, source);
        }
        if spec.spreadsheet_safe {
            let message = "the workbook has the same `'` before cells as the rejects file, and so can't be loaded again";
            let help =
                "leave `spreadsheet_safe` out: the cells of a workbook are text, and no formulas";
            self.warning("rejects.spreadsheet_safe", message, help);
        }
        Some(path)
    }

    pub(super) fn results(
        &mut self,
        spec: &ResultsSpec,
        rejects: &Rejects,
        source: Option<&Source>,
    ) -> Option<PathBuf> {
        let written = spec.path.as_deref()?;
        let path = self.folder.join(written);
        self.words("results.path", written);
        if is_filled_in(Path::new(written)) && spec.keep.is_none() {
            let place = self.places.find(&self.written("results.path"));
            (self.findings).note(place, LEFT.to_owned(), "state `results.keep`: `keep: 14d`");
        }
        if written.is_empty() || written == "-" {
            self.problem("results.path", "expected the path of a file", "");
        } else if self.is_pipeline_file(&path) {
            self.problem("results.path", "this is the pipeline file itself", "");
        } else if path == rejects.path || path == for_json(&rejects.path) {
            self.problem("results.path", "this is the rejects file", "name another");
        } else if Some(&path) == rejects.workbook.as_ref() {
            let message = "this is the workbook of the rejects";
            self.problem("results.path", message, "name another");
        } else if path == rejects.withheld(false) {
            let message = "this is the file of the rows that guards hold back";
            self.problem("results.path", message, "name another");
        } else {
            let over = (
                "the results would be written over the source",
                "name another file",
            );
            self.beside_the_source("results.path", &path, over, source);
        }
        Some(path)
    }

    /// Where metrics go. Their collector reads files of one ending alone, which nothing else that matters has.
    pub(super) fn metrics(
        &mut self,
        written: Option<&str>,
        others: &[Option<&PathBuf>],
    ) -> Option<PathBuf> {
        let written = written?;
        let path = self.folder.join(written);
        if is_filled_in(Path::new(written)) {
            let help = "each would be a series of its own that never ends: name one file";
            self.problem("report.metrics", NOT_FILLED_IN, help);
        }
        if path.extension().is_none_or(|ending| ending != "prom") {
            let message = "expected the path of a file that ends with `.prom`";
            let help = "node_exporter's textfile collector reads no others";
            self.problem("report.metrics", message, help);
        } else if others.contains(&Some(&path)) {
            let message = "this is the file of the rejects or the results";
            self.problem("report.metrics", message, "name another");
        }
        Some(path)
    }

    fn is_pipeline_file(&self, path: &Path) -> bool {
        let file = Path::new(&*self.findings.file);
        file.file_name()
            .is_some_and(|name| self.folder.join(name) == path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_back_stands_beside_the_rejects() {
        for (rejects, expected) in [
            ("out/rejects.csv", "out/withheld.csv"),
            ("out/{run}/rejects.csv", "out/{run}/withheld.csv"),
            ("out/r-{date}.csv", "out/r-{date}.withheld.csv"),
            ("{run}.ndjson", "{run}.withheld.csv"),
        ] {
            assert_eq!(withheld(Path::new(rejects)), Path::new(expected));
        }
    }
}
