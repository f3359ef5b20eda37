//! What is not a table of any kind, and is often taken for one: known by its first bytes, or by bytes that no text has.

/// First bytes, and what begins with them.
const KNOWN: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "an Excel workbook or another ZIP archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF-", "a PDF"),
    (b"PAR1", "a Parquet file"),
    (b"\x1f\x8b", "gzip data within compressed data"),
    (b"BZh91AY&SY", "bzip2 data within compressed data"),
    (b"\xfd7zXZ\0", "xz data within compressed data"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90\0", "a program"),
    (b"{\\rtf", "an RTF document"),
];

/// What a file is that begins with these bytes, if it is known and not a table.
pub(crate) fn known(head: &[u8]) -> Option<&'static str> {
    let known = KNOWN.iter().find(|(start, _)| head.starts_with(start));
    known.map(|(_, what)| *what).or_else(|| {
        let start = head.trim_ascii_start();
        let start = start[..start.len().min(16)].to_ascii_lowercase();
        let page = start.starts_with(b"<!doctype") || start.starts_with(b"<html");
        page.then_some("a web page")
    })
}

/// What is said of a web page in the place of a file.
pub(crate) const WEB_PAGE: &str = "this is a web page, not an extract; what was asked for may have answered with its sign-in page";

/// Whether a file that begins with these bytes is a web page.
pub(crate) fn is_web_page(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let head = head.trim_ascii_start();
    let begins = |start: &[u8]| {
        let begin = head.get(..start.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(start))
    };
    begins(b"<!doctype html") || begins(b"<html>") || begins(b"<html ")
}

/// Bytes that stand in no text: of a text that is damaged there are some, and of anything else many.
const FEWEST: usize = 3;
const SHARE: usize = 50;

/// How many of these bytes stand in no text, where these are so many that it is not one. What separates cells and records
/// somewhere, ends files, or begins Japanese letters is not counted.
pub(crate) fn controls(bytes: &[u8]) -> Option<usize> {
    let is_control = |byte: &&u8| matches!(byte, 0 | 0x02..=0x08 | 0x0e..=0x19 | 0x7f);
    let found = bytes.iter().filter(is_control).count();
    (found >= FEWEST && found * SHARE > bytes.len()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_table_is_known() {
        assert_eq!(known(b"%PDF-1.7\n"), Some("a PDF"));
        assert_eq!(known(b"\n<!DOCTYPE html>"), Some("a web page"));
        for (head, expected) in [
            (&b"\xef\xbb\xbf\r\n<!doctype HTML>"[..], true),
            (b"<HTML lang=\"en\">", true),
            (b"<!DOCTYPE report>", false),
            (b"<htmlReport/>", false),
            (b"<html", false),
            (b"", false),
        ] {
            assert_eq!(is_web_page(head), expected, "{head:?}");
        }
        for text in ["MZ,name\n1,a\n", "GIFT,n\n", "id;name\n", "{\"r\":1}", ""] {
            assert_eq!(known(text.as_bytes()), None, "{text}");
        }
        assert_eq!(controls(b"id\x01name\x1fday\n\x1b$B7n\x1b(B\x1a"), None);
        assert_eq!(controls(b"a\0b\0c\0\x05"), Some(4));
        // Damage is not yet another thing.
        let damaged = [&b"1,Ann\n".repeat(100)[..], b"\0\0\0\0"].concat();
        assert_eq!(controls(&damaged), None);
    }
}
