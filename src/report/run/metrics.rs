//! What the last run came to, for Prometheus: a file of its text format, as node_exporter's textfile collector reads it.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::fmt::{Display, Write as _};
use std::io::{self, Write};
use std::path::Path;

use super::few::Told;
use super::file::ReportError;
use super::model::{Outcome, RunReport};
use crate::files::part;

/// When a run last succeeded.
const SUCCESS: &str = "rostream_last_success_timestamp_seconds";

/// Longest file that is looked at for when a run last succeeded.
const LONGEST: u64 = 1 << 20;

impl RunReport {
    /// Writes what the run came to. The file appears complete or not at all; it has counts alone, and everybody may
    /// read it. When a run last succeeded stays where this one has not.
    ///
    /// # Errors
    /// It can't be written.
    pub(crate) fn write_metrics(&self, path: &Path) -> Result<(), ReportError> {
        let succeeded = match self.outcome {
            Outcome::Succeeded | Outcome::SucceededWithRejects => {
                Some(self.ended_at.as_second().to_string())
            }
            _ => earlier(path, &self.whose()),
        };
        let text = self.metrics(succeeded.as_deref());
        let written = part::write(path, |file| {
            file.write_all(text.as_bytes())?;
            open_to_all(file)
        });
        written.map_err(|source| ReportError::Write {
            path: path.to_owned(),
            source,
        })
    }

    /// What tells its metrics from those of others: the pipeline, and of a shard which one it is.
    fn whose(&self) -> String {
        let pipeline = label("pipeline", &self.pipeline.name);
        match &self.shard {
            Some(part) => format!("{pipeline},{}", label("shard", &part.shard.to_string())),
            None => pipeline,
        }
    }

    fn metrics(&self, succeeded: Option<&str>) -> String {
        let mut out = Metrics {
            text: String::new(),
            name: "",
            whose: self.whose(),
        };
        out.begin("rostream_info", "The program and where it sends to.");
        let version = env!("CARGO_PKG_VERSION");
        out.add(&[("version", version), ("target", self.target)], 1);
        out.begin(
            "rostream_last_run_timestamp_seconds",
            "When the last run ended.",
        );
        out.add(&[], self.ended_at.as_second());
        if let Some(succeeded) = succeeded {
            out.begin(SUCCESS, "When a run last ended with exit code 0 or 3.");
            out.add(&[], succeeded);
        }
        out.begin("rostream_last_run_exit_code", "Exit code of the last run.");
        out.add(&[], self.exit_code);
        if let Some(took) = self.seconds.total {
            out.begin("rostream_last_run_duration_seconds", "How long it took.");
            out.add(&[], took.as_secs_f64());
        }
        self.rows_and_bytes(&mut out);
        self.steps(&mut out);
        self.faults_of(&mut out);
        if let Some(deletions) = self.deletions.as_ref().and_then(|deletions| deletions.told) {
            out.begin(
                "rostream_last_run_deletions",
                "Items that the server deleted as no row named them.",
            );
            out.add(&[], deletions);
        }
        out.begin("rostream_last_run_warnings", "Warnings of the last run.");
        out.add(&[], self.warnings.len());
        out.text
    }

    fn rows_and_bytes(&self, out: &mut Metrics) {
        let c = &self.counts;
        out.begin(
            "rostream_last_run_rows",
            "Rows of the last run by what became of them.",
        );
        for (outcome, rows) in [
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
        ] {
            out.add(&[("outcome", outcome)], rows);
        }
        out.begin(
            "rostream_last_run_bytes",
            "Bytes of the last run: of its source, and sent.",
        );
        out.add(&[("of", "source")], self.bytes.source);
        out.add(&[("of", "sent")], self.bytes.sent);
    }

    fn steps(&self, out: &mut Metrics) {
        out.begin("rostream_last_run_step_seconds", "How long each step took.");
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
                out.add(&[("step", step)], took.as_secs_f64());
            }
        }
    }

    /// Faults by column and code, without small counts of sensitive columns.
    fn faults_of(&self, out: &mut Metrics) {
        out.begin(
            "rostream_last_run_faults",
            "Faults of rows by column and code, rostream's and the server's.",
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

/// Metrics as text, all of one pipeline, or of a shard of it.
struct Metrics {
    text: String,
    /// The metric that was begun last.
    name: &'static str,
    /// The labels that say whose they are.
    whose: String,
}

impl Metrics {
    fn begin(&mut self, name: &'static str, help: &str) {
        self.name = name;
        let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} gauge\n");
    }

    /// A value of the metric that was begun last.
    fn add(&mut self, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.text, "{}{{{}", self.name, self.whose);
        for (key, text) in labels {
            let _ = write!(self.text, ",{}", label(key, text));
        }
        let _ = writeln!(self.text, "}} {value}");
    }
}

fn label(key: &str, text: &str) -> String {
    let text = text
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\n', r"\n");
    format!("{key}=\"{text}\"")
}

/// When a run of the pipeline last succeeded, as the file says that stands there.
fn earlier(path: &Path, whose: &str) -> Option<String> {
    let length = std::fs::metadata(path).ok()?.len();
    if length > LONGEST {
        return None;
    }
    let text = std::fs::read_to_string(path).ok()?;
    let begins = format!("{SUCCESS}{{{whose}}} ");
    let value = text.lines().find_map(|line| line.strip_prefix(&begins))?;
    value.parse::<i64>().ok().map(|at| at.to_string())
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
