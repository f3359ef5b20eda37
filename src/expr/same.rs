//! Texts in `==`, `!=` and `in` are compared as keys are: as they [look](crate::text::compare). A row whose status is
//! `Terminated` with a zero width space behind it has left like any other.
//!
//! CEL compares code points, which comes to the same where all texts are as they are compared; nearly all are. So the
//! literals beside such an operator are made so once. For the few rows that have other texts there is a second tree, in
//! which a function stands around whatever can be text there. Nothing else in an expression is changed: what it gives, what
//! functions see, and the order of texts by `<` are the texts themselves.

use cel::Value;
use cel::common::ast::{CallExpr, EntryExpr, Expr as Node, IdedExpr, LiteralValue, operators};
use cel::common::types::CelString;

use super::functions;
use crate::batch::kinds::Kinds;
use crate::text::compare::comparable;

/// The name of the function, which nobody can write.
pub(super) const FUNCTION: &str = "@comparable";

/// The function: text as it is compared, and all else as it is.
pub(super) fn function(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(comparable(&text).into_owned().into()),
        other => other,
    }
}

/// Makes the literals comparable that are compared with something. Returns the tree for rows with other texts, where
/// that is another one.
pub(super) fn prepare(root: &mut IdedExpr) -> Option<IdedExpr> {
    each_compared(root, &mut |operand| {
        if let Node::Literal(LiteralValue::String(text)) = &mut operand.expr {
            *text = CelString::from(comparable(text.inner()).into_owned());
        }
    });
    let mut careful = root.clone();
    let mut differs = false;
    each_compared(&mut careful, &mut |operand| {
        if can_be_text(operand) {
            differs = true;
            let id = operand.id;
            let call = CallExpr {
                func_name: FUNCTION.to_owned(),
                target: None,
                args: vec![std::mem::take(operand)],
            };
            *operand = IdedExpr {
                id,
                expr: Node::Call(call),
            };
        }
    });
    differs.then_some(careful)
}

/// Calls `change` with all operands of comparisons, those within first; a list stands for its elements.
fn each_compared(node: &mut IdedExpr, change: &mut impl FnMut(&mut IdedExpr)) {
    for child in children(node) {
        each_compared(child, change);
    }
    let Node::Call(call) = &mut node.expr else {
        return;
    };
    let compares = [operators::EQUALS, operators::NOT_EQUALS, operators::IN];
    if !compares.contains(&call.func_name.as_str()) {
        return;
    }
    for operand in &mut call.args {
        match &mut operand.expr {
            Node::List(list) => list.elements.iter_mut().for_each(&mut *change),
            _ => change(operand),
        }
    }
}

/// Whether a part of an expression, which is not a literal, can come to text.
fn can_be_text(node: &IdedExpr) -> bool {
    match &node.expr {
        Node::Ident(_) | Node::Select(_) => true,
        Node::Call(call) => match functions::find(&call.func_name) {
            Some(function) => function.gives.meets(Kinds::TEXT),
            None => [operators::ADD, operators::CONDITIONAL, operators::INDEX]
                .contains(&call.func_name.as_str()),
        },
        _ => false,
    }
}

fn children(node: &mut IdedExpr) -> Vec<&mut IdedExpr> {
    let mut all = Vec::new();
    match &mut node.expr {
        Node::Unspecified | Node::Ident(_) | Node::Literal(_) | Node::Struct(_) => {}
        Node::Call(call) => {
            all.extend(call.target.as_deref_mut());
            all.extend(&mut call.args);
        }
        Node::Comprehension(c) => all.extend([
            &mut c.iter_range,
            &mut c.accu_init,
            &mut c.loop_cond,
            &mut c.loop_step,
            &mut c.result,
        ]),
        Node::List(list) => all.extend(&mut list.elements),
        Node::Map(map) => {
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                    all.extend([&mut entry.key, &mut entry.value]);
                }
            }
        }
        Node::Select(select) => all.push(&mut select.operand),
    }
    all
}
