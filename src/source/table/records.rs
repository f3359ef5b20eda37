//! Records as JSON.

use std::io::{self, Write};

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
        self.record.clear();
        self.members = false;
        if self.line >= line && self.stands {
            self.record.push(b' ');
        }
        for _ in self.line..line {
            self.record.push(b'\n');
        }
        self.line = self.line.max(line);
        self.record.push(b'{');
    }

    /// A member of the record, which is text.
    pub(in crate::source) fn text(&mut self, name: &Name, text: &str) {
        self.name(name);
        json_escape_simd::escape_into(text, &mut self.record);
    }

    /// A member of the record, which is JSON already: a number, `true`, `null`.
    pub(in crate::source) fn json(&mut self, name: &Name, json: &str) {
        self.name(name);
        self.record.extend_from_slice(json.as_bytes());
    }

    fn name(&mut self, name: &Name) {
        if self.members {
            self.record.push(b',');
        }
        self.members = true;
        self.record.extend_from_slice(&name.0);
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_stand_on_their_own_lines() {
        let mut out = Vec::new();
        let mut records = Records::new(&mut out);
        let (id, name) = (Name::new("id"), Name::new("full \"name\""));
        for (line, text) in [(2, "a"), (2, "b\nc"), (5, "\"d\"")] {
            records.begin(line);
            records.text(&id, text);
            records.json(&name, "null");
            records.end().unwrap();
        }
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\n{\"id\":\"a\",\"full \\\"name\\\"\":null} {\"id\":\"b\\nc\",\"full \\\"name\\\"\":null}\n\n\n\
             {\"id\":\"\\\"d\\\"\",\"full \\\"name\\\"\":null}"
        );
    }
}
