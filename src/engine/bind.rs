//! Binding: what the pipeline says of the records meets the header, once and before the first of them.

use std::collections::HashSet;
use std::sync::Arc;

use super::census::Census;
use super::process::{BoundStage, Engine};
use crate::batch::kinds::Kinds;
use crate::batch::{Columns, NoColumn};
use crate::format::beginning::are_names;
use crate::format::csv::OnRagged;
use crate::format::{Header, Pools};
use crate::guard::spec::GuardSpec;
use crate::orgvue::spec::{ActionSpec, IdentifySpec, ImportSpec};
use crate::orgvue::wire::Wire;
use crate::rule::{Rules, ValidateSpec};
use crate::settings::limits::Limits;
use crate::source::spec::{Ragged, Unknown};
use crate::stage::aliases::{Aliases, AliasesSpec, NAME as ALIASES};
use crate::stage::{Resources, StageSpec};
use crate::text::dates::{Date, Today};
use crate::text::unseen::{is_control, place};
use crate::upload::spec::UploadFormat;
use crate::whole::as_of::Reader;
use crate::whole::as_of::spec::AsOfSpec;
use crate::whole::hierarchy::Tree;
use crate::whole::{self, Key};

/// What the pipeline says of the records between source and upload.
pub struct Terms<'a> {
    /// The stages, in order.
    pub stages: &'a [StageSpec],
    /// People whose id is another one now, where there is a file of them.
    pub aliases: Option<&'a AliasesSpec>,
    /// Which of several rows of a key is in force, where that is asked.
    pub as_of: Option<&'a AsOfSpec>,
    pub validate: &'a ValidateSpec,
    /// What the import is told.
    pub import: &'a ImportSpec,
    /// What guards want to know.
    pub guard: &'a GuardSpec,
    /// What to do with ragged records.
    pub ragged: Ragged,
    /// What to do with members that are no columns.
    pub unknown: Unknown,
    pub format: UploadFormat,
    /// What is too long, and too deep.
    pub limits: Limits,
    /// Tables and secrets of the stages, and the day.
    pub resources: &'a Resources,
    /// Seed of the keys' hashes.
    pub seed: u64,
}

/// A name in the pipeline file that can't be bound to the header.
#[derive(Debug)]
pub struct Unbound {
    /// Which part of the pipeline file: `stages`, `2`; `validate`, `key`.
    pub path: Vec<String>,
    /// That part in words: "stage 3 (date)".
    pub what: String,
    /// Why, and what there is instead.
    pub message: String,
}

impl Unbound {
    fn at(path: &[&str], message: String) -> Unbound {
        Unbound {
            what: path.join("."),
            path: path.iter().map(|&part| part.to_owned()).collect(),
            message,
        }
    }
}

/// The names by which a pipeline calls columns, before its stages and after them.
pub(crate) fn named<'a>(
    stages: impl IntoIterator<Item = &'a StageSpec>,
    aliases: Option<&AliasesSpec>,
    as_of: Option<&AsOfSpec>,
    validate: &ValidateSpec,
    import: &ImportSpec,
    guard: &GuardSpec,
) -> HashSet<String> {
    let resources = Resources::default();
    Columns::asked_for(|columns| {
        for stage in stages {
            // One that can't be bound without its table has named its columns by then.
            let _ = stage.bind(columns, &resources);
        }
        for name in aliases.iter().flat_map(|aliases| &aliases.columns) {
            let _ = columns.need(name);
        }
        let _ = validate.bind(columns, &Today::utc(Date::MIN));
        if let Some(key) = &validate.key {
            let _ = columns.need(&key.column);
        }
        for (_, column) in as_of.iter().flat_map(|as_of| as_of.columns()) {
            let _ = columns.need(column);
        }
        for (_, name) in validate
            .hierarchy
            .all
            .iter()
            .flat_map(|tree| tree.columns())
        {
            let _ = columns.need(name);
        }
        for name in validate.rehires.iter().flat_map(|spec| &spec.columns) {
            let _ = columns.need(name);
        }
        if let ActionSpec::Column { column } = &import.action {
            let _ = columns.need(column);
        }
        if let Some(IdentifySpec::IdKey(name) | IdentifySpec::MergeKey(name)) = &import.identify_by
        {
            let _ = columns.need(name);
        }
        let leavers = guard.leavers.iter().map(|leavers| &leavers.column);
        for name in guard.max_change.keys().chain(leavers) {
            let _ = columns.need(name);
        }
    })
}

/// The columns that a pipeline needs of its source, besides those that are `given`, and all that it names. What else
/// may be wrong with it, binding tells.
pub(crate) fn lacking(terms: &Terms<'_>, given: &[String]) -> (Vec<String>, HashSet<String>) {
    let of = |stages: &[StageSpec]| {
        let (validate, import) = (terms.validate, terms.import);
        named(
            stages,
            terms.aliases,
            terms.as_of,
            validate,
            import,
            terms.guard,
        )
    };
    let all = of(terms.stages);
    let mut columns = Columns::from_header(given);
    columns.spell_as(&all);
    let mut lacking = Vec::new();
    for spec in terms.stages {
        loop {
            let mut after = columns.clone();
            match spec.bind(&mut after, terms.resources) {
                Ok(_) => {
                    columns = after;
                    break;
                }
                Err(why) => match why.missing() {
                    Some(missing) => {
                        columns.pretend(&missing.wanted);
                        lacking.push(missing.wanted.clone());
                    }
                    None => return (lacking, all),
                },
            }
        }
    }
    let mut rest: Vec<String> = of(&[]).into_iter().collect();
    rest.retain(|name| columns.find(name).is_none());
    rest.sort_unstable();
    lacking.extend(rest);
    (lacking, all)
}

impl Engine {
    /// Binds a pipeline to a header.
    ///
    /// # Errors
    /// Every rule and setting that names a column which is not there; of the stages the first, for what
    /// comes after it can't be known.
    pub fn bind(terms: &Terms<'_>, header: &Header) -> Result<Engine, Vec<Unbound>> {
        let cells = match header {
            Header::Csv(_) => Kinds::TEXT,
            Header::Json(_) => Kinds::CELL,
        };
        let mut columns = Columns::of(header.names().iter(), cells);
        let named = named(
            terms.stages,
            terms.aliases,
            terms.as_of,
            terms.validate,
            terms.import,
            terms.guard,
        );
        columns.spell_as(&named);
        let are_names = header.is_stated() || are_names(header.names(), &named);
        if named.is_empty() || are_names {
            let mut engine = Engine::bind_to(columns, terms, header)?;
            engine.names_are_told = are_names;
            return Ok(engine);
        }
        Engine::bind_to(columns.untold(), terms, header).map_err(|mut problems| {
            problems.push(Unbound::at(&["source"], header.has_none_of_the_names()));
            problems
        })
    }

    fn bind_to(
        mut columns: Columns,
        terms: &Terms<'_>,
        header: &Header,
    ) -> Result<Engine, Vec<Unbound>> {
        let pools = Pools::default();
        let on_ragged = match terms.ragged {
            Ragged::Reject => OnRagged::Reject,
            Ragged::Pad => OnRagged::Pad,
            Ragged::Error => OnRagged::Fail,
        };
        let ignore_unknown = terms.unknown == Unknown::Ignore;
        let parser = header.parser(on_ragged, ignore_unknown, &terms.limits, &pools);
        let mut problems = Vec::new();
        let Some(mut stages) = stages(terms, &mut columns, &mut problems) else {
            return Err(problems);
        };
        let aliases = match aliases(terms, &mut columns) {
            Ok(aliases) => aliases,
            Err(why) => {
                problems.push(why);
                None
            }
        };
        stages.extend(aliases.as_ref().map(|aliases| BoundStage {
            at: terms.stages.len(),
            name: ALIASES,
            stage: aliases.stage(|_| false),
            columns: columns.clone(),
            renamed: columns.renamed(),
        }));
        let Ends {
            key,
            as_of,
            trees,
            wire,
            rules,
            census,
            sent,
        } = match ends(terms, &columns) {
            Ok(ends) if problems.is_empty() => ends,
            Ok(_) => return Err(problems),
            Err(more) => {
                problems.extend(more);
                return Err(problems);
            }
        };
        Ok(Engine {
            parser,
            stages,
            aliases,
            renamed: columns.renamed(),
            width: columns.width(),
            rules,
            encoder: wire.encoder().with_pool(&pools.bodies),
            wire,
            facts: whole::Rules::new(key.as_ref(), as_of.as_ref(), &trees)
                .facts()
                .to_vec(),
            key,
            shard: None,
            census,
            diff: None,
            lookout: None,
            as_of,
            trees,
            seed: terms.seed,
            columns: sent,
            names_are_told: false,
            longest_cell: terms.limits.cell.bytes(),
            pools,
        })
    }
}

/// Binds the stages one by one, each to the columns that those before it leave. A column that is not there is a problem,
/// and taken to be there for what comes after it, so that all of them are found at once. Nothing where something else
/// is wrong with a stage: what comes after it can't be known.
fn stages(
    terms: &Terms<'_>,
    columns: &mut Columns,
    problems: &mut Vec<Unbound>,
) -> Option<Vec<BoundStage>> {
    let mut stages = Vec::new();
    for (at, spec) in terms.stages.iter().enumerate() {
        let (before, renamed) = (columns.clone(), columns.renamed());
        let bound = loop {
            let mut after = columns.clone();
            let why = match spec.bind(&mut after, terms.resources) {
                Ok(bound) => {
                    *columns = after;
                    break bound;
                }
                Err(why) => why,
            };
            problems.push(Unbound {
                what: BoundStage::in_words(at, spec.name()),
                path: vec!["stages".into(), at.to_string(), spec.name().into()],
                message: why.to_string(),
            });
            columns.pretend(&why.missing()?.wanted);
        };
        stages.extend(bound.map(|stage| BoundStage {
            at,
            name: spec.name(),
            stage,
            columns: before,
            renamed,
        }));
    }
    Some(stages)
}

/// Binds the ids of people who have several to the columns that hold ids, after the stages: that of the key, of parents
/// that are named by it, and those that are named.
fn aliases(terms: &Terms<'_>, columns: &mut Columns) -> Result<Option<Aliases>, Unbound> {
    let (Some(spec), Some(table)) = (terms.aliases, &terms.resources.aliases) else {
        return Ok(None);
    };
    let key = terms.validate.key.as_ref();
    let name = key.map(|key| &*key.column);
    let slot = |name: &str| columns.need(name).map(|(_, slot)| slot);
    // The key and the parents are missed by their own rules.
    let key_slot = name.and_then(|name| slot(name).ok());
    let trees = terms.validate.hierarchy.all.iter();
    let by_key = trees.filter(|tree| tree.by().is_none() || tree.by() == name);
    let mut references: Vec<usize> = by_key.filter_map(|tree| slot(&tree.parent).ok()).collect();
    for (at, name) in spec.columns.iter().enumerate() {
        let at = at.to_string();
        let missing = |why: NoColumn| Unbound::at(&["aliases", "columns", &at], why.to_string());
        references.push(slot(name).map_err(missing)?);
    }
    for &slot in key_slot.iter().chain(&references) {
        columns.hold(slot, columns.kinds(slot) | Kinds::TEXT);
    }
    let ignore_case = key.is_some_and(|key| key.ignore_case);
    let aliases = Aliases::new(spec, table, ignore_case);
    let aliases = aliases.map_err(|why| Unbound::at(&["aliases", "path"], why))?;
    Ok(Some(aliases.of(key_slot, references)))
}

/// What comes after the last stage.
struct Ends {
    key: Option<Key>,
    as_of: Option<Arc<Reader>>,
    trees: Vec<Tree>,
    wire: Wire,
    rules: Rules,
    census: Census,
    /// The columns that are sent.
    sent: Columns,
}

/// Binds what comes after the last stage: the key, the choice among its rows, the hierarchies, the target's wishes, the
/// rules, what guards count.
fn ends(terms: &Terms<'_>, columns: &Columns) -> Result<Ends, Vec<Unbound>> {
    let mut problems = Vec::new();
    let key = terms
        .validate
        .key
        .as_ref()
        .and_then(|spec| match columns.need(&spec.column) {
            Ok((column, slot)) => Some(Key {
                column,
                slot,
                keep: spec.keep,
                ignore_case: spec.ignore_case,
            }),
            Err(why) => {
                problems.push(Unbound::at(&["validate", "key"], why.to_string()));
                None
            }
        });
    let trees = trees(terms.validate, columns, &mut problems);
    let as_of = as_of(terms, columns).map_err(|more| problems.extend(more));
    let mut sent = columns.clone();
    for column in terms.as_of.iter().flat_map(|as_of| &as_of.drop) {
        // One that is not there is among the problems.
        let _ = sent.remove(column);
    }
    let wire = Wire::bind(terms.import, terms.format, &sent)
        .map_err(|(setting, why)| problems.push(Unbound::at(&["target", setting], why)));
    let today = &terms.resources.today;
    let rules = terms.validate.bind(columns, today).map_err(|more| {
        let more = more.into_iter().filter(|p| p.path != ["validate", "key"]);
        problems.extend(more.map(|p| Unbound {
            what: in_words(&p.path),
            path: p.path,
            message: p.message,
        }));
    });
    problems.extend(unfit_names(&sent));
    problems.extend(rehires(terms, columns, wire.as_ref().ok()));
    let census = wire.and_then(|wire| {
        let census = Census::bind(terms.guard, terms.import, &wire, columns);
        let census = census.map_err(|more| {
            problems.extend(more.into_iter().map(|(path, message)| Unbound {
                what: path.join("."),
                path,
                message,
            }));
        });
        Ok((wire, census?))
    });
    match (as_of, census, rules) {
        (Ok(as_of), Ok((wire, census)), Ok(rules)) if problems.is_empty() => Ok(Ends {
            key,
            as_of,
            trees,
            wire,
            rules,
            census,
            sent,
        }),
        _ => Err(problems),
    }
}

/// What of the columns of `rehires` is not there, or not kept of those who are gone.
fn rehires(terms: &Terms<'_>, columns: &Columns, wire: Option<&Wire>) -> Vec<Unbound> {
    let names = terms.validate.rehires.iter().flat_map(|spec| &spec.columns);
    let wrong = names.enumerate().filter_map(|(at, name)| {
        let why = match (columns.need(name), wire) {
            (Err(why), _) => why.to_string(),
            (Ok(_), Some(wire)) if !wire.sent().any(|sent| **sent == **name) => {
                format!("`{name}` is not sent, so that it is not known of those who leave")
            }
            (Ok(_), _) => return None,
        };
        let path = ["validate", "rehires", "columns", &at.to_string()];
        Some(Unbound::at(&path, why))
    });
    wrong.collect()
}

/// Binds the choice among the rows of a key.
fn as_of(terms: &Terms<'_>, columns: &Columns) -> Result<Option<Arc<Reader>>, Vec<Unbound>> {
    let Some(spec) = terms.as_of else {
        return Ok(None);
    };
    let ruled = terms.validate.key.as_ref();
    let ruled = ruled.map(|key| (&*key.column, key.ignore_case));
    let reader = Reader::bind(spec, columns, ruled, terms.resources.today.day);
    let unbound = |(setting, why): (String, String)| {
        let path: Vec<&str> = ["as_of"].into_iter().chain(setting.split('.')).collect();
        Unbound::at(&path, why)
    };
    reader
        .map(|reader| Some(Arc::new(reader)))
        .map_err(|problems| problems.into_iter().map(unbound).collect())
}

/// Binds the hierarchies.
fn trees(validate: &ValidateSpec, columns: &Columns, problems: &mut Vec<Unbound>) -> Vec<Tree> {
    let key = validate.key.as_ref();
    let key = key.map(|key| (&*key.column, key.ignore_case));
    let mut trees = Vec::new();
    for (at, spec) in validate.hierarchy.all.iter().enumerate() {
        match Tree::bind(spec, key, columns) {
            Ok(tree) => trees.push(tree),
            Err(missing) => problems.extend(missing.into_iter().map(|(setting, why)| {
                let path = validate.hierarchy.path(at, setting);
                let path = ["validate"]
                    .into_iter()
                    .chain(path.iter().map(|part| &**part));
                Unbound::at(&path.collect::<Vec<_>>(), why)
            })),
        }
    }
    trees
}

/// Columns whose names can't be sent.
fn unfit_names(columns: &Columns) -> impl Iterator<Item = Unbound> {
    columns.iter().zip(1..).filter_map(|((name, _), number)| {
        let (_, place) = place(name, is_control)?;
        let message = format!(
            "the name of column {number}, as it would be sent, has the control character {place}: rename the column, or \
             drop it"
        );
        Some(Unbound::at(&["source"], message))
    })
}

/// The path of a rule in words: rules of rows have no name, and people count from 1.
fn in_words(path: &[String]) -> String {
    match path {
        [_, rows, at, ..] if rows == "rows" => match at.parse::<usize>() {
            Ok(at) => format!("row rule {}", at + 1),
            Err(_) => path.join("."),
        },
        _ => path.join("."),
    }
}
