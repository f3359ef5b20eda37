//! Managers that miss the keys by a little: by zeros in front, by case, by blanks, by letters in front.

use std::borrow::Cow;
use std::sync::Arc;

use futures::TryStreamExt;
use serde::Serialize;

use crate::batch::RowState;
use crate::engine::EngineError;
use crate::infer::column::hash_of;
use crate::infer::facts::Pass;
use crate::whole::keys::Keys;

/// A key, and columns that should lead to it, each with its name.
pub(super) struct Pairs<'n> {
    pub(super) key: (usize, &'n str),
    pub(super) managers: Vec<(usize, &'n str)>,
}

/// What may be left out of two texts so that they are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Without {
    Zeros,
    Case,
    Blanks,
    Prefix,
}

impl Without {
    const ALL: [Without; 4] = [
        Without::Zeros,
        Without::Case,
        Without::Blanks,
        Without::Prefix,
    ];

    /// A text without it; nothing where the rest is nothing.
    fn of(self, text: &str) -> Cow<'_, str> {
        let text = text.trim();
        match self {
            Without::Zeros => Cow::Borrowed(text.trim_start_matches('0')),
            Without::Case => Cow::Owned(text.to_lowercase()),
            Without::Blanks => Cow::Owned(text.split_whitespace().collect()),
            Without::Prefix => {
                let begins = text
                    .find(|c: char| c.is_ascii_digit())
                    .unwrap_or(text.len());
                Cow::Borrowed(&text[begins..])
            }
        }
    }
}

/// Values of a manager's column that are found among the keys only where something is left out of both.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Near {
    pub column: String,
    pub key: String,
    pub without: Without,
    /// Values, and those that are found as they are, and only so.
    pub filled: u64,
    pub found: u64,
    pub more: u64,
}

/// The hashes of one column: as its texts are, and without each of these.
#[derive(Default)]
struct Hashes {
    blocks: [Vec<Arc<Vec<u64>>>; 1 + Without::ALL.len()],
}

/// Looks once more at columns whose values are not all found among the keys.
///
/// # Errors
/// The source can't be read.
pub(super) async fn near(pass: &Pass, pairs: Pairs<'_>) -> Result<Vec<Near>, EngineError> {
    let mut columns = vec![pairs.key.0];
    columns.extend(pairs.managers.iter().map(|(column, _)| *column));
    let mut all: Vec<Hashes> = columns.iter().map(|_| Hashes::default()).collect();
    let mut parts = pass.open().await?.each(move |batch| {
        let of = |column: &usize| {
            let mut hashes: [Vec<u64>; 1 + Without::ALL.len()] = Default::default();
            for (row, cell) in batch.column(*column).iter().enumerate() {
                if batch.state(row) == RowState::Rejected {
                    continue;
                }
                let text = batch.text(*cell);
                let own = hash_of(text);
                hashes[0].push(own.unwrap_or_default());
                for (without, hashes) in Without::ALL.iter().zip(&mut hashes[1..]) {
                    let hash = own.and_then(|_| hash_of(&without.of(text)));
                    hashes.push(hash.unwrap_or_default());
                }
            }
            hashes
        };
        columns.iter().map(of).collect::<Vec<_>>()
    });
    while let Some(part) = parts.try_next().await? {
        for (column, hashes) in all.iter_mut().zip(part) {
            for (blocks, hashes) in column.blocks.iter_mut().zip(hashes) {
                blocks.push(Arc::new(hashes));
            }
        }
    }
    let Some((key, managers)) = all.split_first() else {
        return Ok(Vec::new());
    };
    let keys = key.blocks.each_ref().map(|blocks| {
        let mut keys = Keys::default();
        blocks.iter().for_each(|block| keys.push(block.clone()));
        keys
    });
    let mut found = Vec::new();
    for (hashes, (_, name)) in managers.iter().zip(&pairs.managers) {
        found.extend(hashes.best(&keys, name, pairs.key.1));
    }
    Ok(found)
}

impl Hashes {
    /// What has to be left out so that the most of them are found.
    fn best(&self, keys: &[Keys], name: &str, key: &str) -> Option<Near> {
        let each = |at: usize| {
            self.blocks[at]
                .iter()
                .flat_map(|block| block.iter().copied())
        };
        let is_found = |at: usize, hash: u64| hash != 0 && keys[at].find(hash).is_some();
        let filled = each(0).filter(|hash| *hash != 0).count() as u64;
        let found = each(0).filter(|hash| is_found(0, *hash)).count() as u64;
        let more = |at: usize| {
            let both = each(0).zip(each(at + 1));
            let missed =
                both.filter(|(own, without)| !is_found(0, *own) && is_found(at + 1, *without));
            missed.count() as u64
        };
        let counts = Without::ALL.iter().enumerate();
        let counts = counts.map(|(at, without)| (*without, more(at)));
        // The first of those that find the same.
        let (without, more) = counts.rev().max_by_key(|(_, more)| *more)?;
        // A few are found by chance.
        (more > 0 && more * 100 >= filled).then(|| Near {
            column: name.to_owned(),
            key: key.to_owned(),
            without,
            filled,
            found,
            more,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out() {
        for (without, text, expected) in [
            (Without::Zeros, "00012", "12"),
            (Without::Case, " Emp1", "emp1"),
            (Without::Blanks, "1 2 3", "123"),
            (Without::Prefix, "EMP-0012", "0012"),
            (Without::Prefix, "Anna", ""),
        ] {
            assert_eq!(without.of(text), expected, "{text}");
        }
    }
}
