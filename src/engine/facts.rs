//! What the rules of the whole file want to know of the records of a block.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::process::{BlockError, Engine};
use crate::batch::{Batch, Cell, Kind, RowState};
use crate::delta::judged::Judged;
use crate::format::PARSE;
use crate::format::block::Block;
use crate::format::encode::Encoded;
use crate::text::compare::{Spelling, compared, is_comparable, loosen_into};
use crate::text::unseen::{is_blank, is_plain_ascii};
use crate::whole::hierarchy::{Loose, Tree};
use crate::whole::{Fact, Values};

impl Engine {
    /// The hash by which a key is known: of what it is compared as.
    pub fn key_hash(&self, key: &str) -> u64 {
        let ignore_case = self.key.as_ref().is_some_and(|key| key.ignore_case);
        self.hash_key(key, ignore_case, &mut String::new())
    }

    /// The same of any column, with a buffer to use.
    fn hash_key(&self, key: &str, ignore_case: bool, folded: &mut String) -> u64 {
        xxh3_64_with_seed(compared(key, ignore_case, folded).as_bytes(), self.seed)
    }

    /// What the rules of the whole file asked for, of every row; 0 where a row has none, and nothing where none has.
    pub(crate) fn facts(
        &self,
        batch: &Batch,
        encoded: &Encoded,
        judged: Option<&Judged>,
    ) -> Vec<Values> {
        self.told(&self.facts, batch, encoded, judged)
    }

    /// The same of these facts.
    pub(super) fn told(
        &self,
        asked: &[Fact],
        batch: &Batch,
        encoded: &Encoded,
        judged: Option<&Judged>,
    ) -> Vec<Values> {
        // Columns of which hashes were made and all cells are as they are compared, as nearly all are.
        let mut plain = Vec::new();
        let fact = |fact: &Fact| match *fact {
            Fact::Hash(slot, ignore_case) => {
                let (hashes, is_plain) = self.hashes(batch, slot, ignore_case);
                plain.extend(is_plain.then_some(slot));
                hashes
            }
            Fact::Aside(slot, ignore_case) => self.hashes_aside(batch, slot, ignore_case),
            Fact::Parent(slot, ignore_case) => self.parents(batch, slot, ignore_case),
            Fact::Filtered => bits(batch, Batch::is_filtered),
            Fact::Unchanged => bits(batch, |batch, row| batch.state(row) == RowState::Unchanged),
            Fact::Left(tree) => self.left(batch, &self.trees[tree]),
            Fact::Period => (self.as_of.iter()).flat_map(|r| r.periods(batch)).collect(),
            Fact::Rank(word) => (self.as_of.iter())
                .flat_map(|r| r.word(batch, word))
                .collect(),
            Fact::Spelling(slot) if plain.contains(&slot) => Vec::new(),
            Fact::Spelling(slot) => spellings(batch, slot),
            // Rows that the server has are not encoded, and two of one key may be the same all the same.
            Fact::Sent | Fact::SentIfKnown if judged.is_some() => {
                judged.map_or(Vec::new(), |j| j.rows.clone())
            }
            Fact::Sent => self.sent_hashes(batch, encoded),
            Fact::SentIfKnown => Vec::new(),
        };
        asked.iter().map(fact).map(Arc::new).collect()
    }

    /// Hashes of what every row sends; 0 where that is nothing.
    pub(super) fn sent_hashes(&self, batch: &Batch, encoded: &Encoded) -> Vec<u64> {
        if self.encoder().measures() {
            return self.encoder().fingerprints(batch, self.seed);
        }
        let mut hashes = vec![0; batch.len()];
        let mut start = 0;
        for (&row, &end) in encoded.rows.iter().zip(&encoded.ends) {
            let bytes = &encoded.bytes[start..end as usize];
            hashes[row as usize] = xxh3_64_with_seed(bytes, self.seed).max(1);
            start = end as usize;
        }
        hashes
    }

    /// Hashes of a column's text. A row that a filter left out has none, nor has a cell at fault, nor a record whose
    /// cells could not be told apart: what stands in its cells may be another column's. Beside them, whether all cells are
    /// known to be as they are compared.
    fn hashes(&self, batch: &Batch, slot: usize, ignore_case: bool) -> (Vec<u64>, bool) {
        let cells = batch.column(slot).iter().enumerate();
        let (mut folded, mut all_plain) = (String::new(), true);
        let hash = |(row, cell): (usize, &Cell)| {
            if cell.is_empty() {
                return 0;
            }
            let text = batch.text(*cell);
            let is_plain = is_plain_ascii(text);
            all_plain &= is_plain;
            match cell.kind() {
                _ if batch.is_filtered(row) => 0,
                Kind::Faulty => 0,
                _ if is_plain && !ignore_case => {
                    xxh3_64_with_seed(text.as_bytes(), self.seed).max(1)
                }
                _ => self.hash_key(text, ignore_case, &mut folded).max(1),
            }
        };
        let mut hashes: Vec<u64> = cells.map(hash).collect();
        for row in not_told_apart(batch) {
            hashes[row] = 0;
        }
        (hashes, all_plain)
    }

    /// Hashes of a column's text where there is one and [`Engine::hashes`] has none.
    fn hashes_aside(&self, batch: &Batch, slot: usize, ignore_case: bool) -> Vec<u64> {
        let mut hashes = Vec::new();
        let mut folded = String::new();
        for (row, cell) in batch.column(slot).iter().enumerate() {
            let aside = batch.is_filtered(row) || cell.kind() == Kind::Faulty;
            if aside && !cell.is_empty() {
                hashes.resize(batch.len(), 0);
                let hash = self.hash_key(batch.text(*cell), ignore_case, &mut folded);
                hashes[row] = hash.max(1);
            }
        }
        if !hashes.is_empty() {
            for row in not_told_apart(batch) {
                hashes[row] = 0;
            }
        }
        hashes
    }

    /// Hashes of whom rows name that are in.
    fn parents(&self, batch: &Batch, slot: usize, ignore_case: bool) -> Vec<u64> {
        let cells = batch.column(slot).iter().enumerate();
        let mut folded = String::new();
        let hash = |(row, cell): (usize, &Cell)| match batch.state(row) {
            RowState::In | RowState::Unchanged
                if !cell.is_empty() && !is_blank(batch.text(*cell)) =>
            {
                self.hash_key(batch.text(*cell), ignore_case, &mut folded)
                    .max(1)
            }
            _ => 0,
        };
        cells.map(hash).collect()
    }

    /// Which rows are those of people who have left.
    fn left(&self, batch: &Batch, tree: &Tree) -> Vec<u64> {
        let mut left = Vec::new();
        let Some(leavers) = &tree.leavers else {
            return left;
        };
        let mut folded = String::new();
        for (row, cell) in batch.column(leavers.slot).iter().enumerate() {
            if leavers.say(batch.text(*cell), &mut folded) {
                left.resize(batch.len(), 0);
                left[row] = 1;
            }
        }
        left
    }

    /// The names in a block for one more look at them: of these hierarchies, of each record its own name and that of its
    /// parent, without the manner in which they are written.
    ///
    /// # Errors
    /// Text that ends the run.
    pub(crate) fn loose_names(
        &self,
        block: Block,
        trees: &[usize],
    ) -> Result<Vec<Vec<(Loose, Loose)>>, BlockError> {
        let mut batch = self.parse(block)?;
        self.transform(&mut batch);
        let mut buffer = String::new();
        let mut loose = |cell: Cell| {
            let text = batch.text(cell);
            if is_blank(text) {
                return Loose::NONE;
            }
            let manner = loosen_into(text, &mut buffer);
            Loose::new(xxh3_64_with_seed(buffer.as_bytes(), self.seed), manner)
        };
        let mut names = Vec::new();
        for tree in trees.iter().map(|tree| &self.trees[*tree]) {
            let own = batch.column(tree.by_slot).iter();
            let pairs = own.zip(batch.column(tree.parent_slot));
            let mut of_tree: Vec<(Loose, Loose)> = pairs
                .map(|(own, parent)| (loose(*own), loose(*parent)))
                .collect();
            for row in not_told_apart(&batch) {
                of_tree[row] = (Loose::NONE, Loose::NONE);
            }
            names.push(of_tree);
        }
        Ok(names)
    }
}

/// Rows whose cells could not be told apart.
pub(super) fn not_told_apart(batch: &Batch) -> impl Iterator<Item = usize> + '_ {
    let faults = batch.faults().iter();
    let parse = faults.filter(|fault| fault.stage == PARSE && fault.column.is_empty());
    parse.map(|fault| fault.row as usize)
}

/// Of which rows something is so: 1 for each of them, and nothing where there are none.
fn bits(batch: &Batch, is_so: impl Fn(&Batch, usize) -> bool) -> Vec<u64> {
    let bit = |row| u64::from(is_so(batch, row));
    match (0..batch.len()).any(|row| bit(row) == 1) {
        true => (0..batch.len()).map(bit).collect(),
        false => Vec::new(),
    }
}

/// How the texts of a column differ from what they are compared as.
fn spellings(batch: &Batch, slot: usize) -> Vec<u64> {
    let mut spellings = Vec::new();
    for (row, cell) in batch.column(slot).iter().enumerate() {
        let text = batch.text(*cell);
        if !is_comparable(text) {
            spellings.resize(batch.len(), 0);
            spellings[row] = Spelling::of(text).bits();
        }
    }
    spellings
}
