//! `type: number` and `type: integer`, with `min` and `max`.

use super::date::Day;
use super::given::{Bound, Broken, Cells, Given, Problems, Words};
use crate::rule::spec::{ColumnType, Limit};
use crate::text::decimal::{self, Decimal};

pub(super) struct Number {
    integer: bool,
    min: Option<Bound<Decimal>>,
    max: Option<Bound<Decimal>>,
    words: Words,
}

pub(super) fn compile(given: &Given<'_>, problems: &mut Problems) -> Number {
    let rules = given.rules;
    let min = limit("min", &rules.min, "least", problems);
    let max = limit("max", &rules.max, "most", problems);
    if let (Some(low), Some(high)) = (&min, &max)
        && low.limit.number() > high.limit.number()
    {
        problems.push(("min", "`min` is more than `max`".into()));
    }
    let integer = given.kind == Some(ColumnType::Integer);
    Number {
        integer,
        min,
        max,
        words: match integer {
            true => Words::new("type_integer", "expected an integer"),
            false => Words::new("type_number", "expected a number"),
        },
    }
}

fn limit(
    code: &'static str,
    limit: &Option<Limit>,
    words: &str,
    problems: &mut Problems,
) -> Option<Bound<Decimal>> {
    let text = limit.as_ref()?.0.trim();
    let Some(number) = Decimal::parse(text) else {
        let hint = match Day::parse(text) {
            Some(_) => ", or `type: date`",
            None => "",
        };
        problems.push((code, format!("expected a number{hint}, found `{text}`")));
        return None;
    };
    Some(Bound {
        limit: number,
        words: Words::new(code, format!("expected at {words} {text}")),
    })
}

/// Says that limits are not for this type.
pub(super) fn refuse(given: &Given<'_>, kind: ColumnType, problems: &mut Problems) {
    for (field, stated) in [("min", &given.rules.min), ("max", &given.rules.max)] {
        if stated.is_some() {
            let message = format!(
                "`{field}` is for numbers and dates, the type is {}; for text there is `{field}_length`",
                kind.word()
            );
            problems.push((field, message));
        }
    }
}

impl Number {
    pub(super) fn run<'r>(&'r self, cells: &Cells<'_>, broken: &mut Broken<'r>) {
        cells.filled(|row, _, text| match decimal::Number::parse(text) {
            Some(number) if number.is_integer() || !self.integer => {
                if let Some(Bound { limit, words }) = &self.min
                    && number < limit.number()
                {
                    broken.push((row, words));
                }
                if let Some(Bound { limit, words }) = &self.max
                    && number > limit.number()
                {
                    broken.push((row, words));
                }
            }
            _ => broken.push((row, &self.words)),
        });
    }
}
