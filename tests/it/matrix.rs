//! Every request of a run, at every moment of it, with every fault: the data set holds all of the import or
//! nothing of it, the import is asked for once unless the user says otherwise, and the next command knows what to do.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::OnceLock;
use std::{fs, thread};

use crate::support::{Deed, Fault, Moment, Rig, wait_until, workers};

const STEPS: [&str; 5] = ["generate", "put", "import", "ticket", "results"];

const MOMENTS: [Moment; 5] = [
    Moment::Begun,
    Moment::Halfway,
    Moment::Asked,
    Moment::Done,
    Moment::Answering,
];

const IMPORT: &str = "action: create\nidentify_by: { id_key: employeeID }";

/// Cells that are tried side by side: most of their time goes into pauses.
const AT_ONCE: usize = 4;

/// More rows than the client hands over at once.
const ROWS: u32 = 4_000;

fn rig(sections: &str) -> Rig {
    let rig = Rig::new();
    rig.write("workers.csv", workers(ROWS));
    rig.pipeline(
        &format!("source: {{ path: workers.csv }}\n{sections}"),
        IMPORT,
    );
    rig
}

/// What a run without a fault uploads, and the data set that comes of it.
fn undisturbed() -> &'static (Vec<u8>, Vec<String>) {
    static DONE: OnceLock<(Vec<u8>, Vec<String>)> = OnceLock::new();
    DONE.get_or_init(|| {
        let rig = rig("");
        assert_eq!(rig.run(&[]).code, 0);
        (rig.uploaded(), rig.items())
    })
}

/// Whether a moment of a step is one of its own.
fn is_possible(step: &str, moment: Moment) -> bool {
    match moment {
        // The others' requests are of one piece, and the storage's answer is its status.
        Moment::Halfway => step == "put",
        Moment::Answering => step != "put",
        _ => true,
    }
}

/// Tries `check` on every step and moment.
fn everywhere(check: impl Fn(&'static str, Moment) + Sync) {
    let cells: Vec<_> = STEPS
        .iter()
        .flat_map(|&step| MOMENTS.map(|moment| (step, moment)))
        .filter(|&(step, moment)| is_possible(step, moment))
        .collect();
    for cells in cells.chunks(AT_ONCE) {
        thread::scope(|scope| {
            for &(step, moment) in cells {
                let name = format!("{step} {moment:?}");
                let check = &check;
                let cell = thread::Builder::new().name(name);
                cell.spawn_scoped(scope, move || check(step, moment))
                    .unwrap();
            }
        });
    }
}

/// Lets a fault happen to the first request of a step.
fn faulty(step: &'static str, moment: Moment, fault: Fault, sections: &str) -> Rig {
    rig(sections).behind(move |call| match call.before {
        0 if call.step == step => Deed::At(moment, fault),
        _ => Deed::Pass,
    })
}

/// The end that every way leads to.
#[track_caller]
fn assert_all_done(rig: &Rig) {
    let (upload, items) = undisturbed();
    wait_until("the job is done", || rig.items().len() == items.len());
    assert_eq!(&rig.items(), items);
    assert_eq!(&rig.uploaded(), upload);
    assert_eq!(rig.taken().1, 1, "imports");
    for entry in fs::read_dir(rig.path("state")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(!name.contains("draft"), "{name}");
        assert_private(&path);
        // Beside the runs stands what is kept of the last accepted one.
        if name.starts_with("run-") && name.ends_with(".json") {
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.contains(r#""step": "ended""#), "{text}");
        }
    }
    // Nothing half-written is left, not even by a process that was killed.
    for entry in fs::read_dir(rig.folder()).unwrap() {
        let name = entry.unwrap().file_name();
        assert!(!name.to_str().unwrap().ends_with(".part"), "{name:?}");
    }
    assert_private(&rig.path("rejects.csv"));
    assert_eq!(rig.read("rejects.csv").lines().count(), 1);
}

#[track_caller]
fn assert_private(path: &Path) {
    let mode = fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "{}", path.display());
}

/// The import was asked for, and nobody knows whether the server heard of it.
#[track_caller]
fn settle(rig: &Rig, heard: bool) {
    assert_eq!(rig.taken().1, u64::from(heard));
    for command in [&["run", "pipeline.yaml"][..], &["resume"]] {
        let (code, stderr) = rig.ask(command);
        assert_eq!(code, 7, "{command:?}: {stderr}");
    }
    assert_eq!(rig.calls("import"), 1, "it was asked for again");
    if heard {
        let (code, stderr) = rig.ask(&["resume", "--abandon"]);
        assert_eq!(code, 0, "{stderr}");
    } else {
        assert!(rig.items().is_empty());
        let ended = rig.tell(&["resume", "--retry-import"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
    }
}

/// A fault that the program lives to see.
fn seen(step: &'static str, moment: Moment, fault: Fault, sections: &str) {
    let heard = matches!(moment, Moment::Done | Moment::Answering);
    let rig = faulty(step, moment, fault, sections);
    let ended = rig.run(&[]);
    if step == "import" {
        assert_eq!(ended.code, 7, "{}", ended.stderr);
        assert_eq!(ended.report["outcome"], "unknown");
        settle(&rig, heard);
    } else {
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(rig.calls(step) > 1, "there was no fault");
    }
    assert_all_done(&rig);
}

#[test]
fn an_answer_that_is_an_error() {
    const DOWN: &str = "<Error><Code>ServiceUnavailable</Code></Error>";
    everywhere(|step, moment| {
        if moment != Moment::Answering {
            seen(step, moment, Fault::Answer(503, DOWN), "");
        }
    });
}

#[test]
fn a_connection_that_is_cut() {
    everywhere(|step, moment| seen(step, moment, Fault::Cut, ""));
}

#[test]
fn a_connection_that_stands_still() {
    let soon = "timeouts: { stalled: 8s, unanswered: 8s, answer: 8s, import: 8s }";
    everywhere(|step, moment| seen(step, moment, Fault::Stall, soon));
}

#[test]
fn a_process_that_is_killed() {
    everywhere(|step, moment| {
        let heard = matches!(moment, Moment::Done | Moment::Answering);
        let rig = faulty(step, moment, Fault::Kill, "");
        rig.run_and_be_killed();
        match step {
            "generate" | "put" => {
                assert!(rig.items().is_empty());
                assert_eq!(rig.run(&[]).code, 0);
            }
            "import" => settle(&rig, heard),
            _ => {
                let (code, stderr) = rig.ask(&["run", "pipeline.yaml"]);
                assert_eq!(code, 6, "{stderr}");
                let ended = rig.tell(&["resume"]);
                assert_eq!(ended.code, 0, "{}", ended.stderr);
                assert_eq!(ended.count("accepted"), undisturbed().1.len() as u64);
            }
        }
        assert_all_done(&rig);
    });
}
