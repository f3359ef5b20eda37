//! Rows of the rejects file of a JSON source: one object a line, what is said of the row and then its own members.

use super::said::{Page, Said};
use super::{ADDED, RejectedRow};
use crate::format::added::LINE;
use crate::format::json::fed_back::{COLUMNS, RAW, names};
use crate::format::json::{LAYOUT, UNKNOWN_MEMBER};

/// How rows are written, without the file.
#[derive(Debug)]
pub(super) struct JsonRows {
    /// The source's columns, as a JSON array.
    columns: Vec<u8>,
}

impl JsonRows {
    pub(super) fn new(columns: &[String]) -> JsonRows {
        let mut array = vec![b'['];
        for (at, name) in columns.iter().enumerate() {
            if at > 0 {
                array.push(b',');
            }
            push_text(&mut array, name);
        }
        array.push(b']');
        JsonRows { columns: array }
    }

    /// Appends a row, with its line end.
    pub(super) fn push_row(&self, page: &mut Page, row: &RejectedRow<'_>, first: bool) {
        let (out, text) = (&mut *page.bytes, &mut page.text);
        let said = Said::of(row, None, &[]);
        for (added, name) in ADDED.iter().enumerate() {
            out.push(if added == 0 { b'{' } else { b',' });
            push_text(out, name);
            out.push(b':');
            text.clear();
            said.push(added, text);
            match added {
                // A number.
                LINE => out.extend_from_slice(text.as_bytes()),
                _ => push_text(out, text),
            }
        }
        // No row tells by its members which of them are columns. The first says it for all; one with a member that is
        // not a column says it wherever it is copied to.
        let has_more = |code: &str| [UNKNOWN_MEMBER, LAYOUT].contains(&code);
        if first || row.faults.iter().any(|f| has_more(&f.code)) {
            out.push(b',');
            push_text(out, COLUMNS);
            out.push(b':');
            out.extend_from_slice(&self.columns);
        }
        push_own(out, row.original);
        out.extend_from_slice(b"}\n");
    }
}

/// Appends the members of a record as they are written, on one line; of what is not an object, its text.
fn push_own(out: &mut Vec<u8>, record: &[u8]) {
    let record = record.trim_ascii();
    let own = names(record).filter(|names| !names.iter().any(|name| name == RAW));
    let inner = own.and_then(|_| record.strip_prefix(b"{")?.strip_suffix(b"}"));
    match inner {
        Some(inner) if inner.trim_ascii().is_empty() => {}
        Some(inner) => {
            out.push(b',');
            // In JSON a line end is a blank, or not allowed.
            let on_one_line = |b: &u8| if b"\r\n".contains(b) { b' ' } else { *b };
            out.extend(inner.iter().map(on_one_line));
        }
        None => {
            out.push(b',');
            push_text(out, RAW);
            out.extend_from_slice(b":\"");
            for chunk in record.utf8_chunks() {
                let mut text = Vec::new();
                push_text(&mut text, chunk.valid());
                out.extend_from_slice(&text[1..text.len() - 1]);
                // What is not UTF-8 stays so, and is found again.
                out.extend_from_slice(chunk.invalid());
            }
            out.push(b'"');
        }
    }
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    json_escape_simd::escape_into(text, out);
}
