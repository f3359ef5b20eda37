//! What differs from what the server accepted last: night after night, with whatever comes between.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use rostream::internals::sandbox::options::ResultOrder;
use serde_json::Value;

use crate::support::{Call, Deed, Ended, Rig, mode, wait_until};

const IMPORT: &str = "action: { delta: store }\nidentify_by: { id_key: employeeID }";

const HEADER: &str = "employeeID,fullName,grade\n";

/// What is looked at of the items.
const PEOPLE: [&str; 3] = ["employeeID", "fullName", "grade"];

fn few(rig: Rig, import: &str) -> Rig {
    rig.pipeline(
        "source: { path: workers.csv }\nvalidate: { key: employeeID, columns: { grade: { one_of: [G1, G2, G3] } } }\n\
         rejects: { at_most: 90% }",
        import,
    );
    rig
}

fn night(rig: &Rig, rows: &[&str]) -> Ended {
    rig.write("workers.csv", format!("{HEADER}{}\n", rows.join("\n")));
    rig.run(&[])
}

#[test]
fn only_what_differs_is_sent() {
    let rig = few(Rig::new(), IMPORT);
    let ended = night(&rig, &["1,Ann,G1", "2,Bob,G2", "3,Cid,"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.says("everything is sent, as there is no store yet");
    ended.differs([3, 0, 0, 0]);

    let ended = night(&rig, &["3,Cid,", "1,Ann,G2", "4,Dan,G1"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.differs([1, 1, 1, 1]);
    ended.says("1 new, 1 changed, 1 gone, to the 3 people at the target");
    assert_eq!((ended.count("sent"), ended.count("accepted")), (3, 3));
    // Deletions come in an upload of their own, and last.
    assert_eq!(
        String::from_utf8(rig.uploaded()).unwrap(),
        "[\n{\"_action\":\"delete\",\"employeeID\":\"2\"}\n]\n"
    );
    assert_eq!(rig.people(&PEOPLE), ["1 Ann G2", "3 Cid -", "4 Dan G1"]);

    // A quiet night asks for nothing.
    let before = rig.taken();
    let ended = night(&rig, &["1,Ann,G2", "3,Cid,", "4,Dan,G1"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.differs([0, 0, 0, 3]);
    assert_eq!((rig.taken(), ended.count("unchanged")), (before, 3));

    // One row, and of that what changed.
    let ended = night(&rig, &["1,Ann,G3", "3,Cid,", "4,Dan,G1"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(
        String::from_utf8(rig.uploaded()).unwrap(),
        "[\n{\"_action\":\"update\",\"employeeID\":\"1\",\"grade\":\"G3\"}\n]\n"
    );
    // Who comes back is created.
    let ended = night(&rig, &["1,Ann,G3", "2,Bob,G1", "3,Cid,", "4,Dan,G1"]);
    ended.differs([1, 0, 0, 3]);
    assert_eq!(
        rig.people(&PEOPLE),
        ["1 Ann G3", "2 Bob G1", "3 Cid -", "4 Dan G1"]
    );
    for entry in fs::read_dir(rig.path("store")).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        let bytes = fs::read(&path).unwrap();
        for value in ["Ann", "Bob", "G3"] {
            let found = bytes.windows(value.len()).any(|w| w == value.as_bytes());
            assert!(!found || value.len() < 3, "{value} in {}", path.display());
        }
    }
}

#[test]
fn rejected_and_refused_rows_are_tried_again_and_nobody_is_deleted_for_them() {
    let rig = few(
        Rig::with(|s| {
            s.properties = Some(
                ["employeeID", "fullName", "grade", "pay:number"]
                    .map(|p| p.parse().unwrap())
                    .into(),
            )
        }),
        IMPORT,
    );
    let header = "employeeID,fullName,grade,pay\n";
    let night = |rows: &[&str]| {
        rig.write("workers.csv", format!("{header}{}\n", rows.join("\n")));
        rig.run(&[])
    };
    assert_eq!(
        night(&["1,Ann,G1,10", "2,Bob,G2,20", "3,Cid,G3,30"]).code,
        0
    );
    // 1 is rejected here, 2 is refused by the server, and 3 is changed.
    for _ in 0..2 {
        let ended = night(&["1,Ann,G9,11", "2,Bob,G2,much", "3,Cid,G3,31"]);
        assert_eq!(
            ended.code,
            if ended.count("sent") == 1 { 5 } else { 3 },
            "{}",
            ended.stderr
        );
        assert_eq!((ended.count("rejected"), ended.count("failed")), (1, 1));
        assert_eq!(ended.report["delta"]["deletes"], 0);
    }
    assert_eq!(rig.people(&PEOPLE), ["1 Ann G1", "2 Bob G2", "3 Cid G3"]);
    let ended = night(&["1,Ann,G2,11", "2,Bob,G2,21", "3,Cid,G3,31"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.differs([0, 2, 0, 1]);
    assert!(
        rig.items().iter().any(|item| item.contains("\"pay\":21")),
        "{:?}",
        rig.items()
    );
    // Of a rejected row without a key nobody knows whose it is.
    let ended = night(&["1,Ann,G2,11", ",Bob,G2,21", "3,Cid,G3,31"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    ended.says("nobody who is gone, in this run, as of some rows nobody knows whose they are");
    assert_eq!(rig.people(&PEOPLE).len(), 3);
    let ended = night(&["1,Ann,G2,11", "3,Cid,G3,31"]);
    ended.differs([0, 0, 1, 2]);
}

#[test]
fn what_the_server_has_otherwise_than_was_thought_is_sent_whole_the_next_time() {
    // Somebody has made 2 in Orgvue itself.
    let rig = few(
        Rig::holding(r#"[{"employeeID":"2","grade":"G9"}]"#, |_| {}),
        IMPORT,
    );
    assert_eq!(night(&rig, &["1,Ann,G1"]).code, 0);
    let ended = night(&rig, &["1,Ann,G1", "2,Bob,G2", "3,Cid,G3"]);
    assert_eq!(
        (ended.code, ended.count("failed")),
        (3, 1),
        "{}",
        ended.stderr
    );
    let ended = night(&rig, &["1,Ann,G1", "2,Bob,G2", "3,Cid,G3"]);
    assert_eq!(
        (ended.code, ended.count("accepted")),
        (0, 1),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.report["delta"]["pending"], 1);
    assert_eq!(rig.people(&PEOPLE), ["1 Ann G1", "2 Bob G2", "3 Cid G3"]);
}

#[test]
fn values_that_became_empty() {
    let rig = few(
        Rig::new(),
        &format!("{IMPORT}\nclear: [grade]\nclear_token: '#'"),
    );
    assert_eq!(night(&rig, &["1,Ann,G1", "2,Bob,"]).code, 0);
    assert_eq!(rig.people(&PEOPLE), ["1 Ann G1", "2 Bob -"]);
    // `fullName` may not be cleared: the server keeps it, and that is told as long as it is so.
    for (changed, sent) in [(2, 1), (1, 0)] {
        let ended = night(&rig, &["1,,", "2,Bob,"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        ended.says(
            "values became empty, and the server is not told and keeps what it has: `fullName` (1)",
        );
        assert_eq!(ended.count("sent"), sent);
        let columns = ended.report["delta"]["columns"].as_array().unwrap();
        assert_eq!(columns.len(), changed, "{columns:?}");
        assert_eq!(rig.people(&PEOPLE), ["1 Ann -", "2 Bob -"]);
    }
    // The server has it still.
    let ended = night(&rig, &["1,Ann,", "2,Bob,"]);
    ended.differs([0, 0, 0, 2]);
}

#[test]
fn a_full_run_says_why() {
    let rig = few(Rig::new(), IMPORT);
    let rows = ["1,Ann,G1", "2,Bob,G2"];
    assert_eq!(night(&rig, &rows).code, 0);
    let full = |args: &[&str], why: &str, sent: u64| {
        let mut ended = rig.run(args);
        if why.contains("the store is damaged") || why.contains("no store") {
            // It was there, and that it is not any more is for somebody to know.
            assert_eq!(ended.code, 4, "{}", ended.stderr);
            let next = ended.report["next"].as_str().unwrap();
            let hash = next.rsplit(' ').next().unwrap();
            ended = rig.run(&[args, &["--approve", hash]].concat());
        }
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        match why {
            "" => assert_eq!(ended.report["delta"]["full"], Value::Null),
            why => assert_eq!(ended.report["delta"]["full"], why),
        }
        assert_eq!(ended.count("sent"), sent, "{}", ended.stderr);
    };
    full(
        &["--set", "rejects.at_most=50%", "--set", "upload.attempts=7"],
        "",
        0,
    );
    let every = "--set=target.orgvue.action={ delta: store, full_every: 7d }";
    full(&[every], "", 0);
    let every = "--set=target.orgvue.action={ delta: store, full_every: 1ms }";
    full(
        &[every],
        "the last run that sent everything was 1ms ago or more",
        2,
    );
    let stages = "--set=stages=[{ replace: { columns: [grade], pattern: G, with: H } }, { replace: { columns: [grade], pattern: H, with: G } }]";
    full(
        &[stages],
        "the stages, or how values are written, were changed",
        2,
    );
    full(&[stages], "", 0);
    full(
        &[],
        "the stages, or how values are written, were changed",
        2,
    );
    // Who is gone stays, where the stages or the columns were changed, and is gone the next time.
    rig.write("workers.csv", "employeeID,fullName\n1,Ann\n");
    let columns = "--set=validate.columns={}";
    let meant = "--set=source.drift.gone=warn";
    full(
        &[columns, meant],
        "the columns that are sent were changed",
        1,
    );
    assert_eq!(rig.people(&PEOPLE).len(), 2);
    full(&[columns], "", 1);
    assert_eq!(rig.people(&PEOPLE), ["1 Ann G1"]);
    // A damaged store is a lost one.
    let base = rig.path("store/base");
    let bytes = fs::read(&base).unwrap();
    fs::write(&base, &bytes[..bytes.len() / 2]).unwrap();
    full(&[columns], "the store is damaged", 1);
    full(&[columns], "", 0);
    fs::remove_file(rig.path("store/base")).unwrap();
    full(&[columns], "there is no store yet", 1);
    full(&[columns], "", 0);
    // Its key is another matter.
    let (code, stderr) = rig.ask(&[
        "run",
        "pipeline.yaml",
        columns,
        "--set=state.key={ env: KEY }",
    ]);
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("the environment variable KEY is not set"),
        "{stderr}"
    );
    rig.write("secret", "a-secret-of-more-than-sixteen-bytes");
    let ended = rig.run(&[columns, "--set=state.key={ file: secret }"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    ended.says("was written with another key");
}

#[test]
fn check_looks_and_changes_nothing() {
    let rig = few(Rig::new(), IMPORT);
    rig.write("workers.csv", format!("{HEADER}1,Ann,G1\n2,Bob,G2\n"));
    let ended = rig.tell(&["check", "pipeline.yaml"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(!rig.path("store").exists());
    assert_eq!(rig.run(&[]).code, 0);
    rig.write("workers.csv", format!("{HEADER}1,Ann,G2\n3,Cid,G2\n"));
    for _ in 0..2 {
        let ended = rig.tell(&["check", "pipeline.yaml"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        ended.differs([1, 1, 1, 0]);
        assert_eq!(ended.count("would_send"), 3);
    }
    // A mended file is no extract: nobody is gone for not being in it.
    let ended = rig.run(&["--mend", "workers.csv"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.people(&PEOPLE), ["1 Ann G2", "2 Bob G2", "3 Cid G2"]);
    rig.run(&[]).differs([0, 0, 1, 2]);
}

#[test]
fn a_filter_may_keep_people_at_the_target() {
    let rig = Rig::new();
    let filtered = |filter: &str| {
        // The key has its form behind the filter.
        let stages = format!(
            "source: {{ path: workers.csv }}\nvalidate: {{ key: employeeID }}\nstages:\n  - filter: {filter}\n  \
             - replace: {{ columns: [employeeID], pattern: '^0+', with: '' }}"
        );
        rig.pipeline(&stages, IMPORT);
    };
    filtered("{ when: grade != 'G3', keep_at_target: true }");
    let two = ["01,Ann,G1", "02,Bob,G2"];
    assert_eq!(night(&rig, &two).code, 0);
    let ended = night(&rig, &["01,Ann,G1", "02,Bob,G3"]);
    assert_eq!(
        (ended.code, ended.count("filtered")),
        (0, 1),
        "{}",
        ended.stderr
    );
    ended.differs([0, 0, 0, 1]);
    assert_eq!(rig.people(&PEOPLE), ["1 Ann G1", "2 Bob G2"]);
    filtered("grade != 'G3'");
    // Another filter makes another pipeline.
    let ended = rig.run(&[]);
    ended.says("the stages, or how values are written, were changed");
    rig.run(&[]).differs([0, 0, 1, 1]);
    assert_eq!(rig.people(&PEOPLE), ["1 Ann G1"]);
}

/// Who is unchanged is in the tree, though no row of theirs is sent.
#[test]
fn a_hierarchy_of_those_who_are_unchanged_and_those_who_are_sent() {
    let rig = Rig::new();
    rig.pipeline(
        "source: { path: workers.csv }\nvalidate:\n  key: employeeID\n  hierarchy:\n    parent: fullName\n    cycles: reject\n    \
         orphans: { absent: reject, rejected: reject }\n    roots: { expect: 1, otherwise: reject }\n    \
         leavers: { column: grade, values: [left], otherwise: reject }\n\
         rejects: { at_most: 90% }\nguard: { min_rows: 0 }",
        IMPORT,
    );
    let first = ["1,,a", "2,1,a", "3,2,a", "4,2,a"];
    assert_eq!(night(&rig, &first).code, 0);
    // A parent that is unchanged is there.
    let ended = night(&rig, &["1,,a", "2,1,a", "3,2,b", "4,2,a"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.differs([0, 1, 0, 3]);
    assert_eq!(ended.report["hierarchies"][0]["nodes"], 4);
    assert_eq!(ended.report["hierarchies"][0]["depth"]["max"], 3);
    // So is a circle, in which one of two is unchanged: both are rejected, and neither is deleted.
    let ended = night(&rig, &["1,,a", "2,3,a", "3,2,b", "4,2,a"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let codes = |ended: &Ended| -> Vec<String> {
        let codes = ended.report["rejects"]["by_code"].as_array().unwrap();
        let code = |one: &Value| format!("{} {}", one["code"].as_str().unwrap(), one["faults"]);
        codes.iter().map(code).collect()
    };
    assert_eq!(codes(&ended), ["manager_cycle 2", "manager_rejected 1"]);
    assert_eq!(rig.people(&PEOPLE).len(), 4);
    // And so are those who name somebody who leaves now, or is gone.
    let ended = night(&rig, &["1,,a", "2,1,left", "3,2,b", "4,2,a"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert_eq!(codes(&ended), ["manager_left 2"]);
    let ended = night(&rig, &["1,,a", "3,2,b", "4,2,a"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert_eq!(codes(&ended), ["manager_absent 2"]);
    assert_eq!(rig.people(&PEOPLE), ["1 - a", "3 2 b", "4 2 a"]);
}

#[test]
fn half_an_extract_is_stopped() {
    let rig = few(Rig::new(), IMPORT);
    let rows: Vec<String> = (1..=40).map(|id| format!("{id},Ann,G1")).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    assert_eq!(night(&rig, &rows).code, 0);
    let taken = rig.taken();
    let ended = night(&rig, &rows[..20]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    assert_eq!((rig.taken(), rig.people(&PEOPLE).len()), (taken, 40));
    assert_eq!(night(&rig, &rows[..38]).code, 0);
    assert_eq!(rig.people(&PEOPLE).len(), 38);
}

#[test]
fn keys_that_stand_twice() {
    let rig = few(Rig::new(), IMPORT);
    assert_eq!(
        night(&rig, &["1,Ann,G1", "2,Bob,G2", "3,Cid,G3", "4,Dan,G1"]).code,
        0
    );
    // 1 is the same row twice, and the server's; 2 is two rows, of which one is the server's; 3 is the same row twice,
    // and another than the server's; 4 is gone.
    let rows = [
        "1,Ann,G1", "2,Bob,G2", "3,Cid,G1", "1,Ann,G1", "2,Bob,G3", "3,Cid,G1",
    ];
    let ended = night(&rig, &rows);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    ended.differs([0, 1, 1, 1]);
    assert_eq!((ended.count("rejected"), ended.count("superseded")), (2, 2));
    assert_eq!(rig.people(&PEOPLE), ["1 Ann G1", "2 Bob G2", "3 Cid G1"]);
    let last = "--set=validate.key={ column: employeeID, keep: last }";
    let ended = rig.run(&[last]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    ended.differs([0, 1, 0, 2]);
    assert_eq!(rig.people(&PEOPLE), ["1 Ann G1", "2 Bob G3", "3 Cid G1"]);
}

#[test]
fn numbers_in_json_stay_numbers_and_bodies_may_be_compressed() {
    let rig = Rig::new();
    rig.pipeline(
        "source: { path: workers.json }\nvalidate: { key: employeeID }\nupload: { encoding: gzip }",
        &format!("{IMPORT}\nresult_encoding: gzip"),
    );
    let night = |text: &str| {
        rig.write("workers.json", text);
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        ended
    };
    night(
        r#"[{"employeeID":1,"pay":10.50},{"employeeID":2,"pay":"20"},{"employeeID":3,"pay":30}]"#,
    );
    // A number is another value than its digits.
    let ended = night(r#"[{"employeeID":1,"pay":10.50},{"employeeID":2,"pay":20}]"#);
    ended.differs([0, 1, 1, 1]);
    assert_eq!(
        rig.items(),
        [
            r#"{"employeeID":1,"pay":10.50}"#,
            r#"{"employeeID":2,"pay":20}"#
        ]
    );
}

/// A run that is cut off between its two imports leaves the deletions to whoever takes it up, or to the next one.
#[test]
fn deletions_are_made_up_for() {
    // The results of the rows, and the address for the deletions: one call later.
    for (step, nth, code) in [
        ("results", 1, 0),
        ("generate", 2, 1),
        ("put", 2, 1),
        ("import", 2, 7),
        ("ticket", 2, 0),
    ] {
        let trouble = Arc::new(Mutex::new(None));
        let rig = rig(
            Server {
                tells_keys: true,
                keeps_order: true,
            },
            trouble.clone(),
        );
        let night = |rows: &str| {
            rig.write(
                "workers.csv",
                format!("employeeID,fullName,salary,note\n{rows}"),
            )
        };
        night("1,ann,1,a\n2,bob,2,b\n");
        assert_eq!(rig.run(&[]).code, 0);
        night("1,ann,1,b\n3,cid,3,c\n");
        // The first run is through: its calls don't count.
        *trouble.lock().unwrap() = Some(Trouble {
            step,
            nth: nth - 1,
            what: What::Kill,
        });
        assert!(
            rig.unless_killed(&["run", "pipeline.yaml"]).is_none(),
            "{step}"
        );
        let (found, stderr) = rig.ask(&["resume", "pipeline.yaml"]);
        assert_eq!(found, code, "{step}: {stderr}");
        let _ = rig
            .reports()
            .iter()
            .map(fs::remove_file)
            .collect::<Vec<_>>();
        match code {
            // Everybody who is gone is gone.
            0 => {}
            1 => assert!(stderr.contains("its rows are imported"), "{step}: {stderr}"),
            _ => assert_eq!(
                rig.tell(&["resume", "pipeline.yaml", "--retry-import"])
                    .code,
                0
            ),
        }
        if code == 1 {
            assert_eq!(rig.run(&[]).code, 0, "{step}");
        }
        let held: Vec<u8> = held(&rig).into_keys().collect();
        assert_eq!(held, [1, 3], "{step}");
        let ended = rig.run(&[]);
        ended.differs([0, 0, 0, 2]);
    }
}

/// What goes wrong in a run: at which call, and what.
#[derive(Clone, Copy, Debug)]
struct Trouble {
    step: &'static str,
    /// Which of its calls in the run.
    nth: usize,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Kill,
    KillAfter,
    Lose,
}

/// A night's extract, `salary` being a number at the server and `note` one that may be cleared.
#[derive(Clone, Debug)]
struct Night {
    rows: BTreeMap<u8, (u8, u8, u8)>,
    nameless: bool,
    trouble: Option<Trouble>,
    /// What is done where it is not known whether an import began.
    abandon: bool,
}

type Person = BTreeMap<&'static str, String>;
type Model = BTreeMap<u8, Person>;

const NAMES: [&str; 4] = ["ann", "bob", "cid", "!!"];
const PAY: [&str; 5] = ["", "10", "20", "30", "much"];
const NOTES: [&str; 3] = ["", "a", "b"];

/// Who is always there, so that something is always sent or unchanged.
const ALWAYS: u8 = 99;

impl Night {
    fn text(&self) -> String {
        let mut text = "employeeID,fullName,salary,note\n99,zoe,1,z\n".to_owned();
        for (id, (name, pay, note)) in &self.rows {
            let (name, pay) = (NAMES[usize::from(*name)], PAY[usize::from(*pay)]);
            text += &format!("{id},{name},{pay},{}\n", NOTES[usize::from(*note)]);
        }
        if self.nameless {
            text += ",ann,10,a\n";
        }
        text
    }

    /// What the data set is after a night in which nothing goes wrong, out of what it was.
    fn after(&self, before: &Model) -> Model {
        let mut after = Model::new();
        for (id, person) in before {
            if self.rows.contains_key(id) || self.nameless || *id == ALWAYS {
                after.insert(*id, person.clone());
            }
        }
        let always = [("fullName", "zoe"), ("salary", "1"), ("note", "z")];
        after.insert(
            ALWAYS,
            always.map(|(name, value)| (name, value.to_owned())).into(),
        );
        for (id, (name, pay, note)) in &self.rows {
            let (name, pay) = (NAMES[usize::from(*name)], PAY[usize::from(*pay)]);
            if name == "!!" || pay == "much" {
                continue;
            }
            let person = after.entry(*id).or_default();
            person.insert("fullName", name.to_owned());
            // It is not told that it became empty.
            if !pay.is_empty() {
                person.insert("salary", pay.to_owned());
            }
            match NOTES[usize::from(*note)] {
                "" => person.remove("note"),
                note => person.insert("note", note.to_owned()),
            };
        }
        after
    }
}

/// The data set as it is.
fn held(rig: &Rig) -> Model {
    wait_until("all jobs are through", || rig.is_through());
    let person = |item: &String| {
        let item: Value = serde_json::from_str(item).unwrap();
        let id = item["employeeID"].as_str().unwrap().parse().unwrap();
        let values = ["fullName", "salary", "note"].into_iter();
        let values = values.filter_map(|name| match &item[name] {
            Value::Null => None,
            Value::String(text) => Some((name, text.clone())),
            other => Some((name, other.to_string())),
        });
        (id, values.collect())
    };
    rig.items().iter().map(person).collect()
}

fn nights() -> impl Strategy<Value = Vec<Night>> {
    let rows = prop::collection::btree_map(1u8..9, (0u8..4, 0u8..5, 0u8..3), 0..8);
    let step = prop::sample::select(vec!["generate", "put", "import", "ticket", "results"]);
    let what = prop::sample::select(vec![What::Kill, What::KillAfter, What::Lose]);
    let trouble = (step, 0usize..2, what).prop_map(|(step, nth, what)| Trouble { step, nth, what });
    let night = (
        rows,
        prop::bool::weighted(0.1),
        prop::option::weighted(0.4, trouble),
        any::<bool>(),
    );
    let night = night.prop_map(|(rows, nameless, trouble, abandon)| Night {
        rows,
        nameless,
        trouble,
        abandon,
    });
    prop::collection::vec(night, 2..7)
}

/// How the server is where the contract says nothing.
#[derive(Clone, Copy, Debug)]
struct Server {
    tells_keys: bool,
    keeps_order: bool,
}

fn rig(server: Server, trouble: Arc<Mutex<Option<Trouble>>>) -> Rig {
    let properties = ["employeeID", "fullName", "salary:number", "note"];
    let rig = Rig::with(|settings| {
        settings.properties = Some(properties.map(|p| p.parse().unwrap()).into());
        settings.echo_identifier = server.tells_keys;
        if !server.keeps_order {
            settings.result_order = ResultOrder::Shuffled;
        }
    });
    let seen = Mutex::new(0);
    let rig = rig.behind(move |call: &Call| {
        let mut trouble = trouble.lock().unwrap();
        let Some(now) = trouble.filter(|now| now.step == call.step) else {
            return Deed::Pass;
        };
        let mut seen = seen.lock().unwrap();
        *seen += 1;
        if *seen <= now.nth {
            return Deed::Pass;
        }
        *seen = 0;
        *trouble = None;
        match now.what {
            What::Kill => Deed::Kill,
            What::KillAfter => Deed::KillAfter,
            What::Lose => Deed::Lose,
        }
    });
    rig.pipeline(
        "source: { path: workers.csv }\nrejects: { at_most: 99% }\n\
         validate: { key: employeeID, columns: { fullName: { pattern: '^[a-z]+$' } } }\n\
         guard: { min_rows: 0 }\nupload: { attempts: 1 }",
        &format!("{IMPORT}\nclear: [note]\nclear_token: '#'"),
    );
    rig
}

/// Takes up what a run left open, until nothing is.
fn settle(rig: &Rig, abandon: bool) {
    for _ in 0..6 {
        let (code, stderr) = rig.ask(&["resume", "pipeline.yaml"]);
        let _ = rig
            .reports()
            .iter()
            .map(fs::remove_file)
            .collect::<Vec<_>>();
        match code {
            // Nothing was imported, or nothing is left to be done.
            0 | 1 | 3 | 5 => return,
            6 => {}
            7 => {
                let how = if abandon {
                    "--abandon"
                } else {
                    "--retry-import"
                };
                let (code, stderr) = rig.ask(&["resume", "pipeline.yaml", how]);
                let _ = rig
                    .reports()
                    .iter()
                    .map(fs::remove_file)
                    .collect::<Vec<_>>();
                assert!([0, 1, 3, 5].contains(&code), "{code} {stderr}");
                return;
            }
            code => panic!("{code} {stderr}"),
        }
    }
    panic!("it never ends");
}

fn run_nights(server: Server, nights: &[Night]) -> Result<(), TestCaseError> {
    let trouble = Arc::new(Mutex::new(None));
    let rig = rig(server, trouble.clone());
    for (number, night) in nights.iter().enumerate() {
        rig.write("workers.csv", night.text());
        if night.trouble.is_some() {
            *trouble.lock().unwrap() = night.trouble;
            rig.unless_killed(&["run", "pipeline.yaml"]);
            *trouble.lock().unwrap() = None;
            settle(&rig, night.abandon);
        }
        let before = held(&rig);
        let ended = rig.run(&[]);
        prop_assert!(
            [0, 3, 5].contains(&ended.code),
            "night {}: {}",
            number,
            ended.stderr
        );
        let again = held(&rig);
        // Where results don't say whose they are, a night with refused items leaves all of them unknown; what was not
        // sent for being unknown comes the next time.
        prop_assert_eq!(
            &again,
            &night.after(&before),
            "night {}: {}",
            number,
            ended.stderr
        );
    }
    Ok(())
}

fn config() -> ProptestConfig {
    let stated = std::env::var("PROPTEST_CASES").ok();
    ProptestConfig {
        cases: stated.and_then(|cases| cases.parse().ok()).unwrap_or(4),
        max_shrink_iters: 40,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn nights_with_a_server_that_tells_keys(nights in nights(), keeps_order in any::<bool>()) {
        run_nights(Server { tells_keys: true, keeps_order }, &nights)?;
    }

    #[test]
    fn nights_with_a_server_that_tells_none(nights in nights(), keeps_order in any::<bool>()) {
        run_nights(Server { tells_keys: false, keeps_order }, &nights)?;
    }
}

#[test]
fn what_a_difference_can_not_stand_beside() {
    let check = |sections: &str, import: &str, expected: &str| {
        let rig = Rig::new();
        rig.pipeline(
            &format!("source: {{ path: a.csv }}\nrejects: {{ at_most: 1% }}\n{sections}"),
            import,
        );
        let (code, stderr) = rig.ask(&["lint", "pipeline.yaml"]);
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains(expected), "{stderr}");
    };
    let key = "validate: { key: id }";
    let by_id = "identify_by: { id_key: id }\nclear: [a]\nclear_token: '#'";
    let delta = format!("action: {{ delta: store }}\n{by_id}");
    check(
        "",
        &delta,
        "pipeline.yaml:11:5: a difference needs a key: rows are compared by it",
    );
    check(
        key,
        "action: { delta: store }",
        "a difference needs `identify_by`",
    );
    check(
        key,
        "action: { delta: store }\nidentify_by: { merge_key: id }",
        "`merge_key` may mean several items",
    );
    check(
        key,
        "action: { delta: store }\nidentify_by: { id_key: email }",
        "the key of the rows is `id`",
    );
    check(
        key,
        &format!("{delta}\nimplicit_delete: true"),
        "`implicit_delete` would delete them all",
    );
    check(
        key,
        &format!("action: {{ delta: '' }}\n{by_id}"),
        "expected a folder, found empty text",
    );
    check(
        key,
        &format!("action: {{ delta: a, full_every: 0s }}\n{by_id}"),
        "expected a time above zero",
    );
    check(
        key,
        &format!("action: {{ delta: a, column: b }}\n{by_id}"),
        "expected `column` alone, or `delta` with `full_every`",
    );
    check(
        key,
        &format!("action: {{ full_every: 7d }}\n{by_id}"),
        "expected `column` or `delta`, found neither",
    );
    check(
        key,
        &format!("action: {{ delat: a }}\n{by_id}"),
        "did you mean `delta`?",
    );
    check(
        key,
        "action: create\nclear: [a]",
        "`clear` needs a `clear_token`",
    );
    check(
        &format!("{key}\nupload: {{ format: csv }}"),
        &delta,
        "no cell of a CSV upload can be left out",
    );
    let first =
        "validate: { key: { column: id, keep: first } }\nupload: { length: chunked, attempts: 1 }";
    check(first, &delta, "who is gone shows at the end");
    let cleared = "validate: { key: id, hierarchy: { parent: m, orphans: { absent: clear } } }";
    check(cleared, &delta, "`clear` empties a cell that was compared");
    let kept = "stages: [{ filter: { when: 'true', keep_at_target: true } }]";
    check(
        kept,
        "action: create\nimplicit_delete: true",
        "nobody can be kept at the target",
    );
    check(
        "stages: [{ filter: { whne: 'true' } }]",
        "action: create",
        "did you mean `when`?",
    );
}
