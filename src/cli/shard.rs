//! A part of the rows, where several processes share them.

use clap::Args;

use super::Failure;
use super::open::usage;
use super::pipeline::said;
use crate::config::Pipeline;
use crate::guard::spec::OnExceed;
use crate::settings::shard::{Nth, Shard};
use crate::source::Input;
use crate::text::shown::shell_word;
use crate::upload::spec::Length;

/// Which part of the rows a command is about.
#[derive(Debug, Args)]
pub(super) struct ShardArgs {
    /// Only the rows of one of N shards, from 1: 3/8 is the third of eight. A hash of `validate.key` tells which shard a row
    /// is in. Every shard reads the whole source, and leaves the rows of the others out.
    #[arg(long, value_name = "I/N")]
    shard: Option<Nth>,
    /// Seed of that hash: the same for all shards.
    #[arg(long, value_name = "SEED", default_value_t = 0, requires = "shard")]
    shard_seed: u64,
}

impl ShardArgs {
    pub(super) fn part(&self) -> Option<Shard> {
        self.shard.map(|nth| nth.seeded(self.shard_seed))
    }

    /// The pipeline for that part of its rows.
    ///
    /// # Errors
    /// It can't be shared out.
    pub(super) fn of(&self, pipeline: Pipeline) -> Result<Pipeline, Failure> {
        match self.part() {
            Some(shard) => {
                is_possible(&pipeline)?;
                Ok(pipeline.sharded(shard))
            }
            None => Ok(pipeline),
        }
    }

    /// A shard that is to be run, and was not checked together with the others.
    pub(super) fn without_plan(&self, Shard { of, .. }: Shard, pipeline: &str) -> Failure {
        let pipeline = shell_word(pipeline);
        let seed = seed_option(self.shard_seed);
        usage(format_args!(
            "--shard: a shard is run by a plan of all of them, so that nothing is sent before everything is checked, and of \
             one pipeline at a time:\n  \
             rostream check {pipeline} --shard I/{of}{seed}, for each I from 1 to {of}\n  \
             rostream report merge DIR -o plan.json, where the reports of all checks are in DIR\n  \
             rostream run {pipeline} --shard I/{of}{seed} --plan plan.json, for each I from 1 to {of}"
        ))
    }
}

/// How a command line states the seed, where it must: ` --shard-seed 7`.
pub(super) fn seed_option(seed: u64) -> String {
    match seed {
        0 => String::new(),
        seed => format!(" --shard-seed {seed}"),
    }
}

/// Whether rows of a pipeline can be shared out.
fn is_possible(pipeline: &Pipeline) -> Result<(), Failure> {
    let is_once = pipeline.source.inputs.iter().any(Input::is_once);
    let refused = [
        (
            pipeline.validate.key.is_none(),
            "validate",
            "a shard has the rows of some keys, and no `validate.key` says which column that is: all rows of a person must be \
             in one shard",
        ),
        (
            pipeline.import.implicit_delete.is_on(),
            "target.orgvue.implicit_delete",
            "`implicit_delete` deletes everyone whom an upload does not name, so that each shard would delete the people of \
             all others",
        ),
        (
            pipeline.store().is_some(),
            "target.orgvue.action",
            "with `action: { delta: PATH }` whoever is in no row is deleted, so that each shard would delete the people of \
             all others",
        ),
        (
            pipeline.guard.on_exceed == OnExceed::WithholdDeletes,
            "guard.on_exceed",
            "`withhold_deletes` sends something else than was checked; a plan of shards is approved instead",
        ),
        (
            pipeline.length() == Length::Chunked,
            "upload.length",
            "`chunked` sends rows before all of them are checked",
        ),
        (
            is_once,
            "source",
            "every shard reads the whole source, and this one can be read once only: write it into a file first",
        ),
    ];
    match refused.into_iter().find(|(is_so, ..)| *is_so) {
        Some((_, path, why)) => {
            let what = format!("--shard: {why}");
            Err(said(pipeline.problem_within(path, &what, what.clone())))
        }
        None => Ok(()),
    }
}
