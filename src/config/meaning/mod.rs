//! From what is written to what is meant: every check that looks further than one setting's type.

use std::path::{Path, PathBuf};

use url::{Host, Url};
use uuid::Uuid;

use crate::http::hosts::Hosts;
use crate::orgvue::spec::{
    Action, ActionSpec, Empty, IdentifySpec, ImportSpec, TargetSpec, TokenSpec,
};
use crate::report::spec::RejectsSpec;
use crate::settings::limits::Limits;
use crate::settings::units::{Amount, Size};
use crate::source::Input;
use crate::source::place::sample::{self, Sample};
use crate::source::spec::{
    Compression, CsvSpec, Encoding, OneOrMany, SampleSpec, SourceFormat, SourceSpec,
};
use crate::upload::spec::{BodyEncoding, Length, UploadFormat, UploadSpec};

use super::pipeline::{Connection, Csv, Origin, Pipeline, Rejects, Source, Target};
use super::problem::{Findings, Placed, nearest};
use super::spec::PipelineSpec;
use super::yaml::places::Places;

/// Smallest and largest `upload.chunk`: below, the calls cost more than the bytes; above, memory is no
/// longer bounded in any useful sense.
const CHUNK: (Size, Size) = (Size(1024), Size(16 * 1024 * 1024));

/// Smallest and largest `limits.record`: below, blocks are too small to be worth a worker's while; above, a cell's
/// length has no room beside its kind.
const RECORD: (Size, Size) = (Size(4 * 1024), Size(128 * 1024 * 1024));

/// The variables of a callback template that the API documents.
const CALLBACK_VARIABLES: &[&str] = &["jobStatus", "traceId", "tenantId"];

/// What is known of the file besides its sections.
pub(super) struct Meaning<'a> {
    pub(super) places: Places,
    /// What was left out for its problems; what depends on it is not judged.
    pub(super) removed: &'a [Vec<String>],
    pub(super) folder: PathBuf,
    pub(super) origin: Origin,
    pub(super) findings: &'a mut Findings,
}

/// A source that says neither.
const NO_PATH: Wrong = (
    "the key `path` is missing",
    "name a file, or write `sample: { rows: 100000 }` for a made-up extract",
);

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
        let source = spec.source.map(|source| self.source(source));
        let rejects = self.rejects(&spec.rejects, source.as_ref());
        if spec.validate.key.as_deref() == Some("") {
            self.problem("validate.key", "expected a column, found empty text", "");
        }
        for problem in spec.validate.check() {
            self.problem(&problem.path.join("."), problem.message, "");
        }
        for (i, stage) in spec.stages.iter().enumerate() {
            if let Err(message) = stage.check() {
                let name = stage.name();
                let section = self.written(&format!("stages.{i}.{name}"));
                if self.is_whole(&section) {
                    let place = self.places.find_quoted(&section, &message);
                    let at = self.nth_left("stages", i) + 1;
                    self.findings
                        .problem(place, format!("stage {at} ({name}): {message}"), "");
                }
            }
        }
        let filters: Vec<usize> = (0..spec.stages.len())
            .filter(|i| spec.stages[*i].name() == "filter")
            .collect();
        let target = spec.target.map(|target| self.target(target));
        if let Some((name, _, import)) = &target {
            self.import(name, import, rejects.at_most, &filters, spec.upload.format);
        }
        let upload = self.upload(spec.upload, source.as_ref());
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

        let file = self.findings.file.clone();
        let stages = spec.stages.into_iter().enumerate();
        let stages = stages
            .map(|(i, value)| Placed {
                value,
                place: self.places.find(&format!("stages.{i}")),
            })
            .collect();
        let stem = || match Path::new(&*file).file_stem() {
            Some(stem) if &*file != super::STDIN => stem.to_string_lossy().into_owned(),
            _ => "pipeline".to_owned(),
        };
        let (_, target, import) = target?;
        Some(Pipeline {
            name: spec.name.unwrap_or_else(stem),
            file,
            source: source?,
            stages,
            validate: spec.validate,
            rejects,
            target: target?,
            import,
            upload,
            wait: spec.wait,
            timeouts: spec.timeouts,
            limits: spec.limits,
            report_dir: spec.report.dir.map(|dir| self.folder.join(dir)),
            state_dir: self.folder.join(spec.state.dir),
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
            Some(_) => self.problem("version", "this version is not known", "write `version: 1`"),
        }
    }

    fn source(&mut self, spec: SourceSpec) -> Source {
        let inputs = match (&spec.path, &spec.sample) {
            (Some(_), Some(_)) => {
                self.problem(
                    "source.sample",
                    "`path` and `sample` are both given, one is meant",
                    "",
                );
                Vec::new()
            }
            (Some(paths), None) => self.paths(paths),
            (None, Some(sample)) => self.sample(sample, &spec),
            (None, None) => {
                self.problem("source", NO_PATH.0, NO_PATH.1);
                Vec::new()
            }
        };
        let csv = self.csv(&spec.csv, spec.format);
        match spec.format {
            SourceFormat::Json | SourceFormat::Ndjson if self.places.contains("source.csv") => {
                self.warning(
                    "source.csv",
                    "these settings have no effect on this format",
                    "",
                );
            }
            SourceFormat::Csv | SourceFormat::Tsv if self.places.contains("source.json") => {
                self.warning(
                    "source.json",
                    "these settings have no effect on this format",
                    "",
                );
            }
            _ => {}
        }
        if let Some(columns) = &spec.json.columns {
            if columns.is_empty() {
                self.problem("source.json.columns", "expected at least one column", "");
            }
            for (i, column) in columns.iter().enumerate() {
                if columns[..i].contains(column) {
                    let path = format!("source.json.columns.{i}");
                    self.problem(&path, "this column is named twice", "");
                }
            }
        }
        Source {
            inputs,
            format: spec.format,
            compression: spec.compression,
            encoding: spec.encoding,
            csv,
            json: spec.json,
        }
    }

    fn paths(&mut self, paths: &OneOrMany) -> Vec<Input> {
        let mut inputs = Vec::new();
        if paths.as_slice().is_empty() {
            self.problem("source.path", "expected at least one path", "");
        }
        for (i, written) in paths.as_slice().iter().enumerate() {
            let path = match paths {
                OneOrMany::One(_) => "source.path".to_owned(),
                OneOrMany::Many(_) => format!("source.path.{i}"),
            };
            match input(written, &self.folder) {
                Ok(Input::Stdin) if inputs.contains(&Input::Stdin) => self.problem(
                    &path,
                    "standard input can be read once only",
                    "write `-` once",
                ),
                Ok(Input::Stdin) if &*self.findings.file == super::STDIN => {
                    self.problem(&path, "standard input holds the pipeline file already", "")
                }
                Ok(input) => inputs.push(input),
                Err((message, help)) => self.problem(&path, message, help),
            }
        }
        inputs
    }

    /// A made-up extract is written in one way alone: what else is said of it would go wrong later.
    fn sample(&mut self, spec: &SampleSpec, source: &SourceSpec) -> Vec<Input> {
        if spec.rows == 0 {
            self.problem("source.sample.rows", "expected at least 1", "");
        }
        let errors_per_million = match spec.errors {
            Amount::Percent(percent) => sample::per_million(percent),
            Amount::Rows(_) => {
                self.problem(
                    "source.sample.errors",
                    "expected a percentage, such as 1%",
                    "",
                );
                0
            }
        };
        let csv = &source.csv;
        for (path, wrong) in [
            ("format", source.format == SourceFormat::Tsv),
            (
                "compression",
                !matches!(source.compression, Compression::Auto | Compression::None),
            ),
            (
                "encoding",
                !matches!(source.encoding, Encoding::Auto | Encoding::Utf8),
            ),
            (
                "csv.delimiter",
                csv.delimiter.as_deref().is_some_and(|d| d != ","),
            ),
            ("csv.quote", csv.quote != "\""),
            ("csv.skip_lines", csv.skip_lines > 0),
        ] {
            if wrong {
                self.problem(
                    &format!("source.{path}"),
                    "a sample is plain UTF-8: comma-separated, JSON or NDJSON",
                    "leave this setting out",
                );
            }
        }
        vec![Input::Sample(Sample {
            rows: spec.rows,
            seed: spec.seed,
            errors_per_million,
            format: match source.format {
                SourceFormat::Json => sample::Format::Json,
                SourceFormat::Ndjson => sample::Format::Ndjson,
                SourceFormat::Auto | SourceFormat::Csv | SourceFormat::Tsv => sample::Format::Csv,
            },
        })]
    }

    fn csv(&mut self, spec: &CsvSpec, format: SourceFormat) -> Csv {
        let delimiter = spec.delimiter.as_deref().and_then(|text| match text {
            "tab" => Some(b'\t'),
            text => one_ascii(text).or_else(|| {
                self.problem(
                    "source.csv.delimiter",
                    "expected one ASCII character, or `tab`",
                    "",
                );
                None
            }),
        });
        let quote = one_ascii(&spec.quote).unwrap_or_else(|| {
            self.problem("source.csv.quote", "expected one ASCII character", "");
            b'"'
        });
        if delimiter == Some(quote) {
            self.problem(
                "source.csv.delimiter",
                "delimiter and quote are the same character",
                "",
            );
        }
        if format == SourceFormat::Tsv && delimiter.is_some_and(|d| d != b'\t') {
            self.problem(
                "source.csv.delimiter",
                "`format: tsv` is separated by tabs",
                "write `format: csv` where another delimiter is meant",
            );
        }
        Csv {
            delimiter,
            quote,
            ragged: spec.ragged,
            skip_lines: spec.skip_lines,
        }
    }

    fn rejects(&mut self, spec: &RejectsSpec, source: Option<&Source>) -> Rejects {
        let written = &*spec.path;
        let path = self.folder.join(written);
        if written.is_empty() || written == "-" {
            self.problem("rejects.path", "expected the path of a file", "");
        } else if self.is_pipeline_file(&path) {
            self.problem("rejects.path", "this is the pipeline file itself", "");
        }
        for input in source.iter().flat_map(|source| &source.inputs) {
            match input {
                Input::File(file) if *file == path => self.problem(
                    "rejects.path",
                    "the rejects would be written over the source",
                    "",
                ),
                Input::Glob(pattern)
                    if glob::Pattern::new(pattern).is_ok_and(|p| p.matches_path(&path)) =>
                {
                    self.warning(
                        "rejects.path",
                        "the pattern of the source matches this file: the next run would read it as well",
                        "",
                    );
                }
                _ => {}
            }
        }
        Rejects {
            path,
            at_most: spec.at_most,
            spreadsheet_safe: spec.spreadsheet_safe,
        }
    }

    fn limits(&mut self, limits: &Limits) {
        let (least, most) = RECORD;
        if !(least..=most).contains(&limits.record) {
            let message = format!("expected a size from {least} to {most}");
            self.problem("limits.record", message, "");
        }
        for (name, value) in [
            ("cell", limits.cell.0),
            ("columns", limits.columns.into()),
            ("json_depth", limits.json_depth.into()),
            ("expansion", limits.expansion.into()),
            ("decompressed", limits.decompressed.0),
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

    /// The section's name, the target (unless something is wrong with it) and the import's settings.
    fn target(&mut self, spec: TargetSpec) -> (&'static str, Option<Target>, ImportSpec) {
        let spec = match spec {
            TargetSpec::Sandbox(spec) => {
                return ("target.sandbox", Some(Target::Sandbox), spec.import);
            }
            TargetSpec::Orgvue(spec) => spec,
        };
        let base_url = base_url(&spec.base_url);
        if let Err((message, help)) = &base_url {
            self.problem("target.orgvue.base_url", *message, help);
        }
        if !is_tenant(&spec.tenant) {
            let upper = spec.tenant.to_uppercase();
            let help = match is_tenant(&upper) && !self.places.is_filled("target.orgvue.tenant") {
                true => format!("did you mean `{upper}`?"),
                false => String::new(),
            };
            self.problem(
                "target.orgvue.tenant",
                "not the name of a tenant: 1 to 30 capital letters, digits and `_`, beginning with a letter",
                &help,
            );
        }
        // The parser takes other forms too; the API asks for this one.
        if spec.dataset.len() != 36 || Uuid::try_parse(&spec.dataset).is_err() {
            self.problem(
                "target.orgvue.dataset",
                "expected the UUID of a data set, such as 6586F21B-AD4D-4D06-A309-712AF47184A2",
                "",
            );
        }
        match &spec.token {
            TokenSpec::Env(_) if self.places.is_filled("target.orgvue.token.env") => self.problem(
                "target.orgvue.token.env",
                "expected the name of an environment variable, not its value",
                "write the name alone, without `${}`",
            ),
            TokenSpec::Env(name) if !is_variable(name) => self.problem(
                "target.orgvue.token.env",
                "expected the name of an environment variable: letters, digits and `_`",
                "the token itself must not be written here",
            ),
            TokenSpec::File(path) if path.is_empty() => self.problem(
                "target.orgvue.token.file",
                "expected the path of a file",
                "",
            ),
            _ => {}
        }
        let target = base_url.ok().map(|base_url| {
            Target::Orgvue(Connection {
                hosts: Hosts::new(&base_url, spec.storage_hosts, spec.private_hosts),
                base_url,
                tenant: spec.tenant,
                dataset: spec.dataset,
                token: spec.token,
            })
        });
        ("target.orgvue", target, spec.import)
    }

    fn import(
        &mut self,
        section: &str,
        import: &ImportSpec,
        at_most: Amount,
        filters: &[usize],
        format: UploadFormat,
    ) {
        let at = |key: &str| format!("{section}.{key}");
        match &import.identify_by {
            Some(IdentifySpec::AutoId(false)) => self.problem(
                &at("identify_by.auto_id"),
                "`auto_id` can only be true",
                "leave `identify_by` out where items are told apart by the platform's own `_id`",
            ),
            Some(IdentifySpec::IdKey(key)) if key.is_empty() => {
                self.problem(
                    &at("identify_by.id_key"),
                    "expected a property, found empty text",
                    "",
                );
            }
            Some(IdentifySpec::MergeKey(key)) if key.is_empty() => {
                self.problem(
                    &at("identify_by.merge_key"),
                    "expected a property, found empty text",
                    "",
                );
            }
            _ => {}
        }
        if matches!(&import.action, ActionSpec::Column { column } if column.is_empty()) {
            self.problem(
                &at("action.column"),
                "expected a column, found empty text",
                "",
            );
        }
        match (&import.noop_token, &import.clear_token) {
            (_, None) if import.empty == Empty::Clear && self.is_whole(section) => self.problem(
                &at("empty"),
                "`empty: clear` needs a `clear_token`, the text that stands for a cleared value",
                "",
            ),
            (Some(noop), Some(clear)) if noop == clear => self.problem(
                &at("clear_token"),
                "`clear_token` and `noop_token` are the same text: one clears a value, the other keeps it",
                "",
            ),
            (None, _)
                if import.empty == Empty::Omit
                    && format == UploadFormat::Csv
                    && self.is_whole(section) =>
            {
                self.warning(
                    &at("empty"),
                    "an empty cell of a CSV upload is sent as empty text, and what that does is not documented",
                    "set `noop_token`, and it is sent in empty cells",
                );
            }
            _ => {}
        }
        if let Some(template) = &import.callback {
            self.callback(&at("callback"), template);
        }
        if import.implicit_delete {
            self.implicit_delete(section, import, at_most, filters);
        }
    }

    fn callback(&mut self, path: &str, template: &str) {
        let mut plain = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, after)) = after.split_once("}}") else {
                self.problem(path, "`{{` is not closed by `}}`", "");
                return;
            };
            let name = name.trim();
            if !CALLBACK_VARIABLES.contains(&name) {
                let known = CALLBACK_VARIABLES.join(", ");
                let help = match nearest(name, CALLBACK_VARIABLES.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`? Documented are: {known}"),
                    None => format!("documented are: {known}"),
                };
                let message = match self.places.is_filled(path) {
                    true => "the template has a variable that is not documented".to_owned(),
                    false => format!("the variable `{name}` is not documented"),
                };
                self.warning(path, message, &help);
            }
            plain.push_str(before);
            plain.push('x');
            rest = after;
        }
        plain.push_str(rest);
        let wrong = match Url::parse(&plain) {
            Err(_) => Some("not a URL"),
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                Some("a URL with a user name or password is not possible here")
            }
            Ok(url) => match url.scheme() {
                "https" => None,
                "http" if is_loopback(&url) => None,
                _ => Some("a callback must be https"),
            },
        };
        if let Some(message) = wrong {
            self.problem(path, message, "");
        }
    }

    fn implicit_delete(
        &mut self,
        section: &str,
        import: &ImportSpec,
        at_most: Amount,
        filters: &[usize],
    ) {
        let path = format!("{section}.implicit_delete");
        if import.action == ActionSpec::Constant(Action::Delete) {
            self.problem(
                &path,
                "`implicit_delete` with `action: delete` would delete the whole data set",
                "",
            );
        }
        if !self.is_whole("rejects") {
            // What was meant is not known.
        } else if !self.places.contains("rejects.at_most") {
            self.problem(
                &path,
                "`implicit_delete` needs `rejects.at_most`: a row that is rejected here is not sent, \
                 and the server then deletes its item",
                "write `rejects: { at_most: 0 }`, so that nothing is sent unless every row is good",
            );
        } else if at_most != Amount::Rows(0) && at_most != Amount::Percent(0.0) {
            self.warning(
                "rejects.at_most",
                "with `implicit_delete` the server deletes the items of the rows that are rejected here",
                "write `at_most: 0`, so that nothing is sent unless every row is good",
            );
        }
        for i in filters {
            self.warning(
                &format!("stages.{i}"),
                "with `implicit_delete` the server deletes the items of the rows that this filter leaves out",
                "",
            );
        }
    }

    fn upload(&mut self, mut spec: UploadSpec, source: Option<&Source>) -> UploadSpec {
        let stdin = source.is_some_and(|source| source.inputs.contains(&Input::Stdin));
        match spec.length {
            Some(Length::Measured) if spec.encoding == BodyEncoding::Gzip => self.problem(
                "upload.length",
                "the length of a compressed body cannot be measured beforehand",
                "write `length: spooled`, or leave `length` out",
            ),
            Some(Length::Measured) if stdin => self.problem(
                "upload.length",
                "`measured` reads the source twice, and standard input can be read once only",
                "write `length: spooled`, or leave `length` out",
            ),
            Some(_) => {}
            None if stdin || spec.encoding == BodyEncoding::Gzip => {
                spec.length = Some(Length::Spooled);
            }
            None => spec.length = Some(Length::Measured),
        }
        if !(CHUNK.0..=CHUNK.1).contains(&spec.chunk) {
            let message = format!("expected a size from {} to {}", CHUNK.0, CHUNK.1);
            self.problem("upload.chunk", message, "");
        }
        if spec.attempts == 0 {
            self.problem("upload.attempts", "expected at least 1", "");
        }
        spec
    }
}

/// One entry of the source's `path`.
fn input(written: &str, folder: &Path) -> Result<Input, Wrong> {
    match written {
        "" => Err(("expected a path, found empty text", "")),
        "-" => Ok(Input::Stdin),
        _ if written.contains("://") => Err((
            "addresses are not supported as a source",
            "expected a file, a pattern such as `exports/*.csv`, or `-`",
        )),
        _ if written.contains('\0') => Err(("a path cannot hold a NUL character", "")),
        _ if written.contains(['*', '?', '[']) => {
            if glob::Pattern::new(written).is_err() {
                return Err((
                    "not a pattern of file names",
                    "write `[[]` where the character `[` is meant",
                ));
            }
            if Path::new(written).is_absolute() {
                return Ok(Input::Glob(written.to_owned()));
            }
            let folder = glob::Pattern::escape(&folder.to_string_lossy());
            let pattern = Path::new(&folder).join(written);
            Ok(Input::Glob(pattern.to_string_lossy().into_owned()))
        }
        _ => Ok(Input::File(folder.join(written))),
    }
}

/// A delimiter or quote: one ASCII character that ends no line.
fn one_ascii(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [b] if b.is_ascii() && !matches!(b, b'\r' | b'\n' | 0) => Some(*b),
        _ => None,
    }
}

fn is_tenant(name: &str) -> bool {
    name.len() <= 30
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// The API's address, with or without `https://`. No message quotes it: it may hold a password.
fn base_url(written: &str) -> Result<Url, Wrong> {
    let written = written.trim();
    if written.is_empty() {
        return Err((
            "expected the API's host, found empty text",
            "for example orgvue.eu-west-1.concentra.io",
        ));
    }
    let url = match written.contains("://") {
        true => Url::parse(written),
        false => Url::parse(&format!("https://{written}")),
    };
    let mut url = url.map_err(|_| ("not a URL", "for example orgvue.eu-west-1.concentra.io"))?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => {
            return Err((
                "plain http would send the token unprotected",
                "write https, or no scheme at all",
            ));
        }
        _ => return Err(("expected an https address", "")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err((
            "a URL with a user name or password is not possible here",
            "the API asks for a token alone: see `token`",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(("expected an address without `?` and `#`", ""));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    if path.contains("/api/v") {
        return Err(("leave `/api/v1` and what follows it out", ""));
    }
    url.set_path(&format!("{path}/"));
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls() {
        let check = |written: &str, expected: &str| {
            let got = match base_url(written) {
                Ok(url) => url.to_string(),
                Err((message, _)) => format!("! {message}"),
            };
            assert_eq!(got, expected, "{written}");
        };
        let host = "https://orgvue.eu-west-1.concentra.io/";
        check("orgvue.eu-west-1.concentra.io", host);
        check("https://orgvue.eu-west-1.concentra.io", host);
        check(" https://orgvue.eu-west-1.concentra.io// ", host);
        check(
            "gateway.example.com:8443/orgvue",
            "https://gateway.example.com:8443/orgvue/",
        );
        check("http://127.0.0.1:8080", "http://127.0.0.1:8080/");
        check("http://localhost", "http://localhost/");
        check("http://[::1]:1", "http://[::1]:1/");
        check(
            "http://example.com",
            "! plain http would send the token unprotected",
        );
        check(
            "http://localhost.example.com",
            "! plain http would send the token unprotected",
        );
        check(
            "http://127.0.0.1.example.com",
            "! plain http would send the token unprotected",
        );
        check("ftp://example.com", "! expected an https address");
        check(
            "https://a:b@example.com",
            "! a URL with a user name or password is not possible here",
        );
        check(
            "https://example.com/?x=1",
            "! expected an address without `?` and `#`",
        );
        check(
            "https://example.com/api/v1",
            "! leave `/api/v1` and what follows it out",
        );
        check("https://", "! not a URL");
        check("a b", "! not a URL");
        check("", "! expected the API's host, found empty text");
    }

    #[test]
    fn tenants() {
        for (name, good) in [
            ("ACME", true),
            ("A", true),
            ("A_1", true),
            ("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123", true),
            ("ABCDEFGHIJKLMNOPQRSTUVWXYZ01234", false),
            ("acme", false),
            ("1A", false),
            ("_A", false),
            ("A-B", false),
            ("", false),
            ("ÄB", false),
        ] {
            assert_eq!(is_tenant(name), good, "{name}");
        }
    }

    #[test]
    fn inputs() {
        let check = |written: &str, expected: Result<Input, &str>| {
            let got = input(written, Path::new("/p[1]"));
            assert_eq!(got.map_err(|(message, _)| message), expected, "{written}");
        };
        check("-", Ok(Input::Stdin));
        check("a b.csv", Ok(Input::File("/p[1]/a b.csv".into())));
        check("/x/a.csv", Ok(Input::File("/x/a.csv".into())));
        check("../a.csv", Ok(Input::File("/p[1]/../a.csv".into())));
        check("w-*.csv", Ok(Input::Glob("/p[[]1[]]/w-*.csv".into())));
        check("/x/?.csv", Ok(Input::Glob("/x/?.csv".into())));
        check("a[.csv", Err("not a pattern of file names"));
        check("s3://b/k", Err("addresses are not supported as a source"));
        check("", Err("expected a path, found empty text"));
    }
}
