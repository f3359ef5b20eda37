//! The README against the program: its pipelines are linted, its cheap commands are run, its tables are
//! those of the code.

use std::collections::BTreeSet;
use std::path::Path;

use clap::CommandFactory;
use rostream::{Cli, Exit};
use serde_json::Value;

use crate::run;

const README: &str = include_str!("../../README.md");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The fenced blocks of a language.
fn blocks(language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = README.lines();
    while let Some(line) = lines.next() {
        let Some(found) = line.strip_prefix("```") else {
            continue;
        };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if found == language {
            blocks.push(block.join("\n") + "\n");
        }
    }
    blocks
}

/// The rows of the table with this first heading, as the names in backquotes of their first cell, and
/// the rest of the row.
fn table(heading: &str) -> Vec<(Vec<String>, String)> {
    let mut lines = README
        .lines()
        .skip_while(|l| !l.starts_with(&format!("| {heading} |")));
    assert!(lines.next().is_some(), "no table {heading}");
    lines
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let (first, rest) = line[1..].split_once(" | ").unwrap();
            (quoted(first), rest.to_owned())
        })
        .collect()
}

/// What stands in backquotes.
fn quoted(text: &str) -> Vec<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

fn names(heading: &str) -> BTreeSet<String> {
    table(heading)
        .into_iter()
        .flat_map(|(names, _)| names)
        .collect()
}

fn schema() -> Value {
    rostream::internals::config::schema()
}

/// The settings of a part of the schema, wherever in it they are.
fn settings(schema: &Value, part: &Value) -> BTreeSet<String> {
    let part = match part["$ref"].as_str() {
        Some(reference) => schema.pointer(&reference[1..]).unwrap(),
        None => part,
    };
    let own = part["properties"]
        .as_object()
        .into_iter()
        .flat_map(|p| p.keys().cloned());
    let inner = ["anyOf", "allOf"]
        .iter()
        .filter_map(|key| part[key].as_array())
        .flatten()
        .flat_map(|inner| settings(schema, inner));
    own.chain(inner).collect()
}

fn definition(name: &str) -> BTreeSet<String> {
    let schema = schema();
    settings(&schema, &schema["definitions"][name])
}

#[test]
fn its_pipelines_are_good() {
    let blocks = blocks("yaml");
    assert!(blocks.len() >= 3, "{}", blocks.len());
    for block in blocks {
        let has = |section: &str| block.lines().any(|l| l.starts_with(section));
        let mut text = String::new();
        // An excerpt is completed.
        for (section, rest) in [
            ("version:", " 1\n"),
            ("source:", " { path: a.csv }\n"),
            ("target:", " { sandbox: }\n"),
            ("rejects:", " { at_most: 1% }\n"),
        ] {
            if !has(section) {
                text.push_str(section);
                text.push_str(rest);
            }
        }
        text.push_str(&block);
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("p.yaml"), &text).unwrap();
        let expected = (0, String::new(), "p.yaml: ok\n".to_owned());
        assert_eq!(run(dir.path(), &["lint", "p.yaml"]), expected, "{text}");
    }
}

#[test]
fn its_cheap_commands_work() {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["pipelines", "pipelines/data", "out"] {
        std::fs::create_dir(dir.path().join(folder)).unwrap();
    }
    for folder in ["pipelines", "pipelines/data"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let to = dir.path().join(folder).join(path.file_name().unwrap());
                std::fs::copy(path, to).unwrap();
            }
        }
    }
    let mut ran = 0;
    for line in blocks("sh").concat().lines() {
        let Some(command) = line.strip_prefix("rostream ") else {
            let known = [
                "cargo run --release -- run pipelines/quickstart.yaml",
                "cargo test",
            ];
            assert!(known.contains(&line), "{line}");
            continue;
        };
        let args: Vec<&str> = command.split(' ').collect();
        let (code, _, stderr) = run(dir.path(), &args);
        let rejects = args[1..] == ["pipelines/workday.yaml"] && args[0] != "lint";
        assert_eq!(code, if rejects { 3 } else { 0 }, "{line}: {stderr}");
        ran += 1;
    }
    assert!(ran >= 8, "{ran}");
}

/// What the quickstart says, but for the lines that need the sandbox.
#[test]
fn its_output_is_what_is_printed() {
    let shown = &blocks("text")[0];
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("pipelines")).unwrap();
    let file = "pipelines/quickstart.yaml";
    std::fs::copy(root().join(file), dir.path().join(file)).unwrap();
    let (code, _, stderr) = run(dir.path(), &["check", file]);
    assert_eq!(code, 3, "{stderr}");
    let (checked, sent): (Vec<&str>, Vec<&str>) = shown.lines().partition(|line| {
        !["sent ", "accepted ", "failed "]
            .iter()
            .any(|word| line.starts_with(word))
    });
    // What a run writes beside, `check` writes into a file of its own.
    let of_run = stderr.replace("rejects.check.csv", "rejects.csv");
    assert_ne!(of_run, stderr);
    for line in checked {
        assert!(of_run.contains(&format!("{line}\n")), "{line}\n{stderr}");
    }
    let good = stderr
        .lines()
        .find_map(|l| l.strip_prefix("held back"))
        .unwrap();
    let good = good.split_whitespace().next().unwrap();
    let numbers = sent
        .iter()
        .map(|line| line.split_whitespace().nth(1).unwrap());
    assert_eq!(numbers.collect::<Vec<_>>(), [good, good, "0"]);
}

#[test]
fn its_rejects_are_those_of_the_example() {
    let rows = README
        .lines()
        .skip_while(|l| !l.starts_with("| `_line` |"))
        .skip(2)
        .take(2);
    let expected = std::fs::read_to_string(root().join("tests/it/pipelines.rs")).unwrap();
    let expected = expected.replace("\\\n", "").replace("\\\"", "\"");
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        for cell in cells {
            assert!(expected.contains(cell), "{cell}");
        }
    }
}

#[test]
fn it_has_every_exit_code() {
    let codes: Vec<String> = README
        .lines()
        .skip_while(|l| !l.starts_with("| code |"))
        .skip(2)
        .take_while(|l| l.starts_with('|'))
        .map(|l| l[1..].split('|').next().unwrap().trim().to_owned())
        .collect();
    let expected: Vec<String> = Exit::TABLE
        .iter()
        .map(|(e, _)| (*e as u8).to_string())
        .collect();
    assert_eq!(codes, expected);
}

#[test]
fn it_has_every_command() {
    let found: BTreeSet<String> = table("command")
        .into_iter()
        .map(|(names, _)| names[0].split(' ').next().unwrap().to_owned())
        .collect();
    let expected = Cli::command()
        .get_subcommands()
        .map(|c| c.get_name().to_owned())
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn it_has_every_pipeline() {
    let expected = std::fs::read_dir(root().join("pipelines"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    assert_eq!(names("pipeline"), expected);
}

#[test]
fn it_has_every_stage_and_its_settings() {
    let schema = schema();
    let stages = table("stage");
    let variants = schema["definitions"]["StageSpec"]["oneOf"]
        .as_array()
        .unwrap();
    assert_eq!(stages.len(), variants.len());
    for (variant, (name, row)) in variants.iter().zip(&stages) {
        let (word, spec) = variant["properties"]
            .as_object()
            .unwrap()
            .iter()
            .next()
            .unwrap();
        assert_eq!(*name, [word.as_str()]);
        let row = quoted(row).into_iter().collect::<BTreeSet<_>>();
        for setting in settings(&schema, spec) {
            assert!(row.contains(&setting), "{word}: {setting}");
        }
    }
}

#[test]
fn it_has_every_rule() {
    assert_eq!(names("rule"), definition("ValidateSpec"));
    assert_eq!(names("rule of a column"), definition("ColumnRules"));
    let (_, types) = table("rule of a column")
        .into_iter()
        .find(|(n, _)| n[0] == "type")
        .unwrap();
    let schema = schema();
    let kinds: BTreeSet<String> = schema["definitions"]["ColumnType"]["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| kind["const"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(quoted(&types).into_iter().collect::<BTreeSet<_>>(), kinds);
}

#[test]
fn it_has_every_setting() {
    assert_eq!(
        names("setting of `target.orgvue`"),
        definition("OrgvueSpec")
    );
    assert_eq!(names("setting of `upload`"), definition("UploadSpec"));
    assert_eq!(names("setting of `as_of`"), definition("AsOfSpec"));
    assert_eq!(names("setting of `aliases`"), definition("AliasesSpec"));
    assert_eq!(names("setting of `limits`"), definition("Limits"));
    assert_eq!(names("setting of `json`"), definition("JsonSpec"));
    assert_eq!(names("setting of `https`"), definition("HttpsSpec"));
    assert_eq!(names("setting of `sftp`"), definition("SftpSpec"));
    let schema = schema();
    let source = settings(&schema, &schema["properties"]["source"]);
    assert_eq!(names("setting of `source`"), source);
    for (name, part) in [("csv", "CsvSpec"), ("json", "JsonSpec")] {
        let (_, row) = table("setting of `source`")
            .into_iter()
            .find(|(n, _)| n[0] == name)
            .unwrap();
        for setting in definition(part) {
            assert!(row.contains(&setting), "{name}: {setting}");
        }
    }
    let lengths: BTreeSet<String> = ["measured", "spooled", "chunked"].map(str::to_owned).into();
    assert_eq!(names("mode of `length`"), lengths);
}
