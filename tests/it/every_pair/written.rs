//! People, written in every layout and encoding.

use std::fmt::Write;

use serde_json::Value;

#[cfg(feature = "parquet")]
use crate::columnar::read as columnar;
use crate::sheets::book::Book;

/// A person: the cells of a row.
pub type Person = [String; 6];

const COLUMNS: [&str; 6] = ["id", "name", "title", "salary", "hired", "note"];

/// People whose names all of the encodings have, and whose cells are hard on all of the layouts.
pub fn people(count: usize) -> Vec<Person> {
    const NAMES: [&str; 5] = [
        "Zoë Müller",
        "Søren Ångström",
        "José Núñez",
        "O'Neill, Seán",
        "Ann Lee",
    ];
    const TITLES: [&str; 5] = [
        "Chef \"de\" cuisine",
        "R&D <lead>",
        "a|b\\c",
        "{x}: [y]",
        "",
    ];
    const NOTES: [&str; 4] = ["", "0012", "1e5; -3", "true"];
    let person = |n: usize| {
        [
            format!("{:08}", n + 1),
            NAMES[n % NAMES.len()].to_owned(),
            TITLES[n / 2 % TITLES.len()].to_owned(),
            format!("{}.{:02}", 30_000 + n % 70_000, n % 100),
            format!("20{:02}-{:02}-{:02}", n % 26, n % 12 + 1, n % 28 + 1),
            NOTES[n / 3 % NOTES.len()].to_owned(),
        ]
    };
    (0..count).map(person).collect()
}

/// How records stand in a file.
#[derive(Clone, Copy, Debug)]
pub enum Layout {
    Csv,
    Tsv,
    Json,
    Ndjson,
    Fixed,
    Xml,
    Hdl,
    Xlsx,
    #[cfg(feature = "parquet")]
    Parquet,
    #[cfg(feature = "parquet")]
    Arrow,
}

pub const LAYOUTS: &[Layout] = &[
    Layout::Csv,
    Layout::Tsv,
    Layout::Json,
    Layout::Ndjson,
    Layout::Fixed,
    Layout::Xml,
    Layout::Hdl,
    Layout::Xlsx,
    #[cfg(feature = "parquet")]
    Layout::Parquet,
    #[cfg(feature = "parquet")]
    Layout::Arrow,
];

/// The characters of each column, where they are fixed.
const WIDTHS: [usize; 6] = [8, 16, 20, 10, 10, 8];

impl Layout {
    /// Whether it is made of characters.
    pub fn is_text(self) -> bool {
        match self {
            Layout::Xlsx => false,
            #[cfg(feature = "parquet")]
            Layout::Parquet | Layout::Arrow => false,
            _ => true,
        }
    }

    /// The people, in an encoding where they are characters.
    pub fn bytes(self, people: &[Person], encoding: Encoding) -> Vec<u8> {
        match self {
            Layout::Xlsx => workbook(people),
            #[cfg(feature = "parquet")]
            Layout::Parquet => columnar::parquet(&columns(people), None),
            #[cfg(feature = "parquet")]
            Layout::Arrow => columnar::stream(&columns(people)),
            text => encoding.encode(text.write(people)),
        }
    }

    fn write(self, people: &[Person]) -> String {
        match self {
            Layout::Xlsx => String::new(),
            #[cfg(feature = "parquet")]
            Layout::Parquet | Layout::Arrow => String::new(),
            Layout::Csv => separated(people, ','),
            Layout::Tsv => separated(people, '\t'),
            Layout::Json => format!("[\n{}\n]", objects(people).join(",\n")),
            Layout::Ndjson => objects(people).join("\n"),
            Layout::Fixed => fixed(people),
            Layout::Xml => elements(people),
            Layout::Hdl => merge_lines(people),
        }
    }

    /// Lines of the section `source`.
    pub fn settings(self) -> String {
        match self {
            // The first bytes tell.
            Layout::Csv | Layout::Json | Layout::Ndjson | Layout::Xml | Layout::Xlsx => {
                String::new()
            }
            #[cfg(feature = "parquet")]
            Layout::Parquet | Layout::Arrow => String::new(),
            // What is to be done with a line is a column, too.
            Layout::Hdl => {
                let columns = COLUMNS.join(", ");
                format!("  json: {{ columns: [{columns}], unknown: ignore }}\n")
            }
            Layout::Tsv => "  format: tsv\n".to_owned(),
            Layout::Fixed => {
                let columns = COLUMNS.iter().zip(WIDTHS);
                let columns =
                    columns.map(|(name, width)| format!("{{ name: {name}, width: {width} }}"));
                let columns = columns.collect::<Vec<_>>().join(", ");
                format!("  format: fixed\n  fixed: {{ columns: [{columns}] }}\n")
            }
        }
    }
}

fn separated(people: &[Person], delimiter: char) -> String {
    let mut text = COLUMNS.join(&delimiter.to_string());
    text.push('\n');
    for person in people {
        for (at, cell) in person.iter().enumerate() {
            if at > 0 {
                text.push(delimiter);
            }
            write!(text, "\"{}\"", cell.replace('"', "\"\"")).unwrap();
        }
        text.push('\n');
    }
    text
}

fn objects(people: &[Person]) -> Vec<String> {
    let object = |person: &Person| {
        let members = COLUMNS.iter().zip(person);
        let json = |text: &str| Value::from(text).to_string();
        let members = members.map(|(name, cell)| format!("{}:{}", json(name), json(cell)));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    };
    people.iter().map(object).collect()
}

fn fixed(people: &[Person]) -> String {
    let mut text = String::new();
    for person in people {
        for (cell, width) in person.iter().zip(WIDTHS) {
            write!(text, "{cell:width$}").unwrap();
        }
        text.push_str("\r\n");
    }
    text
}

fn elements(people: &[Person]) -> String {
    let mut text = "<w:people xmlns:w=\"urn:w\">\n".to_owned();
    for person in people {
        text.push_str("<w:person>");
        for (name, cell) in COLUMNS.iter().zip(person) {
            let cell = cell.replace('&', "&amp;").replace('<', "&lt;");
            write!(text, "\n  <{name}>{cell}</{name}>").unwrap();
        }
        text.push_str("\n</w:person>\n");
    }
    text + "</w:people>\n"
}

fn merge_lines(people: &[Person]) -> String {
    let mut text = format!("COMMENT people\nMETADATA|Person|{}\n", COLUMNS.join("|"));
    for person in people {
        let cells = person
            .each_ref()
            .map(|cell| cell.replace('\\', r"\\").replace('|', r"\|"));
        writeln!(text, "MERGE|Person|{}", cells.join("|")).unwrap();
    }
    text
}

#[cfg(feature = "parquet")]
fn columns(people: &[Person]) -> arrow_array::RecordBatch {
    let column = |at: usize| columnar::texts(people.iter().map(|person| person[at].as_str()));
    let columns = COLUMNS.iter().enumerate();
    columnar::batch(columns.map(|(at, name)| (*name, column(at))).collect())
}

/// The cells as texts, and some as what looks the same: numbers by their formats, and days.
fn workbook(people: &[Person]) -> Vec<u8> {
    let mut rows = vec![COLUMNS.map(str::to_owned)];
    for (at, person) in people.iter().enumerate() {
        let mut cells = person.clone().map(|cell| format!("text:{cell}"));
        if at % 3 == 0 {
            cells[0] = format!("n:{}@00000000", person[0].trim_start_matches('0'));
            cells[4] = format!("d:{}", person[4]);
        }
        rows.push(cells);
    }
    Book::of_cells(&rows).bytes()
}

#[derive(Clone, Copy, Debug)]
pub enum Encoding {
    Utf8,
    Utf8WithMark,
    Utf16,
    Utf16Be,
    Windows1252,
    Latin9,
}

pub const ENCODINGS: &[Encoding] = &[
    Encoding::Utf8,
    Encoding::Utf8WithMark,
    Encoding::Utf16,
    Encoding::Utf16Be,
    Encoding::Windows1252,
    Encoding::Latin9,
];

impl Encoding {
    pub fn encode(self, text: String) -> Vec<u8> {
        let of = |encoding: &'static encoding_rs::Encoding| {
            let (bytes, _, unmappable) = encoding.encode(&text);
            assert!(!unmappable);
            bytes.into_owned()
        };
        match self {
            Encoding::Utf8 => text.into_bytes(),
            Encoding::Utf8WithMark => format!("\u{feff}{text}").into_bytes(),
            Encoding::Utf16 => format!("\u{feff}{text}")
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect(),
            Encoding::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            Encoding::Windows1252 => of(encoding_rs::WINDOWS_1252),
            Encoding::Latin9 => of(encoding_rs::ISO_8859_15),
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Encoding::Utf8 | Encoding::Utf8WithMark | Encoding::Utf16 => "auto",
            Encoding::Utf16Be => "utf-16be",
            Encoding::Windows1252 => "windows-1252",
            Encoding::Latin9 => "iso-8859-15",
        }
    }
}
