//! What a run is told by to others: a line for people, and metrics.

use std::collections::BTreeMap;
use std::path::Path;

use crate::run;
use crate::support::{Rig, mode, workers};

#[test]
fn the_line_of_the_quickstart_is_that_of_the_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/operating.md")).unwrap();
    let shown = page
        .split("```text\n")
        .find(|block| block.starts_with("quickstart: "));
    let shown = shown.unwrap().lines().next().unwrap();
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("pipelines")).unwrap();
    let file = "pipelines/quickstart.yaml";
    std::fs::copy(root.join(file), dir.path().join(file)).unwrap();
    let (code, stdout, stderr) = run(dir.path(), &["run", file, "--summary", "-q"]);
    assert_eq!((code, stderr.as_str()), (3, ""));
    // What differs from run to run: how long it took, and its name.
    let parts = |line: &str| -> Vec<String> {
        let parts = line
            .split("; ")
            .filter(|part| !part.ends_with(" s") && !part.starts_with("run "));
        parts.map(|part| part.trim_end().to_owned()).collect()
    };
    assert_eq!(parts(&stdout), parts(shown));
    assert_eq!(stdout.lines().count(), 1);
}

#[test]
fn a_line_tells_what_ended_a_run() {
    let rig = Rig::new();
    rig.write("workers.csv", workers(20));
    rig.pipeline(
        "source: { path: workers.csv }\nguard: { min_rows: 100 }",
        "action: create",
    );
    let (code, line) = rig.put_out(&["run", "pipeline.yaml", "--summary"]);
    assert_eq!(code, 4);
    let begins = "pipeline: stopped by a guard, nothing was sent; 20 rows read, 20 could be sent; ";
    assert!(line.starts_with(begins), "{line}");
    assert!(
        line.contains("; exit 4; run 2") && line.contains("min_rows"),
        "{line}"
    );
    let (code, line) = rig.put_out(&[
        "check",
        "pipeline.yaml",
        "--summary",
        "--set",
        "guard.min_rows=5",
    ]);
    assert_eq!(code, 0);
    assert!(line.contains("20 rows read, 20 could be sent"), "{line}");
    let (code, _) = rig.put_out(&["run", "pipeline.yaml", "--summary", "--json"]);
    assert_eq!(code, 2);
}

/// Metrics by their names and labels, each line read as the format has it.
pub fn metrics(text: &str) -> BTreeMap<String, f64> {
    let mut begun = "";
    let mut all = BTreeMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            begun = rest.split(' ').next().unwrap();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            assert_eq!(rest, format!("{begun} gauge"));
        } else {
            let (metric, value) = line.rsplit_once(' ').unwrap();
            assert!(
                metric.starts_with(&format!("{begun}{{")) && metric.ends_with('}'),
                "{line}"
            );
            assert!(
                all.insert(metric.to_owned(), value.parse().unwrap())
                    .is_none(),
                "{line}"
            );
        }
    }
    assert!(text.ends_with('\n'));
    all
}

#[test]
fn metrics_are_those_of_the_last_run() {
    let rig = Rig::new();
    rig.write("workers.csv", workers(200) + "broken\n");
    std::fs::create_dir(rig.path("out")).unwrap();
    rig.pipeline(
        "name: 'a \"b\" \\'\nsource: { path: workers.csv }\nreport: { metrics: out/p.prom }",
        "action: create",
    );
    let read = |code: i32, args: &[&str]| {
        let ended = rig.run(args);
        assert_eq!(ended.code, code, "{}", ended.stderr);
        metrics(&rig.read("out/p.prom"))
    };
    let told = read(3, &[]);
    let of = |name: &str, labels: &str| format!(r#"{name}{{pipeline="a \"b\" \\"{labels}}}"#);
    let rows = |outcome: &str| {
        of(
            "rostream_last_run_rows",
            &format!(r#",outcome="{outcome}""#),
        )
    };
    assert_eq!(
        (
            told[&rows("read")],
            told[&rows("accepted")],
            told[&rows("rejected")]
        ),
        (201.0, 200.0, 1.0)
    );
    let faults = r#",by="rostream",column="",code="ragged""#;
    assert_eq!(told[&of("rostream_last_run_faults", faults)], 1.0);
    assert_eq!(told[&of("rostream_last_run_exit_code", "")], 3.0);
    assert_eq!(mode(&rig.path("out/p.prom")), 0o644);
    let success = of("rostream_last_success_timestamp_seconds", "");
    let at = told[&success];
    // A run that fails says so, and not that it never went well.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let told = read(4, &["--set", "guard.min_rows=5000"]);
    assert_eq!(
        (told[&of("rostream_last_run_exit_code", "")], told[&success]),
        (4.0, at)
    );
    assert!(told[&of("rostream_last_run_timestamp_seconds", "")] > at);
    // A check is no run.
    rig.ask(&["check", "pipeline.yaml"]);
    assert_eq!(metrics(&rig.read("out/p.prom")), told);
    let (code, stderr) = rig.ask(&["lint", "pipeline.yaml", "--set", "report.metrics=out/p.txt"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("ends with `.prom`"), "{stderr}");
}

#[test]
fn metrics_that_cannot_be_written_are_a_warning_of_the_report() {
    let rig = Rig::new();
    rig.write("workers.csv", workers(2));
    rig.pipeline(
        "source: { path: workers.csv }\nreport: { metrics: nowhere/p.prom }",
        "action: createOrUpdate",
    );
    for args in [&[][..], &["-q"]] {
        let ended = rig.run(args);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let warnings = ended.report["warnings"].as_array().unwrap();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        let warning = warnings[0].as_str().unwrap();
        assert!(warning.contains("nowhere/p.prom"), "{warning}");
        assert_eq!(ended.stderr.matches("nowhere/p.prom").count(), 1);
    }
}
