//! `--log-format json`: whatever a command says on stderr, it is one object a line, and docs/operating.md knows every one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::support::{Rig, signal, wait_until, workers};

/// The events of a command, each with what every event has.
fn events(stderr: &str) -> Vec<Value> {
    let events: Vec<Value> = (stderr.lines())
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect();
    for event in &events {
        let time = event["time"].as_str().unwrap();
        assert!(time.parse::<jiff::Timestamp>().is_ok(), "{event}");
        let levels = ["trace", "debug", "info", "warn", "error"];
        assert!(
            levels.contains(&event["level"].as_str().unwrap()),
            "{event}"
        );
        assert!(event["event"].is_string(), "{event}");
    }
    events
}

fn named<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events
        .iter()
        .filter(|event| event["event"] == name)
        .collect()
}

/// A command's events. The first and the last are those that every command has.
fn told(rig: &Rig, args: &[&str], code: i32) -> Vec<Value> {
    let (ended, stderr) =
        rig.ask(&[&["--log-format", "json", "--heartbeat", "100ms"], args].concat());
    assert_eq!(ended, code, "{args:?}\n{stderr}");
    let events = events(&stderr);
    let (first, last) = (&events[0], events.last().unwrap());
    assert_eq!(first["event"], "start", "{args:?}");
    assert_eq!(first["command"], args[0]);
    assert_eq!(last["event"], "end", "{args:?}");
    assert_eq!(last["exit"], code, "{args:?}");
    // Whoever waits for an error gets exactly one that says what to do with the job.
    let errors = named(&events, "error");
    match code {
        0 | 3 => assert!(errors.is_empty(), "{errors:?}"),
        _ => {
            assert_eq!(errors.len(), 1, "{args:?} {errors:?}");
            assert_eq!(errors[0]["exit"], code);
            assert!(errors[0]["retryable"].is_boolean());
            assert!(!errors[0]["message"].as_str().unwrap().is_empty());
        }
    }
    events
}

/// What docs/operating.md says of events: their members by their names.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operating.md");
    let page = std::fs::read_to_string(page).unwrap();
    let table = page.split("| event | members |").nth(1).unwrap();
    let quoted = |cell: &str| -> BTreeSet<String> {
        let parts = cell.split('`').skip(1).step_by(2);
        parts.map(str::to_owned).collect()
    };
    (table.lines().skip(2))
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<_> = line.split('|').collect();
            let name = quoted(cells[1]).into_iter().next().unwrap();
            (name, quoted(cells[2]))
        })
        .collect()
}

#[test]
fn every_event_is_explained_and_nothing_else_is_written() {
    let rig = Rig::new();
    rig.write("workers.csv", workers(5_000) + "broken\n");
    rig.pipeline(
        "source: { path: workers.csv }\nrejects: { at_most: 5% }\nguard: { min_rows: 10 }\n\
         stages: [filter: fullName > \"0\"]",
        "action: create",
    );
    let pipeline = rig.read("pipeline.yaml");
    rig.write(
        "wrong.yaml",
        pipeline.replace("version: 1", "version: 2\nnmae: x"),
    );
    rig.write(
        "strict.yaml",
        pipeline.replace("min_rows: 10", "min_rows: 100000"),
    );
    rig.write(
        "tested.yaml",
        format!("{pipeline}\ntests:\n- name: one\n  rows: [{{ employeeID: \"1\" }}]\n  expect: {{ rows: [] }}\n"),
    );
    let mut seen = Vec::new();
    let mut tell = |args: &[&str], code: i32| seen.extend(told(&rig, args, code));
    tell(&["lint", "pipeline.yaml"], 0);
    tell(&["lint", "wrong.yaml"], 2);
    tell(&["check", "pipeline.yaml"], 3);
    tell(&["check", "nowhere.yaml"], 2);
    tell(&["run", "strict.yaml"], 4);
    tell(&["run", "pipeline.yaml", "-v"], 3);
    tell(&["run", "pipeline.yaml", "-vv", "--partial-ok"], 0);
    tell(&["run", "pipeline.yaml", "strict.yaml"], 2);
    tell(&["preview", "pipeline.yaml"], 0);
    tell(&["infer", "workers.csv", "-o", "draft.yaml"], 0);
    tell(&["describe", "workers.csv"], 0);
    tell(&["bench", "pipeline.yaml", "--runs", "1"], 0);
    tell(&["sample", "--rows", "10", "-o", "sample.csv"], 0);
    tell(&["test", "tested.yaml"], 0);
    tell(&["runs", "pipeline.yaml"], 0);
    tell(&["resume", "--state", "nowhere"], 2);
    tell(&["docs"], 0);
    tell(&["schema"], 0);
    let documented = documented();
    for event in &seen {
        let name = event["event"].as_str().unwrap();
        let Some(members) = documented.get(name) else {
            panic!("docs/operating.md does not know {event}");
        };
        for member in event.as_object().unwrap().keys() {
            let common = ["time", "level", "run", "event"].contains(&member.as_str());
            assert!(common || members.contains(member), "{member} of {event}");
        }
    }
    let names: BTreeSet<_> = seen
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect();
    let unseen: Vec<_> = (documented.keys())
        .filter(|name| !names.contains(name.as_str()))
        .collect();
    let rare = ["heartbeat", "panic"];
    assert!(
        unseen.iter().all(|name| rare.contains(&name.as_str())),
        "{unseen:?}"
    );
}

#[test]
fn a_run_is_told_in_order() {
    let rig = Rig::new();
    rig.write("workers.csv", workers(200));
    rig.pipeline("source: { path: workers.csv }", "action: create");
    let events = told(&rig, &["run", "pipeline.yaml"], 0);
    let names: Vec<_> = events
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect();
    // That the ledger is new comes before it has a run.
    assert_eq!(&names[..3], ["start", "note", "run"]);
    assert_eq!(&names[names.len() - 2..], ["summary", "end"]);
    let run = events[2]["run"].as_str().unwrap();
    assert!(events[2..].iter().all(|event| event["run"] == run));
    let steps: Vec<_> = (named(&events, "step").iter())
        .map(|event| {
            (
                event["step"].as_str().unwrap(),
                event["state"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = ["survey", "upload", "wait", "results"];
    let expected: Vec<_> = expected
        .iter()
        .flat_map(|step| [(*step, "began"), (*step, "ended")])
        .collect();
    assert_eq!(steps, expected);
    let ended = |step: &str| {
        *named(&events, "step")
            .iter()
            .find(|event| event["step"] == step && event["state"] == "ended")
            .unwrap()
    };
    assert_eq!(ended("survey")["rows"], 200);
    let summary = named(&events, "summary")[0];
    assert_eq!(summary["outcome"], "succeeded");
    assert_eq!(summary["counts"]["accepted"], 200);
    assert!(rig.path(summary["report"].as_str().unwrap()).exists());
}

#[test]
fn a_step_that_takes_long_is_heard_of() {
    let rig = Rig::new();
    rig.write("workers.csv", workers(40_000));
    rig.pipeline(
        "source: { path: workers.csv }\nupload: { rate: 500kB/s, chunk: 1KiB }",
        "action: create",
    );
    let child = rig.start(&["--log-format", "json", "--heartbeat", "100ms"]);
    wait_until("something arrives", || {
        rig.arriving().is_some_and(|bytes| bytes > 0)
    });
    std::thread::sleep(std::time::Duration::from_millis(400));
    signal("INT", child.id());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let events = events(&String::from_utf8(output.stderr).unwrap());
    let beats = named(&events, "heartbeat");
    assert!(beats.len() > 1, "{events:?}");
    let last = beats.last().unwrap();
    assert_eq!(last["step"], "upload");
    assert!(last["bytes_per_second"].as_f64().unwrap() > 0.0, "{last}");
    assert!(last["of_bytes"].as_u64() > last["bytes"].as_u64(), "{last}");
    let error = named(&events, "error")[0];
    assert_eq!(
        (&error["code"], &error["retryable"]),
        (&"interrupted".into(), &true.into())
    );
}

#[test]
fn wrong_command_lines_and_quiet_ones() {
    let rig = Rig::new();
    for args in [
        &["run", "--log-format", "json"][..],
        &["--log-format=json", "rnu"],
        &[
            "check",
            "p.yaml",
            "--log-format",
            "json",
            "--heartbeat",
            "1ms",
        ],
    ] {
        let (code, stderr) = rig.ask(args);
        assert_eq!(code, 2, "{stderr}");
        let events = events(&stderr);
        let names: Vec<_> = events
            .iter()
            .map(|event| event["event"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["error", "end"]);
        assert_eq!(events[0]["code"], "usage");
        assert!(
            events[0]["message"]
                .as_str()
                .unwrap()
                .contains("Usage: rostream")
                || args.len() > 3
        );
    }
    rig.write("workers.csv", workers(20));
    rig.pipeline("source: { path: workers.csv }", "action: create");
    let (code, stderr) = rig.ask(&["run", "pipeline.yaml", "--log-format", "json", "-q"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
}
