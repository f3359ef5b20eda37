//! What guards decided, and what a plan, or a difference, does to the people at the target.

use super::parts::{Cell, Head, Section, Table};
use super::plot::{self, Tone};
use super::read::{Changes, Delta, Guard, Plan, Report, ToldFigure};
use super::rows::told;
use crate::guard::changes::Figure;
use crate::report::human;
use crate::report::run::Told;

/// Columns that a table lists.
const LISTED: usize = 50;

/// Guards against their limits.
pub(super) fn guards(report: &Report) -> Option<Section> {
    let mut section = Section::new("guards", "Guards");
    let row = |guard: &Guard| {
        let (tone, word) = match &*guard.decision {
            "passed" => (Tone::Good, "passed"),
            "stopped" => (Tone::Bad, "stopped"),
            "approved" => (Tone::Warning, "approved"),
            "withheld" => (Tone::Warning, "withheld"),
            other => (Tone::Quiet, other),
        };
        let more = if guard.exact { "" } else { " or more" };
        let bound = bound(&guard.limit, guard.of);
        // Where that is the limit itself, it says nothing more.
        let of = guard.of.filter(|of| Some(*of) != bound);
        let of = of.map(|of| format!(" of {}", human::count(of)));
        let bar = match bound {
            Some(bound) => Cell::Bar(plot::against(guard.count, bound, tone)),
            None => Cell::Text(String::new()),
        };
        vec![
            Cell::Code(guard.guard.to_string()),
            Cell::Badge(tone, word.to_owned()),
            Cell::Number(format!(
                "{}{more}{}",
                human::count(guard.count),
                of.unwrap_or_default()
            )),
            Cell::Text(guard.limit.to_string()),
            bar,
        ]
    };
    if !report.guards.is_empty() {
        section.tables.push(Table {
            caption: "What was counted, against its limit".to_owned(),
            heads: vec![
                Head::Text("guard"),
                Head::Text("decision"),
                Head::Number("counted"),
                Head::Text("limit"),
                Head::Bar,
            ],
            rows: report.guards.iter().map(row).collect(),
            note: Some("The line in a bar is the limit.".to_owned()),
        });
    }
    section.said.extend(deletion(report));
    section.unless_empty()
}

/// A limit as a count, where its words begin with one: `at most 1% over 7 days`, `at least 5000`.
fn bound(limit: &str, of: Option<u64>) -> Option<u64> {
    let starts = ["at most ", "at least ", "exactly "];
    let number = starts.iter().find_map(|start| limit.strip_prefix(start))?;
    let number = number.split(' ').next()?;
    match number.strip_suffix('%') {
        Some(percent) => {
            let percent: f64 = percent.parse().ok()?;
            Some((of? as f64 * percent / 100.0) as u64)
        }
        None => number.parse().ok(),
    }
}

/// What becomes of people whom no row names.
fn deletion(report: &Report) -> Option<String> {
    let deletions = report.deletions.as_ref()?;
    let again = match deletions.in_a_row {
        0 | 1 => String::new(),
        runs => format!(", the {} in a row", human::ordinal(runs)),
    };
    Some(
        match (&deletions.off_because, deletions.told, deletions.expected) {
            (Some(why), ..) => format!("Deletion was off for this run{again}, as {}.", &**why),
            (None, Some(items), _) => {
                format!(
                    "The server deleted {} that no row names.",
                    human::counted(items, "item")
                )
            }
            (None, None, Some(items)) => {
                let more = if deletions.exact { "" } else { " or more" };
                format!(
                    "Items that no row names are deleted: {}{more}, as far as is known here.",
                    human::count(items)
                )
            }
            (None, None, None) => {
                "Items that no row names are deleted; how many is not known here.".to_owned()
            }
        },
    )
}

/// What a plan would do.
pub(super) fn plan(report: &Report) -> Option<Section> {
    let plan = report.plan.as_ref()?;
    let mut section = Section::new("plan", "The plan");
    section.said.push(verdict(report, plan));
    let Some(changes) = &plan.changes else {
        return Some(section);
    };
    section.tables.extend(before_and_after(plan));
    section.tables.extend(people(changes));
    let rows = changes.columns.iter().take(LISTED).map(|column| {
        let figure = |figure: Option<ToldFigure>| figure.map(|figure| figure.count);
        let cells = [
            figure(column.changed),
            column.filled_before,
            figure(column.emptied),
        ];
        let inexact = [column.changed, column.emptied];
        let or_more = inexact.iter().flatten().any(|figure| !figure.exact);
        column_row(&column.column, cells, or_more)
    });
    section
        .tables
        .extend(columns(rows.collect(), changes.columns.len()));
    Some(section)
}

fn verdict(report: &Report, plan: &Plan) -> String {
    let words = match &*plan.verdict {
        "passed" => "may be applied",
        "withholds" => "may be applied without its deletions, or approved",
        "needs_approval" => "has to be approved before it is applied",
        "stopped" => "can't be applied",
        other => other,
    };
    let until = plan
        .expires_at
        .map(|until| format!(", until {}", report.clock(until)));
    let file = plan.file.as_ref().map(|file| format!(" in {}", &**file));
    format!(
        "Plan {}{} {words}{}.",
        &*plan.hash,
        file.unwrap_or_default(),
        until.unwrap_or_default()
    )
}

/// People at the target before the plan and after it.
fn before_and_after(plan: &Plan) -> Option<Table> {
    let totals = [
        (&plan.people, "people"),
        (&plan.leavers, "leavers among them"),
    ];
    let known: Vec<(u64, u64, &str)> = totals
        .into_iter()
        .filter_map(|(total, what)| {
            let total = total.as_ref()?;
            Some((total.before?, total.after?, what))
        })
        .collect();
    let most = known
        .iter()
        .map(|(before, after, _)| (*before).max(*after))
        .max()?;
    let rows = known.into_iter().flat_map(|(before, after, what)| {
        let row = |when: &str, count: u64, tone| {
            vec![
                Cell::Text(format!("{what}, {when}")),
                Cell::Number(human::count(count)),
                Cell::Bar(plot::bar(count, most, tone)),
            ]
        };
        [
            row("before", before, Tone::Quiet),
            row("after", after, Tone::Plain),
        ]
    });
    let mut table = Table::bars("At the target, before and after", "who", "count");
    table.rows = rows.collect();
    Some(table)
}

/// What is done to people.
fn people(changes: &Changes) -> Option<Table> {
    let either = changes.create_or_update.map(Figure::exactly);
    let new = if either.is_some() {
        "new among them"
    } else {
        "created"
    };
    let parts = [
        ("created or updated", either, Tone::Plain),
        (new, changes.create, Tone::Good),
        ("updated", changes.update, Tone::Plain),
        ("deleted by their row", changes.delete.by_row, Tone::Bad),
        (
            "deleted, as no row names them",
            changes.delete.unnamed,
            Tone::Bad,
        ),
        ("deleted, as they are gone", changes.delete.gone, Tone::Bad),
        ("who leave", changes.leave, Tone::Warning),
    ];
    let parts: Vec<(&str, Figure, Tone)> = parts
        .into_iter()
        .filter_map(|(what, figure, tone)| Some((what, figure?, tone)))
        .filter(|(_, figure, _)| figure.count > 0 || !figure.exact)
        .collect();
    changed("What is done to people", &parts)
}

fn changed(caption: &str, parts: &[(&'static str, Figure, Tone)]) -> Option<Table> {
    let most = parts.iter().map(|(_, figure, _)| figure.count).max()?;
    let rows = parts.iter().map(|(what, figure, tone)| {
        let more = if figure.exact { "" } else { " or more" };
        vec![
            Cell::Text((*what).to_owned()),
            Cell::Number(format!("{}{more}", human::count(figure.count))),
            Cell::Bar(plot::bar(figure.count, most, *tone)),
        ]
    });
    let mut table = Table::bars(caption, "people", "count");
    table.rows = rows.collect();
    Some(table)
}

fn column_row(
    name: &str,
    [changed, filled, emptied]: [Option<Told>; 3],
    or_more: bool,
) -> Vec<Cell> {
    let told = |count: Option<Told>| count.map_or("not known".to_owned(), told);
    let more = if or_more { " or more" } else { "" };
    let bar = match (changed.and_then(Told::count), filled.and_then(Told::count)) {
        (Some(changed), Some(filled)) => plot::bar(changed, filled.max(changed), Tone::Plain),
        _ => plot::bar(0, 1, Tone::Quiet),
    };
    vec![
        Cell::Text(name.to_owned()),
        Cell::Number(format!("{}{more}", told(changed))),
        Cell::Number(told(filled)),
        Cell::Number(told(emptied)),
        Cell::Bar(bar),
    ]
}

fn columns(rows: Vec<Vec<Cell>>, all: usize) -> Option<Table> {
    let more = all - rows.len();
    (!rows.is_empty()).then(|| Table {
        caption: "What changes, by column".to_owned(),
        heads: vec![
            Head::Text("column"),
            Head::Number("changed"),
            Head::Number("filled before"),
            Head::Number("emptied"),
            Head::Bar,
        ],
        rows,
        note: (more > 0)
            .then(|| format!("{} not listed.", human::counted(more as u64, "more column"))),
    })
}

/// What differs from what the server has.
pub(super) fn delta(report: &Report) -> Option<Section> {
    let delta: &Delta = report.delta.as_ref()?;
    let mut section = Section::new("difference", "What differs from the target");
    let people = human::count(delta.people);
    let unchanged = human::counted(delta.unchanged, "row");
    section.said.push(format!(
        "The target had {people} people; {unchanged} of the source are there as they are."
    ));
    if let Some(why) = &delta.full {
        section
            .said
            .push(format!("Everything is sent, as {}.", &**why));
    }
    if let Some(why) = &delta.deletion_off {
        section.said.push(format!(
            "Nobody who is gone is deleted in this run, as {}.",
            &**why
        ));
    }
    let parts = [
        ("new", Figure::exactly(delta.creates), Tone::Good),
        ("changed", Figure::exactly(delta.updates), Tone::Plain),
        ("gone", Figure::exactly(delta.deletes), Tone::Bad),
    ];
    section.tables.extend(changed("People who differ", &parts));
    let rows = delta.columns.iter().take(LISTED).map(|column| {
        let cells = [column.changed, column.filled_before, column.emptied];
        column_row(&column.column, cells.map(Some), false)
    });
    section
        .tables
        .extend(columns(rows.collect(), delta.columns.len()));
    Some(section)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_as_counts() {
        for (limit, of, expected) in [
            ("at most 1%", Some(1_000), Some(10)),
            ("at most 2.5% over 7 days", Some(1_000), Some(25)),
            ("at most 500", None, Some(500)),
            ("at least 5000", Some(1), Some(5_000)),
            ("exactly 3", None, Some(3)),
            ("at most 1%", None, None),
            (
                "at most half of the people gone, with others in their place",
                Some(9),
                None,
            ),
            ("validate.hierarchy says stop", Some(9), None),
        ] {
            assert_eq!(bound(limit, of), expected, "{limit}");
        }
    }
}
