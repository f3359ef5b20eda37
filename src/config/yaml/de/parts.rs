//! The parts of lists, maps and enums, one by one: what was taken out is passed over.

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::error::Error;
use super::node::De;
use crate::config::problem::Place;
use crate::config::yaml::tree::{Key, Kind, Node};

pub(super) struct Items<'de> {
    pub(super) items: std::iter::Enumerate<std::slice::Iter<'de, Node>>,
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

pub(super) struct Entries<'de> {
    pub(super) entries: std::slice::Iter<'de, (Key, Node)>,
    pub(super) value: Option<&'de (Key, Node)>,
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
pub(super) struct Variant<'de> {
    pub(super) key: &'de Key,
    pub(super) value: &'de Node,
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
pub(super) struct Word<'de> {
    pub(super) word: &'de str,
    pub(super) place: &'de Place,
    /// Whether the word alone may stand for a key without settings.
    pub(super) alone: bool,
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
pub(super) struct FillerVariant<'de> {
    pub(super) first: &'static str,
    pub(super) node: &'de Node,
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
