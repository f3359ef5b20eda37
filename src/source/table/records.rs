//! Records as JSON.

use std::io::{self, Write};

use crate::format::json::FAULT;

/// A member's name, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::source) struct Name(Vec<u8>);

impl Name {
    pub(in crate::source) fn new(name: &str) -> Name {
        let mut written = Vec::with_capacity(name.len() + 3);
        json_escape_simd::escape_into(name, &mut written);
        written.push(b':');
        Name(written)
    }

    /// Appends it where it is not the record that has the member.
    #[cfg_attr(
        not(feature = "parquet"),
        expect(dead_code, reason = "only columns need it")
    )]
    pub(in crate::source) fn push(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
}

/// Writes records as JSON objects, each on the line that its number says.
pub(in crate::source) struct Records<'a> {
    out: &'a mut dyn Write,
    /// The record at hand.
    record: Vec<u8>,
    members: bool,
    /// The line that is written on, from 1, and whether a record stands on it.
    line: u64,
    stands: bool,
}

impl<'a> Records<'a> {
    pub(in crate::source) fn new(out: &'a mut dyn Write) -> Records<'a> {
        Records {
            out,
            record: Vec::new(),
            members: false,
            line: 1,
            stands: false,
        }
    }

    /// Begins a record, which stands on this line, from 1. Lines never go back.
    pub(in crate::source) fn begin(&mut self, line: u64) {
        self.go_to(line);
        self.record.push(b'{');
    }

    fn go_to(&mut self, line: u64) {
        self.record.clear();
        self.members = false;
        if self.line >= line && self.stands {
            self.record.push(b' ');
        }
        for _ in self.line..line {
            self.record.push(b'\n');
        }
        self.line = self.line.max(line);
    }

    /// Passes over lines up to this one, which are no records.
    ///
    /// # Errors
    /// Nobody wants them any more.
    pub(in crate::source) fn pass(&mut self, line: u64) -> io::Result<()> {
        for _ in self.line..=line {
            self.out.write_all(b"\n")?;
        }
        self.stands = false;
        self.line = self.line.max(line + 1);
        Ok(())
    }

    /// A member of the record, which is text.
    pub(in crate::source) fn text(&mut self, name: &Name, text: &str) {
        self.name(name);
        json_escape_simd::escape_into(text, &mut self.record);
    }

    /// A member of the record, which is text that need not be UTF-8: whoever reads it says where it is not.
    pub(in crate::source) fn bytes(&mut self, name: &Name, bytes: &[u8]) {
        self.name(name);
        push_bytes(&mut self.record, bytes);
    }

    /// A member of the record, which is JSON already: a number, `true`, `null`.
    pub(in crate::source) fn json(&mut self, name: &Name, json: impl AsRef<[u8]>) {
        self.name(name);
        self.record.extend_from_slice(json.as_ref());
    }

    /// A member of the record, whose value is written by whoever asks, as JSON.
    #[cfg_attr(
        not(feature = "parquet"),
        expect(dead_code, reason = "only columns need it")
    )]
    pub(in crate::source) fn value(&mut self, name: &Name) -> &mut Vec<u8> {
        self.name(name);
        &mut self.record
    }

    /// How long the record is so far.
    #[cfg_attr(
        not(feature = "parquet"),
        expect(dead_code, reason = "only columns need it")
    )]
    pub(in crate::source) fn len(&self) -> usize {
        self.record.len()
    }

    fn name(&mut self, name: &Name) {
        self.next_member();
        self.record.extend_from_slice(&name.0);
    }

    fn next_member(&mut self) {
        if self.members {
            self.record.push(b',');
        }
        self.members = true;
    }

    /// Says what is wrong with the record, without a value: it is rejected. What stands in it and is in none of its
    /// members is kept in `rest`, so that nothing is lost which people may want to put right.
    pub(in crate::source) fn fault(&mut self, message: &str, rest: Option<&[u8]>) {
        self.next_member();
        json_escape_simd::escape_into(FAULT, &mut self.record);
        self.record.extend_from_slice(b":[");
        json_escape_simd::escape_into(message, &mut self.record);
        if let Some(rest) = rest {
            self.record.push(b',');
            push_bytes(&mut self.record, rest);
        }
        self.record.push(b']');
    }

    /// Ends the record.
    ///
    /// # Errors
    /// Nobody wants it any more.
    pub(in crate::source) fn end(&mut self) -> io::Result<()> {
        self.record.push(b'}');
        self.stands = true;
        self.out.write_all(&self.record)
    }

    /// Writes a line as it is.
    ///
    /// # Errors
    /// Nobody wants it any more.
    pub(in crate::source) fn leave(&mut self, line: u64, text: &[u8]) -> io::Result<()> {
        self.go_to(line);
        self.record.extend_from_slice(text);
        self.stands = true;
        self.out.write_all(&self.record)
    }
}

/// Appends a JSON string. Bytes that are not UTF-8 stay as they are.
fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return json_escape_simd::escape_into(text, out);
    }
    out.push(b'"');
    let mut part = Vec::new();
    for chunk in bytes.utf8_chunks() {
        part.clear();
        json_escape_simd::escape_into(chunk.valid(), &mut part);
        out.extend_from_slice(&part[1..part.len() - 1]);
        out.extend_from_slice(chunk.invalid());
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Records<'_>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut Records::new(&mut out));
        out
    }

    #[test]
    fn records_stand_on_their_own_lines() {
        let (id, name) = (Name::new("id"), Name::new("full \"name\""));
        let out = written(|records| {
            for (line, text) in [(2, "a"), (2, "b\nc"), (5, "\"d\"")] {
                records.begin(line);
                records.text(&id, text);
                records.json(&name, "null");
                records.end().unwrap();
            }
            records.pass(7).unwrap();
        });
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\n{\"id\":\"a\",\"full \\\"name\\\"\":null} {\"id\":\"b\\nc\",\"full \\\"name\\\"\":null}\n\n\n\
             {\"id\":\"\\\"d\\\"\",\"full \\\"name\\\"\":null}\n\n\n"
        );
    }

    #[test]
    fn what_is_not_utf8_and_what_is_wrong_is_kept() {
        let id = Name::new("id");
        let out = written(|records| {
            records.begin(1);
            records.bytes(&id, b"\"M\xfcller\"");
            records.fault("too long", Some(b"x\xfc"));
            records.end().unwrap();
            records.begin(2);
            records.fault("odd", None);
            records.end().unwrap();
            records.leave(3, b"TRL|2").unwrap();
        });
        assert_eq!(
            out.escape_ascii().to_string(),
            b"{\"id\":\"\\\"M\xfcller\\\"\",\"_fault\":[\"too long\",\"x\xfc\"]}\n{\"_fault\":[\"odd\"]}\nTRL|2"
                .escape_ascii()
                .to_string()
        );
    }
}
