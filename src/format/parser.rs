//! The parser of a source's records, whatever their format.

use std::sync::Arc;

use super::Pools;
use super::added::ADDED;
use super::block::Start;
use super::csv::{self, OnRagged};
use super::header::Header;
use super::json;
use super::unread::Unread;
use crate::batch::{Arrangement, Batch};
use crate::settings::limits::Limits;

/// Reads blocks into batches.
#[derive(Debug, Clone)]
pub(crate) enum Parser {
    Csv(csv::Parser),
    Json(json::Parser),
    /// Of the rejects of a JSON source, whose objects stand so.
    FedBack(json::Parser, json::Layout),
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
            Header::Csv(header) => {
                let parser = csv::Parser::new(
                    header.dialect,
                    header.names.clone(),
                    // Of files without an arrangement of their own.
                    header.names.len() + header.cells - header.own.len(),
                    on_ragged,
                );
                let repeats = header.repeats.iter();
                let parser = repeats.fold(parser, |parser, line| parser.with_header(line));
                Parser::Csv(parser.with_pools(pools))
            }
            Header::Json(header) => {
                let parser = header
                    .parser(ignore_unknown)
                    .with_depth(limits.json_depth)
                    .with_pools(pools);
                match header.fed_back {
                    true => Parser::FedBack(parser, header.layout),
                    false => Parser::Json(parser),
                }
            }
        }
    }
}

impl Parser {
    /// Names of the columns, in order.
    pub(crate) fn names(&self) -> &Arc<[Arc<str>]> {
        match self {
            Parser::Csv(parser) => parser.names(),
            Parser::Json(parser) | Parser::FedBack(parser, _) => parser.names(),
        }
    }

    /// Parses a block that begins there in its file, whose cells are arranged so; where nothing is said of that, they are
    /// the columns.
    ///
    /// # Errors
    /// Text that ends the run.
    pub(crate) fn parse(
        &self,
        bytes: Unread,
        start: Start,
        arrangement: Option<&Arc<Arrangement>>,
    ) -> Result<Batch, ParseError> {
        match self {
            Parser::Csv(parser) => {
                let batch = match arrangement {
                    None => parser.parse(bytes, start.line),
                    Some(arrangement) => parser.parse_arranged(bytes, start.line, arrangement),
                };
                batch.map_err(|e| ParseError {
                    line: e.line,
                    column: None,
                    message: e.to_string(),
                })
            }
            Parser::Json(parser) => parser.parse_from(bytes, start).map_err(ParseError::from),
            Parser::FedBack(parser, layout) => {
                let bytes = json::fed_back::restored(&bytes.join(), *layout, &ADDED);
                parser.parse_from(bytes, start).map_err(ParseError::from)
            }
        }
    }
}

impl From<json::JsonError> for ParseError {
    fn from(error: json::JsonError) -> ParseError {
        ParseError {
            line: error.line,
            column: Some(error.column),
            message: error.message,
        }
    }
}
