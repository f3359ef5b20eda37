//! Other people's text, made fit to print: no control characters, no secrets, no end.

/// The most characters that are shown of a server's message.
pub const MAX_MESSAGE: usize = 500;

/// The most characters that are shown of a body that was not what it should be.
pub const MAX_EXCERPT: usize = 200;

/// One line of printable text: control and direction characters become spaces, runs of white space one space,
/// URL queries `?…`, and everything after `max` characters `…`.
pub(crate) fn sanitise(text: &str, max: usize) -> String {
    let mut out = String::new();
    let mut count = 0;
    let mut space = false;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c.is_whitespace() || is_invisible(c) {
            space = !out.is_empty();
            continue;
        }
        let gap = std::mem::take(&mut space);
        if count + usize::from(gap) >= max {
            if !out.ends_with('…') {
                out.push('…');
            }
            return out;
        }
        if gap {
            out.push(' ');
            count += 1;
        }
        out.push(c);
        count += 1;
        // A query may be a permission. Prose has no equals sign in the word after its question mark.
        if c == '?' {
            let query = rest.find(ends_url).unwrap_or(rest.len());
            if rest[..query].contains('=') {
                out.push('…');
                count += 1;
                rest = &rest[query..];
            }
        }
    }
    out
}

/// As [`sanitise`], for bytes that need not be text.
pub fn excerpt(bytes: &[u8]) -> String {
    // Four bytes a character at most, and room for what is left out.
    let head = &bytes[..bytes.len().min(MAX_EXCERPT * 16)];
    sanitise(&String::from_utf8_lossy(head), MAX_EXCERPT)
}

fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn ends_url(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '<' | '>' | '`')
}

/// What a storage says in its XML of an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StorageError {
    /// `AccessDenied`, `SlowDown` ...; empty where the body is not a storage's.
    pub code: String,
    pub message: String,
}

impl StorageError {
    /// Reads the `Code` and `Message` elements. Two codes are made up where the storage says it in its message
    /// alone: `RequestExpired` and `HeadersNotSigned`.
    pub fn parse(body: &[u8]) -> StorageError {
        let text = String::from_utf8_lossy(body);
        let mut code = sanitise(&element(&text, "Code"), 100);
        let message = sanitise(&element(&text, "Message"), MAX_MESSAGE);
        let lower = message.to_lowercase();
        if text.contains("<HeadersNotSigned>") || lower.contains("which were not signed") {
            code = "HeadersNotSigned".into();
        } else if matches!(&*code, "AccessDenied" | "InvalidRequest")
            && (lower.contains("expired") || lower.contains("too old"))
        {
            code = "RequestExpired".into();
        }
        StorageError { code, message }
    }
}

fn element(xml: &str, name: &str) -> String {
    let text = xml
        .split_once(&format!("<{name}>"))
        .and_then(|(_, rest)| rest.split_once(&format!("</{name}>")))
        .map_or("", |(text, _)| text);
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sanitised() {
        #[track_caller]
        fn check(text: &str, max: usize, expected: &str) {
            assert_eq!(sanitise(text, max), expected);
        }
        check("plain", 10, "plain");
        check(
            "  two\r\n\t lines \u{1b}[31mred\u{7}",
            99,
            "two lines [31mred",
        );
        check("a\u{202e}b\u{200b}c", 99, "a b c");
        check("0123456789", 10, "0123456789");
        check("01234567890", 10, "0123456789…");
        check("ééééé", 3, "ééé…");
        check("012 456", 3, "012…");
        check("012 456", 4, "012…");
        check("0?a=1 3", 2, "0?…");
        check("really? yes", 99, "really? yes");
        check("what?", 99, "what?");
        check(
            r#"{"get":"https://b/c?X-Amz-Signature=CANARY&d=e","n":1}"#,
            99,
            r#"{"get":"https://b/c?…","n":1}"#,
        );
        check(
            r#"https:\/\/b\/c?a=CANARY see x?y=CANARY"#,
            99,
            r#"https:\/\/b\/c?… see x?…"#,
        );
        check(
            r#"{"put":"https://b/c?a=1\u0026b=CANARY"}"#,
            99,
            r#"{"put":"https://b/c?…"}"#,
        );
        check("é?ü=1 ö", 99, "é?… ö");
        check("", 5, "");
    }

    #[test]
    fn an_excerpt_of_anything() {
        assert_eq!(excerpt(&[0xff, 0, b'a']), "\u{fffd} a");
        assert_eq!(excerpt(&vec![b'x'; 5 << 20]).chars().count(), 201);
    }

    #[test]
    fn storage_errors() {
        #[track_caller]
        fn check(xml: &str, code: &str, message: &str) {
            let error = StorageError::parse(xml.as_bytes());
            assert_eq!((&*error.code, &*error.message), (code, message));
        }
        check(
            "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>Please &lt;slow&gt; down &amp;amp;</Message></Error>",
            "SlowDown",
            "Please <slow> down &amp;",
        );
        check(
            "<Error><Code>AccessDenied</Code><Message>Request has expired</Message><X-Amz-Expires>1</X-Amz-Expires></Error>",
            "RequestExpired",
            "Request has expired",
        );
        check(
            "<Error><Code>InvalidRequest</Code><Message>Date is too old</Message></Error>",
            "RequestExpired",
            "Date is too old",
        );
        check(
            "<Error><Code>AccessDenied</Code><Message>There were headers present in the request which were not signed</Message><HeadersNotSigned>x-amz-acl</HeadersNotSigned></Error>",
            "HeadersNotSigned",
            "There were headers present in the request which were not signed",
        );
        check("<html><body>502 Bad Gateway</body></html>", "", "");
        check("<Code>unclosed", "", "");
        check("", "", "");
    }
}
