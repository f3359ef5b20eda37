//! `rostream infer` on files that are easily taken for something else, or of which a part is easily missed.

use std::fmt::Write as _;
use std::fs;

use crate::run;

/// What is drafted for a file; it lints, and checks with this exit code.
#[track_caller]
fn drafted(file: &str, bytes: impl AsRef<[u8]>, checks: i32) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(file), bytes).unwrap();
    let (code, _, stderr) = run(folder.path(), &["infer", file, "-o", "d.yaml"]);
    assert_eq!(code, 0, "{stderr}");
    let draft = fs::read_to_string(folder.path().join("d.yaml")).unwrap();
    let (code, _, stderr) = run(folder.path(), &["lint", "d.yaml"]);
    assert_eq!(code, 0, "{stderr}\n{draft}");
    // What stands in comments can be taken out of them, but where it is one of several.
    let (code, _, stderr) = run(folder.path(), &["check", "d.yaml"]);
    assert_eq!(code, checks, "{stderr}\n{draft}");
    unwrapped(&draft)
}

/// A draft whose comments are one line each.
fn unwrapped(draft: &str) -> String {
    draft.replace("\n  # ", " ").replace("\n# ", " ")
}

#[track_caller]
fn says(draft: &str, all: &[&str]) {
    for said in all {
        assert!(draft.contains(said), "{said}\n{draft}");
    }
}

/// Members that come behind the first thousand records are columns, too.
#[test]
fn late_members_are_columns() {
    let (mut lines, mut xml) = (String::new(), "<d>\n".to_owned());
    for n in 0..1500 {
        let late = n > 1200;
        let left = if late { ",\"left\":\"2024-01-31\"" } else { "" };
        let _ = writeln!(lines, "{{\"id\":\"{n:05}\"{left}}}");
        let left = if late { "<left>2024-01-31</left>" } else { "" };
        let _ = writeln!(xml, "<e><id>{n:05}</id><n>x</n>{left}</e>");
    }
    xml += "</d>\n";
    let draft = drafted("late.ndjson", lines, 0);
    says(&draft, &["json: { columns: [id, left] }", "left 1,201."]);
    assert!(!draft.contains("rejects:"), "{draft}");
    let draft = drafted("late.xml", xml, 0);
    says(
        &draft,
        &[
            "format: xml",
            "json: { columns: [id, \"n\", left] }",
            "left 1,201.",
        ],
    );
}

#[test]
fn what_is_not_a_table_is_not_drafted() {
    let noise: Vec<u8> = (0..5000u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let with = |head: &[u8]| [head, &noise].concat();
    let folder = tempfile::tempdir().unwrap();
    for (bytes, what) in [
        (noise.clone(), "binary data ("),
        (with(b"%PDF-1.7\n"), "a PDF"),
        (with(b"\x89PNG\r\n\x1a\n"), "a PNG image"),
        (with(b"\xff\xd8\xff\xe0\0\x10JFIF\0"), "a JPEG image"),
        (
            with(b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0"),
            "a program",
        ),
        (
            with(&[&b"SQLite format 3\0\x10\0\x01\x01\0@  "[..], &[0; 200]].concat()),
            "an SQLite database",
        ),
    ] {
        fs::write(folder.path().join("a.csv"), bytes).unwrap();
        for command in ["infer", "describe"] {
            let (code, stdout, stderr) = run(folder.path(), &[command, "a.csv"]);
            assert_eq!((code, stdout.as_str()), (2, ""), "{what}");
            assert!(
                stderr.contains(&format!("this looks like {what}")),
                "{stderr}"
            );
        }
    }
}

/// Lines of titles that are as wide as the table.
#[test]
fn titles_are_not_the_header() {
    let mut rows = "Employee ID,Name,Hire Date,Steps\n".to_owned();
    for n in 1..60 {
        let _ = writeln!(rows, "{n:05},Name{n},{:02}/03/2021,{}", n % 28 + 1, n * 3);
    }
    for (title, doubt) in [
        ("Report,Workers,,", false),
        ("\"Report\",\"Workers\",\"As of\",\"31.01.2024\"", false),
        ("Acme,All,Confidential,Internal", true),
    ] {
        let draft = drafted("t.csv", format!("{title}\n{rows}"), 0);
        says(
            &draft,
            &["skip_lines: 1", "key: Employee ID", "columns: [Hire Date]"],
        );
        assert_eq!(
            draft.contains("may be the header as well"),
            doubt,
            "{draft}"
        );
    }
    let draft = drafted("t.csv", &rows, 0);
    assert!(!draft.contains("skip_lines"), "{draft}");
}

/// Rows that hold for a time, whatever their columns are called.
#[test]
fn history_is_found_by_its_values() {
    for (header, by_values) in [("A;B;C", true), ("Legajo;Desde;Puesto", false)] {
        let mut text = format!("{header}\n");
        for n in 0..300 {
            for year in 0..4 {
                let _ = writeln!(
                    text,
                    "{};{:02}.0{}.20{};S{}",
                    70000 + n,
                    n % 28 + 1,
                    year + 1,
                    10 + year,
                    (n + year) % 9
                );
            }
        }
        let (key, rest) = header.split_once(';').unwrap();
        let from = rest.split_once(';').unwrap().0;
        let draft = drafted("h.csv", text, 0);
        says(
            &draft,
            &[
                &format!("as_of:   key: {key}   from: {from}"),
                "900 of 1,200 records",
            ],
        );
        assert_eq!(draft.contains("by the values alone"), by_values, "{draft}");
    }
    // One row each, and dates: nothing holds for a time.
    let people: String = (0..300)
        .map(|n| format!("{};{:02}.03.2020;x\n", 70000 + n, n % 28 + 1))
        .collect();
    let draft = drafted("p.csv", format!("A;B;C\n{people}"), 0);
    assert!(!draft.contains("as_of"), "{draft}");
}

#[test]
fn managers_that_miss_by_a_little_are_told() {
    let mut text = "Employee ID,Manager ID,Supervisor,Boss,Reports To\n".to_owned();
    for n in 1..=300 {
        let up = n / 10 + 1;
        let _ = writeln!(text, "E{n:04},{up},e{up:04},,E {up:04}");
    }
    let draft = drafted("m.csv", &text, 0);
    says(
        &draft,
        &[
            "300 only where large and small letters are the same",
            "- case: { columns: [Employee ID, Supervisor], to: upper }",
        ],
    );
    let text = text.replace('E', "").replace("mployee ID", "Employee ID");
    let draft = drafted("m.csv", text, 0);
    says(
        &draft,
        &[
            "Manager ID: 0 of 300 values are found in Employee ID as they are, and 300 only where zeros in front are left out",
            "- replace: { columns: [Employee ID, Manager ID], pattern: \"^0+\", with: \"\" }",
        ],
    );
}

#[test]
fn values_that_are_easily_misread() {
    let mut text = "ID,Text ID,Period,Year,Stamp,Base Pay,City,City,Left,Room\n".to_owned();
    for n in 1..=200u64 {
        let _ = writeln!(
            text,
            "{n:05},=\"{n:05}\",2021{:02},{},{},{},Paris,Rome,{},{}",
            n % 12 + 1,
            1990 + n % 30,
            1_600_000_000_000 + n * 86_400_000,
            50_000 + n * 7,
            if n % 3 == 0 { "1900-01-01" } else { "-" },
            if n % 4 == 0 { "#N/A" } else { "TBD" },
        );
    }
    let draft = drafted("v.csv", text, 0);
    says(
        &draft,
        &[
            "names and no numbers, left as they are: ID, Text ID, Period, Year, Stamp.",
            "- replace: { columns: [Text ID], pattern: \"^=\\\"([^\\\"]*)\\\"$\", with: \"$1\" }",
            "- empty: { columns: [Left], values: [\"-\"] }",
            "Is this no value? Left 66.",
            "- empty: { columns: [Room], values: [\"#N/A\"] }",
            "Is this no value? Room 150.",
            "Period: all of 200 values may be a year and a month",
            "Year: all of 200 values may be years",
            "Stamp: 200 numbers may be moments, counted from 1970 on (epoch_ms)",
            "- number: [Base Pay]",
            "City (columns 7, 8)",
            "So is Text ID, Stamp.",
        ],
    );
}

/// Where one of several is read, the draft says which, and what else there is.
#[test]
fn what_is_chosen_is_said() {
    let people: Vec<String> = (0..20)
        .map(|n| format!("{{\"id\":\"{n:03}\",\"n\":1}}"))
        .collect();
    let people = people.join(",");
    let json = format!("{{\"staff\":[{people}],\"units\":[{{\"code\":\"a\"}}]}}");
    let draft = drafted("two.json", &json, 0);
    says(
        &draft,
        &[
            "json: { path: \"$.staff\" }",
            "The others: `path: $.units`.",
        ],
    );
    let hdl = "METADATA|Worker|PersonNumber\nMERGE|Worker|0001\nMERGE|Worker|0002\nMETADATA|Terms|Code\nMERGE|Terms|a\n";
    let draft = drafted("two.dat", hdl, 0);
    says(
        &draft,
        &["hdl: { component: Worker }", "The others: Terms."],
    );
    let zip = crate::packed::zip(&[
        ("workers.csv", b"id,n\n0001,a\n0002,b\n"),
        ("units.csv", b"code,t\n01,a\n02,b\n"),
    ]);
    let draft = drafted("two.zip", &zip, 0);
    says(&draft, &["entry: workers.csv", "The others: units.csv."]);
}

/// The reader does not choose: it names both.
#[test]
fn a_run_is_told_of_both_arrays() {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| fs::write(folder.path().join(file), text).unwrap();
    write(
        "a.json",
        "{\"staff\":[{\"id\":\"1\"},{\"id\":\"2\"}],\"units\":[{\"code\":\"a\"}]}",
    );
    write(
        "p.yaml",
        "version: 1\nsource: { path: a.json }\nrejects: { at_most: 1% }\ntarget: { sandbox: }\n",
    );
    let (code, _, stderr) = run(folder.path(), &["check", "p.yaml"]);
    assert_eq!(code, 2, "{stderr}");
    says(
        &stderr,
        &[
            "set source.json.path: $.staff",
            "`$.units` holds objects, too",
        ],
    );
}
