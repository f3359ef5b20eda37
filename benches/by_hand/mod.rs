//! The loop that was written by hand for the job of `hris.yaml` and can do nothing else.
//!
//! It takes files as `rostream sample` writes them: cells are quoted as a whole or not at all.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use memchr::{memchr_iter, memrchr_iter};
use wide::u8x16;

/// Bytes that are read at once, as the engine does.
const BLOCK: usize = 256 * 1024;

const COLUMNS: usize = 20;

/// What stands before the first value.
const OPENING: &[u8] = b",\n{\"_action\":\"create\"";

/// What stands before each value.
const MEMBERS: [&str; COLUMNS] = [
    r#","employeeID":"#,
    r#","firstName":"#,
    r#","lastName":"#,
    r#","email":"#,
    r#","positionID":"#,
    r#","positionTitle":"#,
    r#","grade":"#,
    r#","salary":"#,
    r#","currency":"#,
    r#","dob":"#,
    r#","hireDate":"#,
    r#","terminationDate":"#,
    r#","managerID":"#,
    r#","location":"#,
    r#","department":"#,
    r#","costCenter":"#,
    r#","fte":"#,
    r#","employmentType":"#,
    r#","workerStatus":"#,
    r#","comments":"#,
];

/// The whole job; pieces of the body are written in order.
pub fn write(path: &Path, threads: usize, write: impl FnMut(&[u8]) + Send) {
    let writer = Mutex::new(Writer {
        next: 0,
        waiting: HashMap::new(),
        spare: Vec::new(),
        any: false,
        write,
    });
    blocks(path, threads, |number, text, cells| {
        let mut out = locked(&writer).spare.pop().unwrap_or_default();
        write_rows(text, cells, &mut out);
        locked(&writer).take(number, out);
    });
    let mut writer = writer.into_inner().unwrap_or_else(PoisonError::into_inner);
    (writer.write)(if writer.any { b"\n]\n" } else { b"[]\n" });
}

/// How many bytes the whole job would write.
pub fn measure(path: &Path, threads: usize) -> u64 {
    let total = AtomicU64::new(0);
    blocks(path, threads, |_, text, cells| {
        let length = if cells.plain {
            cells
                .rows()
                .filter_map(|row| length(text.as_bytes(), &row))
                .sum()
        } else {
            let mut out = Vec::new();
            write_rows(text, cells, &mut out);
            out.len()
        };
        total.fetch_add(length as u64, Ordering::Relaxed);
    });
    // The bracket of an array with rows stands in the place of the first row's comma.
    match total.into_inner() {
        0 => b"[]\n".len() as u64,
        rows => rows + b"\n]\n".len() as u64,
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Every block with its number and its cells. The threads take the next one from the one reader.
fn blocks(path: &Path, threads: usize, work: impl Fn(u64, &str, &Cells) + Sync) {
    let reader = Mutex::new(Reader {
        file: File::open(path).expect("the file"),
        rest: Vec::new(),
        number: 0,
        ended: false,
    });
    let pull = || {
        let (mut text, mut cells) = (Vec::new(), Cells::default());
        loop {
            let next = locked(&reader).next(&mut text);
            let Some(number) = next else { break };
            let text = std::str::from_utf8(&text).expect("UTF-8");
            cells.find(text.as_bytes(), number == 0);
            work(number, text, &cells);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(pull);
        }
        pull();
    });
}

/// Hands out blocks that end on record boundaries.
struct Reader {
    file: File,
    rest: Vec<u8>,
    number: u64,
    ended: bool,
}

impl Reader {
    /// The next block, in place of what `text` held, and its number.
    fn next(&mut self, text: &mut Vec<u8>) -> Option<u64> {
        text.clear();
        text.append(&mut self.rest);
        let want = BLOCK - text.len().min(BLOCK);
        let mut part = (&mut self.file).take(want as u64);
        self.ended |= part.read_to_end(text).expect("the file") < want;
        if !self.ended {
            let end = end_of_records(text);
            self.rest.extend_from_slice(&text[end..]);
            text.truncate(end);
        } else if text.is_empty() {
            return None;
        } else if text.last() != Some(&b'\n') {
            text.push(b'\n');
        }
        self.number += 1;
        Some(self.number - 1)
    }
}

/// Where the last whole record ends: behind the last line feed with an even number of quotes before it.
fn end_of_records(text: &[u8]) -> usize {
    let quotes = |text| memchr_iter(b'"', text).count();
    let (mut before, mut seen) = (quotes(text), text.len());
    for at in memrchr_iter(b'\n', text) {
        before -= quotes(&text[at..seen]);
        seen = at;
        if before.is_multiple_of(2) {
            return at + 1;
        }
    }
    panic!("a record longer than a block");
}

/// Puts pieces back into their order.
struct Writer<F> {
    next: u64,
    waiting: HashMap<u64, Vec<u8>>,
    spare: Vec<Vec<u8>>,
    any: bool,
    write: F,
}

impl<F: FnMut(&[u8])> Writer<F> {
    fn take(&mut self, number: u64, piece: Vec<u8>) {
        self.waiting.insert(number, piece);
        while let Some(mut piece) = self.waiting.remove(&self.next) {
            self.next += 1;
            if let (false, Some(first)) = (self.any, piece.first_mut()) {
                *first = b'[';
                self.any = true;
            }
            (self.write)(&piece);
            piece.clear();
            self.spare.push(piece);
        }
    }
}

/// Where the cells and the rows of a block are.
#[derive(Default)]
struct Cells {
    /// Where each cell ends.
    ends: Vec<u32>,
    /// The beginning of each row, and behind them the end of the block.
    starts: Vec<Start>,
    /// Nothing needs to be escaped but quotes and line feeds.
    plain: bool,
}

/// Where a row begins: the byte, its first cell among all cells, and the line feeds in quotes before it.
#[derive(Clone, Copy, Default)]
struct Start {
    at: u32,
    cell: u32,
    feeds: u32,
}

/// A row that has a cell for every column.
struct Row<'c> {
    start: usize,
    ends: &'c [u32; COLUMNS],
    /// Line feeds in quotes.
    feeds: usize,
}

impl Cells {
    /// Finds the cells of whole records, the first of which may be the header.
    fn find(&mut self, text: &[u8], header: bool) {
        self.ends.clear();
        self.starts.clear();
        let mut start = Start::default();
        self.starts.push(start);
        let (mut open, mut special) = (0, 0);
        let mut find = |base: usize, bytes: &[u8; 64]| {
            let bytes = Bytes::new(bytes);
            let quoted = odd(bytes.equal(b'"')) ^ open;
            // All ones where a quote is open at the end.
            open = ((quoted as i64) >> 63) as u64;
            let (feeds, commas) = (bytes.equal(b'\n'), bytes.equal(b','));
            special |= bytes.equal(b'\\') | (bytes.below(b' ') & !feeds);
            let within = feeds & quoted;
            let mut ends = (feeds | commas) & !quoted;
            while ends != 0 {
                let bit = ends.trailing_zeros();
                self.ends.push(base as u32 + bit);
                if feeds >> bit & 1 == 1 {
                    self.starts.push(Start {
                        at: base as u32 + bit + 1,
                        cell: self.ends.len() as u32,
                        feeds: start.feeds + (within & ((1 << bit) - 1)).count_ones(),
                    });
                }
                ends &= ends - 1;
            }
            start.feeds += within.count_ones();
        };
        let (whole, rest) = text.as_chunks::<64>();
        for (at, bytes) in whole.iter().enumerate() {
            find(at * 64, bytes);
        }
        // Nobody looks for blanks.
        let mut last = [b' '; 64];
        last[..rest.len()].copy_from_slice(rest);
        find(whole.len() * 64, &last);
        self.plain = special == 0;
        if header {
            self.starts.remove(0);
        }
    }

    fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.starts.windows(2).filter_map(|pair| {
            let cells = pair[0].cell as usize..pair[1].cell as usize;
            Some(Row {
                start: pair[0].at as usize,
                ends: self.ends[cells].try_into().ok()?,
                feeds: (pair[1].feeds - pair[0].feeds) as usize,
            })
        })
    }
}

/// 64 bytes that are compared at once; a bit of what comes of it is a byte.
struct Bytes([u8x16; 4]);

impl Bytes {
    #[inline(always)]
    fn new(bytes: &[u8; 64]) -> Bytes {
        Bytes(std::array::from_fn(|part| {
            u8x16::new(std::array::from_fn(|at| bytes[part * 16 + at]))
        }))
    }

    #[inline(always)]
    fn bits(&self, compare: impl Fn(u8x16) -> u8x16) -> u64 {
        let parts = self.0.iter().rev();
        parts.fold(0, |bits, part| {
            bits << 16 | u64::from(compare(*part).to_bitmask())
        })
    }

    #[inline(always)]
    fn equal(&self, byte: u8) -> u64 {
        self.bits(|part| part.simd_eq(u8x16::splat(byte)))
    }

    #[inline(always)]
    fn below(&self, byte: u8) -> u64 {
        self.bits(|part| part.min(u8x16::splat(byte - 1)).simd_eq(part))
    }
}

/// The bits up to and with which an odd number of bits is set.
#[inline(always)]
fn odd(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

/// The columns that are never empty: employee, first name, date of birth.
const REQUIRED: [usize; 3] = [0, 1, 9];
const NUMBERS: [usize; 2] = [7, 16];
const DATES: [usize; 3] = [9, 10, 11];

/// Where the values of a row are, doubled quotes not undone; nothing where one is missing.
#[inline(always)]
fn values(text: &[u8], row: &Row<'_>) -> Option<[Range<usize>; COLUMNS]> {
    let mut start = row.start;
    let values = row.ends.map(|end| {
        let (from, end) = (start, end as usize);
        start = end + 1;
        let quoted = usize::from(text[from] == b'"');
        from + quoted..end - quoted
    });
    let missing = REQUIRED.iter().any(|&column| values[column].is_empty());
    (!missing).then_some(values)
}

/// How long a row is, or nothing where something is wrong with it. Only quotes and line feeds need to be escaped: a
/// doubled quote is as long as an escaped one.
fn length(text: &[u8], row: &Row<'_>) -> Option<usize> {
    let values = values(text, row)?;
    let mut length = OPENING.len() + row.feeds + b"}".len();
    for (value, member) in values.iter().zip(MEMBERS) {
        // With its quotes, as dates have them, too.
        let written = member.len() + value.len() + 2;
        length += if value.is_empty() { 0 } else { written };
    }
    for column in DATES {
        let value = &text[values[column].clone()];
        if !value.is_empty() {
            date(value)?;
        }
    }
    for column in NUMBERS {
        let value = &text[values[column].clone()];
        if !value.is_empty() {
            length -= value.len() + 2 - digits(value)?;
        }
    }
    Some(length)
}

fn write_rows(text: &str, cells: &Cells, out: &mut Vec<u8>) {
    let mut scratch = String::new();
    for row in cells.rows() {
        let before = out.len();
        if write_row(text, &row, out, &mut scratch).is_none() {
            out.truncate(before);
        }
    }
}

/// One row, or nothing where something is wrong with it.
fn write_row(text: &str, row: &Row<'_>, out: &mut Vec<u8>, scratch: &mut String) -> Option<()> {
    out.extend_from_slice(OPENING);
    let values = values(text.as_bytes(), row)?;
    for (column, (value, member)) in values.into_iter().zip(MEMBERS).enumerate() {
        if value.is_empty() {
            continue;
        }
        let quoted = text.as_bytes()[value.end] == b'"';
        let value = &text[value];
        out.extend_from_slice(member.as_bytes());
        if DATES.contains(&column) {
            out.extend_from_slice(&date(value.as_bytes())?);
        } else if NUMBERS.contains(&column) {
            digits(value.as_bytes())?;
            let parts = value.as_bytes().split(|&byte| byte == b',');
            parts.for_each(|part| out.extend_from_slice(part));
        } else if quoted && value.contains('"') {
            scratch.clear();
            for part in value.split_inclusive("\"\"") {
                scratch.push_str(part.strip_suffix('"').unwrap_or(part));
            }
            json_escape_simd::escape_into(&scratch, out);
        } else {
            json_escape_simd::escape_into(value, out);
        }
    }
    out.push(b'}');
    Some(())
}

/// How many digits a number has, and the point among them, if any; commas before it are left out.
fn digits(text: &[u8]) -> Option<usize> {
    let (mut length, mut point) = (0, false);
    for byte in text {
        match byte {
            b'0'..=b'9' => length += 1,
            b'.' if !point => {
                point = true;
                length += 1;
            }
            b',' if !point => {}
            _ => return None,
        }
    }
    Some(length)
}

/// `DD/MM/YYYY` of a day that there is, as `"YYYY-MM-DD"`.
fn date(text: &[u8]) -> Option<[u8; 12]> {
    let &[d1, d2, b'/', m1, m2, b'/', y1, y2, y3, y4] = text else {
        return None;
    };
    if ![d1, d2, m1, m2, y1, y2, y3, y4]
        .iter()
        .all(u8::is_ascii_digit)
    {
        return None;
    }
    let two = |a: u8, b: u8| u32::from(a - b'0') * 10 + u32::from(b - b'0');
    let (day, month, year) = (two(d1, d2), two(m1, m2), two(y1, y2) * 100 + two(y3, y4));
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    (1..=last)
        .contains(&day)
        .then_some([b'"', y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'"'])
}
