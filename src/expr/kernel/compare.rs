//! Comparisons: of any two values, and the quick ways of those that are asked for most.

use std::cmp::Ordering;
use std::rc::Rc;

use super::each::Each;
use super::eval::Run;
use super::lane::{Lane, Span, Texts, Truth};
use super::reads::{Number, Numbers};
use super::{Comparison, Node, Op, Set, word};
use crate::batch::{Batch, Cell, Kind};

impl<'a> Run<'a> {
    pub(super) fn compared(
        &mut self,
        comparison: Comparison,
        parts: &'a [Node; 2],
        rows: &[u32],
    ) -> Each<Truth> {
        match [&parts[0].op, &parts[1].op] {
            [Op::Column { slot, .. }, Op::Constant(Lane::Text(text))] => {
                return self.beside_text(comparison, *slot, *text, rows);
            }
            [Op::Constant(Lane::Text(text)), Op::Column { slot, .. }] => {
                return self.beside_text(comparison.turned(), *slot, *text, rows);
            }
            _ => {}
        }
        let sides = [0, 1].map(|at| self.digits(&parts[at], rows));
        if let [Some(left), Some(right)] = &sides {
            return self.each_truth(rows, |run, _, row| {
                run.by_digits(comparison, left, right, row)
            });
        }
        let [left, right] = [0, 1].map(|at| self.operand(&parts[at], rows));
        if let [Some(left), Some(right)] = [left.texts(), right.texts()] {
            return self.two_columns(comparison, left, right, rows);
        }
        self.each_truth(rows, |run, at, row| {
            let (left, right) = (left.at(run.batch, at, row), right.at(run.batch, at, row));
            comparison.of(left, right, run.texts())
        })
    }

    /// A column beside a text that is the same for all rows.
    fn beside_text(
        &self,
        comparison: Comparison,
        slot: usize,
        text: Span,
        rows: &[u32],
    ) -> Each<Truth> {
        let cells = self.batch.column(slot);
        let text = self.texts().get(text);
        let is_equality = matches!(comparison, Comparison::Equal | Comparison::Unequal);
        let short = word(text);
        self.each_truth(rows, |run, _, row| {
            let cell = cells[row as usize];
            match cell.kind() {
                Kind::Text | Kind::Json | Kind::Missing if is_equality => {
                    let same = cell.len() == text.len()
                        && match (short, run.batch.word(cell)) {
                            (Some(short), Some(word)) => word == short,
                            _ => run.batch.text(cell) == text,
                        };
                    Some(same == (comparison == Comparison::Equal))
                }
                Kind::Text | Kind::Json | Kind::Missing => {
                    Some(comparison.holds(run.batch.text(cell).cmp(text)))
                }
                Kind::Number | Kind::Bool | Kind::Null if is_equality => {
                    Some(comparison == Comparison::Unequal)
                }
                Kind::Number | Kind::Bool | Kind::Null | Kind::Faulty => None,
            }
        })
    }

    fn two_columns(
        &self,
        comparison: Comparison,
        left: &[Cell],
        right: &[Cell],
        rows: &[u32],
    ) -> Each<Truth> {
        self.each_truth(rows, |run, _, row| {
            let (one, two) = (left[row as usize], right[row as usize]);
            match one.is_plain_text() && two.is_plain_text() {
                true => Some(comparison.holds(run.batch.text(one).cmp(run.batch.text(two)))),
                false => {
                    let lane = |cell| Lane::of_cell(run.batch, cell, false);
                    comparison.of(lane(one), lane(two), run.texts())
                }
            }
        })
    }

    /// What has all its digits.
    fn digits(&mut self, node: &'a Node, rows: &[u32]) -> Option<Digits<'a>> {
        match node.op {
            Op::Column {
                slot,
                is_exact: true,
                ..
            } => Some(Digits::Column {
                cells: self.batch.column(slot),
                numbers: self.reads.numbers(self.batch, slot, rows.len())?,
            }),
            Op::Constant(lane @ Lane::Exact(text)) => {
                Some(Digits::Constant(lane, Number::of(self.texts().get(text))))
            }
            _ => None,
        }
    }

    #[inline]
    fn by_digits(
        &self,
        comparison: Comparison,
        left: &Digits<'_>,
        right: &Digits<'_>,
        row: u32,
    ) -> Option<bool> {
        let (one, two) = (left.number(row), right.number(row));
        match one.is_faithful && two.is_faithful {
            true => one
                .value
                .partial_cmp(&two.value)
                .map(|order| comparison.holds(order)),
            false => {
                let (left, right) = (left.lane(self.batch, row), right.lane(self.batch, row));
                comparison.of(left, right, self.texts())
            }
        }
    }
}

/// Numbers with all their digits.
enum Digits<'a> {
    Column {
        cells: &'a [Cell],
        numbers: Rc<Numbers>,
    },
    Constant(Lane, Number),
}

impl Digits<'_> {
    #[inline]
    fn number(&self, row: u32) -> Number {
        match self {
            Digits::Column { numbers, .. } => numbers.get(row),
            Digits::Constant(_, number) => *number,
        }
    }

    fn lane(&self, batch: &Batch, row: u32) -> Lane {
        match self {
            Digits::Column { cells, .. } => Lane::of_cell(batch, cells[row as usize], true),
            Digits::Constant(lane, _) => *lane,
        }
    }
}

impl Comparison {
    /// The same, with both sides changed over.
    fn turned(self) -> Comparison {
        match self {
            Comparison::Equal | Comparison::Unequal => self,
            Comparison::Less => Comparison::Greater,
            Comparison::LessOrEqual => Comparison::GreaterOrEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        }
    }

    #[inline]
    fn of(self, left: Lane, right: Lane, texts: Texts<'_>) -> Option<bool> {
        match self {
            Comparison::Equal => left.equals(right, texts),
            Comparison::Unequal => left.equals(right, texts).map(|equal| !equal),
            _ => left.order(right, texts).map(|order| self.holds(order)),
        }
    }

    #[inline]
    fn holds(self, order: Ordering) -> bool {
        match self {
            Comparison::Equal => order.is_eq(),
            Comparison::Unequal => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl Set {
    #[inline]
    pub(super) fn has(&self, value: Lane, texts: Texts<'_>) -> Option<bool> {
        match value {
            Lane::Text(span) => Some(self.has_text(texts.get(span))),
            value => value.is_among(self.others.iter().copied(), texts),
        }
    }
}
