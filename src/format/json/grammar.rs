//! JSON's grammar, held against a text byte by byte: for what stands around the records, which comes in pieces, and
//! for the words in which to say what is wrong.
//!
//! Records are read by faster means. This one knows no values; where those fail, it knows where and why.

use std::fmt;

use crate::text::scan::end_of_plain;

/// The most brackets that may be open at once.
const DEEPEST: usize = 4096;

/// How far a text has been read.
#[derive(Debug, Clone)]
pub(super) struct Grammar {
    /// The brackets that are open, from the outside in: whether each is a brace.
    open: Vec<bool>,
    state: State,
}

/// What may stand next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A document, or nothing.
    Between,
    /// A value; the end of the array, too, where it has just begun.
    Value { fresh: bool },
    /// A member's name; the end of the object, too, where it has just begun.
    Name { fresh: bool },
    /// A colon.
    Colon,
    /// A comma, or the end of what is open.
    After,
    /// More of a text, which may be a name.
    Text { name: bool },
    /// The character after a backslash.
    Escape { name: bool },
    /// So many hexadecimal digits.
    Hex { name: bool, left: u8 },
    /// More of a number.
    Number(Number),
    /// The rest of `true`, `false` or `null`.
    Word(&'static [u8]),
}

/// The part of a number that was read last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Minus,
    Zero,
    Whole,
    Point,
    Fraction,
    E,
    Sign,
    Exponent,
}

/// What is wrong, in words that hold no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    Value,
    Name,
    Colon,
    AfterMember,
    AfterElement,
    AfterPlainValue,
    CommaBeforeEnd,
    Bracket,
    Word,
    SingleQuote,
    Comment,
    Zero,
    Digit,
    LineInText,
    ControlInText,
    Escape,
    TooDeep,
    EndsEarly,
    Second,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Value => "expected a value",
            Reason::Name => "expected a member's name in double quotes",
            Reason::Colon => "expected `:` after a member's name",
            Reason::AfterMember => "expected `,` or `}` after a member's value",
            Reason::AfterElement => "expected `,` or `]` after an element of an array",
            Reason::AfterPlainValue => {
                "a value without quotes is followed by something that does not belong to it; dates and other text must be \
                 in double quotes"
            }
            Reason::CommaBeforeEnd => {
                "there is a comma right before the closing bracket"
            }
            Reason::Bracket => "a bracket closes what another kind of bracket opened",
            Reason::Word => {
                "expected a value; only the words true, false and null are written without double quotes"
            }
            Reason::SingleQuote => "text must be in double quotes, not single quotes",
            Reason::Comment => "JSON has no comments",
            Reason::Zero => {
                "a number must not begin with a zero; write identifiers in double quotes"
            }
            Reason::Digit => "expected a digit of a number",
            Reason::LineInText => "the line ends inside a string: a closing quote is missing",
            Reason::ControlInText => "there is a control character inside a string",
            Reason::Escape => "no such escape; a backslash itself is written `\\\\`",
            Reason::TooDeep => "brackets are nested too deeply",
            Reason::EndsEarly => "it ends too early",
            Reason::Second => "something follows its end",
        })
    }
}

impl Grammar {
    /// Before the first document.
    pub(super) fn new() -> Grammar {
        Grammar {
            open: Vec::new(),
            state: State::Between,
        }
    }

    /// Within an array, behind one of its elements.
    pub(super) fn behind_an_element() -> Grammar {
        Grammar {
            open: vec![false],
            state: State::After,
        }
    }

    /// How many brackets are open.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Whether the innermost open bracket is a brace.
    pub(super) fn in_object(&self) -> bool {
        self.open.last() == Some(&true)
    }

    /// Whether a value may begin here.
    pub(super) fn expects_value(&self) -> bool {
        matches!(self.state, State::Value { .. } | State::Between)
    }

    /// Whether a member's name is being read.
    pub(super) fn in_name(&self) -> bool {
        matches!(
            self.state,
            State::Text { name: true }
                | State::Escape { name: true }
                | State::Hex { name: true, .. }
        )
    }

    /// Whether a text is being read, be it a name.
    pub(super) fn in_text(&self) -> bool {
        matches!(
            self.state,
            State::Text { .. } | State::Escape { .. } | State::Hex { .. }
        )
    }

    /// Goes on behind a value that somebody else has read.
    pub(super) fn pass_value(&mut self) {
        self.state = self.after_value();
    }

    fn after_value(&self) -> State {
        match self.open.is_empty() {
            true => State::Between,
            false => State::After,
        }
    }

    /// Whether the text may end here.
    pub(super) fn may_end(&self) -> bool {
        self.open.is_empty()
            && match self.state {
                State::Between => true,
                State::Number(part) => part.may_end(),
                State::Word(rest) => rest.is_empty(),
                _ => false,
            }
    }

    /// How much of a text can be passed over at once: what is plain of a string.
    pub(super) fn plain(&self, text: &[u8], at: usize) -> usize {
        match self.state {
            State::Text { .. } => end_of_plain(text, at).unwrap_or(text.len()) - at,
            _ => 0,
        }
    }

    /// Reads a text, up to the first byte that can't stand where it does.
    pub(super) fn read(&mut self, text: &[u8]) -> Result<(), (usize, Reason)> {
        let mut at = 0;
        while at < text.len() {
            at += self.plain(text, at);
            if let Some(&byte) = text.get(at) {
                self.step(byte).map_err(|reason| (at, reason))?;
                at += 1;
            }
        }
        Ok(())
    }

    /// Reads one byte.
    pub(super) fn step(&mut self, byte: u8) -> Result<(), Reason> {
        let blank = matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        self.state = match self.state {
            State::Text { name } | State::Escape { name } | State::Hex { name, .. } => {
                self.text(byte, name)?
            }
            State::Number(part) => match part.next(byte)? {
                Some(part) => State::Number(part),
                None => {
                    self.state = self.after_value();
                    return self.behind_a_plain_value(byte);
                }
            },
            State::Word(rest) => match rest.split_first() {
                Some((next, rest)) if *next == byte => State::Word(rest),
                Some(_) => return Err(Reason::Word),
                None => {
                    self.state = self.after_value();
                    return self.behind_a_plain_value(byte);
                }
            },
            state if blank => state,
            State::Between | State::Value { fresh: false } => self.value(byte)?,
            State::Value { fresh: true } if byte == b']' => self.close(byte)?,
            State::Value { fresh: true } => self.value(byte)?,
            State::Name { fresh } => match byte {
                b'"' => State::Text { name: true },
                b'}' if fresh => self.close(byte)?,
                b'}' | b']' => return Err(Reason::CommaBeforeEnd),
                b'\'' => return Err(Reason::SingleQuote),
                b'/' => return Err(Reason::Comment),
                _ => return Err(Reason::Name),
            },
            State::Colon if byte == b':' => State::Value { fresh: false },
            State::Colon => return Err(Reason::Colon),
            State::After => match byte {
                b',' if self.in_object() => State::Name { fresh: false },
                b',' => State::Value { fresh: false },
                b'}' | b']' => self.close(byte)?,
                b'/' => return Err(Reason::Comment),
                _ if self.in_object() => return Err(Reason::AfterMember),
                _ => return Err(Reason::AfterElement),
            },
        };
        Ok(())
    }

    /// A byte of a text.
    fn text(&self, byte: u8, name: bool) -> Result<State, Reason> {
        Ok(match self.state {
            State::Escape { .. } => match byte {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => State::Text { name },
                b'u' => State::Hex { name, left: 4 },
                _ => return Err(Reason::Escape),
            },
            State::Hex { left, .. } => match (byte.is_ascii_hexdigit(), left) {
                (false, _) => return Err(Reason::Escape),
                (true, 1) => State::Text { name },
                (true, left) => State::Hex {
                    name,
                    left: left - 1,
                },
            },
            _ => match byte {
                b'"' if name => State::Colon,
                b'"' => self.after_value(),
                b'\\' => State::Escape { name },
                b'\n' => return Err(Reason::LineInText),
                ..0x20 => return Err(Reason::ControlInText),
                _ => State::Text { name },
            },
        })
    }

    /// A byte that ends a number or a word, or does not.
    fn behind_a_plain_value(&mut self, byte: u8) -> Result<(), Reason> {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b',' | b'}' | b']' | b'/' => self.step(byte),
            _ => Err(Reason::AfterPlainValue),
        }
    }

    fn value(&mut self, byte: u8) -> Result<State, Reason> {
        Ok(match byte {
            b'{' | b'[' => {
                if self.open.len() == DEEPEST {
                    return Err(Reason::TooDeep);
                }
                let brace = byte == b'{';
                self.open.push(brace);
                match brace {
                    true => State::Name { fresh: true },
                    false => State::Value { fresh: true },
                }
            }
            b'"' => State::Text { name: false },
            b'-' => State::Number(Number::Minus),
            b'0' => State::Number(Number::Zero),
            b'1'..=b'9' => State::Number(Number::Whole),
            b't' => State::Word(b"rue"),
            b'f' => State::Word(b"alse"),
            b'n' => State::Word(b"ull"),
            b'\'' => return Err(Reason::SingleQuote),
            b'/' => return Err(Reason::Comment),
            b']' if !self.in_object() && !self.open.is_empty() => {
                return Err(Reason::CommaBeforeEnd);
            }
            _ if byte.is_ascii_alphabetic() => return Err(Reason::Word),
            _ => return Err(Reason::Value),
        })
    }

    fn close(&mut self, byte: u8) -> Result<State, Reason> {
        if self.in_object() != (byte == b'}') {
            return Err(Reason::Bracket);
        }
        self.open.pop();
        Ok(self.after_value())
    }
}

impl Number {
    /// The next part; none where this byte is not of the number.
    fn next(self, byte: u8) -> Result<Option<Number>, Reason> {
        Ok(Some(match (self, byte) {
            (Number::Minus, b'0') => Number::Zero,
            (Number::Minus, b'1'..=b'9') => Number::Whole,
            (Number::Zero, b'0'..=b'9') => return Err(Reason::Zero),
            (Number::Whole, b'0'..=b'9') => Number::Whole,
            (Number::Zero | Number::Whole, b'.') => Number::Point,
            (Number::Point | Number::Fraction, b'0'..=b'9') => Number::Fraction,
            (Number::Zero | Number::Whole | Number::Fraction, b'e' | b'E') => Number::E,
            (Number::E, b'+' | b'-') => Number::Sign,
            (Number::E | Number::Sign | Number::Exponent, b'0'..=b'9') => Number::Exponent,
            _ if self.may_end() => return Ok(None),
            _ => return Err(Reason::Digit),
        }))
    }

    fn may_end(self) -> bool {
        matches!(
            self,
            Number::Zero | Number::Whole | Number::Fraction | Number::Exponent
        )
    }
}

/// The first place at which a text is not one JSON value, and why; none where it is one.
pub(super) fn wrong_in(text: &[u8]) -> Option<(usize, Reason)> {
    let mut grammar = Grammar::new();
    let mut at = 0;
    let mut begun = false;
    while at < text.len() {
        at += grammar.plain(text, at);
        let Some(&byte) = text.get(at) else {
            break;
        };
        if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            if begun && grammar.state == State::Between {
                return Some((at, Reason::Second));
            }
            begun = true;
        }
        if let Err(reason) = grammar.step(byte) {
            return Some((at, reason));
        }
        at += 1;
    }
    let ended = begun && grammar.may_end();
    (!ended).then_some((text.len(), Reason::EndsEarly))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    #[track_caller]
    fn check(text: &str, at: usize, reason: Reason) {
        assert_eq!(wrong_in(text.as_bytes()), Some((at, reason)), "{text}");
    }

    #[test]
    fn says_where_and_why() {
        check(r#"{"dob": 1981-05-15}"#, 12, Reason::AfterPlainValue);
        check(r#"{"id": "1",}"#, 11, Reason::CommaBeforeEnd);
        check(r#"[1,]"#, 3, Reason::CommaBeforeEnd);
        check(r#"{"id": 007}"#, 8, Reason::Zero);
        check("{\"id\": \"1,\n\"n\": 2}", 10, Reason::LineInText);
        check(r#"{"id" 1}"#, 6, Reason::Colon);
        check(r#"{"id": 1 "n": 2}"#, 9, Reason::AfterMember);
        check(r#"{id: 1}"#, 1, Reason::Name);
        check(r#"{'id': 1}"#, 1, Reason::SingleQuote);
        check(r#"{"id": None}"#, 7, Reason::Word);
        check(r#"{"id": nule}"#, 10, Reason::Word);
        check(r#"{"id": 1, // one"#, 10, Reason::Comment);
        check(r#"{"id": "\x"}"#, 9, Reason::Escape);
        check(r#"{"id": [1}"#, 9, Reason::Bracket);
        check(r#"{"id": 1."#, 9, Reason::EndsEarly);
        check(r#"{"id": 1.x"#, 9, Reason::Digit);
        check(r#"{"id": 1} x"#, 10, Reason::Second);
        check(r#"{"id": }"#, 7, Reason::Value);
        check("", 0, Reason::EndsEarly);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        #[test]
        fn takes_what_serde_json_takes(text in r#"([\[\]{},:" ]|"[a\\"]{0,3}"|"a":|-?[0-9]{1,2}|\.[0-9]?|[eE][+-]?|true|null|fals|\\u00e[0-9a-z]|[\n\t\x01]){0,12}"#) {
            let valid = serde_json::from_str::<IgnoredAny>(&text).is_ok();
            prop_assert_eq!(wrong_in(text.as_bytes()).is_none(), valid, "{:?}", text);
        }

        #[test]
        fn pieces_are_as_good_as_the_whole(text in r#"([\[\]{},:" ]|"[a\\"]{0,3}"|"a":|1\.5|true|null){0,12}"#, at in any::<prop::sample::Index>()) {
            let text = text.as_bytes();
            let (a, b) = text.split_at(at.index(text.len() + 1));
            let mut pieces = Grammar::new();
            let split = pieces.read(a).and_then(|()| pieces.read(b).map_err(|(at, why)| (a.len() + at, why)));
            prop_assert_eq!(Grammar::new().read(text), split);
        }
    }
}
