//! What a whole extract is, and what becomes of one that is not.

use std::fs::File;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use crate::support::{Ended, Rig, signal, wait_until, workers};

const EXISTING: &str = r#"[{"employeeID":"00000001"},{"employeeID":"x"}]"#;

/// A rig whose data set would lose whom the upload does not name.
fn rig(source: &str) -> Rig {
    let rig = Rig::holding(EXISTING, |s| s.accept_chunked = true);
    rig.write("in.csv", workers(3));
    rewrite(&rig, source, "");
    rig
}

fn rewrite(rig: &Rig, source: &str, sections: &str) {
    rig.pipeline(
        &format!(
            "source: {{ {source} }}\nvalidate: {{ key: {{ column: employeeID, keep: first }} }}\nguard: {{ min_rows: \
             1 }}\n{sections}"
        ),
        "identify_by: { id_key: employeeID }\nimplicit_delete: true",
    );
}

#[track_caller]
fn whole(rig: &Rig, ended: Ended) {
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.items().len(), 3);
}

#[track_caller]
fn stopped(rig: &Rig, ended: Ended, words: &str) {
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    ended.says(words);
    assert_eq!(ended.report["error"]["code"], "not_whole");
    assert_eq!(ended.report["error"]["retryable"], true);
    assert_eq!((rig.items().len(), rig.taken()), (2, (0, 0)));
}

#[test]
fn so_many_records() {
    for length in ["measured", "spooled", "chunked"] {
        let check = |expect: &str, words: &str| {
            let rig = rig("");
            rewrite(
                &rig,
                &format!("path: in.csv, expect: {{ {expect} }}"),
                &format!("upload: {{ length: {length} }}"),
            );
            let ended = rig.run(&["--set", "rejects.at_most=100%"]);
            match words {
                "" => whole(&rig, ended),
                words => stopped(&rig, ended, words),
            }
        };
        check("rows: 3", "");
        check("at_least: 3", "");
        check(
            "rows: 4",
            "source.expect.rows says that the extract has 4 records, and 3 were read",
        );
        check(
            "rows: 2",
            "source.expect.rows says that the extract has 2 records, and 3 were read",
        );
        check("at_least: 4", "has 4 records or more, and 3 were read");
    }
    // A number from the environment, and of a check.
    let rig = rig("path: in.csv, expect: { rows: \"${ROWS:-7}\" }");
    stopped(&rig, rig.run(&["--dry-run"]), "7 records, and 3 were read");
    // Lines that are no records do not count, rejected rows do.
    rig.write("in.csv", "employeeID,fullName\n1,a\n,\n\n2,b\n3\n");
    let ended = rig.run(&["--set", "source.expect.rows=3"]);
    assert_eq!(
        (ended.code, ended.count("rejected")),
        (3, 1),
        "{}",
        ended.stderr
    );
}

/// The program that writes to the pipe is gone after a whole line.
#[test]
fn standard_input_that_is_cut() {
    let rig = rig("path: \"-\", expect: { rows: 5000 }");
    stopped(
        &rig,
        rig.run_with_stdin(&[], "in.csv"),
        "source.expect.rows says that the extract has 5000 records, and 3 were read; nothing was sent",
    );
    rewrite(&rig, "path: \"-\", expect: { trailer: '^TRL,(\\d+)$' }", "");
    stopped(
        &rig,
        rig.run_with_stdin(&[], "in.csv"),
        "standard input: the last line is not the one",
    );
    rig.write("in.csv", format!("{}TRL,3\n", workers(3)));
    whole(&rig, rig.run_with_stdin(&[], "in.csv"));
}

#[test]
fn the_trailer_states_how_many() {
    let source = "path: in.csv, csv: { delimiter: \"|\" }, expect: { trailer: '^TRL\\|(\\d+)' }";
    let check = |end: &str, words: &str| {
        let rig = rig(source);
        rig.write("in.csv", format!("{}{end}", workers(3).replace(',', "|")));
        let ended = rig.run(&[]);
        match words {
            "" => {
                assert_eq!([ended.count("read"), ended.count("skipped")], [3, 1]);
                whole(&rig, ended);
            }
            words => stopped(&rig, ended, words),
        }
    };
    check("TRL|3\n", "");
    check("\"TRL\"|\"0003\"|2026-11-26", "");
    check(
        "",
        "in.csv: the last line is not the one that source.expect.trailer describes",
    );
    check(
        "TRL|4\n",
        "in.csv:5: the last line states 4 records, and 3 were read",
    );
    check("TRL|3\n\nx|y\n", "in.csv: the last line is not the one");
    check(
        "TRL|99999999999999999999\n",
        "in.csv:5: the group of source.expect.trailer does not hold a number",
    );
}

#[test]
fn every_file_has_its_trailer() {
    let rig = rig("path: [in.csv, more.ndjson]");
    let trailer = "expect: { trailer: '^.?\"?TRL[^0-9]+(\\d+)' }";
    rewrite(&rig, &format!("path: [in.csv, more.csv], {trailer}"), "");
    rig.write("in.csv", format!("{}TRL,2\n", workers(2)));
    rig.write("more.csv", "employeeID,fullName\n7,Gi\n");
    stopped(&rig, rig.run(&[]), "more.csv: the last line is not the one");
    rig.write("more.csv", "employeeID,fullName\n7,Gi\nTRL,2\n");
    stopped(
        &rig,
        rig.run(&[]),
        "more.csv:3: the last line states 2 records, and 1 were read",
    );
    rig.write("more.csv", "employeeID,fullName\n7,Gi\nTRL,1\n");
    whole(&rig, rig.run(&[]));
    // One object a line has a last line, an array has none.
    let object = "{\"employeeID\":\"1\",\"fullName\":\"Ann\"}";
    rig.write("in.ndjson", format!("{object}\n{{\"TRL\":1}}\n"));
    rewrite(&rig, &format!("path: in.ndjson, {trailer}"), "");
    let ended = rig.run(&["--dry-run"]);
    assert_eq!(
        (ended.code, ended.count("read")),
        (0, 1),
        "{}",
        ended.stderr
    );
    rig.write("in.ndjson", format!("[{object}]"));
    let ended = rig.run(&["--dry-run"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    ended.says("a JSON document ends with its bracket");
}

#[test]
fn a_file_beside_says_that_it_is_whole() {
    let rig = rig("path: in.csv, expect: { done_file: in.done }");
    stopped(
        &rig,
        rig.run(&[]),
        "in.done is not there (source.expect.done_file)",
    );
    rig.write("in.done", "4\n");
    stopped(
        &rig,
        rig.run(&[]),
        "in.done states 4 records, and 3 were read",
    );
    rig.write("in.done", "");
    whole(&rig, rig.run(&[]));
    rig.write("in.done", " 3\r\n");
    whole(&rig, rig.run(&[]));
    // One for each file.
    rig.write("more.csv", "employeeID,fullName\n7,Gi\n");
    for written in ["{file}.done", "{stem}.ok"] {
        rewrite(
            &rig,
            &format!("path: [in.csv, more.csv], expect: {{ done_file: \"{written}\" }}"),
            "",
        );
        let of = |file: &str| {
            let stem = file.strip_suffix(".csv").unwrap();
            written.replace("{file}", file).replace("{stem}", stem)
        };
        rig.write(&of("in.csv"), "3");
        let ended = rig.run(&["--dry-run"]);
        assert_eq!(ended.code, 4, "{}", ended.stderr);
        ended.says(&format!("{} is not there", of("more.csv")));
        rig.write(&of("more.csv"), "2");
        let ended = rig.run(&["--dry-run"]);
        assert_eq!(ended.code, 4, "{}", ended.stderr);
        ended.says(&format!(
            "{} states 2 records, and 1 were read from more.csv",
            of("more.csv")
        ));
        rig.write(&of("more.csv"), "1");
        assert_eq!(rig.run(&["--dry-run"]).code, 0);
    }
}

#[test]
fn a_file_that_was_just_written() {
    let rig = rig("path: in.csv, expect: { settled: 300ms }");
    let ended = rig.run(&[]);
    whole(&rig, ended);
    let changed = |ago: Duration| {
        let file = File::options().append(true).open(rig.path("in.csv"));
        file.unwrap().set_modified(SystemTime::now() - ago).unwrap();
    };
    // Of a file that is old enough nobody waits for an hour.
    changed(Duration::from_secs(7200));
    rewrite(&rig, "path: in.csv, expect: { settled: 1h }", "");
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(!ended.stderr.contains("waiting"), "{}", ended.stderr);
}

/// Whoever still writes is not done.
#[test]
fn a_file_that_is_written_to_while_it_is_waited_for() {
    let rig = rig("path: in.csv, expect: { settled: 2s }");
    let child = rig.start(&[]);
    let append = || {
        use std::io::Write;
        let mut file = File::options()
            .append(true)
            .open(rig.path("in.csv"))
            .unwrap();
        file.write_all(b"9,late\n").unwrap();
    };
    // The wait is as long as a slow machine takes to begin it.
    std::thread::sleep(Duration::from_millis(700));
    append();
    let ended = rig.ended(child.wait_with_output().unwrap());
    stopped(&rig, ended, "source.expect.settled is 2s; nothing was sent");
}

#[test]
fn a_command_that_writes_the_extract() {
    let check = |script: &str, sections: &str| {
        let rig = rig("");
        rewrite(
            &rig,
            &format!("command: [sh, -c, '{script}', sh, CANARY]"),
            sections,
        );
        let ended = rig.run(&[]);
        (rig, ended)
    };
    for length in [
        "",
        "upload: { length: spooled }",
        "upload: { length: chunked }",
    ] {
        let (rig, ended) = check("cat in.csv; echo told >&2", length);
        ended.says("told\n");
        assert_eq!(ended.report["sources"][0]["path"], "sh");
        whole(&rig, ended);
        // All of it was written, and yet it is not whole.
        for (script, why) in [
            ("cat in.csv; exit 3", "exit status 3"),
            ("exit 3", "exit status 3"),
            ("gzip -c in.csv; exit 3", "exit status 3"),
            ("gzip -c in.csv | head -c 30; exit 3", "exit status 3"),
            ("cat in.csv; kill -9 $$$$", "signal: 9"),
        ] {
            let (rig, ended) = check(script, length);
            assert_eq!(ended.code, 1, "{script}: {}", ended.stderr);
            ended.says("sh: the command of source.command failed (");
            ended.says(why);
            assert_eq!((rig.items().len(), rig.taken().1), (2, 0));
        }
    }
    let (_, ended) = check("gzip -c in.csv", "");
    assert_eq!(
        (ended.code, ended.count("read")),
        (0, 3),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_command_that_is_not_there() {
    let rig = rig("command: [no-such-program, CANARY]");
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    ended.says("no-such-program: the command of source.command can't be started: No such file");
    // A path is one from the pipeline's folder.
    rig.write("make.sh", "#!/bin/sh\ncat in.csv\n");
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(rig.path("make.sh"), mode).unwrap();
    rewrite(&rig, "command: [./make.sh]", "");
    whole(&rig, rig.run(&[]));
}

/// The producer's process, once it has written down its number.
fn pid(rig: &Rig) -> String {
    wait_until("the command runs", || {
        rig.path("pid").exists() && rig.read("pid").ends_with('\n')
    });
    rig.read("pid").trim().to_owned()
}

fn is_gone(pid: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.is_empty() || status.contains("State:\tZ")
}

#[test]
fn a_command_ends_with_the_run() {
    let rig = rig("");
    let slow = "command: [sh, -c, 'echo $$$$ > pid; cat in.csv; exec sleep 1000']";
    rewrite(&rig, slow, "");
    let child = rig.start(&[]);
    let producer = pid(&rig);
    signal("TERM", child.id());
    let ended = rig.ended(child.wait_with_output().unwrap());
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    wait_until("the command is gone", || is_gone(&producer));
    std::fs::remove_file(rig.path("pid")).unwrap();
    // A header that can't be used ends it, too.
    let endless = "command: [sh, -c, 'echo $$$$ > pid; echo a,a; while echo 1,2; do :; done']";
    rewrite(&rig, endless, "");
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    wait_until("the command is gone", || is_gone(&pid(&rig)));
}

#[test]
fn lint_never_starts_a_command_and_a_preview_ends_it() {
    let rig = rig("");
    let endless = "command: [sh, -c, 'echo $$$$ > pid; echo employeeID,fullName; while echo 1,Ann; do :; done']";
    rewrite(&rig, endless, "");
    assert_eq!(rig.ask(&["lint", "pipeline.yaml"]).0, 0);
    assert!(!rig.path("pid").exists());
    let (code, stderr) = rig.ask(&["preview", "pipeline.yaml", "-n", "2"]);
    assert_eq!(code, 0, "{stderr}");
    wait_until("the command is gone", || is_gone(&pid(&rig)));
}

#[test]
fn lint_warns_of_a_stream_that_can_be_cut() {
    let check = |source: &str, guard: &str, warned: bool| {
        let rig = Rig::new();
        rig.pipeline(
            &format!("source: {{ {source} }}\nvalidate: {{ key: employeeID }}\n{guard}"),
            "identify_by: { id_key: employeeID }\nimplicit_delete: true",
        );
        let (code, stderr) = rig.ask(&["lint", "pipeline.yaml"]);
        assert_eq!(code, 0, "{stderr}");
        let found =
            stderr.contains("standard input that ends too early looks like a complete extract");
        assert_eq!(found, warned, "{source} {guard}: {stderr}");
    };
    check("path: \"-\"", "", true);
    check("path: \"-\"", "guard: { min_rows: 0 }", true);
    check("path: \"-\"", "guard: { min_rows: 5 }", false);
    check("path: \"-\"", "guard: { min_rows: { first: 5 } }", false);
    for expect in [
        "rows: 5",
        "at_least: 5",
        "trailer: '^T(.)'",
        "done_file: done",
    ] {
        check(&format!("path: \"-\", expect: {{ {expect} }}"), "", false);
    }
    check("path: \"-\", compression: gzip", "", false);
    check("path: \"-\", format: json", "", false);
    check("path: in.csv", "", false);
    check("command: [cat, in.csv]", "", false);
}

#[test]
fn settings_that_can_not_be_met() {
    let check = |source: &str, words: &str| {
        let (code, stderr) = rig(source).ask(&["lint", "pipeline.yaml"]);
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains(words), "{stderr}");
    };
    check(
        "path: in.csv, command: [cat]",
        "`path` and `command` are both given",
    );
    check("command: cat in.csv", "there is no shell");
    check("command: []", "found an empty list");
    check(
        "path: in.csv, expect: { trailer: '^TRL' }",
        "expected one group",
    );
    check(
        "path: in.csv, expect: { trailer: '^(TRL)(.)' }",
        "expected one group",
    );
    check(
        "path: in.csv, expect: { trailer: '^(TRL' }",
        "is not a valid regular expression",
    );
    check(
        "path: in.csv, format: json, expect: { trailer: '^(.)' }",
        "a JSON array has no last line",
    );
    check(
        "path: in.csv, expect: { done_file: \"{name}.done\" }",
        "the placeholder in braces is unknown",
    );
    check(
        "path: \"-\", expect: { done_file: \"{file}.done\" }",
        "this source is not a file",
    );
    check(
        "path: in.csv, expect: { settled: 0s }",
        "expected a time above zero",
    );
    check("path: in.csv, expect: { row: 5 }", "did you mean `rows`?");
    let length = |source| {
        let rig = rig("");
        rewrite(&rig, source, "upload: { length: measured }");
        rig.ask(&["lint", "pipeline.yaml"])
    };
    assert_eq!(length("command: [cat, in.csv]").0, 2);
    let (code, stderr) =
        rig("path: \"-\", expect: { settled: 5s }").ask(&["lint", "pipeline.yaml"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("this setting has no effect"), "{stderr}");
}

/// A quiet night is stated, and so is how many records there are.
#[test]
fn nothing_is_whole_only_where_it_is_stated() {
    let rig = Rig::new();
    rig.write("in.csv", "employeeID,fullName\nTRL,0\n");
    let source = |expect: &str| {
        rig.pipeline(
            &format!("source: {{ path: in.csv, nothing: ok, expect: {{ {expect} }} }}"),
            "",
        );
        rig.run(&[]).code
    };
    assert_eq!(source("trailer: '^TRL,(.)'"), 0);
    assert_eq!(source("trailer: '^END,(.)'"), 4);
    assert_eq!(source("trailer: '^TRL,(.)', rows: 0"), 0);
    assert_eq!(source("trailer: '^TRL,(.)', at_least: 1"), 4);
}

/// The file is started anew by nobody: a stream is known by its name alone.
#[test]
fn refused_rows_of_a_command_are_written_down() {
    let rig = Rig::holding(r#"[{"employeeID":"00000002"}]"#, |_| {});
    rig.write("in.csv", workers(3));
    rig.pipeline(
        "source: { command: [cat, in.csv] }",
        "action: create\nidentify_by: { id_key: employeeID }\nmatch_results: order",
    );
    let ended = rig.ended(
        rig.start_with_stdin(&[], Stdio::null())
            .wait_with_output()
            .unwrap(),
    );
    assert_eq!(
        (ended.code, ended.count("failed")),
        (3, 1),
        "{}",
        ended.stderr
    );
    assert!(
        rig.read("rejects.csv")
            .lines()
            .nth(1)
            .unwrap()
            .contains(",cat,3,import,")
    );
}
