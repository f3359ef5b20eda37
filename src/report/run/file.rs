//! The report as a file.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::model::RunReport;
use crate::files::part::{self, Part};
use crate::report::page;

/// How the names of reports begin.
const BEGINNING: &str = "run-";

/// How they end.
pub(crate) const REPORT_ENDING: &str = ".report.json";

/// How the names of their pages end.
const PAGE: &str = ".report.html";

/// Why the report can't be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// Its folder can't be made.
    #[error("can't use the folder {} for the run report", path.display())]
    Folder { path: PathBuf, source: io::Error },
    /// It can't be written.
    #[error("can't write the run report {}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl RunReport {
    /// What tells its files from those of others.
    fn name(&self) -> String {
        match &self.shard {
            Some(part) => format!("{}.{}", self.run_id, part.shard.in_names()),
            None => self.run_id.to_string(),
        }
    }

    /// The report's file name.
    pub(crate) fn file_name(&self) -> String {
        format!("{BEGINNING}{}{REPORT_ENDING}", self.name())
    }

    /// Makes the folder that reports go into, and tries whether a file can be made there: better before
    /// the work than after it. Takes away what a run left there that was killed while it wrote its report.
    ///
    /// # Errors
    /// As [`RunReport::write`].
    pub(crate) fn prepare(dir: &Path) -> Result<(), ReportError> {
        let folder = |source| ReportError::Folder {
            path: dir.to_owned(),
            source,
        };
        crate::files::folder::make(dir).map_err(folder)?;
        part::sweep_beginning(dir, BEGINNING);
        Part::create(&dir.join(BEGINNING)).map(drop).map_err(folder)
    }

    /// The name of its page, beside it.
    fn page_name(&self) -> String {
        format!("{BEGINNING}{}{PAGE}", self.name())
    }

    /// Writes the report as a page, for people.
    ///
    /// # Errors
    /// It can't be written.
    pub(crate) fn write_page(&self, path: &Path) -> Result<(), ReportError> {
        let page = serde_json::to_value(self).map_err(io::Error::from);
        let written = page
            .and_then(page::of_run)
            .and_then(|page| page::write(path, &page));
        written.map_err(|source| ReportError::Write {
            path: path.to_owned(),
            source,
        })
    }

    /// Writes the page of the report into the folder of the report, and returns its path.
    ///
    /// # Errors
    /// As [`RunReport::write_page`].
    pub(crate) fn write_page_beside(&self, report: &Path) -> Result<PathBuf, ReportError> {
        let path = report.with_file_name(self.page_name());
        self.write_page(&path).map(|()| path)
    }

    /// Writes the report into a folder, which is made where it is missing, and returns its path. The
    /// file appears complete or not at all, and only its owner may read it.
    pub(crate) fn write(&self, dir: &Path) -> Result<PathBuf, ReportError> {
        write_report(dir, &self.file_name(), self)
    }
}

/// Writes a report of this name, as [`RunReport::write`] does.
///
/// # Errors
/// It can't be written.
pub(crate) fn write_report(
    dir: &Path,
    name: &str,
    report: &impl Serialize,
) -> Result<PathBuf, ReportError> {
    crate::files::folder::make(dir).map_err(|source| ReportError::Folder {
        path: dir.to_owned(),
        source,
    })?;
    let path = dir.join(name);
    match write_file(&path, report) {
        Ok(()) => Ok(path),
        Err(source) => Err(ReportError::Write { path, source }),
    }
}

fn write_file(path: &Path, report: &impl Serialize) -> io::Result<()> {
    part::write(path, |file| {
        let mut out = BufWriter::new(file);
        serde_json::to_writer_pretty(&mut out, report)?;
        out.write_all(b"\n")?;
        out.flush()
    })
}
