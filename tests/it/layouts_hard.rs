//! Files that are nearly in order: each wrong row is told by its line and costs nothing else, and nobody is deleted for
//! what may be missing.

use serde_json::Value;

use crate::https::{Web, says};
use crate::run;
use crate::sheets::book::Book;
use crate::support::{Ended, Rig, workers};

const REJECTS: &str = "rejects: { path: rejects.ndjson, at_most: 100% }";

/// A run of a file with these settings of the source and of the import.
fn run_of(bytes: impl AsRef<[u8]>, source: &str, import: &str) -> (Rig, Ended) {
    let rig = Rig::new();
    rig.write("w", bytes);
    let sections = format!(
        "source: {{ path: w, {source} }}\n{REJECTS}\nvalidate: {{ key: ID }}\nguard: {{ min_rows: {{ first: 1 }} }}"
    );
    rig.pipeline(
        &sections,
        &format!("identify_by: {{ id_key: ID }}\n{import}"),
    );
    let ended = rig.run(&[]);
    (rig, ended)
}

/// Line, code and message of every row in the rejects file.
fn rejected(rig: &Rig) -> Vec<(u64, String, String)> {
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        (
            row["_line"].as_u64().unwrap(),
            text("_code"),
            text("_message"),
        )
    };
    rig.read("rejects.ndjson").lines().map(row).collect()
}

#[test]
fn numbers_of_a_workbook_that_do_not_end() {
    let many = format!("00000003|Cid|n:{}", "7".repeat(4000));
    let book = Book::of(&[
        "ID|Name|Pay",
        "00000001|Ann|n:1E+300",
        "00000002|Bob|n:1234567890123456789012345678901234567890",
        &many,
        "00000004|Dan|n:1E+999999999",
        "00000005|Eve|n:61750.5",
    ]);
    let (rig, ended) = run_of(book.bytes(), "format: xlsx", "");
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert_eq!((ended.count("read"), ended.count("rejected")), (5, 3));
    let told = rejected(&rig);
    let places: Vec<_> = told
        .iter()
        .map(|(line, code, message)| (*line, code.as_str(), message.split(' ').next().unwrap()))
        .collect();
    assert_eq!(
        places,
        [
            (2, "layout", "C2"),
            (4, "layout", "C4"),
            (5, "layout", "C5")
        ]
    );
    for (_, _, message) in told {
        assert!(
            message.contains("(column `Pay`) is a number of more than 40 digits"),
            "{message}"
        );
    }
    assert!(!ended.stderr.contains("7777"), "{}", ended.stderr);
    assert_eq!(
        rig.people(&["ID", "Pay"]),
        [
            "00000002 1234567890123456789012345678901234567890",
            "00000005 61750.5"
        ]
    );
}

const FIXED: &str = "format: fixed, fixed: { columns: [{ name: ID, width: 8 }, { name: Name, width: 5 }, { name: Pay, width: 4 }]";

#[test]
fn lines_of_fixed_width_that_are_cut() {
    // One is cut within a cell, one before a cell, and so is the last line, which has no end.
    let text = "00000001Ann  1000\n00000002Ba\n00000003Cid  1000\n00000004\n00000005Da";
    let reject = format!("{FIXED} }}");
    let (rig, ended) = run_of(text, &reject, "");
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert_eq!((ended.count("read"), ended.count("rejected")), (5, 3));
    let told = rejected(&rig);
    for ((line, code, message), (expected, said)) in told.iter().zip([
        (2, "the line ends with character 10, within column `Name`"),
        (4, "the line ends with character 8, before column `Name`"),
        (5, "the line ends with character 10, within column `Name`"),
    ]) {
        assert_eq!((*line, code.as_str()), (expected, "layout"), "{message}");
        assert!(message.starts_with(said), "{message}");
        assert!(
            message.contains("set source.fixed.short_lines to pad"),
            "{message}"
        );
    }
    assert_eq!(rig.people(&["ID"]), ["00000001", "00000003"]);
    let warnings = ended.report["warnings"].to_string();
    assert!(
        warnings.contains("line 5, the last one, has no line end"),
        "{warnings}"
    );

    // Those whose rows are wrong are not deleted for it.
    let (_, ended) = run_of(text, &reject, "implicit_delete: true");
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    ended.says("deletion was off for this run, as rows were rejected");

    // Blanks may be left out, and of the last line nobody knows whether they were.
    let pad = format!("{FIXED}, short_lines: pad }}");
    let (rig, ended) = run_of(text, &pad, "implicit_delete: true");
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert_eq!((ended.count("read"), ended.count("accepted")), (5, 4));
    ended.says("deletion was off for this run, as rows were rejected");
    let told = rejected(&rig);
    assert_eq!((told[0].0, told[0].1.as_str()), (5, "layout"));
    let said = "this last line has no line end and 10 of 17 characters";
    assert!(told[0].2.starts_with(said), "{}", told[0].2);
    let people = ["00000001 Ann", "00000002 Ba", "00000003 Cid", "00000004 -"];
    assert_eq!(rig.people(&["ID", "Name"]), people);
    let warnings = ended.report["warnings"].to_string();
    assert!(
        warnings.contains("the file may have been cut off"),
        "{warnings}"
    );
    // With a line end it is as whole as the others.
    let (rig, ended) = run_of(format!("{text}\n"), &pad, "");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.people(&["ID"]).len(), 5);
}

#[test]
fn lines_of_fixed_width_that_look_like_totals() {
    let people = "00000001Ann  1000\n00000002Bob  1000\n";
    let told = "line 3, the last one, begins as totals and the like do";
    for (last, expected) in [
        ("Total: 2     2000\n", true),
        ("Grand Total  2000\n", true),
        ("00000003Total2000\n", false),
    ] {
        let (_, ended) = run_of(format!("{people}{last}"), &format!("{FIXED} }}"), "");
        let warnings = ended.report["warnings"].to_string();
        assert_eq!(warnings.contains(told), expected, "{last}: {warnings}");
    }
    let records = format!("{FIXED}, records: '^\\d' }}");
    let (rig, ended) = run_of(format!("{people}Total: 2     2000\n"), &records, "");
    assert_eq!(ended.report["warnings"].as_array().unwrap().len(), 0);
    assert_eq!(rig.people(&["ID"]).len(), 2);
}

/// Where all lines but the last are whole, the file was cut off: nothing of it is sent, whatever is said of short lines.
#[test]
fn a_file_of_fixed_width_that_is_cut_off() {
    for short in ["", ", short_lines: pad"] {
        for text in [
            "00000001Ann  1000\n00000002Ba",
            "00000001Ann  1000\n00000002Bob  10",
        ] {
            let (rig, ended) = run_of(text, &format!("{FIXED}{short} }}"), "");
            assert_eq!((ended.code, rig.taken()), (1, (0, 0)), "{}", ended.stderr);
            ended.says("w:2: the file was cut off: its last line has 1");
        }
    }
}

#[test]
fn workbooks_with_something_behind_their_end() {
    let whole = Book::of(&["ID|Name", "00000001|Ann", "00000002|Bob"]).bytes();
    for junk in [&[0; 1][..], &[0; 4096], b"\r\n-- end of attachment --\r\n"] {
        let bytes = [&whole, junk].concat();
        for source in ["", "format: xlsx"] {
            let (rig, ended) = run_of(&bytes, source, "");
            assert_eq!(ended.code, 0, "{}", ended.stderr);
            assert_eq!(
                rig.people(&["ID", "Name"]),
                ["00000001 Ann", "00000002 Bob"]
            );
        }
    }
    for junk in [vec![0; 70_000], whole[..100].to_vec()] {
        let (rig, ended) = run_of([whole.clone(), junk].concat(), "format: xlsx", "");
        assert_eq!((ended.code, rig.taken()), (1, (0, 0)), "{}", ended.stderr);
        ended.says("the workbook is cut off or damaged");
    }
}

/// The people that an extract has no more are deleted by the difference, too: not for an answer that may have been cut.
#[test]
fn a_difference_deletes_nobody_for_an_answer_that_may_be_cut() {
    let whole = workers(20);
    let cut = whole.lines().take(19).map(|line| line.len() + 1).sum();
    let served = std::sync::Arc::new(std::sync::Mutex::new(None));
    let (now, text) = (served.clone(), whole.clone());
    let web = Web::start(move |_| {
        let mut answer = says("200 OK", &text);
        (answer.sized, answer.cut) = (false, *now.lock().unwrap());
        answer
    });
    let rig = Rig::new();
    let pipeline = |expect: &str| {
        rig.pipeline(
            &format!(
                "source: {{ path: {}/w, format: csv{expect} }}\nvalidate: {{ key: employeeID }}",
                web.address
            ),
            "action: { delta: store }\nidentify_by: { id_key: employeeID }",
        );
    };
    pipeline("");
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let (taken, items) = (rig.taken(), rig.items());
    assert_eq!(items.len(), 20);

    // Two people less than before, as the guards allow.
    *served.lock().unwrap() = Some(cut);
    let ended = rig.run(&[]);
    assert_eq!((ended.code, rig.taken()), (4, taken), "{}", ended.stderr);
    ended.says("does not say how long its answer is");
    assert_eq!(rig.items(), items);

    // Where the extract says that it is whole, they are.
    pipeline(", expect: { rows: 18 }");
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.differs([0, 0, 2, 18]);
    assert_eq!(rig.items().len(), 18);
}

/// The draft for a file, which lints, and which `check` finds in order.
#[track_caller]
fn draft(file: &str, bytes: impl AsRef<[u8]>, records: u64) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(file), bytes).unwrap();
    let (code, draft, stderr) = run(folder.path(), &["infer", file]);
    assert_eq!(code, 0, "{stderr}");
    std::fs::write(folder.path().join("d.yaml"), &draft).unwrap();
    for command in ["lint", "check"] {
        let (code, stdout, stderr) = run(folder.path(), &[command, "d.yaml"]);
        assert_eq!(code, 0, "{stderr}\n{draft}");
        let read = format!("read {records:>20}");
        assert!(
            command == "lint" || (stdout + &stderr).contains(&read),
            "{stderr}"
        );
    }
    draft.replace("\n  # ", " ")
}

const PEOPLE: [&str; 4] = ["ID|Name|Name", "0001|Ann|x", "0002|Bob|y", "0003|Cid|z"];

#[test]
fn columns_of_one_name_are_drafted() {
    let csv = draft("w.csv", PEOPLE.join("\n").replace('|', ","), 3);
    assert!(csv.contains("numbered: Name (columns 2, 3)"), "{csv}");
    assert!(csv.contains("duplicate_names: number"), "{csv}");
    let book = Book::of(&PEOPLE).bytes();
    let drafted = draft("w.xlsx", &book, 3);
    assert!(
        drafted.contains("Several columns have one name"),
        "{drafted}"
    );
    assert!(
        drafted.contains("xlsx: { duplicate_names: number }"),
        "{drafted}"
    );
    // A run has to be told so.
    let (rig, ended) = run_of(&book, "format: xlsx", "");
    assert_eq!((ended.code, rig.taken()), (2, (0, 0)), "{}", ended.stderr);
    ended.says("w:1: columns have the same name: B1 and C1");
    let (rig, _) = run_of(&book, "format: xlsx, xlsx: { duplicate_names: number }", "");
    assert_eq!(rig.people(&["ID", "Name", "Name_2"])[0], "0001 Ann x");
}

#[test]
fn one_of_several_sheets_is_drafted_and_the_others_are_named() {
    let leavers = ["ID|Gone", "0009|2020-01-31"];
    let book = Book::default()
        .sheet("Workers", &PEOPLE)
        .sheet("Leavers", &leavers);
    let drafted = draft("w.xlsx", book.bytes(), 3);
    for said in [
        "The others: Leavers.",
        "sheet: Workers",
        "xlsx: { duplicate_names: number }",
    ] {
        assert!(drafted.contains(said), "{said}\n{drafted}");
    }
    // One that has no records is not what is meant.
    let book = Book::default()
        .sheet("Notes", &["Made on Monday"])
        .sheet("Leavers", &leavers)
        .sheet("Workers", &PEOPLE);
    let drafted = draft("w.xlsx", book.bytes(), 1);
    for said in ["The others: Workers, Notes.", "sheet: Leavers"] {
        assert!(drafted.contains(said), "{said}\n{drafted}");
    }
    let book = Book::default()
        .sheet("A", &["Note"])
        .sheet("B", &["ID|Name"]);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("w.xlsx"), book.bytes()).unwrap();
    let (code, _, stderr) = run(folder.path(), &["infer", "w.xlsx"]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("there are no records"), "{stderr}");
}

#[cfg(feature = "parquet")]
mod columnar {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, BinaryArray, Date32Array, Int64Array};
    use parquet::basic::Compression;
    use parquet::file::properties::WriterProperties;

    use super::*;
    use crate::columnar::read::{batch, parquet as written, stream, texts};

    #[test]
    fn files_that_keep_columns_are_drafted() {
        let days: ArrayRef = Arc::new(Date32Array::from(vec![18_000, 18_001, 18_002]));
        let pay: ArrayRef = Arc::new(Int64Array::from(vec![1, 20, 300]));
        let people = batch(vec![
            ("ID", texts(["0001", "0002", "0003"])),
            ("Hired", days),
            ("Pay", pay),
        ]);
        for (file, bytes, format) in [
            ("w.parquet", written(&people, None), "format: parquet"),
            ("w.arrows", stream(&people), "format: arrow"),
        ] {
            let drafted = draft(file, bytes, 3);
            assert!(drafted.contains(format), "{drafted}");
            assert!(drafted.contains("key: ID"), "{drafted}");
        }
    }

    /// Writes texts that are not UTF-8 where a file says that they are: as bytes of the same length, changed afterwards.
    fn damaged(properties: Option<WriterProperties>) -> Vec<u8> {
        let people = batch(vec![
            ("ID", texts(["1", "2", "3", "4"])),
            ("Name", texts(["Ann", "M!!ller", "Cid", "M!!ller"])),
        ]);
        let mut bytes = written(&people, properties);
        while let Some(at) = memchr::memmem::find(&bytes, b"M!!ller") {
            bytes[at + 1] = 0xfc;
            bytes[at + 2] = 0xff;
        }
        bytes
    }

    #[test]
    fn texts_that_are_not_utf8_cost_their_row_alone() {
        let plain = WriterProperties::builder()
            .set_dictionary_enabled(false)
            .build();
        for properties in [None, Some(plain)] {
            let (rig, ended) = run_of(damaged(properties), "format: parquet", "");
            assert_eq!(ended.code, 3, "{}", ended.stderr);
            assert_eq!((ended.count("read"), ended.count("rejected")), (4, 2));
            for ((line, code, message), expected) in rejected(&rig).iter().zip([2, 4]) {
                assert_eq!((*line, code.as_str()), (expected, "layout"));
                assert!(
                    message.contains("column `Name`: the bytes are not text in UTF-8"),
                    "{message}"
                );
            }
            assert_eq!(rig.people(&["ID", "Name"]), ["1 Ann", "3 Cid"]);
        }
    }

    /// Whatever is changed in a file, the program says so or reads it; no crate's panic is called a bug of the program.
    #[test]
    fn damaged_files_are_no_bugs() {
        let photo: ArrayRef = Arc::new(BinaryArray::from_vec(vec![b"a", b"b", b"c"]));
        let people = batch(vec![("ID", texts(["1", "2", "3"])), ("Photo", photo)]);
        let gzip = WriterProperties::builder()
            .set_compression(Compression::GZIP(Default::default()))
            .build();
        for whole in [
            written(&people, None),
            written(&people, Some(gzip)),
            stream(&people),
        ] {
            for at in (8..whole.len()).step_by(whole.len() / 12) {
                let mut bytes = whole.clone();
                bytes[at] ^= 0x7f;
                let (_, ended) = run_of(bytes, "", "");
                assert!(
                    [0, 1, 2, 3, 4].contains(&ended.code),
                    "{at}: {}",
                    ended.stderr
                );
                assert!(
                    !ended.stderr.contains("bug in rostream"),
                    "{at}: {}",
                    ended.stderr
                );
            }
        }
    }
}
