//! Operators: which kinds they take, and what is told where they can't come to anything.

use cel::common::ast::{Expr as Node, IdedExpr, operators};

use super::advice::{self, Side};
use super::kinds::{Certain, Comparison, Walk};
use super::number;
use super::part::{Part, call, even};
use super::words::{DIGITS, infix, written};
use crate::batch::kinds::Kinds;

/// What a sum is, by what is added.
const SUMS: [(Kinds, Kinds, Kinds); 9] = [
    (Kinds::TEXT, Kinds::TEXT, Kinds::TEXT),
    (Kinds::LIST, Kinds::LIST, Kinds::LIST),
    (Kinds::OTHER, Kinds::OTHER, Kinds::OTHER),
    (Kinds::DATE, Kinds::SPAN, Kinds::DATE),
    (Kinds::SPAN, Kinds::DATE, Kinds::DATE),
    (Kinds::MOMENT, Kinds::SPAN, Kinds::MOMENT),
    (Kinds::SPAN, Kinds::MOMENT, Kinds::MOMENT),
    (Kinds::SPAN, Kinds::SPAN, Kinds::SPAN),
    (Kinds::NUMBER, Kinds::NUMBER, Kinds::NUMBER),
];

/// What a difference is.
const DIFFERENCES: [(Kinds, Kinds, Kinds); 6] = [
    (Kinds::DATE, Kinds::DATE, Kinds::SPAN),
    (Kinds::DATE, Kinds::SPAN, Kinds::DATE),
    (Kinds::MOMENT, Kinds::MOMENT, Kinds::SPAN),
    (Kinds::MOMENT, Kinds::SPAN, Kinds::MOMENT),
    (Kinds::SPAN, Kinds::SPAN, Kinds::SPAN),
    (Kinds::NUMBER, Kinds::NUMBER, Kinds::NUMBER),
];

/// What a product, a quotient or a remainder is.
const PRODUCTS: [(Kinds, Kinds, Kinds); 1] = [(Kinds::NUMBER, Kinds::NUMBER, Kinds::NUMBER)];

impl<'a> Walk<'a> {
    /// What must be true or false within `node`.
    pub(super) fn condition(&mut self, node: &IdedExpr, part: &'a IdedExpr) -> Part {
        let bound = self.part(part);
        if !bound.kinds.meets(Kinds::BOOL) {
            let side = Side::new(part, bound.kinds, self.columns);
            let message = format!(
                "`{}` needs true or false, and `{}` is {}{}",
                written(node),
                written(part),
                advice::noun(bound.kinds),
                advice::to_be_true(&side)
            );
            self.mistake(written(node), message, Certain::OfText);
        }
        bound
    }

    pub(super) fn conditional(
        &mut self,
        node: &IdedExpr,
        condition: &'a IdedExpr,
        yes: &'a IdedExpr,
        no: &'a IdedExpr,
    ) -> Part {
        let condition = self.condition(node, condition);
        let mut ways = [self.part(yes), self.part(no)];
        let exact = match [ways[0].exactly(), ways[1].exactly()] {
            [Some(yes), Some(no)] if ways.iter().any(|way| way.exact.is_some()) => {
                let args = vec![condition.node.clone(), yes.clone(), no.clone()];
                Some(call(operators::CONDITIONAL, args))
            }
            _ => None,
        };
        even(&mut ways);
        let [yes, no] = &ways;
        let kinds = yes.kinds | no.kinds;
        Part {
            exact,
            ..self.made(operators::CONDITIONAL, kinds, &[&condition, yes, no])
        }
    }

    pub(super) fn negated(&mut self, node: &IdedExpr, one: &'a IdedExpr) -> Part {
        if let Node::Ident(name) = &one.expr
            && let Some(digits) = name.strip_prefix(DIGITS)
        {
            return self.digits(&format!("-{digits}"));
        }
        let part = self.part(one);
        if !part.kinds.meets(Kinds::NUMBER) {
            let text = written(node);
            let side = Side::new(one, part.kinds, self.columns);
            let message = format!(
                "`{text}` needs a number, and `{}` is {}{}",
                written(one),
                advice::noun(part.kinds),
                advice::to_be_a_number(&side)
            );
            self.mistake(text, message, Certain::OfText);
            return self.made(operators::NEGATE, Kinds::ANY, &[&part]);
        }
        self.made(operators::NEGATE, part.numbers(), &[&part])
    }

    pub(super) fn operator(
        &mut self,
        node: &'a IdedExpr,
        name: &str,
        left: &'a IdedExpr,
        right: &'a IdedExpr,
    ) -> Part {
        match name {
            operators::LOGICAL_AND | operators::LOGICAL_OR => {
                let parts = [self.condition(node, left), self.condition(node, right)];
                return self.made(name, Kinds::BOOL, &[&parts[0], &parts[1]]);
            }
            operators::IN => return self.is_in(node, left, right),
            _ => {}
        }
        let parts = [self.part(left), self.part(right)];
        let sides = [
            Side::new(left, parts[0].kinds, self.columns),
            Side::new(right, parts[1].kinds, self.columns),
        ];
        let (l, r) = (parts[0].kinds, parts[1].kinds);
        match name {
            operators::EQUALS | operators::NOT_EQUALS => {
                if !equal_at_times(l, r) {
                    self.compares(node, &sides);
                }
                self.watch(node, left, l, r);
                self.watch(node, right, r, l);
                self.compared(name, &parts)
            }
            operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS => {
                if !ordered_at_times(l, r) {
                    self.compares(node, &sides);
                } else if let Some(advice) = advice::text_order(node, &sides) {
                    match [left, right].map(|side| self.column(side)) {
                        _ if advice::is_text_order(&sides) => {
                            self.mistake(written(node), advice, Certain::No);
                        }
                        [Some(left), Some(right)] => self.orders.push(([left, right], advice)),
                        _ => {}
                    }
                }
                self.compared(name, &parts)
            }
            _ => self.calculated(node, name, parts, &sides),
        }
    }

    /// A comparison: of all digits, where nothing is computed.
    fn compared(&self, name: &str, parts: &[Part; 2]) -> Part {
        let [left, right] = parts;
        let mut made = self.made(name, Kinds::BOOL, &[left, right]);
        if let (Some(left), Some(right)) = (left.exactly(), right.exactly()) {
            made.node = call(name, vec![left.clone(), right.clone()]);
        }
        made
    }

    fn calculated(
        &mut self,
        node: &IdedExpr,
        name: &str,
        mut parts: [Part; 2],
        sides: &[Side; 2],
    ) -> Part {
        let (l, r) = (parts[0].kinds, parts[1].kinds);
        let table = match name {
            operators::ADD => &SUMS[..],
            operators::SUBSTRACT => &DIFFERENCES[..],
            _ => &PRODUCTS[..],
        };
        let texts = added_texts(&sides[0], &sides[1]);
        let can = |one: Kinds, two: Kinds| match one == Kinds::TEXT {
            true => texts,
            false => l.meets(one) && r.meets(two),
        };
        let results = table.iter().filter(|(one, two, _)| can(*one, *two));
        let kinds = results.fold(Kinds::NONE, |all, (_, _, gives)| all | *gives);
        if kinds == Kinds::NONE {
            self.calculates(node, sides, infix(name).unwrap_or(name));
            return Part::new(node.clone(), Kinds::ANY);
        }
        if !kinds.meets(Kinds::NUMBER) {
            return self.made(name, kinds, &[&parts[0], &parts[1]]);
        }
        self.joined_by_a_minus(node, name, sides);
        even(&mut parts);
        let [left, right] = &parts;
        let numbers = left.numbers() | right.numbers();
        let name = match name {
            operators::DIVIDE if numbers == Kinds::DOUBLE => number::DIVIDE,
            operators::MODULO if numbers == Kinds::DOUBLE => number::REMAINDER,
            name => name,
        };
        self.made(name, kinds.without(Kinds::NUMBER) | numbers, &[left, right])
    }

    /// `E-Mail`, where there are columns `E`, `Mail` and `E-Mail`.
    fn joined_by_a_minus(&mut self, node: &IdedExpr, name: &str, sides: &[Side; 2]) {
        let [Some(left), Some(right)] = sides.each_ref().map(Side::column) else {
            return;
        };
        let joined = format!("{left}-{right}");
        if name == operators::SUBSTRACT && self.columns.find(&joined).is_some() {
            let text = written(node);
            let message = format!(
                "`{text}` is a difference; the column `{joined}` is written row[{joined:?}]"
            );
            self.mistake(text, message, Certain::No);
        }
    }

    fn is_in(&mut self, node: &IdedExpr, left: &'a IdedExpr, right: &'a IdedExpr) -> Part {
        let value = self.part(left);
        let Node::List(list) = &right.expr else {
            let within = self.part(right);
            if !within.kinds.meets(Kinds::LIST | Kinds::OTHER) {
                let text = written(node);
                let message = format!(
                    "`{text}` looks into a list, and `{}` is {}; a list is written [\"a\", \"b\"]",
                    written(right),
                    advice::noun(within.kinds)
                );
                self.mistake(text, message, Certain::OfText);
            }
            return self.made(operators::IN, Kinds::BOOL, &[&value, &within]);
        };
        let (within, elements) = self.list(right, list);
        if !list.elements.is_empty() && !equal_at_times(value.kinds, elements) {
            let side = Side::new(left, value.kinds, self.columns);
            let of = Side::new(right, elements, self.columns);
            self.compares(node, &[side, of]);
        }
        self.watch(node, left, value.kinds, elements);
        let mut made = self.made(operators::IN, Kinds::BOOL, &[&value, &within]);
        if let (Some(value), Some(within)) = (value.exactly(), within.exactly()) {
            made.node = call(operators::IN, vec![value.clone(), within.clone()]);
        }
        made
    }

    fn compares(&mut self, node: &IdedExpr, sides: &[Side; 2]) {
        let text = written(node);
        let [left, right] = sides;
        let message = format!(
            "`{text}` compares {} with {}{}",
            advice::noun(left.kinds),
            advice::noun(right.kinds),
            advice::compared(node, left, right)
        );
        // Who writes `x == null || x == ""` may mean it, for sources of either kind.
        let is = |kinds: Kinds| left.kinds.within(kinds) || right.kinds.within(kinds);
        let certain = match (is(Kinds::NULL), is(Kinds::TIME)) {
            (true, _) => Certain::No,
            (false, true) => Certain::Yes,
            (false, false) => Certain::OfText,
        };
        self.mistake(text, message, certain);
    }

    fn calculates(&mut self, node: &IdedExpr, sides: &[Side; 2], operator: &str) {
        let text = written(node);
        let [left, right] = sides;
        let message = format!(
            "`{text}`: `{operator}` does not take {} and {}{}",
            advice::noun(left.kinds),
            advice::noun(right.kinds),
            advice::calculated(left, right, operator)
        );
        let is_time = sides.iter().any(|side| side.kinds.within(Kinds::TIME));
        let certain = match is_time {
            true => Certain::Yes,
            false => Certain::OfText,
        };
        self.mistake(text, message, certain);
    }

    /// Notes a comparison that the data must decide.
    fn watch(&mut self, node: &IdedExpr, column: &IdedExpr, cells: Kinds, with: Kinds) {
        let Some(slot) = self.column(column) else {
            return;
        };
        let one = [Kinds::WORDS, Kinds::NUMBER, Kinds::BOOL];
        let Some(with) = one
            .into_iter()
            .find(|one| with.meets(*one) && with.within(*one))
        else {
            return;
        };
        let others = cells.without(with | Kinds::EMPTY | Kinds::NULL);
        if !cells.meets(with) || others == Kinds::NONE {
            return;
        }
        let kind = advice::noun(with);
        let message = format!(
            "`{}` compares `{}` with {kind}, but no row has {kind} there",
            written(node),
            written(column)
        );
        self.comparisons.push(Comparison {
            slot,
            with,
            message,
        });
    }
}

/// Whether two values can be of one kind. Where both are text, whatever it says, the kinds are not at fault.
fn equal_at_times(l: Kinds, r: Kinds) -> bool {
    let same = |kind: Kinds| both(l, r, kind);
    l.meets(r)
        || same(Kinds::NUMBER)
        || (l.within(Kinds::TEXT) && r.within(Kinds::TEXT))
        || same(Kinds::WORDS)
}

/// Whether it can depend on the row how two values are ordered.
fn ordered_at_times(l: Kinds, r: Kinds) -> bool {
    // Empty text comes before all other: beside text that is never empty, nothing depends on the row.
    let any_text = |kinds: Kinds| kinds.meets(Kinds::EMPTY) && kinds.meets(Kinds::WORDS);
    let texts = both(l, r, Kinds::TEXT)
        && (l.within(Kinds::TEXT) && r.within(Kinds::TEXT)
            || both(l, r, Kinds::WORDS)
            || any_text(l)
            || any_text(r));
    let same = [
        Kinds::NUMBER,
        Kinds::BOOL,
        Kinds::OTHER,
        Kinds::DATE,
        Kinds::MOMENT,
        Kinds::SPAN,
    ];
    texts || same.into_iter().any(|kind| both(l, r, kind))
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
