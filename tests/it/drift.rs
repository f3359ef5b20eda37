//! A source that is not what it was in the last accepted run: told before the long work, or when its rows were seen, and
//! what follows of it.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;

use rostream::internals::sandbox::SandboxSettings;

use crate::support::{Deed, Ended, Rig};

const IMPORT: &str = "identify_by: { id_key: employeeID }";

/// A pipeline that names the key alone, so that every other column goes out as it is.
fn sections(drift: &str) -> String {
    let drift = match drift {
        "" => String::new(),
        drift => format!(", drift: {drift}"),
    };
    format!(
        "name: nightly\nsource: {{ path: workers.csv{drift} }}\nvalidate: {{ key: employeeID }}"
    )
}

/// Rows of these columns: their names, and what each has in a row.
fn extract(rows: u32, columns: &[(&str, &dyn Fn(u32) -> String)]) -> String {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let mut text = format!("employeeID,{}\n", names.join(","));
    for row in 1..=rows {
        let cells: Vec<String> = columns.iter().map(|(_, cell)| cell(row)).collect();
        text.push_str(&format!("{row:08},{}\n", cells.join(",")));
    }
    text
}

fn name(row: u32) -> String {
    format!("Person {row}")
}

fn grade(row: u32) -> String {
    format!("G{}", row % 4)
}

fn day_first(row: u32) -> String {
    format!("{:02}/{:02}/2020", 1 + row % 28, 1 + row % 12)
}

fn month_first(row: u32) -> String {
    format!("{:02}/{:02}/2020", 1 + row % 12, 1 + row % 28)
}

/// A data set that takes any property, and a first accepted run.
fn rig(drift: &str, first: &str) -> Rig {
    let rig = Rig::new();
    rig.pipeline(&sections(drift), IMPORT);
    let ended = rig.night(first, 0);
    assert_eq!(
        ended.report["drift"]["compared_with"],
        serde_json::Value::Null
    );
    assert_eq!(ended.report["drift"]["found"], serde_json::json!([]));
    rig
}

/// What was found, as `gone error Grade`.
fn found(ended: &Ended) -> Vec<String> {
    let found = ended.report["drift"]["found"].as_array().unwrap();
    let text = |finding: &serde_json::Value, name: &str| finding[name].as_str().unwrap().to_owned();
    let one = |finding| {
        let [kind, follows, column] = ["kind", "follows", "column"].map(|name| text(finding, name));
        format!("{kind} {follows} {column}")
    };
    found.iter().map(one).collect()
}

/// The files in the state folder with what is kept of sources.
fn memories(rig: &Rig) -> usize {
    let files = fs::read_dir(rig.path("state")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("drift-")).count()
}

const PLAIN: &[(&str, &dyn Fn(u32) -> String)] = &[("fullName", &name), ("Grade", &grade)];

#[test]
fn a_column_that_is_gone_stops_before_the_long_work() {
    let rig = rig("", &extract(50, PLAIN));
    let ended = rig.night(&extract(50, &[("fullName", &name)]), 4);
    ended.says("column `Grade` is gone; nothing was sent. If this is meant: rostream run pipeline.yaml --set source.drift.gone=warn");
    assert_eq!(found(&ended), ["gone error Grade"]);
    assert_eq!(ended.report["error"]["code"], "drift");
    // The rows were not looked at.
    assert_eq!(ended.count("read"), 0);
    // It is what it was, until a run was accepted with it.
    assert_eq!(rig.run(&[]).code, 4);
    let check = rig.tell(&["check", "pipeline.yaml"]);
    assert_eq!(check.code, 4, "{}", check.stderr);
    let ended = rig.run(&["--set", "source.drift.gone=warn"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.says("drift: column `Grade` is gone");
    let ended = rig.run(&[]);
    assert_eq!(
        (ended.code, found(&ended).len()),
        (0, 0),
        "{}",
        ended.stderr
    );
    assert_eq!(memories(&rig), 1);
}

#[test]
fn a_new_column_that_nobody_asks_for_is_told() {
    let three = extract(
        50,
        &[
            ("fullName", &name),
            ("Grade", &grade),
            ("Cost Centre", &grade),
        ],
    );
    let rig = rig("", &extract(50, PLAIN));
    rig.write("workers.csv", &three);
    const UNASKED: &str =
        "column `Cost Centre` is new (position 4), and would be sent without a word of it";
    let check = rig.tell(&["check", "pipeline.yaml"]);
    assert_eq!(check.code, 0, "{}", check.stderr);
    check.says(UNASKED);
    let ended = rig.run(&["--set", "source.drift.new=error"]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    ended.says("column `Cost Centre` is new (position 4); nothing was sent");
    ended.says("--set source.drift.new=warn");
    // Named, it is asked for; and so it is where it is left out.
    for stages in ["[{ drop: [Cost Centre] }]", "[{ trim: [Cost Centre] }]"] {
        let ended = rig.tell(&[
            "check",
            "pipeline.yaml",
            "--set",
            &format!("stages={stages}"),
        ]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(
            !ended.stderr.contains("without a word of it"),
            "{}",
            ended.stderr
        );
    }
    let ended = rig.night(&three, 0);
    ended.says(UNASKED);
}

/// A data set with these properties alone.
fn knows_names(settings: &mut SandboxSettings) {
    let known = ["employeeID", "fullName"].map(|name| name.parse().unwrap());
    settings.properties = Some(known.into());
}

#[test]
fn where_the_properties_are_known_they_decide_of_a_new_column() {
    let rig = Rig::with(knows_names);
    rig.pipeline(&sections(""), IMPORT);
    rig.night("employeeID\n00000001\n", 0);
    let ended = rig.night(&extract(50, &[("fullName", &name)]), 0);
    assert_eq!(found(&ended), ["new warn fullName"]);
    let ended = rig.night(&extract(50, PLAIN), 2);
    ended.says("the data set has no property `Grade`, which would be sent");
}

#[test]
fn columns_that_the_pipeline_makes_no_use_of_may_come_and_go() {
    let rig = Rig::new();
    rig.pipeline(
        &format!(
            "{}\nstages: [{{ select: [employeeID, fullName] }}]",
            sections("error")
        ),
        IMPORT,
    );
    rig.night(&extract(50, PLAIN), 0);
    let ended = rig.night(&extract(50, &[("Region", &grade), ("fullName", &name)]), 0);
    assert_eq!(found(&ended), [""; 0]);
}

#[test]
fn a_column_that_was_renamed() {
    let rig = rig("{ renamed: warn }", &extract(50, PLAIN));
    let renamed = extract(50, &[("fullName", &name), ("Pay Grade", &grade)]);
    let ended = rig.night(&renamed, 0);
    ended.says(
        "drift: column `Grade` is gone, and `Pay Grade` (position 3) is new: was it renamed?",
    );
    assert_eq!(found(&ended), ["renamed warn Pay Grade"]);
    // Unstated it stops; where it is not asked for, the one is gone and the other new.
    let ended = rig.night(&extract(50, PLAIN), 0);
    assert_eq!(found(&ended), ["renamed warn Grade"]);
    rig.pipeline(&sections(""), IMPORT);
    rig.night(&renamed, 4).says("was it renamed?");
    rig.pipeline(&sections("{ renamed: ignore, new: warn }"), IMPORT);
    let ended = rig.night(&renamed, 4);
    assert_eq!(found(&ended), ["gone error Grade", "new warn Pay Grade"]);
}

#[test]
fn another_order_of_columns_is_told_where_that_is_asked() {
    let rig = rig("{ reordered: warn }", &extract(50, PLAIN));
    let ended = rig.night(&extract(50, &[("Grade", &grade), ("fullName", &name)]), 0);
    ended.says("drift: the columns stand in another order: from `Grade` on, which stands where `fullName` stood");
    rig.pipeline(&sections(""), IMPORT);
    let ended = rig.night(&extract(50, PLAIN), 0);
    assert_eq!(found(&ended), [""; 0]);
}

#[test]
fn days_and_months_that_change_places_stop_before_anything_is_sent() {
    let rig = rig("", &extract(60, &[("hireDate", &day_first)]));
    let ended = rig.night(&extract(60, &[("hireDate", &month_first)]), 4);
    ended.says("column `hireDate`: 100 % of its dates fitted DD/MM/YYYY in the last run,");
    ended.says("has the order of days and months changed?; nothing was sent");
    assert_eq!(found(&ended), ["dates error hireDate"]);
    assert_eq!(ended.report["drift"]["rows"], 60);
    let ended = rig.run(&["--set", "source.drift.dates=warn"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let ended = rig.run(&[]);
    assert_eq!(
        (ended.code, found(&ended).len()),
        (0, 0),
        "{}",
        ended.stderr
    );
}

#[test]
fn types_and_codes_are_warnings() {
    let pay = |row: u32| format!("{row}.50");
    let status = |_: u32| "Active".to_owned();
    let rig = rig("", &extract(100, &[("pay", &pay), ("status", &status)]));
    let pay = |row: u32| format!("{row} EUR");
    let status = |row: u32| if row <= 30 { "On leave" } else { "Active" }.to_owned();
    let ended = rig.night(&extract(100, &[("pay", &pay), ("status", &status)]), 0);
    ended.says("drift: column `pay`: 100 % of its cells were numbers in the last run, 0 % are now");
    ended.says("drift: column `status`: 1 value that the last run did not have, in 30 of 100 rows looked at");
    assert_eq!(found(&ended), ["types warn pay", "codes warn status"]);
    for text in [&ended.stderr, &ended.report.to_string()] {
        assert!(!text.contains("On leave"), "{text}");
    }
    let ended = rig.night(&extract(100, &[("pay", &pay), ("status", &status)]), 0);
    assert_eq!(found(&ended), [""; 0]);
}

#[test]
fn what_is_kept_holds_no_values_and_is_its_owners() {
    let rig = rig("", &extract(50, PLAIN));
    let mut files = fs::read_dir(rig.path("state")).unwrap();
    let path = files.find_map(|file| {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        name.starts_with("drift-").then_some(path)
    });
    let text = fs::read_to_string(path.as_ref().unwrap()).unwrap();
    assert!(text.contains("Grade") && text.contains("codes"), "{text}");
    for value in ["Person", "G1", "00000001"] {
        assert!(!text.contains(value), "{text}");
    }
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path.unwrap()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_word_for_everything() {
    let rig = Rig::new();
    rig.pipeline(&sections("ignore"), IMPORT);
    let ended = rig.night(&extract(50, PLAIN), 0);
    assert_eq!(ended.report["drift"], serde_json::Value::Null);
    assert_eq!(memories(&rig), 0);
    rig.pipeline(&sections("warn"), IMPORT);
    rig.night(&extract(50, PLAIN), 0);
    let ended = rig.night(&extract(50, &[("fullName", &name), ("Region", &grade)]), 0);
    assert_eq!(found(&ended), ["gone warn Grade", "new warn Region"]);
    rig.pipeline(&sections("error"), IMPORT);
    let ended = rig.night(&extract(50, PLAIN), 4);
    ended.says("--set source.drift=warn");
    let ended = rig.run(&["--set", "source.drift=warn"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

#[test]
fn only_an_accepted_run_is_what_the_next_one_is_held_against() {
    let rig = rig("warn", &extract(50, PLAIN));
    let other = extract(50, &[("fullName", &name), ("Region", &grade)]);
    let changed = ["gone warn Grade", "new warn Region"];
    rig.write("workers.csv", &other);
    // Nothing is sent by a check.
    let check = rig.tell(&["check", "pipeline.yaml"]);
    assert_eq!(
        (check.code, found(&check)),
        (0, changed.map(str::to_owned).to_vec())
    );
    // A guard stops it.
    let ended = rig.run(&["--set", "guard.min_rows=51"]);
    assert_eq!(
        (ended.code, found(&ended)),
        (4, changed.map(str::to_owned).to_vec())
    );
    // What is mended is not a whole source.
    rig.write("mended.csv", extract(2, &[("fullName", &name)]));
    let ended = rig.run(&["--mend", "mended.csv"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ended.report["drift"], serde_json::Value::Null);
    let ended = rig.run(&[]);
    assert_eq!(
        (ended.code, found(&ended)),
        (0, changed.map(str::to_owned).to_vec())
    );
    let ended = rig.run(&[]);
    assert_eq!((ended.code, found(&ended).len()), (0, 0));
}

#[test]
fn a_run_whose_rows_are_all_refused_is_not_held_against() {
    let rig = Rig::with(knows_names);
    rig.pipeline(&format!("{}\npreflight: off", sections("warn")), IMPORT);
    let known = extract(50, &[("fullName", &name)]);
    rig.night(&known, 0);
    // The data set has no such property, and refuses the rows.
    let ended = rig.night(&extract(150, &[("fullName", &name), ("Region", &grade)]), 5);
    assert_eq!(found(&ended), ["new warn Region"]);
    let canary = rig.run(&["--first", "10"]);
    assert_eq!(
        (canary.code, found(&canary)),
        (5, vec!["new warn Region".to_owned()])
    );
    let ended = rig.night(&known, 0);
    assert_eq!(found(&ended), [""; 0]);
}

#[test]
fn a_run_that_is_taken_up_and_accepted_is() {
    let switch = Arc::new(AtomicBool::new(true));
    let on = switch.clone();
    let rig = Rig::new().behind(move |call| match call.step {
        "ticket" if !on.load(SeqCst) => Deed::Answer(503, "{}"),
        _ => Deed::Pass,
    });
    rig.pipeline(
        &format!("{}\nwait: {{ at_most: 1s }}", sections("warn")),
        IMPORT,
    );
    rig.night(&extract(50, PLAIN), 0);
    let other = extract(50, &[("fullName", &name), ("Region", &grade)]);
    switch.store(false, SeqCst);
    let changed = ["gone warn Grade", "new warn Region"];
    assert_eq!(found(&rig.night(&other, 6)), changed);
    // Until its end is known it is the one before that counts.
    let check = rig.tell(&["check", "pipeline.yaml"]);
    assert_eq!(
        (check.code, found(&check)),
        (0, changed.map(str::to_owned).to_vec())
    );
    switch.store(true, SeqCst);
    let resumed = rig.tell(&["resume", "pipeline.yaml"]);
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert_eq!(found(&rig.night(&other, 0)), [""; 0]);
    assert_eq!(memories(&rig), 1);
}

#[test]
fn a_body_that_is_sent_at_once_is_cut_off() {
    let rig = Rig::with(|settings| {
        settings.accept_chunked = true;
    });
    rig.pipeline(
        "source: { path: workers.csv }\nupload: { length: chunked, attempts: 1 }",
        IMPORT,
    );
    rig.night(&extract(60, &[("hireDate", &day_first)]), 0);
    let ended = rig.night(&extract(60, &[("hireDate", &month_first)]), 4);
    ended.says("the upload was cut off and nothing was imported");
    assert_eq!(found(&ended), ["dates error hireDate"]);
    let ended = rig.night(&extract(60, &[("hireDate", &day_first)]), 0);
    assert_eq!(found(&ended), [""; 0]);
}

#[test]
fn members_that_few_records_have_may_be_missing() {
    let rig = Rig::new();
    let json = sections("").replace("workers.csv", "workers.csv, format: ndjson");
    rig.pipeline(&json, IMPORT);
    let records = |rare: u32, grade: &str| -> String {
        let record = |row: u32| {
            let rare = if row <= rare {
                r#","nickname":"x""#
            } else {
                ""
            };
            format!("{{\"employeeID\":\"{row:08}\",\"{grade}\":\"G1\"{rare}}}\n")
        };
        (1..=100).map(record).collect()
    };
    rig.night(&records(1, "grade"), 0);
    for rare in [0, 1] {
        let ended = rig.night(&records(rare, "grade"), 0);
        assert_eq!(found(&ended), [""; 0]);
    }
    rig.night(&records(0, "payGrade"), 4)
        .says("column `grade` is gone, and `payGrade` (position 2) is new");
}

#[test]
fn a_hundred_columns() {
    let names: Vec<String> = (0..100).map(|n| format!("field {n}")).collect();
    let columns = |names: &[String]| -> String {
        let cells = vec!["x"; names.len()].join(",");
        let row = |row: u32| format!("{row:08},{cells}\n");
        let rows: String = (1..=30).map(row).collect();
        format!("employeeID,{}\n{rows}", names.join(","))
    };
    let rig = rig("{ gone: warn }", &columns(&names));
    let ended = rig.night(&columns(&names[30..]), 0);
    assert_eq!(found(&ended).len(), 30);
    ended.says("drift: column `field 9` is gone");
    ended.says("drift: 20 more of the kind `gone`, see the report");
    assert!(
        !ended.stderr.contains("`field 10` is gone"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_setting_without_effect_is_told() {
    let rig = Rig::new();
    let pipeline = "version: 1\nsource: { path: a.csv, drift: warn }\ntarget: { sandbox: {} }\n";
    rig.write("p.yaml", pipeline);
    let (code, stderr) = rig.ask(&["lint", "p.yaml"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stderr.contains("p.yaml:2:31: warning: this setting has no effect"),
        "{stderr}"
    );
    rig.write("p.yaml", pipeline.replace("warn", "{ newer: warn }"));
    let (code, stderr) = rig.ask(&["lint", "p.yaml"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("`newer`") && stderr.contains("did you mean `new`"),
        "{stderr}"
    );
}
