//! Numbers as people write them: which separators are certain, and which could mean either.
//!
//! `1,234` is a thousand and more, or one and a quarter. `1,23`, `1234,5` and `0,125` can only have a decimal comma, and
//! `1,234,567` and `1,234.5` only a comma between thousands. So each value tells something for certain, or could be read
//! either way, and a column is decided by the certain ones alone.

use std::collections::BTreeMap;

use crate::text::unseen::trimmed;

/// Signs and codes of currencies that are told apart in a column.
const MOST_SYMBOLS: usize = 4;

/// Digits that a number may have to be counted as one: more are a code.
const MOST_DIGITS: usize = 40;

/// Codes of currencies. Other letters in front of digits are a part of a name.
const CURRENCIES: [&str; 44] = [
    "USD", "EUR", "GBP", "JPY", "CHF", "AUD", "CAD", "NZD", "CNY", "HKD", "SGD", "SEK", "NOK",
    "DKK", "ISK", "PLN", "CZK", "HUF", "RON", "BGN", "TRY", "RUB", "UAH", "ILS", "AED", "SAR",
    "QAR", "KWD", "EGP", "ZAR", "NGN", "KES", "INR", "PKR", "IDR", "MYR", "THB", "PHP", "VND",
    "KRW", "TWD", "BRL", "MXN", "CLP",
];

/// What the values of a column say of how numbers are written in it; values that are numbers in no way are not counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Numbers {
    /// Values by what the last separator in them is.
    /// None: digits alone, and a sign.
    pub whole: u64,
    /// A decimal point, for certain; a decimal comma.
    pub point: u64,
    pub comma: u64,
    /// One that stands between thousands, for certain, and nothing behind it but digits.
    pub grouped: u64,
    /// A point, or a comma, that could be either.
    pub either_point: u64,
    pub either_comma: u64,
    /// None, in the way in which a spreadsheet writes long numbers whose end it has lost.
    pub exponent: u64,

    /// Whole ones with a zero before the number.
    pub zeros: u64,
    /// Those with points between thousands, for certain; commas; blanks; apostrophes.
    pub points_between: u64,
    pub commas_between: u64,
    pub blanks_between: u64,
    pub apostrophes_between: u64,
    pub percent: u64,
    pub parentheses: u64,
    pub trailing_minus: u64,
    pub symbols: Symbols,
    /// The least and the greatest, read with a decimal point and with a decimal comma.
    pub ranges: [Range; 2],
}

/// Signs and codes of currencies, each with how many values have it; nothing where these are too many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Symbols(pub Option<BTreeMap<Box<str>, u64>>);

impl Default for Symbols {
    fn default() -> Symbols {
        Symbols(Some(BTreeMap::new()))
    }
}

impl Symbols {
    fn add(&mut self, symbol: &str, n: u64) {
        if let Some(symbols) = &mut self.0 {
            *symbols.entry(symbol.into()).or_default() += n;
            if symbols.len() > MOST_SYMBOLS {
                self.0 = None;
            }
        }
    }
}

/// The least and the greatest of what was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Range(pub Option<(f64, f64)>);

impl Range {
    fn see(&mut self, value: f64) {
        let (least, most) = self.0.unwrap_or((value, value));
        self.0 = Some((least.min(value), most.max(value)));
    }

    fn merge(&mut self, other: Range) {
        if let Some((least, most)) = other.0 {
            self.see(least);
            self.see(most);
        }
    }
}

/// A number without what stands around it.
#[derive(Default)]
struct Peeled<'t> {
    text: &'t str,
    symbol: Option<&'t str>,
    percent: bool,
    parentheses: bool,
    trailing_minus: bool,
    negative: bool,
}

/// What the separators of a number say.
struct Parted {
    last: Last,
    /// What stands between thousands, for certain.
    between: Option<char>,
}

/// What the last separator is.
enum Last {
    None,
    Decimal(char),
    Between,
    Either(char),
}

impl Numbers {
    /// Values that are numbers in some way.
    pub(crate) fn all(&self) -> u64 {
        self.whole + self.parted() + self.exponent
    }

    /// Those with a separator.
    pub(crate) fn parted(&self) -> u64 {
        self.point + self.comma + self.grouped + self.either_point + self.either_comma
    }

    pub(super) fn see(&mut self, text: &str, n: u64) {
        if !text.bytes().any(|b| b.is_ascii_digit()) || text.len() > 2 * MOST_DIGITS {
            return;
        }
        let Some(peeled) = peel(text) else {
            return;
        };
        if is_exponent(peeled.text) {
            self.exponent += n;
            return;
        }
        let Some(parted) = parted(peeled.text) else {
            return;
        };
        match parted.last {
            Last::None => {
                self.whole += n;
                let has_zero = peeled.text.len() > 1 && peeled.text.starts_with('0');
                self.zeros += if has_zero { n } else { 0 };
            }
            Last::Decimal('.') => self.point += n,
            Last::Decimal(_) => self.comma += n,
            Last::Between => self.grouped += n,
            Last::Either('.') => self.either_point += n,
            Last::Either(_) => self.either_comma += n,
        }
        match parted.between {
            Some('.') => self.points_between += n,
            Some(',') => self.commas_between += n,
            Some('\'') => self.apostrophes_between += n,
            Some(_) => self.blanks_between += n,
            None => {}
        }
        self.around(&peeled, n);
        for (range, decimal) in self.ranges.iter_mut().zip(['.', ',']) {
            if let Some(value) = value(&peeled, decimal) {
                range.see(value);
            }
        }
    }

    fn around(&mut self, peeled: &Peeled<'_>, n: u64) {
        let count = |is: bool| if is { n } else { 0 };
        self.percent += count(peeled.percent);
        self.parentheses += count(peeled.parentheses);
        self.trailing_minus += count(peeled.trailing_minus);
        if let Some(symbol) = peeled.symbol {
            self.symbols.add(symbol, n);
        }
    }

    pub(super) fn merge(&mut self, other: Numbers) {
        for (mine, its) in [
            (&mut self.whole, other.whole),
            (&mut self.point, other.point),
            (&mut self.comma, other.comma),
            (&mut self.grouped, other.grouped),
            (&mut self.either_point, other.either_point),
            (&mut self.either_comma, other.either_comma),
            (&mut self.exponent, other.exponent),
            (&mut self.zeros, other.zeros),
            (&mut self.points_between, other.points_between),
            (&mut self.commas_between, other.commas_between),
            (&mut self.blanks_between, other.blanks_between),
            (&mut self.apostrophes_between, other.apostrophes_between),
            (&mut self.percent, other.percent),
            (&mut self.parentheses, other.parentheses),
            (&mut self.trailing_minus, other.trailing_minus),
        ] {
            *mine += its;
        }
        match other.symbols.0 {
            Some(others) => (others.iter()).for_each(|(symbol, n)| self.symbols.add(symbol, *n)),
            None => self.symbols.0 = None,
        }
        for (range, other) in self.ranges.iter_mut().zip(other.ranges) {
            range.merge(other);
        }
    }
}

/// Takes off what the `number` stage can take off: a sign, a currency, a percent sign, parentheses.
fn peel(text: &str) -> Option<Peeled<'_>> {
    let mut peeled = Peeled {
        text,
        ..Peeled::default()
    };
    let mut signed = false;
    loop {
        let text = &peeled.text[trimmed(peeled.text)];
        let first = text.chars().next()?;
        let last = text.chars().next_back()?;
        let is_minus = |c: char| matches!(c, '-' | '\u{2212}');
        let rest = text.strip_prefix(['.', ',']).unwrap_or(text);
        if rest.starts_with(|c: char| c.is_ascii_digit()) && last.is_ascii_digit() {
            peeled.text = text;
            return Some(peeled);
        }
        if (first, last) == ('(', ')') && !signed {
            (signed, peeled.parentheses, peeled.negative) = (true, true, true);
            peeled.text = &text[1..text.len() - 1];
        } else if (is_minus(first) || first == '+') && !signed {
            (signed, peeled.negative) = (true, is_minus(first));
            peeled.text = &text[first.len_utf8()..];
        } else if last == '%' && !peeled.percent {
            peeled.percent = true;
            peeled.text = &text[..text.len() - 1];
        } else if is_minus(last) && !signed {
            (signed, peeled.trailing_minus, peeled.negative) = (true, true, true);
            peeled.text = &text[..text.len() - last.len_utf8()];
        } else if peeled.symbol.is_none() {
            let (symbol, rest) = symbol(text)?;
            (peeled.symbol, peeled.text) = (Some(symbol), rest);
        } else {
            return None;
        }
    }
}

/// A currency's sign or code at one end of a text, and the rest.
fn symbol(text: &str) -> Option<(&str, &str)> {
    let is_sign = |c: char| matches!(c, '$' | '\u{a2}'..='\u{a5}' | '\u{20a0}'..='\u{20cf}');
    let is_part = |c: char| is_sign(c) || c.is_ascii_uppercase();
    let is_symbol = |part: &str| {
        let letters = part.chars().filter(|c| !is_sign(*c)).count();
        let signs = part.chars().count() - letters;
        signs == 1 && letters <= 3 || signs == 0 && CURRENCIES.contains(&part)
    };
    let front = &text[..text.find(|c| !is_part(c))?];
    if is_symbol(front) {
        return Some((front, &text[front.len()..]));
    }
    let (at, c) = text.char_indices().rev().find(|(_, c)| !is_part(*c))?;
    let (rest, back) = text.split_at(at + c.len_utf8());
    is_symbol(back).then_some((back, rest))
}

/// `1.23457E+15`.
fn is_exponent(text: &str) -> bool {
    let Some((number, exponent)) = text.split_once(['e', 'E']) else {
        return false;
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let exponent = exponent.strip_prefix(['+', '-']);
    let (whole, fraction) = number.split_once(['.', ',']).unwrap_or((number, "0"));
    digits(whole) && digits(fraction) && exponent.is_some_and(digits)
}

fn as_separator(c: char) -> Option<char> {
    match c {
        '.' | ',' => Some(c),
        ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}' | '\u{2007}' => Some(' '),
        '\'' | '\u{2019}' => Some('\''),
        _ => None,
    }
}

/// What the separators of a text say that ends with a digit; nothing where it is not a number.
fn parted(text: &str) -> Option<Parted> {
    let mut separators: Vec<char> = Vec::new();
    let mut groups = vec![0usize];
    for c in text.chars() {
        match as_separator(c) {
            _ if c.is_ascii_digit() => *groups.last_mut()? += 1,
            // `.5` is a half.
            Some(separator) if *groups.last()? > 0 || separators.is_empty() => {
                separators.push(separator);
                groups.push(0);
            }
            _ => return None,
        }
    }
    if groups.iter().sum::<usize>() > MOST_DIGITS {
        return None;
    }
    let (Some(first), Some(last)) = (separators.first(), separators.last()) else {
        return Some(Parted {
            last: Last::None,
            between: None,
        });
    };
    let are_thousands = |groups: &[usize]| {
        (1..=3).contains(&groups[0])
            && groups[1..].iter().all(|len| *len == 3)
            && !text.starts_with('0')
    };
    let same = separators.iter().all(|separator| separator == first);
    let is_decimal = matches!(last, '.' | ',');
    let (last, between) = match (same, &separators[..]) {
        (true, ['.' | ',']) if are_thousands(&groups) => (Last::Either(*first), None),
        (true, [decimal @ ('.' | ',')]) => (Last::Decimal(*decimal), None),
        (true, _) if are_thousands(&groups) => (Last::Between, Some(*first)),
        (false, [between @ .., decimal])
            if is_decimal
                && between.iter().all(|c| c == first)
                && are_thousands(&groups[..groups.len() - 1]) =>
        {
            (Last::Decimal(*decimal), Some(*first))
        }
        _ => return None,
    };
    Some(Parted { last, between })
}

/// The number, with this decimal sign.
fn value(peeled: &Peeled<'_>, decimal: char) -> Option<f64> {
    let is_plain = peeled.text.bytes().all(|b| b.is_ascii_digit());
    let value: f64 = match is_plain {
        true => peeled.text.parse().ok()?,
        false => {
            let plain = peeled.text.chars().filter_map(|c| match c {
                c if c.is_ascii_digit() => Some(c),
                c if c == decimal => Some('.'),
                _ => None,
            });
            plain.collect::<String>().parse().ok()?
        }
    };
    Some(if peeled.negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Numbers {
        let mut numbers = Numbers::default();
        numbers.see(text, 1);
        numbers
    }

    #[test]
    fn separators_are_told_apart() {
        for (text, expected) in [
            ("0", "whole"),
            ("007", "whole zeros"),
            ("-12", "whole"),
            ("1.5", "point"),
            ("0.125", "point"),
            ("1234.567", "point"),
            ("1,5", "comma"),
            ("0,125", "comma"),
            ("1,234", "either_comma"),
            ("12.345", "either_point"),
            ("1,234,567", "grouped commas"),
            ("1.234.567", "grouped points"),
            ("1,234.50", "point commas"),
            ("1.234,5", "comma points"),
            ("1 234,5", "comma blanks"),
            ("1\u{202f}234", "grouped blanks"),
            ("1'234.50", "point apostrophes"),
            ("$1,234.50", "point commas symbol"),
            ("1.234,50 EUR", "comma points symbol"),
            ("12,5 %", "comma percent"),
            ("(1.50)", "point parentheses"),
            ("12,50-", "comma trailing"),
            ("1.23457E+15", "exponent"),
            (".5", "point"),
            (",25", "comma"),
            (".1.234", ""),
            ("EMP1234", ""),
            ("1.2.2021", ""),
            ("01,234", "comma"),
            ("1,23,456", ""),
            ("1,,2", ""),
            ("(914) 555-0148", ""),
            ("12:30", ""),
            ("E12", ""),
            ("A1", ""),
            ("1e5", ""),
            ("$", ""),
            ("1.", ""),
        ] {
            let n = seen(text);
            let found: Vec<&str> = [
                (n.whole, "whole"),
                (n.point, "point"),
                (n.comma, "comma"),
                (n.grouped, "grouped"),
                (n.either_point, "either_point"),
                (n.either_comma, "either_comma"),
                (n.exponent, "exponent"),
                (n.zeros, "zeros"),
                (n.points_between, "points"),
                (n.commas_between, "commas"),
                (n.blanks_between, "blanks"),
                (n.apostrophes_between, "apostrophes"),
                (n.symbols.0.unwrap().len() as u64, "symbol"),
                (n.percent, "percent"),
                (n.parentheses, "parentheses"),
                (n.trailing_minus, "trailing"),
            ]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(_, word)| word)
            .collect();
            assert_eq!(found.join(" "), expected, "{text}");
        }
    }

    #[test]
    fn ranges_are_kept_for_both_signs() {
        let mut numbers = seen("1.500");
        numbers.merge(seen("-2,5"));
        assert_eq!(numbers.ranges[0].0, Some((-25.0, 1.5)));
        assert_eq!(numbers.ranges[1].0, Some((-2.5, 1500.0)));
    }
}
