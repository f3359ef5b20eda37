//! What JavaScript makes of a text: programs that read cells of CSV as numbers mostly do so by its rules.

use std::fmt::Write;

/// Digits that every integer of a double keeps.
const SAFE_DIGITS: usize = 15;

/// A text without the white space around it, as `trim` takes it off.
pub fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c == '\u{feff}' || c.is_whitespace() && c != '\u{85}')
}

/// What `Number` makes of a trimmed text that is not empty; none where it makes nothing of it.
pub fn number(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    if let [
        b'0',
        radix @ (b'x' | b'X' | b'o' | b'O' | b'b' | b'B'),
        digits @ ..,
    ] = bytes
    {
        let radix = match radix.to_ascii_lowercase() {
            b'x' => 16,
            b'o' => 8,
            _ => 2,
        };
        let mut sum = (!digits.is_empty()).then_some(0.0);
        for digit in digits {
            let digit = char::from(*digit).to_digit(radix).map(f64::from);
            sum = sum
                .zip(digit)
                .map(|(sum, digit)| sum * f64::from(radix) + digit);
        }
        return sum;
    }
    match text.strip_prefix(['+', '-']).unwrap_or(text) {
        "Infinity" if text.starts_with('-') => return Some(f64::NEG_INFINITY),
        "Infinity" => return Some(f64::INFINITY),
        _ => {}
    }
    let can_stand = |b: &u8| b.is_ascii_digit() || b"+-.eE".contains(b);
    bytes.iter().all(can_stand).then(|| text.parse().ok())?
}

/// Whether a text is a number that is written back as the same text. `scratch` is a buffer to use.
pub fn is_kept(text: &str, number: f64, scratch: &mut String) -> bool {
    let is_plain = number == 0.0 || (1e-6..1e21).contains(&number.abs());
    scratch.clear();
    is_plain && text != "-0" && write!(scratch, "{number}").is_ok() && scratch == text
}

/// Whether a text is an integer of few digits without leading zeros: as a number, it is the same.
pub fn is_plain_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let first = digits
        .first()
        .is_some_and(|first| (b'1'..=b'9').contains(first));
    (first || text == "0") && digits.len() <= SAFE_DIGITS && digits.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_javascript_reads_them() {
        let check =
            |text: &str, expected: Option<f64>| assert_eq!(number(text), expected, "{text}");
        for (text, expected) in [
            ("0012345", 12345.0),
            ("1E5", 100_000.0),
            ("12345678901234567890", 12_345_678_901_234_567_000.0),
            ("65000.10", 65000.1),
            ("0x1F", 31.0),
            ("0b101", 5.0),
            ("0o17", 15.0),
            ("+7", 7.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("-Infinity", f64::NEG_INFINITY),
            ("1e999", f64::INFINITY),
        ] {
            check(text, Some(expected));
        }
        for text in [
            "", "x", "0x", "0xg", "+0x1", "1e", ".", "1,5", "1_000", "inf", "NaN", "1 2", "--1",
            "1-2",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn what_is_written_back_as_it_was() {
        let mut scratch = String::new();
        let mut check = |text: &str, kept: bool| {
            assert_eq!(
                is_kept(text, number(text).unwrap(), &mut scratch),
                kept,
                "{text}"
            );
            assert!(!is_plain_integer(text) || kept, "{text}");
        };
        for text in [
            "0",
            "7",
            "-7",
            "123456789012345",
            "1.5",
            "-0.25",
            "0.000001",
        ] {
            check(text, true);
        }
        for text in [
            "-0",
            "007",
            "1.50",
            "+1",
            "1e5",
            "0x1",
            "12345678901234567890",
            "0.0000001",
            "1e21",
            "Infinity",
        ] {
            check(text, false);
        }
    }

    #[test]
    fn white_space_as_javascript_trims_it() {
        assert_eq!(trim("\u{feff}\u{a0} a b\u{3000}\r\n"), "a b");
        assert_eq!(trim("\u{85}a\u{200b}"), "\u{85}a\u{200b}");
    }
}
