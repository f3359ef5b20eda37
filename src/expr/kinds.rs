//! From the parsed tree to the one that is evaluated: names become columns, numbers are made one kind, and what is
//! the same for every row is computed. On the way, the kinds of values show that each part can have, and with them
//! the mistakes: a comparison of text with a number is true of no row or of every one, and no row is at fault for it.
//!
//! It finds what can never come to anything, and is silent where it can't tell. What the evaluator does with
//! each pair of kinds is the measure; a property test holds the two together.

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr as Node, IdedExpr, ListExpr, LiteralValue,
    MapEntryExpr, MapExpr, SelectExpr, operators,
};
use cel::common::value::Val;
use cel::{Context, Value};

use super::advice::{self, Side};
use super::compile::TYPES;
use super::number::Exact;
use super::part::{Part, Place, call, even, node};
use super::tree::{children, qualified};
use super::trouble::describe;
use super::words::{DIGITS, QUOTED, infix, written};
use crate::batch::Columns;
use crate::batch::kinds::Kinds;
use crate::text::dates::Date;

/// What an expression is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// To be true or false.
    Condition,
    /// To be a cell's value.
    Value,
}

/// A part of an expression that can't have been meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    /// The part, written out.
    pub(super) part: String,
    pub(super) message: String,
    /// Whether it is certain enough to be refused; otherwise it is worth a warning.
    pub(super) certain: bool,
}

/// How certain a mistake is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Certain {
    /// It may be meant.
    No,
    /// Where the cells of the source are text. On JSON, they have kinds of their own, and who knows what a stage met
    /// there.
    OfText,
    /// No cell of any source could make it right.
    Yes,
}

/// A comparison of a column, whose cells may be of several kinds, with one kind alone: only the data shows
/// whether they ever meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Comparison {
    pub(super) slot: usize,
    pub(super) with: Kinds,
    pub(super) message: String,
}

/// A function that changes the letters of ASCII alone: only the data shows whether there are others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Letters {
    /// The physical columns that it may be given.
    pub(super) slots: Vec<usize>,
    pub(super) message: String,
}

/// What an expression is bound to.
pub(super) struct Given<'a> {
    pub(super) columns: &'a Columns,
    pub(super) context: &'a Context<'static, 'static>,
    /// The day of the run.
    pub(super) today: Date,
}

/// An expression that is bound, and what is known of it before the first row.
pub(super) struct Checked {
    pub(super) root: IdedExpr,
    /// What [`Place::Constant`] counts.
    pub(super) constants: Vec<Box<dyn Val>>,
    pub(super) kinds: Kinds,
    pub(super) mistakes: Vec<Mistake>,
    pub(super) comparisons: Vec<Comparison>,
    pub(super) letters: Vec<Letters>,
    pub(super) orders: Vec<([usize; 2], String)>,
}

/// Binds a prepared expression. The columns say what the cells can hold.
pub(super) fn check(root: &IdedExpr, given: &Given<'_>, wanted: Use) -> Checked {
    let mut walk = Walk {
        columns: given.columns,
        context: given.context,
        today: given.today,
        locals: Vec::new(),
        constants: Vec::new(),
        mistakes: Vec::new(),
        comparisons: Vec::new(),
        letters: Vec::new(),
        orders: Vec::new(),
        named: false,
    };
    let part = walk.part(root);
    let (needed, what) = match wanted {
        Use::Condition => (Kinds::BOOL, "true or false"),
        Use::Value => (
            Kinds::CELL | Kinds::DATE | Kinds::MOMENT,
            "text, a number, true or false",
        ),
    };
    if !part.kinds.meets(needed) {
        let text = written(root);
        let side = Side::new(root, part.kinds, walk.columns);
        let advice = match wanted {
            Use::Condition => advice::to_be_true(&side),
            Use::Value => advice::to_be_a_cell(&side),
        };
        let message = format!(
            "`{text}` is {}, expected {what}{advice}",
            advice::noun(part.kinds)
        );
        let certain = match part.kinds.within(Kinds::TIME) {
            true => Certain::Yes,
            false => Certain::OfText,
        };
        walk.mistake(text, message, certain);
    }
    Checked {
        // What is only looked up and not computed goes out with all its digits.
        root: part.exact.unwrap_or(part.node),
        constants: walk.constants,
        kinds: part.kinds,
        mistakes: walk.mistakes,
        comparisons: walk.comparisons,
        letters: walk.letters,
        orders: walk.orders,
    }
}

pub(super) struct Walk<'a> {
    pub(super) columns: &'a Columns,
    context: &'a Context<'static, 'static>,
    pub(super) today: Date,
    /// Variables of the macros around, and what they can be.
    pub(super) locals: Vec<(&'a str, Kinds)>,
    constants: Vec<Box<dyn Val>>,
    mistakes: Vec<Mistake>,
    pub(super) comparisons: Vec<Comparison>,
    pub(super) letters: Vec<Letters>,
    /// Columns that are put in order as whatever the data has there, and what is told where that is text.
    pub(super) orders: Vec<([usize; 2], String)>,
    /// Whether the part that is looked at names a column.
    named: bool,
}

impl<'a> Walk<'a> {
    /// Binds a part. Where it is a mistake, that is told once: to what is around it, it is anything.
    pub(super) fn part(&mut self, node: &'a IdedExpr) -> Part {
        let before = self.mistakes.len();
        let part = match &node.expr {
            Node::Literal(literal) => return self.literal(node, literal),
            Node::Ident(_) | Node::Select(_) => return self.name(node),
            Node::Call(call) => self.call(node, call),
            Node::Comprehension(comprehension) => self.comprehension(comprehension),
            Node::List(list) => return self.list(node, list).0,
            Node::Map(map) => self.map(map),
            Node::Struct(_) | Node::Unspecified => Part::new(node.clone(), Kinds::ANY),
        };
        match part.constant && self.mistakes.len() == before {
            true => self.computed(node, part),
            false => part,
        }
    }

    pub(super) fn mistake(&mut self, part: String, message: String, certain: Certain) {
        let of_text = !self.named || self.columns.source().within(Kinds::TEXT);
        self.mistakes.push(Mistake {
            part,
            message,
            certain: certain == Certain::Yes || (certain == Certain::OfText && of_text),
        });
    }

    pub(super) fn constant(&mut self, value: Box<dyn Val>) -> IdedExpr {
        self.constants.push(value);
        Place::Constant(self.constants.len() - 1).node()
    }

    /// Computes what is the same for every row.
    fn computed(&mut self, node: &IdedExpr, mut part: Part) -> Part {
        if Place::of_node(&part.node).is_none() {
            match self.evaluate(&part.node) {
                Ok(value) => part.node = self.constant(value),
                // Another day it may be right.
                Err(_) if part.by_day => part.constant = false,
                Err(message) => {
                    let text = written(node);
                    let message = format!("`{text}`: {message}");
                    self.mistake(text, message, Certain::Yes);
                    return Part::new(part.node, Kinds::ANY);
                }
            }
        }
        if let Some(exact) = part.exact.take() {
            part.exact = match self.evaluate(&exact) {
                Ok(value) => Some(self.constant(value)),
                Err(_) => None,
            };
        }
        part
    }

    fn evaluate(&self, node: &IdedExpr) -> Result<Box<dyn Val>, String> {
        let mut scope = self.context.new_inner_scope();
        let mut left = vec![node];
        while let Some(node) = left.pop() {
            if let Some(Place::Constant(at)) = Place::of_node(node) {
                scope.add_variable_as_val(Place::Constant(at).name(), self.constants[at].clone());
            }
            left.extend(children(node));
        }
        match Value::resolve_val(node, &scope) {
            Ok(value) => Ok(value.into_owned()),
            Err(error) => Err(describe(&error).into_owned()),
        }
    }

    fn literal(&mut self, node: &IdedExpr, literal: &LiteralValue) -> Part {
        let (kinds, digits) = match literal {
            LiteralValue::Boolean(_) => (Kinds::BOOL, None),
            LiteralValue::Bytes(_) => (Kinds::OTHER, None),
            LiteralValue::Double(double) => (Kinds::DOUBLE, Some(double.inner().to_string())),
            LiteralValue::Int(int) => (Kinds::INT, Some(int.inner().to_string())),
            // There is arithmetic of its own for these; what it is, the evaluator knows.
            LiteralValue::UInt(uint) => (Kinds::NUMBER, Some(uint.inner().to_string())),
            LiteralValue::Null => (Kinds::NULL, None),
            LiteralValue::String(text) => (text_kinds(text.inner()), None),
        };
        Part {
            exact: digits.map(|digits| self.constant(Box::new(Exact::new(&digits)))),
            constant: true,
            ..Part::new(node.clone(), kinds)
        }
    }

    /// A number that is too long for 64 bits.
    pub(super) fn digits(&mut self, digits: &str) -> Part {
        let double = LiteralValue::Double(digits.parse().unwrap_or(f64::INFINITY).into());
        Part {
            exact: Some(self.constant(Box::new(Exact::new(digits)))),
            constant: true,
            ..Part::new(node(Node::Literal(double)), Kinds::DOUBLE)
        }
    }

    pub(super) fn is_local(&self, name: &str) -> bool {
        self.locals.iter().any(|(local, _)| *local == name)
    }

    /// The physical column, where a node is the name of one.
    pub(super) fn column(&self, node: &IdedExpr) -> Option<usize> {
        let segments = qualified(node).filter(|segments| !self.is_local(&segments[0]))?;
        let name = segments.join(".");
        self.columns.find(name.trim_start_matches(QUOTED))
    }

    /// A column, a variable of a macro, or the name of a type.
    fn name(&mut self, node: &'a IdedExpr) -> Part {
        if let Some(slot) = self.column(node) {
            self.named = true;
            let kinds = self.columns.kinds(slot).seen();
            let exact = kinds.meets(Kinds::NUMBER);
            return Part {
                exact: exact.then(|| Place::Exact(slot).node()),
                ..Part::new(Place::Column(slot).node(), kinds)
            };
        }
        match &node.expr {
            Node::Ident(name) => {
                if let Some(digits) = name.strip_prefix(DIGITS) {
                    return self.digits(digits);
                }
                let local = self.locals.iter().rev().find(|(local, _)| local == name);
                let kinds = match local {
                    Some((_, kinds)) => *kinds,
                    None if TYPES.contains(&name.as_str()) => {
                        return Part::new(node.clone(), Kinds::OTHER);
                    }
                    None => Kinds::ANY,
                };
                // A variable stands for what the macro goes through, which may be cells.
                self.named = true;
                Part::new(node.clone(), kinds)
            }
            Node::Select(select) => self.select(node, select),
            _ => Part::new(node.clone(), Kinds::ANY),
        }
    }

    /// A member of what is not a column's cell, for a cell has none.
    fn select(&mut self, node: &'a IdedExpr, select: &'a SelectExpr) -> Part {
        if let Some(segments) = qualified(node)
            && !self.is_local(&segments[0])
        {
            self.named = true;
            return Part::new(node.clone(), Kinds::ANY);
        }
        let operand = self.part(&select.operand);
        if select.test && self.column(&select.operand).is_some() {
            let text = written(node);
            let name = format!("{}.{}", written(&select.operand), select.field);
            let message = format!(
                "`{text}`: a cell has no members; a column `{name}` is empty where it has no value, `{name} != \"\"`"
            );
            self.mistake(text, message, Certain::Yes);
        }
        let kinds = match select.test {
            true => Kinds::BOOL,
            false => Kinds::ANY,
        };
        let node = IdedExpr {
            id: node.id,
            expr: Node::Select(SelectExpr {
                operand: Box::new(operand.node.clone()),
                field: select.field.clone(),
                test: select.test,
            }),
        };
        Part::made_of(node, kinds, &[&operand])
    }

    /// A list, and what its elements can be.
    pub(super) fn list(&mut self, whole: &IdedExpr, list: &'a ListExpr) -> (Part, Kinds) {
        let before = self.mistakes.len();
        let mut parts: Vec<Part> = list.elements.iter().map(|e| self.part(e)).collect();
        let made = |elements: Vec<IdedExpr>| {
            let places = list.optional_indices.clone();
            node(Node::List(ListExpr::new_with_optionals(elements, places)))
        };
        let exact: Option<Vec<IdedExpr>> = parts.iter().map(|p| p.exactly().cloned()).collect();
        let exact = exact.filter(|_| parts.iter().any(|part| part.exact.is_some()));
        even(&mut parts);
        let elements = parts.iter().fold(Kinds::NONE, |all, part| all | part.kinds);
        let nodes = parts.iter().map(|part| part.node.clone()).collect();
        let made_of: Vec<&Part> = parts.iter().collect();
        let part = Part {
            exact: exact.map(made),
            ..Part::made_of(made(nodes), Kinds::LIST, &made_of)
        };
        match part.constant && self.mistakes.len() == before {
            true => (self.computed(whole, part), elements),
            false => (part, elements),
        }
    }

    fn map(&mut self, map: &'a MapExpr) -> Part {
        let mut parts = Vec::new();
        let mut entries = map.entries.clone();
        for (entry, made) in map.entries.iter().zip(&mut entries) {
            if let EntryExpr::MapEntry(entry) = &entry.expr {
                let (key, value) = (self.part(&entry.key), self.part(&entry.value));
                made.expr = EntryExpr::MapEntry(MapEntryExpr {
                    key: key.node.clone(),
                    value: value.node.clone(),
                    optional: entry.optional,
                });
                parts.extend([key, value]);
            }
        }
        let made_of: Vec<&Part> = parts.iter().collect();
        Part::made_of(node(Node::Map(MapExpr { entries })), Kinds::OTHER, &made_of)
    }

    fn comprehension(&mut self, all: &'a ComprehensionExpr) -> Part {
        let (range, within) = match &all.iter_range.expr {
            Node::List(list) => self.list(&all.iter_range, list),
            _ => (self.part(&all.iter_range), Kinds::ANY),
        };
        let start = self.part(&all.accu_init);
        let before = self.locals.len();
        self.locals.push((&all.iter_var, within));
        if let Some(second) = &all.iter_var2 {
            self.locals.push((second, Kinds::ANY));
            self.locals[before].1 = Kinds::ANY;
        }
        self.locals.push((&all.accu_var, start.kinds));
        let condition = self.part(&all.loop_cond);
        let step = self.part(&all.loop_step);
        let result = self.part(&all.result);
        self.locals.truncate(before);
        let made = ComprehensionExpr {
            iter_range: range.node,
            iter_var: all.iter_var.clone(),
            iter_var2: all.iter_var2.clone(),
            accu_var: all.accu_var.clone(),
            accu_init: start.node,
            loop_cond: condition.node,
            loop_step: step.node,
            result: result.node,
        };
        Part::new(node(Node::Comprehension(Box::new(made))), result.kinds)
    }

    fn call(&mut self, node: &'a IdedExpr, call: &'a CallExpr) -> Part {
        // What is found within this part depends on columns if this part names some.
        let outside = std::mem::replace(&mut self.named, false);
        let part = match (&call.target, &call.args[..]) {
            (None, [left, right]) if infix(&call.func_name).is_some() => {
                self.operator(node, &call.func_name, left, right)
            }
            (None, [one]) if call.func_name == operators::LOGICAL_NOT => {
                let one = self.condition(node, one);
                self.made(&call.func_name, Kinds::BOOL, &[&one])
            }
            (None, [one]) if call.func_name == operators::NEGATE => self.negated(node, one),
            (None, [_]) if call.func_name == operators::NOT_STRICTLY_FALSE => {
                let one = self.part(&call.args[0]);
                self.made(&call.func_name, Kinds::BOOL, &[&one])
            }
            (None, [condition, yes, no]) if call.func_name == operators::CONDITIONAL => {
                self.conditional(node, condition, yes, no)
            }
            _ => self.function(node, call),
        };
        self.named |= outside;
        part
    }

    /// A call of parts.
    pub(super) fn made(&self, name: &str, kinds: Kinds, parts: &[&Part]) -> Part {
        let args = parts.iter().map(|part| part.node.clone()).collect();
        Part::made_of(call(name, args), kinds, parts)
    }
}

/// What a text in quotes is.
fn text_kinds(text: &str) -> Kinds {
    match text {
        "" => Kinds::EMPTY,
        text if Date::parse_iso(text).is_some() => Kinds::DAYS,
        _ => Kinds::PROSE,
    }
}
