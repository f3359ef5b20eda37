//! Shards: several processes send the rows of one source, each its own, and nothing leaves before all of it is checked.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use serde_json::Value;

use crate::support::{Deed, Rig, mode, signal, wait_until};

const IMPORT: &str = "action: createOrUpdate\nidentify_by: { id_key: employeeID }";

const SECTIONS: &str = "\
name: nightly
source: { path: workers.csv }
stages:
  - filter: status != \"gone\"
validate:
  key: employeeID
  columns: { employeeID: { pattern: '^\\d{8}$' } }
  hierarchy: { parent: managerID, orphans: { absent: reject, rejected: warn, filtered: warn } }
rejects: { at_most: 90% }
report: { dir: night }
wait: { at_most: 5m }";

/// An extract in which much is wrong that only the whole of it tells, over all shards.
fn extract() -> String {
    let mut text = "employeeID,fullName,managerID,status\n".to_owned();
    for id in 1..=240 {
        let manager = if id == 1 { 0 } else { id / 2 };
        let manager = match id {
            // Nobody has this one.
            _ if id % 60 == 7 => "99999999".to_owned(),
            _ if manager == 0 => String::new(),
            _ => format!("{manager:08}"),
        };
        let status = if id % 50 == 9 { "gone" } else { "here" };
        let row = format!("{id:08},Name {id},{manager},{status}\n");
        text.push_str(&row);
        match id % 40 {
            // The same row again, and one that differs.
            3 => text.push_str(&row),
            5 => text.push_str(&format!("{id:08},Another {id},{manager},here\n")),
            // No key, one that is wrong, and a row that is torn.
            11 => text.push_str(&format!(",Nobody {id},{manager},here\n")),
            13 => text.push_str(&format!("x{id},Wrong {id},{manager},here\n")),
            17 => text.push_str(&format!("{id:08},Torn {id}\n")),
            _ => {}
        }
    }
    text
}

fn rig() -> Rig {
    let rig = Rig::new().behind(|_| Deed::Pass);
    laid_out(rig)
}

fn laid_out(rig: Rig) -> Rig {
    rig.write("workers.csv", extract());
    rig.pipeline(SECTIONS, IMPORT);
    rig
}

/// The command about each of the shards, all at once; gives their exit codes.
fn all(rig: &Rig, of: u32, args: &dyn Fn(&str) -> Vec<String>) -> Vec<i32> {
    let start = |number: u32| {
        let args = args(&format!("{number}/{of}"));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        rig.start_of(&args)
    };
    let children: Vec<Child> = (1..=of).map(start).collect();
    let code = |child: Child| {
        let output = child.wait_with_output().unwrap();
        let code = output.status.code();
        code.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    };
    children.into_iter().map(code).collect()
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// Checks all shards.
fn check(rig: &Rig, of: u32, more: &str) -> Vec<i32> {
    all(rig, of, &|shard| {
        words(format!("check pipeline.yaml --shard {shard} {more}").trim_end())
    })
}

fn merge(rig: &Rig, args: &str) -> (i32, String) {
    let all = words(&format!("report merge {args}"));
    rig.ask(&all.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Shards that are checked, and their plan.
fn planned(rig: &Rig, of: u32) -> Value {
    let codes = check(rig, of, "");
    assert!(codes.iter().all(|code| [0, 3].contains(code)), "{codes:?}");
    let (code, stderr) = merge(rig, "night -o plan.json");
    assert_eq!(code, 0, "{stderr}");
    serde_json::from_str(&rig.read("plan.json")).unwrap()
}

/// Runs a shard by the plan; its report goes into another folder.
fn run(rig: &Rig, shard: &str, more: &[&str]) -> (i32, String) {
    let args = [
        "run",
        "pipeline.yaml",
        "--shard",
        shard,
        "--plan",
        "plan.json",
    ];
    let set = ["--set", "report.dir=runs"];
    rig.ask(&[&args[..], &set, more].concat())
}

fn run_all(rig: &Rig, of: u32) -> Vec<i32> {
    all(rig, of, &|shard| {
        words(&format!(
            "run pipeline.yaml --shard {shard} --plan plan.json --set report.dir=runs"
        ))
    })
}

/// The reports in a folder.
fn reports(rig: &Rig, folder: &str) -> Vec<PathBuf> {
    let found = fs::read_dir(rig.path(folder)).unwrap();
    let paths = found.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.to_str().unwrap().ends_with(".report.json"))
        .collect()
}

/// Lines of a table, sorted, without its header.
fn lines(rig: &Rig, file: &str) -> Vec<String> {
    let text = rig.read(file);
    let mut lines: Vec<String> = text.lines().skip(1).map(str::to_owned).collect();
    lines.sort();
    lines
}

const OUTCOMES: [&str; 6] = [
    "read",
    "filtered",
    "rejected",
    "superseded",
    "sent",
    "accepted",
];

#[test]
fn all_shards_together_are_the_whole() {
    let whole = rig();
    let ended = whole.tell(&["run", "pipeline.yaml", "--set", "report.dir=."]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(
        ended.count("rejected") >= 20 && ended.count("superseded") > 0,
        "{}",
        ended.stderr
    );

    let shared = rig();
    let plan = planned(&shared, 8);
    assert_eq!(mode(&shared.path("plan.json")), 0o600);
    assert_eq!(shared.taken(), (0, 0));
    let codes = run_all(&shared, 8);
    assert!(codes.iter().all(|code| [0, 3].contains(code)), "{codes:?}");
    let names = ["employeeID", "fullName", "managerID"];
    assert_eq!(shared.people(&names), whole.people(&names));
    // Every row was in one of the uploads.
    assert_eq!(shared.taken(), (8, 8));
    for check in ["", "check."] {
        let rejects = (1..=8).map(|n| lines(&shared, &format!("rejects.{n}-of-8.{check}csv")));
        let mut rejects: Vec<String> = rejects.flatten().collect();
        rejects.sort();
        assert_eq!(rejects, lines(&whole, "rejects.csv"));
    }
    assert!(!shared.path("rejects.csv").exists());

    // What each has read is what all have read, and the rest adds up.
    let (code, stdout) = shared.put_out(&["report", "merge", "runs", "--json"]);
    assert_eq!(code, 3);
    let merged: Value = serde_json::from_str(&stdout).unwrap();
    for name in OUTCOMES {
        assert_eq!(
            merged["counts"][name], ended.report["counts"][name],
            "{name}"
        );
    }
    assert_eq!(
        (&merged["adds_up"], &merged["plan"]),
        (&true.into(), &plan["hash"])
    );
    let reports: Vec<Value> = (reports(&shared, "runs").iter())
        .map(|path| serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap())
        .collect();
    let others = reports
        .iter()
        .map(|report| report["counts"]["other_shards"].as_u64().unwrap());
    assert_eq!(others.sum::<u64>(), 7 * ended.count("read"));
    for report in &reports {
        // Of the whole file, everybody says the same.
        assert_eq!(report["hierarchies"], ended.report["hierarchies"]);
    }

    // Once is once, and no later run is compared with a shard.
    let before = (shared.taken(), shared.items());
    let (code, stderr) = run(&shared, "3/8", &[]);
    assert_eq!(code, 4, "{stderr}");
    assert!(stderr.contains("was used by run"), "{stderr}");
    assert_eq!((shared.taken(), shared.items()), before);
    let kept = fs::read_dir(shared.path("state")).unwrap();
    let kept: Vec<String> = kept
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        !kept.iter().any(|name| name.starts_with("last-")),
        "{kept:?}"
    );
    assert_eq!(merge(&shared, "runs").0, 3);
}

#[test]
fn a_guard_stops_all_shards() {
    let rig = rig();
    let codes = check(&rig, 3, "--set rejects.at_most=1");
    assert_eq!(codes, [4, 4, 4]);
    let (code, stderr) = merge(&rig, "night -o plan.json");
    assert_eq!(code, 4, "{stderr}");
    assert!(stderr.contains("rejects.at_most is 1"), "{stderr}");
    assert!(!rig.path("plan.json").exists());
    let (code, stderr) = run(&rig, "1/3", &[]);
    assert_eq!(code, 2, "{stderr}");
    assert_eq!(rig.taken(), (0, 0));
}

#[test]
fn what_guards_stop_may_be_approved_for_all() {
    let rig = rig();
    let set = ["--set", "guard.min_rows=1000"];
    let codes = check(&rig, 2, &set.join(" "));
    assert_eq!(codes, [4, 4]);
    let (code, stderr) = merge(&rig, "night -o plan.json");
    assert_eq!(code, 4, "{stderr}");
    let plan: Value = serde_json::from_str(&rig.read("plan.json")).unwrap();
    let hash = plan["hash"].as_str().unwrap();
    assert!(
        stderr.contains(&format!("--shard I/2 --plan plan.json --approve {hash}")),
        "{stderr}"
    );
    let (code, stderr) = run(&rig, "1/2", &set);
    assert_eq!(code, 4, "{stderr}");
    assert_eq!(rig.taken(), (0, 0));
    for shard in ["1/2", "2/2"] {
        let (code, stderr) = run(&rig, shard, &[&set[..], &["--approve", hash]].concat());
        assert!([0, 3].contains(&code), "{stderr}");
    }
    assert_eq!(rig.taken(), (2, 2));
}

#[test]
fn what_is_not_one_thing_is_no_plan() {
    let check_one = |rig: &Rig, args: &str| {
        let (code, stderr) = rig.ask(
            &words(&format!("check pipeline.yaml {args}"))
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>(),
        );
        assert!([0, 3].contains(&code), "{stderr}");
    };
    let refused = |change: &dyn Fn(&Rig), said: &str| {
        let rig = rig();
        check_one(&rig, "--shard 1/3");
        check_one(&rig, "--shard 2/3");
        change(&rig);
        let (code, stderr) = merge(&rig, "night -o plan.json");
        assert_eq!(code, 4, "{said}: {stderr}");
        assert!(stderr.contains(said), "{said}: {stderr}");
        assert!(!rig.path("plan.json").exists(), "{said}");
    };
    refused(
        &|_| {},
        "shard 3/3 is missing: rostream check PIPELINE --shard 3/3",
    );
    refused(
        &|rig| check_one(rig, "--shard 2/3"),
        "shard 2/3 was checked twice",
    );
    refused(
        &|rig| check_one(rig, "--shard 3/3 --shard-seed 7"),
        "--shard-seed is another",
    );
    refused(
        &|rig| check_one(rig, "--shard 4/4"),
        "shards of another number",
    );
    refused(
        &|rig| check_one(rig, "--shard 3/3 --set guard.min_rows=1"),
        "shards 1/3 and 3/3 are not parts of one thing: the pipeline is another",
    );
    refused(
        &|rig| check_one(rig, "--shard 3/3 --set target.orgvue.tenant=OTHER"),
        "they go to different data sets",
    );
    refused(
        &|rig| {
            // As long as it was, and of the same rows.
            rig.write("workers.csv", extract().replace("Name 2,", "Nama 2,"));
            check_one(rig, "--shard 3/3");
        },
        "the source is another",
    );
    refused(
        &|rig| {
            let (code, _) = rig.ask(&[
                "check",
                "pipeline.yaml",
                "--shard",
                "3/3",
                "--set",
                "source.path=none.csv",
            ]);
            assert_eq!(code, 1);
        },
        "the check of shard 3/3 (run ",
    );
    let edited = |rig: &Rig, edit: &dyn Fn(&mut Value)| {
        check_one(rig, "--shard 3/3");
        for path in reports(rig, "night") {
            let mut report: Value =
                serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            edit(&mut report);
            fs::write(&path, report.to_string()).unwrap();
        }
    };
    refused(
        &|rig| {
            edited(rig, &|report| {
                let sent = report["counts"]["would_send"].as_u64().unwrap();
                report["counts"]["would_send"] = (sent + 1).into();
            })
        },
        "the shards do not add up",
    );
    refused(
        &|rig| {
            edited(rig, &|report| {
                report["shard"]["checked"]["rostream_version"] = report["run_id"].clone()
            })
        },
        "different versions of rostream",
    );
    refused(
        &|rig| {
            edited(rig, &|report| {
                report["started_at"] = "2026-01-01T00:00:00Z".into()
            })
        },
        "was good until 2026-01-02T00:00:00Z",
    );
    let rig = rig();
    fs::create_dir(rig.path("night")).unwrap();
    let (code, stderr) = merge(&rig, "night -o plan.json");
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("no check of a shard"), "{stderr}");
}

#[test]
fn a_shard_does_what_its_plan_says_or_nothing() {
    let rig = rig();
    planned(&rig, 3);
    let refused = |shard: &str, more: &[&str], expected: i32, said: &str| {
        let (code, stderr) = run(&rig, shard, more);
        assert_eq!(code, expected, "{said}: {stderr}");
        assert!(stderr.contains(said), "{said}: {stderr}");
        assert_eq!(rig.taken(), (0, 0), "{said}");
    };
    refused("1/4", &[], 2, "it is a plan of 3 shards with the seed 0");
    refused(
        "1/3",
        &["--shard-seed", "5"],
        2,
        "--shard I/3 --shard-seed 0",
    );
    refused(
        "1/3",
        &["--set", "guard.min_rows=1"],
        4,
        "the pipeline was changed",
    );
    refused(
        "1/3",
        &["--set", "target.orgvue.tenant=OTHER"],
        4,
        "another data set",
    );
    refused(
        "1/3",
        &["--approve", "0000000000000000"],
        4,
        "the plan has ",
    );
    let (code, stderr) = rig.ask(&["apply", "plan.json"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("--shard 1/3 --plan FILE"), "{stderr}");

    rig.write("workers.csv", extract().replace("Name 2,", "Nama 2,"));
    for shard in ["1/3", "2/3", "3/3"] {
        refused(shard, &[], 4, "the source was changed");
    }
    rig.write("workers.csv", extract());
    let plan = rig.read("plan.json");
    rig.write("plan.json", plan.replace("\"seed\": 0", "\"seed\": 1"));
    refused("1/3", &["--shard-seed", "1"], 4, "changed by hand");
    // A plan of one run is none of shards.
    rig.write("plan.json", "");
    fs::remove_file(rig.path("plan.json")).unwrap();
    let (code, stderr) = rig.ask(&["plan", "pipeline.yaml", "-o", "plan.json"]);
    assert_eq!(code, 3, "{stderr}");
    refused("1/3", &[], 2, "not of shards: rostream apply FILE");
    rig.write("plan.json", plan);
    let codes = run_all(&rig, 3);
    assert!(codes.iter().all(|code| [0, 3].contains(code)), "{codes:?}");
}

#[test]
fn what_cannot_be_shared_out() {
    let rig = rig();
    let refused = |args: &str, said: &str| {
        let args = words(args);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let (code, stderr) = rig.ask(&args);
        assert_eq!(code, 2, "{said}: {stderr}");
        assert!(
            crate::without_excerpts(&stderr).contains(said),
            "{said}: {stderr}"
        );
        assert_eq!(rig.taken(), (0, 0), "{said}");
    };
    let check = |more: &str, said: &str| {
        let args = format!("check pipeline.yaml --shard 1/8 {more}");
        refused(args.trim_end(), said);
    };
    refused(
        "check pipeline.yaml --shard 0/8",
        "the first of 8 is 1/8, and the last 8/8",
    );
    refused("check pipeline.yaml --shard 9/8", "counted from 1");
    refused("check pipeline.yaml --shard 8", "I/N");
    refused("check pipeline.yaml --shard-seed 8", "--shard");
    check(
        "--set target.orgvue.implicit_delete=true --set guard.min_rows=1",
        "each shard would delete the people of all others",
    );
    check(
        "--set guard.max_delete=5 --set guard.on_exceed=withhold_deletes",
        "something else than was checked",
    );
    check(
        r#"--set upload.length=chunked --set validate={"key":{"column":"employeeID","keep":"first"}}"#,
        "before all of them are checked",
    );
    check(
        "--set source.path=- --set source.format=csv --set upload.length=spooled",
        "can be read once only",
    );
    let run = "run pipeline.yaml --shard 2/8";
    refused(
        run,
        "rostream check pipeline.yaml --shard I/8, for each I from 1 to 8",
    );
    refused(run, "rostream report merge DIR -o plan.json");
    refused(
        run,
        "rostream run pipeline.yaml --shard I/8 --plan plan.json",
    );
    refused(&format!("{run} --dry-run"), "rostream check pipeline.yaml");
    refused(&format!("{run} --plan plan.json --first 10"), "--first");
    refused(
        &format!("{run} --plan plan.json --mend rejects.csv"),
        "--mend",
    );
    refused(&format!("{run} --plan plan.json --detach"), "--detach");
    refused("run pipeline.yaml --plan plan.json", "--shard");
    rig.pipeline(
        SECTIONS,
        "identify_by: { id_key: employeeID }\naction: { delta: store }",
    );
    check("", "each shard would delete the people of all others");
    rig.pipeline("name: nightly\nsource: { path: workers.csv }", IMPORT);
    check("", "no `validate.key` says which column that is");
}

/// A rig whose jobs are not done before the switch is on.
fn waiting() -> (Rig, Arc<AtomicBool>) {
    let on = Arc::new(AtomicBool::new(false));
    let switch = on.clone();
    let rig = Rig::new().behind(move |call| match call.step {
        "ticket" if !on.load(SeqCst) => Deed::Answer(503, "<html></html>"),
        _ => Deed::Pass,
    });
    (laid_out(rig), switch)
}

fn start(rig: &Rig, shard: &str) -> Child {
    let args = format!("run pipeline.yaml --shard {shard} --plan plan.json --set report.dir=runs");
    let args = words(&args);
    rig.start_of(&args.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn shards_go_on_beside_each_other_and_import_one_by_one() {
    let (rig, on) = waiting();
    planned(&rig, 3);
    let first = start(&rig, "1/3");
    wait_until("the first waits for its job", || rig.calls("ticket") > 0);
    let second = start(&rig, "2/3");
    wait_until("the second has uploaded", || rig.taken().0 == 2);
    // Neither another run, nor the same shard, nor shards of another plan.
    let busy = |ended: (i32, String), said: &str| {
        let (code, stderr) = ended;
        assert_eq!(code, 1, "{stderr}");
        assert!(stderr.contains(said), "{said}: {stderr}");
    };
    busy(
        rig.ask(&["run", "pipeline.yaml"]),
        "another run of this pipeline is under way (shards of plan ",
    );
    busy(
        rig.ask(&[
            "run",
            "pipeline.yaml",
            "--set",
            "state.dir=another",
            "--set",
            "rejects.path=other.csv",
        ]),
        "another run sends to this data set (shards of plan ",
    );
    busy(
        run(&rig, "1/3", &[]),
        "another run of this shard is under way (process ",
    );
    let plan = rig.read("plan.json");
    let more = check(&rig, 2, "--set report.dir=more");
    assert!(more.iter().all(|code| [0, 3].contains(code)), "{more:?}");
    assert_eq!(merge(&rig, "more -o plan.json").0, 0);
    busy(
        run(&rig, "1/2", &["--set", "report.dir=more"]),
        "another run of this pipeline is under way (shards of plan ",
    );
    rig.write("plan.json", plan);

    // Its turn does not come: it can be stopped, and does not wait for ever.
    assert_eq!(rig.calls("import"), 1);
    signal("TERM", second.id());
    assert_eq!(second.wait_with_output().unwrap().status.code(), Some(130));
    busy(
        run(&rig, "2/3", &["--set", "wait.at_most=500ms"]),
        "the import of another shard is under way (process ",
    );
    assert_eq!(rig.calls("import"), 1);
    let second = start(&rig, "2/3");
    wait_until("the second has uploaded once more", || rig.taken().0 >= 4);
    on.store(true, SeqCst);
    for child in [first, second] {
        let output = child.wait_with_output().unwrap();
        let code = output.status.code().unwrap();
        assert!(
            [0, 3].contains(&code),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    assert_eq!(rig.taken().1, 2);
    // With one that was not run nothing is over.
    let (code, stderr) = merge(&rig, "runs");
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("3/3 has no report of a run"), "{stderr}");
    let (code, stderr) = run(&rig, "3/3", &[]);
    assert!([0, 3].contains(&code), "{stderr}");
    assert_eq!(merge(&rig, "runs").0, 3);
}

#[test]
fn a_shard_that_was_cut_off_is_taken_up() {
    let imports = Arc::new(AtomicBool::new(false));
    let seen = imports.clone();
    let rig = laid_out(Rig::new().behind(move |call| match call.step {
        "import" if !seen.swap(true, SeqCst) => Deed::KillAfter,
        _ => Deed::Pass,
    }));
    planned(&rig, 2);
    let args = [
        "run",
        "pipeline.yaml",
        "--shard",
        "1/2",
        "--plan",
        "plan.json",
    ];
    assert!(
        rig.unless_killed(&[&args[..], &["--set", "report.dir=runs"]].concat())
            .is_none()
    );
    wait_until("the import is through", || rig.is_through());
    // Whether it was applied is not known, and it is not done twice.
    let (code, stderr) = run(&rig, "1/2", &[]);
    assert_eq!(code, 7, "{stderr}");
    assert_eq!(rig.taken().1, 1);
    // The other goes on all the same.
    let (code, stderr) = run(&rig, "2/2", &[]);
    assert!([0, 3].contains(&code), "{stderr}");
    let (code, stderr) = rig.ask(&["resume", "pipeline.yaml", "--retry-import"]);
    assert!([0, 3].contains(&code), "{stderr}");
    assert!(!rig.path("rejects.csv").exists());
    let ids: BTreeSet<String> = rig.people(&["employeeID"]).into_iter().collect();
    assert_eq!(ids.len(), rig.items().len());

    let whole = self::rig();
    assert_eq!(
        whole
            .tell(&["run", "pipeline.yaml", "--set", "report.dir=."])
            .code,
        3
    );
    let names = ["employeeID", "fullName", "managerID"];
    assert_eq!(rig.people(&names), whole.people(&names));
}

#[test]
fn formats_and_spellings_are_shared_out_the_same() {
    let check = |source: &str, file: &str, text: &str, sections: &str| {
        let rig = Rig::new().behind(|_| Deed::Pass);
        rig.write(file, text);
        let sections = format!(
            "name: nightly\nsource: {source}\n{sections}\nrejects: {{ at_most: 90% }}\nreport: {{ dir: night }}"
        );
        rig.pipeline(&sections, IMPORT);
        let (code, stderr) = rig.ask(&[
            "check",
            "pipeline.yaml",
            "--report",
            "--set",
            "report.dir=whole",
        ]);
        assert!([0, 3].contains(&code), "{stderr}");
        let plan = planned(&rig, 4);
        let whole: Value =
            serde_json::from_str(&fs::read_to_string(&reports(&rig, "whole")[0]).unwrap()).unwrap();
        let rows = &plan["content"]["rows"];
        for (name, count) in [
            ("read", "read"),
            ("rejected", "rejected"),
            ("sent", "would_send"),
        ] {
            assert_eq!(rows[name], whole["counts"][count], "{file} {name}");
        }
        let codes = run_all(&rig, 4);
        assert!(codes.iter().all(|code| [0, 3].contains(code)), "{codes:?}");
        assert_eq!(rig.items().len() as u64, rows["sent"].as_u64().unwrap());
    };
    let json: String = (0..60)
        .map(|id| {
            format!(
                "{{\"employeeID\":\"{:03}\",\"fullName\":\"N {id}\"}}\n",
                id % 50
            )
        })
        .collect();
    check(
        "{ path: w.ndjson }",
        "w.ndjson",
        &json,
        "validate: { key: employeeID }",
    );
    // On one line, so that nothing but the key tells rows apart.
    let array = format!("[{}]", json.trim_end().replace('\n', ","));
    check(
        "{ path: w.json }",
        "w.json",
        &array,
        "validate: { key: employeeID }",
    );
    let spelled: String = (0..40)
        .map(|id| match id % 2 {
            0 => format!("Zoë{id},{id}\n"),
            // The same key to whom case does not matter, and an accent of its own.
            _ => format!("ZOE\u{308}{},{id}\n", id - 1),
        })
        .collect();
    check(
        "{ path: w.csv }",
        "w.csv",
        &format!("employeeID,fullName\n{spelled}"),
        "validate: { key: { column: employeeID, ignore_case: true, keep: last } }",
    );
}
