//! How much a source holds: the records of each file, and the lines that are not records.

use crate::batch::Batch;
use crate::format::block::{End, Trailer};
use crate::text::counted;

/// Lines that repeat the header and are named in the warning.
const NAMED: usize = 5;

/// What one pass found of a source, file by file.
#[derive(Debug, Default)]
pub(crate) struct Extent {
    files: Vec<InFile>,
    skipped: u64,
    /// Lines that repeat the header, and the first of them, each with its file.
    headers: u64,
    named: Vec<(u32, u64)>,
}

/// What was found in one file.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct InFile {
    pub read: u64,
    /// Its trailer, where one is expected and the end of the file was reached.
    pub trailer: Option<Trailer>,
}

impl Extent {
    /// Takes in the next block, which begins on `line` of `file`, and what stands behind it.
    pub(super) fn see(&mut self, batch: &Batch, (number, line): (u32, u64), end: Option<End>) {
        let file = number as usize;
        if self.files.len() <= file {
            self.files.resize(file + 1, InFile::default());
        }
        let here = &mut self.files[file];
        here.read += batch.len() as u64;
        let skipped = batch.skipped();
        self.skipped += skipped.lines;
        if let Some(end) = end {
            here.trailer = end.trailer;
            self.skipped += end.skipped;
        }
        self.headers += skipped.headers.len() as u64;
        let room = NAMED - self.named.len();
        let lines = skipped.headers.iter().take(room);
        let named = lines.map(|at| (number, line + u64::from(*at)));
        self.named.extend(named);
    }

    /// Lines that are no records.
    pub(super) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// What was found in a file, by its number.
    pub(super) fn file(&self, file: usize) -> InFile {
        self.files.get(file).copied().unwrap_or_default()
    }

    /// What may not have been meant: the header stands among the records. `files` are the names of the source's.
    pub(super) fn warning(&self, files: &[String]) -> Option<String> {
        let (what, were) = match self.headers {
            0 => return None,
            1 => ("repeats", "was"),
            _ => ("repeat", "were"),
        };
        let place = |(file, line): &(u32, u64)| match files {
            [_] => line.to_string(),
            _ => format!("{line} of {}", files[*file as usize]),
        };
        let places: Vec<String> = self.named.iter().map(place).collect();
        let more = match self.headers - self.named.len() as u64 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Some(format!(
            "{} {what} the header and {were} skipped, as in files that were joined: {} {}{more}",
            counted(self.headers, "line"),
            if self.named.len() == 1 {
                "line"
            } else {
                "lines"
            },
            places.join(", "),
        ))
    }
}
