//! How fast a run was: its course, and what its steps took.

use std::time::Duration;

use super::parts::{Cell, Course, Head, Section, Table};
use super::plot::{self, Stretch, Tone};
use super::read::{Moment, Report};
use crate::report::human;

/// A course with fewer steps than this says nothing that a mean does not say.
const ENOUGH: usize = 6;

/// A step is longer than this part of the whole, and than so many seconds: blocks are counted one by one, and in a shorter
/// step there may be none or many of them by chance.
const SHORTEST: (f64, f64) = (1.0 / 50.0, 0.15);

/// One phase: when it began, and what it did a second in each of its steps.
struct Pass<'r> {
    phase: &'r str,
    from: f64,
    steps: Vec<(f64, f64)>,
}

/// How fast it was.
pub(super) fn speed(report: &Report) -> Option<Section> {
    let mut section = Section::new("speed", "Speed");
    let courses = [
        course(
            report,
            "Rows per second",
            |moment| moment.rows,
            |rate| human::count(rate as u64),
        ),
        course(
            report,
            "Bytes per second",
            |moment| moment.bytes,
            human::rate,
        ),
    ];
    section.courses.extend(courses.into_iter().flatten());
    if let Some(rows) = report.throughput.rows_per_second.filter(|rows| *rows > 0) {
        let mut said = format!("{} rows a second", human::count(rows));
        if let Some(mb) = report.throughput.mb_per_second {
            said += &format!(", {mb:.1} MB of the source a second");
        }
        section
            .said
            .push(format!("{said}, from the start to the end of the upload."));
    }
    section.tables.extend(times(report));
    section.unless_empty()
}

fn course(
    report: &Report,
    caption: &str,
    of: impl Fn(&Moment) -> u64,
    words: impl Fn(f64) -> String,
) -> Option<Course> {
    let passes = passes(&report.pace, of);
    let steps = || passes.iter().flat_map(|pass| pass.steps.iter().copied());
    let highest = steps().map(|(_, rate)| rate).fold(0.0, f64::max);
    let end = steps().map(|(at, _)| at).fold(0.0, f64::max);
    if steps().count() < ENOUGH || highest <= 0.0 {
        return None;
    }
    let (top, length) = (plot::round_up(highest), span(end));
    let stretches = passes.iter().enumerate().map(|(nth, pass)| Stretch {
        from: pass.from,
        steps: pass.steps.clone(),
        tone: Tone::Nth(nth),
    });
    let stretches: Vec<Stretch> = stretches.collect();
    let legend = passes.iter().zip(&stretches).map(|(pass, stretch)| {
        let end = pass.steps.last().map_or(pass.from, |(at, _)| *at);
        (
            stretch.tone,
            format!("{}, {}", pass.phase, span(end - pass.from)),
        )
    });
    let said = format!("{caption} in {length}, {} at most", words(highest));
    Some(Course {
        svg: plot::course(&stretches, (end, top), &said),
        legend: legend.collect(),
        table: table(&said, &passes, &words),
        caption: said,
        top: words(top),
        end: length,
    })
}

/// The same as a table, for whoever does not see it.
fn table(caption: &str, passes: &[Pass<'_>], words: &impl Fn(f64) -> String) -> Table {
    let rows = passes.iter().flat_map(|pass| {
        let row = |(at, rate): &(f64, f64)| {
            vec![
                Cell::Text(format!("{at:.2} s")),
                Cell::Text(pass.phase.to_owned()),
                Cell::Number(words(*rate)),
            ]
        };
        pass.steps.iter().map(row)
    });
    Table {
        caption: caption.to_owned(),
        heads: vec![
            Head::Text("up to"),
            Head::Text("phase"),
            Head::Number("a second"),
        ],
        rows: rows.collect(),
        note: None,
    }
}

/// The phases in which anything was counted. What moments say of a phase counts from its beginning.
fn passes<'r>(pace: &'r [Moment], of: impl Fn(&Moment) -> u64) -> Vec<Pass<'r>> {
    let end = pace.iter().map(|moment| moment.at).fold(0.0, f64::max);
    let shortest = SHORTEST.1.max(end * SHORTEST.0);
    let mut passes: Vec<Pass<'r>> = Vec::new();
    let (mut phase, mut ended, mut last) = ("", 0.0, (0.0, 0));
    for moment in pace {
        let count = of(moment);
        if *moment.phase != *phase || count < last.1 {
            phase = &moment.phase;
            last = (ended, 0);
            let (from, steps) = (ended, Vec::new());
            passes.push(Pass { phase, from, steps });
        }
        ended = moment.at;
        let took = moment.at - last.0;
        if let Some(pass) = passes.last_mut()
            && took > shortest
        {
            pass.steps
                .push((moment.at, count.saturating_sub(last.1) as f64 / took));
            last = (moment.at, count);
        }
    }
    passes.retain(|pass| pass.steps.iter().any(|(_, rate)| *rate > 0.0));
    passes
}

/// What the steps took.
fn times(report: &Report) -> Option<Table> {
    let s = &report.seconds;
    let total = s.total.filter(|total| *total > 0.0)?;
    let steps = [
        ("survey: the whole source, and nothing sent", s.survey),
        ("asking for the address of the upload", s.generate),
        ("upload", s.upload),
        ("asking for the import", s.import),
        ("waiting for the import job", s.wait),
        ("reading the results", s.results),
    ];
    let steps: Vec<_> = steps
        .into_iter()
        .filter_map(|(name, took)| Some((name, took?)))
        .collect();
    if steps.is_empty() {
        return None;
    }
    let known: f64 = steps.iter().map(|(_, took)| took).sum();
    let rest = (total - known).max(0.0);
    let mut table = Table::bars(
        format!("Time per step, {} in all", span(total)),
        "step",
        "time",
    );
    table.rows = steps
        .into_iter()
        .chain([("everything else", rest)])
        .map(|(name, took)| {
            vec![
                Cell::Text(name.to_owned()),
                Cell::Number(span(took)),
                Cell::Bar(plot::part_of(took, total, Tone::Plain)),
            ]
        })
        .collect();
    Some(table)
}

/// Seconds as people read them.
pub(super) fn span(seconds: f64) -> String {
    human::time(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(all: &[(&str, f64, u64)]) -> Vec<Moment> {
        let moment = |(phase, at, rows): &(&str, f64, u64)| {
            let json = serde_json::json!({ "phase": phase, "at": at, "rows": rows });
            serde_json::from_value(json).unwrap()
        };
        all.iter().map(moment).collect()
    }

    #[test]
    fn what_was_done_a_second() {
        let pace = moments(&[
            ("survey", 1.0, 100),
            ("survey", 2.0, 400),
            // So shortly after the last one that it says nothing.
            ("survey", 2.001, 500),
            ("upload", 3.001, 50),
            // Another phase of the same name.
            ("upload", 4.001, 20),
            ("wait", 9.0, 0),
        ]);
        let passes = passes(&pace, |moment| moment.rows);
        let round = |(at, rate): &(f64, f64)| (*at, rate.round());
        let told: Vec<_> = passes
            .iter()
            .map(|p| (p.phase, p.from, p.steps.iter().map(round).collect()))
            .collect();
        let expected: [(&str, f64, Vec<(f64, f64)>); 3] = [
            ("survey", 0.0, vec![(1.0, 100.0), (2.0, 300.0)]),
            ("upload", 2.001, vec![(3.001, 50.0)]),
            ("upload", 3.001, vec![(4.001, 20.0)]),
        ];
        assert_eq!(told, expected);
    }
}
