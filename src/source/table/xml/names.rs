//! What the columns of elements and attributes are called.

use crate::source::table::records::Name;

/// The record itself.
pub(super) const RECORD: u32 = 0;

/// An element or an attribute at its place within the record.
pub(super) struct Node {
    /// Its own name, as it stands in the names of those within it; of an attribute, with its sign.
    name: String,
    /// The names that lead to it.
    path: String,
    pub(super) column: Name,
    pub(super) children: Vec<u32>,
    /// It has had elements or attributes.
    pub(super) inner: bool,
    /// It has had text.
    pub(super) text: bool,
    /// The record in which it came last.
    pub(super) seen: u64,
}

/// All of them that a file has had, the record first.
pub(super) struct Names {
    nodes: Vec<Node>,
    most: u32,
}

impl Names {
    pub(super) fn new(most: u32) -> Names {
        let record = Node::new("", "");
        Names {
            nodes: vec![record],
            most,
        }
    }

    pub(super) fn node(&self, at: u32) -> &Node {
        &self.nodes[at as usize]
    }

    pub(super) fn node_mut(&mut self, at: u32) -> &mut Node {
        &mut self.nodes[at as usize]
    }

    /// What an element is called in messages.
    pub(super) fn path(&self, at: u32) -> &str {
        &self.node(at).path
    }

    /// A child, `sign` and all. `likely` is where it is looked for first among its parent's. None where there are too
    /// many.
    pub(super) fn child(&mut self, parent: u32, name: &str, likely: usize) -> Option<u32> {
        let children = &self.nodes[parent as usize].children;
        let is_it = |at: &&u32| self.nodes[**at as usize].name == name;
        let at_likely = children.get(likely).filter(is_it);
        if let Some(found) = at_likely.or_else(|| children.iter().find(is_it)) {
            return Some(*found);
        }
        let next = self.nodes.len() as u32;
        if next > self.most {
            return None;
        }
        let path = match self.nodes[parent as usize].path.as_str() {
            "" => name.to_owned(),
            around => format!("{around}.{name}"),
        };
        self.nodes.push(Node::new(name, &path));
        self.nodes[parent as usize].children.push(next);
        Some(next)
    }
}

impl Node {
    pub(super) fn is_attribute(&self) -> bool {
        self.name.starts_with('@')
    }

    fn new(name: &str, path: &str) -> Node {
        // The record's own text has no name.
        let column = if path.is_empty() { "#text" } else { path };
        Node {
            name: name.to_owned(),
            path: path.to_owned(),
            column: Name::new(column),
            children: Vec::new(),
            inner: false,
            text: false,
            seen: 0,
        }
    }
}
