//! The general parser of one object: whatever JSON it is, and with words for what is wrong with it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::found::{Found, Text};
use super::sheet_error;
use super::spec::{Arrays, FAULT, LAYOUT, UNKNOWN_MEMBER};
use super::tree::{Place, RECORD, Wanted};
use crate::batch::{Cell, Kind};
use crate::text::shown::shown;

/// Reads one object's members into the cells of the row begun last.
pub(super) struct Members<'a, 'de> {
    wanted: &'a Wanted,
    /// The block's text: cells are offsets in it.
    base: &'de str,
    found: &'a mut Found,
    /// The first member that is not a column.
    unknown: Option<String>,
    /// The first member of several that come to one column.
    clash: Option<String>,
    /// What the record says of itself.
    told: Option<&'de str>,
    /// The first column that two members lead to.
    twice: Option<usize>,
    deep: bool,
    /// A name in one of its objects can't be read, nor what stands behind it there.
    broken: bool,
    /// The names of the objects around, outermost first.
    within: Vec<Cow<'de, str>>,
}

/// Reads an object, which is a piece of `base`.
///
/// # Errors
/// It is not a JSON object.
pub(super) fn read<'de>(
    wanted: &Wanted,
    base: &'de str,
    object: &'de str,
    found: &mut Found,
) -> Result<(), serde_json::Error> {
    let mut members = Members {
        wanted,
        base,
        found,
        unknown: None,
        clash: None,
        told: None,
        twice: None,
        deep: false,
        broken: false,
        within: Vec::new(),
    };
    let members_read = members.object(object, RECORD);
    members.find_faults();
    members_read
}

impl<'de> Members<'_, 'de> {
    fn object(&mut self, object: &'de str, node: usize) -> Result<(), serde_json::Error> {
        each_member(object, |name, value| self.member(node, name, value))
    }

    fn member(&mut self, node: usize, name: Cow<'de, str>, value: &'de str) {
        if node == RECORD && self.wanted.is_told(&name) {
            self.told = Some(value);
            return;
        }
        let place = self.wanted.tree.find(node, &name);
        let (column, inner) = match place {
            Some(place) => (place.column, place.node),
            None => (None, None),
        };
        if let (Some(column), Some(error)) = (column, sheet_error::read(value)) {
            return self.sheet_error(column, value, error);
        }
        match value.as_bytes()[0] {
            b'{' if inner.is_some() || self.wanted.flatten.is_some() => {
                self.deep |= self.within.len() as u32 + 2 > self.wanted.deepest;
                if self.deep {
                    return;
                }
                self.within.push(name);
                match inner {
                    // Its text was read before, and is JSON: only a name may still be half a character.
                    Some(inner) => self.broken |= self.object(value, inner).is_err(),
                    None => self.unknown_object(value),
                }
                self.within.pop();
                // Stated as a column, too.
                if let Some(column) = column.filter(|_| self.wanted.flatten.is_none()) {
                    self.value(column, value);
                }
            }
            b'[' if self.wanted.arrays == Arrays::First => match self.wanted.is_too_deep(value) {
                true => self.deep = true,
                false => match first(value) {
                    Some(first) => self.member(node, name, first),
                    None => self.empty(place, name, value),
                },
            },
            b'n' => self.empty(place, name, value),
            _ => match column {
                Some(column) => self.value(column, value),
                None => self.is_unknown(name),
            },
        }
    }

    /// A cell of a spreadsheet that holds an error.
    fn sheet_error(&mut self, column: usize, value: &str, error: &str) {
        self.put(
            column,
            Cell::new(self.start(value), value.len(), Kind::Json),
        );
        let message = format!(
            "the cell holds the error {error} of the spreadsheet; mend it there, or set source.xlsx.errors to empty or text"
        );
        self.found.fault_in(Some(column), "sheet_error", message);
    }

    /// A member that is null, or an array with nothing in it: so is every column below it.
    fn empty(&mut self, place: Option<Place>, name: Cow<'de, str>, value: &'de str) {
        let Some(Place { column, node }) = place else {
            return self.is_unknown(name);
        };
        let below = node.map(|node| self.wanted.tree.columns_below(node));
        for column in below.into_iter().flatten().chain(column) {
            self.null(column, value);
        }
    }

    /// An object none of whose members is a column.
    fn unknown_object(&mut self, object: &'de str) {
        let mut first = None;
        let read = each_member(object, |name, _| {
            first.get_or_insert(name);
        });
        self.broken |= read.is_err();
        if let Some(name) = first {
            self.is_unknown(name);
        }
    }

    /// A member that is not a column.
    fn is_unknown(&mut self, name: Cow<'de, str>) {
        let separator = self
            .wanted
            .flatten
            .as_deref()
            .unwrap_or(super::spec::SEPARATOR);
        let is_plain = self.within.is_empty() && !name.contains(separator);
        if is_plain && self.wanted.ignore_unknown {
            return;
        }
        let mut joined = self.within.join(separator);
        if !self.within.is_empty() {
            joined.push_str(separator);
        }
        joined.push_str(&name);
        let is_column = self.wanted.names.iter().any(|column| **column == *joined);
        let first = match is_column {
            true => &mut self.clash,
            false => &mut self.unknown,
        };
        first.get_or_insert(joined);
    }

    /// Where the value begins in the block: it is a piece of its text, so that this is the distance of their beginnings.
    fn start(&self, value: &str) -> usize {
        value.as_ptr() as usize - self.base.as_ptr() as usize
    }

    /// `value` is the null, or an array that has nothing in it.
    fn null(&mut self, column: usize, value: &str) {
        let start = self.start(value);
        self.put(column, Cell::new(start, 0, Kind::Null));
    }

    /// Gives a cell its value.
    fn put(&mut self, column: usize, cell: Cell) {
        if self.found.cell(column).kind() != Kind::Missing {
            self.twice.get_or_insert(column);
            self.found.forget(column);
        }
        *self.found.cell(column) = cell;
    }

    fn value(&mut self, column: usize, value: &'de str) {
        let start = self.start(value);
        let cell = |kind| Cell::new(start, value.len(), kind);
        match value.as_bytes()[0] {
            b'"' if memchr::memchr(b'\\', value.as_bytes()).is_none() => {
                // A string without escapes is plain, or it would be no JSON.
                let text = Cell::new(start + 1, value.len() - 2, Kind::Text);
                self.put(column, text.plain_if(true));
            }
            b'"' => {
                self.put(column, cell(Kind::Json));
                self.found.defer(column, cell(Kind::Json), Text::Unescaped);
            }
            b'{' | b'[' => self.nested(column, value, cell(Kind::Json)),
            b't' | b'f' => self.put(column, cell(Kind::Bool)),
            b'n' => self.null(column, value),
            _ => self.put(column, cell(Kind::Number)),
        }
    }

    /// An object or an array that stays one cell.
    fn nested(&mut self, column: usize, value: &'de str, cell: Cell) {
        self.deep |= self.wanted.is_too_deep(value);
        let arrays = match value.as_bytes()[0] {
            b'[' => self.wanted.arrays,
            _ => Arrays::Reject,
        };
        if half_characters(value) {
            self.put(column, cell);
            return self.found.defer(column, cell, Text::Broken);
        }
        match arrays {
            Arrays::Join if self.deep => {}
            Arrays::Join => {
                let elements: Vec<&RawValue> = serde_json::from_str(value).unwrap_or_default();
                let is_nested = |element: &&RawValue| element.get().starts_with(['{', '[']);
                if elements.iter().all(|element| element.get() == "null") {
                    self.null(column, value);
                } else if elements.iter().any(is_nested) {
                    self.put(column, cell);
                    let message = "an element of the array is an object or an array, and `json.arrays: join` joins text, \
                                   numbers, true and false";
                    self.found.fault_in(Some(column), "nested", message);
                } else {
                    self.put(column, cell);
                    self.found.defer(column, cell, Text::Joined);
                }
            }
            Arrays::Json => self.put(column, cell.with_kind(Kind::Text)),
            Arrays::Reject | Arrays::First => {
                self.found.nested = true;
                self.put(column, cell);
            }
        }
    }

    fn find_faults(self) {
        let Members { wanted, found, .. } = self;
        if let Some(told) = self.told {
            let said: Vec<Cow<'_, str>> = serde_json::from_str(told).unwrap_or_default();
            let message = match said.into_iter().next() {
                Some(message) => shown(&message).to_string(),
                None => format!("the member `{FAULT}` says that something is wrong with the row"),
            };
            found.fault(LAYOUT, message);
        }
        if let Some(name) = self.clash {
            let message = format!(
                "`{}` is a column, and another member gets the same name; state another separator, as in \
                 `json: {{ flatten: \"/\" }}`",
                shown(&name)
            );
            found.fault("ambiguous_member", message);
        }
        if let Some(name) = self.unknown.filter(|_| !wanted.ignore_unknown) {
            let message = format!(
                "the member `{}` is not a column; name it in source.json.columns, or set source.json.unknown: ignore",
                shown(&name)
            );
            found.fault(UNKNOWN_MEMBER, message);
        }
        if self.deep {
            let message = format!(
                "objects and arrays are nested more than {} deep, the most that limits.json_depth allows",
                wanted.deepest
            );
            found.fault("too_deep", message);
        }
        if self.broken {
            let message = "an escape in the name of a member stands for half a character";
            found.fault("json_string", message);
        }
        if let Some(column) = self.twice {
            let message = format!(
                "the object has the member `{}` twice",
                shown(&wanted.names[column])
            );
            found.fault("duplicate_member", message);
        }
    }
}

/// The first value of an array that is not an array itself; none where there is none.
pub(super) fn first(mut value: &str) -> Option<&str> {
    while value.starts_with('[') {
        let elements: Vec<&RawValue> = serde_json::from_str(value).ok()?;
        value = elements.first()?.get();
    }
    Some(value)
}

/// What to say of half a character.
pub(super) const HALF_CHARACTER: &str = "an escape in the text stands for half a character";

/// Whether an escape in a JSON value stands for half a character: one of a pair of surrogates without the other.
pub(super) fn half_characters(value: &str) -> bool {
    let bytes = value.as_bytes();
    // Whether the escape before was the first half.
    let mut high = None;
    let mut at = 0;
    while let Some(more) = memchr::memchr(b'\\', &bytes[at..]) {
        let escape = at + more;
        if high.is_some_and(|end| end != escape) {
            return true;
        }
        at = escape + 2;
        if bytes.get(escape + 1) != Some(&b'u') {
            if high.is_some() {
                return true;
            }
            continue;
        }
        let digits = value.get(escape + 2..escape + 6).unwrap_or_default();
        at = escape + 6;
        let was_high = high.take().is_some();
        match (u32::from_str_radix(digits, 16), was_high) {
            (Ok(0xdc00..=0xdfff), true) => {}
            (_, true) | (Ok(0xdc00..=0xdfff), false) => return true,
            (Ok(0xd800..=0xdbff), false) => high = Some(at),
            _ => {}
        }
    }
    high.is_some()
}

/// Tells the members of an object one by one, their values unread, until it ends or is found not to be JSON.
///
/// # Errors
/// It is not an object of JSON.
pub(super) fn each_member<'de>(
    object: &'de str,
    tell: impl FnMut(Cow<'de, str>, &'de str),
) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(object);
    deserializer.deserialize_map(EachMember(tell))?;
    deserializer.end()
}

struct EachMember<F>(F);

impl<'de, F: FnMut(Cow<'de, str>, &'de str)> Visitor<'de> for EachMember<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Name<'de>>()? {
            let value: &'de RawValue = map.next_value()?;
            (self.0)(name.0, value.get());
        }
        Ok(())
    }
}

/// A member's name, borrowed where it has no escapes.
struct Name<'de>(Cow<'de, str>);

impl<'de> serde::Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a member's name")
            }
            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }
            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}
