//! Workbooks, written cell by cell: also such as no program writes.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;

/// A workbook in the making.
#[derive(Default)]
pub struct Book {
    sheets: Vec<Sheet>,
    strings: Vec<String>,
    formats: Vec<String>,
    /// A table of the first sheet: its cells, and how many rows of them are totals.
    pub table: Option<(&'static str, u32)>,
    /// Attributes of `workbookPr`, and elements of the workbook behind the sheets.
    pub properties: &'static str,
    pub behind: &'static str,
}

struct Sheet {
    name: String,
    state: &'static str,
    xml: String,
}

impl Book {
    /// A workbook of one sheet.
    pub fn of(rows: &[&str]) -> Book {
        Book::default().sheet("Workers", rows)
    }

    /// A workbook of one sheet, whose cells may have any text: behind `text:`.
    pub fn of_cells<const N: usize>(rows: &[[String; N]]) -> Book {
        let mut book = Book::default();
        let mut xml = String::new();
        for (at, row) in rows.iter().enumerate() {
            book.row(at + 1, "", row.iter().map(String::as_str), &mut xml);
        }
        book.put("Workers", "visible", "", &xml, "");
        book
    }

    /// Another sheet. Cells stand between `|`; what is not text begins with what it is: `n:12003@00000000` is a number
    /// and its format, `b:1`, `d:2026-11-27`, `e:#N/A`, `f:` a formula without a value and `f:7` one with, `fs:x` one that
    /// is text; `-` is a cell that is not there. A row `@ attributes` has them, and `7 cells` is the seventh.
    pub fn sheet(self, name: &str, rows: &[&str]) -> Book {
        self.sheet_with(name, "visible", "", rows, "")
    }

    /// Another sheet, which can be hidden, and says something before and behind its rows.
    pub fn sheet_with(
        mut self,
        name: &str,
        state: &'static str,
        before: &str,
        rows: &[&str],
        behind: &str,
    ) -> Book {
        let mut xml = String::new();
        let mut number = 0;
        for row in rows {
            number += 1;
            let mut cells = *row;
            let mut attributes = "";
            if let Some((first, rest)) = row.split_once(' ')
                && let Ok(stated) = first.parse()
            {
                (number, cells) = (stated, rest);
            }
            if let Some(rest) = cells.strip_prefix("@ ") {
                (attributes, cells) = rest.split_once(" @ ").unwrap();
            }
            self.row(number, attributes, cells.split('|'), &mut xml);
        }
        self.put(name, state, before, &xml, behind);
        self
    }

    fn row<'c>(
        &mut self,
        number: usize,
        attributes: &str,
        cells: impl Iterator<Item = &'c str>,
        xml: &mut String,
    ) {
        write!(xml, "<row r=\"{number}\" {attributes}>").unwrap();
        for (column, cell) in cells.enumerate() {
            if cell != "-" {
                self.cell(&format!("{}{number}", letter(column)), cell, xml);
            }
        }
        xml.push_str("</row>");
    }

    fn put(&mut self, name: &str, state: &'static str, before: &str, rows: &str, behind: &str) {
        self.sheets.push(Sheet {
            name: name.to_owned(),
            state,
            xml: format!(
                "{HEAD}<worksheet {MAIN}>{before}<sheetData>{rows}</sheetData>{behind}</worksheet>"
            ),
        });
    }

    fn cell(&mut self, place: &str, cell: &str, xml: &mut String) {
        let (kind, value) = cell.split_once(':').unwrap_or(("", cell));
        let cell = cell.strip_prefix("text:").unwrap_or(cell);
        let (attributes, inner) = match kind {
            "n" => {
                let (number, format) = value.split_once('@').unwrap_or((value, "General"));
                (
                    format!("s=\"{}\"", self.style(format)),
                    format!("<v>{number}</v>"),
                )
            }
            "b" | "d" | "e" => (format!("t=\"{kind}\""), format!("<v>{value}</v>")),
            "f" => (String::new(), format!("<f>A1</f><v>{value}</v>")),
            "fs" => (
                "t=\"str\"".to_owned(),
                format!("<f>A1</f><v>{}</v>", escaped(value)),
            ),
            // Texts are shared by every second column.
            _ if place.starts_with(['A', 'C', 'E', 'G']) => {
                self.strings.push(cell.to_owned());
                (
                    "t=\"s\"".to_owned(),
                    format!("<v>{}</v>", self.strings.len() - 1),
                )
            }
            _ => (
                "t=\"inlineStr\"".to_owned(),
                format!("<is><t xml:space=\"preserve\">{}</t></is>", escaped(cell)),
            ),
        };
        write!(xml, "<c r=\"{place}\" {attributes}>{inner}</c>").unwrap();
    }

    fn style(&mut self, format: &str) -> usize {
        if self.formats.is_empty() {
            // That of cells whose style is not stated.
            self.formats.push("General".to_owned());
        }
        let known = self.formats.iter().position(|known| known == format);
        known.unwrap_or_else(|| {
            self.formats.push(format.to_owned());
            self.formats.len() - 1
        })
    }

    /// The file.
    pub fn bytes(&self) -> Vec<u8> {
        let mut parts = self.parts();
        let mut names: Vec<String> = parts.keys().cloned().collect();
        names.sort();
        let parts: Vec<_> = names
            .into_iter()
            .map(|name| {
                let text = parts.remove(&name).unwrap();
                (name, text)
            })
            .collect();
        let parts: Vec<_> = parts
            .iter()
            .map(|(name, text)| (&**name, text.as_bytes()))
            .collect();
        archive(&parts)
    }

    fn parts(&self) -> HashMap<String, String> {
        let mut sheets = String::new();
        let mut relations = String::new();
        let mut parts = HashMap::new();
        for (at, sheet) in self.sheets.iter().enumerate() {
            let number = at + 1;
            let (name, state) = (escaped(&sheet.name), sheet.state);
            write!(
                sheets,
                "<sheet name=\"{name}\" sheetId=\"{number}\" state=\"{state}\" r:id=\"s{number}\"/>"
            )
            .unwrap();
            write!(
                relations,
                "<Relationship Id=\"s{number}\" Type=\"{TYPES}/worksheet\" Target=\"worksheets/sheet{number}.xml\"/>"
            )
            .unwrap();
            parts.insert(
                format!("xl/worksheets/sheet{number}.xml"),
                sheet.xml.clone(),
            );
        }
        for (name, kind) in [("sharedStrings", "sharedStrings"), ("styles", "styles")] {
            write!(
                relations,
                "<Relationship Id=\"{kind}\" Type=\"{TYPES}/{kind}\" Target=\"/xl/{name}.xml\"/>"
            )
            .unwrap();
        }
        if let Some((cells, totals)) = self.table {
            parts.insert(
                "xl/worksheets/_rels/sheet1.xml.rels".to_owned(),
                format!(
                    "{HEAD}<Relationships><Relationship Id=\"t\" Type=\"{TYPES}/table\" Target=\"../tables/table1.xml\"/>\
                     </Relationships>"
                ),
            );
            parts.insert(
                "xl/tables/table1.xml".to_owned(),
                format!("{HEAD}<table {MAIN} id=\"1\" name=\"T\" ref=\"{cells}\" totalsRowCount=\"{totals}\"/>"),
            );
        }
        let strings: String = self
            .strings
            .iter()
            .map(|s| format!("<si><t>{}</t></si>", escaped(s)))
            .collect();
        let formats = self.formats.iter().enumerate();
        let codes: String = formats
            .clone()
            .map(|(at, code)| {
                format!(
                    "<numFmt numFmtId=\"{}\" formatCode=\"{}\"/>",
                    164 + at,
                    escaped(code)
                )
            })
            .collect();
        let styles: String = formats
            .map(|(at, _)| format!("<xf numFmtId=\"{}\"/>", 164 + at))
            .collect();
        let (properties, behind) = (self.properties, self.behind);
        for (name, text) in [
            ("[Content_Types].xml", format!("{HEAD}<Types/>")),
            (
                "_rels/.rels",
                format!(
                    "{HEAD}<Relationships><Relationship Id=\"r\" Type=\"{TYPES}/officeDocument\" \
                     Target=\"xl/workbook.xml\"/></Relationships>"
                ),
            ),
            (
                "xl/workbook.xml",
                format!(
                    "{HEAD}<workbook {MAIN}><workbookPr {properties}/><sheets>{sheets}</sheets>{behind}</workbook>"
                ),
            ),
            (
                "xl/_rels/workbook.xml.rels",
                format!("{HEAD}<Relationships>{relations}</Relationships>"),
            ),
            (
                "xl/sharedStrings.xml",
                format!("{HEAD}<sst {MAIN}>{strings}</sst>"),
            ),
            (
                "xl/styles.xml",
                format!(
                    "{HEAD}<styleSheet {MAIN}><numFmts>{codes}</numFmts><cellStyleXfs><xf numFmtId=\"14\"/></cellStyleXfs>\
                     <cellXfs>{styles}</cellXfs></styleSheet>"
                ),
            ),
        ] {
            parts.insert(name.to_owned(), text);
        }
        parts
    }
}

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const TYPES: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const MAIN: &str = "xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" \
                    xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"";

fn letter(column: usize) -> char {
    char::from(b'A' + u8::try_from(column).unwrap())
}

fn escaped(text: &str) -> String {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;");
    // A carriage return would be the end of a line.
    text.replace('\r', "_x000D_")
}

/// An archive of these files.
pub fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut archive = rawzip::ZipArchiveWriter::new(&mut out);
    for (name, bytes) in files {
        let file = archive.new_file(*name);
        let (mut entry, config) = file
            .compression_method(rawzip::CompressionMethod::DEFLATE)
            .start()
            .unwrap();
        let encoder = flate2::write::DeflateEncoder::new(&mut entry, flate2::Compression::fast());
        let mut writer = config.wrap(encoder);
        writer.write_all(bytes).unwrap();
        let (encoder, descriptor) = writer.finish().unwrap();
        encoder.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    out
}
