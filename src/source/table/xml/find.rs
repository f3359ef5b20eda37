//! Which elements are the records, where that is not stated: those that come several times beside each other, as near to
//! the root as there are any.

use indexmap::IndexMap;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// What the beginning of a file says of its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// These names lead from the root to them.
    Path(Vec<String>),
    /// There are no elements within the root, or the text is not well-formed.
    Nothing,
    /// It does not tell.
    Unsure,
}

/// The elements of one name at one place.
#[derive(Debug, Default)]
struct Shape {
    /// How many of them stand beside each other, where they are the most, and where they were seen last.
    most: u32,
    now: u32,
    /// One of them has attributes or elements.
    inner: bool,
    children: IndexMap<String, Shape>,
}

impl Shape {
    fn open(&mut self, tag: &BytesStart<'_>) -> &mut Shape {
        self.inner = true;
        let child = self
            .children
            .entry(tag.name().as_ref().to_owned())
            .or_default();
        child.now += 1;
        child.most = child.most.max(child.now);
        child.inner |= !tag.attributes_raw().trim().is_empty();
        child.children.values_mut().for_each(|inner| inner.now = 0);
        child
    }

    /// The child that is most often repeated of those that have something in them.
    fn repeated(&self) -> Option<&String> {
        let repeated = self
            .children
            .iter()
            .filter(|(_, child)| child.most > 1 && child.inner);
        // The first of those that are alike.
        let most = repeated.rev().max_by_key(|(_, child)| child.most);
        most.map(|(name, _)| name)
    }

    /// Adds the names that lead to the records within this element.
    fn lead(&self, path: &mut Vec<String>) -> Found {
        if self.children.is_empty() && path.len() == 1 {
            return Found::Nothing;
        }
        let (name, child) = match (self.repeated(), self.children.first()) {
            (Some(name), _) => {
                path.push(name.clone());
                return Found::Path(std::mem::take(path));
            }
            (None, Some(only)) if self.children.len() == 1 => only,
            _ => return Found::Unsure,
        };
        path.push(name.clone());
        let within: Vec<_> = child.children.values().collect();
        match within[..] {
            // A value, or the only record of attributes.
            [] if child.inner || child.most > 1 => Found::Path(std::mem::take(path)),
            [] => Found::Unsure,
            // A record of one value, or what stands around others.
            [only] if !only.inner && only.most == 1 => Found::Path(std::mem::take(path)),
            [_] => child.lead(path),
            // A record, or what stands around records?
            _ if child.repeated().is_some() => Found::Unsure,
            _ => Found::Path(std::mem::take(path)),
        }
    }
}

/// The records of a file that begins so, or is this as a `whole`.
pub(super) fn records(text: &[u8], whole: bool) -> Found {
    let (root, is_closed) = shape(text);
    let Some((name, root)) = root.children.first() else {
        return if whole { Found::Nothing } else { Found::Unsure };
    };
    match (root.repeated(), whole) {
        (Some(_), _) => root.lead(&mut vec![name.clone()]),
        (None, false) => Found::Unsure,
        (None, true) if is_closed => root.lead(&mut vec![name.clone()]),
        // What is wrong with it is told by who reads it next.
        (None, true) => Found::Nothing,
    }
}

/// The elements of a text, as far as it can be read, and whether it is closed at its end.
fn shape(text: &[u8]) -> (Shape, bool) {
    let mut document = Shape::default();
    let mut open: Vec<String> = Vec::new();
    let mut reader = Reader::from_reader(text);
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer) {
            Ok(Event::Start(tag)) => {
                within(&mut document, &open).open(&tag);
                open.push(tag.name().as_ref().to_owned());
                if open.len() > DEEPEST {
                    return (document, false);
                }
            }
            Ok(Event::Empty(tag)) => {
                within(&mut document, &open).open(&tag);
            }
            Ok(Event::End(_)) => {
                open.pop();
            }
            Ok(Event::Eof) => return (document, open.is_empty()),
            Err(_) => return (document, false),
            Ok(_) => {}
        }
    }
}

/// Records are not looked for deeper than this.
const DEEPEST: usize = 64;

fn within<'s>(document: &'s mut Shape, open: &[String]) -> &'s mut Shape {
    open.iter().fold(document, |shape, name| {
        shape.children.entry(name.clone()).or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = match records(text.as_bytes(), true) {
            Found::Path(names) => names.join("/"),
            other => format!("{other:?}"),
        };
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn what_is_repeated_nearest_to_the_root() {
        check("<d><e><i>1</i></e><e><i>2</i></e></d>", "d/e");
        check(
            "<d><h>x</h><e><i>1</i><i>2</i></e><e><i>2</i></e></d>",
            "d/e",
        );
        check("<d><e i='1'/><e i='2'/></d>", "d/e");
        check(
            "<v:env><v:body><r><w><i/></w><w><i/></w></r></v:body></v:env>",
            "v:env/v:body/r/w",
        );
        check(
            "<f><l h='a'/><l h='b'/><e><i/></e><e><i/></e><e><i/></e></f>",
            "f/e",
        );
        check("<d><n>a</n><n>b</n></d>", "d/n");
    }

    #[test]
    fn a_record_alone() {
        check("<d><e><i>1</i><n>Ann</n></e></d>", "d/e");
        check("<d><e i='1'/></d>", "d/e");
        check("<d><e><i>1</i></e></d>", "d/e");
        check("<d><r><e><i>1</i></e></r></d>", "d/r/e");
        // The ids may be records, or those of one.
        check("<d><e><i t='a'/><i t='b'/><n>Ann</n></e></d>", "Unsure");
        check("<e><i>1</i><n>Ann</n></e>", "Unsure");
        check("<e><i>1</i></e>", "Unsure");
        check("<d><r><e/></r></d>", "d/r");
        check("<d/>", "Nothing");
        check("<d>\n</d>", "Nothing");
        check("", "Nothing");
        // Whoever reads these says where they are wrong.
        check("<d><e><i>1</n></e></d>", "Nothing");
        check("<d><e><i>1</i>", "Nothing");
    }

    #[test]
    fn a_part_may_not_tell() {
        let part = |text: &str| records(text.as_bytes(), false);
        assert_eq!(part("<d><e><i>1</i><n"), Found::Unsure);
        assert_eq!(part("<d><e><i t='a'/><i t='b'/>"), Found::Unsure);
        let two = Found::Path(vec!["d".into(), "e".into()]);
        assert_eq!(part("<d><e><i>1</i></e><e><"), two);
    }
}
