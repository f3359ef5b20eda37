//! Many runs in a row into one data set, each with a fault at a random place, beside a model of what the data set
//! must hold. Whatever went wrong, the program is told to go on as it says itself, by a user who never thinks:
//! `run` again where nothing was imported, `resume` where a job is at the server, and where the import's fate is
//! unknown, a look at the data set.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use crate::support::{self, Deed, Ended, Moment, Rig, wait_until};

/// What the data set holds: names by identifier.
type Model = BTreeMap<String, String>;

/// A fault that comes up to `times` times in one process.
#[derive(Clone, Copy, Debug)]
struct Fault {
    step: &'static str,
    /// How many calls of the step are passed on before it.
    after: usize,
    times: usize,
    deed: fn() -> Deed,
    name: &'static str,
}

const BUSY: &str =
    "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
const EXPIRED: &str =
    "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";

/// A step, what may happen there, and what to call it.
type Kind = (&'static str, fn() -> Deed, &'static str);

fn at(moment: Moment, fault: support::Fault) -> Deed {
    Deed::At(moment, fault)
}

const FAULTS: &[Kind] = &[
    ("generate", || Deed::Answer(503, ""), "503"),
    ("generate", || Deed::Cut, "cut"),
    ("generate", || Deed::Lose, "answer lost"),
    ("generate", || Deed::Kill, "killed"),
    ("generate", || Deed::KillAfter, "killed after it"),
    ("put", || Deed::Answer(503, BUSY), "503"),
    ("put", || Deed::Answer(403, EXPIRED), "expired"),
    ("put", || Deed::Cut, "cut"),
    ("put", || at(Moment::Halfway, support::Fault::Cut), "torn"),
    (
        "put",
        || at(Moment::Begun, support::Fault::Answer(200, "")),
        "200 too early",
    ),
    (
        "put",
        || at(Moment::Begun, support::Fault::Answer(403, "")),
        "403 too early",
    ),
    ("put", || Deed::Silence, "no answer"),
    (
        "put",
        || at(Moment::Begun, support::Fault::Stall),
        "silence",
    ),
    (
        "put",
        || at(Moment::Halfway, support::Fault::Stall),
        "silence halfway",
    ),
    ("put", || Deed::Lose, "answer lost"),
    ("put", || Deed::Kill, "killed"),
    ("put", || Deed::KillAfter, "killed after it"),
    ("import", || Deed::Answer(502, "<html>"), "502"),
    ("import", || Deed::Cut, "cut"),
    ("import", || Deed::Silence, "no answer"),
    ("import", || Deed::Lose, "answer lost"),
    ("import", || Deed::Kill, "killed"),
    ("import", || Deed::KillAfter, "killed after it"),
    ("ticket", || Deed::Answer(500, ""), "500"),
    ("ticket", || Deed::Cut, "cut"),
    (
        "ticket",
        || at(Moment::Answering, support::Fault::Cut),
        "half of it",
    ),
    ("ticket", || Deed::Kill, "killed"),
    ("ticket", || Deed::KillAfter, "killed after it"),
    ("results", || Deed::Answer(500, ""), "500"),
    ("results", || Deed::Answer(403, EXPIRED), "expired"),
    (
        "results",
        || at(Moment::Answering, support::Fault::Stall),
        "silence halfway",
    ),
    ("results", || Deed::Cut, "cut"),
    (
        "results",
        || at(Moment::Answering, support::Fault::Cut),
        "half of them",
    ),
    ("results", || Deed::Kill, "killed"),
    ("results", || Deed::KillAfter, "killed after it"),
];

fn fault(random: &mut StdRng) -> Option<Fault> {
    if random.random_ratio(1, 6) {
        return None;
    }
    let (step, deed, name) = *FAULTS.choose(random)?;
    // As a rule it is over soon; now and then it outlives all tries.
    let times = match random.random_ratio(1, 8) {
        true => 9,
        false => random.random_range(1..=2),
    };
    let after = usize::from(step == "ticket" && random.random_ratio(1, 3));
    Some(Fault {
        step,
        after,
        times,
        deed,
        name,
    })
}

/// Creates, updates and deletes that the data set takes, and some that it or the pipeline does not.
struct Batch {
    text: String,
    after: Model,
    /// Rows that end up in the rejects file.
    refused: u64,
    rows: u64,
}

fn batch(random: &mut StdRng, model: &Model, next: &mut u32) -> Batch {
    let mut rows: Vec<[String; 3]> = Vec::new();
    let mut after = model.clone();
    let mut refused = 0;
    let name = |random: &mut StdRng| format!("CANARYCELL {:08x}", random.random::<u32>());
    for id in model.keys() {
        match random.random_range(0..10) {
            0..3 => {
                let name = name(random);
                after.insert(id.clone(), name.clone());
                rows.push(["update".into(), id.clone(), name]);
            }
            3..5 => {
                after.remove(id);
                rows.push(["delete".into(), id.clone(), "gone".into()]);
            }
            // What is there already is refused by the server.
            5 if random.random_ratio(1, 4) => {
                refused += 1;
                rows.push(["create".into(), id.clone(), name(random)]);
            }
            _ => {}
        }
    }
    for _ in 0..random.random_range(1..60) {
        *next += 1;
        let (id, name) = (format!("{next:08}"), name(random));
        after.insert(id.clone(), name.clone());
        rows.push(["create".into(), id, name]);
    }
    if random.random_ratio(1, 5) {
        refused += 1;
        rows.push(["create".into(), String::new(), name(random)]);
    }
    let header = "_action,employeeID,fullName\n".to_owned();
    let text = rows
        .iter()
        .fold(header, |text, row| text + &row.join(",") + "\n");
    Batch {
        text,
        after,
        refused,
        rows: rows.len() as u64,
    }
}

/// One data set, its model, and what has been met.
struct Soak {
    rig: Rig,
    fault: Arc<Mutex<Option<Fault>>>,
    random: StdRng,
    model: Model,
    met: BTreeMap<String, u32>,
}

/// How often a batch may need to be taken up before something is wrong.
const PATIENCE: usize = 12;

impl Soak {
    fn new(seed: u64) -> Soak {
        let fault: Arc<Mutex<Option<Fault>>> = Arc::default();
        let at_hand = fault.clone();
        let rig = Rig::new().behind(move |call| {
            let mut fault = at_hand.lock().unwrap();
            match fault.as_mut() {
                Some(fault) if fault.step == call.step && fault.after > 0 => {
                    fault.after -= 1;
                    Deed::Pass
                }
                Some(fault) if fault.step == call.step && fault.times > 0 => {
                    fault.times -= 1;
                    (fault.deed)()
                }
                _ => Deed::Pass,
            }
        });
        Soak {
            rig,
            fault,
            random: StdRng::seed_from_u64(seed),
            model: Model::new(),
            met: BTreeMap::new(),
        }
    }

    fn held(&self) -> Model {
        let items = self.rig.items().into_iter();
        let member = |item: &Value, name: &str| item[name].as_str().unwrap().to_owned();
        items
            .map(|text| {
                let item: Value = serde_json::from_str(&text).unwrap();
                (member(&item, "employeeID"), member(&item, "fullName"))
            })
            .collect()
    }

    /// Brings one batch into the data set, whatever it takes.
    fn one(&mut self, next: &mut u32) {
        let batch = batch(&mut self.random, &self.model, next);
        self.rig.write("workers.csv", &batch.text);
        let length = ["measured", "spooled"].choose(&mut self.random).unwrap();
        self.rig.pipeline(
            &format!(
                "name: soak\nsource: {{ path: workers.csv }}\nvalidate: {{ key: employeeID }}\n\
                 upload: {{ length: {length} }}\nrejects: {{ path: rejects.csv }}\nwait: {{ at_most: 5s }}\n\
                 timeouts: {{ stalled: 3s, unanswered: 3s, answer: 3s, import: 3s }}"
            ),
            "action: { column: _action }\nidentify_by: { id_key: employeeID }",
        );
        let mut command = vec!["run", "pipeline.yaml"];
        let mut imports = self.rig.taken().1;
        let mut story = Vec::new();
        for _ in 0..PATIENCE {
            let fault = fault(&mut self.random);
            *self.fault.lock().unwrap() = fault;
            let ended = self.rig.unless_killed(&command);
            *self.fault.lock().unwrap() = None;
            let code = ended.as_ref().map(|ended| ended.code);
            let what = fault.map_or("nothing".to_owned(), |f| format!("{}: {}", f.step, f.name));
            story.push(format!("{} with {what} -> {code:?}", command.join(" ")));
            *self.met.entry(format!("{what} -> {code:?}")).or_default() += 1;
            if code == Some(5) {
                // The storage had said yes to all and had nothing; the server's job says so.
                imports += 1;
            }
            let imported = self.rig.taken().1 > imports;
            let story = || story.join("\n");
            assert!(
                self.rig.taken().1 <= imports + 1,
                "two imports\n{}",
                story()
            );
            // All of it or nothing of it, and all of it only where an import was begun.
            if imported {
                wait_until("the job is over", || self.held() == batch.after);
            } else {
                assert_eq!(self.held(), self.model, "{}", story());
            }
            let Some(ended) = ended else {
                // The next start says what was left.
                command = vec!["run", "pipeline.yaml"];
                continue;
            };
            match ended.code {
                0 | 3 => {
                    assert!(imported, "{}", story());
                    check_counts(&ended, &batch, &story());
                    self.model = batch.after;
                    return;
                }
                // Whether it failed before the import or after it must be said, and be true.
                1 if imported => {
                    ended.says("the import was completed");
                    self.model = batch.after;
                    return;
                }
                1 | 5 => command = vec!["run", "pipeline.yaml"],
                6 => {
                    assert!(imported, "{}", story());
                    command = vec!["resume", "--state", "state"];
                }
                // A look at the data set tells.
                7 if imported => {
                    if ended.stderr.contains("resume") {
                        let (code, said) = self.rig.ask(&["resume", "--abandon"]);
                        assert_eq!(code, 0, "{said}\n{}", story());
                    }
                    self.model = batch.after;
                    return;
                }
                7 => command = vec!["resume", "--retry-import"],
                code => panic!("exit {code}: {}\n{}", ended.stderr, story()),
            }
        }
        panic!("no end of it:\n{}", story.join("\n"));
    }
}

/// A run that saw everything to its end knows what became of every row.
#[track_caller]
fn check_counts(ended: &Ended, batch: &Batch, story: &str) {
    let counts = ["read", "accepted", "unprocessed"].map(|name| ended.count(name));
    let refused = ended.count("rejected") + ended.count("failed");
    assert_eq!(counts[0], batch.rows, "{story}");
    assert_eq!((refused, counts[2]), (batch.refused, 0), "{story}");
    assert_eq!(counts[1], batch.rows - batch.refused, "{story}");
    assert_eq!(ended.code, if batch.refused > 0 { 3 } else { 0 }, "{story}");
}

fn soak(runs: u32, seed: u64) {
    println!("seed {seed}");
    let mut soak = Soak::new(seed);
    let mut next = 0;
    for _ in 0..runs {
        soak.one(&mut next);
        assert_eq!(soak.held(), soak.model);
    }
    for (what, times) in &soak.met {
        println!("{times:4} x {what}");
    }
    println!("{runs} batches, {} items at the end", soak.model.len());
}

/// The same few every time.
#[test]
fn a_few_runs_with_faults_at_random_places() {
    soak(8, 11);
}

/// `SOAK=200 cargo test --locked --test it soak -- --ignored --nocapture`, with `SOAK_SEED` to see one again.
#[test]
#[ignore = "takes many minutes"]
fn many_runs_with_faults_at_random_places() {
    let setting = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seed = setting("SOAK_SEED").unwrap_or_else(rand::random);
    soak(setting("SOAK").unwrap_or(200) as u32, seed);
}
