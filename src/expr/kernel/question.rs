//! Conditions that several expressions have in common: `status == "Active"` stands in one rule after the other, and is
//! looked at once.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use cel::common::ast::{Expr as Tree, IdedExpr};
use cel::common::types::{CelBool, CelDouble, CelInt, CelList, CelString};
use cel::common::value::Val;
use xxhash_rust::xxh3::xxh3_64;

use super::each::Each;
use super::lane::Truth;
use crate::expr::number::Exact;
use crate::expr::part::Place;
use crate::expr::time::Time;

/// What a condition asks, written so that no other one is written the same.
#[derive(Debug)]
pub(super) struct Question {
    text: String,
    hash: u64,
    /// The physical columns that it is about.
    slots: Vec<usize>,
}

impl PartialEq for Question {
    fn eq(&self, other: &Question) -> bool {
        self.text == other.text
    }
}

impl Eq for Question {}

impl Hash for Question {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl Question {
    /// What a part of a bound tree asks; nothing where it has parts that are the interpreter's.
    pub(super) fn of(
        part: &IdedExpr,
        constants: &[Box<dyn Val>],
        slots: &[usize],
    ) -> Option<Arc<Question>> {
        let mut text = String::new();
        write(part, constants, &mut text)?;
        Some(Arc::new(Question {
            hash: xxh3_64(text.as_bytes()),
            text,
            slots: slots.to_vec(),
        }))
    }
}

/// Writes a part of a bound tree down.
fn write(part: &IdedExpr, constants: &[Box<dyn Val>], out: &mut String) -> Option<()> {
    match &part.expr {
        Tree::Literal(literal) => write!(out, "{literal:?}").ok(),
        Tree::Ident(name) => match Place::of(name) {
            Some(Place::Constant(at)) => constant(&**constants.get(at)?, out),
            _ => write!(out, "{name:?}").ok(),
        },
        Tree::Call(call) => {
            write!(out, "{:?}(", call.func_name).ok()?;
            for part in call.target.as_deref().into_iter().chain(&call.args) {
                write(part, constants, out)?;
                out.push(',');
            }
            out.push(')');
            Some(())
        }
        Tree::List(list) => {
            out.push('[');
            for part in &list.elements {
                write(part, constants, out)?;
                out.push(',');
            }
            out.push(']');
            Some(())
        }
        _ => None,
    }
}

fn constant(value: &dyn Val, out: &mut String) -> Option<()> {
    if let Some(text) = value.downcast_ref::<CelString>() {
        write!(out, "{:?}", text.inner()).ok()
    } else if let Some(exact) = value.downcast_ref::<Exact>() {
        write!(out, "exact {}", exact.text()).ok()
    } else if let Some(double) = value.downcast_ref::<CelDouble>() {
        write!(out, "double {}", double.inner().to_bits()).ok()
    } else if let Some(int) = value.downcast_ref::<CelInt>() {
        write!(out, "int {}", int.inner()).ok()
    } else if let Some(truth) = value.downcast_ref::<CelBool>() {
        write!(out, "{}", truth.inner()).ok()
    } else if let Some(time) = value.downcast_ref::<Time>() {
        write!(out, "time {time}").ok()
    } else {
        let list = value.downcast_ref::<CelList>()?;
        out.push('[');
        for element in list.iter() {
            constant(&**element, out)?;
            out.push(',');
        }
        out.push(']');
        Some(())
    }
}

/// What is known of a batch, for all of its rows.
#[derive(Default)]
pub(super) struct Answers(HashMap<Arc<Question>, Answer>);

#[derive(Default)]
struct Answer {
    /// How often it was asked.
    asked: u32,
    truths: Option<Each<Truth>>,
}

impl Answers {
    /// The answer; or, where there is none, whether the question has been asked before, so that it may well be asked again.
    pub(super) fn ask(&mut self, question: &Arc<Question>) -> Result<&Each<Truth>, bool> {
        let answer = self.0.entry(question.clone()).or_default();
        answer.asked += 1;
        answer.truths.as_ref().ok_or(answer.asked > 1)
    }

    pub(super) fn know(&mut self, question: &Arc<Question>, truths: Each<Truth>) {
        self.0.entry(question.clone()).or_default().truths = Some(truths);
    }

    /// Forgets what was known of a column.
    pub(super) fn forget(&mut self, slot: usize) {
        self.0.retain(|question, _| !question.slots.contains(&slot));
    }
}
