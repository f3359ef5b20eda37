//! The tree of an expression: its parts, and what stands for a name in it.

use cel::common::ast::{EntryExpr, Expr as Node, IdedExpr};

use super::functions;

/// First words of the qualified function names.
const NAMESPACES: [&str; 3] = ["math", "optional", "strings"];

/// The parts of a node, to be read or to be changed.
macro_rules! parts {
    ($name:ident, $node:ty, $as_deref:ident, [$($change:tt)*]) => {
        pub(super) fn $name(node: $node) -> Vec<$node> {
            let mut all = Vec::new();
            match &$($change)* node.expr {
                Node::Unspecified | Node::Ident(_) | Node::Literal(_) => {}
                Node::Call(call) => {
                    all.extend(call.target.$as_deref());
                    all.extend(&$($change)* call.args);
                }
                Node::Comprehension(c) => {
                    all.extend([
                        &$($change)* c.iter_range,
                        &$($change)* c.accu_init,
                        &$($change)* c.loop_cond,
                        &$($change)* c.loop_step,
                        &$($change)* c.result,
                    ]);
                }
                Node::List(list) => all.extend(&$($change)* list.elements),
                Node::Map(map) => {
                    for entry in &$($change)* map.entries {
                        match &$($change)* entry.expr {
                            EntryExpr::StructField(field) => all.push(&$($change)* field.value),
                            EntryExpr::MapEntry(entry) => {
                                all.push(&$($change)* entry.key);
                                all.push(&$($change)* entry.value);
                            }
                        }
                    }
                }
                Node::Select(select) => all.push(&$($change)* *select.operand),
                Node::Struct(s) => {
                    for entry in &$($change)* s.entries {
                        match &$($change)* entry.expr {
                            EntryExpr::StructField(field) => all.push(&$($change)* field.value),
                            EntryExpr::MapEntry(entry) => {
                                all.push(&$($change)* entry.key);
                                all.push(&$($change)* entry.value);
                            }
                        }
                    }
                }
            }
            all
        }
    };
}

parts!(children, &IdedExpr, as_deref, []);
parts!(children_mut, &mut IdedExpr, as_deref_mut, [mut]);

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
