//! Rejects as a workbook: what people see in it, and that it comes back as the rejects file does.

pub mod book;

use std::fs;
use std::time::{Duration, SystemTime};

use book::{ABOUT, REJECTS, Saved, rows};
use serde_json::Value;

use crate::sheets::book::Book;
use crate::support::{Deed, Rig, mode};

const RULES: &str = "stages: [ date: { columns: [dob], from: DD/MM/YYYY }, number: [pay] ]\n\
                     validate: { key: id, columns: { name: { required: true } } }\n\
                     rejects: { path: out/rejects.csv, workbook: out/rejects.xlsx, at_most: 100% }";

/// Formats of cells.
const PLAIN: usize = 0;
const TEXT: usize = 1;
const AT_FAULT: usize = 2;
const HEADER: usize = 3;
const MESSAGE: usize = 4;

fn rig(source: &str, file: &str, text: impl AsRef<[u8]>) -> Rig {
    let rig = Rig::new();
    rig.write(file, text);
    rig.pipeline(
        &format!("source: {{ path: {file}{source} }}\n{RULES}"),
        "identify_by: { id_key: id }",
    );
    rig
}

/// The codes of the rows, and where they stand in the source.
fn codes(book: &Saved) -> Vec<(&str, &str)> {
    let row = |row: usize| (book.get(row, "_line"), book.get(row, "_code"));
    (1..book.rows.len()).map(row).collect()
}

/// The names of what is in the folder of the rejects.
fn names(rig: &Rig) -> Vec<String> {
    let names = fs::read_dir(rig.path("out")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

const TABLE: &str = "id,name,dob,pay,note\n\
     00012,\"Fallow, Jens\",31/02/2020,1.50,=1+1\n\
     12345678901234567890,,01/02/2020,much,_x0041_ <&>\n\
     00014,Zoë,01/02/2020,3,fine\n\
     00015,\"two\nlines\",01/02/2020\n\
     00016,\" x \",01/02/2020,6,\u{1},more\n";

#[test]
fn what_people_see() {
    let rig = rig("", "people.csv", TABLE);
    // What a killed process left of an earlier one.
    fs::create_dir(rig.path("out")).unwrap();
    rig.write("out/.rejects.xlsx.a1b2c3.part", "half");
    let ended = rig.run(&[]);
    assert_eq!(
        (ended.code, ended.count("rejected")),
        (3, 4),
        "{}",
        ended.stderr
    );
    ended.says("out/rejects.xlsx, the same rows for Excel");
    let told = ended.report["rejects_workbook"].as_str().unwrap();
    assert!(told.ends_with("/out/rejects.xlsx"), "{told}");
    assert_eq!(names(&rig), ["rejects.csv", "rejects.xlsx"]);
    assert_eq!(mode(&rig.path("out/rejects.xlsx")), 0o600);

    let book = Saved::open(&rig.path("out/rejects.xlsx"));
    let added = ["_file", "_line", "_stage", "_column", "_code", "_message"];
    let own = ["id", "name", "dob", "pay", "note"];
    assert_eq!(book.texts(0), [&added[..], &own].concat());
    assert!(book.rows[0].iter().all(|cell| cell.style == HEADER));
    let cells = |row: usize| book.texts(row)[6..].to_vec();
    assert_eq!(
        cells(1),
        ["00012", "Fallow, Jens", "31/02/2020", "1.50", "=1+1"]
    );
    assert_eq!(
        cells(2),
        [
            "12345678901234567890",
            "",
            "01/02/2020",
            "much",
            "_x0041_ <&>"
        ]
    );
    assert_eq!(cells(3), ["00015", "two\nlines", "01/02/2020", "", ""]);
    assert_eq!(
        cells(4),
        ["00016", " x ", "01/02/2020", "6", "\u{1}", "more"]
    );
    assert_eq!(
        codes(&book),
        [
            ("2", "date_format"),
            ("3", "number_format; required"),
            ("5", "ragged"),
            ("7", "ragged")
        ]
    );
    assert_eq!(
        book.get(2, "_message"),
        "expected a number such as 1234.50; expected a value, found nothing"
    );

    // Every cell is text, those that are empty too; those at fault are coloured, and a cell that is too many.
    let styles =
        |row: usize| -> Vec<usize> { book.rows[row].iter().map(|cell| cell.style).collect() };
    assert_eq!(styles(1)[..6], [TEXT, PLAIN, TEXT, TEXT, TEXT, MESSAGE]);
    assert_eq!(styles(1)[6..], [TEXT, TEXT, AT_FAULT, TEXT, TEXT]);
    assert_eq!(styles(2)[6..], [TEXT, AT_FAULT, TEXT, AT_FAULT, TEXT]);
    assert_eq!(styles(3)[6..], [TEXT, TEXT, TEXT, AT_FAULT, TEXT]);
    assert_eq!(styles(4)[6..], [TEXT, TEXT, TEXT, TEXT, TEXT, AT_FAULT]);
    let formats: Vec<&str> = book.parts["xl/styles.xml"]
        .split_once("<cellXfs")
        .unwrap()
        .1
        .split("<xf ")
        .skip(1)
        .collect();
    assert_eq!(formats.len(), 5);
    let is_text = |style: usize| formats[style].starts_with("numFmtId=\"49\"");
    assert_eq!(
        [PLAIN, TEXT, AT_FAULT, HEADER, MESSAGE].map(is_text),
        [false, true, true, true, true]
    );
    assert!(
        formats[AT_FAULT].contains("applyFill=\"1\"")
            && formats[MESSAGE].contains("wrapText=\"1\"")
    );

    let sheet = &book.parts[REJECTS];
    for part in [
        "<pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\"/>",
        "<autoFilter ref=\"A1:L5\"/>",
        // The message is wide, and whatever is typed elsewhere is text.
        "<col min=\"6\" max=\"6\" width=\"60\" style=\"4\" customWidth=\"1\"/>",
        "<col min=\"12\" max=\"16384\" width=\"12\" style=\"1\"/>",
        "numberStoredAsText=\"1\"",
        "_x005F_x0041_ &lt;&amp;&gt;",
    ] {
        assert!(sheet.contains(part), "{part} in {sheet}");
    }
    let sheets = &book.parts["xl/workbook.xml"];
    assert!(
        sheets.contains("<sheet name=\"Rejects\" sheetId=\"1\" r:id=\"rId1\"/>"),
        "{sheets}"
    );
    assert!(
        sheets.contains("name=\"rostream\" sheetId=\"2\" state=\"veryHidden\""),
        "{sheets}"
    );
    assert_eq!(rows(&book.parts[ABOUT])[0][0].text, "delimiter");
}

#[test]
fn every_command_has_a_workbook_of_its_own() {
    let rig = rig("", "people.csv", TABLE);
    assert_eq!(rig.run(&["--dry-run"]).code, 3);
    assert_eq!(names(&rig), ["rejects.check.csv", "rejects.check.xlsx"]);
    let check = rig.tell(&["check", "pipeline.yaml", "--shard", "1/2"]);
    assert_eq!(check.code, 3, "{}", check.stderr);
    assert!(
        names(&rig).contains(&"rejects.1-of-2.check.xlsx".to_owned()),
        "{:?}",
        names(&rig)
    );
    let (code, stdout) = rig.put_out(&["transform", "pipeline.yaml"]);
    assert_eq!((code, stdout.lines().count()), (3, 2), "{stdout}");
    let book = Saved::open(&rig.path("out/rejects.transform.xlsx"));
    assert_eq!(book.rows.len(), 5);
    assert_eq!(rig.run(&[]).code, 3);
    assert_eq!(rig.run(&["--mend", "out/rejects.xlsx"]).code, 4);
    let expected = ["rejects.mend.xlsx", "rejects.xlsx"].map(str::to_owned);
    assert!(
        expected.iter().all(|name| names(&rig).contains(name)),
        "{:?}",
        names(&rig)
    );
    for name in names(&rig) {
        assert_eq!(mode(&rig.path(&format!("out/{name}"))), 0o600, "{name}");
    }
    // A run that a guard stops leaves one, too.
    fs::remove_dir_all(rig.path("out")).unwrap();
    assert_eq!(rig.run(&["--set", "rejects.at_most=1"]).code, 4);
    assert_eq!(names(&rig), ["rejects.csv", "rejects.xlsx"]);
}

/// A night on which nothing is wrong has the header alone, as the rejects file has.
#[test]
fn without_rejects_there_is_a_header() {
    let rig = rig("", "people.csv", TABLE);
    assert_eq!(rig.run(&[]).code, 3);
    rig.write("people.csv", "id,name,dob,pay,note\n1,Ann,01/02/2020,1,\n");
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(!ended.stderr.contains("for Excel"), "{}", ended.stderr);
    let book = Saved::open(&rig.path("out/rejects.xlsx"));
    assert_eq!(book.rows.len(), 1);
    assert_eq!(book.texts(0)[6..], ["id", "name", "dob", "pay", "note"]);
    assert!(book.parts[REJECTS].contains("<autoFilter ref=\"A1:K1\"/>"));
    rig.write(
        "people.json",
        "[{\"id\":\"1\",\"name\":\"A\",\"dob\":\"01/02/2020\",\"pay\":1,\"note\":\"\"}]",
    );
    let ended = rig.run(&["--set", "source.path=people.json"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let book = Saved::open(&rig.path("out/rejects.xlsx"));
    assert_eq!((book.rows.len(), book.rows[0].len()), (1, 7));
}

/// Rows that are put right in the workbook go out as if the source had had them so, whatever the source was.
#[test]
fn what_is_put_right_is_loaded() {
    let encoded = |text: &str| -> Vec<u8> {
        let byte = |c: char| {
            if c == 'ë' {
                0xeb
            } else {
                u8::try_from(u32::from(c)).unwrap()
            }
        };
        text.chars().map(byte).collect()
    };
    let quoted = "Report\n\n'id'|'name'|'dob'|'pay'\n'0012'|'O''Hara|x'|'31/02/2020'|'1.50'\n'0013'|'Zoë'|'01/02/2020'|'much'\nTotal|2\n";
    let json = r#"{"Report":[{"id":"0012","name":"Ann","dob":"31/02/2020","pay":1.50,"left":null},
        {"id":"0013","name":"Zoë","dob":"01/02/2020","pay":"much","full":true}]}"#;
    let sheet = Book::of(&[
        "id|name|dob|pay",
        "0012|Ann|31/02/2020|n:1.5",
        "0013|Zoë|01/02/2020|much",
    ]);
    let fixed = "0012Ann 31/02/20201.50\n0013Zoë 01/02/2020much\n";
    let widths = "format: fixed, fixed: { columns: [{ name: id, width: 4 }, { name: name, width: 4 }, { name: dob, width: 10 }, \
                  { name: pay, width: 4 }] }";
    for (file, source, text) in [
        (
            "people.csv",
            "",
            "id,name,dob,pay\n0012,Ann,31/02/2020,1.50\n0013,Zoë,01/02/2020,much\n".into(),
        ),
        (
            "people.txt",
            ", format: csv, encoding: windows-1252, csv: { delimiter: '|', quote: \"'\", skip_lines: 2, footer: '^Total' }",
            encoded(quoted),
        ),
        (
            "people.tsv",
            ", format: tsv",
            "id\tname\tdob\tpay\n0012\tA, B\t31/02/2020\t1.50\n0013\tZoë\t01/02/2020\tmuch\n"
                .into(),
        ),
        (
            "people.json",
            ", format: json, json: { path: $.Report }",
            json.into(),
        ),
        (
            "people.xlsx",
            ", format: xlsx, sheet: Workers",
            sheet.bytes(),
        ),
        ("people.xlsx", "", sheet.bytes()),
        ("people.dat", &format!(", {widths}"), fixed.into()),
    ] {
        let rig = rig(source, file, text);
        let ended = rig.run(&["--set", "rejects.encoding=source"]);
        assert_eq!(
            (ended.code, ended.count("rejected")),
            (4, 2),
            "{file}: {}",
            ended.stderr
        );
        // Untouched, they are rejected again for the same reasons.
        let ended = rig.run(&["--mend", "out/rejects.xlsx"]);
        assert_eq!(
            (ended.code, ended.count("rejected")),
            (4, 2),
            "{file}: {}",
            ended.stderr
        );
        let mut book = Saved::open(&rig.path("out/rejects.mend.xlsx"));
        assert_eq!(
            codes(&book),
            [("2", "date_format"), ("3", "number_format")],
            "{file}"
        );
        assert!(book.get(1, "_file").ends_with("rejects.xlsx"));

        book.set(1, "dob", "03/02/2020");
        book.set(2, "pay", "2.50");
        let name = book.get(1, "name").to_owned();
        book.save(&rig.path("mended.xlsx"));
        let ended = rig.run(&["--mend", "mended.xlsx"]);
        assert_eq!(
            (ended.code, ended.count("sent")),
            (0, 2),
            "{file}: {}",
            ended.stderr
        );
        let mut items = rig.items();
        items.sort_unstable();
        let left = if file == "people.json" {
            ["", ",\"full\":true"]
        } else {
            ["", ""]
        };
        let pay = if file == "people.xlsx" { "1.5" } else { "1.50" };
        assert_eq!(
            items,
            [
                format!(
                    "{{\"id\":\"0012\",\"name\":\"{name}\",\"dob\":\"2020-02-03\",\"pay\":{pay}{}}}",
                    left[0]
                ),
                format!(
                    "{{\"id\":\"0013\",\"name\":\"Zoë\",\"dob\":\"2020-02-01\",\"pay\":2.50{}}}",
                    left[1]
                ),
            ],
            "{file}"
        );
    }
}

/// The workbook says itself what it is, also where it is the source.
#[test]
fn a_workbook_of_rejects_is_a_source() {
    let rig = rig("", "people.csv", TABLE);
    assert_eq!(rig.run(&[]).code, 3);
    for source in ["source.format=auto", "source.format=xlsx"] {
        let sets = [
            "source.path=out/rejects.xlsx",
            "rejects.workbook=out/again.xlsx",
            source,
        ];
        let args: Vec<&str> = sets.iter().flat_map(|set| ["--set", *set]).collect();
        let ended = rig.run(&args);
        assert_eq!(
            (ended.code, ended.count("rejected")),
            (4, 4),
            "{}",
            ended.stderr
        );
        let again = Saved::open(&rig.path("out/again.xlsx"));
        let expected = ["date_format", "number_format; required", "ragged", "ragged"];
        let found: Vec<&str> = codes(&again).into_iter().map(|(_, code)| code).collect();
        assert_eq!(found, expected);
    }
    // And so does one of a table of rejects that a spreadsheet has opened, whose numbers are numbers then.
    let table = Book::of(&[
        "id|name|dob|pay|_file|_line|_stage|_column|_code|_message",
        "n:17|Ann|01/02/2020|n:7|w.csv|n:2|date|dob|date_format|m",
        "n:18|Bo|31/02/2020|n:8|w.csv|n:3|date|dob|date_format|m",
    ]);
    rig.write("saved.xlsx", table.bytes());
    let ended = rig.run(&["--mend", "saved.xlsx"]);
    assert_eq!(
        (ended.code, ended.count("rejected")),
        (3, 1),
        "{}",
        ended.stderr
    );
    assert!(
        rig.items().contains(
            &"{\"id\":\"17\",\"name\":\"Ann\",\"dob\":\"2020-02-01\",\"pay\":7}".to_owned()
        )
    );
    // A workbook of rows that are no rejects is taken, too.
    rig.write(
        "new.xlsx",
        Book::of(&["id|name|dob|pay", "19|Cy|01/02/2020|9"]).bytes(),
    );
    let ended = rig.run(&["--mend", "new.xlsx", "--set", "source.format=csv"]);
    assert_eq!(
        (ended.code, ended.count("sent")),
        (0, 1),
        "{}",
        ended.stderr
    );
}

#[test]
fn what_cannot_be_meant_is_told_by_its_place() {
    let rig = rig(
        "",
        "people.json",
        "[{\"id\":\"1\",\"name\":\"A\",\"dob\":\"x\",\"pay\":1}]",
    );
    assert_eq!(rig.run(&[]).code, 4);
    let file = rig.path("out/rejects.xlsx");
    let mut book = Saved::open(&file);
    for types in ["{\"null\":", "{\"null\":\"5\"}", "{\"none\":\"1\"}"] {
        book.set(1, "_types", types);
        book.save(&rig.path("mended.xlsx"));
        let ended = rig.run(&["--mend", "mended.xlsx"]);
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        ended.says("mended.xlsx:2: G2 (column `_types`, which is hidden) was changed");
    }
    let alone = Book::of(&[
        "_file|_line|_stage|_column|_code|_message|_types|id|name|dob|pay",
        "w|2|date|dob|x|m|{}|1|A|01/02/2020|1",
    ]);
    rig.write("mended.xlsx", alone.bytes());
    let ended = rig.run(&["--mend", "mended.xlsx"]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    ended.says("refers to the hidden sheet `rostream`, which is not there any more");
    // Emptied, and with a note in a column that has no name.
    book.set(1, "_types", "");
    book.set(1, "dob", "01/02/2020");
    book.rows[1].push(book::Cell {
        text: "ask Bo".into(),
        style: TEXT,
    });
    book.save(&rig.path("mended.xlsx"));
    let ended = rig.run(&["--mend", "mended.xlsx"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.says("1 cell in columns that have no name, and are not read (the first is L2)");
    for (row, told) in [
        (
            "w|2|date|dob|x|m|1|A|e:#N/A|1",
            "I2 (column `dob`) holds an error of the spreadsheet",
        ),
        (
            "w|2|date|dob|x|m|n:12345678901234567890|A|01/02/2020|1",
            "G2 (column `id`) holds a number of more digits than a spreadsheet keeps",
        ),
    ] {
        let header = "_file|_line|_stage|_column|_code|_message|id|name|dob|pay";
        rig.write("mended.xlsx", Book::of(&[header, row]).bytes());
        let ended = rig.run(&["--mend", "mended.xlsx"]);
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        ended.says(&format!(
            "mended.xlsx:2: {told}: write there what is meant, as text"
        ));
    }
}

/// Moves a column in front of another one.
fn shift(book: &mut Saved, name: &str, before: &str) {
    let at = book.at(name);
    let cells: Vec<_> = book.rows.iter_mut().map(|row| row.remove(at)).collect();
    let to = book.at(before);
    for (row, cell) in book.rows.iter_mut().zip(cells) {
        row.insert(to, cell);
    }
}

/// Adds a column with the same text in all rows, at the end of the header.
fn add(book: &mut Saved, name: &str, text: &str) {
    let width = book.rows[0].len();
    for (at, row) in book.rows.iter_mut().enumerate() {
        let text = if at == 0 { name } else { text };
        row.resize_with(width.max(row.len()).max(width + 1), Default::default);
        // A cell that the row has too many stays where it is.
        if !text.is_empty() {
            row[width].text = text.to_owned();
        }
    }
}

/// A short row, one that is too long, and one with a wrong value.
const ROWS: &str = "id,name,dob,pay\n1,Ann\n2,Bob,01/02/2020,2,more\n3,Cyd,x,3\n";

/// Whatever somebody does to the columns, rows that nobody has put right do not go out.
#[test]
fn columns_that_were_moved_or_added() {
    let rig = rig("", "people.csv", ROWS);
    assert_eq!(rig.run(&[]).code, 4);
    let changed = |change: &dyn Fn(&mut Saved)| {
        let mut book = Saved::open(&rig.path("out/rejects.xlsx"));
        change(&mut book);
        book.save(&rig.path("mended.xlsx"));
        rig.run(&["--mend", "mended.xlsx"])
    };
    let rejected_again = |change: &dyn Fn(&mut Saved), told: &str| {
        let ended = changed(change);
        assert_eq!(
            (ended.code, ended.count("rejected")),
            (4, 3),
            "{}",
            ended.stderr
        );
        ended.says(told);
        let book = Saved::open(&rig.path("out/rejects.mend.xlsx"));
        let all = [("2", "ragged"), ("3", "ragged"), ("4", "date_format")];
        assert_eq!(codes(&book), all);
        assert_eq!(book.texts(0)[6..], ["id", "name", "dob", "pay"]);
    };
    rejected_again(&|_| (), "");
    rejected_again(&|book| shift(book, "id", "pay"), "");
    rejected_again(&|book| shift(book, "pay", "_file"), "");
    let left_out = "the column `My comment` is not of the rejects, and is not read";
    rejected_again(&|book| add(book, "My comment", ""), left_out);

    // What is put right goes out, wherever it stands.
    let ended = changed(&|book| {
        add(book, "My comment", "done");
        shift(book, "dob", "id");
        for (name, text) in [("dob", "03/02/2020"), ("pay", "1")] {
            book.set(1, name, text);
        }
        book.set(3, "dob", "03/02/2020");
    });
    assert_eq!(
        (ended.code, ended.count("sent")),
        (3, 2),
        "{}",
        ended.stderr
    );
    let items = rig.items().concat();
    assert!(
        items.contains("\"id\":\"1\",\"name\":\"Ann\",\"dob\":\"2020-02-03\",\"pay\":1"),
        "{items}"
    );
    assert!(!items.contains("done") && !items.contains("Bob"), "{items}");

    // What is not a sheet of rejects any more is no ordinary table.
    let refused = |change: &dyn Fn(&mut Saved), told: &str| {
        let ended = changed(change);
        assert_eq!((ended.code, rig.items().len()), (1, 2), "{}", ended.stderr);
        ended.says(told);
    };
    let lost = "mended.xlsx:1: this is a workbook of rejects, and no sheet of it has their header any more: in its first row \
                that is not empty, the columns `_file`, `_line`, `_stage`, `_column`, `_code` and `_message` must stand beside \
                each other in this order; put them back";
    refused(&|book| shift(book, "id", "_message"), lost);
    refused(&|book| shift(book, "_message", "_file"), lost);
    refused(&|book| book.set(0, "_code", "Code"), lost);
    refused(
        &|book| {
            book.rows.insert(
                0,
                vec![book::Cell {
                    text: "To do".into(),
                    style: TEXT,
                }],
            )
        },
        lost,
    );
    let gone =
        "the column `name` of the rejects is not there any more, or has another name: put it back";
    refused(&|book| book.set(0, "name", "Name"), gone);

    // Comments of somebody's own are not thrown away with a person.
    let mut book = Saved::open(&rig.path("out/rejects.xlsx"));
    add(&mut book, "My comment", "ask Bo");
    book.save(&rig.path("out/rejects.xlsx"));
    rig.write("gone.txt", "3\n");
    let (code, stderr) = rig.ask(&["forget", "gone.txt"]);
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stderr.contains("out/rejects.xlsx: it is not as a run writes it"),
        "{stderr}"
    );
    assert!(rig.path("out/rejects.xlsx").exists());
}

#[test]
fn columns_of_objects() {
    let rig = rig(
        "",
        "people.json",
        "[{\"id\":\"1\",\"name\":\"A\",\"dob\":\"x\",\"pay\":1}]",
    );
    assert_eq!(rig.run(&[]).code, 4);
    let refused = |change: &dyn Fn(&mut Saved), told: &str| {
        let mut book = Saved::open(&rig.path("out/rejects.xlsx"));
        change(&mut book);
        book.save(&rig.path("mended.xlsx"));
        let ended = rig.run(&["--mend", "mended.xlsx"]);
        assert_eq!((ended.code, rig.items().len()), (1, 0), "{}", ended.stderr);
        ended.says(told);
    };
    let types = "the column `_types`, which is hidden, is not behind `_message` any more: put it back, as it says what kinds of \
                 values the cells are";
    refused(&|book| shift(book, "_types", "pay"), types);
    refused(&|book| book.set(0, "_types", "Types"), types);
    refused(
        &|book| shift(book, "_line", "_code"),
        "no sheet of it has their header any more",
    );
}

/// Before anything is sent, rather than to find out when its rows are known.
#[cfg(unix)]
#[test]
fn a_workbook_that_cannot_be_written() {
    use std::os::unix::fs::PermissionsExt;
    let rig = rig(", format: csv", "people.csv", TABLE);
    fs::create_dir(rig.path("books")).unwrap();
    fs::set_permissions(rig.path("books"), PermissionsExt::from_mode(0o555)).unwrap();
    // The superuser may write everywhere.
    let tried = fs::write(rig.path("books/tried"), "");
    let ended = rig.run(&["--set", "rejects.workbook=books/rejects.xlsx"]);
    if tried.is_ok() {
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        return;
    }
    assert_eq!((ended.code, rig.items().len()), (1, 0), "{}", ended.stderr);
    ended.says("books/rejects.xlsx");
    assert!(ended.report["rejects_workbook"].is_null());
}

/// What the server refuses comes into the workbook as into the file.
#[test]
fn what_the_server_refused_is_in_it() {
    let rig = Rig::with(|s| {
        s.properties = Some(vec!["id".parse().unwrap(), "pay:number".parse().unwrap()])
    });
    rig.write("people.csv", "id,pay\n1,1_0\n2,2.50\n");
    rig.pipeline(
        "source: { path: people.csv }\nvalidate: { key: id }\nrejects: { workbook: rejects.xlsx }",
        "identify_by: { id_key: id }",
    );
    let ended = rig.run(&[]);
    assert_eq!(
        (ended.code, ended.count("failed")),
        (3, 1),
        "{}",
        ended.stderr
    );
    let mut book = Saved::open(&rig.path("rejects.xlsx"));
    assert_eq!(
        (book.rows.len(), book.get(1, "_stage"), book.get(1, "pay")),
        (2, "import", "1_0")
    );
    book.set(1, "pay", "10");
    book.save(&rig.path("rejects.xlsx"));
    assert_eq!(rig.run(&["--mend", "rejects.xlsx"]).code, 0);
    assert_eq!(rig.people(&["id"]), ["1", "2"]);
}

/// A run that is taken up again adds what the server refused.
#[test]
fn a_resumed_run_has_it_too() {
    let rig = Rig::with(|s| {
        s.properties = Some(vec!["id".parse().unwrap(), "pay:number".parse().unwrap()])
    })
    .behind(|call| match (call.step, call.before) {
        ("ticket", 0) => Deed::Kill,
        _ => Deed::Pass,
    });
    rig.write("people.csv", "id,pay\n1,1_0\n2,2.50\n3,3\n3,4\n");
    rig.pipeline(
        "source: { path: people.csv }\nvalidate: { key: id }\nrejects: { workbook: rejects.xlsx, at_most: 90% }",
        "identify_by: { id_key: id }",
    );
    rig.run_and_be_killed();
    let stages = || {
        let book = Saved::open(&rig.path("rejects.xlsx"));
        let stage = |row: usize| book.get(row, "_stage").to_owned();
        (1..book.rows.len()).map(stage).collect::<Vec<_>>()
    };
    assert_eq!(stages(), ["validate", "validate"]);
    let ended = rig.tell(&["resume"]);
    assert_eq!(
        (ended.code, ended.count("failed")),
        (3, 1),
        "{}",
        ended.stderr
    );
    ended.says("rejects.xlsx, the same rows for Excel");
    assert_eq!(stages(), ["validate", "validate", "import"]);
    assert!(ended.report["rejects_workbook"].is_string());
}

#[test]
fn people_are_taken_out_and_what_was_put_right_stays() {
    let rig = rig(
        "",
        "people.csv",
        "id,name,dob,pay\n1,Ann,x,1\n2,Bo,x,1\n3,Cy,x,1\n",
    );
    assert_eq!(rig.run(&[]).code, 4);
    let file = rig.path("out/rejects.xlsx");
    let mut book = Saved::open(&file);
    book.set(3, "dob", "03/02/2020");
    book.save(&file);
    let day = Duration::from_secs(24 * 60 * 60);
    let then = SystemTime::now() - 3 * day;
    fs::File::options()
        .write(true)
        .open(&file)
        .unwrap()
        .set_modified(then)
        .unwrap();
    rig.write("gone.txt", "2\n");
    let (code, said) = rig.ask(&["forget", "gone.txt", "--pipeline", "pipeline.yaml"]);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("out/rejects.csv: 1 row taken out\nout/rejects.xlsx: 1 row taken out\n"),
        "{said}"
    );
    let left = Saved::open(&file);
    assert_eq!(
        (left.rows.len(), left.get(1, "id"), left.get(2, "dob")),
        (3, "1", "03/02/2020")
    );
    assert_eq!(left.rows[1][left.at("dob")].style, AT_FAULT);
    assert!(!left.parts[REJECTS].contains("Bo"));
    assert_eq!(
        (
            mode(&file),
            fs::metadata(&file).unwrap().modified().unwrap()
        ),
        (0o600, then)
    );
    assert_eq!(names(&rig), ["rejects.csv", "rejects.xlsx"]);
    let ended = rig.run(&["--mend", "out/rejects.xlsx"]);
    assert_eq!(
        (ended.code, ended.count("sent")),
        (3, 1),
        "{}",
        ended.stderr
    );

    // Whoever has added a sheet of their own has to do it themselves.
    let other = Book::default()
        .sheet(
            "Rejects",
            &[
                "_file|_line|_stage|_column|_code|_message|id",
                "w|2|s|id|c|m|1",
            ],
        )
        .sheet("Notes", &["Ann is 1"]);
    rig.write("out/rejects.xlsx", other.bytes());
    rig.write("gone.txt", "1\n");
    let (code, said) = rig.ask(&["forget", "gone.txt", "--pipeline", "pipeline.yaml"]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("error: out/rejects.xlsx: it is not as a run writes it"),
        "{said}"
    );
    assert_eq!(fs::read(&file).unwrap(), other.bytes());
}

#[test]
fn people_are_taken_out_of_objects() {
    let objects = "{\"id\":\"1\",\"name\":\"A\",\"dob\":\"x\",\"pay\":1.50}\n{\"id\":\"2\",\"name\":\"B\",\"dob\":\"x\",\"pay\":null}\n";
    let rig = rig("", "people.ndjson", objects);
    assert_eq!(rig.run(&[]).code, 4);
    rig.write("gone.txt", "1\n");
    let (code, said) = rig.ask(&["forget", "gone.txt", "--pipeline", "pipeline.yaml"]);
    assert!(
        said.contains("out/rejects.xlsx: 1 row taken out\n"),
        "{said}"
    );
    assert_eq!(code, 0, "{said}");
    let left = Saved::open(&rig.path("out/rejects.xlsx"));
    assert_eq!(
        (left.rows.len(), left.get(1, "id"), left.get(1, "_types")),
        (2, "2", "{\"null\":\"4\"}")
    );
}

#[test]
fn old_workbooks_are_removed() {
    let rig = rig("", "people.csv", TABLE);
    assert_eq!(rig.run(&[]).code, 3);
    let ours = fs::read(rig.path("out/rejects.xlsx")).unwrap();
    let foreign = Book::of(&["id|name", "1|Ann"]).bytes();
    for (name, bytes) in [
        ("rejects.xlsx", &ours),
        ("rejects.check.xlsx", &ours),
        ("rejects.3-of-8.xlsx", &ours),
        ("rejects.mend.xlsx", &foreign),
        ("rejects.mend.check.xlsx", &b"PK, and no archive".to_vec()),
    ] {
        let path = rig.path(&format!("out/{name}"));
        rig.write(&format!("out/{name}"), bytes);
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let then = SystemTime::now() - Duration::from_secs(15 * 24 * 60 * 60);
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(then)
            .unwrap();
    }
    fs::remove_file(rig.path("people.csv")).unwrap();
    let ended = rig.run(&["--set", "rejects.keep=14d"]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert_eq!(
        names(&rig),
        [
            "rejects.csv",
            "rejects.mend.check.xlsx",
            "rejects.mend.xlsx"
        ]
    );
    for name in ["rejects.mend.xlsx", "rejects.mend.check.xlsx"] {
        ended.says(&format!("out/{name} is older than rejects.keep (14days) and stays, because it is not as a run writes it"));
    }
}

#[test]
fn what_no_sheet_can_hold_is_told() {
    let long = "x".repeat(32_768);
    let text = format!("id,name,dob,pay\n1,{long},x,1\n2,{},x,1\n", &long[1..]);
    let rig = rig("", "people.csv", text);
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    ended.says("out/rejects.xlsx: 1 row is not in it: a cell holds at most 32767 characters; ");
    ended.says("out/rejects.csv has all");
    let book = Saved::open(&rig.path("out/rejects.xlsx"));
    assert_eq!((book.rows.len(), book.get(1, "id")), (2, "2"));
}

/// What the pipeline file says wrong of workbooks.
#[test]
fn problems() {
    let rig = rig("", "people.csv", TABLE);
    let lint = |sets: &[&str], code: i32, words: &str| {
        let mut args = vec!["lint", "pipeline.yaml"];
        args.extend(sets.iter().flat_map(|set| ["--set", *set]));
        let (ended, said) = rig.ask(&args);
        assert_eq!(ended, code, "{said}");
        assert!(said.contains(words), "{said}");
    };
    for end in ["xlsx", "XLSX", "xlsm", "xls"] {
        lint(
            &[&format!("rejects.path=out/r.{end}")],
            2,
            "the rejects file is text, which Excel refuses under the name of a workbook\n  help: name the workbook beside it, as in \
             `rejects: { path: rejects.csv, workbook: out/r.xlsx }`",
        );
    }
    for wrong in ["r.xls", "r", "r.csv"] {
        let set = format!("rejects.workbook={wrong}");
        lint(
            &[&set],
            2,
            "expected the path of a file that ends with `.xlsx`",
        );
    }
    lint(
        &["rejects.workbook=people.xlsx", "source.path=people.xlsx"],
        2,
        "the workbook would be written over the source",
    );
    lint(
        &["rejects.workbook=r.xlsx", "results.path=r.xlsx"],
        2,
        "this is the workbook of the rejects",
    );
    lint(
        &[
            "rejects.workbook=token.xlsx",
            "target.orgvue.token.file=token.xlsx",
        ],
        2,
        "which the workbook would be written over",
    );
    lint(
        &["source.path=out/*.xlsx"],
        0,
        "the pattern of the source matches this file",
    );
    lint(
        &["rejects.spreadsheet_safe=true"],
        0,
        "the cells of a workbook are text, and no formulas",
    );
    // What stands there may not be replaced.
    fs::create_dir_all(rig.path("out/rejects.xlsx")).unwrap();
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    ended.says("out/rejects.xlsx is a folder; name a regular file or a path that does not exist");
    // Nor written by two.
    rig.write(
        "other.yaml",
        rig.read("pipeline.yaml")
            .replace("rejects.csv", "others.csv"),
    );
    let (code, said) = rig.ask(&["run", "pipeline.yaml", "other.yaml"]);
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("pipeline.yaml writes its rejects into the same workbook"),
        "{said}"
    );
}

/// The report's page names it.
#[test]
fn a_page_names_the_workbook() {
    let rig = rig("", "people.csv", TABLE);
    let ended = rig.run(&["--set", "report.html=true"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let mut files = fs::read_dir(rig.folder())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let is_page = |path: &std::path::PathBuf| path.extension().is_some_and(|end| end == "html");
    let page = files.find(is_page).unwrap();
    let page = fs::read_to_string(page).unwrap();
    assert!(
        page.contains(", and for Excel in ") && page.contains("--mend"),
        "{page}"
    );
    let report: Value = ended.report;
    assert!(
        report["rejects_file"]
            .as_str()
            .unwrap()
            .ends_with("rejects.csv")
    );
}
