//! The pipeline file: as written ([`spec`]) and as meant ([`Pipeline`]), with every problem in its place.
//!
//! [`load`] goes through it in this order: YAML into a tree in which everything knows its place
//! (`tree`), `--set` ([`Override`]), variables (`substitute`), the presets of a known source (`profile`), the spec
//! types by serde (`de`), and what they mean together (`meaning`). It goes on after a problem, so that all of them are reported at once.
//!
//! This is the only module that names the YAML crate and reads the environment.

mod beside;
pub(crate) mod cases;
mod data;
mod decryption;
mod excerpt;
mod meaning;
mod pipeline;
mod problem;
mod profile;
mod reference;
mod schema;
pub(crate) mod spec;
mod who;
pub(crate) mod yaml;

use std::io::Read;
use std::path::PathBuf;

pub(crate) use beside::Cases;
pub use pipeline::Pipeline;
pub(crate) use pipeline::{Connection, Origin, Rejects, Target, secret_of, secret_text};
pub use problem::Place;
pub(crate) use problem::{Placed, Problem, Problems, nearest};
pub(crate) use reference::reference;
pub use schema::schema;
pub use yaml::overrides::Override;
pub(crate) use yaml::places::Places;
pub(crate) use yaml::substitute::Env;

use xxhash_rust::xxh3::xxh3_128;

use excerpt::Written;
use meaning::Meaning;
use problem::Findings;
use spec::PipelineSpec;
use yaml::tree::Kind;
use yaml::{de, overrides, substitute, tree};

/// How standard input is named where a file's name is shown.
const STDIN: &str = "<stdin>";

/// A pipeline without problems, and what may not be meant so.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub pipeline: Pipeline,
    /// What to tell people all the same.
    pub warnings: Vec<Problem>,
    /// What holds although it is not stated.
    pub notes: Vec<Problem>,
}

/// The environment of this process, for [`load`] and [`Pipeline::token`]. A variable that is not
/// Unicode counts as not set.
#[expect(clippy::disallowed_methods, reason = "all others are handed this")]
pub fn process_env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Loads a pipeline file; `-` is standard input.
pub fn load(file: &str, overrides: &[Override], env: Env) -> Result<Loaded, Problems> {
    let shown = if file == "-" { STDIN } else { file };
    let text = text_of(file, shown)?;
    let folder = match file {
        "-" => std::env::current_dir(),
        _ => std::path::absolute(file).map(|mut path| {
            path.pop();
            path
        }),
    };
    let folder =
        folder.map_err(|e| unreadable(shown, format!("cannot be read: {}", io_words(&e))))?;
    parse(&text, shown, folder, overrides, env)
}

/// The text of a file, which is `shown` by this name; `-` is standard input.
fn text_of(file: &str, shown: &str) -> Result<String, Problems> {
    let cannot = |e: std::io::Error| unreadable(shown, format!("cannot be read: {}", io_words(&e)));
    // One byte more than is allowed, and the parser says that it is too large.
    let limit = tree::MAX_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    match file {
        "-" => std::io::stdin().lock().take(limit).read_to_end(&mut bytes),
        _ => std::fs::File::open(file).and_then(|f| f.take(limit).read_to_end(&mut bytes)),
    }
    .map_err(cannot)?;
    if let Some(kind) = data::kind(&bytes) {
        let mut findings = Findings::new(shown);
        findings.problem(
            Place::Whole,
            format!("this is not a pipeline file but {kind}"),
            &format!("draft a pipeline for it with `{}`", data::draft(file)),
        );
        return Err(findings.finish());
    }
    String::from_utf8(bytes).map_err(|e| {
        let good = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        let line = good.iter().filter(|b| **b == b'\n').count() + 1;
        unreadable(shown, format!("not UTF-8 text (line {line})"))
    })
}

fn unreadable(shown: &str, message: String) -> Problems {
    let mut findings = Findings::new(shown);
    findings.problem(Place::Whole, message, "");
    findings.finish()
}

/// As [`load`], for a file's text: `file` is its name in messages and reports, and `folder`, which is
/// absolute, is where relative paths start from.
pub fn parse(
    text: &str,
    file: &str,
    folder: PathBuf,
    overrides: &[Override],
    env: Env,
) -> Result<Loaded, Problems> {
    debug_assert!(folder.is_absolute());
    let written = Written::new(text);
    let mut findings = Findings::quoting(file, written.clone());
    let Some(mut root) = tree::parse(text, &mut findings) else {
        return Err(findings.finish());
    };
    let empty = matches!(&root.kind, Kind::Scalar(scalar) if scalar.is_null());
    if empty && overrides.is_empty() {
        findings.problem(Place::Whole, "the file is empty", "");
        return Err(findings.finish());
    }
    overrides::apply(&mut root, overrides, &mut findings);
    substitute::substitute(&mut root, env, &mut findings);
    profile::apply(&mut root, &mut findings);
    let places = Places::of(&root);
    let read = de::read::<PipelineSpec>(&mut root, &mut findings);
    let pipeline = read.value.and_then(|spec| {
        Meaning {
            places,
            removed: &read.removed,
            folder,
            origin: Origin {
                text: written,
                hash: format!("{:032x}", xxh3_128(text.as_bytes())),
                overrides: overrides.to_vec(),
            },
            findings: &mut findings,
        }
        .pipeline(spec)
    });
    let found = findings.finish();
    match pipeline {
        Some(pipeline) if found.problems.is_empty() => Ok(Loaded {
            pipeline,
            warnings: found.warnings,
            notes: found.notes,
        }),
        _ => Err(found),
    }
}

/// An error of the file system without its number.
fn io_words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        kind => kind.to_string(),
    }
}

#[cfg(test)]
mod tests;
