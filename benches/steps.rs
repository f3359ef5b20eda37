//! Every step on its own, on one block (a mebibyte) of a made-up extract: `cargo bench --bench steps`.
//! Speeds are of the text that the step is given.

mod shared;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use rostream::internals::batch::Batch;
use rostream::internals::engine::blocks::BLOCK;
use rostream::internals::engine::process::Engine;
use rostream::internals::format::block::{Block, Boundary};
use rostream::internals::format::json::cut::Cutter;
use rostream::internals::source::place::sample::Format;
use rostream::internals::text::scan::Dialect;
use rostream::internals::whole::keys::Keys;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use std::sync::Arc;

fn main() {
    divan::main();
}

/// Rows that fill a block, and some more.
const ROWS: u64 = 8_000;

/// The first block of an extract, and a plan for it.
struct Bound {
    block: Block,
    engine: Arc<Engine>,
}

impl Bound {
    fn new(format: Format, file: &str, sets: &[&str]) -> Bound {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("extract");
        std::fs::write(&path, shared::sample(ROWS, format)).expect("a file");
        let pipeline = shared::pipeline(file, &path, sets);
        shared::runtime().block_on(async {
            let (_, mut blocks, engine) = shared::open(&pipeline).await;
            let block = blocks.next().await.expect("text").expect("a block");
            Bound { block, engine }
        })
    }

    fn csv() -> Bound {
        Bound::new(Format::Csv, "hris.yaml", &[])
    }

    fn bytes(&self) -> BytesCount {
        BytesCount::new(self.block.bytes.len())
    }

    fn parsed(&self) -> Batch {
        let mut batch = self.engine.parse(self.block.clone()).expect("records");
        self.engine.widen(&mut batch);
        batch
    }

    fn transformed(&self) -> Batch {
        let mut batch = self.parsed();
        self.engine.transform(&mut batch);
        batch
    }

    /// Times one stage on batches that the stages before it have left as they leave them.
    fn stage(&self, bencher: Bencher<'_, '_>, name: &str) {
        let at = self
            .engine
            .stages()
            .position(|(n, _)| n == name)
            .expect("such a stage");
        let (_, stage) = self.engine.stages().nth(at).expect("such a stage");
        bencher
            .counter(self.bytes())
            .with_inputs(|| {
                let mut batch = self.parsed();
                for (_, before) in self.engine.stages().take(at) {
                    before.apply(&mut batch);
                }
                batch
            })
            .bench_refs(|batch| stage.apply(batch));
    }
}

fn split(bencher: Bencher<'_, '_>, format: Format, boundary: Boundary) {
    let text = shared::sample(ROWS, format);
    let text = &text[..BLOCK];
    bencher
        .counter(BytesCount::new(text.len()))
        .with_inputs(|| boundary.clone())
        .bench_refs(|boundary| boundary.cut(black_box(text), false));
}

#[divan::bench]
fn split_csv(bencher: Bencher<'_, '_>) {
    split(bencher, Format::Csv, Boundary::Csv(Dialect::default()));
}

#[divan::bench]
fn split_ndjson(bencher: Bencher<'_, '_>) {
    split(bencher, Format::Ndjson, Boundary::Lines);
}

#[divan::bench]
fn split_json(bencher: Bencher<'_, '_>) {
    split(bencher, Format::Json, Boundary::Json(Cutter::default()));
}

fn parse(bencher: Bencher<'_, '_>, bound: &Bound) {
    bencher
        .counter(bound.bytes())
        .with_inputs(|| bound.block.clone())
        .bench_values(|block| bound.engine.parse(block));
}

#[divan::bench]
fn parse_csv(bencher: Bencher<'_, '_>) {
    parse(bencher, &Bound::csv());
}

#[divan::bench]
fn parse_ndjson(bencher: Bencher<'_, '_>) {
    parse(
        bencher,
        &Bound::new(Format::Ndjson, "hris.yaml", &["source.format=ndjson"]),
    );
}

#[divan::bench]
fn parse_json(bencher: Bencher<'_, '_>) {
    parse(
        bencher,
        &Bound::new(Format::Json, "hris.yaml", &["source.format=json"]),
    );
}

#[divan::bench(args = ["trim", "date", "number", "map", "case", "filter", "set"])]
fn stage(bencher: Bencher<'_, '_>, name: &str) {
    Bound::new(Format::Csv, "stages.yaml", &[]).stage(bencher, name);
}

#[divan::bench]
fn rules(bencher: Bencher<'_, '_>) {
    let bound = Bound::new(Format::Csv, "stages.yaml", &[]);
    bencher
        .counter(bound.bytes())
        .with_inputs(|| {
            let mut batch = bound.parsed();
            bound
                .engine
                .stages()
                .for_each(|(_, stage)| stage.apply(&mut batch));
            batch
        })
        .bench_refs(|batch| bound.engine.check(batch));
}

fn encode(bencher: Bencher<'_, '_>, sets: &[&str]) {
    let bound = Bound::new(Format::Csv, "hris.yaml", sets);
    let batch = bound.transformed();
    bencher
        .counter(bound.bytes())
        .bench(|| bound.engine.encoder().encode(black_box(&batch)));
}

#[divan::bench]
fn encode_json(bencher: Bencher<'_, '_>) {
    encode(bencher, &[]);
}

#[divan::bench]
fn encode_csv(bencher: Bencher<'_, '_>) {
    encode(bencher, &["upload.format=csv"]);
}

#[divan::bench]
fn hash(bencher: Bencher<'_, '_>) {
    let bound = Bound::csv();
    let encoded = bound.engine.encoder().encode(&bound.transformed());
    bencher
        .counter(BytesCount::new(encoded.bytes.len()))
        .bench(|| xxh3_128(black_box(&encoded.bytes)));
}

#[divan::bench(args = [10_000, 1_000_000], sample_count = 10)]
fn keys_insert(bencher: Bencher<'_, '_>, keys: u32) {
    let hashes: Vec<u64> = (0..keys).map(|key| xxh3_64(&key.to_le_bytes())).collect();
    bencher
        .counter(ItemsCount::new(keys))
        .with_inputs(Keys::default)
        .bench_refs(|set| {
            set.insert_all(hashes.iter().copied().zip(0..), |_, _| ());
        });
}

/// All of it: what a worker does with a block.
#[divan::bench]
fn process(bencher: Bencher<'_, '_>) {
    let bound = Bound::csv();
    bencher
        .counter(bound.bytes())
        .with_inputs(|| bound.block.clone())
        .bench_values(|block| bound.engine.process(block));
}
