//! Excel workbooks as users meet them: the same upload as of CSV, what becomes of cells, and what is said of the rest.

pub mod book;

use std::io::Write;
use std::process::Stdio;

use book::{Book, archive};
use serde_json::Value;

use crate::support::{Ended, Rig};
use crate::{outcome, rostream};

const IMPORT: &str = "action: create\nidentify_by: { id_key: ID }";

/// A run of a file with these settings of the source.
fn run_of(file: &str, bytes: &[u8], source: &str) -> (Rig, Ended) {
    let rig = Rig::new();
    rig.write(file, bytes);
    rig.pipeline(
        &format!("source: {{ path: {file}, {source} }}\nrejects: {{ path: rejects.ndjson, at_most: 100% }}"),
        IMPORT,
    );
    let ended = rig.run(&[]);
    (rig, ended)
}

fn run_book(book: &Book, source: &str) -> (Rig, Ended) {
    run_of("w.xlsx", &book.bytes(), source)
}

/// A preview of a workbook: exit code, the rows before the first stage, and what was said.
fn preview(book: &Book, source: &str) -> (i32, Vec<Value>, String) {
    preview_of(&book.bytes(), source)
}

fn preview_of(bytes: &[u8], source: &str) -> (i32, Vec<Value>, String) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("w.xlsx"), bytes).unwrap();
    let pipeline =
        format!("version: 1\nsource: {{ path: w.xlsx, {source} }}\ntarget: {{ sandbox: }}\n");
    std::fs::write(dir.path().join("p.yaml"), pipeline).unwrap();
    let output = rostream(dir.path(), &["preview", "p.yaml", "--json"])
        .output()
        .unwrap();
    let (code, stdout, stderr) = outcome(output);
    let row = |line: &str| serde_json::from_str::<Value>(line).unwrap()["before"].clone();
    (code, stdout.lines().map(row).collect(), stderr)
}

/// The cells of the second row, below names `a`, `b`, `c` ...
#[track_caller]
fn cells(book: Book) -> Vec<String> {
    let (code, rows, stderr) = preview(&book, "format: xlsx");
    assert_eq!(code, 0, "{stderr}");
    let row = rows[0].as_object().unwrap();
    row.values()
        .map(|cell| cell.as_str().unwrap().to_owned())
        .collect()
}

/// The same people in CSV and in a workbook, whose cells are of every kind.
fn people(count: u32) -> (String, Book) {
    let mut csv = "ID,Name,Born,Hired,Salary,Active,Note\n".to_owned();
    let mut rows = vec!["ID|Name|Born|Hired|Salary|Active|Note".to_owned()];
    for n in 1..=count {
        let name = ["Zoë Müller", "Ann O'Neil & <Co>", "李雷", "a \u{1F600} b"][n as usize % 4];
        let note = ["", "line 1\nline 2", "  kept  ", "\"quoted\""][n as usize % 4];
        let active = n % 3 == 0;
        let quoted = note.replace('"', "\"\"");
        csv +=
            &format!("{n:08},{name},1981-05-15,2020-02-29T08:30:00,{n}.25,{active},\"{quoted}\"\n");
        let id = match n % 2 {
            0 => format!("n:{n}@00000000"),
            _ => format!("{n:08}"),
        };
        let day = ["n:29721@dd/mm/yyyy", "d:1981-05-15", "1981-05-15"][n as usize % 3];
        rows.push(format!(
            "{id}|{name}|{day}|n:43890.354166666664@m/d/yy h:mm|n:{n}.25@#,##0.00|b:{}|{note}",
            u8::from(active)
        ));
    }
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    (csv, Book::of(&rows))
}

#[test]
fn the_same_upload_as_of_csv() {
    let (csv, book) = people(1500);
    let (rig, ended) = run_of("w.csv", csv.as_bytes(), "");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let expected = rig.uploaded();
    let bytes = book.bytes();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&bytes).unwrap();
    for (file, bytes, source) in [
        ("w.xlsx", &bytes, ""),
        ("w.xlsx", &bytes, "format: xlsx, sheet: Workers"),
        (
            "w.xlsx",
            &bytes,
            "format: xlsx, sheet: 1, xlsx: { header_row: 1 }",
        ),
        ("w.any", &bytes, "format: auto"),
        ("w.xlsx.gz", &encoder.finish().unwrap(), ""),
    ] {
        let (rig, ended) = run_of(file, bytes, source);
        assert_eq!(ended.code, 0, "{source}: {}", ended.stderr);
        assert_eq!(
            ended.report["warnings"],
            Value::Array(Vec::new()),
            "{source}"
        );
        assert_eq!(ended.report["counts"]["skipped"], 0, "{source}");
        assert!(rig.uploaded() == expected, "{source}");
    }
    // From standard input, it is read from a copy.
    let rig = Rig::new();
    rig.write("w", &bytes);
    rig.pipeline("source: { path: \"-\" }", IMPORT);
    let ended = rig.run_with_stdin(&[], "w");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(rig.uploaded() == expected);
}

/// What programs in use write; people of the first row of `tests/it/sheets/*.xlsx`.
#[test]
fn workbooks_of_three_programs() {
    for (bytes, header) in [
        (&include_bytes!("sheets/xlsxwriter.xlsx")[..], 3),
        (include_bytes!("sheets/openpyxl.xlsx"), 1),
        (include_bytes!("sheets/libreoffice.xlsx"), 1),
    ] {
        let (code, rows, stderr) = preview_of(bytes, "");
        assert_eq!(code, 0, "{stderr}");
        assert_eq!(
            stderr.contains("row 3 is taken for the header"),
            header == 3,
            "{stderr}"
        );
        let columns = [
            "ID", "Name", "Born", "Hired at", "Salary", "Active", "FTE", "Note",
        ];
        let texts: Vec<_> = (rows.iter())
            .map(|row| columns.map(|column| row[column].as_str().unwrap_or_default()))
            .collect();
        assert_eq!(
            texts,
            [
                [
                    "00012003",
                    "Zoë Müller",
                    "1981-05-15",
                    "2020-02-29T08:30:00",
                    "52000.5",
                    "true",
                    "0.85",
                    "Line 1\nLine 2"
                ],
                [
                    "00012004",
                    "Ann O'Neil & Co <x>",
                    "1999-12-31",
                    "2021-01-01T00:00:00",
                    "0.1",
                    "false",
                    "1",
                    ""
                ],
                [
                    "00012005",
                    "李雷 \u{1F600}",
                    "2000-01-01",
                    "1999-07-04T23:59:59",
                    "1234567.89",
                    "true",
                    "0.5",
                    "  kept  "
                ],
            ]
        );
    }
}

#[test]
fn cells_of_every_kind() {
    assert_eq!(
        cells(Book::of(&[
            "a|b|c|d|e|f|g|h|i|j",
            "00012003|n:12003@00000000|n:12003|n:0.1|n:1.1000000000000001|n:1.5@0.00%|n:1234.5@#,##0.00 \"€\"|b:0|f:7|fs:",
        ])),
        [
            "00012003", "00012003", "12003", "0.1", "1.1", "1.5", "1234.5", "false", "7", ""
        ]
    );
    assert_eq!(
        cells(Book::of(&[
            "a|b|c|d|e|f|g|h|i|j",
            "n:60@yyyy-mm-dd|n:1@yyyy|n:61@d.m.yy|n:0.75@hh:mm|n:1.5625@[h]:mm|n:-1@0.00|n:46353.5@yyyy|d:2026-11-27T00:00:00|-|a_x000D_\nb",
        ])),
        [
            "1900-02-29",
            "1900-01-01",
            "1900-03-01",
            "18:00:00",
            "37:30:00",
            "-1",
            "2026-11-27",
            "2026-11-27T00:00:00",
            "",
            "a\r\nb"
        ]
    );
    let mut since_1904 = Book::of(&["a|b", "n:44891@yyyy-mm-dd|n:0@yyyy-mm-dd hh:mm"]);
    since_1904.properties = "date1904=\"1\"";
    assert_eq!(cells(since_1904), ["2026-11-27", "1904-01-01T00:00:00"]);
}

#[test]
fn rows_with_errors_are_rejected_and_named_by_their_row() {
    let rows = [
        "Report of today",
        "3 ID|Name|Boss",
        "1|Ann|e:#REF!",
        "7 2|Bob|x",
        "3|e:#N/A|e:#WHAT?",
    ];
    let (rig, ended) = run_book(&Book::of(&rows), "");
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert_eq!(rig.items(), [r#"{"ID":"2","Name":"Bob","Boss":"x"}"#]);
    let rejects: Vec<Value> = (rig.read("rejects.ndjson").lines())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let told = |at: usize| {
        let row = &rejects[at];
        format!(
            "{} {} {} {}",
            row["_line"], row["_column"], row["ID"], row["_code"]
        )
    };
    assert_eq!(told(0), "4 \"Boss\" \"1\" \"sheet_error\"");
    assert_eq!(
        told(1),
        "8 \"Name; Boss\" \"3\" \"sheet_error; sheet_error\""
    );
    let message = rejects[0]["_message"].as_str().unwrap();
    assert!(
        message.contains("the error #REF! of the spreadsheet"),
        "{message}"
    );
    // Fed back as they are, they are rejected again; mended, they are loaded.
    let again = rig.run(&[
        "--mend",
        "rejects.ndjson",
        "--set",
        "rejects.path=again.ndjson",
    ]);
    assert_eq!(again.code, 4, "{}", again.stderr);
    let mended = rig.read("rejects.ndjson");
    let (first, _) = mended.split_once('\n').unwrap();
    rig.write(
        "mended.ndjson",
        first.replace("{\"error\":\"#REF!\"}", "\"Cem\""),
    );
    let again = rig.run(&[
        "--mend",
        "mended.ndjson",
        "--set",
        "rejects.path=again.ndjson",
    ]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(rig.items().len(), 2);
}

#[test]
fn errors_may_be_empty_or_text() {
    let book = Book::of(&["ID|Name", "1|e:#N/A"]);
    for (errors, expected) in [
        ("empty", r#"{"ID":"1"}"#),
        ("text", r##"{"ID":"1","Name":"#N/A"}"##),
    ] {
        let (rig, ended) = run_book(&book, &format!("xlsx: {{ errors: {errors} }}"));
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(rig.items(), [expected]);
        ended.says("column B (`Name`): 1 cell with an error of the workbook");
    }
}

#[test]
fn which_sheet() {
    let two = || {
        Book::default()
            .sheet("Notes", &["x"])
            .sheet("Workers", &["ID|Name", "1|Ann"])
    };
    let (code, _, stderr) = preview(&two(), "");
    assert_eq!(code, 2);
    assert!(
        stderr.contains("set source.sheet to the one that is meant"),
        "{stderr}"
    );
    assert!(stderr.contains("`Notes`, `Workers`"), "{stderr}");
    for stated in ["Workers", "2", "workers", "\" WORKERS \""] {
        let (code, rows, stderr) = preview(&two(), &format!("sheet: {stated}"));
        let expected = match stated.contains(' ') {
            true => (2, 0),
            false => (0, 1),
        };
        assert_eq!((code, rows.len()), expected, "{stated}: {stderr}");
    }
    for (stated, told) in [
        ("Wokers", "source.sheet is `Wokers`, and"),
        ("3", "source.sheet is 3, and"),
    ] {
        let (code, _, stderr) = preview(&two(), &format!("sheet: {stated}"));
        assert_eq!(code, 2);
        assert!(
            stderr.contains(told) && stderr.contains("`Notes`, `Workers`"),
            "{stderr}"
        );
    }
    // What is hidden or empty is not meant, unless it is stated.
    let hidden = Book::default()
        .sheet("Sheet1", &[])
        .sheet_with("Codes", "hidden", "", &["c|d", "3|4"], "")
        .sheet("Workers", &["ID|Name", "1|Ann"]);
    let (code, rows, stderr) = preview(&hidden, "");
    assert_eq!(
        (code, rows[0]["Name"].as_str()),
        (0, Some("Ann")),
        "{stderr}"
    );
    let (code, rows, _) = preview(&hidden, "sheet: Codes");
    assert_eq!((code, rows[0]["d"].as_str()), (0, Some("4")));
}

#[test]
fn titles_gaps_and_totals() {
    let rows = [
        "Workers of ACME",
        "As of|n:46353@yyyy-mm-dd",
        "5 ID|Name|Unit|Boss",
        "1|Ann|x|2",
        "-|-|-",
        "9 2|Bob|x",
        "Total people|f:2",
        "20 Page 1 of 1",
    ];
    let footer = "xlsx: { footer: '^(Total|Page) ' }";
    let (rig, ended) = run_book(&Book::of(&rows), footer);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.says("sheet `Workers`: row 5 is taken for the header; state it");
    assert_eq!(ended.report["counts"]["read"], 2);
    assert_eq!(rig.items().len(), 2);
    let (_, ended) = run_book(
        &Book::of(&rows),
        "xlsx: { header_row: 5, footer: '^(Total|Page) ' }",
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(
        !ended.stderr.contains("taken for the header"),
        "{}",
        ended.stderr
    );
    // Within the rows it is a record.
    let (_, ended) = run_book(&Book::of(&["ID|Name", "Total 1|Ann", "2|Bob"]), footer);
    assert_eq!(ended.report["counts"]["read"], 2);
}

/// What a run warns of.
fn warnings(ended: &Ended) -> String {
    ended.report["warnings"].to_string()
}

#[test]
fn totals_that_a_table_declares() {
    let rows = [
        "ID|Name|Pay",
        "E1|Ann|n:10",
        "E2|Bob|n:20",
        "Total|n:2|n:30",
        "-|-|n:15",
        "Note: as of today",
    ];
    let table = |cells, totals| {
        let mut book = Book::of(&rows[..5]);
        book.table = Some((cells, totals));
        book
    };
    let (rig, ended) = run_book(&table("A1:C5", 2), "");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!((ended.count("read"), ended.count("skipped")), (2, 2));
    assert_eq!(rig.people(&["ID"]), ["E1", "E2"]);
    let told = warnings(&ended);
    let said =
        "2 rows of totals, as a table of the sheet declares it (from A4 on), are not records";
    assert!(told.contains(said), "{told}");
    assert!(!told.contains("begins as totals"), "{told}");
    // A footer may stand behind them.
    let mut book = Book::of(&rows);
    book.table = Some(("A1:C5", 2));
    let (rig, ended) = run_book(&book, "xlsx: { footer: ^Note }");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.people(&["ID"]), ["E1", "E2"]);
    // A table that has none, and one beside what stands in the row.
    for (cells, totals) in [("A1:C5", 0), ("C1:C5", 1), ("E1:G4", 1)] {
        let (_, ended) = run_book(&table(cells, totals), "");
        let read = if cells == "C1:C5" { 3 } else { 4 };
        assert_eq!(ended.count("read"), read, "{cells}: {}", ended.stderr);
    }
}

#[test]
fn last_rows_that_look_like_totals_are_told() {
    let check = |rows: &[&str], footer: &str, told: Option<&str>| {
        let (_, ended) = run_book(&Book::of(rows), footer);
        let said = warnings(&ended);
        match told {
            Some(told) => assert!(said.contains(told), "{rows:?}: {said}"),
            None => assert!(!said.contains("as totals"), "{rows:?}: {said}"),
        }
    };
    let people = ["ID|Name|Pay", "E1|Ann|n:10", "E2|Bob|n:20"];
    let with = |rows: &[&'static str]| [&people[..], rows].concat();
    let one = "row 4, the last one, begins as totals and the like do, and is read as a record; if it is none, state \
               `source: { xlsx: { footer: '^Summe\\\\b' } }`";
    check(&with(&["Summe|n:2|n:30"]), "", Some(one));
    let two = "the last 2 rows (4 to 5) begin as totals and the like do";
    let both = with(&["Summe|n:2|n:30", "Grand Total|n:2|n:30"]);
    check(&both, "", Some(two));
    // As it says, they are none.
    check(
        &both,
        "xlsx: { footer: '^(Summe\\b|Grand Total\\b)' }",
        None,
    );
    check(
        &both,
        "xlsx: { footer: '^Grand' }",
        Some("row 4, the last one"),
    );
    check(&with(&["E3|Total|n:30"]), "", None);
    check(&["Name|ID|Pay", "Ann|E1|n:1", "Page|E2|n:2"], "", None);
}

#[test]
fn totals_are_left_out_of_drafts() {
    let people = [
        "ID|Name|Pay|Pay",
        "E1|Ann|n:10|n:1",
        "E2|Bob|n:20|n:1",
        "E3|Cy|n:30|n:1",
    ];
    let rows = [&people[..], &["Total|n:3|n:60|n:3", "Page 1 of 1"]].concat();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("w.xlsx"), Book::of(&rows).bytes()).unwrap();
    let (code, draft, stderr) = crate::run(dir.path(), &["infer", "w.xlsx"]);
    assert_eq!(code, 0, "{stderr}");
    let stated = r#"xlsx: { duplicate_names: number, footer: "^(Total\\b|Page\\b)" }"#;
    assert!(draft.contains(stated), "{draft}");
    assert!(draft.contains("The last rows begin as totals"), "{draft}");
    std::fs::write(dir.path().join("d.yaml"), &draft).unwrap();
    let (code, _, stderr) = crate::run(dir.path(), &["check", "d.yaml", "--set", "report.dir=."]);
    assert_eq!(code, 0, "{stderr}\n{draft}");
    assert!(!stderr.contains("as totals"), "{stderr}");
    let (_, found, _) = crate::run(dir.path(), &["describe", "w.xlsx", "--json"]);
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(
        (&found["records"], &found["skipped"]),
        (&3.into(), &2.into())
    );
    // Where they are not left out, the facts of the columns are those of people and totals.
    let footer = "source.xlsx.footer=^Never";
    let (_, draft, _) = crate::run(dir.path(), &["infer", "w.xlsx", "--set", footer]);
    assert!(draft.contains("5 records"), "{draft}");
}

#[test]
fn days_that_no_spreadsheet_has() {
    let rows = [
        "ID|Born|Seen|At|Took",
        "1|n:-1@yyyy-mm-dd",
        "2|n:2958466@dd/mm/yyyy",
        "3|n:2958465@yyyy-mm-dd",
        "4|-|n:-0.5@yyyy-mm-dd hh:mm",
        "5|-|-|n:-0.25@hh:mm",
        "6|-|-|-|n:5000000@[h]:mm",
        "7|-|-|-|n:-0.5@[h]:mm",
        "8|n:-1@0.00",
    ];
    let (rig, ended) = run_book(&Book::of(&rows), "");
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let rejects = rig.read("rejects.ndjson");
    let told: Vec<(u64, String)> = rejects
        .lines()
        .map(|line| {
            let row: Value = serde_json::from_str(line).unwrap();
            assert_eq!(row["_code"], "layout");
            let message = row["_message"].as_str().unwrap().to_owned();
            assert!(message.contains("is formatted as a day or a time, and its number is none"));
            (row["_line"].as_u64().unwrap(), message)
        })
        .collect();
    for ((line, message), place) in told.iter().zip(["B2", "B3", "C5", "D6", "E7"]) {
        assert!(
            message.starts_with(&format!("{place} (column ")),
            "{message}"
        );
        assert!(place.ends_with(&line.to_string()));
    }
    assert_eq!(told.len(), 5);
    assert_eq!(
        rig.people(&["ID", "Born", "Took"]),
        ["3 9999-12-31 -", "7 - -12:00:00", "8 -1 -"]
    );
}

#[test]
fn signs_stand_in_front_of_padded_numbers() {
    let book = Book::of(&[
        "a|b|c|d|e",
        "n:-12@00000|n:-12@00000_);(00000)|n:-12@\"E\"00000|n:-12.5@00000|n:-12@[<100]000;0000",
    ]);
    assert_eq!(
        cells(book),
        ["-00012", "(00012)", "-E00012", "-12.5", "-012"]
    );
}

#[test]
fn the_header() {
    for (rows, source, told) in [
        (
            &["ID|n:2024|n:2025", "1|2|3"][..],
            "",
            "w.xlsx:1: this is the first row in which most columns are filled, and B1",
        ),
        (
            &["ID|Name", "1|Ann"],
            "xlsx: { header_row: 4 }",
            "w.xlsx:4: source.xlsx.header_row names this row, and nothing",
        ),
        (
            &["ID|Name", "4 1|Ann"],
            "xlsx: { header_row: 2 }",
            "w.xlsx:2: source.xlsx.header_row names this row, and nothing",
        ),
        (
            &["ID|Name|ID", "1|Ann|2"],
            "",
            "w.xlsx:1: columns have the same name: A1 and C1",
        ),
    ] {
        let (code, _, stderr) = preview(&Book::of(rows), source);
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains(told), "{stderr}");
    }
    let (code, rows, stderr) = preview(
        &Book::of(&["ID|Name|ID", "1|Ann|2"]),
        "xlsx: { duplicate_names: number }",
    );
    assert_eq!((code, rows[0]["ID_2"].as_str()), (0, Some("2")), "{stderr}");
    // Numbers are names where that is stated.
    let book = Book::of(&["ID|n:2024", "1|Ann"]);
    let (code, rows, stderr) = preview(&book, "xlsx: { header_row: 1 }");
    assert_eq!(
        (code, rows[0]["2024"].as_str()),
        (0, Some("Ann")),
        "{stderr}"
    );
    // Nobody is there.
    for (rows, nothing, expected) in [
        (&["ID|Name"][..], "nothing: ok", 0),
        (&["ID|Name"], "nothing: error", 1),
        (&[], "nothing: ok", 0),
    ] {
        let (_, ended) = run_book(&Book::of(rows), nothing);
        assert_eq!(ended.code, expected, "{}", ended.stderr);
    }
}

#[test]
fn what_may_not_have_been_meant() {
    let before = "<cols><col min=\"2\" max=\"2\" hidden=\"1\"/><col min=\"3\" max=\"3\"/></cols>";
    let behind = "<autoFilter ref=\"A1:C4\"/><mergeCells><mergeCell ref=\"C3:C4\"/><mergeCell ref=\"A1:C1\"/></mergeCells>";
    let rows = [
        "ID|Name|Long|-",
        "00012003|Ann|n:1.23456789012346E+15|-",
        "@ hidden=\"1\" @ 00012004|Bob|x|note",
        "n:12005|Cem|-|-",
        "00012006|Dan|-|-",
    ];
    let book = Book::default().sheet_with("Workers", "visible", before, &rows, behind);
    let (_, ended) = run_book(&book, "");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    for told in [
        "column A (`ID`): most cells are texts of 8 digits, and 1 cell with a shorter number: Excel has eaten leading zeros",
        "column C (`Long`): 1 cell with a number of more than 15 digits",
        "1 cell in columns that have no name in row 1, and are not read (the first is D3)",
        "1 row hidden in the sheet (the sheet is filtered)",
        "1 column hidden in the sheet (B)",
        "1 range of merged cells (the first is C3:C4)",
    ] {
        ended.says(told);
    }
    assert_eq!(ended.report["counts"]["accepted"], 4);
}

#[test]
fn formulas_that_nobody_calculated() {
    let (code, _, stderr) = preview(&Book::of(&["ID|Pay", "1|f:5", "2|f:"]), "");
    assert_eq!(code, 1);
    assert!(
        stderr.contains("w.xlsx:3: B3 is a formula whose value is not stored"),
        "{stderr}"
    );
    let mut left = Book::of(&["ID|Pay", "1|f:0"]);
    left.behind = "<calcPr fullCalcOnLoad=\"1\"/>";
    let (_, ended) = run_book(&left, "");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.says(
        "1 cell with a formula, and the program that wrote the workbook left their calculation",
    );
}

#[test]
fn what_is_not_a_workbook() {
    let whole = Book::of(&["ID|Name", "1|Ann"]).bytes();
    let mut encrypted = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    encrypted.resize(3000, 0);
    let old = encrypted.clone();
    encrypted.extend("EncryptedPackage".bytes().flat_map(|b| [b, 0]));
    let mut damaged = whole.clone();
    let at = whole.len() / 3;
    damaged[at..at + 16].fill(0x55);
    let cases: &[(&[u8], &str, i32, &str)] = &[
        (&old, "", 1, "this is an old Excel workbook (.xls)"),
        (
            &encrypted,
            "",
            1,
            "the workbook is encrypted with a password",
        ),
        (
            &archive(&[("xl/workbook.bin", b"")]),
            "",
            1,
            "this is a binary workbook (.xlsb)",
        ),
        (
            &archive(&[("_rels/x", b""), ("word/document.xml", b"")]),
            "",
            1,
            "this is a Word document",
        ),
        (
            &archive(&[("_rels/x", b""), ("mimetype", b""), ("content.xml", b"")]),
            "",
            1,
            "this is an OpenDocument file (.ods)",
        ),
        (
            &archive(&[("_rels/x", b"")]),
            "",
            1,
            "there is no workbook in it",
        ),
        // An archive of another file is unpacked.
        (
            &archive(&[("a.csv", b"ID\n1\n")]),
            "format: xlsx",
            2,
            "this is not an Excel workbook (.xlsx)",
        ),
        (
            &whole[..whole.len() - 30],
            "",
            1,
            "the workbook is cut off or damaged",
        ),
        (&whole[..200], "", 1, "the workbook is cut off or damaged"),
        (&damaged, "", 1, "damaged"),
        (
            b"ID,Name\n1,Ann\n",
            "format: xlsx",
            2,
            "this is not an Excel workbook (.xlsx)",
        ),
        (b"", "format: xlsx", 1, "the file is empty"),
    ];
    for (bytes, source, expected, told) in cases {
        let (code, rows, stderr) = preview_of(bytes, source);
        assert_eq!((code, rows.len()), (*expected, 0), "{told}: {stderr}");
        assert!(stderr.contains(told), "{told}: {stderr}");
    }
    let bad = |xml: &str| {
        let book = Book::of(&["ID|Name", "1|Ann"]);
        archive(&[
            (
                "xl/workbook.xml",
                b"<workbook><sheets><sheet name=\"W\" r:id=\"a\"/></sheets></workbook>",
            ),
            (
                "xl/_rels/workbook.xml.rels",
                b"<R><Relationship Id=\"a\" Type=\"/worksheet\" Target=\"s.xml\"/></R>",
            ),
            ("xl/s.xml", xml.as_bytes()),
            ("x", &book.bytes()),
        ])
    };
    for (xml, told) in [
        ("<worksheet><sheetData><row r=\"1\">", "it ends too early"),
        (
            "<worksheet><sheetData><row r=\"2\"/><row r=\"1\"/></sheetData></worksheet>",
            "rows are not in order",
        ),
        (
            "<worksheet><sheetData><row r=\"1048577\"/></sheetData></worksheet>",
            "more rows than a sheet can have",
        ),
        (
            "<worksheet><sheetData><row><c r=\"XFE1\"/></row></sheetData></worksheet>",
            "a cell has no place in a sheet",
        ),
        (
            "<worksheet><sheetData><row><c r=\"A1\" t=\"s\"><v>7</v></c></row></sheetData></worksheet>",
            "cell A1: it has a text that is not in the workbook",
        ),
        (
            "<worksheet><sheetData><row><c r=\"A1\"><v>7</v></c><c r=\"A1\"><v>7</v></c></row></sheetData></worksheet>",
            "cell A1: there are two of it",
        ),
        (
            "<!DOCTYPE x [<!ENTITY a \"b\">]><worksheet/>",
            "it has a document type",
        ),
        (
            "<worksheet><sheetData><row><c><v>&x;</v></c></row></sheetData></worksheet>",
            "a reference has no meaning",
        ),
    ] {
        let (code, _, stderr) = preview_of(&bad(xml), "");
        assert_eq!(code, 1, "{stderr}");
        assert!(stderr.contains(told), "{told}: {stderr}");
    }
}

#[test]
fn limits_hold() {
    let long = "x".repeat(3 << 20);
    let book = Book::of(&["ID|Name", &format!("1|{long}")]);
    for (limits, told) in [
        (
            "limits: { expansion: 20 }",
            "a part of the workbook becomes more than 20 times its size (limits.expansion)",
        ),
        (
            "limits: { expansion: 100000, decompressed: 2MiB }",
            "a part of the workbook becomes more than 2MiB (limits.decompressed)",
        ),
        (
            "limits: { expansion: 100000, record: 1MiB, cell: 1MiB }",
            "more than 1MiB, the longest record (limits.record)",
        ),
        (
            "limits: { shared_strings: 1KiB }",
            "share take more than 1KiB of memory (limits.shared_strings)",
        ),
    ] {
        let book = match limits.contains("strings") {
            true => people(200).1,
            false => Book::of(&["ID|Name", &format!("1|{long}")]),
        };
        let rig = Rig::new();
        rig.write("w.xlsx", book.bytes());
        rig.pipeline(&format!("source: {{ path: w.xlsx }}\n{limits}"), IMPORT);
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 1, "{told}: {}", ended.stderr);
        ended.says(told);
        assert_eq!(rig.taken(), (0, 0));
    }
    drop(book);
}

#[test]
fn settings_are_linted() {
    for (source, expected, told) in [
        (
            "format: xlsx, sheet: Workers, xlsx: { header_row: 3 }",
            0,
            "ok",
        ),
        ("sheet: 2", 0, "ok"),
        ("sheet: 0", 2, "p.yaml:2:"),
        ("sheet: ''", 2, "the name of a sheet, or its number, from 1"),
        (
            "xlsx: { header_row: 0 }",
            2,
            "expected at least 1: the first row is 1",
        ),
        ("xlsx: { footer: '(' }", 2, "unclosed group"),
        (
            "format: csv, sheet: Workers",
            0,
            "this setting has no effect on this format",
        ),
        (
            "format: xlsx, csv: { skip_lines: 3 }",
            0,
            "these settings have no effect on this format",
        ),
        (
            "format: xlsx, encoding: windows-1252",
            0,
            "this setting has no effect on this format",
        ),
        (
            "format: xlsx, expect: { trailer: '(\\d+)' }",
            2,
            "a sheet has no last line",
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let pipeline =
            format!("version: 1\nsource: {{ path: w.xlsx, {source} }}\ntarget: {{ sandbox: }}\n");
        std::fs::write(dir.path().join("p.yaml"), pipeline).unwrap();
        let mut lint = rostream(dir.path(), &["lint", "p.yaml"]);
        let (code, stdout, stderr) = outcome(lint.stdin(Stdio::null()).output().unwrap());
        assert_eq!(code, expected, "{source}: {stdout}{stderr}");
        assert!(
            format!("{stdout}{stderr}").contains(told),
            "{source}: {stdout}{stderr}"
        );
    }
}
