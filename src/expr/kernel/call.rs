//! Functions of one value.

use std::fmt::Write as _;

use super::Function;
use super::eval::Run;
use super::lane::{Lane, Span};
use crate::expr::number;
use crate::expr::time::Time;

impl Run<'_> {
    /// What a function comes to; nothing for what it does not take, and for an error.
    #[inline]
    pub(super) fn call(&mut self, function: Function, value: Lane) -> Option<Lane> {
        match (function, value) {
            (_, Lane::Undecided) => None,
            (Function::Negate, Lane::Double(double)) => Some(Lane::Double(-double)),
            (Function::Negate, Lane::Int(int)) => int.checked_neg().map(Lane::Int),
            (Function::Size, Lane::Text(text)) => {
                let size = self.texts().get(text).chars().count();
                i64::try_from(size).ok().map(Lane::Int)
            }
            (Function::Double, Lane::Text(text) | Lane::Exact(text)) => {
                self.texts().get(text).parse().ok().map(Lane::Double)
            }
            (Function::Double | Function::AsDouble, Lane::Int(int)) => {
                Some(Lane::Double(int as f64))
            }
            (Function::Int, Lane::Text(text)) => self.texts().get(text).parse().ok().map(Lane::Int),
            (Function::Int, Lane::Exact(text)) => number::whole_part(self.texts().get(text))
                .ok()
                .map(Lane::Int),
            (Function::Int, Lane::Double(double)) => {
                number::truncated(double, "int").ok().map(Lane::Int)
            }
            (Function::AsWhole, Lane::Double(double)) => match double.fract() == 0.0 {
                true => number::truncated(double, number::WHOLE).ok().map(Lane::Int),
                false => None,
            },
            (Function::AsText, Lane::Exact(text)) => Some(Lane::Text(text)),
            (Function::AsText, Lane::Double(double)) => self
                .make(|made| number::write(double, made))
                .map(Lane::Text),
            (Function::Text, Lane::Int(int)) => self.written(int),
            (Function::Text, Lane::Bool(truth)) => self.written(truth),
            (Function::Text, Lane::Day(day)) => self.written(day),
            (Function::Date, Lane::Text(text)) => {
                Time::iso_day(self.texts().get(text)).map(Lane::Day)
            }
            (Function::Days, Lane::Int(days)) => days.checked_mul(Time::DAY).map(Lane::Length),
            (Function::LowerAscii, Lane::Text(text)) => {
                self.recased(text, u8::is_ascii_uppercase, str::make_ascii_lowercase)
            }
            (Function::UpperAscii, Lane::Text(text)) => {
                self.recased(text, u8::is_ascii_lowercase, str::make_ascii_uppercase)
            }
            (Function::Trim, Lane::Text(span)) => {
                let text = self.texts().get(span);
                let begin = text.len() - text.trim_start().len();
                Some(Lane::Text(span.part(begin, text.trim().len())))
            }
            (Function::Round, Lane::Double(double)) => Some(Lane::Double(double.round())),
            (Function::Ceil, Lane::Double(double)) => Some(Lane::Double(double.ceil())),
            (Function::Floor, Lane::Double(double)) => Some(Lane::Double(double.floor())),
            (Function::Trunc, Lane::Double(double)) => Some(Lane::Double(double.trunc())),
            (Function::Abs, Lane::Double(double)) => Some(Lane::Double(double.abs())),
            (Function::Abs, Lane::Int(int)) => int.checked_abs().map(Lane::Int),
            (Function::Year, Lane::Day(day)) => Some(Lane::Int(day.year().into())),
            (Function::Month, Lane::Day(day)) => Some(Lane::Int(i64::from(day.month()) - 1)),
            (Function::DayOfMonth, Lane::Day(day)) => Some(Lane::Int(day.day().into())),
            // These leave alone what they are not for.
            (Function::AsDouble | Function::AsWhole | Function::AsText, value) => Some(value),
            (Function::Double, Lane::Double(_))
            | (Function::Int, Lane::Int(_))
            | (Function::Text, Lane::Text(_))
            | (Function::Date, Lane::Day(_)) => Some(value),
            _ => None,
        }
    }

    /// The part of a text between two places, which count characters.
    pub(super) fn part(&self, text: Lane, start: Lane, end: Option<Lane>) -> Option<Lane> {
        let (Lane::Text(span), Lane::Int(start)) = (text, start) else {
            return None;
        };
        let text = self.texts().get(span);
        let place = |at: i64| -> Option<usize> {
            let at = usize::try_from(at).ok()?;
            match text.is_ascii() {
                true => (at <= text.len()).then_some(at),
                false => {
                    let end = std::iter::once(text.len());
                    text.char_indices().map(|(at, _)| at).chain(end).nth(at)
                }
            }
        };
        let end = match end {
            None => text.len(),
            Some(Lane::Int(end)) => place(end)?,
            Some(_) => return None,
        };
        let start = place(start).filter(|start| *start <= end)?;
        Some(Lane::Text(span.part(start, end - start)))
    }

    pub(super) fn replaced(&mut self, text: Lane, from: Lane, to: Lane) -> Option<Lane> {
        let (Lane::Text(span), Lane::Text(from), Lane::Text(to)) = (text, from, to) else {
            return None;
        };
        let mut new = std::mem::take(&mut self.scratch);
        let texts = self.texts();
        let (old, from) = (texts.get(span), texts.get(from));
        let mut done = 0;
        for (at, found) in old.match_indices(from) {
            new.push_str(&old[done..at]);
            new.push_str(texts.get(to));
            done = at + found.len();
        }
        new.push_str(&old[done..]);
        let made = self.make(|made| made.push_str(&new));
        new.clear();
        self.scratch = new;
        made.map(Lane::Text)
    }

    fn written(&mut self, value: impl std::fmt::Display) -> Option<Lane> {
        // Into a String, nothing fails.
        self.make(|made| write!(made, "{value}").unwrap_or_default())
            .map(Lane::Text)
    }

    /// A text with its letters changed, where it has any that are.
    fn recased(
        &mut self,
        text: Span,
        is_changed: impl Fn(&u8) -> bool,
        change: impl FnOnce(&mut str),
    ) -> Option<Lane> {
        if !self.texts().get(text).bytes().any(|b| is_changed(&b)) {
            return Some(Lane::Text(text));
        }
        let from = self.made.len();
        self.push(text);
        change(&mut self.made[from..]);
        self.made_from(from).map(Lane::Text)
    }
}
