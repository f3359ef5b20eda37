//! What the last run came to, as metrics, and for Prometheus: a file of its text format, as node_exporter's textfile
//! collector reads it.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::fmt::{self, Display, Write as _};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use super::few::Told;
use super::file::ReportError;
use super::model::{Outcome, RunReport};
use crate::files::part;

/// When a run last succeeded.
const SUCCESS: &str = "rostream_last_success_timestamp_seconds";

/// Longest file that is looked at for when a run last succeeded.
const LONGEST: u64 = 1 << 20;

/// A metric of the last run, as every receiver of metrics has it: a gauge.
pub(crate) struct Measure {
    pub name: &'static str,
    pub help: &'static str,
    #[cfg_attr(
        not(feature = "otel"),
        expect(dead_code, reason = "the text format has no units")
    )]
    /// As <https://ucum.org> writes it: `s`, `By`; nothing of what is counted.
    pub unit: &'static str,
    /// Each with the labels that tell it from the others.
    pub values: Vec<(Vec<(&'static str, String)>, Value)>,
}

/// A value of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
    Whole(i64),
    Seconds(f64),
}

impl Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Whole(value) => value.fmt(f),
            Value::Seconds(value) => value.fmt(f),
        }
    }
}

/// A count, which is never so large that it is cut off.
impl From<u64> for Value {
    fn from(count: u64) -> Value {
        Value::Whole(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

impl From<Duration> for Value {
    fn from(took: Duration) -> Value {
        Value::Seconds(took.as_secs_f64())
    }
}

/// Writes metrics. The file appears complete or not at all; it has counts alone, and everybody may read it.
///
/// # Errors
/// It can't be written.
pub(crate) fn write_metrics(path: &Path, measures: &[Measure]) -> Result<(), ReportError> {
    let text = text(measures);
    let written = part::write(path, |file| {
        file.write_all(text.as_bytes())?;
        open_to_all(file)
    });
    written.map_err(|source| ReportError::Write {
        path: path.to_owned(),
        source,
    })
}

impl RunReport {
    /// What the run came to, metric by metric. When a run last succeeded is told by the `file` of an earlier one where this
    /// one has not.
    pub(crate) fn measures(&self, file: Option<&Path>) -> Vec<Measure> {
        let whose = self.whose();
        let succeeded = match self.outcome {
            Outcome::Succeeded | Outcome::SucceededWithRejects => Some(self.ended_at.as_second()),
            _ => file.and_then(|file| earlier(file, &labels(&whose))),
        };
        let mut measures = Measures {
            list: Vec::new(),
            whose,
        };
        self.of_the_whole(&mut measures, succeeded);
        self.rows_and_bytes(&mut measures);
        self.steps(&mut measures);
        self.faults_of(&mut measures);
        if let Some(deletions) = self.deletions.as_ref().and_then(|deletions| deletions.told) {
            measures.begin(
                "rostream_last_run_deletions",
                "Items that the server deleted as no row named them.",
                "",
            );
            measures.add(&[], deletions);
        }
        measures.begin(
            "rostream_last_run_warnings",
            "Warnings of the last run.",
            "",
        );
        measures.add(&[], self.warnings.len() as u64);
        measures.list
    }

    /// What tells its metrics from those of others: the pipeline, and of a shard which one it is.
    fn whose(&self) -> Vec<(&'static str, String)> {
        let mut whose = vec![("pipeline", self.pipeline.name.clone())];
        let part = self.shard.as_ref();
        whose.extend(part.map(|part| ("shard", part.shard.to_string())));
        whose
    }

    fn of_the_whole(&self, out: &mut Measures, succeeded: Option<i64>) {
        out.begin("rostream_info", "The program and where it sends to.", "");
        let version = env!("CARGO_PKG_VERSION");
        out.add(&[("version", version), ("target", self.target)], 1u64);
        out.begin(
            "rostream_last_run_timestamp_seconds",
            "When the last run ended.",
            "s",
        );
        out.add(&[], Value::Whole(self.ended_at.as_second()));
        if let Some(succeeded) = succeeded {
            out.begin(SUCCESS, "When a run last ended with exit code 0 or 3.", "s");
            out.add(&[], Value::Whole(succeeded));
        }
        out.begin(
            "rostream_last_run_exit_code",
            "Exit code of the last run.",
            "",
        );
        out.add(&[], u64::from(self.exit_code));
        if let Some(took) = self.seconds.total {
            out.begin(
                "rostream_last_run_duration_seconds",
                "How long it took.",
                "s",
            );
            out.add(&[], took);
        }
    }

    /// Rows by what became of them, as metrics and spans name it.
    pub(crate) fn rows_by_outcome(&self) -> [(&'static str, u64); 15] {
        let c = &self.counts;
        [
            ("read", c.read),
            ("skipped", c.skipped),
            ("filtered", c.filtered),
            ("rejected", c.rejected),
            ("superseded", c.superseded),
            ("other_shards", c.other_shards),
            ("withheld", c.withheld),
            ("unchanged", c.unchanged),
            ("held_back", c.would_send),
            ("sent", c.sent),
            ("accepted", c.accepted),
            ("failed", c.failed),
            ("unprocessed", c.unprocessed),
            ("unknown", c.unknown),
            ("warned", self.warned.rows),
        ]
    }

    fn rows_and_bytes(&self, out: &mut Measures) {
        out.begin(
            "rostream_last_run_rows",
            "Rows of the last run by what became of them.",
            "",
        );
        for (outcome, rows) in self.rows_by_outcome() {
            out.add(&[("outcome", outcome)], rows);
        }
        out.begin(
            "rostream_last_run_bytes",
            "Bytes of the last run: of its source, and sent.",
            "By",
        );
        out.add(&[("of", "source")], self.bytes.source);
        out.add(&[("of", "sent")], self.bytes.sent);
    }

    fn steps(&self, out: &mut Measures) {
        out.begin(
            "rostream_last_run_step_seconds",
            "How long each step took.",
            "s",
        );
        let took = &self.seconds;
        for (step, took) in [
            ("survey", took.survey),
            ("generate", took.generate),
            ("upload", took.upload),
            ("import", took.import),
            ("wait", took.wait),
            ("results", took.results),
        ] {
            if let Some(took) = took {
                out.add(&[("step", step)], took);
            }
        }
    }

    /// Faults by column and code, without small counts of sensitive columns.
    fn faults_of(&self, out: &mut Measures) {
        out.begin(
            "rostream_last_run_faults",
            "Faults of rows by column and code, rostream's and the server's.",
            "",
        );
        for (by, counts) in [("rostream", &self.rejects), ("server", &self.refused)] {
            for count in &counts.by_column {
                if let Told::Count(faults) = count.faults {
                    let labels = [
                        ("by", by),
                        ("column", &*count.column),
                        ("code", &*count.code),
                    ];
                    out.add(&labels, faults);
                }
            }
        }
    }
}

/// Metrics, all of one pipeline, or of a shard of it.
struct Measures {
    list: Vec<Measure>,
    /// The labels that say whose they are.
    whose: Vec<(&'static str, String)>,
}

impl Measures {
    fn begin(&mut self, name: &'static str, help: &'static str, unit: &'static str) {
        self.list.push(Measure {
            name,
            help,
            unit,
            values: Vec::new(),
        });
    }

    /// A value of the metric that was begun last.
    fn add(&mut self, labels: &[(&'static str, &str)], value: impl Into<Value>) {
        let own = labels.iter().map(|(key, text)| (*key, (*text).to_owned()));
        let labels = self.whose.iter().cloned().chain(own).collect();
        if let Some(measure) = self.list.last_mut() {
            measure.values.push((labels, value.into()));
        }
    }
}

/// Metrics in Prometheus' text format.
fn text(measures: &[Measure]) -> String {
    let mut text = String::new();
    for Measure {
        name, help, values, ..
    } in measures
    {
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n");
        for (of, value) in values {
            let _ = writeln!(text, "{name}{{{}}} {value}", labels(of));
        }
    }
    text
}

fn labels(labels: &[(&'static str, String)]) -> String {
    let label = |(key, text): &(&str, String)| {
        let text = text
            .replace('\\', r"\\")
            .replace('"', "\\\"")
            .replace('\n', r"\n");
        format!("{key}=\"{text}\"")
    };
    labels.iter().map(label).collect::<Vec<_>>().join(",")
}

/// When a run of the pipeline last succeeded, as the file says that stands there.
fn earlier(path: &Path, whose: &str) -> Option<i64> {
    let length = std::fs::metadata(path).ok()?.len();
    if length > LONGEST {
        return None;
    }
    let text = std::fs::read_to_string(path).ok()?;
    let begins = format!("{SUCCESS}{{{whose}}} ");
    let value = text.lines().find_map(|line| line.strip_prefix(&begins))?;
    value.parse().ok()
}

/// Whoever collects metrics is somebody else.
fn open_to_all(file: &std::fs::File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}
