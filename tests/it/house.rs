//! The rules of the house, as far as a test can read them in the source.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Shared by everyone; they use each other and nothing else of this crate.
const LEAVES: &[&str] = &[
    "batch", "pool", "units", "scan", "dates", "decimal", "expr", "secret", "http", "folder",
    "limits", "sample",
];

/// The steps of a run and what stands beside one. They use leaves and not each other.
const STEPS: &[&str] = &[
    "source", "block", "format", "stage", "rule", "survey", "upload", "orgvue", "report", "sandbox",
];

/// Arrows that are not in the plan, each with its reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

/// A source file: the module it belongs to, its path, its text without the tests in it.
struct File {
    module: String,
    path: PathBuf,
    code: String,
}

/// Every file of `src`, in alphabetical order, without files that hold only tests.
fn files() -> Vec<File> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![src.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".rs") && name != "tests.rs" && name != "testing.rs" {
                found.push(path);
            }
        }
    }
    found.sort();
    let read = |path: PathBuf| {
        let below = path.strip_prefix(&src).unwrap();
        let first = below.components().next().unwrap().as_os_str().to_str();
        let module = first.unwrap().trim_end_matches(".rs").to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        // The tests stand at the end of a file.
        let end = text
            .match_indices("#[cfg(test)]\n")
            .map(|(at, _)| at)
            .find(|at| {
                let next = text[*at..].lines().nth(1).unwrap_or_default();
                next.contains("mod ") && next.ends_with('{')
            });
        let code = text[..end.unwrap_or(text.len())].to_owned();
        File { module, path, code }
    };
    let files: Vec<File> = found.into_iter().map(read).collect();
    assert!(files.len() > 60, "{} files", files.len());
    files
}

/// The lines of code that are not comments, with their numbers.
fn lines(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = code.lines().enumerate().map(|(i, line)| (i + 1, line));
    numbered.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// The module that each `crate::` path of a line leads to.
fn arrows(line: &str) -> impl Iterator<Item = &str> {
    line.split("crate::").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_');
        &rest[..end.unwrap_or(rest.len())]
    })
}

/// Whether code of one module may use another.
fn may_use(from: &str, to: &str) -> bool {
    let (leaf, step) = (LEAVES.contains(&to), STEPS.contains(&to));
    from == to
        || match from {
            "main" | "lib" => true,
            "cli" => to != "main",
            "run" => leaf || step || to == "config",
            "config" => leaf || step,
            _ if STEPS.contains(&from) => leaf,
            _ if LEAVES.contains(&from) => leaf,
            _ => false,
        }
}

fn none(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Lines of the modules outside `except` that hold one of the words.
fn holding(words: &[&str], except: impl Fn(&File) -> bool) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in files().iter().filter(|file| !except(file)) {
        for (number, line) in lines(&file.code) {
            if words.iter().any(|word| line.contains(word)) {
                wrong.push(format!("{}:{number}: {}", file.path.display(), line.trim()));
            }
        }
    }
    wrong
}

#[test]
fn arrows_point_one_way() {
    let mut wrong = Vec::new();
    let pair = |(from, to, _): &(&str, &str, &str)| format!("{from} -> {to}");
    let mut unused: BTreeSet<String> = EXCEPTIONS.iter().map(pair).collect();
    for file in files() {
        for (number, line) in lines(&file.code) {
            for to in arrows(line) {
                let allowed = may_use(&file.module, to);
                if allowed || unused.contains(&format!("{} -> {to}", file.module)) {
                    unused.remove(&format!("{} -> {to}", file.module));
                    continue;
                }
                let place = file.path.display();
                wrong.push(format!(
                    "{place}:{number}: {} must not use {to}",
                    file.module
                ));
            }
        }
    }
    wrong.extend(
        unused
            .iter()
            .map(|arrow| format!("{arrow} is no exception any more")),
    );
    none(wrong);
}

#[test]
fn every_module_has_its_place() {
    let lib = include_str!("../../src/lib.rs");
    for module in lib.lines().filter_map(|line| line.strip_prefix("pub mod ")) {
        let module = module.trim_end_matches(';');
        let known = LEAVES.contains(&module) || STEPS.contains(&module);
        assert!(
            known || ["cli", "config", "run"].contains(&module),
            "{module}"
        );
    }
}

/// What config reads of a step is how its settings are written, and how they are checked.
#[test]
fn config_knows_specs_and_not_how_steps_work() {
    let mut wrong = Vec::new();
    for file in files().iter().filter(|file| file.module == "config") {
        for (number, line) in lines(&file.code) {
            for to in arrows(line).filter(|to| STEPS.contains(to)) {
                let words = ["Spec", "spec::", "Input", "KeySpec"];
                if !words.iter().any(|word| line.contains(word)) {
                    wrong.push(format!("{}:{number}: {to}: {line}", file.path.display()));
                }
            }
        }
    }
    none(wrong);
}

#[test]
fn only_cli_prints() {
    // Progress owns the terminal's last lines, through which the log must go.
    let allowed = |file: &File| file.module == "cli" || file.path.ends_with("report/progress.rs");
    let words = ["print!(", "println!(", "stdout()", "stderr()", "dbg!("];
    let mut wrong = holding(&words, allowed);
    wrong.retain(|line| !line.contains("error.use_stderr()"));
    none(wrong);
}

#[test]
fn only_config_reads_yaml_and_the_environment() {
    let words = [
        "serde_saphyr",
        "granit_parser",
        "env::var",
        "env::args",
        "env::vars",
    ];
    none(holding(&words, |file| file.module == "config"));
}

#[test]
fn nothing_is_left_undone() {
    none(holding(&["unsafe ", "todo!(", "unimplemented!("], |_| {
        false
    }));
    for file in files() {
        let text = std::fs::read_to_string(&file.path).unwrap();
        // Written apart, so that a search for them doesn't find this.
        for word in [concat!("TO", "DO"), concat!("FIX", "ME")] {
            assert!(!text.contains(word), "{}: {word}", file.path.display());
        }
    }
}

/// Only binaries and tests may end the process or panic on purpose; and the second signal, which is there for that.
#[test]
fn nothing_gives_up() {
    let words = [
        "panic!(",
        "process::exit",
        ".unwrap()",
        "std::process::abort",
    ];
    none(holding(&words, |file| file.path.ends_with("cli/stop.rs")));
}

#[test]
fn every_file_says_what_it_is() {
    for file in files() {
        let first = file.code.lines().next().unwrap_or_default();
        assert!(first.starts_with("//! "), "{}", file.path.display());
    }
}

/// Every exception from a lint has its reason.
#[test]
fn exceptions_have_reasons() {
    let mut wrong = holding(&["#[allow(", "#![allow(", "#[expect("], |_| false);
    wrong.retain(|line| !line.contains("reason = "));
    none(wrong);
}
