//! The pipeline as meant: checked, with its paths resolved and its defaults settled.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use url::Url;
use xxhash_rust::xxh3::xxh3_128;

use crate::files::ending::beside;
use crate::files::of_run::filled;
use crate::format::csv::spec::HeaderSpec;
use crate::guard::spec::{GuardSpec, ImplicitDelete, RefusedSpec};
use crate::http::hosts::Hosts;
use crate::http::spec::TimeoutsSpec;
use crate::orgvue::spec::{Action, ActionSpec, DatasetSpec, ImportSpec, PreflightSpec, WaitSpec};
use crate::rule::ValidateSpec;
use crate::settings::limits::Limits;
use crate::settings::secret::{PresignedUrl, TokenSpec};
use crate::settings::shard::Shard;
use crate::settings::units::{Amount, Span};
use crate::source::effect_spec::Awaiting;
use crate::source::spec::{
    CsvSpec, DriftSpec, Encoding, ExpectSpec, JsonSpec, Nothing, SourceFormat,
};
use crate::source::table::spec::Layout;
use crate::source::{Input, Wrapping};
use crate::stage::StageSpec;
use crate::stage::aliases::AliasesSpec;
use crate::stage::hash::{Key, KeySpec};
use crate::text::dates::{Date, Zone};
use crate::text::encoded::{MARK, Written};
use crate::upload::spec::{Length, UploadSpec};
use crate::whole::as_of::spec::AsOfSpec;

use super::cases::TestSpec;
use super::excerpt;
use super::overrides::Override;
use super::problem::{Place, Placed, Problem};
use super::substitute::Env;
use super::yaml::places::Places;

/// A pipeline without problems: what [`load`](super::load) makes of a file.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// The file as it was named; `<stdin>` for standard input.
    pub file: Arc<str>,
    /// The folder that relative paths start from: the pipeline file's own, absolute.
    pub folder: PathBuf,
    /// The name for reports: as stated, or the file's without its ending.
    pub name: String,
    /// Whose day `today` is, and moments become days in, where it is stated.
    pub time_zone: Option<Zone>,
    /// Where the records come from.
    pub source: Source,
    /// What is done to the records, in order.
    pub stages: Vec<Placed<StageSpec>>,
    /// People whose id is another one now, where there is a file of them.
    pub aliases: Option<AliasesSpec>,
    /// Which of several rows of a key is in force, where that is asked.
    pub as_of: Option<AsOfSpec>,
    /// What every record, and the whole file, must satisfy.
    pub validate: ValidateSpec,
    /// Where rejected rows go, and how many are too many.
    pub rejects: Rejects,
    /// The file for what became of every item, if there is to be one.
    pub results: Option<PathBuf>,
    /// What stops a run before anything is sent.
    pub guard: GuardSpec,
    /// Columns of which no small count is told.
    pub sensitive: Arc<[String]>,
    /// How much of an upload the server may refuse.
    pub refused: RefusedSpec,
    /// Where the records go.
    pub target: Target,
    /// What the import is told.
    pub import: ImportSpec,
    /// Whether a run looks at the target before anything else.
    pub preflight: PreflightSpec,
    /// How the body is written and sent; `length` is settled.
    pub upload: UploadSpec,
    /// How long the job is waited for.
    pub wait: WaitSpec,
    /// How long the network is waited for.
    pub timeouts: TimeoutsSpec,
    /// How much is taken of what comes from elsewhere.
    pub limits: Limits,
    /// The folder for the run report; without it, the current one.
    pub report_dir: Option<PathBuf>,
    /// Whether the report is written as a page, too.
    pub report_page: bool,
    /// The file for what the last run came to, as metrics.
    pub metrics: Option<PathBuf>,
    /// The folder for what is needed to resume, absolute.
    pub state_dir: PathBuf,
    /// Whether that folder must have been made by `rostream state init`.
    pub state_required: bool,
    /// Where the key of what is kept there is found, where one is stated.
    pub state_key: Option<KeySpec>,
    /// How long all of this is kept.
    pub keep: Keep,
    /// The cases that stand in the file.
    pub(crate) tests: Vec<TestSpec>,
    /// The mended file that is read in place of the source.
    pub mend: Option<PathBuf>,
    /// The rows that are sent, where other processes send the others.
    pub(crate) shard: Option<Shard>,
    /// What it was made of, to be known again.
    pub origin: Origin,
    /// Where everything was written, for problems that show only with the data: a column that is not
    /// there, an expression that does not fit it.
    pub places: Places,
}

/// How long what runs leave behind is kept; where nothing is stated, for good.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keep {
    /// Rejects, and the keys of rows that are held back.
    pub rejects: Option<Span>,
    pub results: Option<Span>,
    /// So many reports.
    pub reports: Option<u32>,
    /// What is written down of runs that have ended.
    pub state: Option<Span>,
}

/// What a pipeline was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file's text, for the lines that problems show.
    pub(crate) text: excerpt::Written,
    /// XXH3-128 of the file's text, in hexadecimal digits.
    pub hash: String,
    /// Settings that stood before those of the file, in order.
    pub overrides: Vec<Override>,
}

/// Where the records come from.
#[derive(Clone, Debug)]
pub struct Source {
    /// What to read, in order. Never empty.
    pub inputs: Vec<Input>,
    /// How the bytes are to be read.
    pub format: SourceFormat,
    /// What is around the bytes.
    pub wrapping: Wrapping,
    pub encoding: Encoding,
    /// What it means that there is no file, or none with a record.
    pub nothing: Nothing,
    /// What a whole extract is.
    pub expect: ExpectSpec,
    /// What follows where it has changed since the last accepted run.
    pub(crate) drift: DriftSpec,
    /// Settings of CSV and TSV.
    pub csv: CsvSpec,
    /// Settings of JSON and NDJSON.
    pub json: JsonSpec,
    /// What is stated of a table.
    pub(crate) layout: Layout,
    /// What may turn out to have no effect, once the format is found.
    pub(crate) awaiting: Awaiting,
}

impl Source {
    /// Whether it is stated to be CSV or TSV: by its format, or by a setting that nothing else has. Otherwise the first
    /// character decides.
    pub(crate) fn is_csv(&self) -> bool {
        let csv = &self.csv;
        match self.format {
            SourceFormat::Csv | SourceFormat::Tsv => true,
            SourceFormat::Auto => {
                csv.delimiter.is_some()
                    || csv.skip_lines > 0
                    || csv.comment.is_some()
                    || csv.footer.is_some()
                    || csv.columns.is_some()
                    || csv.header != HeaderSpec::default()
            }
            _ => false,
        }
    }
}

/// Whether a file begins with the byte order mark of UTF-8 or UTF-16. One that can't be read is told when it is opened.
fn begins_with_mark(file: &Path) -> bool {
    let mut head = Vec::new();
    let read =
        File::open(file).and_then(|file| file.take(MARK.len() as u64).read_to_end(&mut head));
    read.is_ok() && encoding_rs::Encoding::for_bom(&head).is_some()
}

/// Where rejected rows go, and how many are too many.
#[derive(Clone, Debug)]
pub struct Rejects {
    pub path: PathBuf,
    /// Where the keys of rows go that are held back.
    pub withheld: PathBuf,
    /// The same rows in a workbook, for people.
    pub workbook: Option<PathBuf>,
    /// More than this stops the run before anything is sent; without it, the default.
    pub at_most: Option<Amount>,
    /// Whether no cell of the file may pass for a formula.
    pub spreadsheet_safe: bool,
    /// What the file is written in.
    pub encoding: Written,
}

impl Rejects {
    /// The same, in files beside these: `rejects.check.csv` for `rejects.csv`.
    pub(crate) fn beside(&self, word: &str) -> Rejects {
        Rejects {
            path: beside(&self.path, word),
            workbook: self.workbook.as_ref().map(|path| beside(path, word)),
            ..self.clone()
        }
    }

    /// The files that `check` writes, so that those of a run stay as they are.
    pub(crate) fn of_check(&self) -> Rejects {
        self.beside("check")
    }

    /// The files that `transform` writes, for the same reason.
    pub(crate) fn of_transform(&self) -> Rejects {
        self.beside("transform")
    }

    /// Where the rejects of what is mended go that are `written` there otherwise: not over those that are read. Files of
    /// other names, as `check` writes, keep them.
    pub(crate) fn of_mend(&self, written: &Rejects) -> Rejects {
        match written.path == self.path {
            true => self.beside("mend"),
            false => written.clone(),
        }
    }

    /// Where the keys of rows go that are held back, by a run or by a check.
    pub(crate) fn withheld(&self, check: bool) -> PathBuf {
        match check {
            true => beside(&self.withheld, "check"),
            false => self.withheld.clone(),
        }
    }
}

/// Where the records go.
#[derive(Clone, Debug)]
pub enum Target {
    Orgvue(Box<Connection>),
    Sandbox,
}

impl Target {
    /// The word in the pipeline file.
    pub const fn name(&self) -> &'static str {
        match self {
            Target::Orgvue(_) => "orgvue",
            Target::Sandbox => "sandbox",
        }
    }
}

/// An Orgvue data set. Its token is not here: see [`Pipeline::token`].
#[derive(Clone, Debug)]
pub struct Connection {
    /// `https://host/`, with a slash at its end; plain http only where the host is this machine.
    pub base_url: Url,
    pub tenant: String,
    /// The data set, as written, or as it was found by its name.
    pub dataset: DatasetSpec,
    /// Where the API token is found.
    pub token: TokenSpec,
    /// Where the user's own address for the results is found.
    pub result_location: Option<TokenSpec>,
    /// Where the addresses that the API hands out may lead.
    pub hosts: Hosts,
}

impl Connection {
    /// The data set's UUID, once it is known.
    pub(crate) fn dataset_id(&self) -> Option<&str> {
        match &self.dataset {
            DatasetSpec::Id(id) => Some(id),
            DatasetSpec::Name { .. } => None,
        }
    }
}

/// Longest token file in bytes: many times the length of any token.
const MAX_TOKEN: u64 = 64 * 1024;

impl Pipeline {
    /// How the body's length is known before its first byte: as stated, or what suits the source.
    pub fn length(&self) -> Length {
        self.upload.length.unwrap_or(Length::Measured)
    }

    /// Loads a file of rows that were put right in place of the source: nothing is deleted for not being in it, and
    /// no guard asks how many they are. A rejects file has the source's quotes, its encoding where the pipeline says
    /// so and no byte order mark says otherwise, and neither its lines before the header nor those behind the records; what else it is it says itself, and one that people made of it in another
    /// format is taken, too. Its header has the names that the columns are given here.
    pub(crate) fn mended(mut self, file: &Path) -> io::Result<Pipeline> {
        let file = std::path::absolute(file)?;
        let source = &mut self.source;
        source.inputs = vec![Input::File(file.clone())];
        source.encoding = match self.rejects.encoding {
            Written::Of(encoding) if !begins_with_mark(&file) => Encoding::Of(encoding),
            _ => Encoding::default(),
        };
        source.wrapping = Wrapping::default();
        source.csv.skip_lines = 0;
        source.csv.header = HeaderSpec::default();
        source.csv.columns = None;
        source.csv.comment = None;
        source.csv.footer = None;
        source.expect = ExpectSpec::default();
        source.layout = std::mem::take(&mut source.layout).of_mended(source.csv.quoting());
        if source.format.has_objects() {
            source.format = SourceFormat::Auto;
        }
        self.import.implicit_delete = ImplicitDelete::Off;
        self.import.no_deletes = true;
        self.guard = GuardSpec::default();
        self.validate.hierarchy.of_some_rows();
        // What is mended is mostly the rejects file itself, which is read and must not be replaced.
        self.rejects = self.rejects.beside("mend");
        self.results = self.results.map(|path| beside(&path, "mend"));
        self.mend = Some(file);
        Ok(self)
    }

    /// With the names of its files as this run has them, on the day that its rules go by.
    pub(crate) fn of_run(&self, run: &str, day: Date) -> Pipeline {
        let filled = |path: &PathBuf| filled(path, run, day);
        let mut pipeline = self.clone();
        pipeline.rejects.path = filled(&self.rejects.path);
        pipeline.rejects.withheld = filled(&self.rejects.withheld);
        pipeline.rejects.workbook = self.rejects.workbook.as_ref().map(filled);
        pipeline.results = self.results.as_ref().map(filled);
        pipeline
    }

    /// Sends the rows of a shard and no others, and writes what it writes of them into files of its own.
    pub(crate) fn sharded(mut self, shard: Shard) -> Pipeline {
        let name = shard.in_names();
        self.rejects = self.rejects.beside(&name);
        self.results = self.results.map(|path| beside(&path, &name));
        self.metrics = self.metrics.map(|path| beside(&path, &name));
        self.shard = Some(shard);
        self
    }

    /// The hash of what it means for the rows and the data set: comments, names of files, and how the upload is sent
    /// are no part of it.
    pub(crate) fn meaning(&self) -> String {
        let stages: Vec<&StageSpec> = self.stages.iter().map(|stage| &stage.value).collect();
        let (zone, format) = (self.zone().to_string(), self.upload.format);
        let limits = (self.rejects.at_most, &self.guard);
        let text = format!(
            "{:?}",
            (
                stages,
                &self.aliases,
                &self.as_of,
                &self.validate,
                &self.import,
                zone,
                format,
                limits
            )
        );
        format!("{:032x}", xxh3_128(text.as_bytes()))
    }

    /// Sends to the data set with this UUID where the pipeline file has its name.
    pub(crate) fn settle_dataset(&mut self, id: &str) {
        if let Target::Orgvue(to) = &mut self.target {
            to.dataset = DatasetSpec::Id(id.to_owned());
        }
    }

    /// Whether the pipeline file has the name of a data set, whose UUID is not known yet.
    pub(crate) fn names_its_dataset(&self) -> bool {
        matches!(&self.target, Target::Orgvue(to) if to.dataset_id().is_none())
    }

    /// Whose day `today` is.
    pub(crate) fn zone(&self) -> Zone {
        self.time_zone.clone().unwrap_or_default()
    }

    /// The day that it is now, for rules that compare with it.
    pub fn today(&self) -> Date {
        self.zone().day(Timestamp::now())
    }

    /// The pipeline file, absolute; none for standard input.
    pub fn path(&self) -> Option<PathBuf> {
        let name = Path::new(&*self.file).file_name()?;
        (&*self.file != super::STDIN).then(|| self.folder.join(name))
    }

    /// A problem with a setting that shows only later, placed where the setting was written. `path` is
    /// such as `validate.columns.salary` or `stages.2`; of one that is not written, the nearest section
    /// around it is the place.
    pub fn problem(&self, path: &str, message: impl Into<String>) -> Problem {
        self.problem_at(self.places.find(path), message.into())
    }

    /// As [`Pipeline::problem`], placed at the first thing in the section that the message quotes in
    /// backticks: the column, the setting, the value that is wrong.
    pub fn problem_within(&self, section: &str, message: &str, shown: String) -> Problem {
        self.problem_at(self.places.find_quoted(section, message), shown)
    }

    fn problem_at(&self, place: Place, message: String) -> Problem {
        Problem {
            file: self.file.clone(),
            excerpt: place.excerpt(&self.origin.text),
            place,
            message,
            help: None,
        }
    }

    /// The API token, from where the pipeline file says that it is; none for the sandbox. Apart from
    /// loading, since looking at a pipeline needs no secrets.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the variable or file, and never what it holds.
    pub fn token(&self, env: Env) -> Result<Option<SecretString>, Problem> {
        match &self.target {
            Target::Sandbox => Ok(None),
            Target::Orgvue(connection) => self
                .secret(&connection.token, "token", env)
                .map(Some)
                .map_err(|message| {
                    let path = format!("target.orgvue.token.{}", connection.token.word());
                    self.problem(&path, message)
                }),
        }
    }

    /// The folder of the store of the difference, absolute; nothing where the action is another.
    pub(crate) fn store(&self) -> Option<PathBuf> {
        let delta = self.import.action.delta()?;
        Some(self.folder.join(&delta.delta))
    }

    /// Whether guards ask for more of the people of the last run than counts, and there is no store that tells it.
    pub(crate) fn keeps_columns(&self) -> bool {
        let asked = self.guard.max_emptied.is_some() || !self.guard.max_change.is_empty();
        let changes = match &self.import.action {
            ActionSpec::Constant(action) => !matches!(action, Action::Delete | Action::Noop),
            ActionSpec::Column { .. } => true,
            ActionSpec::Delta(_) => false,
        };
        asked && changes && self.validate.key.is_some() && self.mend.is_none()
    }

    /// The key of what is kept in the state, from where the pipeline file says that it is; none where it says nothing.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the variable or file, and never what it holds.
    pub(crate) fn state_key(&self, env: Env) -> Result<Option<SecretString>, Problem> {
        let Some(spec) = &self.state_key else {
            return Ok(None);
        };
        let spec = found_at(spec);
        let secret = self.secret(&spec, "key", env);
        secret
            .map(Some)
            .map_err(|message| self.problem(&format!("state.key.{}", spec.word()), message))
    }

    /// The user's own address for the results, where there is one.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the variable, file or address, and never what it holds.
    pub(crate) fn result_location(&self, env: Env) -> Result<Option<PresignedUrl>, Problem> {
        let Target::Orgvue(connection) = &self.target else {
            return Ok(None);
        };
        let Some(spec) = &connection.result_location else {
            return Ok(None);
        };
        let found = self.secret(spec, "address", env).and_then(|text| {
            PresignedUrl::parse(text.expose_secret()).map_err(|why| why.to_string())
        });
        found.map(Some).map_err(|message| {
            let path = format!("target.orgvue.result_location.{}", spec.word());
            self.problem(&path, message)
        })
    }

    /// Whether the results go to an address of the user's own.
    pub(crate) fn has_own_results(&self) -> bool {
        matches!(&self.target, Target::Orgvue(to) if to.result_location.is_some())
    }

    /// The keys of the `hash` stages, from where the pipeline file says that they are.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the variable or file, and never what it holds.
    pub fn stage_keys(&self, env: Env) -> Result<HashMap<KeySpec, Key>, Problem> {
        let mut keys = HashMap::new();
        for (at, stage) in self.stages.iter().enumerate() {
            for need in stage.value.needs() {
                let Some(spec) = need.key() else {
                    continue;
                };
                let found = found_at(spec);
                let key = self.secret(&found, "key", env).and_then(|secret| {
                    Key::new(secret.expose_secret().as_bytes()).map_err(|e| e.to_string())
                });
                let path = format!(
                    "stages.{at}.{}.{}.{}",
                    stage.value.name(),
                    need.setting,
                    found.word()
                );
                let problem = |message| self.problem(&path, message);
                keys.insert(spec.clone(), key.map_err(problem)?);
            }
        }
        Ok(keys)
    }

    /// A secret of the kind `what`, which is the word for it.
    fn secret(&self, spec: &TokenSpec, what: &str, env: Env) -> Result<SecretString, String> {
        secret_of(spec, &self.folder, what, env)
    }
}

/// A secret of the kind `what`, which is the word for it. Relative paths begin in `folder`.
///
/// # Errors
///
/// Says what is wrong with the variable or file, and never what it holds.
pub(crate) fn secret_of(
    spec: &TokenSpec,
    folder: &Path,
    what: &str,
    env: Env,
) -> Result<SecretString, String> {
    let (text, place) = secret_text(spec, folder, what, env)?;
    usable(text.expose_secret(), what).map_err(|why| format!("{place} {why}"))
}

fn found_at(spec: &KeySpec) -> TokenSpec {
    match spec {
        KeySpec::Env(name) => TokenSpec::Env(name.clone()),
        KeySpec::File(path) => TokenSpec::File(path.clone()),
    }
}

/// What stands where a secret of the kind `what` is found, and the words for that place. Relative paths begin in `folder`.
///
/// # Errors
///
/// Says what is wrong with the variable or file, and never what it holds.
pub(crate) fn secret_text(
    spec: &TokenSpec,
    folder: &Path,
    what: &str,
    env: Env,
) -> Result<(SecretString, String), String> {
    let (text, place) = match spec {
        TokenSpec::Env(name) => {
            let place = format!("the environment variable {name}");
            (
                env(name).ok_or_else(|| format!("{place} is not set"))?,
                place,
            )
        }
        TokenSpec::File(shown) => {
            let path = folder.join(shown);
            warn_of_readers(&path, shown, what);
            let place = format!("the file {shown}");
            (
                read_secret(&path).map_err(|why| format!("{place} {why}"))?,
                place,
            )
        }
    };
    Ok((text.into(), place))
}

/// Says so where others than its owner may read a file with a secret. What is mounted into a container under `/run`
/// has the mode that the orchestrator gives it.
pub(super) fn warn_of_readers(path: &Path, shown: &str, what: &str) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let Ok(metadata) = std::fs::metadata(path) else {
            return;
        };
        let mode = metadata.permissions().mode() & 0o777;
        let mounted = path.starts_with("/run") || path.starts_with("/var/run");
        if metadata.is_file() && mode & 0o077 != 0 && !mounted {
            tracing::warn!(
                "the file {shown} with the {what} can be read by others (mode {mode:o}): run `chmod 600` on it"
            );
        }
    }
}

fn read_secret(path: &Path) -> Result<String, String> {
    let cannot = |e: std::io::Error| format!("cannot be read: {}", super::io_words(&e));
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(cannot)?;
    let read = file
        .take(MAX_TOKEN + 1)
        .read_to_string(&mut text)
        .map_err(cannot)?;
    if read as u64 > MAX_TOKEN {
        return Err(format!("is larger than {} KiB", MAX_TOKEN / 1024));
    }
    Ok(text)
}

/// The secret without byte order mark and outer white space, if it can stand in a header. `what` is the
/// word for it.
fn usable(text: &str, what: &str) -> Result<SecretString, String> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Err(format!("is empty: expected the {what}"));
    }
    let begins_with_scheme = text
        .get(..7)
        .is_some_and(|start| start.eq_ignore_ascii_case("bearer "));
    if begins_with_scheme {
        return Err(format!(
            "must hold the {what} alone, without the word Bearer"
        ));
    }
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(format!(
            "holds white space or characters other than ASCII inside the {what}"
        ));
    }
    Ok(SecretString::from(text))
}
