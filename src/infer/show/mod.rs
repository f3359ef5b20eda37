//! What was found, for people and for machines. Values of cells are told where that is asked for, and else what they look
//! like and how far they reach: of days the years, of numbers how many digits they have.

mod html;
mod table;

use std::collections::BTreeMap;

use serde::Serialize;

use super::column::distinct::Count;
use super::column::{Column, LENGTHS};
use super::decide::{Decided, Type};
use super::form::Header;
use super::relations::Relations;
use super::{Found, Written};
use crate::report::human;
use crate::text::closing;

pub(crate) use html::page;
pub(crate) use table::table;

/// What was found, as it is shown.
#[derive(Debug, Serialize)]
pub(crate) struct Description<'f> {
    source: &'f str,
    records: u64,
    /// Records that can't be read, and why.
    rejected: u64,
    faults: &'f BTreeMap<String, u64>,
    /// Lines that are no records, and headers that come again among them.
    skipped: u64,
    repeated_headers: u64,
    compression: Option<&'static str>,
    /// None where nothing has to be stated.
    encoding: Option<String>,
    written: WrittenAs,
    profile: Option<&'static str>,
    columns: Vec<Described<'f>>,
    relations: &'f Relations,
}

/// How the records are written.
#[derive(Debug, Default, Serialize)]
struct WrittenAs {
    format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    delimiter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quote: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    escape: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skip_lines: Option<u32>,
    /// Lines of the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    footer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flatten: Option<bool>,
}

/// A column.
#[derive(Debug, Serialize)]
struct Described<'f> {
    name: &'f str,
    filled: u64,
    empty: u64,
    null: u64,
    missing: u64,
    distinct: Count,
    /// With blanks at their ends, with characters that nobody sees.
    blanks: u64,
    invisible: u64,
    lengths: Option<Lengths>,
    /// Nothing where there are too many.
    shapes: Option<Vec<Shape<'f>>>,
    #[serde(flatten)]
    decided: &'f Decided,
    range: Option<Range>,
    /// Texts that stand for no value, and such as may.
    sentinels: BTreeMap<&'f str, u64>,
    doubtful: BTreeMap<&'f str, u64>,
    /// The values, where they are few and were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<BTreeMap<&'f str, u64>>,
    /// How many values have how many characters.
    #[serde(skip)]
    histogram: &'f [u64; LENGTHS],
    /// How often the commonest values are there.
    #[serde(skip)]
    often: Vec<u64>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Lengths {
    least: usize,
    most: usize,
    /// Whether there are longer ones, which were not counted one by one.
    longer: bool,
}

#[derive(Debug, Serialize)]
struct Shape<'f> {
    shape: &'f str,
    count: u64,
}

/// How far values reach.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum Range {
    Years { first_year: u16, last_year: u16 },
    Days { first: String, last: String },
    Digits { least_digits: u32, most_digits: u32 },
    Numbers { least: f64, most: f64 },
}

/// Shapes that are shown of a column.
const SHAPES: usize = 5;

impl<'f> Description<'f> {
    pub(crate) fn of(found: &'f Found, with_values: bool) -> Description<'f> {
        let each = found
            .names
            .iter()
            .zip(&found.facts.columns)
            .zip(&found.decided);
        Description {
            source: &found.source,
            records: found.facts.records,
            rejected: found.facts.rejected,
            faults: &found.facts.faults,
            skipped: found.facts.skipped,
            repeated_headers: found.facts.headers,
            compression: found.compression,
            encoding: found.bytes.as_ref().and_then(super::Bytes::stated),
            written: WrittenAs::of(&found.written),
            profile: found.profile.map(|(name, _)| name),
            columns: each
                .map(|((name, column), decided)| Described::of(name, column, decided, with_values))
                .collect(),
            relations: &found.relations,
        }
    }
}

impl WrittenAs {
    fn of(written: &Written) -> WrittenAs {
        let character = |byte: u8| match byte {
            b'\t' => "tab".to_owned(),
            byte => char::from(byte).to_string(),
        };
        match written {
            Written::Csv(form) => WrittenAs {
                format: "csv",
                delimiter: Some(character(form.dialect.delimiter)),
                quote: Some(
                    form.dialect
                        .quoting
                        .quote
                        .map_or("none".to_owned(), character),
                ),
                escape: form.dialect.quoting.escape.map(character),
                skip_lines: Some(form.skip_lines),
                header: Some(match form.header {
                    Header::None => 0,
                    Header::Line { .. } => 1,
                    Header::Labels(_) | Header::Groups => 2,
                }),
                footer: closing::pattern(&form.footer),
                ..WrittenAs::default()
            },
            Written::Json(form) => WrittenAs {
                format: form.format,
                path: form.path.as_ref().map(ToString::to_string),
                flatten: Some(form.flatten),
                ..WrittenAs::default()
            },
            Written::Stated { format } => WrittenAs {
                format,
                ..WrittenAs::default()
            },
        }
    }
}

impl<'f> Described<'f> {
    fn of(
        name: &'f str,
        column: &'f Column,
        decided: &'f Decided,
        with_values: bool,
    ) -> Described<'f> {
        let texts = |list: &'f BTreeMap<Box<str>, u64>| list.iter().map(|(text, n)| (&**text, *n));
        let values = column.values.0.as_ref();
        let mut often: Vec<u64> = values
            .iter()
            .flat_map(|values| values.values().copied())
            .collect();
        often.sort_unstable_by(|a, b| b.cmp(a));
        let shape = |(shape, count)| Shape { shape, count };
        Described {
            name,
            filled: column.filled(),
            empty: column.empty,
            null: column.null,
            missing: column.missing,
            distinct: column.distinct.count(),
            blanks: column.blanks,
            invisible: column.invisible,
            lengths: column.lengths.range().map(|(least, most)| Lengths {
                least,
                most,
                longer: most == LENGTHS - 1,
            }),
            shapes: (column.shapes.list())
                .map(|list| list.into_iter().take(SHAPES).map(shape).collect()),
            decided,
            range: Range::of(&decided.kind, with_values),
            sentinels: column.none.iter().flat_map(texts).collect(),
            doubtful: texts(&column.doubtful).collect(),
            values: values
                .filter(|_| with_values)
                .map(|values| texts(values).collect()),
            histogram: &column.lengths.0,
            often,
        }
    }
}

impl Range {
    fn of(kind: &Type, with_values: bool) -> Option<Range> {
        match kind {
            Type::Date(days) => {
                let (first, last) = days.days?;
                Some(match with_values {
                    true => Range::Days {
                        first: first.to_string(),
                        last: last.to_string(),
                    },
                    false => Range::Years {
                        first_year: first.year(),
                        last_year: last.year(),
                    },
                })
            }
            Type::Whole(figures) | Type::Decimal(figures) => {
                let (least, most) = figures.range?;
                let digits = |n: f64| (n.abs().max(1.0).log10().floor() as u32) + 1;
                Some(match with_values {
                    true => Range::Numbers { least, most },
                    false => Range::Digits {
                        least_digits: digits(least).min(digits(most)),
                        most_digits: digits(least).max(digits(most)),
                    },
                })
            }
            _ => None,
        }
    }

    fn words(&self) -> String {
        match self {
            Range::Years {
                first_year,
                last_year,
            } if first_year == last_year => format!("{first_year}"),
            Range::Years {
                first_year,
                last_year,
            } => format!("{first_year} to {last_year}"),
            Range::Days { first, last } => format!("{first} to {last}"),
            Range::Digits {
                least_digits,
                most_digits,
            } if least_digits == most_digits => {
                let digits = human::counted(u64::from(*most_digits), "digit");
                format!("{digits} before the point")
            }
            Range::Digits {
                least_digits,
                most_digits,
            } => {
                format!("{least_digits} to {most_digits} digits before the point")
            }
            Range::Numbers { least, most } => format!("{least} to {most}"),
        }
    }
}

/// What a column is, in words.
fn kind(decided: &Decided) -> String {
    let figures = |word: &str, figures: &super::decide::Figures| {
        let mut said = word.to_owned();
        if let Some(sign) = figures.decimal.filter(|sign| *sign == ',') {
            said += &format!(" {sign}");
        }
        if let Some(sign) = figures.thousands {
            said += &format!(" (thousands `{sign}`)");
        }
        said
    };
    match &decided.kind {
        Type::Empty => "empty".to_owned(),
        Type::Text if decided.codes => "codes".to_owned(),
        Type::Text => "text".to_owned(),
        Type::Identifier => "identifier".to_owned(),
        Type::Whole(style) => figures("whole", style),
        Type::Decimal(style) => figures("decimal", style),
        Type::Boolean { .. } => "yes and no".to_owned(),
        Type::Date(days) => days.from.join(", "),
        Type::Nested => "nested".to_owned(),
        Type::Undecided(_) => "undecided".to_owned(),
    }
}
