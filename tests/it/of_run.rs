//! Files that every run, or every day, has of its own: `{run}` and `{date}` in their paths.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use crate::support::{Ended, Rig, mode};

const IMPORT: &str = "action: createOrUpdate\nidentify_by: { id_key: employeeID }";

const NAMED: &str = "rejects: { path: 'out/{date}/rejects-{run}.csv', at_most: 90%, keep: 14d, workbook: 'out/rejects-{run}.xlsx' }\n\
                     results: { path: 'out/results-{run}.csv', keep: 14d }";

const SOURCE: &str = "source: { path: workers.csv }\n\
                      validate: { key: employeeID, columns: { grade: { one_of: [G1, G2] } } }";

fn rig(sections: &str) -> Rig {
    let rig = Rig::new();
    rig.pipeline(&format!("{SOURCE}\n{sections}"), IMPORT);
    let rows = "employeeID,fullName,grade\n10001,Ann,G1\n10002,Bob,G9\n";
    rig.write("workers.csv", rows);
    rig
}

/// A run's name and day.
fn run_of(ended: &Ended) -> (String, String) {
    let text = |name: &str| ended.report[name].as_str().unwrap().to_owned();
    (text("run_id"), text("today"))
}

/// Where the files of a run are.
fn files_of(ended: &Ended) -> (String, String) {
    let (run, day) = run_of(ended);
    (
        format!("out/{day}/rejects-{run}.csv"),
        format!("out/results-{run}.csv"),
    )
}

#[test]
fn runs_have_files_of_their_own() {
    let rig = rig(NAMED);
    let first = rig.run(&[]);
    rig.forget_reports();
    let nights = [first, rig.run(&[])];
    for ended in &nights {
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        let (rejects, results) = files_of(ended);
        assert!(
            rig.read(&rejects).contains("10002,Bob,G9"),
            "{}",
            ended.stderr
        );
        assert!(rig.read(&results).contains("10001"));
        assert_eq!(
            (mode(&rig.path(&rejects)), mode(&rig.path(&results))),
            (0o600, 0o600)
        );
        assert!(
            ended.report["rejects_file"]
                .as_str()
                .unwrap()
                .ends_with(&rejects)
        );
        ended.says(&rejects);
    }
    assert_ne!(files_of(&nights[0]), files_of(&nights[1]));
    rig.forget_reports();
    let checked = rig.tell(&["check", "pipeline.yaml"]);
    let (run, day) = run_of(&checked);
    let of_check = format!("out/{day}/rejects-{run}.check.csv");
    assert!(rig.read(&of_check).contains("10002,Bob,G9"));

    // What is fetched again is that run's.
    let (rejects, results) = files_of(&nights[0]);
    fs::remove_file(rig.path(&results)).unwrap();
    let before = rig.read(&files_of(&nights[1]).0);
    let (code, stderr) = rig.ask(&["results", &run_of(&nights[0]).0]);
    assert_eq!(code, 3, "{stderr}");
    assert!(rig.read(&results).contains("10001"));
    assert!(rig.read(&rejects).contains("10002,Bob,G9"));
    assert_eq!(rig.read(&files_of(&nights[1]).0), before);

    // Somebody is taken out of all of them.
    rig.write("gone.txt", "10002\n");
    let (code, stderr) = rig.ask(&["forget", "gone.txt"]);
    assert_eq!(code, 0, "{stderr}");
    for file in [&rejects, &files_of(&nights[1]).0, &of_check] {
        assert!(
            stderr.contains(&format!("{file}: 1 row taken out\n")),
            "{stderr}"
        );
        assert!(!rig.read(file).contains("Bob"));
    }

    let workbook = |ended: &Ended| format!("out/rejects-{}.xlsx", run_of(ended).0);
    let of_check = format!("out/rejects-{run}.check.xlsx");
    for file in [&workbook(&nights[0]), &workbook(&nights[1]), &of_check] {
        let told = format!("{file}: 1 row taken out\n");
        assert!(stderr.contains(&told), "{stderr}");
    }

    // And each is as old as its run. A file that runs don't name so is nobody's.
    rig.write(&format!("out/{day}/rejects-2026.csv"), "somebody's own\n");
    let others = format!("out/{day}/rejects-2026.csv");
    for file in [&rejects, &results, &workbook(&nights[0]), &others] {
        let then = SystemTime::now() - Duration::from_secs(15 * 24 * 60 * 60);
        let file = File::options().write(true).open(rig.path(file)).unwrap();
        file.set_modified(then).unwrap();
    }
    rig.forget_reports();
    let last = rig.run(&[]);
    assert_eq!(last.code, 3, "{}", last.stderr);
    assert!(!last.stderr.contains("stays"), "{}", last.stderr);
    let is_there = |file: &String| rig.path(file).exists();
    assert_eq!((is_there(&rejects), is_there(&results)), (false, false));
    assert_eq!(
        (is_there(&workbook(&nights[0])), is_there(&others)),
        (false, true)
    );
    for ended in [&nights[1], &last] {
        let (rejects, results) = files_of(ended);
        assert_eq!((is_there(&rejects), is_there(&results)), (true, true));
        assert!(is_there(&workbook(ended)));
    }
}

/// The rejects of one are loaded into another, which has its own.
#[test]
fn corrected_rejects_of_a_run() {
    let rig = rig(NAMED);
    let ended = rig.run(&[]);
    let (rejects, _) = files_of(&ended);
    rig.write(&rejects, rig.read(&rejects).replace("G9", "G8"));
    let mended = rig.run(&["--mend", &rejects]);
    assert_eq!(mended.code, 4, "{}", mended.stderr);
    let (run, day) = run_of(&mended);
    let own = format!("out/{day}/rejects-{run}.mend.csv");
    assert!(rig.read(&own).contains("10002,Bob,G8"), "{}", mended.stderr);
    rig.write(&rejects, rig.read(&rejects).replace("G8", "G2"));
    let mended = rig.run(&["--mend", &rejects]);
    assert_eq!(mended.code, 0, "{}", mended.stderr);
    assert_eq!(rig.items().len(), 2);
}

#[test]
fn pipelines_of_one_folder() {
    let rig = rig(NAMED);
    let other = rig.read("pipeline.yaml");
    rig.write("other.yaml", other);
    let ended = rig.ask(&["run", "pipeline.yaml", "other.yaml"]);
    assert_eq!(ended.0, 3, "{}", ended.1);
    // The same name for both is refused as ever.
    let same = "rejects: { path: 'rejects-{date}.csv', at_most: 90%, keep: 1d }";
    for file in ["pipeline.yaml", "other.yaml"] {
        let text = rig.read(file);
        rig.write(file, text.replace(NAMED.split('\n').next().unwrap(), same));
    }
    let (code, stderr) = rig.ask(&["run", "pipeline.yaml", "other.yaml"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("writes its rejects into the same file"),
        "{stderr}"
    );
}

#[test]
fn what_lint_says() {
    let said = |sections: &str, code: i32, words: &[&str]| {
        let rig = rig(sections);
        let (found, stderr) = rig.ask(&["lint", "pipeline.yaml"]);
        assert_eq!(found, code, "{stderr}");
        for words in words {
            assert!(stderr.contains(words), "{stderr}");
        }
        stderr
    };
    let at_most = "at_most: 90%";
    let well = said(NAMED, 0, &[]);
    assert!(!well.contains("out/"), "{well}");
    said(
        &format!("rejects: {{ path: 'out/{{run}}.csv', {at_most} }}"),
        0,
        &["every run leaves a file with data of people", "`keep: 14d`"],
    );
    said(
        &format!("rejects: {{ path: 'out/{{tenant}}.csv', {at_most} }}"),
        2,
        &[
            "pipeline.yaml:4:18: nothing is known for `{tenant}`",
            "`{run}` is the name of the run, and `{date}` its day",
        ],
    );
    said(
        "results: { path: '{Run}.csv' }",
        2,
        &["nothing is known for `{Run}`"],
    );
    for setting in [
        "report: { dir: 'reports/{date}' }",
        "report: { metrics: '{run}.prom' }",
        "state: { dir: 'state-{date}' }",
    ] {
        said(setting, 2, &["`{run}` and `{date}` are not filled in here"]);
    }
    // In braces, YAML has a map of its own.
    said(
        "rejects: { path: out/{run}.csv }",
        2,
        &["pipeline.yaml:4:", "quote"],
    );
}

#[test]
fn what_would_be_written_over() {
    let rig = Rig::new();
    let rejects = "rejects: { path: '{date}/r.csv', at_most: 1%, keep: 1d }";
    rig.pipeline(
        &format!(
            "source: {{ path: 2026-01-31/r.csv }}\nvalidate: {{ key: employeeID }}\n{rejects}"
        ),
        IMPORT,
    );
    let (code, stderr) = rig.ask(&["lint", "pipeline.yaml"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("the rejects would be written over the source"),
        "{stderr}"
    );
}
