//! One record: its elements and attributes, in the order in which they stand.

use std::ops::Range;

use quick_xml::XmlVersion;
use quick_xml::events::BytesStart;

use super::names::{Names, RECORD};
use super::{At, Wrong};

/// Elements and attributes of one record, at most.
const MOST: usize = 1 << 18;

/// An element, or an attribute.
pub(super) struct Element {
    pub(super) node: u32,
    /// Behind the last element within it.
    pub(super) end: u32,
    /// Its text, without that of the elements within it.
    text: Range<usize>,
    /// It has elements or attributes.
    inner: bool,
    /// It says that it has no value.
    nil: bool,
    /// Where among its parent's children the next one within it is looked for first.
    next: usize,
}

/// What an element has for a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// None of its own.
    Nothing,
    Null,
    Text(&'a str),
}

/// The record at hand.
pub(super) struct Record {
    /// The attribute by which elements of one name are told apart.
    names_by: Option<String>,
    pub(super) elements: Vec<Element>,
    texts: String,
    /// Those that are not closed.
    open: Vec<u32>,
    /// Which record it is.
    pub(super) number: u64,
    /// Whether an element comes twice.
    pub(super) repeats: bool,
    name: String,
}

impl Record {
    pub(super) fn new(names_by: Option<String>) -> Record {
        Record {
            names_by,
            elements: Vec::new(),
            texts: String::new(),
            open: Vec::new(),
            number: 0,
            repeats: false,
            name: String::new(),
        }
    }

    /// How many of its elements are open within it.
    pub(super) fn depth(&self) -> usize {
        self.open.len().saturating_sub(1)
    }

    /// The innermost open element, unless it is the record itself.
    pub(super) fn innermost<'n>(&self, names: &'n Names) -> Option<&'n str> {
        let innermost = self.open.last()?;
        match self.elements[*innermost as usize].node {
            RECORD => None,
            node => Some(names.path(node)),
        }
    }

    /// Begins a record.
    pub(super) fn begin(
        &mut self,
        tag: &BytesStart<'_>,
        names: &mut Names,
        at: At,
    ) -> Result<(), Wrong> {
        self.elements.clear();
        self.texts.clear();
        self.open.clear();
        self.number += 1;
        self.repeats = false;
        self.push(RECORD, names, at)?;
        self.attributes(tag, names, at)
    }

    /// An element within it begins.
    pub(super) fn start(
        &mut self,
        name: &str,
        tag: &BytesStart<'_>,
        names: &mut Names,
        at: At,
    ) -> Result<(), Wrong> {
        let key = match &self.names_by {
            Some(by) => tag.try_get_attribute(by).map_err(|e| at.wrong(e.into()))?,
            None => None,
        };
        match key {
            None => self.child(name, names, at)?,
            Some(key) => {
                let key = key.normalized_value(XmlVersion::Implicit1_0);
                let key = key.map_err(|error| at.wrong(error))?;
                self.child(&format!("{name}[{key}]"), names, at)?
            }
        }
        self.attributes(tag, names, at)
    }

    /// Opens an element or an attribute within the innermost one.
    fn child(&mut self, name: &str, names: &mut Names, at: At) -> Result<(), Wrong> {
        let Some(parent) = self.open.last().map(|at| *at as usize) else {
            return Ok(());
        };
        let (node, likely) = (self.elements[parent].node, self.elements[parent].next);
        let Some(child) = names.child(node, name, likely) else {
            let message = "there are more different elements and attributes than limits.columns allows; is \
                           source.record the element that is a record?";
            return Err(Wrong::data(at.line, message));
        };
        self.elements[parent].next = likely + 1;
        self.elements[parent].inner = true;
        names.node_mut(node).inner = true;
        self.push(child, names, at)
    }

    fn push(&mut self, node: u32, names: &mut Names, at: At) -> Result<(), Wrong> {
        if self.elements.len() == MOST {
            let message = format!("a record has more than {MOST} elements and attributes");
            return Err(Wrong::data(at.line, message));
        }
        let known = names.node_mut(node);
        self.repeats |= known.seen == self.number;
        known.seen = self.number;
        self.open.push(self.elements.len() as u32);
        self.elements.push(Element {
            node,
            end: 0,
            text: self.texts.len()..self.texts.len(),
            inner: false,
            nil: false,
            next: 0,
        });
        Ok(())
    }

    /// The attributes of the innermost element. Those that say how XML is to be read are none of the record's.
    fn attributes(&mut self, tag: &BytesStart<'_>, names: &mut Names, at: At) -> Result<(), Wrong> {
        if tag.attributes_raw().is_empty() {
            return Ok(());
        }
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| at.wrong(error.into()))?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            let value = value.map_err(|error| at.wrong(error))?;
            let key: &str = attribute.key.as_ref();
            let (prefix, local) = key.split_once(':').unwrap_or(("", key));
            match (prefix, local) {
                ("xmlns", _) | ("", "xmlns") => {}
                ("xsi", "nil") => {
                    let nil = matches!(&*value, "true" | "1");
                    if let Some(element) = self.open.last() {
                        self.elements[*element as usize].nil = nil;
                    }
                }
                ("xsi", _) => {}
                _ if self.names_by.as_deref() == Some(key) && self.open.len() > 1 => {}
                _ => {
                    let mut name = std::mem::take(&mut self.name);
                    name.clear();
                    name.push('@');
                    name.push_str(key);
                    self.child(&name, names, at)?;
                    self.name = name;
                    self.text(&value);
                    self.close();
                }
            }
        }
        Ok(())
    }

    /// A part of the text of the innermost element.
    pub(super) fn text(&mut self, text: &str) {
        let Some(element) = self.open.last() else {
            return;
        };
        let own = &mut self.elements[*element as usize].text;
        if own.end != self.texts.len() {
            // Texts of elements within it stand behind its own.
            let before = self.texts[own.clone()].to_owned();
            own.start = self.texts.len();
            self.texts.push_str(&before);
        }
        self.texts.push_str(text);
        own.end = self.texts.len();
    }

    /// The innermost element ends. False where that is the record.
    pub(super) fn close(&mut self) -> bool {
        let Some(element) = self.open.pop() else {
            return false;
        };
        self.elements[element as usize].end = self.elements.len() as u32;
        !self.open.is_empty()
    }

    /// What an element has for a value. Blanks around the elements within it are no text.
    pub(super) fn value<'a>(&'a self, element: &Element, names: &Names) -> Value<'a> {
        let text = &self.texts[element.text.clone()];
        let node = names.node(element.node);
        let is_attribute = node.is_attribute();
        match text.trim() {
            _ if is_attribute => Value::Text(text),
            "" if element.inner => Value::Nothing,
            // It holds others elsewhere, and here none: that is no value of its own.
            "" if element.node == RECORD || node.inner && !node.text => Value::Nothing,
            _ if element.nil => Value::Null,
            trimmed if element.inner => Value::Text(trimmed),
            _ => Value::Text(text),
        }
    }

    /// Notes which elements have text.
    pub(super) fn note_texts(&self, names: &mut Names) {
        for element in &self.elements {
            let text = &self.texts[element.text.clone()];
            if !names.node(element.node).text && !text.trim().is_empty() {
                names.node_mut(element.node).text = true;
            }
        }
    }
}
