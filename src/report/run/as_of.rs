//! What the rows of an effective-dated extract came to, key by key.

use std::fmt::Write;

use serde::Serialize;

use crate::report::human;
use crate::text::dates::Date;

/// One row a key. `keys` is the sum of those that have a row (`in_force`, `ahead`, `leavers`) and those that have none
/// (`none_in_force`, `ties`, `doubtful`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct AsOf {
    /// The day on which a row must be in force.
    pub at: Date,
    /// Keys of rows that were read.
    pub keys: u64,
    /// Keys whose row is in force.
    pub in_force: u64,
    /// Keys of which none is in force, and whose row begins soon.
    pub ahead: u64,
    /// Keys of which none is in force, and whose row ended a short while ago.
    pub leavers: u64,
    /// Keys of which no row is sent, as none is in force.
    pub none_in_force: Seen,
    /// Keys of which several rows are in force, and nothing decides.
    pub ties: Seen,
    /// Keys with a row that can't be read, and may be the one in force.
    pub doubtful: Seen,
    /// Rows that begin later.
    pub future_rows: Seen,
    /// Rows that end before they begin, and never hold.
    pub never_rows: Seen,
    /// Rows that are not sent, as another is in force, and have faults of their own, which are not told.
    pub faulty_rows: Seen,
    /// Keys with rows that hold on the same day, and none of which is preferred for its values.
    pub overlaps: Seen,
    /// Keys with days between two rows on which none holds.
    pub gaps: Seen,
    /// Keys of which several rows in force have the best value of the first preference.
    pub several_primary: Seen,
}

/// How many, and the lines of the first ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Seen {
    pub count: u64,
    pub first: Vec<Line>,
}

/// A line of the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Line {
    pub file: String,
    pub line: u64,
}

impl AsOf {
    /// In a few lines, for people.
    pub(super) fn lines(&self) -> Vec<String> {
        let keys = human::counted(self.keys, "key");
        let mut first = format!(
            "{}: {keys}, {} in force",
            self.at,
            human::count(self.in_force)
        );
        for (count, what) in [(self.ahead, "ahead"), (self.leavers, "of leavers")] {
            if count > 0 {
                let _ = write!(first, ", {} {what}", human::count(count));
            }
        }
        let seen = [
            ("no row in force, not sent", &self.none_in_force),
            ("tied rows, rejected", &self.ties),
            ("unclear which row, rejected", &self.doubtful),
            ("rows that begin later", &self.future_rows),
            ("rows that end before they begin", &self.never_rows),
            ("superseded rows with faults", &self.faulty_rows),
            ("periods that overlap", &self.overlaps),
            ("gaps between periods", &self.gaps),
            ("several primary rows", &self.several_primary),
        ];
        let seen = seen.into_iter().filter(|(_, seen)| seen.count > 0);
        let more = seen.map(|(what, seen)| {
            let count = human::count(seen.count);
            format!("{what:<33}{count:>7}  {}", seen.places())
        });
        std::iter::once(first).chain(more).collect()
    }
}

impl Seen {
    /// `a.csv:3, 7`; with three dots where there are more.
    pub(super) fn places(&self) -> String {
        let mut text = String::new();
        let mut file = "";
        for Line { file: own, line } in &self.first {
            let comma = if text.is_empty() { "" } else { ", " };
            let _ = match own == file {
                true => write!(text, "{comma}{line}"),
                false => write!(text, "{comma}{own}:{line}"),
            };
            file = own;
        }
        if self.count > self.first.len() as u64 {
            text.push_str(", ...");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(count: u64, places: &[(&str, u64)]) -> Seen {
        let line = |(file, line): &(&str, u64)| Line {
            file: (*file).to_owned(),
            line: *line,
        };
        Seen {
            count,
            first: places.iter().map(line).collect(),
        }
    }

    #[test]
    fn what_there_is_to_say() {
        let mut as_of = AsOf {
            at: Date::parse_iso("2026-11-26").unwrap(),
            keys: 2001,
            in_force: 2001,
            ahead: 0,
            leavers: 0,
            none_in_force: Seen::default(),
            ties: Seen::default(),
            doubtful: Seen::default(),
            future_rows: Seen::default(),
            never_rows: Seen::default(),
            faulty_rows: Seen::default(),
            overlaps: Seen::default(),
            gaps: Seen::default(),
            several_primary: Seen::default(),
        };
        assert_eq!(as_of.lines(), ["2026-11-26: 2,001 keys, 2,001 in force"]);
        as_of.in_force = 1990;
        as_of.ahead = 1;
        as_of.leavers = 3;
        as_of.none_in_force = seen(7, &[("a.csv", 3), ("a.csv", 9), ("b.csv", 2)]);
        assert_eq!(
            as_of.lines(),
            [
                "2026-11-26: 2,001 keys, 1,990 in force, 1 ahead, 3 of leavers",
                "no row in force, not sent              7  a.csv:3, 9, b.csv:2, ..."
            ]
        );
    }
}
