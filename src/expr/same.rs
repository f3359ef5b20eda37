//! Texts in `==`, `!=` and `in` are compared as keys are: as they [look](crate::text::compare). A row whose status is
//! `Terminated` with a zero width space behind it has left like any other.
//!
//! CEL compares code points, which comes to the same where all texts are as they are compared; nearly all are. So the
//! literals beside such an operator are made so once. For the few rows that have other texts there is a second tree, in
//! which a function stands around whatever can be text there. Nothing else in an expression is changed: what it gives, what
//! functions see, and the order of texts by `<` are the texts themselves.

use cel::common::ast::{Expr as Node, IdedExpr, LiteralValue, operators};
use cel::common::types::{CelString, DYN_TYPE, STRING_TYPE};
use cel::common::value::CowVal;
use cel::{DeclarationError, Env, ExecutionError};

use super::functions;
use super::part::{Place, call};
use super::tree::children_mut;
use crate::batch::Columns;
use crate::batch::kinds::Kinds;
use crate::text::compare::comparable;

/// The name of the function, which nobody can write.
const FUNCTION: &str = "@comparable";

/// The function: text as it is compared, and all else as it is.
pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_overload(FUNCTION, "text", vec![STRING_TYPE], |values| {
        let text = values.first().and_then(|v| v.downcast_ref::<CelString>());
        let text = text.map(|text| comparable(text.inner()).into_owned());
        Ok(CowVal::owned(CelString::from(text.unwrap_or_default())))
    })?;
    env.add_overload(FUNCTION, "any", vec![DYN_TYPE], |mut values| {
        values.pop().ok_or(ExecutionError::MissingArgumentOrTarget)
    })
}

/// Makes the literals comparable that are compared with something.
pub(super) fn prepare(root: &mut IdedExpr) {
    each_compared(root, &mut |operand| {
        if let Node::Literal(LiteralValue::String(text)) = &mut operand.expr {
            *text = CelString::from(comparable(text.inner()).into_owned());
        }
    });
}

/// The bound tree for rows with other texts, where that is another one.
pub(super) fn careful(root: &IdedExpr, columns: &Columns) -> Option<IdedExpr> {
    let mut careful = root.clone();
    let mut differs = false;
    each_compared(&mut careful, &mut |operand| {
        if can_be_text(operand, columns) {
            differs = true;
            *operand = call(FUNCTION, vec![std::mem::take(operand)]);
        }
    });
    differs.then_some(careful)
}

/// Calls `change` with all operands of comparisons, those within first; a list stands for its elements.
fn each_compared(node: &mut IdedExpr, change: &mut impl FnMut(&mut IdedExpr)) {
    for child in children_mut(node) {
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

/// Whether a part of an expression can come to text that is not as it is compared; constants are.
fn can_be_text(node: &IdedExpr, columns: &Columns) -> bool {
    match &node.expr {
        Node::Ident(name) => match Place::of(name) {
            Some(Place::Column(slot) | Place::Exact(slot)) => {
                columns.kinds(slot).meets(Kinds::PROSE)
            }
            Some(Place::Constant(_)) => false,
            None => true,
        },
        Node::Select(_) => true,
        Node::Call(call) => match functions::find(&call.func_name) {
            Some(function) => function.gives.meets(Kinds::PROSE),
            None => [operators::ADD, operators::CONDITIONAL, operators::INDEX]
                .contains(&call.func_name.as_str()),
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::batch::{Batch, Columns, Kind, Row};
    use crate::expr::{Expr, Use};
    use crate::text::dates::Date;

    /// What an expression gives of a row with the text cells `a` and `b` and the number 7 in `n`.
    fn eval(source: &str, a: &str, b: &str) -> String {
        let columns = Columns::from_header(["a", "b.c", "n"]);
        let mut batch = Batch::new(String::new(), 3);
        batch.push_row(Row {
            line: 0,
            start: 0,
            end: 0,
        });
        for (column, (text, kind)) in [(a, Kind::Text), (b, Kind::Text), ("7", Kind::Number)]
            .into_iter()
            .enumerate()
        {
            let cell = batch.append(text, kind);
            batch.push_cell(column, cell);
        }
        let expr = Expr::compile(source).unwrap();
        let bound = expr.bind(&columns, Use::Value, Date::MIN).unwrap();
        let mut out = String::new();
        bound.eval_text(&batch, 0, &mut out).unwrap();
        out
    }

    #[test]
    fn texts_that_look_the_same_are_the_same() {
        for source in [
            r#"a == "zoë b""#,
            "a == \"zoe\u{308}\u{a0}b\"",
            r#""zoë b" == a"#,
            r#"!(a != "zoë b")"#,
            r#"a == b.c"#,
            r#"row["b.c"] == a"#,
            r#"a in ["x", "zoë b"]"#,
            "a in [\"x\", \"zo\u{200b}ë b\"]",
            r#"a in [b.c]"#,
            r#"a.lowerAscii() == "zoë b""#,
            r#"a + "!" == b.c + "!""#,
            r#"(n == 7 ? a : "") == b.c"#,
            r#"[a].exists(x, x == b.c)"#,
            r#"a.split(" ")[0] == "zoë""#,
            r#"a.size() == 8 && a != "" && n == 7 && n != 8"#,
            r#"n in [7, 8]"#,
        ] {
            let found = eval(source, "zoe\u{308}\u{200b} \u{ad}b", "zoë\u{a0}b");
            assert_eq!(found, "true", "{source}");
        }
        assert_eq!(eval(r#"a == "Left""#, "Left", "").as_str(), "true");
        assert_eq!(eval(r#"a == "Left""#, "left\u{200b}", ""), "false");
        assert_eq!(eval(r#"a == """#, "\u{feff}", ""), "true");
    }

    #[test]
    fn nothing_else_sees_them_so() {
        let text = "zoe\u{308}\u{200b}";
        for (source, expected) in [
            (r#"a == "zoë" ? a : "x""#, text),
            (r#"a.size()"#, "5"),
            (r#"a.contains("\u200b")"#, "true"),
            (r#"a.startsWith("zoë")"#, "false"),
            (r#"matches(a, "\\p{Cf}$")"#, "true"),
            (r#"a < "zof""#, "true"),
            (r#""e\u0301" + a"#, "e\u{301}zoe\u{308}\u{200b}"),
        ] {
            assert_eq!(eval(source, text, "b"), expected, "{source}");
        }
    }
}
