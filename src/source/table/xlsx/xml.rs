//! A part's XML, element by element.

use std::borrow::Cow;

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::parts::Part;
use crate::source::table::Wrong;

/// Reads a part's XML. Elements that are empty have a beginning and an end like others.
pub(super) struct Xml {
    reader: Reader<Part>,
    name: String,
    buffer: Vec<u8>,
    /// How many elements are open.
    open: usize,
}

impl Xml {
    pub(super) fn new(name: &str, part: Part) -> Xml {
        let mut reader = Reader::from_reader(part);
        reader.config_mut().expand_empty_elements = true;
        Xml {
            reader,
            name: name.to_owned(),
            buffer: Vec::new(),
            open: 0,
        }
    }

    /// What comes next.
    ///
    /// # Errors
    /// It can't be read, or is not XML as workbooks have it.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Event<'_>, Wrong> {
        self.buffer.clear();
        self.reader.get_mut().renew();
        match self.reader.read_event_into(&mut self.buffer) {
            Ok(Event::DocType(_)) => Err(damaged(&self.name, "it has a document type")),
            Ok(Event::Eof) if self.open > 0 => Err(damaged(&self.name, "it ends too early")),
            Ok(event) => {
                match event {
                    Event::Start(_) => self.open += 1,
                    Event::End(_) => self.open -= 1,
                    _ => {}
                }
                Ok(event)
            }
            Err(error) => Err(match self.reader.get_mut().failed() {
                Some(wrong) => wrong,
                None => {
                    let at = self.reader.error_position();
                    damaged(
                        &self.name,
                        &format!("it is not well-formed at byte {at} ({})", kind(&error)),
                    )
                }
            }),
        }
    }

    /// What is wrong with the part.
    pub(super) fn wrong(&self, what: &str) -> Wrong {
        damaged(&self.name, what)
    }
}

/// What an error says, without what stands in the part.
fn kind(error: &quick_xml::Error) -> &'static str {
    match error {
        quick_xml::Error::Syntax(_) => "a tag is not closed",
        quick_xml::Error::IllFormed(_) => "its tags do not match",
        quick_xml::Error::InvalidAttr(_) => "an attribute",
        quick_xml::Error::Encoding(_) => "it is not UTF-8",
        _ => "a reference",
    }
}

fn damaged(name: &str, what: &str) -> Wrong {
    let message = format!(
        "the workbook is damaged, or not as spreadsheet programs write them: in {name}, {what}; open it in one and save it"
    );
    Wrong::data(0, message)
}

/// An attribute of an element, whatever its prefix.
///
/// # Errors
/// The element's attributes are not well-formed.
pub(super) fn attribute<'e>(
    element: &'e BytesStart<'_>,
    name: &str,
) -> Result<Option<Cow<'e, str>>, &'static str> {
    for attribute in element.attributes().with_checks(false) {
        let attribute = attribute.map_err(|_| BAD_ATTRIBUTE)?;
        if attribute.key.local_name().into_inner() == name {
            let value = attribute.normalized_value(XmlVersion::default());
            return value.map(Some).map_err(|_| BAD_ATTRIBUTE);
        }
    }
    Ok(None)
}

pub(super) const BAD_ATTRIBUTE: &str = "an attribute is not well-formed";

/// Whether an attribute says yes.
pub(super) fn is_true(value: &str) -> bool {
    matches!(value, "1" | "true" | "on")
}

/// Appends the text that an event is, or is a part of.
///
/// # Errors
/// A reference to what XML does not know.
#[inline]
pub(super) fn append(event: &Event<'_>, text: &mut String) -> Result<(), &'static str> {
    match event {
        Event::Text(more) => text.push_str(&more.xml10_content()),
        Event::CData(more) => text.push_str(&more.xml10_content()),
        Event::GeneralRef(reference) => {
            text.push(character(reference).ok_or("a reference has no meaning in XML")?);
        }
        _ => {}
    }
    Ok(())
}

fn character(reference: &BytesRef<'_>) -> Option<char> {
    if reference.is_char_ref() {
        return reference.resolve_char_ref().ok().flatten();
    }
    Some(match &**reference {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "apos" => '\'',
        "quot" => '"',
        _ => return None,
    })
}

/// A text as the workbook means it: characters that XML can't hold are written as `_x000D_`.
pub(super) fn unescaped(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find("_x") else {
        return Cow::Borrowed(text);
    };
    let mut out = text[..first].to_owned();
    let mut rest = &text[first..];
    while let Some(c) = rest.chars().next() {
        let (c, len) = escape(rest).map_or((c, c.len_utf8()), |c| (c, ESCAPE));
        out.push(c);
        rest = &rest[len..];
    }
    Cow::Owned(out)
}

/// The length of `_x000D_`.
const ESCAPE: usize = 7;

/// The character that an escape at the beginning of a text stands for.
fn escape(text: &str) -> Option<char> {
    let digits = text.get(..ESCAPE)?.strip_prefix("_x")?.strip_suffix('_')?;
    let hexadecimal = digits.bytes().all(|b| b.is_ascii_hexdigit());
    let code = u32::from_str_radix(digits, 16)
        .ok()
        .filter(|_| hexadecimal)?;
    char::from_u32(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_workbooks() {
        for (text, expected) in [
            ("plain", "plain"),
            ("a_x000D_b", "a\rb"),
            ("_x000d__x000A_", "\r\n"),
            ("_x005F_x000D_", "_x000D_"),
            ("_x00", "_x00"),
            ("_xzzzz_", "_xzzzz_"),
            ("_x+00A_", "_x+00A_"),
            ("_xD800_", "_xD800_"),
            ("ä_x00e4_ö", "äöö".replacen("ö", "ä", 1).as_str()),
            ("_xä", "_xä"),
        ] {
            assert_eq!(unescaped(text), expected, "{text}");
        }
    }
}
