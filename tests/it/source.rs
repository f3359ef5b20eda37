//! Where the records come from: several streams, and files that change on the way.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::support::{Deed, Rig, workers};

/// Makes a named pipe.
fn pipe(rig: &Rig, name: &str) {
    let made = Command::new("mkfifo").arg(rig.path(name)).status();
    assert!(made.unwrap().success());
}

/// Each stream is read for itself, in both passes and when the rows that the server refused are written down.
#[test]
fn several_streams_in_one_source() {
    let check = |paths: &str, upload: &str, first: &str, names: [&str; 2]| {
        let rig = Rig::holding(
            r#"[{"employeeID":"2","fullName":"Old"},{"employeeID":"4","fullName":"Old"}]"#,
            |s| s.accept_chunked = true,
        );
        rig.write("a", "employeeID,fullName\n1,Ann\n2,Bo\n");
        rig.write("b", "employeeID,fullName\n3,Cy\n4,Di\n");
        pipe(&rig, "one");
        pipe(&rig, "two");
        rig.pipeline(
            &format!(
                "source: {{ path: {paths} }}\nvalidate: {{ key: {{ column: employeeID, keep: first }} }}\nupload: {{ {upload} }}"
            ),
            "action: create\nidentify_by: { id_key: employeeID }",
        );
        let ended = rig.ended(rig.start_after(first).wait_with_output().unwrap());
        assert_eq!(ended.code, 3, "{paths}: {}", ended.stderr);
        assert_eq!(
            ["read", "sent", "accepted", "failed"].map(|count| ended.count(count)),
            [4, 4, 2, 2],
            "{paths}"
        );
        let mut items = rig.items();
        items.sort();
        assert_eq!(
            items,
            [
                r#"{"employeeID":"1","fullName":"Ann"}"#,
                r#"{"employeeID":"2","fullName":"Old"}"#,
                r#"{"employeeID":"3","fullName":"Cy"}"#,
                r#"{"employeeID":"4","fullName":"Old"}"#,
            ],
            "{paths}"
        );
        let rows: Vec<String> = (rig.read("rejects.csv").lines().skip(1))
            .map(|line| line.split(",import").next().unwrap().to_owned())
            .collect();
        let expected = [
            format!("2,Bo,{},3", names[0]),
            format!("4,Di,{},3", names[1]),
        ];
        assert_eq!(rows, expected, "{paths}");
    };
    // Nobody waits for the output of a writer whose pipe is never opened.
    let both = "(exec > /dev/null 2>&1; cat a > one; cat b > two) &";
    for upload in ["", "length: spooled", "length: chunked"] {
        check("[one, two]", upload, both, ["one", "two"]);
    }
    let one = "(exec > /dev/null 2>&1; cat b > two) & exec < a";
    check("[\"-\", two]", "", one, ["standard input", "two"]);
    let two = "(exec > /dev/null 2>&1; cat a > one) & exec < b";
    check("[one, \"-\"]", "", two, ["one", "standard input"]);
    check(
        "[one, b]",
        "",
        "(exec > /dev/null 2>&1; cat a > one) &",
        ["one", "b"],
    );
}

/// A file that is written to, replaced or taken away after it was read: what was read is not the whole of it, and
/// nothing of it is imported.
#[test]
fn a_file_that_changes_during_the_upload() {
    let check = |upload: &str, change: fn(&Path), message: &str| {
        let rig = Rig::with(|s| s.accept_chunked = true);
        rig.write("workers.csv", workers(20));
        rig.write("units.csv", "code,Name\nA,Sales\n");
        rig.pipeline(
            &format!(
                "source: {{ path: workers.csv }}\nupload: {{ {upload} }}\nstages:\n- \
                 lookup: {{ file: units.csv, key: {{ column: fullName, in: code }}, take: {{ Name: unit }}, missing: empty }}"
            ),
            "",
        );
        let folder = rig.folder().to_owned();
        let rig = rig.behind(move |call| {
            if call.step == "put" {
                change(&folder);
            }
            Deed::Pass
        });
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        assert_eq!(
            ended.error(),
            format!("error: {message}; nothing was imported")
        );
        assert_eq!((rig.calls("import"), rig.taken().1), (0, 0));
        assert_eq!([ended.count("sent"), ended.count("would_send")], [0, 20]);
    };
    let touched = |folder: &Path| {
        let file = File::options()
            .append(true)
            .open(folder.join("workers.csv"));
        let later = SystemTime::now() + Duration::from_secs(5);
        file.unwrap().set_modified(later).unwrap();
    };
    let writing = "workers.csv: the file is still being written: its";
    for upload in ["", "length: spooled", "length: chunked"] {
        check(
            upload,
            touched,
            &format!("{writing} modification time has changed since the run began"),
        );
    }
    check(
        "length: spooled",
        |folder| append(&folder.join("workers.csv"), "99,Late\n"),
        &format!("{writing} size is not what it was when the run began"),
    );
    check(
        "",
        |folder| {
            let whole = fs::read(folder.join("workers.csv")).unwrap();
            fs::write(folder.join("new"), whole).unwrap();
            fs::rename(folder.join("new"), folder.join("workers.csv")).unwrap();
        },
        "workers.csv: another file has taken its place since the run began",
    );
    check(
        "length: spooled",
        |folder| fs::remove_file(folder.join("workers.csv")).unwrap(),
        "workers.csv: the file is gone; it was there when the run began",
    );
    check(
        "",
        |folder| append(&folder.join("units.csv"), "B,Ops\n"),
        "pipeline.yaml:5:19: stage 1 (lookup): units.csv: the file is still being written: its size is not what it was \
         when the run began",
    );
}

/// The same, while it is read: nothing is sent, not even to the storage.
#[test]
fn a_file_that_changes_during_the_survey() {
    let rig = Rig::new();
    rig.write("workers.csv", workers(20));
    pipe(&rig, "more");
    rig.pipeline("source: { path: [workers.csv, more] }", "");
    let run = rig.start(&[]);
    // It opens when it is read, which is when the file before it was.
    let mut more = File::options().write(true).open(rig.path("more")).unwrap();
    append(&rig.path("workers.csv"), "99,Late\n");
    more.write_all(workers(1).as_bytes()).unwrap();
    drop(more);
    let ended = rig.ended(run.wait_with_output().unwrap());
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert_eq!(
        ended.error(),
        "error: workers.csv: the file is still being written: its size is not what it was when the run began; \
         nothing was imported"
    );
    assert_eq!(rig.taken(), (0, 0));
}

fn append(path: &Path, text: &str) {
    let mut file = File::options().append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// A pattern is read as a shell reads it, and takes no file that is on its way.
#[test]
fn what_a_pattern_matches() {
    let rig = Rig::new();
    fs::create_dir_all(rig.path("in/.snapshot")).unwrap();
    rig.write("in/people.csv", "employeeID,fullName\n1,Ann\n2,Bo\n");
    for hidden in [".people.csv.swp", "._people.csv", ".snapshot/people.csv"] {
        rig.write(&format!("in/{hidden}"), "employeeID,fullName\n9,Old\n");
    }
    for pattern in ["in/*", "in/**/*", "[in/*.csv]"] {
        rig.pipeline(&format!("source: {{ path: {pattern} }}"), "");
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(ended.count("sent"), 2, "{pattern}");
        let sources = ended.report["sources"].as_array().unwrap();
        let paths: Vec<_> = sources
            .iter()
            .map(|s| s["path"].as_str().unwrap())
            .collect();
        assert_eq!(paths, ["in/people.csv"], "{pattern}");
    }
    rig.pipeline("source: { path: in/._* }", "");
    assert_eq!(rig.run(&[]).count("sent"), 1);

    rig.write("in/more.csv.part", "employeeID,fullName\n3,Cy\n");
    rig.pipeline("source: { path: in/* }", "");
    let uploads = rig.taken();
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert_eq!(ended.report["outcome"], "misconfigured");
    assert_eq!(
        ended.error(),
        "error: in/more.csv.part: its transfer looks unfinished (names that end with .part), and the pattern in/* \
         matches it; wait for it or remove it, write a pattern that leaves it out, or name the file itself"
    );
    assert_eq!(rig.taken(), uploads);
    rig.pipeline("source: { path: in/more.csv.part }", "");
    assert_eq!(rig.run(&[]).count("sent"), 1);
}

#[test]
fn one_or_the_newest_of_two_nights() {
    let rig = Rig::new();
    let night = |name: &str, unit: &str, day: u64| {
        rig.write(name, format!("employeeID,unit\n1,{unit}\n2,{unit}\n"));
        let file = File::options().append(true).open(rig.path(name)).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(day * 86_400);
        file.set_modified(time).unwrap();
    };
    night("people-25.csv", "Old", 25);
    night("people-26.csv", "New", 26);
    let run = |pick: &str| {
        rig.pipeline(
            &format!(
                "source: {{ path: people-*.csv, pick: {pick} }}\nvalidate: {{ key: employeeID }}"
            ),
            "",
        );
        rig.run(&[])
    };
    let ended = run("one");
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert_eq!(
        ended.error(),
        "error: people-*.csv: 2 files match, and source.pick is one: people-25.csv, people-26.csv; \
         move the others away, narrow the pattern, or set source.pick to newest or all"
    );
    assert_eq!(rig.taken(), (0, 0));
    let ended = run("newest");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ended.report["sources"][0]["path"], "people-26.csv");
    let items = rig.items();
    assert!(items.iter().all(|item| item.contains("New")), "{items:?}");
    fs::remove_file(rig.path("people-26.csv")).unwrap();
    assert_eq!(run("one").code, 0);
}

/// A night without an extract is a failure, unless it is said to be none.
#[test]
fn a_night_without_anything() {
    let rig = Rig::new();
    let check = |command: &str, path: &str, nothing: &str, expected: i32, message: &str| {
        let sections = format!("source: {{ path: {path}, nothing: {nothing} }}");
        rig.pipeline(&sections, "");
        let ended = rig.tell(&[command, "pipeline.yaml"]);
        assert_eq!(ended.code, expected, "{path}: {}", ended.stderr);
        ended.says(message);
        assert_eq!(ended.count("read"), 0);
    };
    rig.write("header.csv", "employeeID,fullName\n");
    rig.write("people.csv", "employeeID,fullName\n1,Ann\n");
    for command in ["check", "run"] {
        let ok = "; nothing was sent, and source.nothing says that this is ok";
        check(command, "none.csv", "error", 1, "none.csv: no such file");
        check(
            command,
            "none.csv",
            "ok",
            0,
            &format!("none.csv: no such file{ok}"),
        );
        check(
            command,
            "in/*.csv",
            "ok",
            0,
            &format!("in/*.csv: no file matches{ok}"),
        );
        check(
            command,
            "header.csv",
            "error",
            1,
            "header.csv: there are no records",
        );
        check(
            command,
            "header.csv",
            "ok",
            0,
            &format!("the source has no records{ok}"),
        );
        // One of two that is missing is not a quiet night.
        check(
            command,
            "[people.csv, none.csv]",
            "ok",
            1,
            "none.csv: no such file",
        );
    }
    assert_eq!(rig.taken(), (0, 0));
    rig.pipeline(
        "source: { path: none.csv, nothing: ok }\nrejects: { at_most: 1% }",
        "identify_by: { id_key: employeeID }\nimplicit_delete: true",
    );
    let (code, stderr) = rig.ask(&["lint", "pipeline.yaml"]);
    assert_eq!(code, 2);
    let message = "`implicit_delete` cannot be combined with `source.nothing: ok`";
    assert!(stderr.contains(message), "{stderr}");
}
