//! Evaluation: the names in an expression are answered with the cells of one row, and what can't be
//! evaluated is described by its kinds, never by a value.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cel::common::ast::IdedExpr;
use cel::common::types::{CelBool, CelDouble, CelInt, CelNull, CelString, CelUInt};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::{Context, ExecutionError, Value};

use super::error::EvalError;
use super::words::QUOTED;
use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Kind};
use crate::text::compare::is_comparable;

/// A column that an expression names.
pub(super) struct Variable {
    /// As it stands in the tree.
    pub(super) ident: Box<str>,
    pub(super) slot: usize,
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

/// An expression bound to the columns of a batch.
pub struct BoundExpr {
    pub(super) copied: Option<usize>,
    pub(super) root: Arc<IdedExpr>,
    /// For rows with texts that are not as they are compared, where that makes a difference.
    pub(super) careful: Option<Arc<IdedExpr>>,
    pub(super) context: Arc<Context<'static, 'static>>,
    pub(super) variables: Vec<Variable>,
    /// What the result can be.
    pub(super) kinds: Kinds,
    /// What may not have been meant, and is not certain enough to be refused.
    pub(super) doubts: Vec<String>,
    pub(super) watches: Vec<Watch>,
}

impl BoundExpr {
    /// What the result can be.
    pub(crate) fn kinds(&self) -> Kinds {
        self.kinds
    }

    /// Looks at the cells of a batch that is about to be evaluated, as far as a comparison depends on their
    /// kinds. A comparison that once met what it compares with is done with.
    pub(crate) fn watch(&self, batch: &Batch) {
        for watch in &self.watches {
            watch.look(batch);
        }
    }

    /// What may not have been meant: known from the beginning, or by what the batches held so far.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let never = |watch: &&Watch| {
            !watch.met.load(Ordering::Relaxed) && watch.other.load(Ordering::Relaxed)
        };
        let unmet = self.watches.iter().filter(never).map(|w| w.message.clone());
        self.doubts.iter().cloned().chain(unmet).collect()
    }

    /// The physical column, where the expression is the name of a column and nothing else: then its
    /// cells can be copied as they are, with all digits of a number.
    pub fn copied_column(&self) -> Option<usize> {
        self.copied
    }

    /// Whether a row is worth evaluating: it is live, and no fault was found in a cell that the
    /// expression reads, so that one mistake is reported once.
    #[inline]
    pub fn is_ready(&self, batch: &Batch, row: usize) -> bool {
        batch.is_live(row)
            && self
                .variables
                .iter()
                .all(|v| batch.cell(row, v.slot).kind() != Kind::Faulty)
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
        if let Some(slot) = self.copied {
            let cell = batch.cell(row, slot);
            out.push_str(batch.text(cell));
            return Ok(cell.kind());
        }
        self.eval(batch, row, |value| {
            if let Some(s) = value.downcast_ref::<CelString>() {
                out.push_str(s.inner());
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
                let _ = write!(out, "{}", d.inner());
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
        let cells = RowCells {
            batch,
            row,
            variables: &self.variables,
        };
        let mut scope = self.context.new_inner_scope();
        scope.set_variable_resolver(&cells);
        let is_comparable = |v: &Variable| is_comparable(batch.text(batch.cell(row, v.slot)));
        let root = match &self.careful {
            Some(careful) if !self.variables.iter().all(is_comparable) => careful,
            _ => &self.root,
        };
        match Value::resolve_val(root, &scope) {
            Ok(value) => take(value.as_ref()),
            Err(error) => Err(EvalError(describe(&error))),
        }
    }
}

/// Answers the names in an expression with the cells of one row, without copying their text.
struct RowCells<'a> {
    batch: &'a Batch,
    row: usize,
    variables: &'a [Variable],
}

impl VariableResolver for RowCells<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        let variable = self.variables.iter().find(|v| *v.ident == *name)?;
        let cell = self.batch.cell(self.row, variable.slot);
        let text = self.batch.text(cell);
        Some(match cell.kind() {
            Kind::Null => CowVal::owned(CelNull),
            Kind::Bool => CowVal::owned(CelBool::from(text == "true")),
            Kind::Number => number(text),
            Kind::Text | Kind::Json | Kind::Missing | Kind::Faulty => {
                CowVal::owned(CelString::from(text))
            }
        })
    }
}

/// A number's text as CEL has it.
fn number<'b>(text: &'b str) -> CowVal<'b, 'b> {
    if text.is_empty() {
        CowVal::owned(CelNull)
    } else if let Ok(i) = text.parse::<i64>() {
        CowVal::owned(CelInt::from(i))
    } else if let Ok(d) = text.parse::<f64>() {
        CowVal::owned(CelDouble::from(d))
    } else {
        CowVal::owned(CelString::from(text))
    }
}

/// A type's name as people know it.
fn type_name(value: &dyn Val) -> String {
    friendly(value.get_type().name()).to_owned()
}

fn friendly(name: &str) -> &str {
    match name {
        "null_type" => "null",
        name => name,
    }
}

/// The kind of an error, with types and with no values.
fn describe(error: &ExecutionError) -> Cow<'static, str> {
    let operands = |what: &str, a: &Value, b: &Value| {
        let (a, b) = (a.type_of().to_string(), b.type_of().to_string());
        let number = |t: &str| matches!(t, "int" | "uint" | "float");
        let hint = if (number(&a) && b == "string") || (a == "string" && number(&b)) {
            "; text becomes a number by the `number` stage, or by int() or double()"
        } else {
            ""
        };
        format!("cannot {what} {a} and {b}{hint}").into()
    };
    match error {
        ExecutionError::ValuesNotComparable(a, b) => operands("compare", a, b),
        ExecutionError::UnsupportedBinaryOperator(op, a, b) => operands(
            match *op {
                "add" => "add",
                "sub" => "subtract",
                "mul" => "multiply",
                "div" | "rem" => "divide",
                _ => "combine",
            },
            a,
            b,
        ),
        ExecutionError::NoSuchOverload(o) => {
            let types: Vec<&str> = o.argument_types().iter().map(|t| friendly(t)).collect();
            let function = o.function().replace(['_', '@'], "");
            let number = |t: &&str| matches!(*t, "int" | "uint" | "double");
            let hint = if types.contains(&"string") && types.iter().any(number) {
                "; text becomes a number by the `number` stage, or by int() or double()"
            } else {
                ""
            };
            format!("`{function}` does not take ({}){hint}", types.join(", ")).into()
        }
        ExecutionError::UndeclaredReference(name) => format!(
            "no function or column `{}`",
            name.trim_start_matches(QUOTED)
        )
        .into(),
        ExecutionError::FunctionError { function, .. } => {
            format!("`{function}` can't be applied to this value").into()
        }
        ExecutionError::InvalidArgumentCount { expected, actual } => {
            format!("a function takes {expected} arguments and was given {actual}").into()
        }
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            "division by zero".into()
        }
        ExecutionError::Overflow(..) => "the result does not fit 64 bits".into(),
        ExecutionError::IndexOutOfBounds(_) => "the list has no such element".into(),
        ExecutionError::NoSuchKey(_) => "the map has no such key".into(),
        ExecutionError::DuplicateKey(_) => "a map has the same key twice".into(),
        ExecutionError::UnexpectedType { .. }
        | ExecutionError::UnsupportedTargetType { .. }
        | ExecutionError::NotSupportedAsMethod { .. }
        | ExecutionError::UnsupportedKeyType(_)
        | ExecutionError::UnsupportedIndex(..)
        | ExecutionError::MissingArgumentOrTarget => "a value has the wrong type".into(),
        _ => "the expression can't be evaluated for this row".into(),
    }
}
