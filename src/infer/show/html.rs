//! What was found as one page that needs nothing else: its plots are drawn in the page itself.

use askama::Template;

use super::table::about;
use super::{Described, Description, Range, kind};
use crate::report::human::{counted, percent};
use crate::report::page::parts::{Card, Cell, Fact, Head, Section, Table};
use crate::report::page::plot::{self, Svg, Tone};
use crate::text::shown::shown;

/// The most columns of a plot.
const COLUMNS: usize = 41;

/// The page.
#[derive(Template)]
#[template(path = "describe.html")]
struct Page {
    title: String,
    size: String,
    sections: Vec<Section>,
    footer: &'static str,
}

/// What was found, as a page.
///
/// # Errors
/// What the template says, which has no reason to.
pub(crate) fn page(all: &Description<'_>) -> std::io::Result<String> {
    let page = Page {
        title: shown(all.source).into_owned(),
        size: format!(
            "{}, {}",
            counted(all.records, "record"),
            counted(all.columns.len() as u64, "column")
        ),
        sections: vec![file(all), overview(all), columns(all)],
        footer: match all.columns.iter().any(|column| column.values.is_some()) {
            true => "This page has values of cells: keep it as you keep the file.",
            false => "Values of cells are not on this page, but such as stand for none.",
        },
    };
    page.render().map_err(std::io::Error::other)
}

fn file(all: &Description<'_>) -> Section {
    let mut section = Section::new("file", "The file");
    section.items = about(all)
        .iter()
        .map(|said| shown(said).into_owned())
        .collect();
    section
}

/// A line a column.
fn overview(all: &Description<'_>) -> Section {
    let row = |column: &Described<'_>| {
        vec![
            Cell::Text(shown(column.name).into_owned()),
            Cell::Text(shown(&kind(column.decided)).into_owned()),
            Cell::Number(percent(column.filled, all.records)),
            Cell::Bar(plot::bar(column.filled, all.records, Tone::Plain)),
            Cell::Number(different(column)),
        ]
    };
    let mut section = Section::new("overview", "Columns at a glance");
    section.tables.push(Table {
        caption: "How many records have a value, and how many values there are".to_owned(),
        heads: vec![
            Head::Text("column"),
            Head::Text("what it is"),
            Head::Number("filled"),
            Head::Bar,
            Head::Number("different"),
        ],
        rows: all.columns.iter().map(row).collect(),
        note: None,
    });
    section
}

fn different(column: &Described<'_>) -> String {
    let about = if column.distinct.exact { "" } else { "about " };
    format!(
        "{about}{}",
        crate::report::human::count(column.distinct.count)
    )
}

/// All that is told of each.
fn columns(all: &Description<'_>) -> Section {
    let mut section = Section::new("columns", "Column by column");
    section.cards = all
        .columns
        .iter()
        .map(|column| card(column, all.records))
        .collect();
    section
}

fn card(column: &Described<'_>, records: u64) -> Card {
    let fact = |name, svg, text: Option<String>| Fact {
        name,
        svg,
        text: text.map(|text| shown(&text).into_owned()),
        codes: Vec::new(),
    };
    let none = Svg::default;
    let filled = percent(column.filled, records);
    let lengths = column.lengths.map(|lengths| {
        let longer = if lengths.longer { "+" } else { "" };
        format!("{} to {}{longer}", lengths.least, lengths.most)
    });
    let mut facts = vec![
        fact("filled", none(), Some(filled)),
        fact("different", none(), Some(different(column))),
    ];
    if lengths.is_some() {
        let title = "values by their number of characters";
        facts.push(fact("characters", bars(column.histogram, title), lengths));
    }
    if !column.often.is_empty() {
        let title = "how often the commonest values are there";
        facts.push(fact("commonest", bars(&column.often, title), None));
    }
    let shapes = column.shapes.iter().flatten();
    let codes: Vec<(String, String)> = shapes
        .map(|shape| {
            (
                shown(shape.shape).into_owned(),
                percent(shape.count, column.filled),
            )
        })
        .collect();
    let many = column.shapes.is_none().then(|| "many shapes".to_owned());
    if many.is_some() || !codes.is_empty() {
        facts.push(Fact {
            codes,
            ..fact("looks like", none(), many)
        });
    }
    if let Some(range) = &column.range {
        facts.push(fact("reaches", none(), Some(Range::words(range))));
    }
    Card {
        title: shown(column.name).into_owned(),
        said: shown(&kind(column.decided)).into_owned(),
        facts,
    }
}

fn bars(counts: &[u64], title: &str) -> Svg {
    plot::columns(&counts[..counts.len().min(COLUMNS)], title)
}
