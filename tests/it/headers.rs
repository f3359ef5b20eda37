//! What the columns are called: headers that are there, are not, say too little or too much; several files.

use crate::support::{Ended, Rig};

/// A run of these files; `csv` are settings of the source, `more` other sections.
fn run_of(files: &[(&str, &str)], csv: &str, more: &str) -> (Rig, Ended) {
    let rig = Rig::new();
    for (name, text) in files {
        rig.write(name, text);
    }
    rig.pipeline(
        &format!(
            "source: {{ path: \"*.csv\", csv: {{ {csv} }} }}\nrejects: {{ path: out/rejects.csv, at_most: 100% }}\n{more}"
        ),
        "",
    );
    let ended = rig.run(&[]);
    (rig, ended)
}

/// The items in an order that does not depend on the identifiers that the sandbox gave them.
fn items_of(rig: &Rig) -> Vec<String> {
    let mut items = rig.items();
    items.sort_unstable();
    items
}

fn sorted<'a>(items: &[&'a str]) -> Vec<&'a str> {
    let mut items = items.to_vec();
    items.sort_unstable();
    items
}

#[track_caller]
fn check(files: &[(&str, &str)], csv: &str, more: &str, code: i32, items: &[&str]) -> (Rig, Ended) {
    let (rig, ended) = run_of(files, csv, more);
    assert_eq!(ended.code, code, "{}", ended.stderr);
    assert_eq!(items_of(&rig), sorted(items), "{}", ended.stderr);
    (rig, ended)
}

const TWICE: &str = "ID,Name,ID,Name\n2,Jens,1,Mara\n1,Mara,,\n";

#[test]
fn names_that_come_twice() {
    let (_, ended) = check(
        &[("w.csv", TWICE)],
        "",
        "stages: [ { rename: { ID: id } } ]",
        2,
        &[],
    );
    ended.says("have the same name: `ID` (1 and 3), `Name` (2 and 4)");
    ended.says("set source.csv.duplicate_names to number");
    check(
        &[("w.csv", TWICE)],
        "duplicate_names: number",
        "",
        0,
        &[
            r#"{"ID":"2","Name":"Jens","ID_2":"1","Name_2":"Mara"}"#,
            r#"{"ID":"1","Name":"Mara"}"#,
        ],
    );
    check(
        &[("w.csv", "N,N_2,N,N\n1,2,3,4\n")],
        "duplicate_names: number",
        "",
        0,
        &[r#"{"N":"1","N_2":"2","N_3":"3","N_4":"4"}"#],
    );
    check(
        &[("w.csv", TWICE)],
        "columns: [id, name, managerID, managerName]",
        "validate: { key: id }",
        0,
        &[
            r#"{"id":"2","name":"Jens","managerID":"1","managerName":"Mara"}"#,
            r#"{"id":"1","name":"Mara"}"#,
        ],
    );
    let (_, ended) = check(&[("w.csv", TWICE)], "columns: [a, b, c]", "", 2, &[]);
    ended.says("source.csv.columns names 3 columns, and the header has 4 cells");
}

#[test]
fn a_file_without_a_header() {
    let files = [("w.csv", "1;Mara;\n2;Jens;\n")];
    check(
        &files,
        "delimiter: \";\", header: none, columns: [id, name, \"\"]",
        "",
        0,
        &[r#"{"id":"1","name":"Mara"}"#, r#"{"id":"2","name":"Jens"}"#],
    );
    check(
        &[("w.csv", "1;Mara\n")],
        "delimiter: \";\", header: none",
        "",
        0,
        &[r#"{"column_1":"1","column_2":"Mara"}"#],
    );
    let (_, ended) = check(&files, "header: none, columns: [id, name]", "", 2, &[]);
    ended.says("`;` is in it: if that is the delimiter, set source.csv.delimiter to \";\"");
    // It is no header, and no message repeats what stands there.
    let (_, ended) = check(
        &[("w.csv", "1,Mara Example\n")],
        "",
        "validate: { key: employeeID }",
        2,
        &[],
    );
    ended.says("if the file has no header, set source.csv.header to none");
    assert!(!ended.stderr.contains("Mara"), "{}", ended.stderr);
}

#[test]
fn several_lines_of_a_header() {
    check(
        &[(
            "w.csv",
            "Worker,,Pay\nID,\"First\nName\",Amount\n1,Ann,10\n",
        )],
        "header: 2",
        "",
        0,
        &[r#"{"Worker ID":"1","First\nName":"Ann","Pay Amount":"10"}"#],
    );
    let (_, ended) = check(&[("w.csv", "ID,Name\n")], "header: 2", "", 2, &[]);
    ended.says("the file ends after 1 of the 2 lines of its header");
}

#[test]
fn columns_in_another_order() {
    let north = ("a.csv", "ID,Name,Location\n1,Mara,Leeds\n");
    check(
        &[
            north,
            ("b.csv", "Name,Location,ID\n\"Fallow, Jens\",Hove,2\n"),
        ],
        "",
        "validate: { key: ID }",
        0,
        &[
            r#"{"ID":"1","Name":"Mara","Location":"Leeds"}"#,
            r#"{"ID":"2","Name":"Fallow, Jens","Location":"Hove"}"#,
        ],
    );
    let south = ("b.csv", "Name,ID,Location,Cost Centre\nJens,2,Hove,CC7\n");
    let (_, ended) = check(&[north, south], "", "validate: { key: ID }", 2, &[]);
    ended.says("b.csv:1: this file has `Cost Centre`, which a.csv lacks");
    ended.says("source.csv.match is name");
    check(
        &[north, south],
        "match: name",
        "validate: { key: ID }",
        0,
        &[
            r#"{"ID":"1","Name":"Mara","Location":"Leeds"}"#,
            r#"{"ID":"2","Name":"Jens","Location":"Hove","Cost Centre":"CC7"}"#,
        ],
    );
}

#[test]
fn a_header_that_is_missing_makes_no_columns() {
    let (_, ended) = check(
        &[("a.csv", "ID,Name\n1,Mara\n"), ("b.csv", "2,Jens Fallow\n")],
        "match: name",
        "",
        2,
        &[],
    );
    ended.says("b.csv:1: this file has no column in common with a.csv; is its header missing?");
    assert!(!ended.stderr.contains("Fallow"), "{}", ended.stderr);
    let (_, ended) = check(&[("w.csv", ",,\nID,Name,\n1,Ann,\n")], "", "", 2, &[]);
    ended.says("w.csv:1: the header has no name in any of its cells");
    ended.says("source.csv.skip_lines");
}

/// Names are compared as they look, in every file.
#[test]
fn columns_whose_names_look_the_same() {
    let files = [
        ("a.csv", "ID,First Name,Prénom\n1,Mara,M\n"),
        (
            "b.csv",
            "Pre\u{301}nom,First\u{a0}Name,I\u{200b}D\nJ,Jens,2\n",
        ),
    ];
    for csv in ["match: same", "match: name"] {
        check(
            &files,
            csv,
            "validate: { key: ID }",
            0,
            &[
                r#"{"ID":"1","First Name":"Mara","Prénom":"M"}"#,
                r#"{"ID":"2","First Name":"Jens","Prénom":"J"}"#,
            ],
        );
    }
}

/// A header that stands again is passed over, also one of several lines, and that of a file in another order.
#[test]
fn headers_that_stand_again() {
    check(
        &[
            ("a.csv", "ID,Name\n1,Mara\nID,Name\n2,Jens\n"),
            ("b.csv", "Name,ID\nCy,3\nName,ID\nDi,4\n"),
        ],
        "",
        "validate: { key: ID }",
        0,
        &[
            r#"{"ID":"1","Name":"Mara"}"#,
            r#"{"ID":"2","Name":"Jens"}"#,
            r#"{"ID":"3","Name":"Cy"}"#,
            r#"{"ID":"4","Name":"Di"}"#,
        ],
    );
    check(
        &[(
            "w.csv",
            "No,Worker\nID,Name\n1,Mara\nNo,Worker\nID,Name\n2,Jens\n",
        )],
        "header: 2, columns: [id, name]",
        "",
        0,
        &[r#"{"id":"1","name":"Mara"}"#, r#"{"id":"2","name":"Jens"}"#],
    );
}

/// Rejected rows of all files stand under the one header, and go out when they are put right.
#[test]
fn rejects_of_files_in_another_order() {
    let (rig, ended) = run_of(
        &[
            ("a.csv", "ID,Name\n1,Mara\n"),
            (
                "b.csv",
                "Unit,Name,ID\nU1,\"Fallow, Jens\",x\nU1,Bo\nU2,Cy,3\nU2,Di,4,more\n",
            ),
        ],
        "match: name",
        "validate: { columns: { ID: { pattern: '^\\d$' } } }",
    );
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let items = [
        r#"{"ID":"1","Name":"Mara"}"#,
        r#"{"ID":"3","Name":"Cy","Unit":"U2"}"#,
    ];
    assert_eq!(items_of(&rig), items);
    let rejects = rig.read("out/rejects.csv");
    let lines: Vec<&str> = rejects.lines().collect();
    assert!(lines[0].starts_with("ID,Name,Unit,"), "{rejects}");
    assert!(lines[1].starts_with("x,\"Fallow, Jens\",U1,"), "{rejects}");
    // Which of its cells is missing, nobody knows.
    assert!(lines[2].starts_with("U1,Bo,"), "{rejects}");
    assert!(lines[3].starts_with("4,Di,U2,"), "{rejects}");
    let mended: String = [lines[0], lines[1]]
        .map(|line| line.to_owned() + "\n")
        .concat();
    rig.write("mended.csv", mended.replace("\nx,", "\n2,"));
    let ended = rig.run(&["--mend", "mended.csv"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(
        rig.items()
            .contains(&r#"{"ID":"2","Name":"Fallow, Jens","Unit":"U1"}"#.to_owned())
    );
}

#[test]
fn columns_without_a_name() {
    let sent = [r#"{"ID":"1","Name":"Ann"}"#, r#"{"ID":"2","Name":"Bo"}"#];
    for header in ["ID,Name,", "ID,Name,  ", "ID,Name,\u{feff}\u{200b}"] {
        let text = format!("{header}\n1,Ann,\n2,Bo,\n");
        let (_, ended) = check(&[("w.csv", &text)], "", "", 0, &sent);
        ended.says("w.csv: column 3 has no name in the header and is left out");
    }
    let (rig, ended) = check(
        &[("w.csv", "ID,,Name\n1,,Ann\n2,x,Bo\n")],
        "",
        "",
        3,
        &sent[..1],
    );
    ended.says("nameless");
    let rejects = rig.read("out/rejects.csv");
    assert!(rejects.contains("2,x,Bo,"), "{rejects}");
    assert!(rejects.contains(",parse,column_2,nameless,"), "{rejects}");
    // Unmended, it is rejected again.
    let ended = rig.run(&["--mend", "out/rejects.csv"]);
    assert_eq!(
        (ended.code, ended.count("rejected")),
        (4, 1),
        "{}",
        ended.stderr
    );
    // The pipeline may want it.
    check(
        &[("w.csv", "ID,,Name\n2,x,Bo\n")],
        "",
        "stages: [ { rename: { column_2: Code } } ]",
        0,
        &[r#"{"ID":"2","Code":"x","Name":"Bo"}"#],
    );
}

#[test]
fn what_stands_around_a_name() {
    let item = [r#"{"ID":"1","Name":"Ann"}"#];
    for text in [
        "\u{feff}\u{feff}ID,Name\n1,Ann\n",
        "\u{feff}sep=,\n\u{feff}ID,Name\n1,Ann\n",
        " ID\u{200b},\u{a0}Name \n1,Ann\n",
    ] {
        check(&[("w.csv", text)], "", "validate: { key: ID }", 0, &item);
    }
    // Also at the beginning of every file.
    check(
        &[
            ("a.csv", "\u{feff}ID,Name\n1,Ann\n"),
            ("b.csv", "\u{feff}\u{feff}ID,Name\n2,Bo\n"),
        ],
        "",
        "validate: { key: ID }",
        0,
        &[item[0], r#"{"ID":"2","Name":"Bo"}"#],
    );
}

#[test]
fn a_line_that_names_the_delimiter() {
    let text = "sep=;\r\nID;Name\r\n1;Mara\r\n2;Fallow, Jens\r\n";
    let items = [
        r#"{"ID":"1","Name":"Mara"}"#,
        r#"{"ID":"2","Name":"Fallow, Jens"}"#,
    ];
    check(&[("w.csv", text)], "", "", 0, &items);
    let (_, ended) = check(&[("w.csv", text)], "delimiter: \",\"", "", 2, &[]);
    ended.says("the line says that `;` is the delimiter, and source.csv.delimiter");
}

#[test]
fn all_missing_columns_at_once() {
    let (_, ended) = check(
        &[("w.csv", "ID,Name\n1,Ann\n")],
        "",
        "stages:\n  - rename: { Idd: id, Name: name }\n  - trim: [Dob, name]\n  - filter: Gone != \"x\"\nvalidate:\n  columns:\n    Salary: { min: 1 }",
        2,
        &[],
    );
    for column in ["Idd", "Dob", "Gone", "Salary"] {
        ended.says(&format!("no column `{column}`"));
    }
}

#[test]
fn lines_that_end_with_carriage_returns() {
    for text in [
        "ID,Name\r1,Ann\r2,Bo\r",
        "\"ID\",\"Name\"\r\"1\",\"Ann\"\r\"2\",\"Bo\"\r",
        "\"ID\",left,right\r1,7,7\r2,8,8\r",
    ] {
        let (_, ended) = check(&[("w.csv", text)], "", "validate: { key: ID }", 1, &[]);
        ended.says("lines end with bare carriage returns; convert them to LF or CR LF");
        assert!(!ended.stderr.contains('7'), "{}", ended.stderr);
    }
    // In quotes, it is a part of a name.
    check(
        &[("w.csv", "ID,\"First\rName\"\n1,Ann\n")],
        "",
        "",
        0,
        &[r#"{"ID":"1","First\rName":"Ann"}"#],
    );
}
