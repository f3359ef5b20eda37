//! Every step on its own, on one block (256 KiB) of a made-up extract: `cargo bench --bench steps`.
//! Speeds are of the text that the step is given.

mod shared;

use clap::Parser;
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
use rostream::{Cli, Exit};
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

/// Each in a `set` of its own, on the columns as the stages before it leave them.
#[divan::bench(args = [
    r#"row["Legal First Name"] + " " + row["Legal Last Name"]"#,
    r#"row["Worker Status"] == "A" ? "in" : "out""#,
    r#"Grade in ["G1", "G2", "G3", "G4", "G5", "G6", "G7", "G8", "G9", "G10"]"#,
    r#"double(row["Annual Salary"]) * 1.1 + 5.0"#,
    r#"matches(row["Cost Center"], "^CC-[0-9]{4}$")"#,
    r#"row["Hire Date"] > row["Date of Birth"]"#,
])]
fn expression(bencher: Bencher<'_, '_>, text: &str) {
    // In YAML's single quotes.
    let set = format!("stages.6={{ set: {{ made: '{text}' }} }}");
    Bound::new(Format::Csv, "stages.yaml", &[&set]).stage(bencher, "set");
}

#[divan::bench(args = [
    r#"row["Worker Status"] != "T" || row["Termination Date"] != """#,
    r#"Currency in ["GBP", "EUR", "USD"]"#,
])]
fn row_rule(bencher: Bencher<'_, '_>, text: &str) {
    let set = format!("validate={{ rows: [{{ assert: '{text}', code: broken }}] }}");
    check(bencher, &[&set]);
}

#[divan::bench]
fn rules(bencher: Bencher<'_, '_>) {
    check(bencher, &[]);
}

/// Times the rules of `stages.yaml`, or others.
fn check(bencher: Bencher<'_, '_>, sets: &[&str]) {
    let bound = Bound::new(Format::Csv, "stages.yaml", sets);
    bencher
        .counter(bound.bytes())
        .with_inputs(|| bound.transformed())
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

/// Blocks of so many keys, one after the other.
fn waiting(keys: u32) -> Keys {
    let hashes: Vec<u64> = (0..keys).map(|key| xxh3_64(&key.to_le_bytes())).collect();
    let mut waiting = Keys::default();
    for block in hashes.chunks(10_000) {
        waiting.push(Arc::new(block.to_vec()));
    }
    waiting
}

/// Keys one by one, as `keep: first` has them entered.
#[divan::bench(args = [10_000, 1_000_000], sample_count = 10)]
fn keys_enter(bencher: Bencher<'_, '_>, keys: u32) {
    bencher
        .counter(ItemsCount::new(keys))
        .with_inputs(|| waiting(keys))
        .bench_refs(|set| set.enter(|_, _| ()));
}

/// Keys that come again, found all at once by one thread.
#[divan::bench(args = [10_000, 1_000_000], sample_count = 10)]
fn keys_find_again(bencher: Bencher<'_, '_>, keys: u32) {
    bencher
        .counter(ItemsCount::new(keys))
        .with_inputs(|| waiting(keys))
        .bench_refs(|set| set.find_again());
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

/// `rostream check`, as a whole.
struct Check {
    _folder: tempfile::TempDir,
    arguments: Vec<String>,
}

impl Check {
    /// Of so many rows, with `hris.yaml` and these settings, in which `{folder}` is a folder with these files.
    fn new(rows: u64, sets: &[String], files: &[(&str, String)]) -> Check {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        std::fs::write(path.join("extract.csv"), shared::sample(rows, Format::Csv))
            .expect("a file");
        for (name, text) in files {
            std::fs::write(path.join(name), text).expect("a file");
        }
        let own = [
            "source.path={folder}/extract.csv",
            "rejects.path={folder}/rejects.csv",
            "report.dir={folder}",
        ];
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/hris.yaml");
        let mut arguments = ["rostream", "check", "-q", file].map(String::from).to_vec();
        for set in own.into_iter().chain(sets.iter().map(String::as_str)) {
            let set = set.replace("{folder}", &path.display().to_string());
            arguments.extend(["--set".to_owned(), set]);
        }
        Check {
            _folder: folder,
            arguments,
        }
    }

    fn run(&self) -> Exit {
        let cli = Cli::try_parse_from(&self.arguments).expect("a command");
        cli.run()
    }
}

/// Columns that can be made to be faults, all of them.
const TEN: [&str; 10] = [
    "lastName",
    "email",
    "positionID",
    "positionTitle",
    "grade",
    "currency",
    "location",
    "department",
    "costCenter",
    "workerStatus",
];

/// Every row is written to the rejects file, with ten faults.
#[divan::bench(sample_count = 20)]
fn check_all_rejected(bencher: Bencher<'_, '_>) {
    let rules = TEN.map(|column| format!("validate.columns.{column}={{ pattern: '^never$' }}"));
    let check = Check::new(ROWS, &rules, &[]);
    // Nothing is left to send.
    assert_eq!(check.run(), Exit::Stopped);
    bencher.counter(ItemsCount::new(ROWS)).bench(|| check.run());
}

/// A lookup's table, read for one row.
#[divan::bench(args = [1_000, 100_000], sample_count = 20)]
fn check_with_lookup(bencher: Bencher<'_, '_>, rows: u64) {
    let lookup = "stages.2={ lookup: { file: '{folder}/table.csv', allow_outside: true, \
                  key: { column: employeeID, in: ID }, take: { Division: division } } }";
    let lines = (0..rows).map(|n| format!("{:08},Division {}\n", 1_000_000 + n, n / 40));
    let table = std::iter::once("ID,Division\n".to_owned()).chain(lines);
    let check = Check::new(1, &[lookup.to_owned()], &[("table.csv", table.collect())]);
    assert_eq!(check.run(), Exit::Done);
    bencher.counter(ItemsCount::new(rows)).bench(|| check.run());
}
