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
mod outputs;
mod sections;
mod sftp;
mod source;
mod sql;
mod stages;
mod target;
mod together;
mod upload;
mod workbook;
mod wrapping;

use std::path::{Path, PathBuf};

use super::cases;
use super::pipeline::{Keep, Origin, Pipeline, Rejects, Source, Target};
use super::problem::{Findings, Placed};
use super::spec::PipelineSpec;
use super::yaml::places::Places;
use crate::orgvue::spec::ImportSpec;
use crate::report::spec::StateSpec;
use crate::settings::secret::TokenSpec;
use crate::stage::StageSpec;
use crate::stage::hash::KeySpec;
use crate::text::dates::Zone;
use crate::upload::spec::UploadSpec;

/// What is known of the file besides its sections.
pub(super) struct Meaning<'a> {
    pub(super) places: Places,
    /// What was left out for its problems; what depends on it is not judged.
    pub(super) removed: &'a [Vec<String>],
    pub(super) folder: PathBuf,
    pub(super) origin: Origin,
    pub(super) findings: &'a mut Findings,
}

/// What sections mean that are more than what is written.
struct Meant {
    time_zone: Option<Zone>,
    source: Source,
    rejects: Rejects,
    results: Option<PathBuf>,
    metrics: Option<PathBuf>,
    target: Target,
    import: ImportSpec,
    upload: UploadSpec,
    keep: Keep,
}

/// A message and what to do about it, which may be nothing.
type Wrong = (&'static str, &'static str);

impl Meaning<'_> {
    /// Checks everything and makes the pipeline, of which use is made only if there are no problems.
    pub(super) fn pipeline(mut self, mut spec: PipelineSpec) -> Option<Pipeline> {
        self.version(spec.version);
        self.sections(&spec);
        let reads = self.reads(&spec);
        let time_zone = self.time_zone(spec.time_zone.as_deref());
        let source = (spec.source.take()).map(|source| self.source(source, &spec.timeouts));
        let rejects = self.rejects(&spec.rejects, source.as_ref());
        let results = self.results(&spec.results, &rejects, source.as_ref());
        self.rows(&spec, source.as_ref(), time_zone.as_ref());
        let target = spec.target.take();
        let target = target.map(|target| self.target(target, spec.preflight));
        let to = (target.as_ref()).and_then(|target| target.to.as_ref());
        self.written_over(reads, to, &rejects, results.as_deref());
        self.sent(&spec, source.as_ref(), target.as_ref());
        let others = [Some(&rejects.path), results.as_ref()];
        let metrics = self.metrics(spec.report.metrics.as_deref(), &others);
        let keep = self.keep(
            (&spec.rejects, &spec.results),
            (&spec.report, &spec.state),
            &spec.guard,
        );
        let upload = self.upload(spec.upload.clone(), source.as_ref(), &spec.validate);
        self.withholds(&spec.guard, &upload);
        self.waits(&spec.wait, &spec.timeouts);
        self.limits(&spec.limits);
        self.folders(&spec);
        self.guards(&spec.guard, spec.rejects.at_most, spec.refused.at_most);
        self.names(&spec);
        for wrong in cases::check(&spec.tests, &spec.stages, spec.aliases.as_ref()) {
            self.problem(&wrong.path, wrong.message, &wrong.help);
        }
        let target = target?;
        let meant = Meant {
            time_zone,
            source: source?,
            rejects,
            results,
            metrics,
            target: target.to?,
            import: target.import,
            upload,
            keep,
        };
        Some(self.made(spec, meant))
    }

    /// The pipeline of what was checked.
    fn made(self, spec: PipelineSpec, meant: Meant) -> Pipeline {
        let file = self.findings.file.clone();
        let stem = || match Path::new(&*file).file_stem() {
            Some(stem) if &*file != super::STDIN => stem.to_string_lossy().into_owned(),
            _ => "pipeline".to_owned(),
        };
        let name = spec.name.unwrap_or_else(stem);
        let stages = spec.stages.into_iter().enumerate();
        let stages: Vec<_> = stages
            .map(|(i, value)| Placed {
                value,
                place: self.places.find(&format!("stages.{i}")),
            })
            .collect();
        let mut source = meant.source;
        let secrets = secret_variables(&stages, &meant.target, &spec.state, &source);
        for input in &mut source.inputs {
            input.withhold(&secrets);
        }
        Pipeline {
            name,
            file,
            time_zone: meant.time_zone,
            source,
            stages,
            aliases: spec.aliases,
            as_of: spec.as_of,
            validate: spec.validate,
            rejects: meant.rejects,
            results: meant.results,
            guard: spec.guard,
            sensitive: spec.sensitive.into(),
            refused: spec.refused,
            target: meant.target,
            import: meant.import,
            preflight: spec.preflight,
            upload: meant.upload,
            wait: spec.wait,
            timeouts: spec.timeouts,
            limits: spec.limits,
            report_page: spec.report.html,
            metrics: meant.metrics,
            report_dir: spec.report.dir.map(|dir| self.folder.join(dir)),
            state_dir: self.folder.join(spec.state.dir),
            state_required: spec.state.required,
            state_key: spec.state.key,
            keep: meant.keep,
            tests: spec.tests,
            mend: None,
            shard: None,
            origin: self.origin,
            folder: self.folder,
            places: self.places,
        }
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
}

/// The environment variables that hold a secret of the pipeline: no other program needs them.
fn secret_variables(
    stages: &[Placed<StageSpec>],
    target: &Target,
    state: &StateSpec,
    source: &Source,
) -> Vec<String> {
    let needs = stages.iter().flat_map(|stage| stage.value.needs());
    let keys = needs.filter_map(|need| need.key().cloned());
    let keys = keys.chain(state.key.clone());
    let keys = keys.filter_map(|key| match key {
        KeySpec::Env(name) => Some(name),
        _ => None,
    });
    let token = match target {
        Target::Orgvue(connection) => Some(connection.token.clone()),
        Target::Sandbox => None,
    };
    let decrypt = (source.wrapping.decrypt.iter())
        .flat_map(|decrypt| [decrypt.spec.key(), decrypt.spec.passphrase.clone()])
        .flatten();
    let found = token.into_iter().chain(decrypt);
    let found = found.filter_map(|found| match found {
        TokenSpec::Env(name) => Some(name),
        TokenSpec::File(_) => None,
    });
    keys.chain(found).collect()
}
