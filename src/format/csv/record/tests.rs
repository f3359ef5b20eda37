use proptest::prelude::*;

use super::*;
use crate::text::scan::Quoting;

fn texts() -> impl Strategy<Value = String> {
    "([ab #]|\"|\"|\"\"|,|,|\n|\n|\r|\r\n|ä|\\\\|\",\"|\"\n\"|[a-z]{60,70}){0,60}"
}

/// All that a pipeline can say of quotes, and both that a header can.
pub(crate) fn dialects() -> impl Strategy<Value = Dialect> {
    let quote = prop_oneof![4 => Just(Some(b'"')), 1 => Just(None)];
    let escape = prop_oneof![Just(None), Just(Some(b'\\'))];
    let comment = prop_oneof![Just(None), Just(Some(b'#'))];
    (quote, escape, comment, any::<bool>(), any::<bool>()).prop_map(
        |(quote, escape, comment, multiline, throughout)| Dialect {
            delimiter: b',',
            quoting: Quoting {
                quote,
                escape: escape.filter(|_| quote.is_some()),
                multiline,
            },
            comment,
            throughout,
        },
    )
}

/// Records of what their cells stand for; empty lines are none. And whether quotes are in the way anywhere.
fn records(text: &str) -> (Vec<Vec<String>>, bool) {
    let mut records = vec![Vec::new()];
    let mut cells = Cells::of_text(text.as_bytes(), Dialect::default());
    let mut faulty = false;
    while let Some(cell) = cells.next() {
        let mut written = &text[cell.range()];
        if cell.last && cell.quotes != Quotes::Open {
            written = written.strip_suffix('\r').unwrap_or(written);
        }
        let mut plain = String::new();
        unquote(written, Dialect::default(), &mut plain);
        let record = records.last_mut().unwrap();
        record.push(plain);
        if cell.last {
            faulty |= cells.take_fault().is_some();
            if record.len() == 1 && written.is_empty() {
                record.clear();
            } else {
                records.push(Vec::new());
            }
        }
    }
    records.pop_if(|last| last.is_empty());
    (records, faulty)
}

/// csv-async ends records at a lone CR, too, and passes over lines of them; so texts have CR before LF alone.
async fn reference(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv_async::AsyncReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .terminator(csv_async::Terminator::Any(b'\n'))
        .create_reader(text.as_bytes());
    let mut record = csv_async::StringRecord::new();
    let mut records = Vec::new();
    while reader.read_record(&mut record).await.unwrap() {
        records.push(record.iter().map(str::to_owned).collect());
    }
    records
}

/// Line feeds that end records, by the walk from cell to cell.
fn ends_by_cells(text: &[u8], dialect: Dialect) -> Vec<usize> {
    // Those of remarks, too.
    let feeds = |range: Range<usize>| range.filter(|at| text[*at] == b'\n');
    let mut cells = Cells::of_text(text, dialect);
    cells.pass_remarks();
    let mut ends: Vec<usize> = feeds(0..cells.at()).collect();
    while let Some(cell) = cells.next() {
        if cell.last {
            cells.pass_remarks();
            ends.extend(feeds(cell.end..cells.at()));
        }
    }
    ends
}

/// The same by the walk from quote to quote.
fn ends_by_quotes(text: &[u8], dialect: Dialect) -> (Vec<usize>, bool) {
    let mut quoted = Quoted::new(text, dialect);
    let (mut ends, mut plain_from, mut whole) = (Vec::new(), 0, true);
    let feeds = |from: usize, to: usize| (from..to).filter(|at| text[*at] == b'\n');
    while let Some(Region { open, end }) = quoted.next() {
        ends.extend(feeds(plain_from, open).filter(|at| quoted.ends_record(plain_from, *at)));
        plain_from = match end {
            End::At(at) => at,
            End::Open | End::Unsure => {
                whole = false;
                text.len()
            }
        };
    }
    ends.extend(feeds(plain_from, text.len()).filter(|at| quoted.ends_record(plain_from, *at)));
    (ends, whole)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn cells_are_those_of_csv_async_where_no_quote_is_in_the_way(
        text in "(([ab ]{0,3}|\"([ab \n,]|\"\"){0,4}\"|5\" pipe)(,|,|\n)){0,20}",
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (records, faulty) = records(&text);
        if !faulty {
            prop_assert_eq!(records, runtime.block_on(reference(&text)));
        }
    }

    #[test]
    fn quotes_alone_tell_where_records_end(text in texts(), dialect in dialects()) {
        let bytes = text.as_bytes();
        let mut by_cells = ends_by_cells(bytes, dialect);
        let (by_quotes, whole) = ends_by_quotes(bytes, dialect);
        if !whole {
            // What follows a last line feed decides whether it ends a record.
            by_cells.pop_if(|at| *at + 1 == bytes.len());
        }
        prop_assert_eq!(by_quotes, by_cells);
    }

    #[test]
    fn the_cells_of_a_record_are_those_of_its_text(text in texts(), dialect in dialects()) {
        let bytes = text.as_bytes();
        let (mut from, mut of_record) = (0, Vec::new());
        let of_text: Vec<_> = Cells::of_text(bytes, dialect).collect();
        for last in of_text.iter().filter(|cell| cell.last) {
            let cells = Cells::of_record(&bytes[from..last.end], dialect);
            of_record.extend(cells.map(|cell| (from + cell.start, from + cell.end)));
            from = last.end + 1;
        }
        let of_text: Vec<_> = of_text.iter().map(|cell| (cell.start, cell.end)).collect();
        prop_assert_eq!(of_record, of_text);
    }
}

#[test]
fn escapes_have_no_meaning_in_remarks() {
    let dialect = Dialect {
        comment: Some(b'#'),
        quoting: Quoting {
            escape: Some(b'\\'),
            ..Quoting::default()
        },
        ..Dialect::default()
    };
    for (text, expected) in [
        ("\",\"\n#\\\n", &[3, 6][..]),
        ("#\\\n\"a\nb\",c\n", &[2, 10]),
        ("#\\\n#x\\\n  \"a\n\"\nb\n", &[2, 6, 13, 15]),
        ("a\\\n#\\\nb\n", &[7]),
        ("\"\n#\",b\\\nc\n", &[9]),
    ] {
        let text = text.as_bytes();
        assert_eq!(ends_by_cells(text, dialect), expected);
        assert_eq!(ends_by_quotes(text, dialect).0, expected);
    }
}

fn check_cells(record: &str, quote: u8, expected: &[&str]) {
    let dialect = Dialect::new(b',', Quoting::by(quote));
    let cells: Vec<_> = Cells::of_record(record.as_bytes(), dialect)
        .map(|cell| &record[cell.range()])
        .collect();
    assert_eq!(cells, expected, "{record}");
}

#[test]
fn cells_of_a_record() {
    let q = b'"';
    check_cells("", q, &[""]);
    check_cells(",", q, &["", ""]);
    check_cells("a,b", q, &["a", "b"]);
    check_cells("a,", q, &["a", ""]);
    check_cells(r#""a,b",c"#, q, &[r#""a,b""#, "c"]);
    check_cells(r#""a""b,""",c"#, q, &[r#""a""b,""""#, "c"]);
    check_cells("\"a\nb\",c", q, &["\"a\nb\"", "c"]);
    check_cells(r#"a"b,c"d"#, q, &[r#"a"b"#, r#"c"d"#]);
    check_cells(r#""a"b,c"#, q, &[r#""a"b"#, "c"]);
    check_cells(r#"a,"b,c"#, q, &["a", r#""b,c"#]);
    check_cells(r#""""#, q, &[r#""""#]);
    check_cells(r#""","#, q, &[r#""""#, ""]);
    check_cells(r#"'a,b',"c"#, b'\'', &["'a,b'", r#""c"#]);
}

const PLAIN: Dialect = Dialect::new(b',', Quoting::by(b'"'));
const THROUGHOUT: Dialect = Dialect {
    throughout: true,
    ..PLAIN
};
const ONE_LINE: Dialect = Dialect {
    quoting: Quoting {
        multiline: false,
        ..PLAIN.quoting
    },
    ..PLAIN
};
const ESCAPED: Dialect = Dialect {
    quoting: Quoting {
        escape: Some(b'\\'),
        ..PLAIN.quoting
    },
    ..PLAIN
};
const UNQUOTED: Dialect = Dialect {
    quoting: Quoting {
        quote: None,
        ..PLAIN.quoting
    },
    ..PLAIN
};

/// A record, and the kind of its fault with the offsets of that in the record.
type Read<'a> = (&'a str, Option<(Kind, usize, usize)>);

/// The records of a text.
#[track_caller]
fn check_faults(dialect: Dialect, text: &str, expected: &[Read<'_>]) {
    let mut cells = Cells::of_text(text.as_bytes(), dialect);
    let (mut found, mut from) = (Vec::new(), 0);
    while let Some(cell) = cells.next() {
        if cell.last {
            let fault = cells.take_fault();
            let fault = fault.map(|f| (f.kind, f.open - from, f.at - from));
            found.push((&text[from..cell.end], fault));
            from = cell.end + 1;
        }
    }
    assert_eq!(found, expected, "{text}");
}

#[test]
fn a_quote_in_the_way_is_a_fault_of_its_record() {
    let check = |text, expected: &[_]| check_faults(PLAIN, text, expected);
    check(
        "5\" pipe,b\na,started in \"Leeds\"\n",
        &[("5\" pipe,b", None), ("a,started in \"Leeds\"", None)],
    );
    check(
        "a,\"80\"0,b\nc,d,e\n",
        &[("a,\"80\"0,b", Some((Kind::Behind, 2, 5))), ("c,d,e", None)],
    );
    check("a,\"b\" ,c", &[("a,\"b\" ,c", Some((Kind::Behind, 2, 4)))]);
    check(
        "\"a\"\r\n\"b\"\rc\n\"d\"\r",
        &[
            ("\"a\"\r", None),
            ("\"b\"\rc", Some((Kind::Behind, 0, 2))),
            ("\"d\"\r", None),
        ],
    );
    // Behind a delimiter, a quote opens a cell, which may span lines.
    check(
        "a,\"b,c\nd,e\nf,\"g\nh\",i\nj,k\n",
        &[
            ("a,\"b,c\nd,e\nf,\"g\nh\",i", Some((Kind::Behind, 2, 13))),
            ("j,k", None),
        ],
    );
    // At the beginning of a line it opens a record.
    check(
        "a,\"b\n\"c\",d\ne,f\n",
        &[
            ("a,\"b", Some((Kind::Open, 2, 4))),
            ("\"c\",d", None),
            ("e,f", None),
        ],
    );
    check("a,\"b\n\"\"c\"\" d\"\n", &[("a,\"b\n\"\"c\"\" d\"", None)]);
    check(
        "a, \"b, c\"\n\t\"d\ne\",f\n,\" \"g\n",
        &[
            ("a, \"b, c\"", Some((Kind::Blanks, 3, 3))),
            ("\t\"d\ne\",f", Some((Kind::Blanks, 1, 1))),
            (",\" \"g", Some((Kind::Behind, 1, 3))),
        ],
    );
    // The first of several is told.
    check(
        "\"a\"b,\"c\"d, \"e\"\n",
        &[("\"a\"b,\"c\"d, \"e\"", Some((Kind::Behind, 0, 2)))],
    );
    check("a,\"b\nc", &[("a,\"b\nc", Some((Kind::Open, 2, 6)))]);
}

#[test]
fn quotes_of_two_unquoted_cells_may_be_those_of_one() {
    let check = |text, expected: Option<_>| check_faults(PLAIN, text, &[(text, expected)]);
    check("1,Ann\"Smith, J\",x", Some((Kind::Apart, 5, 14)));
    check("1,$7\"Table, 48\"\"\"", Some((Kind::Apart, 4, 16)));
    check("1,$7\"Say \"\"a\"\", b\"\r", Some((Kind::Apart, 4, 17)));
    check("1,5\" pipe,6\" pipe", None);
    check("1,5\",6\"", None);
    check("1,\"a\" b\", c\"", Some((Kind::Behind, 2, 4)));
    check("1,a\"b,x,c\"", None);
    check("1,a\"b\"c,d\"", None);
    check_faults(
        PLAIN,
        "a\"b\n,c\"\nd\"e,f\"\n",
        &[
            ("a\"b", None),
            (",c\"", None),
            ("d\"e,f\"", Some((Kind::Apart, 1, 5))),
        ],
    );
}

#[test]
fn a_file_that_is_quoted_throughout_has_no_quote_outside() {
    let check = |text, expected: &[_]| check_faults(THROUGHOUT, text, expected);
    check(
        "\"a\",5\" b\n1,\"c\"\n",
        &[
            ("\"a\",5\" b", Some((Kind::Within, 5, 5))),
            ("1,\"c\"", None),
        ],
    );
    // A line that begins without a quote is a part of the cell.
    check(
        "\"a\",\"b\"c\nd,e\nf\"\n\"g\",\"h\"\n",
        &[
            ("\"a\",\"b\"c\nd,e\nf\"", Some((Kind::Behind, 4, 6))),
            ("\"g\",\"h\"", None),
        ],
    );
    // And so it is where a quote only seems to begin the line.
    check(
        "\"a\"b\n\",\"c\"\nd\n\"e\"\n",
        &[
            ("\"a\"b\n\",\"c\"", Some((Kind::Behind, 0, 2))),
            ("d", None),
            ("\"e\"", None),
        ],
    );
    check("\"a\"b\nc\n", &[("\"a\"b\nc", Some((Kind::Behind, 0, 2)))]);
}

#[test]
fn cells_that_never_span_lines() {
    let check = |text, expected: &[_]| check_faults(ONE_LINE, text, expected);
    check(
        "a,\"b,c\nd,\"e, f\"\n\"g",
        &[
            ("a,\"b,c", Some((Kind::Open, 2, 6))),
            ("d,\"e, f\"", None),
            ("\"g", Some((Kind::Open, 0, 2))),
        ],
    );
    check(
        "a,\"b,\"c\nd\n",
        &[("a,\"b,\"c", Some((Kind::Behind, 2, 5))), ("d", None)],
    );
}

#[test]
fn escapes() {
    let check = |text, expected: &[_]| check_faults(ESCAPED, text, expected);
    check(
        "\"a \\\"b\\\" c\",\"d\\\\\"\ne\\\"f,g\\,h\\\ni\n",
        &[
            ("\"a \\\"b\\\" c\",\"d\\\\\"", None),
            ("e\\\"f,g\\,h\\\ni", None),
        ],
    );
    check(
        "\"a\\\\\\\"b\"c\n",
        &[("\"a\\\\\\\"b\"c", Some((Kind::Behind, 0, 7)))],
    );
    let check =
        |record, expected: &[&str]| assert_eq!(split(ESCAPED, record), expected, "{record}");
    check(
        r#""Mara \"Mo\" Oduya",Analyst"#,
        &["Mara \"Mo\" Oduya", "Analyst"],
    );
    check(
        r#""Screens 24\"","Paths C:\\""#,
        &["Screens 24\"", "Paths C:\\"],
    );
    check(r#""C:\new\, x","a\"#, &["C:\\new, x", "a\\"]);
    check(r#"a\,b,\"c\",C:\new"#, &["a,b", "\"c\"", "C:\\new"]);
    check("\"a\\\nb\",\"c\"\"d\"", &["a\nb", "c\"d"]);
    let split = |record| split(PLAIN, record);
    assert_eq!(split(r#""a\\",b\\"#), ["a\\\\", "b\\\\"]);
}

#[test]
fn without_a_quote_all_are_ordinary() {
    check_faults(
        UNQUOTED,
        "\"a,b\"\n\"c\n",
        &[("\"a,b\"", None), ("\"c", None)],
    );
    assert_eq!(split(UNQUOTED, "\"a\",b\"\""), ["\"a\"", "b\"\""]);
}

#[test]
fn splits_a_record() {
    let split = |record| split(PLAIN, record);
    assert_eq!(split("a,\"b,\"\"c\",,d\""), ["a", "b,\"c", "", "d\""]);
    assert_eq!(split(""), [""]);
    assert_eq!(split(","), ["", ""]);
    assert_eq!(split("\"a\nb\",\"\""), ["a\nb", ""]);
    assert_eq!(split("\"\"\"\"\"\",\"a\"b"), ["\"\"", "ab"]);
}

#[test]
fn lines_are_counted_within_cells() {
    let mut cells = Cells::of_text(b"a,\"b\nc\"\nd", PLAIN);
    let lines: Vec<u32> = std::iter::from_fn(|| {
        let line = cells.line();
        cells.next().map(|_| line)
    })
    .collect();
    assert_eq!(lines, [0, 0, 2]);
}
