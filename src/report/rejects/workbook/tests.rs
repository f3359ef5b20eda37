use std::fs;
use std::sync::Arc;

use proptest::prelude::*;

use super::super::row::{Header, RejectFormat};
use super::super::tests::{fault, written};
use super::super::{ADDED, RejectedRow, Told};
use super::*;
use crate::batch::{Batch, RowState};
use crate::format::PARSE;
use crate::format::csv::record::tests::dialects;
use crate::format::csv::{OnRagged, Parser};
use crate::format::sheet::{About, Laid, Texts, csv, json};
use crate::text::encoded::Written;
use crate::text::scan::Dialect;

/// The rows of a sheet that a rejects file becomes, the header first, and what they do not tell.
fn rows(file: &[u8], written: As<'_>) -> (Vec<Texts>, About) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rejects");
    fs::write(&path, file).unwrap();
    let file = File::open(&path).unwrap();
    let mut text = Text::open(&file, written).unwrap();
    let mut rows = vec![copy(text.header())];
    let mut row = Texts::default();
    while text.next(&mut row).unwrap() {
        rows.push(copy(&row));
    }
    (rows, text.about())
}

fn copy(texts: &Texts) -> Texts {
    let mut copy = Texts::default();
    (0..texts.len()).for_each(|at| copy.push(texts.get(at)));
    copy
}

/// What is said of a row.
fn said<'r>(laid: &Laid, row: &'r Texts) -> [&'r str; ADDED.len()] {
    std::array::from_fn(|at| row.get(laid.said + at))
}

/// The table that rows of a sheet become.
fn table(rows: &[Texts], about: &About, dialect: Dialect) -> Vec<u8> {
    let laid = Laid::of(&rows[0]).unwrap();
    let mut out = Vec::new();
    let names = laid.own.iter().map(|at| rows[0].get(*at));
    let table = csv::Written::begin(names, about, dialect.quoting, &mut out);
    out.push(b'\n');
    for row in &rows[1..] {
        let own = laid.own.iter().map(|at| row.get(*at));
        let surplus = (laid.surplus..row.len()).map(|at| row.get(at));
        table.push(own, &said(&laid, row), surplus, &mut out);
        out.push(b'\n');
    }
    out
}

/// The lines that rows of a sheet become.
fn lines(rows: &[Texts], about: About) -> String {
    let laid = Laid::of(&rows[0]).unwrap();
    let names = laid.own.iter().map(|at| rows[0].get(*at));
    let mut written = json::Written::begin(names, about);
    let mut out = Vec::new();
    for row in &rows[1..] {
        let own = laid.own.iter().map(|at| row.get(*at));
        let types = row.get(laid.types.unwrap());
        let pushed = written.push(own, &said(&laid, row), types, &mut out);
        assert!(pushed.is_ok());
        out.push(b'\n');
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What comes of the rows of a rejects file of two columns.
fn fed_back(table: &[u8], dialect: Dialect) -> Vec<(RowState, Vec<String>)> {
    let names: Arc<[Arc<str>]> = vec!["a".into(), "b".into()].into();
    let parser = Parser::new(dialect, names, 8, OnRagged::Reject);
    let header = memchr::memchr(b'\n', table).unwrap() + 1;
    let batch: Batch = parser.parse(table[header..].to_vec(), 2).unwrap();
    let faults = batch.faults().list();
    let row = |row: usize| {
        let of_row = faults.iter().filter(|fault| fault.row as usize == row);
        let told = match batch.state(row) {
            RowState::In => (0..2).map(|at| batch.get(row, at).to_owned()).collect(),
            _ => of_row.map(|f| format!("{} {}", f.column, f.code)).collect(),
        };
        (batch.state(row), told)
    };
    (0..batch.len()).map(row).collect()
}

proptest! {
    /// Whatever is wrong with how a record is written, it comes back from a workbook as it comes back from the file.
    #[test]
    fn records_come_back_as_from_the_file(
        raw in "([ab #]|\"|\"\"|,|\n|\r|ä|\\\\|\",\"|\"\n\"){0,24}",
        bad in any::<bool>(),
        dialect in dialects(),
    ) {
        let names: Arc<[Arc<str>]> = vec!["a".into(), "b".into()].into();
        let parser = Parser::new(dialect, names, 2, OnRagged::Reject);
        let raw: Vec<u8> = match bad {
            true => raw.replace('ä', "\u{1}").bytes().map(|b| if b == 1 { 0xe4 } else { b }).collect(),
            false => raw.into_bytes(),
        };
        let batch = parser.parse(raw, 1).unwrap();
        let throughout = dialect.throughout && dialect.quoting.quote.is_some();
        let header: &[u8] = if throughout { b"\"a\",\"b\"" } else { b"a,b" };
        let format = RejectFormat::new(&Header::raw(header, dialect, false));
        let mut file = format.header_line().to_vec();
        let faults = batch.faults().list();
        for row in 0..batch.len() {
            let faults: Vec<_> = faults.iter().filter(|f| f.row as usize == row).map(Told::from).collect();
            let original = batch.raw_record(row);
            // What an escape at the end of a line means depends on what follows.
            if faults.is_empty() || original.ends_with(b"\\") {
                continue;
            }
            let row = RejectedRow { file: "f", line: 1, original, absent: &[], faults: &faults };
            file.extend(written(&format, &row, false));
        }
        let (rows, about) = rows(&file, format.as_written());
        prop_assert_eq!(about.throughout, throughout);
        let dialect = Dialect { comment: None, ..dialect };
        let again = table(&rows, &about, dialect);
        let (before, after) = (fed_back(&file, dialect), fed_back(&again, dialect));
        prop_assert!(before.iter().all(|(state, _)| *state != RowState::In), "{before:?}");
        prop_assert_eq!(before, after, "{}\n{}", file.escape_ascii(), again.escape_ascii());
    }

    /// Cells that nobody has touched are what they were, whatever they hold.
    #[test]
    fn cells_come_back(cells in proptest::collection::vec("[ab _\"',;\\\\\r\n\t=∅␍0]{0,6}", 2), dialect in dialects()) {
        let of_date = [fault("date", "a", "date_format", "m")];
        let told = [Told::from(&of_date[0])];
        let mut original = Vec::new();
        for (at, cell) in cells.iter().enumerate() {
            if at > 0 {
                original.push(dialect.delimiter);
            }
            crate::format::csv::write::cell(cell.as_bytes(), dialect, |part| original.extend_from_slice(part));
        }
        let format = RejectFormat::new(&Header::raw(b"a,b", dialect, true));
        let mut file = format.header_line().to_vec();
        let row = RejectedRow { file: "f", line: 1, original: &original, absent: &[], faults: &told };
        file.extend(written(&format, &row, false));
        let (rows, about) = rows(&file, format.as_written());
        let dialect = Dialect { comment: None, throughout: false, ..dialect };
        let again = table(&rows, &about, dialect);
        prop_assert_eq!(fed_back(&file, dialect), fed_back(&again, dialect));
    }
}

#[test]
fn cells_too_many_that_are_empty_are_shown() {
    let of_row = [fault(PARSE, "", "ragged", "m")];
    let told = [Told::from(&of_row[0])];
    let format = RejectFormat::new(&Header::raw(b"a,b", Dialect::default(), false));
    for (original, shown, sent) in [
        ("1,2,", &["1", "2", "∅"][..], "1,2,f,1,parse,,ragged,m,"),
        (
            "1,2,\"\",",
            &["1", "2", "∅", "∅"],
            "1,2,f,1,parse,,ragged,m,,",
        ),
        ("1,2,,x", &["1", "2", "", "x"], "1,2,f,1,parse,,ragged,m,,x"),
    ] {
        let row = RejectedRow {
            file: "f",
            line: 1,
            original: original.as_bytes(),
            absent: &[],
            faults: &told,
        };
        let mut file = format.header_line().to_vec();
        file.extend(written(&format, &row, false));
        let (mut rows, about) = rows(&file, format.as_written());
        let cells: Vec<&str> = (6..rows[1].len()).map(|at| rows[1].get(at)).collect();
        assert_eq!(cells, shown);
        let again = table(&rows, &about, Dialect::default());
        let again = String::from_utf8(again).unwrap();
        assert_eq!(again.lines().nth(1).unwrap(), sent);
        // Emptied, they are gone.
        let mut emptied = Texts::default();
        (0..8).for_each(|at| emptied.push(rows[1].get(at)));
        (8..12).for_each(|_| emptied.push(""));
        rows[1] = emptied;
        let again = table(&rows, &about, Dialect::default());
        assert!(again.ends_with(b"\n1,2,f,1,parse,,ragged,m\n"));
    }
}

/// The rows of a rejects file with these members, each a row's own.
fn of_objects(own: &[&str]) -> String {
    let line = |(at, own): (usize, &&str)| {
        let columns = if at == 0 {
            ",\"_columns\":[\"id\",\"name.first\",\"pay\",\"left\"]"
        } else {
            ""
        };
        let comma = if own.is_empty() { "" } else { "," };
        format!(
            "{{\"_file\":\"w\",\"_line\":7,\"_stage\":\"s\",\"_column\":\"c\",\"_code\":\"x\",\"_message\":\"m\"{columns}{comma}{own}}}\n"
        )
    };
    own.iter().enumerate().map(line).collect()
}

#[test]
fn objects_come_back() {
    let own = [
        r#""id":"007","name":{"first":"A","n":[1,"}"]},"pay":1.50"#,
        r#""id":8,"pay":"much","full":true"#,
        r##""id":null,"name":"","pay":-1e5,"cell":{"error":"#N/A"}"##,
        r#""id":"\ud834","name":"a\nb\r\u0001","pay":12345678901234567890"#,
        r#""_raw":"{\"id\": 01}""#,
        r#""id":"1","id":"2""#,
        r#""_fault":["too long","x"],"id":"9""#,
        "",
    ];
    let file = of_objects(&own);
    let (rows, about) = rows(file.as_bytes(), As::Lines);
    let header: Vec<&str> = (0..rows[0].len()).map(|at| rows[0].get(at)).collect();
    assert_eq!(
        header[6..],
        [
            "_types", "id", "name", "pay", "left", "full", "cell", "_fault", "_raw"
        ]
    );
    let json = about.members.iter().filter(|(_, is_json)| *is_json);
    let json: Vec<&str> = json.map(|(name, _)| &**name).collect();
    assert_eq!(
        (about.members.len(), json),
        (7, vec!["pay", "full", "_fault"])
    );
    assert_eq!(rows[1].get(6), "{\"json\":\"2\",\"missing\":\"4-7\"}");
    let cells =
        |row: usize| -> Vec<&str> { (7..rows[row].len()).map(|at| rows[row].get(at)).collect() };
    assert_eq!(
        cells(1),
        [
            "007",
            "{\"first\":\"A\",\"n\":[1,\"}\"]}",
            "1.50",
            "",
            "",
            "",
            "",
            ""
        ]
    );
    assert_eq!(cells(3), ["", "", "-1e5", "", "", "#N/A", "", ""]);
    assert_eq!(cells(5)[7], "{\"id\": 01}");
    assert_eq!(cells(6)[7], "{\"id\":\"1\",\"id\":\"2\"}");
    let again = lines(&rows, about);
    let parsed = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    for (at, (before, after)) in file.lines().zip(again.lines()).enumerate() {
        match at {
            // Half a character, and what stands twice.
            3 => assert!(
                after.contains(r#""id":"\ud834","name":"a\nb\r\u0001","pay":12345678901234567890"#),
                "{after}"
            ),
            5 => assert!(
                after.ends_with(r#""_raw":"{\"id\":\"1\",\"id\":\"2\"}"}"#),
                "{after}"
            ),
            _ => {
                assert_eq!(parsed(before), parsed(after));
                assert!(!before.contains("1.50") || after.contains("\"pay\":1.50"));
            }
        }
    }
    assert_eq!(file.lines().count(), again.lines().count());
}

#[test]
fn a_cell_that_was_put_right_has_the_type_that_it_had() {
    let file = of_objects(&[
        r#""id":"1","pay":1,"left":null"#,
        r#""id":2,"pay":"much","name":{"first":"A"}"#,
        r##""id":"3","pay":2,"cell":{"error":"#N/A"},"_fault":["m"]"##,
    ]);
    let (mut rows, about) = rows(file.as_bytes(), As::Lines);
    let change = |row: &Texts, changes: &[(usize, &str)]| {
        let mut changed = Texts::default();
        for at in 0..row.len() {
            let new = changes.iter().find(|(place, _)| *place == at);
            changed.push(new.map_or(row.get(at), |(_, text)| text));
        }
        changed
    };
    let names = copy(&rows[0]);
    let header: Vec<&str> = (0..names.len()).map(|at| names.get(at)).collect();
    let at = |name: &str| header.iter().position(|known| *known == name).unwrap();
    let (id, name, pay, left) = (at("id"), at("name"), at("pay"), at("left"));
    let (cell, fault) = (at("cell"), at("_fault"));
    let own = |rows: &[Texts]| -> Vec<String> {
        let lines = lines(rows, about.clone());
        let own = lines
            .lines()
            .map(|line| line.split_once("\"_message\":\"m\"").unwrap().1);
        own.map(|own| own.replace(",\"_columns\":[\"id\",\"name.first\",\"pay\",\"left\"]", ""))
            .collect()
    };
    rows[1] = change(
        &rows[1],
        &[(id, "01"), (pay, "7.50"), (left, "2020"), (name, "x")],
    );
    rows[2] = change(&rows[2], &[(id, "02x"), (pay, "8"), (name, "")]);
    rows[3] = change(
        &rows[3],
        &[(id, ""), (pay, ""), (cell, "right"), (fault, "")],
    );
    assert_eq!(
        own(&rows),
        [
            r#","id":"01","name":"x","pay":7.50,"left":"2020"}"#,
            r#","id":"02x","name":null,"pay":"8"}"#,
            r#","id":"","pay":null,"cell":"right"}"#,
        ]
    );
    // A row that somebody adds has no types.
    let mut added = Texts::default();
    let cells = header.iter().map(|name| match *name {
        "id" => "4",
        "pay" => "5",
        _ => "",
    });
    cells.for_each(|cell| added.push(cell));
    rows.truncate(1);
    rows.push(added);
    assert!(lines(&rows, about.clone()).ends_with(
        r#","id":"4","pay":5}
"#
    ));
}

#[test]
fn what_no_sheet_can_hold_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let (path, place) = (
        dir.path().join("rejects.csv"),
        dir.path().join("rejects.xlsx"),
    );
    let said = "f,2,s,a,c,m";
    let long = "x".repeat(MOST_CHARACTERS);
    let message = "m".repeat(MOST_CHARACTERS + 1);
    // Characters beyond the basic plane are two.
    let longer = "𝒳".repeat(MOST_CHARACTERS / 2 + 1);
    let wide = ",".repeat(MOST_COLUMNS - 7);
    let text = format!(
        "a,{}\n{long},{said}\n{longer},{said}\n1,f,2,s,a,c,{message}\n2,{said}{wide}\n3,{said}{wide},\n",
        ADDED.join(",")
    );
    fs::write(&path, text).unwrap();
    let write = || {
        let file = File::open(&path).unwrap();
        let written = As::Table {
            dialect: Dialect::default(),
            written: Written::Utf8,
            called: &[],
        };
        write(&file, written, (&place, None))
    };
    let expected = "2 rows are not in it: a cell holds at most 32767 characters, and a sheet has at most 16384 columns";
    assert_eq!(write().unwrap().unwrap(), expected);
    assert!(place.exists());

    // A table that is too wide has no workbook, and the one that was there is as it was.
    let before = fs::read(&place).unwrap();
    let names: Vec<String> = (0..MOST_COLUMNS - 5).map(|at| format!("c{at}")).collect();
    fs::write(&path, format!("{},{}\n", names.join(","), ADDED.join(","))).unwrap();
    let error = write().unwrap_err().to_string();
    assert_eq!(
        error,
        "the rows have more columns than the 16384 of a sheet"
    );
    assert!(fs::read(&place).unwrap() == before);
    let left = fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(left, 2);
}

#[test]
fn cells_at_fault_are_found_by_name() {
    let mut header = Texts::default();
    let own = ["id", "first; last", "name", "Pay", " "];
    ADDED.iter().chain(&own).for_each(|name| header.push(name));
    let called = ["id", "first; last", "name", "Pay", "column 5"].map(str::to_owned);
    let mut places = faults::Places::new(&header, ADDED.len(), &called);
    let mut check = |stage: &str, column: &str, code: &str, expected: &[usize]| {
        let mut row = Texts::default();
        ["f", "1", stage, column, code, "m"]
            .iter()
            .for_each(|cell| row.push(cell));
        (0..6).for_each(|_| row.push("x"));
        places.look(&row);
        let marked: Vec<usize> = (0..row.len()).filter(|at| places.is_marked(*at)).collect();
        assert_eq!(marked, expected, "{column}");
    };
    check("date", "id", "x", &[6]);
    check("date; validate", "id; Pay", "x; y", &[6, 9]);
    check("validate", "first; last", "x", &[7]);
    check("validate", "id, name", "x", &[6, 8]);
    check("validate", "name.first", "x", &[8]);
    check("parse", "column 5", "nameless", &[10]);
    check("parse", "", "ragged", &[11]);
    check("import", "", "ragged", &[]);
    check("validate", "nobody", "x", &[]);
}
