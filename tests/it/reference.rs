//! The engine against a reference: whatever the input, and however it is cut, read and shared out, the
//! bytes of the upload are those that plain, slow, record-by-record code makes, and so are the rejects.

mod directed;
mod engine;
mod slow;
mod tables;

use std::future::Future;
use std::pin::pin;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseResult;
use rostream::internals::engine::EngineError;
use rostream::internals::engine::body::Digest;
use rostream::internals::format::RecordFormat;
use rostream::internals::format::json::Layout;
use rostream::internals::run::RunError;
use rostream::internals::source::spec::Ragged;

use engine::{RUNTIME, auto, csv, json, source};
use slow::{Outcome, Table, Unreadable};
use tables::{HEADER, damaged_array, objects, settings, sheet, soup};

/// What the pipeline of a test says.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The stages and rules for the HR table, or none at all.
    hr: bool,
    format: Format,
    empty: Empty,
    /// Whether the column `Action` says what is to be done, else it is `createOrUpdate`.
    action_column: bool,
    ragged: Ragged,
    ignore_unknown: bool,
    /// Which of several rows with one key is sent: `none`, `first` or `last`.
    keep: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum Format {
    Json,
    Csv,
}

#[derive(Clone, Copy, Debug)]
enum Empty {
    Omit,
    Noop,
    Clear,
    Keep,
}

impl Empty {
    fn token(self) -> Option<&'static str> {
        match self {
            Empty::Noop => Some("#noop"),
            Empty::Clear => Some("#clear"),
            Empty::Omit | Empty::Keep => None,
        }
    }
}

/// No stages, no rules.
const PLAIN: Settings = Settings {
    hr: false,
    format: Format::Json,
    empty: Empty::Keep,
    action_column: false,
    ragged: Ragged::Reject,
    ignore_unknown: true,
    keep: "none",
};

const BLOCKS: [usize; 3] = [64, 1000, 1024 * 1024];
const WORKERS: [usize; 3] = [1, 2, 7];

/// A text in pieces: cut at these places.
fn pieces(text: &[u8], cuts: &[usize]) -> Vec<Bytes> {
    let mut cuts = cuts.to_vec();
    cuts.extend([0, text.len()]);
    cuts.sort_unstable();
    cuts.windows(2)
        .map(|pair| Bytes::copy_from_slice(&text[pair[0]..pair[1]]))
        .collect()
}

/// Every way of handing out a text that is tried: whole, byte by byte, and cut at these places.
fn ways(text: &[u8], cuts: &[Index]) -> [Vec<Bytes>; 3] {
    let cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
    let all: Vec<usize> = (0..text.len()).collect();
    [pieces(text, &[]), pieces(text, &all), pieces(text, &cuts)]
}

/// Runs the engine in every way there is.
async fn everywhere(
    text: &[u8],
    layout: &RecordFormat,
    cuts: &[Index],
    settings: &Settings,
    expected: &Outcome,
) -> TestCaseResult {
    for block in BLOCKS {
        let mut digests: Vec<Digest> = Vec::new();
        for (at, way) in ways(text, cuts).into_iter().enumerate() {
            for workers in WORKERS {
                let done = engine::run(source(way.clone()), layout, block, workers, settings).await;
                let done = done.map_err(|e| TestCaseError::fail(engine::chain(&e)))?;
                let found = done.outcome().await;
                same(
                    &found,
                    expected,
                    &format!("blocks of {block}, {workers} workers, way {at}"),
                )?;
                digests.push(done.digest);
            }
        }
        prop_assert!(
            digests.iter().all(|d| *d == digests[0]),
            "digests in blocks of {block}: {digests:?}"
        );
    }
    Ok(())
}

fn same(found: &Outcome, expected: &Outcome, how: &str) -> TestCaseResult {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    prop_assert_eq!(&found.rejects, &expected.rejects, "rejects, {}", how);
    prop_assert_eq!(text(&found.body), text(&expected.body), "the body, {}", how);
    prop_assert_eq!(found, expected, "{}", how);
    Ok(())
}

/// Runs the engine on a text that ends the run: in every way, with the same words.
async fn refused(
    text: &[u8],
    layout: &RecordFormat,
    cuts: &[Index],
    settings: &Settings,
) -> TestCaseResult {
    for block in BLOCKS {
        let mut words: Vec<String> = Vec::new();
        for way in ways(text, cuts) {
            for workers in WORKERS {
                let done = engine::run(source(way.clone()), layout, block, workers, settings).await;
                let Err(error) = done else {
                    return Err(TestCaseError::fail(format!("taken in blocks of {block}")));
                };
                prop_assert!(
                    matches!(
                        error,
                        RunError::Engine(EngineError::Data { .. } | EngineError::Setting { .. })
                    ),
                    "{error:?}"
                );
                words.push(error.to_string());
            }
        }
        prop_assert!(
            words.iter().all(|w| *w == words[0]),
            "words in blocks of {block}: {words:?}"
        );
    }
    Ok(())
}

async fn everywhere_or_refused(
    text: &[u8],
    layout: &RecordFormat,
    cuts: &[Index],
    settings: &Settings,
    table: Result<Table, Unreadable>,
) -> TestCaseResult {
    match table {
        Ok(table) => {
            everywhere(
                text,
                layout,
                cuts,
                settings,
                &slow::outcome(table, settings).await,
            )
            .await
        }
        Err(_) => refused(text, layout, cuts, settings).await,
    }
}

fn text_of(bytes: &[u8]) -> &str {
    let text = std::str::from_utf8(bytes).expect("JSON in UTF-8");
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn wait(case: impl Future<Output = TestCaseResult>) -> TestCaseResult {
    RUNTIME.block_on(pin!(case))
}

fn cuts() -> impl Strategy<Value = Vec<Index>> {
    vec(any::<Index>(), 0..12)
}

/// One of so many of proptest's usual 256 cases, for each is run in 27 ways. `PROPTEST_CASES` asks for more.
fn one_in(share: u32) -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases.div_ceil(share),
        failure_persistence: None,
        ..usual
    }
}

proptest! {
    #![proptest_config(one_in(10))]

    #[test]
    fn csv_gives_what_the_reference_gives(sheet in sheet(true), settings in settings(), cuts in cuts()) {
        let text = sheet.csv();
        wait(async {
            let table = slow::read_csv(&text, &settings).await.expect("all quotes are closed");
            everywhere(&text, &csv(), &cuts, &settings, &slow::outcome(table, &settings).await).await
        })?;
    }

    #[test]
    fn ndjson_gives_what_the_reference_gives(objects in objects(true), settings in settings(), cuts in cuts()) {
        let text = objects.lines();
        wait(async {
            let layout = json(Layout::Lines, &HEADER);
            // A file that begins with an array is not NDJSON, whatever follows.
            if text_of(&text).trim_start().starts_with('[') {
                return refused(&text, &layout, &cuts, &settings).await;
            }
            let table = slow::read_lines(text_of(&text), Some(&HEADER), &settings);
            everywhere(&text, &layout, &cuts, &settings, &slow::outcome(table, &settings).await).await
        })?;
    }

    #[test]
    fn a_json_array_gives_what_the_reference_gives(objects in objects(false), settings in settings(), cuts in cuts()) {
        let text = objects.array();
        wait(async {
            let table = slow::read_documents(text_of(&text), Some(&HEADER), &settings).expect("an array of objects");
            let layout = json(Layout::Documents, &HEADER);
            everywhere(&text, &layout, &cuts, &settings, &slow::outcome(table, &settings).await).await
        })?;
    }
}

proptest! {
    #![proptest_config(one_in(4))]

    #[test]
    fn whatever_stands_in_csv(text in soup(), cuts in cuts(), pad in any::<bool>()) {
        let settings = Settings { ragged: if pad { Ragged::Pad } else { Ragged::Reject }, ..PLAIN };
        wait(async {
            let table = slow::read_csv(&text, &settings).await;
            everywhere_or_refused(&text, &csv(), &cuts, &settings, table).await
        })?;
    }

    #[test]
    fn a_damaged_array_is_read_or_refused_as_serde_json_does(text in damaged_array(), cuts in cuts()) {
        wait(async {
            let table = slow::read_documents(text_of(&text), Some(&["a", "b"]), &PLAIN);
            everywhere_or_refused(&text, &json(Layout::Documents, &["a", "b"]), &cuts, &PLAIN, table).await
        })?;
    }

    #[test]
    fn all_formats_and_compressions_give_the_same(sheet in sheet(false), settings in settings()) {
        wait(async {
            let mut bodies = Vec::new();
            let done = engine::run(source([sheet.wrapper().into()]), &engine::within("d.rows"), 1000, 2, &settings).await;
            bodies.push(String::from_utf8(done.map_err(|e| TestCaseError::fail(engine::chain(&e)))?.body).expect("UTF-8"));
            for text in [sheet.csv(), sheet.lines(), sheet.array(), sheet.documents()] {
                for stored in [text.clone(), gzip(&text).await, zstd(&text).await] {
                    let done = engine::run(source([stored.into()]), &auto(), 1000, 2, &settings).await;
                    let done = done.map_err(|e| TestCaseError::fail(engine::chain(&e)))?;
                    bodies.push(String::from_utf8(done.body).expect("UTF-8"));
                }
            }
            for body in &bodies[1..] {
                prop_assert_eq!(body, &bodies[0]);
            }
            Ok(())
        })?;
    }
}

async fn gzip(text: &[u8]) -> Vec<u8> {
    use tokio::io::AsyncWriteExt;
    let mut encoder = async_compression::tokio::write::GzipEncoder::new(Vec::new());
    encoder
        .write_all(text)
        .await
        .expect("memory can be written");
    encoder.shutdown().await.expect("memory can be written");
    encoder.into_inner()
}

async fn zstd(text: &[u8]) -> Vec<u8> {
    use tokio::io::AsyncWriteExt;
    let mut encoder = async_compression::tokio::write::ZstdEncoder::new(Vec::new());
    encoder
        .write_all(text)
        .await
        .expect("memory can be written");
    encoder.shutdown().await.expect("memory can be written");
    encoder.into_inner()
}
