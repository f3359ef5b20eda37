//! Splits a JSON array into its elements as it arrives, however it is cut.

use memchr::memchr2;

use crate::settings::units::Size;
use crate::text::unseen::BYTE_ORDER_MARK;

/// The elements of a JSON array, one by one. Looks at brackets and strings alone; whether an element is good
/// JSON is for its reader to say. Holds one element, and what was pushed behind it.
#[derive(Debug)]
pub struct Splitter {
    buffer: Vec<u8>,
    /// Where the element, or the search for it, begins in the buffer.
    start: usize,
    /// How far the buffer has been looked at.
    at: usize,
    state: State,
    largest: usize,
    /// Elements handed out.
    count: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing but white space, or a byte order mark, so far.
    Before,
    /// After `[`.
    First,
    /// After a comma.
    Next,
    /// Inside an element.
    Inside { depth: usize, string: bool },
    /// After an element.
    After,
    /// After `]`.
    Done,
}

/// The text is no array of objects. Never repeats any of it.
#[derive(Debug, thiserror::Error)]
pub enum SplitError {
    /// Something else than an array.
    #[error("they are not a JSON array")]
    NotAnArray,
    /// A comma, bracket or object is missing after so many elements.
    #[error("there is no JSON object where number {0} should be")]
    Element(u64),
    /// An element is too large.
    #[error("number {index} is larger than {} (limits.result)", Size(*largest as u64))]
    TooLarge {
        /// Its place, from 1.
        index: u64,
        /// The limit in bytes.
        largest: usize,
    },
    /// The end came before the array's.
    #[error("they break off after {0}")]
    Truncated(u64),
    /// Something follows the array.
    #[error("there is something after the end of the JSON array")]
    Trailing,
    /// An element is not good JSON, or lacks what it must have.
    #[error("number {index} is not a valid JSON object")]
    Json {
        /// Its place, from 1.
        index: u64,
        /// What the reader says; line and column count within the element.
        source: serde_json::Error,
    },
}

impl Splitter {
    /// Elements of more than `largest` bytes are an error.
    pub fn new(largest: usize) -> Splitter {
        Splitter {
            buffer: Vec::new(),
            start: 0,
            at: 0,
            state: State::Before,
            largest,
            count: 0,
        }
    }

    /// Takes more of the text. Call [`Splitter::next_element`] until it has no more before pushing again: what is
    /// not taken out stays in memory.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.at -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next element that is complete, if there is one.
    pub fn next_element(&mut self) -> Result<Option<&[u8]>, SplitError> {
        while let Some(&byte) = self.buffer.get(self.at) {
            if let State::Inside { depth, string } = self.state {
                if let Some(end) = self.scan(depth, string)? {
                    let start = std::mem::replace(&mut self.start, end);
                    self.state = State::After;
                    self.count += 1;
                    return Ok(Some(&self.buffer[start..end]));
                }
                break;
            }
            if byte.is_ascii_whitespace() {
                self.at += 1;
                continue;
            }
            self.state = match (self.state, byte) {
                (State::Before, b'[') => State::First,
                (State::Before, b'\xef') => {
                    let head = &self.buffer[self.at..];
                    if BYTE_ORDER_MARK.starts_with(head) && head.len() < BYTE_ORDER_MARK.len() {
                        break;
                    }
                    if !head.starts_with(BYTE_ORDER_MARK) {
                        return Err(SplitError::NotAnArray);
                    }
                    self.at += BYTE_ORDER_MARK.len();
                    continue;
                }
                (State::Before, _) => return Err(SplitError::NotAnArray),
                (State::First | State::Next, b'{') => {
                    self.start = self.at;
                    self.at += 1;
                    self.state = State::Inside {
                        depth: 1,
                        string: false,
                    };
                    continue;
                }
                (State::First | State::After, b']') => State::Done,
                (State::After, b',') => State::Next,
                (State::Done, _) => return Err(SplitError::Trailing),
                _ => return Err(SplitError::Element(self.count + 1)),
            };
            self.at += 1;
        }
        if !matches!(self.state, State::Inside { .. }) {
            self.start = self.at;
        }
        Ok(None)
    }

    /// Looks on inside an element; says where it ends once that is there.
    fn scan(&mut self, mut depth: usize, mut string: bool) -> Result<Option<usize>, SplitError> {
        let (end, buffer) = (self.buffer.len(), &self.buffer);
        let mut at = self.at;
        let mut complete = None;
        while at < end {
            if string {
                match memchr2(b'"', b'\\', &buffer[at..]) {
                    None => at = end,
                    Some(n) if buffer[at + n] == b'"' => {
                        at += n + 1;
                        string = false;
                    }
                    // What is escaped must be here too, else it is looked at again.
                    Some(n) if at + n + 1 < end => at += n + 2,
                    Some(n) => {
                        at += n;
                        break;
                    }
                }
                continue;
            }
            let byte = buffer[at];
            at += 1;
            match byte {
                b'"' => string = true,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        complete = Some(at);
                        break;
                    }
                }
                _ => {}
            }
        }
        if at - self.start > self.largest {
            return Err(SplitError::TooLarge {
                index: self.count + 1,
                largest: self.largest,
            });
        }
        self.at = at;
        self.state = State::Inside { depth, string };
        Ok(complete)
    }

    /// Says whether the array was complete; call it at the end of the text, when there are no more elements.
    pub fn finish(&self) -> Result<(), SplitError> {
        match self.state {
            State::Done => Ok(()),
            State::Before if self.buffer.len() == self.at => Err(SplitError::NotAnArray),
            _ => Err(SplitError::Truncated(self.count)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The elements of a text that arrives in these pieces, and how it ended.
    fn split<'a>(
        pieces: impl IntoIterator<Item = &'a [u8]>,
        largest: usize,
    ) -> (Vec<String>, Result<(), String>) {
        let mut splitter = Splitter::new(largest);
        let mut found = Vec::new();
        for piece in pieces {
            splitter.push(piece);
            loop {
                match splitter.next_element() {
                    Ok(Some(element)) => found.push(String::from_utf8_lossy(element).into_owned()),
                    Ok(None) => break,
                    Err(error) => return (found, Err(error.to_string())),
                }
            }
        }
        (found, splitter.finish().map_err(|e| e.to_string()))
    }

    #[test]
    fn elements() {
        #[track_caller]
        fn check(text: &str, elements: &[&str], end: Result<(), &str>) {
            let (found, ended) = split([text.as_bytes()], 30);
            assert_eq!(found, elements, "{text}");
            assert_eq!(ended, end.map_err(str::to_owned), "{text}");
            let (found, ended) = split(text.as_bytes().chunks(1), 30);
            assert_eq!(found, elements, "{text}");
            assert_eq!(ended, end.map_err(str::to_owned), "{text}");
        }
        check("[]", &[], Ok(()));
        check("\u{feff} [ ] \n", &[], Ok(()));
        check("[{}]", &["{}"], Ok(()));
        check(
            r#" [ {"a":[1,{"b":2}]} , {"c":"}]\"\\"} ]"#,
            &[r#"{"a":[1,{"b":2}]}"#, r#"{"c":"}]\"\\"}"#],
            Ok(()),
        );
        check("", &[], Err("they are not a JSON array"));
        check("  ", &[], Err("they are not a JSON array"));
        check("{}", &[], Err("they are not a JSON array"));
        check("<html>", &[], Err("they are not a JSON array"));
        check("[{}", &["{}"], Err("they break off after 1"));
        check("[{}, ", &["{}"], Err("they break off after 1"));
        check("[", &[], Err("they break off after 0"));
        check(r#"[{"a":"\"#, &[], Err("they break off after 0"));
        check("\u{feff}", &[], Err("they are not a JSON array"));
        check(
            "[{} {}]",
            &["{}"],
            Err("there is no JSON object where number 2 should be"),
        );
        check(
            "[{},]",
            &["{}"],
            Err("there is no JSON object where number 2 should be"),
        );
        check(
            "[1]",
            &[],
            Err("there is no JSON object where number 1 should be"),
        );
        check(
            "[{}] x",
            &["{}"],
            Err("there is something after the end of the JSON array"),
        );
        let exact = format!("[{{\"a\":\"{}\"}}]", "x".repeat(22));
        check(&exact, &[&exact[1..31]], Ok(()));
        check(
            &format!("[{{}},{{\"a\":\"{}\"}}]", "x".repeat(23)),
            &["{}"],
            Err("number 2 is larger than 30B (limits.result)"),
        );
    }

    #[test]
    fn memory_is_one_element() {
        let mut splitter = Splitter::new(1000);
        splitter.push(b"[");
        for _ in 0..10_000 {
            splitter.push(br#"{"_status":"success"},"#);
            assert!(splitter.next_element().unwrap().is_some());
            assert!(splitter.next_element().unwrap().is_none());
        }
        assert!(splitter.buffer.capacity() < 1000);
    }

    proptest! {
        #[test]
        fn however_it_is_cut(
            texts in prop::collection::vec("[a\"\\\\{}\\[\\],é]{0,8}", 0..8),
            cuts in prop::collection::vec(0usize..400, 0..30),
        ) {
            let elements: Vec<_> = texts
                .iter()
                .map(|t| serde_json::json!({"k": t, "n": [{"m": t}]}).to_string())
                .collect();
            let text = format!(" [{}]\n", elements.join(" ,\n"));
            let mut cuts: Vec<_> = cuts.into_iter().filter(|c| *c < text.len()).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|w| &text.as_bytes()[w[0]..w[1]]);
            let (found, end) = split(pieces, 10_000);
            prop_assert_eq!(found, elements);
            prop_assert_eq!(end, Ok(()));
        }

        #[test]
        fn any_bytes_do_no_harm(bytes in prop::collection::vec(prop_oneof![Just(b'['), Just(b'{'), Just(b'}'), Just(b']'), Just(b'"'), Just(b'\\'), Just(b','), any::<u8>()], 0..60), cut in 1usize..9) {
            prop_assert_eq!(split([&bytes[..]], 20), split(bytes.chunks(cut), 20));
        }
    }
}
