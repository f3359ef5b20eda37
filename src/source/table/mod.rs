//! Files whose records are neither CSV nor JSON: a thread writes them as JSON, one object a record, and that is read
//! like any other JSON.
//!
//! What is written for a record begins on the line of the JSON that has the number of the record's own line (of a
//! sheet, of its row): so messages and rejects name the place in the file itself.

mod fixed;
mod input;
mod records;
pub(crate) mod spec;

use std::io::{self, BufWriter, Write};

use input::Input;
use records::Records;

use super::bytes::made;
use super::error::SourceError;
use super::text::Text;
use crate::format::json;

/// Bytes of JSON that are handed over at once.
const PIECE: usize = 64 * 1024;

/// What is stated of how the records stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Layout {
    /// The first bytes tell.
    #[default]
    Auto,
    /// They are CSV or JSON.
    Text,
    /// They are a table's.
    Table(Table),
}

impl Layout {
    /// The table that a file is which begins with these bytes, if it is one.
    pub(super) fn table(&self, _head: &[u8]) -> Option<Table> {
        match self {
            Layout::Auto | Layout::Text => None,
            Layout::Table(table) => Some(table.clone()),
        }
    }
}

/// How the records stand in a file, where that is neither CSV nor JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Table {
    /// Cells of fixed width.
    Fixed(spec::FixedSpec),
}

impl Table {
    /// Whether it is made of characters, in whatever encoding; else it is made of bytes.
    pub(super) fn is_text(&self) -> bool {
        match self {
            Table::Fixed(_) => true,
        }
    }

    /// How the objects stand beside each other that are made of its records.
    fn layout(&self) -> json::Layout {
        match self {
            Table::Fixed(_) => json::Layout::Lines,
        }
    }

    /// Starts to write the records of a file as JSON. The thread ends when all is written, or as soon as nobody reads
    /// that.
    pub(super) fn read(self, text: Text) -> Text {
        let name = text.name().to_owned();
        let (input, layout) = (Input::new(text), self.layout());
        let place = name.clone();
        let made = made::by_thread(move |out| {
            let mut out = BufWriter::with_capacity(PIECE, out);
            let written = self.write(input, &mut Records::new(&mut out));
            written.map_err(|wrong| wrong.of(place))?;
            out.flush()
        });
        Text::made(name, made).laid_out(layout)
    }

    fn write(self, input: Input, out: &mut Records<'_>) -> Result<(), Wrong> {
        match self {
            Table::Fixed(spec) => fixed::write(&spec, input, out),
        }
    }
}

/// Why the records of a file can't be told.
#[derive(Debug)]
pub(in crate::source) enum Wrong {
    /// It can't be read, or nobody wants to know more of it.
    Io(io::Error),
    /// It is not what it should be.
    Data {
        /// Physical line, or row of a sheet, from 1; 0 where there is none.
        line: u64,
        message: String,
        /// Another setting mends it.
        setting: bool,
    },
}

impl From<io::Error> for Wrong {
    fn from(error: io::Error) -> Wrong {
        Wrong::Io(error)
    }
}

impl Wrong {
    /// At a line, from 1; 0 where it is of no line.
    pub(in crate::source) fn data(line: u64, message: impl Into<String>) -> Wrong {
        Wrong::Data {
            line,
            message: message.into(),
            setting: false,
        }
    }

    /// The same, mended by another setting.
    pub(in crate::source) fn setting(line: u64, message: impl Into<String>) -> Wrong {
        Wrong::Data {
            line,
            message: message.into(),
            setting: true,
        }
    }

    fn of(self, name: String) -> io::Error {
        match self {
            Wrong::Io(error) => error,
            Wrong::Data {
                line,
                message,
                setting,
            } => io::Error::other(SourceError::Table {
                place: match line {
                    0 => name,
                    line => format!("{name}:{line}"),
                },
                message,
                setting,
            }),
        }
    }
}
