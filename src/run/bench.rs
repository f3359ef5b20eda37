//! The bench: how long every step takes on a pipeline's own source, and how fast the whole is.
//!
//! The steps are timed one by one on one thread, where each block goes through all of them before the
//! next is read, as in a run. The whole is the run itself: survey alone, and up to the end of the
//! upload to a target in this process. Neither the pipeline's target nor its rejects file is touched.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

use super::{Basis, Job, RunError, bind, reading, source};
use crate::batch::RowState;
use crate::config::Pipeline;
use crate::engine::EngineError;
use crate::engine::blocks::Blocks;
use crate::guard::spec::{GuardSpec, ImplicitDelete};
use crate::orgvue::Connection;
use crate::orgvue::hosts::hosts;
use crate::report::progress::Progress;
use crate::report::run::{PipelineInfo, RunId, RunReport};
use crate::sandbox::null::NullTarget;
use crate::settings::units::Amount;
use crate::source::spec::ExpectSpec;
use crate::stage::Resources;

/// A pipeline to be measured.
pub(crate) struct Bench {
    pipeline: Pipeline,
    resources: Resources,
    workers: usize,
    block: usize,
    /// Holds the rejects of the runs, and is deleted with them.
    _folder: tempfile::TempDir,
}

/// How long one step took over the whole source.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// `source` (reading, decompressing and splitting), `parse`, the stages by their names, `rules`,
    /// `encode`, `keys` and `hash`.
    pub name: String,
    pub time: Duration,
}

/// What one pass over the source, step by step, found.
#[derive(Clone, Debug)]
pub(crate) struct Steps {
    /// The steps in order. What a pipeline does not do is not there.
    pub steps: Vec<Step>,
    /// The rules among them, one by one, in the order in which they are asked.
    pub rules: Vec<Step>,
    /// Rows.
    pub rows: Rows,
    /// Decoded text of all records in bytes.
    pub text: u64,
}

/// What became of the rows, as far as one block alone can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Rows {
    /// Rows read.
    pub read: u64,
    /// Rows that a filter left out.
    pub filtered: u64,
    /// Rows that stages and rules found fault with.
    pub rejected: u64,
}

/// How long a run took, up to the end of the upload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// From the start to the end of the upload.
    pub whole: Duration,
    pub upload: Duration,
    /// The body in bytes.
    pub body: u64,
}

/// The middle of several times, and the ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spread {
    /// Half of them are shorter.
    pub median: Duration,
    pub min: Duration,
    pub max: Duration,
}

impl Spread {
    /// The spread of these times; zero where there are none.
    pub(crate) fn of(times: impl IntoIterator<Item = Duration>) -> Spread {
        let mut times: Vec<_> = times.into_iter().collect();
        times.sort();
        let middle = times.len() / 2;
        let median = match times.as_slice() {
            [] => Duration::ZERO,
            times if times.len() % 2 == 0 => (times[middle - 1] + times[middle]) / 2,
            times => times[middle],
        };
        Spread {
            median,
            min: times.first().copied().unwrap_or_default(),
            max: times.last().copied().unwrap_or_default(),
        }
    }
}

/// Adds up times by step, in the order in which the steps are first met.
struct Clock {
    steps: Vec<Step>,
    at: usize,
    last: Instant,
}

impl Clock {
    fn new() -> Clock {
        Clock {
            steps: Vec::new(),
            at: 0,
            last: Instant::now(),
        }
    }

    /// Books the time since the last call on the next step.
    fn lap(&mut self, name: &str) {
        let now = Instant::now();
        let time = now - self.last;
        match self.steps.get_mut(self.at) {
            Some(step) => step.time += time,
            None => self.steps.push(Step {
                name: name.to_owned(),
                time,
            }),
        }
        self.at += 1;
        self.last = Instant::now();
    }

    fn rewind(&mut self) {
        self.at = 0;
        self.last = Instant::now();
    }
}

/// Whether a pipeline's source can be read as often as it takes; a stream can't.
///
/// # Errors
/// A source that isn't there.
pub(crate) async fn can_repeat(pipeline: &Pipeline) -> Result<bool, RunError> {
    Ok(source(pipeline).await?.can_repeat())
}

impl Bench {
    /// Makes a pipeline ready to be measured: without its limits (of rate, of rejects), without its
    /// callback, and with its rejects in a folder that goes when this is dropped.
    ///
    /// # Errors
    /// The folder can't be made.
    pub(crate) fn new(
        mut pipeline: Pipeline,
        resources: Resources,
        workers: usize,
        block: usize,
    ) -> std::io::Result<Bench> {
        let folder = tempfile::Builder::new()
            .prefix("rostream-bench-")
            .tempdir()?;
        pipeline.rejects.path = folder.path().join("rejects.csv");
        pipeline.rejects.withheld = folder.path().join("withheld.csv");
        pipeline.rejects.workbook = None;
        pipeline.rejects.at_most = Some(Amount::Percent(100.0));
        pipeline.upload.rate = None;
        pipeline.import.callback = None;
        // A guard that asks for rows would end a run of which nothing is imported.
        pipeline.import.implicit_delete = ImplicitDelete::Off;
        pipeline.guard = GuardSpec::default();
        pipeline.source.expect = ExpectSpec {
            // Its line is no record, whatever it states.
            trailer: pipeline.source.expect.trailer,
            ..ExpectSpec::default()
        };
        Ok(Bench {
            pipeline,
            resources,
            workers,
            block,
            _folder: folder,
        })
    }

    /// The pipeline as it is measured.
    pub(crate) fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Goes through the source step by step on this thread.
    ///
    /// # Errors
    /// What would end a run.
    pub(crate) async fn steps(&self) -> Result<Steps, RunError> {
        let source = Arc::new(source(&self.pipeline).await?);
        let mut clock = Clock::new();
        let mut rule_clock = Clock::new();
        let mut blocks = Blocks::open(source.clone(), reading(&self.pipeline, self.block)).await?;
        let opened = clock.last.elapsed();
        let engine = bind(&self.pipeline, blocks.header(), &self.resources)?;
        blocks = blocks.with_texts(&engine.pools().texts);
        let names = unique(engine.stages().map(|(name, _)| name));
        let mut whole = engine.whole_file_rules();
        let mut rows = Rows::default();
        let mut text = 0;
        loop {
            clock.rewind();
            let block = blocks.next().await?;
            clock.lap("source");
            let Some(block) = block else { break };
            text += block.bytes.len() as u64;
            let mut batch = engine
                .parse(block)
                .map_err(|e| EngineError::in_block(&source, e))?;
            engine.widen(&mut batch);
            engine.see_filtered(&mut batch);
            clock.lap("parse");
            for ((_, stage), name) in engine.stages().zip(&names) {
                stage.apply(&mut batch);
                clock.lap(name);
            }
            rule_clock.rewind();
            engine.check_and(&mut batch, |rule| rule_clock.lap(&rule.to_string()));
            clock.lap("rules");
            let encoded = engine.encode(&mut batch);
            clock.lap("encode");
            if engine.has_whole_file_rules() {
                let facts = engine.facts(&batch, &encoded, None);
                whole.see(rows.read as u32, batch.len(), &facts)?;
                clock.lap("keys");
            }
            std::hint::black_box(xxh3_128(&encoded.bytes));
            clock.lap("hash");
            rows.read += batch.len() as u64;
            for row in 0..batch.len() {
                match batch.state(row) {
                    RowState::In | RowState::Unchanged => {}
                    RowState::Filtered | RowState::Aside => rows.filtered += 1,
                    RowState::Rejected => rows.rejected += 1,
                }
            }
        }
        if rows.read == 0 {
            return Err(RunError::NoRecords(source.names()));
        }
        let mut steps = clock.steps;
        steps[0].time += opened;
        Ok(Steps {
            steps,
            rules: rule_clock.steps,
            rows,
            text,
        })
    }

    /// Runs the survey: the whole source through stages, rules and what only the whole file knows.
    ///
    /// # Errors
    /// What would end a run.
    pub(crate) async fn survey(&mut self) -> Result<Duration, RunError> {
        let started = Instant::now();
        self.run(None).await?;
        Ok(started.elapsed())
    }

    /// Runs the whole job into a target, and throws away what the target says of it. Nothing where no
    /// row is left to send.
    ///
    /// # Errors
    /// What would end a run.
    pub(crate) async fn send(&mut self, connection: Connection) -> Result<Option<Sent>, RunError> {
        let report = self.run(Some(connection)).await?;
        Ok(report.seconds.to_end_of_upload.map(|whole| Sent {
            whole,
            upload: report.seconds.upload.unwrap_or_default(),
            body: report.bytes.body,
        }))
    }

    async fn run(&mut self, connection: Option<Connection>) -> Result<RunReport, RunError> {
        let file = PipelineInfo {
            name: self.pipeline.name.clone(),
            file: (&*self.pipeline.file).into(),
        };
        let mut report = RunReport::new(RunId::generate(), file, Timestamp::now());
        let job = Job {
            preflight: None,
            first: None,
            detach: false,
            to: None,
            ledger: None,
            again: None,
            basis: Basis::new(self.pipeline.today()),
            delta: None,
            planned: None,
            kept: None,
            drift: None,
            pipeline: &self.pipeline,
            connection,
            resources: std::mem::take(&mut self.resources),
            workers: self.workers,
            block: self.block,
            progress: Progress::silent(),
        };
        let ended = super::run(&job, &mut report).await;
        let Job { resources, .. } = job;
        self.resources = resources;
        ended.map(|()| report)
    }
}

/// Where the null target is, as any other tenant.
///
/// # Errors
/// Never, as long as its address is a URL.
pub(crate) fn connection(target: &NullTarget) -> Result<Connection, RunError> {
    let base = target
        .base_url()
        .parse()
        .map_err(|_| RunError::Defect("the address of the null target is not a URL"))?;
    Ok(Connection {
        result_location: None,
        hosts: hosts(&base, Vec::new(), false),
        base,
        tenant: "NULL".to_owned(),
        dataset: uuid::Uuid::nil().to_string(),
        token: target.token(),
    })
}

/// Names that come again get a number: two stages of one kind are two steps.
pub(super) fn unique<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut seen: Vec<&str> = Vec::new();
    names
        .map(|name| {
            seen.push(name);
            match seen.iter().filter(|&&n| n == name).count() {
                1 => name.to_owned(),
                n => format!("{name} {n}"),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_ends() {
        let check = |times: &[u64], expected: (u64, u64, u64)| {
            let ms = Duration::from_millis;
            let spread = Spread::of(times.iter().map(|&t| ms(t)));
            let (median, min, max) = expected;
            let expected = Spread {
                median: ms(median),
                min: ms(min),
                max: ms(max),
            };
            assert_eq!(spread, expected, "{times:?}");
        };
        check(&[], (0, 0, 0));
        check(&[5], (5, 5, 5));
        check(&[9, 1], (5, 1, 9));
        check(&[7, 9, 1], (7, 1, 9));
    }

    #[test]
    fn stages_of_one_kind_are_told_apart() {
        let names = unique(["date", "trim", "date", "date"].into_iter());
        assert_eq!(names, ["date", "trim", "date 2", "date 3"]);
    }

    #[test]
    fn a_clock_adds_up_by_step() {
        let mut clock = Clock::new();
        for _ in 0..2 {
            clock.rewind();
            clock.lap("a");
            clock.lap("b");
        }
        clock.rewind();
        clock.lap("a");
        let names: Vec<_> = clock.steps.iter().map(|s| &*s.name).collect();
        assert_eq!(names, ["a", "b"]);
    }
}
