//! The data set in memory: each item is its id and one compact JSON text, so that a million items
//! of twenty properties fit into about half a gigabyte.

use std::borrow::Cow;
use std::collections::HashMap;

use indexmap::IndexMap;
use uuid::Uuid;

use super::payload::{Cell, Members};

/// A stored item.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub id: Uuid,
    /// A JSON object of its properties, in the order in which they came. `_id` is not among them.
    pub json: Box<str>,
}

impl Item {
    /// The item as it is read back: `_id`, then its properties.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"_id\":\"");
        out.extend_from_slice(upper(self.id).as_bytes());
        out.push(b'"');
        if self.json.len() > 2 {
            out.push(b',');
        }
        out.extend_from_slice(&self.json.as_bytes()[1..]);
    }

    /// The text of a property, if it is text, a number or a boolean.
    pub(crate) fn key_text(&self, property: &str) -> Option<String> {
        properties(&self.json)
            .get(property)
            .and_then(|raw| key_text(raw))
            .map(Cow::into_owned)
    }
}

/// `_id` as Orgvue writes it: in capitals.
pub(super) fn upper(id: Uuid) -> String {
    id.as_hyphenated()
        .encode_upper(&mut Uuid::encode_buffer())
        .to_owned()
}

/// An item's properties by name, values as JSON text.
pub(super) fn properties(json: &str) -> IndexMap<Cow<'_, str>, Cow<'_, str>> {
    // Only texts made by `object` come here, so that the default never comes true.
    let Members(members) = serde_json::from_str(json).unwrap_or(Members(Vec::new()));
    members
        .into_iter()
        .map(|(name, cell)| {
            let raw = match cell {
                Cell::Text(_, Some(raw)) | Cell::Raw(raw) => Cow::Borrowed(raw),
                Cell::Text(text, None) => Cow::Owned(quoted(&text)),
                Cell::Null => Cow::Borrowed("null"),
            };
            (name, raw)
        })
        .collect()
}

/// Properties as one compact JSON object.
pub(super) fn object<'a>(properties: impl Iterator<Item = (&'a str, &'a str)>) -> Box<str> {
    let mut json = String::from("{");
    for (name, raw) in properties {
        if json.len() > 1 {
            json.push(',');
        }
        push_quoted(&mut json, name);
        json.push(':');
        json.push_str(raw);
    }
    json.push('}');
    json.into_boxed_str()
}

fn push_quoted(json: &mut String, text: &str) {
    // Most names and values need no escape, and copying is all.
    if text
        .bytes()
        .all(|b| b >= 0x20 && !matches!(b, b'"' | b'\\'))
    {
        json.push('"');
        json.push_str(text);
        json.push('"');
    } else {
        json.push_str(&serde_json::Value::from(text).to_string());
    }
}

/// Text as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    push_quoted(&mut json, text);
    json
}

/// What a JSON value is as an identifier. Text and number of the same characters are the same, for
/// CSV can't tell them apart.
pub(super) fn key_text(raw: &str) -> Option<Cow<'_, str>> {
    match raw.as_bytes().first()? {
        b'"' => serde_json::from_str::<String>(raw).ok().map(Cow::Owned),
        b'{' | b'[' | b'n' => None,
        _ => Some(Cow::Borrowed(raw)),
    }
}

/// What an item is found by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Id(Uuid),
    /// The text of the identifying property.
    Text(Box<str>),
}

/// What items are found by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    Id,
    /// This property.
    Property(Box<str>),
}

/// Items with one key. Nearly always one.
enum Slots {
    One(u32),
    Many(Vec<u32>),
}

impl Slots {
    fn as_slice(&self) -> &[u32] {
        match self {
            Slots::One(slot) => std::slice::from_ref(slot),
            Slots::Many(slots) => slots,
        }
    }
}

enum Index {
    Id(HashMap<Uuid, u32>),
    Property(Box<str>, HashMap<Box<str>, Slots>),
}

impl Index {
    fn add(&mut self, slot: u32, id: Uuid, key: Option<&str>) {
        match self {
            Index::Id(slots) => {
                slots.insert(id, slot);
            }
            Index::Property(_, slots) => {
                let Some(key) = key else { return };
                match slots.get_mut(key) {
                    None => {
                        slots.insert(key.into(), Slots::One(slot));
                    }
                    Some(Slots::Many(slots)) => slots.push(slot),
                    Some(one) => *one = Slots::Many(vec![one.as_slice()[0], slot]),
                }
            }
        }
    }
}

/// The items, in the order of their creation.
#[derive(Default)]
pub(super) struct Dataset {
    /// A deleted item leaves a hole until [`Dataset::tidy`].
    slots: Vec<Option<Item>>,
    live: usize,
    /// For the kind of key that the last job used.
    index: Option<Index>,
}

impl Dataset {
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// How many places, holes among them.
    pub(crate) fn places(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn get(&self, slot: u32) -> Option<&Item> {
        self.slots.get(slot as usize)?.as_ref()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Item> {
        self.slots.iter().flatten()
    }

    /// Makes items findable by a kind of key. Takes a while where the last job used another.
    pub(crate) fn index_by(&mut self, kind: &KeyKind) {
        let mut index = match (kind, &self.index) {
            (KeyKind::Id, Some(Index::Id(_))) => return,
            (KeyKind::Property(name), Some(Index::Property(indexed, _))) if name == indexed => {
                return;
            }
            (KeyKind::Id, _) => Index::Id(HashMap::with_capacity(self.live)),
            (KeyKind::Property(name), _) => {
                Index::Property(name.clone(), HashMap::with_capacity(self.live))
            }
        };
        for (slot, item) in self.slots.iter().enumerate() {
            let Some(item) = item else { continue };
            let key = match kind {
                KeyKind::Id => None,
                KeyKind::Property(name) => item.key_text(name),
            };
            index.add(slot as u32, item.id, key.as_deref());
        }
        self.index = Some(index);
    }

    /// The items with a key of the kind that [`Dataset::index_by`] stated last.
    pub(crate) fn find(&self, key: &Key) -> &[u32] {
        match (&self.index, key) {
            (Some(Index::Id(slots)), Key::Id(id)) => {
                slots.get(id).map(std::slice::from_ref).unwrap_or_default()
            }
            (Some(Index::Property(_, slots)), Key::Text(text)) => {
                slots.get(text).map(Slots::as_slice).unwrap_or_default()
            }
            _ => &[],
        }
    }

    /// Appends an item. The key is that of the index; the caller has made sure that it is free.
    pub(crate) fn insert(&mut self, item: Item, key: &Key) -> u32 {
        let slot = self.slots.len() as u32;
        if let Some(index) = &mut self.index {
            let text = match key {
                Key::Text(text) => Some(&**text),
                Key::Id(_) => None,
            };
            index.add(slot, item.id, text);
        }
        self.slots.push(Some(item));
        self.live += 1;
        slot
    }

    /// Changes an item's properties, not its key. Returns the item as it was.
    pub(crate) fn replace(&mut self, slot: u32, json: Box<str>) -> Option<Item> {
        let item = self.slots.get_mut(slot as usize)?.as_mut()?;
        let old = Item {
            id: item.id,
            json: std::mem::replace(&mut item.json, json),
        };
        Some(old)
    }

    /// Deletes an item. Returns it.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<Item> {
        let item = self.slots.get_mut(slot as usize)?.take()?;
        self.live -= 1;
        match &mut self.index {
            Some(Index::Id(slots)) => {
                slots.remove(&item.id);
            }
            Some(Index::Property(name, slots)) => {
                if let Some(key) = item.key_text(name) {
                    match slots.get_mut(&*key) {
                        Some(Slots::Many(many)) if many.len() > 1 => many.retain(|s| *s != slot),
                        _ => {
                            slots.remove(&*key);
                        }
                    }
                }
            }
            None => {}
        }
        Some(item)
    }

    /// Undoes changes: what each place held before, the oldest change first.
    pub(crate) fn roll_back(&mut self, journal: Vec<(u32, Option<Item>)>) {
        for (slot, item) in journal.into_iter().rev() {
            if let Some(place) = self.slots.get_mut(slot as usize) {
                *place = item;
            }
        }
        while let Some(None) = self.slots.last() {
            self.slots.pop();
        }
        self.live = self.iter().count();
        self.index = None;
    }

    /// Closes the holes once they are in the majority.
    pub(crate) fn tidy(&mut self) {
        if self.slots.len() > 2 * self.live {
            self.slots.retain(Option::is_some);
            self.slots.shrink_to_fit();
            self.index = None;
        }
    }
}
