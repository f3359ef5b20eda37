//! What the section `source` means.

use std::path::Path;

use super::https;
use super::{Meaning, Wrong};
use crate::config::pipeline::Source;
use crate::format::csv::spec::{HeaderSpec, NO_CHARACTER};
use crate::guard::spec::{GuardSpec, MinRowsSpec};
use crate::http::spec::TimeoutsSpec;
use crate::settings::units::Amount;
use crate::source::Input;
use crate::source::place::sample::{self, Sample};
use crate::source::spec::{
    Arrays, Compression, CsvSpec, ExpectSpec, Nothing, OneOrMany, Pick, SampleSpec, SourceFormat,
    SourceSpec,
};
use crate::source::table::spec::Layout;

/// A source that says neither.
pub(super) const NO_PATH: Wrong = (
    "the key `path` is missing",
    "name a file, or write `sample: { rows: 100000 }` for a made-up extract",
);

impl Meaning<'_> {
    pub(super) fn source(&mut self, mut spec: SourceSpec, timeouts: &TimeoutsSpec) -> Source {
        let inputs = self.inputs(&spec, timeouts);
        if spec.sql.is_some() {
            spec.format = SourceFormat::Ndjson;
        }
        self.https(&spec.https, &inputs, spec.format);
        self.sftp(&spec.sftp, &inputs);
        self.bucket(&spec.bucket, &inputs);
        self.expect(&spec.expect, &inputs, spec.format);
        let has_pattern = inputs.iter().any(Input::is_pattern);
        if spec.pick != Pick::All && !inputs.is_empty() && !has_pattern {
            self.warning(
                "source.pick",
                "this setting has no effect: `path` has no pattern",
                "",
            );
        }
        let wrapping = self.wrapping(&spec, &inputs);
        self.csv(&spec.csv, spec.format);
        self.without_effect(spec.format);
        if spec.json.flatten.as_deref() == Some("") {
            self.problem(
                "source.json.flatten",
                "expected what stands between the names, such as `.`, found empty text",
                "",
            );
        }
        if self.places.contains("source.json.join") && spec.json.arrays != Arrays::Join {
            self.warning(
                "source.json.join",
                "this setting has no effect: it is for `arrays: join`",
                "",
            );
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
        let source = Source {
            inputs,
            layout: Layout::Text,
            format: spec.format,
            wrapping,
            encoding: spec.encoding,
            nothing: spec.nothing,
            expect: spec.expect.clone(),
            drift: spec.drift.clone(),
            csv: spec.csv.clone(),
            json: spec.json.clone(),
            awaiting: self.awaiting(spec.format),
        };
        let layout = self.layout(&source, &spec);
        Source { layout, ..source }
    }

    /// What is read, which is stated in one way.
    fn inputs(&mut self, spec: &SourceSpec, timeouts: &TimeoutsSpec) -> Vec<Input> {
        let ways = [
            ("path", spec.path.is_some()),
            ("command", spec.command.is_some()),
            ("sql", spec.sql.is_some()),
            ("sample", spec.sample.is_some()),
        ];
        let mut given = ways.iter().filter(|(_, given)| *given);
        if let (Some((first, _)), Some((second, _))) = (given.next(), given.next()) {
            self.problem(
                &format!("source.{second}"),
                format!("`{first}` and `{second}` are both given; keep one"),
                "",
            );
            return Vec::new();
        }
        match (&spec.path, &spec.command, &spec.sql, &spec.sample) {
            (Some(paths), ..) => self.paths(paths, spec, timeouts),
            (_, Some(command), ..) => self.command(command),
            (_, _, Some(query), _) => self.sql(query, spec, timeouts),
            (.., Some(sample)) => self.sample(sample, spec),
            (None, None, None, None) => {
                self.problem("source", NO_PATH.0, NO_PATH.1);
                Vec::new()
            }
        }
    }

    /// A program and its arguments.
    fn command(&mut self, command: &OneOrMany) -> Vec<Input> {
        let OneOrMany::Many(words) = command else {
            self.problem(
                "source.command",
                "expected a list of the program and its arguments, found text; there is no shell",
                "write `command: [gpg, -d, in.csv.pgp]`",
            );
            return Vec::new();
        };
        let wrong = match words.as_slice() {
            [] => Some("expected a program and its arguments, found an empty list"),
            [program, ..] if program.is_empty() => Some("expected a program, found empty text"),
            words if words.iter().any(|word| word.contains('\0')) => {
                Some("a command cannot hold a NUL character")
            }
            [..] => None,
        };
        if let Some(wrong) = wrong {
            self.problem("source.command", wrong, "");
        }
        match words.split_first() {
            Some((program, args)) if wrong.is_none() => {
                vec![Input::command(program, args, &self.folder)]
            }
            _ => Vec::new(),
        }
    }

    /// What a whole extract is, as far as that can be told of such a source.
    fn expect(&mut self, spec: &ExpectSpec, inputs: &[Input], format: SourceFormat) {
        let is_file = |input: &Input| matches!(input, Input::File(_) | Input::Glob(..));
        let files = inputs.iter().filter(|input| is_file(input)).count();
        if let Some(trailer) = &spec.trailer {
            if trailer.captures_len() != 2 {
                self.problem(
                    "source.expect.trailer",
                    "expected one group, which is the number of records",
                    "write something like `'^TRL\\|(\\d+)'`, and `(?:...)` for groups that are not the number",
                );
            }
            if matches!(format, SourceFormat::Json | SourceFormat::Xml) {
                self.problem(
                    "source.expect.trailer",
                    "a JSON array has no last line that could state the number of its records, and neither has XML",
                    "state `rows`, `at_least` or `done_file`",
                );
            }
        }
        if let Some(done) = &spec.done_file {
            let rest = done.replace("{file}", "").replace("{stem}", "");
            let named = rest != *done;
            if done.is_empty() || done.contains('\0') {
                self.problem("source.expect.done_file", "expected the path of a file", "");
            } else if rest.contains(['{', '}']) {
                self.problem(
                    "source.expect.done_file",
                    "the placeholder in braces is unknown",
                    "write `{file}` for the path of a source file, or `{stem}` for the same without its last ending",
                );
            } else if named && files < inputs.len() {
                self.problem(
                    "source.expect.done_file",
                    "`{file}` and `{stem}` stand for the path of a source file, and this source is not a file",
                    "write the path of the one file that says that the extract is complete",
                );
            }
        }
        if spec.settled.is_some_and(|span| span.0.is_zero()) {
            self.problem("source.expect.settled", "expected a time above zero", "");
        }
        let is_dated = |input: &Input| {
            is_file(input) || input.service().is_some() || input.sftp_server().is_some()
        };
        if spec.settled.is_some() && !inputs.is_empty() && !inputs.iter().any(is_dated) {
            self.warning(
                "source.expect.settled",
                "this setting has no effect: the source is not a file",
                "",
            );
        }
    }

    /// Standard input that ends too early looks like a short extract.
    pub(super) fn cut_unnoticed(
        &mut self,
        source: &Source,
        guard: &GuardSpec,
        target: &str,
        deletes: bool,
    ) {
        let expect = &source.expect;
        let stated = expect.rows.is_some()
            || expect.at_least.is_some()
            || expect.trailer.is_some()
            || expect.done_file.is_some();
        let guarded = match guard.min_rows {
            None => false,
            Some(MinRowsSpec::Rows(rows)) => rows > 0,
            Some(MinRowsSpec::Relative(rows)) => rows.first.is_some() || rows.of_last.is_some(),
        };
        // These end in a way that a cut does not leave.
        let shows = !matches!(
            source.wrapping.compression,
            Compression::Auto | Compression::None
        ) || matches!(
            source.format,
            SourceFormat::Json
                | SourceFormat::Xml
                | SourceFormat::Xlsx
                | SourceFormat::Parquet
                | SourceFormat::Arrow
        );
        let stream = source.inputs.contains(&Input::Stdin);
        if deletes && stream && !(stated || guarded || shows) {
            self.warning(
                &format!("{target}.implicit_delete"),
                "standard input that ends too early looks like a complete extract, and people who are not in it are deleted",
                "say what a complete extract is (`source: { expect: { rows: N } }`, or `at_least`, `trailer`, `done_file`) or \
                 `guard.min_rows`; or let rostream start the program that writes it (`source: { command: [...] }`)",
            );
        }
    }

    /// A night without an extract is no matter, unless the server deletes what an extract does not name.
    pub(super) fn nothing(&mut self, nothing: Nothing, target: &str, deletes: bool) {
        if nothing == Nothing::Ok && deletes {
            self.problem(
                &format!("{target}.implicit_delete"),
                "`implicit_delete` cannot be combined with `source.nothing: ok`: a missing extract must not be \
                 accepted when people who are missing from it are deleted",
                "leave one of them out",
            );
        }
    }

    fn paths(
        &mut self,
        paths: &OneOrMany,
        spec: &SourceSpec,
        timeouts: &TimeoutsSpec,
    ) -> Vec<Input> {
        let mut inputs = Vec::new();
        if paths.as_slice().is_empty() {
            self.problem("source.path", "expected at least one path", "");
        }
        for (i, written) in paths.as_slice().iter().enumerate() {
            let path = match paths {
                OneOrMany::One(_) => "source.path".to_owned(),
                OneOrMany::Many(_) => format!("source.path.{i}"),
            };
            let (pick, others) = (spec.pick, &inputs);
            let at_server = Input::bucket(written, &spec.bucket, timeouts, pick)
                .or_else(|| Input::sftp(written, &spec.sftp, timeouts, pick, others));
            let found = match at_server {
                Some(found) => found,
                None if written.contains("://") => https::address(written, &spec.https, timeouts),
                None => input(written, &self.folder, spec.pick),
            };
            match found {
                Ok(Input::Stdin) if inputs.contains(&Input::Stdin) => self.problem(
                    &path,
                    "standard input can be read only once",
                    "write `-` once",
                ),
                Ok(Input::Stdin) if &*self.findings.file == crate::config::STDIN => {
                    self.problem(&path, "standard input already holds the pipeline file", "")
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
            (
                "format",
                source.format == SourceFormat::Tsv || source.format.is_table(),
            ),
            ("decrypt", source.decrypt.is_some()),
            (
                "compression",
                !matches!(source.compression, Compression::Auto | Compression::None),
            ),
            ("encoding", !source.encoding.is_utf8()),
            (
                "csv.delimiter",
                csv.delimiter.as_deref().is_some_and(|d| d != ","),
            ),
            ("csv.quote", csv.quote != "\""),
            ("csv.escape", csv.escape != NO_CHARACTER),
            ("csv.skip_lines", csv.skip_lines > 0),
            ("json.path", source.json.path.is_some()),
            ("csv.header", csv.header != HeaderSpec::default()),
            ("csv.columns", csv.columns.is_some()),
            ("csv.footer", csv.footer.is_some()),
            ("csv.comment", csv.comment.is_some()),
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
                _ => sample::Format::Csv,
            },
        })]
    }

    fn csv(&mut self, spec: &CsvSpec, format: SourceFormat) {
        let unless_stated = match format {
            SourceFormat::Tsv => b'\t',
            _ => b',',
        };
        for wrong in spec.wrong(unless_stated) {
            let path = format!("source.csv.{}", wrong.setting);
            self.problem(&path, wrong.message, wrong.help);
        }
        if format == SourceFormat::Tsv && spec.delimiter().is_some_and(|d| d != b'\t') {
            self.problem(
                "source.csv.delimiter",
                "`format: tsv` is separated by tabs",
                "write `format: csv` for another delimiter",
            );
        }
        if spec.quote == NO_CHARACTER && self.places.contains("source.csv.multiline") {
            self.warning(
                "source.csv.multiline",
                "this setting has no effect with `quote: none`: cells never span lines then",
                "",
            );
        }
    }
}

/// One entry of the source's `path`.
fn input(written: &str, folder: &Path, pick: Pick) -> Result<Input, Wrong> {
    match written {
        "" => Err(("expected a path, found empty text", "")),
        "-" => Ok(Input::Stdin),
        _ if written.contains('\0') => Err(("a path cannot hold a NUL character", "")),
        _ if written.contains(['*', '?', '[']) => {
            if glob::Pattern::new(written).is_err() {
                return Err((
                    "not a pattern of file names",
                    "write `[[]` for the character `[`",
                ));
            }
            if Path::new(written).is_absolute() {
                return Ok(Input::Glob(written.to_owned(), pick));
            }
            let folder = glob::Pattern::escape(&folder.to_string_lossy());
            let pattern = Path::new(&folder).join(written);
            Ok(Input::Glob(pattern.to_string_lossy().into_owned(), pick))
        }
        _ => Ok(Input::File(folder.join(written))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs() {
        let check = |written: &str, expected: Result<Input, &str>| {
            let got = input(written, Path::new("/p[1]"), Pick::One);
            assert_eq!(got.map_err(|(message, _)| message), expected, "{written}");
        };
        check("-", Ok(Input::Stdin));
        check("a b.csv", Ok(Input::File("/p[1]/a b.csv".into())));
        check("/x/a.csv", Ok(Input::File("/x/a.csv".into())));
        check("../a.csv", Ok(Input::File("/p[1]/../a.csv".into())));
        check(
            "w-*.csv",
            Ok(Input::Glob("/p[[]1[]]/w-*.csv".into(), Pick::One)),
        );
        check("/x/?.csv", Ok(Input::Glob("/x/?.csv".into(), Pick::One)));
        check("a[.csv", Err("not a pattern of file names"));
        check("", Err("expected a path, found empty text"));
    }
}
