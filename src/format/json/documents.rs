//! Reads documents: objects, and the elements of arrays.

use serde_json::value::RawValue;

use super::between;
use super::cut::wrong;
use super::found::Found;
use super::grammar::wrong_in;
use super::parse::{JsonError, Parser, Piece};
use crate::text::scan::{Brackets, count_lines};

const COMMA_AT_END: &str = "a comma stands before `]`, and between them no element of the array";
const TWO_COMMAS: &str = "expected an element of the array before this comma";
const NO_ELEMENT: &str = "expected an element of the array behind the comma";

/// How far a block has been read.
pub(super) struct Cursor<'a> {
    piece: Piece<'a>,
    at: usize,
    line: u32,
    /// Within an array.
    within: bool,
}

impl Parser {
    pub(super) fn parse_documents(
        &self,
        piece: Piece<'_>,
        found: &mut Found,
    ) -> Result<(), JsonError> {
        let mut reader = self.flat_reader(piece.text);
        let mut cursor = Cursor::new(piece);
        while cursor.next()? {
            if let Some(end) = self.take_flat(&mut reader, cursor.line, cursor.at, found) {
                found.skip_empty(piece.text);
                cursor.line += end.lines;
                cursor.at = end.at;
                continue;
            }
            let span = cursor.at..cursor.end_of_record()?;
            self.record(piece, span.clone(), cursor.line, found);
            found.skip_empty(piece.text);
            cursor.pass(span.end);
        }
        Ok(())
    }
}

impl<'a> Cursor<'a> {
    /// At the beginning of a block, which is a document, or what follows an element of an array: the cutter has seen to
    /// that.
    pub(super) fn new(piece: Piece<'a>) -> Cursor<'a> {
        let mut cursor = Cursor {
            piece,
            at: 0,
            line: 0,
            within: false,
        };
        cursor.pass_blanks();
        cursor.within = matches!(cursor.byte(), Some(b',' | b']'));
        cursor
    }

    /// Where it stands.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Goes to the next record, or whatever stands in the place of one. False at the end of the block.
    ///
    /// # Errors
    /// What comes is no document, and no element of an array.
    pub(super) fn next(&mut self) -> Result<bool, JsonError> {
        loop {
            self.pass_blanks();
            let Some(byte) = self.byte() else {
                return Ok(false);
            };
            if let Some(kind) = wrong(self.within, byte) {
                return Err(self.fail(self.at, &kind.to_string()));
            }
            match byte {
                b'{' => return Ok(true),
                b']' => {
                    self.within = false;
                    self.at += 1;
                }
                // The array's first element, or its next.
                opening => {
                    self.within = true;
                    self.at += 1;
                    self.pass_blanks();
                    match self.byte() {
                        Some(b']') if opening == b'[' => {}
                        Some(b']') => return Err(self.fail(self.at, COMMA_AT_END)),
                        Some(b',') => return Err(self.fail(self.at, TWO_COMMAS)),
                        Some(_) => return Ok(true),
                        None => return Err(self.fail(self.at, NO_ELEMENT)),
                    }
                }
            }
        }
    }

    /// Goes on from the end of a record.
    pub(super) fn pass(&mut self, end: usize) {
        let record = &self.piece.text.as_bytes()[self.at..end];
        self.line += count_lines(record) as u32;
        self.at = end;
    }
}

impl Cursor<'_> {
    fn byte(&self) -> Option<u8> {
        self.piece.text.as_bytes().get(self.at).copied()
    }

    /// Passes over blanks, and over the byte order marks of files that were joined.
    fn pass_blanks(&mut self) {
        let rest = &self.piece.text.as_bytes()[self.at..];
        let passed = between(self.within, rest);
        self.line += count_lines(&rest[..passed]) as u32;
        self.at += passed;
    }

    /// Where the record ends that begins here. One that is not well-formed ends where its brackets do.
    pub(super) fn end_of_record(&self) -> Result<usize, JsonError> {
        let rest = &self.piece.text[self.at..];
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
        if let Some(Ok(value)) = values.next() {
            return Ok(self.at + value.get().len());
        }
        let bytes = rest.as_bytes();
        if let Some(length @ 1..) = bytes.iter().position(|b| b"{}[]\",\n".contains(b)) {
            return Ok(self.at + length);
        }
        let mut depth = 0usize;
        if matches!(bytes.first(), Some(b'{' | b'[')) {
            for at in Brackets::new(bytes) {
                match bytes[at] {
                    b'{' | b'[' => depth += 1,
                    close => {
                        depth = depth.saturating_sub(1);
                        if depth == 0 && (close == b'}') == (bytes[0] == b'{') {
                            return Ok(self.at + at + 1);
                        } else if depth == 0 {
                            break;
                        }
                    }
                }
            }
        }
        let (at, message) = match wrong_in(bytes) {
            Some((at, reason)) => (at, format!("not well-formed JSON: {reason}")),
            None => (0, "not well-formed JSON".to_owned()),
        };
        Err(self.fail(self.at + at, &message))
    }

    fn fail(&self, at: usize, message: &str) -> JsonError {
        let (line, column) = self.piece.place(at, (self.at, self.line));
        JsonError {
            line,
            column,
            message: message.to_owned(),
        }
    }
}
