//! Who reports to whom: what is rejected, cleared, warned of and stopped, with which lines; and that a row's fault costs
//! no row but itself.

use serde_json::{Value, json};

use crate::support::{Ended, Rig};

const IDENTIFIED: &str = "action: createOrReplace\nempty: keep\nidentify_by: { id_key: id }";

/// A pipeline with a hierarchy, beside the key unless something else is said of `validate`.
fn rig(people: &str, hierarchy: &str, more: &str) -> Rig {
    let rig = Rig::with(|s| s.accept_chunked = true);
    rig.write("people.csv", people);
    rig.pipeline(
        &format!(
            "source: {{ path: people.csv }}\nvalidate:\n  key: id\n  hierarchy: {hierarchy}\n\
             rejects: {{ at_most: 100% }}\n{more}"
        ),
        IDENTIFIED,
    );
    rig
}

/// Line and code of every reject.
fn rejected(rig: &Rig) -> Vec<(u64, String)> {
    let text = rig.read("rejects.csv");
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let at = |name: &str| header.iter().position(|column| *column == name).unwrap();
    let (line, code) = (at("_line"), at("_code"));
    lines
        .map(|row| {
            let cells: Vec<&str> = row.split(',').collect();
            (cells[line].parse().unwrap(), cells[code].to_owned())
        })
        .collect()
}

/// The items that were sent, each as `id>manager`.
fn sent(rig: &Rig) -> Vec<String> {
    let of = |item: &str, name: &str| {
        let value = item.split(&format!("\"{name}\":\"")).nth(1);
        value
            .and_then(|v| v.split('"').next())
            .unwrap_or_default()
            .to_owned()
    };
    let mut items: Vec<String> = rig
        .items()
        .iter()
        .map(|item| format!("{}>{}", of(item, "id"), of(item, "manager")))
        .collect();
    items.sort_unstable();
    items
}

/// What the report says of a finding.
fn finding<'a>(ended: &'a Ended, code: &str) -> &'a Value {
    let findings = ended.report["hierarchies"][0]["findings"]
        .as_array()
        .unwrap();
    let found = findings.iter().find(|finding| finding["code"] == code);
    found.unwrap_or(&Value::Null)
}

fn lines(listed: &Value) -> Vec<u64> {
    let listed = listed.as_array().unwrap().iter();
    listed.map(|spot| spot["line"].as_u64().unwrap()).collect()
}

/// Lines 2 to 13. Eve's pay is wrong, Fay has left by a filter, Gus names nobody; Hal, Ida and Jon go round; Kim hangs on
/// Ida.
const PEOPLE: &str = "id,name,manager,pay,status
1,Ada,1,10,Active
2,Ben,1,10,Active
3,Cem,2,10,Active
4,Dan,5,10,Active
5,Eve,1,x,Active
6,Fay,1,10,Left
7,Gil,6,10,Active
8,Gus,77,10,Active
9,Hal,10,10,Active
10,Ida,11,10,Active
11,Jon,9,10,Active
12,Kim,10,10,Active
";

const FILTERED: &str = "stages: [ filter: 'status != \"Left\"', number: { columns: [pay] } ]";

#[test]
fn one_wrong_cell_costs_the_row_that_holds_it() {
    for length in ["measured", "spooled"] {
        let more = format!("{FILTERED}\nupload: {{ length: {length} }}");
        let rig = rig(PEOPLE, "{ parent: manager, roots: 1 }", &more);
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        let circle = [10, 11, 12].map(|line| (line, "manager_cycle".to_owned()));
        let mut expected = vec![(6, "number_format".to_owned())];
        expected.extend(circle);
        assert_eq!(rejected(&rig), expected);
        assert_eq!(
            sent(&rig),
            ["12>10", "1>1", "2>1", "3>2", "4>5", "7>6", "8>77"]
        );
        let rejects = rig.read("rejects.csv");
        assert!(
            rejects.contains(
                "3 rows report to each other in a circle: this one to those on line 12 and on line 10, in this order, and \
                 the last of them to this one; 1 row hangs on it"
            ),
            "{rejects}"
        );
        for warning in [
            "hierarchy manager: 1 row names a parent that is not in the source (on line 9)",
            "hierarchy manager: 2 rows name a parent whose row was rejected (on line 5 and on line 13)",
            "hierarchy manager: 1 row names a parent whose row was left out (on line 8)",
        ] {
            ended.says(warning);
        }
        ended.says("hierarchy   manager: 3 of 10 rows in 1 tree of 3 levels at most");
        let report = &ended.report["hierarchies"][0];
        assert_eq!(report["named_by"], "id");
        assert_eq!(
            (&report["nodes"], &report["in_trees"]),
            (&json!(10), &json!(3))
        );
        assert_eq!(report["roots"], 1);
        assert_eq!(lines(&report["cycles"][0]["rows"]), [10, 11, 12]);
        assert_eq!(report["cycles"][0]["below"], 1);
        assert_eq!(
            lines(&finding(&ended, "manager_rejected")["listed"]),
            [5, 13]
        );
        assert_eq!(
            finding(&ended, "manager_rejected")["listed"][1]["parent_line"],
            11
        );
        let text = ended.report.to_string() + &ended.stderr;
        assert!(!["Ada", "Gus"].iter().any(|name| text.contains(name)));
    }
}

#[test]
fn a_circle_with_a_rejected_row_is_none() {
    // Ida's pay is wrong: Hal is an orphan of that kind, and Jon hangs on Hal.
    let people = PEOPLE.replace("10,Ida,11,10", "10,Ida,11,x");
    let rig = rig(&people, "{ parent: manager }", FILTERED);
    let ended = rig.run(&[]);
    let number = |line| (line, "number_format".to_owned());
    assert_eq!(rejected(&rig), [number(6), number(11)]);
    assert_eq!(ended.report["hierarchies"][0]["cycles"], json!([]));
    assert_eq!(
        lines(&finding(&ended, "manager_rejected")["listed"]),
        [5, 10, 13]
    );
    assert_eq!(finding(&ended, "manager_rejected")["below"], 1);
}

#[test]
fn what_is_cleared_goes_out_without_its_parent() {
    let hierarchy = "{ parent: manager, self: clear, cycles: clear, orphans: { absent: clear, rejected: clear, filtered: \
                     clear } }";
    for length in ["measured", "spooled"] {
        let more = format!("{FILTERED}\nupload: {{ length: {length} }}");
        let rig = rig(PEOPLE, hierarchy, &more);
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        assert_eq!(rejected(&rig), [(6, "number_format".to_owned())]);
        assert_eq!(
            sent(&rig),
            [
                "10>", "11>", "12>10", "1>", "2>1", "3>2", "4>", "7>", "8>", "9>"
            ]
        );
        assert_eq!(ended.report["bytes"]["body"], rig.uploaded().len());
        ended.says("3 rows report to each other in a circle (on line 10, on line 11 and on line 12); 1 row hangs on them; \
                    they are sent with an empty `manager`");
        assert_eq!(ended.report["hierarchies"][0]["in_trees"], 10);
    }
}

#[test]
fn what_stops_sends_nothing() {
    for (hierarchy, why) in [
        (
            "{ parent: manager, cycles: stop }",
            "hierarchy manager: 3 rows report to each other in a circle (on line 10, on line 11 and on line 12); 1 row hangs \
             on them, and validate.hierarchy says that the run stops then",
        ),
        (
            "{ parent: manager, cycles: warn, orphans: stop }",
            "hierarchy manager: 1 row names a parent that is not in the source (on line 9), and validate.hierarchy says",
        ),
        (
            "{ parent: manager, cycles: warn, roots: { expect: 2, otherwise: stop } }",
            "hierarchy manager: 1 row has no parent (on line 2), expected 2",
        ),
        (
            "{ parent: manager, self: stop, cycles: ignore }",
            "hierarchy manager: 1 row names itself as its parent (on line 2); 2 rows hang on it",
        ),
        (
            "{ parent: manager, cycles: ignore, leavers: { column: name, values: [BEN], otherwise: stop } }",
            "hierarchy manager: 1 row names a parent who has left (on line 4)",
        ),
    ] {
        let rig = rig(PEOPLE, hierarchy, FILTERED);
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 4, "{}", ended.stderr);
        ended.says(why);
        assert_eq!(rig.taken(), (0, 0));
        assert_eq!(ended.report["outcome"], "stopped_by_guard");
        let guards = ended.report["guards"].as_array().unwrap();
        assert!(
            guards
                .iter()
                .any(|g| g["guard"] == "hierarchy" && g["decision"] == "stopped")
        );
        assert_eq!(ended.report["error"]["code"], "hierarchy");
    }
}

#[test]
fn stated_for_the_rejected_it_goes_down() {
    let hierarchy =
        "{ parent: manager, orphans: { absent: reject, rejected: reject, filtered: reject } }";
    let people = PEOPLE.to_owned() + "13,Lea,8,10,Active\n14,Moe,13,10,Active\n";
    let rig = rig(&people, hierarchy, FILTERED);
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert_eq!(sent(&rig), ["1>1", "2>1", "3>2"]);
    let codes: Vec<String> = rejected(&rig).into_iter().map(|(_, code)| code).collect();
    let (absent, gone) = ("manager_absent", "manager_rejected");
    let circle = "manager_cycle";
    let expected = [
        gone,
        "number_format",
        "manager_filtered",
        absent,
        circle,
        circle,
        circle,
        gone,
        gone,
        gone,
    ];
    assert_eq!(codes, expected);
    assert!(
        rig.read("rejects.csv")
            .contains("was rejected, it stands on line 9; 1 row hangs on it")
    );
}

/// As from a spreadsheet that took managers for numbers, or from two systems.
#[test]
fn near_misses_are_told_by_their_lines() {
    let people = "id,manager\n007,\n008,7\n009,8.0\nAb1,007\n010,aB1\n011,009 1\n\u{a0}012,\u{200b}007\n013,12\n014,zz\n";
    let hierarchy = "{ parent: manager, orphans: reject }";
    let rig = rig(people, hierarchy, "");
    let ended = rig.run(&[]);
    let at = |line| (line, "manager_absent".to_owned());
    assert_eq!(rejected(&rig), [3, 4, 6, 7, 9, 10].map(at));
    for told in [
        "hierarchy manager: 1 of these differs only in leading zeros from one that is there: line 3 -> line 2",
        "hierarchy manager: 1 of these differs only in leading zeros and a `.0` at the end from one that is there: line 4 -> \
         line 3",
        "hierarchy manager: 1 of these differs only in case from one that is there: line 6 -> line 5",
        "hierarchy manager: 1 of these differs only in leading zeros and blanks from one that is there: line 9 -> line 8",
    ] {
        ended.says(told);
    }
    let near = ended.report["hierarchies"][0]["near_misses"]
        .as_array()
        .unwrap();
    assert_eq!(near.len(), 4);
    let rejects = rig.read("rejects.csv");
    assert!(
        rejects.contains("no row of the source has this `id`; it differs only in case from that of the row on line 5"),
        "{rejects}"
    );
}

/// What stages count is not counted again by the reading that looks for near misses.
#[test]
fn one_more_reading_counts_nothing_twice() {
    let people = "id,manager,hired\n1,,01/02/2020 09:30\n2,1,01/02/2020 10:30\n3,x,01/02/2020\n";
    let dated = "stages: [ date: { columns: [hired], from: [DD/MM/YYYY, 'DD/MM/YYYY HH:mm'] } ]";
    for (orphans, code) in [("warn", 0), ("reject", 3), ("ignore", 0)] {
        let rig = rig(
            people,
            &format!("{{ parent: manager, orphans: {orphans} }}"),
            dated,
        );
        let ended = rig.run(&[]);
        assert_eq!(ended.code, code, "{}", ended.stderr);
        ended.says("hired: 2 times of day other than midnight were dropped");
        assert_eq!(ended.count("read"), 3);
    }
}

#[test]
fn filtered_rows_are_known_by_the_names_that_they_would_have() {
    // The filter comes before the stage that gives names their form, and what is wrong with a filtered row is not told.
    let people = "id,manager,status,hired\n1,,A,01/02/2020\n2,1,L,31/02/2020\n3,2,A,01/02/2020\n";
    let stages = "stages: [ filter: 'status != \"L\"', replace: { columns: [id, manager], pattern: '^(.)', with: 'E$1' }, \
                  date: { columns: [hired], from: DD/MM/YYYY } ]";
    let rig = rig(people, "{ parent: manager }", stages);
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(sent(&rig), ["E1>", "E3>E2"]);
    assert_eq!(ended.count("filtered"), 1);
    assert_eq!(lines(&finding(&ended, "manager_filtered")["listed"]), [4]);
    assert_eq!(
        finding(&ended, "manager_filtered")["listed"][0]["parent_line"],
        3
    );
}

#[test]
fn the_key_decides_whether_case_counts_and_which_of_several_rows_is_there() {
    // 2 and 3 are one row twice, 4 and 5 are not: whoever names those names rejected rows.
    let people = "id,manager\na,\nB,a\nB,a\nC,a\nC,B\nd,b\ne,c\n";
    for (case, absent, gone) in [("true", vec![], vec![8]), ("false", vec![7, 8], vec![])] {
        let rig = Rig::new();
        rig.write("people.csv", people);
        rig.pipeline(
            &format!(
                "source: {{ path: people.csv }}\nvalidate:\n  key: {{ column: id, ignore_case: {case} }}\n  hierarchy: {{ \
                 parent: manager }}\nrejects: {{ at_most: 100% }}"
            ),
            IDENTIFIED,
        );
        let ended = rig.run(&[]);
        let duplicate = |line| (line, "key_duplicate".to_owned());
        assert_eq!(rejected(&rig), [5, 6].map(duplicate));
        assert_eq!(ended.count("superseded"), 1);
        let found = |code| match finding(&ended, code) {
            Value::Null => vec![],
            found => lines(&found["listed"]),
        };
        assert_eq!(
            (found("manager_absent"), found("manager_rejected")),
            (absent, gone),
            "{case}"
        );
    }
}

#[test]
fn parents_may_be_named_by_another_column() {
    let people = "id,email,manager\n1,ada@x.org,\n2,ben@x.org,ada@x.org\n3,cem@x.org,BEN@X.ORG\n4,dan@x.org,1\n";
    for (more, absent) in [(", ignore_case: true", vec![5]), ("", vec![4, 5])] {
        let rig = rig(
            people,
            &format!("{{ parent: manager, parent_by: email{more} }}"),
            "",
        );
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(lines(&finding(&ended, "manager_absent")["listed"]), absent);
        assert_eq!(ended.report["hierarchies"][0]["named_by"], "email");
    }
}

/// A position without a person is a node all the same, and two people may share one.
#[test]
fn a_tree_of_positions_has_vacancies() {
    let rig = Rig::new();
    rig.write(
        "positions.csv",
        "position,reports_to,id\nP1,,1\nP2,P1,\nP3,P2,3\nP3,P2,4\nP4,P3,5\nP5,P9,6\n",
    );
    rig.pipeline(
        "source: { path: positions.csv }\nvalidate:\n  hierarchy: { parent: reports_to, id: position, roots: 1 }",
        "action: createOrReplace\nempty: keep\nidentify_by: { id_key: id }",
    );
    let ended = rig.run(&["--set", "target.orgvue.identify_by={auto_id: true}"]);
    let report = &ended.report["hierarchies"][0];
    assert_eq!(
        (&report["nodes"], &report["in_trees"]),
        (&json!(6), &json!(5)),
        "{}",
        ended.stderr
    );
    assert_eq!(report["depth"]["levels"], json!([1, 1, 2, 1]));
    assert_eq!(lines(&finding(&ended, "manager_absent")["listed"]), [7]);
}

#[test]
fn several_parents_are_several_hierarchies() {
    let people = "id,manager,project\n1,,2\n2,1,1\n3,2,\n";
    let hierarchy = "\n    - { parent: manager, cycles: stop }\n    - { name: matrix, parent: project, cycles: ignore }";
    let rig = rig(people, hierarchy, "");
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let all = &ended.report["hierarchies"];
    assert_eq!(
        (&all[0]["name"], &all[1]["name"]),
        (&json!("manager"), &json!("matrix"))
    );
    assert_eq!(lines(&all[1]["cycles"][0]["rows"]), [2, 3]);
    assert_eq!(all[0]["cycles"], json!([]));
}

#[test]
fn files_are_named_where_there_are_several() {
    let rig = rig("id,manager\n1,\n2,3\n", "{ parent: manager }", "");
    rig.write("more.csv", "id,manager\n3,2\n4,9\n");
    let ended = rig.run(&["--set", "source.path=[people.csv, more.csv]"]);
    let rejects = rig.read("rejects.csv");
    assert!(
        rejects.contains("this one to those in more.csv on line 2, in this order"),
        "{rejects}"
    );
    let cycle = &ended.report["hierarchies"][0]["cycles"][0]["rows"];
    assert_eq!(
        cycle[1],
        json!({ "file": "more.csv", "line": 2, "below": 0 })
    );
}

#[test]
fn standard_input_is_read_again_where_it_must_be() {
    let rig = rig(
        "id,manager\n1,\n2,3\n3,2\n4,01\n",
        "{ parent: manager }",
        "",
    );
    let ended = rig.run_with_stdin(&["--set", "source.path=-"], "people.csv");
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    ended.says("1 of these differs only in leading zeros from one that is there: line 5 -> line 2");
    assert_eq!(sent(&rig), ["1>", "4>01"]);
}

#[test]
fn what_is_sent_at_once_can_be_warned_of() {
    let warns = "{ parent: manager, cycles: warn }";
    let rig = rig(
        "id,manager\n1,\n2,3\n3,2\n",
        warns,
        "upload: { length: chunked, attempts: 1 }",
    );
    let keep = ["--set", "validate.key={column: id, keep: first}"];
    let ended = rig.run(&keep);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.says("2 rows report to each other in a circle (on line 3 and on line 4)");
    let (code, stderr) = rig.ask(&[
        "lint",
        "pipeline.yaml",
        keep[0],
        keep[1],
        "--set",
        "validate.hierarchy.cycles=reject",
    ]);
    assert_eq!(code, 2);
    assert!(
        stderr.contains("`chunked` sends rows while they are read"),
        "{stderr}"
    );
    let stopped = rig.run(&[keep[0], keep[1], "--set", "validate.hierarchy.cycles=stop"]);
    assert_eq!(stopped.code, 4, "{}", stopped.stderr);
    assert_eq!(rig.taken().1, 1);
}

/// Whom a mended row names is among those that were sent before.
#[test]
fn mended_rows_are_not_alone() {
    let hierarchy = "{ parent: manager, orphans: reject, roots: { expect: 1, otherwise: stop } }";
    let rig = rig("id,manager\n1,\n2,1\n3,9\n4,5\n5,4\n", hierarchy, "");
    assert_eq!(rig.run(&[]).code, 3);
    assert_eq!(sent(&rig), ["1>", "2>1"]);
    rig.write("mended.csv", "id,manager\n3,2\n4,5\n5,4\n");
    let ended = rig.run(&["--mend", "mended.csv"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert_eq!(sent(&rig), ["1>", "2>1", "3>2"]);
    assert_eq!(
        ended.report["rejects"]["by_code"][0]["code"],
        "manager_cycle"
    );
    // Nobody knows whether it was put right, so it is told.
    ended.says(
        "1 row names a parent that is not in the source (on line 2); the parent may have been sent before, so this is \
         sent as it is",
    );
}

/// A row that was rejected as nobody has the name of its parent, and comes back as it was, does not go out in silence.
#[test]
fn an_orphan_that_comes_back_as_it_was_is_told() {
    let quiet = "{ parent: manager, orphans: warn }";
    for (hierarchy, told) in [
        ("{ parent: manager, orphans: reject }", true),
        (quiet, false),
    ] {
        let rig = rig("id,manager\n1,\n2,1\n3,9\n", hierarchy, "");
        let ended = rig.run(&[]);
        assert_eq!(ended.code, if told { 3 } else { 0 }, "{}", ended.stderr);
        if !told {
            rig.write("rejects.csv", "id,manager\n3,9\n");
        }
        let ended = rig.run(&["--mend", "rejects.csv"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let words = "the parent may have been sent before";
        assert_eq!(ended.stderr.contains(words), told, "{}", ended.stderr);
        assert_eq!(finding(&ended, "manager_absent")["rows"], 1);
        assert_eq!(sent(&rig), ["1>", "2>1", "3>9"]);
    }
}

#[test]
fn a_column_that_is_not_there_is_told_with_its_place() {
    let rig = rig(
        "id,manager\n1,\n",
        "{ parent: managr, leavers: { column: status, values: [L] } }",
        "",
    );
    let (code, stderr) = rig.ask(&["check", "pipeline.yaml"]);
    assert_eq!(code, 2);
    assert!(
        stderr.contains("pipeline.yaml:5:24: validate.hierarchy.parent: no column `managr` here, did you mean `manager`?"),
        "{stderr}"
    );
    assert!(
        stderr.contains("validate.hierarchy.leavers: no column `status` here"),
        "{stderr}"
    );
    let (code, stderr) = rig.ask(&[
        "lint",
        "pipeline.yaml",
        "--set",
        "stages=[{ select: [id, name] }]",
    ]);
    assert_eq!(code, 2);
    assert!(stderr.contains("no column `managr` here"), "{stderr}");
}

/// The public sample of Entra's inbound provisioning: a thousand workers with faults that nobody planted. What is
/// expected was counted by another program.
#[test]
fn a_public_sample_gives_its_faults() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/entra/workers.csv");
    let workers = std::fs::read_to_string(folder).unwrap();
    let all = "{ parent: ManagerID, id: WorkerID, leavers: { column: WorkerStatus, values: [inactive] } }";
    for (key, nodes, absent, gone, own, left) in [
        ("", 1000, 366, 0, 1, None),
        (
            "key: { column: WorkerID, keep: first }\n  ",
            624,
            231,
            0,
            0,
            Some(216),
        ),
        ("key: WorkerID\n  ", 359, 130, 83, 0, Some(78)),
    ] {
        let rig = Rig::new();
        rig.write("workers.csv", &workers);
        rig.pipeline(
            &format!(
                "source: {{ path: workers.csv }}\nvalidate:\n  {key}hierarchy: {all}\nrejects: {{ at_most: 100% }}"
            ),
            "action: createOrReplace\nidentify_by: { id_key: WorkerID }",
        );
        let (_, stderr) = rig.ask(&["check", "pipeline.yaml", "--report"]);
        let report = std::fs::read_to_string(&rig.reports()[0]).unwrap();
        let report: Value = serde_json::from_str(&report).unwrap();
        let tree = &report["hierarchies"][0];
        let count = |code: &str| {
            let findings = tree["findings"].as_array().unwrap().iter();
            let mut found = findings.filter(|finding| finding["code"] == code);
            found
                .next()
                .map_or(0, |finding| finding["rows"].as_u64().unwrap())
        };
        assert_eq!(tree["nodes"], nodes, "{stderr}");
        assert_eq!(
            (count("manager_absent"), count("manager_rejected")),
            (absent, gone)
        );
        assert_eq!((count("manager_self"), count("manager_cycle")), (own, 0));
        if let Some(left) = left {
            assert_eq!(count("manager_left"), left);
        }
    }
}
