//! What an upload would do to the people at the target, and how much of it is too much.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Add;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::limit::LimitSpec;
use super::spec::GuardSpec;
use super::{Decision, Ruling, SHARES_FROM};
use crate::settings::units::{Amount, Span};
use crate::text::counted;

/// How many people may be deleted where shares mean little.
const FEW_DELETED: u64 = 5;

/// A count, and whether it is all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub count: u64,
    /// There may be more, but not fewer, unless this says that the count is exact.
    pub exact: bool,
}

impl Figure {
    pub(crate) fn exactly(count: u64) -> Figure {
        Figure { count, exact: true }
    }

    pub(crate) fn at_least(count: u64) -> Figure {
        Figure {
            count,
            exact: false,
        }
    }
}

impl Add for Figure {
    type Output = Figure;

    fn add(self, other: Figure) -> Figure {
        Figure {
            count: self.count.saturating_add(other.count),
            exact: self.exact && other.exact,
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.exact {
            true => write!(f, "{}", self.count),
            false => write!(f, "{} or more", self.count),
        }
    }
}

/// What an upload would do to the people at the target. What is not known is nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    /// People at the target.
    pub people: Option<u64>,
    /// New ones.
    pub creates: Option<Figure>,
    /// Those that are changed.
    pub updates: Option<Figure>,
    /// Those whose row says that they are to be deleted.
    pub explicit: Option<Figure>,
    /// Those that no row names, where the import deletes them.
    pub implicit: Option<Figure>,
    /// Those who are not in the source any more, where they are deleted by name.
    pub gone: Option<Figure>,
    /// Those whose row turns to the status of somebody who has left.
    pub leavers: Option<Figure>,
    /// Columns, as far as guards ask for them.
    pub columns: Vec<ColumnChanges>,
    /// Why there is less to compare with than the last accepted run has left.
    pub lost: Option<Lost>,
}

/// What runs are compared with is not there any more, or can't be compared.
#[derive(Clone, Debug)]
pub(crate) struct Lost {
    /// In words.
    pub why: String,
    /// Whether the run is stopped for that alone; otherwise only where a limit can't be held for it.
    pub stops: bool,
}

/// What an upload would do to one column.
#[derive(Clone, Debug)]
pub(crate) struct ColumnChanges {
    pub name: Arc<str>,
    /// People in whom it changes.
    pub changed: Option<Figure>,
    /// Cells that had a value before.
    pub filled_before: Option<u64>,
    /// Of these, those that have none now.
    pub emptied: Option<Figure>,
}

impl Changes {
    /// Everybody who would be deleted, in whatever way.
    pub(crate) fn deletes(&self) -> Option<Figure> {
        let parts = [self.explicit, self.implicit, self.gone, self.leavers];
        let known = parts.into_iter().flatten().reduce(Add::add)?;
        Some(match parts.iter().all(Option::is_some) {
            true => known,
            false => Figure::at_least(known.count),
        })
    }

    /// Leaves everybody where they are.
    pub(super) fn delete_nobody(&mut self) {
        let nobody = Some(Figure::exactly(0));
        (self.explicit, self.implicit) = (nobody, nobody);
        (self.gone, self.leavers) = (nobody, nobody);
    }

    fn column(&self, name: &str) -> Option<&ColumnChanges> {
        self.columns.iter().find(|column| &*column.name == name)
    }

    /// What runs to come add up in their windows.
    pub(crate) fn counted(&self) -> Counted {
        let count = |figure: Option<Figure>| figure.map(|figure| figure.count);
        Counted {
            creates: count(self.creates),
            updates: count(self.updates),
            deletes: count(self.deletes()),
            columns: self
                .columns
                .iter()
                .map(|column| {
                    let counted = ColumnCounted {
                        changed: count(column.changed),
                        emptied: count(column.emptied),
                    };
                    (column.name.to_string(), counted)
                })
                .collect(),
        }
    }
}

/// What a run did, as far as it was known: what windows add up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counted {
    pub creates: Option<u64>,
    pub updates: Option<u64>,
    pub deletes: Option<u64>,
    pub columns: BTreeMap<String, ColumnCounted>,
}

/// What a run did to one column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ColumnCounted {
    pub changed: Option<u64>,
    pub emptied: Option<u64>,
}

/// An accepted run of the time before.
#[derive(Clone, Debug)]
pub(crate) struct Past {
    /// How long it is over.
    pub ago: Duration,
    pub counted: Counted,
}

/// More than a guard allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// The guard, such as `max_delete`.
    pub(crate) guard: &'static str,
    what: String,
    count: String,
    of: String,
    allowed: String,
    /// The time and the earlier runs that are counted, too.
    window: Option<(String, usize)>,
}

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TooMany {
            guard,
            what,
            count,
            of,
            allowed,
            window,
        } = self;
        write!(f, "guard.{guard}: ")?;
        if let Some((over, runs)) = window {
            let runs = match runs {
                1 => "the accepted run".to_owned(),
                runs => format!("the {runs} accepted runs"),
            };
            write!(f, "together with {runs} of the {over} before it, ")?;
        }
        write!(f, "{count} {what}{of}, and {allowed}")
    }
}

/// What came of the limits on changes.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub rulings: Vec<Ruling>,
    pub exceeded: Vec<TooMany>,
    /// Guards whose figure is not known in this run.
    pub unknown: Vec<String>,
}

/// A limit, what it limits, and what it is a share of.
struct Rule<'a> {
    guard: &'static str,
    /// The column, where it is one of several.
    column: Option<&'a str>,
    limit: LimitSpec,
    figure: Option<Figure>,
    /// In words, behind the count.
    what: String,
    of: Option<u64>,
    of_what: &'static str,
    /// The number that takes the place of a share where shares mean little.
    few: Option<u64>,
    past: &'a dyn Fn(&Counted) -> Option<u64>,
}

/// Holds an upload's changes against the limits.
pub(super) fn judge(guard: &GuardSpec, changes: &Changes, past: &[Past]) -> Judged {
    let mut judged = Judged::default();
    let at_target = "at the target";
    let people = |name, limit: Option<LimitSpec>, figure, what: String, few, past| {
        Some(Rule {
            guard: name,
            column: None,
            limit: limit?,
            figure,
            what,
            of: changes.people,
            of_what: at_target,
            few,
            past,
        })
    };
    let deleted = format!("would be deleted{}", changes.in_parts());
    let few = Some(FEW_DELETED);
    let (deletes, creates, updates) = (changes.deletes(), changes.creates, changes.updates);
    let (new, changed) = ("would be new".into(), "would be changed".into());
    let rules = [
        people(
            "max_delete",
            guard.max_delete,
            deletes,
            deleted,
            few,
            &|c| c.deletes,
        ),
        people("max_create", guard.max_create, creates, new, None, &|c| {
            c.creates
        }),
        people(
            "max_update",
            guard.max_update,
            updates,
            changed,
            None,
            &|c| c.updates,
        ),
    ];
    rules
        .iter()
        .flatten()
        .for_each(|rule| rule.judge(past, &mut judged));
    for (name, limit) in &guard.max_change {
        let of_column = |counted: &Counted| counted.columns.get(name)?.changed;
        let rule = Rule {
            guard: "max_change",
            column: Some(name),
            limit: *limit,
            figure: changes.column(name).and_then(|column| column.changed),
            what: format!("would have another `{name}`"),
            of: changes.people,
            of_what: at_target,
            few: None,
            past: &of_column,
        };
        rule.judge(past, &mut judged);
    }
    let emptied = || changes.columns.iter().filter(|c| c.emptied.is_some());
    if guard.max_emptied.is_some() && changes.lost.is_some() && emptied().next().is_none() {
        judged.unknown.push("max_emptied".to_owned());
    }
    for column in emptied() {
        let Some(limit) = guard.max_emptied else {
            break;
        };
        let name = &*column.name;
        let of_column = |counted: &Counted| counted.columns.get(name)?.emptied;
        let rule = Rule {
            guard: "max_emptied",
            column: Some(name),
            limit,
            figure: column.emptied,
            what: format!("would have no `{name}` any more"),
            of: column.filled_before,
            of_what: "who had one",
            few: None,
            past: &of_column,
        };
        rule.judge(past, &mut judged);
    }
    judged
}

impl Changes {
    /// In which ways people would be deleted, where that is not plain.
    fn in_parts(&self) -> String {
        let parts = [
            (self.explicit, "whose rows say so"),
            (self.implicit, "whom no row names"),
            (self.gone, "who are not in the source any more"),
            (self.leavers, "who turn to the status of a leaver"),
        ];
        let parts: Vec<String> = parts
            .iter()
            .filter_map(|(figure, words)| {
                let figure = figure.filter(|figure| figure.count > 0)?;
                Some(format!("{figure} {words}"))
            })
            .collect();
        match parts.is_empty() {
            true => String::new(),
            false => format!(" ({})", parts.join(", ")),
        }
    }
}

impl Rule<'_> {
    /// The limit on this run, and the one on its window.
    fn judge(&self, past: &[Past], judged: &mut Judged) {
        let Some(figure) = self.figure else {
            judged.unknown.push(self.name());
            return;
        };
        if let Some(limit) = self.limit.run {
            self.hold(limit, figure, None, judged);
        }
        if let (Some(limit), Some(over)) = (self.limit.window, self.limit.over) {
            let within: Vec<&Past> = past.iter().filter(|past| past.ago <= over.0).collect();
            let before = within.iter().filter_map(|past| (self.past)(&past.counted));
            let all = before.fold(figure, |sum, count| sum + Figure::exactly(count));
            self.hold(limit, all, Some((over, within.len())), judged);
        }
    }

    fn hold(
        &self,
        limit: Amount,
        figure: Figure,
        window: Option<(Span, usize)>,
        judged: &mut Judged,
    ) {
        let count = figure.count;
        let Some((exceeded, allowed)) = self.exceeds(limit, count) else {
            return;
        };
        let over = window.map(|(over, _)| in_words(over));
        judged.rulings.push(Ruling {
            guard: self.name(),
            limit: match &over {
                Some(over) => format!("at most {limit} over {over}"),
                None => format!("at most {limit}"),
            },
            count,
            exact: figure.exact,
            of: self.of,
            decision: match exceeded {
                true => Decision::Stopped,
                false => Decision::Passed,
            },
        });
        if exceeded {
            judged.exceeded.push(TooMany {
                guard: self.guard,
                what: self.what.clone(),
                count: match figure {
                    Figure {
                        count: 1,
                        exact: true,
                    } => "1 person".to_owned(),
                    figure => format!("{figure} people"),
                },
                of: match self.of {
                    Some(of) => format!(", of {of} {}", self.of_what),
                    None => String::new(),
                },
                allowed,
                window: over
                    .zip(window.map(|(_, runs)| runs))
                    .filter(|(_, runs)| *runs > 0),
            });
        }
    }

    /// Whether a count is more than the limit allows, and what that allows; nothing where the limit does not apply.
    fn exceeds(&self, limit: Amount, count: u64) -> Option<(bool, String)> {
        match (limit, self.of) {
            (Amount::Rows(rows), _) => Some((count > rows, format!("no more than {rows} may be"))),
            (Amount::Percent(_), None) => None,
            (Amount::Percent(_), Some(of)) if of < SHARES_FROM => {
                let few = self.few?;
                let words = format!("no more than {few} may be, as there were not {SHARES_FROM}");
                Some((count > few, words))
            }
            (Amount::Percent(percent), Some(of)) => {
                let allowed = (of as f64 * percent / 100.0) as u64;
                let words = format!("no more than {limit} may be, which is {allowed}");
                Some((limit.is_exceeded(count, of), words))
            }
        }
    }

    fn name(&self) -> String {
        match self.column {
            Some(column) => format!("{}.{column}", self.guard),
            None => self.guard.to_owned(),
        }
    }
}

/// `1 day`, `7 days`; `12h`.
fn in_words(span: Span) -> String {
    const DAY: u64 = 24 * 60 * 60;
    match span.0.as_secs() {
        seconds if seconds > 0 && seconds % DAY == 0 => counted(seconds / DAY, "day"),
        _ => span.to_string(),
    }
}

#[cfg(test)]
mod tests;
