//! How far the engine is from what could be had: the job of `hris.yaml` once by the engine, and once by a
//! loop that was written by hand for this one job and can do nothing else. Both make the same bytes, which
//! is looked at before anything is measured: `cargo bench --bench hand`.
//!
//! The loop keeps what makes the engine fast (blocks on record boundaries, 64 bytes compared at a time,
//! fast escaping) and leaves out what makes it an engine: columns, places of rows, reasons for rejects,
//! hashes, and settings of any kind. It does the job in two ways, as `run` and `check` do: it writes the body, or
//! measures how long it would be.

mod by_hand;
mod shared;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use divan::Bencher;
use divan::counter::BytesCount;
use futures::{StreamExt, TryStreamExt, pin_mut};
use rostream::internals::config::Pipeline;
use rostream::internals::engine::body::Assembly;
use rostream::internals::engine::order::process;
use rostream::internals::source::place::sample::Format;
use tokio::runtime::Runtime;

/// Rows of the extract: 18 MB.
const ROWS: u64 = 100_000;

fn main() {
    // As a process of its own, to be compared with others: see benches/peers.
    if let Some(file) = std::env::var_os("HAND_FILE") {
        return alone(Path::new(&file));
    }
    let input = Input::new();
    let (body, length) = input.engine(2, true);
    assert!(length == input.engine(1, false).1);
    for threads in [1, 2] {
        assert!(
            body == input.collect(threads),
            "hand and engine make other bytes"
        );
        assert!(
            length == by_hand::measure(&input.path, threads),
            "measured by hand, the body has another length"
        );
    }
    divan::main();
}

/// The job on a stated file, once, with `HAND_THREADS` threads: the body to `HAND_OUT` or, with `HAND_MEASURE`, its
/// length to stdout.
fn alone(file: &Path) {
    let threads = std::env::var("HAND_THREADS").map_or(1, |n| n.parse().expect("a number"));
    if std::env::var_os("HAND_MEASURE").is_some() {
        return println!("{}", by_hand::measure(file, threads));
    }
    let out = std::env::var_os("HAND_OUT").expect("HAND_OUT is set");
    let mut out = File::create(out).expect("a file");
    by_hand::write(file, threads, |piece| {
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
        by_hand::write(&self.path, threads, |piece| body.extend_from_slice(piece));
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
        by_hand::write(&input.path, threads, |piece| length += piece.len());
        length
    });
}

#[divan::bench(args = [1, 2], sample_count = 20)]
fn hand_measuring(bencher: Bencher<'_, '_>, threads: usize) {
    let input = Input::new();
    bencher
        .counter(BytesCount::new(input.bytes))
        .bench(|| by_hand::measure(&input.path, threads));
}

#[divan::bench(args = [1, 2], sample_count = 20)]
fn engine(bencher: Bencher<'_, '_>, workers: usize) {
    let input = Input::new();
    bencher
        .counter(BytesCount::new(input.bytes))
        .bench(|| input.engine(workers, false).1);
}
