//! What is said of a rejected row, beside the row itself.

use std::fmt::Write;

use super::{RejectedRow, Told};
use crate::batch::pool::Lease;
use crate::format::PARSE;
use crate::format::added::{ABSENT, CODE, COLUMN, FILE, JOIN, LINE, RAGGED, STAGE};

/// What is said of a column that the row's file does not have.
const IS_ABSENT: &str =
    "its file does not have this column, and while the cell is empty nothing is sent for it";

/// What rows are written on.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) bytes: Lease<Vec<u8>>,
    /// Room for a text that is put together before it is written.
    pub(super) text: String,
}

/// What is said of a row.
pub(super) struct Said<'a> {
    row: &'a RejectedRow<'a>,
    /// Of a row that is too short, the first column that it has nothing for.
    missing: Option<&'a str>,
    /// The columns that its file does not have.
    absent: &'a [&'a str],
}

impl<'a> Said<'a> {
    /// Of a row that is too short, `missing` is the first column that it has nothing for; `absent` are those that its
    /// file does not have. By them it is known again when it comes back.
    pub(super) fn of(
        row: &'a RejectedRow<'a>,
        missing: Option<&'a str>,
        absent: &'a [&'a str],
    ) -> Said<'a> {
        Said {
            row,
            missing,
            absent,
        }
    }

    /// Appends what stands in one of the cells that are added to a row.
    pub(super) fn push(&self, added: usize, text: &mut String) {
        let several = self.row.faults.len() + self.absent.len() > 1;
        match added {
            FILE => text.push_str(self.row.file),
            LINE => {
                let _ = write!(text, "{}", self.row.line);
            }
            STAGE => self.join(text, |text, fault| text.push_str(fault.stage), |_| PARSE),
            COLUMN => self.join(
                text,
                |text, fault| text.push_str(self.column(fault)),
                |name| name,
            ),
            CODE => self.join(
                text,
                |text, fault| push_clean(text, &fault.code, several),
                |_| ABSENT,
            ),
            _ => self.join(
                text,
                |text, fault| push_clean(text, fault.message, several),
                |_| IS_ABSENT,
            ),
        }
    }

    /// Appends what is said of every fault, and then of every column that is absent.
    fn join(
        &self,
        text: &mut String,
        of_fault: impl Fn(&mut String, &Told<'a>),
        of_absent: impl Fn(&'a str) -> &'a str,
    ) {
        for (at, fault) in self.row.faults.iter().enumerate() {
            if at > 0 {
                text.push_str(JOIN);
            }
            of_fault(text, fault);
        }
        for name in self.absent {
            text.push_str(JOIN);
            text.push_str(of_absent(name));
        }
    }

    fn column(&self, fault: &Told<'a>) -> &'a str {
        match self.missing {
            Some(missing) if fault.stage == PARSE && fault.code == RAGGED => missing,
            _ => fault.fault.source_column(),
        }
    }
}

/// Appends a code or message. They may come from a server: control characters become spaces, so that
/// nobody's terminal is told what to do. Where several are joined, a semicolon would pass for the
/// join, and becomes a comma.
fn push_clean(out: &mut String, text: &str, several: bool) {
    let is_plain = |b: u8| b.is_ascii() & !b.is_ascii_control();
    if text.bytes().all(is_plain) {
        let mut parts = text.split(|c| several && c == ';');
        out.extend(parts.next());
        return parts.for_each(|part| out.extend([",", part]));
    }
    out.extend(text.chars().map(|c| match c {
        c if c.is_control() => ' ',
        ';' if several => ',',
        c => c,
    }));
}
