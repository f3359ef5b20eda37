//! Where every setting of a pipeline file was written.

use std::collections::HashMap;

use super::problem::Place;
use super::tree::{Kind, Node};

/// Looks up where a setting was written, by its path: keys and list positions (from 0), joined by dots.
#[derive(Clone, Debug, Default)]
pub struct Places(HashMap<String, Spot>);

#[derive(Clone, Debug)]
struct Spot {
    place: Place,
    /// Holds text that came from a variable.
    filled: bool,
}

impl Places {
    pub(super) fn of(root: &Node) -> Places {
        let mut places = Places::default();
        places.walk(root, &root.place, &mut String::new());
        places
    }

    fn walk(&mut self, node: &Node, key: &Place, path: &mut String) {
        let (place, filled) = match &node.kind {
            // A text is pointed at itself, a list or map by its key.
            Kind::Scalar(scalar) if !scalar.is_null() => (&node.place, scalar.template.is_some()),
            _ => (key, false),
        };
        let spot = Spot {
            place: place.clone(),
            filled,
        };
        self.0.insert(path.clone(), spot);
        let len = path.len();
        let enter = |path: &mut String, part: &str| {
            if len > 0 {
                path.push('.');
            }
            path.push_str(part);
        };
        match &node.kind {
            Kind::Seq(items) => {
                for (i, item) in items.iter().enumerate() {
                    enter(path, &i.to_string());
                    self.walk(item, &item.place, path);
                    path.truncate(len);
                }
            }
            Kind::Map(entries) => {
                for (key, value) in entries {
                    enter(path, &key.text);
                    self.walk(value, &key.place, path);
                    path.truncate(len);
                }
            }
            Kind::Scalar(_) | Kind::Removed | Kind::Filler => {}
        }
    }

    /// The place of a setting such as `validate.columns.salary`; where it is not written, that of the
    /// nearest section around it.
    pub fn find(&self, path: &str) -> Place {
        let mut path = path;
        loop {
            if let Some(spot) = self.0.get(path) {
                return match (&spot.place, path) {
                    // The beginning of the file says no more than the file's name.
                    (Place::At { .. }, "") => Place::Whole,
                    (place, _) => place.clone(),
                };
            }
            path = path.rsplit_once('.').map_or("", |(outer, _)| outer);
            if path.is_empty() && !self.0.contains_key("") {
                return Place::Whole;
            }
        }
    }

    /// Whether a setting is written.
    pub fn contains(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// Whether a setting's text came from a variable.
    pub(super) fn is_filled(&self, path: &str) -> bool {
        self.0.get(path).is_some_and(|spot| spot.filled)
    }
}
