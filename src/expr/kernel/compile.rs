//! From a bound tree to operations.

use cel::common::ast::{CallExpr, Expr as Node_, IdedExpr, LiteralValue, operators};
use cel::common::types::{CelBool, CelDouble, CelInt, CelList, CelNull, CelString};
use cel::common::value::Val;
use regex::Regex;
use std::collections::HashMap;

use super::lane::{Lane, Span};
use super::question::Question;
use super::{Arithmetic, Comparison, Function, Kernel, Node, Op, Set, Test};
use crate::batch::Columns;
use crate::batch::kinds::Kinds;
use crate::expr::number::{self, Exact};
use crate::expr::part::Place;
use crate::expr::time::Time;
use crate::expr::tree::children;

/// What a part costs that the interpreter evaluates.
const INTERPRETED: u32 = 40;

impl Kernel {
    /// Compiles a bound tree. `constants` are what [`Place::Constant`] counts, `patterns` those of `matches`.
    pub(in crate::expr) fn compile(
        root: &IdedExpr,
        constants: &[Box<dyn Val>],
        patterns: &HashMap<String, Regex>,
        columns: &Columns,
    ) -> Kernel {
        let mut compiler = Compiler {
            constants,
            patterns,
            columns,
            texts: String::new(),
        };
        let root = compiler.node(root);
        Kernel {
            root,
            constants: compiler.texts,
        }
    }
}

struct Compiler<'a> {
    constants: &'a [Box<dyn Val>],
    patterns: &'a HashMap<String, Regex>,
    columns: &'a Columns,
    texts: String,
}

impl Compiler<'_> {
    fn node(&mut self, node: &IdedExpr) -> Node {
        match self.op(node) {
            Some(op) => {
                let mut made = Node::of(op);
                let is_condition = matches!(
                    made.op,
                    Op::Joined { .. }
                        | Op::Compared(..)
                        | Op::In(..)
                        | Op::Among(..)
                        | Op::Tested(..)
                        | Op::Matches(..)
                );
                if is_condition && !made.slots.is_empty() {
                    made.question = Question::of(node, self.constants, &made.slots);
                }
                made
            }
            None => Node {
                question: None,
                slots: slots_within(node),
                operations: INTERPRETED,
                op: Op::Interpreted(Box::new(node.clone())),
            },
        }
    }

    fn boxed(&mut self, node: &IdedExpr) -> Box<Node> {
        Box::new(self.node(node))
    }

    /// The operation of a part, where there is one.
    fn op(&mut self, node: &IdedExpr) -> Option<Op> {
        match &node.expr {
            Node_::Literal(literal) => self.literal(literal).map(Op::Constant),
            Node_::Ident(name) => match Place::of(name)? {
                Place::Column(slot) => Some(self.column(slot, false)),
                Place::Exact(slot) => Some(self.column(slot, true)),
                Place::Constant(at) => self.constant(&**self.constants.get(at)?).map(Op::Constant),
            },
            Node_::Call(call) => self.call(call),
            _ => None,
        }
    }

    fn column(&self, slot: usize, is_exact: bool) -> Op {
        Op::Column {
            slot,
            is_exact,
            has_numbers: self.columns.kinds(slot).meets(Kinds::NUMBER),
        }
    }

    fn text(&mut self, text: &str) -> Option<Lane> {
        let from = self.texts.len();
        self.texts.push_str(text);
        Span::constant(&self.texts, from).map(Lane::Text)
    }

    fn literal(&mut self, literal: &LiteralValue) -> Option<Lane> {
        match literal {
            LiteralValue::Boolean(truth) => Some(Lane::Bool(*truth.inner())),
            LiteralValue::Double(double) => Some(Lane::Double(*double.inner())),
            LiteralValue::Int(int) => Some(Lane::Int(*int.inner())),
            LiteralValue::Null => Some(Lane::Null),
            LiteralValue::String(text) => self.text(text.inner()),
            LiteralValue::Bytes(_) | LiteralValue::UInt(_) => None,
        }
    }

    fn constant(&mut self, value: &dyn Val) -> Option<Lane> {
        if let Some(exact) = value.downcast_ref::<Exact>() {
            let from = self.texts.len();
            self.texts.push_str(exact.text());
            return Span::constant(&self.texts, from).map(Lane::Exact);
        }
        match value.downcast_ref::<CelString>() {
            Some(text) => self.text(text.inner()),
            None => simple(value),
        }
    }

    fn call(&mut self, call: &CallExpr) -> Option<Op> {
        let name = call.func_name.as_str();
        let target = call.target.as_deref();
        if let (Some(Node_::Ident(of)), [one]) = (target.map(|t| &t.expr), &call.args[..])
            && of == "math"
        {
            return self.rounded(name, one);
        }
        let values: Vec<&IdedExpr> = target.into_iter().chain(&call.args).collect();
        match values[..] {
            [one] => self.unary(name, one),
            [one, two] => self.binary(name, one, two),
            [_, _, _] if name == "substring" => Some(self.part(&values)),
            [one, two, three] => {
                let parts = Box::new([one, two, three].map(|part| self.node(part)));
                match name {
                    operators::CONDITIONAL => Some(Op::Choice(parts)),
                    "replace" => Some(Op::Replaced(parts)),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn part(&mut self, values: &[&IdedExpr]) -> Op {
        Op::Part(values.iter().map(|value| self.node(value)).collect())
    }

    fn rounded(&mut self, name: &str, one: &IdedExpr) -> Option<Op> {
        let function = match name {
            "round" => Function::Round,
            "ceil" => Function::Ceil,
            "floor" => Function::Floor,
            "trunc" => Function::Trunc,
            "abs" => Function::Abs,
            _ => return None,
        };
        Some(Op::Call(function, self.boxed(one)))
    }

    fn unary(&mut self, name: &str, one: &IdedExpr) -> Option<Op> {
        let function = match name {
            operators::LOGICAL_NOT => return Some(Op::Not(self.boxed(one))),
            operators::NEGATE => Function::Negate,
            "size" => Function::Size,
            "double" => Function::Double,
            "int" => Function::Int,
            "string" => Function::Text,
            number::DOUBLE => Function::AsDouble,
            number::WHOLE => Function::AsWhole,
            number::TEXT => Function::AsText,
            "date" => Function::Date,
            "days" => Function::Days,
            "lowerAscii" => Function::LowerAscii,
            "upperAscii" => Function::UpperAscii,
            "trim" => Function::Trim,
            "getFullYear" => Function::Year,
            "getMonth" => Function::Month,
            "getDate" => Function::DayOfMonth,
            _ => return None,
        };
        Some(Op::Call(function, self.boxed(one)))
    }

    fn binary(&mut self, name: &str, one: &IdedExpr, two: &IdedExpr) -> Option<Op> {
        let comparison = match name {
            operators::EQUALS => Some(Comparison::Equal),
            operators::NOT_EQUALS => Some(Comparison::Unequal),
            operators::LESS => Some(Comparison::Less),
            operators::LESS_EQUALS => Some(Comparison::LessOrEqual),
            operators::GREATER => Some(Comparison::Greater),
            operators::GREATER_EQUALS => Some(Comparison::GreaterOrEqual),
            _ => None,
        };
        if let Some(comparison) = comparison {
            return Some(Op::Compared(comparison, self.pair(one, two)));
        }
        let arithmetic = match name {
            operators::LOGICAL_AND | operators::LOGICAL_OR => {
                let decisive = name == operators::LOGICAL_OR;
                let parts = self.pair(one, two);
                return Some(Op::Joined { decisive, parts });
            }
            operators::IN => return self.within(one, two),
            operators::ADD => return Some(self.sum(one, two)),
            "startsWith" => return Some(Op::Tested(Test::StartsWith, self.pair(one, two))),
            "endsWith" => return Some(Op::Tested(Test::EndsWith, self.pair(one, two))),
            "contains" => {
                let pair = self.pair(one, two);
                let finder = |part: &str| Box::new(memchr::memmem::Finder::new(part).into_owned());
                let finder = self.text_of(&pair[1]).map(finder);
                return Some(Op::Tested(Test::Contains(finder), pair));
            }
            "matches" => {
                let pattern = self.node(two);
                let pattern = self.patterns.get(self.text_of(&pattern)?)?.clone();
                return Some(Op::Matches(self.boxed(one), pattern));
            }
            "substring" => return Some(self.part(&[one, two])),
            operators::SUBSTRACT => Arithmetic::Minus,
            operators::MULTIPLY => Arithmetic::Times,
            number::DIVIDE => Arithmetic::Divide,
            number::REMAINDER => Arithmetic::Remainder,
            _ => return None,
        };
        Some(Op::Computed(arithmetic, self.pair(one, two)))
    }

    fn pair(&mut self, one: &IdedExpr, two: &IdedExpr) -> Box<[Node; 2]> {
        Box::new([one, two].map(|part| self.node(part)))
    }

    /// The text that is the same for all rows.
    fn text_of(&self, node: &Node) -> Option<&str> {
        match node.op {
            Op::Constant(Lane::Text(span)) => span.in_constants(&self.texts),
            _ => None,
        }
    }

    /// All summands of a sum, which is added up from the left.
    fn sum(&mut self, one: &IdedExpr, two: &IdedExpr) -> Op {
        let mut summands = match &one.expr {
            Node_::Call(call) if call.func_name == operators::ADD && call.args.len() == 2 => {
                match self.sum(&call.args[0], &call.args[1]) {
                    Op::Sum(summands) => summands,
                    op => vec![Node::of(op)],
                }
            }
            _ => vec![self.node(one)],
        };
        summands.push(self.node(two));
        Op::Sum(summands)
    }

    fn within(&mut self, value: &IdedExpr, list: &IdedExpr) -> Option<Op> {
        if let Node_::List(list) = &list.expr {
            if !list.optional_indices.is_empty() {
                return None;
            }
            let elements = list.elements.iter().map(|element| self.node(element));
            let elements = elements.collect();
            return Some(Op::Among(self.boxed(value), elements));
        }
        let Some(Place::Constant(at)) = Place::of_node(list) else {
            return None;
        };
        let list = self.constants.get(at)?.downcast_ref::<CelList>()?;
        let (mut texts, mut others) = (Vec::new(), Vec::new());
        for element in list.iter() {
            match element.downcast_ref::<CelString>() {
                Some(text) => texts.push(Box::from(text.inner())),
                None => others.push(self.constant(&**element)?),
            }
        }
        Some(Op::In(self.boxed(value), Set::new(texts, others)))
    }
}

/// A value without a text.
pub(super) fn simple(value: &dyn Val) -> Option<Lane> {
    if let Some(truth) = value.downcast_ref::<CelBool>() {
        Some(Lane::Bool(*truth.inner()))
    } else if let Some(int) = value.downcast_ref::<CelInt>() {
        Some(Lane::Int(*int.inner()))
    } else if let Some(double) = value.downcast_ref::<CelDouble>() {
        Some(Lane::Double(*double.inner()))
    } else if let Some(time) = value.downcast_ref::<Time>() {
        Some(Lane::of_time(*time)).filter(|lane| !matches!(lane, Lane::Undecided))
    } else {
        value.downcast_ref::<CelNull>().map(|_| Lane::Null)
    }
}

/// The columns that a bound tree names, in order.
fn slots_within(node: &IdedExpr) -> Vec<usize> {
    let mut slots = match Place::of_node(node) {
        Some(Place::Column(slot) | Place::Exact(slot)) => vec![slot],
        _ => Vec::new(),
    };
    slots.extend(children(node).into_iter().flat_map(slots_within));
    slots.sort_unstable();
    slots.dedup();
    slots
}

impl Node {
    fn of(op: Op) -> Node {
        let (own, parts): (u32, Vec<&Node>) = match &op {
            Op::Column { slot, .. } => {
                return Node {
                    slots: vec![*slot],
                    operations: 0,
                    question: None,
                    op,
                };
            }
            Op::Constant(_) | Op::Interpreted(_) => (0, Vec::new()),
            Op::Not(one) => (0, vec![one]),
            Op::Joined { parts, .. } => (1, parts.iter().collect()),
            Op::Compared(_, parts) => (1, parts.iter().collect()),
            Op::In(one, _) => (3, vec![one]),
            Op::Among(one, elements) => {
                let parts = std::iter::once(&**one).chain(elements);
                (elements.len() as u32, parts.collect())
            }
            Op::Tested(_, parts) => (2, parts.iter().collect()),
            Op::Matches(one, _) => (10, vec![one]),
            Op::Choice(parts) => (2, parts.iter().collect()),
            Op::Sum(parts) => (parts.len() as u32, parts.iter().collect()),
            Op::Computed(_, parts) => (1, parts.iter().collect()),
            Op::Call(_, one) => (4, vec![one]),
            Op::Part(parts) => (4, parts.iter().collect()),
            Op::Replaced(parts) => (8, parts.iter().collect()),
        };
        let mut slots: Vec<usize> = parts.iter().flat_map(|part| &part.slots).copied().collect();
        slots.sort_unstable();
        slots.dedup();
        let operations = own + parts.iter().map(|part| part.operations).sum::<u32>();
        Node {
            op,
            slots,
            operations,
            question: None,
        }
    }
}
