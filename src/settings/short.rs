//! Settings that are written as a word, or as a map where there is more to say.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Reads such a setting. An untagged enum would say of a misspelt key that nothing fits; this one names the key.
///
/// # Errors
/// It is neither; then the message says what was `expected`.
pub(crate) fn word_or_map<'de, D, T, M>(
    d: D,
    expected: &'static str,
    word: fn(&str) -> T,
    map: fn(M) -> T,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    M: Deserialize<'de>,
{
    d.deserialize_any(Either {
        expected,
        word,
        map,
    })
}

struct Either<T, M> {
    expected: &'static str,
    word: fn(&str) -> T,
    map: fn(M) -> T,
}

impl<'de, T, M: Deserialize<'de>> Visitor<'de> for Either<T, M> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        Ok((self.word)(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        M::deserialize(MapAccessDeserializer::new(map)).map(self.map)
    }
}
