//! How numbers are written, and which setting would read one that is written otherwise.

use crate::text::decimal::{is_json_number, leading_digits};
use crate::text::unseen::trimmed;

/// Characters that stand for each other between groups of digits.
const SPACES: [char; 5] = [' ', '\u{a0}', '\u{202f}', '\u{2009}', '\u{2007}'];
const APOSTROPHES: [char; 2] = ['\'', '\u{2019}'];

const MINUS: [char; 2] = ['-', '\u{2212}'];

/// How numbers are written.
#[derive(Clone)]
pub(super) struct Style {
    pub(super) thousands: Option<char>,
    pub(super) decimal: char,
    pub(super) symbols: Vec<String>,
    /// Whether a percent sign is taken off, and whether there must be one, and it means hundredths.
    pub(super) percent: bool,
    pub(super) hundredths: bool,
    pub(super) parentheses: bool,
    pub(super) trailing_minus: bool,
    pub(super) exponent: bool,
}

impl Style {
    /// Whether a text is what it means already: a JSON number whose point, if any, is the decimal one.
    #[inline]
    pub(super) fn is_plain(&self, text: &str) -> bool {
        if self.hundredths {
            return false;
        }
        let bytes = text.as_bytes();
        let (integer, rest) = leading_digits(bytes.strip_prefix(b"-").unwrap_or(bytes));
        if integer.is_empty() || (integer[0] == b'0' && integer.len() > 1) {
            return false;
        }
        match rest.split_first() {
            None => true,
            Some((b'.', _)) if self.decimal != '.' => false,
            Some((b'.', rest)) => match leading_digits(rest) {
                ([], _) => false,
                (_, []) => true,
                _ => self.exponent && is_json_number(text),
            },
            _ => self.exponent && is_json_number(text),
        }
    }

    /// Reads a number as people write it and leaves it in `plain` as JSON has it.
    pub(super) fn read(&self, text: &str, plain: &mut String) -> bool {
        plain.clear();
        let Some(peeled) = self.peel(text) else {
            return false;
        };
        if !self.decimal_of(&peeled, plain) || (self.hundredths && !peeled.percent) {
            return false;
        }
        if self.hundredths {
            *plain = hundredth(plain);
        }
        true
    }

    /// Reads what is between signs and symbols.
    fn decimal_of(&self, peeled: &Peeled<'_>, plain: &mut String) -> bool {
        let Peeled { negative, text, .. } = *peeled;
        let digit_first = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        if !digit_first(text) && !text.strip_prefix(self.decimal).is_some_and(digit_first) {
            return false;
        }
        if negative {
            plain.push('-');
        }
        let Some(rest) = self.integer(text, plain) else {
            return false;
        };
        let rest = match rest.strip_prefix(self.decimal).map(digits) {
            None => rest,
            Some(("", rest)) => rest,
            Some((fraction, rest)) => {
                plain.push('.');
                plain.push_str(fraction);
                rest
            }
        };
        if rest.is_empty() {
            return true;
        }
        // Whether what is left is an exponent, the whole shows.
        plain.push_str(rest);
        self.exponent && is_json_number(plain)
    }

    /// Takes off, from both ends and in any order: white space, one currency symbol, one percent sign, one sign.
    fn peel<'t>(&self, text: &'t str) -> Option<Peeled<'t>> {
        let mut text = text;
        let (mut symbol, mut percent) = (false, false);
        let mut sign = None;
        loop {
            text = &text[trimmed(text)];
            if !symbol && let Some(rest) = self.without_symbol(text) {
                symbol = true;
                text = rest;
            } else if !percent
                && self.percent
                && let Some(rest) = text.strip_suffix('%').or_else(|| text.strip_prefix('%'))
            {
                percent = true;
                text = rest;
            } else if sign.is_none()
                && let Some((negative, rest)) = self.without_sign(text)
            {
                sign = Some(negative);
                text = rest;
            } else {
                return (!text.is_empty()).then_some(Peeled {
                    negative: sign == Some(true),
                    percent,
                    text,
                });
            }
        }
    }

    fn is_thousands(&self, c: char) -> bool {
        match self.thousands {
            Some(mark) if SPACES.contains(&mark) => SPACES.contains(&c),
            Some(mark) if APOSTROPHES.contains(&mark) => APOSTROPHES.contains(&c),
            mark => mark == Some(c),
        }
    }

    /// What is expected, in words.
    pub(super) fn example(&self) -> String {
        let group: String = self.thousands.into_iter().collect();
        match self.hundredths {
            true => format!("a percentage such as 12{}50%", self.decimal),
            false => format!("a number such as 1{group}234{}50", self.decimal),
        }
    }

    /// Which settings would read a text that these don't; empty where none would. Tells nothing of the text but
    /// that.
    pub(super) fn advice(&self, text: &str) -> String {
        if !text.bytes().any(|b| b.is_ascii_digit()) {
            return String::new();
        }
        let mut other = self.clone();
        let mut settings: Vec<String> = Vec::new();
        if text.contains('%') && !self.percent {
            other.percent = true;
            settings.push("`percent: keep` or `divide`".to_owned());
        }
        if text.contains('(') && !self.parentheses {
            other.parentheses = true;
            settings.push("`parentheses: true`".to_owned());
        }
        let bare = |c: char| !c.is_ascii_digit();
        let behind = text.rsplit(|c: char| c.is_ascii_digit()).next();
        if behind.is_some_and(|rest| rest.contains(MINUS)) && !self.trailing_minus {
            other.trailing_minus = true;
            settings.push("`trailing_minus: true`".to_owned());
        }
        if let Some(symbol) = symbol(text)
            && self.without_symbol(symbol).is_none()
        {
            other.symbols.push(symbol.to_owned());
            settings.push("`currency`".to_owned());
        }
        let in_between = text.trim_matches(bare);
        if in_between.contains(['e', 'E']) && !self.exponent {
            other.exponent = true;
            settings.push("`exponent: allow`".to_owned());
        }
        let marks = other.marks_that_read(text);
        match &marks[..] {
            [] => return String::new(),
            [mark] if mark.is_empty() && settings.is_empty() => return String::new(),
            [mark] if mark.is_empty() => {}
            marks => settings.push(marks.join(" or ")),
        }
        format!("; {} would read this one", settings.join(" with "))
    }

    /// The separators with which a text is a number, as settings; those there are now, which are no change, alone.
    fn marks_that_read(&self, text: &str) -> Vec<String> {
        let mut plain = String::new();
        if self.read(text, &mut plain) {
            return vec![String::new()];
        }
        let mut found = Vec::new();
        let mut style = self.clone();
        for decimal in ['.', ','] {
            for thousands in [None, Some(','), Some('.'), Some(' '), Some('\'')] {
                (style.thousands, style.decimal) = (thousands, decimal);
                // A separator that the text does not have says nothing.
                let used = (thousands.is_none() || text.contains(|c| style.is_thousands(c)))
                    && (decimal == self.decimal || text.contains(decimal));
                if thousands == Some(decimal) || !used || !style.read(text, &mut plain) {
                    continue;
                }
                let mut setting = Vec::new();
                if thousands != self.thousands {
                    setting.push(match thousands {
                        Some(mark) => format!("`thousands: \"{mark}\"`"),
                        None => "no `thousands`".to_owned(),
                    });
                }
                if decimal != self.decimal {
                    setting.push(format!("`decimal: \"{decimal}\"`"));
                }
                found.push(setting.join(" and "));
            }
        }
        found
    }

    fn without_symbol<'t>(&self, text: &'t str) -> Option<&'t str> {
        self.symbols
            .iter()
            .find_map(|s| text.strip_prefix(&**s).or_else(|| text.strip_suffix(&**s)))
    }

    fn without_sign<'t>(&self, text: &'t str) -> Option<(bool, &'t str)> {
        if let Some(rest) = text.strip_prefix(MINUS) {
            return Some((true, rest));
        }
        if let Some(rest) = text.strip_prefix('+') {
            return Some((false, rest));
        }
        if self.parentheses
            && let Some(rest) = text.strip_prefix('(')
        {
            return rest.strip_suffix(')').map(|rest| (true, rest));
        }
        if self.trailing_minus {
            return text.strip_suffix(MINUS).map(|rest| (true, rest));
        }
        None
    }

    /// Writes the digits before the decimal sign, without separators and without zeros before the
    /// number, and returns what follows. Nothing where the groups are not groups of three.
    fn integer<'t>(&self, text: &'t str, plain: &mut String) -> Option<&'t str> {
        let (first, mut rest) = digits(text);
        let significant = first.trim_start_matches('0');
        if significant.is_empty() {
            plain.push('0');
        }
        plain.push_str(significant);
        let is_separator = |c: char| self.is_thousands(c);
        if !rest.starts_with(is_separator) {
            return Some(rest);
        }
        // `0,123` is more likely a fraction than a hundred and twenty-three.
        if first.len() > 3 || first.is_empty() || first.starts_with('0') {
            return None;
        }
        while let Some(group) = rest.strip_prefix(is_separator) {
            let (group, after) = digits(group);
            if group.len() != 3 {
                return None;
            }
            plain.push_str(group);
            rest = after;
        }
        Some(rest)
    }
}

/// A number without what stands around it.
struct Peeled<'t> {
    negative: bool,
    percent: bool,
    text: &'t str,
}

/// A plain number divided by a hundred, digit by digit. Zeros at the end that the shift made decimal places of go.
fn hundredth(plain: &str) -> String {
    let (sign, rest) = match plain.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", plain),
    };
    let (digits, exponent) = rest.split_at(rest.find(['e', 'E']).unwrap_or(rest.len()));
    let (integer, fraction) = match digits.split_once('.') {
        Some((integer, fraction)) => (format!("{integer:0>3}"), fraction),
        None => (format!("{digits:0>3}"), ""),
    };
    let (whole, shifted) = integer.split_at(integer.len() - 2);
    let shifted = match fraction {
        "" => shifted.trim_end_matches('0'),
        _ => shifted,
    };
    let point = if shifted.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{shifted}{fraction}{exponent}")
}

/// The digits that a text begins with, and what follows them.
fn digits(text: &str) -> (&str, &str) {
    text.split_at(leading_digits(text.as_bytes()).0.len())
}

/// What stands at one end of a number and may be a currency's sign or code.
fn symbol(text: &str) -> Option<&str> {
    let is_part = |c: char| c.is_alphabetic() || is_currency(c) || c == '.';
    let bare = text.trim_matches(|c: char| c.is_whitespace() || "+-\u{2212}()%".contains(c));
    let front = &bare[..bare.find(|c| !is_part(c)).unwrap_or(bare.len())];
    let back = &bare[bare.rfind(|c| !is_part(c)).map_or(0, |at| {
        at + bare[at..].chars().next().map_or(0, char::len_utf8)
    })..];
    let has_sign = |symbol: &&str| symbol.contains(|c: char| c != '.');
    let short = |symbol: &&str| symbol.chars().count() <= 4;
    [front, back].into_iter().filter(has_sign).find(short)
}

/// The signs of currencies are in a block of their own, but for a few that are older.
fn is_currency(c: char) -> bool {
    matches!(c, '$' | '\u{a2}'..='\u{a5}' | '\u{20a0}'..='\u{20cf}')
}
