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
    "<none>",
    "(none)",
    "[null]",
    "(blank)",
    "(leer)",
    "not applicable",
    "not available",
];

/// Texts that may well be values, such as the country code of Namibia: they are told and not taken for none.
const DOUBTFUL: &[&str] = &[
    "na",
    "none",
    "nil",
    "unknown",
    "unbekannt",
    "desconocido",
    "inconnu",
    "tbd",
    "tba",
    "tbc",
    "t.b.d.",
    "keine",
    "ninguno",
    "aucun",
    "void",
    "missing",
    "no data",
    "?",
    "??",
    ".",
];

/// The first bytes of all these words: most values have another.
fn may_be_word(first: u8) -> bool {
    matches!(
        first,
        b'(' | b'<' | b'[' | b'#' | b'-' | b'\\' | b'?' | b'.'
    ) || matches!(
        first.to_ascii_lowercase(),
        b'n' | b'u' | b'd' | b'i' | b't' | b'k' | b'a' | b'v' | b'm'
    )
}

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

/// Days that programs put where there is none, and that somebody may have been born or hired on.
const DOUBTFUL_DAYS: &[&str] = &[
    "1900-01-01",
    "1900/01/01",
    "01.01.1900",
    "01/01/1900",
    "1/1/1900",
    "01-01-1900",
    "01-JAN-1900",
    "19000101",
    "1899-12-30",
    "1899-12-31",
    "30.12.1899",
    "30/12/1899",
    "12/30/1899",
    "31/12/1899",
    "12/31/1899",
    "1753-01-01",
    "1970-01-01",
    "01.01.1970",
    "01/01/1970",
    "1/1/1970",
    "2999-12-31",
    "31.12.2999",
    "31/12/2999",
    "12/31/2999",
    "2099-12-31",
    "31.12.2099",
    "31/12/2099",
    "12/31/2099",
];

/// Whether a text has the year of one of these days: nearly all dates have another.
fn has_strange_year(text: &[u8]) -> bool {
    let is_strange = |year: &[u8]| {
        matches!(
            year,
            b"9999"
                | b"4712"
                | b"0000"
                | b"0001"
                | b"1900"
                | b"1899"
                | b"1753"
                | b"1970"
                | b"2999"
                | b"2099"
        )
    };
    text.windows(4).any(is_strange)
}

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

/// The longest of the days, with a time, and of the words.
const LONGEST: usize = 28;
const LONGEST_WORD: usize = 14;

/// What a text without blanks at its ends is, if it stands for none.
pub(crate) fn sentinel(text: &str) -> Option<Sentinel> {
    if text.len() > LONGEST {
        return None;
    }
    let is = |list: &[&str]| list.iter().any(|word| word.eq_ignore_ascii_case(text));
    let first = text.bytes().next()?;
    if first.is_ascii_digit() {
        if text.len() < 8 || !has_strange_year(text.as_bytes()) {
            return None;
        }
        let day = TIMES.iter().find_map(|time| text.strip_suffix(time));
        let day = day.unwrap_or(text);
        let is = |days: &[&str]| days.iter().any(|known| known.eq_ignore_ascii_case(day));
        return match (is(DAYS), is(DOUBTFUL_DAYS)) {
            (true, _) => Some(Sentinel::Day),
            (_, true) => Some(Sentinel::Doubtful),
            _ => None,
        };
    }
    if text.len() > LONGEST_WORD || !may_be_word(first) {
        return None;
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
            ("1900-01-01", Some(Sentinel::Doubtful)),
            ("1900-01-02", None),
            ("TBD", Some(Sentinel::Doubtful)),
            ("Not Applicable", Some(Sentinel::Word)),
            ("31.12.1999", None),
            ("Nadia", None),
            ("", None),
        ] {
            assert_eq!(sentinel(text), expected, "{text}");
        }
        for word in [WORDS, DOUBTFUL, DAYS, DOUBTFUL_DAYS].concat() {
            assert!(sentinel(word).is_some(), "{word}");
        }
    }
}
