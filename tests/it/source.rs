//! Where the records come from: several streams, and files that change on the way.

use std::process::Command;

use crate::support::Rig;

/// Makes a named pipe.
fn pipe(rig: &Rig, name: &str) {
    let made = Command::new("mkfifo").arg(rig.path(name)).status();
    assert!(made.unwrap().success());
}

/// Each stream is read for itself, in both passes and when the rows that the server refused are written down.
#[test]
fn several_streams_in_one_source() {
    let check = |paths: &str, upload: &str, first: &str, names: [&str; 2]| {
        let rig = Rig::holding(
            r#"[{"employeeID":"2","fullName":"Old"},{"employeeID":"4","fullName":"Old"}]"#,
            |s| s.accept_chunked = true,
        );
        rig.write("a", "employeeID,fullName\n1,Ann\n2,Bo\n");
        rig.write("b", "employeeID,fullName\n3,Cy\n4,Di\n");
        pipe(&rig, "one");
        pipe(&rig, "two");
        rig.pipeline(
            &format!(
                "source: {{ path: {paths} }}\nvalidate: {{ key: employeeID }}\nupload: {{ {upload} }}"
            ),
            "action: create\nidentify_by: { id_key: employeeID }",
        );
        let ended = rig.ended(rig.start_after(first).wait_with_output().unwrap());
        assert_eq!(ended.code, 3, "{paths}: {}", ended.stderr);
        assert_eq!(
            ["read", "sent", "accepted", "failed"].map(|count| ended.count(count)),
            [4, 4, 2, 2],
            "{paths}"
        );
        let mut items = rig.items();
        items.sort();
        assert_eq!(
            items,
            [
                r#"{"employeeID":"1","fullName":"Ann"}"#,
                r#"{"employeeID":"2","fullName":"Old"}"#,
                r#"{"employeeID":"3","fullName":"Cy"}"#,
                r#"{"employeeID":"4","fullName":"Old"}"#,
            ],
            "{paths}"
        );
        let rows: Vec<String> = (rig.read("rejects.csv").lines().skip(1))
            .map(|line| line.split(",import").next().unwrap().to_owned())
            .collect();
        let expected = [
            format!("2,Bo,{},3", names[0]),
            format!("4,Di,{},3", names[1]),
        ];
        assert_eq!(rows, expected, "{paths}");
    };
    // Nobody waits for the output of a writer whose pipe is never opened.
    let both = "(exec > /dev/null 2>&1; cat a > one; cat b > two) &";
    for upload in ["", "length: spooled", "length: chunked"] {
        check("[one, two]", upload, both, ["one", "two"]);
    }
    let one = "(exec > /dev/null 2>&1; cat b > two) & exec < a";
    check("[\"-\", two]", "", one, ["standard input", "two"]);
    let two = "(exec > /dev/null 2>&1; cat a > one) & exec < b";
    check("[one, \"-\"]", "", two, ["one", "standard input"]);
    check(
        "[one, b]",
        "",
        "(exec > /dev/null 2>&1; cat a > one) &",
        ["one", "b"],
    );
}
