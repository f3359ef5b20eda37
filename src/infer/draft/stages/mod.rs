//! The stages: what is done to columns so that they are what they are for.

mod days;
mod figures;

use std::fmt::Write;

use super::properties::Renames;
use crate::config::yaml::write::{flow, list, remark, replace, scalar};
use crate::infer::column::Column;
use crate::infer::decide::{Decided, Type};
use crate::infer::{Found, Written};
use crate::report::human::{count, counted};
use crate::source::table::INSTRUCTION;

/// A column and what is known of it.
#[derive(Clone, Copy)]
struct Known<'f> {
    name: &'f str,
    column: &'f Column,
    decided: &'f Decided,
}

impl Known<'_> {
    /// How many values it has, and how many of them fit.
    fn counts(&self) -> String {
        let Decided { values, fit, .. } = *self.decided;
        let others = match values - fit {
            0 => return format!("all of {}", counted(values, "value")),
            1 => "1 does not fit, and its row is rejected".to_owned(),
            others => format!("{} do not fit, and their rows are rejected", count(others)),
        };
        format!("{} of {} ({others})", count(fit), counted(values, "value"))
    }
}

/// A stage, and what is said of it.
struct Stage {
    said: Vec<String>,
    text: String,
    /// It is for a person to decide.
    off: bool,
}

fn all(found: &Found) -> Vec<Known<'_>> {
    let each = found.names.iter().zip(&found.facts.columns);
    let each = each.zip(&found.decided);
    each.map(|((name, column), decided)| Known {
        name,
        column,
        decided,
    })
    .collect()
}

/// What the lines of a file of the HCM Data Loader say is to be done with their values: only those to be merged are sent.
fn instructions(found: &Found, all: &[Known<'_>]) -> Vec<Stage> {
    let is_hdl = matches!(&found.written, Written::Json(form) if form.format == "hdl");
    let Some(known) = all.iter().find(|known| is_hdl && known.name == INSTRUCTION) else {
        return Vec::new();
    };
    let values = known.column.values.0.as_ref();
    let deletes = values.and_then(|values| values.get("DELETE"));
    let said = format!(
        "What a line says is to be done with its values: {} to be deleted, and only MERGE lines are sent.",
        match deletes {
            Some(1) => "1 line has values".to_owned(),
            deletes => format!(
                "{} lines have values",
                count(deletes.copied().unwrap_or_default())
            ),
        }
    );
    let stage = |said, text: String| Stage {
        said,
        text,
        off: false,
    };
    vec![
        stage(
            vec![said],
            format!("filter: row[\"{INSTRUCTION}\"] == \"MERGE\""),
        ),
        stage(Vec::new(), format!("drop: {}", list(&[INSTRUCTION]))),
    ]
}

pub(super) fn stages(found: &Found, names: &Renames<'_>, year: u16) -> String {
    let all = all(found);
    let mut stages = instructions(found, &all);
    stages.extend(unseen(&all));
    stages.extend(formulas(&all));
    stages.extend(sentinels(&all));
    stages.extend(days::dates(&all, year));
    stages.extend(figures::numbers(&all));
    stages.extend(flags(&all));
    stages.extend(nested(&all));
    stages.extend(renames(names));
    let mut text = String::new();
    if stages.is_empty() {
        return text;
    }
    let is_on = stages.iter().any(|stage| !stage.off);
    text.push_str(if is_on { "stages:\n" } else { "# stages:\n" });
    for stage in &stages {
        for said in &stage.said {
            remark(&mut text, "  ", said);
        }
        let off = if stage.off { "# " } else { "" };
        let _ = writeln!(text, "  {off}- {}", stage.text);
    }
    text
}

/// Columns get the names of the properties that they are for, last, so that everything before calls them as the file does.
fn renames(names: &Renames<'_>) -> Vec<Stage> {
    let map = |pairs: &[(&str, &str)]| {
        let pairs: Vec<(String, String)> = (pairs.iter())
            .map(|(column, key)| (scalar(column), scalar(key)))
            .collect();
        let pairs: Vec<(&str, String)> = (pairs.iter())
            .map(|(column, key)| (&**column, key.clone()))
            .collect();
        format!("rename: {}", flow(&pairs))
    };
    let changed = names.certain.iter().filter(|(column, key)| column != key);
    let changed: Vec<(&str, &str)> = changed.copied().collect();
    let mut stages = Vec::new();
    if !changed.is_empty() {
        stages.push(Stage {
            said: vec!["The properties of the data set.".to_owned()],
            text: map(&changed),
            off: false,
        });
    }
    if !names.near.is_empty() {
        stages.push(Stage {
            said: vec![
                "Properties with names that are nearly the same. Are they these?".to_owned(),
            ],
            text: map(&names.near),
            off: true,
        });
    }
    if !names.none.is_empty() {
        stages.push(Stage {
            said: vec![
                "Columns that no property of the data set is like: it takes none of them."
                    .to_owned(),
            ],
            text: format!("drop: {}", list(&names.none)),
            off: true,
        });
    }
    stages
}

/// What is left as it is, and yet should be known.
pub(super) fn remarks(found: &Found) -> String {
    let all = &all(found)[..];
    let mut text = String::new();
    let mut say = |said: &str| remark(&mut text, "", said);
    let names = |is: &dyn Fn(&Known<'_>) -> bool| -> Vec<&str> {
        all.iter()
            .filter(|known| is(known))
            .map(|known| known.name)
            .collect()
    };
    let identifiers = names(&|known| known.decided.kind == Type::Identifier);
    if !identifiers.is_empty() {
        say(&format!(
            "Digits that are names and no numbers, left as they are: {}.",
            identifiers.join(", ")
        ));
    }
    let empty = names(&|known| known.decided.kind == Type::Empty);
    if !empty.is_empty() {
        say(&format!("Without any value: {}.", empty.join(", ")));
    }
    for known in all.iter().filter(|known| known.column.controls > 0) {
        say(&format!(
            "{}: {} with control characters, which can't be sent: their rows are rejected, unless `replace` takes them out.",
            known.name,
            counted(known.column.controls, "cell")
        ));
    }
    for known in all {
        let Decided {
            eaten, zeros_lost, ..
        } = *known.decided;
        if eaten > 0 {
            say(&format!(
                "{}: {} such as 1.2E+15, which a spreadsheet has made of longer ones: their last digits are lost. Export it as \
                 text.",
                known.name,
                counted(eaten, "number")
            ));
        }
        if zeros_lost > 0 {
            say(&format!(
                "{}: {} shorter than the others, which have zeros in front: a spreadsheet may have taken theirs away.",
                known.name,
                match zeros_lost {
                    1 => "1 value is".to_owned(),
                    n => format!("{n} values are"),
                }
            ));
        }
    }
    text
}

fn unseen(all: &[Known<'_>]) -> Vec<Stage> {
    let mut stages = Vec::new();
    let count = |of: fn(&Column) -> u64| all.iter().map(|known| of(known.column)).sum::<u64>();
    let (invisible, blanks) = (
        count(|column| column.invisible),
        count(|column| column.blanks),
    );
    if invisible > 0 {
        stages.push(Stage {
            said: vec![format!(
                "{} with characters that nobody sees.",
                counted(invisible, "cell")
            )],
            text: "normalize:".to_owned(),
            off: false,
        });
    }
    if blanks > 0 {
        stages.push(Stage {
            said: vec![format!(
                "{} with blanks at their ends.",
                counted(blanks, "cell")
            )],
            text: "trim:".to_owned(),
            off: false,
        });
    }
    stages
}

/// Texts that a spreadsheet was to take for text.
fn formulas(all: &[Known<'_>]) -> Option<Stage> {
    let group: Vec<Known<'_>> = all
        .iter()
        .filter(|known| known.column.formulas > 0)
        .copied()
        .collect();
    let each = group
        .iter()
        .map(|known| format!("{} {}", known.name, count(known.column.formulas)));
    let each: Vec<String> = each.collect();
    (!group.is_empty()).then(|| Stage {
        said: vec![format!(
            "Written as formulas of a spreadsheet (`=\"00012\"`): {}.",
            each.join(", ")
        )],
        text: replace(columns(&group).1, "^=\"([^\"]*)\"$", "$1"),
        off: false,
    })
}

/// Puts columns together that get the same settings, in the order in which they come.
fn together<'k, T: PartialEq>(
    all: &[Known<'k>],
    of: impl Fn(&Known<'k>) -> Option<T>,
) -> Vec<(T, Vec<Known<'k>>)> {
    let mut groups: Vec<(T, Vec<Known<'k>>)> = Vec::new();
    for known in all {
        let Some(settings) = of(known) else {
            continue;
        };
        match groups.iter_mut().find(|(other, _)| *other == settings) {
            Some((_, group)) => group.push(*known),
            None => groups.push((settings, vec![*known])),
        }
    }
    groups
}

fn columns(group: &[Known<'_>]) -> (&'static str, String) {
    let names: Vec<&str> = group.iter().map(|known| known.name).collect();
    ("columns", list(&names))
}

fn sentinels(all: &[Known<'_>]) -> Vec<Stage> {
    let certain = together(all, |known| {
        let texts: Vec<&str> = known
            .column
            .none
            .iter()
            .flatten()
            .map(|(text, _)| &**text)
            .collect();
        (!texts.is_empty()).then_some(texts)
    });
    let doubtful = together(all, |known| {
        let texts: Vec<&str> = known.column.doubtful.keys().map(|text| &**text).collect();
        (!texts.is_empty()).then_some(texts)
    });
    let stage = |(texts, group): (Vec<&str>, Vec<Known<'_>>), off: bool| {
        let each = group.iter().map(|known| match off {
            false => format!("{} {}", known.name, count(known.column.sentinels())),
            true => format!(
                "{} {}",
                known.name,
                count(known.column.doubtful.values().sum())
            ),
        });
        let what = if off {
            "Is this no value?"
        } else {
            "Stands for no value:"
        };
        Stage {
            said: vec![format!("{what} {}.", each.collect::<Vec<_>>().join(", "))],
            text: format!(
                "empty: {}",
                flow(&[columns(&group), ("values", list(&texts))])
            ),
            off,
        }
    };
    let certain = certain.into_iter().map(|group| stage(group, false));
    certain
        .chain(doubtful.into_iter().map(|group| stage(group, true)))
        .collect()
}

fn flags(all: &[Known<'_>]) -> Vec<Stage> {
    let groups = together(all, |known| match &known.decided.kind {
        Type::Boolean { yes, no } if known.column.boolean == 0 => Some((yes.clone(), no.clone())),
        _ => None,
    });
    let stage = |((yes, no), group): ((Vec<String>, Vec<String>), Vec<Known<'_>>)| {
        let each = group
            .iter()
            .map(|known| format!("{}: {}", known.name, known.counts()));
        let mut settings = vec![columns(&group)];
        // The stage asks for a word for each: the one that is not there is the other of the pair.
        for (key, words) in [("\"true\"", &yes), ("\"false\"", &no)] {
            if !words.is_empty() {
                settings.push((key, list(words)));
            }
        }
        Stage {
            said: vec![format!(
                "Yes and no. {}.",
                each.collect::<Vec<_>>().join("; ")
            )],
            text: format!("boolean: {}", flow(&settings)),
            off: false,
        }
    };
    groups.into_iter().map(stage).collect()
}

fn nested(all: &[Known<'_>]) -> Vec<Stage> {
    let nested: Vec<Known<'_>> = all
        .iter()
        .filter(|k| k.decided.kind == Type::Nested)
        .copied()
        .collect();
    if nested.is_empty() {
        return Vec::new();
    }
    vec![Stage {
        said: vec!["Objects and arrays, which can't be sent. What becomes of them, `source.json` says (`flatten`, `arrays`).".to_owned()],
        text: format!("drop: {}", columns(&nested).1),
        off: false,
    }]
}
