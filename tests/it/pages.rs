//! Pages: a run report, and a plan, for people.

use std::fs;
use std::path::PathBuf;

use crate::support::{Rig, mode, workers};

const IMPORT: &str = "identify_by: { id_key: employeeID }";

/// A table in which some rows are at fault, with values that nobody should find on a page.
fn people() -> String {
    let mut text = "Personalnummer,fullName,manager,born\n".to_owned();
    for n in 1..=60_u32 {
        let manager = if n == 1 {
            String::new()
        } else {
            format!("7{:07}", n / 5 + 1)
        };
        let born = if n % 20 == 0 {
            "Canarydate"
        } else {
            "1971-02-03"
        };
        text += &format!("7{n:07},Canaryname{n},{manager},{born}\n");
    }
    text
}

const SECTIONS: &str = "name: nightly <b>\nsource: { path: people.csv }\nreport: { html: true }\n\
    stages: [ rename: { Personalnummer: employeeID } ]\nrejects: { at_most: 50% }\n\
    validate:\n  key: employeeID\n  columns: { born: { type: date, format: YYYY-MM-DD } }\n  hierarchy: { parent: manager, orphans: { rejected: ignore } }";

fn pages(rig: &Rig) -> Vec<PathBuf> {
    let entries = fs::read_dir(rig.folder()).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> = paths
        .filter(|path| path.to_str().unwrap().ends_with(".report.html"))
        .collect();
    pages.sort();
    pages
}

/// The one page that there is, which is taken away; it has no value of a cell, and nobody but its owner may read it.
#[track_caller]
fn page(rig: &Rig) -> String {
    let pages = pages(rig);
    assert_eq!(pages.len(), 1);
    assert_eq!(mode(&pages[0]), 0o600);
    let page = fs::read_to_string(&pages[0]).unwrap();
    fs::remove_file(&pages[0]).unwrap();
    for value in [
        "Canary", "CANARY", "70000", "1971", "<script", "http:", "X-Amz",
    ] {
        assert!(!page.contains(value), "{value}: {page}");
    }
    page
}

#[track_caller]
fn shows(page: &str, texts: &[&str]) {
    for text in texts {
        assert!(page.contains(text), "{text} is not on the page: {page}");
    }
}

#[test]
fn every_command_that_leaves_a_report_leaves_its_page() {
    let rig = Rig::new();
    rig.write("people.csv", people());
    rig.pipeline(SECTIONS, IMPORT);
    let checked = rig.tell(&["check", "pipeline.yaml"]);
    assert_eq!(checked.code, 3, "{}", checked.stderr);
    let texts = [
        "nightly &#60;b&#62;",
        "Of 60 rows, 57 are ready to be sent and 3 were rejected here. Nothing was sent.",
        "rostream run pipeline.yaml --mend",
        "<code>type_date</code>",
        "manager: rows on each level",
        "manager: managers by their direct reports",
    ];
    shows(&page(&rig), &texts);

    let ran = rig.run(&[]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    let name = pages(&rig)[0]
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let run = ran.report["run_id"].as_str().unwrap();
    assert_eq!(name, format!("run-{run}.report.html"));
    ran.says(&format!("report      {name}"));
    assert_eq!(ran.report["ending"], "succeeded, some rows were rejected");
    let pace = ran.report["pace"].as_array().unwrap();
    let of = |phase: &str| {
        pace.iter()
            .rfind(|moment| moment["phase"] == phase)
            .unwrap()
    };
    assert_eq!(of("survey")["rows"], 60);
    assert_eq!(of("upload")["bytes"], ran.report["bytes"]["body"]);
    assert!(pace.len() <= 100);
    let spread = &ran.report["hierarchies"][0]["span"]["spread"];
    let managers = spread
        .as_array()
        .unwrap()
        .iter()
        .map(|class| class["managers"].as_u64().unwrap());
    assert_eq!(
        managers.sum::<u64>(),
        ran.report["hierarchies"][0]["span"]["managers"]
    );
    shows(
        &page(&rig),
        &[
            "57 went out, of which Orgvue accepted 57 and refused none.",
            "Time per step",
            "reject_limit",
        ],
    );

    let again = rig.tell(&["results", run]);
    assert_eq!(again.code, 3, "{}", again.stderr);
    shows(&page(&rig), &["accepted"]);

    // One that fails says so.
    rig.write("people.csv", "");
    let failed = rig.run(&[]);
    assert_ne!(failed.code, 0);
    shows(&page(&rig), &["What went wrong:"]);
}

#[test]
fn no_page_unless_it_is_asked_for() {
    let rig = Rig::new();
    rig.write("people.csv", people());
    rig.pipeline(&SECTIONS.replace("report: { html: true }\n", ""), IMPORT);
    assert_eq!(rig.run(&[]).code, 3);
    assert!(pages(&rig).is_empty());
}

#[test]
fn a_page_goes_with_its_report() {
    let rig = Rig::new();
    rig.write("people.csv", workers(9));
    rig.pipeline(
        "source: { path: people.csv }\nreport: { html: true, keep: 1 }\nvalidate: { key: employeeID }",
        IMPORT,
    );
    for _ in 0..3 {
        assert_eq!(rig.tool(&["run", "pipeline.yaml"]).status.code(), Some(0));
    }
    let reports: Vec<_> = rig
        .reports()
        .iter()
        .map(|path| path.with_extension("html"))
        .collect();
    assert_eq!(reports.len(), 1);
    assert_eq!(pages(&rig), reports);
}

#[test]
fn a_plan_is_shown_before_it_is_carried_out() {
    let rig = Rig::new();
    rig.write("workers.csv", workers(200));
    let sections = "name: nightly\nsource: { path: workers.csv }\n\
                    guard: { min_rows: { first: 100 }, max_delete: 2% }\nvalidate: { key: employeeID }";
    rig.pipeline(sections, &format!("{IMPORT}\nimplicit_delete: true"));
    assert_eq!(rig.run(&[]).code, 0);
    rig.write("workers.csv", workers(202));
    let args = [
        "plan",
        "pipeline.yaml",
        "-o",
        "plan.json",
        "--html",
        "plan.html",
    ];
    let planned = rig.tell(&args);
    assert_eq!(planned.code, 0, "{}", planned.stderr);
    planned.says("report      plan.html");
    let path = rig.path("plan.html");
    assert_eq!(mode(&path), 0o600);
    let page = fs::read_to_string(&path).unwrap();
    assert!(!page.contains("00000001"), "{page}");
    let hash = planned.report["plan"]["hash"].as_str().unwrap();
    shows(
        &page,
        &[
            "rostream plan report",
            "people, before",
            ">200<",
            ">202<",
            hash,
            "rostream apply plan.json",
            "max_delete",
        ],
    );
    // Over another page, and over nothing else.
    assert_eq!(rig.tell(&args).code, 0);
    let (code, text) = rig.ask(&["plan", "pipeline.yaml", "--html", "workers.csv"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("it is there and is not a page"), "{text}");
    assert_eq!(rig.read("workers.csv"), workers(202));
    let (code, _) = rig.ask(&["plan", "pipeline.yaml", "--html", "no/such/folder/p.html"]);
    assert_eq!(code, 2);
    let (code, text) = rig.ask(&["describe", "workers.csv", "--html", "workers.csv"]);
    assert_eq!(code, 2, "{text}");
    assert_eq!(rig.read("workers.csv"), workers(202));
}
