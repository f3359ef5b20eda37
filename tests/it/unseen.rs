//! What nobody sees: invisible characters, blanks of all kinds, accents that are characters of their own, control
//! characters. Text goes out as it came unless a stage says otherwise, is compared as it looks, and what can't be meant
//! is a fault.

use serde_json::Value;

use crate::support::{Ended, Rig};

/// Texts that programs stumble over: what formats give a meaning to, alphabets, accents, pictures, the far ends of Unicode.
const TEXTS: &str = include_str!("unseen.json");

const BY_ID: &str = "action: createOrReplace\nidentify_by: { id_key: id }";

fn rig(file: &str, text: impl AsRef<[u8]>, sections: &str) -> Rig {
    let rig = Rig::new();
    rig.write(file, text);
    rig.pipeline(
        &format!("source: {{ path: {file} }}\nrejects: {{ at_most: 100% }}\n{sections}"),
        BY_ID,
    );
    rig
}

/// What was uploaded: of each item the value of a member.
fn sent(rig: &Rig, member: &str) -> Vec<String> {
    let items: Vec<Value> = serde_json::from_slice(&rig.uploaded()).unwrap();
    let value = |item: &Value| item[member].as_str().unwrap_or("").to_owned();
    items.iter().map(value).collect()
}

/// Line, column, code and message of every reject.
fn rejects(rig: &Rig) -> Vec<[String; 4]> {
    if rig.path("rejects.ndjson").exists() {
        let file = rig.read("rejects.ndjson");
        let lines = file
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let text = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
        let names = ["_line", "_column", "_code", "_message"];
        return lines
            .map(|line| names.map(|name| text(&line[name])))
            .collect();
    }
    let file = rig.read("rejects.csv");
    let cells = |line: &str| {
        let (mut cells, mut quoted) = (vec![String::new()], false);
        for c in line.chars() {
            match c {
                '"' => quoted = !quoted,
                ',' if !quoted => cells.push(String::new()),
                c => cells.last_mut().unwrap().push(c),
            }
        }
        cells
    };
    let lines = file.lines().skip(1).map(|line| {
        let cells = cells(line);
        let at = |from_end: usize| cells[cells.len() - from_end].clone();
        [at(5), at(3), at(2), at(1)]
    });
    lines.collect()
}

#[track_caller]
fn check_rejects(rig: &Rig, expected: &[[&str; 4]]) {
    let found = rejects(rig);
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found[..3], expected[..3], "{found:?}");
        assert!(found[3].contains(expected[3]), "{found:?}: {}", expected[3]);
    }
}

#[track_caller]
fn ends(ended: &Ended, code: i32) {
    assert_eq!(ended.code, code, "{}", ended.stderr);
}

fn texts() -> Vec<String> {
    serde_json::from_str(TEXTS).unwrap()
}

/// A JSON string in which every character is an escape.
fn escaped(text: &str) -> String {
    let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
    format!("\"{}\"", units.collect::<String>())
}

#[test]
fn text_goes_out_as_it_came() {
    let texts = texts();
    assert!(texts.len() >= 150);
    let numbered = || texts.iter().enumerate();
    let csv: String = numbered()
        .map(|(at, text)| format!("{at},\"{}\",end\r\n", text.replace('"', "\"\"")))
        .collect();
    let ndjson: String = numbered()
        .map(|(at, text)| {
            let text = serde_json::to_string(text).unwrap();
            format!("{{\"id\":\"{at}\",\"text\":{text},\"last\":\"end\"}}\n")
        })
        .collect();
    let objects: Vec<String> = numbered()
        .map(|(at, text)| format!("{{ \"id\": \"{at}\", \"text\": {} }}", escaped(text)))
        .collect();
    for (file, source) in [
        ("t.csv", format!("id,text,last\r\n{csv}")),
        ("t.ndjson", ndjson),
        ("t.json", format!("[{}]", objects.join(",\n"))),
    ] {
        let rig = rig(file, source, "validate: { key: id }");
        ends(&rig.run(&[]), 0);
        let sent = sent(&rig, "text");
        assert_eq!(sent.len(), texts.len());
        for (sent, text) in sent.iter().zip(&texts) {
            assert_eq!(sent, text, "{file}");
        }
    }
}

/// Three people, each twice: with a zero width space, a right-to-left mark, a soft hyphen at an end of the number.
const TWICE: &str = "id,name,place\n7101,Ida Brandt,Ulm\n7102,Tom Reis,Bonn\n\u{200b}7101,Ida Brandt,Ulm\n\
                     7102\u{200f},Tom Reis,Kiel\n7103\u{ad},Ute Falk,Kiel\n7103,Ute Falk,Kiel\n";

#[test]
fn the_ends_of_a_cell_are_trimmed() {
    let rig = rig("t.csv", TWICE, "stages: [ trim: ]\nvalidate: { key: id }");
    let ended = rig.run(&[]);
    ends(&ended, 3);
    // Rows that are equal by now are one; those that differ are none.
    assert_eq!(sent(&rig, "id"), ["7101", "7103"]);
    assert_eq!(ended.count("superseded"), 2);
    check_rejects(
        &rig,
        &[
            ["3", "id", "key_duplicate", "the same key stands on line 5"],
            ["5", "id", "key_duplicate", "the same key stands on line 3"],
        ],
    );
}

#[test]
fn an_invisible_character_in_a_key_is_a_fault_of_its_own() {
    let rig = rig("t.csv", TWICE, "validate: { key: id }");
    ends(&rig.run(&[]), 3);
    assert_eq!(sent(&rig, "id"), ["7101", "7102", "7103"]);
    check_rejects(
        &rig,
        &[
            [
                "4",
                "id",
                "invisible",
                "found U+200B (zero width space) as character 1; a `normalize` stage",
            ],
            [
                "5",
                "id",
                "invisible",
                "found U+200F (right-to-left mark) as character 5",
            ],
            [
                "6",
                "id",
                "invisible",
                "found U+00AD (soft hyphen) as character 5",
            ],
        ],
    );
    // In the middle, `trim` leaves it; `normalize` and `replace` take it out.
    let middle = "id,name\n71\u{2060}01,Ida\n7102,T\u{200b}om\n";
    for (stage, ids) in [
        ("trim:", vec!["7102"]),
        ("normalize:", vec!["7101", "7102"]),
        ("normalize: { columns: [id] }", vec!["7101", "7102"]),
        (
            r"replace: { columns: [id], pattern: '\x{2060}', with: '' }",
            vec!["7101", "7102"],
        ),
    ] {
        let rig = self::rig(
            "t.csv",
            middle,
            &format!("stages: [ {stage} ]\nvalidate: {{ key: id }}"),
        );
        ends(&rig.run(&[]), if ids.len() == 1 { 3 } else { 0 });
        assert_eq!(sent(&rig, "id"), ids, "{stage}");
        let name = if stage == "normalize:" {
            "Tom"
        } else {
            "T\u{200b}om"
        };
        assert_eq!(sent(&rig, "name").last().unwrap(), name, "{stage}");
    }
}

#[test]
fn a_key_without_anything_to_see_is_empty() {
    let rig = rig(
        "t.csv",
        "id,name\n\u{200b},Ida\n\u{a0},Tom\n\u{ad}\u{feff} ,Ute\n4,\u{200b}\n5,Max\n",
        "validate: { key: id, columns: { name: { required: true, min_length: 2 } } }",
    );
    ends(&rig.run(&[]), 3);
    assert_eq!(sent(&rig, "id"), ["5"]);
    check_rejects(
        &rig,
        &[
            ["2", "id", "key_empty", "found nothing"],
            ["3", "id", "key_empty", "found nothing"],
            ["4", "id", "key_empty", "found nothing"],
            ["5", "name", "required", "found nothing"],
        ],
    );
}

/// A login composed and decomposed, one with two kinds of blank, one in two cases.
const LOGINS: &str = "id,place\nchloé.côté,Lyon\nbo.berg,Oslo\nchloe\u{301}.co\u{302}te\u{301},Nice\nmax weiß,Wien\n\
                      max\u{a0}weiß,Graz\nMAX WEISS,Linz\n";

#[test]
fn keys_that_look_the_same_are_the_same() {
    let composed = "the same key, but for how accents are composed (NFC), stands on line";
    let blank = "the same key, but for U+00A0 (no-break space), stands on line";
    let first = |key: &str| {
        let rig = rig("t.csv", LOGINS, &format!("validate: {{ key: {key} }}"));
        ends(&rig.run(&[]), 3);
        rig
    };
    let rig = first("id");
    assert_eq!(sent(&rig, "id"), ["bo.berg", "MAX WEISS"]);
    check_rejects(
        &rig,
        &[
            ["2", "id", "key_duplicate", &format!("{composed} 4")],
            ["4", "id", "key_duplicate", &format!("{composed} 2")],
            ["5", "id", "key_duplicate", &format!("{blank} 6")],
            ["6", "id", "key_duplicate", &format!("{blank} 5")],
        ],
    );
    let rig = first("{ column: id, keep: first }");
    assert_eq!(sent(&rig, "place"), ["Lyon", "Oslo", "Wien", "Linz"]);
    let rig = first("{ column: id, keep: first, ignore_case: true }");
    assert_eq!(sent(&rig, "place"), ["Lyon", "Oslo", "Wien"]);
    check_rejects(
        &rig,
        &[
            [
                "4",
                "id",
                "key_duplicate",
                "the same key (case aside), but for how accents",
            ],
            [
                "6",
                "id",
                "key_duplicate",
                "the same key (case aside), but for U+00A0",
            ],
            [
                "7",
                "id",
                "key_duplicate",
                "the same key (case aside) stands on line 5",
            ],
        ],
    );
}

#[test]
fn results_find_their_lines_by_such_keys() {
    let rig = rig(
        "t.csv",
        LOGINS,
        "stages: [ normalize: ]\nvalidate: { key: { column: id, keep: last, ignore_case: true } }",
    );
    let ended = rig.run(&[]);
    ends(&ended, 3);
    assert_eq!(sent(&rig, "id"), ["bo.berg", "chloé.côté", "MAX WEISS"]);
    assert_eq!(ended.count("accepted"), 3);
}

#[test]
fn tables_lists_and_expressions_compare_what_is_seen() {
    let people = "id,site,status\n1,zu\u{308}rich,Left\u{200b}\n2,zürich,Active\u{a0}Now\n3,basel\u{feff},On\u{202f}Leave\n4,Bern,Active Now\n";
    let rig = rig(
        "t.csv",
        people,
        "stages:\n\
         - filter: status != \"Left\"\n\
         - lookup: { file: sites.csv, key: { column: site, in: Si\u{ad}te }, take: { Co\u{301}de: code }, missing: empty }\n\
         - map: { column: status, values: { On Leave: L, \"Active\\u00a0Now\": A } }\n\
         - set: { where: 'site in [\"zu\u{308}rich\", \"basel\"] ? \"south\" : site', same: 'site == \"basel\"' }\n\
         validate: { key: id, columns: { site: { one_of: [zürich, basel] } } }",
    );
    rig.write("sites.csv", "Site,Códe\nzürich,Z\nba\u{ad}sel,B\n\x1a");
    let ended = rig.run(&[]);
    ends(&ended, 3);
    assert_eq!(sent(&rig, "id"), ["2", "3"]);
    assert_eq!(sent(&rig, "code"), ["Z", "B"]);
    assert_eq!(sent(&rig, "status"), ["A", "L"]);
    assert_eq!(sent(&rig, "where"), ["south", "south"]);
    // What is compared is not what is sent.
    assert_eq!(sent(&rig, "site"), ["zürich", "basel\u{feff}"]);
    ended.says("column `site`: cells match the values of `one_of` except for U+FEFF (byte order mark), and are sent as they are");
    check_rejects(&rig, &[["5", "site", "one_of", "expected one of"]]);
}

#[test]
fn a_table_whose_keys_look_the_same_is_refused() {
    let rig = rig(
        "t.csv",
        "id,site\n1,a b\n",
        "stages: [ lookup: { file: sites.csv, key: { column: site }, take: { code: code } } ]",
    );
    rig.write("sites.csv", "site,code\na b,1\na\u{a0}b,2\n");
    let (code, stderr) = rig.ask(&["run", "pipeline.yaml"]);
    assert_eq!(code, 2, "{stderr}");
    let expected = "lines 2 and 3 have the same `site` (except for U+00A0 (no-break space)); a key must be unique";
    assert!(stderr.contains(expected), "{stderr}");
}

#[test]
fn names_of_columns_are_found_as_they_look() {
    let rig = rig(
        "t.csv",
        "Employee\u{a0}ID,Pre\u{301}nom\u{200b}\u{a0},Sta\u{ad}tus\n1,Zoé,x\n",
        "stages: [ rename: { Employee ID: id, Prénom: first } ]\nvalidate: { key: id, columns: { Status: { one_of: [y] } } }",
    );
    ends(&rig.run(&[]), 4);
    // The source's own name is told.
    check_rejects(&rig, &[["2", "Sta\u{ad}tus", "one_of", "expected one of"]]);
    let rig = self::rig(
        "t.csv",
        "Employee\u{a0}ID,Pre\u{301}nom\u{200b},Sta\u{ad}tus\n1,Zoé,x\n",
        "stages: [ rename: { Employee ID: id, Prénom: first } ]",
    );
    let ended = rig.run(&[]);
    ends(&ended, 0);
    assert_eq!(sent(&rig, "first"), ["Zoé"]);
    assert_eq!(sent(&rig, "Sta\u{ad}tus"), ["x"]);
    ended.says(
        "column 3 is sent under a name with U+00AD (soft hyphen) as character 4, which is invisible",
    );
}

#[test]
fn a_name_with_a_control_character_is_never_sent() {
    let rig = rig("t.csv", "id,na\u{1f}me\n1,a\n", "stages: [ trim: ]");
    let (code, stderr) = rig.ask(&["run", "pipeline.yaml"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("column 2, as it would be sent, has the control character U+001F"),
        "{stderr}"
    );
}

#[test]
fn control_characters_never_go_out() {
    let lines = "id,name,note\n1,a\0b,x\n2,a\u{1f},x\n3,a\u{1a}b,x\n4,\u{7f}a,x\n5,O\u{92}Neill,x\n6,a,\u{3}\n7,é\t\"£,x\n8,\"a\r\nb\",x\n";
    let ndjson: String = lines
        .lines()
        .zip(1..)
        .filter(|(line, _)| {
            line.starts_with(|c: char| c.is_ascii_digit()) && !line.starts_with('8')
        })
        .map(|(line, _)| {
            let cells: Vec<&str> = line.split(',').collect();
            let object = serde_json::json!({ "id": cells[0], "name": cells[1], "note": cells[2] });
            format!("{object}\n")
        })
        .collect();
    for (file, text, header) in [("t.csv", lines, 1), ("t.ndjson", &*ndjson, 0)] {
        for upload in ["json", "csv"] {
            let sections = format!(
                "stages: [ drop: [note] ]\nvalidate: {{ key: id }}\nupload: {{ format: {upload} }}"
            );
            let rig = rig(file, text, &sections);
            ends(&rig.run(&[]), 3);
            let body = String::from_utf8(rig.uploaded()).unwrap();
            assert!(
                !body.contains(|c: char| c.is_control() && !"\t\r\n".contains(c)),
                "{body}"
            );
            if upload == "json" {
                let good: &[&str] = if header == 1 {
                    &["6", "7", "8"]
                } else {
                    &["6", "7"]
                };
                assert_eq!(sent(&rig, "id"), good);
            }
            let line = |n: u32| (n + header).to_string();
            let place = |text: &'static str| text;
            check_rejects(
                &rig,
                &[
                    [
                        &line(1),
                        "name",
                        "control_character",
                        place("U+0000 (NUL) as character 2; `replace: { pattern: '\\x{00}'"),
                    ],
                    [
                        &line(2),
                        "name",
                        "control_character",
                        place("U+001F as character 2"),
                    ],
                    [
                        &line(3),
                        "name",
                        "control_character",
                        place("U+001A (Ctrl-Z) as character 2"),
                    ],
                    [
                        &line(4),
                        "name",
                        "control_character",
                        place("U+007F (delete) as character 1"),
                    ],
                    [
                        &line(5),
                        "name",
                        "control_character",
                        place(
                            "U+0092 as character 2; this is Windows-1252 text that a program has read as Latin-1",
                        ),
                    ],
                ],
            );
        }
    }
    let rig = rig(
        "t.csv",
        "id,name\n1,a\0b\n",
        r"stages: [ replace: { columns: [name], pattern: '\x{00}', with: ' ' } ]",
    );
    ends(&rig.run(&[]), 0);
    assert_eq!(sent(&rig, "name"), ["a b"]);
}

#[test]
fn a_row_with_another_fault_has_that_of_its_control_characters_too() {
    let rig = rig(
        "t.csv",
        "id,name,pay\n1,a\0b,x\n2,b,7\n",
        "stages: [ number: [pay] ]\nvalidate: { key: id }",
    );
    ends(&rig.run(&[]), 3);
    check_rejects(
        &rig,
        &[[
            "2",
            "pay; name",
            "number_format; control_character",
            "U+0000",
        ]],
    );
}

#[test]
fn a_mark_ends_a_file() {
    let files: &[(&str, &[u8])] = &[
        ("t.csv", b"id,name\r\n1,Ann\r\n2,Bob\r\n\x1a"),
        ("t.csv", b"id,name\n1,Ann\n2,Bob\x1a"),
        ("t.csv", b"id,name\n1,Ann\n2,Bob\n\x1a\x1a\x1a"),
        (
            "t.ndjson",
            b"{\"id\":\"1\",\"name\":\"Ann\"}\n{\"id\":\"2\",\"name\":\"Bob\"}\n\x1a",
        ),
        (
            "t.json",
            b"[{\"id\":\"1\",\"name\":\"Ann\"},{\"id\":\"2\",\"name\":\"Bob\"}]\x1a",
        ),
    ];
    for (file, text) in files {
        let rig = rig(file, text, "validate: { key: id }");
        ends(&rig.run(&[]), 0);
        assert_eq!(sent(&rig, "name"), ["Ann", "Bob"]);
    }
    // In files that are read one behind the other, each may end with one; elsewhere it is a character.
    let rig = rig("a.csv", "id,name\n1,Ann\n\x1a", "");
    rig.write("b.csv", "id,name\n2,B\x1aob\n3,Cy\x1a");
    rig.pipeline(
        "source: { path: '?.csv' }\nrejects: { at_most: 100% }",
        BY_ID,
    );
    ends(&rig.run(&[]), 3);
    assert_eq!(sent(&rig, "name"), ["Ann", "Cy"]);
    check_rejects(
        &rig,
        &[[
            "2",
            "name",
            "control_character",
            "U+001A (Ctrl-Z) as character 2",
        ]],
    );
}

#[test]
fn a_fault_says_what_nobody_sees_in_its_cell() {
    let rig = rig(
        "t.csv",
        "id,hired,pay,grade,code\n1,\u{200e}01/02/2020,12\u{202f}500,G1 ,\u{ad}\n2,01/02/2020,\u{200e}7,G1,a\u{a0}\n3,01/02/2020,7,G1\u{200b},ab\n",
        "stages:\n\
         - date: { columns: [hired], from: DD/MM/YYYY }\n\
         - number: { columns: [pay] }\n\
         validate: { key: id, columns: { grade: { one_of: [G1] }, code: { required: true, pattern: '^[a-z]+$' } } }",
    );
    ends(&rig.run(&[]), 3);
    let found = rejects(&rig);
    let expected = [
        (
            "expected a date as",
            "the cell has U+200E (left-to-right mark) as character 1",
        ),
        (
            "expected a number such as",
            "the cell has U+202F (narrow no-break space) as character 3",
        ),
        ("expected one of `G1`", "the cell has a blank at its end"),
        (
            "expected a value",
            "found nothing, the cell has U+00AD (soft hyphen) as character 1",
        ),
    ];
    let messages: Vec<&str> = found[0][3].split("; ").collect();
    assert_eq!(messages.len(), expected.len(), "{found:?}");
    for (message, (begins, ends)) in messages.iter().zip(expected) {
        assert!(
            message.starts_with(begins) && message.ends_with(ends),
            "{message}"
        );
    }
    assert!(
        found[1][3].ends_with("the cell has U+00A0 (no-break space) as character 2"),
        "{found:?}"
    );
    assert_eq!(found.len(), 2);
    assert_eq!(sent(&rig, "id"), ["3"]);
}
