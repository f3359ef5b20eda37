//! `rostream retry`: sends again what the server refused of a run, and only that.

use clap::Args;
use secrecy::SecretString;

use super::next::{command, run_again};
use super::open::{left_open, no_turn, refused, rejects, told, usage};
use super::pipeline::said;
use super::resume::{PlaceArgs, again_of, dataset, named, take};
use super::turn::{Turn, TurnArgs};
use super::work::{CommonArgs, Work};
use super::{Exit, Failure, Globals, say, say_warning};
use crate::config::{Pipeline, process_env};
use crate::report::error::Code;
use crate::report::progress::Progress;
use crate::report::run::RunId;
use crate::run::again::Again;
use crate::state::entry::{Kind, Step};
use crate::state::folder::Lock;
use crate::state::rows::Rows;
use crate::state::{Entry, Folder, Ledger};
use crate::text::counted;

/// Newer rows are at the server.
const OVERTAKEN: Code = Code::lasting("overtaken");

/// Which rows were refused is not known.
const REFUSED_UNKNOWN: Code = Code::lasting("refused_unknown");

/// Arguments of `rostream retry`.
#[derive(Debug, Args)]
pub struct RetryArgs {
    /// The run, or a retry of it.
    #[arg(value_name = "RUN")]
    run: String,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    turn: TurnArgs,
    #[command(flatten)]
    common: CommonArgs,
}

/// A run whose refused rows are sent again, under its pipeline's lock.
struct Taken<'a> {
    folder: Folder,
    lock: Lock,
    /// The run that sent them first.
    first: Entry,
    rows: Rows,
    turn: Turn<'a>,
}

impl RetryArgs {
    pub(super) fn run(self, globals: &Globals, progress: &Progress) -> Result<Exit, Failure> {
        let ended = self.retry(globals, progress);
        told(ended, self.common.json)
    }

    fn retry(&self, globals: &Globals, progress: &Progress) -> Result<Exit, Failure> {
        let mut taken = self.take(globals)?;
        let first = &taken.first;
        let mut again = taken.rows.refused.take().unwrap_or_default();
        // Rows that are not sent again, as they may have been corrected.
        let mut corrected = 0;
        if let Some(later) = later(&taken)? {
            if later.mend.is_none() {
                return Err(overtaken(first, &later));
            }
            // Rows at fault may have been put right meanwhile, and must not be undone.
            let refused = again.len();
            again.retain(|row| row.passing);
            corrected = (refused - again.len()) as u64;
            if corrected > 0 && !globals.quiet {
                say(format_args!(
                    "run {} has loaded corrected rows since; only rows that were refused for a passing reason are sent again",
                    later.run_id
                ));
            }
        }
        let unknown = taken.rows.unknown;
        if unknown > 0 && !globals.quiet {
            say_warning(format_args!(
                "{} refused, and which rows they are of is not known: they are not sent again",
                counted(unknown, "item")
            ));
        }
        if again.is_empty() {
            if corrected == 0 && unknown > 0 {
                return Err(none_known(first));
            }
            if !globals.quiet {
                say(nothing_left(first, corrected));
            }
            return Ok(Exit::Done);
        }
        let (pipeline, token) = self.place.load(first, globals)?;
        if pipeline.store().is_some() {
            return Err(of_difference(first));
        }
        let again = again_of(&pipeline, first, again);
        self.send(taken, &pipeline, token, again, (globals, progress))
    }

    fn send(
        &self,
        taken: Taken<'_>,
        pipeline: &Pipeline,
        token: SecretString,
        again: Again,
        (globals, progress): (&Globals, &Progress),
    ) -> Result<Exit, Failure> {
        let Taken {
            lock,
            first,
            mut turn,
            ..
        } = taken;
        let run = RunId::generate();
        let Some(mut entry) = Entry::new(run.clone(), pipeline) else {
            return Err(usage("the pipeline's target leaves no state"));
        };
        // What was sent then was made on that day.
        entry.today = first.today;
        entry.retry_of = Some(first.run_id.clone());
        let dataset = dataset(&entry, &mut turn)?;
        let mut work = Work::new(pipeline, &self.common, globals, progress);
        work.rejects = rejects(pipeline, &run, &mut turn).map_err(no_turn)?;
        let ledger = Ledger::new(lock, dataset, token.clone(), entry, None).map_err(refused)?;
        let rows = Rows::new(run.clone(), again.rows.clone());
        ledger.rows(&rows).map_err(refused)?;
        ledger.begin().map_err(refused)?;
        work.result_location = pipeline.result_location(&process_env).map_err(said)?;
        work.ledger = Some(ledger);
        work.token = Some(token);
        work.again = Some(again);
        work.perform(run, turn.over())
    }

    /// Takes the run that is meant.
    fn take<'a>(&self, globals: &'a Globals) -> Result<Taken<'a>, Failure> {
        let folder = self.place.folder(None);
        let mut turn = self.turn.begin(globals)?;
        let mut first = named(&folder, &self.run)?;
        if let Some(of) = &first.retry_of {
            first = named(&folder, of.as_str())?;
        }
        is_possible(&first)?;
        let (lock, first) = take(&folder, &first, &mut turn)?;
        let left = lock.unfinished(&first.pipeline.name, |_| ());
        if let Some(open) = left.map_err(refused)?.first() {
            return Err(left_open(open, &folder));
        }
        let entries = folder.entries().map_err(refused)?;
        let Some(rows) = folder.refused(&first, &entries).map_err(refused)? else {
            return Err(not_known(&first, &folder));
        };
        Ok(Taken {
            folder,
            lock,
            first,
            rows,
            turn,
        })
    }
}

/// Why nothing is sent again. Whether rows that may have been corrected are taken by now, nobody knows here.
fn nothing_left(first: &Entry, corrected: u64) -> String {
    let run = &first.run_id;
    match corrected {
        0 => format!("there is nothing to retry: no row of run {run} is left refused"),
        _ => format!(
            "there is nothing to retry: of run {run} the server refused {} that may be corrected by now; \
             correct what is still missing and load it: {} --mend REJECTS",
            counted(corrected, "row"),
            run_again(first)
        ),
    }
}

/// Rows were refused, and not one of them is known.
fn none_known(first: &Entry) -> Failure {
    let run = &first.run_id;
    let text = format!(
        "which rows of run {run} the server refused is not known, as its results name no rows; run it again: {}",
        run_again(first)
    );
    Failure::of_kind(Exit::Failed, REFUSED_UNKNOWN, text)
}

/// The last run that has sent rows to the data set since, and is neither the run nor a retry of it; a whole one, where
/// there was any.
fn later(taken: &Taken<'_>) -> Result<Option<Entry>, Failure> {
    let first = &taken.first;
    let entries = taken.folder.entries().map_err(refused)?;
    let since = entries.into_iter().filter(|entry| {
        entry.started_at > first.started_at
            && !entry.is_of(first)
            && entry.target == first.target
            && entry.pipeline.name == first.pipeline.name
            && entry.ticket.is_some()
    });
    Ok(since.max_by_key(|entry| (entry.mend.is_none(), entry.started_at)))
}

/// Whether the rows of a run can be sent again by themselves.
fn is_possible(first: &Entry) -> Result<(), Failure> {
    let run = &first.run_id;
    if first.kind == Kind::Canary || first.canary.is_some() {
        return Err(usage(format_args!(
            "run {run} imported its first rows before the others, so its rows are those of two imports, and a retry sends \
             those of one; correct its rejects file and load that: {} --mend REJECTS",
            run_again(first)
        )));
    }
    if first.kind == Kind::Import {
        return Err(usage(format_args!(
            "run {run} imported a file whose rows are not known, so none of them can be sent again"
        )));
    }
    match first.delta {
        true => Err(of_difference(first)),
        false => Ok(()),
    }
}

/// A run that sent what differs: what the server refused differs still.
fn of_difference(first: &Entry) -> Failure {
    usage(format_args!(
        "with `action: {{ delta: PATH }}` the next run sends what run {} was refused again: {}",
        first.run_id,
        run_again(first)
    ))
}

fn overtaken(first: &Entry, later: &Entry) -> Failure {
    let left = match is_possible(later) {
        Ok(()) => format!(
            "what is refused now is what that run has refused: rostream retry {}",
            later.run_id
        ),
        Err(_) => format!("run it again: {}", run_again(later)),
    };
    let text = format!(
        "run {} has sent newer rows since run {}, and older ones must not replace them; {left}",
        later.run_id, first.run_id
    );
    Failure::of_kind(Exit::Failed, OVERTAKEN, text)
}

/// A run whose results were never taken in.
fn not_known(first: &Entry, folder: &Folder) -> Failure {
    let run = &first.run_id;
    let text = match (&first.ticket, first.step) {
        (Some(_), Step::Ended) => format!(
            "which rows of run {run} were refused is not known; fetch its results first: {}",
            command("results", run, folder)
        ),
        _ => format!(
            "run {run} has no results, so there is nothing to retry; run it again: {}",
            run_again(first)
        ),
    };
    Failure::of_kind(Exit::Failed, REFUSED_UNKNOWN, text)
}
