//! Who reports to whom, and which row is in force.

use super::parts::{Cell, Head, Section, Table};
use super::plot::{self, Tone};
use super::read::{AsOf, Finding, Hierarchy, Report, Seen};
use crate::report::human;

/// Levels that are told one by one.
const LEVELS: usize = 24;

/// Who reports to whom.
pub(super) fn hierarchies(report: &Report) -> Option<Section> {
    let mut section = Section::new("hierarchies", "Who reports to whom");
    for hierarchy in &report.hierarchies {
        section.said.push(shape(hierarchy));
        section.tables.extend(levels(hierarchy));
        section.tables.extend(spans(hierarchy));
        section.tables.extend(findings(hierarchy));
    }
    section.unless_empty()
}

/// Its shape in a sentence.
fn shape(hierarchy: &Hierarchy) -> String {
    let span = &hierarchy.span;
    let trees = human::counted(hierarchy.roots, "tree");
    let mut said = format!(
        "{}: {} of {} in {trees} of {} at most",
        &*hierarchy.name,
        human::count(hierarchy.in_trees),
        human::counted(hierarchy.nodes, "row"),
        human::counted(hierarchy.depth.max, "level"),
    );
    if span.managers > 0 {
        said += &format!(
            "; {} with {} at most, {} in the median",
            human::counted(span.managers, "manager"),
            human::counted(span.max, "direct report"),
            human::count(span.median),
        );
    }
    if span.wide > 0 {
        let more = human::count(span.limit);
        said += &format!(
            "; {} of them with more than {more}",
            human::count(span.wide)
        );
    }
    said + "."
}

/// Rows by how deep they stand.
fn levels(hierarchy: &Hierarchy) -> Option<Table> {
    let depth = &hierarchy.depth;
    let (each, rest) = depth.levels.split_at(depth.levels.len().min(LEVELS));
    let deeper = rest
        .iter()
        .fold(depth.deeper, |sum, n| sum.saturating_add(*n));
    let caption = format!("{}: rows on each level", &*hierarchy.name);
    let named = each.iter().enumerate();
    let mut parts: Vec<(String, u64)> = named
        .map(|(at, rows)| ((at + 1).to_string(), *rows))
        .collect();
    if deeper > 0 {
        parts.push((format!("beyond {LEVELS}"), deeper));
    }
    histogram(caption, ("level", "rows"), parts)
}

/// Managers by how many direct reports they have.
fn spans(hierarchy: &Hierarchy) -> Option<Table> {
    let caption = format!("{}: managers by their direct reports", &*hierarchy.name);
    let spread = hierarchy.span.spread.iter();
    let parts = spread.map(|class| {
        let name = match class.from == class.to {
            true => human::count(class.from),
            false => format!("{} to {}", human::count(class.from), human::count(class.to)),
        };
        (name, class.managers)
    });
    histogram(caption, ("direct reports", "managers"), parts.collect())
}

fn histogram(
    caption: String,
    (what, count): (&'static str, &'static str),
    parts: Vec<(String, u64)>,
) -> Option<Table> {
    let most = parts.iter().map(|(_, rows)| *rows).max()?;
    let mut table = Table::bars(caption, what, count);
    table.rows = parts
        .into_iter()
        .map(|(name, rows)| {
            vec![
                Cell::Text(name),
                Cell::Number(human::count(rows)),
                Cell::Bar(plot::bar(rows, most, Tone::Plain)),
            ]
        })
        .collect();
    Some(table)
}

fn findings(hierarchy: &Hierarchy) -> Option<Table> {
    let row = |finding: &Finding| {
        vec![
            Cell::Code(finding.code.to_string()),
            Cell::Text(finding.decision.to_string()),
            Cell::Number(human::count(finding.rows)),
        ]
    };
    (!hierarchy.findings.is_empty()).then(|| Table {
        caption: format!("{}: what was found", &*hierarchy.name),
        heads: vec![
            Head::Text("finding"),
            Head::Text("what follows"),
            Head::Number("rows"),
        ],
        rows: hierarchy.findings.iter().map(row).collect(),
        note: Some("Their lines stand in the run report.".to_owned()),
    })
}

/// Which rows of an effective-dated extract were taken.
pub(super) fn as_of(report: &Report) -> Option<Section> {
    let as_of: &AsOf = report.as_of.as_ref()?;
    let mut section = Section::new("as-of", "Rows in force");
    section.said.push(format!(
        "On {}: {}.",
        &*as_of.at,
        human::counted(as_of.keys, "key")
    ));
    let keys = [
        ("in force", as_of.in_force, Tone::Good),
        ("begins soon", as_of.ahead, Tone::Plain),
        ("ended a short while ago", as_of.leavers, Tone::Plain),
        (
            "none in force, not sent",
            as_of.none_in_force.count,
            Tone::Quiet,
        ),
        ("tied rows, rejected", as_of.ties.count, Tone::Bad),
        (
            "unclear which row, rejected",
            as_of.doubtful.count,
            Tone::Bad,
        ),
    ];
    let keys = keys.into_iter().filter(|(_, count, _)| *count > 0);
    let mut table = Table::bars("Keys, by the row that is taken", "row", "keys");
    table.rows = keys
        .map(|(name, count, tone)| {
            vec![
                Cell::Text(name.to_owned()),
                Cell::Number(human::count(count)),
                Cell::Bar(plot::bar(count, as_of.keys, tone)),
            ]
        })
        .collect();
    section.tables.push(table);
    let seen = [
        ("rows that begin later", &as_of.future_rows),
        ("rows that end before they begin", &as_of.never_rows),
        ("superseded rows with faults", &as_of.faulty_rows),
        ("periods that overlap", &as_of.overlaps),
        ("gaps between periods", &as_of.gaps),
        ("several primary rows", &as_of.several_primary),
    ];
    let seen = seen.into_iter().filter(|(_, Seen { count })| *count > 0);
    let items = seen.map(|(what, Seen { count })| format!("{what}: {}", human::count(*count)));
    section.items.extend(items);
    Some(section)
}
