//! What the columns of a CSV file are called: as the header says, as the pipeline says in its place, or by number.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::format::beginning::{Expected, are_names};
use crate::text::counted;
use crate::text::shown::shown;
use crate::text::unseen::trimmed;

/// Where the columns get their names from, as far as that is stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    /// Lines of the header; 0 where there is none.
    pub lines: u32,
    /// The names that stand in place of the header's; an empty one leaves its column out.
    pub columns: Option<Arc<[String]>>,
    /// Whether the second column of one name is numbered, which is an error else.
    pub number: bool,
    /// Whether the files of a source may have different columns.
    pub by_name: bool,
}

impl Default for Naming {
    fn default() -> Naming {
        Naming {
            lines: 1,
            columns: None,
            number: false,
            by_name: false,
        }
    }
}

/// The name of a column that has none, by its place from 0.
pub(crate) fn of_place(at: usize) -> String {
    format!("column_{}", at + 1)
}

impl Naming {
    /// The same of a rejects file: its header is one line, of the names that the columns have by then.
    pub(crate) fn of_rejects(&self) -> Naming {
        Naming {
            lines: 1,
            columns: None,
            ..*self
        }
    }

    /// The names of a file's cells, by what the lines of its header say; none where a cell has no name.
    ///
    /// # Errors
    /// Says what is wrong, and which setting mends it.
    pub(super) fn names(
        &self,
        expected: &Expected<'_>,
        lines: &[Vec<String>],
    ) -> Result<Vec<Option<Arc<str>>>, String> {
        let width = lines.iter().map(Vec::len).max().unwrap_or_default();
        if let Some(columns) = &self.columns {
            self.agrees(columns.len(), lines)?;
            let stated = columns.iter().map(|name| match &**name {
                "" => None,
                name => Some(Arc::from(name)),
            });
            return Ok(stated.collect());
        }
        if self.lines == 0 {
            return Ok((0..width).map(|at| Some(of_place(at).into())).collect());
        }
        let mut names: Vec<Option<String>> = (0..width)
            .map(|at| {
                let parts = lines.iter().filter_map(|line| line.get(at));
                let name = joined(parts, expected.named);
                (!name.is_empty()).then_some(name)
            })
            .collect();
        let taken: HashSet<String> = names.iter().flatten().cloned().collect();
        if taken.is_empty() {
            return Err(
                "the header has no name in any of its cells; if the names come later, set source.csv.skip_lines; if \
                 there are none, set source.csv.header to none, and source.csv.columns to the names"
                    .to_owned(),
            );
        }
        for (at, name) in names
            .iter_mut()
            .enumerate()
            .filter(|(_, name)| name.is_none())
        {
            // It is asked for.
            let made = of_place(at);
            *name = (expected.named.contains(&made) && !taken.contains(&made)).then_some(made);
        }
        match self.number {
            true => number(&mut names),
            false => same_names(expected, &names)?,
        }
        Ok(names.into_iter().map(|name| name.map(Arc::from)).collect())
    }

    /// Whether so many stated names fit a header; without one, its first record, which may have lost a cell, and yet is
    /// not one cell where several are expected.
    fn agrees(&self, stated: usize, lines: &[Vec<String>]) -> Result<(), String> {
        let Some(cells) = lines.iter().map(Vec::len).max() else {
            return Ok(());
        };
        let delimiter = match lines {
            [line] if cells == 1 && stated > 1 => other_delimiter(&line[0]),
            _ => None,
        };
        if cells == stated || self.lines == 0 && delimiter.is_none() {
            return Ok(());
        }
        let what = match self.lines {
            0 => "the first record",
            _ => "the header",
        };
        let advice = match delimiter {
            Some(found) => format!(
                "; `{found}` is in it: if that is the delimiter, set source.csv.delimiter to \"{found}\""
            ),
            None => String::new(),
        };
        Err(format!(
            "source.csv.columns names {}, and {what} has {}{advice}",
            counted(stated as u64, "column"),
            counted(cells as u64, "cell")
        ))
    }
}

/// What the lines of a header say of one column: each part once, with a blank between them, and without what stands
/// around it, unless the pipeline writes that, too.
fn joined<'a>(parts: impl Iterator<Item = &'a String>, named: &HashSet<String>) -> String {
    let mut name = String::new();
    let mut last = "";
    for part in parts {
        let bare = &part[trimmed(part)];
        let part = match named.contains(part) && !bare.is_empty() {
            true => part,
            false => bare,
        };
        if part.is_empty() || part == last {
            continue;
        }
        if !name.is_empty() {
            name.push(' ');
        }
        name.push_str(part);
        last = part;
    }
    name
}

/// Numbers the second and further columns of one name, past the names that there are.
fn number(names: &mut [Option<String>]) {
    let mut taken: HashSet<String> = names.iter().flatten().cloned().collect();
    let mut seen: HashMap<String, u32> = HashMap::new();
    for name in names.iter_mut().flatten() {
        let count = seen.entry(name.clone()).or_default();
        *count += 1;
        if *count == 1 {
            continue;
        }
        loop {
            let made = format!("{name}_{count}");
            if taken.insert(made.clone()) {
                *name = made;
                break;
            }
            *count += 1;
        }
    }
}

/// What to say where several columns have one name: all of them at once.
fn same_names(expected: &Expected<'_>, names: &[Option<String>]) -> Result<(), String> {
    let mut places: Vec<(&str, Vec<usize>)> = Vec::new();
    let mut at_name: HashMap<&str, usize> = HashMap::new();
    for (at, name) in names.iter().enumerate() {
        let Some(name) = name else { continue };
        let entry = *at_name.entry(name).or_insert_with(|| {
            places.push((name, Vec::new()));
            places.len() - 1
        });
        places[entry].1.push(at + 1);
    }
    places.retain(|(_, places)| places.len() > 1);
    if places.is_empty() {
        return Ok(());
    }
    let shared: Vec<Arc<str>> = names.iter().flatten().map(|n| Arc::from(&**n)).collect();
    let told = are_names(&shared, expected.named);
    let each = places.iter().map(|(name, places)| match told {
        true => format!("`{}` ({})", shown(name), in_words(places)),
        false => in_words(places),
    });
    let each = each.collect::<Vec<_>>().join(", ");
    let mend =
        "set source.csv.duplicate_names to number, or name all columns with source.csv.columns";
    Err(match told {
        true => format!("columns of the header have the same name: {each}; {mend}"),
        false => format!(
            "columns of the header have the same name: {each}; if the header is missing, set source.csv.header to \
             none, else {mend}"
        ),
    })
}

fn in_words(places: &[usize]) -> String {
    let (last, first) = places.split_last().unwrap_or((&0, &[]));
    let first: Vec<String> = first.iter().map(usize::to_string).collect();
    format!("{} and {last}", first.join(", "))
}

/// What a header of one column says of its delimiter: the first that stands in its name, of those that files commonly
/// have, as the pipeline file writes it.
pub(super) fn other_delimiter(name: &str) -> Option<&'static str> {
    let known = [(';', ";"), ('\t', "tab"), ('|', "|"), (',', ",")];
    let found = known.into_iter().find(|(c, _)| name.contains(*c))?;
    Some(found.1)
}
