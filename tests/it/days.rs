//! Dates as systems write them, told apart and read: what comes out of whole runs, and what is said.

use serde_json::Value;

use crate::run;
use crate::support::{Ended, Rig};

/// A pipeline of one `date` stage, and the people that it reads.
fn rig(stage: &str, more: &str, file: &str, text: &str) -> Rig {
    let rig = Rig::new();
    rig.write(file, text);
    rig.pipeline(
        &format!(
            "{more}source: {{ path: {file} }}\nstages:\n  - date: {stage}\nvalidate:\n  key: employeeID\n\
             rejects: {{ at_most: 100% }}"
        ),
        "identify_by: { id_key: employeeID }",
    );
    rig
}

/// Runs it: the exit code, what was sent, and the warnings.
fn outcome(rig: &Rig) -> (i32, Vec<String>, Vec<String>) {
    let ended = rig.run(&[]);
    let warnings = ended.report["warnings"].as_array().unwrap().iter();
    let warnings = warnings.map(|w| w.as_str().unwrap().to_owned()).collect();
    (ended.code, rig.items(), warnings)
}

fn hired(id: &str, day: &str) -> String {
    format!(r#"{{"employeeID":"{id}","hireDate":"{day}"}}"#)
}

/// Why a row was rejected, by its key.
fn reason(rig: &Rig, key: &str) -> String {
    let rejects = rig.read("rejects.csv");
    let row = rejects.lines().find(|line| line.starts_with(key));
    row.unwrap_or_default().to_owned()
}

#[test]
fn formats_that_contradict_each_other_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let lint = |from: &str, zone: &str| {
        let text = format!(
            "{zone}version: 1\nsource: {{ path: w.csv }}\nstages:\n  - date:\n      columns: [hired]\n      from: [{from}]\n\
             rejects: {{ at_most: 1% }}\ntarget: {{ sandbox: }}\n"
        );
        std::fs::write(dir.path().join("p.yaml"), text).unwrap();
        let (code, _, stderr) = run(dir.path(), &["lint", "p.yaml"]);
        (code, crate::without_excerpts(&stderr))
    };
    let refused =
        |place: &str, message: &str| (2, format!("p.yaml:{place}: stage 1 (date): {message}\n"));
    assert_eq!(
        lint("DD/MM/YYYY, MM/DD/YYYY", ""),
        refused(
            "6:26",
            "`MM/DD/YYYY` contradicts `DD/MM/YYYY`: 02/01/2021 is 2021-01-02 in the one and 2021-02-01 in the other; \
             state the one that the column has"
        )
    );
    assert_eq!(
        lint("YYYYMMDD, \"[epoch_s]\"", ""),
        refused(
            "6:24",
            "`[epoch_s]` contradicts `YYYYMMDD`: 20210101 is 2021-01-01 in the one and 1970-08-22 in the other; \
             state the one that the column has"
        )
    );
    let good = (0, "p.yaml: ok\n".to_owned());
    for from in [
        "DD/MM/YYYY, D MMM YYYY",
        "YYYY-MM-DD, YYYYMMDD, \"[excel]\"",
        "DD.MM.YYYY, D.M.YYYY",
    ] {
        assert_eq!(lint(from, ""), good, "{from}");
    }
    // The letter and the offset are the same until there is a zone.
    let both = r#""YYYY-MM-DDTHH:mm:ss[Z]", "YYYY-MM-DDTHH:mm:ssZ""#;
    assert_eq!(lint(both, ""), good);
    assert_eq!(
        lint(both, "time_zone: Europe/Berlin\n"),
        refused(
            "7:40",
            "`YYYY-MM-DDTHH:mm:ssZ` contradicts `YYYY-MM-DDTHH:mm:ss[Z]`: 2021-01-02T23:59:59Z is 2021-01-02 in the one \
             and 2021-01-03 in the other; state the one that the column has"
        )
    );
}

#[test]
fn a_moment_becomes_the_day_of_a_zone() {
    let ndjson = r#"{"employeeID":"1","hireDate":"2021-03-14T23:00:00Z"}
{"employeeID":"2","hireDate":"2021-06-30T22:00:00.000Z"}
{"employeeID":"3","hireDate":"2021-01-01T00:00:00+01:00"}
"#;
    let from = r#"["YYYY-MM-DDTHH:mm:ssZ", "YYYY-MM-DDTHH:mm:ss.SSSZ"]"#;
    let stage = |zone: &str| format!("{{ columns: [hireDate], from: {from}{zone} }}");
    let berlin = vec![
        hired("1", "2021-03-15"),
        hired("2", "2021-07-01"),
        hired("3", "2021-01-01"),
    ];
    let rig_of = |stage: &str, more: &str| rig(stage, more, "w.ndjson", ndjson);
    let stated = rig_of(&stage(", zone: Europe/Berlin"), "");
    assert_eq!(outcome(&stated), (0, berlin.clone(), vec![]));
    // The pipeline's zone is that of its stages, unless they state their own.
    let top = rig_of(&stage(""), "time_zone: Europe/Berlin\n");
    assert_eq!(outcome(&top), (0, berlin, vec![]));
    let as_written = vec![
        hired("1", "2021-03-14"),
        hired("2", "2021-06-30"),
        hired("3", "2021-01-01"),
    ];
    let dropped = "stage 1 (date): hireDate: 2 times of day other than midnight were dropped; the day is the one that is \
                   written, and `zone` converts it to a time zone";
    let without = rig_of(&stage(""), "");
    assert_eq!(outcome(&without), (0, as_written, vec![dropped.to_owned()]));
}

#[test]
fn a_day_with_an_offset_is_that_day() {
    let csv = "employeeID,hireDate\n1,2021-03-15-08:00\n2,2021-03-15+14:00\n3,2021-03-15Z\n4,2021-03-15\n";
    let rig = rig(
        "{ columns: [hireDate], from: YYYY-MM-DDZ }",
        "time_zone: Pacific/Honolulu\n",
        "w.csv",
        csv,
    );
    let (code, items, warnings) = outcome(&rig);
    let expected: Vec<_> = ["1", "2", "3"].map(|id| hired(id, "2021-03-15")).into();
    assert_eq!((code, items, warnings), (3, expected, vec![]));
    assert!(reason(&rig, "4,").contains("expected a date as YYYY-MM-DDZ"));
}

#[test]
fn years_of_two_digits_have_their_century_stated() {
    let csv = "employeeID,birthDate,hireDate\n1,04-JUL-61,01-APR-19\n2,29-FEB-04,02-JAN-26\n3,23-OCT-88,15-NOV-49\n";
    let rig = Rig::new();
    rig.write("w.csv", csv);
    let pipeline = |birth: &str, hire: &str| {
        rig.pipeline(
            &format!(
                "source: {{ path: w.csv }}\nstages:\n  - date: {{ columns: [birthDate], from: DD-MMM-YY{birth} }}\n  \
                 - date: {{ columns: [hireDate], from: DD-MMM-YY{hire} }}\nvalidate: {{ key: employeeID }}"
            ),
            "identify_by: { id_key: employeeID }",
        );
    };
    pipeline(", century_from: 1927", ", century_from: 1950");
    assert_eq!(rig.run(&[]).code, 0);
    assert_eq!(
        rig.items(),
        [
            r#"{"employeeID":"1","birthDate":"1961-07-04","hireDate":"2019-04-01"}"#,
            r#"{"employeeID":"2","birthDate":"2004-02-29","hireDate":"2026-01-02"}"#,
            r#"{"employeeID":"3","birthDate":"1988-10-23","hireDate":"2049-11-15"}"#,
        ]
    );
    pipeline(", century_from: 1927", "");
    let (code, stderr) = rig.ask(&["lint", "pipeline.yaml"]);
    assert_eq!(code, 2, "{stderr}");
    let message = "pipeline.yaml:5:40: stage 2 (date): date format `DD-MMM-YY` has `YY`, a year of two digits: a `date` \
                   stage reads `YY` where the first of the hundred years is stated, as in `century_from: 1927` for 1927 \
                   to 2026";
    assert!(stderr.contains(message), "{stderr}");
}

#[test]
fn numbers_are_days() {
    let csv =
        "employeeID,hireDate\n1,44270\n2,2021-11-15\n3,43890.0\n4,\n5,60\n6,0\n7,44270.75\n8,59\n";
    let excel = rig(
        r#"{ columns: [hireDate], from: [YYYY-MM-DD, "[excel]"] }"#,
        "",
        "w.csv",
        csv,
    );
    let (code, items, warnings) = outcome(&excel);
    let expected = vec![
        hired("1", "2021-03-15"),
        hired("2", "2021-11-15"),
        hired("3", "2020-02-29"),
        r#"{"employeeID":"4"}"#.to_owned(),
        hired("7", "2021-03-15"),
        hired("8", "1900-02-28"),
    ];
    assert_eq!((code, items), (3, expected));
    assert_eq!(
        warnings,
        ["stage 1 (date): hireDate: 1 time of day other than midnight was dropped"]
    );
    for key in ["5,", "6,"] {
        let reason = reason(&excel, key);
        assert!(
            reason.contains("expected a date as YYYY-MM-DD or [excel]"),
            "{reason}"
        );
    }
    // JSON's numbers, and what OData makes of them.
    for (from, cells) in [
        ("[epoch_ms]", ["1615766400000", "-2208988800000"]),
        ("[epoch_s]", ["1615766400", "-2208988800"]),
        ("[excel1904]", ["42808", "0"]),
        (
            "[odata]",
            [
                r#""/Date(1615766400000)/""#,
                r#""\/Date(-2208988800000+0000)\/""#,
            ],
        ),
    ] {
        let [one, two] = cells;
        let json = format!(
            r#"[{{"employeeID":"1","hireDate":{one}}},{{"employeeID":"2","hireDate":{two}}}]"#
        );
        let first = if from == "[excel1904]" {
            "1904-01-01"
        } else {
            "1900-01-01"
        };
        let expected = vec![hired("1", "2021-03-15"), hired("2", first)];
        let stage = format!("{{ columns: [hireDate], from: \"{from}\" }}");
        assert_eq!(
            outcome(&rig(&stage, "", "w.json", &json)),
            (0, expected, vec![]),
            "{from}"
        );
    }
}

#[test]
fn a_number_that_is_not_written_as_one_is_told() {
    let rig = rig(
        "{ columns: [hireDate], from: [YYYY-MM-DD, EXCEL] }",
        "",
        "w.csv",
        "",
    );
    let (code, stderr) = rig.ask(&["lint", "pipeline.yaml"]);
    assert_eq!(code, 2, "{stderr}");
    let message = "stage 1 (date): date format `EXCEL` is written `[excel]`, and in YAML within quotes: \"[excel]\"";
    assert!(stderr.contains(message), "{stderr}");
}

#[test]
fn months_have_names_in_the_language_that_is_stated() {
    let csv =
        "employeeID,hireDate\n1,15. Mär. 2021\n2,1. Okt. 2019\n3,24. DEZ. 2020\n4,3. Mai 2018\n";
    let rig_of = |settings: &str| {
        rig(
            &format!("{{ columns: [hireDate], {settings} }}"),
            "",
            "w.csv",
            csv,
        )
    };
    let read = vec![
        hired("1", "2021-03-15"),
        hired("2", "2019-10-01"),
        hired("3", "2020-12-24"),
    ];
    let german = rig_of("from: D. MMM. YYYY, language: de");
    assert_eq!(outcome(&german), (3, read.clone(), vec![]));
    assert!(
        reason(&german, "4,").contains("expected a date as D. MMM. YYYY; month names are German")
    );
    let both = rig_of("from: [D. MMM. YYYY, D. MMM YYYY], language: de");
    let all = [read, vec![hired("4", "2018-05-03")]].concat();
    assert_eq!(outcome(&both), (0, all, vec![]));
    let english = rig_of("from: D. MMM. YYYY");
    let ended = english.run(&[]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    assert!(reason(&english, "1,").contains("month names are English, set `language` for another"));
    let unknown = rig_of("from: D. MMM. YYYY, language: xx");
    let (code, stderr) = unknown.ask(&["lint", "pipeline.yaml"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("expected one of"), "{stderr}");
}

#[test]
fn years_far_off_are_told_and_stay() {
    let csv = "employeeID,hireDate\n1,31.12.9999\n2,01.02.2021\n3,31.12.9999\n4,01.02.1021\n";
    let stage = "{ columns: [hireDate], from: DD.MM.YYYY }";
    let rig = rig(stage, "", "w.csv", csv);
    let (code, items, warnings) = outcome(&rig);
    assert_eq!((code, items.len()), (0, 4));
    let expected = "stage 1 (date): hireDate: the years of 3 dates are before 1850 or after 2200; if they mean that there is \
                    no date, `- empty: { columns: [hireDate], values: [\"31.12.9999\"] }` before this stage takes them \
                    out";
    assert_eq!(warnings, [expected]);
    // The line does what it says.
    let line = expected.split('`').nth(1).unwrap();
    let pipeline = rig.read("pipeline.yaml");
    rig.write(
        "pipeline.yaml",
        pipeline.replace("stages:\n", &format!("stages:\n  {line}\n")),
    );
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.says("hireDate: the year of 1 date is before 1850 or after 2200");
    rig.write("pipeline.yaml", &pipeline);
    // Rules reject them where rules say so.
    let rules = "columns: { hireDate: { type: date, max: 2100-01-01, min: 1900-01-01 } }";
    let pipeline = rig
        .read("pipeline.yaml")
        .replace("validate:\n", &format!("validate:\n  {rules}\n"));
    rig.write("pipeline.yaml", pipeline);
    let ended = rig.run(&["--set", "rejects.at_most=100%"]);
    assert_eq!(
        (ended.code, ended.count("rejected")),
        (3, 3),
        "{}",
        ended.stderr
    );
}

/// What is told is counted once, however often the source is gone through.
#[test]
fn what_is_told_is_counted_once() {
    let csv = "employeeID,hireDate\n1,2021-03-04 10:00\n1,2021-03-05 10:00\n2,9999-12-31 00:00\n";
    let rig = rig(
        "{ columns: [hireDate], from: \"YYYY-MM-DD HH:mm\" }",
        "",
        "w.csv",
        csv,
    );
    let (code, items, warnings) = outcome(&rig);
    assert_eq!((code, items.len()), (3, 1));
    let dropped = "stage 1 (date): hireDate: 2 times of day other than midnight were dropped";
    assert!(warnings.iter().any(|w| w == dropped), "{warnings:?}");
    assert!(
        warnings
            .iter()
            .any(|w| w.contains("the year of 1 date is before")),
        "{warnings:?}"
    );
}

/// Somebody who is hired today by the clocks of one side of the earth, and tomorrow by those of the other.
#[test]
fn today_is_that_of_the_time_zone() {
    let now = jiff::Timestamp::now();
    let day_in = |name: &str| {
        jiff::tz::TimeZone::get(name)
            .unwrap()
            .to_datetime(now)
            .date()
    };
    // These two never have the same day.
    let (east, west) = ("Pacific/Kiritimati", "Pacific/Midway");
    let csv = format!("employeeID,hireDate\n1,{}\n2,2020-01-01\n", day_in(east));
    let run = |time_zone: &str| -> (Ended, Rig) {
        let rig = Rig::new();
        rig.write("w.csv", &csv);
        rig.pipeline(
            &format!(
                "{time_zone}source: {{ path: w.csv }}\nvalidate:\n  key: employeeID\n  columns: {{ hireDate: {{ type: date, max: \
                 today }} }}\nrejects: {{ at_most: 100% }}"
            ),
            "identify_by: { id_key: employeeID }",
        );
        (rig.run(&[]), rig)
    };
    let told = |ended: &Ended| ["time_zone", "today"].map(|name| ended.report[name].clone());
    let (ended, _) = run(&format!("time_zone: {east}\n"));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(
        told(&ended),
        [Value::from(east), day_in(east).to_string().into()]
    );
    let (ended, rig) = run(&format!("time_zone: {west}\n"));
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert_eq!(
        told(&ended),
        [Value::from(west), day_in(west).to_string().into()]
    );
    let message = format!("expected today ({} in {west}) or earlier", day_in(west));
    assert!(
        reason(&rig, "1,").contains(&message),
        "{}",
        rig.read("rejects.csv")
    );
    let (ended, _) = run("");
    assert_eq!(
        told(&ended),
        [Value::from("UTC"), day_in("UTC").to_string().into()]
    );
}

#[test]
fn zones_that_nobody_knows_are_refused() {
    let moment = "columns: [hireDate], from: \"YYYY-MM-DDTHH:mm:ssZ\"";
    let rig = rig(
        &format!("{{ {moment}, zone: Europe/Berln }}"),
        "",
        "w.csv",
        "",
    );
    let (code, stderr) = rig.ask(&["lint", "pipeline.yaml"]);
    assert_eq!(code, 2, "{stderr}");
    let message = "stage 1 (date): `zone: Europe/Berln` is not a known time zone, expected one such as \
                   Europe/Berlin or UTC";
    assert!(stderr.contains(message), "{stderr}");
}
