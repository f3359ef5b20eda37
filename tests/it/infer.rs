//! `rostream infer` and `rostream describe`: extracts in the styles of many systems, each beside a file of truths that was
//! written before the program saw it. No decision may be wrong, and nearly all that can be decided must be.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::run;

/// The folders with an extract and its truths.
fn styles() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/infer");
    let mut folders: Vec<PathBuf> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

/// The truths of a folder, and its extract in a folder of its own, with its file's name.
fn extract(style: &Path) -> (Value, tempfile::TempDir, String) {
    let truths = fs::read_to_string(style.join("truths.json")).unwrap();
    let truths: Value = serde_json::from_str(&truths).unwrap();
    let file = match truths["extract"].as_str() {
        Some(elsewhere) => style.join(elsewhere),
        None => fs::read_dir(style)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| !path.ends_with("truths.json") && !path.ends_with("LICENSE"))
            .unwrap(),
    };
    let folder = tempfile::tempdir().unwrap();
    let name = file.file_name().unwrap().to_str().unwrap().to_owned();
    fs::copy(&file, folder.path().join(&name)).unwrap();
    (truths, folder, name)
}

fn describe(folder: &Path, args: &[&str]) -> Value {
    let (code, stdout, stderr) = run(folder, &[&["describe"], args].concat());
    assert_eq!((code, stderr.as_str()), (0, ""), "{args:?}");
    serde_json::from_str(&stdout).unwrap()
}

/// What was decided, what could have been, and what is wrong.
#[derive(Default)]
struct Score {
    decidable: usize,
    decided: usize,
    wrong: Vec<String>,
}

impl Score {
    /// Holds what was found against what is true.
    fn hold(&mut self, what: &str, found: &Value, truth: &Value) {
        self.decidable += 1;
        if found.is_null() && !truth.is_null() {
            return;
        }
        self.decided += 1;
        if found != truth {
            self.wrong
                .push(format!("{what}: found {found}, it is {truth}"));
        }
    }

    fn column(&mut self, name: &str, found: &Value, truth: &Value) {
        let types: Vec<&str> = match &truth["type"] {
            Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
            kind => vec![kind.as_str().unwrap()],
        };
        let kind = found["type"].as_str().unwrap();
        if types == ["undecided"] {
            if kind != "undecided" {
                self.wrong
                    .push(format!("{name}: nobody can know that it is {kind}"));
            }
            return;
        }
        self.decidable += 1;
        if kind == "undecided" {
            return;
        }
        self.decided += 1;
        let mut wrong = |what: String| self.wrong.push(format!("{name}: {what}"));
        if !types.contains(&kind) {
            wrong(format!("found {kind}, it is {types:?}"));
        }
        if let Some(format) = truth["from"].as_str()
            && found["from"] != serde_json::json!([format])
        {
            wrong(format!("found {}, it is {format}", found["from"]));
        }
        // A decimal sign matters where there is a fraction.
        for setting in ["decimal", "thousands"] {
            let stated = truth[setting].as_str();
            if kind == "decimal"
                && found[setting].as_str() != stated
                && (stated.is_some() || setting == "thousands")
            {
                wrong(format!(
                    "{setting} {}, it is {}",
                    found[setting], truth[setting]
                ));
            }
        }
        if truth["person"] == "century_from" && found["short_year"] != true {
            wrong("a person must say the century".to_owned());
        }
        let sentinels: Vec<&str> = truth["sentinels"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let told: Vec<&str> = found["sentinels"]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        if told != sentinels {
            wrong(format!("sentinels {told:?}, they are {sentinels:?}"));
        }
        if truth["eaten"] == true && found["eaten"].as_u64().unwrap_or_default() == 0 {
            wrong("a spreadsheet has eaten numbers".to_owned());
        }
    }

    fn file(&mut self, found: &Value, truth: &Value) {
        let written = &found["written"];
        self.hold("format", &written["format"], &truth["format"]);
        for setting in ["delimiter", "skip_lines", "path"] {
            if !truth[setting].is_null() {
                self.hold(setting, &written[setting], &truth[setting]);
            }
        }
        // UTF-16 by its mark, and UTF-8, need not be stated.
        self.decidable += 1;
        self.decided += 1;
        if found["encoding"] != truth["encoding"] {
            self.wrong.push(format!(
                "encoding {}, it is {}",
                found["encoding"], truth["encoding"]
            ));
        }
        if let Some(lines) = truth["header"].as_u64() {
            self.hold("header", &written["header"], &lines.into());
        }
        for begins in truth["footer"].as_array().into_iter().flatten() {
            let footer = written["footer"].as_str().unwrap_or_default();
            self.decidable += 1;
            self.decided += usize::from(!footer.is_empty());
            let words = begins.as_str().unwrap().split(' ').next().unwrap();
            if !footer.contains(words) {
                self.wrong
                    .push(format!("footer {footer}, and a line begins with {begins}"));
            }
        }
        let relations = &found["relations"];
        let unique =
            |key: &&Value| key["empty"] == 0 && key["repeated"] == 0 && key["likely"] == true;
        let key = relations["keys"].as_array().unwrap().iter().find(unique);
        let key = key.map_or(&Value::Null, |key| &key["column"]);
        if truth.get("key").is_some() {
            self.hold("key", key, &truth["key"]);
        } else if !key.is_null() {
            self.wrong.push(format!("key {key}, and there is none"));
        }
        let manager = &relations["managers"][0]["column"];
        if truth.get("manager").is_some() || !manager.is_null() {
            self.hold("manager", manager, &truth["manager"]);
        }
        let effective = &relations["effective"];
        if truth.get("effective").is_some() || !effective.is_null() {
            for part in ["key", "from", "to"] {
                self.hold(part, &effective[part], &truth["effective"][part]);
            }
        }
    }
}

#[test]
fn what_is_decided_is_true() {
    let mut all = Score::default();
    let mut extracts = 0;
    for style in styles() {
        let (truths, folder, file) = extract(&style);
        let found = describe(folder.path(), &[&file, "--json"]);
        let mut score = Score::default();
        score.file(&found, &truths["file"]);
        let columns = found["columns"].as_array().unwrap();
        let truth = truths["columns"].as_object().unwrap();
        let mut names: Vec<&str> = columns
            .iter()
            .filter_map(|column| column["name"].as_str())
            .collect();
        names.sort_unstable();
        let mut expected: Vec<&str> = truth.keys().map(String::as_str).collect();
        expected.sort_unstable();
        assert_eq!(names, expected, "{file}");
        for column in columns {
            let name = column["name"].as_str().unwrap();
            score.column(name, column, &truth[name]);
        }
        let name = style.file_name().unwrap().to_string_lossy().into_owned();
        println!(
            "{name}: {} of {} decided, {} wrong",
            score.decided,
            score.decidable,
            score.wrong.len()
        );
        all.decidable += score.decidable;
        all.decided += score.decided;
        all.wrong.extend(
            score
                .wrong
                .into_iter()
                .map(|wrong| format!("{name}: {wrong}")),
        );
        extracts += 1;
    }
    println!("all: {} of {} decided", all.decided, all.decidable);
    assert!(extracts >= 12, "{extracts}");
    assert!(all.wrong.is_empty(), "{:#?}", all.wrong);
    assert!(
        all.decided * 10 >= all.decidable * 9,
        "{} of {}",
        all.decided,
        all.decidable
    );
}

#[test]
fn every_draft_lints_and_checks() {
    for style in styles() {
        let (_, folder, file) = extract(&style);
        let (code, stdout, stderr) = run(folder.path(), &["infer", &file, "-o", "draft.yaml"]);
        assert_eq!((code, stdout.as_str()), (0, ""), "{style:?} {stderr}");
        let draft = fs::read_to_string(folder.path().join("draft.yaml")).unwrap();
        let (code, _, stderr) = run(folder.path(), &["lint", "draft.yaml"]);
        assert_eq!(code, 0, "{style:?} {stderr}\n{draft}");
        let (code, _, stderr) = run(folder.path(), &["check", "draft.yaml"]);
        assert_eq!(code, 0, "{style:?} {stderr}\n{draft}");
    }
}

/// A folder with a file.
fn with(file: &str, text: impl AsRef<[u8]>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(file), text).unwrap();
    folder
}

#[test]
fn a_draft_is_not_written_over() {
    let folder = with("a.csv", "id,name\n1,Mara\n2,Ben\n");
    fs::write(folder.path().join("p.yaml"), "mine").unwrap();
    let (code, stdout, stderr) = run(folder.path(), &["infer", "a.csv", "-o", "p.yaml"]);
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert_eq!(
        stderr,
        "error: p.yaml is there already, and is not written over\n"
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("p.yaml")).unwrap(),
        "mine"
    );
    let (code, stdout, stderr) = run(folder.path(), &["infer", "a.csv"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.contains("\nsource:\n  path: a.csv\n"), "{stdout}");
}

#[test]
fn what_cannot_be_read_is_said() {
    let folder = with("empty.csv", "");
    fs::write(folder.path().join("header.csv"), "id,name\n").unwrap();
    fs::write(folder.path().join("b.zip"), b"PK\x03\x04xxxxxxxxxxxxxxxx").unwrap();
    for (file, code, said) in [
        ("none.csv", 1, "none.csv: no such file"),
        ("empty.csv", 1, "empty.csv"),
        ("header.csv", 1, "header.csv"),
        ("b.zip", 1, "b.zip"),
    ] {
        for command in ["infer", "describe"] {
            let (found, stdout, stderr) = run(folder.path(), &[command, file]);
            assert_eq!((found, stdout.as_str()), (code, ""), "{file} {stderr}");
            assert!(
                stderr.contains(said) && stderr.starts_with("error: "),
                "{stderr}"
            );
        }
    }
}

/// People's values are nowhere, but codes and what stands for no value.
#[test]
fn values_are_told_where_they_are_asked_for() {
    let mut text = "Employee ID,Last Name,Supervisor,Birth Date,Salary,Status,Left\n".to_owned();
    for n in 0..40 {
        let (boss, status) = (
            ["Canaryboss", "Canarylead"][n % 2],
            ["Active", "Retired"][n % 2],
        );
        text += &format!(
            "7{n:05},Canary{n},{boss},{:02}/0{}/1971,8{n:03}.5,{status},31/12/9999\n",
            n % 28 + 1,
            n % 9 + 1
        );
    }
    let folder = with("p.csv", text);
    let (_, draft, _) = run(folder.path(), &["infer", "p.csv"]);
    let (_, table, _) = run(folder.path(), &["describe", "p.csv", "--html", "p.html"]);
    let (_, json, _) = run(folder.path(), &["describe", "p.csv", "--json"]);
    let page = fs::read_to_string(folder.path().join("p.html")).unwrap();
    let mode = fs::metadata(folder.path().join("p.html"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    for (what, text) in [
        ("draft", &draft),
        ("table", &table),
        ("json", &json),
        ("page", &page),
    ] {
        for value in ["anary", "700001", "1971-", "/1971", "8001", "8039"] {
            assert!(!text.contains(value), "{what}: {value}\n{text}");
        }
        assert!(text.contains("31/12/9999"), "{what}");
    }
    assert!(
        draft.contains("#   Status: { one_of: [Active, Retired] }"),
        "{draft}"
    );
    assert!(
        table.contains("1971") && !table.contains("Retired"),
        "{table}"
    );
    let found = describe(folder.path(), &["p.csv", "--json", "--values"]);
    assert_eq!(found["columns"][2]["values"]["Canaryboss"], 20);
    assert_eq!(found["columns"][4]["range"]["most"], 8039.5);
    assert_eq!(found["columns"][3]["range"]["first"], "1971-01-01");
}

#[test]
fn a_page_needs_nothing_else_and_holds_no_markup_of_the_file() {
    let folder = with("p.csv", "id,<script>x</script>\n1,a\n2,b\n");
    let (code, ..) = run(folder.path(), &["describe", "p.csv", "--html", "p.html"]);
    assert_eq!(code, 0);
    let page = fs::read_to_string(folder.path().join("p.html")).unwrap();
    assert!(
        page.contains("&#60;script&#62;x") && !page.contains("<script") && page.contains("<svg")
    );
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains(" src="));
}

/// A pipeline's source is read as the pipeline says, and its stages are none of this.
#[test]
fn the_source_of_a_pipeline_is_described() {
    let folder = with("p.csv", "Title\nid;born\n1;15.03.1990\n2;\n3;1;2\n");
    let pipeline = "version: 1\nsource: { path: p.csv, format: csv, csv: { delimiter: ';', skip_lines: 1 } }\n\
                    stages:\n  - drop: [born]\nrejects: { at_most: 1% }\ntarget: { sandbox: }\n";
    fs::write(folder.path().join("p.yaml"), pipeline).unwrap();
    let found = describe(folder.path(), &["p.yaml", "--json"]);
    assert_eq!(
        (
            &found["records"],
            &found["rejected"],
            &found["faults"]["ragged"]
        ),
        (&3.into(), &1.into(), &1.into())
    );
    let born = &found["columns"][1];
    assert_eq!(
        (&born["name"], &born["filled"], &born["empty"]),
        (&"born".into(), &1.into(), &1.into())
    );
    let found = describe(
        folder.path(),
        &["p.yaml", "--json", "--set", "source.csv.ragged=pad"],
    );
    assert_eq!(found["rejected"], 1);
    let (code, stdout, _) = run(folder.path(), &["describe", "p.yaml"]);
    assert_eq!(code, 0);
    assert!(
        stdout.starts_with("p.csv: 3 records\n") && stdout.contains("DD.MM.YYYY"),
        "{stdout}"
    );
}

/// Standard input is read twice, as every stream is.
#[test]
fn standard_input_is_a_file_like_others() {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let mut child = crate::rostream(folder.path(), &["infer", "-"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"id;n\n0001;a\n0002;b\n")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let draft = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && draft.contains("path: \"-\"") && draft.contains("key: id"),
        "{draft}"
    );
}

/// What is not a whole record, and what is not one at all, is counted.
#[test]
fn what_is_no_record_is_told() {
    let mut text = "id,day,n\n".to_owned();
    for n in 1..=200 {
        text += &format!("{n:04},{:02}/03/2021,{n}\n", n % 28 + 1);
    }
    text += "id,day,n\n0999,1\n,,\n0201,soon,1\n";
    let folder = with("p.csv", text);
    let (code, draft, _) = run(folder.path(), &["infer", "p.csv"]);
    assert_eq!(code, 0);
    for said in [
        "The header comes again 1 time",
        "Of 202 records, 1 with too many or too few cells",
        "day: 200 of 201 values (1 does not fit, and its row is rejected); 200 fit DD/MM/YYYY, 112 that alone",
    ] {
        let flat = draft.replace("\n  # ", " ");
        assert!(flat.contains(said), "{said}\n{draft}");
    }
    fs::write(folder.path().join("d.yaml"), draft).unwrap();
    let (code, _, stderr) = run(folder.path(), &["check", "d.yaml"]);
    assert_eq!(code, 3, "{stderr}");
}

/// With a target that tells its properties, columns get their names.
#[test]
fn columns_become_properties() {
    use rostream::internals::sandbox::options::{Property, PropertyKind};
    let rig = crate::support::Rig::with(|settings| {
        let keys = ["employeeID", "fullName", "salary", "managerID"];
        let property = |key: &str| Property {
            key: key.to_owned(),
            kind: PropertyKind::Text,
        };
        settings.properties = Some(keys.map(property).into());
    });
    rig.write(
        "people.csv",
        "Employee ID,Full Nam,Manager ID,Shoe\n0001,Mara Novak,,41\n0002,Ben Okafor,0001,42\n",
    );
    rig.pipeline(
        "source: { path: people.csv }",
        "identify_by: { id_key: employeeID }",
    );
    let (code, draft) = rig.put_out(&["infer", "people.csv", "--for", "pipeline.yaml"]);
    assert_eq!(code, 0);
    for line in [
        "  - rename: { Employee ID: employeeID, Manager ID: managerID }\n",
        "  # - rename: { Full Nam: fullName }\n",
        "  # - drop: [Shoe]\n",
        "  key: employeeID\n",
        "  hierarchy: { parent: managerID }\n",
        "  sandbox: { identify_by: { id_key: employeeID } }\n",
    ] {
        assert!(draft.contains(line), "{line}{draft}");
    }
    rig.write("draft.yaml", &draft);
    let (code, stderr) = rig.ask(&["check", "draft.yaml"]);
    assert_eq!(code, 0, "{stderr}");
    rig.write("sandbox.yaml", "version: 1\nsource: { path: people.csv }\nrejects: { at_most: 1% }\ntarget: { sandbox: }\n");
    let (code, stderr) = rig.ask(&["infer", "people.csv", "--for", "sandbox.yaml"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("sandbox"), "{stderr}");
}

/// Layouts that are known by their first bytes are records like others.
#[test]
fn tables_of_other_layouts_are_drafted_too() {
    let xml = "<r:Report xmlns:r=\"urn:r\">\n<r:Entry><r:ID>0001</r:ID><r:Hired>2020-01-31</r:Hired></r:Entry>\n\
               <r:Entry><r:ID>0002</r:ID><r:Hired>2021-02-01</r:Hired></r:Entry>\n</r:Report>\n";
    let hdl = "METADATA|Worker|PersonNumber|StartDate\nMERGE|Worker|0001|2020/01/31\nMERGE|Worker|0002|2021/02/01\n";
    for (file, text, format, key) in [
        ("r.xml", xml, "format: xml", "r:ID"),
        ("Worker.dat", hdl, "format: hdl", "PersonNumber"),
    ] {
        let folder = with(file, text);
        let (code, _, stderr) = run(folder.path(), &["infer", file, "-o", "d.yaml"]);
        assert_eq!(code, 0, "{stderr}");
        let draft = fs::read_to_string(folder.path().join("d.yaml")).unwrap();
        assert!(draft.contains(format), "{draft}");
        let found = describe(folder.path(), &[file, "--json"]);
        assert_eq!(found["relations"]["keys"][0]["column"], key);
        for command in ["lint", "check"] {
            let (code, _, stderr) = run(folder.path(), &[command, "d.yaml"]);
            assert_eq!(code, 0, "{stderr}\n{draft}");
        }
    }
}

/// The draft of a file, which lints and checks.
#[track_caller]
fn draft(folder: &Path, file: &str) -> String {
    let (code, _, stderr) = run(folder, &["infer", file, "-o", "d.yaml"]);
    assert_eq!(code, 0, "{stderr}");
    let draft = fs::read_to_string(folder.join("d.yaml")).unwrap();
    for command in ["lint", "check"] {
        let (code, _, stderr) = run(folder, &[command, "d.yaml"]);
        assert_eq!(code, 0, "{stderr}\n{draft}");
    }
    draft
}

/// Ids of several types are columns of their own, and never put together to a key.
#[test]
fn elements_are_told_apart_by_their_type() {
    let entry = |n: u32| {
        format!(
            "<w:Entry><w:ID w:type=\"WID\">a{n}</w:ID><w:ID w:type=\"Employee_ID\">000{n}</w:ID>\
             <w:Unit>x</w:Unit><w:Unit>y{n}</w:Unit></w:Entry>\n"
        )
    };
    let xml = format!(
        "<w:Report xmlns:w=\"urn:w\">\n{}{}</w:Report>\n",
        entry(1),
        entry(2)
    );
    let folder = with("r.xml", xml);
    let text = draft(folder.path(), "r.xml");
    assert!(text.contains("xml: { names_by: \"w:type\" }"), "{text}");
    assert!(text.contains("json: { arrays: first }"), "{text}");
    let found = describe(folder.path(), &["r.xml", "--json"]);
    let columns = found["columns"].as_array().unwrap();
    let has = |name: &str| columns.iter().any(|column| column["name"] == name);
    assert!(has("w:ID[WID]") && has("w:ID[Employee_ID]"), "{found}");
}

#[test]
fn lists_are_no_keys() {
    let json = "[{\"ids\":[\"a1\",\"b1\"],\"n\":\"x\"},{\"ids\":[\"a2\",\"b2\"],\"n\":\"x\"}]";
    let folder = with("r.json", json);
    let text = draft(folder.path(), "r.json");
    assert!(!text.contains("key: ids"), "{text}");
}

#[test]
fn instructions_are_not_sent() {
    let hdl = "METADATA|Worker|PersonNumber|StartDate\nMERGE|Worker|0001|2020/01/31\nMERGE|Worker|0002|2021/02/01\n\
               DELETE|Worker|0003|2021/02/01\n";
    let folder = with("Worker.dat", hdl);
    let text = draft(folder.path(), "Worker.dat");
    assert!(text.contains("1 line has values to be deleted"), "{text}");
    assert!(text.contains("== \"MERGE\""), "{text}");
    assert!(text.contains("- drop: ["), "{text}");
}

#[test]
fn a_column_of_actions_is_the_action() {
    for (file, content) in [
        (
            "r.csv",
            "_action,id,name\ncreate,0001,Mara\nupdate,0002,Ben\n",
        ),
        (
            "r.json",
            "[{\"_action\":\"create\",\"id\":\"0001\"},{\"_action\":\"update\",\"id\":\"0002\"}]",
        ),
    ] {
        let folder = with(file, content);
        let text = draft(folder.path(), file);
        assert!(text.contains("action: { column: _action }"), "{text}");
        assert_eq!(describe(folder.path(), &[file, "--json"])["records"], 2);
    }
}

/// Settings of the file hold for what is found, and stand in the draft; others are refused, and none is passed over.
#[test]
fn what_is_stated_of_a_file() {
    let book = crate::sheets::book::Book::of(&["Code|Text", "ID|Name", "1|Ann", "2|Bob"]);
    let folder = with("w.xlsx", book.bytes());
    fs::write(folder.path().join("w.csv"), "ID,Name\n1,Ann\n2,Bob\n").unwrap();
    let infer = |args: &[&str]| run(folder.path(), &[&["infer"], args].concat());
    let (_, draft, _) = infer(&["w.xlsx"]);
    assert!(draft.contains("3 records"), "{draft}");
    let row = [
        "--set",
        "source.xlsx.header_row=2",
        "--set",
        "source.sheet=1",
    ];
    let (code, draft, stderr) = infer(&[&["w.xlsx"], &row[..]].concat());
    assert_eq!(code, 0, "{stderr}");
    assert!(draft.contains("2 records"), "{draft}");
    for stated in ["xlsx: { header_row: 2 }", "sheet: 1", "key: ID"] {
        assert!(draft.contains(stated), "{stated}: {draft}");
    }
    fs::write(folder.path().join("d.yaml"), &draft).unwrap();
    let (code, _, stderr) = run(folder.path(), &["check", "d.yaml"]);
    assert_eq!(code, 0, "{stderr}");
    let args = [&["w.xlsx", "--json"], &row[..]].concat();
    assert_eq!(describe(folder.path(), &args)["records"], 2);
    for (args, told) in [
        (
            ["w.xlsx", "--set", "source.csv.delimiter=;"],
            "--set source.csv.delimiter: this can't be stated of a file that nobody described",
        ),
        (
            ["w.xlsx", "--set", "upload.rate=5MB/s"],
            "--set upload.rate: this can't be stated",
        ),
        (
            ["w.xlsx", "--set", "source.xlsx.header_row=x"],
            "source.xlsx.header_row",
        ),
        (["w.xlsx", "--set", "source.sheet=3"], "source.sheet is 3"),
        (
            ["w.csv", "--set", "source.xlsx.header_row=2"],
            "source.xlsx has no effect: ",
        ),
    ] {
        for command in ["infer", "describe"] {
            let (code, stdout, stderr) = run(folder.path(), &[&[command], &args[..]].concat());
            assert_eq!((code, stdout.as_str()), (2, ""), "{args:?}: {stderr}");
            assert!(stderr.contains(told), "{args:?}: {stderr}");
        }
    }
}

/// Where two columns could be the key, the one by which managers go is.
#[test]
fn the_key_is_what_managers_go_by() {
    let draft_of = |manager: &str| {
        let worker = |n: u32| {
            let boss = match manager {
                "WID" => format!("{:032x}", 0xa1),
                _ => "200001".to_owned(),
            };
            format!(
                "<w:Worker><w:Worker_ID w:type=\"WID\">{:032x}</w:Worker_ID><w:Worker_ID w:type=\"Employee_ID\">{}\
                 </w:Worker_ID><w:Manager w:type=\"{manager}\">{boss}</w:Manager></w:Worker>\n",
                0xa0 + n,
                200_000 + n
            )
        };
        let workers: String = (1..=9).map(worker).collect();
        let folder = with(
            "r.xml",
            format!("<w:R xmlns:w=\"urn:w\">\n{workers}</w:R>\n"),
        );
        let args = ["infer", "r.xml", "--set", "source.xml.names_by=w:type"];
        let (code, text, stderr) = run(folder.path(), &args);
        assert_eq!(code, 0, "{stderr}");
        text
    };
    for manager in ["WID", "Employee_ID"] {
        let text = draft_of(manager);
        let key = format!("key: \"w:Worker_ID[{manager}]\"");
        assert!(text.contains(&key), "{text}");
    }
}
