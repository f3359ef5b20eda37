//! What a part of an expression comes to for one row: a value of sixteen bytes, whose text stands elsewhere.

use std::cmp::Ordering;
use std::ops::Range;

use jiff::SignedDuration;
use jiff::civil;

use crate::batch::{Batch, Cell, Kind};
use crate::expr::number::compared;
use crate::expr::time::Time;

/// A value, or that nothing is known of it: then the interpreter is asked for the whole expression and this row.
/// Errors are among that, so that there is one place that tells them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lane {
    Undecided,
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    /// A number with all its digits, which is a double to whatever computes with it.
    Exact(Span),
    Text(Span),
    Day(civil::Date),
    /// A length of time in seconds.
    Length(i64),
}

/// Where a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    of: Of,
    at: u32,
    len: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// The batch, which knows it to be plain or does not.
    Plain,
    Cell,
    /// What the expression made of this batch.
    Made,
    /// The expression itself.
    Constant,
}

/// The texts that spans are of.
#[derive(Clone, Copy)]
pub(super) struct Texts<'a> {
    pub(super) batch: &'a Batch,
    pub(super) made: &'a str,
    pub(super) constants: &'a str,
}

impl<'a> Texts<'a> {
    #[inline]
    pub(super) fn get(self, span: Span) -> &'a str {
        let text = match span.of {
            Of::Plain | Of::Cell => {
                let cell = Cell::new(span.at as usize, span.len as usize, Kind::Text);
                return self.batch.text(cell);
            }
            Of::Made => self.made,
            Of::Constant => self.constants,
        };
        &text[span.range()]
    }
}

impl Span {
    #[inline]
    fn of_cell(cell: Cell) -> Span {
        Span {
            of: if cell.is_plain() { Of::Plain } else { Of::Cell },
            at: cell.span().start as u32,
            len: cell.len() as u32,
        }
    }

    /// The end of a text that grew from a length on; nothing where it grew beyond what a span can name.
    #[inline]
    pub(super) fn made(text: &str, from: usize) -> Option<Span> {
        Span::end(text, from, Of::Made)
    }

    pub(super) fn constant(text: &str, from: usize) -> Option<Span> {
        Span::end(text, from, Of::Constant)
    }

    #[inline]
    fn end(text: &str, from: usize, of: Of) -> Option<Span> {
        let end = u32::try_from(text.len()).ok()?;
        let at = from as u32;
        Some(Span {
            of,
            at,
            len: end - at,
        })
    }

    /// The cell that has this text already, with another kind; nothing for a text that is not the batch's.
    #[inline]
    pub(super) fn cell(self, kind: Kind) -> Option<Cell> {
        let cell = Cell::new(self.at as usize, self.len as usize, kind);
        match self.of {
            Of::Plain => Some(cell.plain_if(true)),
            Of::Cell => Some(cell),
            Of::Made | Of::Constant => None,
        }
    }

    fn range(self) -> Range<usize> {
        self.at as usize..self.at as usize + self.len as usize
    }

    /// Where it stands in what was made.
    #[inline]
    pub(super) fn in_made(self) -> Option<Range<usize>> {
        (self.of == Of::Made).then(|| self.range())
    }

    /// The text of a constant.
    pub(super) fn in_constants(self, constants: &str) -> Option<&str> {
        (self.of == Of::Constant).then(|| &constants[self.range()])
    }

    /// A part of it.
    #[inline]
    pub(super) fn part(self, start: usize, len: usize) -> Span {
        Span {
            at: self.at + start as u32,
            len: len as u32,
            ..self
        }
    }
}

impl Lane {
    /// What an expression sees of a cell; of a number all digits where it `is_exact`.
    #[inline]
    pub(super) fn of_cell(batch: &Batch, cell: Cell, is_exact: bool) -> Lane {
        match cell.kind() {
            Kind::Text | Kind::Json | Kind::Missing => Lane::Text(Span::of_cell(cell)),
            Kind::Number if cell.is_empty() => Lane::Null,
            Kind::Number if is_exact => Lane::Exact(Span::of_cell(cell)),
            Kind::Number => Lane::Double(batch.text(cell).parse().unwrap_or(f64::NAN)),
            Kind::Bool => Lane::Bool(batch.text(cell) == "true"),
            Kind::Null => Lane::Null,
            Kind::Faulty => Lane::Undecided,
        }
    }

    pub(super) fn of_time(time: Time) -> Lane {
        match time {
            Time::Day(day) => Lane::Day(day),
            Time::Span(span) if span.subsec_nanos() == 0 => Lane::Length(span.as_secs()),
            Time::Span(_) | Time::Moment(_) => Lane::Undecided,
        }
    }

    pub(super) fn time(self) -> Option<Time> {
        match self {
            Lane::Day(day) => Some(Time::Day(day)),
            Lane::Length(seconds) => Some(Time::Span(SignedDuration::from_secs(seconds))),
            _ => None,
        }
    }

    /// As `==` has it, for which values of two kinds are never equal, numbers aside.
    #[inline]
    pub(super) fn equals(self, other: Lane, texts: Texts<'_>) -> Option<bool> {
        Some(match (self, other) {
            (Lane::Undecided, _) | (_, Lane::Undecided) => return None,
            (Lane::Text(one), Lane::Text(two)) => texts.get(one) == texts.get(two),
            (Lane::Null, Lane::Null) => true,
            (Lane::Bool(one), Lane::Bool(two)) => one == two,
            (Lane::Day(one), Lane::Day(two)) => one == two,
            (Lane::Length(one), Lane::Length(two)) => one == two,
            (one, two) if one.is_number() && two.is_number() => {
                return one.order(two, texts).map(Ordering::is_eq);
            }
            _ => false,
        })
    }

    /// Whether it equals one of several; an error in one of these is one of the whole list.
    pub(super) fn is_among(
        self,
        elements: impl Iterator<Item = Lane>,
        texts: Texts<'_>,
    ) -> Option<bool> {
        if matches!(self, Lane::Undecided) {
            return None;
        }
        let mut found = false;
        for element in elements {
            found |= self.equals(element, texts)?;
        }
        Some(found)
    }

    /// How two values are ordered, where `<` has an answer.
    #[inline]
    pub(super) fn order(self, other: Lane, texts: Texts<'_>) -> Option<Ordering> {
        match (self, other) {
            (Lane::Text(one), Lane::Text(two)) => Some(texts.get(one).cmp(texts.get(two))),
            (Lane::Exact(one), Lane::Exact(two)) => compared(texts.get(one), texts.get(two)),
            (Lane::Double(one), Lane::Double(two)) => one.partial_cmp(&two),
            (Lane::Int(one), Lane::Int(two)) => Some(one.cmp(&two)),
            (Lane::Double(one), Lane::Int(two)) => one.partial_cmp(&(two as f64)),
            (Lane::Int(one), Lane::Double(two)) => (one as f64).partial_cmp(&two),
            (Lane::Bool(one), Lane::Bool(two)) => Some(one.cmp(&two)),
            (Lane::Day(one), Lane::Day(two)) => Some(one.cmp(&two)),
            (Lane::Length(one), Lane::Length(two)) => Some(one.cmp(&two)),
            _ => None,
        }
    }

    /// The sum of numbers or times.
    #[inline]
    pub(super) fn plus(self, other: Lane) -> Option<Lane> {
        match (self, other) {
            (Lane::Double(one), Lane::Double(two)) => Some(Lane::Double(one + two)),
            (Lane::Int(one), Lane::Int(two)) => one.checked_add(two).map(Lane::Int),
            (one, two) => one.time()?.plus(two.time()?).ok().map(Lane::of_time),
        }
    }

    fn is_number(self) -> bool {
        matches!(self, Lane::Int(_) | Lane::Double(_) | Lane::Exact(_))
    }
}

/// Whether something is true of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    False,
    True,
    Undecided,
}

impl From<Option<bool>> for Truth {
    #[inline]
    fn from(truth: Option<bool>) -> Truth {
        match truth {
            Some(false) => Truth::False,
            Some(true) => Truth::True,
            None => Truth::Undecided,
        }
    }
}

impl std::ops::Not for Truth {
    type Output = Truth;

    #[inline]
    fn not(self) -> Truth {
        match self {
            Truth::False => Truth::True,
            Truth::True => Truth::False,
            Truth::Undecided => Truth::Undecided,
        }
    }
}

impl From<Lane> for Truth {
    #[inline]
    fn from(lane: Lane) -> Truth {
        match lane {
            Lane::Bool(truth) => Some(truth).into(),
            _ => Truth::Undecided,
        }
    }
}

impl From<Truth> for Lane {
    #[inline]
    fn from(truth: Truth) -> Lane {
        match truth {
            Truth::False => Lane::Bool(false),
            Truth::True => Lane::Bool(true),
            Truth::Undecided => Lane::Undecided,
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_lane_is_small() {
        assert_eq!(size_of::<super::Lane>(), 16);
    }
}
