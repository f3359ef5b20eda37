//! The general parser of one object: whatever JSON it is, and with words for what is wrong with it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::found::Found;
use super::wanted::Wanted;
use crate::batch::{Cell, Kind};

/// Reads one object's members into the cells of the row begun last.
pub(super) struct Members<'a> {
    pub(super) wanted: &'a Wanted,
    /// The block's text: cells are offsets in it.
    pub(super) base: &'a str,
    pub(super) found: &'a mut Found,
}

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Members {
            wanted,
            base,
            found,
        } = self;
        let row = found.draft.rows.len() - 1;
        let (mut unknown, mut twice, mut deep) = (false, false, false);
        // Members mostly come in the order of the columns: the next one is tried before the table.
        let mut expected = 0;
        while let Some(name) = map.next_key::<Name<'de>>()? {
            let name = name.0;
            let value: &'de RawValue = map.next_value()?;
            let column = match wanted.names.get(expected) {
                Some(likely) if **likely == *name => expected,
                _ => match wanted.places.get(&*name) {
                    Some(&column) => column,
                    None => {
                        unknown = true;
                        continue;
                    }
                },
            };
            expected = column + 1;
            if found.cell(column).kind() != Kind::Missing {
                twice = true;
                found.forget(row, column);
            }
            let text = value.get();
            // The value is a slice of the block's text, so its place is the distance of their beginnings.
            let start = text.as_ptr() as usize - base.as_ptr() as usize;
            *found.cell(column) = match text.as_bytes()[0] {
                b'"' if memchr::memchr(b'\\', text.as_bytes()).is_none() => {
                    // A string without escapes is plain, or it would be no JSON.
                    Cell::new(start + 1, text.len() - 2, Kind::Text).plain_if(true)
                }
                b'"' => {
                    let cell = Cell::new(start, text.len(), Kind::Json);
                    found.defer(column, cell);
                    cell
                }
                b'{' | b'[' => {
                    deep |= wanted.is_too_deep(text);
                    Cell::new(start, text.len(), Kind::Json)
                }
                b't' | b'f' => Cell::new(start, text.len(), Kind::Bool),
                b'n' => Cell::new(start, 0, Kind::Null),
                _ => Cell::new(start, text.len(), Kind::Number),
            };
        }
        if unknown && !wanted.ignore_unknown {
            let message = "the object has a member that is no column; name it in source.json.columns, or set source.json.unknown: ignore";
            found.fault("unknown_member", message.into());
        }
        if deep {
            let message = format!(
                "objects and arrays are nested more than {} deep, the most that limits.json_depth allows",
                wanted.deepest
            );
            found.fault("too_deep", message.into());
        }
        if twice {
            found.fault(
                "duplicate_member",
                "the object has the same member twice".into(),
            );
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
