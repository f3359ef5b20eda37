//! Dates: a stage for the columns of each format that is proven, and one in a comment for each that is not.

use std::fmt::Write;

use super::{Known, Stage, columns, together};
use crate::config::yaml::write::{flow, replace};
use crate::infer::decide::{Days, Fits, Type, Undecided};
use crate::infer::names;
use crate::report::human::{count, counted};

fn formats(formats: &[String]) -> String {
    match formats {
        [only] => format(only),
        several => format!(
            "[{}]",
            several
                .iter()
                .map(|f| format(f))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

/// A date format: one that is a number is a list to YAML without quotes, and so is one with a comma.
fn format(format: &str) -> String {
    match format.contains(['[', ',', ':', '#']) {
        true => format!("\"{format}\""),
        false => format.to_owned(),
    }
}

pub(super) fn dates(all: &[Known<'_>], year: u16) -> Vec<Stage> {
    let decided = together(all, |known| match &known.decided.kind {
        Type::Date(days) => Some((days.from.clone(), days.language.clone(), days.short_year)),
        _ => None,
    });
    let mut stages: Vec<Stage> = Vec::new();
    for ((from, language, short_year), group) in decided {
        let mut settings = vec![columns(&group), ("from", formats(&from))];
        settings.extend(language.map(|language| ("language", language)));
        let mut said: Vec<String> = group.iter().map(proof).collect();
        if short_year {
            said.push(
                "Years have two digits. Which is the first year that they can mean?".to_owned(),
            );
            let first = year.saturating_sub(99);
            settings.push(("century_from", first.to_string()));
        }
        stages.push(Stage {
            said,
            text: format!("date: {}", flow(&settings)),
            off: short_year,
        });
    }
    for known in all {
        match &known.decided.kind {
            Type::Undecided(undecided) => stages.extend(open_days(known, undecided, year)),
            Type::Whole(_) | Type::Identifier => stages.extend(numbers(known)),
            _ => {}
        }
    }
    stages
}

/// Numbers that may be dates, and whose name does not say so: they stay numbers, unless somebody says what they are.
fn numbers(known: &Known<'_>) -> Option<Stage> {
    let (column, values) = (known.column, known.decided.values);
    let open = |what: String, text: String| Stage {
        said: vec![format!("{}: {what}", known.name)],
        text,
        off: true,
    };
    if names::is_id(known.name) || names::is_amount(known.name) {
        return None;
    }
    let values_said = format!("all of {}", counted(values, "value"));
    let date = |from: &str| {
        let settings = [columns(&[*known]), ("from", from.to_owned())];
        format!("date: {}", flow(&settings))
    };
    let followed = |by: &str| replace(columns(&[*known]).1, "$", by);
    if column.months == values {
        let what = format!(
            "{values_said} may be a year and a month (YYYYMM), and stay as they are. With 01 behind them, `date` reads them \
             as YYYYMMDD."
        );
        return Some(open(what, followed("01")));
    }
    if column.years == values {
        let what = format!(
            "{values_said} may be years, and stay as they are. Are they to be the first day of each?"
        );
        return Some(open(what, followed("-01-01")));
    }
    let epochs = column.dates.0.as_ref()?.get("f")?;
    let (candidate, fits) = epochs
        .formats
        .iter()
        .zip(&epochs.fits)
        .find(|(_, fits)| **fits == values)?;
    let what = format!(
        "{} may be moments, counted from 1970 on ({}), and stay numbers. Are they?",
        counted(*fits, "number"),
        candidate.format(0).trim_matches(['[', ']']),
    );
    Some(open(what, date(&format(&candidate.format(0)))))
}

/// What proves the format of a column.
fn proof(known: &Known<'_>) -> String {
    let Type::Date(days) = &known.decided.kind else {
        return String::new();
    };
    let mut said = format!("{}: {}", known.name, known.counts());
    let Days {
        fits,
        timed,
        moments,
        ..
    } = days;
    if fits
        .iter()
        .any(|one| fits.iter().any(|other| one.order != other.order))
    {
        let each = fits.iter().map(|fits| {
            format!(
                "{} fit {}, {} that alone",
                count(fits.values),
                fits.format,
                count(fits.alone)
            )
        });
        let _ = write!(said, "; {}", each.collect::<Vec<_>>().join("; "));
    }
    if *timed > 0 {
        let _ = write!(
            said,
            "; {} have a time of day, which is left out",
            count(*timed)
        );
    }
    if *moments {
        said.push_str("; these are moments: whose day they become, `zone` says (or the pipeline's `time_zone`)");
    }
    said + "."
}

/// What somebody has to say of dates.
fn open_days(known: &Known<'_>, undecided: &Undecided, year: u16) -> Vec<Stage> {
    match undecided {
        Undecided::Orders { .. } => orders(known, undecided, year),
        Undecided::DayNumbers { values } => {
            let from = ("from", "\"[excel]\"".to_owned());
            vec![Stage {
                said: vec![format!(
                    "{}: {} between 20,000 and 60,000. Are these the day numbers of a workbook?",
                    known.name,
                    counted(*values, "number")
                )],
                text: format!("date: {}", flow(&[columns(&[*known]), from])),
                off: true,
            }]
        }
        Undecided::Separators { .. } | Undecided::Signs { .. } => Vec::new(),
    }
}

/// The formats that read some of the dates, each as a stage for whoever knows.
fn orders(known: &Known<'_>, undecided: &Undecided, year: u16) -> Vec<Stage> {
    let Undecided::Orders {
        formats,
        dates,
        language,
        short_year,
    } = undecided
    else {
        return Vec::new();
    };
    let each = formats.iter().map(|fits| {
        let (values, order, format) = (count(fits.values), fits.order.words(), &fits.format);
        match fits.alone {
            0 => format!("{values} fit {order} ({format})"),
            alone => format!(
                "{values} fit {order} ({format}), {} that alone",
                count(alone)
            ),
        }
    });
    let each = each.collect::<Vec<_>>().join(", ");
    let none = match formats.iter().any(|fits| fits.alone > 0) {
        false => "none decides",
        true => "no single one reads them all",
    };
    let dates = counted(*dates, "date");
    let said = format!("{}: of {dates}, {each}: {none}. State it.", known.name);
    let stage = |(at, fits): (usize, &Fits)| {
        let mut settings = vec![columns(&[*known]), ("from", format(&fits.format))];
        settings.extend(language.clone().map(|language| ("language", language)));
        if *short_year {
            settings.push(("century_from", year.saturating_sub(99).to_string()));
        }
        Stage {
            said: if at == 0 {
                vec![said.clone()]
            } else {
                Vec::new()
            },
            text: format!("date: {}", flow(&settings)),
            off: true,
        }
    };
    formats.iter().enumerate().map(stage).collect()
}
