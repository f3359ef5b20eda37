//! Night after night into one data set, beside a model of it: hires, leavers, changes; rows that are rejected here or
//! refused by the server; extracts that were cut short; answers that are lost, kills at any moment; somebody who changes
//! the data set by hand, and a store that is lost. After each night the data set is the model's, however the server is
//! where the contract says nothing.
//!
//! A few nights as a rule; `NIGHTS=30 PROPTEST_CASES=50 cargo test --locked --test it nights` makes them more.

mod model;

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use rostream::internals::sandbox::options::ResultOrder;
use serde_json::Value;

use crate::support::{Call, Deed, Ended, Rig, wait_until};
use model::{COLUMNS, Extract, Mode, Model, Part, People, Plan, Said, Server, Stage};

const NAMES: [&str; 4] = ["ann", "bob", "cid", "dan"];
const PAY: [&str; 4] = ["", "10", "20", "30"];
const NOTES: [&str; 3] = ["", "a", "b"];

/// How many rows a canary has.
const FIRST: usize = 3;

/// How many may be deleted in a night that nobody has approved.
const MOST: usize = 5;

/// Name, pay and note, by their places above.
type Values = (usize, usize, usize);

/// What is wrong with somebody's row for a night.
#[derive(Clone, Copy, Debug)]
enum Dirt {
    /// A name that is rejected here.
    Name,
    /// A number that the server refuses.
    Pay,
    /// The row comes again, as it is.
    Again,
    /// It comes again, and says something else.
    Twice,
    NoKey,
    /// A cell too many.
    Ragged,
    Filtered,
}

/// What somebody else does to the data set.
#[derive(Clone, Copy, Debug)]
enum Hand {
    Deletes,
    Creates,
}

#[derive(Clone, Copy, Debug)]
enum Trouble {
    /// At a call of a step, so many others of it having gone by.
    At(&'static str, usize, What),
    /// Killed after so many milliseconds.
    After(u64),
}

#[derive(Clone, Copy, Debug)]
enum What {
    Kill,
    KillAfter,
    Lose,
    Cut,
}

#[derive(Clone, Debug)]
struct Night {
    /// Hires and changes.
    moves: Vec<(u8, Values)>,
    leavers: Vec<u8>,
    dirt: BTreeMap<u8, Dirt>,
    /// The share of the extract's bytes that comes, in percent.
    share: Option<u8>,
    hand: Option<(u8, Hand)>,
    loses_store: bool,
    is_full: bool,
    trouble: Option<Trouble>,
    /// Where it is not known whether an import began, it is let go, and not sent again.
    abandons: bool,
    /// Runs once more after trouble.
    again: bool,
    approves: bool,
    command: Command,
    /// Sends again what the server refused.
    retries: bool,
}

/// How a night's extract is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    Run,
    /// With a canary.
    First,
    /// `plan`, then `apply`.
    Apply,
}

fn id(number: u8) -> String {
    format!("p{number:02}")
}

impl Night {
    /// The extract of a company, with tonight's dirt. The first person is always there, and never at fault.
    fn text(&self, company: &BTreeMap<u8, Values>) -> String {
        let mut text = format!("employeeID,{}\np00,zoe,1,z,A\n", COLUMNS.join(","));
        let begun = text.len();
        for (number, (name, pay, note)) in company {
            let (name, pay, note) = (NAMES[*name], PAY[*pay], NOTES[*note]);
            let id = id(*number);
            let row = format!("{id},{name},{pay},{note},A\n");
            text += &match self.dirt.get(number) {
                None => row,
                Some(Dirt::Name) => format!("{id},!!,{pay},{note},A\n"),
                Some(Dirt::Pay) => format!("{id},{name},much,{note},A\n"),
                Some(Dirt::Again) => format!("{row}{row}"),
                Some(Dirt::Twice) => format!("{row}{id},eve,{pay},{note},A\n"),
                Some(Dirt::NoKey) => format!(",{name},{pay},{note},A\n"),
                Some(Dirt::Ragged) => format!("{id},{name},{pay},{note},A,\"surplus\"\n"),
                Some(Dirt::Filtered) => format!("{id},{name},{pay},{note},T\n"),
            };
        }
        if let Some(share) = self.share {
            let rest = text.len() - begun;
            text.truncate(begun + rest * usize::from(share) / 100);
        }
        text
    }
}

/// How a pipeline is, and how its server.
#[derive(Clone, Copy, Debug)]
struct World {
    server: Server,
    mode: Mode,
    /// Whether who is filtered is kept at the target.
    keeps: bool,
    /// What a run must name at least, and what is done where too many would be deleted.
    guard: &'static str,
}

impl World {
    fn withholds(&self) -> bool {
        self.guard.contains("withhold")
    }

    fn rig(&self, trouble: Arc<Mutex<Option<Trouble>>>) -> Rig {
        let server = self.server;
        let properties = ["employeeID", "fullName", "salary:number", "note"];
        let rig = Rig::with(|settings| {
            settings.properties = Some(properties.map(|p| p.parse().unwrap()).into());
            settings.echo_identifier = server.tells_keys;
            if !server.keeps_order {
                settings.result_order = ResultOrder::Shuffled;
            }
            settings.noop_names = server.noop_names;
            settings.failed_names = server.failed_names;
            settings.create_updates = server.create_updates;
            settings.update_creates = server.update_creates;
            settings.delete_missing = server.delete_missing;
        });
        let rig = rig.behind(move |call: &Call| {
            let mut trouble = trouble.lock().unwrap();
            match trouble.as_mut() {
                Some(Trouble::At(step, nth, _)) if *step == call.step && *nth > 0 => {
                    *nth -= 1;
                    Deed::Pass
                }
                Some(Trouble::At(step, _, what)) if *step == call.step => {
                    let deed = match what {
                        What::Kill => Deed::Kill,
                        What::KillAfter => Deed::KillAfter,
                        What::Lose => Deed::Lose,
                        What::Cut => Deed::Cut,
                    };
                    *trouble = None;
                    deed
                }
                _ => Deed::Pass,
            }
        });
        let filter = match self.keeps {
            true => "{ when: status != 'T', keep_at_target: true }",
            false => "status != 'T'",
        };
        let target = match self.mode {
            Mode::Keep => "action: createOrUpdate".to_owned(),
            Mode::Implicit(on_reject) => format!("implicit_delete: {{ on_reject: {on_reject} }}"),
            Mode::Delta => "action: { delta: store }".to_owned(),
        };
        // A difference is to do without.
        let target = match server.keeps_order && self.mode != Mode::Delta {
            true => target + "\nmatch_results: order",
            false => target,
        };
        let key = "identify_by: { id_key: employeeID }";
        let hand = "name: hand\nsource: { path: hand.csv }\nstate: { dir: hand }";
        rig.pipeline(hand, &format!("action: {{ column: _action }}\n{key}"));
        fs::rename(rig.path("pipeline.yaml"), rig.path("hand.yaml")).unwrap();
        rig.pipeline(
            &format!(
                "name: nights\nsource: {{ path: workers.csv }}\n\
                 stages:\n  - filter: {filter}\n  - drop: [status]\n\
                 validate: {{ key: employeeID, columns: {{ fullName: {{ pattern: '^[a-z]+$' }} }} }}\n\
                 rejects: {{ at_most: 100% }}\nguard: {{ max_delete: {MOST}, {} }}\nupload: {{ attempts: 1 }}",
                self.guard
            ),
            &format!("{target}\n{key}\nclear: [note]\nclear_token: '#'"),
        );
        rig
    }
}

/// What a run imports, and how far it came.
struct Flight {
    /// The imports to come.
    parts: VecDeque<Part>,
    /// The import whose results nobody has taken in yet, and what they are.
    open: Option<(Part, Vec<Said>)>,
}

impl Flight {
    fn of(plan: Plan, first: Option<usize>) -> Flight {
        let parts = plan.parts(first).into_iter();
        Flight {
            parts: parts.filter(|part| !part.items.is_empty()).collect(),
            open: None,
        }
    }
}

/// A data set, its model, and a night's source.
struct Nights {
    rig: Rig,
    world: World,
    model: Model,
    trouble: Arc<Mutex<Option<Trouble>>>,
    company: BTreeMap<u8, Values>,
    /// How many people the accepted runs say that there are.
    standing: usize,
    /// What happened, for whoever reads of a failure.
    story: Vec<String>,
}

type Checked<T = ()> = Result<T, TestCaseError>;

macro_rules! holds {
    ($nights:expr, $holds:expr, $($why:tt)+) => {
        if !$holds {
            let why = format!($($why)+);
            return Err(TestCaseError::fail(format!("{why}\n{}", $nights.story.join("\n"))));
        }
    };
}

impl Nights {
    fn new(world: World) -> Nights {
        let trouble = Arc::default();
        Nights {
            rig: world.rig(Arc::clone(&trouble)),
            model: Model::new(world.server, world.mode),
            trouble,
            world,
            company: BTreeMap::new(),
            standing: 0,
            story: Vec::new(),
        }
    }

    /// The data set as it is.
    fn held(&self) -> People {
        wait_until("all jobs are through", || self.rig.is_through());
        let person = |item: &String| {
            let item: Value = serde_json::from_str(item).unwrap();
            let id = item["employeeID"].as_str().unwrap().to_owned();
            let values = COLUMNS.iter().filter_map(|name| match &item[name] {
                Value::Null => None,
                Value::String(text) => Some((*name, text.clone())),
                other => Some((*name, other.to_string())),
            });
            (id, values.collect())
        };
        self.rig.items().iter().map(person).collect()
    }

    fn night(&mut self, night: &Night) -> Checked {
        self.story.push(format!("{night:?}"));
        self.company.retain(|id, _| !night.leavers.contains(id));
        self.company.extend(night.moves.iter().copied());
        if let Some((number, hand)) = night.hand {
            self.by_hand(&id(number), hand)?;
        }
        if night.loses_store && self.rig.path("store").exists() {
            fs::remove_dir_all(self.rig.path("store")).unwrap();
            self.model.lose_store();
        }
        let text = night.text(&self.company);
        self.rig.write("workers.csv", &text);
        self.story.push(text);
        if let Some(trouble) = night.trouble {
            self.run(night, Some(trouble))?;
            if !night.again {
                return Ok(());
            }
        }
        self.run(night, None)
    }

    /// Somebody changes the data set without us.
    fn by_hand(&mut self, id: &str, hand: Hand) -> Checked {
        let row = match (hand, self.model.held.contains_key(id)) {
            (Hand::Deletes, true) => format!("delete,{id},"),
            (Hand::Creates, false) => format!("create,{id},eva"),
            _ => return Ok(()),
        };
        self.rig
            .write("hand.csv", format!("_action,employeeID,fullName\n{row}\n"));
        let ended = self.rig.tell(&["run", "hand.yaml"]);
        holds!(self, ended.code == 0, "by hand: {}", ended.stderr);
        match hand {
            Hand::Deletes => drop(self.model.held.remove(id)),
            Hand::Creates => {
                let eva = [("fullName", "eva".to_owned())];
                self.model.held.insert(id.to_owned(), eva.into());
            }
        }
        self.is_as_modelled()
    }

    fn is_as_modelled(&self) -> Checked {
        let held = self.held();
        holds!(
            self,
            held == self.model.held,
            "the data set:\n{held:?}\nthe model:\n{:?}",
            self.model.held
        );
        Ok(())
    }

    /// Runs, and takes up what is left, until nothing is.
    fn run(&mut self, night: &Night, trouble: Option<Trouble>) -> Checked {
        let extract = Extract::read(&self.rig.read("workers.csv"));
        let plan = self.model.plan(&extract, self.world.keeps, night.is_full);
        let (named, deletes) = (plan.rows.items.len(), plan.deletes.items.len());
        let stops = self.stops(&extract, &plan, named);
        let stated = !self.world.guard.contains("first");
        let command = match night.command {
            // Which rows are a canary depends on what is withheld; and a difference has none.
            Command::First if self.world.withholds() || self.world.mode == Mode::Delta => {
                Command::Run
            }
            command => command,
        };
        let first = (command == Command::First).then_some(FIRST);
        let mut flight = Flight::of(plan, first);
        let mut args = self.command("run", night);
        if first.is_some() {
            args.extend(["--first", "3"]);
        }
        let imports = self.rig.taken().1;
        if command == Command::Apply {
            let mut plan = self.command("plan", night);
            plan.extend(["-o", "plan.json"]);
            let (code, said) = self.rig.ask(&plan);
            self.rig.forget_reports();
            self.tell(&plan, Some(code), &said);
            if ![0, 3].contains(&code) {
                holds!(self, code == 4 && (stops || !stated), "plan: {code}");
                return self.is_as_modelled();
            }
            args = vec!["apply", "plan.json"];
        }
        let ended = match trouble {
            None => Some(self.rig.tell(&args)),
            Some(Trouble::After(time)) => {
                let time = Duration::from_millis(time);
                self.rig.unless_longer_than(time, &args)
            }
            Some(trouble) => {
                *self.trouble.lock().unwrap() = Some(trouble);
                let ended = self.rig.unless_killed(&args);
                *self.trouble.lock().unwrap() = None;
                ended
            }
        };
        let code = ended.as_ref().map(|ended| ended.code);
        self.tell(
            &args,
            code,
            ended.as_ref().map_or("", |ended| &ended.stderr),
        );
        self.imported(&mut flight, imports)?;
        match ended {
            Some(ended) if ended.code == 4 => {
                holds!(self, stops || !stated, "it was stopped without a reason");
                holds!(self, self.rig.taken().1 == imports, "an import was begun");
                return self.approve(night, flight, named, &ended);
            }
            Some(ended) if [0, 3, 5].contains(&ended.code) => {
                holds!(self, !stops, "it was not stopped");
                self.settled(&mut flight, ended.code, named);
                let is_left = !flight.parts.is_empty() && deletes <= MOST;
                let refused = first.is_some() && ended.code == 5;
                holds!(self, !is_left || refused, "something was not sent");
                if trouble.is_none() && command == Command::Run && night.retries {
                    self.retry(&ended)?;
                }
            }
            Some(ended) if ended.code != 1 && ended.code != 7 => {
                holds!(self, false, "exit code {}", ended.code);
            }
            _ => self.take_up(night, &extract, flight, named)?,
        }
        self.is_as_modelled()
    }

    /// A command over the pipeline.
    fn command(&self, name: &'static str, night: &Night) -> Vec<&'static str> {
        let mut args = vec![name, "pipeline.yaml"];
        if night.is_full && self.world.mode == Mode::Delta {
            args.push("--set=target.orgvue.action={ delta: store, full_every: 1ms }");
        }
        args
    }

    /// Sends again what the server has refused, which it does once more.
    fn retry(&mut self, ended: &Ended) -> Checked {
        // The next run of a difference does so by itself; and where results neither have keys nor stand in order, nobody
        // knows what was refused.
        let is_known = self.world.server.tells_keys || self.world.server.keeps_order;
        if self.world.mode == Mode::Delta || ended.count("failed") == 0 || !is_known {
            return Ok(());
        }
        let imports = self.rig.taken().1;
        let args = ["retry", ended.report["run_id"].as_str().unwrap()];
        let (code, said) = self.rig.ask(&args);
        self.rig.forget_reports();
        self.tell(&args, Some(code), &said);
        holds!(self, [3, 5].contains(&code), "retry: {code}");
        holds!(
            self,
            self.rig.taken().1 == imports + 1,
            "retry has no import"
        );
        self.is_as_modelled()
    }

    /// Whether guards stop a run.
    fn stops(&self, extract: &Extract, plan: &Plan, named: usize) -> bool {
        let too_many = match self.world.mode {
            Mode::Keep => false,
            Mode::Implicit("block") if extract.has_rejects() => return true,
            Mode::Implicit("carry_forward") if extract.keyless > 0 => return true,
            Mode::Implicit(_) => plan.rows.implicit && self.standing > named + MOST,
            // Nobody can say what would change.
            Mode::Delta if self.model.is_lost && self.standing > 0 => return true,
            Mode::Delta => plan.deletes.items.len() > MOST,
        };
        too_many && !self.world.withholds()
    }

    /// Takes in the imports that have begun since.
    fn imported(&mut self, flight: &mut Flight, since: u64) -> Checked {
        wait_until("all jobs are through", || self.rig.is_through());
        for _ in since..self.rig.taken().1 {
            if let Some((part, said)) = flight.open.take() {
                self.model.take_in(&part, Some(&said));
            }
            let next = flight.parts.pop_front();
            holds!(self, next.is_some(), "an import too many");
            let mut part = next.unwrap_or_default();
            let mut withheld = self.model.clone();
            let mut said = self.model.import(&part);
            if part.implicit && self.world.withholds() && self.held() != self.model.held {
                part.implicit = false;
                said = withheld.import(&part);
                self.model = withheld;
            }
            flight.open = Some((part, said));
        }
        self.is_as_modelled()
    }

    /// A run is over: whatever the server said of it is known.
    fn settled(&mut self, flight: &mut Flight, code: i32, named: usize) {
        if let Some((part, said)) = flight.open.take() {
            self.model.take_in(&part, Some(&said));
            if [0, 3].contains(&code) {
                let before = if part.implicit { 0 } else { self.standing };
                self.standing = named.max(before);
            }
        }
    }

    /// Does what was stopped, where somebody says so.
    fn approve(
        &mut self,
        night: &Night,
        mut flight: Flight,
        named: usize,
        ended: &Ended,
    ) -> Checked {
        let command = ended.report["next"].as_str().unwrap_or_default();
        let hash = command.split_once(" --approve ").map(|(_, hash)| hash);
        let (true, Some(hash)) = (night.approves, hash) else {
            return self.is_as_modelled();
        };
        let mut args = self.command("run", night);
        args.extend(["--approve", hash]);
        let imports = self.rig.taken().1;
        let ended = self.rig.tell(&args);
        self.tell(&args, Some(ended.code), &ended.stderr);
        self.imported(&mut flight, imports)?;
        holds!(self, [0, 3, 5].contains(&ended.code), "it was approved");
        self.settled(&mut flight, ended.code, named);
        holds!(self, flight.parts.is_empty(), "something was not sent");
        self.is_as_modelled()
    }

    /// Takes up what a run left open, until nothing is.
    fn take_up(
        &mut self,
        night: &Night,
        extract: &Extract,
        mut flight: Flight,
        named: usize,
    ) -> Checked {
        let mut args = vec!["resume", "pipeline.yaml"];
        for _ in 0..6 {
            let imports = self.rig.taken().1;
            let (code, said) = self.rig.ask(&args);
            self.rig.forget_reports();
            self.tell(&args, Some(code), &said);
            self.imported(&mut flight, imports)?;
            match code {
                _ if args.contains(&"--abandon") => return Ok(()),
                0 | 1 | 3 | 5 => {
                    self.settled(&mut flight, code, named);
                    return Ok(());
                }
                6 => continue,
                7 => {}
                code => holds!(self, false, "exit code {code}"),
            }
            // The import that may have begun: the last one, or one that the server never heard of.
            let at_hand = self.at_hand();
            if flight
                .open
                .as_ref()
                .is_some_and(|open| open.0.stage != at_hand)
            {
                self.settled(&mut flight, 1, named);
            }
            let began = match flight.open.take() {
                Some((part, _)) => Some(part),
                None => flight.parts.pop_front(),
            };
            holds!(self, began.is_some(), "no import can have begun");
            let part = began.unwrap_or_default();
            holds!(self, part.stage == at_hand, "it is at {at_hand:?}");
            self.model.take_in(&part, None);
            // A canary is not repeated by itself.
            let how = match night.abandons || at_hand == Stage::First {
                true => "--abandon",
                false => "--retry-import",
            };
            args = vec!["resume", "pipeline.yaml", how];
            if at_hand == Stage::Deletes {
                // The rows are in, and who is gone is found again.
                let plan = self.model.plan(extract, self.world.keeps, night.is_full);
                flight = Flight::of(plan, None);
            } else {
                flight.parts.push_front(part);
            }
        }
        holds!(self, false, "it never ends");
        Ok(())
    }

    /// Which import it is of which nobody knows whether it began, as the ledger has it.
    fn at_hand(&self) -> Stage {
        let entries = fs::read_dir(self.rig.path("state")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let runs = paths.filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with("run-") && name.ends_with(".json")
        });
        let read = |path| serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let mut runs = runs.map(|path: PathBuf| -> Value { read(path) });
        let run = runs.find(|run| run["step"] == "importing").unwrap();
        match (run["kind"] == "canary", run["deleting"] == true) {
            (true, _) => Stage::First,
            (_, true) => Stage::Deletes,
            _ => Stage::Rows,
        }
    }

    fn tell(&mut self, args: &[&str], code: Option<i32>, said: &str) {
        self.story
            .push(format!("{} -> {code:?}\n{said}", args.join(" ")));
    }
}

/// The last nights, in which nothing goes wrong: everybody is as the company has it.
fn at_last(nights: &mut Nights) -> Checked {
    let mut calm = Night {
        moves: Vec::new(),
        leavers: Vec::new(),
        dirt: BTreeMap::new(),
        share: None,
        hand: None,
        loses_store: false,
        is_full: true,
        trouble: None,
        abandons: false,
        again: false,
        approves: true,
        command: Command::Run,
        retries: false,
    };
    nights.night(&calm)?;
    for (number, (name, pay, note)) in &nights.company {
        let person = nights.model.held.get(&id(*number));
        let value = |name| person.and_then(|person| person.get(name));
        let (name, pay, note) = (NAMES[*name], PAY[*pay], NOTES[*note]);
        let is_there = value("fullName").is_some_and(|is| is == name)
            && (pay.is_empty() || value("salary").is_some_and(|is| is == pay))
            && value("note").map_or("", String::as_str) == note;
        holds!(nights, is_there, "{number} is {person:?}");
    }
    if matches!(nights.world.mode, Mode::Implicit(_)) && !nights.world.withholds() {
        let people = nights.company.len() + 1;
        holds!(
            nights,
            nights.held().len() == people,
            "who is gone is there"
        );
    }
    if nights.world.mode == Mode::Delta && nights.world.server.tells_keys {
        calm.is_full = false;
        let taken = nights.rig.taken();
        nights.night(&calm)?;
        holds!(nights, nights.rig.taken() == taken, "a quiet night is not");
    }
    Ok(())
}

fn run_nights(world: World, nights: &[Night]) -> Checked {
    let mut run = Nights::new(world);
    run.story.push(format!("{world:?}"));
    nights.iter().try_for_each(|night| run.night(night))?;
    at_last(&mut run)
}

fn setting(name: &str) -> Option<usize> {
    std::env::var(name).ok()?.parse().ok()
}

fn nights() -> impl Strategy<Value = Vec<Night>> {
    let person = || 1u8..16;
    let values = (0..NAMES.len(), 0..PAY.len(), 0..NOTES.len());
    let dirt = prop::sample::select(vec![
        Dirt::Name,
        Dirt::Pay,
        Dirt::Again,
        Dirt::Twice,
        Dirt::NoKey,
        Dirt::Ragged,
        Dirt::Filtered,
    ]);
    let hand = prop::sample::select(vec![Hand::Deletes, Hand::Creates]);
    let what = prop::sample::select(vec![What::Kill, What::KillAfter, What::Lose, What::Cut]);
    let step = prop::sample::select(vec!["generate", "put", "import", "ticket", "results"]);
    let trouble = prop_oneof![
        4 => (step, 0usize..3, what).prop_map(|(step, nth, what)| Trouble::At(step, nth, what)),
        1 => (50u64..600).prop_map(Trouble::After),
    ];
    let people = (
        prop::collection::vec((person(), values), 0..6),
        prop::collection::vec(person(), 0..4),
        prop::collection::btree_map(person(), dirt, 0..3),
        prop::option::weighted(0.15, 1u8..100),
        prop::option::weighted(0.2, (person(), hand)),
    );
    let run = (
        prop::bool::weighted(0.05),
        prop::bool::weighted(0.1),
        prop::option::weighted(0.5, trouble),
        any::<bool>(),
        prop::bool::weighted(0.7),
        prop::bool::weighted(0.7),
        prop_oneof![
            5 => Just(Command::Run),
            1 => Just(Command::First),
            1 => Just(Command::Apply)
        ],
        any::<bool>(),
    );
    let night = (people, run).prop_map(|(people, run)| {
        let (moves, leavers, dirt, share, hand) = people;
        let (loses_store, is_full, trouble, abandons, again, approves, command, retries) = run;
        Night {
            moves,
            leavers,
            dirt,
            share,
            // At what moment a run was killed decides what its store takes for granted.
            hand: hand.filter(|_| !matches!(trouble, Some(Trouble::After(_)))),
            loses_store,
            is_full,
            trouble,
            abandons,
            again,
            approves,
            command,
            retries,
        }
    });
    let most = setting("NIGHTS").unwrap_or(5);
    prop::collection::vec(night, 2..=most)
}

fn servers() -> impl Strategy<Value = Server> {
    any::<[bool; 7]>().prop_map(|yes| Server {
        tells_keys: yes[0],
        keeps_order: yes[1],
        noop_names: yes[2],
        failed_names: yes[3],
        create_updates: yes[4],
        update_creates: yes[5],
        delete_missing: yes[6],
    })
}

fn worlds(modes: Vec<Mode>) -> impl Strategy<Value = World> {
    let guards = vec![
        "min_rows: 0",
        "min_rows: { first: 1 }",
        "min_rows: 0, on_exceed: withhold_deletes",
    ];
    let (modes, guards) = (prop::sample::select(modes), prop::sample::select(guards));
    (servers(), modes, any::<bool>(), guards).prop_map(|(server, mode, keeps, guard)| World {
        server,
        mode,
        // `implicit_delete` deletes whom nobody names.
        keeps: keeps && !matches!(mode, Mode::Implicit(_)),
        guard,
    })
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: setting("PROPTEST_CASES").unwrap_or(4) as u32,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn nights_in_which_nobody_is_deleted(world in worlds(vec![Mode::Keep]), nights in nights()) {
        run_nights(world, &nights)?;
    }

    #[test]
    fn nights_in_which_whom_nobody_names_is_deleted(
        world in worlds(["turn_off", "block", "carry_forward"].map(Mode::Implicit).into()),
        nights in nights(),
    ) {
        run_nights(world, &nights)?;
    }

    #[test]
    fn nights_with_a_difference(world in worlds(vec![Mode::Delta]), nights in nights()) {
        run_nights(world, &nights)?;
    }
}
