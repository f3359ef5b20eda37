//! Texts in the XML of workbooks.

/// Appends what is behind the place and the format of a cell with a text.
pub(super) fn push_cell(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b" t=\"inlineStr\"><is><t xml:space=\"preserve\">");
    push_text(text, out);
    out.extend_from_slice(b"</t></is></c>");
}

/// Appends a text. What XML can't hold is written as workbooks do, `_x0001_`; and so is what would pass for that, for a
/// carriage return, which XML takes for a line feed.
fn push_text(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut from = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let written: &[u8] = match byte {
            b'&' => b"&amp;",
            b'<' => b"&lt;",
            b'>' => b"&gt;",
            b'"' => b"&quot;",
            b'_' if is_escape(&bytes[at..]) => b"_x005F_",
            b'\t' | b'\n' => continue,
            0x00..=0x1f => {
                out.extend_from_slice(&bytes[from..at]);
                out.extend_from_slice(format!("_x{byte:04X}_").as_bytes());
                from = at + 1;
                continue;
            }
            // The first byte of U+FFFE and U+FFFF, which are no characters.
            0xef if matches!(bytes[at..], [_, 0xbf, 0xbe | 0xbf, ..]) => {
                out.extend_from_slice(&bytes[from..at]);
                out.extend_from_slice(if bytes[at + 2] == 0xbe {
                    b"_xFFFE_"
                } else {
                    b"_xFFFF_"
                });
                from = at + 3;
                continue;
            }
            _ => continue,
        };
        out.extend_from_slice(&bytes[from..at]);
        out.extend_from_slice(written);
        from = at + 1;
    }
    out.extend_from_slice(&bytes[from..]);
}

/// Whether a text begins as an escape does. Its end may be the beginning of another one.
fn is_escape(text: &[u8]) -> bool {
    matches!(text, [b'_', b'x', digits @ ..]
        if digits.len() >= 4 && digits[..4].iter().all(u8::is_ascii_hexdigit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_escaped() {
        for (text, expected) in [
            ("plain ä", "plain ä"),
            ("<a & \"b\">", "&lt;a &amp; &quot;b&quot;&gt;"),
            ("a\tb\nc\rd", "a\tb\nc_x000D_d"),
            ("\0\u{1f}\u{7f}", "_x0000__x001F_\u{7f}"),
            ("a\u{fffe}b\u{ffff}\u{fffd}", "a_xFFFE_b_xFFFF_\u{fffd}"),
            ("_x0041_", "_x005F_x0041_"),
            // The escape behind it would end it.
            ("_x0041\u{1}", "_x005F_x0041_x0001_"),
            ("_x004_ _xzzzz_", "_x004_ _xzzzz_"),
        ] {
            let mut out = Vec::new();
            push_text(text, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
