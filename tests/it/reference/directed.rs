//! Inputs that are known to be hard, each by itself.

use std::io::Write as _;
use std::sync::Arc;

use rostream::internals::engine::EngineError;
use rostream::internals::format::RecordFormat;
use rostream::internals::format::json::Layout;
use rostream::internals::run::RunError;
use rostream::internals::settings::limits::Limits;
use rostream::internals::source::spec::{Compression, Encoding, Ragged};
use rostream::internals::source::{Input, Source};

use super::engine::{self, Done, RUNTIME, auto, chain, csv, json, source};
use super::slow::{self, Outcome};
use super::tables::HEADER;
use super::{BLOCKS, Empty, Format, PLAIN, Settings, gzip, pieces};

async fn run(
    text: &[u8],
    layout: &RecordFormat,
    block: usize,
    settings: &Settings,
) -> Result<Done, String> {
    let whole = source([bytes::Bytes::copy_from_slice(text)]);
    engine::run(whole, layout, block, 2, settings)
        .await
        .map_err(|e| chain(&e))
}

/// The error that a text gives, whatever the size of blocks.
#[track_caller]
fn check_error(text: &str, layout: &RecordFormat, settings: &Settings, expected: &str) {
    for block in BLOCKS {
        let found = RUNTIME
            .block_on(run(text.as_bytes(), layout, block, settings))
            .map(|done| done.body);
        assert_eq!(
            found,
            Err(expected.to_owned()),
            "{text:?} in blocks of {block}"
        );
    }
}

/// The body, and line, column and code of the rejects, whatever the size of blocks.
#[track_caller]
fn check(
    text: &[u8],
    layout: &RecordFormat,
    settings: &Settings,
    body: &str,
    rejects: &[(u64, &str, &str)],
) {
    for block in BLOCKS {
        RUNTIME.block_on(async {
            let done = run(text, layout, block, settings)
                .await
                .expect("it can be read");
            let found = done.outcome().await;
            let text = text.escape_ascii();
            assert_eq!(
                String::from_utf8_lossy(&found.body),
                body,
                "{text} in blocks of {block}"
            );
            let found: Vec<_> = found
                .rejects
                .iter()
                .map(|r| (r.line, &*r.column, &*r.code))
                .collect();
            assert_eq!(found, rejects, "{text} in blocks of {block}");
        });
    }
}

const LINES: fn() -> RecordFormat = || json(Layout::Lines, &["a", "b"]);
const ARRAY: fn() -> RecordFormat = || json(Layout::Documents, &["a", "b"]);

/// Cuts a text in two at every place, and into blocks of every size.
#[track_caller]
fn check_every_edge(text: &str, layout: &RecordFormat) {
    RUNTIME.block_on(async {
        let without_mark = text.trim_start_matches('\u{feff}');
        let table = match layout {
            RecordFormat::Csv(_) => slow::read_csv(text.as_bytes(), &PLAIN)
                .await
                .expect("closed quotes"),
            RecordFormat::Json {
                layout: Layout::Lines,
                ..
            } => slow::read_lines(without_mark, Some(&["a", "b"]), &PLAIN),
            _ => slow::read_documents(without_mark, Some(&["a", "b"]), &PLAIN).expect("an array"),
        };
        let expected: Outcome = slow::outcome(table, &PLAIN).await;
        assert!(expected.read > 1, "{text:?}");
        for at in 0..=text.len() {
            for block in [1, 16, 64] {
                let found = engine::run(
                    source(pieces(text.as_bytes(), &[at])),
                    layout,
                    block,
                    2,
                    &PLAIN,
                )
                .await;
                let found = found
                    .map_err(|e| chain(&e))
                    .expect("it can be read")
                    .outcome()
                    .await;
                assert_eq!(
                    found, expected,
                    "{text:?} cut at {at}, in blocks of {block}"
                );
            }
        }
        for block in 1..=text.len() + 1 {
            let found = run(text.as_bytes(), layout, block, &PLAIN)
                .await
                .expect("it can be read")
                .outcome()
                .await;
            assert_eq!(found, expected, "{text:?} in blocks of {block}");
        }
    });
}

#[test]
fn quotes_at_every_edge() {
    check_every_edge(
        "a,b\n\"x \"\"y\"\", z\",\"two\nlines\"\n5\" pipe,\"q\"z\n\"\",\"\"\"\"\n\"\"\"\n\",,\n",
        &csv(),
    );
    check_every_edge("a,b\n\"\"\"\"\"\",\"\n\"\"\n\"\nx\"y,\"z\"\n", &csv());
}

#[test]
fn crlf_at_every_edge() {
    check_every_edge(
        "\r\na,b\r\n1,2\r\n\r\n\n3,\"4\r\n5\"\r\n6,\"7\r\"\r\n8\r,9\r\r\n\r\n10,11\r",
        &csv(),
    );
}

#[test]
fn characters_of_several_bytes_at_every_edge() {
    check_every_edge(
        "\u{feff}a,b\né,李小龍\n\u{1d11e},\"e\u{301}\"\n\"\u{1d11e}\"\"\",\u{2028}\n",
        &csv(),
    );
    check_every_edge(
        "\u{feff}{\"a\":\"é\"}\n{\"b\":\"李\\u5c0f龍\",\"a\":\"\\ud834\\udd1e\"}\r\n\n {\"a\":1.50}",
        &LINES(),
    );
    check_every_edge(
        "\u{feff}[{\"a\":\"é]}\"},\n{\"b\":\"李\\\"\\\\\",\"a\":{\"c\":[\"\u{1d11e}\"]}},{\"a\":1}]\n",
        &ARRAY(),
    );
}

#[test]
fn records_and_headers_longer_than_a_block() {
    let long = "x".repeat(5_000);
    let quoted = "\"\"\n".repeat(1_500);
    check_long(
        &format!("{long},b\n{long},2\n3,\"{quoted}\"\n4,5\n"),
        &csv(),
        &format!("{long},b"),
    );
    check_long(&format!("\n\n\"{long}\nx\",b\n1,2\n"), &csv(), "");
    check_long(
        &format!("{{\"a\":\"{long}\"}}\n{{\"b\":\"2\"}}\n"),
        &auto(),
        "a,b",
    );
    check_long(
        &format!("[{{\"a\":\"{long}\"}},{{\"b\":[\"{long}\"]}}\n,{{\"a\":1}}]"),
        &auto(),
        "a,b",
    );
}

/// Blocks of 64 bytes give what one block gives; the names of the columns are these.
#[track_caller]
fn check_long(text: &str, layout: &RecordFormat, names: &str) {
    RUNTIME.block_on(async {
        let expected = run(text.as_bytes(), layout, 1 << 20, &PLAIN)
            .await
            .expect("it can be read");
        if !names.is_empty() {
            assert_eq!(expected.names.join(","), names);
        }
        assert!(
            expected.rejects.iter().filter(|&&b| b == b'\n').count() <= 2,
            "nothing is rejected"
        );
        for block in [64, 1000] {
            let found = run(text.as_bytes(), layout, block, &PLAIN)
                .await
                .expect("it can be read");
            assert_eq!(
                found.outcome().await,
                expected.outcome().await,
                "blocks of {block}"
            );
        }
    });
}

#[test]
fn a_quote_that_is_never_closed() {
    check_error(
        "a,b\n1,2\nx,\"y\nz,w\n",
        &csv(),
        &PLAIN,
        "f:3:3: the quote opened here is never closed, and all up to line 4, the last one, would be one cell; \
         if no cell spans lines, set source.csv.multiline to false",
    );
    for (text, place) in [
        ("a,b\r\n\r\n\"1\",2\r\n\"x\"\"", "f:4:1"),
        ("a,b\n5\" pipe,\"é\n\n\n", "f:2:9"),
        // In the header.
        ("a,\"b\n1,2\n", "f:1:3"),
        ("\n\n\"a,b\n1,2\n", "f:3:1"),
        ("a,b\n\"", "f:2:1"),
    ] {
        check_error(
            text,
            &csv(),
            &PLAIN,
            &format!("{place}: the quote opened here is never closed"),
        );
    }
}

#[test]
fn a_record_without_an_end_is_held_within_bounds() {
    let check = |text: String, layout: &RecordFormat, expected: &str| {
        let found = RUNTIME
            .block_on(run(text.as_bytes(), layout, 1 << 20, &PLAIN))
            .map(|done| done.read);
        assert_eq!(found, Err(expected.to_owned()));
    };
    let expected = "f:3:3: a quote that opens here is not closed within 16MiB, the longest record (limits.record); is it meant as a quote?";
    check(
        format!("a,b\n1,2\nx,\"{}\"\n", "y\n".repeat(17 << 19)),
        &csv(),
        expected,
    );
    let expected =
        "f:2:1: a record that begins here is longer than 16MiB, the longest record (limits.record)";
    check(
        format!("{{\"a\":1}}\n{{\"a\":\"{}\"}}\n", "y".repeat(17 << 20)),
        &LINES(),
        expected,
    );
}

#[test]
fn what_is_no_table() {
    for (text, expected) in [
        ("", "f:1: the file is empty: expected a header"),
        ("\u{feff}", "f:1: the file is empty: expected a header"),
        ("\r\n\n", "f:1: the file is empty: expected a header"),
        (
            "a,b,a\n1,2,3\n",
            "f:1: columns of the header have the same name: 1 and 3; if the header is missing, set source.csv.header to none, \
             else set source.csv.duplicate_names to number, or name all columns with source.csv.columns",
        ),
        (
            "a,b\r1,2\r",
            "f:1: lines end with bare carriage returns; convert them to LF or CR LF",
        ),
    ] {
        check_error(text, &csv(), &PLAIN, expected);
    }
    check(b"a,b\r\n\r\n", &csv(), &PLAIN, "[]\n", &[]);
    check(
        b"a,b",
        &csv(),
        &Settings {
            format: Format::Csv,
            ..PLAIN
        },
        "_action,a,b\n",
        &[],
    );
}

#[test]
fn ragged_records() {
    let text = "a,b\n1,2\n\n3\n4,5,6\n,x\n,\n";
    let row = |a: &str, b: &str| {
        format!("{{\"_action\":\"createOrUpdate\",\"a\":\"{a}\",\"b\":\"{b}\"}}")
    };
    let body = format!("[\n{},\n{}\n]\n", row("1", "2"), row("", "x"));
    check(
        text.as_bytes(),
        &csv(),
        &PLAIN,
        &body,
        &[(4, "b", "ragged"), (5, "", "ragged")],
    );
    let pad = Settings {
        ragged: Ragged::Pad,
        ..PLAIN
    };
    let body = format!(
        "[\n{},\n{},\n{}\n]\n",
        row("1", "2"),
        row("3", ""),
        row("", "x")
    );
    check(text.as_bytes(), &csv(), &pad, &body, &[(5, "", "ragged")]);
    let error = Settings {
        ragged: Ragged::Error,
        ..PLAIN
    };
    check_error(
        text,
        &csv(),
        &error,
        "f:4: expected 2 cells as in the header, found 1",
    );
}

#[test]
fn bytes_that_are_not_utf8() {
    let row = "{\"_action\":\"createOrUpdate\",\"a\":\"1\",\"b\":\"2\"}";
    let body = format!("[\n{row}\n]\n");
    let text = b"a,b\nM\xfcller,x\n1,2\n\"x\ny\",\"\xe9\xe9\"\n\xff,\xfe,\xfd\n";
    let rejects = [
        (2, "a", "not_utf8"),
        (4, "b", "not_utf8"),
        (6, "; a", "ragged; not_utf8"),
    ];
    check(text, &csv(), &PLAIN, &body, &rejects);
    let text = b"{\"a\":\"M\xfcller\"}\n{\"a\":\"1\",\"b\":\"2\"}\n\xff\n";
    check(
        text,
        &LINES(),
        &PLAIN,
        &body,
        &[(1, "a", "not_utf8"), (3, "; ", "json_syntax; not_utf8")],
    );
    let text = b"[{\"a\":\"M\xfcller\"},\n{\"a\":\"1\",\"b\":\"2\"}\n]";
    check(text, &ARRAY(), &PLAIN, &body, &[(1, "a", "not_utf8")]);
    RUNTIME.block_on(async {
        let done = run(b"M\xfcller,b\n", &csv(), 64, &PLAIN)
            .await
            .map(|done| done.read);
        let expected =
            "f:1: the header is not UTF-8; if the file has another encoding, set source.encoding (candidates: \
             windows-1252, windows-1250; `rostream preview` shows with which the letters are right)";
        assert_eq!(done, Err(expected.to_owned()));
    });
}

#[test]
fn objects_that_can_not_be_read() {
    let row = "{\"_action\":\"createOrUpdate\",\"a\":\"1\"}";
    let body = format!("[\n{row}\n]\n");
    let strict = Settings {
        ignore_unknown: false,
        ..PLAIN
    };
    let text = "{\"a\":\"1\"}\n\n{\"a\":1\n[{\"a\":1}]\n{\"a\":\"\\ud834\"}\n{\"\\ud834\":1}\n{\"c\":1}\n{\"a\":1,\"a\":1}\n";
    let rejects = [
        (3, "", "json_syntax"),
        (4, "", "not_an_object"),
        (5, "a", "json_string"),
        (6, "", "json_syntax"),
        (7, "", "unknown_member"),
        (8, "", "duplicate_member"),
    ];
    check(text.as_bytes(), &LINES(), &strict, &body, &rejects);
    let text = "[ {\"a\":\"1\"},\n\n{\"a\":\"\\udd1e\"} , {\"\\ud834\":1},\n{\"c\":1},{\"a\":1,\"a\":1}]\n";
    let rejects = [
        (3, "a", "json_string"),
        (3, "", "json_syntax"),
        (4, "", "unknown_member"),
        (4, "", "duplicate_member"),
    ];
    check(text.as_bytes(), &ARRAY(), &strict, &body, &rejects);
}

#[test]
fn documents_that_can_not_be_read() {
    for (text, expected) in [
        (
            "\n,{\"a\":1}",
            "f:2:1: expected a JSON object or an array of objects, found what is not JSON; set source.format if this is not JSON",
        ),
        (
            "[\n{\"a\":1},\n",
            "f:3:1: the JSON array ends without `]`: the file is cut off",
        ),
        (
            "{\"a\":1}\n{\"a\":1,\n",
            "f:3:1: the JSON object ends without `}`: the file is cut off",
        ),
        (
            "[{\"a\":1}]\n\n x",
            "f:3:2: expected the end of the file behind a JSON document, or another object or array, found what is not JSON",
        ),
        (
            "{\"a\":1},{\"a\":2}",
            "f:1:8: there is a comma between two JSON documents; a list of objects must be an array, in `[` and `]`",
        ),
        (
            "[\n{\"a\":1,\n{\"a\":2},\n{\"a\":3}]",
            "f:3:1: not well-formed JSON: expected a member's name in double quotes",
        ),
        (
            "[{\"a\":1},\n]",
            "f:2:1: a comma stands before `]`, and between them no element of the array",
        ),
    ] {
        // Wherever the block ends in which it stands.
        check_error(text, &ARRAY(), &PLAIN, expected);
    }
}

#[test]
fn columns_are_those_of_the_first_thousand_objects() {
    let objects: Vec<String> = (0..1500)
        .map(|n| match n {
            999 => "{\"late\":\"x\",\"id\":\"999\"}".to_owned(),
            1000 | 1400 => format!("{{\"id\":\"{n}\",\"later\":1}}"),
            _ => format!("{{\"id\":\"{n}\"}}"),
        })
        .collect();
    let strict = Settings {
        ignore_unknown: false,
        ..PLAIN
    };
    for text in [objects.join("\n"), format!("[\n{}]", objects.join(",\n"))] {
        let first_line = u64::from(text.starts_with('[')) + 1;
        for block in BLOCKS {
            RUNTIME.block_on(async {
                let done = run(text.as_bytes(), &auto(), block, &strict)
                    .await
                    .expect("it can be read");
                assert_eq!(done.names, ["id", "late"], "blocks of {block}");
                let outcome = done.outcome().await;
                let rejects: Vec<_> = outcome.rejects.iter().map(|r| (r.line, &*r.code)).collect();
                let lines = [1000 + first_line, 1400 + first_line];
                assert_eq!(
                    rejects,
                    lines.map(|line| (line, "unknown_member")),
                    "blocks of {block}"
                );
                let done = run(text.as_bytes(), &auto(), block, &PLAIN)
                    .await
                    .expect("it can be read");
                assert_eq!(
                    (done.read, done.sent.len()),
                    (1500, 1500),
                    "blocks of {block}"
                );
            });
        }
    }
}

#[test]
fn json_text_is_escaped_as_serde_json_escapes_it() {
    // Every character that may go out, at changing distances from the ends of the text and of each other.
    let goes_out = |c: &char| !c.is_control() || "\t\n\r".contains(*c);
    let all: Vec<char> = ('\0'..=char::MAX).filter(goes_out).collect();
    // With a letter before them, as texts in which there is nothing to see are no records.
    let text = |chunk: &[char]| ['x'].iter().chain(chunk).collect();
    let mut texts: Vec<String> = all.chunks(61).map(text).collect();
    for special in ['"', '\\', '\n', '\t', '\r', 'é'] {
        texts.extend(
            (0..70).map(|at| format!("{}{special}{}", "a".repeat(at), "b".repeat(70 - at))),
        );
    }
    let quoted: Vec<String> = texts
        .iter()
        .map(|text| serde_json::to_string(text).expect("text"))
        .collect();
    let lines: Vec<String> = quoted
        .iter()
        .map(|text| format!("{{\"a\":{text}}}\n"))
        .collect();
    let layout = json(Layout::Lines, &["a"]);
    let done = RUNTIME
        .block_on(run(lines.concat().as_bytes(), &layout, 1 << 20, &PLAIN))
        .expect("objects");
    let body = String::from_utf8(done.body).expect("UTF-8");
    let rows = body
        .lines()
        .filter_map(|line| line.strip_prefix("{\"_action\":\"createOrUpdate\",\"a\":"));
    assert_eq!(rows.clone().count(), texts.len());
    for (row, text) in rows.zip(&quoted) {
        assert_eq!(row.trim_end_matches(',').strip_suffix('}'), Some(&**text));
    }
}

#[test]
fn a_source_that_changes_between_the_passes() {
    let first = "a,b\n1,2\n3,4\n5,6\n";
    for format in [Format::Json, Format::Csv] {
        let settings = Settings { format, ..PLAIN };
        for second in [
            "a,b\n1,2\n3,4\n5,7\n",
            "a,b\n1,2\n3,4\n",
            "a,b\n1,2\n3,4\n5,6\n7,8\n",
            "a,b\n3,4\n1,2\n5,6\n",
            "a,b\n1,2\n3,4\n5\n",
        ] {
            for block in [4, 64] {
                RUNTIME.block_on(async {
                    let whole =
                        |text: &str| source([bytes::Bytes::copy_from_slice(text.as_bytes())]);
                    let (_, again) = engine::survey(whole(first), &csv(), block, 2, &settings)
                        .await
                        .expect("it can be read");
                    let sent = engine::send(whole(second), &csv(), block, 2, again).await;
                    assert!(
                        matches!(
                            sent,
                            Err(RunError::Engine(EngineError::SourceChanged { .. }))
                        ),
                        "{second:?} in blocks of {block}"
                    );
                });
            }
        }
    }
}

#[test]
fn a_source_that_is_shorter_when_it_is_asked_what_rows_send() {
    let header =
        "Employee ID,Full Name,Annual Salary,Hire Date,Manager ID,Worker Status,Country,Note\n";
    let row = |id: &str| format!("{id},Ann,1,01/02/2020,,Active,DE,\n");
    let first = format!("{header}{}", ["A1", "B2", "A1", "C3"].map(row).concat());
    let settings = Settings { hr: true, ..PLAIN };
    for (then, changed) in [(&*first, false), (&first[..header.len() + 30], true)] {
        let [first, then] =
            [&*first, then].map(|text| source([bytes::Bytes::copy_from_slice(text.as_bytes())]));
        let layout = csv();
        let found = engine::survey_of(first, then, &layout, 8, 2, &settings);
        match RUNTIME.block_on(found) {
            Ok((done, _)) => assert!(!changed && done.superseded == 1),
            Err(RunError::Engine(EngineError::ChangedInSurvey)) => assert!(changed),
            Err(other) => panic!("{}", chain(&other)),
        }
    }
}

// ---------------------------------------------------------------- files

struct Files {
    folder: tempfile::TempDir,
    inputs: Vec<Input>,
}

impl Files {
    fn new(files: &[(&str, &[u8])]) -> Files {
        let folder = engine::folder();
        let mut inputs = Vec::new();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            std::fs::File::create(&path)
                .and_then(|mut file| file.write_all(bytes))
                .expect("a file");
            inputs.push(Input::File(path));
        }
        Files { folder, inputs }
    }

    fn without_folder(&self, text: &str) -> String {
        let here = std::env::current_dir().expect("a current folder");
        let shown = self
            .folder
            .path()
            .strip_prefix(here)
            .unwrap_or(self.folder.path());
        text.replace(&format!("{}/", shown.display()), "")
    }

    /// Runs them as one source; errors name the files without their folder.
    fn run(&self, block: usize, settings: &Settings) -> Result<Done, String> {
        let found = Source::find(
            &self.inputs,
            Compression::Auto,
            Encoding::Auto,
            Limits::default(),
        );
        let source = RUNTIME.block_on(found).expect("the files are there");
        RUNTIME
            .block_on(engine::run(Arc::new(source), &auto(), block, 2, settings))
            .map_err(|e| self.without_folder(&chain(&e)))
    }
}

#[test]
fn files_in_a_row_are_one_table() {
    let packed = RUNTIME.block_on(gzip(b"\xef\xbb\xbfa,b\r\n\r\n5,6\r\n7"));
    let files = Files::new(&[
        ("1.csv", b"\na,b\n1,2"),
        ("2.csv", b"a,b\n"),
        ("3.csv.gz", &packed),
        ("4.csv", b"\"a\",b\n8,9\n1\n"),
    ]);
    for block in BLOCKS {
        let done = files
            .run(
                block,
                &Settings {
                    format: Format::Csv,
                    ..PLAIN
                },
            )
            .expect("one table");
        let body = "_action,a,b\ncreateOrUpdate,1,2\ncreateOrUpdate,5,6\ncreateOrUpdate,8,9\n";
        assert_eq!(String::from_utf8_lossy(&done.body), body);
        assert_eq!(done.sent, [(0, 3), (2, 3), (3, 2)]);
        let rejects = files.without_folder(std::str::from_utf8(&done.rejects).expect("UTF-8"));
        let rejects: Vec<_> = rejects
            .lines()
            .map(|line| line.split(",parse").next().unwrap_or_default())
            .collect();
        assert_eq!(rejects[1..], ["7,,3.csv.gz,4", "1,,4.csv,3"]);
    }
    let lines = Files::new(&[
        ("1", b"{\"a\":\"1\"}"),
        ("2", b""),
        ("3", b"{\"a\":\"2\"}\n"),
    ]);
    assert_eq!(
        lines.run(64, &PLAIN).map(|d| d.sent).unwrap_err(),
        "2:1: the file is empty: expected a header"
    );
    let arrays = Files::new(&[
        ("1", b"[{\"a\":\"1\"}]"),
        ("2", b"[]"),
        ("3", b"\n[\n{\"a\":\"2\"}]\n"),
    ]);
    assert_eq!(
        arrays.run(64, &PLAIN).map(|d| d.sent).expect("one table"),
        [(0, 1), (2, 3)]
    );
}

#[test]
fn files_that_are_no_one_table() {
    #[track_caller]
    fn check(second: &str, expected: &str) {
        let files = Files::new(&[
            ("1.csv", b"a,b\n1,2\n"),
            ("2.csv", b"a,b\n3,4\n"),
            ("3.csv", second.as_bytes()),
        ]);
        for block in BLOCKS {
            let found = files.run(block, &PLAIN).map(|done| done.read);
            assert_eq!(
                found,
                Err(expected.to_owned()),
                "{second:?} in blocks of {block}"
            );
        }
    }
    check(
        "a,c\n1,2\n",
        "3.csv:1: this file has `c`, which 1.csv lacks, and no `b`; all files of a source have the same columns, unless \
         source.csv.match is name",
    );
    check(
        "a\n1\n",
        "3.csv:1: this file has no `b`, as 1.csv has; all files of a source have the same columns, unless source.csv.match is \
         name",
    );
    check(
        "a,b,c\n",
        "3.csv:1: this file has `c`, which 1.csv lacks; all files of a source have the same columns, unless \
         source.csv.match is name",
    );
    check(
        "{\"a\":1,\"b\":2}\n",
        "3.csv:1: this file is ndjson, and 1.csv is csv; all files of a source have the same format",
    );
    check(
        "[{\"a\":1,\"b\":2}]\n",
        "3.csv:1: this file is json, and 1.csv is csv; all files of a source have the same format",
    );
    check(
        "a,b,_file,_line,_stage,_column,_code,_message\n",
        "3.csv:1: this is a rejects file (it has _file,_line,_stage,_column,_code,_message), and 1.csv is not; read them one after the other",
    );
    check(
        "\n\n\"a",
        "3.csv:3:1: the quote opened here is never closed",
    );
    let mixed = Files::new(&[("1", b"{\"a\":1}\n"), ("2", b"[{\"a\":1}]")]);
    let found = mixed.run(64, &PLAIN).map(|done| done.read);
    assert_eq!(
        found,
        Err(
            "2:1: this file is json, and 1 is ndjson; all files of a source have the same format"
                .to_owned()
        )
    );
}

#[test]
fn a_rejects_file_is_a_source() {
    let settings = Settings {
        hr: true,
        empty: Empty::Omit,
        ..PLAIN
    };
    let header = HEADER.join(",");
    let text = format!(
        "{header}\r\nA1,Ann,\"1,200\",31/12/2024,NO_MANAGER,Active,GB,,create\r\n\
         A2,\"Zoë \"\"Z\"\",\nB\",x,32/12/2024,A1,Active,XX,\"a,b\",create\r\n\
         A1,Bob,1,,A1,Active,GB,,create\r\nA3,Cy\r\n"
    );
    RUNTIME.block_on(async {
        let first = run(text.as_bytes(), &csv(), 64, &settings).await.expect("a table");
        let outcome = first.outcome().await;
        let codes: Vec<_> = outcome.rejects.iter().map(|r| (r.line, &*r.code)).collect();
        assert_eq!(
            codes,
            [(2, "key_duplicate"), (3, "number_format; date_format; one_of"), (5, "key_duplicate"), (6, "ragged")]
        );

        // As it is: the same faults. The added columns neither count nor come twice.
        let again = run(&first.rejects, &csv(), 64, &settings).await.expect("a table");
        assert_eq!(again.names, HEADER);
        let outcome = again.outcome().await;
        let codes: Vec<_> = outcome.rejects.iter().map(|r| (r.line, &*r.code)).collect();
        assert_eq!(
            codes,
            [(2, "key_duplicate"), (3, "number_format; date_format; one_of"), (5, "key_duplicate"), (6, "ragged")]
        );

        // Put right.
        let fixed = String::from_utf8(first.rejects).expect("UTF-8").replace(",x,32/", ",7,31/").replace(",XX,", ",DE,").replace("A1,Bob", "A4,Bob").replace("A3,Cy,,,,,,,,", "A3,Cy,,,,,,,create,");
        let last = run(fixed.as_bytes(), &csv(), 64, &settings).await.expect("a table");
        let body = String::from_utf8(last.body).expect("UTF-8");
        let row = "{\"_action\":\"createOrUpdate\",\"employeeID\":\"A2\",\"fullName\":\"Zoë \\\"Z\\\",\\nB\",\"salary\":7,\
                   \"hireDate\":\"2024-12-31\",\"managerID\":\"A1\",\"status\":\"Active\",\"country\":\"DE\",\
                   \"no\\\"te, etc\":\"a,b\",\"Action\":\"create\",\"source\":\"HRIS\",\"headcount\":1}";
        assert_eq!(body.lines().nth(2), Some(&*format!("{row},")));
        assert_eq!(last.rejects.iter().filter(|&&b| b == b'\n').count(), 1, "nothing is rejected");
    });
}
