//! Stages and rules of rows alone: what the rows become goes to whoever asked, and nothing is known of the whole file.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::{JoinHandle, spawn_blocking};

use super::expect::trailers;
use super::extent::Extent;
use super::prepare::rejects_file;
use super::surveyed::without_names;
use super::warned::Warned;
use super::{RunError, bind, reading, source};
use crate::config::{Pipeline, Rejects};
use crate::engine::blocks::{BLOCK, Blocks};
use crate::engine::process::Engine;
use crate::engine::transformed::{Transformed, transformed};
use crate::format::rows::{Form, Rows};
use crate::guard::expect::NotWhole;
use crate::guard::spec::GuardSpec;
use crate::guard::{self, Stop, Totals, too_many};
use crate::orgvue::spec::ActionSpec;
use crate::report::rejects::{Records, RejectsFile};
use crate::source::Source;
use crate::source::spec::ExpectSpec;
use crate::stage::Resources;

/// Pieces that wait for whoever reads the rows.
const AHEAD: usize = 2;

/// How rows are asked for.
pub(crate) struct Wanted {
    pub(crate) form: Form,
    /// Whether file and line of every row follow its columns.
    pub(crate) places: bool,
    /// Where rejected rows go.
    pub(crate) rejects: Rejects,
    /// Threads that process blocks.
    pub(crate) workers: usize,
}

/// Why no rows are to be had, or no more.
#[derive(Debug)]
pub(crate) enum TransformError {
    Run(RunError),
    /// The rows can't be written as they are asked for.
    Form(String),
    /// Nobody takes the rows any more.
    Output(io::Error),
}

impl From<RunError> for TransformError {
    fn from(error: RunError) -> TransformError {
        TransformError::Run(error)
    }
}

/// What became of the rows.
pub(crate) struct Ended {
    pub(crate) read: u64,
    pub(crate) written: u64,
    pub(crate) filtered: u64,
    pub(crate) rejected: u64,
    /// Rows that break rules which do not reject.
    pub(crate) warned: u64,
    /// The rejects file.
    pub(crate) rejects: PathBuf,
    /// Lines that are no records.
    pub(crate) skipped: u64,
    /// What may not have been meant.
    pub(crate) warnings: Vec<String>,
    /// Why the rows are not to be used: what stands behind the last of them was not written.
    pub(crate) stop: Option<Stop>,
}

/// What a pipeline asks for and only the whole source tells, by its names in the file.
pub(crate) fn left_to_the_run(pipeline: &Pipeline) -> Vec<&'static str> {
    let ExpectSpec {
        rows,
        at_least,
        // It is looked at here, too.
        trailer: _,
        done_file,
        settled,
    } = &pipeline.source.expect;
    let counts = rows.is_some() || at_least.is_some();
    let is_there = |(name, there): (&'static str, bool)| there.then_some(name);
    [
        ("expect", counts || done_file.is_some() || settled.is_some()),
        ("as_of", pipeline.as_of.is_some()),
        ("key", pipeline.validate.key.is_some()),
        ("hierarchy", !pipeline.validate.hierarchy.all.is_empty()),
        ("rehires", pipeline.validate.rehires.is_some()),
        (
            "delta",
            matches!(pipeline.import.action, ActionSpec::Delta(_)),
        ),
        ("guard", pipeline.guard != GuardSpec::default()),
        ("implicit_delete", pipeline.import.implicit_delete.is_on()),
    ]
    .into_iter()
    .filter_map(is_there)
    .collect()
}

/// Takes the whole source through stages and rules of rows, and hands what the rows become to `put`, in order and piece
/// by piece. What stands behind the last row comes when the rejects file is in its place, and only where not too many
/// rows were rejected.
///
/// # Errors
/// A source that can't be read, what the pipeline names and the source does not have, a rejects file that can't be
/// written, rows that nobody takes.
pub(crate) async fn transform(
    pipeline: &Pipeline,
    resources: &Resources,
    wanted: &Wanted,
    put: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static,
) -> Result<Ended, TransformError> {
    let source = Arc::new(source(pipeline).await.map_err(RunError::from)?);
    let ended = of(&source, pipeline, resources, wanted, put).await;
    // Threads may read it for a moment longer.
    source.stop();
    ended
}

async fn of(
    source: &Arc<Source>,
    pipeline: &Pipeline,
    resources: &Resources,
    wanted: &Wanted,
    put: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static,
) -> Result<Ended, TransformError> {
    let blocks = Blocks::open(source.clone(), reading(pipeline, BLOCK)).await;
    let blocks = blocks.map_err(RunError::from)?;
    let header = blocks.header().clone();
    let engine = Arc::new(bind(pipeline, &header, resources)?);
    let rows = Rows::new(wanted.form, engine.columns(), wanted.places);
    let rows = Arc::new(rows.map_err(TransformError::Form)?);
    let rejects = rejects_file(&wanted.rejects, &header, &source.paths());
    let rejects = rejects.map_err(RunError::from)?;
    let mut taken = Taken::new(source, rejects);
    let arrangement = header.arrangement();
    let nameless = arrangement.and_then(|of| without_names(&taken.files[0], of));
    let out = Out::begin(put);
    let written = async {
        out.put(rows.header().into()).await?;
        let writers = (rows.clone(), taken.rejects.writer());
        let (from, workers) = (source.clone(), wanted.workers);
        let mut blocks =
            std::pin::pin!(transformed(blocks, from, engine.clone(), writers, workers));
        while let Some(block) = blocks.try_next().await.map_err(RunError::from)? {
            out.put(taken.take(block)?).await?;
        }
        taken.rejects.settle().map_err(RunError::from)?;
        let stop = taken.stop(pipeline, &engine);
        if stop.is_none() {
            out.put(rows.footer().into()).await?;
        }
        Ok::<_, TransformError>(stop)
    };
    let stop = match written.await {
        // Why, only the writer knows.
        Err(TransformError::Output(error)) => {
            out.finish().await?;
            return Err(TransformError::Output(error));
        }
        written => written?,
    };
    out.finish().await?;
    Ok(taken.ended(stop, nameless, pipeline, &engine, header.format()))
}

/// What the blocks so far came to.
struct Taken {
    source: Arc<Source>,
    /// The names of the source's files.
    files: Vec<String>,
    rejects: RejectsFile,
    extent: Extent,
    warned: Warned,
    read: u64,
    written: u64,
    filtered: u64,
}

impl Taken {
    fn new(source: &Arc<Source>, rejects: RejectsFile) -> Taken {
        Taken {
            source: source.clone(),
            files: source.origins().iter().map(|o| o.name.clone()).collect(),
            rejects,
            extent: Extent::default(),
            warned: Warned::default(),
            read: 0,
            written: 0,
            filtered: 0,
        }
    }

    /// Takes in the next block, and gives its rows on.
    fn take(&mut self, block: Transformed) -> Result<Bytes, RunError> {
        let place = (block.file, block.line);
        self.extent.see(&block.batch, place, block.end);
        self.warned.absorb(&block.batch, place);
        let file = &self.files[block.file as usize];
        let records = Records::new(&block.batch, file, block.line);
        self.rejects
            .write_block(&records, Some(block.rejects), &[])?;
        self.read += block.batch.len() as u64;
        self.written += block.page.rows;
        self.filtered += block.filtered;
        Ok(Bytes::from_owner(block.page.bytes))
    }

    /// Why the rows are not to be used.
    fn stop(&self, pipeline: &Pipeline, engine: &Engine) -> Option<Stop> {
        let cut_off = self.cut_off(pipeline).map(Stop::NotWhole);
        cut_off.or_else(|| self.too_many(pipeline, engine))
    }

    /// Whether the last line of a file is missing, or states another number of records than the file has.
    fn cut_off(&self, pipeline: &Pipeline) -> Option<NotWhole> {
        pipeline.source.expect.trailer.as_ref()?;
        match trailers(&self.source, &self.extent) {
            Ok(claims) => guard::expect::decide(claims).1,
            Err(not_whole) => Some(not_whole),
        }
    }

    /// Whether more rows are at fault than the pipeline allows.
    fn too_many(&self, pipeline: &Pipeline, engine: &Engine) -> Option<Stop> {
        let rejected = self.rejects.rejected();
        let totals = Totals {
            read: self.read,
            rejected: rejected.rows(),
            taken_along: rejected.taken_along(),
            broken: self.warned.broken(engine.counted(), &pipeline.sensitive),
            ..Totals::default()
        };
        too_many(pipeline.rejects.at_most, &totals)
    }

    fn ended(
        self,
        stop: Option<Stop>,
        nameless: Option<String>,
        pipeline: &Pipeline,
        engine: &Engine,
        format: &str,
    ) -> Ended {
        let awaiting = &pipeline.source.awaiting;
        let mut warnings = awaiting.remarks(&self.files[0], format);
        warnings.extend(self.source.remarks());
        warnings.extend(nameless);
        warnings.extend(engine.remarks());
        warnings.extend(self.extent.warning(&self.files));
        let rejected = self.rejects.rejected().rows();
        if pipeline.import.implicit_delete.is_on() && rejected > 0 {
            let of_later = "the target deletes whom a run does not name (`implicit_delete`), and a run over these rows \
                            would not know of those that are rejected here: turn it off for that run";
            warnings.push(of_later.to_owned());
        }
        Ended {
            read: self.read,
            written: self.written,
            filtered: self.filtered,
            rejected,
            warned: self.warned.report(&self.files).rows,
            rejects: self.rejects.path().to_owned(),
            skipped: self.extent.skipped(),
            warnings,
            stop,
        }
    }
}

/// Hands pieces to whoever takes them, on a thread of its own: a reader that does not read must not keep the command
/// from being ended.
struct Out {
    pieces: mpsc::Sender<Bytes>,
    writer: JoinHandle<io::Result<()>>,
}

impl Out {
    fn begin(mut put: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static) -> Out {
        let (pieces, mut taken): (_, Receiver<Bytes>) = mpsc::channel(AHEAD);
        let write = move || {
            while let Some(piece) = taken.blocking_recv() {
                put(&piece)?;
            }
            Ok(())
        };
        Out {
            pieces,
            writer: spawn_blocking(write),
        }
    }

    async fn put(&self, piece: Bytes) -> Result<(), TransformError> {
        if piece.is_empty() {
            return Ok(());
        }
        let gone = |_| TransformError::Output(io::ErrorKind::BrokenPipe.into());
        self.pieces.send(piece).await.map_err(gone)
    }

    /// Waits until all is taken.
    async fn finish(self) -> Result<(), TransformError> {
        drop(self.pieces);
        match self.writer.await {
            Ok(written) => written.map_err(TransformError::Output),
            Err(_) => Err(RunError::Interrupted.into()),
        }
    }
}
