//! Workbooks: archives of XML.

use std::io::Write;

use super::chosen;
use super::reading::workbook;

/// What stands between the parts of an input: the separator of groups.
const NEXT_PART: u8 = 0x1d;

/// The parts that an input gives, in its order.
const PARTS: [&str; 5] = [
    "xl/worksheets/sheet1.xml",
    "xl/sharedStrings.xml",
    "xl/styles.xml",
    "xl/workbook.xml",
    "xl/_rels/workbook.xml.rels",
];

const WORKBOOK: &[u8] = b"<workbook><workbookPr date1904=\"1\"/><sheets><sheet name=\"S\" r:id=\"a\"/></sheets></workbook>";

const RELATIONS: &[u8] = b"<Relationships><Relationship Id=\"a\" Type=\"t/worksheet\" Target=\"worksheets/sheet1.xml\"/>\
    <Relationship Id=\"b\" Type=\"t/sharedStrings\" Target=\"sharedStrings.xml\"/>\
    <Relationship Id=\"c\" Type=\"t/styles\" Target=\"styles.xml\"/></Relationships>";

/// A workbook, whole or by its parts: the same rows whatever the size of the blocks, or an error.
pub fn xlsx(data: &[u8]) {
    let (choice, text) = chosen(data);
    match choice & 1 {
        0 => workbook(choice >> 1, text),
        _ => workbook(choice >> 1, &archive(text)),
    }
}

/// An archive of parts; those that are not there are as they usually are.
fn archive(text: &[u8]) -> Vec<u8> {
    let given: Vec<&[u8]> = text.split(|b| *b == NEXT_PART).collect();
    let usual = [&b""[..], b"<sst/>", b"<styleSheet/>", WORKBOOK, RELATIONS];
    let mut out = Vec::new();
    let mut archive = rawzip::ZipArchiveWriter::new(&mut out);
    // So it is known for a workbook.
    let first = [("_rels/.rels", &b"<Relationships/>"[..])];
    let parts = PARTS.iter().zip(usual).enumerate();
    let parts = parts.map(|(at, (name, usual))| (*name, given.get(at).copied().unwrap_or(usual)));
    for (name, bytes) in first.into_iter().chain(parts) {
        let file = archive.new_file(name).start();
        let (mut entry, config) = file.expect("a file of an archive in memory");
        let mut writer = config.wrap(&mut entry);
        writer.write_all(bytes).expect("room in memory");
        let (_, descriptor) = writer.finish().expect("room in memory");
        entry.finish(descriptor).expect("room in memory");
    }
    archive.finish().expect("room in memory");
    out
}
