//! Files are opened: each is read up to its first record, and its header held against that of the first.

use std::sync::Arc;

use super::EngineError;
use crate::batch::Arrangement;
use crate::format::beginning::{Beginning, Begun, Place, Wrong};
use crate::format::closing::Closing;
use crate::format::header::{FOREIGN_BYTES, refuse_foreign, refuse_table};
use crate::format::{Header, Reading};
use crate::source::{Made, Source, Text};
use crate::text::scan::count_lines;
use crate::text::unseen::BYTE_ORDER_MARK;

/// The line of an offset, from 0, and its column in bytes, from 1.
fn line_and_column(text: &[u8], at: usize) -> (u64, u64) {
    let before = &text[..at.min(text.len())];
    let line_start = memchr::memrchr(b'\n', before).map_or(0, |n| n + 1);
    (count_lines(before), (before.len() - line_start) as u64 + 1)
}

/// The header of the whole table, where the first file's is not all of it, and how the cells of the first file become
/// its columns.
pub(super) async fn united(
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
pub(super) struct Opening<'a> {
    pub(super) source: &'a Source,
    pub(super) reading: &'a Reading,
    pub(super) file: usize,
    pub(super) buffer: Vec<u8>,
}

impl Opening<'_> {
    /// Leaves the buffer beginning with the records. `first` is the header of the source's first file, where this is
    /// another.
    pub(super) async fn open(
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
        let refused = refuse_table(&self.buffer).and_then(|()| refuse_foreign(&self.buffer));
        refused.map_err(|wrong| self.error(wrong))?;
        let made_of = text.made_of();
        let reading = match made_of {
            Made::Objects(table, layout) => &self.reading.of_objects(table, layout),
            Made::Rejects => &self.reading.of_rejects(),
            Made::Own => self.reading,
        };
        let longest = reading.limits.record.bytes();
        let mut want = reading.block;
        let mut begun = loop {
            let ended = text.fill(&mut self.buffer, want).await?;
            let begins = Beginning {
                file: text
                    .entry()
                    .unwrap_or(&self.source.origins()[self.file].name),
                text: &self.buffer,
                ended,
                full: want >= longest,
            };
            let begun = reading.begin(&begins, first);
            if let Some(begun) = begun.map_err(|wrong| self.error(wrong))? {
                break begun;
            }
            want = longest.min(want * 2);
        };
        if !matches!(made_of, Made::Own) {
            // What stands above the first record of a table was read there: it is not lines that are no records.
            let above = self
                .buffer
                .iter()
                .take_while(|byte| **byte == b'\n')
                .count();
            begun.at += above;
            begun.line += above as u64;
        }
        if begun.header.is_closed() {
            self.source.origins()[self.file].is_closed();
        }
        let closing = reading.closing_of(&begun.header);
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
