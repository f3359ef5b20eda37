//! Values that stand for none: words, and days that never come.

/// Texts for no value, in any case, wherever they stand.
const WORDS: &[&str] = &[
    "n/a",
    "#n/a",
    "null",
    "#null",
    "#null!",
    "(null)",
    "<null>",
    "\\n",
    "nan",
    "-",
    "--",
    "---",
    "n.a.",
    "#value!",
    "#ref!",
    "#name?",
    "#div/0!",
    "no_manager",
    "no_hr",
    "(blank)",
    "(leer)",
    "not applicable",
    "not available",
];

/// Texts that may well be values, such as the country code of Namibia: they are told and not taken for none.
const DOUBTFUL: &[&str] = &["na", "none", "nil", "unknown", "unbekannt", "tbd", "?", "."];

/// Days that mean no day, whatever the time of day behind them. What order they are written in proves nothing of the other
/// days in a column: they may come from another hand.
const DAYS: &[&str] = &[
    "31.12.9999",
    "31/12/9999",
    "31-12-9999",
    "12/31/9999",
    "12-31-9999",
    "9999-12-31",
    "9999/12/31",
    "99991231",
    "31.12.4712",
    "31/12/4712",
    "12/31/4712",
    "4712-12-31",
    "4712/12/31",
    "47121231",
    "31-DEC-9999",
    "31-DEC-4712",
    "9999-01-01",
    "01/01/9999",
    "01.01.9999",
    "00.00.0000",
    "00/00/0000",
    "00-00-0000",
    "0000-00-00",
    "0000/00/00",
    "01.01.0001",
    "01/01/0001",
    "1/1/0001",
    "0001-01-01",
];

/// The time of day that may stand behind such a day.
const TIMES: &[&str] = &[
    "T00:00:00",
    "T00:00:00Z",
    "T00:00:00.000Z",
    "T00:00:00.000",
    " 00:00:00",
    " 00:00",
    " 0:00",
    " 12:00:00 AM",
    " 23:59:59",
    "T23:59:59",
    "T23:59:59Z",
    "Z",
];

/// What a text that is no value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sentinel {
    Word,
    Day,
    /// It may be a value all the same.
    Doubtful,
}

/// The longest of them, with a time.
const LONGEST: usize = 28;

/// What a text without blanks at its ends is, if it stands for none.
pub(crate) fn sentinel(text: &str) -> Option<Sentinel> {
    if text.len() > LONGEST {
        return None;
    }
    let is = |list: &[&str]| list.iter().any(|word| word.eq_ignore_ascii_case(text));
    if text.bytes().any(|b| b.is_ascii_digit()) && text.len() >= 8 {
        let day = TIMES.iter().find_map(|time| text.strip_suffix(time));
        let day = day.unwrap_or(text);
        let known = DAYS.iter().any(|known| known.eq_ignore_ascii_case(day));
        return known.then_some(Sentinel::Day);
    }
    match (is(WORDS), is(DOUBTFUL)) {
        (true, _) => Some(Sentinel::Word),
        (_, true) => Some(Sentinel::Doubtful),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_known() {
        for (text, expected) in [
            ("N/A", Some(Sentinel::Word)),
            ("-", Some(Sentinel::Word)),
            ("#N/A", Some(Sentinel::Word)),
            ("\\N", Some(Sentinel::Word)),
            ("NA", Some(Sentinel::Doubtful)),
            ("31.12.9999", Some(Sentinel::Day)),
            ("9999-12-31T00:00:00", Some(Sentinel::Day)),
            ("31-Dec-9999", Some(Sentinel::Day)),
            ("00.00.0000", Some(Sentinel::Day)),
            ("00000000", None),
            ("31.12.1999", None),
            ("Nadia", None),
            ("", None),
        ] {
            assert_eq!(sentinel(text), expected, "{text}");
        }
    }
}
