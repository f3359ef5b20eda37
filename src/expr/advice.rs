//! What to write instead, where the kinds of an expression can't have been meant.

use cel::common::ast::{Expr as Node, IdedExpr, LiteralValue, operators};

use super::tree::qualified;
use super::words::{QUOTED, infix, written};
use crate::batch::Columns;
use crate::batch::kinds::Kinds;

/// One side of an operator.
pub(super) struct Side {
    pub(super) kinds: Kinds,
    pub(super) is_literal: bool,
    text: String,
    /// The column's name, where the side is a column and nothing else.
    column: Option<String>,
    /// Whether it is text because all cells of its source are.
    of_csv: bool,
}

impl Side {
    pub(super) fn new(node: &IdedExpr, kinds: Kinds, columns: &Columns) -> Side {
        let name = qualified(node).map(|segments| segments.join("."));
        let name = name.map(|name| name.trim_start_matches(QUOTED).to_owned());
        Side {
            kinds,
            is_literal: matches!(node.expr, Node::Literal(_)),
            text: written(node),
            column: name.filter(|name| columns.find(name).is_some()),
            of_csv: columns.source().within(Kinds::TEXT),
        }
    }

    /// The column's name, where it holds text and nothing else.
    fn text_column(&self) -> Option<&str> {
        self.column
            .as_deref()
            .filter(|_| self.kinds.within(Kinds::TEXT))
    }

    /// Why a column is text, and the stage that makes something else of it.
    fn stage(&self, stage: &str) -> Option<String> {
        let column = self.text_column()?;
        let because = match self.of_csv {
            true => format!("a CSV column is text until a `{stage}` stage has run"),
            false => format!("`{column}` is text at this point"),
        };
        let name = match column
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_')
        {
            true => column.to_owned(),
            false => format!("{column:?}"),
        };
        Some(format!(
            "{because}; add `- {stage}: {{ columns: [{name}] }}` before"
        ))
    }
}

/// The kinds in words. Empty text goes without saying beside others: any cell may be empty.
pub(super) fn noun(kinds: Kinds) -> String {
    let mut words = Vec::new();
    for (kind, word) in [
        (Kinds::WORDS, "text"),
        (Kinds::NUMBER, "a number"),
        (Kinds::BOOL, "true or false"),
        (Kinds::LIST, "a list"),
        (Kinds::OTHER, "another kind of value"),
    ] {
        if kinds.meets(kind) {
            words.push(word);
        }
    }
    match words[..] {
        [] if kinds.meets(Kinds::EMPTY) => "empty text".to_owned(),
        [] => "null".to_owned(),
        _ => words.join(" or "),
    }
}

/// What a function takes, in words.
pub(super) fn taken(takes: Kinds) -> &'static str {
    match takes {
        Kinds::TEXT => "text",
        Kinds::NUMBER => "a number",
        Kinds::LIST => "a list",
        _ if takes.meets(Kinds::NUMBER) => "text or a number",
        _ if takes.meets(Kinds::BOOL) => "text, true or false",
        _ => "text or a list",
    }
}

/// For a comparison of two kinds.
pub(super) fn compared(node: &IdedExpr, left: &Side, right: &Side) -> String {
    for (column, other) in [(left, right), (right, left)] {
        if let Some(name) = column.text_column() {
            if other.kinds == Kinds::NULL {
                return format!("; an empty cell is empty text, `{} == \"\"`", column.text);
            }
            let stage = match other.kinds.without(Kinds::EMPTY) {
                Kinds::NUMBER => "number",
                Kinds::BOOL => "boolean",
                _ => continue,
            };
            let stage = column.stage(stage).unwrap_or_else(|| name.to_owned());
            return match requoted(node, true) {
                Some(text) => format!(": {stage}, or write `{text}`"),
                None => format!(": {stage}"),
            };
        }
        if column.column.is_some() && other.kinds.within(Kinds::TEXT) {
            let is = format!("`{}` is {} at this point", column.text, noun(column.kinds));
            return match requoted(node, false) {
                Some(text) => format!(": {is}; write `{text}`"),
                None => format!(": {is}"),
            };
        }
    }
    ", which is the same for every row".to_owned()
}

/// The comparison with its literals as text, or as what their text says.
fn requoted(node: &IdedExpr, as_text: bool) -> Option<String> {
    let Node::Call(call) = &node.expr else {
        return None;
    };
    let (operator, [left, right]) = (&*call.func_name, &call.args[..]) else {
        return None;
    };
    // Numbers as text have another order.
    let equal = [operators::EQUALS, operators::NOT_EQUALS, operators::IN].contains(&operator);
    if as_text && !equal {
        return None;
    }
    let (left, right) = match (literal(left, as_text), literal(right, as_text)) {
        (Some(left), None) => (left, written(right)),
        (None, Some(right)) => (written(left), right),
        _ => return None,
    };
    Some(format!("{left} {} {right}", infix(operator)?))
}

/// A literal, or a list of literals, as text or as what its text says; nothing where that is not possible.
fn literal(node: &IdedExpr, as_text: bool) -> Option<String> {
    match &node.expr {
        Node::Literal(LiteralValue::String(text)) if !as_text => {
            let text = text.inner();
            let says = text == "true" || text == "false" || text.parse::<f64>().is_ok();
            says.then(|| text.to_owned())
        }
        Node::Literal(LiteralValue::String(_) | LiteralValue::Null) => None,
        Node::Literal(_) if as_text => Some(format!("\"{}\"", written(node))),
        Node::List(list) => {
            let items: Option<Vec<_>> = list.elements.iter().map(|e| literal(e, as_text)).collect();
            Some(format!("[{}]", items?.join(", ")))
        }
        _ => None,
    }
}

/// For a calculation with two kinds.
pub(super) fn calculated(left: &Side, right: &Side, operator: &str) -> String {
    for (column, other) in [(left, right), (right, left)] {
        let number = other.kinds.meets(Kinds::NUMBER);
        let Some(stage) = column.stage("number").filter(|_| number || operator != "+") else {
            continue;
        };
        return match operator == "+" {
            true => format!(": {stage}, or join text with `string({})`", other.text),
            false => format!(": {stage}"),
        };
    }
    for (side, other) in [(left, right), (right, left)] {
        if operator == "+" && side.kinds.meets(Kinds::NUMBER) && other.kinds.meets(Kinds::TEXT) {
            return format!("; a number is joined to text as `string({})`", side.text);
        }
    }
    String::new()
}

/// For what should be true or false.
pub(super) fn to_be_true(side: &Side) -> String {
    match (side.stage("boolean"), side.kinds) {
        (Some(stage), _) => format!(": {stage}, or compare it, as in `{} == \"Y\"`", side.text),
        (None, Kinds::LIST) => String::new(),
        (None, _) => format!("; compare it, as in `{} == ...`", side.text),
    }
}

/// For what should be a number.
pub(super) fn to_be_a_number(side: &Side) -> String {
    match side.stage("number") {
        Some(stage) => format!(": {stage}"),
        None if side.kinds.within(Kinds::TEXT) && !side.is_literal => {
            format!("; write `int({0})` or `double({0})`", side.text)
        }
        None => String::new(),
    }
}

/// For what should be text, or a list.
pub(super) fn to_be_text(side: &Side, takes: Kinds) -> String {
    let number = side.kinds.within(Kinds::NUMBER | Kinds::EMPTY);
    match takes.meets(Kinds::TEXT) && number {
        true => format!("; write `string({})`", side.text),
        false => String::new(),
    }
}
