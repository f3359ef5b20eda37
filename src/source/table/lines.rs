//! The lines of a text, for tables that have a record a line.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read};

use super::Wrong;
use super::records::Records;
use crate::settings::limits::Limits;
use crate::settings::pattern::Pattern;
use crate::settings::units::Size;
use crate::text::unseen::{BYTE_ORDER_MARK, END_MARK, without_end_marks};

/// Bytes that are read at once.
pub(super) const AT_ONCE: usize = 64 * 1024;

/// The lines of a text, read one by one.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    longest: Size,
    bytes: Vec<u8>,
    number: u64,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(input: R, limits: &Limits) -> Lines<R> {
        Lines {
            reader: BufReader::with_capacity(AT_ONCE, input),
            longest: limits.record,
            bytes: Vec::new(),
            number: 0,
        }
    }

    /// The next line and its number, from 1. Its end is no part of it, and neither are a byte order mark or the feeds of
    /// a printer before it and the marks that end the file behind it. It need not be UTF-8.
    ///
    /// # Errors
    /// It can't be read, or is longer than a record may be.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, Wrong> {
        self.bytes.clear();
        let most = self.longest.0.saturating_add(1);
        let mut reader = (&mut self.reader).take(most);
        if reader.read_until(b'\n', &mut self.bytes)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.bytes.len() as u64 > self.longest.0 {
            let longest = self.longest;
            let message =
                format!("this line is longer than {longest}, the longest record (limits.record)");
            return Err(Wrong::data(self.number, message));
        }
        if self.bytes.last() == Some(&END_MARK) && self.reader.fill_buf()?.is_empty() {
            self.bytes.truncate(without_end_marks(&self.bytes));
        }
        let number = self.number;
        let ended = self.bytes.ends_with(b"\n");
        let text = without_feeds(without_end(&self.bytes));
        Ok(Some(Line {
            number,
            text,
            ended,
        }))
    }
}

/// A line of a text.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) number: u64,
    pub(super) text: &'a [u8],
    /// Whether an end of the line stands behind it: the last one of a file may have none.
    pub(super) ended: bool,
}

impl<'a> Line<'a> {
    pub(super) fn is_blank(&self) -> bool {
        self.text.trim_ascii().is_empty()
    }

    /// Its text, in which what is not UTF-8 is shown as such.
    pub(super) fn shown(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.text)
    }

    /// Leaves a line as it is that looks like the one which states the number of records: whoever reads the records
    /// knows whether it is the last.
    ///
    /// # Errors
    /// Nobody wants it any more.
    pub(super) fn is_left(
        &self,
        trailer: Option<&Pattern>,
        out: &mut Records<'_>,
    ) -> Result<bool, Wrong> {
        let is_one = trailer.is_some_and(|trailer| trailer.is_match(&self.shown()));
        if is_one {
            out.leave(self.number, self.text)?;
        }
        Ok(is_one)
    }
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let end = line
        .iter()
        .rposition(|b| *b != b'\r')
        .map_or(0, |at| at + 1);
    &line[..end]
}

fn without_feeds(mut line: &[u8]) -> &[u8] {
    loop {
        line = match line {
            [b'\x0c', rest @ ..] => rest,
            _ => match line.strip_prefix(BYTE_ORDER_MARK) {
                Some(rest) => rest,
                None => return line,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8], longest: u64) -> Result<Vec<(u64, String)>, String> {
        let limits = Limits {
            record: Size(longest),
            ..Limits::default()
        };
        let mut lines = Lines::new(text, &limits);
        let mut all = Vec::new();
        loop {
            match lines.next() {
                Ok(Some(line)) => all.push((line.number, line.shown().into_owned())),
                Ok(None) => return Ok(all),
                Err(Wrong::Data { line, message, .. }) => return Err(format!("{line}: {message}")),
                Err(Wrong::Io(error)) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn what_is_around_the_text_is_no_part_of_it() {
        let check = |text: &[u8], expected: &[&str]| {
            let found: Vec<_> = lines(text, 100).unwrap();
            let texts: Vec<_> = found.iter().map(|(_, text)| text.as_str()).collect();
            assert_eq!(texts, expected, "{}", text.escape_ascii());
            assert!(found.iter().zip(1..).all(|((number, _), at)| *number == at));
        };
        check(b"", &[]);
        check(b"a\r\nb\n\nc", &["a", "b", "", "c"]);
        check(b"a\n\x1a", &["a", ""]);
        check(b"a\x1a\x1a", &["a"]);
        check(b"a\x1a\nb\n", &["a\x1a", "b"]);
        check("\u{feff}a\n\u{feff}b".as_bytes(), &["a", "b"]);
        check("\u{feff}\u{feff}\x0c a\x0c\n".as_bytes(), &[" a\x0c"]);
        check(b"M\xfcller\n", &["M\u{fffd}ller"]);
    }

    #[test]
    fn a_line_has_a_limit() {
        assert!(lines(b"1234\n123\n", 5).is_ok());
        let wrong = lines(b"1\n12345\n", 5).unwrap_err();
        assert_eq!(
            wrong,
            "2: this line is longer than 5B, the longest record (limits.record)"
        );
    }
}
