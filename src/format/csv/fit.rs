//! Several files as one table: by the names of their columns.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::header::{Header, shown as delimiter_shown, written};
use super::names::of_place;
use super::record::{Cells, Span};
use crate::batch::Arrangement;
use crate::format::beginning::{Expected, Place, Wrong};
use crate::text::compare::same_name;
use crate::text::shown::shown;

impl Header {
    /// Whether its columns are followed by those that a rejects file has more.
    pub(crate) fn is_of_rejects(&self) -> bool {
        self.cells > self.own.len()
    }

    /// What its cells are called in messages: by their places where they have no names.
    pub(crate) fn called(&self) -> Vec<String> {
        let called = |(at, name): (usize, &Option<Arc<str>>)| match name {
            Some(name) => name.to_string(),
            None => of_place(at),
        };
        self.own.iter().enumerate().map(called).collect()
    }

    /// How the cells of this file's records become these columns, and how they are written as those of a file whose own
    /// cells are `first`. None where they are the columns one by one.
    pub(super) fn arranged_as(
        &self,
        names: &[Arc<str>],
        first: &[Option<Arc<str>>],
    ) -> Option<Arc<Arrangement>> {
        let at = |(at, name): (usize, &'_ Option<Arc<str>>)| Some((name.clone()?, at));
        let by_name: HashMap<Arc<str>, usize> =
            self.own.iter().enumerate().filter_map(at).collect();
        let place = |name: &Arc<str>| by_name.get(name).copied();
        let places: Vec<Option<usize>> = names.iter().map(place).collect();
        let one_by_one = places.iter().copied().eq((0..self.own.len()).map(Some));
        let nameless: Vec<usize> = (0..self.own.len())
            .filter(|&at| self.own[at].is_none())
            .collect();
        let mut rest = nameless.iter().copied();
        let as_first: Vec<Option<usize>> = (first.iter())
            .map(|cell| cell.as_ref().map_or_else(|| rest.next(), place))
            .collect();
        let is_as_first = as_first.iter().copied().eq((0..self.own.len()).map(Some));
        if one_by_one && is_as_first {
            return None;
        }
        Some(Arc::new(Arrangement {
            names: self.called().into_iter().map(Arc::from).collect(),
            cells: self.cells,
            places,
            nameless,
            meant: self.stated,
            headers: self.repeats.clone(),
            dialect: self.dialect,
            as_first: (!is_as_first).then_some(as_first),
        }))
    }

    /// The same header, in which a name that differs from one of these in nothing that anybody sees is that one.
    fn spelled_as(mut self, names: &[Arc<str>]) -> Header {
        let own: HashSet<&Arc<str>> = self.names.iter().collect();
        let missed: Vec<&Arc<str>> = names.iter().filter(|n| !own.contains(n)).collect();
        let new = self.names.iter().filter(|n| !names.contains(n));
        let new: Vec<&Arc<str>> = new.take_while(|_| !missed.is_empty()).collect();
        let only = |name: &str, of: &[&Arc<str>]| {
            let mut same = of.iter().filter(|other| same_name(other, name));
            // Which of two is meant can't be known.
            same.next()
                .filter(|_| same.next().is_none())
                .map(|n| Arc::clone(n))
        };
        let spelled: HashMap<Arc<str>, Arc<str>> = (new.iter())
            .filter_map(|name| Some((Arc::clone(name), only(name, &missed)?)))
            .filter(|(_, other)| only(other, &new).is_some())
            .collect();
        if !spelled.is_empty() {
            let spell = |name: &Arc<str>| spelled.get(name).unwrap_or(name).clone();
            self.names = self.names.iter().map(spell).collect();
            self.own = (self.own.iter())
                .map(|name| name.as_ref().map(spell))
                .collect();
        }
        self
    }

    /// The same file as a part of the first one's table.
    ///
    /// # Errors
    /// Says what keeps it from being that, with the setting that helps where there is one.
    pub(crate) fn fit(
        self,
        first: &Header,
        expected: &Expected<'_>,
        first_name: &str,
    ) -> Result<Header, Wrong> {
        self.has_delimiter_of(first, first_name)?;
        let this = self.spelled_as(&first.names);
        this.fit_as_spelled(first, expected, first_name)
    }

    fn fit_as_spelled(
        self,
        first: &Header,
        expected: &Expected<'_>,
        first_name: &str,
    ) -> Result<Header, Wrong> {
        let own: HashSet<&Arc<str>> = self.names.iter().collect();
        let others: HashSet<&Arc<str>> = first.names.iter().collect();
        let lacks: Vec<_> = first.names.iter().filter(|n| !own.contains(n)).collect();
        let more: Vec<_> = self.names.iter().filter(|n| !others.contains(n)).collect();
        if !more.is_empty() || !lacks.is_empty() && !first.partial {
            // One that shares a name with the first is a header, too.
            let told = lacks.len() < first.names.len()
                || expected.are_names(&self.names) && expected.are_names(&first.names);
            let message = other_columns(&lacks, &more, told, first_name);
            return Err(Wrong::setting(Place::Line(self.line), message));
        }
        Ok(Header {
            arrangement: self.arranged_as(&first.names, &first.own),
            names: first.names.clone(),
            ..self
        })
    }

    /// Whether the records can be cut as those of the first file.
    fn has_delimiter_of(&self, first: &Header, name: &str) -> Result<(), Wrong> {
        let wrong = |message| Err(Wrong::data(Place::Line(self.line), message));
        let (delimiter, other) = (self.dialect.delimiter, first.dialect.delimiter);
        if delimiter != other {
            return wrong(format!(
                "this file's delimiter is `{}`, and `{}` in {name}; all files of a source have the same delimiter",
                delimiter_shown(delimiter),
                delimiter_shown(other)
            ));
        }
        Ok(())
    }

    /// The header of a table that has the columns of another file, too.
    ///
    /// # Errors
    /// As [`Header::fit`], but for the columns.
    pub(crate) fn united_with(
        self,
        other: &Header,
        expected: &Expected<'_>,
        name: &str,
    ) -> Result<Header, Wrong> {
        other.has_delimiter_of(&self, name)?;
        let other = &other.clone().spelled_as(&self.names);
        let mut names: Vec<Arc<str>> = self.names.to_vec();
        let known: HashSet<&Arc<str>> = self.names.iter().collect();
        if !other.names.iter().any(|n| known.contains(n)) {
            // It is a person's record, most likely, and would be the names of new columns.
            let message = format!(
                "this file has no column in common with {name}; is its header missing? Files are put together by the names of their \
                 columns (source.csv.match)"
            );
            return Err(Wrong::setting(Place::Line(other.line), message));
        }
        names.extend(other.names.iter().filter(|n| !known.contains(n)).cloned());
        let more = names.len() - self.names.len();
        let partial = self.partial || other.names.len() < names.len() || more > 0;
        if more == 0 {
            return Ok(Header { partial, ..self });
        }
        let new = names[self.names.len()..].iter().cloned().map(Some);
        let own: Vec<Option<Arc<str>>> = self.own.iter().cloned().chain(new).collect();
        if let Some(message) = expected.too_many(own.len()) {
            return Err(Wrong::data(Place::Line(other.line), message));
        }
        Ok(Header {
            raw: written(&own, self.dialect),
            cells: self.cells + more,
            own: own.into(),
            names: names.into(),
            partial,
            ..self
        })
    }
}

/// A record of a file of another arrangement, written as those of the first file are. None where it is so already, or
/// where cells are missing or quotes are in the way, for nobody knows which cell is which.
pub(crate) fn rewritten(
    arrangement: &Arrangement,
    record: &[u8],
    is_ragged: bool,
) -> Option<Vec<u8>> {
    let as_first = arrangement.as_first.as_ref()?;
    let walk = Cells::of_record(record, arrangement.dialect);
    let cells: Vec<Span> = walk.clone().collect();
    if is_ragged && cells.len() < arrangement.cells || walk.into_fault().is_some() {
        return None;
    }
    let mut left = vec![true; cells.len()];
    let mut places = as_first.clone();
    for &place in as_first.iter().flatten() {
        if let Some(left) = left.get_mut(place) {
            *left = false;
        }
    }
    // What an earlier rejects file had added, cells without a column that are not empty, cells that are too many.
    let own = arrangement.names.len();
    places.extend((own..arrangement.cells).map(Some));
    let is_left = |at: &usize| left[*at] && !(own..arrangement.cells).contains(at);
    let rest = (0..cells.len()).filter(is_left);
    places.extend(
        rest.filter(|&at| at >= own || !cells[at].range().is_empty())
            .map(Some),
    );
    let mut out = Vec::with_capacity(record.len() + places.len());
    for (at, place) in places.into_iter().enumerate() {
        if at > 0 {
            out.push(arrangement.dialect.delimiter);
        }
        let Some(cell) = place.and_then(|place| cells.get(place)) else {
            continue;
        };
        out.extend_from_slice(&record[cell.range()]);
    }
    Some(out)
}

/// What to say of a file that has other columns than the first.
fn other_columns(lacks: &[&Arc<str>], more: &[&Arc<str>], told: bool, first: &str) -> String {
    if !told {
        return format!(
            "this file's columns have other names than those of {first}; is a header missing? All files of a source \
             have the same columns"
        );
    }
    let list = |names: &[&Arc<str>]| {
        let names = names.iter().map(|name| format!("`{}`", shown(name)));
        names.collect::<Vec<_>>().join(", ")
    };
    let what = match (lacks, more) {
        (lacks, []) => format!("this file has no {}, as {first} has", list(lacks)),
        ([], more) => format!("this file has {}, which {first} lacks", list(more)),
        (lacks, more) => format!(
            "this file has {}, which {first} lacks, and no {}",
            list(more),
            list(lacks)
        ),
    };
    format!("{what}; all files of a source have the same columns, unless source.csv.match is name")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::batch::{Batch, Kind};
    use crate::format::beginning::Beginning;
    use crate::format::csv::{self, Delimiter, Form, Naming, OnRagged, Parser, write};
    use crate::settings::limits::Limits;
    use crate::text::scan::{Dialect, Quoting};

    /// A column in this file: its name, if it has one, and the cell of each record.
    type Column = (Option<String>, Vec<String>);

    fn expected<'a>(named: &'a HashSet<String>, limits: &'a Limits) -> Expected<'a> {
        Expected {
            added: &["_x"],
            named,
            limits,
        }
    }

    fn csv_text(columns: &[Column], records: usize) -> String {
        let mut text = Vec::new();
        let names = columns
            .iter()
            .map(|(name, _)| name.clone().unwrap_or_default());
        let records = (0..records).map(|row| {
            columns
                .iter()
                .map(|(_, cells)| cells[row].clone())
                .collect()
        });
        for line in [names.collect::<Vec<_>>()].into_iter().chain(records) {
            for (at, cell) in line.iter().enumerate() {
                text.extend_from_slice(if at > 0 { b"," } else { b"" });
                write::cell(cell.as_bytes(), Dialect::default(), |part| {
                    text.extend_from_slice(part)
                });
            }
            text.push(b'\n');
        }
        String::from_utf8(text).unwrap()
    }

    fn read(text: &str) -> (Header, usize) {
        let form = Form {
            delimiter: Delimiter::Comma,
            quoting: Quoting::default(),
            comment: None,
            skip_lines: 0,
            naming: Naming::default(),
        };
        let (named, limits) = (HashSet::new(), Limits::default());
        let begins = Beginning {
            file: "f",
            text: text.as_bytes(),
            ended: true,
            full: false,
        };
        let begun = csv::header(&expected(&named, &limits), &form, &begins);
        let begun = begun.unwrap().unwrap();
        (begun.header, begun.at)
    }

    fn parse(first: &Header, arrangement: Option<&Arc<Arrangement>>, text: &str) -> Batch {
        let parser = Parser::new(
            first.dialect,
            first.names.clone(),
            first.names.len(),
            OnRagged::Reject,
        );
        let bytes = text.as_bytes().to_vec();
        match arrangement {
            Some(arrangement) => parser.parse_arranged(bytes, 1, arrangement).unwrap(),
            None => parser.parse(bytes, 1).unwrap(),
        }
    }

    prop_compose! {
        /// Two files of some of the same columns, in any order, among columns without names.
        fn files()(records in 1usize..4)(
            of in proptest::collection::vec((0u8..4, proptest::collection::vec("[ab,\"\n]{0,3}", records)), 1..6),
            other in proptest::collection::vec((0u8..6, proptest::collection::vec("[ab,\"\n]{0,3}", records)), 1..6),
            records in Just(records),
        ) -> ([Vec<Column>; 2], usize) {
            let named = |columns: Vec<(u8, Vec<String>)>| {
                let mut seen = HashSet::new();
                let named = columns.into_iter().filter_map(|(name, cells)| match name {
                    // A column without a name, which has to be empty.
                    0 => Some((None, vec![String::new(); cells.len()])),
                    name => seen.insert(name).then(|| (Some(format!("c{name}")), cells)),
                });
                let mut named = named.collect::<Vec<_>>();
                // Both share a column, and no record is without any value.
                named.insert(named.len() / 2, (Some("key".to_owned()), vec!["k".to_owned(); records]));
                named
            };
            ([named(of), named(other)], records)
        }
    }

    proptest! {
        /// A cell is found under its column's name, whatever its place, and what a file lacks is missing. A record
        /// that is written as the first file's are has the same cells once more.
        #[test]
        fn cells_are_found_by_name((files, records) in files()) {
            let texts = files.each_ref().map(|columns| csv_text(columns, records));
            let [(first, _), (second, _)] = texts.each_ref().map(|text| read(text));
            let (named, limits) = (HashSet::new(), Limits::default());
            let expected = expected(&named, &limits);
            let table = first.clone().united_with(&second, &expected, "1").unwrap();
            for ((columns, text), header) in files.iter().zip(&texts).zip([first, second]) {
                let start = read(text).1;
                let fitted = header.fit(&table, &expected, "1").unwrap();
                let arrangement = fitted.arrangement.as_ref();
                let batch = parse(&table, arrangement, &text[start..]);
                prop_assert_eq!(batch.len(), records);
                prop_assert!(batch.faults().is_empty(), "{:?}", batch.faults());
                for row in 0..records {
                    for (at, name) in table.names.iter().enumerate() {
                        let own = columns.iter().find(|(own, _)| own.as_deref() == Some(&**name));
                        let cell = batch.cell(row, at);
                        match own {
                            Some((_, cells)) => prop_assert_eq!(batch.text(cell), &cells[row]),
                            None => prop_assert_eq!(cell.kind(), Kind::Missing),
                        }
                    }
                    let raw = batch.raw_record(row);
                    let rewritten = arrangement.and_then(|a| rewritten(a, raw, false));
                    let as_first = rewritten.as_deref().unwrap_or(raw);
                    let again = table.arranged_as(&table.names, &table.own);
                    let again = parse(&table, again.as_ref(), std::str::from_utf8(as_first).unwrap());
                    for at in 0..table.names.len() {
                        prop_assert_eq!(again.get(0, at), batch.get(row, at));
                    }
                }
            }
        }
    }
}
