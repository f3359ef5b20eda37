//! rostream streams large HR extracts into Orgvue.

pub mod batch;
pub mod block;
pub mod config;
pub mod format;
pub mod orgvue;
pub mod report;
pub mod rule;
pub mod sandbox;
pub mod scan;
pub mod source;
pub mod stage;
pub mod survey;
pub mod units;
pub mod upload;
