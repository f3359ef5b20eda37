use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;

use super::row::RejectFormat;
use super::said::Page;
use super::tally::MAX_KINDS;
use super::*;
use crate::batch::{Batch, RowState};
use crate::files::part::Part;
use crate::format::added::{CARRIAGE_RETURN, QUOTE, RAGGED};
use crate::format::csv::record::Cells;
use crate::format::csv::record::tests::dialects;
use crate::format::csv::{OnRagged, Parser};
use crate::text::scan::{Dialect, Quoting};

pub(super) fn fault(stage: &'static str, column: &str, code: &'static str, message: &str) -> Fault {
    Fault {
        row: 0,
        stage,
        column: Arc::from(column),
        source: None,
        code: code.into(),
        message: message.to_owned().into(),
    }
}

impl<'a> From<&'a Fault> for Told<'a> {
    fn from(fault: &'a Fault) -> Told<'a> {
        Told {
            fault,
            message: &fault.message,
        }
    }
}

/// A row as it is written.
pub(super) fn written(format: &RejectFormat, row: &RejectedRow<'_>, first: bool) -> Vec<u8> {
    let mut page = Page::default();
    format.push_row(&mut page, row, first);
    page.bytes.to_vec()
}

#[track_caller]
fn check_row(header: &Header, original: &str, faults: &[Fault], expected: &str) {
    let faults: Vec<_> = faults.iter().map(Told::from).collect();
    let row = RejectedRow {
        file: "w.csv",
        line: 7,
        original: original.as_bytes(),
        absent: &[],
        faults: &faults,
    };
    let written = written(&RejectFormat::new(header), &row, false);
    assert_eq!(String::from_utf8_lossy(&written), expected);
}

#[test]
fn rows_of_a_csv_source() {
    let one = [fault("date", "dob", "date_format", "expected DD/MM/YYYY")];
    let header = Header::raw(b"id,name,dob", Dialect::default(), false);
    let check = |raw: &str, expected: &str| {
        check_row(&header, raw, &one, expected);
    };
    let added = "w.csv,7,date,dob,date_format,expected DD/MM/YYYY";
    check("1,a,x", &format!("1,a,x,{added}\n"));
    // As the source had it: quotes that nobody needs, white space, doubled quotes.
    check(
        "\"1\", a ,\"x\"\"y\"",
        &format!("\"1\", a ,\"x\"\"y\",{added}\n"),
    );
    check("1,\"a\r\nb\",x", &format!("1,\"a\r\nb\",x,{added}\n"));
    // Too short and too long.
    check("1", &format!("1,,,{added}\n"));
    check("", &format!(",,,{added}\n"));
    check("1,a,x,\"y,z\",", &format!("1,a,x,{added},\"y,z\",\n"));
    // Quotes in the way: what is written in quoted cells is a text.
    let one = [fault(PARSE, "", "quote", "m")];
    let check = |raw: &str, expected: &str| check_row(&header, raw, &one, expected);
    let added = "w.csv,7,parse,,quote,m";
    check("1,a,\"x", &format!("1,a,\"\"\"x\",{added}\n"));
    check("1,\"a\"b", &format!("1,\"\"\"a\"\"b\",,{added}\n"));
    check(
        "\"1\", \"a\",x",
        &format!("\"\"\"1\"\"\",\" \"\"a\"\"\",x,{added}\n"),
    );
    check("1,a\"b,c\"", &format!("1,a\"b,c\",{added}\n"));
    check("1,a,x,\"y", &format!("1,a,x,{added},\"\"\"y\"\n"));
}

#[test]
fn several_faults_stand_in_parallel() {
    let faults = [
        fault(
            "date",
            "dob",
            "date_format",
            "expected DD/MM/YYYY; nothing else",
        ),
        fault("validate", "", "leaves_before_hired", "says \"no\""),
    ];
    check_row(
        &Header::raw(b"id", Dialect::default(), false),
        "1",
        &faults,
        "1,w.csv,7,date; validate,dob; ,date_format; leaves_before_hired,\
         \"expected DD/MM/YYYY, nothing else; says \"\"no\"\"\"\n",
    );
    check_row(
        &Header::raw(b"id;x", Dialect::new(b';', Quoting::by(b'\'')), true),
        "1;'a;b'",
        &faults,
        "1;'a;b';w.csv;7;'date; validate';'dob; ';'date_format; leaves_before_hired';\
         'expected DD/MM/YYYY, nothing else; says \"no\"'\r\n",
    );
}

#[test]
fn what_a_server_says_can_not_steer_a_terminal() {
    check_row(
        &Header::raw(b"id", Dialect::default(), false),
        "1",
        &[fault(IMPORT_STAGE, "", "Bad\x1b[31m", "no\r\nsuch; thing")],
        "1,w.csv,7,import,,Bad [31m,no  such; thing\n",
    );
}

/// What is written of a record that lacks cells, or whose quotes are wrong, and was rejected for that.
#[test]
fn rows_that_can_not_stand_as_they_were() {
    let short = [fault("parse", "", "ragged", "m")];
    let header = Header::raw(b"id,name,dob", Dialect::default(), false);
    check_row(&header, "1,a", &short, "1,a,,w.csv,7,parse,dob,ragged,m\n");
    check_row(&header, "1", &short, "1,,,w.csv,7,parse,name,ragged,m\n");
    check_row(
        &header,
        "1,a,x,y",
        &short,
        "1,a,x,w.csv,7,parse,,ragged,m,y\n",
    );
    let both = [short[0].clone(), fault("parse", "name", "not_utf8", "m")];
    let said = "w.csv,7,parse; parse,dob; name,ragged; not_utf8,m; m";
    check_row(&header, "1,a", &both, &format!("1,a,,{said}\n"));
    let quote = [fault("parse", "name", "quote", "m")];
    let said = "w.csv,7,parse,name,quote,m";
    check_row(
        &header,
        "1,\"80\"0,\"x, y\"",
        &quote,
        &format!("1,\"\"\"80\"\"0\",\"\"\"x, y\"\"\",{said}\n"),
    );
    check_row(
        &header,
        "1,\"a,b\nc",
        &quote,
        &format!("1,\"\"\"a,b\nc\",,{said}\n"),
    );
    // Fed back in, all but what somebody wrote anew is written so already.
    let header = Header::raw(
        b"id,name,dob,_file,_line,_stage,_column,_code,_message",
        Dialect::default(),
        false,
    );
    let raw = "\"1\"2,\"\"\"80\"\"0\",x,old.csv,3,a,b,c,d";
    check_row(
        &header,
        raw,
        &quote,
        &format!("\"\"\"1\"\"2\",\"\"\"80\"\"0\",x,{said}\n"),
    );
}

#[track_caller]
fn check_lines(rows: &[(&str, &[Fault])], expected: &[&str]) {
    let format = RejectFormat::new(&Header::columns(["id", "full \"name\""]));
    assert_eq!(format.header_line(), b"");
    let mut out = Vec::new();
    for (at, (original, faults)) in rows.iter().enumerate() {
        let faults: Vec<_> = faults.iter().map(Told::from).collect();
        let row = RejectedRow {
            file: "w.json",
            line: 7,
            original: original.as_bytes(),
            absent: &[],
            faults: &faults,
        };
        out.extend(written(&format, &row, at == 0));
    }
    let found = String::from_utf8(out).unwrap();
    assert_eq!(found.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn rows_of_a_json_source() {
    let one = [fault("validate", "id", "required", "must \"not\" be empty")];
    let said = "\"_file\":\"w.json\",\"_line\":7,\"_stage\":\"validate\",\"_column\":\"id\",\"_code\":\"required\",\
                \"_message\":\"must \\\"not\\\" be empty\"";
    let columns = "\"_columns\":[\"id\",\"full \\\"name\\\"\"]";
    check_lines(
        &[
            (
                "{ \"id\": 1.50, \"id\":\n  null, \"x\":{\"a\":[1e400]} }\r\n",
                &one,
            ),
            ("{\"_file\":true}", &one),
            ("{}", &one),
            ("{\"id\": 01}", &one),
            ("[1,\n\"a\u{1}\"]", &one),
            ("{\"_raw\":\"\"}", &one),
        ],
        &[
            &format!(
                "{{{said},{columns}, \"id\": 1.50, \"id\":   null, \"x\":{{\"a\":[1e400]}} }}"
            ),
            &format!("{{{said},\"_file\":true}}"),
            &format!("{{{said}}}"),
            &format!("{{{said},\"_raw\":\"{{\\\"id\\\": 01}}\"}}"),
            &format!("{{{said},\"_raw\":\"[1,\\n\\\"a\\u0001\\\"]\"}}"),
            &format!("{{{said},\"_raw\":\"{{\\\"_raw\\\":\\\"\\\"}}\"}}"),
        ],
    );
    let unknown = [fault("parse", "", "unknown_member", "m")];
    let said = said.replace("validate", "parse").replace("\"id\"", "\"\"");
    let said = said
        .replace("required", "unknown_member")
        .replace("must \\\"not\\\" be empty", "m");
    let row = ("{\"y\":1}", &unknown[..]);
    let line = format!("{{{said},{columns},\"y\":1}}");
    check_lines(&[row, row], &[&line, &line]);
}

#[test]
fn what_is_not_utf8_stays_so() {
    let one = [fault("parse", "", "json_syntax", "m")];
    let format = RejectFormat::new(&Header::columns(["id"]));
    let text = |original: &[u8]| {
        let row = RejectedRow {
            file: "w",
            line: 7,
            original,
            absent: &[],
            faults: &[Told::from(&one[0])],
        };
        written(&format, &row, false)
    };
    assert!(text(b"{\"id\":\"M\xfcller\"}").ends_with(b",\"id\":\"M\xfcller\"}\n"));
    assert!(text(b"{\"M\xfc").ends_with(b",\"_raw\":\"{\\\"M\xfc\"}\n"));
}

#[test]
fn header_lines() {
    let check = |header: Header, expected: &str| {
        let format = RejectFormat::new(&header);
        assert_eq!(String::from_utf8_lossy(format.header_line()), expected);
    };
    let added = "_file,_line,_stage,_column,_code,_message";
    let raw = |text: &str| Header::raw(text.as_bytes(), Dialect::default(), false);
    check(raw("a,\"b c\""), &format!("a,\"b c\",{added}\n"));
    check(raw(""), &format!(",{added}\n"));
    // Fed back in: written once, not twice.
    check(raw(&format!("a,b,{added}")), &format!("a,b,{added}\n"));
    check(
        raw("a,\"_file\",_line,_stage,_column,_code,\"_message\""),
        &format!("a,{added}\n"),
    );
    // Not all of them, or nothing before them: the user's own columns.
    check(raw("_file,_line"), &format!("_file,_line,{added}\n"));
    check(raw(added), &format!("{added},{added}\n"));
}

#[test]
fn a_rejects_file_fed_back_does_not_grow() {
    let one = [fault("date", "dob", "c", "m")];
    let header = Header::raw(
        b"id,dob,_file,_line,_stage,_column,_code,_message",
        Dialect::default(),
        false,
    );
    let check = |raw: &str, expected: &str| {
        check_row(&header, raw, &one, expected);
    };
    let added = "w.csv,7,date,dob,c,m";
    check("1,x,old.csv,3,a,b,c,d", &format!("1,x,{added}\n"));
    check("1,x,old.csv,3,a,b,c,d,more", &format!("1,x,{added},more\n"));
    check("1,x", &format!("1,x,{added}\n"));
    check("1,x,old.csv", &format!("1,x,{added}\n"));
    // One that is too short still is.
    let short = [fault("parse", "", "ragged", "m")];
    check_row(
        &header,
        "1,,old.csv,3,parse,dob,ragged,d",
        &short,
        "1,,w.csv,7,parse,dob,ragged,m\n",
    );
    // As a spreadsheet saves it.
    let header = Header::raw(
        b"id,dob,_file,_line,_stage,_column,_code,_message,,",
        Dialect::default(),
        false,
    );
    check_row(
        &header,
        "1,x,old.csv,3,a,b,c,d,,",
        &one,
        &format!("1,x,{added}\n"),
    );
    check_row(
        &header,
        "1,x,old.csv,3,a,b,c,d,y,",
        &one,
        &format!("1,x,{added},y,\n"),
    );
}

#[test]
fn cells_that_a_spreadsheet_would_run() {
    let check = |quote: u8, raw: &str, expected: &str| {
        let dialect = Dialect::new(b',', Quoting::by(quote));
        let header = Header::raw(b"=id,b,c", dialect, false).spreadsheet_safe(true);
        let faults = [fault("date", "dob", "-code", "m")];
        check_row(&header, raw, &faults, &format!("{expected}\n"));
    };
    let added = "w.csv,7,date,dob,'-code,m";
    for (raw, expected) in [
        ("1,a-b,x", "1,a-b,x,"),
        ("=1+1,+4,-5", "'=1+1,'+4,'-5,"),
        ("@a,\t,\"=a,\"\"b\"\"\"", "'@a,'\t,\"'=a,\"\"b\"\"\","),
        ("\"\rx\",\"\"\"=\",\"\"", "\"'\rx\",\"\"\"=\",\"\","),
    ] {
        check(b'"', raw, &format!("{expected}{added}"));
    }
    // Too long.
    check(b'"', "1,,,=2,\"=3\"", &format!("1,,,{added},'=2,\"'=3\""));
    let added = "w.csv,7,date,dob,'''-code',m";
    check(b'\'', "=1,'=2',3", &format!("'''=1','''=2',3,{added}"));
    let header = Header::raw(b"=id,\"-b\"", Dialect::default(), false).spreadsheet_safe(true);
    assert_eq!(
        String::from_utf8_lossy(RejectFormat::new(&header).header_line()),
        "'=id,\"'-b\",_file,_line,_stage,_column,_code,_message\n"
    );
}

proptest! {
    /// Whatever the record, the first cells are its own, and the added ones stand in their places.
    #[test]
    fn added_cells_stand_under_their_names(raw in "([a,]|,\"[a,\n]{0,3}\",){0,12}", width in 1usize..5) {
        let d = Dialect::default();
        prop_assume!(Cells::of_record(raw.as_bytes(), d).into_fault().is_none());
        let names: Vec<String> = (0..width).map(|i| format!("c{i}")).collect();
        let header = Header::raw(names.join(",").as_bytes(), d, false);
        let faults = [fault("s", "c", "code", "a, \"b\"")];
        let row = RejectedRow {
            file: "f", line: 1, original: raw.as_bytes(), absent: &[], faults: &[Told::from(&faults[0])],
        };
        let mut out = written(&RejectFormat::new(&header), &row, false);
        prop_assert_eq!(out.pop(), Some(b'\n'));
        let before: Vec<_> = Cells::of_record(raw.as_bytes(), d).collect();
        let text = String::from_utf8(out).unwrap();
        let after: Vec<_> = Cells::of_record(text.as_bytes(), d).map(|cell| &text[cell.range()]).collect();
        prop_assert_eq!(after.len(), before.len().max(width) + ADDED.len());
        prop_assert_eq!(&after[width..width + 6], &["f", "1", "s", "c", "code", "\"a, \"\"b\"\"\""]);
        let kept = after[..width].iter().chain(&after[width + 6..]);
        for (i, cell) in kept.enumerate() {
            prop_assert_eq!(*cell, before.get(i).map_or("", |cell| &raw[cell.range()]));
        }
    }

    /// A record that is rejected for its quotes is rejected for them again, and takes no other along.
    #[test]
    fn a_record_with_quotes_in_the_way_is_read_so_again(
        raw in "([ab #]|\"|\"\"|,|\n|\r|\\\\|\",\"|\"\n\"){0,24}",
        dialect in dialects(),
    ) {
        let names: Arc<[Arc<str>]> = vec!["a".into(), "b".into()].into();
        let parser = Parser::new(dialect, names.clone(), 2, OnRagged::Reject);
        let batch = parser.parse(raw.into_bytes(), 1).unwrap();
        let row = (0..batch.len()).find(|row| {
            let mut faults = batch.faults().iter();
            faults.any(|f| f.row as usize == *row && takes_lines_along(&f.code))
        });
        prop_assume!(row.is_some());
        let row = row.unwrap();
        let faults = batch.faults().list();
        let faults = faults.iter().filter(|f| f.row as usize == row);
        let faults: Vec<_> = faults.map(Told::from).collect();
        let names_written: &[u8] = if dialect.throughout { b"\"a\",\"b\"" } else { b"a,b" };
        let rows = RejectFormat::new(&Header::raw(names_written, dialect, false));
        let original = batch.raw_record(row);
        // What an escape at the end of a line means depends on what follows.
        prop_assume!(!original.ends_with(b"\\"));
        let rejected = RejectedRow { file: "f", line: 1, original, absent: &[], faults: &faults };
        let mut out = written(&rows, &rejected, false);
        let len = out.len();
        out.extend_from_slice(b"1,next,f,2,date,b,x,m\n");
        let again = Parser::new(dialect, names, 8, OnRagged::Reject).parse(out, 1).unwrap();
        prop_assert_eq!(again.len(), 2, "{:?}", told(&again));
        prop_assert_eq!(again.row(1).start as usize, len);
        prop_assert_eq!(again.state(0), RowState::Rejected, "{:?}", told(&again));
        // A record that has several faults is told by one of them.
        let codes = [QUOTE, CARRIAGE_RETURN, RAGGED];
        prop_assert!(codes.contains(&&*again.faults().list()[0].code), "{:?}", told(&again));
    }
}

/// The rows of a batch as they are written, and their faults.
fn told(batch: &Batch) -> (Vec<String>, Vec<Fault>) {
    let written = |row| String::from_utf8_lossy(batch.raw_record(row)).into_owned();
    (
        (0..batch.len()).map(written).collect(),
        batch.faults().list(),
    )
}

#[test]
fn lines_that_a_wrong_quote_took_along_are_counted() {
    let check = |original: &[u8], stage: &'static str, code: &'static str, expected: u64| {
        let faults = [fault("date", "c", "x", "m"), fault(stage, "", code, "m")];
        let faults: Vec<_> = faults.iter().map(Told::from).collect();
        let row = RejectedRow {
            original,
            ..row(&faults)
        };
        assert_eq!(row.taken_along(), expected);
    };
    check(b"a,\"b\nc\nd", PARSE, "quote", 2);
    check(b"a,\"b\"c", PARSE, "quote", 0);
    check(b"a\rb\rc\n\"\r\n", PARSE, "carriage_return", 4);
    check(b"a,\"b\nc\"", PARSE, "ragged", 0);
    check(b"a,\"b\nc\"", "validate", "quote", 0);
}

#[test]
fn tallies_are_bounded() {
    let mut tally = Tally::default();
    for i in 0..MAX_KINDS + 5 {
        tally.add(&[Fault {
            code: format!("c{i}").into(),
            ..fault("s", "", "", "")
        }]);
    }
    tally.add(&[fault("s", "", "c7", ""), fault("s", "", "c7", "")]);
    tally.add(&[fault("s", "", "unheard", "")]);
    assert_eq!(tally.rows(), MAX_KINDS as u64 + 7);
    assert_eq!(tally.faults(), MAX_KINDS as u64 + 8);
    let counts: Vec<_> = tally.counts().iter().map(|c| (c.code, c.faults)).collect();
    assert_eq!(counts.len(), MAX_KINDS);
    assert_eq!(counts[..2], [("c7", 3), ("c0", 1)]);
    assert_eq!(tally.others(), 6);
}

fn header() -> Header {
    Header::raw(b"id", Dialect::default(), false)
}

fn row<'a>(faults: &'a [Told<'a>]) -> RejectedRow<'a> {
    RejectedRow {
        file: "f",
        line: 2,
        original: b"1",
        absent: &[],
        faults,
    }
}

/// Names of the files in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

const FIRST_LINE: &str = "id,_file,_line,_stage,_column,_code,_message\n";

#[test]
fn the_file_takes_its_place_when_it_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b/rejects.csv");
    let folder = path.parent().unwrap();
    fs::create_dir_all(folder).unwrap();
    fs::write(&path, "last night's").unwrap();
    let stands = || fs::read_to_string(&path).unwrap();

    let mut file = RejectsFile::create(&path, &header(), &[]).unwrap();
    file.write(&row(&[Told::from(&fault("s", "c", "x", "m"))]))
        .unwrap();
    assert_eq!(stands(), "last night's");
    file.settle().unwrap();
    file.settle().unwrap();
    let surveyed = format!("{FIRST_LINE}1,f,2,s,c,x,m\n");
    assert_eq!(stands(), surveyed);

    // What the server refused is added to a copy.
    file.write(&row(&[Told::from(&fault(IMPORT_STAGE, "", "Y", "m"))]))
        .unwrap();
    assert_eq!(stands(), surveyed);
    assert_eq!(names(folder).len(), 2);
    assert_eq!(file.rejected().rows(), 1);
    let rejects = file.finish().unwrap();
    assert_eq!((rejects.rejected.rows(), rejects.refused.rows()), (1, 1));
    assert_eq!(stands(), format!("{surveyed}1,f,2,import,,Y,m\n"));
    assert_eq!(names(folder), ["rejects.csv"]);
}

#[test]
fn the_rejects_of_an_earlier_run_do_not_stay_under_another_name() {
    let dir = tempfile::tempdir().unwrap();
    let stated = dir.path().join("rejects.csv");
    let json = Header::columns(["id"]);
    let ours = format!("{FIRST_LINE}1,f,2,s,c,x,m\n");
    fs::write(&stated, &ours).unwrap();
    let mut file = RejectsFile::create(&stated, &json, &[]).unwrap();
    file.write(&row(&[Told::from(&fault("s", "c", "x", "m"))]))
        .unwrap();
    assert_eq!(fs::read_to_string(&stated).unwrap(), ours);
    assert_eq!(file.path(), dir.path().join("rejects.ndjson"));
    file.finish().unwrap();
    assert_eq!(names(dir.path()), ["rejects.ndjson"]);
    RejectsFile::create(&stated, &header(), &[]).unwrap();
    assert_eq!(names(dir.path()), ["rejects.csv"]);
    // Which is somebody's, and no rejects file.
    fs::write(&stated, "id\n1\n").unwrap();
    RejectsFile::create(&stated, &json, &[]).unwrap();
    assert_eq!(names(dir.path()).len(), 2);
}

#[test]
fn a_run_that_ends_early_leaves_what_it_found() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rejects.csv");
    fs::write(&path, "last night's").unwrap();
    let mut file = RejectsFile::create(&path, &header(), &[]).unwrap();
    file.hold_back();
    file.write(&row(&[Told::from(&fault("s", "c", "x", "m"))]))
        .unwrap();
    drop(file);
    assert_eq!(fs::read_to_string(&path).unwrap(), "last night's");
    let mut file = RejectsFile::create(&path, &header(), &[]).unwrap();
    file.write(&row(&[Told::from(&fault("s", "c", "x", "m"))]))
        .unwrap();
    drop(file);
    let found = format!("{FIRST_LINE}1,f,2,s,c,x,m\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), found);
    assert_eq!(names(dir.path()), ["rejects.csv"]);
}

#[cfg(unix)]
#[test]
fn access_bits() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/deep/rejects.csv");
    RejectsFile::create(&path, &header(), &[]).unwrap();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&dir.path().join("new")), 0o700);
    assert_eq!(mode(&dir.path().join("new/deep")), 0o700);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    RejectsFile::create(&path, &header(), &[]).unwrap();
    assert_eq!(mode(&path), 0o600);
}

#[cfg(unix)]
#[test]
fn what_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let check = |path: &Path, sources: &[PathBuf], expected: &str| {
        let error = RejectsFile::create(path, &header(), sources).unwrap_err();
        let text = error.to_string().replace(dir.path().to_str().unwrap(), "D");
        assert_eq!(text, expected);
    };
    fs::write(at("victim"), "kept").unwrap();
    std::os::unix::fs::symlink(at("victim"), at("link")).unwrap();
    fs::create_dir(at("folder")).unwrap();
    let instead = "name a regular file or a path that does not exist";
    check(
        &at("link"),
        &[],
        &format!("the rejects file D/link is a symbolic link; {instead}"),
    );
    check(
        &at("folder"),
        &[],
        &format!("the rejects file D/folder is a folder; {instead}"),
    );
    check(
        Path::new("/dev/null"),
        &[],
        &format!("the rejects file /dev/null is a device or a pipe; {instead}"),
    );
    check(&at("victim/x.csv"), &[], "can't use the folder D/victim");
    check(
        &at("folder/../victim"),
        &[at("missing"), at("victim")],
        "the rejects file D/folder/../victim is also a source; \
         rename one of them, or the rows to be read would be lost",
    );
    assert_eq!(fs::read_to_string(at("victim")).unwrap(), "kept");
}

/// The workbook of an earlier run would pass for that of this one.
#[cfg(feature = "xlsx")]
#[test]
fn a_workbook_that_cannot_be_written_leaves_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rejects.csv");
    let book = dir.path().join("rejects.xlsx");
    let write = |columns: usize| {
        let names: Vec<String> = (0..columns).map(|at| format!("c{at}")).collect();
        let header = Header::raw(names.join(",").as_bytes(), Dialect::default(), false);
        let file = RejectsFile::create_with(&path, Some(&book), &header, &[]).unwrap();
        assert_eq!(file.workbook(), Some(&*book));
        file.finish().unwrap();
    };
    write(3);
    assert!(book.exists());
    write(1 << 14);
    assert_eq!(names(dir.path()), ["rejects.csv"]);
    // A run that ends early leaves what it has found in both.
    let file = RejectsFile::create_with(&path, Some(&book), &header(), &[]).unwrap();
    drop(file);
    assert!(book.exists());
    let mut file = RejectsFile::create_with(&path, Some(&book), &header(), &[]).unwrap();
    let before = fs::read(&book).unwrap();
    file.write(&row(&[Told::from(&fault("s", "id", "x", "m"))]))
        .unwrap();
    file.hold_back();
    drop(file);
    assert!(fs::read(&book).unwrap() == before);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rejects.csv");
    fs::write(&path, "last night's").unwrap();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let (part, _) = Part::create(&path).unwrap();
    let mut file = RejectsFile::over(path.clone(), part, full, RowWriter::new(&header()));
    file.write(&row(&[])).unwrap();
    let error = file.finish().unwrap_err().to_string();
    assert_eq!(
        error.replace(dir.path().to_str().unwrap(), "D"),
        "no space left on the disk for the rejects file D/rejects.csv"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "last night's");
    assert_eq!(names(dir.path()), ["rejects.csv"]);
}
