//! A workbook as a spreadsheet program opens it and saves it, by other code than the program's.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write as _};
use std::path::Path;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::sheets::book::archive;

/// A cell: its text, and the number of its format.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    pub text: String,
    pub style: usize,
}

/// What is in a workbook.
pub struct Saved {
    /// By their names.
    pub parts: BTreeMap<String, String>,
    /// The cells of the first sheet, row by row, each in its place.
    pub rows: Vec<Vec<Cell>>,
}

pub const REJECTS: &str = "xl/worksheets/sheet1.xml";
pub const ABOUT: &str = "xl/worksheets/sheet2.xml";

impl Saved {
    #[track_caller]
    pub fn open(path: &Path) -> Saved {
        let mut room = vec![0; rawzip::RECOMMENDED_BUFFER_SIZE];
        let file = File::open(path).unwrap();
        let archive = rawzip::ZipArchive::from_file(file, &mut room).unwrap();
        let mut found = Vec::new();
        let mut entries = archive.entries(&mut room);
        while let Some(entry) = entries.next_entry().unwrap() {
            let name = entry.file_path().try_normalize().unwrap();
            found.push((name.as_ref().to_owned(), entry.wayfinder()));
        }
        let mut parts = BTreeMap::new();
        for (name, at) in found {
            let entry = archive.get_entry(at).unwrap();
            let unpacked = flate2::read::DeflateDecoder::new(entry.reader());
            let mut text = String::new();
            // Also the hash is compared.
            let mut whole = entry.verifying_reader(unpacked);
            whole.read_to_string(&mut text).unwrap();
            parts.insert(name, text);
        }
        let rows = rows(&parts[REJECTS]);
        Saved { parts, rows }
    }

    /// The texts of a row's cells.
    pub fn texts(&self, row: usize) -> Vec<&str> {
        self.rows[row].iter().map(|cell| &*cell.text).collect()
    }

    /// The place of a column.
    #[track_caller]
    pub fn at(&self, name: &str) -> usize {
        let found = self.rows[0].iter().position(|cell| cell.text == name);
        found.unwrap_or_else(|| panic!("no {name} in {:?}", self.texts(0)))
    }

    /// The text of a cell.
    #[track_caller]
    pub fn get(&self, row: usize, name: &str) -> &str {
        &self.rows[row][self.at(name)].text
    }

    #[track_caller]
    pub fn set(&mut self, row: usize, name: &str, text: &str) {
        let at = self.at(name);
        self.rows[row][at].text = text.to_owned();
    }

    /// The file as Excel saves it: texts are shared, and empty cells have no value.
    pub fn bytes(&self) -> Vec<u8> {
        let mut strings = String::new();
        let mut count = 0;
        let mut data = String::new();
        for (number, row) in (1..).zip(&self.rows) {
            data += &format!("<row r=\"{number}\">");
            for (at, cell) in row.iter().enumerate() {
                let place = format!("{}{number}", letters(at));
                let style = cell.style;
                if cell.text.is_empty() {
                    data += &format!("<c r=\"{place}\" s=\"{style}\"/>");
                    continue;
                }
                data += &format!("<c r=\"{place}\" s=\"{style}\" t=\"s\"><v>{count}</v></c>");
                strings += &format!(
                    "<si><t xml:space=\"preserve\">{}</t></si>",
                    escaped(&cell.text)
                );
                count += 1;
            }
            data += "</row>";
        }
        let mut parts = self.parts.clone();
        let sheet = &parts[REJECTS];
        let (before, rest) = sheet.split_once("<sheetData>").unwrap();
        let behind = rest.split_once("</sheetData>").unwrap().1;
        let sheet = format!("{before}<sheetData>{data}</sheetData>{behind}");
        parts.insert(REJECTS.into(), sheet);
        let main = "xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"";
        parts.insert(
            "xl/sharedStrings.xml".into(),
            format!("<sst {main}>{strings}</sst>"),
        );
        let relations = parts.get_mut("xl/_rels/workbook.xml.rels").unwrap();
        let shared = "<Relationship Id=\"rId9\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings\" \
                      Target=\"sharedStrings.xml\"/></Relationships>";
        *relations = relations.replace("</Relationships>", shared);
        let parts: Vec<_> = parts
            .iter()
            .map(|(name, text)| (&**name, text.as_bytes()))
            .collect();
        archive(&parts)
    }

    /// Saves it so.
    pub fn save(&self, path: &Path) {
        File::create(path)
            .unwrap()
            .write_all(&self.bytes())
            .unwrap();
    }
}

/// The cells of a sheet.
pub fn rows(sheet: &str) -> Vec<Vec<Cell>> {
    let mut reader = Reader::from_str(sheet);
    reader.config_mut().expand_empty_elements = true;
    let (mut rows, mut cell, mut within) = (Vec::new(), Cell::default(), false);
    loop {
        match reader.read_event().unwrap() {
            Event::Start(element) => match element.name().into_inner() {
                "row" => {
                    rows.push(Vec::new());
                    assert_eq!(attribute(&element, "r"), rows.len().to_string());
                }
                "c" => {
                    let row = rows.last().map_or(0, Vec::len);
                    let place = format!("{}{}", letters(row), rows.len());
                    assert_eq!(attribute(&element, "r"), place);
                    cell = Cell {
                        text: String::new(),
                        style: attribute(&element, "s").parse().unwrap(),
                    };
                }
                "t" | "v" => within = true,
                _ => {}
            },
            Event::End(element) => match element.name().into_inner() {
                "t" | "v" => within = false,
                "c" => rows.last_mut().unwrap().push(Cell {
                    text: unescaped(&cell.text),
                    ..cell.clone()
                }),
                _ => {}
            },
            Event::Text(text) if within => cell.text += &text.xml10_content(),
            Event::GeneralRef(name) if within => {
                cell.text += match &*name {
                    "amp" => "&",
                    "lt" => "<",
                    "gt" => ">",
                    "quot" => "\"",
                    other => panic!("{other}"),
                }
            }
            Event::Eof => return rows,
            _ => {}
        }
    }
}

fn attribute(element: &BytesStart<'_>, name: &str) -> String {
    let mut all = element.attributes().map(Result::unwrap);
    let found = all.find(|attribute| attribute.key.into_inner() == name);
    found.unwrap().value.to_string()
}

fn letters(at: usize) -> String {
    let letter = |at: usize| char::from(b'A' + u8::try_from(at).unwrap());
    match at {
        0..26 => letter(at).to_string(),
        _ => format!("{}{}", letter(at / 26 - 1), letter(at % 26)),
    }
}

/// What `_x0001_` stands for.
fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("_x") {
        let code = rest
            .get(at + 2..at + 6)
            .map(|code| u32::from_str_radix(code, 16));
        let (Some(Ok(code)), Some("_")) = (code, rest.get(at + 6..at + 7)) else {
            out.push_str(&rest[..at + 2]);
            rest = &rest[at + 2..];
            continue;
        };
        out.push_str(&rest[..at]);
        out.push(char::from_u32(code).unwrap());
        rest = &rest[at + 7..];
    }
    out + rest
}

fn escaped(text: &str) -> String {
    let text = text.replace("_x", "_x005F_x").replace('&', "&amp;");
    text.replace('<', "&lt;")
        .replace('\r', "_x000D_")
        .replace('\u{1}', "_x0001_")
}
