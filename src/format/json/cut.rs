//! Cutting JSON on the boundaries of its records: objects, or the elements of arrays, one after another; or those of
//! the array that a path leads to.

use super::around::{Around, Passed, kind};
use super::grammar::Grammar;
use super::path::Path;
use super::{between, is_blank, may_become_mark};
use crate::format::cut::{Cut, CutError, CutErrorKind};
use crate::text::scan::Brackets;

/// Cuts a text after whole records. Every text that it is given begins where the last one was cut: between documents,
/// or within an array behind one of its elements.
#[derive(Debug, Clone, Default)]
pub struct Cutter {
    place: Place,
    /// Reads what stands around the records, where a path leads to them.
    around: Option<Box<Around>>,
    /// How many records and arrays ended in the text that was cut last.
    ends: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    /// Between documents.
    #[default]
    Outside,
    /// Within an array.
    Within,
    /// Before the bracket that opens the array to which the path leads.
    Before,
}

impl Cutter {
    /// Cuts documents, or the records that a path leads to.
    pub fn new(path: Option<&Path>) -> Cutter {
        Cutter {
            place: Place::Outside,
            around: path.map(|path| Box::new(Around::new(path.members()))),
            ends: 0,
        }
    }

    /// How many records the text may have that was cut last: so many at most.
    pub(crate) fn most_records(&self) -> usize {
        self.ends
    }

    /// The member by which the last page says that another one follows, if it does.
    pub(crate) fn more(&self) -> Option<&str> {
        self.around.as_ref()?.more()
    }

    /// The last place at which the text can be cut, or how much of it holds no records.
    pub(crate) fn cut(&mut self, text: &[u8], at_end: bool) -> Result<Cut, CutError> {
        if self.place == Place::Outside
            && let Some(around) = &mut self.around
        {
            match around.pass(text, at_end)? {
                Passed { at: 0, found: true } => {}
                Passed { at, found: true } => {
                    self.place = Place::Before;
                    return Ok(Cut::Skip(at));
                }
                Passed { at, .. } if at_end => {
                    around.end(at)?;
                    return Ok(skip(at));
                }
                Passed { at: 0, .. } => return Ok(Cut::None { open: None }),
                Passed { at, .. } => return Ok(Cut::Skip(at)),
            }
        }
        let within = self.place == Place::Within;
        let begin = between(within, text);
        let rest = &text[begin..];
        if rest.is_empty() || !at_end && !within && may_become_mark(rest) {
            return match (at_end, within) {
                (true, true) => Err(CutError {
                    at: begin,
                    kind: CutErrorKind::OpenArray,
                }),
                (true, false) => Ok(skip(begin)),
                (false, _) if begin == 0 => Ok(Cut::None { open: None }),
                (false, _) => Ok(Cut::Skip(begin)),
            };
        }
        if let Some(kind) = wrong(within, rest[0]) {
            return Err(CutError { at: begin, kind });
        }
        self.cut_records(text, at_end)
    }

    fn cut_records(&mut self, text: &[u8], at_end: bool) -> Result<Cut, CutError> {
        let within = self.place == Place::Within;
        let mut open = Open {
            depth: usize::from(within),
            in_array: within,
            by: b'{',
        };
        // Behind the last record, and whether that is within an array.
        let mut last = (0, within);
        self.ends = 0;
        let mut brackets = Brackets::new(text);
        for at in brackets.by_ref() {
            match open.meet(text[at]) {
                Some(true) => {}
                None => continue,
                Some(false) => {
                    let wrong = first_wrong(text, last).filter(|_| open.depth > 0);
                    let kind = CutErrorKind::Bracket;
                    return Err(wrong.unwrap_or(CutError { at, kind }));
                }
            }
            last = (at + 1, open.depth == 1);
            self.ends += 1;
            if let (0, Some(around)) = (open.depth, &mut self.around) {
                around.pass_records();
                self.place = Place::Outside;
                return Ok(Cut::At(at + 1));
            }
        }
        let string = brackets.open_string();
        match last {
            _ if at_end && open.depth > 0 => Err(first_wrong(text, last).unwrap_or(CutError {
                at: string.unwrap_or(text.len()),
                kind: match open.in_array {
                    true => CutErrorKind::OpenArray,
                    false => CutErrorKind::OpenObject,
                },
            })),
            _ if at_end => {
                self.place = Place::Outside;
                Ok(Cut::At(text.len()))
            }
            (0, _) => Ok(Cut::None { open: string }),
            (at, within) => {
                self.place = match within {
                    true => Place::Within,
                    false => Place::Outside,
                };
                Ok(Cut::At(at))
            }
        }
    }

    /// Takes in that so many records end behind the text that was cut last, which are all in one array with it. False
    /// where that can't be.
    pub(crate) fn goes_on(&mut self, ends: usize) -> bool {
        self.ends += ends;
        self.place == Place::Within
    }

    /// What all records may be expected to begin with, by the first of a text: their first member's name.
    pub(crate) fn opening<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let first = text.iter().position(|b| !is_blank(*b) && *b != b'[');
        let record = &text[first.unwrap_or(text.len())..];
        match memchr::memchr(b':', record) {
            Some(colon) if self.around.is_none() && record[0] == b'{' => &record[..=colon],
            _ => b"{",
        }
    }

    /// What is wrong with a text that begins where the last one was cut, and that can't be cut.
    pub(crate) fn wrong_in(&self, text: &[u8]) -> Option<CutError> {
        first_wrong(text, (0, self.place == Place::Within))
    }
}

/// Looks at a piece from the middle of a text: the end of the first record that another one follows in an array, if it
/// is one; then the end of the last record in that array, and how many end between the two. None where the array ends,
/// and where nothing can be told. `opening` is what records begin with: it tells them from objects within.
pub(crate) fn guess(piece: &[u8], opening: &[u8]) -> Option<(usize, usize, usize)> {
    let mut ends = memchr::memchr_iter(b'}', piece).map(|at| at + 1);
    let first = ends.find(|&at| is_between_records(&piece[at..], opening))?;
    let mut open = Open {
        depth: 1,
        in_array: true,
        by: b'{',
    };
    let (mut last, mut ends) = (first, 0);
    for at in Brackets::new(&piece[first..]) {
        let at = first + at;
        match open.meet(piece[at]) {
            None => {}
            Some(true) if open.depth == 1 => {
                last = at + 1;
                ends += 1;
            }
            Some(_) => return None,
        }
    }
    Some((first, last, ends))
}

/// Whether a text looks like what stands behind a record in an array and in front of another.
fn is_between_records(text: &[u8], opening: &[u8]) -> bool {
    let Some(behind) = text[between(true, text)..].strip_prefix(b",") else {
        return false;
    };
    behind[between(true, behind)..].starts_with(opening)
}

/// The brackets that are open.
struct Open {
    depth: usize,
    /// Whether the outermost is that of an array.
    in_array: bool,
    /// What opened the record that is being read.
    by: u8,
}

impl Open {
    /// Takes the next bracket: true where a record or an array ends with it, false where it can't stand there.
    #[inline(always)]
    fn meet(&mut self, bracket: u8) -> Option<bool> {
        if matches!(bracket, b'{' | b'[') {
            match self.depth {
                0 => {
                    self.in_array = bracket == b'[';
                    self.by = bracket;
                }
                1 if self.in_array => self.by = bracket,
                _ => {}
            }
            self.depth += 1;
            return None;
        }
        let fits = match self.depth {
            0 => return Some(false),
            1 => (bracket == b']') == self.in_array,
            2 if self.in_array => (bracket == b'}') == (self.by == b'{'),
            _ => {
                self.depth -= 1;
                return None;
            }
        };
        if fits {
            self.depth -= 1;
        }
        Some(fits)
    }
}

/// What is wrong with the text behind the last whole record. `within` says whether that is within an array.
fn first_wrong(text: &[u8], (from, within): (usize, bool)) -> Option<CutError> {
    let from = from + between(within, &text[from..]);
    let mut grammar = match within {
        true => Grammar::behind_an_element(),
        false => Grammar::new(),
    };
    let (more, reason) = grammar.read(&text[from..]).err()?;
    Some(CutError {
        at: from + more,
        kind: CutErrorKind::Syntax(reason),
    })
}

/// All of a text that holds no records. At the end of the file, nothing is left then.
fn skip(len: usize) -> Cut {
    match len {
        0 => Cut::At(0),
        len => Cut::Skip(len),
    }
}

/// What is wrong with what begins with this byte, between documents or behind an element of an array.
pub(super) fn wrong(within: bool, byte: u8) -> Option<CutErrorKind> {
    match (within, byte) {
        (true, b',' | b']') | (false, b'{' | b'[') => None,
        (true, b'}') | (false, b']' | b'}') => Some(CutErrorKind::Bracket),
        (true, _) => Some(CutErrorKind::NoComma),
        (false, b',') => Some(CutErrorKind::CommaOutside),
        (false, byte) => Some(CutErrorKind::NoRecord(kind(byte))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_after_whole_elements() {
        let mut cutter = Cutter::default();
        assert_eq!(
            cutter.cut(br#" [ {"a": "]}\"{"}, {"b": [1, {"#, false),
            Ok(Cut::At(17))
        );
        assert_eq!(
            cutter.cut(br#", {"b": [1, {}]}  ]  "#, false),
            Ok(Cut::At(19))
        );
        assert_eq!(cutter.cut(b" \n", true), Ok(Cut::Skip(2)));
        assert_eq!(cutter.cut(b"", true), Ok(Cut::At(0)));
    }

    #[test]
    fn cuts_after_whole_documents() {
        let mut cutter = Cutter::default();
        assert_eq!(cutter.cut(b"{\"a\":\n[1]}\n{\"a\"", false), Ok(Cut::At(10)));
        assert_eq!(cutter.cut(b"\n{\"a\": 1}[{}, {", false), Ok(Cut::At(12)));
        assert_eq!(cutter.cut(b", {}][]{}", false), Ok(Cut::At(9)));
        assert_eq!(cutter.cut(b"\xef\xbb\xbf{}", true), Ok(Cut::At(5)));
    }

    #[test]
    fn byte_order_marks_are_whole() {
        let path = "$.r".parse().unwrap();
        for path in [None, Some(&path)] {
            // Cut in two, it is one when the rest of it has come.
            let mut cutter = Cutter::new(path);
            let asks = Ok(Cut::None { open: None });
            assert_eq!(
                cutter.cut(b"\xef\xbb\xbf\n\xef\xbb", false),
                Ok(Cut::Skip(4))
            );
            assert_eq!(cutter.cut(b"\xef\xbb", false), asks);
            assert_eq!(cutter.cut(b"\xef\xbb\xbf", false), Ok(Cut::Skip(3)));
            assert_eq!(cutter.cut(b"\xef", false), asks);
            // A part of one is not.
            for text in [&b"\xef"[..], b"\xef\xbb", b"\xbb", b"\xbf", b"\xbb\xbf"] {
                let wrong = Cutter::new(path).cut(&[b" ", text].concat(), true);
                assert_eq!(wrong.unwrap_err().at, 1, "{}", text.escape_ascii());
                let wrong = Cutter::new(path).cut(&[text, b" "].concat(), false);
                assert_eq!(wrong.unwrap_err().at, 0, "{}", text.escape_ascii());
            }
        }
        // Nor does one stand between elements.
        let mut cutter = Cutter::default();
        assert_eq!(cutter.cut(b"[{}, {", false), Ok(Cut::At(3)));
        assert!(cutter.cut(b"\xef\xbb\xbf, {}]", false).is_err());
    }

    #[test]
    fn cuts_the_records_that_a_path_leads_to() {
        let path = "$.r".parse().unwrap();
        let mut cutter = Cutter::new(Some(&path));
        assert_eq!(cutter.cut(b"{\"a\": [1], \"r\"", false), Ok(Cut::Skip(14)));
        assert_eq!(cutter.cut(b": [{}, {}", false), Ok(Cut::Skip(2)));
        assert_eq!(cutter.cut(b"[{}, {}", false), Ok(Cut::At(7)));
        assert_eq!(
            cutter.cut(b", {}], \"hasMore\": true}", false),
            Ok(Cut::At(5))
        );
        assert_eq!(
            cutter.cut(b", \"hasMore\": true} ", true),
            Ok(Cut::Skip(19))
        );
        assert_eq!(cutter.more(), Some("hasMore"));
        let error = cutter.cut(b"{\"a\": 1}", true).unwrap_err();
        assert_eq!(error.at, 7);
    }

    #[track_caller]
    fn check(text: &str, at: usize, kind: CutErrorKind) {
        assert_eq!(
            Cutter::default().cut(text.as_bytes(), true),
            Err(CutError { at, kind }),
            "{text:?}"
        );
    }

    #[test]
    fn says_what_is_wrong() {
        use super::super::grammar::Reason;
        check("[{}", 3, CutErrorKind::OpenArray);
        check("[\"a", 1, CutErrorKind::OpenArray);
        check("{\"a\": 1", 7, CutErrorKind::OpenObject);
        check("1", 0, CutErrorKind::NoRecord("a number"));
        check(",{}", 0, CutErrorKind::CommaOutside);
        check("{}]", 2, CutErrorKind::Bracket);
        check(
            "[{\"a\": 1, {}, {}]",
            10,
            CutErrorKind::Syntax(Reason::Name),
        );
        check(
            "[{\"a\": 01}, {\"a\" 1]",
            17,
            CutErrorKind::Syntax(Reason::Colon),
        );
    }
}
