//! What pages are made of: sections of sentences, tables and plots. The templates say how they look.

use super::plot::{Svg, Tone};

/// A part of a page with a heading.
#[derive(Debug, Default)]
pub(crate) struct Section {
    /// What links go to.
    pub id: &'static str,
    pub title: String,
    /// Paragraphs.
    pub said: Vec<String>,
    /// A bar of parts over the tables.
    pub stack: Option<Svg>,
    pub courses: Vec<Course>,
    pub tables: Vec<Table>,
    /// What is told of things one by one.
    pub cards: Vec<Card>,
    /// A list.
    pub items: Vec<String>,
}

/// How something went over time.
#[derive(Debug)]
pub(crate) struct Course {
    pub caption: String,
    pub svg: Svg,
    /// The height of the plot in words, and its length.
    pub top: String,
    pub end: String,
    pub legend: Vec<(Tone, String)>,
    pub table: Table,
}

/// A table; the first cell of a row is its heading.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub caption: String,
    pub heads: Vec<Head>,
    pub rows: Vec<Vec<Cell>>,
    /// What stands below it.
    pub note: Option<String>,
}

/// The heading of a column.
#[derive(Debug)]
pub(crate) enum Head {
    Text(&'static str),
    Number(&'static str),
    /// Over bars, which say again what a number beside them says.
    Bar,
}

#[derive(Debug)]
pub(crate) enum Cell {
    Text(String),
    Number(String),
    Code(String),
    Bar(Svg),
    /// Text with a spot of the colour that it has in a plot.
    Spot(Tone, String),
    /// A word on which all depends.
    Badge(Tone, String),
}

/// What is told of one thing.
#[derive(Debug)]
pub(crate) struct Card {
    pub title: String,
    pub said: String,
    pub facts: Vec<Fact>,
}

/// A fact with its name.
#[derive(Debug)]
pub(crate) struct Fact {
    pub name: &'static str,
    pub svg: Svg,
    pub text: Option<String>,
    /// Codes with what is said of each.
    pub codes: Vec<(String, String)>,
}

/// A number that is told large.
#[derive(Debug)]
pub(crate) struct Figure {
    pub name: &'static str,
    pub number: String,
    pub tone: Tone,
}

impl Table {
    /// A table of labels, counts and bars.
    pub(crate) fn bars(
        caption: impl Into<String>,
        what: &'static str,
        count: &'static str,
    ) -> Table {
        Table {
            caption: caption.into(),
            heads: vec![Head::Text(what), Head::Number(count), Head::Bar],
            ..Table::default()
        }
    }
}

impl Section {
    pub(crate) fn new(id: &'static str, title: impl Into<String>) -> Section {
        Section {
            id,
            title: title.into(),
            ..Section::default()
        }
    }

    /// The section, unless there is nothing in it.
    pub(crate) fn unless_empty(self) -> Option<Section> {
        let is_empty = self.said.is_empty()
            && self.courses.is_empty()
            && self.tables.is_empty()
            && self.cards.is_empty()
            && self.items.is_empty();
        (!is_empty).then_some(self)
    }
}
