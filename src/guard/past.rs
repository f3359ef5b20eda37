//! What went before a run, as far as guards go by it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::changes::Past;

/// The last accepted run of this pipeline on this data set, or what a store tells in its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Last {
    /// Its name.
    pub run: String,
    /// Rows that its upload named.
    pub named: u64,
    /// How many accepted runs in a row, up to that one, had deletion turned off.
    pub deletion_off: u32,
    /// What stands at the target since.
    pub standing: Standing,
    /// Whether no run is known, and this is what the store of a difference tells.
    pub by_store: bool,
}

impl Last {
    /// What the store of a difference tells, which knows so many people, where no run is known that was accepted.
    pub(crate) fn of_store(people: u64) -> Last {
        Last {
            named: people,
            standing: Standing {
                people: Some(people),
                ..Standing::default()
            },
            by_store: true,
            ..Last::default()
        }
    }
}

/// What stands at the target after an accepted run, as far as the uploads tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Standing {
    /// People.
    pub people: Option<u64>,
    /// Those of them with the status of somebody who has left.
    pub leavers: Option<u64>,
    /// By column, how many have a value in it.
    pub filled: BTreeMap<String, u64>,
    /// What was kept of every one of them, for the runs to come to be compared with.
    pub kept: Option<Kept>,
}

/// What is kept of every person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kept {
    /// What the server accepted, in the store of the difference.
    Difference,
    /// Hashes of the columns that guards ask for.
    Columns,
}

/// What went before a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub last: Option<Last>,
    /// Accepted runs since the last one that was approved.
    pub past: Vec<Past>,
}
