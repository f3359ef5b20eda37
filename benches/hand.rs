//! How far the engine is from what could be had: the job of `hris.yaml` once by the engine, and once by a
//! loop that was written by hand for this one job and can do nothing else. Both make the same bytes, which
//! is looked at before anything is measured: `cargo bench --bench hand`.
//!
//! The loop keeps what makes the engine fast (blocks on record boundaries, 64 bytes compared at a time,
//! fast escaping) and leaves out what makes it an engine: columns, places of rows, reasons for rejects,
//! hashes, and settings of any kind.

mod shared;

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use divan::Bencher;
use divan::counter::BytesCount;
use futures::{StreamExt, TryStreamExt, pin_mut};
use rostream::internals::config::Pipeline;
use rostream::internals::engine::blocks::BLOCK;
use rostream::internals::engine::body::Assembly;
use rostream::internals::engine::order::process;
use rostream::internals::format::block::{Boundary, Cut};
use rostream::internals::source::place::sample::Format;
use rostream::internals::text::scan::{Dialect, Hits};
use tokio::runtime::Runtime;

/// Rows of the extract: 18 MB.
const ROWS: u64 = 100_000;

const COLUMNS: usize = 20;

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

fn main() {
    // As a process of its own, to be compared with others: see benches/peers.
    if let Some(file) = std::env::var_os("HAND_FILE") {
        return alone(Path::new(&file));
    }
    let input = Input::new();
    let by_hand = input.collect(1);
    assert!(
        by_hand == input.collect(2),
        "one thread and two make other bytes"
    );
    assert!(
        by_hand == input.engine(2, true).0,
        "hand and engine make other bytes"
    );
    assert!(by_hand.len() as u64 == input.engine(1, false).1);
    divan::main();
}

/// The job on a stated file, once: `HAND_THREADS` threads, the body to `HAND_OUT`.
fn alone(file: &Path) {
    let threads = std::env::var("HAND_THREADS").map_or(1, |n| n.parse().expect("a number"));
    let out = std::env::var_os("HAND_OUT").expect("HAND_OUT is set");
    let mut out = File::create(out).expect("a file");
    by_hand(file, threads, |piece| {
        out.write_all(piece).expect("a file that can be written");
    });
}

/// The extract as a file.
struct Input {
    _folder: tempfile::TempDir,
    path: PathBuf,
    bytes: usize,
    pipeline: Pipeline,
    runtime: Runtime,
}

impl Input {
    fn new() -> Input {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("hris.csv");
        let text = shared::sample(ROWS, Format::Csv);
        std::fs::write(&path, &text).expect("a file");
        Input {
            _folder: folder,
            bytes: text.len(),
            pipeline: shared::pipeline("hris.yaml", &path, &[]),
            path,
            runtime: shared::runtime(),
        }
    }

    fn collect(&self, threads: usize) -> Vec<u8> {
        let mut body = Vec::new();
        by_hand(&self.path, threads, |piece| body.extend_from_slice(piece));
        body
    }

    /// The body, where it is wanted, and its length.
    fn engine(&self, workers: usize, keep: bool) -> (Vec<u8>, u64) {
        self.runtime.block_on(async {
            let (source, blocks, engine) = shared::open(&self.pipeline).await;
            let mut body = Vec::new();
            let mut assembly = Assembly::new(engine.encoder());
            let done = process(blocks, source, engine, workers);
            pin_mut!(done);
            body.extend_from_slice(&assembly.header());
            while let Some(next) = done.try_next().await.expect("a block") {
                let piece = assembly.piece(next, &[], &[]);
                if keep {
                    body.extend_from_slice(&piece);
                }
            }
            body.extend_from_slice(&assembly.footer());
            assert!(done.next().await.is_none());
            (body, assembly.digest().length)
        })
    }
}

#[divan::bench(args = [1, 2], sample_count = 20)]
fn hand(bencher: Bencher<'_, '_>, threads: usize) {
    let input = Input::new();
    bencher.counter(BytesCount::new(input.bytes)).bench(|| {
        let mut length = 0;
        by_hand(&input.path, threads, |piece| length += piece.len());
        length
    });
}

#[divan::bench(args = [1, 2], sample_count = 20)]
fn engine(bencher: Bencher<'_, '_>, workers: usize) {
    let input = Input::new();
    bencher
        .counter(BytesCount::new(input.bytes))
        .bench(|| input.engine(workers, false).1);
}

/// Hands out blocks that end on record boundaries.
struct Reader {
    file: File,
    rest: Vec<u8>,
    number: u64,
    ended: bool,
}

impl Reader {
    fn next(&mut self) -> Option<(u64, Vec<u8>)> {
        let mut boundary = Boundary::Csv(Dialect::default());
        let mut text = std::mem::take(&mut self.rest);
        let want = BLOCK - text.len().min(BLOCK);
        let mut part = (&mut self.file).take(want as u64);
        let got = part.read_to_end(&mut text).expect("the file");
        self.ended |= got < want;
        if text.is_empty() {
            return None;
        }
        match boundary.cut(&text, self.ended) {
            Ok(Cut::At(at)) => {
                self.rest = Vec::with_capacity(BLOCK);
                self.rest.extend_from_slice(&text[at..]);
                text.truncate(at);
                self.number += 1;
                Some((self.number - 1, text))
            }
            _ => panic!("a record longer than a block"),
        }
    }
}

/// Puts pieces back into their order.
struct Writer<F> {
    next: u64,
    waiting: HashMap<u64, Vec<u8>>,
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
        }
    }
}

/// The whole job.
fn by_hand(path: &Path, threads: usize, write: impl FnMut(&[u8]) + Send) {
    let file = File::open(path).expect("the file");
    let reader = Mutex::new(Reader {
        file,
        rest: Vec::new(),
        number: 0,
        ended: false,
    });
    let writer = Mutex::new(Writer {
        next: 0,
        waiting: HashMap::new(),
        any: false,
        write,
    });
    let work = || loop {
        let next = reader.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some((number, text)) = next else { break };
        let mut out = Vec::with_capacity(text.len() * 3);
        rows(&text, number == 0, &mut out);
        writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(number, out);
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    let mut writer = writer.into_inner().unwrap_or_else(PoisonError::into_inner);
    (writer.write)(if writer.any { b"\n]\n" } else { b"[]\n" });
}

/// Turns whole records into rows of JSON. Of the first block, the first record is the header.
fn rows(text: &[u8], header: bool, out: &mut Vec<u8>) {
    let text = std::str::from_utf8(text).expect("UTF-8");
    let bytes = text.as_bytes();
    let mut cells = [(0usize, 0usize); COLUMNS];
    let (mut count, mut start, mut quoted, mut skip) = (0, 0, false, header);
    let mut scratch = String::new();
    for at in Hits::new(bytes, [b',', b'"', b'\n']) {
        let byte = bytes[at];
        if byte == b'"' {
            // A doubled quote turns it off and on again.
            quoted = !quoted;
            continue;
        }
        if quoted {
            continue;
        }
        if let Some(cell) = cells.get_mut(count) {
            *cell = (start, at);
        }
        count += 1;
        start = at + 1;
        if byte == b'\n' {
            if count == COLUMNS && !skip {
                let before = out.len();
                if row(text, &cells, out, &mut scratch).is_none() {
                    out.truncate(before);
                }
            }
            skip = false;
            count = 0;
        }
    }
}

/// One row, or nothing where something is wrong with it.
fn row(
    text: &str,
    cells: &[(usize, usize); COLUMNS],
    out: &mut Vec<u8>,
    scratch: &mut String,
) -> Option<()> {
    out.extend_from_slice(b",\n{\"_action\":\"create\"");
    for (column, (&(start, end), member)) in cells.iter().zip(MEMBERS).enumerate() {
        let mut cell = &text[start..end];
        if cell.starts_with('"') {
            cell = &cell[1..cell.len() - 1];
            if cell.contains('"') {
                scratch.clear();
                let mut parts = cell.split("\"\"");
                scratch.push_str(parts.next().unwrap_or_default());
                for part in parts {
                    scratch.push('"');
                    scratch.push_str(part);
                }
                cell = scratch;
            }
        }
        if cell.is_empty() {
            // Employee, first name and date of birth must be there.
            if matches!(column, 0 | 1 | 9) {
                return None;
            }
            continue;
        }
        out.extend_from_slice(member.as_bytes());
        match column {
            7 | 16 => number(cell, out)?,
            9..=11 => date(cell.as_bytes(), out)?,
            _ => json_escape_simd::escape_into(cell, out),
        }
    }
    out.push(b'}');
    Some(())
}

/// Digits with at most one point among them; commas are left out.
fn number(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let mut points = 0;
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' => out.push(byte),
            b'.' if points == 0 => {
                points += 1;
                out.push(byte);
            }
            b',' if points == 0 => {}
            _ => return None,
        }
    }
    Some(())
}

/// `DD/MM/YYYY` of a day that there is, as `"YYYY-MM-DD"`.
fn date(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
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
    if !(1..=last).contains(&day) {
        return None;
    }
    out.extend_from_slice(&[b'"', y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'"']);
    Some(())
}
