//! How CSV is read: the one set of rules, for whoever looks at a record.
//!
//! A quote opens a quoted cell only where a cell begins; anywhere else in an unquoted cell it is an ordinary character
//! (`5" pipe`), as in RFC 4180's lenient readers. In a quoted cell two quotes stand for one. Delimiters and line feeds end
//! cells and records unless they are quoted. An escape, where there is one, takes their meaning from quotes, delimiters
//! and line ends, and from itself.
//!
//! A line that begins with the dialect's comment character, where a record may begin, is a remark: nothing in it counts,
//! no quote either.
//!
//! # Where quotes are in the way
//!
//! Nothing but a delimiter or a line end may follow the quote that closes a cell. Where something else does, no reading of
//! the record is sure, and it has a [`Fault`]. What matters then is where it ends, so that it takes along as few lines as
//! can be and no line within a cell passes for a record:
//!
//! - behind a delimiter (`"Clerk, nights,Leeds,"Cook, canteen"`) the quote is one that opens a cell, and an earlier one was
//!   never closed: the text goes on being quoted;
//! - at the beginning of a line likewise, and the record ended with the line before;
//! - anywhere else (`"said "yes" to it"`) the record ends at the next line feed. In a file that is quoted
//!   [throughout](Dialect::throughout) it ends where a line begins with a quote, as its records do: a line without one is
//!   a part of a cell.
//!
//! A quote behind blanks at the beginning of a cell (`, "Smith, J"`) opens one and is a fault. Two unquoted cells side by
//! side, of which one has a quote within and the next ends with one, are a fault: a delimiter is missing before a quoted
//! cell (`Ann"Smith, J"`).
//!
//! [`Cells`] walks from cell to cell. [`Quoted`] walks from quoted cell to quoted cell and looks at nothing but quotes,
//! for whoever has to be quick and needs to know no more; a test holds the two equal. Both look at each byte once, and
//! whatever is said above of faults is asked only where a quote stands.

use std::ops::Range;

use super::fault::{Fault, Kind};
use crate::text::scan::{Dialect, Hits};

/// A cell as it stands in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    /// Where the delimiter or line feed stands that ends it, or the text ends.
    pub(crate) end: usize,
    pub(crate) quotes: Quotes,
    /// What it stands for is shorter than what is written: quotes are doubled, or escapes stand in it.
    pub(crate) escaped: bool,
    /// It has a quote or a line feed, besides the quotes around it and what its escapes stand for.
    pub(crate) special: bool,
    /// The record ends with it.
    pub(crate) last: bool,
}

/// The quotes around a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quotes {
    None,
    /// It begins with a quote that is never closed.
    Open,
    /// It begins with a quote that is closed there.
    Closed(usize),
}

impl Span {
    /// A cell without quotes that begins there, and ends nowhere yet.
    #[inline(always)]
    const fn unquoted(start: usize) -> Span {
        Span {
            start,
            end: start,
            quotes: Quotes::None,
            escaped: false,
            special: false,
            last: true,
        }
    }

    pub(crate) fn range(&self) -> Range<usize> {
        self.start..self.end
    }
}

/// What no quote is compared with where there is none: a byte that stands in no UTF-8, and is not searched for.
const NO_QUOTE: u8 = 0xff;

/// A text and its dialect: what both walks ask of the bytes around a quote.
#[derive(Clone, Copy)]
struct Bytes<'t> {
    text: &'t [u8],
    delimiter: u8,
    quote: u8,
    escape: Option<u8>,
    comment: Option<u8>,
    multiline: bool,
    throughout: bool,
}

impl<'t> Bytes<'t> {
    fn new(text: &'t [u8], dialect: Dialect) -> Bytes<'t> {
        let quoting = dialect.quoting;
        Bytes {
            text,
            delimiter: dialect.delimiter,
            quote: quoting.quote.unwrap_or(NO_QUOTE),
            escape: quoting.escape,
            comment: dialect.comment,
            multiline: quoting.multiline,
            throughout: dialect.throughout,
        }
    }

    /// Whether a cell may end there, behind the quote that closes it.
    #[inline(always)]
    fn ends_cell(&self, at: usize) -> bool {
        match self.text.get(at) {
            Some(b'\r') => matches!(self.text.get(at + 1), None | Some(b'\n')),
            Some(&byte) => byte == b'\n' || byte == self.delimiter,
            None => true,
        }
    }

    /// Whether a quoted cell is opened there and nothing else can be meant: by one quote, with text behind it.
    fn opens(&self, at: usize) -> bool {
        let next = self.text.get(at + 1);
        self.text.get(at) == Some(&self.quote)
            && next.is_some_and(|next| *next != self.quote)
            && !self.ends_cell(at + 1)
    }

    /// Whether the byte there is escaped: an odd number of escapes stands before it.
    fn is_escaped(&self, at: usize) -> bool {
        let Some(escape) = self.escape else {
            return false;
        };
        let before = self.text[..at].iter().rev();
        before.take_while(|b| **b == escape).count() % 2 == 1
    }

    fn is_blank(&self, byte: u8) -> bool {
        matches!(byte, b' ' | b'\t') && byte != self.delimiter
    }

    /// Whether a cell begins with the quote there, but for blanks; `lines` says whether line feeds end cells.
    #[inline(always)]
    fn begins_cell(&self, at: usize, lines: bool) -> bool {
        let mut start = at;
        while start > 0 && self.is_blank(self.text[start - 1]) {
            start -= 1;
        }
        let Some(before) = start.checked_sub(1) else {
            return true;
        };
        let byte = self.text[before];
        (byte == self.delimiter || lines && byte == b'\n')
            && !(self.escape.is_some() && self.is_escaped(before))
    }
}

/// Walks over the cells of a text.
#[derive(Clone)]
pub(crate) struct Cells<'t> {
    bytes: Bytes<'t>,
    hits: Hits<'t, 3>,
    /// Where the next cell begins.
    at: usize,
    /// Line feeds before it.
    line: u32,
    /// No cell follows at the end of the text.
    between_records: bool,
    care: Care<'t>,
}

/// What is known of a record beyond its cells, where quotes or escapes ask for care. It stands apart from the walk, which
/// nobody but the walk itself touches, so that the compiler can keep that in registers.
#[derive(Clone)]
struct Care<'t> {
    bytes: Bytes<'t>,
    /// A delimiter or line feed may not end the cell, or there is more to be asked of it where it does.
    wary: bool,
    /// The last quote of the record that text follows, and behind which no cell was opened since.
    stray: Option<usize>,
    /// A quote in the last cell, if that is unquoted and the quote has no other there.
    half: Option<usize>,
    /// What was first found wrong in the record.
    fault: Option<Fault>,
}

impl<'t> Cells<'t> {
    /// The cells of whole records, each with its line end. An empty line is a record of one empty cell.
    #[inline(always)]
    pub(crate) fn of_text(text: &'t [u8], dialect: Dialect) -> Cells<'t> {
        // Without a quote, nothing more is searched for.
        let quote = dialect.quoting.quote.unwrap_or(b'\n');
        Cells {
            bytes: Bytes::new(text, dialect),
            hits: Hits::new(text, [dialect.delimiter, b'\n', quote]),
            at: 0,
            line: 0,
            between_records: true,
            care: Care {
                bytes: Bytes::new(text, dialect),
                wary: dialect.quoting.escape.is_some(),
                stray: None,
                half: None,
                fault: None,
            },
        }
    }

    /// The cells of one record without its line end: at least one, and the last of them ends the record.
    pub(crate) fn of_record(record: &'t [u8], dialect: Dialect) -> Cells<'t> {
        let delimiter = dialect.delimiter;
        let quote = dialect.quoting.quote.unwrap_or(delimiter);
        Cells {
            // A line feed is then a character like any other.
            hits: Hits::new(record, [delimiter, delimiter, quote]),
            between_records: false,
            ..Cells::of_text(record, dialect)
        }
    }

    /// Where the next cell begins.
    #[inline(always)]
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The line on which the next cell begins, counted from the first (0).
    #[inline(always)]
    pub(crate) fn line(&self) -> u32 {
        self.line
    }

    /// Passes over the remarks that stand where the next record may begin, and returns how many there were.
    #[inline(always)]
    pub(crate) fn pass_remarks(&mut self) -> u64 {
        let mut passed = 0;
        if let Some(comment) = self.bytes.comment {
            while self.bytes.text.get(self.at) == Some(&comment) {
                self.pass_line();
                passed += 1;
            }
        }
        passed
    }

    /// Passes over the rest of the line, whatever stands there.
    #[inline(always)]
    fn pass_line(&mut self) {
        let text = self.bytes.text;
        let end = self.hits.by_ref().find(|&at| text[at] == b'\n');
        self.line += u32::from(end.is_some());
        self.at = end.map_or(text.len(), |at| at + 1);
    }

    /// What is wrong with the quotes of the record, to be asked when its last cell was handed out: once, and of every
    /// record.
    #[inline(always)]
    pub(crate) fn take_fault(&mut self) -> Option<Fault> {
        match self.care.fault {
            None => None,
            Some(_) => self.care.fault.take(),
        }
    }

    /// The first fault of all cells that are left.
    pub(crate) fn into_fault(mut self) -> Option<Fault> {
        self.by_ref().for_each(drop);
        self.care.fault
    }

    /// The next cell, if there is nothing to be asked of it: it is not quoted, and a delimiter or line feed ends it.
    /// Nearly all cells are so, and a loop over them alone is what makes reading quick.
    #[inline(always)]
    pub(crate) fn next_plain(&mut self) -> Option<Span> {
        if self.care.wary {
            return None;
        }
        let quote = self.bytes.quote;
        let end = self.hits.next_if(|byte| byte != quote)?;
        let last = self.bytes.text[end] == b'\n';
        self.line += u32::from(last);
        let cell = Span::unquoted(self.at);
        Some(self.end(cell, end, last))
    }

    /// Ends a cell there.
    #[inline(always)]
    fn end(&mut self, mut cell: Span, at: usize, last: bool) -> Span {
        cell.end = at;
        cell.last = last;
        self.at = at + 1;
        self.between_records = last;
        cell
    }
}

impl Care<'_> {
    fn find(&mut self, kind: Kind, open: usize, at: usize) {
        self.fault.get_or_insert(Fault { kind, open, at });
    }

    /// Whether a record ends with a line feed although a quote is open. A quote that opens a cell on the next line tells
    /// that the one before was never closed.
    #[inline(never)]
    fn ends_in_quotes(&mut self, open: usize, at: usize) -> bool {
        let next = at + 1;
        let bytes = self.bytes;
        let ends = !bytes.multiline
            || !bytes.is_escaped(at) && (next == bytes.text.len() || bytes.opens(next));
        if ends {
            self.find(Kind::Open, open, at);
            self.begin_record();
        }
        ends
    }

    /// What a quote in a quoted cell is that no cell ends behind.
    #[cold]
    fn in_the_way(&mut self, open: usize, at: usize) -> Quotes {
        self.find(Kind::Behind, open, at);
        // It is not the first byte of the text: a quote was opened before it.
        let before = self.bytes.text[at - 1];
        if before == self.bytes.delimiter || before == b'\n' {
            return Quotes::Open;
        }
        self.stray = Some(at);
        self.wary = true;
        Quotes::Closed(at)
    }

    /// A quote in an unquoted cell, or behind the one that closed a cell.
    #[cold]
    fn within(&mut self, mut cell: Span, at: usize) -> Span {
        let written = &self.bytes.text[cell.start..at];
        if cell.quotes != Quotes::None || self.bytes.is_escaped(at) {
        } else if written.iter().all(|b| self.bytes.is_blank(*b)) {
            self.find(Kind::Blanks, at, at);
            cell.quotes = Quotes::Open;
        } else if self.bytes.throughout {
            self.find(Kind::Within, at, at);
        } else {
            self.wary = true;
        }
        cell
    }

    /// A cell, and whether it goes on behind the delimiter or line feed there, asked where that may be.
    #[cold]
    fn goes_on(&mut self, mut cell: Span, at: usize) -> (Span, bool) {
        let bytes = self.bytes;
        let ends_line = bytes.text.get(at) == Some(&b'\n');
        if bytes.is_escaped(at) && (bytes.multiline || !ends_line) {
            return (cell, true);
        }
        if let (Some(stray), Quotes::Closed(_)) = (self.stray, cell.quotes)
            && cell.start > stray
        {
            self.stray = None;
        }
        let next = at + 1;
        if ends_line
            && self.stray.is_some()
            && bytes.multiline
            && bytes.throughout
            && next < bytes.text.len()
            && !bytes.opens(next)
        {
            return (cell, true);
        }
        self.look_at(&mut cell, at);
        if ends_line {
            self.begin_record();
        }
        (cell, false)
    }

    fn begin_record(&mut self) {
        self.stray = None;
        self.half = None;
        self.wary = self.bytes.escape.is_some();
    }

    /// Looks at the whole of a cell that ends there.
    fn look_at(&mut self, cell: &mut Span, end: usize) {
        let Bytes {
            text,
            quote,
            escape,
            ..
        } = self.bytes;
        let written = &text[cell.start..end];
        cell.escaped |= escape.is_some_and(|escape| memchr::memchr(escape, written).is_some());
        let before = self.half.take();
        if !cell.special || cell.quotes != Quotes::None {
            return;
        }
        let written = written.strip_suffix(b"\r").unwrap_or(written);
        let quotes = memchr::memchr_iter(quote, written).map(|at| cell.start + at);
        let mut quotes = quotes.filter(|at| !self.bytes.is_escaped(*at));
        let (Some(first), 0) = (quotes.next(), quotes.count() % 2) else {
            return;
        };
        let last = cell.start + written.len() - 1;
        match before {
            Some(open) if text[last] == quote => self.find(Kind::Apart, open, last),
            // One at the end of a cell (`24"`) opens nothing.
            _ => self.half = Some(first).filter(|first| *first < last),
        }
    }

    /// The cell in which the text ends.
    #[inline(never)]
    fn end_of_text(&mut self, mut cell: Span) -> Span {
        if self.wary {
            self.look_at(&mut cell, self.bytes.text.len());
        }
        if cell.quotes == Quotes::Open {
            self.find(Kind::Open, cell.start, self.bytes.text.len());
        }
        cell
    }
}

impl Iterator for Cells<'_> {
    type Item = Span;

    #[inline(always)]
    fn next(&mut self) -> Option<Span> {
        let Bytes {
            text,
            delimiter,
            quote,
            ..
        } = self.bytes;
        let mut cell = Span::unquoted(self.at);
        cell.end = text.len();
        let mut skip = usize::MAX;
        while let Some(at) = self.hits.next() {
            let byte = text[at];
            self.line += u32::from(byte == b'\n');
            if cell.quotes == Quotes::Open {
                if byte == b'\n' {
                    cell.special = true;
                    if self.care.ends_in_quotes(cell.start, at) {
                        return Some(self.end(cell, at, true));
                    }
                } else if byte != quote || at == skip {
                } else if self.care.wary && self.bytes.is_escaped(at) {
                    cell.escaped = true;
                } else if text.get(at + 1) == Some(&quote) {
                    cell.escaped = true;
                    skip = at + 1;
                } else if self.bytes.ends_cell(at + 1) {
                    cell.quotes = Quotes::Closed(at);
                } else {
                    cell.quotes = self.care.in_the_way(cell.start, at);
                }
            } else if byte != quote {
                let mut goes_on = false;
                if self.care.wary {
                    (cell, goes_on) = self.care.goes_on(cell, at);
                }
                if !goes_on {
                    return Some(self.end(cell, at, byte != delimiter));
                }
            } else if at == cell.start {
                cell.quotes = Quotes::Open;
            } else {
                cell.special = true;
                cell = self.care.within(cell, at);
            }
        }
        if self.between_records && self.at == text.len() {
            return None;
        }
        self.at = text.len();
        self.between_records = true;
        Some(self.care.end_of_text(cell))
    }
}

/// A part of a text in which line feeds end no records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Region {
    /// The quote that opens a cell.
    pub(crate) open: usize,
    pub(crate) end: End,
}

/// Where line feeds end records again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// From there on.
    At(usize),
    /// Not in this text: a quote is open.
    Open,
    /// Not in this text, unless nothing follows it.
    Unsure,
}

/// Walks over the quoted cells of a text that begins with a record, and says where line feeds end no records.
pub(crate) struct Quoted<'t> {
    bytes: Bytes<'t>,
    hits: Hits<'t, 1>,
    /// The quote that ended the last region opens the next.
    open: Option<usize>,
    /// Where the last region ended, or the text begins.
    plain_from: usize,
}

impl<'t> Quoted<'t> {
    pub(crate) fn new(text: &'t [u8], dialect: Dialect) -> Quoted<'t> {
        let bytes = Bytes::new(text, dialect);
        // Where cells never span lines, quotes say nothing of where records end.
        let searched = match dialect.quoting.quote {
            Some(_) if bytes.multiline => text,
            _ => &[],
        };
        Quoted {
            bytes,
            hits: Hits::new(searched, [bytes.quote]),
            open: None,
            plain_from: 0,
        }
    }

    /// Whether a quote that is in no region stands in a remark. The line that it stands in begins a record, unless a region
    /// ends before it there.
    #[inline(always)]
    fn is_in_remark(&self, quote: usize) -> bool {
        let Some(comment) = self.bytes.comment else {
            return false;
        };
        let text = self.bytes.text;
        let from = self.plain_from;
        let mut feeds = memchr::memrchr_iter(b'\n', &text[from..quote]).map(|at| from + at);
        match feeds.find(|at| self.ends_record(from, *at)) {
            Some(at) => text[at + 1] == comment,
            None => from == 0 && text[0] == comment,
        }
    }

    /// The region that a quote opens ends there.
    #[inline(always)]
    fn region(&mut self, open: usize, end: End) -> Option<Region> {
        if let End::At(at) = end {
            self.plain_from = at;
        }
        Some(Region { open, end })
    }

    /// Whether a line feed ends a record or a remark, where it stands in no region; `from` is where the last one ended, or
    /// the text begins.
    #[inline(always)]
    pub(crate) fn ends_record(&self, from: usize, at: usize) -> bool {
        !self.bytes.multiline
            || self.bytes.escape.is_none()
            || !self.bytes.is_escaped(at)
            || self.ends_remark(from, at)
    }

    /// Whether a line feed behind an escape ends a remark, in which escapes are characters like others.
    #[cold]
    fn ends_remark(&self, from: usize, at: usize) -> bool {
        let (text, Some(comment)) = (self.bytes.text, self.bytes.comment) else {
            return false;
        };
        let mut feeds = memchr::memrchr_iter(b'\n', &text[from..at]).map(|at| from + at);
        let mut start = match feeds.find(|at| !self.bytes.is_escaped(*at)) {
            Some(feed) => feed + 1,
            None if from == 0 => 0,
            None => return false,
        };
        // All line feeds from there on are escaped: a record would not end with any of them.
        while start < at && text[start] == comment {
            match memchr::memchr(b'\n', &text[start..=at]) {
                Some(feed) if start + feed < at => start += feed + 1,
                feed => return feed.is_some(),
            }
        }
        false
    }

    /// Whether a cell begins with the quote there, as a remark ends with an escape before it.
    fn begins_behind_remark(&self, quote: usize) -> bool {
        if self.bytes.comment.is_none() || self.bytes.escape.is_none() {
            return false;
        }
        let mut before = self.bytes.text[..quote].iter();
        let Some(feed) = before.rposition(|byte| !self.bytes.is_blank(*byte)) else {
            return false;
        };
        self.bytes.text[feed] == b'\n'
            && self.bytes.is_escaped(feed)
            && feed >= self.plain_from
            && self.ends_remark(self.plain_from, feed)
    }

    /// Whether a line feed ends a record within a region that does not end as it should.
    fn ends_line(&self, at: usize) -> bool {
        self.bytes.escape.is_none() || !self.bytes.is_escaped(at)
    }

    /// What a quote in a quoted cell is that no cell ends behind: the end of the region, unless that goes on.
    #[cold]
    fn in_the_way(&mut self, at: usize) -> Option<End> {
        match self.bytes.text[at - 1] {
            b'\n' if self.ends_line(at - 1) => {
                self.open = Some(at);
                Some(End::At(at - 1))
            }
            before if before == self.bytes.delimiter || before == b'\n' => None,
            _ if self.bytes.throughout => self.next_record(),
            _ => Some(End::At(at + 1)),
        }
    }

    /// Looks for the line that begins with a quote: the end of the region, unless a cell is opened before that.
    fn next_record(&mut self) -> Option<End> {
        let bytes = self.bytes;
        while let Some(at) = self.hits.next() {
            if bytes.text[at - 1] == b'\n' && self.ends_line(at - 1) && bytes.opens(at) {
                self.open = Some(at);
                return Some(End::At(at - 1));
            }
            if bytes.begins_cell(at, false) {
                return None;
            }
        }
        Some(End::Unsure)
    }
}

impl Iterator for Quoted<'_> {
    type Item = Region;

    #[inline(always)]
    fn next(&mut self) -> Option<Region> {
        let bytes = self.bytes;
        let open = match self.open.take() {
            Some(open) => open,
            None => loop {
                let open = self.hits.next()?;
                let begins = bytes.begins_cell(open, true) || self.begins_behind_remark(open);
                if begins && !self.is_in_remark(open) {
                    break open;
                }
            },
        };
        let mut skip = usize::MAX;
        while let Some(at) = self.hits.next() {
            if at == skip || bytes.escape.is_some() && bytes.is_escaped(at) {
                continue;
            }
            if bytes.text.get(at + 1) == Some(&bytes.quote) {
                skip = at + 1;
                continue;
            }
            let end = match bytes.ends_cell(at + 1) {
                true => Some(End::At(at + 1)),
                false => self.in_the_way(at),
            };
            if let Some(end) = end {
                return self.region(open, end);
            }
        }
        self.region(open, End::Open)
    }
}

/// What a cell stands for, by how it is written: doubled quotes are one, and an escape is left out before what it takes the
/// meaning from. Before anything else it is a character like any other. What follows the quote that closes the cell, in
/// a record with a [`Fault`], is kept.
pub(crate) fn unquote(written: &str, dialect: Dialect, out: &mut String) {
    out.clear();
    let bytes = Bytes::new(written.as_bytes(), dialect);
    let quoted = bytes.text.first() == Some(&bytes.quote);
    // In an unquoted cell a quote has no meaning, and none is searched for.
    let escape = bytes.escape.unwrap_or(bytes.quote);
    let quote = if quoted { bytes.quote } else { escape };
    let mut from = usize::from(quoted);
    let mut searched = from;
    while let Some(found) = memchr::memchr2(quote, escape, &bytes.text[searched..]) {
        let at = searched + found;
        let next = bytes.text.get(at + 1).copied();
        if bytes.escape == Some(bytes.text[at]) {
            let escapes = next.is_some_and(|next| {
                [bytes.quote, escape, bytes.delimiter, b'\r', b'\n'].contains(&next)
            });
            if escapes {
                out.push_str(&written[from..at]);
                from = at + 1;
            }
            searched = at + 1 + usize::from(escapes);
        } else if !quoted {
            break;
        } else {
            // The first of two stays, and the one that closes the cell goes.
            let doubled = next == Some(bytes.quote);
            out.push_str(&written[from..at + usize::from(doubled)]);
            from = at + 1 + usize::from(doubled);
            searched = from;
            if !doubled {
                break;
            }
        }
    }
    out.push_str(&written[from..]);
}

/// Whether what is written of an unquoted cell can't stand among others as it is: a line feed in it would end the record,
/// or an escape at its end takes the meaning from what follows.
pub(crate) fn must_be_quoted(written: &[u8], dialect: Dialect) -> bool {
    let bytes = Bytes::new(written, dialect);
    let mut feeds = memchr::memchr_iter(b'\n', written);
    feeds.any(|at| !bytes.is_escaped(at)) || bytes.is_escaped(written.len())
}

/// The first carriage return of a record, given without its line end, that stands outside quotes.
pub(crate) fn bare_return(record: &[u8], dialect: Dialect) -> Option<usize> {
    let bytes = Bytes::new(record, dialect);
    let mut unquoted = Cells::of_record(record, dialect).filter(|c| c.quotes == Quotes::None);
    unquoted.find_map(|cell| {
        let found = memchr::memchr_iter(b'\r', &record[cell.range()]);
        let mut found = found.map(|at| cell.start + at);
        found.find(|at| !bytes.is_escaped(*at))
    })
}

/// The cells of one record without its line end, as what they stand for.
pub(crate) fn split(dialect: Dialect, record: &str) -> Vec<String> {
    Cells::of_record(record.as_bytes(), dialect)
        .map(|cell| {
            let mut text = String::new();
            unquote(&record[cell.range()], dialect, &mut text);
            text
        })
        .collect()
}

#[cfg(test)]
pub(crate) mod tests;
