//! Byte order marks in the middle of JSON, where files were joined, and bytes that are only a part of one.

use crate::support::Rig;

const IMPORT: &str = "identify_by: { id_key: id }";

/// Every part of a byte order mark, where a whole one may stand.
const PARTS: &[&[u8]] = &[b"\xef", b"\xef\xbb", b"\xbb", b"\xbb\xbf", b"\xbf"];

fn rig(sections: &str, text: &[u8]) -> Rig {
    let rig = Rig::new();
    rig.pipeline(
        &format!("source: {{ path: w.json, {sections} }}\nvalidate: {{ key: id }}\n"),
        IMPORT,
    );
    rig.write("w.json", text);
    rig
}

#[test]
fn whole_marks_stand_between_documents() {
    let lines = "{\"id\":\"1\"}\n\u{feff}{\"id\":\"2\"}\n";
    for (sections, text) in [
        ("format: json", lines),
        ("format: ndjson", lines),
        ("format: auto", lines),
        // Joined without a line end between them.
        ("format: auto", "{\"id\":\"1\"}\u{feff}{\"id\":\"2\"}"),
        (
            "json: { path: $.r }",
            "\u{feff}{\"r\":[{\"id\":\"1\"}]}\n\u{feff}{\"r\":[{\"id\":\"2\"}]}\u{feff}",
        ),
    ] {
        let ended = rig(sections, text.as_bytes()).run(&[]);
        assert_eq!(
            (ended.code, ended.count("accepted")),
            (0, 2),
            "{text}: {}",
            ended.stderr
        );
    }
}

#[test]
fn a_part_of_a_mark_is_told_with_its_line() {
    for part in PARTS {
        for sections in ["format: json", "format: json, json: { path: $.r }"] {
            let record = |id: u32| match sections.contains("path") {
                true => format!("{{\"r\":[{{\"id\":\"{id}\"}}]}}"),
                false => format!("{{\"id\":\"{id}\"}}"),
            };
            let (first, second) = (record(1), record(2));
            let texts = [
                [first.as_bytes(), b"\n", part, second.as_bytes()].concat(),
                [first.as_bytes(), b"\n", part].concat(),
                [b"\n", *part, first.as_bytes()].concat(),
            ];
            for text in texts {
                let rig = rig(&format!("encoding: utf-8, {sections}"), &text);
                let (code, stderr) = rig.ask(&["-q", "run", "pipeline.yaml"]);
                let told = format!("{sections}, {}: {code} {stderr}", text.escape_ascii());
                assert!(matches!(code, 1 | 2), "{told}");
                assert!(stderr.contains("w.json:2:1: "), "{told}");
                assert!(stderr.contains("found what is not JSON"), "{told}");
                assert_eq!(rig.taken(), (0, 0), "{told}");
            }
        }
    }
}

#[test]
fn a_part_of_a_mark_on_a_line_rejects_its_record() {
    for part in PARTS {
        let text = [b"{\"id\":\"1\"}\n", *part, b"{\"id\":\"2\"}\n", part, b"\n"].concat();
        let rig = rig("encoding: utf-8, format: ndjson", &text);
        let ended = rig.run(&[]);
        let counts = ["accepted", "rejected"].map(|name| ended.count(name));
        assert_eq!((ended.code, counts), (3, [1, 2]), "{}", ended.stderr);
    }
}
