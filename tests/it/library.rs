//! The pipeline for programs: the examples, and what they can't show.

use std::fs;
use std::path::Path;

use rostream::{OwnStage, Pipeline, Rows, RunError};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[path = "../../examples/own_stage.rs"]
#[expect(dead_code, reason = "its `main` reads the command line")]
mod own_stage;
#[path = "../../examples/run_pipeline.rs"]
#[expect(dead_code, reason = "its `main` reads the command line")]
mod run_pipeline;

const PIPELINE: &str = "version: 1
source: { path: people.csv, format: csv }
stages:
  - trim:
  - filter: Id != \"9\"
validate: { key: Id }
rejects: { at_most: 90% }
target: { sandbox: }
";

/// Rows without fault but for two grades; one is left out.
const PEOPLE: &str = "Id,Grade\n1, G7 \n2,G12\n3,seven\n4,G256\n9,seven\n";

fn folder(pipeline: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("people.csv"), PEOPLE).unwrap();
    let file = dir.path().join("p.yaml");
    fs::write(&file, pipeline).unwrap();
    let file = file.to_str().unwrap().to_owned();
    (dir, file)
}

fn refused(file: impl AsRef<Path>) -> RunError {
    Pipeline::load(file).unwrap_err()
}

#[test]
fn a_pipeline_is_checked_and_run() {
    let (_dir, file) = folder(PIPELINE);
    let done = run_pipeline::run(&file).unwrap();
    assert_eq!((&*done.outcome, done.exit_code), ("succeeded", 0));
    let counts = done.counts;
    assert_eq!((counts.read, counts.filtered, counts.rejected), (5, 1, 0));
    assert_eq!(
        (counts.sent, counts.accepted, counts.failed),
        (4, Some(4), Some(0))
    );
    let json: serde_json::Value = serde_json::from_str(done.json()).unwrap();
    assert_eq!(json["run_id"], *done.run_id);
}

#[test]
fn a_stage_of_ones_own_runs_in_both_passes() {
    // The rule stands behind the stage, and sees what it wrote.
    let rule = "validate: { key: Id, columns: { Level: { one_of: [\"7\"] } } }";
    let (dir, file) = folder(&PIPELINE.replace("validate: { key: Id }", rule));
    let pipeline = Pipeline::load(&file).unwrap().stage(own_stage::Level);
    let checked = pipeline.check().unwrap();
    assert_eq!((checked.exit_code, checked.counts.rejected), (3, 3));
    assert_eq!((checked.counts.would_send, checked.counts.sent), (1, 0));
    let done = pipeline.workers(1).run().unwrap();
    assert_eq!(
        (done.exit_code, done.counts.rejected, done.counts.sent),
        (3, 3, 1)
    );
    let rejects = fs::read_to_string(done.rejects_file.unwrap()).unwrap();
    assert_eq!(rejects.matches("acme_level").count(), 4, "{rejects}");
    assert!(
        rejects.contains("must be G and a number up to 255"),
        "{rejects}"
    );
    assert!(rejects.contains("one_of"), "{rejects}");
    drop(dir);
}

/// A stage that comes to something else every time.
struct Unsteady(std::sync::atomic::AtomicU32);

impl OwnStage for Unsteady {
    fn name(&self) -> &'static str {
        "unsteady"
    }
    fn reads(&self) -> Vec<String> {
        vec!["Id".to_owned()]
    }
    fn writes(&self) -> Vec<String> {
        vec!["Grade".to_owned()]
    }
    fn apply(&self, rows: &mut Rows<'_>) {
        let n = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        rows.rewrite(0, |_, out| {
            out.push_str(&n.to_string());
            true
        });
    }
}

#[test]
fn a_stage_that_is_not_the_same_twice_sends_nothing() {
    let (_dir, file) = folder(PIPELINE);
    let unsteady = Unsteady(std::sync::atomic::AtomicU32::new(0));
    let error = Pipeline::load(&file)
        .unwrap()
        .stage(unsteady)
        .run()
        .unwrap_err();
    assert_eq!(error.exit_code(), 1, "{error}");
    assert_eq!(error.report().unwrap().counts.sent, 0);
}

#[test]
fn errors_are_typed() {
    let (dir, file) = folder(PIPELINE);
    let error = refused(dir.path().join("none.yaml"));
    assert_eq!((error.code(), error.exit_code()), ("usage", 2));
    assert!(!error.is_retryable() && error.report().is_none());
    let error = Pipeline::load_with(&file, &["rejects"]).unwrap_err();
    assert_eq!((error.code(), error.exit_code()), ("usage", 2), "{error}");
    // A column that is not there, and a name that is taken.
    fs::write(dir.path().join("people.csv"), "Id,Name\n1,Ann\n").unwrap();
    let loaded = Pipeline::load(&file).unwrap();
    let error = loaded.clone().stage(own_stage::Level).check().unwrap_err();
    assert_eq!((error.code(), error.exit_code()), ("pipeline", 2));
    assert!(
        error.to_string().contains("stage 3 (acme_level)"),
        "{error}"
    );
    assert_eq!(error.report().unwrap().outcome, "misconfigured");
    // A guard.
    let guarded = Pipeline::load_with(&file, &["guard.min_rows=5"]).unwrap();
    let error = guarded.check().unwrap_err();
    assert_eq!((error.code(), error.exit_code()), ("too_few_rows", 4));
    // No source.
    fs::remove_file(dir.path().join("people.csv")).unwrap();
    let error = loaded.check().unwrap_err();
    assert_eq!(error.exit_code(), 1, "{error}");
}

#[test]
fn it_works_within_a_runtime() {
    let (_dir, file) = folder(PIPELINE);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let report = runtime.block_on(async { Pipeline::load(&file).unwrap().check() });
    assert_eq!(report.unwrap().counts.would_send, 4);
}

#[test]
fn the_page_shows_the_examples_as_they_are() {
    let page = fs::read_to_string(root().join("docs/library.md")).unwrap();
    let blocks: Vec<&str> = page
        .split("```rust\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    let written = |name: &str| fs::read_to_string(root().join("examples").join(name)).unwrap();
    let expected = [written("run_pipeline.rs"), written("own_stage.rs")];
    assert_eq!(blocks, expected.each_ref().map(|text| &**text));
}
