//! Text as the pipeline file writes it.

use crate::text::shown::shown;

/// Columns of a comment.
const WIDTH: usize = 110;

/// A comment of as many lines as it takes. Names of columns come from the file: none can end its line.
pub(crate) fn remark(text: &mut String, indent: &str, words: &str) {
    let words = shown(words);
    let mut line = format!("{indent}#");
    let mut is_empty = true;
    for word in words.split(' ').filter(|word| !word.is_empty()) {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line = format!("{indent}#");
        }
        line.push(' ');
        line.push_str(word);
        is_empty = false;
    }
    text.push_str(&line);
    text.push('\n');
}

/// Words that YAML, or an older version of it, takes for something else than text.
const WORDS: [&str; 11] = [
    "true", "false", "null", "yes", "no", "on", "off", "y", "n", "~", "none",
];

/// A text as a value, in quotes where it needs them.
pub(crate) fn scalar(text: &str) -> String {
    let is_inner = |c: char| c.is_alphanumeric() || " _-./()%".contains(c);
    let is_plain = text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && text.chars().all(is_inner)
        && !text.ends_with(' ')
        && !text.contains(" -")
        && !WORDS.contains(&&*text.to_lowercase());
    if is_plain {
        return text.to_owned();
    }
    // What JSON writes in quotes, YAML reads; what nobody sees is written as its number.
    let mut quoted = String::from("\"");
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            // In the pipeline file they would begin a variable, or be one dollar.
            '$' if matches!(chars.peek(), Some('{' | '$')) => quoted.push_str("$$"),
            c if crate::text::shown::acts(c)
                || crate::text::unseen::is_invisible(c)
                || c == '\u{a0}' =>
            {
                let code = u32::from(c);
                quoted.push_str(&match code {
                    ..=0xffff => format!("\\u{code:04x}"),
                    _ => format!("\\U{code:08x}"),
                });
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// Texts as a list.
pub(crate) fn list(texts: &[impl AsRef<str>]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| scalar(text.as_ref())).collect();
    format!("[{}]", texts.join(", "))
}

/// A stage that replaces what matches a pattern in columns.
pub(crate) fn replace(columns: String, pattern: &str, with: &str) -> String {
    let settings = [
        ("columns", columns),
        ("pattern", scalar(pattern)),
        ("with", scalar(with)),
    ];
    format!("replace: {}", flow(&settings))
}

/// Settings as a map, their values as they are to be written.
pub(crate) fn flow(settings: &[(&str, String)]) -> String {
    let settings: Vec<String> = settings
        .iter()
        .map(|(key, value)| format!("{key}: {value}"))
        .collect();
    format!("{{ {} }}", settings.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_written_so_that_they_are_read() {
        for (text, expected) in [
            ("employeeID", "employeeID"),
            ("Legal Name (all)", "Legal Name (all)"),
            ("FTE %", "FTE %"),
            ("a - b", "\"a - b\""),
            ("31.12.9999", "\"31.12.9999\""),
            ("no", "\"no\""),
            ("a: b", "\"a: b\""),
            ("#NULL", "\"#NULL\""),
            ("a\n\"b\"", "\"a\\u000a\\\"b\\\"\""),
            ("$x", "\"$x\""),
            ("${x}", "\"$${x}\""),
            ("$$", "\"$$$\""),
            ("a\u{a0}b", "\"a\\u00a0b\""),
            ("\u{e0067}", "\"\\U000e0067\""),
            ("", "\"\""),
            ("a,b", "\"a,b\""),
        ] {
            assert_eq!(scalar(text), expected);
        }
    }

    #[test]
    fn remarks_are_wrapped_and_stay_in_their_line() {
        let mut text = String::new();
        remark(
            &mut text,
            "  ",
            &format!("a\nversion: 2 {}", "word ".repeat(40)),
        );
        assert!(text.lines().all(|line| line.starts_with("  # ")));
        assert!(text.starts_with("  # a\\nversion: 2 word"));
        assert!(text.lines().count() > 1);
    }
}
