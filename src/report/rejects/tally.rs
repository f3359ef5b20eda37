//! Rejected rows and their faults, counted.

use std::collections::BTreeMap;

use crate::batch::Fault;

/// The most fault codes that are counted each by itself. Codes come from the pipeline file and from
/// the server, and neither may fill the memory.
pub(crate) const MAX_CODES: usize = 1_000;

/// The longest code that is counted by its own name, in bytes; longer ones are cut.
const MAX_CODE_LEN: usize = 100;

/// Rejected rows and their faults, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    rows: u64,
    faults: u64,
    by_code: BTreeMap<String, u64>,
    others: u64,
}

impl Tally {
    /// Counts one row with these faults.
    pub fn add(&mut self, faults: &[Fault]) {
        self.rows += 1;
        self.faults += faults.len() as u64;
        for fault in faults {
            self.count(&fault.code);
        }
    }

    fn count(&mut self, code: &str) {
        let mut end = code.len().min(MAX_CODE_LEN);
        while !code.is_char_boundary(end) {
            end -= 1;
        }
        let code = &code[..end];
        if let Some(n) = self.by_code.get_mut(code) {
            *n += 1;
        } else if self.by_code.len() < MAX_CODES {
            self.by_code.insert(code.to_owned(), 1);
        } else {
            self.others += 1;
        }
    }

    /// How many rows.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// How many faults; a row has one or more.
    pub fn faults(&self) -> u64 {
        self.faults
    }

    /// Codes and the number of their faults, the most frequent first.
    pub fn by_code(&self) -> Vec<(&str, u64)> {
        let mut codes: Vec<_> = self.by_code.iter().map(|(c, n)| (&c[..], *n)).collect();
        codes.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        codes
    }

    /// Faults whose code came after [`MAX_CODES`] others and is not in [`Tally::by_code`].
    pub fn others(&self) -> u64 {
        self.others
    }
}
