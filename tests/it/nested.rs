//! Objects and arrays within a record: as columns by their path, as text by a stated rule, or refused.

use std::collections::HashMap;

use serde_json::value::RawValue;

use crate::support::Rig;

const PEOPLE: &str = r#"{"id":"10001","name":{"first":"Mara","last":"Oduya"},"manager":{"id":"10003"},"skills":["SQL","Dutch"]}
{"id":"10002","name":{"first":"Jens","last":"Fallow"},"manager":{"id":"10003"},"skills":[]}
{"id":"10003","name":{"first":"Ruth","last":"Amsel"},"manager":null,"skills":["Welsh"]}
"#;

fn items(rig: &Rig) -> Vec<String> {
    let mut items = rig.items();
    items.sort_unstable();
    items
}

fn rig(json: &str, text: &str) -> Rig {
    let rig = Rig::new();
    rig.pipeline(
        &format!(
            "source: {{ path: w.json, json: {{ {json} }} }}\nstages: [ {{ rename: {{ id: employeeID }} }} ]\n\
             rejects: {{ path: rejects.csv, at_most: 100% }}\n"
        ),
        "identify_by: { id_key: employeeID }",
    );
    rig.write("w.json", text);
    rig
}

/// Line, column, code and message of every row in the rejects file. What is wrong with its values stays in it.
fn rejected(rig: &Rig) -> String {
    let mut told = String::new();
    for line in rig.read("rejects.ndjson").lines() {
        let said: HashMap<String, &RawValue> = serde_json::from_str(line).unwrap();
        let parts = ["_line", "_column", "_code", "_message"]
            .map(|name| said[name].get().trim_matches('"'));
        told += &format!("{}\n", parts.join(","));
    }
    told
}

#[test]
fn what_is_left_over_is_not_sent() {
    for (text, count) in [
        (PEOPLE, 3),
        ("{\"id\":\"1\"}\n{\"id\":\"2\",\"tags\":{}}\n", 1),
    ] {
        let rig = rig("", text);
        let ended = rig.run(&[]);
        assert_eq!(
            ended.code,
            if count == 3 { 4 } else { 3 },
            "{}",
            ended.stderr
        );
        assert_eq!(ended.count("rejected"), count);
        assert!(rejected(&rig).contains("nested"));
    }
    let rig = rig("", PEOPLE);
    let ended = rig.run(&[]);
    // By column, and what to do about it, each once.
    for part in [
        "name     nested  3",
        "manager  nested  2",
        "skills   nested  3",
    ] {
        ended.says(part);
    }
    let told = |part: &str| ended.stderr.matches(part).count();
    assert_eq!(
        told("there are objects in `manager`, `name`: "),
        1,
        "{}",
        ended.stderr
    );
    assert_eq!(
        told("there are arrays in `skills`: "),
        1,
        "{}",
        ended.stderr
    );
    // A stage may make something of it, or leave it out.
    let rig = rig_with_drop();
    assert_eq!(rig.run(&[]).code, 0);
    assert_eq!(items(&rig)[2], r#"{"employeeID":"10003"}"#);
}

fn rig_with_drop() -> Rig {
    let rig = rig("", PEOPLE);
    let text = rig.read("pipeline.yaml");
    rig.write(
        "pipeline.yaml",
        text.replace(
            "employeeID } } ]",
            "employeeID } }, { drop: [name, manager, skills] } ]",
        ),
    );
    rig
}

#[test]
fn members_of_objects_become_columns() {
    let expected = [
        r#"{"employeeID":"10001","name.first":"Mara","name.last":"Oduya","manager.id":"10003","skills":"SQL, Dutch"}"#,
        r#"{"employeeID":"10002","name.first":"Jens","name.last":"Fallow","manager.id":"10003"}"#,
        r#"{"employeeID":"10003","name.first":"Ruth","name.last":"Amsel","skills":"Welsh"}"#,
    ];
    let array = format!("[{}]", PEOPLE.trim_end().replace('\n', ",\n"));
    for json in [
        "flatten: \".\", arrays: join",
        "columns: [id, name.first, name.last, manager.id, skills], arrays: join",
        "flatten: \".\", columns: [id, name.first, name.last, manager.id, skills], arrays: join",
    ] {
        for text in [PEOPLE, &array] {
            let rig = rig(json, text);
            let ended = rig.run(&[]);
            assert_eq!(ended.code, 0, "{json}: {}", ended.stderr);
            assert_eq!(items(&rig), expected, "{json}");
        }
    }
    let check = |json: &str, expected: [&str; 2]| {
        let rig = rig(json, PEOPLE);
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 0, "{json}: {}", ended.stderr);
        assert_eq!(items(&rig)[..2], expected, "{json}");
    };
    check(
        "columns: [id, skills], unknown: ignore, arrays: first",
        [
            r#"{"employeeID":"10001","skills":"SQL"}"#,
            r#"{"employeeID":"10002"}"#,
        ],
    );
    check(
        "columns: [id, skills], unknown: ignore, arrays: json",
        [
            r#"{"employeeID":"10001","skills":"[\"SQL\",\"Dutch\"]"}"#,
            r#"{"employeeID":"10002","skills":"[]"}"#,
        ],
    );
    check(
        "flatten: /, columns: [id, name/last, skills], unknown: ignore, arrays: join, join: \"|\"",
        [
            r#"{"employeeID":"10001","name/last":"Oduya","skills":"SQL|Dutch"}"#,
            r#"{"employeeID":"10002","name/last":"Fallow"}"#,
        ],
    );
}

/// What a flattened value was is told from what only looks like it.
#[test]
fn names_with_a_dot_are_not_paths() {
    // Two members of one record, and of two: the file is refused.
    for text in [
        "{\"id\":\"1\",\"name.first\":\"a\",\"name\":{\"first\":\"b\"}}\n",
        "{\"id\":\"1\",\"name.first\":\"a\"}\n{\"id\":\"2\",\"name\":{\"first\":\"b\"}}\n",
    ] {
        for json in ["flatten: \".\"", "columns: [id, name.first]"] {
            let rig = rig(json, text);
            let (code, stderr) = rig.ask(&["-q", "run", "pipeline.yaml"]);
            assert_eq!(code, 2, "{stderr}");
            assert!(
                stderr.contains("two members come to the column `name.first`"),
                "{stderr}"
            );
        }
        let rig = rig("flatten: /", text);
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(items(&rig)[0].contains("\"name.first\":\"a\""));
        assert!(items(&rig).concat().contains("\"name/first\":\"b\""));
    }
    // What comes later than the columns were looked for costs its row.
    let later = "{\"id\":\"1\",\"name\":{\"first\":\"a\"}}\n".repeat(1000)
        + "{\"id\":\"2\",\"name.first\":\"b\"}\n";
    let rig = rig("flatten: \".\", unknown: ignore", &later);
    let ended = rig.run(&[]);
    assert_eq!(
        (ended.code, ended.count("rejected")),
        (3, 1),
        "{}",
        ended.stderr
    );
    assert!(rejected(&rig).contains("1001,,ambiguous_member"));
}

#[test]
fn faults_within() {
    let check = |json: &str, record: &str, code: &str| {
        let rig = rig(
            json,
            &format!("{{\"id\":\"1\",\"a\":{{\"b\":1}},\"t\":[1]}}\n{record}\n"),
        );
        let ended = rig.run(&[]);
        assert_eq!(
            (ended.code, ended.count("rejected")),
            (3, 1),
            "{record}: {}",
            ended.stderr
        );
        let rejects = rejected(&rig);
        assert!(
            rejects.contains(&format!("2,{code}")),
            "{record}: {rejects}"
        );
    };
    let joined = "flatten: \".\", columns: [id, a.b, t], arrays: join";
    check(joined, r#"{"id":"2","t":[{"x":1}]}"#, "t,nested,");
    check(joined, r#"{"id":"2","t":["\ud834"]}"#, "t,json_string,");
    check(
        joined,
        r#"{"id":"2","a":{"b":1,"b":2}}"#,
        ",duplicate_member,",
    );
    check(
        joined,
        r#"{"id":"2","a":{"c":2}}"#,
        ",unknown_member,the member `a.c` is not a column",
    );
    check(
        joined,
        r#"{"id":"2","a":"x"}"#,
        ",unknown_member,the member `a` is not a column",
    );
    check(
        "flatten: \".\", arrays: json",
        r#"{"id":"2","t":["\udd1e"]}"#,
        "t,json_string,",
    );
}

/// Of a null, an empty text and a member that is not there, each sends what it is.
#[test]
fn null_is_not_empty() {
    let text = "{\"id\":\"1\",\"a\":null,\"b\":\"\"}\n{\"id\":\"2\",\"c\":{\"d\":\"x\"},\"a\":\"y\"}\n{\"id\":\"3\",\"c\":null}\n";
    let sent = |empty: &str, more: &str| -> String {
        let rig = rig("flatten: \".\"", text);
        let import = format!("identify_by: {{ id_key: employeeID }}\nempty: {empty}\n{more}");
        let sections = rig.read("pipeline.yaml");
        let sections = sections
            .split("target:")
            .next()
            .unwrap()
            .replace("version: 1\n", "");
        rig.pipeline(&sections, &import);
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        String::from_utf8(rig.uploaded()).unwrap()
    };
    let keep = sent("keep", "");
    for row in [
        r#"{"_action":"createOrUpdate","employeeID":"1","a":null,"b":""}"#,
        r#"{"_action":"createOrUpdate","employeeID":"2","a":"y","c.d":"x"}"#,
        r#"{"_action":"createOrUpdate","employeeID":"3","c.d":null}"#,
    ] {
        assert!(keep.contains(row), "{keep}");
    }
    assert!(sent("omit", "").contains(r#"{"_action":"createOrUpdate","employeeID":"1"}"#));
    let clear = sent("clear", "clear_token: \"#\"");
    assert!(
        clear.contains(r##""employeeID":"1","a":"#","b":"#"}"##),
        "{clear}"
    );
}

#[test]
fn expressions_see_flattened_members() {
    let stages = "stages: [ { rename: { id: employeeID } }, { set: { full: name.first + \" \" + name.last } }, { select: [employeeID, full] } ]";
    let rig_of = |json: &str| {
        let rig = rig(json, PEOPLE);
        let text = rig.read("pipeline.yaml");
        rig.write(
            "pipeline.yaml",
            text.replace("stages: [ { rename: { id: employeeID } } ]", stages),
        );
        rig
    };
    for json in [
        "flatten: \".\"",
        "columns: [id, name.first, name.last], unknown: ignore",
    ] {
        let rig = rig_of(json);
        let ended = rig.run(&["--set", "source.format=ndjson"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(
            items(&rig)[0],
            r#"{"employeeID":"10001","full":"Mara Oduya"}"#
        );
    }
    // Without, no row could have one: told before the source is opened where the format is known, else when it is.
    let told = "no column `name.first` here; `name` is one, and its cells have no members: those of a JSON object become columns by \
                `source.json.flatten`";
    for (command, format, code) in [
        ("lint", "ndjson", 2),
        ("lint", "auto", 0),
        ("check", "auto", 2),
    ] {
        let rig = rig_of("arrays: join");
        let (found, stderr) = rig.ask(&[
            "-q",
            command,
            "pipeline.yaml",
            "--set",
            &format!("source.format={format}"),
        ]);
        assert_eq!(found, code, "{stderr}");
        assert!(code == 0 || stderr.contains(told), "{stderr}");
    }
}

#[test]
fn a_name_of_half_a_character_loses_no_member_without_a_word() {
    let records = [
        r#"{"id":"1","v":{"a":"x"}}"#,
        r#"{"id":"2","v":{"\udfaa":0,"a":"x"}}"#,
        r#"{"id":"3","v":{"a":"x","\ud834":{"b":1}}}"#,
        r#"{"id":"4","v":{"a":"x","w":{"\ud834x":1}}}"#,
        r#"{"id":"5","v":{"\ud834\udd1e":"a name like any other"}}"#,
    ];
    for more in ["", ", unknown: ignore"] {
        let columns = r#"flatten: ".", columns: [id, v.a, "v.𝄞"]"#;
        let rig = rig(&format!("{columns}{more}"), &records.join("\n"));
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        let sent = [
            r#"{"employeeID":"1","v.a":"x"}"#,
            r#"{"employeeID":"5","v.𝄞":"a name like any other"}"#,
        ];
        assert_eq!(items(&rig), sent);
        let told = rejected(&rig);
        for line in [2, 3, 4] {
            let said = format!(
                "{line},,json_string,an escape in the name of a member stands for half a character"
            );
            assert!(told.contains(&said), "{told}");
        }
    }
}
