//! Variables in the values of a pipeline file: `${VAR}`, `${VAR:-default}`, `${VAR:?message}`, and
//! `$$` for a dollar.
//!
//! Filled in after YAML parsing and into values alone, so that no variable can bring in keys, lists or
//! other structure. A `$` before anything else stays, as in a regular expression's `\d$`.

use super::tree::{Kind, Node};
use crate::config::problem::{Findings, Place};

/// Looks a variable up.
pub(crate) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Fills in every value below `node` that was written in the file; what came by `--set` went through
/// a shell already. A value with a problem is taken out.
pub(in crate::config) fn substitute(node: &mut Node, env: Env, findings: &mut Findings) {
    if matches!(node.place, Place::Set(_)) {
        return;
    }
    match &mut node.kind {
        Kind::Seq(items) => {
            for item in items {
                substitute(item, env, findings);
            }
        }
        Kind::Map(entries) => {
            for (_, value) in entries {
                substitute(value, env, findings);
            }
        }
        Kind::Scalar(scalar) if scalar.text.contains('$') => match fill(&scalar.text, env) {
            Ok(Filled { text, variables }) => {
                let template = std::mem::replace(&mut scalar.text, text);
                scalar.template = variables.then_some(template);
            }
            Err((message, help)) => {
                findings.problem(node.place.clone(), message, &help);
                node.kind = Kind::Removed;
            }
        },
        Kind::Scalar(_) | Kind::Removed | Kind::Filler => {}
    }
}

struct Filled {
    text: String,
    /// Whether a variable was filled in, and not only `$$` read as `$`.
    variables: bool,
}

fn fill(template: &str, env: Env) -> Result<Filled, (String, String)> {
    let mut text = String::with_capacity(template.len());
    let mut variables = false;
    let mut rest = template;
    while let Some(at) = rest.find('$') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            text.push('$');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('{') {
            let Some(end) = after.find('}') else {
                return Err(("`${` is not closed by `}`".into(), LITERAL.into()));
            };
            text.push_str(&variable(&after[..end], env)?);
            variables = true;
            rest = &after[end + 1..];
        } else {
            text.push('$');
        }
    }
    text.push_str(rest);
    Ok(Filled { text, variables })
}

const LITERAL: &str = "write `$$` for a dollar sign";

fn variable(inside: &str, env: Env) -> Result<String, (String, String)> {
    let end = inside
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or(inside.len());
    let (name, rest) = inside.split_at(end);
    let well_named = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !well_named || !(rest.is_empty() || rest.starts_with(":-") || rest.starts_with(":?")) {
        return Err((
            format!("`${{{inside}}}` is not a variable"),
            format!("expected ${{NAME}}, ${{NAME:-default}} or ${{NAME:?message}}; {LITERAL}"),
        ));
    }
    let value = env(name);
    if rest.is_empty() {
        return value.ok_or_else(|| {
            (
                format!("the environment variable {name} is not set"),
                format!("set it, or give a default: ${{{name}:-default}}"),
            )
        });
    }
    // As in a shell, `:` takes a variable that is set and empty for one that is not set.
    match (value.filter(|v| !v.is_empty()), rest.split_at(2)) {
        (Some(value), _) => Ok(value),
        (None, (":-", default)) => Ok(default.to_owned()),
        (None, (_, "")) => Err((
            format!("the environment variable {name} is not set or is empty"),
            String::new(),
        )),
        (None, (_, message)) => Err((
            format!("the environment variable {name} is not set or is empty: {message}"),
            String::new(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "HOST" => Some("example.com".into()),
            "EMPTY" => Some(String::new()),
            "_X1" => Some("${HOST}".into()),
            _ => None,
        }
    }

    fn check(template: &str, expected: &str) {
        let got = match fill(template, &env) {
            Ok(filled) => filled.text,
            Err((message, _)) => format!("! {message}"),
        };
        assert_eq!(got, expected, "{template}");
    }

    #[test]
    fn variables_are_filled_in() {
        check("https://${HOST}/x", "https://example.com/x");
        check("${HOST}${HOST}", "example.comexample.com");
        check("${NONE:-}", "");
        check("${NONE:-a b:-c}", "a b:-c");
        check("${EMPTY:-x}", "x");
        check("${EMPTY}", "");
        check("${HOST:-x}", "example.com");
        check("${HOST:?say}", "example.com");
        check("${_X1}", "${HOST}");
    }

    #[test]
    fn other_dollars_stay() {
        check(r"^\d{8}$", r"^\d{8}$");
        check(r"^\d{8}$|^$", r"^\d{8}$|^$");
        check("$HOST $1 $", "$HOST $1 $");
        check("$$", "$");
        check("$${HOST}", "${HOST}");
        check("$$$${HOST}", "$${HOST}");
        check("x={{jobStatus}}", "x={{jobStatus}}");
        check("é$é", "é$é");
    }

    #[test]
    fn wrong_ones_are_problems() {
        check("${NONE}", "! the environment variable NONE is not set");
        check(
            "${NONE:?ask Ann}",
            "! the environment variable NONE is not set or is empty: ask Ann",
        );
        check(
            "${EMPTY:?}",
            "! the environment variable EMPTY is not set or is empty",
        );
        check("${1}", "! `${1}` is not a variable");
        check("${}", "! `${}` is not a variable");
        check("${A-b}", "! `${A-b}` is not a variable");
        check("${HOST", "! `${` is not closed by `}`");
    }
}
