//! The first five minutes: data in the place of a pipeline, problems with the line that they stand on, colours where they
//! are wanted, the help and its examples, manual pages.

use std::collections::BTreeSet;

use clap::CommandFactory;
use rostream::Cli;

use crate::support::Rig;
use crate::{outcome, rostream, run};

const PIPELINE: &str =
    "version: 1\nname: export\nsource: { path: export.csv }\ntarget: { sandbox: }\n";
const EXPORT: &str = "employeeID,fullName\n0001,Ann \n0002,Ben\n";

#[test]
fn data_is_not_a_pipeline_and_the_way_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let check = |name: &str, bytes: &[u8], kind: &str, draft: &str| {
        std::fs::write(dir.path().join(name), bytes).unwrap();
        for command in [
            &["run"][..],
            &["check"],
            &["preview"],
            &["lint"],
            &["plan"],
            &["bench"],
            &["datasets"],
            &["state", "init"],
        ] {
            let args = [command, &[name]].concat();
            let (code, stdout, stderr) = run(dir.path(), &args);
            let expected = format!(
                "{name}: this is not a pipeline file but {kind}\n  help: draft a pipeline for it with \
                 `rostream infer {name} -o {draft}`\n"
            );
            assert_eq!(
                (code, stdout.as_str(), stderr),
                (2, "", expected),
                "{args:?}"
            );
        }
    };
    check("export.csv", EXPORT.as_bytes(), "a table", "export.yaml");
    check(
        "jobs.csv",
        b"Name;W\xe4hrung\nAnn;EUR\n",
        "a table",
        "jobs.yaml",
    );
    check("p.json", b"[{\"name\": \"Ann\"}]", "JSON records", "p.yaml");
    check(
        "p.csv.gz",
        b"\x1f\x8b\x08\0\0\0\0\0",
        "a compressed file",
        "p.yaml",
    );
    check(
        "p.xlsx",
        b"PK\x03\x04\x14\0",
        "a workbook or a zip archive",
        "p.yaml",
    );
}

#[test]
fn stages_that_need_no_settings_are_words() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("export.csv"), EXPORT).unwrap();
    let check = |stages: &str, code: i32, stderr: &str| {
        let text = format!("{PIPELINE}stages: [{stages}]\n");
        std::fs::write(dir.path().join("p.yaml"), text).unwrap();
        let found = run(dir.path(), &["-q", "lint", "p.yaml"]);
        assert_eq!(found, (code, String::new(), stderr.to_owned()), "{stages}");
    };
    check("trim, normalize", 0, "");
    let (_, schema, _) = run(dir.path(), &["schema"]);
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    let stages = schema["definitions"]["StageSpec"]["oneOf"]
        .as_array()
        .unwrap();
    let words = &stages.last().unwrap()["enum"];
    let words: Vec<&str> = words
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap())
        .collect();
    assert!(
        words.contains(&"trim") && words.contains(&"normalize"),
        "{words:?}"
    );
    check(&words.join(", "), 0, "");
    // All others say what is missing, in their place.
    for stage in stages
        .iter()
        .filter_map(|stage| stage["required"][0].as_str())
    {
        if !words.contains(&stage) {
            let text = format!("{PIPELINE}stages: [{stage}]\n");
            std::fs::write(dir.path().join("p.yaml"), text).unwrap();
            let (code, _, stderr) = run(dir.path(), &["-q", "lint", "p.yaml"]);
            assert!(
                code == 2 && stderr.starts_with("p.yaml:5:"),
                "{stage}: {stderr}"
            );
        }
    }
    let (_, _, stderr) = {
        let text = format!("{PIPELINE}stages: [trimm]\n");
        std::fs::write(dir.path().join("p.yaml"), text).unwrap();
        run(dir.path(), &["-q", "lint", "p.yaml"])
    };
    assert!(
        stderr.starts_with("p.yaml:5:10: unknown stage `trimm`\n  help: did you mean `trim`?"),
        "{stderr}"
    );
}

#[test]
fn an_identifier_by_its_name_alone() {
    let dir = tempfile::tempdir().unwrap();
    let text = PIPELINE.replace("sandbox:", "sandbox: { identify_by: employeeID }");
    std::fs::write(dir.path().join("p.yaml"), text).unwrap();
    let (code, _, stderr) = run(dir.path(), &["-q", "lint", "p.yaml"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("`{ id_key: employeeID }`"), "{stderr}");
}

#[test]
fn problems_show_their_line_and_quiet_ones_do_not() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("export.csv"), EXPORT).unwrap();
    let text = format!("{PIPELINE}stages:\n  - trim: [employeeID]\n  - drop: [fullNam]\n");
    std::fs::write(dir.path().join("p.yaml"), text).unwrap();
    let message =
        "p.yaml:7:12: stage 2 (drop): no column `fullNam` here, did you mean `fullName`?\n";
    let excerpt = "    |\n  7 |   - drop: [fullNam]\n    |            ^\n";
    let (code, _, stderr) = run(dir.path(), &["check", "p.yaml", "--no-progress"]);
    assert_eq!(code, 2);
    assert!(stderr.contains(&format!("{message}{excerpt}")), "{stderr}");
    let (_, _, stderr) = run(dir.path(), &["-q", "check", "p.yaml"]);
    assert_eq!(stderr, message);
}

#[test]
fn no_excerpt_shows_a_secret() {
    let dir = tempfile::tempdir().unwrap();
    let target = "target:\n  orgvue:\n    base_url: https://example.com\n    tenant: A\n    dataset: { name: x }\n";
    for (key, value) in [
        ("token", "sUpErSeCrEt"),
        ("tokn", "sUpErSeCrEt"),
        ("token", "{ evn: sUpErSeCrEt }"),
        ("token", "\n      - sUpErSeCrEt"),
    ] {
        let text = format!("version: 1\nsource: {{ path: a.csv }}\n{target}    {key}: {value}\n");
        std::fs::write(dir.path().join("p.yaml"), text).unwrap();
        let (code, stdout, stderr) = run(dir.path(), &["lint", "p.yaml"]);
        assert_eq!(code, 2, "{stderr}");
        assert!(
            !format!("{stdout}{stderr}").contains("sUpErSeCrEt"),
            "{stderr}"
        );
    }
}

#[test]
fn colours_where_they_are_wanted() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("export.csv"), EXPORT).unwrap();
    std::fs::write(
        dir.path().join("p.yaml"),
        format!("{PIPELINE}stages: [trim]\n"),
    )
    .unwrap();
    let check = |args: &[&str], variables: &[(&str, &str)], coloured: bool| {
        let mut command = rostream(dir.path(), args);
        let (_, stdout, stderr) =
            outcome(command.envs(variables.iter().copied()).output().unwrap());
        let text = format!("{stdout}{stderr}");
        assert_eq!(
            text.contains('\u{1b}'),
            coloured,
            "{args:?} {variables:?} {text}"
        );
        let plain = outcome(rostream(dir.path(), args).output().unwrap());
        assert!(!plain.1.contains('\u{1b}') && !plain.2.contains('\u{1b}'));
    };
    for args in [
        &["run", "nowhere.yaml"][..],
        &["preview", "p.yaml"],
        &["check", "p.yaml"],
    ] {
        check(args, &[], false);
        check(args, &[("CLICOLOR_FORCE", "1")], true);
        check(args, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false);
        check(args, &[("TERM", "dumb")], false);
    }
    check(
        &["preview", "p.yaml", "--json", "-q"],
        &[("CLICOLOR_FORCE", "1")],
        false,
    );
}

/// The help of every command, as `--help` prints it.
fn helps() -> Vec<(String, String)> {
    let command = Cli::command();
    let names = command
        .get_subcommands()
        .map(|command| command.get_name().to_owned());
    let help = |name: String| {
        let (code, stdout, stderr) = run(&std::env::temp_dir(), &[&name, "--help"]);
        assert_eq!((code, stderr.as_str()), (0, ""), "{name}");
        (name, stdout)
    };
    names.map(help).collect()
}

#[test]
fn every_help_has_its_parts_in_order() {
    for (name, help) in helps() {
        let mut parts = vec![
            "Usage:",
            "Global options:",
            "Examples:",
            "Exit codes:",
            "Environment:",
        ];
        // What stands below a command of two words is in the help of these.
        if name == "state" {
            parts.retain(|part| *part != "Global options:" || help.contains(part));
        }
        let places: Vec<_> = parts.iter().map(|part| help.find(part)).collect();
        assert!(
            places.iter().all(Option::is_some) && places.is_sorted(),
            "{name}\n{help}"
        );
        // Nothing global among the command's own options.
        let own = help.split("Global options:").next().unwrap();
        for global in ["--verbose", "--quiet", "--no-progress", "--log-format"] {
            assert!(!own.contains(global), "{name} {global}\n{help}");
        }
    }
    let (_, help, _) = run(&std::env::temp_dir(), &["help"]);
    let path = ["infer", "lint", "preview", "check", "run"];
    let places: Vec<_> = path
        .iter()
        .map(|word| help.find(&format!("\n  rostream {word} export.")))
        .collect();
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{help}"
    );
    assert!(help.contains("Exit codes:"), "{help}");
}

/// Those that need a run to take up, reports of shards, addresses, or a terminal to stop them: here they are read, and elsewhere they run.
const ELSEWHERE: &[&str] = &[
    "resume", "results", "retry", "generate", "upload", "import", "sandbox", "forget", "test",
    "report",
];

#[test]
fn examples_of_the_help_run() {
    let rig = Rig::new();
    rig.write("export.csv", EXPORT);
    rig.pipeline(
        "source: { path: export.csv }\nvalidate: { key: employeeID }",
        "",
    );
    let text = rig.read("pipeline.yaml");
    let mut seen = BTreeSet::new();
    for (name, help) in helps() {
        let examples = help.split("Examples:\n").nth(1).unwrap();
        let examples = examples.split("\n\n").next().unwrap();
        for line in examples
            .lines()
            .filter_map(|line| line.strip_prefix("  rostream "))
        {
            // What a shell would do is done here.
            let line = &line.replace(" - < ", " ");
            let words = line
                .split(" > ")
                .next()
                .unwrap()
                .split(' ')
                .collect::<Vec<_>>();
            if ELSEWHERE.contains(&name.as_str()) {
                let read =
                    Cli::command().try_get_matches_from([&["rostream"], &words[..]].concat());
                assert!(read.is_ok(), "{line}");
                continue;
            }
            // A draft has comments for what only a person can decide, and never writes over a file.
            match name.as_str() {
                "infer" => std::fs::remove_file(rig.path("export.yaml")).unwrap_or_default(),
                _ => rig.write("export.yaml", &text),
            }
            let (code, stderr) = rig.ask(&words);
            assert_eq!(code, 0, "{line}\n{stderr}");
            seen.insert(name.clone());
        }
    }
    assert!(seen.len() > 12, "{seen:?}");
}

#[test]
fn manual_pages_of_every_command() {
    let dir = tempfile::tempdir().unwrap();
    let (code, stdout, stderr) = run(dir.path(), &["man", "pages"]);
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (0, "", ""));
    for command in Cli::command().get_subcommands() {
        let name = format!("pages/rostream-{}.1", command.get_name());
        let page = std::fs::read_to_string(dir.path().join(&name)).unwrap();
        assert!(page.contains(".TH") && page.contains("Examples:"), "{name}");
    }
    let (code, page, _) = run(dir.path(), &["man"]);
    assert_eq!(code, 0);
    assert_eq!(
        page,
        std::fs::read_to_string(dir.path().join("pages/rostream.1")).unwrap()
    );
    std::fs::write(dir.path().join("file"), "").unwrap();
    let (code, _, stderr) = run(dir.path(), &["man", "file"]);
    assert!(
        code == 1 && stderr.starts_with("error: file cannot be written: "),
        "{stderr}"
    );
}
