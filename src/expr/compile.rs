//! From an expression's text to its tree: parsed, its names and patterns collected, and what can't be
//! evaluated for any row refused.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use cel::Env;
use cel::common::ast::{
    CallExpr, EntryExpr, Expr as Node, IdedEntryExpr, IdedExpr, LiteralValue, operators,
};
use regex::Regex;

use super::error::{ExprError, one_line};
use super::functions::{self, FUNCTIONS, Form, Function};
use super::scan::{Readable, words_around};
use super::tree::{children_mut, depth, qualified, qualified_function};
use super::words::{self, DIGITS, QUOTED};
use super::{number, same, time};

/// Deepest nesting of brackets: the parser's time grows steeply with it.
pub(super) const MAX_BRACKETS: usize = 24;

/// Deepest tree: an unoptimised build uses 42 KiB of stack a level, and a worker has 2 MiB.
pub(super) const MAX_DEPTH: usize = 32;

/// Stack of the thread that parses, so that even the longest chain of operators can't overflow it.
/// It is address space; only what is used becomes memory.
const PARSE_STACK: usize = 64 << 20;

/// Names that stand for types where no column has them.
pub(super) const TYPES: [&str; 11] = [
    "bool",
    "bytes",
    "double",
    "dyn",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "type",
    "uint",
];

/// A name that an expression uses and that may be a column: the segments of `a.b.c`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) segments: Vec<String>,
    /// Written `row["..."]`: a column and nothing else.
    pub(super) quoted: bool,
}

impl Name {
    /// The column whose member it would be where no column has a dot in its name.
    pub(super) fn member_of(&self) -> Option<String> {
        let (_, before) = self.segments.split_last()?;
        (!self.quoted && !before.is_empty()).then(|| before.join("."))
    }
}

pub(super) fn is_type(name: &Name) -> bool {
    match name.segments.as_slice() {
        [one] => TYPES.contains(&one.as_str()),
        _ => false,
    }
}

/// What the parser turns into loops; a call to one that is left in the tree has the wrong arguments.
const MACROS: [&str; 6] = ["has", "all", "exists", "exists_one", "map", "filter"];

/// The functions that expressions know. They are declared once: there may be hundreds of expressions.
pub(super) fn environment() -> Result<Arc<Env>, ExprError> {
    static DECLARED: LazyLock<Result<Arc<Env>, ExprError>> =
        LazyLock::new(|| declared().map(Arc::new));
    DECLARED.clone()
}

fn declared() -> Result<Env, ExprError> {
    let mut env = Env::stdlib();
    env.add_extension(cel::extensions::strings)
        .and_then(|()| env.add_extension(cel::extensions::math))
        .and_then(|()| number::extension(&mut env))
        .and_then(|()| time::extension(&mut env))
        .and_then(|()| same::extension(&mut env))
        .map_err(|e| ExprError::Unsupported(e.to_string()))?;
    Ok(env)
}

/// Parses on a thread of its own: its stack is large, and should the parser panic, that is an error.
pub(super) fn parse(env: &Env, source: &str) -> Result<IdedExpr, ExprError> {
    let readable = Readable::new(source);
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("expression".to_owned())
            .stack_size(PARSE_STACK)
            .spawn_scoped(scope, || match env.parser().parse(&readable.text) {
                Ok(root) if depth(&root) > MAX_DEPTH => Err(ExprError::TooDeep),
                Ok(mut root) => {
                    readable.restore(&mut root);
                    Ok(root)
                }
                Err(errors) => Err(syntax_error(source, &readable, &errors)),
            })
            .map_err(|e| ExprError::Unsupported(format!("no thread to parse it on: {e}")))?
            .join()
            .unwrap_or_else(|_| Err(ExprError::Unsupported("the parser gave up on it".into())))
    })
}

fn syntax_error(source: &str, readable: &Readable, errors: &cel::ParseErrors) -> ExprError {
    let Some(error) = errors.errors.first() else {
        return ExprError::Syntax {
            line: 1,
            column: 1,
            message: "not an expression".to_owned(),
        };
    };
    let mut message = error.msg.lines().next().unwrap_or_default().to_owned();
    // The parser's own limit of nesting arrives as an error of another kind.
    if message.contains("Recursion limit") {
        return ExprError::TooDeep;
    }
    // Its list of everything that could follow helps nobody.
    if let Some(at) = message.find(" expecting ") {
        message.truncate(at);
    }
    if let Some(rest) = message.strip_prefix("Syntax error: ") {
        message = rest.to_owned();
    }
    if message.contains("'<EOF>'") {
        message = "the expression ends too early".to_owned();
    } else if message.contains("`_?_:_`") {
        message = "incomplete choice, write condition ? a : b".to_owned();
    }
    let lines = source.lines().count().max(1);
    let line = usize::try_from(error.pos.0).unwrap_or(1).clamp(1, lines);
    let column = usize::try_from(error.pos.1).unwrap_or(1).max(1);
    let column = readable.column(line, column);
    let mut message = readable.in_own_words(&message);
    let advice = advice_on_syntax(&message, words_around(source, line, column));
    message.push_str(&advice);
    ExprError::Syntax {
        line,
        column,
        message,
    }
}

/// What to write instead. `words` are those around the place.
fn advice_on_syntax(message: &str, words: Option<String>) -> String {
    let word = message
        .split('\'')
        .nth(1)
        .filter(|w| w.starts_with(char::is_alphabetic))
        .map(str::to_lowercase);
    let unread = message.starts_with("token recognition error");
    match word.as_deref() {
        Some("and") => "; write && for and".to_owned(),
        Some("or") => "; write || for or".to_owned(),
        Some("not") => "; write ! for not".to_owned(),
        None if message.contains("'= ") || message.ends_with("'='") => {
            "; write == to compare".to_owned()
        }
        None if message.starts_with("reserved identifier") => {
            let name = message.split([':', ';']).nth(1).unwrap_or("...").trim();
            format!("; a column of that name is written row[{name:?}]")
        }
        _ if word.is_some() || (unread && words.is_some()) => {
            let name = words.unwrap_or_else(|| "Employee ID".to_owned());
            format!("; a column whose name is not a plain word is written row[{name:?}]")
        }
        _ => String::new(),
    }
}

/// What the walk over a tree collects.
#[derive(Default)]
pub(super) struct Found {
    pub(super) names: Vec<Name>,
    pub(super) patterns: HashMap<String, Regex>,
}

/// Walks a tree, collects the names that may be columns and the patterns, turns `row["..."]` into a
/// name, and refuses what can't be evaluated. `locals` are the variables of the macros around.
pub(super) fn prepare(
    node: &mut IdedExpr,
    locals: &mut Vec<String>,
    found: &mut Found,
) -> Result<(), ExprError> {
    if let Some(name) = quoted_column(node, locals)? {
        node.expr = Node::Ident(format!("{QUOTED}{name}"));
        note(
            found,
            Name {
                segments: vec![name],
                quoted: true,
            },
        );
        return Ok(());
    }
    strip_leading_dot(node);
    if let Some(segments) = qualified(node) {
        let is_name = !segments[0].starts_with(['@', DIGITS]);
        if is_name && !locals.contains(&segments[0]) {
            note(
                found,
                Name {
                    segments,
                    quoted: false,
                },
            );
        }
        return Ok(());
    }
    match &mut node.expr {
        Node::Unspecified => Err(ExprError::Unsupported(
            "a part of the expression is missing".to_owned(),
        )),
        Node::Call(call) => {
            let target = call.target.as_deref();
            let whole = qualified_function(target, &call.func_name, locals);
            check_call(call, whole.as_deref())?;
            if whole.is_none()
                && let Some(target) = &mut call.target
            {
                prepare(target, locals, found)?;
            }
            if call.func_name == "matches" {
                check_pattern(call.args.last(), found)?;
            }
            call.args
                .iter_mut()
                .try_for_each(|arg| prepare(arg, locals, found))
        }
        Node::Comprehension(c) => {
            prepare(&mut c.iter_range, locals, found)?;
            prepare(&mut c.accu_init, locals, found)?;
            let before = locals.len();
            locals.push(c.iter_var.clone());
            locals.extend(c.iter_var2.clone());
            locals.push(c.accu_var.clone());
            prepare(&mut c.loop_cond, locals, found)?;
            prepare(&mut c.loop_step, locals, found)?;
            prepare(&mut c.result, locals, found)?;
            locals.truncate(before);
            Ok(())
        }
        Node::Struct(_) => Err(no_struct()),
        Node::Map(map) if map.entries.iter().any(is_field) => Err(no_struct()),
        _ => {
            let mut parts = children_mut(node).into_iter();
            parts.try_for_each(|part| prepare(part, locals, found))
        }
    }
}

fn is_field(entry: &IdedEntryExpr) -> bool {
    matches!(entry.expr, EntryExpr::StructField(_))
}

fn no_struct() -> ExprError {
    ExprError::Unsupported(
        "there are no structs here; a map is written {\"key\": value}".to_owned(),
    )
}

fn note(found: &mut Found, name: Name) {
    if !found.names.contains(&name) {
        found.names.push(name);
    }
}

/// The name in `row["..."]`.
fn quoted_column(node: &IdedExpr, locals: &[String]) -> Result<Option<String>, ExprError> {
    let Node::Call(call) = &node.expr else {
        return Ok(None);
    };
    if call.func_name != operators::INDEX || call.args.len() != 2 {
        return Ok(None);
    }
    match (&call.args[0].expr, &call.args[1].expr) {
        (Node::Ident(row), _) if row != "row" || locals.iter().any(|l| l == "row") => Ok(None),
        (Node::Ident(_), Node::Literal(LiteralValue::String(name))) => {
            Ok(Some(name.inner().to_owned()))
        }
        (Node::Ident(_), _) => Err(ExprError::Unsupported(
            "row[...] takes the name of a column in quotes".to_owned(),
        )),
        _ => Ok(None),
    }
}

/// Takes the dot off `.name`, which to CEL means a name outside of all macros. There are no containers
/// here for which that would matter.
fn strip_leading_dot(node: &mut IdedExpr) {
    match &mut node.expr {
        Node::Ident(name) if name.starts_with('.') => {
            name.remove(0);
        }
        Node::Select(select) => strip_leading_dot(&mut select.operand),
        _ => {}
    }
}

/// Refuses a call that no row can answer: of what is not a function, in the wrong form, or with the wrong
/// number of arguments. `whole` is the name of a qualified function.
fn check_call(call: &CallExpr, whole: Option<&str>) -> Result<(), ExprError> {
    let name = whole.unwrap_or(&call.func_name);
    if let Some(function) = functions::find(name) {
        return check_form(call, function, whole.is_some());
    }
    // Operators begin otherwise, and what a macro stands for has an @ in it.
    if name.contains('@') || !name.starts_with(char::is_alphabetic) {
        return Ok(());
    }
    if MACROS.contains(&name) {
        return Err(ExprError::Function(format!(
            "`{name}` is called the wrong way; see CEL's macros"
        )));
    }
    let near = FUNCTIONS
        .iter()
        .map(|f| {
            let score = strsim::jaro_winkler(&f.name.to_lowercase(), &name.to_lowercase());
            (score, f.name)
        })
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let mut message = format!("no function `{name}`");
    if let Some((_, name)) = near {
        let _ = write!(message, ", did you mean `{name}`?");
    }
    Err(ExprError::Function(message))
}

fn check_form(call: &CallExpr, function: &Function, qualified: bool) -> Result<(), ExprError> {
    let Function {
        name,
        form,
        values: (least, most),
        ..
    } = *function;
    let is_method = call.target.is_some() && !qualified;
    if !qualified
        && form
            == if is_method {
                Form::Global
            } else {
                Form::Method
            }
    {
        let right = words::other_form(call).unwrap_or_else(|| format!("text.{name}(...)"));
        return Err(ExprError::Function(format!(
            "`{name}` is written `{right}`"
        )));
    }
    let values = call.args.len() + usize::from(is_method);
    if (least..=most).contains(&values) {
        return Ok(());
    }
    // Whoever writes a method does not count what stands before the dot as an argument.
    let before = usize::from(is_method);
    let takes = match (least - before, most.saturating_sub(before)) {
        (least, _) if most == usize::MAX => format!("{least} or more arguments"),
        (0, 0) => "no argument".to_owned(),
        (1, 1) => "1 argument".to_owned(),
        (least, most) if least == most => format!("{least} arguments"),
        (least, most) => format!("{least} to {most} arguments"),
    };
    Err(ExprError::Function(format!(
        "`{name}` takes {takes}, found {}",
        call.args.len()
    )))
}

fn check_pattern(pattern: Option<&IdedExpr>, found: &mut Found) -> Result<(), ExprError> {
    let Some(Node::Literal(LiteralValue::String(pattern))) = pattern.map(|p| &p.expr) else {
        return Err(ExprError::Pattern(
            "the pattern of `matches` must be text in quotes".to_owned(),
        ));
    };
    let pattern = pattern.inner();
    let regex = Regex::new(pattern)
        .map_err(|e| ExprError::Pattern(format!("the pattern of `matches`: {}", one_line(&e))))?;
    found.patterns.insert(pattern.to_owned(), regex);
    Ok(())
}
