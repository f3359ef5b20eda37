//! rostream streams large HR extracts into Orgvue: every row cleaned and checked as a pipeline file says, the
//! good ones uploaded with an exact length and imported, the others written down with line and reason.
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
//! # The modules, in the order in which to read them
//!
//! | module | what it is |
//! |---|---|
//! | [`batch`] | the records of one block, as columns of spans over one buffer; everything else is written on it |
//! | [`stage`] | what is done to columns: the one trait, the list of stages, a file for each |
//! | [`rule`] | what rows must satisfy |
//! | [`source`] | from an address to decoded text: files, patterns, standard input, samples |
//! | [`block`] | cuts text into blocks that end where records end |
//! | [`mod@format`] | CSV and JSON: a block into a batch, a batch into bytes |
//! | [`survey`] | what only the whole file knows: its keys, the lines of its records |
//! | [`upload`] | the body's compression and pace, its temporary file, the PUT |
//! | [`orgvue`] | the API: addresses, import, ticket, results |
//! | [`report`] | the rejects file, the run report, the progress |
//! | [`run`] | puts the steps together: the two passes, the ordered workers, the guards; the ledger, to be resumed |
//! | [`config`] | the pipeline file: as written, as meant, and every problem in its place |
//! | [`cli`] | the commands; the only place that prints |
//! | [`sandbox`] | the imitation of Orgvue, for trying and testing |
//!
//! Leaves that the steps share: [`units`] (settings with a unit), [`limits`] (how much is taken), [`dates`], [`decimal`], [`expr`] (expressions),
//! [`scan`] (searching bytes), [`pool`] (buffers used again), [`secret`] (what is never printed), [`http`] (what
//! the clients have in common), [`folder`] (where a run may write) and [`sample`] (made-up people).
//!
//! The steps do not use each other; `run` does. `config` knows what they take from the pipeline file, and nothing
//! of how they work.
//!
//! # Where things are added
//!
//! - **A stage**: a file in `stage/` with a `*Spec` (what the pipeline file says), its `check` and its `bind`,
//!   and a line in the list `stages!` of [`stage`], which feeds the parser, the schema and the messages. Then its
//!   row in the README's table; a test asks for it.
//! - **A rule of a column**: a field of [`rule::ColumnRules`], and its check in `rule/column.rs`.
//! - **A source**: a variant of [`source::Input`], its opening in [`source::Source::open`], and in
//!   `config/meaning.rs` the text that stands for it.
//! - **A command**: see [`cli`].
//!
//! Three kinds of wrong are kept apart: a *problem* of the pipeline file (all are reported, nothing runs), a
//! *rejection* of a row (data: a code and a message, never the value), and an *error* that ends the run (an enum
//! per step, its chain printed once). Values of cells are in the rejects file and in previews alone.

// Here and not for the whole package: tests and benches have no other crates that could reach into them.
#![warn(unreachable_pub)]

mod batch;
mod cli;
mod config;
mod engine;
mod expr;
mod files;
mod format;
mod guard;
mod http;
mod orgvue;
mod report;
mod rule;
mod run;
mod sandbox;
mod settings;
mod source;
mod stage;
mod state;
mod text;
mod upload;
mod whole;

pub use cli::{Cli, Exit};

#[doc(hidden)]
#[allow(missing_docs, reason = "documented where they are defined")]
pub mod internals;
