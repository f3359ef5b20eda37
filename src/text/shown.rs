//! Text from outside, made fit to be shown: names of files and columns, values of settings, what a server says.
//!
//! Whoever drops a file into a folder chooses its name and its header, and both are told on terminals and in logs that
//! people read. What would move the cursor, change colours, begin a line or turn the direction of writing is shown
//! as an escape instead of being done.

use std::borrow::Cow;
use std::fmt::Write;

use unicode_width::UnicodeWidthChar;

/// Whether a character does something where it is printed instead of being seen, or nothing at all: control characters,
/// those that turn the direction of writing or break the line or a word, the byte order mark, and what Unicode keeps from
/// being a character.
pub(crate) fn acts(c: char) -> bool {
    let is_none = u32::from(c) & 0xfffe == 0xfffe || matches!(c, '\u{fdd0}'..='\u{fdef}');
    c.is_control()
        || is_none
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Text on one line: characters that [act](acts) stand there as escapes, `\n`, `\x1b`, `\u{202e}`.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    text.chars().for_each(|c| push(&mut out, c));
    Cow::Owned(out)
}

/// As [`shown`], for text whose line breaks are our own.
pub(crate) fn shown_lines(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| c != '\n' && acts(c)) {
        return Cow::Borrowed(text);
    }
    let lines: Vec<_> = text.split('\n').map(shown).collect();
    Cow::Owned(lines.join("\n"))
}

/// As [`shown`], in at most `width` columns of a terminal: what is longer is cut and ends with `…`.
pub(crate) fn shown_within(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    // Where to cut, should the text turn out to be too long: the ellipsis takes a column.
    let mut cut = 0;
    for c in text.chars() {
        let start = out.len();
        push(&mut out, c);
        used += match acts(c) {
            true => out.len() - start,
            false => c.width().unwrap_or(0),
        };
        if used < width {
            cut = out.len();
        } else if used > width {
            out.truncate(cut);
            out.push('…');
            return out;
        }
    }
    out
}

/// A line of JSON whose texts, once they are read, are as [`shown`] makes them: escapes of characters that act are
/// escaped once more, and so are such characters that JSON lets stand.
pub(crate) fn shown_in_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(c) = rest.chars().next() {
        let (meant, len) = match c {
            '\\' => escape(rest),
            c => (c, c.len_utf8()),
        };
        let (written, after) = rest.split_at(len);
        rest = after;
        if acts(meant) {
            out.push('\\');
            push(&mut out, meant);
        } else {
            out.push_str(written);
        }
    }
    out
}

/// The character that an escape of JSON at the beginning of `json` stands for, and the escape's length. Half of a
/// pair of escapes stands for no character that acts.
fn escape(json: &str) -> (char, usize) {
    match json.as_bytes().get(1) {
        Some(b'n') => ('\n', 2),
        Some(b'r') => ('\r', 2),
        Some(b't') => ('\t', 2),
        Some(b'b') => ('\u{8}', 2),
        Some(b'f') => ('\u{c}', 2),
        Some(b'u') => {
            let code = json.get(2..6).map(|hex| u32::from_str_radix(hex, 16));
            let c = code.and_then(Result::ok).and_then(char::from_u32);
            (c.unwrap_or('u'), 6.min(json.len()))
        }
        Some(c) if c.is_ascii() => (char::from(*c), 2),
        _ => ('\\', 1),
    }
}

fn push(out: &mut String, c: char) {
    if !acts(c) {
        out.push(c);
        return;
    }
    // Writing to a string can't fail.
    let _ = match c {
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        '\0'..='\u{7f}' => write!(out, "\\x{:02x}", c as u32),
        _ => write!(out, "\\u{{{:x}}}", c as u32),
    };
}

/// A text as one word of a shell's command line.
pub(crate) fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:,+@%".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_width::UnicodeWidthStr;

    use super::*;

    #[test]
    fn what_acts_is_shown_as_an_escape() {
        for (text, expected) in [
            ("", ""),
            ("Zoë, 美咲 \\n", "Zoë, 美咲 \\n"),
            ("a\x1b[31mb", "a\\x1b[31mb"),
            ("a\nERROR b\r\t", "a\\nERROR b\\r\\t"),
            ("\0\x7f\u{9b}\u{85}", "\\x00\\x7f\\u{9b}\\u{85}"),
            (
                "a\u{202e}b\u{2066}c\u{2028}",
                "a\\u{202e}b\\u{2066}c\\u{2028}",
            ),
            ("\u{feff}id", "\\u{feff}id"),
            ("\u{ffff}\u{1fffe}\u{fdd0}", "\\u{ffff}\\u{1fffe}\\u{fdd0}"),
            ("i\u{200b}d\u{ad}", "i\\u{200b}d\\u{ad}"),
            // Joiners belong to the writing of many languages.
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
        ] {
            assert_eq!(shown(text), expected);
        }
        assert_eq!(shown_lines("a\nb\x1b\r\nc"), "a\nb\\x1b\\r\nc");
    }

    #[test]
    fn lines_are_short() {
        let check = |text: &str, width: usize, expected: &str| {
            assert_eq!(shown_within(text, width), expected, "{text:?}");
            assert!(shown_within(text, width).width() <= width);
        };
        check("", 3, "");
        check("abc", 3, "abc");
        check("abcd", 3, "ab…");
        check("美咲", 4, "美咲");
        check("美咲", 3, "美…");
        check("美咲子", 4, "美…");
        check("\u{1b}[31m", 20, "\\x1b[31m");
        check("a\u{9b}b\u{7f}", 20, "a\\u{9b}b\\x7f");
        check("a\u{202e}b", 20, "a\\u{202e}b");
        check("abc\u{1b}", 6, "abc…");
        check("e\u{301}e\u{301}", 2, "e\u{301}e\u{301}");
        check("e\u{301}e\u{301}e", 2, "e\u{301}…");
    }

    proptest! {
        #[test]
        fn nothing_acts_any_more(text in "(\\PC|\\n|\\x1b|\u{202e}|\\\\|\"|[\u{80}-\u{9f}]){0,20}") {
            prop_assert!(!shown(&text).contains(acts));
            prop_assert!(!shown_within(&text, 12).contains(acts));
            let json = shown_in_json(&serde_json::to_string(&text).unwrap());
            prop_assert!(!json.contains(acts));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), shown(&text));
        }
    }
}
