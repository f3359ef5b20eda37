//! `rostream apply`: exactly what a plan says, or nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;

use super::looked::{Looked, look};
use super::open::{begin, told, usage};
use super::pipeline::{SetArgs, said, token};
use super::turn::TurnArgs;
use super::work::{CommonArgs, Work};
use super::{Exit, Failure, Globals, PipelineArgs};
use crate::config::{Pipeline, process_env};
use crate::report::error::Code;
use crate::report::progress::Progress;
use crate::report::run::RunId;
use crate::state::{Applied, PlanError, PlanFile};

/// Arguments of `rostream apply`.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// The plan, as `rostream plan PIPELINE -o FILE` wrote it.
    plan: PathBuf,
    /// The pipeline file, where it is not any more where the plan was made. It must mean the same.
    #[arg(long, value_name = "PIPELINE")]
    pipeline: Option<String>,
    /// Do what guards stopped, exactly as it was planned: the hash is the plan's.
    #[arg(long, value_name = "HASH")]
    approve: Option<String>,
    #[command(flatten)]
    turn: TurnArgs,
    #[command(flatten)]
    common: CommonArgs,
}

impl ApplyArgs {
    pub(super) fn run(self, globals: &Globals, progress: &Progress) -> Result<Exit, Failure> {
        let opened = open(&self.plan, self.approve.as_deref());
        let opened = opened.and_then(|applied| applied.plan.is_of_one_run().map(|()| applied));
        let applied = told(opened.map_err(refused), self.common.json)?;
        let pipeline = self.pipeline(&applied.plan)?.load(globals)?;
        carry_out(
            applied,
            pipeline,
            &self.turn,
            &self.common,
            globals,
            progress,
        )
    }

    /// The pipeline file with the settings that stood before those of the file.
    fn pipeline(&self, plan: &PlanFile) -> Result<PipelineArgs, Failure> {
        let file = plan.pipeline.file.as_ref();
        let file = file.map(|file| file.to_string_lossy().into_owned());
        let Some(pipeline) = self.pipeline.clone().or(file) else {
            return Err(usage(
                "the pipeline file of this plan came from standard input: name it with --pipeline",
            ));
        };
        let set = plan.pipeline.overrides.clone();
        Ok(PipelineArgs {
            pipeline,
            sets: SetArgs { set },
        })
    }
}

/// The plan in a file, if it may be carried out now.
pub(super) fn open(file: &Path, approve: Option<&str>) -> Result<Applied, PlanError> {
    let plan = PlanFile::read(file)?;
    let approved = plan.is_open(Timestamp::now(), approve)?;
    Ok(Applied {
        plan,
        file: file.to_owned(),
        approved,
    })
}

/// Carries a plan out, if it is one of this pipeline and nothing is in its way.
pub(super) fn carry_out(
    applied: Applied,
    mut pipeline: Pipeline,
    turn: &TurnArgs,
    common: &CommonArgs,
    globals: &Globals,
    progress: &Progress,
) -> Result<Exit, Failure> {
    let run_id = RunId::generate();
    let token = token(&pipeline)?;
    let mut turn = turn.begin(globals)?;
    let plan = &applied.plan;
    let looked = match plan.is_of_pipeline(&pipeline.name, &pipeline.meaning()) {
        Ok(()) => look(&mut pipeline, token.as_ref(), false, turn.stop())?,
        Err(error) => Looked::Wrong(error.into()),
    };
    let mut work = Work::new(&pipeline, common, globals, progress);
    work.token = token;
    work.result_location = pipeline.result_location(&process_env).map_err(said)?;
    work.applies = Some(Arc::new(applied));
    begin(work, run_id, looked, turn)
}

/// A plan that is not carried out, of which there is no report.
pub(super) fn refused(error: PlanError) -> Failure {
    let exit = match error.is_usage() {
        true => Exit::Usage,
        false => Exit::Stopped,
    };
    Failure::of_kind(exit, Code::lasting("plan"), error)
}
