//! Which cells of a row are at fault, by what is said of it.

use std::collections::HashMap;

use crate::batch::JOINED;
use crate::format::added::{ADDED, COLUMN, JOIN, RAGGED};
use crate::format::json::fed_back::RAW;
use crate::format::sheet::{Texts, is_told};

/// The columns of the sheet by the names that messages call them.
pub(super) struct Places {
    by_name: HashMap<String, usize>,
    /// Where the cells begin that a row has too many.
    surplus: usize,
    /// Those at fault in the row at hand.
    marked: Vec<bool>,
}

impl Places {
    /// `own` is where the source's columns begin, and `called` what they are called where the header does not say it.
    pub(super) fn new(header: &Texts, own: usize, called: &[String]) -> Places {
        let mut by_name = HashMap::new();
        for at in own..header.len() {
            by_name.entry(header.get(at).to_owned()).or_insert(at);
        }
        for (at, name) in called.iter().enumerate() {
            by_name.insert(name.clone(), own + at);
        }
        Places {
            by_name,
            surplus: header.len(),
            marked: Vec::new(),
        }
    }

    /// Looks at what is said of a row.
    pub(super) fn look(&mut self, row: &Texts) {
        self.marked.clear();
        self.marked.resize(row.len(), false);
        // A record that no cells can show.
        if let Some(&raw) = self.by_name.get(RAW)
            && !row.get(raw).is_empty()
        {
            self.mark(raw);
        }
        let said: [&str; ADDED.len()] = std::array::from_fn(|at| row.get(at));
        let columns = said[COLUMN];
        // A name may have in it what stands between several.
        if let Some(at) = self.by_name.get(columns) {
            self.mark(*at);
            return;
        }
        for of_fault in columns.split(JOIN) {
            match self.by_name.get(of_fault) {
                Some(at) => self.mark(*at),
                None => of_fault.split(JOINED).for_each(|name| {
                    if let Some(at) = self.by_name.get(name).or(self.around(name)) {
                        self.mark(*at);
                    }
                }),
            }
        }
        if is_told(&said, RAGGED) {
            (self.surplus..row.len()).for_each(|at| self.mark(at));
        }
    }

    /// The column of the member that a nested one is in.
    fn around(&self, name: &str) -> Option<&usize> {
        let ends = name.match_indices(|c: char| !c.is_alphanumeric());
        let mut around = ends.filter_map(|(end, _)| self.by_name.get(&name[..end]));
        around.next()
    }

    fn mark(&mut self, at: usize) {
        if let Some(marked) = self.marked.get_mut(at) {
            *marked = true;
        }
    }

    /// Whether a cell of that row is at fault.
    pub(super) fn is_marked(&self, at: usize) -> bool {
        self.marked.get(at).copied().unwrap_or_default()
    }
}
