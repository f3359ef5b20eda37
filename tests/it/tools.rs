//! `rostream preview` and `rostream bench`.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{outcome, rostream, run};

const PIPELINE: &str = r#"
version: 1
source: { path: workers.csv }
stages:
  - trim:
  - rename: { Employee ID: employeeID, Born: dob, Salary: salary }
  - drop: [Notes]
  - date: { columns: [dob], from: DD/MM/YYYY }
  - number: { columns: [salary], thousands: "," }
  - filter: Status != "Left"
  - set: { fullName: First + " " + Last }
validate:
  key: employeeID
  columns:
    First: { required: true }
target:
  orgvue:
    base_url: https://orgvue.example.com
    tenant: ACME
    action: create
    dataset: 6586F21B-AD4D-4D06-A309-712AF47184A2
    token: { env: A_TOKEN_THAT_IS_NOT_SET }
"#;

const WORKERS: &str = "\
Employee ID,First,Last,Born,Salary,Status,Notes
00000001,Zoë,Smith,01/02/1990,\"62,000.50\",Active,\"two
lines, and more than one column of a terminal has room for\"
00000002,,Jones,31/02/1990,1000,Active,
00000003,Li,Ng,03/04/1985,2000,Left,
00000004,美咲,Sato,05/06/1995,,Active,\x1b[31mred
";

fn folder(pipeline: &str, files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("p.yaml"), pipeline).unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn workers() -> TempDir {
    folder(PIPELINE, &[("workers.csv", WORKERS)])
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn records(stdout: &str) -> Vec<Value> {
    let parsed = stdout.lines().map(serde_json::from_str);
    parsed.collect::<Result<_, _>>().expect("JSON lines")
}

#[test]
fn a_preview_stands_side_by_side() {
    let dir = workers();
    let (code, stdout, stderr) = run(dir.path(), &["preview", "p.yaml"]);
    assert_eq!(code, 0, "{stderr}");
    insta::assert_snapshot!(stderr, @r#"
    4 records: 2 would be sent, 1 filtered, 1 rejected
    note: whether a key is used twice shows only in the whole source; `rostream check` looks for it
    "#);
    insta::assert_snapshot!(stdout, @r#"
    line 2  sent
                                                         +  _action     "create"
      Employee ID  "00000001"                            >  employeeID  "00000001"
      First        "Zoë"                                    First       "Zoë"
      Last         "Smith"                                  Last        "Smith"
      Born         "01/02/1990"                          >  dob         "1990-02-01"
      Salary       "62,000.50"                           >  salary      62000.50
      Status       "Active"                                 Status      "Active"
      Notes        "two\nlines, and more than one colu…  -
                                                         +  fullName    "Zoë Smith"

    line 4  rejected
      Employee ID  "00000002"    >  employeeID  "00000002"
      First        ""               First       ""
      Last         "Jones"          Last        "Jones"
      Born         "31/02/1990"  >  dob         "31/02/1990"
      Salary       "1000"        >  salary      1000
      Status       "Active"         Status      "Active"
      Notes        ""            -
                                 +  fullName    " Jones"
      ! dob: expected a date as DD/MM/YYYY (date date_format)
      ! First: expected a value, found nothing (validate required)

    line 5  filtered
      Employee ID  "00000003"    >  employeeID  "00000003"
      First        "Li"             First       "Li"
      Last         "Ng"             Last        "Ng"
      Born         "03/04/1985"  >  dob         "1985-04-03"
      Salary       "2000"        >  salary      2000
      Status       "Left"           Status      "Left"
      Notes        ""            -

    line 6  sent
                                    +  _action     "create"
      Employee ID  "00000004"       >  employeeID  "00000004"
      First        "美咲"              First       "美咲"
      Last         "Sato"              Last        "Sato"
      Born         "05/06/1995"     >  dob         "1995-06-05"
      Salary       ""               -
      Status       "Active"            Status      "Active"
      Notes        "\u001b[31mred"  -
                                    +  fullName    "美咲 Sato"
    "#);
    assert_eq!(files(dir.path()), ["p.yaml", "workers.csv"]);
}

#[test]
fn as_many_records_as_asked_for() {
    let dir = workers();
    let check = |args: &[&str], lines: &[u64]| {
        let mut all = vec!["preview", "p.yaml", "--json", "-q"];
        all.extend_from_slice(args);
        let (code, stdout, stderr) = run(dir.path(), &all);
        assert_eq!((code, stderr.as_str()), (0, ""), "{args:?}");
        let found = records(&stdout);
        let found: Vec<_> = found.iter().map(|r| r["line"].as_u64().unwrap()).collect();
        assert_eq!(found, lines, "{args:?}");
    };
    check(&[], &[2, 4, 5, 6]);
    check(&["-n", "1"], &[2]);
    check(&["--rows=2", "--from=3"], &[4, 5]);
    check(&["--from", "6"], &[6]);
    let (code, stdout, stderr) = run(dir.path(), &["preview", "p.yaml", "--from", "7"]);
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert_eq!(
        stderr,
        "error: workers.csv: no record begins on line 7 or after it\n"
    );
}

#[test]
fn a_preview_as_json() {
    let dir = workers();
    let (code, stdout, _) = run(dir.path(), &["preview", "p.yaml", "--json"]);
    assert_eq!(code, 0);
    let found = records(&stdout);
    assert_eq!(
        found[0],
        json!({
            "file": "workers.csv",
            "line": 2,
            "state": "sent",
            "before": {
                "Employee ID": "00000001", "First": "Zoë", "Last": "Smith", "Born": "01/02/1990",
                "Salary": "62,000.50", "Status": "Active",
                "Notes": "two\nlines, and more than one column of a terminal has room for",
            },
            "after": {
                "_action": "create", "employeeID": "00000001", "First": "Zoë", "Last": "Smith",
                "dob": "1990-02-01", "salary": 62000.50, "Status": "Active", "fullName": "Zoë Smith",
            },
            "faults": [],
            "warnings": [],
        })
    );
    // Exact digits, and the order in which it would be sent.
    assert!(
        stdout.contains(r#""after":{"_action":"create","employeeID":"00000001","First""#)
            && stdout.contains(r#""salary":62000.50,"#),
        "{stdout}"
    );
    let states: Vec<_> = found.iter().map(|r| r["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["sent", "rejected", "filtered", "sent"]);
    let codes: Vec<_> = found[1]["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (f["stage"].as_str().unwrap(), f["column"].as_str().unwrap()))
        .collect();
    assert_eq!(codes, [("date", "dob"), ("validate", "First")]);
    assert_eq!(
        (&found[1]["after"], &found[2]["after"]),
        (&Value::Null, &Value::Null)
    );
    // An empty cell is not sent.
    assert_eq!(found[3]["after"].get("salary"), None);

    let (_, stdout, _) = run(
        dir.path(),
        &["preview", "p.yaml", "--json", "--set", "upload.format=csv"],
    );
    assert_eq!(records(&stdout)[3]["after"]["salary"], "");
    assert_eq!(records(&stdout)[0]["after"]["_action"], "create");
}

#[test]
fn a_preview_of_json_from_standard_input() {
    let pipeline = "version: 1\nsource: { path: \"-\" }\nstages: [{ rename: { a: b } }]\ntarget: { sandbox: }\n";
    let dir = folder(pipeline, &[]);
    let mut child = rostream(dir.path(), &["preview", "p.yaml", "--json", "-n3", "-q"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let text = "{\"a\": 1.10, \"c\": null}\n{\"c\": [1, 2]}\n\n{\"a\": }\n{\"a\": 2}\n";
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let (code, stdout, stderr) = outcome(child.wait_with_output().unwrap());
    assert_eq!((code, stderr.as_str()), (0, ""));
    insta::assert_snapshot!(stdout, @r#"
    {"file":"standard input","line":1,"state":"sent","before":{"a":1.10,"c":null},"after":{"_action":"createOrUpdate","b":1.10},"faults":[],"warnings":[]}
    {"file":"standard input","line":2,"state":"rejected","before":{"c":[1, 2]},"after":null,"faults":[{"stage":"target","column":"c","code":"nested","message":"the value is an array, which a property in Orgvue cannot hold"}],"warnings":[]}
    {"file":"standard input","line":4,"state":"rejected","before":{"(record)":"{\"a\": }"},"after":null,"faults":[{"stage":"parse","column":"","code":"json_syntax","message":"not well-formed JSON, line 4, column 7: expected a value"}],"warnings":[]}
    "#);
}

#[test]
fn what_a_preview_cannot_show() {
    let check = |pipeline: &str, csv: &str, code: i32, expected: &str| {
        let dir = folder(pipeline, &[("workers.csv", csv)]);
        let (found, stdout, stderr) = run(dir.path(), &["preview", "p.yaml"]);
        assert_eq!((found, stdout.as_str()), (code, ""), "{stderr}");
        assert_eq!(crate::without_excerpts(&stderr), expected);
    };
    check(
        PIPELINE,
        "Employee ID,First,Last,Born,Salary,Status,Notes\n",
        1,
        "error: workers.csv: there are no records; nothing was sent\n",
    );
    check(
        &PIPELINE.replace("[Notes]", "[Note]"),
        WORKERS,
        2,
        "p.yaml:7:12: stage 3 (drop): no column `Note` here, did you mean `Notes`?\n",
    );
}

#[test]
fn a_bench_measures_every_step_and_touches_nothing() {
    let dir = workers();
    let (code, stdout, stderr) = run(dir.path(), &["bench", "p.yaml", "--runs=1", "--workers=2"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"(?m)^peak memory .*\n", "");
    settings.add_filter(r" +([0-9][0-9.,]*%?|-)", " #");
    settings.bind(|| {
        insta::assert_snapshot!(stdout, @r#"
    p: # rows (1 filtered, # rejected), # B of text

    step, on one thread    seconds    share           rows/s       MB/s
    source # # # #
    parse # # # #
    trim # # # #
    date # # # #
    number # # # #
    filter # # # #
    set # # # #
    rules # # # #
    encode # # # #
    keys # # # #
    hash # # # #
    one thread # # # #

    whole, # workers    seconds      min      max           rows/s       MB/s
    survey # # # # #
    send # # # # #
    survey and send # # # # #

    body # B to the null target
    medians of # run
    "#);
    });
    assert_eq!(files(dir.path()), ["p.yaml", "workers.csv"]);
}

/// What is slow is told with what is faster, which does the same.
#[test]
fn a_bench_says_what_is_slow_and_what_is_faster() {
    let dir = workers();
    let sample = ["sample", "--rows", "12000", "--seed", "7", "-o", "many.csv"];
    assert_eq!(run(dir.path(), &sample).0, 0);
    let write = |name: &str, filter: &str, status: &str| {
        let text = format!(
            "version: 1\nname: p\nsource: {{ path: many.csv }}\nstages:\n- filter: '{filter}'\nvalidate:\n  columns:\n    \
             Worker Status: {{ {status} }}\ntarget: {{ sandbox: }}\n"
        );
        std::fs::write(dir.path().join(name), text).unwrap();
    };
    let grades: Vec<_> = (1..9).map(|at| format!("Grade == \"G{at}\"")).collect();
    let mail = r#"row["Work Email"].matches("example\\.com$")"#;
    let slow = format!("({}) && {mail}", grades.join(" || "));
    write(
        "slow.yaml",
        &slow,
        "pattern: ^(Active|Terminated|On Leave)$",
    );
    let list: Vec<_> = (1..9).map(|at| format!("\"G{at}\"")).collect();
    let mail = r#"row["Work Email"].endsWith("example.com")"#;
    let fast = format!("Grade in [{}] && {mail}", list.join(", "));
    write("fast.yaml", &fast, "one_of: [Active, Terminated, On Leave]");
    let told = |file: &str| {
        let (code, stdout, stderr) = run(dir.path(), &["bench", file, "--runs=1", "--json"]);
        assert_eq!(code, 0, "{stderr}");
        serde_json::from_str::<Value>(&stdout).unwrap()
    };
    let found = told("slow.yaml");
    assert_eq!(found["rules"][0]["step"], "column Worker Status");
    // Which of them takes a tenth of the time depends on the machine; that they are known does not.
    let instead = |part: &str| {
        let mut slow = found["slow"].as_array().unwrap().iter();
        slow.find(|slow| slow["part"] == part)
            .map(|slow| slow["instead"].to_string())
    };
    if let Some(said) = instead("filter") {
        assert!(said.contains("in [") && said.contains("endsWith"), "{said}");
    }
    if let Some(said) = instead("column Worker Status") {
        assert!(said.contains("`one_of` with these 3 values"), "{said}");
    }
    let fast = told("fast.yaml");
    assert_eq!(
        (&fast["rows"], &fast["body_bytes"]),
        (&found["rows"], &found["body_bytes"])
    );
    assert!(
        fast["slow"]
            .as_array()
            .unwrap()
            .iter()
            .all(|slow| slow["instead"] == json!([]))
    );
}

#[test]
fn a_bench_as_json() {
    let dir = workers();
    for target in ["null", "sandbox"] {
        let (code, stdout, stderr) = run(
            dir.path(),
            &[
                "bench", "p.yaml", "--json", "-q", "--runs=2", "--target", target,
            ],
        );
        assert_eq!((code, stderr.as_str()), (0, ""));
        let found: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(
            found["rows"],
            json!({ "read": 4, "filtered": 1, "rejected": 1 })
        );
        assert_eq!(
            (&found["target"], &found["runs"]),
            (&json!(target), &json!(2))
        );
        let header = WORKERS.find('\n').unwrap() + 1;
        assert_eq!(found["text_bytes"], WORKERS.len() - header);
        // The encoded rows, and the closing bracket on its own line.
        assert!(found["body_bytes"].as_u64().unwrap() > 100);
        let wholes = found["wholes"].as_array().unwrap().iter();
        let wholes: Vec<_> = wholes.map(|w| w["whole"].as_str().unwrap()).collect();
        assert_eq!(wholes, ["survey", "send", "survey and send"]);
        assert_eq!(files(dir.path()), ["p.yaml", "workers.csv"]);
    }
}

#[test]
fn every_way_of_knowing_the_length_is_measured() {
    let dir = workers();
    // What is sent while it is read must know at once which row of a key goes.
    let first = "validate.key={ column: employeeID, keep: first }";
    for set in [
        "upload.length=spooled",
        "upload.length=chunked",
        "upload.format=csv",
    ] {
        let args = [
            "bench", "p.yaml", "--json", "-q", "--runs=1", "--set", set, "--set", first,
        ];
        let (code, stdout, stderr) = run(dir.path(), &args);
        assert_eq!((code, stderr.as_str()), (0, ""), "{set}");
        let found: Value = serde_json::from_str(&stdout).unwrap();
        assert!(found["body_bytes"].as_u64().unwrap() > 100, "{set}");
    }
}

#[test]
fn a_bench_ends_with_a_code() {
    let dir = workers();
    let check = |args: &[&str], code: i32, expected: &str| {
        let mut all = vec!["bench", "p.yaml", "--runs=1", "--json"];
        all.extend_from_slice(args);
        let (found, stdout, stderr) = run(dir.path(), &all);
        assert_eq!(found, code, "{args:?} {stderr}");
        assert!(stderr.contains(expected), "{stderr}");
        stdout
    };
    check(&["--max-memory", "1000GiB"], 0, "");
    check(&["--max-memory", "64"], 2, "expected a size with its unit");
    check(&["--runs", "0"], 2, "");
    check(&["--target", "orgvue"], 2, "");
    check(
        &["--set", "source.path=-"],
        2,
        "a bench reads the source many times, and a stream can be read only once; name a file",
    );
    check(
        &["--set", "source.path=none.csv"],
        1,
        "none.csv: no such file",
    );
    if cfg!(target_os = "linux") {
        let stdout = check(
            &["--max-memory=1MiB"],
            1,
            "of memory were needed, more than --max-memory 1MiB (1.0 MB)\n",
        );
        // What was found is told all the same.
        assert!(stdout.contains("\"peak_memory\": "), "{stdout}");
    }
    assert_eq!(files(dir.path()), ["p.yaml", "workers.csv"]);
}
