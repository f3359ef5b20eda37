//! The run report: what a run did, in counts that add up. For machines as JSON, for people as a few
//! lines. Neither holds a cell's value.
//!
//! The order and the names of the JSON's members are part of the interface: members are added, and
//! [`model::REPORT_VERSION`] counts up when one is renamed, removed or changes its meaning. Times are in
//! seconds, sizes in bytes, and what is not known is `null`.

mod aliases;
mod as_of;
mod counts;
mod few;
mod file;
pub(crate) mod hierarchy;
mod memory;
mod metrics;
mod model;
mod plan;
mod rehires;
mod sentence;
mod summary;
#[cfg(test)]
mod tests;
mod text;
mod warned;

pub(crate) use aliases::AliasesReport;
pub(crate) use as_of::{AsOf, Line, Seen};
pub(crate) use counts::{CodeCounts, Mismatch, RowCounts};
pub(crate) use few::Told;
pub(crate) use file::{REPORT_ENDING, ReportError, write_report};
pub(crate) use hierarchy::HierarchyReport;
pub(crate) use memory::peak_memory;
#[cfg(feature = "otel")]
pub(crate) use metrics::Value as MetricValue;
pub(crate) use metrics::{Measure, write_metrics};
pub(crate) use model::{
    Approval, Canary, ColumnReport, Deletions, DeltaReport, DriftFinding, DriftReport,
    GuardDecision, Hash, ImportReport, Items, Outcome, PipelineInfo, PreflightReport, PublicUrl,
    RetryReport, RunId, RunReport, ShardReport, SourceFile, Unchecked, UploadReport, Withheld,
    thousandths,
};
pub(crate) use plan::{PlanReport, PlannedChanges, Total, Verdict};
pub(crate) use rehires::RehiresReport;
pub(crate) use warned::{WarnedCount, WarnedReport};
