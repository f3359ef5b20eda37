//! A run in one line, for the subject of a mail or a message.

use super::counts::ColumnCount;
use super::few::Told;
use super::model::RunReport;
use crate::report::human;
use crate::text::shown::shown;

/// How many kinds of faults are named; the others are counted.
const KINDS: usize = 3;

impl RunReport {
    /// The run in one line: which pipeline, how it ended, what became of the rows, and what to do.
    pub(crate) fn sentence(&self) -> String {
        let c = &self.counts;
        let mut parts = vec![self.rows()];
        parts.extend(faults("rejected", c.rejected, &self.rejects.by_column));
        parts.extend(faults("refused", c.failed, &self.refused.by_column));
        for (rows, word) in [
            (c.unprocessed, "with no result known"),
            (c.withheld, "withheld"),
            (self.warned.rows, "warned of"),
        ] {
            if rows > 0 {
                parts.push(format!("{} {word}", human::count(rows)));
            }
        }
        if let Some(took) = self.seconds.total {
            parts.push(human::time(took));
        }
        parts.push(format!("exit {}", self.exit_code));
        parts.push(format!("run {}", self.run_id));
        if let Some(error) = &self.error {
            parts.push(error.message.clone());
        }
        if let Some(next) = &self.next {
            parts.push(format!("to go on: {next}"));
        }
        let line = format!(
            "{}: {}; {}",
            self.pipeline.name,
            self.ending(),
            parts.join("; ")
        );
        shown(&line).into_owned()
    }

    /// What became of the rows that were read.
    fn rows(&self) -> String {
        let c = &self.counts;
        let read = human::counted(c.read, "row");
        match (c.sent, c.would_send) {
            _ if c.unknown > 0 => format!("{} of {read} sent", human::count(c.sent)),
            (0, 0) => format!("{read} read, none sent"),
            (0, held) => format!("{read} read, {} could be sent", human::count(held)),
            _ => format!("{} of {read} accepted", human::count(c.accepted)),
        }
    }
}

/// So many rows, and of what kinds their faults are.
fn faults(word: &str, rows: u64, kinds: &[ColumnCount]) -> Option<String> {
    if rows == 0 {
        return None;
    }
    let named = kinds.iter().take(KINDS).map(|kind| {
        let column = match kind.column.as_str() {
            "" => "row",
            column => column,
        };
        let faults = match kind.faults {
            Told::Count(faults) => human::count(faults),
            Told::Few(_) => "few".to_owned(),
        };
        format!("{column} {} {faults}", kind.code)
    });
    let named: Vec<_> = named.collect();
    let more = match kinds.len().saturating_sub(KINDS) {
        0 => String::new(),
        more => format!(", {more} more"),
    };
    let kinds = match named.is_empty() {
        true => String::new(),
        false => format!(" ({}{more})", named.join(", ")),
    };
    Some(format!("{} {word}{kinds}", human::count(rows)))
}
