//! From decoded text to blocks: the header first, then pieces that begin and end on record boundaries.
//!
//! The text comes in pieces of the block's size. A block is what was left of the one before, and the next piece up to
//! the last boundary in it. So where a block ends depends on the text and the block size alone, never on how the bytes
//! arrived: both passes of a run see the same blocks.

mod closing;

use std::sync::Arc;

use super::EngineError;
use super::ahead::{Ahead, Piece};
use super::opening::{Opening, united};
use crate::batch::Arrangement;
use crate::batch::pool::{Lease, Pool};
use crate::format::block::{Block, Boundary, End, Seen, Start};
use crate::format::closing::Closing;
use crate::format::csv::fault::Told;
use crate::format::cut::{Cut, CutError, CutErrorKind};
use crate::format::unread::Unread;
use crate::format::{Header, Reading};
use crate::source::{Source, may_end};
use crate::text::scan::count_lines;
use crate::text::shown::shown;
use crate::text::unseen::without_end_marks;
use crate::text::written::Written;

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
    ahead: Ahead,
    buffer: Vec<u8>,
    /// The buffer has all that is left of the file.
    ended: bool,
    /// The buffer has no boundary that could be found without more text.
    dry: bool,
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
        let ended = text.has_ended();
        let start = begun.start();
        let boundary = begun.header.boundary();
        let buffer = opening.buffer;
        let (header, arrangement) = united(&source, &reading, begun.header).await?;
        let ahead = Ahead::new(reading.block);
        ahead.open(text, &boundary, &buffer).await;
        Ok(Blocks {
            ahead,
            ended,
            dry: false,
            closing,
            run: ClosingRun::Open,
            most_records: most_records(header.names()),
            counted: None,
            boundary,
            header,
            arrangement,
            start,
            buffer,
            file: 0,
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

    /// The pieces of the file at hand, which may be read ahead.
    pub(super) fn ahead(&self) -> Ahead {
        self.ahead.clone()
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
        if let Some(block) = self.quick().await? {
            return Ok(Some(block));
        }
        let block = self.reading.block;
        let longest = self.reading.limits.record.bytes();
        // How much of the buffer is looked at, at least; and how much of it there has to be for that.
        let mut target = block;
        let mut want = match self.dry {
            true => self.buffer.len() + 1,
            false => block.div_ceil(2),
        };
        while self.file < self.source.origins().len() {
            self.fill(want).await?;
            let len = self.buffer.len();
            // With what was left of the one before, a piece is a block.
            let mut view = match len < 2 * block && len <= longest {
                true => len,
                false => len.min(target),
            };
            let at_end = self.ended && view == len;
            if at_end {
                self.take_off_closing()?;
                view = self.buffer.len();
            }
            let before = self.boundary.clone();
            let cut = self.boundary.cut(&self.buffer[..view], at_end);
            self.dry = view == len && !matches!(cut, Ok(Cut::Skip(_)));
            match cut.map_err(|e| self.cut_error(e))? {
                Cut::At(0) if at_end => {
                    self.is_last_page()?;
                    let told = self.end().map(|end| self.take(0, Some(end)));
                    self.next_file().await?;
                    (target, want) = (block, block.div_ceil(2));
                    if told.is_some() {
                        return Ok(told);
                    }
                }
                Cut::Skip(at) => {
                    self.start = self.start.behind(&self.buffer[..at]);
                    self.buffer.drain(..at);
                    self.counted = None;
                    (target, want) = (block, block.div_ceil(2));
                }
                Cut::At(last) => {
                    let at = self.fewer(before, last);
                    match self.hold_back(at, at_end) {
                        0 => {
                            target = 2 * target.max(view);
                            want = target;
                        }
                        at => {
                            self.dry &= at == last;
                            let is_last = at_end && at == self.buffer.len();
                            let end = if is_last { self.end() } else { None };
                            return Ok(Some(self.take(at, end)));
                        }
                    }
                }
                Cut::None { open } if view >= longest => return Err(self.too_long(0, open)),
                Cut::None { .. } => {
                    target = longest.min(2 * target.max(view));
                    want = target;
                }
            }
        }
        Ok(None)
    }

    /// The next block, where it is what was left of the one before and a piece of which enough was seen beforehand.
    /// Nothing is looked at then but the record in which the piece begins.
    async fn quick(&mut self) -> Result<Option<Block>, EngineError> {
        let is_between = self.dry && !self.ended && self.closing.is_empty();
        if !is_between || self.buffer.len() >= self.reading.block {
            return Ok(None);
        }
        let piece = self.ahead.next().await?;
        match self.goes_on(&piece) {
            Some(seen) => Ok(Some(self.take_piece(piece.bytes, &seen))),
            None => {
                self.append(piece).await;
                Ok(None)
            }
        }
    }

    /// What was seen in a piece, if that was right. Its beginning is in the buffer then.
    fn goes_on(&mut self, piece: &Piece) -> Option<Seen> {
        let seen = piece
            .seen
            .filter(|_| !piece.ended && !may_end(&piece.bytes))?;
        let rest = self.buffer.len();
        self.buffer.extend_from_slice(&piece.bytes[..seen.first]);
        let at = rest + seen.last;
        let boundary = self
            .boundary
            .confirm(&self.buffer, &seen)
            .filter(|boundary| {
                let records = match boundary {
                    Boundary::Json(cutter) => cutter.most_records(),
                    Boundary::Csv(_) | Boundary::Lines => {
                        (count_lines(&self.buffer) + seen.lines) as usize
                    }
                };
                (at / 2).min(records) <= self.most_records
                    && rest + piece.bytes.len() <= self.reading.limits.record.bytes()
            });
        let Some(boundary) = boundary else {
            self.buffer.truncate(rest);
            return None;
        };
        self.boundary = boundary;
        Some(seen)
    }

    /// The block of what is in the buffer, and of what of a piece follows that.
    fn take_piece(&mut self, piece: Lease<Written>, seen: &Seen) -> Block {
        let head = std::mem::replace(&mut self.buffer, self.texts.take());
        self.buffer.extend_from_slice(&piece[seen.last..]);
        let part = seen.first..seen.last;
        let start = self.start;
        self.start = (start.behind(&head)).behind_lines(&piece[part.clone()], seen.lines);
        self.block(start, Unread::new(head, piece, part), None)
    }

    /// Reads pieces until the buffer has `want` bytes, or the file ends.
    async fn fill(&mut self, want: usize) -> Result<(), EngineError> {
        // A mark at the very end may be the file's, which shows only when there is no more.
        while !self.ended && (self.buffer.len() < want || may_end(&self.buffer)) {
            let piece = self.ahead.next().await?;
            self.append(piece).await;
        }
        Ok(())
    }

    /// Puts a piece behind what is in the buffer.
    async fn append(&mut self, piece: Piece) {
        self.buffer.extend_from_slice(&piece.bytes);
        self.dry = false;
        self.ended = piece.ended;
        if self.ended {
            self.ahead.close().await;
            self.buffer.truncate(without_end_marks(&self.buffer));
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
        rest.extend_from_slice(&self.buffer[at..]);
        self.buffer.truncate(at);
        let bytes = std::mem::replace(&mut self.buffer, rest);
        let lines = match self.counted.take() {
            Some((to, lines)) if to == at => lines,
            _ => count_lines(&bytes),
        };
        let start = self.start;
        self.start = start.behind_lines(&bytes, lines);
        self.block(start, bytes.into(), end)
    }

    fn block(&mut self, start: Start, bytes: Unread, end: Option<End>) -> Block {
        let number = self.number;
        self.number += 1;
        Block {
            number,
            file: self.file as u32,
            line: start.line,
            column: start.column,
            arrangement: self.arrangement.clone(),
            bytes,
            end,
        }
    }

    /// Where a source is read in pages, the last of them is the end of it, or the extract is not whole.
    fn is_last_page(&self) -> Result<(), EngineError> {
        match self.boundary.more() {
            Some(member) if self.file + 1 == self.source.origins().len() => Err(self.place(
                0,
                format!(
                    "the page says with its member `{}` that another page follows, but none does: the extract is incomplete; \
                     fetch the other pages too, and list them all in source.path, the last one last; at a web server source.https.paging \
                     follows them",
                    shown(member)
                ),
            )),
            _ => Ok(()),
        }
    }

    async fn next_file(&mut self) -> Result<(), EngineError> {
        self.file += 1;
        self.ahead.close().await;
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
        (self.ended, self.dry) = (text.has_ended(), false);
        (self.ahead.open(text, &self.boundary, &self.buffer)).await;
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

#[cfg(test)]
mod tests;
