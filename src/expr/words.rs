//! An expression written out again, to be quoted in messages.

use cel::common::ast::{CallExpr, Expr as Node, IdedExpr, LiteralValue, operators};

/// Marks the name in `row["..."]`, so that it is a column and nothing else. Can't be in an identifier.
pub(super) const QUOTED: char = '\u{1}';

/// Marks the digits of a number that is too long for 64 bits.
pub(super) const DIGITS: char = '\u{2}';

/// A part of an expression, as somebody would write it. What the parser made of a macro is `...`.
pub(super) fn written(node: &IdedExpr) -> String {
    let list = |nodes: &[IdedExpr]| nodes.iter().map(written).collect::<Vec<_>>().join(", ");
    match &node.expr {
        Node::Ident(name) => match name.strip_prefix(QUOTED) {
            Some(column) => format!("row[{column:?}]"),
            None => name.trim_start_matches(DIGITS).to_owned(),
        },
        Node::Literal(literal) => literal_text(literal),
        Node::List(items) => format!("[{}]", list(&items.elements)),
        Node::Select(select) if select.test => {
            format!("has({}.{})", written(&select.operand), select.field)
        }
        Node::Select(select) => format!("{}.{}", written(&select.operand), select.field),
        Node::Call(call) => match (infix(&call.func_name), &call.target, &call.args[..]) {
            (Some(operator), None, [left, right]) => {
                format!("{} {operator} {}", operand(left), operand(right))
            }
            (_, None, [one]) if call.func_name == operators::LOGICAL_NOT => {
                format!("!{}", tight(one))
            }
            (_, None, [one]) if call.func_name == operators::NEGATE => format!("-{}", tight(one)),
            (_, None, [list, at]) if call.func_name == operators::INDEX => {
                format!("{}[{}]", written(list), written(at))
            }
            (_, None, [condition, yes, no]) if call.func_name == operators::CONDITIONAL => format!(
                "{} ? {} : {}",
                operand(condition),
                operand(yes),
                operand(no)
            ),
            (_, Some(target), args) => {
                format!("{}.{}({})", tight(target), call.func_name, list(args))
            }
            (_, None, args) if call.func_name.starts_with(char::is_alphabetic) => {
                // The parser makes calls of these two of its own.
                let name = match call.func_name.as_str() {
                    "math.@max" => "math.greatest",
                    "math.@min" => "math.least",
                    name => name,
                };
                format!("{name}({})", list(args))
            }
            _ => "...".to_owned(),
        },
        _ => "...".to_owned(),
    }
}

/// A call in the other form: `f(x, y)` for `x.f(y)`, and `x.f(y)` for `f(x, y)`.
pub(super) fn other_form(call: &CallExpr) -> Option<String> {
    let args: Vec<String> = call.args.iter().map(written).collect();
    match &call.target {
        Some(target) => {
            let args = [&[written(target)], &args[..]].concat();
            Some(format!("{}({})", call.func_name, args.join(", ")))
        }
        None => {
            let (_, rest) = args.split_first()?;
            let target = tight(call.args.first()?);
            Some(format!("{target}.{}({})", call.func_name, rest.join(", ")))
        }
    }
}

/// In brackets where it has an operator of its own.
fn operand(node: &IdedExpr) -> String {
    let text = written(node);
    match &node.expr {
        Node::Call(call)
            if call.target.is_none()
                && (infix(&call.func_name).is_some()
                    || call.func_name == operators::CONDITIONAL) =>
        {
            format!("({text})")
        }
        _ => text,
    }
}

/// In brackets also where it begins with a sign, for what binds closer than one.
fn tight(node: &IdedExpr) -> String {
    let text = operand(node);
    match text.starts_with(['-', '!']) {
        true => format!("({text})"),
        false => text,
    }
}

fn literal_text(literal: &LiteralValue) -> String {
    match literal {
        LiteralValue::Boolean(b) => b.inner().to_string(),
        LiteralValue::Double(d) => format!("{:?}", d.inner()),
        LiteralValue::Int(i) => i.inner().to_string(),
        LiteralValue::UInt(u) => format!("{}u", u.inner()),
        LiteralValue::String(s) => format!("{:?}", s.inner()),
        LiteralValue::Null => "null".to_owned(),
        LiteralValue::Bytes(_) => "b\"...\"".to_owned(),
    }
}

/// An operator between two values, as it is written.
pub(super) fn infix(function: &str) -> Option<&str> {
    match function {
        operators::IN => Some("in"),
        _ => {
            let inner = function.strip_prefix('_')?.strip_suffix('_')?;
            let operator =
                !inner.is_empty() && (inner.bytes()).all(|b| b"+-*/%=!<>&|".contains(&b));
            operator.then_some(inner)
        }
    }
}
