//! Several pipelines in one command: in their order, until one fails, and one report of all.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Call, Deed, Rig, mode};

/// People, positions and links, each a pipeline with files of its own.
fn rig(change: impl FnOnce(Rig) -> Rig) -> Rig {
    let rig = change(Rig::new());
    for (name, rows) in [
        ("people", "id,name\n1,Ann\n2,Bob\n"),
        ("positions", "id,name\n11,Head\n12,\n"),
        ("links", "id,name\n1-11,x\n"),
    ] {
        rig.write(&format!("{name}.csv"), rows);
        rig.pipeline(
            &format!(
                "source: {{ path: {name}.csv }}\nvalidate: {{ key: id, columns: {{ name: {{ required: true }} }} }}\n\
                 rejects: {{ path: {name}.rejects.csv, at_most: 60% }}"
            ),
            "identify_by: { id_key: id }",
        );
        fs::rename(rig.path("pipeline.yaml"), rig.path(&format!("{name}.yaml"))).unwrap();
    }
    rig
}

const ALL: [&str; 4] = ["run", "people.yaml", "positions.yaml", "links.yaml"];

const WITHHOLD: &str =
    "guard: { min_rows: 1, max_delete: 2%, on_exceed: withhold_deletes }\ntarget:";

/// The report of all, and how many each run wrote of its own; all are taken away.
fn report(rig: &Rig) -> (Value, usize) {
    let (all, own): (Vec<PathBuf>, Vec<PathBuf>) = rig.reports().into_iter().partition(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("runs-")
    });
    let [path] = &all[..] else {
        panic!("{} reports of all", all.len());
    };
    assert_eq!(mode(path), 0o600);
    let report = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    for path in all.iter().chain(&own) {
        fs::remove_file(path).unwrap();
    }
    (report, own.len())
}

fn codes(report: &Value) -> Vec<Option<u64>> {
    let runs = report["runs"].as_array().unwrap();
    runs.iter().map(|run| run["exit_code"].as_u64()).collect()
}

#[test]
fn in_their_order_past_rejects() {
    let rig = rig(|rig| rig);
    let (code, stderr) = rig.ask(&ALL);
    assert_eq!(code, 3, "{stderr}");
    let (report, own) = report(&rig);
    assert_eq!(own, 3);
    assert_eq!(report["exit_code"], 3);
    assert_eq!(codes(&report), [Some(0), Some(3), Some(0)]);
    let last = stderr
        .rfind("people.yaml: exit code 0\npositions.yaml: exit code 3\nlinks.yaml: exit code 0\n");
    assert!(last.is_some(), "{stderr}");
    for (run, name) in report["runs"].as_array().unwrap().iter().zip(&ALL[1..]) {
        assert_eq!(run["pipeline"], *name);
        assert_eq!(run["report"]["exit_code"], run["exit_code"]);
        assert!(run["error"].is_null());
    }
    let began: Vec<&str> = report["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| run["report"]["started_at"].as_str().unwrap())
        .collect();
    assert!(began.is_sorted(), "{began:?}");
    assert_eq!(rig.items().len(), 4);

    let mut partial = ALL.to_vec();
    partial.extend(["--partial-ok", "--json"]);
    let output = rig.tool(&partial);
    assert_eq!(output.status.code(), Some(0));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(codes(&json), [Some(0), Some(0), Some(0)]);
    assert_eq!(json["runs"][1]["report"]["counts"]["rejected"], 1);
}

#[test]
fn the_first_failure_stops() {
    let rig = rig(|rig| {
        rig.behind(|call| match call {
            Call {
                step: "import",
                before: 1,
            } => Deed::Lose,
            _ => Deed::Pass,
        })
    });
    let (code, stderr) = rig.ask(&ALL);
    assert_eq!(code, 7, "{stderr}");
    let (all, own) = report(&rig);
    assert_eq!((own, rig.calls("import")), (2, 2));
    assert_eq!(codes(&all), [Some(0), Some(7), None]);
    assert!(stderr.contains("links.yaml: not begun"), "{stderr}");

    // What it left open stops it once more, before it has a report.
    let (code, stderr) = rig.ask(&ALL);
    assert_eq!(code, 7, "{stderr}");
    let (all, own) = report(&rig);
    assert_eq!((own, codes(&all)), (1, vec![Some(0), Some(7), None]));
    assert!(all["runs"][1]["report"].is_null());
    let error = all["runs"][1]["error"].as_str().unwrap();
    assert!(error.contains("--retry-import"), "{error}");
}

#[test]
fn all_are_looked_at_before_the_first_begins() {
    let rig = rig(|rig| rig);
    let text = rig.read("links.yaml");
    for (wrong, expected) in [
        (text.replace("source:", "sauce:"), "links.yaml:2:"),
        (
            text.replace("links.rejects.csv", "people.rejects.csv"),
            "people.yaml writes its rejects into the same file",
        ),
        (
            text.replace("target:", WITHHOLD),
            "people.yaml writes what is held back into the same file",
        ),
        (
            text.replace("target:", "results: { path: r.csv }\ntarget:"),
            "people.yaml writes its results into the same file",
        ),
    ] {
        rig.write("links.yaml", wrong);
        let people = rig.read("people.yaml");
        if expected.contains("results") {
            rig.write(
                "people.yaml",
                people.replace("target:", "results: { path: r.csv }\ntarget:"),
            );
        }
        if expected.contains("held back") {
            rig.write("people.yaml", people.replace("target:", WITHHOLD));
        }
        let (code, stderr) = rig.ask(&ALL);
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains(expected), "{stderr}");
        assert_eq!((rig.taken(), rig.reports().len()), ((0, 0), 0));
        rig.write("people.yaml", people);
    }
    rig.write("links.yaml", text);
    let mut mend = ALL.to_vec();
    mend.extend(["--mend", "people.csv"]);
    assert_eq!(rig.ask(&mend).0, 2);
    let mut approve = ALL.to_vec();
    approve.extend(["--approve", "0123456789abcdef"]);
    assert_eq!(rig.ask(&approve).0, 2);
    let mut dry = ALL.to_vec();
    dry.push("--dry-run");
    let (code, stderr) = rig.ask(&dry);
    assert_eq!((code, rig.taken()), (3, (0, 0)), "{stderr}");
}
