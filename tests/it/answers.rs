//! What servers say again and again, or at great length: how often they are asked, and how much of it is shown.

use std::fmt::Write;

use crate::support::{Call, Deed, Rig};

const IMPORT: &str = "action: create\nidentify_by: { id_key: employeeID }";

fn rig(rig: Rig, rows: u32, sections: &str) -> Rig {
    let header = "employeeID,fullName\n".to_owned();
    let rows = (1..=rows).fold(header, |text, id| text + &format!("{id:08},Ann\n"));
    rig.write("workers.csv", rows);
    rig.pipeline(
        &format!("source: {{ path: workers.csv }}\n{sections}"),
        IMPORT,
    );
    rig
}

/// A name under `.invalid` stands for no machine anywhere (RFC 6761).
#[test]
fn a_name_that_nobody_knows() {
    let rig = rig(Rig::new(), 3, "");
    let base = "target.orgvue.base_url=https://orgvue.invalid/secret-path";
    let ended = rig.run(&["--set", base]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let error = ended.error();
    let expected = "error: cannot list the tenant's data sets: cannot connect to orgvue.invalid: ";
    assert!(error.starts_with(expected), "{error}");
    for text in ["https:", "secret-path"] {
        assert!(!ended.stderr.contains(text), "{}", ended.stderr);
    }
    assert_eq!(
        ended.stderr.matches("trying again").count(),
        3,
        "{}",
        ended.stderr
    );
    assert_eq!(rig.taken(), (0, 0));
}

const SLOW_DOWN: &str = "<Error><Code>SlowDown</Code><Message>Please reduce your \u{1b}[31mrequest rate.</Message></Error>";

#[test]
fn a_storage_that_is_overrun() {
    for (refusals, code, puts) in [(2, 0, 3), (usize::MAX, 1, 3)] {
        let rig =
            rig(Rig::new(), 3, "upload: { attempts: 3 }").behind(move |call| match call.step {
                "put" if call.before < refusals => Deed::Answer(503, SLOW_DOWN),
                _ => Deed::Pass,
            });
        let ended = rig.run(&[]);
        assert_eq!(ended.code, code, "{}", ended.stderr);
        assert_eq!((rig.calls("put"), rig.calls("generate")), (puts, puts));
        assert_eq!(ended.report["upload"]["attempts"], puts);
        assert!(!ended.stderr.contains('\u{1b}'), "{}", ended.stderr);
        if code == 0 {
            assert_eq!(rig.items().len(), 3);
        } else {
            assert_eq!(
                ended.error(),
                "error: the storage refused the upload with status 503: SlowDown: Please reduce your [31mrequest rate."
            );
            assert_eq!((rig.taken(), rig.items().len()), ((0, 0), 0));
        }
    }
}

/// None of these is the end of the job, and none is taken for it.
#[test]
fn tickets_that_say_odd_things() {
    let rig = rig(Rig::new(), 3, "").behind(|call| match call {
        Call {
            step: "ticket",
            before,
        } => match before {
            0 => Deed::Answer(200, r#"{"jobStatus":"running"}"#),
            1 => Deed::Answer(
                200,
                r#"{"errors":[{"name":"Oops","code":"500001","message":"m"}]}"#,
            ),
            2 => Deed::Answer(200, r#"{"jobStatus":"pon\u001b[31mdering"}"#),
            3 => Deed::Answer(200, r#"{"jobStatus":"created"}"#),
            4 => Deed::Answer(429, "{}"),
            _ => Deed::Pass,
        },
        _ => Deed::Pass,
    });
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.calls("ticket"), 6);
    assert_eq!(ended.count("accepted"), 3);
    ended.says("a state that the API's contract does not name; still waiting");
    assert!(!ended.stderr.contains('\u{1b}'), "{}", ended.stderr);
}

/// All of them are in the rejects file; on the screen is how many there are of each kind.
#[test]
fn thousands_of_refused_rows() {
    const ROWS: u32 = 5_000;
    let mut items = String::from("[");
    for id in 1..=ROWS {
        let comma = if id == 1 { "" } else { "," };
        write!(items, r#"{comma}{{"employeeID":"{id:08}"}}"#).unwrap();
    }
    items.push(']');
    let rig = rig(Rig::holding(&items, |_| {}), ROWS, "");
    let ended = rig.run(&["--partial-ok"]);
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    assert_eq!(ended.report["outcome"], "refused");
    ended.says("error: the server refused all 5000 rows that were sent, most often for ");
    assert_eq!(ended.count("failed"), u64::from(ROWS));
    assert_eq!(rig.read("rejects.csv").lines().count(), ROWS as usize + 1);
    let screen = &ended.stderr;
    assert!(
        screen.lines().count() < 20 && screen.len() < 2_000,
        "{screen}"
    );
    assert!(!screen.contains("0000"), "{screen}");
    assert_eq!(
        ended.report["refused"]["by_code"].as_array().unwrap().len(),
        1
    );
    assert!(ended.report.to_string().len() < 10_000);
}

/// A job that fails for every row of it names the first few.
#[test]
fn a_job_that_fails_in_many_ways() {
    let mut ticket = r#"{"jobStatus":"failed","errors":["#.to_owned();
    for n in 0..300 {
        let comma = if n == 0 { "" } else { "," };
        write!(
            ticket,
            r#"{comma}{{"name":"Bad{n}","code":"400{n:03}","message":"Row {n} is bad."}}"#
        )
        .unwrap();
    }
    ticket.push_str("]}");
    // It is needed for as long as the proxy lives, which is to the end of the test.
    let ticket: &'static str = ticket.leak();
    let rig = rig(Rig::new(), 3, "").behind(move |call| match call.step {
        "ticket" => Deed::Answer(200, ticket),
        _ => Deed::Pass,
    });
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    assert_eq!(
        ended.error(),
        "error: the import job failed at the server; Bad0 (400000): Row 0 is bad; Bad1 (400001): Row 1 is bad; \
         Bad2 (400002): Row 2 is bad; Bad3 (400003): Row 3 is bad; Bad4 (400004): Row 4 is bad; and others \
         (trace [trace])"
    );
}

/// A row is named in the rejects file only where it is certain which one the server means, or where it is said that
/// this is believed and not known.
#[test]
fn results_are_matched_to_rows_or_it_is_said_that_they_are_not() {
    const OK: &str = r#""_status":"success""#;
    const NO: &str = r#""_status":"failed","errors":[{"name":"No","message":"m"}]"#;
    /// What is refused, each as its line and what is told of it, and the warning.
    #[track_caller]
    fn check(settings: &str, results: &[String], refused: &[&str], warning: &str) {
        let results: &'static str = format!("[{}]", results.join(",")).leak();
        let rig = rig(Rig::new(), 3, "validate: { key: employeeID }");
        rig.pipeline(
            "source: { path: workers.csv }\nvalidate: { key: employeeID }",
            &format!("{IMPORT}\n{settings}"),
        );
        let rig = rig.behind(move |call| match call.step {
            "results" => Deed::Answer(200, results),
            _ => Deed::Pass,
        });
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        let rejects = rig.read("rejects.csv");
        let lines = rejects.lines().skip(1);
        let told: Vec<_> = lines
            .filter_map(|line| line.split_once("workers.csv,"))
            .map(|(_, told)| told)
            .collect();
        assert_eq!(told, refused);
        let warnings = ended.report["warnings"].to_string();
        match warning {
            "" => assert_eq!(warnings, "[]"),
            text => {
                assert!(warnings.contains(text), "{warnings}");
                ended.says(text);
            }
        }
    }
    let item = |key: &str, status: &str| match key {
        "" => format!("{{{status}}}"),
        key => format!(r#"{{"employeeID":"0000000{key}",{status}}}"#),
    };
    let by_order = "1 refused row was matched to its line by the order of the results";
    // By their keys, in whatever order.
    let shuffled = [item("3", OK), item("2", NO), item("1", NO)];
    check("", &shuffled, &["2,import,,No,m", "3,import,,No,m"], "");
    // By their places, where it is said that they stand in order.
    let nameless = [item("", OK), item("", NO), item("", OK)];
    check(
        "match_results: order",
        &nameless,
        &["3,import,,No,m"],
        by_order,
    );
    let no_order = "1 refused row is not in the rejects file: its result carries no key, and the server does not \
                    promise the order of the results; where it is that of the rows, say `match_results: order`";
    check("", &nameless, &[], no_order);
    check(
        "match_results: order",
        &shuffled,
        &["3,import,,No,m", "4,import,,No,m"],
        "2 refused rows were matched",
    );
    let some = [item("1", OK), item("", NO), item("3", OK)];
    check("", &some, &[], no_order);
    // Not by their places: others are not in theirs, or there are too few of them or too many.
    let moved = [item("2", OK), item("", NO), item("3", OK)];
    check(
        "",
        &moved,
        &[],
        "1 refused row is not in the rejects file: its result carries no key, and the results are not in the order of the rows",
    );
    check(
        "",
        &nameless[..2],
        &[],
        "1 refused row is not in the rejects file: its result carries no key, and there are 2 results for 3 rows",
    );
    let four = [item("", NO), item("2", NO), item("", OK), item("", OK)];
    check(
        "",
        &four,
        &["3,import,,No,m"],
        "and there are 4 results for 3 rows",
    );
    check(
        "match_results: key",
        &nameless,
        &[],
        "no key, or one that no row sent has",
    );
    // All that the server says of a row, with the columns that are ours.
    let told = r#""_status":"failed","errors":[{"name":"A","property":"fullName","message":"a"},{"code":"400907","property":"nobody's","message":"b"}]"#;
    check(
        "",
        &[item("1", OK), item("2", told), item("3", OK)],
        &["3,import; import,fullName; ,A; 400907,a; b"],
        "",
    );
}

/// The rows that the server refused are read from the source once more. Where it no longer has them, that is said.
#[test]
fn a_source_that_shrinks_before_its_refused_rows_are_read() {
    let rig = Rig::holding(r#"[{"employeeID":"00000003"}]"#, |_| {});
    let path = rig.path("workers.csv");
    let rig = self::rig(rig, 3, "validate: { key: employeeID }").behind(move |call| {
        if call.step == "results" {
            // As long as before and as old, with one record in the place of three.
            let text = std::fs::read_to_string(&path).unwrap();
            let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
            let (header, rows) = text.split_once('\n').unwrap();
            let rows = rows.trim_end().replace('\n', "_");
            std::fs::write(&path, format!("{header}\n{rows}\n")).unwrap();
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(modified).unwrap();
        }
        Deed::Pass
    });
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let error = ended.error();
    assert!(
        error.contains("the rows that the server refused are not all in the rejects file"),
        "{error}"
    );
}
