//! Whether a column is of numbers, and how they are written.

use serde::Serialize;

use super::{Type, Undecided, are_enough, is_identifier};
use crate::infer::column::Column;
use crate::infer::column::number::Numbers;
use crate::infer::names;

/// How the numbers of a column are written.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Figures {
    /// They are numbers of JSON, which say it themselves.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub native: bool,
    /// The decimal sign, where any has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimal: Option<char>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thousands: Option<char>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub currency: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub percent: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub parentheses: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub trailing_minus: bool,
    /// Values that say so for certain.
    pub proofs: u64,
    #[serde(skip)]
    pub range: Option<(f64, f64)>,
}

impl Figures {
    /// Whether the `number` stage reads them without a setting.
    pub(crate) fn is_plain(&self) -> bool {
        let plain = Figures {
            decimal: self.decimal.filter(|sign| *sign == '.'),
            native: self.native,
            proofs: self.proofs,
            range: self.range,
            ..Figures::default()
        };
        *self == plain
    }
}

/// Whether the values are numbers, and how many of them.
pub(super) fn figures(name: &str, column: &Column, values: u64) -> Option<(Type, u64)> {
    let numbers = &column.numbers;
    let fit = numbers.all();
    if column.number == values {
        return Some((native(name, column, values), values));
    }
    // What a spreadsheet has made of a long number is nobody's number any more.
    if !are_enough(fit, values) || numbers.exponent > 0 {
        return None;
    }
    let Numbers {
        symbols,
        percent,
        parentheses,
        trailing_minus,
        ..
    } = numbers;
    let mut figures = Figures {
        currency: symbols
            .0
            .iter()
            .flatten()
            .map(|(s, _)| s.to_string())
            .collect(),
        percent: *percent > 0,
        parentheses: *parentheses > 0,
        trailing_minus: *trailing_minus > 0,
        range: numbers.ranges[0].0,
        ..Figures::default()
    };
    let has_signs = !figures.is_plain();
    if numbers.parted() == 0 {
        let is_name = is_identifier(name, column, column.distinct.count(), values)
            || is_period(name, column, values);
        let is_name = is_name && !has_signs;
        let kind = if is_name {
            Type::Identifier
        } else {
            Type::Whole(figures)
        };
        return Some((kind, fit));
    }
    // Account numbers have points, too.
    if names::is_id(name) && !has_signs {
        return Some((Type::Text, values));
    }
    Some((separators(numbers, &mut figures), fit))
}

/// Whether all values may be years, or years and months: these are nothing to reckon with.
fn is_period(name: &str, column: &Column, values: u64) -> bool {
    !names::is_amount(name) && (column.years == values || column.months == values)
}

fn native(name: &str, column: &Column, values: u64) -> Type {
    let numbers = &column.numbers;
    let figures = Figures {
        native: true,
        range: numbers.ranges[0].0,
        proofs: values,
        ..Figures::default()
    };
    match numbers.whole == values {
        true if is_identifier(name, column, column.distinct.count(), values) => Type::Identifier,
        true => Type::Whole(figures),
        false => Type::Decimal(Figures {
            decimal: Some('.'),
            ..figures
        }),
    }
}

/// What the separators are, where those that are certain agree.
fn separators(numbers: &Numbers, figures: &mut Figures) -> Type {
    // A point between thousands leaves the comma for the fraction, and the other way round.
    let points = numbers.point + numbers.commas_between;
    let commas = numbers.comma + numbers.points_between;
    match (points, commas) {
        (1.., 1..) => {
            return Type::Undecided(Undecided::Signs {
                points: numbers.point.max(numbers.commas_between),
                commas: numbers.comma.max(numbers.points_between),
            });
        }
        (0, 0) if numbers.either_point > 0 && numbers.either_comma > 0 => {
            return Type::Undecided(Undecided::Signs {
                points: numbers.either_point,
                commas: numbers.either_comma,
            });
        }
        (0, 0) if numbers.either_point > 0 => {
            return Type::Undecided(Undecided::Separators {
                sign: '.',
                values: numbers.either_point,
            });
        }
        (0, 0) if numbers.either_comma > 0 => {
            return Type::Undecided(Undecided::Separators {
                sign: ',',
                values: numbers.either_comma,
            });
        }
        _ => {}
    }
    let comma = commas > 0;
    let (decimal, other) = if comma { (',', '.') } else { ('.', ',') };
    let (fractions, either, others, between) = match comma {
        true => (
            numbers.comma,
            numbers.either_comma,
            numbers.either_point,
            numbers.points_between,
        ),
        false => (
            numbers.point,
            numbers.either_point,
            numbers.either_comma,
            numbers.commas_between,
        ),
    };
    figures.thousands = match (
        between + others,
        numbers.blanks_between,
        numbers.apostrophes_between,
    ) {
        (1.., _, _) => Some(other),
        (0, 1.., _) => Some(' '),
        (0, 0, 1..) => Some('\''),
        _ => None,
    };
    figures.proofs = fractions.max(between).max(numbers.grouped);
    figures.range = numbers.ranges[usize::from(comma)].0;
    // Without a fraction anywhere the sign is known by the one between thousands alone.
    let has_fractions = fractions + either > 0;
    figures.decimal = (has_fractions || comma).then_some(decimal);
    match has_fractions {
        true => Type::Decimal(figures.clone()),
        false => Type::Whole(figures.clone()),
    }
}
