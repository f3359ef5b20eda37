//! Quotes that are in the way, and cells that are too many: what goes out, what is rejected and how it is told, and that
//! every line of the file is one or the other.

use proptest::prelude::*;
use rostream::internals::batch::RowState;
use rostream::internals::format::block::{Boundary, Cut};
use rostream::internals::format::csv::{OnRagged, Parser};
use rostream::internals::text::scan::{Dialect, Quoting};

use crate::support::{Ended, Rig};

/// A run over a CSV file with these settings, a key and what more the pipeline says.
fn run(csv: &str, text: &str, more: &str, arguments: &[&str]) -> (Rig, Ended) {
    let rig = Rig::new();
    rig.write("people.csv", text);
    rig.pipeline(
        &format!(
            "source: {{ path: people.csv, csv: {{ {csv} }} }}\nvalidate: {{ key: id }}\n{more}"
        ),
        "action: createOrReplace\nidentify_by: { id_key: id }",
    );
    let ended = rig.run(arguments);
    (rig, ended)
}

/// What the upload holds, without the action.
fn sent(rig: &Rig) -> Vec<String> {
    let mut items = rig.items();
    items.sort_unstable();
    items
}

/// Line, code and message of every reject.
fn rejects(rig: &Rig) -> Vec<(u64, String, String)> {
    let file = rig.read("rejects.csv");
    let mut found = Vec::new();
    for place in file.match_indices(",people.csv,").map(|(at, _)| at) {
        let said = &file[place + ",people.csv,".len()..];
        let said = said.lines().next().unwrap();
        let parts: Vec<&str> = said.splitn(5, ',').collect();
        let message = parts[4].trim_matches('"').to_owned();
        found.push((parts[0].parse().unwrap(), parts[3].to_owned(), message));
    }
    found
}

/// Line 3 opens a quote that no one closes before line 6.
const STRAY: &str = "\
id,name,job,town
20001,Ana Brandt,Cook,Bonn
20002,Bo Carlsen,\"Fitter, days,Kiel
20003,Cy Dorn,Nurse,Bonn
20004,Di Engel,Clerk,Kiel
20005,Ed Frey,\"Driver, bus\",Ulm
20006,Flo Groth,Baker,Ulm
";

#[test]
fn a_quote_that_is_never_closed_takes_lines_along_that_are_told_and_counted() {
    let (rig, ended) = run("", STRAY, "", &[]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let counts = ["read", "rejected", "taken_along", "sent"].map(|c| ended.count(c));
    assert_eq!(counts, [3, 1, 3, 2]);
    let items = sent(&rig);
    assert!(
        items[0].contains("\"20001\"") && items[0].contains("\"Cook\""),
        "{items:?}"
    );
    assert!(
        items[1].contains("\"20006\"") && items[1].contains("\"Baker\""),
        "{items:?}"
    );
    let found = rejects(&rig);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].0, &*found[0].1), (3, "quote"));
    let words = [
        "opened on line 3, column 18",
        "lines 3 to 6",
        "source.csv.multiline",
    ];
    for word in words {
        assert!(found[0].2.contains(word), "{}", found[0].2);
    }
    let told = "rejected                1  and 3 more lines that they took along";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
}

#[test]
fn the_reject_limit_sees_the_lines_that_were_taken_along() {
    for (limit, code) in [("2", 4), ("3", 4), ("4", 3), ("70%", 3), ("60%", 4)] {
        let limit = format!("rejects: {{ at_most: {limit} }}");
        let (rig, ended) = run("", STRAY, &limit, &[]);
        assert_eq!(ended.code, code, "{limit}: {}", ended.stderr);
        if code == 4 {
            let told = "4 of 6 rows were rejected (3 of them as lines that others took along)";
            assert!(ended.stderr.contains(told), "{}", ended.stderr);
            assert_eq!(rig.taken(), (0, 0));
        }
    }
}

#[test]
fn where_no_cell_spans_lines_a_stray_quote_costs_its_own() {
    let (rig, ended) = run("multiline: false", STRAY, "rejects: { at_most: 1 }", &[]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let counts = ["read", "rejected", "taken_along", "sent"].map(|c| ended.count(c));
    assert_eq!(counts, [6, 1, 0, 5]);
    assert!(rig.items().iter().any(|item| item.contains("Driver, bus")));
    let why = "the quote opened on line 3, column 18 is not closed on its line";
    assert_eq!(rejects(&rig), [(3, "quote".to_owned(), why.to_owned())]);
}

#[test]
fn a_quote_that_is_open_at_the_end_ends_the_run() {
    let text = "id,name\n1,Ana\n2,\"Bo\n3,Cy\n";
    let (rig, ended) = run("", text, "", &[]);
    assert_eq!(ended.code, 1);
    assert_eq!(rig.taken(), (0, 0));
    let why = "people.csv:3:3: the quote opened here is never closed, and all up to line 4, the last one, would be one \
               cell; if no cell spans lines, set source.csv.multiline to false";
    assert!(ended.stderr.contains(why), "{}", ended.stderr);
}

#[test]
fn damaged_cells_are_never_glued_together() {
    let text = "id,grade,pay,note
1,G4,52000,began in \"Bonn\"
2,\"G5,61000,\"Ops, north\",moved
3,G6,70000,\"said \"no\" to it\"
4,G7,\"80000\"0,
5,G8,90000,\"left open
6,G4,51000,fine
7,G5,62000,\"on leave\"
8,G9,95000,\"well \"\"quoted\"\"\"
9, \"G1\",1,x
";
    let (rig, ended) = run("", text, "rejects: { at_most: 100% }", &[]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let counts = ["read", "rejected", "taken_along", "sent"].map(|c| ended.count(c));
    assert_eq!(counts, [7, 5, 2, 2]);
    let items = sent(&rig);
    assert!(
        items[0].contains(r#""note":"began in \"Bonn\"""#),
        "{items:?}"
    );
    assert!(
        items[1].contains(r#""note":"well \"quoted\"""#),
        "{items:?}"
    );
    let lines: Vec<_> = rejects(&rig)
        .into_iter()
        .map(|(line, code, _)| (line, code))
        .collect();
    let quote = |line| (line, "quote".to_owned());
    assert_eq!(lines, [3, 4, 5, 6, 10].map(quote));

    // Fed back in as they are, they are rejected again.
    std::fs::rename(rig.path("rejects.csv"), rig.path("people.csv")).unwrap();
    let again = rig.run(&[]);
    assert_eq!(again.code, 4, "{}", again.stderr);
    assert_eq!((again.count("read"), again.count("rejected")), (5, 5));
    let codes = again.report["rejects"]["by_code"].as_array().unwrap();
    assert_eq!(codes.len(), 1);
    assert_eq!(codes[0]["code"], "quote");
}

/// As MySQL and PHP write quotes.
const ESCAPED: &str = r#"id,name,job
1,"Una \"Ulli\" Veit",Cook
2,"Weber, Xa","Head \"Night\", Bonn"
3,"Yl Zorn","Screens 27\""
4,"Al Bern",Porter
5,"Cil Dau","Disk D:\\"
6,"Eva\
Fink","C:\temp"
"#;

#[test]
fn quotes_that_are_escaped_are_read_where_that_is_stated() {
    let (rig, ended) = run(r#"escape: "\\""#, ESCAPED, "", &[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let expected = [
        r#"{"id":"1","name":"Una \"Ulli\" Veit","job":"Cook"}"#,
        r#"{"id":"2","name":"Weber, Xa","job":"Head \"Night\", Bonn"}"#,
        r#"{"id":"3","name":"Yl Zorn","job":"Screens 27\""}"#,
        r#"{"id":"4","name":"Al Bern","job":"Porter"}"#,
        r#"{"id":"5","name":"Cil Dau","job":"Disk D:\\"}"#,
        r#"{"id":"6","name":"Eva\nFink","job":"C:\\temp"}"#,
    ];
    assert_eq!(sent(&rig), expected);
}

#[test]
fn quotes_that_are_escaped_are_told_where_that_is_not_stated() {
    let (rig, ended) = run("", ESCAPED, "rejects: { at_most: 100% }", &[]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(
        !rig.items()
            .iter()
            .any(|item| item.contains("Ulli") || item.contains("Night"))
    );
    let found = rejects(&rig);
    assert_eq!(
        found.iter().map(|(line, ..)| *line).collect::<Vec<_>>(),
        [2, 3, 4]
    );
    for (_, code, message) in found {
        assert_eq!(code, "quote");
        let hint = "there is a backslash before a quote: if quotes are escaped that way, set source.csv.escape to '\\'";
        assert!(message.contains(hint), "{message}");
    }
}

#[test]
fn without_quotes_all_are_ordinary() {
    let text = "id;name\n1;\"Ana\n2;Bo \"B\"\n3;\" C\n";
    let (rig, ended) = run("delimiter: \";\", quote: none", text, "", &[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let items = sent(&rig);
    assert!(items[0].contains(r#""name":"\"Ana""#), "{items:?}");
    assert!(items[2].contains(r#""name":"\" C""#), "{items:?}");
}

#[test]
fn empty_cells_beyond_the_header_are_left_out() {
    let text = "id;name;town\n1;Ana;Bonn;\n2;Bo;Kiel;\n3;Cy;Ulm;;\"\"\n4;Di;Ulm;x\n5;Ed\n";
    let (rig, ended) = run("delimiter: \";\", ragged: pad", text, "", &[]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let items = sent(&rig);
    let expected = [
        r#"{"id":"1","name":"Ana","town":"Bonn"}"#,
        r#"{"id":"2","name":"Bo","town":"Kiel"}"#,
        r#"{"id":"3","name":"Cy","town":"Ulm"}"#,
    ];
    assert_eq!(items[..3], expected);
    assert_eq!((ended.count("sent"), ended.count("rejected")), (4, 1));
    assert!(
        rig.read("rejects.csv")
            .contains(";people.csv;5;parse;;ragged;")
    );

    let (rig, ended) = run("delimiter: \";\"", text, "", &[]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    assert_eq!(rig.taken(), (0, 0));
}

#[test]
fn rows_that_a_carriage_return_joins_are_rejected() {
    let text = "id,name\n1,Ana\r2,Bo\r3,Cy\n4,\"D\ri\"\n\"5\",Ed\n";
    let (rig, ended) = run("", text, "rejects: { at_most: 3 }", &[]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let counts = ["read", "rejected", "taken_along", "sent"].map(|c| ended.count(c));
    assert_eq!(counts, [3, 1, 2, 2]);
    assert_eq!(
        (rejects(&rig)[0].0, &*rejects(&rig)[0].1),
        (2, "carriage_return")
    );
}

#[test]
fn a_header_with_quotes_in_the_way_names_nothing() {
    for (header, place, why) in [
        (
            "id,\"name\"x",
            "1:9",
            "text follows the quote that closes a name",
        ),
        (
            "id, \"name\"",
            "1:5",
            "there are blanks before the quote of a name",
        ),
        (
            "id,Ann\"name, x\"",
            "1:7",
            "there is a quote inside a name that is not quoted",
        ),
    ] {
        let (_, ended) = run("", &format!("{header}\n1,Ana\n"), "", &[]);
        let told = format!("error: people.csv:{place}: {why}\n");
        assert_eq!(ended.code, 1);
        assert!(ended.stderr.ends_with(&told), "{}", ended.stderr);
    }
}

#[test]
fn settings_that_contradict_each_other_are_told_with_their_place() {
    let check = |csv: &str, place: &str, expected: &str| {
        let rig = Rig::new();
        rig.write(
            "p.yaml",
            format!(
                "version: 1\nsource:\n  path: a.csv\n  csv: {{ {csv} }}\ntarget: {{ sandbox: }}\n"
            ),
        );
        let (code, stderr) = rig.ask(&["lint", "p.yaml"]);
        let told = format!("p.yaml:{place}: {expected}");
        assert!(stderr.contains(&told), "{csv}: {code} {stderr}");
        code
    };
    let same = "escape and quote are the same character";
    assert_eq!(check("escape: '\"'", "4:18", same), 2);
    assert_eq!(
        check(
            "delimiter: ';', escape: ';'",
            "4:34",
            "delimiter and escape are the same character"
        ),
        2
    );
    assert_eq!(
        check(
            "escape: ','",
            "4:18",
            "delimiter and escape are the same character"
        ),
        2
    );
    assert_eq!(
        check(
            "quote: ','",
            "4:17",
            "delimiter and quote are the same character"
        ),
        2
    );
    assert_eq!(
        check(
            "quote: none, escape: '\\'",
            "4:31",
            "`escape` cannot be combined with `quote: none`"
        ),
        2
    );
    assert_eq!(
        check(
            "escape: ab",
            "4:18",
            "expected one ASCII character, or `none`"
        ),
        2
    );
    check(
        "quote: none, multiline: true",
        "4:34",
        "warning: this setting has no effect with `quote: none`",
    );
}

/// A row that goes out or does not, of a text of whole records.
#[derive(Debug)]
struct Row {
    cells: Vec<String>,
    good: bool,
    /// The bytes of the record in the text, without its line end.
    start: usize,
    end: usize,
}

/// The rows of a text without a header; none where the run ends instead.
fn read(text: &[u8], columns: usize, throughout: bool) -> Option<Vec<Row>> {
    let dialect = Dialect {
        throughout,
        ..Dialect::new(b',', Quoting::default())
    };
    let mut boundary = Boundary::Csv(dialect);
    boundary
        .cut(text, true)
        .ok()
        .filter(|cut| *cut == Cut::At(text.len()))?;
    let names: Vec<_> = (0..columns).map(|n| format!("c{n}").into()).collect();
    let parser = Parser::new(dialect, names.into(), columns, OnRagged::Reject);
    let batch = parser.parse(text.to_vec(), 1).unwrap();
    let row = |row: usize| Row {
        cells: (0..columns).map(|c| batch.get(row, c).to_owned()).collect(),
        good: batch.state(row) == RowState::In,
        start: batch.row(row).start as usize,
        end: batch.row(row).end as usize,
    };
    Some((0..batch.len()).map(row).collect())
}

/// A table with all cells in quotes, a record a line.
struct Quoted {
    rows: Vec<Vec<String>>,
    text: String,
    /// Where each cell stands with its quotes, row by row; what ends it is the byte behind.
    places: Vec<Vec<(usize, usize)>>,
}

impl Quoted {
    fn new(rows: Vec<Vec<String>>) -> Quoted {
        let (mut text, mut places) = (String::new(), Vec::new());
        for row in &rows {
            let mut cells = Vec::new();
            for cell in row {
                let start = text.len();
                text.push_str(&format!("\"{}\"", cell.replace('"', "\"\"")));
                cells.push((start, text.len()));
                text.push(',');
            }
            text.pop();
            text.push('\n');
            places.push(cells);
        }
        Quoted { rows, text, places }
    }

    /// Whether a change of the text from one place to another, or between two bytes, is one of this cell or of what ends
    /// it or the one before. Where a cell that spans lines is changed, what is left of it may be a record of its own: then
    /// it is one of the whole row.
    fn touched(&self, row: usize, column: usize, change: (usize, usize)) -> bool {
        let hits = |(start, end): (usize, usize)| match change {
            (from, to) if from == to => from + 1 >= start && from <= end + 1,
            (from, to) => to >= start && from <= end,
        };
        let spans_lines = |(start, end): (usize, usize)| self.text[start..end].contains('\n');
        let mut lines = self.places[row].iter().filter(|place| spans_lines(**place));
        hits(self.places[row][column]) || lines.any(|place| hits(*place))
    }

    /// What is wrong with what is read of the text after a change.
    fn wrong(&self, change: (usize, usize), by: &[u8]) -> Option<String> {
        let (from, to) = change;
        let was = self.text.as_bytes();
        let text = [&was[..from], by, &was[to..]].concat();
        let found = read(&text, self.rows[0].len(), true)?;
        let moved = |at: usize| {
            if at >= to {
                at + by.len() + from - to
            } else {
                at.min(from)
            }
        };
        let (mut next, mut missing) = (0usize, Vec::new());
        for row in found.iter().filter(|row| row.good) {
            let is = |at: &usize| {
                let cells = self.rows[*at].iter().zip(&row.cells).enumerate();
                let mut same =
                    cells.map(|(c, (was, is))| was == is || self.touched(*at, c, change));
                same.all(|same| same)
            };
            let as_before = |at: &usize| self.rows[*at] == row.cells;
            // A row of lines may go out in several pieces.
            let mut left = next.saturating_sub(1)..self.rows.len();
            let found = (next..self.rows.len()).find(as_before);
            let Some(at) = found.or_else(|| left.find(is)) else {
                return Some(format!("{:?} goes out", row.cells));
            };
            missing.extend(next..at);
            next = at + 1;
        }
        missing.extend(next..self.rows.len());
        let bad: Vec<&Row> = found.iter().filter(|row| !row.good).collect();
        for row in &missing {
            let (start, end) = (self.places[*row][0].0, self.places[*row].last()?.1);
            let within = |bad: &&&Row| bad.start <= moved(end) && moved(start) <= bad.end;
            if !bad.iter().any(|bad| within(&bad)) {
                return Some(format!("row {row} is neither sent nor rejected"));
            }
        }
        let feeds = |text: &[u8]| text.iter().filter(|byte| **byte == b'\n').count();
        let lines = |bad: &&Row| 1 + feeds(&text[bad.start..bad.end]);
        let joined = feeds(&was[from..to]);
        let counted = bad.iter().map(lines).sum::<usize>() + joined;
        (counted < missing.len()).then(|| format!("{counted} of {} are counted", missing.len()))
    }
}

/// Tables of two columns or more, whose rows differ in their first cells. A cell that begins with what may stand behind a
/// closing quote, but for quotes of its own, is not told apart from the end of a cell that was never closed: `"a,",b"` may
/// be the cells `a,` and `b"` or `a` and `,b`. None begins so.
fn tables() -> impl Strategy<Value = Vec<Vec<String>>> {
    let piece = prop_oneof![
        6 => "[a-c]{1,3}",
        2 => Just("\"".to_owned()),
        2 => Just(",".to_owned()),
        2 => Just("\n".to_owned()),
        1 => Just("\r\n".to_owned()),
        1 => Just(" ".to_owned()),
        2 => any::<char>().prop_filter("no control character", |c| !c.is_control()).prop_map(String::from),
    ];
    let cell = prop::collection::vec(piece, 0..6)
        .prop_map(|pieces| pieces.concat())
        .prop_filter("begins as a cell ends", |text| {
            !text.trim_start_matches('"').starts_with([',', '\n', '\r'])
        });
    let row = move |columns| prop::collection::vec(cell.clone(), columns);
    (2usize..5)
        .prop_flat_map(move |columns| prop::collection::vec(row(columns), 1..6))
        .prop_map(|mut rows| {
            for (at, row) in rows.iter_mut().enumerate() {
                row[0] = format!("{at}z{}", row[0]);
            }
            rows
        })
}

proptest! {
    // Half of proptest's usual 256 tables, for each is damaged in a thousand ways or more. `PROPTEST_CASES` asks for more.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(ProptestConfig::default().cases / 2) })]

    /// Whatever byte of a quoted file is changed, taken away or put in: every cell that goes out is as before but those
    /// beside it, and every row that does not is rejected with its lines.
    #[test]
    fn one_damaged_byte_damages_no_other_row(rows in tables()) {
        let table = Quoted::new(rows);
        let end = table.text.len();
        for at in 0..=end {
            for by in [&b""[..], b"\"", b",", b"\n", b"\r", b"x", b" ", b"\0", b"\xff", "é".as_bytes()] {
                for change in [(at, at), (at, end.min(at + 1))] {
                    let wrong = table.wrong(change, by);
                    prop_assert_eq!(wrong, None, "{:?} for {:?} in {}", by, change, table.text);
                }
            }
        }
    }
}

/// Some cells are quoted as they must be, some for no reason, most are not.
const ORDERS: [&str; 6] = [
    r#"1,02:15,2,$78.07,"Round Table, 48""","Made to last, year round.","https://www.example.com/1",new"#,
    r#"2,02:30,1,$29.81,Light Jacket,"Keeps you ""visible"" at night","https://www.example.com/2","#,
    r#"3,02:45,0,$48.08,5" Pipe,"One, two, three","https://www.example.com/3",old"#,
    r##"4,03:00,7,$1.00,"Cap","Wool, red","https://www.example.com/4","""##,
    r#"5,03:15,1,$9.99,Socks,Plain,"https://www.example.com/5",x"#,
    r#"6,03:30,3,$5.55,Belt,"Two lines,
of text","https://www.example.com/6",y"#,
];

#[test]
fn no_quote_too_many_and_no_delimiter_too_few_lets_a_wrong_row_out() {
    let text = ORDERS.map(|order| format!("{order}\n")).concat();
    let good: Vec<Vec<String>> = (read(text.as_bytes(), 8, false).unwrap().into_iter())
        .map(|row| {
            assert!(row.good, "{row:?}");
            row.cells
        })
        .collect();
    let mut damaged = Vec::new();
    for (at, byte) in text.bytes().enumerate() {
        let (before, after) = text.split_at(at);
        if byte == b'"' && !before.ends_with('5')
            || before.is_empty()
            || before.ends_with([',', '\n'])
        {
            damaged.push(format!("{before}\"{after}"));
        }
        // One in a cell is a part of its text.
        if byte == b',' && !after.starts_with(", ") && !after.starts_with(",\n") {
            damaged.push(format!("{before}{}", &after[1..]));
        }
    }
    let mut rejected = 0;
    for damaged in damaged {
        let Some(rows) = read(damaged.as_bytes(), 8, false) else {
            continue;
        };
        rejected += rows.iter().filter(|row| !row.good).count();
        for row in rows.iter().filter(|row| row.good) {
            assert!(good.contains(&row.cells), "{:?} of\n{damaged}", row.cells);
        }
    }
    assert!(rejected > 100, "{rejected}");
}
