use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::model::{ByteCounts, Times};
use super::*;
use crate::batch::Fault;
use crate::guard::Decision;
use crate::report::rejects::Tally;
use crate::text::dates::Date;

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn tally(codes: &[(&'static str, usize)]) -> Tally {
    let mut tally = Tally::default();
    for (code, n) in codes {
        for _ in 0..*n {
            tally.add(&[Fault {
                row: 0,
                stage: "date",
                column: "dob".into(),
                source: None,
                code: (*code).into(),
                message: "m".into(),
            }]);
        }
    }
    tally
}

fn report() -> RunReport {
    let started = time("2026-01-31T23:59:59.5Z");
    let mut report = RunReport::new(
        RunId::new(started, 0x4f2a),
        PipelineInfo {
            name: "workday-nightly".into(),
            file: "pipelines/workday.yaml".into(),
        },
        started,
    );
    report.rostream_version = "0.0.0".into();
    report.target = "orgvue";
    report.time_zone = "Europe/London".into();
    report.today = Date::new(2026, 1, 31);
    report.sources = vec![SourceFile {
        path: "exports/workers.csv.gz".into(),
        bytes: 178_600_000,
        compression: "gzip".into(),
        format: "csv".into(),
        record: None,
    }];
    report.counts = RowCounts {
        read: 1_000_000,
        skipped: 2,
        filtered: 1_234,
        rejected: 17,
        taken_along: 1_200,
        superseded: 0,
        other_shards: 0,
        withheld: 0,
        carried: 0,
        unchanged: 0,
        deletes: 0,
        would_send: 0,
        sent: 998_749,
        accepted: 998_740,
        failed: 9,
        unprocessed: 0,
        unknown: 0,
    };
    let codes = [
        ("date_format", 8),
        ("required", 3),
        ("a", 1),
        ("b", 1),
        ("c", 1),
        ("d", 2),
        ("e", 1),
    ];
    report.rejects = (&tally(&codes)).into();
    report.refused = (&tally(&[("NotFound", 9)])).into();
    report.rejects_file = Some("out/rejects.csv".into());
    report.rejects_workbook = Some("out/rejects.xlsx".into());
    report.bytes = ByteCounts {
        source: 178_600_000,
        body: 412_000_000,
        sent: 500_000_000,
    };
    report.body_hash = Some(Hash {
        kind: "md5",
        hex: "d41d8cd98f00b204e9800998ecf8427e".into(),
    });
    report.seconds = Times {
        survey: Some(Duration::from_millis(2_500)),
        generate: Some(Duration::from_micros(12_345)),
        upload: Some(Duration::from_secs(4)),
        import: Some(Duration::from_millis(80)),
        wait: Some(Duration::from_secs(61)),
        results: Some(Duration::from_secs(1)),
        to_end_of_upload: Some(Duration::from_millis(6_600)),
        total: None,
    };
    report.guards = vec![GuardDecision {
        guard: "reject_limit".into(),
        limit: "at most 1%".into(),
        count: 17,
        exact: true,
        of: Some(1_000_000),
        decision: Decision::Passed,
    }];
    report.upload = Some(UploadReport {
        sha256: None,
        length: "measured".into(),
        encoding: "identity".into(),
        attempts: 2,
        status: Some(200),
        etag: Some("\"d41d8cd98f00b204e9800998ecf8427e\"".into()),
        verified: true,
        put_url: Some(PublicUrl::new(
            &"https://user:pw@s3.example.com/bucket/key?X-Amz-Signature=canary#x"
                .parse()
                .unwrap(),
        )),
    });
    report.import = Some(ImportReport {
        items: None,
        ticket_status: Some("completed".into()),
        trace_ids: vec!["Root=1-62bcb5d3-3b211f8616879dea3bde593f".into()],
        parameters: BTreeMap::from([("idKey".into(), "employeeID".into())]),
    });
    report.end(
        Outcome::SucceededWithRejects,
        time("2026-02-01T00:01:09.25Z"),
        Duration::from_millis(69_750),
    );
    report.exit_code = 3;
    report.peak_memory = Some(58_720_256);
    report
}

#[test]
fn json() {
    let json = serde_json::to_string_pretty(&report()).unwrap();
    assert!(!json.contains("canary") && !json.contains("pw"));
    insta::assert_snapshot!(json);
}

#[test]
fn summary_of_a_whole_run() {
    let report = report();
    assert_eq!(report.check(), Ok(()));
    insta::assert_snapshot!(report.summary(&[&"run-x.report.json".into()]), @r"
    run         20260131T235959Z-4f2a, succeeded, some rows were rejected
    read            1,000,000  178.6 MB from exports/workers.csv.gz
    skipped                 2  lines that are not records
    filtered            1,234  left out by a filter
    rejected               17  and 1,200 more lines that they took along
                dob  date_format  8
                dob  required     3
                dob  d            2
                dob  a            1
                dob  b            1
                dob  c            1
                dob  e            1
    sent              998,749  412.0 MB in 2 attempts
    accepted          998,740
    failed                  9
                dob  NotFound  9
    took        1m 09s, 6.6 s to the end of the upload (151,515 rows/s, 27.1 MB/s), 58.7 MB of memory
    trace id    Root=1-62bcb5d3-3b211f8616879dea3bde593f
    rejects     out/rejects.csv, the rows as they were, with their faults
    workbook    out/rejects.xlsx, the same rows for Excel
    report      run-x.report.json
    ");
}

#[test]
fn summary_of_a_run_that_a_guard_stopped() {
    let mut report = report();
    report.upload = None;
    report.import = None;
    report.refused = CodeCounts::default();
    report.seconds = Times::default();
    report.counts = RowCounts {
        read: 100,
        rejected: 2,
        filtered: 1,
        would_send: 97,
        ..RowCounts::default()
    };
    report.rejects = (&tally(&[("date_format", 2)])).into();
    report.guards[0].decision = Decision::Stopped;
    report.guards[0].count = 2;
    report.guards[0].of = Some(100);
    let code = crate::report::error::Code::lasting("too_many_rejects");
    let text = "too many rows were rejected".to_owned();
    report.error = Some(crate::report::error::ErrorReport::new(code, text));
    report
        .warnings
        .push("the server's clock is 3 minutes ahead".into());
    report.end(
        Outcome::StoppedByGuard,
        report.started_at,
        Duration::from_millis(250),
    );
    report.peak_memory = None;
    insta::assert_snapshot!(report.summary(&[]), @r"
    run         20260131T235959Z-4f2a, stopped by a guard, nothing was sent
    read                  100  178.6 MB from exports/workers.csv.gz
    filtered                1  left out by a filter
    rejected                2
                dob  date_format  2
    held back              97  valid, but not sent
    stopped by  reject_limit: 2 of 100, at most 1%
    warning     the server's clock is 3 minutes ahead
    took        250 ms (400 rows/s, 714.4 MB/s)
    rejects     out/rejects.csv, the rows as they were, with their faults
    workbook    out/rejects.xlsx, the same rows for Excel
    ");
}

#[test]
fn the_summary_names_the_sandbox() {
    let mut report = report();
    report.target = "sandbox";
    report.sources.push(report.sources[0].clone());
    let summary = report.summary(&[]);
    for line in [
        "read            1,000,000  178.6 MB in 2 files\n",
        "412.0 MB in 2 attempts to the sandbox inside this program, not to Orgvue\n",
    ] {
        assert!(summary.contains(line), "{summary}");
    }
}

#[test]
fn faults_are_told_by_column_and_code() {
    fn fault(column: &str, source: Option<&str>, code: String) -> Fault {
        Fault {
            row: 0,
            stage: "date",
            column: column.into(),
            source: source.map(Into::into),
            code: code.into(),
            message: "m".into(),
        }
    }
    let check = |tally: &Tally, read: u64, expected: &str| {
        let mut report = report();
        report.counts.read = read;
        report.rejects = tally.into();
        let summary = report.summary(&[]);
        let (_, rest) = summary.split_once("rejected ").unwrap();
        let (told, _) = rest.split_once("\nsent ").unwrap();
        let (_, told) = told.split_once('\n').unwrap_or_default();
        assert_eq!(told, expected);
    };
    let date = || "date_format".to_owned();
    let mut tally = Tally::default();
    check(&tally, 5, "");
    for _ in 0..1_445 {
        tally.add(&[fault("terminationDate", Some("Austritt"), date())]);
    }
    let one = "all 1,445 rows were rejected for one reason: `Austritt`, renamed to `terminationDate` (date_format)";
    check(&tally, 1_445, &format!("            {one}"));
    let one = "            Austritt (terminationDate)  date_format  1,445";
    check(&tally, 1_446, one);
    tally.add(&[
        fault("", None, "ragged".to_owned()),
        fault("Namé\n\x1b", None, "required".to_owned()),
    ]);
    check(
        &tally,
        1_446,
        "            Austritt (terminationDate)  date_format  1,445\n            \
         (row)                       ragged           1\n            \
         Namé\\n\\x1b                  required         1",
    );
    for at in 0..10 {
        tally.add(&[fault("dob", None, format!("c{at}"))]);
    }
    let mut report = report();
    report.rejects = (&tally).into();
    let summary = report.summary(&[]);
    let last = "\n            dob                         c6               1\n            \
        and 3 more of these lines, 3 faults in all\nsent";
    assert!(summary.contains(last), "{summary}");
    assert_eq!(report.rejects.by_code[0].faults, Told::Count(1_445));
    let counts = report.rejects.by_column.iter();
    let listed: Option<u64> = counts.map(|c| c.faults.count()).sum();
    assert_eq!((listed, report.rejects.by_column.len()), (Some(1_457), 13));
}

#[test]
fn few_faults_of_sensitive_columns_are_not_told() {
    let mut tally = Tally::default();
    for (column, code, faults) in [
        ("Geschlecht", "one_of", 2),
        ("grade", "one_of", 3),
        ("dob", "date", 4),
    ] {
        let fault = Fault {
            row: 0,
            stage: "validate",
            column: if column == "Geschlecht" {
                "gender".into()
            } else {
                column.into()
            },
            source: (column == "Geschlecht").then(|| column.into()),
            code: code.into(),
            message: "m".into(),
        };
        (0..faults).for_each(|_| tally.add(std::slice::from_ref(&fault)));
    }
    let counts = CodeCounts::from(&tally).without_few(&["gender".to_owned()]);
    let told = |column: &str| {
        let mut counts = counts.by_column.iter();
        counts
            .find(|c| c.column == column)
            .unwrap()
            .faults
            .to_string()
    };
    let few = "fewer than 5";
    assert_eq!(["Geschlecht", "grade", "dob"].map(told), [few, "3", "4"]);
    let codes: Vec<String> = counts
        .by_code
        .iter()
        .map(|c| c.faults.to_string())
        .collect();
    // Five of a code are told, whoever has them.
    assert_eq!(codes, ["5", "4"]);
}

#[test]
fn deletions_are_told_as_far_as_they_are_known() {
    let check = |deletions: (Option<u64>, Option<&'static str>, u32), sent, expected: &str| {
        let mut report = report();
        let (told, off_because, in_a_row) = deletions;
        report.deletions = Some(Deletions {
            mode: "implicit",
            told,
            off_because,
            in_a_row,
            expected: None,
            exact: false,
        });
        report.counts.sent = sent;
        let summary = report.summary(&[]);
        let told = summary.lines().find(|line| line.starts_with("deleted"));
        assert_eq!(told.unwrap_or_default(), expected);
    };
    let off = Some("rows were rejected");
    check((None, None, 0), 0, "");
    check(
        (None, None, 0),
        9,
        "deleted     not told by the server, of the items that no row names",
    );
    check(
        (Some(12), None, 0),
        9,
        "deleted                12  items that no row names",
    );
    check(
        (None, off, 1),
        9,
        "deleted     deletion was off for this run, as rows were rejected",
    );
    check(
        (None, off, 3),
        9,
        "deleted     deletion was off for this run, the 3rd in a row, as rows were rejected",
    );
    check(
        (None, off, 2),
        0,
        "deleted     deletion would be off for this run, the 2nd in a row, as rows were rejected",
    );
}

#[test]
fn the_ending_tells_what_became_of_the_import() {
    let check = |outcome, ticket: Option<Option<&str>>, expected: &str| {
        let mut report = report();
        report.outcome = outcome;
        let told = report.import.take();
        report.import = ticket.map(|status| ImportReport {
            ticket_status: status.map(str::to_owned),
            ..told.unwrap()
        });
        assert_eq!(report.ending(), expected);
    };
    let (stopped, failed) = (Outcome::Interrupted, Outcome::Failed);
    check(failed, None, "failed, nothing was imported");
    check(failed, Some(None), "failed, nothing was imported");
    check(
        failed,
        Some(Some("completed")),
        "failed after the import was completed",
    );
    check(stopped, None, "interrupted, nothing was imported");
    check(
        stopped,
        Some(None),
        "interrupted while the import was being requested, whether it began is not known",
    );
    check(
        stopped,
        Some(Some("created")),
        "interrupted, the import job goes on at the server",
    );
    check(
        stopped,
        Some(Some("completed")),
        "interrupted after the import was completed",
    );
    check(
        Outcome::Unknown,
        Some(None),
        "unknown, the import was requested and no usable answer came",
    );
    check(
        Outcome::Unknown,
        Some(Some("running")),
        "unknown, the import job can't be watched any longer",
    );
    check(
        Outcome::StoppedByGuard,
        None,
        "stopped by a guard, nothing was imported",
    );
}

#[test]
fn counts_add_up_or_say_so() {
    let check = |counts: RowCounts, expected: Option<&str>| {
        let found = counts.check().err().map(|e| e.to_string());
        assert_eq!(found.as_deref(), expected);
    };
    check(RowCounts::default(), None);
    let good = report().counts;
    check(good, None);
    check(
        RowCounts {
            unprocessed: 3,
            accepted: good.accepted - 3,
            ..good
        },
        None,
    );
    check(
        RowCounts {
            read: 10,
            rejected: 1,
            filtered: 1,
            superseded: 1,
            would_send: 7,
            ..RowCounts::default()
        },
        None,
    );
    check(
        RowCounts {
            read: 80,
            rejected: 1,
            would_send: 9,
            other_shards: 70,
            ..RowCounts::default()
        },
        None,
    );
    check(
        RowCounts {
            read: 80,
            would_send: 9,
            other_shards: 70,
            ..RowCounts::default()
        },
        Some(
            "the counts don't add up: 80 rows read, 0 deletions and 0 carried forward, but 0 sent + 9 held back + 0 rejected + 0 \
             filtered + 0 superseded + 0 unchanged + 0 withheld + 70 of other shards",
        ),
    );
    check(
        RowCounts {
            read: 10,
            rejected: 1,
            filtered: 2,
            sent: 6,
            accepted: 6,
            ..RowCounts::default()
        },
        Some(
            "the counts don't add up: 10 rows read, 0 deletions and 0 carried forward, but 6 sent + 0 held back + 1 rejected + 2 \
             filtered + 0 superseded + 0 unchanged + 0 withheld",
        ),
    );
    check(
        RowCounts {
            read: 6,
            sent: 6,
            accepted: 4,
            failed: 1,
            ..RowCounts::default()
        },
        Some("the counts don't add up: 6 rows sent, but 4 accepted + 1 failed + 0 unprocessed"),
    );
    // No wrap-around makes wrong counts right.
    let huge = RowCounts {
        read: 0,
        rejected: u64::MAX,
        filtered: 1,
        ..RowCounts::default()
    };
    assert!(huge.check().is_err());
}

#[test]
fn run_ids_sort_by_time() {
    let id = |at: &str, random| RunId::new(time(at), random).to_string();
    assert_eq!(id("2026-01-31T23:59:59.9Z", 0x2a), "20260131T235959Z-002a");
    assert!(id("2026-01-31T23:59:59Z", 0xffff) < id("2026-02-01T00:00:00Z", 0));
    assert_eq!(RunId::generate().as_str().len(), 21);
}

#[test]
fn the_file_is_written_whole_and_private() {
    let dir = tempfile::tempdir().unwrap();
    let reports = dir.path().join("reports");
    let path = report().write(&reports).unwrap();
    assert_eq!(path, reports.join("run-20260131T235959Z-4f2a.report.json"));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.ends_with("}\n"));
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    assert_eq!(std::fs::read_dir(&reports).unwrap().count(), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let below = path.join("x");
    let error = report().write(&below).unwrap_err().to_string();
    assert!(error.starts_with("can't use the folder "), "{error}");
}
