//! The lookup tables of the stages, read as a source is: by the same settings, through the same code.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::RunError;
use crate::config::Pipeline;
use crate::files::mark::Mark;
use crate::settings::limits::Limits;
use crate::source::{Input, Source, SourceError};
use crate::stage::aliases::{self, AliasesSpec};
use crate::stage::hash::{Key, KeySpec};
use crate::stage::lookup::{self, MAX_BYTES, Table, TableError, own_settings};
use crate::stage::{Need, Resources};
use crate::text::dates::{Date, Today};

/// What the stages need besides the columns: reads their lookup tables. `keys` are their secrets, `today` is the day of
/// the run.
///
/// # Errors
/// A table that can't be read.
pub(crate) async fn resources(
    pipeline: &Pipeline,
    keys: HashMap<KeySpec, Key>,
    today: Date,
) -> Result<Resources, RunError> {
    let mut tables = HashMap::new();
    for (at, stage) in pipeline.stages.iter().enumerate() {
        for need in stage.value.needs() {
            let Some(table) = need.table() else {
                continue;
            };
            let error = |source| table_error(pipeline, at, &need, table.file, source);
            let path = table.locate(&pipeline.folder).map_err(error)?;
            if tables.contains_key(table.file) {
                continue;
            }
            let named = named(pipeline, table.file);
            let read = load(path, table, &named, pipeline.limits).await;
            tables.insert(table.file.to_owned(), Arc::new(read.map_err(error)?));
        }
    }
    let aliases = match &pipeline.aliases {
        Some(spec) => Some(Arc::new(aliases(pipeline, spec).await?)),
        None => None,
    };
    Ok(Resources {
        tables,
        aliases,
        keys,
        today: Today {
            day: today,
            zone: pipeline.zone(),
        },
        time_zone: pipeline.time_zone.clone(),
        absent: false,
    })
}

/// The file of ids that are others now.
async fn aliases(pipeline: &Pipeline, spec: &AliasesSpec) -> Result<Table, RunError> {
    let table = spec.table();
    let error = |source| aliases_error(pipeline, spec, source);
    let path = table.locate(&pipeline.folder).map_err(error)?;
    let read = load(path, &table, &table.named, pipeline.limits).await;
    read.map_err(error)
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

/// Reads a table. `path` is where the file really is.
async fn load(
    path: PathBuf,
    table: &lookup::Source<'_>,
    named: &HashSet<String>,
    limits: Limits,
) -> Result<Table, TableError> {
    let lookup::Written {
        compression,
        encoding,
        ..
    } = table.written;
    let inputs = [Input::File(path.clone())];
    let source = Source::find(&inputs, compression, encoding, limits).await;
    let source = source.map_err(|error| stored(&path, &error))?;
    let mark = Mark::of(&path.metadata().map_err(TableError::Read)?);
    let mut bytes = Vec::new();
    // One byte more tells a file that is too large from one that just fits.
    let most = MAX_BYTES as usize + 1;
    let mut text = source.open(0).await.map_err(|e| stored(&path, &e))?;
    let ended = text.fill(&mut bytes, most).await;
    ended.map_err(|error| stored(&path, &error))?;
    if bytes.len() >= most {
        return Err(TableError::TooLarge);
    }
    let read = Table::parse(table.file, bytes, &table.written, named, &limits)?;
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
