//! Which members are columns: those of the record itself, and of the objects within it.

use std::collections::HashMap;
use std::sync::Arc;

use super::spec::{Arrays, FAULT, Form};
use crate::settings::limits::Limits;
use crate::text::scan::depth;

/// The members that are columns, by the names that lead to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    /// The objects, the record first.
    nodes: Vec<HashMap<Arc<str>, Place>>,
}

/// What a member is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Its column, where it holds a value.
    pub(super) column: Option<usize>,
    /// Its own members, where it holds an object.
    pub(super) node: Option<usize>,
}

/// The most objects that lead to a column.
pub(super) const DEEPEST: usize = 64;

/// The record.
pub(super) const RECORD: usize = 0;

impl Tree {
    /// Columns that are members of the record itself.
    pub(super) fn flat(names: &[Arc<str>]) -> Tree {
        let paths: Vec<_> = names.iter().map(|name| vec![name.to_string()]).collect();
        Tree::new(&paths)
    }

    /// Columns by the members that lead to them.
    pub(super) fn new(paths: &[Vec<String>]) -> Tree {
        let mut tree = Tree {
            nodes: vec![HashMap::new()],
        };
        for (column, path) in paths.iter().enumerate() {
            let mut node = RECORD;
            for (at, name) in path.iter().enumerate() {
                let next = tree.nodes.len();
                let place = tree.nodes[node]
                    .entry(Arc::from(name.as_str()))
                    .or_default();
                if at + 1 == path.len() {
                    place.column = Some(column);
                } else {
                    let within = *place.node.get_or_insert(next);
                    if within == next {
                        tree.nodes.push(HashMap::new());
                    }
                    node = within;
                }
            }
        }
        tree
    }

    /// What a member of an object is.
    #[inline]
    pub(super) fn find(&self, node: usize, name: &str) -> Option<Place> {
        self.nodes[node].get(name).copied()
    }

    /// The columns below an object.
    pub(super) fn columns_below(&self, node: usize) -> Vec<usize> {
        let mut found = Vec::new();
        for place in self.nodes[node].values() {
            found.extend(place.column);
            if let Some(node) = place.node {
                found.extend(self.columns_below(node));
            }
        }
        found
    }
}

/// What is wanted of the objects: their columns, and what to do with everything else.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) names: Arc<[Arc<str>]>,
    pub(super) tree: Arc<Tree>,
    /// Members that are no column are left out instead of rejecting the row.
    pub(super) ignore_unknown: bool,
    /// How deep objects and arrays may be nested.
    pub(super) deepest: u32,
    /// What stands between the names of nested members, where objects are taken apart.
    pub(super) flatten: Option<Arc<str>>,
    pub(super) arrays: Arrays,
    /// What stands between joined elements.
    pub(super) join: Arc<str>,
    /// Records say themselves what is wrong with them.
    pub(super) told: bool,
}

impl Wanted {
    pub(super) fn new(names: Arc<[Arc<str>]>, ignore_unknown: bool) -> Wanted {
        Wanted {
            tree: Arc::new(Tree::flat(&names)),
            names,
            ignore_unknown,
            deepest: Limits::default().json_depth,
            flatten: None,
            arrays: Arrays::default(),
            join: Arc::from(""),
            told: false,
        }
    }

    /// Whether objects or arrays may become something else than one cell each.
    pub(super) fn takes_apart(&self) -> bool {
        self.flatten.is_some() || self.arrays != Arrays::Reject
    }

    pub(super) fn with_form(self, form: &Form, tree: Arc<Tree>) -> Wanted {
        Wanted {
            tree,
            flatten: form.flatten.as_deref().map(Arc::from),
            arrays: form.arrays,
            join: Arc::from(form.join.as_str()),
            told: form.told,
            ..self
        }
    }

    /// Whether a member of the record itself says what is wrong with it.
    pub(super) fn is_told(&self, name: &str) -> bool {
        self.told && name == FAULT
    }

    /// Whether a value of a record is nested too deeply: the record itself is a level, too.
    pub(super) fn is_too_deep(&self, value: &str) -> bool {
        depth(value.as_bytes()) >= self.deepest
    }
}
