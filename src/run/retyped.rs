//! Texts of a CSV upload that the server may make something else of, by column, for a warning once a run.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::batch::Batch;
use crate::orgvue::retyped::Found;
use crate::report::human;

/// Columns that are named at most.
const NAMED: usize = 10;

/// What was found in all blocks, each column with the place of its first cell.
#[derive(Debug, Default)]
pub(crate) struct Retyped(BTreeMap<usize, (u64, Place)>);

/// A file of the source, and a physical line.
type Place = (u32, u64);

impl Retyped {
    /// Takes in what was found in the next block, which begins on `line` of `file`.
    pub(crate) fn add(&mut self, found: &[Found], (file, line): Place, batch: &Batch) {
        for Found { column, cells, row } in found {
            let line = line + u64::from(batch.row(*row as usize).line);
            let known = self.0.entry(*column).or_insert((0, (file, line)));
            known.0 += cells;
        }
    }

    /// A warning, where anything was found. `names` are the columns', as far as they may be told, and `files` the
    /// source's.
    pub(crate) fn warning(&self, names: &[Option<Arc<str>>], files: &[String]) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let column = |(&column, &(cells, (file, line))): (&usize, &(u64, Place))| {
            let name = match names.get(column) {
                Some(Some(name)) => format!("`{name}`"),
                _ => format!("column {}", column + 1),
            };
            let place = match files {
                [] | [_] => format!("on line {line}"),
                files => format!("in {}:{line}", files[file as usize]),
            };
            format!(
                "{name} ({}, the first {place})",
                human::counted(cells, "cell")
            )
        };
        let mut named: Vec<String> = self.0.iter().take(NAMED).map(column).collect();
        if self.0.len() > NAMED {
            let more = (self.0.len() - NAMED) as u64;
            named.push(format!("{} more", human::counted(more, "column")));
        }
        Some(format!(
            "the CSV reader that Orgvue has published would change texts such as 007, 1E5 or TRUE, and trim \
             others: {}; whether the import does so is not known. With `upload.format: json` they stay as they are",
            named.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Row;

    #[test]
    fn columns_are_told_with_their_first_line() {
        let mut batch = Batch::new(String::new(), 0);
        for line in 0..4 {
            batch.push_row(Row {
                line,
                start: 0,
                end: 0,
            });
        }
        let found = |column, cells, row| Found { column, cells, row };
        let found = [found(0, 1, 3), found(1, 3, 0)];
        let mut retyped = Retyped::default();
        assert_eq!(retyped.warning(&[], &[]), None);
        retyped.add(&found, (0, 2), &batch);
        let names = [Some("b".into()), None];
        let told = retyped.warning(&names, &["p.csv".to_owned()]).unwrap();
        let expected = "others: `b` (1 cell, the first on line 5), column 2 (3 cells, the first on line 2); whether";
        assert!(told.contains(expected), "{told}");
        retyped.add(&found, (1, 9), &batch);
        let told = retyped.warning(&names, &["p.csv".to_owned(), "q.csv".to_owned()]);
        let expected = "others: `b` (2 cells, the first in p.csv:5), column 2 (6 cells, the first in p.csv:2); whether";
        assert!(
            told.as_ref().is_some_and(|told| told.contains(expected)),
            "{told:?}"
        );
    }
}
