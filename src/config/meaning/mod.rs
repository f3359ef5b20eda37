//! From what is written to what is meant: every check that looks further than one setting's type.

mod aliases;
mod as_of;
mod base_url;
mod bucket;
mod delta;
mod guard;
mod hierarchy;
mod https;
mod inputs;
mod keep;
mod layout;
mod sftp;
mod source;
mod sql;
mod stages;
mod target;
mod upload;
mod workbook;
mod wrapping;

use std::path::{Path, PathBuf};

use super::cases;
use super::pipeline::{Origin, Pipeline, Rejects, Source, Target};
use super::problem::{Findings, Placed};
use super::spec::PipelineSpec;
use super::yaml::places::Places;
use crate::files::ending::for_json;
use crate::guard::spec::{ImplicitDelete, OnReject};
use crate::guard::{REJECTS_AT_MOST, SHARES_FROM};
use crate::report::spec::{RejectsSpec, ResultsSpec};
use crate::settings::limits::Limits;
use crate::settings::secret::TokenSpec;
use crate::settings::units::Size;
use crate::source::Input;
use crate::stage::StageSpec;
use crate::stage::hash::KeySpec;
use crate::text::dates::Zone;
use crate::upload::spec::Length;
use source::NO_PATH;

/// Smallest and largest `limits.record`: below, blocks are too small to be worth a worker's while; above, a cell's
/// length has no room beside its kind.
const RECORD: (Size, Size) = (Size(4 * 1024), Size(128 * 1024 * 1024));

/// Smallest and largest `limits.zstd_window`: what the decoder can be told of.
const WINDOW: (Size, Size) = (Size(1024), Size(1 << 30));

/// What is known of the file besides its sections.
pub(super) struct Meaning<'a> {
    pub(super) places: Places,
    /// What was left out for its problems; what depends on it is not judged.
    pub(super) removed: &'a [Vec<String>],
    pub(super) folder: PathBuf,
    pub(super) origin: Origin,
    pub(super) findings: &'a mut Findings,
}

/// A message and what to do about it, which may be nothing.
type Wrong = (&'static str, &'static str);

impl Meaning<'_> {
    /// Checks everything and makes the pipeline, of which use is made only if there are no problems.
    pub(super) fn pipeline(mut self, spec: PipelineSpec) -> Option<Pipeline> {
        self.version(spec.version);
        for section in ["source", "target"] {
            if !self.places.contains(section) {
                let message = format!("the section `{section}` is missing");
                self.problem("", message, "");
            }
        }
        if spec.source.is_none() && self.places.contains("source") {
            self.problem("source", NO_PATH.0, NO_PATH.1);
        }
        if spec.target.is_none() && self.places.contains("target") {
            self.problem(
                "target",
                "expected `orgvue` or `sandbox`, found nothing",
                "",
            );
        }
        let reads = self.reads(&spec);
        let time_zone = self.time_zone(spec.time_zone.as_deref());
        let source = (spec.source).map(|source| self.source(source, &spec.timeouts));
        let rejects = self.rejects(&spec.rejects, source.as_ref());
        let results = self.results(&spec.results, &rejects, source.as_ref());
        if spec.validate.key_column() == Some("") {
            self.problem("validate.key", "expected a column, found empty text", "");
        }
        for problem in spec.validate.check() {
            self.problem(&problem.path.join("."), problem.message, "");
        }
        if spec.as_of.is_none() && self.places.contains("as_of") {
            self.problem("as_of", "expected `key` and `from`, found nothing", "");
        }
        if let Some(as_of) = &spec.as_of {
            self.as_of(as_of, &spec.validate, &spec.stages);
        }
        self.stages(
            &spec.stages,
            spec.as_of.as_ref(),
            &spec.validate,
            source.as_ref(),
            time_zone.as_ref(),
        );
        let filters: Vec<usize> = (0..spec.stages.len())
            .filter(|i| spec.stages[*i].may_drop_rows())
            .collect();
        let target = spec
            .target
            .map(|target| self.target(target, spec.preflight));
        let to = (target.as_ref()).and_then(|(_, to, _)| to.as_ref());
        self.written_over(reads, to, &rejects, results.as_deref());
        if let Some((name, Some(Target::Orgvue(to)), import)) = &target
            && to.result_location.is_some()
            && import.action.delta().is_some()
        {
            self.problem(
                &format!("{name}.result_location"),
                "the difference is taken to what the server accepted last, and there the results are not ours to read",
                "leave one of the two out",
            );
        }
        if let Some((name, _, import)) = &target {
            self.import(name, import, &spec.guard, &filters, spec.upload.format);
            self.clear(name, import);
            let kept = spec.stages.iter().position(StageSpec::keeps_at_target);
            if let Some(kept) = kept.filter(|_| import.implicit_delete.is_on()) {
                self.problem(
                    &format!("stages.{kept}"),
                    "with `implicit_delete` the server deletes whoever the upload does not name, and nobody can be kept \
                     at the target",
                    "leave `keep_at_target` out, or delete by name: `action: { delta: PATH }`",
                );
            }
            if let Some(delta) = import.action.delta() {
                self.delta(name, delta, import, &spec.validate, &spec.upload);
            }
            if import.implicit_delete == ImplicitDelete::On(OnReject::CarryForward)
                && spec.as_of.is_some()
            {
                self.problem(
                    &format!("{name}.implicit_delete"),
                    "a row at fault is carried forward by its key, and with `as_of` several rows have the same",
                    "write `on_reject: turn_off` or `block`",
                );
            }
            if import.implicit_delete.is_on() && spec.as_of.is_some() {
                self.warning(
                    "as_of",
                    "with `implicit_delete` the server deletes the items of the keys that have no row in force",
                    "",
                );
            }
            if import.implicit_delete.is_on() && spec.validate.key.is_none() {
                self.warning(
                    &format!("{name}.implicit_delete"),
                    "without `validate.key` a person who is listed twice counts twice, and guards count rows rather than people",
                    "name the column that identifies people: `validate: { key: employeeID }`",
                );
            }
        }
        if matches!(&target, Some((_, Some(Target::Sandbox), _)))
            && self.places.contains("source.drift")
        {
            self.warning(
                "source.drift",
                "this setting has no effect: of a run into the sandbox inside this program nothing is kept, and there is \
                 nothing to compare the next one with",
                "",
            );
        }
        if let (Some(source), Some((name, _, import))) = (&source, &target) {
            let deletes = import.implicit_delete.is_on();
            self.nothing(source.nothing, name, deletes);
            self.cut_unnoticed(source, &spec.guard, name, deletes);
        }
        let key = spec.validate.key.as_ref();
        if spec.as_of.is_some() && spec.upload.length == Some(Length::Chunked) {
            self.problem(
                "upload.length",
                "`chunked` sends rows while they are read, and which row of a key is in force shows at the end",
                "leave `length` out",
            );
        }
        let compared = (target.as_ref()).is_some_and(|(_, _, to)| to.action.delta().is_some());
        self.rehires(&spec.validate, compared);
        let import = target.as_ref().map(|(_, _, import)| import);
        self.aliases(spec.aliases.as_ref(), &spec.validate, &spec.stages, import);
        if let Some((name, _, import)) = &target {
            self.changes(&spec.guard, name, import, key);
            self.cleared(&spec.validate, name, import);
        }
        let keep = self.keep(
            (&spec.rejects, &spec.results),
            (&spec.report, &spec.state),
            &spec.guard,
        );
        let upload = self.upload(spec.upload, source.as_ref(), &spec.validate);
        self.withholds(&spec.guard, &upload);
        if spec.wait.at_most.0.is_zero() {
            self.problem("wait.at_most", "expected a time above zero", "");
        }
        for (name, span) in spec.timeouts.each() {
            if span.0.is_zero() {
                let path = format!("timeouts.{name}");
                self.problem(&path, "expected a time above zero", "");
            }
        }
        self.limits(&spec.limits);
        if spec.report.dir.as_deref() == Some("") {
            self.problem("report.dir", "expected a folder, found empty text", "");
        }
        if spec.state.dir.is_empty() {
            self.problem("state.dir", "expected a folder, found empty text", "");
        }

        for wrong in cases::check(&spec.tests, &spec.stages, spec.aliases.as_ref()) {
            self.problem(&wrong.path, wrong.message, &wrong.help);
        }

        let file = self.findings.file.clone();
        let stages = spec.stages.into_iter().enumerate();
        let stages: Vec<_> = stages
            .map(|(i, value)| Placed {
                value,
                place: self.places.find(&format!("stages.{i}")),
            })
            .collect();
        let stem = || match Path::new(&*file).file_stem() {
            Some(stem) if &*file != super::STDIN => stem.to_string_lossy().into_owned(),
            _ => "pipeline".to_owned(),
        };
        self.guards(&spec.guard, spec.rejects.at_most, spec.refused.at_most);
        if self.places.contains("name") && spec.name.as_deref().is_none_or(str::is_empty) {
            self.problem("name", "expected a name, found nothing", "");
        }
        if self.places.contains("profile") && spec.profile.is_none() && self.is_whole("profile") {
            self.problem(
                "profile",
                "expected the name of a source, found nothing",
                "",
            );
        }
        let (_, target, import) = target?;
        let (mut source, target) = (source?, target?);
        let mut secrets = secret_variables(&stages, &target);
        if let Some(KeySpec::Env(name)) = &spec.state.key {
            secrets.push(name.clone());
        }
        if let Some(decrypt) = &source.wrapping.decrypt {
            let passphrase = decrypt.spec.passphrase.clone();
            for found in [decrypt.spec.key(), passphrase].into_iter().flatten() {
                if let TokenSpec::Env(name) = found {
                    secrets.push(name);
                }
            }
        }
        for input in &mut source.inputs {
            input.withhold(&secrets);
        }
        Some(Pipeline {
            name: spec.name.unwrap_or_else(stem),
            file,
            time_zone,
            source,
            stages,
            aliases: spec.aliases,
            as_of: spec.as_of,
            validate: spec.validate,
            rejects,
            results,
            guard: spec.guard,
            sensitive: spec.sensitive.into(),
            refused: spec.refused,
            target,
            import,
            preflight: spec.preflight,
            upload,
            wait: spec.wait,
            timeouts: spec.timeouts,
            limits: spec.limits,
            report_dir: spec.report.dir.map(|dir| self.folder.join(dir)),
            state_dir: self.folder.join(spec.state.dir),
            state_required: spec.state.required,
            state_key: spec.state.key,
            keep,
            tests: spec.tests,
            mend: None,
            origin: self.origin,
            folder: self.folder,
            places: self.places,
        })
    }

    /// Reports a problem, unless something at this path was wrong already.
    fn problem(&mut self, path: &str, message: impl Into<String>, help: &str) {
        let path = self.written(path);
        if !self.is_whole(&path) {
            return;
        }
        let place = self.places.find(&path);
        self.findings.problem(place, message, help);
    }

    fn warning(&mut self, path: &str, message: impl Into<String>, help: &str) {
        let place = self.places.find(&self.written(path));
        self.findings.warning(place, message, help);
    }

    /// The path of a setting in the file, by its path in what was read of it: items of a list that were left out do
    /// not count there.
    fn written(&self, path: &str) -> String {
        let mut written = String::new();
        for part in path.split('.') {
            let nth = match part.parse() {
                Ok(nth) if self.places.is_list(&written) => {
                    Some(self.nth_left(&written, nth).to_string())
                }
                _ => None,
            };
            if !written.is_empty() {
                written.push('.');
            }
            written.push_str(nth.as_deref().unwrap_or(part));
        }
        written
    }

    /// The position in a list as written of its `nth` item that was not left out.
    fn nth_left(&self, list: &str, nth: usize) -> usize {
        let mut left = (0..).filter(|i| {
            let item = format!("{list}.{i}");
            !self.removed.iter().any(|removed| removed.join(".") == item)
        });
        left.nth(nth).unwrap_or(nth)
    }

    /// Whether nothing was left out at, above or below a path.
    fn is_whole(&self, path: &str) -> bool {
        let path: Vec<&str> = path.split('.').collect();
        let related = |removed: &[String]| removed.iter().zip(&path).all(|(r, p)| r == p);
        path == [""] || !self.removed.iter().any(|removed| related(removed))
    }

    fn version(&mut self, version: Option<u32>) {
        match version {
            Some(1) => {}
            None if !self.is_whole("version") => {}
            None => self.problem("", "the key `version` is missing", "write `version: 1`"),
            Some(_) => self.problem("version", "this version is unknown", "write `version: 1`"),
        }
    }

    fn time_zone(&mut self, name: Option<&str>) -> Option<Zone> {
        let zone = Zone::named(name?);
        if zone.is_none() {
            self.problem(
                "time_zone",
                "not a known time zone",
                "expected a name such as `Europe/London` or `UTC`",
            );
        }
        zone
    }

    fn rejects(&mut self, spec: &RejectsSpec, source: Option<&Source>) -> Rejects {
        let written = &*spec.path;
        let path = self.folder.join(written);
        if written.is_empty() || written == "-" {
            self.problem("rejects.path", "expected the path of a file", "");
        } else if self.is_pipeline_file(&path) {
            self.problem("rejects.path", "this is the pipeline file itself", "");
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
        for input in source.iter().flat_map(|source| &source.inputs) {
            match input {
                Input::File(file) if *file == path => self.problem(
                    "rejects.path",
                    "the rejects would be written over the source",
                    "to load corrected rejects, write `rostream run PIPELINE --mend FILE`",
                ),
                Input::Glob(..) if input.matches(&path) || input.matches(&of_json) => {
                    self.warning(
                        "rejects.path",
                        "the pattern of the source matches this file: the next run would read it as well",
                        "",
                    );
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
        Rejects {
            path,
            at_most: spec.at_most,
            spreadsheet_safe: spec.spreadsheet_safe,
        }
    }

    fn results(
        &mut self,
        spec: &ResultsSpec,
        rejects: &Rejects,
        source: Option<&Source>,
    ) -> Option<PathBuf> {
        let written = spec.path.as_deref()?;
        let path = self.folder.join(written);
        let inputs = || source.iter().flat_map(|source| &source.inputs);
        if written.is_empty() || written == "-" {
            self.problem("results.path", "expected the path of a file", "");
        } else if self.is_pipeline_file(&path) {
            self.problem("results.path", "this is the pipeline file itself", "");
        } else if path == rejects.path || path == for_json(&rejects.path) {
            self.problem("results.path", "this is the rejects file", "name another");
        } else if path == rejects.withheld(false) {
            let message = "this is the file of the rows that guards hold back";
            self.problem("results.path", message, "name another");
        } else if inputs().any(|input| matches!(input, Input::File(file) if *file == path)) {
            let message = "the results would be written over the source";
            self.problem("results.path", message, "name another file");
        } else if inputs().any(|input| matches!(input, Input::Glob(..)) && input.matches(&path)) {
            let message =
                "the pattern of the source matches this file: the next run would read it as well";
            self.warning("results.path", message, "");
        }
        Some(path)
    }

    fn limits(&mut self, limits: &Limits) {
        let (least, most) = RECORD;
        if !(least..=most).contains(&limits.record) {
            let message = format!("expected a size from {least} to {most}");
            self.problem("limits.record", message, "");
        }
        let (least, most) = WINDOW;
        if !(least..=most).contains(&limits.zstd_window) {
            let message = format!("expected a size from {least} to {most}");
            self.problem("limits.zstd_window", message, "");
        }
        for (name, value) in [
            ("cell", limits.cell.0),
            ("columns", limits.columns.into()),
            ("json_depth", limits.json_depth.into()),
            ("expansion", limits.expansion.into()),
            ("decompressed", limits.decompressed.0),
            ("xz_memory", limits.xz_memory.0),
            ("result", limits.result.0),
        ] {
            if value == 0 {
                self.problem(&format!("limits.{name}"), "expected at least 1", "");
            }
        }
    }

    fn is_pipeline_file(&self, path: &Path) -> bool {
        let file = Path::new(&*self.findings.file);
        file.file_name()
            .is_some_and(|name| self.folder.join(name) == path)
    }
}

/// The environment variables that hold a secret of the pipeline: no other program needs them.
fn secret_variables(stages: &[Placed<StageSpec>], target: &Target) -> Vec<String> {
    let needs = stages.iter().flat_map(|stage| stage.value.needs());
    let mut names: Vec<String> = needs
        .filter_map(|need| match need.key() {
            Some(KeySpec::Env(name)) => Some(name.clone()),
            _ => None,
        })
        .collect();
    if let Target::Orgvue(connection) = target
        && let TokenSpec::Env(name) = &connection.token
    {
        names.push(name.clone());
    }
    names
}
