//! Rows as NDJSON: an object a line.

use super::{From, PLACE};
use crate::batch::{Batch, Kind};
use crate::text::written::{Label, Written};

/// A column as a member.
#[derive(Debug)]
pub(super) struct Member {
    slot: usize,
    /// `,"name":`, escaped. In the first member of a row the comma becomes a brace.
    name: Label,
    /// The same, and the quote that opens a text.
    text: Label,
}

impl Member {
    pub(super) fn new(name: &str, slot: usize) -> Member {
        let mut label = vec![b','];
        json_escape_simd::escape_into(name, &mut label);
        label.push(b':');
        Member {
            slot,
            name: Label::new(&label),
            text: Label::new(&[&label[..], b"\""].concat()),
        }
    }
}

pub(super) fn write(
    batch: &Batch,
    members: &[Member],
    rows: &[usize],
    places: Option<From<'_>>,
    out: &mut Written,
) {
    let members: Vec<_> = members.iter().map(|m| (m, batch.column(m.slot))).collect();
    let places = places.map(|from| (from, of_file(from.file)));
    let text = batch.bytes();
    let mut escaped = Vec::new();
    out.reserve(batch.text_len());
    for &row in rows {
        let begin = out.len();
        out.append(|out, mut at| {
            for (member, cells) in &members {
                let cell = cells[row];
                if cell.is_plain_text() {
                    at = out.put_label(at, &member.text);
                    at = out.put_part(at, text, cell.span().start, cell.len());
                    at = out.put_byte(at, b'"');
                    continue;
                }
                if cell.kind() == Kind::Missing {
                    continue;
                }
                at = out.put_label(at, &member.name);
                at = match cell.kind() {
                    Kind::Null => out.put(at, b"null"),
                    Kind::Number | Kind::Bool | Kind::Json => {
                        out.put_part(at, text, cell.span().start, cell.len())
                    }
                    Kind::Text | Kind::Faulty | Kind::Missing => {
                        escaped.clear();
                        json_escape_simd::escape_into(batch.text(cell), &mut escaped);
                        out.put(at, &escaped)
                    }
                };
            }
            if let Some((from, file)) = &places {
                at = out.put(at, file);
                at = out.put(at, from.line(batch, row).to_string().as_bytes());
            }
            at
        });
        match out.get_mut(begin) {
            Some(first) => *first = b'{',
            None => out.push(b'{'),
        }
        out.extend(b"}\n");
    }
}

/// The members that say where a row comes from, up to its line.
fn of_file(file: &str) -> Vec<u8> {
    let [file_is, line_is] = PLACE;
    let mut label = format!(",\"{file_is}\":").into_bytes();
    json_escape_simd::escape_into(file, &mut label);
    label.extend_from_slice(format!(",\"{line_is}\":").as_bytes());
    label
}
