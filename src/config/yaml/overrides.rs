//! `--set key=value`: one setting of the pipeline file, given on the command line.

use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::tree::{self, Key, Kind, Node, Scalar};
use crate::config::problem::{Findings, Place};

/// One `--set`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Where: keys and list positions (from 0), joined by dots.
    pub key: String,
    /// What: a text as it would stand in the file without quotes, or a list or map in YAML's flow
    /// form (`[a, b]`, `{a: b}`).
    pub value: String,
}

impl FromStr for Override {
    type Err = String;

    fn from_str(s: &str) -> Result<Override, String> {
        match s.split_once('=') {
            Some((key, value))
                if !key.is_empty() && key.split('.').all(|part| !part.is_empty()) =>
            {
                Ok(Override {
                    key: key.to_owned(),
                    value: value.to_owned(),
                })
            }
            _ => Err("expected key=value, such as upload.rate=5MB/s".to_owned()),
        }
    }
}

/// Puts every override into the tree, in order; the last one of a key stands.
pub(in crate::config) fn apply(root: &mut Node, overrides: &[Override], findings: &mut Findings) {
    for Override { key, value } in overrides {
        let place = Place::Set(Arc::from(key.as_str()));
        let Some(node) = parse(value, &place, findings) else {
            continue;
        };
        let path: Vec<&str> = key.split('.').collect();
        if let Err(message) = put(root, &path, node, &place) {
            findings.problem(place, message, "");
        }
    }
}

fn parse(value: &str, place: &Place, findings: &mut Findings) -> Option<Node> {
    if !value.starts_with(['[', '{']) {
        return Some(Node {
            place: place.clone(),
            kind: Kind::Scalar(Scalar::plain(value)),
        });
    }
    let mut inner = Findings::new("");
    let node = tree::parse(value, &mut inner);
    for problem in inner.finish().problems {
        findings.problem(
            place.clone(),
            problem.message,
            problem.help.as_deref().unwrap_or(""),
        );
    }
    let mut node = node?;
    set_place(&mut node, place);
    Some(node)
}

/// Gives everything in a tree one place.
pub(in crate::config) fn set_place(node: &mut Node, place: &Place) {
    node.place = place.clone();
    match &mut node.kind {
        Kind::Seq(items) => items.iter_mut().for_each(|item| set_place(item, place)),
        Kind::Map(entries) => {
            for (key, value) in entries {
                key.place = place.clone();
                set_place(value, place);
            }
        }
        Kind::Scalar(_) | Kind::Removed | Kind::Filler => {}
    }
}

fn put(node: &mut Node, path: &[&str], value: Node, place: &Place) -> Result<(), String> {
    let Some((first, rest)) = path.split_first() else {
        *node = value;
        return Ok(());
    };
    if matches!(&node.kind, Kind::Scalar(scalar) if scalar.is_null()) {
        node.kind = Kind::Map(Vec::new());
    }
    match &mut node.kind {
        Kind::Map(entries) => {
            let at = entries.iter().position(|(key, _)| key.text == *first);
            let at = at.unwrap_or_else(|| {
                let key = Key {
                    place: place.clone(),
                    text: (*first).to_owned(),
                };
                let empty = Node {
                    place: place.clone(),
                    ..Node::NULL
                };
                entries.push((key, empty));
                entries.len() - 1
            });
            if rest.is_empty() {
                entries[at].0.place = place.clone();
            }
            put(&mut entries[at].1, rest, value, place)
        }
        Kind::Seq(items) => {
            let len = items.len();
            match first.parse::<usize>().ok().and_then(|i| items.get_mut(i)) {
                Some(item) => put(item, rest, value, place),
                None => Err(format!(
                    "`{first}` is not a position in this list of {len} (the first is 0)"
                )),
            }
        }
        Kind::Scalar(_) | Kind::Removed | Kind::Filler => Err(format!(
            "`{first}` cannot be set inside a value that is neither a map nor a list"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "source: { path: a.csv }\nstages:\n  - drop: [x]\nupload:\n";

    fn check(set: &str, path: &[&str], expected: &str) {
        let mut findings = Findings::new("p.yaml");
        let mut tree = tree::parse(FILE, &mut findings).unwrap();
        apply(&mut tree, &[set.parse().unwrap()], &mut findings);
        let found = findings.finish().problems;
        let path: Vec<String> = path.iter().map(|s| s.to_string()).collect();
        let got = match (found.first(), tree.at_mut(&path).map(|n| &n.kind)) {
            (Some(problem), _) => problem.to_string(),
            (None, Some(Kind::Scalar(scalar))) => scalar.text.clone(),
            (None, Some(Kind::Seq(items))) => format!("list of {}", items.len()),
            (None, other) => format!("{other:?}"),
        };
        assert_eq!(got, expected, "{set}");
    }

    #[test]
    fn values_are_put_in_place() {
        check("source.path=*.csv", &["source", "path"], "*.csv");
        check("source.path=[a, b]", &["source", "path"], "list of 2");
        check("upload.rate=5MB/s", &["upload", "rate"], "5MB/s");
        check("upload={rate: 1}", &["upload", "rate"], "1");
        check("wait.at_most=1m", &["wait", "at_most"], "1m");
        check("stages.0.drop=[]", &["stages", "0", "drop"], "list of 0");
        check("stages.0.drop.0=y=z", &["stages", "0", "drop", "0"], "y=z");
        check("name=", &["name"], "");
    }

    #[test]
    fn what_cannot_be_put_is_a_problem() {
        check(
            "stages.7.drop=x",
            &[],
            "--set stages.7.drop: `7` is not a position in this list of 1 (the first is 0)",
        );
        check(
            "source.path.x=1",
            &[],
            "--set source.path.x: `x` cannot be set inside a value that is neither a map nor a list",
        );
        check(
            "upload={rate: 1",
            &[],
            "--set upload: not valid YAML: unclosed bracket '{'",
        );
        for wrong in ["", "x", "=x", "a..b=1", ".a=1"] {
            assert!(wrong.parse::<Override>().is_err(), "{wrong}");
        }
    }
}
