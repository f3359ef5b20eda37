//! What to write instead, where the kinds of an expression can't have been meant.

use cel::common::ast::{Expr as Node, IdedExpr, LiteralValue, operators};

use super::tree::qualified;
use super::words::{QUOTED, infix, written};
use crate::batch::Columns;
use crate::batch::kinds::Kinds;

/// One side of an operator.
pub(super) struct Side {
    pub(super) kinds: Kinds,
    pub(super) is_literal: bool,
    /// The text in quotes, where the side is one.
    quoted: Option<String>,
    text: String,
    /// The column's name, where the side is a column and nothing else.
    column: Option<String>,
    /// The name with a minus in it that the side may be, where it is a difference of names.
    hyphened: Option<String>,
    /// Whether it is text because all cells of its source are.
    of_csv: bool,
}

impl Side {
    pub(super) fn new(node: &IdedExpr, kinds: Kinds, columns: &Columns) -> Side {
        let name = qualified(node).map(|segments| segments.join("."));
        let name = name.map(|name| name.trim_start_matches(QUOTED).to_owned());
        Side {
            kinds,
            is_literal: matches!(node.expr, Node::Literal(_)),
            quoted: match &node.expr {
                Node::Literal(LiteralValue::String(text)) => Some(text.inner().to_owned()),
                _ => None,
            },
            text: written(node),
            column: name.filter(|name| columns.find(name).is_some()),
            hyphened: hyphened(node),
            of_csv: columns.source().within(Kinds::TEXT),
        }
    }

    /// The column's name, where the side is one.
    pub(super) fn column(&self) -> Option<&str> {
        self.column.as_deref()
    }

    fn literal(&self) -> Option<&str> {
        self.quoted.as_deref()
    }

    /// Whether it is text that is a day and nothing else.
    fn is_days(&self) -> bool {
        self.kinds.meets(Kinds::DAYS) && !self.kinds.meets(Kinds::PROSE)
    }

    /// The column's name, where it holds text and nothing else.
    fn text_column(&self) -> Option<&str> {
        self.column
            .as_deref()
            .filter(|_| self.kinds.within(Kinds::TEXT))
    }

    /// Why a column is text, and the stage that makes something else of it.
    fn stage(&self, stage: &str) -> Option<String> {
        let column = self.text_column()?;
        let because = match self.of_csv {
            true => format!("a CSV column is text until a `{stage}` stage has run"),
            false => format!("`{column}` is text at this point"),
        };
        let name = match column
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_')
        {
            true => column.to_owned(),
            false => format!("{column:?}"),
        };
        Some(format!(
            "{because}; add `- {stage}: {{ columns: [{name}] }}` before"
        ))
    }
}

/// `E-Mail`, where it was read as a difference.
fn hyphened(node: &IdedExpr) -> Option<String> {
    let Node::Call(call) = &node.expr else {
        return None;
    };
    match &call.args[..] {
        [left, right] if call.func_name == operators::SUBSTRACT => {
            let plain = |node| Some(qualified(node)?.join(".")).filter(|n| !n.contains(QUOTED));
            Some(format!("{}-{}", plain(left)?, plain(right)?))
        }
        _ => None,
    }
}

/// The kinds in words. Empty text goes without saying beside others: any cell may be empty.
pub(super) fn noun(kinds: Kinds) -> String {
    let mut words = Vec::new();
    for (kind, word) in [
        (Kinds::WORDS, "text"),
        (Kinds::NUMBER, "a number"),
        (Kinds::BOOL, "true or false"),
        (Kinds::LIST, "a list"),
        (Kinds::DATE, "a date"),
        (Kinds::MOMENT, "a timestamp"),
        (Kinds::SPAN, "a duration"),
        (Kinds::OTHER, "another kind of value"),
    ] {
        if kinds.meets(kind) {
            words.push(word);
        }
    }
    match words[..] {
        [] if kinds.meets(Kinds::EMPTY) => "empty text".to_owned(),
        [] => "null".to_owned(),
        _ => words.join(" or "),
    }
}

/// What a function takes, in words.
pub(super) fn taken(takes: Kinds) -> String {
    match takes {
        Kinds::INT => "a whole number".to_owned(),
        _ if takes.without(Kinds::OTHER) == takes => noun(takes),
        _ if takes.meets(Kinds::NUMBER) => "text or a number".to_owned(),
        _ if takes.meets(Kinds::BOOL) => "text, true or false".to_owned(),
        _ => "text or a list".to_owned(),
    }
}

/// The function that makes a value of the calendar or the clock, and how a side is written with it.
fn as_time(side: &Side, kinds: Kinds) -> Option<String> {
    let function = match kinds {
        Kinds::DATE => "date",
        Kinds::MOMENT => "timestamp",
        Kinds::SPAN if side.kinds.within(Kinds::NUMBER) => "days",
        Kinds::SPAN => "duration",
        _ => return None,
    };
    let fits = side.kinds.meets(Kinds::TEXT) || kinds == Kinds::SPAN;
    fits.then(|| format!("{function}({})", side.text))
}

/// For a comparison in which one side is a value of the calendar or the clock.
fn compared_in_time(operator: &str, left: &Side, right: &Side) -> Option<String> {
    let write = |left: &str, right: &str| Some(format!("; write `{left} {operator} {right}`"));
    if right.kinds.within(Kinds::TIME) && !left.kinds.within(Kinds::TIME) {
        return write(&as_time(left, right.kinds)?, &right.text);
    }
    if left.kinds.within(Kinds::TIME) && !right.kinds.within(Kinds::TIME) {
        return write(&left.text, &as_time(right, left.kinds)?);
    }
    None
}

/// What is told of texts that are put in order, unless both are days or one has no digits and so is meant as text.
pub(super) fn text_order(node: &IdedExpr, sides: &[Side; 2]) -> Option<String> {
    let [left, right] = sides;
    let can_be_text = |side: &Side| side.kinds.meets(Kinds::WORDS);
    let days = |side: &Side| !side.kinds.meets(Kinds::PROSE);
    if !can_be_text(left) || !can_be_text(right) || (days(left) && days(right)) {
        return None;
    }
    let is_prose = |side: &Side| {
        side.literal()
            .is_some_and(|text| !text.contains(|c: char| c.is_ascii_digit()))
    };
    if is_prose(left) || is_prose(right) {
        return None;
    }
    let Node::Call(call) = &node.expr else {
        return None;
    };
    let operator = infix(&call.func_name)?;
    let as_number = |side: &Side| match side.literal() {
        Some(text) if text.parse::<f64>().is_ok() => text.to_owned(),
        _ => format!("double({})", side.text),
    };
    let as_day = |side: &Side| format!("date({})", side.text);
    let dates = format!("`{} {operator} {}`", as_day(left), as_day(right));
    let numbers = format!("`{} {operator} {}`", as_number(left), as_number(right));
    let is_day = |side: &Side| side.literal().is_some() && days(side);
    let advice = match is_day(left) || is_day(right) || left.is_days() || right.is_days() {
        true => format!("write {dates}, or convert the column with a `date` stage before"),
        false => format!(
            "for numbers write {numbers}, or add a `number` stage before; for days {dates}, or a `date` stage"
        ),
    };
    Some(format!(
        "`{}` compares text character by character, so that \"10\" comes before \"9\": {advice}",
        written(node)
    ))
}

/// Whether the two can be put in order as text alone, whatever the row.
pub(super) fn is_text_order([left, right]: &[Side; 2]) -> bool {
    let common = left.kinds & right.kinds;
    let numbers = left.kinds.meets(Kinds::NUMBER) && right.kinds.meets(Kinds::NUMBER);
    common.within(Kinds::TEXT | Kinds::NULL) && !numbers
}

/// For a comparison of two kinds.
pub(super) fn compared(node: &IdedExpr, left: &Side, right: &Side) -> String {
    if let Node::Call(call) = &node.expr
        && let Some(operator) = infix(&call.func_name)
        && let Some(advice) = compared_in_time(operator, left, right)
    {
        return advice;
    }
    for (column, other) in [(left, right), (right, left)] {
        if let Some(name) = column.text_column() {
            if other.kinds == Kinds::NULL {
                return format!("; an empty cell is empty text, `{} == \"\"`", column.text);
            }
            let stage = match other.kinds.without(Kinds::EMPTY) {
                Kinds::BOOL => "boolean",
                kinds if kinds.within(Kinds::NUMBER) => "number",
                _ => continue,
            };
            let stage = column.stage(stage).unwrap_or_else(|| name.to_owned());
            return match requoted(node, true) {
                Some(text) => format!(": {stage}, or write `{text}`"),
                None => format!(": {stage}"),
            };
        }
        if column.column.is_some() && other.kinds.within(Kinds::TEXT) {
            let is = format!("`{}` is {} at this point", column.text, noun(column.kinds));
            return match requoted(node, false) {
                Some(text) => format!(": {is}; write `{text}`"),
                None => format!(": {is}"),
            };
        }
    }
    let names = [left, right].into_iter();
    match names.filter_map(|side| side.hyphened.as_ref()).next() {
        Some(name) => format!("; if `{name}` is the name of a column, write row[{name:?}]"),
        None => ", which is the same for every row".to_owned(),
    }
}

/// The comparison with its literals as text, or as what their text says.
fn requoted(node: &IdedExpr, as_text: bool) -> Option<String> {
    let Node::Call(call) = &node.expr else {
        return None;
    };
    let (operator, [left, right]) = (&*call.func_name, &call.args[..]) else {
        return None;
    };
    // Numbers as text have another order.
    let equal = [operators::EQUALS, operators::NOT_EQUALS, operators::IN].contains(&operator);
    if as_text && !equal {
        return None;
    }
    let (left, right) = match (literal(left, as_text), literal(right, as_text)) {
        (Some(left), None) => (left, written(right)),
        (None, Some(right)) => (written(left), right),
        _ => return None,
    };
    Some(format!("{left} {} {right}", infix(operator)?))
}

/// A literal, or a list of literals, as text or as what its text says; nothing where that is not possible.
fn literal(node: &IdedExpr, as_text: bool) -> Option<String> {
    match &node.expr {
        Node::Literal(LiteralValue::String(text)) if !as_text => {
            let text = text.inner();
            let says = text == "true" || text == "false" || text.parse::<f64>().is_ok();
            says.then(|| text.to_owned())
        }
        Node::Literal(LiteralValue::String(_) | LiteralValue::Null) => None,
        Node::Literal(_) if as_text => Some(format!("\"{}\"", written(node))),
        Node::List(list) => {
            let items: Option<Vec<_>> = list.elements.iter().map(|e| literal(e, as_text)).collect();
            Some(format!("[{}]", items?.join(", ")))
        }
        _ => None,
    }
}

/// For a calculation with two kinds.
pub(super) fn calculated(left: &Side, right: &Side, operator: &str) -> String {
    if let Some(advice) = calculated_in_time(left, right, operator) {
        return advice;
    }
    // Where a name has such a sign in it, what is meant may be no calculation at all.
    let name = match (&left.column, &right.column) {
        (Some(left), Some(right)) if operator != "+" => {
            let name = format!("{left}{operator}{right}");
            format!("; if `{name}` is the name of a column, write row[{name:?}]")
        }
        _ => String::new(),
    };
    for (column, other) in [(left, right), (right, left)] {
        let number = other.kinds.meets(Kinds::NUMBER);
        let Some(stage) = column.stage("number").filter(|_| number || operator != "+") else {
            continue;
        };
        return match operator == "+" {
            true => format!(": {stage}, or join text with `string({})`", other.text),
            false => format!(": {stage}{name}"),
        };
    }
    for (side, other) in [(left, right), (right, left)] {
        if operator == "+" && side.kinds.meets(Kinds::NUMBER) && other.kinds.meets(Kinds::TEXT) {
            return format!("; a number is joined to text as `string({})`", side.text);
        }
    }
    name
}

/// For a calculation in which one side is a value of the calendar or the clock.
fn calculated_in_time(left: &Side, right: &Side, operator: &str) -> Option<String> {
    let is_time = |side: &Side| side.kinds.within(Kinds::TIME);
    for (time, other) in [(left, right), (right, left)] {
        if !is_time(time) {
            continue;
        }
        if other.kinds.within(Kinds::NUMBER) {
            return Some(format!(
                "; a number of days is written `days({})`",
                other.text
            ));
        }
        if operator == "+" && other.kinds.within(Kinds::TEXT) {
            return Some(format!(
                "; a date is joined to text as `string({})`",
                time.text
            ));
        }
        if other.kinds.meets(Kinds::TEXT) {
            return Some(format!("; write `{}`", as_time(other, time.kinds)?));
        }
    }
    None
}

/// For what should be true or false.
pub(super) fn to_be_true(side: &Side) -> String {
    match (side.stage("boolean"), side.kinds) {
        (Some(stage), _) => format!(": {stage}, or compare it, as in `{} == \"Y\"`", side.text),
        (None, Kinds::LIST) => String::new(),
        (None, _) => format!("; compare it, as in `{} == ...`", side.text),
    }
}

/// For what should be a cell's value.
pub(super) fn to_be_a_cell(side: &Side) -> String {
    match side.kinds.within(Kinds::SPAN) {
        true => format!("; in days it is `({}).getHours() / 24`", side.text),
        false => String::new(),
    }
}

/// For what should be a number.
pub(super) fn to_be_a_number(side: &Side) -> String {
    match side.stage("number") {
        Some(stage) => format!(": {stage}"),
        None if side.kinds.within(Kinds::TEXT) && !side.is_literal => {
            format!("; write `int({0})` or `double({0})`", side.text)
        }
        None => String::new(),
    }
}

/// For a function's value.
pub(super) fn to_be_taken(side: &Side, takes: Kinds) -> String {
    if takes.within(Kinds::NUMBER) {
        return to_be_a_number(side);
    }
    let is_time = side.kinds.within(Kinds::TIME);
    let number = side.kinds.within(Kinds::NUMBER | Kinds::EMPTY);
    match takes {
        _ if takes.meets(Kinds::TEXT) && (number || is_time) && !takes.meets(Kinds::TIME) => {
            format!("; write `string({})`", side.text)
        }
        // The parts of a day.
        _ if takes.meets(Kinds::DATE) && side.kinds.meets(Kinds::TEXT) => {
            format!("; write `date({})`", side.text)
        }
        _ if takes.meets(Kinds::MOMENT) && side.kinds.meets(Kinds::TEXT) => {
            format!("; write `timestamp({})`", side.text)
        }
        _ => String::new(),
    }
}
