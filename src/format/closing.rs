//! The lines that close a file and are no records: footers, and a trailer that states how many records there are.
//!
//! They are taken off the text before it is cut into records, as they have cells of their own, if any. Only the end of
//! the file tells a footer from a person of that name, so what may be one is held back until then.

use super::block::Boundary;
use super::csv::cut::first_record;
use super::csv::record::{Cells, split};
use super::csv::skip::says_nothing;
use super::cut::Cut;
use crate::settings::pattern::Pattern;
use crate::text::closing::{BEFORE, MOST};
use crate::text::last::{Last, Totals};
use crate::text::scan::{Dialect, count_lines};
use crate::text::unseen::is_blank;

/// Bytes of closing lines, at most, the blank ones between them included. More lines than this in a row are read as
/// records, and an error at the end of the file.
pub(crate) const HELD: usize = 1 << 20;

/// Lines over which a closing record may go by its quoted cells, at most.
const LINES: usize = 64;

/// What the closing lines of a file look like.
#[derive(Debug, Clone, Default)]
pub struct Closing {
    /// Lines that are no records.
    pub footer: Option<Pattern>,
    /// The last line but for footers, whose first group is the number of records.
    pub trailer: Option<Pattern>,
}

/// The closing lines of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// Where they begin; the end of the text where there are none.
    pub(crate) at: usize,
    /// Where the trailer begins, and what it states.
    pub(crate) trailer: Option<(usize, Option<u64>)>,
}

impl Closing {
    /// Whether no line is one.
    pub(crate) fn is_empty(&self) -> bool {
        self.footer.is_none() && self.trailer.is_none()
    }

    /// The closing lines of a text that begins on a record boundary. At the end of a file the last line that is neither
    /// blank nor a footer can be the trailer; before the end, any line may yet turn out to be it.
    pub(crate) fn run(&self, boundary: &Boundary, text: &[u8], at_end: bool) -> Run {
        let none = Run {
            at: text.len(),
            trailer: None,
        };
        let dialect = match boundary {
            Boundary::Csv(dialect) => Some(*dialect),
            Boundary::Lines => None,
            Boundary::Json(_) => return none,
        };
        let mut run = none;
        let mut may_be_trailer = true;
        let mut end = text.len();
        while end > 0 {
            let at = last_record(dialect, &text[..end]);
            let line = Line {
                dialect,
                line: without_end(&text[at..end]),
            };
            end = at;
            if line.says_nothing() {
                continue;
            }
            let trailer = self.trailer.as_ref().filter(|_| may_be_trailer);
            if let Some(count) = trailer.and_then(|trailer| line.count(trailer)) {
                run.trailer = at_end.then_some((at, count));
                may_be_trailer = !at_end;
            } else if !self.footer.as_ref().is_some_and(|p| line.is_match(p)) {
                break;
            }
            run.at = at;
            if text.len() - at > HELD {
                break;
            }
        }
        if let Some(dialect) = dialect.filter(|_| run.at < text.len()) {
            run.at = record_from(boundary, dialect, text, run.at);
            run.trailer = run.trailer.filter(|(at, _)| *at >= run.at);
        }
        run
    }
}

/// The last records of a text whose columns are so many, where they look like totals. The text begins on this line.
pub(crate) fn totals(dialect: Dialect, text: &[u8], line: u64, width: usize) -> Option<Totals> {
    let mut starts = vec![text.len()];
    while let Some(&end) = starts.last().filter(|end| **end > 0)
        && starts.len() <= BEFORE + MOST
    {
        starts.push(last_record(Some(dialect), &text[..end]));
    }
    starts.reverse();
    let mut line = line + count_lines(&text[..starts[0]]);
    let mut last = Last::default();
    for place in starts.windows(2) {
        let record = &text[place[0]..place[1]];
        let cells = split(dialect, &String::from_utf8_lossy(without_end(record)));
        let is_filled = |cell: &&String| !is_blank(cell);
        if let Some(first) = cells.iter().position(|cell| is_filled(&cell)) {
            let filled = cells.iter().filter(is_filled).count();
            last.see(line, first, &cells[first], filled);
        }
        line += count_lines(record);
    }
    last.totals(width, Some(char::from(dialect.delimiter)))
}

/// Where the first record begins that does not begin before `at`, which is the beginning of a line and may lie within
/// a quoted cell.
fn record_from(boundary: &Boundary, dialect: Dialect, text: &[u8], at: usize) -> usize {
    let mut start = match boundary.clone().cut(&text[..at], false) {
        Ok(Cut::At(start)) => start,
        _ => 0,
    };
    while start < at {
        start += first_record(dialect, &text[start..], true).unwrap_or(text.len() - start);
    }
    start
}

/// Where the last line of a text begins; the last record, where a quoted cell of it goes over several lines.
fn last_record(dialect: Option<Dialect>, text: &[u8]) -> usize {
    let last = last_line(text);
    let Some(dialect) = dialect.filter(|dialect| dialect.quoting.multiline) else {
        return last;
    };
    let Some(quote) = dialect.quoting.quote else {
        return last;
    };
    // Where no quote is left over, none of them closes a cell of an earlier line.
    let quotes = memchr::memchr_iter(quote, &text[last..]).count();
    if quotes == 0 || quotes.is_multiple_of(2) && dialect.quoting.escape.is_none() {
        return last;
    }
    let mut start = last;
    for _ in 0..LINES {
        if start == 0 {
            break;
        }
        start = last_line(&text[..start]);
        let record = &text[start..];
        let is_one = first_record(dialect, record, true) == Some(record.len());
        if is_one
            && Cells::of_record(without_end(record), dialect)
                .into_fault()
                .is_none()
        {
            return start;
        }
    }
    last
}

/// Where the last line of a text begins.
fn last_line(text: &[u8]) -> usize {
    let line = text.strip_suffix(b"\n").unwrap_or(text);
    memchr::memrchr(b'\n', line).map_or(0, |at| at + 1)
}

/// A line without its end.
fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// A line that may be a closing one.
struct Line<'t> {
    /// How its cells are written, where it has any.
    dialect: Option<Dialect>,
    line: &'t [u8],
}

impl Line<'_> {
    /// Whether it is no record wherever it stands.
    fn says_nothing(&self) -> bool {
        match self.dialect {
            None => self.line.trim_ascii().is_empty(),
            Some(dialect)
                if self
                    .line
                    .first()
                    .is_some_and(|b| dialect.comment == Some(*b)) =>
            {
                true
            }
            Some(dialect) => {
                std::str::from_utf8(self.line).is_ok_and(|line| says_nothing(dialect, line))
            }
        }
    }

    fn is_match(&self, pattern: &Pattern) -> bool {
        self.forms().any(|form| pattern.is_match(&form))
    }

    /// The number that a trailer states, or none where it is not a number; nothing where it is no trailer.
    fn count(&self, trailer: &Pattern) -> Option<Option<u64>> {
        self.forms().find_map(|form| {
            let group = trailer.captures(&form)?.get(1)?;
            Some(group.as_str().trim().parse().ok())
        })
    }

    /// The line as it is written, and without the quotes of its cells.
    fn forms(&self) -> impl Iterator<Item = String> {
        let written = String::from_utf8_lossy(self.line).into_owned();
        let plain = self.dialect.and_then(|dialect| {
            let delimiter = char::from(dialect.delimiter).to_string();
            let quoted = (dialect.quoting.quote).is_some_and(|quote| self.line.contains(&quote));
            quoted.then(|| split(dialect, &written).join(&delimiter))
        });
        std::iter::once(written).chain(plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closing(footer: &str, trailer: &str) -> Closing {
        let pattern = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
        Closing {
            footer: pattern(footer),
            trailer: pattern(trailer),
        }
    }

    /// The closing lines, and what the trailer states.
    #[track_caller]
    fn check(closing: &Closing, text: &str, expected: &str, trailer: Option<Option<u64>>) {
        let dialect = Dialect {
            comment: Some(b'#'),
            ..Dialect::default()
        };
        let run = closing.run(&Boundary::Csv(dialect), text.as_bytes(), true);
        assert_eq!(&text[run.at..], expected, "{text:?}");
        assert_eq!(run.trailer.map(|(_, count)| count), trailer, "{text:?}");
    }

    #[test]
    fn the_closing_run_alone() {
        let check = |text: &str, expected: &str| {
            check(&closing("^(Grand Total|Page )", ""), text, expected, None);
        };
        check("1,Ann\n2,Bo\n", "");
        check("", "");
        check("1,Ann\nGrand Total: 1\n", "Grand Total: 1\n");
        check("1,Ann\nPage 1 of 1", "Page 1 of 1");
        check(
            "1,A\n\"Grand Total: 1\",,2.3\r\n\r\n,,\n# end\nPage 1\r\n\n",
            "\"Grand Total: 1\",,2.3\r\n\r\n,,\n# end\nPage 1\r\n\n",
        );
        // A person of that name, and blank lines without a footer.
        check("Page ,Ann\n2,Bo\n", "");
        check("1,Ann\n\n,\n", "");
        check("Page 1\n2,Bo\nPage 2\n", "Page 2\n");
    }

    #[test]
    fn not_within_a_cell() {
        let check = |text: &str, expected: &str| {
            check(&closing("^Page", ""), text, expected, None);
        };
        check("1,\"a\nPage 1\"\n", "");
        check("1,\"a\nPage 1\nPage 2\"\nPage 3\n", "Page 3\n");
        check("1,\"a\nPage \"\"1\"\nPage 2\n", "Page 2\n");
        check("Page \"x\nPage 2\n", "Page \"x\nPage 2\n");
    }

    #[test]
    fn a_quoted_cell_over_several_lines() {
        let check = |text: &str, expected: &str| {
            check(&closing("^(Grand Total|Page )", ""), text, expected, None);
        };
        let total = "\"Grand Total\r\nas of \"\"today\"\"\",,3\r\n";
        check(&format!("1,Ann\r\n{total}"), total);
        let both = format!("{total}\r\n\"Page 1\n\nof 1\"\nPage 2");
        check(&format!("1,Ann\n{both}"), &both);
        check("1,\"Grand Total\nas of\"\n", "");
        check("\"Ann\nGrand Total\",2\n", "");
        check("1,\"Ann\nBo\"\nPage 1\n", "Page 1\n");
        // A mark of inches does not open a cell.
        check("1,5\"\nPage 5\"\n", "Page 5\"\n");
        let trailer = closing("", r"^TRL\n(\d+)");
        let text = "1|A\n\"TRL\n1\"\n";
        super::tests::check(&trailer, text, "\"TRL\n1\"\n", Some(Some(1)));
    }

    #[test]
    fn the_last_line_is_the_trailer() {
        let trailer = closing("", r"^TRL\|(\d+)");
        check(&trailer, "1|A\nTRL|1\n\n", "TRL|1\n\n", Some(Some(1)));
        check(&trailer, "1|A\nTRL|0001|x\n", "TRL|0001|x\n", Some(Some(1)));
        check(&trailer, "1|A\n", "", None);
        check(&trailer, "TRL|1\nTRL|2\n", "TRL|2\n", Some(Some(2)));
        check(&trailer, "TRL|1\n2|B\n", "", None);
        let huge = "TRL|99999999999999999999\n";
        check(&trailer, huge, huge, Some(None));
        let both = closing("^Page", r"^TRL,(.+)$");
        let text = "Page 1\n\"TRL\",\"x\"\n";
        check(&both, text, text, Some(None));
        let text = "TRL,1\nPage 1\n";
        check(&both, text, text, Some(Some(1)));
        check(
            &both,
            "TRL,1\nTRL,2\nPage 1\n",
            "TRL,2\nPage 1\n",
            Some(Some(2)),
        );
        check(&both, "1,A\nPage 1\n", "Page 1\n", None);
    }
}
