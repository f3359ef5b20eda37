//! Sources read as a run reads them: from bytes to rows, whatever the size of the blocks, and from a rejects file back.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use rostream::internals::batch::{Batch, RowState};
use rostream::internals::config::{self, Pipeline};
use rostream::internals::engine::blocks::{BLOCK, Blocks};
use rostream::internals::engine::process::Engine;
use rostream::internals::infer::drafted;
use rostream::internals::report::rejects::RejectsFile;
use rostream::internals::run::survey::{Settled, Survey};
use rostream::internals::run::{bind, laid_out, reading, rejects_header};
use rostream::internals::source::Source;
use rostream::internals::source::spec::{Compression, Encoding};
use rostream::internals::stage::Resources;
use tokio::runtime::Runtime;

use super::chosen;

/// What stands between the files of an input: the separator of groups.
const NEXT_FILE: u8 = 0x1d;

/// What the pipelines say of their source.
const SOURCES: [&str; 20] = [
    "{ path: a }",
    "{ path: a, format: csv, csv: { skip_lines: 2 } }",
    "{ path: a, format: csv, csv: { header: none, columns: [a, b, c] } }",
    "{ path: a, format: csv, csv: { header: 2, duplicate_names: number } }",
    "{ path: a, format: csv, csv: { match: name } }",
    "{ path: a, format: csv, csv: { match: name, duplicate_names: number, ragged: pad } }",
    "{ path: a, format: csv, csv: { quote: \"'\", delimiter: \";\", comment: \"#\" } }",
    "{ path: a, format: csv, csv: { escape: \"\\\\\", footer: \"^(Total|Page)\" } }",
    "{ path: a, format: csv, expect: { trailer: \"^T,?([0-9]+)\" } }",
    "{ path: a, format: csv, csv: { footer: \"^Page\", match: name }, expect: { trailer: \"^T,?([0-9]+)\" } }",
    "{ path: a, format: tsv, csv: { multiline: false } }",
    "{ path: a, format: json }",
    "{ path: a, format: json, json: { flatten: \".\", arrays: join } }",
    "{ path: a, format: json, json: { columns: [a, b, c.d] } }",
    "{ path: a, format: json, json: { path: $.r } }",
    "{ path: a, format: json, json: { path: $.r.s, flatten: \"/\", arrays: first } }",
    "{ path: a, format: ndjson, json: { unknown: ignore } }",
    "{ path: a, format: ndjson, expect: { trailer: \"^T,?([0-9]+)\" } }",
    "{ path: a, json: { flatten: \".\", arrays: json } }",
    "{ path: a, format: csv, csv: { header: none } }",
];

/// What they say of tables.
const FIXED: [&str; 3] = [
    "{ path: a, format: fixed, fixed: { columns: [{ name: a, width: 1 }, { name: b, width: 2 }] } }",
    "{ path: a, format: fixed, fixed: { columns: [{ name: a, width: 2, at: 2 }], records: \"^D\", trim: none, skip_lines: 1 } }",
    "{ path: a, format: fixed, fixed: { columns: [{ name: a, width: 3 }], trim: end }, expect: { trailer: \"^T,?([0-9]+)\" } }",
];
const XML: [&str; 4] = [
    "{ path: a, format: xml }",
    "{ path: a, format: xml, record: e, json: { arrays: json } }",
    "{ path: a, format: xml, record: d/e, json: { arrays: first } }",
    "{ path: a, record: /d/e, xml: { names_by: t }, json: { columns: [a, a.b, \"@a\"] } }",
];
const HDL: [&str; 3] = [
    "{ path: a, format: hdl }",
    "{ path: a, format: hdl, hdl: { component: A } }",
    "{ path: a, hdl: { component: A }, expect: { trailer: \"^COMMENT ?([0-9]+)$\" } }",
];

/// The rules of every second one.
const RULES: &str = "validate: { columns: { a: { required: true, max_length: 3 } } }";

/// A pipeline with this source, and these sections.
fn parsed(source: &str, sections: &str) -> Pipeline {
    let text = format!(
        "version: 1\nsource: {source}\n{sections}\ntarget: {{ orgvue: {{ base_url: \"https://api.example\", tenant: T, \
         dataset: 6586F21B-AD4D-4D06-A309-712AF47184A2, token: {{ env: T }} }} }}\n"
    );
    let loaded = config::parse(&text, "p", PathBuf::from("/nowhere"), &[], &|_| None);
    loaded.unwrap_or_else(|e| panic!("{text}: {e:?}")).pipeline
}

/// Each source without rules and with them.
fn pipelines(sources: &[&str]) -> Vec<Pipeline> {
    let both = |source: &&str| [parsed(source, ""), parsed(source, RULES)];
    sources.iter().flat_map(both).collect()
}

static PIPELINES: LazyLock<Vec<Pipeline>> = LazyLock::new(|| pipelines(&SOURCES));
static OF_FIXED: LazyLock<Vec<Pipeline>> = LazyLock::new(|| pipelines(&FIXED));
static OF_XML: LazyLock<Vec<Pipeline>> = LazyLock::new(|| pipelines(&XML));
static OF_HDL: LazyLock<Vec<Pipeline>> = LazyLock::new(|| pipelines(&HDL));

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime")
});

/// The pipeline's source, of the files of an input, which arrive in pieces.
fn files(text: &[u8], pipeline: &Pipeline, piece: usize) -> Arc<Source> {
    let file = |(number, text): (usize, &[u8])| {
        let pieces: Vec<_> = text.chunks(piece).map(|p| p.to_vec().into()).collect();
        Source::of_pieces(&format!("{number}.txt"), pieces)
    };
    let files = text.split(|b| *b == NEXT_FILE).enumerate().map(file);
    let all = files.reduce(Source::followed_by);
    let all = all.expect("split comes to one piece or more");
    Arc::new(laid_out(all, pipeline))
}

/// What a reading comes to.
#[derive(Debug, Default, PartialEq)]
struct Read {
    rows: Vec<String>,
    /// The rows that are sent, as bytes.
    sent: Vec<u8>,
    /// What stands at the ends of files.
    ends: Vec<String>,
    failed: Option<String>,
}

impl Read {
    fn add(&mut self, file: u32, line: u64, batch: &Batch) {
        for row in 0..batch.len() {
            let faults = batch.faults().iter().filter(|f| f.row as usize == row);
            let told: Vec<_> = faults
                .map(|fault| {
                    // The encoding that is proposed depends on what else is not UTF-8 in the block.
                    let message = match &*fault.code {
                        "not_utf8" => "",
                        _ => &*fault.message,
                    };
                    format!("{} {} {message}", fault.column, fault.code)
                })
                .collect();
            let place = line + u64::from(batch.row(row).line);
            let written = batch.raw_record(row).escape_ascii();
            let state = batch.state(row);
            self.rows
                .push(format!("{file}:{place} {state:?} {told:?} {written}"));
        }
    }
}

/// Reads a source in blocks of a size.
async fn read(source: Arc<Source>, pipeline: &Pipeline, block: usize) -> Read {
    let mut read = Read::default();
    let mut blocks = match Blocks::open(source, reading(pipeline, block)).await {
        Ok(blocks) => blocks,
        Err(error) => {
            read.failed = Some(format!("open: {error}"));
            return read;
        }
    };
    let Ok(engine) = bind(pipeline, blocks.header(), &Resources::default()) else {
        read.failed = Some("a header that lacks a column".to_owned());
        return read;
    };
    loop {
        let block = match blocks.next().await {
            Ok(Some(block)) => block,
            Ok(None) => return read,
            Err(error) => {
                read.failed = Some(error.to_string());
                return read;
            }
        };
        let (file, line) = (block.file, block.line);
        match engine.process(block) {
            Ok(processed) => {
                read.add(file, line, &processed.batch);
                read.sent.extend_from_slice(&processed.encoded.bytes);
                read.ends
                    .extend(processed.end.map(|end| format!("{end:?}")));
            }
            Err(error) => {
                read.failed = Some(format!("{error:?}"));
                return read;
            }
        }
    }
}

/// Any source: the same rows whatever the size of the blocks and of the pieces in which it arrives.
pub fn source(data: &[u8]) {
    same_rows(data, &PIPELINES);
}

/// Cells of fixed width: the same rows however they arrive, and what is rejected is rejected again.
pub fn fixed(data: &[u8]) {
    table(data, &OF_FIXED);
}

/// A file of which nothing is known: the draft for it is a pipeline.
pub fn infer(data: &[u8]) {
    let source = Source::of_pieces("extract", [data.to_vec().into()]);
    if let Ok(draft) = RUNTIME.block_on(drafted(source, 2026)) {
        let parsed = config::parse(
            &draft,
            "draft.yaml",
            PathBuf::from("/nowhere"),
            &[],
            &|_| None,
        );
        parsed.unwrap_or_else(|problems| panic!("{draft}\n{problems:?}"));
    }
}

/// XML, likewise.
pub fn xml(data: &[u8]) {
    table(data, &OF_XML);
}

/// Oracle's HCM Data Loader, likewise.
pub fn hdl(data: &[u8]) {
    table(data, &OF_HDL);
}

fn table(data: &[u8], pipelines: &[Pipeline]) {
    same_rows(data, pipelines);
    let (choice, data) = chosen(data);
    let (_, text) = chosen(data);
    rejected_again(choice, text, pipelines);
}

fn same_rows(data: &[u8], pipelines: &[Pipeline]) {
    let (choice, data) = chosen(data);
    let (size, text) = chosen(data);
    let pipeline = &pipelines[usize::from(choice) % pipelines.len()];
    let block = [1, 5, 16, 100][usize::from(size & 3)];
    let piece = [1, 3, 50, 1000][usize::from(size >> 2 & 3)];
    let whole = RUNTIME.block_on(read(files(text, pipeline, usize::MAX), pipeline, BLOCK));
    let cut = RUNTIME.block_on(read(files(text, pipeline, piece), pipeline, block));
    match (&whole.failed, &cut.failed) {
        (None, None) => assert_eq!(whole, cut),
        // What comes before the fault may have been read, or be in one block with it.
        (Some(_), Some(_)) => {
            let both = whole.rows.len().min(cut.rows.len());
            assert_eq!(whole.rows[..both], cut.rows[..both]);
        }
        _ => panic!(
            "read one way alone: {:?} and {:?}",
            whole.failed, cut.failed
        ),
    }
}

/// What the pipelines say of workbooks.
const WORKBOOKS: [&str; 4] = [
    "{ path: a }",
    "{ path: a, format: xlsx, sheet: 1, xlsx: { errors: text, duplicate_names: number } }",
    "{ path: a, format: xlsx, xlsx: { errors: empty, footer: \"^(Total|I)\" } }",
    "{ path: a, format: xlsx, xlsx: { header_row: 2, duplicate_names: number } }",
];

static OF_WORKBOOKS: LazyLock<Vec<Pipeline>> =
    LazyLock::new(|| WORKBOOKS.map(|source| parsed(source, "")).into());

/// What the pipelines say of columns.
const COLUMNS: [(&str, &str); 2] = [
    ("{ path: a, format: parquet }", SMALL),
    ("{ path: a, format: arrow }", SMALL),
];

/// A file of some bytes can say that it has a billion rows.
const SMALL: &str = "limits: { decompressed: 1MiB, row_group: 16MiB }\n";

static OF_COLUMNS: LazyLock<Vec<Pipeline>> =
    LazyLock::new(|| COLUMNS.map(|(source, more)| parsed(source, more)).into());

/// A Parquet file.
pub fn parquet(file: &[u8]) {
    whole_and_cut(&OF_COLUMNS[0], file);
}

/// A file or a stream of Arrow IPC.
pub fn arrow(file: &[u8]) {
    whole_and_cut(&OF_COLUMNS[1], file);
}

/// A workbook.
pub fn workbook(choice: u8, file: &[u8]) {
    whole_and_cut(&OF_WORKBOOKS[usize::from(choice) % WORKBOOKS.len()], file);
}

/// The same rows whatever the size of the blocks and of the pieces in which a file arrives.
fn whole_and_cut(pipeline: &Pipeline, file: &[u8]) {
    let source = |piece: usize| {
        let pieces: Vec<_> = file.chunks(piece).map(|p| p.to_vec().into()).collect();
        Arc::new(laid_out(Source::of_pieces("a", pieces), pipeline))
    };
    let whole = RUNTIME.block_on(read(source(usize::MAX), pipeline, BLOCK));
    let cut = RUNTIME.block_on(read(source(1000), pipeline, 16));
    assert_eq!(whole.failed.is_some(), cut.failed.is_some());
    if whole.failed.is_none() {
        assert_eq!(whole, cut);
    }
}

/// Writes the rejects of a source; none where it can't be read.
async fn rejects_of(source: Source, pipeline: &Pipeline) -> Option<Rejected> {
    let source = Arc::new(source);
    let reading = reading(pipeline, BLOCK);
    let mut blocks = Blocks::open(source.clone(), reading).await.ok()?;
    let engine: Arc<Engine> = bind(pipeline, blocks.header(), &Resources::default())
        .ok()?
        .into();
    let path = std::env::temp_dir().join(format!("rostream-fuzz-{}.csv", std::process::id()));
    let header = rejects_header(blocks.header());
    let file = RejectsFile::create(&path, &header, &[]).expect("a file for the rejects");
    let mut survey = Survey::new(engine.clone(), source, file);
    let mut rows = Vec::new();
    while let Some(block) = blocks.next().await.ok()? {
        let processed = engine.process(block).ok()?;
        let batch = &processed.batch;
        for row in 0..batch.len() {
            if batch.state(row) == RowState::Rejected {
                let faults = batch.faults().iter().filter(|f| f.row as usize == row);
                let code = |code: &str| match code {
                    "carriage_return" => "quote".to_owned(),
                    code => code.to_owned(),
                };
                rows.push(faults.map(|fault| code(&fault.code)).collect());
            }
        }
        survey.absorb(processed).ok()?;
    }
    assert!(survey.settle().ok()? == Settled::Whole);
    let (read, good) = (survey.read(), survey.good);
    assert_eq!(read, good + rows.len() as u64, "counts add up");
    let done = survey.finish().ok()?;
    let path = done.rejects.path().to_owned();
    drop(done);
    let text = std::fs::read(&path).expect("the rejects file");
    std::fs::remove_file(&path).expect("the rejects file");
    Some(Rejected { rows, text, good })
}

/// The rejects of a source.
struct Rejected {
    /// The codes of each. Quotes that are wrong are a fault of the record, and of its cells when it comes back; where a
    /// carriage return is in the way, too, either may be told.
    rows: Vec<BTreeSet<String>>,
    /// The file.
    text: Vec<u8>,
    /// How many rows are not rejected.
    good: u64,
}

/// Rejects: fed back in as they are, they are rejected again for the same reasons, and the file stays what it is.
pub fn rejects(data: &[u8]) {
    let (choice, text) = chosen(data);
    rejected_again(choice, text, &PIPELINES);
}

fn rejected_again(choice: u8, text: &[u8], pipelines: &[Pipeline]) {
    let pipeline = &pipelines[usize::from(choice) % pipelines.len()];
    let of = |text: &[u8]| Source::of_pieces("a", [text.to_vec().into()]);
    let Some(first) = RUNTIME.block_on(rejects_of(laid_out(of(text), pipeline), pipeline)) else {
        return;
    };
    if first.rows.is_empty() {
        return;
    }
    let shown = || String::from_utf8_lossy(&first.text).into_owned();
    let again = RUNTIME.block_on(rejects_of(of(&first.text), pipeline));
    let again = again.unwrap_or_else(|| panic!("rejects that can't be read: {}", shown()));
    assert_eq!(
        again.good,
        0,
        "a row that was not mended is sent: {}",
        shown()
    );
    assert_eq!(first.rows.len(), again.rows.len(), "{}", shown());
    for (first, again) in first.rows.iter().zip(&again.rows) {
        // How many cells a record has, and what is in them, is known once they stand in right quotes.
        let known = first.contains("quote") || again.is_subset(first);
        assert!(known && first.is_subset(again), "{}", shown());
    }
    let third = RUNTIME.block_on(rejects_of(of(&again.text), pipeline));
    let third = third.expect("it was read before");
    // Messages that tell a column move with what is said before it.
    let words =
        |text: &[u8]| String::from_utf8_lossy(text).replace(|c: char| c.is_ascii_digit(), "");
    assert_eq!(words(&again.text), words(&third.text));
}

/// What the pipelines say of rows that hold for a time.
const AS_OF: [&str; 8] = [
    "{ key: k, from: f, to: t, at: 2026-11-26 }",
    "{ key: k, from: f, to: t, at: 2026-11-26, ends: exclusive, ahead: 30d, keep_leavers: 14d }",
    "{ key: k, from: f, at: 2026-11-26, prefer: [{ highest: n }], drop: [f] }",
    "{ key: k, from: f, at: 2024-02-29, ahead: 400d, prefer: [{ v: [A, b] }, { lowest: n }] }",
    "{ key: k, from: f, to: t, at: 2026-11-26, format: DD.MM.YYYY, prefer: [{ n: 1 }, { v: A }], drop: [f, t] }",
    "{ key: k, from: f, to: t, at: 9999-12-31, format: MMM D YYYY, ahead: 30d, keep_leavers: 1d, drop: [n] }",
    "{ key: k, from: f, to: t, at: 0001-01-01, format: YYYYMMDD, ahead: 10000d }",
    "{ key: k, from: f, to: t, at: 2026-11-26, format: M/D/YYYY, keep_leavers: 10000d, drop: [f, t, n, v] }",
];

static IN_TIME: LazyLock<Vec<Pipeline>> = LazyLock::new(|| {
    let pipeline = |n: usize| {
        let rules = if n % 2 == 1 {
            "validate: { key: k, columns: { v: { max_length: 3 } } }"
        } else {
            "stages: [{ filter: \"v != 'out'\" }]"
        };
        parsed(
            "{ path: a, format: csv }",
            &format!("{rules}\nas_of: {}", AS_OF[n / 2]),
        )
    };
    (0..2 * AS_OF.len()).map(pipeline).collect()
});

/// What a survey comes to: counts, and the rows that are sent.
#[derive(Debug, PartialEq)]
struct Surveyed {
    read: u64,
    rejected: u64,
    superseded: u64,
    filtered: u64,
    sent: Vec<String>,
}

/// Surveys a source in blocks of a size, twice where that has to be; nothing where it can't be read.
async fn surveyed(text: &[u8], pipeline: &Pipeline, block: usize) -> Option<Surveyed> {
    let source = Arc::new(Source::of_pieces("a", [text.to_vec().into()]));
    let mut blocks = Blocks::open(source.clone(), reading(pipeline, block))
        .await
        .ok()?;
    let engine: Arc<Engine> = bind(pipeline, blocks.header(), &Resources::default())
        .ok()?
        .into();
    let path = std::env::temp_dir().join(format!("rostream-fuzz-{}.csv", std::process::id()));
    let header = rejects_header(blocks.header());
    let file = RejectsFile::create(&path, &header, &[]).expect("a file for the rejects");
    let mut survey = Survey::new(engine.clone(), source.clone(), file);
    let mut is_over = false;
    let body = loop {
        let mut body = Vec::new();
        while let Some(block) = blocks.next().await.ok()? {
            let processed = engine.process(block).ok()?;
            body.extend_from_slice(&survey.absorb(processed).ok()?);
        }
        if is_over {
            break body;
        }
        let mut settled = survey.settle().ok()?;
        if let Settled::Asks(asked) = settled {
            let blocks = Blocks::open(source.clone(), reading(pipeline, block))
                .await
                .ok()?;
            let look = asked.look(blocks, source.clone(), engine.clone(), 1);
            survey.tell(look.await.ok()?);
            settled = survey.settle().ok()?;
        }
        if settled == Settled::Whole {
            break body;
        }
        is_over = true;
        blocks = Blocks::open(source.clone(), reading(pipeline, block))
            .await
            .ok()?;
    };
    survey.is_as_before().expect("the same once more");
    let body = String::from_utf8(body).expect("a body in UTF-8");
    // The first one is opened with the array.
    let lines = body.lines().map(|line| line.trim_matches([',', '[']));
    let mut sent: Vec<String> = lines
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect();
    sent.sort();
    let surveyed = Surveyed {
        read: survey.read(),
        rejected: survey.rejected(),
        superseded: survey.superseded,
        filtered: survey.filtered,
        sent,
    };
    drop(survey);
    std::fs::remove_file(&path).expect("the rejects file");
    Some(surveyed)
}

/// Rows that hold for a time: the same ones go whatever the order of the file and the size of its blocks.
pub fn as_of(data: &[u8]) {
    let (choice, data) = chosen(data);
    let (size, text) = chosen(data);
    let pipeline = &IN_TIME[usize::from(choice) % IN_TIME.len()];
    // A quoted cell may have several lines, and what may be another header has its place.
    let is_line = |line: &&[u8]| !line.iter().any(|b| b"\"\r\x1a".contains(b));
    let mut lines: Vec<&[u8]> = text.split(|b| *b == b'\n').filter(is_line).collect();
    let whole = |lines: &[&[u8]]| {
        [&[&b"k,f,t,n,v"[..]], lines, &[&b""[..]]]
            .concat()
            .join(&b'\n')
    };
    let block = [1, 20, 100, 1000][usize::from(size & 3)];
    let Some(first) = RUNTIME.block_on(surveyed(&whole(&lines), pipeline, BLOCK)) else {
        return;
    };
    let Surveyed {
        read,
        rejected,
        superseded,
        filtered,
        ref sent,
    } = first;
    let sum = rejected + superseded + filtered + sent.len() as u64;
    assert_eq!(read, sum, "counts add up: {first:?}");
    let cut = RUNTIME.block_on(surveyed(&whole(&lines), pipeline, block));
    assert_eq!(cut.as_ref(), Some(&first), "blocks of {block}");
    match size & 4 {
        0 => lines.reverse(),
        _ => {
            let half = lines.len() / 2;
            lines.rotate_left(half);
        }
    }
    let turned = RUNTIME.block_on(surveyed(&whole(&lines), pipeline, BLOCK));
    assert_eq!(turned.as_ref(), Some(&first), "another order");
}

/// Text of any encoding and compression: what encoding_rs makes of the whole, however it arrives.
pub fn text(data: &[u8]) {
    let (choice, data) = chosen(data);
    let (piece, bytes) = chosen(data);
    let labels = [
        "auto",
        "utf-8",
        "utf-16",
        "utf-16le",
        "utf-16be",
        "windows-1252",
        "windows-1250",
        "iso-8859-15",
        "shift_jis",
        "gb18030",
        "iso-2022-jp",
        "euc-kr",
        "big5",
        "koi8-r",
        "x-mac-cyrillic",
        "euc-jp",
    ];
    let encoding: Encoding = labels[usize::from(choice & 15)]
        .parse()
        .expect("an encoding");
    let compression = [
        Compression::None,
        Compression::Auto,
        Compression::Gzip,
        Compression::Zstd,
    ][usize::from(choice >> 4 & 3)];
    let text = |piece, want| decoded(bytes, compression, encoding, piece, want);
    let whole = text(usize::MAX, 1 << 20);
    let cut = text(
        usize::from(piece) + 1,
        [1, 3, 64, 4096][usize::from(choice >> 6)],
    );
    assert_eq!(whole, cut);
    let (Ok(found), true) = (whole, compression == Compression::None) else {
        return;
    };
    let whatwg = match encoding {
        Encoding::Auto => encoding_rs::UTF_8,
        Encoding::Utf16 => encoding_rs::UTF_16LE,
        Encoding::Of(encoding) => encoding,
    };
    let (marked, mark) = encoding_rs::Encoding::for_bom(bytes).unwrap_or((whatwg, 0));
    let expected = match marked == encoding_rs::UTF_8 {
        // Records that are not UTF-8 are rejected one by one.
        true => bytes[mark..].to_vec(),
        false => {
            let text = marked.decode_without_bom_handling_and_without_replacement(&bytes[mark..]);
            text.expect("characters that are not valid were read")
                .into_owned()
                .into_bytes()
        }
    };
    let ends = expected.iter().rev().take_while(|b| **b == 0x1a).count();
    assert_eq!(found, expected[..expected.len() - ends], "{encoding:?}");
}

/// Archives and compressions that only this program reads in this way: the same, however they arrive.
pub fn packed(data: &[u8]) {
    let (choice, data) = chosen(data);
    let (piece, bytes) = chosen(data);
    let compression = [
        Compression::Zip,
        Compression::Auto,
        Compression::Xz,
        Compression::Bzip2,
    ][usize::from(choice & 3)];
    let text = |piece, want| decoded(bytes, compression, Encoding::Auto, piece, want);
    let cut = text(
        usize::from(piece) + 1,
        [1, 3, 64, 4096][usize::from(choice >> 6)],
    );
    let whole = text(usize::MAX, 1 << 20);
    // Of several faults, which one is met first depends on how far ahead is read.
    assert!(
        whole == cut || whole.is_err() && cut.is_err(),
        "{whole:?} {cut:?}"
    );
}

/// The text of bytes that come in pieces, asked for so much of it at once.
fn decoded(
    bytes: &[u8],
    compression: Compression,
    encoding: Encoding,
    piece: usize,
    want: usize,
) -> Result<Vec<u8>, String> {
    let pieces: Vec<_> = bytes.chunks(piece).map(|p| p.to_vec().into()).collect();
    let source = Source::of_pieces("a", pieces).written_in(compression, encoding);
    RUNTIME.block_on(async {
        let mut text = source.open(0).await.map_err(|e| e.to_string())?;
        let mut buffer = Vec::new();
        let mut goal = want;
        while !text
            .fill(&mut buffer, goal)
            .await
            .map_err(|e| e.to_string())?
        {
            assert!(
                buffer.len() >= goal,
                "less than was asked for, and not the end"
            );
            goal = buffer.len() + want;
        }
        Ok(buffer)
    })
}
