//! What was found as a table for a terminal.

use std::collections::BTreeMap;
use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

use super::{Described, Description, kind};
use crate::infer::relations::{Relations, Without};
use crate::report::human::{counted, percent};
use crate::text::shown::{shown, shown_within};

/// Columns of a terminal that a name, and what a value looks like, may take.
const NAME: usize = 32;
const SHAPE: usize = 24;

/// A line a column, and what is to be said of all of them.
pub(crate) fn table(all: &Description<'_>) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{}: {}",
        shown(all.source),
        counted(all.records, "record")
    );
    for said in about(all) {
        let _ = writeln!(text, "  {}", shown(&said));
    }
    text.push('\n');
    let head = [
        "column",
        "what it is",
        "filled",
        "different",
        "characters",
        "looks like",
        "reaches",
    ];
    let rows: Vec<[String; 7]> = all
        .columns
        .iter()
        .map(|column| row(column, all.records))
        .collect();
    let width = |at: usize| {
        let cells = rows.iter().map(|row| row[at].width());
        cells.chain([head[at].width()]).max().unwrap_or_default()
    };
    let widths: [usize; 7] = std::array::from_fn(width);
    let mut line = |cells: [&str; 7]| {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(widths) {
            let gap = " ".repeat(width - cell.width() + 2);
            let _ = write!(line, "{cell}{gap}");
        }
        let _ = writeln!(text, "{}", line.trim_end());
    };
    line(head);
    for row in &rows {
        line(std::array::from_fn(|at| &*row[at]));
    }
    text
}

fn row(column: &Described<'_>, records: u64) -> [String; 7] {
    let filled = match records {
        0 => "-".to_owned(),
        _ => percent(column.filled, records),
    };
    let about = if column.distinct.exact { "" } else { "about " };
    let lengths = column.lengths.map_or("-".to_owned(), |lengths| {
        let longer = if lengths.longer { "+" } else { "" };
        match lengths.least == lengths.most {
            true => format!("{}{longer}", lengths.most),
            false => format!("{} to {}{longer}", lengths.least, lengths.most),
        }
    });
    let shape = match &column.shapes {
        None => "many shapes".to_owned(),
        Some(shapes) => shapes.first().map_or("-".to_owned(), |first| {
            let more = if shapes.len() > 1 { ", ..." } else { "" };
            format!("{}{more}", shown_within(first.shape, SHAPE))
        }),
    };
    [
        shown_within(column.name, NAME),
        kind(column.decided),
        filled,
        format!("{about}{}", column.distinct.count),
        lengths,
        shape,
        column
            .range
            .as_ref()
            .map(super::Range::words)
            .unwrap_or_default(),
    ]
}

/// What there is to say of the file, and of what columns are to each other.
pub(super) fn about(all: &Description<'_>) -> Vec<String> {
    let mut said = vec![form(all)];
    if all.skipped > 0 {
        let lines = counted(all.skipped, "line");
        said.push(format!("{lines} that are no records"));
    }
    let faults = all.faults.iter();
    said.extend(faults.map(|(code, n)| format!("{} with the fault {code}", counted(*n, "record"))));
    said.extend(relations(all.relations));
    said.extend(all.columns.iter().flat_map(cells));
    said
}

/// How the file is written.
fn form(all: &Description<'_>) -> String {
    let written = &all.written;
    let before = written.skip_lines.filter(|n| *n > 0);
    let before = before.map(|n| format!("{} before the header", counted(n.into(), "line")));
    let header = written.header.filter(|n| *n != 1);
    let header = header.map(|n| format!("{} of header", counted(n.into(), "line")));
    let parts = [
        Some(written.format.to_owned()),
        (written.delimiter.as_ref()).map(|d| format!("delimiter {d}")),
        (all.encoding.as_ref()).map(|e| format!("encoding {e}")),
        (all.compression).map(|kind| format!("compressed with {kind}")),
        before,
        header,
        (written.path.as_ref()).map(|path| format!("records at {path}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(", ")
}

/// What columns are to each other.
fn relations(found: &Relations) -> Vec<String> {
    let keys = found.keys.iter().map(|key| match key.is_unique() {
        true => format!("key: {}, filled and different in every record", key.column),
        false => format!(
            "no key: {}, empty in {}, repeated in {}",
            key.column,
            counted(key.empty, "record"),
            counted(key.repeated, "record")
        ),
    });
    let managers = found.managers.iter().map(|manager| {
        format!(
            "{} leads to {}: {} of {} values are found",
            manager.column, manager.key, manager.found, manager.filled
        )
    });
    let near = found.near.iter().map(|near| {
        format!(
            "{} leads to {}: {} of {} values are found as they are, and {} more without {}",
            near.column,
            near.key,
            near.found,
            near.filled,
            near.more,
            match near.without {
                Without::Zeros => "zeros in front",
                Without::Case => "regard to case",
                Without::Blanks => "blanks",
                Without::Prefix => "what stands before the digits",
            }
        )
    });
    let effective = (found.effective.as_ref())
        .map(|rows| format!("rows of one {} hold from {}", rows.key, rows.from));
    keys.chain(managers).chain(near).chain(effective).collect()
}

/// What stands in the cells of a column.
fn cells(column: &Described<'_>) -> Vec<String> {
    let mut said = Vec::new();
    let name = column.name;
    if !column.sentinels.is_empty() {
        let texts = with_counts(&column.sentinels);
        said.push(format!("{name}: stands for no value: {texts}"));
    }
    for (n, what) in [
        (column.blanks, "with blanks at the ends"),
        (column.invisible, "with invisible characters"),
        (column.decided.eaten, "eaten by a spreadsheet (1.2E+15)"),
        (
            column.decided.zeros_lost,
            "without the zeros that the others have",
        ),
    ] {
        if n > 0 {
            said.push(format!("{name}: {} {what}", counted(n, "value")));
        }
    }
    if let Some(values) = &column.values {
        said.push(format!("{name}: {}", with_counts(values)));
    }
    said
}

/// Values, each with how many cells have it.
fn with_counts(values: &BTreeMap<&str, u64>) -> String {
    let values = values.iter().map(|(text, n)| format!("{text} ({n})"));
    values.collect::<Vec<_>>().join(", ")
}
