//! Expressions over a row: CEL, the Common Expression Language, compiled once and evaluated per row.
//!
//! A name in an expression is a column. A column whose name is not a plain word is written
//! `row["Employee ID"]`, or with dots where it has them: `address.city`. Only the columns that an
//! expression names are looked at; everything else costs nothing.
//!
//! | cell | value in the expression |
//! |---|---|
//! | text | `string`, as it is: text is never guessed into a number; missing is `""` |
//! | number | `int` where it is a whole number of 64 bits, else `double` |
//! | bool | `bool` |
//! | null, or a number without text | `null` |
//! | JSON object or array | `string`, its source text |
//!
//! A `double` has about 16 significant digits. Amounts that must stay exact belong into the `number`
//! stage, not into arithmetic here. An expression that is the name of a column alone copies its cells
//! as they are.
//!
//! Besides CEL's standard functions there are its string extensions (`lowerAscii`, `replace`, `split`,
//! `substring`, `trim`, ...) and math extensions (`math.round`, ...). The pattern of `matches` must be a
//! literal, so that it is compiled once and a mistake in it is found before the run.
//!
//! Nothing that a pipeline file says may bring the process down: the length of an expression, its
//! brackets and its depth are bounded, and it is parsed on a thread with room to spare.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use cel::common::ast::{EntryExpr, Expr as Node, IdedExpr, LiteralValue, operators};
use cel::common::types::{CelBool, CelDouble, CelInt, CelNull, CelString, CelUInt};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::extractors::This;
use cel::{Context, Env, ExecutionError, Value};
use regex::Regex;

use crate::batch::{Batch, Columns, Kind, NoColumn};

/// Longest expression in bytes: room for a list of a thousand codes.
pub(crate) const MAX_LENGTH: usize = 16 * 1024;

/// Deepest nesting of brackets: the parser's time grows steeply with it.
const MAX_BRACKETS: usize = 24;

/// Deepest tree: an unoptimised build uses 42 KiB of stack a level, and a worker has 2 MiB.
const MAX_DEPTH: usize = 32;

/// Stack of the thread that parses, so that even the longest chain of operators can't overflow it.
/// It is address space; only what is used becomes memory.
const PARSE_STACK: usize = 64 << 20;

/// Fault code of a row for which an expression can't be evaluated.
pub(crate) const FAILED: &str = "expression_failed";

/// Marks the name in `row["..."]`, so that it is a column and nothing else. Can't be in an identifier.
const QUOTED: char = '\u{1}';

/// Names that stand for types where no column has them.
const TYPES: [&str; 11] = [
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

/// First words of the qualified function names.
const NAMESPACES: [&str; 3] = ["math", "optional", "strings"];

/// What the parser turns into loops; a call to one that is left in the tree has the wrong arguments.
const MACROS: [&str; 6] = ["has", "all", "exists", "exists_one", "map", "filter"];

/// What can be called.
#[rustfmt::skip] // as a paragraph, not as sixty lines
const FUNCTIONS: &[&str] = &[
    "bool", "bytes", "charAt", "contains", "double", "dyn", "endsWith", "format", "hasValue",
    "indexOf", "int", "join", "lastIndexOf", "lowerAscii", "matches", "math.abs", "math.bitAnd",
    "math.bitNot", "math.bitOr", "math.bitShiftLeft", "math.bitShiftRight", "math.bitXor",
    "math.ceil", "math.floor", "math.greatest", "math.isFinite", "math.isInf", "math.isNaN",
    "math.least", "math.round", "math.sign", "math.sqrt", "math.trunc", "optional.none",
    "optional.of", "optional.ofNonZeroValue", "or", "orValue", "replace", "reverse", "size",
    "split", "startsWith", "string", "strings.quote", "substring", "trim", "type", "uint",
    "upperAscii", "value",
];

/// Why an expression can't be used. Says where inside the expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExprError {
    /// There is nothing.
    #[error("the expression is empty")]
    Empty,
    /// Longer than [`MAX_LENGTH`].
    #[error(
        "the expression is longer than {MAX_LENGTH} bytes; put long lists of values into a file for `lookup`"
    )]
    TooLong,
    /// Brackets or operators nested too deeply.
    #[error("the expression is nested too deeply; split it over several `set` stages")]
    TooDeep,
    /// Not CEL.
    #[error("line {line}, column {column} of the expression: {message}")]
    Syntax {
        /// Line in the expression, from 1.
        line: usize,
        /// Column in that line, from 1.
        column: usize,
        /// What the parser says, and what to write instead where that is known.
        message: String,
    },
    /// A function is called that there is not, or with the wrong number of arguments.
    #[error("{0}")]
    Function(String),
    /// A pattern that is none, or is not a literal.
    #[error("{0}")]
    Pattern(String),
    /// The language has it, but it has no use here.
    #[error("{0}")]
    Unsupported(String),
}

/// Why an expression gave nothing for a row. Never holds a cell's value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EvalError(Cow<'static, str>);

impl EvalError {
    /// The words, for a [`crate::batch::Fault`].
    pub fn into_message(self) -> Cow<'static, str> {
        self.0
    }
}

/// A name that an expression uses and that may be a column: the segments of `a.b.c`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    segments: Vec<String>,
    /// Written `row["..."]`: a column and nothing else.
    quoted: bool,
}

/// A compiled expression, not yet bound to columns.
#[derive(Clone)]
pub struct Expr {
    source: Arc<str>,
    root: Arc<IdedExpr>,
    context: Arc<Context<'static, 'static>>,
    names: Vec<Name>,
}

impl std::fmt::Debug for Expr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Expr").field(&self.source).finish()
    }
}

impl Expr {
    /// Compiles an expression: syntax, functions and patterns are checked, columns are not.
    pub fn compile(source: &str) -> Result<Expr, ExprError> {
        if source.trim().is_empty() {
            return Err(ExprError::Empty);
        }
        if source.len() > MAX_LENGTH {
            return Err(ExprError::TooLong);
        }
        if bracket_depth(source) > MAX_BRACKETS {
            return Err(ExprError::TooDeep);
        }
        let env = Arc::new(environment()?);
        let mut root = parse(&env, source)?;
        let mut found = Found::default();
        prepare(&mut root, &mut Vec::new(), &mut found)?;

        let mut context = Context::with_env(env);
        let patterns = found.patterns;
        context
            .add_function(
                "matches",
                move |This(text): This<Arc<String>>, pattern: Arc<String>| match patterns
                    .get(pattern.as_str())
                {
                    Some(regex) => Ok(Value::Bool(regex.is_match(&text))),
                    None => Err(ExecutionError::function_error("matches", "unknown pattern")),
                },
            )
            .map_err(|e| ExprError::Unsupported(e.to_string()))?;
        Ok(Expr {
            source: Arc::from(source),
            root: Arc::new(root),
            context: Arc::new(context),
            names: found.names,
        })
    }

    /// The expression as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The name, where the expression is a single name and nothing else.
    pub fn bare_name(&self) -> Option<&str> {
        match &self.root.expr {
            Node::Ident(name) => Some(name.trim_start_matches(QUOTED)),
            _ => None,
        }
    }

    /// Looks up the columns that the expression names.
    pub fn bind(&self, columns: &Columns) -> Result<BoundExpr, NoColumn> {
        let mut bound: Vec<Variable> = Vec::new();
        for name in &self.names {
            // The evaluator looks for the longest name first; so a column `a.b` is seen before `a`.
            let found = (1..=name.segments.len()).rev().find_map(|n| {
                let joined = name.segments[..n].join(".");
                columns.find(&joined).map(|slot| (joined, slot))
            });
            let first = &name.segments[0];
            match found {
                Some((joined, slot)) => {
                    let ident = if name.quoted {
                        format!("{QUOTED}{joined}")
                    } else {
                        joined
                    };
                    if !bound.iter().any(|v| *v.ident == *ident) {
                        bound.push(Variable {
                            ident: ident.into(),
                            slot,
                        });
                    }
                }
                None if !name.quoted && is_type(name) => {}
                None => {
                    columns.need(first)?;
                }
            }
        }
        let copied = match &self.root.expr {
            Node::Ident(name) => bound.iter().find(|v| *v.ident == **name).map(|v| v.slot),
            _ => None,
        };
        Ok(BoundExpr {
            copied,
            root: self.root.clone(),
            context: self.context.clone(),
            variables: bound,
        })
    }
}

fn is_type(name: &Name) -> bool {
    match name.segments.as_slice() {
        [one] => TYPES.contains(&one.as_str()),
        _ => false,
    }
}

/// A column that an expression names.
struct Variable {
    /// As it stands in the tree.
    ident: Box<str>,
    slot: usize,
}

/// An expression bound to the columns of a batch.
pub struct BoundExpr {
    copied: Option<usize>,
    root: Arc<IdedExpr>,
    context: Arc<Context<'static, 'static>>,
    variables: Vec<Variable>,
}

impl BoundExpr {
    /// The physical columns that the expression reads.
    pub fn columns(&self) -> impl Iterator<Item = usize> + '_ {
        self.variables.iter().map(|v| v.slot)
    }

    /// The physical column, where the expression is the name of a column and nothing else: then its
    /// cells can be copied as they are, with all digits of a number.
    pub fn copied_column(&self) -> Option<usize> {
        self.copied
    }

    /// Whether a row is worth evaluating: it is live, and no fault was found in a cell that the
    /// expression reads, so that one mistake is reported once.
    #[inline]
    pub fn is_ready(&self, batch: &Batch, row: usize) -> bool {
        batch.is_live(row)
            && self
                .variables
                .iter()
                .all(|v| batch.cell(row, v.slot).kind() != Kind::Faulty)
    }

    /// Evaluates a row to true or false. Anything else is an error.
    pub fn eval_bool(&self, batch: &Batch, row: usize) -> Result<bool, EvalError> {
        self.eval(batch, row, |value| match value.downcast_ref::<CelBool>() {
            Some(b) => Ok(*b.inner()),
            None => Err(EvalError(
                format!(
                    "expected true or false, the expression gave {}",
                    type_name(value)
                )
                .into(),
            )),
        })
    }

    /// Evaluates a row, appends the text of the result to `out`, and says what kind it is: text,
    /// number, bool, or null without text; for the name of a column alone, the kind of its cell.
    pub fn eval_text(
        &self,
        batch: &Batch,
        row: usize,
        out: &mut String,
    ) -> Result<Kind, EvalError> {
        if let Some(slot) = self.copied {
            let cell = batch.cell(row, slot);
            out.push_str(batch.text(cell));
            return Ok(cell.kind());
        }
        self.eval(batch, row, |value| {
            if let Some(s) = value.downcast_ref::<CelString>() {
                out.push_str(s.inner());
                Ok(Kind::Text)
            } else if let Some(i) = value.downcast_ref::<CelInt>() {
                let _ = write!(out, "{}", i.inner());
                Ok(Kind::Number)
            } else if let Some(u) = value.downcast_ref::<CelUInt>() {
                let _ = write!(out, "{}", u.inner());
                Ok(Kind::Number)
            } else if let Some(d) = value.downcast_ref::<CelDouble>() {
                if !d.inner().is_finite() {
                    return Err(EvalError(
                        "the expression gave infinity, or what is not a number".into(),
                    ));
                }
                let _ = write!(out, "{}", d.inner());
                Ok(Kind::Number)
            } else if let Some(b) = value.downcast_ref::<CelBool>() {
                out.push_str(if *b.inner() { "true" } else { "false" });
                Ok(Kind::Bool)
            } else if value.downcast_ref::<CelNull>().is_some() {
                Ok(Kind::Null)
            } else {
                Err(EvalError(
                    format!(
                        "expected text, a number, true or false, the expression gave {}",
                        type_name(value)
                    )
                    .into(),
                ))
            }
        })
    }

    fn eval<T>(
        &self,
        batch: &Batch,
        row: usize,
        take: impl FnOnce(&dyn Val) -> Result<T, EvalError>,
    ) -> Result<T, EvalError> {
        let cells = RowCells {
            batch,
            row,
            variables: &self.variables,
        };
        let mut scope = self.context.new_inner_scope();
        scope.set_variable_resolver(&cells);
        match Value::resolve_val(&self.root, &scope) {
            Ok(value) => take(value.as_ref()),
            Err(error) => Err(EvalError(describe(&error))),
        }
    }
}

/// Answers the names in an expression with the cells of one row, without copying their text.
struct RowCells<'a> {
    batch: &'a Batch,
    row: usize,
    variables: &'a [Variable],
}

impl VariableResolver for RowCells<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        let variable = self.variables.iter().find(|v| *v.ident == *name)?;
        let cell = self.batch.cell(self.row, variable.slot);
        let text = self.batch.text(cell);
        Some(match cell.kind() {
            Kind::Null => CowVal::owned(CelNull),
            Kind::Bool => CowVal::owned(CelBool::from(text == "true")),
            Kind::Number => number(text),
            Kind::Text | Kind::Json | Kind::Missing | Kind::Faulty => {
                CowVal::owned(CelString::from(text))
            }
        })
    }
}

/// A number's text as CEL has it.
fn number<'b>(text: &'b str) -> CowVal<'b, 'b> {
    if text.is_empty() {
        CowVal::owned(CelNull)
    } else if let Ok(i) = text.parse::<i64>() {
        CowVal::owned(CelInt::from(i))
    } else if let Ok(d) = text.parse::<f64>() {
        CowVal::owned(CelDouble::from(d))
    } else {
        CowVal::owned(CelString::from(text))
    }
}

fn environment() -> Result<Env, ExprError> {
    // No chrono, so no timestamps: ISO dates compare as text.
    let mut env = Env::stdlib();
    env.add_extension(cel::extensions::strings)
        .and_then(|()| env.add_extension(cel::extensions::math))
        .map_err(|e| ExprError::Unsupported(e.to_string()))?;
    Ok(env)
}

/// Deepest nesting of brackets outside of string literals. Prefix operators count as brackets that
/// stay open to the end of their operand, for the parser descends into them in the same way.
fn bracket_depth(source: &str) -> usize {
    let (mut depth, mut deepest, mut prefixes) = (0usize, 0usize, 0usize);
    let mut quote: Option<u8> = None;
    let mut bytes = source.bytes();
    while let Some(byte) = bytes.next() {
        match (quote, byte) {
            (Some(_), b'\\') => {
                bytes.next();
            }
            (Some(q), b) if b == q => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'(' | b'[' | b'{') => {
                depth += 1;
                prefixes = 0;
            }
            (None, b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            (None, b'!' | b'-') => prefixes += 1,
            (None, b' ' | b'\t' | b'\r' | b'\n') => {}
            (None, _) => prefixes = 0,
        }
        deepest = deepest.max(depth + prefixes);
    }
    deepest
}

/// Parses on a thread of its own: its stack is large, and should the parser panic, that is an error.
fn parse(env: &Env, source: &str) -> Result<IdedExpr, ExprError> {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("expression".to_owned())
            .stack_size(PARSE_STACK)
            .spawn_scoped(scope, || match env.parser().parse(source) {
                Ok(root) if depth(&root) > MAX_DEPTH => Err(ExprError::TooDeep),
                Ok(root) => Ok(root),
                Err(errors) => Err(syntax_error(source, &errors)),
            })
            .map_err(|e| ExprError::Unsupported(format!("no thread to parse it on: {e}")))?
            .join()
            .unwrap_or_else(|_| Err(ExprError::Unsupported("the parser gave up on it".into())))
    })
}

fn syntax_error(source: &str, errors: &cel::ParseErrors) -> ExprError {
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
    let word = message
        .split('\'')
        .nth(1)
        .filter(|w| w.starts_with(char::is_alphabetic))
        .map(str::to_ascii_lowercase);
    message.push_str(match word.as_deref() {
        Some("and") => "; write && for and",
        Some("or") => "; write || for or",
        Some("not") => "; write ! for not",
        Some(_) => "; a column whose name is not a plain word is written row[\"Employee ID\"]",
        None if message.contains("'= ") || message.ends_with("'='") => "; write == to compare",
        None if message.starts_with("reserved identifier") => {
            "; a column of that name is written row[\"...\"]"
        }
        None => "",
    });
    let lines = source.lines().count().max(1);
    ExprError::Syntax {
        line: usize::try_from(error.pos.0).unwrap_or(1).clamp(1, lines),
        column: usize::try_from(error.pos.1).unwrap_or(1).max(1),
        message,
    }
}

/// The parts of a node.
fn children(node: &IdedExpr) -> Vec<&IdedExpr> {
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

fn depth(node: &IdedExpr) -> usize {
    1 + children(node).into_iter().map(depth).max().unwrap_or(0)
}

/// What the walk over a tree collects.
#[derive(Default)]
struct Found {
    names: Vec<Name>,
    patterns: HashMap<String, Regex>,
}

/// Walks a tree, collects the names that may be columns and the patterns, turns `row["..."]` into a
/// name, and refuses what can't be evaluated. `locals` are the variables of the macros around.
fn prepare(
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
        if !segments[0].starts_with('@') && !locals.contains(&segments[0]) {
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
        Node::Literal(_) | Node::Ident(_) => Ok(()),
        Node::Unspecified => Err(ExprError::Unsupported(
            "a part of the expression is missing".to_owned(),
        )),
        Node::Call(call) => {
            let target = call.target.as_deref();
            if qualified_function(target, &call.func_name, locals).is_none() {
                check_function(&call.func_name)?;
                if let Some(target) = &mut call.target {
                    prepare(target, locals, found)?;
                }
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
        Node::List(list) => list
            .elements
            .iter_mut()
            .try_for_each(|e| prepare(e, locals, found)),
        Node::Map(map) => {
            for entry in &mut map.entries {
                match &mut entry.expr {
                    EntryExpr::MapEntry(entry) => {
                        prepare(&mut entry.key, locals, found)?;
                        prepare(&mut entry.value, locals, found)?;
                    }
                    EntryExpr::StructField(_) => return Err(no_struct()),
                }
            }
            Ok(())
        }
        Node::Select(select) => prepare(&mut select.operand, locals, found),
        Node::Struct(_) => Err(no_struct()),
    }
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

/// The segments of a name or of selections on a name: `a`, `a.b.c`.
fn qualified(node: &IdedExpr) -> Option<Vec<String>> {
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
fn qualified_function(
    target: Option<&IdedExpr>,
    function: &str,
    locals: &[String],
) -> Option<String> {
    match &target?.expr {
        Node::Ident(name) if NAMESPACES.contains(&name.as_str()) && !locals.contains(name) => {
            Some(format!("{name}.{function}")).filter(|whole| FUNCTIONS.contains(&whole.as_str()))
        }
        _ => None,
    }
}

fn check_function(function: &str) -> Result<(), ExprError> {
    // Operators begin otherwise, and what a macro stands for has an @ in it.
    if FUNCTIONS.contains(&function)
        || function.contains('@')
        || !function.starts_with(char::is_alphabetic)
    {
        return Ok(());
    }
    if MACROS.contains(&function) {
        return Err(ExprError::Function(format!(
            "`{function}` is called in the wrong way, see CEL's macros"
        )));
    }
    let near = FUNCTIONS
        .iter()
        .map(|f| {
            let score = strsim::jaro_winkler(&f.to_lowercase(), &function.to_lowercase());
            (score, f)
        })
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let mut message = format!("no function `{function}`");
    if let Some((_, name)) = near {
        let _ = write!(message, ", did you mean `{name}`?");
    }
    Err(ExprError::Function(message))
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

/// The last line of a regex error says what is wrong; the lines before draw a picture of it.
pub(crate) fn one_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// A type's name as people know it.
fn type_name(value: &dyn Val) -> String {
    friendly(value.get_type().name()).to_owned()
}

fn friendly(name: &str) -> &str {
    match name {
        "null_type" => "null",
        name => name,
    }
}

/// The kind of an error, with types and with no values.
fn describe(error: &ExecutionError) -> Cow<'static, str> {
    let operands = |what: &str, a: &Value, b: &Value| {
        let (a, b) = (a.type_of().to_string(), b.type_of().to_string());
        let number = |t: &str| matches!(t, "int" | "uint" | "float");
        let hint = if (number(&a) && b == "string") || (a == "string" && number(&b)) {
            "; text becomes a number by the `number` stage, or by int() or double()"
        } else {
            ""
        };
        format!("cannot {what} {a} and {b}{hint}").into()
    };
    match error {
        ExecutionError::ValuesNotComparable(a, b) => operands("compare", a, b),
        ExecutionError::UnsupportedBinaryOperator(op, a, b) => operands(
            match *op {
                "add" => "add",
                "sub" => "subtract",
                "mul" => "multiply",
                "div" | "rem" => "divide",
                _ => "combine",
            },
            a,
            b,
        ),
        ExecutionError::NoSuchOverload(o) => {
            let types: Vec<&str> = o.argument_types().iter().map(|t| friendly(t)).collect();
            let function = o.function().replace(['_', '@'], "");
            let number = |t: &&str| matches!(*t, "int" | "uint" | "double");
            let hint = if types.contains(&"string") && types.iter().any(number) {
                "; text becomes a number by the `number` stage, or by int() or double()"
            } else {
                ""
            };
            format!("`{function}` does not take ({}){hint}", types.join(", ")).into()
        }
        ExecutionError::UndeclaredReference(name) => format!(
            "no function or column `{}`",
            name.trim_start_matches(QUOTED)
        )
        .into(),
        ExecutionError::FunctionError { function, .. } => {
            format!("`{function}` can't be applied to this value").into()
        }
        ExecutionError::InvalidArgumentCount { expected, actual } => {
            format!("a function takes {expected} arguments and was given {actual}").into()
        }
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            "division by zero".into()
        }
        ExecutionError::Overflow(..) => "the result does not fit 64 bits".into(),
        ExecutionError::IndexOutOfBounds(_) => "the list has no such element".into(),
        ExecutionError::NoSuchKey(_) => "the map has no such key".into(),
        ExecutionError::DuplicateKey(_) => "a map has the same key twice".into(),
        ExecutionError::UnexpectedType { .. }
        | ExecutionError::UnsupportedTargetType { .. }
        | ExecutionError::NotSupportedAsMethod { .. }
        | ExecutionError::UnsupportedKeyType(_)
        | ExecutionError::UnsupportedIndex(..)
        | ExecutionError::MissingArgumentOrTarget => "a value has the wrong type".into(),
        _ => "the expression can't be evaluated for this row".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Cell, Row};

    /// One row: Text cells from strings, and whatever else JSON has.
    fn row(cells: &str) -> (Columns, Batch) {
        let cells: indexmap::IndexMap<String, serde_json::Value> =
            serde_json::from_str(cells).unwrap();
        let mut batch = Batch::new(String::new(), cells.len());
        batch.push_row(Row {
            line: 0,
            start: 0,
            end: 0,
        });
        for (i, value) in cells.values().enumerate() {
            use serde_json::Value as Json;
            let cell = match value {
                Json::Null => batch.append("", Kind::Null),
                Json::Bool(b) => batch.append(&b.to_string(), Kind::Bool),
                Json::Number(n) => batch.append(&n.to_string(), Kind::Number),
                Json::String(s) if s == "?missing" => Cell::MISSING,
                Json::String(s) if s == "?number" => batch.append("", Kind::Number),
                Json::String(s) => batch.append(s, Kind::Text),
                json => batch.append(&json.to_string(), Kind::Json),
            };
            batch.push_cell(i, cell);
        }
        (Columns::from_header(cells.keys()), batch)
    }

    const CELLS: &str = r#"{"first":"Åsa","last":"Öst","salary":1500,"rate":1.25,"huge":12345678901234567890,
        "active":true,"gone":null,"tags":["a"],"Employee ID":"007","address.city":"York","row":"r","type":"T","empty":"","absent":"?missing","number_without_text":"?number"}"#;

    fn eval(source: &str) -> String {
        let (columns, batch) = row(CELLS);
        let expr = match Expr::compile(source) {
            Ok(expr) => expr,
            Err(e) => return format!("compile: {e}"),
        };
        let bound = match expr.bind(&columns) {
            Ok(bound) => bound,
            Err(e) => return format!("bind: {}", e.to_string().split(" (columns").next().unwrap()),
        };
        let mut out = String::new();
        match bound.eval_text(&batch, 0, &mut out) {
            Ok(kind) => format!("{kind:?} {out}"),
            Err(e) => format!("eval: {e}"),
        }
    }

    #[test]
    fn values_results_and_errors() {
        let columns_hint =
            "a column whose name is not a plain word is written row[\"Employee ID\"]";
        for (source, expected) in [
            // results
            ("first + ' ' + last", "Text Åsa Öst"),
            ("salary", "Number 1500"),
            ("salary * 2", "Number 3000"),
            ("rate * 2.0", "Number 2.5"),
            ("salary > 1000 && active", "Bool true"),
            ("gone", "Null "),
            ("gone == null", "Bool true"),
            ("empty == ''", "Bool true"),
            ("absent == ''", "Bool true"),
            ("tags", "Json [\"a\"]"),
            ("tags + ''", "Text [\"a\"]"),
            ("huge", "Number 12345678901234567890"),
            ("huge * 1.0", "Number 12345678901234567000"),
            ("-9223372036854775808", "Number -9223372036854775808"),
            ("number_without_text == null", "Bool true"),
            // names
            ("row[\"Employee ID\"]", "Text 007"),
            ("row['row'] + row", "Text rr"),
            ("address.city", "Text York"),
            (".first", "Text Åsa"),
            ("type + string(type(first) == string)", "Text Ttrue"),
            ("[first, last].exists(x, x == 'Öst')", "Bool true"),
            ("[1].exists(first, first == 1)", "Bool true"),
            // functions
            ("first.replace('Å', 'A').upperAscii()", "Text ASA"),
            ("first.matches('^Å.a$')", "Bool true"),
            ("matches(first, 'x')", "Bool false"),
            ("math.round(rate)", "Number 1"),
            ("math.greatest(salary, 7)", "Number 1500"),
            ("strings.quote(first)", "Text \"Åsa\""),
            ("first.startsWith('Å') ? 'y' : 'n'", "Text y"),
            ("optional.none().orValue('x')", "Text x"),
            // at bind
            (
                "firsd",
                "bind: no column `firsd` here, did you mean `first`?",
            ),
            ("row['string']", "bind: no column `string` here"),
            (
                "[1].exists(x, x == 1) && x == 1",
                "bind: no column `x` here",
            ),
            ("math", "bind: no column `math` here"),
            ("a.?b", "bind: no column `a` here"),
            // at evaluation, never with a value
            (
                "first > 1",
                "eval: `>` does not take (string, int); text becomes a number by the `number` stage, or by int() or double()",
            ),
            (
                "salary + first",
                "eval: cannot add int and string; text becomes a number by the `number` stage, or by int() or double()",
            ),
            ("int(first)", "eval: `int` can't be applied to this value"),
            (
                "'%.70000f'.format([1.5])",
                "eval: `format` can't be applied to this value",
            ),
            (
                "first.substring(7)",
                "eval: `substring` can't be applied to this value",
            ),
            ("1/0", "eval: division by zero"),
            (
                "-(-9223372036854775808)",
                "eval: the result does not fit 64 bits",
            ),
            (
                "-9223372036854775808 / -1",
                "eval: the result does not fit 64 bits",
            ),
            (
                "math.abs(-9223372036854775808)",
                "eval: `math.abs` can't be applied to this value",
            ),
            ("[1][4]", "eval: the list has no such element"),
            ("{'a': 1}[first]", "eval: the map has no such key"),
            (
                "math.sqrt(-1.0)",
                "eval: the expression gave infinity, or what is not a number",
            ),
            (
                "[first]",
                "eval: expected text, a number, true or false, the expression gave list",
            ),
            ("first.foo", "eval: `.` does not take (string, string)"),
            // at compile
            ("", "compile: the expression is empty"),
            (" \n", "compile: the expression is empty"),
            (
                "first = last",
                "compile: line 1, column 7 of the expression: token recognition error at: '= '; write == to compare",
            ),
            (
                "first and last",
                "compile: line 1, column 7 of the expression: mismatched input 'and'; write && for and",
            ),
            (
                "a == 'a' or b",
                "compile: line 1, column 10 of the expression: mismatched input 'or'; write || for or",
            ),
            (
                "Employee ID == 'x'",
                &format!(
                    "compile: line 1, column 10 of the expression: mismatched input 'ID'; {columns_hint}"
                ),
            ),
            (
                "\n  1 + ]",
                "compile: line 2, column 7 of the expression: mismatched input ']'",
            ),
            (
                "1 +",
                "compile: line 1, column 4 of the expression: the expression ends too early",
            ),
            (
                "a ? b",
                "compile: line 1, column 1 of the expression: incomplete choice, write condition ? a : b",
            ),
            (
                "package",
                "compile: line 1, column 1 of the expression: reserved identifier: package; a column of that name is written row[\"...\"]",
            ),
            (
                "first.lower()",
                "compile: no function `lower`, did you mean `lowerAscii`?",
            ),
            ("foo(1)", "compile: no function `foo`"),
            (
                "first.exists(1)",
                "compile: `exists` is called in the wrong way, see CEL's macros",
            ),
            (
                "first.matches('(')",
                "compile: the pattern of `matches`: unclosed group",
            ),
            (
                "first.matches(last)",
                "compile: the pattern of `matches` must be text in quotes",
            ),
            (
                "row[first]",
                "compile: row[...] takes the name of a column in quotes",
            ),
            (
                "a{b: 1}",
                "compile: there are no structs here; a map is written {\"key\": value}",
            ),
        ] {
            assert_eq!(eval(source), expected, "{source}");
        }
    }

    /// Runs on the stack of a worker. An overflow would abort the whole test run.
    #[test]
    fn odd_input_never_brings_the_process_down() {
        let too_deep = "compile: the expression is nested too deeply";
        for (source, expected) in [
            (vec!["1"; MAX_DEPTH].join("+"), "Number 32"),
            (vec!["1"; MAX_DEPTH + 1].join("+"), too_deep),
            (vec!["1"; 8000].join("+"), too_deep),
            (vec!["first=='a'"; 1000].join("||"), "Bool false"),
            ("!".repeat(10000) + "active", too_deep),
            ("- ".repeat(8000) + "1", too_deep),
            ("(".repeat(8000) + "1", too_deep),
            ("(".repeat(24) + "1" + &")".repeat(24), "Number 1"),
            ("[".repeat(24) + "1" + &"]".repeat(24), "eval: expected"),
            ("{1:".repeat(24) + "1" + &"}".repeat(24), "eval: expected"),
            ("first".to_owned() + &".a".repeat(8000), too_deep),
            ("first".to_owned() + &"[0]".repeat(5000), too_deep),
            ("first".to_owned() + &".trim()".repeat(2000), too_deep),
            ("active?1:".repeat(1500) + "1", too_deep),
            ("active?".repeat(1500) + "1", "compile: "),
            (
                "[1].map(x,".repeat(9) + "1" + &")".repeat(9),
                "eval: expected",
            ),
            (
                format!("first in [{}]", vec!["'abc'"; 2500].join(",")),
                "Bool false",
            ),
            ("]".repeat(8000), "compile: line 1"),
            ("+ ".repeat(8000), "compile: line 1"),
            ("'".repeat(16001), "compile: line 1"),
            (
                "a".repeat(MAX_LENGTH + 1),
                "compile: the expression is longer",
            ),
            (
                "'''(((((((((((((((((((((((((((((((((('''".to_owned(),
                "Text (((",
            ),
            (format!("r'\\' + {}1{}", "(".repeat(90), ")".repeat(90)), ""),
            (format!("r'\\' + {}1", "(".repeat(8000)), "compile: "),
            (format!("r'\\' + {}1{}", "[".repeat(90), "]".repeat(90)), ""),
            (format!("r'\\' + {}first", "!".repeat(8000)), ""),
            (format!("r'\\' + {}first", "-".repeat(8000)), ""),
            ("\u{0}".to_owned(), "compile: line 1"),
            ("\u{1}first".to_owned(), "compile: line 1"),
        ] {
            let result = eval(&source);
            assert!(
                result.starts_with(expected),
                "{}... gave {result}",
                source.chars().take(20).collect::<String>()
            );
        }
    }

    #[test]
    fn true_or_false_is_asked_for() {
        let (columns, batch) = row(CELLS);
        let bind = |s: &str| Expr::compile(s).unwrap().bind(&columns).unwrap();
        assert_eq!(bind("active").eval_bool(&batch, 0), Ok(true));
        assert_eq!(
            bind("first").eval_bool(&batch, 0).unwrap_err().to_string(),
            "expected true or false, the expression gave string"
        );
        assert_eq!(Expr::compile("UK").unwrap().bare_name(), Some("UK"));
        assert_eq!(Expr::compile("U + K").unwrap().bare_name(), None);
    }

    #[test]
    fn a_row_with_a_fault_in_a_named_cell_is_not_ready() {
        let (columns, mut batch) = row(CELLS);
        let bound = Expr::compile("first + last")
            .unwrap()
            .bind(&columns)
            .unwrap();
        assert_eq!(bound.columns().collect::<Vec<_>>(), [0, 1]);
        assert!(bound.is_ready(&batch, 0));
        batch.set_cell(0, 2, batch.cell(0, 2).with_kind(Kind::Faulty));
        assert!(bound.is_ready(&batch, 0));
        batch.set_cell(0, 1, batch.cell(0, 1).with_kind(Kind::Faulty));
        assert!(!bound.is_ready(&batch, 0));
    }

    /// The list of functions is CEL's: each is found by the evaluator.
    #[test]
    fn every_listed_function_is_known_to_the_evaluator() {
        for function in FUNCTIONS {
            let unknown = |call: String| match Expr::compile(&call) {
                Err(ExprError::Pattern(_) | ExprError::Syntax { .. }) => false,
                Err(error) => panic!("{call}: {error}"),
                Ok(expr) => {
                    let bound = expr.bind(&Columns::default()).unwrap();
                    let result = bound.eval_text(&Batch::default(), 0, &mut String::new());
                    result.is_err_and(|e| e.to_string().starts_with("no function"))
                }
            };
            let global = unknown(format!("{function}()"));
            assert!(
                !global || !unknown(format!("'a'.{function}()")),
                "{function}"
            );
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

        #[test]
        fn any_text_is_an_expression_or_an_error(source in "[a-z0-9 .,'\"()\\[\\]{}?:!&|+<>=*/%@$é\u{0}\\\\-]{0,40}") {
            eval(&source);
        }

        #[test]
        fn any_cell_can_be_worked_on(cell in "\\PC{0,12}", n in -2i64..14) {
            let cells = serde_json::json!({ "first": cell, "n": n }).to_string();
            let (columns, batch) = row(&cells);
            for source in [
                "first.substring(n)", "first.substring(0, n)", "first.charAt(n)", "first.split('', n)[0]",
                "first.indexOf('a', n)", "first.lastIndexOf('a', n)", "first.replace('', 'x', n)", "first.format([n])",
                "int(first)", "double(first)", "uint(first)", "bool(first)", "string(bytes(first))", "first.reverse()",
                "first.matches('\\\\d')", "math.bitShiftLeft(n, n)", "10 / n", "10 % n",
            ] {
                let bound = Expr::compile(source).unwrap().bind(&columns).unwrap();
                let _ = bound.eval_text(&batch, 0, &mut String::new());
            }
        }
    }
}
