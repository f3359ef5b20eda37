//! The parts of an expression as they are evaluated: bound to columns, with numbers of one kind.

use cel::common::ast::{CallExpr, Expr as Node, IdedExpr, LiteralValue};
use cel::common::types::CelDouble;

use super::number;
use crate::batch::kinds::Kinds;

/// What a name in a bound expression is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The cells of a physical column; a number as a double.
    Column(usize),
    /// The same, but that a number has all its digits.
    Exact(usize),
    /// What is the same for every row.
    Constant(usize),
}

impl Place {
    /// The place of a name; nothing for the variable of a macro.
    pub(super) fn of(name: &str) -> Option<Place> {
        let mut chars = name.chars();
        let place = match chars.next()? {
            '\u{3}' => Place::Column,
            '\u{4}' => Place::Exact,
            '\u{5}' => Place::Constant,
            _ => return None,
        };
        chars.as_str().parse().ok().map(place)
    }

    /// The place that a node is the name of.
    pub(super) fn of_node(node: &IdedExpr) -> Option<Place> {
        match &node.expr {
            Node::Ident(name) => Place::of(name),
            _ => None,
        }
    }

    /// The name of the place, which no identifier can be.
    pub(super) fn name(self) -> String {
        match self {
            Place::Column(slot) => format!("\u{3}{slot}"),
            Place::Exact(slot) => format!("\u{4}{slot}"),
            Place::Constant(at) => format!("\u{5}{at}"),
        }
    }

    pub(super) fn node(self) -> IdedExpr {
        node(Node::Ident(self.name()))
    }
}

/// A node that the parser did not make.
pub(super) fn node(expr: Node) -> IdedExpr {
    IdedExpr { id: 0, expr }
}

/// A call of a function.
pub(super) fn call(name: &str, args: Vec<IdedExpr>) -> IdedExpr {
    node(Node::Call(CallExpr {
        func_name: name.to_owned(),
        target: None,
        args,
    }))
}

/// A part of an expression, and what is known of it.
pub(super) struct Part {
    pub(super) node: IdedExpr,
    /// The same with all digits of its numbers, where they are not computed.
    pub(super) exact: Option<IdedExpr>,
    pub(super) kinds: Kinds,
    /// Whether it is the same for every row.
    pub(super) constant: bool,
    /// Whether it depends on the day of the run.
    pub(super) by_day: bool,
}

impl Part {
    pub(super) fn new(node: IdedExpr, kinds: Kinds) -> Part {
        Part {
            node,
            exact: None,
            kinds,
            constant: false,
            by_day: false,
        }
    }

    /// Made of other parts, and nothing else.
    pub(super) fn made_of(node: IdedExpr, kinds: Kinds, parts: &[&Part]) -> Part {
        Part {
            constant: parts.iter().all(|part| part.constant),
            by_day: parts.iter().any(|part| part.by_day),
            ..Part::new(node, kinds)
        }
    }

    /// What its numbers can be.
    pub(super) fn numbers(&self) -> Kinds {
        self.kinds & Kinds::NUMBER
    }

    /// The part with all digits, if it has them or holds no number at all.
    pub(super) fn exactly(&self) -> Option<&IdedExpr> {
        let may_hold_numbers = Kinds::NUMBER | Kinds::LIST | Kinds::OTHER;
        match &self.exact {
            None if !self.kinds.meets(may_hold_numbers) => Some(&self.node),
            exact => exact.as_ref(),
        }
    }

    /// With its numbers as doubles.
    pub(super) fn double(mut self) -> Part {
        if !self.kinds.meets(Kinds::INT) {
            return self;
        }
        let literal = match &self.node.expr {
            Node::Literal(LiteralValue::Int(int)) => Some(*int.inner() as f64),
            Node::Literal(LiteralValue::UInt(uint)) => Some(*uint.inner() as f64),
            _ => None,
        };
        self.node = match literal {
            Some(double) => node(Node::Literal(LiteralValue::Double(CelDouble::from(double)))),
            None => call(number::DOUBLE, vec![self.node]),
        };
        self.kinds = self.kinds.without(Kinds::NUMBER) | Kinds::DOUBLE;
        self
    }

    /// With its numbers as whole ones.
    pub(super) fn whole(mut self) -> Part {
        if self.kinds.meets(Kinds::DOUBLE) {
            self.node = call(number::WHOLE, vec![self.node]);
            self.kinds = self.kinds.without(Kinds::NUMBER) | Kinds::INT;
        }
        self
    }
}

/// Makes doubles of all numbers, where some may be whole ones and others not.
pub(super) fn even(parts: &mut [Part]) {
    let is = |kinds: Kinds| parts.iter().any(|part| part.numbers() == kinds);
    // Two of which nothing is known are left to the evaluator.
    let mixed = match (is(Kinds::DOUBLE), is(Kinds::INT)) {
        (true, ints) => ints || is(Kinds::NUMBER),
        (false, true) => is(Kinds::NUMBER),
        (false, false) => false,
    };
    if !mixed {
        return;
    }
    for part in parts {
        let taken = std::mem::replace(part, Part::new(node(Node::Unspecified), Kinds::NONE));
        *part = taken.double();
    }
}
