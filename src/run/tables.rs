//! The lookup tables of the stages, read as a source is: by the same settings, through the same code.

use std::collections::{HashMap, HashSet};
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::Arc;

use futures::future;
use tokio::task::spawn_blocking;

use super::RunError;
use crate::config::Pipeline;
use crate::files::mark::Mark;
use crate::settings::limits::Limits;
use crate::source::{Input, Source, SourceError, Wrapping};
use crate::stage::aliases::{self, AliasesSpec};
use crate::stage::hash::{Key, KeySpec};
use crate::stage::lookup::{self, MAX_BYTES, Table, TableError, own_settings};
use crate::stage::{Need, Resources};
use crate::text::dates::{Date, Today};

/// What the stages need besides the columns: reads their lookup tables, all at once, with so many workers. `keys` are
/// their secrets, `today` is the day of the run.
///
/// # Errors
/// A table that can't be read.
pub(crate) async fn resources(
    pipeline: &Pipeline,
    keys: HashMap<KeySpec, Key>,
    today: Date,
    workers: usize,
) -> Result<Resources, RunError> {
    resources_with(pipeline, keys, today, workers, HashMap::new()).await
}

/// The same, with tables that are `given` in the place of files.
pub(super) async fn resources_with(
    pipeline: &Pipeline,
    keys: HashMap<KeySpec, Key>,
    today: Date,
    workers: usize,
    given: HashMap<String, Arc<Table>>,
) -> Result<Resources, RunError> {
    let (tables, aliases) = future::join(
        tables(pipeline, workers, &given),
        aliases(pipeline, workers, &given),
    )
    .await;
    Ok(Resources {
        tables: tables?,
        aliases: aliases?,
        keys,
        today: Today {
            day: today,
            zone: pipeline.zone(),
        },
        time_zone: pipeline.time_zone.clone(),
        absent: false,
    })
}

/// The tables of the stages; one that several stages read is read once.
async fn tables(
    pipeline: &Pipeline,
    workers: usize,
    given: &HashMap<String, Arc<Table>>,
) -> Result<HashMap<String, Arc<Table>>, RunError> {
    let mut seen = HashSet::new();
    let stages = pipeline.stages.iter().enumerate();
    let needs =
        stages.flat_map(|(at, stage)| stage.value.needs().into_iter().map(move |need| (at, need)));
    let read = needs.filter_map(|(at, need)| {
        let table = need.table()?.clone();
        if given.contains_key(table.file) {
            return None;
        }
        let is_first = seen.insert(table.file);
        Some(async move {
            let error = |source| table_error(pipeline, at, &need, table.file, source);
            let path = table.locate(&pipeline.folder).map_err(error)?;
            if !is_first {
                return Ok(None);
            }
            let named = named(pipeline, table.file);
            let read = load(path, &table, named, pipeline.limits, workers).await;
            let read = read.map_err(error)?;
            Ok(Some((table.file.to_owned(), Arc::new(read))))
        })
    });
    // What is told is what is wrong with the first of them.
    let read = future::join_all(read).await.into_iter();
    let read = read.filter_map(Result::transpose);
    let given = given.iter();
    read.chain(given.map(|(file, table)| Ok((file.clone(), table.clone()))))
        .collect()
}

/// The file of ids that are others now.
async fn aliases(
    pipeline: &Pipeline,
    workers: usize,
    given: &HashMap<String, Arc<Table>>,
) -> Result<Option<Arc<Table>>, RunError> {
    let Some(spec) = &pipeline.aliases else {
        return Ok(None);
    };
    if let Some(table) = given.get(&spec.path) {
        return Ok(Some(table.clone()));
    }
    let table = spec.table();
    let error = |source| aliases_error(pipeline, spec, source);
    let path = table.locate(&pipeline.folder).map_err(error)?;
    let named = table.named.clone();
    let read = load(path, &table, named, pipeline.limits, workers).await;
    Ok(Some(Arc::new(read.map_err(error)?)))
}

/// The error of that file, with its place in the pipeline file.
pub(super) fn aliases_error(
    pipeline: &Pipeline,
    spec: &AliasesSpec,
    source: TableError,
) -> RunError {
    RunError::Table {
        place: pipeline.problem("aliases.path", "").place_text(),
        stage: aliases::NAME.to_owned(),
        file: spec.path.clone(),
        source,
    }
}

/// The columns of a file that any stage names.
fn named(pipeline: &Pipeline, file: &str) -> HashSet<String> {
    let mut named = HashSet::new();
    for stage in &pipeline.stages {
        for need in stage.value.needs() {
            if let Some(table) = need.table().filter(|table| table.file == file) {
                named.extend(table.named.iter().cloned());
            }
        }
    }
    named
}

/// A table that is `given` as comma-separated text in the place of a file.
///
/// # Errors
/// Text that is not a table.
pub(super) fn given_table(
    pipeline: &Pipeline,
    file: &str,
    text: Vec<u8>,
    workers: usize,
) -> Result<Table, TableError> {
    let written = lookup::Written {
        compression: Default::default(),
        entry: None,
        encoding: Default::default(),
        csv: Box::default(),
    };
    let mut named = named(pipeline, file);
    let aliases = pipeline.aliases.as_ref().filter(|spec| spec.path == file);
    named.extend(aliases.iter().flat_map(|spec| spec.table().named));
    Table::parse(file, text, &written, &named, &pipeline.limits, workers)
}

/// Text that is asked for at once, in bytes: nobody makes room for a table of the largest size.
const STEP: usize = 1 << 20;

/// Reads a table, of which these columns are `named`. `path` is where the file really is.
async fn load(
    path: PathBuf,
    table: &lookup::Source<'_>,
    named: HashSet<String>,
    limits: Limits,
    workers: usize,
) -> Result<Table, TableError> {
    let lookup::Written {
        compression,
        ref entry,
        encoding,
        ..
    } = table.written;
    let wrapping = Wrapping {
        compression,
        entry: entry.clone(),
        ..Wrapping::default()
    };
    let inputs = [Input::File(path.clone())];
    let source = Source::find(&inputs, wrapping, encoding, limits).await;
    let source = source.map_err(|error| stored(&path, &error))?;
    let mark = Mark::of(&path.metadata().map_err(TableError::Read)?);
    let mut bytes = Vec::new();
    // One byte more tells a file that is too large from one that just fits.
    let most = MAX_BYTES as usize + 1;
    let mut text = source.open(0).await.map_err(|e| stored(&path, &e))?;
    let mut ended = false;
    while !ended && bytes.len() < most {
        let want = most.min(bytes.len() + STEP);
        let filled = text.fill(&mut bytes, want).await;
        ended = filled.map_err(|error| stored(&path, &error))?;
    }
    if bytes.len() >= most {
        return Err(TableError::TooLarge);
    }
    let (file, written) = (table.file.to_owned(), table.written.clone());
    let parse = move || Table::parse(&file, bytes, &written, &named, &limits, workers);
    let read = match spawn_blocking(parse).await {
        Ok(read) => read?,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime is ending, and with it this task.
            Err(_) => future::pending().await,
        },
    };
    let remarks = source.remarks().iter().map(|r| own_settings(r)).collect();
    Ok(read.read_from(path, mark, remarks))
}

/// Why a file can't be read, without its path, which whoever asked for it tells.
fn stored(path: &std::path::Path, error: &SourceError) -> TableError {
    let told = crate::text::chain(error);
    let message = match told.split_once(": ") {
        Some((name, message)) if path.ends_with(name) => message,
        _ => &told,
    };
    TableError::Stored {
        message: own_settings(message),
        setting: error.is_setting(),
    }
}

/// The error of a table, with its place in the pipeline file.
pub(super) fn table_error(
    pipeline: &Pipeline,
    at: usize,
    need: &Need<'_>,
    file: &str,
    source: TableError,
) -> RunError {
    let name = pipeline.stages[at].value.name();
    let setting = format!("stages.{at}.{name}.{}", need.setting);
    RunError::Table {
        place: pipeline.problem(&setting, "").place_text(),
        stage: format!("stage {} ({name})", at + 1),
        file: file.to_owned(),
        source,
    }
}
