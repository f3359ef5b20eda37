//! Lines and rows behind the records: totals, the number of records, who printed the report. They are known by a word.

use std::sync::LazyLock;

use regex::Regex;

/// The most lines at an end that are looked at.
pub(crate) const MOST: usize = 12;

/// Records in front of such a line that tell what its first cell should look like.
pub(crate) const BEFORE: usize = 50;

/// What such lines begin with.
static KNOWN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?ix)^(
            grand\ total | sub-?total | totals? | sum(me|ma)? | gesamt(summe|zahl)? | insgesamt | anzahl | count | number\ of
            | (total\ )?records?(\ count)? | rows? | rows?\ (selected|affected) | zeilen | datens(ä|ae)tze
            | page | seite | end\ of | ende | eof | trailer | trl | tlr | ftr | footer | generated | created | erstellt
            | printed | gedruckt | report | run\ (date|time|by) | as\ of | stand | confidential | vertraulich
        )\b",
    )
    .ok()
});

/// The word that a line begins with which is not a record: `Grand Total`, `Page`.
pub(crate) fn word(text: &str) -> Option<&str> {
    Some(KNOWN.as_ref()?.find(text)?.as_str())
}

/// Whether the values of a column are identifiers, dates or figures, so that such a word is none of them. Some of them may
/// be such words themselves: lines of totals come together.
pub(crate) fn is_strange_among<'v>(values: impl Iterator<Item = &'v str>) -> bool {
    let (mut plain, mut words) = (0, 0);
    for value in values {
        match word(value) {
            Some(_) => words += 1,
            None if value.bytes().any(|b| b.is_ascii_digit()) => plain += 1,
            None => return false,
        }
    }
    plain > words
}

/// The pattern of lines that begin with one of these; no longer word that begins so is meant.
pub(crate) fn pattern(begins: &[String]) -> Option<String> {
    let begin = |begins: &String| {
        let is_word = begins.ends_with(char::is_alphanumeric);
        regex::escape(begins) + if is_word { r"\b" } else { "" }
    };
    let escaped: Vec<String> = begins.iter().map(begin).collect();
    match &escaped[..] {
        [] => None,
        [only] => Some(format!("^{only}")),
        several => Some(format!("^({})", several.join("|"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_alone() {
        for (text, expected) in [
            ("Grand Total: 5", Some("Grand Total")),
            ("summe 5", Some("summe")),
            ("Summers", None),
            ("A Total", None),
        ] {
            assert_eq!(word(text), expected, "{text}");
        }
        let strange = |values: &[&str]| is_strange_among(values.iter().copied());
        assert!(strange(&["E0001", "2026-01-01", "7"]));
        assert!(!strange(&["E0001", "Anna"]));
        assert!(strange(&["E0001", "E0002", "Subtotal"]));
        assert!(!strange(&["REPORT-1", "REPORT-2"]));
        assert!(!strange(&[]));
    }

    #[test]
    fn patterns_end_with_the_word() {
        let of =
            |begins: &[&str]| pattern(&begins.iter().map(|s| s.to_string()).collect::<Vec<_>>());
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["Sum"]).as_deref(), Some(r"^Sum\b"));
        assert_eq!(of(&["-", ";;Summe"]).as_deref(), Some(r"^(\-|;;Summe\b)"));
    }
}
