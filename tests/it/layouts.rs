//! Fixed width, XML and Oracle's HCM Data Loader, as users meet them: the same rows as of CSV, and every row that is wrong
//! with its line.

use std::fmt::Write;

use async_compression::tokio::write::GzipEncoder;
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crate::support::{Ended, Rig};

/// People, with letters that windows-1252 has, and texts that every layout has to take care of.
const PEOPLE: [[&str; 3]; 4] = [
    ["00000001", "Zoë <Ng> & \"Co\"", "61750.00"],
    ["00000002", "a | b \\ c", ""],
    ["00000003", "Müller, Jürgen", "0.10"],
    ["00000004", "x", "7"],
];

fn csv() -> String {
    PEOPLE
        .iter()
        .fold("ID,Name,Pay\n".to_owned(), |mut text, [id, name, pay]| {
            let name = name.replace('"', "\"\"");
            writeln!(text, "{id},\"{name}\",{pay}").unwrap();
            text
        })
}

fn fixed() -> String {
    PEOPLE.iter().fold(
        "People of today\n".to_owned(),
        |mut text, [id, name, pay]| {
            writeln!(text, "{id}{name:20}{pay:>10}").unwrap();
            text
        },
    )
}

fn xml(declaration: &str) -> String {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    let mut text = format!("{declaration}\n<w:Data xmlns:w=\"urn:w\">\n");
    for [id, name, pay] in PEOPLE {
        let name = escape(name);
        writeln!(
            text,
            " <w:Entry><ID>{id}</ID>\n  <Name>{name}</Name><Pay>{pay}</Pay></w:Entry>"
        )
        .unwrap();
    }
    text + "</w:Data>\n"
}

fn hdl() -> String {
    let escape = |text: &str| text.replace('\\', "\\\\").replace('|', "\\|");
    let head =
        "COMMENT people\nSET PURGE_FUTURE_CHANGES N\nMETADATA|Worker|ID|Name|Pay\n".to_owned();
    PEOPLE.iter().fold(head, |mut text, [id, name, pay]| {
        writeln!(text, "MERGE|Worker|{id}|{}|{pay}", escape(name)).unwrap();
        text
    })
}

const FIXED: &str = "format: fixed, fixed: { skip_lines: 1, columns: [{ name: ID, width: 8 }, { name: Name, width: 20 }, { name: Pay, width: 10 }] }";
const HDL: &str = "json: { columns: [ID, Name, Pay], unknown: ignore }";

fn rig(source: &str, text: impl AsRef<[u8]>) -> Rig {
    let rig = Rig::new();
    rig.write("w.dat", text);
    rig.pipeline(
        &format!(
            "source: {{ path: w.dat, {source} }}\nrejects: {{ path: rejects.csv, at_most: 100% }}\n"
        ),
        "identify_by: { id_key: ID }",
    );
    rig
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut gzip = GzipEncoder::new(Vec::new());
        gzip.write_all(bytes).await.unwrap();
        gzip.shutdown().await.unwrap();
        gzip.into_inner()
    })
}

fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

fn windows_1252(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect()
}

/// Line, code and message of every row in the rejects file.
fn rejected(rig: &Rig) -> Vec<(u64, String, String)> {
    let rejects = rig.read("rejects.ndjson");
    let lines = rejects.lines().map(|line| {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        (
            row["_line"].as_u64().unwrap(),
            text("_code"),
            text("_message"),
        )
    });
    lines.collect()
}

fn refused(source: &str, text: impl AsRef<[u8]>) -> (i32, String) {
    let rig = rig(source, text);
    let ended = rig.run(&[]);
    assert_eq!(rig.taken(), (0, 0));
    (ended.code, ended.error())
}

#[track_caller]
fn sent(rig: &Rig, ended: &Ended) -> String {
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    String::from_utf8(rig.uploaded()).unwrap()
}

#[test]
fn the_same_rows_in_every_layout_and_charset() {
    let of_csv = rig("format: csv", csv());
    let expected = sent(&of_csv, &of_csv.run(&[]));
    let declared =
        |encoding: &str| xml(&format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?>"));
    let stated = |source: &str| format!("encoding: windows-1252, {source}");
    for (source, text) in [
        (FIXED.to_owned(), fixed().into_bytes()),
        (
            FIXED.to_owned(),
            gzip(fixed().replace('\n', "\r\n").as_bytes()),
        ),
        (FIXED.to_owned(), utf16(&fixed())),
        (stated(FIXED), windows_1252(&fixed())),
        ("format: xml".to_owned(), xml("").into_bytes()),
        (
            "format: xml, record: w:Entry".to_owned(),
            xml("").into_bytes(),
        ),
        (
            "format: auto, record: Data/Entry".to_owned(),
            gzip(declared("UTF-8").as_bytes()),
        ),
        (String::new(), utf16(&declared("UTF-16"))),
        (String::new(), windows_1252(&declared("ISO-8859-1"))),
        (stated(""), windows_1252(&declared("windows-1252"))),
        (stated("format: xml"), windows_1252(&xml(""))),
        (HDL.to_owned(), hdl().into_bytes()),
        (
            format!("{HDL}, format: hdl, hdl: {{ component: Worker }}"),
            gzip(hdl().as_bytes()),
        ),
        (HDL.to_owned(), utf16(&hdl())),
        (stated(HDL), windows_1252(&hdl())),
    ] {
        let rig = rig(&source, &text);
        let ended = rig.run(&[]);
        assert_eq!(sent(&rig, &ended), expected, "{source}");
        assert_eq!(ended.count("read"), 4, "{source}");
    }
}

#[test]
fn standard_input_is_read_once() {
    let rig = rig("format: xml", xml(""));
    let pipeline = rig
        .read("pipeline.yaml")
        .replace("path: w.dat", "path: \"-\"");
    rig.write("pipeline.yaml", pipeline);
    let ended = rig.run_with_stdin(&[], "w.dat");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.items().len(), 4);
}

#[test]
fn rows_that_are_wrong_come_back_and_are_mended() {
    let text = "ID      Name \n00000001Ann  \n00000002Barbara\n00000003B\tx\n00000004M\u{fc}\n00000005Zo\u{eb}\n";
    let mut bytes = windows_1252(text);
    bytes.extend_from_slice("00000006Zoë\n".as_bytes());
    let source = "format: fixed, fixed: { skip_lines: 1, columns: [{ name: ID, width: 8 }, { name: Name, width: 5 }] }";
    let rig = rig(source, bytes);
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert_eq!(ended.report["sources"][0]["format"], "fixed");
    assert_eq!(
        rig.people(&["ID", "Name"]),
        ["00000001 Ann", "00000006 Zoë"]
    );
    let check = |rig: &Rig| {
        let rejects = String::from_utf8_lossy(&std::fs::read(rig.path("rejects.ndjson")).unwrap())
            .into_owned();
        let rows: Vec<Value> = rejects
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let codes: Vec<_> = rows
            .iter()
            .map(|row| {
                (
                    row["_code"].as_str().unwrap(),
                    row["_message"].as_str().unwrap(),
                )
            })
            .collect();
        let surplus = "the line goes on behind its last column, which ends with character 13; state that column's width, or a column for what follows";
        let tab = "character 10 is a tab, which stands for no certain number of characters; have the file written with blanks";
        assert_eq!(codes[..2], [("layout", surplus), ("layout", tab)]);
        assert!(
            codes[2..].iter().all(|(code, _)| code.contains("utf8")),
            "{codes:?}"
        );
        assert_eq!(codes.len(), 4);
        rows
    };
    let rows = check(&rig);
    let lines: Vec<_> = rows
        .iter()
        .map(|row| row["_line"].as_u64().unwrap())
        .collect();
    assert_eq!(lines, [3, 4, 5, 6]);
    assert_eq!(rows[0]["_fault"][1], "ra");
    // Unmended they are rejected for the same reason.
    std::fs::copy(rig.path("rejects.ndjson"), rig.path("again.ndjson")).unwrap();
    let ended = rig.run(&[
        "--mend",
        "again.ndjson",
        "--set",
        "rejects.path=rejects.csv",
    ]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    check(&rig);
    // Put right, without what was said of them.
    let mended =
        "{\"ID\":\"00000002\",\"Name\":\"Barbara\"}\n{\"ID\":\"00000003\",\"Name\":\"Bx\"}\n";
    let said =
        String::from_utf8_lossy(&std::fs::read(rig.path("again.ndjson")).unwrap()).into_owned();
    let columns = said.lines().next().unwrap();
    assert!(
        columns.contains("\"_columns\":[\"ID\",\"Name\"]"),
        "{columns}"
    );
    rig.write("mended.ndjson", mended);
    let ended = rig.run(&["--mend", "mended.ndjson"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.people(&["ID"]).len(), 4);
}

#[test]
fn lines_of_hdl_that_are_wrong() {
    let text = "METADATA|Worker|ID|Name\nMERGE|Worker|1|Ann\nMERGE|Worker|2\nMERGE|Worker|3|Bo|x\nUPSERT|Worker|4|Cy\n\
                MERGE|Worker|5|Di\nagnosed\nDELETE|Worker|6|#NULL\nMETADATA|Job|ID\nMERGE|Job|1\nMERGE|Workr|7|Ed\n";
    let rig = rig("hdl: { component: Worker }", text);
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let wrong = rejected(&rig);
    let lines: Vec<_> = wrong
        .iter()
        .map(|(line, code, _)| (*line, code.as_str()))
        .collect();
    assert_eq!(lines, [3, 4, 5, 7, 11].map(|line| (line, "layout")));
    assert_eq!(
        wrong[4].2,
        "no METADATA line before this one names its component"
    );
    assert_eq!(
        wrong[0].2,
        "expected 2 values, as the METADATA line on line 1 says, found 1"
    );
    assert!(
        wrong[3].2.contains("the line begins with none of METADATA"),
        "{wrong:?}"
    );
    assert_eq!(
        rig.people(&["@instruction", "ID", "Name"]),
        ["DELETE 6 -", "MERGE 1 Ann", "MERGE 5 Di"]
    );
    assert_eq!(ended.report["sources"][0]["format"], "hdl");
    ended.says("`@instruction` is sent like a property, and lines that say DELETE like all others");
    // Nothing of the file's is in what is said.
    assert!(!ended.stderr.contains("agnosed"), "{}", ended.stderr);
}

#[test]
fn elements_that_come_several_times() {
    let text = "<d>\n<e><ID>1</ID><t>a</t></e>\n<e><ID>2</ID><t>a</t><t>b</t></e>\n<e><ID>3</ID><x/><x/></e></d>";
    let of = |json: &str| {
        let rig = rig(json, text);
        let ended = rig.run(&[]);
        assert_eq!(
            ended.code,
            if json.is_empty() { 3 } else { 0 },
            "{}",
            ended.stderr
        );
        rig
    };
    let plain = of("");
    let lines: Vec<_> = rejected(&plain)
        .into_iter()
        .map(|(line, code, _)| (line, code))
        .collect();
    assert_eq!(lines, [(3, "nested".to_owned()), (4, "nested".to_owned())]);
    assert_eq!(plain.people(&["ID", "t"]), ["1 a"]);
    assert_eq!(
        of("json: { arrays: first }").people(&["ID", "t"]),
        ["1 a", "2 a", "3 -"]
    );
    assert_eq!(
        of("json: { arrays: join, join: + }").people(&["ID", "t"]),
        ["1 a", "2 a+b", "3 -"]
    );
}

#[test]
fn what_is_cut_off_is_no_short_extract() {
    let whole = xml("");
    for at in [
        whole.len() - 2,
        whole.len() - 12,
        whole.len() - 40,
        whole.find("</w:Entry>").unwrap() + 10,
        60,
    ] {
        let (code, error) = refused("format: xml, record: w:Entry", &whole[..at]);
        assert_eq!(code, 1, "{error}");
        assert!(error.contains("not well-formed XML, line "), "{error}");
    }
    let trailer = "expect: { trailer: '^T(\\d+)' }";
    let columns = "format: fixed, fixed: { columns: [{ name: ID, width: 3 }] }";
    let fixed = format!("{columns}, {trailer}");
    let rig = rig(&fixed, "001\n002\nT2\n\n");
    assert_eq!(rig.run(&[]).code, 0);
    assert_eq!(rig.people(&["ID"]), ["001", "002"]);
    assert_eq!(refused(&fixed, "001\nT2\n").0, 4);
    assert_eq!(refused(&fixed, "001\n").0, 4);
    let hdl = "expect: { trailer: '^COMMENT rows (\\d+)' }";
    let text = "METADATA|A|ID\nMERGE|A|1\nCOMMENT rows 1\n";
    assert_eq!(self::rig(hdl, text).run(&[]).code, 0);
    assert_eq!(refused(hdl, text.replace("rows 1", "rows 2")).0, 4);
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_place() {
    let check = |source: &str, text: &str, code: i32, expected: &str| {
        let found = refused(source, text);
        assert!(
            found.0 == code && found.1.contains(expected),
            "{source} {text}: {found:?}"
        );
    };
    check(
        "",
        "<d>\n<e><i>1</n></e></d>",
        1,
        "w.dat:2: not well-formed XML, line 2, column 8: expected `</i>`, but `</n>` was found",
    );
    check(
        "",
        "<!DOCTYPE d [<!ENTITY a 'ha'>]>\n<d><e><i>&a;</i></e></d>",
        1,
        "w.dat:1: ",
    );
    check(
        "",
        "<?xml version='1.0'?>\n<html><p/></html>",
        1,
        "w.dat:2: this is a web page",
    );
    check(
        "",
        "<!DOCTYPE html>\n<html></html>",
        1,
        "w.dat:1: this is a web page",
    );
    check(
        "record: x",
        "<d><e><i>1</i></e></d>",
        2,
        "w.dat: no element is a `x`, the record as source.record says; the file has `e`, `i`",
    );
    check(
        "",
        "<e><i>1</i><n>2</n></e>",
        2,
        "w.dat: it can't be told which elements are the records; state their name",
    );
    check(
        "",
        "<d></d>",
        1,
        "w.dat:1: there are no records; nothing was sent",
    );
    check(
        "format: csv",
        "<?xml version='1.0'?>\n<d/>",
        2,
        "w.dat:1: this is XML; set source.format to xml",
    );
    check(
        "format: xml",
        "ID,Name\n1,Ann\n",
        1,
        "w.dat:1: not well-formed XML, line 1, column 1: text stands outside the root element",
    );
    check(
        "",
        "METADATA|A|x\nMERGE|A|1\nMETADATA|B|y\n",
        2,
        "w.dat:3: the file has the records of several components, `A`, `B`",
    );
    check(
        "hdl: { component: C }",
        "METADATA|A|x\nMERGE|A|1\n",
        2,
        "w.dat: no METADATA line names the component `C`; the file has `A`",
    );
    check("", "METADATA|A|x\n", 1, "there are no records");
    check(
        "format: hdl",
        "MERGE|A|1\n",
        1,
        "w.dat:1: this line stands before the METADATA line",
    );
    check(
        "format: hdl",
        "ID,Name\n",
        2,
        "w.dat: no METADATA line says",
    );
    check(FIXED, "People\n", 1, "there are no records");
    let bytes = refused("", b"<d>\n<e><i>M\xfc</i></e></d>");
    assert!(
        bytes.0 == 2
            && bytes
                .1
                .contains("w.dat:2: there are bytes here that are not UTF-8"),
        "{bytes:?}"
    );
}

#[test]
fn no_record_is_held_without_a_limit() {
    let limits = "limits: { record: 64KiB }\n";
    for (source, text) in [
        (
            "record: e",
            format!("<d>\n<e><i>{}</i></e></d>", "x".repeat(1 << 17)),
        ),
        ("record: e", format!("<d>\n{}", "<e>".repeat(1 << 16))),
        (
            "format: hdl",
            format!("METADATA|A|x\nMERGE|A|{}", "x".repeat(1 << 17)),
        ),
        (FIXED, format!("\n{}", "x".repeat(1 << 17))),
    ] {
        let rig = rig(source, text);
        let pipeline =
            rig.read("pipeline.yaml")
                .replacen("version: 1\n", &format!("version: 1\n{limits}"), 1);
        rig.write("pipeline.yaml", pipeline);
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        assert!(ended.error().contains("w.dat:2: "), "{}", ended.error());
    }
}

#[test]
fn settings_are_read_closely() {
    let check = |source: &str, expected: &str| {
        let rig = rig(source, "");
        let (_, stderr) = rig.ask(&["lint", "pipeline.yaml"]);
        assert!(stderr.contains(expected), "{source}: {stderr}");
    };
    check("format: fixed", "expected the columns and their widths");
    let fixed = |columns: &str| format!("format: fixed, fixed: {{ columns: [{columns}] }}");
    check(&fixed("{ name: a, width: 0 }"), "expected at least 1");
    check(
        &fixed("{ name: a, width: 1, at: 0 }"),
        "the first character is 1",
    );
    check(
        &fixed("{ name: a, width: 1 }, { name: a, width: 1 }"),
        "this column is named twice",
    );
    check(
        &fixed("{ name: a, width: 5 }, { name: b, at: 4, width: 1 }"),
        "begins before the one before it ends, which is with character 5",
    );
    check(
        "format: fixed, fixed: { columns: [{ name: a, width: 1 }], trim: left }",
        "expected one of: both, end, none",
    );
    check(
        "format: csv, fixed: { skip_lines: 1 }",
        "these settings have no effect on this format",
    );
    check("format: csv, record: a", "write `format: xml`");
    check("format: xml, hdl: { component: A }", "write `format: hdl`");
    check(
        "format: xml, csv: { delimiter: \";\" }",
        "these settings have no effect on this format",
    );
    check(
        "format: xml, json: { path: $.a }",
        "this setting has no effect on this format",
    );
    check(
        "format: hdl, json: { arrays: first }",
        "this setting has no effect on this format",
    );
    check("record: a//b", "expected the name of an element");
    check(
        "format: xml, expect: { trailer: '(\\d+)' }",
        "neither has XML",
    );
    check(
        "hdl: { component: \"\" }",
        "expected the name of a component",
    );
    check(
        "xml: { names_by: \"@x\" }",
        "expected the name of an attribute",
    );
    check("hdl: { componet: a }", "did you mean `component`");
}
