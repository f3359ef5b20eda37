//! Wrong inputs beside the exact text that they give on stderr, and the exit code.

use std::path::Path;

use async_compression::tokio::write::{GzipEncoder, ZstdEncoder};
use tokio::io::AsyncWriteExt;

use crate::{outcome, rostream, run};
use rostream::internals::sandbox::Sandbox;
use rostream::internals::sandbox::options::{SandboxSettings, TokenState};

/// A source of two good rows.
const WORKERS: (&str, &[u8]) = ("w.csv", b"Employee ID,Name,Salary\n1,Ann,10\n2,Bob,20\n");

/// Collects what differs, so that a change of wording shows all its places at once.
#[derive(Default)]
struct Table {
    wrong: std::cell::RefCell<Vec<String>>,
}

impl Table {
    /// Runs a command on a pipeline beside these files. What every pipeline must have and this text
    /// doesn't say comes after it, so that the text begins on line 2.
    fn check(
        &self,
        command: &str,
        pipeline: &str,
        files: &[(&str, &[u8])],
        code: i32,
        stderr: &str,
    ) {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), pipeline, files);
        let (found, stdout, text) = run(dir.path(), &["-q", command, "p.yaml"]);
        let text = text.replace(dir.path().to_str().unwrap(), "[dir]");
        if (found, stdout.as_str(), text.as_str()) != (code, "", stderr) {
            self.wrong.borrow_mut().push(format!(
                "{pipeline}\nexpected {code}:\n{stderr}\nfound {found}:\n{text}{stdout}"
            ));
        }
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        let wrong = self.wrong.borrow();
        assert!(wrong.is_empty(), "{}", wrong.join("\n----\n"));
    }
}

fn write(dir: &Path, pipeline: &str, files: &[(&str, &[u8])]) {
    let mut text = format!("version: 1\n{pipeline}");
    for (section, default) in [
        ("source:", "source: { path: w.csv }\n"),
        ("target:", "target: { sandbox: }\n"),
    ] {
        if !pipeline.lines().any(|line| line.starts_with(section)) {
            text.push_str(default);
        }
    }
    std::fs::write(dir.join("p.yaml"), text).unwrap();
    for (name, bytes) in files {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// The bytes as gzip and as zstd.
fn compressed(bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut gzip = GzipEncoder::new(Vec::new());
        gzip.write_all(bytes).await.unwrap();
        gzip.shutdown().await.unwrap();
        let mut zstd = ZstdEncoder::new(Vec::new());
        zstd.write_all(bytes).await.unwrap();
        zstd.shutdown().await.unwrap();
        (gzip.into_inner(), zstd.into_inner())
    })
}

/// Without the last byte, as of a copy that was interrupted.
fn cut(bytes: &[u8]) -> Vec<u8> {
    bytes[..bytes.len() - 1].to_vec()
}

/// With the stored checksum changed.
fn damaged(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = bytes.len() - 8;
    bytes[at] ^= 1;
    bytes
}

/// What the pipeline names and the header doesn't have: where it is named, by which stage or rule, and what there is.
#[test]
fn columns_that_are_not_there() {
    let table = Table::default();
    table.check(
        "check",
        "\
         stages:\n\
         \x20 - trim: [Name]\n\
         \x20 - rename: { Employe ID: employeeID }\n",
        &[WORKERS],
        2,
        "p.yaml:4:27: stage 2 (rename): no column `Employe ID` here, did you mean `Employee ID`?\n",
    );
    table.check(
        "check",
        "\
         stages:\n\
         \x20 - trim: [Name]\n\
         \x20 - drop: [Name, Comments]\n",
        &[WORKERS],
        2,
        "p.yaml:4:18: stage 2 (drop): no column `Comments` here\n",
    );
    table.check(
        "check",
        "\
         stages:\n\
         \x20 - trim: [Name]\n\
         \x20 - select: [Name, Comments]\n",
        &[WORKERS],
        2,
        "p.yaml:4:20: stage 2 (select): no column `Comments` here\n",
    );
    table.check(
        "check",
        "\
         stages:\n\
         \x20 - trim: [Name]\n\
         \x20 - trim: [Nam]\n",
        &[WORKERS],
        2,
        "p.yaml:4:12: stage 2 (trim): no column `Nam` here, did you mean `Name`?\n",
    );
    table.check(
        "check",
        "\
         stages:\n\
         \x20 - trim: [Name]\n\
         \x20 - case: { columns: [Nam], to: upper }\n",
        &[WORKERS],
        2,
        "p.yaml:4:23: stage 2 (case): no column `Nam` here, did you mean `Name`?\n",
    );
    table.check(
        "check",
        "\
         stages:\n\
         \x20 - trim: [Name]\n\
         \x20 - map: { column: Nam, values: { a: b } }\n",
        &[WORKERS],
        2,
        "p.yaml:4:20: stage 2 (map): no column `Nam` here, did you mean `Name`?\n",
    );
    table.check(
        "check",
        "\
         stages:\n\
         \x20 - trim: [Name]\n\
         \x20 - replace: { columns: [Nam], pattern: a, with: b }\n",
        &[WORKERS],
        2,
        "p.yaml:4:26: stage 2 (replace): no column `Nam` here, did you mean `Name`?\n",
    );
    table.check(
        "check",
        "\
         stages:\n\
         \x20 - trim: [Name]\n\
         \x20 - split: { column: Nam, by: \" \", into: [a, b] }\n",
        &[WORKERS],
        2,
        "p.yaml:4:22: stage 2 (split): no column `Nam` here, did you mean `Name`?\n",
    );
    table.check(
        "check",
        "\
         stages:\n\
         \x20 - trim: [Name]\n\
         \x20 - concat: { columns: [Nam, Salary], by: \" \", into: a }\n",
        &[WORKERS],
        2,
        "p.yaml:4:25: stage 2 (concat): no column `Nam` here, did you mean `Name`?\n",
    );
    table.check(
        "check",
        "\
         stages:\n\
         \x20 - trim: [Name]\n\
         \x20 - coalesce: { columns: [Nam, Salary], into: a }\n",
        &[WORKERS],
        2,
        "p.yaml:4:27: stage 2 (coalesce): no column `Nam` here, did you mean `Name`?\n",
    );
    table.check(
        "check",
        "\
         stages:\n\
         \x20 - trim: [Name]\n\
         \x20 - date: { columns: [Born], from: DD/MM/YYYY }\n",
        &[WORKERS],
        2,
        "p.yaml:4:23: stage 2 (date): no column `Born` here\n",
    );
    table.check(
        "check",
        "\
         stages:\n\
         \x20 - trim: [Name]\n\
         \x20 - number: [Salaries]\n",
        &[WORKERS],
        2,
        "p.yaml:4:14: stage 2 (number): no column `Salaries` here, did you mean `Salary`?\n",
    );
    table.check(
        "check",
        "\
         stages:\n\
         \x20 - trim: [Name]\n\
         \x20 - boolean: [Remote]\n",
        &[WORKERS],
        2,
        "p.yaml:4:15: stage 2 (boolean): no column `Remote` here\n",
    );
    table.check(
        "check",
        "\
         stages:\n\
         \x20 - trim: [Name]\n\
         \x20 - hash: { columns: [NI], key: { file: k } }\n",
        &[WORKERS, ("k", b"0123456789abcdef")],
        2,
        "p.yaml:4:23: stage 2 (hash): no column `NI` here\n",
    );
    table.check(
        "check",
        "\
         stages:\n\
         \x20 - trim: [Name]\n\
         \x20 - lookup: { file: w.csv, key: { column: Dept }, take: { Name: a } }\n",
        &[WORKERS],
        2,
        "p.yaml:4:43: stage 2 (lookup): no column `Dept` here\n\
         p.yaml:4:43: stage 2 (lookup): w.csv: no column `Dept` here\n",
    );
    table.check(
        "check",
        "\
         stages:\n\
         \x20 - trim: [Name]\n\
         \x20 - set: { a: Nam + \"x\" }\n",
        &[WORKERS],
        2,
        "p.yaml:4:15: stage 2 (set): `a`: no column `Nam` here, did you mean `Name`?\n",
    );
    table.check(
        "check",
        "\
         stages:\n\
         \x20 - trim: [Name]\n\
         \x20 - filter: Nam != \"x\"\n",
        &[WORKERS],
        2,
        "p.yaml:4:13: stage 2 (filter): no column `Nam` here, did you mean `Name`?\n",
    );
    table.check(
        "check",
        "\
         stages:\n\
         \x20 - rename: { Name: name }\n\
         \x20 - drop: [Name]\n",
        &[WORKERS],
        2,
        "p.yaml:4:12: stage 2 (drop): no column `Name` here, did you mean `name`?\n",
    );
    table.check(
        "check",
        "\
         validate:\n\
         \x20 key: employeeID\n\
         \x20 columns:\n\
         \x20   Nam: { required: true }\n\
         \x20   Salery: { type: number }\n\
         \x20 rows:\n\
         \x20   - { assert: Name < End, code: order }\n\
         target: { sandbox: { action: { column: Action } } }\n",
        &[WORKERS],
        2,
        "\
         p.yaml:3:8: validate.key: no column `employeeID` here, did you mean `Employee ID`?\n\
         p.yaml:5:5: validate.columns.Nam: no column `Nam` here, did you mean `Name`?\n\
         p.yaml:6:5: validate.columns.Salery: no column `Salery` here, did you mean `Salary`?\n\
         p.yaml:8:17: row rule 1: no column `End` here\n\
         p.yaml:9:40: target.action: no column `Action` here\n",
    );
    table.check("check", "\
         stages:\n\
         \x20 - trim: [Name]\n\
         \x20 - rename: { Name: Salary }\n", &[WORKERS], 2, "p.yaml:4:21: stage 2 (rename): `Name` can't become `Salary`, there is such a column already; rename or drop it too\n");
    table.check("check", "target: { sandbox: { action: create } }\n", &[("w.csv", b"_action,Name\ncreate,Ann\n")], 2, "p.yaml:2:30: target.action: there is a column `_action` and a constant action; say `action: { column: _action }`, or drop the column\n");
}

/// A header that is one column because another delimiter is meant is never sent, whether columns are named or not, and
/// whoever looks.
#[test]
fn headers_of_another_delimiter() {
    let table = Table::default();
    for command in ["check", "preview", "run"] {
        for named in ["", "validate: { key: Name }\n"] {
            for (header, found) in [
                ("Employee ID;Name", ";"),
                ("Employee ID\tName", "tab"),
                ("Employee ID|Name", "|"),
            ] {
                let text = format!("{header}\n1;Ann\n");
                let message = format!(
                    "error: w.csv:1: the header is one column, and `{found}` is in it; if that is the delimiter, set \
                     source.csv.delimiter to \"{found}\"; if it is one column, put its name in quotes\n"
                );
                table.check(command, named, &[("w.csv", text.as_bytes())], 2, &message);
            }
        }
    }
    table.check("check", "source: { path: w.csv, csv: { delimiter: \";\" } }\n", &[WORKERS], 2,
        "error: w.csv:1: the header is one column, and `,` is in it; if that is the delimiter, set source.csv.delimiter to \",\"; if it is one column, put its name in quotes\n");
    table.check("check", "source: { path: w.csv, format: tsv }\n", &[WORKERS], 2,
        "error: w.csv:1: the header is one column, and `,` is in it; if that is the delimiter, set source.format to csv and source.csv.delimiter to \",\"; if it is one column, put its name in quotes\n");
    table.check("check", "", &[("w.csv", b"\"ID;Name\"\n\"1;Ann\"\n")], 2,
        "error: w.csv:1: the header is one quoted column, and `;` is in it; if whole lines are quoted, export the file without those quotes; if it is one column, set source.csv.delimiter\n");
    // What is stated is obeyed, and what is one column may be one.
    table.check(
        "check",
        "source: { path: w.csv, csv: { delimiter: \";\" } }\nvalidate: { key: ID }\n",
        &[("w.csv", b"ID;Name\n1;Ann\n")],
        0,
        "",
    );
    table.check(
        "check",
        "source: { path: w.csv, csv: { delimiter: \",\" } }\n",
        &[("w.csv", b"\"ID;Name\"\n\"1;Ann\"\n")],
        0,
        "",
    );
    table.check("check", "", &[("w.csv", b"Full name\nAnn\n")], 0, "");
    table.check("check", "", &[("w.csv", b"\"Name, first\"\nAnn\n")], 0, "");
}

/// Excel's first line by which it is told the delimiter.
#[test]
fn a_line_that_names_the_delimiter() {
    let table = Table::default();
    let named = "stages: [ { drop: [Name] } ]\n";
    for text in [
        "sep=;\nID;Name\n1;Fallow, Jens\n",
        "\u{feff}SEP=;\r\nID;Name\r\n1;Ann\r\n",
        "\"sep=;\"\nID;Name\n1;Ann\n",
        "sep=|||\nID|Name\n1|Ann\n",
        "sep=\t\nID\tName\n1\tAnn\n",
        "sep=,\nID,Name\n1,Ann\n",
    ] {
        for command in ["check", "run"] {
            table.check(command, named, &[("w.csv", text.as_bytes())], 0, "");
        }
    }
    let text = b"sep=;\nID;Name\n1;Ann\n";
    let stated = |csv: &str| format!("source: {{ path: w.csv, csv: {{ {csv} }} }}\n{named}");
    table.check(
        "check",
        &stated("delimiter: \";\""),
        &[("w.csv", text)],
        0,
        "",
    );
    table.check(
        "check",
        &stated("delimiter: \";\", skip_lines: 1"),
        &[("w.csv", text)],
        0,
        "",
    );
    table.check("check", &stated("delimiter: \"|\""), &[("w.csv", text)], 2,
        "error: w.csv:1: the line says that `;` is the delimiter, and source.csv.delimiter or source.format says `|`; state the one that is meant, or set source.csv.skip_lines to 1 to pass over the line\n");
    table.check("check", "source: { path: w.csv, format: tsv }\n", &[("w.csv", text)], 2,
        "error: w.csv:1: the line says that `;` is the delimiter, and source.csv.delimiter or source.format says `tab`; state the one that is meant, or set source.csv.skip_lines to 1 to pass over the line\n");
    table.check("check", "", &[("w.csv", b"sep=ab\nID;Name\n1;Ann\n")], 2,
        "error: w.csv:1: the line begins with `sep=`, and what it names cannot be a delimiter; set source.csv.skip_lines to 1 to pass over the line, and source.csv.delimiter to the delimiter\n");
    // A table that begins so is one.
    table.check("check", "", &[("w.csv", b"separator\nx\n")], 0, "");
}

/// A source without a header: what stands in its first line is a person's, and is told nobody.
#[test]
fn a_header_that_is_missing() {
    let table = Table::default();
    let people: &[u8] = b"10001,Mara Example,mara.example@example.com,54000\n10002,Jens Fallow,jens@example.com,1\n";
    let advice = "line 1, where the column names should be, has 4 cells, and none is a column that the pipeline names; if the file has no header, set source.csv.header to none, and source.csv.columns to the names\n";
    for (command, error) in [("check", ""), ("run", ""), ("preview", "")] {
        table.check(
            command,
            "validate:\n\x20 key: employeeID\n\x20 columns: { 10002: { required: true } }\n",
            &[("w.csv", people)],
            2,
            &format!(
                "{error}p.yaml:3:8: validate.key: no column `employeeID` here\n\
            p.yaml:4:14: validate.columns.10002: no column `10002` here\n\
            p.yaml:5:1: source: {advice}"
            ),
        );
    }
    table.check(
        "check",
        "stages: [ { rename: { Name: name } } ]\n",
        &[("w.csv", people)],
        2,
        &format!(
            "p.yaml:2:29: stage 1 (rename): no column `Name` here\np.yaml:3:1: source: {advice}"
        ),
    );
    // Twice the same cell, as flags are.
    table.check("check", "validate: { key: ID }\n", &[("w.csv", b"1,Mara Example,Y,Y\n")], 2,
        "error: w.csv:1: columns of the header have the same name: 3 and 4; if the header is missing, set source.csv.header to none, else set source.csv.duplicate_names to number, or name all columns with source.csv.columns\n");
    // A second file without one.
    table.check("check", "source: { path: \"w*.csv\" }\nvalidate: { key: ID }\n", &[("w1.csv", b"ID,Name\n1,Ann\n"), ("w2.csv", b"2,Mara Example\n")], 2,
        "error: w2.csv:1: this file's columns have other names than those of w1.csv; is a header missing? All files of a source have the same columns\n");
    // A table of a lookup, and the members of objects.
    table.check("check", "stages: [ { lookup: { file: t.csv, key: { column: Name }, take: { Head: head } } } ]\n", &[WORKERS, ("t.csv", b"Ann,Mara Example\n")], 2,
        "p.yaml:2:51: stage 1 (lookup): t.csv: no column `Name` here; the file's first line has 2 cells, and none is a column that the stage names: if the file has no header, set `csv.header` to none, and `csv.columns` to the names\n");
    table.check("check", "source: { path: w.json }\nvalidate: { key: ID }\n", &[("w.json", b"[{\"Mara Example\":\"1\"}]")], 2,
        "p.yaml:2:1: source: the first records have 1 member, and none is a column that the pipeline names; `rostream preview` without stages and rules shows them\n\
        p.yaml:3:18: validate.key: no column `ID` here\n");
}

/// Sources that can't be opened, decompressed or decoded.
#[test]
fn sources_that_cannot_be_read() {
    let (gzip, zstd) = compressed(b"a,b\n1,2\n");
    let table = Table::default();
    table.check(
        "check",
        "source: { path: exports }\n",
        &[("exports/a.csv", b"a\n1\n")],
        1,
        "error: exports: is a directory; name a file, or a pattern such as exports/*.csv\n",
    );
    table.check(
        "check",
        "source: { path: exports/w.csv }\n",
        &[],
        1,
        "error: exports/w.csv: no such file\n",
    );
    table.check(
        "check",
        "source: { path: \"exports/*.csv\" }\n",
        &[("exports/a.txt", b"a\n1\n")],
        1,
        "error: exports/*.csv: no file matches\n",
    );
    table.check(
        "check",
        "source: { path: [w.csv, v.csv] }\n",
        &[WORKERS],
        1,
        "error: v.csv: no such file\n",
    );
    table.check(
        "check",
        "",
        &[("w.csv", b"")],
        1,
        "error: w.csv:1: the file is empty: expected a header\n",
    );
    table.check(
        "check",
        "",
        &[("w.csv", b"\n\r\n")],
        1,
        "error: w.csv:1: the file is empty: expected a header\n",
    );
    table.check(
        "check",
        "",
        &[("w.csv", b"\xef\xbb\xbf")],
        1,
        "error: w.csv:1: the file is empty: expected a header\n",
    );
    table.check(
        "check",
        "",
        &[("w.csv", b"Employee ID,Name\n")],
        1,
        "error: w.csv: there are no records; nothing was sent\n",
    );
    table.check(
        "check",
        "source: { path: w.csv, csv: { skip_lines: 9 } }\n",
        &[WORKERS],
        2,
        "error: w.csv:1: no header comes after the 9 lines of source.csv.skip_lines\n",
    );
    table.check(
        "check",
        "source: { path: w.json }\n",
        &[("w.json", b"[]")],
        1,
        "error: w.json:1: the JSON array is empty: there are no records; nothing was sent\n",
    );
    table.check(
        "check",
        "source: { path: w.json }\n",
        &[("w.json", b"")],
        1,
        "error: w.json:1: the file is empty: expected a header\n",
    );
    table.check("check", "source: { path: w.csv.gz }\n", &[("w.csv.gz", &cut(&gzip))], 1, "error: w.csv.gz: the gzip data is cut off or damaged; nothing from it is sent: unexpected end of file\n");
    table.check("check", "source: { path: w.csv.gz }\n", &[("w.csv.gz", &damaged(&gzip))], 1, "error: w.csv.gz: the gzip data is cut off or damaged; nothing from it is sent: CRC computed does not match\n");
    table.check("check", "source: { path: w.csv.zst }\n", &[("w.csv.zst", &cut(&zstd))], 1, "error: w.csv.zst: the zstd data is cut off or damaged; nothing from it is sent: zstd stream did not finish\n");
    table.check("check", "source: { path: w.csv, compression: gzip }\n", &[WORKERS], 2, "error: w.csv: source.compression is gzip, and the file begins as text that is not compressed; set it to none, or leave it out\n");
    table.check("check", "", &[("w.csv", b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00\0\0\0\0\0\0\0\0\0\0\0\0\x13\0\0\0[Content_Types].xml\n\x00\xff")], 1, "error: w.csv: the workbook is cut off or damaged: its end is missing; nothing from it is sent\n");
    table.check(
        "check",
        "",
        &[(
            "w.csv",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00\x00\x00\n\x00\xff",
        )],
        1,
        "error: w.csv: this is an old Excel workbook (.xls); save it as an Excel workbook (.xlsx), or export it as CSV\n",
    );
    table.check(
        "check",
        "",
        &[("w.csv", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")],
        1,
        "error: w.csv:1: this is a PDF, not CSV or JSON; export it as CSV\n",
    );
    table.check(
        "check",
        "",
        &[(
            "w.csv",
            b"<!DOCTYPE html>\n<html><body>Log in</body></html>\n",
        )],
        1,
        "error: w.csv:1: this is a web page, not an extract; what was asked for may have answered with its sign-in page\n",
    );
    table.check("check", "", &[("w.csv", b"Employee ID,Na\xefve\n1,Ann\n")], 2, "error: w.csv:1: the header is not UTF-8; if the file has another encoding, set source.encoding (candidates: windows-1252, windows-1250, iso-8859-4; `rostream preview` shows with which the letters are right)\n");
    table.check(
        "check",
        "source: { path: w.csv, encoding: utf-16 }\n",
        &[WORKERS],
        2,
        "error: w.csv: the file's beginning has no zero byte, which every text in UTF-16 has, and source.encoding is utf-16; set it to utf-8, or leave it out\n",
    );
    table.check(
        "check",
        "",
        &[("w.csv", b"a,b\r1,2\r3,4\r")],
        1,
        "error: w.csv:1: lines end with bare carriage returns; convert them to LF or CR LF\n",
    );
    table.check("check", "source: { path: \"w*.csv\" }\n", &[("w1.csv", b"a,b\n1,2\n"), ("w2.csv", b"a,c\n1,2\n")], 2, "error: w2.csv:1: this file has `c`, which w1.csv lacks, and no `b`; all files of a source have the same columns, unless source.csv.match is name\n");
    table.check("check", "source: { path: \"w*.csv\" }\n", &[("w1.csv", b"a,b\n1,2\n"), ("w2.csv", b"a\n1\n")], 2, "error: w2.csv:1: this file has no `b`, as w1.csv has; all files of a source have the same columns, unless source.csv.match is name\n");
    table.check("check", "source: { path: \"w*\" }\n", &[("w1.csv", b"a,b\n1,2\n"), ("w2.json", b"[{\"a\":1}]\n")], 1, "error: w2.json:1: this file is json, and w1.csv is csv; all files of a source have the same format\n");
}

/// Text in which no record ends where it should.
#[test]
fn data_that_cannot_be_read() {
    let table = Table::default();
    table.check(
        "check",
        "",
        &[("w.csv", b"Name,Note\nAnn,x\nBob,\"never closed\nCid,y\n")],
        1,
        "error: w.csv:3:5: the quote opened here is never closed, and all up to line 4, the last one, would be one cell; if \
         no cell spans lines, set source.csv.multiline to false\n",
    );
    table.check(
        "check",
        "",
        &[("w.csv", b"Name,Note\nAnn,\"x\" y\nBob,z\n")],
        3,
        "",
    );
    table.check(
        "check",
        "",
        &[("w.csv", b"Name,\"Note\" x\nAnn,y\n")],
        1,
        "error: w.csv:1:11: text follows the quote that closes a name\n",
    );
    table.check(
        "check",
        "",
        &[("w.csv", b"Name,\"Note\nAnn,x\n")],
        1,
        "error: w.csv:1:6: the quote opened here is never closed\n",
    );
    table.check(
        "check",
        "",
        &[("w.csv", b"Name,Note,Name\nAnn,x,y\n")],
        2,
        "error: w.csv:1: columns of the header have the same name: 1 and 3; if the header is missing, set source.csv.header to none, else set source.csv.duplicate_names to number, or name all columns with source.csv.columns\n",
    );
    table.check(
        "check",
        "source: { path: w.csv, csv: { ragged: error } }\n",
        &[("w.csv", b"Name,Note\nAnn,x\nBob,x,z\n")],
        1,
        "error: w.csv:3: expected 2 cells as in the header, found 3\n",
    );
    table.check(
        "check",
        "source: { path: w.json }\n",
        &[("w.json", b"[{\"a\":\"1\"},\n {\"a\":\"2\"}")],
        1,
        "error: w.json:2:11: the JSON array ends without `]`: the file is cut off\n",
    );
    table.check(
        "check",
        "source: { path: w.json }\n",
        &[("w.json", b"[{\"a\":\"1\"},\n {\"a\":\"2")],
        1,
        "error: w.json:2:7: the JSON array ends without `]`: the file is cut off\n",
    );
    table.check(
        "check",
        "source: { path: w.json }\n",
        &[("w.json", b"[{\"a\":\"1\"},\n {\"a\":")],
        1,
        "error: w.json:2:7: the JSON array ends without `]`: the file is cut off\n",
    );
    table.check(
        "check",
        "source: { path: w.json }\n",
        &[("w.json", b"[{\"a\":\"1\"},]\n")],
        1,
        "error: w.json:1:12: a comma stands before `]`, and between them no element of the array\n",
    );
    table.check(
        "check",
        "source: { path: w.json }\n",
        &[("w.json", b"[{\"a\":\"1\"}]\n\nrest")],
        1,
        "error: w.json:3:1: expected the end of the file behind a JSON document, or another object or array, found what is not JSON\n",
    );
    table.check(
        "check",
        "source: { path: w.json }\n",
        &[("w.json", b"[{\"a\":\"1\"}]\n[{\"a\":\"1\"}]")],
        0,
        "",
    );
    table.check(
        "check",
        "source: { path: w.json }\n",
        &[("w.json", b"[{\"a\":\"1\"} {\"a\":\"2\"}]\n")],
        1,
        "error: w.json:1:12: expected `,` or `]` after an element of the array\n",
    );
    table.check(
        "check",
        "source: { path: w.json }\n",
        &[("w.json", b"[1, 2]")],
        1,
        "error: w.json:1:2: expected JSON objects, the records, found a number\n",
    );
    table.check(
        "check",
        "source: { path: w.json }\n",
        &[("w.json", b"[{\"a\":\"1\"},\n 2]")],
        3,
        "",
    );
    table.check(
        "check",
        "source: { path: w.json }\n",
        &[("w.json", b"{\"a\":\"1\"}\n{\"a\" \"2\"}\n{\"a\":\"3\"}\n")],
        3,
        "",
    );
    table.check("check", "source: { path: w.json }\n", &[("w.json", b"{\n  \"items\": [ { \"a\": 1 } ]\n}\n")], 2, "error: w.json:1:1: this is not a record: its member `items` holds 1 object; where they are the records, set source.json.path: $.items\n");
    table.check(
        "check",
        "source: { path: w.json, format: json }\n",
        &[("w.json", b"{\"a\":\"1\"}\n")],
        0,
        "",
    );
    table.check("check", "source: { path: w.json, format: ndjson }\n", &[("w.json", b"[{\"a\":\"1\"}]\n")], 2, "error: w.json:1:1: expected one JSON object a line, found an array; set source.format to json\n");
    table.check(
        "check",
        "source: { path: w.csv, format: json }\n",
        &[WORKERS],
        2,
        "error: w.csv:1:1: expected a JSON object or an array of objects, found what is not JSON; set source.format if this is not JSON\n",
    );
    table.check(
        "check",
        "source: { path: w.csv, format: csv }\n",
        &[("w.csv", b"[{\"a\":\"1\"}]\n")],
        2,
        "error: w.csv:1: this is JSON, not a header; set source.format\n",
    );
}

/// Rows that are rejected: the exit code says so, and the limit stops the run.
#[test]
fn rejected_rows() {
    let table = Table::default();
    table.check("check", "", &[("w.csv", b"a,b\n1,2\n1\n")], 3, "");
    table.check("check", "rejects: { at_most: 0 }\n", &[("w.csv", b"a,b\n1,2\n1\n")], 4, "error: 1 of 2 rows were rejected, and rejects.at_most is 0; nothing was sent, the rows and their faults are in rejects.check.csv\n");
    table.check("run", "rejects: { at_most: 10% }\n", &[("w.csv", b"a,b\n1,2\n1,\xff\n")], 4, "error: 1 of 2 rows were rejected, and rejects.at_most is 10%; nothing was sent, the rows and their faults are in rejects.csv\n");
    table.check("run", "\
         rejects: { at_most: 100% }\n\
         target: { sandbox: { implicit_delete: true } }\n", &[("w.csv", b"a,b\n1\n1,\xff\n")], 4, "error: no row is left to send: 2 of 2 rows were rejected, most often for ragged; nothing was sent, the rows and their faults are in rejects.csv\n");
}

/// The rejects file and the report.
#[test]
fn places_that_cannot_be_written() {
    let table = Table::default();
    table.check(
        "check",
        "rejects: { path: w.csv/rejects.csv }\n",
        &[WORKERS],
        1,
        "error: can't use the folder [dir]/w.csv: there is a file where a folder is needed\n",
    );
    for command in ["check", "run"] {
        table.check(command, "rejects: { path: out }\n", &[WORKERS, ("out/a", b"")], 1, "error: the rejects file [dir]/out is a folder; name a regular file or a path that does not exist\n");
        table.check(
            command,
            "rejects: { path: ./w.csv }\n",
            &[WORKERS],
            2,
            "p.yaml:2:18: the rejects would be written over the source\n  help: to load corrected rejects, write `rostream run PIPELINE --mend FILE`\n",
        );
        table.check(command, "rejects: { path: out/../w.csv }\n", &[WORKERS, ("out/a", b"")], 1, "error: the rejects file [dir]/out/../w.csv is also a source; rename one of them, or the rows to be read would be lost\n");
        table.check(command, "\
         source: { path: \"*.csv\" }\n\
         rejects: { path: rejects.csv }\n", &[WORKERS, ("rejects.csv", b"Employee ID,Name,Salary\n1,Ann,10\n")], 1, "error: the rejects file [dir]/rejects.csv is also a source; rename one of them, or the rows to be read would be lost\n");
    }
    table.check("check", "source: { path: \"*.csv\" }\n", &[WORKERS, ("rejects.check.csv", b"Employee ID,Name,Salary\n1,Ann,10\n")], 1, "error: the rejects file [dir]/rejects.check.csv is also a source; rename one of them, or the rows to be read would be lost\n");
    table.check("run", "report: { dir: w.csv }\n", &[WORKERS], 1, "error: can't use the folder [dir]/w.csv for the run report: there is a file where a folder is needed\n");
}

/// Tables of a lookup.
#[test]
fn lookup_tables() {
    let table = Table::default();
    table.check("check", "\
         stages:\n\
         \x20 - trim:\n\
         \x20 - lookup: { file: depts.csv, key: { column: Name, in: code }, take: { Dept: dept } }\n", &[WORKERS], 1, "error: p.yaml:4:21: stage 2 (lookup): depts.csv: there is no such file\n");
    table.check("check", "\
         stages:\n\
         \x20 - trim:\n\
         \x20 - lookup: { file: depts.csv, key: { column: Name, in: code }, take: { Dept: dept } }\n", &[WORKERS, ("depts.csv/a", b"")], 1, "error: p.yaml:4:21: stage 2 (lookup): depts.csv: it is a directory\n");
    table.check("check", "\
         stages:\n\
         \x20 - trim:\n\
         \x20 - lookup: { file: depts.csv, key: { column: Name, in: code }, take: { Dept: dept } }\n", &[WORKERS, ("depts.csv", b"")], 1, "error: p.yaml:4:21: stage 2 (lookup): depts.csv: line 1: the file is empty: expected a header\n");
    table.check("check", "\
         stages:\n\
         \x20 - trim:\n\
         \x20 - lookup: { file: depts.csv, key: { column: Name, in: code }, take: { Dept: dept } }\n", &[WORKERS, ("depts.csv", b"code,Dept\nA,x\nB,y\nA,z\n")], 2, "p.yaml:4:57: stage 2 (lookup): depts.csv: lines 2 and 4 have the same `code`; a key must be unique\n");
    table.check("check", "\
         stages:\n\
         \x20 - trim:\n\
         \x20 - lookup: { file: depts.csv, key: { column: Name, in: code }, take: { Dept: dept } }\n", &[WORKERS, ("depts.csv", b"Code,Dept\nA,x\n")], 2, "p.yaml:4:57: stage 2 (lookup): depts.csv: no column `code` here, did you mean `Code`?\n");
    table.check("check", "\
         stages:\n\
         \x20 - trim:\n\
         \x20 - lookup: { file: depts.csv, key: { column: Name, in: code }, take: { Dept: dept } }\n", &[WORKERS, ("depts.csv", b"code,Depart\nA,x\n")], 2, "p.yaml:4:79: stage 2 (lookup): depts.csv: no column `Dept` here, did you mean `Depart`?\n");
    table.check("check", "\
         stages:\n\
         \x20 - trim:\n\
         \x20 - lookup: { file: depts.csv, key: { column: Name, in: code }, take: { Dept: dept } }\n", &[WORKERS, ("depts.csv", b"code;Dept\nA;x\n")], 2, "error: p.yaml:4:21: stage 2 (lookup): depts.csv: line 1: the header is one column, and `;` is in it; if that is the delimiter, set `csv.delimiter` to \";\"; if it is one column, put its name in quotes\n");
    table.check("check", "\
         stages:\n\
         \x20 - trim:\n\
         \x20 - lookup: { file: depts.csv, key: { column: Name, in: code }, take: { Dept: dept } }\n", &[WORKERS, ("depts.csv", b"code,Dept\nA\n")], 1, "error: p.yaml:4:21: stage 2 (lookup): depts.csv: line 2: expected 2 cells as in the header, found 1\n");
    table.check("check", "\
         stages:\n\
         \x20 - trim:\n\
         \x20 - lookup: { file: depts.csv, key: { column: Name, in: code }, take: { Dept: dept } }\n", &[WORKERS, ("depts.csv", b"code,Dept\nA,\xff\n")], 2, "error: p.yaml:4:21: stage 2 (lookup): depts.csv: line 2 is not UTF-8; if the file has another encoding, set `encoding` (candidates: windows-1252, windows-1250; `rostream preview` shows with which the letters are right)\n");
    table.check("check", "\
         stages:\n\
         \x20 - trim:\n\
         \x20 - lookup: { file: depts.csv, key: { column: Name, in: code }, take: { Dept: dept } }\n", &[WORKERS, ("depts.csv", b"code,code\nA,x\n")], 2, "error: p.yaml:4:21: stage 2 (lookup): depts.csv: line 1: columns of the header have the same name: `code` (1 and 2); set `csv.duplicate_names` to number, or name all columns with `csv.columns`\n");
    table.check("check", "\
         stages:\n\
         \x20 - trim:\n\
         \x20 - lookup: { file: depts.csv, key: { column: Name, in: code }, take: { Dept: dept } }\n", &[WORKERS, ("depts.csv", b"code,Dept\nA,\"x\n")], 1, "error: p.yaml:4:21: stage 2 (lookup): depts.csv: the record that begins on line 2 opens a quote that is never closed\n");
}

/// Secrets of the hash stage.
#[test]
fn keys_of_hashes() {
    let table = Table::default();
    table.check(
        "check",
        "\
         stages:\n\
         \x20 - hash: { columns: [Name], key: { env: HASH_KEY } }\n",
        &[WORKERS],
        2,
        "p.yaml:3:42: the environment variable HASH_KEY is not set\n",
    );
    table.check(
        "check",
        "\
         stages:\n\
         \x20 - hash: { columns: [Name], key: { file: k } }\n",
        &[WORKERS],
        2,
        "p.yaml:3:43: the file k cannot be read: there is no such file\n",
    );
    table.check(
        "check",
        "\
         stages:\n\
         \x20 - hash: { columns: [Name], key: { file: k } }\n",
        &[WORKERS, ("k", b"")],
        2,
        "p.yaml:3:43: the file k is empty: expected the key\n",
    );
    table.check(
        "check",
        "\
         stages:\n\
         \x20 - hash: { columns: [Name], key: { file: k } }\n",
        &[WORKERS, ("k", b"short")],
        2,
        "p.yaml:3:43: the key is shorter than 16 bytes\n",
    );
}

/// Patterns, expressions, formats and numbers that can't be: all at once, each where it is written.
#[test]
fn settings_that_lint_refuses() {
    let table = Table::default();
    table.check("lint", "\
         stages:\n\
         \x20 - replace: { columns: [a], pattern: \"(\", with: b }\n\
         \x20 - replace: { columns: [a], pattern: \"(x)\", with: \"$2\" }\n\
         \x20 - split: { column: a, pattern: \"[\", into: [b] }\n\
         \x20 - split: { column: a, into: [b] }\n\
         \x20 - set: { a: b +, c: \"d\" }\n\
         \x20 - set:\n\
         \x20     a: size(b\n\
         \x20 - filter: a = \"x\"\n\
         \x20 - filter: nosuch(a)\n\
         \x20 - date: { columns: [a], from: DD/MM }\n\
         \x20 - date: { columns: [a], from: [DD/MM/YYYY, DD-QQ-YYYY] }\n\
         \x20 - date: { columns: [a], from: DD/MM/YYYY, to: MM.YY.ZZ }\n\
         \x20 - number: { columns: [a], thousands: \".\", decimal: \".\" }\n\
         \x20 - number: { columns: [a], decimal: \"5\" }\n\
         \x20 - number: { columns: [a], currency: \"5\" }\n\
         \x20 - number: { columns: [a, a] }\n\
         \x20 - boolean: { columns: [a], true: [x], false: [X] }\n\
         \x20 - hash: { columns: [a], key: { env: K }, length: 5 }\n\
         \x20 - hash: { columns: [a], key: { env: \"\" } }\n\
         \x20 - rename: { a: b, c: b }\n\
         \x20 - rename: { a: \"\" }\n\
         \x20 - drop: []\n\
         \x20 - select: [a, a]\n\
         \x20 - trim: [\"\"]\n\
         \x20 - map: { column: a, values: {} }\n\
         \x20 - map: { values: { a: b } }\n\
         \x20 - case: { columns: [], to: upper }\n\
         \x20 - concat: { columns: [a, b], by: x, into: \"\" }\n\
         \x20 - coalesce: { columns: [a, a], into: b }\n\
         \x20 - lookup: { file: \"\", key: { column: a }, take: { b: c } }\n\
         \x20 - lookup: { file: x, delimiter: \"\", key: { column: a }, take: { b: c } }\n\
         \x20 - lookup: { file: x, key: { column: a }, take: { b: c, d: c } }\n\
         validate:\n\
         \x20 columns:\n\
         \x20   a: { pattern: \"(\" }\n\
         \x20   b: { type: date, format: YYYY-QQ }\n\
         \x20   c: { min: x, type: number }\n\
         \x20   d: { type: number, min: 5, max: 4 }\n\
         \x20   e: { min: 5 }\n\
         \x20   f: { min_length: 5, max_length: 4 }\n\
         \x20   g: { one_of: [] }\n\
         \x20   h: { type: date, after: soon }\n\
         \x20   i: { format: YYYY }\n\
         \x20 rows:\n\
         \x20   - { assert: a ==, code: x }\n\
         \x20   - { assert: 'a == \"x\"', code: Not A Code }\n\
         \x20   - { assert: \"1 + 1\", code: x }\n", &[], 2, "\
         p.yaml:3:39: stage 1 (replace): `pattern` is not a valid regular expression: unclosed group\n\
         p.yaml:4:52: stage 2 (replace): `with` names a group `2` that the pattern does not have\n\
         p.yaml:5:34: stage 3 (split): `pattern` is not a valid regular expression: unclosed character class\n\
         p.yaml:6:5: stage 4 (split): `by` is missing: the text between the parts\n\
         p.yaml:7:15: stage 5 (set): `a`: line 1, column 4 of the expression: the expression ends too early\n\
         p.yaml:9:10: stage 6 (set): `a`: line 1, column 7 of the expression: the expression ends too early\n\
         p.yaml:10:13: stage 7 (filter): line 1, column 3 of the expression: token recognition error at: '= '; write == to compare\n\
         p.yaml:11:13: stage 8 (filter): no function `nosuch`\n\
         p.yaml:12:33: stage 9 (date): date format `DD/MM` has no year (YYYY)\n\
         p.yaml:13:46: stage 10 (date): date format `DD-QQ-YYYY` has `QQ`; put words into brackets, as in `[week]`\n\
         p.yaml:14:49: stage 11 (date): date format `MM.YY.ZZ` has `YY`, a year of two digits: a `date` stage reads `YY` where the first of the hundred years is stated, as in `century_from: 1927` for 1927 to 2026\n\
         p.yaml:15:40: stage 12 (number): `thousands` and `decimal` are both `.`\n\
         p.yaml:16:38: stage 13 (number): `decimal` can't be `5`\n\
         p.yaml:17:39: stage 14 (number): `currency` can't be `5`, expected a sign or code such as € or EUR\n\
         p.yaml:18:25: stage 15 (number): column `a` is named twice\n\
         p.yaml:19:37: stage 16 (boolean): `x` stands for both true and false\n\
         p.yaml:20:52: stage 17 (hash): `length` is 5, expected 16 to 64 hexadecimal digits\n\
         p.yaml:21:27: stage 18 (hash): `key` is empty\n\
         p.yaml:22:18: stage 19 (rename): `rename` gives two columns the name `b`\n\
         p.yaml:23:18: stage 20 (rename): the new name of `a` is empty\n\
         p.yaml:24:5: stage 21 (drop): `drop` names no column\n\
         p.yaml:25:14: stage 22 (select): `select` names `a` twice\n\
         p.yaml:26:5: stage 23 (trim): `trim` has an empty name\n\
         p.yaml:27:23: stage 24 (map): `values` is empty, and there is no `default`\n\
         p.yaml:28:5: stage 25 (map): `column` is missing\n\
         p.yaml:29:13: stage 26 (case): `columns` names no column\n\
         p.yaml:30:45: stage 27 (concat): `into` has an empty name\n\
         p.yaml:31:17: stage 28 (coalesce): `columns` names `a` twice\n\
         p.yaml:32:21: stage 29 (lookup): `file` is empty\n\
         p.yaml:33:35: stage 30 (lookup): `delimiter`: expected one ASCII character, or `tab`\n\
         p.yaml:34:44: stage 31 (lookup): `take` names `c` twice\n\
         p.yaml:37:19: `(` is not a valid regular expression: unclosed group\n\
         p.yaml:38:30: date format `YYYY-QQ` has `QQ`; put words into brackets, as in `[week]`\n\
         p.yaml:39:15: expected a number, found `x`\n\
         p.yaml:40:29: `min` is more than `max`\n\
         p.yaml:42:22: `min_length: 5` is more than `max_length: 4`\n\
         p.yaml:43:10: the list is empty\n\
         p.yaml:44:29: expected a day as YYYY-MM-DD, or `today`, found `soon`\n\
         p.yaml:45:18: date format `YYYY` has no month (MM)\n\
         p.yaml:47:17: line 1, column 5 of the expression: the expression ends too early\n\
         p.yaml:48:35: `Not A Code` is not a code, expected a word of a-z, 0-9 and _ such as leaves_before_hired\n\
         p.yaml:49:32: the code `x` is used twice\n");
    table.check("lint", "\
         stages:\n\
         \x20 - filter: |\n\
         \x20     a == \"x\" &&\n\
         \x20     b ==\n", &[], 2, "p.yaml:4:7: stage 1 (filter): line 2, column 1 of the expression: the expression ends too early\n");
}

/// What stands on a terminal: where nothing was read the error alone, otherwise the counts before it.
#[test]
fn what_people_see() {
    let check = |pipeline: &str, files: &[(&str, &[u8])], code: i32, expected: &str| {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), pipeline, files);
        let (found, stdout, stderr) = run(dir.path(), &["check", "p.yaml"]);
        let steady = |line: &str| {
            let changing = ["survey ", "took ", "report "];
            match changing.iter().find(|word| line.starts_with(**word)) {
                Some(word) => format!("{word}...\n"),
                None => format!("{line}\n"),
            }
        };
        let mut seen: String = crate::without_excerpts(&stderr)
            .lines()
            .map(steady)
            .collect();
        seen = seen.replace(dir.path().to_str().unwrap(), "[dir]");
        if let Some(at) = seen.find("run         2") {
            let id = at + 12..at + 33;
            seen.replace_range(id, "[id]");
        }
        assert_eq!(
            (found, stdout.as_str(), seen.as_str()),
            (code, "", expected)
        );
    };
    check(
        "stages: [drop: [Salary, Nam]]\n",
        &[WORKERS],
        2,
        "p.yaml:2:25: stage 1 (drop): no column `Nam` here, did you mean `Name`?\n",
    );
    check(
        "stages: [drop: [Name, Workers ID]]\n",
        &[("w.csv", b"Worker's ID,Name\n1,Ann\n")],
        2,
        "p.yaml:2:23: stage 1 (drop): no column `Workers ID` here, did you mean `Worker's ID`?\n",
    );
    check(
        "",
        &[("w.csv", b"a,b\n1,2\n3\n")],
        3,
        "survey ...\nrun         [id], succeeded, some rows were rejected\nread                    2  10 B from w.csv\nrejected                1\n            (row)  ragged  1\nheld back               1  valid, but not sent\ntook ...\nrejects     rejects.check.csv, the rows as they were, with their faults\n",
    );
}

/// The API's refusals of a token, each with what to do about it; and tokens that are never sent.
#[test]
fn tokens() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let check =
        |state: TokenState, token: &str, changes: &[(&str, &str)], code: i32, expected: &str| {
            let settings = SandboxSettings {
                token: Some("right-token".into()),
                token_state: state,
                ..SandboxSettings::default()
            };
            let sandbox = runtime.block_on(Sandbox::start(settings)).unwrap();
            let dir = tempfile::tempdir().unwrap();
            let host = sandbox.base_url().trim_start_matches("http://").to_owned();
            let mut pipeline = format!(
                "target:\n  orgvue:\n    base_url: http://{host}\n    tenant: SANDBOX\n    \
             dataset: 6586F21B-AD4D-4D06-A309-712AF47184A2\n    token: {{ env: ORGVUE_TOKEN }}\n"
            );
            for (old, new) in changes {
                pipeline = pipeline.replace(old, new);
            }
            write(dir.path(), &pipeline, &[WORKERS, ("empty", b"\n")]);
            let mut command = rostream(dir.path(), &["-q", "run", "p.yaml"]);
            if !token.is_empty() {
                command.env("ORGVUE_TOKEN", token);
            }
            let (found, stdout, stderr) = outcome(command.output().unwrap());
            let mut stderr = stderr.replace(&host, "[host]");
            // A trace id is another in every run.
            while let Some(at) = stderr.find("Root=") {
                let end = stderr[at..]
                    .find([')', ',', '\n'])
                    .map_or(stderr.len(), |n| at + n);
                stderr.replace_range(at..end, "[id]");
            }
            assert_eq!(
                (found, stdout.as_str(), stderr.as_str()),
                (code, "", expected)
            );
        };
    use TokenState::*;
    check(
        NotYetActive,
        "right-token",
        &[],
        2,
        "error: cannot list the tenant's data sets: the API refused with status 403; ApiTokenNotYetActive (40301): The API token is not active yet - the token's start date is still to come: wait for it, or make a token that is valid now (trace [id])\n",
    );
    check(
        Expired,
        "right-token",
        &[],
        2,
        "error: cannot list the tenant's data sets: the API refused with status 403; ApiTokenExpired (40302): The API token has expired - make a new token on the tenant's Tokens page (trace [id])\n",
    );
    check(
        SubnetViolation,
        "right-token",
        &[],
        1,
        "error: cannot list the tenant's data sets: the API refused with status 403; ApiTokenSubnetViolation (40303): The IP address 127.0.0.1 is not in the API token's subnets - run this from an address that the token's Subnets name, or make a token that names this one (trace [id])\n",
    );
    check(
        TenantNotEnabled,
        "right-token",
        &[],
        1,
        "error: cannot list the tenant's data sets: the API refused with status 403; TenantUsagePlanNotConfigured (40345): The tenant is not enabled for the API - ask Orgvue's support to enable the tenant for the API (trace [id])\n",
    );
    check(
        Valid,
        "wrong-token",
        &[],
        2,
        "error: cannot list the tenant's data sets: the API refused with status 401; ApiTokenInvalid (40102): The API token is not valid - copy the token again, whole and without quotes, from the tenant's Tokens page (trace [id])\n",
    );
    check(
        Valid,
        "right-token",
        &[("SANDBOX", "OTHER")],
        1,
        "error: cannot get an upload address: the API refused with status 404; SandboxTenantNotFound (404901): The sandbox has no such tenant (trace [id])\n",
    );
    check(
        Valid,
        "right-token",
        &[("6586F21B", "6586F21C")],
        2,
        "p.yaml:6:14: the tenant lists no data set with this UUID; did you mean 6586F21B-AD4D-4D06-A309-712AF47184A2 (Sandbox)? It lists Sandbox (6586F21B-AD4D-4D06-A309-712AF47184A2). If the list is not whole, write `preflight: off`\n",
    );
    check(
        Valid,
        "",
        &[],
        2,
        "p.yaml:7:19: the environment variable ORGVUE_TOKEN is not set\n",
    );
    check(
        Valid,
        " ",
        &[],
        2,
        "p.yaml:7:19: the environment variable ORGVUE_TOKEN is empty: expected the token\n",
    );
    check(
        Valid,
        "Bearer right-token",
        &[],
        2,
        "p.yaml:7:19: the environment variable ORGVUE_TOKEN must hold the token alone, without the word Bearer\n",
    );
    check(
        Valid,
        "right\ntoken",
        &[],
        2,
        "p.yaml:7:19: the environment variable ORGVUE_TOKEN holds white space or characters other than ASCII inside the token\n",
    );
    check(
        Valid,
        "",
        &[("env: ORGVUE_TOKEN", "file: empty")],
        2,
        "p.yaml:7:20: the file empty is empty: expected the token\n",
    );
    check(
        Valid,
        "",
        &[("env: ORGVUE_TOKEN", "file: nowhere")],
        2,
        "p.yaml:7:20: the file nowhere cannot be read: there is no such file\n",
    );
}

/// The command line itself.
#[test]
fn usage() {
    let check = |args: &[&str], expected: &str| {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "", &[WORKERS]);
        let (code, stdout, stderr) = run(dir.path(), args);
        let stderr = crate::without_excerpts(&stderr);
        assert_eq!(
            (code, stdout.as_str(), stderr.as_str()),
            (2, "", expected),
            "{args:?}"
        );
    };
    check(
        &["run"],
        "error: the following required arguments were not provided:\n  <PIPELINE>\n\nUsage: rostream run <PIPELINE> [PIPELINE]...\n\nFor more information, try '--help'.\n",
    );
    check(
        &["run", "nowhere.yaml"],
        "nowhere.yaml: cannot be read: there is no such file\n",
    );
    check(&["run", "."], ".: cannot be read: it is a directory\n");
    check(
        &["rum", "p.yaml"],
        "error: unrecognized subcommand 'rum'\n\n  tip: some similar subcommands exist: 'runs', 'run', 'resume'\n\nUsage: rostream [OPTIONS] <COMMAND>\n\nFor more information, try '--help'.\n",
    );
    check(
        &["run", "p.yaml", "--token", "x"],
        "error: unexpected argument '--token' found\n\n  tip: to pass '--token' as a value, use '-- --token'\n\nUsage: rostream run <PIPELINE> [PIPELINE]...\n\nFor more information, try '--help'.\n",
    );
    check(
        &["run", "p.yaml", "--workers", "0"],
        "error: invalid value '0' for '--workers <N>': 0 is not in 1..=256\n\nFor more information, try '--help'.\n",
    );
    check(
        &["check", "p.yaml", "--set", "upload.rat=5MB/s"],
        "--set upload.rat: unknown key `rat`\n  help: did you mean `rate`? Expected one of: format, length, encoding, chunk, rate, attempts, verify, expiry\n",
    );
    check(
        &["check", "p.yaml", "--set", "upload.rate"],
        "error: invalid value 'upload.rate' for '--set <KEY=VALUE>': expected key=value, such as upload.rate=5MB/s\n\nFor more information, try '--help'.\n",
    );
    check(
        &[
            "check",
            "p.yaml",
            "--set",
            "source.path=",
            "--set",
            "rejects.at_most=lots",
        ],
        "p.yaml:2:1: the key `path` is missing\n  help: name a file, or write `sample: { rows: 100000 }` for a made-up extract\n--set rejects.at_most: expected a number of rows (500) or a percentage from 0% to 100% (1%), found `lots`\n",
    );
}

/// What is no text at all is not taken for text in another encoding, or with other line ends.
#[test]
fn binary_data_is_told_from_text() {
    let table = Table::default();
    let noise: Vec<u8> = (0..600u32)
        .map(|i| (i * i * 7 + i * 31 + 5) as u8)
        .collect();
    table.check(
        "check",
        "",
        &[("w.csv", &noise)],
        1,
        "error: w.csv:1: this is binary data, not CSV or JSON; export it as CSV\n",
    );
    let control = b"Employee ID,Name\n1,A\0\0\0nn\n2,Bob\n";
    table.check("check", "", &[("w.csv", control)], 3, "");
}

/// Data that can't be put out is said to be so, and is never half a success.
#[cfg(target_os = "linux")]
#[test]
fn stdout_that_takes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "", &[WORKERS]);
    for args in [
        &["schema"][..],
        &["docs"],
        &["completions", "bash"],
        &["check", "p.yaml", "--json", "-q"],
        &["preview", "p.yaml"],
        &["describe", "w.csv"],
        &["sample", "--rows", "10"],
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
        let mut command = rostream(dir.path(), args);
        let (code, _, stderr) = outcome(command.stdout(full.unwrap()).output().unwrap());
        let expected =
            "error: can't write standard output: No space left on device (os error 28)\n";
        assert_eq!(code, 1, "{args:?} {stderr}");
        assert!(stderr.ends_with(expected), "{args:?} {stderr}");
    }
}

/// A run to the sandbox leaves nothing behind that could be taken up, and whoever tries is told.
#[test]
fn runs_to_the_sandbox_are_not_taken_up() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "name: export\n", &[WORKERS]);
    let (code, _, stderr) = run(dir.path(), &["-q", "run", "p.yaml"]);
    assert_eq!(code, 0, "{stderr}");
    let none = "runs to the sandbox inside this program leave nothing to take up";
    let check = |args: &[&str], code: i32, expected: String| {
        let (found, stdout, stderr) = run(dir.path(), args);
        assert_eq!((found, stdout.as_str(), stderr), (code, "", expected));
    };
    let again = format!("error: {none}: run export again: rostream run p.yaml\n");
    check(&["resume", "p.yaml"], 1, again);
    let id = "20260101T000000Z-0000";
    for command in ["results", "retry"] {
        let told = format!(
            "error: there is no run {id} in state; name its state folder with --state ({none})\n"
        );
        check(&[command, id, "--pipeline", "p.yaml"], 2, told);
    }
}
