//! Rows that share a key: which are sent, which are rejected and with which lines, and that the counts add up.

use crate::support::Rig;

/// A pipeline that wants a date and a name of every row, and one row of every key.
fn rig(files: &[(&str, &str)], source: &str, key: &str, more: &str) -> Rig {
    let rig = Rig::with(|s| s.accept_chunked = true);
    for (name, text) in files {
        rig.write(name, text);
    }
    rig.pipeline(
        &format!(
            "source: {{ path: {source} }}\n\
             stages: [ date: {{ columns: [hired], from: DD/MM/YYYY }} ]\n\
             validate: {{ key: {key}, columns: {{ name: {{ required: true }} }} }}\n\
             rejects: {{ at_most: 100% }}\n{more}"
        ),
        "action: createOrReplace\nidentify_by: { id_key: id }",
    );
    rig
}

/// Line 3 repeats the key of line 2 with another fault of its own, line 4 that of line 5; lines 6 and 8 are one row
/// twice, and lines 7, 9 and 10 differ but for the first and the last.
const PEOPLE: &str = "id,name,hired
10,Mara,01/02/2020
10,Otto,31/02/2020
11,,01/02/2020
11,Ida,01/02/2020
12,Ben,01/02/2020
13,Uma,01/02/2020
12,Ben,01/02/2020
13,Uma Two,01/02/2020
13,Uma,01/02/2020
";

/// What is sent, the counts, and line, code and the end of the message of every reject.
#[track_caller]
fn check(keep: &str, names: &[&str], counts: [u64; 5], rejects: &[(&str, &str, &str)]) {
    let lengths: &[&str] = match keep {
        "first" => &["measured", "spooled", "chunked"],
        _ => &["measured", "spooled"],
    };
    for length in lengths {
        let key = format!("{{ column: id, keep: {keep} }}");
        let upload = format!("upload: {{ length: {length} }}");
        let rig = rig(&[("people.csv", PEOPLE)], "people.csv", &key, &upload);
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 3, "{keep}, {length}: {}", ended.stderr);
        let names_of = ["read", "superseded", "rejected", "sent", "accepted"];
        let found = names_of.map(|c| ended.count(c));
        assert_eq!(found, counts, "{keep}, {length}: {}", ended.stderr);
        let items = rig.items();
        let mut sent: Vec<&str> = items
            .iter()
            .filter_map(|item| item.split("\"name\":\"").nth(1)?.split('"').next())
            .collect();
        sent.sort_unstable();
        assert_eq!(sent, names, "{keep}, {length}");
        assert_eq!(ended.report["bytes"]["body"], rig.uploaded().len());
        let written = rig.read("rejects.csv");
        let mut lines = written.lines().skip(1);
        for (line, code, message) in rejects {
            let found = lines.next().unwrap();
            assert!(found.contains(&format!(",people.csv,{line},")), "{found}");
            assert!(found.contains(&format!(",{code},")), "{found}");
            assert!(found.trim_end_matches('"').ends_with(message), "{found}");
        }
        assert_eq!(lines.next(), None, "{keep}, {length}");
    }
}

#[test]
fn none_of_several_rows_that_differ_is_sent() {
    check(
        "none",
        &["Ben"],
        [9, 1, 7, 1, 1],
        &[
            ("2", "key_duplicate", "the same key stands on line 3"),
            (
                "3",
                "date_format; key_duplicate",
                "the same key stands on line 2",
            ),
            (
                "4",
                "required; key_duplicate",
                "the same key stands on line 5",
            ),
            ("5", "key_duplicate", "the same key stands on line 4"),
            (
                "7",
                "key_duplicate",
                "the same key stands on line 9 and on line 10",
            ),
            (
                "9",
                "key_duplicate",
                "the same key stands on line 7 and on line 10",
            ),
            (
                "10",
                "key_duplicate",
                "the same key stands on line 7 and on line 9",
            ),
        ],
    );
}

#[test]
fn the_first_row_keeps_its_key_where_that_is_stated() {
    check(
        "first",
        &["Ben", "Mara", "Uma"],
        [9, 2, 4, 3, 3],
        &[
            (
                "3",
                "date_format; key_duplicate",
                "the same key stands on line 2",
            ),
            ("4", "required", "found nothing"),
            ("5", "key_duplicate", "the same key stands on line 4"),
            ("9", "key_duplicate", "the same key stands on line 7"),
        ],
    );
}

#[test]
fn the_last_row_keeps_its_key_where_that_is_stated() {
    check(
        "last",
        &["Ben", "Ida", "Uma"],
        [9, 2, 4, 3, 3],
        &[
            ("2", "key_duplicate", "the same key stands on line 3"),
            ("3", "date_format", "DD/MM/YYYY"),
            (
                "4",
                "required; key_duplicate",
                "the same key stands on line 5",
            ),
            ("9", "key_duplicate", "the same key stands on line 7"),
        ],
    );
}

#[test]
fn keys_that_stand_in_two_files_are_told_once() {
    let old = "id,name,hired\n10,Mara,01/02/2020\n11,Jon,01/02/2020\n";
    let new = "id,name,hired\n10,Mara Two,01/02/2020\n11,Jon,01/02/2020\n12,Ida,01/02/2020\n";
    let files = [("p-25.csv", old), ("p-26.csv", new)];
    for key in ["id", "{ column: id, keep: first }"] {
        let rig = rig(&files, "'p-*.csv'", key, "");
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        let warning = "2 keys stand in more than one file: p-25.csv and p-26.csv; is one of them an older extract of \
                       the same people?";
        let told = ended.report["warnings"].as_array().unwrap();
        assert_eq!(
            told.iter().filter(|w| **w == warning).count(),
            1,
            "{told:?}"
        );
        assert_eq!(ended.stderr.matches(warning).count(), 1, "{}", ended.stderr);
        assert_eq!(ended.count("superseded"), 1);
    }
}

#[test]
fn a_body_that_is_sent_while_it_is_made_needs_to_know_at_once() {
    for keep in ["none", "last"] {
        let key = format!("{{ column: id, keep: {keep} }}");
        let rig = rig(
            &[("people.csv", PEOPLE)],
            "people.csv",
            &key,
            "upload: { length: chunked }",
        );
        let (code, stderr) = rig.ask(&["lint", "pipeline.yaml"]);
        assert_eq!(code, 2, "{stderr}");
        let help =
            "help: write `key: { column: NAME, keep: first }` in validate, or leave `length` out";
        assert!(stderr.contains(help), "{stderr}");
    }
}

/// Standard input is read once, and gone through twice all the same.
#[test]
fn standard_input_with_a_late_verdict() {
    let rig = rig(
        &[("people.csv", PEOPLE)],
        "\"-\"",
        "id",
        "upload: { encoding: gzip }",
    );
    let ended = rig.run_with_stdin(&[], "people.csv");
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let counts = ["read", "superseded", "rejected", "sent", "accepted"].map(|c| ended.count(c));
    assert_eq!(counts, [9, 1, 7, 1, 1]);
    assert_eq!(rig.read("rejects.csv").lines().count(), 8);
}
