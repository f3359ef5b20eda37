//! What outlives a process: the ledger of runs, and what is sealed in it.

pub(crate) mod approval;
pub(crate) mod entry;
pub(crate) mod error;
pub(crate) mod folder;
pub(crate) mod last;
pub(crate) mod ledger;
pub(crate) mod lock;
pub(crate) mod plan;
mod retention;
pub(crate) mod rows;
pub(crate) mod seal;
pub(crate) mod shards;
mod sources;

pub(crate) use approval::{Approval, ApprovalError, Plan};
pub use entry::Entry;
pub(crate) use error::LedgerError;
pub use folder::Folder;
pub(crate) use last::whose;
pub(crate) use ledger::Ledger;
pub(crate) use plan::{Applied, Content, PlanError, PlanFile};
