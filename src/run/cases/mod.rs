//! Cases: rows that the author of a pipeline wrote, through the engine as those of a source, and what became of them
//! beside what was to become of them.
//!
//! A case has no target, no network and no state; guards and limits say nothing of a few rows. What only the whole file
//! knows is told by the rows of the case alone.

mod compare;
mod rows;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::TryStreamExt;
use tempfile::TempDir;

use self::compare::{Became, Found, Sent, differences};
use self::rows::Kind;
use super::pass::survey;
use super::prepare::{First, Prepared, bind, lacking, reading, rejects_header, source};
use super::tables::{given_table, resources_with};
use super::{Basis, Job, RunError};
use crate::config::cases::{Row, TestSpec};
use crate::config::{Cases, Pipeline, Problem, nearest};
use crate::engine::blocks::Blocks;
use crate::format::csv::spec::CsvSpec;
use crate::guard::spec::ImplicitDelete;
use crate::report::progress::Progress;
use crate::report::rejects::RejectsFile;
use crate::source::spec::{DriftSpec, ExpectSpec};
use crate::source::table::spec::Layout;
use crate::source::{Input, Wrapping};
use crate::stage::Resources;
use crate::stage::hash::{Key, KeySpec};
use crate::stage::lookup::Table;
use crate::text::dates::Date;
use crate::upload::spec::{BodyEncoding, Length, UploadFormat};
use crate::upload::spool::SpoolWriter;

/// What `hash` stages hash with: no secret, so that a case has the same hashes everywhere.
const KEY: &[u8] = b"rostream test: not a secret";

/// Text of one block in bytes: a case has few rows.
const BLOCK: usize = 64 * 1024;

/// Why a case can't be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CaseError {
    /// It is written wrongly.
    #[error("{0}")]
    Case(Box<Problem>),
    /// The pipeline does not get as far as to its rows.
    #[error(transparent)]
    Run(Box<RunError>),
    #[error("no room for the rows of a case in {}", .0.display())]
    Folder(PathBuf, #[source] std::io::Error),
    #[error("what is sent can't be read again")]
    Body,
}

impl From<RunError> for CaseError {
    fn from(error: RunError) -> CaseError {
        CaseError::Run(Box::new(error))
    }
}

/// One case, and the file that it stands in.
struct Case<'a> {
    pipeline: &'a Pipeline,
    cases: &'a Cases,
    at: usize,
    /// For its rows, and what the run writes.
    folder: TempDir,
}

/// Runs one of the cases of a file. Everything that is not as expected comes with the place of the expectation; nothing
/// where all is.
///
/// # Errors
/// A case that is written wrongly, and whatever ends a run before its rows are through.
pub(crate) async fn run(
    pipeline: &Pipeline,
    cases: &Cases,
    at: usize,
    workers: usize,
) -> Result<Vec<Problem>, CaseError> {
    let folder = tempfile::tempdir();
    let folder = folder.map_err(|error| CaseError::Folder(std::env::temp_dir(), error))?;
    let case = Case {
        pipeline,
        cases,
        at,
        folder,
    };
    let became = case.run(workers).await?;
    let differences = differences(case.spec(), &became);
    let problem =
        |difference: compare::Difference| case.problem(&difference.path, difference.message);
    Ok(differences.into_iter().map(problem).collect())
}

impl Case<'_> {
    fn spec(&self) -> &TestSpec {
        &self.cases.all[self.at]
    }

    /// Something wrong with a part of it, such as `.rows.0.Employee ID`.
    fn problem(&self, part: &str, message: impl Into<String>) -> Problem {
        let path = format!("tests.{}{part}", self.at);
        self.cases.problem(&path, message)
    }

    fn wrong(&self, part: &str, message: impl Into<String>) -> CaseError {
        CaseError::Case(Box::new(self.problem(part, message)))
    }

    async fn run(&self, workers: usize) -> Result<Became, CaseError> {
        let resources = self.resources(workers).await?;
        let (pipeline, starts) = self.pipeline(&resources)?;
        let (body, witness, columns) = self.pass(&pipeline, resources, workers).await?;
        let texts = pipeline.upload.format == UploadFormat::Csv;
        let sent = match pipeline.upload.format {
            UploadFormat::Json => serde_json::from_slice(&body).map_err(|_| CaseError::Body)?,
            UploadFormat::Csv => sent_as_csv(&body).await?,
        };
        let found = |(line, fault)| Found {
            at: match &starts {
                Some(starts) => starts.partition_point(|start| *start <= line) as u64,
                None => line,
            },
            fault,
        };
        Ok(Became {
            sent,
            columns,
            texts,
            rejects: witness.rejects.into_iter().map(found).collect(),
            warned: witness.warned.into_iter().map(found).collect(),
        })
    }

    /// The day, the tables and the keys of the case.
    async fn resources(&self, workers: usize) -> Result<Resources, CaseError> {
        let (pipeline, spec) = (self.pipeline, self.spec());
        let mut given: HashMap<String, Arc<Table>> = HashMap::new();
        for (file, rows) in &spec.lookups {
            let part = format!(".lookups.{file}");
            let text = rows::csv(&rows::columns(rows), rows);
            let (text, _) = text.map_err(|(row, column)| self.nested(&part, row, &column))?;
            let table = given_table(pipeline, file, text.into_bytes(), workers);
            let table = table.map_err(|error| self.wrong(&part, error.to_string()))?;
            given.insert(file.clone(), Arc::new(table));
        }
        let needs = pipeline.stages.iter().flat_map(|stage| stage.value.needs());
        let keys = needs.filter_map(|need| {
            let spec: &KeySpec = need.key()?;
            Some((spec.clone(), Key::new(KEY).ok()?))
        });
        let today = spec.today.as_deref().and_then(Date::parse_iso);
        let today = today.unwrap_or_else(|| pipeline.today());
        Ok(resources_with(pipeline, keys.collect(), today, workers, given).await?)
    }

    fn nested(&self, part: &str, row: usize, column: &str) -> CaseError {
        let message = "expected a text, a number, true, false or null: here, cells are text";
        self.wrong(&format!("{part}.{row}.{column}"), message)
    }

    /// The pipeline with the case's rows as its source, and the lines on which they begin; those of a file are its own.
    fn pipeline(&self, resources: &Resources) -> Result<(Pipeline, Option<Vec<u64>>), CaseError> {
        let mut pipeline = self.pipeline.clone();
        let source = &mut pipeline.source;
        source.expect = ExpectSpec::default();
        source.drift = DriftSpec::default();
        pipeline.import.implicit_delete = ImplicitDelete::Off;
        pipeline.upload.length = Some(Length::Spooled);
        pipeline.upload.encoding = BodyEncoding::Identity;
        let starts = match (&self.spec().rows, &self.spec().file) {
            (Some(rows), _) => Some(self.replace(&mut pipeline, rows, resources)?),
            (None, file) => {
                let file = self.cases.folder.join(file.as_deref().unwrap_or_default());
                let source = &mut pipeline.source;
                source.inputs = vec![Input::File(file)];
                // Whoever writes a case has the file in the clear.
                source.wrapping.decrypt = None;
                None
            }
        };
        Ok((pipeline, starts))
    }

    /// Puts rows in the place of the source. Returns the lines on which they begin.
    fn replace(
        &self,
        pipeline: &mut Pipeline,
        rows: &[Row],
        resources: &Resources,
    ) -> Result<Vec<u64>, CaseError> {
        let kind = Kind::of(pipeline);
        let columns = self.columns(pipeline, rows, resources)?;
        let text = kind.text(&columns, rows);
        let (text, starts) = text.map_err(|(row, column)| self.nested(".rows", row, &column))?;
        let file = self.folder.path().join("rows");
        std::fs::write(&file, text).map_err(|error| CaseError::Folder(file.clone(), error))?;
        let source = &mut pipeline.source;
        source.inputs = vec![Input::File(file)];
        source.format = kind.format();
        source.layout = Layout::Text;
        source.encoding = Default::default();
        source.wrapping = Wrapping::default();
        source.csv = CsvSpec::default();
        source.json.path = None;
        if source.json.columns.is_none() && source.json.flatten.is_none() {
            source.json.columns = Some(columns);
        }
        Ok(starts)
    }

    /// The columns of the source: those of the case, and what else the pipeline names.
    ///
    /// # Errors
    /// A column of the case that the source does not have, or that is most likely misspelt.
    fn columns(
        &self,
        pipeline: &Pipeline,
        rows: &[Row],
        resources: &Resources,
    ) -> Result<Vec<String>, CaseError> {
        let source = &pipeline.source;
        let mut columns = rows::columns(rows);
        let stated = match Kind::of(pipeline) {
            Kind::Csv => source.csv.columns.as_ref(),
            Kind::Texts | Kind::Objects => source.json.columns.as_ref(),
        };
        if let Some(stated) = stated {
            let flattened = |name: &String| {
                let below = |stated: &String| {
                    stated
                        .strip_prefix(name)
                        .is_some_and(|rest| rest.starts_with('.'))
                };
                stated.iter().any(below)
            };
            let unknown = columns
                .iter()
                .find(|name| !stated.contains(name) && !flattened(name));
            if let Some(name) = unknown {
                let near = nearest(name, stated.iter().map(String::as_str));
                return Err(self.unknown(rows, name, near));
            }
            let absent = stated
                .iter()
                .filter(|name| !name.is_empty() && !columns.contains(name));
            let absent: Vec<String> = absent.cloned().collect();
            columns.extend(absent);
            return Ok(columns);
        }
        let (lacking, named) = lacking(pipeline, &columns, resources);
        let unnamed = columns.iter().filter(|name| !named.contains(*name));
        for name in unnamed {
            if let Some(near) = nearest(name, lacking.iter().map(String::as_str)) {
                return Err(self.unknown(rows, name, Some(near)));
            }
        }
        columns.extend(lacking);
        Ok(columns)
    }

    fn unknown(&self, rows: &[Row], name: &str, near: Option<&str>) -> CaseError {
        let row = rows.iter().position(|row| row.contains_key(name));
        let part = format!(".rows.{}.{name}", row.unwrap_or_default());
        let mut problem = self.problem(&part, format!("the source has no column `{name}`"));
        problem.help = near.map(|near| format!("did you mean `{near}`?"));
        CaseError::Case(Box::new(problem))
    }

    /// The survey over the case's rows: the body that would be sent, what was found at fault, and the columns that are
    /// sent.
    async fn pass(
        &self,
        pipeline: &Pipeline,
        resources: Resources,
        workers: usize,
    ) -> Result<(Vec<u8>, super::witness::Witness, Vec<String>), CaseError> {
        let today = resources.today.day;
        let job = Job {
            pipeline,
            connection: None,
            resources,
            workers,
            block: BLOCK,
            progress: Progress::silent(),
            basis: Basis::new(today),
            first: None,
            detach: false,
            to: None,
            preflight: None,
            ledger: None,
            again: None,
            delta: None,
            planned: None,
            kept: None,
            drift: None,
        };
        let (prepared, first) = prepared(&job, self.folder.path()).await?;
        let lead = prepared.engine.encoder().lead_name().to_owned();
        let sent = prepared.engine.sent().map(ToString::to_string);
        let columns = std::iter::once(lead).chain(sent).collect();
        let mut spool = SpoolWriter::create(Some(self.folder.path()))
            .await
            .map_err(RunError::from)?;
        let (mut survey, ended) = survey(&job, &prepared, first, Some(&mut spool)).await;
        ended?;
        let witness = survey.witness.take().unwrap_or_default();
        let spool = spool.finish().await.map_err(RunError::from)?;
        let body = spool.read();
        let body = body.try_fold(Vec::new(), |mut all, piece| async move {
            all.extend_from_slice(&piece);
            Ok(all)
        });
        Ok((body.await.map_err(RunError::from)?, witness, columns))
    }
}

/// As a run is prepared, without what only a run looks at.
async fn prepared(job: &Job<'_>, folder: &Path) -> Result<(Prepared, First), RunError> {
    let source = Arc::new(source(job.pipeline).await?);
    let reading = reading(job.pipeline, job.block);
    let blocks = Blocks::open(source.clone(), reading.clone()).await?;
    let header = blocks.header().clone();
    let engine = Arc::new(bind(job.pipeline, &header, &job.resources)?);
    let rejects = RejectsFile::create(folder.join("rejects.csv"), &rejects_header(&header), &[])?;
    let prepared = Prepared {
        source,
        reading,
        header,
        engine,
    };
    let first = First {
        blocks,
        rejects,
        witness: true,
    };
    Ok((prepared, first))
}

/// The rows of a body that is CSV, its cells as JSON.
async fn sent_as_csv(body: &[u8]) -> Result<Vec<Sent>, CaseError> {
    let mut reader = csv_async::AsyncReaderBuilder::new().create_reader(body);
    let header = reader.headers().await.map_err(|_| CaseError::Body)?.clone();
    let rows = reader.records().map_err(|_| CaseError::Body);
    let row = |record: csv_async::StringRecord| {
        let cells = header.iter().zip(record.iter());
        let cell = |(name, text): (&str, &str)| {
            let value = serde_json::value::to_raw_value(text).ok()?;
            Some((name.to_owned(), value))
        };
        cells.filter_map(cell).collect::<Sent>()
    };
    rows.map_ok(row).try_collect().await
}
