//! Where cases of `rostream test` stand: in the pipeline file, under `tests`, and in a file of the same name with `_test`
//! behind it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use super::cases::{TestSpec, check};
use super::pipeline::Pipeline;
use super::problem::{Findings, Place, Problem, Problems};
use super::substitute::{self, Env};
use super::yaml::places::Places;
use super::yaml::{de, tree};

/// The cases of one file, with their places in it.
#[derive(Clone, Debug)]
pub(crate) struct Cases {
    pub file: Arc<str>,
    /// Where relative paths start from.
    pub folder: PathBuf,
    pub all: Vec<TestSpec>,
    places: Places,
}

impl Cases {
    /// Those of the pipeline file itself.
    pub(crate) fn within(pipeline: &Pipeline) -> Cases {
        Cases {
            file: pipeline.file.clone(),
            folder: pipeline.folder.clone(),
            all: pipeline.tests.clone(),
            places: pipeline.places.clone(),
        }
    }

    /// Those of the file beside a pipeline, where there is one.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(crate) fn beside(pipeline: &Pipeline, env: Env) -> Result<Option<Cases>, Problems> {
        let Some(file) = file_beside(&pipeline.file).filter(|file| Path::new(file).exists()) else {
            return Ok(None);
        };
        let text = super::text_of(&file, &file)?;
        let mut findings = Findings::new(&file);
        let Some(mut root) = tree::parse(&text, &mut findings) else {
            return Err(findings.finish());
        };
        substitute::substitute(&mut root, env, &mut findings);
        let places = Places::of(&root);
        let all = de::read::<FileSpec>(&mut root, &mut findings).value;
        let all = all.map(|file| file.tests).unwrap_or_default();
        let stages = pipeline.stages.iter().map(|stage| &stage.value);
        for wrong in check(&all, stages, pipeline.aliases.as_ref()) {
            findings.problem(places.find(&wrong.path), wrong.message, &wrong.help);
        }
        let found = findings.finish();
        match found.problems.is_empty() {
            true => Ok(Some(Cases {
                file: file.into(),
                folder: pipeline.folder.clone(),
                all,
                places,
            })),
            false => Err(found),
        }
    }

    /// The place of something in a case, such as `tests.2.rows.0.Employee ID`.
    pub(crate) fn place(&self, path: &str) -> Place {
        self.places.find(path)
    }

    /// What is wrong with it.
    pub(crate) fn problem(&self, path: &str, message: impl Into<String>) -> Problem {
        Problem {
            file: self.file.clone(),
            place: self.place(path),
            message: message.into(),
            help: None,
            excerpt: None,
        }
    }
}

/// A file of cases beside a pipeline file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSpec {
    #[serde(default)]
    tests: Vec<TestSpec>,
}

/// `people_test.yaml` for `people.yaml`; nothing for standard input.
fn file_beside(pipeline: &str) -> Option<String> {
    if pipeline == super::STDIN {
        return None;
    }
    let path = Path::new(pipeline);
    let stem = path.file_stem()?.to_str()?;
    let ending = path.extension().and_then(|ending| ending.to_str())?;
    let beside = path.with_file_name(format!("{stem}_test.{ending}"));
    beside.to_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_beside_a_pipeline() {
        let check = |pipeline: &str, expected: Option<&str>| {
            assert_eq!(file_beside(pipeline).as_deref(), expected);
        };
        check("people.yaml", Some("people_test.yaml"));
        check("a/b.people.yml", Some("a/b.people_test.yml"));
        check("people", None);
        check("<stdin>", None);
    }
}
