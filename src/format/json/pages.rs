//! Whether a page of an extract says that there is another one after it, by the members that the APIs of HR systems
//! have for it.

/// Watches the members of one page, its records apart.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    /// The member whose value comes next, and what of it has come.
    watched: Option<(Sign, String, Vec<u8>)>,
    more: Option<String>,
}

/// How a member says that there is more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// By being true.
    More,
    /// By being false.
    Last,
    /// By a link, a token or a number.
    Next,
    /// By the word `next`.
    Relation,
}

impl Sign {
    fn of(name: &str) -> Option<Sign> {
        let plain: String = name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        Some(match plain.as_str() {
            "hasmore" | "hasnext" | "hasnextpage" | "hasmorepages" | "hasmoreitems"
            | "hasmorerecords" | "hasmoreresults" | "hasmoredata" | "moredataavailable"
            | "morerecords" | "moreavailable" => Sign::More,
            "islast" | "islastpage" | "last" => Sign::Last,
            "next" | "nextlink" | "odatanextlink" | "nextpage" | "nextpagelink" | "nextpageurl"
            | "nexturl" | "nexturi" | "nexthref" | "nextpagetoken" | "nexttoken" | "nextcursor"
            | "nextpagecursor" | "continuationtoken" => Sign::Next,
            "rel" | "relation" => Sign::Relation,
            _ => return None,
        })
    }

    /// What the beginning of a value says; none where more of it is needed.
    fn judge(self, value: &[u8]) -> Option<bool> {
        Some(match (self, value) {
            (Sign::More, [b't', ..]) | (Sign::Last, [b'f', ..]) => true,
            (Sign::More, [b'"', b't', ..]) => true,
            (Sign::More, [b'"']) | (_, []) => return None,
            (Sign::More | Sign::Last, _) => false,
            (Sign::Relation, b"\"next\"") => true,
            (Sign::Relation, so_far) if b"\"next\"".starts_with(so_far) => return None,
            (Sign::Relation, _) => false,
            (Sign::Next, [b'1'..=b'9', ..]) => true,
            (Sign::Next, [b'{']) => return None,
            (Sign::Next, [b'{', more, ..]) => *more == b'"',
            (Sign::Next, [b'"', text @ ..]) => {
                let (text, ended) = match text {
                    [text @ .., b'"'] => (text, true),
                    text => (text, false),
                };
                if text.len() < 5 && !ended {
                    return None;
                }
                // A day is not a page.
                let year = text.iter().take_while(|b| b.is_ascii_digit()).count();
                let is_day = year == 4 && text.get(4) == Some(&b'-');
                !text.is_empty() && !is_day
            }
            (Sign::Next, _) => false,
        })
    }
}

/// Whether a member of this name says whether another page follows.
pub(super) fn is_sign(name: &str) -> bool {
    Sign::of(name).is_some()
}

impl Watch {
    /// A page begins.
    pub(super) fn begin(&mut self) {
        *self = Watch::default();
    }

    /// The member by which the page says that there is more.
    pub(super) fn more(&self) -> Option<&str> {
        self.more.as_deref()
    }

    /// A member of this name comes.
    pub(super) fn name(&mut self, name: &str) {
        self.watched = match self.more {
            None => Sign::of(name).map(|sign| (sign, name.to_owned(), Vec::new())),
            Some(_) => None,
        };
    }

    /// More of the text behind a name.
    pub(super) fn take(&mut self, text: &[u8]) {
        let Some((sign, name, value)) = &mut self.watched else {
            return;
        };
        for &byte in text {
            let between = value.is_empty() && (byte == b':' || byte.is_ascii_whitespace());
            if between || (*value == b"{" && byte.is_ascii_whitespace()) {
                continue;
            }
            value.push(byte);
            if let Some(more) = sign.judge(value) {
                if more {
                    self.more = Some(std::mem::take(name));
                }
                self.watched = None;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_another_page() {
        let check = |name: &str, value: &str, expected: bool| {
            let mut watch = Watch::default();
            watch.name(name);
            for byte in format!(" : {value}, ").bytes() {
                watch.take(&[byte]);
            }
            assert_eq!(watch.more(), expected.then_some(name), "{name}: {value}");
        };
        for (name, value, expected) in [
            ("hasMore", "true", true),
            ("has_more", "\"true\"", true),
            ("hasMore", "false", false),
            ("hasMore", "\"false\"", false),
            ("isLast", "false", true),
            ("last", "true", false),
            ("last", "\"Oduya\"", false),
            ("@odata.nextLink", "\"https://host/next\"", true),
            ("__next", "\"https://host/next\"", true),
            ("next", "null", false),
            ("next", "\"\"", false),
            ("next", "\"abc\"", true),
            ("next", "\"2026-12-01\"", false),
            ("next", "{ \"href\": \"/p/2\" }", true),
            ("next", "{ }", false),
            ("next", "[]", false),
            ("nextPage", "2", true),
            ("nextPage", "0", false),
            ("next_page_token", "\"x\"", true),
            ("rel", "\"next\"", true),
            ("rel", "\"self\"", false),
            ("rel", "\"nextdoor\"", false),
            ("name", "\"next\"", false),
        ] {
            check(name, value, expected);
        }
    }
}
