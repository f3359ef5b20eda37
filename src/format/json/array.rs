//! Reads the elements of an array.

use serde::de::DeserializeSeed;
use serde_json::value::RawValue;

use super::flat;
use super::found::Found;
use super::members::Members;
use super::parse::{JsonError, Parser, reason};
use crate::text::scan::count_lines;

impl Parser {
    pub(super) fn parse_array(&self, text: &str, found: &mut Found) -> Result<(), JsonError> {
        let mut at = 0;
        let mut line = 0u32;
        let fail = |at: usize, message: &str| {
            // The place may be within a character.
            let before = &text.as_bytes()[..at];
            let line_start = memchr::memrchr(b'\n', before).map_or(0, |n| n + 1);
            Err(JsonError {
                line: count_lines(before) as u32,
                column: (at - line_start) as u32 + 1,
                message: message.to_owned(),
            })
        };
        // The cutter has seen to it that the first block begins with `[`, and every other between elements.
        let mut first = text.trim_ascii_start().starts_with('[');
        let mut closed = false;
        let mut reader = flat::Reader::new(&self.wanted, text);
        loop {
            let rest = &text[at..];
            let gap = rest.len() - rest.trim_ascii_start().len();
            line += count_lines(&rest.as_bytes()[..gap]) as u32;
            at += gap;
            let Some(&byte) = text.as_bytes().get(at) else {
                return Ok(());
            };
            if closed {
                return fail(at, "something follows the end of the array");
            }
            match byte {
                b']' => {
                    closed = true;
                    at += 1;
                    continue;
                }
                b'[' if first => {}
                b',' if !first => {}
                _ => return fail(at, "expected `,` or `]` after an element of the array"),
            }
            at += 1;
            let rest = &text[at..];
            let gap = rest.len() - rest.trim_ascii_start().len();
            line += count_lines(&rest.as_bytes()[..gap]) as u32;
            at += gap;
            if first && text[at..].starts_with(']') {
                first = false;
                continue;
            }
            first = false;
            if !text[at..].starts_with('{') {
                return fail(at, "expected an object, the next element of the array");
            }
            if let Some(end) = self.take_flat(&mut reader, line, at, found) {
                found.skip_empty(text);
                line += end.lines;
                at = end.at;
                continue;
            }
            found.begin(line, at, at);
            let mut stream =
                serde_json::Deserializer::from_str(&text[at..]).into_iter::<&RawValue>();
            let element = match stream.next() {
                Some(Ok(element)) => element.get(),
                Some(Err(error)) => {
                    let failed_at = at + offset_of(&text[at..], &error);
                    return fail(
                        failed_at.min(text.len()),
                        &format!("not well-formed JSON: {}", reason(&error)),
                    );
                }
                None => return fail(at, "expected an object, the next element of the array"),
            };
            let end = at + element.len();
            found.end_at(end);
            let mut deserializer = serde_json::Deserializer::from_str(element);
            if let Err(error) = (Members {
                wanted: &self.wanted,
                base: text,
                found,
            })
            .deserialize(&mut deserializer)
            {
                found.fault(
                    "json_syntax",
                    format!("not a JSON object: {}", reason(&error)).into(),
                );
            }
            found.skip_empty(text);
            line += count_lines(&text.as_bytes()[at..end]) as u32;
            at = end;
        }
    }
}

/// Byte offset of an error in the text that it was found in.
fn offset_of(text: &str, error: &serde_json::Error) -> usize {
    let lines_before = error.line().saturating_sub(1);
    let start: usize = text
        .split_inclusive('\n')
        .take(lines_before)
        .map(str::len)
        .sum();
    start + error.column().saturating_sub(1)
}
