//! `rostream plan`: what a run would do, written down.

use std::path::{Path, PathBuf};

use clap::Args;

use super::open::usage;
use super::page::page_may_be_at;
use super::planned::Out;
use super::run::{Only, check};
use super::work::{CommonArgs, Task};
use super::{Exit, Failure, Globals, PipelineArgs};
use crate::report::progress::Progress;
use crate::source::Input;
use crate::state::PlanFile;
use crate::text::chain;

/// Arguments of `rostream plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// Write the plan into this file, which only its owner may read, for `rostream apply`; `-` is stdout. Without it, the
    /// plan is shown.
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write what would be done into this file as a page, too, for people.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Ask the tenant, too: token, data set, properties. Nothing is sent all the same.
    #[arg(long)]
    connect: bool,
    #[command(flatten)]
    common: CommonArgs,
}

impl PlanArgs {
    pub(super) fn run(self, globals: &Globals, progress: &Progress) -> Result<Exit, Failure> {
        let out = match self.out {
            None => Out::Nowhere,
            Some(path) if path == Path::new("-") => Out::Stdout,
            Some(path) => Out::File(path),
        };
        match &out {
            Out::Stdout if self.common.json => {
                return Err(usage(
                    "-o - writes the plan to stdout, and --json the report: only one of them can go there",
                ));
            }
            Out::File(path) => {
                PlanFile::may_be_at(path).map_err(|error| usage(chain(&error)))?;
            }
            Out::Stdout | Out::Nowhere => {}
        }
        if let Some(path) = &self.html {
            page_may_be_at(path)?;
        }
        let pipeline = self.pipeline.load(globals)?;
        if pipeline.source.inputs.iter().any(Input::is_once) {
            return Err(usage(
                "a plan is carried out by reading the source again, and standard input, or what a command writes, can be \
                 read once only: write it into a file first",
            ));
        }
        // Which data set it is about belongs to a plan.
        let connect = self.connect || pipeline.names_its_dataset();
        let page = self.html;
        let only = Only {
            task: Task::Plan { out, page },
            connect,
            reports: true,
        };
        check(pipeline, only, &self.common, globals, progress, None)
    }
}
