//! From the located tree to the spec types, by serde: every error knows its exact place.
//!
//! The setting's type decides how a text is read: a number only where a number is asked for, and text
//! otherwise, digit for digit. [`read`] goes on after an error: it takes out what is wrong, or fills in
//! what is missing, and tries again, so that all of a file's problems are found at once.

mod error;
mod node;

use serde::de;

use self::node::De;
use super::tree::{Key, Kind, Node};
use crate::config::problem::{Findings, nearest};

/// More problems than this are not looked for in one file.
const MAX_PROBLEMS: usize = 100;

/// What was read, and which parts had to be left out for their problems.
pub(in crate::config) struct Read<T> {
    /// The value, unless the root itself is wrong.
    pub(in crate::config) value: Option<T>,
    /// Paths of what was left out.
    pub(in crate::config) removed: Vec<Vec<String>>,
}

/// Reads a value and reports everything that is wrong with it. What is wrong is marked in the tree
/// ([`Kind::Removed`], [`Kind::Filler`]).
pub(in crate::config) fn read<T>(root: &mut Node, findings: &mut Findings) -> Read<T>
where
    T: de::DeserializeOwned,
{
    let mut removed = removed_already(root);
    for _ in 0..MAX_PROBLEMS {
        let error = match T::deserialize(De::new(root)) {
            Ok(value) => {
                let value = Some(value);
                return Read { value, removed };
            }
            Err(error) => error,
        };
        let mut path = error.path;
        path.reverse();
        // What lacks a part that was taken out is not wrong by itself, and a misspelt key is not
        // missing as well.
        let follows = match error.missing {
            Some(key) => removed.iter().any(|r| match r.split_last() {
                Some((last, above)) => above == path && nearest(last, [key]).is_some(),
                None => false,
            }),
            None => removed.iter().any(|r| r.starts_with(&path)),
        };
        if !follows {
            let place = error.place.unwrap_or_default();
            let help = error.help.unwrap_or_default();
            findings.problem(place, error.message, &help);
        }
        if let Some(filler) = error.missing.and_then(|key| fill(root, &path, key)) {
            removed.push(filler);
            continue;
        }
        // A filler that won't do: the key is needed, so that what holds it can't be read.
        if root
            .at_mut(&path)
            .is_some_and(|node| node.kind == Kind::Filler)
        {
            path.pop();
        }
        match root.at_mut(&path) {
            Some(node) if !path.is_empty() && node.kind != Kind::Removed => {
                node.kind = Kind::Removed;
            }
            _ => break,
        }
        removed.push(path);
    }
    let value = None;
    Read { value, removed }
}

/// Puts a filler in the place of a missing key, unless that was done before; says where.
fn fill(root: &mut Node, path: &[String], key: &str) -> Option<Vec<String>> {
    let node = root.at_mut(path)?;
    if !matches!(node.kind, Kind::Map(_)) {
        node.kind = Kind::Map(Vec::new());
    }
    let Kind::Map(entries) = &mut node.kind else {
        return None;
    };
    match entries.iter_mut().find(|(k, _)| k.text == key) {
        Some((_, value)) if value.kind == Kind::Filler => return None,
        Some((_, value)) => value.kind = Kind::Filler,
        None => {
            let place = node.place.clone();
            let text = key.to_owned();
            let kind = Kind::Filler;
            let key = Key {
                place: place.clone(),
                text,
            };
            entries.push((key, Node { place, kind }));
        }
    }
    let path = path.iter().map(String::as_str).chain([key]);
    Some(path.map(str::to_owned).collect())
}

fn removed_already(root: &Node) -> Vec<Vec<String>> {
    fn walk(node: &Node, path: &mut Vec<String>, removed: &mut Vec<Vec<String>>) {
        match &node.kind {
            Kind::Removed => removed.push(path.clone()),
            Kind::Seq(items) => {
                for (i, item) in items.iter().enumerate() {
                    path.push(i.to_string());
                    walk(item, path, removed);
                    path.pop();
                }
            }
            Kind::Map(entries) => {
                for (key, value) in entries {
                    path.push(key.text.clone());
                    walk(value, path, removed);
                    path.pop();
                }
            }
            Kind::Scalar(_) | Kind::Filler => {}
        }
    }
    let mut removed = Vec::new();
    walk(root, &mut Vec::new(), &mut removed);
    removed
}
