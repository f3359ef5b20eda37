//! Assertions across the columns of a row.

use std::borrow::Cow;
use std::sync::Arc;

use super::spec::{RowRule, STAGE, Severity};
use crate::batch::{Batch, Columns, Fault, JOINED};
use crate::expr::{self, BoundExpr, Expr, ExprError, Reads, Unfit, Use};
use crate::text::dates::Date;

/// An assertion, compiled and not bound.
pub(super) struct Rule {
    expr: Expr,
    code: Cow<'static, str>,
    message: Cow<'static, str>,
    columns: Vec<String>,
    severity: Severity,
}

impl Rule {
    pub(super) fn compile(rule: &RowRule) -> Result<Rule, ExprError> {
        let message = match &rule.message {
            Some(message) => message.clone(),
            None => format!("expected {}", rule.assert.trim()),
        };
        Ok(Rule {
            expr: Expr::compile(&rule.assert)?,
            code: rule.code.clone().into(),
            message: message.into(),
            columns: rule.columns.clone(),
            severity: rule.severity,
        })
    }

    /// What shows before the columns are all known: why it can't be meant, or what may not be.
    pub(super) fn foresee(&self, columns: &Columns) -> Result<Vec<String>, String> {
        match self.expr.foresee(&mut columns.clone(), Use::Condition) {
            Ok(bound) => Ok(bound.remarks()),
            Err(Unfit::Kinds(message)) => Err(message),
            Err(Unfit::NoColumn { .. }) => Ok(Vec::new()),
        }
    }

    /// Finds the columns; without one of them, the field of the rule that names it.
    pub(super) fn bind(
        self,
        columns: &Columns,
        today: Date,
        counted: Option<u32>,
    ) -> Result<Assertion, (&'static str, String)> {
        for name in &self.columns {
            let needed = columns.need(name);
            needed.map_err(|e| ("columns", e.to_string()))?;
        }
        let renamed = columns.renamed();
        let source = |name: &String| match renamed.iter().find(|r| *r.name == **name) {
            Some(renamed) => renamed.source.to_string(),
            None => name.clone(),
        };
        let sources: Vec<String> = self.columns.iter().map(source).collect();
        let bound = self.expr.bind(columns, Use::Condition, today);
        Ok(Assertion {
            expr: bound.map_err(|e| ("assert", e.to_string()))?,
            code: self.code,
            message: self.message,
            source: (sources != self.columns).then(|| sources.join(JOINED).into()),
            columns: self.columns.join(JOINED).into(),
            severity: self.severity,
            counted,
        })
    }
}

/// An assertion bound to its columns.
pub(super) struct Assertion {
    expr: BoundExpr,
    code: Cow<'static, str>,
    message: Cow<'static, str>,
    columns: Arc<str>,
    source: Option<Arc<str>>,
    severity: Severity,
    /// The number by which rows that break it are counted, where they are.
    counted: Option<u32>,
}

impl Assertion {
    pub(super) fn code(&self) -> &str {
        &self.code
    }

    /// No cell is marked: which of them is at fault, an assertion can't tell, and the assertions
    /// after it still have something to say.
    pub(super) fn apply(&self, batch: &mut Batch, reads: &mut Reads) {
        for (row, failed) in self.expr.untrue(batch, reads) {
            let (code, message) = match failed {
                None => (self.code.clone(), self.message.clone()),
                Some(error) => (Cow::Borrowed(expr::FAILED), error.into_message()),
            };
            let fault = Fault {
                row: row as u32,
                stage: STAGE,
                column: self.columns.clone(),
                source: self.source.clone(),
                code,
                message,
            };
            match self.severity {
                Severity::Error => batch.reject(fault, None),
                Severity::Warn => batch.warn(fault),
            }
            if let Some(rule) = self.counted {
                batch.count_broken(rule, row);
            }
        }
    }

    /// What may not have been meant.
    pub(super) fn remarks(&self) -> Vec<String> {
        self.expr.remarks()
    }
}
