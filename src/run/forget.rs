//! People are taken out of all that runs of a pipeline have left on the disk.

use std::fs;
use std::io::Write;

use secrecy::{ExposeSecret, SecretString};

use super::RunError;
use super::delta::mark;
use super::keep::{files, unpacked};
use super::kept::folder as columns_of_guards;
use crate::config::Pipeline;
use crate::delta::error::StoreError;
use crate::delta::key::StoreKey;
use crate::delta::place::Place;
use crate::delta::store::{Lost, Store};
use crate::report::forget::{Rows, forget, forget_in_workbook};
use crate::report::human;
use crate::report::people::People;
use crate::report::traces::Kind;
use crate::state::entry::TargetMark;
use crate::state::whose;

/// What people are taken out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A file of rows.
    Rows,
    /// The store of a difference, by which people are deleted.
    Store,
    /// What guards compare columns with.
    Columns,
}

/// What became of a file or a store.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Forgotten {
    /// Where it is.
    pub path: String,
    pub what: What,
    /// Rows or people that are not there any more; or why nothing was done.
    pub taken: Result<u64, String>,
}

/// The columns that hold keys of people, by all names that they have on their way through the stages.
pub(crate) fn columns(pipeline: &Pipeline) -> Vec<String> {
    let mut names: Vec<&str> = pipeline.validate.key_column().into_iter().collect();
    names.extend(
        pipeline
            .as_of
            .as_ref()
            .and_then(|as_of| as_of.key.as_deref()),
    );
    for tree in &pipeline.validate.hierarchy.all {
        let named_by = [
            Some(&tree.parent),
            tree.id.as_ref(),
            tree.parent_by.as_ref(),
        ];
        names.extend(named_by.into_iter().flatten().map(String::as_str));
    }
    for stage in pipeline.stages.iter().rev() {
        let before: Vec<&str> = names
            .iter()
            .filter_map(|name| stage.value.name_before(name))
            .collect();
        names.extend(before);
    }
    let mut all: Vec<String> = Vec::new();
    for name in names {
        if !all.iter().any(|known| known == name) {
            all.push(name.to_owned());
        }
    }
    all
}

/// Takes people out of the files that runs of a pipeline have left.
pub(crate) fn forget_rows(pipeline: &Pipeline, people: &mut People) -> Vec<Forgotten> {
    let quoting = pipeline.source.csv.quoting();
    let how = (quoting, pipeline.rejects.encoding);
    let columns = columns(pipeline);
    let mut all = Vec::new();
    for trace in files(pipeline) {
        let forgotten = match trace.kind {
            Kind::Workbook => {
                let read = |file, out: &mut dyn Write| unpacked(pipeline, file, out);
                forget_in_workbook(&trace, quoting, &columns, people, read)
            }
            Kind::Rejects | Kind::Withheld | Kind::Results => forget(&trace, how, &columns, people),
        };
        let taken: Rows = match forgotten {
            Ok(None) => continue,
            Ok(Some(taken)) => taken,
            Err(error) => {
                all.push(Forgotten {
                    path: human::path(&trace.path),
                    what: What::Rows,
                    taken: Err(error.to_string()),
                });
                continue;
            }
        };
        all.push(Forgotten {
            path: human::path(&trace.path),
            what: What::Rows,
            taken: taken.map_err(str::to_owned),
        });
    }
    all
}

/// Takes people out of the store of a difference, and out of what guards compare columns with; nothing where there is
/// neither. `last` is the last accepted run.
///
/// # Errors
/// A store that can't be used.
pub(crate) fn forget_people(
    pipeline: &Pipeline,
    (target, last): (&TargetMark, Option<&str>),
    secret: Option<&SecretString>,
    people: &mut People,
) -> Result<Vec<Forgotten>, RunError> {
    let secret = secret.map(|secret| secret.expose_secret().as_bytes());
    let mut all = Vec::new();
    if let Some(folder) = pipeline.store().filter(|folder| folder.is_dir()) {
        let place = Place::open(&folder, secret, mark(target))?;
        let store = place.store(None)?;
        all.extend(forget_in(pipeline, &place, (store, true), people)?);
    }
    let folder = columns_of_guards(pipeline, target);
    if folder.is_dir() {
        let whose = whose(&pipeline.name, target).to_le_bytes();
        let place = Place::open(&folder, secret, whose)?;
        let store = place.accepted(last)?;
        all.extend(forget_in(pipeline, &place, (store, false), people)?);
    }
    Ok(all)
}

fn forget_in(
    pipeline: &Pipeline,
    place: &Place,
    (store, deletes): (Result<Store, Lost>, bool),
    people: &mut People,
) -> Result<Option<Forgotten>, RunError> {
    let taken = match store {
        Ok(store) => {
            let found = place.take_out(store, people.keys(), ignores_case(pipeline))?;
            for at in (0..found.len()).filter(|at| found[*at]) {
                people.mark(at);
            }
            Ok(found.into_iter().filter(|found| *found).count() as u64)
        }
        // Nobody was sent yet.
        Err(Lost::Missing) => return Ok(None),
        Err(Lost::Damaged) => Err(DAMAGED.to_owned()),
    };
    Ok(Some(Forgotten {
        path: human::path(place.folder()),
        what: match deletes {
            true => What::Store,
            false => What::Columns,
        },
        taken,
    }))
}

const DAMAGED: &str = "the store is damaged; remove its folder, and the next run sends everything";

/// What became of a store that was to have another key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rotated {
    /// So many people are sealed with it.
    Anew(u64),
    /// It had that key already.
    Already,
    Nothing,
}

/// Removes what guards compare columns with, where it was made with another key than the pipeline file states now: it has
/// hashes alone, which can't be made anew. Whether there was any.
///
/// # Errors
/// It can't be removed.
pub(crate) fn drop_columns(
    pipeline: &Pipeline,
    target: &TargetMark,
    new: &SecretString,
) -> Result<bool, RunError> {
    let folder = columns_of_guards(pipeline, target);
    if !folder.is_dir() {
        return Ok(false);
    }
    let secret = new.expose_secret().as_bytes();
    let place = Place::open(
        &folder,
        Some(secret),
        whose(&pipeline.name, target).to_le_bytes(),
    )?;
    if place.is_sealed_with_its_key()? {
        return Ok(false);
    }
    fs::remove_dir_all(&folder).map_err(StoreError::write(&folder))?;
    Ok(true)
}

/// Seals the store of a difference with the key that the pipeline file states now. `old` is the one before; without it,
/// the store's own.
///
/// # Errors
/// A store that can't be used.
pub(crate) fn rotate(
    pipeline: &Pipeline,
    target: &TargetMark,
    old: Option<&SecretString>,
    new: &SecretString,
) -> Result<Rotated, RunError> {
    let Some(folder) = pipeline.store().filter(|folder| folder.is_dir()) else {
        return Ok(Rotated::Nothing);
    };
    let bytes = |secret: &SecretString| secret.expose_secret().as_bytes().to_vec();
    let now = Place::open(&folder, Some(&bytes(new)), mark(target))?;
    if now.is_sealed_with_its_key()? {
        now.drop_own_key()?;
        return Ok(Rotated::Already);
    }
    let place = Place::open(&folder, old.map(bytes).as_deref(), mark(target))?;
    let key: &StoreKey = now.key();
    Ok(match place.rotate(key, ignores_case(pipeline))? {
        Ok(people) => {
            now.drop_own_key()?;
            Rotated::Anew(people)
        }
        Err(Lost::Missing) => Rotated::Nothing,
        Err(Lost::Damaged) => return Err(RunError::Store(place.is_damaged())),
    })
}

fn ignores_case(pipeline: &Pipeline) -> bool {
    let key = pipeline.validate.key.as_ref();
    key.is_some_and(|key| key.ignore_case)
}
