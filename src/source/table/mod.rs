//! Files whose records are neither CSV nor JSON: a thread writes them as JSON, one object a record, and that is read
//! like any other JSON.
//!
//! What is written for a record begins on the line of the JSON that has the number of the record's own line (of a
//! sheet, of its row): so messages and rejects name the place in the file itself.

// Without the feature its twin, which has the same face and reads nothing.
mod caught;
#[cfg_attr(not(feature = "parquet"), path = "columnar/disabled.rs")]
mod columnar;
mod container;
mod fixed;
mod hdl;
#[cfg_attr(
    not(any(feature = "parquet", feature = "xlsx")),
    expect(dead_code, reason = "only workbooks and columns need it")
)]
mod input;
mod lines;
#[cfg_attr(
    not(feature = "xlsx"),
    expect(dead_code, reason = "only workbooks need it")
)]
mod records;
pub(super) mod remarks;
pub(crate) mod sheet_spec;
pub(crate) mod spec;
// Without the feature its twin, which has the same face and reads nothing.
#[cfg_attr(not(feature = "xlsx"), path = "xlsx/disabled.rs")]
mod xlsx;
mod xml;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

pub(crate) use caught::is_caught;
use container::Container;
pub(crate) use hdl::INSTRUCTION;
use input::{Input, Seekable};
use lines::Lines;
use records::Records;
use remarks::Remarks;
use spec::{Layout, Table, Tables};

use super::bytes::made;
use super::bytes::zip::looks_like_workbook;
use super::error::{Choice, SourceError};
use super::spec::Encoding;
use super::text::Text;
use crate::format::json;
use crate::settings::limits::Limits;
use crate::text::scan::Quoting;

/// Bytes of JSON that are handed over at once.
const PIECE: usize = 64 * 1024;

impl Layout {
    /// The table that a file is which begins with these bytes, if it is one.
    pub(super) fn table(&self, head: &[u8]) -> Option<Table> {
        match self {
            Layout::Auto(tables) => tables.known(head),
            Layout::Text => None,
            Layout::TextOrBook(book) => is_book(head).then(|| Table::Xlsx(book.clone())),
            Layout::Table(table) => Some(table.clone()),
        }
    }
}

fn is_book(head: &[u8]) -> bool {
    looks_like_workbook(head) || head.starts_with(xlsx::OLD)
}

impl Tables {
    fn known(&self, head: &[u8]) -> Option<Table> {
        if is_book(head) {
            return Some(Table::Xlsx(self.book.clone()));
        }
        if let Some(container) = Container::of(head) {
            return Some(Table::Columnar(container, self.wanted.clone()));
        }
        let (encoding, mark) =
            encoding_rs::Encoding::for_bom(head).unwrap_or((encoding_rs::UTF_8, 0));
        let (head, _) = encoding.decode_without_bom_handling(&head[mark..]);
        // Of UTF-16 without a mark, the zeros are left over.
        let head = head.replace('\0', "");
        match () {
            () if xml::begins(&head) => Some(Table::Xml(self.xml.clone())),
            () if hdl::begins(&head) => Some(Table::Hdl(self.hdl.clone())),
            () => None,
        }
    }
}

/// Writes the rejects file that a workbook was made of, where that was quoted, in these quotes. Whether it is a workbook
/// of rejects and of nothing else.
///
/// # Errors
/// It can't be read, or `out` not be written.
pub(crate) fn rejects_of(
    file: File,
    (quoting, limits): (Quoting, &Limits),
    out: &mut dyn Write,
) -> io::Result<bool> {
    let file = Seekable::of(file)?;
    let written = xlsx::rejects_of(file, (quoting, limits), &mut Records::new(out));
    written.map_err(|wrong| wrong.of("the workbook".to_owned()))
}

/// What a table is read with beside its own settings.
pub(super) struct Terms {
    pub(super) limits: Limits,
    /// Is told what may not have been meant.
    pub(super) remarks: Remarks,
    /// Is told which element is a record, where it is XML and nothing is stated.
    pub(super) record: Arc<OnceLock<String>>,
    /// What is written turns out to be a rejects file, and says itself what it is.
    pub(super) rejects: Arc<AtomicBool>,
}

impl Terms {
    /// To be told before anything is written.
    #[cfg_attr(
        not(feature = "xlsx"),
        expect(dead_code, reason = "only workbooks need it")
    )]
    fn is_of_rejects(&self) {
        self.rejects.store(true, Ordering::Relaxed);
    }
}

impl Table {
    /// Whether it is made of characters, in whatever encoding; else it is made of bytes.
    pub(super) fn is_text(&self) -> bool {
        match self {
            Table::Fixed(_) | Table::Hdl(_) | Table::Xml(_) => true,
            Table::Xlsx(_) | Table::Columnar(..) => false,
        }
    }

    /// Whether something closes its records, without which it is not read to its end: the root's tag, or an archive's
    /// directory.
    pub(super) fn is_closed(&self) -> bool {
        match self {
            Table::Fixed(_) | Table::Hdl(_) => false,
            Table::Xml(_) | Table::Xlsx(_) | Table::Columnar(..) => true,
        }
    }

    /// The encoding of a file that begins with these bytes, where this one is stated or none, and what may not have been
    /// meant in that.
    ///
    /// # Errors
    /// The file says itself that it has one that is not known.
    pub(super) fn encoding(
        &self,
        stated: Encoding,
        head: &[u8],
    ) -> Result<(Encoding, Option<String>), String> {
        match self {
            Table::Xml(_) => xml::encoding(stated, head),
            Table::Fixed(_) | Table::Hdl(_) | Table::Xlsx(_) | Table::Columnar(..) => {
                Ok((stated, None))
            }
        }
    }

    /// Its format, as the pipeline file calls it.
    fn format(&self) -> &'static str {
        match self {
            Table::Fixed(_) => "fixed",
            Table::Hdl(_) => "hdl",
            Table::Xml(_) => "xml",
            Table::Xlsx(_) => "xlsx",
            Table::Columnar(container, _) => container.format(),
        }
    }

    /// How the objects stand beside each other that are made of its records.
    fn layout(&self) -> json::Layout {
        match self {
            Table::Fixed(_) | Table::Hdl(_) | Table::Xlsx(_) | Table::Columnar(..) => {
                json::Layout::Lines
            }
            Table::Xml(_) => json::Layout::Documents,
        }
    }

    /// Starts to write the records of a file as JSON. The thread ends when all is written, or as soon as nobody reads
    /// that.
    pub(super) fn read(self, text: Text, terms: Terms) -> Text {
        let name = text.name().to_owned();
        let (input, format, layout) = (Input::new(text), self.format(), self.layout());
        let place = name.clone();
        let rejects = terms.rejects.clone();
        let made = made::by_thread(move |out| {
            let mut out = BufWriter::with_capacity(PIECE, out);
            let written = self.write(input, &terms, &mut Records::new(&mut out));
            written.map_err(|wrong| wrong.of(place))?;
            out.flush()
        });
        Text::made(name, made).of_table(format, layout, rejects)
    }

    fn write(self, input: Input, terms: &Terms, out: &mut Records<'_>) -> Result<(), Wrong> {
        let limits = &terms.limits;
        match self {
            Table::Fixed(stated) => {
                fixed::write(&stated, Lines::new(input, limits), &terms.remarks, out)
            }
            Table::Hdl(stated) => hdl::write(&stated, Lines::new(input, limits), out),
            Table::Xml(stated) => xml::write(&stated, input, limits, &terms.record, out),
            Table::Xlsx(stated) => xlsx::write(&stated, input, terms, out),
            Table::Columnar(container, wanted) => {
                columnar::write(container, wanted.as_deref(), input, limits, out)
            }
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
        /// What it may be set to.
        choice: Option<Choice>,
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
            choice: None,
        }
    }

    /// The same, mended by another setting.
    pub(in crate::source) fn setting(line: u64, message: impl Into<String>) -> Wrong {
        Wrong::Data {
            line,
            message: message.into(),
            setting: true,
            choice: None,
        }
    }

    /// The same, where the setting says which of these is read.
    pub(in crate::source) fn of_several(self, setting: &'static str, names: Vec<String>) -> Wrong {
        match self {
            Wrong::Data { line, message, .. } => Wrong::Data {
                line,
                message,
                setting: true,
                choice: Some(Choice { setting, names }),
            },
            io => io,
        }
    }

    fn of(self, name: String) -> io::Error {
        match self {
            Wrong::Io(error) => error,
            Wrong::Data {
                line,
                message,
                setting,
                choice,
            } => io::Error::other(SourceError::Table {
                place: match line {
                    0 => name,
                    line => format!("{name}:{line}"),
                },
                message,
                setting,
                choice,
            }),
        }
    }
}
