//! Effective-dated extracts: one row a key, the one that is in force, with counts that add up.

use serde_json::{Value, json};

use crate::run;
use crate::support::{Ended, Rig};

/// A pipeline over `jobs.csv` with this section, and what else it says; no rows are too many rejects.
fn rig(csv: &str, as_of: &str, more: &str) -> Rig {
    rig_with(Rig::new(), csv, as_of, more, "action: createOrReplace")
}

fn rig_with(rig: Rig, csv: &str, as_of: &str, more: &str, action: &str) -> Rig {
    rig.write("jobs.csv", csv);
    let validate = match more.contains("validate:") {
        true => "",
        false => "validate: { key: id }\n",
    };
    rig.pipeline(
        &format!(
            "source: {{ path: jobs.csv }}\nas_of: {as_of}\n{validate}rejects: {{ at_most: 100% }}\n{more}"
        ),
        &format!("{action}\nidentify_by: {{ id_key: id }}"),
    );
    rig
}

/// What is sent of every item, without its braces and quotes.
fn items(rig: &Rig) -> Vec<String> {
    let items = rig.items();
    let plain = |item: &String| item.replace(['{', '}', '"'], "");
    items.iter().map(plain).collect()
}

#[track_caller]
fn counts(ended: &Ended, expected: [u64; 5]) {
    let names = ["read", "rejected", "filtered", "superseded", "accepted"];
    assert_eq!(
        names.map(|name| ended.count(name)),
        expected,
        "{}",
        ended.stderr
    );
}

/// The lines of `rejects.csv` behind its header, from the line number on.
fn rejects(rig: &Rig) -> Vec<String> {
    let text = rig.read("rejects.csv");
    let lines = text.lines().skip(1);
    lines
        .map(|line| line.split_once(",jobs.csv,").unwrap().1.to_owned())
        .collect()
}

const HISTORY: &str = "id,from,title
10001,2019-04-01,Junior Analyst
10001,2022-01-01,Analyst
10001,2027-03-01,Lead Analyst
10002,2021-11-15,Clerk
";

const IN_FORCE: [&str; 2] = [
    "id:10001,from:2022-01-01,title:Analyst",
    "id:10002,from:2021-11-15,title:Clerk",
];

#[test]
fn the_row_in_force_is_sent_whatever_the_order_of_the_file() {
    let (header, rows) = HISTORY.split_once('\n').unwrap();
    let turned: Vec<&str> = rows.lines().rev().collect();
    let turned = format!("{header}\n{}\n", turned.join("\n"));
    let as_of = "{ from: from, at: 2026-11-26 }";
    for (csv, future) in [(HISTORY, 4), (&*turned, 3)] {
        for more in [
            "",
            "upload: { encoding: gzip }\n",
            "upload: { length: spooled }\n",
        ] {
            let rig = rig(csv, as_of, more);
            let ended = rig.run(&[]);
            assert_eq!(ended.code, 0, "{}", ended.stderr);
            counts(&ended, [4, 0, 0, 2, 2]);
            let mut sent = items(&rig);
            sent.sort();
            assert_eq!(sent, IN_FORCE);
            let told = &ended.report["as_of"];
            assert_eq!(told["at"], "2026-11-26");
            assert_eq!((&told["keys"], &told["in_force"]), (&json!(2), &json!(2)));
            let lines = json!({ "count": 1, "first": [{ "file": "jobs.csv", "line": future }] });
            assert_eq!(told["future_rows"], lines);
            ended.says("as of       2026-11-26: 2 keys, 2 in force");
            // What was measured is what was sent.
            if more.is_empty() {
                assert_eq!(ended.report["bytes"]["body"], rig.uploaded().len());
            }
        }
    }
    // Where every row is in force, nothing is gone through twice.
    let rig = rig("id,from\n1,2020-01-01\n2,2021-01-01\n", as_of, "");
    let ended = rig.run(&[]);
    counts(&ended, [2, 0, 0, 0, 2]);
    assert!(!ended.stderr.contains("again"), "{}", ended.stderr);
}

#[test]
fn what_nothing_decides_is_rejected_with_the_lines_of_the_others() {
    let csv = "id,from,to,primary,title
1,2020-01-01,,Y,Clerk
2,2020-01-01,,Y,Clerk
2,2020-01-01,,Y,Cook
2,2019-01-01,,Y,Cook
3,2020-01-01,,Y,Clerk
3,2020-01-01,,Y,Clerk
4,2020-01-01,,Y,Clerk
4,2025-01-01,,N,Cook
";
    let as_of = "{ key: id, from: from, to: to, ends: inclusive, at: 2026-11-26, \
                 prefer: [{ primary: Y }], drop: [to, primary] }";
    let rig = rig(csv, as_of, "");
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    counts(&ended, [8, 2, 0, 3, 3]);
    let mut sent = items(&rig);
    sent.sort();
    assert_eq!(
        sent,
        [
            "id:1,from:2020-01-01,title:Clerk",
            "id:3,from:2020-01-01,title:Clerk",
            "id:4,from:2020-01-01,title:Clerk"
        ]
    );
    let says = |line: &str| {
        format!(
            "as_of,id,as_of_tie,\"in force on 2026-11-26 together with the row of the same key on line {line}, and \
             nothing in `prefer` decides between them\""
        )
    };
    assert_eq!(
        rejects(&rig),
        [format!("3,{}", says("4")), format!("4,{}", says("3"))]
    );
    let told = &ended.report["as_of"];
    assert_eq!(told["ties"]["count"], 1);
    assert_eq!(told["overlaps"]["first"][0]["line"], 3);
    // Mended, they go.
    let mended = rig.read("rejects.csv").replace("Cook", "Clerk");
    rig.write("mended.csv", mended);
    let ended = rig.run(&["--mend", "mended.csv"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    counts(&ended, [2, 0, 0, 1, 1]);
}

#[test]
fn rows_at_fault() {
    let csv = "id,from,to,pay
1,2020-01-01,2021-12-31,many
1,2022-01-01,,5
2,2020-01-01,,5
2,2022-01-01,,many
3,2020-01-01,,5
3,01/02/2022,,6
4,2020-01-01,2021-01-01,5
4,01/02/2020,2021-01-01,6
4,2022-01-01,,7
5,01/02/2020,,6
5,2019-01-01,2019-12-31,6
6,2020-01-01,soon,5
,2020-01-01,,5
";
    let as_of = "{ from: from, to: to, ends: inclusive, at: 2026-11-26 }";
    let more = "validate: { key: id, columns: { pay: { type: integer } } }\n";
    let rig = rig(csv, as_of, more);
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    counts(&ended, [13, 7, 0, 4, 2]);
    let mut sent = items(&rig);
    sent.sort();
    assert_eq!(
        sent,
        ["id:1,from:2022-01-01,pay:5", "id:4,from:2022-01-01,pay:7"]
    );
    let date =
        "expected a date as YYYY-MM-DD; a `date` stage makes such dates, or state `as_of.format`";
    let expected = [
        // The one in force is at fault, and no older one goes in its place.
        "5,validate,pay,type_integer,expected an integer".to_owned(),
        "6,as_of,id,as_of_doubtful,\"the row of the same key on line 7 can't be read, and may be in force on 2026-11-26 \
         in place of this one\""
            .to_owned(),
        format!("7,as_of,from,as_of_date,\"{date}\""),
        // Ended, whenever it began: the choice stands.
        format!("9,as_of,from,as_of_date,\"{date}\""),
        format!("11,as_of,from,as_of_date,\"{date}\""),
        format!("13,as_of,to,as_of_date,\"{date}\""),
        "14,validate,id,key_empty,\"expected a key, found nothing\"".to_owned(),
    ];
    let found = rejects(&rig);
    for (found, expected) in found.iter().zip(&expected) {
        let start = expected.split(',').take(4).collect::<Vec<_>>().join(",");
        assert!(found.starts_with(&start), "{found}\n{expected}");
        if !expected.contains("validate") {
            assert_eq!(found, expected);
        }
    }
    assert_eq!(found.len(), expected.len(), "{found:?}");
    let told = &ended.report["as_of"];
    assert_eq!(
        told["faulty_rows"],
        json!({ "count": 1, "first": [{ "file": "jobs.csv", "line": 2 }] })
    );
    assert_eq!(told["doubtful"]["count"], 3);
    assert_eq!((&told["keys"], &told["in_force"]), (&json!(6), &json!(3)));
}

#[test]
fn windows_and_keys_without_a_row() {
    let csv = "id,from,to
1,2020-01-01,2026-11-12
2,2020-01-01,2026-11-11
3,2026-12-26,
4,2026-12-27,
5,2020-01-01,2026-11-20
5,2026-12-01,
";
    let as_of = "{ from: from, to: to, at: 2026-11-26, ahead: 30d, keep_leavers: 14d }";
    let held = r#"[{"id":"1"},{"id":"2"},{"id":"4"},{"id":"9"}]"#;
    let more = "guard: { min_rows: { first: 3 } }\n";
    let action = "action: createOrReplace\nimplicit_delete: true";
    let rig = rig_with(Rig::holding(held, |_| {}), csv, as_of, more, action);
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    counts(&ended, [6, 0, 0, 3, 3]);
    let mut sent = items(&rig);
    sent.sort();
    assert_eq!(
        sent,
        [
            "id:1,from:2020-01-01,to:2026-11-12",
            "id:3,from:2026-12-26",
            "id:5,from:2026-12-01"
        ]
    );
    let told = &ended.report["as_of"];
    let of = |name: &str| &told[name];
    assert_eq!(
        [of("in_force"), of("ahead"), of("leavers")],
        [&json!(0), &json!(2), &json!(1)]
    );
    let none = json!({ "count": 2, "first": [{ "file": "jobs.csv", "line": 3 }, { "file": "jobs.csv", "line": 5 }] });
    assert_eq!(of("none_in_force"), &none);
    ended.says("as of       2026-11-26: 5 keys, 0 in force, 2 ahead, 1 of leavers");
    // They are absent, and guards see it: next time fewer are named.
    let ended = rig.run(&[
        "--set",
        "as_of.keep_leavers=0d",
        "--set",
        "guard.min_rows.of_last=3",
    ]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    ended.says("the upload names 2 rows, and that of the last accepted run named 3");
    // Nobody in force at all.
    let ended = rig.run(&["--set", "as_of.at=2010-01-01"]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    ended.says("no row is left to send");
}

/// Superseded rows are no duplicates, whatever key the rules have; and results come back to the line of the row that
/// was sent.
#[test]
fn superseded_rows_are_no_duplicates() {
    let csv = "job,id,from
A1,1,2020-01-01
A1,1,2022-01-01
A2,2,2020-01-01
A3,2,2021-01-01
A3,2,2020-01-01
A4,3,2020-01-01
";
    for (keep, sent, codes) in [
        ("none", 2, vec!["4", "5"]),
        ("first", 3, vec!["5"]),
        ("last", 3, vec!["4"]),
    ] {
        let more = format!("validate: {{ key: {{ column: id, keep: {keep} }} }}\n");
        let as_of = "{ key: job, from: from, at: 2026-11-26 }";
        let rig = rig(csv, as_of, &more);
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        counts(&ended, [6, codes.len() as u64, 0, 2, sent]);
        let lines = rejects(&rig);
        for (line, code) in lines.iter().zip(&codes) {
            assert!(
                line.starts_with(&format!("{code},validate,id,key_duplicate,")),
                "{line}"
            );
            assert!(!line.contains("line 6"), "{line}");
        }
        assert_eq!(lines.len(), codes.len());
    }
    let refused = |as_of: &str| {
        let held = r#"[{"id":"10001"}]"#;
        let action = "action: create\nmatch_results: key";
        let rig = rig_with(Rig::holding(held, |_| {}), HISTORY, as_of, "", action);
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        assert_eq!((ended.count("accepted"), ended.count("failed")), (1, 1));
        rejects(&rig)[0].split(',').next().unwrap().to_owned()
    };
    assert_eq!(refused("{ from: from, at: 2026-11-26 }"), "3");
    assert_eq!(refused("{ from: from, at: 2020-01-01, ahead: 5000d }"), "2");
}

/// What is in force today by the clocks of one side of the earth begins tomorrow by those of the other.
#[test]
fn today_is_that_of_the_time_zone() {
    let now = jiff::Timestamp::now();
    let day_in = |name: &str| {
        let zone = jiff::tz::TimeZone::get(name).unwrap();
        zone.to_datetime(now).date().to_string()
    };
    let (east, west) = ("Pacific/Kiritimati", "Pacific/Midway");
    let csv = format!("id,from,title\n1,2020-01-01,Old\n1,{},New\n", day_in(east));
    for (zone, title) in [(east, "New"), (west, "Old")] {
        let rig = rig(&csv, "{ from: from }", &format!("time_zone: {zone}\n"));
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(ended.report["as_of"]["at"], Value::from(day_in(zone)));
        assert!(items(&rig)[0].ends_with(title), "{:?}", items(&rig));
    }
}

#[test]
fn json_with_numbers_and_booleans() {
    let rig = Rig::new();
    rig.write(
        "jobs.json",
        r#"[{"id":7,"from":"01.01.2020","to":null,"primary":false,"seq":10},
            {"id":7,"from":"01.01.2020","to":"31.12.9999","primary":true,"seq":9},
            {"id":7,"from":"01.01.2020","primary":true,"seq":11}]"#,
    );
    rig.pipeline(
        "source: { path: jobs.json }\nrejects: { at_most: 100% }\n\
         as_of: { key: id, from: from, to: to, ends: exclusive, at: 2026-11-26, format: DD.MM.YYYY, \
         prefer: [{ primary: true }, { highest: seq }], drop: [to, primary] }",
        "identify_by: { id_key: id }",
    );
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(items(&rig), ["id:7,from:01.01.2020,seq:11"]);
}

/// Many blocks, in which the rows of a key are far apart.
#[test]
fn rows_of_a_key_far_apart() {
    let people = 20_000;
    let mut csv = "id,from,title\n".to_owned();
    for (from, title) in [
        ("2022-01-01", "now"),
        ("2020-01-01", "old"),
        ("2030-01-01", "new"),
    ] {
        for id in 0..people {
            csv += &format!(
                "{:06},{from},{title} and some more text\n",
                (id * 7919) % people
            );
        }
    }
    let rig = rig(&csv, "{ from: from, at: 2026-11-26 }", "");
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    counts(&ended, [3 * people, 0, 0, 2 * people, people]);
    assert!(items(&rig).iter().all(|item| item.contains("title:now")));
}

#[test]
fn settings_that_can_not_be_meant() {
    let dir = tempfile::tempdir().unwrap();
    let check = |as_of: &str, more: &str, expected: &[&str]| {
        let text = format!(
            "version: 1\nsource: {{ path: a.csv, format: csv }}\nrejects: {{ at_most: 1% }}\ntarget: {{ sandbox: }}\n\
             as_of: {as_of}\n{more}"
        );
        std::fs::write(dir.path().join("p.yaml"), text).unwrap();
        let (code, _, stderr) = run(dir.path(), &["lint", "p.yaml"]);
        let stderr = crate::without_excerpts(&stderr);
        let found: Vec<&str> = stderr
            .lines()
            .filter(|line| !line.starts_with("  help"))
            .collect();
        let ok = expected.last() == Some(&"p.yaml: ok");
        assert_eq!(
            (code, &found[..]),
            (if ok { 0 } else { 2 }, expected),
            "{as_of}"
        );
    };
    check("{ key: k }", "", &["p.yaml:5:1: the key `from` is missing"]);
    check(
        "{ from: f, format: DD.MM.YYYY }",
        "",
        &["p.yaml:5:1: the key `key` is missing"],
    );
    check(
        "",
        "",
        &["p.yaml:5:1: expected `key` and `from`, found nothing"],
    );
    check(
        "{ key: k, from: f, format: DD.MM }",
        "",
        &["p.yaml:5:35: date format `DD.MM` has no year (YYYY)"],
    );
    check(
        "{ key: k, from: f, format: 'YYYY-MM-DD HH:mm' }",
        "",
        &[
            "p.yaml:5:35: the format has a time of day, and rows are in force by the day: a `date` stage makes days of them",
        ],
    );
    check(
        "{ key: '', from: f, at: tomorrow, format: YYYYMMDD }",
        "",
        &[
            "p.yaml:5:15: expected a column, found nothing",
            "p.yaml:5:32: expected `today`, or a day as YYYY-MM-DD, found `tomorrow`",
        ],
    );
    check(
        "{ key: k, from: f, ends: inclusive, keep_leavers: 14d, format: YYYYMMDD }",
        "",
        &[
            "p.yaml:5:33: `ends` is about the end of a row, and no column is stated that has it",
            "p.yaml:5:58: `keep_leavers` is about the end of a row, and no column is stated that has it",
        ],
    );
    check(
        "{ key: k, from: f, ahead: 36h }",
        "",
        &["p.yaml:5:34: expected whole days, such as 30d, found `36h`"],
    );
    check(
        "{ key: k, from: f, format: YYYYMMDD, prefer: [{ a: 1, b: 2 }] }",
        "",
        &[
            "p.yaml:5:54: expected one column, found several: write an entry of the list for each, in the order in which \
             they decide",
        ],
    );
    check(
        "{ key: k, from: f, format: YYYYMMDD, prefer: [{ a: [] }, { a: [x, y, x] }, { highest: '' }] }",
        "",
        &[
            "p.yaml:5:54: expected a value, or a list of them with the best one first",
            "p.yaml:5:65: a value stands here twice",
            "p.yaml:5:83: expected a column, found empty text",
        ],
    );
    check(
        "{ key: k, from: f, format: YYYYMMDD }",
        "upload: { length: chunked, attempts: 1 }\n",
        &[
            "p.yaml:6:19: `chunked` sends rows while they are read, and which row of a key is in force shows at the end",
        ],
    );
    // What may be meant so.
    check(
        "{ key: k, from: f, to: t }",
        "stages:\n  - date: { columns: [f], from: DD/MM/YYYY }\n",
        &[
            "p.yaml:5:31: note: `as_of.ends` is not stated: a row still holds on the day in `to`",
            "p.yaml:5:31: note: no `date` stage makes days of `t`: it is read as YYYY-MM-DD",
            "p.yaml: ok",
        ],
    );
    check(
        "{ key: k, from: f }",
        "stages:\n  - date: { columns: [g], from: DD/MM/YYYY }\n  - rename: { g: f }\n  - filter: s != \"T\"\n",
        &[
            "p.yaml:9:5: warning: a filter leaves rows out before `as_of` chooses: where it leaves out the row in force, \
             the one before it takes its place",
            "p.yaml: ok",
        ],
    );
}

/// A column that is not there is found when the header has been read, with its place.
#[test]
fn columns_that_are_not_there() {
    let rig = rig(
        HISTORY,
        "{ from: form, prefer: [{ highest: seq }], drop: [titel] }",
        "",
    );
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    for text in [
        "pipeline.yaml:3:16: as_of.from: no column `form` here, did you mean `from`?",
        "no column `seq` here",
        "no column `titel` here, did you mean `title`?",
    ] {
        ended.says(text);
    }
}

/// `preview` says that it can't know, and `bench` goes through it.
#[test]
fn other_commands() {
    let rig = rig(
        HISTORY,
        "{ key: id, from: from, at: 2026-11-26 }",
        "validate: {}\n",
    );
    let (code, stderr) = rig.ask(&["preview", "pipeline.yaml"]);
    assert_eq!(code, 0, "{stderr}");
    let (code, stderr) = rig.ask(&["check", "pipeline.yaml"]);
    assert_eq!(code, 0, "{stderr}");
}

/// Who is not in force is no node: neither an old manager of somebody nor a manager to come.
#[test]
fn hierarchies_see_the_rows_in_force() {
    let csv = "id,from,manager
1,2010-01-01,7
1,2020-01-01,
2,2019-01-01,7
2,2021-01-01,1
3,2021-01-01,5
5,2027-01-01,1
";
    let more = "validate: { key: id, hierarchy: { parent: manager } }\n";
    let rig = rig(csv, "{ from: from, at: 2026-11-26 }", more);
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    counts(&ended, [6, 0, 0, 3, 3]);
    let hierarchy = &ended.report["hierarchies"][0];
    assert_eq!(
        (&hierarchy["nodes"], &hierarchy["in_trees"]),
        (&json!(3), &json!(2))
    );
    let finding = &hierarchy["findings"][0];
    assert_eq!(finding["code"], "manager_filtered");
    assert_eq!(finding["listed"][0]["parent_line"], 7);
}
