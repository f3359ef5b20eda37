//! Counts that could name somebody: "1 person changed gender" says who it is, to whoever knows the people.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The least count that is told of a sensitive column.
const ENOUGH: u64 = 5;

/// A count, or that there are few.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Told {
    Count(u64),
    Few(Few),
}

/// In place of a count that is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Few {
    #[serde(rename = "fewer than 5")]
    FewerThanFive,
}

impl Told {
    /// A count of a column that may be sensitive. That there is nothing is told all the same.
    pub(crate) fn of(count: u64, is_sensitive: bool) -> Told {
        match is_sensitive && (1..ENOUGH).contains(&count) {
            true => Told::Few(Few::FewerThanFive),
            false => Told::Count(count),
        }
    }

    /// As that of a sensitive column.
    pub(crate) fn unless_few(self) -> Told {
        match self {
            Told::Count(count) => Told::of(count, true),
            few @ Told::Few(_) => few,
        }
    }

    /// The count, where it is told.
    pub(crate) fn count(self) -> Option<u64> {
        match self {
            Told::Count(count) => Some(count),
            Told::Few(_) => None,
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Told::Count(count) => write!(f, "{count}"),
            Told::Few(Few::FewerThanFive) => f.write_str("fewer than 5"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_to_four_are_few() {
        let check = |count: u64, is_sensitive: bool, json: &str, words: &str| {
            let told = Told::of(count, is_sensitive);
            assert_eq!(told.to_string(), words);
            assert_eq!(serde_json::to_string(&told).unwrap(), json);
            assert_eq!(serde_json::from_str::<Told>(json).unwrap(), told);
        };
        check(0, true, "0", "0");
        for few in 1..5 {
            check(few, true, "\"fewer than 5\"", "fewer than 5");
            check(few, false, &few.to_string(), &few.to_string());
        }
        check(5, true, "5", "5");
    }
}
