//! What a column is, by what all of its values say; and what only a person can decide.
//!
//! Something is decided where nearly all values fit it, and those that tell it from what else it could be speak with one
//! voice. Where none of them tells, it is not decided, however likely it is.

mod days;
mod figures;

use serde::Serialize;

use super::column::Column;
use super::column::distinct::Count;
use super::names;

pub(crate) use days::{Days, Fits};
pub(crate) use figures::Figures;

/// So many of a hundred values have to fit what a column is taken for. Rows with others are rejected by what the draft
/// does to it.
const ENOUGH: u64 = 95;

/// The most codes of a list, and how often each is there on average, at least.
const MOST_CODES: usize = 20;
const OFTEN: u64 = 3;

/// Words for yes and no. Letters alone are not taken for them unless both are there.
const YES_AND_NO: [(&str, &str); 15] = [
    ("true", "false"),
    ("yes", "no"),
    ("y", "n"),
    ("t", "f"),
    ("ja", "nein"),
    ("j", "n"),
    ("oui", "non"),
    ("o", "n"),
    ("sí", "no"),
    ("si", "no"),
    ("s", "n"),
    ("sim", "não"),
    ("tak", "nie"),
    ("1", "0"),
    ("wahr", "falsch"),
];

/// What a column is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Type {
    /// No cell has a value.
    Empty,
    Text,
    /// Digits that are a name, and no number: leading zeros count.
    Identifier,
    Whole(Figures),
    Decimal(Figures),
    Boolean {
        #[serde(rename = "true")]
        yes: Vec<String>,
        #[serde(rename = "false")]
        no: Vec<String>,
    },
    Date(Days),
    /// Objects or arrays of JSON.
    Nested,
    Undecided(Undecided),
}

/// What only a person can decide.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "between", rename_all = "snake_case")]
pub(crate) enum Undecided {
    /// Dates that several formats read, or such as no single one reads.
    Orders {
        /// How many values each of them reads, and how many it alone reads.
        formats: Vec<Fits>,
        /// Values that are dates in one of them.
        dates: u64,
        language: Option<String>,
        short_year: bool,
    },
    /// Numbers with one separator that may be the decimal one, or stand between thousands.
    Separators { sign: char, values: u64 },
    /// Numbers of which some have a decimal point for certain, and others a decimal comma.
    Signs { points: u64, commas: u64 },
    /// Whole numbers that may be the day numbers of a workbook.
    DayNumbers { values: u64 },
}

/// What was decided of a column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Decided {
    #[serde(flatten)]
    pub kind: Type,
    /// Values, without those that stand for none, and how many of them fit.
    pub values: u64,
    pub fit: u64,
    /// Whether it looks like a list of codes.
    pub codes: bool,
    /// Long numbers of which a spreadsheet has lost the end, and numbers that have lost the zeros in front of them.
    #[serde(skip_serializing_if = "is_zero")]
    pub eaten: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub zeros_lost: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Whether so many fit.
fn are_enough(fit: u64, of: u64) -> bool {
    fit > 0 && fit * 100 >= of * ENOUGH
}

/// Decides what a column of this name is.
pub(crate) fn decide(name: &str, column: &Column) -> Decided {
    let values = column.filled() - column.sentinels();
    let (kind, fit) = kind(name, column, values);
    let lost = zeros_lost(column, &kind);
    Decided {
        codes: matches!(kind, Type::Text | Type::Identifier) && are_codes(name, column, values),
        kind,
        values,
        fit,
        eaten: column.numbers.exponent,
        zeros_lost: lost,
    }
}

fn kind(name: &str, column: &Column, values: u64) -> (Type, u64) {
    if values == 0 {
        return (Type::Empty, 0);
    }
    if column.nested > 0 {
        return (Type::Nested, column.nested);
    }
    if column.boolean == values {
        let words = |word: &str| vec![word.to_owned()];
        let (yes, no) = (words("true"), words("false"));
        return (Type::Boolean { yes, no }, values);
    }
    if let Some((kind, fit)) = days::dates(name, column, values) {
        return (kind, fit);
    }
    if column.number == 0
        && let Some(kind) = flags(name, column)
    {
        return (kind, values);
    }
    if let Some((kind, fit)) = figures::figures(name, column, values) {
        return (kind, fit);
    }
    (Type::Text, values)
}

/// Whether the values are words for yes and no, and nothing else.
fn flags(name: &str, column: &Column) -> Option<Type> {
    let values = column.values.0.as_ref()?;
    let is = |text: &str, word: &str| text.to_lowercase() == word;
    let with = |word: &str| -> Vec<String> {
        let found = values.keys().filter(|text| is(text, word));
        found.map(|text| text.to_string()).collect()
    };
    for (yes, no) in YES_AND_NO {
        let (yes_found, no_found) = (with(yes), with(no));
        let all = yes_found.len() + no_found.len() == values.len();
        let both = !yes_found.is_empty() && !no_found.is_empty();
        let is_certain = match yes.len() {
            // A column of ones and zeros may count something.
            1 if yes == "1" => both && names::is_flag(name),
            1 => both,
            _ => both || yes.len() > 2,
        };
        if all && !values.is_empty() && is_certain {
            return Some(Type::Boolean {
                yes: yes_found,
                no: no_found,
            });
        }
    }
    None
}

/// Whether there are few values, and each of them comes again and again.
fn are_codes(name: &str, column: &Column, values: u64) -> bool {
    let Some(list) = &column.values.0 else {
        return false;
    };
    let few = (2..=MOST_CODES).contains(&list.len()) && list.len() as u64 * OFTEN <= values;
    let none_alone = list.values().all(|n| *n > 1);
    let are_plain = list.keys().all(|text| may_be_code(text));
    let may_be_told = column.at_signs == 0 && !names::is_personal(name) && !names::is_made_up(name);
    few && none_alone && are_plain && may_be_told
}

/// Whether a value may be a code: it is short, and has neither a number's many digits nor the signs of an abbreviated name.
fn may_be_code(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    text.chars().count() <= 40 && digits <= 4 && !text.contains(['.', ',', ':', '"', '='])
}

/// Values of a column of identifiers that are shorter than most, which have zeros in front.
fn zeros_lost(column: &Column, kind: &Type) -> u64 {
    if *kind != Type::Identifier || column.numbers.zeros == 0 {
        return 0;
    }
    let lengths = &column.lengths.0;
    let all: u64 = lengths.iter().sum();
    let Some(common) = (1..lengths.len()).max_by_key(|len| lengths[*len]) else {
        return 0;
    };
    let shorter: u64 = lengths[..common].iter().sum();
    // Where lengths differ anyhow, a short one is nothing strange.
    let is_fixed = lengths[common] * 2 > all && lengths[common + 1..].iter().sum::<u64>() == 0;
    if is_fixed { shorter } else { 0 }
}

/// Whether whole numbers are names of something, and nothing to reckon with.
fn is_identifier(name: &str, column: &Column, distinct: Count, values: u64) -> bool {
    let fixed = column
        .lengths
        .range()
        .is_some_and(|(least, most)| least == most && most >= 5);
    let unique = distinct.count + distinct.count / 50 >= values;
    let named = names::is_id(name) || names::is_manager(name);
    let names_people = names::is_person(name) || names::is_made_up(name);
    let reckoned = names::is_amount(name) || column.years == values || column.months == values;
    column.numbers.zeros > 0
        || named
        || unique && !reckoned && (fixed || names_people && values >= 10)
}

#[cfg(test)]
mod tests;
