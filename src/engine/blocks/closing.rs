//! Where a file may be closed by lines that are no records, these are held back until its end shows which they are.

use super::{Blocks, ClosingRun};
use crate::engine::EngineError;
use crate::format::block::{Boundary, End, Trailer};
use crate::format::closing::{self, HELD};
use crate::settings::units::Size;
use crate::text::scan::count_lines;

impl Blocks {
    /// Takes the closing lines off the text of a file, all of whose rest is in the buffer.
    pub(super) fn take_off_closing(&mut self) -> Result<(), EngineError> {
        let was_too_long = self.run == ClosingRun::TooLong;
        if !matches!(self.run, ClosingRun::Open | ClosingRun::TooLong) {
            return Ok(());
        }
        if self.closing.is_empty() {
            self.look_for_totals();
            self.run = ClosingRun::Told;
            return Ok(());
        }
        let len = self.buffer.len();
        let run = self.closing.run(&self.boundary, &self.buffer, true);
        if len - run.at > HELD || was_too_long && run.at == 0 {
            let message = format!(
                "from here on or before, every line looks like one of those that close the file (source.csv.footer, \
                 source.expect.trailer), and there is more than {} of them: write a pattern that records do not match",
                Size(HELD as u64)
            );
            return Err(self.setting(run.at, message));
        }
        let lines =
            |text: &[u8]| count_lines(text) + u64::from(!text.ends_with(b"\n") && !text.is_empty());
        let trailer = self.closing.trailer.is_some().then(|| match run.trailer {
            None => Trailer::Missing,
            Some((at, count)) => Trailer::Found {
                line: self.start.line + count_lines(&self.buffer[..at]),
                count,
            },
        });
        self.run = ClosingRun::Off(End {
            skipped: lines(&self.buffer[run.at..]),
            trailer,
        });
        self.buffer.truncate(run.at);
        Ok(())
    }

    /// Notes where the last records look like totals, and nothing is stated of them.
    fn look_for_totals(&self) {
        let Boundary::Csv(dialect) = &self.boundary else {
            return;
        };
        if self.header.is_of_rejects() {
            return;
        }
        let width = self.header.names().len();
        let found = closing::totals(*dialect, &self.buffer, self.start.line, width);
        if let Some(found) = found {
            let setting = format!("`source: {{ csv: {{ footer: '{}' }} }}`", found.pattern);
            let remark = found.remark("line", &setting);
            self.source.remark(self.file, remark);
        }
    }

    /// Where to cut instead of `at`, so that no line which may be a closing one is read as a record before the end of the
    /// file says which it is.
    pub(super) fn hold_back(&mut self, at: usize, at_end: bool) -> usize {
        if at_end || self.closing.is_empty() {
            return at;
        }
        let run = self.closing.run(&self.boundary, &self.buffer[..at], false);
        let goes_on = run.at == 0 && self.run == ClosingRun::TooLong;
        if goes_on || at - run.at > HELD {
            self.run = ClosingRun::TooLong;
            return at;
        }
        self.run = ClosingRun::Open;
        run.at
    }

    /// What is to be told of the end of the file, once.
    pub(super) fn end(&mut self) -> Option<End> {
        match std::mem::replace(&mut self.run, ClosingRun::Told) {
            ClosingRun::Off(end) => Some(end),
            _ => None,
        }
    }
}
