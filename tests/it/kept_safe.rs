//! A difference whose folders were lost, exchanged or put back, or whose source says that everybody is gone: it stops before
//! it deletes.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use crate::support::Rig;

const IMPORT: &str = "action: { delta: store }\nidentify_by: { id_key: employeeID }";

const SECTIONS: &str = "name: nightly\nsource: { path: workers.csv }\nvalidate: { key: employeeID }\n\
                        stages: [{ filter: status == 'Active' }]";

/// So many people whose ids are these numbers, written as `id` does.
fn people(ids: std::ops::Range<u32>, id: impl Fn(u32) -> String, status: &str) -> String {
    let rows = ids.map(|nth| format!("{},Person {nth},{status}\n", id(nth)));
    format!("employeeID,fullName,status\n{}", rows.collect::<String>())
}

fn eight(nth: u32) -> String {
    format!("{nth:08}")
}

/// A first night with 200 people.
fn rig(sections: &str) -> Rig {
    let rig = Rig::new();
    rig.pipeline(sections, IMPORT);
    rig.write("workers.csv", people(1..201, eight, "Active"));
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.items().len(), 200);
    rig
}

fn lose_the_ledger(rig: &Rig) {
    for entry in fs::read_dir(rig.folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir()
            && fs::read_dir(&path).unwrap().any(|file| {
                let name = file.unwrap().file_name();
                name.to_string_lossy().starts_with("last-")
            })
        {
            fs::remove_dir_all(path).unwrap();
            return;
        }
    }
    panic!("no state folder");
}

#[test]
fn without_the_ledger_the_people_of_the_store_are_what_a_run_is_compared_with() {
    let rig = rig(SECTIONS);
    lose_the_ledger(&rig);
    rig.write("workers.csv", people(1..101, eight, "Active"));
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    ended.says("the upload names 100 rows, and the people that the store knows are 200: 180 at least are expected");
    assert_eq!(rig.items().len(), 200);
    let ended = rig.run(&["--approve", &ended.offered()]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.items().len(), 100);
}

#[test]
fn an_upload_of_nobody_is_never_approvable() {
    let rig = rig(SECTIONS);
    rig.write("workers.csv", people(1..201, eight, "ACTIVE"));
    for lost in [false, true] {
        if lost {
            lose_the_ledger(&rig);
        }
        for args in [&[][..], &["--set", "guard.min_rows=0"]] {
            let ended = rig.run(args);
            assert_eq!(ended.code, 4, "{}", ended.stderr);
            ended.says(
                "no row is left to send, and the difference would delete the people at the target",
            );
            assert!(!ended.stderr.contains("--approve"), "{}", ended.stderr);
            assert!(!ended.stderr.contains("min_rows=0"), "{}", ended.stderr);
            assert_eq!(rig.items().len(), 200);
        }
    }
    // Nor is a source without a record everybody gone.
    rig.write("workers.csv", people(1..1, eight, ""));
    let ended = rig.run(&["--set", "source.nothing=ok"]);
    assert_eq!(rig.items().len(), 200, "{}", ended.stderr);
}

#[test]
fn a_store_is_that_of_one_pipeline() {
    let rig = rig(SECTIONS);
    let other = SECTIONS.replace("nightly", "another");
    rig.pipeline(&other, IMPORT);
    rig.write("workers.csv", people(200..401, eight, "Active"));
    for command in ["check", "run"] {
        let ended = rig.tell(&[command, "pipeline.yaml"]);
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        ended.says("is that of the pipeline `nightly`, and this one is `another`: name a folder of its own");
    }
    assert_eq!(rig.items().len(), 200);
    // One that was given another name.
    fs::remove_file(rig.path("store/owner")).unwrap();
    rig.write("workers.csv", people(1..200, eight, "Active"));
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.items().len(), 199);
    assert_eq!(rig.read("store/owner"), "another\n");
}

#[test]
fn a_store_that_was_put_back_is_noticed() {
    let rig = rig(SECTIONS);
    let backup = fs::read(rig.path("store/base")).unwrap();
    // Runs are told apart by the second.
    sleep(Duration::from_millis(1100));
    rig.write("workers.csv", people(1..206, eight, "Active"));
    assert_eq!(rig.run(&[]).code, 0);
    fs::write(rig.path("store/base"), backup).unwrap();
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    ended.says("the store of the difference is older than the last accepted run");
    let ended = rig.run(&["--approve", &ended.offered()]);
    assert_eq!(
        (ended.code, ended.count("sent")),
        (0, 205),
        "{}",
        ended.stderr
    );
    // It is what the server has, now.
    let ended = rig.run(&[]);
    assert_eq!(
        (ended.code, ended.count("unchanged")),
        (0, 205),
        "{}",
        ended.stderr
    );
}

#[test]
fn what_was_withheld_from_a_run_that_sent_nothing_can_be_approved() {
    let rig = rig(&format!(
        "{SECTIONS}\nguard: {{ max_delete: 2%, on_exceed: withhold_deletes }}"
    ));
    rig.write("workers.csv", people(1..185, eight, "Active"));
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert_eq!(rig.items().len(), 200);
    let ended = rig.run(&["--approve", &ended.offered()]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.items().len(), 184);
}

#[test]
fn everybody_under_another_id_is_stopped() {
    let rig = rig(SECTIONS);
    let (code, stderr) = rig.ask(&["lint", "pipeline.yaml"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stderr.contains("`guard.max_delete` is not stated"),
        "{stderr}"
    );
    rig.write(
        "workers.csv",
        people(1..201, |nth| nth.to_string(), "Active"),
    );
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    ended.says("200 of the 200 people at the target would be deleted, and 200 others created");
    assert_eq!(rig.items().len(), 200);
    let ended = rig.run(&["--approve", &ended.offered()]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.items().len(), 200);
}
