//! The sheet of the rejected rows.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::Left;
use super::faults::Places;
use super::parts::{AT_FAULT, HEAD, HEADER, MESSAGE, PLAIN, TEXT};
use super::text::Text;
use super::xml::push_cell;
use crate::format::added::{ADDED, LINE};
use crate::format::sheet::{MOST_CHARACTERS, MOST_COLUMNS, MOST_ROWS, TYPES, Texts, letters};

/// Rows by which columns get their widths, and bytes of them, at most.
const MEASURED: usize = 500;
const MEASURED_BYTES: usize = 1 << 20;

/// The widths of columns, in characters, at least and at most; and that of the message, which is wrapped.
const NARROW: usize = 8;
const WIDE: usize = 45;
const OF_MESSAGE: usize = 60;

/// The characters of a wrapped line, as lines end with words; the height of a line in points, and the lines of a row, at
/// most.
const OF_LINE: usize = 58;
const HEIGHT: usize = 15;
const MOST_LINES: usize = 10;

/// What a header takes beside its name: the button of the filter.
const BUTTON: usize = 3;

/// Where the message stands.
const OF_ADDED_MESSAGE: usize = ADDED.len() - 1;

/// The sheet while it is being written.
pub(super) struct Sheet {
    places: Places,
    /// Where the source's columns begin.
    own: usize,
    /// The columns, and those of cells that are too many.
    width: usize,
    /// The rows that stand in it, the header with them.
    rows: u64,
    letters: Vec<String>,
    pub(super) left: Left,
    /// Room for a row.
    xml: Vec<u8>,
}

impl Sheet {
    pub(super) fn new(text: &Text<'_>) -> Sheet {
        let header = text.header();
        let has_types = header.get(ADDED.len()) == TYPES;
        let own = ADDED.len() + usize::from(has_types);
        Sheet {
            places: Places::new(header, own, text.called()),
            own,
            width: header.len(),
            rows: 0,
            letters: Vec::new(),
            left: Left::default(),
            xml: Vec::new(),
        }
    }

    /// The cells that the filter is about.
    pub(super) fn range(&self) -> String {
        let last = letters(self.width.max(1) - 1);
        format!("$A$1:${last}${}", self.rows.max(1))
    }

    /// Writes the part. What no sheet can hold is left out, and counted.
    ///
    /// # Errors
    /// The rejects file can't be read, or the part not be written.
    pub(super) fn write(&mut self, text: &mut Text<'_>, out: &mut dyn Write) -> io::Result<()> {
        let mut first: Vec<Texts> = Vec::new();
        let mut row = Texts::default();
        let mut bytes = 0;
        while first.len() < MEASURED && bytes < MEASURED_BYTES && text.next(&mut row)? {
            bytes += row.bytes();
            first.push(std::mem::take(&mut row));
        }
        write!(out, "{HEAD}{BEGIN}")?;
        self.columns(text.header(), &first, out)?;
        out.write_all(b"<sheetData>")?;
        self.header(text.header(), out)?;
        for row in &first {
            self.row(row, out)?;
        }
        drop(first);
        while text.next(&mut row)? {
            self.row(&row, out)?;
        }
        let range = self.range().replace('$', "");
        write!(
            out,
            "</sheetData><autoFilter ref=\"{range}\"/><ignoredErrors><ignoredError sqref=\"A1:XFD{MOST_ROWS}\" \
             numberStoredAsText=\"1\"/></ignoredErrors></worksheet>"
        )
    }

    /// Writes how wide the columns are, as their names and the first rows need it. Whatever is added below stays text.
    fn columns(&self, header: &Texts, first: &[Texts], out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"<cols>")?;
        for at in 0..header.len() {
            let of_cell = |row: &Texts| row.get(at).lines().map(UnicodeWidthStr::width).max();
            let needed = first.iter().filter_map(of_cell).max().unwrap_or_default();
            let needed = needed.max(header.get(at).width() + BUTTON);
            let width = match at {
                OF_ADDED_MESSAGE => OF_MESSAGE,
                _ => (needed + 1).clamp(NARROW, WIDE),
            };
            let hidden = if at == ADDED.len() && self.own > at {
                " hidden=\"1\""
            } else {
                ""
            };
            write!(
                out,
                "<col min=\"{0}\" max=\"{0}\" width=\"{width}\" style=\"{1}\" customWidth=\"1\"{hidden}/>",
                at + 1,
                self.style(at),
            )?;
        }
        if header.len() < MOST_COLUMNS {
            let from = header.len() + 1;
            write!(
                out,
                "<col min=\"{from}\" max=\"{MOST_COLUMNS}\" width=\"12\" style=\"{TEXT}\"/>"
            )?;
        }
        out.write_all(b"</cols>")
    }

    fn style(&self, at: usize) -> u8 {
        match at {
            LINE => PLAIN,
            OF_ADDED_MESSAGE => MESSAGE,
            _ => TEXT,
        }
    }

    fn header(&mut self, header: &Texts, out: &mut dyn Write) -> io::Result<()> {
        self.begin_row(1);
        for at in 0..header.len() {
            self.cell(at, HEADER, header.get(at));
        }
        self.end_row(out)
    }

    fn row(&mut self, row: &Texts, out: &mut dyn Write) -> io::Result<()> {
        let characters = |text: &str| text.encode_utf16().count();
        // A character has at least one byte.
        let is_long =
            |text: &str| text.len() > MOST_CHARACTERS && characters(text) > MOST_CHARACTERS;
        let longest = |at: &usize| *at != OF_ADDED_MESSAGE && is_long(row.get(*at));
        let left = if self.rows == MOST_ROWS {
            Some(&mut self.left.beyond)
        } else if row.len() > MOST_COLUMNS {
            Some(&mut self.left.wide)
        } else if (0..row.len()).any(|at| longest(&at)) {
            Some(&mut self.left.long)
        } else {
            None
        };
        if let Some(left) = left {
            *left += 1;
            return Ok(());
        }
        self.width = self.width.max(row.len());
        self.places.look(row);
        self.begin_row(row.get(OF_ADDED_MESSAGE).width().div_ceil(OF_LINE));
        for at in 0..row.len() {
            let style = match self.places.is_marked(at) {
                true => AT_FAULT,
                false => self.style(at),
            };
            match (at, row.get(at)) {
                (LINE, line) if line.parse::<u64>().is_ok() => self.number(at, line),
                // No row is known again by it.
                (OF_ADDED_MESSAGE, message) if is_long(message) => {
                    let message: String = message.chars().take(MOST_CHARACTERS / 2).collect();
                    self.cell(at, style, &(message + "…"));
                }
                (at, text) => self.cell(at, style, text),
            }
        }
        self.end_row(out)
    }

    /// Begins a row of so many lines: not every program finds that by itself.
    fn begin_row(&mut self, lines: usize) {
        self.rows += 1;
        self.xml.clear();
        let height = match lines.min(MOST_LINES) {
            0 | 1 => String::new(),
            lines => format!(" ht=\"{}\" customHeight=\"1\"", lines * HEIGHT),
        };
        self.push(&format!("<row r=\"{}\"{height}>", self.rows));
    }

    fn end_row(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.push("</row>");
        out.write_all(&self.xml)
    }

    fn push(&mut self, xml: &str) {
        self.xml.extend_from_slice(xml.as_bytes());
    }

    /// The beginning of a cell's element.
    fn place(&mut self, at: usize, style: u8) {
        while self.letters.len() <= at {
            self.letters.push(letters(self.letters.len()));
        }
        let mut number = itoa::Buffer::new();
        for part in [
            "<c r=\"",
            &self.letters[at],
            number.format(self.rows),
            "\" s=\"",
        ] {
            self.xml.extend_from_slice(part.as_bytes());
        }
        self.xml.extend([b'0' + style, b'"']);
    }

    /// A cell with a text. An empty one is there all the same: what somebody types there stays text.
    fn cell(&mut self, at: usize, style: u8, text: &str) {
        self.place(at, style);
        if text.is_empty() {
            return self.push("/>");
        }
        push_cell(text, &mut self.xml);
    }

    fn number(&mut self, at: usize, number: &str) {
        self.place(at, PLAIN);
        self.push("><v>");
        self.push(number);
        self.push("</v></c>");
    }
}

/// The header stays where it is.
const BEGIN: &str = "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetViews><sheetView tabSelected=\"1\" \
     workbookViewId=\"0\"><pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\"/><selection \
     pane=\"bottomLeft\"/></sheetView></sheetViews><sheetFormatPr defaultRowHeight=\"15\"/>";
