//! What a run looks at before anything else, and `rostream datasets`.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rostream::internals::sandbox::SandboxSettings;
use rostream::internals::sandbox::options::{Property, PropertyKind};
use serde_json::json;

use crate::support::{Deed, Ended, Rig, workers};

/// A pipeline of three workers.
fn rig(rig: Rig, more: &str) -> Rig {
    rig.write("workers.csv", workers(3));
    let source = format!("source: {{ path: workers.csv }}\n{more}");
    rig.pipeline(&source, "identify_by: { id_key: employeeID }");
    rig
}

/// A token with claims of its own, which the sandbox takes.
fn token(claims: &str) -> String {
    let claims = URL_SAFE_NO_PAD.encode(claims);
    format!("eyJhbGciOiJIUzI1NiJ9.{claims}.CANARYSIGNATURE")
}

/// A sandbox and a token file that go together.
fn with_token(claims: &str, change: impl FnOnce(&mut SandboxSettings)) -> (Rig, String) {
    let text = token(claims);
    let known = text.clone();
    let made = Rig::with(move |settings| {
        settings.token = Some(known.into());
        change(settings);
    });
    let made = rig(made, "");
    fs::write(made.path("token"), &text).unwrap();
    (made, text)
}

fn in_seconds(from_now: i64) -> i64 {
    jiff::Timestamp::now().as_second() + from_now
}

fn checked(ended: &Ended) -> Vec<&str> {
    let checked = ended.report["preflight"]["checked"].as_array().unwrap();
    checked.iter().map(|word| word.as_str().unwrap()).collect()
}

fn unchecked(ended: &Ended) -> Vec<&str> {
    let unchecked = ended.report["preflight"]["unchecked"].as_array().unwrap();
    let what = unchecked.iter().map(|one| one["what"].as_str().unwrap());
    what.collect()
}

/// The data set's list with these names.
fn listed(names: &[&str]) -> &'static str {
    let list: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let id = format!("6586F21B-AD4D-4D06-A309-712AF47184A{at}");
            json!({ "datasetId": id, "name": name, "type": "PEOPLE" })
        })
        .collect();
    Box::leak(serde_json::to_string(&list).unwrap().into_boxed_str())
}

#[test]
fn what_can_be_checked_is_told() {
    let ended = rig(Rig::new(), "").run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(checked(&ended), ["tenant", "data set"]);
    assert_eq!(unchecked(&ended), ["token dates", "properties"]);
    assert_eq!(ended.report["preflight"]["dataset"], "Sandbox");
    ended.says("preflight   tenant, data set checked; could not be checked: token dates (the token is not a JWT)");
}

#[test]
fn switched_off_it_asks_nothing() {
    let rig = rig(Rig::new().behind(|_| Deed::Pass), "preflight: off");
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.report["preflight"].is_null());
    assert_eq!(rig.calls("datasets"), 0);
    let checked = rig.tell(&["check", "pipeline.yaml", "--connect"]);
    assert_eq!(checked.code, 0, "{}", checked.stderr);
    assert_eq!(rig.calls("datasets"), 1);
}

#[test]
fn a_token_by_its_own_dates() {
    let (rig, text) = with_token(&format!(r#"{{"exp":{}}}"#, in_seconds(-60)), |_| {});
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    ended.says("error: the API token has expired, on ");
    assert_eq!(ended.report["error"]["code"], "token");
    assert_eq!(rig.taken(), (0, 0));
    assert!(!rig.path("state").exists());
    let dark = rig.run(&["--set", "preflight=off"]);
    assert_eq!(dark.code, 0, "{}", dark.stderr);

    let (rig, _) = with_token(&format!(r#"{{"nbf":{}}}"#, in_seconds(3600)), |_| {});
    let ended = rig.tell(&["check", "pipeline.yaml", "--connect"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    ended.says("error: the API token is good only from ");

    let (rig, _) = with_token(&format!(r#"{{"exp":{}}}"#, in_seconds(60)), |_| {});
    let ended = rig.run(&["-v"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.says("warning     the API token ends at ");
    assert_eq!(checked(&ended), ["token dates", "tenant", "data set"]);
    for part in text.split('.') {
        assert!(!ended.stderr.contains(part), "{}", ended.stderr);
    }

    let far = format!(r#"{{"exp":{},"subnets":"0.0.0.0/0"}}"#, in_seconds(99_999));
    let (rig, _) = with_token(&far, |_| {});
    let ended = rig.run(&[]);
    let all = ["token dates", "token subnets", "tenant", "data set"];
    assert_eq!(checked(&ended), all, "{}", ended.stderr);
    let far = format!(
        r#"{{"exp":{},"subnets":"203.0.113.0/24"}}"#,
        in_seconds(99_999)
    );
    let (rig, _) = with_token(&far, |_| {});
    let ended = rig.run(&[]);
    assert_eq!(unchecked(&ended), ["token subnets", "properties"]);
}

#[test]
fn a_data_set_by_its_name() {
    let rig = rig(Rig::new(), "");
    let text = rig.read("pipeline.yaml");
    let uuid = "6586F21B-AD4D-4D06-A309-712AF47184A2";
    rig.write("pipeline.yaml", text.replace(uuid, "{ name: Sandbox }"));
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.items().len(), 3);
    // The ledger has its UUID, so that one that is renamed stays the same.
    let state = fs::read_dir(rig.path("state")).unwrap();
    let runs = state.filter_map(|file| fs::read_to_string(file.unwrap().path()).ok());
    assert!(runs.into_iter().any(|text| text.contains(uuid)));

    // Without a look at the list, it is compared with the last run of that name.
    rig.write(
        "pipeline.yaml",
        text.replace(uuid, "{ name: Sandbox }") + "    implicit_delete: true\n",
    );
    let ended = rig.tell(&["check", "pipeline.yaml"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);

    rig.write("pipeline.yaml", text.replace(uuid, "{ name: sandbx }"));
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    ended.says(
        "pipeline.yaml:8:22: the tenant has no data set of this name; did you mean `Sandbox`?",
    );
    rig.write("pipeline.yaml", text.replace("84A2", "84A9"));
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    ended.says(
        "the tenant lists no data set with this UUID; did you mean 6586F21B-AD4D-4D06-A309-712AF47184A2 (Sandbox)?",
    );
    assert_eq!(rig.taken(), (1, 1));
}

/// A list that does not name the data set may be one that the token may not see all of.
#[test]
fn a_uuid_that_is_not_listed_is_warned_of() {
    for list in [
        "[]",
        r#"[{ "datasetId": "0D06F21B-AD4D-4D06-A309-712AF4710000", "name": "Positions" }]"#,
    ] {
        let rig = rig(
            Rig::new().behind(move |call| match call.step {
                "datasets" => Deed::Answer(200, list),
                _ => Deed::Pass,
            }),
            "",
        );
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let words = match list {
            "[]" => "it lists none that this token may see",
            _ => "it lists Positions (0D06F21B",
        };
        ended.says(words);
        assert!(unchecked(&ended).contains(&"data set and properties"));
        assert!(checked(&ended).contains(&"tenant"));
        let ended = rig.tell(&["check", "pipeline.yaml", "--connect"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        ended.says(words);
    }
}

/// A run that can do without the list does not wait long for it, and asks once.
#[test]
fn a_tenant_that_says_nothing() {
    let rig = rig(
        Rig::new().behind(|call| match call.step {
            "datasets" => Deed::Silence,
            _ => Deed::Pass,
        }),
        "timeouts: { connect: 500ms, answer: 20s }",
    );
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.calls("datasets"), 1);
    ended.says("no answer came within 500ms");
    assert_eq!(
        unchecked(&ended).last(),
        Some(&"tenant, data set and properties")
    );
    // Whoever asks for it waits as for any other answer, and so does who has only a name.
    let text = rig
        .read("pipeline.yaml")
        .replace("answer: 20s", "answer: 1s");
    rig.write("pipeline.yaml", &text);
    let ended = rig.tell(&["check", "pipeline.yaml", "--connect"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(
        !ended.stderr.contains("no answer came within"),
        "{}",
        ended.stderr
    );
    let uuid = "6586F21B-AD4D-4D06-A309-712AF47184A2";
    rig.write("pipeline.yaml", text.replace(uuid, "{ name: Sandbox }"));
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    ended.says("a data set can't be found by its name");
}

#[test]
fn names_that_are_not_one() {
    let list = listed(&["People", "Positions", "People"]);
    let rig = rig(
        Rig::new().behind(move |call| match call.step {
            "datasets" => Deed::Answer(200, list),
            _ => Deed::Pass,
        }),
        "",
    );
    let text = rig.read("pipeline.yaml");
    let uuid = "6586F21B-AD4D-4D06-A309-712AF47184A2";
    rig.write("pipeline.yaml", text.replace(uuid, "{ name: People }"));
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    ended.says(
        "the tenant has 2 data sets of this name; write the UUID of the one that is meant: \
         6586F21B-AD4D-4D06-A309-712AF47184A0, 6586F21B-AD4D-4D06-A309-712AF47184A2",
    );
    // By its UUID it is the one.
    rig.write("pipeline.yaml", &text);
    assert_eq!(rig.run(&[]).code, 0);
    let (code, stdout) = rig.put_out(&["datasets", "pipeline.yaml"]);
    assert_eq!(
        (code, &*stdout),
        (
            0,
            "6586F21B-AD4D-4D06-A309-712AF47184A0  PEOPLE  People\n\
             6586F21B-AD4D-4D06-A309-712AF47184A2  PEOPLE  People\n\
             6586F21B-AD4D-4D06-A309-712AF47184A1  PEOPLE  Positions\n"
        )
    );
    let (code, stdout) = rig.put_out(&["datasets", "pipeline.yaml", "--json"]);
    let found: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &found[2]["name"]), (0, &json!("Positions")));
}

/// Where the API has no such list, it is said once, and the run goes on, unless the list is what is asked for.
#[test]
fn an_api_without_a_list() {
    for (status, answer) in [
        (
            404,
            r#"{"errors":[{"name":"NotFound","code":"404001","message":"no"}]}"#,
        ),
        (403, r#"{"message":"Missing Authentication Token"}"#),
        (500, ""),
        (200, "<html>a page</html>"),
        (200, r#"{"datasetId":"x"}"#),
        (200, r#"[{"datasetId":"no uuid","name":"x"}]"#),
        (302, ""),
        (429, ""),
    ] {
        let rig = rig(
            Rig::new().behind(move |call| match call.step {
                "datasets" => Deed::Answer(status, answer),
                _ => Deed::Pass,
            }),
            "",
        );
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 0, "{status}: {}", ended.stderr);
        let all = ["token dates", "tenant, data set and properties"];
        assert_eq!(unchecked(&ended), all);
        assert_eq!(
            ended.stderr.matches("list the tenant's data sets").count(),
            1
        );
        let (code, stderr) = rig.ask(&["datasets", "pipeline.yaml"]);
        assert_eq!(code, 1, "{stderr}");
        assert!(
            stderr.starts_with("error: the tenant's data sets are not known: cannot list"),
            "{stderr}"
        );
        let text = rig.read("pipeline.yaml");
        let uuid = "6586F21B-AD4D-4D06-A309-712AF47184A2";
        rig.write("pipeline.yaml", text.replace(uuid, "{ name: Sandbox }"));
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        ended.says("a data set can't be found by its name");
        assert_eq!(rig.calls("datasets"), 3);
        assert_eq!(rig.taken(), (1, 1));
    }
}

fn properties(settings: &mut SandboxSettings) {
    let property = |(key, kind): &(&str, PropertyKind)| Property {
        key: (*key).to_owned(),
        kind: *kind,
    };
    let list = [
        ("employeeID", PropertyKind::Text),
        ("fullName", PropertyKind::Text),
        ("salary", PropertyKind::Number),
    ];
    settings.properties = Some(list.iter().map(property).collect());
}

#[test]
fn columns_against_properties() {
    let rig = rig(Rig::with(properties), "");
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(checked(&ended), ["tenant", "data set", "properties"]);

    rig.write(
        "workers.csv",
        "employeeID,fullname,Salary,grade\n1,Ada,10,G1\n",
    );
    let import = "identify_by: { id_key: employeeID }";
    rig.pipeline(
        "source: { path: workers.csv }\nstages: [ { trim: [grade] } ]",
        import,
    );
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    for text in [
        "no property `fullname`, which would be sent; did you mean `fullName`?",
        "no property `Salary`, which would be sent; did you mean `salary`?",
        "no property `grade`, which would be sent\n",
    ] {
        ended.says(text);
    }
    assert_eq!(rig.taken(), (1, 1));
    let ended = rig.tell(&["check", "pipeline.yaml", "--connect"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    let ended = rig.tell(&["check", "pipeline.yaml", "--set", "source.drift=ignore"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);

    rig.write("workers.csv", "employeeID,salary\n1,2020-01-01\n");
    rig.pipeline(
        "source: { path: workers.csv }\nvalidate: { columns: { salary: { type: date, format: YYYY-MM-DD } } }",
        import,
    );
    let ended = rig.tell(&["check", "pipeline.yaml", "--connect"]);
    ended.says("`validate.columns.salary` says that its type is date, and the data set's property is a number");

    rig.write("workers.csv", "fullName\nAda\n");
    rig.pipeline(
        "source: { path: workers.csv }",
        "identify_by: { auto_id: true }",
    );
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    ended.says("the data set tells its items apart by `employeeID`, and no column of that name would be sent");
}

/// A header may be a person's row.
#[test]
fn names_that_nobody_named_are_not_told() {
    let rig = rig(Rig::with(properties), "");
    rig.write("workers.csv", "employeeID,CANARY Ada\n1,2\n");
    rig.pipeline("source: { path: workers.csv }", "action: createOrUpdate");
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    ended.says("no property of the name of column 2, which would be sent");
}

#[test]
fn slips_of_the_address() {
    let rig = rig(Rig::new(), "");
    let text = rig.read("pipeline.yaml");
    let lint = |base: &str| {
        rig.write("pipeline.yaml", text.replace("${BASE_URL}", base));
        let (code, stderr) = rig.ask(&["lint", "pipeline.yaml"]);
        assert_eq!(code, 2, "{stderr}");
        stderr
    };
    let host = "https://orgvue.eu-west-1.concentra.io";
    for (slip, why) in [
        ("/tokens", "the page on which tokens are made"),
        ("/app/docs/1.0.0/guide/", "Orgvue's own pages"),
        ("/api/v1/ACME", "leave out `/api/v1` and what follows it"),
        ("/ACME", "at the top of its host"),
    ] {
        let said = lint(&format!("{host}{slip}"));
        assert!(said.contains(why), "{said}");
        assert!(said.contains(&format!("help: write `{host}`")), "{said}");
    }
    // What came from a variable is not quoted.
    rig.write("pipeline.yaml", &text);
    let base = format!("{host}/tokens");
    let mut command = crate::rostream(rig.folder(), &["lint", "pipeline.yaml"]);
    let (code, _, stderr) = crate::outcome(command.env("BASE_URL", base).output().unwrap());
    assert_eq!(code, 2);
    assert!(
        stderr.contains("help: leave out the path") && !stderr.contains(host),
        "{stderr}"
    );

    rig.write(
        "pipeline.yaml",
        text.replace("6586F21B-AD4D-4D06-A309-712AF47184A2", "{ name: People }")
            + "preflight: off\n",
    );
    let (code, stderr) = rig.ask(&["lint", "pipeline.yaml"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("looked up by the preflight, which is off"),
        "{stderr}"
    );
}
