//! rostream streams large HR extracts into Orgvue.

pub mod batch;
pub mod cli;
pub mod config;
pub mod orgvue;
pub mod report;
pub mod rule;
pub mod sandbox;
pub mod source;
pub mod stage;
pub mod units;
pub mod upload;
