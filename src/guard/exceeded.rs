//! Limits that are not kept, and may be approved.

use super::changes::TooMany;
use crate::text::counted;

/// A limit of the section `guard` that is not kept. That may be meant, and so it can be approved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exceeded {
    #[error("the upload names {}, and guard.min_rows asks for {least} at least", counted(*named, "row"))]
    MinRows { named: u64, least: u64 },
    #[error(
        "the upload names {}, and that of the last accepted run named {last}{}: {least} at least are expected \
         ({limit}); if so few are intended, run once with `--set guard.min_rows={named}`",
        counted(*named, "row"),
        if *deletes { format!(", so that {} would be deleted", last - named) } else { String::new() }
    )]
    FewerThanLast {
        named: u64,
        last: u64,
        least: u64,
        limit: String,
        deletes: bool,
    },
    #[error("{0}")]
    TooMany(TooMany),
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
            Exceeded::Lost { .. } => "baseline",
        }
    }
}
