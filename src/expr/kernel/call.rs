//! Functions of one value.

use std::fmt::Write as _;

use super::Function;
use super::eval::Run;
use super::lane::Lane;
use crate::expr::number;
use crate::expr::time::Time;
use crate::text::dates::Date;

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
            (Function::Text | Function::AsText, Lane::Exact(text)) => Some(Lane::Text(text)),
            (Function::AsText, Lane::Double(double)) => self
                .make(|made| number::write(double, made))
                .map(Lane::Text),
            (Function::Text, Lane::Int(int)) => self.written(int),
            (Function::Text, Lane::Bool(truth)) => self.written(truth),
            (Function::Text, Lane::Day(day)) => self.written(day),
            (Function::Date, Lane::Text(text)) => {
                let day = Date::parse_iso(self.texts().get(text)).and_then(Time::day);
                day.map(Lane::of_time)
            }
            (Function::Days, Lane::Int(days)) => days.checked_mul(Time::DAY).map(Lane::Length),
            (Function::LowerAscii, Lane::Text(text)) => {
                match self
                    .texts()
                    .get(text)
                    .bytes()
                    .any(|b| b.is_ascii_uppercase())
                {
                    false => Some(value),
                    true => self.recased(value, str::make_ascii_lowercase),
                }
            }
            (Function::UpperAscii, Lane::Text(text)) => {
                match self
                    .texts()
                    .get(text)
                    .bytes()
                    .any(|b| b.is_ascii_lowercase())
                {
                    false => Some(value),
                    true => self.recased(value, str::make_ascii_uppercase),
                }
            }
            (Function::Trim, Lane::Text(span)) => {
                let text = self.texts().get(span);
                let begin = text.len() - text.trim_start().len();
                Some(Lane::Text(span.part(begin, text.trim().len())))
            }
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

    fn written(&mut self, value: impl std::fmt::Display) -> Option<Lane> {
        // Into a String, nothing fails.
        self.make(|made| write!(made, "{value}").unwrap_or_default())
            .map(Lane::Text)
    }

    fn recased(&mut self, value: Lane, change: impl FnOnce(&mut str)) -> Option<Lane> {
        let Lane::Text(text) = value else {
            return None;
        };
        let from = self.made.len();
        self.push(text);
        change(&mut self.made[from..]);
        self.made_from(from).map(Lane::Text)
    }
}
