use proptest::prelude::*;

use super::*;
use crate::format::csv::cut::cut;
use crate::format::csv::record::tests::dialects;
use crate::format::cut::Cut;
use crate::text::scan::{Quoting, count_lines};

fn parser(width: usize, on_ragged: OnRagged) -> Parser {
    let names: Vec<Arc<str>> = (0..width).map(|i| Arc::from(format!("c{i}"))).collect();
    Parser::new(Dialect::default(), names.into(), width, on_ragged)
}

#[track_caller]
fn check(block: &str, expected: &[(u32, &[&str])]) {
    let batch = parser(2, OnRagged::Reject)
        .parse(block.as_bytes().to_vec(), 1)
        .unwrap();
    let found: Vec<(u32, Vec<&str>)> = (0..batch.len())
        .map(|r| (batch.row(r).line, (0..2).map(|c| batch.get(r, c)).collect()))
        .collect();
    let expected: Vec<(u32, Vec<&str>)> = expected.iter().map(|(l, c)| (*l, c.to_vec())).collect();
    assert_eq!(found, expected, "{block:?}");
}

#[test]
fn reads_cells_and_lines() {
    check("a,b\nc,d\n", &[(0, &["a", "b"]), (1, &["c", "d"])]);
    check("a,b\r\n\r\n\nc,d", &[(0, &["a", "b"]), (3, &["c", "d"])]);
    check(
        "\"a\nx\",b\r\nc,\"d\"\r\n",
        &[(0, &["a\nx", "b"]), (2, &["c", "d"])],
    );
    check("\"a\"\"b\",\"\"\n", &[(0, &["a\"b", ""])]);
    check("5\" pipe,\"x, y\"\n", &[(0, &["5\" pipe", "x, y"])]);
    check("b,\n\"\",\"\"\"\"\n", &[(0, &["b", ""]), (1, &["", "\""])]);
    check("Zoë,\"Łukasz, jr\"\n", &[(0, &["Zoë", "Łukasz, jr"])]);
    check("a,\"b\r\"\r\n", &[(0, &["a", "b\r"])]);
    check("\"a\"\r\n\",\",\"\"", &[(0, &["a", ""]), (1, &[",", ""])]);
}

#[test]
fn ragged_records_follow_the_policy() {
    let rejected = parser(2, OnRagged::Reject)
        .parse(b"a\nb,c\nd,e,f\n".to_vec(), 1)
        .unwrap();
    let states: Vec<_> = (0..3).map(|r| rejected.state(r)).collect();
    assert_eq!(
        states,
        [RowState::Rejected, RowState::In, RowState::Rejected]
    );
    assert_eq!(
        rejected.faults().list()[1].message,
        "expected 2 cells as in the header, found 3"
    );
    assert_eq!(rejected.raw_record(2), b"d,e,f");

    let padded = parser(2, OnRagged::Pad).parse(b"a\n".to_vec(), 1).unwrap();
    assert_eq!(
        (padded.state(0), padded.get(0, 0), padded.get(0, 1)),
        (RowState::In, "a", "")
    );

    let failed = parser(2, OnRagged::Fail).parse(b"a,b\n\nc\n".to_vec(), 1);
    assert_eq!(
        failed.err(),
        Some(RaggedError {
            line: 2,
            expected: 2,
            found: 1
        })
    );
}

#[test]
fn bad_utf8_rejects_its_row_and_keeps_the_bytes() {
    let batch = parser(2, OnRagged::Reject)
        .parse(b"a,b\nc,M\xfcller\ne,f\n".to_vec(), 1)
        .unwrap();
    let states: Vec<_> = (0..3).map(|r| batch.state(r)).collect();
    assert_eq!(states, [RowState::In, RowState::Rejected, RowState::In]);
    assert_eq!(batch.raw_record(1), b"c,M\xfcller");
    assert_eq!(&*batch.faults().list()[0].column, "c1");
    assert!(
        batch.faults().list()[0]
            .message
            .starts_with("byte 4 of the record is not UTF-8")
    );
    // A cell with doubled quotes is unescaped elsewhere, and yet the column is known.
    let batch = parser(2, OnRagged::Reject)
        .parse(b"a,\"M\xfcller \"\"Mo\"\"\"\n".to_vec(), 1)
        .unwrap();
    assert_eq!(&*batch.faults().list()[0].column, "c1");
    assert_eq!(batch.cell(0, 1).kind(), Kind::Faulty);
}

#[test]
fn a_plain_cell_has_nothing_to_escape() {
    let check = |quote: u8, block: &str| {
        let names: Vec<Arc<str>> = vec!["a".into(), "b".into()];
        let dialect = Dialect::new(b',', Quoting::by(quote));
        let parser = Parser::new(dialect, names.into(), 2, OnRagged::Pad);
        let batch = parser.parse(block.as_bytes().to_vec(), 1).unwrap();
        (0..batch.len())
            .flat_map(|row| [batch.cell(row, 0), batch.cell(row, 1)])
            .map(|cell| {
                let plain = crate::text::scan::is_plain(batch.text(cell).as_bytes());
                assert!(plain || !cell.is_plain(), "{block:?}");
                cell.is_plain()
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(
        check(b'"', "a,\"b,c\"\r\n\"d\ne\",f\"g\r\n"),
        [true, true, false, false]
    );
    assert_eq!(check(b'"', "\"a\"\"b\",\"c\"\n"), [false, true]);
    assert_eq!(check(b'"', "a\\b,c\n"), [false, false]);
    assert_eq!(check(b'"', "a\rb,c\n"), [false, false]);
    assert_eq!(check(b'\'', "'a',\"c\"\n"), [false, false]);
    assert_eq!(check(b'"', "\"a\"x\"y,c\n"), [false, true]);
}

/// Lines, codes and messages of the faults in a text that begins on line 2.
#[track_caller]
fn check_faults(dialect: Dialect, text: &str, expected: &[(u64, &str, &str)]) {
    let names: Vec<Arc<str>> = vec!["a".into(), "b".into(), "c".into()];
    let parser = Parser::new(dialect, names.into(), 3, OnRagged::Pad);
    let batch = parser.parse(text.as_bytes().to_vec(), 2).unwrap();
    let line = |fault: &Fault| 2 + u64::from(batch.row(fault.row as usize).line);
    let faults = batch.faults().list();
    let mut found: Vec<_> = faults
        .iter()
        .map(|f| (line(f), &*f.code, &*f.message))
        .collect();
    found.sort_unstable();
    assert_eq!(found, expected, "{text}");
    for fault in batch.faults().list() {
        for column in 0..3 {
            assert_eq!(batch.cell(fault.row as usize, column).kind(), Kind::Faulty);
        }
    }
}

#[test]
fn quotes_in_the_way_are_told_with_their_lines() {
    let check = |text, expected: &[_]| check_faults(Dialect::default(), text, expected);
    check(
        "1,\"Clerk, nights,x\n2,y,z\n3,\"Cook, canteen\",v\n4,\"80\"0,w\r\n",
        &[
            (
                2,
                "quote",
                "the quote opened on line 2, column 3 is closed on line 4, column 3, and text follows it; \
                 lines 2 to 4 were read as one record; if no cell spans lines, set source.csv.multiline to false",
            ),
            (
                5,
                "quote",
                "the quote opened on line 5, column 3 is closed on line 5, column 6, and text follows it",
            ),
        ],
    );
    check(
        "1,x,\"y\nz\n\"2\",x,y\n",
        &[(
            2,
            "quote",
            "the quote opened on line 2, column 5 is not closed, and line 4 begins with a quote; lines 2 to 3 were read as \
             one record; if no cell spans lines, set source.csv.multiline to false",
        )],
    );
    check(
        "1, \"Smith, J\",x\n1,Ann\"Smith, J\"\n",
        &[
            (
                2,
                "quote",
                "there are blanks before the quote on line 2, column 4; a quoted cell must begin with its quote",
            ),
            (
                3,
                "quote",
                "the quotes on line 3, column 6 and line 3, column 15 are in two unquoted cells; is a delimiter missing \
                 before the first?",
            ),
        ],
    );
    check(
        "1,\"a \\\"b\\\" c\",x\n",
        &[(
            2,
            "quote",
            "the quote opened on line 2, column 3 is closed on line 2, column 7, and text follows it; there is a \
             backslash before a quote: if quotes are escaped that way, set source.csv.escape to '\\'",
        )],
    );
    let throughout = Dialect {
        throughout: true,
        ..Dialect::default()
    };
    check_faults(
        throughout,
        "\"1\",5\" pipe,x\n",
        &[(
            2,
            "quote",
            "there is a quote in an unquoted cell on line 2, column 6, although every name in the header is quoted",
        )],
    );
    let one_line = Quoting {
        multiline: false,
        ..Quoting::default()
    };
    check_faults(
        Dialect::new(b',', one_line),
        "1,\"x,y\n2,y,z\n",
        &[(
            2,
            "quote",
            "the quote opened on line 2, column 3 is not closed on its line",
        )],
    );
}

#[test]
fn a_carriage_return_outside_quotes_may_end_a_line() {
    let why = |place: &str| {
        format!(
            "there is a carriage return without a line feed on {place}, outside quotes; if it ends a line, convert it to LF \
             or CR LF"
        )
    };
    let (first, second, third) = (
        why("line 3, column 4"),
        why("line 5, column 6"),
        why("line 6, column 8"),
    );
    check_faults(
        Dialect::default(),
        "1,\"a\rb\",c\r\n1,2\r3,4\n\r\n\"a\",b\r\r\n\"b\",\"c\"\rd\n",
        &[
            (3, "carriage_return", &first),
            (5, "carriage_return", &second),
            (6, "carriage_return", &third),
        ],
    );
}

#[test]
fn empty_cells_that_are_too_many_are_left_out() {
    let why = "expected 3 cells as in the header, found 5, and the extra cells are not empty";
    check_faults(
        Dialect::default(),
        "1,a,b,\n2,a,b,,\"\"\r\n3\n4,a,b,,x\n5,a,b,\"\",\n6,a,b, ,\"\"",
        &[(5, "ragged", why), (7, "ragged", why)],
    );
}

/// Every row with its place, its cells and its state, and every fault.
fn told(batch: &Batch, line: u64) -> Vec<String> {
    let row = |row: usize| {
        let cells: Vec<_> = (0..batch.width()).map(|c| batch.get(row, c)).collect();
        let place = line + u64::from(batch.row(row).line);
        let raw = batch.raw_record(row).escape_ascii();
        let mut faults = batch.faults().iter();
        let fault = faults.find(|fault| fault.row as usize == row);
        format!(
            "{place} {cells:?} {raw} {:?}",
            fault.as_ref().map(|f| &f.message)
        )
    };
    (0..batch.len()).map(row).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// However a text is cut into blocks, it has the same records and faults.
    #[test]
    fn blocks_of_any_size_tell_the_same(
        text in "([ab #]|\"|\"|\"\"|,|,|\n|\n|\r|\r\n|ä|\\\\|\",\"|\"\n\"){0,60}",
        dialect in dialects(),
        block in 1usize..40,
    ) {
        let names: Vec<Arc<str>> = vec!["a".into(), "b".into(), "c".into()];
        let parser = Parser::new(dialect, names.into(), 3, OnRagged::Pad);
        let bytes = text.as_bytes();
        let (mut from, mut line, mut target, mut found) = (0, 1, block, Vec::new());
        while from < bytes.len() {
            let view = &bytes[from..bytes.len().min(from + target)];
            let at_end = from + view.len() == bytes.len();
            match cut(dialect, view, at_end) {
                Ok(Cut::At(at)) => {
                    let batch = parser.parse(view[..at].to_vec(), line).unwrap();
                    found.extend(told(&batch, line));
                    line += count_lines(&view[..at]);
                    (from, target) = (from + at, block);
                }
                Ok(_) => target *= 2,
                // A quote that is open at the end of the file ends the run, whatever the blocks.
                Err(_) => {
                    let whole = cut(dialect, bytes, true);
                    prop_assert!(whole.is_err());
                    return Ok(());
                }
            }
        }
        prop_assert!(cut(dialect, bytes, true).is_ok());
        let whole = parser.parse(bytes.to_vec(), 1).unwrap();
        prop_assert_eq!(found, told(&whole, 1));
    }
}
