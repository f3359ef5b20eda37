//! What does the same as a part of an expression, and is faster. What each of them gains was measured: docs/benchmarks.md.

use cel::common::ast::{Expr as Node, IdedExpr, LiteralValue, operators};

use super::Expr;
use super::compile::{Found, environment, parse, prepare};
use super::tree::children;
use super::words::written;

/// From so many comparisons on, a list is faster.
const COMPARISONS: usize = 3;

impl Expr {
    /// What to write in place of slow parts, each in a sentence.
    pub(crate) fn faster(&self) -> Vec<String> {
        let Some(root) = self.as_written() else {
            return Vec::new();
        };
        let mut found = Vec::new();
        let mut left = vec![&root];
        while let Some(node) = left.pop() {
            match compared(node).or_else(|| matched(node)) {
                Some(faster) => found.push(faster),
                None => left.extend(children(node)),
            }
        }
        found
    }

    /// The tree as it was written, before comparisons were made into what they mean.
    fn as_written(&self) -> Option<IdedExpr> {
        let env = environment().ok()?;
        let mut root = parse(&env, &self.source).ok()?;
        prepare(&mut root, &mut Vec::new(), &mut Found::default()).ok()?;
        Some(root)
    }
}

/// One text that is compared with many, by `||`.
fn compared(node: &IdedExpr) -> Option<String> {
    let mut leaves = Vec::new();
    alternatives(node, &mut leaves);
    let sides: Option<Vec<(String, &str)>> = leaves.iter().map(|leaf| equality(leaf)).collect();
    let sides = sides.filter(|sides| sides.len() >= COMPARISONS)?;
    let (value, first) = &sides[0];
    sides.iter().all(|(other, _)| other == value).then(|| {
        format!(
            "`{value} in [{first:?}, ...]` is faster than {} comparisons joined by `||`",
            sides.len()
        )
    })
}

fn alternatives<'a>(node: &'a IdedExpr, into: &mut Vec<&'a IdedExpr>) {
    match &node.expr {
        Node::Call(call) if call.func_name == operators::LOGICAL_OR => {
            call.args.iter().for_each(|part| alternatives(part, into));
        }
        _ => into.push(node),
    }
}

/// What is compared, and the text that it is compared with.
fn equality(node: &IdedExpr) -> Option<(String, &str)> {
    let Node::Call(call) = &node.expr else {
        return None;
    };
    match &call.args[..] {
        [left, right] if call.func_name == operators::EQUALS => match (text(left), text(right)) {
            (None, Some(text)) => Some((written(left), text)),
            (Some(text), None) => Some((written(right), text)),
            _ => None,
        },
        _ => None,
    }
}

fn text(node: &IdedExpr) -> Option<&str> {
    match &node.expr {
        Node::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

/// A regular expression that looks for a plain text.
fn matched(node: &IdedExpr) -> Option<String> {
    let Node::Call(call) = &node.expr else {
        return None;
    };
    let (target, [pattern]) = (call.target.as_ref()?, &call.args[..]) else {
        return None;
    };
    let pattern = text(pattern).filter(|_| call.func_name == "matches")?;
    let (begins, rest) = match pattern.strip_prefix('^') {
        Some(rest) => (true, rest),
        None => (false, pattern),
    };
    let (ends, rest) = match rest.strip_suffix('$') {
        Some(rest) if !rest.ends_with('\\') => (true, rest),
        _ => (false, rest),
    };
    let plain = plain(rest)?;
    let value = written(target);
    let instead = match (begins, ends) {
        (true, true) => format!("{value} == {plain:?}"),
        (true, false) => format!("{value}.startsWith({plain:?})"),
        (false, true) => format!("{value}.endsWith({plain:?})"),
        (false, false) => format!("{value}.contains({plain:?})"),
    };
    Some(format!("`{instead}` is faster than a regular expression"))
}

/// The text that a regular expression stands for, where it stands for one alone.
pub(crate) fn plain(pattern: &str) -> Option<String> {
    let mut plain = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => plain.push(chars.next().filter(char::is_ascii_punctuation)?),
            c if ".^$*+?()[]{}|".contains(c) => return None,
            c => plain.push(c),
        }
    }
    (!plain.is_empty()).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_slow_has_a_faster_way() {
        let check = |source: &str, expected: &[&str]| {
            let found = Expr::compile(source).unwrap().faster();
            assert_eq!(found, expected, "{source}");
        };
        let list = "`grade in [\"G1\", ...]` is faster than 3 comparisons joined by `||`";
        check("grade == 'G1' || 'G2' == grade || grade == 'G3'", &[list]);
        check(
            "status != 'x' && (grade == 'G1' || grade == 'G2' || grade == 'G3')",
            &[list],
        );
        check("grade == 'G1' || grade == 'G2'", &[]);
        check("grade == 'G1' || grade == 'G2' || status == 'G3'", &[]);
        check("grade == 'G1' || grade == 'G2' || grade == other", &[]);
        check(
            r#"row["E-Mail"].matches('@example\\.com$')"#,
            &[r#"`row["E-Mail"].endsWith("@example.com")` is faster than a regular expression"#],
        );
        check(
            "a.matches('^x') || a.matches('y')",
            &[
                "`a.contains(\"y\")` is faster than a regular expression",
                "`a.startsWith(\"x\")` is faster than a regular expression",
            ],
        );
        check(
            "a.matches('^x$')",
            &["`a == \"x\"` is faster than a regular expression"],
        );
        for rest in [
            "a.matches('x.y')",
            r"a.matches('\\d')",
            "a.matches('x|y')",
            "a.matches('')",
        ] {
            check(rest, &[]);
        }
    }
}
