//! Files of Oracle's HCM Data Loader: a METADATA line names the attributes of a component, MERGE and DELETE lines have
//! their values.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::Read;

use memchr::memmem;

use super::Wrong;
use super::lines::{Line, Lines};
use super::records::{Name, Records};
use super::spec::{HdlSpec, Stated};
use crate::text::counted;
use crate::text::shown::shown;

/// The column of what is to be done with a record: MERGE or DELETE.
pub(crate) const INSTRUCTION: &str = "@instruction";

/// A value that takes away what is there.
const NULL: &[u8] = b"#NULL";

/// Components that a message names, at most.
const MOST_NAMED: usize = 20;

/// Whether a file begins so, as far as its first lines are known.
pub(super) fn begins(head: &str) -> bool {
    let mut remarks = false;
    for line in head.lines().map(|line| line.trim_end()) {
        match instruction(line.as_bytes()) {
            b"METADATA" => {
                let rest = &line[b"METADATA".len()..];
                // Another separator is one that a line before says.
                let separates = |c: char| c == '|' || remarks && !c.is_alphanumeric();
                return rest.starts_with(separates);
            }
            b"COMMENT" if line.len() == 7 || line[7..].starts_with([' ', '\t']) => remarks = true,
            b"SET" if line[3..].starts_with(' ') => remarks = true,
            _ if line.is_empty() => {}
            _ => return false,
        }
    }
    remarks
}

/// Writes the records of one component. Every column is written, so that the first record has them all.
pub(super) fn write(
    stated: &Stated<HdlSpec>,
    mut lines: Lines<impl Read>,
    out: &mut Records<'_>,
) -> Result<(), Wrong> {
    let mut file = File {
        stated: stated.spec.component.is_some(),
        component: stated.spec.component.clone(),
        others: BTreeSet::new(),
        signs: Signs::default(),
        columns: None,
        instruction: Name::new(INSTRUCTION),
        ours: false,
        lines: false,
    };
    while let Some(line) = lines.next()? {
        if line.is_blank() || line.is_left(stated.trailer.as_ref(), out)? {
            continue;
        }
        if let Some(second) = file.line(line, out)? {
            return Err(file.several(second, &mut lines));
        }
    }
    file.end()
}

/// A file, as far as it has been read.
struct File {
    /// Whether the pipeline says whose lines are the records; else the first METADATA line does.
    stated: bool,
    component: Option<String>,
    /// Other components.
    others: BTreeSet<String>,
    signs: Signs,
    columns: Option<Columns>,
    instruction: Name,
    /// The line before was one of the component.
    ours: bool,
    /// It has lines.
    lines: bool,
}

/// What a METADATA line says.
struct Columns {
    line: u64,
    names: Vec<String>,
    members: Vec<Name>,
}

impl File {
    /// Reads a line. Returns its number where it is the first of a second component, and none is stated.
    fn line(&mut self, line: Line<'_>, out: &mut Records<'_>) -> Result<Option<u64>, Wrong> {
        self.lines = true;
        let text = line.text;
        let instruction = instruction(text);
        let behind = &text[instruction.len()..];
        match instruction {
            b"COMMENT" => {}
            b"SET" if behind.first().is_some_and(u8::is_ascii_whitespace) => self.set(line)?,
            b"METADATA" if self.signs.separate(behind) => return self.metadata(line),
            b"MERGE" | b"DELETE" if self.signs.separate(behind) => {
                self.ours = self.is_ours(text);
                if self.ours {
                    self.record(line, instruction, out)?;
                } else if self.component.is_none() {
                    return Err(before_metadata(line.number));
                } else if !self.is_others(text) {
                    out.begin(line.number);
                    out.fault(
                        "no METADATA line before this one names its component",
                        Some(text),
                    );
                    out.end()?;
                }
            }
            _ => {
                if self.ours || self.is_ours(text) {
                    out.begin(line.number);
                    let message = "the line begins with none of METADATA, MERGE, DELETE, SET and COMMENT; if it goes on \
                                   with the line before, the line end in that value has to be written as \\n";
                    out.fault(message, Some(text));
                    out.end()?;
                }
            }
        }
        Ok(None)
    }

    /// Whether a line is one of the component whose records are read.
    fn is_ours(&self, text: &[u8]) -> bool {
        let component = self.component.as_ref();
        component.is_some_and(|component| self.component_of(text) == Some(component.as_bytes()))
    }

    /// Whether a line is one of another component that a METADATA line has named: a misspelt name is nobody's.
    fn is_others(&self, text: &[u8]) -> bool {
        let name = self.component_of(text).unwrap_or_default();
        str::from_utf8(name).is_ok_and(|name| self.others.contains(name))
    }

    /// The component that a line names.
    fn component_of<'t>(&'t self, text: &'t [u8]) -> Option<&'t [u8]> {
        self.signs.cells(text).nth(1).map(<[u8]>::trim_ascii)
    }

    /// Another sign stands for what has one in every file.
    fn set(&mut self, line: Line<'_>) -> Result<(), Wrong> {
        let shown = line.shown();
        let mut words = shown.split_whitespace().skip(1);
        let sign = match words.next() {
            Some("FILE_DELIMITER") => &mut self.signs.delimiter,
            Some("FILE_ESCAPE") => &mut self.signs.escape,
            Some("FILE_NEWLINE" | "FILE_NEW_LINE") => &mut self.signs.newline,
            _ => return Ok(()),
        };
        if self.columns.is_some() || !self.others.is_empty() {
            let message = "a SET line that changes what separates the values stands behind a METADATA line; it has to \
                           stand before the first of them";
            return Err(Wrong::data(line.number, message));
        }
        match words.next() {
            Some(stated) => *sign = stated.as_bytes().to_owned(),
            None => {
                let message = "expected a character behind the name of the setting";
                return Err(Wrong::data(line.number, message));
            }
        }
        Ok(())
    }

    fn metadata(&mut self, line: Line<'_>) -> Result<Option<u64>, Wrong> {
        let number = line.number;
        let mut names: Vec<String> = (self.signs.cells(line.text).skip(1))
            .map(|cell| {
                String::from_utf8_lossy(&self.signs.unescaped(cell))
                    .trim()
                    .to_owned()
            })
            .collect();
        while names.pop_if(|name| name.is_empty()).is_some() {}
        if names.is_empty() {
            return Err(Wrong::data(
                number,
                "expected the name of a component behind METADATA",
            ));
        }
        let discriminator = names.remove(0);
        let component = self.component.get_or_insert_with(|| discriminator.clone());
        self.ours = *component == discriminator;
        if !self.ours {
            self.others.insert(discriminator);
            return Ok((!self.stated).then_some(number));
        }
        match &self.columns {
            Some(first) if first.names != names => {
                let message = format!(
                    "the component `{}` has other attributes here than in the METADATA line before, on line {}",
                    shown(component),
                    first.line
                );
                return Err(Wrong::data(number, message));
            }
            Some(_) => return Ok(None),
            None => {}
        }
        if names.is_empty() || names.iter().any(String::is_empty) {
            let message = "expected the name of an attribute between any two separators";
            return Err(Wrong::data(number, message));
        }
        if let Some(twice) = (1..names.len()).find(|&at| names[..at].contains(&names[at])) {
            let message = format!("the attribute `{}` is named twice", shown(&names[twice]));
            return Err(Wrong::data(number, message));
        }
        self.columns = Some(Columns {
            line: number,
            members: names.iter().map(|name| Name::new(name)).collect(),
            names,
        });
        Ok(None)
    }

    fn record(
        &self,
        line: Line<'_>,
        instruction: &[u8],
        out: &mut Records<'_>,
    ) -> Result<(), Wrong> {
        let Some(columns) = &self.columns else {
            return Err(before_metadata(line.number));
        };
        out.begin(line.number);
        out.bytes(&self.instruction, instruction);
        let mut cells = self.signs.cells(line.text).skip(2);
        let mut missing = 0;
        for member in &columns.members {
            match cells.next() {
                Some(cell) if cell.trim_ascii() == NULL => out.json(member, "null"),
                Some(cell) => out.bytes(member, &self.signs.unescaped(cell)),
                None => {
                    out.bytes(member, b"");
                    missing += 1;
                }
            }
        }
        let rest: Vec<_> = cells.collect();
        let expected = columns.members.len();
        let of = format!(
            "expected {}, as the METADATA line on line {} says, found {}",
            counted(expected as u64, "value"),
            columns.line,
            expected - missing + rest.len(),
        );
        if missing > 0 {
            out.fault(&of, None);
        } else if rest.iter().any(|cell| !cell.trim_ascii().is_empty()) {
            out.fault(&of, Some(&rest.join(&self.signs.delimiter[..])));
        }
        Ok(out.end()?)
    }

    /// What to say of a file with the records of several components.
    fn several(mut self, line: u64, lines: &mut Lines<impl Read>) -> Wrong {
        // The others follow.
        loop {
            let next = match lines.next() {
                Ok(Some(next)) => next,
                Ok(None) => break,
                Err(wrong) => return wrong,
            };
            let separated = next.text.strip_prefix(b"METADATA");
            if separated.is_some_and(|rest| self.signs.separate(rest))
                && self.others.len() < MOST_NAMED
            {
                let name = self.signs.cells(next.text).nth(1).unwrap_or_default();
                let name = String::from_utf8_lossy(name.trim_ascii()).into_owned();
                self.others.insert(name);
            }
        }
        // The one that comes first is the likeliest.
        let mut names: Vec<String> = self.component.take().into_iter().collect();
        names.extend(self.others.iter().cloned());
        self.others.extend(names.first().cloned());
        let message = format!(
            "the file has the records of several components, {}; state one of them, as in `hdl: {{ component: {} }}`",
            self.named(),
            self.others
                .first()
                .map(|name| shown(name))
                .unwrap_or_default(),
        );
        Wrong::setting(line, message).of_several("hdl.component", names)
    }

    fn named(&self) -> String {
        let names: Vec<_> = (self.others.iter().take(MOST_NAMED))
            .map(|name| format!("`{}`", shown(name)))
            .collect();
        names.join(", ")
    }

    fn end(self) -> Result<(), Wrong> {
        match (&self.columns, &self.component) {
            (None, Some(component)) if !self.others.is_empty() => {
                let message = format!(
                    "no METADATA line names the component `{}`; the file has {}",
                    shown(component),
                    self.named()
                );
                Err(Wrong::setting(0, message))
            }
            (None, _) if self.lines => {
                let message = "no METADATA line says which values the lines have; is this a file of Oracle's HCM Data \
                               Loader?";
                Err(Wrong::setting(0, message))
            }
            _ => Ok(()),
        }
    }
}

fn before_metadata(line: u64) -> Wrong {
    let message = "this line stands before the METADATA line of its component, which says what its values are";
    Wrong::data(line, message)
}

/// What a line begins with.
fn instruction(line: &[u8]) -> &[u8] {
    let end = line.iter().position(|b| !b.is_ascii_uppercase());
    &line[..end.unwrap_or(line.len())]
}

/// What stands between values, and what makes a sign of the next character.
struct Signs {
    delimiter: Vec<u8>,
    escape: Vec<u8>,
    newline: Vec<u8>,
}

impl Default for Signs {
    fn default() -> Signs {
        Signs {
            delimiter: b"|".to_vec(),
            escape: b"\\".to_vec(),
            newline: b"n".to_vec(),
        }
    }
}

impl Signs {
    /// Whether what follows an instruction separates it from a value.
    fn separate(&self, behind: &[u8]) -> bool {
        behind.starts_with(&self.delimiter)
    }

    /// The values of a line as they are written.
    fn cells<'a>(&'a self, line: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = Some(line);
        std::iter::from_fn(move || {
            let text = rest?;
            let end = self.end_of_cell(text);
            rest = end.map(|end| &text[end + self.delimiter.len()..]);
            Some(&text[..end.unwrap_or(text.len())])
        })
    }

    /// Where the first value of a text is followed by another.
    fn end_of_cell(&self, text: &[u8]) -> Option<usize> {
        let mut at = 0;
        loop {
            let end = at + find(&text[at..], &self.delimiter)?;
            match find(&text[at..end], &self.escape) {
                None => return Some(end),
                Some(escape) => {
                    let behind = at + escape + self.escape.len();
                    let escaped = self.escaped(&text[behind..]);
                    at = behind + escaped.map_or(0, |(sign, _)| sign.len());
                }
            }
        }
    }

    /// The sign behind an escape, and what the two stand for.
    fn escaped(&self, behind: &[u8]) -> Option<(&[u8], &[u8])> {
        [
            (&self.delimiter[..], &self.delimiter[..]),
            (&self.escape, &self.escape),
            (&self.newline, b"\n"),
        ]
        .into_iter()
        .find(|(sign, _)| behind.starts_with(sign))
    }

    /// A value without its escapes. One in front of any other character stands for itself.
    fn unescaped<'a>(&self, cell: &'a [u8]) -> Cow<'a, [u8]> {
        if find(cell, &self.escape).is_none() {
            return Cow::Borrowed(cell);
        }
        let mut out = Vec::with_capacity(cell.len());
        let mut rest = cell;
        while let Some(at) = find(rest, &self.escape) {
            out.extend_from_slice(&rest[..at]);
            rest = &rest[at + self.escape.len()..];
            match self.escaped(rest) {
                Some((sign, stands_for)) => {
                    out.extend_from_slice(stands_for);
                    rest = &rest[sign.len()..];
                }
                None => out.extend_from_slice(&self.escape),
            }
        }
        out.extend_from_slice(rest);
        Cow::Owned(out)
    }
}

/// Where a sign stands, which nearly always is one character.
fn find(text: &[u8], sign: &[u8]) -> Option<usize> {
    match sign {
        [byte] => memchr::memchr(*byte, text),
        _ => memmem::find(text, sign),
    }
}

#[cfg(test)]
mod tests;
