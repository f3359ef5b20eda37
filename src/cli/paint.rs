//! Colours of what is said on stderr and shown by `preview`. They are always written, and taken out where they are not
//! wanted: by the streams, in one place.

use std::fmt::Display;
use std::sync::OnceLock;

use anstyle::{AnsiColor, Style};

const GOOD: Style = AnsiColor::Green.on_default();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const ERROR: Style = AnsiColor::Red.on_default().bold();
const QUIET: Style = AnsiColor::Cyan.on_default();
const PLACE: Style = Style::new().bold();

/// Words with which a line begins, and how they look.
const WORDS: &[(&str, Style)] = &[
    ("error:", ERROR),
    ("warning:", WARNING),
    ("note:", QUIET),
    ("  help:", QUIET),
];

/// Words of a summary behind which a number other than 0 wants attention.
const COUNTS: &[(&str, Style)] = &[
    ("rejected", WARNING),
    ("withheld", WARNING),
    ("unprocessed", WARNING),
    ("unknown", ERROR),
    ("failed", ERROR),
    ("warning", WARNING),
];

/// Columns of a summary's word.
const WORD: usize = 12;

static EXCERPTS: OnceLock<bool> = OnceLock::new();

/// Says what is known of how much is to be said.
pub(super) fn start(quiet: bool) {
    let _ = EXCERPTS.set(!quiet);
}

/// Whether problems show the line that they stand on.
pub(super) fn excerpts() -> bool {
    EXCERPTS.get().copied().unwrap_or(true)
}

/// A text in a style.
pub(super) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

pub(super) fn good(text: impl Display) -> String {
    styled(GOOD, text)
}

pub(super) fn warning(text: impl Display) -> String {
    styled(WARNING, text)
}

pub(super) fn error(text: impl Display) -> String {
    styled(ERROR, text)
}

/// A line with its first word in colour, where that is one that matters.
pub(super) fn line(line: &str) -> String {
    if let Some((word, style)) = WORDS.iter().find(|(word, _)| line.starts_with(word)) {
        return format!("{}{}", styled(*style, word), &line[word.len()..]);
    }
    let Some((word, rest)) = line.split_at_checked(WORD) else {
        return line.to_owned();
    };
    if word.trim_end() == "run" {
        return ending(word, rest);
    }
    let none = rest.split_whitespace().next() == Some("0");
    let count = COUNTS.iter().find(|(count, _)| *count == word.trim_end());
    match count {
        Some((_, style)) if !none => styled(*style, line),
        _ => line.to_owned(),
    }
}

/// The line of a summary that says how the run ended: its id, a comma, words.
fn ending(word: &str, rest: &str) -> String {
    let Some((id, ending)) = rest.split_once(", ") else {
        return format!("{word}{rest}");
    };
    let style = match ending {
        "succeeded" => GOOD,
        _ if ending.starts_with("succeeded") || ending.starts_with("uploaded") => WARNING,
        _ => ERROR,
    };
    format!("{word}{id}, {}", styled(style, ending))
}

/// A problem of a pipeline file: its place, a word such as `warning: `, the message.
pub(super) fn problem(text: &str, word: &str) -> String {
    let (first, help) = match text.split_once('\n') {
        Some((first, help)) => (first, format!("\n{}", line(help))),
        None => (text, String::new()),
    };
    let (mark, style) = match word {
        "" => (": ".to_owned(), ERROR),
        word => (
            format!(": {word}"),
            WORDS
                .iter()
                .find(|(known, _)| word.trim_end() == *known)
                .map_or(PLACE, |(_, style)| *style),
        ),
    };
    match first.split_once(&mark) {
        Some((place, message)) if word.is_empty() => {
            format!("{}: {message}{help}", styled(style, place))
        }
        Some((place, message)) => format!(
            "{}: {}{message}{help}",
            styled(PLACE, place),
            styled(style, word),
        ),
        None => format!("{first}{help}"),
    }
}

/// The line that a problem stands on: what is not of the file recedes, and the caret stands out.
pub(super) fn excerpt(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once('|') {
        Some((gutter, rest)) => {
            let gutter = styled(QUIET, format!("{gutter}|"));
            match rest.trim_start() {
                "^" => format!("{gutter}{}", error(rest)),
                _ => format!("{gutter}{rest}"),
            }
        }
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text with `<` and `>` around what is in colour.
    fn shown(text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('\u{1b}') {
            let (code, after) = after.split_once('m').unwrap();
            out.push_str(before);
            match code {
                "[0" => out.push('>'),
                _ if out.ends_with('<') => {}
                _ => out.push('<'),
            }
            rest = after;
        }
        out + rest
    }

    #[test]
    fn what_matters_is_in_colour() {
        let check = |text: &str, expected: &str| assert_eq!(shown(&line(text)), expected);
        check("error: no such thing", "<error:> no such thing");
        check("warning: x", "<warning:> x");
        check("  help: x", "<  help:> x");
        check(
            "run         a1b2, succeeded",
            "run         a1b2, <succeeded>",
        );
        check(
            "run         a1b2, failed, x",
            "run         a1b2, <failed, x>",
        );
        check(
            "read                 5,000  1 MB",
            "read                 5,000  1 MB",
        );
        check("rejected                12", "<rejected                12>");
        check("rejected                 0", "rejected                 0");
        check(
            "failed                   0  x",
            "failed                   0  x",
        );
        check("an error: x", "an error: x");
        check("", "");
        check("äääääääääääääää", "äääääääääääääää");
    }

    #[test]
    fn problems_are_in_colour_and_say_the_same() {
        let check = |text: &str, word, expected: &str| {
            assert_eq!(shown(&problem(text, word)), expected);
            let plain = anstream::adapter::strip_str(&problem(text, word)).to_string();
            assert_eq!(plain, text);
        };
        check(
            "p.yaml:1:2: bad\n  help: mend",
            "",
            "<p.yaml:1:2>: bad\n<  help:> mend",
        );
        check(
            "p.yaml:1:2: warning: bad: x",
            "warning: ",
            "<p.yaml:1:2>: <warning: >bad: x",
        );
        check("p.yaml", "", "p.yaml");
    }

    #[test]
    fn the_caret_stands_out() {
        let text = "    |\n  1 | a: |\n    |  ^";
        assert_eq!(shown(&excerpt(text)), "<    |>\n<  1 |> a: |\n<    |><  ^>");
    }
}
