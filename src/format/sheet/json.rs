//! The rejects of a JSON source: objects of the rejects file as rows of a sheet, and such rows as objects.
//!
//! The columns are the members of the objects themselves; what is nested in one is shown as JSON. Every cell is text.
//! What a member was is said in words where a cell does not show it ([`Types`]), so that a row that nobody has touched
//! is what it was, and a cell that was put right is of the type that it had.
//!
//! A record that no cells can show, as it is not an object or has a member twice, is shown as its text, `_raw`.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::value::RawValue;

use super::types::{Type, Types};
use super::{About, MOST_COLUMNS, TYPES, Texts, is_told, push_bytes};
use crate::format::added::{ADDED, LINE, NOT_UTF8};
use crate::format::json::fed_back::{Apart, COLUMNS, RAW, apart};
use crate::format::json::{FAULT, sheet_error};

/// What a value is, and how it is shown.
fn shown(value: &str) -> (Type, Cow<'_, str>) {
    if let Some(error) = sheet_error::read(value) {
        return (Type::Error, error.into());
    }
    match value.as_bytes().first() {
        Some(b'n') => (Type::Null, "".into()),
        Some(b'"') => match serde_json::from_str(value) {
            Ok(text) => (Type::Text, Cow::Owned(text)),
            // An escape in it stands for half a character.
            Err(_) => (Type::Json, value.into()),
        },
        _ => (Type::Json, value.into()),
    }
}

/// The columns of a sheet.
#[derive(Default)]
pub(crate) struct Columns {
    /// Of all members, in the order in which they first occur.
    found: Vec<Member>,
    places: HashMap<String, usize>,
    /// Those of the source, as the file tells them.
    told: Vec<String>,
    /// Some record is shown as its text.
    raw: bool,
}

/// A member of objects.
struct Member {
    name: String,
    /// How many values are text, and how many are JSON.
    texts: u64,
    values: u64,
}

impl Member {
    /// Whether it is a column of the source, or the member that one is nested in.
    fn has(&self, name: &str) -> bool {
        let within = |c: char| c.is_alphanumeric() || c == '_';
        name.strip_prefix(&*self.name)
            .is_some_and(|rest| !rest.starts_with(within))
    }
}

impl Columns {
    /// Sees the members of another line.
    pub(crate) fn see(&mut self, line: &str) {
        let Some(Apart { columns, own, .. }) = apart(line, &ADDED) else {
            self.raw = true;
            return;
        };
        if self.told.is_empty()
            && let Some(told) = columns
        {
            self.told = told;
        }
        if !is_showable(&own) {
            self.raw = true;
            return;
        }
        for (name, value) in own {
            let at = self.place(name);
            match shown(value).0 {
                Type::Text => self.found[at].texts += 1,
                Type::Json => self.found[at].values += 1,
                Type::Error | Type::Null | Type::Missing => {}
            }
        }
    }

    fn place(&mut self, name: String) -> usize {
        if let Some(at) = self.places.get(&name) {
            return *at;
        }
        let at = self.found.len();
        // One more than there may be is told, and others make no difference to that.
        if at > MOST_COLUMNS {
            return at - 1;
        }
        self.places.insert(name.clone(), at);
        self.found.push(Member {
            name,
            texts: 0,
            values: 0,
        });
        at
    }

    /// Ends the look at the lines: `header` becomes that of the sheet.
    pub(crate) fn laid_out(mut self, header: &mut Texts) -> Rows {
        let told = std::mem::take(&mut self.told);
        for name in &told {
            // Where no rejected row has it, it may be what they all lack. What is nested is a part of another column.
            let is_there = |member: &Member| member.has(name);
            if !name.is_empty() && !name.contains('.') && !self.found.iter().any(is_there) {
                self.place(name.clone());
            }
        }
        let rank = |member: &Member| {
            let place = told.iter().position(|name| member.has(name));
            place.unwrap_or(usize::MAX)
        };
        self.found.sort_by_cached_key(rank);
        let names = self.found.iter().map(|column| column.name.clone());
        let mut names: Vec<String> = names.collect();
        let is_value = |member: &Member| member.values > member.texts;
        let values = self.found.iter().map(is_value).collect();
        if self.raw {
            names.push(RAW.to_owned());
        }
        header.clear();
        let all = ADDED.iter().copied().chain([TYPES]);
        all.chain(names.iter().map(String::as_str))
            .for_each(|name| header.push(name));
        Rows {
            places: (names.iter().cloned().enumerate())
                .map(|(at, name)| (name, at))
                .collect(),
            names,
            values,
            told,
        }
    }
}

/// Whether the members of an object can be shown as cells.
fn is_showable(own: &[(String, &str)]) -> bool {
    let mut names: Vec<&str> = own.iter().map(|(name, _)| &**name).collect();
    names.sort_unstable();
    let is_odd = |name: &&str| name.trim().is_empty() || *name == RAW;
    !names.iter().any(is_odd) && names.windows(2).all(|two| two[0] != two[1])
}

/// Makes rows of lines.
pub(crate) struct Rows {
    names: Vec<String>,
    places: HashMap<String, usize>,
    /// Which columns are JSON as a rule; that of texts of records is not among them.
    values: Vec<bool>,
    told: Vec<String>,
}

impl Rows {
    /// What the rows do not tell.
    pub(crate) fn about(&self) -> About {
        let members = self.names.iter().cloned().zip(self.values.iter().copied());
        About {
            columns: self.told.clone(),
            members: members.collect(),
            ..About::default()
        }
    }

    /// The cells of a line as they stand in the sheet.
    pub(crate) fn row(&self, line: &str, row: &mut Texts) {
        row.clear();
        let found = apart(line, &ADDED);
        for at in 0..ADDED.len() {
            row.push(found.as_ref().map_or("", |found| &found.said[at]));
        }
        let own = found.map(|found| found.own);
        match own {
            Some(own) if is_showable(&own) => self.cells(&own, row),
            Some(own) => self.raw(&object(&own), row),
            None => self.raw(line, row),
        }
    }

    fn cells(&self, own: &[(String, &str)], row: &mut Texts) {
        let mut cells = vec![(Type::Missing, Cow::Borrowed("")); self.values.len()];
        for (name, value) in own {
            if let Some(cell) = self.places.get(name).and_then(|at| cells.get_mut(*at)) {
                *cell = shown(value);
            }
        }
        let of = cells.iter().zip(&self.values);
        let types = Types::of(of.map(|((of, _), is_value)| match of {
            Type::Text if !is_value => None,
            Type::Json if *is_value => None,
            of => Some(*of),
        }));
        row.push(&serde_json::to_string(&types).unwrap_or_default());
        cells.iter().for_each(|(_, text)| row.push(text));
        (self.values.len()..self.names.len()).for_each(|_| row.push(""));
    }

    /// A record as its text. It has no types, as a row has none that somebody adds.
    fn raw(&self, text: &str, row: &mut Texts) {
        row.push("");
        self.values.iter().for_each(|_| row.push(""));
        row.push(text);
    }
}

/// The text of a record with these members; of one that was kept as its text, that.
fn object(own: &[(String, &str)]) -> String {
    if let [(name, text)] = own
        && name == RAW
        && let Ok(text) = serde_json::from_str(text)
    {
        return text;
    }
    let mut object = Vec::from(*b"{");
    for (at, (name, value)) in own.iter().enumerate() {
        if at > 0 {
            object.push(b',');
        }
        json_escape_simd::escape_into(name, &mut object);
        object.push(b':');
        object.extend_from_slice(value.as_bytes());
    }
    object.push(b'}');
    String::from_utf8_lossy(&object).into_owned()
}

/// The rejects file that rows of a sheet are made to.
pub(crate) struct Written {
    columns: Vec<Column>,
    /// Which of them have the members that types are told of.
    members: Vec<Option<usize>>,
    /// The types that the row at hand tells, by columns.
    types: Vec<Option<Type>>,
    /// The source's columns, until a row has told them.
    told: Vec<String>,
}

/// A column of a sheet, by its name.
struct Column {
    name: String,
    /// The same as it is written.
    written: Vec<u8>,
    /// It is JSON as a rule.
    is_json: bool,
}

/// What a row says of its types is not what a run has written.
pub(crate) struct NotTypes;

impl Written {
    /// Of columns with these names.
    pub(crate) fn begin<'n>(names: impl Iterator<Item = &'n str>, about: About) -> Written {
        let column = |name: &str| {
            let mut written = Vec::new();
            json_escape_simd::escape_into(name, &mut written);
            Column {
                name: name.to_owned(),
                written,
                is_json: false,
            }
        };
        let mut columns: Vec<Column> = names.map(column).collect();
        let place = |(name, is_json): (String, bool)| {
            let at = columns.iter().position(|column| column.name == name)?;
            columns[at].is_json = is_json;
            Some(at)
        };
        Written {
            members: about.members.into_iter().map(place).collect(),
            types: vec![None; columns.len()],
            columns,
            told: about.columns,
        }
    }

    /// Appends the object of a row, without line end.
    ///
    /// # Errors
    /// What the row says of its types was changed.
    pub(crate) fn push<'c>(
        &mut self,
        own: impl Iterator<Item = &'c str>,
        said: &[&str; ADDED.len()],
        types: &str,
        record: &mut Vec<u8>,
    ) -> Result<(), NotTypes> {
        let is_by_hand = types.is_empty();
        self.types.fill(None);
        if !is_by_hand {
            let mut told: Types = serde_json::from_str(types).map_err(|_| NotTypes)?;
            let (members, types) = (&self.members, &mut self.types);
            let tell = |at: usize, of| {
                if let Some(column) = members[at] {
                    types[column] = Some(of);
                }
            };
            if !told.tell(members.len(), tell) {
                return Err(NotTypes);
            }
        }
        self.push_said(said, record);
        let is_bad = is_told(said, NOT_UTF8);
        for ((column, of), text) in self.columns.iter().zip(&self.types).zip(own) {
            if let Some(value) = column.value(text, *of, is_by_hand) {
                record.push(b',');
                record.extend_from_slice(&column.written);
                record.push(b':');
                push_bytes(value.as_bytes(), is_bad, record);
            }
        }
        record.push(b'}');
        Ok(())
    }

    /// Begins an object with what is said of a row.
    fn push_said(&mut self, said: &[&str; ADDED.len()], record: &mut Vec<u8>) {
        for (at, (name, text)) in ADDED.iter().zip(said).enumerate() {
            record.push(if at == 0 { b'{' } else { b',' });
            json_escape_simd::escape_into(name, record);
            record.push(b':');
            match at == LINE && text.parse::<u64>().is_ok() {
                true => record.extend_from_slice(text.as_bytes()),
                false => json_escape_simd::escape_into(text, record),
            }
        }
        let told = std::mem::take(&mut self.told);
        for (at, name) in told.iter().enumerate() {
            match at {
                0 => {
                    record.push(b',');
                    json_escape_simd::escape_into(COLUMNS, record);
                    record.extend_from_slice(b":[");
                }
                _ => record.push(b','),
            }
            json_escape_simd::escape_into(name, record);
        }
        if !told.is_empty() {
            record.push(b']');
        }
    }
}

impl Column {
    /// The value of a cell with this text, as JSON; none where the object has no such member.
    fn value<'c>(&self, text: &'c str, of: Option<Type>, is_by_hand: bool) -> Option<Cow<'c, str>> {
        let is_json = match of {
            Some(Type::Text) => false,
            Some(Type::Json) => true,
            _ => self.is_json,
        };
        // What was said of a record, or was its text, before it was put right.
        let is_ours = || [FAULT, RAW].contains(&&*self.name);
        Some(match (text, of) {
            ("", Some(Type::Missing)) => return None,
            ("", _) if is_by_hand || is_ours() => return None,
            ("", Some(Type::Null)) => Cow::Borrowed("null"),
            ("", _) if is_json => Cow::Borrowed("null"),
            (error, Some(Type::Error)) if sheet_error::is_one(error) => {
                Cow::Owned(sheet_error::written(error))
            }
            (text, _) if is_json => match serde_json::from_str::<&RawValue>(text) {
                // In JSON a line end is a blank.
                Ok(value) => Cow::Owned(value.get().replace(['\r', '\n'], " ")),
                Err(_) => string(text),
            },
            (text, _) => string(text),
        })
    }
}

fn string(text: &str) -> Cow<'static, str> {
    let mut written = Vec::new();
    json_escape_simd::escape_into(text, &mut written);
    Cow::Owned(String::from_utf8_lossy(&written).into_owned())
}
