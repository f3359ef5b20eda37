//! The difference in a run: the store opened before the first pass, what is sent written down before an import is asked
//! for, and its results taken in.

use std::sync::Arc;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use xxhash_rust::xxh3::xxh3_128;

use super::prepare::Prepared;
use super::{Job, RunError};
use crate::config::Pipeline;
use crate::delta::diff::{Baseline, person};
use crate::delta::error::StoreError;
use crate::delta::full::Full;
use crate::delta::head::Head;
use crate::delta::items::Writer;
use crate::delta::owner;
use crate::delta::place::{Part, Place};
use crate::delta::told::{Said, Told};
use crate::guard::{Kept, Last};
use crate::orgvue::ItemResult;
use crate::orgvue::spec::{DeltaSpec, IdentifySpec, MatchResults};
use crate::report::run::{RunId, RunReport};
use crate::state::Entry;
use crate::state::entry::TargetMark;
use crate::state::lock::{Held, Who, store as lock};
use crate::text::chain;

/// A run's store.
pub(crate) struct Delta {
    pub baseline: Arc<Baseline>,
    run: RunId,
    /// The pipeline's name.
    pipeline: String,
    /// When the run began, in seconds since 1970.
    began: i64,
    /// Whether this run begins imports of its own, and does not only take up that of another process.
    sends: bool,
    _lock: Option<Held>,
}

/// What a run wants of the store.
pub(crate) enum Wanted<'a> {
    /// To look into it.
    Look,
    /// To send what differs, perhaps in place of an import whose fate is not known.
    Run(Option<&'a Entry>),
    /// To take in what an earlier process has sent.
    TakeUp(&'a Entry),
}

impl Delta {
    /// Opens the store, where the pipeline has one; `last` is the last accepted run. The sandbox inside this program begins
    /// empty, and has none.
    ///
    /// # Errors
    /// A store that can't be used.
    pub(crate) fn open(
        pipeline: &Pipeline,
        secret: Option<&SecretString>,
        run: &RunId,
        wanted: &Wanted<'_>,
        last: Option<&Last>,
    ) -> Result<Option<Delta>, RunError> {
        let (Some(folder), Some(spec)) = (pipeline.store(), pipeline.import.action.delta()) else {
            return Ok(None);
        };
        let Some(Entry { target, .. }) = Entry::new(run.clone(), pipeline) else {
            return Ok(None);
        };
        let secret = secret.map(|secret| secret.expose_secret().as_bytes());
        let mark = mark(&target);
        owner::check(&folder, &pipeline.name)?;
        let (place, held) = match wanted {
            Wanted::Look => (Place::look(&folder, secret, mark)?, None),
            Wanted::Run(_) | Wanted::TakeUp(_) => {
                let place = Place::open(&folder, secret, mark)?;
                let who = Who {
                    run,
                    pipeline: &pipeline.name,
                };
                let held = lock(&folder, &who)?;
                // Another may have had it until now.
                owner::check(&folder, &pipeline.name)?;
                (place, Some(held))
            }
        };
        let (but, began) = match wanted {
            Wanted::TakeUp(entry) if !entry.deleting => (Some(&entry.run_id), entry.started_at),
            // What it repeats was not to be compared with itself.
            Wanted::Run(Some(earlier)) if !earlier.deleting => {
                (Some(&earlier.run_id), earlier.started_at)
            }
            _ => (None, Timestamp::now()),
        };
        let store = match wanted {
            // Its items are all that is needed.
            Wanted::TakeUp(entry) if entry.deleting => None,
            _ => Some(place.store(but.map(RunId::as_str))?),
        };
        let now = began.as_second();
        let (store, full) = match store {
            None => (None, None),
            Some(Err(lost)) => (None, Some(Full::Lost(lost))),
            Some(Ok(store))
                if !matches!(wanted, Wanted::TakeUp(_)) && is_older(store.head(), last) =>
            {
                (None, Some(Full::Older))
            }
            Some(Ok(store)) => {
                tracing::debug!(bytes = store.bytes(), people = store.people(), "the store");
                let full = due(store.head().full_at, now, spec);
                (Some(store), full)
            }
        };
        Ok(Some(Delta {
            baseline: Arc::new(Baseline {
                place,
                store,
                full,
                now,
                is_part: pipeline.mend.is_some(),
            }),
            run: run.clone(),
            pipeline: pipeline.name.clone(),
            began: Timestamp::now().as_second(),
            sends: matches!(wanted, Wanted::Run(_)),
            _lock: held,
        }))
    }

    /// The key of a person in the store, in words.
    ///
    /// # Errors
    /// A store that can't be read.
    pub(super) fn key(&self, at: u32) -> Result<Option<String>, RunError> {
        let Baseline { place, store, .. } = &*self.baseline;
        let Some(store) = store else {
            return Ok(None);
        };
        let key = store.key(at, place.key());
        let key = key.map_err(StoreError::read(place.folder()))?;
        let text =
            |key: Vec<u8>| String::from_utf8_lossy(key.get(1..).unwrap_or_default()).into_owned();
        Ok(key.map(text))
    }

    /// Begins the items of the rows, where any will be sent.
    pub(super) fn begin_rows(&self, prepared: &Prepared) -> Result<Option<Writer>, RunError> {
        match prepared.engine.diff() {
            Some(diff) if self.sends => {
                let place = &self.baseline.place;
                let head = self.of_now(diff.head());
                Ok(Some(place.begin_items(
                    self.run.as_str(),
                    Part::Rows,
                    head,
                )?))
            }
            _ => Ok(None),
        }
    }

    /// Begins the items of deletions.
    pub(super) fn begin_deletions(&self, head: Head) -> Result<Writer, RunError> {
        let place = &self.baseline.place;
        let head = self.of_now(head);
        Ok(place.begin_items(self.run.as_str(), Part::Deletions, head)?)
    }

    fn of_now(&self, head: Head) -> Head {
        Head {
            sent_at: self.began,
            ..head
        }
    }

    /// Writes down what is sent, right before its import is asked for.
    pub(super) fn sent(&self, items: Option<Writer>, part: Part) -> Result<(), RunError> {
        let Some(items) = items else {
            return Ok(());
        };
        owner::claim(self.baseline.place.folder(), &self.pipeline)?;
        self.baseline
            .place
            .put_items(items, self.run.as_str(), part)?;
        Ok(())
    }

    /// An import did not begin: nothing was sent.
    pub(super) fn not_begun(&self, part: Part) {
        // Where they can't be taken away they count as unknown, and are sent whole the next time.
        if let Err(error) = self.baseline.place.discard(self.run.as_str(), part) {
            tracing::warn!("{}", chain(&error));
        }
    }

    /// What takes in the results of an import; nothing where they are in already.
    pub(super) fn told(&self, part: Part) -> Result<Option<Told>, RunError> {
        let items = self.baseline.place.sent(self.run.as_str(), part)?;
        let told = items.map(|items| Told::new(&items, part)).transpose();
        let folder = self.baseline.place.folder();
        Ok(told.map_err(StoreError::read(folder))?)
    }

    /// Takes the results in. Where that fails the import stands all the same: what was sent is unknown then.
    pub(super) fn settle(&self, told: Told, part: Part, job: &Job<'_>, report: &mut RunReport) {
        let in_order = job.pipeline.import.match_results == MatchResults::Order;
        let fates = told.fates(in_order);
        if let Err(error) = self.baseline.place.commit(self.run.as_str(), part, &fates) {
            report.warnings.push(format!(
                "{}; the rows that were sent count as unknown, and are sent whole the next time",
                chain(&error)
            ));
        }
    }

    /// Takes in one result.
    pub(super) fn see(&self, told: &mut Told, result: &ItemResult, job: &Job<'_>) {
        let ignore_case = job
            .pipeline
            .validate
            .key
            .as_ref()
            .is_some_and(|key| key.ignore_case);
        let whose = |key: &str| {
            person(
                self.baseline.place.key(),
                key,
                ignore_case,
                &mut String::new(),
            )
        };
        let by_key = job.pipeline.import.match_results != MatchResults::Order;
        let key = result.key.as_deref().filter(|_| by_key);
        let said = match result.ok {
            true => Said::Accepted,
            false => Said::refusal(
                result
                    .errors
                    .iter()
                    .map(|error| (&*error.code, &*error.name)),
            ),
        };
        told.see(key.map(whose), said);
    }
}

/// Tenant and data set.
pub(super) fn mark(target: &TargetMark) -> [u8; 16] {
    xxh3_128(target.identity().as_bytes()).to_le_bytes()
}

/// Whether a store was put back that was written before the last accepted run, which has sent something.
fn is_older(head: &Head, last: Option<&Last>) -> bool {
    let last = last.filter(|last| last.standing.kept == Some(Kept::Difference));
    let (Some(last), 1..) = (last, head.sent_at) else {
        return false;
    };
    let sent_at = Timestamp::from_second(head.sent_at);
    // Names of runs begin with the time, and the store was opened after that.
    sent_at.is_ok_and(|at| RunId::new(at, u16::MAX).as_str() < last.run.as_str())
}

/// Whether it is time to send everything. A nightly run that begins some minutes earlier than that of a week ago is not
/// put off by a day.
fn due(full_at: i64, now: i64, spec: &DeltaSpec) -> Option<Full> {
    if full_at == 0 {
        return Some(Full::NeverWhole);
    }
    let every = spec.full_every?;
    let seconds = every.0.as_secs() as i64;
    (now - full_at >= seconds - seconds / 24).then_some(Full::Every(every))
}

/// The property by which results name their items.
pub(super) fn result_key(pipeline: &Pipeline) -> Option<&str> {
    match (&pipeline.import.identify_by, pipeline.validate.key_column()) {
        (Some(IdentifySpec::IdKey(name)), Some(key)) if key == name => Some(key),
        (Some(IdentifySpec::AutoId(true)), key) => key,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::guard::Standing;
    use crate::settings::units::Span;

    #[test]
    fn a_store_that_was_put_back() {
        let last = |kept, run: &str| Last {
            run: run.to_owned(),
            standing: Standing {
                kept,
                ..Standing::default()
            },
            ..Last::default()
        };
        let run = "20261127T010651Z-4e96";
        let at: Timestamp = "2026-11-27T01:06:51Z".parse().unwrap();
        let older = |seconds: i64, kept, run: &str| {
            let head = Head {
                sent_at: seconds,
                ..Head::default()
            };
            is_older(&head, Some(&last(kept, run)))
        };
        let (kept, at) = (Some(Kept::Difference), at.as_second());
        assert!(older(at - 1, kept, run));
        assert!(!older(at, kept, run));
        assert!(!older(at + 60, kept, run));
        // Older versions have not written it down, and before a difference there was no store.
        assert!(!older(0, kept, run));
        assert!(!older(at - 1, None, run));
        assert!(!is_older(&Head::default(), None));
    }

    #[test]
    fn when_everything_is_due() {
        let day = 24 * 60 * 60;
        let spec = |every: Option<i64>| DeltaSpec {
            delta: "state/store".into(),
            full_every: every.map(|s| Span(Duration::from_secs(s as u64))),
        };
        assert_eq!(due(0, 10, &spec(None)), Some(Full::NeverWhole));
        assert_eq!(due(1, 1000 * day, &spec(None)), None);
        let weekly = spec(Some(7 * day));
        assert_eq!(due(day, 7 * day, &weekly), None);
        // Some minutes less than a week.
        assert!(due(day, 8 * day - 600, &weekly).is_some());
        assert!(due(day, 8 * day, &weekly).is_some());
    }
}
