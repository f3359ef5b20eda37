//! An expression's text before it is parsed: its tokens, how deeply it is nested, and what the grammar can't
//! read of it. The grammar has ASCII names and numbers of 64 bits: other names and longer numbers are parsed
//! under a name that it can read, and get their own back in the tree and in messages.

use std::borrow::Cow;

use cel::common::ast::{Expr as Node, IdedExpr};

use super::tree::children_mut;
use super::words::DIGITS;

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word,
    Number,
    /// A literal in quotes.
    Text,
    Comment,
    Blank,
    /// One character of anything else.
    Sign,
}

/// The tokens of a text, which together are the text.
pub(super) fn tokens(source: &str) -> impl Iterator<Item = (Token, &str)> {
    let mut rest = source;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let (token, length) = if let Some(length) = quoted(rest) {
            (Token::Text, length)
        } else if rest.starts_with("//") {
            (Token::Comment, run(rest, |c| c != '\n'))
        } else if first == '_' || unicode_ident::is_xid_start(first) {
            (Token::Word, run(rest, unicode_ident::is_xid_continue))
        } else if first.is_ascii_digit() {
            (Token::Number, number(rest))
        } else if first.is_whitespace() {
            (Token::Blank, run(rest, char::is_whitespace))
        } else {
            (Token::Sign, first.len_utf8())
        };
        let (token_text, after) = rest.split_at(length);
        rest = after;
        Some((token, token_text))
    })
}

/// Length of the longest beginning of such characters.
fn run(text: &str, is_part: impl Fn(char) -> bool) -> usize {
    text.find(|c| !is_part(c)).unwrap_or(text.len())
}

/// Length of the literal in quotes that a text begins with; one that is not closed goes on to the end.
fn quoted(text: &str) -> Option<usize> {
    let prefix = text.bytes().take(2).take_while(|b| b"rRbB".contains(b));
    let prefix = prefix.count();
    let raw = text[..prefix].contains(['r', 'R']);
    let quotes = ["\"\"\"", "'''", "\"", "'"];
    let quote = quotes.into_iter().find(|q| text[prefix..].starts_with(q))?;
    let mut at = prefix + quote.len();
    while let Some(byte) = text.as_bytes().get(at) {
        if text.as_bytes()[at..].starts_with(quote.as_bytes()) {
            return Some(at + quote.len());
        }
        at += if *byte == b'\\' && !raw { 2 } else { 1 };
    }
    Some(text.len())
}

/// Length of the number that a text begins with.
fn number(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        from + bytes[from..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count()
    };
    let mut end = digits(0);
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    if bytes.get(end) == Some(&b'.') && is_digit(end + 1) {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if is_digit(end + 1 + sign) {
            end = digits(end + 1 + sign);
        }
    }
    // `5u` and `0xFF`
    end + run(&text[end..], |c| c.is_ascii_alphanumeric())
}

/// Deepest nesting of brackets. Prefix operators count as brackets that stay open to the end of their
/// operand, for the parser descends into them in the same way.
pub(super) fn bracket_depth(source: &str) -> usize {
    let (mut depth, mut deepest, mut prefixes) = (0usize, 0usize, 0usize);
    for (token, text) in tokens(source) {
        match (token, text) {
            (Token::Blank | Token::Comment, _) => {}
            (Token::Sign, "(" | "[" | "{") => {
                depth += 1;
                prefixes = 0;
            }
            (Token::Sign, ")" | "]" | "}") => depth = depth.saturating_sub(1),
            (Token::Sign, "!" | "-") => prefixes += 1,
            _ => prefixes = 0,
        }
        deepest = deepest.max(depth + prefixes);
    }
    deepest
}

/// An expression's text as the grammar can read it.
pub(super) struct Readable {
    pub(super) text: String,
    /// How the names begin that stand for others; nothing in the text begins so.
    stem: String,
    stands: Vec<Stand>,
}

/// A name that stands for something else.
struct Stand {
    /// A word, or the digits of a number.
    meant: String,
    is_number: bool,
    /// Where it stands in the readable text, from 1, in characters.
    line: usize,
    column: usize,
    length: usize,
}

impl Readable {
    pub(super) fn new(source: &str) -> Readable {
        let mut stem = "x_".to_owned();
        while source.contains(&stem) {
            stem.push('_');
        }
        let mut readable = Readable {
            text: String::with_capacity(source.len()),
            stem,
            stands: Vec::new(),
        };
        let (mut line, mut column) = (1, 1);
        for (token, text) in tokens(source) {
            let is_number = token == Token::Number;
            let start = readable.text.len();
            if (token == Token::Word && !text.is_ascii()) || (is_number && is_long(text)) {
                let name = format!("{}{}_", readable.stem, readable.stands.len());
                readable.stands.push(Stand {
                    meant: text.to_owned(),
                    is_number,
                    line,
                    column,
                    length: name.len(),
                });
                readable.text.push_str(&name);
            } else {
                readable.text.push_str(text);
            }
            for c in readable.text[start..].chars() {
                (line, column) = match c {
                    '\n' => (line + 1, 1),
                    _ => (line, column + 1),
                };
            }
        }
        readable
    }

    /// The column of the source for one of the readable text, both from 1 and in characters.
    pub(super) fn column(&self, line: usize, column: usize) -> usize {
        let before = |stand: &&Stand| stand.line == line && stand.column < column;
        let stands = self.stands.iter().filter(before);
        let (read, written) = stands.fold((0, 0), |(read, written), stand| {
            let passed = column - stand.column;
            let meant = stand.meant.chars().count();
            match passed < stand.length {
                true => (read + passed, written + passed.min(meant)),
                false => (read + stand.length, written + meant),
            }
        });
        column + written - read
    }

    /// A message of the parser, in the source's own words.
    pub(super) fn in_own_words(&self, message: &str) -> String {
        let mut message = message.to_owned();
        for (at, stand) in self.stands.iter().enumerate() {
            message = message.replace(&format!("{}{at}_", self.stem), &stand.meant);
        }
        message
    }

    fn meant(&self, name: &str) -> Option<&Stand> {
        let at = name.strip_prefix(&*self.stem)?.strip_suffix('_')?;
        self.stands.get(at.parse::<usize>().ok()?)
    }

    fn restore_name(&self, name: &mut String) {
        if let Some(stand) = self.meant(name) {
            *name = match stand.is_number {
                true => format!("{DIGITS}{}", without_zeros(&stand.meant)),
                false => stand.meant.clone(),
            };
        }
    }

    /// Gives names and numbers of a parsed tree their own texts back.
    pub(super) fn restore(&self, node: &mut IdedExpr) {
        if self.stands.is_empty() {
            return;
        }
        match &mut node.expr {
            Node::Ident(name) => self.restore_name(name),
            Node::Select(select) => self.restore_name(&mut select.field),
            Node::Call(call) => self.restore_name(&mut call.func_name),
            Node::Struct(s) => self.restore_name(&mut s.type_name),
            Node::Comprehension(c) => {
                self.restore_name(&mut c.iter_var);
                self.restore_name(&mut c.accu_var);
                if let Some(second) = &mut c.iter_var2 {
                    self.restore_name(second);
                }
            }
            _ => {}
        }
        for child in children_mut(node) {
            self.restore(child);
        }
    }
}

/// A number without the zeros that it begins with, which no number in JSON has.
fn without_zeros(number: &str) -> Cow<'_, str> {
    let rest = number.trim_start_matches('0');
    match rest.starts_with('.') {
        true => format!("0{rest}").into(),
        false => rest.into(),
    }
}

/// Whether a number loses digits where it becomes one of 64 bits.
fn is_long(number: &str) -> bool {
    let point = number.contains('.');
    let plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let significant = number.trim_start_matches(['0', '.']).bytes();
    match point {
        _ if !plain => false,
        true => significant.filter(u8::is_ascii_digit).count() > 15,
        // The least int has a number of its own behind its sign.
        false => number.parse::<u64>().map_or(true, |n| n > 1 << 63),
    }
}

/// The words around a place, as somebody would write a column's name that is not a plain word.
pub(super) fn words_around(source: &str, line: usize, column: usize) -> Option<String> {
    let text: Vec<char> = source.lines().nth(line.checked_sub(1)?)?.chars().collect();
    let at = column.checked_sub(1)?.min(text.len().checked_sub(1)?);
    let is_inner = |at: usize| text.get(at).is_some_and(|c| c.is_alphanumeric());
    let is_part = |at: usize| match text[at] {
        '-' | '/' | '&' | '.' => at > 0 && is_inner(at - 1) && is_inner(at + 1),
        c => !"()[]{}<>=!|?:,;+*%\"'`\\".contains(c),
    };
    let start = (0..=at)
        .rev()
        .find(|&at| !is_part(at))
        .map_or(0, |at| at + 1);
    let end = (at..text.len())
        .find(|&at| !is_part(at))
        .unwrap_or(text.len());
    let words: String = text.get(start..end)?.iter().collect();
    let words = words.trim();
    let is_name = words.chars().any(|c| !c.is_alphanumeric() && c != '_')
        && words.starts_with(char::is_alphanumeric);
    is_name.then(|| words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_taken_apart() {
        #[track_caller]
        fn check(source: &str, expected: &str) {
            let found: Vec<String> = tokens(source)
                .filter(|(token, _)| *token != Token::Blank)
                .map(|(token, text)| format!("{}{text}", &format!("{token:?}")[..1]))
                .collect();
            assert_eq!(found.join(" "), expected, "{source}");
            assert_eq!(
                tokens(source).map(|(_, text)| text).collect::<String>(),
                source
            );
        }
        check("a>=1.5e-3", "Wa S> S= N1.5e-3");
        check("Straße == 'ß'", "WStraße S= S= T'ß'");
        check("名前.size()", "W名前 S. Wsize S( S)");
        check(r#"'a\'b' + "c""#, r#"T'a\'b' S+ T"c""#);
        check(r"r'\' + x", r"Tr'\' S+ Wx");
        check("'''a'b''' x", "T'''a'b''' Wx");
        check("b\"x\" rb'y' br", "Tb\"x\" Trb'y' Wbr");
        check("'open + 1", "T'open + 1");
        check("'\\", "T'\\");
        check(
            "1.size() 5u 0xFF 1e 2e+ .5",
            "N1 S. Wsize S( S) N5u N0xFF N1e N2e S+ S. N5",
        );
        check("a // b '\n+ c", "Wa C// b ' S+ Wc");
        check("é\u{301}", "Wé\u{301}");
    }

    #[test]
    fn places_are_those_of_the_source() {
        let source = "名前 == x_1 &&\n Ä + größeres > 12345678901234567890 Ä";
        let readable = Readable::new(source);
        assert_eq!(
            readable.text,
            "x__0_ == x_1 &&\n x__1_ + x__2_ > x__3_ x__4_"
        );
        for (line, column, expected) in [
            (1, 1, 1),
            (1, 7, 4),
            (2, 2, 2),
            (2, 10, 6),
            (2, 16, 15),
            (2, 18, 17),
            (2, 24, 38),
        ] {
            assert_eq!(readable.column(line, column), expected, "{line}:{column}");
        }
        assert_eq!(
            readable.in_own_words("at 'x__2_', x_1"),
            "at 'größeres', x_1"
        );
    }

    #[test]
    fn long_numbers() {
        for (number, long) in [
            ("9223372036854775808", false),
            ("9223372036854775809", true),
            ("18446744073709551616", true),
            ("0.1", false),
            ("0.000000000000000000001", false),
            ("123456789.012345", false),
            ("123456789.0123456", true),
            ("1e300", false),
            ("0xFFFFFFFFFFFFFFFFFFFF", false),
        ] {
            assert_eq!(is_long(number), long, "{number}");
        }
    }

    #[test]
    fn the_words_of_a_name() {
        for (source, column, expected) in [
            ("Employee ID == 'x'", 10, Some("Employee ID")),
            ("a && Cost Center > 1", 11, Some("Cost Center")),
            ("E-Mail Address == ''", 8, Some("E-Mail Address")),
            ("Gehalt€ > 5", 7, Some("Gehalt€")),
            ("a == #", 6, None),
            ("plain", 1, None),
            ("", 1, None),
        ] {
            assert_eq!(
                words_around(source, 1, column).as_deref(),
                expected,
                "{source}"
            );
        }
    }
}
