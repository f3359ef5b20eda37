//! Stages: what is done to the columns between parsing and the rules, in the order of the file.
//!
//! A `*Spec` is what the pipeline file says. [`StageSpec::bind`] turns its names into places once the
//! header is known and returns the running [`Stage`], so an unbound stage cannot run. Many stages
//! (rename, select, drop) only change the list of columns: they bind to nothing and cost nothing.

pub mod boolean;
pub mod case;
pub mod coalesce;
pub mod concat;
pub mod date;
pub mod drop;
pub mod filter;
pub mod hash;
pub mod lookup;
pub mod map;
pub mod number;
pub mod rename;
pub mod replace;
pub mod select;
pub mod set;
pub mod split;
pub mod trim;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::batch::{Batch, Columns, NoColumn};

/// A stage bound to its columns: called once per block, on any worker.
pub trait Stage: Send + Sync {
    /// Changes the batch, column by column. What it can't do to a row it reports with
    /// [`Batch::reject`], and goes on.
    fn apply(&self, batch: &mut Batch);
}

/// Why a stage can't be bound to the columns that there are.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A column is named that is not there.
    #[error(transparent)]
    NoColumn(#[from] NoColumn),
    /// Anything else, said in full.
    #[error("{0}")]
    Other(String),
}

/// A running stage, or nothing where binding did all the work.
pub type Bound = Result<Option<Box<dyn Stage>>, BindError>;

/// What a stage may use besides the columns: tables read beforehand, secrets, the pipeline's folder.
#[derive(Default)]
pub struct Resources {
    /// Lookup tables by the path written in the pipeline file.
    pub tables: std::collections::HashMap<String, Arc<lookup::Table>>,
}

/// One list feeds the parser, the JSON Schema, the names in messages and binding.
macro_rules! stages {
    ($($(#[$doc:meta])* $variant:ident($spec:ty) = $name:literal;)*) => {
        /// A stage as the pipeline file says it: a map of one key.
        #[derive(Clone, Debug, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum StageSpec { $($(#[$doc])* $variant($spec),)* }

        impl StageSpec {
            /// The word in the pipeline file, in reports and in rejects.
            pub const fn name(&self) -> &'static str {
                match self { $(StageSpec::$variant(_) => $name,)* }
            }

            /// Turns names into places and returns what is to run. Changes `columns` to what they are
            /// after this stage.
            pub fn bind(&self, columns: &mut Columns, resources: &Resources) -> Bound {
                match self { $(StageSpec::$variant(spec) => spec.bind(columns, resources),)* }
            }
        }
    };
}

stages! {
    /// Takes white space off both ends, of all columns or of those named.
    Trim(trim::TrimSpec) = "trim";
    /// Gives columns other names.
    Rename(rename::RenameSpec) = "rename";
    /// Keeps these columns alone, in this order.
    Select(select::SelectSpec) = "select";
    /// Leaves columns out.
    Drop(drop::DropSpec) = "drop";
    /// Sets columns to constants or to the values of expressions.
    Set(set::SetSpec) = "set";
    /// Replaces values by a table.
    Map(map::MapSpec) = "map";
    /// Upper, lower or title case.
    Case(case::CaseSpec) = "case";
    /// Replaces what a regular expression matches.
    Replace(replace::ReplaceSpec) = "replace";
    /// Splits one column into several.
    Split(split::SplitSpec) = "split";
    /// Joins columns into one.
    Concat(concat::ConcatSpec) = "concat";
    /// The first of several columns that is not empty.
    Coalesce(coalesce::CoalesceSpec) = "coalesce";
    /// Dates of stated formats into another format.
    Date(date::DateSpec) = "date";
    /// Numbers written for people into plain decimals, digit by digit.
    Number(number::NumberSpec) = "number";
    /// Stated words into true and false.
    Boolean(boolean::BooleanSpec) = "boolean";
    /// Keeps the rows for which an expression is true.
    Filter(filter::FilterSpec) = "filter";
    /// Joins columns of a second CSV file by a key.
    Lookup(lookup::LookupSpec) = "lookup";
    /// Keyed hashes, for pseudonyms that can be joined and not reversed.
    Hash(hash::HashSpec) = "hash";
}
