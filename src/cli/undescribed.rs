//! A file that nobody described: what is found in it, and what `--set` states of it beforehand.

use super::pipeline::say_problems;
use super::work::cores;
use super::{Exit, Failure, Globals};
use crate::config::{self, Override, Pipeline};
use crate::engine::EngineError;
use crate::format::csv::spec::DuplicatesSpec;
use crate::infer::{Chosen, Found, infer};
use crate::settings::limits::Limits;
use crate::source::spec::{Encoding, SheetSpec};
use crate::source::table::spec::{Layout, Tables};
use crate::source::{Input, Source};

/// What can be stated of such a file; all else is found.
const SETTINGS: [&str; 10] = [
    "compression",
    "entry",
    "record",
    "xml.names_by",
    "hdl.component",
    "sheet",
    "xlsx.header_row",
    FOOTER,
    "xlsx.errors",
    "xlsx.duplicate_names",
];

const FOOTER: &str = "xlsx.footer";

/// A pipeline in which nothing is stated but that there is a file.
const BARE: &str = "version: 1\nsource: { path: file }\ntarget: { sandbox: }\n";

/// What is stated of a file.
pub(super) struct Stated {
    pipeline: Pipeline,
    settings: Vec<Chosen>,
}

impl Stated {
    /// Parts what is stated of the file from what is stated of a pipeline.
    pub(super) fn part(sets: Vec<Override>) -> (Vec<Override>, Vec<Override>) {
        sets.into_iter()
            .partition(|set| set.key.starts_with("source."))
    }

    /// What these settings state.
    ///
    /// # Errors
    /// [`Exit::Usage`] where one of them is found out and never stated, or is wrong.
    pub(super) fn of(sets: &[Override], globals: &Globals) -> Result<Stated, Failure> {
        let mut settings: Vec<Chosen> = Vec::new();
        for Override { key, value } in sets {
            let own = key.strip_prefix("source.").unwrap_or_default();
            let Some(setting) = SETTINGS.iter().find(|setting| **setting == own) else {
                return Err(Failure::new(Exit::Usage, not_stated(key)));
            };
            settings.retain(|known| known.setting != *setting);
            settings.push(Chosen::stated(setting, value));
        }
        let folder = std::env::temp_dir();
        let loaded = config::parse(BARE, "--set", folder, sets, &config::process_env);
        match loaded {
            Ok(loaded) => Ok(Stated {
                pipeline: loaded.pipeline,
                settings,
            }),
            Err(problems) => {
                say_problems(&problems, globals);
                Err(Failure::said(Exit::Usage))
            }
        }
    }

    /// Whether this setting is stated.
    fn has(&self, setting: &str) -> bool {
        self.settings.iter().any(|known| known.setting == setting)
    }

    /// Sees whether all that is stated has an effect on what the file turned out to be.
    ///
    /// # Errors
    /// [`Exit::Usage`] where something has none.
    pub(super) fn had_effect(&self, found: &Found) -> Result<(), Failure> {
        let awaiting = &self.pipeline.source.awaiting;
        let remarks = awaiting.remarks(&found.source, found.written.format());
        match remarks.into_iter().next() {
            Some(remark) => Err(Failure::new(Exit::Usage, remark)),
            None => Ok(()),
        }
    }
}

fn not_stated(key: &str) -> String {
    let all: Vec<String> = SETTINGS
        .iter()
        .map(|setting| format!("source.{setting}"))
        .collect();
    format!(
        "--set {key}: this can't be stated of a file that nobody described: it is found, or is not of the source. What can is {}. \
         Write all else into the pipeline that `rostream infer` drafts",
        all.join(", ")
    )
}

/// What is found out in a file.
///
/// # Errors
/// It can't be read, or not as records.
pub(super) async fn find(file: &str, stated: &Stated) -> Result<Found, EngineError> {
    let input = match file {
        "-" => Input::Stdin,
        file => Input::File(std::path::absolute(file).unwrap_or_else(|_| file.into())),
    };
    let mut chosen: Vec<Chosen> = Vec::new();
    let is_new = |by: &Chosen, chosen: &[Chosen]| {
        !stated.has(by.setting) && chosen.iter().all(|known| known.setting != by.setting)
    };
    loop {
        let mut wrapping = stated.pipeline.source.wrapping.clone();
        // XML and the like are known by their first bytes.
        let mut tables = match &stated.pipeline.source.layout {
            Layout::Auto(tables) => (**tables).clone(),
            Layout::Text | Layout::TextOrBook(_) | Layout::Table(_) => Tables::default(),
        };
        for Chosen { setting, name, .. } in &chosen {
            match *setting {
                "xml.names_by" => tables.xml.spec.names_by = Some(name.clone()),
                "entry" => wrapping.entry = name.parse().ok(),
                FOOTER => tables.book.xlsx.footer = name.parse().ok(),
                "sheet" => tables.book.sheet = Some(SheetSpec::Name(name.clone())),
                "xlsx.duplicate_names" => {
                    tables.book.xlsx.duplicate_names = DuplicatesSpec::Number;
                }
                _ => tables.hdl.spec.component = Some(name.clone()),
            }
        }
        let inputs = std::slice::from_ref(&input);
        let source = Source::find(inputs, wrapping, Encoding::Auto, Limits::default()).await?;
        let source = source.laid_out(Layout::Auto(Box::new(tables)));
        let found = infer(source, cores()).await;
        let is_empty = match &found {
            Ok(found) => found.facts.records == 0,
            Err(error) => matches!(error, EngineError::Empty { .. }),
        };
        // What is meant has records. What was stated of that which is passed over is not so of the next.
        if is_empty {
            chosen.retain(|chosen| !chosen.others.is_empty());
            if chosen.last_mut().is_some_and(Chosen::pass) {
                continue;
            }
        }
        let error = match found {
            Ok(found) => {
                let mut better = [found.told_apart_by(), found.closes_with()]
                    .into_iter()
                    .flatten();
                // What was read from a stream is gone.
                match better.find(|by| input != Input::Stdin && is_new(by, &chosen)) {
                    Some(by) => chosen.push(by),
                    None => {
                        chosen.splice(..0, stated.settings.iter().cloned());
                        return Ok(Found { chosen, ..found });
                    }
                }
                continue;
            }
            Err(error) => error,
        };
        let choice = match &error {
            // What was read from a stream is gone.
            EngineError::Source(source) if input != Input::Stdin => source.choice(),
            _ => None,
        };
        match choice.and_then(Chosen::first) {
            Some(first) if is_new(&first, &chosen) => chosen.push(first),
            _ => return Err(error),
        }
    }
}
