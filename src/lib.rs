//! rostream streams large HR extracts into Orgvue: every row cleaned and checked as a pipeline file says, the
//! good ones uploaded with an exact length and imported, the others written down with line and reason.
//!
//! # For programs
//!
//! [`Pipeline`] loads a pipeline file, checks its data and runs it; an [`OwnStage`] is a stage of one's own behind those
//! of the file. docs/library.md has both, and `examples/` has them to run. [`Cli`] and [`Exit`] are the program's own.
//!
//! # A run
//!
//! Asynchronous at the two ends, plain functions in the middle:
//!
//! ```text
//!    async                    plain functions, one block per worker                          async
//!  ┌────────┐ blocks ┌─────────────────────────────────────────────────────┐ bytes ┌────────────────────────┐
//!  │ source │ ─────▶ │ parse ▸ stages ▸ rules ▸ encode                     │ ────▶ │ pace ▸ upload ▸ import │
//!  └────────┘ bounded└─────────────────────────────────────────────────────┘ordered└────────────────────────┘
//!   open, decompress,         │ rejected rows, counts, keys                          │ ticket, results
//!   decode, cut               ▼                                                      ▼
//!                        survey (what only the whole file knows)                   report
//! ```
//!
//! A run is two passes over this. The *survey* sends nothing: it finds every fault, every key that comes
//! again, and the length and hash of what would be sent; the guards decide here. Then the blocks are
//! processed again and go out as the body of one PUT. If they do not come to the same hash, the connection is
//! cut before the last byte, so that nothing is stored and nothing imported.
//!
//! # The rooms, in the order in which to read them
//!
//! A room uses what stands above its own floor and nothing else; rooms of one floor do not use each other, and no
//! files use each other in a circle. A test reads this table and the source.
//!
//! | room | what it is |
//! |---|---|
//! | **for everybody** | |
//! | `text` | searching bytes, comparing, what nobody sees, dates, decimal numbers |
//! | `settings` | settings with a unit, how much is taken of anything, what is never printed |
//! | `files` | where a run may write |
//! | **the records** | |
//! | `batch` | the records of one block, as columns of spans over one buffer; everything else is written on it |
//! | **beside the records** | |
//! | `expr` | expressions over a row |
//! | `drift` | what of a source has changed since the last accepted run |
//! | `delta` | the store of what the server accepted last, and the difference to it |
//! | `guard` | what the totals decide: whether a run may send, delete, count as done |
//! | `http` | what the clients have in common: hosts, retries, texts; it knows no API |
//! | **how records are written** | |
//! | `format` | CSV and JSON: text into blocks, a block into a batch, a batch into bytes |
//! | **what is done to records** | |
//! | `stage` | what is done to columns: the one trait, the list of stages, a file for each |
//! | `rule` | what rows must satisfy |
//! | **the two ends of a run** | |
//! | `source` | from an address to decoded text: files, patterns, standard input, samples, what servers have |
//! | `upload` | the body's compression and pace, its temporary file, the PUT |
//! | `orgvue` | the API: addresses, import, ticket, results |
//! | `report` | the rejects file, the run report, the progress |
//! | `sandbox` | the imitation of Orgvue, for trying and testing |
//! | **the whole file** | |
//! | `whole` | what only the whole file knows: its keys, which of their rows is in force, the lines of its records |
//! | **the middle** | |
//! | `engine` | blocks through the workers, in order, into the body |
//! | `config` | the pipeline file: as written, as meant, and every problem in its place; it knows the specs of the steps and nothing of how they work |
//! | **what outlives a process** | |
//! | `state` | the ledger of runs and what is sealed in it, approvals, plans |
//! | **a run** | |
//! | `run` | puts the steps together: the two passes, the guards, the sending |
//! | `infer` | what is in a file that nobody described: facts of its columns, and a pipeline drafted from them |
//! | **the program** | |
//! | `cli` | the commands; the only place that prints |
//! | **the doors** | |
//! | `internals` | what tests and benches reach into |
//!
//! # Where things are added
//!
//! - **A stage**: a file in `stage/` with a `*Spec` (what the pipeline file says), its `check` and its `bind`,
//!   and a line in the list `stages!` of [`stage`], which feeds the parser, the schema and the messages. Then its
//!   row in docs/stages.md; a test asks for it.
//! - **A rule of a column**: a field of `rule::spec::ColumnRules`, a file in `rule/column/`, and its variant and its
//!   line in `rule/column/mod.rs`. Then its row in docs/rules.md.
//! - **A source**: a variant of [`source::Input`] and of its `Place`, a file in `source/place/`, a row in
//!   `source/conform.rs`, and in `config/meaning/source.rs` the text that stands for it.
//! - **A command**: see [`cli`].
//!
//! Three kinds of wrong are kept apart: a *problem* of the pipeline file (all are reported, nothing runs), a
//! *rejection* of a row (data: a code and a message, never the value), and an *error* that ends the run (an enum
//! per step, its chain printed once). Values of cells are in the rejects file and in previews alone.

// Here and not for the whole package: tests and benches have no other crates that could reach into them, and they
// may print and give up. What may be used nowhere but in one place is in clippy.toml.
#![warn(unreachable_pub)]
#![warn(clippy::exit, clippy::print_stderr, clippy::print_stdout)]
#![warn(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
#![warn(clippy::allow_attributes, clippy::allow_attributes_without_reason)]
#![warn(clippy::disallowed_methods)]

mod batch;
mod cli;
mod config;

mod delta;
mod drift;
mod engine;
mod expr;
mod files;
mod format;
mod guard;
mod http;
mod infer;
mod orgvue;
mod report;
mod rule;
mod run;
// Without the feature its twin, which has the same face and does not start.
#[cfg_attr(not(feature = "sandbox"), path = "sandbox/disabled.rs")]
mod sandbox;
mod settings;
mod source;
mod stage;
mod state;
mod text;
mod upload;
mod whole;

pub use cli::library::{Counts, Pipeline, Report, RunError};
pub use cli::{Cli, Exit, main};
pub use stage::own::{OwnStage, Rows};

#[doc(hidden)]
pub mod internals;
