//! The parts of a workbook that are not its rows.

use std::io::{self, Write};

use super::archive::Archive;
use super::xml::push_cell;
use crate::format::sheet::{self, About};

/// The sheets.
pub(super) const REJECTS: &str = "xl/worksheets/sheet1.xml";
pub(super) const ABOUT: &str = "xl/worksheets/sheet2.xml";

/// The formats of cells, in the order of [`STYLES`].
pub(super) const PLAIN: u8 = 0;
pub(super) const TEXT: u8 = 1;
pub(super) const AT_FAULT: u8 = 2;
pub(super) const HEADER: u8 = 3;
pub(super) const MESSAGE: u8 = 4;

/// Number format 49 is text: what is typed into such a cell is kept as it is typed.
const STYLES: &str = "<styleSheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\">\
     <fonts count=\"2\"><font><sz val=\"11\"/><name val=\"Calibri\"/><family val=\"2\"/></font>\
     <font><b/><sz val=\"11\"/><name val=\"Calibri\"/><family val=\"2\"/></font></fonts>\
     <fills count=\"4\"><fill><patternFill patternType=\"none\"/></fill><fill><patternFill patternType=\"gray125\"/></fill>\
     <fill><patternFill patternType=\"solid\"><fgColor rgb=\"FFFFC7CE\"/><bgColor indexed=\"64\"/></patternFill></fill>\
     <fill><patternFill patternType=\"solid\"><fgColor rgb=\"FFE7E6E6\"/><bgColor indexed=\"64\"/></patternFill></fill></fills>\
     <borders count=\"1\"><border><left/><right/><top/><bottom/><diagonal/></border></borders>\
     <cellStyleXfs count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\"/></cellStyleXfs>\
     <cellXfs count=\"5\">\
     <xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyAlignment=\"1\"><alignment horizontal=\"left\" vertical=\"top\"/></xf>\
     <xf numFmtId=\"49\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\" applyAlignment=\"1\">\
     <alignment vertical=\"top\"/></xf>\
     <xf numFmtId=\"49\" fontId=\"0\" fillId=\"2\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\" applyFill=\"1\" \
     applyAlignment=\"1\"><alignment vertical=\"top\"/></xf>\
     <xf numFmtId=\"49\" fontId=\"1\" fillId=\"3\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\" applyFont=\"1\" \
     applyFill=\"1\" applyAlignment=\"1\"><alignment vertical=\"top\"/></xf>\
     <xf numFmtId=\"49\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\" applyAlignment=\"1\">\
     <alignment vertical=\"top\" wrapText=\"1\"/></xf>\
     </cellXfs><cellStyles count=\"1\"><cellStyle name=\"Normal\" xfId=\"0\" builtinId=\"0\"/></cellStyles></styleSheet>";

const TYPES: &str = "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
     <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
     <Default Extension=\"xml\" ContentType=\"application/xml\"/>\
     <Override PartName=\"/xl/workbook.xml\" \
     ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/>\
     <Override PartName=\"/xl/worksheets/sheet1.xml\" \
     ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml\"/>\
     <Override PartName=\"/xl/worksheets/sheet2.xml\" \
     ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml\"/>\
     <Override PartName=\"/xl/styles.xml\" \
     ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml\"/></Types>";

const RELATIONS: &str = "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
     <Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" \
     Target=\"xl/workbook.xml\"/></Relationships>";

const OF_WORKBOOK: &str = "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
     <Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" \
     Target=\"worksheets/sheet1.xml\"/>\
     <Relationship Id=\"rId2\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" \
     Target=\"worksheets/sheet2.xml\"/>\
     <Relationship Id=\"rId3\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles\" \
     Target=\"styles.xml\"/></Relationships>";

/// What every part begins with.
pub(super) const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";

/// Writes the parts that are always the same. The first of them is what workbooks are known by.
///
/// # Errors
/// They can't be written.
pub(super) fn begin(archive: &mut Archive) -> io::Result<()> {
    for (name, xml) in [
        ("[Content_Types].xml", TYPES),
        ("_rels/.rels", RELATIONS),
        ("xl/_rels/workbook.xml.rels", OF_WORKBOOK),
        ("xl/styles.xml", STYLES),
    ] {
        archive.part(name, |out| write!(out, "{HEAD}{xml}"))?;
    }
    Ok(())
}

/// Writes the sheet that nobody sees.
///
/// # Errors
/// It can't be written.
pub(super) fn about(about: &About, out: &mut dyn Write) -> io::Result<()> {
    let mut xml = Vec::new();
    for (at, (word, value)) in about.rows().enumerate() {
        xml.extend_from_slice(format!("<row r=\"{}\">", at + 1).as_bytes());
        for (letter, text) in [('A', word), ('B', &*value)] {
            let place = format!("<c r=\"{letter}{}\" s=\"{TEXT}\"", at + 1);
            xml.extend_from_slice(place.as_bytes());
            push_cell(text, &mut xml);
        }
        xml.extend_from_slice(b"</row>");
    }
    write!(
        out,
        "{HEAD}<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>"
    )?;
    out.write_all(&xml)?;
    out.write_all(b"</sheetData></worksheet>")
}

/// Writes the part that names the sheets. The filter of the first is about `range`.
///
/// # Errors
/// It can't be written.
pub(super) fn end(archive: &mut Archive, range: &str) -> io::Result<()> {
    let (rejects, hidden) = (sheet::REJECTS, sheet::ABOUT);
    archive.part("xl/workbook.xml", |out| {
        write!(
            out,
            "{HEAD}<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" \
             xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\">\
             <bookViews><workbookView activeTab=\"0\"/></bookViews>\
             <sheets><sheet name=\"{rejects}\" sheetId=\"1\" r:id=\"rId1\"/>\
             <sheet name=\"{hidden}\" sheetId=\"2\" state=\"veryHidden\" r:id=\"rId2\"/></sheets>\
             <definedNames><definedName name=\"_xlnm._FilterDatabase\" localSheetId=\"0\" hidden=\"1\">{rejects}!{range}\
             </definedName></definedNames></workbook>"
        )
    })
}
