//! Expressions over a row: CEL, the Common Expression Language, compiled once and evaluated per row.
//!
//! A name in an expression is a column, in letters of any script. A column whose name is not a plain word is
//! written `row["Employee ID"]`, or with dots where it has them: `address.city`. Only the columns that an
//! expression names are looked at; everything else costs nothing.
//!
//! | cell | value in the expression |
//! |---|---|
//! | text | `string`, as it is: text is never guessed into a number; missing is `""` |
//! | number | `double`, whatever its digits |
//! | bool | `bool` |
//! | null, or a number without text | `null` |
//! | JSON object or array | `string`, its source text |
//!
//! A whole number beside a `double` is made one, so `salary * 2` works for every number; where a function
//! needs a whole number, a `double` that is one will do. A `double` has about 16 significant digits: what is
//! computed is rounded to 15. What is not computed keeps all its digits: a comparison of columns and
//! literals, `string(salary)`, `int(id)`, and the number that a choice comes to. Amounts that must stay exact
//! belong into the `number` stage, not into arithmetic here.
//!
//! `date("2026-01-31")`, `today()` and `days(14)` calculate with days; `timestamp` and `duration` are CEL's.
//! `today()` is the day of the run. A day or a point in time that a column is set to becomes its ISO 8601 text.
//!
//! `==`, `!=` and `in` compare texts as keys are compared: as they [look](crate::text::compare). Everything else sees
//! them as they are.
//!
//! Besides CEL's standard functions there are its string extensions (`lowerAscii`, `replace`, `split`,
//! `substring`, `trim`, ...) and math extensions (`math.round`, ...). The pattern of `matches` must be a
//! literal, so that it is compiled once and a mistake in it is found before the run.
//!
//! [`Expr::bind`] makes the tree that is evaluated: its names are physical columns, its numbers of one kind, and
//! what is the same for every row is computed.
//!
//! Nothing that a pipeline file says may bring the process down: the length of an expression, its
//! brackets and its depth are bounded, and it is parsed on a thread with room to spare.

mod advice;
mod calls;
mod compile;
mod error;
mod eval;
pub(crate) mod faster;
mod functions;
mod kernel;
mod kinds;
mod number;
mod operators;
mod part;
mod same;
mod scan;
mod time;
mod tree;
mod trouble;
mod words;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use cel::common::ast::{Expr as Node, IdedExpr};
use cel::extractors::This;
use cel::{Context, ExecutionError, Value};
use regex::Regex;

use crate::batch::Columns;
use crate::text::dates::Date;
use compile::{Found, MAX_BRACKETS, Name, environment, is_type, parse, prepare};
use error::MAX_LENGTH;
pub(crate) use error::{ExprError, Unfit};
pub(crate) use error::{FAILED, one_line};
pub(crate) use eval::BoundExpr;
use eval::{Beyond, Failures, TextOrder, Watch};
use functions::Form;
use kernel::Kernel;
pub(crate) use kernel::Reads;
pub use kinds::Use;
use kinds::{Checked, Given};
use scan::{Token, bracket_depth, tokens};
use words::QUOTED;

/// Compiled expressions that are kept, at most.
const MOST_KNOWN: usize = 1_000;

/// A compiled expression, not yet bound to columns.
#[derive(Clone)]
pub struct Expr {
    source: Arc<str>,
    root: Arc<IdedExpr>,
    context: Arc<Context<'static, 'static>>,
    names: Vec<Name>,
    patterns: Arc<HashMap<String, Regex>>,
}

impl std::fmt::Debug for Expr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Expr").field(&self.source).finish()
    }
}

impl Expr {
    /// Compiles an expression: syntax, functions and patterns are checked, columns are not.
    ///
    /// What was compiled is kept: a pipeline's expressions are asked for when it is read, when it is checked and when it is
    /// bound, and to parse one takes most of a millisecond.
    pub fn compile(source: &str) -> Result<Expr, ExprError> {
        static KNOWN: LazyLock<Mutex<HashMap<String, Expr>>> = LazyLock::new(Mutex::default);
        let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(expr) = known().get(source) {
            return Ok(expr.clone());
        }
        let expr = Expr::parse(source)?;
        let mut known = known();
        if known.len() == MOST_KNOWN {
            known.clear();
        }
        known.insert(source.to_owned(), expr.clone());
        Ok(expr)
    }

    fn parse(source: &str) -> Result<Expr, ExprError> {
        if source.trim().is_empty() {
            return Err(ExprError::Empty);
        }
        if source.len() > MAX_LENGTH {
            return Err(ExprError::TooLong);
        }
        if bracket_depth(source) > MAX_BRACKETS {
            return Err(ExprError::TooDeep);
        }
        let env = environment()?;
        let mut root = parse(&env, source)?;
        let mut found = Found::default();
        prepare(&mut root, &mut Vec::new(), &mut found)?;
        same::prepare(&mut root);

        let mut context = Context::with_env(env);
        let patterns = Arc::new(found.patterns);
        let known = patterns.clone();
        context
            .add_function(
                "matches",
                move |This(text): This<Arc<String>>, pattern: Arc<String>| match known
                    .get(pattern.as_str())
                {
                    Some(regex) => Ok(Value::Bool(regex.is_match(&text))),
                    None => Err(ExecutionError::function_error("matches", "unknown pattern")),
                },
            )
            .map_err(|e| ExprError::Unsupported(e.to_string()))?;
        Ok(Expr {
            source: Arc::from(source),
            root: Arc::new(root),
            context: Arc::new(context),
            names: found.names,
            patterns,
        })
    }

    /// The name, where the expression is a single name and nothing else.
    pub fn bare_name(&self) -> Option<&str> {
        match &self.root.expr {
            Node::Ident(name) => Some(name.trim_start_matches(QUOTED)),
            _ => None,
        }
    }

    /// Looks up the columns that the expression names, and makes sure that it can come to something with
    /// the kinds of values that they hold. `today` is the day of the run.
    pub fn bind(&self, columns: &Columns, wanted: Use, today: Date) -> Result<BoundExpr, Unfit> {
        let slots = self.slots(columns)?;
        let given = Given {
            columns,
            context: &self.context,
            today,
        };
        let mut checked = kinds::check(&self.root, &given, wanted);
        let (certain, doubtful): (Vec<_>, Vec<_>) =
            (checked.mistakes.into_iter()).partition(|mistake| mistake.certain);
        if !certain.is_empty() {
            let messages: Vec<_> = certain.into_iter().map(|m| m.message).collect();
            return Err(Unfit::Kinds(messages.join("; ")));
        }
        checked.mistakes = doubtful;
        Ok(self.bound(checked, slots, columns))
    }

    fn bound(&self, checked: Checked, slots: Vec<usize>, columns: &Columns) -> BoundExpr {
        let Checked {
            root, constants, ..
        } = checked;
        let watches = (checked.comparisons.into_iter())
            .map(|comparison| Watch::new(comparison.slot, comparison.with, comparison.message));
        let beyond = (checked.letters.into_iter())
            .map(|letters| Beyond::new(letters.slots, letters.message));
        let orders =
            (checked.orders.into_iter()).map(|(slots, message)| TextOrder::new(slots, message));
        BoundExpr {
            kernel: Kernel::compile(&root, &constants, &self.patterns, columns),
            careful: same::careful(&root, columns),
            root,
            context: self.context.clone(),
            slots,
            constants,
            kinds: checked.kinds.stored(),
            doubts: checked.mistakes.into_iter().map(|m| m.message).collect(),
            watches: watches.collect(),
            beyond: beyond.collect(),
            orders: orders.collect(),
            failures: Failures::default(),
        }
    }

    /// As [`Expr::bind`], to columns that are not all known yet: those that it names are taken to be there.
    pub(crate) fn foresee(&self, columns: &mut Columns, wanted: Use) -> Result<BoundExpr, Unfit> {
        loop {
            // What depends on the day is not wrong before it has come.
            match self.bind(columns, wanted, Date::MIN) {
                Err(Unfit::NoColumn { missing, .. }) if columns.assume(&missing.wanted) => {}
                bound => return bound,
            }
        }
    }

    /// The physical columns that the expression names.
    fn slots(&self, columns: &Columns) -> Result<Vec<usize>, Unfit> {
        let mut slots = Vec::new();
        for name in &self.names {
            let whole = name.segments.join(".");
            match columns.find(&whole) {
                Some(slot) if slots.contains(&slot) => {}
                Some(slot) => slots.push(slot),
                None if !name.quoted && is_type(name) => {}
                None => {
                    let of = columns.have_no_dots().then(|| name.member_of()).flatten();
                    let unknown = of
                        .as_deref()
                        .filter(|column| columns.find(column).is_none());
                    columns
                        .need(unknown.unwrap_or(&whole))
                        .map_err(|mut missing| {
                            let advice = self.advice(columns, name);
                            missing.near = missing.near.filter(|_| advice.is_empty());
                            let unfit = Unfit::NoColumn { missing, advice };
                            match of.is_some() && unknown.is_none() {
                                true => Unfit::Kinds(unfit.to_string()),
                                false => unfit,
                            }
                        })?;
                }
            }
        }
        Ok(slots)
    }

    /// What may have been meant by the name of a column that is not there.
    fn advice(&self, columns: &Columns, name: &Name) -> String {
        if name.quoted {
            return String::new();
        }
        let code = tokens(&self.source).filter(|(token, _)| *token != Token::Text);
        let code: String = code.map(|(_, text)| text).collect();
        if let Some(column) = columns.written_in(&code, &name.segments[0]) {
            return format!("; the column `{column}` is written row[{column:?}]");
        }
        let Some((last, before)) = name.segments.split_last() else {
            return String::new();
        };
        let before = before.join(".");
        if columns.find(&before).is_none() {
            return String::new();
        }
        match functions::find(last) {
            Some(function) if function.form != Form::Global => {
                format!("; `{last}` is written `{before}.{last}(...)`")
            }
            _ => format!(
                "; `{before}` is one, and its cells have no members: those of a JSON object become columns by `source.json.flatten`"
            ),
        }
    }
}

#[cfg(test)]
mod tests;
