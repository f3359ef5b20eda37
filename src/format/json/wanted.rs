//! What is wanted of the objects: how they stand beside each other, and which of their members are columns.

use std::collections::HashMap;
use std::sync::Arc;

use crate::settings::limits::Limits;
use crate::text::scan::depth;

/// How the objects of a block stand beside each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One object a line.
    Lines,
    /// Elements of one array, with its brackets and commas.
    Array,
}

/// The members that are columns, and what to do with others.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) layout: Layout,
    pub(super) names: Arc<[Arc<str>]>,
    pub(super) places: HashMap<Arc<str>, usize>,
    /// Members that are no column are left out instead of rejecting the row.
    pub(super) ignore_unknown: bool,
    /// How deep objects and arrays may be nested.
    pub(super) deepest: u32,
}

impl Wanted {
    pub(super) fn new(layout: Layout, names: Arc<[Arc<str>]>, ignore_unknown: bool) -> Wanted {
        let numbered = names.iter().enumerate();
        Wanted {
            layout,
            places: numbered.map(|(i, n)| (n.clone(), i)).collect(),
            names,
            ignore_unknown,
            deepest: Limits::default().json_depth,
        }
    }

    /// Whether a value of a record is nested too deeply: the record itself is a level, too.
    pub(super) fn is_too_deep(&self, value: &str) -> bool {
        depth(value.as_bytes()) >= self.deepest
    }
}
