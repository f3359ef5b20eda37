//! Names that come from outside, as they may be printed.

use std::borrow::Cow;

/// A name on one line, with nothing in it that a terminal obeys: what controls it, ends the line or turns the
/// direction of writing is escaped as in Rust, `\n`, `\x1b`, `\u{202e}`.
pub(crate) fn shown(name: &str) -> Cow<'_, str> {
    if !name.chars().any(controls) {
        return Cow::Borrowed(name);
    }
    let mut shown = String::with_capacity(name.len() + 8);
    for c in name.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if !controls(c) => shown.push(c),
            c if c.is_ascii() => shown.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => shown.extend(c.escape_unicode()),
        }
    }
    Cow::Owned(shown)
}

/// Control characters, and those that make a line end or run the other way.
fn controls(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys() {
        for (name, expected) in [
            ("Zoë's file.csv", "Zoë's file.csv"),
            ("שם.csv", "שם.csv"),
            ("a\x1b[2Jb", "a\\x1b[2Jb"),
            ("a\nb\r\tc\x7f", "a\\nb\\r\\tc\\x7f"),
            ("a\u{9b}2J", "a\\u{9b}2J"),
            ("a\u{202e}vsc.exe\u{2066}", "a\\u{202e}vsc.exe\\u{2066}"),
            ("a\u{2028}b", "a\\u{2028}b"),
        ] {
            assert_eq!(shown(name), expected);
        }
    }
}
