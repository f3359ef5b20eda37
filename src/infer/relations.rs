//! What columns are to each other: which of them could be the key, who reports to whom, and whether rows hold for a time.
//!
//! That takes the values of some columns of the whole file, as hashes. Which columns, the first pass tells; so that the
//! memory stays bounded, they are the fewer the more records there are.

mod near;

use std::sync::Arc;

use futures::TryStreamExt;
use serde::Serialize;

use super::column::{Column, hash_of};
use super::decide::{Decided, Type};
use super::facts::{Opened, Pass};
use super::names;
use crate::batch::{Batch, RowState};
use crate::engine::EngineError;
use crate::whole::keys::Keys;

use near::Pairs;
pub(crate) use near::{Near, Without};

/// Hashes of all columns together, at most: half a gibibyte.
const MOST_HASHES: u64 = 1 << 26;

/// Columns that are looked at, at most, of each kind.
const MOST_KEYS: usize = 4;
const MOST_MANAGERS: usize = 5;
const MOST_DAYS: usize = 3;

/// Managers that are looked at once more.
const NEAR: usize = 2;

/// What columns are to each other.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Relations {
    /// The best first.
    pub keys: Vec<KeyFacts>,
    pub managers: Vec<ManagerFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective: Option<Effective>,
    /// Managers that miss the keys by a little.
    pub near: Vec<Near>,
    /// Columns that were not looked at because there are too many records.
    pub left_out: Vec<String>,
}

/// A column that may be the key.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct KeyFacts {
    pub column: String,
    #[serde(skip)]
    pub at: usize,
    pub empty: u64,
    /// Whether it looks like what identifies somebody, and not like what is different by chance.
    pub likely: bool,
    /// Different keys, and records whose key an earlier one has.
    pub keys: u64,
    pub repeated: u64,
}

impl KeyFacts {
    pub(crate) fn is_unique(&self) -> bool {
        self.empty == 0 && self.repeated == 0
    }
}

impl Relations {
    /// Leaves out keys that are lists: several values that are put together are nobody's id.
    pub(super) fn leave_out(&mut self, lists: &[Arc<str>]) {
        let is_list = |name: &str| lists.iter().any(|list| **list == *name);
        self.keys.retain(|key| !is_list(&key.column));
        if self
            .effective
            .as_ref()
            .is_some_and(|found| is_list(&found.key))
        {
            self.effective = None;
        }
    }
}

/// A column whose values are found among those of a key.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ManagerFacts {
    pub column: String,
    pub key: String,
    pub filled: u64,
    pub found: u64,
    /// Records that name themselves, and such as name nobody.
    pub own: u64,
    pub roots: u64,
    /// Whether its name says so, too.
    pub named: bool,
}

/// A key that comes again, with days from which its rows hold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Effective {
    pub key: String,
    pub from: String,
    pub to: Option<String>,
    /// Whether their names say so, too.
    pub named: bool,
    /// Records whose key and day an earlier one has.
    pub repeated: u64,
}

/// The columns that are looked at.
#[derive(Debug, Default)]
struct Asked {
    keys: Vec<usize>,
    managers: Vec<usize>,
    /// Days from which rows may hold: the one whose name says so first.
    from: Vec<usize>,
    to: Option<usize>,
}

/// Looks at the relations of a source's columns.
///
/// # Errors
/// The source can't be read.
pub(crate) async fn relations(
    pass: &Pass,
    names: &[Arc<str>],
    columns: &[Column],
    decided: &[Decided],
    records: u64,
) -> Result<Relations, EngineError> {
    let mut asked = Asked::of(names, columns, decided, records);
    let mut found = Relations {
        left_out: asked.fit(names, records),
        ..Relations::default()
    };
    if asked.keys.is_empty() {
        return Ok(found);
    }
    let seen = see(pass.open().await?, asked.all(), pass.workers).await?;
    let at = |column: usize| {
        asked
            .all()
            .iter()
            .position(|asked| *asked == column)
            .unwrap_or(0)
    };
    for &column in &asked.keys {
        let keys = &seen[at(column)];
        let repeated = keys.keys.find_again().len() as u64;
        found.keys.push(KeyFacts {
            column: names[column].to_string(),
            at: column,
            likely: is_likely(&names[column], &columns[column]),
            empty: keys.empty,
            keys: keys.hashes().filter(|hash| *hash != 0).count() as u64 - repeated,
            repeated,
        });
    }
    // Two people may have one name: where they have, it is no key that somebody has spoilt.
    found.keys.retain(|key| {
        let may_repeat = may_repeat(&key.column, &columns[key.at], &decided[key.at]);
        key.is_unique() || names::is_id(&key.column) || may_repeat
    });
    // What names people is not put behind another column for keys that come twice: somebody has to look at them.
    (found.keys).sort_by_key(|key| {
        (
            is_other(key),
            !key.is_unique(),
            !key.likely,
            names::rank(&key.column),
        )
    });
    for &column in &asked.managers {
        // Of two that fit alike, the better key.
        let each = found.keys.iter().rev().filter(|key| key.at != column);
        let facts =
            each.map(|key| manager(names, column, key, &seen[at(column)], &seen[at(key.at)]));
        found.managers.extend(facts.max_by_key(|facts| facts.found));
    }
    // A second column of the same ids is nobody's manager.
    found
        .managers
        .retain(|m| m.own * 2 <= m.filled && m.found * 2 >= m.filled && m.found > 0);
    found.managers.retain(|m| m.named || m.found == m.filled);
    found
        .managers
        .sort_by_key(|m| (!m.named, std::cmp::Reverse(m.found)));
    prefer_managed(&mut found.keys, &found.managers);
    found.effective = effective(names, &asked, &found.keys, |column| &seen[at(column)]);
    drop(seen);
    if let Some(pairs) = missed(names, &asked, &found, records) {
        found.near = near::near(pass, pairs).await?;
    }
    Ok(found)
}

/// Managers of a column that must be found among the values of another, of a hundred, so that it is the one to go by.
const MANAGED: u64 = 95;

/// Of several columns that could be the key, the one by which managers are named is the better: nobody reports to a key that
/// no manager goes by. Managers may go by their positions, too, which does not make these people's keys.
fn prefer_managed(keys: &mut [KeyFacts], managers: &[ManagerFacts]) {
    let Some(best) = keys.first() else {
        return;
    };
    let is_of =
        |manager: &&ManagerFacts| manager.named && manager.found * 100 >= manager.filled * MANAGED;
    let managers: Vec<_> = managers.iter().filter(is_of).collect();
    if managers.iter().any(|manager| manager.key == best.column) {
        return;
    }
    let of_person = names::rank(&best.column) == 0;
    let is_better = |key: &KeyFacts| {
        let is_of_another = of_person && names::rank(&key.column) == 1;
        key.is_unique() && key.likely && !is_of_another
    };
    let by = |manager: &&ManagerFacts| {
        keys.iter()
            .position(|key| key.column == manager.key && is_better(key))
    };
    if let Some(at) = managers.iter().find_map(by) {
        keys[..=at].rotate_right(1);
    }
}

/// Managers, by their name, that are not all found among the keys.
fn missed<'n>(
    names: &'n [Arc<str>],
    asked: &Asked,
    found: &Relations,
    records: u64,
) -> Option<Pairs<'n>> {
    let key = found.keys.first()?;
    let is_missed = |at: &usize| {
        let facts = found
            .managers
            .iter()
            .find(|facts| facts.column == *names[*at]);
        names::is_manager(&names[*at]) && facts.is_none_or(|facts| facts.found < facts.filled)
    };
    let managers: Vec<_> = (asked.managers.iter().copied())
        .filter(is_missed)
        .filter(|at| *at != key.at)
        .take(NEAR)
        .map(|at| (at, &*names[at]))
        .collect();
    // As each text is, and without each of four things.
    let hashes = records * 5 * (managers.len() as u64 + 1);
    (!managers.is_empty() && hashes <= MOST_HASHES).then(|| Pairs {
        key: (key.at, &names[key.at]),
        managers,
    })
}

/// The columns that may name somebody's manager: by their name, or because they look like one of these keys.
fn managers(
    names: &[Arc<str>],
    columns: &[Column],
    decided: &[Decided],
    keys: &[usize],
) -> Vec<usize> {
    let distinct = |at: usize| columns[at].distinct.count().count;
    let looks_like_a_key = |at: usize| {
        let shape = |at: usize| {
            columns[at]
                .shapes
                .list()?
                .first()
                .map(|(shape, _)| shape.to_string())
        };
        let range = |at: usize| columns[at].lengths.range();
        keys.iter()
            .any(|key| shape(at).is_some() && shape(at) == shape(*key) && range(at) == range(*key))
    };
    let is_any = |at: &usize| {
        matches!(
            decided[*at].kind,
            Type::Text | Type::Identifier | Type::Whole(_)
        )
    };
    let mut managers: Vec<usize> = (0..names.len())
        .filter(is_any)
        .filter(|at| !keys.contains(at) && decided[*at].values > 0)
        .filter(|&at| names::is_manager(&names[at]) || looks_like_a_key(at) && distinct(at) > 2)
        .collect();
    managers.sort_by_key(|at| !names::is_manager(&names[*at]));
    managers.truncate(MOST_MANAGERS);
    managers
}

/// A key has a row for every so many records, at least, where rows hold for a time.
const FEWEST: u64 = 20;

/// Whether a column may be of keys that come again and again: numbers or codes of one length that are no list of codes, and
/// have more values than such a list has.
fn may_repeat(name: &str, column: &Column, decided: &Decided) -> bool {
    let fixed = column
        .lengths
        .range()
        .is_some_and(|(least, most)| least == most);
    let digits = column.digits + column.mixed > 0 || column.numbers.whole > 0;
    let is_other = names::is_manager(name) || names::is_amount(name) || column.at_signs > 0;
    fixed && digits && !is_other && !decided.codes && column.values.0.is_none()
}

/// Whether a key does not say of itself that it is people's.
fn is_other(key: &KeyFacts) -> bool {
    !names::is_of_person(&key.column)
}

/// Whether the values of a column are there to identify somebody. Names, addresses and texts may all be different.
fn is_likely(name: &str, column: &Column) -> bool {
    let has_one_shape = column.shapes.list().is_some_and(|shapes| shapes.len() == 1);
    let has_digits = column.digits + column.mixed > 0 || names::is_id(name);
    names::is_id(name)
        || has_one_shape && has_digits && column.at_signs == 0 && !names::is_personal(name)
}

impl Asked {
    fn of(names: &[Arc<str>], columns: &[Column], decided: &[Decided], records: u64) -> Asked {
        let is_name = |at: &usize| match decided[*at].kind {
            Type::Text | Type::Identifier => true,
            Type::Whole(_) => may_repeat(&names[*at], &columns[*at], &decided[*at]),
            _ => false,
        };
        let distinct = |at: usize| columns[at].distinct.count().count;
        let is_full = |at: &usize| decided[*at].values * 100 >= records * 95;
        let mut keys: Vec<usize> = (0..names.len())
            .filter(is_name)
            .filter(is_full)
            .filter(|&at| !names::is_contact(&names[at]))
            .filter(|&at| {
                let many = distinct(at) * 10 >= records * 9;
                let named = names::is_of_person(&names[at]) && !names::is_manager(&names[at]);
                let again = named || may_repeat(&names[at], &columns[at], &decided[at]);
                (many || again && distinct(at) * FEWEST >= records) && distinct(at) > 1
            })
            .collect();
        let rank = |at: &usize| {
            let name = &names[*at];
            let many = distinct(*at) * 10 >= records * 9;
            (
                names::is_personal(name) || columns[*at].at_signs > 0,
                names::rank(name),
                !many,
            )
        };
        keys.sort_by_key(rank);
        keys.truncate(MOST_KEYS);
        let managers = managers(names, columns, decided, &keys);
        let days = (0..names.len()).filter(|at| is_date(&decided[*at].kind));
        // Some rows have no last day yet, or one that never comes.
        let is_open = |at: &usize| !columns[*at].none[1].is_empty();
        let to = days.clone().find(|at| names::is_to(&names[*at]));
        let to = to.or_else(|| days.clone().find(is_open));
        let mut from: Vec<usize> = days.filter(|at| is_full(at) && Some(*at) != to).collect();
        from.sort_by_key(|at| !names::is_from(&names[*at]));
        from.truncate(MOST_DAYS);
        Asked {
            from,
            to,
            keys,
            managers,
        }
    }

    /// Leaves out what there is no room for.
    fn fit(&mut self, names: &[Arc<str>], records: u64) -> Vec<String> {
        let most = (MOST_HASHES / records.max(1)).max(2) as usize;
        let mut left_out = Vec::new();
        while self.all().len() > most {
            let last = match self.managers.len() > 1 || self.keys.len() == 1 {
                true => self.managers.pop(),
                false => self.keys.pop(),
            };
            match last.or_else(|| self.from.pop()) {
                Some(at) => left_out.push(names[at].to_string()),
                None => break,
            }
        }
        left_out
    }

    /// The columns, each once.
    fn all(&self) -> Vec<usize> {
        let mut all: Vec<usize> = self.keys.iter().chain(&self.managers).copied().collect();
        all.extend(self.from.iter().filter(|at| !self.keys.contains(at)));
        all
    }
}

fn is_date(kind: &Type) -> bool {
    use super::decide::Undecided;
    matches!(
        kind,
        Type::Date(_) | Type::Undecided(Undecided::Orders { .. })
    )
}

/// The hashes of a column, record by record; 0 where there is no value.
#[derive(Default)]
struct Seen {
    blocks: Vec<Arc<Vec<u64>>>,
    keys: Keys,
    empty: u64,
}

impl Seen {
    fn hashes(&self) -> impl Iterator<Item = u64> {
        self.blocks.iter().flat_map(|block| block.iter().copied())
    }

    fn push(&mut self, hashes: Vec<u64>) {
        self.empty += hashes.iter().filter(|hash| **hash == 0).count() as u64;
        let hashes = Arc::new(hashes);
        self.keys.push(hashes.clone());
        self.blocks.push(hashes);
    }
}

async fn see(
    opened: Opened,
    columns: Vec<usize>,
    workers: usize,
) -> Result<Vec<Seen>, EngineError> {
    let mut seen: Vec<Seen> = columns.iter().map(|_| Seen::default()).collect();
    for column in &mut seen {
        column.keys.use_threads(workers);
    }
    let mut parts = opened.each(move |batch| -> Vec<Vec<u64>> {
        columns
            .iter()
            .map(|column| hashes(&batch, *column))
            .collect()
    });
    while let Some(part) = parts.try_next().await? {
        for (column, hashes) in seen.iter_mut().zip(part) {
            column.push(hashes);
        }
    }
    Ok(seen)
}

fn hashes(batch: &Batch, column: usize) -> Vec<u64> {
    let cells = batch.column(column).iter().enumerate();
    let in_force = cells.filter(|(row, _)| batch.state(*row) != RowState::Rejected);
    in_force
        .map(|(_, cell)| hash_of(batch.text(*cell)).unwrap_or_default())
        .collect()
}

fn manager(
    names: &[Arc<str>],
    column: usize,
    key: &KeyFacts,
    managers: &Seen,
    keys: &Seen,
) -> ManagerFacts {
    let mut facts = ManagerFacts {
        column: names[column].to_string(),
        key: key.column.clone(),
        filled: 0,
        found: 0,
        own: 0,
        roots: 0,
        named: names::is_manager(&names[column]),
    };
    for (manager, own) in managers.hashes().zip(keys.hashes()) {
        if manager == 0 {
            facts.roots += 1;
            continue;
        }
        facts.filled += 1;
        facts.own += u64::from(manager == own);
        facts.found += u64::from(keys.keys.find(manager).is_some());
    }
    facts
}

/// Rows that hold for a time: the key comes again, and never twice with the same first day, or seldom. Where no name says
/// so, it comes again and again, nothing else tells the records apart, and with the day it does.
fn effective<'s>(
    names: &[Arc<str>],
    asked: &Asked,
    keys: &[KeyFacts],
    seen: impl Fn(usize) -> &'s Seen,
) -> Option<Effective> {
    let has_key = keys.iter().any(|key| key.is_unique() && key.likely);
    let repeats = |key: &&KeyFacts| key.repeated > 0 && key.empty == 0;
    for key in keys.iter().filter(repeats) {
        for &from in &asked.from {
            let named = names::is_of_person(&key.column) && names::is_from(&names[from]);
            let often = key.repeated * 10 >= key.keys + key.repeated;
            if !named && (has_key || !often || names::is_of_life(&names[from])) {
                continue;
            }
            let repeated = repeated_with(seen(key.at), seen(from));
            // If the days told the rows apart no better than the key does, they are not what they hold from.
            let tells = match named {
                true => repeated * 2 < key.repeated,
                false => repeated * 100 <= key.repeated,
            };
            if tells {
                return Some(Effective {
                    key: key.column.clone(),
                    from: names[from].to_string(),
                    to: asked.to.map(|to| names[to].to_string()),
                    named,
                    repeated,
                });
            }
        }
    }
    None
}

/// Records whose key and day an earlier one has.
fn repeated_with(keys: &Seen, days: &Seen) -> u64 {
    let mut pairs = Keys::default();
    for (ids, days) in keys.blocks.iter().zip(&days.blocks) {
        let pair = |(id, day): (&u64, &u64)| {
            (id ^ day.rotate_left(23))
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .max(1)
        };
        pairs.push(Arc::new(ids.iter().zip(&**days).map(pair).collect()));
    }
    pairs.find_again().len() as u64
}
