//! What stays on the disk of people: how long, how somebody is taken out of it, and what it is sealed with.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::support::{Deed, Ended, Rig, mode};

const HEADER: &str = "Employee ID,fullName,grade\n";

const IMPORT: &str = "action: createOrUpdate\nidentify_by: { id_key: employeeID }";

const DELTA: &str = "action: { delta: store }\nidentify_by: { id_key: employeeID }";

const DAY: u64 = 24 * 60 * 60;

fn pipeline(rig: &Rig, sections: &str, import: &str) {
    rig.pipeline(
        &format!(
            "source: {{ path: workers.csv }}\nstages: [{{ rename: {{ Employee ID: employeeID }} }}]\n\
             validate: {{ key: employeeID, columns: {{ grade: {{ one_of: [G1, G2, G3] }} }} }}\n{sections}"
        ),
        import,
    );
}

fn extract(rig: &Rig, rows: &[&str]) {
    rig.write("workers.csv", format!("{HEADER}{}\n", rows.join("\n")));
}

fn night(rig: &Rig, rows: &[&str]) -> Ended {
    extract(rig, rows);
    rig.run(&[])
}

/// Lets a file have been written so many days ago.
fn age(path: &Path, days: u64) {
    let then = SystemTime::now() - Duration::from_secs(days * DAY);
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(then).unwrap();
}

/// The runs that the state knows, the oldest first.
fn runs(rig: &Rig) -> Vec<String> {
    let names = fs::read_dir(rig.path("state")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let run = |name: String| {
        let run = name.strip_prefix("run-")?.strip_suffix(".json")?;
        Some(run.to_owned())
    };
    let mut runs: Vec<String> = names.filter_map(run).collect();
    runs.sort();
    runs
}

/// Lets a run have been over for a hundred days.
fn run_is_old(rig: &Rig, run: &str) {
    let path = format!("state/run-{run}.json");
    let mut entry: Value = serde_json::from_str(&rig.read(&path)).unwrap();
    entry["started_at"] = "2020-01-01T00:00:00Z".into();
    entry["ended"]["at"] = "2020-01-01T00:00:01Z".into();
    rig.write(&path, entry.to_string());
}

/// The keys and names in the data set.
fn people(rig: &Rig) -> Vec<String> {
    let mut people: Vec<String> = rig
        .items()
        .iter()
        .map(|item| {
            let item: Value = serde_json::from_str(item).unwrap();
            let text = |name: &str| item[name].as_str().unwrap().to_owned();
            format!("{} {}", text("employeeID"), text("fullName"))
        })
        .collect();
    people.sort();
    people
}

#[test]
fn what_is_old_is_removed_and_what_is_needed_stays() {
    let rig = Rig::new();
    pipeline(
        &rig,
        "rejects: { path: out/rejects.csv, at_most: 90%, keep: 14d }\nresults: { path: out/results.csv, keep: 14d }\n\
         state: { keep: 90d }",
        IMPORT,
    );
    let rows = ["10001,Ann,G1", "10002,Bob,G9"];
    let ended = night(&rig, &rows);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert_eq!(rig.tell(&["check", "pipeline.yaml"]).code, 3);
    // As a shard has it.
    fs::copy(
        rig.path("out/rejects.csv"),
        rig.path("out/rejects.3-of-8.csv"),
    )
    .unwrap();
    rig.write("out/rejects.mend.csv", "somebody's own\n");
    for name in [
        "rejects.check.csv",
        "rejects.csv",
        "results.csv",
        "rejects.mend.csv",
        "rejects.3-of-8.csv",
    ] {
        age(&rig.path(&format!("out/{name}")), 15);
    }
    let first = runs(&rig).remove(0);
    assert!(rig.path(&format!("state/rows-{first}.json")).exists());
    run_is_old(&rig, &first);

    // A run that sends nothing removes what is old all the same; it does not take the newest accepted run.
    fs::remove_file(rig.path("workers.csv")).unwrap();
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(!rig.path("out/rejects.check.csv").exists());
    assert!(!rig.path("out/rejects.csv").exists());
    assert!(!rig.path("out/rejects.3-of-8.csv").exists());
    assert!(!rig.path("out/results.csv").exists());
    ended.says(
        "warning: out/rejects.mend.csv is older than rejects.keep (14days) and stays, because",
    );
    assert_eq!(rig.read("out/rejects.mend.csv"), "somebody's own\n");
    assert!(runs(&rig).contains(&first));

    let ended = night(&rig, &rows);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(!runs(&rig).contains(&first));
    assert!(!rig.path(&format!("state/rows-{first}.json")).exists());
    // The failed one between them is not old.
    assert_eq!(runs(&rig).len(), 2);
    assert!(rig.path("out/rejects.csv").exists());
    // Whoever has nothing to say of it keeps everything.
    let run = runs(&rig).remove(0);
    run_is_old(&rig, &run);
    age(&rig.path("out/rejects.csv"), 900);
    pipeline(
        &rig,
        "rejects: { path: out/rejects.csv, at_most: 90% }",
        IMPORT,
    );
    fs::remove_file(rig.path("workers.csv")).unwrap();
    assert_eq!(rig.run(&[]).code, 1);
    assert!(runs(&rig).contains(&run) && rig.path("out/rejects.csv").exists());
}

#[test]
fn so_many_reports_stay() {
    let rig = Rig::new();
    pipeline(&rig, "report: { dir: out, keep: 2 }", IMPORT);
    rig.write(
        "other.yaml",
        rig.read("pipeline.yaml").replace("keep: 2", "keep: 9"),
    );
    extract(&rig, &["10001,Ann,G1"]);
    let reports = || fs::read_dir(rig.path("out")).unwrap().count();
    assert_eq!(rig.ask(&["run", "other.yaml"]).0, 0);
    for expected in [2, 3, 3, 3] {
        assert_eq!(rig.ask(&["run", "pipeline.yaml"]).0, 0);
        assert_eq!(reports(), expected);
    }
    // One that succeeded stays beside those that did not.
    extract(&rig, &["10001,Ann,G9"]);
    for expected in [3, 4, 4] {
        assert_eq!(rig.ask(&["run", "pipeline.yaml"]).0, 4);
        assert_eq!(reports(), expected);
    }
}

#[test]
fn somebody_is_taken_out_of_every_file() {
    let rig = Rig::new();
    pipeline(
        &rig,
        "rejects: { at_most: 90% }\nresults: { path: out/results.csv }",
        IMPORT,
    );
    extract(
        &rig,
        &[
            "10001,Ann,G1",
            "10002,Bob,G9",
            "10003,10002,G9",
            "10004,Dan",
        ],
    );
    assert_eq!(rig.run(&[]).code, 3);
    rig.write(
        "gone.csv",
        "name;Employee ID\nBob;10002\nDan;10004\nnobody;99999\nAnn;010001\n",
    );
    let (code, stdout, stderr) = crate::outcome(rig.tool(&["forget", "gone.csv", "--json"]));
    assert_eq!(code, 0, "{stderr}");
    let told: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (&told["people"], &told["found_nowhere"]),
        (&4.into(), &1.into())
    );
    assert!(
        stderr.contains("rejects.csv: 2 rows taken out\n"),
        "{stderr}"
    );
    assert!(
        stderr.contains("out/results.csv: 1 row taken out\n"),
        "{stderr}"
    );
    assert!(
        stderr.contains("1 of 4 keys stand nowhere in what is kept\n"),
        "{stderr}"
    );
    for key in ["10001", "10002", "10004", "99999", "Bob"] {
        assert!(
            !stderr.contains(key) && !stdout.contains(key),
            "{key}: {stderr}{stdout}"
        );
    }
    let rejects = rig.read("rejects.csv");
    assert_eq!(rejects.lines().count(), 2, "{rejects}");
    assert!(rejects.contains("\n10003,10002,G9,"), "{rejects}");
    assert_eq!(rig.read("out/results.csv").lines().count(), 1);
    assert_eq!(mode(&rig.path("rejects.csv")), 0o600);
    // What is left can be loaded as before.
    rig.write("rejects.csv", rejects.replace("G9", "G2"));
    assert_eq!(rig.run(&["--mend", "rejects.csv"]).code, 0);

    // Keys by standard input, and pipelines by name.
    let ask = |args: &[&str]| rig.ask(args);
    rig.write("gone.txt", "10003\n");
    let (code, stderr) = ask(&["forget", "gone.txt", "--pipeline", "pipeline.yaml"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stderr.contains("rejects.csv: 1 row taken out\n"),
        "{stderr}"
    );

    let refused = |args: &[&str], words: &str| {
        let (code, stderr) = ask(args);
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains(words), "{stderr}");
    };
    rig.write("gone.txt", "\n");
    refused(&["forget", "gone.txt"], "gone.txt: it names nobody");
    rig.write("gone.txt", "10003,Cid\n");
    refused(
        &["forget", "gone.txt"],
        "gone.txt: line 1 has several columns, and none of them is `Employee ID` or",
    );
    refused(
        &["forget", "gone.txt", "--state", "none"],
        "no run is known in none",
    );
    refused(&["forget", "none.txt"], "none.txt: ");
    // A file that others can read may have been changed by anybody.
    rig.write("gone.txt", "10003\n");
    fs::set_permissions(
        rig.path("rejects.csv"),
        std::os::unix::fs::PermissionsExt::from_mode(0o644),
    )
    .unwrap();
    let (code, stderr) = ask(&["forget", "gone.txt"]);
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stderr.contains("error: rejects.csv: others than its owner may read it"),
        "{stderr}"
    );
    // A pipeline that is gone is told.
    fs::remove_file(rig.path("pipeline.yaml")).unwrap();
    let (code, stderr) = ask(&["forget", "gone.txt"]);
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stderr.contains("the pipeline file can't be loaded"),
        "{stderr}"
    );
}

#[test]
fn keys_by_standard_input() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    write(
        "p.yaml",
        "version: 1\nsource: { path: w.csv }\nvalidate: { key: id, columns: { pay: { type: number } } }\n\
         rejects: { at_most: 90% }\ntarget: { sandbox: }\n",
    );
    write("w.csv", "id,pay\n1,x\n2,y\n3,1\n");
    assert_eq!(crate::run(dir.path(), &["run", "p.yaml"]).0, 3);
    write("gone", "2\n");
    let mut forget = crate::rostream(dir.path(), &["forget", "-", "--pipeline", "p.yaml"]);
    let forget = forget.stdin(File::open(dir.path().join("gone")).unwrap());
    let (code, _, stderr) = crate::outcome(forget.output().unwrap());
    assert_eq!(
        (code, &*stderr),
        (0, "rejects.csv: 1 row taken out\n"),
        "{stderr}"
    );
    let rejects = fs::read_to_string(dir.path().join("rejects.csv")).unwrap();
    assert!(rejects.contains("\n1,x,") && !rejects.contains("\n2,y,"));
}

#[test]
fn whom_a_store_has_forgotten_is_not_deleted_any_more() {
    let rig = Rig::new().behind(|call| match (call.step, call.before) {
        ("import", 3) => Deed::Lose,
        _ => Deed::Pass,
    });
    pipeline(&rig, "rejects: { at_most: 90% }", DELTA);
    let all = [
        "10001,Ann,G1",
        "10004,Dan,G1",
        "10002,Bob,G2",
        "10003,Cid,G1",
    ];
    assert_eq!(night(&rig, &all).code, 0);
    rig.write("gone.txt", "10002\n");
    let (code, stderr) = rig.ask(&["forget", "gone.txt"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("store: 1 person forgotten\n"), "{stderr}");
    assert!(stderr.contains("delete them there"), "{stderr}");
    let (_, stderr) = rig.ask(&["forget", "gone.txt"]);
    assert!(stderr.contains("1 of 1 key stand nowhere"), "{stderr}");
    for entry in fs::read_dir(rig.path("store")).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
    // Of the two who are gone, one is known.
    let ended = night(&rig, &all[..2]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ended.report["delta"]["deletes"], 1);
    assert_eq!(people(&rig), ["10001 Ann", "10002 Bob", "10004 Dan"]);
    // Who is in the source is sent again, and it does no harm that the server has them.
    assert_eq!(night(&rig, &all[..3]).code, 0);
    let ended = night(&rig, &["10001,Ann,G1", "10002,Bo,G2", "10004,Dan,G1"]);
    assert_eq!(ended.code, 7, "{}", ended.stderr);
    // What an import was sent is needed until its results are in.
    let (code, stderr) = rig.ask(&["forget", "gone.txt"]);
    assert_eq!(code, 7, "{stderr}");
    assert!(stderr.contains("--abandon"), "{stderr}");
    assert_eq!(rig.ask(&["resume", "--abandon"]).0, 0);
    assert_eq!(rig.ask(&["forget", "gone.txt"]).0, 0);
}

#[test]
fn a_store_is_sealed_with_another_key() {
    let rig = Rig::new();
    pipeline(&rig, "", DELTA);
    let all = ["10001,Ann,G1", "10002,Bob,G2", "10003,Cid,G1"];
    assert_eq!(night(&rig, &all).code, 0);
    let rotate = |args: &[&str], code: i32, words: &str| {
        let args = [&["state", "rotate", "pipeline.yaml"], args].concat();
        let (found, stderr) = rig.ask(&args);
        assert_eq!(found, code, "{stderr}");
        assert!(stderr.contains(words), "{stderr}");
    };
    rotate(&[], 2, "`state.key` is not stated");
    // From the store's own key to a stated one, and from that to the next.
    let secret = |name: &str, text: &str| {
        rig.write(name, text);
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(rig.path(name), private).unwrap();
    };
    secret("one", "the-first-key-of-them");
    secret("two", "the-second-key-of-them");
    secret("wrong", "another-key-altogether");
    pipeline(&rig, "state: { key: { file: one } }", DELTA);
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    rotate(&[], 0, "store: 3 keys sealed with the new key");
    assert!(!rig.path("store/key").exists());
    rotate(&[], 0, "store has that key already");
    pipeline(&rig, "state: { key: { file: two } }", DELTA);
    rotate(
        &["--old-key", "file:wrong"],
        2,
        "was written with another key",
    );
    rotate(
        &["--old-key", "the-first-key-of-them"],
        2,
        "expected `env:NAME` or `file:PATH`",
    );
    rotate(&["--old-key", "file:none"], 2, "--old-key: the file none");
    rotate(
        &["--old-key", "file:one"],
        0,
        "store: 3 keys sealed with the new key",
    );
    let names: Vec<_> = fs::read_dir(rig.path("store"))
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert!(
        names
            .iter()
            .all(|name| ["base", "lock", "owner"].iter().any(|known| name == known)),
        "{names:?}"
    );

    // Everything is sent once more, and who is gone can still be deleted.
    let ended = night(&rig, &all[..2]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.says("everything is sent");
    assert_eq!(people(&rig), ["10001 Ann", "10002 Bob"]);
    let ended = night(&rig, &all[..2]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ended.report["delta"]["unchanged"], 2);
    pipeline(&rig, "state: { key: { file: two } }", IMPORT);
    rotate(&[], 2, "nothing is made with this key");
}

#[test]
fn what_guards_compare_columns_with() {
    let rig = Rig::new();
    let secret = |name: &str, text: &str| {
        rig.write(name, text);
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(rig.path(name), private).unwrap();
    };
    secret("one", "the-first-key-of-them");
    secret("two", "the-second-key-of-them");
    let with_key = |name: &str| {
        let sections = format!(
            "guard: {{ max_change: {{ grade: 2 }} }}\nstate: {{ key: {{ file: {name} }} }}"
        );
        pipeline(&rig, &sections, IMPORT);
    };
    with_key("one");
    let all = ["10001,Ann,G1", "10002,Bob,G2", "10003,Cid,G1"];
    assert_eq!(night(&rig, &all).code, 0);
    rig.write("gone.txt", "10002\n");
    let (code, stderr) = rig.ask(&["forget", "gone.txt"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains(": 1 person forgotten\n"), "{stderr}");
    assert!(!stderr.contains("delete them there"), "{stderr}");
    assert!(
        rig.ask(&["forget", "gone.txt"])
            .1
            .contains(": 0 people forgotten\n")
    );
    // The others are compared as before.
    let ended = night(&rig, &["10001,Ann,G2", "10002,Bob,G3", "10003,Cid,G3"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let changed = ["10001,Ann,G3", "10002,Bob,G1", "10003,Cid,G1"];
    assert_eq!(night(&rig, &changed).code, 4);

    // Hashes alone can't be made anew.
    with_key("two");
    let args = ["state", "rotate", "pipeline.yaml", "--old-key", "file:one"];
    let (code, stderr) = rig.ask(&args);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stderr.contains("is removed: the next run has to be approved"),
        "{stderr}"
    );
    assert!(!rig.ask(&args).1.contains("is removed"));
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    let hash = ended.report["next"]
        .as_str()
        .unwrap()
        .split_once("--approve ")
        .unwrap()
        .1;
    assert_eq!(rig.run(&["--approve", hash]).code, 0);
}

#[test]
fn hashes_of_few_values_are_told_once() {
    let rig = Rig::new();
    rig.write("key", "a-key-of-enough-bytes");
    rig.pipeline(
        "source: { path: workers.csv }\nstages: [{ hash: { columns: [employeeID, grade], key: { file: key } } }]",
        IMPORT,
    );
    let rows = (0..60).fold("employeeID,grade\n".to_owned(), |text, id| {
        text + &format!("{id},G{}\n", id % 3)
    });
    rig.write("workers.csv", rows);
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.says("stage 1 (hash): `grade` has only 3 different values in 60 cells");
    assert_eq!(ended.stderr.matches("different value").count(), 1);
}

#[test]
fn times_that_can_not_be_kept() {
    let rig = Rig::new();
    let check = |sections: &str, expected: &str| {
        pipeline(&rig, sections, IMPORT);
        let (code, stderr) = rig.ask(&["lint", "pipeline.yaml"]);
        match expected {
            "" => assert_eq!(code, 0, "{stderr}"),
            expected => {
                assert_eq!(code, 2, "{stderr}");
                assert!(stderr.contains(expected), "{stderr}");
            }
        }
    };
    check(
        "rejects: { keep: 14d }\nreport: { keep: 1 }\nstate: { keep: 90d }",
        "",
    );
    check(
        "rejects: { keep: 0s }",
        "pipeline.yaml:5:18: expected a time above zero",
    );
    check("rejects: { keep: 14 }", "expected a time with its unit");
    check("results: { keep: 1d }", "there is no results file to keep");
    check("report: { keep: 0 }", "expected at least 1");
    check("state: { keep: 1h }", "expected at least a day");
    let guard = "guard: { max_delete: { run: 2%, window: 5%, over: 7d } }";
    check(&format!("state: {{ keep: 7d }}\n{guard}"), "");
    check(
        &format!("state: {{ keep: 6d }}\n{guard}"),
        "a guard looks back further",
    );
}
