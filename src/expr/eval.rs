//! Evaluation: the names in an expression are answered with the cells of one row, and what can't be
//! evaluated is described by its kinds, never by a value.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use cel::common::ast::IdedExpr;
use cel::common::types::{CelBool, CelDouble, CelInt, CelNull, CelString, CelUInt};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::{Context, ExecutionError, Value};

use super::error::EvalError;
use super::kernel::Kernel;
use super::number::{self, Exact};
use super::part::Place;
use super::time::Time;
use super::trouble::{describe, friendly};
use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Kind};
use crate::text::compare::is_comparable;
use crate::text::dates::Date;

/// Letters beyond ASCII in columns of which a function changes the others alone.
pub(super) struct Beyond {
    pub(super) slots: Vec<usize>,
    pub(super) message: String,
    /// Whether a batch was looked at, and whether there were any.
    looked: AtomicBool,
    met: AtomicBool,
}

impl Beyond {
    pub(super) fn new(slots: Vec<usize>, message: String) -> Beyond {
        Beyond {
            slots,
            message,
            looked: AtomicBool::new(false),
            met: AtomicBool::new(false),
        }
    }

    fn look(&self, batch: &Batch) {
        if self.met.load(Ordering::Relaxed) {
            return;
        }
        self.looked.store(true, Ordering::Relaxed);
        let is_cased = |c: char| !c.is_ascii() && (c.is_lowercase() || c.is_uppercase());
        let met = self.slots.iter().any(|&slot| {
            let mut cells = batch.column(slot).iter().enumerate();
            cells.any(|(row, cell)| batch.is_live(row) && batch.text(*cell).contains(is_cased))
        });
        if met {
            self.met.store(true, Ordering::Relaxed);
        }
    }

    /// Whether it is worth a word: there are such letters, or nobody knows yet.
    fn is_told(&self) -> bool {
        self.met.load(Ordering::Relaxed) || !self.looked.load(Ordering::Relaxed)
    }
}

/// A comparison of a column, whose cells may be of several kinds, with one kind alone.
pub(super) struct Watch {
    pub(super) slot: usize,
    pub(super) with: Kinds,
    pub(super) message: String,
    /// Whether a cell of that kind was met, and whether one of another was.
    met: AtomicBool,
    other: AtomicBool,
}

impl Watch {
    pub(super) fn new(slot: usize, with: Kinds, message: String) -> Watch {
        Watch {
            slot,
            with,
            message,
            met: AtomicBool::new(false),
            other: AtomicBool::new(false),
        }
    }

    fn look(&self, batch: &Batch) {
        if self.met.load(Ordering::Relaxed) {
            return;
        }
        for (row, cell) in batch.column(self.slot).iter().enumerate() {
            if cell.is_empty() || cell.kind() == Kind::Faulty || !batch.is_live(row) {
                continue;
            }
            if Kinds::of(*cell).meets(self.with) {
                self.met.store(true, Ordering::Relaxed);
                return;
            }
            self.other.store(true, Ordering::Relaxed);
        }
    }
}

/// Two columns that are put in order and may hold text: only the data shows whether they do.
pub(super) struct TextOrder {
    slots: [usize; 2],
    message: String,
    /// Whether a row had text in both.
    met: AtomicBool,
}

impl TextOrder {
    pub(super) fn new(slots: [usize; 2], message: String) -> TextOrder {
        TextOrder {
            slots,
            message,
            met: AtomicBool::new(false),
        }
    }

    fn look(&self, batch: &Batch) {
        if self.met.load(Ordering::Relaxed) {
            return;
        }
        // Days keep their order as text, and names are meant as text.
        let is_day = |text: &str| {
            text.get(..10)
                .is_some_and(|day| Date::parse_iso(day).is_some())
        };
        let has_digits = |text: &str| text.bytes().any(|b| b.is_ascii_digit());
        let met = (0..batch.len()).any(|row| {
            let cells = self.slots.map(|slot| batch.cell(row, slot));
            let texts = cells.map(|cell| batch.text(cell));
            batch.is_live(row)
                && cells.iter().all(|cell| cell.kind() == Kind::Text)
                && texts.iter().all(|text| has_digits(text))
                && !texts.iter().all(|text| is_day(text))
        });
        if met {
            self.met.store(true, Ordering::Relaxed);
        }
    }
}

/// An expression bound to the columns of a batch.
pub struct BoundExpr {
    pub(super) root: IdedExpr,
    /// For rows with texts that are not as they are compared, where that makes a difference.
    pub(super) careful: Option<IdedExpr>,
    /// The tree as operations over columns.
    pub(super) kernel: Kernel,
    pub(super) context: Arc<Context<'static, 'static>>,
    /// The physical columns that it reads.
    pub(super) slots: Vec<usize>,
    /// What is the same for every row.
    pub(super) constants: Vec<Box<dyn Val>>,
    /// What the cells can hold that are set to the result.
    pub(super) kinds: Kinds,
    /// What may not have been meant, and is not certain enough to be refused.
    pub(super) doubts: Vec<String>,
    pub(super) watches: Vec<Watch>,
    pub(super) beyond: Vec<Beyond>,
    pub(super) orders: Vec<TextOrder>,
    pub(super) failures: Failures,
}

/// Whether it can be evaluated for any row at all.
#[derive(Default)]
pub(super) struct Failures {
    first: OnceLock<String>,
    succeeded: AtomicBool,
}

impl Failures {
    fn note<T>(&self, result: &Result<T, EvalError>) {
        match result {
            Ok(_) if self.succeeded.load(Ordering::Relaxed) => {}
            Ok(_) => self.succeeded.store(true, Ordering::Relaxed),
            Err(error) => {
                self.first.get_or_init(|| error.0.to_string());
            }
        }
    }

    /// Notes that it was evaluated for some row without the interpreter.
    pub(super) fn note_success(&self, succeeded: bool) {
        if succeeded && !self.succeeded.load(Ordering::Relaxed) {
            self.succeeded.store(true, Ordering::Relaxed);
        }
    }

    /// What is told where no row succeeded.
    fn told(&self) -> Option<String> {
        let first = self
            .first
            .get()
            .filter(|_| !self.succeeded.load(Ordering::Relaxed))?;
        Some(format!("the expression failed on every row: {first}"))
    }
}

impl BoundExpr {
    /// What the result can be.
    pub(crate) fn kinds(&self) -> Kinds {
        self.kinds
    }

    /// The physical columns that it reads.
    pub(crate) fn slots(&self) -> &[usize] {
        &self.slots
    }

    /// Looks at the cells of a batch that is about to be evaluated, as far as a comparison depends on their
    /// kinds. A comparison that once met what it compares with is done with.
    pub fn watch(&self, batch: &Batch) {
        for watch in &self.watches {
            watch.look(batch);
        }
        for beyond in &self.beyond {
            beyond.look(batch);
        }
        for order in &self.orders {
            order.look(batch);
        }
    }

    /// What may not have been meant: known from the beginning, or by what the batches held so far.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let never = |watch: &&Watch| {
            !watch.met.load(Ordering::Relaxed) && watch.other.load(Ordering::Relaxed)
        };
        let unmet = self.watches.iter().filter(never).map(|w| w.message.clone());
        let beyond = self.beyond.iter().filter(|beyond| beyond.is_told());
        let beyond = beyond.map(|beyond| beyond.message.clone());
        let met = |order: &&TextOrder| order.met.load(Ordering::Relaxed);
        let orders = self.orders.iter().filter(met).map(|o| o.message.clone());
        let remarks = self.doubts.iter().cloned().chain(unmet).chain(orders);
        let remarks = remarks.chain(beyond);
        remarks.chain(self.failures.told()).collect()
    }

    /// The physical column, where the expression is the name of a column and nothing else: then its
    /// cells can be copied as they are, with all digits of a number.
    pub fn copied_column(&self) -> Option<usize> {
        match Place::of_node(&self.root) {
            Some(Place::Column(slot) | Place::Exact(slot)) => Some(slot),
            _ => None,
        }
    }

    /// Whether a row is worth evaluating: it is live, and no fault was found in a cell that the
    /// expression reads, so that one mistake is reported once.
    #[inline]
    pub fn is_ready(&self, batch: &Batch, row: usize) -> bool {
        batch.is_live(row)
            && self
                .slots
                .iter()
                .all(|&slot| batch.cell(row, slot).kind() != Kind::Faulty)
    }

    /// Evaluates a row to true or false. Anything else is an error.
    pub fn eval_bool(&self, batch: &Batch, row: usize) -> Result<bool, EvalError> {
        self.eval(batch, row, |value| match value.downcast_ref::<CelBool>() {
            Some(b) => Ok(*b.inner()),
            None => Err(EvalError(
                format!(
                    "expected true or false, the expression gave {}",
                    type_name(value)
                )
                .into(),
            )),
        })
    }

    /// Evaluates a row, appends the text of the result to `out`, and says what kind it is: text,
    /// number, bool, or null without text; for the name of a column alone, the kind of its cell.
    pub fn eval_text(
        &self,
        batch: &Batch,
        row: usize,
        out: &mut String,
    ) -> Result<Kind, EvalError> {
        if let Some(slot) = self.copied_column() {
            let cell = batch.cell(row, slot);
            out.push_str(batch.text(cell));
            return Ok(cell.kind());
        }
        self.eval(batch, row, |value| {
            if let Some(s) = value.downcast_ref::<CelString>() {
                out.push_str(s.inner());
                Ok(Kind::Text)
            } else if let Some(exact) = value.downcast_ref::<Exact>() {
                out.push_str(exact.text());
                Ok(Kind::Number)
            } else if let Some(time @ (Time::Day(_) | Time::Moment(_))) =
                value.downcast_ref::<Time>()
            {
                let _ = write!(out, "{time}");
                Ok(Kind::Text)
            } else if let Some(i) = value.downcast_ref::<CelInt>() {
                let _ = write!(out, "{}", i.inner());
                Ok(Kind::Number)
            } else if let Some(u) = value.downcast_ref::<CelUInt>() {
                let _ = write!(out, "{}", u.inner());
                Ok(Kind::Number)
            } else if let Some(d) = value.downcast_ref::<CelDouble>() {
                if !d.inner().is_finite() {
                    return Err(EvalError(
                        "the expression gave infinity, or something that is not a number".into(),
                    ));
                }
                number::write(*d.inner(), out);
                Ok(Kind::Number)
            } else if let Some(b) = value.downcast_ref::<CelBool>() {
                out.push_str(if *b.inner() { "true" } else { "false" });
                Ok(Kind::Bool)
            } else if value.downcast_ref::<CelNull>().is_some() {
                Ok(Kind::Null)
            } else {
                Err(EvalError(
                    format!(
                        "expected text, a number, true or false, the expression gave {}",
                        type_name(value)
                    )
                    .into(),
                ))
            }
        })
    }

    fn eval<T>(
        &self,
        batch: &Batch,
        row: usize,
        take: impl FnOnce(&dyn Val) -> Result<T, EvalError>,
    ) -> Result<T, EvalError> {
        let is_comparable = |&slot: &usize| is_comparable(batch.text(batch.cell(row, slot)));
        let root = match &self.careful {
            Some(careful) if !self.slots.iter().all(is_comparable) => careful,
            _ => &self.root,
        };
        let result = match self.resolve(root, batch, row, take) {
            Ok(taken) => taken,
            Err(error) => Err(EvalError(describe(&error))),
        };
        self.failures.note(&result);
        result
    }

    /// What the interpreter makes of a part of the tree for a row.
    pub(super) fn resolve<T>(
        &self,
        part: &IdedExpr,
        batch: &Batch,
        row: usize,
        take: impl FnOnce(&dyn Val) -> T,
    ) -> Result<T, ExecutionError> {
        let cells = RowCells {
            batch,
            row,
            constants: &self.constants,
        };
        let mut scope = self.context.new_inner_scope();
        scope.set_variable_resolver(&cells);
        Value::resolve_val(part, &scope).map(|value| take(value.as_ref()))
    }
}

/// Answers the names in an expression with the cells of one row, without copying their text.
struct RowCells<'a> {
    batch: &'a Batch,
    row: usize,
    constants: &'a [Box<dyn Val>],
}

impl VariableResolver for RowCells<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        let (slot, is_exact) = match Place::of(name)? {
            Place::Column(slot) => (slot, false),
            Place::Exact(slot) => (slot, true),
            Place::Constant(at) => return self.constants.get(at).map(|c| CowVal::Borrowed(&**c)),
        };
        let cell = self.batch.cell(self.row, slot);
        let text = self.batch.text(cell);
        Some(match cell.kind() {
            Kind::Null => CowVal::owned(CelNull),
            Kind::Bool => CowVal::owned(CelBool::from(text == "true")),
            Kind::Number if text.is_empty() => CowVal::owned(CelNull),
            Kind::Number if is_exact => CowVal::owned(Exact::new(text)),
            Kind::Number => CowVal::owned(CelDouble::from(text.parse().unwrap_or(f64::NAN))),
            Kind::Text | Kind::Json | Kind::Missing | Kind::Faulty => {
                CowVal::owned(CelString::from(text))
            }
        })
    }
}

/// A type's name as people know it.
fn type_name(value: &dyn Val) -> String {
    friendly(value.get_type().name()).to_owned()
}
