//! README and docs against the program: their pipelines are linted, their commands are run and what they print is
//! compared, their tables are those of the code.

use std::collections::BTreeSet;
use std::path::Path;

use clap::CommandFactory;
use rostream::{Cli, Exit};
use serde_json::Value;

use crate::run;

const README: &str = include_str!("../../README.md");

/// More than this, and nobody reads it to the end.
const README_LINES: usize = 150;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every page by its path, but for what tells of former versions.
fn pages() -> Vec<(String, String)> {
    let docs = std::fs::read_dir(root().join("docs")).unwrap();
    let docs = docs.map(|entry| format!("docs/{}", entry.unwrap().file_name().to_str().unwrap()));
    let mut paths: Vec<String> = docs.filter(|path| path.ends_with(".md")).collect();
    paths.extend(["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(str::to_owned));
    paths.sort();
    paths.retain(|path| path != "docs/upgrading.md");
    let read = |path: String| {
        let text = std::fs::read_to_string(root().join(&path)).unwrap();
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

/// The fenced blocks of a language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
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
    let heading = format!("| {heading} |");
    let (_, page) = pages()
        .into_iter()
        .find(|(_, page)| page.lines().any(|line| line.starts_with(&heading)))
        .unwrap_or_else(|| panic!("no table {heading}"));
    page.lines()
        .skip_while(|line| !line.starts_with(&heading))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let (first, rest) = line[1..].split_once(" | ").unwrap();
            (quoted(first), rest.to_owned())
        })
        .collect()
}

#[test]
fn the_readme_is_short() {
    let lines = README.lines().count();
    assert!(lines <= README_LINES, "{lines} lines");
}

/// `rostream docs > docs/reference.md` makes it so.
#[test]
fn the_reference_is_current() {
    let (code, printed, stderr) = run(root(), &["docs"]);
    assert_eq!((code, &*stderr), (0, ""));
    let page = std::fs::read_to_string(root().join("docs/reference.md")).unwrap();
    let pairs = printed.lines().zip(page.lines());
    let first = pairs.enumerate().find(|(_, (now, then))| now != then);
    assert_eq!(first, None);
    assert_eq!(printed.len(), page.len());
}

/// What GitHub makes of a heading.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let text: String = heading.to_lowercase().chars().filter(kept).collect();
    text.replace(' ', "-")
}

#[test]
fn links_lead_somewhere() {
    let pages = pages();
    let anchors = |path: &Path| -> Option<BTreeSet<String>> {
        let text = std::fs::read_to_string(path).ok()?;
        let headings = text
            .lines()
            .filter_map(|line| line.trim_start_matches('#').strip_prefix(' '));
        Some(headings.map(anchor).collect())
    };
    let mut wrong = Vec::new();
    for (path, page) in &pages {
        let file = root().join(path);
        for link in page
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            if link.starts_with("https://") {
                continue;
            }
            let (to, at) = link.split_once('#').unwrap_or((link, ""));
            let to = match to {
                "" => file.clone(),
                _ => file.parent().unwrap().join(to),
            };
            let found =
                to.exists() && (at.is_empty() || anchors(&to).is_some_and(|a| a.contains(at)));
            if !found {
                wrong.push(format!("{path}: {link}"));
            }
        }
    }
    assert_eq!(wrong, [String::new(); 0]);
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
fn pipelines_are_good() {
    let pages = pages();
    let blocks = |(path, page): &(String, String)| {
        let path = path.clone();
        blocks(page, "yaml")
            .into_iter()
            .map(move |block| (path.clone(), block))
            .collect::<Vec<_>>()
    };
    let blocks: Vec<(String, String)> = pages.iter().flat_map(blocks).collect();
    assert!(blocks.len() >= 15, "{}", blocks.len());
    let mut wrong: Vec<String> = Vec::new();
    for (path, block) in blocks {
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
        let (code, _, said) = run(dir.path(), &["lint", "p.yaml"]);
        if code != 0 || said.contains("warning:") {
            wrong.push(format!("{path}: {said}\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn commands_work() {
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
    let shown: Vec<String> = pages()
        .iter()
        .flat_map(|(_, page)| blocks(page, "sh"))
        .collect();
    for line in shown.concat().lines() {
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
        let rejects =
            ["run", "check", "plan", "apply"].contains(&args[0]) && !line.ends_with("--partial-ok");
        assert_eq!(code, if rejects { 3 } else { 0 }, "{line}: {stderr}");
        ran += 1;
    }
    assert!(ran >= 8, "{ran}");
}

/// What stands below a command in a console is printed by it, in that order; lines between are left out.
#[test]
fn commands_print_what_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let made = "sample --rows 1000 --seed 7 --errors 1% -o workers.csv";
    assert!(README.contains(&format!("`rostream {made}`")));
    run(dir.path(), &made.split(' ').collect::<Vec<_>>());
    let shown = blocks(README, "console").concat();
    let commands: Vec<&str> = shown.split("$ rostream ").skip(1).collect();
    assert_eq!(commands.len(), 5);
    for command in commands {
        let mut lines = command.lines();
        let words = lines.next().unwrap();
        let (_, stdout, stderr) = run(dir.path(), &words.split(' ').collect::<Vec<_>>());
        let printed = stdout + &stderr;
        let mut printed_lines = printed.lines();
        for line in lines {
            assert!(
                printed_lines.any(|l| l == line),
                "{words}: {line}\n{printed}"
            );
        }
    }
}

/// What the quickstart says, but for the lines that need the sandbox.
#[test]
fn the_quickstart_prints_what_is_shown() {
    let shown = &blocks(README, "text")[0];
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
fn rejects_are_those_of_the_example() {
    let page = std::fs::read_to_string(root().join("docs/pipelines.md")).unwrap();
    let rows = page
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
fn every_exit_code_is_there() {
    let page = std::fs::read_to_string(root().join("docs/operating.md")).unwrap();
    let codes: Vec<String> = page
        .lines()
        .skip_while(|l| !l.starts_with("| code | meaning |"))
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
fn every_command_is_there() {
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
fn every_pipeline_is_there() {
    let expected = std::fs::read_dir(root().join("pipelines"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    assert_eq!(names("pipeline"), expected);
}

#[test]
fn every_stage_and_its_settings_are_there() {
    let schema = schema();
    let stages = table("stage");
    let variants = schema["definitions"]["StageSpec"]["oneOf"]
        .as_array()
        .unwrap();
    // A stage may be its word alone, too.
    let variants: Vec<&Value> = variants
        .iter()
        .filter(|v| v["properties"].is_object())
        .collect();
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
fn every_rule_is_there() {
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
fn every_setting_is_there() {
    assert_eq!(
        names("setting of `target.orgvue`"),
        definition("OrgvueSpec")
    );
    assert_eq!(names("setting of `upload`"), definition("UploadSpec"));
    assert_eq!(names("setting of `as_of`"), definition("AsOfSpec"));
    assert_eq!(names("setting of `aliases`"), definition("AliasesSpec"));
    assert_eq!(names("setting of `limits`"), definition("Limits"));
    assert_eq!(names("setting of `tests`"), definition("TestSpec"));
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
