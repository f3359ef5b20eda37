//! The rules of one column.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use regex::Regex;
use uuid::Uuid;

use super::{ColumnRules, ColumnType, Limit, STAGE};
use crate::batch::{Batch, Fault, Kind};
use crate::text::dates::{Date, Format};
use crate::text::decimal::{Decimal, Number};

/// Up to so many values are looked through one by one, which is faster than hashing the text.
const SHORT_LIST: usize = 8;

/// So many values of a list are named in a message.
const NAMED: usize = 10;

/// Longest e-mail address, and the longest part before its `@` (RFC 5321).
const EMAIL: (usize, usize) = (254, 64);

/// Longest part of a domain between its dots (RFC 1035).
const EMAIL_LABEL: usize = 63;

/// What a broken rule says.
struct Rule {
    code: &'static str,
    message: Cow<'static, str>,
}

impl Rule {
    fn new(code: &'static str, message: impl Into<Cow<'static, str>>) -> Rule {
        Rule {
            code,
            message: message.into(),
        }
    }
}

/// A limit of a rule and what to say of what is past it.
struct Bound<T> {
    limit: T,
    rule: Rule,
}

/// A day of a rule: stated, or the day of the run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Day {
    Fixed(Date),
    Today,
}

impl Day {
    fn parse(text: &str) -> Option<Day> {
        match text {
            "today" => Some(Day::Today),
            _ => Date::parse_iso(text).map(Day::Fixed),
        }
    }

    fn date(self, today: Date) -> Date {
        match self {
            Day::Fixed(date) => date,
            Day::Today => today,
        }
    }
}

/// How a date must lie to a day.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    NotBefore,
    NotAfter,
    After,
    Before,
}

impl Side {
    const fn code(self) -> &'static str {
        match self {
            Side::NotBefore => "min",
            Side::NotAfter => "max",
            Side::After => "after",
            Side::Before => "before",
        }
    }

    fn holds(self, order: Ordering) -> bool {
        match self {
            Side::NotBefore => order.is_ge(),
            Side::NotAfter => order.is_le(),
            Side::After => order.is_gt(),
            Side::Before => order.is_lt(),
        }
    }

    fn message(self, day: Day, today: Date) -> String {
        let day = match day {
            Day::Fixed(date) => date.to_string(),
            Day::Today => format!("today ({today})"),
        };
        match self {
            Side::NotBefore => format!("expected {day} or later"),
            Side::NotAfter => format!("expected {day} or earlier"),
            Side::After => format!("expected a date after {day}"),
            Side::Before => format!("expected a date before {day}"),
        }
    }
}

/// What the text must be, and between which limits.
enum Type {
    Any,
    Text,
    Number {
        integer: bool,
        min: Option<Bound<Decimal>>,
        max: Option<Bound<Decimal>>,
    },
    Date {
        format: Format,
        limits: Vec<(Side, Bound<Date>)>,
    },
    Boolean,
    Uuid,
    Email,
}

/// A list of values, and what to say.
struct Values {
    list: List,
    ignore_case: bool,
    rule: Rule,
}

enum List {
    Short(Vec<String>),
    Long(HashSet<String>),
}

impl Values {
    fn new(values: &[String], ignore_case: bool, rule: Rule) -> Values {
        let values = values.iter().map(|value| {
            let mut text = String::with_capacity(value.len());
            if ignore_case {
                lower_into(value, &mut text);
            } else {
                text.push_str(value);
            }
            text
        });
        Values {
            list: if values.len() > SHORT_LIST {
                List::Long(values.collect())
            } else {
                List::Short(values.collect())
            },
            ignore_case,
            rule,
        }
    }

    fn contains(&self, text: &str, lower: &mut String) -> bool {
        let text = if self.ignore_case {
            lower_into(text, lower);
            lower
        } else {
            text
        };
        match &self.list {
            List::Short(values) => values.iter().any(|value| value == text),
            List::Long(values) => values.contains(text),
        }
    }
}

/// The text in lower case, in a buffer that is used again and again.
fn lower_into(text: &str, lower: &mut String) {
    lower.clear();
    if text.is_ascii() {
        lower.push_str(text);
        lower.make_ascii_lowercase();
    } else {
        lower.extend(text.chars().flat_map(char::to_lowercase));
    }
}

/// The rules of a column, compiled.
pub(super) struct Checks {
    empty: Option<Rule>,
    kind: Type,
    kind_rule: Rule,
    pattern: Option<(Regex, Rule)>,
    min_length: Option<Bound<usize>>,
    max_length: Option<Bound<usize>>,
    one_of: Option<Values>,
    not_one_of: Option<Values>,
    /// What the pipeline file wants said, whatever breaks.
    message: Option<Cow<'static, str>>,
}

/// Problems of a column's rules: the field and what is wrong with it.
type Problems = Vec<(&'static str, String)>;

impl Checks {
    /// The rules of a key column that has no others.
    pub(super) fn of_key() -> Checks {
        Checks::compile(&ColumnRules::default(), true, Date::MIN).0
    }

    /// Compiles what can be, and says what can't.
    pub(super) fn compile(rules: &ColumnRules, is_key: bool, today: Date) -> (Checks, Problems) {
        let mut problems = Problems::new();
        let kind = Type::compile(rules, today, &mut problems);
        let kind_rule = match &kind {
            Type::Date { format, .. } => Rule::new(
                "type_date",
                format!("expected a date as {}", format.source()),
            ),
            Type::Number { integer: true, .. } => Rule::new("type_integer", "expected an integer"),
            Type::Number { .. } => Rule::new("type_number", "expected a number"),
            Type::Boolean => Rule::new("type_boolean", "expected true or false"),
            Type::Uuid => Rule::new("type_uuid", "expected a UUID"),
            Type::Email => Rule::new("type_email", "expected an e-mail address"),
            Type::Text | Type::Any => Rule::new("type_text", "expected text"),
        };

        let pattern = rules.pattern.as_deref().and_then(|pattern| {
            match Regex::new(pattern) {
                Ok(regex) => Some((
                    regex,
                    Rule::new("pattern", format!("expected a match of {pattern}")),
                )),
                Err(e) => {
                    // The crate draws the place over several lines; the last one has the words.
                    let text = e.to_string();
                    let words = text.lines().last().unwrap_or_default();
                    let words = words.trim_start_matches("error: ");
                    problems.push(("pattern", format!("`{pattern}` is no pattern: {words}")));
                    None
                }
            }
        });

        if let (Some(min), Some(max)) = (rules.min_length, rules.max_length)
            && min > max
        {
            problems.push((
                "min_length",
                format!("`min_length: {min}` is more than `max_length: {max}`"),
            ));
        }
        for (field, list) in [("one_of", &rules.one_of), ("not_one_of", &rules.not_one_of)] {
            if list.as_ref().is_some_and(Vec::is_empty) {
                problems.push((field, "the list is empty".into()));
            }
        }
        if rules.ignore_case && rules.one_of.is_none() && rules.not_one_of.is_none() {
            problems.push((
                "ignore_case",
                "there is no `one_of` or `not_one_of` that it could be about".into(),
            ));
        }

        let length = |limit: Option<usize>, code, words: &str| {
            limit.map(|limit| Bound {
                limit,
                rule: Rule::new(
                    code,
                    format!(
                        "expected at {words} {limit} {}",
                        if limit == 1 {
                            "character"
                        } else {
                            "characters"
                        }
                    ),
                ),
            })
        };
        let values = |list: &Option<Vec<String>>, code, words: &str| {
            list.as_ref().map(|list| {
                let rule = Rule::new(code, format!("expected {words} {}", named(list)));
                Values::new(list, rules.ignore_case, rule)
            })
        };
        let checks = Checks {
            empty: match (is_key, rules.required) {
                (true, _) => Some(Rule::new("key_empty", "expected a key, found nothing")),
                (_, true) => Some(Rule::new("required", "expected a value, found nothing")),
                _ => None,
            },
            kind,
            kind_rule,
            pattern,
            min_length: length(rules.min_length, "min_length", "least"),
            max_length: length(rules.max_length, "max_length", "most"),
            one_of: values(&rules.one_of, "one_of", "one of"),
            not_one_of: values(&rules.not_one_of, "not_one_of", "none of"),
            message: rules.message.clone().map(Cow::Owned),
        };
        (checks, problems)
    }

    /// Ties the rules to a column.
    pub(super) fn bind(self, name: Arc<str>, slot: usize) -> Column {
        Column {
            name,
            slot,
            checks: self,
        }
    }

    /// The rules that break on a cell's text, which is not empty.
    #[inline]
    fn run<'r>(&'r self, kind: Kind, text: &str, scratch: &mut Scratch<'r>) {
        let Scratch { broken, lower } = scratch;
        self.kind.run(kind, text, &self.kind_rule, broken);
        if let Some((regex, rule)) = &self.pattern
            && !regex.is_match(text)
        {
            broken.push(rule);
        }
        // A character has at least one byte, so bytes often decide.
        if let Some(Bound { limit, rule }) = &self.min_length
            && (text.len() < *limit || text.chars().count() < *limit)
        {
            broken.push(rule);
        }
        if let Some(Bound { limit, rule }) = &self.max_length
            && text.len() > *limit
            && text.chars().count() > *limit
        {
            broken.push(rule);
        }
        if let Some(values) = &self.one_of
            && !values.contains(text, lower)
        {
            broken.push(&values.rule);
        }
        if let Some(values) = &self.not_one_of
            && values.contains(text, lower)
        {
            broken.push(&values.rule);
        }
    }
}

impl Type {
    /// What the rules say of the type. Where they don't name it, limits and formats do.
    fn compile(rules: &ColumnRules, today: Date, problems: &mut Problems) -> Type {
        let dated = rules.format.is_some() || rules.after.is_some() || rules.before.is_some();
        let limited = rules.min.is_some() || rules.max.is_some();
        let kind = match rules.kind {
            Some(kind) => kind,
            None if dated => ColumnType::Date,
            None if limited => ColumnType::Number,
            None => return Type::Any,
        };
        if kind != ColumnType::Date {
            for (field, given) in [
                ("format", rules.format.is_some()),
                ("after", rules.after.is_some()),
                ("before", rules.before.is_some()),
            ] {
                if given {
                    problems.push((
                        field,
                        format!("`{field}` is for dates, the type is {}", kind.word()),
                    ));
                }
            }
        }
        match kind {
            ColumnType::Integer | ColumnType::Number => {
                let mut limit = |code, limit: &Option<Limit>, words: &str| {
                    let text = limit.as_ref()?.0.trim();
                    let Some(number) = Decimal::parse(text) else {
                        let hint = match Day::parse(text) {
                            Some(_) => ", or `type: date`",
                            None => "",
                        };
                        problems.push((code, format!("expected a number{hint}, found `{text}`")));
                        return None;
                    };
                    Some(Bound {
                        limit: number,
                        rule: Rule::new(code, format!("expected at {words} {text}")),
                    })
                };
                let min = limit("min", &rules.min, "least");
                let max = limit("max", &rules.max, "most");
                if let (Some(low), Some(high)) = (&min, &max)
                    && low.limit.number() > high.limit.number()
                {
                    problems.push(("min", "`min` is more than `max`".into()));
                }
                Type::Number {
                    integer: kind == ColumnType::Integer,
                    min,
                    max,
                }
            }
            ColumnType::Date => Type::date(rules, today, problems),
            _ => {
                for (field, given) in [("min", &rules.min), ("max", &rules.max)] {
                    if given.is_some() {
                        let message = format!(
                            "`{field}` is for numbers and dates, the type is {}; for text there is `{field}_length`",
                            kind.word()
                        );
                        problems.push((field, message));
                    }
                }
                match kind {
                    ColumnType::Boolean => Type::Boolean,
                    ColumnType::Uuid => Type::Uuid,
                    ColumnType::Email => Type::Email,
                    _ => Type::Text,
                }
            }
        }
    }

    fn date(rules: &ColumnRules, today: Date, problems: &mut Problems) -> Type {
        let format = match Format::compile(rules.format.as_deref().unwrap_or("YYYY-MM-DD")) {
            Ok(format) => format,
            Err(message) => {
                problems.push(("format", message));
                return Type::Any;
            }
        };
        let text = |limit: &'_ Option<Limit>| limit.as_ref().map(|l| l.0.clone());
        let mut days = Vec::new();
        for (side, given) in [
            (Side::NotBefore, text(&rules.min)),
            (Side::NotAfter, text(&rules.max)),
            (Side::After, rules.after.clone()),
            (Side::Before, rules.before.clone()),
        ] {
            let Some(text) = given else { continue };
            match Day::parse(text.trim()) {
                Some(day) => days.push((side, day)),
                None => problems.push((
                    side.code(),
                    format!("expected a day as YYYY-MM-DD, or `today`, found `{text}`"),
                )),
            }
        }
        for &(low_side, low) in &days {
            for &(high_side, high) in &days {
                // What today is, decides at the run.
                let comparable = (low == Day::Today) == (high == Day::Today);
                let none = match (low_side, high_side) {
                    (Side::NotBefore, Side::NotAfter) => low.date(today) > high.date(today),
                    (Side::NotBefore, Side::Before)
                    | (Side::After, Side::NotAfter | Side::Before) => {
                        low.date(today) >= high.date(today)
                    }
                    _ => false,
                };
                if comparable && none {
                    let (low, high) = (low_side.code(), high_side.code());
                    problems.push((low, format!("no day is within both `{low}` and `{high}`")));
                }
            }
        }
        Type::Date {
            format,
            limits: days
                .into_iter()
                .map(|(side, day)| {
                    let rule = Rule::new(side.code(), side.message(day, today));
                    let limit = day.date(today);
                    (side, Bound { limit, rule })
                })
                .collect(),
        }
    }

    /// What breaks: the type, or else its limits.
    #[inline]
    fn run<'r>(&'r self, kind: Kind, text: &str, rule: &'r Rule, broken: &mut Vec<&'r Rule>) {
        let fits = match self {
            Type::Any => true,
            Type::Text => kind == Kind::Text,
            Type::Boolean => text == "true" || text == "false",
            Type::Uuid => text.len() == 36 && Uuid::try_parse(text).is_ok(),
            Type::Email => is_email(text),
            Type::Number { integer, min, max } => match Number::parse(text) {
                Some(number) if number.is_integer() || !integer => {
                    if let Some(Bound { limit, rule }) = min
                        && number < limit.number()
                    {
                        broken.push(rule);
                    }
                    if let Some(Bound { limit, rule }) = max
                        && number > limit.number()
                    {
                        broken.push(rule);
                    }
                    true
                }
                _ => false,
            },
            Type::Date { format, limits } => match format.parse(text) {
                Some(when) => {
                    for (side, Bound { limit, rule }) in limits {
                        if !side.holds(when.date.cmp(limit)) {
                            broken.push(rule);
                        }
                    }
                    true
                }
                None => false,
            },
        };
        if !fits {
            broken.push(rule);
        }
    }
}

/// The first values of a list, for a message.
fn named(values: &[String]) -> String {
    let first: Vec<_> = values
        .iter()
        .take(NAMED)
        .map(|v| format!("`{v}`"))
        .collect();
    let mut text = first.join(", ");
    if values.len() > NAMED {
        text.push_str(&format!(", ... ({} in all)", values.len()));
    }
    text
}

/// Whether a text is an e-mail address of one mailbox, as HTML has it, with a dot in its domain.
/// Letters of all languages are taken, since such addresses exist.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let label = |label: &str| {
        (1..=EMAIL_LABEL).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    text.len() <= EMAIL.0
        && (1..=EMAIL.1).contains(&local.len())
        && local
            .chars()
            .all(|c| c.is_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c))
        && domain.contains('.')
        && domain.split('.').all(label)
}

/// What the rules of a block need again and again.
#[derive(Default)]
pub(super) struct Scratch<'r> {
    broken: Vec<&'r Rule>,
    lower: String,
}

/// The rules of a column, bound to it.
pub(super) struct Column {
    name: Arc<str>,
    slot: usize,
    checks: Checks,
}

impl Column {
    pub(super) fn apply<'r>(&'r self, batch: &mut Batch, scratch: &mut Scratch<'r>) {
        for row in 0..batch.len() {
            let cell = batch.cell(row, self.slot);
            if cell.kind() == Kind::Faulty || !batch.is_live(row) {
                continue;
            }
            if !cell.is_empty() {
                self.checks.run(cell.kind(), batch.text(cell), scratch);
            } else if let Some(rule) = &self.checks.empty {
                scratch.broken.push(rule);
            }
            for rule in scratch.broken.drain(..) {
                let fault = Fault {
                    row: row as u32,
                    stage: STAGE,
                    column: self.name.clone(),
                    source: None,
                    code: Cow::Borrowed(rule.code),
                    message: self
                        .checks
                        .message
                        .as_ref()
                        .unwrap_or(&rule.message)
                        .clone(),
                };
                batch.reject(fault, Some(self.slot));
            }
        }
    }
}
