//! Names that the pipeline states, of a file that has no header or whose header is passed over.

use crate::support::{Ended, Rig};

/// A run over this file whose lines before the records are passed over, and whose columns are named.
fn run(text: &str, csv: &str, more: &str) -> (Rig, Ended) {
    let rig = Rig::new();
    rig.write("w.csv", text);
    rig.pipeline(
        &format!("source: {{ path: w.csv, csv: {{ {csv} }}{more} }}"),
        "",
    );
    let ended = rig.run(&[]);
    (rig, ended)
}

const NAMED: &str = "header: none, columns: [id, name, town]";

#[test]
fn a_record_of_nothing_but_the_stated_names_is_no_person() {
    let text = "1,Ana,Bonn\nid,name,town\n2,Bo,\"town\"\n\"id\",name , town\r\n3,name,id\n";
    let (rig, ended) = run(text, NAMED, "");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let mut items = rig.items();
    items.sort_unstable();
    let expected = [
        r#"{"id":"1","name":"Ana","town":"Bonn"}"#,
        r#"{"id":"2","name":"Bo","town":"town"}"#,
        r#"{"id":"3","name":"name","town":"id"}"#,
    ];
    assert_eq!(items, expected);
    assert_eq!((ended.count("read"), ended.count("skipped")), (3, 2));
    ended.says("lines 2, 4");
}

#[test]
fn stated_names_in_another_order_end_the_run() {
    let text = "1,Ana,Bonn\ntown,name,id\nUlm,Bo,2\n";
    let (rig, ended) = run(text, NAMED, "");
    assert_ne!(ended.code, 0);
    assert_eq!(rig.taken(), (0, 0), "{}", ended.stderr);
}

#[test]
fn a_header_is_passed_over_whatever_it_says() {
    let damaged = ["id,\"name,town\n", "idname,town\n", "id,,name,town\n", "\n"];
    for header in damaged {
        let csv = format!("skip_lines: 1, {NAMED}");
        let (rig, ended) = run(&format!("{header}1,Ana,Bonn\n"), &csv, "");
        assert_eq!(ended.code, 0, "{header:?}: {}", ended.stderr);
        assert_eq!(rig.items(), [r#"{"id":"1","name":"Ana","town":"Bonn"}"#]);
    }
}

#[test]
fn no_record_behind_the_lines_that_are_passed_over() {
    let quiet = ", nothing: ok";
    let skip = |lines: u32| format!("skip_lines: {lines}, {NAMED}");
    let behind = "the file has no records behind what source.csv.skip_lines passes over";
    for (text, csv, more, code, why) in [
        ("id,name,town\n", skip(1), quiet, 0, ""),
        ("id,name,town", skip(1), "", 1, behind),
        ("", skip(1), quiet, 0, ""),
        ("", skip(1), "", 1, "the file is empty: expected a record"),
        (
            "id,name,town\n",
            skip(2),
            quiet,
            2,
            "no record comes after the 2 lines of source.csv.skip_lines",
        ),
        (
            "id,name,town\n",
            "skip_lines: 1".to_owned(),
            quiet,
            2,
            "no header comes after the 1 lines of source.csv.skip_lines",
        ),
        (
            "id,name,town\r1,Ana,Bonn\r",
            skip(1),
            quiet,
            1,
            "lines end with bare carriage returns",
        ),
    ] {
        let (rig, ended) = run(text, &csv, more);
        assert_eq!(ended.code, code, "{text:?} {csv}: {}", ended.stderr);
        assert_eq!(rig.taken(), (0, 0));
        ended.says(why);
    }
}
