//! Number formats: what a format shows of a number, as far as that is more than its digits.
//!
//! A format makes a number a day, a time, or an identifier with its leading zeros, and of these the text that it shows is
//! what was meant. Thousands separators, signs of currencies, percent signs and rounded decimals are decoration: of these
//! the number itself is taken, as it is stored.

use std::str::Chars;

/// What a format shows of a number.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shown {
    /// The number, however it is decorated.
    Number,
    /// Whole numbers with as many digits at least as there are zeros, and other characters between them.
    Padded(Vec<Piece>),
    Day,
    DayAndTime,
    TimeOfDay,
    /// Hours beyond a day.
    Duration,
}

/// A piece of an identifier's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    Digit,
    Other(char),
}

/// A number format, whose sections are for different numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Format {
    sections: Vec<Section>,
}

#[derive(Debug, Clone, PartialEq)]
struct Section {
    /// The numbers that it is for, where that is stated.
    condition: Option<Condition>,
    shown: Shown,
}

/// A comparison with a number, such as `[<=9999]`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Condition {
    less: bool,
    equal: bool,
    greater: bool,
    than: f64,
}

/// Any number, as it is.
pub(super) static GENERAL: Format = Format {
    sections: Vec::new(),
};

impl Format {
    /// What a format's code says.
    pub(super) fn read(code: &str) -> Format {
        let mut sections: Vec<Section> = sections(code).map(section).collect();
        // Which section is chosen does not matter where all show numbers.
        if sections
            .iter()
            .all(|section| section.shown == Shown::Number)
        {
            sections.clear();
        }
        Format { sections }
    }

    /// What the formats are whose codes are not in the workbook. Those for Chinese, Japanese and Korean are days and times
    /// in each of these, written differently.
    pub(super) fn built_in(id: u32) -> Format {
        let shown = match id {
            14..=17 | 27..=31 | 36 | 50..=58 => Shown::Day,
            18..=21 | 32..=35 | 45 | 47 => Shown::TimeOfDay,
            22 => Shown::DayAndTime,
            46 => Shown::Duration,
            _ => return GENERAL.clone(),
        };
        Format {
            sections: vec![Section {
                condition: None,
                shown,
            }],
        }
    }

    /// Whether a section of its own is for numbers below zero, which says itself where their sign stands.
    pub(super) fn has_own_of_negatives(&self) -> bool {
        self.sections.len() > 1
            && self
                .sections
                .iter()
                .all(|section| section.condition.is_none())
    }

    /// What it shows of this number.
    pub(super) fn of(&self, number: f64) -> &Shown {
        let last = self.sections.len().saturating_sub(1);
        let is_for = |(at, section): &(usize, &Section)| match section.condition {
            Some(condition) => condition.holds(number),
            None if *at == last => true,
            None if *at == 0 && last == 1 => number >= 0.0,
            None if *at == 0 => number > 0.0,
            None => number < 0.0,
        };
        let found = self.sections.iter().enumerate().find(is_for);
        found.map_or(&Shown::Number, |(_, section)| &section.shown)
    }
}

impl Condition {
    fn holds(&self, number: f64) -> bool {
        (self.less && number < self.than)
            || (self.equal && number == self.than)
            || (self.greater && number > self.than)
    }

    /// What stands between brackets, if that is a comparison.
    fn read(text: &str) -> Option<Condition> {
        let end = text.find(|c| !matches!(c, '<' | '=' | '>'))?;
        let (sign, than) = text.split_at(end);
        Some(Condition {
            less: sign.contains('<'),
            equal: sign.contains('='),
            greater: sign.contains('>'),
            than: than.trim().parse().ok().filter(|_| !sign.is_empty())?,
        })
    }
}

/// The sections of a code that are for numbers. One that shows texts is the last.
fn sections(code: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(code);
    std::iter::from_fn(move || {
        let code = rest?;
        let end = end_of_section(code);
        rest = end.map(|end| &code[end + 1..]);
        Some(&code[..end.unwrap_or(code.len())])
    })
    .take(3)
    .filter(|section| !section.contains('@'))
}

/// Where the section ends that a code begins with.
fn end_of_section(code: &str) -> Option<usize> {
    let mut quoted = false;
    let mut chars = code.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' if !quoted => drop(chars.next()),
            ';' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// A word of a section.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Word {
    Zero,
    /// Other places of digits, points, signs of thousands, percent and exponents.
    Decoration,
    /// A character that is shown as it is.
    Other(char),
    Year,
    /// Months or minutes; three letters or more are the name of a month.
    Month {
        named: bool,
    },
    Day,
    Hour,
    Second,
    Elapsed,
}

fn section(code: &str) -> Section {
    // Some programs write the word of their own language.
    if ["general", "standard"].contains(&code.trim().to_ascii_lowercase().as_str()) {
        return Section {
            condition: None,
            shown: Shown::Number,
        };
    }
    let (words, condition) = words(code);
    Section {
        condition,
        shown: shown(&words),
    }
}

fn words(code: &str) -> (Vec<Word>, Option<Condition>) {
    let (mut words, mut condition) = (Vec::new(), None);
    let mut chars = code.chars();
    while let Some(c) = chars.next() {
        let word = match c.to_ascii_lowercase() {
            '"' => {
                words.extend(chars.by_ref().take_while(|c| *c != '"').map(Word::Other));
                continue;
            }
            '\\' => match chars.next() {
                Some(c) => Word::Other(c),
                None => break,
            },
            // A blank as wide as the next character, and the next character as often as there is room.
            '_' | '*' => {
                chars.next();
                continue;
            }
            '[' => {
                let inner: String = chars.by_ref().take_while(|c| *c != ']').collect();
                condition = condition.or(Condition::read(&inner));
                match bracketed(&inner) {
                    Some(word) => word,
                    None => continue,
                }
            }
            '0' => Word::Zero,
            '#' | '?' | '.' | ',' | '%' | '/' if !is_of_a_day(c, &words) => Word::Decoration,
            'e' if matches!(chars.clone().next(), Some('+' | '-')) => {
                chars.next();
                Word::Decoration
            }
            // Years of eras, and their names.
            'y' | 'e' | 'g' | 'b' => Word::Year,
            'm' => Word::Month {
                named: 1 + run(&mut chars, 'm') >= 3,
            },
            'd' => Word::Day,
            'h' => Word::Hour,
            's' => Word::Second,
            'a' => match ["m/pm", "/p"].iter().find_map(|rest| without(&chars, rest)) {
                Some(rest) => {
                    chars = rest;
                    Word::Hour
                }
                None => Word::Other(c),
            },
            _ => Word::Other(c),
        };
        words.push(word);
    }
    (words, condition)
}

/// Whether a sign stands between the parts of a day or a time, as in `dd/mm/yyyy` and `ss.00`.
fn is_of_a_day(sign: char, before: &[Word]) -> bool {
    matches!(sign, '.' | ',' | '/')
        && matches!(
            before.last(),
            Some(Word::Year | Word::Month { .. } | Word::Day | Word::Hour | Word::Second)
        )
}

/// What stands between brackets: more than a day's hours, minutes and seconds, or the sign of a currency.
fn bracketed(inner: &str) -> Option<Word> {
    let first = inner.chars().next()?.to_ascii_lowercase();
    let is_run = inner.chars().all(|c| c.to_ascii_lowercase() == first);
    match first {
        'h' | 'm' | 's' if is_run => Some(Word::Elapsed),
        '$' if !inner.starts_with("$-") => Some(Word::Decoration),
        _ => None,
    }
}

/// Passes over more of the same letter.
fn run(chars: &mut Chars<'_>, letter: char) -> usize {
    let rest = chars.as_str();
    let end = rest.find(|c: char| c.to_ascii_lowercase() != letter);
    let end = end.unwrap_or(rest.len());
    *chars = rest[end..].chars();
    end
}

/// What follows this text, which is in small letters.
fn without<'c>(chars: &Chars<'c>, text: &str) -> Option<Chars<'c>> {
    let (start, rest) = chars.as_str().split_at_checked(text.len())?;
    start.eq_ignore_ascii_case(text).then(|| rest.chars())
}

fn shown(words: &[Word]) -> Shown {
    if words.contains(&Word::Elapsed) {
        return Shown::Duration;
    }
    let parts: Vec<Word> = (words.iter().copied())
        .filter(|word| !matches!(word, Word::Zero | Word::Decoration | Word::Other(_)))
        .collect();
    let is_day = |(at, word): (usize, &Word)| match word {
        Word::Year | Word::Day => true,
        Word::Month { named } => {
            let behind_hours = at > 0 && parts[at - 1] == Word::Hour;
            *named || !(behind_hours || parts.get(at + 1) == Some(&Word::Second))
        }
        _ => false,
    };
    let day = parts.iter().enumerate().any(is_day);
    let time = parts.contains(&Word::Hour) || parts.contains(&Word::Second);
    match (day, time) {
        (true, true) => Shown::DayAndTime,
        (true, false) => Shown::Day,
        (false, true) => Shown::TimeOfDay,
        (false, false) => padded(words),
    }
}

/// A format of zeros and of what stands between them is that of an identifier. A single zero is any number's.
fn padded(words: &[Word]) -> Shown {
    let zeros = words.iter().filter(|word| **word == Word::Zero).count();
    let piece = |word: &Word| match word {
        Word::Zero => Some(Piece::Digit),
        Word::Other(c) => Some(Piece::Other(*c)),
        _ => None,
    };
    let pieces: Option<Vec<Piece>> = words.iter().map(piece).collect();
    match pieces {
        Some(pieces) if zeros > 1 => Shown::Padded(pieces),
        _ => Shown::Number,
    }
}

/// Writes a whole number's digits into a format's pieces, the last into the last. The first place takes what is left.
pub(super) fn pad(digits: &str, pieces: &[Piece], out: &mut String) {
    let places = pieces.iter().filter(|piece| **piece == Piece::Digit);
    let mut left = places.count();
    let mut digits = digits;
    for piece in pieces {
        match piece {
            Piece::Other(c) => out.push(*c),
            Piece::Digit => {
                let here = (digits.len() + 1).saturating_sub(left);
                match here {
                    0 => out.push('0'),
                    _ => out.push_str(&digits[..here]),
                }
                digits = &digits[here..];
                left -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown_of(code: &str, number: f64) -> Shown {
        Format::read(code).of(number).clone()
    }

    #[test]
    fn days_and_times_are_told() {
        for (code, expected) in [
            ("General", Shown::Number),
            ("GENERAL", Shown::Number),
            ("Standard", Shown::Number),
            ("@", Shown::Number),
            ("0", Shown::Number),
            ("0.00", Shown::Number),
            ("#,##0.00", Shown::Number),
            ("#,##0 \"days\"", Shown::Number),
            ("0.00E+00", Shown::Number),
            ("##0.0e-0", Shown::Number),
            ("# ?/?", Shown::Number),
            ("[Red]0.00;[Blue]-0.00", Shown::Number),
            ("[$€-407]#,##0.00", Shown::Number),
            (
                "_-* #,##0.00\\ \"€\"_-;\\-* #,##0.00\\ \"€\"_-",
                Shown::Number,
            ),
            ("\\d0", Shown::Number),
            ("\"yyyy\" 0", Shown::Number),
            ("yyyy-mm-dd", Shown::Day),
            ("DD/MM/YY", Shown::Day),
            ("dd.mm.yyyy;@", Shown::Day),
            ("[$-407]d/ mmmm yyyy;@", Shown::Day),
            ("[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy", Shown::Day),
            ("mmm-yy", Shown::Day),
            ("mm", Shown::Day),
            ("[$-404]e/m/d", Shown::Day),
            ("[$-411]ggge\"年\"m\"月\"d\"日\"", Shown::Day),
            ("yyyy\\-mm\\-dd\\ hh:mm:ss", Shown::DayAndTime),
            ("m/d/yy h:mm", Shown::DayAndTime),
            ("hh:mm mmm d", Shown::DayAndTime),
            ("dd/mm/yyyy hh:mm:ss.000", Shown::DayAndTime),
            ("h:mm AM/PM", Shown::TimeOfDay),
            ("h:mm a/p", Shown::TimeOfDay),
            ("[$-F400]h:mm:ss\\ AM/PM", Shown::TimeOfDay),
            ("mm:ss", Shown::TimeOfDay),
            ("mm:ss.0", Shown::TimeOfDay),
            ("[h]:mm", Shown::Duration),
            ("[hh]:mm:ss", Shown::Duration),
            ("[mm]:ss", Shown::Duration),
            ("[Blue][h]:mm;[Red]\\-[h]:mm", Shown::Duration),
            ("", Shown::Number),
            ("\"", Shown::Number),
            ("\\", Shown::Number),
            ("[", Shown::Number),
            ("[]", Shown::Number),
            ("ÄÖ", Shown::Number),
        ] {
            assert_eq!(shown_of(code, 1.0), expected, "{code}");
        }
    }

    #[test]
    fn sections_are_for_different_numbers() {
        let is_day = |code: &str, number: f64| shown_of(code, number) == Shown::Day;
        assert!(is_day("yyyy;0", 1.0) && !is_day("yyyy;0", -1.0));
        assert!(is_day("yyyy;0", 0.0) && !is_day("yyyy;0;0", 0.0));
        assert!(is_day("0;0;yyyy", 0.0) && !is_day("0;0;yyyy", 1.0));
        assert!(is_day("[<100]0;yyyy", 100.0) && !is_day("[<100]0;yyyy", 99.0));
        assert!(is_day("[>=100]yyyy;[<0]0;0", 100.0) && !is_day("[>=100]yyyy;0", 1.0));
        assert!(is_day("[=5]yyyy;0", 5.0) && is_day("[<>5]yyyy;0", 4.0));
        // What is for texts is not for numbers.
        assert!(is_day("yyyy;@", -1.0) && is_day("\"a;b\"yyyy", 1.0) && is_day("\\;yyyy", 1.0));
    }

    #[track_caller]
    fn check(code: &str, digits: &str, expected: Option<&str>) {
        let text = match shown_of(code, 1.0) {
            Shown::Padded(pieces) => {
                let mut text = String::new();
                pad(digits, &pieces, &mut text);
                Some(text)
            }
            _ => None,
        };
        assert_eq!(text.as_deref(), expected, "{code}");
    }

    #[test]
    fn identifiers_keep_their_zeros() {
        check("00000000", "12003", Some("00012003"));
        check("00000000", "123456789", Some("123456789"));
        check("00", "7", Some("07"));
        check("000\\-00\\-0000", "12345678", Some("012-34-5678"));
        check("000-00-0000", "1", Some("000-00-0001"));
        check("\"E\"00000", "42", Some("E00042"));
        check("00000_);(00000)", "42", Some("00042"));
        check("0", "7", None);
        check("\"E\"0", "7", None);
        check("00.0", "7", None);
        check("#00", "7", None);
        check("[$€]00", "7", None);
        check("00%", "7", None);
    }

    #[test]
    fn formats_that_are_built_in() {
        assert_eq!(Format::built_in(0), GENERAL);
        assert_eq!(Format::built_in(4).of(1.0), &Shown::Number);
        assert_eq!(Format::built_in(14).of(1.0), &Shown::Day);
        assert_eq!(Format::built_in(21).of(1.0), &Shown::TimeOfDay);
        assert_eq!(Format::built_in(22).of(1.0), &Shown::DayAndTime);
        assert_eq!(Format::built_in(46).of(1.0), &Shown::Duration);
        assert_eq!(Format::built_in(49).of(1.0), &Shown::Number);
    }
}
