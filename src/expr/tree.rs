//! The tree of an expression: its parts, and what stands for a name in it.

use cel::common::ast::{EntryExpr, Expr as Node, IdedExpr};

use super::functions;

/// First words of the qualified function names.
const NAMESPACES: [&str; 3] = ["math", "optional", "strings"];

/// The parts of a node.
pub(super) fn children(node: &IdedExpr) -> Vec<&IdedExpr> {
    let mut all = Vec::new();
    match &node.expr {
        Node::Unspecified | Node::Ident(_) | Node::Literal(_) => {}
        Node::Call(call) => {
            all.extend(call.target.as_deref());
            all.extend(&call.args);
        }
        Node::Comprehension(c) => {
            all.extend([
                &c.iter_range,
                &c.accu_init,
                &c.loop_cond,
                &c.loop_step,
                &c.result,
            ]);
        }
        Node::List(list) => all.extend(&list.elements),
        Node::Map(map) => {
            for entry in &map.entries {
                match &entry.expr {
                    EntryExpr::StructField(field) => all.push(&field.value),
                    EntryExpr::MapEntry(entry) => all.extend([&entry.key, &entry.value]),
                }
            }
        }
        Node::Select(select) => all.push(&select.operand),
        Node::Struct(s) => {
            for entry in &s.entries {
                match &entry.expr {
                    EntryExpr::StructField(field) => all.push(&field.value),
                    EntryExpr::MapEntry(entry) => all.extend([&entry.key, &entry.value]),
                }
            }
        }
    }
    all
}

pub(super) fn depth(node: &IdedExpr) -> usize {
    1 + children(node).into_iter().map(depth).max().unwrap_or(0)
}

/// The segments of a name or of selections on a name: `a`, `a.b.c`.
pub(super) fn qualified(node: &IdedExpr) -> Option<Vec<String>> {
    match &node.expr {
        Node::Ident(name) => Some(vec![name.clone()]),
        Node::Select(select) if !select.test => {
            let mut segments = qualified(&select.operand)?;
            segments.push(select.field.clone());
            Some(segments)
        }
        _ => None,
    }
}

/// The whole name of a qualified function, `math.round`, where a call is one.
pub(super) fn qualified_function(
    target: Option<&IdedExpr>,
    function: &str,
    locals: &[String],
) -> Option<String> {
    match &target?.expr {
        Node::Ident(name) if NAMESPACES.contains(&name.as_str()) && !locals.contains(name) => {
            Some(format!("{name}.{function}")).filter(|whole| functions::find(whole).is_some())
        }
        _ => None,
    }
}
