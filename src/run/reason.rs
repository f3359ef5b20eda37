//! Why the server refused a record.

use std::borrow::Cow;
use std::sync::Arc;

use crate::batch::Fault;
use crate::engine::process::Engine;
use crate::orgvue::ItemResult;
use crate::report::rejects::IMPORT_STAGE;

/// Why a record was refused: everything that the server says of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Reason {
    refusals: Vec<Refusal>,
    /// Whether it passes by itself.
    pub passing: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Refusal {
    code: String,
    /// The column that it is about, where the server names one that was sent; else empty.
    column: Arc<str>,
    /// What the source calls it, where that is another name.
    source: Option<Arc<str>>,
    message: String,
}

impl Refusal {
    fn new(code: &str, message: &str) -> Refusal {
        Refusal {
            code: code.to_owned(),
            column: Arc::from(""),
            source: None,
            message: message.to_owned(),
        }
    }
}

impl Reason {
    /// Which of the reasons it was is not told here.
    pub(super) fn untold(passing: bool) -> Reason {
        let message = "refused by the server; its reason is in the results";
        Reason {
            refusals: vec![Refusal::new("failed", message)],
            passing,
        }
    }

    /// What a result says. Columns are those that the engine knows.
    pub(super) fn of(result: &ItemResult, engine: Option<&Engine>) -> Reason {
        const NO_REASON: &str = "refused by the server without a reason";
        let status = result.status.as_deref().unwrap_or("failed");
        let refusals = result.errors.iter().map(|error| {
            let code = [&*error.name, &*error.code, status];
            let message = match error.message.is_empty() {
                true => NO_REASON,
                false => &*error.message,
            };
            let column = error.property.as_deref().and_then(|name| {
                let columns = engine?.columns();
                columns.need(name).ok().map(|(name, _)| name)
            });
            let source = column.as_ref().and_then(|name| engine?.source_of(name));
            Refusal {
                column: column.unwrap_or_default(),
                source: source.cloned(),
                ..Refusal::new(
                    code.into_iter()
                        .find(|code| !code.is_empty())
                        .unwrap_or(status),
                    message,
                )
            }
        });
        let mut refusals: Vec<Refusal> = refusals.collect();
        if refusals.is_empty() {
            refusals.push(Refusal::new(status, NO_REASON));
        }
        Reason {
            refusals,
            passing: result.is_passing(),
        }
    }

    /// As faults of a row.
    pub(super) fn faults(&self, row: u32) -> Vec<Fault> {
        let fault = |refusal: &Refusal| Fault {
            row,
            stage: IMPORT_STAGE,
            column: refusal.column.clone(),
            source: refusal.source.clone(),
            code: Cow::Owned(refusal.code.clone()),
            message: Cow::Owned(refusal.message.clone()),
        };
        self.refusals.iter().map(fault).collect()
    }
}
