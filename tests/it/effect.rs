//! Settings that have no effect on the format of a file, and files that are not what is stated.

use crate::support::Rig;

/// What `check` says of a file that is read so: its exit code and standard error.
#[track_caller]
fn check(source: &str, file: &[u8], code: i32, expected: &str) {
    let rig = Rig::new();
    rig.write("w.dat", file);
    rig.pipeline(&format!("source: {{ path: w.dat, {source} }}"), "");
    let (found, stderr) = rig.ask(&["check", "pipeline.yaml"]);
    assert!(stderr.contains(expected), "{source}: {stderr}");
    assert_eq!(found, code, "{source}: {stderr}");
}

const CSV: &[u8] = b"ID,Name\n1,Ann\n2,Bob\n";
const XML: &[u8] = b"<d><e><ID>1</ID><Name>Ann</Name></e><e><ID>2</ID><Name>Bob</Name></e></d>";
const HDL: &[u8] = b"METADATA|Worker|ID|Name\nMERGE|Worker|1|Ann\nMERGE|Worker|2|Bob\n";
const FIXED: &str =
    "format: fixed, fixed: { columns: [{ name: ID, width: 2 }, { name: Name, width: 4 }] }";

#[test]
fn settings_of_another_format_are_told_where_they_stand() {
    for (source, expected) in [
        (
            "format: csv, sheet: 2",
            "warning: this setting has no effect on this format: it is for xlsx",
        ),
        (
            "format: csv, json: { path: $.a }",
            "these settings have no effect on this format: they are for json, ndjson, xml",
        ),
        (
            "format: ndjson, record: a",
            "this setting has no effect on this format: it is for xml",
        ),
        (
            "format: parquet, encoding: latin1",
            "this setting has no effect on this format: it is for csv, tsv, json",
        ),
    ] {
        let rig = Rig::new();
        rig.pipeline(&format!("source: {{ path: w.dat, {source} }}"), "");
        let (code, stderr) = rig.ask(&["lint", "pipeline.yaml"]);
        assert!(stderr.contains(expected), "{source}: {stderr}");
        assert_eq!(code, 0, "{stderr}");
    }
}

#[test]
fn settings_of_another_format_than_the_one_found_are_told() {
    let none = |key: &str, found: &str, of: &str| {
        format!("source.{key} has no effect: w.dat is {found}, and the setting is for {of}")
    };
    check("sheet: 2", CSV, 0, &none("sheet", "csv", "xlsx"));
    check("record: e", CSV, 0, &none("record", "csv", "xml"));
    check("hdl: { component: A }", XML, 0, &none("hdl", "xml", "hdl"));
    let of = "json, ndjson, xml, parquet and arrow";
    let expected = none("json.arrays", "hdl", of);
    check("json: { arrays: first }", HDL, 0, &expected);
    let rig = Rig::new();
    rig.write("w.dat", XML);
    rig.pipeline("source: { path: w.dat, record: e, encoding: utf-8 }", "");
    let (_, stderr) = rig.ask(&["check", "pipeline.yaml"]);
    assert!(!stderr.contains("no effect"), "{stderr}");
}

#[test]
fn a_column_that_no_record_can_have_is_refused_at_once() {
    let columns = "json: { columns: [ID, Nmae], unknown: ignore }";
    let absent = "source.json.columns: no column `Nmae` here, did you mean `Name`?";
    check(columns, HDL, 2, absent);
    let fixed = b"1 Ann \n2 Bob \n";
    check(&format!("{FIXED}, {columns}"), fixed, 2, absent);
    // Members of these may come late.
    check(columns, XML, 0, "");
    check(columns, b"{\"ID\":1,\"Name\":\"Ann\"}\n", 0, "");
    let all = "json: { columns: [Name, ID], unknown: ignore }";
    check(all, HDL, 0, "");
    check(&format!("{FIXED}, {all}"), fixed, 0, "");
}

#[test]
fn bytes_that_are_not_what_is_stated() {
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03";
    let zstd =
        "w.dat: source.compression is zstd, and the file begins as gzip data does; set it to gzip";
    check("compression: zstd", gzip, 2, zstd);
    let zip = "source.compression is zip, and the file begins as text that is not compressed";
    check("compression: zip", CSV, 2, zip);
    check(
        "compression: none",
        gzip,
        2,
        "set it to gzip, or leave it out",
    );
    let encrypted = "w.dat: the file is encrypted with PGP; set source.decrypt";
    check("", b"-----BEGIN PGP MESSAGE-----\n\nhQEMA\n", 2, encrypted);
    check("", b"\x85\x01\x0c\x03\xaa\xbb\xcc", 2, encrypted);
    check("format: xml", b"\xc1\xc0\x4c\x03\xaa\xbb", 2, encrypted);
}

#[test]
fn workbooks_and_columns_with_the_settings_of_csv() {
    let workbook =
        b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0\0\0\0\0\0\0\0\0\0\0\0\0\x13\0\0\0[Content_Types].xml";
    let told = "w.dat:1: this is an Excel workbook; set source.format to xlsx, or leave it out with the settings of CSV";
    check("csv: { skip_lines: 1 }", workbook, 2, told);
    check("format: csv", workbook, 2, told);
    check("format: csv, encoding: latin1", workbook, 2, told);
    let parquet = "this is a Parquet file; set source.format to parquet";
    check("format: csv", b"PAR1\x15\x04", 2, parquet);
}

#[test]
fn a_sign_in_page_in_the_place_of_an_extract() {
    let page = "w.dat:1: this is a web page, not an extract; what was asked for may have answered with its sign-in page";
    let text = b"<!DOCTYPE html>\n<html><body>Sign in</body></html>\n";
    for source in ["", "format: csv", "format: hdl", "format: xml", FIXED] {
        check(source, text, 1, page);
    }
    let marked = b"\xef\xbb\xbf\n <HTML lang=\"en\"><p/></HTML>";
    check("format: hdl", marked, 1, page);
    for source in ["format: xlsx", "format: parquet", "format: arrow"] {
        check(
            source,
            b"<html><body>Sign in</body></html>",
            1,
            "this is a web page",
        );
    }
}

#[test]
fn the_element_that_was_found_is_told() {
    check("", XML, 0, "from w.dat, whose records are `/d/e`");
    let rig = Rig::new();
    rig.write("w.dat", XML);
    let (code, stdout, stderr) = crate::run(rig.folder(), &["infer", "w.dat"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("\n  format: xml\n"), "{stdout}");
    assert!(stdout.contains("\n  record: \"/d/e\"\n"), "{stdout}");
}

#[test]
fn a_stated_encoding_wins_over_the_declared_one() {
    let file =
        b"<?xml version='1.0' encoding='UTF-8'?><d><e><n>J\xfcrg</n></e><e><n>Ann</n></e></d>";
    let told = "w.dat: the XML declaration says that the encoding is UTF-8, and it is read as windows-1252";
    check("encoding: latin1", file, 0, told);
    let rig = Rig::new();
    rig.write("w.dat", file);
    rig.pipeline("source: { path: w.dat, encoding: latin1 }", "");
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let items = rig.items();
    assert!(
        items.iter().any(|item| item.contains("J\u{fc}rg")),
        "{items:?}"
    );
}
