//! What can be wrong with the quotes of a record, and how it is told.

use memchr::memmem;

use crate::format::added::{CARRIAGE_RETURN, QUOTE};
use crate::text::scan::{Dialect, count_lines};

/// Where quotes are in the way of reading a record. Offsets count from the beginning of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    /// The quote that opens the cell.
    pub(crate) open: usize,
    /// Where it went wrong.
    pub(crate) at: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Something stands behind the quote that closes a cell.
    Behind,
    /// A quoted cell is not closed where the record ends.
    Open,
    /// Blanks stand before the quote that opens a cell.
    Blanks,
    /// A quote in an unquoted cell, in a file that is quoted throughout.
    Within,
    /// A quote in an unquoted cell, and one at the end of the next.
    Apart,
}

/// Whether a record with a fault of this code may hold other records than its own: its further lines are counted.
pub(crate) fn takes_lines_along(code: &str) -> bool {
    [QUOTE, CARRIAGE_RETURN].contains(&code)
}

/// How many lines end within a record with a fault of this code.
pub(crate) fn line_ends_within(record: &[u8], code: &str) -> u64 {
    let returns = match code == CARRIAGE_RETURN {
        true => memchr::memchr_iter(b'\r', record)
            .filter(|at| record.get(at + 1) != Some(&b'\n'))
            .count(),
        false => 0,
    };
    count_lines(record) + returns as u64
}

/// A record with a fault, for telling it.
pub(crate) struct Told<'a> {
    /// Without its line end.
    pub(crate) record: &'a [u8],
    /// The physical line on which it begins, from 1.
    pub(crate) line: u64,
    pub(crate) dialect: Dialect,
}

impl Told<'_> {
    /// The code and the message of a fault, whose offsets count from the beginning of the record.
    pub(crate) fn quote(&self, fault: Fault) -> (&'static str, String) {
        let (open, at) = (self.place(fault.open), self.place(fault.at));
        if fault.kind == Kind::Behind && self.record.get(fault.at + 1) == Some(&b'\r') {
            return self.carriage_return(fault.at + 1);
        }
        let mut message = match fault.kind {
            Kind::Behind => {
                format!("the quote opened on {open} is closed on {at}, and text follows it")
            }
            Kind::Open if self.dialect.quoting.multiline => {
                let next = self.last_line() + 1;
                format!(
                    "the quote opened on {open} is not closed, and line {next} begins with a quote"
                )
            }
            Kind::Open => format!("the quote opened on {open} is not closed on its line"),
            Kind::Blanks => format!(
                "there are blanks before the quote on {at}; a quoted cell must begin with its quote"
            ),
            Kind::Within => format!(
                "there is a quote in an unquoted cell on {at}, although every name in the header is quoted"
            ),
            Kind::Apart => format!(
                "the quotes on {open} and {at} are in two unquoted cells; is a delimiter missing before the first?"
            ),
        };
        self.add_lines(&mut message);
        self.add_advice(&mut message);
        (QUOTE, message)
    }

    /// The code and the message where a carriage return stands in an unquoted cell.
    pub(crate) fn carriage_return(&self, at: usize) -> (&'static str, String) {
        let mut message = format!(
            "there is a carriage return without a line feed on {}, outside quotes; if it ends a line, convert it to LF or CR LF",
            self.place(at)
        );
        self.add_lines(&mut message);
        (CARRIAGE_RETURN, message)
    }

    /// The message where a quote is open at the end of the file, for what follows it.
    pub(crate) fn never_closed(&self) -> String {
        let mut message = "the quote opened here is never closed".to_owned();
        let last = self.last_line();
        if last > self.line {
            message.push_str(&format!(
                ", and all up to line {last}, the last one, would be one cell"
            ));
        }
        self.add_advice(&mut message);
        message
    }

    fn add_lines(&self, message: &mut String) {
        let last = self.last_line();
        if last > self.line {
            message.push_str(&format!(
                "; lines {} to {last} were read as one record",
                self.line
            ));
        }
    }

    fn add_advice(&self, message: &mut String) {
        let quoting = self.dialect.quoting;
        let Some(quote) = quoting.quote else {
            return;
        };
        if quoting.escape.is_none() && memmem::find(self.record, &[b'\\', quote]).is_some() {
            message.push_str(
                "; there is a backslash before a quote: if quotes are escaped that way, set source.csv.escape to '\\'",
            );
        } else if quoting.multiline && self.last_line() > self.line {
            message.push_str("; if no cell spans lines, set source.csv.multiline to false");
        }
    }

    fn last_line(&self) -> u64 {
        self.line + count_lines(self.record)
    }

    /// `line 3, column 14`: a physical line, and the column in bytes, from 1.
    fn place(&self, at: usize) -> String {
        let before = &self.record[..at.min(self.record.len())];
        let column = match memchr::memrchr(b'\n', before) {
            Some(end) => before.len() - end,
            None => before.len() + 1,
        };
        format!("line {}, column {column}", self.line + count_lines(before))
    }
}
