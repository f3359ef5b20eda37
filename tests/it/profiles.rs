//! Presets of a known source, by a pipeline on an extract of its shape each. Those of Workday and SuccessFactors are run
//! among the other pipelines.

use serde_json::json;

use crate::pipelines::{Copy, codes, counts};
use crate::run;
use crate::support::Rig;

#[test]
fn oracle_hcm() {
    let copy = Copy::new();
    let (code, stderr, report) = copy.run(&["run", "pipelines/oracle-hcm.yaml"]);
    assert_eq!(code, 3, "{stderr}");
    assert_eq!(counts(&report), [9, 0, 1, 4, 4, 0], "{stderr}");
    assert_eq!(report["counts"]["superseded"], 4);
    assert_eq!(codes(&report), json!({ "date_format": 1 }));
    let as_of = &report["as_of"];
    assert_eq!(
        (&as_of["in_force"], &as_of["ahead"]),
        (&json!(4), &json!(1))
    );
    // Of two changes on one day, the later one; and a rejected row is written as the file has it.
    let rejects = copy.read("out/oracle-hcm.rejects.ndjson");
    assert!(
        rejects.contains(
            r#""@instruction":"MERGE","PersonNumber":"300005","EffectiveStartDate":"2021/09/01""#
        ) && rejects.contains(r#""AssignmentName":"Senior Engineer""#),
        "{rejects}"
    );
}

#[test]
fn adp() {
    let copy = Copy::new();
    let (code, stderr, report) = copy.run(&["run", "pipelines/adp.yaml"]);
    assert_eq!(code, 3, "{stderr}");
    assert_eq!(counts(&report), [4, 0, 1, 3, 3, 0], "{stderr}");
    assert_eq!(codes(&report), json!({ "required": 1 }));
}

/// A column that a profile names and the source does not have is told at the profile, with the setting.
#[test]
fn a_preset_that_does_not_fit_is_told_at_the_profile() {
    let copy = Copy::new();
    let text = copy.read("pipelines/oracle-hcm.yaml");
    let text = text.replace(
        "      HireDate: hireDate\n",
        "      HireDate: hireDate\n      EffectiveSequence: number\n",
    );
    let text = text.replace(
        "EffectiveSequence, EffectiveLatestChange]",
        "EffectiveLatestChange]",
    );
    std::fs::write(copy.folder().join("pipelines/other.yaml"), text).unwrap();
    let (code, _, stderr) = run(copy.folder(), &["check", "pipelines/other.yaml"]);
    assert_eq!(code, 2, "{stderr}");
    let told = "pipelines/other.yaml:14:10: as_of.prefer.1.highest: no column `EffectiveSequence`";
    assert!(stderr.contains(told), "{stderr}");
}

/// `lint` tells what a profile sets.
#[test]
fn lint_tells_what_is_set() {
    let copy = Copy::new();
    let (code, stdout, stderr) = run(copy.folder(), &["lint", "pipelines/adp.yaml"]);
    assert_eq!((code, &*stdout), (0, ""));
    assert_eq!(
        stderr,
        "pipelines/adp.yaml:11:10: note: `profile: adp` sets `source.json.path` to $.workers\n\
         pipelines/adp.yaml:11:10: note: `profile: adp` sets `stages.2.date.from` to [YYYY-MM-DD, MM/DD/YYYY]\n\
         pipelines/adp.yaml:11:10: note: `profile: adp` sets `guard.leavers.values` to [Terminated]\n\
         pipelines/adp.yaml: ok\n"
    );
}

/// A Workday report as JSON: the records within `Report_Entry`, and days with an offset.
#[test]
fn workday_reports_in_json() {
    let rig = Rig::new();
    rig.write(
        "report.json",
        r#"{"Report_Entry": [
          {"Employee_ID": "00200001", "Worker_Status": "Active", "Hire_Date": "2009-01-05-08:00"},
          {"Employee_ID": "00200002", "Worker_Status": "Terminated", "Hire_Date": "2012-06-01"},
          {"Employee_ID": "00200003", "Worker_Status": "On Leave", "Hire_Date": "01/06/2012"}
        ]}"#,
    );
    rig.pipeline(
        "profile: workday\nsource: { path: report.json, format: json }\nstages: [{ date: { columns: [Hire_Date] } }]\n\
         validate: { key: Employee_ID }\nguard: { max_delete: 5, leavers: { column: Worker_Status } }\n\
         rejects: { at_most: 1 }",
        "identify_by: { id_key: Employee_ID }",
    );
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let mut items = rig.items();
    items.sort();
    assert_eq!(
        items,
        [
            r#"{"Employee_ID":"00200001","Worker_Status":"Active","Hire_Date":"2009-01-05"}"#,
            r#"{"Employee_ID":"00200002","Worker_Status":"Terminated","Hire_Date":"2012-06-01"}"#,
        ]
    );
    assert_eq!(codes(&ended.report), json!({ "date_format": 1 }));
}

/// Job information of SuccessFactors by OData: the records within `d.results`, days in milliseconds, and history.
#[test]
fn successfactors_by_odata() {
    let rig = Rig::new();
    rig.write(
        "jobs.json",
        r#"{"d": {"results": [
          {"userId": "1", "startDate": "/Date(1546300800000)/", "endDate": "/Date(1640908800000)/", "seqNumber": "1",
           "assignmentClass": "ST", "managerId": "NO_MANAGER", "jobTitle": "Clerk"},
          {"userId": "1", "startDate": "/Date(1640995200000)/", "endDate": "/Date(253402214400000)/", "seqNumber": "1",
           "assignmentClass": "ST", "managerId": "2", "jobTitle": "Planner"},
          {"userId": "1", "startDate": "/Date(1640995200000)/", "endDate": "/Date(253402214400000)/", "seqNumber": "2",
           "assignmentClass": "ST", "managerId": "2", "jobTitle": "Head of Planning"},
          {"userId": "1", "startDate": "/Date(1700000000000)/", "endDate": "/Date(253402214400000)/", "seqNumber": "9",
           "assignmentClass": "GA", "managerId": "3", "jobTitle": "Abroad"},
          {"userId": "2", "startDate": "/Date(1546300800000)/", "endDate": "/Date(253402214400000)/", "seqNumber": "1",
           "assignmentClass": "ST", "managerId": "NO_MANAGER", "jobTitle": "Chief"}
        ]}}"#,
    );
    rig.pipeline(
        "profile: successfactors\nsource: { path: jobs.json, format: json }\n\
         stages: [{ empty: {} }, { date: { columns: [startDate, endDate] } }]\n\
         as_of: { at: 2026-11-26, drop: [startDate, endDate, seqNumber, assignmentClass] }\nvalidate: { key: userId }",
        "identify_by: { id_key: userId }",
    );
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let mut items = rig.items();
    items.sort();
    assert_eq!(
        items,
        [
            r#"{"userId":"1","managerId":"2","jobTitle":"Head of Planning"}"#,
            r#"{"userId":"2","jobTitle":"Chief"}"#,
        ]
    );
}
