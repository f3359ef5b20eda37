//! Expressions over a row: CEL, the Common Expression Language, compiled once and evaluated per row.
//!
//! A name in an expression is a column. A column whose name is not a plain word is written
//! `row["Employee ID"]`, or with dots where it has them: `address.city`. Only the columns that an
//! expression names are looked at; everything else costs nothing.
//!
//! | cell | value in the expression |
//! |---|---|
//! | text | `string`, as it is: text is never guessed into a number; missing is `""` |
//! | number | `int` where it is a whole number of 64 bits, else `double` |
//! | bool | `bool` |
//! | null, or a number without text | `null` |
//! | JSON object or array | `string`, its source text |
//!
//! A `double` has about 16 significant digits. Amounts that must stay exact belong into the `number`
//! stage, not into arithmetic here. An expression that is the name of a column alone copies its cells
//! as they are.
//!
//! `==`, `!=` and `in` compare texts as keys are compared: as they [look](crate::text::compare). Everything else sees
//! them as they are.
//!
//! Besides CEL's standard functions there are its string extensions (`lowerAscii`, `replace`, `split`,
//! `substring`, `trim`, ...) and math extensions (`math.round`, ...). The pattern of `matches` must be a
//! literal, so that it is compiled once and a mistake in it is found before the run.
//!
//! Nothing that a pipeline file says may bring the process down: the length of an expression, its
//! brackets and its depth are bounded, and it is parsed on a thread with room to spare.

mod advice;
mod compile;
mod error;
mod eval;
mod functions;
mod kinds;
mod same;
mod tree;
mod words;

use std::sync::Arc;

use cel::common::ast::{Expr as Node, IdedExpr};
use cel::extractors::This;
use cel::{Context, ExecutionError, Value};

use crate::batch::{Columns, NoColumn};
use compile::{Found, MAX_BRACKETS, Name, bracket_depth, environment, is_type, parse, prepare};
use error::MAX_LENGTH;
pub(crate) use error::{ExprError, Unfit};
pub(crate) use error::{FAILED, one_line};
pub(crate) use eval::BoundExpr;
use eval::{Variable, Watch};
pub use kinds::Use;
use words::QUOTED;

/// A compiled expression, not yet bound to columns.
#[derive(Clone)]
pub struct Expr {
    source: Arc<str>,
    root: Arc<IdedExpr>,
    /// The same for rows with texts that are not as they are compared.
    careful: Option<Arc<IdedExpr>>,
    context: Arc<Context<'static, 'static>>,
    names: Vec<Name>,
}

impl std::fmt::Debug for Expr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Expr").field(&self.source).finish()
    }
}

impl Expr {
    /// Compiles an expression: syntax, functions and patterns are checked, columns are not.
    pub fn compile(source: &str) -> Result<Expr, ExprError> {
        if source.trim().is_empty() {
            return Err(ExprError::Empty);
        }
        if source.len() > MAX_LENGTH {
            return Err(ExprError::TooLong);
        }
        if bracket_depth(source) > MAX_BRACKETS {
            return Err(ExprError::TooDeep);
        }
        let env = Arc::new(environment()?);
        let mut root = parse(&env, source)?;
        let mut found = Found::default();
        prepare(&mut root, &mut Vec::new(), &mut found)?;
        let careful = same::prepare(&mut root).map(Arc::new);

        let mut context = Context::with_env(env);
        let patterns = found.patterns;
        context
            .add_function(
                "matches",
                move |This(text): This<Arc<String>>, pattern: Arc<String>| match patterns
                    .get(pattern.as_str())
                {
                    Some(regex) => Ok(Value::Bool(regex.is_match(&text))),
                    None => Err(ExecutionError::function_error("matches", "unknown pattern")),
                },
            )
            .and_then(|()| context.add_function(same::FUNCTION, same::function))
            .map_err(|e| ExprError::Unsupported(e.to_string()))?;
        Ok(Expr {
            source: Arc::from(source),
            root: Arc::new(root),
            careful,
            context: Arc::new(context),
            names: found.names,
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
    /// the kinds of values that they hold.
    pub fn bind(&self, columns: &Columns, wanted: Use) -> Result<BoundExpr, Unfit> {
        let variables = self.variables(columns)?;
        let checked = kinds::check(&self.root, columns, wanted);
        let (certain, doubtful): (Vec<_>, Vec<_>) =
            checked.mistakes.into_iter().partition(|m| m.certain);
        if !certain.is_empty() {
            let messages: Vec<_> = certain.into_iter().map(|m| m.message).collect();
            return Err(Unfit::Kinds(messages.join("; ")));
        }
        let slot = |ident: &str| {
            let variable = variables.iter().find(|v| *v.ident == *ident);
            variable.map(|v| v.slot)
        };
        let watches = checked.comparisons.into_iter().filter_map(|comparison| {
            let slot = slot(&comparison.ident)?;
            Some(Watch::new(slot, comparison.with, comparison.message))
        });
        Ok(BoundExpr {
            copied: match &self.root.expr {
                Node::Ident(name) => slot(name),
                _ => None,
            },
            watches: watches.collect(),
            root: self.root.clone(),
            careful: self.careful.clone(),
            context: self.context.clone(),
            variables,
            kinds: checked.kinds,
            doubts: doubtful.into_iter().map(|m| m.message).collect(),
        })
    }

    /// As [`Expr::bind`], to columns that are not all known yet: those that it names are taken to be there.
    pub(crate) fn foresee(&self, columns: &mut Columns, wanted: Use) -> Result<BoundExpr, Unfit> {
        loop {
            match self.bind(columns, wanted) {
                Err(Unfit::NoColumn(missing)) if columns.assume(&missing.wanted) => {}
                bound => return bound,
            }
        }
    }

    fn variables(&self, columns: &Columns) -> Result<Vec<Variable>, NoColumn> {
        let mut bound: Vec<Variable> = Vec::new();
        for name in &self.names {
            // The evaluator looks for the longest name first; so a column `a.b` is seen before `a`.
            let found = (1..=name.segments.len()).rev().find_map(|n| {
                let joined = name.segments[..n].join(".");
                columns.find(&joined).map(|slot| (joined, slot))
            });
            let first = &name.segments[0];
            match found {
                Some((joined, slot)) => {
                    let ident = if name.quoted {
                        format!("{QUOTED}{joined}")
                    } else {
                        joined
                    };
                    if !bound.iter().any(|v| *v.ident == *ident) {
                        bound.push(Variable {
                            ident: ident.into(),
                            slot,
                        });
                    }
                }
                None if !name.quoted && is_type(name) => {}
                None => {
                    columns.need(first)?;
                }
            }
        }
        Ok(bound)
    }
}

#[cfg(test)]
mod tests;
