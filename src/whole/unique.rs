//! Each key once: which rows share a key, which of them are the same row twice, and who keeps it.
//!
//! All rows of a key count, also those that are rejected for something else: whoever mends such a row and sends it
//! must not replace another without a word. A row that a filter left out has no key, nor has a record whose cells
//! could not be told apart.
//!
//! Rows are compared as they would be sent, by 32 bits of a hash: two rows of one key that differ pass for equal once
//! in four billion such pairs. To make this hash of every row takes longer than everything else about keys, and nearly
//! no key comes again. Where nobody asks before the end of the file, it is made then, of the rows whose keys do: the
//! source is read once more for them.
//!
//! Keys are compared by the [one rule](crate::text::compare): those that look the same are the same. Where they are
//! written differently all the same, the fault says in what.
//!
//! Memory: that of [`Keys`]; 8 bytes a record whose key stood before; 16 bytes a record whose key is not written as it is
//! compared; and for what rows would send, 4 bytes a record, or 8 bytes a record whose key comes again.

use std::borrow::Cow;

use super::as_of::SpillError;
use super::keys::Keys;
use super::{
    Fact, Facts, Fates, Findings, Key, NAMED_LINES, Places, Verdict, Verdicts, Whole, listed,
};
use crate::batch::Fault;
use crate::rule::{Keep, STAGE};
use crate::text::compare::Spelling;

/// The code of rows whose key others have, too.
pub(crate) const KEY_DUPLICATE: &str = "key_duplicate";

/// Files that the warning names at most.
const NAMED_FILES: usize = 5;

/// Records whose hashes are kept together.
const TOGETHER: usize = 1 << 16;

/// The rule `validate.key`.
pub(crate) struct Unique {
    key: Key,
    keys: Keys,
    rows: Rows,
    /// Records whose key stood before, each behind the first record with this key.
    again: Vec<(u32, u32)>,
    /// Of a key's first record, the record that keeps the key, where it is another.
    kept: Vec<(u32, u32)>,
    /// How keys are written, of records whose key is not as it is compared.
    spellings: Vec<(u32, Spelling)>,
    /// The column by whose values `as_of` chose before, if it did.
    chosen_by: Option<usize>,
    /// Records of keys that stand more than once, without a say as `as_of` left them out. In order.
    out: Vec<u32>,
    /// Whether it is known, at the end of the file, which keys come again.
    is_searched: bool,
}

/// 32 bits of the hash of what a record would send; 0 where that is nothing.
pub(crate) fn short(sent: u64) -> u32 {
    if sent == 0 { 0 } else { (sent as u32).max(1) }
}

/// Of records [in short](short) what they would send.
#[derive(Default)]
struct Rows {
    /// Of all, in chunks.
    all: Vec<Vec<u32>>,
    /// Of some, in order, once they are told.
    some: Option<Vec<(u32, u32)>>,
}

impl Rows {
    fn push(&mut self, sent: u64) {
        if self.all.last().is_none_or(|last| last.len() == TOGETHER) {
            self.all.push(Vec::with_capacity(TOGETHER));
        }
        if let Some(last) = self.all.last_mut() {
            last.push(short(sent));
        }
    }

    fn get(&self, record: u32) -> u32 {
        match &self.some {
            None => self.all[record as usize / TOGETHER][record as usize % TOGETHER],
            Some(some) => {
                let at = some.binary_search_by_key(&record, |(record, _)| *record);
                at.map_or(0, |at| some[at].1)
            }
        }
    }

    fn bytes(&self) -> usize {
        let some = self.some.as_ref().map_or(0, Vec::capacity);
        self.all.len() * TOGETHER * size_of::<u32>() + some * size_of::<(u32, u32)>()
    }

    /// Whether both would be sent, and would be the same.
    fn equal(&self, a: u32, b: u32) -> bool {
        self.get(a) != 0 && self.get(a) == self.get(b)
    }
}

impl Unique {
    /// `chosen_by` is the column by whose values `as_of` chooses before, if it does.
    pub(crate) fn new(key: Key, chosen_by: Option<usize>) -> Unique {
        Unique {
            chosen_by,
            out: Vec::new(),
            key,
            keys: Keys::default(),
            rows: Rows::default(),
            again: Vec::new(),
            kept: Vec::new(),
            spellings: Vec::new(),
            is_searched: false,
        }
    }

    /// Lets what is done at the end of the file be done by so many threads.
    pub(super) fn use_threads(&mut self, threads: usize) {
        self.keys.use_threads(threads);
    }

    fn spelling(&self, record: u32) -> Spelling {
        let at = self.spellings.binary_search_by_key(&record, |(r, _)| *r);
        at.map_or(Spelling::default(), |at| self.spellings[at].1)
    }

    /// What keeps the key of a record from being equal to that of others, in words.
    fn apart(&self, record: u32, others: &[u32]) -> String {
        let own = self.spelling(record);
        let mut others = others.iter().take(NAMED_LINES);
        match others.find_map(|&other| own.apart(self.spelling(other))) {
            Some(differ) => format!(", but for {differ},"),
            None => String::new(),
        }
    }

    /// The record that was sent with the key of this hash. Where keys wait for the end of the file, none has a record
    /// before: if one comes again, all is gone through once more.
    pub(crate) fn find(&self, hash: u64) -> Option<u32> {
        if self.waits() && !self.is_searched {
            return None;
        }
        let first = self.keys.find(hash)?;
        let at = self.kept.binary_search_by_key(&first, |(first, _)| *first);
        Some(at.map_or(first, |at| self.kept[at].1))
    }

    /// The record that keeps a key, if any may; `records` have it, in their order.
    fn keeper(&self, records: &[u32]) -> Option<u32> {
        let (first, last) = (*records.first()?, *records.last()?);
        match self.key.keep {
            Keep::First => Some(first),
            // Of those that are the same, the first goes.
            Keep::Last => {
                Some((records.iter().copied().find(|&r| self.rows.equal(r, last))).unwrap_or(last))
            }
            Keep::None => records
                .iter()
                .all(|&record| self.rows.equal(record, first))
                .then_some(first),
        }
    }

    /// The records of a key, by the first of them, once they are sorted.
    fn group(&self, first: u32) -> impl Iterator<Item = u32> + '_ {
        let at = self.again.partition_point(|(f, _)| *f < first);
        let others = self.again[at..]
            .iter()
            .take_while(move |(f, _)| *f == first);
        std::iter::once(first).chain(others.map(|(_, record)| *record))
    }

    /// Whether the first row with a key is known to keep it as soon as it is seen.
    fn is_decided_at_once(&self) -> bool {
        self.key.keep == Keep::First && self.chosen_by.is_none()
    }

    /// Whether nobody asks before the end of the file which keys come again.
    fn waits(&self) -> bool {
        self.key.keep.can_be_late() && self.chosen_by.is_none()
    }

    /// The records whose keys come again, where it is not known what they would send.
    pub(super) fn asks(&mut self) -> Vec<u32> {
        self.find_again();
        if !self.rows.all.is_empty() || self.rows.some.is_some() {
            return Vec::new();
        }
        let both = self
            .again
            .iter()
            .flat_map(|(first, record)| [*first, *record]);
        let mut asked: Vec<u32> = both.collect();
        asked.sort_unstable();
        asked.dedup();
        asked
    }

    /// Takes in what they would send, in short and in order; those that are not named send nothing.
    pub(super) fn tell(&mut self, sent: Vec<(u32, u32)>) {
        self.rows.some = Some(sent);
    }

    /// Finds all keys that come again, once.
    fn find_again(&mut self) {
        if self.waits() && !self.is_searched {
            let again = self.keys.find_again().into_iter();
            let again = again.map(|(record, first)| (first, record));
            self.again.extend(again);
        }
        self.is_searched = true;
        self.again.sort_unstable();
    }

    /// Whether a row has no say any more: it was left out, or the rule before chose by the same key, so that of those
    /// that are left no more than one is sent.
    fn is_out(&self, record: u32, fates: &Fates<'_>) -> bool {
        let is_chosen = self.chosen_by == Some(self.key.slot);
        let is_out = |verdict| verdict == Verdict::LeaveOut || is_chosen;
        is_chosen && self.rows.get(record) == 0 || fates.on(record).any(is_out)
    }

    fn judge(&self, record: u32, first: u32, keeper: Option<u32>) -> Option<Verdict> {
        match keeper {
            Some(keeper) if keeper == record => None,
            Some(keeper) if self.rows.equal(record, keeper) => Some(Verdict::LeaveOut),
            _ => Some(Verdict::Reject {
                rule: 0,
                reason: keeper.unwrap_or(first),
            }),
        }
    }
}

impl Whole for Unique {
    fn facts(&self) -> Vec<Fact> {
        let slot = self.key.slot;
        let hash = Fact::Hash(slot, self.key.ignore_case);
        let sent = match self.waits() {
            true => Fact::SentIfKnown,
            false => Fact::Sent,
        };
        vec![hash, Fact::Spelling(slot), sent]
    }

    fn see(&mut self, block: &Facts<'_>, out: &mut Verdicts) -> Result<(), SpillError> {
        let [hashes, spellings, sent] = block.columns else {
            return Ok(());
        };
        let numbered = spellings.iter().copied().zip(block.first..);
        let unlike = numbered.filter(|(bits, _)| *bits != 0);
        self.spellings
            .extend(unlike.map(|(bits, record)| (record, Spelling::from_bits(bits))));
        for &sent in &**sent {
            self.rows.push(sent);
        }
        self.keys.push(hashes.clone());
        if self.waits() {
            return Ok(());
        }
        let known = self.again.len();
        let again = &mut self.again;
        self.keys.enter(|record, first| again.push((first, record)));
        if self.is_decided_at_once() {
            let judged = self.again[known..].iter().filter_map(|&(first, record)| {
                Some((record, self.judge(record, first, Some(first))?))
            });
            out.now.extend(judged);
        }
        Ok(())
    }

    fn end(&mut self, fates: &Fates<'_>, out: &mut Verdicts) -> Result<Findings, SpillError> {
        self.find_again();
        let mut repeated = Repeated::default();
        let (mut kept, mut left_out) = (Vec::new(), Vec::new());
        for group in self.again.chunk_by(|a, b| a.0 == b.0) {
            let first = group[0].0;
            let records: Vec<u32> = self
                .group(first)
                .filter(|&record| self.is_decided_at_once() || !self.is_out(record, fates))
                .collect();
            if records.len() > 1 {
                repeated.count(&records, &fates.places);
                left_out.extend(self.group(first).filter(|r| !records.contains(r)));
            }
            if self.is_decided_at_once() {
                continue;
            }
            let keeper = self.keeper(&records);
            // Where none is sent, one that was rejected stands for the key rather than one that was left out.
            let stands = keeper.or_else(|| {
                let left_out = |record| fates.on(record).any(|v| v == Verdict::LeaveOut);
                self.group(first).find(|record| !left_out(*record))
            });
            kept.extend(stands.filter(|&k| k != first).map(|k| (first, k)));
            out.later.extend(
                records
                    .iter()
                    .filter_map(|&record| Some((record, self.judge(record, first, keeper)?))),
            );
        }
        self.kept = kept;
        left_out.sort_unstable();
        self.out = left_out;
        Ok(Findings {
            warnings: repeated.warning(fates.places.files).into_iter().collect(),
            ..Findings::default()
        })
    }

    fn fault(&self, record: u32, reason: u32, places: &Places<'_>) -> Fault {
        let others: Vec<u32> = match self.key.keep {
            Keep::None => self
                .group(reason)
                .filter(|r| *r != record && self.out.binary_search(r).is_err())
                .collect(),
            Keep::First | Keep::Last => vec![reason],
        };
        Fault {
            row: 0,
            stage: STAGE,
            column: self.key.column.clone(),
            source: None,
            code: Cow::Borrowed(KEY_DUPLICATE),
            message: Cow::Owned(format!(
                "the same key{}{} stands {}",
                if self.key.ignore_case {
                    " (case aside)"
                } else {
                    ""
                },
                self.apart(record, &others),
                places.all_seen_from(record, &others)
            )),
        }
    }

    fn bytes(&self) -> usize {
        self.keys.bytes()
            + self.rows.bytes()
            + (self.again.capacity() + self.kept.capacity()) * size_of::<(u32, u32)>()
            + self.spellings.capacity() * size_of::<(u32, Spelling)>()
    }
}

/// Keys that stand in several files.
#[derive(Default)]
struct Repeated {
    keys: u64,
    files: Vec<u32>,
}

impl Repeated {
    fn count(&mut self, records: &[u32], places: &Places<'_>) {
        let files = || records.iter().filter_map(|&record| places.file(record));
        let Some(first) = files().next() else { return };
        if files().all(|file| file == first) {
            return;
        }
        self.keys += 1;
        self.files.extend(files());
        self.files.sort_unstable();
        self.files.dedup();
    }

    fn warning(&self, names: &[String]) -> Option<String> {
        if self.keys == 0 {
            return None;
        }
        let mut named: Vec<String> = self
            .files
            .iter()
            .take(NAMED_FILES)
            .map(|&file| names[file as usize].clone())
            .collect();
        if self.files.len() > NAMED_FILES {
            named.push(format!("{} more", self.files.len() - NAMED_FILES));
        }
        let keys = match self.keys {
            1 => "1 key stands".to_owned(),
            keys => format!("{keys} keys stand"),
        };
        Some(format!(
            "{keys} in more than one file: {}; is one of them an older extract of the same people?",
            listed(&named)
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::whole::lines::Lines;

    fn unique(keep: Keep) -> Unique {
        Unique::new(
            Key {
                column: Arc::from("id"),
                slot: 0,
                keep,
                ignore_case: false,
            },
            None,
        )
    }

    /// Records as their keys and what they would send (0: nothing), in blocks of so many; a file has two blocks. Of all
    /// records it is `known` what they would send, or it is told where it is asked.
    fn verdicts(
        keep: Keep,
        records: &[(u64, u64)],
        block: usize,
        known: bool,
    ) -> (Unique, Vec<(u32, Verdict)>) {
        let mut unique = unique(keep);
        let mut lines = Lines::default();
        let mut out = Verdicts::default();
        for (at, records) in records.chunks(block).enumerate() {
            let first = lines.len() as u32;
            lines.push(at as u32 / 2, 1, 0..records.len() as u32);
            let sent = known || !unique.facts().contains(&Fact::SentIfKnown);
            let columns = [
                records.iter().map(|r| r.0).collect::<Vec<_>>(),
                Vec::new(),
                records.iter().filter(|_| sent).map(|r| r.1).collect(),
            ];
            let facts = Facts {
                first,
                records: records.len(),
                columns: &columns.map(Arc::new),
            };
            unique.see(&facts, &mut out).unwrap();
        }
        let files: Vec<String> = (0..records.len()).map(|n| format!("f{n}")).collect();
        let places = Places {
            lines: &lines,
            files: &files,
        };
        let fates = Fates::new(&[], places);
        let asked = unique.asks();
        if !asked.is_empty() {
            let sent = asked.iter().map(|r| (*r, short(records[*r as usize].1)));
            unique.tell(sent.filter(|(_, sent)| *sent != 0).collect());
        }
        unique.end(&fates, &mut out).unwrap();
        let mut all = [out.now, out.later].concat();
        all.sort_by_key(|(record, _)| *record);
        (unique, all)
    }

    proptest! {
        /// Each key has one row that is sent, or none; and whoever asks for the key finds that row.
        #[test]
        fn agrees_with_a_slow_model(
            records in proptest::collection::vec((0u64..12, 0u64..4), 0..60),
            block in 1usize..9,
            keep in prop_oneof![Just(Keep::None), Just(Keep::First), Just(Keep::Last)],
            known in any::<bool>(),
        ) {
            let (unique, found) = verdicts(keep, &records, block, known);
            let mut groups: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
            for (record, (key, _)) in records.iter().enumerate() {
                if *key != 0 {
                    groups.entry(*key).or_default().push(record as u32);
                }
            }
            let sends = |record: u32| records[record as usize].1;
            let mut expected: BTreeMap<u32, &str> = BTreeMap::new();
            for (key, group) in groups.iter().filter(|(_, group)| group.len() > 1) {
                let last = group[group.len() - 1];
                let same = |a: u32, b: u32| sends(a) != 0 && sends(a) == sends(b);
                let keeper = match keep {
                    Keep::First => Some(group[0]),
                    Keep::Last => Some(*group.iter().find(|r| same(**r, last)).unwrap_or(&last)),
                    Keep::None if group.iter().all(|r| same(*r, group[0])) => Some(group[0]),
                    Keep::None => None,
                };
                for &record in group.iter().filter(|record| Some(**record) != keeper) {
                    let left_out = keeper.is_some_and(|keeper| same(record, keeper));
                    expected.insert(record, if left_out { "left out" } else { "rejected" });
                }
                if let Some(keeper) = keeper {
                    prop_assert_eq!(unique.find(*key), Some(keeper));
                }
            }
            let found: BTreeMap<u32, &str> = found
                .into_iter()
                .map(|(record, verdict)| (record, match verdict {
                    Verdict::LeaveOut => "left out",
                    Verdict::Reject { .. } | Verdict::Clear { .. } => "rejected",
                    Verdict::Withhold => "withheld",
                }))
                .collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn where_keys_wait_none_has_a_record_before_the_end() {
        let mut unique = unique(Keep::None);
        let mut lines = Lines::default();
        for key in [7, 8] {
            let facts = Facts {
                first: lines.len() as u32,
                records: 1,
                columns: &[vec![key], Vec::new(), Vec::new()].map(Arc::new),
            };
            lines.push(0, 1, 0..1);
            unique.see(&facts, &mut Verdicts::default()).unwrap();
            assert_eq!(unique.find(7), None);
        }
        assert!(unique.asks().is_empty());
        assert_eq!(
            [7, 8, 9].map(|key| unique.find(key)),
            [Some(0), Some(1), None]
        );
    }

    #[test]
    fn other_lines_are_named_up_to_five() {
        let records: Vec<(u64, u64)> = (0..9).map(|n| (7, n + 1)).collect();
        let (unique, found) = verdicts(Keep::None, &records, 3, true);
        assert_eq!(found.len(), 9);
        let mut lines = Lines::default();
        for at in 0..3 {
            lines.push(at / 2, 1, 0..3);
        }
        let files = ["a.csv".to_owned(), "b.csv".to_owned()];
        let places = Places {
            lines: &lines,
            files: &files,
        };
        assert_eq!(
            unique.fault(8, 0, &places).message,
            "the same key stands in a.csv on line 1, in a.csv on line 2, in a.csv on line 3, in a.csv on line 1, in \
             a.csv on line 2 and 3 more times"
        );
        assert_eq!(unique.fault(0, 0, &places).column, "id".into());
    }

    #[test]
    fn memory_is_that_of_the_keys_and_four_bytes_a_record() {
        let records: Vec<(u64, u64)> = (1..=1_000_000u64)
            .map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, n))
            .collect();
        for (known, most) in [(true, 18.7 + 4.3), (false, 18.7)] {
            let (unique, _) = verdicts(Keep::None, &records, 1000, known);
            let each = unique.bytes() as f64 / records.len() as f64;
            assert!(each <= most, "{each}");
        }
    }
}
