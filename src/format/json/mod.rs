//! JSON: documents or lines cut into whole objects, and objects parsed into a batch.
//!
//! | file | what it is |
//! |---|---|
//! | `spec`, `path` | what the pipeline says: where the records are, and what becomes of nested values |
//! | `grammar` | the grammar, byte by byte, with words for what is wrong |
//! | `cut`, `around`, `pages` | where the text is cut, and what stands around the records |
//! | `header`, `discover`, `wrapper` | the beginning: the columns, and whether the first object is a record at all |
//! | `tree` | which members are columns |
//! | `sheet_error` | errors of a spreadsheet's cells |
//! | `parse`, `documents`, `flat`, `members` | objects into cells: the short way for flat ones, the general one for all |

mod around;
pub(crate) mod cut;
mod discover;
mod documents;
pub(crate) mod fed_back;
mod flat;
mod found;
mod grammar;
mod header;
mod members;
mod pages;
mod parse;
mod path;
#[cfg_attr(
    not(feature = "xlsx"),
    expect(dead_code, reason = "only workbooks need it")
)]
pub(crate) mod sheet_error;
mod spec;
#[cfg(test)]
mod tests;
mod tree;
mod wrapper;

pub use grammar::Reason;
pub use header::discover;
pub(crate) use header::header;
pub(crate) use header::{Header, Known};
pub(crate) use parse::JsonError;
pub use parse::Parser;
pub use path::Path;
pub use spec::{Arrays, Form};
pub(crate) use spec::{FAULT, LAYOUT, UNKNOWN_MEMBER};
pub(crate) use wrapper::records_within;

use crate::text::unseen::BYTE_ORDER_MARK;

/// How the objects of a text stand beside each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One object a line.
    Lines,
    /// Documents one after another: objects, or arrays of objects.
    Documents,
}

/// A line from its record on. Files that were joined have their byte order marks in the middle.
fn record_of(line: &str) -> &str {
    line.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '\u{feff}')
}

/// How much of a text stands before its first document, or behind an element of an array: blanks, and between documents
/// the byte order marks of files that were joined. A part of a mark is not one.
fn between(within: bool, text: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match &text[at..] {
            [byte, ..] if is_blank(*byte) => at += 1,
            rest if !within && rest.starts_with(BYTE_ORDER_MARK) => at += BYTE_ORDER_MARK.len(),
            _ => return at,
        }
    }
}

/// Whether a text may be the first bytes of a byte order mark whose others have yet to come.
fn may_become_mark(text: &[u8]) -> bool {
    !text.is_empty() && text.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(text)
}

/// Whether a byte may stand between what JSON is made of.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
