//! The main job: a pipeline, its source, the sandbox's data set afterwards, rejects and report.

use std::process::Command;
use std::time::Duration;

use rostream::internals::sandbox::SandboxSettings;
use rostream::internals::sandbox::options::{Property, ResultOrder};

use crate::support::{Rig, mode};

/// The properties of the payloads that the API's guide shows.
fn properties() -> Option<Vec<Property>> {
    let written = [
        "employeeID",
        "fullName",
        "positionTitle",
        "grade",
        "salary:number",
        "dob:date",
        "managerID",
        "location",
    ];
    Some(written.map(|p| p.parse().unwrap()).to_vec())
}

/// What the data set holds before those payloads.
const BEFORE: &str = r#"[
{"employeeID":"3101881","fullName":"Ann Gray","positionTitle":"Engineer","grade":"H6","salary":60000,"dob":"1975-01-31","managerID":"5871235","location":"Leeds"},
{"employeeID":"3758954","fullName":"Bob White","positionTitle":"Clerk","grade":"B1","salary":28000.50,"managerID":"1","location":"York"},
{"employeeID":"6758274","fullName":"Eve Black"},
{"employeeID":"7000000","fullName":"Not Named"}
]"#;

/// The CSV payload of the API's guide, as it stands there.
const PAYLOAD_CSV: &str = "\
_action,employeeID,fullName,positionTitle,grade,salary,dob,managerID,location
create,1453878,John Smith,Software Engineer,G3,65000,1981-05-15,5871235,London
create,1453974,Mary Jones,Consultant,H7,67500,1997-06-01,4451276,New York
create,2178493,Rex James,Graduate Engineer,C2,37500,2002-08-10,5871235,Sydney
update,3101881,,Senior Engineer,H7,75000,,,
update,3758954,,,,,,5542698,
delete,6758274,,,,,,,
";

/// What it makes of that.
const AFTER_CSV: [&str; 6] = [
    r#"{"employeeID":"1453878","fullName":"John Smith","positionTitle":"Software Engineer","grade":"G3","salary":65000,"dob":"1981-05-15","managerID":"5871235","location":"London"}"#,
    r#"{"employeeID":"1453974","fullName":"Mary Jones","positionTitle":"Consultant","grade":"H7","salary":67500,"dob":"1997-06-01","managerID":"4451276","location":"New York"}"#,
    r#"{"employeeID":"2178493","fullName":"Rex James","positionTitle":"Graduate Engineer","grade":"C2","salary":37500,"dob":"2002-08-10","managerID":"5871235","location":"Sydney"}"#,
    r#"{"employeeID":"3101881","fullName":"Ann Gray","positionTitle":"Senior Engineer","grade":"H7","salary":75000,"dob":"1975-01-31","managerID":"5871235","location":"Leeds"}"#,
    r#"{"employeeID":"3758954","fullName":"Bob White","positionTitle":"Clerk","grade":"B1","salary":28000.50,"managerID":"5542698","location":"York"}"#,
    r#"{"employeeID":"7000000","fullName":"Not Named"}"#,
];

/// The JSON payload of the API's guide, with quotes around its date and without its last comma, which
/// are not JSON there.
const PAYLOAD_JSON: &str = r#"[
{
"_action": "create",
"employeeID": "1453878",
"fullName": "John Smith",
"positionTitle": "Software Engineer",
"grade": "G3",
"salary": 45000,
"dob": "1981-05-15",
"managerID": "5871235"
},
{
"_action": "update",
"employeeID": "3101881",
"salary": 65000
},
{
"_action": "delete",
"employeeID": "6758274"
}
]
"#;

const BY_ACTION: &str = "action: { column: _action }\nidentify_by: { id_key: employeeID }";

#[test]
fn the_guides_csv_payload() {
    for upload in ["{ format: csv }", "{ format: json }"] {
        let rig = Rig::holding(BEFORE, |s| s.properties = properties());
        rig.write("payload.csv", PAYLOAD_CSV);
        rig.pipeline(
            &format!("source: {{ path: payload.csv }}\nvalidate: {{ key: employeeID, columns: {{ salary: {{ type: number }} }} }}\nupload: {upload}"),
            &format!("{BY_ACTION}\nempty: unchanged_at_server"),
        );
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(rig.items(), AFTER_CSV);
        if upload.contains("csv") {
            assert_eq!(String::from_utf8(rig.uploaded()).unwrap(), PAYLOAD_CSV);
        }
        assert_eq!((ended.count("sent"), ended.count("accepted")), (6, 6));
        assert_eq!(ended.report["import"]["ticket_status"], "completed");
        assert_eq!(
            ended.report["import"]["parameters"],
            serde_json::json!({ "idKey": "employeeID" })
        );
    }
}

#[test]
fn the_guides_json_payload() {
    let rig = Rig::holding(BEFORE, |s| s.properties = properties());
    rig.write("payload.json", PAYLOAD_JSON);
    rig.pipeline(
        "source: { path: payload.json }\nvalidate: { key: employeeID }",
        BY_ACTION,
    );
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(
        rig.items(),
        [
            r#"{"employeeID":"1453878","fullName":"John Smith","positionTitle":"Software Engineer","grade":"G3","salary":45000,"dob":"1981-05-15","managerID":"5871235"}"#,
            r#"{"employeeID":"3101881","fullName":"Ann Gray","positionTitle":"Engineer","grade":"H6","salary":65000,"dob":"1975-01-31","managerID":"5871235","location":"Leeds"}"#,
            r#"{"employeeID":"3758954","fullName":"Bob White","positionTitle":"Clerk","grade":"B1","salary":28000.50,"managerID":"1","location":"York"}"#,
            r#"{"employeeID":"7000000","fullName":"Not Named"}"#,
        ]
    );
}

/// Texts that must come through as they are.
const WORKERS: &str = "\
employeeID,fullName,salary,note
00017,\"Ada \"\"A.\"\" Byron\",1234567890123456789.10,\"two
lines\"
00018,Zoë 李,0.10,\"a,b; c\"
1e3,NO,-0,
";

const WORKERS_STORED: [&str; 3] = [
    r#"{"employeeID":"00017","fullName":"Ada \"A.\" Byron","salary":1234567890123456789.10,"note":"two\nlines"}"#,
    r#"{"employeeID":"00018","fullName":"Zoë 李","salary":0.10,"note":"a,b; c"}"#,
    r#"{"employeeID":"1e3","fullName":"NO","salary":-0}"#,
];

#[test]
fn every_way_to_send_stores_the_same() {
    let check = |name: &str, source: &str, upload: &str, length: &str| {
        let rig = Rig::with(|s| {
            s.accept_chunked = true;
            s.strict_header_case = true;
            s.sign_content_type = true;
            s.properties = Some(
                ["employeeID", "fullName", "salary:number", "note"]
                    .map(|p| p.parse().unwrap())
                    .to_vec(),
            );
        });
        rig.write("workers.csv", WORKERS);
        rig.pipeline(
            &format!("source: {{ path: {source} }}\nvalidate: {{ key: {{ column: employeeID, keep: first }}, columns: {{ salary: {{ type: number }} }} }}\nupload: {upload}"),
            "action: create\nidentify_by: { id_key: employeeID }",
        );
        let ended = match source {
            "\"-\"" => rig.run_with_stdin(&[], "workers.csv"),
            _ => rig.run(&[]),
        };
        assert_eq!(ended.code, 0, "{name}: {}", ended.stderr);
        assert_eq!(rig.items(), WORKERS_STORED, "{name}");
        assert_eq!(ended.report["upload"]["length"], length, "{name}");
        assert_eq!(
            ended.report["bytes"]["body"],
            rig.uploaded().len(),
            "{name}"
        );
        assert_eq!(ended.report["bytes"]["source"], WORKERS.len(), "{name}");
        assert_eq!(rig.taken(), (1, 1), "{name}");
    };
    let file = "workers.csv";
    check("default", file, "{}", "measured");
    check("measured", file, "{ length: measured }", "measured");
    check("spooled", file, "{ length: spooled }", "spooled");
    check("chunked", file, "{ length: chunked }", "chunked");
    check("gzip", file, "{ encoding: gzip }", "spooled");
    check("csv", file, "{ format: csv }", "measured");
    check(
        "csv, gzip",
        file,
        "{ format: csv, encoding: gzip }",
        "spooled",
    );
    check(
        "small chunks",
        file,
        "{ chunk: 1KiB, rate: 1MB/s }",
        "measured",
    );
    check(
        "chunked, gzip",
        file,
        "{ length: chunked, encoding: gzip }",
        "chunked",
    );
    check("stdin", "\"-\"", "{}", "spooled");
    check("stdin, chunked", "\"-\"", "{ length: chunked }", "chunked");
}

/// A body of many blocks, compressed side by side: what comes of it is the same every time, and any gzip reads it.
#[test]
fn a_compressed_body_is_what_any_gzip_reads() {
    let rig = Rig::with(|s| s.accept_chunked = true);
    let mut text = String::from("employeeID,fullName\n");
    for id in 0..60_000 {
        // Every tenth comes again, and the survey leaves it out of its block.
        text += &format!("{:06},Somebody with a long name {id}\n", id - id % 10 / 9);
    }
    rig.write("workers.csv", &text);
    rig.pipeline(
        "source: { path: workers.csv }\nvalidate: { key: { column: employeeID, keep: first } }\n\
         rejects: { at_most: 100% }",
        "action: createOrReplace\nidentify_by: { id_key: employeeID }",
    );
    let uploaded = |settings: &[&str]| {
        let args: Vec<_> = settings.iter().flat_map(|s| ["--set", s]).collect();
        let ended = rig.run(&args);
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        assert_eq!(ended.count("sent"), 54_000);
        rig.uploaded()
    };
    let gzip = "upload.encoding=gzip";
    let plain = uploaded(&[]);
    let packed = uploaded(&[gzip]);
    assert!(packed.len() < plain.len() / 4);
    assert!(uploaded(&[gzip]) == packed);
    assert!(uploaded(&[gzip, "upload.length=chunked"]) == packed);
    rig.write("body.gz", &packed);
    let unpacked = Command::new("gzip")
        .args(["-dc", "body.gz"])
        .current_dir(rig.folder())
        .output();
    // Where there is no gzip, the sandbox has read it all the same.
    let Ok(unpacked) = unpacked else { return };
    let stderr = String::from_utf8_lossy(&unpacked.stderr);
    assert!(unpacked.status.success(), "{stderr}");
    assert!(unpacked.stdout == plain);
}

/// Rows of which the data set holds 2 and 4 already; 1 spans two lines.
const SOME_EXIST: &str = "employeeID;fullName\r\n1;\"a\r\nb\"\r\n2;  x\"y \r\n3;c\r\n4;'d'\r\n";

const EXISTING: &str = r#"[{"employeeID":"2"},{"employeeID":"4"}]"#;

#[test]
fn refused_rows_are_found_again() {
    let check = |name: &str,
                 source: &str,
                 sections: &str,
                 import: &str,
                 setting: fn(&mut SandboxSettings)| {
        let rig = Rig::holding(EXISTING, setting);
        rig.write("workers.csv", SOME_EXIST);
        rig.pipeline(
            &format!(
                "source: {{ path: {source}, csv: {{ delimiter: \";\" }} }}\nstages: [ trim: ]\n{sections}"
            ),
            &format!("action: create\nidentify_by: {{ id_key: employeeID }}\n{import}"),
        );
        let (ended, file) = match source {
            "\"-\"" => (rig.run_with_stdin(&[], "workers.csv"), "standard input"),
            _ => (rig.run(&[]), "workers.csv"),
        };
        assert_eq!(ended.code, 3, "{name}: {}", ended.stderr);
        assert_eq!(
            rig.read("rejects.csv"),
            format!(
                "employeeID;fullName;_file;_line;_stage;_column;_code;_message\r\n\
                 2;  x\"y ;{file};4;import;;SandboxItemExists;An item with this identifier exists\r\n\
                 4;'d';{file};6;import;;SandboxItemExists;An item with this identifier exists\r\n"
            ),
            "{name}"
        );
        let counts = [
            "read",
            "sent",
            "accepted",
            "failed",
            "unprocessed",
            "rejected",
        ];
        assert_eq!(counts.map(|c| ended.count(c)), [4, 4, 2, 2, 0, 0], "{name}");
        assert_eq!(ended.report["outcome"], "succeeded_with_rejects");
        assert_eq!(
            ended.report["refused"]["by_code"],
            serde_json::json!([{ "code": "SandboxItemExists", "faults": 2 }])
        );
        assert_eq!(rig.items().len(), 4, "{name}");
    };
    let same = |_: &mut SandboxSettings| {};
    let key = "validate: { key: employeeID }";
    check("by key", "workers.csv", key, "", same);
    check("by order", "workers.csv", "", "match_results: order", same);
    check("stdin", "\"-\"", key, "", same);
    check(
        "spooled",
        "workers.csv",
        "upload: { length: spooled }",
        "",
        same,
    );
    check(
        "chunked",
        "workers.csv",
        "upload: { length: chunked }",
        "",
        |s| s.accept_chunked = true,
    );
    check(
        "stdin, chunked",
        "\"-\"",
        "upload: { length: chunked }",
        "",
        |s| s.accept_chunked = true,
    );
    check("shuffled", "workers.csv", key, "", |s| {
        s.result_order = ResultOrder::Shuffled
    });
    check(
        "without keys",
        "workers.csv",
        key,
        "match_results: order",
        |s| s.echo_identifier = false,
    );
    check(
        "compressed",
        "workers.csv",
        key,
        "result_encoding: gzip",
        same,
    );
    check("in place", "workers.csv", key, "", |s| {
        s.result_in_place = true
    });
    check("late", "workers.csv", key, "", |s| {
        s.ticket_delay = Duration::from_millis(300)
    });
}

#[test]
fn refused_rows_are_exit_3_unless_that_is_ok() {
    let rig = Rig::holding(EXISTING, |_| {});
    rig.write("workers.csv", SOME_EXIST);
    rig.pipeline(
        "source: { path: workers.csv, csv: { delimiter: \";\" } }",
        "action: create\nidentify_by: { id_key: employeeID }",
    );
    assert_eq!(rig.run(&[]).code, 3);
    rig.write("workers.csv", format!("{SOME_EXIST}9;e\r\n"));
    let ended = rig.run(&["--partial-ok"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ended.report["outcome"], "succeeded_with_rejects");
    assert_eq!(ended.count("failed"), 4);
}

/// A file of many blocks: refused rows far apart, some behind rows that were never sent.
#[test]
fn refused_rows_of_a_large_file() {
    let rows = 60_000;
    let existing: Vec<u32> = (1..rows).step_by(7_919).collect();
    let items: Vec<_> = existing
        .iter()
        .map(|id| serde_json::json!({ "employeeID": format!("{id:08}") }))
        .collect();
    let rig = Rig::holding(&serde_json::to_string(&items).unwrap(), |s| {
        s.result_order = ResultOrder::Shuffled;
    });
    let mut text = String::from("employeeID,fullName,salary\n");
    for id in 0..rows {
        let salary = if id % 10_000 == 9 { "much" } else { "1200.50" };
        text += &format!("{id:08},\"Somebody\nwith a long name\",{salary}\n");
    }
    // The key of the first row once more, at the end.
    text += "00000000,Somebody else,1\n";
    rig.write("workers.csv", &text);
    rig.pipeline(
        "source: { path: workers.csv }\n\
         validate: { key: employeeID, columns: { salary: { type: number } } }",
        "action: create\nidentify_by: { id_key: employeeID }",
    );
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let rejected: Vec<_> = (9..rows).step_by(10_000).collect();
    let counts = ["read", "rejected", "sent", "accepted", "failed"].map(|c| ended.count(c));
    let bad = rejected.len() as u64 + 2;
    let (refused, read) = (existing.len() as u64, u64::from(rows) + 1);
    assert_eq!(
        counts,
        [read, bad, read - bad, read - bad - refused, refused]
    );
    // The line on which each rejected record begins.
    let rejects = rig.read("rejects.csv");
    let lines: Vec<(u32, u32)> = rejects
        .split("\n")
        .filter_map(|line| {
            let (_, place) = line.split_once("workers.csv,")?;
            let (line, rest) = place.split_once(',')?;
            Some((line.parse().unwrap(), u32::from(rest.starts_with("import"))))
        })
        .collect();
    let mut expected = vec![(2, 0)];
    expected.extend(rejected.iter().map(|id| (2 + 2 * id, 0)));
    expected.push((2 + 2 * rows, 0));
    expected.extend(existing.iter().map(|id| (2 + 2 * id, 1)));
    assert_eq!(lines, expected);
}

#[test]
fn too_many_rejects_stop_the_run_before_anything_is_sent() {
    let check = |limit: &str, length: &str, message: &str| {
        let rig = Rig::with(|s| s.accept_chunked = true);
        rig.write("workers.csv", "employeeID,salary\n1,10\n2,CANARY\n3,30\n");
        rig.pipeline(
            &format!(
                "source: {{ path: workers.csv }}\n\
                 validate: {{ key: {{ column: employeeID, keep: first }}, columns: {{ salary: {{ type: number }} }} }}\n\
                 rejects: {{ path: out/rejects.csv, at_most: {limit} }}\nupload: {{ length: {length} }}"
            ),
            "identify_by: { id_key: employeeID }",
        );
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 4, "{}", ended.stderr);
        assert_eq!(rig.taken(), (0, 0));
        let path = rig.path("out/rejects.csv");
        assert_eq!(ended.error(), message);
        assert_eq!(
            rig.read("out/rejects.csv"),
            "employeeID,salary,_file,_line,_stage,_column,_code,_message\n\
             2,CANARY,workers.csv,3,validate,salary,type_number,expected a number\n"
        );
        assert_eq!(mode(&path), 0o600);
        assert_eq!(ended.report["guards"][0]["decision"], "stopped");
        let counts = ["read", "rejected", "would_send", "sent"].map(|c| ended.count(c));
        assert_eq!(counts, [3, 1, 2, 0]);
        assert_eq!(
            ended.report["upload"].is_null(),
            !length.starts_with("chunked")
        );
    };
    let nothing = |limit: &str| {
        format!(
            "error: 1 of 3 rows were rejected, and rejects.at_most is {limit}; nothing was sent, \
             the rows and their faults are in out/rejects.csv"
        )
    };
    check("0", "measured", &nothing("0"));
    check("1%", "measured", &nothing("1%"));
    check("0", "spooled", &nothing("0"));
    let cut_off = nothing("0").replace(
        "nothing was sent",
        "the upload was cut off and nothing was imported",
    );
    check("0", "chunked", &cut_off);
    check("0", "chunked, encoding: gzip", &cut_off);
}

#[test]
fn no_row_left_to_send() {
    let check = |source: &str, upload: &str, import: &str, code: i32, uploads: u64, error: &str| {
        let rig = Rig::holding(EXISTING, |s| s.accept_chunked = true);
        rig.write("workers.csv", source);
        rig.pipeline(
            &format!(
                "source: {{ path: workers.csv }}\nrejects: {{ at_most: 100% }}\n\
                 validate: {{ columns: {{ salary: {{ type: number }} }} }}\nupload: {upload}"
            ),
            &format!("identify_by: {{ id_key: employeeID }}\n{import}"),
        );
        let ended = rig.run(&[]);
        assert_eq!(ended.code, code, "{}", ended.stderr);
        assert_eq!(ended.error(), error);
        assert_eq!(rig.taken(), (uploads, 0));
        assert_eq!(rig.items().len(), 2);
    };
    let bad = "employeeID,salary\n1,much\n";
    let header = "employeeID,salary\n";
    let refuses = "error: no row is left to send: the only row was rejected, for `salary` (type_number); nothing was sent, the rows and their faults are in rejects.csv";
    let cut_off = "error: no row is left to send: the only row was rejected, for `salary` (type_number); the upload was cut off and nothing was imported, the rows and their faults are in rejects.csv";
    let empty = "error: workers.csv: there are no records; nothing was sent";
    check(bad, "{}", "implicit_delete: true", 4, 0, refuses);
    check(
        bad,
        "{ length: spooled }",
        "implicit_delete: true",
        4,
        0,
        refuses,
    );
    check(
        bad,
        "{ length: chunked }",
        "implicit_delete: true",
        4,
        0,
        cut_off,
    );
    check(bad, "{}", "", 4, 0, refuses);
    check(bad, "{ length: spooled }", "", 4, 0, refuses);
    check(bad, "{ length: chunked }", "", 4, 0, cut_off);
    check(header, "{}", "implicit_delete: true", 1, 0, empty);
    check(header, "{}", "", 1, 0, empty);
    check(header, "{ length: chunked }", "", 1, 0, empty);
}

#[test]
fn implicit_delete_deletes_what_is_not_sent() {
    let rig = Rig::holding(EXISTING, |_| {});
    rig.write("workers.csv", "employeeID,salary\n2,10\n3,30\n");
    rig.pipeline(
        "source: { path: workers.csv }\nguard: { min_rows: { first: 2 } }",
        "identify_by: { id_key: employeeID }\nimplicit_delete: true",
    );
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(
        rig.items(),
        [
            r#"{"employeeID":"2","salary":"10"}"#,
            r#"{"employeeID":"3","salary":"30"}"#
        ]
    );
}

#[test]
fn the_rejects_file_is_a_source_once_its_rows_are_put_right() {
    let rig = Rig::holding(EXISTING, |_| {});
    rig.write(
        "workers.csv",
        "employeeID,fullName,salary\n1,Ada,10\n2,Bob,20\n3,\"Eve\nK\",thirty\n5,Dan,40\n5,Dan,50\n",
    );
    let sections = |path: &str, rejects: &str| {
        format!(
            "source: {{ path: {path} }}\n\
             validate: {{ key: employeeID, columns: {{ salary: {{ type: number }} }} }}\n\
             rejects: {{ path: {rejects} }}"
        )
    };
    let import = "action: create\nidentify_by: { id_key: employeeID }";
    rig.pipeline(&sections("workers.csv", "rejects.csv"), import);
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let rejects = rig.read("rejects.csv");
    assert_eq!(
        rejects,
        "employeeID,fullName,salary,_file,_line,_stage,_column,_code,_message\n\
         3,\"Eve\nK\",thirty,workers.csv,4,validate,salary,type_number,expected a number\n\
         5,Dan,40,workers.csv,6,validate,employeeID,key_duplicate,the same key stands on line 7\n\
         5,Dan,50,workers.csv,7,validate,employeeID,key_duplicate,the same key stands on line 6\n\
         2,Bob,20,workers.csv,3,import,,SandboxItemExists,An item with this identifier exists\n"
    );
    // Into itself it does not go.
    rig.pipeline(&sections("rejects.csv", "rejects.csv"), import);
    let output = crate::run(rig.folder(), &["lint", "pipeline.yaml"]);
    assert_eq!(output.0, 2);
    rig.write(
        "again.csv",
        rejects
            .replace("thirty", "30")
            .replace("5,Dan,50", "6,Dan,40")
            .replace("2,Bob", "7,Bob"),
    );
    rig.pipeline(&sections("again.csv", "rejects.csv"), import);
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(
        rig.items(),
        [
            r#"{"employeeID":"1","fullName":"Ada","salary":"10"}"#,
            r#"{"employeeID":"2"}"#,
            r#"{"employeeID":"3","fullName":"Eve\nK","salary":"30"}"#,
            r#"{"employeeID":"4"}"#,
            r#"{"employeeID":"5","fullName":"Dan","salary":"40"}"#,
            r#"{"employeeID":"6","fullName":"Dan","salary":"40"}"#,
            r#"{"employeeID":"7","fullName":"Bob","salary":"20"}"#,
        ]
    );
    assert_eq!(
        rig.read("rejects.csv"),
        "employeeID,fullName,salary,_file,_line,_stage,_column,_code,_message\n"
    );
}

#[test]
fn the_report_holds_no_cell() {
    let rig = Rig::holding(r#"[{"employeeID":"CANARY2"}]"#, |_| {});
    rig.write(
        "workers.csv",
        "employeeID,fullName\nCANARY1,CANARY\nCANARY2,CANARY\nCANARY3,\nCANARY1,CANARY\n,CANARY\n",
    );
    rig.pipeline(
        "source: { path: workers.csv }\n\
         validate: { key: employeeID, columns: { fullName: { required: true } } }",
        "action: create\nidentify_by: { id_key: employeeID }",
    );
    let ended = rig.run(&["-vvv", "--json"]);
    // `ended` has looked for the canaries and the token.
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let counts = [
        "read",
        "superseded",
        "rejected",
        "sent",
        "accepted",
        "failed",
    ];
    assert_eq!(counts.map(|c| ended.count(c)), [5, 1, 2, 2, 1, 1]);
    let shown: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(shown, ended.report);
}

/// The whole of what a run says, with what differs from run to run replaced by its name.
#[test]
fn what_a_run_says() {
    let rig = Rig::holding(EXISTING, |_| {});
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(&regex::escape(rig.folder().to_str().unwrap()), "[dir]");
    settings.add_filter(r"\d{8}T\d{6}Z-[0-9a-f]{4}", "[run]");
    settings.add_filter(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", "[trace]");
    settings.add_filter(r"\b\d+ ms|\b\d+\.\d s", "[time]");
    settings.add_filter(r"[\d.]+ [kM]?B/s", "[rate]");
    settings.add_filter(r"[\d,]+ rows/s", "[rate]");
    settings.add_filter(r"[\d.]+ MB of memory", "[memory]");
    let _bound = settings.bind_to_scope();

    rig.write(
        "workers.csv",
        "employeeID,fullName,salary,status\n1,Ada,10,on\n2,Bob,20,on\n3,Eve,thirty,on\n5,Dan,40,off\n1,Ada,10,on\n",
    );
    let pipeline = |more: &str| {
        rig.pipeline(
            &format!(
                "source: {{ path: workers.csv }}\n\
                 stages: [ filter: 'status != \"off\"', drop: [status] ]\n\
                 validate: {{ key: employeeID, columns: {{ salary: {{ type: number }} }} }}\n{more}"
            ),
            "action: create\nidentify_by: { id_key: employeeID }",
        );
    };
    pipeline("rejects: { at_most: 10% }");
    insta::assert_snapshot!(rig.run(&[]).stderr, @r"
    the ledger is new: no earlier run of pipeline is known in state
    survey  5 rows  99 B  in [time]  [rate]
    again   5 rows  99 B  in [time]  [rate]
    run         [run], stopped by a guard, nothing was sent
    preflight   tenant, data set checked; could not be checked: token dates (the token is not a JWT), properties (the list of data sets does not tell them)
    read                    5  99 B from workers.csv
    filtered                1  left out by a filter
    rejected                1
                salary  type_number  1
    superseded              1  the same row as another, sent once
    held back               2  valid, but not sent
    stopped by  reject_limit: 1 of 5, at most 10%
    took        [time] ([rate], [rate]), [memory]
    rejects     rejects.csv, the rows as they were, with their faults
    report      run-[run].report.json
    error: 1 of 5 rows were rejected, and rejects.at_most is 10%; nothing was sent, the rows and their faults are in rejects.csv
    ");
    pipeline("");
    insta::assert_snapshot!(rig.run(&[]).stderr, @r"
    survey  5 rows  99 B  in [time]  [rate]
    again   5 rows  99 B  in [time]  [rate]
    upload  143 B  in [time]  [rate]
    wait    in [time]  completed
    results in [time]
    run         [run], succeeded, some rows were rejected
    preflight   tenant, data set checked; could not be checked: token dates (the token is not a JWT), properties (the list of data sets does not tell them)
    read                    5  99 B from workers.csv
    filtered                1  left out by a filter
    rejected                1
                salary  type_number  1
    superseded              1  the same row as another, sent once
    sent                    2  143 B
    accepted                1
    failed                  1
                (row)  SandboxItemExists  1
    took        [time], [time] to the end of the upload ([rate], [rate]), [memory]
    trace id    [trace]
    rejects     rejects.csv, the rows as they were, with their faults
    report      run-[run].report.json
    ");

    rig.write(
        "workers.csv",
        "employeeID,fullName,salary,status\n7,Ada,10,on\n",
    );
    insta::assert_snapshot!(rig.run(&[]).stderr, @r"
    survey  1 row  46 B  in [time]  [rate]
    upload  73 B  in [time]  [rate]
    wait    in [time]  completed
    results in [time]
    run         [run], succeeded
    preflight   tenant, data set checked; could not be checked: token dates (the token is not a JWT), properties (the list of data sets does not tell them)
    read                    1  46 B from workers.csv
    rejected                0
    sent                    1  73 B
    accepted                1
    failed                  0
    took        [time], [time] to the end of the upload ([rate], [rate]), [memory]
    trace id    [trace]
    report      run-[run].report.json
    ");
    insta::assert_snapshot!(rig.run(&["-q", "--partial-ok"]).stderr, @"error: the server refused the only row that was sent, for SandboxItemExists; what it accepted stands");

    rig.write("token", "another");
    insta::assert_snapshot!(rig.run(&["--set", "preflight=off"]).stderr, @r"
    survey  1 row  46 B  in [time]  [rate]
    upload  in [time]
    run         [run], a setting has to be changed, nothing was imported
    read                    1  46 B from workers.csv
    rejected                0
    held back               1  valid, but not sent
    took        [time] ([rate], [rate]), [memory]
    report      run-[run].report.json
    error: cannot get an upload address: the API refused with status 401; ApiTokenInvalid (40102): The API token is not valid - copy the token again, whole and without quotes, from the tenant's Tokens page (trace [trace])
    ");
}
