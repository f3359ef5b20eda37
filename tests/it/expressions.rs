//! Expressions over real files: numbers, days, names of any script, and what is said of those that can't be meant.

use std::path::Path;

use serde_json::{Value, json};

use crate::run;

fn write(dir: &Path, name: &str, text: &str) {
    std::fs::write(dir.join(name), text).unwrap();
}

/// A pipeline over `w.csv`, or what `source` says.
fn pipeline(dir: &Path, source: &str, rest: &str) {
    let text = format!(
        "version: 1\nsource: {source}\n{rest}target: {{ sandbox: }}\nrejects: {{ at_most: 100% }}\n"
    );
    write(dir, "p.yaml", &text);
}

const CSV: &str = "{ path: w.csv, format: csv }";

/// The rows as they would be sent, without the action.
fn sent(dir: &Path) -> Vec<Value> {
    let (code, stdout, stderr) = run(dir, &["preview", "p.yaml", "--json"]);
    assert_eq!(code, 0, "{stderr}");
    let rows = stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let sent = rows.filter(|row| row["state"] == "sent");
    sent.map(|mut row| {
        let mut after = row["after"].take();
        after.as_object_mut().unwrap().remove("_action");
        after
    })
    .collect()
}

/// The text of what would be sent, for digits that JSON's own numbers would not keep.
fn sent_text(dir: &Path) -> String {
    run(dir, &["preview", "p.yaml", "--json"]).1
}

#[test]
fn a_number_is_a_number_whatever_its_digits() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let stages = "stages:\n\
        \x20 - number: [pay]\n\
        \x20 - set:\n\
        \x20     twice: pay * 2\n\
        \x20     more: pay + 1\n\
        \x20     half: pay / 2\n\
        \x20     known: pay in [7, 50000.5]\n\
        \x20     same: 'id == \"0\" ? 0 : pay'\n\
        \x20     text: '\"#\" + string(pay)'\n\
        \x20     large: pay == 9007199254740993\n\
        \x20 - filter: pay > 4\n";
    let rows = [
        ("7", "14", "8", "3.5", "true", "false"),
        ("50000.5", "100001", "50001.5", "25000.25", "true", "false"),
        ("50000.50", "100001", "50001.5", "25000.25", "true", "false"),
        (
            "9007199254740993",
            "18014398509481984",
            "9007199254740992",
            "4503599627370496",
            "false",
            "true",
        ),
        (
            "9007199254740992",
            "18014398509481984",
            "9007199254740992",
            "4503599627370496",
            "false",
            "false",
        ),
        (
            "12345678901234567890.125",
            "24691357802469134000",
            "12345678901234567000",
            "6172839450617284000",
            "false",
            "false",
        ),
    ];
    let csv: String = rows.iter().map(|row| format!("1,{}\n", row.0)).collect();
    write(dir, "w.csv", &format!("id,pay\n{csv}1,3.99\n"));
    let ndjson: String = rows
        .iter()
        .map(|row| format!("{{\"id\":\"1\",\"pay\":{}}}\n", row.0))
        .collect();
    write(dir, "w.ndjson", &ndjson);
    for source in [CSV, "{ path: w.ndjson, format: ndjson }"] {
        pipeline(dir, source, stages);
        let (code, _, stderr) = run(dir, &["lint", "p.yaml"]);
        assert_eq!((code, stderr.contains("warning")), (0, false), "{stderr}");
        let text = sent_text(dir);
        for (pay, twice, more, half, known, large) in rows {
            let row = format!(
                "\"pay\":{pay},\"twice\":{twice},\"more\":{more},\"half\":{half},\"known\":{known},\"same\":{pay},\"text\":\"#{pay}\",\"large\":{large}}}"
            );
            assert!(text.contains(&row), "{source}\n{text}\n{row}");
        }
        assert!(!text.contains("3.99\",\"twice"), "{text}");
    }
}

#[test]
fn numbers_of_a_constant_keep_their_digits() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    write(dir, "w.csv", "id\n1\n");
    pipeline(
        dir,
        CSV,
        "stages:\n  - set: { one: { value: 1.0 }, part: { value: 0.80 }, much: { value: 1e3 }, few: 2.50, text: { value: \"1.0\" } }\n",
    );
    let text = sent_text(dir);
    assert!(
        text.contains("\"one\":1.0,\"part\":0.80,\"much\":1e3,\"few\":2.50,\"text\":\"1.0\""),
        "{text}"
    );
}

#[test]
fn days_are_calculated_with() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let today = jiff::tz::TimeZone::UTC
        .to_datetime(jiff::Timestamp::now())
        .date();
    let day = |days: i64| (today - jiff::SignedDuration::from_hours(24 * days)).to_string();
    write(
        dir,
        "w.csv",
        &format!(
            "id,status,left,hired\n1,Active,,2024-02-29\n2,Terminated,{},2026-01-31\n3,Terminated,{},2026-12-01\n4,Terminated,,2000-01-01\n",
            day(3),
            day(30)
        ),
    );
    pipeline(
        dir,
        CSV,
        "stages:\n\
         \x20 - filter: status != \"Terminated\" || left == \"\" || date(left) >= today() - days(14)\n\
         \x20 - set: { probation: date(hired) + days(90), year: date(hired).getFullYear() }\n\
         \x20 - drop: [left]\n",
    );
    assert_eq!(
        sent(dir),
        [
            json!({"id": "1", "status": "Active", "hired": "2024-02-29", "probation": "2024-05-29", "year": 2024}),
            json!({"id": "2", "status": "Terminated", "hired": "2026-01-31", "probation": "2026-05-01", "year": 2026}),
            json!({"id": "4", "status": "Terminated", "hired": "2000-01-01", "probation": "2000-03-31", "year": 2000}),
        ]
    );
    // a day that is not one costs its row, and says why
    write(
        dir,
        "w.csv",
        "id,status,left,hired\n1,Terminated,31/01/2026,2024-02-29\n2,Active,,\n3,x,,2026-01-01\n",
    );
    let (code, _, stderr) = run(dir, &["check", "p.yaml", "--no-progress"]);
    assert_eq!(code, 3, "{stderr}");
    let rejects = std::fs::read_to_string(dir.join("rejects.check.csv")).unwrap();
    assert!(
        rejects.contains(
            "`date` takes a day written YYYY-MM-DD; a `date` stage before it converts other formats"
        ),
        "{rejects}"
    );
    assert!(
        rejects.contains("`date` was given empty text, say what an empty cell means"),
        "{rejects}"
    );
    assert_eq!(rejects.lines().count(), 3, "{rejects}");
}

#[test]
fn names_have_letters_of_any_script() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    write(
        dir,
        "w.csv",
        "id,Straße,名前,E-Mail\n1,x,山田,a@x\n2,y,佐藤,b@x\n",
    );
    pipeline(
        dir,
        CSV,
        "stages:\n  - filter: Straße == \"x\" && row[\"E-Mail\"] != \"\"\n  - set: { both: 名前 + \" \" + Straße }\n",
    );
    assert_eq!(
        sent(dir),
        [json!({"id": "1", "Straße": "x", "名前": "山田", "E-Mail": "a@x", "both": "山田 x"})]
    );
    let said = |filter: &str, command: &str| {
        pipeline(dir, CSV, &format!("stages:\n  - filter: {filter}\n"));
        let (code, _, stderr) = run(dir, &[command, "p.yaml", "--no-progress"]);
        assert_eq!(code, 2, "{stderr}");
        stderr
    };
    for (filter, command, expected) in [
        (
            "E-Mail == \"a@x\"",
            "check",
            "if `E-Mail` is the name of a column, write row[\"E-Mail\"]",
        ),
        (
            "matches(E-Mail, \"a\") && Straße == \"x\"",
            "lint",
            "if `E-Mail` is the name of a column, write row[\"E-Mail\"]",
        ),
        (
            "Straße Nr == \"x\"",
            "lint",
            "p.yaml:4:13: stage 1 (filter): line 1, column 8 of the expression: mismatched input 'Nr'; a column whose name is \
             not a plain word is written row[\"Straße Nr\"]",
        ),
        (
            "Strasse == \"x\" && id != \"\"",
            "check",
            "p.yaml:4:13: stage 1 (filter): no column `Strasse` here, did you mean `Straße`?",
        ),
        (
            "Straße.Nr == \"x\" && id != \"\"",
            "check",
            "no column `Straße.Nr` here; `Straße` is one, and its cells have no members",
        ),
    ] {
        let stderr = said(filter, command);
        assert!(stderr.contains(expected), "{filter}\n{stderr}");
    }
    // where the cells may be of any kind, the header shows that there is no such column
    write(dir, "w.ndjson", "{\"id\":1,\"E-Mail\":5}\n");
    pipeline(
        dir,
        "{ path: w.ndjson }",
        "stages:\n  - filter: id > 0 && E-Mail == 5\n",
    );
    let (code, _, stderr) = run(dir, &["check", "p.yaml", "--no-progress"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("no column `E` here; the column `E-Mail` is written row[\"E-Mail\"]"),
        "{stderr}"
    );
}

/// Told before the run; nobody is rejected for it.
#[test]
fn an_expression_that_no_row_can_answer_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    write(dir, "w.csv", "Employee ID,pay\n1,5\n");
    for (stages, expected) in [
        (
            "  - rename: { Employee ID: id }\n  - filter: startsWith(id, \"1\")\n",
            "p.yaml:5:13: stage 2 (filter): `startsWith` is written `id.startsWith(\"1\")`\n",
        ),
        (
            "  - filter: pay.startsWith()\n",
            "p.yaml:4:13: stage 1 (filter): `startsWith` takes 1 argument, found 0\n",
        ),
        (
            "  - filter: pay.startsWith(5)\n",
            "p.yaml:4:13: stage 1 (filter): `pay.startsWith(5)`: `startsWith` takes text here, and `5` is a number; \
             write `string(5)`\n",
        ),
        (
            "  - filter: pay.substring(0.5) == \"\"\n",
            "p.yaml:4:13: stage 1 (filter): `pay.substring(0.5)`: `substring` takes a whole number here, and `0.5` has a \
             fraction\n",
        ),
        (
            "  - filter: date(pay) > \"2026-01-31\"\n",
            "p.yaml:4:13: stage 1 (filter): `date(pay) > \"2026-01-31\"` compares a date with text; \
             write `date(pay) > date(\"2026-01-31\")`\n",
        ),
        (
            "  - filter: date(pay) > date(\"2026-02-30\")\n",
            "p.yaml:4:13: stage 1 (filter): `date(\"2026-02-30\")`: `date` takes a day written YYYY-MM-DD; \
             a `date` stage before it converts other formats\n",
        ),
        (
            "  - filter: pay == \"\" || int(\"five\") == 5\n",
            "p.yaml:4:13: stage 1 (filter): `int(\"five\")`: `int` takes only digits, such as 42 or -7: no blanks, separators or \
             decimal places\n",
        ),
        (
            "  - filter: pay != \"\" && today() - 14 > date(pay)\n",
            "p.yaml:4:13: stage 1 (filter): `today() - 14`: `-` does not take a date and a number; \
             a number of days is written `days(14)`\n",
        ),
    ] {
        pipeline(dir, CSV, &format!("stages:\n{stages}"));
        for command in ["lint", "check"] {
            let (code, _, stderr) = run(dir, &[command, "p.yaml"]);
            let stderr = crate::without_excerpts(&stderr);
            assert_eq!((code, &*stderr), (2, expected), "{command} {stages}");
        }
    }
}

/// Where only the data can show it, a run in which it failed on every row ends with 4 and says why.
#[test]
fn an_expression_that_fails_on_every_row_ends_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    write(
        dir,
        "w.ndjson",
        "{\"id\":1,\"pay\":5}\n{\"id\":2,\"pay\":7}\n",
    );
    pipeline(
        dir,
        "{ path: w.ndjson }",
        "stages:\n  - filter: pay.startsWith(\"5\")\n",
    );
    for command in ["check", "run"] {
        let (code, _, stderr) = run(dir, &[command, "p.yaml", "--no-progress"]);
        assert_eq!(code, 4, "{stderr}");
        let told = "stage 1 (filter): the expression failed on every row: `startsWith` does not take (number, text)";
        assert!(stderr.contains(told), "{stderr}");
    }
    // one that fails on some rows costs those
    write(
        dir,
        "w.ndjson",
        "{\"id\":1,\"pay\":5}\n{\"id\":2,\"pay\":\"5\"}\n",
    );
    let (code, _, stderr) = run(dir, &["check", "p.yaml", "--no-progress"]);
    assert_eq!((code, stderr.contains("every row")), (3, false), "{stderr}");
}

#[test]
fn the_order_of_text_is_told_by_lint() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let said = |rest: &str| {
        pipeline(dir, CSV, rest);
        let (code, _, stderr) = run(dir, &["lint", "p.yaml"]);
        assert_eq!(code, 0, "{stderr}");
        crate::without_excerpts(&stderr)
    };
    assert_eq!(
        said("stages:\n  - filter: level < \"9\"\n"),
        "p.yaml:4:13: warning: stage 1 (filter): `level < \"9\"` compares text character by character, so that \"10\" comes \
         before \"9\": for numbers write `double(level) < 9`, or add a `number` stage before; for days \
         `date(level) < date(\"9\")`, or a `date` stage\np.yaml: ok\n"
    );
    assert_eq!(
        said("validate:\n  rows:\n    - { assert: left == \"\" || left >= hired, code: early }\n"),
        "p.yaml:5:17: warning: `left >= hired` compares text character by character, so that \"10\" comes before \"9\": \
         for numbers write `double(left) >= double(hired)`, or add a `number` stage before; for days \
         `date(left) >= date(hired)`, or a `date` stage\np.yaml: ok\n"
    );
    for quiet in [
        "stages:\n  - date: { columns: [left, hired], from: DD/MM/YYYY }\n  - filter: left >= hired && hired > \"2020-01-01\"\n",
        "stages:\n  - filter: double(level) < 9.0\n",
        "stages:\n  - filter: date(left) >= date(hired)\n",
        "stages:\n  - number: [level]\n  - filter: level < 9\n",
        "stages:\n  - filter: level < \"M\"\n",
    ] {
        assert_eq!(said(quiet), "p.yaml: ok\n", "{quiet}");
    }
    let slashes = "stages:\n  - date: { columns: [left, hired], from: YYYY-MM-DD, to: DD/MM/YYYY }\n  - filter: left >= hired\n";
    assert!(said(slashes).contains("character by character"));
}

/// Letters that it leaves alone are told where there are some.
#[test]
fn the_limit_of_lower_ascii_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    pipeline(dir, CSV, "stages:\n  - set: { low: name.lowerAscii() }\n");
    let told = "`low`: `name.lowerAscii()` changes only A to Z and leaves letters such as Ä and é as they are; \
                a `case` stage (`to: lower`) changes them all";
    let (code, _, stderr) = run(dir, &["lint", "p.yaml"]);
    assert_eq!((code, stderr.contains(told)), (0, true), "{stderr}");
    for (name, times) in [("Ana", 1), ("Änne", 2)] {
        write(dir, "w.csv", &format!("id,name\n1,{name}\n"));
        let (code, _, stderr) = run(dir, &["check", "p.yaml", "--no-progress"]);
        assert_eq!((code, stderr.matches(told).count()), (0, times), "{stderr}");
    }
}

#[test]
fn numbers_for_people_are_read_as_stated() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    write(
        dir,
        "w.csv",
        "id;pay;share;debt\n1;CHF 1’234.50;12.5 %;(100)\n2;−1'000;50%;100-\n3;Fr. 5;100%;−7\n",
    );
    pipeline(
        dir,
        "{ path: w.csv, format: csv, csv: { delimiter: \";\" } }",
        "stages:\n\
         \x20 - number: { columns: [pay], thousands: \"'\", currency: [CHF, Fr.] }\n\
         \x20 - number: { columns: [share], percent: divide }\n\
         \x20 - number: { columns: [debt], parentheses: true, trailing_minus: true }\n",
    );
    let text = sent_text(dir);
    for row in [
        "\"pay\":1234.50,\"share\":0.125,\"debt\":-100}",
        "\"pay\":-1000,\"share\":0.5,\"debt\":-100}",
        "\"pay\":5,\"share\":1,\"debt\":-7}",
    ] {
        assert!(text.contains(row), "{text}\n{row}");
    }
    // without the settings, each is rejected with the one that would read it
    pipeline(
        dir,
        "{ path: w.csv, format: csv, csv: { delimiter: \";\" } }",
        "stages:\n  - number: [pay, share, debt]\n",
    );
    let (code, _, stderr) = run(dir, &["check", "p.yaml", "--no-progress"]);
    assert_eq!(code, 4, "{stderr}");
    let rejects = std::fs::read_to_string(dir.join("rejects.check.csv")).unwrap();
    for told in [
        "`currency` with `thousands: \"\"'\"\"` would read this one",
        "`percent: keep` or `divide` would read this one",
        "`parentheses: true` would read this one",
        "`trailing_minus: true` would read this one",
    ] {
        assert!(rejects.contains(told), "{rejects}\n{told}");
    }
    assert!(
        !stderr.contains("1’234") && !stderr.contains("12.5"),
        "{stderr}"
    );
}
