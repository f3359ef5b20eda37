//! The columns of a source beside those of the last accepted run: which are new, gone or renamed, and whether they stand in
//! another order.

use std::collections::HashSet;
use std::sync::Arc;

use super::Finding;
use super::memory::{Column, Memory};
use super::spec::Kind;

/// Of more names, nobody guesses which was renamed: it is another source.
const MOST_PAIRS: usize = 250_000;

/// How near two names are at least of which one may be the other renamed.
const NEAR: f64 = 0.85;

/// The columns of a source now.
pub(crate) struct Now<'a> {
    pub names: &'a [Arc<str>],
    /// Whether the pipeline makes use of a column of this name.
    pub uses: &'a dyn Fn(&str) -> bool,
    /// Whether they are those that the first records happen to have, in no order.
    pub are_found: bool,
    /// Whether it is guessed what was renamed.
    pub guesses: bool,
}

impl Now<'_> {
    /// What has changed.
    pub(crate) fn compare(&self, last: &Memory) -> Vec<Finding> {
        let known: HashSet<&str> = last.columns.iter().map(|column| &*column.name).collect();
        let there: HashSet<&str> = self.names.iter().map(|name| &**name).collect();
        let mut new: Vec<(usize, &str)> = (1..)
            .zip(self.names.iter().map(|name| &**name))
            .filter(|(_, name)| !known.contains(name) && (self.uses)(name))
            .collect();
        let is_gone = |column: &&Column| {
            !there.contains(&*column.name)
                && (self.uses)(&column.name)
                && !(self.are_found && column.is_rare())
        };
        let mut gone: Vec<&str> = (last.columns.iter().filter(is_gone))
            .map(|column| &*column.name)
            .collect();
        let mut findings = Vec::new();
        if self.guesses && gone.len() * new.len() <= MOST_PAIRS {
            for (old, (position, name)) in take_near(&mut gone, &mut new) {
                findings.push(Finding {
                    kind: Kind::Renamed,
                    column: name.to_owned(),
                    message: format!(
                        "column `{old}` is gone, and `{name}` (position {position}) is new: was it renamed?"
                    ),
                });
            }
        }
        findings.extend(gone.into_iter().map(|name| Finding {
            kind: Kind::Gone,
            column: name.to_owned(),
            message: format!("column `{name}` is gone"),
        }));
        findings.extend(new.into_iter().map(|(position, name)| Finding {
            kind: Kind::New,
            column: name.to_owned(),
            message: format!("column `{name}` is new (position {position})"),
        }));
        if !self.are_found {
            let before = last.columns.iter().map(|column| &*column.name);
            let before = before.filter(|name| there.contains(name));
            let now = self.names.iter().map(|name| &**name);
            let now = now.filter(|name| known.contains(name));
            findings.extend(moved(before, now));
        }
        findings
    }
}

/// The first column that stands in another's place.
fn moved<'a>(
    before: impl Iterator<Item = &'a str>,
    now: impl Iterator<Item = &'a str>,
) -> Option<Finding> {
    let (before, now) = before.zip(now).find(|(before, now)| before != now)?;
    Some(Finding {
        kind: Kind::Reordered,
        column: now.to_owned(),
        message: format!(
            "the columns stand in another order: from `{now}` on, which stands where `{before}` stood"
        ),
    })
}

/// Takes pairs of an old and a new name out, the nearest first.
fn take_near<'a>(
    gone: &mut Vec<&'a str>,
    new: &mut Vec<(usize, &'a str)>,
) -> Vec<(&'a str, (usize, &'a str))> {
    let mut near: Vec<(f64, &str, (usize, &str))> = Vec::new();
    for old in gone.iter() {
        let scored = new.iter().map(|new| (nearness(old, new.1), *old, *new));
        near.extend(scored.filter(|(score, ..)| *score > NEAR));
    }
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut pairs = Vec::new();
    for (_, old, name) in near {
        let at = gone.iter().position(|gone| *gone == old);
        let by = new.iter().position(|new| *new == name);
        if let (Some(at), Some(by)) = (at, by) {
            pairs.push((gone.remove(at), new.remove(by)));
        }
    }
    pairs
}

/// How near two names are: 1 where they differ in case, blanks and punctuation alone, and nearly so where one has all words
/// of the other. Names with other numbers in them are those of other columns.
fn nearness(old: &str, new: &str) -> f64 {
    let (old, new) = (words(old), words(new));
    let plain = |words: &[String]| words.concat();
    let digits = |words: &[String]| -> String {
        let plain = plain(words);
        plain.chars().filter(char::is_ascii_digit).collect()
    };
    if plain(&old) == plain(&new) {
        return 1.0;
    }
    if digits(&old) != digits(&new) || old.is_empty() || new.is_empty() {
        return 0.0;
    }
    let has_all = |some: &[String], all: &[String]| some.iter().all(|word| all.contains(word));
    let score = strsim::jaro_winkler(&plain(&old), &plain(&new));
    match has_all(&old, &new) || has_all(&new, &old) {
        true => score.max(0.95),
        false => score,
    }
}

/// The words of a name in lower case: `payGrade`, `PAY_GRADE` and `Pay Grade` have the same.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        was_lower = c.is_lowercase();
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::key::Key;
    use crate::drift::memory::{Cells, MEMORY_VERSION};

    fn memory(names: &str) -> Memory {
        let column = |name: &str| Column {
            name: name.to_owned(),
            cells: Some(Cells {
                seen: 1000,
                filled: if name.starts_with("rare") { 5 } else { 900 },
                ..Cells::default()
            }),
        };
        Memory {
            drift_version: MEMORY_VERSION,
            key: Key::new(None, None).unwrap().mark().clone(),
            rows: 1000,
            columns: names.split(',').map(column).collect(),
        }
    }

    fn names(names: &str) -> Vec<Arc<str>> {
        names.split(',').map(Arc::from).collect()
    }

    #[track_caller]
    fn check(before: &str, now: &str, expected: &[&str]) {
        let names = names(now);
        let now = Now {
            names: &names,
            uses: &|name| !name.starts_with("unused"),
            are_found: false,
            guesses: true,
        };
        let found = now.compare(&memory(before));
        let told: Vec<&str> = found.iter().map(|finding| &*finding.message).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn what_has_become_of_columns() {
        check("id,name", "id,name", &[]);
        check(
            "id,name",
            "id,name,Cost Centre",
            &["column `Cost Centre` is new (position 3)"],
        );
        check("id,name,Region", "id,name", &["column `Region` is gone"]);
        check(
            "id,Grade,name",
            "id,name,Pay Grade",
            &["column `Grade` is gone, and `Pay Grade` (position 3) is new: was it renamed?"],
        );
        check(
            "id,name",
            "name,id",
            &["the columns stand in another order: from `name` on, which stands where `id` stood"],
        );
        // What is new, gone or not made use of moves nothing.
        check("id,unused1,name", "id,name,unused2", &[]);
        check(
            "id,a1,name",
            "b2,id,name",
            &["column `a1` is gone", "column `b2` is new (position 1)"],
        );
        // The nearest is meant.
        check(
            "Cost Centre,Cost Centre Name",
            "cost_centre_name,cost_centre",
            &[
                "column `Cost Centre` is gone, and `cost_centre` (position 2) is new: was it renamed?",
                "column `Cost Centre Name` is gone, and `cost_centre_name` (position 1) is new: was it renamed?",
            ],
        );
    }

    #[test]
    fn columns_that_the_first_records_happen_to_have() {
        let names = names("name,id");
        let now = Now {
            names: &names,
            uses: &|_| true,
            are_found: true,
            guesses: true,
        };
        assert_eq!(now.compare(&memory("id,name,rare")), []);
        assert_eq!(now.compare(&memory("id,name,grade")).len(), 1);
    }

    #[test]
    fn without_guesses_a_column_is_gone_and_another_new() {
        let names = names("id,Pay Grade");
        let now = Now {
            names: &names,
            uses: &|_| true,
            are_found: false,
            guesses: false,
        };
        let kinds: Vec<Kind> = now
            .compare(&memory("id,Grade"))
            .iter()
            .map(|f| f.kind)
            .collect();
        assert_eq!(kinds, [Kind::Gone, Kind::New]);
    }

    #[test]
    fn names_that_are_near() {
        for (old, new) in [
            ("Grade", "Pay Grade"),
            ("employeeID", "Employee_Id"),
            ("hireDate", "Hire Date (local)"),
            ("Departement", "Department"),
            ("Straße", "Strasse"),
        ] {
            assert!(nearness(old, new) > NEAR, "{old} {new}");
        }
        for (old, new) in [
            ("Address 1", "Address 2"),
            ("Grade", "Manager"),
            ("Cost Centre", "Hire Date"),
            ("---", "name"),
        ] {
            assert!(nearness(old, new) <= NEAR, "{old} {new}");
        }
    }

    #[test]
    fn a_hundred_columns() {
        let all = |from: usize| -> String {
            let names: Vec<String> = (from..from + 100).map(|n| format!("column {n}")).collect();
            names.join(",")
        };
        check(&all(0), &all(0), &[]);
        check(
            &all(0),
            &all(1),
            &[
                "column `column 0` is gone",
                "column `column 100` is new (position 100)",
            ],
        );
    }
}
