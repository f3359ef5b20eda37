//! Which kinds of values an expression can have, and the mistakes that show in that: a comparison of text
//! with a number is true of no row or of every one, and no row is at fault for it.
//!
//! It finds what can never come to anything, and is silent where it can't tell. What the evaluator does with
//! each pair of kinds is the measure; a property test holds the two together.

use cel::common::ast::{
    CallExpr, ComprehensionExpr, Expr as Node, IdedExpr, LiteralValue, operators,
};

use super::advice::{self, Side};
use super::compile::TYPES;
use super::functions::{self, Function};
use super::tree::{self, qualified, qualified_function};
use super::words::{QUOTED, infix, written};
use crate::batch::Columns;
use crate::batch::kinds::Kinds;

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

/// A comparison of a column, whose cells may be of several kinds, with one kind alone: only the data shows
/// whether they ever meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Comparison {
    /// The column, as it stands in the tree.
    pub(super) ident: String,
    pub(super) with: Kinds,
    pub(super) message: String,
}

/// What is known of an expression before the first row.
pub(super) struct Checked {
    pub(super) kinds: Kinds,
    pub(super) mistakes: Vec<Mistake>,
    pub(super) comparisons: Vec<Comparison>,
}

/// Looks through a prepared expression. `columns` say what the cells can hold.
pub(super) fn check(root: &IdedExpr, columns: &Columns, wanted: Use) -> Checked {
    let mut walk = Walk {
        columns,
        locals: Vec::new(),
        mistakes: Vec::new(),
        comparisons: Vec::new(),
        named: false,
    };
    let kinds = walk.kinds(root);
    let (needed, what) = match wanted {
        Use::Condition => (Kinds::BOOL, "true or false"),
        Use::Value => (Kinds::CELL, "text, a number, true or false"),
    };
    if !kinds.meets(needed) {
        let part = written(root);
        let side = Side::new(root, kinds, columns);
        let message = format!(
            "`{part}` is {}, expected {what}{}",
            advice::noun(kinds),
            advice::to_be_true(&side)
        );
        walk.mistake(part, message, true);
    }
    Checked {
        kinds,
        mistakes: walk.mistakes,
        comparisons: walk.comparisons,
    }
}

struct Walk<'a> {
    columns: &'a Columns,
    /// Variables of the macros around, and what they can be.
    locals: Vec<(&'a str, Kinds)>,
    mistakes: Vec<Mistake>,
    comparisons: Vec<Comparison>,
    /// Whether the part that is looked at names a column.
    named: bool,
}

impl<'a> Walk<'a> {
    /// What a part can be. Where it is a mistake, that is told once: to what is around it, it is anything.
    fn kinds(&mut self, node: &'a IdedExpr) -> Kinds {
        match &node.expr {
            Node::Literal(literal) => literal_kinds(literal),
            Node::Ident(_) | Node::Select(_) => self.name(node),
            Node::Call(call) => self.call(node, call),
            Node::Comprehension(comprehension) => self.comprehension(comprehension),
            Node::List(list) => {
                self.elements(&list.elements);
                Kinds::LIST
            }
            Node::Map(_) => {
                for child in tree::children(node) {
                    self.kinds(child);
                }
                Kinds::OTHER
            }
            Node::Struct(_) | Node::Unspecified => Kinds::ANY,
        }
    }

    fn mistake(&mut self, part: String, message: String, certain: bool) {
        // On JSON, cells have kinds of their own, and who knows what a stage met there.
        let known = !self.named || self.columns.source().within(Kinds::TEXT);
        self.mistakes.push(Mistake {
            part,
            message,
            certain: certain && known,
        });
    }

    /// A column, a variable of a macro, or the name of a type.
    fn name(&mut self, node: &'a IdedExpr) -> Kinds {
        if let Node::Ident(name) = &node.expr
            && let Some((_, kinds)) = self.locals.iter().rev().find(|(local, _)| local == name)
        {
            // It stands for what the macro goes through, which may be cells.
            self.named = true;
            return *kinds;
        }
        let Some(segments) = qualified(node) else {
            if let Node::Select(select) = &node.expr {
                self.kinds(&select.operand);
                return match select.test {
                    true => Kinds::BOOL,
                    false => Kinds::ANY,
                };
            }
            return Kinds::ANY;
        };
        let name = segments.join(".");
        match self.columns.find(name.trim_start_matches(QUOTED)) {
            Some(slot) => {
                self.named = true;
                self.columns.kinds(slot)
            }
            None if TYPES.contains(&name.as_str()) => Kinds::OTHER,
            None => {
                self.named = true;
                self.member_of_a_column(&segments);
                Kinds::ANY
            }
        }
    }

    /// A cell holds one value: where a column is named and a member of it, no row has that.
    fn member_of_a_column(&mut self, segments: &[String]) {
        if self.locals.iter().any(|(local, _)| *local == segments[0]) {
            return;
        }
        let name = segments.join(".");
        let name = name.trim_start_matches(QUOTED);
        let mut prefixes = name.match_indices('.').map(|(at, _)| &name[..at]);
        let Some(column) = prefixes.rfind(|prefix| self.columns.find(prefix).is_some()) else {
            return;
        };
        let advice = match self.columns.source().within(Kinds::TEXT) {
            true => String::new(),
            false => format!(
                "; `json: {{ flatten: \".\" }}` in the source makes columns of the members of objects, and a member that is \
                 itself called so is `row[{name:?}]`"
            ),
        };
        self.mistakes.push(Mistake {
            part: name.to_owned(),
            message: format!("`{name}`: the column `{column}` has no members{advice}"),
            certain: true,
        });
    }

    fn elements(&mut self, elements: &'a [IdedExpr]) -> Kinds {
        (elements.iter()).fold(Kinds::NONE, |all, element| all | self.kinds(element))
    }

    fn comprehension(&mut self, all: &'a ComprehensionExpr) -> Kinds {
        let within = match &all.iter_range.expr {
            Node::List(list) => self.elements(&list.elements),
            _ => {
                self.kinds(&all.iter_range);
                Kinds::ANY
            }
        };
        let start = self.kinds(&all.accu_init);
        let before = self.locals.len();
        self.locals.push((&all.iter_var, within));
        if let Some(second) = &all.iter_var2 {
            self.locals.push((second, Kinds::ANY));
            self.locals[before].1 = Kinds::ANY;
        }
        self.locals.push((&all.accu_var, start));
        self.kinds(&all.loop_cond);
        self.kinds(&all.loop_step);
        let result = self.kinds(&all.result);
        self.locals.truncate(before);
        result
    }

    fn call(&mut self, node: &'a IdedExpr, call: &'a CallExpr) -> Kinds {
        // What is found within this part depends on columns if this part names some.
        let outside = std::mem::replace(&mut self.named, false);
        let kinds = match (&call.target, &call.args[..]) {
            (None, [left, right]) if infix(&call.func_name).is_some() => {
                self.operator(node, &call.func_name, left, right)
            }
            (None, [one]) if call.func_name == operators::LOGICAL_NOT => {
                self.condition(node, one);
                Kinds::BOOL
            }
            (None, [one]) if call.func_name == operators::NEGATE => {
                let kinds = self.kinds(one);
                if !kinds.meets(Kinds::NUMBER) {
                    let part = written(node);
                    let side = Side::new(one, kinds, self.columns);
                    let message = format!(
                        "`{part}` needs a number, and `{}` is {}{}",
                        written(one),
                        advice::noun(kinds),
                        advice::to_be_a_number(&side)
                    );
                    self.mistake(part, message, true);
                }
                Kinds::NUMBER
            }
            (None, [_]) if call.func_name == operators::NOT_STRICTLY_FALSE => {
                self.elements(&call.args);
                Kinds::BOOL
            }
            (None, [condition, yes, no]) if call.func_name == operators::CONDITIONAL => {
                self.condition(node, condition);
                self.kinds(yes) | self.kinds(no)
            }
            _ => self.function(node, call),
        };
        self.named |= outside;
        kinds
    }

    /// What must be true or false within `node`.
    fn condition(&mut self, node: &IdedExpr, part: &'a IdedExpr) {
        let kinds = self.kinds(part);
        if !kinds.meets(Kinds::BOOL) {
            let side = Side::new(part, kinds, self.columns);
            let message = format!(
                "`{}` needs true or false, and `{}` is {}{}",
                written(node),
                written(part),
                advice::noun(kinds),
                advice::to_be_true(&side)
            );
            self.mistake(written(node), message, true);
        }
    }

    fn operator(
        &mut self,
        node: &IdedExpr,
        name: &str,
        left: &'a IdedExpr,
        right: &'a IdedExpr,
    ) -> Kinds {
        match name {
            operators::LOGICAL_AND | operators::LOGICAL_OR => {
                self.condition(node, left);
                self.condition(node, right);
                return Kinds::BOOL;
            }
            operators::IN => {
                self.is_in(node, left, right);
                return Kinds::BOOL;
            }
            _ => {}
        }
        let (l, r) = (self.kinds(left), self.kinds(right));
        let sides = (
            Side::new(left, l, self.columns),
            Side::new(right, r, self.columns),
        );
        match name {
            operators::EQUALS | operators::NOT_EQUALS => {
                if !equal_at_times(l, r) {
                    self.compares(node, &sides, l, r);
                }
                self.watch(node, left, l, r);
                self.watch(node, right, r, l);
                Kinds::BOOL
            }
            operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS => {
                if !ordered_at_times(l, r) {
                    self.compares(node, &sides, l, r);
                }
                Kinds::BOOL
            }
            operators::ADD => {
                let texts = added_texts(&sides.0, &sides.1);
                let mut sum = Kinds::NONE;
                for (can, gives) in [
                    (texts, Kinds::TEXT),
                    (both(l, r, Kinds::NUMBER), Kinds::NUMBER),
                    (both(l, r, Kinds::LIST), Kinds::LIST),
                    (both(l, r, Kinds::OTHER), Kinds::OTHER),
                ] {
                    if can {
                        sum = sum | gives;
                    }
                }
                if sum == Kinds::NONE {
                    self.calculates(node, &sides, l, r, "+");
                    return Kinds::ANY;
                }
                sum
            }
            _ => {
                if !both(l, r, Kinds::NUMBER) {
                    self.calculates(node, &sides, l, r, infix(name).unwrap_or(name));
                }
                Kinds::NUMBER
            }
        }
    }

    fn is_in(&mut self, node: &IdedExpr, left: &'a IdedExpr, right: &'a IdedExpr) {
        let l = self.kinds(left);
        let Node::List(list) = &right.expr else {
            let kinds = self.kinds(right);
            if !kinds.meets(Kinds::LIST | Kinds::OTHER) {
                let part = written(node);
                let message = format!(
                    "`{part}` looks into a list, and `{}` is {}; a list is written [\"a\", \"b\"]",
                    written(right),
                    advice::noun(kinds)
                );
                self.mistake(part, message, true);
            }
            return;
        };
        let elements = self.elements(&list.elements);
        if !list.elements.is_empty() && !equal_at_times(l, elements) {
            let side = Side::new(left, l, self.columns);
            let of = Side::new(right, elements, self.columns);
            self.compares(node, &(side, of), l, elements);
        }
        self.watch(node, left, l, elements);
    }

    fn compares(&mut self, node: &IdedExpr, sides: &(Side, Side), l: Kinds, r: Kinds) {
        let part = written(node);
        let message = format!(
            "`{part}` compares {} with {}{}",
            advice::noun(l),
            advice::noun(r),
            advice::compared(node, &sides.0, &sides.1)
        );
        // Who writes `x == null || x == ""` may mean it, for sources of either kind.
        let null = l == Kinds::NULL || r == Kinds::NULL;
        self.mistake(part, message, !null);
    }

    fn calculates(
        &mut self,
        node: &IdedExpr,
        sides: &(Side, Side),
        l: Kinds,
        r: Kinds,
        operator: &str,
    ) {
        let part = written(node);
        let message = format!(
            "`{part}`: `{operator}` does not take {} and {}{}",
            advice::noun(l),
            advice::noun(r),
            advice::calculated(&sides.0, &sides.1, operator)
        );
        self.mistake(part, message, true);
    }

    fn function(&mut self, node: &IdedExpr, call: &'a CallExpr) -> Kinds {
        let whole = qualified_function(call.target.as_deref(), &call.func_name, &[]);
        let mut values: Vec<&'a IdedExpr> = Vec::new();
        if whole.is_none() {
            values.extend(call.target.as_deref());
        }
        values.extend(&call.args);
        let name = whole.as_deref().unwrap_or(&call.func_name);
        let Some(function) = functions::find(name) else {
            for value in values {
                self.kinds(value);
            }
            return Kinds::ANY;
        };
        for (at, value) in values.into_iter().enumerate() {
            let kinds = self.kinds(value);
            self.argument(node, function, at, value, kinds);
        }
        function.gives
    }

    fn argument(
        &mut self,
        node: &IdedExpr,
        function: &Function,
        at: usize,
        value: &IdedExpr,
        kinds: Kinds,
    ) {
        let takes = function.takes.get(at).or(function.takes.last());
        let Some(&takes) = takes.filter(|takes| !takes.meets(kinds)) else {
            return;
        };
        let part = written(node);
        let side = Side::new(value, kinds, self.columns);
        let hint = match takes == Kinds::NUMBER {
            true => advice::to_be_a_number(&side),
            false => advice::to_be_text(&side, takes),
        };
        let message = format!(
            "`{part}`: `{}` takes {} here, and `{}` is {}{hint}",
            function.name,
            advice::taken(takes),
            written(value),
            advice::noun(kinds),
        );
        self.mistake(part, message, true);
    }

    /// Notes a comparison that the data must decide.
    fn watch(&mut self, node: &IdedExpr, column: &IdedExpr, cells: Kinds, with: Kinds) {
        let one = [Kinds::WORDS, Kinds::NUMBER, Kinds::BOOL].contains(&with);
        let Some(name) = qualified(column).map(|s| s.join(".")) else {
            return;
        };
        let is_column = self.columns.find(name.trim_start_matches(QUOTED)).is_some();
        let others = cells.without(with | Kinds::EMPTY | Kinds::NULL);
        let local = self.locals.iter().any(|(local, _)| **local == *name);
        if !one || !is_column || local || !cells.meets(with) || others == Kinds::NONE {
            return;
        }
        let kind = advice::noun(with);
        let message = format!(
            "`{}` compares `{}` with {kind}, but no row has {kind} there",
            written(node),
            written(column)
        );
        self.comparisons.push(Comparison {
            ident: name,
            with,
            message,
        });
    }
}

/// Whether two values can be of one kind. Where both are text, whatever it says, the kinds are not at fault.
fn equal_at_times(l: Kinds, r: Kinds) -> bool {
    l.meets(r) || (l.within(Kinds::TEXT) && r.within(Kinds::TEXT))
}

/// Whether it can depend on the row how two values are ordered.
fn ordered_at_times(l: Kinds, r: Kinds) -> bool {
    // Empty text comes before all other: beside text that is never empty, nothing depends on the row.
    let texts = both(l, r, Kinds::TEXT)
        && (l.within(Kinds::TEXT) && r.within(Kinds::TEXT)
            || both(l, r, Kinds::WORDS)
            || (l & Kinds::TEXT) == Kinds::TEXT
            || (r & Kinds::TEXT) == Kinds::TEXT);
    texts || both(l, r, Kinds::NUMBER) || both(l, r, Kinds::BOOL) || both(l, r, Kinds::OTHER)
}

/// Whether two texts can be joined, and not only where a number's cell is empty and the other side is always
/// the same.
fn added_texts(l: &Side, r: &Side) -> bool {
    let rest = |side: &Side, other: &Side| {
        let empty_at_best = (side.kinds & Kinds::TEXT) == Kinds::EMPTY;
        empty_at_best && !side.kinds.within(Kinds::TEXT) && other.is_literal
    };
    both(l.kinds, r.kinds, Kinds::TEXT) && !rest(l, r) && !rest(r, l)
}

fn both(l: Kinds, r: Kinds, kind: Kinds) -> bool {
    l.meets(kind) && r.meets(kind)
}

fn literal_kinds(literal: &LiteralValue) -> Kinds {
    match literal {
        LiteralValue::Boolean(_) => Kinds::BOOL,
        LiteralValue::Bytes(_) => Kinds::OTHER,
        LiteralValue::Double(_) | LiteralValue::Int(_) | LiteralValue::UInt(_) => Kinds::NUMBER,
        LiteralValue::Null => Kinds::NULL,
        LiteralValue::String(text) if text.inner().is_empty() => Kinds::EMPTY,
        LiteralValue::String(_) => Kinds::WORDS,
    }
}
