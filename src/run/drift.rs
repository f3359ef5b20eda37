//! Drift in a run: its source held against that of the last accepted run, and kept for the runs that come after it.
//!
//! A run writes down what its source is like before anything of it is imported. Which run was accepted last the ledger
//! tells, and with that which of these files counts; nothing has to be done when a run is accepted.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use super::preflight::Preflight;
use super::prepare::Prepared;
use super::survey::Survey;
use super::{Job, RunError};
use crate::config::Pipeline;
use crate::drift::columns::Now;
use crate::drift::key::Key;
use crate::drift::memory::Memory;
use crate::drift::sample::{Lookout, Sample};
use crate::drift::spec::{DriftSpec, Kind, OnDrift};
use crate::drift::{Finding, rows};
use crate::engine::process::Engine;
use crate::format::{Header, Reading};
use crate::guard::Last;
use crate::report::run::{DriftFinding, DriftReport, RunReport};
use crate::source::spec::SourceFormat;
use crate::stage::StageSpec;
use crate::state::{Folder, LedgerError};
use crate::text::shown::shown;

/// What is said of a new column that no setting names, where nobody knows what the target makes of it.
const UNASKED: &str = ", and would be sent without a word of it in the pipeline file; whether the data set has a property \
                       for it is not known: `drop` leaves it out, and `source.drift.new: warn` sends such columns";

/// The most changes of a kind that are told one by one.
const TOLD: usize = 10;

/// What a run's source is held against.
pub(crate) struct Drift {
    /// What is known of the last accepted run, and its name.
    last: Option<(String, Memory)>,
    key: Key,
}

/// What was found, with what follows of it.
#[derive(Default)]
pub(super) struct Found(Vec<(Finding, OnDrift)>);

impl Drift {
    /// For a run of a whole source; `last` is the last accepted one. Whoever does not `write` has nothing to do where
    /// there is none.
    ///
    /// # Errors
    /// What is kept can't be read.
    pub(crate) fn open(
        pipeline: &Pipeline,
        secret: Option<&SecretString>,
        last: Option<&Last>,
        writes: bool,
    ) -> Result<Option<Drift>, RunError> {
        if pipeline.source.drift.is_off() || pipeline.mend.is_some() {
            return Ok(None);
        }
        let folder = Folder::new(&pipeline.state_dir);
        let last = match last {
            Some(last) => folder
                .memory(&last.run)?
                .map(|memory| (last.run.clone(), memory)),
            None => None,
        };
        if last.is_none() && !writes {
            return Ok(None);
        }
        let secret = secret.map(|secret| secret.expose_secret().as_bytes());
        let key = Key::new(secret, last.as_ref().map(|(_, memory)| &memory.key));
        let key = key.map_err(|why| LedgerError::Key {
            path: match &last {
                Some((run, _)) => folder.memory_path(run),
                None => folder.path().to_owned(),
            },
            why,
        })?;
        Ok(Some(Drift { last, key }))
    }

    /// What is to be looked at: columns that the pipeline names or sends. Of a header that may hold data nothing is.
    pub(super) fn lookout(
        &self,
        pipeline: &Pipeline,
        reading: &Reading,
        header: &Header,
        engine: &Engine,
    ) -> Option<Lookout> {
        let used = |(slot, name): &(usize, &Arc<str>)| {
            reading.named.contains(&***name) || engine.sends(*slot)
        };
        // Of members of objects, it tells which are rare.
        let asked = pipeline.source.drift.asks_for_rows() || matches!(header, Header::Json(_));
        let columns = header.names().iter().enumerate().filter(used);
        let columns = columns
            .filter(|_| asked)
            .map(|(slot, name)| (name.clone(), slot));
        engine
            .tells_names()
            .then(|| Lookout::new(columns, self.key.clone()))
    }
}

/// Holds the columns of the source against those of the last accepted run, before the long work.
///
/// # Errors
/// They have changed in a way that the pipeline does not allow.
pub(super) fn columns(
    job: &Job<'_>,
    prepared: &Prepared,
    report: &mut RunReport,
) -> Result<(), RunError> {
    let (Some(drift), Some(_)) = (job.drift.as_deref(), prepared.engine.lookout()) else {
        return Ok(());
    };
    report.drift = Some(DriftReport {
        compared_with: drift.last.as_ref().map(|(run, _)| run.clone()),
        ..DriftReport::default()
    });
    let Some((_, last)) = &drift.last else {
        return Ok(());
    };
    let (pipeline, header) = (job.pipeline, &prepared.header);
    let source = &pipeline.source;
    // Names that the pipeline states change with it.
    if header.is_stated() || source.json.columns.is_some() || source.format == SourceFormat::Fixed {
        return Ok(());
    }
    let selects = |stage: &StageSpec| matches!(stage, StageSpec::Select(_));
    let others_are_sent = !pipeline.stages.iter().any(|stage| selects(&stage.value));
    let now = Now {
        names: header.names(),
        uses: &|name| others_are_sent || prepared.reading.named.contains(name),
        are_found: matches!(header, Header::Json(_)),
        guesses: pipeline.source.drift.on(Kind::Renamed) != OnDrift::Ignore,
    };
    let found = now.compare(last).into_iter().map(|mut finding| {
        let follows = pipeline.source.drift.on(finding.kind);
        if finding.kind == Kind::New && is_unasked(job, prepared, &finding.column) {
            finding.message.push_str(UNASKED);
        }
        (finding, follows)
    });
    let found = Found(
        found
            .filter(|(_, follows)| *follows != OnDrift::Ignore)
            .collect(),
    );
    found.tell(report);
    found.verdict(pipeline, false)
}

/// Whether a new column goes out that nobody has asked for, and nobody knows what the target makes of it.
fn is_unasked(job: &Job<'_>, prepared: &Prepared, column: &str) -> bool {
    let names = prepared.header.names();
    let slot = names.iter().position(|name| **name == *column);
    job.pipeline.source.drift.stated(Kind::New).is_none()
        && !prepared.reading.named.contains(column)
        && !job.preflight.is_some_and(Preflight::knows_properties)
        && slot.is_some_and(|slot| prepared.engine.sends(slot))
}

impl Drift {
    /// Holds what the rows look like against the last accepted run.
    pub(super) fn rows(&self, pipeline: &Pipeline, survey: &Survey) -> Found {
        let (Some((_, last)), Some(lookout)) = (&self.last, survey.engine.lookout()) else {
            return Found::default();
        };
        let spec = &pipeline.source.drift;
        let found = rows::compare(last, lookout, &survey.sample);
        let found = found.into_iter().map(|finding| {
            let follows = spec.on(finding.kind);
            (finding, follows)
        });
        Found(
            found
                .filter(|(_, follows)| *follows != OnDrift::Ignore)
                .collect(),
        )
    }
}

/// Holds what the rows look like against the last accepted run.
///
/// # Errors
/// They have changed in a way that the pipeline does not allow.
pub(super) fn looked(
    job: &Job<'_>,
    survey: &Survey,
    report: &mut RunReport,
) -> Result<(), RunError> {
    let Some(drift) = &job.drift else {
        return Ok(());
    };
    let found = drift.rows(job.pipeline, survey);
    rows_told(report, &found, &survey.sample);
    found.verdict(job.pipeline, false)
}

/// Writes into the report what the rows told.
pub(super) fn rows_told(report: &mut RunReport, found: &Found, sample: &Sample) {
    if let Some(drift) = &mut report.drift {
        drift.rows = sample.rows;
        found.tell(report);
    }
}

/// Keeps what the source of a run is like that goes on, in case it is accepted.
///
/// # Errors
/// It can't be written.
pub(super) fn remember(
    job: &Job<'_>,
    prepared: &Prepared,
    sample: &Sample,
) -> Result<(), RunError> {
    if job.pipeline.shard.is_some() {
        // No run is ever held against a shard.
        return Ok(());
    }
    let (Some(ledger), Some(drift), Some(lookout)) =
        (job.ledger, &job.drift, prepared.engine.lookout())
    else {
        return Ok(());
    };
    let mut memory = Memory::new(prepared.header.names(), lookout, sample);
    if let (Header::Json(_), Some((_, last))) = (&prepared.header, &drift.last) {
        memory.keep_rare(last);
    }
    Ok(ledger.remember(&memory)?)
}

impl Found {
    /// Writes it into the report, and what does not end the run among the warnings.
    pub(super) fn tell(&self, report: &mut RunReport) {
        for kind in Kind::ALL {
            let warned = self.of(kind, OnDrift::Warn);
            report
                .warnings
                .extend(few(&warned).map(|text| format!("drift: {text}")));
        }
        let drift = report.drift.get_or_insert_default();
        drift
            .found
            .extend(self.0.iter().map(|(finding, follows)| DriftFinding {
                kind: finding.kind,
                column: finding.column.clone(),
                follows: *follows,
                message: finding.message.clone(),
            }));
    }

    /// What ends the run, where the upload has `begun` or not.
    ///
    /// # Errors
    /// Something was found that the pipeline does not allow.
    pub(super) fn verdict(&self, pipeline: &Pipeline, begun: bool) -> Result<(), RunError> {
        let (mut told, mut kinds) = (Vec::new(), Vec::new());
        for kind in Kind::ALL {
            let found = self.of(kind, OnDrift::Error);
            if !found.is_empty() {
                told.extend(few(&found));
                kinds.push(kind);
            }
        }
        if kinds.is_empty() {
            return Ok(());
        }
        let accept = match pipeline.source.drift {
            DriftSpec::All(_) => " --set source.drift=warn".to_owned(),
            DriftSpec::Kinds(_) => kinds
                .iter()
                .map(|kind| format!(" --set source.drift.{}=warn", kind.word()))
                .collect(),
        };
        Err(RunError::Drifted {
            found: told.join("; "),
            begun,
            accept: format!("rostream run {}{accept}", pipeline.file),
        })
    }

    fn of(&self, kind: Kind, follows: OnDrift) -> Vec<&Finding> {
        let found = self
            .0
            .iter()
            .filter(|found| (found.0.kind, found.1) == (kind, follows));
        found.map(|(finding, _)| finding).collect()
    }
}

/// The words for changes of one kind, the first of them one by one.
fn few(found: &[&Finding]) -> impl Iterator<Item = String> {
    let kind = found.first().map(|finding| finding.kind);
    let more = found.len().saturating_sub(TOLD);
    let first = found
        .iter()
        .take(TOLD)
        .map(|finding| shown(&finding.message).into_owned());
    let rest = kind.filter(|_| more > 0);
    let rest =
        rest.map(|kind| format!("{more} more of the kind `{}`, see the report", kind.word()));
    first.chain(rest).collect::<Vec<_>>().into_iter()
}
