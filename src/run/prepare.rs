//! A pipeline made ready: its tables read, its source found and opened, its stages and rules bound to the header.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::tables::{aliases_error, table_error};
use super::{Job, RunError};
use crate::config::{Pipeline, Place, Problem, Rejects};
use crate::engine;
use crate::engine::bind::{Terms, Unbound, named};
use crate::engine::blocks::Blocks;
use crate::engine::process::Engine;
use crate::format::closing::Closing;
use crate::format::csv::Delimiter;
use crate::format::json::{self, Layout};
use crate::format::{Header, Reading, RecordFormat};
use crate::report::rejects::{self, RejectsError, RejectsFile};
use crate::source::spec::SourceFormat;
use crate::source::{Source, SourceError};
use crate::stage::{Resources, StageSpec};
use crate::text::chain;

/// A pipeline bound to its source, before the first record is read.
pub(super) struct Prepared {
    pub source: Arc<Source>,
    pub reading: Reading,
    pub header: Header,
    pub engine: Arc<Engine>,
}

impl Drop for Prepared {
    fn drop(&mut self) {
        // Threads may read the source for a moment longer, and whoever ends the run waits for none of them.
        self.source.stop();
    }
}

/// What the first pass uses up: the source, opened for its header, and the rejects file.
pub(super) struct First {
    pub blocks: Blocks,
    pub rejects: RejectsFile,
    /// Whether the faults of every row are asked for.
    pub witness: bool,
}

/// Finds and opens the source, binds the pipeline to it, and makes the file for the rows that are rejected.
///
/// # Errors
/// A source that can't be read, what the pipeline names and the source does not have, a folder that can't be used.
pub(super) async fn prepare(
    job: &Job<'_>,
    rejects: &Rejects,
) -> Result<(Prepared, First), RunError> {
    let pipeline = job.pipeline;
    let binds = job.planned.is_some() || job.basis.applied.is_some();
    let source = Arc::new(source(pipeline).await?.hashed(binds));
    let reading = reading(pipeline, job.block);
    let blocks = Blocks::open(source.clone(), reading.clone()).await?;
    let header = blocks.header().clone();
    if header.is_of_rejects() && pipeline.import.implicit_delete.is_on() {
        return Err(RunError::Unmended {
            file: source.origins()[0].name.clone(),
            pipeline: pipeline.file.to_string(),
        });
    }
    let mut engine = bind(pipeline, &header, &job.resources)?.of_shard(pipeline.shard);
    let (stages, resources) = (stages(pipeline), &job.resources);
    if let Some(delta) = &job.delta {
        engine = engine.comparing(&delta.baseline, &terms(pipeline, &stages, resources));
    } else {
        if let Some(kept) = &job.kept {
            let terms = terms(pipeline, &stages, resources);
            engine = engine.comparing_for_guards(&kept.baseline, &terms);
        }
        if job.only_checks() {
            engine = engine.measuring();
        }
    }
    are_sent(pipeline, &engine)?;
    let drift = job.drift.as_deref();
    if let Some(lookout) =
        drift.and_then(|drift| drift.lookout(pipeline, &reading, &header, &engine))
    {
        engine = engine.looking(lookout);
    }
    let engine = Arc::new(engine);
    let paths = source.paths();
    // `check` writes files of its own, and yet says what a run would say of those that are stated.
    let stated = &pipeline.rejects;
    let named = rejects_header(&header).named(&stated.path);
    let mut replaced = std::iter::once(&named).chain(&stated.workbook);
    let replaced = replaced.try_for_each(|path| rejects::may_be_replaced(path, &paths));
    let rejects = match replaced {
        // Rejects that are read in the place of the source are not written over.
        Err(RejectsError::IsSource { .. }) if header.is_of_rejects() => stated.of_mend(rejects),
        replaced => replaced.map(|()| rejects.clone())?,
    };
    let rejects = rejects_file(&rejects, &header, &paths)?;
    let prepared = Prepared {
        source,
        reading,
        header,
        engine,
    };
    let first = First {
        blocks,
        rejects,
        witness: false,
    };
    Ok((prepared, first))
}

/// Whether the columns that are sensitive are among those that are sent: a name that is wrong would protect nobody.
fn are_sent(pipeline: &Pipeline, engine: &Engine) -> Result<(), RunError> {
    // Where the header may hold data its names are not told, and neither is what is told by column.
    let sent: Option<Vec<_>> = engine.sent_names().into_iter().collect();
    let (Some(sent), false) = (sent, pipeline.sensitive.is_empty()) else {
        return Ok(());
    };
    let sensitive = pipeline.sensitive.iter();
    let unknown = sensitive.filter(|name| !sent.iter().any(|sent| **sent == ***name));
    let problem = |name: &String| {
        let sent = sent.join(", ");
        let message = format!("column `{name}` is not among those that are sent: {sent}");
        let shown = format!("sensitive: {message}");
        pipeline.problem_within("sensitive", &message, shown)
    };
    let problems: Vec<Problem> = unknown.map(problem).collect();
    match problems.is_empty() {
        true => Ok(()),
        false => Err(RunError::Unbound { problems }),
    }
}

/// Looks whether the source and the lookup tables are what they were when the run began: one look at each file. What
/// was read of a file that somebody still writes is not the whole of it.
///
/// # Errors
/// One was changed, replaced or taken away.
pub(super) async fn unchanged(job: &Job<'_>, source: &Source) -> Result<(), RunError> {
    let moved = |error: RunError| RunError::Moved(chain(&error));
    match source.is_unchanged().await {
        // A server that can't be asked says nothing of the file.
        Err(error @ SourceError::Remote { .. }) => return Err(error.into()),
        looked => looked.map_err(|error| moved(error.into()))?,
    }
    for (at, stage) in job.pipeline.stages.iter().enumerate() {
        for need in stage.value.needs() {
            let Some(file) = need.table().map(|table| table.file) else {
                continue;
            };
            if let Some(table) = job.resources.tables.get(file) {
                let error = |source| moved(table_error(job.pipeline, at, &need, file, source));
                table.is_unchanged().map_err(error)?;
            }
        }
    }
    if let (Some(spec), Some(table)) = (&job.pipeline.aliases, &job.resources.aliases) {
        let error = |source| moved(aliases_error(job.pipeline, spec, source));
        table.is_unchanged().map_err(error)?;
    }
    Ok(())
}

/// The pipeline's source.
///
/// # Errors
/// A file that isn't there.
pub async fn source(pipeline: &Pipeline) -> Result<Source, SourceError> {
    let source = &pipeline.source;
    let found = Source::find(
        &source.inputs,
        source.wrapping.clone(),
        source.encoding,
        pipeline.limits,
    );
    Ok(laid_out(found.await?, pipeline))
}

/// The same source, whose records stand as the pipeline says.
pub fn laid_out(source: Source, pipeline: &Pipeline) -> Source {
    source.laid_out(pipeline.source.layout.clone())
}

/// How the source's text is to be read.
pub fn reading(pipeline: &Pipeline, block: usize) -> Reading {
    let spec = &pipeline.source;
    let form = |unless_stated| spec.csv.form(unless_stated);
    let json = Arc::new(json::Form {
        // A mended file has records alone.
        path: spec.json.path.clone().filter(|_| pipeline.mend.is_none()),
        columns: spec.json.columns.clone(),
        flatten: spec.json.flatten.clone(),
        arrays: spec.json.arrays,
        join: spec.json.join.clone(),
        table: None,
        told: false,
    });
    let format = match spec.format {
        SourceFormat::Auto if spec.is_csv() => RecordFormat::Csv(form(Delimiter::ByName)),
        SourceFormat::Auto if json.path.is_some() => RecordFormat::Json {
            layout: Layout::Documents,
            form: json,
        },
        SourceFormat::Auto => RecordFormat::Auto {
            csv: form(Delimiter::ByName),
            json,
        },
        SourceFormat::Csv => RecordFormat::Csv(form(Delimiter::Comma)),
        SourceFormat::Tsv => RecordFormat::Csv(form(Delimiter::Stated(b'\t'))),
        SourceFormat::Json => RecordFormat::Json {
            layout: Layout::Documents,
            form: json,
        },
        // How a table's records stand beside each other, its text says.
        SourceFormat::Ndjson
        | SourceFormat::Fixed
        | SourceFormat::Xml
        | SourceFormat::Hdl
        | SourceFormat::Xlsx
        | SourceFormat::Parquet
        | SourceFormat::Arrow => RecordFormat::Json {
            layout: Layout::Lines,
            form: json,
        },
    };
    let stages = pipeline.stages.iter().map(|stage| &stage.value);
    Reading {
        format,
        block,
        added: &rejects::ADDED,
        named: Arc::new(named(
            stages,
            pipeline.aliases.as_ref(),
            pipeline.as_of.as_ref(),
            &pipeline.validate,
            &pipeline.import,
            &pipeline.guard,
        )),
        limits: pipeline.limits,
        closing: Closing {
            footer: spec.csv.footer.clone(),
            trailer: spec.expect.trailer.clone(),
        },
    }
}

/// Begins the rejects file of a source with this header, whose files are `paths`, and with it the workbook where one is
/// stated.
///
/// # Errors
/// A file that can't be made, or would be written over one that is read.
pub(super) fn rejects_file(
    stated: &Rejects,
    header: &Header,
    paths: &[PathBuf],
) -> Result<RejectsFile, RejectsError> {
    let layout = rejects_header(header)
        .spreadsheet_safe(stated.spreadsheet_safe)
        .written(stated.encoding);
    RejectsFile::create_with(&stated.path, stated.workbook.as_deref(), &layout, paths)
}

/// What the rejects file takes from the source.
pub fn rejects_header(header: &Header) -> rejects::Header {
    match header {
        Header::Csv(written) => rejects::Header::raw(&written.raw, written.dialect, written.crlf)
            .called(written.called()),
        Header::Json(json) => rejects::Header::columns(json.names.iter()),
    }
}

/// Binds a pipeline to a header.
///
/// # Errors
/// What the pipeline names and the header doesn't have, with its place in the pipeline file.
pub fn bind(
    pipeline: &Pipeline,
    header: &Header,
    resources: &Resources,
) -> Result<Engine, RunError> {
    let stages = stages(pipeline);
    Engine::bind(&terms(pipeline, &stages, resources), header).map_err(|unbound| {
        let place = |Unbound {
                         mut path,
                         what,
                         message,
                     }| {
            if path[0] == "target" {
                path.insert(1, pipeline.target.name().to_owned());
            }
            let path = path.join(".");
            let problem = pipeline.problem_within(&path, &message, format!("{what}: {message}"));
            // A place that says what is said once more is place enough.
            match &problem.place {
                Place::Set(key) if **key == *what => {
                    pipeline.problem_within(&path, &message, message.clone())
                }
                _ => problem,
            }
        };
        let mut problems: Vec<_> = unbound.into_iter().map(place).collect();
        problems.sort_by(|a, b| a.place.cmp(&b.place));
        RunError::Unbound { problems }
    })
}

/// The columns that a pipeline needs of its source, besides these, and all that it names.
pub(super) fn lacking(
    pipeline: &Pipeline,
    given: &[String],
    resources: &Resources,
) -> (Vec<String>, HashSet<String>) {
    let stages = stages(pipeline);
    engine::bind::lacking(&terms(pipeline, &stages, resources), given)
}

fn stages(pipeline: &Pipeline) -> Vec<StageSpec> {
    pipeline.stages.iter().map(|s| s.value.clone()).collect()
}

fn terms<'a>(
    pipeline: &'a Pipeline,
    stages: &'a [StageSpec],
    resources: &'a Resources,
) -> Terms<'a> {
    Terms {
        stages,
        aliases: pipeline.aliases.as_ref(),
        as_of: pipeline.as_of.as_ref(),
        validate: &pipeline.validate,
        import: &pipeline.import,
        guard: &pipeline.guard,
        ragged: pipeline.source.csv.ragged,
        unknown: pipeline.source.json.unknown,
        format: pipeline.upload.format,
        limits: pipeline.limits,
        resources,
        seed: rand::random(),
    }
}
