//! The files of `deploy/` against the program. Their own tools try them in `tests/field/deploy.sh`.

use std::collections::BTreeSet;

use rostream::Exit;

use crate::support::Rig;

const PIPELINE: &str = include_str!("../../deploy/pipelines/acme.yaml");
const PAGE: &str = include_str!("../../docs/deploy.md");
const UNIT: &str = include_str!("../../deploy/systemd/rostream@.service");
const MANIFESTS: [&str; 2] = [
    include_str!("../../deploy/kubernetes/cronjob.yaml"),
    include_str!("../../deploy/kubernetes/tenants.yaml"),
];

#[test]
fn its_pipeline_loads_once_its_ledger_is_made() {
    let rig = Rig::new();
    let mut here = PIPELINE.to_owned();
    for (place, found) in [
        ("${ROSTREAM_EXPORTS:-/exports}", "exports"),
        ("${ROSTREAM_OUT:-/out}", "out"),
        ("${ROSTREAM_STATE:-/state}", "volume"),
        (
            "${ROSTREAM_SECRETS:-/run/secrets/rostream}/acme-token",
            "token",
        ),
        ("${ORGVUE_BASE_URL}", "${BASE_URL}"),
        ("${ACME_TENANT:-ACME}", "SANDBOX"),
    ] {
        assert!(here.contains(place), "{place}");
        here = here.replace(place, found);
    }
    rig.write("pipeline.yaml", here);
    std::fs::create_dir_all(rig.path("exports/acme")).unwrap();
    let sample = [
        "sample",
        "--rows",
        "200",
        "-o",
        "exports/acme/workers-1.csv",
    ];
    assert_eq!(rig.ask(&sample).0, 0);

    let (code, stderr) = rig.ask(&["run", "pipeline.yaml"]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("is its volume mounted?"), "{stderr}");
    let (code, stderr) = rig.ask(&["state", "init", "--state", "volume/ledger"]);
    assert_eq!(code, 0, "{stderr}");
    for night in ["first", "second"] {
        let (code, stderr) = rig.ask(&["run", "pipeline.yaml"]);
        assert_eq!(code, 0, "{night}: {stderr}");
    }
}

/// The rows of the page's table: the cells of each, the exit code first.
fn rows() -> Vec<Vec<&'static str>> {
    PAGE.lines()
        .skip_while(|line| !line.starts_with("| exit code |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

/// The exit codes with which a scheduler does not try again, as its column says.
fn failing(column: usize) -> BTreeSet<i32> {
    let rows = rows().into_iter();
    rows.filter(|row| row[column] == "fails")
        .map(|row| row[0].parse().unwrap())
        .collect()
}

fn numbers(text: &str) -> BTreeSet<i32> {
    let words = text.split([' ', ',', '[', ']', '}']);
    words.filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn the_page_tells_of_every_exit_code() {
    let told: BTreeSet<i32> = rows()
        .iter()
        .filter_map(|row| row[0].parse().ok())
        .collect();
    let codes: BTreeSet<i32> = Exit::TABLE.iter().map(|(code, _)| *code as i32).collect();
    assert_eq!(told, codes);
}

#[test]
fn schedulers_try_again_where_the_page_says_so() {
    let setting = |name: &str| {
        let found = UNIT.lines().find_map(|line| line.strip_prefix(name));
        numbers(found.unwrap())
    };
    assert_eq!(setting("RestartPreventExitStatus="), failing(2));
    assert_eq!(setting("SuccessExitStatus="), BTreeSet::from([3]));
    for manifest in MANIFESTS {
        let (_, values) = manifest.split_once("values: ").unwrap();
        let mut failing = failing(3);
        // Without --partial-ok.
        failing.insert(Exit::Partial as i32);
        assert_eq!(numbers(values.lines().next().unwrap()), failing);
        assert!(manifest.contains("--partial-ok"));
    }
}
