//! The end of a run: its report, what is said of it, and the exit code.

use std::path::{Path, PathBuf};
use std::time::Instant;

use jiff::Timestamp;

use super::{Task, Work};
use crate::cli::next::{next, run_again};
use crate::cli::planned;
use crate::cli::said::say_summary;
use crate::cli::{
    Exit, Failure, otel, put_findings, put_json, say, say_error, say_problems, say_warning,
};
use crate::config::{Target, process_env};
use crate::orgvue::spec::DatasetSpec;
use crate::report::error::ErrorReport;
use crate::report::events;
use crate::report::run::{Outcome, ReportError, RunReport, write_metrics};
use crate::run::RunError;
use crate::run::kept::Kept;
use crate::state::{Entry, Folder};
use crate::text::chain;

impl Work<'_> {
    /// Writes the report, says how it went, and gives the exit code.
    pub(super) fn finish(
        &self,
        mut report: RunReport,
        ended: Result<(), RunError>,
        started: Instant,
    ) -> Result<Exit, Failure> {
        // Where it could not be written, a warning has said so.
        report.rejects_workbook.take_if(|path| !path.exists());
        let ended = ended.and_then(|()| report.check().map_err(RunError::from));
        let ended = self.plan(&mut report, ended);
        let outcome = outcome(&report, &ended);
        let exit = match outcome {
            Outcome::SucceededWithRejects if self.common.partial_ok => Exit::Done,
            outcome => Exit::from(outcome),
        };
        let error = ended.as_ref().err();
        let error = error.filter(|error| !matches!(error, RunError::Detached));
        report.error = error.map(|error| ErrorReport::new(error.code(), chain(error)));
        report.end(outcome, Timestamp::now(), started.elapsed());
        report.pace = self.progress.pace();
        report.exit_code = exit as u8;
        if let Some(ledger) = &self.ledger {
            if let Err(error) = ledger.over(outcome, report.exit_code, Some(report.counts)) {
                report.warnings.push(chain(&error));
            }
            let entry = ledger.left();
            let folder = Folder::new(&self.pipeline.state_dir);
            self.keep(&entry, &folder);
            // What is held back is compared with this very run, if that is accepted.
            let may_be = matches!(
                outcome,
                Outcome::StoppedByGuard | Outcome::Succeeded | Outcome::SucceededWithRejects
            );
            let approve = report.offered.as_ref().filter(|_| may_be);
            report.next = next(&entry, &folder, outcome)
                .or_else(|| approve.map(|hash| format!("{} --approve {hash}", run_again(&entry))));
        }
        self.measure(&mut report);
        let written = match self.reports {
            true => report.write(self.report_dir()).map(Some),
            false => Ok(None),
        };
        let written_to = written.as_ref().ok().and_then(Option::as_deref);
        let pages = self.pages(&report, written_to);
        let files = written.iter().flatten().chain(pages.iter().flatten());
        self.tell(&report, ended.is_ok(), &files.collect::<Vec<_>>())?;
        match (ended, written.and(pages)) {
            (Err(error), written) => {
                if let Err(unwritten) = written {
                    self.warn(chain(&unwritten));
                }
                match error {
                    RunError::Detached => Ok(exit),
                    error if self.silent => Err(Failure::new(exit, error)),
                    error => Err(failure(exit, error, &report)),
                }
            }
            (Ok(()), Err(error)) => {
                let error = chain(&error);
                let done = outcome.describe();
                Err(Failure::new(Exit::Failed, format!("{done}, but {error}")))
            }
            (Ok(()), Ok(_)) => Ok(exit),
        }
    }

    /// Takes in what guards are to compare the next run with, where this one was accepted. Where that fails, the next run
    /// does it.
    fn keep(&self, entry: &Entry, folder: &Folder) {
        if !self.pipeline.keeps_columns() {
            return;
        }
        let taken = folder.last(entry).map_err(RunError::from).and_then(|last| {
            let Some(last) = last.filter(|last| *last.run == *entry.run_id.as_str()) else {
                return Ok(());
            };
            let secret = self.pipeline.state_key(&process_env).ok().flatten();
            Kept::open(
                self.pipeline,
                secret.as_ref(),
                &entry.run_id,
                Some(&last),
                true,
            )?;
            Ok(())
        });
        if let Err(error) = taken {
            tracing::warn!(
                error = chain(&error),
                "what guards compare columns with is taken in by the next run"
            );
        }
    }

    /// Writes the plan down, where one is made and guards have judged it.
    fn plan(&self, report: &mut RunReport, ended: Result<(), RunError>) -> Result<(), RunError> {
        match (&self.task, self.planned.get(), &ended) {
            (Task::Plan { out, .. }, Some(planned), Ok(()) | Err(RunError::Stopped { .. })) => {
                planned::write(out, self.pipeline, planned, report).and(ended)
            }
            (Task::Check, Some(planned), Ok(()) | Err(RunError::Stopped { .. })) => {
                let checked = planned::checked(self.pipeline, planned, report);
                if let Some(part) = &mut report.shard {
                    part.checked = Some(checked);
                }
                ended
            }
            _ => ended,
        }
    }

    /// Writes the report as pages: beside the file that it is written to, and where somebody asked for one.
    fn pages(
        &self,
        report: &RunReport,
        written: Option<&Path>,
    ) -> Result<Vec<PathBuf>, ReportError> {
        let mut pages = Vec::new();
        if let Some(written) = written.filter(|_| self.pipeline.report_page) {
            pages.push(report.write_page_beside(written)?);
        }
        if let Task::Plan {
            page: Some(page), ..
        } = &self.task
        {
            report.write_page(page)?;
            pages.push(page.clone());
        }
        Ok(pages)
    }

    /// What the run came to, for whoever collects that: as metrics, where they are asked for, and for OpenTelemetry. Where
    /// they can't be written, the report says so.
    fn measure(&self, report: &mut RunReport) {
        let path = self.pipeline.metrics.as_deref();
        let measures = match self.task {
            Task::Run | Task::TakeUp(_) => report.measures(path),
            _ => Vec::new(),
        };
        if let Some(path) = path.filter(|_| !measures.is_empty())
            && let Err(error) = write_metrics(path, &measures)
        {
            let warning = chain(&error);
            // What went wrong is said with `-q`, too, where the report's other warnings are not.
            if self.globals.quiet {
                self.warn(&warning);
            }
            report.warnings.push(warning);
        }
        otel::ran(report, self.mode(), self.dataset(), measures);
    }

    /// What is done, in a word.
    fn mode(&self) -> &'static str {
        match self.task {
            Task::Run if self.applies.is_some() => "apply",
            Task::Run if self.again.is_some() => "retry",
            Task::Run => "run",
            Task::Check => "check",
            Task::Plan { .. } => "plan",
            Task::Upload(_) => "upload",
            Task::Import(_) => "import",
            Task::TakeUp(_) => "resume",
        }
    }

    /// The data set that rows go to, by its UUID, or by its name where that was not looked up.
    fn dataset(&self) -> Option<&str> {
        match &self.pipeline.target {
            Target::Orgvue(to) => Some(match &to.dataset {
                DatasetSpec::Id(name) | DatasetSpec::Name { name } => name,
            }),
            Target::Sandbox => None,
        }
    }

    /// What people, and machines that ask for it, hear of the run, and of the files of its report. What went wrong comes
    /// after it.
    fn tell(&self, report: &RunReport, well: bool, files: &[&PathBuf]) -> Result<(), Failure> {
        if self.globals.quiet {
            if let Some(next) = &report.next {
                self.say(format_args!("to go on: {next}"));
            }
        } else if well || report.counts.read > 0 || events::wanted() {
            say_summary(report, files);
        } else {
            // Where nothing was read there is nothing to sum up.
            for warning in &report.warnings {
                say_warning(warning);
            }
        }
        if self.common.summary {
            put_findings(format!("{}\n", report.sentence()).as_bytes())?;
        }
        if let Some(collected) = self.collected {
            collected.replace(serde_json::to_value(report).ok());
        } else if self.common.json {
            put_json(report)?;
        } else if !self.common.summary
            && let Some(upload) = &report.upload
            && let Some(sha256) = &upload.sha256
        {
            let length = report.bytes.body;
            put_findings(format!("length  {length}\nsha256  {sha256}\n").as_bytes())?;
        }
        Ok(())
    }
}

/// How a run ended, by what ended it and by its counts.
fn outcome(report: &RunReport, ended: &Result<(), RunError>) -> Outcome {
    let counts = &report.counts;
    let items = report.import.as_ref().and_then(|import| import.items);
    let failed = counts.failed + items.map_or(0, |items| items.failed);
    match ended {
        Ok(()) if counts.rejected + failed + counts.unprocessed > 0 => {
            Outcome::SucceededWithRejects
        }
        Ok(()) if report.withheld.is_some() => Outcome::SucceededWithRejects,
        Ok(()) => Outcome::Succeeded,
        Err(error) => error.outcome(),
    }
}

fn failure(exit: Exit, error: RunError, report: &RunReport) -> Failure {
    match error {
        // They name the pipeline file, as those of lint do.
        RunError::Unbound { problems } => {
            say_problems(&problems, "");
            Failure::said(exit)
        }
        RunError::Stopped { .. } if report.offered.is_some() => {
            say_error(exit, Some(error.code()), chain(&error));
            if let Some(approve) = &report.next {
                say("if this is meant, approve exactly this plan, once, within 24 hours:");
                say(approve);
            }
            Failure::said(exit)
        }
        // Whoever stops a run wants to know where that leaves the data set.
        RunError::Interrupted => Failure::of_kind(exit, error.code(), report.ending()),
        error => Failure::of_kind(exit, error.code(), error),
    }
}
