//! The columns at one point of the pipeline.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::kinds::Kinds;
use crate::text::compare::same_name;
use crate::text::shown::shown;

/// The columns at one point of the pipeline: names, and the physical column behind each.
///
/// Renaming, selecting and dropping change this list alone and cost nothing per row.
///
/// They also know which kinds of values each column can hold at that point: of a CSV source that is text,
/// until a stage makes something else of it.
#[derive(Clone, Debug)]
pub struct Columns {
    names: Vec<(Arc<str>, usize)>,
    /// By physical column.
    kinds: Vec<Kinds>,
    /// By physical column: the columns of the header that its values come from.
    origins: Vec<Vec<usize>>,
    /// What the columns of the source can hold.
    source: Kinds,
    /// Whether the header is not known yet, so that a column that is not here may be there all the same.
    open: bool,
    /// Whether a column that is not known yet may have a dot in its name.
    dots: bool,
    /// The source's own names, which are those of the first physical columns.
    header: Arc<[Arc<str>]>,
    /// The names may be a person's record, and no message tells them.
    untold: bool,
    /// Columns that are not there, and are missed already.
    missed: Vec<Arc<str>>,
    /// Collects the names that are looked for.
    asked: Option<Arc<Mutex<HashSet<String>>>>,
}

/// A column whose values the source has under another name, or in several columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renamed {
    /// Its name at this point.
    pub name: Arc<str>,
    /// Its name in the source; of one that is made of several, all their names, see [`JOINED`].
    pub source: Arc<str>,
}

/// Between the names of several columns.
pub(crate) const JOINED: &str = ", ";

impl Default for Columns {
    fn default() -> Columns {
        Columns {
            names: Vec::new(),
            kinds: Vec::new(),
            origins: Vec::new(),
            source: Kinds::CELL,
            open: false,
            dots: false,
            header: Arc::default(),
            untold: false,
            missed: Vec::new(),
            asked: None,
        }
    }
}

impl Columns {
    /// The columns of a header, in its order, with cells of any kind.
    pub fn from_header<S: AsRef<str>>(header: impl IntoIterator<Item = S>) -> Columns {
        Columns::of(header, Kinds::CELL)
    }

    /// The columns of a header, in its order, with cells of these kinds.
    pub(crate) fn of<S: AsRef<str>>(header: impl IntoIterator<Item = S>, source: Kinds) -> Columns {
        let header: Arc<[Arc<str>]> = header.into_iter().map(|n| n.as_ref().into()).collect();
        Columns {
            names: header.iter().cloned().zip(0..).collect(),
            kinds: vec![source; header.len()],
            origins: (0..header.len()).map(|slot| vec![slot]).collect(),
            source,
            header,
            ..Columns::default()
        }
    }

    /// The columns of a source that has not been opened: none, and any that is [assumed](Columns::assume).
    pub(crate) fn unknown(source: Kinds) -> Columns {
        Columns {
            source,
            open: true,
            ..Columns::default()
        }
    }

    /// The same, some of which may have a dot in their names.
    pub(crate) fn with_dots(self, dots: bool) -> Columns {
        Columns { dots, ..self }
    }

    /// Whether it is certain that no column has a dot in its name, though they are not known yet.
    pub(crate) fn have_no_dots(&self) -> bool {
        self.open && !self.dots
    }

    /// Whether [`Columns::assume`] took in a column that isn't here. It does so unless the columns are known.
    pub(crate) fn assume(&mut self, name: &str) -> bool {
        let unknown = self.open && self.find(name).is_none();
        if unknown {
            let slot = self.add(name);
            self.kinds[slot] = self.source;
        }
        unknown
    }

    /// Takes in a column that isn't there and is missed already, so that what else is missing can be found.
    pub(crate) fn pretend(&mut self, name: &str) {
        let slot = self.add(name);
        self.hold(slot, self.source);
        self.missed.push(Arc::from(name));
    }

    /// Which kinds of values a physical column can hold.
    pub(crate) fn kinds(&self, slot: usize) -> Kinds {
        // One that is asked for and not there can hold anything.
        self.kinds.get(slot).copied().unwrap_or(self.source)
    }

    /// Says which kinds of values a physical column can hold from here on.
    pub(crate) fn hold(&mut self, slot: usize, kinds: Kinds) {
        if let Some(held) = self.kinds.get_mut(slot) {
            *held = kinds;
        }
    }

    /// Says that from here on the values of a physical column are made of those in others, and it may be one of them:
    /// faults then name the source's columns that these come from.
    pub(crate) fn derive(&mut self, slot: usize, from: impl IntoIterator<Item = usize>) {
        let mut origins: Vec<usize> = Vec::new();
        for origin in from
            .into_iter()
            .flat_map(|slot| self.origins.get(slot))
            .flatten()
        {
            if !origins.contains(origin) {
                origins.push(*origin);
            }
        }
        if let Some(known) = self.origins.get_mut(slot) {
            *known = origins;
        }
    }

    /// What the columns of the source can hold.
    pub(crate) fn source(&self) -> Kinds {
        self.source
    }

    /// Gives columns the names that are looked for, where theirs are the same but for what nobody sees: a mark before
    /// the first name, a no-break space, an accent that is a character of its own, blanks around the name.
    pub(crate) fn spell_as(&mut self, looked_for: &HashSet<String>) {
        let unlike: Vec<&String> = (looked_for.iter())
            .filter(|wanted| self.names.iter().all(|(name, _)| **name != ***wanted))
            .collect();
        for wanted in unlike {
            let mut same = (self.names.iter_mut())
                .filter(|(name, _)| !looked_for.contains(&**name) && same_name(name, wanted));
            // Which of two is meant can't be known.
            if let (Some((name, _)), None) = (same.next(), same.next()) {
                *name = Arc::from(wanted.as_str());
            }
        }
    }

    /// The columns that the source has under another name: those that have been renamed by now, and those that are made
    /// of others. A column that comes from none of the source's has no other name.
    pub fn renamed(&self) -> Vec<Renamed> {
        let renamed = self.names.iter().filter_map(|(name, slot)| {
            let origins = self.origins.get(*slot)?.iter();
            let source = match &origins
                .filter_map(|at| self.header.get(*at))
                .collect::<Vec<_>>()[..]
            {
                [] => return None,
                [only] => Arc::clone(only),
                several => {
                    let names: Vec<&str> = several.iter().map(|name| &***name).collect();
                    names.join(JOINED).into()
                }
            };
            (source != *name).then(|| Renamed {
                name: name.clone(),
                source,
            })
        });
        renamed.collect()
    }

    /// The same columns, whose names no message tells.
    pub fn untold(self) -> Columns {
        Columns {
            untold: true,
            ..self
        }
    }

    /// The names that `bind` looks for. It is told that all of them are there.
    pub fn asked_for(bind: impl FnOnce(&mut Columns)) -> HashSet<String> {
        let asked = Arc::<Mutex<HashSet<String>>>::default();
        bind(&mut Columns {
            asked: Some(asked.clone()),
            ..Columns::default()
        });
        std::mem::take(&mut *asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn ask(&self, name: &str) {
        if let Some(asked) = &self.asked {
            let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
            asked.insert(name.to_owned());
        }
    }

    /// The name that is most like another, if one is much like it.
    fn near(&self, wanted: &str) -> Option<Arc<str>> {
        let wanted = wanted.to_lowercase();
        let likeness = |name: &str| strsim::jaro_winkler(&name.to_lowercase(), &wanted);
        (self.names.iter())
            .filter(|(name, _)| !self.missed.contains(name))
            .map(|(name, _)| (likeness(name), name))
            .filter(|(score, _)| *score > 0.85 && !self.untold)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, name)| name.clone())
    }

    /// The longest name with `part` in it that is not a plain word and stands in a text as it is.
    pub(crate) fn written_in(&self, text: &str, part: &str) -> Option<&str> {
        let is_plain = |name: &str| name.chars().all(|c| c.is_alphanumeric() || c == '_');
        (self.names.iter())
            .map(|(name, _)| &**name)
            .filter(|name| !self.untold && !is_plain(name))
            .filter(|name| name.contains(part) && text.contains(name))
            .max_by_key(|name| name.len())
    }

    /// How many physical columns a batch needs by now.
    pub fn width(&self) -> usize {
        self.kinds.len()
    }

    /// Names and physical columns, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, usize)> + Clone {
        self.names.iter().map(|(name, slot)| (name, *slot))
    }

    /// How many columns have a name.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether no column is left.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The physical column of a name, exactly as written.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.ask(name);
        self.names
            .iter()
            .find(|(n, _)| &**n == name)
            .map(|(_, slot)| *slot)
    }

    /// The physical column and shared name of a name, or what to say where there is none.
    pub fn need(&self, name: &str) -> Result<(Arc<str>, usize), NoColumn> {
        self.ask(name);
        match self.names.iter().find(|(n, _)| &**n == name) {
            Some((n, slot)) => Ok((n.clone(), *slot)),
            None if self.asked.is_some() => Ok((Arc::from(name), 0)),
            None => Err(NoColumn {
                wanted: name.to_owned(),
                near: self.near(name),
            }),
        }
    }

    /// Adds a column at the end, with a new physical column behind it, and returns that; for a name
    /// that exists, its physical column.
    pub fn add(&mut self, name: &str) -> usize {
        if let Some(slot) = self.find(name) {
            return slot;
        }
        let slot = self.width();
        self.names.push((Arc::from(name), slot));
        // Its cells are missing until a stage has filled them.
        self.kinds.push(Kinds::EMPTY);
        self.origins.push(Vec::new());
        slot
    }

    /// Gives a column another name, in its place.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), NoColumn> {
        self.need(from)?;
        for (name, _) in &mut self.names {
            if &**name == from {
                *name = Arc::from(to);
            }
        }
        Ok(())
    }

    /// Leaves a column out from here on.
    pub fn remove(&mut self, name: &str) -> Result<(), NoColumn> {
        self.need(name)?;
        self.names.retain(|(n, _)| &**n != name);
        Ok(())
    }

    /// Keeps these columns alone, in this order.
    pub fn select<S: AsRef<str>>(&mut self, names: &[S]) -> Result<(), NoColumn> {
        self.names = names
            .iter()
            .map(|n| self.need(n.as_ref()))
            .collect::<Result<_, _>>()?;
        self.open = false;
        Ok(())
    }
}

/// A column was named that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoColumn {
    /// The name as written.
    pub wanted: String,
    /// One that is there and is much like it. What else there is may be a person's record, where the header is
    /// missing, and is not told.
    pub near: Option<Arc<str>>,
}

impl std::fmt::Display for NoColumn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no column `{}` here", self.wanted)?;
        match &self.near {
            Some(near) => write!(f, ", did you mean `{}`?", shown(near)),
            None => Ok(()),
        }
    }
}

impl std::error::Error for NoColumn {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_that_come_from_others_are_known_by_those() {
        let mut columns = Columns::from_header(["First", "Last", "Born", "kept"]);
        let full = columns.add("full");
        columns.derive(full, [0, 1, 0]);
        let shout = columns.add("shout");
        columns.derive(shout, [full, 2]);
        columns.add("constant");
        columns.rename("Born", "b").unwrap();
        columns.rename("b", "born").unwrap();
        columns.derive(3, [3]);
        let told = |columns: &Columns| {
            let names = columns.renamed().into_iter();
            let names = names.map(|renamed| format!("{}={}", renamed.name, renamed.source));
            names.collect::<Vec<_>>().join("; ")
        };
        assert_eq!(
            told(&columns),
            "born=Born; full=First, Last; shout=First, Last, Born"
        );
        columns.remove("First").unwrap();
        columns.derive(2, []);
        columns.derive(3, [1]);
        assert_eq!(
            told(&columns),
            "kept=Last; full=First, Last; shout=First, Last, Born"
        );
    }

    #[test]
    fn names_that_look_like_one_that_is_looked_for() {
        let spelled = |header: &[&str], looked_for: &[&str]| {
            let mut columns = Columns::from_header(header);
            columns.spell_as(&looked_for.iter().map(|name| (*name).to_owned()).collect());
            let names: Vec<String> = columns.iter().map(|(name, _)| name.to_string()).collect();
            (names.join("|"), columns.renamed().len())
        };
        let check = |header: &[&str], looked_for: &[&str], expected: &str, renamed| {
            assert_eq!(spelled(header, looked_for), (expected.to_owned(), renamed));
        };
        check(&["\u{feff}id", "Zoe\u{308}"], &["id", "Zoë"], "id|Zoë", 2);
        check(
            &["Employee\u{a0}ID", "b"],
            &["Employee ID"],
            "Employee ID|b",
            1,
        );
        check(&[" id\u{a0}", "b"], &["id"], "id|b", 1);
        check(&["id\u{200b}", "b"], &["c"], "id\u{200b}|b", 0);
        check(&["id", "ID"], &["Id"], "id|ID", 0);
        // The very name comes first, and of two like it neither is meant.
        check(&["id", "id\u{200b}"], &["id"], "id|id\u{200b}", 0);
        check(
            &["id\u{ad}", "id\u{200b}"],
            &["id"],
            "id\u{ad}|id\u{200b}",
            0,
        );
        check(&["id\u{ad}"], &["id", "id\u{ad}"], "id\u{ad}", 0);
    }
}
