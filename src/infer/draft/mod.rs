//! A pipeline for a file that nobody described: what is proven is a setting, with the counts in the comment above it. What
//! only a person can decide is a setting in a comment, with the counts for and against it.

mod properties;
mod source;
mod stages;

use std::fmt::Write;

use super::Found;
use super::decide::{Decided, Type};
use super::relations::{KeyFacts, Without};
use crate::report::human::{count, counted};

use crate::config::yaml::write::{flow, list, remark, replace, scalar};
use crate::orgvue::wire::ACTION;
use properties::Renames;

/// More rejected rows than this share stop a run that says nothing of them.
const REJECTS: u64 = 4;

/// From so many rows on.
const REJECTS_FROM: u64 = 100;

/// Values of a manager's column that must be found among the keys, of a hundred.
const FOUND: u64 = 95;

/// What a draft is made for, beside the file.
pub(crate) struct For<'a> {
    /// The pipeline's name, and the path of the file for it.
    pub name: &'a str,
    pub path: &'a str,
    /// The year that it is, by which years of two digits are told.
    pub year: u16,
    /// The properties of the data set that the rows are for, where these are known.
    pub properties: Option<&'a [String]>,
}

/// Drafts a pipeline.
pub(crate) fn draft(found: &Found, to: &For<'_>) -> String {
    let names = Renames::of(&found.names, to.properties);
    let parts = [
        head(found, to.name),
        source::source(found, to.path),
        stages::remarks(found),
        stages::stages(found, &names, to.year),
        as_of(found, &names),
        validate(found, &names),
        rejects(found),
        target(found, &names),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("\n")
}

fn head(found: &Found, name: &str) -> String {
    let mut text = String::new();
    let records = counted(found.facts.records, "record");
    remark(
        &mut text,
        "",
        &format!(
            "Drafted by `rostream infer` from {}: {records}, read to the end. What the counts prove is a setting. What stands \
             in a comment as a setting is for somebody who knows the data: take the `#` away from what is right.",
            found.source
        ),
    );
    let _ = writeln!(text, "version: 1\nname: {}", scalar(name));
    if let Some((profile, count)) = found.profile {
        remark(
            &mut text,
            "",
            &format!(
                "{count} of {} columns have names that {profile} gives them; a profile fills up what is not stated here \
                 (docs/profiles.md).",
                found.names.len()
            ),
        );
        let _ = writeln!(text, "# profile: {profile}");
    }
    text
}

/// The column that is the key, where one is filled in all records and different in each, and looks like it.
fn key(found: &Found) -> Option<&KeyFacts> {
    let first = found.relations.keys.first();
    first.filter(|key| key.is_unique() && key.likely)
}

fn as_of(found: &Found, names: &Renames<'_>) -> String {
    let Some(effective) = &found.relations.effective else {
        return String::new();
    };
    let mut text = String::new();
    let key = found
        .relations
        .keys
        .iter()
        .find(|key| key.column == effective.key);
    let (keys, repeated) = key.map_or((0, 0), |key| (key.keys, key.repeated));
    remark(
        &mut text,
        "",
        &format!(
            "{}: {} of {} have a value that an earlier one has, and {} of these the same {}. So a row seems to hold \
             for a time{}. Is one to be sent for each of the {}, the one in force?",
            effective.key,
            count(repeated),
            counted(keys + repeated, "record"),
            count(effective.repeated),
            effective.from,
            if effective.named {
                ""
            } else {
                ", by the values alone: the names do not say so"
            },
            count(keys),
        ),
    );
    let mut settings = format!(
        "# as_of:\n#   key: {}\n#   from: {}\n",
        scalar(names.sent(&effective.key)),
        scalar(names.sent(&effective.from))
    );
    if let Some(to) = &effective.to {
        let _ = writeln!(settings, "#   to: {}", scalar(names.sent(to)));
    }
    text + &settings
}

fn validate(found: &Found, names: &Renames<'_>) -> String {
    let mut text = String::new();
    near(found, &mut text);
    let Some(key) = key(found) else {
        no_key(found, names, &mut text);
        codes(found, names, &mut text, false);
        return text;
    };
    let records = counted(found.facts.records - found.facts.rejected, "record");
    let others: Vec<_> = (found.relations.keys.iter().skip(1))
        .filter(|key| key.is_unique())
        .map(|key| &*key.column)
        .collect();
    let mut said = format!(
        "{}: filled in all of {records}, and another value in each.",
        key.column
    );
    if !others.is_empty() {
        let _ = write!(said, " So is {}.", others.join(", "));
    }
    text.push_str("validate:\n");
    remark(&mut text, "  ", &said);
    let _ = writeln!(text, "  key: {}", scalar(names.sent(&key.column)));
    manager(found, names, key, &mut text);
    codes(found, names, &mut text, true);
    text
}

/// Managers that miss the keys by a little, and the stage that mends it.
fn near(found: &Found, text: &mut String) {
    for near in &found.relations.near {
        let both = list(&[&*near.key, &*near.column]);
        let (what, stage) = match near.without {
            Without::Zeros => ("zeros in front are left out", replace(both, "^0+", "")),
            Without::Case => (
                "large and small letters are the same",
                format!(
                    "case: {}",
                    flow(&[("columns", both), ("to", "upper".to_owned())])
                ),
            ),
            Without::Blanks => ("blanks are left out", replace(both, "\\s+", "")),
            Without::Prefix => (
                "what stands before the digits is left out",
                replace(both, "^\\D+", ""),
            ),
        };
        let said = format!(
            "{}: {} of {} values are found in {} as they are, and {} only where {what}. If they are the same, this stage \
             makes them so.",
            near.column,
            count(near.found),
            count(near.filled),
            near.key,
            count(near.more),
        );
        remark(text, "", &said);
        let _ = writeln!(text, "#   - {stage}");
    }
}

/// What breaks the keys that could be.
fn no_key(found: &Found, names: &Renames<'_>, text: &mut String) {
    let records = counted(found.facts.records - found.facts.rejected, "record");
    if found.relations.keys.is_empty() {
        remark(
            text,
            "",
            "No column is filled and different enough to be the key.",
        );
    }
    for key in &found.relations.keys {
        remark(
            text,
            "",
            &format!(
                "{}: of {records}, {} have no value, and {} a value that an earlier one has; {} are left.",
                key.column,
                count(key.empty),
                count(key.repeated),
                count(key.keys)
            ),
        );
        let _ = writeln!(
            text,
            "# validate: {}",
            flow(&[("key", scalar(names.sent(&key.column)))])
        );
    }
    for manager in &found.relations.managers {
        remark(
            text,
            "",
            &format!(
                "{}: {} of {} values are found in {}.",
                manager.column,
                count(manager.found),
                count(manager.filled),
                manager.key
            ),
        );
    }
}

fn manager(found: &Found, names: &Renames<'_>, key: &KeyFacts, text: &mut String) {
    for manager in found
        .relations
        .managers
        .iter()
        .filter(|m| m.key == key.column)
    {
        let first = found.relations.managers[0].column == manager.column;
        let is_certain = first && manager.named && manager.found * 100 >= manager.filled * FOUND;
        remark(
            text,
            "  ",
            &format!(
                "{}: {} of {} values are found in {}; {} name themselves, and {} nobody.",
                manager.column,
                count(manager.found),
                count(manager.filled),
                manager.key,
                count(manager.own),
                count(manager.roots)
            ),
        );
        let off = if is_certain { "" } else { "# " };
        let _ = writeln!(
            text,
            "  {off}hierarchy: {}",
            flow(&[("parent", scalar(names.sent(&manager.column)))])
        );
    }
}

/// Lists of codes: whether there may be others tomorrow, the file does not tell.
fn codes(found: &Found, names: &Renames<'_>, text: &mut String, within: bool) {
    let each = found
        .names
        .iter()
        .zip(&found.facts.columns)
        .zip(&found.decided);
    let lists = each
        .filter(|(_, decided)| decided.codes)
        .filter_map(|((name, column), _)| {
            let values = column.values.0.as_ref()?;
            let values: Vec<&str> = values.keys().map(|value| &**value).collect();
            let one_of = flow(&[("one_of", list(&values))]);
            Some(format!("{}: {one_of}", scalar(names.sent(name))))
        });
    let lists: Vec<String> = lists.collect();
    if lists.is_empty() {
        return;
    }
    // What is taken out of its comment stands where it belongs.
    let before = if within { "  # " } else { "#   " };
    let indent = if within { "  " } else { "" };
    remark(
        text,
        indent,
        "Columns of few values. Are these all that there may be?",
    );
    text.push_str(if within { "" } else { "# validate:\n" });
    let _ = writeln!(text, "{before}columns:");
    for list in lists {
        let _ = writeln!(text, "{before}  {list}");
    }
}

/// How many rows the draft rejects, at most.
fn rejected(found: &Found) -> u64 {
    let not_fit = |decided: &Decided| match &decided.kind {
        Type::Date(days) if days.short_year => 0,
        Type::Date(_) | Type::Boolean { .. } | Type::Decimal(_) | Type::Whole(_) => {
            decided.values - decided.fit
        }
        _ => 0,
    };
    let of_columns: u64 = found.decided.iter().map(not_fit).sum();
    let controls: u64 = found
        .facts
        .columns
        .iter()
        .map(|column| column.controls)
        .sum();
    (found.facts.rejected + of_columns + controls).min(found.facts.records)
}

fn rejects(found: &Found) -> String {
    let (rejected, records) = (rejected(found), found.facts.records);
    if records < REJECTS_FROM || rejected * 100 <= records * REJECTS {
        return String::new();
    }
    let share = (rejected * 100).div_ceil(records.max(1)) + 1;
    let mut text = String::new();
    remark(
        &mut text,
        "",
        &format!(
            "Up to {} of {} have something that does not fit what is stated here. More than 5 % would stop a run that \
             says nothing of them.",
            counted(rejected, "row"),
            count(records)
        ),
    );
    let _ = writeln!(text, "rejects: {{ at_most: {}% }}", share.min(100));
    text
}

fn target(found: &Found, names: &Renames<'_>) -> String {
    let by = key(found).map(|key| flow(&[("id_key", scalar(names.sent(&key.column)))]));
    let has_action = found.names.iter().any(|name| &**name == ACTION);
    let action = has_action.then(|| flow(&[("column", scalar(ACTION))]));
    let settings = [("action", action.clone()), ("identify_by", by.clone())];
    let settings: Vec<(&str, String)> = (settings.into_iter())
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    let sandbox = match &settings[..] {
        [] => "{}".to_owned(),
        settings => flow(settings),
    };
    let action = action.unwrap_or_else(|| "createOrUpdate".to_owned());
    let by = by.unwrap_or_else(|| "{ id_key: the column of the key }".to_owned());
    format!(
        "target:\n  sandbox: {sandbox}\n  # orgvue:\n  #   base_url: orgvue.eu-west-1.concentra.io\n  #   tenant: ACME\n  \
         #   dataset: 6586F21B-AD4D-4D06-A309-712AF47184A2\n  #   token: {{ env: ORGVUE_TOKEN }}\n  #   action: \
         {action}\n  #   identify_by: {by}\n"
    )
}
