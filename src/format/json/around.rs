//! What stands around the records where they are an array within an object: it is read in pieces of any size, held
//! against the grammar, and passed over. Two things are taken from it: where the records begin, and whether the page
//! says that there is another one after it.

use std::sync::Arc;

use super::grammar::Grammar;
use super::pages::Watch;
use super::{between, is_blank, may_become_mark};
use crate::format::cut::{CutError, CutErrorKind};
use crate::text::shown::shown;

/// The longest name of a member that is looked at; a longer one is none of a path.
const LONGEST_NAME: usize = 1024;

/// The most names that a message tells.
const MOST_NAMES: usize = 8;

/// Reads objects, which may be the elements of one array, up to the array that a path of members leads to, and on from
/// its end.
#[derive(Debug, Clone)]
pub(super) struct Around {
    grammar: Grammar,
    path: Arc<[String]>,
    /// Brackets around the page: one where pages are the elements of an array.
    outside: usize,
    /// How many members of the path have been entered.
    entered: usize,
    /// Whether this page's array has come.
    found: bool,
    /// The name that was read last, as it is written.
    name: Vec<u8>,
    /// The members beside the one that is looked for, where the path has come furthest.
    beside: Beside,
    watch: Watch,
}

/// How far a text was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Passed {
    pub(super) at: usize,
    /// Whether the bracket that opens the records stands there.
    pub(super) found: bool,
}

/// The names of the members of an object.
#[derive(Debug, Clone, Default)]
struct Beside {
    /// How many members of the path lead there.
    entered: usize,
    names: Vec<String>,
    /// More of them than are kept.
    others: usize,
}

impl Around {
    pub(super) fn new(path: Arc<[String]>) -> Around {
        Around {
            grammar: Grammar::new(),
            path,
            outside: 0,
            entered: 0,
            found: false,
            name: Vec::new(),
            beside: Beside::default(),
            watch: Watch::default(),
        }
    }

    /// The member by which the last page says that another one follows, if it does.
    pub(super) fn more(&self) -> Option<&str> {
        self.watch.more()
    }

    /// Reads a text up to the bracket that opens the records, or up to its end; a part of a byte order mark there is
    /// left for when the rest of it has come.
    pub(super) fn pass(&mut self, text: &[u8], at_end: bool) -> Result<Passed, CutError> {
        let mut at = 0;
        while at < text.len() {
            if self.grammar.depth() == 0 {
                at += between(false, &text[at..]);
                if !at_end && may_become_mark(&text[at..]) {
                    break;
                }
            }
            let plain = self.grammar.plain(text, at);
            self.take(&text[at..at + plain]);
            at += plain;
            let Some(&byte) = text.get(at) else {
                break;
            };
            let fail = |kind| CutError { at, kind };
            if is_blank(byte) && !self.grammar.in_text() {
                // A number may end with it.
                self.step(byte).map_err(fail)?;
            } else if self.grammar.expects_value() && self.begins(byte).map_err(fail)? {
                return Ok(Passed { at, found: true });
            } else {
                self.step(byte).map_err(fail)?;
            }
            at += 1;
        }
        Ok(Passed { at, found: false })
    }

    /// Goes on behind the array of records.
    pub(super) fn pass_records(&mut self) {
        self.grammar.pass_value();
        self.found = true;
    }

    /// Whether the text may end here.
    pub(super) fn end(&self, at: usize) -> Result<(), CutError> {
        match self.grammar.may_end() {
            true => Ok(()),
            false => Err(CutError {
                at,
                kind: CutErrorKind::OpenObject,
            }),
        }
    }

    /// Keeps what belongs to a name, or to a value that is watched.
    fn take(&mut self, text: &[u8]) {
        if self.grammar.in_name() {
            let room = LONGEST_NAME.saturating_sub(self.name.len());
            self.name.extend_from_slice(&text[..text.len().min(room)]);
        } else {
            self.watch.take(text);
        }
    }

    fn step(&mut self, byte: u8) -> Result<(), CutErrorKind> {
        let was_name = self.grammar.in_name();
        let depth = self.grammar.depth();
        self.grammar.step(byte).map_err(CutErrorKind::Syntax)?;
        match (was_name, self.grammar.in_name()) {
            (false, true) => {
                self.watch.take(&[byte]);
                self.name.clear();
            }
            (true, true) => self.take(&[byte]),
            (true, false) => self.named(),
            (false, false) => self.watch.take(&[byte]),
        }
        if self.grammar.depth() < depth {
            self.closed()?;
        }
        Ok(())
    }

    /// A name has come to its end.
    fn named(&mut self) {
        let name = self.name();
        self.watch.name(&name);
        if self.is_on_path() {
            self.beside.add(self.entered, name);
        }
    }

    /// The name that was read last.
    fn name(&self) -> String {
        let quoted = [b"\"", &self.name[..], b"\""].concat();
        serde_json::from_slice(&quoted)
            .unwrap_or_else(|_| String::from_utf8_lossy(&self.name).into_owned())
    }

    /// Whether the members of the innermost object may be the next of the path.
    fn is_on_path(&self) -> bool {
        self.grammar.in_object() && self.grammar.depth() == self.outside + self.entered + 1
    }

    /// A value begins. Whether it is the array of records.
    fn begins(&mut self, byte: u8) -> Result<bool, CutErrorKind> {
        let depth = self.grammar.depth();
        if depth == 0 && byte == b'[' {
            self.outside = 1;
            return Ok(false);
        }
        if depth == self.outside && !(depth == 1 && byte == b']') {
            self.begin_page();
            return match byte {
                b'{' => Ok(false),
                _ => Err(CutErrorKind::Records(format!(
                    "expected an object with {}, found {}",
                    self.written(1),
                    kind(byte)
                ))),
            };
        }
        if !self.is_on_path() || self.name() != self.path[self.entered] {
            return Ok(false);
        }
        let is_last = self.entered + 1 == self.path.len();
        match byte {
            b'[' if is_last && self.found => Err(CutErrorKind::Records(format!(
                "{} comes twice in one object",
                self.written(self.path.len())
            ))),
            b'[' if is_last => Ok(true),
            b'{' if !is_last => {
                self.entered += 1;
                Ok(false)
            }
            _ => Err(CutErrorKind::Records(format!(
                "{} holds {}, and source.json.path says that it holds {}",
                self.written(self.entered + 1),
                kind(byte),
                if is_last {
                    "the array of records"
                } else {
                    "an object"
                },
            ))),
        }
    }

    fn begin_page(&mut self) {
        self.entered = 0;
        self.found = false;
        self.beside = Beside::default();
        self.watch.begin();
    }

    /// A bracket has closed.
    fn closed(&mut self) -> Result<(), CutErrorKind> {
        let depth = self.grammar.depth();
        if depth < self.outside {
            self.outside = 0;
        } else if depth == self.outside && !self.found {
            return Err(CutErrorKind::Records(self.not_there()));
        }
        self.entered = self.entered.min(depth.saturating_sub(self.outside + 1));
        Ok(())
    }

    /// What to say of a page that has no such array.
    fn not_there(&self) -> String {
        let Beside {
            entered,
            names,
            others,
        } = &self.beside;
        let path = self.written(self.path.len());
        let place = match entered {
            0 => "the object".to_owned(),
            entered => self.written(*entered),
        };
        let names: Vec<_> = names
            .iter()
            .map(|name| format!("`{}`", shown(name)))
            .collect();
        let has = match (names.is_empty(), others) {
            (true, 0) => "no members".to_owned(),
            (true, others) => format!("{others} others"),
            (false, 0) => names.join(", "),
            (false, others) => format!("{} and {others} more", names.join(", ")),
        };
        let advice = match self.outside {
            0 => "",
            _ => {
                "; where the objects of the array are the records themselves, leave source.json.path out"
            }
        };
        format!("there is no {path}: {place} has {has}{advice}")
    }

    /// The first members of the path, as it would be written.
    fn written(&self, members: usize) -> String {
        format!("`{}`", super::path::written(&self.path[..members]))
    }
}

impl Beside {
    fn add(&mut self, entered: usize, name: String) {
        if entered < self.entered {
            return;
        }
        if entered > self.entered {
            *self = Beside {
                entered,
                ..Beside::default()
            };
        }
        // What is not a word may be a person's.
        match self.names.len() < MOST_NAMES && super::path::is_word(&name) {
            true => self.names.push(name),
            false => self.others += 1,
        }
    }
}

/// What kind of value begins with a byte.
pub(super) fn kind(byte: u8) -> &'static str {
    match byte {
        b'{' => "an object",
        b'[' => "an array",
        b'"' => "text",
        b't' | b'f' => "true or false",
        b'n' => "null",
        b'-' | b'0'..=b'9' => "a number",
        _ => "what is not JSON",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text up to the records, whatever the pieces that it comes in.
    fn pass(path: &[&str], text: impl AsRef<[u8]>) -> Result<Option<usize>, String> {
        let text = text.as_ref();
        let path: Arc<[String]> = path.iter().map(|&member| member.to_owned()).collect();
        let told = |e: CutError| format!("{}: {}", e.at, e.kind);
        let at = |passed: Passed| passed.found.then_some(passed.at);
        let mut whole = Around::new(path.clone());
        let found = whole.pass(text, true).map(at).map_err(told);
        let mut bytes = Around::new(path);
        let (mut slowly, mut from) = (Ok(None), 0);
        for to in 1..=text.len() {
            match bytes.pass(&text[from..to], to == text.len()) {
                Ok(Passed { at, found: false }) => {
                    from += at;
                    continue;
                }
                Ok(Passed { at, .. }) => slowly = Ok(Some(from + at)),
                Err(e) => {
                    slowly = Err(told(CutError {
                        at: from + e.at,
                        ..e
                    }));
                }
            }
            break;
        }
        assert_eq!(found, slowly, "{}", text.escape_ascii());
        found
    }

    #[test]
    fn byte_order_marks_are_whole() {
        let at = |text: &[u8]| pass(&["r"], text).unwrap().unwrap();
        assert_eq!(at(b"\xef\xbb\xbf{\"r\":[{}]}"), 8);
        assert_eq!(at(b" \xef\xbb\xbf\n\xef\xbb\xbf[{\"r\":[{}]}]"), 14);
        for text in [
            &b"\xbb{\"r\":[{}]}"[..],
            b"\xef{\"r\":[{}]}",
            b"\xef\xbb{\"r\":[{}]}",
            b"\xef\xbb",
            b"\xbf",
        ] {
            assert_eq!(
                pass(&["r"], text).unwrap_err(),
                "0: expected an object with `$.r`, found what is not JSON",
                "{}",
                text.escape_ascii()
            );
        }
    }

    #[test]
    fn finds_the_records() {
        let at = |path: &[&str], text: &str| {
            let at = pass(path, text).unwrap().unwrap();
            assert_eq!(&text[at..=at], "[", "{text}");
            text[..at].matches('[').count()
        };
        assert_eq!(at(&["r"], r#"{"r":[{}]}"#), 0);
        assert_eq!(
            at(&["r"], " { \"a\" : [1, {\"r\": [2]}] , \"r\" :\n[{}]}"),
            2
        );
        assert_eq!(
            at(
                &["d", "results"],
                r#"{"results":[],"d":{"n":-1.5e3,"results":[{}]}}"#
            ),
            1
        );
        assert_eq!(
            at(
                &["d", "results"],
                r#"{"x":{"d":{"results":[]}},"d":{"results":[{}]}}"#
            ),
            1
        );
        assert_eq!(at(&["a.b"], r#"{"a":{"b":[]},"a\u002eb":[{}]}"#), 1);
        // Pages as the elements of an array.
        assert_eq!(at(&["r"], r#"[{"r":[{}]}]"#), 1);
        assert_eq!(pass(&["r"], r#"{"r"#), Ok(None));
    }

    #[test]
    fn says_what_is_there_instead() {
        let told = |path: &[&str], text: &str| pass(path, text).unwrap_err();
        assert_eq!(
            told(&["r"], r#"{"rows":[],"Mara Oduya":1,"n":2}"#),
            "31: there is no `$.r`: the object has `rows`, `n` and 1 more"
        );
        assert_eq!(
            told(&["d", "r"], r#"{"x":1,"d":{"y":2}}"#),
            "18: there is no `$.d.r`: `$.d` has `y`"
        );
        assert_eq!(
            told(&["d", "r"], r#"{"d":{"r":{}}}"#),
            "10: `$.d.r` holds an object, and source.json.path says that it holds the array of records"
        );
        assert_eq!(
            told(&["d", "r"], r#"{"d":null}"#),
            "5: `$.d` holds null, and source.json.path says that it holds an object"
        );
        assert_eq!(
            told(&["r"], r#"[{"id":1}]"#),
            "8: there is no `$.r`: the object has `id`; where the objects of the array are the records themselves, leave \
             source.json.path out"
        );
        assert_eq!(
            told(&["r"], "[1]"),
            "1: expected an object with `$.r`, found a number"
        );
        assert!(
            told(&["r"], r#"{"x":1981-05-15}"#)
                .starts_with("9: not well-formed JSON: a value without quotes")
        );
    }
}
