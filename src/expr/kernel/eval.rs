//! Operations over the rows of a batch.

use std::cmp::Ordering;

use super::compile::simple;
use super::lane::{Each, Lane, Span, Texts, Truth};
use super::reads::{Groups, Number, Numbers, Reads};
use super::{Arithmetic, Comparison, Kernel, Node, Op, Set, Test};
use crate::batch::{Batch, Cell, Kind};
use crate::expr::eval::BoundExpr;
use cel::common::types::CelString;
use cel::common::value::Val;
use std::rc::Rc;

/// One evaluation of an expression over a batch.
pub(super) struct Run<'a> {
    expr: &'a BoundExpr,
    kernel: &'a Kernel,
    batch: &'a Batch,
    reads: &'a mut Reads,
    /// The texts that it makes.
    pub(super) made: String,
    /// For a text that is made of one that it made before.
    pub(super) scratch: String,
}

/// What an operation is of.
enum Operand<'a> {
    Cells {
        cells: &'a [Cell],
        is_exact: bool,
        numbers: Option<Rc<Numbers>>,
    },
    Lanes(Each<Lane>),
}

impl<'a> Run<'a> {
    pub(super) fn new(expr: &'a BoundExpr, batch: &'a Batch, reads: &'a mut Reads) -> Run<'a> {
        Run {
            expr,
            kernel: &expr.kernel,
            batch,
            reads,
            made: String::new(),
            scratch: String::new(),
        }
    }

    pub(super) fn texts(&self) -> Texts<'_> {
        Texts {
            batch: self.batch,
            made: &self.made,
            constants: &self.kernel.constants,
        }
    }

    /// What the whole comes to; nothing where it is the interpreter's for each row of so many anyway.
    pub(super) fn whole<T>(
        &mut self,
        rows: &[u32],
        evaluate: impl FnOnce(&mut Self, &'a Node, &[u32]) -> Each<T>,
    ) -> Option<Each<T>> {
        let root = &self.kernel.root;
        let is_ours = !matches!(root.op, Op::Interpreted(_)) || self.groups(root, rows).is_some();
        is_ours.then(|| evaluate(self, root, rows))
    }

    fn groups(&mut self, node: &Node, rows: &[u32]) -> Option<Rc<Groups>> {
        if node.operations == 0 {
            return None;
        }
        (self.reads).groups(self.batch, &node.slots, node.operations, rows.len())
    }

    /// Whether a condition is true, row by row.
    pub(super) fn truths(&mut self, node: &'a Node, rows: &[u32]) -> Each<Truth> {
        match self.groups(node, rows) {
            Some(groups) => spread(self.decide(node, &groups.first), &groups, rows),
            None => self.decide(node, rows),
        }
    }

    /// The values of a part, row by row.
    pub(super) fn lanes(&mut self, node: &'a Node, rows: &[u32]) -> Each<Lane> {
        match self.groups(node, rows) {
            Some(groups) => spread(self.evaluate(node, &groups.first), &groups, rows),
            None => self.evaluate(node, rows),
        }
    }

    fn decide(&mut self, node: &'a Node, rows: &[u32]) -> Each<Truth> {
        match &node.op {
            Op::Not(one) => self.truths(one, rows).map(|truth| !truth),
            Op::Joined { decisive, parts } => {
                let decisive = Truth::from(Some(*decisive));
                let first = self.truths(&parts[0], rows);
                self.joined(decisive, first, &parts[1], rows)
            }
            Op::Compared(comparison, parts) => self.compared(*comparison, parts, rows),
            Op::In(value, set) => {
                let value = self.operand(value, rows);
                self.each_truth(rows, |run, at, row| {
                    set.has(value.at(run.batch, at, row), run.texts())
                })
            }
            Op::Among(value, elements) => {
                let value = self.operand(value, rows);
                let elements: Vec<_> = elements.iter().map(|e| self.operand(e, rows)).collect();
                self.each_truth(rows, |run, at, row| {
                    let value = value.at(run.batch, at, row);
                    let lanes = elements.iter().map(|e| e.at(run.batch, at, row));
                    among(value, lanes, run.texts())
                })
            }
            Op::Tested(test, parts) => {
                let text = self.operand(&parts[0], rows);
                let part = self.operand(&parts[1], rows);
                self.each_truth(rows, |run, at, row| {
                    let text = run.text(text.at(run.batch, at, row))?;
                    let part = run.text(part.at(run.batch, at, row))?;
                    Some(match test {
                        Test::StartsWith => text.starts_with(part),
                        Test::EndsWith => text.ends_with(part),
                        Test::Contains(None) => text.contains(part),
                        Test::Contains(Some(finder)) => finder.find(text.as_bytes()).is_some(),
                    })
                })
            }
            Op::Matches(text, pattern) => {
                let text = self.operand(text, rows);
                self.each_truth(rows, |run, at, row| {
                    let text = run.text(text.at(run.batch, at, row))?;
                    Some(pattern.is_match(text))
                })
            }
            _ => self.evaluate(node, rows).map(Truth::from),
        }
    }

    fn each_truth(
        &self,
        rows: &[u32],
        decide: impl Fn(&Self, usize, u32) -> Option<bool>,
    ) -> Each<Truth> {
        let truth = |(at, row): (usize, &u32)| Truth::from(decide(self, at, *row));
        one_or_each(rows.iter().enumerate().map(truth).collect())
    }

    #[inline]
    fn text(&self, lane: Lane) -> Option<&str> {
        match lane {
            Lane::Text(span) => Some(self.texts().get(span)),
            _ => None,
        }
    }

    /// `&&` and `||`. The second condition is asked only where the first does not decide; an error in one of them
    /// is nothing where the other decides.
    fn joined(
        &mut self,
        decisive: Truth,
        first: Each<Truth>,
        second: &'a Node,
        rows: &[u32],
    ) -> Each<Truth> {
        let both = |first: Truth, second: Truth| match (first, second) {
            (_, second) if second == decisive => decisive,
            (first, second) if first == second => first,
            _ => Truth::Undecided,
        };
        let mut firsts = match first {
            Each::All(first) if first == decisive => return Each::All(decisive),
            Each::All(first) => return self.truths(second, rows).map(|second| both(first, second)),
            Each::Rows(firsts) => firsts,
        };
        let open = |(row, first): (&u32, &Truth)| (*first != decisive).then_some(*row);
        let open: Vec<u32> = rows.iter().zip(&firsts).filter_map(open).collect();
        let seconds = self.truths(second, &open);
        let undecided = firsts.iter_mut().filter(|first| **first != decisive);
        for (at, first) in undecided.enumerate() {
            *first = both(*first, seconds.at(at));
        }
        one_or_each(firsts)
    }

    fn compared(
        &mut self,
        comparison: Comparison,
        parts: &'a [Node; 2],
        rows: &[u32],
    ) -> Each<Truth> {
        let is_equality = matches!(comparison, Comparison::Equal | Comparison::Unequal);
        match [&parts[0].op, &parts[1].op] {
            [Op::Column { slot, .. }, Op::Constant(Lane::Text(text))]
            | [Op::Constant(Lane::Text(text)), Op::Column { slot, .. }]
                if is_equality =>
            {
                let cells = self.batch.column(*slot);
                let text = self.texts().get(*text);
                let equal = comparison == Comparison::Equal;
                return self.each_truth(rows, |run, _, row| {
                    let cell = cells[row as usize];
                    match cell.kind() {
                        Kind::Text | Kind::Json | Kind::Missing => {
                            let same = cell.len() == text.len() && run.batch.text(cell) == text;
                            Some(same == equal)
                        }
                        Kind::Faulty => None,
                        Kind::Number | Kind::Bool | Kind::Null => Some(!equal),
                    }
                });
            }
            [
                Op::Column {
                    slot: one,
                    has_numbers: false,
                    ..
                },
                Op::Column {
                    slot: two,
                    has_numbers: false,
                    ..
                },
            ] => {
                let columns = [one, two].map(|slot| self.batch.column(*slot));
                return self.each_truth(rows, |run, _, row| {
                    let [one, two] = columns.map(|cells| cells[row as usize]);
                    match one.is_plain_text() && two.is_plain_text() {
                        true => {
                            Some(comparison.holds(run.batch.text(one).cmp(run.batch.text(two))))
                        }
                        false => {
                            let lane = |cell| Lane::of_cell(run.batch, cell, false);
                            comparison.of(lane(one), lane(two), run.texts())
                        }
                    }
                });
            }
            _ => {}
        }
        let sides = [0, 1].map(|at| self.digits(&parts[at]));
        if let [Some(left), Some(right)] = &sides {
            return self.each_truth(rows, |run, _, row| {
                run.by_digits(comparison, left, right, row)
            });
        }
        let [left, right] = [0, 1].map(|at| self.operand(&parts[at], rows));
        self.each_truth(rows, |run, at, row| {
            let (left, right) = (left.at(run.batch, at, row), right.at(run.batch, at, row));
            comparison.of(left, right, run.texts())
        })
    }

    /// What has all its digits.
    fn digits(&mut self, node: &'a Node) -> Option<Digits<'a>> {
        match node.op {
            Op::Column {
                slot,
                is_exact: true,
                ..
            } => Some(Digits::Column {
                cells: self.batch.column(slot),
                numbers: self.reads.numbers(self.batch, slot),
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

    fn operand(&mut self, node: &'a Node, rows: &[u32]) -> Operand<'a> {
        let Op::Column {
            slot,
            is_exact,
            has_numbers,
        } = node.op
        else {
            return Operand::Lanes(self.lanes(node, rows));
        };
        // For a few rows it is not worth to read the others' numbers, too.
        let are_many = has_numbers && !is_exact && rows.len() * 2 >= self.batch.len();
        Operand::Cells {
            cells: self.batch.column(slot),
            is_exact,
            numbers: are_many.then(|| self.reads.numbers(self.batch, slot)),
        }
    }

    fn each_lane(
        &mut self,
        rows: &[u32],
        mut evaluate: impl FnMut(&mut Self, usize, u32) -> Option<Lane>,
    ) -> Each<Lane> {
        let lanes = rows.iter().enumerate().map(|(at, row)| {
            let lane = evaluate(self, at, *row);
            lane.unwrap_or(Lane::Undecided)
        });
        Each::Rows(lanes.collect())
    }

    fn evaluate(&mut self, node: &'a Node, rows: &[u32]) -> Each<Lane> {
        match &node.op {
            Op::Constant(lane) => Each::All(*lane),
            Op::Column { .. } => {
                let cells = self.operand(node, rows);
                self.each_lane(rows, |run, at, row| Some(cells.at(run.batch, at, row)))
            }
            Op::Choice(parts) => self.choice(parts, rows),
            Op::Sum(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| self.operand(part, rows)).collect();
                self.each_lane(rows, |run, at, row| {
                    run.sum(parts.iter().map(|part| part.at(run.batch, at, row)))
                })
            }
            Op::Computed(arithmetic, parts) => {
                let [left, right] = [0, 1].map(|at| self.operand(&parts[at], rows));
                self.each_lane(rows, |run, at, row| {
                    let (left, right) = (left.at(run.batch, at, row), right.at(run.batch, at, row));
                    arithmetic.of(left, right)
                })
            }
            Op::Call(function, value) => {
                let value = self.operand(value, rows);
                self.each_lane(rows, |run, at, row| {
                    let value = value.at(run.batch, at, row);
                    run.call(*function, value)
                })
            }
            Op::Part(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| self.operand(part, rows)).collect();
                self.each_lane(rows, |run, at, row| {
                    let mut lanes = parts.iter().map(|part| part.at(run.batch, at, row));
                    run.part(lanes.next()?, lanes.next()?, lanes.next())
                })
            }
            Op::Replaced(parts) => {
                let parts = [0, 1, 2].map(|part| self.operand(&parts[part], rows));
                self.each_lane(rows, |run, at, row| {
                    let [text, from, to] = parts.each_ref().map(|part| part.at(run.batch, at, row));
                    run.replaced(text, from, to)
                })
            }
            Op::Interpreted(part) => self.each_lane(rows, |run, _, row| {
                let (expr, batch) = (run.expr, run.batch);
                let lane = expr.resolve(part, batch, row as usize, |value| run.lane_of(value));
                lane.ok().flatten()
            }),
            Op::Not(_)
            | Op::Joined { .. }
            | Op::Compared(..)
            | Op::In(..)
            | Op::Among(..)
            | Op::Tested(..)
            | Op::Matches(..) => self.decide(node, rows).map(Lane::from),
        }
    }

    /// What the interpreter found, if there is a lane for it.
    fn lane_of(&mut self, value: &dyn Val) -> Option<Lane> {
        if let Some(text) = value.downcast_ref::<CelString>() {
            return self
                .make(|made| made.push_str(text.inner()))
                .map(Lane::Text);
        }
        simple(value)
    }

    /// Makes a text.
    pub(super) fn make(&mut self, write: impl FnOnce(&mut String)) -> Option<Span> {
        let from = self.made.len();
        write(&mut self.made);
        self.made_from(from)
    }

    /// What was made from there on.
    pub(super) fn made_from(&self, from: usize) -> Option<Span> {
        Span::made(&self.made, from)
    }

    /// Appends a text to what is being made.
    pub(super) fn push(&mut self, span: Span) {
        match span.in_made() {
            Some(range) => self.made.extend_from_within(range),
            None => {
                let texts = Texts {
                    batch: self.batch,
                    made: "",
                    constants: &self.kernel.constants,
                };
                self.made.push_str(texts.get(span));
            }
        }
    }

    /// A condition chooses one of two ways for each row; the other one is not gone.
    fn choice(&mut self, [condition, yes, no]: &'a [Node; 3], rows: &[u32]) -> Each<Lane> {
        let truths = match self.truths(condition, rows) {
            Each::All(Truth::True) => return self.lanes(yes, rows),
            Each::All(Truth::False) => return self.lanes(no, rows),
            Each::All(Truth::Undecided) => return Each::All(Lane::Undecided),
            Each::Rows(truths) => truths,
        };
        let those = |wanted: Truth| -> Vec<u32> {
            let those = |(row, truth): (&u32, &Truth)| (*truth == wanted).then_some(*row);
            rows.iter().zip(&truths).filter_map(those).collect()
        };
        let (yes_rows, no_rows) = (those(Truth::True), those(Truth::False));
        let yes = self.lanes(yes, &yes_rows);
        let no = self.lanes(no, &no_rows);
        let (mut yes_at, mut no_at) = (0, 0);
        let next = |lanes: &Each<Lane>, at: &mut usize| {
            *at += 1;
            lanes.at(*at - 1)
        };
        let lanes = truths.iter().map(|truth| match truth {
            Truth::True => next(&yes, &mut yes_at),
            Truth::False => next(&no, &mut no_at),
            Truth::Undecided => Lane::Undecided,
        });
        Each::Rows(lanes.collect())
    }

    /// The sum of texts, numbers or times, from the left.
    fn sum(&mut self, parts: impl Iterator<Item = Lane>) -> Option<Lane> {
        let from = self.made.len();
        let mut sum: Option<Lane> = None;
        for part in parts {
            sum = Some(match (sum, part) {
                (None, Lane::Text(text)) => {
                    self.push(text);
                    part
                }
                (None, part) => part,
                (Some(Lane::Text(_)), Lane::Text(text)) => {
                    self.push(text);
                    part
                }
                (Some(Lane::Text(_)), _) => {
                    self.made.truncate(from);
                    return None;
                }
                (Some(sum), part) => sum.plus(part)?,
            });
        }
        match sum? {
            Lane::Text(_) => Span::made(&self.made, from).map(Lane::Text),
            sum => Some(sum),
        }
    }
}

/// What the groups come to, for each row of them.
fn spread<T: Copy>(few: Each<T>, groups: &Groups, rows: &[u32]) -> Each<T> {
    match few {
        Each::All(one) => Each::All(one),
        Each::Rows(few) => {
            let of = |row: &u32| few[usize::from(groups.of[*row as usize])];
            Each::Rows(rows.iter().map(of).collect())
        }
    }
}

fn one_or_each(truths: Vec<Truth>) -> Each<Truth> {
    match truths.first() {
        Some(first) if truths.iter().all(|truth| truth == first) => Each::All(*first),
        _ => Each::Rows(truths),
    }
}

impl Operand<'_> {
    #[inline]
    fn at(&self, batch: &Batch, at: usize, row: u32) -> Lane {
        match self {
            Operand::Lanes(lanes) => lanes.at(at),
            Operand::Cells {
                cells,
                is_exact,
                numbers,
            } => {
                let cell = cells[row as usize];
                match numbers {
                    Some(numbers) if cell.kind() == Kind::Number && !cell.is_empty() => {
                        Lane::Double(numbers.get(row).value)
                    }
                    _ => Lane::of_cell(batch, cell, *is_exact),
                }
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
    fn has(&self, value: Lane, texts: Texts<'_>) -> Option<bool> {
        match value {
            Lane::Text(span) => Some(self.has_text(texts.get(span))),
            value => among(value, self.others.iter().copied(), texts),
        }
    }
}

/// Whether a value equals one of several; an error in one of these is one of the whole list.
fn among(value: Lane, elements: impl Iterator<Item = Lane>, texts: Texts<'_>) -> Option<bool> {
    if matches!(value, Lane::Undecided) {
        return None;
    }
    let mut found = false;
    for element in elements {
        found |= value.equals(element, texts)?;
    }
    Some(found)
}

impl Arithmetic {
    #[inline]
    fn of(self, left: Lane, right: Lane) -> Option<Lane> {
        match (self, left, right) {
            (Arithmetic::Minus, Lane::Double(one), Lane::Double(two)) => {
                Some(Lane::Double(one - two))
            }
            (Arithmetic::Times, Lane::Double(one), Lane::Double(two)) => {
                Some(Lane::Double(one * two))
            }
            (Arithmetic::Divide, Lane::Double(one), Lane::Double(two)) if two != 0.0 => {
                Some(Lane::Double(one / two))
            }
            (Arithmetic::Remainder, Lane::Double(one), Lane::Double(two)) if two != 0.0 => {
                Some(Lane::Double(one % two))
            }
            (Arithmetic::Minus, Lane::Int(one), Lane::Int(two)) => {
                one.checked_sub(two).map(Lane::Int)
            }
            (Arithmetic::Times, Lane::Int(one), Lane::Int(two)) => {
                one.checked_mul(two).map(Lane::Int)
            }
            (Arithmetic::Minus, one, two) => {
                let rest = one.time()?.minus(two.time()?).ok()?;
                Some(Lane::of_time(rest))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
impl Kernel {
    /// Whether no row is left to the interpreter.
    pub(in crate::expr) fn decides_all(&self, expr: &BoundExpr, batch: &Batch) -> bool {
        let rows: Vec<u32> = (0..batch.len() as u32).collect();
        let mut reads = Reads::default();
        let lanes = Run::new(expr, batch, &mut reads).whole(&rows, Run::lanes);
        let is_open = |lane: Lane| matches!(lane, Lane::Undecided);
        let all = |lanes: Each<Lane>| (0..rows.len()).all(|at| !is_open(lanes.at(at)));
        lanes.is_some_and(all)
    }
}
