//! Which cells of a row are not what they look like.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

/// Which of a row's cells are not what cells of their columns are as a rule: filled ones text, or JSON, and empty ones an
/// empty text. Each list has the numbers of [`About::members`](super::About::members), from 1: `1,3-5`.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Types {
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    /// A number, true or false, an object or an array.
    #[serde(skip_serializing_if = "String::is_empty")]
    json: String,
    /// An error of a spreadsheet's cell.
    #[serde(skip_serializing_if = "String::is_empty")]
    error: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    null: String,
    /// The object has no such member.
    #[serde(skip_serializing_if = "String::is_empty")]
    missing: String,
}

impl Types {
    /// Those of cells in the order of their columns; nothing of one that is as a rule.
    pub(super) fn of(cells: impl Iterator<Item = Option<Type>>) -> Types {
        let mut types = Types::default();
        let mut run: Option<(Type, usize)> = None;
        for (number, of) in (1..).zip(cells.chain([None])) {
            if let Some((before, from)) = run.filter(|(before, _)| of != Some(*before)) {
                let list = types.list(before);
                let comma = if list.is_empty() { "" } else { "," };
                let _ = match number - 1 {
                    to if to == from => write!(list, "{comma}{from}"),
                    to => write!(list, "{comma}{from}-{to}"),
                };
                run = None;
            }
            run = run.or(of.map(|of| (of, number)));
        }
        types
    }

    fn list(&mut self, of: Type) -> &mut String {
        match of {
            Type::Text => &mut self.text,
            Type::Json => &mut self.json,
            Type::Error => &mut self.error,
            Type::Null => &mut self.null,
            Type::Missing => &mut self.missing,
        }
    }

    /// Tells the numbers, from 0, of all that are listed; false where a list is not one of so many members.
    pub(super) fn tell(&mut self, members: usize, mut tell: impl FnMut(usize, Type)) -> bool {
        for of in Type::ALL {
            let list = std::mem::take(self.list(of));
            for run in list.split(',').filter(|run| !run.is_empty()) {
                let (from, to) = run.split_once('-').unwrap_or((run, run));
                let (Ok(from @ 1..), Ok(to)) = (from.parse::<usize>(), to.parse::<usize>()) else {
                    return false;
                };
                if to > members {
                    return false;
                }
                (from..=to).for_each(|number| tell(number - 1, of));
            }
        }
        true
    }
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    Json,
    Error,
    Null,
    Missing,
}

impl Type {
    const ALL: [Type; 5] = [
        Type::Text,
        Type::Json,
        Type::Error,
        Type::Null,
        Type::Missing,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_is_told() {
        use Type::{Error, Json, Missing, Null, Text};
        let check = |cells: &[Option<Type>], expected: &str| {
            let mut types = Types::of(cells.iter().copied());
            assert_eq!(serde_json::to_string(&types).unwrap(), expected);
            let mut told = vec![None; cells.len()];
            assert!(types.tell(cells.len(), |at, of| told[at] = Some(of)));
            assert_eq!(told, cells);
        };
        check(&[], "{}");
        check(&[None, None], "{}");
        check(&[Some(Null), None, Some(Null)], "{\"null\":\"1,3\"}");
        let (null, missing) = (Some(Null), Some(Missing));
        check(
            &[
                null,
                null,
                null,
                missing,
                missing,
                None,
                Some(Text),
                Some(Json),
                Some(Error),
                null,
            ],
            "{\"text\":\"7\",\"json\":\"8\",\"error\":\"9\",\"null\":\"1-3,10\",\"missing\":\"4-5\"}",
        );
        for (list, members) in [
            ("0", 9),
            ("4", 3),
            ("1-4", 3),
            ("x", 9),
            ("1-", 9),
            ("-1", 9),
        ] {
            let mut types = Types {
                null: list.to_owned(),
                ..Types::default()
            };
            assert!(!types.tell(members, |_, _| {}), "{list}");
        }
    }
}
