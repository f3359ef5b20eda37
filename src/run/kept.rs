//! What guards compare the rows with where there is no difference: hashes of the columns that they ask for, of every person
//! of the last accepted run.
//!
//! A run writes down what it sends before its import is asked for. Whoever looks next finds that, and whether the run was
//! accepted: then it takes the place of what was there before, and else it is thrown away. Mostly that is the run itself, at
//! its end; but nothing has to be done there, by whichever process and however the end comes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::RunError;
use super::prepare::Prepared;
use crate::config::Pipeline;
use crate::delta::diff::Baseline;
use crate::delta::error::StoreError;
use crate::delta::full::Full;
use crate::delta::items::{What, Writer};
use crate::delta::key::EMPTY;
use crate::delta::place::{Part, Place};
use crate::guard::{self, Last};
use crate::report::run::RunId;
use crate::state::entry::TargetMark;
use crate::state::{Entry, whose};

/// What guards compare the rows of a run with.
pub(crate) struct Kept {
    pub baseline: Arc<Baseline>,
    run: RunId,
    writes: bool,
}

/// Where it is.
pub(super) fn folder(pipeline: &Pipeline, target: &TargetMark) -> PathBuf {
    let whose = whose(&pipeline.name, target);
    Path::new(&pipeline.state_dir).join(format!("columns-{whose:032x}"))
}

impl Kept {
    /// Opens it, where the guards of a pipeline ask for it; `last` is the last accepted run. Whoever `writes` has the lock
    /// of the pipeline.
    ///
    /// # Errors
    /// It can't be used.
    pub(crate) fn open(
        pipeline: &Pipeline,
        secret: Option<&SecretString>,
        run: &RunId,
        last: Option<&Last>,
        writes: bool,
    ) -> Result<Option<Kept>, RunError> {
        let entry = Entry::new(run.clone(), pipeline);
        let Some(Entry { target, .. }) = entry.filter(|_| pipeline.keeps_columns()) else {
            return Ok(None);
        };
        let whose = whose(&pipeline.name, &target);
        let folder = folder(pipeline, &target);
        let (secret, mark) = (
            secret.map(|secret| secret.expose_secret().as_bytes()),
            whose.to_le_bytes(),
        );
        let place = match writes {
            true => Place::open(&folder, secret, mark)?,
            false => Place::look(&folder, secret, mark)?,
        };
        let last = last.filter(|last| last.standing.kept == Some(guard::Kept::Columns));
        let (store, full) = match place.accepted(last.map(|last| &*last.run))? {
            Ok(store) => (Some(store), None),
            Err(lost) => (None, Some(Full::Lost(lost))),
        };
        Ok(Some(Kept {
            baseline: Arc::new(Baseline {
                place,
                store,
                full,
                now: Timestamp::now().as_second(),
                is_part: false,
            }),
            run: run.clone(),
            writes,
        }))
    }

    /// Begins what is written down of the rows, where any will be sent.
    pub(super) fn begin(&self, prepared: &Prepared) -> Result<Option<Writer>, RunError> {
        let place = &self.baseline.place;
        let diff = prepared.engine.diff().filter(|_| self.writes);
        let begun = diff.map(|diff| place.begin_items(self.run.as_str(), Part::Rows, diff.head()));
        Ok(begun.transpose()?)
    }

    /// Puts it in its place, right before the import is asked for; those at these places are deleted by that.
    pub(super) fn sent(
        &self,
        prepared: &Prepared,
        mut items: Writer,
        gone: &[u32],
    ) -> Result<(), RunError> {
        let Baseline { place, store, .. } = &*self.baseline;
        if let (Some(store), Some(diff)) = (store, prepared.engine.diff()) {
            let nothing = vec![EMPTY; diff.columns.len()];
            for &at in gone {
                let written = items.push(What::Delete, (store.person(at), 0), &nothing, &[]);
                written.map_err(StoreError::write(place.folder()))?;
            }
        }
        Ok(place.put_items(items, self.run.as_str(), Part::Rows)?)
    }
}
