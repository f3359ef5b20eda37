//! Numbers: a stage for the columns of each style that is proven, and one in a comment for each that is not.

use std::fmt::Write;

use super::{Known, Stage, columns, together};
use crate::config::yaml::write::{flow, list};
use crate::infer::decide::{Figures, Type, Undecided};
use crate::report::human::{count, counted};

pub(super) fn numbers(all: &[Known<'_>]) -> Vec<Stage> {
    let decided = together(all, |known| match &known.decided.kind {
        Type::Whole(figures) | Type::Decimal(figures) if !figures.native => Some(Figures {
            proofs: 0,
            range: None,
            // Without a fraction anywhere the sign makes no difference, unless the other one stands between thousands.
            decimal: figures.decimal.filter(|sign| *sign == ','),
            ..figures.clone()
        }),
        _ => None,
    });
    let mut stages: Vec<Stage> = Vec::new();
    for (figures, group) in decided {
        let said = group.iter().map(figures_proof).collect();
        stages.push(Stage {
            said,
            text: format!("number: {}", number(&figures, &group)),
            off: false,
        });
    }
    for known in all {
        if let Type::Undecided(undecided) = &known.decided.kind {
            stages.extend(open_numbers(known, undecided));
        }
    }
    stages
}

fn number(figures: &Figures, group: &[Known<'_>]) -> String {
    let (name, names) = columns(group);
    let mut settings = vec![(name, names.clone())];
    let quoted = |sign: char| format!("\"{sign}\"");
    if let Some(sign) = figures.thousands {
        settings.push(("thousands", quoted(sign)));
    }
    if let Some(sign) = figures.decimal {
        settings.push(("decimal", quoted(sign)));
    }
    if !figures.currency.is_empty() {
        settings.push(("currency", list(&figures.currency)));
    }
    if figures.percent {
        settings.push(("percent", "keep".to_owned()));
    }
    if figures.parentheses {
        settings.push(("parentheses", "true".to_owned()));
    }
    if figures.trailing_minus {
        settings.push(("trailing_minus", "true".to_owned()));
    }
    match settings.len() {
        1 => names,
        _ => flow(&settings),
    }
}

fn figures_proof(known: &Known<'_>) -> String {
    let mut said = format!("{}: {}", known.name, known.counts());
    if let Type::Whole(figures) | Type::Decimal(figures) = &known.decided.kind {
        let proven = count(figures.proofs);
        match (figures.decimal, figures.thousands, figures.proofs) {
            (_, _, 0) | (None, None, _) => said.push_str(", whole numbers"),
            (Some(','), ..) => {
                let _ = write!(said, "; in {proven} the comma can only be the decimal sign");
            }
            (_, Some(sign), _) => {
                let _ = write!(
                    said,
                    "; {proven} can only be read with `{sign}` between thousands"
                );
            }
            (Some(_), None, _) => {
                let _ = write!(said, "; in {proven} the point can only be the decimal sign");
            }
        }
    }
    said + "."
}

/// What somebody has to say of numbers.
fn open_numbers(known: &Known<'_>, undecided: &Undecided) -> Vec<Stage> {
    let group = [*known];
    let (said, styles) = match undecided {
        Undecided::Separators { sign, values } => {
            let said = format!(
                "{}: {} with one `{sign}` and three digits behind it, which may be the decimal sign or stand between \
                 thousands: none decides. State it.",
                known.name,
                counted(*values, "number")
            );
            let thousands = Figures {
                thousands: Some(*sign),
                decimal: (*sign == '.').then_some(','),
                ..Figures::default()
            };
            let decimal = Figures {
                decimal: (*sign == ',').then_some(','),
                ..Figures::default()
            };
            (said, vec![thousands, decimal])
        }
        Undecided::Signs { points, commas } => {
            let said = format!(
                "{}: in {} values the point is the decimal sign, and in {} the comma: no single setting reads them all.",
                known.name,
                count(*points),
                count(*commas)
            );
            (said, Vec::new())
        }
        Undecided::Orders { .. } | Undecided::DayNumbers { .. } => return Vec::new(),
    };
    if styles.is_empty() {
        return vec![Stage {
            said: vec![said],
            text: format!("number: {}", list(&[known.name])),
            off: true,
        }];
    }
    let stage = |(at, figures): (usize, &Figures)| Stage {
        said: if at == 0 {
            vec![said.clone()]
        } else {
            Vec::new()
        },
        text: format!("number: {}", number(figures, &group)),
        off: true,
    };
    styles.iter().enumerate().map(stage).collect()
}
