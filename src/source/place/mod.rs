//! Where sources are, and how each kind of place is opened.

pub(crate) mod bucket;
pub(crate) mod command;
pub(in crate::source) mod file;
pub(in crate::source) mod generated;
pub(in crate::source) mod glob;
pub(crate) mod https;
pub(crate) mod remote;
pub(crate) mod sample;
pub(crate) mod sftp;
pub(crate) mod sql;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tokio_util::io::StreamReader;

use crate::source::bytes::copy::Access;
use crate::source::bytes::raw::Raw;
use crate::source::bytes::stored::Stored;
use command::Producer;
use remote::Found;
use sample::Sample;
use sql::Query;

/// Where the bytes of one origin are.
#[derive(Debug, Clone)]
pub(in crate::source) enum Place {
    /// A regular file.
    File(PathBuf),
    /// A named pipe, a device, or whatever else has a path and is no regular file.
    Pipe(PathBuf),
    /// Standard input.
    Stdin,
    /// What a command writes.
    Command(Producer),
    /// A made-up extract.
    Sample(Sample),
    /// What a query gives.
    Query(Query),
    /// A file at a server.
    Remote(Arc<Found>),
    /// In memory: for tests, which decide how the bytes come.
    Pieces(Arc<[Bytes]>),
}

/// A place that was opened.
pub(in crate::source) struct Opened {
    pub(in crate::source) raw: Raw,
    pub(in crate::source) access: Access,
}

impl Opened {
    pub(in crate::source) fn stream(raw: Raw) -> Opened {
        Opened {
            raw,
            access: Access::FrontToBack,
        }
    }

    /// What is where it can be read at any place.
    pub(in crate::source) fn stored(stored: Stored) -> Opened {
        Opened {
            raw: Box::new(stored.rest(0)),
            access: Access::Anywhere(stored),
        }
    }
}

impl Place {
    /// Opens it at its beginning; a stream, at where it is.
    pub(in crate::source) async fn open(&self) -> io::Result<Opened> {
        Ok(Opened::stream(match self {
            Place::File(path) => return file::open(path),
            // It opens when somebody writes to it.
            Place::Pipe(path) => Box::new(tokio::fs::File::open(path).await?),
            Place::Stdin => Box::new(tokio::io::stdin()),
            Place::Command(producer) => producer.open()?,
            Place::Sample(sample) => generated::open(*sample),
            Place::Query(query) => query.read(),
            Place::Remote(found) => found.read(),
            Place::Pieces(pieces) => {
                let pieces: Vec<io::Result<Bytes>> = pieces.iter().cloned().map(Ok).collect();
                Box::new(StreamReader::new(futures::stream::iter(pieces)))
            }
        }))
    }

    /// Whether it can be read only once.
    pub(in crate::source) fn is_stream(&self) -> bool {
        matches!(
            self,
            Place::Pipe(_) | Place::Stdin | Place::Command(_) | Place::Query(_)
        )
    }

    /// Its path in the file system, where it has one.
    pub(in crate::source) fn path(&self) -> Option<&Path> {
        match self {
            Place::File(path) | Place::Pipe(path) => Some(path),
            Place::Stdin
            | Place::Command(_)
            | Place::Sample(_)
            | Place::Query(_)
            | Place::Remote(_)
            | Place::Pieces(_) => None,
        }
    }
}
