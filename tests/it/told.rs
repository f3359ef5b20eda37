//! What people are told, and what is kept of it: one of a kind, what was not sent, limits that limit nothing, one file by
//! two names, nights without a row, imports that are repeated, results that are taken in later.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::support::{Call, Deed, Rig};

const ROWS: &str = "employeeID,fullName\n1,Ann\n2,Bob\n3,Cid\n";

fn rig(rig: Rig, sections: &str, import: &str) -> Rig {
    rig.write("workers.csv", ROWS);
    rig.pipeline(
        &format!("source: {{ path: workers.csv }}\nvalidate: {{ key: employeeID }}\n{sections}"),
        &format!("identify_by: {{ id_key: employeeID }}\n{import}"),
    );
    rig
}

/// The state's file of the only run, and what is kept of the last accepted one.
fn state(rig: &Rig) -> (Value, Option<Value>) {
    let (mut run, mut last) = (Value::Null, None);
    for entry in fs::read_dir(rig.path("state")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.ends_with(".json") && !name.starts_with("rows-") && !name.starts_with("drift-") {
            let value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            match name.starts_with("last-") {
                true => last = Some(value),
                false => run = value,
            }
        }
    }
    (run, last)
}

#[test]
fn results_that_are_taken_in_later_make_a_run_accepted() {
    let rig = rig(Rig::new(), "", "").behind(|call| match call {
        Call {
            step: "results",
            before: 0,
        } => Deed::Answer(403, "<Error><Code>AccessDenied</Code></Error>"),
        _ => Deed::Pass,
    });
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let (run, last) = state(&rig);
    assert_eq!((&run["ended"]["outcome"], last), (&"failed".into(), None));
    let at = run["ended"]["at"].clone();
    let run = run["run_id"].as_str().unwrap().to_owned();
    for _ in 0..2 {
        assert_eq!(rig.tell(&["results", &run]).code, 0);
        let (run, last) = state(&rig);
        assert_eq!(run["step"], "ended");
        assert_eq!(run["ended"]["outcome"], "succeeded");
        assert_eq!(
            (&run["ended"]["exit_code"], &run["ended"]["at"]),
            (&0.into(), &at)
        );
        let last = last.unwrap();
        assert_eq!(
            (&last["run_id"], &last["named"]),
            (&run["run_id"], &3.into())
        );
    }
    let (code, stderr) = rig.ask(&["resume"]);
    assert_eq!(code, 0, "{stderr}");

    // A run that ended later stays the last.
    rig.write("workers.csv", &ROWS[..26]);
    assert_eq!(rig.run(&[]).code, 0);
    let files = fs::read_dir(rig.path("state"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let path = files
        .filter(|path| path.to_string_lossy().contains(&format!("run-{run}")))
        .last()
        .unwrap();
    let text = fs::read_to_string(&path).unwrap();
    fs::write(
        &path,
        text.replace("\"outcome\": \"succeeded\"", "\"outcome\": \"failed\""),
    )
    .unwrap();
    assert_eq!(rig.tell(&["results", &run]).code, 0);
    assert_eq!(state(&rig).1.unwrap()["named"], 1);
}

#[test]
fn an_import_is_repeated_only_with_what_was_sent() {
    let rig = rig(Rig::new(), "", "").behind(|call| match call {
        Call {
            step: "import",
            before: 0,
        } => Deed::Kill,
        _ => Deed::Pass,
    });
    rig.run_and_be_killed();
    let run = state(&rig).0["run_id"].as_str().unwrap().to_owned();
    for length in ["measured", "spooled"] {
        let pipeline = rig.read("pipeline.yaml");
        rig.write(
            "pipeline.yaml",
            format!("{pipeline}\nupload: {{ length: {length} }}\n"),
        );
        rig.write("workers.csv", ROWS.replace("Bob", "Rob"));
        let ended = rig.tell(&["resume", &run, "--retry-import"]);
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        assert_eq!(ended.report["error"]["code"], "not_the_same");
        ended.says(&format!(
            "has changed since run {run}, and no longer produces the same upload; nothing was imported"
        ));
        assert_eq!(rig.calls("put"), 1);
        rig.write("pipeline.yaml", pipeline);
    }
    let (code, stderr) = rig.ask(&["run", "pipeline.yaml"]);
    assert_eq!(code, 7, "{stderr}");
    rig.write("workers.csv", ROWS);
    let ended = rig.tell(&["resume", &run, "--retry-import"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.items().len(), 3);
}

#[test]
fn a_resumed_run_tells_how_often_deletion_was_off() {
    let guard = "guard: { min_rows: { first: 1 } }\nrejects: { at_most: 100% }\nstages: [ number: [fullName] ]";
    let rig = rig(Rig::new(), guard, "implicit_delete: true").behind(|call| match call {
        Call {
            step: "ticket",
            before: 1,
        } => Deed::Kill,
        _ => Deed::Pass,
    });
    rig.write("workers.csv", "employeeID,fullName\n1,1\n2,x\n");
    let ended = rig.run(&[]);
    assert_eq!(
        (ended.code, &ended.report["deletions"]["in_a_row"]),
        (3, &1.into()),
        "{}",
        ended.stderr
    );
    rig.run_and_be_killed();
    let ended = rig.tell(&["resume"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert_eq!(ended.report["deletions"]["in_a_row"], 2);
    ended.says("deletion was off for this run, the 2nd in a row");
}

#[test]
fn of_what_did_not_arrive_nothing_was_sent() {
    let rig = rig(Rig::new(), "upload: { attempts: 1 }", "").behind(|call| match call.step {
        "put" => Deed::Answer(403, "<Error><Code>AccessDenied</Code></Error>"),
        _ => Deed::Pass,
    });
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let sent = ended
        .stderr
        .lines()
        .find(|line| line.starts_with("sent "))
        .unwrap();
    assert_eq!(sent.split_whitespace().collect::<Vec<_>>(), ["sent", "0"]);
}

#[test]
fn limits_that_limit_nothing_are_refused() {
    let rig = rig(Rig::new(), "", "");
    for (set, message) in [
        (
            "guard.min_rows=",
            "guard.min_rows: expected a limit, found nothing",
        ),
        (
            "guard.min_rows={}",
            "guard.min_rows: expected `first` or `of_last`, found neither",
        ),
        (
            "guard.min_rows=-1",
            "guard.min_rows: expected a number of rows, 0 or more, found a negative number",
        ),
        (
            "guard.min_rows=1.5",
            "guard.min_rows: expected a whole number of rows, found a number with decimals",
        ),
        (
            "rejects.at_most=",
            "rejects.at_most: expected a limit, found nothing",
        ),
        (
            "refused.at_most=",
            "refused.at_most: expected a limit, found nothing",
        ),
        ("name=", "name: expected a name, found nothing"),
    ] {
        let (code, stderr) = rig.ask(&["lint", "pipeline.yaml", "--set", set]);
        assert_eq!(code, 2, "{set}: {stderr}");
        assert!(stderr.starts_with(&format!("--set {message}")), "{stderr}");
    }
    // Nothing is said twice.
    let (code, stderr) = rig.ask(&["check", "pipeline.yaml", "--set", "validate.key=id"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("--set validate.key: no column `id` here"),
        "{stderr}"
    );
}

#[test]
fn one_file_by_two_names_is_read_once() {
    let rig = rig(Rig::new(), "", "");
    symlink("workers.csv", rig.path("link.csv")).unwrap();
    fs::create_dir(rig.path("in")).unwrap();
    for paths in [
        "[workers.csv, ./in/../workers.csv]",
        "[workers.csv, link.csv]",
        "*s.csv",
    ] {
        let set = format!("source.path={paths}");
        let (code, stderr) = rig.ask(&["check", "pipeline.yaml", "--set", &set]);
        match paths.starts_with('[') {
            true => {
                assert_eq!(code, 2, "{stderr}");
                assert!(
                    stderr.contains("are the same file, and its rows would be read twice"),
                    "{stderr}"
                );
            }
            false => assert_eq!(code, 0, "{stderr}"),
        }
    }
}

#[test]
fn a_night_without_a_row() {
    for (name, text) in [
        ("e.csv", ""),
        ("e.json", "[]"),
        ("e.json", " [ \n]\n"),
        ("e.ndjson", "\n\n"),
    ] {
        let rig = rig(Rig::new(), "", "");
        rig.write(name, text);
        let set = format!("source.path={name}");
        let ended = rig.run(&["--set", &set]);
        assert_eq!(ended.code, 1, "{name}: {}", ended.stderr);
        let ended = rig.run(&["--set", &set, "--set", "source.nothing=ok"]);
        assert_eq!(
            (ended.code, ended.count("read")),
            (0, 0),
            "{name}: {}",
            ended.stderr
        );
        ended.says("nothing was sent, and source.nothing says that this is ok");
        // One of several files is another matter.
        let both = format!("source.path=[{name}, workers.csv]");
        let ended = rig.run(&["--set", &both, "--set", "source.nothing=ok"]);
        assert_eq!(ended.code, 1, "{name}: {}", ended.stderr);
    }
}

/// What Orgvue's published CSV reader would make of an upload is told, and the sandbox can be made to do it.
#[test]
fn texts_of_a_csv_upload() {
    let text =
        "employeeID,grade,pay,active,note\n001,1E5,1.50,TRUE,x\n2,G5,2,false, y\n3,7,3,no,z\n";
    for (orgvue, ids) in [(false, ["001", "1E5"]), (true, ["1", "100000"])] {
        let rig = Rig::with(|s| {
            if orgvue {
                s.csv_cells = "orgvue".parse().unwrap();
            }
        });
        rig.write("w.csv", text);
        rig.pipeline(
            "source: { path: w.csv }\nvalidate: { key: employeeID }\nstages: [ number: [pay] ]\nupload: { format: csv }",
            "identify_by: { id_key: employeeID }\nempty: unchanged_at_server",
        );
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let told = "`employeeID` (1 cell, the first on line 2), `grade` (1 cell, the first on line 2), `active` (2 cells, \
                    the first on line 2), `note` (1 cell, the first on line 3); whether the import does so is not known";
        assert_eq!(ended.stderr.matches(told).count(), 1, "{}", ended.stderr);
        let items = rig.items().concat();
        for id in ids {
            let number = format!(":{id},");
            let quoted = format!(":\"{id}\",");
            assert!(
                items.contains(if orgvue { &number } else { &quoted }),
                "{items}"
            );
        }
        // As JSON they are texts, and nothing is to be told.
        let ended = rig.run(&["--set", "upload.format=json"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(!ended.stderr.contains("CSV reader"), "{}", ended.stderr);
    }
}
