//! From decoded text to blocks: the header first, then pieces that begin and end on record boundaries.
//!
//! Where a block ends depends on the text and the block size alone, never on how the bytes arrived: both
//! passes of a run see the same blocks.

use std::sync::Arc;

use super::EngineError;
use crate::batch::Arrangement;
use crate::batch::pool::Pool;
use crate::format::beginning::{Beginning, Begun, Place, Wrong};
use crate::format::block::{Block, Boundary, End, Start, Trailer};
use crate::format::closing::{Closing, HELD};
use crate::format::csv::fault::Told;
use crate::format::cut::{Cut, CutError, CutErrorKind};
use crate::format::header::{FOREIGN_BYTES, refuse_foreign};
use crate::format::{Header, ROOM_FOR_STAGES, Reading};
use crate::settings::units::Size;
use crate::source::{Source, Text};
use crate::text::scan::count_lines;
use crate::text::shown::shown;
use crate::text::unseen::BYTE_ORDER_MARK;

/// Text of one block in bytes, unless a record needs more. The text, its cells and what they are encoded to stay
/// together in a core's own cache (512 KiB to 2 MiB); with 1 MiB, a survey takes 5 % more CPU and 13 MiB more memory.
pub const BLOCK: usize = 256 * 1024;

/// Cells of one block, at most: those that records lack are counted with those that they have. Records of a byte in a
/// table of a thousand columns would fill the memory otherwise; of what is written out, no block has as many.
const MAX_CELLS: usize = 1 << 20;

/// Text of the members' names that the rows of one block are written with in JSON, at most. Exports of surveys have
/// columns named by whole questions; a block of them would become a hundred times its size, and too large for its
/// buffer to be kept.
const MAX_NAMES: usize = 8 << 20;

/// Records of one block, at most, so that neither their cells nor what they are written as fill the memory.
fn most_records(names: &[Arc<str>]) -> usize {
    let written: usize = names.iter().map(|name| name.len()).sum();
    let cells = MAX_CELLS / names.len().max(1);
    cells.min(MAX_NAMES / written.max(1)).max(1)
}

/// The blocks of a source, in order.
pub struct Blocks {
    source: Arc<Source>,
    reading: Reading,
    header: Header,
    /// Of the file that is being read.
    arrangement: Option<Arc<Arrangement>>,
    boundary: Boundary,
    /// Records of one block, at most.
    most_records: usize,
    /// How many line feeds the buffer has up to there, where somebody has counted them.
    counted: Option<(usize, u64)>,
    file: usize,
    text: Option<Text>,
    buffer: Vec<u8>,
    /// Where in the file the buffer begins.
    start: Start,
    number: u64,
    closing: Closing,
    run: ClosingRun,
    texts: Pool<Vec<u8>>,
}

/// How far the closing lines of the file at hand are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClosingRun {
    /// Its end has not been seen. What may be closing lines is held back.
    Open,
    /// So many lines in a row may be closing ones that they were read as records.
    TooLong,
    /// They have been taken off, and that is to be told.
    Off(End),
    /// There is nothing to tell of them.
    Told,
}

impl Blocks {
    /// Opens a source and reads what comes before its records.
    ///
    /// # Errors
    /// A source that can't be read, or whose header can't be used.
    pub async fn open(source: Arc<Source>, mut reading: Reading) -> Result<Blocks, EngineError> {
        // So no record that is too long ever stands in a block.
        reading.block = reading.block.min(reading.limits.record.bytes());
        let mut opening = Opening {
            buffer: Vec::new(),
            file: 0,
            source: &source,
            reading: &reading,
        };
        let (text, begun, closing) = opening.open(None).await?;
        let start = begun.start();
        let boundary = begun.header.boundary();
        let (header, arrangement) = united(&source, &reading, begun.header).await?;
        Ok(Blocks {
            closing,
            run: ClosingRun::Open,
            most_records: most_records(header.names()),
            counted: None,
            boundary,
            header,
            arrangement,
            start,
            buffer: opening.buffer,
            file: 0,
            text: Some(text),
            number: 0,
            texts: Pool::default(),
            source,
            reading,
        })
    }

    /// Takes the buffers of blocks from there.
    pub fn with_texts(self, texts: &Pool<Vec<u8>>) -> Blocks {
        Blocks {
            texts: texts.clone(),
            ..self
        }
    }

    /// What the beginning of the source says.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next block, or none at the end of the last file.
    ///
    /// # Errors
    /// Reading, decompression, and text that can't be cut into records.
    pub async fn next(&mut self) -> Result<Option<Block>, EngineError> {
        let mut target = self.reading.block;
        let longest = self.reading.limits.record.bytes();
        loop {
            let Some(text) = &mut self.text else {
                return Ok(None);
            };
            let ended = text.fill(&mut self.buffer, target).await?;
            let at_end = ended && self.buffer.len() <= target;
            if at_end {
                self.take_off_closing()?;
            }
            let view = &self.buffer[..self.buffer.len().min(target)];
            let before = self.boundary.clone();
            match self
                .boundary
                .cut(view, at_end)
                .map_err(|e| self.cut_error(e))?
            {
                Cut::At(0) if at_end => {
                    self.is_last_page()?;
                    let told = self.end().map(|end| self.take(0, Some(end)));
                    self.next_file().await?;
                    target = self.reading.block;
                    if told.is_some() {
                        return Ok(told);
                    }
                }
                Cut::Skip(at) => {
                    self.start = self.start.behind(&self.buffer[..at]);
                    self.buffer.drain(..at);
                    target = self.reading.block;
                }
                Cut::At(at) => {
                    let at = self.fewer(before, at);
                    match self.hold_back(at, at_end) {
                        0 => target *= 2,
                        at => {
                            let is_last = at_end && at == self.buffer.len();
                            let end = if is_last { self.end() } else { None };
                            return Ok(Some(self.take(at, end)));
                        }
                    }
                }
                Cut::None { open } if target >= longest => return Err(self.too_long(0, open)),
                Cut::None { .. } => target = longest.min(target * 2),
            }
        }
    }

    /// Takes the closing lines off the text of a file, all of whose rest is in the buffer.
    fn take_off_closing(&mut self) -> Result<(), EngineError> {
        let was_too_long = self.run == ClosingRun::TooLong;
        if !matches!(self.run, ClosingRun::Open | ClosingRun::TooLong) {
            return Ok(());
        }
        if self.closing.is_empty() {
            self.run = ClosingRun::Told;
            return Ok(());
        }
        let len = self.buffer.len();
        let run = self.closing.run(&self.boundary, &self.buffer, true);
        if len - run.at > HELD || was_too_long && run.at == 0 {
            let message = format!(
                "from here on or before, every line looks like one of those that close the file (source.csv.footer, \
                 source.expect.trailer), and there is more than {} of them: write a pattern that records do not match",
                Size(HELD as u64)
            );
            return Err(self.setting(run.at, message));
        }
        let lines =
            |text: &[u8]| count_lines(text) + u64::from(!text.ends_with(b"\n") && !text.is_empty());
        let trailer = self.closing.trailer.is_some().then(|| match run.trailer {
            None => Trailer::Missing,
            Some((at, count)) => Trailer::Found {
                line: self.start.line + count_lines(&self.buffer[..at]),
                count,
            },
        });
        self.run = ClosingRun::Off(End {
            skipped: lines(&self.buffer[run.at..]),
            trailer,
        });
        self.buffer.truncate(run.at);
        Ok(())
    }

    /// Where to cut instead of `at`, so that no line which may be a closing one is read as a record before the end of the
    /// file says which it is.
    fn hold_back(&mut self, at: usize, at_end: bool) -> usize {
        if at_end || self.closing.is_empty() {
            return at;
        }
        let run = self.closing.run(&self.boundary, &self.buffer[..at], false);
        let goes_on = run.at == 0 && self.run == ClosingRun::TooLong;
        if goes_on || at - run.at > HELD {
            self.run = ClosingRun::TooLong;
            return at;
        }
        self.run = ClosingRun::Open;
        run.at
    }

    /// What is to be told of the end of the file, once.
    fn end(&mut self) -> Option<End> {
        match std::mem::replace(&mut self.run, ClosingRun::Told) {
            ClosingRun::Off(end) => Some(end),
            _ => None,
        }
    }

    /// Cuts again, and sooner, where a block would have too many records. `before` is the boundary as it
    /// was at its first cut, `at`.
    fn fewer(&mut self, before: Boundary, at: usize) -> usize {
        let view = &self.buffer[..at];
        let mut most = self.most_records;
        // A record has two bytes or more, and ends with one of these.
        if at / 2 <= most {
            return at;
        }
        let (end, ends) = match &self.boundary {
            Boundary::Json(cutter) => (b'}', cutter.most_records()),
            Boundary::Csv(_) | Boundary::Lines => {
                let lines = count_lines(view);
                self.counted = Some((at, lines));
                (b'\n', lines as usize)
            }
        };
        if ends <= most {
            return at;
        }
        while let Some(end) = memchr::memchr_iter(end, view).nth(most - 1) {
            let mut boundary = before.clone();
            if let Ok(Cut::At(sooner @ 1..)) = boundary.cut(&view[..=end], false) {
                self.boundary = boundary;
                return sooner;
            }
            most *= 2;
        }
        at
    }

    /// The error for a record that begins at an offset of the buffer and is too long; `open` is a quote in it that is
    /// not closed, which is the usual cause.
    fn too_long(&self, at: usize, open: Option<usize>) -> EngineError {
        let limit = self.reading.limits.record;
        // Where a bracket is missing, the record has no end; what is wrong with it says more than its length.
        if let Some(wrong) = self.boundary.wrong_in(&self.buffer) {
            return self.cut_error(wrong);
        }
        let (at, message) = match open {
            Some(open) => (
                open,
                format!(
                    "a quote that opens here is not closed within {limit}, the longest record (limits.record); \
                     is it meant as a quote?"
                ),
            ),
            None => (
                at,
                format!(
                    "a record that begins here is longer than {limit}, the longest record (limits.record)"
                ),
            ),
        };
        self.place(at, message)
    }

    fn take(&mut self, at: usize, end: Option<End>) -> Block {
        let mut rest = self.texts.take();
        rest.reserve(self.reading.block + self.reading.block / ROOM_FOR_STAGES);
        rest.extend_from_slice(&self.buffer[at..]);
        self.buffer.truncate(at);
        let bytes = std::mem::replace(&mut self.buffer, rest);
        let block = Block {
            number: self.number,
            file: self.file as u32,
            line: self.start.line,
            column: self.start.column,
            arrangement: self.arrangement.clone(),
            bytes,
            end,
        };
        self.number += 1;
        let lines = match self.counted.take() {
            Some((to, lines)) if to == at => lines,
            _ => count_lines(&block.bytes),
        };
        self.start = self.start.behind_lines(&block.bytes, lines);
        block
    }

    /// Where a source is read in pages, the last of them is the end of it, or the extract is not whole.
    fn is_last_page(&self) -> Result<(), EngineError> {
        match self.boundary.more() {
            Some(member) if self.file + 1 == self.source.origins().len() => Err(self.place(
                0,
                format!(
                    "the page says with its member `{}` that another page follows, but none does: the extract is incomplete; \
                     fetch the other pages too, and list them all in source.path, the last one last",
                    shown(member)
                ),
            )),
            _ => Ok(()),
        }
    }

    async fn next_file(&mut self) -> Result<(), EngineError> {
        self.file += 1;
        self.text = None;
        self.buffer.clear();
        if self.file == self.source.origins().len() {
            return Ok(());
        }
        let mut opening = Opening {
            buffer: std::mem::take(&mut self.buffer),
            file: self.file,
            source: &self.source,
            reading: &self.reading,
        };
        let (text, begun, closing) = opening.open(Some(&self.header)).await?;
        self.closing = closing;
        self.run = ClosingRun::Open;
        self.buffer = opening.buffer;
        self.start = begun.start();
        self.boundary = match self.header {
            // Its records are read with the parser of the first file, and so must they be cut.
            Header::Csv(_) => self.header.boundary(),
            Header::Json(_) => begun.header.boundary(),
        };
        self.arrangement = begun.header.arrangement().cloned();
        self.text = Some(text);
        Ok(())
    }

    /// An error at an offset of the buffer.
    fn place(&self, at: usize, message: String) -> EngineError {
        let place = self.start.behind(&self.buffer[..at.min(self.buffer.len())]);
        EngineError::Data {
            file: self.source.origins()[self.file].name.clone(),
            line: place.line,
            column: Some(place.column + 1),
            message,
        }
    }

    /// As [`Blocks::place`], where a setting mends it.
    fn setting(&self, at: usize, message: String) -> EngineError {
        let place = self.start.behind(&self.buffer[..at.min(self.buffer.len())]);
        EngineError::Setting {
            file: self.source.origins()[self.file].name.clone(),
            line: place.line,
            column: Some(place.column + 1),
            message,
        }
    }

    /// The error for a panic while the next block was read.
    pub(crate) fn gave_up(&self) -> EngineError {
        let file = self.file.min(self.source.origins().len() - 1);
        EngineError::gave_up(&self.source, file, self.start.line)
    }

    fn cut_error(&self, error: CutError) -> EngineError {
        let message = match (&self.boundary, error.kind) {
            (Boundary::Csv(dialect), CutErrorKind::OpenQuote) => Told {
                record: self.buffer[error.at..].trim_ascii_end(),
                line: self.start.line + count_lines(&self.buffer[..error.at]),
                dialect: *dialect,
            }
            .never_closed(),
            (_, kind) => kind.to_string(),
        };
        self.place(error.at, message)
    }
}

/// The line of an offset, from 0, and its column in bytes, from 1.
fn line_and_column(text: &[u8], at: usize) -> (u64, u64) {
    let before = &text[..at.min(text.len())];
    let line_start = memchr::memrchr(b'\n', before).map_or(0, |n| n + 1);
    (count_lines(before), (before.len() - line_start) as u64 + 1)
}

/// The header of the whole table, where the first file's is not all of it, and how the cells of the first file become
/// its columns.
async fn united(
    source: &Source,
    reading: &Reading,
    first: Header,
) -> Result<(Header, Option<Arc<Arrangement>>), EngineError> {
    let mut table = first.clone();
    for file in 1..source.origins().len() {
        if !reading.unites(&first) {
            break;
        }
        let mut opening = Opening {
            buffer: Vec::new(),
            file,
            source,
            reading,
        };
        let other = opening.peek().await?;
        let name = &source.origins()[0].name;
        let united = reading.unite(table, &other, name);
        table = united.map_err(|wrong| opening.error(wrong))?;
    }
    let name = &source.origins()[0].name;
    let arrangement = match reading.fit(first, &table, name) {
        Ok(fitted) => fitted.arrangement().cloned(),
        // The table has all of its columns.
        Err(_) => None,
    };
    Ok((table, arrangement))
}

/// A file of the source, read up to its first record.
struct Opening<'a> {
    source: &'a Source,
    reading: &'a Reading,
    file: usize,
    buffer: Vec<u8>,
}

impl Opening<'_> {
    /// Leaves the buffer beginning with the records. `first` is the header of the source's first file, where this is
    /// another.
    async fn open(
        &mut self,
        first: Option<&Header>,
    ) -> Result<(Text, Begun<Header>, Closing), EngineError> {
        let text = self.source.open(self.file).await?;
        self.begin(text, first).await
    }

    /// The header alone, of a file that is read later.
    async fn peek(&mut self) -> Result<Header, EngineError> {
        let text = self.source.peek(self.file).await?;
        let (_, begun, _) = self.begin(text, None).await?;
        Ok(begun.header)
    }

    async fn begin(
        &mut self,
        mut text: Text,
        first: Option<&Header>,
    ) -> Result<(Text, Begun<Header>, Closing), EngineError> {
        text.fill(&mut self.buffer, FOREIGN_BYTES).await?;
        // Some programs write a byte order mark before one that is there.
        while self.buffer.starts_with(BYTE_ORDER_MARK) {
            self.buffer.drain(..BYTE_ORDER_MARK.len());
        }
        refuse_foreign(&self.buffer).map_err(|wrong| self.error(wrong))?;
        let longest = self.reading.limits.record.bytes();
        let mut want = self.reading.block;
        let begun = loop {
            let ended = text.fill(&mut self.buffer, want).await?;
            let begins = Beginning {
                file: &self.source.origins()[self.file].name,
                text: &self.buffer,
                ended,
                full: want >= longest,
            };
            let begun = self.reading.begin(&begins, first);
            if let Some(begun) = begun.map_err(|wrong| self.error(wrong))? {
                break begun;
            }
            want = longest.min(want * 2);
        };
        let closing = self.reading.closing_of(&begun.header);
        let closing = closing.map_err(|wrong| self.error(wrong))?;
        self.buffer.drain(..begun.at);
        let Some(first) = first else {
            return Ok((text, begun, closing));
        };
        let name = &self.source.origins()[0].name;
        let fitted = self.reading.fit(begun.header, first, name);
        let header = fitted.map_err(|wrong| self.error(wrong))?;
        Ok((text, Begun { header, ..begun }, closing))
    }

    fn error(&self, wrong: Wrong) -> EngineError {
        let (line, column) = match wrong.place {
            Place::Line(line) => (line, None),
            Place::Byte(at) => {
                let (line, column) = line_and_column(&self.buffer, at);
                (line + 1, Some(column))
            }
        };
        let file = self.source.origins()[self.file].name.clone();
        let message = wrong.message;
        if wrong.empty && self.source.origins().len() == 1 {
            return EngineError::Empty {
                file,
                line,
                column,
                message,
            };
        }
        match wrong.setting {
            true => EngineError::Setting {
                file,
                line,
                column,
                message,
            },
            false => EngineError::Data {
                file,
                line,
                column,
                message,
            },
        }
    }
}

#[cfg(test)]
mod tests;
