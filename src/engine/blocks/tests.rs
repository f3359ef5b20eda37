use proptest::prelude::*;

use super::*;
use crate::format::csv::{Delimiter, Form, Naming, OnRagged};
use crate::format::{Pools, RecordFormat, json};
use crate::settings::limits::Limits;
use crate::text::scan::Quoting;

#[tokio::test]
async fn a_block_of_long_names_has_few_records() {
    let name = |n| format!("{n}{}", " How satisfied are you?".repeat(9));
    let names: Vec<_> = (0..300).map(name).collect();
    let record = format!("{}\n", ",".repeat(299));
    let text = format!("{}\n{}", names.join(","), record.repeat(1000));
    let source = Source::of_pieces("survey.csv", [text.into()]);
    let reading = Reading {
        format: RecordFormat::Csv(Form {
            delimiter: Delimiter::Comma,
            quoting: Quoting::default(),
            comment: None,
            skip_lines: 0,
            naming: Naming::default(),
        }),
        block: BLOCK,
        added: &[],
        named: Arc::default(),
        limits: Limits::default(),
        closing: Closing::default(),
    };
    let mut blocks = Blocks::open(Arc::new(source), reading).await.unwrap();
    let mut records = 0;
    while let Some(block) = blocks.next().await.unwrap() {
        let found = count_lines(&block.bytes.join()) as usize;
        let named: usize = names.iter().map(|name| name.len()).sum();
        assert!(found * named <= MAX_NAMES, "{found} records");
        records += found;
    }
    assert_eq!(records, 1000);
}

/// Byte order marks stand between documents wherever a block ends, and in front of the first one.
#[tokio::test]
async fn byte_order_marks_are_known_in_pieces() {
    let mark = "\u{feff}";
    let many = mark.repeat(9);
    for (path, text) in [
        (
            None,
            format!(" {mark}{{\"a\":1}}\n{many}[{{\"a\":2}},{{\"a\":3}}]{mark}"),
        ),
        (
            Some("$.r"),
            format!(
                "\n{mark}{{\"r\":[{{\"a\":1}},{{\"a\":2}}]}}{many}{{\"r\":[{{\"a\":3}}]}}{mark}"
            ),
        ),
    ] {
        for block in 1..text.len() {
            let source = Source::of_pieces("a.json", [text.clone().into()]);
            let form = json::Form {
                path: path.map(|path| path.parse().unwrap()),
                ..json::Form::default()
            };
            let reading = Reading {
                format: RecordFormat::Json {
                    layout: json::Layout::Documents,
                    form: Arc::new(form),
                },
                block,
                added: &[],
                named: Arc::default(),
                limits: Limits::default(),
                closing: Closing::default(),
            };
            let mut blocks = Blocks::open(Arc::new(source), reading).await.unwrap();
            let Header::Json(header) = blocks.header().clone() else {
                panic!("JSON");
            };
            let parser = header.parser(false);
            let mut records = 0;
            while let Some(block) = blocks.next().await.unwrap() {
                records += parser.parse(block.bytes).map_or(0, |batch| batch.len());
            }
            assert_eq!(records, 3, "blocks of {block} bytes of {text:?}");
        }
    }
}

/// What stands in a made-up file.
#[derive(Debug, Clone)]
enum Part {
    /// A person, as it is written.
    Person(&'static str),
    /// A line that is no record wherever it stands.
    Nothing(&'static str),
    /// The header once more, which does not close a file.
    Header(&'static str),
    /// A line that is a footer at the end, and a person in the middle.
    Page(&'static str),
}

fn part() -> impl Strategy<Value = Part> {
    const PEOPLE: &[&str] = &[
        "1,Ann",
        "\"2\",\"B\nPage 1\n\"",
        "3,\"\"\"Page\"",
        "4,",
        ",x",
        "ID,6",
    ];
    const NOTHING: &[&str] = &["", ",", "\"\",\" \"", " ", "# \"remark", "\u{a0},,\"\""];
    const HEADERS: &[&str] = &["ID,Name", "\u{feff}\"ID\", Name"];
    const PAGES: &[&str] = &[
        "Page 1,of 1",
        "\"Page\",\"\"",
        "Page ,\"2\"",
        "\"Page\n\",5",
    ];
    let any = |texts: &'static [&'static str]| prop::sample::select(texts);
    prop_oneof![
        4 => any(PEOPLE).prop_map(Part::Person),
        3 => any(NOTHING).prop_map(Part::Nothing),
        1 => any(HEADERS).prop_map(Part::Header),
        2 => any(PAGES).prop_map(Part::Page),
    ]
}

/// A file: its text, the lines on which its records begin, and how many are none.
fn written(parts: &[Part], crlf: bool, ended: bool) -> (String, Vec<u64>, u64) {
    let end = if crlf { "\r\n" } else { "\n" };
    let is_open = |part: &Part| matches!(part, Part::Person(_) | Part::Header(_));
    let closing = parts.iter().rposition(is_open).map_or(0, |at| at + 1);
    let (mut text, mut lines, mut skipped) = (format!("ID,Name{end}"), Vec::new(), 0);
    for (at, part) in parts.iter().enumerate() {
        let line = count_lines(text.as_bytes()) + 1;
        let written = match part {
            Part::Person(person) => {
                lines.push(line);
                person
            }
            Part::Page(page) => {
                match at < closing {
                    true => lines.push(line),
                    false => skipped += count_lines(page.as_bytes()) + 1,
                }
                page
            }
            Part::Nothing(text) | Part::Header(text) => {
                skipped += 1;
                text
            }
        };
        text += written;
        text += end;
    }
    if !ended && !parts.is_empty() {
        text.truncate(text.len() - end.len());
        // An empty line that does not end is no line.
        skipped -= u64::from(matches!(parts.last(), Some(Part::Nothing(""))));
    }
    (text, lines, skipped)
}

/// The lines on which records begin, and how many lines are none, in blocks of this size.
async fn read(text: &str, block: usize, piece: usize) -> (Vec<u64>, u64) {
    let pieces: Vec<_> = text
        .as_bytes()
        .chunks(piece)
        .map(|piece| piece.to_vec().into())
        .collect();
    let source = Source::of_pieces("people.csv", pieces);
    let reading = Reading {
        format: RecordFormat::Csv(Form {
            delimiter: Delimiter::Comma,
            quoting: Quoting::default(),
            comment: Some(b'#'),
            skip_lines: 0,
            naming: Naming::default(),
        }),
        block,
        added: &[],
        named: Arc::default(),
        limits: Limits::default(),
        closing: Closing {
            footer: "^Page".parse().ok(),
            trailer: None,
        },
    };
    let mut blocks = Blocks::open(Arc::new(source), reading).await.unwrap();
    let parser = (blocks.header()).parser(
        OnRagged::Reject,
        false,
        &Limits::default(),
        &Pools::default(),
    );
    let (mut lines, mut skipped) = (Vec::new(), 0);
    while let Some(block) = blocks.next().await.unwrap() {
        skipped += block.end.map_or(0, |end| end.skipped);
        let (line, start) = (block.line, block.start());
        let batch = parser.parse(block.bytes, start, None).unwrap();
        assert!(batch.faults().is_empty(), "{:?}", batch.faults());
        skipped += batch.skipped().lines;
        lines.extend((0..batch.len()).map(|row| line + u64::from(batch.row(row).line)));
    }
    (lines, skipped)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// However a file is cut into blocks, and however its bytes come: the same records on the same lines.
    #[test]
    fn lines_that_are_no_records(
        parts in prop::collection::vec(part(), 0..12),
        crlf: bool,
        ended: bool,
        block in prop_oneof![Just(1usize), 2usize..40, Just(BLOCK)],
        piece in 1usize..50,
    ) {
        let (text, lines, skipped) = written(&parts, crlf, ended);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let found = runtime.block_on(read(&text, block, piece));
        prop_assert_eq!(found, (lines, skipped), "{:?}", text);
    }
}
