//! Cutting one JSON array on the boundaries of its elements.

use crate::format::cut::{Cut, CutError, CutErrorKind};
use crate::text::scan::Brackets;

/// Cuts the text of one array after whole elements. Remembers only whether the array has begun and
/// ended: every text it is given begins between two elements.
#[derive(Debug, Clone, Copy, Default)]
pub struct ArrayCutter {
    state: State,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Before,
    Within,
    After,
}

impl ArrayCutter {
    /// The last place at which the text can be cut. The first piece begins with `[`, every further one
    /// with what follows an element (`,` or `]`); the last piece ends with the text.
    pub(crate) fn cut(&mut self, text: &[u8], at_end: bool) -> Result<Cut, CutError> {
        let error = |at, kind| Err(CutError { at, kind });
        let Some(begin) = text.iter().position(|b| !b.is_ascii_whitespace()) else {
            return match (at_end, self.state) {
                (true, State::After) => Ok(Cut::At(text.len())),
                (true, State::Before) => error(0, CutErrorKind::NoArray),
                (true, State::Within) => error(text.len(), CutErrorKind::OpenArray),
                (false, _) => Ok(Cut::None { open: None }),
            };
        };
        let mut depth = match self.state {
            State::After => return error(begin, CutErrorKind::AfterArray),
            State::Before if text[begin] != b'[' => return error(begin, CutErrorKind::NoArray),
            State::Before => 0usize,
            State::Within => 1,
        };
        let mut last = None;
        let mut end = None;
        let mut brackets = Brackets::new(text);
        for at in brackets.by_ref() {
            if matches!(text[at], b'{' | b'[') {
                depth += 1;
                continue;
            }
            depth = match depth.checked_sub(1) {
                Some(depth) => depth,
                None => return error(at, CutErrorKind::Bracket),
            };
            match depth {
                1 => last = Some(at + 1),
                0 => {
                    end = Some(at + 1);
                    break;
                }
                _ => {}
            }
        }
        if let Some(end) = end {
            if let Some(more) = text[end..].iter().position(|b| !b.is_ascii_whitespace()) {
                return error(end + more, CutErrorKind::AfterArray);
            }
            self.state = State::After;
            return Ok(Cut::At(text.len()));
        }
        let string = brackets.open_string();
        if at_end {
            return error(string.unwrap_or(text.len()), CutErrorKind::OpenArray);
        }
        match last {
            Some(at) => {
                self.state = State::Within;
                Ok(Cut::At(at))
            }
            None => Ok(Cut::None { open: string }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_after_whole_elements() {
        let mut cutter = ArrayCutter::default();
        assert_eq!(
            cutter.cut(br#" [ {"a": "]}\"{"}, {"b": [1, {"#, false),
            Ok(Cut::At(17))
        );
        assert_eq!(
            cutter.cut(br#", {"b": [1, {}]}  ]  "#, false),
            Ok(Cut::At(21))
        );
        assert_eq!(cutter.cut(b" \n", true), Ok(Cut::At(2)));
    }

    #[track_caller]
    fn check(text: &str, at: usize, kind: CutErrorKind) {
        assert_eq!(
            ArrayCutter::default().cut(text.as_bytes(), true),
            Err(CutError { at, kind }),
            "{text:?}"
        );
    }

    #[test]
    fn says_what_is_wrong_with_an_array() {
        check("{}", 0, CutErrorKind::NoArray);
        check("", 0, CutErrorKind::NoArray);
        check("[{}", 3, CutErrorKind::OpenArray);
        check("[{}] x", 5, CutErrorKind::AfterArray);
        check("[\"a", 1, CutErrorKind::OpenArray);
    }
}
