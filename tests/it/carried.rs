//! Rows at fault of people who are not to be deleted for it: they are named in the upload, and nothing more.

use crate::support::{Ended, Rig};

const EXISTING: &str = r#"[{"employeeID":"1","salary":"5"},{"employeeID":"2","salary":"5"},{"employeeID":"3","salary":"5"},{"employeeID":"9"}]"#;

fn rig(source: &str, sections: &str) -> Rig {
    let rig = Rig::holding(EXISTING, |s| s.accept_chunked = true);
    rig.write("workers.csv", source);
    let validate = "validate: { key: { column: employeeID, keep: none }, columns: { employeeID: { pattern: '^[0-9]+$' }, salary: { type: number } } }";
    rig.pipeline(
        &format!(
            "source: {{ path: workers.csv }}\n{validate}\nrejects: {{ at_most: 100% }}\nguard: {{ min_rows: 1 }}\n{sections}"
        ),
        "identify_by: { id_key: employeeID }\nimplicit_delete: { on_reject: carry_forward }",
    );
    rig
}

fn ids(rig: &Rig) -> Vec<String> {
    let items = rig.items();
    let id = |item: &String| {
        let item: serde_json::Value = serde_json::from_str(item).unwrap();
        format!(
            "{} {}",
            item["employeeID"].as_str().unwrap(),
            item["salary"].as_str().unwrap_or("-")
        )
    };
    let mut ids: Vec<String> = items.iter().map(id).collect();
    ids.sort();
    ids
}

fn counts(ended: &Ended) -> [u64; 5] {
    ["read", "rejected", "carried", "sent", "accepted"].map(|name| ended.count(name))
}

#[test]
fn a_row_at_fault_is_named_and_nobody_is_deleted_for_it() {
    let source = "employeeID,salary\n1,10\n2,much\n3,30\n";
    for (length, format) in [
        ("measured", "json"),
        ("spooled", "json"),
        ("chunked", "json"),
        ("measured", "csv"),
        ("spooled", "csv"),
    ] {
        let upload = format!("upload: {{ length: {length}, attempts: 1, format: {format} }}");
        let rig = rig(source, &upload);
        // A row of its own between others, as the results come in its place.
        let args: &[&str] = match (length, format) {
            ("chunked", _) => &["--set", "validate.key.keep=first"],
            (_, "csv") => &["--set", "target.orgvue.noop_token=="],
            _ => &[],
        };
        let ended = rig.run(args);
        assert_eq!(ended.code, 3, "{length} {format}: {}", ended.stderr);
        assert_eq!(counts(&ended), [3, 1, 1, 3, 3]);
        assert_eq!(ids(&rig), ["1 10", "2 5", "3 30"], "{length} {format}");
        let sent = String::from_utf8(rig.uploaded()).unwrap();
        match format {
            "csv" => assert_eq!(
                sent,
                "_action,employeeID,salary\ncreateOrUpdate,1,10\nnoop,2,\ncreateOrUpdate,3,30\n"
            ),
            _ => assert_eq!(
                sent,
                "[\n{\"_action\":\"createOrUpdate\",\"employeeID\":\"1\",\"salary\":\"10\"},\n\
                 {\"_action\":\"noop\",\"employeeID\":\"2\"},\n\
                 {\"_action\":\"createOrUpdate\",\"employeeID\":\"3\",\"salary\":\"30\"}\n]\n"
            ),
        }
        ended.says("whether the server keeps people who are carried forward is not proven");
        assert_eq!(
            ended.report["import"]["parameters"]["implicitDelete"],
            "true"
        );
    }
}

/// A key that stands twice is named once, and one that is at fault names nobody.
#[test]
fn whom_a_row_is_about_must_be_certain() {
    let twice = rig("employeeID,salary\n1,10\n2,20\n2,21\n3,30\n", "");
    let ended = twice.run(&[]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert_eq!(counts(&ended), [4, 2, 1, 3, 3]);
    assert_eq!(ids(&twice), ["1 10", "2 5", "3 30"]);
    for source in [
        "employeeID,salary\n1,10\nx,20\n3,30\n",
        "employeeID,salary\n1,10\n2,20,20\n3,30\n",
        "employeeID,salary\n1,10\n,20\n3,30\n",
    ] {
        let rig = rig(source, "");
        let ended = rig.run(&[]);
        assert_eq!(
            (ended.code, rig.taken()),
            (4, (0, 0)),
            "{source}: {}",
            ended.stderr
        );
        ended.says("at fault without a key that is certain");
        assert_eq!(ended.report["error"]["code"], "rejects_block");
    }
    // All at fault is still nothing.
    let none = rig("employeeID,salary\n1,a\n2,b\n", "");
    let ended = none.run(&[]);
    assert_eq!((ended.code, none.items().len()), (4, 4), "{}", ended.stderr);
}

#[test]
fn lint_asks_for_one_key() {
    let rig = Rig::new();
    rig.pipeline(
        "source: { path: workers.csv }\nguard: { min_rows: { first: 1 } }",
        "identify_by: { id_key: employeeID }\nimplicit_delete: { on_reject: carry_forward }",
    );
    let (code, stderr) = rig.ask(&["lint", "pipeline.yaml"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("have to be the same column"), "{stderr}");
}
