//! A node as what its setting's type asks for, and the parts of lists, maps and enums one by one: what was taken out is
//! passed over.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::error::Error;
use crate::config::problem::{Place, expected_one_of, nearest};
use crate::config::yaml::tree::{Key, Kind, Node, Scalar};
use crate::settings::EXACT_NUMBER;
use crate::text::decimal::is_json_number;

/// Keys that a section is mostly written for: a value in the place of the section is meant for them.
const MAIN: &[&str] = &["path", "key", "at_most", "dir"];

/// A deserializer over one node.
pub(super) struct De<'de> {
    pub(super) node: &'de Node,
    /// Where to report what is missing in the node: its key, if it has one.
    pub(super) owner: &'de Place,
}

impl<'de> De<'de> {
    pub(super) fn new(node: &'de Node) -> De<'de> {
        De {
            node,
            owner: &node.place,
        }
    }

    fn wrong(&self, expected: &str) -> Error {
        let found = match &self.node.kind {
            Kind::Scalar(scalar) if scalar.is_null() => "nothing",
            Kind::Scalar(scalar) if !scalar.plain => "text in quotes",
            Kind::Scalar(scalar) => match schema(scalar) {
                Untyped::Bool(_) => "true or false",
                Untyped::U64(_) => "a number",
                Untyped::I64(_) => "a negative number",
                Untyped::F64(_) => "a number with decimals",
                Untyped::Null | Untyped::Text => "text",
            },
            Kind::Seq(_) => "a list",
            Kind::Map(_) => "a map",
            Kind::Removed | Kind::Filler => "nothing",
        };
        Error::new(format!("expected {expected}, found {found}")).at(&self.node.place)
    }

    /// The text of a scalar that is not null.
    fn text(&self) -> Option<&'de str> {
        match &self.node.kind {
            Kind::Scalar(scalar) if !scalar.is_null() => Some(&scalar.text),
            Kind::Filler => Some(""),
            _ => None,
        }
    }

    /// The text of a scalar that may be a number or truth value: not in quotes, or filled in from a
    /// variable, which is often put in quotes.
    fn bare(&self) -> Option<&'de str> {
        match &self.node.kind {
            Kind::Scalar(scalar) if scalar.plain || scalar.template.is_some() => self.text(),
            Kind::Filler => Some("0"),
            _ => None,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        match &self.node.kind {
            Kind::Scalar(scalar) => scalar.is_null(),
            kind => *kind == Kind::Filler,
        }
    }

    /// Puts an error of this node in its place. Where the text came from a variable, a message that
    /// quotes it shows what was written instead.
    pub(super) fn place(&self, mut error: Error) -> Error {
        if let Kind::Scalar(Scalar {
            text,
            template: Some(template),
            ..
        }) = &self.node.kind
            && !text.is_empty()
        {
            let (quoted, written) = (format!("`{text}`"), format!("`{template}`"));
            error.message = error.message.replace(&quoted, &written);
            error.help = error.help.map(|help| help.replace(&quoted, &written));
        }
        error.at(&self.node.place)
    }

    fn visit_map<V: Visitor<'de>>(
        self,
        entries: &'de [(Key, Node)],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let owner = self.owner;
        visitor
            .visit_map(Entries {
                entries: entries.iter(),
                value: None,
            })
            .map_err(|error| error.at(owner))
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty, $expected:literal;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.bare().map(str::parse::<$type>) {
                Some(Ok(number)) => visitor.$visit(number).map_err(|e| self.place(e)),
                Some(Err(_)) | None => Err(self.wrong($expected)),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for De<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.kind {
            Kind::Seq(_) => self.deserialize_seq(visitor),
            Kind::Map(_) => self.deserialize_map(visitor),
            Kind::Removed => visitor.visit_unit(),
            Kind::Filler => visitor.visit_borrowed_str(""),
            Kind::Scalar(scalar) => match schema(scalar) {
                Untyped::Null => visitor.visit_unit(),
                Untyped::Bool(b) => visitor.visit_bool(b),
                Untyped::U64(n) => visitor.visit_u64(n),
                Untyped::I64(n) => visitor.visit_i64(n),
                Untyped::F64(n) => visitor.visit_f64(n),
                Untyped::Text => visitor.visit_borrowed_str(&scalar.text),
            }
            .map_err(|e| self.place(e)),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.bare() {
            _ if self.node.kind == Kind::Filler => visitor.visit_bool(false),
            Some("true") => visitor.visit_bool(true).map_err(|e| self.place(e)),
            Some("false") => visitor.visit_bool(false).map_err(|e| self.place(e)),
            Some("yes" | "no" | "on" | "off" | "True" | "False" | "TRUE" | "FALSE") => Err(self
                .wrong("true or false")
                .help("only the words true and false are truth values")),
            _ => Err(self.wrong("true or false")),
        }
    }

    numbers! {
        deserialize_i8 visit_i8 i8, "a whole number from -128 to 127";
        deserialize_i16 visit_i16 i16, "a whole number from -32768 to 32767";
        deserialize_i32 visit_i32 i32, "a whole number";
        deserialize_i64 visit_i64 i64, "a whole number";
        deserialize_i128 visit_i128 i128, "a whole number";
        deserialize_u8 visit_u8 u8, "a whole number from 0 to 255";
        deserialize_u16 visit_u16 u16, "a whole number from 0 to 65535";
        deserialize_u32 visit_u32 u32, "a whole number, 0 or more";
        deserialize_u64 visit_u64 u64, "a whole number, 0 or more";
        deserialize_u128 visit_u128 u128, "a whole number, 0 or more";
        deserialize_f32 visit_f32 f32, "a number";
        deserialize_f64 visit_f64 f64, "a number";
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.text().map(str::parse::<char>) {
            Some(Ok(c)) => visitor.visit_char(c).map_err(|e| self.place(e)),
            Some(Err(_)) | None => Err(self.wrong("one character")),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.text() {
            Some(text) => visitor.visit_borrowed_str(text).map_err(|e| self.place(e)),
            None if self.is_null() => Err(self
                .wrong("text")
                .help("put it in quotes if you mean empty text or the word itself")),
            None => Err(self.wrong("text")),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.is_null() {
            visitor.visit_unit()
        } else {
            Err(self.wrong("nothing"))
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let (node, owner) = (self.node, self.owner);
        if name == EXACT_NUMBER
            && let Kind::Scalar(scalar) = &node.kind
            && scalar.plain
            && is_json_number(&scalar.text)
        {
            let digits = scalar.text.as_bytes();
            return visitor
                .visit_borrowed_bytes(digits)
                .map_err(|e| self.place(e));
        }
        visitor
            .visit_newtype_struct(self)
            .map_err(|e| De { node, owner }.place(e))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.kind {
            Kind::Seq(items) => visitor
                .visit_seq(Items {
                    items: items.iter().enumerate(),
                })
                .map_err(|error| error.at(self.owner)),
            _ if self.is_null() => visitor.visit_seq(Items {
                items: [].iter().enumerate(),
            }),
            Kind::Map(_) => Err(self
                .wrong("a list")
                .help("begin every entry of the list with `- `")),
            _ => Err(self.wrong("a list")),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.kind {
            Kind::Map(entries) => self.visit_map(entries, visitor),
            _ if self.is_null() => self.visit_map(&[], visitor),
            Kind::Seq(_) => Err(self
                .wrong("a map")
                .help("write `name: value` on every line, without `- `")),
            _ => Err(self.wrong("a map")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.node.kind {
            Kind::Map(entries) => self.visit_map(entries, visitor),
            _ if self.is_null() => self.visit_map(&[], visitor),
            _ => {
                let error = self.wrong("a map");
                let keys = fields.join(", ");
                Err(match (fields.first(), self.text()) {
                    (None, _) => error,
                    (Some(first), Some(_)) if MAIN.contains(first) => {
                        error.help(format!("write `{{ {first}: ... }}`; allowed keys: {keys}"))
                    }
                    _ => error.help(format!("allowed keys: {keys}")),
                })
            }
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if variants == SECRET && !matches!(self.node.kind, Kind::Map(_)) && !self.is_null() {
            return Err(Error::new("a secret must not be written here")
                .help("name the environment variable or the file that holds it: `{ env: NAME }` or `{ file: PATH }`")
                .at(&self.node.place));
        }
        match &self.node.kind {
            Kind::Filler => visitor.visit_enum(FillerVariant {
                first: variants.first().copied().unwrap_or_default(),
                node: self.node,
            }),
            Kind::Map(entries) => {
                let mut live = entries.iter().filter(|(_, v)| v.kind != Kind::Removed);
                let Some((key, value)) = live.next() else {
                    return Err(Error::new("expected one key, found an empty map")
                        .help(expected_one_of(None, variants))
                        .at(self.owner));
                };
                if let Some((second, _)) = live.next() {
                    let help = if name == "StageSpec" {
                        "begin every stage with its own `- `".to_owned()
                    } else {
                        format!("keep one of: {}", variants.join(", "))
                    };
                    return Err(Error::new(format!(
                        "only one key is allowed here, found `{}` besides `{}`",
                        second.text, key.text
                    ))
                    .help(help)
                    .at(&second.place)
                    .below(second.text.as_str()));
                }
                if !variants.contains(&key.text.as_str()) {
                    let what = match name {
                        "StageSpec" => "stage",
                        _ => "key",
                    };
                    let error = if variants == SECRET {
                        Error::new("unknown key").help(expected_one_of(None, variants))
                    } else {
                        Error::new(format!("unknown {what} `{}`", key.text))
                            .help(expected_one_of(Some(&key.text), variants))
                    };
                    return Err(error.at(&key.place).below(key.text.as_str()));
                }
                visitor
                    .visit_enum(Variant { key, value })
                    .map_err(|e| e.at(&key.place))
            }
            Kind::Scalar(scalar) if !scalar.is_null() => {
                let word = scalar.text.as_str();
                if variants.contains(&word) {
                    visitor.visit_enum(Word {
                        word,
                        place: &self.node.place,
                        alone: name == "StageSpec",
                    })
                } else if name == "IdentifySpec" {
                    // A property is what most people write here.
                    let shown = scalar.template.as_ref().unwrap_or(&scalar.text);
                    Err(Error::new("expected a map of one key, found text").help(format!(
                        "for a property that is unique: `{{ id_key: {shown} }}`; expected one of: {}",
                        variants.join(", ")
                    )))
                } else {
                    let shown = scalar.template.as_ref().unwrap_or(&scalar.text);
                    let what = match name {
                        "StageSpec" => "stage",
                        _ => "value",
                    };
                    Err(Error::new(format!("unknown {what} `{shown}`")).help(
                        match nearest(&scalar.text, variants.iter().copied()) {
                            Some(_) if scalar.template.is_none() => {
                                expected_one_of(Some(&scalar.text), variants)
                            }
                            _ => expected_one_of(None, variants),
                        },
                    ))
                }
                .map_err(|e| self.place(e))
            }
            _ => Err(self
                .wrong(&format!("one of {}", variants.join(", ")))
                .at(self.owner)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }
}

/// The keys of a setting that says where a secret is. What stands in its place may be the secret
/// itself and is never quoted.
const SECRET: &[&str] = &["env", "file"];

enum Untyped {
    Null,
    Bool(bool),
    U64(u64),
    I64(i64),
    F64(f64),
    Text,
}

/// YAML 1.2's core schema, for settings that take values of any type: a number only where its digits
/// say no more than the number does. `0123` and `1.10` stay text, for an identifier may look so.
fn schema(scalar: &Scalar) -> Untyped {
    let text = scalar.text.as_str();
    if scalar.is_null() {
        return Untyped::Null;
    }
    if !scalar.plain {
        return Untyped::Text;
    }
    match text {
        "true" => return Untyped::Bool(true),
        "false" => return Untyped::Bool(false),
        _ => {}
    }
    fn exactly<T: std::str::FromStr + fmt::Display>(text: &str) -> Option<T> {
        text.parse().ok().filter(|n: &T| n.to_string() == text)
    }
    if let Some(n) = exactly(text) {
        return Untyped::U64(n);
    }
    if let Some(n) = exactly(text) {
        return Untyped::I64(n);
    }
    match exactly::<f64>(text) {
        Some(n) if n.is_finite() && text.contains('.') => Untyped::F64(n),
        _ => Untyped::Text,
    }
}

struct Items<'de> {
    items: std::iter::Enumerate<std::slice::Iter<'de, Node>>,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        match self.items.find(|(_, node)| node.kind != Kind::Removed) {
            Some((i, node)) => seed
                .deserialize(De::new(node))
                .map(Some)
                .map_err(|e| De::new(node).place(e).below(i.to_string())),
            None => Ok(None),
        }
    }
}

struct Entries<'de> {
    entries: std::slice::Iter<'de, (Key, Node)>,
    value: Option<&'de (Key, Node)>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        self.value = self.entries.find(|(_, value)| value.kind != Kind::Removed);
        match self.value {
            Some((key, _)) => seed
                .deserialize(key.text.as_str().into_deserializer())
                .map(Some)
                .map_err(|e: Error| e.at(&key.place).below(key.text.as_str())),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let Some((key, node)) = self.value.take() else {
            return Err(Error::new("expected a key"));
        };
        let owner = &key.place;
        seed.deserialize(De { node, owner })
            .map_err(|e| De { node, owner }.place(e).below(key.text.as_str()))
    }
}

/// An enum written as a map of one key.
struct Variant<'de> {
    key: &'de Key,
    value: &'de Node,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Error;
    type Variant = Variant<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Variant<'de>), Error> {
        let name = seed.deserialize(self.key.text.as_str().into_deserializer())?;
        Ok((name, self))
    }
}

impl<'de> Variant<'de> {
    fn value(&self) -> De<'de> {
        De {
            node: self.value,
            owner: &self.key.place,
        }
    }

    fn inner<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        result.map_err(|e| self.value().place(e).below(self.key.text.as_str()))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        if self.value().is_null() {
            Ok(())
        } else {
            let error = Error::new(format!("`{}` takes no value", self.key.text));
            self.inner(Err(error))
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        self.inner(seed.deserialize(self.value()))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.inner(self.value().deserialize_tuple(len, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.inner(self.value().deserialize_struct("", fields, visitor))
    }
}

/// An enum written as a single word.
struct Word<'de> {
    word: &'de str,
    place: &'de Place,
    /// Whether the word alone may stand for a key without settings.
    alone: bool,
}

/// What a key without settings holds.
static NOTHING: Node = Node::NULL;

impl<'de> EnumAccess<'de> for Word<'de> {
    type Error = Error;
    type Variant = Word<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Word<'de>), Error> {
        let name = seed.deserialize(self.word.into_deserializer())?;
        Ok((name, self))
    }
}

impl Word<'_> {
    fn needs_value<T>(self) -> Result<T, Error> {
        let word = self.word;
        Err(
            Error::new(format!("`{word}` is a key here, not a value")).help(format!(
                "write `{word}:` and its settings, if any, below it"
            )),
        )
    }
}

impl<'de> VariantAccess<'de> for Word<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        if !self.alone {
            return self.needs_value();
        }
        let settings = De {
            node: &NOTHING,
            owner: self.place,
        };
        // What is missing is missing where the word stands, and nowhere else.
        seed.deserialize(settings).map_err(|error| Error {
            place: Some(self.place.clone()),
            ..error
        })
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, _visitor: V) -> Result<V::Value, Error> {
        self.needs_value()
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Error> {
        self.needs_value()
    }
}

/// The first variant of an enum, for a key that is missing.
struct FillerVariant<'de> {
    first: &'static str,
    node: &'de Node,
}

impl<'de> EnumAccess<'de> for FillerVariant<'de> {
    type Error = Error;
    type Variant = De<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, De<'de>), Error> {
        let name = seed.deserialize(self.first.into_deserializer())?;
        Ok((name, De::new(self.node)))
    }
}

impl<'de> VariantAccess<'de> for De<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_struct("", fields, visitor)
    }
}
