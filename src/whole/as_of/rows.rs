//! What the choice needs of every row, sorted by key: in memory up to a bound, beyond it in sorted runs on disk.
//!
//! The files have no name (they are unlinked as they are made, and only their owner could ever have opened them), and
//! hold hashes, days and ranks, not cells.
//!
//! Memory: 24 bytes a row and 8 for every word of ranks, [`BOUND`] at most; to join runs, one buffer a run, which are as
//! large together as the bound is at most.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::PathBuf;

use super::period::Period;

/// Bytes of rows that are kept in memory.
pub(super) const BOUND: usize = 64 << 20;

/// Bytes of a run that are read at once, at most and at least.
const READ: (usize, usize) = (256 << 10, 4 << 10);

/// A row of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) key: u64,
    pub(super) record: u32,
    pub(super) period: Period,
    /// A hash of what would be sent; 0 where that is nothing.
    pub(super) sent: u32,
}

/// Bytes of a row, as they are written.
const ROW: usize = 24;

impl Row {
    fn order(&self) -> (u64, u32) {
        (self.key, self.record)
    }

    fn to_bytes(self) -> [u8; ROW] {
        let mut bytes = [0; ROW];
        bytes[..8].copy_from_slice(&self.key.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.record.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.period.first.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.period.last.to_le_bytes());
        bytes[20..].copy_from_slice(&self.sent.to_le_bytes());
        bytes
    }

    fn of_bytes(bytes: &[u8; ROW]) -> Row {
        let four = |at: usize| [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        let low = u64::from(u32::from_le_bytes(four(0)));
        let high = u64::from(u32::from_le_bytes(four(4)));
        Row {
            key: low | high << 32,
            record: u32::from_le_bytes(four(8)),
            period: Period {
                first: i32::from_le_bytes(four(12)),
                last: i32::from_le_bytes(four(16)),
            },
            sent: u32::from_le_bytes(four(20)),
        }
    }
}

/// The temporary file can't be written or read.
#[derive(Debug, thiserror::Error)]
#[error("as_of: cannot {what} a temporary file in {} (TMPDIR names another folder)", dir.display())]
pub struct SpillError {
    what: &'static str,
    dir: PathBuf,
    source: io::Error,
}

impl SpillError {
    /// Whether the disk, or the user's share of it, is full.
    pub(crate) fn is_full(&self) -> bool {
        let kind = self.source.kind();
        matches!(
            kind,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        )
    }

    fn of(what: &'static str) -> impl Fn(io::Error) -> SpillError {
        move |source| SpillError {
            what,
            dir: std::env::temp_dir(),
            source,
        }
    }
}

/// The rows seen so far.
pub(super) struct Rows {
    /// Words of ranks that a row has.
    words: usize,
    bound: usize,
    rows: Vec<Row>,
    /// The ranks of the records from `first` on, whether they are rows or not.
    ranks: Vec<u64>,
    first: u32,
    /// Sorted each, on disk, with their numbers of rows.
    runs: Vec<(File, usize)>,
}

impl Rows {
    pub(super) fn new(words: usize, bound: usize) -> Rows {
        Rows {
            words,
            bound,
            rows: Vec::new(),
            ranks: Vec::new(),
            first: 0,
            runs: Vec::new(),
        }
    }

    /// Takes in a record that has a key, or one that has none. Records come in their order.
    pub(super) fn push(
        &mut self,
        record: u32,
        row: Option<Row>,
        ranks: impl Iterator<Item = u64>,
    ) -> Result<(), SpillError> {
        if self.bytes() >= self.bound {
            self.spill()?;
        }
        if self.rows.is_empty() {
            self.ranks.clear();
            self.first = record;
        }
        self.rows.extend(row);
        self.ranks.extend(ranks.take(self.words));
        Ok(())
    }

    /// The memory that they need.
    pub(super) fn bytes(&self) -> usize {
        self.rows.len() * size_of::<Row>() + self.ranks.len() * size_of::<u64>()
    }

    /// How many sorted runs are on disk.
    pub(super) fn runs(&self) -> usize {
        self.runs.len()
    }

    fn spill(&mut self) -> Result<(), SpillError> {
        let run = self.sorted();
        let file = tempfile::tempfile().map_err(SpillError::of("make"))?;
        let file = write(run, file).map_err(SpillError::of("write"))?;
        self.runs.push((file, self.rows.len()));
        self.rows.clear();
        self.ranks.clear();
        Ok(())
    }

    /// The rows in memory, by key and record, with their ranks.
    fn sorted(&mut self) -> impl Iterator<Item = (Row, &[u64])> {
        self.rows.sort_unstable_by_key(Row::order);
        let (ranks, words, first) = (&self.ranks, self.words, self.first);
        self.rows.iter().map(move |row| {
            let at = (row.record - first) as usize * words;
            (*row, &ranks[at..at + words])
        })
    }

    /// Shows the rows key by key, each key's in the order of their records, and forgets them. Ranks follow one another,
    /// a row's in a piece.
    pub(super) fn groups(mut self, mut see: impl FnMut(&[Row], &[u64])) -> Result<(), SpillError> {
        let mut group = Group::default();
        if self.runs.is_empty() {
            for (row, ranks) in self.sorted() {
                group.take(row, ranks, &mut see);
            }
        } else {
            self.spill()?;
            self.join(|row, ranks| group.take(row, ranks, &mut see))?;
        }
        group.end(&mut see);
        Ok(())
    }

    /// Joins the runs into one.
    fn join(self, mut see: impl FnMut(Row, &[u64])) -> Result<(), SpillError> {
        let Rows {
            words, bound, runs, ..
        } = self;
        let buffer = (bound / runs.len().max(1)).clamp(READ.1, READ.0);
        let open = |(file, left)| Run {
            file: BufReader::with_capacity(buffer, file),
            left,
            row: None,
            ranks: vec![0; words],
        };
        let mut runs: Vec<Run> = runs.into_iter().map(open).collect();
        let mut next = BinaryHeap::new();
        for (at, run) in runs.iter_mut().enumerate() {
            next.extend(run.next()?.map(|row| Reverse((row.order(), at))));
        }
        while let Some(Reverse((_, at))) = next.pop() {
            let run = &mut runs[at];
            if let Some(row) = run.row {
                see(row, &run.ranks);
            }
            next.extend(run.next()?.map(|row| Reverse((row.order(), at))));
        }
        Ok(())
    }
}

/// Writes a run, and goes back to its beginning.
fn write<'a>(run: impl Iterator<Item = (Row, &'a [u64])>, file: File) -> io::Result<File> {
    let mut out = BufWriter::with_capacity(READ.0, file);
    for (row, ranks) in run {
        out.write_all(&row.to_bytes())?;
        for rank in ranks {
            out.write_all(&rank.to_le_bytes())?;
        }
    }
    let mut file = out.into_inner().map_err(|error| error.into_error())?;
    file.rewind()?;
    Ok(file)
}

/// A run that is read: how many rows are left in it, the row that was read last, and its ranks.
struct Run {
    file: BufReader<File>,
    left: usize,
    row: Option<Row>,
    ranks: Vec<u64>,
}

impl Run {
    /// The next row, if there is one.
    fn next(&mut self) -> Result<Option<Row>, SpillError> {
        self.row = None;
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        let mut row = [0; ROW];
        self.file
            .read_exact(&mut row)
            .map_err(SpillError::of("read"))?;
        for rank in &mut self.ranks {
            let mut word = [0; 8];
            self.file
                .read_exact(&mut word)
                .map_err(SpillError::of("read"))?;
            *rank = u64::from_le_bytes(word);
        }
        self.row = Some(Row::of_bytes(&row));
        Ok(self.row)
    }
}

/// The rows of the key that is at hand.
#[derive(Default)]
struct Group {
    rows: Vec<Row>,
    ranks: Vec<u64>,
}

impl Group {
    fn take(&mut self, row: Row, ranks: &[u64], see: &mut impl FnMut(&[Row], &[u64])) {
        if self.rows.first().is_some_and(|first| first.key != row.key) {
            self.end(see);
        }
        self.rows.push(row);
        self.ranks.extend_from_slice(ranks);
    }

    fn end(&mut self, see: &mut impl FnMut(&[Row], &[u64])) {
        if !self.rows.is_empty() {
            see(&self.rows, &self.ranks);
        }
        self.rows.clear();
        self.ranks.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::super::period::NO_END;
    use super::*;

    /// A file that has lost rows is an error, and not a file of fewer rows.
    #[test]
    fn a_run_that_is_cut_off_is_an_error() {
        for lost in [1, 8, ROW as u64, ROW as u64 + 8] {
            let mut rows = Rows::new(1, 1);
            for record in 0..3 {
                let period = Period {
                    first: 0,
                    last: NO_END,
                };
                let row = Row {
                    key: 1,
                    record,
                    period,
                    sent: 1,
                };
                rows.push(record, Some(row), [7].into_iter()).unwrap();
            }
            let file = &rows.runs[0].0;
            file.set_len(file.metadata().unwrap().len() - lost).unwrap();
            assert!(rows.groups(|_, _| ()).is_err(), "{lost}");
        }
    }
}
