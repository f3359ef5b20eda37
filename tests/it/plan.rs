//! Plans: what would be done, written down without values, and carried out exactly so, once, or not at all.

use std::fs;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Deed, Ended, Rig, mode, workers};

const DELETES: &str = "identify_by: { id_key: employeeID }\nimplicit_delete: true";

const SECTIONS: &str = "name: nightly\nsource: { path: workers.csv }\n\
                        guard: { min_rows: { first: 100 }, max_delete: 2% }\nvalidate: { key: employeeID }";

/// A data set of 200 people that a first run has made, and another extract of so many for the next one.
fn after_a_run(rig: Rig, next: u32) -> Rig {
    rig.write("workers.csv", workers(200));
    rig.pipeline(SECTIONS, DELETES);
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    rig.write("workers.csv", workers(next));
    rig
}

/// Makes `plan.json`, for which nothing is sent; gives the end of the command and the plan.
#[track_caller]
fn plan(rig: &Rig, code: i32) -> (Ended, Value) {
    let before = (rig.taken(), rig.items());
    let ended = rig.tell(&["plan", "pipeline.yaml", "-o", "plan.json"]);
    assert_eq!(ended.code, code, "{}", ended.stderr);
    assert_eq!((rig.taken(), rig.items()), before);
    assert_eq!(mode(&rig.path("plan.json")), 0o600);
    let plan = serde_json::from_str(&rig.read("plan.json")).unwrap();
    (ended, plan)
}

fn apply(rig: &Rig, args: &[&str]) -> Ended {
    rig.tell(&[&["apply", "plan.json"], args].concat())
}

/// What is not applied has done nothing, and says why.
#[track_caller]
fn refused(rig: &Rig, args: &[&str], words: &str) {
    let before = (rig.taken(), rig.items());
    let args = [&["apply", "plan.json"], args].concat();
    let (code, stderr) = rig.ask(&args);
    assert!(stderr.contains(words), "{stderr}");
    assert_eq!(code, 4, "{stderr}");
    assert_eq!((rig.taken(), rig.items()), before);
    rig.reports()
        .iter()
        .for_each(|report| fs::remove_file(report).unwrap());
}

#[test]
fn what_is_planned_is_done_once() {
    let rig = after_a_run(Rig::new().behind(|_| Deed::Pass), 202);
    let calls = |rig: &Rig| rig.calls("generate") + rig.calls("put") + rig.calls("import");
    let before = calls(&rig);
    let (planned, file) = plan(&rig, 0);
    assert_eq!(calls(&rig), before);
    assert_eq!(planned.report["next"], "rostream apply plan.json");
    let hash = file["hash"].as_str().unwrap();
    planned.says(&format!(
        "plan        {hash} in plan.json, may be applied, until "
    ));
    planned.says("people: 200 before, 202 after");
    assert_eq!(planned.report["plan"]["hash"], hash);
    assert_eq!(file["verdict"], "passed");
    assert_eq!(
        file["found"]["people"],
        json!({ "before": 200, "after": 202 })
    );
    assert_eq!(file["found"]["counts"]["would_send"], 202);
    assert_eq!(file["content"]["rows"]["sent"], 202);
    let created = &file["content"]["changes"]["create"];
    assert_eq!(*created, json!({ "count": 2, "exact": false }));
    assert_eq!(file["content"]["sources"][0].as_str().unwrap().len(), 32);
    let done = apply(&rig, &[]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(rig.items().len(), 202);
    assert_eq!(done.report["plan"]["hash"], hash);
    assert_eq!(done.report["approval"], Value::Null);
    done.says(&format!("plan        {hash} in plan.json"));
    refused(&rig, &[], &format!("the plan {hash} was used by run "));
    // So is one that is made after it, of the same extract.
    let (_, next) = plan(&rig, 0);
    assert_ne!(next["hash"], hash);
    assert_eq!(apply(&rig, &[]).code, 0);
}

/// No value of any cell, also where rows are rejected, and no secret.
#[test]
fn a_plan_has_no_values() {
    let rig = Rig::new();
    rig.write(
        "workers.csv",
        "employeeID,fullName\n00000001,Zaphod\n00000001,Trillian\n00000002,Marvin\n",
    );
    rig.pipeline(SECTIONS, "identify_by: { id_key: employeeID }");
    let (planned, file) = plan(&rig, 4);
    assert_eq!(file["found"]["counts"]["rejected"], 2);
    let text = rig.read("plan.json");
    for value in ["Zaphod", "Trillian", "Marvin", "0000000", "CANARY"] {
        assert!(!text.contains(value), "{value} in {text}");
        assert!(!planned.stderr.contains(value), "{}", planned.stderr);
    }
    // The least of the first run can be approved.
    let hash = file["hash"].as_str().unwrap();
    assert_eq!(file["verdict"], "needs_approval");
    let done = apply(&rig, &["--approve", hash]);
    assert_eq!((done.code, rig.items().len()), (3, 1), "{}", done.stderr);
}

/// Contents are bound: neither when a file was changed, nor what the pipeline file says beside its meaning.
#[test]
fn what_means_the_same_is_the_same() {
    let rig = after_a_run(Rig::new(), 201);
    plan(&rig, 0);
    let extract = fs::File::options()
        .append(true)
        .open(rig.path("workers.csv"));
    let long_ago = SystemTime::now() - Duration::from_secs(100_000);
    extract.unwrap().set_modified(long_ago).unwrap();
    let pipeline = rig.read("pipeline.yaml");
    rig.write(
        "other.yaml",
        format!("# A remark.\n{pipeline}upload: {{ chunk: 64KiB }}\n"),
    );
    fs::remove_file(rig.path("pipeline.yaml")).unwrap();
    assert_eq!(rig.ask(&["apply", "plan.json"]).0, 2);
    let done = apply(&rig, &["--pipeline", "other.yaml"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(rig.items().len(), 201);
}

#[test]
fn what_was_changed_is_refused() {
    let rig = after_a_run(Rig::new(), 201);
    plan(&rig, 0);
    let (extract, pipeline) = (rig.read("workers.csv"), rig.read("pipeline.yaml"));
    // A byte of a cell, and one that makes no difference to any row.
    rig.write("workers.csv", extract.replace("00000007,", "00000907,"));
    refused(&rig, &[], "the source was changed; plan again");
    rig.write("workers.csv", extract.clone() + "\n");
    refused(&rig, &[], "the source was changed");
    rig.write("workers.csv", &extract);
    let stage = "stages: [{ trim: [fullName] }]\ntarget:";
    rig.write("pipeline.yaml", pipeline.replace("target:", stage));
    refused(&rig, &[], "the pipeline was changed");
    rig.write(
        "pipeline.yaml",
        pipeline.replace("max_delete: 2%", "max_delete: 3%"),
    );
    refused(&rig, &[], "the pipeline was changed");
    let other = "6586F21B-AD4D-4D06-A309-712AF47184A3";
    let dataset = pipeline.replace("6586F21B-AD4D-4D06-A309-712AF47184A2", other);
    rig.write("pipeline.yaml", dataset + "\npreflight: off\n");
    refused(&rig, &[], "another data set");
    rig.write("pipeline.yaml", &pipeline);
    assert_eq!(rig.run(&[]).code, 0);
    refused(&rig, &[], "another run was accepted since");
}

/// The settings that stood before those of the file belong to the plan.
#[test]
fn settings_go_along() {
    let rig = after_a_run(Rig::new(), 201);
    let args = [
        "plan",
        "pipeline.yaml",
        "--set",
        "guard.max_delete=1%",
        "-o",
        "plan.json",
    ];
    assert_eq!(rig.tell(&args).code, 0);
    let done = apply(&rig, &[]);
    assert_eq!(done.code, 0, "{}", done.stderr);
}

#[test]
fn a_plan_that_was_changed_or_is_too_old() {
    let rig = after_a_run(Rig::new(), 201);
    let (_, file) = plan(&rig, 0);
    let text = rig.read("plan.json");
    let check = |changed: String, words: &str| {
        assert_ne!(changed, text);
        rig.write("plan.json", changed);
        refused(&rig, &[], words);
    };
    let digest = "its digest is not that of what it says";
    check(text.replace("\"sent\": 201", "\"sent\": 200"), digest);
    check(
        text.replace("\"found\": {", "\"found\": { \"more\": 1,"),
        digest,
    );
    check(
        text.replace("\"verdict\": \"passed\"", "\"verdict\": \"stopped\""),
        digest,
    );
    check(text[..text.len() / 2].to_owned(), digest);
    let until = file["expires_at"].as_str().unwrap();
    check(text.replace(until, "2999-01-01T00:00:00Z"), digest);
    // With the digest of what it says now it is what it was made to be.
    let signed = |change: &dyn Fn(&mut Value)| {
        let mut plan = file.clone();
        plan.as_object_mut().unwrap().remove("digest");
        change(&mut plan);
        let text = serde_json::to_vec(&plan).unwrap();
        let digest = Sha256::digest(&text);
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        plan["digest"] = digest.into();
        plan.to_string()
    };
    let old = |plan: &mut Value| plan["expires_at"] = "2020-01-01T00:00:00Z".into();
    check(signed(&old), "was good until 2020-01-01T00:00:00Z");
    let other = |plan: &mut Value| plan["rostream_version"] = "0.0.1".into();
    check(signed(&other), "the plan was made by rostream 0.0.1");
    // It may be written in another way.
    rig.write("plan.json", signed(&|_| {}));
    assert_eq!(apply(&rig, &[]).code, 0);
}

#[test]
fn what_is_not_a_plan() {
    let rig = after_a_run(Rig::new(), 201);
    let check = |args: &[&str], words: &str| {
        let (code, stderr) = rig.ask(args);
        assert!(stderr.contains(words), "{stderr}");
        assert_eq!(code, 2, "{stderr}");
    };
    check(&["apply", "nothing.json"], "nothing.json can't be read");
    check(&["apply", "pipeline.yaml"], "pipeline.yaml is not a plan");
    check(&["apply", "."], "can't be read");
    // Nothing but a plan is written over.
    let before = rig.read("workers.csv");
    check(
        &["plan", "pipeline.yaml", "-o", "workers.csv"],
        "workers.csv is there and is not a plan",
    );
    assert_eq!(rig.read("workers.csv"), before);
    check(
        &["plan", "pipeline.yaml", "-o", "no/plan.json"],
        "can't be written",
    );
    check(
        &["plan", "pipeline.yaml", "-o", "-", "--json"],
        "only one of them",
    );
    rig.pipeline("name: nightly\nsource: { path: \"-\" }", DELETES);
    check(&["plan", "pipeline.yaml"], "can be read once only");
    rig.pipeline(
        "name: nightly\nsource: { command: [cat, workers.csv] }",
        DELETES,
    );
    check(&["plan", "pipeline.yaml"], "can be read once only");
}

#[test]
fn to_stdout_or_nowhere() {
    let rig = after_a_run(Rig::new(), 201);
    let shown = rig.tell(&["plan", "pipeline.yaml"]);
    assert_eq!((shown.code, shown.report["next"].clone()), (0, Value::Null));
    shown.says(", may be applied, until ");
    let (code, text) = rig.put_out(&["plan", "pipeline.yaml", "-o", "-", "-q"]);
    let file: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &file["hash"]), (0, &shown.report["plan"]["hash"]));
    rig.reports()
        .iter()
        .for_each(|report| fs::remove_file(report).unwrap());
    rig.write("plan.json", text);
    assert_eq!(apply(&rig, &["--json"]).code, 0);
}

/// Guards stop it as they stop a run, and by the same hash it is approved.
#[test]
fn what_guards_stop_is_approved_by_hash() {
    let rig = after_a_run(Rig::new(), 100);
    let (planned, file) = plan(&rig, 4);
    let hash = file["hash"].as_str().unwrap().to_owned();
    let next = format!("rostream apply plan.json --approve {hash}");
    assert_eq!(planned.error(), next);
    assert_eq!(planned.report["next"], next);
    assert_eq!(file["guards"], json!(["min_rows", "max_delete"]));
    let unnamed = &file["content"]["changes"]["delete"]["unnamed"];
    assert_eq!(*unnamed, json!({ "count": 100, "exact": false }));
    let stopped = rig.run(&[]);
    assert_eq!(stopped.code, 4);
    let run = format!("rostream run pipeline.yaml --approve {hash}");
    assert_eq!(stopped.report["next"], run);
    refused(
        &rig,
        &[],
        "guards stopped the plan (min_rows, max_delete), and nobody has approved it",
    );
    refused(
        &rig,
        &["--approve", "0123456789abcdef"],
        "--approve has the hash 0123456789abcdef",
    );
    let done = apply(&rig, &["--approve", &hash]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(rig.items().len(), 100);
    assert_eq!(done.report["approval"]["hash"], *hash);
    assert_eq!(
        done.report["approval"]["overrode"],
        json!(["min_rows", "max_delete"])
    );
    refused(&rig, &["--approve", &hash], "was used by run");
    let (code, stderr) = rig.ask(&["run", "pipeline.yaml", "--approve", &hash]);
    assert!(stderr.contains("was used by run"), "{stderr}");
    assert_eq!(code, 4);
}

/// A run that was approved has used the plan up, too.
#[test]
fn an_approved_run_uses_it_up() {
    let rig = after_a_run(Rig::new(), 100);
    let (_, file) = plan(&rig, 4);
    let hash = file["hash"].as_str().unwrap();
    assert_eq!(rig.run(&[]).code, 4);
    assert_eq!(rig.run(&["--approve", hash]).code, 0);
    refused(&rig, &["--approve", hash], "was used by run");
}

/// What nobody can approve can be looked at, and that is all.
#[test]
fn what_can_not_be_approved() {
    let rig = after_a_run(Rig::new(), 201);
    rig.pipeline(&format!("{SECTIONS}\nrejects: {{ at_most: 0 }}"), DELETES);
    rig.write("workers.csv", workers(201) + "00000201,again\n");
    let (planned, file) = plan(&rig, 4);
    assert_eq!(planned.report["next"], Value::Null);
    assert_eq!(file["verdict"], "stopped");
    refused(&rig, &[], "rejects.at_most is 0");
    let hash = file["hash"].as_str().unwrap();
    refused(&rig, &["--approve", hash], "can't be applied");
}

/// Deletions that are held back stay where they are, unless they are approved.
#[test]
fn with_and_without_what_is_held_back() {
    for approved in [false, true] {
        let rig = after_a_run(Rig::new(), 195);
        let sections = SECTIONS.replace(
            "max_delete: 2%",
            "max_delete: 2%, on_exceed: withhold_deletes",
        );
        rig.pipeline(&sections, DELETES);
        let (_, file) = plan(&rig, 3);
        assert_eq!(file["verdict"], "withholds");
        let hash = file["hash"].as_str().unwrap();
        let (args, code, people): (&[&str], _, _) = match approved {
            true => (&["--approve", hash], 0, 195),
            false => (&[], 3, 200),
        };
        let done = apply(&rig, args);
        assert_eq!(
            (done.code, rig.items().len()),
            (code, people),
            "{}",
            done.stderr
        );
    }
}

/// Used up is used up, whatever becomes of the process; and repeating that very import needs no other.
#[test]
fn a_lost_answer_uses_it_up() {
    let rig = after_a_run(Rig::new(), 201).behind(|call| match (call.step, call.before) {
        ("import", 0) => Deed::KillAfter,
        _ => Deed::Pass,
    });
    rig.pipeline(SECTIONS, DELETES);
    let (_, file) = plan(&rig, 0);
    let hash = file["hash"].as_str().unwrap();
    assert!(rig.unless_killed(&["apply", "plan.json"]).is_none());
    let ended = rig.tell(&["resume", "pipeline.yaml", "--retry-import"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.items().len(), 201);
    refused(&rig, &[], &format!("the plan {hash} was used by run"));
}

/// Before the import is asked for, nothing has happened that could not happen again.
#[test]
fn killed_before_the_import_it_is_as_good_as_before() {
    let rig = after_a_run(Rig::new(), 201).behind(|call| match (call.step, call.before) {
        ("put", 0) => Deed::Kill,
        _ => Deed::Pass,
    });
    plan(&rig, 0);
    assert!(rig.unless_killed(&["apply", "plan.json"]).is_none());
    assert_eq!(apply(&rig, &[]).code, 0);
    assert_eq!(rig.items().len(), 201);
}

/// The columns that change are named and counted where what the server has is known.
#[test]
fn a_difference() {
    let rig = Rig::new();
    let delta = "identify_by: { id_key: employeeID }\naction: { delta: store }";
    let sections = "name: nightly\nsource: { path: workers.csv }\nvalidate: { key: employeeID }";
    rig.write("workers.csv", workers(200));
    rig.pipeline(sections, delta);
    // The first one of all, for which there is no store yet, nor a key for one.
    plan(&rig, 0);
    assert!(!rig.path("store").exists());
    let first = apply(&rig, &[]);
    assert_eq!(first.code, 0, "{}", first.stderr);
    let changed = workers(201).replace(&format!("00000007,{:038}", 7), "00000007,Somebody");
    rig.write(
        "workers.csv",
        changed.replace(&format!("00000008,{:038}\n", 8), ""),
    );
    let (planned, file) = plan(&rig, 0);
    let exactly = |count: u64| json!({ "count": count, "exact": true });
    let changes = &file["content"]["changes"];
    assert_eq!(changes["create"], exactly(1));
    assert_eq!(changes["update"], exactly(1));
    assert_eq!(changes["delete"]["gone"], exactly(1));
    assert_eq!(changes["columns"][0]["column"], "fullName");
    assert_eq!(changes["columns"][0]["changed"], exactly(1));
    planned.says("1 to create, 1 to update, 1 to delete as they are gone");
    planned.says("`fullName`: 1 changed, 0 emptied of ");
    assert!(!rig.read("plan.json").contains("Somebody"));
    // Without the store everything would be sent, which is not what was planned.
    fs::rename(rig.path("store"), rig.path("aside")).unwrap();
    let (code, stderr) = rig.ask(&["apply", "plan.json"]);
    assert_eq!(code, 4, "{stderr}");
    rig.reports()
        .iter()
        .for_each(|report| fs::remove_file(report).unwrap());
    fs::remove_dir_all(rig.path("store")).ok();
    fs::rename(rig.path("aside"), rig.path("store")).unwrap();
    let done = apply(&rig, &[]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(rig.items().len(), 200);
    refused(&rig, &[], "was used by run");
}

/// So they are where guards keep what they compare, in the first plan of all and in those after it.
#[test]
fn columns_that_guards_compare() {
    let rig = Rig::new();
    let sections = SECTIONS.replace(
        "max_delete: 2%",
        "max_delete: 2%, max_change: { fullName: 30% }",
    );
    rig.write("workers.csv", workers(200));
    rig.pipeline(&sections, DELETES);
    plan(&rig, 0);
    let first = apply(&rig, &[]);
    assert_eq!(first.code, 0, "{}", first.stderr);
    let changed = workers(200).replace(&format!("00000007,{:038}", 7), "00000007,Somebody");
    rig.write("workers.csv", changed);
    let (_, file) = plan(&rig, 0);
    let column = &file["content"]["changes"]["columns"][0];
    assert_eq!(column["column"], "fullName");
    assert_eq!(column["changed"]["count"], 1);
    let done = apply(&rig, &[]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    refused(&rig, &[], "was used by run");
}

/// Who it is that changed is told of no sensitive column by a count of one: neither in the plan nor in the report.
#[test]
fn sensitive_columns() {
    let rig = Rig::new();
    let delta = "identify_by: { id_key: employeeID }\naction: { delta: store }";
    let sections = "name: nightly\nsource: { path: workers.csv }\nvalidate: { key: employeeID }\nsensitive: [gender]";
    let people = |changed: std::ops::RangeInclusive<u32>| {
        let header = "employeeID,gender,team\n".to_owned();
        (1..=200).fold(header, |text, id| {
            let word = if changed.contains(&id) { "" } else { "a" };
            text + &format!("{id:08},{word},{word}\n")
        })
    };
    rig.write("workers.csv", people(900..=900));
    rig.pipeline(sections, delta);
    assert_eq!(rig.run(&[]).code, 0);
    let few = json!("fewer than 5");
    for (last, expected) in [(1, few.clone()), (4, few), (5, json!(5))] {
        rig.write("workers.csv", people(1..=last));
        let (planned, file) = plan(&rig, 0);
        let columns = file["content"]["changes"]["columns"].as_array().unwrap();
        assert_eq!(columns[0]["column"], "gender");
        assert_eq!(
            columns[0]["changed"],
            json!({ "count": expected, "exact": true })
        );
        assert_eq!(
            columns[1]["changed"],
            json!({ "count": last, "exact": true })
        );
        assert_eq!(file["found"]["delta"]["columns"][0]["untold"], expected);
        let expected = expected.to_string().replace('"', "");
        planned.says(&format!(
            "`gender`: {expected} changed, {expected} emptied of 200 filled"
        ));
        planned.says(&format!("`gender` ({expected}), `team` ({last})"));
    }
    assert_eq!(apply(&rig, &[]).code, 0);
    rig.pipeline(&sections.replace("[gender]", "[gendre]"), delta);
    let ended = rig.tell(&["plan", "pipeline.yaml"]);
    ended.says("pipeline.yaml:5:13: sensitive: column `gendre` is not among those that are sent: employeeID, gender, team");
    assert_eq!(ended.code, 2);
}

/// The body is made and sent in other ways, and the plan is the same.
#[test]
fn chunked_and_spooled_uploads() {
    for length in ["chunked", "spooled"] {
        let rig = Rig::with(|s| s.accept_chunked = true);
        let sections = "name: nightly\nsource: { path: workers.csv }\n";
        rig.write("workers.csv", workers(200));
        rig.pipeline(
            &format!("{sections}upload: {{ length: {length}, attempts: 1 }}"),
            "identify_by: { id_key: employeeID }",
        );
        plan(&rig, 0);
        let extract = rig.read("workers.csv");
        rig.write("workers.csv", extract.replace("00000007,", "00000907,"));
        let (code, stderr) = rig.ask(&["apply", "plan.json"]);
        assert_eq!((code, rig.items().len()), (4, 0), "{stderr}");
        rig.reports()
            .iter()
            .for_each(|report| fs::remove_file(report).unwrap());
        rig.write("workers.csv", extract);
        assert_eq!(apply(&rig, &[]).code, 0);
        assert_eq!(rig.items().len(), 200);
    }
}

/// Compressed files are hashed as they are stored, and each of several files.
#[test]
fn files_as_they_are_stored() {
    let rig = Rig::new();
    let compressed = |text: String| {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    rig.write("a.csv.gz", compressed(workers(3)));
    rig.write("b.csv", "employeeID,fullName\n00000004,\n");
    rig.pipeline(
        "name: nightly\nsource: { path: [a.csv.gz, b.csv] }",
        "identify_by: { id_key: employeeID }",
    );
    let (_, file) = plan(&rig, 0);
    let hashes = file["content"]["sources"].as_array().unwrap();
    assert!(hashes.iter().all(Value::is_string), "{hashes:?}");
    rig.write("b.csv", "employeeID,fullName\n00000004,\n\n");
    refused(&rig, &[], "the source was changed");
}

/// The sandbox inside the program begins empty each time, so that there is nothing to use up.
#[test]
fn the_sandbox_inside() {
    let rig = Rig::new();
    rig.write("workers.csv", workers(5));
    rig.write(
        "pipeline.yaml",
        "version: 1\nsource: { path: workers.csv }\ntarget: { sandbox: }\n",
    );
    let (_, file) = plan(&rig, 0);
    assert_eq!(file["target"], Value::Null);
    for _ in 0..2 {
        let done = apply(&rig, &[]);
        assert_eq!(
            (done.code, done.count("accepted")),
            (0, 5),
            "{}",
            done.stderr
        );
    }
    rig.write("workers.csv", workers(6));
    refused(&rig, &[], "the source was changed");
}
