//! Circles of files.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::arrows::Arrow;

/// Groups of files that lead to each other, each with one shortest circle in it.
pub fn circles(arrows: &BTreeSet<Arrow>) -> Vec<(BTreeSet<String>, Vec<Arrow>)> {
    let mut next: BTreeMap<&str, Vec<&Arrow>> = BTreeMap::new();
    for arrow in arrows {
        next.entry(&arrow.from).or_default().push(arrow);
    }
    let mut seen = BTreeSet::new();
    let mut circles = Vec::new();
    for &file in next.keys() {
        if seen.contains(file) {
            continue;
        }
        let Some(circle) = shortest(file, &next) else {
            continue;
        };
        let ahead = reached(file, &next);
        let group: BTreeSet<String> = ahead
            .iter()
            .filter(|other| reached(other, &next).contains(file))
            .map(|other| other.to_string())
            .collect();
        seen.extend(ahead.into_iter().filter(|other| group.contains(*other)));
        circles.push((group, circle));
    }
    circles
}

/// The files that some path of arrows leads to.
fn reached<'a>(from: &str, next: &BTreeMap<&'a str, Vec<&'a Arrow>>) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        for arrow in next.get(file).into_iter().flatten() {
            if found.insert(arrow.to.as_str()) {
                open.push(&arrow.to);
            }
        }
    }
    found
}

/// The fewest arrows that lead from a file to itself.
fn shortest(file: &str, next: &BTreeMap<&str, Vec<&Arrow>>) -> Option<Vec<Arrow>> {
    let mut came: BTreeMap<&str, &Arrow> = BTreeMap::new();
    let mut open = VecDeque::from([file]);
    while let Some(here) = open.pop_front() {
        for arrow in next.get(here).into_iter().flatten() {
            if came.contains_key(arrow.to.as_str()) {
                continue;
            }
            came.insert(&arrow.to, arrow);
            open.push_back(&arrow.to);
        }
    }
    let mut circle = vec![(*came.get(file)?).clone()];
    while circle[circle.len() - 1].from != file {
        let from = &circle[circle.len() - 1].from;
        circle.push(came[from.as_str()].clone());
    }
    circle.reverse();
    Some(circle)
}
