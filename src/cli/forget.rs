//! `rostream forget`: takes people out of everything that is kept on the disk.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::next::STATE;
use super::open::{left_open, no_turn, refused, rejects, usage};
use super::pipeline::{SetArgs, said};
use super::turn::{Turn, TurnArgs};
use super::{Exit, Failure, Globals, PipelineArgs, put_json, say, say_error};
use crate::config::{Pipeline, Target, process_env};
use crate::guard;
use crate::report::human;
use crate::report::people::People;
use crate::report::run::RunId;
use crate::run::forget::{Forgotten, What, columns, forget_people, forget_rows};
use crate::state::entry::{PipelineMark, TargetMark};
use crate::state::folder::Lock;
use crate::state::lock::{Who, store};
use crate::state::{Entry, Folder};
use crate::text::chain;

/// The largest file of people: a million keys of sixty bytes.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Arguments of `rostream forget`.
#[derive(Debug, Args)]
pub struct ForgetArgs {
    /// The file with the keys of the people, one a line, or CSV with the column of the key; `-` is standard input. Keys do
    /// not belong on a command line, which others can see.
    #[arg(value_name = "FILE")]
    people: String,
    /// The pipeline whose files are meant; may be repeated. Without it, every pipeline that the state folder knows.
    #[arg(long = "pipeline", value_name = "PIPELINE")]
    pipelines: Vec<String>,
    /// The state folder in which pipelines are looked up: `state` in the current folder.
    #[arg(long, value_name = "DIR", conflicts_with = "pipelines")]
    state: Option<PathBuf>,
    #[command(flatten)]
    turn: TurnArgs,
    /// Write to stdout as JSON what was done.
    #[arg(long)]
    json: bool,
}

/// What was done.
#[derive(Serialize)]
struct Told {
    people: u64,
    /// Of these, the ones that stand nowhere.
    found_nowhere: u64,
    places: Vec<Place>,
}

#[derive(Serialize)]
struct Place {
    pipeline: String,
    path: String,
    /// Rows of a file that are not there any more.
    rows: Option<u64>,
    /// People whom a store does not know any more.
    people: Option<u64>,
    /// Whether these could be deleted by what it knew of them.
    #[serde(skip)]
    deletes: bool,
    /// Why nothing was done.
    error: Option<String>,
}

impl ForgetArgs {
    pub(super) fn run(self, globals: &Globals) -> Result<Exit, Failure> {
        let (pipelines, missing) = self.pipelines(globals)?;
        let mut names: Vec<String> = pipelines.iter().flat_map(columns).collect();
        names.sort();
        names.dedup();
        let shown = match &*self.people {
            "-" => "standard input",
            file => file,
        };
        let failed = |why: &dyn std::fmt::Display| usage(format_args!("{shown}: {why}"));
        let text = read(&self.people).map_err(|error| failed(&error))?;
        let mut people = People::read(&text, &names).map_err(|why| failed(&why))?;
        let mut turn = self.turn.begin(globals)?;
        let mut places = missing;
        for pipeline in &pipelines {
            for done in take_out(pipeline, &mut people, &mut turn)? {
                // Runs with other settings may have left the same files.
                let again = places.iter().any(|place| place.path == done.path);
                if !again || done.taken != Ok(0) {
                    places.push(Place::of(pipeline, done));
                }
            }
        }
        let (count, found_nowhere) = people.count();
        let told = Told {
            people: count,
            found_nowhere,
            places,
        };
        if !globals.quiet {
            told.say();
        }
        if self.json {
            put_json(&told)?;
        }
        told.end()
    }

    /// The pipelines that are meant, and what is to be said of those that can't be loaded.
    fn pipelines(&self, globals: &Globals) -> Result<(Vec<Pipeline>, Vec<Place>), Failure> {
        let load = |file: &str, set| {
            let args = PipelineArgs {
                pipeline: file.to_owned(),
                sets: SetArgs { set },
            };
            // What may be better in them was said when they ran.
            let globals = Globals {
                quiet: true,
                ..globals.clone()
            };
            args.load(&globals)
        };
        if !self.pipelines.is_empty() {
            let files = self.pipelines.iter();
            let loaded: Result<_, _> = files.map(|file| load(file, Vec::new())).collect();
            return Ok((loaded?, Vec::new()));
        }
        let folder = Folder::new(self.state.clone().unwrap_or_else(|| STATE.into()));
        let entries = folder.entries().map_err(refused)?;
        if entries.is_empty() {
            return Err(usage(format_args!(
                "no run is known in {}; name the pipelines with --pipeline, or their state folder with --state",
                human::path(folder.path())
            )));
        }
        let (mut pipelines, mut missing) = (Vec::new(), Vec::new());
        for entry in newest(&entries) {
            let file = entry.pipeline.file.as_deref().map(human::path);
            let loaded = file
                .as_deref()
                .map(|file| load(file, entry.pipeline.overrides.clone()));
            match loaded {
                Some(Ok(pipeline)) => pipelines.push(pipeline),
                _ => missing.push(Place {
                    pipeline: entry.pipeline.name.clone(),
                    path: file.unwrap_or_else(|| "standard input".to_owned()),
                    rows: None,
                    people: None,
                    deletes: false,
                    error: Some(
                        "the pipeline file can't be loaded, so what its runs have left was not looked at; name it \
                         with --pipeline"
                            .to_owned(),
                    ),
                }),
            }
        }
        Ok((pipelines, missing))
    }
}

/// The newest run of every pipeline, and of every way in which its settings were overridden.
fn newest(entries: &[Entry]) -> Vec<&Entry> {
    let mut newest: Vec<&Entry> = Vec::new();
    for entry in entries {
        let PipelineMark {
            name,
            file,
            overrides,
            ..
        } = &entry.pipeline;
        newest.retain(|other| {
            let other = &other.pipeline;
            (&other.name, &other.file, &other.overrides) != (name, file, overrides)
        });
        newest.push(entry);
    }
    newest
}

fn read(file: &str) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let read = match file {
        "-" => io::stdin().take(MAX_BYTES + 1).read_to_end(&mut text)?,
        file => File::open(Path::new(file))?
            .take(MAX_BYTES + 1)
            .read_to_end(&mut text)?,
    };
    match read as u64 > MAX_BYTES {
        true => Err(io::Error::other("larger than 64 MiB; split it")),
        false => Ok(text),
    }
}

/// Takes people out of what one pipeline keeps, while none of its runs is under way.
fn take_out(
    pipeline: &Pipeline,
    people: &mut People,
    turn: &mut Turn<'_>,
) -> Result<Vec<Forgotten>, Failure> {
    let run = RunId::generate();
    let who = Who {
        run: &run,
        pipeline: &pipeline.name,
    };
    let state = Folder::of(pipeline).map_err(refused)?;
    let _lock = match state.path().is_dir() {
        true => Some(lock(&state, &who, turn)?),
        false => None,
    };
    let _rejects = rejects(pipeline, &run, turn).map_err(no_turn)?;
    let folder = pipeline.store().filter(|folder| folder.is_dir());
    let held = (folder.as_ref()).map(|folder| turn.take(|| store(folder, &who)));
    let _store = held.transpose().map_err(no_turn)?;
    let mut done = forget_rows(pipeline, people);
    let target = target_of(pipeline, &state)?;
    let taken = match &target {
        Some(target) => {
            let secret = pipeline.state_key(&process_env).map_err(said)?;
            let last = last_accepted(&state, &pipeline.name, target)?;
            let forgotten =
                forget_people(pipeline, (target, last.as_deref()), secret.as_ref(), people);
            forgotten.map_err(|error| chain(&error))
        }
        None if folder.is_some() => Err(UNKNOWN_TARGET.to_owned()),
        None => Ok(Vec::new()),
    };
    done.extend(taken.unwrap_or_else(|error| {
        vec![Forgotten {
            path: human::path(folder.as_deref().unwrap_or(state.path())),
            what: What::Store,
            taken: Err(error),
        }]
    }));
    Ok(done)
}

/// Takes the lock of a pipeline, none of whose runs may be open: what an import was sent is needed until its results are
/// in.
pub(super) fn lock(state: &Folder, who: &Who<'_>, turn: &mut Turn<'_>) -> Result<Lock, Failure> {
    let lock = turn.take(|| state.lock(who.pipeline, who.run));
    let lock = lock.map_err(no_turn)?;
    let open = lock.unfinished(who.pipeline, |_| ()).map_err(refused)?;
    match open.first() {
        Some(open) => Err(left_open(open, state)),
        None => Ok(lock),
    }
}

/// The last accepted run, where it has left what guards compare columns with.
fn last_accepted(
    folder: &Folder,
    pipeline: &str,
    target: &TargetMark,
) -> Result<Option<String>, Failure> {
    let entries = folder.entries().map_err(refused)?;
    let mut own = entries.iter().rev();
    let is_own = |entry: &&Entry| entry.pipeline.name == pipeline && entry.target == *target;
    let Some(entry) = own.find(is_own) else {
        return Ok(None);
    };
    let last = folder.last(entry).map_err(refused)?;
    let last = last.filter(|last| last.standing.kept == Some(guard::Kept::Columns));
    Ok(last.map(|last| last.run))
}

const UNKNOWN_TARGET: &str = "which data set this is of is not known, as no run is; name the data set by its UUID in the pipeline file";

/// The data set of a pipeline; where the pipeline has its name alone, the one that it has sent to last.
pub(super) fn target_of(
    pipeline: &Pipeline,
    state: &Folder,
) -> Result<Option<TargetMark>, Failure> {
    let known = Entry::new(RunId::generate(), pipeline).map(|entry| entry.target);
    if known.is_some() || !matches!(pipeline.target, Target::Orgvue(_)) {
        return Ok(known);
    }
    let entries = state.entries().map_err(refused)?;
    let mut own = entries.into_iter().rev();
    let last = own.find(|entry| entry.pipeline.name == pipeline.name);
    Ok(last.map(|last| last.target))
}

impl Place {
    fn of(pipeline: &Pipeline, done: Forgotten) -> Place {
        let taken = done.taken.as_ref().ok().copied();
        Place {
            pipeline: pipeline.file.to_string(),
            path: done.path,
            rows: taken.filter(|_| done.what == What::Rows),
            people: taken.filter(|_| done.what != What::Rows),
            deletes: done.what == What::Store,
            error: done.taken.err(),
        }
    }
}

impl Told {
    fn say(&self) {
        for place in &self.places {
            match (place.rows, place.people) {
                (Some(rows), _) => say(format_args!(
                    "{}: {} taken out",
                    place.path,
                    human::counted(rows, "row")
                )),
                (_, Some(people)) => say(format_args!(
                    "{}: {} forgotten",
                    place.path,
                    match people {
                        1 => "1 person".to_owned(),
                        people => format!("{} people", human::count(people)),
                    }
                )),
                _ => {}
            }
        }
        if self.found_nowhere > 0 {
            say(format_args!(
                "{} of {} stand nowhere in what is kept",
                human::count(self.found_nowhere),
                human::counted(self.people, "key")
            ));
        }
        if self
            .places
            .iter()
            .any(|place| place.deletes && place.people > Some(0))
        {
            say(
                "whom a store has forgotten is not deleted by a run any more: where they are to go from Orgvue, too, delete \
                 them there; where the source still has them, the next run sends them again",
            );
        }
    }

    /// What could not be done ends the command.
    fn end(&self) -> Result<Exit, Failure> {
        let mut failed = false;
        for place in &self.places {
            if let Some(error) = &place.error {
                say_error(Exit::Failed, None, format_args!("{}: {error}", place.path));
                failed = true;
            }
        }
        match failed {
            true => Err(Failure::said(Exit::Failed)),
            false => Ok(Exit::Done),
        }
    }
}
