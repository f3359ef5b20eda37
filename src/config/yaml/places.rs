//! Where every setting of a pipeline file was written.

use std::collections::HashMap;

use super::tree::{Kind, Node};
use crate::config::problem::Place;

/// Looks up where a setting was written, by its path: keys and list positions (from 0), joined by dots.
#[derive(Clone, Debug, Default)]
pub struct Places(HashMap<String, Spot>);

#[derive(Clone, Debug)]
struct Spot {
    place: Place,
    /// Holds text that came from a variable.
    filled: bool,
    list: bool,
    /// The text as written, where it is one, and no variable's.
    text: Option<Box<str>>,
}

impl Places {
    pub(in crate::config) fn of(root: &Node) -> Places {
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
        let text = match &node.kind {
            Kind::Scalar(scalar) if !filled => Some(Box::from(&*scalar.text)),
            _ => None,
        };
        let spot = Spot {
            place: place.clone(),
            filled,
            list: matches!(node.kind, Kind::Seq(_)),
            text,
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

    /// Whether a list was written at a path.
    pub(in crate::config) fn is_list(&self, path: &str) -> bool {
        self.0.get(path).is_some_and(|spot| spot.list)
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

    /// The place of what a message about a section is about: of the things it quotes in backticks, the
    /// first that is a setting of the section, or a name or value written in it. Otherwise the section's.
    pub(in crate::config) fn find_quoted(&self, section: &str, message: &str) -> Place {
        for quoted in message.split('`').skip(1).step_by(2) {
            let setting = quoted.split_once(": ").map_or(quoted, |(name, _)| name);
            let path = format!("{section}.{setting}");
            if self.contains(&path) {
                return self.find(&path);
            }
            let within = |path: &str| {
                let below = path.strip_prefix(section);
                below.is_some_and(|rest| rest.starts_with('.') || rest.is_empty())
            };
            let same = |path: &str, spot: &Spot| {
                let is_key = path.len() > section.len()
                    && path
                        .strip_suffix(quoted)
                        .is_some_and(|rest| rest.ends_with('.'));
                is_key || spot.text.as_deref() == Some(quoted)
            };
            let spots = self.0.iter();
            let found = spots.filter(|(path, spot)| within(path) && same(path, spot));
            if let Some(place) = found.map(|(_, spot)| &spot.place).min() {
                return place.clone();
            }
        }
        self.find(section)
    }

    /// Whether a setting is written.
    pub fn contains(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// Whether a setting's text came from a variable.
    pub(in crate::config) fn is_filled(&self, path: &str) -> bool {
        self.0.get(path).is_some_and(|spot| spot.filled)
    }
}
