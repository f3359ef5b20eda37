//! The engine, run as a run does it: survey, then the same bytes again.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use indexmap::IndexMap;
use rostream::internals::engine::bind::Terms;
use rostream::internals::engine::blocks::Blocks;
use rostream::internals::engine::body::{self, Digest, Resend, Slot};
use rostream::internals::engine::order::process;
use rostream::internals::engine::process::Engine;
use rostream::internals::format::closing::Closing;
use rostream::internals::format::csv::{Delimiter, Form, Naming};
use rostream::internals::format::json::{self, Layout};
use rostream::internals::format::{Header, Reading, RecordFormat};
use rostream::internals::guard::spec::GuardSpec;
use rostream::internals::orgvue::spec::{self, ActionSpec, ImportSpec};
use rostream::internals::report::rejects::{ADDED, RejectsFile};
use rostream::internals::rule::ValidateSpec;
use rostream::internals::run::survey::{Settled, Survey};
use rostream::internals::run::{RunError, rejects_header};
use rostream::internals::settings::limits::Limits;
use rostream::internals::source::Source;
use rostream::internals::source::spec::Unknown;
use rostream::internals::stage::{Resources, StageSpec};
use rostream::internals::text::scan::Quoting;
use rostream::internals::upload::spec::UploadFormat;
use serde_json::value::RawValue;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::slow::{self, Outcome, Reject};
use super::{Empty, Format, Settings};

/// The name of a source in memory.
pub const NAME: &str = "f";

/// The stages of an HR pipeline, a few of each sort.
pub const STAGES: &str = r##"[
    { "trim": null },
    { "rename": {
        "Employee ID": "employeeID", "Full Name": "fullName", "Annual Salary": "salary", "Hire Date": "hireDate",
        "Manager ID": "managerID", "Worker Status": "status", "Country": "country", "Note": "no\"te, etc"
    } },
    { "number": { "columns": ["salary"], "thousands": "," } },
    { "date": { "columns": ["hireDate"], "from": "DD/MM/YYYY" } },
    { "map": { "column": "managerID", "values": { "NO_MANAGER": "" } } },
    { "filter": "status != \"Terminated\"" },
    { "set": { "source": { "value": "HRIS" }, "headcount": 1 } }
]"##;

/// Its rules.
pub const VALIDATE: &str = r#"{
    "key": { "column": "employeeID", KEEP },
    "columns": {
        "employeeID": { "pattern": "^[A-Z][0-9]+$", "max_length": 3 },
        "fullName": { "required": true },
        "salary": { "type": "number", "min": 0 },
        "country": { "one_of": ["GB", "DE", "US"] }
    }
}"#;

/// One runtime for all tests.
pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
});

/// A folder of the test's own.
pub fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary folder")
}

/// What the engine made of a source.
pub struct Done {
    pub body: Vec<u8>,
    pub digest: Digest,
    /// The rejects file.
    pub rejects: Vec<u8>,
    pub names: Vec<String>,
    pub read: u64,
    pub filtered: u64,
    pub superseded: u64,
    /// File and physical line of the records in the body.
    pub sent: Vec<(u32, u64)>,
}

impl Done {
    /// In the words of the reference.
    pub async fn outcome(&self) -> Outcome {
        Outcome {
            body: self.body.clone(),
            rejects: match self.rejects.starts_with(b"{") {
                true => rejects_of_json(&self.rejects, &self.names),
                false => rejects(&self.rejects, &self.names).await,
            },
            read: self.read,
            filtered: self.filtered,
            superseded: self.superseded,
            sent: self.sent.iter().map(|(_, line)| *line).collect(),
        }
    }
}

/// Reads a rejects file of a JSON source: each line begins with what is said of the row.
fn rejects_of_json(file: &[u8], names: &[String]) -> Vec<Reject> {
    let text = String::from_utf8_lossy(file);
    let columns = format!(
        ",\"_columns\":{}",
        serde_json::to_string(names).expect("names")
    );
    let mut told = false;
    let read = |line: &str| {
        let members: IndexMap<String, Box<RawValue>> = serde_json::from_str(line).expect("JSON");
        let said: Vec<String> = ADDED
            .iter()
            .map(|name| members[*name].get().to_owned())
            .collect();
        let pairs: Vec<String> = ADDED
            .iter()
            .zip(&said)
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        let rest = line
            .strip_prefix(&format!("{{{}", pairs.join(",")))
            .expect("what is said comes first");
        let text = |at: usize| serde_json::from_str::<String>(&said[at]).expect("text");
        let tells = !std::mem::replace(&mut told, true) || text(4) == "unknown_member";
        let rest = match tells {
            true => rest
                .strip_prefix(&columns)
                .expect("the first row tells the columns"),
            false => rest,
        };
        assert_eq!(text(0), NAME);
        let original = match rest.strip_prefix(",\"_raw\":") {
            Some(raw) => {
                serde_json::from_str(raw.strip_suffix('}').expect("an object")).expect("text")
            }
            None => format!("{{{}", rest.strip_prefix(',').unwrap_or(rest)),
        };
        Reject {
            line: said[1].parse().expect("a number"),
            stage: text(2),
            column: text(3),
            code: text(4),
            original: vec![original.into_bytes()],
        }
    };
    text.lines().map(read).collect()
}

/// Reads a rejects file as the reference reads a source.
async fn rejects(file: &[u8], names: &[String]) -> Vec<Reject> {
    if file.is_empty() {
        return Vec::new();
    }
    let records = slow::csv_records(file)
        .await
        .expect("its quotes are closed");
    let mut records = records.into_iter();
    let width = names.len();
    let header = records.next().expect("a header").cells;
    let expected = names.iter().map(|n| n.as_str()).chain(ADDED);
    assert!(
        header.iter().map(|n| &**n).eq(expected.map(str::as_bytes)),
        "{}",
        header.concat().escape_ascii()
    );
    let text = |cell: &[u8]| String::from_utf8(cell.to_vec()).expect("the added cells are UTF-8");
    records
        .map(|record| {
            let cells = record.cells;
            let (original, rest) = cells.split_at(width);
            let (added, surplus) = rest.split_at(ADDED.len());
            assert_eq!(added[0], NAME.as_bytes());
            let mut original = [original, surplus].concat();
            slow::without_last_crs(&mut original, width);
            Reject {
                line: text(&added[1]).parse().expect("a line number"),
                stage: text(&added[2]),
                column: text(&added[3]),
                code: text(&added[4]),
                original,
            }
        })
        .collect()
}

fn form(delimiter: Delimiter) -> Form {
    Form {
        delimiter,
        quoting: Quoting::default(),
        comment: None,
        skip_lines: 0,
        naming: Naming::default(),
    }
}

pub fn csv() -> RecordFormat {
    RecordFormat::Csv(form(Delimiter::Comma))
}

pub fn auto() -> RecordFormat {
    RecordFormat::Auto {
        csv: form(Delimiter::ByName),
        json: Arc::default(),
    }
}

/// The records of an array within an object.
pub fn within(path: &str) -> RecordFormat {
    let form = json::Form {
        path: Some(path.parse().expect("a path")),
        ..json::Form::default()
    };
    RecordFormat::Json {
        layout: Layout::Documents,
        form: Arc::new(form),
    }
}

pub fn json(layout: Layout, columns: &[&str]) -> RecordFormat {
    let columns = columns.iter().map(|&c| c.to_owned()).collect();
    let form = json::Form {
        columns: Some(columns),
        ..json::Form::default()
    };
    RecordFormat::Json {
        layout,
        form: Arc::new(form),
    }
}

pub fn reading(layout: &RecordFormat, block: usize) -> Reading {
    Reading {
        format: layout.clone(),
        block,
        added: &ADDED,
        named: Arc::default(),
        limits: Limits::default(),
        closing: Closing::default(),
    }
}

/// Binds a pipeline to a header. Compiling expressions is slow, so a plan is kept for later cases.
pub fn engine(settings: &Settings, header: &Header) -> Arc<Engine> {
    static PLANS: LazyLock<Mutex<HashMap<String, Arc<Engine>>>> = LazyLock::new(Mutex::default);
    let id = format!("{settings:?} {header:?}");
    let mut plans = PLANS
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    plans
        .entry(id)
        .or_insert_with(|| Arc::new(bind(settings, header)))
        .clone()
}

fn bind(settings: &Settings, header: &Header) -> Engine {
    let stages = if settings.hr { STAGES } else { "[]" };
    let stages: Vec<StageSpec> = serde_json::from_str(stages).expect("stages");
    let validate = if settings.hr { VALIDATE } else { "{}" };
    let keep = format!("\"keep\": \"{}\"", settings.keep);
    let validate = validate.replace("KEEP", &keep);
    let validate: ValidateSpec = serde_json::from_str(&validate).expect("rules");
    let import = ImportSpec {
        action: match settings.action_column {
            true => ActionSpec::Column {
                column: "Action".to_owned(),
            },
            false => ActionSpec::default(),
        },
        empty: match settings.empty {
            Empty::Omit | Empty::Noop => spec::Empty::Omit,
            Empty::Clear => spec::Empty::Clear,
            Empty::Keep => spec::Empty::Keep,
        },
        noop_token: settings
            .empty
            .token()
            .filter(|t| *t == "#noop")
            .map(str::to_owned),
        clear_token: settings
            .empty
            .token()
            .filter(|t| *t == "#clear")
            .map(str::to_owned),
        ..ImportSpec::default()
    };
    let terms = Terms {
        stages: &stages,
        aliases: None,
        as_of: None,
        validate: &validate,
        import: &import,
        guard: &GuardSpec::default(),
        ragged: settings.ragged,
        unknown: if settings.ignore_unknown {
            Unknown::Ignore
        } else {
            Unknown::Reject
        },
        format: match settings.format {
            Format::Json => UploadFormat::Json,
            Format::Csv => UploadFormat::Csv,
        },
        limits: Limits::default(),
        resources: &Resources::default(),
        seed: 7,
    };
    Engine::bind(&terms, header).expect("the pipeline fits the header")
}

/// Surveys a source, then makes its body again and sees to it that both are the same bytes.
pub async fn run(
    source: Arc<Source>,
    layout: &RecordFormat,
    block: usize,
    workers: usize,
    settings: &Settings,
) -> Result<Done, RunError> {
    let (done, resend) = survey(source.clone(), layout, block, workers, settings).await?;
    let again = send(source, layout, block, workers, resend).await?;
    assert!(again == done.body, "both passes make the same bytes");
    Ok(done)
}

/// What the second pass needs of the first.
pub struct Again {
    engine: Arc<Engine>,
    resend: Resend,
}

/// The first pass.
pub async fn survey(
    source: Arc<Source>,
    layout: &RecordFormat,
    block: usize,
    workers: usize,
    settings: &Settings,
) -> Result<(Done, Again), RunError> {
    let then = source.clone();
    survey_of(source, then, layout, block, workers, settings).await
}

/// The same of a source that may be another by the time at which it is asked what rows send.
pub async fn survey_of(
    source: Arc<Source>,
    then: Arc<Source>,
    layout: &RecordFormat,
    block: usize,
    workers: usize,
    settings: &Settings,
) -> Result<(Done, Again), RunError> {
    let blocks = Blocks::open(source.clone(), reading(layout, block)).await?;
    let header = blocks.header().clone();
    let engine = engine(settings, &header);
    let folder = folder();
    let path = folder.path().join("rejects.csv");
    let rejects = RejectsFile::create(&path, &rejects_header(&header), &[])?;
    let names = header.names().iter().map(|n| n.to_string()).collect();

    let mut survey = Survey::new(engine.clone(), source.clone(), rejects);
    let mut body = look(&mut survey, blocks, &source, &engine, workers).await?;
    let mut settled = survey.settle()?;
    if let Settled::Asks(asked) = settled {
        let blocks = Blocks::open(then.clone(), reading(layout, block)).await?;
        let look = asked.look(blocks, then, engine.clone(), workers);
        survey.tell(look.await?);
        settled = survey.settle()?;
    }
    if settled == Settled::Again {
        let blocks = Blocks::open(source.clone(), reading(layout, block)).await?;
        body = look(&mut survey, blocks, &source, &engine, workers).await?;
        survey.is_as_before()?;
    }
    let (read, filtered, superseded) = (survey.read(), survey.filtered, survey.superseded);
    let (good, rejected) = (survey.good, survey.rejected());
    assert_eq!(
        read,
        filtered + superseded + good + rejected,
        "counts add up"
    );
    let surveyed = survey.finish()?;
    let digest = surveyed.digest;
    assert_eq!(digest.length, body.len() as u64);
    let places = surveyed
        .lines
        .sent()
        .map(|record| surveyed.lines.place(record).expect("a place"));
    let sent: Vec<_> = places.map(|place| (place.file, place.line)).collect();
    assert_eq!(sent.len() as u64, good);
    let rejects = std::fs::read(surveyed.rejects.path()).expect("the rejects file");
    let resend = Resend::new(&engine, digest, surveyed.amended.clone().into());
    Ok((
        Done {
            body,
            digest,
            rejects,
            names,
            read,
            filtered,
            superseded,
            sent,
        },
        Again { engine, resend },
    ))
}

/// Everything once through a survey, and the body that it makes of it.
async fn look(
    survey: &mut Survey,
    blocks: Blocks,
    source: &Arc<Source>,
    engine: &Arc<Engine>,
    workers: usize,
) -> Result<Vec<u8>, RunError> {
    let mut body = survey.assembly.header().to_vec();
    let mut processed = Box::pin(process(blocks, source.clone(), engine.clone(), workers));
    while let Some(next) = processed.next().await {
        body.extend(survey.absorb(next?)?);
    }
    body.extend(survey.assembly.footer());
    Ok(body)
}

/// The second pass.
pub async fn send(
    source: Arc<Source>,
    layout: &RecordFormat,
    block: usize,
    workers: usize,
    Again { engine, resend }: Again,
) -> Result<Vec<u8>, RunError> {
    let blocks = Blocks::open(source.clone(), reading(layout, block)).await?;
    let processed = process(blocks, source, engine, workers);
    let slot = Slot::default();
    let pieces: Result<Vec<Bytes>, _> = body::stream(processed, resend, slot.clone())
        .try_collect()
        .await;
    match body::taken(&slot) {
        Some(error) => Err(RunError::from(error)),
        None => Ok(pieces.expect("an error is in the slot").concat()),
    }
}

/// A source that hands out a text in these pieces.
pub fn source(pieces: impl IntoIterator<Item = Bytes>) -> Arc<Source> {
    Arc::new(Source::of_pieces(NAME, pieces))
}

/// An error and its causes in one line, as people see it.
pub fn chain(error: &RunError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
