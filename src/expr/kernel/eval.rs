//! Operations over the rows of a batch.

use std::rc::Rc;

use cel::common::types::CelString;
use cel::common::value::Val;

use super::compile::simple;
use super::each::Each;
use super::groups::Groups;
use super::lane::{Lane, Span, Texts, Truth};
use super::reads::{Numbers, Reads};
use super::{Arithmetic, Function, Kernel, Node, Op, Test};
use crate::batch::{Batch, Cell, Kind};
use crate::expr::eval::BoundExpr;

/// One evaluation of an expression over a batch.
pub(super) struct Run<'a> {
    expr: &'a BoundExpr,
    kernel: &'a Kernel,
    pub(super) batch: &'a Batch,
    pub(super) reads: &'a mut Reads,
    /// The texts that it makes.
    pub(super) made: String,
    /// For a text that is made of one that it made before.
    pub(super) scratch: String,
}

/// What an operation is of.
pub(super) enum Operand<'a> {
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
        match self.answered(node, rows) {
            Some(truths) => truths,
            None => self.find_truths(node, rows),
        }
    }

    /// What another expression asked, too, or may well ask.
    fn answered(&mut self, node: &'a Node, rows: &[u32]) -> Option<Each<Truth>> {
        let question = node.question.as_ref()?;
        let are_many = rows.len() * 2 >= self.batch.len();
        match self.reads.answers(self.batch)?.ask(question) {
            Ok(truths) => return Some(truths.of_rows(rows)),
            Err(again) if again && are_many => {}
            Err(_) => return None,
        }
        let all = self.reads.live(self.batch);
        let truths = self.find_truths(node, &all);
        let answer = truths.of_rows(rows);
        self.reads.answers(self.batch)?.know(question, truths);
        Some(answer)
    }

    fn find_truths(&mut self, node: &'a Node, rows: &[u32]) -> Each<Truth> {
        match self.groups(node, rows) {
            Some(groups) => spread(self.decide(node, &groups.first), groups),
            None => self.decide(node, rows),
        }
    }

    /// The values of a part, row by row.
    pub(super) fn lanes(&mut self, node: &'a Node, rows: &[u32]) -> Each<Lane> {
        match self.groups(node, rows) {
            Some(groups) => spread(self.evaluate(node, &groups.first), groups),
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
                if let (true, Some(cells)) = (set.others.is_empty(), value.texts()) {
                    return self.each_text_cell(cells, rows, |cell| set.has_cell(self.batch, cell));
                }
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
                    value.is_among(lanes, run.texts())
                })
            }
            Op::Tested(test, parts) => self.tested(test, parts, rows),
            Op::Matches(text, pattern) => {
                let text = self.operand(text, rows);
                self.each_text(&text, rows, |text| pattern.is_match(text))
            }
            _ => self.evaluate(node, rows).map(Truth::from),
        }
    }

    pub(super) fn each_truth(
        &self,
        rows: &[u32],
        decide: impl Fn(&Self, usize, u32) -> Option<bool>,
    ) -> Each<Truth> {
        let truth = |(at, row): (usize, &u32)| Truth::from(decide(self, at, *row));
        one_or_each(rows.iter().enumerate().map(truth).collect())
    }

    fn tested(&mut self, test: &'a Test, [text, part]: &'a [Node; 2], rows: &[u32]) -> Each<Truth> {
        let text = self.operand(text, rows);
        if let Op::Constant(Lane::Text(part)) = part.op {
            let part = self.texts().get(part);
            return match test {
                Test::StartsWith => self.each_text(&text, rows, |text| text.starts_with(part)),
                Test::EndsWith => self.each_text(&text, rows, |text| text.ends_with(part)),
                Test::Contains(None) => self.each_text(&text, rows, |text| text.contains(part)),
                Test::Contains(Some(finder)) => {
                    self.each_text(&text, rows, |text| finder.find(text.as_bytes()).is_some())
                }
            };
        }
        let part = self.operand(part, rows);
        self.each_truth(rows, |run, at, row| {
            let text = run.text(text.at(run.batch, at, row))?;
            let part = run.text(part.at(run.batch, at, row))?;
            Some(match test {
                Test::StartsWith => text.starts_with(part),
                Test::EndsWith => text.ends_with(part),
                Test::Contains(_) => text.contains(part),
            })
        })
    }

    /// What is asked of a text, for what is one.
    fn each_text(
        &self,
        texts: &Operand<'a>,
        rows: &[u32],
        decide: impl Fn(&str) -> bool,
    ) -> Each<Truth> {
        match texts {
            Operand::Cells { cells, .. } => {
                self.each_text_cell(cells, rows, |cell| decide(self.batch.text(cell)))
            }
            Operand::Lanes(_) => self.each_truth(rows, |run, at, row| {
                run.text(texts.at(run.batch, at, row)).map(&decide)
            }),
        }
    }

    /// What is asked of a cell, where it is a text.
    fn each_text_cell(
        &self,
        cells: &[Cell],
        rows: &[u32],
        decide: impl Fn(Cell) -> bool,
    ) -> Each<Truth> {
        self.each_truth(rows, |_, _, row| {
            let cell = cells[row as usize];
            match cell.kind() {
                Kind::Text | Kind::Json | Kind::Missing => Some(decide(cell)),
                Kind::Number | Kind::Bool | Kind::Null | Kind::Faulty => None,
            }
        })
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
        match first {
            Each::All(first) if first == decisive => return Each::All(decisive),
            Each::All(first) => return self.truths(second, rows).map(|second| both(first, second)),
            Each::Rows(_) | Each::Groups(..) => {}
        }
        let each = rows.iter().enumerate();
        let mut firsts: Vec<Truth> = each.map(|(at, row)| first.at(at, *row)).collect();
        let open = |(row, first): (&u32, &Truth)| (*first != decisive).then_some(*row);
        let open: Vec<u32> = rows.iter().zip(&firsts).filter_map(open).collect();
        let seconds = self.truths(second, &open);
        let undecided = firsts.iter_mut().filter(|first| **first != decisive);
        for ((at, row), first) in open.iter().enumerate().zip(undecided) {
            *first = both(*first, seconds.at(at, *row));
        }
        one_or_each(firsts)
    }

    pub(super) fn operand(&mut self, node: &'a Node, rows: &[u32]) -> Operand<'a> {
        match node.op {
            Op::Column {
                slot,
                is_exact,
                has_numbers,
            } => self.cells(slot, is_exact, has_numbers, rows),
            _ => Operand::Lanes(self.lanes(node, rows)),
        }
    }

    fn cells(
        &mut self,
        slot: usize,
        is_exact: bool,
        has_numbers: bool,
        rows: &[u32],
    ) -> Operand<'a> {
        let are_read = has_numbers && !is_exact;
        Operand::Cells {
            cells: self.batch.column(slot),
            is_exact,
            numbers: (are_read.then(|| self.reads.numbers(self.batch, slot, rows.len()))).flatten(),
        }
    }

    /// The days of a column's texts.
    fn days(&mut self, column: &'a Node, rows: &[u32]) -> Each<Lane> {
        let slot = column.slots.first();
        let read = slot.and_then(|slot| self.reads.days(self.batch, *slot, rows.len()));
        if let Some(days) = read {
            return self.each_lane(rows, |_, _, row| days[row as usize].map(Lane::Day));
        }
        let cells = self.operand(column, rows);
        self.each_lane(rows, |run, at, row| {
            let value = cells.at(run.batch, at, row);
            run.call(Function::Date, value)
        })
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
            Op::Call(Function::Date, value) if matches!(value.op, Op::Column { .. }) => {
                self.days(value, rows)
            }
            Op::Call(function, value) => {
                let value = match (function, &value.op) {
                    // What is a number already needs no digits.
                    (
                        Function::Double,
                        &Op::Column {
                            slot, has_numbers, ..
                        },
                    ) => self.cells(slot, false, has_numbers, rows),
                    _ => self.operand(value, rows),
                };
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
        let truths = self.truths(condition, rows);
        match truths {
            Each::All(Truth::True) => return self.lanes(yes, rows),
            Each::All(Truth::False) => return self.lanes(no, rows),
            Each::All(Truth::Undecided) => return Each::All(Lane::Undecided),
            Each::Rows(_) | Each::Groups(..) => {}
        }
        let (mut yes_rows, mut no_rows) = (Vec::new(), Vec::new());
        for (at, &row) in rows.iter().enumerate() {
            match truths.at(at, row) {
                Truth::True => yes_rows.push(row),
                Truth::False => no_rows.push(row),
                Truth::Undecided => {}
            }
        }
        let yes = self.lanes(yes, &yes_rows);
        let no = self.lanes(no, &no_rows);
        let (mut yes_at, mut no_at) = (0, 0);
        let next = |lanes: &Each<Lane>, at: &mut usize, row: u32| {
            *at += 1;
            lanes.at(*at - 1, row)
        };
        self.each_lane(rows, |_, at, row| {
            Some(match truths.at(at, row) {
                Truth::True => next(&yes, &mut yes_at, row),
                Truth::False => next(&no, &mut no_at, row),
                Truth::Undecided => Lane::Undecided,
            })
        })
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

/// What a row of each group comes to, for all rows.
fn spread<T: Copy>(few: Each<T>, groups: Rc<Groups>) -> Each<T> {
    let few = match few {
        Each::All(one) => return Each::All(one),
        Each::Rows(few) => few,
        // Groups of groups.
        few => {
            let rows = groups.first.iter().enumerate();
            rows.map(|(at, row)| few.at(at, *row)).collect()
        }
    };
    Each::Groups(few, groups)
}

fn one_or_each(truths: Vec<Truth>) -> Each<Truth> {
    match truths.first() {
        Some(first) if truths.iter().all(|truth| truth == first) => Each::All(*first),
        _ => Each::Rows(truths),
    }
}

impl<'a> Operand<'a> {
    /// The cells of a column in which there are no numbers.
    pub(super) fn texts(&self) -> Option<&'a [Cell]> {
        match self {
            Operand::Cells {
                cells,
                numbers: None,
                is_exact: false,
            } => Some(cells),
            _ => None,
        }
    }

    #[inline]
    pub(super) fn at(&self, batch: &Batch, at: usize, row: u32) -> Lane {
        match self {
            Operand::Lanes(lanes) => lanes.at(at, row),
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
        let all = |lanes: Each<Lane>| {
            rows.iter()
                .all(|row| !is_open(lanes.at(*row as usize, *row)))
        };
        lanes.is_some_and(all)
    }
}
