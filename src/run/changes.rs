//! What an upload would do to the people at the target, as far as that is known, and what stands there then.
//!
//! Where every person is compared with what was kept of them, that is exact. Else the last accepted run tells how many
//! people its upload named, and what is missing is known as a difference of counts: there may be more of it, where others
//! came, and not less.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::compared::Compared;
use super::survey::Survey;
use crate::config::Pipeline;
use crate::delta::tally;
use crate::guard::changes::{Changes, ColumnChanges, Figure, Lost};
use crate::guard::{Decided, Deletion, Kept, Last, Standing};

/// What an upload that names so many people would do to those at the target.
pub(super) fn changes(
    pipeline: &Pipeline,
    survey: &Survey,
    named: u64,
    last: Option<&Last>,
) -> Changes {
    match survey.compared() {
        Some(known) if survey.sends_difference() => exact(pipeline, survey, &known, last),
        Some(known) => kept(pipeline, survey, &known, named, last),
        None => counted(pipeline, survey, named, last),
    }
}

/// The same by counts alone.
fn counted(pipeline: &Pipeline, survey: &Survey, named: u64, last: Option<&Last>) -> Changes {
    let counts = &survey.aside.counts;
    let people = last.and_then(|last| last.standing.people);
    let missing = |before: u64, now: u64| before.saturating_sub(now);
    let present = counts.creates + counts.updates + counts.either;
    Changes {
        people,
        creates: Some(match (counts.either, people) {
            (0, _) => Figure::exactly(counts.creates),
            (_, None) => Figure::at_least(counts.creates),
            (_, Some(people)) => Figure::at_least(missing(present, people).max(counts.creates)),
        }),
        updates: (counts.either == 0).then(|| Figure::exactly(counts.updates)),
        explicit: Some(Figure::exactly(counts.deletes)),
        implicit: match pipeline.import.implicit_delete.is_on() {
            true => people.map(|people| Figure::at_least(missing(people, named))),
            false => Some(Figure::exactly(0)),
        },
        gone: Some(Figure::exactly(0)),
        leavers: leavers(pipeline, survey, last),
        columns: match last {
            Some(last) => emptied(survey, named, last),
            None => Vec::new(),
        },
        lost: None,
    }
}

/// The same, where something was kept of every person for the guards.
fn kept(
    pipeline: &Pipeline,
    survey: &Survey,
    known: &Compared,
    named: u64,
    last: Option<&Last>,
) -> Changes {
    let counted = counted(pipeline, survey, named, last);
    let lost = known.lost(last, Kept::Columns).map(|lost| Lost {
        stops: false,
        ..lost
    });
    if !known.knows_people() {
        return Changes { lost, ..counted };
    }
    let counts = &survey.aside.counts;
    let gone = known.deletes.places.len() as u64;
    Changes {
        creates: match counts.either {
            0 => counted.creates,
            _ => Some(Figure::exactly(known.changes.creates)),
        },
        implicit: match known.deletes.off {
            None if pipeline.import.implicit_delete.is_on() => Some(Figure::exactly(gone)),
            _ => counted.implicit,
        },
        leavers: turned(pipeline, known).or(counted.leavers),
        columns: match known.knows_cells() {
            true => compared(survey, known, last),
            false => counted.columns,
        },
        lost,
        ..counted
    }
}

/// The same, where every person is compared with what the server accepted last.
fn exact(pipeline: &Pipeline, survey: &Survey, known: &Compared, last: Option<&Last>) -> Changes {
    let changes = &known.changes;
    let lost = known.lost(last, Kept::Difference);
    // Where nothing was ever kept, all are new as far as anybody knows.
    let is_known = known.knows_people() || lost.is_none();
    let figure = |count: u64| is_known.then(|| Figure::exactly(count));
    let before = last.and_then(|last| last.standing.people);
    let before = before.filter(|_| lost.is_some());
    Changes {
        people: Some(changes.people).filter(|people| *people > 0).or(before),
        creates: figure(changes.creates),
        updates: figure(changes.updates),
        explicit: Some(Figure::exactly(0)),
        implicit: Some(Figure::exactly(0)),
        gone: Some(Figure::exactly(changes.deletes)),
        leavers: turned(pipeline, known).or_else(|| leavers(pipeline, survey, last)),
        columns: match known.knows_cells() || lost.is_none() {
            true => compared(survey, known, None),
            false => Vec::new(),
        },
        lost,
    }
}

/// Those who turn to the status of somebody who has left, where it is known what they were.
fn turned(pipeline: &Pipeline, known: &Compared) -> Option<Figure> {
    pipeline.guard.leavers.as_ref()?;
    let turned = known.changes.leavers?;
    // Of whom nobody knows what they were, a difference of counts tells more.
    (turned.open == 0).then(|| Figure::exactly(turned.known))
}

/// What changes column by column, over the people who can be compared.
fn compared(survey: &Survey, known: &Compared, last: Option<&Last>) -> Vec<ColumnChanges> {
    let sent = survey.sent_names();
    let is_sent = |name: &Arc<str>| sent.iter().flatten().any(|sent| sent == name);
    let before = |name: &str| last.and_then(|last| last.standing.filled.get(name).copied());
    let column = |column: &tally::ColumnChanges| ColumnChanges {
        name: column.name.clone(),
        changed: Some(known.figure(column.changed)),
        filled_before: before(&column.name).or(Some(column.filled_before)),
        emptied: is_sent(&column.name).then(|| known.figure(column.emptied)),
    };
    known.changes.columns.iter().map(column).collect()
}

/// Those whose row turns to the status of somebody who has left.
fn leavers(pipeline: &Pipeline, survey: &Survey, last: Option<&Last>) -> Option<Figure> {
    let now = survey.aside.counts.leavers;
    match (&pipeline.guard.leavers, last) {
        (None, _) => Some(Figure::exactly(0)),
        (Some(_), None) => None,
        (Some(_), Some(last)) => {
            let before = last.standing.leavers;
            before.map(|before| Figure::at_least(now.saturating_sub(before)))
        }
    }
}

/// Cells that have no value any more, column by column. Those of people who are gone are not among them.
fn emptied(survey: &Survey, named: u64, last: &Last) -> Vec<ColumnChanges> {
    let gone = last.named.saturating_sub(named);
    let filled = filled(survey);
    let before = last.standing.filled.iter();
    before
        .filter_map(|(name, &before)| {
            let now = filled.get(name)?;
            let emptied = before.saturating_sub(*now).saturating_sub(gone);
            Some(ColumnChanges {
                name: Arc::from(&**name),
                changed: None,
                filled_before: Some(before),
                emptied: Some(Figure::at_least(emptied)),
            })
        })
        .collect()
}

/// By column, how many rows have a value in it.
fn filled(survey: &Survey) -> BTreeMap<String, u64> {
    let names = survey.sent_names().into_iter();
    let filled = names.zip(survey.aside.counts.filled.iter().copied());
    filled
        .filter_map(|(name, filled)| Some((name?.to_string(), filled)))
        .collect()
}

/// What stands at the target once the upload is accepted.
pub(super) fn standing(
    survey: &Survey,
    named: u64,
    decided: &Decided,
    last: Option<&Last>,
) -> Standing {
    let before = last.map(|last| &last.standing);
    let counts = &survey.aside.counts;
    let gone = decided.changes.gone.map_or(0, |gone| gone.count);
    let people = match decided.deletion {
        Deletion::On => named,
        Deletion::NotAsked if gone > 0 => named,
        // Nobody is gone but those whose rows say so.
        _ => named.max(before.and_then(|before| before.people).unwrap_or(0)),
    };
    let (deleted, leavers) = match decided.withholds.is_some() {
        true => (0, before.and_then(|before| before.leavers)),
        false => (counts.deletes, Some(counts.leavers)),
    };
    Standing {
        people: Some(people.saturating_sub(deleted)),
        leavers,
        filled: filled(survey),
        kept: survey.compared().map(|_| match survey.sends_difference() {
            true => Kept::Difference,
            false => Kept::Columns,
        }),
    }
}
