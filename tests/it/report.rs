//! What a run says and leaves behind: names from outside, faults by column, the rejects file whole or not at all.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use serde_json::json;

use crate::support::{Deed, Rig, mode, signal, wait_until};

/// What no text from outside may bring to a terminal.
fn acts(c: char) -> bool {
    c != '\n' && (c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
}

#[track_caller]
fn is_tame(text: &str, lines: &[&str]) {
    assert!(!text.contains(acts), "{text:?}");
    for line in text.lines() {
        assert!(!line.starts_with("ERROR"), "a line of its own: {text}");
    }
    for line in lines {
        assert!(text.contains(line), "{line} is not in {text}");
    }
}

const RUDE: &str = "u\x1b[31m\nERROR rostream: all gone\u{202e}\u{9b}";
/// A text as YAML writes it.
fn yaml(text: &str) -> String {
    let quoted = json!(text).to_string();
    quoted
        .replace('\u{202e}', r"\u202e")
        .replace('\u{9b}', r"\u009b")
}

/// The rejects file of a run that sends nothing.
const OF_CHECK: &str = "rejects.check.csv";

const TAMED: &str = r"u\x1b[31m\nERROR rostream: all gone\u{202e}\u{9b}";

#[test]
fn names_from_outside_are_shown_and_not_obeyed() {
    let rig = Rig::new();
    let ask = |args: &[&str]| {
        let asked = rig.ask(args);
        rig.reports()
            .iter()
            .for_each(|path| fs::remove_file(path).unwrap());
        asked
    };
    // In the header, where a stage looks for a column much like it; a name that is not is never told.
    rig.write("w.csv", format!("employeeID,\"{RUDE}\"\n1,x\n"));
    let check = "validate: { key: employeeID }\nrejects: { at_most: 100% }";
    let drops = format!(
        "source: {{ path: w.csv }}\nstages: [ drop: ['u[31m ERROR rostream: all gone'] ]\n{check}"
    );
    rig.pipeline(&drops, "action: create");
    for command in ["run", "check", "preview"] {
        let (code, text) = ask(&[command, "pipeline.yaml"]);
        assert_ne!(code, 0, "{command}");
        is_tame(&text, &[TAMED]);
    }

    // In the header, as the column of a fault; the report has the true name.
    let required = format!("{{ required: true, message: {} }}", yaml(RUDE));
    // Under that name it would not be sent.
    let rename = format!("stages: [ rename: {{ {}: note }} ]", yaml(RUDE));
    let rules = format!("{rename}\nvalidate: {{ columns: {{ note: {required} }} }}");
    rig.write("w.csv", format!("employeeID,\"{RUDE}\"\n1,\n2,x\n"));
    rig.pipeline(
        &format!("source: {{ path: w.csv }}\n{rules}"),
        "action: create",
    );
    let ended = rig.run(&["--dry-run", "-v"]);
    is_tame(&ended.stderr, &[&format!("{TAMED} (note)  required  1")]);
    assert_eq!(ended.report["rejects"]["by_column"][0]["column"], RUDE);
    let shown = rig.tell(&["check", "pipeline.yaml", "--json"]).stdout;
    assert!(shown.contains(&json!(RUDE).to_string()), "{shown}");

    // In a preview, as name, value and message.
    rig.write("w.csv", format!("employeeID,\"{RUDE}\"\n\"{RUDE}\",\n"));
    let output = crate::rostream(rig.folder(), &["preview", "pipeline.yaml", "--full"])
        .env("BASE_URL", "http://127.0.0.1:1")
        .output();
    let (code, stdout, stderr) = crate::outcome(output.unwrap());
    assert_eq!(code, 0, "{stderr}");
    is_tame(&stdout, &[TAMED, r"\u001b"]);

    // In the name of a file, told and logged.
    let name = format!("in{}.csv", RUDE.replace('/', ""));
    rig.write(&name, "employeeID\n1\n");
    rig.pipeline("source: { path: 'in*' }", "action: create");
    let ended = rig.run(&["--dry-run"]);
    is_tame(&ended.stderr, &[&format!("in{TAMED}.csv")]);
    assert!(
        ended.report["sources"][0]["path"]
            .as_str()
            .unwrap()
            .ends_with(&name)
    );
    rig.write(&name, "");
    let (_, text) = ask(&["run", "pipeline.yaml"]);
    is_tame(&text, &[&format!("in{TAMED}.csv")]);
    fs::remove_file(rig.path(&name)).unwrap();

    // In a value of the pipeline file.
    let missing = RUDE.replace('[', "");
    let missing = format!("source: {{ path: {} }}", yaml(&missing));
    rig.pipeline(&missing, "action: create");
    let (code, text) = ask(&["run", "pipeline.yaml"]);
    assert_ne!(code, 0);
    is_tame(&text, &[&TAMED.replace('[', "")]);
    let unknown = format!("source: {{ path: w.csv, format: {} }}", yaml(RUDE));
    rig.pipeline(&unknown, "action: create");
    let (code, text) = ask(&["lint", "pipeline.yaml", "--no-progress"]);
    assert_eq!(code, 2);
    is_tame(&text, &[TAMED]);
}

#[test]
fn faults_have_the_column_that_stands_in_the_source() {
    let rig = Rig::new();
    rig.write(
        "w.csv",
        "Nr,Eintritt,Austritt,Ort\n1,01.02.2020,x,a\n2,y,02.02.2020,a\n3,01.02.2020,01.02.2021,a\n4,01.02.2022,01.02.2021,\n",
    );
    rig.pipeline(
        "source: { path: w.csv }\n\
         stages:\n\
         \x20 - date: { columns: [Eintritt], from: DD.MM.YYYY }\n\
         \x20 - rename: { Nr: id, Eintritt: Austritt, Austritt: Eintritt }\n\
         \x20 - date: { columns: [Eintritt], from: DD.MM.YYYY }\n\
         validate:\n\
         \x20 key: id\n\
         \x20 columns: { Ort: { required: true } }\n\
         \x20 rows: [ { assert: Eintritt >= Austritt, code: order, columns: [Eintritt, Austritt] } ]",
        "action: create",
    );
    let ended = rig.run(&["--dry-run"]);
    assert_eq!(
        ended.report["rejects"]["by_column"],
        json!([
            { "column": "Austritt", "renamed_to": "Eintritt", "code": "date_format", "faults": 1 },
            { "column": "Austritt, Eintritt", "renamed_to": "Eintritt, Austritt", "code": "order", "faults": 1 },
            { "column": "Eintritt", "renamed_to": null, "code": "date_format", "faults": 1 },
            { "column": "Ort", "renamed_to": null, "code": "required", "faults": 1 },
        ]),
        "{}",
        ended.stderr
    );
    ended.says("            Austritt (Eintritt)                      date_format  1\n");
    ended.says("            Eintritt                                 date_format  1\n");
    let rejects = rig.read(OF_CHECK);
    let columns: Vec<_> = rejects
        .lines()
        .skip(1)
        .map(|l| l.split(",date").next())
        .collect();
    assert_eq!(columns.len(), 3, "{rejects}");
    assert!(
        rejects.contains(",2,date,Austritt,date_format,"),
        "{rejects}"
    );
    assert!(
        rejects.contains(",3,date,Eintritt,date_format,"),
        "{rejects}"
    );

    // A key, found only by looking at the whole file.
    rig.write("w.csv", "Nr,a\n1,x\n1,y\n2,z\n");
    rig.pipeline(
        "source: { path: w.csv }\nstages: [ rename: { Nr: id } ]\nvalidate: { key: id }",
        "action: create",
    );
    let ended = rig.run(&["--dry-run"]);
    assert!(rig.read(OF_CHECK).contains(",validate,Nr,key_duplicate,"));
    ended.says("Nr (id)  key_duplicate  2");
}

/// What stands beside the rejects file, under way.
fn under_way(rig: &Rig) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(rig.folder()).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.to_str().unwrap().ends_with(".part"))
        .collect()
}

#[test]
fn half_a_rejects_file_never_takes_the_place_of_a_whole_one() {
    let rig = Rig::new();
    rig.pipeline(
        "source: { path: '-' }\nvalidate: { key: employeeID }\nrejects: { at_most: 100% }",
        "action: create",
    );
    rig.write("w.csv", "employeeID,fullName\n1,a,x\n2,b\n");
    assert_eq!(rig.run_with_stdin(&["--dry-run"], "w.csv").code, 3);
    let last_night = rig.read(OF_CHECK);

    // Killed in the survey: there are rejects, and more rows to come.
    let mut child = rig.start_with_stdin(&["--dry-run"], Stdio::piped());
    let mut input = child.stdin.take().unwrap();
    let rows: String = (0..40_000).map(|at| format!("1,{at:09},x\n")).collect();
    input.write_all(b"employeeID,fullName\n").unwrap();
    input.write_all(rows.as_bytes()).unwrap();
    let begun = || {
        under_way(&rig)
            .iter()
            .any(|path| fs::metadata(path).is_ok_and(|m| m.len() > 0))
    };
    wait_until("rejects are written", begun);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(rig.read(OF_CHECK), last_night);
    let left = under_way(&rig);
    assert_eq!(left.len(), 1);
    assert_eq!(mode(&left[0]), 0o600);
    // A report that was being written, too; and files of others.
    rig.write(".run-20260101T000000Z-0000.report.json.a1b2c3.part", "{");
    rig.write(".people.csv.part", "employeeID\n");

    // The next start takes it away, and is told to stop: what it found until then is there.
    let mut child = rig.start_with_stdin(&["--dry-run"], Stdio::piped());
    let mut input = child.stdin.take().unwrap();
    input
        .write_all(b"employeeID,fullName\n1,a,x\n2,b\n")
        .unwrap();
    input.write_all(rows.as_bytes()).unwrap();
    wait_until("rejects are written", || {
        under_way(&rig).len() == 2 && begun()
    });
    assert!(under_way(&rig).iter().all(|path| *path != left[0]));
    signal("INT", child.id());
    let ended = rig.ended(child.wait_with_output().unwrap());
    drop(input);
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    assert_eq!(under_way(&rig), [rig.path(".people.csv.part")]);
    assert_ne!(rig.read(OF_CHECK), last_night);
    assert!(rig.read(OF_CHECK).ends_with('\n'));
}

/// A run that is killed while it joins results leaves the rejects of its survey; `results` makes them whole.
#[test]
fn what_the_server_refused_is_added_to_a_copy() {
    let rig =
        Rig::holding(r#"[{"employeeID":"2","fullName":"x"}]"#, |_| {}).behind(|call| {
            match (call.step, call.before) {
                ("results", 0) => Deed::Kill,
                _ => Deed::Pass,
            }
        });
    rig.write("w.csv", "employeeID,fullName\n1,a,x\n2,c\n3,d\n");
    rig.pipeline(
        "source: { path: w.csv }\nvalidate: { key: employeeID }\nrejects: { at_most: 100% }",
        "action: create\nidentify_by: { id_key: employeeID }",
    );
    rig.run_and_be_killed();
    let surveyed = rig.read("rejects.csv");
    assert_eq!(surveyed.lines().count(), 2, "{surveyed}");
    let ended = rig.tell(&["resume"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let whole = rig.read("rejects.csv");
    assert_eq!(whole.lines().count(), 3, "{whole}");
    assert!(whole.starts_with(&surveyed), "{whole}");
    assert!(under_way(&rig).is_empty());
}

#[test]
fn deletions_are_told_or_said_to_be_unknown() {
    let existing = r#"[{"employeeID":"1"},{"employeeID":"2"},{"employeeID":"9"}]"#;
    let check = |tells: bool, rows: &str, code: i32, told: serde_json::Value, says: &str| {
        let rig = Rig::holding(existing, |settings| {
            settings.implicit_delete_results = tells
        });
        rig.write("w.csv", rows);
        rig.pipeline(
            "source: { path: w.csv }\nvalidate: { key: employeeID }\nrejects: { at_most: 100% }\n\
             guard: { min_rows: { first: 1 } }",
            "action: createOrUpdate\nidentify_by: { id_key: employeeID }\nimplicit_delete: true",
        );
        let ended = rig.run(&[]);
        assert_eq!(ended.code, code, "{}", ended.stderr);
        assert_eq!(ended.report["deletions"], told, "{}", ended.stderr);
        ended.says(says);
        assert!(
            !ended.stderr.contains("results more than"),
            "{}",
            ended.stderr
        );
    };
    let deletions = |told: Option<u32>, off_because: Option<&str>, in_a_row: u32| json!({ "mode": "implicit", "told": told, "off_because": off_because, "in_a_row": in_a_row, "expected": null, "exact": false });
    let good = "employeeID\n1\n";
    check(
        false,
        good,
        0,
        deletions(None, None, 0),
        "deleted     not told by the server",
    );
    check(
        true,
        good,
        0,
        deletions(Some(2), None, 0),
        "deleted                 2  items that no row names",
    );
    let off = "deleted     deletion was off for this run, as rows were rejected";
    check(
        true,
        "employeeID,x\n1,\n2,\n,x\n",
        3,
        deletions(None, Some("rows were rejected"), 1),
        off,
    );
}

#[test]
fn one_reason_for_all_is_told_in_a_sentence() {
    let rig = Rig::holding(r#"[{"employeeID":"1"},{"employeeID":"2"}]"#, |_| {});
    rig.write("w.csv", "employeeID\n1\n2\n");
    rig.pipeline(
        "source: { path: w.csv }\nvalidate: { key: employeeID }\nrejects: { at_most: 100% }",
        "action: create\nidentify_by: { id_key: employeeID }",
    );
    let ended = rig.run(&[]);
    ended.says("\n            all 2 rows were refused for one reason: SandboxItemExists\n");
}
