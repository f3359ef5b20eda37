//! The plan: parser, stages, rules and encoder, bound once against the header. Then a plain function,
//! a block in and bytes out, that any worker calls.

use std::collections::HashSet;
use std::sync::Arc;

use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128};

use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Cell, Columns, Kind, MAX_CELL, Renamed, RowState};
use crate::format::beginning::are_names;
use crate::format::block::Block;
use crate::format::csv::OnRagged;
use crate::format::encode::{Encoded, Encoder};
use crate::format::{Header, PARSE, Parser, Pools, reject_long_cells};
use crate::orgvue::spec::{ActionSpec, ImportSpec};
use crate::orgvue::wire::Wire;
use crate::rule::{KeySpec, Rules, ValidateSpec};
use crate::settings::limits::Limits;
use crate::settings::units::Size;
use crate::source::spec::{Ragged, Unknown};
use crate::stage::{Resources, Stage, StageSpec};
use crate::text::dates::Date;
use crate::upload::spec::UploadFormat;
use crate::whole::{self, Fact, Key};

/// Everything that is done to a block, bound to the header's columns.
pub struct Plan {
    parser: Parser,
    stages: Vec<BoundStage>,
    /// The columns that are renamed after all of them.
    renamed: Vec<Renamed>,
    /// Physical columns after the last stage.
    width: usize,
    rules: Rules,
    wire: Wire,
    key: Option<Key>,
    /// What the rules of the whole file want to know.
    facts: Vec<Fact>,
    seed: u64,
    encoder: Encoder,
    columns: Columns,
    longest_cell: usize,
    pools: Pools,
}

/// A stage that runs, and which of the pipeline's it is.
struct BoundStage {
    at: usize,
    name: &'static str,
    stage: Box<dyn Stage>,
    /// The columns that had been renamed before it.
    renamed: Vec<Renamed>,
}

impl BoundStage {
    /// In words: "stage 3 (date)".
    fn in_words(at: usize, name: &str) -> String {
        format!("stage {} ({name})", at + 1)
    }
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

/// Text that ends the run within a block, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockError {
    /// File of the source, from 0.
    pub file: u32,
    /// Physical line, from 1.
    pub line: u64,
    /// Column in bytes, from 1, where it is known.
    pub column: Option<u64>,
    /// What is wrong.
    pub message: String,
}

/// A block after everything that one block can tell.
pub struct Processed {
    /// File of the source, from 0.
    pub file: u32,
    /// Physical line on which the block begins, from 1.
    pub line: u64,
    /// The rows, with their states and faults.
    pub batch: Batch,
    /// The rows still in, as they are to be sent.
    pub encoded: Encoded,
    /// What the rules of the whole file asked for, of every row.
    pub facts: Vec<Vec<u64>>,
    /// Hash of the encoded bytes.
    pub hash: u128,
    /// Rows that a filter left out.
    pub filtered: u64,
}

/// What the pipeline says of the records between source and upload.
pub struct Meaning<'a> {
    /// The stages, in order.
    pub stages: &'a [StageSpec],
    /// The rules.
    pub validate: &'a ValidateSpec,
    /// What the import is told.
    pub import: &'a ImportSpec,
    /// What to do with ragged records.
    pub ragged: Ragged,
    /// What to do with members that are no columns.
    pub unknown: Unknown,
    /// The upload's format.
    pub format: UploadFormat,
    /// What is too long, and too deep.
    pub limits: Limits,
    /// Tables and secrets of the stages.
    pub resources: &'a Resources,
    /// Today, for rules that compare with it.
    pub today: Date,
    /// Seed of the keys' hashes.
    pub seed: u64,
}

/// The names by which a pipeline calls columns, before its stages and after them.
pub(crate) fn named<'a>(
    stages: impl IntoIterator<Item = &'a StageSpec>,
    validate: &ValidateSpec,
    import: &ImportSpec,
) -> HashSet<String> {
    let resources = Resources::default();
    Columns::asked_for(|columns| {
        for stage in stages {
            // One that can't be bound without its table has named its columns by then.
            let _ = stage.bind(columns, &resources);
        }
        let _ = validate.bind(columns, Date::MIN);
        if let Some(key) = &validate.key {
            let _ = columns.need(&key.column);
        }
        if let ActionSpec::Column { column } = &import.action {
            let _ = columns.need(column);
        }
    })
}

impl Plan {
    /// Binds a pipeline to a header.
    ///
    /// # Errors
    /// Every rule and setting that names a column which is not there; of the stages the first, for what
    /// comes after it can't be known.
    pub fn bind(meaning: &Meaning<'_>, header: &Header) -> Result<Plan, Vec<Unbound>> {
        let cells = match header {
            Header::Csv(_) => Kinds::TEXT,
            Header::Json(_) => Kinds::CELL,
        };
        let columns = Columns::of(header.names().iter(), cells);
        let named = named(meaning.stages, meaning.validate, meaning.import);
        if named.is_empty() || are_names(header.names(), &named) {
            return Plan::bind_to(columns, meaning, header);
        }
        Plan::bind_to(columns.untold(), meaning, header).map_err(|mut problems| {
            problems.push(Unbound {
                path: vec!["source".into()],
                what: "source".into(),
                message: header.has_none_of_the_names(),
            });
            problems
        })
    }

    fn bind_to(
        mut columns: Columns,
        meaning: &Meaning<'_>,
        header: &Header,
    ) -> Result<Plan, Vec<Unbound>> {
        let pools = Pools::default();
        let on_ragged = match meaning.ragged {
            Ragged::Reject => OnRagged::Reject,
            Ragged::Pad => OnRagged::Pad,
            Ragged::Error => OnRagged::Fail,
        };
        let ignore_unknown = meaning.unknown == Unknown::Ignore;
        let parser = header.parser(on_ragged, ignore_unknown, &meaning.limits, &pools);
        let mut stages = Vec::new();
        for (at, spec) in meaning.stages.iter().enumerate() {
            let before = columns.renamed();
            let bound = spec.bind(&mut columns, meaning.resources).map_err(|why| {
                let what = BoundStage::in_words(at, spec.name());
                vec![Unbound {
                    path: vec!["stages".into(), at.to_string(), spec.name().into()],
                    what,
                    message: why.to_string(),
                }]
            })?;
            stages.extend(bound.map(|stage| BoundStage {
                at,
                name: spec.name(),
                stage,
                renamed: before,
            }));
        }
        let mut problems: Vec<Unbound> = Vec::new();
        let mut unbound = |path: &[&str], message: String| {
            let path: Vec<String> = path.iter().map(|&p| p.to_owned()).collect();
            problems.push(Unbound {
                what: path.join("."),
                path,
                message,
            });
        };
        let key = match &meaning.validate.key {
            Some(KeySpec { column, keep }) => columns
                .need(column)
                .map_err(|e| unbound(&["validate", "key"], e.to_string()))
                .ok()
                .map(|(column, slot)| Key {
                    column,
                    slot,
                    keep: *keep,
                }),
            None => None,
        };
        let wire = Wire::bind(meaning.import, meaning.format, &columns)
            .map_err(|message| unbound(&["target", "action"], message))
            .ok();
        let rules = match meaning.validate.bind(&columns, meaning.today) {
            Ok(rules) => rules,
            Err(more) => {
                problems.extend(
                    more.into_iter()
                        .filter(|p| p.path != ["validate", "key"])
                        .map(|p| Unbound {
                            what: in_words(&p.path),
                            path: p.path,
                            message: p.message,
                        }),
                );
                return Err(problems);
            }
        };
        let Some(wire) = wire.filter(|_| problems.is_empty()) else {
            return Err(problems);
        };
        let encoder = wire.encoder().with_pool(&pools.bodies);
        Ok(Plan {
            parser,
            stages,
            renamed: columns.renamed(),
            width: columns.width(),
            rules,
            wire,
            facts: whole::Rules::new(key.as_ref()).facts(),
            key,
            seed: meaning.seed,
            encoder,
            columns,
            longest_cell: meaning.limits.cell.bytes(),
            pools,
        })
    }

    /// The columns after the last stage.
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The buffers that blocks, batches and bodies take turns in.
    pub fn pools(&self) -> &Pools {
        &self.pools
    }

    /// What writes the rows.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// The key's column, where there is a key rule.
    pub fn key(&self) -> Option<&Arc<str>> {
        self.key.as_ref().map(|key| &key.column)
    }

    /// The rules that only the whole file can decide, which have seen nothing yet.
    pub(crate) fn whole_file_rules(&self) -> whole::Rules {
        whole::Rules::new(self.key.as_ref())
    }

    /// The hash by which a key is known.
    pub fn key_hash(&self, key: &str) -> u64 {
        xxh3_64_with_seed(key.as_bytes(), self.seed)
    }

    /// Parses a block and does nothing more.
    ///
    /// # Errors
    /// Text that ends the run.
    pub fn parse(&self, block: Block) -> Result<Batch, BlockError> {
        let Block {
            file, line, bytes, ..
        } = block;
        let mut batch = self.parser.parse(bytes).map_err(|e| BlockError {
            file,
            line: line + u64::from(e.line),
            column: e.column.map(u64::from),
            message: e.message,
        })?;
        reject_long_cells(&mut batch, self.longest_cell, self.parser.names());
        Ok(batch)
    }

    /// The stages, in order, with their names: for looking at what each one does.
    pub fn stages(&self) -> impl Iterator<Item = (&'static str, &dyn Stage)> {
        self.stages.iter().map(|s| (s.name, &*s.stage))
    }

    /// What may not have been meant by a stage or rule, as far as the blocks so far tell.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let stages = self.stages.iter().flat_map(|bound| {
            let what = BoundStage::in_words(bound.at, bound.name);
            let remarks = bound.stage.remarks().into_iter();
            remarks.map(move |remark| format!("{what}: {remark}"))
        });
        let rules = self.rules.remarks().into_iter();
        let rules = rules.map(|(at, remark)| format!("row rule {}: {remark}", at + 1));
        stages.chain(rules).collect()
    }

    /// Gives a parsed batch the columns that stages add.
    pub fn widen(&self, batch: &mut Batch) {
        batch.widen(self.width);
    }

    /// Stages and rules over a parsed batch.
    pub fn transform(&self, batch: &mut Batch) {
        self.widen(batch);
        let mut named = batch.faults().len();
        for bound in &self.stages {
            bound.stage.apply(batch);
            named = batch.name_sources(named, &bound.renamed);
        }
        self.check(batch);
        self.name_sources(batch, named);
    }

    /// Tells the faults from the `from`th on, which were found after the last stage, what the source calls their
    /// columns.
    pub fn name_sources(&self, batch: &mut Batch, from: usize) {
        batch.name_sources(from, &self.renamed);
    }

    /// The rules, and what the target asks of every row.
    pub fn check(&self, batch: &mut Batch) {
        self.rules.apply(batch);
        self.wire.check(batch);
    }

    /// What the rules of the whole file asked for, of every row; 0 where a row has none.
    pub fn facts(&self, batch: &Batch, encoded: &Encoded) -> Vec<Vec<u64>> {
        let fact = |fact: &Fact| match *fact {
            Fact::Hash(slot) => self.hashes(batch, slot),
            Fact::Sent => {
                let mut hashes = vec![0; batch.len()];
                let mut start = 0;
                for (&row, &end) in encoded.rows.iter().zip(&encoded.ends) {
                    let bytes = &encoded.bytes[start..end as usize];
                    hashes[row as usize] = xxh3_64_with_seed(bytes, self.seed).max(1);
                    start = end as usize;
                }
                hashes
            }
        };
        self.facts.iter().map(fact).collect()
    }

    /// Hashes of a column's text. A row that a filter left out has none, nor has a cell at fault, nor a record whose
    /// cells could not be told apart: what stands in its cells may be another column's.
    fn hashes(&self, batch: &Batch, slot: usize) -> Vec<u64> {
        let cells = batch.column(slot).iter().enumerate();
        let hash = |(row, cell): (usize, &Cell)| match batch.state(row) {
            RowState::Filtered => 0,
            _ if cell.is_empty() || cell.kind() == Kind::Faulty => 0,
            _ => self.key_hash(batch.text(*cell)).max(1),
        };
        let mut hashes: Vec<u64> = cells.map(hash).collect();
        for fault in batch.faults() {
            if fault.stage == PARSE && fault.column.is_empty() {
                hashes[fault.row as usize] = 0;
            }
        }
        hashes
    }

    /// A block in, bytes out: what a worker does.
    ///
    /// # Errors
    /// Text that ends the run.
    pub fn process(&self, block: Block) -> Result<Processed, BlockError> {
        let (file, line) = (block.file, block.line);
        let mut batch = self.parse(block)?;
        self.transform(&mut batch);
        if batch.overflows() {
            return Err(BlockError {
                file,
                line,
                column: None,
                message: format!(
                    "from this line on, the stages make a cell of more than {} or a block of more than 4GiB; \
                     a `replace`, `set` or `concat` makes too much of it",
                    Size(MAX_CELL as u64 + 1)
                ),
            });
        }
        let encoded = self.encoder.encode(&batch);
        let facts = self.facts(&batch, &encoded);
        let filtered = (0..batch.len())
            .filter(|&row| batch.state(row) == RowState::Filtered)
            .count() as u64;
        let hash = xxh3_128(&encoded.bytes);
        Ok(Processed {
            file,
            line,
            batch,
            encoded,
            facts,
            hash,
            filtered,
        })
    }
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
