use serde_json::{Value, json};

use super::of_run;

/// A report with something in every section, and markup wherever text from outside may stand.
fn full() -> Value {
    const RUDE: &str = "<script>alert('x')</script>\u{202e}&\"";
    let pace = (1..=40).map(|n| {
        let (phase, rows) = if n <= 20 {
            ("survey", n * 1_000)
        } else {
            ("upload", (n - 20) * 900)
        };
        json!({ "phase": phase, "at": f64::from(n) / 10.0, "rows": rows, "bytes": rows * 100 })
    });
    let told = json!({ "count": 12, "exact": false });
    let counts = json!({
        "read": 1000, "skipped": 2, "filtered": 100, "rejected": 50, "superseded": 10, "withheld": 5,
        "carried": 0, "unchanged": 35, "deletes": 0, "would_send": 0, "sent": 800, "accepted": 790,
        "failed": 9, "unprocessed": 1, "unknown": 0
    });
    let rejects = json!({
        "rows": 50, "faults": 61, "other_codes": 0,
        "by_column": [
            { "column": RUDE, "renamed_to": RUDE, "code": RUDE, "faults": 56 },
            { "column": "gender", "renamed_to": null, "code": "one_of", "faults": "fewer than 5" },
        ]
    });
    let hierarchies = json!([{
        "name": RUDE, "nodes": 800, "in_trees": 799, "roots": 1,
        "depth": { "max": 30, "levels": (0..30).map(|n| 30 - n).collect::<Vec<_>>(), "deeper": 2 },
        "span": {
            "managers": 90, "max": 120, "median": 7, "limit": 100, "wide": 1,
            "spread": [
                { "from": 1, "to": 1, "managers": 20 },
                { "from": 11, "to": 15, "managers": 60 },
                { "from": 101, "to": 120, "managers": 1 },
            ]
        },
        "findings": [{ "code": "manager_absent", "decision": "warn", "rows": 3 }]
    }]);
    let guards = json!([
        { "guard": "reject_limit", "limit": "at most 10%", "count": 50, "exact": true, "of": 1000, "decision": "passed" },
        { "guard": "max_delete", "limit": RUDE, "count": 9, "exact": false, "of": null, "decision": "stopped" },
    ]);
    let plan = json!({
        "hash": "0123", "file": RUDE, "expires_at": "2026-02-01T23:59:59Z", "verdict": "passed",
        "people": { "before": 900, "after": 912 }, "leavers": { "before": null, "after": null },
        "changes": {
            "create": told, "update": null, "create_or_update": 800,
            "delete": { "by_row": null, "unnamed": told, "gone": null }, "leave": told,
            "columns": [{
                "column": RUDE, "changed": { "count": "fewer than 5", "exact": true },
                "filled_before": 90, "emptied": null
            }]
        }
    });
    let delta = json!({
        "people": 900, "creates": 1, "updates": 2, "deletes": 3, "unchanged": 35, "full": RUDE, "deletion_off": null,
        "columns": [{ "column": RUDE, "changed": 2, "filled_before": 3, "emptied": "fewer than 5", "untold": 0 }]
    });
    let seconds = json!({ "survey": 2.0, "upload": 2.0, "wait": 61.5, "total": 66.0 });
    json!({
        "run_id": "20260131T235959Z-4f2a",
        "rostream_version": "0.0.0",
        "pipeline": { "name": RUDE, "file": RUDE },
        "target": "orgvue",
        "started_at": "2026-01-31T23:59:59.500Z",
        "time_zone": "Europe/London",
        "outcome": "succeeded_with_rejects",
        "ending": "succeeded, some rows were rejected",
        "exit_code": 3,
        "error": { "code": "a", "message": RUDE, "retryable": false },
        "warnings": [RUDE],
        "sources": [{ "path": RUDE, "bytes": 5, "compression": "gzip", "format": "csv" }],
        "counts": counts,
        "rejects": rejects,
        "refused": {
            "faults": 9, "by_column": [{ "column": "", "renamed_to": null, "code": "NotFound", "faults": 9 }]
        },
        "rejects_file": RUDE,
        "bytes": { "source": 1, "body": 2, "sent": 3 },
        "body_hash": { "kind": "md5", "hex": "00" },
        "seconds": seconds,
        "throughput": { "rows_per_second": 250, "mb_per_second": 0.5 },
        "pace": pace.collect::<Vec<_>>(),
        "peak_memory": 58_720_256,
        "hierarchies": hierarchies,
        "drift": { "compared_with": "r", "found": [
            { "kind": "new", "column": RUDE, "follows": "warn", "message": RUDE }
        ] },
        "guards": guards,
        "as_of": { "at": "2026-01-31", "keys": 900, "in_force": 890, "ties": { "count": 2 }, "gaps": { "count": 7 } },
        "deletions": { "told": 4, "off_because": null, "in_a_row": 0, "expected": null, "exact": false },
        "plan": plan,
        "delta": delta,
        "upload": { "attempts": 2, "encoding": "gzip" },
        "import": { "ticket_status": "completed", "trace_ids": [RUDE] },
        "next": RUDE,
        "what_a_later_version_says": [1, 2, 3],
    })
}

/// Elements stand in each other as they have to, and there is nothing on the page that is not ours.
#[track_caller]
fn is_sound(page: &str) {
    assert!(
        page.starts_with("<!doctype html>\n<html lang=\"en\">"),
        "{page}"
    );
    for foreign in [
        "<script",
        "javascript:",
        "http:",
        "https:",
        " src=",
        "@import",
        "url(",
        "\u{202e}",
        "alert('",
    ] {
        assert!(!page.contains(foreign), "{foreign}: {page}");
    }
    let empty = ["meta", "rect", "path", "br", "!doctype"];
    let body =
        page.split("<style>").next().unwrap().to_owned() + page.split("</style>").nth(1).unwrap();
    let mut open = Vec::new();
    for tag in body.split('<').skip(1) {
        let name: String = tag.chars().take_while(|c| !" >/".contains(*c)).collect();
        match tag.strip_prefix('/') {
            Some(closed) => {
                let closed = closed.split('>').next().unwrap();
                assert_eq!(open.pop().as_deref(), Some(closed), "{page}");
            }
            None if empty.contains(&&*name) => {}
            None if name == "title" || !name.is_empty() => open.push(name),
            None => panic!("{tag}"),
        }
    }
    assert!(open.is_empty(), "{open:?}");
    let mut ids: Vec<&str> = page
        .split(" id=\"")
        .skip(1)
        .map(|id| id.split('"').next().unwrap())
        .collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "{ids:?}");
}

#[test]
fn all_there_is_to_see() {
    let page = of_run(full()).unwrap();
    is_sound(&page);
    for text in [
        "What to do next",
        "&#60;script&#62;",
        "Of 1,000 rows, 50 were rejected here; 800 went out, of which Orgvue accepted 790 and refused 9.",
        "31 January 2026, 23:59 GMT, took 1m 06s",
        "fewer than 5",
        "<code>NotFound</code>",
        "people, before",
        "12 or more",
        "101 to 120",
        "beyond 24",
        "Rows per second in 4.0 s",
        "everything else",
        "gaps between periods: 7",
    ] {
        assert!(page.contains(text), "{text} is not on the page: {page}");
    }
}

/// Reports of versions to come, and of old ones, are shown as far as they say anything.
#[test]
fn any_part_of_a_report_may_be_missing() {
    is_sound(&of_run(json!({})).unwrap());
    let Value::Object(full) = full() else {
        unreachable!()
    };
    for member in full.keys() {
        let mut report = full.clone();
        report.remove(member);
        is_sound(&of_run(Value::Object(report)).unwrap());
    }
    for member in full.keys() {
        let only = json!({ member: full[member] });
        is_sound(&of_run(only).unwrap());
    }
    assert!(of_run(json!([1])).is_err());
}

#[test]
fn what_to_do_next() {
    let check = |report: Value, expected: &[&str]| {
        let page = of_run(report).unwrap();
        let next = page.split("id=\"next\"").nth(1).unwrap();
        let next = next.split("</section>").next().unwrap();
        for text in expected {
            assert!(next.contains(text), "{text}: {next}");
        }
        assert_eq!(next.matches("<li>").count(), expected.len(), "{next}");
    };
    let pipeline = json!({ "name": "p", "file": "a b.yaml" });
    check(
        json!({ "outcome": "succeeded" }),
        &["Nothing: all is done."],
    );
    check(
        json!({ "pipeline": pipeline, "counts": { "read": 9, "would_send": 9 }, "outcome": "succeeded" }),
        &["rostream run &#39;a b.yaml&#39;"],
    );
    check(
        json!({
            "pipeline": pipeline, "run_id": "r1", "rejects_file": "r.csv", "outcome": "succeeded_with_rejects",
            "counts": { "read": 9, "rejected": 1, "sent": 8, "accepted": 6, "failed": 2 }
        }),
        &["--mend r.csv", "rostream retry r1"],
    );
    check(
        json!({ "outcome": "stopped_by_guard", "next": "rostream run p.yaml --approve 01" }),
        &["rostream run p.yaml --approve 01"],
    );
    for (retryable, text) in [(true, "To try again:"), (false, "Mend what is named above")] {
        let error = json!({ "code": "c", "message": "m", "retryable": retryable });
        check(json!({ "outcome": "failed", "error": error }), &[text]);
    }
}
