//! CSV read byte by byte, in the most obvious way: what the program's reader is held against.

use rostream::internals::text::scan::{Dialect, Quoting};
use rostream::internals::text::unseen::is_blank;

/// A record as it stands in the text.
#[derive(Debug)]
pub struct Record {
    /// Offset of its first byte.
    pub start: usize,
    /// As written, without its line end.
    pub written: Vec<u8>,
    /// Its cells as they are written.
    pub pieces: Vec<Vec<u8>>,
    /// What they stand for.
    pub cells: Vec<Vec<u8>>,
    /// The code of what makes it unreadable.
    pub fault: Option<&'static str>,
}

/// The records of a text; none where a quote is open at its end. A line without any value is not a record.
pub fn records(dialect: Dialect, text: &[u8]) -> Option<Vec<Record>> {
    let mut reader = Reader {
        dialect,
        text,
        at: 0,
    };
    let mut records = Vec::new();
    while let Some(first) = text.get(reader.at) {
        if Some(*first) == dialect.comment {
            reader.pass_line();
        } else {
            let record = reader.record()?;
            records.extend(record);
        }
    }
    Some(records)
}

/// What a cell stands for that is written so, and nothing else.
pub fn value(dialect: Dialect, written: &[u8]) -> Vec<u8> {
    let reader = Reader {
        dialect,
        text: written,
        at: 0,
    };
    reader.value(&Cell {
        start: 0,
        end: written.len(),
        quoted: false,
        open: false,
    })
}

/// A cell while it is read.
struct Cell {
    start: usize,
    end: usize,
    quoted: bool,
    /// Its quote is not closed.
    open: bool,
}

struct Reader<'t> {
    dialect: Dialect,
    text: &'t [u8],
    at: usize,
}

impl Reader<'_> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.text.get(at).copied()
    }

    fn is_quote(&self, at: usize) -> bool {
        self.byte(at).is_some() && self.byte(at) == self.dialect.quoting.quote
    }

    fn is_delimiter(&self, at: usize) -> bool {
        self.byte(at) == Some(self.dialect.delimiter)
    }

    /// Whether an escape stands there that means something.
    fn escapes(&self, at: usize) -> bool {
        let Quoting {
            quote,
            escape,
            multiline,
        } = self.dialect.quoting;
        let special = [quote, escape, Some(self.dialect.delimiter), Some(b'\r')];
        let next = self.byte(at + 1);
        escape.is_some()
            && self.byte(at) == escape
            && next.is_some()
            && (special.contains(&next) || next == Some(b'\n') && multiline)
    }

    /// Whether a closing quote may stand before that place.
    fn ends(&self, at: usize) -> bool {
        match self.byte(at) {
            None | Some(b'\n') => true,
            Some(b'\r') => matches!(self.byte(at + 1), None | Some(b'\n')),
            Some(byte) => byte == self.dialect.delimiter,
        }
    }

    /// Whether a line begins there with a quote that can only open a cell.
    fn opens(&self, at: usize) -> bool {
        self.is_quote(at) && !self.is_quote(at + 1) && !self.ends(at + 1)
    }

    fn pass_line(&mut self) {
        let line = &self.text[self.at..];
        let end = line.iter().position(|b| *b == b'\n');
        self.at += end.map_or(line.len(), |end| end + 1);
    }

    /// The next record, or none in the place of one that says nothing.
    fn record(&mut self) -> Option<Option<Record>> {
        let start = self.at;
        let (mut cells, mut fault, mut unsure) = (Vec::new(), None, false);
        loop {
            cells.push(self.cell(&mut fault, &mut unsure)?);
            if !self.is_delimiter(self.at) {
                break;
            }
            self.at += 1;
        }
        // The line feed, and a carriage return before it or at the end of the text.
        let mut end = self.at;
        self.at += 1;
        if end > start && self.text[end - 1] == b'\r' {
            end -= 1;
        }
        if let Some(last) = cells.last_mut() {
            last.end = end;
        }
        if self.is_torn(&cells) {
            fault.get_or_insert("quote");
        }
        if cells.iter().any(|cell| self.has_return(cell)) {
            fault.get_or_insert("carriage_return");
        }
        if cells.iter().all(|cell| self.says_nothing(cell)) {
            return Some(None);
        }
        Some(Some(Record {
            start,
            written: self.text[start..end].to_vec(),
            pieces: cells
                .iter()
                .map(|cell| self.text[cell.start..cell.end].to_vec())
                .collect(),
            cells: cells.iter().map(|cell| self.value(cell)).collect(),
            fault,
        }))
    }

    /// Reads up to the delimiter or the line feed behind a cell; none where a quote is open at the end of the text.
    fn cell(&mut self, fault: &mut Option<&'static str>, unsure: &mut bool) -> Option<Cell> {
        let Quoting { multiline, .. } = self.dialect.quoting;
        let start = self.at;
        while matches!(self.byte(self.at), Some(b' ' | b'\t')) && !self.is_delimiter(self.at) {
            self.at += 1;
        }
        let quoted = self.is_quote(self.at);
        if !quoted {
            self.at = start;
        } else {
            if self.at > start {
                fault.get_or_insert("quote");
            }
            self.at += 1;
            if !self.quoted(fault, unsure)? {
                return Some(Cell {
                    start,
                    end: self.at,
                    quoted,
                    open: true,
                });
            }
        }
        while let Some(byte) = self.byte(self.at) {
            if self.escapes(self.at) {
                self.at += 2;
                continue;
            }
            let last = self.at + 1 == self.text.len();
            let in_cell = *unsure && self.dialect.throughout && multiline && !last;
            if self.is_delimiter(self.at) || byte == b'\n' && (!in_cell || self.opens(self.at + 1))
            {
                break;
            }
            if self.is_quote(self.at) && !quoted && self.dialect.throughout {
                fault.get_or_insert("quote");
            }
            self.at += 1;
        }
        Some(Cell {
            start,
            end: self.at,
            quoted,
            open: false,
        })
    }

    /// Reads what stands behind the quote that opens a cell. Says whether the record goes on.
    fn quoted(&mut self, fault: &mut Option<&'static str>, unsure: &mut bool) -> Option<bool> {
        let Quoting { multiline, .. } = self.dialect.quoting;
        loop {
            let Some(byte) = self.byte(self.at) else {
                fault.get_or_insert("quote");
                return (!multiline).then_some(false);
            };
            if self.escapes(self.at) {
                self.at += 2;
            } else if byte == b'\n' {
                if !multiline || self.opens(self.at + 1) {
                    fault.get_or_insert("quote");
                    return Some(false);
                }
                self.at += 1;
            } else if !self.is_quote(self.at) {
                self.at += 1;
            } else if self.is_quote(self.at + 1) {
                self.at += 2;
            } else if self.ends(self.at + 1) {
                self.at += 1;
                *unsure = false;
                return Some(true);
            } else {
                let returns = self.byte(self.at + 1) == Some(b'\r');
                fault.get_or_insert(if returns { "carriage_return" } else { "quote" });
                let before = self.at - 1;
                let opens = self.is_delimiter(before) || self.byte(before) == Some(b'\n');
                self.at += 1;
                if !opens {
                    *unsure = true;
                    return Some(true);
                }
            }
        }
    }

    /// The quotes of an unquoted cell that no escape stands before.
    fn quotes(&self, cell: &Cell) -> Vec<usize> {
        let (mut quotes, mut at) = (Vec::new(), cell.start);
        while at < cell.end {
            if self.is_quote(at) {
                quotes.push(at);
            }
            at += if self.escapes(at) { 2 } else { 1 };
        }
        quotes
    }

    /// Whether two unquoted cells side by side are one quoted cell that lacks the delimiter before it.
    fn is_torn(&self, cells: &[Cell]) -> bool {
        let mut half = false;
        for cell in cells {
            let before = std::mem::take(&mut half);
            let quotes = self.quotes(cell);
            if cell.quoted || quotes.len().is_multiple_of(2) {
                continue;
            }
            let written = &self.text[cell.start..cell.end];
            let end = cell.start + written.strip_suffix(b"\r").unwrap_or(written).len();
            if before && self.is_quote(end - 1) {
                return true;
            }
            half = quotes[0] + 1 < end;
        }
        false
    }

    /// Whether a carriage return stands in an unquoted cell.
    fn has_return(&self, cell: &Cell) -> bool {
        let mut at = cell.start;
        while at < cell.end {
            if self.byte(at) == Some(b'\r') {
                return !cell.quoted;
            }
            at += if self.escapes(at) { 2 } else { 1 };
        }
        false
    }

    /// Whether nothing but blanks is written in a cell and the quotes around it.
    fn says_nothing(&self, cell: &Cell) -> bool {
        let quoted = self.is_quote(cell.start);
        let mut written = self.text[cell.start..cell.end].to_vec();
        if quoted {
            written.remove(0);
            let close = written
                .iter()
                .position(|b| Some(*b) == self.dialect.quoting.quote);
            close.map(|at| written.remove(at));
        }
        !cell.open && is_blank(&String::from_utf8_lossy(&written))
    }

    /// What a cell stands for. What follows the quote that closes it is kept.
    fn value(&self, cell: &Cell) -> Vec<u8> {
        let (mut value, mut at) = (Vec::new(), cell.start);
        let mut quoted = self.is_quote(at);
        at += usize::from(quoted);
        while at < cell.end {
            if self.escapes(at) && at + 1 < cell.end {
                at += 1;
            } else if quoted && self.is_quote(at) {
                at += 1;
                quoted = self.is_quote(at);
                if at == cell.end {
                    break;
                }
            }
            value.push(self.text[at]);
            at += 1;
        }
        value
    }
}
