//! What the first bytes say of an XML file.

use crate::source::spec::Encoding;
use crate::text::shown::shown_within;

/// Columns of what is shown of a label.
const LABEL: usize = 40;

/// Whether a file begins as XML does, and is no web page.
pub(in crate::source::table) fn begins(head: &str) -> bool {
    let text = head.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '\u{feff}');
    let Some(tag) = text.strip_prefix('<') else {
        return false;
    };
    let is = |name: &str| {
        let begins = tag.get(..name.len());
        begins.is_some_and(|begins| begins.eq_ignore_ascii_case(name))
    };
    match tag.chars().next() {
        _ if is("html") || is("!doctype html") => false,
        _ if is("?xml") || is("!doctype") || is("!--") => true,
        Some(c) if c.is_alphabetic() || c == '_' => {
            // A cell of CSV may begin with a sign, too.
            let end = tag.find(|c: char| !(c.is_alphanumeric() || "_-.:".contains(c)));
            let is_closed = tag.contains("</") || tag.contains("/>");
            end.is_none_or(|end| tag[end..].starts_with([' ', '\t', '\r', '\n', '/', '>']))
                && (is_closed
                    || !tag
                        .lines()
                        .next()
                        .is_some_and(|line| line.contains([';', ',']) && !line.contains('=')))
        }
        _ => false,
    }
}

/// The encoding of a file that begins with these bytes: as it is stated, else as it is declared, unless a byte order mark
/// tells. The remark says where what is stated is not what is declared.
///
/// # Errors
/// Nothing is stated, and what is declared is no encoding.
pub(in crate::source::table) fn encoding(
    stated: Encoding,
    head: &[u8],
) -> Result<(Encoding, Option<String>), String> {
    let marked = encoding_rs::Encoding::for_bom(head).is_some();
    let Some(label) = declared(head).filter(|_| !marked) else {
        return Ok((stated, None));
    };
    let shown = shown_within(&label, LABEL);
    let declared = label.parse::<Encoding>();
    // Programs that keep texts in UTF-16 declare that, whatever they write: what can be read here is not it.
    let is_wide = |encoding: Encoding| match encoding {
        Encoding::Utf16 => true,
        Encoding::Of(encoding) => {
            encoding == encoding_rs::UTF_16LE || encoding == encoding_rs::UTF_16BE
        }
        Encoding::Auto => false,
    };
    match (stated, declared) {
        (Encoding::Auto, Err(_)) => Err(format!(
            "the XML declaration names the encoding `{shown}`, which is not known; set source.encoding to what it is, or \
             have the file written in UTF-8"
        )),
        (_, Ok(declared)) if is_wide(declared) || stated == declared => Ok((stated, None)),
        (Encoding::Auto, Ok(declared)) if declared.is_utf8() => Ok((Encoding::Auto, None)),
        (Encoding::Auto, Ok(declared)) => Ok((declared, None)),
        (stated, _) => Ok((
            stated,
            Some(format!(
                "the XML declaration says that the encoding is {shown}, and it is read as {stated}, as source.encoding \
                 says; leave source.encoding out if the declaration is right"
            )),
        )),
    }
}

/// The label in the declaration with which a file begins that can be read without knowing its encoding.
fn declared(head: &[u8]) -> Option<String> {
    let text = head.trim_ascii_start().strip_prefix(b"<?xml")?;
    let end = memchr::memmem::find(text, b"?>")?;
    let text = std::str::from_utf8(&text[..end]).ok()?;
    let (_, behind) = text.split_once("encoding")?;
    let value = behind.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (label, _) = value[1..].split_once(quote)?;
    Some(label.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_is_known() {
        let check = |head: &str, expected: bool| assert_eq!(begins(head), expected, "{head:?}");
        check("<?xml version='1.0'?>", true);
        check("\u{feff} \n<?XML ", true);
        check("<wd:Report_Data xmlns:wd=\"urn:com.workday/bsvc\">", true);
        check("<!-- made by hand --><a/>", true);
        check("<!DOCTYPE report SYSTEM 'r.dtd'>", true);
        check("<a>", true);
        check("<Ωmega>", true);
        check("<!DOCTYPE html>", false);
        check("<!doctype HTML PUBLIC", false);
        check("<html lang='en'>", false);
        check("ID,Name\n1,<a>", false);
        check("<ID>,<Name>\n1,2", false);
        check("< 5,x", false);
        check("<5,x", false);
        check("", false);
        check("<", false);
    }

    #[test]
    fn encodings() {
        let check = |stated: &str, head: &str, expected: Result<&str, &str>| {
            let found = encoding(stated.parse().unwrap(), head.as_bytes());
            match (found, expected) {
                (Ok((found, None)), Ok(expected)) => {
                    assert_eq!(found.to_string(), expected, "{head}");
                }
                (Ok((found, Some(remark))), Err(expected)) => {
                    assert_eq!(found.to_string(), stated, "{head}");
                    assert!(remark.contains(expected), "{remark}");
                }
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
                (found, _) => panic!("{head}: {found:?}"),
            }
        };
        let latin = "<?xml version=\"1.0\" encoding='ISO-8859-1' standalone=\"yes\"?><a/>";
        check("auto", latin, Ok("windows-1252"));
        check("windows-1252", latin, Ok("windows-1252"));
        check(
            "utf-8",
            latin,
            Err("it is read as utf-8, as source.encoding says"),
        );
        check(
            "windows-1252",
            "<?xml version='1.0' encoding = \"UTF-8\" ?>",
            Err("says that the encoding is UTF-8"),
        );
        check(
            "auto",
            "<?xml version='1.0' encoding=\"utf-8\"?>",
            Ok("auto"),
        );
        check(
            "auto",
            "<?xml version='1.0'?><a encoding='latin1'/>",
            Ok("auto"),
        );
        check("windows-1252", "<?xml version='1.0'?>", Ok("windows-1252"));
        check("auto", "<a encoding='latin1'/>", Ok("auto"));
        check(
            "auto",
            "<?xml version='1.0' encoding='utf-16'?>",
            Ok("auto"),
        );
        check(
            "auto",
            "\u{feff}<?xml version='1.0' encoding='latin1'?>",
            Ok("auto"),
        );
        check(
            "auto",
            "<?xml version='1.0' encoding='x-odd'?>",
            Err("`x-odd`"),
        );
        check(
            "windows-1252",
            "<?xml version='1.0' encoding='x-odd'?>",
            Err("the encoding is x-odd"),
        );
    }
}
