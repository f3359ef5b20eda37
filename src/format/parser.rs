//! The parser of a source's records, whatever their format, and what it reads a rejected record as.

use std::sync::Arc;

use super::Pools;
use super::csv::{self, OnRagged};
use super::header::Header;
use super::json::{self, Layout};
use crate::batch::Batch;
use crate::settings::limits::Limits;

/// Reads blocks into batches.
#[derive(Debug, Clone)]
pub(crate) enum Parser {
    Csv(csv::Parser),
    Json(json::Parser),
}

/// Text that ends the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParseError {
    /// Physical line, counted from the block's first line (0).
    pub(crate) line: u32,
    /// Column in bytes, from 1, where it is known.
    pub(crate) column: Option<u32>,
    /// What is wrong, without a value.
    pub(crate) message: String,
}

impl Header {
    /// The parser of these records. A setting of the other format has no effect.
    pub(crate) fn parser(
        &self,
        on_ragged: OnRagged,
        ignore_unknown: bool,
        limits: &Limits,
        pools: &Pools,
    ) -> Parser {
        match self {
            Header::Csv(header) => Parser::Csv(
                csv::Parser::new(
                    header.dialect,
                    header.names.clone(),
                    header.cells,
                    on_ragged,
                )
                .with_pools(pools),
            ),
            Header::Json(header) => Parser::Json(
                json::Parser::new(header.layout, header.names.clone(), ignore_unknown)
                    .with_depth(limits.json_depth)
                    .with_pools(pools),
            ),
        }
    }

    /// The one row of a record, which is read again because stages have changed its cells: no row where the record is not
    /// JSON. None of CSV, whose records are kept as they are written.
    pub(crate) fn read_again(&self, raw: &[u8]) -> Option<Batch> {
        let Header::Json(header) = self else {
            return None;
        };
        let record = match header.layout {
            Layout::Lines => raw.to_vec(),
            Layout::Array => [b"[", raw].concat(),
        };
        let parser = json::Parser::new(header.layout, header.names.clone(), true);
        let is_read = |batch: &Batch| {
            batch.len() == 1 && batch.faults().iter().all(|f| f.code != "json_syntax")
        };
        Some(
            parser
                .parse(record)
                .ok()
                .filter(is_read)
                .unwrap_or_default(),
        )
    }
}

impl Parser {
    /// Names of the columns, in order.
    pub(crate) fn names(&self) -> &Arc<[Arc<str>]> {
        match self {
            Parser::Csv(parser) => parser.names(),
            Parser::Json(parser) => parser.names(),
        }
    }

    /// Parses a block that begins on this physical line.
    ///
    /// # Errors
    /// Text that ends the run.
    pub(crate) fn parse(&self, bytes: Vec<u8>, line: u64) -> Result<Batch, ParseError> {
        match self {
            Parser::Csv(parser) => parser.parse(bytes, line).map_err(|e| ParseError {
                line: e.line,
                column: None,
                message: e.to_string(),
            }),
            Parser::Json(parser) => parser.parse(bytes).map_err(|e| ParseError {
                line: e.line,
                column: Some(e.column),
                message: e.message,
            }),
        }
    }
}
