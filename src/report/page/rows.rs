//! What became of the rows, and for what they were rejected or refused.

use super::parts::{Cell, Head, Section, Table};
use super::plot::{self, Tone};
use super::read::{Counts, Fault, Faults, Report};
use crate::report::human;
use crate::report::run::Told;

/// Columns and codes that a table lists.
const LISTED: usize = 50;

/// Rows by what became of them, with what that is.
type Part = (&'static str, u64, Tone, &'static str);

/// Where the rows of the source went.
pub(super) fn went(report: &Report) -> Option<Section> {
    let read = report.counts.read;
    let parts = parts(&report.counts);
    if read == 0 {
        return None;
    }
    let row = |(name, rows, tone, why): &Part| {
        vec![
            Cell::Spot(*tone, (*name).to_owned()),
            Cell::Number(human::count(*rows)),
            Cell::Number(human::percent(*rows, read)),
            Cell::Text((*why).to_owned()),
        ]
    };
    let stack = parts.iter().map(|(_, rows, tone, _)| (*rows, *tone));
    let mut section = Section::new("rows", "Where the rows went");
    section.stack = Some(plot::stack(&stack.collect::<Vec<_>>()));
    section.tables.push(Table {
        caption: format!("{} of the source", human::counted(read, "row")),
        heads: vec![
            Head::Text("rows"),
            Head::Number("count"),
            Head::Number("share"),
            Head::Text("what that is"),
        ],
        rows: parts.iter().map(row).collect(),
        note: aside(report),
    });
    section.tables.extend(answered(report));
    Some(section)
}

/// What there is of each.
fn parts(c: &Counts) -> Vec<Part> {
    let kept = c.sent.saturating_sub(c.deletes).saturating_sub(c.carried);
    let held = "valid, and not sent";
    let theirs = "the server has them as they are";
    let elsewhere = "another shard sends them, or says what is wrong with them";
    let over = "another row goes in their place";
    let too_many = "they would delete somebody, and too many do";
    let parts = [
        ("sent", kept, Tone::Good, "in an upload that arrived whole"),
        ("ready to send", c.would_send, Tone::Nth(0), held),
        ("unchanged", c.unchanged, Tone::Nth(1), theirs),
        ("filtered", c.filtered, Tone::Quiet, "left out by a filter"),
        ("superseded", c.superseded, Tone::Nth(3), over),
        ("other shards", c.other_shards, Tone::Quiet, elsewhere),
        ("withheld", c.withheld, Tone::Warning, too_many),
        ("rejected", c.rejected, Tone::Bad, "at fault"),
    ];
    let parts = parts.into_iter().filter(|(_, rows, ..)| *rows > 0);
    parts.collect()
}

/// What is counted beside the rows that were read.
fn aside(report: &Report) -> Option<String> {
    let c = &report.counts;
    let parts = [
        (c.skipped, "line", "skipped, as they are not records"),
        (
            c.carried,
            "row",
            "at fault, and named in the upload without any change",
        ),
        (
            c.deletes,
            "item",
            "deleted by name, which no row stands for",
        ),
    ];
    let parts = parts.into_iter().filter(|(count, ..)| *count > 0);
    let said = parts.map(|(count, noun, what)| format!("{} {what}", human::counted(count, noun)));
    let said: Vec<String> = said.collect();
    (!said.is_empty()).then(|| format!("Beside them: {}.", said.join("; ")))
}

/// What the server said of what was sent.
fn answered(report: &Report) -> Option<Table> {
    let c = &report.counts;
    let parts = [
        ("accepted", c.accepted.unwrap_or(0), Tone::Good),
        ("refused", c.failed.unwrap_or(0), Tone::Bad),
        ("no result known", c.unprocessed, Tone::Warning),
        ("told elsewhere", c.unknown, Tone::Quiet),
    ];
    let mut table = Table::bars("What the server said", "rows sent", "count");
    let parts = parts.into_iter().filter(|(_, rows, _)| *rows > 0);
    table.rows = parts
        .map(|(name, rows, tone)| {
            vec![
                Cell::Text(name.to_owned()),
                Cell::Number(human::count(rows)),
                Cell::Bar(plot::bar(rows, c.sent, tone)),
            ]
        })
        .collect();
    (c.sent > 0).then_some(table)
}

/// Faults of rows that were not sent.
pub(super) fn rejected(report: &Report) -> Option<Section> {
    let rows = human::counted(report.counts.rejected, "row");
    let caption = format!(
        "{} with {}",
        rows,
        human::counted(report.rejects.faults, "fault")
    );
    let section = Section::new("rejected", "Rejected, by column and rule");
    faults(section, caption, &report.rejects)
}

/// What the server refused.
pub(super) fn refused(report: &Report) -> Option<Section> {
    let rows = report.counts.failed.unwrap_or(0);
    let caption = format!("{} refused by the server", human::counted(rows, "row"));
    let section = Section::new("refused", "Refused by the server");
    faults(section, caption, &report.refused)
}

fn faults(mut section: Section, caption: String, faults: &Faults) -> Option<Section> {
    let listed = &faults.by_column[..faults.by_column.len().min(LISTED)];
    let most = listed.iter().filter_map(|fault| fault.faults.count()).max();
    let row = |fault: &Fault| {
        let bar = match fault.faults.count() {
            Some(count) => plot::bar(count, most.unwrap_or(0), Tone::Bad),
            None => plot::bar(0, 1, Tone::Quiet),
        };
        vec![
            Cell::Text(place(fault)),
            Cell::Code(fault.code.to_string()),
            Cell::Number(told(fault.faults)),
            Cell::Bar(bar),
        ]
    };
    if listed.is_empty() {
        return None;
    }
    let more = faults.by_column.len() - listed.len();
    let note = match (more, faults.other_codes) {
        (0, 0) => None,
        (0, _) => {
            Some("There are more kinds of faults, which are not listed one by one.".to_owned())
        }
        (more, _) => {
            let lines = human::counted(more as u64, "more line");
            Some(format!("The run report has {lines}."))
        }
    };
    section.tables.push(Table {
        caption,
        heads: vec![
            Head::Text("column"),
            Head::Text("rule"),
            Head::Number("faults"),
            Head::Bar,
        ],
        rows: listed.iter().map(row).collect(),
        note,
    });
    Some(section)
}

/// A column by the source's own name, with that of a stage behind it.
fn place(fault: &Fault) -> String {
    match (&*fault.column, &fault.renamed_to) {
        ("", _) => "the whole row".to_owned(),
        (column, None) => column.to_owned(),
        (column, Some(name)) => format!("{column} ({name})"),
    }
}

/// A count that may be too small to be told.
pub(super) fn told(count: Told) -> String {
    count
        .count()
        .map_or_else(|| count.to_string(), human::count)
}
