//! rostream streams large HR extracts into Orgvue.

pub mod batch;
pub mod block;
pub mod cli;
pub mod config;
pub mod dates;
pub mod decimal;
pub mod expr;
pub mod format;
pub mod http;
pub mod orgvue;
pub mod pool;
pub mod report;
pub mod rule;
pub mod run;
pub mod sample;
pub mod sandbox;
pub mod scan;
pub mod secret;
pub mod source;
pub mod stage;
pub mod survey;
pub mod units;
pub mod upload;
