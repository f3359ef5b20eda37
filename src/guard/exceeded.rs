//! Limits that are not kept, and may be approved.

use super::changes::TooMany;
use super::turnover::Turnover;
use crate::text::counted;

/// A limit of the section `guard` that is not kept. That may be meant, and so it can be approved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exceeded {
    #[error("the upload names {}, and guard.min_rows asks for {least} at least", counted(*named, "row"))]
    MinRows { named: u64, least: u64 },
    #[error(
        "the upload names {}, and {} {last}{}: {least} at least are expected ({limit}){}",
        counted(*named, "row"),
        if *by_store { "the people that the store knows are" } else { "that of the last accepted run named" },
        if *deletes { format!(", so that {} would be deleted", last - named) } else { String::new() },
        match named {
            // There is nothing to be intended.
            0 => String::new(),
            named => format!("; if so few are intended, run once with `--set guard.min_rows={named}`"),
        }
    )]
    FewerThanLast {
        named: u64,
        last: u64,
        /// Whether it is the store that tells how many there were, and no run.
        by_store: bool,
        least: u64,
        limit: String,
        deletes: bool,
    },
    #[error("{0}")]
    TooMany(TooMany),
    #[error("{0}")]
    Turnover(Turnover),
    #[error(
        "{why}, though a run was accepted before this one: what would change can't be counted{}",
        match &guards[..] {
            [] => String::new(),
            guards => {
                let guards: Vec<String> = guards.iter().map(|guard| format!("guard.{guard}")).collect();
                format!(", which {} asks for", guards.join(", "))
            }
        }
    )]
    Lost { why: String, guards: Vec<String> },
}

impl Exceeded {
    /// The guard's name.
    pub(crate) fn guard(&self) -> &'static str {
        match self {
            Exceeded::MinRows { .. } | Exceeded::FewerThanLast { .. } => "min_rows",
            Exceeded::TooMany(too_many) => too_many.guard,
            Exceeded::Turnover(_) => "turnover",
            Exceeded::Lost { .. } => "baseline",
        }
    }
}
