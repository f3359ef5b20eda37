//! The text of a table in parts, so that every worker can do something for it.

use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::batch::{Batch, Cell};
use crate::format::block::Boundary;
use crate::format::cut::{Cut, CutError};

/// Text of one part in bytes, unless a record needs more.
const PART: usize = if cfg!(test) { 32 } else { 256 * 1024 };

/// Where a row of a table is: in which part, and which of its rows.
///
/// A table has no more rows than the lower bits can tell, so no part has; and of two parts that follow each other one is
/// longer than half of [`PART`], so that there are no more parts than the upper bits can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::stage) struct At(u32);

impl At {
    const ROW_BITS: u32 = 20;

    pub(super) fn new(part: usize, row: usize) -> At {
        At((part as u32) << At::ROW_BITS | row as u32)
    }

    #[inline]
    pub(super) fn part(self) -> usize {
        (self.0 >> At::ROW_BITS) as usize
    }

    #[inline]
    pub(super) fn row(self) -> usize {
        (self.0 & ((1 << At::ROW_BITS) - 1)) as usize
    }
}

/// Some of a table's rows, and of those what is asked for.
pub(super) struct Part {
    text: String,
    /// The cells of the columns that are asked for, and nothing of the others.
    columns: Vec<Vec<Cell>>,
    /// The line that each row begins on, counted from the first of the part.
    lines: Vec<u32>,
    /// The physical line that the part begins on, from 1.
    line: u64,
}

impl Part {
    /// What a batch has of these columns, which begins on this line.
    pub(super) fn new(mut batch: Batch, is_kept: &[bool], line: u64) -> Part {
        let column = |(at, kept): (usize, &bool)| match kept {
            true => batch.column(at).to_vec(),
            false => Vec::new(),
        };
        Part {
            columns: is_kept.iter().enumerate().map(column).collect(),
            lines: (0..batch.len()).map(|row| batch.row(row).line).collect(),
            text: batch.take_text(),
            line,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn line_of(&self, row: usize) -> u64 {
        self.line + u64::from(self.lines[row])
    }

    #[inline]
    pub(super) fn cell(&self, row: usize, column: usize) -> &str {
        &self.text[self.columns[column][row].span()]
    }

    /// The texts of a column.
    pub(super) fn column(&self, column: usize) -> impl Iterator<Item = &str> {
        let cells = self.columns[column].iter();
        cells.map(|cell| &self.text[cell.span()])
    }
}

/// Takes a text to pieces on record boundaries.
///
/// # Errors
/// A quote that is never closed, as `wrong` tells it by the text before it.
pub(super) fn cut<E>(
    mut text: Vec<u8>,
    mut boundary: Boundary,
    wrong: impl FnOnce(&[u8]) -> E,
) -> Result<Vec<Vec<u8>>, E> {
    let mut begins = Vec::new();
    let mut from = 0;
    while from < text.len() {
        begins.push(from);
        from += match first(&text[from..], &mut boundary) {
            Ok(length) => length,
            Err(error) => return Err(wrong(&text[..from + error.at])),
        };
    }
    // From its end, so that the text goes as its parts come.
    let mut parts = Vec::with_capacity(begins.len());
    for at in begins.into_iter().rev() {
        parts.push(text.split_off(at));
        text.shrink_to_fit();
    }
    parts.reverse();
    Ok(parts)
}

/// The length of the first part of a text.
fn first(text: &[u8], boundary: &mut Boundary) -> Result<usize, CutError> {
    let mut most = PART;
    loop {
        let ends = most >= text.len();
        let part = if ends { text } else { &text[..most] };
        match boundary.cut(part, ends)? {
            Cut::At(at) => return Ok(at),
            _ if ends => return Ok(text.len()),
            _ => most *= 2,
        }
    }
}

/// Does the same to all of them, on so many threads, and gives back what comes of them in their order.
pub(super) fn spread<T: Send, R: Send>(
    all: Vec<T>,
    workers: usize,
    work: impl Fn(usize, T) -> R + Sync,
) -> Vec<R> {
    if workers.min(all.len()) <= 1 {
        let all = all.into_iter().enumerate();
        return all.map(|(at, one)| work(at, one)).collect();
    }
    let workers = workers.min(all.len());
    let rest = Mutex::new(all.into_iter().enumerate());
    let next = || rest.lock().unwrap_or_else(PoisonError::into_inner).next();
    let pull = || {
        let mut done = Vec::new();
        while let Some((at, one)) = next() {
            done.push((at, work(at, one)));
        }
        done
    };
    let mut done: Vec<(usize, R)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(pull)).collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined
            .flat_map(|done| done.unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    });
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, made)| made).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::scan::Dialect;

    #[test]
    fn parts_begin_where_records_do() {
        let long = "x".repeat(100);
        let text = format!("1,a\n2,\"b\n{long}\n\"\n3,c\n\n4,d\n5,{long}\n6,\"e\"\"\n\"\n7,f");
        let cut = |text: &str| {
            let boundary = Boundary::Csv(Dialect::default());
            cut(text.as_bytes().to_vec(), boundary, <[u8]>::len)
        };
        let parts = cut(&text).unwrap();
        assert!(parts.len() > 2);
        for part in &parts[1..] {
            assert!(part[0].is_ascii_digit(), "{part:?}");
        }
        assert_eq!(String::from_utf8(parts.concat()).unwrap(), text);
        assert!(cut("").unwrap().is_empty());
        let open = format!("1,{long}\n2,a\n3,\"b\n{long}\n");
        assert_eq!(cut(&open).unwrap_err(), open.find('"').unwrap());
    }

    #[test]
    fn what_is_spread_comes_back_in_order() {
        for workers in [0, 1, 3] {
            let all: Vec<usize> = (0..50).collect();
            let doubled = spread(all.clone(), workers, |at, one| {
                assert_eq!(at, one);
                2 * one
            });
            assert_eq!(doubled, all.iter().map(|one| 2 * one).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_place_is_told_apart_into_part_and_row() {
        for (part, row) in [(0, 0), (1, 0), (7, 999_999), (4095, 3)] {
            let at = At::new(part, row);
            assert_eq!((at.part(), at.row()), (part, row));
        }
        assert!(At::new(1, 0) > At::new(0, 999_999));
    }
}
